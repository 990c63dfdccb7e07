package function

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	drafts "ipcredit/shared/draft"
	"ipcredit/shared/evidence"
	"ipcredit/shared/fault"
	"ipcredit/shared/seal"
)

// visit is one request of somebody who fills in the form.
type visit struct {
	token string
	// cookie says that the browser keeps the token: the next page can then have an
	// address of its own. Without, each page is the answer to the form before it.
	cookie bool
	// framed says that the form stands in a frame of another site.
	framed bool
	draft  *draft
	// sealed is the draft's ciphertext, for the page.
	sealed string
	// from is the page to go back to after this one: the check page, or none.
	from step
}

// maxForm bounds the fields of a form. The longest narrative in the least
// favourable encoding and the draft the page carries fit.
const maxForm = 1 << 20

// readForm reads a posted form, urlencoded or multipart.
func readForm(r *http.Request) error {
	if r.ContentLength > maxForm {
		return fault.New(fault.TooLarge, "report-intake.form_large")
	}
	var err error
	if strings.HasPrefix(strings.ToLower(r.Header.Get("Content-Type")), "multipart/") {
		err = r.ParseMultipartForm(maxForm)
	} else {
		err = r.ParseForm()
	}
	if err != nil {
		return fault.New(fault.Invalid, "report-intake.form").Because(err)
	}
	return nil
}

// enter reads who comes: by the fields of the form just sent, or by the cookie.
// A draft that is nowhere any more begins anew with what was sent now.
func (d *desk) enter(r *http.Request) (*visit, error) {
	kept := d.cookieToken(r)
	v := &visit{token: kept, cookie: kept != ""}
	carried, ticket := "", ""
	if r.Method == http.MethodPost {
		if err := readForm(r); err != nil {
			return nil, err
		}
		v.framed = r.PostForm.Get("framed") == "1" && d.frames != ""
		if from := step(r.PostForm.Get("from")); from == checkStep {
			v.from = from
		}
		carried, ticket = r.PostForm.Get("carried"), r.PostForm.Get("ticket")
		if sent := r.PostForm.Get("draft"); drafts.IsToken(sent) {
			v.token, v.cookie = sent, sent == kept
		}
	} else if step(r.URL.Query().Get("from")) == checkStep {
		v.from = checkStep
	}
	if v.framed {
		v.cookie = false // whatever is kept belongs to no frame
	}
	var err error
	if v.draft, err = d.load(r.Context(), v.token, carried); err != nil {
		return nil, err
	}
	if v.draft == nil && r.Method == http.MethodPost {
		if !drafts.IsToken(v.token) {
			v.token = drafts.NewToken()
		}
		if _, ok := readTicket(d.keys.ticket, reportForm, ticket); !ok {
			ticket = d.ticket()
		}
		v.draft = newDraft(ticket)
	}
	return v, nil
}

// reportForm is what tickets of the form are bound to.
const reportForm = "report"

func (d *desk) ticket() string { return newTicket(d.keys.ticket, reportForm, d.env.Now()) }

// keepDraft stores the draft and sees to it that the device can come back to it.
func (d *desk) keepDraft(w http.ResponseWriter, r *http.Request, v *visit) error {
	sealed, kept, err := d.save(r, v.token, v.draft)
	if err != nil {
		return err
	}
	v.sealed, v.cookie = sealed, v.cookie && kept
	if !v.framed {
		d.setCookie(w, v.token)
	}
	return nil
}

// forget drops the draft of the visit with its evidence, and the cookie.
func (d *desk) forget(w http.ResponseWriter, r *http.Request) error {
	v, err := d.enter(r)
	if err != nil {
		return err
	}
	d.setCookie(w, "")
	if err := d.drop(r.Context(), v.token); err != nil {
		return err
	}
	if kept := d.cookieToken(r); kept != v.token {
		if err := d.drop(r.Context(), kept); err != nil {
			return err
		}
	}
	if v.draft != nil && v.draft.Box != nil && v.draft.Sent == nil {
		// An older page may not know that its report was sent.
		return d.evidence.Abandon(r.Context(), v.draft.Box.ID)
	}
	return nil
}

// clear forgets the draft and says so.
func (d *desk) clear(w http.ResponseWriter, r *http.Request) error {
	if err := d.forget(w, r); err != nil {
		return err
	}
	if r.PostForm.Get("framed") == "1" && d.frames != "" {
		return d.showHome(w, r, true, true)
	}
	d.see(w, r, "/", url.Values{"done": {"cleared"}})
	return nil
}

// leave is the quick exit: away from here at once, and nothing left of it. It
// leads away also where something fails on our side.
func (d *desk) leave(w http.ResponseWriter, r *http.Request) error {
	err := d.forget(w, r)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	http.Redirect(w, r, d.exit, http.StatusSeeOther)
	if _, refused := fault.Of(err); refused {
		return nil
	}
	if err != nil {
		d.failed(r, err)
	}
	return nil
}

// see sends a browser to another page of this function.
func (d *desk) see(w http.ResponseWriter, r *http.Request, target string, parts ...any) {
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, d.pages.URL(r, target, parts...), http.StatusSeeOther)
}

// turn shows a step's page after a form was taken: at its own address where the
// browser keeps the token, else as the answer.
func (d *desk) turn(w http.ResponseWriter, r *http.Request, v *visit, s step) error {
	if !v.cookie {
		return d.stepPage(w, r, http.StatusOK, v, s, nil)
	}
	q := url.Values{}
	if v.from != "" && s != v.from {
		q.Set("from", string(v.from))
	}
	d.see(w, r, "/report", string(s), q)
	return nil
}

// attach opens the draft's evidence box where there is none that takes files.
func (d *desk) attach(r *http.Request, v *visit) error {
	if v.draft.Box != nil {
		_, err := d.evidence.Open(r.Context(), v.draft.Box.Token)
		if _, ended := fault.Of(err); !ended {
			return err
		}
	}
	id, err := seal.Generate()
	if err != nil {
		return err
	}
	token, name, err := d.evidence.OpenBox(r.Context(), evidence.BoxSpec{
		For: evidence.Draft, To: id.Recipient(), Until: d.env.Now().Add(chosen.Hours("box.hours")), By: "reporter",
		Return: Needs.Function + "/report/" + string(evidenceStep),
	})
	if err != nil {
		return err
	}
	v.draft.Box = &box{Token: token, ID: name, Key: id.Reveal()}
	return nil
}

// hidden are the fields that every form of the flow carries.
type hidden struct {
	Draft, Carried, Ticket string
	From                   step
	Framed                 bool
}

func (v *visit) hidden() hidden {
	h := hidden{Draft: v.token, Carried: v.sealed, From: v.from, Framed: v.framed}
	if v.draft != nil && v.sealed == "" {
		h.Ticket = v.draft.Ticket
	}
	return h
}

func valid(s step) bool { return slices.Contains(steps, s) }
