package function

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/oklog/ulid/v2"

	"ipcredit/shared/credit"
	"ipcredit/shared/ident"
	"ipcredit/shared/page"
)

// statementType tells a statement from any other token signed with the same key
// (RFC 8725 §3.11).
const statementType = "ip-credit-statement+jwt"

// key signs statements.
type key struct {
	id      string // RFC 7638 thumbprint of the public half
	private ed25519.PrivateKey
}

// readKeys reads the secret: one Ed25519 seed of 32 bytes a line, in base64. The
// first signs; all are published, so that a new key can be made known before it
// signs and an old one stays known while its statements hold.
func readKeys(secret []byte) ([]key, error) {
	var keys []key
	for line := range bytes.Lines(secret) {
		text := strings.TrimSpace(string(line))
		if text == "" {
			continue
		}
		seed, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(seed) != ed25519.SeedSize {
			// The line is a secret: say which, not what.
			return nil, fmt.Errorf("credit-lookup: statement-key: line %d is not base64 of %d bytes", len(keys)+1, ed25519.SeedSize)
		}
		k := key{private: ed25519.NewKeyFromSeed(seed)}
		public := jose.JSONWebKey{Key: k.private.Public()}
		sum, err := public.Thumbprint(crypto.SHA256)
		if err != nil {
			return nil, fmt.Errorf("credit-lookup: statement-key: %w", err)
		}
		k.id = base64.RawURLEncoding.EncodeToString(sum)
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("credit-lookup: statement-key is empty")
	}
	return keys, nil
}

func (k key) public() jose.JSONWebKey {
	return jose.JSONWebKey{Key: k.private.Public(), KeyID: k.id, Algorithm: string(jose.EdDSA), Use: "sig"}
}

// claims are what a statement says: the answer of the lookup, who says it, and
// until when it holds.
type claims struct {
	Issuer  string `json:"iss"`
	Subject string `json:"sub"` // the credit code
	ID      string `json:"jti"`
	Issued  int64  `json:"iat"`
	Expires int64  `json:"exp"`
	credit.Answer
	// Log takes the place of the answer's: the proof that it is in the public log,
	// to be checked offline; of a change that still waits for its entry, the entry
	// before it.
	Log any `json:"log"`
	// Notice says that this is no endorsement.
	Notice string `json:"notice"`
	Demo   bool   `json:"demo,omitempty"`
}

// statement signs what the lookup answers now. It ends before the answer changes
// by itself, and after a day at the latest.
func (l *lookup) statement(w http.ResponseWriter, r *http.Request) error {
	code, err := ident.ParseUSCC(r.PathValue("code"))
	if err != nil {
		return err
	}
	p, err := l.credit.Load(r.Context(), string(code))
	if err != nil {
		return l.elsewhere(w, r, string(code), err)
	}
	law, err := l.credit.Law(r.Context())
	if err != nil {
		return err
	}
	now := l.now()
	a := p.Answer(law, now)
	log, err := l.evidence(r.Context(), p, a, now)
	if err != nil {
		return err
	}
	expires := now.Add(time.Duration(chosen.N("statement.hours")) * time.Hour)
	if a.Next != nil && a.Next.Before(expires) {
		expires = *a.Next
	}
	body, err := json.Marshal(claims{
		Issuer: l.env.PublicURL, Subject: a.Code, ID: ulid.Make().String(), Issued: now.Unix(), Expires: expires.Unix(),
		Answer: a, Log: log, Notice: page.Say(asked(r), "credit-lookup.note"), Demo: l.env.Demo,
	})
	if err != nil {
		return fmt.Errorf("credit-lookup: statement: %w", err)
	}
	token, err := l.keys[0].sign(body)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/jwt")
	h.Set("Content-Disposition", `attachment; filename="ip-credit-`+a.Code+`.jwt"`)
	h.Set("Cache-Control", "no-store")
	_, err = w.Write([]byte(token))
	return err
}

// pending is the log of an answer whose newest change waits for its entry, or for
// its proof. The entry named may be that of the change before.
type pending struct {
	credit.Log
	Pending bool `json:"pending"`
}

// evidence is a statement's log: nil where the answer has none.
func (l *lookup) evidence(c ctx, p credit.Profile, a credit.Answer, now time.Time) (any, error) {
	if a.Log == nil {
		return nil, nil
	}
	e, err := l.credit.Evidence(c, p, now)
	if err != nil {
		return nil, err
	}
	if e == nil {
		return pending{*a.Log, true}, nil
	}
	return e, nil
}

func (k key) sign(body []byte) (string, error) {
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: k.private, KeyID: k.id}},
		(&jose.SignerOptions{}).WithType(statementType))
	if err != nil {
		return "", fmt.Errorf("credit-lookup: statement: %w", err)
	}
	signed, err := signer.Sign(body)
	if err != nil {
		return "", fmt.Errorf("credit-lookup: statement: %w", err)
	}
	return signed.CompactSerialize()
}

// jwks publishes the keys statements are checked with.
func (l *lookup) jwks(w http.ResponseWriter, r *http.Request) error {
	var set jose.JSONWebKeySet
	for _, k := range l.keys {
		set.Keys = append(set.Keys, k.public())
	}
	body, err := json.Marshal(set)
	if err != nil {
		return fmt.Errorf("credit-lookup: keys: %w", err)
	}
	h := w.Header()
	h.Set("Content-Type", "application/jwk-set+json")
	h.Set("Cache-Control", public("cache.keys_seconds"))
	return send(w, r, http.StatusOK, tagOf(body), body)
}
