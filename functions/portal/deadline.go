package function

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"time"

	"ipcredit/shared/calendar"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/page"
	"ipcredit/shared/workday"
)

// calculator answers when a period ends.
type calculator struct {
	calendar *calendar.Store
	pages    *page.Pages
}

// units are the parameters that say how long the period is: one of them is given.
var units = []workday.Unit{workday.Workdays, workday.Days, workday.Months, workday.Years}

// deadline is the answer of the fixed interface.
type deadline struct {
	Due         workday.Date    `json:"due"`
	Provisional bool            `json:"provisional"`
	Counted     int             `json:"counted"`
	Skipped     []skipped       `json:"skipped"`
	Basis       []workday.Basis `json:"basis"`
}

// skipped is a day that was passed over, with what makes it a day of rest.
type skipped struct {
	workday.Passed
	Source  string `json:"source"`
	Article string `json:"article"`
}

// question is what was asked.
type question struct {
	from   workday.Date
	period workday.Period
	roll   workday.Roll
}

// keptDeadline says how long a cache may keep an answer: an imported calendar
// shows after that at the latest.
const keptDeadline = "public, max-age=300"

func (c calculator) get(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	html := fn.WantsHTML(r)
	if html && !asksPeriod(q) {
		if q.Has("n") || q.Has("unit") {
			// The form names the unit in a field of its own; the address that people
			// share is the one programs use.
			http.Redirect(w, r, c.pages.URL(r, "/deadline", canonical(q)), http.StatusSeeOther)
			return nil
		}
		if !q.Has("from") {
			return c.show(w, r, http.StatusOK, deadlinePage{Form: page.NewForm(url.Values{"unit": {string(workday.Workdays)}, "roll": {string(workday.Duty)}})}, "")
		}
	}
	asked, err := ask(q)
	if f, refused := fault.Of(err); refused && html {
		p := deadlinePage{Form: fields(q).Refuse(fn.Lang(r), onForm(f))}
		return c.show(w, r, fn.Status(f.Kind), p, "")
	}
	if err != nil {
		return err
	}
	cal, err := c.calendar.Current(r.Context())
	if err != nil {
		return err
	}
	term := cal.Due(asked.from, asked.period, asked.roll)
	if html {
		return c.show(w, r, http.StatusOK, deadlinePage{Form: fields(q), lang: fn.Lang(r), question: asked, Term: &term, cal: cal}, cal.Version())
	}
	out := deadline{Due: term.Due, Provisional: term.Provisional, Counted: term.Counted, Skipped: []skipped{}, Basis: term.Basis}
	for _, p := range term.Skipped {
		b := cal.Basis(p)
		out.Skipped = append(out.Skipped, skipped{p, b.Source, b.Article})
	}
	draft := draft{header: w.Header()}
	if err := fn.WriteJSON(&draft, http.StatusOK, out); err != nil {
		return err
	}
	w.Header().Set("Vary", "Accept")
	draft.send(w, r, cal.Version())
	return nil
}

// ask reads the question. What is wrong with it is told of each parameter.
func ask(q url.Values) (question, error) {
	var out question
	bad := fault.New(fault.Invalid, "portal.deadline")
	wrong := func(name string, err error) {
		if f, ok := fault.Of(err); ok {
			bad.With(name, f.Code, f.Args...)
		}
	}
	var err error
	switch from := q["from"]; {
	case len(from) == 0 || from[0] == "":
		bad.With("from", "portal.deadline.from")
	case len(from) > 1:
		bad.With("from", "portal.deadline.twice")
	default:
		out.from, err = workday.ParseDate(from[0])
		wrong("from", err)
	}
	var given []string
	for _, unit := range units {
		if values := q[string(unit)]; len(values) > 0 {
			given = append(given, string(unit))
			if len(values) > 1 {
				bad.With(string(unit), "portal.deadline.twice")
				continue
			}
			out.period, err = workday.ParsePeriod(values[0], unit)
			wrong(string(unit), err)
		}
	}
	switch {
	case len(given) == 0:
		bad.With(string(workday.Workdays), "portal.deadline.one")
	case len(given) > 1:
		for _, name := range given[1:] {
			bad.With(name, "portal.deadline.one")
		}
	}
	if len(q["roll"]) > 1 {
		bad.With("roll", "portal.deadline.twice")
	}
	out.roll, err = workday.ParseRoll(q.Get("roll"))
	wrong("roll", err)
	if len(bad.Fields) > 0 {
		return question{}, bad
	}
	return out, nil
}

func asksPeriod(q url.Values) bool {
	return slices.ContainsFunc(units, func(u workday.Unit) bool { return q.Has(string(u)) })
}

// canonical is the question of the form as a program would ask it.
func canonical(q url.Values) url.Values {
	unit := workday.Unit(q.Get("unit"))
	if !slices.Contains(units, unit) {
		unit = workday.Workdays
	}
	out := url.Values{"from": {q.Get("from")}, string(unit): {q.Get("n")}}
	if roll := q.Get("roll"); roll != "" && unit != workday.Workdays {
		out.Set("roll", roll)
	}
	return out
}

// fields are the form's, of a question as programs ask it.
func fields(q url.Values) *page.Form {
	out := url.Values{"from": {q.Get("from")}, "roll": {q.Get("roll")}, "unit": {string(workday.Workdays)}}
	if q.Get("roll") == "" {
		out.Set("roll", string(workday.Duty))
	}
	for _, unit := range units {
		if q.Has(string(unit)) {
			out.Set("unit", string(unit))
			out.Set("n", q.Get(string(unit)))
			break
		}
	}
	return page.NewForm(out)
}

// onForm names the fields that are wrong as the form does.
func onForm(f *fault.Error) *fault.Error {
	out := fault.New(f.Kind, f.Code, f.Args...)
	for _, x := range f.Fields {
		name := x.Name
		if slices.Contains(units, workday.Unit(name)) {
			name = "n"
		}
		if !slices.ContainsFunc(out.Fields, func(y fault.Field) bool { return y.Name == name }) {
			out.With(name, x.Code, x.Args...)
		}
	}
	return out
}

// show draws the page; version is that of the calendar an answer rests on.
func (c calculator) show(w http.ResponseWriter, r *http.Request, status int, p deadlinePage, version string) error {
	if status != http.StatusOK {
		return c.pages.Show(w, r, status, "deadline", p)
	}
	draft := draft{header: w.Header()}
	if err := c.pages.Show(&draft, r, status, "deadline", p); err != nil {
		return err
	}
	draft.send(w, r, version)
	return nil
}

// draft holds an answer back until its ETag is known.
type draft struct {
	header http.Header
	body   bytes.Buffer
}

func (d *draft) Header() http.Header         { return d.header }
func (d *draft) WriteHeader(int)             {}
func (d *draft) Write(p []byte) (int, error) { return d.body.Write(p) }

// send sends it, or 304 to who has it already. The ETag names the calendar, so
// that whoever compares two answers sees whether it was the same.
func (d *draft) send(w http.ResponseWriter, r *http.Request, version string) {
	sum := sha256.Sum256(d.body.Bytes())
	h := w.Header()
	h.Del("Content-Length")
	h.Set("Cache-Control", keptDeadline)
	h.Set("Etag", `"`+version+"."+base64.RawURLEncoding.EncodeToString(sum[:9])+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(d.body.Bytes()))
}

// deadlinePage is the calculator with an answer, or without one.
type deadlinePage struct {
	*page.Form
	Term *workday.Term

	question
	lang page.Lang
	cal  workday.Calendar
}

// UnitOptions are the units a period can be counted in.
func (p deadlinePage) UnitOptions(lang page.Lang) []map[string]string {
	return options(lang, "unit", units)
}

// RollOptions are what becomes of a last day of rest.
func (p deadlinePage) RollOptions(lang page.Lang) []map[string]string {
	return options(lang, "roll", []workday.Roll{workday.Duty, workday.None})
}

func options[T ~string](lang page.Lang, what string, values []T) []map[string]string {
	out := make([]map[string]string, len(values))
	for i, v := range values {
		key := "portal.deadline." + what + "." + string(v)
		out[i] = map[string]string{"Value": string(v), "Text": page.Say(lang, key)}
		if page.Has(key + "_hint") {
			out[i]["Hint"] = page.Say(lang, key+"_hint")
		}
	}
	return out
}

// Asked words the question.
func (p deadlinePage) Asked() string {
	key := "portal.deadline.asked." + string(p.period.Unit)
	return page.Say(p.lang, key, p.from.String(), p.period.N)
}

// Weekday is the day of the week of the last day.
func (p deadlinePage) Weekday() string { return weekday(p.lang, p.Term.Due) }

func weekday(lang page.Lang, d workday.Date) string {
	return page.Say(lang, "page.weekday."+[]string{"0", "1", "2", "3", "4", "5", "6"}[d.Weekday()])
}

// Unknown is the first year that the answer needs and no notice covers.
func (p deadlinePage) Unknown() int {
	for y := p.from.Year(); y <= p.Term.Due.Year(); y++ {
		if !p.cal.Covers(y) {
			return y
		}
	}
	return 0
}

// Counted words how many days were counted.
func (p deadlinePage) Counted() string {
	if p.period.Unit == workday.Workdays {
		return page.Say(p.lang, "portal.deadline.counted_workdays", p.Term.Counted)
	}
	return page.Say(p.lang, "portal.deadline.counted_days", p.Term.Counted)
}

// Basis lists the provisions that the answer rests on.
func (p deadlinePage) Basis() []workday.Basis { return p.Term.Basis }

// shownDays bounds the rows of a table: a century has thousands, which programs
// may read.
const shownDays = 400

// dayRow is a line of a table of days.
type dayRow struct {
	workday.Passed
	Weekday string
	Basis   workday.Basis
}

// Skipped are the days that were passed over, Worked the weekend days that count.
func (p deadlinePage) Skipped() []dayRow { return p.rows(p.Term.Skipped) }

// Worked: see Skipped.
func (p deadlinePage) Worked() []dayRow { return p.rows(p.Term.Worked) }

// More is how many days the tables leave out.
func (p deadlinePage) More() int {
	return max(0, len(p.Term.Skipped)-shownDays) + max(0, len(p.Term.Worked)-shownDays)
}

func (p deadlinePage) rows(days []workday.Passed) []dayRow {
	var out []dayRow
	for _, d := range days[:min(len(days), shownDays)] {
		out = append(out, dayRow{d, weekday(p.lang, d.Date), p.cal.Basis(d)})
	}
	return out
}
