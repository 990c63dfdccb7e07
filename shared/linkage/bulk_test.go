package linkage_test

import (
	"slices"
	"testing"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/fault"
	"ipcredit/shared/linkage"
	"ipcredit/shared/redistest"
)

func moves(ids []string, to linkage.State, document string) []linkage.Move {
	var out []linkage.Move
	for _, id := range ids {
		out = append(out, linkage.Move{ID: id, To: to, Document: document})
	}
	return out
}

func TestAWrongBulkActionIsTakenBackAsIfItHadNotBeen(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		k := newKit(t, rdb)
		ids := some(k, 30)
		who := k.actor("gaoxin.handler")
		before := k.get(ids[0])
		clocks, err := before.Clocks(linkage.Rules{}, day("2026-03-03"))
		if err != nil {
			t.Fatal(err)
		}
		result, err := k.office.MoveAll(t.Context(), who, moves(ids[:29], linkage.Withdrawn, "2026030300012345"), k.clock.Now())
		if err != nil || len(result.Done) != 29 || len(result.Refused) != 0 || result.Act == 0 {
			t.Fatal(result, err)
		}
		if c := k.counts(linkage.Filter{}); c.Withdrawn != 29 || c.Notified != 30 {
			t.Errorf("%+v", c)
		}
		// One is corrected by hand, and stays; another is worked on.
		if _, err := k.office.Assign(t.Context(), who, linkage.Assign{IDs: ids[28:29]}, k.clock.Now()); err != nil {
			t.Fatal(err)
		}
		acts, err := k.office.Acts(t.Context(), who, ids, 10, k.clock.Now())
		if err != nil || len(acts) != 2 || acts[1].No != result.Act || acts[1].What != linkage.ActMove || acts[1].To != linkage.Withdrawn || len(acts[1].IDs) != 29 {
			t.Fatal(acts, err)
		}
		for name, kind := range map[string]fault.Kind{"jingkai.handler": fault.NotFound, "science.handler": fault.Forbidden, "gaoxin.approver": fault.Conflict} {
			got, err := k.office.Undo(t.Context(), k.actor(name), result.Act, k.clock.Now())
			if err == nil && len(got.Done) > 0 {
				t.Errorf("%s took it back", name)
			}
			if err != nil && !fault.Is(err, kind) {
				t.Errorf("%s: %v, want %s", name, err, kind)
			}
		}
		undone, err := k.office.Undo(t.Context(), who, result.Act, k.clock.Now())
		if err != nil || len(undone.Done) != 28 || len(undone.Refused) != 1 {
			t.Fatal(undone, err)
		}
		refusedWith(t, undone.Refused[ids[28]], fault.Conflict, "linkage.touched")
		after := k.get(ids[0])
		if after.State != before.State || after.StateOn != before.StateOn || after.From != before.From || after.Owner != before.Owner || after.Version <= before.Version {
			t.Errorf("%+v became %+v", before, after)
		}
		again, err := after.Clocks(linkage.Rules{}, day("2026-03-03"))
		if err != nil || len(again) != len(clocks) || again[0].Done != clocks[0].Done || again[0].Due != clocks[0].Due {
			t.Errorf("%+v, want %+v (%v)", again, clocks, err)
		}
		// What happened stays recorded.
		if n := len(after.Events); n != 2 || !after.Events[0].Undone || after.Events[1].What != linkage.TakenBack {
			t.Errorf("%+v", after.Events)
		}
		if c := k.counts(linkage.Filter{}); c.Withdrawn != 1 || c.Notified != 30 {
			t.Errorf("%+v", c)
		}
		_, err = k.office.Undo(t.Context(), who, result.Act, k.clock.Now())
		refusedWith(t, err, fault.Conflict, "linkage.undone")
	})
}

func TestOneRefusalOfManyCostsTheOthersNothing(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		k := newKit(t, rdb)
		ids := some(k, 5)
		who := k.actor("gaoxin.handler")
		if _, err := k.move(who, linkage.Move{ID: ids[2], To: linkage.Rejected, Document: "2026030300012345"}); err != nil {
			t.Fatal(err)
		}
		list := moves(ids, linkage.Explained, "")
		list[1].Version = 7
		result, err := k.office.MoveAll(t.Context(), who, list, k.clock.Now())
		if err != nil || len(result.Done) != 3 {
			t.Fatal(result, err)
		}
		refusedWith(t, result.Refused[ids[1]], fault.Stale, "linkage.stale")
		refusedWith(t, result.Refused[ids[2]], fault.Conflict, "linkage.move")
		_, err = k.office.MoveAll(t.Context(), who, nil, k.clock.Now())
		refusedWith(t, err, fault.Invalid, "linkage.none_chosen")
		result, err = k.office.MoveAll(t.Context(), k.actor("jingkai.handler"), moves(ids, linkage.Pending, ""), k.clock.Now())
		if err != nil || len(result.Done) != 0 || len(result.Refused) != 5 || result.Act != 0 {
			t.Error(result, err)
		}
	})
}

func TestSentToAnotherDistrictByMistakeComesBack(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		k := newKit(t, rdb)
		ids := some(k, 3)
		who, there := k.actor("gaoxin.handler"), k.actor("jingkai.handler")
		result, err := k.office.Assign(t.Context(), who, linkage.Assign{IDs: ids, Division: "410772", Reason: "address"}, k.clock.Now())
		if err != nil || len(result.Done) != 3 {
			t.Fatal(result, err)
		}
		if rows, err := k.office.Rows(t.Context(), who, ids, k.clock.Now()); err != nil || len(rows) != 0 {
			t.Error(rows, err)
		}
		// There, one is taken on: that one stays.
		if _, err := k.office.Assign(t.Context(), there, linkage.Assign{IDs: ids[:1]}, k.clock.Now()); err != nil {
			t.Fatal(err)
		}
		undone, err := k.office.Undo(t.Context(), who, result.Act, k.clock.Now())
		if err != nil || !slices.Equal(undone.Done, ids[1:]) {
			t.Fatal(undone, err)
		}
		rows, err := k.office.Rows(t.Context(), who, ids, k.clock.Now())
		if err != nil || len(rows) != 2 || rows[0].Division != "410771" || rows[0].Unit != "410771" || rows[0].Confirmed {
			t.Error(rows, err)
		}
	})
}

// What a page showed is what is acted on: otherwise nothing is.
func TestWhatChangedMeanwhileIsNotActedOn(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		k := newKit(t, rdb)
		ids := some(k, 2)
		who, now := k.actor("gaoxin.handler"), k.clock.Now()
		shown := map[string]int{ids[0]: 1, ids[1]: 2}
		_, err := k.office.Send(t.Context(), who, linkage.Letter{To: linkage.ToApplicant, IDs: ids, Versions: shown}, now)
		refusedWith(t, err, fault.Stale, "linkage.stale")
		_, err = k.office.Contacted(t.Context(), who, linkage.Contact{IDs: ids, Method: "phone", Rights: true, Versions: shown}, now)
		refusedWith(t, err, fault.Stale, "linkage.stale")
		result, err := k.office.Assign(t.Context(), who, linkage.Assign{IDs: ids, Versions: shown}, now)
		if err != nil || !slices.Equal(result.Done, ids[:1]) {
			t.Error(result, err)
		}
		if x := k.get(ids[1]); x.Version != 1 {
			t.Errorf("it was changed: %+v", x)
		}
	})
}
