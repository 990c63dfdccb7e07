package commitment

import (
	"context"
	"strings"
	"time"

	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/repair"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// OfRepair prepares the ledger's entry of a commitment that is made by signing an
// application for repair. Hand Making.With to the signature: both happen or none
// does.
//
//	making, err := commitments.OfRepair(ctx, by, application, records, now)
//	_, err = office.Sign(ctx, by, no, now, making.With)
func (s *Store) OfRepair(ctx context.Context, by staff.Actor, a repair.Application, records []credit.Record, now time.Time) (*Making, error) {
	p, err := s.own(ctx, by)
	if err != nil {
		return nil, err
	}
	all, err := s.Templates(ctx)
	if err != nil {
		return nil, err
	}
	rules, err := s.Rules(ctx)
	if err != nil {
		return nil, err
	}
	id := "repair-letter"
	if a.Bankruptcy != nil {
		id += "-performing"
	}
	t, ok := all.On(id, workday.DateOf(now))
	if !ok {
		return nil, fault.New(fault.Refused, "commitment.no_template")
	}
	c := Commitment{
		Subject: a.Subject, Name: a.Name, District: p.district, Unit: p.unit, Kind: Repair, Template: t.Ref(),
		Repair: a.No, Records: a.Records, State: Draft,
	}
	if a.Unit != "" {
		c.Unit = a.Unit
	}
	var instruments []string
	for _, r := range records {
		instruments = append(instruments, r.InstrumentNo)
	}
	c.What = strings.Join(instruments, "、")
	if c.No, _, err = s.next(ctx, now); err != nil {
		return nil, err
	}
	n := number(c.No)
	messages, err := s.told(ctx, by, EventSigned, c, now)
	if err != nil {
		return nil, err
	}
	return &Making{func(tx *journal.Tx) error {
		if err := tx.Watch(s.key("repair", a.No)); err != nil {
			return err
		}
		if have, err := s.ofRepair(ctx, tx.Read(), a.No); err != nil || have != "" {
			return err
		}
		tx.Counter("commitment", n)
		tx.Set(s.key("repair", a.No), c.No)
		made := c.made(t, Signature{On: workday.DateOf(now), By: by.User.ID}, EventSigned, now)
		return s.keep(tx, rules, Commitment{}, made, messages, now)
	}}, nil
}

// Making is a commitment that is made inside another matter's commit.
type Making struct{ queue func(tx *journal.Tx) error }

// With queues it in that commit.
func (m *Making) With(tx *journal.Tx) error { return m.queue(tx) }

// OfApplication is the number of the commitment that belongs to an application for
// repair, "" for none.
func (s *Store) OfApplication(ctx context.Context, no string) (string, error) {
	return s.ofRepair(ctx, s.journal.Redis(), no)
}
