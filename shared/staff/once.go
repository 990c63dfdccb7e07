package staff

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
)

// Made is what a submission made: all that is kept of it. The answer is not
// kept, because it may have shown a secret.
type Made struct {
	// Action and Ref are those of the journal entry.
	Action string    `json:"action"`
	Ref    string    `json:"ref"`
	At     time.Time `json:"at"`
	// Body is the keyed hash of what was sent.
	Body string `json:"body"`
}

// Repeated is returned in place of doing a second time what a submission has
// done already.
type Repeated struct{ Made Made }

func (r *Repeated) Error() string { return "staff: sent again: " + r.Made.Action + " " + r.Made.Ref }

// submission is what Once puts into a context.
type submission struct {
	name, body string
	done       bool // its change is made: later commits of the same call are free
}

type submissionKey struct{}

// Once returns a context under which this package makes the change a caller
// asked for at most once: the change is committed together with the note of the
// key, so that neither a double click nor a retry after a crash makes two. key
// is a form's ticket or an Idempotency-Key, at least 16 characters that nobody
// can guess; body is what was sent. For 24 hours (parameter once.hours) the
// same key is answered with *Repeated, or refused with the fault fn.key_reused
// where the body is another one. A refused change is not noted: it may be
// corrected and sent again.
func Once(ctx context.Context, caller, key string, body []byte) context.Context {
	sum := sha256.New()
	sum.Write([]byte("staff body\x00" + key + "\x00"))
	sum.Write(body)
	name := sha256.Sum256([]byte("staff once\x00" + caller + "\x00" + key))
	return context.WithValue(ctx, submissionKey{}, &submission{name: hex.EncodeToString(name[:16]), body: hex.EncodeToString(sum.Sum(nil))})
}

// Made says nil when the submission of the context has made nothing yet, and
// otherwise what a commit would: *Repeated or fn.key_reused. Ask it before
// anything that is dear or that the change itself has made impossible.
func (s *Store) Made(ctx context.Context, now time.Time) error {
	q, ok := ctx.Value(submissionKey{}).(*submission)
	if !ok {
		return nil
	}
	m, ok, err := fetch[Made](ctx, s.rdb(), s.key("once", q.name))
	if err != nil || !ok {
		return err
	}
	return s.repeats(q, m, now)
}

func (s *Store) repeats(q *submission, m Made, now time.Time) error {
	switch {
	case now.Sub(m.At) >= s.p.Hours("once.hours"):
		return nil
	case m.Body != q.body:
		return fault.New(fault.Refused, "fn.key_reused").With("Idempotency-Key", "fn.key_reused")
	}
	return &Repeated{m}
}

// commit is journal.Commit, once for a submission.
func (s *Store) commit(ctx context.Context, e journal.Entry, watch []string, f func(*journal.Tx) error) error {
	q, ok := ctx.Value(submissionKey{}).(*submission)
	if !ok || q.done {
		return s.j.Commit(ctx, e, watch, f)
	}
	key := s.key("once", q.name)
	err := s.j.Commit(ctx, e, append(watch, key), func(tx *journal.Tx) error {
		m, ok, err := fetch[Made](ctx, tx.Read(), key)
		if err != nil {
			return err
		}
		if ok {
			if err := s.repeats(q, m, e.At); err != nil {
				return err
			}
		}
		if err := f(tx); err != nil {
			return err
		}
		tx.ZAdd(s.key("onces"), float64(e.At.Unix()), q.name)
		return put(tx, key, Made{Action: e.Action, Ref: e.Ref, At: e.At.UTC(), Body: q.body})
	})
	q.done = q.done || err == nil
	return err
}

// forget takes off the notes that no longer count, at most a hundred a call.
func (s *Store) forget(ctx context.Context, now time.Time) (int, error) {
	names, err := s.before(ctx, s.key("onces"), now.Add(-s.p.Hours("once.hours")), 100)
	if err != nil || len(names) == 0 {
		return 0, err
	}
	watch := make([]string, len(names))
	for i, n := range names {
		watch[i] = s.key("once", n)
	}
	n := 0
	err = s.j.Commit(ctx, journal.Entry{Actor: "system", Action: "staff.once_end", Ref: "once", At: now}, watch, func(tx *journal.Tx) error {
		n = 0
		for i, key := range watch {
			m, _, err := fetch[Made](ctx, tx.Read(), key)
			if err != nil {
				return err
			}
			if now.Sub(m.At) < s.p.Hours("once.hours") {
				continue // used again meanwhile
			}
			tx.Del(key)
			tx.ZRem(s.key("onces"), names[i])
			n++
		}
		return nil
	})
	return n, err
}
