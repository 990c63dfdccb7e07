package main

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"ipcredit/shared/credit"
	"ipcredit/shared/notary"
)

// isJWS tells whether the file is a token in compact form.
func isJWS(data []byte) bool {
	parts := bytes.Split(bytes.TrimSpace(data), []byte("."))
	for _, p := range parts {
		if len(p) == 0 || bytes.ContainsFunc(p, func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_')
		}) {
			return false
		}
	}
	return len(parts) == 3
}

// statementType is the type of credit-lookup's statements.
const statementType = "ip-credit-statement+jwt"

// claims are what a statement says, as far as it is checked here.
type claims struct {
	Issuer  string           `json:"iss"`
	Subject string           `json:"sub"`
	Issued  int64            `json:"iat"`
	Expires int64            `json:"exp"`
	Code    string           `json:"code"`
	Records []map[string]any `json:"records"`
	Log     *struct {
		logEntry
		Pending bool             `json:"pending"`
		Records []credit.Opening `json:"records"`
		Proof   string           `json:"proof"`
	} `json:"log"`
}

// statement checks a credit statement: who signed it, whether it still holds, and
// that what it shows is what stands in the log.
func (v verification) statement(token []byte, out *verdict) error {
	out.Kind = "statement"
	signed, err := jose.ParseSignedCompact(string(token), []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil || len(signed.Signatures) != 1 {
		return checkFailed("runner.verify.no_statement")
	}
	head := signed.Signatures[0].Protected
	if head.ExtraHeaders[jose.HeaderType] != statementType {
		return checkFailed("runner.verify.no_statement")
	}
	keys, err := v.webKeys(head.KeyID)
	if err != nil {
		return err
	}
	var c claims
	payload, err := []byte(nil), errors.New("no key")
	for _, k := range keys {
		if payload, err = signed.Verify(k); err == nil {
			break
		}
	}
	if err != nil {
		return checkFailed("runner.verify.bad_signature")
	}
	if err := json.Unmarshal(payload, &c); err != nil || c.Subject != c.Code {
		return checkFailed("runner.verify.no_statement")
	}
	issued, expires := time.Unix(c.Issued, 0).UTC(), time.Unix(c.Expires, 0).UTC()
	out.By, out.Subject, out.Issued, out.Expires = c.Issuer, c.Code, &issued, &expires
	switch {
	case c.Log == nil:
		out.lacks("runner.verify.no_log")
	case c.Log.Pending:
		out.lacks("runner.verify.pending", c.Log.URL)
	default:
		if err := c.opens(); err != nil {
			return err
		}
		out.Leaf, out.Content = &c.Log.Leaf, true
		// The proof that the statement brings, and the one given beside it: each must
		// hold.
		var proofs [][]byte
		known, err := v.knowsALog()
		switch {
		case err != nil:
			return err
		case c.Log.Proof != "" && known:
			proofs = append(proofs, []byte(c.Log.Proof))
		case c.Log.Proof != "":
			out.lacks("runner.verify.lacks_log_key")
		case v.proof == "":
			out.lacks("runner.verify.lacks_statement_proof", c.Log.URL)
		}
		if v.proof != "" {
			proof, err := readFile(v.proof)
			if err != nil {
				return err
			}
			proofs = append(proofs, proof)
		}
		for _, proof := range proofs {
			if err := v.leafIncluded(proof, c.Log.Leaf, &c.Log.Index, out); err != nil {
				return err
			}
		}
	}
	// Last, for it says the least: it was true until then.
	if now := v.now(); !now.Before(expires) {
		return checkFailed("runner.verify.expired", expires.Format(time.RFC3339))
	}
	return nil
}

// bound are the members of a record that its commitment binds.
var bound = []string{"id", "act", "tier", "instrumentNo", "authority", "source", "determinedOn"}

// opens checks that the leaf commits to the statement's document, the document to
// each record's, and each record's to what the statement shows.
func (c claims) opens() error {
	bad := checkFailed("runner.verify.bad_log")
	document, ok := c.Log.subject()
	if !ok || document.Code != c.Code || len(c.Records) != len(c.Log.Records) {
		return bad
	}
	for _, shown := range c.Records {
		i := slices.IndexFunc(c.Log.Records, func(o credit.Opening) bool { return o.ID == shown["id"] })
		if i < 0 || !document.holds(c.Log.Records[i]) {
			return bad
		}
		var opened map[string]any
		if json.Unmarshal([]byte(c.Log.Records[i].Document), &opened) != nil {
			return bad
		}
		for _, member := range bound {
			if !reflect.DeepEqual(shown[member], opened[member]) {
				return bad
			}
		}
		// Entries from before objections were logged do not say.
		if disputed, says := opened["disputed"]; says && disputed != (shown["status"] == string(credit.Disputed)) {
			return bad
		}
	}
	return nil
}

// knowsALog tells whether a proof can be checked at all: whether any key of a log
// was given, of whatever log, or is the installation's.
func (v verification) knowsALog() (bool, error) {
	for _, k := range v.keys {
		text, err := keyText(k)
		if err != nil {
			return false, err
		}
		if _, err := notary.ParsePublic(text); err == nil {
			return true, nil
		}
	}
	_, err := v.place.logKey("log-key")
	return len(v.keys) == 0 && err == nil, nil
}

// webKeys are the keys of this id among those given, or of the installation in
// the data directory.
func (v verification) webKeys(id string) ([]jose.JSONWebKey, error) {
	var set jose.JSONWebKeySet
	for _, k := range v.keys {
		text, err := keyText(k)
		if err != nil {
			return nil, err
		}
		var some jose.JSONWebKeySet
		if json.Unmarshal([]byte(text), &some) == nil {
			set.Keys = append(set.Keys, some.Keys...)
		}
	}
	if len(v.keys) == 0 {
		set.Keys = ownWebKeys(v.place.data)
	}
	if len(set.Keys) == 0 {
		return nil, &stop{exitUsage, say("runner.verify.which_web_key"), nil}
	}
	keys := set.Key(id)
	if len(keys) == 0 {
		return nil, checkFailed("runner.verify.other_key", id)
	}
	return keys, nil
}

// ownWebKeys are the public halves of the installation's statement keys: seeds in
// base64, one a line.
func ownWebKeys(data string) []jose.JSONWebKey {
	secret, err := os.ReadFile(filepath.Join(data, "secrets", "statement-key"))
	if err != nil {
		return nil
	}
	var keys []jose.JSONWebKey
	for _, line := range strings.Fields(string(secret)) {
		seed, err := base64.StdEncoding.DecodeString(line)
		if err != nil || len(seed) != ed25519.SeedSize {
			return nil
		}
		k := jose.JSONWebKey{Key: ed25519.NewKeyFromSeed(seed).Public(), Algorithm: string(jose.EdDSA)}
		if sum, err := k.Thumbprint(crypto.SHA256); err == nil {
			k.KeyID = base64.RawURLEncoding.EncodeToString(sum)
			keys = append(keys, k)
		}
	}
	return keys
}
