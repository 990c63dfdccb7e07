package liaison

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"ipcredit/shared/clock"
	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// opened reads a letter with its content, for somebody who may see it.
func (s *Store) opened(ctx context.Context, a staff.Actor, id string, now time.Time) (Letter, Content, error) {
	l, err := s.store.letter(ctx, id)
	if err != nil {
		return l, Content{}, err
	}
	if err := s.reads(ctx, a, l, nil, now); err != nil {
		return l, Content{}, err
	}
	if l.State == Erased {
		return l, Content{}, nil
	}
	key, err := s.config.Safe.Open(ctx, l.Key)
	if errors.Is(err, seal.ErrErased) {
		return l, Content{}, nil // between the erasing of the key and its note
	}
	if err != nil {
		return l, Content{}, err
	}
	text, err := s.store.content(ctx, id)
	if err != nil {
		return l, Content{}, err
	}
	c, err := Unseal[Content](key, text)
	if err != nil {
		return l, c, err
	}
	return l, c, s.reads(ctx, a, l, parties(c.Fields), now)
}

// Value is one field of an opened letter, in the template's order.
type Value struct {
	Field Field
	Text  string
}

// Opened is a letter with what it says.
type Opened struct {
	Letter
	Values []Value
	Fields map[string]string
	// Said is what an inbound letter rests on.
	Said   string
	Posts  []Post
	Clocks []clock.Clock
	// Steps are what this actor may do now.
	Steps []Step
	// Fetched: the other city's system has fetched what was last told of it.
	Fetched bool
	// Travels is the city to whose system a share goes when it is sent; "" where it
	// goes on paper.
	Travels string
}

// Open shows a letter to the side that wrote it, those who supervise it, and its
// receiver once it was sent; to everybody else it is not there. The receiver sees
// no text that went between writer and approver.
func (s *Store) Open(ctx context.Context, a staff.Actor, id string, now time.Time) (Opened, error) {
	l, c, err := s.opened(ctx, a, id, now)
	if err != nil {
		return Opened{}, err
	}
	o := Opened{Letter: l, Fields: c.Fields, Said: c.Basis}
	switch {
	case l.Carry != nil && l.Carry.Place > 0:
		place, err := s.store.fetched(ctx, s.store.journal.Redis(), l.Carry.City)
		if err != nil {
			return o, err
		}
		o.Fetched = place >= l.Carry.Place
	case l.Kind == Outbound && l.Started.IsZero():
		to, _, err := s.peer(ctx, l.Region)
		if err != nil {
			return o, err
		}
		o.Travels = to.Name
	}
	rules, err := s.rules(ctx)
	if err != nil {
		return o, err
	}
	if o.Clocks, err = l.Clocks(rules, workday.DateOf(now)); err != nil {
		return o, err
	}
	for _, step := range l.Next() {
		m, _ := find(l.Kind, l.State, step)
		err := s.allowed(ctx, a, l, m, parties(c.Fields), now)
		if _, refused := fault.Of(err); err != nil && !refused {
			return o, err
		}
		if err == nil {
			o.Steps = append(o.Steps, step)
		}
	}
	if l.State == Erased {
		return o, nil
	}
	if t, ok := TemplateOf(l.Template); ok {
		for _, f := range t.Fields {
			if v := c.Fields[f.ID]; v != "" {
				o.Values = append(o.Values, Value{f, v})
			}
		}
	}
	if l.Posts == 0 {
		return o, nil
	}
	key, err := s.config.Safe.Open(ctx, l.Key)
	if err != nil {
		return o, err
	}
	posts, err := s.store.posts(ctx, id, l.Posts)
	if err != nil {
		return o, err
	}
	theirs := l.To != "" && l.To == a.Org.ID
	for _, p := range posts {
		if theirs && p.Step == SendBack {
			continue
		}
		text, err := Unseal[string](key, p.Sealed)
		if err != nil {
			return o, err
		}
		o.Posts = append(o.Posts, Post{p.Step, p.By, p.Org, p.At, text})
	}
	if theirs {
		o.Events = slices.DeleteFunc(slices.Clone(o.Events), func(e Event) bool {
			return slices.Contains([]Step{Created, Edit, Submit, SendBack, Discard}, e.Step)
		})
	}
	return o, nil
}

// Row is one line of a list: nothing in it was sealed.
type Row struct {
	Letter
	// Due is the next limit that runs; none where nothing does.
	Clock   *clock.Clock
	Overdue bool
}

// Filter narrows a list.
type Filter struct {
	// Shares lists shares in place of notices.
	Shares bool
	Kind   Kind
	State  State
	// Open lists what is not at an end, Overdue what has a missed limit.
	Open, Overdue bool
	Division      string
	Cursor        string
	Limit         int // 1 to 200, 0 means 50
}

// Divisions are those whose letters the actor may see.
func (s *Store) Divisions(a staff.Actor, now time.Time) []string {
	var out []string
	for _, action := range []staff.Action{staff.NoticeDraft, staff.NoticeApprove, staff.ShareManage, staff.CaseRead, staff.CaseSupervise} {
		for _, u := range a.Units(action, now) {
			if u != staff.DisciplineUnit && !slices.Contains(out, u) {
				out = append(out, u)
			}
		}
	}
	slices.Sort(out)
	return out
}

// List lists the letters of the actor's reach, newest first: of the divisions he
// works for or supervises, or for another organisation those that were sent to it.
func (s *Store) List(ctx context.Context, a staff.Actor, f Filter, now time.Time) (rows []Row, next string, err error) {
	if f.Limit <= 0 {
		f.Limit = 50
	}
	f.Limit = min(f.Limit, 200)
	var lists []string
	if divisions := s.Divisions(a, now); len(divisions) > 0 {
		if f.Division != "" {
			if !slices.Contains(divisions, f.Division) {
				return nil, "", fault.New(fault.Forbidden, "staff.can.division")
			}
			divisions = []string{f.Division}
		}
		for _, d := range divisions {
			lists = append(lists, s.store.key("from", d))
		}
	} else if err := staff.Can(a, staff.NotifiedReply, staff.Resource{Unit: a.Org.ID}, now); err != nil {
		return nil, "", err
	} else {
		lists = []string{s.store.key("to", a.Org.ID)}
	}
	rules, err := s.rules(ctx)
	if err != nil {
		return nil, "", err
	}
	at, cursor := 0, ""
	if f.Cursor != "" {
		n, rest, ok := strings.Cut(f.Cursor, "/")
		if at, err = strconv.Atoi(n); !ok || err != nil || at < 0 || at >= len(lists) {
			return nil, "", fault.New(fault.Invalid, "liaison.cursor")
		}
		cursor = rest
	}
	const stretch = 200
	seen := map[string]bool{} // by division and kind: asked once for a list
	may := func(l Letter) (bool, error) {
		key := l.Division + " " + string(l.Kind)
		if l.To == a.Org.ID {
			key = l.ID
		}
		ok, known := seen[key]
		if known {
			return ok, nil
		}
		err := s.reads(ctx, a, l, nil, now)
		if _, refused := fault.Of(err); err != nil && !refused {
			return false, err
		}
		seen[key] = err == nil
		return err == nil, nil
	}
	for ; at < len(lists); at, cursor = at+1, "" {
		for {
			got, err := s.store.list(ctx, lists[at], cursor, stretch)
			if err != nil {
				return nil, "", err
			}
			ids := journal.Members(got)
			letters, err := s.store.letters(ctx, ids)
			if err != nil {
				return nil, "", err
			}
			for i, z := range got {
				cursor = strconv.FormatFloat(z.Score, 'f', -1, 64) + ":" + z.Member
				k := slices.IndexFunc(letters, func(l Letter) bool { return l.ID == ids[i] })
				if k < 0 {
					continue
				}
				if letters[k].Share() != f.Shares {
					continue
				}
				if ok, err := may(letters[k]); err != nil || !ok {
					if err != nil {
						return nil, "", err
					}
					continue
				}
				row, err := row(letters[k], rules, workday.DateOf(now))
				if err != nil {
					return nil, "", err
				}
				if !f.takes(row) {
					continue
				}
				rows = append(rows, row)
				if len(rows) == f.Limit {
					return rows, strconv.Itoa(at) + "/" + cursor, nil
				}
			}
			if len(got) < stretch {
				break
			}
		}
	}
	return rows, "", nil
}

// row is the line of a letter.
func row(l Letter, rules Rules, today workday.Date) (Row, error) {
	r := Row{Letter: l}
	clocks, err := l.Clocks(rules, today)
	if err != nil {
		return r, err
	}
	if next, ok := clock.Next(clocks); ok {
		r.Clock = &next
	}
	for _, c := range clocks {
		r.Overdue = r.Overdue || c.Running() && c.Overdue(today)
	}
	return r, nil
}

func (f Filter) takes(r Row) bool {
	return r.Share() == f.Shares && (f.Kind == "" || r.Kind == f.Kind) && (f.State == "" || r.State == f.State) &&
		(!f.Open || r.State.Open()) && (!f.Overdue || r.Overdue)
}

// Identity opens a letter's key for whoever may see the letter: for the files
// that are attached to it.
func (s *Store) Identity(ctx context.Context, a staff.Actor, id string, now time.Time) (Letter, seal.Identity, error) {
	l, _, err := s.opened(ctx, a, id, now)
	if err != nil {
		return l, seal.Identity{}, err
	}
	if l.State == Erased {
		return l, seal.Identity{}, fault.New(fault.Gone, "liaison.erased")
	}
	key, err := s.config.Safe.Open(ctx, l.Key)
	return l, key, err
}
