package casework

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	_ "embed" // the shipped templates

	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/journal"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// Template is a text that officers answer with. It holds no personal data and
// stands in the clear. {number}, {unit}, {party}, {date} and {due} in it are filled
// by Fill.
type Template struct {
	ID      string       `json:"id"`
	Version int64        `json:"version"` // 0 of a shipped one that nobody changed
	Title   string       `json:"title"`
	Text    string       `json:"text"`
	Kinds   []Kind       `json:"kinds,omitempty"` // none: all
	By      string       `json:"by,omitzero"`
	On      workday.Date `json:"on,omitzero"`
	Retired bool         `json:"retired,omitzero"`
}

//go:embed data/templates.json
var templatesFile []byte

var shippedTemplates = func() []Template {
	var f struct {
		Templates []Template `json:"templates"`
	}
	if err := json.Unmarshal(templatesFile, &f); err != nil {
		panic(err) // a broken build
	}
	return f.Templates
}()

// Templates lists the templates by title, those retired only with all.
func (s *Store) Templates(ctx context.Context, all bool) ([]Template, error) {
	stored, err := s.all(ctx, s.key("templates"))
	if err != nil {
		return nil, err
	}
	var out []Template
	for _, t := range shippedTemplates {
		if _, changed := stored[t.ID]; !changed {
			out = append(out, t)
		}
	}
	for _, v := range stored {
		t, err := template(v)
		if err != nil {
			return nil, err
		}
		if all || !t.Retired {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(x, y Template) int {
		return 2*strings.Compare(x.Title, y.Title) + strings.Compare(x.ID, y.ID)
	})
	return out, nil
}

func template(v string) (Template, error) {
	var t Template
	if err := json.Unmarshal([]byte(v), &t); err != nil {
		return t, fmt.Errorf("casework: reading a template: %w", err)
	}
	return t, nil
}

// TemplateVersions lists what a template was, newest first; a shipped one's
// version 0 is among them.
func (s *Store) TemplateVersions(ctx context.Context, id string) ([]Template, error) {
	values, err := s.hash(ctx, s.key("template", id))
	if err != nil {
		return nil, err
	}
	var out []Template
	for _, t := range shippedTemplates {
		if t.ID == id {
			out = append(out, t)
		}
	}
	for _, v := range values {
		t, err := template(v)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	slices.Reverse(out)
	if len(out) == 0 {
		return nil, fault.New(fault.NotFound, "casework.template.none")
	}
	return out, nil
}

// SaveTemplate makes a template (ID "") or a new version of one
// (staff.CatalogEdit); t.Version is the one seen.
func (s *Store) SaveTemplate(ctx context.Context, a staff.Actor, t Template, now time.Time) (Template, error) {
	if err := staff.Can(a, staff.CatalogEdit, staff.Resource{Division: a.Org.Division()}, now); err != nil {
		return t, err
	}
	wrong := fault.New(fault.Invalid, "casework.form")
	title, err := ident.Clean(t.Title)
	if bad, ok := fault.Of(err); ok {
		wrong.With("title", bad.Code, bad.Args...)
	} else if n := utf8.RuneCountInString(title); n > chosen.N("short") {
		wrong.With("title", "casework.long", chosen.N("short"), n)
	} else if n == 0 {
		wrong.With("title", "casework.template.title")
	}
	text, err := paragraphs("text", t.Text, true)
	if bad, ok := fault.Of(err); ok {
		wrong.Fields = append(wrong.Fields, bad.Fields...)
	}
	for _, k := range t.Kinds {
		if !slices.Contains(Kinds(), k) {
			wrong.With("kinds", "casework.kind")
		}
	}
	if len(wrong.Fields) > 0 {
		return t, wrong
	}
	t.Title, t.Text, t.By, t.On = title, text, a.User.ID, workday.DateOf(now)
	shipped := slices.ContainsFunc(shippedTemplates, func(x Template) bool { return x.ID == t.ID })
	fresh := t.ID == ""
	if fresh {
		held, err := s.size(ctx, s.key("templates"))
		if err != nil {
			return t, err
		}
		if held >= int64(chosen.N("templates")) {
			return t, fault.New(fault.Conflict, "casework.template.many", chosen.N("templates"))
		}
		n, err := s.next(ctx, "casework:template")
		if err != nil {
			return t, err
		}
		t.ID = "t" + strconv.FormatInt(n, 10)
	}
	e := entry(a, "casework.template", now)
	e.Ref = "template:" + t.ID
	seen := t.Version
	err = s.j.Commit(ctx, e, []string{s.key("template", t.ID)}, func(tx *journal.Tx) error {
		v, err := s.field(ctx, tx.Read(), s.key("templates"), t.ID)
		if err != nil {
			return err
		}
		before := Template{}
		if v != "" {
			if before, err = template(v); err != nil {
				return err
			}
		}
		switch {
		case v == "" && !shipped && !fresh:
			return fault.New(fault.NotFound, "casework.template.none")
		case before.Version != seen:
			return fault.New(fault.Stale, "casework.stale")
		}
		t.Version = seen + 1
		raw, err := json.Marshal(t)
		if err != nil {
			return fmt.Errorf("casework: %w", err)
		}
		if fresh {
			n, _ := strconv.ParseInt(t.ID[1:], 10, 64)
			tx.Counter("casework:template", n)
		}
		tx.HSet(s.key("templates"), t.ID, string(raw))
		tx.HSet(s.key("template", t.ID), strconv.FormatInt(t.Version, 10), string(raw))
		return nil
	})
	return t, err
}

// Fill puts what is known of the case into the text: party and unit are names.
func (t Template) Fill(r Row, unit, party string, today workday.Date) string {
	return strings.NewReplacer("{number}", r.Case.Number, "{unit}", unit, "{party}", party,
		"{date}", today.String(), "{due}", r.Due.String()).Replace(t.Text)
}
