package tipoff

import (
	"testing"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
)

func TestWhatGoesWithAMoveHappensWithItOrNotAtAll(t *testing.T) {
	everywhere(t, func(t *testing.T, w *town) {
		in := w.lodge(t, withName())
		w.walk(t, in.Number, noon, Assigned, Verifying)
		key := w.j.Key("with")
		file := func(with func(*journal.Tx) error, answer string) error {
			return w.office.ChangeState(t.Context(), handler, in.Number, Change{To: CaseFiled, Answer: answer, With: with}, noon)
		}
		write := func(tx *journal.Tx) error { tx.Set(key, "written"); return nil }
		there := func() bool { return w.rdb.Exists(t.Context(), key).Val() == 1 }
		if err := file(write, ""); !fault.Is(err, fault.Invalid) || there() {
			t.Fatalf("written with a move that was refused: %v %v", err, there())
		}
		refuse := func(*journal.Tx) error { return fault.New(fault.Conflict, "tipoff.state", "", "") }
		if err := file(refuse, "答复"); !fault.Is(err, fault.Conflict) {
			t.Fatal(err)
		}
		if r, _, err := w.office.store.report(t.Context(), in.Number); err != nil || r.State != Verifying || r.Posts != 0 {
			t.Fatalf("it moved although what goes with it was refused: %+v %v", r, err)
		}
		ok(t, file(write, "答复"))
		if !there() {
			t.Error("moved without what goes with it")
		}
	})
}

func TestTheCheckOfAMergedTipoffIsExtendedAndItStaysMerged(t *testing.T) {
	everywhere(t, func(t *testing.T, w *town) {
		lead, in := w.lodge(t, withName()), w.lodge(t, withName())
		ok(t, w.office.Merge(t.Context(), handler, in.Number, lead.Number, noon))
		before, _, err := w.office.store.report(t.Context(), in.Number)
		ok(t, err)
		ok(t, w.office.AskExtension(t.Context(), handler, in.Number, "案情复杂", noon))
		ok(t, w.office.Extend(t.Context(), approver, in.Number, true, noon))
		after, _, err := w.office.store.report(t.Context(), in.Number)
		ok(t, err)
		was, err := before.Clocks(Rules{}, before.Day)
		ok(t, err)
		is, err := after.Clocks(Rules{}, before.Day)
		ok(t, err)
		if after.State != Merged || !is[0].Extended || !is[0].Due.After(was[0].Due) {
			t.Errorf("%s: %s became %s", after.State, was[0].Due, is[0].Due)
		}
		if got := after.public().State; got != Extended {
			t.Errorf("its reporter reads %s", got)
		}
		err = w.office.AskExtension(t.Context(), handler, in.Number, "案情复杂", noon)
		if f, is := fault.Of(err); !is || f.Code != "tipoff.extension.twice" {
			t.Errorf("extended twice: %v", err)
		}
		ok(t, w.office.ChangeState(t.Context(), handler, in.Number, Change{To: Transferred, Answer: "已移送"}, noon))
	})
}
