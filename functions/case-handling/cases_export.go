package function

import (
	"bytes"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"

	"ipcredit/shared/casework"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/page"
	"ipcredit/shared/sheet"
	"ipcredit/shared/sheet/book"
	"ipcredit/shared/staff"
)

type caseExportPage struct {
	base
	Fields   []option
	Purposes []option
	Formats  []option
	// Filter is what the list was narrowed by, carried in hidden fields.
	Filter []option
	Back   string
	Ticket string
}

func (d *desk) caseExportPage(r *http.Request, a staff.Actor) caseExportPage {
	lang := fn.Lang(r)
	p := caseExportPage{
		base: d.casesBase(r, a), Fields: options(lang, "casework.export.field.", casework.ExportFields()),
		Purposes: options(lang, "casework.export.purpose.", casework.ExportPurposes()), Formats: options(lang, "cases.format.", []string{"xlsx", "csv"}), Ticket: ticket(),
	}
	q := r.URL.Query()
	if r.Method == http.MethodPost {
		q = r.PostForm
	}
	q = kept(q)
	for _, name := range sortedKeys(q) {
		p.Filter = append(p.Filter, option{Value: name, Text: q.Get(name)})
	}
	p.Back = d.pages.URL(r, "/cases", q)
	return p
}

func (d *desk) caseExportForm(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if !a.May(staff.ExportMake, d.env.Now()) {
		return fault.New(fault.Forbidden, "staff.can.role")
	}
	p := d.caseExportPage(r, a)
	q := r.URL.Query()
	q["fields"] = casework.ExportFields()
	q.Set("format", "xlsx")
	p.Form = page.NewForm(q)
	return d.pages.Show(w, r, http.StatusOK, "case-export", p)
}

// caseExport gives the rows of a list by whitelisted fields. The store writes into
// the journal who took what for which purpose before anything is given.
func (d *desk) caseExport(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	header, rows, err := d.exportRows(r, a)
	if err != nil {
		if fault.Is(err, fault.Forbidden) {
			return err
		}
		p := d.caseExportPage(r, a)
		status, err := refused(r, &p.base, err)
		if err != nil {
			return err
		}
		return d.pages.Show(w, r, status, "case-export", p)
	}
	lang := fn.Lang(r)
	named := make([]string, len(header))
	for i, h := range header {
		named[i] = page.Say(lang, "casework.export.field."+h)
	}
	var body bytes.Buffer
	media := "text/csv; charset=utf-8"
	format := r.PostForm.Get("format")
	if format == "xlsx" {
		media = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
		err = book.Write(&body, named, each(rows))
	} else {
		err = sheet.WriteCSV(&body, named, each(rows))
	}
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", media)
	h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="cases-%s.%s"`, d.today(), format))
	h.Set("X-Content-Type-Options", "nosniff")
	_, err = w.Write(body.Bytes())
	return err
}

func (d *desk) exportRows(r *http.Request, a staff.Actor) ([]string, [][]string, error) {
	wrong := fault.New(fault.Invalid, "case-handling.incomplete")
	purpose, fields := fieldText(r.PostForm, "purpose"), r.PostForm["fields"]
	if !slices.Contains(casework.ExportPurposes(), purpose) {
		wrong = wrong.With("purpose", "case-handling.choose")
	}
	if len(fields) == 0 || slices.ContainsFunc(fields, func(f string) bool { return !slices.Contains(casework.ExportFields(), f) }) {
		wrong = wrong.With("fields", "cases.fields")
	}
	if !slices.Contains([]string{"xlsx", "csv"}, r.PostForm.Get("format")) {
		wrong = wrong.With("format", "case-handling.choose")
	}
	if len(wrong.Fields) > 0 {
		return nil, nil, wrong
	}
	cal, err := d.calendarNow(r.Context())
	if err != nil {
		return nil, nil, err
	}
	f, err := d.caseFilter(r.PostForm, a, cal)
	if err != nil {
		return nil, nil, err
	}
	f.Cursor = ""
	return d.cases.Export(r.Context(), a, f, fields, purpose, d.env.Now())
}

func each(rows [][]string) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		for _, row := range rows {
			for i := range row {
				row[i] = strings.ToValidUTF8(row[i], "")
			}
			if !yield(row, nil) {
				return
			}
		}
	}
}
