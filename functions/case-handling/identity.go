package function

import (
	"context"
	"net/http"

	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/journal"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
)

func (d *desk) doIdentity(ctx context.Context, c call) error {
	if err := c.required("reason"); err != nil {
		return err
	}
	now := d.env.Now()
	ask, err := c.office.AskIdentity(ctx, c.who, c.no, c.text("reason"), now)
	if err != nil {
		return err
	}
	return d.tellCustodians(ctx, c, ask)
}

// tellCustodians puts the request into the inbox of the unit's organisation. The
// message names neither the reporter nor the reason.
func (d *desk) tellCustodians(ctx context.Context, c call, ask string) error {
	now := d.env.Now()
	unit, ok, err := d.staff.Unit(ctx, c.row.Report.Unit)
	if err != nil || !ok {
		return err
	}
	matter := staff.UnitResource(c.row.Report.Unit, c.row.Report.Division)
	matter.AskedBy = c.who.User.ID
	if matter, err = d.staff.Matter(ctx, staff.IdentityOpen, c.row.Report.Unit, matter, now); err != nil {
		return err
	}
	to := unit.ID
	if matter.Small && matter.Parent != "" {
		to = matter.Parent // nobody of the unit may decide it
	}
	m := staff.NewMessage(to, "tipoff.identity-asked", tipoff.Ref(c.no), "case-handling.inbox.identity",
		"case-handling/tip-offs/"+c.no+"/identity/"+ask, now, tipoff.FormatNumber(c.no))
	return d.env.Journal.Commit(ctx, journal.Entry{Actor: c.who.User.ID, Action: "staff.tell", Ref: tipoff.Ref(c.no), At: now}, nil,
		func(tx *journal.Tx) error { return d.staff.Tell(tx, m) })
}

type identitiesPage struct {
	base
	Asks []askRow
}

type askRow struct {
	askLine
	Number string
	Mine   bool
}

// identities lists the requests that the person has made or may decide.
func (d *desk) identities(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	asks, err := d.office.Asks(r.Context(), a, d.env.Now())
	if err != nil {
		return err
	}
	p := identitiesPage{base: d.base(r, a)}
	who := names{}
	for _, x := range asks {
		p.Asks = append(p.Asks, askRow{
			askLine{x.Ask, d.name(r.Context(), who, x.Ask.By), d.name(r.Context(), who, x.Ask.Second), d.pages.URL(r, "/tip-offs", x.Number, "identity", x.Ask.ID)},
			tipoff.FormatNumber(x.Number), x.Ask.By == a.User.ID,
		})
	}
	return d.pages.Show(w, r, http.StatusOK, "identities", p)
}

type identityPage struct {
	base
	Number, No string
	Ask        askLine
	MayDecide  bool
	MayRead    bool
	// Reporter is filled on the one page that shows it.
	Reporter *shown
}

// shown is an opened identity on its way to one page.
type shown struct{ Name, Contact string }

func (d *desk) identityPage(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	return d.showIdentity(w, r, a, http.StatusOK, nil, nil)
}

func (d *desk) showIdentity(w http.ResponseWriter, r *http.Request, a staff.Actor, status int, why error, reporter *shown) error {
	no, err := number(r)
	if err != nil {
		return err
	}
	ask, mayDecide, err := d.office.Asked(r.Context(), a, no, r.PathValue("ask"), d.env.Now())
	if err != nil {
		return err
	}
	who := names{}
	p := identityPage{base: d.base(r, a), Number: tipoff.FormatNumber(no), No: no, Reporter: reporter, MayDecide: mayDecide,
		Ask: askLine{Ask: ask, Who: d.name(r.Context(), who, ask.By), Second: d.name(r.Context(), who, ask.Second), Href: d.pages.URL(r, "/tip-offs", no, "identity", ask.ID)}}
	if ask.Damaged {
		p.Ask.Reason = page.Say(fn.Lang(r), "tipoff.damaged")
	}
	p.MayRead = reporter == nil && ask.State == tipoff.AskGranted && ask.By == a.User.ID && !d.today().After(ask.Until)
	if why != nil {
		if status, err = refused(r, &p.base, why); err != nil {
			return err
		}
	}
	return d.pages.Show(w, r, status, "identity", p)
}

// identity decides a request, or shows the identity to who asked. It stands on
// the answer to this one post and on no page that has an address.
func (d *desk) identity(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	no, err := number(r)
	if err != nil {
		return err
	}
	ask, now := r.PathValue("ask"), d.env.Now()
	switch what := r.PostForm.Get("do"); what {
	case "grant", "refuse":
		if err := d.office.OpenIdentity(r.Context(), a, no, ask, what == "grant", now); err != nil {
			return d.showIdentity(w, r, a, 0, err, nil)
		}
		return d.see(w, r, "/tip-offs", no, "identity", ask, done("identity-"+what))
	case "show":
		who, err := d.office.Identity(r.Context(), a, no, ask, now)
		if err != nil {
			return d.showIdentity(w, r, a, 0, err, nil)
		}
		return d.showIdentity(w, r, a, http.StatusOK, nil, &shown{who.Name, who.Contact})
	}
	return fault.New(fault.Invalid, "case-handling.form")
}
