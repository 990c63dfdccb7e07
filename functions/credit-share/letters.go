package function

import (
	"net/http"
	"strings"

	"ipcredit/shared/fn"
	"ipcredit/shared/liaison"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
)

// recipient is what other cities seal letters to: that of the unit whose
// bureau takes them; "" where it has none.
func (d *desk) recipient(r *http.Request) (string, error) {
	secret, err := d.env.Secret("unit-recipients")
	if err != nil {
		return "", err
	}
	units, err := tipoff.ParseUnits(string(secret))
	if err != nil {
		return "", err
	}
	if to, ok := units[d.env.City]; ok {
		return strings.Join(to.Keys(), " "), nil
	}
	org, err := liaison.Bureau(r.Context(), d.staff)
	if err != nil {
		return "", err
	}
	return strings.Join(units[org.Division()].Keys(), " "), nil
}

// letters lists the sealed letters that wait for a city behind its cursor.
func (d *desk) letters(w http.ResponseWriter, r *http.Request, key staff.Key) error {
	limit, err := limitOf(r)
	if err != nil {
		return err
	}
	p, err := d.share.Letters(r.Context(), key.Org, "key:"+key.ID, r.URL.Query().Get("cursor"), limit, d.env.Now())
	if err != nil {
		return err
	}
	type waiting struct {
		ID string `json:"id"`
	}
	list := []waiting{}
	for _, id := range p.IDs {
		list = append(list, waiting{id})
	}
	return fn.WriteJSON(w, http.StatusOK, struct {
		Results []waiting `json:"results"`
		Next    string    `json:"next"`
		More    bool      `json:"more"`
	}{list, p.Next, p.More})
}

// letter gives one out, sealed to that city's desk and signed by this one.
func (d *desk) letter(w http.ResponseWriter, r *http.Request, key staff.Key) error {
	p, err := d.share.Letter(r.Context(), key.Org, "key:"+key.ID, r.PathValue("id"), d.env.Now())
	if err != nil {
		return err
	}
	return fn.WriteJSON(w, http.StatusOK, p)
}
