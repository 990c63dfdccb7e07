package casework

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/redistest"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
	"ipcredit/shared/workday"
)

type dayOf = workday.Date

// realOrEmbedded is a real server where there is one.
func realOrEmbedded(tb testing.TB) *redis.Client {
	if _, err := exec.LookPath("redis-server"); err == nil {
		return redistest.Real(tb)
	}
	return redistest.Embedded(tb)
}

// putting writes a case as it is.
func putting(w *town, c Case, rules Rules) func(*journal.Tx) error {
	return func(tx *journal.Tx) error {
		x := c
		return w.put(tx, Case{}, &x, rules, w.now)
	}
}

func TestThreat_CaseAndExportHoldNothingOfTheReporter(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *town) {
		ctx := t.Context()
		in, err := w.intake.Lodge(ctx, tipoff.Submission{Key: "zQ7wXc3vBn5mKj8hGf2d-000002-1", Lodged: tipoff.Lodged{
			Kind: tipoff.Counterfeit, Narrative: narrative, Reporter: &tipoff.Reporter{Name: reporterName, Contact: reporterPhone},
			Parties: []tipoff.Party{{Name: firmName, Code: firm}}, Division: "410702", Insider: true,
		}}, w.now)
		ok(t, err)
		h := w.as("hongqi.handler")
		for _, s := range []tipoff.State{tipoff.Assigned, tipoff.Verifying} {
			ok(t, w.office.ChangeState(ctx, h, in.Number, tipoff.Change{To: s}, w.now))
		}
		opened, err := w.office.Open(ctx, h, in.Number, w.now)
		ok(t, err)
		o, err := w.FromTipoff(ctx, h, opened.Report, DraftOf(opened), w.now)
		ok(t, err)
		ok(t, w.office.ChangeState(ctx, h, in.Number, tipoff.Change{To: tipoff.CaseFiled, Answer: "已立案。", With: o.With}, w.now))
		f, err := w.Get(ctx, h, o.Case.Number, w.now)
		ok(t, err)
		header, rows, err := w.Export(ctx, h, Filter{}, ExportFields(), "statistics", w.now)
		ok(t, err)
		if len(rows) != 1 || len(header) != len(ExportFields()) {
			t.Fatalf("%v %v", header, rows)
		}
		shown := fmt.Sprintf("%+v %v", f, rows)
		raw, err := json.Marshal(f.Case)
		ok(t, err)
		for _, canary := range []string{reporterName, reporterPhone, narrative, "Insider", "insider"} {
			if strings.Contains(shown+string(raw), canary) {
				t.Errorf("a case or its export shows %q", canary)
			}
		}
		// The export does not even say that somebody tipped off which case.
		if strings.Contains(fmt.Sprint(rows), in.Number) {
			t.Error("an export names a tip-off")
		}
	})
}

func TestThreat_ExportTakesOnlyWhatIsListedForAStatedPurpose(t *testing.T) {
	t.Parallel()
	w := desk(t)
	ctx := t.Context()
	w.opened(draft())
	h := w.as("hongqi.handler")
	for name, x := range map[string]struct {
		fields  []string
		purpose string
	}{"a field that is not listed": {[]string{"number", "people"}, "audit"}, "no purpose": {[]string{"number"}, ""}, "another purpose": {[]string{"number"}, "curiosity"}, "nothing": {nil, "audit"}} {
		if _, _, err := w.Export(ctx, h, Filter{}, x.fields, x.purpose, w.now); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	before := w.rdb.XLen(ctx, "{410700}:journal").Val()
	_, rows, err := w.Export(ctx, h, Filter{}, []string{"number", "parties"}, "audit", w.now)
	ok(t, err)
	if strings.Contains(fmt.Sprint(rows), canaryPerson) {
		t.Error("an export names a person")
	}
	if got := w.rdb.XLen(ctx, "{410700}:journal").Val(); got != before+1 {
		t.Errorf("an export left %d entries in the journal", got-before)
	}
	if _, rows, err := w.Export(ctx, w.as("muye.handler"), Filter{}, []string{"number"}, "audit", w.now); err != nil || len(rows) != 0 {
		t.Errorf("another district exports %v %v", rows, err)
	}
}

func TestThreat_OfficerOfAnotherDistrictIsRefused(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *town) {
		ctx := t.Context()
		c := w.opened(draft())
		for _, name := range []string{"muye.handler", "muye.approver", "science.handler", "police.handler", "discipline.handler", "jia.legal", "lead.system"} {
			a := w.as(name)
			for what, act := range map[string]func() error{
				"get":    func() error { _, err := w.Get(ctx, a, c.Number, w.now); return err },
				"claim":  func() error { _, err := w.Claim(ctx, a, seen(c), w.now); return err },
				"assign": func() error { _, err := w.Assign(ctx, a, seen(c), []string{a.User.ID}, w.now); return err },
				"move":   func() error { _, err := w.Move(ctx, a, seen(c), Change{To: NotFiled, Reason: "x"}, w.now); return err },
				"accept": func() error { _, err := w.Accept(ctx, a, seen(c), w.now); return err },
				"note":   func() error { _, err := w.Note(ctx, a, seen(c), "x", w.now); return err },
				"issue": func() error {
					_, _, err := w.Issue(ctx, a, seen(c), Issuing{Kind: FilingForm, Fields: map[string]string{"cause": "x", "facts": "x", "opinion": "x"}}, w.now)
					return err
				},
			} {
				if err := act(); !fault.Is(err, fault.Forbidden) && !(what == "accept" && fault.Is(err, fault.Conflict)) {
					t.Errorf("%s: %s: %v", name, what, err)
				}
			}
			if rows, _, err := w.List(ctx, a, Filter{}, w.now); err == nil && len(rows) > 0 {
				t.Errorf("%s lists it", name)
			}
		}
		// Whoever supervises the city sees clock and state, and nothing sealed.
		f, err := w.Get(ctx, w.as("lead.supervisor"), c.Number, w.now)
		ok(t, err)
		if f.MayOpen || f.Facts != "" || len(f.People) > 0 || len(f.Clocks) == 0 {
			t.Errorf("a supervisor reads %+v", f)
		}
		// Whoever is tied to a party stays away, also where only the sealed name tells.
		ok(t, w.people.DeclareTie(ctx, w.as("hongqi.handler"), staff.Tie{Party: staff.Party{Name: canaryPerson}, Reason: "亲属"}, w.now))
		if _, err := w.Get(ctx, w.as("hongqi.handler"), c.Number, w.now); !fault.Is(err, fault.Forbidden) {
			t.Errorf("who is tied to a sealed party reads: %v", err)
		}
	})
}

func TestThreat_HandlerCannotReviewOrApproveHimself(t *testing.T) {
	t.Parallel()
	w := desk(t)
	ctx := t.Context()
	// The head of the office has both roles, and handled the case.
	both := w.as("hongqi.handler")
	for _, r := range []staff.Role{staff.Approver, staff.Reviewer} {
		both.User.Grants = append(both.User.Grants, staff.Grant{Role: r, Division: "410702"})
	}
	d := draft()
	d.Filed = true
	c := w.two(w.opened(d))
	_, err := w.Move(ctx, both, seen(c), Change{To: Investigating}, w.now)
	refusedWith(t, err, "staff.can.handled")
	c = w.move(c, "hongqi.approver", Change{To: Investigating})
	c = w.move(c, "hongqi.handler", Change{To: Review})
	_, err = w.Move(ctx, both, seen(c), Change{To: Notice}, w.now)
	refusedWith(t, err, "staff.can.handled")
	_, err = w.Move(ctx, both, seen(c), Change{To: NoPenalty, Reason: "x"}, w.now)
	refusedWith(t, err, "staff.can.handled")
	// Who approved does not become a handler, by whatever way.
	approver := w.as("hongqi.approver")
	approver.User.Grants = append(approver.User.Grants, staff.Grant{Role: staff.Handler, Division: "410702"}, staff.Grant{Role: staff.Reviewer, Division: "410702"})
	_, err = w.Move(ctx, approver, seen(c), Change{To: Notice}, w.now)
	refusedWith(t, err, "staff.can.approved")
	_, err = w.Claim(ctx, approver, seen(c), w.now)
	refusedWith(t, err, "staff.can.approved")
}

func TestThreat_DumpAndJournalHoldNoSealedTextInClear(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *town) {
		ctx := t.Context()
		c := w.investigating(draft())
		h := w.as("hongqi.handler")
		c, err := w.Note(ctx, h, seen(c), canaryReason, w.now)
		ok(t, err)
		c, err = w.ConfirmZone(ctx, h, seen(c), "", canaryContact, w.now)
		ok(t, err)
		c, _, err = w.Issue(ctx, h, seen(c), Issuing{Kind: InquiryRecord, Fields: map[string]string{
			"person": canaryPerson, "when": "x", "place": "x", "officers": "x", "record": canaryFacts,
		}}, w.now)
		ok(t, err)
		c = w.record(c, "hongqi.handler", Fact{What: PauseBegun, Ref: "testing", Text: canaryReason})
		_, err = w.OfferTo(ctx, h, seen(c), "410711", canaryReason, w.now)
		ok(t, err)
		for _, canary := range []string{canaryPerson, canaryContact, canaryFacts, canaryReason} {
			redistest.Grep(t, w.rdb, canary)
		}
	})
}
