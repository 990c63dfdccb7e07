package function

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"ipcredit/shared/calendar"
	"ipcredit/shared/clock"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// calendarRoutes are the pages of the official calendar and its import.
func (d *desk) calendarRoutes(m *fn.Mux) {
	m.Handle("GET /calendar", d.signed(d.years))
	m.Handle("GET /calendar/import", d.signed(d.yearForm))
	m.Handle("POST /calendar/preview", d.signed(d.previewYear))
	m.Handle("POST /calendar", d.signed(d.proposeYear))
	m.Handle("GET /calendar/imports/{id}", d.signed(d.imported))
	m.Handle("POST /calendar/imports/{id}/{action}", d.signed(d.decideYear))
}

// yearLine is one year in force.
type yearLine struct {
	workday.Year
	Workdays int
	Shipped  bool // came with the program
}

// importLine is one import of the history.
type importedLine struct {
	calendar.Import
	Href, By string
}

type yearsPage struct {
	base
	Years      []yearLine
	Imports    []importedLine
	Last       int
	MayPropose bool
}

// years shows what is in force, and all that was ever brought in.
func (d *desk) years(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	ctx := r.Context()
	cal, err := d.calendar.Current(ctx)
	if err != nil {
		return err
	}
	list, err := d.calendar.List(ctx)
	if err != nil {
		return err
	}
	p := yearsPage{base: d.base(r, a), Last: cal.LastOfficial(), MayPropose: d.calendar.MayPropose(a, d.env.Now()) == nil}
	for _, y := range slices.Backward(cal.Years()) {
		p.Years = append(p.Years, yearLine{y, workdaysIn(cal, y.Year), isShipped(y)})
	}
	who := names{}
	for _, x := range list {
		p.Imports = append(p.Imports, importedLine{x, d.pages.URL(r, "/calendar/imports", x.ID), d.name(ctx, who, x.By)})
	}
	return d.pages.Show(w, r, http.StatusOK, "calendar", p)
}

func workdaysIn(cal workday.Calendar, year int) int {
	first := workday.MustDate(fmt.Sprintf("%04d-01-01", year)).AddDays(-1)
	return cal.Between(first, first.AddYears(1))
}

func isShipped(y workday.Year) bool {
	return slices.ContainsFunc(workday.Official().Years(), func(s workday.Year) bool {
		return s.Year == y.Year && s.Notice == y.Notice && s.Published == y.Published
	})
}

type yearForm struct {
	base
	Next int // the year to be expected
}

func (d *desk) yearFormPage(r *http.Request, a staff.Actor) (yearForm, error) {
	p := yearForm{base: d.base(r, a)}
	if err := d.calendar.MayPropose(a, d.env.Now()); err != nil {
		return p, err
	}
	cal, err := d.calendar.Current(r.Context())
	p.Next = cal.LastOfficial() + 1
	return p, err
}

func (d *desk) yearForm(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	p, err := d.yearFormPage(r, a)
	if err != nil {
		return err
	}
	p.Form = page.NewForm(url.Values{"year": {fmt.Sprint(p.Next)}})
	return d.pages.Show(w, r, http.StatusOK, "calendar-import", p)
}

// yearPage shows a year before it is proposed, or an import.
type yearPage struct {
	base
	Year    workday.Year
	Changes []calendar.Change
	Moves   *clock.Moves
	// JSON is the year, for the form that proposes it.
	JSON string
	// Import is what was proposed; nil before that.
	Import     *calendar.Import
	By, Second string
	MayDecide  bool
	Own        bool
}

// previewYear shows what a year would change, before anybody proposes it.
func (d *desk) previewYear(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	p, err := d.yearFormPage(r, a)
	if err != nil {
		return err
	}
	y, typed, err := readYear(r)
	var next workday.Calendar
	if err == nil {
		next, err = d.calendar.Preview(r.Context(), y, d.env.Now())
	}
	if err != nil {
		f, ok := fault.Of(err)
		if !ok {
			return err
		}
		p.Form = page.NewForm(typed).Refuse(fn.Lang(r), onYearForm(f))
		return d.pages.Show(w, r, fn.Status(f.Kind), "calendar-import", p)
	}
	text, err := json.Marshal(y)
	if err != nil {
		return fmt.Errorf("case-handling: a year: %w", err)
	}
	show := yearPage{base: p.base, Year: y, JSON: string(text)}
	if err := d.effect(r, &show, next); err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "calendar-year", show)
}

// effect says what a calendar would change.
func (d *desk) effect(r *http.Request, p *yearPage, next workday.Calendar) error {
	now, err := d.calendar.Current(r.Context())
	if err != nil {
		return err
	}
	p.Changes = calendar.Changes(now, next, p.Year.Year)
	moves, err := d.clocks.Preview(r.Context(), next, d.today())
	p.Moves = &moves
	return err
}

// proposeYear proposes what was looked at.
func (d *desk) proposeYear(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	y, err := workday.ParseYear([]byte(r.PostForm.Get("json")))
	if err != nil {
		return err
	}
	x, err := d.calendar.Propose(r.Context(), a, y, d.env.Now())
	if err != nil {
		return err
	}
	return d.see(w, r, "/calendar/imports", x.ID, done("proposed"))
}

// imported shows one import, and to who may decide what it would change.
func (d *desk) imported(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	p, err := d.importedPage(r, a)
	if err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "calendar-year", p)
}

func (d *desk) importedPage(r *http.Request, a staff.Actor) (yearPage, error) {
	p := yearPage{base: d.base(r, a)}
	if said := "calendar.done." + r.URL.Query().Get("done"); page.Has(said) {
		p.Done = said
	}
	ctx, now := r.Context(), d.env.Now()
	x, err := d.calendar.Import(ctx, r.PathValue("id"))
	if err != nil {
		return p, err
	}
	p.Import, p.Year = &x, x.Year
	who := names{}
	p.By, p.Second = d.name(ctx, who, x.By), d.name(ctx, who, x.Second)
	if x.State != calendar.Proposed {
		return p, nil
	}
	p.Own = x.By == a.User.ID
	p.MayDecide = d.calendar.MayDecide(a, x, now) == nil
	if !p.MayDecide && d.calendar.MayPropose(a, now) != nil {
		return p, nil
	}
	next, err := d.calendar.Preview(ctx, x.Year, now)
	if f, ok := fault.Of(err); ok {
		// Since it was proposed something else came into force.
		p.Form.Refuse(fn.Lang(r), fault.New(f.Kind, f.Code, f.Args...))
		return p, nil
	}
	if err != nil {
		return p, err
	}
	return p, d.effect(r, &p, next)
}

func (d *desk) decideYear(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	id, now := r.PathValue("id"), d.env.Now()
	var err error
	what := r.PathValue("action")
	switch what {
	case "approve":
		_, err = d.calendar.Approve(r.Context(), a, id, now)
	case "refuse":
		_, err = d.calendar.Refuse(r.Context(), a, id, r.PostForm.Get("why"), now)
	case "withdraw":
		_, err = d.calendar.Withdraw(r.Context(), a, id, now)
	default:
		return fault.New(fault.NotFound, "case-handling.unknown")
	}
	if f, ok := fault.Of(err); ok && f.Kind != fault.NotFound && f.Kind != fault.Forbidden {
		p, err := d.importedPage(r, a)
		if err != nil {
			return err
		}
		p.Form = page.NewForm(r.PostForm).Refuse(fn.Lang(r), f)
		return d.pages.Show(w, r, fn.Status(f.Kind), "calendar-year", p)
	}
	if err != nil {
		return err
	}
	return d.see(w, r, "/calendar/imports", id, done(what))
}

// maxYear bounds a file that describes a year, in bytes.
const maxYear = 64 << 10

// readYear reads a year from a file or from the form; typed are the form's fields
// either way, so that what is wrong in a file can be corrected there.
func readYear(r *http.Request) (y workday.Year, typed url.Values, err error) {
	bad := func(err error) error { return fault.New(fault.Invalid, "case-handling.form").Because(err) }
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "multipart/form-data" {
		return y, nil, bad(err)
	}
	typed = url.Values{}
	var file []byte
	for parts := multipart.NewReader(r.Body, params["boundary"]); ; {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return y, typed, bad(err)
		}
		body, err := io.ReadAll(io.LimitReader(part, maxYear+1))
		if err != nil {
			return y, typed, bad(err)
		}
		if len(body) > maxYear {
			return y, typed, fault.New(fault.TooLarge, "calendar.large", maxYear>>10).With(part.FormName(), "calendar.large", maxYear>>10)
		}
		if part.FormName() == "file" {
			file = body
		} else {
			typed.Set(part.FormName(), string(body))
		}
	}
	if typed.Get("way") == "file" {
		if len(file) == 0 {
			return y, typed, fault.New(fault.Invalid, "case-handling.no_upload").With("file", "case-handling.no_upload")
		}
		y, err = workday.ParseYear(file)
		if err != nil && json.Unmarshal(file, &y) == nil {
			typed = typedYear(y)
		}
		if f, ok := fault.Of(err); ok && len(f.Fields) == 0 {
			err = fault.New(f.Kind, f.Code, f.Args...).With("file", f.Code, f.Args...)
		}
		return y, typed, err
	}
	y, err = typedIn(typed)
	return y, typed, err
}

// typedIn reads the fields of the form. The workday package checks what they say.
func typedIn(f url.Values) (workday.Year, error) {
	wrong := fault.New(fault.Invalid, "workday.year")
	text := func(name string) string { return strings.TrimSpace(f.Get(name)) }
	date := func(field, s string) workday.Date {
		d, err := workday.ParseDate(s)
		if bad, ok := fault.Of(err); ok {
			wrong.With(field, bad.Code, bad.Args...)
		}
		return d
	}
	y := workday.Year{Title: text("title"), Notice: text("notice"), Source: text("source"), Off: []workday.Span{}, Work: []workday.Date{}}
	if n, err := fmt.Sscanf(text("year"), "%4d", &y.Year); n != 1 || err != nil || fmt.Sprint(y.Year) != text("year") {
		wrong.With("year", "workday.year_range")
	}
	if s := text("published"); s != "" {
		y.Published = date("published", s)
	}
	// A browser ends lines with two signs.
	apart := func(r rune) bool { return strings.ContainsRune(" \t\r\n,，、;；　", r) }
	for line := range strings.Lines(f.Get("off")) {
		words := strings.FieldsFunc(line, apart)
		switch len(words) {
		case 0:
		case 2: // one day
			on := date("off", words[1])
			y.Off = append(y.Off, workday.Span{Name: words[0], From: on, To: on})
		case 3:
			y.Off = append(y.Off, workday.Span{Name: words[0], From: date("off", words[1]), To: date("off", words[2])})
		default:
			wrong.With("off", "calendar.off_line", strings.TrimSpace(line))
		}
	}
	for _, s := range strings.FieldsFunc(f.Get("work"), apart) {
		y.Work = append(y.Work, date("work", s))
	}
	if len(wrong.Fields) > 0 {
		return y, wrong
	}
	return y, y.Check()
}

// typedYear is the form's fields for a year.
func typedYear(y workday.Year) url.Values {
	var off, work strings.Builder
	for _, s := range y.Off {
		fmt.Fprintf(&off, "%s %s %s\n", s.Name, s.From, s.To)
	}
	for _, d := range y.Work {
		fmt.Fprintln(&work, d)
	}
	return url.Values{
		"year": {fmt.Sprint(y.Year)}, "title": {y.Title}, "notice": {y.Notice}, "source": {y.Source}, "published": {y.Published.String()},
		"off": {off.String()}, "work": {work.String()},
	}
}

// onYearForm names fields as the form does: one for all holidays, one for all
// worked days. The sentence for each says which day is meant.
func onYearForm(f *fault.Error) *fault.Error {
	out := fault.New(f.Kind, f.Code, f.Args...)
	for _, x := range f.Fields {
		name, _, inside := strings.Cut(x.Name, "/")
		if x.Code == "workday.year_missing" && !inside {
			x.Code = "calendar.missing." + name // the list of what is wrong says which
		}
		out.With(name, x.Code, x.Args...)
	}
	return out
}

// Tone is the colour of an import's state; the words say the same.
func (x importedLine) Tone() string { return importTone(x.State) }

// Tone: see importedLine.Tone.
func (p yearPage) Tone() string { return importTone(p.Import.State) }

func importTone(s calendar.State) string {
	switch s {
	case calendar.Proposed:
		return "amber"
	case calendar.Approved:
		return "green"
	}
	return "grey"
}
