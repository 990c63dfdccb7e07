package linkage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
	"ipcredit/shared/workday"
)

// Opened is one application with everything an officer of its unit may see.
type Opened struct {
	Row
	// Name is the applicant's, opened; Lost says that it is sealed to a key that
	// is gone or was erased.
	Name string
	Lost bool
	// Next lists the states an officer may take it to.
	Next     []State
	Contacts []Contact
	Letters  []Letter
}

// Open shows one application (staff.CaseRead). Where it opens what is sealed, the
// journal has the view before it is given.
func (o *Office) Open(ctx context.Context, a staff.Actor, id string, now time.Time) (Opened, error) {
	held, err := o.store.Get(ctx, id)
	if err != nil {
		return Opened{}, err
	}
	if err := staff.Can(a, staff.CaseRead, held.resource(), now); err != nil {
		return Opened{}, err
	}
	rules, err := o.store.Rules(ctx)
	if err != nil {
		return Opened{}, err
	}
	var out Opened
	if out.Row, err = rowOf(held, rules, workday.DateOf(now)); err != nil {
		return out, err
	}
	out.Next, out.Name = held.State.Next(), held.Applicant.Name
	sealed := held.Applicant.Person
	var contacts []storedContact
	for _, e := range held.Events {
		no, _ := strconv.ParseInt(e.Ref, 10, 64)
		switch e.What {
		case LetterSent:
			l, err := record[Letter](ctx, o.store, "letter", no)
			if err != nil {
				return out, err
			}
			out.Letters = append(out.Letters, l)
		case ContactMade:
			c, err := record[storedContact](ctx, o.store, "contact", no)
			if err != nil {
				return out, err
			}
			contacts = append(contacts, c)
			sealed = true
		}
	}
	if sealed {
		if err := o.store.note(ctx, entry(a, "linkage.view", Ref(id), now), a.User.ID, id); err != nil {
			return out, err
		}
	}
	if held.Applicant.Person {
		names, err := o.names(ctx, []Application{held})
		if err != nil {
			return out, err
		}
		out.Name = names[id]
		out.Lost = out.Name == ""
	}
	for _, c := range contacts {
		opened, err := o.openContact(ctx, c)
		if err != nil {
			return out, err
		}
		out.Contacts = append(out.Contacts, opened)
	}
	return out, nil
}

// Names opens the names of the applicants of these applications, for letters and
// lists on paper (staff.CaseRead). The journal has whose were opened before they
// are given. A name whose key is gone is "".
func (o *Office) Names(ctx context.Context, a staff.Actor, ids []string, now time.Time) (map[string]string, error) {
	if err := atOnce(ids); err != nil {
		return nil, err
	}
	held, err := o.store.load(ctx, o.store.journal.Redis(), ids)
	if err != nil {
		return nil, err
	}
	var list []Application
	var persons []string
	for _, h := range held {
		if h == nil {
			return nil, fault.New(fault.NotFound, "linkage.none")
		}
		if err := staff.Can(a, staff.CaseRead, h.resource(), now); err != nil {
			return nil, err
		}
		list = append(list, *h)
		if h.Applicant.Person {
			persons = append(persons, h.ID)
		}
	}
	if len(persons) > 0 {
		if err := o.store.note(ctx, entry(a, "linkage.names", Ref(persons[0]), now), a.User.ID, persons...); err != nil {
			return nil, err
		}
	}
	return o.names(ctx, list)
}

// names opens the names, each key once.
func (o *Office) names(ctx context.Context, list []Application) (map[string]string, error) {
	out := map[string]string{}
	refs := map[string][]string{} // by unit
	for _, a := range list {
		out[a.ID] = a.Applicant.Name
		if a.Applicant.Person && !slices.Contains(refs[a.Applicant.Unit], a.Applicant.Key) {
			refs[a.Applicant.Unit] = append(refs[a.Applicant.Unit], a.Applicant.Key)
		}
	}
	opened := map[string]seal.Identity{}
	for unit, some := range refs {
		id, ok := o.Identities[unit]
		if !ok {
			return nil, fault.New(fault.Unavailable, "tipoff.no_key", unit).After(time.Hour)
		}
		for ref, k := range o.keys.OpenAll(ctx, some, tipoff.UnitLabel(unit), id) {
			switch {
			case k.Err == nil:
				opened[ref] = k.Identity
			case errors.Is(k.Err, seal.ErrErased), errors.Is(k.Err, seal.ErrNoKey), errors.Is(k.Err, seal.ErrWrongKey), errors.Is(k.Err, seal.ErrNoLabel):
				// Gone, or sealed to a key the unit has lost.
			default:
				return nil, fmt.Errorf("linkage: key: %w", k.Err)
			}
		}
	}
	for _, a := range list {
		id, ok := opened[a.Applicant.Key]
		if !a.Applicant.Person || !ok {
			continue
		}
		name, err := id.UnsealText(a.Applicant.Sealed)
		if err != nil {
			return nil, fmt.Errorf("linkage: opening: %w", err)
		}
		out[a.ID] = name
	}
	return out, nil
}

// Contact is one entry of the contact log, for a whole group.
type Contact struct {
	No     int64    `json:"no"`
	IDs    []string `json:"ids"`
	Unit   string   `json:"unit"`
	Method string   `json:"method"` // one of Methods
	// Rights says that the right to 陈述意见 was explained: without it no contact is
	// recorded.
	Rights bool         `json:"rights"`
	On     workday.Date `json:"on"`
	At     time.Time    `json:"at"`
	By     string       `json:"by"`
	// Person is who was spoken to and Note what was said; both are sealed where they
	// are stored. Lost says that their key is gone or was erased.
	Person string `json:"-"`
	Note   string `json:"-"`
	Lost   bool   `json:"-"`
	// Versions are those that the page showed; one that is not named is not asked.
	Versions map[string]int `json:"-"`
}

// Methods are the ways of contact. Words: "linkage.method."+method.
var Methods = []string{"phone", "visit", "letter", "message"}

// storedContact is a contact with what is sealed in it.
type storedContact struct {
	Contact
	Key    string `json:"key,omitempty"`
	Sealed string `json:"sealed,omitempty"`
}

// saidMark parts who was spoken to from what was said.
const saidMark = "\x00"

// sealContact seals person and note to the unit and the escrow.
func (o *Office) sealContact(ctx context.Context, c Contact) (storedContact, error) {
	out := storedContact{Contact: c}
	if c.Person == "" && c.Note == "" {
		return out, nil
	}
	to, ok := o.Units[c.Unit]
	if !ok {
		return out, fault.New(fault.Unavailable, "tipoff.no_key", c.Unit).After(time.Hour)
	}
	ref, key, err := o.keys.Add(ctx, seal.Party{Label: tipoff.UnitLabel(c.Unit), To: to}, seal.Party{Label: tipoff.EscrowLabel, To: o.Escrow})
	if err != nil {
		return out, fmt.Errorf("linkage: key: %w", err)
	}
	out.Key = ref
	if out.Sealed, err = key.SealText(c.Person + saidMark + c.Note); err != nil {
		return out, fmt.Errorf("linkage: sealing: %w", err)
	}
	return out, nil
}

func (o *Office) openContact(ctx context.Context, c storedContact) (Contact, error) {
	out := c.Contact
	if c.Sealed == "" {
		return out, nil
	}
	id, ok := o.Identities[c.Unit]
	if !ok {
		out.Lost = true
		return out, nil
	}
	key, err := o.keys.Open(ctx, c.Key, tipoff.UnitLabel(c.Unit), id)
	switch {
	case errors.Is(err, seal.ErrErased), errors.Is(err, seal.ErrNoKey), errors.Is(err, seal.ErrWrongKey), errors.Is(err, seal.ErrNoLabel):
		out.Lost = true
		return out, nil
	case err != nil:
		return out, fmt.Errorf("linkage: key: %w", err)
	}
	text, err := key.UnsealText(c.Sealed)
	if err != nil {
		return out, fmt.Errorf("linkage: opening: %w", err)
	}
	out.Person, out.Note, _ = strings.Cut(text, saidMark)
	return out, nil
}

// MostAtOnce is how many applications one action may name.
const MostAtOnce = 1000

// atOnce checks a list of ids.
func atOnce(ids []string) error {
	switch {
	case len(ids) == 0:
		return fault.New(fault.Invalid, "linkage.none_chosen").With("ids", "linkage.none_chosen")
	case len(ids) > MostAtOnce:
		return fault.New(fault.Refused, "linkage.many", MostAtOnce).With("ids", "linkage.many", MostAtOnce)
	}
	for i, id := range ids {
		if slices.Contains(ids[:i], id) {
			return fault.New(fault.Invalid, "linkage.twice", id).With("ids", "linkage.twice", id)
		}
	}
	return nil
}
