package tipoff

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ipcredit/shared/evidence"
	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/journal"
	"ipcredit/shared/notary"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// OfficeConfig is what an Office works with.
type OfficeConfig struct {
	Identities map[string]seal.Identity // secret unit-identities, see ParseIdentities
	Units      Units                    // secret unit-recipients: where tip-offs can go
	Escrow     seal.Recipient           // secret escrow-recipient
	Custodian  seal.Identity            // secret custodian-identity
	// Log is notary.Intake, opened without a key; nil queues nothing.
	Log      *notary.Log
	Evidence *evidence.Store
	// Staff knows the unit above one that is too small; nil leaves such a unit to
	// itself.
	Staff *staff.Store
	Rules Rules
}

// Office is the officers' side. Each method asks staff.Can first; content is
// opened only for the unit that handles it, and only for an officer who is not
// tied to a reported party (回避). Every view is in the journal before it is
// given. It is safe for concurrent use.
type Office struct {
	lodger
	identities map[string]seal.Identity
	custody    seal.Identity
	staff      *staff.Store
	features   *features
	registry   *registry
	seen       string // see Seeing
}

// NewOffice checks the configuration.
func NewOffice(j *journal.Journal, keys *seal.Keys, c OfficeConfig) (*Office, error) {
	o := &Office{
		lodger: lodger{
			store: newStore(j, c.Rules), keys: keys, units: c.Units, escrow: c.Escrow,
			custodian: c.Custodian.Recipient(), log: c.Log, evidence: c.Evidence,
		},
		identities: c.Identities, custody: c.Custodian, staff: c.Staff,
		features: new(features), registry: new(registry),
	}
	return o, o.check()
}

// Seeing is the office for somebody who acts on what he saw: whatever he does to a
// tip-off is refused (Stale, "tipoff.stale") where it is not of this Version any
// more at the moment of the commit. Of any number who saw the same, one acts.
func (o *Office) Seeing(version string) *Office {
	seeing := *o
	seeing.seen = version
	return &seeing
}

// Filter narrows a list; the zero value lists what is open, the most urgent first.
type Filter struct {
	Unit   string // "" for all the actor may see, in one order
	State  State
	Kind   Kind
	DueBy  workday.Date // only what is due on this day or before
	Closed bool         // what is closed or erased instead, newest first
	Cursor string
	Limit  int // 1 to 200, 0 means 50
}

// Row is one line of a list: nothing in it was sealed.
type Row struct {
	Report Report
	Clocks []Clock
	// Due is the next limit that runs; none where nothing does.
	Due     workday.Date
	Overdue bool
	// MayOpen says whether the actor may open it, for all that is known before
	// opening.
	MayOpen bool
}

func (o *Office) row(ctx context.Context, a staff.Actor, r Report, now time.Time) (Row, error) {
	rules, err := o.store.law(ctx)
	if err != nil {
		return Row{}, err
	}
	return rowOf(rules, a, r, now)
}

func rowOf(rules Rules, a staff.Actor, r Report, now time.Time) (Row, error) {
	today := workday.DateOf(now)
	row := Row{Report: r}
	var err error
	if row.Clocks, err = r.Clocks(rules, today); err != nil {
		return row, err
	}
	if next, ok := Next(row.Clocks); ok {
		row.Due = next.Due
	}
	for _, k := range row.Clocks {
		row.Overdue = row.Overdue || k.Name != RetentionClock && k.Done.IsZero() && k.Overdue(today)
	}
	row.MayOpen = r.State != Erased && staff.Can(a, staff.TipoffOpen, r.resource(nil), now) == nil
	return row, nil
}

// List lists tip-offs of the actor's reach: his own unit's, and for those who
// supervise the states and clocks of the divisions beneath. A cursor that List
// did not make is a fault.
func (o *Office) List(ctx context.Context, a staff.Actor, f Filter, now time.Time) (rows []Row, next string, err error) {
	if f.Limit <= 0 {
		f.Limit = 50
	}
	f.Limit = min(f.Limit, 200)
	units := a.Units(staff.TipoffClock, now)
	for _, u := range a.Units(staff.TipoffOpen, now) {
		if !slices.Contains(units, u) {
			units = append(units, u)
		}
	}
	if len(units) == 0 {
		return nil, "", fault.New(fault.Forbidden, "staff.can.role")
	}
	if f.Unit != "" {
		if !slices.Contains(units, f.Unit) {
			return nil, "", fault.New(fault.Forbidden, "staff.can.division")
		}
		units = []string{f.Unit}
	}
	rules, err := o.store.law(ctx)
	if err != nil {
		return nil, "", err
	}
	var last journal.Place
	if f.Cursor != "" {
		var ok bool
		if last, ok = parseCursor(f.Cursor); !ok {
			return nil, "", fault.New(fault.Invalid, "tipoff.cursor").With("cursor", "tipoff.cursor")
		}
	}
	for m := o.store.merge(units, f.Closed, last); ; {
		places, err := m.next(ctx, page)
		if err != nil {
			return nil, "", err
		}
		reports, err := o.store.reports(ctx, journal.Members(places))
		if err != nil {
			return nil, "", err
		}
		known := make(map[string]Report, len(reports))
		for _, r := range reports {
			known[r.Number] = r
		}
		for _, at := range places {
			r, ok := known[at.Member]
			if !ok {
				continue
			}
			row, err := rowOf(rules, a, r, now)
			if err != nil {
				return nil, "", err
			}
			if !f.takes(row) {
				continue
			}
			if len(rows) == f.Limit {
				return rows, cursor(last), nil
			}
			rows, last = append(rows, row), at
		}
		if len(places) < page {
			return rows, "", nil
		}
	}
}

func (f Filter) takes(r Row) bool {
	return (f.State == "" || r.Report.State == f.State) && (f.Kind == "" || r.Report.Kind == f.Kind) &&
		(f.DueBy.IsZero() || !r.Due.IsZero() && !r.Due.After(f.DueBy))
}

// file is an opened tip-off while an officer works on it.
type file struct {
	report  Report
	id      seal.Identity
	inside  content
	lodged  Lodged
	parties []Party
}

// enter opens a tip-off for an action: who may not, by what is known before
// opening or by the parties it then names, gets nothing.
func (o *Office) enter(ctx context.Context, a staff.Actor, action staff.Action, number string, now time.Time) (file, error) {
	var f file
	number, err := ParseNumber(number)
	if err != nil {
		return f, err
	}
	r, known, err := o.store.report(ctx, number)
	switch {
	case err != nil:
		return f, err
	case !known:
		return f, fault.New(fault.NotFound, "tipoff.none")
	}
	f.report = r
	if err := o.can(ctx, a, action, r, nil, now); err != nil {
		return f, err
	}
	if r.State == Erased {
		return f, fault.New(fault.Gone, "tipoff.erased", r.ErasedOn.String())
	}
	if f.id, err = o.unwrap(ctx, r); err != nil {
		return f, err
	}
	text, err := o.store.content(ctx, number)
	if err != nil {
		return f, err
	}
	if f.inside, err = unsealed[content](f.id, text); err != nil {
		return f, err
	}
	if f.lodged, err = f.inside.lodged(); err != nil {
		return f, err
	}
	f.parties = f.lodged.Parties
	return f, o.can(ctx, a, action, r, f.parties, now)
}

// unwrap opens a report's key with the identity of its unit.
func (o *Office) unwrap(ctx context.Context, r Report) (seal.Identity, error) {
	id, ok := o.identities[r.Unit]
	if !ok {
		return seal.Identity{}, fault.New(fault.Unavailable, "tipoff.no_key", r.Unit).After(time.Hour)
	}
	opened, err := o.keys.Open(ctx, r.Key, UnitLabel(r.Unit), id)
	var erased *seal.Erased
	switch {
	case errors.As(err, &erased):
		return seal.Identity{}, fault.New(fault.Gone, "tipoff.erased", erased.On)
	case err != nil:
		return seal.Identity{}, fmt.Errorf("tipoff: %w", err)
	}
	return opened, nil
}

// can is staff.Can with the unit above where the unit is too small, and with the
// ties that only names show.
func (o *Office) can(ctx context.Context, a staff.Actor, action staff.Action, r Report, parties []Party, now time.Time) error {
	return o.canFor(ctx, a, action, r, r.resource(parties), parties, now)
}

func (o *Office) canFor(ctx context.Context, a staff.Actor, action staff.Action, r Report, res staff.Resource, parties []Party, now time.Time) error {
	err := staff.Can(a, action, res, now)
	if err != nil && o.staff != nil {
		// Matter asks about every member of the unit: only where it may matter.
		above, lookErr := o.staff.Matter(ctx, action, r.Unit, res, now)
		if lookErr != nil {
			return lookErr
		}
		if above.Small {
			err = staff.Can(a, action, above, now)
		}
	}
	if err == nil && related(a, parties) {
		err = fault.New(fault.Forbidden, "staff.can.tied")
	}
	return err
}

// related tells whether a party's name, as people shorten it, is that of the
// actor's organisation, his employer or somebody he declared. Whoever types a
// name seldom writes all of it, so more than equal names count here.
func related(a staff.Actor, parties []Party) bool {
	own := []string{a.Org.Name, a.User.Employer.Name}
	for _, t := range a.User.Ties {
		own = append(own, t.Name)
	}
	for _, p := range parties {
		for _, name := range own {
			if sameName(p.Name, name) {
				return true
			}
		}
	}
	return false
}

// sameName tells whether two names are of one organisation: equal however they
// are written, or with the same trade name and industry.
func sameName(a, b string) bool {
	if a == "" || b == "" {
		return false
	}
	x, y := ident.ParseName(a), ident.ParseName(b)
	return x.Normal != "" && x.Normal == y.Normal ||
		!x.Generic && !y.Generic && x.Core != "" && ident.Normal(x.Core) == ident.Normal(y.Core)
}

// Opened is an opened tip-off.
type Opened struct {
	Row
	Status Status // as the reporter reads it
	Lodged Lodged // without Reporter
	// Document is what the receipt proves, as it was lodged.
	Document   []byte
	Channel    Channel
	OriginalNo string
	// At is when it was lodged, to the second; By who wrote it down.
	At     time.Time
	By     string
	Thread []Message
	Notes  []Note
	// Boxes are all evidence boxes with what opens them.
	Boxes []OpenBox
	// Asks with reasons.
	Asks []Ask
	// Next lists the states an officer may take it to.
	Next []State
	// Views lists who looked, newest first.
	Views []Look
	// MergedInto is the tip-off it is handled with, "" without one; Same are those
	// handled with it.
	MergedInto string
	Same       []string
	// Damage are the parts that can be read no more, for the log. Each of them is
	// marked where it stands.
	Damage []error
}

// OpenBox is an evidence box and the identity that opens what is in it.
type OpenBox struct {
	ID       string
	Identity seal.Identity
}

// Look is one view by an officer.
type Look struct {
	By string
	At time.Time
}

// Open opens a tip-off for an officer of its unit (staff.TipoffOpen). Forbidden
// "staff.can.tied" where he is tied to a party.
func (o *Office) Open(ctx context.Context, a staff.Actor, number string, now time.Time) (Opened, error) {
	f, err := o.enter(ctx, a, staff.TipoffOpen, number, now)
	if err != nil {
		return Opened{}, err
	}
	number = f.report.Number
	// Nobody sees anything before the trail has it.
	f.report, err = o.store.update(ctx, entry(a, "tipoff.view", now), number, func(tx *journal.Tx, r *Report) error {
		r.News = false
		o.store.set(tx, number, "views", a.User.ID, now.UTC().Format(time.RFC3339))
		return nil
	})
	if err != nil {
		return Opened{}, err
	}
	if f.report.Leaving != "" {
		// A change of units was broken off before the old wrap was dropped.
		if f.report, err = o.settle(ctx, a, f.report, now); err != nil {
			return Opened{}, err
		}
	}
	out := Opened{
		Lodged: f.lodged, Document: []byte(f.inside.Document), Channel: f.inside.Channel,
		OriginalNo: f.inside.Original, At: f.inside.At, By: f.inside.By, Next: f.report.Next(),
	}
	if out.Row, err = o.row(ctx, a, f.report, now); err != nil {
		return Opened{}, err
	}
	out.Status = f.report.public().status(out.Clocks)
	if out.Thread, _, err = o.store.thread(ctx, number, f.id, (*damage)(&out.Damage)); err != nil {
		return Opened{}, err
	}
	if out.Asks, err = o.store.asks(ctx, f.report, f.id, (*damage)(&out.Damage)); err != nil {
		return Opened{}, err
	}
	if out.Views, err = o.store.views(ctx, number); err != nil {
		return Opened{}, err
	}
	if err := o.notes(ctx, f, &out); err != nil {
		return Opened{}, err
	}
	out.Boxes, err = o.boxes(ctx, f)
	return out, err
}

// notes opens the unit's remarks. Those of a unit that had it before stay its own.
func (o *Office) notes(ctx context.Context, f file, out *Opened) error {
	values, err := o.store.hash(ctx, f.report.Number, "notes")
	if err != nil {
		return err
	}
	for n, v := range values {
		var s storedNote
		damaged := json.Unmarshal([]byte(v), &s) != nil
		if !damaged && s.Unit != f.report.Unit {
			continue
		}
		inner, err := "", error(seal.ErrDamaged) // the reader's own error would quote it
		if !damaged {
			inner, err = f.id.UnsealString(s.Sealed)
		}
		if err != nil {
			if !(*damage)(&out.Damage).note(err, f.report.Number, "note", n+1) {
				return fmt.Errorf("tipoff: opening: %w", err)
			}
			out.Notes = append(out.Notes, Note{N: n + 1, By: s.By, On: s.On, Damaged: true})
			continue
		}
		text, err := unsealed[noted](o.identities[s.Unit], inner)
		if errors.Is(err, seal.ErrWrongKey) {
			// Sealed to a key that the unit has lost: the tip-off itself is there still.
			out.Notes = append(out.Notes, Note{N: n + 1, By: s.By, On: s.On, Lost: true})
			continue
		}
		if err != nil {
			if !(*damage)(&out.Damage).note(err, f.report.Number, "note", n+1) {
				return err
			}
			out.Notes = append(out.Notes, Note{N: n + 1, By: s.By, On: s.On, Damaged: true})
			continue
		}
		switch {
		case text.Into != "":
			out.MergedInto = text.Into
		case text.Same != "":
			out.Same = append(out.Same, text.Same)
		default:
			out.Notes = append(out.Notes, Note{N: n + 1, By: s.By, On: s.On, Text: text.Text})
		}
	}
	return nil
}

// sealNote seals a remark to the unit and the escrow, and that to the tip-off's
// key.
func (o *Office) sealNote(r Report, unit string, n noted) (string, error) {
	return sealNote(r, o.units[unit], o.escrow, n)
}

// boxes lists the evidence with what opens it: a draft's boxes have keys of their
// own, later ones are sealed to the tip-off's.
func (o *Office) boxes(ctx context.Context, f file) ([]OpenBox, error) {
	var out []OpenBox
	for _, b := range f.inside.Boxes {
		id, err := seal.ParseIdentity(b.Key)
		if err != nil {
			return nil, fmt.Errorf("tipoff: key of box %s: %w", b.ID, err)
		}
		out = append(out, OpenBox{b.ID, id})
	}
	if o.evidence == nil {
		return out, nil
	}
	all, err := o.evidence.Boxes(ctx, Ref(f.report.Number))
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b evidence.Box) int { return strings.Compare(a.Day+a.ID, b.Day+b.ID) })
	for _, b := range all {
		if !slices.ContainsFunc(out, func(have OpenBox) bool { return have.ID == b.ID }) {
			out = append(out, OpenBox{b.ID, f.id})
		}
	}
	return out, nil
}

// entry is the journal entry of what an officer does.
func entry(a staff.Actor, action string, now time.Time) journal.Entry {
	return journal.Entry{Actor: a.User.ID, Action: action, At: now}
}
