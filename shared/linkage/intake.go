package linkage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"ipcredit/shared/ident"
	"ipcredit/shared/seal"
	"ipcredit/shared/tipoff"
	"ipcredit/shared/workday"
)

// Import is the upload whose rows are put.
type Import struct {
	Batch string
	Actor string
	At    time.Time
	City  string
	// Units are those that have a key; a division without one belongs to the
	// city's. Nil takes every division's.
	Units tipoff.Units
}

// batchRef is how events name the upload that brought them.
const batchRef = "batch:"

// ErrMoved says that an application changed between Prepare and Put.
var ErrMoved = errors.New("linkage: changed meanwhile")

// unitOf is the label of the unit responsible for a division.
func unitOf(units tipoff.Units, division, city string) string {
	if units == nil {
		return division
	}
	if _, ok := units[division]; ok {
		return division
	}
	return city
}

// Sealer seals the names of natural persons for those who may read them: the unit
// responsible, the escrow, and the desk that takes the lists in, which must know
// a name again when the list comes again. One Sealer serves one upload: the same
// person's name gets one key in it.
type Sealer struct {
	Keys   *seal.Keys
	Escrow seal.Recipient
	// Label and Identity are the desk's own party.
	Label    string
	Identity seal.Identity

	made map[known]Applicant
}

// known is a person as one unit knows him.
type known struct{ unit, name string }

// Prepare seals the natural persons' names of the rows before they are put. A
// name that is held already is recognised and not sealed again; one that was
// erased stays erased. A dry run makes no keys.
func (s *Store) Prepare(ctx context.Context, list []Entry, by Import, with *Sealer, dry bool) error {
	var persons []int
	rows := map[string]int{}
	for i, e := range list {
		rows[e.ID]++
		if e.Person {
			persons = append(persons, i)
		}
	}
	if len(persons) == 0 {
		return nil
	}
	ids := make([]string, len(persons))
	for n, i := range persons {
		ids[n] = list[i].ID
	}
	held, err := s.load(ctx, s.journal.Redis(), ids)
	if err != nil {
		return err
	}
	if err := with.recognise(ctx, list, persons, held, by); err != nil {
		return err
	}
	wanted := map[int]known{} // by row
	for n, i := range persons {
		e := &list[i]
		e.sealed = Applicant{}
		switch {
		case e.same != "" && rows[e.ID] == 1:
		case dry:
			e.sealed = Applicant{Person: true, Key: "-", Sealed: ident.Normal(e.Name)}
		default:
			wanted[i] = known{target(held[n], *e, by), e.Name}
		}
	}
	if err := with.seal(ctx, wanted, by.Units); err != nil {
		return err
	}
	for i, who := range wanted {
		list[i].sealed = with.made[who]
	}
	return nil
}

// target is the unit that is responsible once the row is put.
func target(held *Application, e Entry, by Import) string {
	if held != nil && held.Confirmed {
		return held.Unit
	}
	return unitOf(by.Units, e.Division, by.City)
}

// recognise finds out which rows name the person who is held.
func (w *Sealer) recognise(ctx context.Context, list []Entry, persons []int, held []*Application, by Import) error {
	var refs []string
	for n, i := range persons {
		list[i].same = ""
		if h := held[n]; h != nil && h.Applicant.Person && !slices.Contains(refs, h.Applicant.Key) {
			refs = append(refs, h.Applicant.Key)
		}
	}
	if len(refs) == 0 {
		return nil
	}
	opened := map[string]seal.Opened{}
	for ref, o := range w.Keys.OpenAll(ctx, refs, w.Label, w.Identity) {
		opened[ref] = o
	}
	for n, i := range persons {
		e, h := &list[i], held[n]
		if h == nil || !h.Applicant.Person || h.Applicant.Unit != target(h, *e, by) {
			continue
		}
		o := opened[h.Applicant.Key]
		switch {
		case errors.Is(o.Err, seal.ErrErased):
			e.same = h.Applicant.Sealed
		case errors.Is(o.Err, seal.ErrNoKey), errors.Is(o.Err, seal.ErrNoLabel), errors.Is(o.Err, seal.ErrWrongKey), errors.Is(o.Err, seal.ErrDamaged):
			// Not known again: it is sealed anew.
		case o.Err != nil:
			return fmt.Errorf("linkage: key: %w", o.Err)
		default:
			name, err := o.Identity.UnsealText(h.Applicant.Sealed)
			if err == nil && name == e.Name {
				e.same = h.Applicant.Sealed
			}
		}
	}
	return nil
}

// seal seals names to their units, under one key for each person and unit. All at
// once: keys that are made at the same time share one write.
func (w *Sealer) seal(ctx context.Context, wanted map[int]known, units tipoff.Units) error {
	type result struct {
		who known
		a   Applicant
		err error
	}
	results := make(chan result)
	n := 0
	begun := map[known]bool{}
	for _, who := range wanted {
		if _, ok := w.made[who]; ok || begun[who] {
			continue
		}
		begun[who] = true
		n++
		go func() {
			a, err := w.one(ctx, who, units)
			results <- result{who, a, err}
		}()
	}
	var failed error
	for range n {
		r := <-results
		if r.err != nil {
			failed = r.err
			continue
		}
		if w.made == nil {
			w.made = map[known]Applicant{}
		}
		w.made[r.who] = r.a
	}
	return failed
}

func (w *Sealer) one(ctx context.Context, who known, units tipoff.Units) (Applicant, error) {
	parties := []seal.Party{{Label: w.Label, To: w.Identity.Recipient()}, {Label: tipoff.EscrowLabel, To: w.Escrow}}
	if to, ok := units[who.unit]; ok {
		parties = append(parties, seal.Party{Label: tipoff.UnitLabel(who.unit), To: to})
	}
	ref, to, err := w.Keys.Add(ctx, parties...)
	if err != nil {
		return Applicant{}, fmt.Errorf("linkage: key: %w", err)
	}
	text, err := to.SealText(who.name)
	if err != nil {
		return Applicant{}, fmt.Errorf("linkage: sealing: %w", err)
	}
	return Applicant{Person: true, Key: ref, Sealed: text, Unit: who.unit}, nil
}

// lay lays a row over what is held and returns what then is: old itself, field by
// field, where the row says nothing new.
func (by Import) lay(old *Application, e Entry) (Application, error) {
	day := workday.DateOf(by.At)
	event := func(what string, on workday.Date) Event {
		return Event{What: what, On: on, At: by.At.UTC(), By: by.Actor, Ref: batchRef + by.Batch}
	}
	notice := Notice{List: e.List, On: e.On, Reply: e.Reply, Batch: by.Batch, Said: e.State, SaidOn: e.StateOn}
	said := e.StateOn
	switch {
	case !said.IsZero():
	case e.State == Notified:
		said = e.On
	default:
		said = day // it was so when it was handed in
	}
	applicant, err := e.applicant(old)
	if err != nil {
		return Application{}, err
	}
	if old == nil {
		a := Application{
			ID: e.ID, Kind: e.Kind, Number: e.Number, Class: e.Class, Type: e.Type, Applicant: applicant,
			Agency: strings.TrimPrefix(e.Agency, NoAgency), Grounds: e.Grounds, Notices: []Notice{notice},
			Division: e.Division, Unit: unitOf(by.Units, e.Division, by.City), Holder: e.Holder,
			State: e.State, StateOn: said, From: batchRef + by.Batch, Received: day,
		}
		if e.State != Notified {
			a.Events = []Event{event(string(e.State), said)}
		}
		return a, nil
	}

	a := *old
	past := Past{At: by.At.UTC(), By: by.Actor, Batch: by.Batch, Was: map[string]string{}}
	a.Notices = slices.Clone(old.Notices)
	again := false // the list says of the state what it said before
	if n := slices.IndexFunc(a.Notices, func(n Notice) bool { return n.List == e.List }); n >= 0 {
		was := a.Notices[n]
		again = was.Said == e.State && was.SaidOn == e.StateOn
		notice.Batch = was.Batch
		if notice.Reply.IsZero() {
			notice.Reply = was.Reply
		}
		if was.On != notice.On {
			past.Was["notifiedAt"] = was.On.String()
		}
		if was.Reply != notice.Reply {
			past.Was["replyBy"] = was.Reply.String()
		}
		a.Notices[n] = notice
	} else {
		a.Notices = append(a.Notices, notice)
	}
	slices.SortStableFunc(a.Notices, func(x, y Notice) int { return x.On.Compare(y.On) })

	// A list that is not the latest corrects nothing that a later one has said.
	if !slices.ContainsFunc(a.Notices, func(n Notice) bool { return n.On.After(e.On) }) {
		if was := old.Applicant; was != applicant {
			past.Was["applicant"] = was.past()
			a.Applicant = applicant
		}
		if agency := strings.TrimPrefix(e.Agency, NoAgency); e.Agency != "" && agency != old.Agency {
			past.Was["agency"] = old.Agency
			a.Agency = agency
		}
		if !slices.Equal(old.Grounds, e.Grounds) {
			past.Was["grounds"] = strings.Join(old.Grounds, "、")
			a.Grounds = e.Grounds
		}
		if old.Holder != e.Holder {
			past.Was["holder"] = string(old.Holder)
			a.Holder = e.Holder
		}
		if !old.Confirmed && old.Division != e.Division {
			past.Was["division"] = old.Division
			a.Division = e.Division
			if unit := unitOf(by.Units, e.Division, by.City); unit != old.Unit {
				a.Unit, a.Owner = unit, ""
				if !old.State.Final() {
					a.Events = append(slices.Clone(a.Events), event(HandedOver, day))
				}
			}
		}
	}
	if !again && takes(old.State, old.StateOn, e.State, said) {
		if old.StateOn == said && old.State != e.State {
			past.Was["state"] = string(old.State)
		}
		a.State, a.StateOn, a.From = e.State, said, batchRef+by.Batch
		on := said
		if e.State == Notified {
			on = day // the clock runs from the receipt of the list that says so
		}
		if old.State != e.State {
			a.Events = append(slices.Clone(a.Events), event(string(e.State), on))
		}
	}
	if len(past.Was) > 0 {
		a.History = append(slices.Clone(old.History), past)
	}
	return a, nil
}

// applicant is the row's, as it is stored.
func (e Entry) applicant(old *Application) (Applicant, error) {
	switch {
	case !e.Person:
		return Applicant{Code: e.Code, Name: e.Name}, nil
	case e.same != "" && old != nil && old.Applicant.Sealed == e.same:
		return old.Applicant, nil
	case e.sealed.Key != "":
		return e.sealed, nil
	}
	return Applicant{}, ErrMoved
}

// sealedPast begins a natural person's name in the history.
const sealedPast = "sealed:"

// past is how the history keeps an applicant: of a natural person the sealed name
// and its key.
func (a Applicant) past() string {
	if a.Person {
		return sealedPast + a.Key + ":" + a.Sealed
	}
	return strings.TrimSpace(a.Name + " " + a.Code)
}

// Title is what an application is called on a page: its number, of a mark with
// its class.
func (a Application) Title() string {
	if a.Kind == Mark {
		return a.Number + " / " + strconv.Itoa(a.Class)
	}
	return a.Number
}
