package function

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"ipcredit/shared/courier"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
)

// action is something an officer can do with a tip-off: a form of its own.
type action struct {
	Name string
	// right is asked before the link is shown; the office asks again, with all
	// it knows.
	right []staff.Action
	// sealed actions are decided on the content: they are offered once it is open.
	sealed bool
	// when tells whether it makes sense in the state the tip-off is in.
	when func(r row) bool
	do   func(d *desk, ctx context.Context, c call) error
	// news says that the reporter has something new to read afterwards.
	news bool
}

// call is one action about to be carried out.
type call struct {
	r    *http.Request
	who  staff.Actor
	no   string
	row  row
	lang page.Lang
	// office refuses what is not decided on the state that the officer saw.
	office *tipoff.Office
}

func (c call) text(name string) string {
	return strings.TrimSpace(strings.ReplaceAll(c.r.PostForm.Get(name), "\r\n", "\n"))
}

func has(r row, what string) bool {
	return slices.ContainsFunc(r.Report.Events, func(e tipoff.Event) bool { return e.What == what })
}

// last tells whether the later of two events is the first one.
func last(r row, what, ended string) bool {
	open := false
	for _, e := range r.Report.Events {
		open = e.What == what || open && e.What != ended
	}
	return open
}

func checking(r row) bool {
	return slices.ContainsFunc(r.Clocks, func(c tipoff.Clock) bool { return c.Name == tipoff.CheckClock && c.Done.IsZero() })
}

func working(r row) bool { return r.Report.State.Open() }

var actions = []action{
	{Name: "answer", right: []staff.Action{staff.TipoffHandle}, sealed: true, when: working, do: (*desk).doAnswer, news: true},
	{Name: "case", right: []staff.Action{staff.TipoffHandle}, sealed: true, when: mayFile},
	{Name: "transfer", right: []staff.Action{staff.TipoffHandle}, sealed: true, when: mayTransfer},
	{Name: "state", right: []staff.Action{staff.TipoffHandle, staff.TipoffIntake}, when: func(r row) bool { return len(next(r)) > 0 }, do: (*desk).doState, news: true},
	{Name: "extension", right: []staff.Action{staff.TipoffHandle}, sealed: true, when: func(r row) bool {
		return checking(r) && !has(r, string(tipoff.Extended)) && !last(r, tipoff.ExtensionAsked, tipoff.ExtensionRefused)
	}, do: (*desk).doExtension},
	{Name: "extend", right: []staff.Action{staff.CaseApprove}, when: func(r row) bool {
		return checking(r) && !has(r, string(tipoff.Extended)) && last(r, tipoff.ExtensionAsked, tipoff.ExtensionRefused)
	}, do: (*desk).doExtend, news: true},
	{Name: "pause", right: []staff.Action{staff.TipoffHandle}, sealed: true, when: func(r row) bool { return checking(r) && !last(r, tipoff.PauseBegun, tipoff.PauseEnded) }, do: (*desk).doPause},
	{Name: "resume", right: []staff.Action{staff.TipoffHandle}, when: func(r row) bool { return last(r, tipoff.PauseBegun, tipoff.PauseEnded) }, do: (*desk).doResume},
	{Name: "note", right: []staff.Action{staff.TipoffOpen}, sealed: true, when: working, do: (*desk).doNote},
	{Name: "merge", right: []staff.Action{staff.TipoffHandle}, sealed: true, when: func(r row) bool { return checking(r) && r.Report.State != tipoff.Merged }, do: (*desk).doMerge},
	{Name: "reroute", right: []staff.Action{staff.TipoffHandle, staff.TipoffIntake}, sealed: true, when: working, do: (*desk).doReroute},
	{Name: "identity", right: []staff.Action{staff.IdentityAsk}, sealed: true, when: func(r row) bool { return working(r) && r.Report.Identity }, do: (*desk).doIdentity},
	{Name: "export", right: []staff.Action{staff.TipoffHandle}, sealed: true, when: func(r row) bool { return r.Report.State != tipoff.Erased }},
	{Name: "hold", right: []staff.Action{staff.CaseApprove}, when: func(r row) bool { return !r.Report.Held && r.Report.State != tipoff.Erased }, do: (*desk).doHold},
	{Name: "release", right: []staff.Action{staff.CaseApprove}, when: func(r row) bool { return r.Report.Held && r.Report.State != tipoff.Erased }, do: (*desk).doHold},
	{Name: "erase", right: []staff.Action{staff.CaseApprove}, when: func(r row) bool { return r.Report.State == tipoff.Closed && !r.Report.Held }, do: (*desk).doErase},
}

// next lists where an officer may take the tip-off by the form of states:
// merging and opening a case have forms of their own.
func next(r row) []tipoff.State {
	return slices.DeleteFunc(r.Report.Next(), func(s tipoff.State) bool { return s == tipoff.Merged || s == tipoff.CaseFiled })
}

// may tells whether the officer may do it to this tip-off, for all that is known
// before opening; the office asks again.
func (d *desk) may(ctx context.Context, a staff.Actor, x action, r tipoff.Report) error {
	var err error
	for _, right := range x.right {
		res := staff.UnitResource(r.Unit, r.Division)
		res.Handlers, res.Approvers = r.Handlers, r.Approvers
		now := d.env.Now()
		if err = staff.Can(a, right, res, now); err == nil {
			return nil
		}
		if !a.May(right, now) {
			continue
		}
		above, lookErr := d.staff.Matter(ctx, right, r.Unit, res, now)
		if lookErr != nil {
			return lookErr
		}
		if above.Small {
			if err = staff.Can(a, right, above, now); err == nil {
				return nil
			}
		}
	}
	return err
}

// actions lists what the officer can do with the tip-off as it stands.
func (d *desk) actions(ctx context.Context, a staff.Actor, r row, opened bool) ([]string, error) {
	var out []string
	for _, x := range actions {
		if !opened && x.sealed || !x.when(r) {
			continue
		}
		err := d.may(ctx, a, x, r.Report)
		if _, refused := fault.Of(err); err != nil && !refused {
			return nil, err
		}
		if err == nil {
			out = append(out, x.Name)
		}
	}
	return out, nil
}

type actPage struct {
	base
	Action  string
	Row     row
	Version string
	Ticket  string
	Next    []option
	Grounds []option
	Scopes  []option
	Units   []option
	// Transfers says that it can go to a body outside.
	Transfers bool
	// Templates are texts to begin an answer with.
	Templates []string
	// Stale says that somebody else changed it meanwhile; Since lists what
	// happened last.
	Stale  bool
	Since  []eventLine
	Parts  []option
	Format []option
}

// The grounds for not opening a case and the other ways for what is not ours.
// The words are the catalogue's "case-handling.ground." and ".scope.".
var (
	// 市场监督管理行政处罚程序规定 (SAMR Order 2, as amended by Order 42) art. 20
	// [memory-check], with what art. 18 and 19 presuppose.
	grounds = []string{"no-facts", "minor-corrected", "first-corrected", "no-fault", "time-barred", "not-competent", "other"}
	scopes  = []string{"complaint", "petition", "discipline", "court", "police", "other-authority", "not-concrete"}
	// templates are answers to begin with.
	templates = []string{"received", "more", "progress", "filed", "not-filed", "transferred", "closed"}
)

func (d *desk) actPage(r *http.Request, a staff.Actor, x action, w row) actPage {
	lang := fn.Lang(r)
	p := actPage{base: d.base(r, a), Action: x.Name, Row: w, Version: w.Version, Ticket: ticket()}
	if sent := r.PostForm.Get("ticket"); len(sent) == len(p.Ticket) {
		p.Ticket = sent
	}
	switch x.Name {
	case "state":
		p.Next = options(lang, "case-handling.to.", next(w))
		if slices.Contains(next(w), tipoff.NotFiled) {
			p.Grounds = options(lang, "case-handling.ground.", grounds)
		}
		if slices.Contains(next(w), tipoff.OutOfScope) {
			p.Scopes = options(lang, "case-handling.scope.", scopes)
		}
		p.Transfers = slices.Contains(next(w), tipoff.Transferred)
	case "answer":
		p.Templates = templates
	case "reroute":
		for _, label := range staff.UnitLabels() {
			if _, ok := d.units[label]; ok && label != w.Report.Unit {
				p.Units = append(p.Units, option{Value: label, Text: d.unitName(r.Context(), label)})
			}
		}
	case "export":
		p.Parts = options(lang, "case-handling.receiver.", []tipoff.Channel{tipoff.Hotline, tipoff.CityLine})
		p.Format = options(lang, "case-handling.format.", []string{"json", "csv"})
	}
	return p
}

// find is the action of the address, where it makes sense for the tip-off.
func (d *desk) find(r *http.Request, a staff.Actor) (action, row, error) {
	no, err := number(r)
	if err != nil {
		return action{}, row{}, err
	}
	for _, x := range actions {
		if x.Name != r.PathValue("action") {
			continue
		}
		got, err := d.office.Cover(r.Context(), a, no, d.env.Now())
		if err == nil {
			err = d.may(r.Context(), a, x, got.Report)
		}
		if err != nil {
			return x, row{}, err
		}
		return x, d.row(r.Context(), got), nil
	}
	return action{}, row{}, fault.New(fault.NotFound, "fn.not_found")
}

func (d *desk) actForm(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	x, got, err := d.find(r, a)
	if err != nil {
		return err
	}
	if !x.when(got) {
		return fault.New(fault.Conflict, "case-handling.not_now")
	}
	p := d.actPage(r, a, x, got)
	q := r.URL.Query()
	if t := q.Get("template"); slices.Contains(p.Templates, t) {
		q.Set("answer", page.Say(page.ZH, "case-handling.template."+t))
	}
	p.Form = page.NewForm(q)
	return d.pages.Show(w, r, http.StatusOK, "act", p)
}

// act carries out an action. What was typed is never lost: a refusal, and a
// change by somebody else meanwhile, show the form again with it.
func (d *desk) act(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	x, got, err := d.find(r, a)
	if err != nil {
		return err
	}
	seen := r.PostForm.Get("version")
	if match := strings.Trim(r.Header.Get("If-Match"), `"`); match != "" {
		seen = match
	}
	again := func(err error) error {
		p := d.actPage(r, a, x, got)
		status, err := refused(r, &p.base, err)
		if err != nil {
			return err
		}
		if status == http.StatusPreconditionFailed {
			p.Stale = true
			who := names{}
			for _, e := range got.Report.Events[max(0, len(got.Report.Events)-3):] {
				key := "tipoff.event." + e.What
				if slices.Contains(tipoff.States(), tipoff.State(e.What)) {
					key = "tipoff.state." + e.What
				}
				p.Since = append(p.Since, eventLine{e, d.name(r.Context(), who, e.By), key})
			}
		}
		return d.pages.Show(w, r, status, "act", p)
	}
	switch {
	case seen == "":
		return again(fault.New(fault.Invalid, "case-handling.no_version"))
	case seen != got.Version:
		return again(fault.New(fault.Stale, "case-handling.stale"))
	case !x.when(got):
		return again(fault.New(fault.Conflict, "case-handling.not_now"))
	}
	c := call{r, a, got.Report.Number, got, fn.Lang(r), d.office.Seeing(seen)}
	if x.Name == "export" {
		h, err := d.export(c)
		if err != nil {
			return again(err)
		}
		return d.handOver(w, c, h)
	}
	if err := d.telling(r.Context(), got, x.news, func() error { return x.do(d, r.Context(), c) }); err != nil {
		if fault.Is(err, fault.Stale) {
			if fresh, ferr := d.office.Cover(r.Context(), a, c.no, d.env.Now()); ferr == nil {
				got = d.row(r.Context(), fresh)
			}
		}
		return again(err)
	}
	if x.Name == "erase" || x.Name == "reroute" {
		return d.see(w, r, "/", done(x.Name))
	}
	return d.see(w, r, "/tip-offs", c.no, done(x.Name))
}

// telling hands the courier news for a named reporter before something new is
// put on his page, and takes it back when that fails.
func (d *desk) telling(ctx context.Context, r row, news bool, do func() error) error {
	if !news || !r.Report.Named || d.gateway.url == "" {
		return do()
	}
	now := d.env.Now()
	parcel, err := d.courier.Hand(ctx, r.Report.Number, courier.News, now, now)
	if err != nil {
		return err
	}
	if err := do(); err != nil {
		if taken := d.courier.TakeBack(ctx, parcel, now); taken != nil {
			return taken
		}
		return err
	}
	return nil
}

// required refuses an empty field.
func (c call) required(names ...string) error {
	f := fault.New(fault.Invalid, "case-handling.incomplete")
	for _, name := range names {
		if c.text(name) == "" {
			f = f.With(name, "case-handling.required")
		}
	}
	if len(f.Fields) > 0 {
		return f
	}
	return nil
}

func (d *desk) doAnswer(ctx context.Context, c call) error {
	if err := c.required("answer"); err != nil {
		return err
	}
	return c.office.Answer(ctx, c.who, c.no, c.r.PostForm.Get("ticket"), c.text("answer"), d.env.Now())
}

// doState takes the tip-off to another state. The reporter reads the reasons
// that the law asks for in front of what the officer wrote.
func (d *desk) doState(ctx context.Context, c call) error {
	to := tipoff.State(c.text("to"))
	if !slices.Contains(next(c.row), to) {
		return fault.New(fault.Invalid, "case-handling.choose").With("to", "case-handling.choose")
	}
	answer := c.text("answer")
	reason := func(field, prefix string, known []string) error {
		chosen := c.text(field)
		if !slices.Contains(known, chosen) {
			return fault.New(fault.Invalid, "case-handling.choose").With(field, "case-handling.choose")
		}
		answer = strings.TrimSpace(page.Say(page.ZH, prefix+chosen) + "\n\n" + answer)
		return nil
	}
	switch to {
	case tipoff.NotFiled:
		if err := reason("ground", "case-handling.ground_told.", grounds); err != nil {
			return err
		}
	case tipoff.OutOfScope:
		if err := reason("scope", "case-handling.scope_told.", scopes); err != nil {
			return err
		}
	case tipoff.Transferred:
		if err := c.required("body"); err != nil {
			return err
		}
		answer = strings.TrimSpace(page.Say(page.ZH, "case-handling.transferred_told", c.text("body")) + "\n\n" + answer)
	}
	return c.office.ChangeState(ctx, c.who, c.no, tipoff.Change{To: to, Answer: answer, From: c.row.Report.State}, d.env.Now())
}

func (d *desk) doExtension(ctx context.Context, c call) error {
	if err := c.required("reason"); err != nil {
		return err
	}
	return c.office.AskExtension(ctx, c.who, c.no, c.text("reason"), d.env.Now())
}

// granted reads a decision.
func (c call) granted() (bool, error) {
	switch c.text("grant") {
	case "yes":
		return true, nil
	case "no":
		return false, nil
	}
	return false, fault.New(fault.Invalid, "case-handling.choose").With("grant", "case-handling.choose")
}

func (d *desk) doExtend(ctx context.Context, c call) error {
	grant, err := c.granted()
	if err != nil {
		return err
	}
	return c.office.Extend(ctx, c.who, c.no, grant, d.env.Now())
}

func (d *desk) doPause(ctx context.Context, c call) error {
	if err := c.required("reason"); err != nil {
		return err
	}
	return c.office.Pause(ctx, c.who, c.no, c.text("reason"), d.env.Now())
}

func (d *desk) doResume(ctx context.Context, c call) error {
	return c.office.Resume(ctx, c.who, c.no, d.env.Now())
}

func (d *desk) doNote(ctx context.Context, c call) error {
	if err := c.required("text"); err != nil {
		return err
	}
	return c.office.Note(ctx, c.who, c.no, c.text("text"), d.env.Now())
}

func (d *desk) doMerge(ctx context.Context, c call) error {
	into, err := tipoff.ParseNumber(c.text("into"))
	if err != nil {
		return fault.New(fault.Invalid, "case-handling.into").With("into", "case-handling.into")
	}
	return c.office.Merge(ctx, c.who, c.no, into, d.env.Now())
}

func (d *desk) doReroute(ctx context.Context, c call) error {
	if _, ok := d.units[c.text("unit")]; !ok {
		return fault.New(fault.Invalid, "case-handling.choose").With("unit", "case-handling.choose")
	}
	if err := c.required("reason"); err != nil {
		return err
	}
	return c.office.Reroute(ctx, c.who, c.no, c.text("unit"), c.text("reason"), d.env.Now())
}

func (d *desk) doHold(ctx context.Context, c call) error {
	if err := c.required("reason"); err != nil {
		return err
	}
	return c.office.Hold(ctx, c.who, c.no, !c.row.Report.Held, c.text("reason"), d.env.Now())
}

// doErase asks for the number once more: nothing brings an erased tip-off back.
func (d *desk) doErase(ctx context.Context, c call) error {
	if typed, err := tipoff.ParseNumber(c.text("again")); err != nil || typed != c.no {
		return fault.New(fault.Invalid, "case-handling.again").With("again", "case-handling.again")
	}
	return c.office.Erase(ctx, c.who, c.no, d.env.Now())
}
