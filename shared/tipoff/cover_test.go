package tipoff

import (
	"testing"

	"ipcredit/shared/fault"
	"ipcredit/shared/staff"
)

func TestCoverIsForWhoHasAPartInIt(t *testing.T) {
	everywhere(t, func(t *testing.T, w *town) {
		now := on("2026-05-20")
		l := withName()
		l.Division = "410702"
		lodged := w.lodge(t, l)
		for _, tt := range []struct {
			name    string
			who     staff.Actor
			may     bool
			mayOpen bool
		}{
			{"handler", officer("u1", "410702", staff.Handler), true, true},
			{"head", officer("u2", "410702", staff.Approver), true, true},
			{"custodian", officer("u3", "410702", staff.Custodian), true, false},
			{"publisher", officer("u4", "410702", staff.Publisher), false, false},
			{"another district", officer("u5", "410711", staff.Handler), false, false},
			{"supervisor of the city", officer("u6", "410700", staff.Supervisor), true, false},
		} {
			row, err := w.office.Cover(t.Context(), tt.who, lodged.Number, now)
			if (err == nil) != tt.may || row.MayOpen != tt.mayOpen {
				t.Errorf("%s: %v, may open %t", tt.name, err, row.MayOpen)
			}
			if err != nil && !fault.Is(err, fault.Forbidden) {
				t.Errorf("%s: %v", tt.name, err)
			}
		}
	})
}

func TestRequestsAreListedForWhoAskedAndWhoDecides(t *testing.T) {
	everywhere(t, func(t *testing.T, w *town) {
		now := on("2026-05-20")
		l := withName()
		l.Division = "410702"
		lodged := w.lodge(t, l)
		asker, decider, other := officer("u1", "410702", staff.Handler), officer("u2", "410702", staff.Custodian), officer("u3", "410702", staff.Handler)
		id, err := w.office.AskIdentity(t.Context(), asker, lodged.Number, "需要核实", now)
		ok(t, err)
		for _, tt := range []struct {
			who  staff.Actor
			want int
		}{{asker, 1}, {decider, 1}, {other, 0}, {officer("u4", "410711", staff.Custodian), 0}} {
			list, err := w.office.Asks(t.Context(), tt.who, now)
			if err != nil || len(list) != tt.want {
				t.Errorf("%s sees %d requests, want %d (%v)", tt.who.User.ID, len(list), tt.want, err)
			}
			for _, x := range list {
				if x.Ask.Reason != "" {
					t.Error("a list tells the reason")
				}
			}
		}
		for _, tt := range []struct {
			who    staff.Actor
			may    bool
			decide bool
		}{{asker, true, false}, {decider, true, true}, {other, false, false}} {
			k, decide, err := w.office.Asked(t.Context(), tt.who, lodged.Number, id, now)
			if (err == nil) != tt.may || decide != tt.decide || tt.may && k.Reason != "需要核实" {
				t.Errorf("%s: %q, decides %t, %v", tt.who.User.ID, k.Reason, decide, err)
			}
		}
		if _, _, err := w.office.Asked(t.Context(), decider, lodged.Number, "9", now); !fault.Is(err, fault.NotFound) {
			t.Errorf("a request nobody made: %v", err)
		}
	})
}

func TestContactIsOpenedForSendingOnlyAndOnlyOfNamedReporters(t *testing.T) {
	everywhere(t, func(t *testing.T, w *town) {
		now := on("2026-05-20")
		l := withName()
		lodged := w.lodge(t, l)
		contact, language, err := w.office.Contact(t.Context(), lodged.Number, now)
		if err != nil || contact != l.Reporter.Contact || language != "zh" {
			t.Errorf("%q %q %v", contact, language, err)
		}
		plain := w.lodge(t, withoutName())
		if _, _, err := w.office.Contact(t.Context(), plain.Number, now); !fault.Is(err, fault.Conflict) {
			t.Errorf("an anonymous one: %v", err)
		}
	})
}
