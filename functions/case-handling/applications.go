package function

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"ipcredit/shared/agency"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/linkage"
	"ipcredit/shared/page"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
	"ipcredit/shared/workday"
)

// applicationRoutes are the pages of rapid linkage: notified applications, their
// letters, contacts and feedback.
func (d *desk) applicationRoutes(m *fn.Mux) {
	m.Handle("GET /applications", d.signed(d.linkageRates))
	m.Handle("GET /applications/items", d.signed(d.linkageList))
	m.Handle("GET /applications/items/{id}", d.signed(d.linkageItem))
	m.Handle("GET /applications/groups", d.signed(d.linkageGroups))
	m.Handle("GET /applications/group", d.signed(d.linkageGroup))
	m.Handle("GET /applications/act/{action}", d.signed(d.linkageActForm))
	m.Handle("POST /applications/act/{action}", d.signed(d.linkageAct))
	m.Handle("GET /applications/undo/{act}", d.signed(d.linkageUndoForm))
	m.Handle("POST /applications/undo/{act}", d.signed(d.linkageUndo))
	m.Handle("GET /applications/feedback", d.signed(d.linkageFeedbackForm))
	m.Handle("POST /applications/feedback", d.signed(d.linkageFeedback))

	m.Handle("GET /letters/{no}", d.signed(d.holderLetter))
	m.Handle("POST /letters/{no}/box", d.signed(d.holderLetterBox))
	m.Handle("POST /letters/{no}/attach", d.signed(d.holderLetterAttach))
	m.Handle("POST /letters/{no}/files/{box}/{n}/check", d.signed(d.holderLetterCheck))
	m.Handle("GET /letters/{no}/files/{box}/{n}/copy", d.signed(d.holderLetterCopy))
	m.Handle("GET /letters/{no}/files/{box}/{n}/original", d.signed(d.holderLetterOriginal))
}

// Filters of the pages of rapid linkage stand in the address: nothing is
// remembered of who looks at what.

// linkageFilterNames are the fields of the filter, as the address has them.
var linkageFilterNames = []string{"kind", "division", "unit", "list", "agency", "holder", "state", "group", "year", "show", "by"}

// Views of the list of applications: those without an outcome by their reply
// deadline, one's own of them, all.
const (
	linkageShowOpen = ""
	linkageShowMine = "mine"
	linkageShowAll  = "all"
)

// linkageFilter reads the filter in the address; a value that none of the forms
// offers is refused by its name.
func linkageFilter(q url.Values, a staff.Actor) (linkage.Filter, error) {
	f := linkage.Filter{
		Kind: linkage.Kind(q.Get("kind")), Division: q.Get("division"), Unit: q.Get("unit"), List: q.Get("list"), Agency: q.Get("agency"),
		Holder: linkage.Holder(q.Get("holder")), State: linkage.State(q.Get("state")), Group: q.Get("group"),
	}
	bad := func(field string) (linkage.Filter, error) {
		return f, fault.New(fault.Invalid, "case-handling.filter").With(field, "case-handling.filter")
	}
	switch {
	case f.Kind != "" && !slices.Contains(linkage.Kinds, f.Kind):
		return bad("kind")
	case f.Holder != "" && !slices.Contains(linkage.Holders, f.Holder):
		return bad("holder")
	case f.State != "" && !slices.Contains(linkage.States, f.State):
		return bad("state")
	case max(len(f.Division), len(f.Unit)) > 20 || max(len(f.List), len(f.Agency), len(f.Group)) > 400:
		return bad("list")
	}
	if year := q.Get("year"); year != "" {
		n, err := strconv.Atoi(year)
		if err != nil || n < 1985 || n > 9998 || strconv.Itoa(n) != year { // the patent law is of 1985
			return bad("year")
		}
		f.From, _ = workday.ParseDate(year + "-01-01")
		f.To, _ = workday.ParseDate(year + "-12-31")
	}
	switch q.Get("show") {
	case linkageShowOpen:
		f.Open = true
	case linkageShowMine:
		f.Open, f.Owner = true, a.User.ID
	case linkageShowAll:
	default:
		return bad("show")
	}
	return f, nil
}

// linkageKept is what of an address's query belongs to the filter, with some
// values set anew: an empty one takes the field out.
func linkageKept(q url.Values, pairs ...string) url.Values {
	out := url.Values{}
	for _, name := range linkageFilterNames {
		if v := q.Get(name); v != "" {
			out.Set(name, v)
		}
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		out.Del(pairs[i])
		if pairs[i+1] != "" {
			out.Set(pairs[i], pairs[i+1])
		}
	}
	return out
}

// linkageChoice is one thing that a filter is narrowed to, with the address without
// it.
type linkageChoice struct{ Label, Text, Href string }

func (d *desk) linkageChosen(r *http.Request, target string, names ...string) []linkageChoice {
	q, lang := r.URL.Query(), fn.Lang(r)
	var out []linkageChoice
	for _, name := range names {
		v := q.Get(name)
		if v == "" {
			continue
		}
		text := v
		switch name {
		case "kind":
			text = page.Say(lang, "linkage.kind."+v)
		case "holder":
			text = page.Say(lang, "linkage.holder."+v)
		case "state":
			text = page.Say(lang, "linkage.state."+v)
		case "division", "unit":
			text = d.unitName(r.Context(), v)
		case "agency":
			text = d.agencyName(r, v)
		case "group":
			text = page.Say(lang, "applications.one_applicant")
		}
		out = append(out, linkageChoice{page.Say(lang, "applications.field."+name), text, d.pages.URL(r, target, linkageKept(q, name, "", "cursor", ""))})
	}
	return out
}

// agencyName is what people call the agency of a code.
func (d *desk) agencyName(r *http.Request, code string) string {
	if code == "" || code == linkage.NoAgency {
		return page.Say(fn.Lang(r), "applications.no_agency")
	}
	if a, err := d.agencies.Agency(r.Context(), code); err == nil && a.Name != "" {
		return a.Name
	}
	return code
}

// percentCut cuts a share off behind the first decimal, never rounding up: 1799 of
// 1999 is 89.9.
func percentCut(part, whole int) string {
	if whole == 0 {
		return ""
	}
	tenths := part * 1000 / whole
	return strconv.Itoa(tenths/10) + "." + strconv.Itoa(tenths%10)
}

// linkageRate is one line of the figures.
type linkageRate struct {
	linkage.Figure
	Name string
	// Drill leads to the figures of this line alone, Items to its applications,
	// Feedback to the report upward of a list.
	Drill, Items, Feedback string
	Below                  bool
	Share, Disposal        string
	CumulativeShare        string
	CumulativeBelow        bool
}

type linkageRatesPage struct {
	base
	By     linkage.Dimension
	Tabs   []link
	Chosen []linkageChoice
	Lines  []linkageRate
	Total  linkageRate
	Target linkage.Target
	Rule   ruleset.Rule
	Kinds  []linkage.Kind
	Next   string
	Prev   string
	// Groups and Items are the same filter on the other pages.
	Groups, Items string
}

func (p linkageRatesPage) KindOptions(lang page.Lang) []option {
	return options(lang, "linkage.kind.", p.Kinds)
}
func (p linkageRatesPage) HolderOptions(lang page.Lang) []option {
	return options(lang, "linkage.holder.", linkage.Holders)
}

// linkageLinesOnPage is how many lines of figures a page has.
const linkageLinesOnPage = 100

// linkageRates shows how far the notified applications of the officer's reach have
// come, by list, district, agency, holder type and year.
func (d *desk) linkageRates(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	q, now := r.URL.Query(), d.env.Now()
	if q.Get("show") == "" {
		q.Set("show", linkageShowAll) // figures are of all
	}
	f, err := linkageFilter(q, a)
	if err != nil {
		return err
	}
	f.Open, f.Owner = false, ""
	p := linkageRatesPage{base: d.linkageBase(r, a), By: linkage.Dimension(q.Get("by")), Kinds: linkage.Kinds}
	p.Form = page.NewForm(q)
	if p.By == "" {
		p.By = linkage.ByList
	}
	if !slices.Contains(linkage.Dimensions, p.By) {
		return fault.New(fault.Invalid, "case-handling.filter").With("by", "case-handling.filter")
	}
	if p.Target, p.Rule, err = linkage.TargetOn(linkage.Rules{}, d.today()); err != nil {
		return err
	}
	figures, err := d.linkage.Rates(r.Context(), a, f, p.By, now)
	if err != nil {
		return err
	}
	var sum linkage.Counts
	for _, x := range figures {
		sum = sum.Plus(x.Counts)
	}
	from, _ := strconv.Atoi(q.Get("from"))
	from = max(0, min(from, len(figures)))
	for _, x := range figures[from:min(from+linkageLinesOnPage, len(figures))] {
		p.Lines = append(p.Lines, d.linkageRateLine(r, p, x))
	}
	if from > 0 {
		p.Prev = d.pages.URL(r, "/applications", withQuery(linkageKept(q), "from", strconv.Itoa(max(0, from-linkageLinesOnPage))))
	}
	if from+linkageLinesOnPage < len(figures) {
		p.Next = d.pages.URL(r, "/applications", withQuery(linkageKept(q), "from", strconv.Itoa(from+linkageLinesOnPage)))
	}
	p.Total = d.linkageRateLine(r, p, linkage.Figure{Counts: sum})
	for _, by := range []linkage.Dimension{linkage.ByList, linkage.ByDivision, linkage.ByAgency, linkage.ByHolder, linkage.ByYear} {
		p.Tabs = append(p.Tabs, link{d.pages.URL(r, "/applications", linkageKept(q, "by", string(by), "show", "")), "linkage.by." + string(by), by == p.By})
	}
	p.Chosen = d.linkageChosen(r, "/applications", "kind", "list", "division", "agency", "holder", "year")
	p.Groups = d.pages.URL(r, "/applications/groups", linkageKept(q, "by", "", "show", ""))
	p.Items = d.pages.URL(r, "/applications/items", linkageKept(q, "by", "", "show", ""))
	return d.pages.Show(w, r, http.StatusOK, "applications", p)
}

// withQuery is q with one more value.
func withQuery(q url.Values, name, value string) url.Values {
	q.Set(name, value)
	return q
}

// linkageNext is the next thing that figures are broken down by, once one is chosen.
var linkageNext = map[linkage.Dimension]linkage.Dimension{
	linkage.ByList: linkage.ByDivision, linkage.ByDivision: linkage.ByAgency, linkage.ByAgency: linkage.ByHolder,
	linkage.ByHolder: linkage.ByDivision, linkage.ByYear: linkage.ByList,
}

func (d *desk) linkageRateLine(r *http.Request, p linkageRatesPage, x linkage.Figure) linkageRate {
	q, lang := r.URL.Query(), fn.Lang(r)
	line := linkageRate{Figure: x, Name: x.Name, Share: percentCut(x.Withdrawn, x.Notified), Disposal: percentCut(x.Disposed(), x.Notified)}
	if reached := x.Reached(p.Target); reached != nil {
		line.Below = !*reached
	}
	if c := x.Cumulative; c != nil {
		line.CumulativeShare = percentCut(c.Withdrawn, c.Notified)
		if reached := c.Reached(p.Target); reached != nil {
			line.CumulativeBelow = !*reached
		}
	}
	if x.Key == "" {
		return line
	}
	switch p.By {
	case linkage.ByHolder:
		line.Name = page.Say(lang, "linkage.holder."+x.Key)
	case linkage.ByAgency:
		line.Name = d.agencyName(r, x.Key)
	case linkage.ByYear:
		line.Name = page.Say(lang, "applications.year", x.Key)
	case linkage.ByList:
		line.Feedback = d.pages.URL(r, "/applications/feedback", withQuery(url.Values{"list": {x.Key}}, "kind", string(cmp.Or(linkage.Kind(q.Get("kind")), linkage.Patent))))
	}
	line.Drill = d.pages.URL(r, "/applications", linkageKept(q, string(p.By), x.Key, "by", string(linkageNext[p.By]), "show", ""))
	line.Items = d.pages.URL(r, "/applications/items", linkageKept(q, string(p.By), x.Key, "by", "", "show", linkageShowAll))
	return line
}

// linkageBase is base with what the pages of rapid linkage say was done.
func (d *desk) linkageBase(r *http.Request, a staff.Actor) base {
	b := d.base(r, a)
	if done := r.URL.Query().Get("done"); done != "" && page.Has("applications.done."+done) {
		b.Done = "applications.done." + done
	}
	return b
}

// linked is what the pages of rapid linkage work with.
type linked struct {
	linkage  *linkage.Office
	notified *linkage.Store
	agencies *agency.Store
	mail     mailroom
}

// newLinked opens it with the secrets that tip-offs are opened with.
func (d *desk) newLinked(c tipoff.OfficeConfig) linked {
	l := linked{
		notified: linkage.NewStore(d.env.Journal), agencies: agency.NewStore(d.env.Journal),
		mail: mailroom{seal.NewKeys(d.env.Objects.Keys), c.Identities, c.Units, c.Escrow},
	}
	l.linkage = linkage.NewOffice(l.notified, l.mail.keys, linkage.OfficeConfig{Identities: c.Identities, Units: c.Units, Escrow: c.Escrow, Staff: d.staff})
	d.pages.Allow("letters", "img-src 'self' data:")
	return l
}
