package disclosure

import (
	"maps"
	"slices"
	"time"

	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
)

// Values are the fields of the form that say what a record says, and nothing for
// a kind that has no form; code and name are those of its subject.
func Values(r credit.Record, code, name string) map[string]string {
	if !slices.Contains(Kinds, r.Kind) {
		return nil
	}
	return valuesOf(r, code, name)
}

// Corrected is the record with what differs between its own values and those
// given, both read by the law like any notice; what the form does not have stays,
// and nil says that nothing differs. It stays the same record: values that would
// make another of it are refused, and so is a kind that has no form.
func Corrected(law *credit.Law, city string, r credit.Record, code, name string, values map[string]string, now time.Time) (*credit.Record, error) {
	read := func(values map[string]string) (credit.Entry, error) {
		w := Writing{Kind: r.Kind, Values: maps.Clone(values), Review: Clear}
		return w.read(law, city, now)
	}
	own := Values(r, code, name)
	e, err := read(values)
	if err != nil {
		return nil, err
	}
	if credit.NewID(r.Kind, e.Record.Authority, e.Record.InstrumentNo, e.SubjectCode) != credit.NewID(r.Kind, own["authority"], own["instrumentNo"], own["subjectCode"]) {
		return nil, fault.New(fault.Refused, "disclosure.other_record").With("instrumentNo", "disclosure.other_record")
	}
	was, next, out := r, e.Record, r
	if e, err := read(own); err == nil { // as the law reads it today, which may differ from how it came
		was = e.Record
	}
	changed := false
	differ(&changed, &out.AuthorityCode, was.AuthorityCode, next.AuthorityCode)
	differ(&changed, &out.DeterminedOn, was.DeterminedOn, next.DeterminedOn)
	differ(&changed, &out.Act, was.Act, next.Act)
	differ(&changed, &out.Tier, was.Tier, next.Tier)
	differ(&changed, &out.SourceURL, was.SourceURL, next.SourceURL)
	if a, b := was.Content.Penalty, next.Content.Penalty; a != nil && b != nil && r.Content.Penalty != nil {
		c := *r.Content.Penalty
		differ(&changed, &c.Violation, a.Violation, b.Violation)
		differ(&changed, &c.Facts, a.Facts, b.Facts)
		differ(&changed, &c.Basis, a.Basis, b.Basis)
		differ(&changed, &c.Text, a.Text, b.Text)
		differ(&changed, &c.FineFen, a.FineFen, b.FineFen)
		differ(&changed, &c.ConfiscatedFen, a.ConfiscatedFen, b.ConfiscatedFen)
		differ(&changed, &c.LicenceNamed, a.LicenceNamed, b.LicenceNamed)
		differ(&changed, &c.ValidUntil, a.ValidUntil, b.ValidUntil)
		if !slices.Equal(a.Classes, b.Classes) {
			c.Classes, changed = b.Classes, true
		}
		out.Content.Penalty = &c
	}
	if a, b := was.Content.Determination, next.Content.Determination; a != nil && b != nil && r.Content.Determination != nil {
		c := *r.Content.Determination
		differ(&changed, &c.Basis, a.Basis, b.Basis)
		out.Content.Determination = &c
	}
	if !changed {
		return nil, nil
	}
	out.CollectedAt = now.UTC()
	return &out, nil
}

// differ changes a field where the readings differ.
func differ[T comparable](changed *bool, field *T, was, next T) {
	if was != next {
		*field, *changed = next, true
	}
}
