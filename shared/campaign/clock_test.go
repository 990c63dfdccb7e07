package campaign

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/clock"
	"ipcredit/shared/page"
	"ipcredit/shared/redistest"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/workday"
)

func at(day string) time.Time { return workday.MustDate(day).Start().Add(12 * time.Hour) }

// runs are the clocks that the index holds of a record, by name.
func (w *town) runs(ref string) map[string]string {
	w.t.Helper()
	k, found, err := clock.New(w.store.journal).Of(w.t.Context(), ref)
	ok(w.t, err)
	out := map[string]string{}
	if !found {
		return out
	}
	for _, c := range k.Clocks {
		out[c.Name] = c.Due.String()
		if word := k.Matter + ".clock." + c.Name; !page.Has(word) {
			w.t.Error("no word", word)
		}
		if c.Basis.Source == "" {
			w.t.Errorf("%s rests on nothing", c.Name)
		}
	}
	return out
}

func TestEveryMeasureHasAWordForItsClock(t *testing.T) {
	t.Parallel()
	for _, m := range append(Measures(), AnswerClock, FindClock, FinishClock) {
		if !page.Has("campaign.clock." + m) {
			t.Error(m)
		}
	}
}

func TestTasksOfARunningCampaignHaveAClockUntilTheyAreReached(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		w := newTown(t, rdb)
		ctx := t.Context()
		c, err := w.Create(ctx, w.actor("lead.handler"), plan(), noon)
		ok(t, err)
		if got := w.runs(Ref(c.ID + "/1")); len(got) != 0 {
			t.Errorf("before the start: %v", got)
		}
		c, err = w.Start(ctx, w.actor("lead.handler"), c.ID, c.Version, noon)
		ok(t, err)
		for id, due := range map[string]string{"1": "2026-06-30", "2": "2026-05-20", "3": "2026-10-31"} {
			if got := w.runs(Ref(c.ID + "/" + id)); len(got) != 1 || got[plan().Tasks[int(id[0]-'1')].Measure] != due {
				t.Errorf("task %s: %v", id, got)
			}
		}
		c, err = w.Enter(ctx, w.actor("hongqi.handler"), c.ID, c.Version, Entry{Task: "1", On: day("2026-05-20"), Add: 3}, "", noon)
		ok(t, err)
		if got := w.runs(Ref(c.ID + "/1")); len(got) != 0 {
			t.Errorf("reached: %v", got)
		}
		c, err = w.Enter(ctx, w.actor("hongqi.handler"), c.ID, c.Version, Entry{Task: "1", On: day("2026-05-20"), Add: -1}, "", noon)
		ok(t, err)
		if got := w.runs(Ref(c.ID + "/1")); got["agencies"] != "2026-06-30" {
			t.Errorf("corrected below the target: %v", got)
		}
		// It is on the district's list and on nobody else's.
		for unit, n := range map[string]int{"410702": 2, "410711": 1, "410703": 0} {
			list, _, err := clock.New(w.store.journal).Due(ctx, []string{unit}, workday.Date{}, "", 50)
			if err != nil || len(list) != n {
				t.Errorf("%s has %d, %v", unit, len(list), err)
			}
		}
		// Muye is urged, then the lead bureau told, each once however often.
		for _, on := range []string{"2026-05-20", "2026-05-20", "2026-06-30", "2026-06-30"} {
			_, err := clock.New(w.store.journal).Escalate(ctx, at(on))
			ok(t, err)
		}
		if w.inbox("muye.handler", "clock.urged") != 1 || w.inbox("muye.handler", "clock.reported") != 1 || w.inbox("lead.handler", "clock.reported") != 1 {
			t.Error("urged", w.inbox("muye.handler", "clock.urged"), "reported", w.inbox("muye.handler", "clock.reported"), w.inbox("lead.handler", "clock.reported"))
		}
		c, err = w.Close(ctx, w.actor("lead.approver"), c.ID, c.Version, "总结", at("2026-11-02"))
		ok(t, err)
		for _, id := range []string{"1", "2", "3"} {
			if got := w.runs(Ref(c.ID + "/" + id)); len(got) != 0 {
				t.Errorf("closed: %s %v", id, got)
			}
		}
	})
}

func TestEachOrganisationOfAnInspectionHasItsOwnClock(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		w := newTown(t, rdb)
		ctx := t.Context()
		do := func(i Inspection, err error) Inspection { t.Helper(); ok(t, err); return i }
		i := do(w.Plan(ctx, w.actor("lead.handler"), joint(), noon))
		of := func(org string) map[string]string { return w.runs(InspectionRef(i.ID + "/" + org)) }
		// Invited on Wed 05-20: three working days.
		if of("science")[AnswerClock] != "2026-05-25" || of("police")[AnswerClock] != "2026-05-25" || len(of("lead")) != 0 {
			t.Errorf("invited: %v %v %v", of("science"), of("police"), of("lead"))
		}
		i = do(w.Join(ctx, w.actor("science.handler"), i.ID, i.Version, true, []string{"钱演示甲"}, noon))
		if len(of("science")) != 0 || len(of("police")) != 1 {
			t.Errorf("answered: %v %v", of("science"), of("police"))
		}
		i = do(w.Begin(ctx, w.actor("lead.handler"), i.ID, i.Version, noon))
		// The last day is Fri 05-29; five working days to sum up.
		if of("science")[FindClock] != "2026-05-29" || of("lead")[FindClock] != "2026-05-29" || of("lead")[FinishClock] != "2026-06-05" || len(of("police")) != 0 {
			t.Errorf("underway: %v %v %v", of("science"), of("lead"), of("police"))
		}
		mine, _, err := clock.New(w.store.journal).Owned(ctx, []string{w.actor("science.handler").User.ID}, workday.Date{}, "", 50)
		if err != nil || len(mine) != 1 {
			t.Errorf("the science department's officer has %d, %v", len(mine), err)
		}
		for _, who := range []string{"science.handler", "lead.handler"} {
			for _, s := range i.Sites {
				i = do(w.Find(ctx, w.actor(who), i.ID, i.Version, s.Code, Finding{Outcome: "nothing", On: day("2026-05-20"), Text: "未见异常"}, noon))
			}
		}
		if len(of("science")) != 0 || len(of("lead")) != 1 {
			t.Errorf("all found: %v %v", of("science"), of("lead"))
		}
		i = do(w.Finish(ctx, w.actor("lead.handler"), i.ID, i.Version, noon))
		if len(of("lead")) != 0 {
			t.Errorf("finished: %v", of("lead"))
		}
	})
}

func TestAnInspectionThatIsCalledOffOwesNothing(t *testing.T) {
	w := newTown(t, redistest.Embedded(t))
	i, err := w.Plan(t.Context(), w.actor("lead.handler"), joint(), noon)
	ok(t, err)
	i, err = w.Cancel(t.Context(), w.actor("lead.handler"), i.ID, i.Version, noon)
	ok(t, err)
	for _, org := range append(i.Taking(), "science", "police") {
		if got := w.runs(InspectionRef(i.ID + "/" + org)); len(got) != 0 {
			t.Error(org, got)
		}
		timers, err := i.Timers(ruleset.Shipped(), org)
		if err != nil || len(timers) != 0 {
			t.Error(org, timers, err)
		}
	}
}

func TestNumbersOfCampaignsAndInspectionsFollowOneForm(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		w := newTown(t, rdb)
		for _, want := range []string{"ZX410700-2026-001", "ZX410700-2026-002"} {
			c, err := w.Create(t.Context(), w.actor("lead.handler"), plan(), noon)
			ok(t, err)
			if c.ID != want {
				t.Errorf("%s, want %s", c.ID, want)
			}
		}
		i, err := w.Plan(t.Context(), w.actor("lead.handler"), joint(), noon)
		ok(t, err)
		if i.ID != "LJ410700-2026-001" {
			t.Error(i.ID)
		}
	})
}
