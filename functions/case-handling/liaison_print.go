package function

import (
	"io"
	"net/http"
	"path"
	"strconv"
	"strings"

	"ipcredit/shared/evidence/clean"
	"ipcredit/shared/evidence/custody"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/liaison"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
)

// letterPrint is a letter as it goes out on paper, in Chinese whoever prints it:
// what its receiver may read and nothing else.
func (d *desk) letterPrint(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	o, err := d.letters.Open(r.Context(), a, r.PathValue("id"), d.env.Now())
	if err != nil {
		return err
	}
	if o.State == liaison.Erased {
		return fault.New(fault.Gone, "liaison.erased")
	}
	orgs, err := d.orgs(r.Context())
	if err != nil {
		return err
	}
	zh := func(key string, args ...any) string { return page.Say(page.ZH, key, args...) }
	v := printView{
		base: d.place(r, a), Title: zh("liaison.paper." + string(o.Kind)), Number: o.DocNo, To: d.side(o.Letter, orgs, false), Signed: d.side(o.Letter, orgs, true),
		Crumbs: d.letterCrumbs(r, o.Letter, true),
	}
	switch {
	case o.State == liaison.Withdrawn:
		v.Stamp = zh("liaison.paper.withdrawn", o.Ended.String())
	case o.Started.IsZero():
		v.Stamp = zh("liaison.paper.draft")
	}
	if !o.Started.IsZero() {
		v.On = chineseDay(o.Started)
	}
	v.Paragraphs = []string{zh("liaison.paper.opening", strings.Join(basisLines(o.Letter, o.Said), zh("case-handling.comma")))}
	content := section{}
	for _, x := range o.Values {
		if x.Field.ID != "request" {
			content.Facts = append(content.Facts, fact{Key: zh("liaison.field." + x.Field.ID), Text: valueText(page.ZH, x)})
		}
	}
	v.Sections = append(v.Sections, content)
	if request := o.Fields["request"]; request != "" {
		v.Sections = append(v.Sections, section{Title: zh("liaison.field.request"), Text: request})
	}
	if o.State != liaison.Withdrawn {
		closing := zh("liaison.paper.closing")
		for _, c := range o.Clocks {
			if c.Running() {
				closing += zh("liaison.paper.by."+c.Name, chineseDay(c.Due))
			}
		}
		v.Sections = append(v.Sections, section{About: closing})
	}
	v.Foot = []string{zh("liaison.paper.duty")}
	return d.pages.Show(w, r, http.StatusOK, "liaison-print", v)
}

// letterFile gives out what is attached to a letter: checked at each reading, as a
// cleaned copy where there is one, and never shown by a browser as a page of ours.
func (d *desk) letterFile(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	ctx := r.Context()
	l, id, err := d.letters.Identity(ctx, a, r.PathValue("id"), d.env.Now())
	if err != nil {
		return err
	}
	none := fault.New(fault.NotFound, "case-handling.no_file")
	box, err := d.evidence.Box(ctx, r.PathValue("box"))
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(r.PathValue("n"))
	if err != nil || n < 1 || box.For != liaison.Ref(l.ID) {
		return none
	}
	i := item{box: box.ID, identity: id, n: n}
	if i.manifest, err = d.evidence.Manifest(ctx, box.ID, n, id); err != nil {
		return err
	}
	found, _, err := d.scan(ctx, i)
	if err != nil {
		return err
	}
	if found.Virus != "" {
		return fault.New(fault.Conflict, "case-handling.suspicious")
	}
	return d.alone(ctx, func() error {
		data, err := d.whole(ctx, i)
		if err != nil {
			return err
		}
		report, err := clean.Inspect(ctx, strings.NewReader(string(data)), int64(len(data)), i.manifest.Name, i.manifest.Type)
		if err != nil {
			return err
		}
		name, media, what := i.name(), "application/octet-stream", custody.Taken
		c, err := clean.Clean(ctx, data)
		switch _, refused := fault.Of(err); {
		case err == nil:
			base := strings.TrimSuffix(name, path.Ext(name))
			name, media, data, what = base+"-"+page.Say(fn.Lang(r), "case-handling.copy_name")+c.Ext, c.Type, c.Data, custody.Copied
		case !refused:
			return err
		case report.Grave():
			return fault.New(fault.Conflict, "case-handling.suspicious")
		}
		if err := d.custody.Note(ctx, liaison.Ref(l.ID), custody.Step{Box: box.ID, N: n, What: what, By: a.User.ID, At: d.env.Now()}); err != nil {
			return err
		}
		isolate(w.Header(), media, name)
		w.Header().Set("Content-Length", strconv.Itoa(len(data)))
		_, err = io.Copy(w, strings.NewReader(string(data)))
		return err
	})
}
