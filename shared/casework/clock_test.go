package casework

import (
	"testing"

	"ipcredit/shared/tipoff"
	"ipcredit/shared/workday"
)

// at builds a case from days and events.
func at(received string, events ...Event) Case {
	c := Case{Number: "AJ410702-2026-00001", Kind: tipoff.Infringement, Unit: "410702", Division: "410702", ReceivedOn: day(received), Events: events}
	for _, e := range events {
		for _, s := range States() {
			if e.What == string(s) {
				c.State = s
			}
		}
	}
	return c
}

func on(d, what string, more ...func(*Event)) Event {
	e := Event{On: day(d), What: what}
	for _, f := range more {
		f(&e)
	}
	return e
}

func ref(s string) func(*Event)       { return func(e *Event) { e.Ref = s } }
func days(n int) func(*Event)         { return func(e *Event) { e.Days = n } }
func until(s string) func(*Event)     { return func(e *Event) { e.Until = day(s) } }
func onState(d string, s State) Event { return on(d, string(s)) }

func TestEachObligationHasItsClock(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		c     Case
		today string
		clock string
		due   string
	}{
		{"a lead: 15 working days", at("2025-09-22", onState("2025-09-22", Lead)), "2025-09-22", CheckClock, "2025-10-17"},
		{"a lead received on a rest day", at("2025-10-04", onState("2025-10-09", Lead)), "2025-10-09", CheckClock, "2025-10-28"},
		{"a lead, extended", at("2025-09-22", onState("2025-09-22", Lead), on("2025-10-17", CheckExtended, days(15))), "2025-10-17", CheckClock, "2025-11-07"},
		{"90 days that end in a holiday", at("2026-07-05", onState("2026-07-05", Filed)), "2026-07-05", DecisionClock, "2026-10-08"},
		{"90 days", at("2026-07-01", onState("2026-07-01", Filed)), "2026-07-01", DecisionClock, "2026-09-29"},
		{"90 + 30 days", at("2026-07-01", onState("2026-07-01", Filed), on("2026-09-01", Extended, days(30))), "2026-09-01", DecisionClock, "2026-10-29"},
		{"90 + 30 + 20 days", at("2026-03-02", onState("2026-03-02", Filed), on("2026-05-01", Extended, days(30)), on("2026-06-01", ExtendedAgain, days(20))), "2026-06-01", DecisionClock, "2026-07-20"},
		{"ten days of an appraisal are not counted", at("2026-07-01", onState("2026-07-01", Filed), on("2026-07-10", PauseBegun, ref("appraisal")), on("2026-07-20", PauseEnded, ref("appraisal"))), "2026-07-20", DecisionClock, "2026-10-09"},
		{"two that lie over each other count once", at("2026-07-01", onState("2026-07-01", Filed), on("2026-07-10", PauseBegun, ref("appraisal")), on("2026-07-12", PauseBegun, ref("testing")), on("2026-07-15", PauseEnded, ref("appraisal")), on("2026-07-20", PauseEnded, ref("testing"))), "2026-07-20", DecisionClock, "2026-10-09"},
		{"a suspension is not counted", at("2026-03-02", onState("2026-03-02", Filed), onState("2026-03-03", Investigating), onState("2026-03-10", Suspended), onState("2026-04-09", Investigating)), "2026-04-09", DecisionClock, "2026-06-30"},
		{"a suspension looks again", at("2026-03-02", onState("2026-03-02", Filed), onState("2026-03-03", Investigating), onState("2026-03-10", Suspended)), "2026-03-10", SuspensionClock, "2026-04-09"},
		{"a hearing is not counted until it is held", at("2026-03-02", onState("2026-03-02", Filed), onState("2026-03-03", Investigating), onState("2026-03-10", Review), onState("2026-03-11", Notice), on("2026-03-11", NoticeServed), onState("2026-03-16", Hearing), on("2026-03-16", HearingNoticed, until("2026-03-25")), on("2026-03-26", HearingHeld)), "2026-03-27", DecisionClock, "2026-06-10"},
		{"with a body that returned it", at("2026-03-02", onState("2026-03-02", Filed), onState("2026-03-03", Investigating), onState("2026-03-10", ToPolice), onState("2026-03-20", Investigating)), "2026-03-20", DecisionClock, "2026-06-10"},
		{"review: 10 working days", at("2026-04-20", onState("2026-04-20", Filed), onState("2026-04-21", Investigating), onState("2026-04-27", Review)), "2026-04-27", ReviewClock, "2026-05-13"},
		{"review, extended", at("2026-04-20", onState("2026-04-20", Filed), onState("2026-04-21", Investigating), onState("2026-04-27", Review), on("2026-04-28", ReviewExtended, days(10))), "2026-04-28", ReviewClock, "2026-05-27"},
		{"five days to ask for a hearing", at("2026-04-20", onState("2026-04-20", Filed), onState("2026-04-21", Investigating), onState("2026-04-27", Review), onState("2026-04-29", Notice), on("2026-04-30", NoticeServed)), "2026-04-30", DefenceClock, "2026-05-11"},
		{"preserved evidence: 7 working days", at("2026-04-20", onState("2026-04-20", Lead), on("2026-04-29", Preserved, ref("1"))), "2026-04-29", PreservationClock, "2026-05-12"},
		{"service: 7 working days", at("2026-04-20", onState("2026-04-20", Filed), onState("2026-04-21", Investigating), onState("2026-04-22", Review), onState("2026-04-23", Notice), onState("2026-04-29", Decided)), "2026-04-29", ServiceClock, "2026-05-12"},
		{"payment: 15 days", at("2026-04-20", onState("2026-04-20", Filed), onState("2026-04-29", Decided), onState("2026-04-30", Served)), "2026-04-30", PerformanceClock, "2026-05-15"},
		{"a dispute on jurisdiction: 7 working days", at("2026-04-20", onState("2026-04-20", Lead), on("2026-04-28", Offered, ref("410711")), on("2026-04-28", Declined, ref("410711")), on("2026-04-29", DisputeBegun, ref("410711"))), "2026-04-29", JurisdictionClock, "2026-05-12"},
		{"a transfer waits for its receipt", at("2026-04-20", onState("2026-04-20", Lead), onState("2026-04-29", ToProvince)), "2026-04-29", ReceiptClock, "2026-05-15"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			clocks, err := tt.c.Clocks(Rules{}, day(tt.today))
			ok(t, err)
			k, runs := named(clocks, tt.clock)
			if !runs || k.Due != day(tt.due) {
				t.Fatalf("%s due %v (%v), want %s; all: %+v", tt.clock, k.Due, runs, tt.due, clocks)
			}
			if k.Basis.Source == "" || k.Rule == "" {
				t.Error("a clock without its basis")
			}
		})
	}
}

func TestAClockEndsWithItsObligation(t *testing.T) {
	t.Parallel()
	c := at("2026-04-20", onState("2026-04-20", Lead), onState("2026-04-21", Filed), onState("2026-04-22", Investigating), onState("2026-04-23", Review), onState("2026-04-24", Notice), on("2026-04-24", NoticeServed))
	k := func(today, name string) Clock {
		clocks, err := c.Clocks(Rules{}, day(today))
		ok(t, err)
		for _, x := range clocks {
			if x.Name == name {
				return x
			}
		}
		t.Fatalf("no clock %s", name)
		return Clock{}
	}
	if x := k("2026-04-24", CheckClock); x.Done != day("2026-04-21") {
		t.Errorf("check: %+v", x)
	}
	if x := k("2026-04-24", ReviewClock); x.Done != day("2026-04-24") {
		t.Errorf("review: %+v", x)
	}
	// Five working days after 04-24, past the holiday of May: the party's time then
	// passes by itself.
	if x := k("2026-05-06", DefenceClock); !x.Running() || x.Due != day("2026-05-06") {
		t.Errorf("defence on its last day: %+v", x)
	}
	if x := k("2026-05-07", DefenceClock); x.Running() || x.Overdue(day("2026-05-07")) {
		t.Errorf("defence after it: %+v", x)
	}
	for _, s := range []State{Decided, Served, Performed, Closed} {
		c.Events = append(c.Events, onState("2026-05-08", s))
		c.State = s
	}
	clocks, err := c.Clocks(Rules{}, day("2026-06-01"))
	ok(t, err)
	for _, x := range clocks {
		if x.Running() {
			t.Errorf("a closed case has the clock %+v", x)
		}
	}
}

func TestAPausedClockStands(t *testing.T) {
	t.Parallel()
	c := at("2026-07-01", onState("2026-07-01", Filed), on("2026-07-10", PauseBegun, ref("appraisal")))
	clocks, err := c.Clocks(Rules{}, day("2027-07-01"))
	ok(t, err)
	k, _ := named(clocks, DecisionClock)
	if !k.Paused || k.Overdue(day("2027-07-01")) {
		t.Errorf("%+v", k)
	}
	if w, runs := named(clocks, WaitClock); !runs || w.Due != day("2026-08-10") {
		t.Errorf("nobody looks whether it is over: %+v", w)
	}
}

func TestTheHearingIsNotBeforeSevenWorkingDays(t *testing.T) {
	t.Parallel()
	for noticed, want := range map[string]string{"2026-04-29": "2026-05-12", "2026-05-20": "2026-05-29", "2025-09-30": "2025-10-16"} {
		got, err := HearingFrom(Rules{}, day(noticed))
		ok(t, err)
		if got != day(want) {
			t.Errorf("noticed %s: from %s, want %s", noticed, got, want)
		}
	}
	// A deadline in a year without a calendar says so.
	c := at("2026-12-01", onState("2026-12-01", Filed))
	clocks, err := c.Clocks(Rules{Calendar: workday.Official()}, day("2026-12-01"))
	ok(t, err)
	if k, _ := named(clocks, DecisionClock); !k.Provisional {
		t.Errorf("%+v", k)
	}
}
