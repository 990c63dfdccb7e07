package function

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"ipcredit/shared/campaign"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
)

func stageTone(s campaign.Stage) string {
	return map[campaign.Stage]string{campaign.Invited: "amber", campaign.Ready: "blue", campaign.Underway: "blue", campaign.Finished: "green", campaign.Canceled: "grey"}[s]
}

var stages = []campaign.Stage{campaign.Invited, campaign.Ready, campaign.Underway, campaign.Finished, campaign.Canceled}

func (d *desk) inspectionList(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	q, lang := r.URL.Query(), fn.Lang(r)
	stage := campaign.Stage(q.Get("state"))
	if stage != "" && !slices.Contains(stages, stage) {
		return fault.New(fault.Invalid, "case-handling.filter").With("state", "case-handling.filter")
	}
	list, err := d.campaigns.Inspections(r.Context(), a, stage, d.env.Now())
	if err != nil {
		return err
	}
	orgs, err := d.orgs(r.Context())
	if err != nil {
		return err
	}
	v := listView{
		base: d.place(r, a), Title: speak(r, "campaign.inspections"), About: speak(r, "campaign.inspections_about"), Here: d.pages.URL(r, "/inspections"), None: speak(r, "campaign.inspections_none"),
		Filters: []control{{Kind: "select", Name: "state", Label: speak(r, "case-handling.state"), Options: options(lang, "campaign.stage.", stages), Blank: speak(r, "case-handling.any")}},
	}
	v.Form = page.NewForm(q)
	if d.mayCampaign(a) == nil {
		v.Buttons = []knob{{Href: d.pages.URL(r, "/inspections/new"), Text: speak(r, "campaign.inspection_new")}}
	}
	v.Table = page.Table{Caption: v.Title, Quiet: true, Columns: []page.Column{{Text: speak(r, "campaign.name")}, {Text: speak(r, "campaign.leads")}, {Text: speak(r, "campaign.period")}, {Text: speak(r, "case-handling.state")}, {Text: speak(r, "campaign.sites"), Numeric: true}}}
	for _, i := range list {
		v.Table.Rows = append(v.Table.Rows, []page.Cell{{Text: i.Name, Href: d.pages.URL(r, "/inspections", i.ID)}, {Text: orgs[i.Org].Name}, {Text: i.From.String() + " – " + i.To.String()},
			{Text: page.Say(lang, "campaign.stage."+string(i.Stage)), Tone: stageTone(i.Stage)}, {Text: strconv.Itoa(len(i.Sites))}})
	}
	return d.pages.Show(w, r, http.StatusOK, "liaison-list", v)
}

func (d *desk) inspectionPage(r *http.Request, a staff.Actor) (formView, error) {
	v := formView{
		base: d.place(r, a), Title: speak(r, "campaign.inspection_new"), About: speak(r, "campaign.inspection_about"), Action: d.pages.URL(r, "/inspections"), Button: speak(r, "campaign.invite"),
		Back: d.pages.URL(r, "/inspections"), Crumbs: []page.Link{{Href: d.pages.URL(r, "/inspections"), Text: speak(r, "campaign.inspections")}},
	}
	running, err := d.campaigns.Running(r.Context(), a.Org.Division())
	if err != nil {
		return v, err
	}
	var campaigns, partners []option
	for _, c := range running {
		campaigns = append(campaigns, option{Value: c.ID, Text: c.Name})
	}
	orgs, err := d.campaigns.Partners(r.Context())
	if err != nil {
		return v, err
	}
	for _, o := range orgs {
		if o.ID != a.Org.ID {
			partners = append(partners, option{Value: o.ID, Text: o.Name})
		}
	}
	in := append([]control{{Kind: "input", Name: "name", Label: speak(r, "campaign.name"), Width: "w-full"}}, spanFields(r)...)
	if len(campaigns) > 0 {
		in = append(in, control{Kind: "select", Name: "campaign", Label: speak(r, "campaign.of"), Options: campaigns, Blank: speak(r, "campaign.of_none"), Optional: true})
	}
	v.Groups = []group{
		{Inputs: in}, {Legend: speak(r, "campaign.basis"), Inputs: basisFields(r)},
		{Legend: speak(r, "campaign.parts"), Inputs: []control{{Kind: "checkboxes", Name: "orgs", Label: speak(r, "campaign.parts_choose"), Options: partners}}},
		{Legend: speak(r, "campaign.sites"), Inputs: []control{{Kind: "textarea", Name: "sites", Label: speak(r, "campaign.sites_list"), Hint: speak(r, "campaign.sites_hint"), Rows: 6}}},
	}
	return v, nil
}

func (d *desk) inspectionForm(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := d.mayCampaign(a); err != nil {
		return err
	}
	v, err := d.inspectionPage(r, a)
	if err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "liaison-form", v)
}

// sitesOf reads subjects written one a line: the code, then the name.
func sitesOf(text string) []campaign.Site {
	var out []campaign.Site
	for _, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(strings.Map(func(c rune) rune {
			if c == ',' || c == '，' || c == '\t' || c == '　' {
				return ' '
			}
			return c
		}, line))
		if line == "" {
			continue
		}
		code, name, _ := strings.Cut(line, " ")
		out = append(out, campaign.Site{Code: code, Name: name})
	}
	return out
}

func (d *desk) inspectionPlan(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	f := r.PostForm
	i, err := d.campaigns.Plan(r.Context(), a, campaign.InspectionPlan{
		Name: f.Get("name"), Campaign: f.Get("campaign"), From: dayOf(f, "from"), To: dayOf(f, "to"), Basis: campaignBasis(f), Orgs: f["orgs"], Sites: sitesOf(typed(r, "sites")),
	}, d.env.Now())
	if err != nil {
		why, ok := fault.Of(err)
		if !ok || why.Kind == fault.Forbidden {
			return err
		}
		for n, x := range why.Fields {
			// The form has one box for all of them: the message says which line.
			if part := strings.Split(x.Name, "/"); len(part) == 3 && part[0] == "sites" {
				line, _ := strconv.Atoi(part[1])
				why.Fields[n] = fault.Field{Name: "sites", Code: "campaign.site_line", Args: []any{line + 1, page.FieldMessage(fn.Lang(r), x)}}
			}
		}
		v, verr := d.inspectionPage(r, a)
		if verr != nil {
			return verr
		}
		return d.again(w, r, v, why)
	}
	return d.see(w, r, "/inspections", i.ID, done("inspection-planned"))
}

// inspectionFacts are what an inspection is.
func inspectionFacts(r *http.Request, o campaign.OpenedInspection, orgs map[string]staff.Organization) []fact {
	lang := fn.Lang(r)
	return []fact{
		{Key: speak(r, "case-handling.state"), Text: page.Say(lang, "campaign.stage."+string(o.Stage)), Tone: stageTone(o.Stage)},
		{Key: speak(r, "campaign.leads"), Text: orgs[o.Org].Name, Chinese: true},
		{Key: speak(r, "campaign.period"), Text: o.From.String() + " – " + o.To.String()},
		{Key: speak(r, "campaign.basis"), Text: "《" + o.Basis.Title + "》" + o.Basis.Number, Note: o.Basis.On.String(), Chinese: true},
	}
}

// partsTable lists who takes part.
func partsTable(lang page.Lang, o campaign.OpenedInspection, orgs map[string]staff.Organization) *page.Table {
	t := page.Table{Caption: page.Say(lang, "campaign.parts"), Quiet: true, Columns: []page.Column{{Text: page.Say(lang, "campaign.part")}, {Text: page.Say(lang, "campaign.answer")}, {Text: page.Say(lang, "campaign.people")}}}
	for _, p := range o.Parts {
		key, tone := p.Answer, map[string]string{"": "amber", "accepted": "green", "declined": "grey"}[p.Answer]
		if key == "" {
			key = "waiting"
		}
		t.Rows = append(t.Rows, []page.Cell{{Text: orgs[p.Org].Name}, {Text: page.Say(lang, "campaign.answer."+key), Tone: tone}, {Text: dayCell(strings.Join(o.People[p.Org], page.Say(lang, "case-handling.comma")))}})
	}
	return &t
}

// siteSections are the subjects with what was found there.
func siteSections(lang page.Lang, o campaign.OpenedInspection, orgs map[string]staff.Organization, lookup func(code string) string) []section {
	var out []section
	missing := o.Missing()
	for _, s := range o.Sites {
		x := section{Title: s.Name, Facts: []fact{{Key: page.Say(lang, "inquiry.code"), Text: s.Code}}}
		if lookup != nil {
			x.Facts[0].Href = lookup(s.Code)
		}
		if s.Case != "" {
			x.Facts = append(x.Facts, fact{Key: page.Say(lang, "campaign.case"), Text: s.Case})
		}
		for _, org := range o.Taking() {
			f, ok := s.Findings[org]
			if !ok {
				continue
			}
			x.Thread = append(x.Thread, said{Who: orgs[org].Name + " · " + f.On.String() + " · " + page.Say(lang, "campaign.outcome."+f.Outcome), Text: o.Texts[s.Code][org]})
		}
		if o.Stage == campaign.Underway {
			for _, org := range missing[s.Code] {
				x.Lines = append(x.Lines, page.Say(lang, "campaign.awaited", orgs[org].Name))
			}
		}
		out = append(out, x)
	}
	return out
}

func (d *desk) inspection(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	ctx, lang := r.Context(), fn.Lang(r)
	o, err := d.campaigns.OpenInspection(ctx, a, r.PathValue("id"), d.env.Now())
	if err != nil {
		return err
	}
	orgs, err := d.orgs(ctx)
	if err != nil {
		return err
	}
	v := recordView{
		base: d.place(r, a), Title: o.Name, Version: o.Version, Crumbs: []page.Link{{Href: d.pages.URL(r, "/inspections"), Text: speak(r, "campaign.inspections")}}, Facts: inspectionFacts(r, o, orgs),
		Sections: []section{{Title: speak(r, "campaign.parts"), Table: partsTable(lang, o, orgs)}},
	}
	if o.Campaign != "" && d.mayCampaign(a) == nil {
		v.Facts = append(v.Facts, fact{Key: speak(r, "campaign.of"), Text: speak(r, "campaign.title"), Href: d.pages.URL(r, "/campaigns", o.Campaign)})
	}
	for _, s := range o.Owed() {
		v.Warnings = append(v.Warnings, speak(r, "campaign.owed_site", s.Name))
	}
	for _, s := range o.Steps {
		href, text := d.pages.URL(r, "/inspections", o.ID, s), page.Say(lang, "campaign.step."+s)
		switch s {
		case "begin", "finish":
			v.Posts = append(v.Posts, knob{Href: href, Text: text})
		case "cancel":
			v.Posts = append(v.Posts, knob{Href: href, Text: text, Tone: "warn"})
		default:
			v.Buttons = append(v.Buttons, knob{Href: href, Text: text})
		}
	}
	v.Buttons = append(v.Buttons, knob{Href: d.pages.URL(r, "/inspections", o.ID, "print"), Text: speak(r, "campaign.print")})
	v.Sections = append(v.Sections, siteSections(lang, o, orgs, func(code string) string { return d.pages.URL(r, "credit-lookup/subjects", code) })...)
	for _, e := range o.Events {
		v.History = append(v.History, happened{At: e.At, What: page.Say(lang, "campaign.event."+e.What), Who: orgs[e.Org].Name})
	}
	return d.pages.Show(w, r, http.StatusOK, "liaison-record", v)
}

func (d *desk) inspectionPrint(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	o, err := d.campaigns.OpenInspection(r.Context(), a, r.PathValue("id"), d.env.Now())
	if err != nil {
		return err
	}
	orgs, err := d.orgs(r.Context())
	if err != nil {
		return err
	}
	zh := func(key string, args ...any) string { return page.Say(page.ZH, key, args...) }
	v := printView{
		base: d.place(r, a), Title: zh("campaign.paper.joint", o.Name), Signed: orgs[o.Org].Name, Crumbs: []page.Link{{Href: d.pages.URL(r, "/inspections", o.ID), Text: o.Name}},
		Paragraphs: []string{zh("campaign.paper.opening", o.Basis.Title, o.Basis.Number, chineseDay(o.From), chineseDay(o.To))},
		Sections:   []section{{Title: zh("campaign.parts"), Table: partsTable(page.ZH, o, orgs)}},
	}
	for _, s := range siteSections(page.ZH, o, orgs, nil) {
		for _, f := range s.Thread {
			s.Text += f.Who + "\n" + f.Text + "\n\n"
		}
		s.Thread, s.Lines = nil, nil
		v.Sections = append(v.Sections, s)
	}
	if o.Stage != campaign.Finished {
		v.Stamp = zh("campaign.paper.so_far", chineseDay(d.today()))
	}
	return d.pages.Show(w, r, http.StatusOK, "liaison-print", v)
}

var inspectionForms = []string{"join", "find", "follow-up"}

func (d *desk) inspectionStepPage(r *http.Request, a staff.Actor, o campaign.OpenedInspection, step string) formView {
	lang := fn.Lang(r)
	here := d.pages.URL(r, "/inspections", o.ID)
	v := formView{
		base: d.place(r, a), Title: page.Say(lang, "campaign.step."+step), Lead: o.Name, Action: d.pages.URL(r, "/inspections", o.ID, step), Back: here, Button: page.Say(lang, "campaign.step."+step),
		Version: strconv.FormatInt(o.Version, 10), Crumbs: []page.Link{{Href: d.pages.URL(r, "/inspections"), Text: speak(r, "campaign.inspections")}, {Href: here, Text: o.Name}},
	}
	var sites []option
	for _, s := range o.Sites {
		sites = append(sites, option{Value: s.Code, Text: s.Name, Hint: s.Code})
	}
	site := control{Kind: "radios", Name: "site", Label: speak(r, "campaign.site"), Options: sites}
	switch step {
	case "join":
		v.Groups = []group{{Inputs: []control{
			{Kind: "radios", Name: "answer", Label: speak(r, "campaign.answer"), Options: options(lang, "campaign.answer.", []string{"accepted", "declined"})},
			{Kind: "textarea", Name: "people", Label: speak(r, "campaign.people"), Hint: speak(r, "campaign.people_hint"), Rows: 4, Optional: true},
		}}}
	case "find":
		v.Groups = []group{{Inputs: []control{
			site, {Kind: "radios", Name: "outcome", Label: speak(r, "campaign.outcome"), Options: options(lang, "campaign.outcome.", campaign.Outcomes())},
			{Kind: "input", Name: "on", Label: speak(r, "campaign.on"), Type: "date", Width: "w-short"},
			{Kind: "textarea", Name: "text", Label: speak(r, "campaign.found"), Hint: speak(r, "liaison.no_reporter"), Rows: 8},
		}}}
	case "follow-up":
		v.Groups = []group{{Inputs: []control{site, {Kind: "input", Name: "case", Label: speak(r, "campaign.case"), Hint: speak(r, "campaign.case_hint"), Width: "w-code"}}}}
	}
	return v
}

func (d *desk) inspectionStepForm(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	step := r.PathValue("step")
	if !slices.Contains(inspectionForms, step) {
		return fault.New(fault.NotFound, "fn.not_found")
	}
	o, err := d.campaigns.OpenInspection(r.Context(), a, r.PathValue("id"), d.env.Now())
	if err != nil {
		return err
	}
	if !slices.Contains(o.Steps, step) {
		return fault.New(fault.Conflict, "campaign.step")
	}
	v := d.inspectionStepPage(r, a, o, step)
	v.Form = page.NewForm(url.Values{"on": {d.today().String()}})
	return d.pages.Show(w, r, http.StatusOK, "liaison-form", v)
}

func (d *desk) inspectionStep(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	ctx, now, id, step := r.Context(), d.env.Now(), r.PathValue("id"), r.PathValue("step")
	o, err := d.campaigns.OpenInspection(ctx, a, id, now)
	if err != nil {
		return err
	}
	version, err := seenVersion(r)
	if err == nil {
		switch step {
		case "join":
			answer := typed(r, "answer")
			if answer != "accepted" && answer != "declined" {
				err = fault.New(fault.Invalid, "campaign.incomplete").With("answer", "campaign.choice")
				break
			}
			_, err = d.campaigns.Join(ctx, a, id, version, answer == "accepted", strings.Split(typed(r, "people"), "\n"), now)
		case "begin":
			_, err = d.campaigns.Begin(ctx, a, id, version, now)
		case "cancel":
			_, err = d.campaigns.Cancel(ctx, a, id, version, now)
		case "finish":
			_, err = d.campaigns.Finish(ctx, a, id, version, now)
		case "find":
			_, err = d.campaigns.Find(ctx, a, id, version, typed(r, "site"), campaign.Finding{Outcome: typed(r, "outcome"), On: dayOf(r.PostForm, "on"), Text: typed(r, "text")}, now)
		case "follow-up":
			if err = d.followed(ctx, a, typed(r, "case")); err == nil {
				_, err = d.campaigns.FollowUp(ctx, a, id, version, typed(r, "site"), typed(r, "case"), now)
			}
		default:
			return fault.New(fault.NotFound, "fn.not_found")
		}
	}
	if err != nil {
		if fault.Is(err, fault.Forbidden) || !slices.Contains(inspectionForms, step) {
			return err
		}
		return d.again(w, r, d.inspectionStepPage(r, a, o, step), err)
	}
	return d.see(w, r, "/inspections", id, done("inspection-"+step))
}

// followed refuses a number under which the officer has no case: a slip must not
// stand as what followed. Of one that he may not read it tells nothing.
func (d *desk) followed(ctx context.Context, a staff.Actor, number string) error {
	_, err := d.cases.Get(ctx, a, number, d.env.Now())
	if f, ok := fault.Of(err); ok && (f.Kind == fault.NotFound || f.Kind == fault.Forbidden || f.Kind == fault.Invalid) {
		return fault.New(fault.Invalid, "campaign.incomplete").With("case", "campaign.case_none")
	}
	return err
}
