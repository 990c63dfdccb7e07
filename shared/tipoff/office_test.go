package tipoff

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"

	"pgregory.net/rapid"
)

func TestThreat_CuriousOfficerOpensOnlyHisUnitsAndNothingOfHisEmployer(t *testing.T) {
	t.Parallel()
	w := desk(t)
	in := w.lodge(t, withName())
	official := withoutName()
	official.Official = true
	secret := w.lodge(t, official)
	if secret.Report.Unit != Discipline || secret.Report.Division != "410700" {
		t.Fatalf("an official's matter went to %+v", secret.Report)
	}
	tied := officer("u-tied", "410702", staff.Handler)
	tied.User.Employer = staff.Party{Name: "样例星河知识产权代理"}
	byCode := officer("u-code", "410702", staff.Handler)
	byCode.User.Ties = []staff.Tie{{Party: staff.Party{Code: "91410702MA00AAC13T"}}}
	coded := withoutName()
	coded.Parties[0].Code = "91410702MA00AAC13T"
	withCode := w.lodge(t, coded)
	for _, tt := range []struct {
		name, number string
		who          staff.Actor
		code         string // "" opens
	}{
		{"a handler of the unit", in.Number, handler, ""},
		{"a clerk of the unit", in.Number, clerk, ""},
		{"another district", in.Number, officer("x", "410711", staff.Handler), "staff.can.division"},
		{"the city above", in.Number, officer("x", "410700", staff.Handler), "staff.can.division"},
		{"a supervisor", in.Number, officer("x", "410700", staff.Supervisor), "staff.can.role"},
		{"a custodian", in.Number, custodian, "staff.can.role"},
		{"discipline inspection", in.Number, officer("x", Discipline, staff.Handler), "staff.can.discipline"},
		{"the employer, its name cut short", in.Number, tied, "staff.can.tied"},
		{"a tie by code", withCode.Number, byCode, "staff.can.tied"},
		{"the same officer, another party", in.Number, byCode, ""},
		{"an official's matter: the unit", secret.Number, handler, "staff.can.official"},
		{"an official's matter: the city", secret.Number, officer("x", "410700", staff.Handler), "staff.can.official"},
		{"an official's matter: inspection", secret.Number, officer("x", Discipline, staff.Handler), ""},
		{"nobody's number", deriveNumber(w.mac, "none", 0), handler, "tipoff.none"},
		{"no number", "12", handler, "tipoff.number"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o, err := w.office.Open(t.Context(), tt.who, tt.number, noon)
			f, is := fault.Of(err)
			switch {
			case tt.code == "" && err != nil:
				t.Error(err)
			case tt.code != "" && (!is || f.Code != tt.code || o.Document != nil):
				t.Errorf("error = %v", err)
			}
		})
	}
	o, err := w.office.Open(t.Context(), handler, in.Number, noon)
	ok(t, err)
	if len(o.Views) != 3 || o.Channel != Web {
		t.Errorf("views %+v", o.Views)
	}
}

func TestListsShowWhatIsDueFirstAndOnlyOnesOwn(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *town) {
		early, late := w.lodge(t, withoutName()), Lodging{}
		var err error
		late, err = w.intake.Lodge(t.Context(), Submission{Key: ticket(), Lodged: withName()}, noon.AddDate(0, 0, 3))
		ok(t, err)
		other := withoutName()
		other.Place = "牧野区示例路"
		elsewhere := w.lodge(t, other)
		rows, next, err := w.office.List(t.Context(), handler, Filter{Limit: 1}, noon)
		ok(t, err)
		if len(rows) != 1 || rows[0].Report.Number != early.Number || !rows[0].MayOpen || next == "" {
			t.Fatalf("%+v, next %q", rows, next)
		}
		rows, next, err = w.office.List(t.Context(), handler, Filter{Limit: 1, Cursor: next}, noon)
		ok(t, err)
		if len(rows) != 1 || rows[0].Report.Number != late.Number || next != "" {
			t.Errorf("%+v, next %q", rows, next)
		}
		rows, _, err = w.office.List(t.Context(), officer("s", "410700", staff.Supervisor), Filter{}, noon)
		ok(t, err)
		if len(rows) != 3 || rows[0].MayOpen {
			t.Errorf("supervisor: %+v", rows)
		}
		rows, _, err = w.office.List(t.Context(), handler, Filter{Unit: "410702", Kind: Counterfeit}, noon)
		if err != nil || len(rows) != 0 {
			t.Errorf("%+v, %v", rows, err)
		}
		for _, f := range []Filter{{Unit: "410711"}, {Cursor: "410711:0"}, {Cursor: "x"}, {Cursor: "410702:-1"}} {
			if _, _, err := w.office.List(t.Context(), handler, f, noon); err == nil {
				t.Errorf("%+v", f)
			}
		}
		if _, _, err := w.office.List(t.Context(), officer("u", "410702", staff.Uploader), Filter{}, noon); !fault.Is(err, fault.Forbidden) {
			t.Errorf("an uploader: %v", err)
		}
		w.walk(t, early.Number, noon, Assigned, OutOfScope, Closed)
		rows, _, err = w.office.List(t.Context(), handler, Filter{Closed: true}, noon)
		if err != nil || len(rows) != 1 || rows[0].Report.Number != early.Number {
			t.Errorf("closed %+v, %v", rows, err)
		}
		_ = elsewhere
	})
}

func TestIdentityOpensByTwoPeopleAndTheReporterSeesIt(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *town) {
		in := w.lodge(t, withName())
		if _, err := w.office.AskIdentity(t.Context(), handler, in.Number, "", noon); !fault.Is(err, fault.Invalid) {
			t.Errorf("without a reason: %v", err)
		}
		id, err := w.office.AskIdentity(t.Context(), handler, in.Number, "需要当面核实票据原件", noon)
		ok(t, err)
		if _, err := w.office.Identity(t.Context(), handler, in.Number, id, noon); !fault.Is(err, fault.Conflict) {
			t.Errorf("before anybody agreed: %v", err)
		}
		both := officer("u-handler", "410702", staff.Handler, staff.Custodian)
		for name, who := range map[string]staff.Actor{"who asked": both, "a handler": officer("x", "410702", staff.Handler), "another district": officer("x", "410711", staff.Custodian)} {
			if err := w.office.OpenIdentity(t.Context(), who, in.Number, id, true, noon); !fault.Is(err, fault.Forbidden) {
				t.Errorf("%s agreed: %v", name, err)
			}
		}
		ok(t, w.office.OpenIdentity(t.Context(), custodian, in.Number, id, true, noon))
		if err := w.office.OpenIdentity(t.Context(), custodian, in.Number, id, true, noon); !fault.Is(err, fault.Conflict) {
			t.Errorf("decided twice: %v", err)
		}
		if _, err := w.office.Identity(t.Context(), officer("u-other", "410702", staff.Handler), in.Number, id, noon); !fault.Is(err, fault.Forbidden) {
			t.Errorf("another handler: %v", err)
		}
		who, err := w.office.Identity(t.Context(), handler, in.Number, id, on("2026-06-08"))
		if err != nil || who != (Reporter{canaryName, canaryPhone}) {
			t.Fatalf("identity: %v", err)
		}
		if fmt.Sprintf("%v %+v %#v", who, who, who) != "[reporter] [reporter] [reporter]" {
			t.Error("a reporter can be printed")
		}
		if _, err := w.office.Identity(t.Context(), handler, in.Number, id, on("2026-06-09")); !fault.Is(err, fault.Conflict) {
			t.Errorf("after the last day: %v", err)
		}
		v, err := w.intake.Track(t.Context(), in.claim(), noon)
		ok(t, err)
		if len(v.Asks) != 1 || v.Asks[0].Reason != "需要当面核实票据原件" || v.Asks[0].State != AskGranted || v.Asks[0].By != "" ||
			v.Asks[0].Second != "" || !slices.Equal(v.Asks[0].Reads, append(v.Asks[0].Reads[:0:0], day("2026-06-08"))) {
			t.Errorf("the reporter sees %+v", v.Asks)
		}
		anon := w.lodge(t, withoutName())
		if _, err := w.office.AskIdentity(t.Context(), handler, anon.Number, "理由", noon); !fault.Is(err, fault.Conflict) {
			t.Errorf("of an anonymous one: %v", err)
		}
		ok(t, w.intake.ClaimReward(t.Context(), anon.claim(), &Reporter{canaryName, canaryPhone}, "", noon))
		if err := w.intake.ClaimReward(t.Context(), anon.claim(), nil, "", noon); !fault.Is(err, fault.Conflict) {
			t.Errorf("claimed twice: %v", err)
		}
		id, err = w.office.AskIdentity(t.Context(), handler, anon.Number, "核定奖励", noon)
		ok(t, err)
		ok(t, w.office.OpenIdentity(t.Context(), custodian, anon.Number, id, true, noon))
		if who, err := w.office.Identity(t.Context(), handler, anon.Number, id, noon); err != nil || who.Name != canaryName {
			t.Errorf("who claimed: %v", err)
		}
		refused, err := w.office.AskIdentity(t.Context(), handler, in.Number, "再看一次", noon)
		ok(t, err)
		ok(t, w.office.OpenIdentity(t.Context(), custodian, in.Number, refused, false, noon))
		if _, err := w.office.Identity(t.Context(), handler, in.Number, refused, noon); !fault.Is(err, fault.Conflict) {
			t.Errorf("refused: %v", err)
		}
	})
}

func TestHeadExtendsOnceInTimeAndNeverWhoHandlesIt(t *testing.T) {
	t.Parallel()
	w := desk(t)
	in := w.lodge(t, withName())
	w.walk(t, in.Number, noon, Assigned, Verifying)
	if err := w.office.Extend(t.Context(), approver, in.Number, true, noon); !fault.Is(err, fault.Conflict) {
		t.Errorf("nobody asked: %v", err)
	}
	if err := w.office.AskExtension(t.Context(), handler, in.Number, "检验未完", on("2026-06-24")); !fault.Is(err, fault.Conflict) {
		t.Errorf("too late: %v", err)
	}
	ok(t, w.office.AskExtension(t.Context(), handler, in.Number, "检验未完", on("2026-06-23")))
	self := officer("u-handler", "410702", staff.Handler, staff.Approver)
	if err := w.office.Extend(t.Context(), self, in.Number, true, noon); !fault.Is(err, fault.Forbidden) {
		t.Errorf("who handles it approved: %v", err)
	}
	ok(t, w.office.Extend(t.Context(), approver, in.Number, true, on("2026-06-23")))
	v, err := w.intake.Track(t.Context(), in.claim(), on("2026-06-24"))
	ok(t, err)
	if v.Status.Word != "extended" || v.Status.Due != day("2026-07-14") || v.Report.has(ExtensionAsked) {
		t.Errorf("the reporter reads %+v", v.Status)
	}
	if err := w.office.AskExtension(t.Context(), handler, in.Number, "再延", on("2026-06-24")); !fault.Is(err, fault.Conflict) {
		t.Errorf("twice: %v", err)
	}
	approvesAndHandles := officer("u-approver", "410702", staff.Approver, staff.Handler)
	if err := w.office.ChangeState(t.Context(), approvesAndHandles, in.Number, Change{To: NotFiled, Answer: "x"}, noon); !fault.Is(err, fault.Forbidden) {
		t.Errorf("who approved handles it: %v", err)
	}
}

func TestAnotherUnitGetsTheKeyAndThePresentOneLosesIt(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *town) {
		in := w.lodge(t, withName())
		w.walk(t, in.Number, noon, Assigned)
		ok(t, w.office.Note(t.Context(), handler, in.Number, "只给本单位看", noon))
		ok(t, w.office.Reroute(t.Context(), handler, in.Number, "410711", "行为地在牧野区", noon))
		if _, err := w.office.Open(t.Context(), handler, in.Number, noon); !fault.Is(err, fault.Forbidden) {
			t.Errorf("the former unit: %v", err)
		}
		labels, err := w.keys.Labels(t.Context(), in.Report.Key)
		if err != nil || slices.Contains(labels, "unit:410702") || !slices.Contains(labels, "unit:410711") {
			t.Errorf("labels %q, %v", labels, err)
		}
		o, err := w.office.Open(t.Context(), officer("m", "410711", staff.Handler), in.Number, noon)
		ok(t, err)
		if len(o.Notes) != 1 || o.Notes[0].Text != "行为地在牧野区" || o.Report.State != Received || o.Report.Leaving != "" {
			t.Errorf("opened %+v", o)
		}
		if k := o.Clocks[0]; k.Due != day("2026-06-23") {
			t.Errorf("the clock began anew: %s", k.Due)
		}
		rows, _, err := w.office.List(t.Context(), handler, Filter{}, noon)
		if err != nil || len(rows) != 0 {
			t.Errorf("the former unit lists %+v, %v", rows, err)
		}
		if _, err := w.intake.Track(t.Context(), in.claim(), noon); err != nil {
			t.Errorf("the reporter: %v", err)
		}
		if err := w.office.Reroute(t.Context(), officer("m", "410711", staff.Handler), in.Number, "410799", "x", noon); !fault.Is(err, fault.Invalid) {
			t.Errorf("to nobody: %v", err)
		}
	})
}

func TestDuplicatesAreFoundAndMergingTellsReportersNothing(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *town) {
		first := w.lodge(t, withName())
		second := withoutName()
		second.Parties[0].Name = "样例星河知识产权代理（有限公司）"
		second.Narrative = "完全不同的另一件事情，说的是别的地方和别的时间，没有共同的句子。"
		same := w.lodge(t, second)
		third := withoutName()
		third.Parties = []Party{{Name: "虚构乙科技有限公司"}}
		alike := w.lodge(t, third)
		fourth := withoutName()
		fourth.Parties, fourth.Narrative = []Party{{Name: "虚构丙商贸有限公司"}}, "夜市摊位销售假冒某品牌的打火机，每天晚上八点以后出摊。"
		unlike := w.lodge(t, fourth)
		for range 2 { // the second from what is remembered
			found, err := w.office.Duplicates(t.Context(), handler, first.Number, noon)
			ok(t, err)
			if len(found) != 2 || found[0].Report.Number != same.Number || len(found[0].Parties) != 1 || found[1].Report.Number != alike.Number || found[1].Text < 90 {
				t.Fatalf("found %+v", found)
			}
		}
		before, err := w.intake.Track(t.Context(), same.claim(), noon)
		ok(t, err)
		ok(t, w.office.Merge(t.Context(), handler, same.Number, first.Number, noon))
		now, err := w.intake.Track(t.Context(), same.claim(), noon)
		ok(t, err)
		if fmt.Sprint(now.Status, now.Clocks, now.Report, now.Thread) != fmt.Sprint(before.Status, before.Clocks, before.Report, before.Thread) {
			t.Error("the reporter sees that his tip-off was merged:")
			t.Log(before.Report)
			t.Log(now.Report)
		}
		o, err := w.office.Open(t.Context(), handler, same.Number, noon)
		ok(t, err)
		lead, err := w.office.Open(t.Context(), handler, first.Number, noon)
		ok(t, err)
		if o.MergedInto != first.Number || o.Report.State != Merged || !slices.Equal(lead.Same, []string{same.Number}) || len(o.Notes) != 0 {
			t.Errorf("%s into %q, same %q", o.Report.State, o.MergedInto, lead.Same)
		}
		for _, into := range []string{same.Number, first.Number} {
			if err := w.office.Merge(t.Context(), handler, first.Number, into, noon); err == nil {
				t.Errorf("merged into %s", into)
			}
		}
		for _, link := range []string{first.Number, unlike.Number} {
			value, err := w.rdb.Get(t.Context(), w.office.store.key(same.Number)).Result()
			ok(t, err)
			if strings.Contains(value, link) {
				t.Errorf("the link to %s stands in the clear", link)
			}
		}
		ok(t, w.office.ChangeState(t.Context(), handler, same.Number, Change{To: NotFiled, Answer: "理由"}, noon))
	})
}

func TestHandoverComesInOnceAndGoesOutWithoutReporterOrNarrative(t *testing.T) {
	t.Parallel()
	w := desk(t)
	h := Handover{Channel: Hotline, OriginalNo: "2026-000123", Kind: Counterfeit, Parties: []Party{{Name: canaryParty}}, Summary: "来电反映假冒专利", Place: "红旗区"}
	var first Lodging
	for n := range 2 {
		in, err := w.office.Register(t.Context(), clerk, h.Registration(&Reporter{canaryName, canaryPhone}), noon)
		ok(t, err)
		if n == 0 {
			first = in
		} else if in.Number != first.Number || !in.Replayed || in.Receipt != first.Receipt {
			t.Errorf("handed over twice: %+v", in)
		}
	}
	// Another process knows it too.
	fresh, err := NewOffice(w.j, seal.NewKeys(w.buckets.Keys), OfficeConfig{Identities: w.units, Units: w.office.units, Escrow: w.escrow.Recipient(), Custodian: w.custody})
	ok(t, err)
	in, err := fresh.Register(t.Context(), clerk, h.Registration(&Reporter{canaryName, canaryPhone}), noon)
	if err != nil || in.Number != first.Number {
		t.Errorf("%s, %v", in.Number, err)
	}
	if _, err := w.office.Register(t.Context(), officer("x", "410702", staff.Reviewer), h.Registration(nil), noon); !fault.Is(err, fault.Forbidden) {
		t.Errorf("a reviewer registers: %v", err)
	}
	for name, r := range map[string]Registration{
		"web":          {Key: ticket(), Lodged: withName(), Channel: Web},
		"no number":    {Lodged: withName(), Channel: CityLine},
		"tomorrow":     {Key: ticket(), Lodged: withName(), Channel: Letter, ReceivedOn: day("2026-06-02")},
		"too long ago": {Key: ticket(), Lodged: withName(), Channel: Letter, ReceivedOn: day("2025-05-30")},
		"no key":       {Lodged: withName(), Channel: Letter},
	} {
		if _, err := w.office.Register(t.Context(), clerk, r, noon); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	letter, err := w.office.Register(t.Context(), clerk, Registration{Key: ticket(), Lodged: withName(), Channel: Letter, ReceivedOn: day("2026-05-29")}, noon)
	ok(t, err)
	if letter.Report.Day != day("2026-05-29") || letter.Due.Due != day("2026-06-22") {
		t.Errorf("received %s, due %s", letter.Report.Day, letter.Due.Due)
	}
	out, err := w.office.Export(t.Context(), handler, first.Number, "线索摘要", Hotline, noon)
	ok(t, err)
	if out.OriginalNo != "2026-000123" || out.Summary != "线索摘要" || strings.Contains(fmt.Sprintf("%+v", out), "来电") || strings.Contains(fmt.Sprintf("%+v", out), canaryName) {
		t.Errorf("handed over %+v", out)
	}
}

// The state machine against a model: whatever officers and the reporter try, a
// tip-off never skips the check, a named one is never closed after a decision
// untold, and lists, clocks and thread agree with the state.
func TestStateMachine(t *testing.T) {
	t.Parallel()
	w := desk(t)
	rapid.Check(t, func(rt *rapid.T) {
		l := withoutName()
		isNamed := rapid.Bool().Draw(rt, "named")
		if isNamed {
			l = withName()
		}
		in, err := w.intake.Lodge(t.Context(), Submission{Key: ticket(), Lodged: l}, noon)
		if err != nil {
			rt.Fatal(err)
		}
		now := noon
		seen := []State{Received}
		for range rapid.IntRange(1, 14).Draw(rt, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 60).Draw(rt, "hours")) * time.Hour)
			to := rapid.SampledFrom(States()).Draw(rt, "to")
			from := seen[len(seen)-1]
			var err error
			var want bool
			switch to {
			case Disputed:
				err = w.intake.Dispute(t.Context(), in.claim(), "未解决", now)
				want = from == Closed && !slices.Contains(seen, Disputed) && err == nil // the days have a test of their own
				if from != Closed && err == nil || from == Closed && slices.Contains(seen, Disputed) && err == nil {
					rt.Fatalf("disputed from %v", seen)
				}
			case Extended:
				asked := w.office.AskExtension(t.Context(), handler, in.Number, "理由", now)
				err = w.office.Extend(t.Context(), approver, in.Number, true, now)
				want = err == nil
				if (asked == nil) != (err == nil) || err == nil && (slices.Contains(seen, Extended) || from != Assigned && from != Verifying) {
					rt.Fatalf("extended from %v: %v, %v", seen, asked, err)
				}
			default:
				err = w.office.ChangeState(t.Context(), handler, in.Number, Change{To: to, Answer: "答复"}, now)
				want = slices.Contains(moves[from], to) && (to != Notified || isNamed) &&
					(to != Closed || !isNamed || !from.Decided())
			}
			if want != (err == nil) {
				rt.Fatalf("%v → %s: %v", seen, to, err)
			}
			if err == nil {
				seen = append(seen, to)
			}
		}
		r, _, err := w.office.store.report(t.Context(), in.Number)
		if err != nil {
			rt.Fatal(err)
		}
		var happened []State
		for _, e := range r.Events {
			if slices.Contains(States(), State(e.What)) {
				happened = append(happened, State(e.What))
			}
		}
		if r.State != seen[len(seen)-1] || !slices.Equal(happened, seen) {
			rt.Fatalf("state %s, events %v, want %v", r.State, happened, seen)
		}
		clocks, err := r.Clocks(Rules{}, day("2026-12-31"))
		if err != nil {
			rt.Fatal(err)
		}
		decided := slices.ContainsFunc(seen, State.Decided) || slices.Contains(seen, OutOfScope)
		for _, k := range clocks {
			switch k.Name {
			case CheckClock:
				if k.Done.IsZero() == decided {
					rt.Fatalf("check %+v after %v", k, seen)
				}
			case NoticeClock:
				if !isNamed {
					rt.Fatalf("a notice to nobody: %v", seen)
				}
			case RetentionClock:
				if r.State != Closed {
					rt.Fatalf("retention of what is open: %v", seen)
				}
			}
		}
		in2, err := w.rdb.ZScore(t.Context(), w.office.store.open(r.Unit), r.Number).Result()
		if (err == nil) != r.State.Open() {
			rt.Fatalf("open list: %v %v after %v", in2, err, seen)
		}
		if _, err := w.rdb.ZScore(t.Context(), w.office.store.retain(), r.Number).Result(); (err == nil) != (r.State == Closed) {
			rt.Fatalf("retention list: %v after %v", err, seen)
		}
		v, err := w.intake.Track(t.Context(), in.claim(), now)
		if err != nil || len(v.Thread) != r.Posts || !bytes.Equal(v.Document, in.Document) {
			rt.Fatalf("%d of %d messages, %v", len(v.Thread), r.Posts, err)
		}
	})
}

// rotated is the office of a unit whose key is another one now.
func (w *town) rotated(t *testing.T, unit string, to seal.Identity) *Office {
	t.Helper()
	identities, units := maps.Clone(w.units), Units{}
	identities[unit] = to
	for label, id := range identities {
		units[label] = id.Recipient()
	}
	o, err := NewOffice(w.j, w.keys, OfficeConfig{
		Identities: identities, Units: units, Escrow: w.escrow.Recipient(), Custodian: w.custody, Evidence: w.evidence,
	})
	ok(t, err)
	return o
}

func TestRemarksOfAUnitOpenWithItsNewKey(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *town) {
		const unit = "410702"
		in, same := w.lodge(t, withName()), w.lodge(t, withName())
		w.walk(t, in.Number, noon, Assigned, Verifying)
		ok(t, w.office.Note(t.Context(), handler, in.Number, "先查台账", noon))
		ok(t, w.office.AskExtension(t.Context(), handler, in.Number, "检验未完", noon))
		ok(t, w.office.Merge(t.Context(), handler, same.Number, in.Number, noon))
		opener, by := w.units[unit], UnitLabel(unit)
		for _, how := range []string{"rotated", "rescued by the escrow"} {
			next := generate(t)
			_, err := w.keys.RewrapAll(t.Context(), by, opener, UnitLabel(unit), next.Recipient(), nil)
			ok(t, err)
			// Nothing was done about the remarks yet: the rest is there all the same.
			o, err := w.rotated(t, unit, next).Open(t.Context(), handler, in.Number, noon)
			if err != nil {
				t.Fatalf("%s: with a remark of the former key: %v", how, err)
			}
			if len(o.Notes) != 3 || !o.Notes[0].Lost || o.Notes[0].Text != "" || o.Lodged.Narrative == "" {
				t.Errorf("%s: %+v", how, o.Notes)
			}
			if by != EscrowLabel { // both keys, as between the two steps
				opener, err = seal.ParseIdentity(opener.Reveal() + "\n" + next.Reveal())
				ok(t, err)
			}
			for range 2 {
				n, err := RenewNotes(t.Context(), w.j, w.keys, Renewal{Unit: unit, By: by, Opener: opener, To: next.Recipient(), Escrow: w.escrow.Recipient()}, noon)
				if n != 4 {
					t.Errorf("%s: %d renewed", how, n)
				}
				ok(t, err)
			}
			if o, err = w.rotated(t, unit, next).Open(t.Context(), handler, in.Number, noon); err != nil {
				t.Fatalf("%s: %v", how, err)
			}
			if len(o.Notes) != 2 || o.Notes[0].Text != "先查台账" || o.Notes[0].Lost || !slices.Equal(o.Same, []string{same.Number}) {
				t.Errorf("%s: %+v", how, o.Notes)
			}
			opener, by = w.escrow, EscrowLabel
		}
		if _, err := w.intake.Track(t.Context(), in.claim(), noon); err != nil {
			t.Errorf("the reporter: %v", err)
		}
	})
}

func TestExtensionThatAFormerUnitAskedForIsNotTheNextOnes(t *testing.T) {
	t.Parallel()
	w := desk(t)
	in := w.lodge(t, withName())
	w.walk(t, in.Number, noon, Assigned)
	ok(t, w.office.AskExtension(t.Context(), handler, in.Number, "检验未完", noon))
	there := officer("m", "410711", staff.Handler)
	ok(t, w.office.Reroute(t.Context(), handler, in.Number, "410711", "行为地在牧野区", noon))
	head := officer("h", "410711", staff.Approver)
	if err := w.office.Extend(t.Context(), head, in.Number, true, noon); !fault.Is(err, fault.Conflict) {
		t.Errorf("decided by another unit's head: %v", err)
	}
	// Back again, whoever asked handled nothing there: he must not decide it either.
	ok(t, w.office.Reroute(t.Context(), there, in.Number, "410702", "退回", noon))
	self := officer("u-handler", "410702", staff.Handler, staff.Approver)
	if err := w.office.Extend(t.Context(), self, in.Number, true, noon); !fault.Is(err, fault.Conflict) {
		t.Errorf("decided by who asked: %v", err)
	}
	ok(t, w.office.ChangeState(t.Context(), handler, in.Number, Change{To: Assigned}, noon))
	ok(t, w.office.AskExtension(t.Context(), handler, in.Number, "检验未完", noon))
}

func TestRefusedReroutingGivesNobodyAKey(t *testing.T) {
	t.Parallel()
	w := desk(t)
	in := w.lodge(t, withName())
	w.walk(t, in.Number, noon, Assigned, Verifying, NotFiled)
	if err := w.office.Reroute(t.Context(), handler, in.Number, "410711", "x", noon); !fault.Is(err, fault.Conflict) {
		t.Errorf("after the decision: %v", err)
	}
	labels, err := w.keys.Labels(t.Context(), in.Report.Key)
	if err != nil || slices.Contains(labels, "unit:410711") {
		t.Errorf("labels %q, %v", labels, err)
	}
}

func TestReporterDoesNotSeeALegalHold(t *testing.T) {
	t.Parallel()
	w := desk(t)
	in := w.lodge(t, withoutName())
	w.walk(t, in.Number, noon, Assigned, Verifying, NotFiled, Closed)
	before, err := w.intake.Track(t.Context(), in.claim(), noon)
	ok(t, err)
	ok(t, w.office.Hold(t.Context(), approver, in.Number, true, "另案需要", noon))
	after, err := w.intake.Track(t.Context(), in.claim(), noon)
	ok(t, err)
	if fmt.Sprint(before.Clocks, before.Report) != fmt.Sprint(after.Clocks, after.Report) {
		t.Errorf("before %v, after %v", before.Clocks, after.Clocks)
	}
}
