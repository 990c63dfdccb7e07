package function

import (
	"net/http"
	"slices"

	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
	"ipcredit/shared/workday"
)

type retentionPage struct {
	base
	Rows []retainedLine
	// Bases are the provisions that the days rest on, each once.
	Bases []tipoff.Clock
}

type retainedLine struct {
	Number, Href string
	Unit         string
	State        tipoff.State
	Due          workday.Date
	Left         int // days
	Erase        bool
	Clock        tipoff.Clock
	MayErase     bool
	EraseHref    string
	HoldHref     string
}

// retention lists what is to be erased, and what will be before long. Erasing is
// for the head, never for who handled it: two people know of it.
func (d *desk) retention(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	due, err := d.office.RetentionDue(r.Context(), a, d.env.Now())
	if err != nil {
		return err
	}
	p := retentionPage{base: d.base(r, a)}
	for _, x := range due {
		line := retainedLine{
			Number: tipoff.FormatNumber(x.Report.Number), Href: d.pages.URL(r, "/tip-offs", x.Report.Number),
			Unit: d.unitName(r.Context(), x.Report.Unit), State: x.Report.State, Due: x.Clock.Due, Left: d.today().DaysUntil(x.Clock.Due),
			Erase: x.Erase, Clock: x.Clock, MayErase: a.May(staff.CaseApprove, d.env.Now()),
			EraseHref: d.pages.URL(r, "/tip-offs", x.Report.Number, "erase"), HoldHref: d.pages.URL(r, "/tip-offs", x.Report.Number, "hold"),
		}
		p.Rows = append(p.Rows, line)
		if !slices.ContainsFunc(p.Bases, func(c tipoff.Clock) bool { return c.Rule == x.Clock.Rule }) {
			p.Bases = append(p.Bases, x.Clock)
		}
	}
	return d.pages.Show(w, r, http.StatusOK, "retention", p)
}
