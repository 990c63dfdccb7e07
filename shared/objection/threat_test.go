package objection

import (
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/redistest"
	"ipcredit/shared/staff"
)

// 谁提供、谁核查: the city marks, forwards and takes over what the authority answered.
func TestThreat_AnotherAuthoritysRecordIsNotRuledOnHere(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		r := determined("1", "2026-04-10")
		w := newTown(t, rdb, "2026-04-30", r)
		h, b := w.as("lead.handler"), w.as("lead.approver")
		o, err := w.File(ctx, w.as("jia.agent"), order(r.ID, Identity), w.now)
		ok(t, err)
		if o.Authority.Own() || o.Unit != "410700" || w.marked(r.ID) != credit.Disputed || !strings.Contains(w.clocks(o.No), "answer 2026-05-13") {
			t.Fatalf("%+v %s", o, w.clocks(o.No))
		}
		recall := Ruling{Outcome: Recall, Why: "annulled", Decision: "国知测异〔2026〕1号"}
		f := refused(t, second(w.Rule(ctx, b, o.No, 0, recall, w.now)), fault.Conflict, "objection.other_authority")
		if len(f.Args) != 1 || f.Args[0] != "国家知识产权局" {
			t.Errorf("%v", f.Args)
		}
		_, err = w.Check(ctx, h, o.No, 0, Founded, w.now)
		refused(t, err, fault.Conflict, "objection.other_authority")
		_, err = w.Ask(ctx, h, o.No, 0, day("2026-04-30"), w.now)
		refused(t, err, fault.Conflict, "objection.other_authority")
		recall.DecidedOn = day("2026-04-30")
		_, err = w.Import(ctx, b, o.No, 0, recall, w.now)
		refused(t, err, fault.Conflict, "objection.state")
		w.on("2026-05-06")
		_, err = w.Forward(ctx, h, o.No, 0, "国知受2026-1", day("2026-05-06"), w.now)
		ok(t, err)
		if got := w.clocks(o.No); got != "answer 2026-05-13, source 2026-05-09" {
			t.Errorf("forwarded: %s", got)
		}
		w.on("2026-05-08")
		_, err = w.Rule(ctx, b, o.No, 0, recall, w.now)
		refused(t, err, fault.Conflict, "objection.other_authority")
		if w.marked(r.ID) != credit.Disputed {
			t.Error("the mark went with a refused ruling")
		}
		recall.DecidedOn = day("2026-05-08")
		if _, err := w.Import(ctx, h, o.No, 0, recall, w.now); !fault.Is(err, fault.Forbidden) {
			t.Errorf("who forwarded it takes the answer over: %v", err)
		}
		for on, code := range map[string]string{"": "objection.day", "2026-05-05": "objection.day_before", "2026-05-09": "objection.day_after"} {
			recall.DecidedOn = day(on)
			_, err := w.Import(ctx, b, o.No, 0, recall, w.now)
			refused(t, err, fault.Refused, code)
		}
		recall.DecidedOn = day("2026-05-07")
		o, err = w.Import(ctx, b, o.No, 0, recall, w.now)
		ok(t, err)
		if o.State != Upheld || o.Source.Answer != Revokes || w.marked(r.ID) != "" || w.feed(r.ID) != "published disputed revoked" {
			t.Errorf("%+v %s", o, w.feed(r.ID))
		}
		// Our own is not forwarded.
		mine := fined("1", "2026-04-10")
		w.add(mine)
		o, err = w.File(ctx, w.as("jia.agent"), order(mine.ID, Facts), w.now)
		ok(t, err)
		_, err = w.Forward(ctx, h, o.No, 0, "国知受2026-1", day("2026-05-08"), w.now)
		refused(t, err, fault.Conflict, "objection.own_authority")
		_, err = w.Import(ctx, b, o.No, 0, recall, w.now)
		refused(t, err, fault.Conflict, "objection.own_authority")
	})
}

// another is somebody of yi.
func (w *town) another() staff.Actor {
	w.t.Helper()
	a := w.as("jia.legal")
	a.Org.ID, a.Org.Code, a.Org.Name = "subject-yi", yi, "虚构乙科技有限公司"
	return a
}

// TestThreat_AnotherSubjectLearnsNothingOfAnObjection: whoever it is not for gets
// what he gets of one that does not exist, to the byte.
func TestThreat_AnotherSubjectLearnsNothingOfAnObjection(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		r := fined("1", "2026-04-10")
		w := newTown(t, rdb, "2026-04-30", r)
		o, err := w.File(ctx, w.as("jia.agent"), order(r.ID, Facts), w.now)
		ok(t, err)
		for _, by := range []staff.Actor{w.another(), w.as("hongqi.handler"), w.as("science.handler"), w.as("discipline.handler"), {}} {
			for name, try := range map[string]func(no string) error{
				"get":      func(no string) error { return second(w.Get(ctx, by, no, w.now)) },
				"attach":   func(no string) error { return second(w.Attach(ctx, by, no, "BOX9", w.now)) },
				"withdraw": func(no string) error { return second(w.Withdraw(ctx, by, no, w.now)) },
				"check":    func(no string) error { return second(w.Check(ctx, by, no, 0, Founded, w.now)) },
				"rule": func(no string) error {
					return second(w.Rule(ctx, by, no, 0, Ruling{Outcome: Recall, Why: "error", Decision: "新测1号"}, w.now))
				},
			} {
				refused(t, try(o.No), fault.NotFound, "objection.unknown")
				refused(t, try("YY2026000099"), fault.NotFound, "objection.unknown")
				if try(o.No).Error() != try("YY2026000099").Error() {
					t.Errorf("%s tells them apart", name)
				}
			}
		}
		_, err = w.File(ctx, w.another(), order(r.ID, Facts), w.now)
		refused(t, err, fault.NotFound, "credit.no_record")
		list, _, err := w.Of(ctx, w.another(), "", 10, w.now)
		if err != nil || len(list) != 0 {
			t.Errorf("%v %v", list, err)
		}
		if _, _, err = w.Queue(ctx, w.as("hongqi.handler"), Filter{Unit: "410700"}, w.now); !fault.Is(err, fault.Forbidden) {
			t.Errorf("another unit lists: %v", err)
		}
		if _, _, err = w.Queue(ctx, w.as("jia.agent"), Filter{Unit: "410700"}, w.now); !fault.Is(err, fault.Forbidden) {
			t.Errorf("a subject lists: %v", err)
		}
	})
}

// code issues an activation code for a subject and reads it back.
func (w *town) activation(code string) (string, staff.Activation) {
	w.t.Helper()
	_, text, err := w.staff.IssueActivation(w.t.Context(), w.as("lead.handler"), staff.Issue{Code: code, Name: jiaName, Division: "410771", Role: staff.Agent}, w.now)
	ok(w.t, err)
	a, err := w.staff.Holder(w.t.Context(), code, text)
	ok(w.t, err)
	return text, a
}

// TestThreat_OnlyTheCodeOfTheSubjectObjectsWithoutAnAccount: the activation code
// printed on a notice files, follows and withdraws, and no other code does.
func TestThreat_OnlyTheCodeOfTheSubjectObjectsWithoutAnAccount(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		r := fined("1", "2026-04-10")
		w := newTown(t, rdb, "2026-04-30", r)
		text, a := w.activation(jia)
		_, other := w.activation(jia)
		_, strange := w.activation(yi)
		for name, in := range map[string][2]string{"for another subject": {yi, text}, "unknown": {jia, "AAAAAAAAAAAAAAAAAAAA"}, "empty": {jia, ""}} {
			if _, err := w.staff.Holder(ctx, in[0], in[1]); err == nil {
				t.Errorf("%s passes", name)
			}
		}
		_, err := w.FileByCode(ctx, staff.Activation{}, order(r.ID, Facts), w.now)
		refused(t, err, fault.Refused, "objection.code_over")
		_, err = w.FileByCode(ctx, strange, order(r.ID, Facts), w.now)
		refused(t, err, fault.NotFound, "credit.no_record")
		late := w.now
		w.now = a.ExpiresAt
		_, err = w.FileByCode(ctx, a, order(r.ID, Facts), w.now)
		refused(t, err, fault.Refused, "objection.code_over")
		w.now = late
		o, err := w.FileByCode(ctx, a, order(r.ID, Facts), w.now)
		ok(t, err)
		if o.Way != ByCode || o.FiledBy != "activation" || w.marked(r.ID) != credit.Disputed {
			t.Fatalf("%+v", o)
		}
		for _, b := range []staff.Activation{other, strange, {}} {
			for _, err := range []error{second(w.GetByCode(ctx, b, o.No)), second(w.WithdrawByCode(ctx, b, o.No, w.now)), second(w.AttachByCode(ctx, b, o.No, "BOX1", w.now))} {
				refused(t, err, fault.NotFound, "objection.unknown")
			}
		}
		_, err = w.AttachByCode(ctx, a, o.No, "BOX1", w.now)
		ok(t, err)
		// The subject's account sees it too.
		if _, err := w.Get(ctx, w.as("jia.agent"), o.No, w.now); err != nil {
			t.Error(err)
		}
		_, err = w.WithdrawByCode(ctx, a, o.No, w.now)
		ok(t, err)
		if w.marked(r.ID) != credit.Disclosed {
			t.Error("the mark stays")
		}
		redistest.Grep(t, rdb, text)
	})
}
