package liaison

import (
	"context"
	"slices"
	"strings"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/journal"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// Act is a step somebody takes.
type Act struct {
	ID      string
	Version int64
	Step    Step
	// Text goes with it: an answer, a question, a reason. Needed for all but
	// Submit, Send, Receive and Close.
	Text string
	// DocNo is the number under which a letter goes out; needed for Send of a
	// notice and of a share, and of the answer to an inbound one.
	DocNo string
	// On is the day it happened where an officer enters what came by post: the
	// receipt and the answer to an outbound share. None means today.
	On workday.Date
	// Writing is what Edit puts in place of what is there.
	Writing Writing
}

// wordless steps need no text.
var wordless = []Step{Edit, Submit, Send, Receive, Close, Discard, Erase}

// Do takes a step.
func (s *Store) Do(ctx context.Context, a staff.Actor, act Act, now time.Time) (Letter, error) {
	l, content, err := s.opened(ctx, a, act.ID, now)
	if err != nil {
		return l, err
	}
	m, ok := find(l.Kind, l.State, act.Step)
	if act.Version != l.Version {
		return l, fault.New(fault.Stale, "liaison.stale")
	}
	if !ok {
		return l, fault.New(fault.Conflict, "liaison.step")
	}
	if err := s.allowed(ctx, a, l, m, parties(content.Fields), now); err != nil {
		return l, err
	}
	today := workday.DateOf(now)
	bad := fault.New(fault.Invalid, "liaison.incomplete")
	act.Text = strings.TrimSpace(strings.ReplaceAll(act.Text, "\r\n", "\n"))
	if act.Text == "" && !slices.Contains(wordless, act.Step) {
		bad = bad.With("text", "liaison.required")
	} else if err := CheckText(act.Text, mostText); err != nil {
		f, _ := fault.Of(err)
		bad = bad.With("text", f.Code, f.Args...)
		bad.Kind = f.Kind
	}
	number := ""
	byHand := l.Kind == Outbound && slices.Contains([]Step{Receive, Reply, Refuse}, act.Step)
	if act.Step == Send || byHand && act.Step == Reply && act.DocNo != "" {
		no, err := ident.ParseDocNo(act.DocNo)
		if err != nil {
			f, _ := fault.Of(err)
			bad = bad.With("docNo", f.Code, f.Args...)
		}
		number = no.String()
	}
	on := today
	if byHand && !act.On.IsZero() {
		on = act.On
		if on.After(today) || on.Before(l.Started) || act.Step == Reply && on.Before(l.Signed) {
			bad = bad.With("on", "liaison.on")
		}
	}
	var sealed string
	if len(bad.Fields) == 0 && act.Step == Edit {
		act.Writing.Kind, act.Writing.Replaces = l.Kind, l.Replaces
		t, err := s.check(ctx, &act.Writing, now)
		if err != nil {
			return l, err
		}
		if err := s.allowed(ctx, a, l, m, parties(act.Writing.Fields), now); err != nil {
			return l, err
		}
		content.Fields = act.Writing.Fields
		l.take(act.Writing, t)
	}
	if len(bad.Fields) > 0 {
		return l, bad
	}
	if act.Step == Erase {
		return s.erase(ctx, a, l, now)
	}
	var to seal.Recipient
	if act.Step == Edit || act.Text != "" {
		if to, err = s.config.Safe.Recipient(ctx, l.Key); err != nil {
			return l, err
		}
	}
	if act.Step == Edit {
		if sealed, err = Seal(to, content); err != nil {
			return l, err
		}
	}
	e := Event{Step: act.Step, By: a.User.ID, Org: a.Org.ID, At: now.UTC()}
	post := storedPost{Step: act.Step, By: a.User.ID, Org: a.Org.ID, At: now.UTC()}
	if act.Text != "" {
		l.Posts++
		e.Post = l.Posts
		if post.Sealed, err = Seal(to, act.Text); err != nil {
			return l, err
		}
	}
	if act.Step == Send && l.Kind == Outbound {
		to, known, err := s.peer(ctx, l.Region)
		if err != nil {
			return l, err
		}
		if known {
			l.Carry = &Carry{City: to.City, Thread: l.ID}
		}
	}
	l.apply(m, a, number, on)
	l.Events, l.Version = append(l.Events, e), l.Version+1
	out, travels := l.parcelFor(act.Step, e.Post, number, on, now)
	rules, err := s.rules(ctx)
	if err != nil {
		return l, err
	}
	seen := act.Version
	watch := []string{s.store.key("letter", l.ID)}
	if act.Step == Send {
		watch = append(watch, s.store.numberKey(number))
	}
	err = s.store.journal.Commit(ctx, journal.Entry{Actor: a.User.ID, Action: "liaison." + strings.ReplaceAll(string(act.Step), "-", "_"), Ref: Ref(l.ID), At: now}, watch,
		func(tx *journal.Tx) error {
			is, err := s.store.current(ctx, tx, l.ID)
			if err != nil {
				return err
			}
			if is.Version != seen {
				return fault.New(fault.Stale, "liaison.stale")
			}
			if act.Step == Send {
				taken, err := s.store.takenBy(ctx, tx, s.store.numberKey(number))
				if err != nil {
					return err
				}
				if taken != "" {
					return fault.New(fault.Conflict, "liaison.number").With("docNo", "liaison.number")
				}
				tx.Set(s.store.numberKey(number), l.ID)
				if l.To != "" {
					s.store.index(tx, l, float64(now.UnixMilli()), "to", l.To)
				}
			}
			if sealed != "" {
				s.store.setContent(tx, l.ID, sealed)
			}
			if e.Post != 0 {
				if err := s.store.setPost(tx, l.ID, e.Post, post); err != nil {
					return err
				}
			}
			if err := s.news(tx, l, m, now); err != nil {
				return err
			}
			if err := s.keep(tx, l, rules, now); err != nil {
				return err
			}
			if travels {
				if err := s.enqueue(ctx, tx, &l, out); err != nil {
					return err
				}
			}
			return s.store.write(tx, l)
		})
	if err == nil && travels {
		_ = s.packFor(ctx, out.City, now) // what fails now, the next run of Pack does
	}
	return l, err
}

// news tells the other side.
func (s *Store) news(tx *journal.Tx, l Letter, m move, now time.Time) error {
	if l.Kind != Notice {
		return nil
	}
	switch m.step {
	case Send, Follow, Close, Withdraw:
		return s.tell(tx, l.To, l, m.step, now)
	case Receive, Reply, SendBack:
		return s.tell(tx, l.From, l, m.step, now)
	}
	return nil
}

// apply is what a step changes of the letter.
func (l *Letter) apply(m move, a staff.Actor, number string, on workday.Date) {
	l.State = m.to
	note := func(list *[]string) {
		if !slices.Contains(*list, a.User.ID) {
			*list = append(*list, a.User.ID)
		}
	}
	switch m.by {
	case writer:
		if slices.Contains([]Step{Edit, Submit, Propose}, m.step) {
			note(&l.Handlers)
		}
	case approver:
		if m.step != SendBack {
			note(&l.Approvers)
		}
	}
	switch m.step {
	case Send:
		if l.Kind == Inbound {
			l.TheirNo, l.Replied = number, on
			break
		}
		l.DocNo, l.Started = number, on
	case Receive:
		l.Signed = on
	case Reply:
		l.Replied = on
		if number != "" {
			l.TheirNo = number
		}
	case Follow:
		l.AskedOn = on
	}
	if !l.State.Open() {
		l.Ended = on
	}
}

// erase destroys what a letter says. What remains says that there was one.
func (s *Store) erase(ctx context.Context, a staff.Actor, l Letter, now time.Time) (Letter, error) {
	if err := s.config.Safe.Erase(ctx, l.Key, now); err != nil {
		return l, err
	}
	err := s.store.journal.Commit(ctx, journal.Entry{Actor: a.User.ID, Action: "liaison.erase", Ref: Ref(l.ID), At: now},
		[]string{s.store.key("letter", l.ID)}, func(tx *journal.Tx) error {
			is, err := s.store.current(ctx, tx, l.ID)
			if err != nil {
				return err
			}
			s.store.drop(tx, is)
			is.State, is.Posts, is.Version = Erased, 0, is.Version+1
			is.Events = append(is.Events, Event{Step: Erase, By: a.User.ID, Org: a.Org.ID, At: now.UTC()})
			l = is
			return s.store.write(tx, is)
		})
	return l, err
}
