package function

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"ipcredit/shared/clock"
	"ipcredit/shared/credit"
	"ipcredit/shared/disclosure"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/objection"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// objectionRoutes are the officers' side of objections to what is displayed.
func (d *desk) objectionRoutes(m *fn.Mux) {
	m.Handle("GET /objections", d.signed(d.objections))
	m.Handle("GET /objections/register", d.signed(d.objectionPaper))
	m.Handle("POST /objections/register", d.signed(d.objectionRegister))
	m.Handle("GET /objections/{no}", d.signed(d.objection))
	m.Handle("GET /objections/{no}/correct", d.signed(d.objectionCorrect))
	m.Handle("POST /objections/{no}/{step}", d.signed(d.objectionDo))
}

// objecting is what every page about objections shows.
func (d *desk) objecting(r *http.Request, a staff.Actor) office {
	o := d.office(r, a)
	o.Done = ""
	if key := "objection.done." + r.URL.Query().Get("done"); page.Has(key) {
		o.Done = key
	}
	return o
}

// objectionTones colour the states.
var objectionTones = map[objection.State]string{
	objection.Filed: "blue", objection.Asked: "blue", objection.Checked: "blue", objection.Forwarded: "blue",
	objection.Upheld: "green", objection.Dismissed: "red", objection.Withdrawn: "grey",
}

type objectionRow struct {
	objection.Objection
	Clock   *clock.Clock
	Overdue bool
}

// Tone colours the state.
func (objectionRow) Tone(s objection.State) string { return objectionTones[s] }

type objectionsView struct {
	office
	Units     []division
	Filter    objection.Filter
	States    []objection.State
	Grounds   []objection.Ground
	Rows      []objectionRow
	Next      string
	Registers bool
}

// objections is the queue of a unit; its filters stand in the address.
func (d *desk) objections(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	ctx, now, q := r.Context(), d.env.Now(), r.URL.Query()
	units, err := d.objects.Units(ctx, a, now)
	if err != nil {
		return err
	}
	if len(units) == 0 {
		return fault.New(fault.Forbidden, "staff.can.role")
	}
	v := objectionsView{office: d.objecting(r, a), States: objection.States, Grounds: objection.Grounds, Registers: a.May(staff.ObjectionCheck, now)}
	v.Filter = objection.Filter{
		Unit: q.Get("unit"), Closed: q.Get("list") == "closed", State: objection.State(q.Get("state")), Ground: objection.Ground(q.Get("ground")),
		Cursor: q.Get("cursor"), Limit: 50,
	}
	if v.Filter.Unit == "" {
		v.Filter.Unit = units[0]
	}
	// A filter that is none shows everything.
	if !slices.Contains(v.States, v.Filter.State) {
		v.Filter.State = ""
	}
	if !slices.Contains(v.Grounds, v.Filter.Ground) {
		v.Filter.Ground = ""
	}
	for _, u := range units {
		v.Units = append(v.Units, division{u, areaName(u)})
	}
	list, next, err := d.objects.Queue(ctx, a, v.Filter, now)
	if err != nil {
		return err
	}
	rules, err := d.objects.Rules(ctx)
	if err != nil {
		return err
	}
	for _, o := range list {
		clocks, err := rules.Clocks(o, workday.DateOf(now))
		if err != nil {
			return err
		}
		row := objectionRow{Objection: o}
		if c, ok := clock.Next(clocks); ok && o.State.Open() {
			row.Clock, row.Overdue = &c, c.Overdue(workday.DateOf(now))
		}
		v.Rows = append(v.Rows, row)
	}
	if next != "" {
		again := maps.Clone(q)
		again.Set("cursor", next)
		v.Next = d.pages.URL(r, "/objections", again)
	}
	return d.pages.Show(w, r, http.StatusOK, "objections", v)
}

// objectionView is one objection as officers see it.
type objectionView struct {
	office
	objectionRow
	Record *credit.Record
	Facts  []credit.Fact
	Clocks []clock.Clock
	Today  workday.Date
	// Can are the steps that the reader can take now.
	Can      []string
	Corrects bool // whether its record has a form
	People   map[string]string
	Inputs   []input
	Conflict bool
}

// Has tells whether a step can be taken.
func (v objectionView) Has(step string) bool { return slices.Contains(v.Can, step) }

// Ruling is the step that rules on it: here, or by the other authority.
func (v objectionView) Ruling() string {
	if v.Authority.Own() {
		return "rule"
	}
	return "import"
}

// Answers are what a source can have said.
func (objectionView) Answers(lang page.Lang) []option {
	return options(lang, "objection.answer.", objection.Answers)
}

// Findings are what a check can have found.
func (objectionView) Findings(lang page.Lang) []option {
	return options(lang, "objection.finding.", objection.Findings)
}

// Outcomes are those that need no form of their own.
func (objectionView) Outcomes(lang page.Lang) []option {
	return options(lang, "objection.outcome.", slices.DeleteFunc(slices.Clone(objection.Outcomes), func(o objection.Outcome) bool { return o == objection.Correct }))
}

// Reasons are why one is dismissed.
func (objectionView) Reasons(lang page.Lang) []option {
	return options(lang, "objection.reason.", objection.Reasons)
}

// Whys are why a record is taken back.
func (objectionView) Whys(lang page.Lang) []option {
	return options(lang, "disclosure.withdrawn.", disclosure.Reasons)
}

func (d *desk) objectionView(r *http.Request, a staff.Actor) (objectionView, error) {
	ctx, now := r.Context(), d.env.Now()
	v := objectionView{office: d.objecting(r, a), Today: workday.DateOf(now), People: map[string]string{}}
	o, err := d.objects.Get(ctx, a, r.PathValue("no"), now)
	if err == nil && a.Org.Kind == staff.Subject {
		err = fault.New(fault.NotFound, "objection.unknown")
	}
	if err != nil {
		return v, err
	}
	v.Objection = o
	rules, err := d.objects.Rules(ctx)
	if err != nil {
		return v, err
	}
	if v.Clocks, err = rules.Clocks(o, v.Today); err != nil {
		return v, err
	}
	x, _, found, err := d.objects.Record(ctx, o)
	if err != nil {
		return v, err
	}
	if found {
		v.Record, v.Facts, v.Corrects = &x, x.Content.Facts(), o.Name != "" && slices.Contains(disclosure.Kinds, x.Kind)
	}
	v.Can = d.objectionSteps(r, a, o)
	for _, e := range o.Events {
		if _, known := v.People[e.By]; known {
			continue
		}
		v.People[e.By] = ""
		// Who filed it for the subject is the subject's business.
		if u, err := d.staff.User(ctx, e.By); err == nil && u.Org != "" && e.By != o.FiledBy {
			v.People[e.By] = u.Name
		} else if err != nil && !fault.Is(err, fault.NotFound) {
			return v, err
		}
	}
	return v, nil
}

// objectionSteps are those that the actor can take now.
func (d *desk) objectionSteps(r *http.Request, a staff.Actor, o objection.Objection) (can []string) {
	ctx, now := r.Context(), d.env.Now()
	add := func(step string, when bool) {
		if when {
			can = append(can, step)
		}
	}
	own, filed := o.Authority.Own(), o.State == objection.Filed
	if d.objects.May(ctx, a, staff.ObjectionCheck, o, now) {
		add("check", own && filed && !o.Paused())
		add("ask", own && filed && o.Source == nil)
		add("answered", o.State == objection.Asked)
		add("pause", own && (filed || o.State == objection.Asked) && !o.Paused())
		add("resume", o.State.Open() && o.Paused())
		add("forward", !own && filed)
	}
	if d.objects.May(ctx, a, staff.ObjectionRule, o, now) {
		add("rule", own && o.State == objection.Checked)
		add("import", !own && o.State == objection.Forwarded)
	}
	return can
}

func (d *desk) objection(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	v, err := d.objectionView(r, a)
	if err != nil {
		return err
	}
	today := v.Today.String()
	v.Form = page.NewForm(url.Values{"on": {today}, "decidedOn": {today}})
	return d.pages.Show(w, r, http.StatusOK, "objection", v)
}

// objectionCorrect is the form of a ruling that corrects: the record's own fields.
func (d *desk) objectionCorrect(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	v, err := d.objectionView(r, a)
	if err != nil {
		return err
	}
	if !v.Has(v.Ruling()) {
		return fault.New(fault.Conflict, "objection.state")
	}
	if !v.Corrects {
		return fault.New(fault.Conflict, "objection.no_form")
	}
	values := url.Values{"decidedOn": {v.Today.String()}}
	for field, value := range disclosure.Values(*v.Record, v.Holder, v.Name) {
		values.Set(field, value)
	}
	v.Form = page.NewForm(values)
	if v.Inputs, err = d.inputs(r, v.Record.Kind); err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "objection-correct", v)
}

// dayOf reads a day of the form; one that cannot be read is no day, which the step
// refuses by name.
func dayOf(r *http.Request, name string) workday.Date {
	on, err := workday.ParseDate(strings.TrimSpace(r.PostForm.Get(name)))
	if err != nil {
		return workday.Date{}
	}
	return on
}

// seen is the version that the form, or If-Match, speaks of.
func seen(r *http.Request) (int, error) {
	text := strings.Trim(r.Header.Get("If-Match"), `"`)
	if text == "" {
		text = r.PostForm.Get("version")
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, fault.New(fault.Invalid, "disclosure-publish.form")
	}
	return n, nil
}
