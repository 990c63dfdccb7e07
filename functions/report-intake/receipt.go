package function

import (
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"regexp"
	"strings"

	"golang.org/x/text/unicode/norm"

	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/page"
	"ipcredit/shared/tipoff"
)

// receiptView is the page of a receipt; it is shown until its reader has shown
// that he has it.
type receiptView struct {
	flow
	Number string
	Groups []string
	// Picture is the receipt as an image: to be held and saved on a telephone.
	Picture template.URL
	Proof   bool
	// Kept says that the page can be asked to check the last group: a report that
	// came whole from elsewhere has no draft behind it.
	Kept bool
}

// showReceipt shows the receipt again as long as the device keeps the draft.
func (d *desk) showReceipt(w http.ResponseWriter, r *http.Request) error {
	v, err := d.enter(r)
	if err != nil {
		return err
	}
	if v.draft == nil || v.draft.Sent == nil {
		d.see(w, r, "/")
		return nil
	}
	if v.sealed, err = d.seal(v); err != nil {
		return err
	}
	l, err := d.again(r, v)
	if err != nil {
		return err
	}
	return d.receiptPage(w, r, http.StatusOK, v, l, nil)
}

func (d *desk) receiptPage(w http.ResponseWriter, r *http.Request, status int, v *visit, l tipoff.Lodging, f *fault.Error) error {
	picture, err := picture(l.Number, l.Receipt)
	if err != nil {
		return err
	}
	view := receiptView{
		flow:   flow{Form: page.NewForm(r.PostForm), Hidden: v.hidden(), Exit: d.way(v)},
		Number: tipoff.FormatNumber(l.Number), Groups: groups(l.Receipt),
		Picture: template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(picture)),
		Proof:   len(l.Proof) > 0, Kept: v.draft != nil,
	}
	if f != nil {
		view.Form.Refuse(fn.Lang(r), f)
	}
	w.Header().Set("Cache-Control", "no-store")
	return d.show(w, r, status, "receipt", v.framed, view)
}

// groups are the groups a receipt is written in.
func groups(receipt string) []string {
	return strings.FieldsFunc(receipt, func(r rune) bool { return r == '-' || r == ' ' })
}

// receiptFile gives the receipt as a file, with its proof and what the proof is
// of. It is the answer to a form: its address says nothing.
func (d *desk) receiptFile(w http.ResponseWriter, r *http.Request) error {
	v, err := d.enter(r)
	if err != nil {
		return err
	}
	if v.draft.Sent == nil {
		return fault.New(fault.NotFound, "report-intake.no_receipt")
	}
	l, err := d.again(r, v)
	if err != nil {
		return err
	}
	lang := fn.Lang(r)
	var b strings.Builder
	fmt.Fprintf(&b, "%s\r\n%s\r\n\r\n%s\r\n%s\r\n\r\n%s\r\n", page.Say(lang, "report-intake.number"), tipoff.FormatNumber(l.Number),
		page.Say(lang, "report-intake.receipt"), l.Receipt, page.Say(lang, "report-intake.file_keep"))
	if len(l.Proof) > 0 {
		b.WriteString("\r\n")
		b.Write(proofText(l.Proof, l.Document))
	}
	return attachment(w, "receipt-"+l.Number+".txt", "text/plain; charset=utf-8", []byte(b.String()))
}

// proofText is a receipt's proof with the document it is of, both to the byte.
func proofText(proof, document []byte) []byte {
	return fmt.Appendf(nil, "-----BEGIN PROOF-----\n%s-----END PROOF-----\n-----BEGIN DOCUMENT-----\n%s\n-----END DOCUMENT-----\n", proof, document)
}

func attachment(w http.ResponseWriter, name, media string, data []byte) error {
	h := w.Header()
	h.Set("Content-Type", media)
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Referrer-Policy", "same-origin")
	_, err := w.Write(data)
	return err
}

// doneView is the last page: what happens now.
type doneView struct {
	flow
	Number  string
	Due     tipoff.Clock
	DueText string
	Basis   cited // of Due
	Named   bool
	Reward  bool
	Unsaved bool
}

// saved checks that the reporter has the receipt: he types its last group again.
// Then the draft is forgotten, here and on the device.
func (d *desk) saved(w http.ResponseWriter, r *http.Request) error {
	v, err := d.enter(r)
	if err != nil {
		return err
	}
	if v.draft.Sent == nil {
		d.see(w, r, "/track")
		return nil
	}
	l, err := d.again(r, v)
	if err != nil {
		return err
	}
	unsaved := r.PostForm.Get("go") == "later"
	if typed := r.PostForm.Get("group"); !unsaved && !tipoff.SameGroup(l.Receipt, typed) {
		code := "report-intake.group_wrong"
		if strings.TrimSpace(typed) == "" {
			code = "report-intake.group_missing"
		}
		if v.sealed, err = d.seal(v); err != nil {
			return err
		}
		return d.receiptPage(w, r, http.StatusBadRequest, v, l, fault.New(fault.Invalid, code).With("group", code))
	}
	if err := d.drop(r.Context(), v.token); err != nil {
		return err
	}
	if !v.framed {
		d.setCookie(w, "")
	}
	view := doneView{
		flow:   flow{Form: page.NewForm(nil), Exit: exit{URL: d.exit, Framed: v.framed}, Hidden: hidden{Framed: v.framed}},
		Number: tipoff.FormatNumber(l.Number), Due: l.Due, DueText: text(fn.Lang(r), l.Due.Due), Basis: cite(fn.Lang(r), l.Due.Basis),
		Named: !v.draft.Sent.Anonymous, Reward: v.draft.Sent.Reward, Unsaved: unsaved,
	}
	return d.show(w, r, http.StatusOK, "done", v.framed, view)
}

// written finds what is written as receipts are: groups with strokes or spaces
// between.
var written = regexp.MustCompile(`[0-9A-Za-z]{2,8}(?:[-– ][0-9A-Za-z]{2,8}){3,15}`)

// looksLikeReceipt tells whether somebody has typed a receipt into a text. It
// would be read by whoever reads the text, and open the report.
func looksLikeReceipt(s string) bool {
	for _, m := range written.FindAllString(norm.NFKC.String(s), -1) {
		if tipoff.CheckReceipt(m) == nil {
			return true
		}
	}
	return false
}
