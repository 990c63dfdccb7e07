package function

import (
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/share"
	"ipcredit/shared/staff"
)

func (d *desk) sourceRoutes(mux *fn.Mux) {
	mux.Handle("GET /sources", d.signed(d.sources))
	mux.Handle("POST /sources", d.signed(d.follow))
	mux.Handle("POST /sources/{id}/{step}", d.signed(d.sourceStep))
	mux.Handle("POST /sources/{id}/deliveries", d.deliveries)
}

// deliveries takes what another city delivers (Standard Webhooks, v1a).
func (d *desk) deliveries(w http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return fault.New(fault.Invalid, "share.delivery").Because(err)
	}
	sent := share.Sent{ID: r.Header.Get("Webhook-Id"), Timestamp: r.Header.Get("Webhook-Timestamp"), Signature: r.Header.Get("Webhook-Signature")}
	got, err := d.share.Receive(r.Context(), r.PathValue("id"), sent, body, d.env.Now())
	if err != nil {
		return err
	}
	return fn.WriteJSON(w, http.StatusOK, got.Body())
}

type sourcesView struct {
	base
	Rows []sourceRow
	Orgs []option // as what another city can ask for letters here
	// Public, Address and Recipient are what another city needs of this one.
	Public, Address, Recipient string
}

type sourceRow struct {
	share.Source
	Here    string // where the other city delivers
	Decides bool
	Tone    string
}

func (d *desk) sources(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	return d.showSources(w, r, a, http.StatusOK, url.Values{}, nil)
}

func (d *desk) showSources(w http.ResponseWriter, r *http.Request, a staff.Actor, status int, form url.Values, refused *fault.Error) error {
	b, err := d.base(r, a, form)
	if err != nil {
		return err
	}
	if refused != nil {
		b.Refuse(fn.Lang(r), refused)
	}
	list, err := d.share.Sources(r.Context(), a, d.env.Now())
	if err != nil {
		return err
	}
	v := sourcesView{base: b, Public: d.key.Public(), Address: strings.TrimSuffix(d.pages.Absolute(""), "/")}
	if v.Recipient, err = d.recipient(r); err != nil {
		return err
	}
	orgs, err := d.share.Organizations(r.Context())
	if err != nil {
		return err
	}
	for _, o := range share.Cities(orgs) {
		v.Orgs = append(v.Orgs, option{Value: o.ID, Text: o.Name})
	}
	for _, x := range list {
		v.Rows = append(v.Rows, sourceRow{x, d.pages.Absolute("/sources", x.ID, "deliveries"), x.State == share.Proposed && x.AskedBy != a.User.ID, tone(x.State)})
	}
	return d.pages.Show(w, r, status, "sources", v)
}

func (d *desk) follow(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	f := r.PostForm
	_, err := d.share.Follow(r.Context(), a, share.Following{
		Name: f.Get("name"), Region: f.Get("region"), Key: f.Get("key"), URL: f.Get("url"), Token: f.Get("token"),
		Recipient: f.Get("recipient"), Org: f.Get("org"),
	}, d.env.Now())
	if bad, ok := fault.Of(err); ok && len(bad.Fields) > 0 && fn.WantsHTML(r) {
		return d.showSources(w, r, a, http.StatusUnprocessableEntity, f, bad)
	}
	if err != nil {
		return err
	}
	return d.see(w, r, "proposed", "/sources")
}

func (d *desk) sourceStep(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	id, step := r.PathValue("id"), r.PathValue("step")
	version, _ := strconv.Atoi(r.PostForm.Get("version")) // 0 is never the version
	var err error
	switch step {
	case "approve", "refuse":
		_, err = d.share.DecideSource(r.Context(), a, id, version, step == "approve", d.env.Now())
	case "ask":
		if err = d.share.AskNow(r.Context(), a, id, d.env.Now); err == nil {
			return d.see(w, r, "source-asked", "/sources")
		}
	case "end":
		_, err = d.share.EndSource(r.Context(), a, id, version, d.env.Now())
	default:
		return fault.New(fault.NotFound, "fn.not_found")
	}
	if f, ok := fault.Of(err); ok && fn.WantsHTML(r) && (f.Kind == fault.Conflict || f.Kind == fault.Stale) {
		return d.showSources(w, r, a, statusOf(f), url.Values{}, f)
	}
	if err != nil {
		return err
	}
	return d.see(w, r, step, "/sources")
}

// statusOf is how a page answers that shows why something was not done.
func statusOf(f *fault.Error) int {
	if f.Kind == fault.Stale {
		return http.StatusPreconditionFailed
	}
	return http.StatusConflict
}
