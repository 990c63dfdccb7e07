package casework

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"ipcredit/shared/fault"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
	"ipcredit/shared/workday"
)

// sound says what is wrong with a case in any state that can be reached: an open
// one has an owner and a clock that runs and does not stand; two officers have it
// from the investigation on, or a queue does; nobody is handler and reviewer and
// approver at once; only the province ends an unlicensed agency.
func sound(c Case, rules Rules, today workday.Date) error {
	clocks, err := c.Clocks(rules, today)
	if err != nil {
		return err
	}
	live := slices.ContainsFunc(kept(clocks), func(k Clock) bool { return k.Running() && !k.Paused })
	switch {
	case c.Open() && c.Owner() == "":
		return fmt.Errorf("%s has no owner", c.State)
	case c.Open() && !live:
		return fmt.Errorf("%s has no clock that runs: %+v", c.State, c.Events)
	case !c.Open() && slices.ContainsFunc(clocks, Clock.Running):
		return fmt.Errorf("%s has a clock that runs: %+v", c.State, clocks)
	case len(c.Handlers) > 2:
		return fmt.Errorf("handlers %v", c.Handlers)
	case c.State == Closed && (len(c.waiting()) > 0 || len(c.preserved()) > 0):
		return fmt.Errorf("closed while it waits for %v and holds %v", c.waiting(), c.preserved())
	case c.provincial() && !c.Entrusted.InForce(today) && (c.State == Decided || c.Penalty != nil):
		return fmt.Errorf("an unlicensed agency was punished here")
	case c.Penalty != nil && slices.Contains(c.Penalty.Measures, Determination):
		return fmt.Errorf("a determination was made here")
	}
	for _, k := range clocks {
		if k.Due.IsZero() || k.From.IsZero() {
			return fmt.Errorf("clock %+v", k)
		}
	}
	for _, u := range c.Approvers {
		if slices.Contains(c.Worked, u) || slices.Contains(c.Reviewers, u) {
			return fmt.Errorf("%s approved and did something else", u)
		}
	}
	for _, u := range c.Reviewers {
		if slices.Contains(c.Worked, u) {
			return fmt.Errorf("%s reviewed and handled", u)
		}
	}
	for _, u := range c.Recused {
		if slices.Contains(c.Handlers, u) {
			return fmt.Errorf("%s was recused and handles it", u)
		}
	}
	return nil
}

// reasonable fills in what a move needs besides the state.
func reasonable(to State, today workday.Date) Change {
	ch := Change{To: to, Reason: "理由", Body: "样例机关"}
	if to == Decided {
		ch.Penalty = &Penalty{
			Instrument: "新测市监处罚〔2026〕1号", On: today, Target: MarkInfringer, Measures: []Measure{Fine}, FineFen: 1000, BaseFen: 100,
		}
	}
	return ch
}

// TestNoSequenceOfEventsLeavesAnOpenCaseWithoutOwnerAndClock walks random
// sequences of what officers can ask for, legal and not, over the pure rules.
func TestNoSequenceOfEventsLeavesAnOpenCaseWithoutOwnerAndClock(t *testing.T) {
	t.Parallel()
	reached := map[State]int{}
	handlers, others := []string{"h1", "h2", "h3", "h4"}, []string{"r1", "a1"}
	rapid.Check(t, func(t *rapid.T) {
		today := day("2026-03-02").AddDays(rapid.IntRange(0, 200).Draw(t, "start"))
		rules := Rules{}.Filled()
		kind := rapid.SampledFrom(Kinds()).Draw(t, "kind")
		c := Case{Number: "AJ410702-2026-00001", Kind: kind, Unit: "410702", Division: "410702", ReceivedOn: today}
		c.reach(Lead, today, "h1")
		if rapid.Bool().Draw(t, "filed") {
			c.Events = nil
			c.reach(Filed, today, "h1")
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			if rapid.IntRange(0, 3).Draw(t, "pass") == 0 {
				today = today.AddDays(rapid.IntRange(1, 40).Draw(t, "days"))
			}
			before := c
			before.Events = slices.Clone(c.Events)
			next := c
			next.Events = slices.Clone(c.Events)
			as := func(user string) doing { return doing{by: user, as: []string{user}, today: today, rules: rules} }
			handler := rapid.SampledFrom(handlers).Draw(t, "handler")
			if len(c.Handlers) > 0 && rapid.IntRange(0, 4).Draw(t, "mine") > 0 {
				handler = c.Handlers[0]
			}
			who := map[staff.Action]string{staff.CaseHandle: handler, staff.CaseReview: "r1", staff.CaseApprove: "a1"}
			var err error
			act := rapid.IntRange(0, 17+20).Draw(t, "act")
			switch act {
			case 0, 1, 2, 3, 4:
				to := rapid.SampledFrom(States()).Draw(t, "to")
				if legal := c.Next(today); len(legal) > 0 && rapid.IntRange(0, 3).Draw(t, "legal") > 0 {
					to = rapid.SampledFrom(legal).Draw(t, "way").To
				}
				user, known := handler, false
				for _, n := range c.Next(today) {
					if n.To == to {
						user, known = who[n.Action], true
					}
				}
				if err = next.move(as(user), reasonable(to, today)); err == nil && !known {
					t.Fatalf("a move from %s to %s that is not offered", c.State, to)
				}
				if err == nil && to == Decided && len(c.Handlers) != 2 {
					t.Fatalf("decided with %d officers", len(c.Handlers))
				}
			case 5, 6, 7:
				f := Fact{What: PauseBegun}
				if facts := c.Facts(); len(facts) > 0 {
					f.What = rapid.SampledFrom(facts).Draw(t, "fact")
				}
				switch f.What {
				case PauseBegun:
					f.Ref = rapid.SampledFrom(Waits()).Draw(t, "wait")
				case PauseEnded:
					f.Ref = c.waiting()[0]
				case PreservedDone:
					f.Ref = c.preserved()[0].Ref
				case HearingNoticed:
					from, _ := HearingFrom(rules, today)
					f.Until = from.AddDays(rapid.IntRange(-3, 10).Draw(t, "until"))
				}
				err = next.record(as(handler), f)
			case 8:
				err = next.claim(as(handler))
			case 9:
				users := slices.Clone(handlers)
				n := rapid.IntRange(0, 2).Draw(t, "n")
				err = next.assign(as("i1"), users[rapid.IntRange(0, 2).Draw(t, "from"):][:n])
			case 10:
				err = next.askExtension(as(handler), rapid.SampledFrom([]string{CheckClock, DecisionClock, ReviewClock}).Draw(t, "clock"))
			case 11:
				e := Extending{Grant: rapid.Bool().Draw(t, "grant"), Clock: c.asking(), Collective: today, Days: rapid.IntRange(0, 60).Draw(t, "more")}
				clocks, _ := c.Clocks(rules, today)
				k, _ := named(clocks, e.Clock)
				if err = next.extend(as("a1"), e); err == nil && e.Grant && today.After(k.Due) {
					t.Fatalf("extended after the deadline %s on %s", k.Due, today)
				}
			case 12:
				if c.Office == "" {
					err = next.delegate(as("i1"), "office", "bureau")
				} else {
					err = next.undelegate(as("i1"))
				}
			case 13:
				err = next.offer(as(handler), rapid.SampledFrom([]string{"410711", "410700", "410771", "410702"}).Draw(t, "unit"))
			case 14:
				switch rapid.IntRange(0, 4).Draw(t, "answer") {
				case 0:
					err = next.accept(as("x1"))
					next.Leaving = ""
				case 1:
					err = next.decline(as("x1"))
				case 2:
					err = next.withdraw(as(handler))
				case 3:
					err = next.dispute(as(handler))
				case 4:
					unit := c.Unit
					if c.Offer != nil && rapid.Bool().Draw(t, "other") {
						unit = c.Offer.To
					}
					err = next.settle(as("s1"), unit)
					next.Leaving = ""
				}
			case 15:
				instead := rapid.SampledFrom(append(slices.Clone(handlers), "")).Draw(t, "instead")
				err = next.recuse(as("a1"), rapid.SampledFrom(append(slices.Clone(handlers), others...)).Draw(t, "user"), instead)
			case 16:
				err = next.handOver(as("i1"), handler, rapid.SampledFrom(handlers).Draw(t, "colleague"))
			case 17:
				err = next.confirmZone(as(handler), rapid.SampledFrom([]string{"", "410771", "410702"}).Draw(t, "zone"))
			default:
				err = forward(t, &next, as, who, today, rules)
			}
			if err != nil {
				if _, is := fault.Of(err); !is {
					t.Fatalf("act %d: %v", act, err)
				}
				c = before
			} else {
				c = next
			}
			if err := sound(c, rules, today); err != nil {
				t.Fatal(err)
			}
			reached[c.State]++
		}
	})
	for _, s := range States() {
		// Merging needs two cases: see TestMergingKeepsTheOlderClock.
		if reached[s] == 0 && s != Merged {
			t.Logf("the walk never came to %s", s)
		}
	}
}

// forward is what a diligent officer does next, so that a walk also comes far.
func forward(t *rapid.T, c *Case, as func(string) doing, who map[staff.Action]string, today workday.Date, rules Rules) error {
	switch {
	case len(c.Handlers) < 2 && c.Open():
		return c.assign(as("i1"), []string{"h1", "h2"})
	case c.Offer != nil:
		return c.withdraw(as("h1"))
	case len(c.waiting()) > 0:
		return c.record(as(c.Handlers[0]), Fact{What: PauseEnded, Ref: c.waiting()[0]})
	case len(c.preserved()) > 0:
		return c.record(as(c.Handlers[0]), Fact{What: PreservedDone, Ref: c.preserved()[0].Ref})
	}
	for _, f := range []string{NoticeServed, HearingHeld, HearingNoticed, DefenceWaived, ServiceMade, ReceiptGot} {
		if slices.Contains(c.Facts(), f) && (f != DefenceWaived || rapid.Bool().Draw(t, "waived")) {
			from, _ := HearingFrom(rules, today)
			return c.record(as(c.Handlers[0]), Fact{What: f, Until: from})
		}
	}
	var ways []Next
	for _, n := range c.Next(today) {
		if !n.To.Transferred() && n.To != Suspended && n.To != NotFiled && n.To != NoDetermination {
			ways = append(ways, n)
		}
	}
	if len(ways) == 0 {
		return fault.New(fault.Conflict, "casework.closed")
	}
	n := rapid.SampledFrom(ways).Draw(t, "forward")
	user := who[n.Action]
	if n.Action == staff.CaseHandle {
		user = c.Handlers[0]
	}
	return c.move(as(user), reasonable(n.To, today))
}

// TestEveryStateIsReachedAndLeftInTheEnd: from each state that is open, some way
// leads to one that is not.
func TestEveryStateIsReachedAndLeftInTheEnd(t *testing.T) {
	t.Parallel()
	for _, kind := range []Kind{tipoff.Infringement, tipoff.UnlicensedAgency} {
		for _, from := range States() {
			if !from.Open() {
				if len(moves[from]) > 0 {
					t.Errorf("%s has ended and goes on", from)
				}
				continue
			}
			seen := map[State]bool{from: true}
			for todo := []State{from}; len(todo) > 0; todo = todo[1:] {
				c := Case{Kind: kind, State: todo[0], Unit: "410702", Events: []Event{onState("2026-03-02", Lead)}}
				for _, n := range c.Next(day("2026-03-02")) {
					if !seen[n.To] {
						seen[n.To] = true
						todo = append(todo, n.To)
					}
				}
			}
			ends := slices.ContainsFunc(States(), func(s State) bool { return seen[s] && !s.Open() })
			if !ends {
				t.Errorf("%s: nothing ends from %s", kind, from)
			}
			if kind == tipoff.UnlicensedAgency && (from == Lead || from == Investigating) {
				if !seen[ToProvince] || seen[Decided] || seen[Notice] {
					t.Errorf("an unlicensed agency goes from %s to %v", from, seen)
				}
			}
		}
	}
}
