package tipoff

import (
	"testing"

	"ipcredit/shared/workday"

	"pgregory.net/rapid"
)

// after builds a report from its day and what happened: pairs of day and event.
func after(received string, named bool, events ...string) Report {
	r := Report{Number: "100000000000", Day: day(received), State: Received, Named: named, Unit: "410702"}
	r.happen(string(Received), r.Day, "")
	for i := 0; i < len(events); i += 2 {
		r.happen(events[i+1], day(events[i]), "u")
		if s := State(events[i+1]); s.Decided() || s == Closed || s == Notified || s == OutOfScope || s == Disputed {
			r.State = s
		}
	}
	return r
}

func clockNamed(t *testing.T, r Report, name, today string) (Clock, bool) {
	t.Helper()
	clocks, err := r.Clocks(Rules{}, day(today))
	ok(t, err)
	for n := len(clocks) - 1; n >= 0; n-- {
		if clocks[n].Name == name {
			return clocks[n], true
		}
	}
	return Clock{}, false
}

// Domain reference M.1 to M.3.
func TestCheckEndsAfterFifteenWorkingDaysOfTheOfficialCalendar(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, received, due, extended string
		provisional                   bool
	}{
		{"across the National Day holiday, with shifted days", "2025-09-22", "2025-10-17", "2025-11-07", false},
		{"on a rest day within the holiday", "2025-10-04", "2025-10-28", "2025-11-18", false},
		{"the day before the holiday", "2025-09-30", "2025-10-28", "2025-11-18", false},
		{"before the Spring Festival", "2026-02-10", "2026-03-09", "2026-03-30", false},
		{"before Mid-Autumn", "2026-09-18", "2026-10-15", "2026-11-05", false},
		{"into a year without a calendar", "2026-12-21", "2027-01-12", "2027-02-02", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			k, _ := clockNamed(t, after(tt.received, false), CheckClock, tt.received)
			if k.Due != day(tt.due) || k.Extended || k.Provisional != tt.provisional {
				t.Errorf("due %s, provisional %v", k.Due, k.Provisional)
			}
			k, _ = clockNamed(t, after(tt.received, false, tt.received, string(Extended)), CheckClock, tt.received)
			if k.Due != day(tt.extended) || !k.Extended {
				t.Errorf("extended to %s", k.Due)
			}
		})
	}
}

func TestNamedReporterIsToldWithinFiveWorkingDaysAndAnAnonymousOneHasNoSuchTask(t *testing.T) {
	t.Parallel()
	for _, decision := range []State{CaseFiled, NotFiled, Transferred} {
		k, found := clockNamed(t, after("2025-09-22", true, "2025-10-17", string(decision)), NoticeClock, "2025-10-17")
		if !found || k.Due != day("2025-10-24") || !k.Done.IsZero() || k.Labelled {
			t.Errorf("%s: %+v", decision, k)
		}
		if k, found := clockNamed(t, after("2025-09-22", false, "2025-10-17", string(decision)), NoticeClock, "2025-10-17"); found {
			t.Errorf("%s, anonymous: %+v", decision, k)
		}
	}
	k, _ := clockNamed(t, after("2025-09-22", true, "2025-10-17", "not-filed", "2025-10-27", "notified"), NoticeClock, "2026-01-01")
	if k.Done != day("2025-10-27") || !k.Overdue(day("2026-01-01")) {
		t.Errorf("told late: %+v", k)
	}
	if _, found := clockNamed(t, after("2025-09-22", true, "2025-10-17", "out-of-scope"), NoticeClock, "2025-10-17"); found {
		t.Error("what is not ours is told at once, there is no decision to tell of")
	}
}

func TestTheOrderOfTheDayOfTheEventApplies(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ received, decided, check, notice string }{
		{"2026-04-14", "2026-04-14", "tipoff-check@2020-01-01", "tipoff-notice@2020-01-01"},
		{"2026-04-14", "2026-04-15", "tipoff-check@2020-01-01", "tipoff-notice@2026-04-15"},
		{"2026-04-15", "2026-04-15", "tipoff-check@2026-04-15", "tipoff-notice@2026-04-15"},
	} {
		r := after(tt.received, true, tt.decided, "not-filed")
		c, _ := clockNamed(t, r, CheckClock, tt.decided)
		n, _ := clockNamed(t, r, NoticeClock, tt.decided)
		if c.Rule != tt.check || n.Rule != tt.notice || n.Labelled != (tt.notice == "tipoff-notice@2026-04-15") {
			t.Errorf("received %s, decided %s: %s, %s", tt.received, tt.decided, c.Rule, n.Rule)
		}
	}
}

func TestExpertsWorkIsNotCounted(t *testing.T) {
	t.Parallel()
	r := after("2026-06-01", false) // due 2026-06-23: 06-19 is a holiday
	for _, tt := range []struct {
		name, from, to, today, due string
		paused                     bool
	}{
		{"three working days", "2026-06-08", "2026-06-11", "2026-06-11", "2026-06-26", false},
		{"over a weekend", "2026-06-12", "2026-06-15", "2026-06-20", "2026-06-24", false},
		{"a weekend only", "2026-06-12", "2026-06-14", "2026-06-20", "2026-06-23", false},
		{"over the end", "2026-06-22", "2026-07-06", "2026-07-06", "2026-07-07", false},
		{"still waiting", "2026-06-08", "", "2026-06-10", "2026-06-25", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			q := r
			q.Events = append([]Event(nil), r.Events...)
			q.happen(PauseBegun, day(tt.from), "u")
			if tt.to != "" {
				q.happen(PauseEnded, day(tt.to), "u")
			}
			k, _ := clockNamed(t, q, CheckClock, tt.today)
			if k.Due != day(tt.due) || k.Paused != tt.paused || k.Overdue(day("2030-01-01")) == tt.paused {
				t.Errorf("%+v", k)
			}
		})
	}
}

func TestMergingAndReroutingStartNoClockAnew(t *testing.T) {
	t.Parallel()
	k, _ := clockNamed(t, after("2026-06-01", false, "2026-06-05", string(Merged), "2026-06-08", Rerouted, "2026-06-08", string(Received)), CheckClock, "2026-06-09")
	if k.Due != day("2026-06-23") || !k.Done.IsZero() {
		t.Errorf("%+v", k)
	}
}

func TestRetentionGoesByWhatCameOfIt(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		outcome State
		due     string
	}{{NotFiled, "2028-06-30"}, {OutOfScope, "2028-06-30"}, {Transferred, "2028-06-30"}, {CaseFiled, "2056-06-30"}} {
		k, found := clockNamed(t, after("2026-06-01", false, "2026-06-10", string(tt.outcome), "2026-06-30", string(Closed)), RetentionClock, "2026-07-01")
		if !found || k.Due != day(tt.due) || !k.Labelled {
			t.Errorf("%s: %+v", tt.outcome, k)
		}
	}
	r := after("2026-06-01", false, "2026-06-10", string(NotFiled), "2026-06-30", string(Closed), "2026-07-05", string(Disputed))
	if k, found := clockNamed(t, r, RetentionClock, "2026-07-06"); found {
		t.Errorf("a disputed one is open: %+v", k)
	}
	if k, found := clockNamed(t, r, DisputeClock, "2026-07-06"); !found || k.Due != day("2026-07-24") {
		t.Errorf("dispute %+v", k)
	}
	r.happen(string(Closed), day("2026-07-10"), "u")
	if k, _ := clockNamed(t, r, RetentionClock, "2026-07-10"); k.Due != day("2028-07-10") {
		t.Errorf("closed again: %+v", k)
	}
}

// A pause never shortens a limit, and lengthens it by the working days in it.
func TestPausesLengthenByTheirWorkingDays(t *testing.T) {
	t.Parallel()
	cal := workday.Official()
	rapid.Check(t, func(t *rapid.T) {
		received := day("2024-01-01").AddDays(rapid.IntRange(0, 900).Draw(t, "received"))
		begin := received.AddDays(rapid.IntRange(0, 20).Draw(t, "begin"))
		end := begin.AddDays(rapid.IntRange(0, 40).Draw(t, "length"))
		r := Report{Day: received, Events: []Event{{On: received, What: string(Received)}}}
		plain, err := r.Clocks(Rules{}, end)
		if err != nil {
			t.Fatal(err)
		}
		r.happen(PauseBegun, begin, "u")
		r.happen(PauseEnded, end, "u")
		paused, err := r.Clocks(Rules{}, end)
		if err != nil {
			t.Fatal(err)
		}
		due := paused[0].Due
		counted := cal.Between(received, due)
		for d := begin.AddDays(1); !d.After(end); d = d.AddDays(1) {
			if cal.Working(d) && d.After(received) && !d.After(due) {
				counted--
			}
		}
		if counted != 15 || due.Before(plain[0].Due) || !cal.Working(due) {
			t.Fatalf("received %s, pause %s to %s: due %s counts %d", received, begin, end, due, counted)
		}
	})
}
