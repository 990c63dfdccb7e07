package function

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"ipcredit/shared/batch"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/page"
	"ipcredit/shared/workday"
)

// reader is who looks at the page; the zero reader is not signed in.
type reader struct{ Name, Organization string }

// option is one entry of a choice.
type option struct{ Value, Text, Hint string }

type indexPage struct {
	*page.Form
	Reader   reader
	Kinds    []option
	SignedIn bool
	// Barred tells that whoever is signed in may not hand in batches.
	Barred bool
	Ticket string
	Recent *page.Table
}

func (d *desk) index(w http.ResponseWriter, r *http.Request) error {
	chosen := r.URL.Query()
	if _, err := batch.Schema(chosen.Get("kind")); err != nil {
		chosen.Del("kind") // a link that is out of date; nothing is chosen then
	}
	return d.ask(w, r, http.StatusOK, page.NewForm(chosen))
}

// askAgain shows the form with what was chosen and what was wrong. The file has
// to be chosen again: no page can fill that in.
func (d *desk) askAgain(w http.ResponseWriter, r *http.Request, chosen url.Values, f *fault.Error) error {
	if f.Code == "batch.kind" { // worded for programs
		f = fault.New(f.Kind, "material-intake.choose_kind").With("kind", "material-intake.choose_kind")
	}
	return d.ask(w, r, fn.Status(f.Kind), page.NewForm(chosen).Refuse(fn.Lang(r), f))
}

func (d *desk) ask(w http.ResponseWriter, r *http.Request, status int, form *page.Form) error {
	lang := fn.Lang(r)
	// A new number for each form shown: the same one sent twice counts once.
	data := indexPage{Form: form, Ticket: rand.Text()}
	for _, k := range batch.Kinds() {
		data.Kinds = append(data.Kinds, option{Value: k, Text: page.Say(lang, "material-intake.kind."+k), Hint: page.Say(lang, "material-intake.hint."+k)})
	}
	who, err := d.caller(r)
	data.Reader = reader{who.name, who.orgName}
	switch {
	case err == nil:
		data.SignedIn = true
		recent, _, err := d.batches.Store().Of(r.Context(), who.org, "", 5)
		if err != nil {
			return err
		}
		if len(recent) > 0 {
			t := d.table(r, recent, "material-intake.recent")
			data.Recent = &t
		}
	case fault.Is(err, fault.Forbidden):
		data.Barred = true
	case !fault.Is(err, fault.Unauthorized):
		return err
	}
	return d.pages.Show(w, r, status, "index", data)
}

type listPage struct {
	Reader reader
	Table  page.Table
	Next   string
	Newest string
}

func (d *desk) listPage(w http.ResponseWriter, r *http.Request, who caller, batches []batch.Batch, next string) error {
	data := listPage{Reader: reader{who.name, who.orgName}, Table: d.table(r, batches, "material-intake.all")}
	if next != "" {
		data.Next = d.pages.URL(r, "/batches", url.Values{"cursor": {next}})
	}
	if r.URL.Query().Get("cursor") != "" {
		data.Newest = d.pages.URL(r, "/batches")
	}
	return d.pages.Show(w, r, http.StatusOK, "list", data)
}

func (d *desk) table(r *http.Request, batches []batch.Batch, caption string) page.Table {
	lang := fn.Lang(r)
	t := page.Table{
		Caption: page.Say(lang, caption), Quiet: true,
		Columns: []page.Column{
			{Text: page.Say(lang, "material-intake.sent_at")}, {Text: page.Say(lang, "material-intake.kind")},
			{Text: page.Say(lang, "material-intake.state")},
			{Text: page.Say(lang, "material-intake.accepted"), Numeric: true},
			{Text: page.Say(lang, "material-intake.duplicates"), Numeric: true},
			{Text: page.Say(lang, "material-intake.rejected"), Numeric: true},
		},
	}
	for _, b := range batches {
		t.Rows = append(t.Rows, []page.Cell{
			{Text: b.CreatedAt.In(workday.CST).Format("2006-01-02 15:04:05"), Href: d.pages.URL(r, "/batches", b.ID)},
			{Text: page.Say(lang, "material-intake.kind."+b.Kind)},
			stateTag(lang, b),
			{Text: grouped(b.Accepted)}, {Text: grouped(b.Duplicates)}, {Text: grouped(b.Rejected)},
		})
	}
	return t
}

// grouped writes a count as the pages do, 1,000 at a time.
func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func stateTag(lang page.Lang, b batch.Batch) page.Cell {
	tone, key := "blue", "material-intake.state."+string(b.State)
	switch {
	case b.State == batch.Failed:
		tone = "red"
	case b.State != batch.Done:
	case b.Held > 0:
		tone, key = "amber", "material-intake.state.held"
	case b.DryRun:
		key = "material-intake.state.checked"
		if b.Rejected > 0 {
			tone = "amber"
		}
	case b.Rejected > 0 && b.Rejected == b.Rows:
		tone, key = "red", "material-intake.state.none"
	case b.Rejected > 0:
		tone, key = "amber", "material-intake.state.partly"
	case b.Accepted == 0:
		tone, key = "grey", "material-intake.state.known"
	default:
		tone = "green"
	}
	return page.Cell{Text: page.Say(lang, key), Tone: tone}
}

type batchPage struct {
	Reader   reader
	Batch    batch.Batch
	Tag      page.Cell
	Failure  string
	Told     told
	Problems page.Table
	Listed   int
	More     bool
	Here     string
	Auto     string
	Working  bool
	Fresh    bool // the page reloads by itself
}

// told is the outcome in a sentence: what happened and what to do.
type told struct{ Title, Text, Tone string }

// Pending tells the layout whether the page may reload by itself.
func (b batchPage) Pending() bool { return b.Working }

// shown is how many problems the page lists.
const shown = 200

func (d *desk) batchPage(w http.ResponseWriter, r *http.Request, who caller, b batch.Batch) error {
	lang := fn.Lang(r)
	data := batchPage{
		Reader: reader{who.name, who.orgName},
		Batch:  b, Tag: stateTag(lang, b), Working: !b.Finished(),
		Here:  d.pages.URL(r, "/batches", b.ID),
		Auto:  d.pages.URL(r, "/batches", b.ID, url.Values{"refresh": {"1"}}),
		Fresh: r.URL.Query().Get("refresh") == "1",
	}
	if data.Fresh {
		data.Auto = data.Here
	}
	failure, err := d.batches.Failure(r.Context(), b)
	switch {
	case err != nil:
		return err
	case failure != nil:
		_, data.Failure = page.Fault(lang, discreet(failure))
	case b.Finished():
		data.Told = outcome(lang, b)
	}
	problems, err := d.batches.Problems(r.Context(), b, shown+1)
	if err != nil {
		return err
	}
	if len(problems) > shown {
		problems, data.More = problems[:shown], true
	}
	data.Listed = len(problems)
	schema, err := batch.Schema(b.Kind)
	if err != nil {
		return err
	}
	data.Problems = page.Table{
		Caption: page.Say(lang, "material-intake.problems"), Quiet: true,
		Columns: []page.Column{
			{Text: page.Say(lang, "material-intake.row"), Numeric: true},
			{Text: page.Say(lang, "material-intake.field")}, {Text: page.Say(lang, "material-intake.problem")},
		},
	}
	for _, p := range problems {
		field := p.Field
		if field == "" {
			field = page.Say(lang, "material-intake.whole_row")
		}
		for _, c := range schema.Columns {
			if c.National != "" && strings.EqualFold(c.National, field) {
				field += " " + c.Header // nobody knows the codes by heart
			}
		}
		data.Problems.Rows = append(data.Problems.Rows, []page.Cell{{Text: grouped(p.Row)}, {Text: field}, {Text: sentence(lang, p)}})
	}
	return d.pages.Show(w, r, http.StatusOK, "batch", data)
}

// outcome words what became of a finished batch.
func outcome(lang page.Lang, b batch.Batch) told {
	say := func(key string, args ...any) string { return page.Say(lang, "material-intake.told."+key, args...) }
	switch {
	case b.Held > 0 || b.Atomic && b.Rejected > 0:
		return told{say("held"), say("held_text", b.Rejected, b.Held), "warn"}
	case b.DryRun && b.Rejected > 0:
		return told{say("dry_bad", b.Rejected), say("dry_bad_text", b.Accepted), "warn"}
	case b.DryRun:
		return told{say("dry_good"), say("dry_good_text", b.Accepted, b.Duplicates), "good"}
	case b.Rejected > 0 && b.Accepted+b.Duplicates == 0:
		return told{say("none"), say("none_text", b.Rejected), "warn"}
	case b.Rejected > 0:
		return told{say("some", b.Accepted, b.Rejected), say("some_text"), "warn"}
	case b.Accepted == 0:
		return told{say("known"), say("known_text", b.Duplicates), ""}
	}
	return told{say("all", b.Accepted), say("all_text"), "good"}
}
