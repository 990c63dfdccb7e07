// Package inquiry answers lookups for a purpose: a department that reviews
// projects, titles or awards (新知战联办〔2022〕8号 S4.12) says what for, gives the
// number of the project and a list of subjects, and is told what it may know of
// each: what is public, and what authorities share for that purpose (河南省社会信用
// 条例 art. 18).
//
// Every lookup is kept: who asked, when, what for, about whom. The subject sees the
// day, the organisation and the purpose of each (art. 40). A lookup made to verify
// something in a case is not among them until the case is notified to the subject:
// until then nothing that the subject can see, and nothing that is stored under its
// code, differs from what it would be without the lookup.
package inquiry

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/sheet"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// Purpose is what a lookup is for. Words are the catalogue's
// "inquiry.purpose."+ID.
type Purpose struct {
	ID string `json:"id"`
	// Kinds are the organisations that can have it.
	Kinds []staff.Kind `json:"kinds"`
	// Shared are the kinds of record that are shared for it beyond the public
	// ones, as far back as Years.
	Shared []credit.Kind `json:"shared"`
	Years  int           `json:"years"`
	// Number says that the number of a project is needed, Case that of a case: the
	// lookup is then withheld from the subject until the case is notified to it.
	Number bool `json:"number"`
	Case   bool `json:"case"`
}

//go:embed permits.json
var permitData []byte

// permits is the file.
type permits struct {
	Source, AsOf string
	// Subjects is how many one lookup may be about.
	Subjects int
	// AnswerHours is how long an answer can be read again before it has to be
	// asked anew.
	AnswerHours int
	Purposes    []Purpose
	// Columns are those of a file of subjects.
	Columns []struct {
		Field, Header, Example string
		Also                   []string
	}
}

var shipped = func() permits {
	var p permits
	if err := json.Unmarshal(permitData, &p); err != nil || p.Source == "" || p.AsOf == "" || p.Subjects == 0 || p.AnswerHours == 0 {
		panic(fmt.Sprintf("inquiry: permits: %v", err))
	}
	return p
}()

// MostSubjects is how many subjects one lookup may be about.
func MostSubjects() int { return shipped.Subjects }

// Readable is how long an answer can be read again.
func Readable() time.Duration { return time.Duration(shipped.AnswerHours) * time.Hour }

// Purposes lists the purposes that an organisation of the kind can have.
func Purposes(k staff.Kind) []Purpose {
	return slices.DeleteFunc(slices.Clone(shipped.Purposes), func(p Purpose) bool { return !slices.Contains(p.Kinds, k) })
}

// PurposeOf finds a purpose.
func PurposeOf(id string) (Purpose, bool) {
	for _, p := range shipped.Purposes {
		if p.ID == id {
			return p, true
		}
	}
	return Purpose{}, false
}

// Known is one record in an answer.
type Known struct {
	Kind         credit.Kind   `json:"kind"`
	Act          string        `json:"act"`
	Tier         credit.Tier   `json:"tier"`
	InstrumentNo string        `json:"instrumentNo"`
	Authority    string        `json:"authority"`
	DeterminedOn workday.Date  `json:"determinedOn"`
	Until        workday.Date  `json:"until,omitzero"`
	Status       credit.Status `json:"status,omitempty"`
	// Public tells that everybody can see it; else it is shared for the purpose
	// and must not be passed on.
	Public bool `json:"public"`
}

// Answer is what somebody with the purpose may know of a subject on the day: what
// is public, and of what is kept inside the records of the kinds that are shared
// for the purpose. Never what was withdrawn or repaired, is in dispute, cannot be
// published for its own sake (a minor, a secret, a warning), can still be
// challenged (art. 20) or is older than the purpose reaches back (art. 19).
func Answer(p Purpose, law *credit.Law, records []credit.Record, at time.Time) []Known {
	shown, _ := law.Show(records, at)
	var out []Known
	seen := map[string]bool{}
	for _, s := range shown {
		seen[s.ID] = true
		out = append(out, Known{s.Kind, s.Act, s.Tier, s.InstrumentNo, s.Authority, s.DeterminedOn, s.DisplayUntil, s.Status, true})
	}
	today := workday.DateOf(at)
	for _, r := range records {
		switch {
		case seen[r.ID], !slices.Contains(p.Shared, r.Kind):
		case r.Channel != credit.Internal && r.Tier != credit.Minor: // was public, and is so no more
		case r.Withdrawn != nil && !r.Withdrawn.At.After(at), r.Repaired != nil && !r.Repaired.On.After(today):
		case r.Unpublished != "", r.Disputed, r.NaturalPerson:
		case r.DeterminedOn.IsZero(), r.DeterminedOn.After(today), r.DeterminedOn.AddYears(p.Years).Before(today):
		case r.Kind == credit.Penalty && (r.UpheldOn.IsZero() || r.UpheldOn.After(today)):
		default:
			out = append(out, Known{r.Kind, r.Act, r.Tier, r.InstrumentNo, r.Authority, r.DeterminedOn, r.DeterminedOn.AddYears(p.Years), "", false})
		}
	}
	return out
}

// ReadSubjects splits a list of codes and names, one a line (or a cell of a file
// a line), into queries: each once, in their order, at most MostSubjects.
func ReadSubjects(lines []string) ([]string, error) {
	var out []string
	seen := map[string]bool{}
	for i, line := range lines {
		q, err := ident.Clean(line)
		if f, ok := fault.Of(err); ok {
			return nil, fault.New(fault.Invalid, "inquiry.line", i+1).Because(f)
		}
		if q == "" {
			continue
		}
		if len([]rune(q)) > 120 {
			return nil, fault.New(fault.Invalid, "inquiry.line", i+1)
		}
		key := strings.ToUpper(ident.Normal(q))
		if key == "" {
			return nil, fault.New(fault.Invalid, "inquiry.line", i+1)
		}
		if code, err := ident.ParseUSCC(q); err == nil {
			q, key = string(code), string(code)
		}
		if seen[key] {
			continue
		}
		seen[key] = true
		if out = append(out, q); len(out) > MostSubjects() {
			return nil, fault.New(fault.Invalid, "inquiry.many", MostSubjects())
		}
	}
	if len(out) == 0 {
		return nil, fault.New(fault.Invalid, "inquiry.none")
	}
	return out, nil
}

// Found is what a query led to. Words are "inquiry.found."+Found.
type Found string

// What a query can lead to.
const (
	One     Found = "one"     // one subject: this is its answer
	Several Found = "several" // several of that name: give the code
	Like    Found = "like"    // none of that name, but similar ones
	None    Found = "none"
	Wrong   Found = "wrong" // a code that cannot be one
)

// Item is one query of a lookup with what it led to.
type Item struct {
	Query string `json:"query"`
	Found Found  `json:"found"`
	Code  string `json:"code,omitempty"`
	Name  string `json:"name,omitempty"`
	// Others are the candidates where it is not one: "name (code)" is public.
	Others []Candidate `json:"others,omitempty"`
}

// Candidate is a subject that could be meant.
type Candidate struct {
	Code string `json:"code"`
	Name string `json:"name"`
}

// Entry is what a subject is told of a lookup about it.
type Entry struct {
	Day          workday.Date `json:"day"`
	Organization string       `json:"organization"`
	// Purpose is one of Purposes; words "inquiry.purpose."+Purpose.
	Purpose string `json:"purpose"`
}

// Schema is the table of a file of subjects: a code or a name a row.
func Schema() sheet.Schema {
	s := sheet.Schema{Name: "inquiry"}
	for _, c := range shipped.Columns {
		x := sheet.Column{Field: c.Field, Header: c.Header, Also: c.Also, Example: c.Example}
		if c.Field == "code" {
			x.Kind = sheet.Code
		}
		s.Columns = append(s.Columns, x)
	}
	return s
}
