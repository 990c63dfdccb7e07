package linkage

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"sync"

	"ipcredit/shared/ident"
	"ipcredit/shared/workday"
)

// shards is how many parts the short forms of all applications are kept in. An
// application is in one part for ever, by its number, so that nothing is ever
// counted twice or missed because two parts were read at two moments.
const shards = 256

func shardOf(id string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id))
	return int(h.Sum32() % shards)
}

// short is the short form of an application: all that is counted, filtered and
// grouped by. Nothing of a natural person is in it.
type short struct {
	id       string
	kind     Kind
	state    State
	on       workday.Date // of the first notification
	reply    workday.Date // in force
	division string
	unit     string
	list     string   // of the first notification
	also     []string // further lists that named it
	agency   string
	holder   Holder
	group    string
	owner    string
}

// shortOf is the short form of an application.
func shortOf(a Application) short {
	first := a.First()
	var also []string
	for _, n := range a.Notices[min(1, len(a.Notices)):] {
		also = append(also, n.List)
	}
	return short{
		also: also,
		id:   a.ID, kind: a.Kind, state: a.State, on: first.On, reply: a.Reply(), division: a.Division, unit: a.Unit,
		list: first.List, agency: a.Agency, holder: a.Holder, group: a.Applicant.Group(), owner: a.Owner,
	}
}

// encode writes it as the value of a hash field whose name is the id. No part
// holds a tab: lists and names are cleaned where they are read.
func (s short) encode() string {
	return strings.Join([]string{
		string(s.kind), string(s.state), s.on.String(), s.reply.String(), s.division, s.unit,
		strings.Join(append([]string{s.list}, s.also...), "\x1f"), s.agency,
		string(s.holder), s.group, s.owner,
	}, "\t")
}

// decoder reads short forms and keeps each repeated text once.
type decoder struct{ seen map[string]string }

func (d *decoder) one(s string) string {
	if kept, ok := d.seen[s]; ok {
		return kept
	}
	s = strings.Clone(s)
	d.seen[s] = s
	return s
}

func (d *decoder) day(s string) (workday.Date, error) {
	if s == "" {
		return workday.Date{}, nil
	}
	return workday.ParseDate(s)
}

func (d *decoder) decode(id, value string) (s short, err error) {
	f := strings.Split(value, "\t")
	if len(f) != 11 {
		return s, fmt.Errorf("linkage: short form of %s has %d parts", id, len(f))
	}
	s = short{
		id: strings.Clone(id), kind: Kind(d.one(f[0])), state: State(d.one(f[1])), division: d.one(f[4]), unit: d.one(f[5]),
		agency: d.one(f[7]), holder: Holder(d.one(f[8])), group: d.one(f[9]), owner: d.one(f[10]),
	}
	lists := strings.Split(f[6], "\x1f")
	s.list = d.one(lists[0])
	for _, name := range lists[1:] {
		s.also = append(s.also, d.one(name))
	}
	if s.on, err = d.day(f[2]); err == nil {
		s.reply, err = d.day(f[3])
	}
	if err != nil {
		return s, fmt.Errorf("linkage: short form of %s: %w", id, err)
	}
	return s, nil
}

// ledger holds the short forms of all applications of a city in memory, as of the
// tokens it has read, and their sums. A shard whose token has changed is read
// again; a reader takes what there is and never sees half a shard.
type ledger struct {
	mu     sync.Mutex
	tokens map[string]string
	parts  [shards][]short
	sums   map[cell]Counts
	// cells are the sums as readers get them; nil after a change.
	cells []summed
}

// cell is all by which figures are narrowed and broken down.
type cell struct {
	kind                         Kind
	division, unit, list, agency string
	holder                       Holder
	on                           workday.Date
}

type summed struct {
	cell
	Counts
}

func (s *short) cell() cell {
	return cell{kind: s.kind, division: s.division, unit: s.unit, list: s.list, agency: s.agency, holder: s.holder, on: s.on}
}

// replace puts what a shard now holds in the place of what it held.
func (l *ledger) replace(n int, part []short) {
	for i := range l.parts[n] {
		s := &l.parts[n][i]
		c := l.sums[s.cell()]
		c.add(s.state, -1)
		if c == (Counts{}) {
			delete(l.sums, s.cell())
		} else {
			l.sums[s.cell()] = c
		}
	}
	for i := range part {
		c := l.sums[part[i].cell()]
		c.add(part[i].state, 1)
		l.sums[part[i].cell()] = c
	}
	l.parts[n], l.cells = part, nil
}

// view is what a reader works on: nothing in it changes.
type view struct {
	parts [][]short
	cells []summed
}

// now is what the ledger holds.
func (l *ledger) now() view {
	if l.cells == nil {
		l.cells = make([]summed, 0, len(l.sums))
		for c, counts := range l.sums {
			l.cells = append(l.cells, summed{c, counts})
		}
	}
	parts := l.parts
	return view{parts[:], l.cells}
}

// takes tells whether the filter takes the application; reach lists the units
// the actor reaches, nil is all.
func (f *Filter) takes(s *short, reach map[string]bool) bool {
	return (reach == nil || reach[s.unit]) &&
		(f.Kind == "" || s.kind == f.Kind) &&
		(f.Division == "" || s.division == f.Division) &&
		(f.Unit == "" || s.unit == f.Unit) &&
		(f.List == "" || s.list == f.List) &&
		(f.Named == "" || s.list == f.Named || slices.Contains(s.also, f.Named)) &&
		(f.Agency == "" || s.agency == f.Agency || f.Agency == NoAgency && s.agency == "") &&
		(f.Holder == "" || s.holder == f.Holder) &&
		(f.State == "" || s.state == f.State) &&
		(f.Group == "" || s.group == f.Group) &&
		(f.Owner == "" || s.owner == f.Owner) &&
		(f.From.IsZero() || !s.on.Before(f.From)) &&
		(f.To.IsZero() || !s.on.After(f.To)) &&
		(!f.Open || !s.state.Final()) &&
		(f.ReplyBy.IsZero() || !s.reply.IsZero() && !s.reply.After(f.ReplyBy))
}

// sums tells whether the filter takes what a cell sums up. It looks only at what
// figures are narrowed by: Kind, Division, Unit, List, Agency, Holder, From, To.
func (f *Filter) sums(c *cell, reach map[string]bool) bool {
	return (reach == nil || reach[c.unit]) &&
		(f.Kind == "" || c.kind == f.Kind) &&
		(f.Division == "" || c.division == f.Division) &&
		(f.Unit == "" || c.unit == f.Unit) &&
		(f.List == "" || c.list == f.List) &&
		(f.Agency == "" || c.agency == f.Agency || f.Agency == NoAgency && c.agency == "") &&
		(f.Holder == "" || c.holder == f.Holder) &&
		(f.From.IsZero() || !c.on.Before(f.From)) &&
		(f.To.IsZero() || !c.on.After(f.To))
}

// summable tells whether the filter asks for nothing but what cells tell.
func (f *Filter) summable() bool {
	return f.Named == "" && f.State == "" && f.Group == "" && f.Owner == "" && !f.Open && f.ReplyBy.IsZero()
}

// each gives what the filter takes in sums: by cells where they tell enough, else
// one application at a time.
func (v view) each(f Filter, reach map[string]bool, give func(c *cell, counts Counts)) {
	if f.summable() {
		for i := range v.cells {
			if s := &v.cells[i]; f.sums(&s.cell, reach) {
				give(&s.cell, s.Counts)
			}
		}
		return
	}
	for _, part := range v.parts {
		for i := range part {
			if !f.takes(&part[i], reach) {
				continue
			}
			c, one := part[i].cell(), Counts{}
			one.Add(part[i].state)
			give(&c, one)
		}
	}
}

// count adds up what the filter takes.
func (v view) count(f Filter, reach map[string]bool) Counts {
	var sum Counts
	v.each(f, reach, func(_ *cell, c Counts) { sum = sum.Plus(c) })
	return sum
}

// Dimension is what figures are broken down by. Words are the catalogue's
// "linkage.by."+Dimension.
type Dimension string

// The dimensions.
const (
	ByDivision Dimension = "division"
	ByList     Dimension = "list"
	ByAgency   Dimension = "agency"
	ByHolder   Dimension = "holder"
	ByYear     Dimension = "year"
)

// Dimensions lists them in the order pages show them.
var Dimensions = []Dimension{ByDivision, ByList, ByAgency, ByHolder, ByYear}

func (d Dimension) key(c *cell) string {
	switch d {
	case ByDivision:
		return c.division
	case ByList:
		return c.list
	case ByAgency:
		return cmp.Or(c.agency, NoAgency)
	case ByHolder:
		return string(c.holder)
	}
	return strconv.Itoa(c.on.Year())
}

// Figure is the counts of one division, list, agency, holder type or year.
type Figure struct {
	Key string
	// Name is what it is called where the key is a code; else the key.
	Name string
	Counts
	// Cumulative are the counts up to and with this year; only by year.
	Cumulative *Counts
}

// figures break down what the filter takes, in the order of the keys; lists by
// the day of their first notification, holder types in their own order.
func (v view) figures(f Filter, by Dimension, reach map[string]bool) []Figure {
	at := map[string]int{}
	first := map[string]workday.Date{}
	var out []Figure
	v.each(f, reach, func(c *cell, counts Counts) {
		key := by.key(c)
		n, ok := at[key]
		if !ok {
			n = len(out)
			at[key], out = n, append(out, Figure{Key: key, Name: key})
		}
		out[n].Counts = out[n].Plus(counts)
		if day, ok := first[key]; !ok || c.on.Before(day) {
			first[key] = c.on
		}
	})
	slices.SortFunc(out, func(a, b Figure) int {
		switch by {
		case ByList:
			if c := first[a.Key].Compare(first[b.Key]); c != 0 {
				return c
			}
		case ByHolder:
			return slices.Index(Holders, Holder(a.Key)) - slices.Index(Holders, Holder(b.Key))
		}
		return cmp.Compare(a.Key, b.Key)
	})
	sum := Counts{}
	for i := range out {
		switch by {
		case ByDivision:
			if area, ok := ident.AreaOf(out[i].Key); ok {
				out[i].Name = area.Name
			}
		case ByYear:
			sum = sum.Plus(out[i].Counts)
			so := sum
			out[i].Cumulative = &so
		}
	}
	return out
}

// Place is where a list goes on.
type place struct {
	day workday.Date
	id  string
}

func (p place) String() string { return p.day.String() + "~" + p.id }

func (by Order) place(s *short) place {
	if by == ByNotice {
		return place{s.on, s.id}
	}
	if s.reply.IsZero() {
		return place{workday.MaxDate, s.id}
	}
	return place{s.reply, s.id}
}

func (by Order) less(a, b place) bool {
	if c := a.day.Compare(b.day); c != 0 {
		return (c < 0) == (by == ByReply)
	}
	return a.id < b.id
}

// list gives the ids of what the filter takes behind a place, n at most, in
// order, and how many the filter takes in all. It holds no more than n places
// at a time, however long the list is.
func (v view) list(f Filter, by Order, behind *place, n int, reach map[string]bool) (ids []string, more *place, total int) {
	var kept []place
	compare := func(a, b place) int {
		switch {
		case a == b:
			return 0
		case by.less(a, b):
			return -1
		}
		return 1
	}
	for _, part := range v.parts {
		for i := range part {
			if !f.takes(&part[i], reach) {
				continue
			}
			total++
			p := by.place(&part[i])
			if behind != nil && !by.less(*behind, p) {
				continue
			}
			if len(kept) > n && !by.less(p, kept[n]) {
				continue
			}
			at, _ := slices.BinarySearchFunc(kept, p, compare)
			kept = slices.Insert(kept, at, p)
			if len(kept) > n+1 {
				kept = kept[:n+1]
			}
		}
	}
	if len(kept) > n {
		kept = kept[:n]
		more = &kept[n-1]
	}
	ids = make([]string, len(kept))
	for i, p := range kept {
		ids[i] = p.id
	}
	return ids, more, total
}

// parsePlace reads the cursor of a list.
func parsePlace(s string) (place, bool) {
	day, id, ok := strings.Cut(s, "~")
	if !ok || len(id) > 40 {
		return place{}, false
	}
	d, err := workday.ParseDate(day)
	if err != nil || d.IsZero() || id == "" {
		return place{}, false
	}
	return place{d, id}, true
}

// groups gathers what the filter takes by applicant, agency, unit and kind.
func (v view) groups(f Filter, reach map[string]bool) []Group {
	type key struct {
		group, agency, unit string
		kind                Kind
	}
	at := map[key]int{}
	var out []Group
	for _, part := range v.parts {
		for i := range part {
			s := &part[i]
			if !f.takes(s, reach) {
				continue
			}
			k := key{s.group, s.agency, s.unit, s.kind}
			n, ok := at[k]
			if !ok {
				n = len(out)
				at[k], out = n, append(out, Group{Key: s.group, Agency: s.agency, Unit: s.unit, Kind: s.kind})
			}
			g := &out[n]
			g.Count++
			g.IDs = append(g.IDs, s.id)
			if !s.state.Final() {
				g.Open++
				if g.Reply.IsZero() || !s.reply.IsZero() && s.reply.Before(g.Reply) {
					g.Reply = s.reply
				}
			}
		}
	}
	for i := range out {
		slices.Sort(out[i].IDs)
	}
	slices.SortFunc(out, func(a, b Group) int {
		x, y := a.Reply, b.Reply
		if x.IsZero() {
			x = workday.MaxDate
		}
		if y.IsZero() {
			y = workday.MaxDate
		}
		return cmp.Or(x.Compare(y), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Agency, b.Agency), cmp.Compare(a.Unit, b.Unit))
	})
	return out
}
