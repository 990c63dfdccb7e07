package function

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"ipcredit/shared/casework"
	"ipcredit/shared/page"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/workday"
)

// fieldLine is a field of a document: what it is called, and what was filled in.
type fieldLine struct {
	casework.FormField
	Label, Value string
}

// paper is one document as it is printed. Its words are Chinese in every language.
type paper struct {
	First, Draft, Demo bool
	Kind, Title        string
	Number             string // "" where it has none, or not yet
	Numbered           bool   // it is to have one
	Internal, Letter   bool
	Issuer             string
	Case               casework.Case
	Party              casework.Party
	People             []casework.Person
	Fields             []fieldLine
	On                 paperDay
	Received           string
	Basis              []paperBasis
	// Period is the time that the law gives the party, Late what being late costs.
	Period, Late string
	// Main is the number of the document that this one goes with.
	Main string
	// Tiers and Conditions are what a repair notice says.
	Tiers      []paperTier
	Conditions []string
}

type paperDay struct{ Year, Month, Day int }

type paperBasis struct {
	Source, Article string
	Labelled        bool
	Ours            bool // no law, a rule of this system
}

type paperTier struct {
	Name, Shortest, Longest string
	Displayed               bool
}

// Field is what was filled in, "" for nothing.
func (p paper) Field(name string) string {
	for _, f := range p.Fields {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// Paras are the paragraphs of what was filled in.
func (f fieldLine) Paras() []string {
	return strings.FieldsFunc(f.Value, func(r rune) bool { return r == '\n' })
}

// Paras are the paragraphs of a field, none for nothing.
func (p paper) Paras(name string) []string { return fieldLine{Value: p.Field(name)}.Paras() }

// Longs are the fields of several lines.
func (p paper) Longs() []fieldLine {
	var out []fieldLine
	for _, f := range p.Fields {
		if f.Name != "cause" {
			out = append(out, f)
		}
	}
	return out
}

// Opinions are the boxes that are filled in by hand: whoever handles it, the
// office, the review where there is one, the head.
func (p paper) Opinions() []string {
	boxes := []string{"handler", "office"}
	if p.Kind == casework.ClosingForm {
		boxes = append(boxes, "review")
	}
	var out []string
	for _, b := range append(boxes, "head") {
		out = append(out, zh("cases.paper.opinion."+b))
	}
	return out
}

// Cites tells whether the document rests on a law, and not on rules of ours alone.
func (p paper) Cites() bool {
	return slices.ContainsFunc(p.Basis, func(b paperBasis) bool { return !b.Ours })
}

// CauseName is what the case is about, SourceName how it came up.
func (p paper) CauseName() string {
	if cause := p.Field("cause"); cause != "" {
		return cause
	}
	return word("tipoff.kind.", p.Case.Kind)
}

func (p paper) SourceName() string { return word("casework.source.", p.Case.Source) }

// zh says it in the language that binds.
func zh(key string, args ...any) string { return page.Say(page.ZH, key, args...) }

// paper puts a document on paper.
func (d *desk) paper(r *http.Request, got casework.Print, doc casework.Document, form casework.Form) (paper, error) {
	p := paper{
		Kind: doc.Kind, Title: word("casework.document.", doc.Kind), Number: doc.Number, Numbered: form.Word != "", Internal: form.Internal,
		Letter: doc.Kind == casework.TransferLetter || doc.Kind == casework.NotifyLetter,
		Issuer: got.Issuer, Case: got.Case, Party: mainParty(got.Case), People: got.People, Demo: d.env.Demo, Received: chineseDay(got.Case.ReceivedOn),
	}
	if !doc.On.IsZero() {
		p.On = paperDay{doc.On.Year(), int(doc.On.Month()), doc.On.Day()}
	}
	for _, f := range form.Fields {
		v := doc.Body[f.Name]
		if f.Type == "date" && v != "" {
			if day, err := workday.ParseDate(v); err == nil {
				v = chineseDay(day)
			}
		}
		p.Fields = append(p.Fields, fieldLine{f, word("casework.document.field.", f.Name), v})
	}
	for _, b := range got.Basis {
		p.Basis = append(p.Basis, basisOf(b))
	}
	on := doc.On
	if on.IsZero() {
		on = d.today()
	}
	return p, p.rules(on)
}

func basisOf(b workday.Basis) paperBasis {
	ours := b.Confidence == string(ruleset.Design)
	return paperBasis{b.Source, b.Article, ours || b.Confidence == string(ruleset.MemoryCheck), ours}
}

func chineseDay(d workday.Date) string {
	if d.IsZero() {
		return ""
	}
	return zh("cases.paper.day", d.Year(), int(d.Month()), d.Day())
}

// times are the rules that say how long the party has, by kind.
var times = map[string]string{
	casework.PenaltyNotice: "casework-defence", casework.PenaltyDecision: "casework-performance", casework.Preservation: "casework-preservation",
}

// rules takes from the law what the document says in numbers.
func (p *paper) rules(on workday.Date) error {
	if id, ok := times[p.Kind]; ok {
		if rule, ok := ruleset.For(id, on); ok {
			terms, err := ruleset.Params[struct{ Base workday.Period }](rule)
			if err != nil {
				return err
			}
			p.Period = periodText(terms.Base)
		}
	}
	if rule, ok := ruleset.For("casework-late", on); ok {
		late, err := ruleset.Params[struct {
			PercentPerDay int `json:"percentPerDay"`
		}](rule)
		if err != nil {
			return err
		}
		p.Late = strconv.Itoa(late.PercentPerDay)
	}
	if p.Kind != casework.RepairNotice {
		return nil
	}
	for _, c := range []string{"performed", "shortest", "commitment"} {
		p.Conditions = append(p.Conditions, zh("cases.paper.repair.condition."+c))
	}
	rule, ok := ruleset.For("display-tiers", on)
	if !ok {
		return nil
	}
	type tier struct {
		Shortest  workday.Period `json:"shortest"`
		Longest   workday.Period `json:"longest"`
		Displayed bool           `json:"displayed"`
	}
	tiers, err := ruleset.Params[map[string]tier](rule)
	if err != nil {
		return err
	}
	for _, name := range []string{"minor", "general", "serious"} {
		if t, ok := tiers[name]; ok {
			p.Tiers = append(p.Tiers, paperTier{zh("cases.paper.tier." + name), periodText(t.Shortest), periodText(t.Longest), t.Displayed})
		}
	}
	p.Basis = append(p.Basis, basisOf(rule.Basis()))
	return nil
}

// periodText writes a length of time as statutes do.
func periodText(p workday.Period) string {
	if p.N == 0 {
		return zh("cases.paper.none")
	}
	return zh("cases.paper.period."+string(p.Unit), p.N)
}

// preview is a document that was not issued: its number and its day are blank.
func (d *desk) preview(ctx context.Context, r *http.Request, f casework.File, form casework.Form, fields map[string]string) (paper, error) {
	p, err := d.paper(r, casework.Print{Case: f.Case, Facts: f.Facts, People: f.People, Clocks: f.Clocks, Issuer: d.unitName(ctx, f.Case.Unit)},
		casework.Document{Kind: form.Kind, Body: fields}, form)
	p.Draft, p.First = true, true
	return p, err
}
