package function

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	drafts "ipcredit/shared/draft"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/ident"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
	"ipcredit/shared/workday"
)

// option is one entry of a choice.
type option struct{ Value, Text, Hint string }

// flow is what every page of the form shows.
type flow struct {
	*page.Form
	Hidden hidden
	Exit   exit
	Step   step
	Place  int
	Steps  int
	// Restored tells that the page had been open longer than the draft was kept.
	Restored bool
}

// exit is the way out that every page has.
type exit struct {
	Draft  string
	URL    string
	Framed bool
	// Has tells that there is a draft to take back.
	Has bool
}

// stepView is the page of one step.
type stepView struct {
	flow
	Kinds     []option
	Elsewhere []option
	Parties   []party
	Query     string
	Searched  bool
	Hits      []found
	More      bool
	Divisions []option
	Longest   int // characters of a narrative
	Files     []file
	Limits    limits
	Upload    string
	Official  bool
	Summary   []section
	Warnings  []warning
	Question  string
	// Cookie says that the way to the upload page needs no fields.
	Cookie bool
}

// party is one named party with its place in the list.
type party struct {
	N int
	tipoff.Party
}

// found is a subject of the register that was found.
type found struct{ Code, Name, Area string }

// showStep shows a page of the form. A first visit has nothing kept yet: what it
// needs goes with the page.
func (d *desk) showStep(w http.ResponseWriter, r *http.Request) error {
	s := step(r.PathValue("step"))
	if !valid(s) {
		return fault.New(fault.NotFound, "fn.not_found")
	}
	v, err := d.enter(r)
	if err != nil {
		return err
	}
	switch {
	case v.draft == nil && s != kindStep:
		d.see(w, r, "/")
		return nil
	case v.draft == nil:
		v.token, v.cookie, v.draft = drafts.NewToken(), false, newDraft(d.ticket())
	case v.draft.Sent != nil:
		d.see(w, r, "/receipt")
		return nil
	case s.place() > v.draft.open().place():
		d.see(w, r, "/report", string(v.draft.open()))
		return nil
	default:
		if v.sealed, err = d.seal(v); err != nil {
			return err
		}
	}
	return d.stepPage(w, r, http.StatusOK, v, s, nil)
}

// takeStep takes what a page of the form sent.
func (d *desk) takeStep(w http.ResponseWriter, r *http.Request) error {
	s := step(r.PathValue("step"))
	if !valid(s) {
		return fault.New(fault.NotFound, "fn.not_found")
	}
	v, err := d.enter(r)
	if err != nil {
		return err
	}
	if v.draft.Sent != nil {
		return d.finish(w, r, v)
	}
	v.draft.keep(s, r.PostForm)
	do, what, _ := strings.Cut(r.PostForm.Get("go"), ":")
	switch do {
	case "save": // by the page's script, so that a killed page loses nothing
		if err := d.saveUnchanged(r, v.token, v.draft); err != nil {
			return err
		}
		if !v.framed {
			d.setCookie(w, v.token)
		}
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusNoContent)
		return nil
	case "to":
		to := step(what)
		if !valid(to) {
			to = v.draft.open()
		}
		if to != s && s == checkStep {
			v.from = checkStep
		}
		return d.kept(w, r, v, to)
	case "search", "pick", "add", "remove":
		return d.takeParty(w, r, v, do, what)
	case "attach":
		if err := d.attach(r, v); err != nil {
			return err
		}
		v.draft.pass(evidenceStep)
		return d.upload(w, r, v)
	}
	if s == kindStep && slices.Contains(elsewhere, v.draft.value("kind")) {
		return d.channelOf(w, r, v, v.draft.value("kind"))
	}
	if s == whomStep {
		v.draft.addTyped()
	}
	if f := d.wrong(r, v.draft, s); f != nil {
		if err := d.keepDraft(w, r, v); err != nil {
			return err
		}
		return d.stepPage(w, r, http.StatusBadRequest, v, s, f)
	}
	v.draft.pass(s)
	to := s.next()
	if v.from != "" && v.draft.open() == v.from {
		to = v.from
	}
	return d.kept(w, r, v, to)
}

// kept stores the draft and goes on to a step, or to one that is to be passed
// before it.
func (d *desk) kept(w http.ResponseWriter, r *http.Request, v *visit, to step) error {
	if open := v.draft.open(); to.place() > open.place() {
		to = open
	}
	if err := d.keepDraft(w, r, v); err != nil {
		return err
	}
	return d.turn(w, r, v, to)
}

// wrong is what has to be corrected on a step, or nil.
func (d *desk) wrong(r *http.Request, v *draft, s step) *fault.Error {
	if s == whatStep && looksLikeReceipt(v.value("narrative")) {
		return fault.New(fault.Invalid, "report-intake.receipt_in_text").With("narrative", "report-intake.receipt_in_text")
	}
	lang := fn.Lang(r)
	l, err := v.lodged(lang)
	if f := faultsAt(err)[s]; f != nil {
		return f
	}
	_, _, err = tipoff.Check(l, tipoff.Rules{}, workday.DateOf(d.env.Now()))
	return faultsAt(whichNumber(lang, err, l.Numbers))[s]
}

// whichNumber says of each wrong number which one it is: they stand in one input.
func whichNumber(lang page.Lang, err error, numbers []string) error {
	f, refused := fault.Of(err)
	if !refused {
		return err
	}
	out := fault.New(f.Kind, f.Code, f.Args...)
	for _, x := range f.Fields {
		at, found := strings.CutPrefix(x.Name, "numbers/")
		if n, err := strconv.Atoi(at); found && err == nil && n < len(numbers) {
			out.With("numbers", "report-intake.number_wrong", numbers[n], page.FieldMessage(lang, x))
			continue
		}
		out.Fields = append(out.Fields, x)
	}
	return out
}

// takeParty is what the page of the parties does besides going on.
func (d *desk) takeParty(w http.ResponseWriter, r *http.Request, v *visit, do, what string) error {
	switch do {
	case "remove":
		if n, err := strconv.Atoi(what); err == nil && n >= 1 && n <= len(v.draft.Parties) {
			v.draft.Parties = slices.Delete(v.draft.Parties, n-1, n)
		}
	case "add":
		v.draft.addTyped()
	case "pick":
		x, err := d.subjects.Resolve(r.Context(), what)
		if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Invalid) {
			break // gone from the register since it was found
		}
		if err != nil {
			return err
		}
		if public, ok := x.Public(); ok {
			v.draft.add(tipoff.Party{Name: public.Name, Code: public.Code})
			delete(v.draft.Values, "party")
		}
	case "search":
		if err := d.keepDraft(w, r, v); err != nil {
			return err
		}
		return d.searchPage(w, r, v)
	}
	if f := d.wrong(r, v.draft, whomStep); f != nil && len(v.draft.Parties) > 0 {
		if err := d.keepDraft(w, r, v); err != nil {
			return err
		}
		return d.stepPage(w, r, http.StatusBadRequest, v, whomStep, f)
	}
	return d.kept(w, r, v, whomStep)
}

// addTyped adds the name that stands in the input.
func (v *draft) addTyped() {
	if name := v.value("party"); name != "" {
		p := tipoff.Party{Name: name}
		if code, err := ident.ParseUSCC(name); err == nil {
			p.Code = string(code) // somebody who types a code means the firm
		}
		v.add(p)
		delete(v.Values, "party")
	}
}

func (v *draft) add(p tipoff.Party) {
	for i, have := range v.Parties {
		if have.Name == p.Name || p.Code != "" && have.Code == p.Code {
			v.Parties[i] = p
			return
		}
	}
	v.Parties = append(v.Parties, p)
}

// searchPage shows what the register has for the name typed. The name goes
// nowhere but here: it stands in no address.
func (d *desk) searchPage(w http.ResponseWriter, r *http.Request, v *visit) error {
	view := stepView{Query: v.draft.value("party"), Searched: true}
	if view.Query == "" {
		return d.stepPage(w, r, http.StatusBadRequest, v, whomStep,
			fault.New(fault.Invalid, "report-intake.search_empty").With("party", "report-intake.search_empty"))
	}
	wait, err := d.searching(r, d.env.Now())
	if err != nil {
		return err
	}
	if wait > 0 {
		w.Header().Set("Retry-After", seconds(wait))
		return d.stepPage(w, r, http.StatusTooManyRequests, v, whomStep,
			fault.New(fault.TooMany, "report-intake.search_rate").With("party", "report-intake.search_rate"))
	}
	result, err := d.subjects.Search(r.Context(), view.Query, chosen.N("search.results"), "")
	if f, refused := fault.Of(err); refused {
		return d.stepPage(w, r, http.StatusBadRequest, v, whomStep, fault.New(f.Kind, f.Code, f.Args...).With("party", f.Code, f.Args...))
	}
	if err != nil {
		return err
	}
	for _, h := range result.Hits {
		view.Hits = append(view.Hits, found{Code: h.Code, Name: h.Name, Area: areaName(h.District)})
	}
	view.More = result.Total.Value > len(result.Hits) || result.Total.Relation == "gte"
	return d.drawStep(w, r, http.StatusOK, v, whomStep, nil, view)
}

func seconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}

func areaName(code string) string {
	if a, ok := ident.AreaOf(code); ok {
		return a.Name
	}
	return code
}

// stepPage draws the page of a step, with what has to be corrected.
func (d *desk) stepPage(w http.ResponseWriter, r *http.Request, status int, v *visit, s step, f *fault.Error) error {
	return d.drawStep(w, r, status, v, s, f, stepView{})
}

func (d *desk) drawStep(w http.ResponseWriter, r *http.Request, status int, v *visit, s step, f *fault.Error, view stepView) error {
	lang := fn.Lang(r)
	form := page.NewForm(v.draft.Values)
	if f != nil {
		form.Refuse(lang, f)
	}
	view.flow = flow{
		Form: form, Hidden: v.hidden(), Exit: d.way(v), Step: s, Place: s.place(), Steps: len(steps),
		Restored: v.draft.restored,
	}
	view.Cookie = v.cookie
	view.Official = v.draft.value("kind") == official
	var err error
	switch s {
	case kindStep:
		view.Kinds, view.Elsewhere = kindOptions(lang), elsewhereOptions(lang)
	case whomStep:
		for i, p := range v.draft.Parties {
			view.Parties = append(view.Parties, party{i + 1, p})
		}
	case whatStep:
		view.Divisions = divisionOptions()
		var form tipoff.Form
		form, err = tipoff.FormOf(tipoff.Rules{}, workday.DateOf(d.env.Now()))
		view.Longest = form.Narrative
	case evidenceStep:
		view.Limits = limitsOf(lang, d.evidence.Limits())
		if view.Files, err = d.files(r, v.draft); err == nil && v.draft.Box != nil {
			view.Upload = d.uploadPage(r, v.draft.Box.Token)
		}
	case checkStep:
		err = d.fillCheck(r, v, &view)
	}
	if err != nil {
		return err
	}
	return d.show(w, r, status, string(s), v.framed, view)
}

func kindOptions(lang page.Lang) []option {
	var out []option
	for _, k := range tipoff.Kinds() {
		out = append(out, option{string(k), page.Say(lang, "tipoff.kind."+string(k)), page.Say(lang, "report-intake.kind_hint."+string(k))})
	}
	return append(out, option{official, page.Say(lang, "report-intake.official"), page.Say(lang, "report-intake.official_hint")})
}

func elsewhereOptions(lang page.Lang) []option {
	var out []option
	for _, what := range elsewhere {
		out = append(out, option{what, page.Say(lang, "report-intake.elsewhere."+what), page.Say(lang, "report-intake.elsewhere_hint."+what)})
	}
	return out
}

func divisionOptions() []option {
	var out []option
	for _, x := range staff.Districts() {
		if x.Above != "" {
			out = append(out, option{Value: x.Code, Text: areaName(x.Code)})
		}
	}
	return out
}

// way is the way out of the form.
func (d *desk) way(v *visit) exit {
	e := exit{URL: d.exit, Framed: v.framed}
	if v.draft != nil {
		e.Draft, e.Has = v.token, v.draft.Sent == nil
	}
	return e
}

// show draws a page, in a frame of another site where it stands in one.
func (d *desk) show(w http.ResponseWriter, r *http.Request, status int, name string, framed bool, data any) error {
	w.Header().Set("Cache-Control", "no-store")
	if framed {
		return d.pages.Frame(&framing{w, d.frames}, r, status, name, data)
	}
	return d.pages.Show(w, r, status, name, data)
}

// seal is the draft's ciphertext for a page, without storing it again.
func (d *desk) seal(v *visit) (string, error) {
	_, sealed, err := sealDraft(v.token, v.draft)
	return sealed, err
}

// numbersAnswer is what a page's script shows beside the numbers.
type numbersAnswer struct {
	Results []numberAnswer `json:"results"`
	Next    *string        `json:"next"` // null: lists have it, and this one is whole
}

type numberAnswer struct {
	Number  string `json:"number"`
	OK      bool   `json:"ok"`
	Message string `json:"message"`
}

// checkNumbers tells at once which application and mark numbers cannot be right.
// Nothing is looked up and nothing kept.
func (d *desk) checkNumbers(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Numbers []string `json:"numbers"`
	}
	if err := fn.ReadJSON(r, &in); err != nil {
		return err
	}
	if len(in.Numbers) > 50 {
		return fault.New(fault.Invalid, "report-intake.numbers_many", 50).With("numbers", "report-intake.numbers_many", 50)
	}
	w.Header().Set("Cache-Control", "no-store")
	out := numbersAnswer{Results: []numberAnswer{}}
	lang := fn.Lang(r)
	for _, n := range in.Numbers {
		a := numberAnswer{Number: n}
		number, err := tipoff.ParseMatter(n)
		if f, refused := fault.Of(err); refused {
			_, a.Message = page.Fault(lang, f)
		} else {
			a.OK, a.Message = true, page.Say(lang, "report-intake.number_ok", number)
		}
		out.Results = append(out.Results, a)
	}
	return fn.WriteJSON(w, http.StatusOK, out)
}

func text(lang page.Lang, d workday.Date) string {
	if d.IsZero() {
		return ""
	}
	if lang == page.EN {
		return d.Start().In(workday.CST).Format("2 January 2006")
	}
	return d.Start().In(workday.CST).Format("2006年1月2日")
}
