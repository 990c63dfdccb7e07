package function

import (
	"net/http"
	"strconv"

	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/share"
	"ipcredit/shared/staff"
)

// publicKey is what verifies deliveries (Standard Webhooks v1a), and what letters
// to this city's desk are sealed to.
func (d *desk) publicKey(w http.ResponseWriter, r *http.Request) error {
	to, err := d.recipient(r)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "public, max-age=3600")
	return fn.WriteJSON(w, http.StatusOK, struct {
		Key       string `json:"publicKey"`
		Recipient string `json:"letterRecipient,omitempty"`
	}{d.key.Public(), to})
}

// usualPage is how many changes a page has where nobody asks for another number.
const usualPage = 100

// limitOf is how many are asked for together.
func limitOf(r *http.Request) (int, error) {
	text := r.URL.Query().Get("limit")
	if text == "" {
		return usualPage, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > share.MostChanges {
		return 0, fault.New(fault.Invalid, "share.limit", share.MostChanges).With("limit", "share.limit", share.MostChanges)
	}
	return n, nil
}

// keyed is a call of another system, with its organisation's key of scope share.
// What it is answered is for it alone.
func (d *desk) keyed(handle func(http.ResponseWriter, *http.Request, staff.Key) error) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Cache-Control", "no-store")
		key, err := d.staff.Key(r.Context(), r.Header.Get("Authorization"), staff.ScopeShare, d.env.Now())
		if err != nil {
			return err
		}
		return handle(w, r, key)
	}
}

// changes are what a receiver may be told behind its cursor.
func (d *desk) changes(w http.ResponseWriter, r *http.Request, key staff.Key) error {
	limit, err := limitOf(r)
	if err != nil {
		return err
	}
	p, err := d.share.Read(r.Context(), key.Org, "key:"+key.ID, r.URL.Query().Get("cursor"), limit, d.env.Now())
	if err != nil {
		return err
	}
	return fn.WriteJSON(w, http.StatusOK, struct {
		Results []share.Change `json:"results"`
		Next    string         `json:"next"`
		More    bool           `json:"more"`
	}{p.Changes, p.Next, p.More})
}

// feedback is what a receiver says it did with a change.
func (d *desk) feedback(w http.ResponseWriter, r *http.Request, key staff.Key) error {
	var f share.Feedback
	if err := fn.ReadJSON(r, &f); err != nil {
		return err
	}
	a, err := d.share.Give(r.Context(), key.Org, "key:"+key.ID, r.PathValue("id"), f, d.env.Now())
	if err != nil {
		return err
	}
	return fn.WriteJSON(w, http.StatusOK, struct {
		share.Feedback
		Change string `json:"change"`
		At     string `json:"at"`
	}{a.Feedback, a.Event, a.At.Format("2006-01-02T15:04:05Z")})
}

// whole is a record in the national layout, for a receiver that was told of it.
func (d *desk) whole(w http.ResponseWriter, r *http.Request, key staff.Key) error {
	x, err := d.share.Whole(r.Context(), key.Org, "key:"+key.ID, r.PathValue("id"), d.env.Now())
	if err != nil {
		return err
	}
	return fn.WriteJSON(w, http.StatusOK, x)
}
