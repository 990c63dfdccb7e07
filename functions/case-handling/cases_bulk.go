package function

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"ipcredit/shared/casework"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
)

// maxBulk is how many cases one bulk action takes (as casework.AssignMany).
const maxBulk = 200

type bulkAction struct {
	name  string
	right staff.Action
}

// bulkActions are what can be done with many cases at a time.
var bulkActions = []bulkAction{
	{"assign", staff.CaseIntake},
	{"notify", staff.CaseHandle},
	{"print", staff.CaseRead},
}

type bulkPage struct {
	base
	Do      string
	Lines   []caseLine
	Back    string // the query of the list
	BackURL string
	Ticket  string
	People  []option
	Forms   []option
	Kind    string
	Fields  []casework.FormField
	// Templates are texts to begin with; Preview is what the first case's document
	// would say.
	Templates []option
	Preview   []caseFact
	// Finished says that the results are shown: Results has one a case.
	Finished bool
	Results  []bulkResult
	Right    int
	Wrong    int
	Print    string // the address of what can now be printed
	// Undo is the form that takes a bulk assignment back.
	Undo []bulkUndo
}

type bulkResult struct {
	Line     caseLine
	Messages []string
}

// bulkUndo gives cases back to those who had them: one form for each set of
// people.
type bulkUndo struct {
	Handlers []string // users; none: the queue
	Names    []string
	Seen     []string
}

// chosen reads which cases were ticked.
func chosenCases(f url.Values) ([]casework.Seen, error) {
	var out []casework.Seen
	for _, v := range f["c"] {
		s, ok := seenOf(v)
		if !ok {
			return nil, fault.New(fault.Invalid, "case-handling.form")
		}
		if !slices.ContainsFunc(out, func(x casework.Seen) bool { return x.Number == s.Number }) {
			out = append(out, s)
		}
	}
	switch {
	case len(out) == 0:
		return nil, fault.New(fault.Invalid, "cases.none_chosen")
	case len(out) > maxBulk:
		return nil, fault.New(fault.Invalid, "cases.too_many", maxBulk)
	}
	return out, nil
}

// caseBulk asks what is to be done with the chosen cases, then does it.
func (d *desk) caseBulk(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	do := r.PostForm.Get("do")
	at := slices.IndexFunc(bulkActions, func(x bulkAction) bool { return x.name == do })
	if at < 0 {
		return fault.New(fault.NotFound, "fn.not_found")
	}
	if !a.May(bulkActions[at].right, d.env.Now()) {
		return fault.New(fault.Forbidden, "staff.can.role")
	}
	p := bulkPage{base: d.casesBase(r, a), Do: do, Ticket: ticket(), Kind: fieldText(r.PostForm, "kind")}
	p.Form = page.NewForm(r.PostForm)
	if back, err := url.ParseQuery(r.PostForm.Get("back")); err == nil {
		p.Back = kept(back).Encode()
		p.BackURL = d.pages.URL(r, "/cases", kept(back))
	}
	seen, err := chosenCases(r.PostForm)
	if err != nil {
		return d.bulkShow(w, r, &p, err)
	}
	files, err := d.bulkFiles(r, a, seen, &p)
	if err != nil {
		return err
	}
	if r.PostForm.Get("step") != "go" {
		return d.bulkForm(w, r, a, &p, files, nil)
	}
	if again, err := d.wasSent(r.Context(), a, r.PostForm.Get("ticket")); err != nil || again {
		if err != nil {
			return err
		}
		return d.see(w, r, "/cases", kept(mustQuery(p.Back)), done("bulk-again"))
	}
	switch do {
	case "assign":
		err = d.bulkAssign(r, a, seen, files, &p)
	case "notify":
		err = d.bulkNotify(r, a, seen, files, &p)
	case "print":
		var to url.Values
		if to, err = d.bulkPrint(r, files); err == nil {
			return d.see(w, r, "/cases/documents", to)
		}
	}
	if err != nil {
		return d.bulkForm(w, r, a, &p, files, err)
	}
	if err := d.sent(r.Context(), a, r.PostForm.Get("ticket")); err != nil {
		return err
	}
	p.Finished = true
	return d.pages.Show(w, r, http.StatusOK, "case-bulk", p)
}

func mustQuery(s string) url.Values {
	q, err := url.ParseQuery(s)
	if err != nil {
		return url.Values{}
	}
	return q
}

func (d *desk) bulkShow(w http.ResponseWriter, r *http.Request, p *bulkPage, err error) error {
	status := http.StatusOK
	if err != nil {
		if status, err = refused(r, &p.base, err); err != nil {
			return err
		}
	}
	return d.pages.Show(w, r, status, "case-bulk", p)
}

// bulkFiles opens the chosen cases. One that the officer may not read costs the
// others nothing: it is left out and said.
func (d *desk) bulkFiles(r *http.Request, a staff.Actor, seen []casework.Seen, p *bulkPage) ([]casework.File, error) {
	x, err := d.newLines(r)
	if err != nil {
		return nil, err
	}
	var files []casework.File
	for _, s := range seen {
		f, err := d.viewCase(r, a, s.Number)
		if got, ok := fault.Of(err); ok {
			p.Wrong++
			p.Results = append(p.Results, bulkResult{Line: caseLine{Row: casework.Row{Case: casework.Case{Number: s.Number}}}, Messages: worded(fn.Lang(r), got)})
			continue
		}
		if err != nil {
			return nil, err
		}
		// The version is the one that was seen in the list, not the one there is now.
		line := x.of(f.Row)
		line.Case.Version = s.Version
		p.Lines = append(p.Lines, line)
		files = append(files, f)
	}
	return files, nil
}

// bulkForm asks what the action needs.
func (d *desk) bulkForm(w http.ResponseWriter, r *http.Request, a staff.Actor, p *bulkPage, files []casework.File, why error) error {
	lang := fn.Lang(r)
	switch p.Do {
	case "assign":
		// Whoever can have all of them.
		for i, f := range files {
			able, err := d.cases.Assignable(r.Context(), a, f.Case.Number, d.env.Now())
			if _, refused := fault.Of(err); err != nil && !refused {
				return err
			}
			people := make([]option, 0, len(able))
			for _, u := range able {
				people = append(people, option{Value: u.ID, Text: u.Name})
			}
			if i == 0 {
				p.People = people
				continue
			}
			p.People = slices.DeleteFunc(p.People, func(o option) bool { return !slices.Contains(people, o) })
		}
	case "notify":
		for _, f := range commonForms(files) {
			if !f.Internal {
				p.Forms = append(p.Forms, option{Value: f.Kind, Text: page.Say(lang, "casework.document."+f.Kind)})
			}
			if f.Kind == p.Kind {
				p.Fields = f.Fields
			}
		}
		if err := d.bulkTexts(r, files, p); err != nil {
			return err
		}
	case "print":
		for _, kind := range issuedKinds(files) {
			p.Forms = append(p.Forms, option{Value: kind, Text: page.Say(lang, "casework.document."+kind)})
		}
	}
	return d.bulkShow(w, r, p, why)
}

// commonForms are the documents that can be issued for every one of the cases.
func commonForms(files []casework.File) []casework.Form {
	var out []casework.Form
	for i, f := range files {
		if i == 0 {
			out = slices.Clone(f.Forms)
			continue
		}
		out = slices.DeleteFunc(out, func(x casework.Form) bool {
			return !slices.ContainsFunc(f.Forms, func(y casework.Form) bool { return y.Kind == x.Kind })
		})
	}
	return out
}

// issuedKinds are the kinds of documents that any of the cases has.
func issuedKinds(files []casework.File) []string {
	var out []string
	for _, f := range files {
		for _, doc := range f.Documents {
			if doc.For == 0 && !slices.Contains(out, doc.Kind) {
				out = append(out, doc.Kind)
			}
		}
	}
	slices.Sort(out)
	return out
}

func (d *desk) bulkAssign(r *http.Request, a staff.Actor, seen []casework.Seen, files []casework.File, p *bulkPage) error {
	c := caseCall{r: r, who: a}
	handlers := c.all("handlers")
	if len(handlers) == 0 && r.PostForm.Get("undo") == "" {
		return fault.New(fault.Invalid, "case-handling.choose").With("handlers", "case-handling.choose")
	}
	before := map[string][]string{}
	for _, f := range files {
		before[f.Case.Number] = f.Case.Handlers
	}
	results, err := d.cases.AssignMany(r.Context(), a, seen, handlers, d.env.Now())
	if err != nil {
		return err
	}
	p.Results = nil
	p.Wrong = 0
	if err := d.bulkResults(r, results, p); err != nil {
		return err
	}
	if r.PostForm.Get("undo") != "" {
		return nil
	}
	known := names{}
	for _, x := range results {
		if x.Err != nil {
			continue
		}
		had := before[x.Number]
		at := slices.IndexFunc(p.Undo, func(u bulkUndo) bool { return slices.Equal(u.Handlers, had) })
		if at < 0 {
			u := bulkUndo{Handlers: had}
			for _, h := range had {
				u.Names = append(u.Names, d.name(r.Context(), known, h))
			}
			p.Undo = append(p.Undo, u)
			at = len(p.Undo) - 1
		}
		p.Undo[at].Seen = append(p.Undo[at].Seen, x.Case.Number+":"+strconv.FormatInt(x.Case.Version, 10))
	}
	return nil
}

func (d *desk) bulkResults(r *http.Request, results []casework.Result, p *bulkPage) error {
	x, err := d.newLines(r)
	if err != nil {
		return err
	}
	for _, res := range results {
		out := bulkResult{}
		if res.Err != nil {
			got, ok := fault.Of(res.Err)
			if !ok {
				return res.Err
			}
			out.Line = caseLine{Row: casework.Row{Case: casework.Case{Number: res.Number}}, Href: d.pages.URL(r, "/cases", res.Number)}
			out.Messages = worded(fn.Lang(r), got)
			p.Wrong++
		} else {
			out.Line = x.of(casework.Row{Case: res.Case})
			p.Right++
		}
		p.Results = append(p.Results, out)
	}
	return nil
}

// bulkPrint is the address of all documents of a kind: of each case the newest.
func (d *desk) bulkPrint(r *http.Request, files []casework.File) (url.Values, error) {
	kind := fieldText(r.PostForm, "kind")
	if !slices.Contains(issuedKinds(files), kind) {
		return nil, fault.New(fault.Invalid, "case-handling.choose").With("kind", "case-handling.choose")
	}
	q := url.Values{}
	for _, f := range files {
		newest := 0
		for _, doc := range f.Documents {
			if doc.Kind == kind && doc.For == 0 {
				newest = max(newest, doc.N)
			}
		}
		if newest > 0 {
			q.Add("d", f.Case.Number+":"+strconv.Itoa(newest))
		}
	}
	return q, nil
}

// bulkNotify issues one document for each of the cases, each with a number of its
// own. What is refused for one stops no other.
func (d *desk) bulkNotify(r *http.Request, a staff.Actor, seen []casework.Seen, files []casework.File, p *bulkPage) error {
	forms := commonForms(files)
	at := slices.IndexFunc(forms, func(f casework.Form) bool { return f.Kind == p.Kind && !f.Internal })
	if at < 0 {
		return fault.New(fault.Invalid, "case-handling.choose").With("kind", "case-handling.choose")
	}
	if err := checkFields(forms[at], r.PostForm); err != nil {
		return err
	}
	var results []casework.Result
	q := url.Values{}
	p.Results, p.Wrong = nil, 0
	for i, f := range files {
		s := seen[slices.IndexFunc(seen, func(s casework.Seen) bool { return s.Number == f.Case.Number })]
		c, docs, err := d.issueOne(r.Context(), a, s, files[i], forms[at], r.PostForm)
		if _, ok := fault.Of(err); err != nil && !ok {
			return err
		}
		if err == nil && len(docs) > 0 {
			q.Add("d", c.Number+":"+strconv.Itoa(docs[0].N))
		}
		results = append(results, casework.Result{Number: f.Case.Number, Case: c, Err: err})
	}
	if len(q) > 0 {
		p.Print = d.pages.URL(r, "/cases/documents", q)
	}
	return d.bulkResults(r, results, p)
}

// issueOne fills the fields for one case and issues the document.
func (d *desk) issueOne(ctx context.Context, a staff.Actor, s casework.Seen, f casework.File, form casework.Form, typedIn url.Values) (casework.Case, []casework.Document, error) {
	return d.cases.Issue(ctx, a, s, casework.Issuing{Kind: form.Kind, Fields: d.fieldsFor(ctx, f, form, typedIn)}, d.env.Now())
}
