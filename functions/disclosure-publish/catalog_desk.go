package function

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"ipcredit/shared/catalog"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// proposalLine is a proposal in a list.
type proposalLine struct {
	catalog.Proposal
	Who string
}

// Tone colours the state; the words say the same.
func (proposalLine) Tone(s catalog.State) string {
	switch s {
	case catalog.Proposed:
		return "amber"
	case catalog.Approved:
		return "green"
	}
	return "grey"
}

type catalogDeskPage struct {
	office
	State     string
	States    []option
	Proposals []proposalLine
	Items     []catalog.Item
	Measures  []catalog.Measure
	May       bool
}

// catalogOffice is what every officers' page of the catalogue shows.
func (d *desk) catalogOffice(r *http.Request, a staff.Actor) office {
	o := d.office(r, a)
	o.Done = ""
	if key := "catalog.done." + r.URL.Query().Get("done"); page.Has(key) {
		o.Done = key
	}
	return o
}

// catalogDesk lists what waits for a second person, and all that is in force, with
// what is internal.
func (d *desk) catalogDesk(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	ctx, now := r.Context(), d.env.Now()
	if err := d.catalog.MayRead(a, now); err != nil {
		return err
	}
	c, err := d.catalog.Current(ctx)
	if err != nil {
		return err
	}
	list, err := d.catalog.List(ctx)
	if err != nil {
		return err
	}
	p := catalogDeskPage{
		office: d.catalogOffice(r, a), State: r.URL.Query().Get("state"), States: options(fn.Lang(r), "catalog.state.", catalog.States),
		May: d.catalog.MayPropose(a, now) == nil,
	}
	if !slices.Contains(strs(catalog.States), p.State) {
		p.State = ""
	}
	p.Form = page.NewForm(url.Values{"state": {p.State}})
	for _, x := range list {
		if p.State == "" || string(x.State) == p.State {
			p.Proposals = append(p.Proposals, proposalLine{x, d.person(ctx, x.By)})
		}
	}
	today := workday.DateOf(now)
	for _, i := range c.Items("") {
		if i.InForce(today) || i.From.After(today) {
			p.Items = append(p.Items, i)
		}
	}
	for _, m := range c.Measures("") {
		if m.InForce(today) || m.From.After(today) {
			p.Measures = append(p.Measures, m)
		}
	}
	return d.pages.Show(w, r, http.StatusOK, "catalog-desk", p)
}

// person is an officer's name, or his id where he is not known any more.
func (d *desk) person(ctx context.Context, id string) string {
	if u, err := d.staff.User(ctx, id); err == nil {
		return u.Name
	}
	return id
}

// compared is one line of a version beside the one before it.
type compared struct {
	Label, Was, Is string
	Changed        bool
}

type proposalPage struct {
	office
	proposalLine
	Second string
	Lines  []compared
	// Was tells that something is in force on the first day.
	Was       bool
	Late      bool
	Own       bool
	MayDecide bool
}

// catalogProposal shows a proposal beside what is in force.
func (d *desk) catalogProposal(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	p, err := d.proposal(r, a)
	if err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "catalog-proposal", p)
}

func (d *desk) proposal(r *http.Request, a staff.Actor) (proposalPage, error) {
	ctx, now := r.Context(), d.env.Now()
	p := proposalPage{office: d.catalogOffice(r, a)}
	if err := d.catalog.MayRead(a, now); err != nil {
		return p, err
	}
	x, err := d.catalog.Get(ctx, r.PathValue("id"))
	if err != nil {
		return p, err
	}
	c, err := d.catalog.Current(ctx)
	if err != nil {
		return p, err
	}
	p.proposalLine = proposalLine{x, d.person(ctx, x.By)}
	if x.Second != "" {
		p.Second = d.person(ctx, x.Second)
	}
	open := x.State == catalog.Proposed
	p.Own, p.MayDecide = open && x.By == a.User.ID, open && d.catalog.MayDecide(a, x, now) == nil
	p.Late = x.Late(workday.DateOf(now))
	lang := fn.Lang(r)
	is := said(lang, x.Item, x.Measure)
	// Once it is in force there is nothing beside it but itself.
	var was map[string]string
	if item, measure := c.Before(x); open && (item != nil || measure != nil) {
		was, p.Was = said(lang, item, measure), true
	}
	for _, name := range saidFields {
		if is[name] == "" && was[name] == "" {
			continue
		}
		p.Lines = append(p.Lines, compared{page.Say(lang, "catalog.field."+name), was[name], is[name], p.Was && was[name] != is[name]})
	}
	return p, nil
}

// saidFields are the lines of a version, in their order; the words are
// "catalog.field."+name.
var saidFields = []string{
	"act", "id", "titleZH", "titleEN", "kinds", "channel", "sources", "tier", "acts", "tiers", "byZH", "byEN", "basis", "article", "list", "listItem", "from", "to",
}

// said is what a version says, line by line, in words.
func said(lang page.Lang, i *catalog.Item, m *catalog.Measure) map[string]string {
	out := map[string]string{}
	var s catalog.Span
	join := func(prefix string, words []string) string {
		for n, w := range words {
			words[n] = page.Say(lang, prefix+w)
		}
		return strings.Join(words, page.Say(lang, "catalog.and"))
	}
	switch {
	case i != nil:
		s = i.Span
		out["act"], out["kinds"], out["sources"] = i.Act, join("credit-lookup.record.", strs(i.Kinds)), join("catalog.source.", strs(i.Sources))
		out["channel"] = page.Say(lang, "catalog.channel."+string(i.Channel))
		if i.Tier != "" {
			out["tier"] = page.Say(lang, "credit.tier."+string(i.Tier))
		}
	case m != nil:
		s = m.Span
		out["id"], out["acts"], out["tiers"] = m.ID, join("credit.act.", slices.Clone(m.Acts)), join("credit.tier.", strs(m.Tiers))
		out["byZH"], out["byEN"], out["list"], out["listItem"] = m.By.ZH, m.By.EN, m.List, m.ListItem
	}
	out["titleZH"], out["titleEN"], out["basis"], out["article"] = s.Title.ZH, s.Title.EN, s.Basis, s.Article
	out["from"], out["to"] = s.From.String(), s.To.String()
	return out
}

// catalogDecide approves, refuses or withdraws a proposal.
func (d *desk) catalogDecide(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := posted(r); err != nil {
		return err
	}
	ctx, id, now := r.Context(), r.PathValue("id"), d.env.Now()
	action := r.PathValue("action")
	var err error
	switch action {
	case "approve":
		_, err = d.catalog.Approve(ctx, a, id, now)
	case "refuse":
		_, err = d.catalog.Refuse(ctx, a, id, r.PostForm.Get("why"), now)
	case "withdraw":
		_, err = d.catalog.Withdraw(ctx, a, id, now)
	default:
		return fault.New(fault.NotFound, "catalog.none")
	}
	if f, ok := fault.Of(err); ok && f.Kind != fault.NotFound && f.Kind != fault.Forbidden {
		p, err := d.proposal(r, a)
		if err != nil {
			return err
		}
		p.Form = page.NewForm(r.PostForm).Refuse(fn.Lang(r), f)
		return d.pages.Show(w, r, fn.Status(f.Kind), "catalog-proposal", p)
	}
	if err != nil {
		return err
	}
	return d.toProposal(w, r, id, action)
}

func (d *desk) toProposal(w http.ResponseWriter, r *http.Request, id, done string) error {
	http.Redirect(w, r, d.pages.URL(r, "/catalog/proposals", id, url.Values{"done": {done}}), http.StatusSeeOther)
	return nil
}
