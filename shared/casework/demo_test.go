package casework

import "testing"

func TestTheDemonstrationIsLoadedOnce(t *testing.T) {
	t.Parallel()
	w := desk(t)
	ctx := t.Context()
	for range 2 {
		ok(t, w.Demo(ctx, w.now))
	}
	total := map[State]int{}
	for _, closed := range []bool{false, true} {
		for _, who := range []string{"hongqi.handler", "muye.handler", "lead.reviewer"} {
			rows, _, err := w.List(ctx, w.as(who), Filter{Closed: closed, Limit: 200}, w.now)
			ok(t, err)
			for _, r := range rows {
				total[r.Case.State]++
				if err := sound(r.Case, Rules{}.Filled(), day("2026-05-20")); err != nil {
					t.Errorf("%s: %v", r.Case.Number, err)
				}
			}
		}
	}
	sum := 0
	for _, n := range total {
		sum += n
	}
	if sum != 15 || total[Lead] != 3 || total[Closed] != 1 || total[ToProvince] != 1 || total[NoDetermination] != 1 || total[Served] != 1 {
		t.Errorf("%d: %v", sum, total)
	}
}

func TestTheDemonstrationLoadsOnAnyDay(t *testing.T) {
	t.Parallel()
	for first := day("2026-01-02"); first.Before(day("2026-12-31")); first = first.AddDays(11) {
		if err := desk(t).Demo(t.Context(), first.Start()); err != nil {
			t.Errorf("%s: %v", first, err)
		}
	}
}
