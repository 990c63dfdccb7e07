package fn

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
)

// replay is how long the answer to an Idempotency-Key is kept.
const replay = 24 * time.Hour

// running is how long a key blocks others while its request is being answered;
// after a crash the request may be sent again when it has passed.
const running = time.Minute

// kept is what is stored under an Idempotency-Key.
type kept struct {
	Body   string      `json:"body"`             // SHA-256 of the request's body
	Status int         `json:"status,omitempty"` // 0 while running
	Header http.Header `json:"header,omitempty"`
	Answer []byte      `json:"answer,omitempty"`
}

// Once makes h answer a repeated Idempotency-Key (draft-ietf-httpapi-
// idempotency-key-header) with its first answer for 24 hours: 409 while the
// first is still being answered, 422 for the same key with another body.
// Requests without the header pass through. caller separates the keys of
// different callers (a key id, a user); refusals and our own faults are not
// kept, so that a corrected or later try works.
//
// Only for answers without a secret: they are stored as they are.
func Once(j *journal.Journal, caller func(*http.Request) string, h Handler) Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		key, err := IdempotencyKey(r)
		if err != nil {
			return err
		}
		if key == "" {
			return h(w, r)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return fmt.Errorf("fn: reading body: %w", err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		sum := sha256.Sum256(body)
		scope := sha256.Sum256([]byte(r.Pattern + "\x00" + caller(r) + "\x00" + key))
		name := j.Tmp("once", hex.EncodeToString(scope[:]))
		mine := kept{Body: hex.EncodeToString(sum[:])}

		first, err := claim(r.Context(), j, name, mine)
		if err != nil {
			return err
		}
		if first != nil {
			switch {
			case first.Body != mine.Body:
				return fault.New(fault.Refused, "fn.key_reused").With("Idempotency-Key", "fn.key_reused")
			case first.Status == 0:
				return fault.New(fault.Conflict, "fn.key_running").After(time.Second)
			}
			for n, v := range first.Header {
				w.Header()[n] = v
			}
			w.Header().Set("Idempotent-Replayed", "true")
			w.WriteHeader(first.Status)
			return writeBody(w, first.Answer)
		}

		rec := &recorder{header: http.Header{}}
		if err := h(rec, r); err != nil || rec.status >= 400 {
			// Not kept: the caller may correct the request and use the key again.
			if del := j.Redis().Del(context.WithoutCancel(r.Context()), name).Err(); del != nil {
				err = errors.Join(err, del)
			}
			if err != nil {
				return err
			}
		} else {
			mine.Status, mine.Header, mine.Answer = rec.status, rec.header, rec.body.Bytes()
			value, err := json.Marshal(mine)
			if err != nil {
				return fmt.Errorf("fn: keeping answer: %w", err)
			}
			if err := j.Redis().Set(context.WithoutCancel(r.Context()), name, value, replay).Err(); err != nil {
				return fmt.Errorf("fn: keeping answer: %w", err)
			}
		}
		for n, v := range rec.header {
			w.Header()[n] = v
		}
		if rec.status != 0 {
			w.WriteHeader(rec.status)
		}
		return writeBody(w, rec.body.Bytes())
	}
}

// IdempotencyKey is the request's key, or empty where it has none. A key that
// others could guess or that no header should hold is refused.
func IdempotencyKey(r *http.Request) (string, error) {
	key := r.Header.Get("Idempotency-Key")
	if key != "" && (!visible(key) || len(key) < 16 || len(key) > 200) {
		return "", fault.New(fault.Invalid, "fn.key_length").With("Idempotency-Key", "fn.key_length")
	}
	return key, nil
}

// claim takes the key for this request, or returns what stands under it.
func claim(ctx context.Context, j *journal.Journal, name string, mine kept) (*kept, error) {
	value, err := json.Marshal(mine)
	if err != nil {
		return nil, fmt.Errorf("fn: claiming key: %w", err)
	}
	for range 3 {
		won, err := j.Redis().SetNX(ctx, name, value, running).Result()
		if err != nil {
			return nil, fmt.Errorf("fn: claiming key: %w", err)
		}
		if won {
			return nil, nil
		}
		stored, err := j.Redis().Get(ctx, name).Bytes()
		if errors.Is(err, redis.Nil) {
			continue // it has just expired
		}
		if err != nil {
			return nil, fmt.Errorf("fn: reading key: %w", err)
		}
		var first kept
		if err := json.Unmarshal(stored, &first); err != nil {
			return nil, fmt.Errorf("fn: reading key: %w", err)
		}
		return &first, nil
	}
	return nil, fault.New(fault.Conflict, "fn.key_running").After(time.Second)
}

// writeBody writes a body; none where there is none, which 204 forbids.
func writeBody(w http.ResponseWriter, data []byte) error {
	if len(data) == 0 {
		return nil
	}
	_, err := w.Write(data)
	return err
}

func visible(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}
