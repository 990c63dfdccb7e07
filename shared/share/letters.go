package share

import (
	"context"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/journal"
	"ipcredit/shared/liaison"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
)

// Letters are the regulatory shares of two cities and what comes back on them (see
// shared/liaison). Here they are carried, sealed from desk to desk: a city asks for
// those that wait for it by cursor, as for changes, and is told that some wait. The
// two keys are exchanged with what else a source takes: its desk's, which stands in
// Source.Recipient, and the API key of the organisation that the city is here.

// Exchanges tells whether letters are exchanged with the source.
func (x Source) Exchanges() bool { return x.State == Active && x.Recipient != "" }

// Fetched is how many of its letters were fetched.
func (x Source) Fetched() int64 {
	text, _, _ := strings.Cut(x.Letters, ".")
	n, _ := strconv.ParseInt(text, 10, 64) // "" before the first
	return n
}

// lettersOf and lettersTo hold the id of the one source with which letters are
// exchanged: by the organisation that asks for them here, and by the city.
func (s *Store) lettersOf(org string) string  { return s.key("letters-of", org) }
func (s *Store) lettersTo(city string) string { return s.key("letters-to", city) }

// exchange finds the source under one of these keys.
func (s *Store) exchange(ctx context.Context, key string) (Source, bool, error) {
	id, ok, err := journal.Read[string](ctx, s.journal.Redis(), key)
	if err != nil || !ok {
		return Source{}, false, err
	}
	x, err := s.source(ctx, s.journal.Redis(), id)
	return x, err == nil && x.Exchanges(), err
}

// claimLetters queues that letters are exchanged with the source: with no other of
// the same city, and for no other under the same organisation, or one city could
// fetch another's.
func (s *Store) claimLetters(ctx context.Context, tx *journal.Tx, x Source) error {
	if x.Recipient == "" {
		return nil
	}
	for _, key := range []string{s.lettersOf(x.Org), s.lettersTo(x.Region)} {
		if err := tx.Watch(key); err != nil {
			return err
		}
		id, ok, err := journal.Read[string](ctx, tx.Read(), key)
		if err != nil {
			return err
		}
		if ok && id != x.ID {
			other, err := s.source(ctx, tx.Read(), id)
			if err != nil {
				return err
			}
			if other.Exchanges() {
				return fault.New(fault.Conflict, "share.letters_taken")
			}
		}
		if err := journal.Put(tx, key, x.ID); err != nil {
			return err
		}
	}
	return nil
}

// checkLetters reads the desk's key and the organisation of a source that exchanges
// letters: it takes an address and a key to ask with as well.
func (s *Store) checkLetters(ctx context.Context, x *Source, f Following, bad *fault.Error) (*fault.Error, error) {
	keys := strings.Join(strings.Fields(f.Recipient), "\n")
	x.Org = strings.TrimSpace(f.Org)
	if keys == "" && x.Org == "" {
		return bad, nil
	}
	to, err := seal.ParseRecipient(keys)
	if err != nil {
		bad = bad.With("recipient", "share.recipient")
	}
	x.Recipient = to.String()
	org, err := s.config.Staff.Organization(ctx, x.Org)
	switch {
	case fault.Is(err, fault.NotFound):
		bad = bad.With("org", "share.choose")
	case err != nil:
		return bad, err
	case org.Closed || !Region.Fits(org.Kind, ""):
		bad = bad.With("org", "share.org")
	}
	if x.URL == "" {
		bad = bad.With("url", "share.url")
	}
	return bad, nil
}

// Peer is the city with which letters of the division's region are exchanged; false
// where they go on paper.
func (s *Store) Peer(ctx context.Context, division string) (liaison.Peer, bool, error) {
	if len(division) != 6 {
		return liaison.Peer{}, false, nil
	}
	city := division[:4] + "00"
	switch area, ok := ident.AreaOf(division); {
	case ok && area.Successor != "": // its matters are the successor's
		city = area.Successor[:4] + "00"
	}
	x, ok, err := s.exchange(ctx, s.lettersTo(city))
	if err != nil || !ok {
		return liaison.Peer{}, false, err
	}
	to, err := seal.ParseRecipient(x.Recipient)
	if err != nil {
		return liaison.Peer{}, false, err
	}
	return liaison.Peer{City: x.Region, Name: x.Name, To: to, Proves: func(p liaison.Sealed) bool { return x.proves(p, time.Time{}) }}, true, nil
}

// letterID is what a parcel is signed as, so that its signature is good for no
// delivery.
func letterID(id string) string { return "letter-" + id }

// proves tells whether the source signed the parcel: at the instant, or at any time
// where it is zero.
func (x Source) proves(p liaison.Sealed, now time.Time) bool {
	if now.IsZero() {
		seconds, err := strconv.ParseInt(p.Timestamp, 10, 64)
		if err != nil {
			return false
		}
		now = time.Unix(seconds, 0)
	}
	return Verify(x.Key, letterID(p.ID), p.Timestamp, p.Signature, []byte(p.Sealed), now) == nil
}

// LetterPage is what a city that asks for its letters gets: which wait, and the cursor
// to go on from.
type LetterPage struct {
	IDs  []string
	Next string
	More bool
}

// Letters lists the parcels that wait for the city that asks as the organisation,
// behind the cursor, and notes how far it is. To who exchanges none there is
// fault.NotFound.
func (s *Store) Letters(ctx context.Context, org, by, cursor string, limit int, now time.Time) (LetterPage, error) {
	x, ok, err := s.exchange(ctx, s.lettersOf(org))
	if err != nil {
		return LetterPage{}, err
	}
	if !ok {
		return LetterPage{}, unknown()
	}
	var w LetterPage
	w.IDs, w.Next, w.More, err = s.mail.Waiting(ctx, x.Region, cursor, min(max(limit, 1), mostLetters))
	if err != nil {
		return w, err
	}
	return w, s.mail.NoteFetched(ctx, by, x.Region, cursor, now)
}

// Letter gives the city a parcel that waits for it, signed, and notes that.
func (s *Store) Letter(ctx context.Context, org, by, id string, now time.Time) (liaison.Sealed, error) {
	x, ok, err := s.exchange(ctx, s.lettersOf(org))
	if err != nil {
		return liaison.Sealed{}, err
	}
	if !ok || !parcelForm.MatchString(id) {
		return liaison.Sealed{}, unknown()
	}
	text, err := s.mail.Body(ctx, x.Region, id)
	if fault.Is(err, fault.NotFound) {
		err = unknown()
	}
	if err != nil {
		return liaison.Sealed{}, err
	}
	h, err := s.config.Key.Headers(letterID(id), now, []byte(text), "")
	if err != nil {
		return liaison.Sealed{}, err
	}
	p := liaison.Sealed{ID: id, Sealed: text, Timestamp: h["webhook-timestamp"], Signature: h["webhook-signature"]}
	return p, s.journal.Commit(ctx, journal.Entry{Actor: by, Action: "share.letter", Ref: "parcel:" + id, At: now}, nil, func(tx *journal.Tx) error {
		tx.HSet(s.key("letter", org), id, strconv.FormatInt(now.UnixMilli(), 10))
		return nil
	})
}

// parcelForm is what the id of a parcel looks like.
var parcelForm = regexp.MustCompile(`^[pb][0-9a-z]{26}$`)

const (
	// mostLetters are listed at once, mostLetterBytes are read of one.
	mostLetters     = 50
	mostLetterBytes = liaison.MostSealed + 4<<10
)

// waitingPage is what a source answers, as far as it is used.
type waitingPage struct {
	Results []struct {
		ID string `json:"id"`
	} `json:"results"`
	Next string `json:"next"`
	More bool   `json:"more"`
}

// askLetters fetches the letters that wait at the source. The cursor goes on only
// when all are here, so a stretch that was cut short is asked for again. A source
// that knows no letters has none.
func (s *Store) askLetters(ctx context.Context, a asker) (more bool, err error) {
	x := a.source
	if x.Recipient == "" {
		return false, nil
	}
	answer, err := a.get(ctx, "/letters?limit="+strconv.Itoa(mostLetters)+"&cursor="+url.QueryEscape(x.Letters), mostPage)
	if err != nil {
		return false, err
	}
	entry := journal.Entry{Actor: "source:" + x.ID, Action: "share.ask_letters", Ref: "source:" + x.ID, At: a.now()}
	if answer.Unknown() {
		return false, nil
	}
	if answer.Bad() && x.Letters != "" {
		// The other city lost its last letters: what it has is told anew.
		return true, s.heard(ctx, entry, x.ID, Received{}, func(next *Source) { next.Letters = "" })
	}
	var p waitingPage
	if err := readAnswer(answer, &p); err != nil {
		return false, err
	}
	if len(p.Results) > mostLetters || len(p.Next) > 80 || p.More && p.Next == x.Letters {
		return false, &trouble{why: WhyGarbled}
	}
	var ids []string
	for _, r := range p.Results {
		if !parcelForm.MatchString(r.ID) {
			return false, &trouble{why: WhyGarbled}
		}
		ids = append(ids, r.ID)
	}
	wanted, room, err := s.mail.Wanted(ctx, x.Region, ids)
	if err != nil || !room {
		return false, err // the desk must open some first
	}
	for _, id := range wanted {
		got, err := a.letter(ctx, id)
		if err != nil {
			return false, err
		}
		if !got && slices.Contains(ids, id) {
			return false, nil // it is being sealed anew there
		}
	}
	if p.Next == x.Letters {
		return false, nil
	}
	return p.More, s.heard(ctx, entry, x.ID, Received{}, func(next *Source) { next.Letters = p.Next })
}

// letter fetches one; false where it is not there.
func (a asker) letter(ctx context.Context, id string) (bool, error) {
	answer, err := a.get(ctx, "/letters/"+url.PathEscape(id), mostLetterBytes)
	if err != nil || answer.Unknown() {
		return false, err
	}
	var p liaison.Sealed
	if err := readAnswer(answer, &p); err != nil {
		return false, err
	}
	if p.ID != id || len(p.Sealed) > liaison.MostSealed || !a.source.proves(p, a.now()) {
		return false, &trouble{why: WhyGarbled}
	}
	return true, a.store.mail.Keep(ctx, "source:"+a.source.ID, a.source.Region, p, a.now())
}

// lettersFor tells up to which place letters wait for the organisation that has the
// subscription, where it was not told of them yet; false where there is nothing to
// tell.
func (s *Store) lettersFor(ctx context.Context, x Subscription) (place int64, wait bool, err error) {
	if x.Purpose != Region || x.State != Active {
		return 0, false, nil
	}
	to, ok, err := s.exchange(ctx, s.lettersOf(x.Org))
	if err != nil || !ok {
		return 0, false, err
	}
	last, err := s.mail.Last(ctx, to.Region)
	if err != nil || last == x.Letters {
		return last, false, err
	}
	fetched, err := s.mail.Fetched(ctx, to.Region)
	return last, fetched < last, err
}

// prepareLetters makes a delivery that tells that letters wait, and nothing of
// them. False if there is none to make.
func (s *Store) prepareLetters(ctx context.Context, x Subscription, now time.Time) (bool, error) {
	place, wait, err := s.lettersFor(ctx, x)
	if err != nil || !wait {
		return false, err
	}
	_, err = s.change(ctx, system, "prepare", x.ID, now, func(tx *journal.Tx, next *Subscription) error {
		if next.Current != "" || next.Stopped != "" || next.Letters == place {
			return nil // somebody else was faster
		}
		d := Delivery{ID: newID("d", now), Subscription: x.ID, Letters: true, Made: now.UTC(), Next: now.UTC()}
		next.Current, next.Letters = d.ID, place
		return s.keep(tx, d)
	})
	return err == nil, err
}

// Cities are the organisations that another city can be here.
func Cities(orgs []staff.Organization) []staff.Organization {
	return slices.DeleteFunc(slices.Clone(orgs), func(o staff.Organization) bool { return !Region.Fits(o.Kind, "") })
}
