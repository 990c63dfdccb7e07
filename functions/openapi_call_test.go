package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// stranger calls a running city by its description and holds every answer
// against it.
type stranger struct {
	t    *testing.T
	doc  *openapi3.T
	ops  map[string]operation
	seen map[string]map[int]bool // operation → statuses answered as described
}

// with changes a call from what the description's examples say.
type with struct {
	path, query, header map[string]string
	body                map[string]any // over the example's members; nil values leave it out
	raw                 []byte         // instead of the example
	media               string
	bare                bool // without the examples of what may be left out
}

// call sends the described call with its examples, changed by w, and expects the
// status. Everything about the answer must be as described.
func (s *stranger) call(p *program, id string, want int, w with) answer {
	s.t.Helper()
	o, ok := s.ops[id]
	if !ok {
		s.t.Fatalf("no operation %s", id)
	}
	target, header, query := o.path, map[string]string{"Accept": "application/json"}, url.Values{}
	for _, ref := range o.Parameters {
		x := ref.Value
		value, given := "", x.Example != nil && (x.Required || !w.bare)
		if given {
			value = fmt.Sprint(x.Example)
		}
		in := map[string]map[string]string{"path": w.path, "query": w.query, "header": w.header}[x.In]
		if v, ok := in[x.Name]; ok {
			value, given = v, v != ""
		}
		if !given {
			if x.Required && x.In == "path" {
				s.t.Fatalf("%s: no example of %s", id, x.Name)
			}
			continue
		}
		switch x.In {
		case "path":
			parts := strings.Split(value, "/")
			for i := range parts {
				parts[i] = url.PathEscape(parts[i])
			}
			target = strings.ReplaceAll(target, "{"+x.Name+"}", strings.Join(parts, "/"))
		case "query":
			query.Set(x.Name, value)
		case "header":
			header[x.Name] = value
		}
	}
	for k, v := range w.query {
		query.Set(k, v)
		if v == "" {
			query.Del(k)
		}
	}
	maps.Copy(header, w.header)
	body := w.raw
	if o.RequestBody != nil && body == nil {
		var media string
		media, body = s.example(o, w)
		header["Content-Type"] = cmp.Or(header["Content-Type"], media)
	} else if w.media != "" {
		header["Content-Type"] = w.media
	}
	for k, v := range header {
		if v == "" {
			delete(header, k)
		}
	}
	address := "/function" + target
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	var a answer
	eventuallyEach(s.t, politely, "a key may ask again", func() bool {
		a = p.ask(o.method, address, header, bytes.NewReader(body))
		return a.status != http.StatusTooManyRequests
	})
	if a.status != want {
		s.t.Errorf("%s (%s %s): %d, want %d: %.300s", id, o.method, address, a.status, want, a.body)
		return a
	}
	s.compare(id, o, a)
	return a
}

// example is the body that the description gives for an example.
func (s *stranger) example(o operation, w with) (media string, body []byte) {
	s.t.Helper()
	content := o.RequestBody.Value.Content
	media = w.media
	if media == "" {
		for _, m := range slices.Sorted(maps.Keys(content)) { // application/json comes first
			if content[m].Example != nil {
				media = m
				break
			}
		}
	}
	if media == "" {
		return "", nil
	}
	example := content[media].Example
	if members, ok := example.(map[string]any); ok {
		members = maps.Clone(members)
		for k, v := range w.body {
			members[k] = v
			if v == nil {
				delete(members, k)
			}
		}
		example = members
	}
	switch v := example.(type) {
	case string:
		return media, []byte(v)
	case map[string]any:
		if media == "application/x-www-form-urlencoded" {
			form := url.Values{}
			for k, x := range v {
				if list, ok := x.([]any); ok {
					for _, e := range list {
						form.Add(k, fmt.Sprint(e))
					}
					continue
				}
				form.Set(k, fmt.Sprint(x))
			}
			return media, []byte(form.Encode())
		}
	case nil:
		s.t.Fatalf("%s: no example of %s", o.OperationID, media)
	}
	body, err := json.Marshal(example)
	if err != nil {
		s.t.Fatal(err)
	}
	return media, body
}

// names fails the test where a described member of a body is neither in its example
// nor in more: it would never be tried whether the handler takes it.
func (s *stranger) names(id, media string, more map[string]any) {
	s.t.Helper()
	content := s.ops[id].RequestBody.Value.Content[media]
	example, _ := content.Example.(map[string]any)
	for name := range content.Schema.Value.Properties {
		if _, there := example[name]; !there && more[name] == nil {
			s.t.Errorf("%s, %s: no test sends %s", id, media, name)
		}
	}
}

// compare holds an answer against what the description says of its status.
func (s *stranger) compare(id string, o operation, a answer) {
	s.t.Helper()
	ref := o.Responses.Status(a.status)
	if ref == nil {
		s.t.Errorf("%s: %d is not described", id, a.status)
		return
	}
	said, bad := ref.Value, false
	wrong := func(format string, args ...any) {
		s.t.Helper()
		bad = true
		s.t.Errorf("%s: %d: "+format, append([]any{id, a.status}, args...)...)
	}
	for name, h := range said.Headers {
		text := a.header.Get(name)
		if text == "" {
			if h.Value.Required {
				wrong("no %s in %v", name, a.header)
			}
			continue
		}
		var value any = text
		if h.Value.Schema.Value.Type.Is("integer") {
			n, err := strconv.ParseFloat(text, 64)
			if err != nil {
				wrong("%s: %s", name, text)
			}
			value = n
		}
		if err := s.doc.ValidateSchemaJSON(h.Value.Schema.Value, value, openapi3.EnableJSONSchema2020()); err != nil {
			wrong("%s: %v", name, err)
		}
	}
	kind, _, _ := mime.ParseMediaType(a.header.Get("Content-Type"))
	content := said.Content[kind]
	switch {
	case len(said.Content) == 0 && a.body != "" && (a.status < 300 || a.status > 399):
		wrong("a body that is not described: %.100s", a.body)
	case len(said.Content) > 0 && content == nil && o.method != http.MethodHead:
		wrong("answers %s", kind)
	case content != nil:
		var value any = a.body
		if strings.HasSuffix(kind, "json") {
			if err := json.Unmarshal([]byte(a.body), &value); err != nil {
				wrong("%v", err)
			}
			if more := undescribed(content.Schema, value, ""); len(more) > 0 {
				wrong("members that are not described: %q", more)
			}
		}
		if err := s.doc.ValidateSchemaJSON(content.Schema.Value, value, openapi3.EnableJSONSchema2020()); err != nil {
			wrong("%v\n%.500s", err, a.body)
		}
		if p, ok := value.(map[string]any); ok && kind == "application/problem+json" && p["status"] != float64(a.status) {
			wrong("the problem document says %v", p["status"])
		}
	}
	if !bad {
		if s.seen[id] == nil {
			s.seen[id] = map[int]bool{}
		}
		s.seen[id][a.status] = true
	}
}

// undescribed are the members of a value that its schema does not name. Answers
// may gain members; the description gains them with the handler.
func undescribed(schema *openapi3.SchemaRef, value any, at string) []string {
	switch v := value.(type) {
	case map[string]any:
		props := properties(schema)
		if len(props) == 0 {
			return nil // any object
		}
		var out []string
		for name, x := range v {
			if p, ok := props[name]; ok {
				out = append(out, undescribed(p, x, at+"/"+name)...)
			} else {
				out = append(out, at+"/"+name)
			}
		}
		return out
	case []any:
		var out []string
		for _, x := range v {
			if items := schema.Value.Items; items != nil {
				out = append(out, undescribed(items, x, at+"/*")...)
			}
		}
		return out
	}
	return nil
}

func properties(schema *openapi3.SchemaRef) map[string]*openapi3.SchemaRef {
	out := map[string]*openapi3.SchemaRef{}
	if schema == nil {
		return out
	}
	maps.Copy(out, schema.Value.Properties)
	for _, part := range slices.Concat(schema.Value.AllOf, schema.Value.OneOf) {
		maps.Copy(out, properties(part))
	}
	return out
}
