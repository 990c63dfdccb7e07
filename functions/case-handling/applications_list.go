package function

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/linkage"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// linkageLine is one line of a list of applications: nothing in it was sealed.
type linkageLine struct {
	linkage.Row
	Href      string
	Applicant string // "" for a natural person
	Agency    string
	Where     string
	Unit      string
	Owner     string
	// Late says that the day to answer has passed; the outcome is CNIPA's.
	Late bool
	// Clock is the next limit that runs.
	Clock *linkage.Clock
}

// linkageTone is the colour of a state; the words say the same.
func linkageTone(s linkage.State) string {
	switch s {
	case linkage.Notified:
		return "amber"
	case linkage.Withdrawn:
		return "green"
	case linkage.Deemed, linkage.Rejected, linkage.Accepted:
		return "grey"
	}
	return "blue"
}

// Tone is the colour of the line's state.
func (l linkageLine) Tone() string { return linkageTone(l.State) }

// linkageLiner makes lines of applications; each name is looked up once.
type linkageLiner struct {
	d     *desk
	r     *http.Request
	names names
	units names
	firms names
	// opens are the units whose applications the officer may open.
	opens []string
}

func (d *desk) linkageLines(r *http.Request, a staff.Actor) linkageLiner {
	return linkageLiner{d, r, names{}, names{}, names{}, a.Units(staff.CaseRead, d.env.Now())}
}

func (l linkageLiner) unit(label string) string {
	if _, ok := l.units[label]; !ok {
		l.units[label] = l.d.unitName(l.r.Context(), label)
	}
	return l.units[label]
}

func (l linkageLiner) agency(code string) string {
	if _, ok := l.firms[code]; !ok {
		l.firms[code] = l.d.agencyName(l.r, code)
	}
	return l.firms[code]
}

func (l linkageLiner) line(x linkage.Row) linkageLine {
	out := linkageLine{
		Row: x, Applicant: x.Applicant.Name,
		Agency: l.agency(x.Application.Agency), Where: x.Division, Unit: l.unit(x.Application.Unit),
		Late: !x.State.Final() && !x.Reply.IsZero() && x.Reply.Before(l.d.today()),
	}
	if slices.Contains(l.opens, x.Application.Unit) {
		out.Href = l.d.pages.URL(l.r, "/applications/items", x.ID)
	}
	if x.Owner != "" {
		out.Owner = l.d.name(l.r.Context(), l.names, x.Owner)
	}
	if area, ok := ident.AreaOf(x.Division); ok {
		out.Where = area.Name
	}
	for i, k := range x.Clocks {
		if k.Running() && (out.Clock == nil || k.Due.Before(out.Clock.Due)) {
			out.Clock = &x.Clocks[i]
		}
	}
	return out
}

type linkageListPage struct {
	base
	Rows   []linkageLine
	Total  int
	Next   string
	Chosen []linkageChoice
	Bases  []linkage.Clock
	Groups string
	// Bulk are the actions for all of the list.
	Bulk []link
}

func (p linkageListPage) StateOptions(lang page.Lang) []option {
	return options(lang, "linkage.state.", linkage.States)
}
func (p linkageListPage) KindOptions(lang page.Lang) []option {
	return options(lang, "linkage.kind.", linkage.Kinds)
}
func (p linkageListPage) HolderOptions(lang page.Lang) []option {
	return options(lang, "linkage.holder.", linkage.Holders)
}
func (p linkageListPage) ShowOptions(lang page.Lang) []option {
	return options(lang, "applications.show.", []string{linkageShowMine, linkageShowAll})
}

// linkageList lists notified applications by their reply deadline.
func (d *desk) linkageList(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	q := r.URL.Query()
	f, err := linkageFilter(q, a)
	if err != nil {
		return err
	}
	if by := q.Get("replyBy"); by != "" {
		if f.ReplyBy, err = workday.ParseDate(by); err != nil {
			return fault.New(fault.Invalid, "case-handling.filter").With("replyBy", "case-handling.date")
		}
	}
	p := linkageListPage{base: d.linkageBase(r, a)}
	p.Form = page.NewForm(q)
	rows, next, total, err := d.linkageListOf(r, a, f)
	if err != nil {
		return err
	}
	p.Total = total
	l := d.linkageLines(r, a)
	for _, x := range rows {
		line := l.line(x)
		p.Rows = append(p.Rows, line)
		if c := line.Clock; c != nil && !slices.ContainsFunc(p.Bases, func(b linkage.Clock) bool { return b.Name == c.Name }) {
			p.Bases = append(p.Bases, *c)
		}
	}
	if next != "" {
		p.Next = d.pages.URL(r, "/applications/items", withQuery(linkageKeptDue(q), "cursor", next))
	}
	p.Chosen = d.linkageChosen(r, "/applications/items", "kind", "list", "division", "unit", "agency", "holder", "state", "group", "year")
	p.Groups = d.pages.URL(r, "/applications/groups", linkageKept(q, "by", ""))
	if len(rows) > 0 {
		p.Bulk = d.linkageActLinks(r, a, linkageKeptDue(q), "assign", "result", "reroute")
	}
	return d.pages.Show(w, r, http.StatusOK, "applications-items", p)
}

// linkageListOf is a page of the list: for those who count, and handle and
// supervise nothing, of what has no outcome yet.
func (d *desk) linkageListOf(r *http.Request, a staff.Actor, f linkage.Filter) ([]linkage.Row, string, int, error) {
	cursor, now := r.URL.Query().Get("cursor"), d.env.Now()
	if !a.May(staff.CaseRead, now) && !a.May(staff.CaseSupervise, now) {
		return d.notified.Pending(r.Context(), a, f, cursor, pageSize, now)
	}
	return d.linkage.List(r.Context(), a, f, linkage.ByReply, cursor, pageSize, now)
}

// linkageKeptDue is linkageKept with the reply deadline.
func linkageKeptDue(q url.Values) url.Values {
	out := linkageKept(q, "by", "")
	if by := q.Get("replyBy"); by != "" {
		out.Set("replyBy", by)
	}
	return out
}

// linkageActLinks are the actions for the applications that a filter takes.
func (d *desk) linkageActLinks(r *http.Request, a staff.Actor, q url.Values, names ...string) []link {
	var out []link
	for _, name := range names {
		x, _ := linkageActionOf(name)
		if slices.ContainsFunc(x.right, func(right staff.Action) bool { return a.May(right, d.env.Now()) }) {
			out = append(out, link{d.pages.URL(r, "/applications/act", name, q), "applications.act." + name, false})
		}
	}
	return out
}

type linkageGroupLine struct {
	linkage.Group
	Href      string
	Applicant string
	Agency    string
	Unit      string
	Late      bool
}

type linkageGroupsPage struct {
	base
	Rows       []linkageGroupLine
	Total      int
	Next, Prev string
	Chosen     []linkageChoice
}

func (p linkageGroupsPage) KindOptions(lang page.Lang) []option {
	return options(lang, "linkage.kind.", linkage.Kinds)
}
func (p linkageGroupsPage) ShowOptions(lang page.Lang) []option {
	return options(lang, "applications.show.", []string{linkageShowMine, linkageShowAll})
}

// linkageGroups lists what one letter and one call can cover.
func (d *desk) linkageGroups(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	q := r.URL.Query()
	f, err := linkageFilter(q, a)
	if err != nil {
		return err
	}
	from, _ := strconv.Atoi(q.Get("from"))
	from = max(0, from)
	list, total, err := d.linkage.Groups(r.Context(), a, f, from, pageSize, d.env.Now())
	if err != nil {
		return err
	}
	p := linkageGroupsPage{base: d.linkageBase(r, a), Total: total}
	p.Form = page.NewForm(q)
	l := d.linkageLines(r, a)
	for _, g := range list {
		line := linkageGroupLine{
			Group: g, Applicant: g.Applicant.Name, Agency: l.agency(g.Agency), Unit: l.unit(g.Unit),
			Late: g.Open > 0 && !g.Reply.IsZero() && g.Reply.Before(d.today()),
		}
		line.Href = d.pages.URL(r, "/applications/group", linkageGroupQuery(g, linkageKept(q, "by", "")))
		p.Rows = append(p.Rows, line)
	}
	if from > 0 {
		p.Prev = d.pages.URL(r, "/applications/groups", withQuery(linkageKept(q), "from", strconv.Itoa(max(0, from-pageSize))))
	}
	if from+pageSize < total {
		p.Next = d.pages.URL(r, "/applications/groups", withQuery(linkageKept(q), "from", strconv.Itoa(from+pageSize)))
	}
	p.Chosen = d.linkageChosen(r, "/applications/groups", "kind", "list", "division", "unit", "agency", "holder", "state", "year")
	return d.pages.Show(w, r, http.StatusOK, "applications-groups", p)
}

// linkageGroupQuery is the address of a group: the filter that takes it and
// nothing else.
func linkageGroupQuery(g linkage.Group, q url.Values) url.Values {
	agency := g.Agency
	if agency == "" {
		agency = linkage.NoAgency
	}
	return linkageKept(q, "group", g.Key, "agency", agency, "unit", g.Unit, "kind", string(g.Kind))
}

type linkageGroupPage struct {
	base
	Rows      []linkageLine
	Total     int
	Open      int
	Applicant linkage.Applicant
	Agency    string
	Unit      string
	Kind      linkage.Kind
	Bulk      []link
	Letters   []linkageLetterLine
	Acts      []linkageActLine
	All       string // the group withQuery those that have an outcome; "" where they are shown
}

type linkageLetterLine struct {
	No     int64
	Number string
	Href   string
	On     workday.Date
	Count  int
}

type linkageActLine struct {
	linkage.Act
	Who  string
	Href string // to undo it, "" where that cannot be done any more
	Text string
}

// linkageGroup shows the applications of one applicant by one agency, with what
// can be done for all of them.
func (d *desk) linkageGroup(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	ctx, q, now := r.Context(), r.URL.Query(), d.env.Now()
	f, err := linkageFilter(q, a)
	if err != nil {
		return err
	}
	if f.Group == "" {
		return fault.New(fault.NotFound, "fn.not_found")
	}
	rows, _, total, err := d.linkage.List(ctx, a, f, linkage.ByReply, "", linkage.MostAtOnce, now)
	if err != nil {
		return err
	}
	p := linkageGroupPage{base: d.linkageBase(r, a), Total: total, Kind: f.Kind}
	p.Form = page.NewForm(q)
	if q.Get("show") != linkageShowAll {
		p.All = d.pages.URL(r, "/applications/group", linkageKept(q, "show", linkageShowAll))
	}
	if len(rows) == 0 && q.Get("show") != linkageShowAll {
		return d.see(w, r, "/applications/group", withQuery(linkageKept(q, "show", linkageShowAll), "done", q.Get("done")))
	}
	if len(rows) == 0 {
		return fault.New(fault.NotFound, "linkage.none")
	}
	l := d.linkageLines(r, a)
	var ids []string
	for _, x := range rows {
		p.Rows = append(p.Rows, l.line(x))
		ids = append(ids, x.ID)
		if !x.State.Final() {
			p.Open++
		}
	}
	p.Applicant, p.Agency, p.Unit, p.Kind = rows[0].Applicant, p.Rows[0].Agency, p.Rows[0].Unit, rows[0].Kind
	p.Bulk = d.linkageActLinks(r, a, linkageKept(q, "by", ""), linkageActionNames()...)
	p.Letters = d.linkageLetters(r, rows)
	if p.Acts, err = d.linkageActs(ctx, r, a, ids, l); err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "applications-group", p)
}

// linkageLetters are the letters that applications were named in, newest first.
func (d *desk) linkageLetters(r *http.Request, rows []linkage.Row) []linkageLetterLine {
	var out []linkageLetterLine
	for _, x := range rows {
		for _, e := range x.Events {
			no, err := strconv.ParseInt(e.Ref, 10, 64)
			if e.What != linkage.LetterSent || err != nil {
				continue
			}
			if i := slices.IndexFunc(out, func(k linkageLetterLine) bool { return k.No == no }); i >= 0 {
				out[i].Count++
				continue
			}
			out = append(out, linkageLetterLine{no, holderLetterNumber(no, e.On), d.pages.URL(r, "/letters", no), e.On, 1})
		}
	}
	slices.SortFunc(out, func(x, y linkageLetterLine) int { return int(y.No - x.No) })
	return out
}

// linkageActs are the bulk actions on applications that can be shown with them.
func (d *desk) linkageActs(ctx context.Context, r *http.Request, a staff.Actor, ids []string, l linkageLiner) ([]linkageActLine, error) {
	acts, err := d.linkage.Acts(ctx, a, ids, 20, d.env.Now())
	if err != nil {
		return nil, err
	}
	var out []linkageActLine
	for _, x := range acts {
		line := linkageActLine{Act: x, Who: d.name(ctx, l.names, x.By)}
		if x.Undone.IsZero() {
			line.Href = d.pages.URL(r, "/applications/undo", x.No)
		}
		out = append(out, line)
	}
	return out, nil
}

// Name is what was done, as the form of it is called.
func (l linkageActLine) Name() string {
	switch {
	case l.What == linkage.ActMove:
		return "result"
	case l.Division != "":
		return "reroute"
	}
	return "assign"
}
