package liaison

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"

	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
	"ipcredit/shared/workday"
)

// Field is one thing a letter can say. Words are the catalogue's
// "liaison.field."+ID.
type Field struct {
	ID string `json:"id"`
	// Form is how it is written and checked: name, text, uscc, choice,
	// applications, marks, count, docno, past (a day that is not in the future),
	// agency, money (万元).
	Form string `json:"form"`
	// Most is how many characters it has at most, or how many numbers a list.
	Most int `json:"most"`
	// Choices are the values of a choice.
	Choices []string `json:"choices"`
	// Required is set by the template.
	Required bool `json:"-"`
}

// Template fixes what a kind of receiver may be told. Words are the catalogue's
// "liaison.template."+ID.
type Template struct {
	ID string `json:"id"`
	// Share templates are for other regions, the others for organisations here.
	Share bool `json:"share"`
	// Kinds and Names say which organisations it is for: one of the kinds and,
	// where names are given, one of them in the organisation's name.
	Kinds []staff.Kind `json:"kinds"`
	Names []string     `json:"names"`
	// Persons tells whether the letter may be about a natural person.
	Persons bool `json:"persons"`
	// Reply is the rule that sets the time for an answer.
	Reply  string
	Fields []Field
	// Edition is the date of the file it is from.
	Edition string
}

type templateFile struct {
	Source, AsOf string
	Regions      []string
	Fields       []Field
	Templates    []struct {
		Template
		Reply  string
		Fields []string
	}
}

//go:embed templates.json
var templateData []byte

var shipped, regions = func() ([]Template, []string) {
	list, regions, err := parseTemplates(templateData)
	if err != nil {
		panic(err)
	}
	return list, regions
}()

func parseTemplates(data []byte) ([]Template, []string, error) {
	var f templateFile
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, nil, fmt.Errorf("liaison: templates: %w", err)
	}
	if f.Source == "" || f.AsOf == "" {
		return nil, nil, fmt.Errorf("liaison: templates without source and date")
	}
	var out []Template
	for _, x := range f.Templates {
		t := x.Template
		t.Reply, t.Edition = x.Reply, f.AsOf
		if t.Reply == "" {
			t.Reply = "liaison-reply"
		}
		if t.Share == (len(t.Kinds) > 0) {
			return nil, nil, fmt.Errorf("liaison: template %q is for nobody, or for both sides", t.ID)
		}
		for _, name := range x.Fields {
			id, required := strings.CutSuffix(name, "!")
			i := slices.IndexFunc(f.Fields, func(f Field) bool { return f.ID == id })
			if i < 0 {
				return nil, nil, fmt.Errorf("liaison: template %q has no field %q", t.ID, id)
			}
			field := f.Fields[i]
			field.Required = required
			t.Fields = append(t.Fields, field)
		}
		out = append(out, t)
	}
	return out, f.Regions, nil
}

// Templates lists the templates for shares, or those for organisations here.
func Templates(share bool) []Template {
	return slices.DeleteFunc(slices.Clone(shipped), func(t Template) bool { return t.Share != share })
}

// TemplateOf finds a template.
func TemplateOf(id string) (Template, bool) {
	for _, t := range shipped {
		if t.ID == id {
			return t, true
		}
	}
	return Template{}, false
}

// For is the template of what an organisation may be told: one that names it
// before one for its kind. False where nothing is sent to such an organisation.
func For(o staff.Organization) (Template, bool) {
	var general Template
	for _, t := range shipped {
		if t.Share || !slices.Contains(t.Kinds, o.Kind) {
			continue
		}
		if len(t.Names) == 0 {
			general = t
		}
		for _, name := range t.Names {
			if strings.Contains(o.Name, name) {
				return t, true
			}
		}
	}
	return general, general.ID != ""
}

// Takes tells whether the template has the field.
func (t Template) Takes(id string) bool {
	return slices.ContainsFunc(t.Fields, func(f Field) bool { return f.ID == id })
}

// Check reads what was typed for a letter: it returns the fields in their
// canonical form, or a fault that names each field to correct. A field that the
// template does not have is refused, whatever it holds: what a receiver does not
// need is not sent to it.
func (t Template) Check(typed map[string]string, today workday.Date) (map[string]string, error) {
	out := map[string]string{}
	bad := fault.New(fault.Invalid, "liaison.incomplete")
	for id, v := range typed {
		if strings.TrimSpace(v) != "" && !t.Takes(id) {
			bad = bad.With(id, "liaison.field")
			bad.Kind = fault.Refused
		}
	}
	slices.SortFunc(bad.Fields, func(a, b fault.Field) int { return strings.Compare(a.Name, b.Name) })
	for _, f := range t.Fields {
		v := strings.TrimSpace(strings.ReplaceAll(typed[f.ID], "\r\n", "\n"))
		if v == "" {
			if f.Required {
				bad = bad.With(f.ID, "liaison.required")
			}
			continue
		}
		canonical, err := f.read(v, today)
		if why, ok := fault.Of(err); ok {
			bad = bad.With(f.ID, why.Code, why.Args...)
			continue
		} else if err != nil {
			return nil, err
		}
		out[f.ID] = canonical
	}
	if !t.Persons && out["holder"] == "person" {
		bad = bad.With("holder", "liaison.person")
	}
	if t.Persons && !slices.ContainsFunc(t.Fields, func(f Field) bool { return f.ID == "code" && f.Required }) &&
		t.Takes("holder") && out["holder"] != "" && out["holder"] != "person" && strings.TrimSpace(typed["code"]) == "" {
		bad = bad.With("code", "liaison.code") // an organisation is known by its code (Henan art. 16)
	}
	if len(bad.Fields) > 0 {
		return nil, bad
	}
	return out, nil
}

func (f Field) read(v string, today workday.Date) (string, error) {
	switch f.Form {
	case "uscc":
		c, err := ident.ParseUSCC(v)
		return string(c), err
	case "choice":
		if !slices.Contains(f.Choices, v) {
			return "", fault.New(fault.Invalid, "liaison.choice")
		}
		return v, nil
	case "applications":
		return f.list(v, func(s string) (string, error) {
			a, err := ident.ParseApplication(s)
			return a.Number, err
		})
	case "marks":
		return f.list(v, ident.ParseTrademark)
	case "count":
		n, err := strconv.Atoi(norm.NFKC.String(v))
		if err != nil || n < 0 || n > 10_000_000 {
			return "", fault.New(fault.Invalid, "liaison.count")
		}
		return strconv.Itoa(n), nil
	case "docno":
		d, err := ident.ParseDocNo(v)
		return d.String(), err
	case "past":
		d, err := workday.ParseDate(v)
		if err == nil && d.After(today) {
			err = fault.New(fault.Invalid, "liaison.future")
		}
		return d.String(), err
	case "agency":
		return ident.ParseAgency(v)
	case "money":
		fen, err := credit.ParseWan(v)
		return credit.Wan(fen), err
	case "name":
		v, err := ident.Clean(v)
		if err != nil {
			return "", err
		}
		return v, f.text(v)
	case "text":
		return v, f.text(v)
	}
	return "", fmt.Errorf("liaison: field %s has the form %q", f.ID, f.Form)
}

func (f Field) text(v string) error { return CheckText(v, f.Most) }

// list reads numbers written one behind the other with any of the usual
// separators, and writes them one a line, each once.
func (f Field) list(v string, one func(string) (string, error)) (string, error) {
	var out []string
	for _, s := range strings.FieldsFunc(v, func(r rune) bool { return strings.ContainsRune(",;，；、\n\t", r) }) {
		if s = strings.TrimSpace(s); s == "" {
			continue
		}
		n, err := one(s)
		if err != nil {
			return "", err
		}
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
		if len(out) > f.Most {
			return "", fault.New(fault.Invalid, "liaison.many", f.Most)
		}
	}
	return strings.Join(out, "\n"), nil
}

var (
	digitRuns = regexp.MustCompile(`[0-9][0-9 \-–—]*[0-9]`)
	wordRuns  = regexp.MustCompile(`[0-9]{6}(18|19|20)[0-9]{9}[0-9Xx]`)
	mobile    = regexp.MustCompile(`^(86)?1[3-9][0-9]{9}$`)
	mailbox   = regexp.MustCompile(`[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}`)
)

// CheckText refuses a text of a letter that is too long, shows something else
// than it holds, or carries what no letter needs and what could lead to who
// tipped off: the number of a tip-off, a mobile telephone, a mailbox, a resident
// identity number. A name it cannot know; that none is asked for is the
// template's business.
func CheckText(v string, most int) error {
	if err := ident.CheckText(v); err != nil {
		return err
	}
	if n := len([]rune(v)); most > 0 && n > most {
		return fault.New(fault.Invalid, "liaison.long", most)
	}
	plain := norm.NFKC.String(v)
	if mailbox.MatchString(plain) || wordRuns.MatchString(plain) {
		return fault.New(fault.Refused, "liaison.personal")
	}
	for _, run := range digitRuns.FindAllString(plain, -1) {
		digits := strings.Map(func(r rune) rune {
			if r < '0' || r > '9' {
				return -1
			}
			return r
		}, run)
		if mobile.MatchString(digits) {
			return fault.New(fault.Refused, "liaison.personal")
		}
		if _, err := tipoff.ParseNumber(digits); err == nil {
			return fault.New(fault.Refused, "liaison.tipoff")
		}
	}
	return nil
}

// CheckRegion reads the division code of another region: six digits that begin
// with a province's two, outside the city itself.
func CheckRegion(code, city string) (string, error) {
	c := strings.TrimSpace(norm.NFKC.String(code))
	if len(c) != 6 || strings.Trim(c, "0123456789") != "" || !slices.Contains(regions, c[:2]) {
		return "", fault.New(fault.Invalid, "liaison.region")
	}
	if c[:4] == city[:4] {
		return "", fault.New(fault.Refused, "liaison.region.own")
	}
	return c, nil
}
