package function

import (
	"net/http"
	"net/url"
	"slices"

	"ipcredit/shared/casework"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
)

// mayFile tells whether the tip-off can become a case from here.
func mayFile(r row) bool { return slices.Contains(r.Report.Next(), tipoff.CaseFiled) }

// mayTransfer tells whether it can go to a body outside.
func mayTransfer(r row) bool { return slices.Contains(r.Report.Next(), tipoff.Transferred) }

// tipTransfer is the form of states with the transfer chosen: to the province
// where only the province may punish (专利代理条例第二十七条).
func (d *desk) tipTransfer(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	o, err := d.mustOpened(r, a)
	if err != nil {
		return err
	}
	q := url.Values{"to": {string(tipoff.Transferred)}}
	if o.Report.Kind == tipoff.UnlicensedAgency {
		q.Set("body", page.Say(page.ZH, "cases.province"))
	}
	return d.see(w, r, "/tip-offs", o.Report.Number, "state", q)
}

// findTip opens the tip-off that is to become a case, and tells whether this
// officer may open one now.
func (d *desk) findTip(r *http.Request, a staff.Actor) (tipoff.Opened, row, error) {
	o, err := d.mustOpened(r, a)
	if err != nil {
		return o, row{}, err
	}
	got := d.row(r.Context(), o.Row)
	for _, x := range actions {
		if x.Name == "case" {
			err = d.may(r.Context(), a, x, got.Report)
		}
	}
	if err == nil && !mayFile(got) {
		err = fault.New(fault.Conflict, "case-handling.not_now")
	}
	return o, got, err
}

func (d *desk) tipCasePage(r *http.Request, a staff.Actor, got row, values url.Values, parties, people int) (p caseNewPage, err error) {
	p = caseNewPage{
		base: d.casesBase(r, a), Ticket: ticket(), Today: d.today().String(), Tip: got.Number(), Number: got.Report.Number, Version: got.Version,
	}
	p.Form = page.NewForm(values)
	p.Draft, err = d.draftOptions(r, a, p.Form, parties, people)
	return p, err
}

// tipCaseForm is 立案 from a tip-off: what is known of it stands in the form.
func (d *desk) tipCaseForm(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	o, got, err := d.findTip(r, a)
	if err != nil {
		return err
	}
	dr := casework.DraftOf(o)
	values := formOfDraft(dr)
	values.Set("answer", page.Say(page.ZH, "case-handling.template.filed"))
	p, err := d.tipCasePage(r, a, got, values, len(dr.Parties), len(dr.People))
	if err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "case-new", p)
}

// tipCase decides to open a case: the tip-off's state, the word to the reporter
// and the case are one change.
func (d *desk) tipCase(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	ctx, now := r.Context(), d.env.Now()
	if again, err := d.wasSent(ctx, a, r.PostForm.Get("ticket")); err != nil {
		return err
	} else if again {
		no, err := number(r)
		if err != nil {
			return err
		}
		return d.see(w, r, "/tip-offs", no, done("case"))
	}
	o, got, err := d.findTip(r, a)
	if err != nil {
		return err
	}
	again := func(why error) error {
		if fault.Is(why, fault.Forbidden) {
			return why
		}
		p, perr := d.tipCasePage(r, a, got, r.PostForm, rowsOf(r.PostForm, "parties"), rowsOf(r.PostForm, "people"))
		if perr != nil {
			return perr
		}
		status, err := refused(r, &p.base, why)
		if err != nil {
			return err
		}
		return d.pages.Show(w, r, status, "case-new", p)
	}
	switch seen := formVersion(r); {
	case seen == "":
		return again(fault.New(fault.Invalid, "case-handling.no_version"))
	case seen != got.Version:
		return again(fault.New(fault.Stale, "case-handling.stale"))
	}
	dr, err := draftOfForm(r.PostForm)
	if err != nil {
		return again(err)
	}
	dr.Source, dr.Received = casework.FromTip, o.Report.Day
	opening, err := d.cases.FromTipoff(ctx, a, o.Report, dr, now)
	if err != nil {
		return again(nearField(fn.Lang(r), r.PostForm, err))
	}
	c := caseCall{r: r, who: a, lang: fn.Lang(r)}
	err = d.telling(ctx, got, true, func() error {
		return d.office.ChangeState(ctx, a, got.Report.Number, tipoff.Change{
			To: tipoff.CaseFiled, From: got.Report.State, Answer: c.text("answer"), With: opening.With,
		}, now)
	})
	if err != nil {
		return again(err)
	}
	if err := d.sent(ctx, a, r.PostForm.Get("ticket")); err != nil {
		return err
	}
	return d.see(w, r, "/cases", opening.Case.Number, done("case"))
}

// casesOf are the cases that a tip-off led to, as its page links them.
func (d *desk) casesOf(r *http.Request, number string) ([]caseLink, error) {
	list, err := d.cases.OfTipoff(r.Context(), number)
	if err != nil {
		return nil, err
	}
	var out []caseLink
	for _, no := range list {
		out = append(out, caseLink{Href: d.pages.URL(r, "/cases", no), Text: no})
	}
	return out, nil
}
