package disclosure

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/sheet"
	"ipcredit/shared/workday"
)

// fields are those of the batch's table that a notice takes, by kind. What is
// about natural persons is not among them.
var fields = map[credit.Kind][]string{
	credit.Penalty: {
		"subjectName", "subjectCode", "instrumentNo", "determinedOn", "authority", "authorityCode", "violation", "facts", "basis", "classes",
		"text", "fine", "confiscated", "licenceNamed", "validUntil", "sourceUrl",
	},
	credit.Determination: {
		"subjectName", "subjectCode", "instrumentNo", "determinedOn", "authority", "authorityCode", "act", "tier", "basis", "sourceUrl",
	},
}

// Column is one field of the form.
type Column struct {
	sheet.Column
	Long bool // text of several lines
}

// longFields are texts.
var longFields = []string{"facts", "basis", "text"}

// Columns are the fields of the form of a kind, in its order, with the names and
// choices of the batch's table.
func Columns(kind credit.Kind) []Column {
	schema, ok := credit.Schema(kind)
	if !ok {
		return nil
	}
	var out []Column
	for _, field := range fields[kind] {
		for _, c := range schema.Columns {
			if c.Field == field {
				c.Required = c.Required || field == "subjectCode" || field == "authorityCode"
				out = append(out, Column{c, slices.Contains(longFields, field)})
			}
		}
	}
	return out
}

// Writing is what somebody typed into the form of a notice.
type Writing struct {
	Kind   credit.Kind
	Values map[string]string
	Review Review
}

// read makes the record of a writing, or says by field what is wrong with it. It
// puts the redacted texts in place of what was typed.
func (w *Writing) read(law *credit.Law, city string, now time.Time) (credit.Entry, error) {
	bad := fault.New(fault.Invalid, "disclosure.incomplete")
	schema, ok := credit.Schema(w.Kind)
	if !ok || !slices.Contains(Kinds, w.Kind) {
		return credit.Entry{}, fault.New(fault.Invalid, "disclosure.kind").With("kind", "disclosure.kind")
	}
	if !slices.Contains(Reviews, w.Review) {
		bad = bad.With("review", "disclosure.review")
	}
	kept := map[string]string{}
	for _, field := range fields[w.Kind] {
		if v := strings.TrimSpace(strings.ReplaceAll(w.Values[field], "\r\n", "\n")); v != "" {
			kept[field] = v
		}
	}
	entry, problems := law.Parse(w.Kind, sheet.NewRow(schema, 1, kept), credit.Context{Now: now, City: city, Notice: true})
	for _, p := range problems {
		field := p.Field
		if !slices.Contains(fields[w.Kind], field) {
			field = "subjectCode" // it asks for the identity of a natural person, who is not for here
		}
		bad = bad.With(field, p.Code, p.Args...)
	}
	if len(problems) == 0 {
		switch {
		case w.Kind == credit.Penalty && kept["authorityCode"] == "":
			bad = bad.With("authorityCode", "disclosure.authority_code")
		case entry.NaturalPerson:
			bad = bad.With("subjectCode", "disclosure.person")
		case entry.Record.Channel == credit.Republish && entry.Record.SourceURL == "":
			bad = bad.With("sourceUrl", "disclosure.source")
		case entry.Record.Channel == credit.Internal:
			bad = bad.With("determinedOn", "disclosure.internal")
		case entry.Record.Unpublished != "":
			bad = bad.With("classes", "disclosure.never_shown")
		}
	}
	if len(bad.Fields) > 0 {
		return entry, bad
	}
	if p := entry.Record.Content.Penalty; p != nil {
		kept["violation"], kept["facts"], kept["basis"] = p.Violation, p.Facts, p.Basis
		put(kept, "text", p.Text)
		put(kept, "licenceNamed", p.LicenceNamed)
	}
	if d := entry.Record.Content.Determination; d != nil {
		kept["basis"] = d.Basis
	}
	w.Values = kept
	return entry, nil
}

func put(m map[string]string, key, value string) {
	if value != "" {
		m[key] = value
	}
}

// valuesOf are the fields of the form that say what the record says.
func valuesOf(r credit.Record, code, name string) map[string]string {
	m := map[string]string{
		"subjectName": name, "subjectCode": code, "instrumentNo": r.InstrumentNo, "determinedOn": r.DeterminedOn.String(), "authority": r.Authority,
	}
	put(m, "authorityCode", r.AuthorityCode)
	put(m, "sourceUrl", r.SourceURL)
	if p := r.Content.Penalty; p != nil {
		m["violation"], m["facts"], m["basis"], m["classes"] = p.Violation, p.Facts, p.Basis, strings.Join(p.Classes, "；")
		put(m, "text", p.Text)
		put(m, "licenceNamed", p.LicenceNamed)
		put(m, "validUntil", p.ValidUntil.String())
		put(m, "fine", tenThousand(p.FineFen))
		put(m, "confiscated", tenThousand(p.ConfiscatedFen))
	}
	if d := r.Content.Determination; d != nil {
		m["act"], m["basis"] = r.Act, d.Basis
		put(m, "tier", credit.TierWord(r.Tier))
	}
	return m
}

// tenThousand writes fen as the table has amounts, in units of ten thousand yuan.
func tenThousand(fen int64) string {
	if fen == 0 {
		return ""
	}
	s := strings.TrimRight(fmt.Sprintf("%d.%06d", fen/1_000_000, fen%1_000_000), "0")
	return strings.TrimSuffix(s, ".")
}

// between refuses a day that is none, lies after today or before the first.
func between(bad *fault.Error, name string, d, first, today workday.Date) *fault.Error {
	switch {
	case d.IsZero():
		return bad.With(name, "disclosure.day")
	case d.After(today):
		return bad.With(name, "disclosure.future")
	case d.Before(first):
		return bad.With(name, "disclosure.before", first.String())
	}
	return bad
}
