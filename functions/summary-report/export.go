package function

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"

	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/linkage"
	"ipcredit/shared/page"
	"ipcredit/shared/sheet"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// purposes are what figures are taken out for. Words are the catalogue's
// "summary-report.purpose."+purpose.
var purposes = []string{"province", "assessment", "meeting", "check"}

// columns are all that a file of figures has: nothing of an applicant is in it.
// Words are the catalogue's "summary-report.column."+column.
var columns = []string{"by", "notified", "withdrawn", "deemed", "rejected", "open", "accepted", "rate", "disposal", "reached"}

// maxForm bounds a form of this function, in bytes.
const maxForm = 16 << 10

// PurposeOptions are the purposes to choose from.
func (b base) PurposeOptions(lang page.Lang) []option {
	var out []option
	for _, p := range purposes {
		out = append(out, option{Value: p, Text: page.Say(lang, "summary-report.purpose."+p)})
	}
	return out
}

// ByOptions are the breakdowns to choose from.
func (b base) ByOptions(lang page.Lang) []option {
	var out []option
	for _, by := range linkage.Dimensions {
		out = append(out, option{Value: string(by), Text: page.Say(lang, "linkage.by."+string(by))})
	}
	return out
}

// export gives out the figures by one dimension as CSV, narrowed as the page was,
// for a stated purpose: the journal has who took them and why before the first
// line is given (staff.ExportMake). All lines are in it, also those that the page
// leaves out.
func (d *desk) export(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return fault.New(fault.Invalid, "summary-report.choice").Because(err)
	}
	q := r.PostForm
	f, err := narrowed(q)
	by, purpose := linkage.Dimension(q.Get("by")), q.Get("purpose")
	switch {
	case err != nil:
	case !slices.Contains(linkage.Dimensions, by):
		err = wrong("by")
	case !slices.Contains(purposes, purpose):
		err = wrong("purpose")
	}
	if err != nil {
		return d.exportRefused(w, r, a, err)
	}
	now := d.env.Now()
	target, _, err := linkage.TargetOn(linkage.Rules{}, workday.DateOf(now))
	if err != nil {
		return err
	}
	figures, err := d.linkage.ExportRates(r.Context(), a, f, by, purpose, now)
	if err != nil {
		return err
	}
	// The file is read by the authorities above: in Chinese.
	header := make([]string, len(columns))
	for i, c := range columns {
		header[i] = page.Say(page.ZH, "summary-report.column."+c)
	}
	header[0] = page.Say(page.ZH, "linkage.by."+string(by))
	var b bytes.Buffer
	err = sheet.WriteCSV(&b, header, func(yield func([]string, error) bool) {
		for _, x := range figures {
			if !yield(cells(d.called(r.Context(), page.ZH, by, x.Key), x.Counts, target, f.Kind), nil) {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="withdrawal-rate-`+string(by)+"-"+workday.DateOf(now).String()+`.csv"`)
	h.Set("X-Content-Type-Options", "nosniff")
	_, err = w.Write(b.Bytes())
	return err
}

// cells is a line of the file. A rate that does not apply is an empty cell, and so
// is the target where there is none.
func cells(name string, c linkage.Counts, t linkage.Target, kind linkage.Kind) []string {
	x := figureOf(c, t)
	reached := ""
	if kind == linkage.Patent && x.Reached != nil {
		reached = page.Say(page.ZH, "summary-report.missed")
		if *x.Reached {
			reached = page.Say(page.ZH, "summary-report.reached")
		}
	}
	n := strconv.Itoa
	return []string{name, n(c.Notified), n(c.Withdrawn), n(c.Deemed), n(c.Rejected), n(c.Open()), n(c.Accepted), x.Share, x.Disposal, reached}
}

// exportRefused shows the figures again with what is wrong.
func (d *desk) exportRefused(w http.ResponseWriter, r *http.Request, a staff.Actor, err error) error {
	refusal, ok := fault.Of(err)
	if !ok || !fn.WantsHTML(r) {
		return err
	}
	f, wrongFilter := narrowed(r.PostForm)
	if wrongFilter != nil {
		return err
	}
	p, err := d.figures(r, a, f, r.PostForm)
	if err != nil {
		return err
	}
	p.Form = page.NewForm(r.PostForm).Refuse(fn.Lang(r), refusal)
	return d.pages.Show(w, r, fn.Status(refusal.Kind), "index", p)
}
