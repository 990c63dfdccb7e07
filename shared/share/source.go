package share

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/journal"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// Source is another city that tells this one of the ends of records which it had
// from there. Its records come as files; see Layout.
type Source struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	// Region is the code of the city: only records of authorities there follow it.
	Region string `json:"region"`
	// Key verifies what it delivers, "whpk_" and base64.
	Key       string    `json:"key"`
	State     State     `json:"state"`
	Division  string    `json:"division"`
	AskedBy   string    `json:"askedBy"`
	AskedAt   time.Time `json:"askedAt"`
	DecidedBy string    `json:"decidedBy,omitempty"`
	Version   int       `json:"version"`
	// Heard is when it last delivered, Changed how many records it ended here.
	Heard   time.Time `json:"heard,omitzero"`
	Changed int       `json:"changed,omitempty"`
}

// Follow proposes a source; another person must approve it.
func (s *Store) Follow(ctx context.Context, a staff.Actor, name, region, key string, now time.Time) (Source, error) {
	x := Source{ID: newID("c", now), Name: strings.TrimSpace(name), Region: strings.TrimSpace(region), Key: strings.TrimSpace(key),
		State: Proposed, Division: a.Org.Division(), AskedBy: a.User.ID, AskedAt: now.UTC(), Version: 1}
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
	if len(bad.Fields) > 0 {
		return x, bad
	}
	return x, s.journal.Commit(ctx, journal.Entry{Actor: a.User.ID, Action: "share.follow", Ref: "source:" + x.ID, At: now}, nil, func(tx *journal.Tx) error {
		tx.SAdd(s.key("sources"), x.ID)
		return put(tx, s.key("source", x.ID), x)
	})
}

// cityCode tells whether the text is the code of a city: six digits, the last two
// of them zero.
func cityCode(text string) bool {
	return len(text) == 6 && strings.Trim(text, "0123456789") == "" && strings.HasSuffix(text, "00") && text[2:4] != "00"
}

// DecideSource approves or refuses a source; it must be another person than who
// proposed it.
func (s *Store) DecideSource(ctx context.Context, a staff.Actor, id string, version int, approve bool, now time.Time) (Source, error) {
	return s.changeSource(ctx, a, "decide_source", id, version, now, func(x *Source) error {
		if err := apart(a, x.AskedBy, now); err != nil {
			return err
		}
		if x.State != Proposed {
			return fault.New(fault.Conflict, "share.state")
		}
		if x.State = Refused; approve {
			x.State = Active
		}
		x.DecidedBy = a.User.ID
		return nil
	})
}

// EndSource believes the source no more.
func (s *Store) EndSource(ctx context.Context, a staff.Actor, id string, version int, now time.Time) (Source, error) {
	return s.changeSource(ctx, a, "end_source", id, version, now, func(x *Source) error {
		if x.State != Active && x.State != Proposed {
			return fault.New(fault.Conflict, "share.state")
		}
		x.State = Ended
		return nil
	})
}

func (s *Store) changeSource(ctx context.Context, a staff.Actor, action, id string, version int, now time.Time, do func(*Source) error) (Source, error) {
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
		if err := do(&x); err != nil {
			return err
		}
		x.Version++
		out = x
		return put(tx, key, x)
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
// records it ended.
func (s *Store) Receive(ctx context.Context, id string, sent Sent, body []byte, now time.Time) (int, error) {
	x, err := s.source(ctx, s.journal.Redis(), id)
	if err == nil && x.State == Proposed {
		return 0, fault.New(fault.Forbidden, "share.source_waits") // it may try again
	}
	if fault.Is(err, fault.NotFound) || err == nil && x.State != Active {
		return 0, fault.New(fault.Gone, "share.source_ended") // tells the sender to stop
	}
	if err != nil {
		return 0, err
	}
	if err := Verify(x.Key, sent.ID, sent.Timestamp, sent.Signature, body, now); err != nil {
		return 0, fault.New(fault.Unauthorized, "share.signature").Because(err)
	}
	var e envelope
	if err := json.Unmarshal(body, &e); err != nil || len(e.Data.Changes) > MostChanges {
		return 0, fault.New(fault.Invalid, "share.delivery")
	}
	entry := journal.Entry{Actor: "source:" + x.ID, Action: "share.receive", Ref: "delivery:" + url.QueryEscape(sent.ID), At: now}
	n, err := s.take(ctx, entry, x.Region, e.Data.Changes)
	if err != nil {
		return n, err
	}
	key := s.key("source", id)
	return n, s.journal.Commit(ctx, entry, []string{key}, func(tx *journal.Tx) error {
		x, err := s.source(ctx, tx.Read(), id)
		if err != nil {
			return err
		}
		x.Heard = now.UTC()
		x.Changed += n
		return put(tx, key, x)
	})
}

// take makes the changes that another city tells of true here: of records that came
// from its authorities and are shown here on its word. What it repaired or took back
// ends here too; what expired there ends by the day that came with it; what is new
// or corrected there comes with its file.
func (s *Store) take(ctx context.Context, entry journal.Entry, region string, list []Change) (int, error) {
	changed := 0
	theirs := func(r credit.Record) bool {
		area := ident.USCC(r.AuthorityCode).Area()
		return r.Channel == credit.Republish && r.Repaired == nil && r.Withdrawn == nil && len(area) >= 4 && area[:4] == region[:4]
	}
	for _, c := range list {
		if c.Type != credit.Revoked && c.Type != credit.RepairedEnd {
			continue
		}
		known, err := s.config.Credit.Case(ctx, c.RecordID, entry.At)
		if err != nil {
			return changed, fmt.Errorf("share: %w", err)
		}
		at := slices.IndexFunc(known.Profile.Records, func(r credit.Record) bool { return r.ID == c.RecordID })
		if at < 0 || !theirs(known.Profile.Records[at]) {
			continue // it never came here, has ended, or is not theirs to end
		}
		_, _, err = s.config.Credit.Apply(ctx, credit.Change{Entry: entry, Amend: []credit.Amendment{{SubjectCode: known.Profile.Subject.Code, ID: c.RecordID, Do: func(r *credit.Record) error {
			switch {
			case !theirs(*r):
			case c.Type == credit.RepairedEnd:
				r.Repaired = &credit.Repair{On: workday.DateOf(entry.At)}
			default:
				r.Withdrawn = &credit.Withdrawal{At: entry.At, Reason: "annulled"}
			}
			return nil
		}}}})
		if err != nil {
			return changed, err
		}
		changed++
	}
	return changed, nil
}
