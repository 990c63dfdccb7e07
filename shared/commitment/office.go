package commitment

import (
	"context"
	"fmt"
	"slices"
	"time"

	"ipcredit/shared/calendar"
	"ipcredit/shared/clock"
	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/journal"
	"ipcredit/shared/material"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// Store keeps commitments. Every change names the version it was made of where
// that matters: Stale "commitment.stale" (412) when somebody changed it first. To a
// subject, a commitment of another is one that does not exist. It is safe for
// concurrent use.
type Store struct {
	store
	credit    *credit.Store
	staff     *staff.Store
	materials *material.Store
	clocks    *clock.Store
	calendar  *calendar.Store
}

// New returns the store of the journal's city.
func New(j *journal.Journal) *Store {
	return &Store{store{j}, credit.NewStore(j, credit.NewInForce(j)), staff.New(j), material.New(j), clock.New(j), calendar.New(j)}
}

// Rules are the law and the calendar in force.
func (s *Store) Rules(ctx context.Context) (Rules, error) {
	cal, err := s.calendar.Current(ctx)
	return Rules{ruleset.Shipped(), cal}, err
}

// matter is the commitment as package staff sees it.
func (c Commitment) matter() staff.SubjectMatter {
	m := staff.SubjectMatter{Unit: c.Unit, Subject: staff.Party{Code: c.Subject, Name: c.Name}, Handlers: c.Handlers}
	if c.Breach != nil {
		// Whoever found it broken does not take that back.
		m.Handlers = append(slices.Clone(m.Handlers), c.Breach.By)
	}
	return m
}

// may says nil when the actor may do the action, and to another subject that there
// is no such commitment.
func (s *Store) may(ctx context.Context, by staff.Actor, action staff.Action, c Commitment, now time.Time) error {
	if by.Org.Kind != staff.Subject && (c.State == Draft || c.State == "") {
		return errUnknown() // nobody's but the subject's
	}
	m := c.matter()
	if action == staff.CaseRead {
		m.Handlers = nil
	}
	return s.staff.CanIn(ctx, by, action, m, errUnknown(), now)
}

// May tells whether the actor may do the action: for pages.
func (s *Store) May(ctx context.Context, by staff.Actor, action staff.Action, c Commitment, now time.Time) bool {
	return s.may(ctx, by, action, c, now) == nil
}

// Get is a commitment that the actor may see, the subject's own without what is not
// its to know; to everybody else there is none.
func (s *Store) Get(ctx context.Context, by staff.Actor, no string, now time.Time) (Commitment, error) {
	c, err := s.current(ctx, no)
	if err != nil {
		return c, err
	}
	if by.Org.Kind == staff.Subject {
		if s.may(ctx, by, staff.SubjectRead, c, now) != nil {
			return Commitment{}, errUnknown()
		}
		return c.ForSubject(), nil
	}
	for _, action := range []staff.Action{staff.CaseRead, staff.CaseApprove} {
		if err = s.may(ctx, by, action, c, now); err == nil {
			return c, nil
		}
		if _, refused := fault.Of(err); !refused {
			return Commitment{}, err
		}
	}
	return Commitment{}, errUnknown()
}

// Of lists the commitments of the actor's subject, newest first, drafts too.
func (s *Store) Of(ctx context.Context, by staff.Actor, from string, n int, now time.Time) ([]Commitment, string, error) {
	if err := staff.Can(by, staff.SubjectRead, staff.Resource{Subject: by.Org.Code}, now); err != nil {
		return nil, "", err
	}
	list, next, err := s.list(ctx, s.key("of", by.Org.Code), from, n)
	for i := range list {
		list[i] = list[i].ForSubject()
	}
	return list, next, err
}

// Queue lists what a unit watches over, or has done with, newest first.
func (s *Store) Queue(ctx context.Context, by staff.Actor, unit string, open bool, from string, n int, now time.Time) ([]Commitment, string, error) {
	units, err := s.Units(ctx, by, now)
	if err != nil {
		return nil, "", err
	}
	if by.Org.Kind == staff.Subject || !slices.Contains(units, unit) {
		return nil, "", fault.New(fault.Forbidden, "staff.can.unit")
	}
	list := "closed"
	if open {
		list = "open"
	}
	return s.list(ctx, s.key(list, unit), from, n)
}

// Units are the units whose commitments the actor sees: his own, and those beneath
// that are too small to decide by themselves.
func (s *Store) Units(ctx context.Context, by staff.Actor, now time.Time) ([]string, error) {
	out := by.Units(staff.CaseRead, now)
	above, err := s.staff.Units(ctx, by, staff.CaseApprove, now)
	if err != nil {
		return nil, err
	}
	for _, u := range above {
		if !slices.Contains(out, u) {
			out = append(out, u)
		}
	}
	return slices.DeleteFunc(out, func(u string) bool { return u == staff.DisciplineUnit }), nil
}

// party is a subject about to promise something.
type party struct {
	code, name, district, unit string
	records                    []credit.Record
}

// of finds a subject by its code; name and district are used where the register
// does not know it.
func (s *Store) of(ctx context.Context, code, name, district string) (party, error) {
	p := party{code: code, name: name, district: district}
	known, err := s.credit.Subjects().Resolve(ctx, code)
	switch {
	case fault.Is(err, fault.NotFound):
		return p, nil
	case err != nil:
		return p, err
	}
	p.name, p.district = known.Name, known.District
	profile, err := s.credit.Load(ctx, known.Code)
	if fault.Is(err, fault.NotFound) {
		return p, nil
	}
	p.records = profile.Records
	return p, err
}

// available refuses what the subject's records exclude.
func (s *Store) available(ctx context.Context, k Kind, p party, now time.Time) error {
	rules, err := s.Rules(ctx)
	if err != nil {
		return err
	}
	law, err := s.credit.Law(ctx)
	if err != nil {
		return err
	}
	return rules.Available(k, law, p.records, now)
}

// own is the actor's subject.
func (s *Store) own(ctx context.Context, by staff.Actor) (party, error) {
	p, err := s.of(ctx, by.Org.Code, by.Org.Name, by.Org.Division())
	if err != nil {
		return p, err
	}
	p.unit, err = s.materials.UnitOf(ctx, by.Org)
	return p, err
}

func (s *Store) next(ctx context.Context, now time.Time) (string, int64, error) {
	n, err := s.journal.Next(ctx, "commitment")
	return fmt.Sprintf("XC%d%06d", workday.DateOf(now).Year(), n), n, err
}

// Begin writes a draft of the actor's subject. Nobody else sees it.
func (s *Store) Begin(ctx context.Context, by staff.Actor, w Writing, now time.Time) (Commitment, error) {
	if err := staff.Can(by, staff.SubjectFile, staff.Resource{Subject: by.Org.Code}, now); err != nil {
		return Commitment{}, err
	}
	p, err := s.own(ctx, by)
	if err != nil {
		return Commitment{}, err
	}
	all, err := s.Templates(ctx)
	if err != nil {
		return Commitment{}, err
	}
	c, err := draft(Commitment{Subject: p.code, Name: p.name, District: p.district, Unit: p.unit}, all, w, by.User.ID, now)
	if err == nil {
		err = s.available(ctx, c.Kind, p, now)
	}
	if err != nil {
		return Commitment{}, err
	}
	var n int64
	if c.No, n, err = s.next(ctx, now); err != nil {
		return c, err
	}
	err = s.journal.Commit(ctx, entry(by, c, EventDrafted, now), nil, func(tx *journal.Tx) error {
		tx.Counter("commitment", n)
		return s.write(tx, Commitment{}, c)
	})
	return c, err
}

func entry(by staff.Actor, c Commitment, what string, now time.Time) journal.Entry {
	return journal.Entry{Actor: by.User.ID, Action: "commitment." + what, Ref: c.Ref(), At: now}
}

// Record takes over a commitment that was made on paper (staff.CaseHandle of the
// unit). Only an organisation with a credit code can have made one: natural
// persons, and so minors, are refused.
func (s *Store) Record(ctx context.Context, by staff.Actor, unit, code string, w Writing, signed workday.Date, now time.Time) (Commitment, error) {
	if by.Org.Kind == staff.Subject || !slices.Contains(by.Units(staff.CaseHandle, now), unit) {
		return Commitment{}, fault.New(fault.Forbidden, "staff.can.unit")
	}
	uscc, err := ident.ParseUSCC(code)
	if f, bad := fault.Of(err); bad {
		return Commitment{}, fault.New(fault.Invalid, "commitment.form").With("code", f.Code, f.Args...)
	}
	if err != nil {
		return Commitment{}, err
	}
	p, err := s.of(ctx, string(uscc), "", "")
	if err != nil {
		return Commitment{}, err
	}
	if p.name == "" {
		return Commitment{}, fault.New(fault.Invalid, "commitment.form").With("code", "commitment.no_subject")
	}
	p.unit = unit
	all, err := s.Templates(ctx)
	if err != nil {
		return Commitment{}, err
	}
	c := Commitment{Subject: p.code, Name: p.name, District: p.district, Unit: unit}
	if c.No, _, err = s.next(ctx, now); err != nil {
		return c, err
	}
	n := number(c.No)
	if c, err = record(c, all, w, signed, by.User.ID, now); err != nil {
		return c, err
	}
	if err := s.available(ctx, c.Kind, p, now); err != nil {
		return c, err
	}
	if err := s.may(ctx, by, staff.CaseHandle, c, now); err != nil {
		return c, err
	}
	return s.commit(ctx, by, EventRecorded, c, 0, now, func(tx *journal.Tx, _ Commitment) (Commitment, error) {
		tx.Counter("commitment", n)
		return c, nil
	})
}

// change is a step of somebody.
type change func(tx *journal.Tx, c Commitment) (Commitment, error)

// told says whom a step is news for: the catalogue's "commitment.told."+what.
func (s *Store) told(ctx context.Context, by staff.Actor, what string, c Commitment, now time.Time) ([]staff.Message, error) {
	if what == EventDrafted {
		return nil, nil
	}
	key := "commitment.told." + what
	args := []string{c.No}
	var out []staff.Message
	if by.Org.Kind == staff.Subject || what == EventTakenBack || what == EventAnnulled {
		if org, ok, err := s.staff.Unit(ctx, c.Unit); err != nil {
			return nil, err
		} else if ok {
			out = append(out, staff.NewMessage(org.ID, "commitment."+what, c.Ref(), key, "credit-repair/desk/promises/"+c.No, now, args...))
		}
	}
	if by.Org.Kind != staff.Subject {
		if org, ok, err := s.staff.OrganizationByCode(ctx, c.Subject); err != nil {
			return nil, err
		} else if ok {
			out = append(out, staff.NewMessage(org.ID, "commitment."+what, c.Ref(), key, "credit-repair/promises/"+c.No, now, args...))
		}
	}
	return out, nil
}

// commit makes a step: the commitment, its clocks, its places in the lists and the
// news of it are one. seen is what the actor has seen, 0 where it does not matter.
func (s *Store) commit(ctx context.Context, by staff.Actor, what string, c Commitment, seen int, now time.Time, f change) (Commitment, error) {
	rules, err := s.Rules(ctx)
	if err != nil {
		return c, err
	}
	messages, err := s.told(ctx, by, what, c, now)
	if err != nil {
		return c, err
	}
	var next Commitment
	err = s.journal.Commit(ctx, entry(by, c, what, now), []string{s.key("one", c.No)}, func(tx *journal.Tx) error {
		old, err := s.read(ctx, tx.Read(), c.No)
		if err != nil && !(fault.Is(err, fault.NotFound) && what == EventRecorded) {
			return err
		}
		if seen != 0 && seen != old.Seen {
			return fault.New(fault.Stale, "commitment.stale")
		}
		if next, err = f(tx, old); err != nil {
			return err
		}
		return s.keep(tx, rules, old, next, messages, now)
	})
	return next, err
}

// keep queues what is written with every step.
func (s *Store) keep(tx *journal.Tx, rules Rules, old, next Commitment, messages []staff.Message, now time.Time) error {
	if err := s.write(tx, old, next); err != nil {
		return err
	}
	if next.Signed != nil {
		clocks, err := rules.Clocks(next, workday.DateOf(now))
		if err != nil {
			return err
		}
		var owners []string
		if next.Owner != "" {
			owners = []string{next.Owner}
		}
		if err := s.clocks.Keep(tx, clock.Kept{
			Ref: next.Ref(), Unit: next.Unit, Division: next.Unit, Owners: owners, Matter: "commitment",
			Link: "credit-repair/desk/promises/" + next.No, Clocks: clocks, Calendar: rules.Calendar.Version(),
		}); err != nil {
			return err
		}
	}
	for _, m := range messages {
		if err := s.staff.Tell(tx, m); err != nil {
			return err
		}
	}
	return nil
}

// step reads the commitment, asks whether the actor may, and makes the step; it
// asks again of what is read inside the commit.
func (s *Store) step(ctx context.Context, by staff.Actor, action staff.Action, what, no string, seen int, now time.Time, f change) (Commitment, error) {
	if _, err := s.Get(ctx, by, no, now); err != nil {
		return Commitment{}, err
	}
	c, err := s.current(ctx, no) // the subject's own view is not whole
	if err == nil {
		err = s.may(ctx, by, action, c, now)
	}
	if err != nil {
		return Commitment{}, err
	}
	c, err = s.commit(ctx, by, what, c, seen, now, func(tx *journal.Tx, c Commitment) (Commitment, error) {
		if err := s.may(ctx, by, action, c, now); err != nil {
			return c, err
		}
		return f(tx, c)
	})
	if by.Org.Kind == staff.Subject {
		c = c.ForSubject()
	}
	return c, err
}
