package function

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/linkage"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// linkageAction is something that is done for one application or for hundreds: a
// form of its own, which lists what it is done for.
type linkageAction struct {
	Name string
	// right is asked before the link is shown; the office asks again for each.
	right []staff.Action
	// when tells whether an application takes part.
	when func(linkage.Application) bool
	do   func(d *desk, c linkageCall) (linkageDone, error)
}

// linkageCall is one such action about to be carried out.
type linkageCall struct {
	call
	ids      []string
	versions map[string]int
	owners   []string // whom the form offers
	division string   // of all of them; "" where they have several
}

// linkageDone is what came of it.
type linkageDone struct {
	linkage.Result
	letter int64 // that was written, 0 without
}

func linkageOpen(x linkage.Application) bool { return !x.State.Final() }
func linkageAny(linkage.Application) bool    { return true }

var linkageActions = []linkageAction{
	{Name: "letter", right: []staff.Action{staff.CaseHandle}, when: linkageOpen, do: (*desk).linkageDoLetter},
	{Name: "contact", right: []staff.Action{staff.CaseHandle}, when: linkageOpen, do: (*desk).linkageDoContact},
	{Name: "result", right: []staff.Action{staff.CaseHandle}, when: func(x linkage.Application) bool { return len(linkageOutcomes(x.State)) > 0 }, do: (*desk).linkageDoResult},
	{Name: "assign", right: []staff.Action{staff.CaseIntake}, when: linkageAny, do: (*desk).linkageDoAssign},
	{Name: "reroute", right: []staff.Action{staff.CaseIntake}, when: linkageAny, do: (*desk).linkageDoReroute},
}

func linkageActionNames() []string {
	var out []string
	for _, x := range linkageActions {
		out = append(out, x.Name)
	}
	return out
}

func linkageActionOf(name string) (linkageAction, bool) {
	for _, x := range linkageActions {
		if x.Name == name {
			return x, true
		}
	}
	return linkageAction{}, false
}

// linkageOutcomes are the states that the form of results offers from a state:
// taking on and telling the holder have forms of their own.
func linkageOutcomes(s linkage.State) []linkage.State {
	return slices.DeleteFunc(s.Next(), func(to linkage.State) bool { return to == linkage.Assigned || to == linkage.Contacted })
}

// linkageMember is an application that an action can be done for.
type linkageMember struct {
	linkageLine
	// On says that it is chosen; Stale that somebody changed it meanwhile.
	On, Stale bool
}

// Seen is what the form sends back of it: number and version.
func (m linkageMember) Seen() string { return m.ID + "=" + strconv.Itoa(m.Version) }

type linkageActPage struct {
	base
	Action  string
	Query   url.Values
	Members []linkageMember
	Total   int // of the selection; more than Members where it is too long
	Back    string
	Stale   bool
	// What the forms offer.
	To, Outcomes, Owners, Divisions, Reasons, Methods []option
	Agency                                            bool // there is one agency to write to
	Where                                             string
}

// linkageSelection reads what an action is for: one application by its number, or
// what the filter in the address takes.
func (d *desk) linkageSelection(r *http.Request, a staff.Actor) ([]linkage.Row, int, error) {
	q, now := r.URL.Query(), d.env.Now()
	if raw := q.Get("id"); raw != "" {
		id, err := linkage.ParseID(raw)
		if err != nil {
			return nil, 0, err
		}
		rows, err := d.linkage.Rows(r.Context(), a, []string{id}, now)
		if err == nil && len(rows) == 0 {
			err = fault.New(fault.NotFound, "linkage.none")
		}
		return rows, len(rows), err
	}
	f, err := linkageFilter(q, a)
	if err != nil {
		return nil, 0, err
	}
	if by := q.Get("replyBy"); by != "" {
		if f.ReplyBy, err = workday.ParseDate(by); err != nil {
			return nil, 0, fault.New(fault.Invalid, "case-handling.filter").With("replyBy", "case-handling.date")
		}
	}
	rows, _, total, err := d.linkage.List(r.Context(), a, f, linkage.ByReply, "", linkage.MostAtOnce, now)
	return rows, total, err
}

// linkageBack is where an action returns to.
func (d *desk) linkageBack(r *http.Request, q url.Values, done string) string {
	more := url.Values{}
	if done != "" {
		more.Set("done", done)
	}
	if done == "applications-reroute" { // they are another unit's now
		return d.pages.URL(r, "/applications/items", more)
	}
	if id := q.Get("id"); id != "" {
		return d.pages.URL(r, "/applications/items", id, more)
	}
	out := linkageKeptDue(q)
	for k := range more {
		out.Set(k, more.Get(k))
	}
	if q.Get("group") != "" {
		return d.pages.URL(r, "/applications/group", out)
	}
	return d.pages.URL(r, "/applications/items", out)
}

// newLinkageAct is the form of an action with what it is for. seen holds the
// versions that an earlier showing of the form had, nil at the first.
func (d *desk) newLinkageAct(r *http.Request, a staff.Actor, x linkageAction, rows []linkage.Row, total int, seen map[string]int) (linkageActPage, error) {
	q := r.URL.Query()
	p := linkageActPage{base: d.linkageBase(r, a), Action: x.Name, Query: q, Total: total, Back: d.linkageBack(r, q, "")}
	l := d.linkageLines(r, a)
	agencies := map[string]bool{}
	for _, row := range rows {
		if !x.when(row.Application) {
			p.Total--
			continue
		}
		m := linkageMember{linkageLine: l.line(row), On: true}
		if seen != nil {
			m.On = slices.Contains(r.PostForm["id"], row.ID)
			version, known := seen[row.ID]
			m.Stale = m.On && (!known || version != row.Version)
		}
		p.Stale = p.Stale || m.Stale
		agencies[row.Application.Agency] = true
		p.Members = append(p.Members, m)
	}
	p.Agency = len(agencies) == 1 && !agencies[""]
	if len(p.Members) > 0 {
		p.Where = p.Members[0].Where
	}
	return p, d.linkageOffer(r, a, &p)
}

// linkageActForm shows the form of an action.
func (d *desk) linkageActForm(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	x, rows, total, err := d.linkageFind(r, a)
	if err != nil {
		return err
	}
	p, err := d.newLinkageAct(r, a, x, rows, total, nil)
	if err != nil {
		return err
	}
	if len(p.Members) == 0 {
		return fault.New(fault.Conflict, "applications.nothing")
	}
	p.Form = page.NewForm(url.Values{"to": {linkage.ToApplicant}, "on": {d.today().String()}, "owner": {a.User.ID}})
	if x.Name == "result" {
		p.Form = page.NewForm(url.Values{"on": {d.today().String()}})
	}
	return d.pages.Show(w, r, http.StatusOK, "applications-act", p)
}

// linkageFind is the action of the address and what it is for, for somebody who
// may do it somewhere.
func (d *desk) linkageFind(r *http.Request, a staff.Actor) (linkageAction, []linkage.Row, int, error) {
	x, ok := linkageActionOf(r.PathValue("action"))
	if !ok {
		return x, nil, 0, fault.New(fault.NotFound, "fn.not_found")
	}
	rows, total, err := d.linkageSelection(r, a)
	if err != nil {
		return x, nil, 0, err
	}
	// What he may only see, he is not offered to change.
	var may []linkage.Row
	var why error
	for _, row := range rows {
		if err := linkageMay(a, x, row, d); err != nil {
			why = err
			total--
			continue
		}
		may = append(may, row)
	}
	if len(may) == 0 && why != nil {
		return x, nil, 0, why
	}
	return x, may, total, nil
}

func linkageMay(a staff.Actor, x linkageAction, row linkage.Row, d *desk) error {
	var err error
	for _, right := range x.right {
		res := staff.UnitResource(row.Application.Unit, row.Division)
		if !row.Applicant.Person {
			res.Parties = append(res.Parties, staff.Party{Code: row.Applicant.Code, Name: row.Applicant.Name})
		}
		if err = staff.Can(a, right, res, d.env.Now()); err == nil {
			return nil
		}
	}
	return err
}

// linkageSeen reads what the form had of each application.
func linkageSeen(values []string) map[string]int {
	out := map[string]int{}
	for _, v := range values {
		id, version, ok := strings.Cut(v, "=")
		n, err := strconv.Atoi(version)
		if ok && err == nil {
			out[id] = n
		}
	}
	return out
}

// linkageAct carries out an action. A refusal, and a change by somebody else
// meanwhile, show the form again with all that was typed and chosen.
func (d *desk) linkageAct(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	x, rows, total, err := d.linkageFind(r, a)
	if err != nil {
		return err
	}
	seen := linkageSeen(r.PostForm["seen"])
	p, err := d.newLinkageAct(r, a, x, rows, total, seen)
	if err != nil {
		return err
	}
	again := func(err error) error {
		status, err := refused(r, &p.base, err)
		if err != nil {
			return err
		}
		return d.pages.Show(w, r, status, "applications-act", p)
	}
	c := linkageCall{call: call{r: r, who: a, lang: fn.Lang(r)}, versions: map[string]int{}}
	divisions := map[string]bool{}
	for _, o := range p.Owners {
		c.owners = append(c.owners, o.Value)
	}
	for _, m := range p.Members {
		if m.On {
			c.ids = append(c.ids, m.ID)
			c.versions[m.ID] = m.Version
			divisions[m.Division] = true
			c.division = m.Division
		}
	}
	if len(divisions) > 1 {
		c.division = ""
	}
	gone := 0
	for _, id := range r.PostForm["id"] {
		if _, ok := c.versions[id]; !ok {
			gone++
		}
	}
	switch {
	case len(seen) == 0:
		return again(fault.New(fault.Invalid, "case-handling.no_version"))
	case p.Stale || gone > 0:
		p.Stale = true
		return again(fault.New(fault.Stale, "applications.stale", gone))
	case len(c.ids) == 0:
		return again(fault.New(fault.Invalid, "applications.choose").With("id", "applications.choose"))
	}
	got, err := x.do(d, c)
	if err != nil {
		if fault.Is(err, fault.Stale) {
			p.Stale = true
		}
		return again(err)
	}
	if len(got.Refused) > 0 {
		return d.linkageResult(w, r, a, x, c.ids, got)
	}
	if got.letter != 0 {
		return d.see(w, r, "/letters", got.letter, done("letter"))
	}
	http.Redirect(w, r, d.linkageBack(r, r.URL.Query(), "applications-"+x.Name), http.StatusSeeOther)
	return nil
}

type linkageResultPage struct {
	base
	Action  string
	Count   int
	Refused []linkageRefused
	Back    string
}

type linkageRefused struct{ ID, Why string }

// linkageResult tells what was done and what was not, and why.
func (d *desk) linkageResult(w http.ResponseWriter, r *http.Request, a staff.Actor, x linkageAction, ids []string, got linkageDone) error {
	p := linkageResultPage{base: d.linkageBase(r, a), Action: x.Name, Count: len(got.Done), Back: d.linkageBack(r, r.URL.Query(), "")}
	for _, id := range ids {
		err, ok := got.Refused[id]
		if !ok {
			continue
		}
		f, isFault := fault.Of(err)
		if !isFault {
			return err
		}
		p.Refused = append(p.Refused, linkageRefused{id, strings.Join(worded(fn.Lang(r), f), " ")})
	}
	return d.pages.Show(w, r, http.StatusConflict, "applications-result", p)
}
