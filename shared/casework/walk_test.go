package casework

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ipcredit/shared/fault"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
	"ipcredit/shared/workday"
)

// TestNoWalkOverTheStoreLeavesAnOpenCaseWithoutOwnerAndClock lets random people ask
// for random things, and looks at the case, its lists and its clocks in the index.
func TestNoWalkOverTheStoreLeavesAnOpenCaseWithoutOwnerAndClock(t *testing.T) {
	t.Parallel()
	w := desk(t)
	ctx := t.Context()
	names := []string{
		"hongqi.handler", "lead.handler", "lead.handler2", "hongqi.reviewer", "hongqi.approver", "muye.handler", "muye.reviewer",
		"muye.approver", "lead.reviewer", "lead.approver", "lead.intake", "hongqi.suo", "gaoxin.handler", "gaoxin.approver",
	}
	strangers := []string{"science.handler", "police.handler", "discipline.handler", "lead.system", "weibin.approver", "lead.statistics"}
	who := map[string]staff.Actor{}
	for _, n := range slices.Concat(names, strangers) {
		who[n] = w.as(n)
	}
	_, err := w.people.Delegate(ctx, who["hongqi.approver"], "hongqi-suo", []staff.Role{staff.Handler, staff.Intake},
		staff.Span{From: "2026-01-01", To: "2026-12-31"}, "新测市监委〔2026〕1号", w.now)
	ok(t, err)
	rules := Rules{}.Filled()
	start := w.now
	bureauOf := map[string]string{"410700": "lead", "410702": "hongqi", "410711": "muye", "410771": "gaoxin"}
	roleFor := map[staff.Action]string{staff.CaseIntake: "intake", staff.CaseHandle: "handler", staff.CaseReview: "reviewer", staff.CaseApprove: "approver"}
	accepted, reached := 0, map[State]int{}
	rapid.Check(t, func(t *rapid.T) {
		now := start
		d := draft()
		d.Kind = rapid.SampledFrom([]Kind{tipoff.Infringement, tipoff.UnlicensedAgency, tipoff.Counterfeit}).Draw(t, "kind")
		d.Target = TargetsOf(d.Kind)[0]
		d.Filed = rapid.Bool().Draw(t, "filed")
		c, err := w.Open(ctx, who["hongqi.handler"], d, now)
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(5, 25).Draw(t, "steps") {
			if rapid.IntRange(0, 4).Draw(t, "pass") == 0 {
				now = now.Add(time.Duration(rapid.IntRange(1, 20).Draw(t, "days")) * 24 * time.Hour)
			}
			today := workday.DateOf(now)
			name := rapid.SampledFrom(names).Draw(t, "who")
			stranger := rapid.IntRange(0, 9).Draw(t, "stranger") == 0
			if stranger {
				name = rapid.SampledFrom(strangers).Draw(t, "stranger who")
			}
			a := who[name]
			on := seen(c)
			if rapid.IntRange(0, 19).Draw(t, "old") == 0 {
				on.Version--
			}
			ways := c.Next(today)
			act := rapid.IntRange(0, 12+13).Draw(t, "act")
			// Mostly it is somebody who may: else nothing would ever come far.
			fitting := !stranger && rapid.IntRange(0, 4).Draw(t, "fitting") > 0
			fit := func(action staff.Action) {
				if fitting {
					name = bureauOf[c.Unit] + "." + roleFor[action]
					if _, there := who[name]; !there {
						name = "lead." + roleFor[action]
					}
					a = who[name]
				}
			}
			fit(staff.CaseHandle)
			var out Case
			switch act {
			case 0, 1, 2, 3:
				to := rapid.SampledFrom(States()).Draw(t, "to")
				if len(ways) > 0 && rapid.IntRange(0, 5).Draw(t, "legal") > 0 {
					way := rapid.SampledFrom(ways).Draw(t, "way")
					to = way.To
					fit(way.Action)
				}
				out, err = w.Move(ctx, a, on, reasonable(to, today), now)
				if err == nil && !slices.ContainsFunc(ways, func(n Next) bool { return n.To == to }) {
					t.Fatalf("%s was taken from %s to %s", c.Number, c.State, to)
				}
			case 4, 5:
				f := Fact{What: PauseBegun, Ref: "testing", Until: today.AddDays(20)}
				if facts := c.Facts(); len(facts) > 0 {
					f.What = rapid.SampledFrom(facts).Draw(t, "fact")
				}
				if f.What != PauseBegun {
					f.Ref = ""
				}
				out, err = w.Record(ctx, a, on, f, now)
			case 6:
				users := []string{who[bureauOf[c.Unit]+".handler"].User.ID, who["lead.handler2"].User.ID}
				if c.Unit == "410700" {
					fit(staff.CaseIntake)
				}
				out, err = w.Assign(ctx, a, on, users[:min(2, rapid.IntRange(0, 4).Draw(t, "n"))], now)
			case 7:
				out, err = w.Claim(ctx, a, on, now)
			case 8:
				out, err = w.AskExtension(ctx, a, on, rapid.SampledFrom([]string{CheckClock, DecisionClock}).Draw(t, "clock"), "理由", now)
			case 9:
				fit(staff.CaseApprove)
				out, err = w.Extend(ctx, a, on, Extending{Grant: true, Collective: today, Days: 10}, now)
			case 10:
				out, err = w.OfferTo(ctx, a, on, rapid.SampledFrom([]string{"410711", "410771", "410700"}).Draw(t, "unit"), "理由", now)
			case 11:
				if fitting && c.Offer != nil {
					a = who[bureauOf[c.Offer.To]+".handler"]
				}
				switch rapid.IntRange(0, 3).Draw(t, "answer") {
				case 0:
					out, err = w.Accept(ctx, a, on, now)
				case 1:
					out, err = w.Decline(ctx, a, on, "理由", now)
				case 2:
					fit(staff.CaseHandle)
					out, err = w.Dispute(ctx, a, on, "理由", now)
				case 3:
					if fitting {
						a = who["lead.approver"]
					}
					out, err = w.Settle(ctx, a, on, rapid.SampledFrom([]string{"410702", "410711"}).Draw(t, "to unit"), "理由", now)
				}
			case 12:
				if c.Office == "" {
					out, err = w.Delegate(ctx, a, on, "hongqi-suo", now)
				} else {
					out, err = w.Return(ctx, a, on, "理由", now)
				}
			default:
				stranger = false
				on = seen(c)
				out, err = w.diligent(t, c, who, bureauOf, roleFor, now)
			}
			if err != nil {
				if _, is := fault.Of(err); !is {
					t.Fatalf("act %d: %v", act, err)
				}
				still, err := w.one(ctx, c.Number)
				if err != nil || still.Version != c.Version {
					t.Fatalf("act %d was refused and changed the case: %v", act, err)
				}
				continue
			}
			if accepted++; stranger || on.Version != c.Version {
				t.Fatalf("act %d of %s on version %d was accepted", act, name, on.Version)
			}
			c = out
			reached[c.State]++
			if err := sound(c, rules, today); err != nil {
				t.Fatal(err)
			}
			placed(t, w, c)
		}
	})
	t.Logf("%d acts were accepted: %v", accepted, reached)
	if accepted == 0 {
		t.Error("nothing was ever accepted")
	}
}

// diligent is what those who have the case do next.
func (w *town) diligent(t *rapid.T, c Case, who map[string]staff.Actor, bureauOf map[string]string, roleFor map[staff.Action]string, now time.Time) (Case, error) {
	ctx, today, bureau := w.t.Context(), workday.DateOf(now), bureauOf[c.Unit]
	handler := who[bureau+".handler"]
	for _, a := range who {
		if len(c.Handlers) > 0 && a.User.ID == c.Handlers[0] {
			handler = a
		}
	}
	record := func(f Fact) (Case, error) { return w.Record(ctx, handler, seen(c), f, now) }
	switch {
	case len(c.Handlers) < 2 && c.Open():
		intake := who[bureau+".handler"]
		if bureau == "lead" {
			intake = who["lead.intake"]
		}
		return w.Assign(ctx, intake, seen(c), []string{who[bureau+".handler"].User.ID, who["lead.handler2"].User.ID}, now)
	case c.Offer != nil:
		return w.Withdraw(ctx, handler, seen(c), now)
	case len(c.waiting()) > 0:
		return record(Fact{What: PauseEnded, Ref: c.waiting()[0]})
	case len(c.preserved()) > 0:
		return record(Fact{What: PreservedDone, Ref: c.preserved()[0].Ref})
	case c.State == Filed && c.zoneOpen():
		return w.ConfirmZone(ctx, handler, seen(c), c.Division, "示例路1号", now)
	}
	for _, f := range []string{NoticeServed, HearingHeld, HearingNoticed, DefenceWaived, ServiceMade, ReceiptGot} {
		if slices.Contains(c.Facts(), f) && (f != DefenceWaived || rapid.Bool().Draw(t, "waived")) {
			from, _ := HearingFrom(Rules{}, today)
			return record(Fact{What: f, Until: from})
		}
	}
	var ways []Next
	for _, n := range c.Next(today) {
		if !n.To.Transferred() && n.To != Suspended && n.To != NotFiled && n.To != NoDetermination {
			ways = append(ways, n)
		}
	}
	if len(ways) == 0 {
		return c, fault.New(fault.Conflict, "casework.closed")
	}
	n := rapid.SampledFrom(ways).Draw(t, "forward")
	a := handler
	if n.Action != staff.CaseHandle {
		var there bool
		if a, there = who[bureau+"."+roleFor[n.Action]]; !there {
			a = who["lead."+roleFor[n.Action]]
		}
	}
	return w.Move(ctx, a, seen(c), reasonable(n.To, today), now)
}

// placed checks that the case stands in the lists of who has it and in no other,
// and that deadline-tick knows of its clocks.
func placed(t *rapid.T, w *town, c Case) {
	ctx := w.t.Context()
	for _, unit := range []string{"410700", "410702", "410711", "410771"} {
		_, open := w.rdb.ZScore(ctx, w.key("open", unit), c.Number).Result()
		_, closed := w.rdb.ZScore(ctx, w.key("closed", unit), c.Number).Result()
		_, offered := w.rdb.ZScore(ctx, w.key("offered", unit), c.Number).Result()
		if (open == nil) != (c.Open() && c.Unit == unit) || (closed == nil) != (!c.Open() && c.Unit == unit) ||
			(offered == nil) != (c.Open() && c.Offer != nil && c.Offer.To == unit) {
			t.Fatalf("%s (%s of %s) in the lists of %s: %v %v %v", c.Number, c.State, c.Unit, unit, open, closed, offered)
		}
	}
	for _, s := range States() {
		if w.rdb.SIsMember(ctx, w.by("state", string(s)), c.Number).Val() != (c.State == s) {
			t.Fatalf("%s stands among %s", c.Number, s)
		}
	}
	held, known, err := w.clocks.Of(ctx, Ref(c.Number))
	if err != nil || known != c.Open() || known && (held.Unit != c.Unit || !slices.Equal(held.Owners, c.Owners())) {
		t.Fatalf("%s in the index: %v %v %+v", c.Number, known, err, held)
	}
}

func TestRecountMovesWhatTheDayHasMoved(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *town) {
		ctx := t.Context()
		still := w.opened(draft())
		d := draft()
		d.Filed = true
		c := w.two(w.opened(d))
		c = w.record(c, "hongqi.handler", Fact{What: PauseBegun, Ref: "appraisal"})
		rules, err := w.Rules(ctx)
		ok(t, err)
		score := func() float64 { return w.rdb.ZScore(ctx, w.key("open", "410702"), c.Number).Val() }
		before := score()
		if n, err := Recount(ctx, w.j, w.clocks, rules, w.now); n != 0 || err != nil {
			t.Errorf("moved %d on the same day: %v", n, err)
		}
		// The wait is looked at on 06-19; after it that clock is what is due, and the
		// decision's day goes on with the wait.
		c = w.record(c, "hongqi.handler", Fact{What: PauseEnded})
		middle := score()
		if middle == before {
			t.Error("the end of a wait moved nothing")
		}
		version := c.Version
		if n, err := Recount(ctx, w.j, w.clocks, rules, on2("2026-08-01")); err != nil || n != 0 {
			t.Errorf("%d %v", n, err)
		}
		// Another calendar: a working day more or less moves the lead's check.
		year := workday.Year{}
		for _, y := range workday.Official().Years() {
			if y.Year == 2026 {
				year = y
			}
		}
		year.Off, year.Published, year.Notice = slices.Clone(year.Off), day("2026-05-20"), "国办发明电〔2026〕测1号"
		year.Off = append(year.Off, workday.Span{Name: "临时放假", From: day("2026-05-25"), To: day("2026-05-26")})
		cal, err := workday.NewCalendar(year)
		ok(t, err)
		rules.Calendar = cal
		if n, err := Recount(ctx, w.j, w.clocks, rules, w.now); err != nil || n != 1 {
			t.Errorf("%d %v", n, err)
		}
		if got := w.rdb.ZScore(ctx, w.key("open", "410702"), still.Number).Val(); got != 20260612 {
			t.Errorf("the check is due %v", got)
		}
		now, err := w.one(ctx, c.Number)
		ok(t, err)
		if now.Version != version {
			t.Error("a recount is nobody's change")
		}
	})
}

func FuzzNumbersAndCursors(f *testing.F) {
	f.Add("AJ410702-2026-00001")
	f.Add("ａｊ410702－2026－00001")
	f.Add("410702~20260101~AJ410702-2026-00001")
	f.Add("ZL 2025 1 0999999.3")
	f.Fuzz(func(t *testing.T, s string) {
		if n, err := ParseNumber(s); err == nil && !numberForm.MatchString(n) {
			t.Errorf("%q is the number %q", s, n)
		}
		if p, err := parsePlace(s, []string{"410702"}); err == nil && p.unit != "410702" {
			t.Errorf("%q is the place %+v", s, p)
		}
		app, mark, err := parseNumber(s)
		if err == nil && (app == "") == (mark == "") {
			t.Errorf("%q is %q and %q", s, app, mark)
		}
		_, err = Draft{Kind: tipoff.Infringement, Source: OwnCheck, Numbers: []string{s}, Agents: []string{s}, Tags: []string{s}, Campaign: s, Facts: s,
			Parties: []Party{{Name: s, Code: s, Role: Respondent}}, People: []Person{{Name: s, Contact: s, Role: Agent}}}.check(day("2026-05-20"))
		if _, is := fault.Of(err); err != nil && !is {
			t.Error(err)
		}
	})
}
