package catalog

import (
	"bytes"
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"ipcredit/shared/fault"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/workday"
)

//go:embed data.json
var data []byte

var shipped = mustShipped()

// Shipped is the catalogue that comes with the program.
func Shipped() Catalog { return shipped }

func mustShipped() Catalog {
	var f struct {
		Comment, AsOf string
		Items         []Item
		Measures      []Measure
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&f); err != nil {
		panic(fmt.Sprintf("catalog: data.json: %v", err))
	}
	if f.Comment == "" || f.AsOf == "" {
		panic("catalog: data.json names no source and day")
	}
	c := Catalog{}
	var err error
	for _, i := range f.Items {
		if c.items, err = lay(c.items, i); err == nil {
			err = i.check()
		}
		if err != nil {
			panic(fmt.Sprintf("catalog: data.json: %s: %v", i.Ref(), err))
		}
	}
	for _, m := range f.Measures {
		if c.measures, err = lay(c.measures, m); err == nil {
			err = m.check()
		}
		if err != nil {
			panic(fmt.Sprintf("catalog: data.json: %s: %v", m.Ref(), err))
		}
	}
	return c
}

// lay puts a new version over those that are there: the one before it ends the day
// before, one with the same first day is replaced and stays to be read. A version
// that begins before the last one is a fault: what was decided by that one would not
// be found again.
func lay[T any, V version[T]](have map[string][]T, next T) (map[string][]T, error) {
	name, n := V(&next).Name(), V(&next).span()
	list := slices.Clone(have[name])
	n.Revision, n.Replaced = 0, false
	for i := range list {
		s := V(&list[i]).span()
		switch {
		case s.From.After(n.From):
			if s.Replaced {
				continue
			}
			return have, fault.New(fault.Conflict, "catalog.superseded", s.From.String()).With("from", "catalog.superseded", s.From.String())
		case s.From == n.From:
			n.Revision = max(n.Revision, s.Revision+1)
			s.Replaced = true
		case !s.Replaced && (s.To.IsZero() || !s.To.Before(n.From)):
			s.To = n.From.AddDays(-1)
		}
	}
	list = append(list, next)
	slices.SortStableFunc(list, func(a, b T) int {
		x, y := V(&a).span(), V(&b).span()
		return cmp.Or(x.From.Compare(y.From), cmp.Compare(x.Revision, y.Revision))
	})
	out := make(map[string][]T, len(have)+1)
	for k, v := range have {
		out[k] = v
	}
	out[name] = list
	return out, nil
}

// Bounds of what an officer writes, in characters. [design]
const (
	mostTitle = 200
	mostBasis = 200
	mostWhy   = 200
)

// check names everything that is wrong with what both have in common.
func (s Span) check(bad *fault.Error) *fault.Error {
	bad = texts(bad, "titleZH", s.Title.ZH, mostTitle)
	bad = texts(bad, "titleEN", s.Title.EN, mostTitle)
	// M.13: nothing is saved that no provision allows.
	if strings.TrimSpace(s.Basis) == "" {
		bad = bad.With("basis", "catalog.basis")
	} else {
		bad = texts(bad, "basis", s.Basis, mostBasis)
	}
	bad = texts(bad, "article", s.Article, mostBasis)
	switch {
	case s.From.IsZero():
		bad = bad.With("from", "catalog.from")
	case !s.To.IsZero() && s.To.Before(s.From):
		bad = bad.With("to", "catalog.to", s.From.String())
	}
	if !slices.Contains([]ruleset.Confidence{ruleset.Verified, ruleset.MemoryHigh, ruleset.MemoryCheck, ruleset.Design}, s.Confidence) {
		bad = bad.With("basis", "catalog.basis")
	}
	return bad
}

func texts(bad *fault.Error, field, text string, most int) *fault.Error {
	switch n := utf8.RuneCountInString(text); {
	case strings.TrimSpace(text) == "":
		return bad.With(field, "catalog.missing")
	case n > most || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' }):
		return bad.With(field, "catalog.long", most)
	}
	return bad
}

func wrong() *fault.Error { return fault.New(fault.Invalid, "catalog.incomplete") }

func settle(bad *fault.Error) error {
	if len(bad.Fields) > 0 {
		return bad
	}
	return nil
}

// check names everything that is wrong with a version of an item.
func (i Item) check() error {
	bad := i.Span.check(wrong())
	if i.Act == "" {
		bad = bad.With("act", "catalog.act")
	}
	if len(i.Kinds) == 0 || !within(i.Kinds, Kinds) {
		bad = bad.With("kinds", "catalog.kinds")
	}
	if !slices.Contains(Channels, i.Channel) {
		bad = bad.With("channel", "catalog.channel")
	}
	if len(i.Sources) == 0 || !within(i.Sources, Sources) {
		bad = bad.With("sources", "catalog.sources")
	}
	if i.Tier != "" && !slices.Contains(Tiers, i.Tier) {
		bad = bad.With("tier", "catalog.tier")
	}
	return settle(bad)
}

// check names everything that is wrong with a version of a measure.
func (m Measure) check() error {
	bad := m.Span.check(wrong())
	if m.ID == "" || len(m.ID) > 40 || strings.Trim(m.ID, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		bad = bad.With("id", "catalog.id")
	}
	if strings.TrimSpace(m.ListItem) == "" {
		bad = bad.With("listItem", "catalog.list_item")
	} else {
		bad = texts(bad, "listItem", m.ListItem, mostBasis)
	}
	bad = texts(bad, "list", m.List, mostBasis)
	bad = texts(bad, "byZH", m.By.ZH, mostTitle)
	bad = texts(bad, "byEN", m.By.EN, mostTitle)
	if !within(m.Tiers, Tiers) {
		bad = bad.With("tiers", "catalog.tier")
	}
	switch {
	case m.Incentive && len(m.Acts)+len(m.Tiers) > 0:
		bad = bad.With("acts", "catalog.incentive_acts")
	case !m.Incentive && len(m.Acts) == 0:
		bad = bad.With("acts", "catalog.acts")
	}
	return settle(bad)
}

// within tells whether all of a are in b.
func within[T comparable](a, b []T) bool {
	return !slices.ContainsFunc(a, func(x T) bool { return !slices.Contains(b, x) })
}

// Over is the shipped catalogue with the approved proposals laid over it in the
// order of their approval.
func Over(list []Proposal) (Catalog, error) {
	list = slices.DeleteFunc(slices.Clone(list), func(p Proposal) bool { return p.State != Approved })
	slices.SortFunc(list, func(a, b Proposal) int { return cmp.Compare(a.Order, b.Order) })
	c := shipped
	for _, p := range list {
		var err error
		if c, err = c.with(p); err != nil {
			return Catalog{}, fmt.Errorf("catalog: %s: %w", p.ID, err)
		}
	}
	return c, nil
}

func (c Catalog) with(p Proposal) (next Catalog, err error) {
	next = c
	next.version = p.ID
	switch {
	case p.Item != nil:
		next.items, err = lay(c.items, *p.Item)
	case p.Measure != nil:
		next.measures, err = lay(c.measures, *p.Measure)
	}
	return next, err
}

// With is the catalogue with the proposal in force, for somebody to look at before.
// It refuses whatever cannot stand: an act that is called as none can be, one more
// that is no determination, a channel wider than the law's, a measure without basis or item of the basic list, one that names an act
// that there is not, a version before the last, and one that changes nothing.
func (c Catalog) With(p Proposal) (Catalog, error) {
	switch {
	case p.Item != nil && p.Measure == nil:
		if err := c.fitsItem(*p.Item); err != nil {
			return c, err
		}
	case p.Measure != nil && p.Item == nil:
		if err := c.fitsMeasure(*p.Measure); err != nil {
			return c, err
		}
	default:
		return c, fault.New(fault.Invalid, "catalog.incomplete")
	}
	return c.with(p)
}

func (c Catalog) fitsItem(i Item) error {
	if err := i.check(); err != nil {
		return err
	}
	first, law := shipped.items[i.Act]
	if !law {
		// One more act stands under the law's own last one, and is a determination.
		if first = shipped.items[Rest]; !own(i.Act) {
			return wrong().With("act", "catalog.act_form")
		}
		if !slices.Equal(i.Kinds, first[0].Kinds) {
			return wrong().With("kinds", "catalog.added_kinds")
		}
		if !within(i.Sources, first[0].Sources) {
			return wrong().With("sources", "catalog.added_sources")
		}
		if i.From.Before(first[0].From) {
			return wrong().With("from", "catalog.before_law", first[0].From.String())
		}
	}
	if Narrower(i.Channel, first[0].Channel) != i.Channel {
		return wrong().With("channel", "catalog.wider")
	}
	if now, ok := c.Item(i.Act, i.From); ok && says(now, i.From) == says(i, i.From) {
		return errSame()
	}
	return nil
}

func (c Catalog) fitsMeasure(m Measure) error {
	if err := m.check(); err != nil {
		return err
	}
	for _, act := range m.Acts {
		if len(c.items[act]) == 0 {
			return wrong().With("acts", "catalog.acts")
		}
	}
	for _, x := range c.measures[m.ID] {
		if x.Incentive != m.Incentive {
			return wrong().With("id", "catalog.other_measure")
		}
		if x.InForce(m.From) && says(x, m.From) == says(m, m.From) {
			return errSame()
		}
	}
	return nil
}

func errSame() error {
	return fault.New(fault.Invalid, "catalog.same").With("from", "catalog.same")
}

// says is what a version says to whoever it is in force for from that day on,
// without how it is known.
func says[T any, V version[T]](v T, from workday.Date) string {
	s := V(&v).span()
	s.From, s.Revision, s.Replaced, s.Confidence = from, 0, false, ""
	b, err := json.Marshal(v)
	if err != nil {
		panic("catalog: a version is always JSON: " + err.Error())
	}
	return string(b)
}
