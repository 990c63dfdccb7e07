package page

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"sort"
	"strings"
	"sync"
	"sync/atomic"

	"ipcredit/shared/fault"
)

// Lang is a language people can read the pages in.
type Lang string

// The languages of the catalogue. Chinese comes first: it is what is shown when
// nothing else is asked for, and its wording is the binding one.
const (
	ZH Lang = "zh"
	EN Lang = "en"
)

// Tag is the language as HTML and HTTP write it.
func (l Lang) Tag() string {
	if l == EN {
		return "en"
	}
	return "zh-CN"
}

// Other is the language to switch to.
func (l Lang) Other() Lang {
	if l == EN {
		return ZH
	}
	return EN
}

//go:embed words/*.json
var wordFiles embed.FS

// entry is one sentence in every language.
type entry struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}

func (e entry) in(lang Lang) string {
	if lang == EN {
		return e.EN
	}
	return e.ZH
}

// words is the catalogue of this binary, read once. A broken file costs its own
// sentences only: a test, not a visitor, is told about it.
var words = sync.OnceValue(func() map[string]entry {
	all, _ := readWords(wordFiles)
	return all
})

// readWords reads every words/*.json and reports what is wrong with them: bad
// JSON, a key twice (in one file or in two), a language missing, verbs that
// differ between the languages, a key outside its room.
func readWords(files fs.FS) (map[string]entry, error) {
	names, err := fs.Glob(files, "words/*.json")
	if err != nil {
		return nil, fmt.Errorf("page: listing words: %w", err)
	}
	sort.Strings(names)
	all := make(map[string]entry)
	home := make(map[string]string)
	var wrong []error
	for _, name := range names {
		data, err := fs.ReadFile(files, name)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("page: reading %s: %w", name, err))
			continue
		}
		room := strings.TrimSuffix(path.Base(name), ".json")
		err = eachWord(data, func(key string, e entry) {
			if first, twice := home[key]; twice {
				wrong = append(wrong, fmt.Errorf("%s: %q is already in %s", name, key, first))
				return
			}
			home[key] = name
			all[key] = e
			if !strings.HasPrefix(key, "fault.") && !strings.HasPrefix(key, room+".") {
				wrong = append(wrong, fmt.Errorf("%s: %q must start with %q or \"fault.\"", name, key, room+"."))
			}
			if strings.TrimSpace(e.ZH) == "" || strings.TrimSpace(e.EN) == "" {
				wrong = append(wrong, fmt.Errorf("%s: %q lacks a language", name, key))
				return
			}
			zh, errZH := verbs(e.ZH)
			en, errEN := verbs(e.EN)
			if err := errors.Join(errZH, errEN); err != nil {
				wrong = append(wrong, fmt.Errorf("%s: %q: %w", name, key, err))
			} else if zh != en {
				wrong = append(wrong, fmt.Errorf("%s: %q takes %q in Chinese and %q in English", name, key, zh, en))
			}
		})
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", name, err))
		}
	}
	return all, errors.Join(wrong...)
}

// eachWord calls f for each key in the order of the file. encoding/json would
// silently keep the last of two equal keys; this passes both on.
func eachWord(data []byte, f func(string, entry)) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return errors.New("want one JSON object")
	}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return err
		}
		var e entry
		if err := dec.Decode(&e); err != nil {
			return fmt.Errorf("%q: %w", t, err)
		}
		f(t.(string), e)
	}
	if _, err := dec.Token(); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return errors.New("something follows the object")
	}
	return nil
}

// verbs tells what a sentence needs: one letter for each argument, in argument
// order, so that "%[2]s of %[1]d" and "%d … %s" both give "ds".
func verbs(s string) (string, error) {
	var letters []byte
	next := 0
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			continue
		}
		i++
		arg := next
		for i < len(s) && strings.IndexByte("+-# 0.123456789", s[i]) >= 0 {
			i++
		}
		if i < len(s) && s[i] == '[' {
			end := strings.IndexByte(s[i:], ']')
			n := 0
			if end < 0 {
				return "", fmt.Errorf("unclosed index in %q", s)
			}
			if _, err := fmt.Sscanf(s[i:i+end+1], "[%d]", &n); err != nil || n < 1 || n > 20 {
				return "", fmt.Errorf("bad index in %q", s)
			}
			arg = n - 1
			i += end + 1
		}
		if i >= len(s) {
			return "", fmt.Errorf("lone %% in %q", s)
		}
		if s[i] == '%' {
			continue
		}
		if strings.IndexByte("sdvqftx", s[i]) < 0 {
			return "", fmt.Errorf("verb %%%c in %q: write %%%% for a percent sign", s[i], s)
		}
		for len(letters) <= arg {
			letters = append(letters, '_')
		}
		if letters[arg] != '_' && letters[arg] != s[i] {
			return "", fmt.Errorf("argument %d printed in two ways in %q", arg+1, s)
		}
		letters[arg] = s[i]
		next = arg + 1
	}
	if i := bytes.IndexByte(letters, '_'); i >= 0 {
		return "", fmt.Errorf("argument %d is never printed in %q", i+1, s)
	}
	return string(letters), nil
}

// missing counts how often a key was asked for that is not there.
var missing atomic.Uint64

// Missing returns how often the catalogue was asked for a key that it does not
// have, in this process: 0 in a correct build. The edge shows it among its
// metrics, so that a running city shows a number where a test should have failed.
func Missing() uint64 { return missing.Load() }

// Has tells whether the catalogue has the key.
func Has(key string) bool {
	_, ok := words()[key]
	return ok
}

// Say returns the catalogue's sentence for key, with args filled in. An unknown
// key gives the key itself in 〔〕 and is counted; it never fails a request.
// An unknown language is Chinese.
func Say(lang Lang, key string, args ...any) string {
	e, ok := words()[key]
	if !ok {
		if text, ok := name(lang, key); ok {
			return text
		}
		missing.Add(1)
		return "〔" + key + "〕"
	}
	sentence := e.in(lang)
	need, _ := verbs(sentence)
	// More arguments than the sentence prints would show as %!(EXTRA …).
	if len(args) > len(need) {
		args = args[:len(need)]
	}
	return fmt.Sprintf(sentence, args...)
}

// Fault words a refusal: a title for its kind, and the sentence of its code. A
// fault without a kind is a failure of ours.
func Fault(lang Lang, e *fault.Error) (title, detail string) {
	kind := e.Kind
	if kind == "" {
		kind = "internal"
	}
	return Say(lang, "page.kind."+string(kind)), Say(lang, "fault."+e.Code, e.Args...)
}

// FieldMessage words what is wrong with one field.
func FieldMessage(lang Lang, f fault.Field) string {
	return Say(lang, "fault."+f.Code, f.Args...)
}
