package tipoff

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/seal"
	"ipcredit/shared/workday"
)

// content is what is sealed of a tip-off when it is lodged, padded.
type content struct {
	Version int `json:"v"`
	// Document is the canonical JSON that the receipt proves.
	Document string  `json:"document"`
	Channel  Channel `json:"channel"`
	Original string  `json:"original,omitzero"`
	// At is the instant, which in the clear is only a day.
	At    time.Time `json:"at"`
	Boxes []Box     `json:"boxes,omitempty"`
	// Reporter is the reporter's identity, sealed to a key of its own first.
	Reporter string `json:"reporter,omitzero"`
	By       string `json:"by,omitzero"` // the officer who wrote it down
}

const contentVersion = 1

// lodged reads the document back.
func (c content) lodged() (Lodged, error) {
	var l Lodged
	if err := json.Unmarshal([]byte(c.Document), &l); err != nil {
		return l, fmt.Errorf("tipoff: reading a document: %w", seal.ErrDamaged)
	}
	return l, nil
}

// sealed seals a value as JSON, padded, so that only its size bucket shows.
func sealed(to seal.Recipient, v any) (string, error) {
	text, _, err := sealedSize(to, v)
	return text, err
}

// sealedSize is sealed, with the bucket.
func sealedSize(to seal.Recipient, v any) (string, int, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return "", 0, fmt.Errorf("tipoff: %w", err)
	}
	text, err := to.SealText(string(raw))
	if err != nil {
		return "", 0, fmt.Errorf("tipoff: %w", err)
	}
	return text, seal.Bucket(len(raw)), nil
}

// unsealed opens what sealed made. No error quotes what was read.
func unsealed[T any](id seal.Identity, text string) (T, error) {
	var v T
	raw, err := id.UnsealText(text)
	if err != nil {
		return v, fmt.Errorf("tipoff: opening: %w", err)
	}
	if json.Unmarshal([]byte(raw), &v) != nil {
		return v, fmt.Errorf("tipoff: opening: %w", seal.ErrDamaged)
	}
	return v, nil
}

// sealReporter seals an identity to the key that is made for it; what holds it is
// then sealed to the tip-off's own key.
func sealReporter(person seal.Recipient, who Reporter) (string, error) {
	return sealed(person, struct {
		Name    string `json:"name"`
		Contact string `json:"contact"`
	}{who.Name, who.Contact})
}

// post is a message as it is stored: who and when in the clear, as the state
// tells it anyway.
type post struct {
	By     Speaker      `json:"by"`
	On     workday.Date `json:"on"`
	Sealed string       `json:"sealed"`
}

// said is what is sealed of a message.
type said struct {
	Kind  string    `json:"kind"`
	Text  string    `json:"text"`
	Score int       `json:"score,omitzero"`
	At    time.Time `json:"at"`
	// Reporter is sealed to the identity's key: whoever names himself for a reward.
	Reporter string `json:"reporter,omitzero"`
}

// The kinds of messages.
const (
	plainMessage   = "message"
	answerMessage  = "answer"
	disputeMessage = "dispute"
	ratingMessage  = "rating"
	rewardMessage  = "reward"
)

// noted is what is sealed of a note, first to the unit and the escrow and then to
// the tip-off's key, so that neither the reporter's receipt nor a copy that outlives the
// tip-off opens it.
type noted struct {
	Text string `json:"text"`
	// Into is the tip-off that this one is handled with.
	Into string `json:"into,omitzero"`
	// Same is one that is handled with this one.
	Same string `json:"same,omitzero"`
}

// note is a remark as it is stored.
type storedNote struct {
	By     string       `json:"by"`
	On     workday.Date `json:"on"`
	Unit   string       `json:"unit"`
	Sealed string       `json:"sealed"`
}

// addPost queues a message.
func (s store) addPost(tx *journal.Tx, r *Report, by Speaker, on workday.Date, sealed string) error {
	r.Posts++
	value, err := json.Marshal(post{By: by, On: on, Sealed: sealed})
	if err != nil {
		return fmt.Errorf("tipoff: %w", err)
	}
	s.set(tx, r.Number, "thread", strconv.Itoa(r.Posts), string(value))
	return nil
}

// addNote queues a remark.
func (s store) addNote(tx *journal.Tx, r *Report, by string, on workday.Date, unit, sealed string) error {
	r.Notes++
	value, err := json.Marshal(storedNote{By: by, On: on, Unit: unit, Sealed: sealed})
	if err != nil {
		return fmt.Errorf("tipoff: %w", err)
	}
	s.set(tx, r.Number, "notes", strconv.Itoa(r.Notes), string(value))
	return nil
}

// damage collects what of a tip-off cannot be opened any more, so that the rest
// is shown all the same. Each error says which part it is, and nothing of what it
// held.
type damage []error

// note remembers a damaged part and tells that it was one; another error is the
// caller's.
func (d *damage) note(err error, number, part string, n int) bool {
	if !errors.Is(err, seal.ErrDamaged) && !errors.Is(err, seal.ErrWrongKey) {
		return false
	}
	*d = append(*d, fmt.Errorf("tipoff: %s %d of %s: %w", part, n, number, err))
	return true
}

// thread opens the messages. One that is damaged stands there as that.
func (s store) thread(ctx context.Context, number string, id seal.Identity, broken *damage) ([]Message, []said, error) {
	values, err := s.hash(ctx, number, "thread")
	if err != nil {
		return nil, nil, err
	}
	var messages []Message
	var all []said
	for n, v := range values {
		var p post
		t, err := said{}, error(nil)
		if json.Unmarshal([]byte(v), &p) != nil {
			err = seal.ErrDamaged // the error would quote it
		} else {
			t, err = unsealed[said](id, p.Sealed)
		}
		m := Message{N: n + 1, By: p.By, Kind: t.Kind, On: p.On, Text: t.Text, Score: t.Score}
		if err != nil {
			if !broken.note(err, number, "message", m.N) {
				return nil, nil, err
			}
			m.Kind, m.Damaged = plainMessage, true
		}
		all = append(all, t)
		messages = append(messages, m)
	}
	return messages, all, nil
}

// asks fills in the reasons, for those who may read them.
func (s store) asks(ctx context.Context, r Report, id seal.Identity, broken *damage) ([]Ask, error) {
	if len(r.Asks) == 0 {
		return nil, nil
	}
	reasons, err := s.reasons(ctx, r.Number)
	if err != nil {
		return nil, err
	}
	out := append([]Ask(nil), r.Asks...)
	for n := range out {
		reason, err := unsealed[said](id, reasons[out[n].ID])
		if err != nil && !broken.note(err, r.Number, "request", n+1) {
			return nil, err
		}
		out[n].Reason, out[n].Damaged = reason.Text, err != nil
	}
	return out, nil
}

// onceMark is how a form's ticket and what it sent are remembered: by hashes, the
// second keyed with the ticket, which is random and not stored.
func onceMark(ticket, sent string) (field, value string) {
	name := sha256.Sum256([]byte("tip-off form\x00" + ticket))
	return hex.EncodeToString(name[:16]), hex.EncodeToString(derive([]byte(ticket), "sent", sent)[:16])
}

// checkTicket refuses a form's ticket that somebody could guess; none is none.
func checkTicket(ticket string) error {
	if ticket == "" {
		return nil
	}
	return CheckKey(ticket)
}

// unknown is the one answer to a number that does not exist and to a receipt that
// does not fit.
func unknown() error { return fault.New(fault.NotFound, "tipoff.unknown") }
