package function

import (
	"bytes"
	"errors"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/ident"
	"ipcredit/shared/linkage"
	"ipcredit/shared/page"
	"ipcredit/shared/sheet"
	"ipcredit/shared/sheet/book"
	"ipcredit/shared/staff"
)

// linkagePurposes are what the results of a list are taken out for. The words are the
// catalogue's "applications.purpose.".
var linkagePurposes = []string{"notifier", "province", "city", "check"}

type linkageFeedbackPage struct {
	base
	List        string
	Kind        linkage.Kind
	Total, Open int
	Items       string
	MayExport   bool
	MayReport   bool
	// No and Marked are what a report that was just made says.
	Reported   bool
	No, Marked string
}

func (p linkageFeedbackPage) PurposeOptions(lang page.Lang) []option {
	return options(lang, "applications.purpose.", linkagePurposes)
}
func (p linkageFeedbackPage) FormatOptions(lang page.Lang) []option {
	return options(lang, "applications.format.", []string{"xlsx", "csv"})
}

// newLinkageFeedback reads which list is meant.
func (d *desk) newLinkageFeedback(r *http.Request, a staff.Actor, q url.Values) (linkageFeedbackPage, error) {
	p := linkageFeedbackPage{base: d.linkageBase(r, a), List: q.Get("list"), Kind: linkage.Kind(q.Get("kind"))}
	if p.Kind == "" {
		p.Kind = linkage.Patent
	}
	if !slices.Contains(linkage.Kinds, p.Kind) {
		return p, fault.New(fault.Invalid, "case-handling.filter").With("kind", "case-handling.filter")
	}
	ctx, now := r.Context(), d.env.Now()
	f := linkage.Filter{Kind: p.Kind, Named: p.List}
	var err error
	if _, _, p.Total, err = d.linkage.List(ctx, a, f, linkage.ByReply, "", 1, now); err != nil {
		return p, err
	}
	f.Open = true
	if _, _, p.Open, err = d.linkage.List(ctx, a, f, linkage.ByReply, "", 1, now); err != nil {
		return p, err
	}
	if p.List == "" || p.Total == 0 {
		return p, fault.New(fault.NotFound, "linkage.no_list")
	}
	p.MayExport = a.May(staff.ExportMake, now)
	p.MayReport = a.May(staff.CaseHandle, now) || a.May(staff.CaseSupervise, now)
	p.Items = d.pages.URL(r, "/applications/items", url.Values{"list": {p.List}, "kind": {string(p.Kind)}, "show": {linkageShowAll}})
	return p, nil
}

// linkageFeedbackForm shows how a list's results are sent upward.
func (d *desk) linkageFeedbackForm(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	p, err := d.newLinkageFeedback(r, a, r.URL.Query())
	if err != nil {
		return err
	}
	if no := r.URL.Query().Get("no"); no != "" {
		p.Reported, p.No, p.Marked = true, no, r.URL.Query().Get("marked")
		for _, s := range []string{p.No, p.Marked} {
			if _, err := strconv.Atoi(s); err != nil {
				p.Reported = false
			}
		}
	}
	return d.pages.Show(w, r, http.StatusOK, "applications-feedback", p)
}

// linkageFeedback gives out the file of a list's results, with its purpose in the
// journal before a line of it is given, or marks the list as fed back.
func (d *desk) linkageFeedback(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	p, err := d.newLinkageFeedback(r, a, r.PostForm)
	if err != nil {
		return err
	}
	c := linkageCall{call: call{r: r, who: a, lang: fn.Lang(r)}}
	switch c.text("do") {
	case "export":
		err = d.linkageExport(w, c, p)
	case "report":
		no, marked, reportErr := d.linkage.Report(r.Context(), a, p.Kind, p.List, d.env.Now())
		if err = reportErr; err == nil {
			return d.see(w, r, "/applications/feedback", url.Values{
				"list": {p.List}, "kind": {string(p.Kind)}, "no": {strconv.FormatInt(no, 10)}, "marked": {strconv.Itoa(marked)},
			})
		}
	default:
		err = fault.New(fault.Invalid, "case-handling.choose").With("do", "case-handling.choose")
	}
	if err == nil {
		return nil
	}
	status, err := refused(r, &p.base, err)
	if err != nil {
		return err
	}
	return d.pages.Show(w, r, status, "applications-feedback", p)
}

// linkageColumns are the columns of the file, as the catalogue names them.
var linkageColumns = []string{"kind", "number", "class", "list", "division", "state", "stateOn", "told", "changed"}

// errEnough ends a reading whose reader wants no more.
var errEnough = errors.New("case-handling: no more is wanted")

// linkageExport answers with the file. It is made as a whole before anything is
// sent: what is refused half-way is a page, not half a file.
func (d *desk) linkageExport(w http.ResponseWriter, c linkageCall, p linkageFeedbackPage) error {
	purpose, err := c.offered("purpose", linkagePurposes)
	if err != nil {
		return err
	}
	format, err := c.offered("format", []string{"xlsx", "csv"})
	if err != nil {
		return err
	}
	header := make([]string, len(linkageColumns))
	for i, name := range linkageColumns {
		header[i] = page.Say(page.ZH, "applications.column."+name)
	}
	var rows iter.Seq2[[]string, error] = func(yield func([]string, error) bool) {
		err := d.linkage.Results(c.r.Context(), c.who, p.Kind, p.List, purpose, d.env.Now(), func(x linkage.FeedbackRow) error {
			if !yield(linkageCells(x), nil) {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(nil, err)
		}
	}
	var b bytes.Buffer
	media := "text/csv; charset=utf-8"
	if format == "xlsx" {
		media = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
		err = book.Write(&b, header, rows)
	} else {
		err = sheet.WriteCSV(&b, header, rows)
	}
	if err != nil {
		return err
	}
	isolate(w.Header(), media, "linkage-"+p.List+"-"+d.today().String()+"."+format)
	_, err = w.Write(b.Bytes())
	return err
}

// linkageCells is a line of the file: in Chinese, for those who read it are the
// authorities above.
func linkageCells(x linkage.FeedbackRow) []string {
	class, where, told, changed := "", x.Division, "", page.Say(page.ZH, "applications.no")
	if x.Class > 0 {
		class = strconv.Itoa(x.Class)
	}
	if area, ok := ident.AreaOf(x.Division); ok {
		where = area.Name
	}
	if !x.Told.IsZero() {
		told = x.Told.String()
	}
	if x.Changed {
		changed = page.Say(page.ZH, "applications.yes")
	}
	return []string{
		page.Say(page.ZH, "linkage.kind."+string(x.Kind)), x.Number, class, x.List, where,
		page.Say(page.ZH, "linkage.state."+string(x.State)), x.StateOn.String(), told, changed,
	}
}
