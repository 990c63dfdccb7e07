package fn

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"ipcredit/shared/fault"
)

// maxDepth of a JSON document a stranger sends. Ours have three levels.
const maxDepth = 32

// ReadJSON fills v from the request's body. It refuses, naming the field: a
// body that is not one JSON value in UTF-8, an unknown field, a field given
// twice (two readers could believe different ones), the wrong type.
func ReadJSON(r *http.Request, v any) error {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" && !strings.HasSuffix(kind, "+json") {
		return fault.New(fault.WrongType, "fn.want_json")
	}
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return fmt.Errorf("fn: reading body: %w", err)
	}
	return DecodeJSON(data, v)
}

// DecodeJSON is ReadJSON for a document already in memory.
func DecodeJSON(data []byte, v any) error {
	if err := unique(json.NewDecoder(bytes.NewReader(data))); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		var kind *json.UnmarshalTypeError
		if errors.As(err, &kind) {
			return fault.New(fault.Invalid, "fn.json_type").With(kind.Field, "fn.json_type").Because(err)
		}
		if name, found := strings.CutPrefix(err.Error(), "json: unknown field "); found {
			return fault.New(fault.Invalid, "fn.json_unknown").With(strings.Trim(name, `"`), "fn.json_unknown").Because(err)
		}
		return fault.New(fault.Invalid, "fn.json").Because(err)
	}
	return nil
}

// unique walks the document once and refuses what encoding/json would let
// pass: duplicate keys, and anything after the value.
func unique(d *json.Decoder) error {
	d.UseNumber()
	type level struct {
		keys  map[string]bool // nil for an array
		isKey bool
	}
	var stack []level
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) && len(stack) == 0 {
			return fault.New(fault.Invalid, "fn.json_empty")
		}
		if err != nil {
			return fault.New(fault.Invalid, "fn.json").Because(err)
		}
		top := len(stack) - 1
		switch t := token.(type) {
		case json.Delim:
			switch t {
			case '{':
				stack = append(stack, level{keys: map[string]bool{}, isKey: true})
			case '[':
				stack = append(stack, level{})
			default:
				stack = stack[:top]
			}
			if len(stack) > maxDepth {
				return fault.New(fault.Invalid, "fn.json_depth")
			}
			if t == '{' || t == '[' {
				continue
			}
		case string:
			if top >= 0 && stack[top].keys != nil && stack[top].isKey {
				if stack[top].keys[t] {
					return fault.New(fault.Invalid, "fn.json_twice").With(t, "fn.json_twice")
				}
				stack[top].keys[t] = true
				stack[top].isKey = false
				continue
			}
		}
		// A value ended: the enclosing object expects a key next.
		if n := len(stack); n > 0 {
			stack[n-1].isKey = stack[n-1].keys != nil
			continue
		}
		if _, err := d.Token(); !errors.Is(err, io.EOF) {
			return fault.New(fault.Invalid, "fn.json_more")
		}
		return nil
	}
}

// WriteJSON answers with v.
func WriteJSON(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("fn: encoding answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, err = w.Write(body)
	return err
}
