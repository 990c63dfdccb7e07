package credit

import (
	"slices"

	"ipcredit/shared/catalog"
)

// Acts are the acts of dishonesty that a determination can be about: the law's, and
// what officers added to the catalogue.
func (l *Law) Acts() []string {
	return append(slices.Clone(acts), l.catalog.Added(false)...)
}

// Listable are what disclosures can be listed by, as strangers may know it: Acts
// with what officers added for the public.
func (l *Law) Listable() []string {
	kinds := len(acts)
	return slices.Concat(Acts[:kinds], l.catalog.Added(true), Acts[kinds:])
}

// listed holds the record against the catalogue's item in force on the day of its
// document: without one it cannot become a record. The item narrows the channel,
// and gives the tier where the document names none.
func (p *parser) listed(kind Kind, r *Record) {
	field := "act"
	if r.Act == "" {
		field, r.Act = "determinedOn", string(kind)
	}
	if p.bad["act"] || r.DeterminedOn.IsZero() {
		return
	}
	item, ok := p.law.catalog.Item(r.Act, r.DeterminedOn)
	switch {
	case !ok:
		p.add(field, "credit.not_in_catalogue", r.Act, r.DeterminedOn.String())
		return
	case !slices.Contains(item.Kinds, kind):
		p.add(field, "credit.kind_not_in_catalogue", r.Act)
		return
	case r.Authority != "" && !slices.Contains(item.Sources, r.Source):
		p.add("authority", "credit.source_not_in_catalogue", r.Act)
		return
	}
	r.Item = item.Ref()
	r.Channel = catalog.Narrower(r.Channel, item.Channel)
	if r.Tier == "" {
		r.Tier = item.Tier
	}
}
