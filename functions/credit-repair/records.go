package function

import (
	"net/http"
	"slices"

	"ipcredit/shared/catalog"
	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/inquiry"
	"ipcredit/shared/page"
	"ipcredit/shared/repair"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// recordRoutes are a subject's own record: what stands against it, who looked at
// it, and its reports.
func (d *desk) recordRoutes(m *fn.Mux) {
	m.Handle("GET /{$}", d.signed(d.home))
	m.Handle("GET /records", d.signed(d.records))
	m.Handle("GET /records/{id}", d.signed(d.record))
	m.Handle("GET /records/{id}/notice", d.signed(d.notice))
	m.Handle("GET /queries", d.signed(d.queries))
	m.Handle("POST /report", d.signed(d.report))
}

// home leads to the side of who signed in.
func (d *desk) home(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if a.Org.Kind == staff.Subject {
		return d.see(w, r, "/records")
	}
	return d.see(w, r, "/desk")
}

type recordsPage struct {
	base
	Profile credit.Profile
	Lines   []repair.Line
	Other   []credit.Shown // licences, commendations and what else is favourable
	// Effects are the measures that each record brings, by its id.
	Effects map[string][]credit.Effect
	// Good is how it stands with three good years; Years tells that there is a rule.
	Good  credit.Good
	Years bool
	// May tells that an application can be filed now.
	May bool
}

// records lists what is displayed about the subject, each with why, until when, who
// decides and what can be done.
func (d *desk) records(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	p, err := d.recordsPage(r, a)
	if err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "repair-records", p)
}

func (d *desk) recordsPage(r *http.Request, a staff.Actor) (recordsPage, error) {
	p := recordsPage{base: d.base(r, a), Effects: map[string][]credit.Effect{}}
	var err error
	now := d.env.Now()
	p.Profile, p.Lines, err = d.repair.Lines(r.Context(), a, now)
	if err != nil {
		return p, err
	}
	rules, err := d.repair.Rules(r.Context())
	if err != nil {
		return p, err
	}
	visible, _ := rules.Law.Show(p.Profile.Records, now)
	for _, s := range visible {
		if !s.Adverse {
			p.Other = append(p.Other, s)
		}
		p.Effects[s.ID] = rules.Law.Effects(s, workday.DateOf(now))
	}
	p.Good, p.Years = rules.Law.GoodYears(p.Profile.Records, now)
	p.May = slices.ContainsFunc(p.Lines, func(l repair.Line) bool { return l.Standing.May() && l.Open == "" }) && a.May(staff.RepairFile, d.env.Now())
	return p, nil
}

type recordPage struct {
	base
	// Rules are those applied to its display and its repair, each once.
	Rules []ruleset.Rule
	Line  repair.Line
	// Effects are the measures it brings; Item is the catalogue's item it stands on.
	Effects []credit.Effect
	Item    *catalog.Item
	// Papers are those that its application would need.
	Papers []repair.Paper
	Name   string
	Code   string
	Today  workday.Date
	May    bool
	law    repair.Rules
}

// Ground is the provision that a reason against its repair stands on.
func (p recordPage) Ground(reason repair.Reason) repair.Ground {
	g, _ := p.law.Ground(reason.Code, p.Line.Standing.Route, p.Today)
	return g
}

// one finds a record that is displayed: a subject's own, or for an officer that of
// the subject named by the query.
func (d *desk) one(r *http.Request, a staff.Actor) (recordPage, error) {
	p := recordPage{base: d.base(r, a), Today: workday.DateOf(d.env.Now())}
	var profile credit.Profile
	var lines []repair.Line
	var err error
	if a.Org.Kind == staff.Subject {
		profile, lines, err = d.repair.Lines(r.Context(), a, d.env.Now())
	} else {
		profile, lines, err = d.repair.LinesOf(r.Context(), a, r.URL.Query().Get("code"), d.env.Now())
	}
	if err != nil {
		return p, err
	}
	i := slices.IndexFunc(lines, func(l repair.Line) bool { return l.ID == r.PathValue("id") })
	if i < 0 {
		return p, fault.New(fault.NotFound, "credit.no_record")
	}
	rules, err := d.repair.Rules(r.Context())
	if err != nil {
		return p, err
	}
	p.Line, p.Name, p.Code, p.law = lines[i], profile.Subject.Name, profile.Subject.Code, rules
	p.Effects = rules.Law.Effects(p.Line.Shown, p.Today)
	if item, ok := rules.Law.Catalog().Ref(p.Line.Item); ok {
		p.Item = &item
	}
	for _, rule := range slices.Concat(p.Line.Standing.Rules, p.Line.Shown.Applied) {
		if !slices.ContainsFunc(p.Rules, func(have ruleset.Rule) bool { return have.Ref() == rule.Ref() }) {
			p.Rules = append(p.Rules, rule)
		}
	}
	p.May = p.Line.Standing.May() && p.Line.Open == "" && a.May(staff.RepairFile, d.env.Now())
	if p.Line.Standing.Route != "" {
		p.Papers, err = rules.Needed(repair.Application{Route: p.Line.Standing.Route, FiledOn: p.Today})
	}
	return p, err
}

func (d *desk) record(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	p, err := d.one(r, a)
	if err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "repair-record", p)
}

// notice is the 信用修复告知书 of a record, which is served together with the
// decision (两书同达).
func (d *desk) notice(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	p, err := d.one(r, a)
	if err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "repair-notice", p)
}

type queriesPage struct {
	base
	Entries []inquiry.Entry
	Next    string
	Had     []workday.Date
	Free    int
}

// Left is how many reports the year still has.
func (p queriesPage) Left() int { return max(0, p.Free-len(p.Had)) }

// pageSize is how many lines a list shows at a time.
const pageSize = 50

// queries tells the subject who looked at its non-public data, by day.
func (d *desk) queries(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	p, err := d.queriesPage(r, a)
	if err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "repair-queries", p)
}

func (d *desk) queriesPage(r *http.Request, a staff.Actor) (queriesPage, error) {
	p := queriesPage{base: d.base(r, a)}
	var err error
	if p.Had, p.Free, err = d.repair.Reports(r.Context(), a, d.env.Now()); err != nil {
		return p, err
	}
	p.Entries, p.Next, err = d.inquiries.Visible(r.Context(), a.Org.Code, r.URL.Query().Get("cursor"), pageSize)
	return p, err
}

// reportPageSize is how many lookups a report reads at a time.
const reportPageSize = 200

type reportPage struct {
	recordsPage
	Entries []inquiry.Entry
	N       int
	Now     workday.Date
}

// report is one of the year's free reports, to be printed.
func (d *desk) report(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	n, err := d.repair.TakeReport(r.Context(), a, d.env.Now())
	if fault.Is(err, fault.Conflict) && fn.WantsHTML(r) {
		p, e := d.queriesPage(r, a)
		if e != nil {
			return e
		}
		f, _ := fault.Of(err)
		p.Form = page.NewForm(nil).Refuse(fn.Lang(r), f)
		return d.pages.Show(w, r, http.StatusConflict, "repair-queries", p)
	}
	if err != nil {
		return err
	}
	list, err := d.recordsPage(r, a)
	if err != nil {
		return err
	}
	p := reportPage{recordsPage: list, N: n, Now: workday.DateOf(d.env.Now())}
	for cursor := ""; ; { // a report is whole, however many looked
		list, next, err := d.inquiries.Visible(r.Context(), a.Org.Code, cursor, reportPageSize)
		if err != nil {
			return err
		}
		if p.Entries = append(p.Entries, list...); next == "" {
			break
		}
		cursor = next
	}
	return d.pages.Show(w, r, http.StatusOK, "repair-report", p)
}
