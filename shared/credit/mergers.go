package credit

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"ipcredit/shared/catalog"
	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/journal"
	"ipcredit/shared/staff"
	"ipcredit/shared/subject"
	"ipcredit/shared/workday"
)

// Merger is what a registry announced and an officer brings in: that one subject took
// another over, or that this was wrong. It takes effect when a second person agrees.
type Merger struct {
	staff.Motion
	// From is the credit code of the one that was taken over, Into that of the other.
	From string `json:"from"`
	Into string `json:"into,omitempty"`
	// Undo takes an earlier merger of From back; Into is then whom it had led to.
	Undo bool `json:"undo,omitempty"`
	// Instrument is the registry's document by its number or title, Authority the
	// registry, On the day it was entered there.
	Instrument string       `json:"instrument"`
	Authority  string       `json:"authority"`
	On         workday.Date `json:"on"`
}

// Bounds of what an officer writes, in characters. [design]
const mostMergerText = 200

func (s *Store) mergerKey(id string) string { return s.journal.Key("credit", "merger", id) }

// mergerOpenKey has the id of what is proposed about a code and not decided.
func (s *Store) mergerOpenKey(from string) string {
	return s.journal.Key("credit", "merger-open", from)
}

func (s *Store) mergersKey() string { return s.journal.Key("credit", "mergers") }

// motions are the rules of two persons. What is kept stands at keys of its own: a
// merger takes effect in a commit of records.
func (s *Store) motions() staff.Motions[Merger] {
	return staff.Motions[Merger]{
		Journal: s.journal, Of: func(m *Merger) *staff.Motion { return &m.Motion }, Unknown: fault.New(fault.NotFound, "credit.merger.none"),
		Decided: fault.New(fault.Conflict, "catalog.decided"), NotOwn: fault.New(fault.Forbidden, "catalog.not_own"),
	}
}

// MayProposeMerger says nil when the actor may bring a merger in: who keeps the
// city's common data.
func (s *Store) MayProposeMerger(a staff.Actor, now time.Time) error {
	return s.motions().MayPropose(a, now)
}

// MayDecideMerger says nil when the actor may decide on it: another person than who
// brought it in.
func (s *Store) MayDecideMerger(a staff.Actor, m Merger, now time.Time) error {
	return s.motions().MayDecide(a, m.By, now)
}

// MayReadMergers says nil when the actor sees them.
func (s *Store) MayReadMergers(a staff.Actor, now time.Time) error {
	if s.MayDecideMerger(a, Merger{}, now) == nil {
		return nil
	}
	return s.MayProposeMerger(a, now)
}

// Mergers lists what was brought in, the latest first, at most n.
func (s *Store) Mergers(ctx context.Context, a staff.Actor, n int, now time.Time) ([]Merger, error) {
	if err := s.MayReadMergers(a, now); err != nil {
		return nil, err
	}
	ids, err := s.latest(ctx, s.mergersKey(), n)
	if err != nil {
		return nil, err
	}
	list := make([]Merger, 0, len(ids))
	for _, id := range ids {
		m, ok, err := journal.Read[Merger](ctx, s.journal.Redis(), s.mergerKey(id))
		if err != nil {
			return nil, err
		}
		if ok {
			list = append(list, m)
		}
	}
	return list, nil
}

// Merger is one of them.
func (s *Store) Merger(ctx context.Context, a staff.Actor, id string, now time.Time) (Merger, error) {
	if err := s.MayReadMergers(a, now); err != nil {
		return Merger{}, err
	}
	m, ok, err := journal.Read[Merger](ctx, s.journal.Redis(), s.mergerKey(id))
	if err == nil && !ok {
		err = s.motions().Unknown
	}
	return m, err
}

// ProposeMerger brings a merger in, or the end of one, for another person to decide.
// What the same person sends twice is one proposal; another about the same code
// waits until it is decided. Without a registry's document nothing is brought in.
func (s *Store) ProposeMerger(ctx context.Context, a staff.Actor, m Merger, now time.Time) (Merger, error) {
	if err := s.MayProposeMerger(a, now); err != nil {
		return m, err
	}
	m, err := m.checked(workday.DateOf(now))
	if err != nil {
		return m, err
	}
	m.Motion = staff.NewMotion(a, now)
	made := m
	entry := journal.Entry{Actor: a.User.ID, Action: "credit.merger-propose", Ref: "merger:" + m.ID, At: now}
	err = s.journal.Commit(ctx, entry, []string{s.mergerOpenKey(m.From), s.key(m.From)}, func(tx *journal.Tx) error {
		made = m
		open, waits, err := journal.Read[string](ctx, tx.Read(), s.mergerOpenKey(m.From))
		if err != nil {
			return err
		}
		if waits {
			old, _, err := journal.Read[Merger](ctx, tx.Read(), s.mergerKey(open))
			if err != nil {
				return err
			}
			same := old
			same.ID, same.At = m.ID, m.At
			if m.Undo {
				same.Into = "" // found when it was brought in
			}
			if same == m {
				made = old
				return nil
			}
			return fault.New(fault.Conflict, "credit.merger.waits").With("from", "credit.merger.waits")
		}
		into, err := s.mergerFits(ctx, tx, m)
		if err != nil {
			return err
		}
		made.Into = into
		if err := journal.Put(tx, s.mergerKey(m.ID), made); err != nil {
			return err
		}
		tx.ZAdd(s.mergersKey(), float64(now.UnixMilli()), m.ID)
		return journal.Put(tx, s.mergerOpenKey(m.From), m.ID)
	})
	return made, err
}

// mergerFits refuses what could not take effect now, and tells whom it is about.
func (s *Store) mergerFits(ctx context.Context, tx *journal.Tx, m Merger) (into string, err error) {
	if m.Undo {
		list, err := s.subjects.Load(ctx, tx.Read(), m.From)
		if err != nil {
			return "", err
		}
		switch {
		case list[0] == nil:
			return "", unknown("from")
		case list[0].MergedInto == "":
			return "", fault.New(fault.Conflict, "subject.not_merged").With("from", "subject.not_merged")
		}
		return list[0].MergedInto, nil
	}
	list, _, err := s.accounts(ctx, tx, []string{m.From, m.Into})
	if err != nil {
		return "", err
	}
	return m.Into, mergeable(list[0], list[1])
}

// checked is the merger as it can be kept, or what is wrong with it.
func (m Merger) checked(today workday.Date) (Merger, error) {
	bad := fault.New(fault.Invalid, "credit.merger.incomplete")
	code := func(field, text string) string {
		c, err := ident.ParseUSCC(text)
		if f, wrong := fault.Of(err); wrong {
			bad = bad.With(field, f.Code, f.Args...)
		}
		return string(c)
	}
	line := func(field, text string) string {
		text = strings.Join(strings.Fields(text), " ")
		if n := utf8.RuneCountInString(text); n == 0 || n > mostMergerText {
			bad = bad.With(field, "credit.merger."+field, mostMergerText)
		}
		return text
	}
	m.From = code("from", m.From)
	if m.Undo {
		m.Into = ""
	} else {
		m.Into = code("into", m.Into)
	}
	m.Instrument, m.Authority = line("instrument", m.Instrument), line("authority", m.Authority)
	switch {
	case m.On.IsZero():
		bad = bad.With("on", "credit.merger.on")
	case m.On.After(today):
		bad = bad.With("on", "credit.date_future", m.On.String(), today.String())
	}
	if len(bad.Fields) > 0 {
		return m, bad
	}
	return m, nil
}

// ApproveMerger puts it into effect in the commit that notes the agreement: the
// records move, the feed and the public log say so, the old code leads on.
func (s *Store) ApproveMerger(ctx context.Context, a staff.Actor, id string, now time.Time) (Merger, error) {
	m, err := s.Merger(ctx, a, id, now)
	if err != nil {
		return m, err
	}
	entry := journal.Entry{Actor: a.User.ID, Action: "credit.merge", Ref: "merger:" + id, At: now}
	note := func(tx *journal.Tx) (err error) {
		if m, err = s.decideMerger(ctx, tx, a, id, catalog.Approved, "", now); err != nil || !m.Undo {
			return err
		}
		into, err := s.mergerFits(ctx, tx, m)
		if err == nil && into != m.Into { // another merger than the one it is about
			err = fault.New(fault.Conflict, "subject.not_merged").With("from", "subject.not_merged")
		}
		return err
	}
	watch := []string{s.mergerKey(id)}
	if m.Undo {
		entry.Action = "credit.unmerge"
		return m, s.unmerge(ctx, entry, m.From, watch, note)
	}
	return m, s.merge(ctx, entry, m.From, m.Into, watch, note)
}

// RefuseMerger ends it, with the reason.
func (s *Store) RefuseMerger(ctx context.Context, a staff.Actor, id, why string, now time.Time) (Merger, error) {
	why = strings.Join(strings.Fields(why), " ")
	if n := utf8.RuneCountInString(why); n == 0 || n > mostMergerText {
		return Merger{}, fault.New(fault.Invalid, "credit.merger.why", mostMergerText).With("why", "credit.merger.why", mostMergerText)
	}
	return s.endMerger(ctx, a, id, catalog.Refused, why, now)
}

// WithdrawMerger ends the actor's own.
func (s *Store) WithdrawMerger(ctx context.Context, a staff.Actor, id string, now time.Time) (Merger, error) {
	return s.endMerger(ctx, a, id, catalog.Withdrawn, "", now)
}

func (s *Store) endMerger(ctx context.Context, a staff.Actor, id string, state catalog.State, why string, now time.Time) (m Merger, err error) {
	entry := journal.Entry{Actor: a.User.ID, Action: "credit.merger-" + string(state), Ref: "merger:" + id, At: now}
	err = s.journal.Commit(ctx, entry, []string{s.mergerKey(id)}, func(tx *journal.Tx) (err error) {
		m, err = s.decideMerger(ctx, tx, a, id, state, why, now)
		return err
	})
	return m, err
}

// decideMerger queues the end of a proposal, whose key is watched.
func (s *Store) decideMerger(ctx context.Context, tx *journal.Tx, a staff.Actor, id string, state catalog.State, why string, now time.Time) (Merger, error) {
	m, ok, err := journal.Read[Merger](ctx, tx.Read(), s.mergerKey(id))
	if err == nil && !ok {
		err = s.motions().Unknown
	}
	if err != nil {
		return m, err
	}
	if err := s.motions().End(a, &m, state, why, now); err != nil {
		return m, err
	}
	tx.Del(s.mergerOpenKey(m.From))
	return m, journal.Put(tx, s.mergerKey(id), m)
}

// mergeable refuses what cannot be merged: see subject.CheckMerger.
func mergeable(a, b *account) error {
	switch {
	case a.code == b.code:
		return fault.New(fault.Refused, "subject.merger_circle").With("into", "subject.merger_circle")
	case a.held == nil:
		return unknown("from")
	case b.held == nil:
		return unknown("into")
	}
	return subject.CheckMerger(*a.held, *b.held, *b.holder().held)
}
