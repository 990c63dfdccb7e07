package function

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"ipcredit/shared/batch"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/ident"
	"ipcredit/shared/page"
	"ipcredit/shared/sheet/book"
)

// most is how many problems an answer lists; errors.xlsx has all of them.
const most = 1_000

// result is what became of an upload's rows.
type result struct {
	ID         string `json:"id"`
	Kind       string `json:"kind"`
	DryRun     bool   `json:"dryRun,omitempty"`
	Atomic     bool   `json:"atomic,omitempty"`
	Rows       int    `json:"rows"`
	Accepted   int    `json:"accepted"`
	Corrected  int    `json:"corrected,omitempty"` // those of Accepted that replaced an earlier version
	Duplicates int    `json:"duplicates"`
	Rejected   int    `json:"rejected"`
	Held       int    `json:"held,omitempty"` // good rows of an atomic batch with bad ones
}

// report is the result with what is wrong with each row.
type report struct {
	result
	Errors []rowError `json:"errors"`
	// More tells that not all errors are listed: errors.xlsx has them.
	More bool `json:"moreErrors,omitempty"`
}

type rowError struct {
	Row     int    `json:"row"` // counts data rows from 1
	Field   string `json:"field"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// standing is where a batch stands.
type standing struct {
	State      batch.State `json:"state"`
	Total      int         `json:"total,omitempty"` // rows of the file, once it has been read through
	CreatedAt  time.Time   `json:"createdAt"`
	FinishedAt *time.Time  `json:"finishedAt,omitempty"`
	// Problem is why the file could not be read; a list leaves it out.
	Problem *fn.Problem `json:"problem,omitempty"`
}

func resultOf(b batch.Batch) result {
	return result{
		ID: b.ID, Kind: b.Kind, DryRun: b.DryRun, Atomic: b.Atomic, Rows: b.Rows, Accepted: b.Accepted,
		Corrected: b.Corrected, Duplicates: b.Duplicates, Rejected: b.Rejected, Held: b.Held,
	}
}

func (d *desk) report(r *http.Request, b batch.Batch) (report, error) {
	out := report{result: resultOf(b), Errors: []rowError{}}
	problems, err := d.batches.Problems(r.Context(), b, most+1)
	if err != nil {
		return out, err
	}
	if len(problems) > most {
		problems, out.More = problems[:most], true
	}
	for _, p := range problems {
		out.Errors = append(out.Errors, rowError{Row: p.Row, Field: p.Field, Code: p.Code, Message: sentence(fn.Lang(r), p)})
	}
	return out, nil
}

func standingOf(b batch.Batch) standing {
	out := standing{State: b.State, Total: b.Total, CreatedAt: b.CreatedAt}
	if !b.FinishedAt.IsZero() {
		out.FinishedAt = &b.FinishedAt
	}
	return out
}

// standing is where the batch stands and why its file could not be read.
func (d *desk) standing(r *http.Request, b batch.Batch) (standing, error) {
	out := standingOf(b)
	failure, err := d.batches.Failure(r.Context(), b)
	if err != nil || failure == nil {
		return out, err
	}
	lang := fn.Lang(r)
	failure = discreet(failure)
	title, detail := page.Fault(lang, failure)
	out.Problem = &fn.Problem{
		Type: "tag:ipcredit,2026:problem/" + failure.Code, Title: title, Status: fn.Status(failure.Kind),
		Detail: detail, Code: failure.Code, Instance: "urn:ipcredit:batch:" + b.ID,
	}
	for _, f := range failure.Fields {
		out.Problem.Errors = append(out.Problem.Errors, fn.ProblemField{Field: f.Name, Code: f.Code, Message: page.FieldMessage(lang, f)})
	}
	return out, nil
}

// sentence words one problem of a row.
func sentence(lang page.Lang, p batch.Problem) string {
	return page.Say(lang, "fault."+p.Code, masked(p.Args)...)
}

var personal = regexp.MustCompile(`[0-9]{17}[0-9Xx]|1[3-9][0-9]{9}`)

// anyDay is after every birth there is.
var anyDay = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)

// masked hides the middle of identity and telephone numbers that a sentence
// would quote: somebody put them into the wrong column, and an answer is kept,
// printed and sent on. errors.xlsx has them where its owner wrote them.
func masked(args []any) []any {
	out := slices.Clone(args)
	for i, a := range out {
		if s, ok := a.(string); ok {
			out[i] = personal.ReplaceAllStringFunc(s, func(n string) string {
				if _, err := ident.ParsePersonID(n, anyDay); len(n) == 18 && err != nil {
					return n
				}
				return ident.MaskID(n)
			})
		}
	}
	return out
}

// discreet is the failure of a file as it is told.
func discreet(f *fault.Error) *fault.Error {
	out := fault.New(f.Kind, f.Code, masked(f.Args)...)
	for _, field := range f.Fields {
		name := masked([]any{field.Name})[0].(string)
		out.With(name, field.Code, masked(field.Args)...)
	}
	return out
}

// answer is what the sender of the last piece gets: 201 with the result, 202
// while it is being worked off, the fault where the file could not be read.
func (d *desk) answer(w http.ResponseWriter, r *http.Request, b batch.Batch) error {
	w.Header().Set("Cache-Control", "no-store")
	if fn.WantsHTML(r) {
		http.Redirect(w, r, d.pages.URL(r, "/batches", b.ID), http.StatusSeeOther)
		return nil
	}
	failure, err := d.batches.Failure(r.Context(), b)
	switch {
	case err != nil:
		return err
	case failure != nil:
		return discreet(failure)
	}
	w.Header().Set("Location", fn.Prefix(r)+"/batches/"+b.ID)
	if !b.Finished() {
		w.Header().Set("Retry-After", "2")
		return fn.WriteJSON(w, http.StatusAccepted, map[string]string{"id": b.ID})
	}
	out, err := d.report(r, b)
	if err != nil {
		return err
	}
	return fn.WriteJSON(w, http.StatusCreated, out)
}

// own returns a batch of the caller's organisation; another's is not there.
func (d *desk) own(r *http.Request) (batch.Batch, caller, error) {
	who, err := d.caller(r)
	if err != nil {
		return batch.Batch{}, who, err
	}
	b, err := d.batches.Store().Get(r.Context(), r.PathValue("id"))
	if err == nil && b.Org != who.org {
		err = fault.New(fault.NotFound, "batch.unknown")
	}
	return b, who, err
}

func (d *desk) show(w http.ResponseWriter, r *http.Request) error {
	b, who, err := d.own(r)
	if err != nil {
		return d.door.SignIn(w, r, err)
	}
	if fn.WantsHTML(r) {
		return d.batchPage(w, r, who, b)
	}
	w.Header().Set("Cache-Control", "no-store")
	if !b.Finished() {
		w.Header().Set("Retry-After", "2")
	}
	var out struct {
		report
		standing
	}
	if out.report, err = d.report(r, b); err != nil {
		return err
	}
	if out.standing, err = d.standing(r, b); err != nil {
		return err
	}
	return fn.WriteJSON(w, http.StatusOK, out)
}

// listed is how many batches a list has at a time.
const listed = 50

func (d *desk) list(w http.ResponseWriter, r *http.Request) error {
	who, err := d.caller(r)
	if err != nil {
		return d.door.SignIn(w, r, err)
	}
	batches, next, err := d.batches.Store().Of(r.Context(), who.org, r.URL.Query().Get("cursor"), listed)
	if err != nil {
		return err
	}
	if fn.WantsHTML(r) {
		return d.listPage(w, r, who, batches, next)
	}
	type entry struct {
		result
		standing
	}
	out := struct {
		Results []entry `json:"results"`
		Next    *string `json:"next"`
	}{Results: make([]entry, len(batches))}
	for i, b := range batches {
		out.Results[i] = entry{resultOf(b), standingOf(b)}
	}
	if next != "" {
		out.Next = &next
	}
	w.Header().Set("Cache-Control", "no-store")
	return fn.WriteJSON(w, http.StatusOK, out)
}

// errors gives the rejected rows back in the uploaded layout.
func (d *desk) errors(w http.ResponseWriter, r *http.Request) error {
	b, _, err := d.own(r)
	if err != nil {
		return d.door.SignIn(w, r, err)
	}
	if b.Rejected == 0 {
		return fault.New(fault.NotFound, "batch.no_errors")
	}
	lang := fn.Lang(r)
	attach(w, b.Kind+"-errors.xlsx")
	return fn.Stream(w, r, func(out io.Writer) error {
		return d.batches.WriteErrors(r.Context(), out, b, func(p batch.Problem) string {
			if p.Field == "" {
				return sentence(lang, p)
			}
			return p.Field + ": " + sentence(lang, p)
		})
	})
}

// template is the empty table of a kind, the same for everybody.
func (d *desk) template(w http.ResponseWriter, r *http.Request) error {
	kind, found := strings.CutSuffix(r.PathValue("file"), ".xlsx")
	if !found {
		return fault.New(fault.NotFound, "fn.not_found")
	}
	schema, err := batch.Schema(kind)
	if err != nil {
		return fault.New(fault.NotFound, "batch.kind")
	}
	var buf bytes.Buffer
	if err := book.Template(&buf, schema, d.env.Demo); err != nil {
		return fmt.Errorf("material-intake: template: %w", err)
	}
	w.Header().Set("Cache-Control", "public, max-age=3600")
	attach(w, kind+".xlsx")
	_, err = w.Write(buf.Bytes())
	return err
}

// attach makes the answer a spreadsheet to be saved under the name.
func attach(w http.ResponseWriter, name string) {
	w.Header().Set("Content-Type", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
	w.Header().Set("Content-Disposition", "attachment; filename="+strconv.Quote(name))
	if w.Header().Get("Cache-Control") == "" {
		w.Header().Set("Cache-Control", "no-store")
	}
}
