package function

import (
	"crypto/hmac"
	"crypto/rand"
	"encoding/binary"
	"time"
)

// A ticket says that we handed out a form and when. Its random part is the
// idempotency key of what the form sends, so the same form sent twice makes one
// report, and the receipt that is derived from it is the same receipt.
type ticket struct {
	at   time.Time
	text string
}

// ticketRandom is the random part: 160 bits.
const ticketRandom = 20

const ticketMAC = 16

// newTicket makes the ticket of a form handed out at an instant.
func newTicket(key []byte, form string, at time.Time) string {
	b := make([]byte, 8, 8+ticketRandom+ticketMAC)
	binary.BigEndian.PutUint64(b, uint64(at.Unix()))
	b = b[:8+ticketRandom]
	_, _ = rand.Read(b[8:]) // never fails
	return text64.EncodeToString(append(b, mac(key, form, string(b))[:ticketMAC]...))
}

// readTicket reads a ticket that was made for the form; ok is false for any
// other text.
func readTicket(key []byte, form, text string) (t ticket, ok bool) {
	b, err := text64.DecodeString(text)
	if err != nil || len(b) != 8+ticketRandom+ticketMAC {
		return t, false
	}
	body, sum := b[:8+ticketRandom], b[8+ticketRandom:]
	if !hmac.Equal(sum, mac(key, form, string(body))[:ticketMAC]) {
		return t, false
	}
	return ticket{at: time.Unix(int64(binary.BigEndian.Uint64(body)), 0), text: text}, true
}
