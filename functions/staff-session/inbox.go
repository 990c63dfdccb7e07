package function

import (
	"net/http"
	"net/url"

	"ipcredit/shared/fn"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
)

type inboxPage struct {
	base
	Messages []messageView
	Next     string
}

type messageView struct {
	staff.Message
	Text string
}

func (d *desk) inbox(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	b, err := d.base(r, a)
	if err != nil {
		return err
	}
	p := &inboxPage{base: b}
	messages, next, err := d.staff.Inbox(r.Context(), a, r.URL.Query().Get("cursor"), 50)
	if err != nil {
		return err
	}
	if !fn.WantsHTML(r) {
		if messages == nil {
			messages = []staff.Message{}
		}
		list := struct {
			Results []staff.Message `json:"results"`
			Next    *string         `json:"next"`
		}{Results: messages}
		if next != "" {
			list.Next = &next
		}
		return fn.WriteJSON(w, http.StatusOK, list)
	}
	for _, m := range messages {
		args := m.Arguments(func(key string) (string, bool) {
			if !page.Has(key) {
				return "", false
			}
			return page.Say(fn.Lang(r), key), true
		})
		p.Messages = append(p.Messages, messageView{m, page.Say(fn.Lang(r), m.Title, args...)})
	}
	if next != "" {
		p.Next = d.pages.URL(r, "/inbox", url.Values{"cursor": {next}})
	}
	return d.pages.Show(w, r, http.StatusOK, "inbox", p)
}

// readMessage notes that a message was read and goes where it leads.
func (d *desk) readMessage(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	m, err := d.staff.ReadMessage(r.Context(), a, r.PostFormValue("id"), d.now())
	if err != nil {
		return err
	}
	if m.Link == "" {
		d.see(w, r, "/inbox")
		return nil
	}
	d.see(w, r, m.Link)
	return nil
}
