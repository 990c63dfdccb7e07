// Package subject keeps the credit subjects: who a credit record can be about.
//
// A subject that is not a natural person is known by its unified social credit
// code and is public. A natural person is known by the keyed hash of the
// identity number, is never indexed, and never leaves the system by a search.
// Names change and subjects merge: old names find the present subject, and
// Resolve leads from an old code to the one that took over.
package subject

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/sheet"
)

// Person is the kind of a natural person.
const Person = "person"

// Subject is one credit subject as stored.
type Subject struct {
	// Code is the unified social credit code; for a natural person PersonCode.
	Code string `json:"code"`
	Name string `json:"name"`
	// FormerNames, oldest or newest first as they came; each finds the subject.
	FormerNames []string `json:"formerNames,omitempty"`
	// Kind is one of Kinds, or Person.
	Kind string `json:"kind"`
	// District is the area the subject belongs to, by its address.
	District string `json:"district"`
	// Representative is who stands for the subject in law.
	Representative *Representative `json:"representative,omitempty"`
	// NoIPDepartment marks enterprises without a department for intellectual
	// property: candidates for trusteeship (新知战联办〔2022〕8号, S5.10).
	// Nil where nobody has said.
	NoIPDepartment *bool `json:"noIPDepartment,omitempty"`
	// MergedInto is the code of the subject that took this one over.
	MergedInto string `json:"mergedInto,omitempty"`
	// Number is the subject's place in the search index, given once.
	Number int64 `json:"number,omitempty"`
}

// Representative is a legal representative as far as the system keeps one: a
// masked name to show to officers and a keyed hash to compare a name with. The
// name itself is a natural person's and enters neither store nor journal.
type Representative struct {
	Masked string `json:"masked"`
	Hash   string `json:"hash"`
}

// NewRepresentative keeps a name for one subject. The hash is bound to the code,
// so that nobody can list what else the same person stands for.
func NewRepresentative(key []byte, code, name string) *Representative {
	return &Representative{Masked: ident.MaskName(name), Hash: representative(key, code, name)}
}

// Is tells whether name is the representative's name.
func (r *Representative) Is(key []byte, code, name string) bool {
	return r != nil && r.Hash == representative(key, code, name)
}

func representative(key []byte, code, name string) string {
	return ident.KeyedHash(key, "representative", code, ident.Normal(name))
}

// Public is what anybody may see of a subject.
type Public struct {
	Code        string   `json:"code"`
	Name        string   `json:"name"`
	FormerNames []string `json:"formerNames,omitempty"`
	Kind        string   `json:"kind"`
	District    string   `json:"district"`
}

// Public is the public read model; ok is false for a natural person, who has
// none.
func (s Subject) Public() (Public, bool) {
	if s.Kind == Person {
		return Public{}, false
	}
	return Public{Code: s.Code, Name: s.Name, FormerNames: s.FormerNames, Kind: s.Kind, District: s.District}, true
}

// PersonCode is the key of a natural person: the keyed hash of the identity
// number behind a mark that no credit code has.
func PersonCode(id ident.PersonID, key []byte) string { return "P-" + id.Hash(key) }

//go:embed kinds.txt
var kindData string

//go:embed columns.json
var columnData []byte

// Kinds are the kinds of subjects that a batch can bring, in the order offered.
var Kinds []string

var kindOf = map[string]string{} // by the words of a batch, and by the kind itself

// Columns is the table of a batch of kind "subject".
var Columns sheet.Schema

func init() {
	var choices []string
	for row := range strings.Lines(kindData) {
		row = strings.TrimRight(row, "\r\n")
		if row == "" || row[0] == '#' {
			continue
		}
		f := strings.Split(row, "\t")
		Kinds = append(Kinds, f[0])
		choices = append(choices, f[1])
		kindOf[f[0]], kindOf[f[1]] = f[0], f[0]
		for word := range strings.FieldsSeq(f[2]) {
			kindOf[word] = f[0]
		}
	}
	var columns []struct {
		Field, Header, Kind, Example string
		Required                     bool
	}
	if err := json.Unmarshal(columnData, &columns); err != nil {
		panic(fmt.Sprintf("subject: columns.json: %v", err))
	}
	kinds := map[string]sheet.Kind{"text": sheet.Text, "code": sheet.Code, "choice": sheet.Choice}
	Columns.Name = "subject"
	for _, c := range columns {
		column := sheet.Column{Field: c.Field, Header: c.Header, Required: c.Required, Kind: kinds[c.Kind], Example: c.Example}
		switch c.Field {
		case "kind":
			column.Choices = choices
		case "noIPDepartment":
			column.Choices = []string{yes, no}
		}
		Columns.Columns = append(Columns.Columns, column)
	}
}

// The two answers a batch gives to a yes-or-no column: data of the upload
// format, not words of a page.
const yes, no = "是", "否"

// KindOf is the kind that code and name say when nobody else does.
func KindOf(code ident.USCC, name string) string {
	kind := code.Kind()
	if kind == "institution" {
		form := ident.ParseName(name).Form
		for _, row := range [][2]string{{"大学", "university"}, {"学院", "university"}, {"高等专科学校", "university"},
			{"研究院", "research-institute"}, {"研究所", "research-institute"}, {"医院", "hospital"}} {
			if strings.HasSuffix(form, row[0]) {
				return row[1]
			}
		}
	}
	return kind
}

const (
	longestName = 200 // characters; the longest registered names have about 80
	mostNames   = 20
)

// Parse reads one row of a batch. The key is for the hash of the legal
// representative's name; nil drops the name. Problems name the field; a row
// with problems makes no subject.
func Parse(row sheet.Row, key []byte) (Subject, []sheet.Problem) {
	var s Subject
	problems := slices.Clone(row.Problems())
	refuse := func(field string, err error) {
		f, ok := fault.Of(err)
		if !ok {
			f = fault.New(fault.Invalid, "subject.value")
		}
		problems = append(problems, sheet.Problem{Field: field, Code: f.Code, Args: f.Args})
	}
	missing := func(field string) {
		problems = append(problems, sheet.Problem{Field: field, Code: "subject.missing", Args: []any{row.Header(field)}})
	}
	var code ident.USCC
	if v := row.Get("code"); v == "" {
		missing("code")
	} else if c, err := ident.ParseUSCC(v); err != nil {
		refuse("code", err)
	} else {
		code, s.Code = c, string(c)
	}
	if v := row.Get("name"); v == "" {
		missing("name")
	} else if name, err := ParseName(v); err != nil {
		refuse("name", err)
	} else {
		s.Name = name
	}
	if v := row.Get("kind"); v == "" {
		if code != "" {
			s.Kind = KindOf(code, s.Name)
		}
	} else if kind, ok := kindOf[strings.ToLower(v)]; ok {
		s.Kind = kind
	} else {
		problems = append(problems, sheet.Problem{Field: "kind", Code: "subject.kind", Args: []any{row.Header("kind"), short(v)}})
	}
	if v := row.Get("district"); v == "" {
		missing("district")
	} else if area, err := ident.ParseArea(v); err != nil {
		refuse("district", err)
	} else if area.Kind == ident.Province {
		problems = append(problems, sheet.Problem{Field: "district", Code: "subject.district", Args: []any{row.Header("district"), area.Code}})
	} else {
		if s.District = area.Code; area.Successor != "" {
			s.District = area.Successor
		}
	}
	for _, v := range strings.FieldsFunc(row.Get("formerNames"), func(r rune) bool { return strings.ContainsRune(";；、|\n", r) }) {
		if strings.TrimSpace(v) == "" {
			continue
		}
		name, err := ParseName(v)
		if err != nil {
			refuse("formerNames", err)
			break
		}
		if name != s.Name && !slices.Contains(s.FormerNames, name) {
			s.FormerNames = append(s.FormerNames, name)
		}
	}
	if len(s.FormerNames) > mostNames {
		problems = append(problems, sheet.Problem{Field: "formerNames", Code: "subject.former_names", Args: []any{row.Header("formerNames"), mostNames}})
	}
	if v := row.Get("legalRepresentative"); v != "" && key != nil && s.Code != "" {
		if name, err := ParseName(v); err != nil {
			refuse("legalRepresentative", err)
		} else {
			s.Representative = NewRepresentative(key, s.Code, name)
		}
	}
	switch v := strings.ToLower(row.Get("noIPDepartment")); v {
	case "":
	case no, "0", "false", "n", "no":
		s.NoIPDepartment = new(bool)
	case yes, "1", "true", "y", "yes":
		without := true
		s.NoIPDepartment = &without
	default:
		problems = append(problems, sheet.Problem{Field: "noIPDepartment", Code: "subject.yes_no", Args: []any{row.Header("noIPDepartment"), short(v)}})
	}
	if len(problems) > 0 {
		return Subject{}, problems
	}
	return s, nil
}

// ParseName reads the name of a subject as a registry writes it. Names that hide
// characters, hold no letter, or look like an identity number or a telephone
// number (a column moved by one) are refused.
func ParseName(s string) (string, error) {
	name, err := ident.Clean(s)
	if err != nil {
		return "", err
	}
	letters, digits := 0, 0
	for _, r := range name {
		switch {
		case unicode.IsLetter(r):
			letters++
		case unicode.IsDigit(r):
			digits++
		}
	}
	n := utf8.RuneCountInString(name)
	switch {
	case letters == 0 || digits >= 11 && digits*2 > n:
		return "", fault.New(fault.Invalid, "subject.name")
	case n > longestName:
		return "", fault.New(fault.Invalid, "subject.name_long", n, longestName)
	}
	return name, nil
}

func short(s string) string {
	if r := []rune(s); len(r) > 20 {
		return string(r[:20]) + "…"
	}
	return s
}

// Merge fills what next leaves open from old and keeps what only old knows: a
// new name turns the old one into a former one, and the index number stays.
func Merge(old *Subject, next Subject) Subject {
	if old == nil {
		return next
	}
	names := slices.Clone(old.FormerNames)
	if ident.Normal(old.Name) != ident.Normal(next.Name) {
		names = append(names, old.Name)
	}
	names = append(names, next.FormerNames...)
	var kept []string
	for _, n := range names {
		if n != next.Name && !slices.Contains(kept, n) {
			kept = append(kept, n)
		}
	}
	next.FormerNames = kept
	if next.Representative == nil {
		next.Representative = old.Representative
	}
	if next.NoIPDepartment == nil {
		next.NoIPDepartment = old.NoIPDepartment
	}
	if next.MergedInto == "" {
		next.MergedInto = old.MergedInto
	}
	next.Number = old.Number
	return next
}
