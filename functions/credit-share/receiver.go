package function

import (
	"net/http"
	"net/url"

	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/page"
	"ipcredit/shared/share"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

func (d *desk) receiverRoutes(mux *fn.Mux) {
	mux.Handle("GET /received", d.signed(d.received))
	mux.Handle("POST /received/{id}", d.signed(d.answer))
}

type receivedView struct {
	base
	Rows []receivedRow
	Open []owed
	Next string
	// Subs are the subscriptions that give a right to this.
	Subs []share.Subscription
	None bool
	// Actions by what happened: an end is answered otherwise than a beginning.
	Ending, Standing []option
}

type receivedRow struct {
	share.Change
	Answer *share.Answered
}

const receivedPage = 50

// received shows an organisation what it was told of, and takes its answers.
func (d *desk) received(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	return d.showReceived(w, r, a, http.StatusOK, url.Values{}, nil)
}

func (d *desk) showReceived(w http.ResponseWriter, r *http.Request, a staff.Actor, status int, form url.Values, refused *fault.Error) error {
	if !d.receives(a) {
		return fault.New(fault.Forbidden, "staff.can.role")
	}
	b, err := d.base(r, a, form)
	if err != nil {
		return err
	}
	lang, now := fn.Lang(r), d.env.Now()
	if refused != nil {
		b.Refuse(lang, refused)
	}
	v := receivedView{base: b,
		Standing: worded(lang, "share.action.", []share.Action{share.Noted, share.Applied, share.Lifted, share.None}),
		Ending:   worded(lang, "share.action.", []share.Action{share.Removed, share.Lifted, share.None})}
	if v.Subs, err = d.share.Of(r.Context(), a.Org.ID); err != nil {
		return err
	}
	if v.None = len(v.Subs) == 0; v.None {
		return d.pages.Show(w, r, status, "received", v)
	}
	p, answered, err := d.share.Told(r.Context(), a, r.URL.Query().Get("cursor"), receivedPage, now)
	if err != nil {
		return err
	}
	for _, c := range p.Changes {
		row := receivedRow{Change: c}
		if x, ok := answered[c.ID]; ok {
			row.Answer = &x
		}
		v.Rows = append(v.Rows, row)
	}
	if p.More {
		v.Next = d.pages.URL(r, "/received", url.Values{"cursor": {p.Next}})
	}
	open, err := d.share.Open(r.Context(), a, a.Org.ID, now)
	if err != nil {
		return err
	}
	for _, o := range open {
		v.Open = append(v.Open, owed{o, o.Overdue(workday.DateOf(now))})
	}
	return d.pages.Show(w, r, status, "received", v)
}

// answer takes what the organisation did with one change.
func (d *desk) answer(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	f := share.Feedback{Action: share.Action(r.PostForm.Get("action")), Reference: r.PostForm.Get("reference")}
	_, err := d.share.Answer(r.Context(), a, r.PathValue("id"), f, d.env.Now())
	if bad, ok := fault.Of(err); ok && len(bad.Fields) > 0 && fn.WantsHTML(r) {
		return d.showReceived(w, r, a, http.StatusUnprocessableEntity, r.PostForm, bad)
	}
	if err != nil {
		return err
	}
	return d.see(w, r, "answered", "/received")
}

// Words of what happened, in the reader's language.
func (v receivedView) Words(lang page.Lang, c share.Change) string {
	return page.Say(lang, "share.happening."+string(c.Type))
}

// Choices are the answers that fit what happened.
func (x receivedRow) Choices(standing, ending []option) []option {
	if x.Type.Ends() {
		return ending
	}
	return standing
}
