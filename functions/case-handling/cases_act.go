package function

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"ipcredit/shared/casework"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
)

// caseAction is something an officer can do with a case: a form of its own.
// casework.File.Can says which of them this officer may do now; the store asks
// again.
type caseAction struct {
	Name string
	// fill adds what the form offers to choose from.
	fill func(d *desk, r *http.Request, a staff.Actor, p *caseActPage) error
	do   func(d *desk, ctx context.Context, c caseCall) (casework.Case, error)
	// sure is shown what will happen and asked once more: what it does cannot be
	// taken back, or not by him alone.
	sure bool
	// quiet ones are not offered by themselves.
	quiet bool
}

var caseActions []caseAction

// The table names functions that read it.
func init() {
	caseActions = []caseAction{
		{Name: "claim", do: (*desk).doClaim},
		{Name: "move", fill: (*desk).fillMove, do: (*desk).doMove, quiet: true},
		{Name: "accept", do: (*desk).doAccept},
		{Name: "decline", do: (*desk).doDecline},
		{Name: "withdraw", do: (*desk).doWithdraw},
		{Name: "record", fill: (*desk).fillRecord, do: (*desk).doRecord},
		{Name: "note", do: (*desk).doCaseNote},
		{Name: "ask-extension", fill: (*desk).fillClocks, do: (*desk).doAskExtension},
		{Name: "extend", fill: (*desk).fillClocks, do: (*desk).doCaseExtend},
		{Name: "confirm-zone", fill: (*desk).fillZones, do: (*desk).doConfirmZone},
		{Name: "assign", fill: (*desk).fillAssignable, do: (*desk).doAssign},
		{Name: "hand-over", fill: (*desk).fillAssignable, do: (*desk).doHandOver},
		{Name: "delegate", fill: (*desk).fillOffices, do: (*desk).doDelegate},
		{Name: "return", do: (*desk).doReturn},
		{Name: "offer-to", fill: (*desk).fillUnits, do: (*desk).doOffer, sure: true},
		{Name: "dispute", do: (*desk).doDispute, sure: true},
		{Name: "settle", fill: (*desk).fillUnits, do: (*desk).doSettle, sure: true},
		{Name: "merge", do: (*desk).doCaseMerge, sure: true},
		{Name: "recuse", fill: (*desk).fillAssignable, do: (*desk).doRecuse, sure: true},
		{Name: "unmerge", do: (*desk).doUnmerge, sure: true},
		{Name: "lift-recusal", fill: (*desk).fillRecused, do: (*desk).doLiftRecusal, sure: true},
		{Name: "entrust", fill: (*desk).fillMandates, do: (*desk).doEntrust, sure: true},
		{Name: "edit", fill: (*desk).fillDraft, do: (*desk).doEdit},
		{Name: "erase", do: (*desk).doCaseErase, sure: true},
	}
}

type caseActPage struct {
	base
	Action  string
	Line    caseLine
	File    casework.File
	Version string
	Ticket  string
	Today   string
	// Sure says that this is the second look: what was typed stands in hidden
	// fields, what will happen is said in words.
	Sure   bool
	Hidden []option
	Facts  []caseFact
	// Stale says that somebody else changed it meanwhile; Since lists what
	// happened last.
	Stale bool
	Since []caseEvent

	To       casework.Next
	People   []option
	Present  []option // who has it now
	Units    []option
	Offices  []option
	Zones    []option
	Mandates []option
	Clocks   []option
	Whats    []option
	Refs     []option // what a fact is about
	Targets  []option
	Measures []option
	Tell     bool // the reporter of the tip-off it came from can be told
	Draft    *draftOptions
}

// caseFact is one line of the second look.
type caseFact struct{ Label, Text string }

// findCase opens the case of the address and finds the action in it.
func (d *desk) findCase(r *http.Request, a staff.Actor) (caseAction, casework.File, error) {
	no, err := caseNumber(r)
	if err != nil {
		return caseAction{}, casework.File{}, err
	}
	for _, x := range caseActions {
		if x.Name == r.PathValue("action") {
			f, err := d.viewCase(r, a, no)
			return x, f, err
		}
	}
	return caseAction{}, casework.File{}, fault.New(fault.NotFound, "fn.not_found")
}

// offers tells whether the action makes sense for this officer and this case now.
func (x caseAction) offers(f casework.File, form url.Values) error {
	if x.Name == "move" {
		to := casework.State(form.Get("to"))
		switch {
		case !slices.Contains(casework.States(), to):
			return fault.New(fault.Invalid, "case-handling.choose").With("to", "case-handling.choose")
		case !slices.ContainsFunc(f.Next, func(n casework.Next) bool { return n.To == to }):
			return fault.New(fault.Conflict, "cases.not_from_here", word("casework.state.", f.Case.State), word("casework.state.", to))
		}
		return nil
	}
	if !slices.Contains(f.Can, x.Name) {
		return fault.New(fault.Conflict, "cases.not_now", word("casework.state.", f.Case.State))
	}
	return nil
}

// elseMay tells whether the case can go there, but not by this officer: then the
// store says why.
func (d *desk) elseMay(f casework.File, form url.Values) bool {
	return slices.ContainsFunc(f.Case.Next(d.today()), func(n casework.Next) bool { return string(n.To) == form.Get("to") })
}

// word is what a refusal says of a state: a name of the catalogue in the language
// that binds.
func word[T ~string](prefix string, s T) string { return page.Say(page.ZH, prefix+string(s)) }

func (d *desk) caseActPage(r *http.Request, a staff.Actor, x caseAction, f casework.File, form url.Values) (caseActPage, error) {
	p := caseActPage{
		base: d.casesBase(r, a), Action: x.Name, File: f, Version: strconv.FormatInt(f.Case.Version, 10), Ticket: ticket(), Today: d.today().String(),
	}
	p.Form = page.NewForm(form)
	l, err := d.newLines(r)
	if err != nil {
		return p, err
	}
	p.Line = l.of(f.Row)
	if x.fill != nil {
		err = x.fill(d, r, a, &p)
	}
	return p, err
}

func (d *desk) caseActForm(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	x, f, err := d.findCase(r, a)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	if err := x.offers(f, q); err != nil {
		return err
	}
	if x.Name == "edit" {
		q = draftForm(f)
	}
	p, err := d.caseActPage(r, a, x, f, q)
	if err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "case-act", p)
}

// caseAct carries out an action. What was typed is never lost: a refusal, and a
// change by somebody else meanwhile, show the form again with it; the same form
// sent twice is done once.
func (d *desk) caseAct(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	x, f, err := d.findCase(r, a)
	if err != nil {
		return err
	}
	ctx := r.Context()
	c := caseCall{r, a, f, fn.Lang(r)}
	ticket := c.text("ticket")
	if again, err := d.wasSent(ctx, a, ticket); err != nil || again {
		if err != nil {
			return err
		}
		return d.see(w, r, "/cases", f.Case.Number, done(x.Name))
	}
	refuse := func(err error) error { return d.caseRefused(w, r, a, x, f, err) }
	switch {
	case formVersion(r) == "":
		return refuse(fault.New(fault.Invalid, "case-handling.no_version"))
	case formVersion(r) != strconv.FormatInt(f.Case.Version, 10):
		return refuse(fault.New(fault.Stale, "cases.stale"))
	}
	if x.Name == "move" {
		// The state machine's refusal in the words of the states; all else the store
		// says best.
		if err := x.offers(f, r.PostForm); err != nil && !d.elseMay(f, r.PostForm) {
			return refuse(err)
		}
	}
	if x.needsSure(c) && c.text("sure") != "yes" {
		return d.caseSure(w, r, a, x, f)
	}
	what := x.Name
	if _, err := x.do(d, ctx, c); err != nil {
		var untold errUntold
		if !errors.As(err, &untold) {
			return refuse(err)
		}
		if _, ours := fault.Of(untold.why); !ours {
			return err
		}
		what = "untold"
	}
	if err := d.sent(ctx, a, ticket); err != nil {
		return err
	}
	if x.Name == "offer-to" || x.Name == "recuse" || x.Name == "decline" {
		// It may be nobody's he can read any more.
		if _, err := d.cases.Get(ctx, a, f.Case.Number, d.env.Now()); err != nil {
			return d.see(w, r, "/cases", done(x.Name))
		}
	}
	return d.see(w, r, "/cases", f.Case.Number, done(what))
}

// needsSure tells whether the form asks once more.
func (x caseAction) needsSure(c caseCall) bool {
	if x.Name == "move" {
		to := casework.State(c.text("to"))
		return to.Transferred() || !to.Open() || to == casework.NoPenalty || to == casework.Decided
	}
	return x.sure
}

// caseRefused shows the form again with what was typed and what is wrong.
func (d *desk) caseRefused(w http.ResponseWriter, r *http.Request, a staff.Actor, x caseAction, f casework.File, err error) error {
	got, ok := fault.Of(err)
	if !ok {
		return err
	}
	if got.Kind == fault.Stale {
		// Between reading and writing somebody was faster: show what is there now.
		fresh, err := d.cases.Get(r.Context(), a, f.Case.Number, d.env.Now())
		if err != nil {
			return err
		}
		f = fresh
	}
	if got.Kind == fault.Forbidden || got.Kind == fault.NotFound {
		return err
	}
	p, ferr := d.caseActPage(r, a, x, f, r.PostForm)
	if ferr != nil {
		return ferr
	}
	p.Form = page.NewForm(r.PostForm).Refuse(fn.Lang(r), got)
	if got.Kind == fault.Stale {
		p.Stale = true
		l, err := d.newLines(r)
		if err != nil {
			return err
		}
		events := f.Case.Events
		for _, e := range events[max(0, len(events)-3):] {
			p.Since = append(p.Since, d.caseEvent(r, l, e))
		}
	}
	return d.pages.Show(w, r, fn.Status(got.Kind), "case-act", p)
}

// notAgain are the fields of a form that the second look does not repeat.
var notAgain = []string{"version", "ticket", "sure"}

// caseSure is the second look: what was typed, in words, and one button more.
// What the store would refuse it refuses then.
func (d *desk) caseSure(w http.ResponseWriter, r *http.Request, a staff.Actor, x caseAction, f casework.File) error {
	p, err := d.caseActPage(r, a, x, f, r.PostForm)
	if err != nil {
		return err
	}
	p.Sure = true
	p.Ticket = r.PostForm.Get("ticket")
	lang := fn.Lang(r)
	for _, name := range sortedKeys(r.PostForm) {
		for _, v := range r.PostForm[name] {
			if slices.Contains(notAgain, name) || name == "to" && x.Name == "move" || v == "" {
				continue
			}
			p.Hidden = append(p.Hidden, option{Value: name, Text: v})
			if key := "cases.field." + name; page.Has(key) {
				p.Facts = append(p.Facts, caseFact{page.Say(lang, key), p.shown(lang, name, v)})
			}
		}
	}
	if x.Name == "merge" {
		into, err := d.mergeTarget(r, a, f)
		if err != nil {
			return d.caseRefused(w, r, a, x, f, err)
		}
		p.Hidden = append(p.Hidden, option{Value: "intoVersion", Text: strconv.FormatInt(into.Case.Version, 10)})
		p.Facts = append(p.Facts, caseFact{page.Say(lang, "cases.field.into_party"), mainParty(into.Case).Name})
	}
	return d.pages.Show(w, r, http.StatusOK, "case-act", p)
}

// shown words a value of a form as the form offered it.
func (p caseActPage) shown(lang page.Lang, name, value string) string {
	lists := map[string][]option{
		"handlers": p.People, "to": p.People, "instead": p.People, "user": append(slices.Clone(p.Present), p.People...), "unit": p.Units, "office": p.Offices,
		"zone": p.Zones, "clock": p.Clocks, "instrument": p.Mandates, "target": p.Targets, "measures": p.Measures,
	}
	for _, o := range lists[name] {
		if o.Value == value {
			return o.Text
		}
	}
	return value
}

func sortedKeys(v url.Values) []string {
	out := make([]string, 0, len(v))
	for k := range v {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// tellReporters writes to those who tipped off what came of it, where the officer
// wrote something to them: each tip-off the case came from gets the answer once.
func (d *desk) tellReporters(ctx context.Context, c caseCall) error {
	text := c.text("tell")
	if text == "" {
		return nil
	}
	for _, no := range c.file.Case.TipOffs {
		row, err := d.office.Cover(ctx, c.who, no, d.env.Now())
		if err != nil {
			return err
		}
		err = d.telling(ctx, d.row(ctx, row), true, func() error {
			return d.office.Answer(ctx, c.who, no, ticket(), text, d.env.Now())
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// mayTell tells whether the officer may write to the reporters.
func (d *desk) mayTell(ctx context.Context, a staff.Actor, f casework.File) bool {
	for _, no := range f.Case.TipOffs {
		row, err := d.office.Cover(ctx, a, no, d.env.Now())
		if err != nil || row.Report.State == tipoff.Erased {
			return false
		}
		if staff.Can(a, staff.TipoffHandle, staff.UnitResource(row.Report.Unit, row.Report.Division), d.env.Now()) != nil {
			return false
		}
	}
	return len(f.Case.TipOffs) > 0
}
