package fn

import (
	"net/http"

	"ipcredit/shared/fault"
)

// IdempotencyKey is the request's key (draft-ietf-httpapi-idempotency-key-header),
// or empty where it has none. A key that others could guess or that no header
// should hold is refused.
//
// What a key stands for is kept by whoever makes something under it, in the
// commit that makes it: an answer kept beside would be lost with a cache, and one
// that holds a secret may not be kept at all.
func IdempotencyKey(r *http.Request) (string, error) {
	key := r.Header.Get("Idempotency-Key")
	if key != "" && (!visible(key) || len(key) < 16 || len(key) > 200) {
		return "", fault.New(fault.Invalid, "fn.key_length").With("Idempotency-Key", "fn.key_length")
	}
	return key, nil
}

func visible(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}
