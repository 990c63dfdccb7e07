// Package courier keeps what is to be told to named reporters by the city's SMS
// or mail gateway, until it is told or given up.
//
// A parcel says that there is news about a tip-off and nothing else: no content,
// no name, no address. Whom it goes to is opened by the caller at the moment of
// sending and kept nowhere.
package courier

import (
	"time"
)

// Kind is what a parcel is about.
type Kind string

// The kinds. The words that the gateway may send are the catalogue's
// "courier.text."+Kind.
const (
	News Kind = "news" // something new stands on the reporter's page
)

// Parcel is one thing to be told.
type Parcel struct {
	// ID stays the same over all tries, so that the gateway tells it once.
	ID     string `json:"id"`
	Number string `json:"number"` // of the tip-off
	Kind   Kind   `json:"kind"`
	// Made is when it was due first, Next when it is tried next.
	Made time.Time `json:"made"`
	Next time.Time `json:"next"`
	// Tries counts the tries that failed; Why names the last failure, as one of
	// the Whys.
	Tries int    `json:"tries,omitempty"`
	Why   string `json:"why,omitempty"`
}

// Why a try failed. The words are the catalogue's "courier.why."+Why.
const (
	WhyAway    = "away"    // not reached, or no answer in time
	WhyRefused = "refused" // an answer other than 2xx
	WhyPrivate = "private" // an address inside, which is not called
	WhyContact = "contact" // whom to tell cannot be opened
)

// waits are how long to wait after each try: those that Standard Webhooks
// recommends, in a form that a tick each minute can keep. Ours to choose
// ([design]).
var waits = []time.Duration{
	time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
}

// Failed is the parcel after a try at now failed; given says that no other is
// made, because it failed often enough or never can work.
func (p Parcel) Failed(why string, now time.Time) (next Parcel, given bool) {
	p.Tries++
	p.Why = why
	if p.Tries > len(waits) {
		return p, true
	}
	p.Next = now.Add(waits[p.Tries-1]).UTC()
	return p, false
}
