package function

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"ipcredit/shared/door"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/ident"
	"ipcredit/shared/linkage"
	"ipcredit/shared/page"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// filters are what the pages' addresses may say, beside the page of a list.
var filters = []string{"kind", "district", "from", "to", "year", "list", "agency", "holder"}

// signed wraps a page for officers who may see figures.
func (d *desk) signed(h door.Handler) fn.Handler {
	return d.door.Signed(func(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
		if !a.May(staff.ReportRead, d.env.Now()) {
			return fault.New(fault.Forbidden, "staff.can.role")
		}
		return h(w, r, a)
	})
}

// narrowed reads what the address of a page says.
func narrowed(q url.Values) (linkage.Filter, error) {
	f, err := cohort(q)
	if err != nil {
		return f, err
	}
	f.Kind = linkage.Patent
	if kind := linkage.Kind(q.Get("kind")); kind != "" {
		if !slices.Contains(linkage.Kinds, kind) {
			return f, wrong("kind")
		}
		f.Kind = kind
	}
	if holder := linkage.Holder(q.Get("holder")); holder != "" {
		if !slices.Contains(linkage.Holders, holder) {
			return f, wrong("holder")
		}
		f.Holder = holder
	}
	if text := q.Get("year"); text != "" {
		year, err := strconv.Atoi(text)
		if err != nil || year < 1985 || year > 9999 {
			return f, wrong("year")
		}
		first, last := workday.MustDate(text+"-01-01"), workday.MustDate(text+"-12-31")
		f.From = workday.Max(f.From, first)
		if f.To.IsZero() || f.To.After(last) {
			f.To = last
		}
	}
	f.List, f.Agency = q.Get("list"), q.Get("agency")
	return f, nil
}

func wrong(field string) error {
	return fault.New(fault.Invalid, "summary-report.choice").With(field, "summary-report.choice")
}

// base is what every page of this function shows.
type base struct {
	*page.Form
	Actor     staff.Actor
	Links     []navLink
	Kind      linkage.Kind
	Districts []option
	Narrow    []chosen // what narrows the figures, with the way back
}

type navLink struct {
	Href, Key string
	Here      bool
}

type option struct{ Value, Text, Hint string }

// chosen is one filter in force.
type chosen struct{ Label, Value, Href string }

func (d *desk) base(r *http.Request, a staff.Actor, f linkage.Filter) base {
	q := known(r.URL.Query(), filters)
	b := base{Form: page.NewForm(q), Actor: a, Kind: f.Kind}
	for _, x := range []struct{ target, key string }{{"/", "summary-report.nav.rate"}, {"/pending", "summary-report.nav.pending"}} {
		b.Links = append(b.Links, navLink{d.pages.URL(r, x.target, q), x.key, r.URL.Path == x.target})
	}
	for _, area := range ident.Areas(d.env.Now()) {
		if area.Kind != ident.Province && area.Kind != ident.City {
			b.Districts = append(b.Districts, option{Value: area.Code, Text: area.Name})
		}
	}
	lang := fn.Lang(r)
	for _, name := range []string{"year", "list", "agency", "holder"} {
		value := q.Get(name)
		if value == "" {
			continue
		}
		without := url.Values{}
		for k, v := range q {
			if k != name {
				without[k] = v
			}
		}
		b.Narrow = append(b.Narrow, chosen{page.Say(lang, "linkage.by."+name), d.called(r.Context(), lang, linkage.Dimension(name), value), d.pages.URL(r, r.URL.Path, without)})
	}
	return b
}

// called is what a key of a dimension is called.
func (d *desk) called(ctx context.Context, lang page.Lang, by linkage.Dimension, key string) string {
	switch by {
	case linkage.ByHolder:
		return page.Say(lang, "linkage.holder."+key)
	case linkage.ByDivision:
		if area, ok := ident.AreaOf(key); ok {
			return area.Name
		}
	case linkage.ByAgency:
		if key == linkage.NoAgency {
			return page.Say(lang, "summary-report.no_agency")
		}
		if found, err := d.agencies.Agency(ctx, key); err == nil {
			return found.Name + " " + key
		}
	}
	return key
}

type ratePage struct {
	base
	Total  figure
	Target linkage.Target
	Rule   ruleset.Rule
	Tables []breakdown
	Alarms []alarm
	// MayExport says that the officer may take the figures out as a file.
	MayExport bool
	Today     workday.Date
}

// figure is the counts with how they are shown.
type figure struct {
	linkage.Counts
	Reached  *bool
	Share    string // withdrawal rate in per cent, "" where it does not apply
	Disposal string
}

// Missed tells whether the target is missed; nothing notified misses nothing.
func (f figure) Missed() bool { return f.Reached != nil && !*f.Reached }

// Kept tells whether the target is reached.
func (f figure) Kept() bool { return f.Reached != nil && *f.Reached }

func figureOf(c linkage.Counts, t linkage.Target) figure {
	return figure{c, c.Reached(t), percent(c.Withdrawn, c.Notified), percent(c.Disposed(), c.Notified)}
}

// breakdown is one table of figures.
type breakdown struct {
	By   linkage.Dimension
	Rows []line
	More int // lines left out
}

type line struct {
	figure
	Name       string
	Href       string
	Cumulative *figure
}

// alarm is a district or list whose rate is below the target.
type alarm struct {
	By   linkage.Dimension
	Name string
	figure
}

// mostLines bounds a table; what is left out is reached by narrowing.
const mostLines = 100

// index shows the figures by every dimension, narrowed as the address says.
func (d *desk) index(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	f, err := narrowed(r.URL.Query())
	refusal, refused := fault.Of(err)
	if err != nil && !refused {
		return err
	}
	status := http.StatusOK
	p := ratePage{base: d.base(r, a, f), Today: workday.DateOf(d.env.Now())}
	if p.Target, p.Rule, err = linkage.TargetOn(linkage.Rules{}, p.Today); err != nil {
		return err
	}
	if refused {
		status = fn.Status(refusal.Kind)
		p.Form = page.NewForm(r.URL.Query()).Refuse(fn.Lang(r), refusal)
		return d.pages.Show(w, r, status, "index", p)
	}
	if p, err = d.figures(r, a, f, r.URL.Query()); err != nil {
		return err
	}
	return d.pages.Show(w, r, status, "index", p)
}

// figures are the page of what is narrowed so; q is what it was narrowed by.
func (d *desk) figures(r *http.Request, a staff.Actor, f linkage.Filter, q url.Values) (ratePage, error) {
	p := ratePage{base: d.base(r, a, f), Today: workday.DateOf(d.env.Now()), MayExport: a.May(staff.ExportMake, d.env.Now())}
	p.Form = page.NewForm(q)
	var err error
	if p.Target, p.Rule, err = linkage.TargetOn(linkage.Rules{}, p.Today); err != nil {
		return p, err
	}
	total, err := d.linkage.Total(r.Context(), a, f, d.env.Now())
	if err != nil {
		return p, err
	}
	p.Total = figureOf(total, p.Target)
	for _, by := range linkage.Dimensions {
		figures, err := d.linkage.Rates(r.Context(), a, f, by, d.env.Now())
		if err != nil {
			return p, err
		}
		t := d.breakdown(r, by, figures, p.Target)
		p.Tables = append(p.Tables, t)
		if by == linkage.ByDivision || by == linkage.ByList {
			for _, x := range t.Rows {
				if x.Missed() && f.Kind == linkage.Patent {
					p.Alarms = append(p.Alarms, alarm{by, x.Name, x.figure})
				}
			}
		}
	}
	return p, nil
}

func (d *desk) breakdown(r *http.Request, by linkage.Dimension, figures []linkage.Figure, t linkage.Target) breakdown {
	out := breakdown{By: by}
	if len(figures) > mostLines {
		out.More = len(figures) - mostLines
		figures = figures[:mostLines]
	}
	lang := fn.Lang(r)
	for _, x := range figures {
		q := known(r.URL.Query(), filters)
		name := string(by)
		if by == linkage.ByDivision {
			name = "district"
		}
		q.Set(name, x.Key)
		l := line{figure: figureOf(x.Counts, t), Name: d.called(r.Context(), lang, by, x.Key), Href: d.pages.URL(r, "/", q)}
		if by == linkage.ByDivision && x.Key == d.env.City {
			l.Href = "" // the city's code asks for all of it
		}
		if x.Cumulative != nil {
			c := figureOf(*x.Cumulative, t)
			l.Cumulative = &c
		}
		out.Rows = append(out.Rows, l)
	}
	return out
}

// ByYear tells whether the table has a cumulative column.
func (b breakdown) ByYear() bool { return b.By == linkage.ByYear }

// KindOptions are the kinds to choose from.
func (b base) KindOptions(lang page.Lang) []option {
	var out []option
	for _, k := range linkage.Kinds {
		out = append(out, option{Value: string(k), Text: page.Say(lang, "linkage.kind."+string(k))})
	}
	return out
}

// Marks tells whether trademarks are shown, which the target is not about.
func (b base) Marks() bool { return b.Kind == linkage.Mark }

type pendingPage struct {
	base
	Rows  []pendingRow
	Total int
	Next  string
	Today workday.Date
}

type pendingRow struct {
	linkage.Row
	Area string
	Late bool // the reply deadline has passed
}

// pageSize is how many lines a list has.
const pageSize = 50

// pending lists applications without outcome by reply deadline. It names no
// applicant and no agency: it says what is due, not whom to press.
func (d *desk) pending(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	f, err := narrowed(r.URL.Query())
	refusal, refused := fault.Of(err)
	if err != nil && !refused {
		return err
	}
	p := pendingPage{base: d.base(r, a, f), Today: workday.DateOf(d.env.Now())}
	if refused {
		p.Form = page.NewForm(r.URL.Query()).Refuse(fn.Lang(r), refusal)
		return d.pages.Show(w, r, fn.Status(refusal.Kind), "pending", p)
	}
	rows, next, total, err := d.linkage.Pending(r.Context(), a, f, strings.TrimSpace(r.URL.Query().Get("cursor")), pageSize, d.env.Now())
	if err != nil {
		return err
	}
	p.Total = total
	for _, x := range rows {
		p.Rows = append(p.Rows, pendingRow{x, d.called(r.Context(), fn.Lang(r), linkage.ByDivision, x.Division), !x.Reply.IsZero() && x.Reply.Before(p.Today)})
	}
	if next != "" {
		q := known(r.URL.Query(), filters)
		q.Set("cursor", next)
		p.Next = d.pages.URL(r, "/pending", q)
	}
	return d.pages.Show(w, r, http.StatusOK, "pending", p)
}
