package function

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
)

// keys are what this function derives from the secret intake-mac for itself;
// receipts are derived from the same secret by package tipoff, under a label of
// its own.
type keys struct {
	ticket   []byte // signs tickets
	question []byte // chooses the question that belongs to a ticket
	network  []byte // names networks for a day
	follow   []byte // seals the receipt inside a follow-up page
}

func deriveKeys(secret []byte) (keys, error) {
	var k keys
	if len(secret) < 32 {
		return k, errors.New("report-intake: intake-mac is shorter than 32 bytes")
	}
	for label, key := range map[string]*[]byte{"ticket": &k.ticket, "question": &k.question, "network": &k.network, "follow": &k.follow} {
		var err error
		if *key, err = hkdf.Key(sha256.New, secret, nil, "report-intake "+label+" v1", 32); err != nil {
			return k, fmt.Errorf("report-intake: %w", err)
		}
	}
	return k, nil
}

func mac(key []byte, parts ...string) []byte {
	m := hmac.New(sha256.New, key)
	for _, p := range parts {
		// The length before each part: no two lists give the same bytes.
		fmt.Fprintf(m, "%d:%s", len(p), p)
	}
	return m.Sum(nil)
}

// text64 is how bytes stand in a field or a name.
var text64 = base64.RawURLEncoding.Strict()
