package commitment

import (
	_ "embed" // the shipped templates
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"ipcredit/shared/fault"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/workday"
)

// Kind is what sort of commitment it is. The words are the catalogue's
// "commitment.kind."+Kind.
type Kind string

// The kinds (国办发〔2019〕35号 [memory-check]).
const (
	Approval  Kind = "approval"  // 审批替代型、告知承诺: instead of papers in an approval
	Proactive Kind = "proactive" // 主动型: the subject's own, made public
	Industry  Kind = "industry"  // 行业自律型
	Repair    Kind = "repair"    // 信用修复型: made by signing an application for repair
)

// Kinds lists them in the order pages show them.
var Kinds = []Kind{Approval, Proactive, Industry, Repair}

// Lines are sentences in both languages; the Chinese ones bind.
type Lines struct {
	ZH []string `json:"zh"`
	EN []string `json:"en"`
}

// Template is one version of the text of a commitment (承诺书模板).
type Template struct {
	// ID names the template through its versions: lower case with hyphens.
	ID   string `json:"id"`
	Kind Kind   `json:"kind"`
	// From and To are the first and last day on which it can be signed.
	From workday.Date `json:"from"`
	To   workday.Date `json:"to"`
	// Source is where it is from, Confidence how that is known.
	Source     string             `json:"source"`
	Confidence ruleset.Confidence `json:"confidence"`
	Title      ruleset.Words      `json:"title"`
	Clauses    Lines              `json:"clauses"`
	// Most is how far from the signature the last day may lie; none where the
	// commitment has no last day.
	Most workday.Period `json:"most,omitzero"`
	// ProposedBy and ApprovedBy are the officers who made the version; none of a
	// shipped one.
	ProposedBy string `json:"proposedBy,omitempty"`
	ApprovedBy string `json:"approvedBy,omitempty"`
}

// Ref names the version: "fee-reduction@2022-01-24".
func (t Template) Ref() string { return t.ID + "@" + t.From.String() }

// InForce tells whether it can be signed on the day.
func (t Template) InForce(on workday.Date) bool {
	return !on.Before(t.From) && (t.To.IsZero() || !on.After(t.To))
}

// Dated tells whether a commitment by it has a last day.
func (t Template) Dated() bool { return !t.Most.IsZero() }

// Latest is the furthest last day of a commitment signed on the day.
func (t Template) Latest(signed workday.Date) workday.Date {
	return workday.Calendar{}.Last(signed, t.Most, workday.None)
}

// check refuses a template that is not whole.
func (t Template) check() error {
	bad := fault.New(fault.Invalid, "commitment.template")
	if t.ID == "" || strings.Trim(t.ID, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		bad.With("id", "commitment.template.id")
	}
	if !slices.Contains(Kinds, t.Kind) {
		bad.With("kind", "commitment.template.kind")
	}
	if t.From.IsZero() || !t.To.IsZero() && t.To.Before(t.From) {
		bad.With("from", "commitment.template.from")
	}
	if t.Source == "" {
		bad.With("source", "commitment.template.source")
	}
	if t.Title.ZH == "" || t.Title.EN == "" {
		bad.With("title", "commitment.template.title")
	}
	if len(t.Clauses.ZH) == 0 || len(t.Clauses.ZH) != len(t.Clauses.EN) {
		bad.With("clauses", "commitment.template.clauses")
	}
	if t.Kind == Repair && t.Dated() || t.Kind != Repair && (!t.Dated() || t.Most.Unit == workday.Workdays) {
		bad.With("most", "commitment.template.most")
	}
	if len(bad.Fields) > 0 {
		return bad
	}
	return nil
}

//go:embed data/templates.json
var templatesFile []byte

var shipped = func() Templates {
	var f struct {
		Source, AsOf string
		Templates    Templates
	}
	if err := json.Unmarshal(templatesFile, &f); err != nil {
		panic(err) // a broken build
	}
	if f.Source == "" || f.AsOf == "" {
		panic("commitment: templates without source and date")
	}
	for _, t := range f.Templates {
		if err := t.check(); err != nil {
			panic(fmt.Sprintf("commitment: template %s: %v", t.Ref(), err))
		}
	}
	return f.Templates
}()

// Templates are versions of templates. Those of one ID do not overlap: a version
// ends, at the latest, on the day before the next.
type Templates []Template

// Shipped are the templates that come with the program.
func Shipped() Templates { return slices.Clone(shipped) }

// On is the version of a template that can be signed on the day: the latest of
// those in force.
func (all Templates) On(id string, day workday.Date) (Template, bool) {
	var out Template
	for _, t := range all {
		if t.ID == id && t.InForce(day) && t.From.After(out.From) {
			out = t
		}
	}
	return out, out.ID != ""
}

// Ref finds a version by its name.
func (all Templates) Ref(ref string) (Template, bool) {
	i := slices.IndexFunc(all, func(t Template) bool { return t.Ref() == ref })
	if i < 0 {
		return Template{}, false
	}
	return all[i], true
}

// Offered are those that a subject or an officer can choose on the day, by kind:
// not those of repairs, which are made by the application.
func (all Templates) Offered(on workday.Date) Templates {
	var out Templates
	for _, t := range all {
		if now, ok := all.On(t.ID, on); ok && now.Ref() == t.Ref() && t.Kind != Repair {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(a, b Template) int {
		return 2*(slices.Index(Kinds, a.Kind)-slices.Index(Kinds, b.Kind)) + strings.Compare(a.ID, b.ID)
	})
	return out
}
