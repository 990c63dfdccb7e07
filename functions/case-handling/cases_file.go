package function

import (
	"net/http"
	"net/url"
	"slices"

	"ipcredit/shared/casework"
	"ipcredit/shared/clock"
	"ipcredit/shared/fn"
	"ipcredit/shared/page"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
	"ipcredit/shared/workday"
)

// casePageData is what stands on the page of a case.
type casePageData struct {
	base
	File      casework.File
	Line      caseLine
	Sealed    bool // the reader sees what is in the clear only
	Division  string
	Zone      string
	Clocks    []caseClock
	Parties   []casePartyLine
	Events    []caseEvent
	Notes     []caseNote
	Documents []documentLine
	// Moves are the ways on, Acts the other actions, Issues the documents that can
	// be issued now.
	Moves  []caseLink
	Acts   []caseLink
	Issues []caseLink
	Tags   []caseLink
	Reward string // the address of the calculator
	// Campaign is what its campaign is called.
	Campaign string
	Tips     []caseLink
	Same     []caseLink
	Into     *caseLink
	Offer    *caseOffer
	// Undo is the action that takes the last one back, "" without one.
	Undo *caseUndo
	// Repeat is what the city's files say of repeated infringement (商标法第六十条).
	Repeat caseRepeat
}

// caseRepeat counts the findings of infringement that weigh now, of which day on.
type caseRepeat struct {
	Count int
	Since workday.Date
	Rule  ruleset.Rule
}

type caseClock struct {
	casework.Clock
	Level   clock.Level
	Overdue bool
	Left    int
}

type casePartyLine struct {
	casework.Party
	Href string
}

type caseEvent struct {
	casework.Event
	Who, Key, About string
}

type caseNote struct {
	casework.Note
	Who string
}

type documentLine struct {
	casework.Document
	Who, Href string
}

type caseLink struct{ Href, Text, Name string }

// Aside tells whether a state leads away from the main line: another body's, or an
// end without a penalty.
func (l caseLink) Aside() bool {
	s := casework.State(l.Name)
	return s.Transferred() || slices.Contains([]casework.State{casework.NotFiled, casework.NoDetermination, casework.NoPenalty, casework.Suspended}, s)
}

type caseOffer struct {
	casework.Offer
	Unit string
}

// viewCase opens a case for the officer. That he was shown what is sealed stands in
// the journal before he is, once for some time of his session.
func (d *desk) viewCase(r *http.Request, a staff.Actor, no string) (casework.File, error) {
	ctx, now := r.Context(), d.env.Now()
	f, err := d.cases.Get(ctx, a, no, now)
	if err != nil || !f.MayOpen {
		return f, err
	}
	mark := "case " + f.Case.Number
	before, err := d.custody.Marked(ctx, a.Session, mark)
	if err != nil || before {
		return f, err
	}
	if err := d.cases.Viewed(ctx, a, f.Case.Number, now); err != nil {
		return f, err
	}
	_, err = d.custody.Mark(ctx, a.Session, mark, openFor)
	return f, err
}

// casePage shows a case to whoever may read it, and its clear part to those who
// supervise.
func (d *desk) casePage(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	no, err := caseNumber(r)
	if err != nil {
		return err
	}
	f, err := d.viewCase(r, a, no)
	if err != nil {
		return err
	}
	p, err := d.caseData(r, a, f)
	if err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "case", p)
}

func (d *desk) caseData(r *http.Request, a staff.Actor, f casework.File) (casePageData, error) {
	ctx, today := r.Context(), d.today()
	p := casePageData{base: d.casesBase(r, a), File: f, Division: areaName(f.Case.Division), Sealed: !f.MayOpen}
	x, err := d.newLines(r)
	if err != nil {
		return p, err
	}
	c := f.Case
	p.Line = x.of(f.Row)
	if c.Campaign != "" {
		p.Campaign = d.campaignName(ctx, a, c.Campaign)
	}
	if c.Zone != nil && c.Zone.Code != "" {
		p.Zone = areaName(c.Zone.Code)
	}
	for _, k := range f.Clocks {
		level, _ := k.Level(ruleset.Shipped(), x.calendar, today)
		p.Clocks = append(p.Clocks, caseClock{Clock: k, Level: level, Overdue: k.Overdue(today), Left: x.calendar.Between(today, k.Due)})
	}
	for _, party := range c.Parties {
		line := casePartyLine{Party: party}
		if party.Code != "" {
			line.Href = d.pages.URL(r, "credit-lookup/subjects", party.Code)
		}
		p.Parties = append(p.Parties, line)
	}
	for n := len(c.Events) - 1; n >= 0; n-- {
		p.Events = append(p.Events, d.caseEvent(r, x, c.Events[n]))
	}
	for _, n := range f.Notes {
		p.Notes = append(p.Notes, caseNote{n, d.name(ctx, x.people, n.By)})
	}
	for _, doc := range f.Documents {
		p.Documents = append(p.Documents, documentLine{doc, d.name(ctx, x.people, doc.By), d.pages.URL(r, "/cases", c.Number, "documents", doc.N)})
	}
	d.caseLinks(r, a, x, &p)
	p.Repeat, err = d.caseRepeat(r, c)
	return p, err
}

// repeatable are the kinds of cases in which a repetition weighs.
var repeatable = []casework.Kind{tipoff.Infringement, tipoff.Counterfeit}

// caseRepeat looks whether a party infringed before.
func (d *desk) caseRepeat(r *http.Request, c casework.Case) (caseRepeat, error) {
	if !slices.Contains(repeatable, c.Kind) {
		return caseRepeat{}, nil
	}
	for _, p := range c.Parties {
		if p.Code == "" || p.Role != casework.Respondent {
			continue
		}
		found, err := d.cases.Prior(r.Context(), p.Code)
		if err != nil {
			return caseRepeat{}, err
		}
		got, err := casework.Repeated(ruleset.Shipped(), found, d.today())
		if err != nil || got.Repeated {
			return caseRepeat{Count: len(got.Within), Since: got.Since, Rule: got.Rule}, err
		}
	}
	return caseRepeat{}, nil
}

// caseLinks are the ways on from the case.
func (d *desk) caseLinks(r *http.Request, a staff.Actor, x lines, p *casePageData) {
	f, c := p.File, p.File.Case
	for _, n := range f.Next {
		p.Moves = append(p.Moves, caseLink{Href: d.pages.URL(r, "/cases", c.Number, "move", url.Values{"to": {string(n.To)}}), Text: "cases.to." + string(n.To), Name: string(n.To)})
	}
	for _, act := range caseActions {
		if act.Name != "move" && !act.quiet && slices.Contains(f.Can, act.Name) {
			p.Acts = append(p.Acts, caseLink{Href: d.pages.URL(r, "/cases", c.Number, act.Name), Text: "cases.act." + act.Name, Name: act.Name})
		}
	}
	if slices.Contains(f.Can, "issue") {
		for _, form := range f.Forms {
			p.Issues = append(p.Issues, caseLink{Href: d.pages.URL(r, "/cases", c.Number, "issue", form.Kind), Text: "casework.document." + form.Kind, Name: form.Kind})
		}
	}
	for _, t := range c.Tags {
		p.Tags = append(p.Tags, caseLink{Href: d.pages.URL(r, "/cases", url.Values{"tag": {t}}), Text: tagName(fn.Lang(r), t)})
	}
	if len(c.TipOffs) > 0 && f.MayOpen {
		p.Reward = d.pages.URL(r, "/cases", c.Number, "reward")
	}
	for _, no := range c.TipOffs {
		p.Tips = append(p.Tips, caseLink{Href: d.pages.URL(r, "/tip-offs", no), Text: tipoff.FormatNumber(no)})
	}
	for _, no := range c.Same {
		p.Same = append(p.Same, caseLink{Href: d.pages.URL(r, "/cases", no), Text: no})
	}
	if c.Into != "" {
		p.Into = &caseLink{Href: d.pages.URL(r, "/cases", c.Into), Text: c.Into}
	}
	if c.Offer != nil {
		p.Offer = &caseOffer{*c.Offer, x.unit(c.Offer.To)}
	}
	p.Undo = undoOf(f, a)
}

// caseEvent words an event: a state that was reached, or another thing.
func (d *desk) caseEvent(r *http.Request, x lines, e casework.Event) caseEvent {
	out := caseEvent{Event: e, Who: d.name(r.Context(), x.people, e.By), Key: "casework.event." + e.What}
	if !page.Has(out.Key) {
		out.Key = "casework.state." + e.What
	}
	switch e.What {
	case casework.Assigned, casework.Claimed, casework.RecusedUser, casework.HandedOver:
		out.About = d.name(r.Context(), x.people, e.Ref)
	case casework.Offered, casework.Accepted, casework.Declined, casework.DisputeBegun, casework.DisputeSettled:
		out.About = x.unit(e.Ref)
	case casework.DelegatedTo, casework.Undelegated:
		out.About = x.office(e.Ref)
	case casework.ZoneConfirmed:
		out.About = areaName(e.Ref)
	case casework.PauseBegun, casework.PauseEnded:
		out.About = wordOf(r, "casework.wait.", e.Ref)
	case casework.Documented:
		out.About = wordOf(r, "casework.document.", e.Ref)
	default:
		out.About = e.Ref
	}
	return out
}

// wordOf words a part of a key that a record holds, "" for none.
func wordOf(r *http.Request, prefix, name string) string {
	if name == "" {
		return ""
	}
	if key := prefix + name; page.Has(key) {
		return page.Say(page.LangOf(r), key)
	}
	return name
}

// undo of what was done last, where it can be taken back and does no harm: the
// case is shown with one button for it.
type caseUndo struct {
	Action string
	Fields []option // hidden fields of the form: name and value
}

// undoOf says how the last event is taken back, by whoever did it.
func undoOf(f casework.File, a staff.Actor) *caseUndo {
	c := f.Case
	if len(c.Events) == 0 {
		return nil
	}
	e := c.Events[len(c.Events)-1]
	if e.By != a.User.ID {
		return nil
	}
	may := func(action string) bool { return slices.Contains(f.Can, action) }
	switch {
	case e.What == casework.Offered && may("withdraw"):
		return &caseUndo{Action: "withdraw"}
	case e.What == casework.DelegatedTo && may("return"):
		return &caseUndo{Action: "return", Fields: []option{{Value: "reason", Text: page.Say(page.ZH, "cases.undo_reason")}}}
	case e.What == casework.Claimed && may("assign"):
		u := &caseUndo{Action: "assign"}
		for _, h := range c.Handlers {
			if h != a.User.ID {
				u.Fields = append(u.Fields, option{Value: "handlers", Text: h})
			}
		}
		return u
	case e.What == casework.PauseBegun && may("record"):
		return &caseUndo{Action: "record", Fields: []option{{Value: "what", Text: casework.PauseEnded}, {Value: "ref", Text: e.Ref}}}
	}
	return nil
}
