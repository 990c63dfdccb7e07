package function

import (
	"bytes"
	"context"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"

	"ipcredit/shared/evidence"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/page"
	"ipcredit/shared/tipoff"
	"ipcredit/shared/workday"
)

// admit opens a box for later evidence of the tip-off whose number and receipt are
// shown, and returns its token: the same one for the same receipt on the same day,
// so that a file tried again opens no second box, until that is full.
func (d *desk) admit(ctx context.Context, r *http.Request, number, receipt string) (string, error) {
	now := d.env.Now()
	report, to, err := d.reports.Admit(ctx, tipoff.Claim{Number: number, Receipt: receipt, Network: d.network(r)}, now)
	if err != nil {
		return "", err
	}
	if same, err := tipoff.FormatReceipt(receipt); err == nil {
		receipt = same // however it was typed
	}
	l := d.evidence.Limits()
	spec := evidence.BoxSpec{For: tipoff.Ref(report.Number), To: to, Until: now.Add(l.Abandoned()), By: "reporter", Return: "report-intake/track"}
	for n := 1; ; n++ {
		token := evidence.TokenOf("report", report.Number, receipt, workday.DateOf(now).String(), strconv.Itoa(n))
		b, err := d.evidence.OpenBoxOf(ctx, token, spec)
		if err != nil || l.Room(b) {
			return token, err
		}
	}
}

type enterPage struct {
	*page.Form
	Leave *leave
}

func (d *desk) entering(form *page.Form) enterPage { return enterPage{form, &leave{URL: d.exit}} }

// enter asks for number and receipt.
func (d *desk) enter(w http.ResponseWriter, r *http.Request) error {
	return d.pages.Show(w, r, http.StatusOK, "enter", d.entering(page.NewForm(nil)))
}

// enterForm takes number and receipt, and with them perhaps a file already, in one
// form. Neither stands in an address.
func (d *desk) enterForm(w http.ResponseWriter, r *http.Request) error {
	p := fn.PieceOf(r)
	key := "forms " + p.ID
	if p.Offset > 0 {
		token, _ := d.running.of(key).(string)
		if p.Last || p.Cut {
			d.running.done(key)
		}
		r.SetPathValue("token", token)
		return d.takeForm(w, r)
	}
	values, err := before(r)
	if err != nil {
		return err
	}
	token, err := d.admit(r.Context(), r, values.Get("reportNo"), values.Get("receipt"))
	if f, refused := fault.Of(err); refused && fn.WantsHTML(r) && f.Kind != fault.Unavailable {
		// The receipt is not shown again.
		form := page.NewForm(url.Values{"reportNo": values["reportNo"]}).Refuse(fn.Lang(r), f)
		return d.pages.Show(w, r, fn.Status(f.Kind), "enter", d.entering(form))
	}
	if err != nil {
		return err
	}
	if !p.Last {
		d.running.keep(key, token, func() {})
	}
	r.SetPathValue("token", token)
	return d.takeForm(w, r)
}

// before reads the fields of a form, those before its file where it has one.
func before(r *http.Request) (url.Values, error) {
	body, err := fn.Body(r)
	if err != nil {
		return nil, err
	}
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case err == nil && kind == "application/x-www-form-urlencoded":
		return urlencoded(r)
	case err != nil || kind != "multipart/form-data" || params["boundary"] == "":
		return nil, fault.New(fault.WrongType, "evidence-upload.form")
	}
	values, m := url.Values{}, multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for {
		part, err := m.NextPart()
		if err != nil || part.FormName() == "file" {
			return values, nil // what is wrong with the rest is told by who reads all of it
		}
		value, err := io.ReadAll(io.LimitReader(part, 1<<10))
		if err != nil {
			return values, nil
		}
		values.Add(part.FormName(), string(value))
	}
}
