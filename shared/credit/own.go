package credit

import (
	"context"
	"slices"
	"strings"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/notary"
	"ipcredit/shared/workday"
)

// Proven is the proof of one record for whoever it is given to: Leaf's canonical JSON
// is the entry that Proof proves, the salt and the document open its commitment, and
// Record opens one of the commitments in that document.
type Proven struct {
	Log
	Leaf     notary.Leaf `json:"leaf"`
	Salt     []byte      `json:"salt"`
	Document string      `json:"document"`
	Record   Opening     `json:"record"`
	Proof    string      `json:"proof"`
}

// Of is the proof of one of the records that the evidence opens.
func (e *Evidence) Of(id string) (Proven, bool) {
	i := slices.IndexFunc(e.Records, func(o Opening) bool { return o.ID == id })
	if i < 0 {
		return Proven{}, false
	}
	return Proven{Log: e.Log, Leaf: e.Leaf, Salt: e.Salt, Document: e.Document, Record: e.Records[i], Proof: e.Proof}, true
}

// Ended is a record whose display has ended, as its own subject may know it: to
// strangers all of them look alike.
type Ended struct {
	Record
	// How it ended: Revoked, RepairedEnd or ExpiredByDate.
	How Happening
	// On is the first day without it.
	On workday.Date
}

// Ended lists which of a subject's records were displayed against it and are no
// more, what ended last first. All of the subject's records must be given.
func (l *Law) Ended(records []Record, at time.Time) []Ended {
	today := workday.DateOf(at)
	var out []Ended
	for _, x := range l.lives(records) {
		i := slices.IndexFunc(records, func(r Record) bool { return r.ID == x.id })
		if f, _, _, _ := l.Fate(records, x.id, at); f != Over && f != Annulled {
			continue
		}
		e := Ended{Record: records[i], How: ExpiredByDate, On: x.gone}
		switch r := records[i]; {
		case r.Withdrawn != nil && !r.Withdrawn.At.After(at):
			e.How, e.On = Revoked, workday.Min(x.gone, workday.DateOf(r.Withdrawn.At))
		case r.Repaired != nil && !r.Repaired.On.After(today) && !x.gone.Before(r.Repaired.On):
			e.How, e.On = RepairedEnd, r.Repaired.On
		case x.corrected || r.Unpublished != "" || r.Channel == Internal:
			e.How = Revoked
		}
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b Ended) int {
		if n := b.On.Compare(a.On); n != 0 {
			return n
		}
		return strings.Compare(a.ID, b.ID)
	})
	return out
}

// Own proves one record of a subject to the subject itself, also when its display has
// ended: that it was repaired, say, and on which day. The log tells nobody; whom the
// subject gives the proof to can check it without this system. It is nil while the
// newest change waits for its entry, as Evidence is; a fault of kind NotFound for
// a record that is neither displayed nor was.
//
// The caller has checked that it is the subject who asks.
func (s *Store) Own(ctx context.Context, code, id string, at time.Time) (*Proven, error) {
	p, err := s.Load(ctx, code)
	if err != nil {
		return nil, err
	}
	law, err := s.laws.Current(ctx)
	if err != nil {
		return nil, err
	}
	visible, _ := law.Show(p.Records, at)
	displayed := slices.ContainsFunc(visible, func(x Shown) bool { return x.ID == id })
	if f, _, _, _ := law.Fate(p.Records, id, at); !displayed && f == Unseen {
		return nil, fault.New(fault.NotFound, "credit.no_record")
	}
	e, err := s.evidence(ctx, p, func(r Record) bool { return r.ID == id })
	if e == nil || err != nil {
		return nil, err
	}
	out, ok := e.Of(id)
	if !ok {
		return nil, fault.New(fault.NotFound, "credit.no_record")
	}
	return &out, nil
}
