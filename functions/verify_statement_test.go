package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"ipcredit/shared/credit"
	"ipcredit/shared/notary"
)

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
