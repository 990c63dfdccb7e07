package function

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"ipcredit/shared/fn"
	"ipcredit/shared/linkage"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
)

type linkageItemPage struct {
	base
	linkage.Opened
	Line    linkageLine
	Holder  string // the applicant's name, opened
	Clocks  []clockLine
	Grounds []linkageGround
	Files   []linkageMaterial
	Acts    []linkageActLine
	// What the store knows, worded.
	LetterLinks  []linkageLetterLine
	ContactLines []linkageContact
	EventLines   []linkageEvent
	Pasts        []linkagePast
	Bulk         []link
	Group        string
}

type linkageGround struct{ Code, Text string }

type linkageContact struct {
	linkage.Contact
	Who string
	// With is how many applications it was about.
	With int
}

type linkageMaterial struct {
	linkage.Material
	Who  string
	Href string
}

type linkageEvent struct {
	linkage.Event
	Who  string
	Key  string
	Ref  string
	Href string
}

type linkagePast struct {
	linkage.Past
	Who   string
	Lines []string
}

// linkageItem shows one notified application. Looking at what is sealed of it
// stands in the journal before it is given.
func (d *desk) linkageItem(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	id, err := linkage.ParseID(r.PathValue("id"))
	if err != nil {
		return err
	}
	ctx, now, lang := r.Context(), d.env.Now(), fn.Lang(r)
	o, err := d.linkage.Open(ctx, a, id, now)
	if err != nil {
		return err
	}
	l := d.linkageLines(r, a)
	p := linkageItemPage{base: d.linkageBase(r, a), Opened: o, Line: l.line(o.Row), Holder: o.Name}
	cal, err := d.notified.Rules(ctx)
	if err != nil {
		return err
	}
	for _, k := range o.Row.Clocks {
		line := clockLine{Clock: k, Overdue: k.Overdue(d.today())}
		line.Left = k.Left(cal.Calendar, d.today())
		p.Clocks = append(p.Clocks, line)
	}
	for _, g := range o.Grounds {
		p.Grounds = append(p.Grounds, linkageGround{g, page.Say(lang, "linkage.ground."+g)})
	}
	p.LetterLinks = d.linkageLetters(r, []linkage.Row{o.Row})
	for _, c := range o.Contacts {
		p.ContactLines = append(p.ContactLines, linkageContact{c, d.name(ctx, l.names, c.By), len(c.IDs)})
	}
	for _, m := range o.Materials {
		line := linkageMaterial{Material: m, Who: d.name(ctx, l.names, m.By)}
		if no, ok := d.holderLetterOfBox(ctx, m.Box); ok {
			line.Href = d.pages.URL(r, "/letters", no) + "#files"
		}
		p.Files = append(p.Files, line)
	}
	for _, e := range o.Row.Events {
		p.EventLines = append(p.EventLines, d.linkageEventLine(r, l, e))
	}
	for _, h := range o.History {
		line := linkagePast{Past: h, Who: d.name(ctx, l.names, h.By)}
		for _, field := range []string{"applicant", "agency", "grounds", "division", "holder", "state", "notifiedAt", "replyBy"} {
			if was, ok := h.Was[field]; ok {
				if strings.HasPrefix(was, "sealed:") {
					was = page.Say(lang, "applications.person")
				}
				line.Lines = append(line.Lines, page.Say(lang, "applications.was", page.Say(lang, "applications.field."+field), was))
			}
		}
		p.Pasts = append(p.Pasts, line)
	}
	if p.Acts, err = d.linkageActs(ctx, r, a, []string{id}, l); err != nil {
		return err
	}
	for _, x := range linkageActions {
		if x.when(o.Application) && linkageMay(a, x, o.Row, d) == nil {
			p.Bulk = append(p.Bulk, link{d.pages.URL(r, "/applications/act", x.Name, url.Values{"id": {id}}), "applications.act." + x.Name, false})
		}
	}
	p.Group = d.pages.URL(r, "/applications/group", linkageGroupQuery(linkage.Group{Key: o.Applicant.Group(), Agency: o.Application.Agency, Unit: o.Application.Unit, Kind: o.Kind}, nil))
	return d.pages.Show(w, r, http.StatusOK, "applications-item", p)
}

// linkageEventLine words an event of an application.
func (d *desk) linkageEventLine(r *http.Request, l linkageLiner, e linkage.Event) linkageEvent {
	out := linkageEvent{Event: e, Key: "linkage.event." + e.What, Ref: e.Ref, Who: d.name(r.Context(), l.names, e.By)}
	if slices.Contains(linkage.States, linkage.State(e.What)) {
		out.Key = "linkage.state." + e.What
	}
	switch e.What {
	case linkage.LetterSent:
		if no, err := strconv.ParseInt(e.Ref, 10, 64); err == nil {
			out.Ref, out.Href = holderLetterNumber(no, e.On), d.pages.URL(r, "/letters", no)
		}
	case linkage.ContactMade, linkage.TakenBack:
		out.Ref = ""
	case linkage.HandedOver:
		out.Ref = page.Say(fn.Lang(r), "linkage.reason."+e.Ref)
	case linkage.Added:
		out.Ref = page.Say(fn.Lang(r), "linkage.material."+e.Ref)
	}
	return out
}

// holderLetterNumber is the number of a letter where the bureau gives it none of
// its own.
func holderLetterNumber(no int64, on interface{ Year() int }) string {
	return page.Say(page.ZH, "applications.letter.number", on.Year(), no)
}
