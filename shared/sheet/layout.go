package sheet

import (
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"ipcredit/shared/fault"
	"ipcredit/shared/page"
)

// Layout is how an upload is laid out: which of its columns is which field.
type Layout struct {
	// Headers are the headers as the uploader wrote them, in his order. The
	// column of messages that book.WriteErrors adds is not among them, so that a
	// corrected errors.xlsx can be uploaded as it is.
	Headers []string

	schema Schema
	at     map[string]int // field → index into Headers
	fields []string       // index → field, "" for a column without a header
	kinds  []Kind
	source []int // index → column of the file
	width  int   // columns of the file
}

// layout is the one of the schema's own template.
func (s Schema) layout() *Layout {
	l := &Layout{schema: s, at: make(map[string]int, len(s.Columns)), width: len(s.Columns)}
	for i, c := range s.Columns {
		l.add(c.Header, c, i)
	}
	return l
}

func (l *Layout) add(header string, c Column, source int) {
	if c.Field != "" {
		l.at[c.Field] = len(l.Headers)
	}
	l.Headers = append(l.Headers, header)
	l.fields = append(l.fields, c.Field)
	l.kinds = append(l.kinds, c.Kind)
	l.source = append(l.source, source)
}

// names finds columns by anything an uploader may call them.
type names struct {
	columns map[string]int // folded name → index into Schema.Columns
	errors  string         // folded header of the column of messages
}

// Validate refuses a schema with a column that has no field or no header, or in
// which one name means two columns. Either is a mistake of the program, not of
// an uploader, and therefore no fault.
func (s Schema) Validate() error {
	_, err := s.names()
	return err
}

// names refuses a schema as Validate says.
func (s Schema) names() (names, error) {
	n := names{columns: make(map[string]int, 3*len(s.Columns)), errors: fold(ErrorsHeader())}
	for i, c := range s.Columns {
		if c.Field == "" || c.Header == "" {
			return n, fmt.Errorf("sheet: schema %q: column %d has no field or no header", s.Name, i+1)
		}
		for _, name := range append([]string{c.Field, c.Header, c.National}, c.Also...) {
			if name == "" {
				continue
			}
			name = fold(name)
			if j, ok := n.columns[name]; ok && j != i {
				return n, fmt.Errorf("sheet: schema %q: %q names two columns", s.Name, name)
			}
			n.columns[name] = i
		}
	}
	return n, nil
}

// ErrorsHeader heads the column of messages in a list of rejected rows, in
// Chinese like all headers. Open skips a column so headed.
func ErrorsHeader() string { return page.Say(page.ZH, "sheet.errors.header") }

// fold makes headers comparable: width and compatibility forms (NFKC), case,
// and every space, mark of obligation and invisible character gone.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || r == '*' || r == '_' || unicode.Is(unicode.Cf, r) || unicode.IsControl(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFKC.String(name))
}

// known counts how many of the headers this schema knows; Open uses it to tell
// what separates the columns and in which encoding the header is.
func (n names) known(headers []string) int {
	found := 0
	for _, h := range headers {
		if _, ok := n.columns[fold(h)]; ok {
			found++
		}
	}
	return found
}

// read lays an upload out by its header row.
func (s Schema) read(n names, headers []string) (*Layout, error) {
	l := &Layout{schema: s, at: make(map[string]int, len(headers))}
	for len(headers) > 0 && fold(headers[len(headers)-1]) == "" {
		headers = headers[:len(headers)-1]
	}
	if len(headers) == 0 {
		return nil, fault.New(fault.Invalid, "sheet.no_header")
	}
	l.width = len(headers)
	for i, h := range headers {
		shown := show(h)
		switch key := fold(h); {
		case key == "":
			// Tolerated while nothing stands below it; see inspect.
			l.add(h, Column{}, i)
		case key == n.errors:
			continue
		default:
			j, ok := n.columns[key]
			if !ok {
				return nil, s.unknown(n, shown)
			}
			c := s.Columns[j]
			if first, twice := l.at[c.Field]; twice {
				return nil, fault.New(fault.Invalid, "sheet.duplicate_header", show(l.Headers[first]), shown).
					With(shown, "sheet.duplicate_header", show(l.Headers[first]), shown)
			}
			l.add(strings.TrimSpace(h), c, i)
		}
	}
	var missing []string
	for _, c := range s.Columns {
		if _, ok := l.at[c.Field]; c.Required && !ok {
			missing = append(missing, c.Header)
		}
	}
	if len(missing) > 0 {
		e := fault.New(fault.Invalid, "sheet.missing_header", strings.Join(missing, "、"))
		for _, h := range missing {
			e.With(h, "sheet.missing_header", h)
		}
		return nil, e
	}
	return l, nil
}

// unknown words the refusal of a header or key, with the nearest known one
// where one is near.
func (s Schema) unknown(n names, header string) *fault.Error {
	if near := s.nearest(fold(header)); near != "" {
		return fault.New(fault.Invalid, "sheet.unknown_header_near", header, near).
			With(header, "sheet.unknown_header_near", header, near)
	}
	return fault.New(fault.Invalid, "sheet.unknown_header", header).With(header, "sheet.unknown_header", header)
}

// nearest returns the known name with the fewest changed characters, if fewer
// than half of them change.
func (s Schema) nearest(key string) string {
	best, name := 0.5, ""
	for _, c := range s.Columns {
		for _, candidate := range []string{c.Header, c.National, c.Field} {
			if candidate == "" {
				continue
			}
			a, b := []rune(key), []rune(fold(candidate))
			if len(a) > 200 {
				continue
			}
			if d := float64(distance(a, b)) / float64(max(len(a), len(b))); d < best {
				best, name = d, candidate
			}
		}
	}
	return name
}

// distance is Levenshtein's.
func distance(a, b []rune) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j := range b {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}

// show makes what a stranger wrote fit for a sentence: invisible characters
// gone, at most 40 characters.
func show(s string) string {
	s = strings.TrimSpace(strings.Map(func(r rune) rune {
		if control(r) || r == '\n' || r == '\r' || r == '\t' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD")))
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}
