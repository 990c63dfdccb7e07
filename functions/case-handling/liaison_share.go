package function

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/liaison"
	"ipcredit/shared/page"
	"ipcredit/shared/sheet"
	"ipcredit/shared/sheet/book"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// mostImported is how many shares one file may bring (ours to choose): each is a
// letter to be answered, not a row of data.
const mostImported = 500

// shareExtras puts the measures, the buttons and the export form on the list of
// shares.
func (d *desk) shareExtras(r *http.Request, a staff.Actor, v *listView) error {
	q := r.URL.Query()
	out, in, err := d.letters.Metrics(r.Context(), a, dayOf(q, "from"), dayOf(q, "to"), d.env.Now())
	if err != nil {
		return err
	}
	v.FactsTitle = speak(r, "liaison.metrics")
	line := func(k liaison.Kind, m liaison.Metrics) {
		text := speak(r, "liaison.metrics.line", m.Sent, m.Answered, m.Open)
		note := speak(r, "liaison.metrics.none")
		if m.Answered > 0 {
			note = speak(r, "liaison.metrics.median", m.Median())
		}
		if m.Provisional {
			note += " " + speak(r, "case-handling.provisional")
		}
		v.Facts = append(v.Facts, fact{Key: speak(r, "liaison.kind."+string(k)), Text: text, Note: note})
	}
	line(liaison.Outbound, out)
	line(liaison.Inbound, in)
	v.Filters = append(v.Filters,
		control{Kind: "input", Type: "date", Name: "from", Label: speak(r, "liaison.from_day"), Optional: true},
		control{Kind: "input", Type: "date", Name: "to", Label: speak(r, "liaison.to_day"), Optional: true})
	v.Buttons = []knob{
		{Href: d.pages.URL(r, "/notices/new", url.Values{"kind": {string(liaison.Outbound)}}), Text: speak(r, "liaison.new.outbound")},
		{Href: d.pages.URL(r, "/shares/register"), Text: speak(r, "liaison.new.inbound")},
		{Href: d.pages.URL(r, "/shares/import"), Text: speak(r, "liaison.import")},
		{Href: d.pages.URL(r, "/mandates"), Text: speak(r, "liaison.mandates.title")},
	}
	if d.mayWrite(r, a, liaison.Inbound) == nil {
		v.Posts = []knob{{Href: d.pages.URL(r, "/shares/take-in"), Text: speak(r, "liaison.take_in"), Tone: "second"}}
	}
	if a.May(staff.ExportMake, d.env.Now()) {
		v.Buttons = append(v.Buttons, knob{Href: d.pages.URL(r, "/shares/export"), Text: speak(r, "liaison.export")})
	}
	return nil
}

// sharesTakeIn opens at once what other cities' desks sent, which the next run would
// do by itself.
func (d *desk) sharesTakeIn(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := d.mayWrite(r, a, liaison.Inbound); err != nil {
		return err
	}
	ctx, now := r.Context(), d.env.Now()
	if err := errors.Join(d.letters.TakeIn(ctx, now), d.letters.Pack(ctx, now)); err != nil {
		return err
	}
	return d.see(w, r, "/shares", done("letters-taken-in"))
}

// shareExportPage is the form in which shares are chosen that leave as a file.
func (d *desk) shareExportPage(r *http.Request, a staff.Actor) (formView, error) {
	v := formView{
		base: d.place(r, a), Title: speak(r, "liaison.export"), About: speak(r, "liaison.export.about"), Action: d.pages.URL(r, "/shares/export"), Button: speak(r, "liaison.export.do"),
		Back: d.pages.URL(r, "/shares"), Crumbs: []page.Link{{Href: d.pages.URL(r, "/shares"), Text: speak(r, "liaison.shares.title")}},
	}
	now := d.env.Now()
	if err := staff.Can(a, staff.ExportMake, staff.Resource{Division: a.Org.Division()}, now); err != nil {
		return v, err
	}
	rows, _, err := d.letters.List(r.Context(), a, liaison.Filter{Shares: true, Kind: liaison.Outbound, Limit: 200}, now)
	if err != nil {
		return v, err
	}
	ids := control{Kind: "checkboxes", Name: "ids", Label: speak(r, "liaison.export.ids")}
	for _, x := range rows {
		if !x.Started.IsZero() && x.State != liaison.Withdrawn && x.State != liaison.Erased {
			ids.Options = append(ids.Options, option{Value: x.ID, Text: x.DocNo, Hint: x.Partner + " " + x.Region + " " + x.Started.String()})
		}
	}
	v.Groups = []group{{Inputs: []control{
		ids, {Kind: "input", Name: "purpose", Label: speak(r, "liaison.purpose"), Width: "w-full"},
		{Kind: "radios", Name: "format", Label: speak(r, "case-handling.format"), Options: options(fn.Lang(r), "liaison.format.", []string{"xlsx", "json"})},
	}}}
	return v, nil
}

func (d *desk) shareExportForm(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	v, err := d.shareExportPage(r, a)
	if err != nil {
		return err
	}
	v.Form = page.NewForm(r.URL.Query())
	return d.pages.Show(w, r, http.StatusOK, "liaison-form", v)
}

// shareFormPage is the form in which a share that came by post is entered.
func (d *desk) shareFormPage(r *http.Request, a staff.Actor, template string) formView {
	lang := fn.Lang(r)
	v := formView{
		base: d.place(r, a), Title: speak(r, "liaison.new.inbound"), About: speak(r, "liaison.inbound_about"), Back: d.pages.URL(r, "/shares"),
		Crumbs: []page.Link{{Href: d.pages.URL(r, "/shares"), Text: speak(r, "liaison.shares.title")}},
	}
	t, ok := liaison.TemplateOf(template)
	if !ok || !t.Share {
		c := control{Kind: "radios", Name: "template", Label: speak(r, "liaison.choose_template")}
		for _, t := range liaison.Templates(true) {
			c.Options = append(c.Options, option{Value: t.ID, Text: page.Say(lang, "liaison.template."+t.ID), Hint: d.fieldList(lang, t)})
		}
		v.Get, v.Action, v.Button, v.Groups = true, d.pages.URL(r, "/shares/register"), speak(r, "liaison.next"), []group{{Inputs: []control{c}}}
		return v
	}
	v.Lead, v.Action, v.Button = page.Say(lang, "liaison.template."+t.ID), d.pages.URL(r, "/shares/register"), speak(r, "liaison.register")
	v.Hidden = []unseen{{"template", t.ID}}
	v.Groups = []group{
		{Legend: speak(r, "liaison.partner_title"), Inputs: append(partnerFields(r),
			control{Kind: "input", Name: "docNo", Label: speak(r, "liaison.number"), Hint: speak(r, "liaison.number_hint"), Width: "w-code"},
			control{Kind: "input", Name: "on", Label: speak(r, "liaison.arrived"), Type: "date", Width: "w-short"},
			control{Kind: "input", Name: "said", Label: speak(r, "liaison.basis"), Width: "w-full"})},
		{Legend: speak(r, "liaison.content"), Hint: speak(r, "liaison.no_reporter"), Inputs: letterFields(r, t)},
	}
	return v
}

func (d *desk) shareForm(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := d.mayWrite(r, a, liaison.Inbound); err != nil {
		return err
	}
	v := d.shareFormPage(r, a, r.URL.Query().Get("template"))
	q := r.URL.Query()
	q.Set("on", d.today().String())
	v.Form = page.NewForm(q)
	return d.pages.Show(w, r, http.StatusOK, "liaison-form", v)
}

func (d *desk) shareRegister(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	in := liaison.Arrival{Writing: writing(r.PostForm), DocNo: typed(r, "docNo"), On: dayOf(r.PostForm, "on"), Basis: typed(r, "said")}
	delete(in.Fields, "said")
	l, err := d.letters.Register(r.Context(), a, in, d.env.Now())
	if err != nil {
		if fault.Is(err, fault.Forbidden) {
			return err
		}
		if f, ok := fault.Of(err); ok { // the basis has another name on this form
			for i := range f.Fields {
				if f.Fields[i].Name == "basis" {
					f.Fields[i].Name = "said"
				}
			}
		}
		return d.again(w, r, d.shareFormPage(r, a, in.Template), err)
	}
	return d.see(w, r, "/notices", l.ID, done("letter-registered"))
}

func (d *desk) shareImportPage(r *http.Request, a staff.Actor) formView {
	return formView{
		base: d.place(r, a), Title: speak(r, "liaison.import"), About: speak(r, "liaison.import_about", mostImported), Action: d.pages.URL(r, "/shares/import"), Button: speak(r, "liaison.import"),
		Back: d.pages.URL(r, "/shares"), Multipart: true, Crumbs: []page.Link{{Href: d.pages.URL(r, "/shares"), Text: speak(r, "liaison.shares.title")}},
		Groups: []group{{Inputs: []control{{Kind: "file", Name: "file", Label: speak(r, "liaison.file"), Accept: ".xlsx,.csv,.json"}}}},
	}
}

func (d *desk) shareImportForm(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := d.mayWrite(r, a, liaison.Inbound); err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "liaison-form", d.shareImportPage(r, a))
}

// shareImport takes in a file of shares, row by row: one that is wrong costs no
// other, one that came before is no second one.
func (d *desk) shareImport(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := d.mayWrite(r, a, liaison.Inbound); err != nil {
		return err
	}
	again := func(err error) error { return d.again(w, r, d.shareImportPage(r, a), err) }
	file, _, err := r.FormFile("file")
	if err != nil {
		return again(fault.New(fault.Invalid, "liaison.incomplete").With("file", "liaison.required"))
	}
	defer func() { _ = file.Close() }()
	rows, err := sheet.Open(liaison.Schema(), file, sheet.Limits{Rows: mostImported, XLSXBytes: fn.MaxBody, FileBytes: fn.MaxBody, InflatedBytes: 64 << 20})
	if err != nil {
		return again(err)
	}
	lang := fn.Lang(r)
	v := recordView{base: d.place(r, a), Title: speak(r, "liaison.imported"), Crumbs: []page.Link{{Href: d.pages.URL(r, "/shares"), Text: speak(r, "liaison.shares.title")}}}
	t := page.Table{Caption: speak(r, "liaison.imported"), Quiet: true, Columns: []page.Column{{Text: speak(r, "liaison.row"), Numeric: true}, {Text: speak(r, "liaison.number")}, {Text: speak(r, "liaison.outcome")}}}
	taken, came, wrong := 0, 0, 0
	for {
		row, err := rows.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return again(err)
		}
		in, problems := liaison.ReadArrival(row, d.today())
		cells := []page.Cell{{Text: strconv.Itoa(row.Number)}, {Text: in.DocNo}}
		if len(problems) > 0 {
			wrong++
			t.Rows = append(t.Rows, append(cells, page.Cell{Text: page.Say(lang, "fault."+problems[0].Code, problems[0].Args...)}))
			continue
		}
		l, err := d.letters.Register(r.Context(), a, in, d.env.Now())
		f, refused := fault.Of(err)
		switch {
		case err == nil:
			taken++
			cells[1].Href = d.pages.URL(r, "/notices", l.ID)
			cells = append(cells, page.Cell{Text: speak(r, "liaison.taken"), Tone: "green"})
		case refused && f.Kind == fault.Conflict:
			came++
			cells = append(cells, page.Cell{Text: speak(r, "liaison.came"), Tone: "grey"})
		case refused:
			wrong++
			_, text := page.Fault(lang, f)
			if len(f.Fields) > 0 {
				text = page.Say(lang, "liaison.field_wrong", fieldName(lang, f.Fields[0].Name), page.FieldMessage(lang, f.Fields[0]))
			}
			cells = append(cells, page.Cell{Text: text})
		default:
			return err
		}
		t.Rows = append(t.Rows, cells)
	}
	v.Facts = []fact{{Key: speak(r, "liaison.taken"), Text: strconv.Itoa(taken)}, {Key: speak(r, "liaison.came"), Text: strconv.Itoa(came)}, {Key: speak(r, "liaison.refused"), Text: strconv.Itoa(wrong)}}
	if len(t.Rows) > 0 {
		v.Sections = []section{{Title: speak(r, "liaison.rows"), Table: &t}}
	}
	return d.pages.Show(w, r, http.StatusOK, "liaison-record", v)
}

// fieldName is what the column of a field is called.
func fieldName(lang page.Lang, name string) string {
	for _, c := range liaison.Schema().Columns {
		if c.Field == name {
			return c.Header
		}
	}
	return page.Say(lang, "liaison.row")
}

// shareExport gives out sent shares as a file that another city reads: the fields
// that their templates let out, noted with the purpose before it is given.
func (d *desk) shareExport(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	ctx, now, format := r.Context(), d.env.Now(), typed(r, "format")
	var list []liaison.Opened
	err := error(fault.New(fault.Invalid, "liaison.incomplete").With("format", "liaison.choice"))
	if format == "json" || format == "xlsx" {
		list, err = d.letters.Exported(ctx, a, r.PostForm["ids"], typed(r, "purpose"), now)
	}
	if err != nil {
		if fault.Is(err, fault.Forbidden) {
			return err
		}
		v, verr := d.shareExportPage(r, a)
		if verr != nil {
			return verr
		}
		return d.again(w, r, v, err)
	}
	orgs, err := d.orgs(ctx)
	if err != nil {
		return err
	}
	schema := liaison.Schema()
	lines := make([][]string, 0, len(list))
	for _, o := range list {
		basis := ""
		for _, b := range basisLines(o.Letter, o.Said) {
			basis += b
		}
		lines = append(lines, o.Cells(d.env.City, orgs[o.From].Name, basis))
	}
	name := "shares-" + workday.DateOf(now).String() + "." + format
	if format == "json" {
		out := make([]map[string]string, len(lines))
		for i, cells := range lines {
			out[i] = map[string]string{}
			for k, c := range schema.Columns {
				if cells[k] != "" {
					out[i][c.Header] = cells[k]
				}
			}
		}
		isolate(w.Header(), "application/json", name)
		return json.NewEncoder(w).Encode(out)
	}
	var b bytes.Buffer
	headers := make([]string, len(schema.Columns))
	for i, c := range schema.Columns {
		headers[i] = c.Header
	}
	if err := book.Write(&b, headers, seq(lines)); err != nil {
		return err
	}
	isolate(w.Header(), "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", name)
	_, err = w.Write(b.Bytes())
	return err
}

func seq(lines [][]string) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		for _, l := range lines {
			if !yield(l, nil) {
				return
			}
		}
	}
}
