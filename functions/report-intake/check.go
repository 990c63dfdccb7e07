package function

import (
	"net/http"
	"slices"
	"strings"

	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/page"
	"ipcredit/shared/tipoff"
	"ipcredit/shared/workday"
)

// section is the part of the check page that one step filled in.
type section struct {
	Step  step
	Title string
	Rows  []row
}

// row is one answer; Lines keep the paragraphs of a text.
type row struct {
	Key   string
	Lines []string
}

// warning is what a reporter should know before sending. It stops nobody.
type warning struct {
	Text  string
	Basis cited
}

// fillCheck fills in the page that shows all that is about to be sent.
func (d *desk) fillCheck(r *http.Request, v *visit, view *stepView) error {
	lang := fn.Lang(r)
	say := func(key string, args ...any) string { return page.Say(lang, key, args...) }
	yes := func(b bool) string {
		if b {
			return say("report-intake.yes")
		}
		return say("report-intake.no")
	}
	l, err := v.draft.lodged(lang)
	if err != nil {
		if _, refused := fault.Of(err); !refused {
			return err
		}
	}
	canonical, warnings, err := tipoff.Check(l, tipoff.Rules{}, workday.DateOf(d.env.Now()))
	if _, refused := fault.Of(err); err != nil && !refused {
		return err
	} else if err == nil {
		l = canonical
	}
	for _, x := range warnings {
		args := slices.Clone(x.Args)
		for i, a := range args {
			if s, ok := a.(string); ok {
				if day, err := workday.ParseDate(s); err == nil {
					args[i] = text(lang, day)
				}
			}
		}
		shown := warning{Text: say("tipoff.warn."+x.Code, args...)}
		if x.Basis != nil {
			shown.Basis = cite(lang, *x.Basis)
		}
		view.Warnings = append(view.Warnings, shown)
	}
	kind := say("tipoff.kind." + string(l.Kind))
	if l.Official {
		kind = say("report-intake.official")
	}
	parties := names(l.Parties)
	view.Files, err = d.files(r, v.draft)
	if err != nil {
		return err
	}
	files := []string{say("report-intake.none")}
	if len(view.Files) > 0 {
		files = nil
		for _, f := range view.Files {
			line := f.Name
			if line == "" {
				line = say("report-intake.file_n", f.N)
			}
			line += " · " + f.Text
			if !f.Whole {
				line += " · " + say("report-intake.file_part", f.Done)
			}
			files = append(files, line)
		}
	}
	day := text(lang, l.OccurredOn)
	if day == "" {
		day = say("report-intake.not_given")
	}
	what := []row{
		{say("report-intake.narrative"), paragraphs(l.Narrative)},
		{say("report-intake.occurred_on"), []string{day}},
	}
	if l.Continuing {
		what = append(what, row{say("report-intake.continuing"), []string{yes(true)}})
	}
	if l.Place != "" {
		what = append(what, row{say("report-intake.place"), []string{l.Place}})
	}
	if l.Division != "" {
		what = append(what, row{say("report-intake.division"), []string{areaName(l.Division)}})
	}
	if len(l.Numbers) > 0 {
		what = append(what, row{say("report-intake.numbers"), l.Numbers})
	}
	who := []row{{say("report-intake.anonymous"), []string{yes(l.Anonymous)}}}
	if l.Reporter != nil {
		who = append(who, row{say("report-intake.name"), []string{l.Reporter.Name}}, row{say("report-intake.contact"), []string{l.Reporter.Contact}})
	}
	who = append(who, row{say("report-intake.reward"), []string{yes(l.Reward)}})
	view.Summary = []section{
		{kindStep, say("report-intake.step.kind"), []row{{say("report-intake.kind"), []string{kind}}}},
		{whomStep, say("report-intake.step.whom"), []row{{say("report-intake.parties"), parties}, {say("report-intake.insider"), []string{yes(l.Insider)}}}},
		{whatStep, say("report-intake.step.what"), what},
		{evidenceStep, say("report-intake.step.evidence"), []row{{say("report-intake.files"), files}}},
		{whoStep, say("report-intake.step.who"), who},
	}
	return nil
}

// cited is a provision as a page names it, in Chinese as it was published.
type cited struct {
	Text string
	// Open says, for those who do not read the Chinese for it, that a number of an
	// article is not known for certain.
	Open bool
}

// cite names a provision. Where the number of an article is still to be compared
// with the official text, the rules say so in the words of the catalogue; they are
// taken out where the page's own language says them.
func cite(lang page.Lang, b workday.Basis) cited {
	article, open := b.Article, false
	articleOpen := page.Say(page.ZH, "report-intake.article_open")
	if lang != page.ZH && strings.Contains(article, articleOpen) {
		parts := strings.FieldsFunc(article, func(r rune) bool { return r == '；' || r == '，' })
		article, open = strings.Join(slices.DeleteFunc(parts, func(s string) bool { return strings.Contains(s, articleOpen) }), "；"), true
	}
	return cited{strings.TrimSpace(b.Source + " " + article), open}
}

func paragraphs(s string) []string {
	var out []string
	for _, line := range strings.Split(s, "\n") {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return out
}

// upload sends the browser to the page where files go into the draft's box.
func (d *desk) upload(w http.ResponseWriter, r *http.Request, v *visit) error {
	if err := d.keepDraft(w, r, v); err != nil {
		return err
	}
	if !v.cookie {
		// The next page holds the way there: a form that brings the draft along and
		// back, or for a frame, where that page cannot stand, a link beside it.
		return d.stepPage(w, r, http.StatusOK, v, evidenceStep, nil)
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, d.uploadPage(r, v.draft.Box.Token), http.StatusSeeOther)
	return nil
}

// endpoint is where programs send files of a box: the address lets files in and
// shows nothing.
func (d *desk) endpoint(token string) string {
	return d.pages.Absolute("evidence-upload/files", token)
}

// uploadPage is where people do.
func (d *desk) uploadPage(r *http.Request, token string) string {
	return d.pages.URL(r, "evidence-upload/forms", token)
}
