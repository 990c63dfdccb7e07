// Package ruleset holds the law the system applies, as dated data.
//
// A rule is one provision with its source, its article, the days it is in force,
// how sure we are of it, and its parameters. The version that applies to an
// event is the one in force on the day of the event, and its Ref is stored with
// each decision, so that a later version never changes a past one. Nothing in
// code repeats a parameter; what the law leaves open, or what we know only from
// memory, is a rule of its own that says so wherever it is shown.
package ruleset

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"sync"

	"ipcredit/shared/workday"
)

// Confidence is how a rule is known.
type Confidence string

// The degrees of confidence, as the domain reference marks them.
const (
	Verified    Confidence = "verified"     // read in the source
	MemoryHigh  Confidence = "memory-high"  // treat as right
	MemoryCheck Confidence = "memory-check" // to be checked against the official text
	Design      Confidence = "design"       // no law; our own choice
)

// Rule is one version of one provision. Rules are values; Params must not be
// changed.
type Rule struct {
	// ID names the provision through all its versions, lower case with hyphens.
	ID string `json:"id"`
	// Source is the document with its number, in Chinese as published.
	Source string `json:"source"`
	// Article is the article in Source; empty only for our own rules.
	Article string `json:"article,omitzero"`
	// From and To are the first and last day in force, in China. To none means
	// that no end is known.
	From workday.Date `json:"from"`
	To   workday.Date `json:"to"`
	// Confidence says how the rule is known.
	Confidence Confidence `json:"confidence"`
	// Title is a short name for people, in both languages.
	Title Words `json:"title"`
	// Params are read with Params.
	Params json.RawMessage `json:"params"`

	// read are the parameters as they were read before, by type, of a rule that is
	// in a Set: some are asked for with each call.
	read *sync.Map
}

// Words is one sentence in both languages. Rules are data, so their names
// travel with them and not in the catalogue.
type Words struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}

// Ref names this version: "penalty-display@2021-09-01". It is what is stored.
func (r Rule) Ref() string { return r.ID + "@" + r.From.String() }

// Labelled tells whether the rule must be shown with a label: it is known from
// memory only, or is no law. The words are the catalogue's
// "ruleset.label."+Confidence.
func (r Rule) Labelled() bool { return r.Confidence == MemoryCheck || r.Confidence == Design }

// Basis is the provision as results of this system cite it.
func (r Rule) Basis() workday.Basis {
	return workday.Basis{Source: r.Source, Article: r.Article, Confidence: string(r.Confidence)}
}

// InForce tells whether this version applies to an event of that day.
func (r Rule) InForce(on workday.Date) bool {
	return !on.Before(r.From) && (r.To.IsZero() || !on.After(r.To))
}

// Params reads a rule's parameters into a struct. Names that T does not have,
// and values of another type, are errors: a misspelt parameter must not turn
// into a silent zero.
//
// What it returns may be shared with other callers: it must not be changed.
func Params[T any](r Rule) (T, error) {
	kind := reflect.TypeFor[T]()
	if r.read != nil {
		if known, ok := r.read.Load(kind); ok {
			return known.(T), nil
		}
	}
	p, err := params[T](r)
	if err == nil && r.read != nil {
		r.read.Store(kind, p)
	}
	return p, err
}

func params[T any](r Rule) (T, error) {
	var p T
	dec := json.NewDecoder(bytes.NewReader(r.Params))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil {
		return p, fmt.Errorf("ruleset: parameters of %s: %w", r.Ref(), err)
	}
	return p, nil
}

// Set is a collection of rules with at most one version of each in force on any
// day. It is immutable and safe for concurrent use. The zero Set is empty.
type Set struct {
	versions map[string][]Rule // by ID, by From
}

//go:embed rules/*.json
var files embed.FS

var shipped = mustShipped()

// Shipped are the rules that come with the program.
func Shipped() Set { return shipped }

// NewSet checks rules and makes a set of them: every field given, the days of
// two versions of one rule apart from each other.
func NewSet(rules ...Rule) (Set, error) {
	s := Set{versions: make(map[string][]Rule)}
	for _, r := range rules {
		if err := r.check(); err != nil {
			return Set{}, err
		}
		r.read = new(sync.Map)
		s.versions[r.ID] = append(s.versions[r.ID], r)
	}
	for id, list := range s.versions {
		slices.SortFunc(list, func(a, b Rule) int { return a.From.Compare(b.From) })
		for i := 1; i < len(list); i++ {
			if before := list[i-1]; before.To.IsZero() || !before.To.Before(list[i].From) {
				return Set{}, fmt.Errorf("ruleset: %s and %s are in force on the same day", before.Ref(), list[i].Ref())
			}
		}
		s.versions[id] = list
	}
	return s, nil
}

// With is s with further rules. A rule with the ID and first day of one in s
// takes its place.
func (s Set) With(rules ...Rule) (Set, error) {
	var all []Rule
	for _, old := range s.All() {
		if !slices.ContainsFunc(rules, func(r Rule) bool { return r.Ref() == old.Ref() }) {
			all = append(all, old)
		}
	}
	return NewSet(append(all, rules...)...)
}

// For returns the version of the rule in force on the day of the event. False
// means that no version applied that day.
func (s Set) For(id string, on workday.Date) (Rule, bool) {
	for _, r := range s.versions[id] {
		if r.InForce(on) {
			return r, true
		}
	}
	return Rule{}, false
}

// Ref returns the version a stored decision names.
func (s Set) Ref(ref string) (Rule, bool) {
	id, _, _ := strings.Cut(ref, "@")
	for _, r := range s.versions[id] {
		if r.Ref() == ref {
			return r, true
		}
	}
	return Rule{}, false
}

// All lists every version, by ID and first day.
func (s Set) All() []Rule {
	var all []Rule
	for _, list := range s.versions {
		all = append(all, list...)
	}
	slices.SortFunc(all, func(a, b Rule) int {
		if c := strings.Compare(a.ID, b.ID); c != 0 {
			return c
		}
		return a.From.Compare(b.From)
	})
	return all
}

// For is Shipped().For.
func For(id string, on workday.Date) (Rule, bool) { return shipped.For(id, on) }

// Parse reads a file of rules: {"comment": …, "rules": [ … ]}.
func Parse(b []byte) ([]Rule, error) {
	var f struct {
		Comment string `json:"comment"`
		Rules   []Rule `json:"rules"`
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&f); err != nil {
		return nil, fmt.Errorf("ruleset: reading rules: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("ruleset: something follows the rules")
	}
	for _, r := range f.Rules {
		if err := r.check(); err != nil {
			return nil, err
		}
	}
	return f.Rules, nil
}

func (r Rule) check() error {
	switch {
	case r.ID == "" || strings.Trim(r.ID, "abcdefghijklmnopqrstuvwxyz0123456789-") != "":
		return fmt.Errorf("ruleset: rule id %q", r.ID)
	case r.Source == "":
		return fmt.Errorf("ruleset: %s names no source", r.ID)
	case r.Article == "" && r.Confidence != Design:
		return fmt.Errorf("ruleset: %s names no article", r.ID)
	case r.Title.ZH == "" || r.Title.EN == "":
		return fmt.Errorf("ruleset: %s has no title in both languages", r.ID)
	case r.From.IsZero():
		return fmt.Errorf("ruleset: %s has no first day", r.ID)
	case !r.To.IsZero() && r.To.Before(r.From):
		return fmt.Errorf("ruleset: %s ends before it begins", r.Ref())
	case !slices.Contains([]Confidence{Verified, MemoryHigh, MemoryCheck, Design}, r.Confidence):
		return fmt.Errorf("ruleset: %s has confidence %q", r.Ref(), r.Confidence)
	}
	var params map[string]json.RawMessage
	if err := json.Unmarshal(r.Params, &params); err != nil {
		return fmt.Errorf("ruleset: %s: parameters are no object: %w", r.Ref(), err)
	}
	return nil
}

func mustShipped() Set {
	entries, err := files.ReadDir("rules")
	if err != nil {
		panic(err)
	}
	var all []Rule
	for _, e := range entries {
		b, err := files.ReadFile("rules/" + e.Name())
		if err != nil {
			panic(err)
		}
		rules, err := Parse(b)
		if err != nil {
			panic(fmt.Sprintf("rules/%s: %v", e.Name(), err))
		}
		all = append(all, rules...)
	}
	s, err := NewSet(all...)
	if err != nil {
		panic(err)
	}
	return s
}
