package function

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"ipcredit/shared/evidence"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/liaison"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// letterCrumbs lead back to the list.
func (d *desk) letterCrumbs(r *http.Request, l liaison.Letter, self bool) []page.Link {
	room, target := "notices", "/notices"
	if l.Share() {
		room, target = "shares", "/shares"
	}
	out := []page.Link{{Href: d.pages.URL(r, target), Text: speak(r, "liaison."+room+".title")}}
	if self {
		out = append(out, page.Link{Href: d.pages.URL(r, "/notices", l.ID), Text: l.Title()})
	}
	return out
}

// valueText is a field of a letter as people read it.
func valueText(lang page.Lang, v liaison.Value) string {
	if v.Field.Form == "choice" {
		return page.Say(lang, "liaison."+v.Field.ID+"."+v.Text)
	}
	return v.Text
}

// basisLines name the legal bases of a letter.
func basisLines(l liaison.Letter, said string) []string {
	out := l.BasisLines()
	if said != "" {
		out = append(out, said)
	}
	return out
}

// carriage is how a share travels, "" where it goes on paper.
func carriage(r *http.Request, o liaison.Opened) string {
	switch {
	case o.Travels != "":
		return speak(r, "liaison.carry.travels", o.Travels)
	case o.Carry == nil:
		return ""
	case o.Carry.Place == 0:
		return speak(r, "liaison.carry.came")
	case o.Fetched:
		return speak(r, "liaison.carry.fetched")
	}
	return speak(r, "liaison.carry.waits")
}

// pressed are the steps that need nothing but a press of a button.
var pressed = []liaison.Step{liaison.Submit, liaison.Close, liaison.Discard}

func (d *desk) letter(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	ctx, lang, now := r.Context(), fn.Lang(r), d.env.Now()
	o, err := d.letters.Open(ctx, a, r.PathValue("id"), now)
	if err != nil {
		return err
	}
	orgs, err := d.orgs(ctx)
	if err != nil {
		return err
	}
	today, who := d.today(), names{}
	v := recordView{
		base: d.place(r, a), Title: page.Say(lang, "liaison.record."+string(o.Kind), o.Title()), Crumbs: d.letterCrumbs(r, o.Letter, false), Version: o.Version,
		Facts: []fact{
			{Key: speak(r, "case-handling.state"), Text: page.Say(lang, "liaison.state."+string(o.State)), Tone: letterTone(o.State)},
			{Key: speak(r, "liaison.template"), Text: page.Say(lang, "liaison.template."+o.Template), Note: speak(r, "liaison.edition", o.Edition)},
			{Key: speak(r, "liaison.from"), Text: d.side(o.Letter, orgs, true), Chinese: true},
			{Key: speak(r, "liaison.to"), Text: d.side(o.Letter, orgs, false), Chinese: true},
			{Key: speak(r, "liaison.number"), Text: o.DocNo},
		},
	}
	if o.TheirNo != "" {
		v.Facts = append(v.Facts, fact{Key: speak(r, "liaison.their_number"), Text: o.TheirNo})
	}
	if way := carriage(r, o); way != "" {
		v.Facts = append(v.Facts, fact{Key: speak(r, "liaison.carry"), Text: way})
	}
	if o.Carry != nil && o.Carry.Problem != "" {
		v.Warnings = append(v.Warnings, speak(r, "liaison.problem."+o.Carry.Problem))
	}
	for _, x := range []struct {
		key string
		day workday.Date
	}{{"liaison.started", o.Started}, {"liaison.signed", o.Signed}, {"liaison.replied", o.Replied}} {
		if !x.day.IsZero() {
			v.Facts = append(v.Facts, fact{Key: speak(r, x.key), Day: x.day})
		}
	}
	for _, c := range o.Clocks {
		f := fact{Key: page.Say(lang, "liaison.clock."+c.Name), Day: c.Due, Note: basisText(lang, c)}
		if c.Done.IsZero() && c.Overdue(today) {
			f.Note = speak(r, "case-handling.overdue") + " · " + f.Note
		} else if !c.Done.IsZero() {
			f.Note = speak(r, "case-handling.kept_on") + " " + c.Done.String() + " · " + f.Note
		}
		v.Facts = append(v.Facts, f)
	}
	if o.Case != "" && o.To != a.Org.ID {
		v.Facts = append(v.Facts, fact{Key: speak(r, "liaison.case"), Text: o.Case, Href: d.pages.URL(r, "/cases", o.Case)})
	}
	if o.Replaces != "" {
		v.Facts = append(v.Facts, fact{Key: speak(r, "liaison.replaces"), Text: o.Replaces, Href: d.pages.URL(r, "/notices", o.Replaces)})
	}
	if o.ReplacedBy != "" && o.To != a.Org.ID {
		v.Facts = append(v.Facts, fact{Key: speak(r, "liaison.replaced_by"), Text: o.ReplacedBy, Href: d.pages.URL(r, "/notices", o.ReplacedBy)})
	}
	if o.State == liaison.Withdrawn {
		v.Warnings = append(v.Warnings, speak(r, "liaison.withdrawn"))
	}
	if o.State == liaison.Erased {
		v.Warnings = append(v.Warnings, speak(r, "liaison.erased"))
	}
	for _, s := range o.Steps {
		href := d.pages.URL(r, "/notices", o.ID, string(s))
		text := page.Say(lang, "liaison.step."+string(s))
		if slices.Contains(pressed, s) || s == liaison.Receive && o.Kind != liaison.Outbound {
			tone := "second"
			if s == liaison.Receive || s == liaison.Submit {
				tone = ""
			}
			v.Posts = append(v.Posts, knob{Href: href, Text: text, Tone: tone})
		} else {
			v.Buttons = append(v.Buttons, knob{Href: href, Text: text})
		}
	}
	if o.State == liaison.Withdrawn && o.ReplacedBy == "" && o.Kind != liaison.Inbound && d.mayWrite(r, a, o.Kind) == nil {
		v.Buttons = append(v.Buttons, knob{Href: d.pages.URL(r, "/notices/new", url.Values{"replaces": {o.ID}, "kind": {string(o.Kind)}}), Text: speak(r, "liaison.correct")})
	}
	if o.State != liaison.Erased {
		v.Buttons = append(v.Buttons, knob{Href: d.pages.URL(r, "/notices", o.ID, "print"), Text: speak(r, "liaison.print")})
		if o.Kind == liaison.Outbound && !o.Started.IsZero() && o.State != liaison.Withdrawn && a.May(staff.ExportMake, now) {
			v.Buttons = append(v.Buttons, knob{Href: d.pages.URL(r, "/shares/export", url.Values{"ids": {o.ID}}), Text: speak(r, "liaison.export")})
		}
		content := section{Title: speak(r, "liaison.content")}
		for _, x := range o.Values {
			content.Facts = append(content.Facts, fact{Key: page.Say(lang, "liaison.field."+x.Field.ID), Text: valueText(lang, x), Chinese: x.Field.Form != "choice"})
		}
		v.Sections = append(v.Sections, content, section{Title: speak(r, "liaison.basis"), Lines: basisLines(o.Letter, o.Said)})
		thread := section{Title: speak(r, "liaison.thread"), None: speak(r, "liaison.thread_none")}
		for _, p := range o.Posts {
			thread.None = ""
			thread.Thread = append(thread.Thread, said{Who: page.Say(lang, "liaison.said."+string(p.Step)) + " · " + cmp.Or(orgs[p.Org].Name, o.Partner) + " · " + workday.DateOf(p.At).String(), Text: p.Text, Theirs: p.Org != a.Org.ID})
		}
		v.Sections = append(v.Sections, thread)
		files, err := d.letterFiles(r, a, o.Letter)
		if err != nil {
			return err
		}
		v.Sections = append(v.Sections, files)
		if o.State.Open() {
			v.Posts = append(v.Posts, knob{Href: d.pages.URL(r, "/notices", o.ID, "attach"), Text: speak(r, "liaison.attach"), Tone: "second"})
		}
	}
	for _, e := range o.Events {
		h := happened{At: e.At, What: page.Say(lang, "liaison.event."+string(e.Step)), Who: cmp.Or(orgs[e.Org].Name, o.Partner)}
		if e.Org == a.Org.ID {
			h.Who = d.name(ctx, who, e.By)
		}
		v.History = append(v.History, h)
	}
	return d.pages.Show(w, r, http.StatusOK, "liaison-record", v)
}

// side names who wrote a letter, or whom it goes to.
func (d *desk) side(l liaison.Letter, orgs map[string]staff.Organization, from bool) string {
	ours := orgs[l.From].Name
	if !l.Share() {
		if from {
			return ours
		}
		return orgs[l.To].Name
	}
	if (l.Kind == liaison.Inbound) == from {
		return l.Partner + "（" + l.Region + "）"
	}
	return ours
}

// letterAttach opens a box for files that go with a letter and leads to it: what
// goes in is sealed to the letter's own key.
func (d *desk) letterAttach(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	l, id, err := d.letters.Identity(r.Context(), a, r.PathValue("id"), d.env.Now())
	if err != nil {
		return err
	}
	if !l.State.Open() {
		return fault.New(fault.Conflict, "liaison.step")
	}
	token, _, err := d.evidence.OpenBox(r.Context(), evidence.BoxSpec{
		For: liaison.Ref(l.ID), To: id.Recipient(), Key: l.Key, Until: d.env.Now().Add(attachFor), By: a.User.ID, Org: a.Org.ID, Return: "case-handling/notices/" + l.ID,
	})
	if err != nil {
		return err
	}
	http.Redirect(w, r, d.pages.URL(r, "evidence-upload/forms", token), http.StatusSeeOther)
	return nil
}

// attachFor is how long a box for attachments takes files (ours to choose).
const attachFor = 7 * 24 * time.Hour

// letterFiles lists what is attached to a letter.
func (d *desk) letterFiles(r *http.Request, a staff.Actor, l liaison.Letter) (section, error) {
	s := section{Title: speak(r, "liaison.files"), ID: "files", None: speak(r, "liaison.files_none")}
	boxes, err := d.evidence.Boxes(r.Context(), liaison.Ref(l.ID))
	if err != nil || len(boxes) == 0 {
		return s, err
	}
	_, id, err := d.letters.Identity(r.Context(), a, l.ID, d.env.Now())
	if err != nil {
		return s, err
	}
	t := page.Table{Caption: s.Title, Quiet: true, Columns: []page.Column{{Text: speak(r, "case-handling.file")}, {Text: speak(r, "case-handling.size")}, {Text: speak(r, "case-handling.arrived")}}}
	for _, b := range boxes {
		files, err := d.evidence.Files(r.Context(), b.ID)
		if err != nil {
			return s, err
		}
		for _, f := range files {
			cell := page.Cell{Text: speak(r, "case-handling.no_name", f.N)}
			meta, err := f.Open(b.ID, id)
			if err != nil {
				return s, err
			}
			if name := evidence.Display(meta.Name); name != "" {
				cell.Text = name
			}
			if f.At(d.env.Now()) == evidence.Whole {
				cell.Href = d.pages.URL(r, "/notices", l.ID, "files", b.ID, strconv.Itoa(f.N))
			}
			t.Rows = append(t.Rows, []page.Cell{cell, {Text: evidence.Size(f.Size)}, {Text: f.Day}})
		}
	}
	if len(t.Rows) > 0 {
		s.Table, s.None = &t, ""
	}
	return s, nil
}
