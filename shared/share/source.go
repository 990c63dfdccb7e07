package share

import (
	"cmp"
	"context"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/journal"
	"ipcredit/shared/staff"
)

// Source is another city whose records this one shows as that city's: it delivers
// what changes, and where it gave an address and a key it is asked as well, by
// cursor and for the records themselves. Without those its records come as files;
// see Layout.
type Source struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	// Region is the code of the city: only records of authorities there follow it.
	Region string `json:"region"`
	// Key verifies what it delivers, "whpk_" and base64.
	Key string `json:"key"`
	// URL is the address of its credit-share; "" where it is not asked. Sealed is
	// our API key there, see Key.seal.
	URL    string `json:"url,omitempty"`
	Sealed string `json:"sealed,omitempty"`
	// Recipient is what letters to its desk are sealed to, "" where none are
	// exchanged; Org the organisation as which it asks for those that wait here.
	Recipient string `json:"recipient,omitempty"`
	Org       string `json:"org,omitempty"`

	State     State     `json:"state"`
	Division  string    `json:"division"`
	AskedBy   string    `json:"askedBy"`
	AskedAt   time.Time `json:"askedAt"`
	DecidedBy string    `json:"decidedBy,omitempty"`
	Version   int       `json:"version"`
	// Heard is when it last delivered, Changed how many records it ended here.
	Heard   time.Time `json:"heard,omitzero"`
	Changed int       `json:"changed,omitempty"`
	// Asking is how far it was asked.
	Asking `json:"asking"`
}

// Following is a source as an officer enters it.
type Following struct {
	Name, Region string
	// Key is the city's public key.
	Key string
	// URL and Token are the address of its credit-share and our API key there; both
	// or none.
	URL, Token string
	// Recipient is the public key of its desk, age1…, and Org the organisation that
	// it is here: both, and an address, where letters are exchanged, or none.
	Recipient, Org string
}

// Follow proposes a source; another person must approve it.
func (s *Store) Follow(ctx context.Context, a staff.Actor, f Following, now time.Time) (Source, error) {
	x := Source{ID: newID("c", now), Name: strings.TrimSpace(f.Name), Region: strings.TrimSpace(f.Region), Key: strings.TrimSpace(f.Key),
		URL: strings.TrimRight(strings.TrimSpace(f.URL), "/"), State: Proposed, Division: a.Org.Division(), AskedBy: a.User.ID, AskedAt: now.UTC(), Version: 1}
	if err := manages(a, x.Division, now); err != nil {
		return x, err
	}
	bad := fault.New(fault.Invalid, "share.incomplete")
	if _, err := ident.Clean(x.Name); err != nil || x.Name == "" || len([]rune(x.Name)) > 60 {
		bad = bad.With("name", "share.name")
	}
	if !cityCode(x.Region) || x.Region[:4] == s.journal.City()[:4] {
		bad = bad.With("region", "share.region")
	}
	if _, err := publicKey(x.Key); err != nil {
		bad = bad.With("key", "share.key")
	}
	token := strings.TrimSpace(f.Token)
	switch {
	case x.URL == "" && token != "":
		bad = bad.With("url", "share.url")
	case x.URL != "" && !tokenForm.MatchString(token):
		bad = bad.With("token", "share.token")
	case x.URL != "":
		if code := s.urlCode(x.URL); code != "" {
			bad = bad.With("url", code)
		}
	}
	bad, err := s.checkLetters(ctx, &x, f, bad)
	if err != nil {
		return x, err
	}
	if len(bad.Fields) > 0 {
		return x, bad
	}
	if token != "" {
		if x.Sealed, err = s.config.Key.seal(x.ID, token); err != nil {
			return x, err
		}
	}
	return x, s.journal.Commit(ctx, journal.Entry{Actor: a.User.ID, Action: "share.follow", Ref: "source:" + x.ID, At: now}, nil, func(tx *journal.Tx) error {
		tx.SAdd(s.key("sources"), x.ID)
		return journal.Put(tx, s.key("source", x.ID), x)
	})
}

// tokenForm is what an API key of such a system looks like.
var tokenForm = regexp.MustCompile(`^[\x21-\x7e]{16,200}$`)

// cityCode tells whether the text is the code of a city: six digits, the last two
// of them zero.
func cityCode(text string) bool {
	return len(text) == 6 && strings.Trim(text, "0123456789") == "" && strings.HasSuffix(text, "00") && text[2:4] != "00"
}

// DecideSource approves or refuses a source; it must be another person than who
// proposed it.
func (s *Store) DecideSource(ctx context.Context, a staff.Actor, id string, version int, approve bool, now time.Time) (Source, error) {
	return s.changeSource(ctx, a, "decide_source", id, version, now, func(tx *journal.Tx, x *Source) error {
		if err := apart(a, x.AskedBy, now); err != nil {
			return err
		}
		if x.State != Proposed {
			return fault.New(fault.Conflict, "share.state")
		}
		x.DecidedBy = a.User.ID
		if x.State = Refused; !approve {
			return nil
		}
		x.State = Active
		return s.claimLetters(ctx, tx, *x)
	})
}

// EndSource believes the source no more.
func (s *Store) EndSource(ctx context.Context, a staff.Actor, id string, version int, now time.Time) (Source, error) {
	return s.changeSource(ctx, a, "end_source", id, version, now, func(_ *journal.Tx, x *Source) error {
		if x.State != Active && x.State != Proposed {
			return fault.New(fault.Conflict, "share.state")
		}
		x.State = Ended
		return nil
	})
}

func (s *Store) changeSource(ctx context.Context, a staff.Actor, action, id string, version int, now time.Time, do func(*journal.Tx, *Source) error) (Source, error) {
	var out Source
	key := s.key("source", id)
	err := s.journal.Commit(ctx, journal.Entry{Actor: a.User.ID, Action: "share." + action, Ref: "source:" + id, At: now}, []string{key}, func(tx *journal.Tx) error {
		x, err := s.source(ctx, tx.Read(), id)
		if err != nil {
			return err
		}
		if err := manages(a, x.Division, now); err != nil {
			return err
		}
		if x.Version != version {
			return fault.New(fault.Stale, "share.stale")
		}
		if err := do(tx, &x); err != nil {
			return err
		}
		x.Version++
		out = x
		return journal.Put(tx, key, x)
	})
	return out, err
}

// Sources are those that the actor manages, the newest first.
func (s *Store) Sources(ctx context.Context, a staff.Actor, now time.Time) ([]Source, error) {
	if err := manages(a, a.Org.Division(), now); err != nil {
		return nil, err
	}
	list, err := s.sources(ctx)
	list = slices.DeleteFunc(list, func(x Source) bool { return manages(a, x.Division, now) != nil })
	slices.SortFunc(list, func(a, b Source) int { return cmp.Or(b.AskedAt.Compare(a.AskedAt), cmp.Compare(a.ID, b.ID)) })
	return list, err
}

// Sent are the headers of a delivery that came in.
type Sent struct{ ID, Timestamp, Signature string }

// Receive takes a delivery of a source: what its signature does not prove is
// fault.Unauthorized. The same delivery again changes nothing. It tells how many
// records it ended, and what was done about each end that it told of: the body of
// the answer, see atOnceAnswers. What is new there is asked for afterwards.
func (s *Store) Receive(ctx context.Context, id string, sent Sent, body []byte, now time.Time) (Received, error) {
	x, err := s.source(ctx, s.journal.Redis(), id)
	if err == nil && x.State == Proposed {
		return Received{}, fault.New(fault.Forbidden, "share.source_waits") // it may try again
	}
	if fault.Is(err, fault.NotFound) || err == nil && x.State != Active {
		return Received{}, fault.New(fault.Gone, "share.source_ended") // tells the sender to stop
	}
	if err != nil {
		return Received{}, err
	}
	if err := Verify(x.Key, sent.ID, sent.Timestamp, sent.Signature, body, now); err != nil {
		return Received{}, fault.New(fault.Unauthorized, "share.signature").Because(err)
	}
	var e envelope
	if err := json.Unmarshal(body, &e); err != nil || len(e.Data.Changes) > MostChanges {
		return Received{}, fault.New(fault.Invalid, "share.delivery")
	}
	entry := journal.Entry{Actor: "source:" + x.ID, Action: "share.receive", Ref: "delivery:" + url.QueryEscape(sent.ID), At: now}
	got, err := s.take(ctx, entry, x, e.Data.Changes, nil)
	if err != nil {
		return got, err
	}
	return got, s.heard(ctx, entry, id, got, func(x *Source) {
		if e.Type == typeLetters || slices.ContainsFunc(e.Data.Changes, func(c Change) bool { return !c.Type.Ends() }) {
			x.Next = time.Time{} // there is something to ask for
		}
	})
}

// heard notes what a source brought.
func (s *Store) heard(ctx context.Context, entry journal.Entry, id string, got Received, do func(*Source)) error {
	key := s.key("source", id)
	return s.journal.Commit(ctx, entry, []string{key}, func(tx *journal.Tx) error {
		x, err := s.source(ctx, tx.Read(), id)
		if err != nil {
			return err
		}
		x.Heard = entry.At.UTC()
		x.Changed += got.Ended
		x.Brought += got.Brought
		do(&x)
		return journal.Put(tx, key, x)
	})
}
