package function

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"ipcredit/shared/evidence"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/objection"
	"ipcredit/shared/pace"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// codeRoutes are the same without an account: whoever holds the activation code
// that is printed on a notice objects with it, and with it follows what he filed.
// The code is in the body of a request, never in an address.
func (d *desk) codeRoutes(m *fn.Mux) {
	m.Handle("GET /object", d.codeForm)
	m.Handle("POST /object", d.codeFile)
	m.Handle("GET /object/track", d.trackForm)
	m.Handle("POST /object/track", d.codeAct)
	m.Handle("POST /object/{action}", d.codeAct)
}

const (
	// longestStatement bounds what is typed into a form; longer texts are papers.
	longestStatement = 2000
	statementName    = "异议说明.txt"
)

// tries is how often one network may enter codes. A code has 90 bits, so this is
// about load and not about guessing.
var tries = pace.Limit{PerMinute: 20, Burst: 30}

// who is on the subject's side of a form.
type who struct{ user, org, code string }

// objectionOrder reads the form. What was typed into it is sealed into a box, like
// any other paper, before anything is filed.
func (d *desk) objectionOrder(r *http.Request, w who) (objection.Order, error) {
	f := r.PostForm
	in := objection.Order{Record: strings.TrimSpace(f.Get("record")), Ground: objection.Ground(f.Get("ground"))}
	text := strings.TrimSpace(strings.ReplaceAll(f.Get("text"), "\r\n", "\n"))
	if !utf8.ValidString(text) || utf8.RuneCountInString(text) > longestStatement {
		return in, fault.New(fault.Invalid, "objection.text_long", longestStatement).With("text", "objection.text_long", longestStatement)
	}
	for _, box := range f["box"] {
		if err := d.arrivedFor(r, w.code, box); err != nil {
			return in, err
		}
		in.Boxes = append(in.Boxes, box)
	}
	if text == "" {
		return in, nil
	}
	// Nothing is sealed for an objection that would be refused.
	in.Statement = true
	would, err := d.objects.Would(r.Context(), w.code, in, d.env.Now())
	in.Statement = false
	if err != nil {
		return in, err
	}
	box, err := d.statement(r.Context(), w, would.Unit, text)
	in.Boxes = append(in.Boxes, box)
	return in, err
}

// statement seals a text into a box of its own, to the unit.
func (d *desk) statement(ctx context.Context, w who, unit, text string) (string, error) {
	_, b, err := d.box(ctx, evidence.BoxSpec{For: objection.BoxFor(w.code), By: w.user, Org: w.org}, unit)
	if err != nil {
		return "", err
	}
	file, err := d.evidence.Create(ctx, b, evidence.NewFile{Name: statementName, Type: "text/plain", Size: int64(len(text))})
	if err == nil {
		_, err = d.evidence.Append(ctx, b, file.N, 0, []byte(text))
	}
	return b.ID, err
}

// guest is base for a reader without an account.
func (d *desk) guest(r *http.Request) base {
	b := base{Form: page.NewForm(nil)}
	add := func(target, key string) {
		b.Links = append(b.Links, link{d.pages.URL(r, target), key, r.URL.Path == target})
	}
	add("/object", "objection.nav.object")
	add("/object/track", "objection.nav.track")
	return b
}

// holder is the activation that the form's code stands for.
func (d *desk) holder(r *http.Request) (staff.Activation, error) {
	now := d.env.Now()
	name, err := d.network(r, now)
	if err != nil {
		return staff.Activation{}, err
	}
	wait, err := pace.Take(r.Context(), d.env.Journal, "objection:"+name, tries, 1, now)
	if err != nil {
		return staff.Activation{}, err
	}
	if wait > 0 {
		return staff.Activation{}, fault.New(fault.TooMany, "objection.tries").After(wait)
	}
	return d.staff.Holder(r.Context(), r.PostForm.Get("code"), r.PostForm.Get("activation"))
}

// network names the caller's network for one day. The key of the hash is made for
// the day and ends after it: what Redis holds then names nobody.
func (d *desk) network(r *http.Request, now time.Time) (string, error) {
	day := workday.DateOf(now)
	secret, err := d.objects.DaySecret(r.Context(), day)
	if err != nil {
		return "", err
	}
	mac := hmac.New(sha256.New, secret)
	fmt.Fprintf(mac, "network %s %s", day, fn.Network(r))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:12]), nil
}

func private(w http.ResponseWriter) { w.Header().Set("Cache-Control", "no-store") }

// codeForm is the form; the record can come with the address from its public page.
func (d *desk) codeForm(w http.ResponseWriter, r *http.Request) error {
	private(w)
	p := objectionForm{base: d.guest(r), ByCode: true, Longest: longestStatement}
	p.Form = page.NewForm(url.Values{"record": r.URL.Query()["record"]})
	return d.pages.Show(w, r, http.StatusOK, "objection-new", p)
}

func (d *desk) codeFile(w http.ResponseWriter, r *http.Request) error {
	private(w)
	if err := form(r); err != nil {
		return err
	}
	a, err := d.holder(r)
	var in objection.Order
	if err == nil && !a.Works(d.env.Now()) {
		err = fault.New(fault.Refused, "objection.code_over").With("activation", "objection.code_over")
	}
	if err == nil {
		delete(r.PostForm, "box") // papers follow once it is filed
		r.PostForm.Set("record", strings.ToLower(r.PostForm.Get("record")))
		in, err = d.objectionOrder(r, who{code: a.Code})
	}
	var o objection.Objection
	if err == nil {
		o, err = d.objects.FileByCode(r.Context(), a, in, d.env.Now())
	}
	if err != nil {
		return d.codeRefused(w, r, err, "objection-new", func(b base) any {
			return objectionForm{base: b, ByCode: true, Longest: longestStatement}
		})
	}
	return d.codePage(w, r, http.StatusCreated, o, "filed", nil)
}

// codeRefused shows a form again with what is wrong. A record that is not there or
// not the subject's is an error of the form here: the page is no secret.
func (d *desk) codeRefused(w http.ResponseWriter, r *http.Request, err error, name string, p func(base) any) error {
	if !fn.WantsHTML(r) || fault.Is(err, fault.TooMany) {
		return err
	}
	if f, ok := fault.Of(err); ok && f.Kind == fault.NotFound && f.Code == "credit.no_record" {
		err = fault.New(fault.Refused, f.Code).With("record", f.Code)
	}
	b := d.guest(r)
	status, err := refused(r, &b, err)
	if err != nil {
		return err
	}
	return d.pages.Show(w, r, status, name, p(b))
}

// trackForm asks for number and code.
func (d *desk) trackForm(w http.ResponseWriter, r *http.Request) error {
	private(w)
	return d.pages.Show(w, r, http.StatusOK, "objection-track", trackPage{d.guest(r)})
}

type trackPage struct{ base }

// codePage shows an objection to who holds its code.
func (d *desk) codePage(w http.ResponseWriter, r *http.Request, status int, o objection.Objection, what string, why error) error {
	p := objectionPage{base: d.guest(r), O: o, May: true, Held: r.PostForm.Get("code"), Code: r.PostForm.Get("activation")}
	if what := "objection.done." + what; page.Has(what) {
		p.Done = what
	}
	if why != nil {
		var err error
		if status, err = refused(r, &p.base, why); err != nil {
			return err
		}
	}
	if err := d.fillObjection(r, &p); err != nil {
		return err
	}
	return d.pages.Show(w, r, status, "objection", p)
}

// codeAct follows an objection, adds papers to it or takes it back. An unknown
// number and the number of somebody else's are one answer, to the byte.
func (d *desk) codeAct(w http.ResponseWriter, r *http.Request) error {
	private(w)
	if err := form(r); err != nil {
		return err
	}
	ctx, now, what := r.Context(), d.env.Now(), r.PathValue("action")
	a, err := d.holder(r)
	var o objection.Objection
	if err == nil {
		o, err = d.objects.GetByCode(ctx, a, strings.ToUpper(strings.TrimSpace(r.PostForm.Get("no"))))
	}
	if err != nil {
		return d.codeRefused(w, r, err, "objection-track", func(b base) any { return trackPage{b} })
	}
	switch what {
	case "":
		return d.codePage(w, r, http.StatusOK, o, "", nil)
	case "receipt":
		p := objectionPage{base: d.guest(r), O: o}
		if err := d.fillObjection(r, &p); err != nil {
			return err
		}
		return d.pages.Show(w, r, http.StatusOK, "objection-receipt", p)
	case "upload":
		token, _, err := d.box(ctx, evidence.BoxSpec{For: objection.BoxFor(o.Subject), By: "activation", Return: "credit-repair/object/track"}, o.Unit)
		if err != nil {
			return d.codePage(w, r, 0, o, "", err)
		}
		http.Redirect(w, r, d.pages.URL(r, "evidence-upload/forms", token), http.StatusSeeOther)
		return nil
	case "paper":
		box := r.PostForm.Get("box")
		if err = d.arrivedFor(r, o.Subject, box); err == nil {
			o, err = d.objects.AttachByCode(ctx, a, o.No, box, now)
		}
	case "withdraw":
		o, err = d.objects.WithdrawByCode(ctx, a, o.No, now)
	default:
		return fault.New(fault.NotFound, "credit-repair.unknown")
	}
	return d.codePage(w, r, http.StatusOK, o, what, err)
}
