// Package catalog is the catalogue (目录) of what may become a credit record, and
// the list of measures that such a record or three good years may bring.
//
// An item says for an act by which channel its records may reach the public, who
// may have found them, which kinds of record it allows, which tier they have where
// the document names none, and on which provision it stands. A measure names the
// provision and the item of the national basic list that allow it; without either
// it is none.
//
// What it guarantees: the version that counts is the one in force on the day of the
// event; no version is ever taken out, so what a stored record names is found again
// as it was; a version that a city brings in can narrow the channel of an act and
// never widen it; and nothing is in force that two people did not put in force.
package catalog

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"ipcredit/shared/ruleset"
	"ipcredit/shared/workday"
)

// Kind is what a record is.
type Kind string

// The kinds, named as the batches that bring them.
const (
	Penalty       Kind = "penalty"
	Licence       Kind = "licence"
	Determination Kind = "determination"
	Commendation  Kind = "commendation"
	Judgment      Kind = "judgment"
)

// Kinds lists them in the order pages show them.
var Kinds = []Kind{Determination, Penalty, Judgment, Licence, Commendation}

// Source is who found what a record says.
type Source string

// The sources of the seed plan: administration, courts, industry bodies.
const (
	Admin    Source = "ADMIN"
	Judicial Source = "JUDICIAL"
	Industry Source = "INDUSTRY"
)

// Sources lists them in the order pages show them.
var Sources = []Source{Admin, Judicial, Industry}

// Channel is how a record may reach the public.
type Channel string

const (
	// Original records are the city's own to publish.
	Original Channel = "ORIGINAL"
	// Republish records come from another authority's display: its end prevails
	// where it is earlier.
	Republish Channel = "REPUBLISH"
	// Internal records are never shown to strangers.
	Internal Channel = "INTERNAL"
)

// Channels lists them from the widest to the narrowest.
var Channels = []Channel{Original, Republish, Internal}

// Narrower is the narrower of two channels.
func Narrower(a, b Channel) Channel {
	return Channels[max(slices.Index(Channels, a), slices.Index(Channels, b), 0)]
}

// Tier is the weight of a dishonesty record under Order 36. None is null in JSON.
type Tier string

// The tiers.
const (
	Minor   Tier = "minor"
	General Tier = "general"
	Serious Tier = "serious"
)

// Tiers lists them from the lightest to the heaviest.
var Tiers = []Tier{Minor, General, Serious}

// MarshalJSON writes none as null.
func (t Tier) MarshalJSON() ([]byte, error) {
	if t == "" {
		return []byte("null"), nil
	}
	return json.Marshal(string(t))
}

// Span is what items and measures have in common: the days in force, the provision,
// and how it is known.
type Span struct {
	// From and To are the first and last day of the events the version counts for;
	// To none: no end is known.
	From workday.Date `json:"from"`
	To   workday.Date `json:"to"`
	// Basis is the document that allows it, with its number; Article its article.
	Basis      string             `json:"basis"`
	Article    string             `json:"article"`
	Confidence ruleset.Confidence `json:"confidence"`
	Title      ruleset.Words      `json:"title"`
	// Revision counts the versions with the same first day; the first is 0.
	Revision int `json:"revision,omitempty"`
	// Replaced tells that a later revision of the same first day took its place.
	Replaced bool `json:"replaced,omitempty"`
}

// InForce tells whether the version counts for an event of that day.
func (s Span) InForce(on workday.Date) bool {
	return !s.Replaced && !on.Before(s.From) && (s.To.IsZero() || !on.After(s.To))
}

// Labelled tells whether it must be shown with a label, see ruleset.Rule.Labelled.
func (s Span) Labelled() bool { return ruleset.Rule{Confidence: s.Confidence}.Labelled() }

func (s *Span) span() *Span { return s }

func (s Span) ref(name string) string {
	ref := name + "@" + s.From.String()
	if s.Revision > 0 {
		ref += "." + strconv.Itoa(s.Revision)
	}
	return ref
}

// Item is one version of one act of the catalogue.
type Item struct {
	Span
	Act     string   `json:"act"`
	Kinds   []Kind   `json:"kinds"`
	Channel Channel  `json:"channel"`
	Sources []Source `json:"sources"`
	// Tier is what records have whose document names none; "" leaves it to the
	// document and the rules.
	Tier Tier `json:"tier"`
}

// Name names the act through all its versions.
func (i Item) Name() string { return i.Act }

// Ref names this version, as it is kept with each record: "DA1@2022-01-24".
func (i Item) Ref() string { return i.ref(i.Act) }

// Measure is one version of one measure, or of one incentive.
type Measure struct {
	Span
	ID        string `json:"id"`
	Incentive bool   `json:"incentive,omitempty"`
	// List and ListItem are the national basic list and its item; how sure we are of
	// them is ListConfidence.
	List           string             `json:"list"`
	ListItem       string             `json:"listItem"`
	ListConfidence ruleset.Confidence `json:"listConfidence"`
	// Acts are those whose records bring it, Tiers the tiers; none: any. An incentive
	// has neither: three good years bring it.
	Acts  []string `json:"acts,omitempty"`
	Tiers []Tier   `json:"tiers,omitempty"`
	// By is who applies it.
	By ruleset.Words `json:"by"`
}

// Name names the measure through all its versions.
func (m Measure) Name() string { return m.ID }

// Ref names this version.
func (m Measure) Ref() string { return m.ref(m.ID) }

// ListLabelled tells whether the item of the basic list must be shown with a label.
func (m Measure) ListLabelled() bool {
	return ruleset.Rule{Confidence: m.ListConfidence}.Labelled()
}

// brings tells whether a record of the act and tier brings the measure.
func (m Measure) brings(act string, tier Tier) bool {
	return !m.Incentive && m.Of(act) && (len(m.Tiers) == 0 || slices.Contains(m.Tiers, tier))
}

// Rest is the act that stands for every further one of the catalogue: 国知发保字
// 〔2022〕8号 art. 6(7), whatever else is listed as an item of its own and is
// dishonesty. It is in the law; what a city's officers add stands under it.
const Rest = "DA7"

// Under is the act whose provision an act stands under: itself where the law names
// it, Rest where officers brought it in. What the law says of the one holds for the
// other: who determines it, how long it is displayed, how far it may be published.
func Under(act string) string {
	if _, law := shipped.items[act]; law || !own(act) {
		return act
	}
	return Rest
}

// own tells whether officers may call an act so: two letters and a number, and
// perhaps a second one, as DA8 or ZX12-3.
func own(act string) bool { return actForm.MatchString(act) }

var actForm = regexp.MustCompile(`^[A-Z]{2}[0-9]{1,3}(-[0-9]{1,3})?$`)

// Added are the acts that officers brought in, sorted. public leaves out those
// of which no version was ever more than internal: strangers know of none.
func (c Catalog) Added(public bool) []string {
	var acts []string
	for act, list := range c.items {
		if _, law := shipped.items[act]; !law && (!public || slices.ContainsFunc(list, func(i Item) bool { return !i.Replaced && i.Channel != Internal })) {
			acts = append(acts, act)
		}
	}
	slices.Sort(acts)
	return acts
}

// Of tells whether the measure is for the act: by its name, or by that of the act
// whose provision it stands under.
func (m Measure) Of(act string) bool {
	return len(m.Acts) == 0 || slices.Contains(m.Acts, act) || slices.Contains(m.Acts, Under(act))
}

// version is an item or a measure.
type version[T any] interface {
	*T
	span() *Span
	Name() string
}

// Catalog is the catalogue and the list of measures with all their versions. It is
// immutable and safe for concurrent use; the zero Catalog is empty.
type Catalog struct {
	items    map[string][]Item // by act, by first day and revision
	measures map[string][]Measure
	version  string
}

// Version tells this catalogue from every other of the city.
func (c Catalog) Version() string { return c.version }

// Item is the version of the act that counts for an event of that day.
func (c Catalog) Item(act string, on workday.Date) (Item, bool) {
	for _, i := range c.items[act] {
		if i.InForce(on) {
			return i, true
		}
	}
	return Item{}, false
}

// Ref is the version of an item that a stored record names.
func (c Catalog) Ref(ref string) (Item, bool) {
	act, _, _ := strings.Cut(ref, "@")
	for _, i := range c.items[act] {
		if i.Ref() == ref {
			return i, true
		}
	}
	return Item{}, false
}

// Items are all versions by act and first day, those of one act if it is not "".
func (c Catalog) Items(act string) []Item { return all(c.items, act) }

// Measures are all versions of measures and incentives, by name and first day, those
// of one if id is not "".
func (c Catalog) Measures(id string) []Measure { return all(c.measures, id) }

func all[T any](m map[string][]T, name string) []T {
	if name != "" {
		return slices.Clone(m[name])
	}
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	var out []T
	for _, name := range names {
		out = append(out, m[name]...)
	}
	return out
}

// Applied is a measure as a record brings it.
type Applied struct {
	Measure
	// Until is the last day on which it can be in force at all, whatever the record
	// does; none if no end is known.
	Until workday.Date
}

// Brought are the measures that a record of the act and tier brings that was
// determined on that day. Each ends with the record, and earlier on the last day on
// which the list has it: a measure whose basis has gone is applied to nobody.
func (c Catalog) Brought(act string, tier Tier, on workday.Date) []Applied {
	return c.applied(on, func(m Measure) bool { return m.brings(act, tier) })
}

// Incentives are those in force on the day.
func (c Catalog) Incentives(on workday.Date) []Applied {
	return c.applied(on, func(m Measure) bool { return m.Incentive })
}

func (c Catalog) applied(on workday.Date, fits func(Measure) bool) []Applied {
	var out []Applied
	for _, m := range c.Measures("") {
		if m.InForce(on) && fits(m) {
			out = append(out, Applied{m, c.standsUntil(m)})
		}
	}
	return out
}

// standsUntil is the last day on which the list has the measure without a gap.
func (c Catalog) standsUntil(m Measure) workday.Date {
	until := m.To
	for _, next := range c.measures[m.ID] {
		if !until.IsZero() && next.InForce(until.AddDays(1)) {
			until = next.To
		}
	}
	return until
}
