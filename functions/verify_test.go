package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ipcredit/shared/journal"
	"ipcredit/shared/notary"
	"ipcredit/shared/objects"
	"ipcredit/shared/objects/objectstest"
	"ipcredit/shared/redistest"
)

// notaryOffice is a log with what people have got of it.
type notaryOffice struct {
	t     testing.TB
	dir   string // of the files
	j     *journal.Journal
	store objects.Store
	key   *notary.Key
	log   *notary.Log
}

var opened = time.Date(2026, 11, 24, 1, 0, 0, 0, time.UTC)

func newNotaryOffice(t testing.TB, name string) *notaryOffice {
	t.Helper()
	secret, err := notary.NewKey("credit.example.cn/410700/" + name)
	if err != nil {
		t.Fatal(err)
	}
	o := &notaryOffice{t: t, dir: t.TempDir(), store: objectstest.Directory(t).Main}
	if o.key, err = notary.ParseKey([]byte(secret)); err != nil {
		t.Fatal(err)
	}
	o.j = journal.New(redistest.Embedded(t), "410700", journal.Options{})
	o.log = notary.Open(o.j, o.store, name, o.key)
	return o
}

// add logs leaves.
func (o *notaryOffice) add(leaves ...notary.Leaf) {
	o.t.Helper()
	err := o.j.Commit(context.Background(), journal.Entry{Actor: "t", Action: "test.queue", At: opened}, nil, func(tx *journal.Tx) error {
		for i, leaf := range leaves {
			if err := o.log.Queue(tx, fmt.Sprintf("leaf/%06d", i), leaf, ""); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		o.t.Fatal(err)
	}
	if _, err := o.log.Sequence(context.Background(), opened); err != nil {
		o.t.Fatal(err)
	}
}

// fill logs so many leaves that say nothing.
func (o *notaryOffice) fill(from, to int) {
	var leaves []notary.Leaf
	for i := from; i < to; i++ {
		leaves = append(leaves, notary.Leaf{V: 1, Event: "profile", At: "2026-11-24", Commitment: notary.Commit(nil, fmt.Append(nil, i))})
	}
	o.add(leaves...)
}

// file writes a file and returns its path.
func (o *notaryOffice) file(name string, data []byte) string {
	o.t.Helper()
	path := filepath.Join(o.dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		o.t.Fatal(err)
	}
	return path
}

// proof is the proof of the leaf.
func (o *notaryOffice) proof(leaf notary.Leaf) []byte {
	o.t.Helper()
	want, err := leaf.Entry()
	if err != nil {
		o.t.Fatal(err)
	}
	for i := int64(0); ; i++ {
		data, err := o.log.Proof(context.Background(), i)
		if err != nil {
			o.t.Fatal(err)
		}
		if p, err := notary.ParseProof(data); err == nil && bytes.Equal(p.Extra, want) {
			return data
		}
	}
}

// keys is a file with these public keys.
func (o *notaryOffice) keys(name string, keys ...*notary.Key) string {
	var text string
	for _, k := range keys {
		text += k.Public()
	}
	return o.file(name, []byte(text))
}

// verifying is the command with an empty data directory.
func (o *notaryOffice) verifying(v verification) verification {
	v.place = &place{data: o.t.TempDir()}
	if v.now == nil {
		v.now = func() time.Time { return opened }
	}
	return v
}

// code is the exit code of an error, 0 for none.
func code(t testing.TB, err error) int {
	t.Helper()
	var s *stop
	switch {
	case err == nil:
		return 0
	case !errors.As(err, &s):
		t.Errorf("%v would end with no code of its own", err)
		return -1
	}
	return s.code
}

func TestVerifyChecksAProofOffline(t *testing.T) {
	t.Parallel()
	o := newNotaryOffice(t, notary.Disclosure)
	salt, document := notary.NewSalt(), []byte(`{"code":"91410771MA00AAA104"}`)
	leaf := notary.Leaf{V: 1, Event: "profile", At: "2026-11-24T01:00:00Z", Commitment: notary.Commit(salt, document)}
	o.add(leaf)
	o.fill(0, 300)
	data := o.proof(leaf)
	parsed, err := notary.ParseProof(data)
	if err != nil {
		t.Fatal(err)
	}
	bare := parsed
	bare.Extra = nil
	good, key := o.file("good.tlog-proof", data), o.keys("keys", newNotaryOffice(t, notary.Intake).key, o.key)
	content := o.file("document.json", document)
	for _, tt := range []struct {
		name string
		file string
		v    verification
		code int
		full bool // the content is checked too
	}{
		{"as it is", good, verification{keys: []string{key}}, 0, false},
		{"the key itself", good, verification{keys: []string{strings.TrimSpace(o.key.Public())}}, 0, false},
		{"several key files", good, verification{keys: []string{o.keys("k2", newNotaryOffice(t, "other").key), key}}, 0, false},
		{"with its content", good, verification{keys: []string{key}, document: content, salt: hex.EncodeToString(salt)}, 0, true},
		{"with its salt in base64", good, verification{keys: []string{key}, document: content, salt: base64.StdEncoding.EncodeToString(salt)}, 0, true},
		{"another content", good, verification{keys: []string{key}, document: o.file("d2", []byte("{}")), salt: hex.EncodeToString(salt)}, exitFailed, false},
		{"another salt", good, verification{keys: []string{key}, document: content, salt: hex.EncodeToString(notary.NewSalt())}, exitFailed, false},
		{"a salt that is none", good, verification{keys: []string{key}, document: content, salt: "salt"}, exitUsage, false},
		{"no key", good, verification{}, exitUsage, false},
		{"a key of another log", good, verification{keys: []string{o.keys("k3", newNotaryOffice(t, notary.Intake).key)}}, exitFailed, false},
		{"another key of this log", good, verification{keys: []string{o.keys("k4", newNotaryOffice(t, notary.Disclosure).key)}}, exitFailed, false},
		{"a key file that is not there", good, verification{keys: []string{filepath.Join(o.dir, "gone")}}, exitUnreachable, false},
		{"a file that is not there", filepath.Join(o.dir, "gone"), verification{keys: []string{key}}, exitUnreachable, false},
		{"without entry", o.file("bare", bare.Format()), verification{keys: []string{key}}, exitUsage, false},
		{"with the entry apart", o.file("bare", bare.Format()), verification{keys: []string{key}, entry: o.file("entry", parsed.Extra)}, 0, false},
		{"with another entry", good, verification{keys: []string{key}, entry: o.file("e2", []byte("entry"))}, exitFailed, false},
		{"another index", o.file("bent", bytes.Replace(data, []byte("\nindex "), []byte("\nindex 1"), 1)), verification{keys: []string{key}}, exitFailed, false},
		{"cut", o.file("cut", data[:len(data)-20]), verification{keys: []string{key}}, exitFailed, false},
		{"an altered size", o.file("size", bytes.Replace(data, []byte("\n301\n"), []byte("\n302\n"), 1)), verification{keys: []string{key}}, exitFailed, false},
		{"another version", o.file("v2", bytes.Replace(data, []byte("@v1"), []byte("@v2"), 1)), verification{keys: []string{key}}, exitFailed, false},
		{"nothing of ours", o.file("x", []byte("hello")), verification{keys: []string{key}}, exitFailed, false},
		{"nothing at all", o.file("empty", nil), verification{keys: []string{key}}, exitFailed, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := o.verifying(tt.v).check(tt.file)
			if c := code(t, err); c != tt.code {
				t.Errorf("exit %d (%v), want %d", c, err, tt.code)
			}
			if err == nil && (!got.OK || got.Content != tt.full || (len(got.Not) == 0) != tt.full || *got.Index != parsed.Index || got.Size != 301 || got.By != o.key.Origin()) {
				t.Errorf("%+v", got)
			}
			if err != nil && strings.Contains(err.Error(), "〔") {
				t.Errorf("no word for it: %v", err)
			}
		})
	}
}

// TestThreat_AnyFlippedByteOfAProofIsFound, but for those of a signature line's
// name and for base64's slack, which say nothing.
func TestThreat_AnyFlippedByteOfAProofIsFound(t *testing.T) {
	t.Parallel()
	o := newNotaryOffice(t, notary.Disclosure)
	o.fill(0, 9)
	leaf := notary.Leaf{V: 1, Event: "profile", At: "2026-11-24", Commitment: notary.Commit(nil, fmt.Append(nil, 3))}
	data := o.proof(leaf)
	v := o.verifying(verification{keys: []string{o.keys("key", o.key)}})
	end := bytes.Index(data, []byte("\n\n— ")) // what follows is the signature
	for i := range end {
		bent := bytes.Clone(data)
		bent[i] ^= 0x01
		if got, err := v.check(o.file("bent", bent)); err == nil {
			t.Errorf("byte %d of %q: %+v", i, bent, got)
		}
	}
}

func TestVerifyTakesTheInstallationsOwnKeys(t *testing.T) {
	t.Parallel()
	o := newNotaryOffice(t, notary.Disclosure)
	secret, err := notary.NewKey("credit.example.cn/410700/disclosure")
	if err != nil {
		t.Fatal(err)
	}
	if o.key, err = notary.ParseKey([]byte(secret)); err != nil {
		t.Fatal(err)
	}
	o.log = notary.Open(o.j, o.store, notary.Disclosure, o.key)
	o.fill(0, 3)
	data, err := o.log.Proof(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	v := o.verifying(verification{})
	if err := os.MkdirAll(filepath.Join(v.place.data, "secrets"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(v.place.data, "secrets", "log-key"), []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := v.check(o.file("p", data)); err != nil || got.By != o.key.Origin() {
		t.Errorf("%+v (%v)", got, err)
	}
}

// receipted is a receipt with all that belongs to it, made as shared/tipoff
// writes it.
func receipted(t *testing.T, o *notaryOffice) (note []byte, leaf notary.Leaf) {
	t.Helper()
	leaf = notary.Leaf{V: 1, Event: "tip-off.lodged", At: "2026-11-24", Commitment: notary.Commit(notary.NewSalt(), []byte("{}"))}
	note, err := o.key.Sign(strings.Join([]string{"ipcredit tip-off receipt 1", o.key.Origin(), someNumber(t), leaf.At, leaf.Commitment}, "\n") + "\n")
	if err != nil {
		t.Fatal(err)
	}
	return note, leaf
}

func TestVerifyChecksAReceipt(t *testing.T) {
	t.Parallel()
	o := newNotaryOffice(t, notary.Intake)
	note, leaf := receipted(t, o)
	o.fill(0, 5)
	o.add(leaf)
	proof := o.file("proof", o.proof(leaf))
	other := notary.Leaf{V: 1, Event: "profile", At: "2026-11-24", Commitment: notary.Commit(nil, fmt.Append(nil, 3))}
	key := o.keys("key", o.key)
	answer, err := json.Marshal(map[string]any{"reportNo": "x", "receiptProof": string(note), "inclusionProof": string(o.proof(leaf))})
	if err != nil {
		t.Fatal(err)
	}
	wrapped := fmt.Appendf(nil, "编号\r\n\r\n-----BEGIN PROOF-----\n%s-----END PROOF-----\n-----BEGIN DOCUMENT-----\n{}\n-----END DOCUMENT-----\n", note)
	for _, tt := range []struct {
		name   string
		data   []byte
		v      verification
		code   int
		logged bool
	}{
		{"the note", note, verification{keys: []string{key}}, 0, false},
		{"the note and its proof", note, verification{keys: []string{key}, proof: proof}, 0, true},
		{"the text file", wrapped, verification{keys: []string{key}}, 0, false},
		{"the text file from another system", bytes.ReplaceAll(wrapped, []byte("\n"), []byte("\r\n")), verification{keys: []string{key}}, 0, false},
		{"the answer of the interface", answer, verification{keys: []string{key}}, 0, true},
		{"with somebody else's proof", note, verification{keys: []string{key}, proof: o.file("p2", o.proof(other))}, exitFailed, false},
		{"with no proof for a proof", note, verification{keys: []string{key}, proof: key}, exitFailed, false},
		{"altered", bytes.Replace(note, []byte("2026-11-24"), []byte("2026-11-23"), 1), verification{keys: []string{key}}, exitFailed, false},
		{"signed by somebody else", note, verification{keys: []string{o.keys("k2", newNotaryOffice(t, notary.Intake).key)}}, exitFailed, false},
		{"a checkpoint for a receipt", mustCheckpoint(t, o), verification{keys: []string{key}}, exitFailed, false},
		{"a receipt that cannot be one", note, verification{keys: []string{key}, receipt: o.file("r", []byte("2222")), document: o.file("d", []byte("{}"))}, exitFailed, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := o.verifying(tt.v).check(o.file("receipt", tt.data))
			if c := code(t, err); c != tt.code {
				t.Errorf("exit %d (%v), want %d", c, err, tt.code)
			}
			if err == nil && (got.Log != "") != tt.logged {
				t.Errorf("%+v", got)
			}
		})
	}
}

func mustCheckpoint(t *testing.T, o *notaryOffice) []byte {
	t.Helper()
	note, err := o.log.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return note
}

// TestVerifyIsAProgram: as somebody runs it.
func TestVerifyIsAProgram(t *testing.T) {
	t.Parallel()
	o := newNotaryOffice(t, notary.Disclosure)
	o.fill(0, 3)
	data, err := o.log.Proof(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	file, key := o.file("p.tlog-proof", data), o.keys("key", o.key)
	tool := func(args ...string) result {
		return run{path: nothing(t), args: append([]string{"verify"}, args...), env: []string{"LANG=en"}}.do(t)
	}
	if x := tool(file, "-key", key); x.code != 0 || !strings.Contains(x.out, "entry 1 of "+o.key.Origin()) {
		t.Errorf("exit %d %q %q", x.code, x.out, x.err)
	}
	var got verdict
	if x := tool(file, "--key", key, "--json"); x.code != 0 || json.Unmarshal([]byte(x.out), &got) != nil || !got.OK || *got.Index != 1 {
		t.Errorf("exit %d %q %q", x.code, x.out, x.err)
	}
	if x := tool(o.file("bent", bytes.Replace(data, []byte("\nindex 1\n"), []byte("\nindex 2\n"), 1)), "--key", key); x.code != exitFailed || x.out != "" || strings.Count(x.err, "\n") != 1 {
		t.Errorf("exit %d %q %q", x.code, x.out, x.err)
	}
	for _, args := range [][]string{{}, {file, file}, {file}, {file, "--nothing"}} {
		if x := tool(args...); x.code != exitUsage || strings.Count(x.err, "\n") != 1 {
			t.Errorf("%q: exit %d %q %q", args, x.code, x.out, x.err)
		}
	}
	if x := tool(filepath.Join(o.dir, "gone"), "--key", key); x.code != exitUnreachable || strings.Count(x.err, "\n") != 1 {
		t.Errorf("exit %d %q %q", x.code, x.out, x.err)
	}
}
