package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"ipcredit/shared/credit"
	"ipcredit/shared/journal"
	"ipcredit/shared/notary"
	"ipcredit/shared/objects"
	"ipcredit/shared/objects/objectstest"
	"ipcredit/shared/redistest"
	"ipcredit/shared/tipoff"
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

// statements signs what credit-lookup would.
type statements struct {
	private ed25519.PrivateKey
	set     string // the file of public keys
}

func newStatements(t *testing.T, o *notaryOffice) statements {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: public, KeyID: "k", Algorithm: "EdDSA"}}})
	if err != nil {
		t.Fatal(err)
	}
	return statements{private, o.file("jwks.json", set)}
}

func (s statements) sign(t *testing.T, kind string, claims map[string]any) []byte {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: s.private, KeyID: "k"}},
		(&jose.SignerOptions{}).WithType(jose.ContentType(kind)))
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(body)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return []byte(token)
}

func TestVerifyChecksAStatementAgainstTheLog(t *testing.T) {
	t.Parallel()
	o := newNotaryOffice(t, notary.Disclosure)
	s := newStatements(t, o)
	const subject = "91410771MA00AAA104"
	record := map[string]any{
		"id": "r1", "act": "DA2", "tier": "general", "instrumentNo": "国知信认〔2026〕1号", "authority": "国家知识产权局",
		"source": "ADMIN", "determinedOn": "2026-04-29",
	}
	oldDocument, err := json.Marshal(record)
	if err != nil {
		t.Fatal(err)
	}
	recordDocument := append(bytes.TrimSuffix(oldDocument, []byte("}")), `,"disputed":false,"events":[{"action":"published","on":"2026-05-06"}]}`...)
	recordSalt, salt := notary.NewSalt(), notary.NewSalt()
	document, err := json.Marshal(map[string]any{
		"v": 2, "code": subject, "records": []string{notary.Commit(recordSalt, recordDocument), notary.Commit(recordSalt, oldDocument)},
	})
	if err != nil {
		t.Fatal(err)
	}
	leaf := notary.Leaf{V: 1, Event: "profile", At: "2026-11-24T01:00:00Z", Commitment: notary.Commit(salt, document)}
	o.fill(0, 2)
	o.add(leaf)
	proofData := o.proof(leaf)
	parsed, err := notary.ParseProof(proofData)
	if err != nil {
		t.Fatal(err)
	}
	proof := o.file("proof", proofData)
	// claims are those of a good statement; bend changes one.
	claims := func(bend func(c, log, record map[string]any)) map[string]any {
		shown := map[string]any{"displayUntil": "2027-04-29", "status": "disclosed"}
		for k, v := range record {
			shown[k] = v
		}
		log := map[string]any{
			"index": parsed.Index, "url": "https://credit.example.cn/proof", "leaf": leaf, "salt": salt, "document": string(document),
			"records": []credit.Opening{{ID: "r1", Salt: recordSalt, Document: string(recordDocument)}},
		}
		c := map[string]any{
			"iss": "https://credit.example.cn", "sub": subject, "code": subject,
			"iat": opened.Add(-time.Hour).Unix(), "exp": opened.Add(time.Second).Unix(), "records": []any{shown}, "log": log,
		}
		if bend != nil {
			bend(c, log, shown)
		}
		return c
	}
	keys := []string{s.set, o.keys("key", o.key)}
	type m = map[string]any
	// brings is a statement with this proof inside.
	brings := func(proof []byte) []byte {
		return s.sign(t, statementType, claims(func(_, l, _ m) { l["proof"] = string(proof) }))
	}
	elsewhere := newNotaryOffice(t, "other")
	elsewhere.add(leaf)
	for _, tt := range []struct {
		name  string
		token []byte
		v     verification
		code  int
		full  bool // the log's proof was checked too
	}{
		{"that brings its proof", brings(proofData), verification{keys: keys}, 0, true},
		{"that brings its proof, without the log's key", brings(proofData), verification{keys: keys[:1]}, 0, false},
		{"that brings another log's proof", brings(elsewhere.proof(leaf)), verification{keys: keys}, exitFailed, false},
		{"that brings the proof of another entry", brings(mustProof(t, o, 0)), verification{keys: keys}, exitFailed, false},
		{"that brings nonsense", brings([]byte("c2sp.org/tlog-proof@v1\n")), verification{keys: keys}, exitFailed, false},
		{"that brings its proof, with a wrong one beside it", brings(proofData), verification{keys: keys, proof: o.file("wrong", mustProof(t, o, 0))}, exitFailed, false},
		{"with its proof", s.sign(t, statementType, claims(nil)), verification{keys: keys, proof: proof}, 0, true},
		{"without proof", s.sign(t, statementType, claims(nil)), verification{keys: keys}, 0, false},
		{"nothing logged", s.sign(t, statementType, claims(func(c, _, _ m) { c["log"], c["records"] = nil, []any{} })), verification{keys: keys}, 0, false},
		{"a change that waits", s.sign(t, statementType, claims(func(c, _, _ m) { c["log"] = m{"index": 1, "url": "u", "pending": true} })), verification{keys: keys}, 0, false},
		{"ended a second ago", s.sign(t, statementType, claims(func(c, _, _ m) { c["exp"] = opened.Unix() })), verification{keys: keys}, exitFailed, false},
		{"of another type", s.sign(t, "JWT", claims(nil)), verification{keys: keys}, exitFailed, false},
		{"by another key", newStatements(t, newNotaryOffice(t, "x")).sign(t, statementType, claims(nil)), verification{keys: keys}, exitFailed, false},
		{"no key for statements", s.sign(t, statementType, claims(nil)), verification{keys: keys[1:]}, exitUsage, false},
		{"a record that was never logged", s.sign(t, statementType, claims(func(c, _, r m) { c["records"] = []any{r, m{"id": "r2"}} })), verification{keys: keys}, exitFailed, false},
		{"a record left out", s.sign(t, statementType, claims(func(c, _, _ m) { c["records"] = []any{} })), verification{keys: keys}, exitFailed, false},
		{"an altered record", s.sign(t, statementType, claims(func(_, _, r m) { r["tier"] = "minor" })), verification{keys: keys}, exitFailed, false},
		{"an objection that is not in the log", s.sign(t, statementType, claims(func(_, _, r m) { r["status"] = "disputed" })), verification{keys: keys}, exitFailed, false},
		{"logged before objections were", s.sign(t, statementType, claims(func(_, l, r m) {
			r["status"], l["records"] = "disputed", []credit.Opening{{ID: "r1", Salt: recordSalt, Document: string(oldDocument)}}
		})), verification{keys: keys}, 0, false},
		{"an altered document", s.sign(t, statementType, claims(func(_, l, _ m) { l["document"] = "{}" })), verification{keys: keys}, exitFailed, false},
		{"another subject", s.sign(t, statementType, claims(func(c, _, _ m) { c["code"], c["sub"] = "91410771MA00AAA105", "91410771MA00AAA105" })), verification{keys: keys}, exitFailed, false},
		{"another index", s.sign(t, statementType, claims(func(_, l, _ m) { l["index"] = 0 })), verification{keys: keys, proof: proof}, exitFailed, false},
		{"two subjects", s.sign(t, statementType, claims(func(c, _, _ m) { c["sub"] = "91410771MA00AAA105" })), verification{keys: keys}, exitFailed, false},
		{"cut", s.sign(t, statementType, claims(nil))[:300], verification{keys: keys}, exitFailed, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := o.verifying(tt.v).check(o.file("statement.jwt", append(slices.Clone(tt.token), '\n')))
			if c := code(t, err); c != tt.code {
				t.Errorf("exit %d (%v), want %d", c, err, tt.code)
			}
			if err == nil && (got.Log != "") != tt.full {
				t.Errorf("%+v", got)
			}
		})
	}
}

func mustProof(t *testing.T, o *notaryOffice, index int64) []byte {
	t.Helper()
	data, err := o.log.Proof(t.Context(), index)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestThreat_NoByteOfAStatementsProofCanBeChanged: the proof inside a statement is
// held to the log's key, not to the one who signed the statement. Each byte is
// flipped in turn. What still holds must prove the same entry.
func TestThreat_NoByteOfAStatementsProofCanBeChanged(t *testing.T) {
	t.Parallel()
	o := newNotaryOffice(t, notary.Disclosure)
	leaf := notary.Leaf{V: 1, Event: "profile", At: "2026-11-24T01:00:00Z", Commitment: notary.Commit(nil, []byte("x"))}
	o.fill(0, 300)
	o.add(leaf)
	data := o.proof(leaf)
	proof, err := notary.ParseProof(data)
	if err != nil {
		t.Fatal(err)
	}
	v := o.verifying(verification{keys: []string{o.keys("key", o.key)}})
	if err := v.leafIncluded(data, leaf, &proof.Index, new(verdict)); err != nil {
		t.Fatal(err)
	}
	other := leaf
	other.At = "2026-11-24T01:00:01Z"
	if v.leafIncluded(data, other, &proof.Index, new(verdict)) == nil {
		t.Error("another leaf is proved too")
	}
	// The line with the entry is for people: what is checked is the statement's leaf.
	from := bytes.Index(data, []byte("index "))
	for i := from; i < len(data); i++ {
		for _, bit := range []byte{1, 0x20, 0x80} {
			bent := bytes.Clone(data)
			bent[i] ^= bit
			if v.leafIncluded(bent, leaf, &proof.Index, new(verdict)) != nil {
				continue
			}
			// Base64 of a signature ends in bits that mean nothing.
			if end := bytes.TrimRight(data, "=\n"); i != len(end)-1 {
				t.Errorf("byte %d of %d, %q for %q, goes unnoticed", i, len(data), bent[i], data[i])
			}
		}
	}
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

// someNumber is a report's number with the check digit it needs.
func someNumber(t *testing.T) string {
	t.Helper()
	for n := range 1000 {
		if number := fmt.Sprintf("100000000%03d", n); func() bool { got, err := tipoff.ParseNumber(number); return err == nil && got == number }() {
			return number
		}
	}
	t.Fatal("no number has a right check digit")
	return ""
}

// TestStatementsOfTheCityHoldAndAreInItsLog: what the running city hands out is
// checked with its public files alone.
func TestStatementsOfTheCityHoldAndAreInItsLog(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	city := run{path: nothing(t), args: []string{"-data", data, "-demo"}}.serve(t)
	var demo struct{ Subjects []string }
	text, err := os.ReadFile(filepath.Join(data, "demo.json"))
	if err != nil || json.Unmarshal(text, &demo) != nil {
		t.Fatalf("%s (%v)", text, err)
	}
	var shown struct {
		Records []any
		Log     *struct{ URL string }
	}
	subject := ""
	eventually(t, "a subject's newest change is in the log", func() bool {
		for _, code := range demo.Subjects {
			a := city.get("/function/credit-lookup/subjects/" + code)
			if json.Unmarshal([]byte(a.body), &shown) != nil || shown.Log == nil || len(shown.Records) == 0 {
				continue
			}
			signed := strings.Split(city.get("/function/credit-lookup/statement/"+code).body, ".")
			if len(signed) != 3 {
				continue
			}
			if said, err := base64.RawURLEncoding.DecodeString(signed[1]); err == nil && bytes.Contains(said, []byte(`"proof":`)) {
				subject = code
				return true
			}
		}
		return false
	})
	dir := t.TempDir()
	save := func(name, path string) string {
		t.Helper()
		a := city.get(path)
		if a.status != 200 {
			t.Fatalf("%s: %d %s", path, a.status, a.body)
		}
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(a.body), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	args := []string{
		"verify", save("s.jwt", "/function/credit-lookup/statement/"+subject), "--json",
		"--key", save("jwks.json", "/function/credit-lookup/jwks.json"), "--key", save("key", "/function/disclosure-publish/log/key"),
	}
	beside := []string{"--proof", save("p.tlog-proof", strings.TrimPrefix(shown.Log.URL, city.base))}
	// With the city gone: the statement brings what proves it.
	city.end(os.Interrupt)
	for _, args := range [][]string{args, append(slices.Clone(args), beside...)} {
		x := run{path: nothing(t), args: args}.must(t)
		var got verdict
		if err := json.Unmarshal([]byte(x.out), &got); err != nil || !got.OK || !got.Content || got.Log == "" || got.Subject != subject || len(got.Not) != 0 {
			t.Errorf("%s (%v)", x.out, err)
		}
	}
}

// TestReceiptsOfTheCityHold: the answer to a tip-off, saved as it came, is checked
// with the installation's own keys, the content too.
func TestReceiptsOfTheCityHold(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	city := run{path: nothing(t), args: []string{"-data", data, "-demo"}}.serve(t)
	lodged := city.ask("POST", "/function/report-intake/reports",
		map[string]string{"Content-Type": "application/json", "Accept": "application/json", "Idempotency-Key": "0123456789abcdef0123456789abcdef"},
		strings.NewReader(`{"kind":"unlicensed-agency","parties":[{"name":"虚构甲"}],"narrative":"该公司没有代理资质，仍在网上承接 <专利> & 商标申请业务，收费后不开票。","anonymous":true,"language":"zh"}`))
	if lodged.status != 201 {
		t.Fatalf("%d %s", lodged.status, lodged.body)
	}
	file := filepath.Join(t.TempDir(), "receipt.json")
	if err := os.WriteFile(file, []byte(lodged.body), 0o600); err != nil {
		t.Fatal(err)
	}
	var answer struct{ ReportNo, Receipt string }
	if err := json.Unmarshal([]byte(lodged.body), &answer); err != nil {
		t.Fatal(err)
	}
	verify := func(file string) verdict {
		t.Helper()
		x := run{path: nothing(t), args: []string{"verify", file, "--json", "-data", data}}.must(t)
		var got verdict
		if err := json.Unmarshal([]byte(x.out), &got); err != nil || !got.OK || got.Number != answer.ReportNo {
			t.Errorf("%s (%v)", x.out, err)
		}
		return got
	}
	verify(file)
	question, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	tracked := city.ask("POST", "/function/report-intake/track",
		map[string]string{"Content-Type": "application/json", "Accept": "application/json"},
		strings.NewReader(strings.NewReplacer("ReportNo", "reportNo", "Receipt", "receipt").Replace(string(question))))
	if tracked.status != 200 {
		t.Fatalf("%d %s", tracked.status, tracked.body)
	}
	// With the receipt put beside it, what the follow-up answers is proved whole.
	whole := strings.Replace(tracked.body, "{", `{"receipt":"`+answer.Receipt+`",`, 1)
	if err := os.WriteFile(file, []byte(whole), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := verify(file); !got.Content {
		t.Errorf("the content was not checked: %+v", got)
	}
}
