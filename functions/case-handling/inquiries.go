package function

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/inquiry"
	"ipcredit/shared/page"
	"ipcredit/shared/sheet"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// worksOnCase tells whether the actor works on a case: only then may he look up
// for its verification.
func (d *desk) worksOnCase(ctx context.Context, a staff.Actor, number string, now time.Time) error {
	f, err := d.cases.Get(ctx, a, number, now)
	if err != nil {
		return err
	}
	if !f.MayOpen {
		return fault.New(fault.Forbidden, "staff.can.role")
	}
	return nil
}

// caseNotified is when and to whom a case was notified.
func (d *desk) caseNotified(ctx context.Context, number string) (workday.Date, []string, error) {
	return d.cases.NotifiedOn(ctx, number)
}

func (d *desk) inquiryList(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	q, lang := r.URL.Query(), fn.Lang(r)
	list, next, err := d.inquiries.List(r.Context(), a, q.Get("cursor"), pageSize, d.env.Now())
	if err != nil {
		return err
	}
	v := listView{
		base: d.place(r, a), Title: speak(r, "inquiry.title"), About: speak(r, "inquiry.about"), Here: d.pages.URL(r, "/inquiries"), None: speak(r, "inquiry.none"),
	}
	if d.mayAsk(a) == nil {
		v.Buttons = []knob{{Href: d.pages.URL(r, "/inquiries/new"), Text: speak(r, "inquiry.new")}}
	}
	v.Table = page.Table{Caption: v.Title, Quiet: true, Columns: []page.Column{{Text: speak(r, "inquiry.asked")}, {Text: speak(r, "inquiry.purpose")}, {Text: speak(r, "inquiry.by")},
		{Text: speak(r, "inquiry.queries"), Numeric: true}, {Text: speak(r, "inquiry.answered"), Numeric: true}, {Text: speak(r, "inquiry.visible")}}}
	who := names{}
	for _, x := range list {
		v.Table.Rows = append(v.Table.Rows, []page.Cell{
			{Text: x.At.In(workday.CST).Format("2006-01-02 15:04"), Href: d.pages.URL(r, "/inquiries", x.ID)}, {Text: page.Say(lang, "inquiry.purpose."+x.Purpose)},
			{Text: d.name(r.Context(), who, x.By)}, {Text: strconv.Itoa(x.Queries)}, {Text: strconv.Itoa(x.Answered)}, {Text: d.visible(r, x)},
		})
	}
	if next != "" {
		v.Next = d.pages.URL(r, "/inquiries", url.Values{"cursor": {next}})
	}
	return d.pages.Show(w, r, http.StatusOK, "liaison-list", v)
}

// visible says whether subjects see a lookup.
func (d *desk) visible(r *http.Request, x inquiry.Inquiry) string {
	if x.Revealed.IsZero() {
		return speak(r, "inquiry.withheld")
	}
	return speak(r, "inquiry.seen")
}

func (d *desk) inquiryPage(r *http.Request, a staff.Actor) formView {
	lang := fn.Lang(r)
	now := d.env.Now()
	v := formView{
		base: d.place(r, a), Title: speak(r, "inquiry.new"), About: speak(r, "inquiry.new_about", int(inquiry.Readable().Hours())), Action: d.pages.URL(r, "/inquiries"), Button: speak(r, "inquiry.ask"),
		Back: d.pages.URL(r, "/inquiries"), Ticket: ticket(), Multipart: true, Crumbs: []page.Link{{Href: d.pages.URL(r, "/inquiries"), Text: speak(r, "inquiry.title")}},
	}
	purposes := control{Kind: "radios", Name: "purpose", Label: speak(r, "inquiry.purpose")}
	number, onCase := false, false
	for _, p := range inquiry.Purposes(a.Org.Kind) {
		if p.Case && !a.May(staff.CaseHandle, now) || !p.Case && !a.May(staff.LookupPurpose, now) {
			continue
		}
		number, onCase = number || p.Number, onCase || p.Case
		hint := ""
		if page.Has("inquiry.purpose_hint." + p.ID) {
			hint = page.Say(lang, "inquiry.purpose_hint."+p.ID)
		}
		purposes.Options = append(purposes.Options, option{Value: p.ID, Text: page.Say(lang, "inquiry.purpose."+p.ID), Hint: hint})
	}
	in := []control{purposes}
	if number {
		in = append(in, control{Kind: "input", Name: "project", Label: speak(r, "inquiry.project"), Hint: speak(r, "inquiry.project_hint"), Width: "w-full", Optional: onCase})
	}
	if onCase {
		in = append(in, control{Kind: "input", Name: "case", Label: speak(r, "inquiry.case"), Hint: speak(r, "inquiry.case_hint"), Width: "w-code", Optional: number})
	}
	in = append(in,
		control{Kind: "textarea", Name: "reason", Label: speak(r, "inquiry.reason"), Rows: 3},
		control{Kind: "textarea", Name: "subjects", Label: speak(r, "inquiry.subjects"), Hint: speak(r, "inquiry.subjects_hint", inquiry.MostSubjects()), Rows: 8, Optional: true},
		control{Kind: "file", Name: "file", Label: speak(r, "inquiry.file"), Hint: speak(r, "inquiry.file_hint"), Accept: ".xlsx,.csv,.txt"})
	v.Groups = []group{{Inputs: in}}
	return v
}

// mayAsk refuses whoever may look up for no purpose at all.
func (d *desk) mayAsk(a staff.Actor) error {
	now := d.env.Now()
	for _, p := range inquiry.Purposes(a.Org.Kind) {
		if p.Case && a.May(staff.CaseHandle, now) || !p.Case && a.May(staff.LookupPurpose, now) {
			return nil
		}
	}
	return fault.New(fault.Forbidden, "inquiry.org")
}

func (d *desk) inquiryForm(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := d.mayAsk(a); err != nil {
		return err
	}
	v := d.inquiryPage(r, a)
	v.Form = page.NewForm(r.URL.Query())
	return d.pages.Show(w, r, http.StatusOK, "liaison-form", v)
}

// subjectsOf reads the list of subjects: what was typed, and a file's first column.
func subjectsOf(r *http.Request) ([]string, error) {
	lines := strings.FieldsFunc(r.PostForm.Get("subjects"), func(c rune) bool { return c == '\n' || c == '\r' || c == ';' || c == '；' })
	file, head, err := r.FormFile("file")
	if errors.Is(err, http.ErrMissingFile) || errors.Is(err, http.ErrNotMultipart) {
		return lines, nil
	}
	if err != nil {
		return nil, fault.New(fault.Invalid, "inquiry.incomplete").With("file", "inquiry.file").Because(err)
	}
	defer func() { _ = file.Close() }()
	if strings.HasSuffix(strings.ToLower(head.Filename), ".txt") {
		text, err := io.ReadAll(io.LimitReader(file, 1<<20))
		if err != nil {
			return nil, err
		}
		return append(lines, strings.Split(string(text), "\n")...), nil
	}
	rows, err := sheet.Open(inquiry.Schema(), file, sheet.Limits{Rows: 4 * inquiry.MostSubjects(), XLSXBytes: fn.MaxBody, FileBytes: fn.MaxBody, InflatedBytes: 64 << 20})
	if err != nil {
		return nil, err
	}
	for {
		row, err := rows.Next()
		if errors.Is(err, io.EOF) {
			return lines, nil
		}
		if err != nil {
			return nil, err
		}
		if code := row.Get("code"); code != "" {
			lines = append(lines, code)
		} else {
			lines = append(lines, row.Get("name"))
		}
	}
}

func (d *desk) inquiryAsk(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := d.mayAsk(a); err != nil {
		return err
	}
	if err := r.ParseMultipartForm(fn.MaxBody); err != nil && !errors.Is(err, http.ErrNotMultipart) {
		return fault.New(fault.Invalid, "case-handling.form").Because(err)
	}
	subjects, err := subjectsOf(r)
	var in inquiry.Inquiry
	if err == nil {
		in, err = d.inquiries.Ask(r.Context(), a, inquiry.Question{
			Ticket: typed(r, "ticket"), Purpose: typed(r, "purpose"), Project: typed(r, "project"), Case: typed(r, "case"), Reason: typed(r, "reason"), Subjects: subjects,
		}, d.env.Now())
	}
	if err != nil {
		if f, ok := fault.Of(err); ok && f.Kind == fault.Forbidden && len(f.Fields) == 0 {
			return err
		}
		return d.again(w, r, d.inquiryPage(r, a), err)
	}
	return d.see(w, r, "/inquiries", in.ID, done("asked"))
}

func (d *desk) inquiryRecord(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	lang := fn.Lang(r)
	o, err := d.inquiries.Open(r.Context(), a, r.PathValue("id"), d.env.Now())
	if err != nil {
		return err
	}
	v := recordView{
		base: d.place(r, a), Title: page.Say(lang, "inquiry.record", page.Say(lang, "inquiry.purpose."+o.Purpose)), Crumbs: []page.Link{{Href: d.pages.URL(r, "/inquiries"), Text: speak(r, "inquiry.title")}},
		Facts: []fact{
			{Key: speak(r, "inquiry.asked"), Text: o.At.In(workday.CST).Format("2006-01-02 15:04")},
			{Key: speak(r, "inquiry.by"), Text: d.name(r.Context(), names{}, o.By), Note: o.OrgName, Chinese: true},
			{Key: speak(r, "inquiry.visible"), Text: d.visible(r, o.Inquiry)},
			{Key: speak(r, "inquiry.reason"), Text: o.Reason, Chinese: true},
		},
	}
	if o.Project != "" {
		v.Facts = append(v.Facts, fact{Key: speak(r, "inquiry.project"), Text: o.Project})
	}
	if o.Case != "" {
		v.Facts = append(v.Facts, fact{Key: speak(r, "inquiry.case"), Text: o.Case, Href: d.pages.URL(r, "/cases", o.Case)})
	}
	if o.Ended {
		v.Warnings = append(v.Warnings, speak(r, "inquiry.ended", int(inquiry.Readable().Hours())))
	} else {
		v.Warnings = append(v.Warnings, speak(r, "inquiry.duty"))
	}
	for _, x := range o.Lines {
		title := x.Query
		if x.Name != "" {
			title = x.Name
		}
		s := section{Title: title}
		if x.Code != "" {
			s.Facts = append(s.Facts, fact{Key: speak(r, "inquiry.code"), Text: x.Code, Href: d.pages.URL(r, "credit-lookup/subjects", x.Code)})
		}
		if x.Query != title {
			s.Facts = append(s.Facts, fact{Key: speak(r, "inquiry.query"), Text: x.Query, Chinese: true})
		}
		s.About = page.Say(lang, "inquiry.found."+string(x.Found))
		for _, c := range x.Others {
			s.Lines = append(s.Lines, c.Name+" "+c.Code)
		}
		if x.Found == inquiry.One && !o.Ended {
			if x.Grade != nil {
				s.Facts = append(s.Facts, fact{Key: speak(r, "inquiry.grade"), Text: x.Grade.Grade, Note: x.Grade.Source + " " + x.Grade.On.String()})
			}
			if s.About = speak(r, "inquiry.clean"); len(x.Records) > 0 {
				s.About = speak(r, "inquiry.records", len(x.Records))
				s.Table = knownTable(lang, x.Records)
			}
		}
		v.Sections = append(v.Sections, s)
	}
	return d.pages.Show(w, r, http.StatusOK, "liaison-record", v)
}

// knownTable lists the records of an answer.
func knownTable(lang page.Lang, list []inquiry.Known) *page.Table {
	t := page.Table{Caption: page.Say(lang, "inquiry.records_title"), Quiet: true}
	for _, key := range []string{"inquiry.kind", "inquiry.instrument", "inquiry.authority", "inquiry.determined", "inquiry.until", "inquiry.reach"} {
		t.Columns = append(t.Columns, page.Column{Text: page.Say(lang, key)})
	}
	for _, k := range list {
		kind := page.Say(lang, "inquiry.kind."+string(k.Kind))
		if k.Tier != "" {
			kind += " " + page.Say(lang, "inquiry.tier."+string(k.Tier))
		}
		if k.Status != "" && page.Has("inquiry.status."+string(k.Status)) {
			kind += " " + page.Say(lang, "inquiry.status."+string(k.Status))
		}
		reach := page.Cell{Text: page.Say(lang, "inquiry.public"), Tone: "blue"}
		if !k.Public {
			reach = page.Cell{Text: page.Say(lang, "inquiry.shared"), Tone: "amber"}
		}
		t.Rows = append(t.Rows, []page.Cell{{Text: kind}, {Text: k.InstrumentNo}, {Text: k.Authority}, {Text: k.DeterminedOn.String()}, {Text: dayCell(k.Until.String())}, reach})
	}
	return &t
}
