package sheet

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"maps"

	"ipcredit/shared/fault"
)

// jsonSource reads an array of objects, keyed by field, Chinese header or
// national code, without holding more than one object.
type jsonSource struct {
	dec    *json.Decoder
	guard  *paced
	schema Schema
	known  names
	layout *Layout
	number int
	spelt  map[string]string
	ended  bool
}

func openJSON(schema Schema, known names, br *bufio.Reader, limits Limits) (source, *Layout, error) {
	if bom, _ := br.Peek(3); string(bom) == "\xEF\xBB\xBF" {
		_, _ = br.Discard(3)
	}
	l := schema.layout()
	j := &jsonSource{schema: schema, known: known, layout: l}
	j.guard = &paced{r: br, most: int64(limits.RowBytes), over: func() error {
		return fault.New(fault.TooLarge, "sheet.row_too_long", j.number+1, limits.RowBytes>>10)
	}}
	j.dec = json.NewDecoder(j.guard)
	j.dec.UseNumber()
	start, err := j.dec.Token()
	if err != nil {
		return nil, nil, j.broken(err)
	}
	if start != json.Delim('[') {
		return nil, nil, fault.New(fault.Invalid, "sheet.json_not_array")
	}
	return j, l, nil
}

// broken words an error of the decoder.
func (j *jsonSource) broken(err error) error {
	var syntax *json.SyntaxError
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &syntax) {
		return fault.New(fault.Invalid, "sheet.json_broken", j.number+1).Because(err)
	}
	return err
}

func (j *jsonSource) next() (raw, error) {
	if j.ended {
		return raw{}, io.EOF
	}
	j.guard.mark = j.dec.InputOffset()
	if !j.dec.More() {
		if _, err := j.dec.Token(); err != nil { // the closing bracket
			return raw{}, j.broken(err)
		}
		if _, err := j.dec.Token(); err != io.EOF {
			return raw{}, j.broken(errors.Join(io.ErrUnexpectedEOF, err))
		}
		j.ended = true
		return raw{}, io.EOF
	}
	start, err := j.dec.Token()
	if err != nil {
		return raw{}, j.broken(err)
	}
	if start != json.Delim('{') {
		return raw{}, fault.New(fault.Invalid, "sheet.json_not_object", j.number+1)
	}
	j.number++
	out := raw{number: j.number, cells: make([]string, len(j.layout.Headers))}
	seen := make([]string, len(out.cells))
	same := true
	for j.dec.More() {
		token, err := j.dec.Token()
		if err != nil {
			return raw{}, j.brokenIn(err)
		}
		key := token.(string) // the decoder lets nothing else stand here
		i, ok := j.known.columns[fold(key)]
		if !ok {
			shown := show(key)
			if near := j.schema.nearest(fold(shown)); near != "" {
				return raw{}, fault.New(fault.Invalid, "sheet.unknown_key_near", j.number, shown, near).
					With(shown, "sheet.unknown_header_near", shown, near)
			}
			return raw{}, fault.New(fault.Invalid, "sheet.unknown_key", j.number, shown).
				With(shown, "sheet.unknown_header", shown)
		}
		if seen[i] != "" {
			return raw{}, fault.New(fault.Invalid, "sheet.duplicate_key", j.number, show(seen[i]), show(key)).
				With(show(key), "sheet.duplicate_header", show(seen[i]), show(key))
		}
		seen[i] = key
		if same && j.spelt[j.layout.fields[i]] != key {
			same = false
		}
		nested, err := j.value(&out.cells[i])
		if err != nil {
			return raw{}, j.brokenIn(err)
		}
		if nested {
			out.broken = append(out.broken, Problem{j.layout.fields[i], "sheet.json_nested", []any{show(key)}})
		}
	}
	if _, err := j.dec.Token(); err != nil { // the closing brace
		return raw{}, j.brokenIn(err)
	}
	if !same {
		// Most files spell every object alike: they share one map.
		j.spelt = maps.Clone(j.spelt)
		if j.spelt == nil {
			j.spelt = make(map[string]string)
		}
		for i, key := range seen {
			if key != "" {
				j.spelt[j.layout.fields[i]] = key
			}
		}
	}
	out.spelt = j.spelt
	return out, nil
}

// brokenIn is broken for a row that has been counted already.
func (j *jsonSource) brokenIn(err error) error {
	j.number--
	return j.broken(err)
}

// value reads one value as text, numbers as written. An object or array is
// skipped and reported.
func (j *jsonSource) value(into *string) (nested bool, err error) {
	token, err := j.dec.Token()
	if err != nil {
		return false, err
	}
	switch v := token.(type) {
	case string:
		*into = v
	case json.Number:
		*into = v.String()
	case bool:
		*into = "false"
		if v {
			*into = "true"
		}
	case json.Delim:
		for depth := 1; depth > 0; {
			token, err := j.dec.Token()
			if err != nil {
				return true, err
			}
			switch token {
			case json.Delim('{'), json.Delim('['):
				depth++
			case json.Delim('}'), json.Delim(']'):
				depth--
			}
		}
		return true, nil
	}
	return false, nil
}

// paced fails once more than most bytes were read since mark was last set, so
// that no single token or row fills the memory. Whoever decodes sets mark to
// what he has consumed.
type paced struct {
	r    io.Reader
	n    int64
	mark int64
	most int64
	over func() error
}

func (p *paced) Read(b []byte) (int, error) {
	if p.n-p.mark > p.most {
		return 0, p.over()
	}
	n, err := p.r.Read(b)
	p.n += int64(n)
	return n, err
}
