package function

import (
	"net/http"
	"net/url"
	"slices"

	"ipcredit/shared/clock"
	"ipcredit/shared/credit"
	"ipcredit/shared/disclosure"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/page"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/sheet"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// noticeRoutes are the officers' pages of what is published and by whom.
func (d *desk) noticeRoutes(m *fn.Mux) {
	m.Handle("GET /notices", d.signed(d.noticeList))
	m.Handle("GET /notices/new", d.signed(d.noticeNew))
	m.Handle("POST /notices", d.signed(d.noticeBegin))
	m.Handle("POST /notices/adopt", d.signed(d.noticeAdopt))
	m.Handle("GET /notices/{id}", d.signed(d.noticePage))
	m.Handle("GET /notices/{id}/print", d.signed(d.noticePrint))
	m.Handle("GET /notices/{id}/{step}", d.signed(d.noticeForm))
	m.Handle("POST /notices/{id}/{step}", d.signed(d.noticeDo))
}

// office is what every page for officers shows.
type office struct {
	*page.Form
	Actor staff.Actor
	Done  string // catalogue key of what was done
}

func (d *desk) office(r *http.Request, a staff.Actor) office {
	o := office{Form: page.NewForm(nil), Actor: a}
	if key := "disclosure.step." + r.URL.Query().Get("done"); page.Has(key) {
		o.Done = key
	}
	return o
}

// noticeList lists what the actor's divisions publish.
func (d *desk) noticeList(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	return d.noticesPage(w, r, a, nil)
}

func (d *desk) noticesPage(w http.ResponseWriter, r *http.Request, a staff.Actor, refused *fault.Error) error {
	now := d.env.Now()
	if !a.May(staff.NoticeDraft, now) && !a.May(staff.NoticeApprove, now) && !a.May(staff.NoticePublish, now) && !a.May(staff.RecordRead, now) {
		return fault.New(fault.Forbidden, "staff.can.role")
	}
	state := disclosure.State(r.URL.Query().Get("state"))
	if !slices.Contains(disclosure.States(), state) {
		state = "" // a filter that is none shows everything
	}
	list, next, err := d.notices.List(r.Context(), a, state, r.URL.Query().Get("cursor"), now)
	if err != nil {
		return err
	}
	v := struct {
		office
		States []disclosure.State
		State  disclosure.State
		Rows   []noticeRow
		Next   string
		Drafts bool
		// Catalog tells that the reader has a part in the catalogue.
		Catalog bool
	}{Catalog: d.catalog.MayRead(a, now) == nil, office: d.office(r, a), States: disclosure.States(), State: state, Drafts: len(d.notices.Divisions(a, now)) > 0}
	if next != "" {
		v.Next = d.pages.URL(r, "/notices", url.Values{"state": {string(state)}, "cursor": {next}})
	}
	for _, n := range list {
		clocks, err := d.notices.Clocks(r.Context(), n, now)
		if err != nil {
			return err
		}
		row := noticeRow{Notice: n}
		if c, ok := clock.Next(clocks); ok {
			row.Clock, row.Overdue = &c, c.Overdue(workday.DateOf(now))
		}
		v.Rows = append(v.Rows, row)
	}
	status := http.StatusOK
	if refused != nil {
		v.Form = page.NewForm(r.PostForm).Refuse(fn.Lang(r), refused)
		status = fn.Status(refused.Kind)
	}
	return d.pages.Show(w, r, status, "notices", v)
}

// noticeRow is a notice in the list.
type noticeRow struct {
	disclosure.Notice
	Clock   *clock.Clock
	Overdue bool
}

// Tone colours the state.
func (noticeRow) Tone(s disclosure.State) string { return noticeTones[s] }

var noticeTones = map[disclosure.State]string{
	disclosure.Draft: "grey", disclosure.Submitted: "blue", disclosure.Approved: "blue", disclosure.Published: "green",
	disclosure.Withdrawn: "red", disclosure.Discarded: "grey",
}

// noticeView is the page of one notice, and of a step that needs a form.
type noticeView struct {
	office
	noticeRow
	Facts  []credit.Fact
	Steps  []disclosure.Step
	Clocks []clock.Clock
	Today  workday.Date
	Window workday.Date
	Rule   ruleset.Rule
	// ConsentNeeded tells that the level above must agree, by ConsentRule.
	ConsentNeeded bool
	ConsentRule   ruleset.Rule
	// PenaltyNeeded tells that it rests on a heavier penalty, by PenaltyRule.
	PenaltyNeeded bool
	PenaltyRule   ruleset.Rule
	Fate          credit.Fate
	People        map[string]string
	Step          disclosure.Step
	Reason        []string
	Replies       []disclosure.Reply
	// Conflict says that somebody else changed the notice while this was typed.
	Conflict bool
}

// Area is the division's name.
func (v noticeView) Area() string { return areaName(v.Division) }

// PenaltyNo is the number of the penalty that a listing rests on.
func (v noticeView) PenaltyNo() string { return v.Values[disclosure.PenaltyField] }

// View is the notice's view, its clocks among it.
func (d *desk) notice(r *http.Request, a staff.Actor, n disclosure.Notice) (noticeView, error) {
	now := d.env.Now()
	v := noticeView{
		office: d.office(r, a), noticeRow: noticeRow{Notice: n}, Facts: n.Record.Content.Facts(), Steps: d.notices.Open(r.Context(), a, n, now),
		Today: workday.DateOf(now), Reason: disclosure.Reasons, Replies: disclosure.Replies, People: map[string]string{},
	}
	law, err := d.notices.Law(r.Context())
	if err != nil {
		return v, err
	}
	if v.Window, v.Rule, err = law.Window(n); err != nil {
		return v, err
	}
	if v.ConsentNeeded, v.ConsentRule, err = law.ConsentNeeded(n); err != nil {
		return v, err
	}
	if v.PenaltyNeeded, v.PenaltyRule, err = law.PenaltyNeeded(n); err != nil {
		return v, err
	}
	if v.Clocks, err = d.notices.Clocks(r.Context(), n, now); err != nil {
		return v, err
	}
	if !n.PublishedOn.IsZero() && n.Closed == "" {
		c, err := d.credit.Case(r.Context(), n.Record.ID, now)
		if err != nil {
			return v, err
		}
		v.Fate = c.Fate
	}
	for _, e := range n.Events {
		if _, known := v.People[e.By]; known {
			continue
		}
		v.People[e.By] = e.By
		if u, err := d.staff.User(r.Context(), e.By); err == nil {
			v.People[e.By] = u.Name
		} else if !fault.Is(err, fault.NotFound) {
			return v, err
		}
	}
	return v, nil
}

func (d *desk) noticePage(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	return d.noticeShow(w, r, a, "notice")
}

// noticePrint is the prior notice, as it is served.
func (d *desk) noticePrint(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	return d.noticeShow(w, r, a, "notice-print")
}

func (d *desk) noticeShow(w http.ResponseWriter, r *http.Request, a staff.Actor, name string) error {
	n, err := d.notices.Get(r.Context(), a, r.PathValue("id"), d.env.Now())
	if err != nil {
		return err
	}
	if n.Closed != "" && name != "notice" {
		return fault.New(fault.Gone, "disclosure-publish.closed")
	}
	v, err := d.notice(r, a, n)
	if err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, name, v)
}

// draftView is the form of a notice.
type draftView struct {
	office
	ID        string
	Version   int64
	Kind      credit.Kind
	Kinds     []credit.Kind
	Inputs    []input
	Divisions []division
	Reviews   []disclosure.Review
	Fixed     bool // a correction, whose kind stays
	Listings  bool // of the kind that lists somebody
	Conflict  bool
}

type division struct{ Value, Text string }

// input is a field of the form.
type input struct {
	disclosure.Column
	Options []division
}

// inputs are the fields of a kind. The values of choices are those of the batch's
// table, which are Chinese in every language; acts are those of the catalogue, also
// what officers brought in.
func (d *desk) inputs(r *http.Request, kind credit.Kind) ([]input, error) {
	law, err := d.credit.Law(r.Context())
	if err != nil {
		return nil, err
	}
	lang := fn.Lang(r)
	var out []input
	for _, c := range disclosure.Columns(kind) {
		i := input{Column: c}
		switch {
		case c.Field == "act":
			for _, act := range law.Acts() {
				i.Options = append(i.Options, division{act, act + " " + page.Say(lang, "credit.act."+act)})
			}
		case c.Column.Kind == sheet.Choice:
			for _, choice := range c.Choices {
				i.Options = append(i.Options, division{choice, choice})
			}
		}
		out = append(out, i)
	}
	return out, nil
}
