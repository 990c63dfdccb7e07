package casework

import (
	"slices"
	"testing"

	"ipcredit/shared/fault"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
)

func TestTheWholeWayOfACase(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *town) {
		ctx := t.Context()
		c := w.opened(draft())
		if c.Number != "AJ410702-2026-00001" || c.State != Lead || c.Version != 1 || c.Unit != "410702" || c.People != 1 ||
			!slices.Equal(c.Applications, []string{"202510999999.3"}) || !slices.Equal(c.Marks, []string{"99000001"}) {
			t.Fatalf("%+v", c)
		}
		_, err := w.Move(ctx, w.as("hongqi.handler"), seen(c), Change{To: Filed}, w.now)
		refusedWith(t, err, "casework.unassigned")
		c, err = w.Claim(ctx, w.as("hongqi.handler"), seen(c), w.now)
		ok(t, err)
		c = w.move(c, "hongqi.handler", Change{To: Filed})
		// One officer is not enough.
		_, err = w.Move(ctx, w.as("hongqi.approver"), seen(c), Change{To: Investigating}, w.now)
		refusedWith(t, err, "casework.handlers")
		c = w.two(c)
		c = w.move(c, "hongqi.approver", Change{To: Investigating})
		// An appraisal stops the clock, and nothing is decided before it ends.
		c = w.record(c, "hongqi.handler", Fact{What: PauseBegun, Ref: "appraisal", Text: "送检"})
		_, err = w.Move(ctx, w.as("hongqi.handler"), seen(c), Change{To: Review}, w.now)
		refusedWith(t, err, "casework.paused")
		w.now = on2("2026-05-28")
		c = w.record(c, "lead.handler", Fact{What: PauseEnded})
		c = w.move(c, "hongqi.handler", Change{To: Review})
		c = w.move(c, "hongqi.reviewer", Change{To: Notice})
		c = w.record(c, "hongqi.handler", Fact{What: NoticeServed})
		penalty := &Penalty{
			Instrument: "新测市监处罚〔2026〕7号", On: day("2026-06-04"), Measures: []Measure{Fine, Confiscation},
			FineFen: 10_000_00, TakenFen: 500_00, BaseFen: 2_000_00,
		}
		// The party has five working days: to 06-04.
		w.now = on2("2026-06-04")
		_, err = w.Move(ctx, w.as("hongqi.approver"), seen(c), Change{To: Decided, Penalty: penalty}, w.now)
		refusedWith(t, err, "casework.defence.running")
		w.now = on2("2026-06-05")
		penalty.On = day("2026-06-05")
		c = w.move(c, "hongqi.approver", Change{To: Decided, Penalty: penalty})
		c = w.move(c, "hongqi.handler", Change{To: Served})
		c = w.move(c, "hongqi.handler", Change{To: Performed})
		c = w.move(c, "hongqi.approver", Change{To: Closed})
		if c.Open() || c.Outcome != Decided || c.Penalty.Rule == "" || c.Penalty.Instrument != "新测市监处罚〔2026〕7号" {
			t.Fatalf("%+v", c)
		}
		f, err := w.Get(ctx, w.as("hongqi.handler"), c.Number, w.now)
		ok(t, err)
		if f.Facts != canaryFacts || len(f.People) != 1 || f.People[0].Name != canaryPerson || len(f.Notes) == 0 || f.Notes[0].Text == "" {
			t.Errorf("%+v", f)
		}
		found, err := w.Prior(ctx, firm)
		ok(t, err)
		if len(found) != 1 || found[0].On != day("2026-06-05") || found[0].Case != c.Number {
			t.Errorf("earlier infringements: %+v", found)
		}
		if n, codes, err := NotifiedOn(ctx, w.j, Ref(c.Number)); err != nil || n != day("2026-05-28") || !slices.Equal(codes, []string{firm}) {
			t.Errorf("notified %s %v %v", n, codes, err)
		}
		// A second one within five years would be repeated.
		second := w.opened(draft())
		again, err := w.Get(ctx, w.as("hongqi.handler"), second.Number, w.now)
		ok(t, err)
		late, err := w.Get(ctx, w.as("hongqi.handler"), second.Number, on2("2031-06-06"))
		ok(t, err)
		if !again.Repeat.Repeated || len(again.Repeat.Within) != 2 || late.Repeat.Repeated {
			t.Errorf("repeated %+v, five years and a day later %+v", again.Repeat, late.Repeat)
		}
		d := draft()
		d.Campaign, d.Kind, d.Target = "", tipoff.Counterfeit, PatentCounterfeit
		if other, err := w.Get(ctx, w.as("hongqi.handler"), w.opened(d).Number, w.now); err != nil || other.Repeat.Repeated {
			t.Errorf("a counterfeit patent is no trademark infringement: %+v %v", other.Repeat, err)
		}
		counts, err := CountCampaign(ctx, w.j, "2026-blue")
		ok(t, err)
		if counts["410702"] != (Count{All: 2, Open: 1, Punished: 1}) {
			t.Errorf("%+v", counts)
		}
	})
}

func TestAChangeOfWhatSomebodyElseChangedFirstIsRefused(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *town) {
		c := w.opened(draft())
		a := w.as("hongqi.handler")
		_, err := w.Claim(t.Context(), a, seen(c), w.now)
		ok(t, err)
		for name, act := range map[string]func(Seen) error{
			"assign": func(s Seen) error { _, err := w.Assign(t.Context(), a, s, []string{a.User.ID}, w.now); return err },
			"edit":   func(s Seen) error { _, err := w.Edit(t.Context(), a, s, draft(), w.now); return err },
			"move":   func(s Seen) error { _, err := w.Move(t.Context(), a, s, Change{To: Filed}, w.now); return err },
			"note":   func(s Seen) error { _, err := w.Note(t.Context(), a, s, "备注", w.now); return err },
			"issue": func(s Seen) error {
				_, _, err := w.Issue(t.Context(), a, s, Issuing{Kind: FilingForm, Fields: map[string]string{"cause": "x", "facts": "x", "opinion": "x"}}, w.now)
				return err
			},
		} {
			for _, version := range []int64{c.Version, 0, c.Version + 5} {
				if err := act(Seen{c.Number, version}); !fault.Is(err, fault.Stale) {
					t.Errorf("%s of version %d: %v", name, version, err)
				}
			}
		}
	})
}

func TestExtensionIsTheHeadsAndNotAfterTheDeadline(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *town) {
		ctx := t.Context()
		c := w.investigating(draft()) // filed on 2026-05-20: 90 days to 08-18
		ask := func(at string) (Case, error) {
			return w.AskExtension(ctx, w.as("hongqi.handler"), seen(c), DecisionClock, "案情复杂", on2(at))
		}
		if _, err := ask("2026-08-19"); !fault.Is(err, fault.Conflict) {
			t.Fatalf("asked a day late: %v", err)
		}
		asked, err := ask("2026-08-18")
		ok(t, err)
		_, err = w.Extend(ctx, w.as("hongqi.handler"), seen(asked), Extending{Grant: true}, on2("2026-08-18"))
		if !fault.Is(err, fault.Forbidden) {
			t.Fatalf("the handler granted himself an extension: %v", err)
		}
		_, err = w.Extend(ctx, w.as("hongqi.approver"), seen(asked), Extending{Grant: true}, on2("2026-08-19"))
		refusedWith(t, err, "casework.extension.late")
		c, err = w.Extend(ctx, w.as("hongqi.approver"), seen(asked), Extending{Grant: true}, on2("2026-08-18"))
		ok(t, err)
		due := func(at string) string {
			f, err := w.Get(ctx, w.as("hongqi.handler"), c.Number, on2(at))
			ok(t, err)
			k, _ := named(f.Clocks, DecisionClock)
			return k.Due.String()
		}
		if got := due("2026-08-18"); got != "2026-09-17" {
			t.Errorf("extended to %s", got)
		}
		// Further only by collective discussion, whose time it sets.
		asked, err = ask("2026-09-01")
		ok(t, err)
		_, err = w.Extend(ctx, w.as("hongqi.approver"), seen(asked), Extending{Grant: true, Days: 20}, on2("2026-09-01"))
		refusedWith(t, err, "casework.extension.collective")
		c, err = w.Extend(ctx, w.as("hongqi.approver"), seen(asked), Extending{Grant: true, Collective: day("2026-09-01"), Days: 20}, on2("2026-09-01"))
		ok(t, err)
		if got := due("2026-09-01"); got != "2026-10-08" { // 10-07 is in the holiday
			t.Errorf("extended further to %s", got)
		}
	})
}

func TestTheCheckOfALeadIsExtendedOnce(t *testing.T) {
	t.Parallel()
	w := desk(t)
	ctx := t.Context()
	d := draft()
	d.Received, d.ActEnded = day("2025-09-22"), day("2025-09-01")
	w.now = on2("2025-10-10")
	c := w.opened(d)
	c, err := w.Claim(ctx, w.as("hongqi.handler"), seen(c), w.now)
	ok(t, err)
	_, err = w.AskExtension(ctx, w.as("hongqi.handler"), seen(c), CheckClock, "待核实", on2("2025-10-18"))
	refusedWith(t, err, "casework.extension.late")
	c, err = w.AskExtension(ctx, w.as("hongqi.handler"), seen(c), CheckClock, "待核实", on2("2025-10-17"))
	ok(t, err)
	c, err = w.Extend(ctx, w.as("hongqi.approver"), seen(c), Extending{Grant: true}, on2("2025-10-17"))
	ok(t, err)
	f, err := w.Get(ctx, w.as("hongqi.handler"), c.Number, on2("2025-10-17"))
	ok(t, err)
	if f.Due != day("2025-11-07") {
		t.Errorf("due %s", f.Due)
	}
	_, err = w.AskExtension(ctx, w.as("hongqi.handler"), seen(c), CheckClock, "待核实", on2("2025-10-20"))
	refusedWith(t, err, "casework.extension.twice")
}

func TestATransferBetweenDistrictsIsAcceptedOrReturned(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *town) {
		ctx := t.Context()
		c := w.opened(draft())
		h, m := w.as("hongqi.handler"), w.as("muye.handler")
		_, err := w.Get(ctx, m, c.Number, w.now)
		if !fault.Is(err, fault.Forbidden) {
			t.Fatalf("another district reads: %v", err)
		}
		c, err = w.OfferTo(ctx, h, seen(c), "410711", "行为地在牧野区", w.now)
		ok(t, err)
		f, err := w.Get(ctx, m, c.Number, w.now)
		ok(t, err)
		if f.Facts != canaryFacts {
			t.Error("whom it is offered to cannot read why")
		}
		rows, _, err := w.List(ctx, m, Filter{Offered: true}, w.now)
		ok(t, err)
		if len(rows) != 1 || !rows[0].MayOpen {
			t.Errorf("offered to the unit: %+v", rows)
		}
		inbox, _, err := w.people.Inbox(ctx, m, "", 10)
		ok(t, err)
		if len(inbox) != 1 || inbox[0].Title != "casework.message.offered" {
			t.Errorf("the other unit is told %+v", inbox)
		}
		_, err = w.Accept(ctx, h, seen(c), w.now)
		if !fault.Is(err, fault.Forbidden) {
			t.Fatalf("accepted by who offered: %v", err)
		}
		c, err = w.Decline(ctx, m, seen(c), "行为地不在本区", w.now)
		ok(t, err)
		c, err = w.Dispute(ctx, h, seen(c), "坚持移送", w.now)
		ok(t, err)
		// Seven working days from 05-20: 05-29.
		lead := w.as("lead.approver")
		_, err = w.Settle(ctx, lead, seen(c), "410711", "指定管辖", on2("2026-05-29"))
		refusedWith(t, err, "casework.dispute.early")
		_, err = w.Settle(ctx, w.as("muye.approver"), seen(c), "410702", "指定管辖", on2("2026-06-01"))
		if !fault.Is(err, fault.Forbidden) {
			t.Fatalf("settled by a party of the dispute: %v", err)
		}
		c, err = w.Settle(ctx, lead, seen(c), "410711", "指定管辖", on2("2026-05-30"))
		ok(t, err)
		if c.Unit != "410711" || c.Leaving != "" || c.Offer != nil || len(c.Handlers) != 0 {
			t.Fatalf("%+v", c)
		}
		if _, err := w.Get(ctx, h, c.Number, w.now); !fault.Is(err, fault.Forbidden) {
			t.Fatalf("the former unit still reads: %v", err)
		}
		f, err = w.Get(ctx, m, c.Number, w.now)
		ok(t, err)
		if f.Facts != canaryFacts || len(f.Notes) == 0 {
			t.Error("the new unit cannot read the file")
		}
		labels, err := w.keys.Labels(ctx, c.Key)
		ok(t, err)
		if !slices.Equal(labels, []string{tipoff.EscrowLabel, tipoff.UnitLabel("410711")}) && !slices.Equal(labels, []string{tipoff.UnitLabel("410711"), tipoff.EscrowLabel}) {
			t.Errorf("wrapped to %v", labels)
		}
	})
}

func TestALentOfficerAndASubOfficeHandleInTheBureausName(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *town) {
		ctx := t.Context()
		c := w.opened(draft())
		intake := w.as("hongqi.handler")
		_, err := w.Delegate(ctx, intake, seen(c), "hongqi-suo", w.now)
		refusedWith(t, err, "casework.delegate.office") // no delegation
		_, err = w.people.Delegate(ctx, w.as("hongqi.approver"), "hongqi-suo", []staff.Role{staff.Handler, staff.Intake},
			staff.Span{From: "2026-01-01", To: "2026-12-31"}, "新测市监委〔2026〕1号", w.now)
		ok(t, err)
		_, err = w.Delegate(ctx, intake, seen(c), "muye-suo", w.now)
		refusedWith(t, err, "casework.delegate.office")
		c, err = w.Delegate(ctx, intake, seen(c), "hongqi-suo", w.now)
		ok(t, err)
		if c.Owner() != "office:hongqi-suo" {
			t.Errorf("owner %s", c.Owner())
		}
		rows, _, err := w.List(ctx, w.as("hongqi.suo"), Filter{}, w.now)
		ok(t, err)
		if len(rows) != 1 {
			t.Fatalf("the sub-office sees %d cases", len(rows))
		}
		c, err = w.Claim(ctx, w.as("hongqi.suo"), seen(c), w.now)
		ok(t, err)
		c, err = w.Return(ctx, w.as("hongqi.suo"), seen(c), "不在本所辖区", w.now)
		ok(t, err)
		if c.Owner() != "unit:410702" || c.Office != "" {
			t.Errorf("%+v", c)
		}
		// Two of the district: no officer of the city is needed, and none is taken.
		who, err := w.Assignable(ctx, intake, c.Number, w.now)
		ok(t, err)
		if !slices.ContainsFunc(who, func(u staff.User) bool { return u.ID == w.id("lead.handler") }) {
			t.Error("a bureau with one officer is lent none")
		}
		_, err = w.Assign(ctx, intake, seen(c), []string{w.id("muye.handler")}, w.now)
		refusedWith(t, err, "casework.handler.may_not")
		_, err = w.Assign(ctx, intake, seen(c), []string{w.id("hongqi.reviewer")}, w.now)
		refusedWith(t, err, "casework.handler.may_not")
		c = w.two(c)
		mine, err := w.Mine(ctx, w.as("lead.handler"), w.now)
		ok(t, err)
		if len(mine) != 1 || !mine[0].MayOpen {
			t.Errorf("the lent officer does not see his case: %+v", mine)
		}
		c = w.move(c, "lead.handler", Change{To: Filed})
	})
}

func TestRecusalAndHandOverLeaveNoCaseWithoutAnOwner(t *testing.T) {
	t.Parallel()
	w := desk(t)
	ctx := t.Context()
	c := w.investigating(draft())
	one, two := w.id("hongqi.handler"), w.id("lead.handler")
	_, err := w.Recuse(ctx, w.as("lead.handler"), seen(c), two, "", "与当事人有关", w.now)
	refusedWith(t, err, "casework.instead.none")
	c, err = w.Recuse(ctx, w.as("lead.handler"), seen(c), two, w.id("lead.handler2"), "与当事人有关", w.now)
	ok(t, err)
	if !slices.Equal(c.Handlers, []string{one, w.id("lead.handler2")}) {
		t.Errorf("%v", c.Handlers)
	}
	_, err = w.Get(ctx, w.as("lead.handler"), c.Number, w.now)
	refusedWith(t, err, "casework.recused")
	_, err = w.Recuse(ctx, w.as("hongqi.handler"), seen(c), w.id("lead.handler2"), two, "", w.now)
	if err == nil {
		t.Error("a handler recused his colleague")
	}
	_, err = w.HandOver(ctx, w.as("hongqi.handler"), seen(c), w.id("lead.handler2"), two, w.now)
	refusedWith(t, err, "casework.recused")
}

func TestMergingKeepsTheOlderClock(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *town) {
		ctx := t.Context()
		older := w.opened(draft())
		w.now = on2("2026-05-21")
		d := draft()
		d.Parties = []Party{{Name: "虚构甲科技有限公司", Code: "91410771MA00AAA104", Role: Respondent}}
		d.People = []Person{{Name: "李演示", Role: Witness}}
		newer := w.opened(d)
		h := w.as("hongqi.handler")
		older, err := w.Claim(ctx, h, seen(older), w.now)
		ok(t, err)
		newer, err = w.Claim(ctx, h, seen(newer), w.now)
		ok(t, err)
		_, err = w.Merge(ctx, h, seen(older), seen(newer), w.now)
		refusedWith(t, err, "casework.merge.order")
		_, err = w.Merge(ctx, h, seen(newer), Seen{older.Number, older.Version - 1}, w.now)
		refusedWith(t, err, "casework.stale")
		newer, err = w.Merge(ctx, h, seen(newer), seen(older), w.now)
		ok(t, err)
		f, err := w.Get(ctx, h, older.Number, w.now)
		ok(t, err)
		if newer.State != Merged || newer.Into != older.Number || newer.Owner() != "" ||
			len(f.Case.Parties) != 2 || len(f.People) != 2 || f.Case.People != 2 || !slices.Equal(f.Case.Same, []string{newer.Number}) {
			t.Errorf("%+v\n%+v %+v", newer, f.Case, f.People)
		}
		if err := sound(newer, Rules{}.Filled(), day("2026-05-21")); err != nil {
			t.Error(err)
		}
		rows, _, err := w.List(ctx, h, Filter{Party: "91410771MA00AAA104"}, w.now)
		ok(t, err)
		if len(rows) != 1 || rows[0].Case.Number != older.Number {
			t.Errorf("by party: %+v", rows)
		}
	})
}

func TestUnlicensedAgencyEndsInATransferToTheProvince(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *town) {
		ctx := t.Context()
		d := draft()
		d.Kind, d.Target, d.People = tipoff.UnlicensedAgency, Unlicensed, nil
		c := w.investigating(d)
		c = w.move(c, "hongqi.handler", Change{To: Review})
		_, err := w.Move(ctx, w.as("hongqi.reviewer"), seen(c), Change{To: Notice}, w.now)
		refusedWith(t, err, "casework.province_only")
		// With a dated instrument it can go on, while that is in force.
		_, err = w.Entrust(ctx, w.as("hongqi.approver"), seen(c), Entrustment{Instrument: "豫知测委〔26〕3号", From: day("2026-05-01"), To: day("2026-05-19")}, w.now)
		if f, is := fault.Of(err); !is || len(f.Fields) != 1 || f.Fields[0].Name != "instrument" {
			t.Fatalf("%v", err)
		}
		ended, err := w.Entrust(ctx, w.as("hongqi.approver"), seen(c), Entrustment{Instrument: "豫知测委〔2026〕3号", From: day("2026-05-01"), To: day("2026-05-19")}, w.now)
		ok(t, err)
		_, err = w.Move(ctx, w.as("hongqi.reviewer"), seen(ended), Change{To: Notice}, w.now)
		refusedWith(t, err, "casework.province_only")
		valid, err := w.Entrust(ctx, w.as("hongqi.approver"), seen(ended), Entrustment{Instrument: "豫知测委〔2026〕4号", From: day("2026-05-01"), To: day("2026-05-20")}, w.now)
		ok(t, err)
		c = w.move(valid, "hongqi.reviewer", Change{To: Notice})
		c = w.record(c, "hongqi.handler", Fact{What: NoticeServed})
		c = w.record(c, "hongqi.handler", Fact{What: DefenceWaived})
		w.now = on2("2026-05-21") // not any more
		_, err = w.Move(ctx, w.as("hongqi.approver"), seen(c), Change{To: Decided, Penalty: &Penalty{
			Instrument: "新测市监处罚〔2026〕8号", On: day("2026-05-21"), Measures: []Measure{Fine}, FineFen: 100_00, BaseFen: 100_00,
		}}, w.now)
		refusedWith(t, err, "casework.province_only")
		c = w.move(c, "hongqi.handler", Change{To: ToProvince})
		_, err = w.Move(ctx, w.as("hongqi.approver"), seen(c), Change{To: Closed}, w.now)
		refusedWith(t, err, "casework.receipt.none")
		c = w.record(c, "hongqi.handler", Fact{What: ReceiptGot})
		c = w.move(c, "hongqi.approver", Change{To: Closed})
		if c.Outcome != ToProvince || c.Penalty != nil {
			t.Errorf("%+v", c)
		}
	})
}

func TestATipoffIsFiledAndItsCaseOpenedInOneCommit(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *town) {
		ctx := t.Context()
		in, err := w.intake.Lodge(ctx, tipoff.Submission{Key: "zQ7wXc3vBn5mKj8hGf2d-000001-1", Lodged: tipoff.Lodged{
			Kind: tipoff.Infringement, Narrative: narrative, Reporter: &tipoff.Reporter{Name: reporterName, Contact: reporterPhone},
			Parties: []tipoff.Party{{Name: firmName, Code: firm}, {Name: canaryPerson}}, Division: "410702", Numbers: []string{"202510999999.3"},
			OccurredOn: day("2024-01-05"),
		}}, w.now)
		ok(t, err)
		h := w.as("hongqi.handler")
		for _, s := range []tipoff.State{tipoff.Assigned, tipoff.Verifying} {
			ok(t, w.office.ChangeState(ctx, h, in.Number, tipoff.Change{To: s}, w.now))
		}
		opened, err := w.office.Open(ctx, h, in.Number, w.now)
		ok(t, err)
		w.now = on2("2026-05-25")
		o, err := w.FromTipoff(ctx, h, opened.Report, DraftOf(opened), w.now)
		ok(t, err)
		// Without an answer the tip-off does not move, and there is no case.
		if err := w.office.ChangeState(ctx, h, in.Number, tipoff.Change{To: tipoff.CaseFiled, With: o.With}, w.now); err == nil {
			t.Fatal("filed without an answer")
		}
		if _, err := w.Get(ctx, h, o.Case.Number, w.now); !fault.Is(err, fault.NotFound) {
			t.Fatalf("a case without its tip-off's move: %v", err)
		}
		ok(t, w.office.ChangeState(ctx, h, in.Number, tipoff.Change{To: tipoff.CaseFiled, Answer: "已立案。", With: o.With}, w.now))
		f, err := w.Get(ctx, h, o.Case.Number, w.now)
		ok(t, err)
		c := f.Case
		if c.State != Filed || c.Source != FromTip || !slices.Equal(c.TipOffs, []string{in.Number}) || c.ReceivedOn != day("2026-05-20") ||
			!slices.Equal(c.Handlers, []string{h.User.ID}) || len(c.Parties) != 1 || len(f.People) != 1 || f.Facts != "" {
			t.Errorf("%+v %+v", c, f)
		}
		if !f.Limitation.Flag {
			t.Errorf("an act of 2024-01-05 found on 2026-05-20 is not flagged: %+v", f.Limitation)
		}
		numbers, err := w.OfTipoff(ctx, in.Number)
		ok(t, err)
		if !slices.Equal(numbers, []string{c.Number}) {
			t.Errorf("cases of the tip-off: %v", numbers)
		}
	})
}

func TestFiltersCombineAndPagesGoOn(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *town) {
		ctx := t.Context()
		h := w.as("hongqi.handler")
		for n := range 7 {
			d := draft()
			d.Received = w.now2(n)
			if n%2 == 0 {
				d.Kind, d.Tags, d.Campaign = tipoff.Counterfeit, nil, ""
			}
			w.opened(d)
		}
		count := func(f Filter) int {
			t.Helper()
			f.Limit = 2
			n, pages := 0, 0
			var last Row
			for {
				rows, next, err := w.List(ctx, h, f, w.now)
				ok(t, err)
				for _, r := range rows {
					if n > 0 && r.Due.Before(last.Due) && !f.Closed {
						t.Errorf("%s comes after %s", r.Due, last.Due)
					}
					n, last = n+1, r
				}
				if pages++; next == "" || pages > 20 {
					return n
				}
				f.Cursor = next
			}
		}
		tests := []struct {
			name string
			f    Filter
			want int
		}{
			{"all", Filter{}, 7},
			{"kind", Filter{Kind: tipoff.Counterfeit}, 4},
			{"kind and tag", Filter{Kind: tipoff.Counterfeit, Tag: "industry:C"}, 0},
			{"tag and party", Filter{Tag: "industry:C", Party: firm}, 3},
			{"application as typed", Filter{Application: "ZL202510999999.3"}, 7},
			{"mark", Filter{Application: "99000001"}, 7},
			{"campaign", Filter{Campaign: "2026-blue"}, 3},
			{"state", Filter{State: Lead}, 7},
			{"another state", Filter{State: Filed}, 0},
			{"nobody's", Filter{Unassigned: true}, 7},
			{"his", Filter{Handler: h.User.ID}, 0},
			{"closed", Filter{Closed: true}, 0},
			{"due", Filter{DueBy: day("2026-06-05")}, 4},
			{"unit", Filter{Unit: "410702"}, 7},
		}
		for _, tt := range tests {
			if got := count(tt.f); got != tt.want {
				t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
			}
		}
		for field, f := range map[string]Filter{
			"party": {Party: "91410702MA00AAC13X"}, "application": {Application: "202510999999.4"}, "cursor": {Cursor: "410711~20260101~AJ410711-2026-00001"},
		} {
			_, _, err := w.List(ctx, h, f, w.now)
			if x, is := fault.Of(err); !is || len(x.Fields) != 1 || x.Fields[0].Name != field {
				t.Errorf("%s: %v", field, err)
			}
		}
		_, _, err := w.List(ctx, h, Filter{Unit: "410711"}, w.now)
		if !fault.Is(err, fault.Forbidden) {
			t.Errorf("another unit's list: %v", err)
		}
	})
}

// TestPagesOfClosedCasesHoldEachOnce: the newest first, page by page, also among
// those of one day.
func TestPagesOfClosedCasesHoldEachOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *town) {
		var want []string
		for n := range 5 {
			if n == 3 {
				w.now = on2("2026-05-21")
			}
			c := w.move(w.two(w.opened(draft())), "hongqi.approver", Change{To: NotFiled})
			want = append(want, c.Number)
		}
		slices.Reverse(want)
		for _, f := range []Filter{{Closed: true, Limit: 2}, {Closed: true, Limit: 2, Party: firm}} {
			var got []string
			for pages := 0; pages == 0 || f.Cursor != "" && pages < 9; pages++ {
				rows, next, err := w.List(t.Context(), w.as("hongqi.handler"), f, w.now)
				ok(t, err)
				for _, r := range rows {
					got = append(got, r.Case.Number)
				}
				f.Cursor = next
			}
			if !slices.Equal(got, want) {
				t.Errorf("of %q: %q, want %q", f.Party, got, want)
			}
		}
	})
}
