package function

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"ipcredit/shared/casework"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
)

// partyRows and personRows are how many lines the form of a case has at least
// (ours to choose); a case with more has all of its own and one empty line.
const (
	partyRows  = 3
	personRows = 2
)

// draftOptions is what the form of a case offers to choose from.
type draftOptions struct {
	Kinds       []option
	Sources     []option
	Targets     []option
	PartyRoles  []option
	PersonRoles []option
	Units       []option
	Tags        []option
	Campaigns   []option
	Parties     []formRow
	People      []formRow
}

// formRow is a line of the form: where its fields are, and what people call it.
type formRow struct {
	At string
	N  int
}

func (d *desk) draftOptions(r *http.Request, a staff.Actor, form *page.Form, parties, people int) (*draftOptions, error) {
	lang := fn.Lang(r)
	o := &draftOptions{
		Kinds:      options(lang, "tipoff.kind.", casework.Kinds()),
		Targets:    options(lang, "casework.target.", casework.Targets()),
		PartyRoles: options(lang, "casework.role.", casework.PartyRoles()), PersonRoles: options(lang, "casework.role.", casework.PersonRoles()),
	}
	for _, s := range casework.Sources() {
		if s != casework.FromTip {
			o.Sources = append(o.Sources, option{Value: string(s), Text: page.Say(lang, "casework.source."+string(s))})
		}
	}
	o.Tags = tagOptions(lang)
	if units := a.Units(staff.CaseIntake, d.env.Now()); len(units) > 1 {
		for _, u := range units {
			o.Units = append(o.Units, option{Value: u, Text: d.unitName(r.Context(), u)})
		}
	}
	for i := range max(partyRows, parties+1) {
		o.Parties = append(o.Parties, formRow{"parties/" + strconv.Itoa(i), i + 1})
	}
	for i := range max(personRows, people+1) {
		o.People = append(o.People, formRow{"people/" + strconv.Itoa(i), i + 1})
	}
	var err error
	o.Campaigns, err = d.campaignOptions(r.Context(), a, form.Value("campaign"))
	return o, err
}

// campaignOptions lists the campaigns that run in the officer's divisions, and the
// one that is chosen already.
func (d *desk) campaignOptions(ctx context.Context, a staff.Actor, chosen string) ([]option, error) {
	var out []option
	has := func(id string) bool { return slices.ContainsFunc(out, func(o option) bool { return o.Value == id }) }
	units := append(a.Units(staff.CaseIntake, d.env.Now()), a.Units(staff.CaseHandle, d.env.Now())...)
	slices.Sort(units)
	for _, unit := range slices.Compact(units) {
		running, err := d.campaigns.Running(ctx, unit)
		if err != nil {
			return nil, err
		}
		for _, c := range running {
			if !has(c.ID) {
				out = append(out, option{Value: c.ID, Text: c.Name})
			}
		}
	}
	if chosen != "" && !has(chosen) {
		out = append(out, option{Value: chosen, Text: d.campaignName(ctx, a, chosen)})
	}
	return out, nil
}

// campaignName is what a campaign is called, its number where the officer may not
// see it.
func (d *desk) campaignName(ctx context.Context, a staff.Actor, id string) string {
	if c, err := d.campaigns.Open(ctx, a, id, d.env.Now()); err == nil {
		return c.Campaign.Name
	}
	return id
}

// tagOptions lists the tags of industries, fields and campaigns.
func tagOptions(lang page.Lang) []option {
	var out []option
	for _, t := range casework.Tags() {
		text := t.ZH
		if lang == page.EN {
			text = t.EN
		}
		out = append(out, option{Value: t.Tag, Text: text})
	}
	return out
}

// tagName is what a tag is called: a division's is its name.
func tagName(lang page.Lang, tag string) string {
	if code, ok := strings.CutPrefix(tag, "area:"); ok {
		return areaName(code)
	}
	for _, o := range tagOptions(lang) {
		if o.Value == tag {
			return o.Text
		}
	}
	return tag
}

// maxRows bounds the lines of a form that are looked at.
const maxRows = 200

// compact closes the gaps between the lines of a kind that were filled in, so that
// a refusal that counts them names the right one, and returns how many there are.
func compact(f url.Values, kind string, fields ...string) int {
	n := 0
	for i := range maxRows {
		at := kind + "/" + strconv.Itoa(i) + "/"
		used := false
		for _, name := range fields {
			used = used || name != "role" && fieldText(f, at+name) != ""
		}
		to := kind + "/" + strconv.Itoa(n) + "/"
		if used {
			n++
		}
		for _, name := range fields {
			v := fieldText(f, at+name)
			f.Del(at + name)
			if used {
				f.Set(to+name, v)
			}
		}
	}
	return n
}

var (
	rowOfParty  = []string{"name", "code", "role"}
	rowOfPerson = []string{"name", "contact", "role"}
)

// rowsOf is how many lines a form was sent with, once it was compacted.
func rowsOf(f url.Values, kind string) int {
	n := 0
	for f.Has(kind + "/" + strconv.Itoa(n) + "/name") {
		n++
	}
	return n
}

// draftOfForm reads the form of a case.
func draftOfForm(f url.Values) (casework.Draft, error) {
	dr := casework.Draft{
		Kind: casework.Kind(fieldText(f, "kind")), Source: casework.Source(fieldText(f, "source")), Division: fieldText(f, "division"), Unit: fieldText(f, "unit"),
		Filed: f.Get("filed") == "yes", Facts: fieldText(f, "facts"), Target: casework.Target(fieldText(f, "target")),
		Agents: spaced(fieldText(f, "agents")), Numbers: lined(fieldText(f, "numbers")), Campaign: fieldText(f, "campaign"), Tags: f["tags"],
		Continuing: f.Get("continuing") == "yes", Health: f.Get("health") == "yes", Key: f.Get("ticket"),
	}
	var err error
	if dr.Received, err = date(f, "received"); err != nil {
		return dr, err
	}
	if dr.ActEnded, err = date(f, "actEnded"); err != nil {
		return dr, err
	}
	for i := range compact(f, "parties", rowOfParty...) {
		at := "parties/" + strconv.Itoa(i)
		dr.Parties = append(dr.Parties, casework.Party{Name: fieldText(f, at+"/name"), Code: fieldText(f, at+"/code"), Role: casework.Role(fieldText(f, at+"/role"))})
	}
	for i := range compact(f, "people", rowOfPerson...) {
		at := "people/" + strconv.Itoa(i)
		dr.People = append(dr.People, casework.Person{Name: fieldText(f, at+"/name"), Contact: fieldText(f, at+"/contact"), Role: casework.Role(fieldText(f, at+"/role"))})
	}
	return dr, nil
}

// spaced splits what is written with spaces, commas or lines between.
func spaced(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(" \n\t,，、;；　", r) })
}

// lined splits numbers: a space may stand inside one.
func lined(s string) []string {
	var out []string
	for _, x := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune("\n,，、;；", r) }) {
		if x = strings.TrimSpace(x); x != "" && !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}

// nearField takes what is wrong with one of several numbers to the field in which
// they are written, naming it.
func nearField(lang page.Lang, f url.Values, err error) error {
	got, ok := fault.Of(err)
	if !ok {
		return err
	}
	list := map[string][]string{"numbers": lined(fieldText(f, "numbers")), "agents": spaced(fieldText(f, "agents"))}
	out := fault.New(got.Kind, got.Code, got.Args...)
	for _, field := range got.Fields {
		kind, at, _ := strings.Cut(field.Name, "/")
		n, err := strconv.Atoi(at)
		if err == nil && n >= 0 && n < len(list[kind]) {
			out = out.With(kind, "cases.one_wrong", list[kind][n], page.FieldMessage(lang, field))
			continue
		}
		out = out.With(field.Name, field.Code, field.Args...)
	}
	return out
}

// formOfDraft is the form filled with what is known.
func formOfDraft(dr casework.Draft) url.Values {
	f := url.Values{
		"kind": {string(dr.Kind)}, "source": {string(dr.Source)}, "unit": {dr.Unit}, "division": {dr.Division}, "facts": {dr.Facts}, "target": {string(dr.Target)},
		"agents": {strings.Join(dr.Agents, "\n")}, "numbers": {strings.Join(dr.Numbers, "\n")}, "campaign": {dr.Campaign}, "tags": dr.Tags,
	}
	if !dr.Received.IsZero() {
		f.Set("received", dr.Received.String())
	}
	if !dr.ActEnded.IsZero() {
		f.Set("actEnded", dr.ActEnded.String())
	}
	for name, on := range map[string]bool{"continuing": dr.Continuing, "health": dr.Health, "filed": dr.Filed} {
		if on {
			f.Set(name, "yes")
		}
	}
	for i, p := range dr.Parties {
		at := "parties/" + strconv.Itoa(i)
		f.Set(at+"/name", p.Name)
		f.Set(at+"/code", p.Code)
		f.Set(at+"/role", string(p.Role))
	}
	for i, p := range dr.People {
		at := "people/" + strconv.Itoa(i)
		f.Set(at+"/name", p.Name)
		f.Set(at+"/contact", p.Contact)
		f.Set(at+"/role", string(p.Role))
	}
	return f
}

// draftForm is the form of a case as it stands.
func draftForm(f casework.File) url.Values {
	c := f.Case
	return formOfDraft(casework.Draft{
		Kind: c.Kind, Parties: c.Parties, People: f.People, Facts: f.Facts, Target: c.Target, Agents: c.Agents,
		Numbers: append(slices.Clone(c.Applications), c.Marks...), Campaign: c.Campaign, Tags: c.Tags, ActEnded: c.ActEnded, Continuing: c.Continuing, Health: c.Health,
	})
}

func (d *desk) fillDraft(r *http.Request, a staff.Actor, p *caseActPage) error {
	parties, people := len(p.File.Case.Parties), len(p.File.People)
	if r.Method == http.MethodPost {
		parties, people = max(parties, rowsOf(r.PostForm, "parties")), max(people, rowsOf(r.PostForm, "people"))
	}
	var err error
	p.Draft, err = d.draftOptions(r, a, p.Form, parties, people)
	return err
}

func (d *desk) doEdit(ctx context.Context, c caseCall) (casework.Case, error) {
	dr, err := draftOfForm(c.r.PostForm)
	if err != nil {
		return c.file.Case, err
	}
	done, err := d.cases.Edit(ctx, c.who, c.seen(), dr, d.env.Now())
	return done, nearField(c.lang, c.r.PostForm, err)
}

type caseNewPage struct {
	base
	Draft  *draftOptions
	Ticket string
	Today  string
	// Tip is the tip-off it comes from, in groups; Number as it is.
	Tip, Number string
	Version     string
	Templates   []string
}

func (d *desk) caseNewForm(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if !a.May(staff.CaseIntake, d.env.Now()) {
		return fault.New(fault.Forbidden, "staff.can.role")
	}
	p := caseNewPage{base: d.casesBase(r, a), Ticket: ticket(), Today: d.today().String()}
	p.Form = page.NewForm(url.Values{"received": {d.today().String()}, "source": {string(casework.OwnCheck)}})
	var err error
	if p.Draft, err = d.draftOptions(r, a, p.Form, 0, 0); err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "case-new", p)
}

// caseNew opens a case of the officer's own unit. The form's ticket opens one
// case however often it is sent.
func (d *desk) caseNew(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	dr, err := draftOfForm(r.PostForm)
	var c casework.Case
	if err == nil {
		c, err = d.cases.Open(r.Context(), a, dr, d.env.Now())
		err = nearField(fn.Lang(r), r.PostForm, err)
	}
	if err == nil {
		return d.see(w, r, "/cases", c.Number, done("new"))
	}
	if fault.Is(err, fault.Forbidden) {
		return err
	}
	p := caseNewPage{base: d.casesBase(r, a), Ticket: r.PostForm.Get("ticket"), Today: d.today().String()}
	status, err := refused(r, &p.base, err)
	if err != nil {
		return err
	}
	if len(p.Ticket) != len(ticket()) {
		p.Ticket = ticket()
	}
	if p.Draft, err = d.draftOptions(r, a, p.Form, rowsOf(r.PostForm, "parties"), rowsOf(r.PostForm, "people")); err != nil {
		return err
	}
	return d.pages.Show(w, r, status, "case-new", p)
}
