package casework

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	_ "embed" // the whitelist

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
	"ipcredit/shared/workday"
)

//go:embed data/export.json
var exportFile []byte

var exports = func() (f struct {
	Fields   []string `json:"fields"`
	Purposes []string `json:"purposes"`
}) {
	if err := json.Unmarshal(exportFile, &f); err != nil {
		panic(err) // a broken build
	}
	for _, name := range f.Fields {
		if _, ok := columns[name]; !ok {
			panic("casework: no column " + name) // a broken build
		}
	}
	return f
}()

// ExportFields lists the fields that may be exported. The words are the
// catalogue's "casework.export.field."+name.
func ExportFields() []string { return slices.Clone(exports.Fields) }

// ExportPurposes lists the purposes to choose from. The words are the catalogue's
// "casework.export.purpose."+name.
func ExportPurposes() []string { return slices.Clone(exports.Purposes) }

// line is what a row of an export is made from.
type line struct {
	Row
	rules  Rules
	repeat Repetition
}

// columns are how the whitelisted fields are read: codes and days, for programs
// and people; nothing that was sealed is at hand here.
var columns = map[string]func(line) string{
	"number":   func(l line) string { return l.Case.Number },
	"kind":     func(l line) string { return string(l.Case.Kind) },
	"source":   func(l line) string { return string(l.Case.Source) },
	"state":    func(l line) string { return string(l.Case.State) },
	"outcome":  func(l line) string { return string(l.Case.Outcome) },
	"division": func(l line) string { return l.Case.Division },
	"unit":     func(l line) string { return l.Case.Unit },
	"office":   func(l line) string { return l.Case.Office },
	"received": func(l line) string { return l.Case.ReceivedOn.String() },
	"filed":    func(l line) string { return l.on(Filed) },
	"decided":  func(l line) string { return l.on(Decided) },
	"closed":   func(l line) string { return l.on(Closed) },
	"due":      func(l line) string { return l.Due.String() },
	"overdue":  func(l line) string { return yes(l.Overdue) },
	"handlers": func(l line) string { return strings.Join(l.Case.Handlers, ";") },
	"parties": func(l line) string {
		return l.parties(func(p Party) string { return p.Name })
	},
	"codes": func(l line) string {
		return l.parties(func(p Party) string { return p.Code })
	},
	"target":       func(l line) string { return string(l.Case.Target) },
	"applications": func(l line) string { return strings.Join(l.Case.Applications, ";") },
	"marks":        func(l line) string { return strings.Join(l.Case.Marks, ";") },
	"agents":       func(l line) string { return strings.Join(l.Case.Agents, ";") },
	"campaign":     func(l line) string { return l.Case.Campaign },
	"tags":         func(l line) string { return strings.Join(l.Case.Tags, ";") },
	"instrument":   func(l line) string { return l.penalty(func(p Penalty) string { return p.Instrument }) },
	"fine":         func(l line) string { return l.penalty(func(p Penalty) string { return yuan(p.FineFen) }) },
	"confiscated":  func(l line) string { return l.penalty(func(p Penalty) string { return yuan(p.TakenFen) }) },
	"repeat":       func(l line) string { return yes(l.repeat.Repeated) },
	"limitation": func(l line) string {
		flag, err := l.Case.Limitation(l.rules)
		return yes(err == nil && flag.Flag)
	},
}

func (l line) on(s State) string {
	e, _ := l.Case.last(string(s))
	return e.On.String()
}

func (l line) parties(what func(Party) string) string {
	var out []string
	for _, p := range l.Case.Parties {
		out = append(out, what(p))
	}
	return strings.Join(out, ";")
}

func (l line) penalty(what func(Penalty) string) string {
	if l.Case.Penalty == nil {
		return ""
	}
	return what(*l.Case.Penalty)
}

func yes(v bool) string {
	if v {
		return "yes"
	}
	return ""
}

// taken is what is kept of an export.
type taken struct {
	By      string    `json:"by"`
	At      time.Time `json:"at"`
	Purpose string    `json:"purpose"`
	Fields  []string  `json:"fields"`
	Rows    int       `json:"rows"`
	// Asked is the filter, in the clear as a list's address is.
	Asked Filter `json:"asked"`
}

// Export returns the rows of a list by whitelisted fields, for a stated purpose;
// before it returns, it is in the journal who took what (staff.ExportMake). header
// are the fields, in their own order. Refused where more than Limits("export")
// rows match.
func (s *Store) Export(ctx context.Context, a staff.Actor, f Filter, fields []string, purpose string, now time.Time) (header []string, rows [][]string, err error) {
	if err := staff.Can(a, staff.ExportMake, staff.Resource{Division: a.Org.Division()}, now); err != nil {
		return nil, nil, err
	}
	wrong := fault.New(fault.Invalid, "casework.form")
	if !slices.Contains(exports.Purposes, purpose) {
		wrong.With("purpose", "casework.export.purpose")
	}
	for _, name := range fields {
		if !slices.Contains(exports.Fields, name) {
			wrong.With("fields", "casework.export.field")
		}
	}
	if len(fields) == 0 {
		wrong.With("fields", "casework.export.none")
	}
	if len(wrong.Fields) > 0 {
		return nil, nil, wrong
	}
	for _, name := range exports.Fields {
		if slices.Contains(fields, name) {
			header = append(header, name)
		}
	}
	rules, err := s.Rules(ctx)
	if err != nil {
		return nil, nil, err
	}
	asked := f
	asked.Cursor, asked.Limit = "", 0
	f.Cursor, f.Limit = "", 200
	for {
		list, next, err := s.List(ctx, a, f, now)
		if err != nil {
			return nil, nil, err
		}
		for _, r := range list {
			l := line{Row: r, rules: rules}
			if slices.Contains(header, "repeat") {
				if l.repeat, err = s.repeats(ctx, r.Case, rules, now); err != nil {
					return nil, nil, err
				}
			}
			row := make([]string, len(header))
			for i, name := range header {
				row[i] = columns[name](l)
			}
			rows = append(rows, row)
		}
		if most := chosen.N("export"); len(rows) > most || len(rows) == most && next != "" {
			return nil, nil, fault.New(fault.Refused, "casework.export.many", most)
		}
		if f.Cursor = next; next == "" {
			break
		}
	}
	return header, rows, s.took(ctx, a, taken{By: a.User.ID, At: now.UTC(), Purpose: purpose, Fields: header, Rows: len(rows), Asked: asked}, now)
}

// repeats tells of the respondents of a case on trademark infringement whether one is
// a repeat infringer; what is not decided yet counts as found today.
func (s *Store) repeats(ctx context.Context, c Case, rules Rules, now time.Time) (Repetition, error) {
	var out Repetition
	if c.Target != MarkInfringer && !(c.Target == "" && c.Kind == tipoff.Infringement) {
		return out, nil
	}
	for _, p := range c.Parties {
		if p.Code == "" || p.Role != Respondent {
			continue
		}
		found, err := s.infringed(ctx, p.Code)
		if err != nil {
			return out, err
		}
		if c.Penalty == nil && c.Open() {
			found = append(found, Infringed{On: workday.DateOf(now), Case: c.Number})
		}
		r, err := Repeated(rules.Set, found, workday.DateOf(now))
		if err != nil {
			return out, err
		}
		if r.Repeated || out.Rule.ID == "" {
			out = r
		}
	}
	return out, nil
}

// took writes down who took what out.
func (s *Store) took(ctx context.Context, a staff.Actor, t taken, now time.Time) error {
	raw, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("casework: %w", err)
	}
	n, err := s.next(ctx, "casework:export")
	if err != nil {
		return err
	}
	id := strconv.FormatInt(n, 10)
	e := entry(a, "casework.export", now)
	e.Ref = "export:" + id
	return s.j.Commit(ctx, e, nil, func(tx *journal.Tx) error {
		tx.Counter("casework:export", n)
		tx.Set(s.key("export", id), string(raw))
		return nil
	})
}
