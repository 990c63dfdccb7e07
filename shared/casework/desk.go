package casework

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	_ "embed" // the chosen numbers

	"ipcredit/shared/clock"
	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/journal"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
	"ipcredit/shared/workday"
)

//go:embed data/params.json
var paramsFile []byte

// chosen are the lengths and numbers that no law sets.
var chosen = ruleset.ReadChosen(paramsFile)

// Config is what a Store works with.
type Config struct {
	Identities map[string]seal.Identity // secret unit-identities, see tipoff.ParseIdentities
	Units      tipoff.Units             // secret unit-recipients: which units have cases
	Escrow     seal.Recipient           // secret escrow-recipient
	// Staff knows the members of units and those above; needed.
	Staff *staff.Store
	// Rules is the law to apply; the empty set is what the program ships.
	Rules ruleset.Set
	// Calendar returns the calendar to count by, cheaply: calendar.Store.Current;
	// nil counts by the shipped one.
	Calendar func(ctx context.Context) (workday.Calendar, error)
	// Clocks is the index that deadline-tick works from; nil keeps none.
	Clocks *clock.Store
	// Entrusted finds the province's instrument of this document number that covers
	// a kind of case of a unit on a day, in the register that two people keep; nil
	// takes what is typed.
	Entrusted func(ctx context.Context, instrument string, kind Kind, unit string, on workday.Date) (Entrustment, bool, error)
}

// Store keeps cases. Every method that takes an actor asks staff.Can first, with
// the unit above where the unit is too small, and refuses whoever is tied to a
// party (回避) or was recused. Every change names the version it was made of
// (Seen): Stale "casework.stale" (412) when somebody changed it first. It is safe
// for concurrent use.
type Store struct {
	base
	keys *seal.Keys
	c    Config
}

// New returns the store.
func New(j *journal.Journal, keys *seal.Keys, c Config) (*Store, error) {
	switch {
	case c.Staff == nil:
		return nil, errors.New("casework: needs to know who is who")
	case c.Escrow.String() == "":
		return nil, errors.New("casework: no escrow recipient")
	}
	return &Store{base: base{j: j, clocks: c.Clocks}, keys: keys, c: c}, nil
}

// Rules are the law and the calendar that the store counts by now.
func (s *Store) Rules(ctx context.Context) (Rules, error) {
	r := Rules{Set: s.c.Rules}
	if s.c.Calendar != nil {
		var err error
		if r.Calendar, err = s.c.Calendar(ctx); err != nil {
			return r, err
		}
	}
	return r.Filled(), nil
}

// inside is what is sealed of a case.
type inside struct {
	Facts   string   `json:"facts,omitzero"`
	People  []Person `json:"people,omitempty"`
	Address string   `json:"address,omitzero"` // by which a zone was confirmed
}

// opened is a case while somebody works on it.
type opened struct {
	Case
	rules  Rules
	today  workday.Date
	inside inside
}

// enter reads a case for an action and refuses whoever may not do it, by what is
// known in the clear and by the persons who are sealed.
func (s *Store) enter(ctx context.Context, a staff.Actor, action staff.Action, number string, now time.Time) (opened, error) {
	o, err := s.look(ctx, number, now)
	if err != nil {
		return o, err
	}
	// Before anything is opened for him.
	if err := s.can(ctx, a, action, o.Case, nil, now); err != nil {
		return o, err
	}
	if o.ErasedOn.IsZero() {
		if o.inside, err = s.open(ctx, o.Case); err != nil {
			return o, err
		}
	}
	return o, s.can(ctx, a, action, o.Case, o.inside.People, now)
}

// look reads a case.
func (s *Store) look(ctx context.Context, number string, now time.Time) (opened, error) {
	var o opened
	number, err := ParseNumber(number)
	if err != nil {
		return o, err
	}
	if o.Case, err = s.one(ctx, number); err != nil {
		return o, err
	}
	o.rules, err = s.Rules(ctx)
	o.today = workday.DateOf(now)
	return o, err
}

// can is staff.Can with the unit above where the unit is too small, with recusals
// and with ties that only names show.
func (s *Store) can(ctx context.Context, a staff.Actor, action staff.Action, c Case, people []Person, now time.Time) error {
	if slices.ContainsFunc(principals(a, now), func(u string) bool { return slices.Contains(c.Recused, u) }) {
		return fault.New(fault.Forbidden, "casework.recused")
	}
	err := s.canFor(ctx, a, action, c.Unit, c.resource(people), now)
	if err != nil && action == staff.CaseRead {
		// Whoever reviews or decides for a unit that is too small reads what he decides.
		for _, as := range []staff.Action{staff.CaseReview, staff.CaseApprove} {
			if a.May(as, now) && s.canFor(ctx, a, as, c.Unit, c.resource(people), now) == nil {
				return nil
			}
		}
	}
	if err != nil && (action == staff.CaseHandle || action == staff.CaseRead) && slices.Contains(c.Handlers, a.User.ID) {
		// The unit above lent him as the second officer, see handles.
		err = staff.Can(a, staff.CaseHandle, c.from(a.Org.Division(), people), now)
	}
	return err
}

// from is the case as an officer of the unit above sees it whom that lends.
func (c Case) from(division string, people []Person) staff.Resource {
	r := c.resource(people)
	r.Division, r.Unit, r.Parent = division, "", ""
	return r
}

func (s *Store) canFor(ctx context.Context, a staff.Actor, action staff.Action, unit string, r staff.Resource, now time.Time) error {
	err := staff.Can(a, action, r, now)
	if err == nil {
		return nil
	}
	// Matter asks about every member of the unit: only where it may matter.
	above, lookErr := s.c.Staff.Matter(ctx, action, unit, r, now)
	if fault.Is(lookErr, fault.NotFound) {
		return err
	}
	if lookErr != nil {
		return lookErr
	}
	if above.Small {
		err = staff.Can(a, action, above, now)
	}
	return err
}

// principals are the users in whose name somebody acts at that time: his own, and
// of whom he stands in for.
func principals(a staff.Actor, now time.Time) []string {
	out := []string{a.User.ID}
	for _, l := range a.Lent {
		if slices.ContainsFunc(l.Grants, func(g staff.Grant) bool { return g.In(now) }) {
			out = append(out, l.Absent)
		}
	}
	return out
}

func (o opened) doing(a staff.Actor, now time.Time) doing {
	return doing{by: a.User.ID, as: principals(a, now), today: o.today, rules: o.rules}
}

// unwrap opens the case's key with the identity of its unit.
func (s *Store) unwrap(ctx context.Context, c Case) (seal.Identity, error) {
	id, ok := s.c.Identities[c.Unit]
	if !ok {
		return seal.Identity{}, fault.New(fault.Unavailable, "casework.no_key", c.Unit).After(time.Hour)
	}
	key, err := s.keys.Open(ctx, c.Key, tipoff.UnitLabel(c.Unit), id)
	var erased *seal.Erased
	switch {
	case errors.As(err, &erased):
		return key, fault.New(fault.Gone, "casework.erased", erased.On)
	case err != nil:
		return key, fmt.Errorf("casework: %w", err)
	}
	return key, nil
}

// open opens what is sealed of the case.
func (s *Store) open(ctx context.Context, c Case) (inside, error) {
	sealed, err := s.content(ctx, c.Number)
	if err != nil || sealed == "" {
		return inside{}, err
	}
	id, err := s.unwrap(ctx, c)
	if err != nil {
		return inside{}, err
	}
	return unsealed[inside](id, sealed)
}

// sealed seals a value as JSON to the case's key, padded, so that only its size
// bucket shows.
func sealed(to string, v any) (string, error) {
	r, err := seal.ParseRecipient(to)
	if err != nil {
		return "", fmt.Errorf("casework: %w", err)
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("casework: %w", err)
	}
	out, err := r.SealText(string(raw))
	if err != nil {
		return "", fmt.Errorf("casework: %w", err)
	}
	return out, nil
}

// unsealed opens what sealed made. No error quotes what was read.
func unsealed[T any](id seal.Identity, text string) (T, error) {
	var v T
	raw, err := id.UnsealText(text)
	if err != nil {
		return v, fmt.Errorf("casework: opening: %w", err)
	}
	if json.Unmarshal([]byte(raw), &v) != nil {
		return v, fmt.Errorf("casework: opening: %w", seal.ErrDamaged)
	}
	return v, nil
}

// entry is the journal entry of what somebody does.
func entry(a staff.Actor, action string, now time.Time) journal.Entry {
	return journal.Entry{Actor: a.User.ID, Action: action, At: now}
}

// work is one act on a case: who must be allowed what, what is written besides.
type work struct {
	action staff.Action
	name   string // of the journal's entry, without "casework."
	field  string // of Text, where that is wrong
	// text is kept sealed among the notes, about this event.
	text, about string
	needed      bool
	act         func(c *Case, d doing) error
	// also queues more; it is run after act.
	also func(tx *journal.Tx, c *Case) error
}

// do asks whether the actor may, and commits.
func (s *Store) do(ctx context.Context, a staff.Actor, seen Seen, w work, now time.Time) (Case, error) {
	o, err := s.enter(ctx, a, w.action, seen.Number, now)
	if err != nil {
		return Case{}, err
	}
	return s.commit(ctx, a, o, seen, w, now)
}

// commit makes a change that the actor may make.
func (s *Store) commit(ctx context.Context, a staff.Actor, o opened, seen Seen, w work, now time.Time) (Case, error) {
	seen.Number = o.Number
	if o.Version != seen.Version {
		return o.Case, fault.New(fault.Stale, "casework.stale")
	}
	if w.field == "" {
		w.field = "reason"
	}
	said, err := paragraphs(w.field, w.text, w.needed)
	if err != nil {
		return o.Case, err
	}
	note := ""
	if said != "" {
		if !o.ErasedOn.IsZero() {
			return o.Case, fault.New(fault.Gone, "casework.erased", o.ErasedOn.String())
		}
		if note, err = sealed(o.To, said); err != nil {
			return o.Case, err
		}
	}
	return s.update(ctx, entry(a, "casework."+w.name, now), seen, o.rules, func(tx *journal.Tx, c *Case) error {
		if err := w.act(c, o.doing(a, now)); err != nil {
			return err
		}
		if note != "" {
			if err := s.addNote(tx, c, a.User.ID, w.about, note, o.today); err != nil {
				return err
			}
		}
		if w.also == nil {
			return nil
		}
		return w.also(tx, c)
	})
}

// storedNote is a note as it stands in Redis.
type storedNote struct {
	By     string       `json:"by"`
	On     workday.Date `json:"on"`
	About  string       `json:"about,omitzero"`
	Sealed string       `json:"sealed"`
}

func (s *Store) addNote(tx *journal.Tx, c *Case, by, about, sealed string, on workday.Date) error {
	if c.Notes >= chosen.N("notes") {
		return fault.New(fault.Conflict, "casework.notes.many", chosen.N("notes"))
	}
	raw, err := json.Marshal(storedNote{By: by, On: on, About: about, Sealed: sealed})
	if err != nil {
		return fmt.Errorf("casework: %w", err)
	}
	c.Notes++
	tx.HSet(s.key(c.Number, "notes"), fmt.Sprint(c.Notes), string(raw))
	return nil
}

// paragraphs checks a text of several lines.
func paragraphs(field, s string, needed bool) (string, error) {
	refuse := func(code string, args ...any) (string, error) {
		return "", fault.New(fault.Invalid, "casework.form").With(field, code, args...)
	}
	if err := ident.CheckText(s); err != nil {
		if f, ok := fault.Of(err); ok {
			return refuse(f.Code, f.Args...)
		}
		return "", err
	}
	s = strings.TrimSpace(strings.ReplaceAll(s, "\r\n", "\n"))
	switch n := utf8.RuneCountInString(s); {
	case n > chosen.N("text"):
		return refuse("casework.long", chosen.N("text"), n)
	case n == 0 && needed:
		return refuse("casework.reason.none")
	}
	return s, nil
}

// ParseNumber reads the number of a case as it is written or typed.
func ParseNumber(s string) (string, error) {
	clean, err := ident.Clean(s)
	if err != nil {
		return "", err
	}
	clean = strings.ToUpper(ident.Plain(clean))
	if !numberForm.MatchString(clean) {
		return "", fault.New(fault.NotFound, "casework.none")
	}
	return clean, nil
}
