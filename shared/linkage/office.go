package linkage

import (
	"context"
	"time"

	"ipcredit/shared/clock"
	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
	"ipcredit/shared/workday"
)

// OfficeConfig is what an Office works with: the secrets of case-handling.
type OfficeConfig struct {
	Identities map[string]seal.Identity // secret unit-identities
	Units      tipoff.Units             // secret unit-recipients
	Escrow     seal.Recipient           // secret escrow-recipient
	// Staff knows whom an application can be assigned to; nil asks nobody.
	Staff *staff.Store
}

// Office is the officers' side. Each method asks staff.Can first, changes nothing
// where it refuses, and journals what it changes. It is safe for concurrent use.
type Office struct {
	store *Store
	keys  *seal.Keys
	OfficeConfig
}

// NewOffice returns the officers' side of a store.
func NewOffice(s *Store, keys *seal.Keys, c OfficeConfig) *Office {
	return &Office{store: s, keys: keys, OfficeConfig: c}
}

// Filter narrows what is listed or counted; the zero value takes everything in
// the actor's reach. From and To are days of the first notification, both
// included.
type Filter struct {
	Kind     Kind
	Division string
	Unit     string
	List     string // of the first notification: the cohort
	Named    string // any list that named it
	Agency   string // NoAgency for those without
	Holder   Holder
	State    State
	Group    string // Applicant.Group
	Owner    string
	From, To workday.Date
	Open     bool // only what has no outcome yet
	// ReplyBy is the last reply deadline to take; those without one are left out.
	ReplyBy workday.Date
}

// NoAgency selects applications without an agency.
const NoAgency = "-"

// Order is how a list is sorted.
type Order string

// The orders.
const (
	ByReply  Order = ""       // reply deadline, the nearest first, those without last
	ByNotice Order = "notice" // day of the first notification, the newest first
)

// Row is one line of a list: what stands in the clear.
type Row struct {
	Application
	Reply   workday.Date // the reply deadline in force, see Application.Reply
	Clocks  []Clock
	Due     workday.Date // the next limit that runs; none where nothing does
	Overdue bool
}

// rowOf is an application as it stands today.
func rowOf(a Application, r Rules, today workday.Date) (Row, error) {
	row := Row{Application: a, Reply: a.Reply()}
	var err error
	if row.Clocks, err = a.Clocks(r, today); err != nil {
		return row, err
	}
	if next, ok := clock.Next(row.Clocks); ok {
		row.Due, row.Overdue = next.Due, next.Overdue(today)
	}
	return row, nil
}

// reach is the set of units for which the actor may do one of the actions.
func reach(a staff.Actor, now time.Time, actions ...staff.Action) (map[string]bool, error) {
	units := map[string]bool{}
	for _, action := range actions {
		for _, u := range a.Units(action, now) {
			units[u] = true
		}
	}
	if len(units) == 0 {
		return nil, fault.New(fault.Forbidden, "staff.can.role")
	}
	return units, nil
}

// resource is an application as staff.Can sees it.
func (a Application) resource() staff.Resource {
	r := staff.UnitResource(a.Unit, a.Division)
	if !a.Applicant.Person {
		r.Parties = append(r.Parties, staff.Party{Code: a.Applicant.Code, Name: a.Applicant.Name})
	}
	if len(a.Agency) == 18 {
		r.Parties = append(r.Parties, staff.Party{Code: a.Agency})
	}
	r.Subject = a.Applicant.Code
	return r
}

// entry is the journal entry of what an officer does.
func entry(a staff.Actor, action, ref string, now time.Time) journal.Entry {
	return journal.Entry{Actor: a.User.ID, Action: action, Ref: ref, At: now}
}

// List lists applications of the actor's reach (staff.CaseRead, and
// staff.CaseSupervise for the divisions beneath), n at most. next is the cursor
// for what follows, empty at the end; total is how many there are in all. A
// cursor that List did not make is a fault.
func (o *Office) List(ctx context.Context, a staff.Actor, f Filter, by Order, cursor string, n int, now time.Time) (rows []Row, next string, total int, err error) {
	units, err := reach(a, now, staff.CaseRead, staff.CaseSupervise)
	if err != nil {
		return nil, "", 0, err
	}
	return o.store.list(ctx, f, by, cursor, n, units, workday.DateOf(now))
}

// Pending lists what has no outcome yet by reply deadline, for somebody who may
// see the figures (staff.ReportRead): what is due, never whom to press.
func (s *Store) Pending(ctx context.Context, a staff.Actor, f Filter, cursor string, n int, now time.Time) (rows []Row, next string, total int, err error) {
	units, err := reach(a, now, staff.ReportRead)
	if err != nil {
		return nil, "", 0, err
	}
	f.Open = true
	return s.list(ctx, f, ByReply, cursor, n, units, workday.DateOf(now))
}

func (s *Store) list(ctx context.Context, f Filter, by Order, cursor string, n int, units map[string]bool, today workday.Date) (rows []Row, next string, total int, err error) {
	var behind *place
	if cursor != "" {
		p, ok := parsePlace(cursor)
		if !ok {
			return nil, "", 0, fault.New(fault.Invalid, "linkage.cursor").With("cursor", "linkage.cursor")
		}
		behind = &p
	}
	v, err := s.view(ctx)
	if err != nil {
		return nil, "", 0, err
	}
	ids, more, total := v.list(f, by, behind, n, units)
	rules, err := s.Rules(ctx)
	if err != nil {
		return nil, "", 0, err
	}
	held, err := s.load(ctx, s.journal.Redis(), ids)
	if err != nil {
		return nil, "", 0, err
	}
	for _, h := range held {
		// One that has moved to another unit since it was counted is not shown.
		if h == nil || !units[h.Unit] {
			continue
		}
		row, err := rowOf(*h, rules, today)
		if err != nil {
			return nil, "", 0, err
		}
		rows = append(rows, row)
	}
	if more != nil {
		next = more.String()
	}
	return rows, next, total, nil
}

// Group is what one letter and one call can cover: applications of one applicant
// through one agency, in one unit.
type Group struct {
	Key       string    // Applicant.Group
	Applicant Applicant // filled by Describe
	Agency    string
	Unit      string
	Kind      Kind
	Count     int
	Open      int
	Reply     workday.Date // nearest reply deadline of the open ones
	// IDs are the applications, by number.
	IDs []string
}

// Groups lists the groups of what the filter takes, in order of the reply
// deadline, each with its applicant: n at most behind the first skip ones, and how
// many there are. A natural person's applications are one group for each list.
func (o *Office) Groups(ctx context.Context, a staff.Actor, f Filter, skip, n int, now time.Time) (groups []Group, total int, err error) {
	units, err := reach(a, now, staff.CaseRead, staff.CaseSupervise)
	if err != nil {
		return nil, 0, err
	}
	v, err := o.store.view(ctx)
	if err != nil {
		return nil, 0, err
	}
	groups = v.groups(f, units)
	total = len(groups)
	groups = groups[min(max(skip, 0), total):]
	groups = groups[:min(n, len(groups))]
	ids := make([]string, len(groups))
	for i, g := range groups {
		ids[i] = g.IDs[0]
	}
	held, err := o.store.load(ctx, o.store.journal.Redis(), ids)
	if err != nil {
		return nil, 0, err
	}
	for i, h := range held {
		if h != nil {
			groups[i].Applicant = h.Applicant
		}
	}
	return groups, total, nil
}

// Rates are the figures by one dimension of what the actor may see the figures of
// (staff.ReportRead). Kind is Patent where the filter names none: marks are no
// part of the withdrawal rate.
func (s *Store) Rates(ctx context.Context, a staff.Actor, f Filter, by Dimension, now time.Time) ([]Figure, error) {
	units, err := reach(a, now, staff.ReportRead)
	if err != nil {
		return nil, err
	}
	v, err := s.view(ctx)
	if err != nil {
		return nil, err
	}
	return v.figures(f.counted(), by, units), nil
}

// ExportRates are Rates for a file that leaves the system (staff.ExportMake as
// well). The journal has who took them and why before they are given.
func (s *Store) ExportRates(ctx context.Context, a staff.Actor, f Filter, by Dimension, purpose string, now time.Time) ([]Figure, error) {
	if _, err := reach(a, now, staff.ExportMake); err != nil {
		return nil, err
	}
	if !purposeForm.MatchString(purpose) {
		return nil, fault.New(fault.Invalid, "linkage.purpose").With("purpose", "linkage.purpose")
	}
	figures, err := s.Rates(ctx, a, f, by, now)
	if err != nil {
		return nil, err
	}
	return figures, s.note(ctx, entry(a, "linkage.export_rates", purpose, now), a.User.ID, "rates:"+string(by))
}

// Total is the sum of what Rates breaks down.
func (s *Store) Total(ctx context.Context, a staff.Actor, f Filter, now time.Time) (Counts, error) {
	units, err := reach(a, now, staff.ReportRead)
	if err != nil {
		return Counts{}, err
	}
	v, err := s.view(ctx)
	if err != nil {
		return Counts{}, err
	}
	return v.count(f.counted(), units), nil
}

// counted is the filter of a rate.
func (f Filter) counted() Filter {
	if f.Kind == "" {
		f.Kind = Patent
	}
	return f
}
