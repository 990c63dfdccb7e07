package function

import (
	"net/http"
	"net/url"
	"slices"

	"ipcredit/shared/casework"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/ident"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
	"ipcredit/shared/workday"
)

// caseListPage is the queue. Its address holds all its filters.
type caseListPage struct {
	base
	Rows     []caseLine
	Next     string
	Views    []option
	States   []option
	Kinds    []option
	Handlers []option
	Units    []option
	Bases    []casework.Clock
	// Narrowed says that a filter besides the view is set: the form stands open.
	Narrowed bool
	// Do are the bulk actions the officer may choose.
	Do []string
	// Back is the query of this list, for the way back after a bulk action.
	Back string
	// All is the address of this page with every line chosen, or with none.
	All     string
	Chosen  bool
	MayOpen bool // a case of his own
	MayRead bool // see the templates of answers and documents
	Export  string
}

// caseViews are the views of the queue, in the order in which they are offered.
var caseViews = []string{"", "mine", "unassigned", "overdue", "soon", "offered", "closed"}

// caseFilterFields are what narrows the list besides the view.
var caseFilterFields = []string{"state", "kind", "handler", "due", "tag", "campaign", "unit", "q"}

// caseFilter reads the address. What is typed as one search is a credit code, an
// application or mark number, or the number of a tip-off.
func (d *desk) caseFilter(q url.Values, a staff.Actor, cal workday.Calendar) (casework.Filter, error) {
	wrong := func(field string) error {
		return fault.New(fault.Invalid, "case-handling.filter").With(field, "case-handling.filter")
	}
	today := d.today()
	f := casework.Filter{
		State: casework.State(q.Get("state")), Kind: casework.Kind(q.Get("kind")), Handler: q.Get("handler"), Unit: q.Get("unit"),
		Tag: fieldText(q, "tag"), Campaign: fieldText(q, "campaign"), Cursor: q.Get("cursor"), Limit: pageSize,
	}
	switch {
	case f.State != "" && !slices.Contains(casework.States(), f.State):
		return f, wrong("state")
	case f.Kind != "" && !slices.Contains(casework.Kinds(), f.Kind):
		return f, wrong("kind")
	}
	switch q.Get("show") {
	case "":
	case "mine":
		if f.Handler == "" {
			f.Handler = a.User.ID
		}
	case "unassigned":
		f.Unassigned = true
	case "overdue":
		f.DueBy = today.AddDays(-1)
	case "soon":
		f.DueBy = cal.AddWorkdays(today, soon).Due
	case "offered":
		f.Offered = true
	case "closed":
		f.Closed = true
	default:
		return f, wrong("show")
	}
	by, err := date(q, "due")
	if err != nil {
		return f, err
	}
	if !by.IsZero() && (f.DueBy.IsZero() || by.Before(f.DueBy)) {
		f.DueBy = by
	}
	return f, search(&f, fieldText(q, "q"))
}

// search tells by its form what was typed.
func search(f *casework.Filter, s string) error {
	if s == "" {
		return nil
	}
	if code, err := ident.ParseUSCC(s); err == nil {
		f.Party = string(code)
		return nil
	}
	if _, err := ident.ParseApplication(s); err == nil {
		f.Application = s
		return nil
	}
	if no, err := tipoff.ParseNumber(s); err == nil {
		f.Tipoff = no
		return nil
	}
	if _, err := ident.ParseTrademark(s); err == nil {
		f.Application = s
		return nil
	}
	return fault.New(fault.Invalid, "cases.search").With("q", "cases.search")
}

// caseList shows the officer's queue: what his unit has, and to those who
// supervise the clear part of the divisions beneath.
func (d *desk) caseList(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	q, ctx, lang := r.URL.Query(), r.Context(), fn.Lang(r)
	if no := fieldText(q, "q"); caseForm.MatchString(no) {
		return d.see(w, r, "/cases", no)
	}
	p := caseListPage{base: d.casesBase(r, a)}
	p.Form = page.NewForm(q)
	x, err := d.newLines(r)
	if err != nil {
		return err
	}
	status := http.StatusOK
	f, err := d.caseFilter(q, a, x.calendar)
	var rows []casework.Row
	var next string
	if err == nil {
		rows, next, err = d.cases.List(ctx, a, f, d.env.Now())
	}
	if got, ok := fault.Of(err); ok && got.Kind == fault.Invalid {
		// A filter that is none is said beside it, and nothing is listed.
		p.Form.Refuse(lang, got)
		status = fn.Status(got.Kind)
	} else if err != nil {
		return err
	}
	p.Chosen = q.Get("choose") == "all"
	for _, row := range rows {
		line := x.of(row)
		line.Checked = p.Chosen && line.MayOpen
		p.Rows = append(p.Rows, line)
	}
	p.Bases = basesOf(p.Rows, func(l caseLine) *casework.Clock { return l.Clock })
	for _, field := range caseFilterFields {
		p.Narrowed = p.Narrowed || q.Get(field) != ""
	}
	d.caseListOptions(r, a, &p)
	q.Del("done")
	p.Back = kept(q).Encode()
	if next != "" {
		more := kept(q)
		more.Set("cursor", next)
		p.Next = d.pages.URL(r, "/cases", more)
	}
	all := kept(q)
	if !p.Chosen {
		all.Set("choose", "all")
	}
	p.All = d.pages.URL(r, "/cases", all)
	if a.May(staff.ExportMake, d.env.Now()) {
		p.Export = d.pages.URL(r, "/cases/export", kept(q))
	}
	return d.pages.Show(w, r, status, "cases", p)
}

// kept is what of a query leads to the same list.
func kept(q url.Values) url.Values {
	out := url.Values{}
	for _, name := range append(slices.Clone(caseFilterFields), "show", "cursor") {
		if v := q.Get(name); v != "" {
			out.Set(name, v)
		}
	}
	return out
}

func (d *desk) caseListOptions(r *http.Request, a staff.Actor, p *caseListPage) {
	lang, now := fn.Lang(r), d.env.Now()
	for _, v := range caseViews {
		q := url.Values{}
		if v != "" {
			q.Set("show", v)
		}
		name := v
		if v == "" {
			name = "open"
		}
		p.Views = append(p.Views, option{Value: v, Text: page.Say(lang, "cases.show."+name), Hint: d.pages.URL(r, "/cases", q)})
	}
	p.States = options(lang, "casework.state.", casework.States())
	p.Kinds = options(lang, "tipoff.kind.", casework.Kinds())
	units := a.Units(staff.CaseRead, now)
	for _, u := range a.Units(staff.CaseSupervise, now) {
		if !slices.Contains(units, u) {
			units = append(units, u)
		}
	}
	if len(units) > 1 {
		for _, u := range units {
			p.Units = append(p.Units, option{Value: u, Text: d.unitName(r.Context(), u)})
		}
	}
	p.Handlers = d.handlerOptions(r, a)
	for _, do := range bulkActions {
		if a.May(do.right, now) {
			p.Do = append(p.Do, do.name)
		}
	}
	p.MayOpen, p.MayRead = a.May(staff.CaseIntake, now), a.May(staff.CaseRead, now)
}

// handlerOptions are the people of the officer's own organisation who handle
// cases. A list that cannot be read costs the filter only.
func (d *desk) handlerOptions(r *http.Request, a staff.Actor) []option {
	members, err := d.staff.Members(r.Context(), a.Org.ID)
	if err != nil {
		return nil
	}
	var out []option
	for _, u := range members {
		if u.Disabled {
			continue
		}
		who := staff.Actor{User: u, Org: a.Org}
		if who.May(staff.CaseHandle, d.env.Now()) {
			out = append(out, option{Value: u.ID, Text: u.Name})
		}
	}
	return out
}
