package function

import (
	"net/http"
	"net/url"
	"slices"

	"ipcredit/shared/campaign"
	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/inquiry"
	"ipcredit/shared/liaison"
	"ipcredit/shared/page"
	"ipcredit/shared/seal"
	"ipcredit/shared/share"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
)

// contacts are the stores behind the letters, the campaigns and the lookups.
type contacts struct {
	letters   *liaison.Store
	campaigns *campaign.Store
	inquiries *inquiry.Store
}

// newContacts opens them with the secrets that tip-offs are opened with, after the
// stores of cases and of time limits.
func (d *desk) newContacts(c tipoff.OfficeConfig) contacts {
	j := d.env.Journal
	laws := credit.NewInForce(j)
	safe := liaison.NewSafe(seal.NewKeys(d.env.Objects.Keys), d.env.City, c.Units, c.Escrow, c.Identities)
	return contacts{
		letters: liaison.New(j, liaison.Config{
			Safe: safe, Staff: d.staff, Calendar: d.calendar.Current, Clocks: d.clocks, Peers: share.New(j, share.Config{Staff: d.staff}).Peer,
		}),
		campaigns: campaign.New(j, safe, d.staff),
		inquiries: inquiry.New(j, inquiry.Config{
			Safe: safe, Credit: credit.NewStore(j, laws), Laws: laws, Case: d.worksOnCase, Notified: d.caseNotified,
		}),
	}
}

// liaisonRoutes are the pages of notices to departments, shares with other
// regions, lookups for a purpose.
func (d *desk) liaisonRoutes(m *fn.Mux) {
	m.Handle("GET /notices", d.signed(d.notices))
	m.Handle("GET /shares", d.signed(d.shares))
	m.Handle("GET /notices/new", d.signed(d.letterNew))
	m.Handle("POST /notices", d.signed(d.letterDraft))
	m.Handle("GET /notices/{id}", d.signed(d.letter))
	m.Handle("GET /notices/{id}/print", d.signed(d.letterPrint))
	m.Handle("POST /notices/{id}/attach", d.signed(d.letterAttach))
	m.Handle("GET /notices/{id}/files/{box}/{n}", d.signed(d.letterFile))
	m.Handle("GET /notices/{id}/{step}", d.signed(d.letterForm))
	m.Handle("POST /notices/{id}/{step}", d.signed(d.letterDo))

	m.Handle("POST /shares/take-in", d.signed(d.sharesTakeIn))
	m.Handle("GET /shares/register", d.signed(d.shareForm))
	m.Handle("POST /shares/register", d.signed(d.shareRegister))
	m.Handle("GET /shares/import", d.signed(d.shareImportForm))
	m.Handle("POST /shares/import", d.signed(d.shareImport))
	m.Handle("GET /shares/export", d.signed(d.shareExportForm))
	m.Handle("POST /shares/export", d.signed(d.shareExport))

	m.Handle("GET /mandates", d.signed(d.mandates))
	m.Handle("GET /mandates/new", d.signed(d.mandateForm))
	m.Handle("POST /mandates", d.signed(d.mandateRecord))
	m.Handle("POST /mandates/{id}/{verb}", d.signed(d.mandateDo))

	m.Handle("GET /inquiries", d.signed(d.inquiryList))
	m.Handle("GET /inquiries/new", d.signed(d.inquiryForm))
	m.Handle("POST /inquiries", d.signed(d.inquiryAsk))
	m.Handle("GET /inquiries/{id}", d.signed(d.inquiryRecord))
}

// letterTone is the colour of a letter's state; the words say the same.
func letterTone(s liaison.State) string {
	switch s {
	case liaison.Draft, liaison.Submitted, liaison.Arrived, liaison.Proposed, liaison.Asked:
		return "amber"
	case liaison.Answered, liaison.Closed:
		return "green"
	case liaison.Withdrawn, liaison.Returned:
		return "red"
	case liaison.Discarded, liaison.Erased:
		return "grey"
	}
	return "blue"
}

func (d *desk) notices(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	return d.letterList(w, r, a, false)
}

func (d *desk) shares(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	return d.letterList(w, r, a, true)
}

// letterFilter reads the filters of a list of letters from its address.
func letterFilter(q url.Values, shares bool) (liaison.Filter, error) {
	f := liaison.Filter{Shares: shares, Kind: liaison.Kind(q.Get("kind")), State: liaison.State(q.Get("state")), Division: q.Get("division"), Cursor: q.Get("cursor"), Limit: pageSize}
	switch {
	case f.State != "" && !slices.Contains(liaison.States(), f.State):
		return f, fault.New(fault.Invalid, "case-handling.filter").With("state", "case-handling.filter")
	case f.Kind != "" && f.Kind != liaison.Outbound && f.Kind != liaison.Inbound:
		return f, fault.New(fault.Invalid, "case-handling.filter").With("kind", "case-handling.filter")
	}
	switch q.Get("show") {
	case "":
		f.Open = f.State == ""
	case "overdue":
		f.Overdue = true
	case "all":
	default:
		return f, fault.New(fault.Invalid, "case-handling.filter").With("show", "case-handling.filter")
	}
	return f, nil
}

// letterList lists notices, or shares with what they are measured by.
func (d *desk) letterList(w http.ResponseWriter, r *http.Request, a staff.Actor, shares bool) error {
	q, lang, now := r.URL.Query(), fn.Lang(r), d.env.Now()
	f, err := letterFilter(q, shares)
	if err != nil {
		return err
	}
	divisions := d.letters.Divisions(a, now)
	if shares && len(divisions) == 0 {
		return fault.New(fault.Forbidden, "staff.can.role")
	}
	rows, next, err := d.letters.List(r.Context(), a, f, now)
	if err != nil {
		return err
	}
	orgs, err := d.orgs(r.Context())
	if err != nil {
		return err
	}
	room, target := "notices", "/notices"
	if shares {
		room, target = "shares", "/shares"
	}
	writes := d.mayWrite(r, a, liaison.Notice) == nil
	if shares {
		writes = d.mayWrite(r, a, liaison.Outbound) == nil
	}
	v := listView{
		base: d.place(r, a), Title: speak(r, "liaison."+room+".title"), About: speak(r, "liaison."+room+".about"), Here: d.pages.URL(r, target), None: speak(r, "liaison.list.none"),
		Filters: []control{
			{Kind: "select", Name: "show", Label: speak(r, "case-handling.show"), Options: options(lang, "liaison.show.", []string{"overdue", "all"}), Blank: speak(r, "liaison.show.open")},
			{Kind: "select", Name: "state", Label: speak(r, "case-handling.state"), Options: options(lang, "liaison.state.", liaison.States()), Blank: speak(r, "case-handling.any")},
		},
	}
	v.Form = page.NewForm(q)
	if shares {
		v.Filters = append(v.Filters, control{Kind: "select", Name: "kind", Label: speak(r, "liaison.direction"), Options: options(lang, "liaison.kind.", []liaison.Kind{liaison.Outbound, liaison.Inbound}), Blank: speak(r, "case-handling.any")})
	}
	if len(divisions) > 1 {
		c := control{Kind: "select", Name: "division", Label: speak(r, "liaison.division"), Blank: speak(r, "case-handling.any")}
		for _, code := range divisions {
			c.Options = append(c.Options, option{Value: code, Text: areaName(code)})
		}
		v.Filters = append(v.Filters, c)
	}
	if shares && writes {
		if err := d.shareExtras(r, a, &v); err != nil {
			return err
		}
	} else if writes {
		v.Buttons = append(v.Buttons, knob{Href: d.pages.URL(r, "/notices/new", url.Values{"kind": {"notice"}}), Text: speak(r, "liaison.new.notice")})
	}
	v.Table = page.Table{Caption: v.Title, Quiet: true}
	for _, key := range []string{"liaison.number", "liaison.with", "liaison.template", "case-handling.state", "liaison.started", "case-handling.due"} {
		v.Table.Columns = append(v.Table.Columns, page.Column{Text: speak(r, key)})
	}
	today := d.today()
	for _, x := range rows {
		v.Table.Rows = append(v.Table.Rows, []page.Cell{
			{Text: x.Title(), Href: d.pages.URL(r, "/notices", x.ID)},
			{Text: d.other(x.Letter, a, orgs)},
			{Text: page.Say(lang, "liaison.template."+x.Template)},
			{Text: page.Say(lang, "liaison.state."+string(x.State)), Tone: letterTone(x.State)},
			{Text: dayCell(x.Started.String())},
			{Text: dueText(lang, x.Clock, today)},
		})
		if x.Clock != nil {
			if b := basisText(lang, *x.Clock); !slices.Contains(v.Bases, b) {
				v.Bases = append(v.Bases, b)
			}
		}
	}
	if next != "" {
		q.Set("cursor", next)
		v.Next = d.pages.URL(r, target, q)
	}
	return d.pages.Show(w, r, http.StatusOK, "liaison-list", v)
}

func dayCell(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

// other is the other side of a letter, seen by the actor.
func (d *desk) other(l liaison.Letter, a staff.Actor, orgs map[string]staff.Organization) string {
	switch {
	case l.Share():
		return l.Partner + " " + l.Region
	case l.To == a.Org.ID:
		return orgs[l.From].Name
	}
	return orgs[l.To].Name
}

// liaisonNav adds the links to these pages, each to whoever has something there.
func (d *desk) liaisonNav(a staff.Actor, add func(target, key string, actions ...staff.Action)) {
	if a.Org.Kind != staff.Discipline && a.Org.Kind != staff.Subject {
		add("/notices", "liaison.nav.notices", staff.NoticeDraft, staff.NoticeApprove, staff.CaseSupervise, staff.NotifiedReply)
		// A department's handlers have no letters and no campaigns of their own.
		if d.mayCampaign(a) == nil {
			add("/shares", "liaison.nav.shares", staff.ShareManage, staff.NoticeApprove, staff.CaseSupervise)
			add("/campaigns", "campaign.nav", staff.CampaignManage)
		}
		add("/inspections", "campaign.nav.inspections", staff.NotifiedReply)
	}
	if d.mayAsk(a) == nil {
		add("/inquiries", "inquiry.nav", staff.LookupPurpose, staff.CaseHandle)
	}
}
