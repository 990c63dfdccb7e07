package function

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"ipcredit/shared/campaign"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// campaignRoutes are the pages of campaigns and joint inspections.
func (d *desk) campaignRoutes(m *fn.Mux) {
	m.Handle("GET /campaigns", d.signed(d.campaignList))
	m.Handle("GET /campaigns/new", d.signed(d.campaignForm))
	m.Handle("POST /campaigns", d.signed(d.campaignCreate))
	m.Handle("GET /campaigns/{id}", d.signed(d.campaign))
	m.Handle("GET /campaigns/{id}/print", d.signed(d.campaignPrint))
	m.Handle("GET /campaigns/{id}/{step}", d.signed(d.campaignStepForm))
	m.Handle("POST /campaigns/{id}/{step}", d.signed(d.campaignStep))

	m.Handle("GET /inspections", d.signed(d.inspectionList))
	m.Handle("GET /inspections/new", d.signed(d.inspectionForm))
	m.Handle("POST /inspections", d.signed(d.inspectionPlan))
	m.Handle("GET /inspections/{id}", d.signed(d.inspection))
	m.Handle("GET /inspections/{id}/print", d.signed(d.inspectionPrint))
	m.Handle("GET /inspections/{id}/{step}", d.signed(d.inspectionStepForm))
	m.Handle("POST /inspections/{id}/{step}", d.signed(d.inspectionStep))
}

func campaignTone(s campaign.State) string {
	return map[campaign.State]string{campaign.Planned: "amber", campaign.Running: "blue", campaign.Closed: "green", campaign.Dropped: "grey"}[s]
}

func standingTone(s campaign.Standing) string {
	return map[campaign.Standing]string{campaign.OnTime: "blue", campaign.Reached: "green", campaign.Late: "amber", campaign.Overdue: "red", campaign.Missed: "grey"}[s]
}

func (d *desk) campaignList(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	q, lang, today := r.URL.Query(), fn.Lang(r), d.today()
	state := campaign.State(q.Get("state"))
	if state != "" && !slices.Contains(campaign.States(), state) {
		return fault.New(fault.Invalid, "case-handling.filter").With("state", "case-handling.filter")
	}
	list, err := d.campaigns.List(r.Context(), a, state, d.env.Now())
	if err != nil {
		return err
	}
	v := listView{
		base: d.place(r, a), Title: speak(r, "campaign.title"), About: speak(r, "campaign.about"), Here: d.pages.URL(r, "/campaigns"), None: speak(r, "campaign.none"),
		Buttons: []knob{{Href: d.pages.URL(r, "/campaigns/new"), Text: speak(r, "campaign.new")}, {Href: d.pages.URL(r, "/inspections"), Text: speak(r, "campaign.inspections")}},
		Filters: []control{{Kind: "select", Name: "state", Label: speak(r, "case-handling.state"), Options: options(lang, "campaign.state.", campaign.States()), Blank: speak(r, "case-handling.any")}},
	}
	v.Form = page.NewForm(q)
	v.Table = page.Table{Caption: v.Title, Quiet: true, Columns: []page.Column{{Text: speak(r, "campaign.name")}, {Text: speak(r, "liaison.division")}, {Text: speak(r, "campaign.period")},
		{Text: speak(r, "case-handling.state")}, {Text: speak(r, "campaign.reached"), Numeric: true}, {Text: speak(r, "campaign.overdue"), Numeric: true}}}
	for _, c := range list {
		reached, overdue := 0, 0
		for _, t := range c.Totals("", today) {
			reached, overdue = reached+t.Reached, overdue+t.Overdue
		}
		v.Table.Rows = append(v.Table.Rows, []page.Cell{
			{Text: c.Name, Href: d.pages.URL(r, "/campaigns", c.ID)}, {Text: areaName(c.Division)}, {Text: c.From.String() + " – " + c.To.String()},
			{Text: page.Say(lang, "campaign.state."+string(c.State)), Tone: campaignTone(c.State)}, {Text: fmt.Sprintf("%d / %d", reached, len(c.Tasks))}, {Text: strconv.Itoa(overdue)},
		})
	}
	return d.pages.Show(w, r, http.StatusOK, "liaison-list", v)
}

// campaignFacts are what a campaign is.
func (d *desk) campaignFacts(r *http.Request, c campaign.Campaign) []fact {
	lang := fn.Lang(r)
	return []fact{
		{Key: speak(r, "case-handling.state"), Text: page.Say(lang, "campaign.state."+string(c.State)), Tone: campaignTone(c.State)},
		{Key: speak(r, "liaison.division"), Text: areaName(c.Division), Chinese: true},
		{Key: speak(r, "campaign.period"), Text: c.From.String() + " – " + c.To.String()},
		{Key: speak(r, "campaign.basis"), Text: "《" + c.Basis.Title + "》" + c.Basis.Number, Note: c.Basis.On.String(), Chinese: true},
	}
}

// totalsTable sums a campaign by measure.
func totalsTable(lang page.Lang, c campaign.Campaign, today workday.Date) *page.Table {
	t := page.Table{Caption: page.Say(lang, "campaign.totals"), Quiet: true, Columns: []page.Column{{Text: page.Say(lang, "campaign.measure")}, {Text: page.Say(lang, "campaign.target"), Numeric: true},
		{Text: page.Say(lang, "campaign.done"), Numeric: true}, {Text: page.Say(lang, "campaign.reached"), Numeric: true}, {Text: page.Say(lang, "campaign.overdue"), Numeric: true}}}
	for _, x := range c.Totals("", today) {
		t.Rows = append(t.Rows, []page.Cell{{Text: page.Say(lang, "campaign.measure."+x.Measure)}, {Text: strconv.Itoa(x.Target)}, {Text: strconv.Itoa(x.Done)},
			{Text: fmt.Sprintf("%d / %d", x.Reached, x.Tasks)}, {Text: strconv.Itoa(x.Overdue)}})
	}
	return &t
}

// tasksTable lists a campaign's tasks, by district.
func tasksTable(lang page.Lang, c campaign.Campaign, today workday.Date) *page.Table {
	t := page.Table{Caption: page.Say(lang, "campaign.tasks_title"), Quiet: true, Columns: []page.Column{{Text: page.Say(lang, "liaison.division")}, {Text: page.Say(lang, "campaign.measure")},
		{Text: page.Say(lang, "campaign.done"), Numeric: true}, {Text: page.Say(lang, "campaign.percent"), Numeric: true}, {Text: page.Say(lang, "campaign.due")}, {Text: page.Say(lang, "campaign.standing")}}}
	for _, code := range c.Districts() {
		for _, x := range c.Tasks {
			if x.District != code {
				continue
			}
			s := x.Standing(today, c.State == campaign.Closed)
			t.Rows = append(t.Rows, []page.Cell{{Text: areaName(code)}, {Text: page.Say(lang, "campaign.measure."+x.Measure)}, {Text: fmt.Sprintf("%d / %d", x.Done, x.Target)},
				{Text: strconv.Itoa(x.Percent()) + "%"}, {Text: x.Due.String()}, {Text: page.Say(lang, "campaign.standing."+string(s)), Tone: standingTone(s)}})
		}
	}
	return &t
}

// casesTable counts the cases that name a campaign, by division; nil without any.
func (d *desk) casesTable(r *http.Request, lang page.Lang, id string) (*page.Table, error) {
	counts, err := d.cases.CountCampaign(r.Context(), id)
	if err != nil || len(counts) == 0 {
		return nil, err
	}
	t := page.Table{Caption: page.Say(lang, "campaign.cases"), Quiet: true, Columns: []page.Column{{Text: page.Say(lang, "liaison.division")}, {Text: page.Say(lang, "campaign.cases_all"), Numeric: true},
		{Text: page.Say(lang, "campaign.cases_open"), Numeric: true}, {Text: page.Say(lang, "campaign.cases_punished"), Numeric: true}, {Text: page.Say(lang, "campaign.cases_transferred"), Numeric: true}}}
	for _, code := range staff.UnitLabels() {
		if n, ok := counts[code]; ok {
			t.Rows = append(t.Rows, []page.Cell{{Text: areaName(code)}, {Text: strconv.Itoa(n.All)}, {Text: strconv.Itoa(n.Open)}, {Text: strconv.Itoa(n.Punished)}, {Text: strconv.Itoa(n.Transferred)}})
		}
	}
	return &t, nil
}

func (d *desk) campaign(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	ctx, lang, today := r.Context(), fn.Lang(r), d.today()
	o, err := d.campaigns.Open(ctx, a, r.PathValue("id"), d.env.Now())
	if err != nil {
		return err
	}
	v := recordView{
		base: d.place(r, a), Title: o.Name, Crumbs: []page.Link{{Href: d.pages.URL(r, "/campaigns"), Text: speak(r, "campaign.title")}}, Facts: d.campaignFacts(r, o.Campaign), Version: o.Version,
		Sections: []section{{Title: speak(r, "campaign.totals"), Table: totalsTable(lang, o.Campaign, today)}, {Title: speak(r, "campaign.tasks_title"), Table: tasksTable(lang, o.Campaign, today)}},
	}
	for _, s := range o.Steps {
		href, text := d.pages.URL(r, "/campaigns", o.ID, s), page.Say(lang, "campaign.step."+s)
		switch s {
		case "start":
			v.Posts = append(v.Posts, knob{Href: href, Text: text})
		case "drop":
			v.Posts = append(v.Posts, knob{Href: href, Text: text, Tone: "warn"})
		default:
			v.Buttons = append(v.Buttons, knob{Href: href, Text: text})
		}
	}
	v.Buttons = append(v.Buttons, knob{Href: d.pages.URL(r, "/campaigns", o.ID, "print"), Text: speak(r, "campaign.print")})
	cases := section{Title: speak(r, "campaign.cases"), About: speak(r, "campaign.cases_about"), None: speak(r, "campaign.cases_none")}
	if cases.Table, err = d.casesTable(r, lang, o.ID); err != nil {
		return err
	}
	if cases.Table != nil {
		cases.None = ""
	}
	v.Sections = append(v.Sections, cases)
	who := names{}
	entries := section{Title: speak(r, "campaign.entries"), None: speak(r, "campaign.entries_none")}
	for _, e := range o.Lines {
		entries.None = ""
		entries.Thread = append(entries.Thread, said{
			Who:  e.On.String() + " · " + areaName(e.Task.District) + " · " + page.Say(lang, "campaign.measure."+e.Task.Measure) + " · " + fmt.Sprintf("%+d", e.Add) + " · " + d.name(ctx, who, e.By),
			Text: e.Text,
		})
	}
	v.Sections = append(v.Sections, entries)
	if o.Result != "" {
		v.Sections = append(v.Sections, section{Title: speak(r, "campaign.result"), Text: o.Result})
	}
	for _, e := range o.Events {
		v.History = append(v.History, happened{At: e.At, What: page.Say(lang, "campaign.event."+e.What), Who: d.name(ctx, who, e.By)})
	}
	return d.pages.Show(w, r, http.StatusOK, "liaison-record", v)
}

// campaignPrint is the closing report, and before that the report so far.
func (d *desk) campaignPrint(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	o, err := d.campaigns.Open(r.Context(), a, r.PathValue("id"), d.env.Now())
	if err != nil {
		return err
	}
	orgs, err := d.staff.Organizations(r.Context(), false)
	if err != nil {
		return err
	}
	zh := func(key string, args ...any) string { return page.Say(page.ZH, key, args...) }
	today := d.today()
	v := printView{
		base: d.place(r, a), Title: zh("campaign.paper", o.Name), Crumbs: []page.Link{{Href: d.pages.URL(r, "/campaigns", o.ID), Text: o.Name}},
		Paragraphs: []string{zh("campaign.paper.opening", o.Basis.Title, o.Basis.Number, chineseDay(o.From), chineseDay(o.To))},
		Sections: []section{
			{Title: zh("campaign.totals"), Table: totalsTable(page.ZH, o.Campaign, today)},
			{Title: zh("campaign.tasks_title"), Table: tasksTable(page.ZH, o.Campaign, today)},
		},
	}
	t, err := d.casesTable(r, page.ZH, o.ID)
	if err != nil {
		return err
	}
	if t != nil {
		v.Sections = append(v.Sections, section{Title: zh("campaign.cases"), Table: t})
	}
	if o.Result != "" {
		v.Sections = append(v.Sections, section{Title: zh("campaign.result"), Text: o.Result})
		v.On = chineseDay(o.Ended)
	} else {
		v.Stamp = zh("campaign.paper.so_far", chineseDay(today))
	}
	for _, x := range orgs {
		if x.Division() == o.Division && slices.Contains([]staff.Kind{staff.LeadBureau, staff.DistrictBureau, staff.ZoneAdministration}, x.Kind) {
			v.Signed = x.Name
			break
		}
	}
	return d.pages.Show(w, r, http.StatusOK, "liaison-print", v)
}
