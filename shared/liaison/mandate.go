package liaison

import (
	"context"
	"slices"
	"strings"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/journal"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
	"ipcredit/shared/workday"
)

// Mandate is a dated instrument by which the province entrusts (委托) bureaus here
// with what only the province may punish (专利代理条例 arts. 25 to 27; domain
// reference 0.4). Without one, such a case ends in transfer to the province.
type Mandate struct {
	ID string `json:"id"`
	// Number is the document number, Issuer who entrusts.
	Number string       `json:"number"`
	Issuer string       `json:"issuer"`
	On     workday.Date `json:"on"`
	// From and To are its first and last day, both included. An entrustment
	// without an end is not taken: 行政处罚法 art. 20 wants a term.
	From workday.Date `json:"from"`
	To   workday.Date `json:"to"`
	// Kinds are the kinds of case, Divisions the divisions whose bureaus may act.
	Kinds     []string `json:"kinds"`
	Divisions []string `json:"divisions"`
	AskedBy   string   `json:"askedBy"`
	// ApprovedBy is the second person; "" while it waits for him.
	ApprovedBy string    `json:"approvedBy,omitempty"`
	At         time.Time `json:"at"`
	// Ended is the day from which it no longer holds, where it was ended early.
	Ended workday.Date `json:"ended,omitzero"`
}

// Covers tells whether the instrument lets the division's bureau act in a case of
// the kind on that day. One that waits for its second person covers nothing.
func (m Mandate) Covers(kind, division string, on workday.Date) bool {
	return m.ApprovedBy != "" && !on.Before(m.From) && !on.After(m.To) && (m.Ended.IsZero() || on.Before(m.Ended)) &&
		slices.Contains(m.Kinds, kind) && slices.Contains(m.Divisions, division)
}

// MandateKinds are the kinds of case that can need an instrument: those whose
// penalty is the province's.
func MandateKinds() []string {
	return []string{string(tipoff.UnlicensedAgency), string(tipoff.AgencyMisconduct), string(tipoff.AbnormalFilingAgency)}
}

// Mandates lists the register, the newest instrument first.
func (s *Store) Mandates(ctx context.Context) ([]Mandate, error) {
	list, err := s.store.mandates(ctx)
	slices.SortFunc(list, func(a, b Mandate) int {
		if c := b.From.Compare(a.From); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return list, err
}

// RecordMandate puts an instrument up for approval (staff.CatalogEdit).
func (s *Store) RecordMandate(ctx context.Context, a staff.Actor, m Mandate, now time.Time) (Mandate, error) {
	if err := staff.Can(a, staff.CatalogEdit, staff.Resource{Division: s.store.journal.City()}, now); err != nil {
		return m, err
	}
	bad := fault.New(fault.Invalid, "liaison.incomplete")
	if no, err := ident.ParseDocNo(m.Number); err != nil {
		f, _ := fault.Of(err)
		bad = bad.With("number", f.Code, f.Args...)
	} else {
		m.Number = no.String()
	}
	name, err := ident.Clean(m.Issuer)
	if m.Issuer = name; err != nil || name == "" || len([]rune(name)) > 120 {
		bad = bad.With("issuer", "liaison.required")
	}
	today := workday.DateOf(now)
	switch {
	case m.On.IsZero() || m.On.After(today):
		bad = bad.With("on", "liaison.future")
	case m.From.IsZero() || m.From.Before(m.On):
		bad = bad.With("from", "liaison.mandate.from")
	case m.To.IsZero() || m.To.Before(m.From):
		bad = bad.With("to", "liaison.mandate.to")
	}
	if len(m.Kinds) == 0 || slices.ContainsFunc(m.Kinds, func(k string) bool { return !slices.Contains(MandateKinds(), k) }) {
		bad = bad.With("kinds", "liaison.choice")
	}
	if len(m.Divisions) == 0 || slices.ContainsFunc(m.Divisions, func(d string) bool { _, ok := staff.DistrictOf(d); return !ok }) {
		bad = bad.With("divisions", "liaison.choice")
	}
	if len(bad.Fields) > 0 {
		return m, bad
	}
	m.ID, m.AskedBy, m.ApprovedBy, m.At, m.Ended = newID("m", now), a.User.ID, "", now.UTC(), workday.Date{}
	err = s.store.journal.Commit(ctx, journal.Entry{Actor: a.User.ID, Action: "liaison.mandate_record", Ref: "mandate:" + m.ID, At: now}, nil,
		func(tx *journal.Tx) error { return s.store.putMandate(tx, m) })
	return m, err
}

// ApproveMandate brings an instrument into the register's force, or (accept
// false) refuses it (staff.CatalogApprove, by somebody else than who recorded it).
func (s *Store) ApproveMandate(ctx context.Context, a staff.Actor, id string, accept bool, now time.Time) error {
	return s.changeMandate(ctx, a, id, "liaison.mandate_approve", now, func(m *Mandate) error {
		if m.ApprovedBy != "" || !m.Ended.IsZero() {
			return fault.New(fault.Conflict, "liaison.step")
		}
		if !accept {
			m.Ended = workday.DateOf(now)
			return nil
		}
		m.ApprovedBy = a.User.ID
		return nil
	})
}

// EndMandate ends an instrument early, from that day on (staff.CatalogApprove).
func (s *Store) EndMandate(ctx context.Context, a staff.Actor, id string, now time.Time) error {
	return s.changeMandate(ctx, a, id, "liaison.mandate_end", now, func(m *Mandate) error {
		if m.ApprovedBy == "" || !m.Ended.IsZero() {
			return fault.New(fault.Conflict, "liaison.step")
		}
		m.Ended = workday.DateOf(now)
		return nil
	})
}

func (s *Store) changeMandate(ctx context.Context, a staff.Actor, id, action string, now time.Time, f func(*Mandate) error) error {
	return s.store.journal.Commit(ctx, journal.Entry{Actor: a.User.ID, Action: action, Ref: "mandate:" + id, At: now},
		[]string{s.store.key("mandate", id)}, func(tx *journal.Tx) error {
			m, ok, err := s.store.mandate(ctx, tx, id)
			if err != nil {
				return err
			}
			if !ok {
				return errUnknown
			}
			if err := staff.Can(a, staff.CatalogApprove, staff.Resource{Division: s.store.journal.City(), AskedBy: m.AskedBy}, now); err != nil {
				return err
			}
			if err := f(&m); err != nil {
				return err
			}
			return s.store.putMandate(tx, m)
		})
}
