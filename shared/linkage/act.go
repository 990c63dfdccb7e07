package linkage

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/journal"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
	"ipcredit/shared/workday"
)

// Result is what became of a bulk action: what it changed, and why not the rest
// (a *fault.Error each).
type Result struct {
	Done    []string
	Refused map[string]error
	// Act is the number under which it can be taken back, see Undo; 0 where nothing
	// was done.
	Act int64
}

// first is the refusal of the first id that has one, nil where none has.
func (r Result) first(ids []string) error {
	for _, id := range ids {
		if err, ok := r.Refused[id]; ok {
			return err
		}
	}
	return nil
}

// errUndone ends a commit that must do all or nothing.
var errUndone = errors.New("linkage: refused")

// Assign takes applications on for a unit (staff.CaseIntake): an officer is made
// their owner, and the division is confirmed or corrected where one is given.
// Where that makes another unit responsible they go there and wait to be taken
// on.
type Assign struct {
	IDs      []string
	Owner    string // user id; empty is the actor
	Division string // confirmed by the holder's address; empty leaves it as it is
	Reason   string // one of Reasons; needed where the unit changes
	// Versions are those that the page showed; one that is not named is not asked.
	Versions map[string]int
}

// Reasons for handing over. Words: "linkage.reason."+reason.
var Reasons = []string{"address", "list-error", "agreed"}

// Assign carries it out. The notice clock ends with it, and begins anew in
// another unit.
func (o *Office) Assign(ctx context.Context, a staff.Actor, in Assign, now time.Time) (Result, error) {
	if err := atOnce(in.IDs); err != nil {
		return Result{}, err
	}
	if in.Reason != "" && !slices.Contains(Reasons, in.Reason) {
		return Result{}, fault.New(fault.Invalid, "linkage.reason").With("reason", "linkage.reason")
	}
	if in.Division != "" {
		var err error
		if in.Division, err = readDivision(in.Division); err != nil {
			f, _ := fault.Of(err)
			return Result{}, fault.New(f.Kind, f.Code, f.Args...).With("division", f.Code, f.Args...)
		}
	}
	if in.Owner == "" {
		in.Owner = a.User.ID
	}
	if in.Division != "" {
		if err := o.grant(ctx, a, in, now); err != nil {
			return Result{}, err
		}
	}
	day := workday.DateOf(now)
	event := func(what, ref string) Event {
		return Event{What: what, On: day, At: now.UTC(), By: a.User.ID, Ref: ref}
	}
	owner := a
	if in.Owner != a.User.ID && o.Staff != nil {
		var err error
		if owner, err = o.Staff.Actor(ctx, in.Owner); err != nil {
			if _, refused := fault.Of(err); !refused {
				return Result{}, err
			}
			return Result{}, fault.New(fault.Invalid, "linkage.owner").With("owner", "linkage.owner")
		}
	}
	act := Act{What: ActAssign, Owner: in.Owner}
	if in.Reason != "" {
		act.Division = in.Division
	}
	return o.acting(ctx, a, "linkage.assign", act, in.IDs, now, func(x *Application) error {
		if err := staff.Can(a, staff.CaseIntake, x.resource(), now); err != nil {
			return err
		}
		if moved(in.Versions, x) {
			return fault.New(fault.Stale, "linkage.stale")
		}
		if in.Division != "" {
			unit := unitOf(o.Units, in.Division, o.store.journal.City())
			if unit != x.Unit {
				if in.Reason == "" {
					return fault.New(fault.Invalid, "linkage.reason").With("reason", "linkage.reason")
				}
				x.past(a.User.ID, now, "division", x.Division)
				x.Division, x.Confirmed, x.Unit, x.Owner = in.Division, true, unit, ""
				if x.Applicant.Person {
					x.Applicant.Unit = unit
				}
				if x.State == Assigned {
					x.State, x.StateOn = Notified, day
				}
				x.Events = append(x.Events, event(HandedOver, in.Reason))
				return nil
			}
			if x.Division != in.Division {
				x.past(a.User.ID, now, "division", x.Division)
			}
			x.Division, x.Confirmed = in.Division, true
		}
		if !x.State.Final() && (x.State == Notified || x.Owner == "") {
			x.Events = append(x.Events, event(string(Assigned), ""))
		}
		if x.State == Notified {
			x.State, x.StateOn, x.From = Assigned, day, ""
		}
		if in.Owner != a.User.ID && staff.Can(owner, staff.CaseHandle, x.resource(), now) != nil {
			return fault.New(fault.Refused, "linkage.owner").With("owner", "linkage.owner")
		}
		x.Owner = in.Owner
		return nil
	})
}

func (x *Application) past(by string, at time.Time, field, was string) {
	x.History = append(slices.Clone(x.History), Past{At: at.UTC(), By: by, Was: map[string]string{field: was}})
}

// grant lets the unit that becomes responsible read the sealed names, before it
// does. A key is granted once; what was granted to a unit that then refused it
// stays, and is in the journal as handed over.
func (o *Office) grant(ctx context.Context, a staff.Actor, in Assign, now time.Time) error {
	unit := unitOf(o.Units, in.Division, o.store.journal.City())
	held, err := o.store.load(ctx, o.store.journal.Redis(), in.IDs)
	if err != nil {
		return err
	}
	done := map[string]bool{}
	for _, h := range held {
		if h == nil || !h.Applicant.Person || h.Unit == unit || done[h.Applicant.Key] || in.Reason == "" ||
			staff.Can(a, staff.CaseIntake, h.resource(), now) != nil {
			continue
		}
		done[h.Applicant.Key] = true
		id, ok := o.Identities[h.Applicant.Unit]
		to, known := o.Units[unit]
		if !ok || !known {
			return fault.New(fault.Unavailable, "tipoff.no_key", unit).After(time.Hour)
		}
		labels, err := o.keys.Labels(ctx, h.Applicant.Key)
		if errors.Is(err, seal.ErrErased) {
			continue
		}
		if err != nil {
			return fmt.Errorf("linkage: key: %w", err)
		}
		if slices.Contains(labels, tipoff.UnitLabel(unit)) {
			continue
		}
		if err := o.keys.Grant(ctx, h.Applicant.Key, tipoff.UnitLabel(h.Applicant.Unit), id, seal.Party{Label: tipoff.UnitLabel(unit), To: to}); err != nil {
			return fmt.Errorf("linkage: key: %w", err)
		}
	}
	return nil
}

// Letter is one letter (发函) to one applicant or agency about a group of
// applications.
type Letter struct {
	No    int64  `json:"no"`
	DocNo string `json:"docNo,omitempty"` // 文号, where the bureau gives one
	// To is ToApplicant or ToAgency.
	To     string       `json:"to"`
	Group  string       `json:"group"` // Applicant.Group, of a letter to the applicant
	Agency string       `json:"agency,omitempty"`
	Unit   string       `json:"unit"`
	IDs    []string     `json:"ids"`
	Reply  workday.Date `json:"reply,omitzero"` // nearest reply deadline
	On     workday.Date `json:"on"`
	At     time.Time    `json:"at"`
	By     string       `json:"by"`
	// Name is the applicant's, of an organisation, as the letter was addressed.
	Name string `json:"name,omitempty"`
	// Lines are the applications as the letter named them: printed again, it says
	// what it said.
	Lines []Line `json:"lines"`
	// Versions are those that the page showed; one that is not named is not asked.
	Versions map[string]int `json:"-"`
}

// Line is one application in a letter.
type Line struct {
	ID      string       `json:"id"`
	Number  string       `json:"number"`
	Class   int          `json:"class,omitempty"`
	Grounds []string     `json:"grounds"`
	List    string       `json:"list"`
	On      workday.Date `json:"on"`
	Reply   workday.Date `json:"reply,omitzero"`
}

func lineOf(x Application) Line {
	first := x.First()
	return Line{ID: x.ID, Number: x.Number, Class: x.Class, Grounds: x.Grounds, List: first.List, On: first.On, Reply: x.Reply()}
}

// To whom a letter goes.
const (
	ToApplicant = "applicant"
	ToAgency    = "agency"
)

// Send makes one letter for all of the applications (staff.CaseHandle), or none
// where one of them refuses: all must be of one unit and of one applicant or, to
// the agency, of one agency, and without an outcome. Its text explains the right
// to 陈述意见. What was only notified counts as taken on by the sender. The action
// clock ends with it.
func (o *Office) Send(ctx context.Context, a staff.Actor, in Letter, now time.Time) (Letter, error) {
	if err := atOnce(in.IDs); err != nil {
		return Letter{}, err
	}
	if in.To != ToApplicant && in.To != ToAgency {
		return Letter{}, fault.New(fault.Invalid, "linkage.to").With("to", "linkage.to")
	}
	if in.DocNo != "" {
		no, err := ident.ParseDocNo(in.DocNo)
		if err != nil {
			f, _ := fault.Of(err)
			return Letter{}, fault.New(f.Kind, f.Code, f.Args...).With("docNo", f.Code, f.Args...)
		}
		in.DocNo = no.String()
	}
	no, err := o.store.journal.Next(ctx, "linkage-letter")
	if err != nil {
		return Letter{}, err
	}
	in.No, in.On, in.At, in.By = no, workday.DateOf(now), now.UTC(), a.User.ID
	in.Group, in.Agency, in.Unit, in.Reply, in.Name, in.Lines = "", "", "", workday.Date{}, "", nil
	out := in
	err = o.together(ctx, a, "linkage.letter", LetterSent, no, in.IDs, now, func(x *Application, first bool) error {
		if first {
			out = in
			out.Unit, out.Group, out.Agency = x.Unit, x.Applicant.Group(), x.Agency
		}
		switch {
		case moved(in.Versions, x):
			return fault.New(fault.Stale, "linkage.stale")
		case x.State.Final():
			return fault.New(fault.Conflict, "linkage.settled", x.ID)
		case x.Unit != out.Unit:
			return fault.New(fault.Refused, "linkage.mixed_unit")
		case in.To == ToAgency && x.Agency == "":
			return fault.New(fault.Refused, "linkage.no_agency", x.ID)
		case in.To == ToAgency && x.Agency != out.Agency, in.To == ToApplicant && x.Applicant.Group() != out.Group:
			return fault.New(fault.Refused, "linkage.mixed")
		}
		if x.Agency != out.Agency {
			out.Agency = "" // through several
		}
		if in.To == ToAgency {
			out.Group = ""
		} else {
			out.Name = x.Applicant.Name
		}
		out.Lines = append(out.Lines, lineOf(*x))
		out.Reply = workday.Min(out.Reply, x.Reply())
		return nil
	}, func(tx *journal.Tx) error {
		tx.Counter("linkage-letter", no)
		return setRecord(tx, o.store.numbered("letter", no), out)
	})
	return out, err
}

// together is an action on a whole group: all or nothing, one event each. What
// was only notified is taken on by it.
func (o *Office) together(ctx context.Context, a staff.Actor, action, what string, no int64, ids []string, now time.Time,
	check func(x *Application, first bool) error, also func(*journal.Tx) error) error {
	day, ref := workday.DateOf(now), strconv.FormatInt(no, 10)
	var result Result
	first := true
	_, _, err := o.store.change(ctx, entry(a, action, ref, now), ids, func(_ Rules, x *Application) error {
		if x.ID == ids[0] {
			first = true
		}
		if err := staff.Can(a, staff.CaseHandle, x.resource(), now); err != nil {
			return err
		}
		if err := check(x, first); err != nil {
			return err
		}
		first = false
		if x.State == Notified {
			x.Events = append(x.Events, Event{What: string(Assigned), On: day, At: now.UTC(), By: a.User.ID})
			x.State = Assigned
		}
		if x.Owner == "" {
			x.Owner = a.User.ID
		}
		if x.State == Assigned {
			x.State, x.StateOn, x.From = Contacted, day, ""
		}
		x.Events = append(x.Events, Event{What: what, On: day, At: now.UTC(), By: a.User.ID, Ref: ref})
		return nil
	}, func(tx *journal.Tx, done []Application) error {
		if len(done) < len(ids) {
			return errUndone
		}
		return also(tx)
	}, &result)
	if err := result.first(ids); err != nil {
		return err
	}
	return err
}

// LetterOf returns a letter (staff.CaseRead of its unit), for its page and print.
func (o *Office) LetterOf(ctx context.Context, a staff.Actor, no int64, now time.Time) (Letter, error) {
	l, err := record[Letter](ctx, o.store, "letter", no)
	if err != nil {
		return Letter{}, err
	}
	return l, staff.Can(a, staff.CaseRead, staff.UnitResource(l.Unit, l.Unit), now)
}

// Most characters of what is written down of a contact.
const (
	MostPerson = 60
	MostNote   = 2000
)

// Contacted records one contact for all of the applications (staff.CaseHandle),
// or none where one of them refuses. Without the record that the right to 陈述意见
// was explained it is refused.
func (o *Office) Contacted(ctx context.Context, a staff.Actor, in Contact, now time.Time) (Contact, error) {
	if err := atOnce(in.IDs); err != nil {
		return Contact{}, err
	}
	today := workday.DateOf(now)
	if in.On.IsZero() {
		in.On = today
	}
	switch {
	case !slices.Contains(Methods, in.Method):
		return Contact{}, fault.New(fault.Invalid, "linkage.method").With("method", "linkage.method")
	case !in.Rights:
		return Contact{}, fault.New(fault.Refused, "linkage.rights").With("rights", "linkage.rights")
	case in.On.After(today):
		return Contact{}, fault.New(fault.Invalid, "linkage.future", in.On.String(), today.String()).With("on", "linkage.future", in.On.String(), today.String())
	}
	for _, part := range []struct {
		field string
		text  *string
		most  int
	}{{"person", &in.Person, MostPerson}, {"note", &in.Note, MostNote}} {
		if err := ident.CheckText(*part.text); err != nil {
			f, _ := fault.Of(err)
			return Contact{}, fault.New(f.Kind, f.Code, f.Args...).With(part.field, f.Code, f.Args...)
		}
		if *part.text = strings.TrimSpace(*part.text); len([]rune(*part.text)) > part.most {
			return Contact{}, fault.New(fault.Invalid, "linkage.long", part.most).With(part.field, "linkage.long", part.most)
		}
	}
	no, err := o.store.journal.Next(ctx, "linkage-contact")
	if err != nil {
		return Contact{}, err
	}
	first, err := o.store.Get(ctx, in.IDs[0])
	if err != nil {
		return Contact{}, err
	}
	if err := staff.Can(a, staff.CaseHandle, first.resource(), now); err != nil {
		return Contact{}, err
	}
	in.No, in.Unit, in.At, in.By = no, first.Unit, now.UTC(), a.User.ID
	stored, err := o.sealContact(ctx, in)
	if err != nil {
		return Contact{}, err
	}
	err = o.together(ctx, a, "linkage.contact", ContactMade, no, in.IDs, now, func(x *Application, _ bool) error {
		switch {
		case moved(in.Versions, x):
			return fault.New(fault.Stale, "linkage.stale")
		case x.State.Final():
			return fault.New(fault.Conflict, "linkage.settled", x.ID)
		case x.Unit != in.Unit:
			return fault.New(fault.Refused, "linkage.mixed_unit")
		case in.On.Before(x.Received):
			return fault.New(fault.Invalid, "linkage.before", in.On.String(), x.Received.String()).With("on", "linkage.before", in.On.String(), x.Received.String())
		}
		return nil
	}, func(tx *journal.Tx) error {
		tx.Counter("linkage-contact", no)
		return setRecord(tx, o.store.numbered("contact", no), stored)
	})
	return in, err
}

// Move takes one application to another state.
type Move struct {
	ID      string
	Version int // the one the page showed; 0 does not ask
	To      State
	On      workday.Date // the day of the act; none is today
	// Document is the number of CNIPA's document, where State.NeedsDocument, or in
	// place of the holder's receipt for a withdrawal.
	Document string
}

// Our own choice [design]: CNIPA's notices are numbered in several ways.
var documentForm = regexp.MustCompile(`^[0-9A-Z][0-9A-Z-]{5,39}$`)

// readDocument reads the number of a document: a 文号, or the serial number on
// CNIPA's notices.
func readDocument(s string) (string, error) {
	if no, err := ident.ParseDocNo(s); err == nil {
		return no.String(), nil
	}
	s = strings.ToUpper(ident.Plain(strings.TrimSpace(s)))
	if !documentForm.MatchString(s) {
		return "", fault.New(fault.Invalid, "linkage.document").With("document", "linkage.document")
	}
	return s, nil
}

// read checks what does not depend on the application.
func (m Move) read(now time.Time) (Move, error) {
	today := workday.DateOf(now)
	if m.On.IsZero() {
		m.On = today
	}
	if m.On.After(today) {
		return m, fault.New(fault.Invalid, "linkage.future", m.On.String(), today.String()).With("on", "linkage.future", m.On.String(), today.String())
	}
	if m.Document != "" {
		var err error
		if m.Document, err = readDocument(m.Document); err != nil {
			return m, err
		}
	}
	return m, nil
}

// apply moves the application, or says why not.
func (m Move) apply(x *Application, a staff.Actor, now time.Time) error {
	receipt := slices.ContainsFunc(x.Materials, func(f Material) bool { return f.Kind == Receipt })
	switch {
	case !x.State.CanMove(m.To) || m.To == Assigned || m.To == Contacted:
		return fault.New(fault.Conflict, "linkage.move").With("to", "linkage.move")
	case m.To.NeedsDocument() && m.Document == "":
		return fault.New(fault.Refused, "linkage.needs_document").With("document", "linkage.needs_document")
	case m.To == Withdrawn && m.Document == "" && !receipt:
		return fault.New(fault.Refused, "linkage.needs_receipt").With("document", "linkage.needs_receipt")
	case m.On.Before(x.First().On):
		return fault.New(fault.Invalid, "linkage.before", m.On.String(), x.First().On.String()).With("on", "linkage.before", m.On.String(), x.First().On.String())
	case (x.State.Final() || x.State == Explained || x.State == Pending) && m.On.Before(x.StateOn):
		return fault.New(fault.Invalid, "linkage.before", m.On.String(), x.StateOn.String()).With("on", "linkage.before", m.On.String(), x.StateOn.String())
	}
	x.State, x.StateOn, x.From = m.To, m.On, m.Document
	// The clock of the report runs from the day it became known here.
	x.Events = append(x.Events, Event{What: string(m.To), On: workday.DateOf(now), At: now.UTC(), By: a.User.ID, Ref: m.Document})
	return nil
}

// Attach notes a file of the holder in an evidence box with the application:
// by an officer (staff.CaseHandle) or by the holder himself (staff.SubjectFile).
func (o *Office) Attach(ctx context.Context, a staff.Actor, id string, version int, m Material, now time.Time) (Application, error) {
	if !slices.Contains(MaterialKinds, m.Kind) || m.Box == "" || m.File < 0 {
		return Application{}, fault.New(fault.Invalid, "linkage.material").With("kind", "linkage.material")
	}
	m.On, m.By = workday.DateOf(now), a.User.ID
	action := staff.CaseHandle
	if a.May(staff.SubjectFile, now) {
		action = staff.SubjectFile
	}
	return o.one(ctx, a, "linkage.material", id, version, now, action, func(x *Application) error {
		if slices.ContainsFunc(x.Materials, func(h Material) bool { return h.Box == m.Box && h.File == m.File }) {
			return fault.New(fault.Conflict, "linkage.material_twice")
		}
		x.Materials = append(x.Materials, m)
		x.Events = append(x.Events, Event{What: Added, On: m.On, At: now.UTC(), By: a.User.ID, Ref: string(m.Kind)})
		return nil
	})
}

// one changes one application.
func (o *Office) one(ctx context.Context, a staff.Actor, what, id string, version int, now time.Time, action staff.Action, f func(*Application) error) (Application, error) {
	var result Result
	_, done, err := o.store.change(ctx, entry(a, what, Ref(id), now), []string{id}, func(_ Rules, x *Application) error {
		r := x.resource()
		if action == staff.SubjectFile {
			r = staff.Resource{Subject: r.Subject}
		}
		if err := staff.Can(a, action, r, now); err != nil {
			return err
		}
		if version != 0 && version != x.Version {
			return fault.New(fault.Stale, "linkage.stale")
		}
		return f(x)
	}, nil, &result)
	if err != nil {
		return Application{}, err
	}
	if err := result.first([]string{id}); err != nil {
		return Application{}, err
	}
	return done[0], nil
}
