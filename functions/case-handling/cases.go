package function

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"ipcredit/shared/calendar"
	"ipcredit/shared/casework"
	"ipcredit/shared/clock"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/page"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
	"ipcredit/shared/workday"
)

// caseRoutes are the pages of cases: the queue, my day, one case, what is printed of it.
func (d *desk) caseRoutes(m *fn.Mux) {
	m.Handle("GET /day", d.signed(d.day))

	m.Handle("GET /cases", d.signed(d.caseList))
	m.Handle("GET /cases/new", d.signed(d.caseNewForm))
	m.Handle("POST /cases/new", d.signed(d.caseNew))
	m.Handle("POST /cases/bulk", d.signed(d.caseBulk))
	m.Handle("GET /cases/documents", d.signed(d.documentsOfMany))
	m.Handle("GET /cases/export", d.signed(d.caseExportForm))
	m.Handle("POST /cases/export", d.signed(d.caseExport))

	m.Handle("GET /cases/{no}", d.signed(d.casePage))
	m.Handle("GET /cases/{no}/documents/{n}", d.signed(d.document))
	m.Handle("GET /cases/{no}/issue/{kind}", d.signed(d.issueForm))
	m.Handle("POST /cases/{no}/issue/{kind}", d.signed(d.issue))
	m.Handle("GET /cases/{no}/reward", d.signed(d.rewardPage))
	m.Handle("GET /cases/{no}/files", d.signed(d.caseFiles))
	m.Handle("POST /cases/{no}/files", d.signed(d.caseFileAdd))
	m.Handle("POST /cases/{no}/files/{box}/{n}/check", d.signed(d.caseFileCheck))
	m.Handle("GET /cases/{no}/files/{box}/{n}/copy", d.signed(d.caseFileCopy))
	m.Handle("GET /cases/{no}/files/{box}/{n}/original", d.signed(d.caseFileOriginal))
	m.Handle("GET /cases/{no}/{action}", d.signed(d.caseActForm))
	m.Handle("POST /cases/{no}/{action}", d.signed(d.caseAct))

	m.Handle("GET /tip-offs/{no}/case", d.signed(d.tipCaseForm))
	m.Handle("POST /tip-offs/{no}/case", d.signed(d.tipCase))
	m.Handle("GET /tip-offs/{no}/transfer", d.signed(d.tipTransfer))
	m.Handle("POST /tip-offs/{no}/transfer", d.signed(d.tipTransfer))

	m.Handle("GET /templates", d.signed(d.templates))
	m.Handle("GET /templates/{id}", d.signed(d.templateForm))
	m.Handle("POST /templates/{id}", d.signed(d.saveTemplate))
}

// openCases opens the stores of cases and of time limits.
func (d *desk) openCases(c tipoff.OfficeConfig) error {
	d.clocks, d.calendar = clock.New(d.env.Journal), calendar.New(d.env.Journal)
	var err error
	d.cases, err = casework.New(d.env.Journal, seal.NewKeys(d.env.Objects.Keys), casework.Config{
		Identities: c.Identities, Units: c.Units, Escrow: c.Escrow, Staff: d.staff, Calendar: d.calendar.Current, Clocks: d.clocks,
		Entrusted: d.entrusted,
	})
	return err
}

// casesBase is base for the pages of cases: what was done is said in their words.
func (d *desk) casesBase(r *http.Request, a staff.Actor) base {
	b := d.base(r, a)
	if done := r.URL.Query().Get("done"); done != "" && page.Has("cases.done."+done) {
		b.Done = "cases.done." + done
	}
	return b
}

// seesCases tells whether the officer's organisation has cases at all: a department
// has handlers too, and discipline inspection none but tip-offs.
func (d *desk) seesCases(a staff.Actor) bool {
	now := d.env.Now()
	units := append(a.Units(staff.CaseRead, now), a.Units(staff.CaseSupervise, now)...)
	return a.Org.Kind == staff.SubOffice || slices.ContainsFunc(units, func(u string) bool { return u != staff.DisciplineUnit })
}

// calendarNow is the calendar that time limits are counted by.
func (d *desk) calendarNow(ctx context.Context) (workday.Calendar, error) {
	return d.calendar.Current(ctx)
}

// caseForm is the form of a case number; one that has it not is nobody's.
var caseForm = regexp.MustCompile(`^AJ[0-9A-Za-z-]{4,40}$`)

// caseNumber reads the number of a case from the address.
func caseNumber(r *http.Request) (string, error) {
	no := r.PathValue("no")
	if !caseForm.MatchString(no) {
		return "", fault.New(fault.NotFound, "cases.unknown")
	}
	return no, nil
}

// caseLine is one line of a list of cases: nothing in it was sealed.
type caseLine struct {
	casework.Row
	Clock    *casework.Clock // the next limit that runs
	Left     int             // working days; negative when missed
	Handlers []string
	Unit     string
	Office   string
	Href     string
	Checked  bool
}

// Seen is what a checkbox of the line sends: the case and its version.
func (l caseLine) Seen() string { return l.Case.Number + ":" + strconv.FormatInt(l.Case.Version, 10) }

// Party is the one that a list shows: the first against whom it is.
func (l caseLine) Party() casework.Party { return mainParty(l.Case) }

// More counts the other parties.
func (l caseLine) More() int { return max(0, len(l.Case.Parties)-1) }

// Area is the division of its unit, shorter than the unit's name.
func (l caseLine) Area() string { return areaName(l.Case.Unit) }

// Late is how many working days it is late.
func (l caseLine) Late() int { return max(0, -l.Left) }

// Tone is the colour of the line's state.
func (l caseLine) Tone() string { return caseTone(l.Case.State) }

func mainParty(c casework.Case) casework.Party {
	for _, role := range casework.PartyRoles() {
		for _, p := range c.Parties {
			if p.Role == role {
				return p
			}
		}
	}
	return casework.Party{}
}

// caseTone is the colour of a state; the words say the same.
func caseTone(s casework.State) string {
	switch {
	case s == casework.Lead || s == casework.Filed || s == casework.Suspended:
		return "amber"
	case s.Transferred() || !s.Open():
		return "grey"
	case s == casework.Performed || s == casework.Enforced || s == casework.Served:
		return "green"
	}
	return "blue"
}

// lines draws rows; names of users and units are looked up once.
type lines struct {
	d        *desk
	r        *http.Request
	people   names
	units    names
	calendar workday.Calendar
}

func (d *desk) newLines(r *http.Request) (lines, error) {
	cal, err := d.calendarNow(r.Context())
	return lines{d, r, names{}, names{}, cal}, err
}

func (x lines) unit(label string) string {
	if label == "" {
		return ""
	}
	if _, ok := x.units[label]; !ok {
		x.units[label] = x.d.unitName(x.r.Context(), label)
	}
	return x.units[label]
}

func (x lines) office(id string) string {
	if id == "" {
		return ""
	}
	if _, ok := x.units["office "+id]; !ok {
		x.units["office "+id] = id
		if o, err := x.d.staff.Organization(x.r.Context(), id); err == nil {
			x.units["office "+id] = o.Name
		}
	}
	return x.units["office "+id]
}

func (x lines) of(row casework.Row) caseLine {
	out := caseLine{Row: row, Unit: x.unit(row.Case.Unit), Office: x.office(row.Case.Office), Href: x.d.pages.URL(x.r, "/cases", row.Case.Number)}
	for _, h := range row.Case.Handlers {
		out.Handlers = append(out.Handlers, x.d.name(x.r.Context(), x.people, h))
	}
	for i, k := range row.Clocks {
		if k.Done.IsZero() && (out.Clock == nil || k.Due.Before(out.Clock.Due)) {
			out.Clock = &row.Clocks[i]
		}
	}
	if out.Clock != nil {
		out.Left = x.calendar.Between(x.d.today(), out.Clock.Due)
	}
	return out
}

// basesOf lists the provisions that clocks rest on, each once.
func basesOf[T any](items []T, clockOf func(T) *clock.Clock) []clock.Clock {
	var out []clock.Clock
	for _, x := range items {
		if c := clockOf(x); c != nil && !slices.ContainsFunc(out, func(b clock.Clock) bool { return b.Rule == c.Rule && b.Name == c.Name }) {
			out = append(out, *c)
		}
	}
	return out
}

// seenOf reads "number:version" as a checkbox of the queue sends it.
func seenOf(s string) (casework.Seen, bool) {
	no, version, ok := strings.Cut(s, ":")
	n, err := strconv.ParseInt(version, 10, 64)
	return casework.Seen{Number: no, Version: n}, ok && err == nil && n >= 0 && caseForm.MatchString(no)
}

// caseCall is one action on a case about to be carried out.
type caseCall struct {
	r    *http.Request
	who  staff.Actor
	file casework.File
	lang page.Lang
}

func (c caseCall) text(name string) string { return fieldText(c.r.PostForm, name) }

// fieldText is what was written in a field, with line ends as we keep them.
func fieldText(f url.Values, name string) string {
	return strings.TrimSpace(strings.ReplaceAll(f.Get(name), "\r\n", "\n"))
}

// all are the values of a field with several, without empty ones and duplicates.
func (c caseCall) all(name string) []string {
	var out []string
	for _, v := range c.r.PostForm[name] {
		if v = strings.TrimSpace(v); v != "" && !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

// date reads a day; an empty field is none.
func date(f url.Values, name string) (workday.Date, error) {
	s := fieldText(f, name)
	if s == "" {
		return workday.Date{}, nil
	}
	on, err := workday.ParseDate(s)
	if err != nil {
		return on, fault.New(fault.Invalid, "case-handling.date").With(name, "case-handling.date")
	}
	return on, nil
}

// seen is the case and the version that the form was made of.
func (c caseCall) seen() casework.Seen {
	s := casework.Seen{Number: c.file.Case.Number}
	s.Version, _ = strconv.ParseInt(formVersion(c.r), 10, 64)
	return s
}

// formVersion is what If-Match, or the form's hidden field, says.
func formVersion(r *http.Request) string {
	if match := strings.Trim(r.Header.Get("If-Match"), `"`); match != "" {
		return match
	}
	return r.PostForm.Get("version")
}

// sent remembers, after a form was carried out, that it was: the same form sent
// again is answered as the first time. What keeps it from being done twice is the
// version that it names.
func (d *desk) sent(ctx context.Context, a staff.Actor, ticket string) error {
	if ticket == "" {
		return nil
	}
	_, err := d.custody.Mark(ctx, a.Session, "sent "+ticket, openFor)
	return err
}

func (d *desk) wasSent(ctx context.Context, a staff.Actor, ticket string) (bool, error) {
	if ticket == "" {
		return false, nil
	}
	return d.custody.Marked(ctx, a.Session, "sent "+ticket)
}
