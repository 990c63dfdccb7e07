package function

import (
	"fmt"
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

// blankTasks is how many empty lines for tasks a form has.
const blankTasks = 4

// everyDistrict stands for a task that each district gets.
const everyDistrict = "each"

// beneath are the districts that a division's campaign can have tasks in.
func beneath(division string) []string {
	var out []string
	for _, code := range staff.UnitLabels() {
		if x, ok := staff.DistrictOf(code); ok && x.Above == division {
			out = append(out, code)
		}
	}
	return out
}

func (d *desk) campaignPage(r *http.Request, a staff.Actor, lines int) formView {
	lang := fn.Lang(r)
	v := formView{
		base: d.place(r, a), Title: speak(r, "campaign.new"), About: speak(r, "campaign.new_about"), Action: d.pages.URL(r, "/campaigns"), Button: speak(r, "campaign.save"),
		Back: d.pages.URL(r, "/campaigns"), Crumbs: []page.Link{{Href: d.pages.URL(r, "/campaigns"), Text: speak(r, "campaign.title")}},
		Groups: []group{{Inputs: append([]control{{Kind: "input", Name: "name", Label: speak(r, "campaign.name"), Width: "w-full"}}, spanFields(r)...)}, {Legend: speak(r, "campaign.basis"), Inputs: basisFields(r)}},
	}
	districts := []option{{Value: a.Org.Division(), Text: areaName(a.Org.Division())}}
	if below := beneath(a.Org.Division()); len(below) > 0 {
		districts = append(districts, option{Value: everyDistrict, Text: speak(r, "campaign.each_district", len(below))})
		for _, code := range below {
			districts = append(districts, option{Value: code, Text: areaName(code)})
		}
	}
	for i := range lines {
		n := "tasks/" + strconv.Itoa(i) + "/"
		v.Groups = append(v.Groups, group{Legend: speak(r, "campaign.task_n", i+1), Inputs: []control{
			{Kind: "select", Name: n + "district", Label: speak(r, "liaison.division"), Options: districts, Blank: speak(r, "campaign.no_task"), Optional: i > 0},
			{Kind: "select", Name: n + "measure", Label: speak(r, "campaign.measure"), Options: options(lang, "campaign.measure.", campaign.Measures()), Blank: speak(r, "case-handling.choose"), Optional: i > 0},
			{Kind: "input", Name: n + "target", Label: speak(r, "campaign.target"), Inputmode: "numeric", Width: "w-short", Optional: i > 0},
			{Kind: "input", Name: n + "due", Label: speak(r, "campaign.due"), Type: "date", Width: "w-short", Optional: i > 0},
		}})
	}
	return v
}

func spanFields(r *http.Request) []control {
	return []control{
		{Kind: "input", Name: "from", Label: speak(r, "liaison.from_day"), Type: "date", Width: "w-short"},
		{Kind: "input", Name: "to", Label: speak(r, "liaison.to_day"), Type: "date", Width: "w-short"},
	}
}

func basisFields(r *http.Request) []control {
	return []control{
		{Kind: "input", Name: "basisNumber", Label: speak(r, "liaison.number"), Hint: speak(r, "liaison.number_hint"), Width: "w-code"},
		{Kind: "input", Name: "basisTitle", Label: speak(r, "campaign.basis_title"), Width: "w-full"},
		{Kind: "input", Name: "basisOn", Label: speak(r, "campaign.basis_on"), Type: "date", Width: "w-short"},
	}
}

func campaignBasis(f url.Values) campaign.Basis {
	return campaign.Basis{Number: strings.TrimSpace(f.Get("basisNumber")), Title: f.Get("basisTitle"), On: dayOf(f, "basisOn")}
}

// planOf reads the form of a campaign. line says from which line of the form each
// task came: one line can give every district a task.
func planOf(f url.Values, division string) (p campaign.Plan, line []int, lines int) {
	p = campaign.Plan{Name: f.Get("name"), From: dayOf(f, "from"), To: dayOf(f, "to"), Basis: campaignBasis(f)}
	for i := 0; ; i++ {
		n := "tasks/" + strconv.Itoa(i) + "/"
		if _, ok := f[n+"district"]; !ok || i >= 400 {
			return p, line, max(i, blankTasks)
		}
		if f.Get(n+"district")+f.Get(n+"measure")+f.Get(n+"target")+f.Get(n+"due") == "" {
			continue
		}
		target, err := strconv.Atoi(strings.TrimSpace(f.Get(n + "target")))
		if err != nil {
			target = 0
		}
		t := campaign.Task{District: f.Get(n + "district"), Measure: f.Get(n + "measure"), Target: target, Due: dayOf(f, n+"due")}
		districts := []string{t.District}
		if t.District == everyDistrict {
			districts = beneath(division)
		}
		for _, code := range districts {
			t.District = code
			p.Tasks, line = append(p.Tasks, t), append(line, i)
		}
	}
}

// inLines names the fields of a fault as the form does.
func inLines(err error, line []int) error {
	f, ok := fault.Of(err)
	if !ok {
		return err
	}
	seen := map[string]bool{}
	var out []fault.Field
	for _, x := range f.Fields {
		if part := strings.Split(x.Name, "/"); len(part) == 3 && part[0] == "tasks" {
			if n, err := strconv.Atoi(part[1]); err == nil && n < len(line) {
				x.Name = "tasks/" + strconv.Itoa(line[n]) + "/" + part[2]
			}
		} else if x.Name == "tasks" {
			x.Name = "tasks/0/district"
		}
		if key := x.Name + x.Code; !seen[key] {
			seen[key] = true
			out = append(out, x)
		}
	}
	f.Fields = out
	return f
}

func (d *desk) mayCampaign(a staff.Actor) error {
	return staff.Can(a, staff.CampaignManage, staff.UnitResource(a.Org.Division(), a.Org.Division()), d.env.Now())
}

func (d *desk) campaignForm(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := d.mayCampaign(a); err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "liaison-form", d.campaignPage(r, a, blankTasks))
}

func (d *desk) campaignCreate(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	p, line, lines := planOf(r.PostForm, a.Org.Division())
	c, err := d.campaigns.Create(r.Context(), a, p, d.env.Now())
	if err != nil {
		if fault.Is(err, fault.Forbidden) {
			return err
		}
		return d.again(w, r, d.campaignPage(r, a, lines), inLines(err, line))
	}
	return d.see(w, r, "/campaigns", c.ID, done("campaign-created"))
}

// campaignStepPage is the form of a step that needs one.
func (d *desk) campaignStepPage(r *http.Request, a staff.Actor, o campaign.Opened, step string, lines int) formView {
	lang := fn.Lang(r)
	here := d.pages.URL(r, "/campaigns", o.ID)
	v := formView{base: d.place(r, a)}
	if step == "edit" {
		v = d.campaignPage(r, a, lines)
	}
	v.Title, v.Lead, v.Action, v.Back = page.Say(lang, "campaign.step."+step), o.Name, d.pages.URL(r, "/campaigns", o.ID, step), here
	v.Crumbs = []page.Link{{Href: d.pages.URL(r, "/campaigns"), Text: speak(r, "campaign.title")}, {Href: here, Text: o.Name}}
	v.Button, v.Version = page.Say(lang, "campaign.step."+step), strconv.FormatInt(o.Version, 10)
	switch step {
	case "enter":
		var tasks []option
		for _, t := range o.Mine {
			tasks = append(tasks, option{Value: t.ID, Text: areaName(t.District) + " · " + page.Say(lang, "campaign.measure."+t.Measure) + " · " + t.Due.String(), Hint: fmt.Sprintf("%d / %d", t.Done, t.Target)})
		}
		v.About = speak(r, "campaign.enter_about")
		v.Groups = []group{{Inputs: []control{
			{Kind: "radios", Name: "task", Label: speak(r, "campaign.task"), Options: tasks},
			{Kind: "input", Name: "on", Label: speak(r, "campaign.on"), Type: "date", Width: "w-short"},
			{Kind: "input", Name: "add", Label: speak(r, "campaign.add"), Hint: speak(r, "campaign.add_hint"), Width: "w-short"},
			{Kind: "textarea", Name: "note", Label: speak(r, "campaign.note"), Optional: true, Rows: 3},
		}}}
	case "close":
		v.About, v.Groups = speak(r, "campaign.close_about"), []group{{Inputs: []control{{Kind: "textarea", Name: "result", Label: speak(r, "campaign.result"), Rows: 12}}}}
	}
	return v
}

var campaignForms = []string{"edit", "enter", "close"}

func (d *desk) campaignStepForm(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	step := r.PathValue("step")
	if !slices.Contains(campaignForms, step) {
		return fault.New(fault.NotFound, "fn.not_found")
	}
	o, err := d.campaigns.Open(r.Context(), a, r.PathValue("id"), d.env.Now())
	if err != nil {
		return err
	}
	if !slices.Contains(o.Steps, step) {
		return fault.New(fault.Conflict, "campaign.step")
	}
	v := d.campaignStepPage(r, a, o, step, len(o.Tasks)+blankTasks)
	values := url.Values{"on": {d.today().String()}}
	if step == "edit" {
		values = url.Values{"name": {o.Name}, "from": {o.From.String()}, "to": {o.To.String()}, "basisNumber": {o.Basis.Number}, "basisTitle": {o.Basis.Title}, "basisOn": {o.Basis.On.String()}}
		for i, t := range o.Tasks {
			n := "tasks/" + strconv.Itoa(i) + "/"
			values.Set(n+"district", t.District)
			values.Set(n+"measure", t.Measure)
			values.Set(n+"target", strconv.Itoa(t.Target))
			values.Set(n+"due", t.Due.String())
		}
	}
	v.Form = page.NewForm(values)
	return d.pages.Show(w, r, http.StatusOK, "liaison-form", v)
}

func (d *desk) campaignStep(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	ctx, now, id, step := r.Context(), d.env.Now(), r.PathValue("id"), r.PathValue("step")
	o, err := d.campaigns.Open(ctx, a, id, now)
	if err != nil {
		return err
	}
	version, err := seenVersion(r)
	lines := len(o.Tasks) + blankTasks
	if err == nil {
		switch step {
		case "edit":
			p, line, n := planOf(r.PostForm, o.Division)
			lines = n
			_, err = d.campaigns.Edit(ctx, a, id, version, p, now)
			err = inLines(err, line)
		case "start":
			_, err = d.campaigns.Start(ctx, a, id, version, now)
		case "drop":
			_, err = d.campaigns.Drop(ctx, a, id, version, now)
		case "enter":
			add, bad := strconv.Atoi(typed(r, "add"))
			if bad != nil {
				add = 0
			}
			_, err = d.campaigns.Enter(ctx, a, id, version, campaign.Entry{Task: typed(r, "task"), On: dayOf(r.PostForm, "on"), Add: add}, typed(r, "note"), now)
		case "close":
			_, err = d.campaigns.Close(ctx, a, id, version, typed(r, "result"), now)
		default:
			return fault.New(fault.NotFound, "fn.not_found")
		}
	}
	if err != nil {
		if fault.Is(err, fault.Forbidden) || !slices.Contains(campaignForms, step) {
			return err
		}
		return d.again(w, r, d.campaignStepPage(r, a, o, step, lines), err)
	}
	return d.see(w, r, "/campaigns", id, done("campaign-"+step))
}
