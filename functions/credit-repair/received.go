package function

import (
	"net/http"
	"strings"

	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/share"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// receivedRoutes tell to whom records were told: a subject of its own, an officer
// of those of an application.
func (d *desk) receivedRoutes(m *fn.Mux) {
	m.Handle("GET /received", d.signed(d.received))
	m.Handle("GET /desk/received/{no}", d.signed(d.deskReceived))
}

type receivedPage struct {
	base
	// No is the application's number, "" on the subject's page.
	No      string
	Records []receivedRecord
}

type receivedRecord struct {
	credit.Record
	// Ended: it is not displayed any more.
	Ended bool
	Rows  []receivedRow
}

// Act is the record's act or kind, as the catalogue words it.
func (x receivedRecord) Words() string {
	if x.Act != "" {
		return x.Act
	}
	return string(x.Kind)
}

type receivedRow struct {
	share.Recipient
	Name string
	Kind staff.Kind
	Due  workday.Date
	Late bool
}

// received is the subject's page: each of its records, also those that have ended,
// and to whom it was told.
func (d *desk) received(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	list, err := d.share.Held(r.Context(), a, d.env.Now())
	if err != nil {
		return err
	}
	return d.showReceived(w, r, a, "", list)
}

// deskReceived names who was told of an application's records and who has not
// confirmed their end, to whoever may see the application.
func (d *desk) deskReceived(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	app, err := d.repair.Get(r.Context(), a, r.PathValue("no"), d.env.Now())
	if err != nil {
		return err
	}
	if a.Org.Kind == staff.Subject {
		return d.see(w, r, "/received")
	}
	profile, err := d.repair.Profile(r.Context(), app)
	if err != nil {
		return err
	}
	told, err := d.share.Recipients(r.Context(), app.Records...)
	if err != nil {
		return err
	}
	var list []share.Holding
	for _, id := range app.Records {
		for _, x := range profile.Records {
			if x.ID != id {
				continue
			}
			h := share.Holding{Record: x}
			for _, t := range told {
				if t.Record == id {
					h.Recipients = append(h.Recipients, t)
				}
			}
			list = append(list, h)
		}
	}
	return d.showReceived(w, r, a, app.No, list)
}

func (d *desk) showReceived(w http.ResponseWriter, r *http.Request, a staff.Actor, no string, list []share.Holding) error {
	ctx, today := r.Context(), d.today()
	p := receivedPage{base: d.base(r, a), No: no}
	orgs, err := d.staff.Organizations(ctx, false)
	if err != nil {
		return err
	}
	rules, err := d.repair.Rules(ctx)
	if err != nil {
		return err
	}
	records := make([]credit.Record, len(list))
	for i, h := range list {
		records[i] = h.Record
	}
	for _, h := range list {
		x := receivedRecord{Record: h.Record}
		fate, _, _, _ := rules.Law.Fate(records, h.Record.ID, d.env.Now())
		x.Ended = fate != credit.Displayed
		for _, t := range h.Recipients {
			row := receivedRow{Recipient: t, Name: t.Org}
			for _, o := range orgs {
				if o.ID == t.Org {
					row.Name, row.Kind = o.Name, o.Kind
				}
			}
			if row.Due, err = d.share.Due(ctx, t); err != nil {
				return err
			}
			row.Late = !t.Confirmed() && !row.Due.IsZero() && today.After(row.Due)
			x.Rows = append(x.Rows, row)
		}
		p.Records = append(p.Records, x)
	}
	return d.pages.Show(w, r, http.StatusOK, "received", p)
}

// waiting are the organisations that have not confirmed the end of the records of
// an application, by name.
func (d *desk) waiting(r *http.Request, ids []string) ([]string, error) {
	told, err := d.share.Recipients(r.Context(), ids...)
	if err != nil {
		return nil, err
	}
	orgs, err := d.staff.Organizations(r.Context(), false)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, o := range orgs {
		for _, t := range share.Waiting(told) {
			if t.Org == o.ID {
				names = append(names, o.Name)
				break
			}
		}
	}
	return names, nil
}

// spread closes an approved application, unless somebody has not confirmed.
func (d *desk) spread(r *http.Request, a staff.Actor, no string, seen int) error {
	app, err := d.repair.Get(r.Context(), a, no, d.env.Now())
	if err != nil {
		return err
	}
	names, err := d.waiting(r, app.Records)
	if err != nil {
		return err
	}
	if len(names) > 0 {
		return fault.New(fault.Conflict, "credit-repair.waits", strings.Join(names, "、"))
	}
	_, err = d.repair.Spread(r.Context(), a, no, seen, d.env.Now())
	return err
}
