package disclosure

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/oklog/ulid/v2"

	"ipcredit/shared/calendar"
	"ipcredit/shared/clock"
	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// Store keeps the notices of a city.
type Store struct {
	store
	credit   *credit.Store
	staff    *staff.Store
	calendar *calendar.Store
	clocks   *clock.Store
}

// NewStore returns the store of the journal's city; records go to and from c. With
// a Sealing of no value it neither opens nor writes notices.
func NewStore(j *journal.Journal, c *credit.Store, x Sealing) *Store {
	return &Store{store{j, x}, c, staff.New(j), calendar.New(j), clock.New(j)}
}

// Law is the law that notices are judged by now.
func (s *Store) Law(ctx context.Context) (Law, error) {
	cal, err := s.calendar.Current(ctx)
	return Law{ruleset.Shipped(), cal}, err
}

func (n Notice) resource() staff.Resource {
	r := staff.UnitResource(n.Division, n.Division)
	r.Parties = []staff.Party{{Code: n.SubjectCode, Name: n.SubjectName}}
	return r
}

// can is staff.Can, with the unit above where this one is too small.
func (s *Store) can(ctx context.Context, a staff.Actor, action staff.Action, n Notice, r staff.Resource, now time.Time) error {
	err := staff.Can(a, action, r, now)
	if err == nil || !a.May(action, now) {
		return err
	}
	above, lookErr := s.staff.Matter(ctx, action, n.Division, r, now)
	if lookErr != nil {
		return lookErr
	}
	if above.Small {
		return staff.Can(a, action, above, now)
	}
	return err
}

// allowed says nil when the actor may take the step.
func (s *Store) allowed(ctx context.Context, a staff.Actor, n Notice, m move, now time.Time) error {
	r := n.resource()
	switch m.by {
	case approver:
		r.Handlers = n.Handlers
		return s.can(ctx, a, staff.NoticeApprove, n, r, now)
	case publisher:
		r.Handlers = n.Handlers
		return s.can(ctx, a, staff.NoticePublish, n, r, now)
	}
	return s.can(ctx, a, staff.NoticeDraft, n, r, now)
}

// reading are the actions each of which lets somebody see a notice.
var reading = []staff.Action{staff.NoticeDraft, staff.NoticeApprove, staff.NoticePublish, staff.RecordRead}

// reads says nil when the actor may see the notice.
func (s *Store) reads(ctx context.Context, a staff.Actor, n Notice, now time.Time) error {
	err := error(errUnknown())
	for _, action := range reading {
		if !a.May(action, now) {
			continue
		}
		if err = s.can(ctx, a, action, n, n.resource(), now); err == nil {
			return nil
		}
	}
	return err
}

// Get is one notice, for those who may see it.
func (s *Store) Get(ctx context.Context, a staff.Actor, id string, now time.Time) (Notice, error) {
	n, err := s.current(ctx, id)
	if err != nil {
		return n, err
	}
	return n, s.reads(ctx, a, n, now)
}

// Open are the steps that the actor can take now.
func (s *Store) Open(ctx context.Context, a staff.Actor, n Notice, now time.Time) []Step {
	var out []Step
	for _, step := range n.Steps() {
		m, _ := n.find(step)
		if s.allowed(ctx, a, n, m, now) == nil {
			out = append(out, step)
		}
	}
	return out
}

// Begin starts a notice for a division.
func (s *Store) Begin(ctx context.Context, a staff.Actor, division string, w Writing, now time.Time) (Notice, error) {
	n := Notice{ID: ulid.MustNew(ulid.Timestamp(now), ulid.DefaultEntropy()).String(), Division: division, State: Draft, Version: 1, Handlers: []string{a.User.ID}}
	if err := staff.Can(a, staff.NoticeDraft, staff.UnitResource(division, division), now); err != nil {
		return n, err
	}
	if err := s.take(ctx, &n, w, now); err != nil {
		return n, err
	}
	if err := s.allowed(ctx, a, n, move{by: handler}, now); err != nil {
		return n, err
	}
	n.note(a, Edit, "", now)
	err := s.journal.Commit(ctx, entry(a, n, "begin", now), nil, func(tx *journal.Tx) error {
		tx.ZAdd(s.key("of", n.Division), float64(now.UnixMilli()), n.ID)
		return s.keep(ctx, tx, n, now)
	})
	return n, err
}

func entry(a staff.Actor, n Notice, verb string, now time.Time) journal.Entry {
	return journal.Entry{Actor: a.User.ID, Action: "disclosure." + verb, Ref: n.ID, At: now}
}

func (n *Notice) note(a staff.Actor, step Step, text string, now time.Time) {
	n.Events = append(slices.Clone(n.Events), Event{now.UTC(), a.User.ID, step, text})
}

// take puts a writing into the notice.
func (s *Store) take(ctx context.Context, n *Notice, w Writing, now time.Time) error {
	law, err := s.credit.Law(ctx)
	if err != nil {
		return err
	}
	if n.Correction() {
		w.Kind = n.Kind
	}
	penalty := w.Values[PenaltyField]
	e, err := w.read(law, s.journal.City(), now)
	if err != nil {
		return err
	}
	if n.Correction() && e.Record.ID != n.Record.ID {
		return fault.New(fault.Refused, "disclosure.other_record").With("instrumentNo", "disclosure.other_record")
	}
	n.Kind, n.Values, n.Review, n.Record = w.Kind, w.Values, w.Review, e.Record
	n.SubjectCode, n.SubjectName = e.SubjectCode, e.SubjectName
	if n.Correction() {
		// The form does not ask for it, and a correction of something else must not
		// lengthen the display.
		n.Record.SourceUntil = n.Before.Record.SourceUntil
	} else {
		// Who was told of something else was not told, and who agreed to it did not agree.
		n.ServedOn, n.Reply, n.Consent = workday.Date{}, "", nil
	}
	if n.Kind == credit.Penalty {
		n.Record.ServedOn = n.ServedOn
	}
	return s.rest(ctx, n, penalty, now)
}

// keep writes the notice and its clocks.
func (s *Store) keep(ctx context.Context, tx *journal.Tx, n Notice, now time.Time) error {
	law, err := s.Law(ctx)
	if err != nil {
		return err
	}
	timers, err := law.Timers(n)
	if err != nil {
		return err
	}
	if err := s.write(ctx, tx, n); err != nil {
		return err
	}
	return s.clocks.Keep(tx, clock.Kept{
		Ref: "disclosure:" + n.ID, Unit: n.Division, Division: n.Division, Owners: n.Handlers, Matter: "disclosure",
		Link: "disclosure-publish/notices/" + n.ID, Clocks: clock.All(timers, law.Calendar, workday.DateOf(now)), Calendar: law.Calendar.Version(),
	})
}

// Act is a step somebody takes.
type Act struct {
	ID      string
	Version int64
	Step    Step
	Writing Writing      // Edit
	On      workday.Date // Serve, Agree, Send, Report: the day it happened
	Reply   Reply        // Answer
	Reason  string       // Report: one of Reasons
	// Authority and Number are whose document says that it agrees: Agree.
	Authority, Number string
	// Text is why, of the steps in reasoned: needed for Return, Retain and Answer with
	// Dismissed.
	Text string
}

// reasoned are the steps that somebody says why to.
var reasoned = []Step{Answer, Return, Retain}

const mostText = 500

// Do takes a step, or says why it cannot be taken.
func (s *Store) Do(ctx context.Context, a staff.Actor, act Act, now time.Time) (Notice, error) {
	n, err := s.Get(ctx, a, act.ID, now)
	if err != nil {
		return n, err
	}
	if err := n.readable(); err != nil {
		return n, err
	}
	if act.Version != n.Version {
		return n, fault.New(fault.Stale, "disclosure.stale")
	}
	m, ok := n.find(act.Step)
	if !ok {
		return n, fault.New(fault.Conflict, "disclosure.step")
	}
	if err := s.allowed(ctx, a, n, m, now); err != nil {
		return n, err
	}
	next, err := s.step(ctx, a, n, m, act, now)
	if err != nil {
		return n, err
	}
	switch act.Step {
	case Publish, Recall:
		return s.publish(ctx, a, n, next, now)
	}
	err = s.journal.Commit(ctx, entry(a, n, string(act.Step), now), nil, func(tx *journal.Tx) error {
		if err := s.still(ctx, tx, n); err != nil {
			return err
		}
		return s.keep(ctx, tx, next, now)
	})
	if err != nil {
		return n, err
	}
	return next, nil
}

// still says nil when nobody has changed the notice meanwhile.
func (s *Store) still(ctx context.Context, tx *journal.Tx, n Notice) error {
	held, err := s.inside(ctx, tx, n.ID)
	if err == nil && held.version() != n.Version {
		err = fault.New(fault.Stale, "disclosure.stale")
	}
	return err
}

// step is the notice after the step.
func (s *Store) step(ctx context.Context, a staff.Actor, n Notice, m move, act Act, now time.Time) (Notice, error) {
	next, today := n, workday.DateOf(now)
	next.Version++
	if m.to != "" {
		next.State = m.to
	}
	if m.by == handler && !slices.Contains(n.Handlers, a.User.ID) {
		next.Handlers = append(slices.Clone(n.Handlers), a.User.ID)
	}
	bad := fault.New(fault.Invalid, "disclosure.incomplete")
	if !slices.Contains(reasoned, act.Step) {
		act.Text = "" // a form may have a field of that name for something else
	}
	text := credit.Redact(strings.TrimSpace(strings.ReplaceAll(act.Text, "\r\n", "\n")))
	if utf8.RuneCountInString(text) > mostText {
		bad = bad.With("text", "disclosure.long", mostText)
	}
	if text == "" && (act.Step == Return || act.Step == Retain || act.Step == Answer && act.Reply == Dismissed) {
		bad = bad.With("text", "disclosure.why")
	}
	switch act.Step {
	case Edit:
		if err := s.take(ctx, &next, act.Writing, now); err != nil {
			return n, err
		}
	case Serve:
		bad = between(bad, "on", act.On, n.Record.DeterminedOn, today)
		next.ServedOn, next.Reply = act.On, ""
		if n.Kind == credit.Penalty {
			next.Record.ServedOn = act.On
		}
	case Answer:
		if !slices.Contains(Replies, act.Reply) {
			bad = bad.With("reply", "disclosure.reply")
		}
		next.Reply = act.Reply
	case Agree:
		next.Consent, bad = n.agreed(bad, act, today)
	case Send:
		bad = between(bad, "on", act.On, n.Record.DeterminedOn, today)
		next.SentOn = act.On
	case Report:
		bad = between(bad, "on", act.On, n.Record.DeterminedOn, today)
		if !slices.Contains(Reasons, act.Reason) {
			bad = bad.With("reason", "disclosure.reason")
		}
		next.Fallen = &Fallen{Reason: act.Reason, LearnedOn: act.On}
	case Retain:
		next.Fallen = nil
	case Recall:
		fallen := *n.Fallen
		fallen.DoneOn = today
		next.Fallen = &fallen
	case Correct:
		next.Before = &Edition{n.SubjectName, n.Values, n.Review, n.Record, n.Penalty}
	case Keep:
		next = next.restored()
	case Approve:
		next.ApprovedBy = a.User.ID
	case Publish:
		next.PublishedBy, next.Before = a.User.ID, nil
		if next.PublishedOn.IsZero() {
			next.PublishedOn = today
		}
	}
	if len(bad.Fields) > 0 {
		return n, bad
	}
	if slices.Contains([]Step{Submit, Approve, Publish}, act.Step) {
		if err := s.ready(ctx, next, now); err != nil {
			return n, err
		}
	}
	next.note(a, act.Step, text, now)
	return next, nil
}

func (s *Store) ready(ctx context.Context, n Notice, now time.Time) error {
	mine, err := s.Law(ctx)
	if err != nil {
		return err
	}
	law, err := s.credit.Law(ctx)
	if err != nil {
		return err
	}
	if err := mine.Ready(n, law, now); err != nil {
		return err
	}
	if err := s.rested(ctx, mine, n); err != nil {
		return err
	}
	held, err := s.held(ctx, n)
	if err == nil && held != nil && held.Withdrawn != nil {
		err = fault.New(fault.Conflict, "disclosure.was_withdrawn")
	}
	if err != nil {
		return err
	}
	id, err := s.ofRecord(ctx, n.Record.ID)
	if err != nil {
		return err
	}
	return n.alone(id)
}

// alone refuses a record that has another notice: each would bring back what the
// other corrected.
func (n Notice) alone(id string) error {
	if id != "" && id != n.ID {
		return fault.New(fault.Conflict, "disclosure.adopted").With("instrumentNo", "disclosure.adopted")
	}
	return nil
}

// held is the record as the subject's credit has it now, nil if it has not.
func (s *Store) held(ctx context.Context, n Notice) (*credit.Record, error) {
	_, records, err := s.records(ctx, n.SubjectCode)
	for i := range records {
		if records[i].ID == n.Record.ID {
			return &records[i], err
		}
	}
	return nil, err
}

// publish commits the notice together with what it does to the subject's credit.
func (s *Store) publish(ctx context.Context, a staff.Actor, n, next Notice, now time.Time) (Notice, error) {
	c := credit.Change{Entry: entry(a, n, "publish", now)}
	if next.State == Withdrawn {
		c.Entry.Action = "disclosure.recall"
		c.Amend = []credit.Amendment{{SubjectCode: n.SubjectCode, ID: n.Record.ID, Do: func(r *credit.Record) error {
			r.Withdrawn = &credit.Withdrawal{At: now.UTC(), Reason: n.Fallen.Reason}
			return nil
		}}}
	} else {
		next.Record.CollectedAt, next.Record.PublishedOn = now.UTC(), workday.DateOf(now)
		c.Records = []credit.Entry{{SubjectCode: n.SubjectCode, SubjectName: n.SubjectName, Record: next.Record}}
	}
	c.Also = func(tx *journal.Tx, _, _ []credit.Outcome) error {
		if err := s.still(ctx, tx, n); err != nil {
			return err
		}
		if err := tx.Watch(s.key("record", n.Record.ID)); err != nil {
			return err
		}
		id, err := s.behind(ctx, tx.Read(), n.Record.ID)
		if err == nil {
			err = n.alone(id)
		}
		if err != nil {
			return err
		}
		tx.Set(s.key("record", n.Record.ID), n.ID)
		return s.keep(ctx, tx, next, now)
	}
	if _, _, err := s.credit.Apply(ctx, c); err != nil {
		return n, err
	}
	return next, nil
}

// Clocks are the notice's time limits as they stand today.
func (s *Store) Clocks(ctx context.Context, n Notice, now time.Time) ([]clock.Clock, error) {
	law, err := s.Law(ctx)
	if err != nil {
		return nil, err
	}
	timers, err := law.Timers(n)
	if err != nil {
		return nil, err
	}
	return clock.All(timers, law.Calendar, workday.DateOf(now)), nil
}
