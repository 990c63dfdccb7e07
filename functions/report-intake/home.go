package function

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"

	drafts "ipcredit/shared/draft"
	"ipcredit/shared/evidence"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/page"
)

// homeView is the first page.
type homeView struct {
	flow
	// Open is the step at which a draft of this device is to be gone on with.
	Open    step
	Waiting bool // a receipt that was not saved yet
	Cleared bool
	Ticket  string
}

func (d *desk) home(w http.ResponseWriter, r *http.Request) error {
	return d.showHome(w, r, false, r.URL.Query().Get("done") == "cleared")
}

// frame is the first page inside another site, for the sites that are listed.
func (d *desk) frame(w http.ResponseWriter, r *http.Request) error {
	if d.frames == "" {
		return fault.New(fault.NotFound, "fn.not_found")
	}
	return d.showHome(w, r, true, false)
}

func (d *desk) showHome(w http.ResponseWriter, r *http.Request, framed, cleared bool) error {
	v := &visit{framed: framed}
	view := homeView{Cleared: cleared}
	if !framed && !cleared {
		var err error
		if v.token = d.cookieToken(r); v.token != "" {
			if v.draft, err = d.load(r.Context(), v.token, ""); err != nil {
				return err
			}
		}
	}
	view.flow = flow{Form: page.NewForm(nil), Exit: d.way(v), Hidden: hidden{Framed: framed}}
	switch {
	case v.draft != nil && v.draft.Sent != nil:
		view.Waiting = true
	case v.draft != nil:
		view.Open = v.draft.open()
	}
	if framed {
		// The first form of the flow stands on this page's button.
		view.Hidden.Draft, view.Hidden.Ticket = drafts.NewToken(), d.ticket()
	}
	return d.show(w, r, http.StatusOK, "home", framed, view)
}

// channelView says where somebody turns to whose matter is no tip-off.
type channelView struct {
	flow
	What string
}

func (d *desk) channel(w http.ResponseWriter, r *http.Request) error {
	what := r.PathValue("what")
	if !slices.Contains(elsewhere, what) {
		return fault.New(fault.NotFound, "fn.not_found")
	}
	w.Header().Set("Cache-Control", "public, max-age=300")
	return d.pages.Show(w, r, http.StatusOK, "channel", channelView{flow: flow{Form: page.NewForm(nil), Exit: exit{URL: d.exit}}, What: what})
}

// channelOf shows the channel to somebody who chose it in the form. His draft, if
// it has more than that, stays.
func (d *desk) channelOf(w http.ResponseWriter, r *http.Request, v *visit, what string) error {
	if len(v.draft.Passed) > 0 {
		if err := d.keepDraft(w, r, v); err != nil {
			return err
		}
	}
	if v.cookie {
		d.see(w, r, "/channels", what)
		return nil
	}
	return d.show(w, r, http.StatusOK, "channel", v.framed, channelView{
		flow: flow{Form: page.NewForm(nil), Exit: d.way(v), Hidden: v.hidden()}, What: what,
	})
}

// privacy is what PIPL art. 17 has people told before they give anything.
func (d *desk) privacy(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Cache-Control", "public, max-age=300")
	return d.pages.Show(w, r, http.StatusOK, "privacy", flow{Form: page.NewForm(nil), Exit: exit{URL: d.exit}})
}

// framing lets the listed sites, and no others, show a page in a frame.
type framing struct {
	http.ResponseWriter
	sites string
}

func (f *framing) WriteHeader(status int) {
	h := f.Header()
	parts := strings.Split(h.Get("Content-Security-Policy"), "; ")
	for i, p := range parts {
		if strings.HasPrefix(p, "frame-ancestors ") {
			parts[i] = "frame-ancestors " + f.sites
		}
	}
	h.Set("Content-Security-Policy", strings.Join(parts, "; "))
	f.ResponseWriter.WriteHeader(status)
}

// failed logs an error of ours that somebody need not wait for.
func (d *desk) failed(r *http.Request, err error) {
	slog.Error("failed", "id", fn.RequestID(r), "function", Needs.Function, "error", err.Error())
}

// limits are what evidence may be, in words.
type limits struct {
	File, Total string
	Count       int
	Kinds       []string
}

func limitsOf(lang page.Lang, l evidence.Limits) limits {
	out := limits{File: evidence.Size(l.FileBytes), Total: evidence.Size(l.TotalBytes), Count: l.Files}
	for _, g := range l.Groups {
		out.Kinds = append(out.Kinds, page.Say(lang, "evidence.group."+g.Name)+page.Say(lang, "page.colon")+strings.Join(g.Extensions, " "))
	}
	return out
}
