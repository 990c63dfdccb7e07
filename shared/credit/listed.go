package credit

import (
	"slices"

	"ipcredit/shared/catalog"
)

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
