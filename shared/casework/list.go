package casework

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"ipcredit/shared/clock"
	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/journal"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// Row is one line of a list: nothing in it was sealed.
type Row struct {
	Case   Case
	Clocks []Clock
	// Due is the next limit that somebody can be late with; none where none runs.
	Due     workday.Date
	Overdue bool
	// MayOpen says whether the actor may read it.
	MayOpen bool
}

// Filter narrows a list; the zero value lists what is open, the most urgent
// first. What is given must all hold.
type Filter struct {
	Unit        string // "" for all the actor may see
	Office      string // a 监管所
	Handler     string // user
	Unassigned  bool
	State       State
	Kind        Kind
	Party       string // unified social credit code
	Application string // application or mark number, as written
	Tag         string
	Campaign    string
	Tipoff      string
	DueBy       workday.Date
	Offered     bool // what other units offered to the actor's
	Closed      bool // what is closed instead, newest first
	Cursor      string
	Limit       int // 1 to 200, 0 means 50
}

// row computes a line. small are the units beneath for which the actor reviews or
// decides because they are too small.
func (s *Store) row(a staff.Actor, c Case, rules Rules, small []string, now time.Time) (Row, error) {
	today := workday.DateOf(now)
	r := Row{Case: c}
	var err error
	if r.Clocks, err = c.Clocks(rules, today); err != nil {
		return r, err
	}
	late := kept(r.Clocks)
	if next, ok := clock.Next(late); ok {
		r.Due = next.Due
	}
	r.Overdue = slices.ContainsFunc(late, func(k Clock) bool { return k.Running() && k.Overdue(today) })
	r.MayOpen = s.mayRead(a, c, now) || slices.Contains(small, c.Unit) && !slices.Contains(c.Worked, a.User.ID) &&
		!slices.Contains(c.Recused, a.User.ID) && !a.TiedTo(c.resource(nil).Parties)
	return r, nil
}

// mayRead tells, without asking about other people, whether somebody may read it:
// his unit's, or what was offered to his unit.
func (s *Store) mayRead(a staff.Actor, c Case, now time.Time) bool {
	if slices.ContainsFunc(principals(a, now), func(u string) bool { return slices.Contains(c.Recused, u) }) {
		return false
	}
	if staff.Can(a, staff.CaseRead, c.resource(nil), now) == nil ||
		slices.Contains(c.Handlers, a.User.ID) && staff.Can(a, staff.CaseHandle, c.from(a.Org.Division(), nil), now) == nil {
		return true
	}
	return c.Offer != nil && staff.Can(a, staff.CaseRead, c.offeredTo(nil), now) == nil
}

// offeredTo is the case as the unit sees it that it was offered to.
func (c Case) offeredTo(people []Person) staff.Resource {
	r := c.resource(people)
	if c.Offer != nil {
		r.Division, r.Official, r.Unit, r.Parent = c.Offer.To, false, "", ""
	}
	return r
}

// sees tells whether a case can stand in somebody's list: he may read it, or he
// supervises its division and is not tied to a party.
func (s *Store) sees(a staff.Actor, r Row, now time.Time) bool {
	return r.MayOpen || staff.Can(a, staff.CaseSupervise, r.Case.resource(nil), now) == nil
}

// units lists the units whose cases an actor's lists can hold, and those of them
// that are beneath his own and too small to review or decide by themselves.
func (s *Store) units(ctx context.Context, a staff.Actor, f Filter, now time.Time) (units, small []string, err error) {
	units = a.Units(staff.CaseRead, now)
	if a.Org.Kind == staff.LeadBureau {
		for _, action := range []staff.Action{staff.CaseReview, staff.CaseApprove} {
			if !a.May(action, now) {
				continue
			}
			above, err := s.c.Staff.Units(ctx, a, action, now)
			if err != nil {
				return nil, nil, err
			}
			for _, u := range above {
				if !slices.Contains(units, u) {
					units, small = append(units, u), append(small, u)
				}
			}
		}
	}
	for _, u := range a.Units(staff.CaseSupervise, now) {
		if !slices.Contains(units, u) {
			units = append(units, u)
		}
	}
	if a.Org.Kind == staff.SubOffice && a.May(staff.CaseRead, now) && !slices.Contains(units, a.Org.Division()) {
		units = append(units, a.Org.Division()) // of which it sees what is delegated to it
	}
	units = slices.DeleteFunc(units, func(u string) bool { return u == staff.DisciplineUnit })
	if len(units) == 0 {
		return nil, nil, fault.New(fault.Forbidden, "staff.can.role")
	}
	if f.Unit != "" {
		if !slices.Contains(units, f.Unit) {
			return nil, nil, fault.New(fault.Forbidden, "staff.can.division")
		}
		units = []string{f.Unit}
	}
	slices.Sort(units)
	return units, small, nil
}

// sets are the keys of what the filter asks for.
func (s *Store) sets(f Filter) ([]string, error) {
	var out []string
	add := func(field, value string) {
		if value != "" {
			out = append(out, s.by(field, value))
		}
	}
	add("state", string(f.State))
	add("kind", string(f.Kind))
	add("tag", f.Tag)
	add("campaign", f.Campaign)
	add("tipoff", f.Tipoff)
	add("office", f.Office)
	add("handler", f.Handler)
	if f.Unassigned {
		add("queue", "waiting")
	}
	if f.Party != "" {
		code, err := ident.ParseUSCC(f.Party)
		if bad, ok := fault.Of(err); ok {
			return nil, fault.New(fault.Invalid, "casework.form").With("party", bad.Code, bad.Args...)
		}
		add("party", string(code))
	}
	if f.Application != "" {
		app, mark, err := parseNumber(f.Application)
		if bad, ok := fault.Of(err); ok {
			return nil, fault.New(fault.Invalid, "casework.form").With("application", bad.Code, bad.Args...)
		}
		add("number", app+mark)
	}
	return out, nil
}

// place is where a list goes on.
type place struct {
	unit string
	journal.Place
}

func (p place) String() string {
	return p.unit + "~" + strconv.FormatFloat(p.Score, 'f', 0, 64) + "~" + p.Member
}

func parsePlace(s string, units []string) (place, error) {
	parts := strings.Split(s, "~")
	if len(parts) == 3 && slices.Contains(units, parts[0]) && numberForm.MatchString(parts[2]) {
		if n, err := strconv.ParseUint(parts[1], 10, 32); err == nil {
			return place{parts[0], journal.Place{Score: float64(n), Member: parts[2]}}, nil
		}
	}
	return place{}, fault.New(fault.Invalid, "casework.cursor").With("cursor", "casework.cursor")
}

// List lists cases of the actor's reach: his own unit's (staff.CaseRead), and
// for those who supervise the clear part of the divisions beneath
// (staff.CaseSupervise), unit by unit. Cases of parties he is tied to are left
// out. A cursor that List did not make is a fault.
func (s *Store) List(ctx context.Context, a staff.Actor, f Filter, now time.Time) (rows []Row, next string, err error) {
	if f.Limit <= 0 {
		f.Limit = 50
	}
	f.Limit = min(f.Limit, 200)
	units, small, err := s.units(ctx, a, f, now)
	if err != nil {
		return nil, "", err
	}
	sets, err := s.sets(f)
	if err != nil {
		return nil, "", err
	}
	var behind journal.Place
	if f.Cursor != "" {
		at, err := parsePlace(f.Cursor, units)
		if err != nil {
			return nil, "", err
		}
		units, behind = units[slices.Index(units, at.unit):], at.Place
	}
	rules, err := s.Rules(ctx)
	if err != nil {
		return nil, "", err
	}
	list := "open"
	switch {
	case f.Closed:
		list = "closed"
	case f.Offered:
		list = "offered"
	}
	var last place // of the last row
	for _, unit := range units {
		for more := true; more; {
			found, err := s.rank(ctx, s.key(list, unit), sets, behind, f.Closed, f.Limit+1)
			if err != nil {
				return nil, "", err
			}
			more = len(found) > f.Limit
			cases, err := s.cases(ctx, found)
			if err != nil {
				return nil, "", err
			}
			for _, at := range found {
				behind = at
				c, there := cases[at.Member]
				if !there {
					continue
				}
				r, err := s.row(a, c, rules, small, now)
				if err != nil {
					return nil, "", err
				}
				if !s.sees(a, r, now) || !f.DueBy.IsZero() && (r.Due.IsZero() || r.Due.After(f.DueBy)) {
					continue
				}
				if len(rows) == f.Limit {
					return rows, last.String(), nil
				}
				rows, last = append(rows, r), place{unit, at}
			}
		}
		behind = journal.Place{}
	}
	return rows, "", nil
}

// cases reads what a ranked list names.
func (s *Store) cases(ctx context.Context, found []journal.Place) (map[string]Case, error) {
	list, err := s.many(ctx, journal.Members(found))
	if err != nil {
		return nil, err
	}
	out := make(map[string]Case, len(list))
	for _, c := range list {
		out[c.Number] = c
	}
	return out, nil
}

// mostMine is how many cases one person handles at most, in one list.
const mostMine = 1000

// Mine lists the open cases that the actor handles, and those of whom he stands in
// for, the most urgent first.
func (s *Store) Mine(ctx context.Context, a staff.Actor, now time.Time) ([]Row, error) {
	rules, err := s.Rules(ctx)
	if err != nil {
		return nil, err
	}
	var rows []Row
	for _, user := range principals(a, now) {
		found, err := s.rank(ctx, s.key("mine", user), nil, journal.Place{}, false, mostMine)
		if err != nil {
			return nil, err
		}
		cases, err := s.cases(ctx, found)
		if err != nil {
			return nil, err
		}
		for _, x := range found {
			c, there := cases[x.Member]
			if !there || slices.ContainsFunc(rows, func(r Row) bool { return r.Case.Number == c.Number }) {
				continue
			}
			r, err := s.row(a, c, rules, nil, now)
			if err != nil {
				return nil, err
			}
			if s.sees(a, r, now) {
				rows = append(rows, r)
			}
		}
	}
	slices.SortStableFunc(rows, func(x, y Row) int {
		return strings.Compare(fmt.Sprintf("%.0f", clock.Score(x.Due)), fmt.Sprintf("%.0f", clock.Score(y.Due)))
	})
	return rows, nil
}

// Note is a private remark of the unit.
type Note struct {
	N  int          `json:"n"`
	By string       `json:"by"`
	On workday.Date `json:"on"`
	// About is the event it explains, "" for a plain remark.
	About string `json:"about,omitzero"`
	Text  string `json:"text"`
}

// File is an opened case.
type File struct {
	Row
	Facts     string
	People    []Person
	Notes     []Note
	Documents []Document
	// Limitation is the flag of 行政处罚法 art. 36.
	Limitation Limitation
	// Next lists the ways on that this actor may take; Can the other actions he may
	// take now, by the names of the methods in lower case with hyphens
	// ("ask-extension"). What is wrong with what he then asks for is said then.
	Next []Next
	Can  []string
	// Waiting lists what is waited for; Preserved the evidence held.
	Waiting   []string
	Preserved []Event
	// Forms lists the documents that can be issued now.
	Forms []Form
	// Repeat says of the respondents whether one is a repeat infringer by the city's
	// own decisions (商标法 art. 60); those of others are the caller's to add.
	Repeat Repetition
	// Asking is the clock for which an extension waits for the head, "" for none.
	Asking string
}

// Get opens a case for an officer (staff.CaseRead). A unit that it was offered to
// may read it; whoever supervises the division gets what stands in the clear.
func (s *Store) Get(ctx context.Context, a staff.Actor, number string, now time.Time) (File, error) {
	o, sealed, err := s.readable(ctx, a, number, now)
	if err != nil {
		return File{}, err
	}
	f := File{Waiting: o.waiting(), Preserved: o.preserved(), Asking: o.asking()}
	if f.Row, err = s.row(a, o.Case, o.rules, nil, now); err != nil {
		return f, err
	}
	f.MayOpen = sealed
	if f.Limitation, err = o.Case.Limitation(o.rules); err != nil {
		return f, err
	}
	if f.Repeat, err = s.repeats(ctx, o.Case, o.rules, now); err != nil {
		return f, err
	}
	if !sealed {
		if s.mayLift(ctx, a, o, now) {
			f.Can = []string{"lift-recusal"}
		}
		return f, nil
	}
	if o.Leaving != "" {
		// A change of units was broken off before the old wrap was dropped.
		if f.Case, err = s.leave(ctx, a, o.Case, o.rules, now); err != nil {
			return f, err
		}
	}
	f.Facts, f.People = o.inside.Facts, o.inside.People
	if o.ErasedOn.IsZero() {
		if err := s.papers(ctx, o.Case, &f); err != nil {
			return f, err
		}
	}
	for _, n := range o.Case.Next(o.today) {
		if s.can(ctx, a, n.Action, o.Case, o.inside.People, now) == nil && (n.Action != staff.CaseHandle || o.mine(o.doing(a, now)) == nil) {
			f.Next = append(f.Next, n)
		}
	}
	f.Can = s.able(ctx, a, o, now)
	f.Forms = o.Case.forms()
	return f, nil
}

// readable enters a case for reading; sealed says whether also what is sealed.
func (s *Store) readable(ctx context.Context, a staff.Actor, number string, now time.Time) (o opened, sealed bool, err error) {
	o, err = s.enter(ctx, a, staff.CaseRead, number, now)
	if err == nil {
		return o, true, nil
	}
	refused := err
	if !fault.Is(err, fault.Forbidden) {
		return o, false, err
	}
	if o, err = s.look(ctx, number, now); err != nil {
		return o, false, err
	}
	if slices.ContainsFunc(principals(a, now), func(u string) bool { return slices.Contains(o.Recused, u) }) {
		return o, false, refused
	}
	if o.Offer != nil && staff.Can(a, staff.CaseRead, o.offeredTo(nil), now) == nil {
		if o.inside, err = s.open(ctx, o.Case); err != nil {
			return o, false, err
		}
		return o, true, staff.Can(a, staff.CaseRead, o.offeredTo(o.inside.People), now)
	}
	if staff.Can(a, staff.CaseSupervise, o.resource(nil), now) == nil {
		return o, false, nil
	}
	return o, false, refused
}

// papers opens notes and documents.
func (s *Store) papers(ctx context.Context, c Case, f *File) error {
	if c.Notes == 0 && c.Documents == 0 {
		return nil
	}
	id, err := s.unwrap(ctx, c)
	if err != nil {
		return err
	}
	notes, err := s.hash(ctx, s.key(c.Number, "notes"))
	if err != nil {
		return err
	}
	for n, v := range notes {
		var x storedNote
		if err := json.Unmarshal([]byte(v), &x); err != nil {
			return fmt.Errorf("casework: reading a note: %w", err)
		}
		text, err := unsealed[string](id, x.Sealed)
		if err != nil {
			return err
		}
		f.Notes = append(f.Notes, Note{N: n + 1, By: x.By, On: x.On, About: x.About, Text: text})
	}
	f.Documents, err = s.documents(ctx, c, id)
	return err
}

// able lists what somebody may do now besides the moves.
func (s *Store) able(ctx context.Context, a staff.Actor, o opened, now time.Time) []string {
	var out []string
	if !o.Open() {
		until, err := o.Case.KeptUntil(o.rules)
		over := err == nil && o.ErasedOn.IsZero() && o.today.After(until)
		if over && s.can(ctx, a, staff.CaseApprove, o.Case, o.inside.People, now) == nil {
			out = append(out, "erase")
		}
		if o.State == Merged && s.can(ctx, a, staff.CaseApprove, o.Case, o.inside.People, now) == nil {
			out = append(out, "unmerge")
		}
		return out
	}
	c, d := o.Case, o.doing(a, now)
	allowed := map[staff.Action]bool{}
	for _, action := range []staff.Action{staff.CaseIntake, staff.CaseHandle, staff.CaseApprove} {
		allowed[action] = s.can(ctx, a, action, c, o.inside.People, now) == nil
	}
	handles := allowed[staff.CaseHandle] && c.mine(d) == nil
	add := func(name string, when bool) {
		if when {
			out = append(out, name)
		}
	}
	here := c.Leaving == ""
	add("claim", allowed[staff.CaseHandle] && len(c.Handlers) < 2 && !slices.Contains(c.Handlers, d.by))
	add("assign", allowed[staff.CaseIntake])
	add("edit", handles)
	add("record", handles && len(c.Facts()) > 0)
	add("note", allowed[staff.CaseHandle])
	add("issue", handles)
	add("confirm-zone", handles)
	add("entrust", allowed[staff.CaseApprove] && c.provinces())
	clock := ""
	for name := range extended {
		if c.mayExtend(name, d) == nil {
			clock = name
		}
	}
	add("ask-extension", handles && c.asking() == "" && clock != "")
	add("extend", allowed[staff.CaseApprove] && c.asking() != "")
	add("delegate", allowed[staff.CaseIntake] && c.Office == "" && c.Offer == nil && slices.Contains(offerable, c.State))
	add("return", allowed[staff.CaseIntake] && c.Office != "")
	add("offer-to", allowed[staff.CaseHandle] && c.Offer == nil && here && slices.Contains(offerable, c.State))
	add("withdraw", allowed[staff.CaseHandle] && c.Offer != nil)
	add("dispute", allowed[staff.CaseHandle] && c.Offer != nil && c.Offer.Answered && c.Offer.Disputed.IsZero() && superior(c.Unit, c.Offer.To) != "")
	if c.Offer != nil {
		other := staff.Can(a, staff.CaseIntake, c.offeredTo(o.inside.People), now) == nil
		add("accept", other)
		add("decline", other && !c.Offer.Answered)
		add("settle", !c.Offer.Disputed.IsZero() && s.settles(a, c, now) == nil)
	}
	add("merge", handles && slices.Contains(mergeable, c.State) && c.Offer == nil)
	add("recuse", handles || allowed[staff.CaseApprove])
	add("lift-recusal", s.mayLift(ctx, a, o, now))
	add("hand-over", handles || allowed[staff.CaseIntake] && len(c.Handlers) > 0)
	return out
}
