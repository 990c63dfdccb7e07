package function

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"

	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/share"
	"ipcredit/shared/sheet"
	"ipcredit/shared/sheet/book"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

type fileView struct {
	base
	KindOptions, AreaOptions, FormatOptions, HeaderOptions []option
}

func (d *desk) fileForm(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	return d.showFile(w, r, a, http.StatusOK, url.Values{"kind": {string(credit.Penalty)}, "format": {"csv"}, "header": {"codes"}}, nil)
}

func (d *desk) showFile(w http.ResponseWriter, r *http.Request, a staff.Actor, status int, form url.Values, refused *fault.Error) error {
	if !d.exports(a) {
		return fault.New(fault.Forbidden, "staff.can.role")
	}
	b, err := d.base(r, a, form)
	if err != nil {
		return err
	}
	lang := fn.Lang(r)
	if refused != nil {
		b.Refuse(lang, refused)
	}
	return d.pages.Show(w, r, status, "file", fileView{
		base: b, KindOptions: worded(lang, "credit.act.", []credit.Kind{credit.Penalty, credit.Licence}), AreaOptions: d.areas()[1:],
		FormatOptions: worded(lang, "credit-share.format.", []string{"csv", "xlsx"}),
		HeaderOptions: worded(lang, "credit-share.header.", []string{"codes", "names"}),
	})
}

// file gives out a file in the national layout.
func (d *desk) file(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	body, wanted, format, err := d.fileBody(r, a)
	if bad, ok := fault.Of(err); ok && len(bad.Fields) > 0 && fn.WantsHTML(r) {
		return d.showFile(w, r, a, http.StatusUnprocessableEntity, r.PostForm, bad)
	}
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", map[string]string{
		"csv": "text/csv; charset=utf-8", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	}[format])
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="%s-%s.%s"`, wanted.Kind, workday.DateOf(d.env.Now()), format))
	_, err = w.Write(body)
	return err
}

func (d *desk) fileBody(r *http.Request, a staff.Actor) (body []byte, w share.Wanted, format string, err error) {
	f := r.PostForm
	w = share.Wanted{Kind: credit.Kind(f.Get("kind")), Area: f.Get("area")}
	if w.From, err = dayOf(f, "from"); err != nil {
		return nil, w, "", err
	}
	if w.To, err = dayOf(f, "to"); err != nil {
		return nil, w, "", err
	}
	if format = f.Get("format"); format != "csv" && format != "xlsx" {
		return nil, w, "", fault.New(fault.Invalid, "share.incomplete").With("format", "share.choose")
	}
	header, err := share.Layout(w.Kind, f.Get("header") == "names")
	if err != nil {
		return nil, w, "", err
	}
	rows, err := d.share.File(r.Context(), a, w, d.env.Now())
	if err != nil {
		return nil, w, "", err
	}
	all := func(yield func([]string, error) bool) {
		for _, row := range rows {
			if !yield(row, nil) {
				return
			}
		}
	}
	var b bytes.Buffer
	if format == "xlsx" {
		err = book.Write(&b, header, all)
	} else {
		err = sheet.WriteCSV(&b, header, all)
	}
	return b.Bytes(), w, format, err
}
