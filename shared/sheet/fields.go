package sheet

import (
	"strings"

	"golang.org/x/text/unicode/norm"

	"ipcredit/shared/fault"
)

// Fields reads what one row means, field by field, and collects what is wrong
// with it: at most one problem a field, the first.
type Fields struct {
	row      Row
	problems []Problem
	bad      map[string]bool // fields that have a problem
}

// Fields begins with what Check finds wrong with the row.
func (r Row) Fields() *Fields {
	f := &Fields{row: r, problems: r.Check()}
	for _, p := range f.problems {
		f.mark(p.Field)
	}
	return f
}

func (f *Fields) mark(field string) {
	if f.bad == nil { // most rows have no problem
		f.bad = map[string]bool{}
	}
	f.bad[field] = true
}

// Get is the value of a field as Row.Get has it, "" where a problem of it is known.
func (f *Fields) Get(field string) string {
	if f.bad[field] {
		return ""
	}
	return f.row.Get(field)
}

// Bad tells whether a problem of the field is known.
func (f *Fields) Bad(field string) bool { return f.bad[field] }

// Add notes a problem of a field that has none yet.
func (f *Fields) Add(field, code string, args ...any) {
	if f.bad[field] {
		return
	}
	f.problems = append(f.problems, Problem{Field: field, Code: code, Args: args})
	f.mark(field)
}

// Problems are what was found: those of Check first, then in the order added.
func (f *Fields) Problems() []Problem { return f.problems }

// Field reads a field by read; it is the zero value where the field is empty or
// known to be wrong, and where read refuses it, which becomes a problem.
func Field[T any](f *Fields, field string, read func(string) (T, error)) T {
	var none T
	v := f.Get(field)
	if v == "" {
		return none
	}
	out, err := read(v)
	if err == nil {
		return out
	}
	if refused, ok := fault.Of(err); ok {
		f.Add(field, refused.Code, refused.Args...)
	} else {
		f.Add(field, "sheet.value", show(f.row.Header(field)))
	}
	return none
}

// Words are the values of a field that uploads word in many ways.
type Words[T ~string] struct {
	// Offered is the word for each value that templates offer.
	Offered []string
	values  map[string]T
}

// NewWords reads a table of them: the value, the word offered, and more words for
// it, separated by spaces. The value itself is understood as well.
func NewWords[T ~string](rows [][]string) Words[T] {
	w := Words[T]{values: map[string]T{}}
	for _, row := range rows {
		w.Offered = append(w.Offered, row[1])
		for _, word := range append(strings.Fields(row[2]), row[0], row[1]) {
			w.values[word] = T(row[0])
		}
	}
	return w
}

// Of is the value that a word stands for, in whatever width, case and spacing.
func (w Words[T]) Of(word string) (T, bool) {
	v, ok := w.values[strings.ToLower(strings.Join(strings.Fields(norm.NFKC.String(word)), ""))]
	return v, ok
}

// Offer is the word that templates offer for a value, "" where they offer none.
func (w Words[T]) Offer(value T) string {
	for _, word := range w.Offered {
		if w.values[word] == value {
			return word
		}
	}
	return ""
}

// Word reads a field by its words. A word that none of them is becomes a problem of
// the code, with the words offered.
func Word[T ~string](f *Fields, field, code string, words Words[T]) T {
	v := f.Get(field)
	if v == "" {
		return ""
	}
	w, ok := words.Of(v)
	if !ok {
		f.Add(field, code, strings.Join(words.Offered, "、"))
	}
	return w
}

// Columns reads columns from an embedded table of [field, Chinese header, kind,
// required, example, note]. A kind is "text", "date", "code", or a key of offered:
// words that the template offers and that the matter's own parser checks, because
// uploads write them in many ways.
func Columns(rows [][]any, offered map[string][]string) []Column {
	out := make([]Column, len(rows))
	for i, row := range rows {
		out[i] = Column{Field: row[0].(string), Header: row[1].(string), Required: row[3].(bool), Example: row[4].(string), Note: row[5].(string)}
		switch kind := row[2].(string); kind {
		case "text":
		case "date":
			out[i].Kind = Date
		case "code":
			out[i].Kind = Code
		default:
			choices, ok := offered[kind]
			if !ok {
				panic("sheet: column " + out[i].Field + " has kind " + kind)
			}
			out[i].Choices = choices
		}
	}
	return out
}
