package function

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"ipcredit/shared/evidence"
	"ipcredit/shared/evidence/custody"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/ident"
	"ipcredit/shared/page"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
	"ipcredit/shared/workday"
)

// openFor is how long a tip-off that was opened stays open in the session it
// was opened in (ours to choose): long enough to read and to answer.
const openFor = 20 * time.Minute

func openMark(no string) string { return "tip-off " + no }

// openTip is the deliberate step before anything sealed is shown.
func (d *desk) openTip(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	no, err := number(r)
	if err != nil {
		return err
	}
	// Whoever may not is told so now, by the office; the view itself is noted
	// when the page is drawn.
	row, err := d.office.Cover(r.Context(), a, no, d.env.Now())
	if err != nil {
		return err
	}
	if !row.MayOpen {
		return fault.New(fault.Forbidden, "case-handling.may_not_open")
	}
	if _, err := d.custody.Mark(r.Context(), a.Session, openMark(no), openFor); err != nil {
		return err
	}
	return d.see(w, r, "/tip-offs", no)
}

// opened returns the tip-off where the session has opened it a short while
// ago.
func (d *desk) opened(ctx context.Context, a staff.Actor, no string) (o tipoff.Opened, ok bool, err error) {
	if ok, err = d.custody.Marked(ctx, a.Session, openMark(no)); err != nil || !ok {
		return o, false, err
	}
	o, err = d.office.Open(ctx, a, no, d.env.Now())
	return o, err == nil, err
}

// mustOpened is opened for what stands only on pages of an opened one.
func (d *desk) mustOpened(r *http.Request, a staff.Actor) (tipoff.Opened, error) {
	no, err := number(r)
	if err != nil {
		return tipoff.Opened{}, err
	}
	o, ok, err := d.opened(r.Context(), a, no)
	if err == nil && !ok {
		err = fault.New(fault.Conflict, "case-handling.open_first")
	}
	return o, err
}

type tipPage struct {
	base
	Row     row
	Opened  bool
	MayOpen bool
	Content *content
	Actions []string
	Cases   []caseLink // that it led to
}

// content is what stands on the page of an opened tip-off.
type content struct {
	tipoff.Opened
	Clocks   []clockLine
	Parties  []partyLine
	Warnings []string
	Files    []fileLine
	Similar  []similarLine
	Thread   []threadLine
	Notes    []noteLine
	Views    []lookLine
	Events   []eventLine
	Asks     []askLine
	Unseen   bool // some file was not checked yet
	Division string
}

type clockLine struct {
	tipoff.Clock
	Overdue bool
	Left    int // working days; negative when missed
}

type partyLine struct {
	tipoff.Party
	Href string
}

type fileLine struct {
	Box   string
	N     int
	Name  string
	Size  string
	Day   string
	State evidence.State
	Check custody.State
	Tone  string
	Href  string
	// Looked tells that it was examined, with or without a scanner: what was not
	// is given to nobody.
	Looked bool
}

type similarLine struct {
	Number, Href string
	Day          workday.Date
	State        tipoff.State
	Parties      []tipoff.Party
	Text         int
}

type threadLine struct {
	tipoff.Message
	Reporter bool
}

type noteLine struct {
	tipoff.Note
	Who string
}

type lookLine struct {
	Who  string
	At   time.Time
	What string // a key of the catalogue
	File int
}

type eventLine struct {
	tipoff.Event
	Who string
	Key string
}

type askLine struct {
	tipoff.Ask
	Who, Second string
	Href        string
}

// tip shows a tip-off: its cover, or all of it where it was opened.
func (d *desk) tip(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	no, err := number(r)
	if err != nil {
		return err
	}
	return d.showTip(w, r, a, no, http.StatusOK)
}

func (d *desk) showTip(w http.ResponseWriter, r *http.Request, a staff.Actor, no string, status int) error {
	ctx := r.Context()
	o, ok, err := d.opened(ctx, a, no)
	if err != nil {
		return err
	}
	p := tipPage{base: d.base(r, a), Opened: ok}
	if ok {
		if p.Content, err = d.content(r, a, o); err != nil {
			return err
		}
		p.Row = d.row(ctx, o.Row)
		if p.Cases, err = d.casesOf(r, no); err != nil {
			return err
		}
	} else {
		x, err := d.office.Cover(ctx, a, no, d.env.Now())
		if err != nil {
			return err
		}
		p.Row = d.row(ctx, x)
	}
	p.MayOpen = p.Row.MayOpen
	if p.Actions, err = d.actions(ctx, a, p.Row, ok); err != nil {
		return err
	}
	return d.pages.Show(w, r, status, "tip", p)
}

// damaged logs a part of a page that cannot be shown; the rest of it is.
func damaged(r *http.Request, err error) {
	slog.Error("damaged", "id", fn.RequestID(r), "function", Needs.Function, "error", err.Error())
}

func (d *desk) content(r *http.Request, a staff.Actor, o tipoff.Opened) (*content, error) {
	ctx, today, lang := r.Context(), d.today(), fn.Lang(r)
	c := &content{Opened: o, Division: o.Report.Division}
	if area, ok := ident.AreaOf(o.Report.Division); ok {
		c.Division = area.Name
	}
	for _, err := range o.Damage {
		damaged(r, err)
	}
	cal, err := d.calendarNow(ctx)
	if err != nil {
		return nil, err
	}
	who := names{}
	for _, k := range o.Row.Clocks {
		line := clockLine{Clock: k, Overdue: k.Overdue(today)}
		line.Left = cal.Between(today, k.Due)
		c.Clocks = append(c.Clocks, line)
	}
	for _, p := range o.Lodged.Parties {
		line := partyLine{Party: p}
		if p.Code != "" {
			line.Href = d.pages.URL(r, "credit-lookup/subjects", p.Code)
		}
		c.Parties = append(c.Parties, line)
	}
	// What the form warned of when it was sent: limitation flags, it never refuses.
	if _, warnings, err := tipoff.Check(o.Lodged, tipoff.Rules{}, o.Report.Day); err == nil {
		for _, warn := range warnings {
			c.Warnings = append(c.Warnings, page.Say(lang, "tipoff.warn."+warn.Code, warn.Args...))
		}
	}
	for _, m := range o.Thread {
		if m.Damaged {
			m.Text = page.Say(lang, "tipoff.damaged")
		}
		c.Thread = append(c.Thread, threadLine{m, m.By == tipoff.ByReporter})
	}
	for _, n := range o.Notes {
		switch {
		case n.Lost:
			n.Text = page.Say(lang, "case-handling.note_lost")
		case n.Damaged:
			n.Text = page.Say(lang, "tipoff.damaged")
		}
		c.Notes = append(c.Notes, noteLine{n, d.name(ctx, who, n.By)})
	}
	for _, e := range o.Report.Events {
		key := "tipoff.event." + e.What
		if slices.Contains(tipoff.States(), tipoff.State(e.What)) {
			key = "tipoff.state." + e.What
		}
		c.Events = append(c.Events, eventLine{e, d.name(ctx, who, e.By), key})
	}
	for _, ask := range o.Asks {
		c.Asks = append(c.Asks, askLine{ask, d.name(ctx, who, ask.By), d.name(ctx, who, ask.Second), d.pages.URL(r, "/tip-offs", o.Report.Number, "identity", ask.ID)})
	}
	for _, v := range o.Views {
		c.Views = append(c.Views, lookLine{Who: d.name(ctx, who, v.By), At: v.At, What: "case-handling.looked"})
	}
	similar, err := d.office.Duplicates(ctx, a, o.Report.Number, d.env.Now())
	if err != nil {
		return nil, err
	}
	for _, s := range similar {
		c.Similar = append(c.Similar, similarLine{tipoff.FormatNumber(s.Report.Number), d.pages.URL(r, "/tip-offs", s.Report.Number), s.Report.Day, s.Report.State, s.Parties, s.Text})
	}
	if err := d.files(r, o, c, who); err != nil {
		return nil, err
	}
	slices.SortStableFunc(c.Views, func(x, y lookLine) int { return y.At.Compare(x.At) })
	if len(c.Views) > 40 {
		c.Views = c.Views[:40]
	}
	return c, nil
}

// inBox lists the files of a box and what was found in them so far, by number.
func (d *desk) inBox(ctx context.Context, box tipoff.OpenBox) ([]evidence.File, map[int]custody.Check, error) {
	list, err := d.evidence.Files(ctx, box.ID)
	if err != nil {
		return nil, nil, err
	}
	checks, err := d.custody.Checks(ctx, box.ID, box.Identity)
	return list, checks, err
}

// boxLines are the files of a box as pages list them, linked below the parts of the
// address given. A damaged one says so, and the others are there.
func (d *desk) boxLines(r *http.Request, box tipoff.OpenBox, at string, parts ...any) ([]fileLine, error) {
	list, checks, err := d.inBox(r.Context(), box)
	if err != nil {
		return nil, err
	}
	var out []fileLine
	for _, f := range list {
		line := fileLine{Box: box.ID, N: f.N, Size: evidence.Size(max(f.Size, f.Offset)), Day: f.Day, State: f.At(d.env.Now()), Check: custody.Unscanned}
		if line.State == evidence.Gone {
			continue
		}
		if check, ok := checks[f.N]; ok {
			line.Check, line.Looked = check.State(), true
		}
		meta, err := f.Open(box.ID, box.Identity)
		if err != nil {
			damaged(r, err)
			line.Check, line.Looked = custody.Damaged, true
		}
		if line.Name = evidence.Display(meta.Name); line.Name == "" {
			line.Name = page.Say(fn.Lang(r), "case-handling.no_name", f.N)
		}
		line.Tone = checkTone(line.Check)
		line.Href = d.pages.URL(r, at, slices.Concat(parts, []any{box.ID, f.N})...)
		out = append(out, line)
	}
	return out, nil
}

// files lists the evidence with what its checks found.
func (d *desk) files(r *http.Request, o tipoff.Opened, c *content, who names) error {
	ctx := r.Context()
	for _, box := range o.Boxes {
		lines, err := d.boxLines(r, box, "/tip-offs", o.Report.Number, "evidence")
		if err != nil {
			return err
		}
		for _, line := range lines {
			c.Unseen = c.Unseen || line.State == evidence.Whole && (!line.Looked || line.Check == custody.Waiting)
			c.Files = append(c.Files, line)
		}
		steps, err := d.custody.Steps(ctx, box.ID)
		if err != nil {
			return err
		}
		for _, s := range steps {
			c.Views = append(c.Views, lookLine{d.name(ctx, who, s.By), s.At, "custody.step." + string(s.What), s.N})
		}
	}
	return nil
}

func checkTone(s custody.State) string {
	switch s {
	case custody.Safe:
		return "green"
	case custody.Suspicious, custody.Damaged:
		return "red"
	case custody.Waiting:
		return "amber"
	}
	return "grey"
}

// boxOf finds an evidence box of the tip-off by its id.
func boxOf(o tipoff.Opened, id string) (seal.Identity, error) {
	for _, b := range o.Boxes {
		if b.ID == id {
			return b.Identity, nil
		}
	}
	return seal.Identity{}, fault.New(fault.NotFound, "case-handling.no_file")
}
