package liaison

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// peer is the city with which letters of the division's region are exchanged.
func (s *Store) peer(ctx context.Context, division string) (Peer, bool, error) {
	if s.config.Peers == nil || division == "" {
		return Peer{}, false, nil
	}
	return s.config.Peers(ctx, division)
}

// Bureau is the bureau that takes what other cities send: the city's own.
func Bureau(ctx context.Context, people *staff.Store) (staff.Organization, error) {
	orgs, err := people.Organizations(ctx, false)
	if err != nil {
		return staff.Organization{}, err
	}
	i := slices.IndexFunc(orgs, func(o staff.Organization) bool { return o.Kind == staff.LeadBureau && !o.Closed })
	if i < 0 {
		return staff.Organization{}, errors.New("liaison: the city has no bureau")
	}
	return orgs[i], nil
}

// BasisLines name the legal bases of a letter.
func (l Letter) BasisLines() []string {
	var out []string
	for _, id := range l.Basis {
		for _, b := range staff.Bases() {
			if b.ID == id {
				out = append(out, "《"+b.Title+"》"+b.Number)
			}
		}
	}
	return out
}

// parcelFor is what is queued for the other city of a step here; false where that
// is not told.
func (l Letter) parcelFor(step Step, post int, number string, on workday.Date, now time.Time) (queued, bool) {
	if !carried(l, step) {
		return queued{}, false
	}
	if l.Kind == Inbound && step == Send { // the answer is what was put up for approval
		for _, e := range l.Events {
			if e.Step == Propose {
				post = e.Post
			}
		}
	}
	return queued{ID: newID("p", now), City: l.Carry.City, Letter: l.ID, Step: told(l, step), On: on, Post: post, DocNo: number, At: now.UTC()}, true
}

// enqueue queues the parcel in the commit that takes the step.
func (s *Store) enqueue(ctx context.Context, tx *journal.Tx, l *Letter, q queued) error {
	q, err := s.store.queue(ctx, tx, q)
	if err != nil {
		return err
	}
	l.Carry = &Carry{City: l.Carry.City, Thread: l.Carry.Thread, Place: q.Place}
	return nil
}

// Pack seals what waits for other cities, forgets what was erased or waited for too
// long, and makes anew what was lost. It may be called as often as one likes and by
// several at once.
func (s *Store) Pack(ctx context.Context, now time.Time) error {
	cities, err := s.store.cities(ctx, "out")
	if err != nil {
		return err
	}
	var failed []error
	for _, city := range cities {
		if err := s.packFor(ctx, city, now); err != nil {
			failed = append(failed, fmt.Errorf("liaison: sealing for %s: %w", city, err))
		}
	}
	return errors.Join(failed...)
}

func (s *Store) packFor(ctx context.Context, city string, now time.Time) error {
	to, known, err := s.peer(ctx, city)
	if err != nil {
		return err
	}
	var failed []error
	const stretch = 200
	for behind := int64(0); ; {
		list, err := s.store.outgoing(ctx, city, behind, stretch)
		if err != nil {
			return err
		}
		var old []queued
		for _, q := range list {
			behind = q.Place
			if now.Sub(q.At) > carriedFor {
				// Sealed anew it is there longer than it waits.
				if err := s.store.unseal(ctx, s.store.bodyKey(q.ID)); err != nil {
					return err
				}
				old = append(old, q)
				continue
			}
			if err := s.packOne(ctx, to, known, q, now); err != nil {
				failed = append(failed, err) // it holds up those behind it, and no other city
			}
		}
		if err := s.store.dropQueued(ctx, old, now); err != nil {
			return err
		}
		if len(list) < stretch {
			return errors.Join(failed...)
		}
	}
}

func (s *Store) packOne(ctx context.Context, to Peer, known bool, q queued, now time.Time) error {
	if q.Void {
		return nil
	}
	var l Letter
	if q.Letter != "" {
		var err error
		if l, err = s.store.letter(ctx, q.Letter); err != nil {
			return err
		}
		if l.State == Erased {
			q.Void = true
			if err := s.store.unseal(ctx, s.store.bodyKey(q.ID)); err != nil {
				return err
			}
			return s.store.setQueued(ctx, q, "liaison.void", now)
		}
	}
	if text, err := s.store.sealed(ctx, q); err != nil || text != "" || !known {
		return err
	}
	p, err := s.parcel(ctx, l, q)
	if err != nil {
		return err
	}
	text, err := Seal(to.To, p)
	if err != nil {
		return err
	}
	return s.store.seal(ctx, q, text, now)
}

// parcel is what a queued one says.
func (s *Store) parcel(ctx context.Context, l Letter, q queued) (parcel, error) {
	p := parcel{ID: q.ID, From: s.store.journal.City(), To: q.City, Step: q.Step, On: q.On, DocNo: q.DocNo, Re: q.Re, Why: q.Why}
	if l.Carry != nil {
		p.Thread = l.Carry.Thread
	}
	if q.Step != Send && q.Post == 0 {
		return p, nil
	}
	key, err := s.config.Safe.Open(ctx, l.Key)
	if err != nil {
		return p, err
	}
	if q.Step == Send {
		text, err := s.store.content(ctx, l.ID)
		if err != nil {
			return p, err
		}
		c, err := Unseal[Content](key, text)
		if err != nil {
			return p, err
		}
		org, err := s.config.Staff.Organization(ctx, l.From)
		if err != nil {
			return p, err
		}
		p.Region, p.Partner, p.Template, p.Fields = l.Division, org.Name, l.Template, c.Fields
		if p.Region[:4] != p.From[:4] {
			p.Region = p.From
		}
		p.Basis = strings.Join(l.BasisLines(), "；")
	}
	if q.Post == 0 {
		return p, nil
	}
	posts, err := s.store.posts(ctx, l.ID, q.Post)
	if err != nil || len(posts) < q.Post {
		return p, errors.Join(err, fmt.Errorf("liaison: %s has %d texts, not %d", l.ID, len(posts), q.Post))
	}
	p.Text, err = Unseal[string](key, posts[q.Post-1].Sealed)
	return p, err
}

// lostAfter is how long a parcel whose text was lost is waited for ([design]): what
// comes behind it waits as long.
const lostAfter = 3 * 24 * time.Hour

// mostTaken parcels of one city are taken in at once.
const mostTaken = 100

// TakeIn opens what came from other cities, in its order, and does what it says: a
// new share arrives, or the other desk's step is taken with a letter here. What
// cannot be done changes nothing, and the other desk is told why. It may be called
// as often as one likes and by several at once.
func (s *Store) TakeIn(ctx context.Context, now time.Time) error {
	cities, err := s.store.cities(ctx, "in")
	if err != nil {
		return err
	}
	var failed []error
	for _, city := range cities {
		if err := s.takeFrom(ctx, city, now); err != nil {
			failed = append(failed, fmt.Errorf("liaison: taking in from %s: %w", city, err))
		}
	}
	return errors.Join(failed...)
}

func (s *Store) takeFrom(ctx context.Context, city string, now time.Time) error {
	list, err := s.store.arrivals(ctx, city, mostTaken)
	if err != nil || len(list) == 0 {
		return err
	}
	from, known, err := s.peer(ctx, city)
	if err != nil || !known || from.City != city {
		return err // it waits until the two exchange letters
	}
	for _, x := range list {
		if ctx.Err() != nil {
			return nil // the next call goes on
		}
		sealed, have, err := s.store.arrived(ctx, city, x.id)
		if err != nil {
			return err
		}
		if !have && now.Sub(x.at) < lostAfter {
			return nil // it is fetched once more
		}
		if err := s.takeOne(ctx, from, x.id, sealed, have, now); err != nil {
			return fmt.Errorf("parcel %s: %w", x.id, err)
		}
		if err := s.store.unseal(ctx, s.store.cameBody(city, x.id)); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) takeOne(ctx context.Context, from Peer, id string, sealed Sealed, have bool, now time.Time) error {
	if !have || sealed.ID != id || from.Proves == nil || !from.Proves(sealed) {
		return s.reject(ctx, from, id, "", now) // the other city is told nothing of what it did not sign
	}
	p, why := s.unpack(from, sealed)
	if why == "" {
		var err error
		if why, err = s.heed(ctx, from, p, now); err != nil {
			return err
		}
	}
	if why == "" {
		return nil
	}
	return s.reject(ctx, from, id, why, now)
}

// unpack opens a parcel; why is the problem where it is none for this desk.
func (s *Store) unpack(from Peer, sealed Sealed) (p parcel, why string) {
	text, err := s.config.Safe.unseal(sealed.Sealed)
	if err != nil {
		return p, ProblemUnreadable
	}
	if json.Unmarshal([]byte(text), &p) != nil || p.ID != sealed.ID || p.From != from.City || p.To != s.store.journal.City() || p.check() != nil {
		return p, ProblemForm
	}
	return p, ""
}

// heed does what a parcel says; why is the problem where it cannot be done.
func (s *Store) heed(ctx context.Context, from Peer, p parcel, now time.Time) (why string, err error) {
	switch p.Step {
	case Send:
		return s.arrives(ctx, from, p, now)
	case bounce:
		return "", s.bounced(ctx, from, p, now)
	}
	id := p.Thread
	if p.Step == Follow || p.Step == Withdraw {
		if id, err = s.store.holder(ctx, s.store.journal.Redis(), s.store.threadKey(from.City, p.Thread)); err != nil {
			return "", err
		}
	}
	l, err := s.store.letter(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return ProblemState, nil
	}
	if err != nil {
		return "", err
	}
	if l.Carry == nil || l.Carry.City != from.City || l.Carry.Thread != p.Thread || l.State == Erased {
		return ProblemState, nil
	}
	return s.step(ctx, from, l, p, now)
}

// by is who does what another city's desk did.
func (p Peer) by() string { return "city:" + p.City }

// errProblem ends a commit with a reason for the other desk.
type errProblem struct{ why string }

func (e *errProblem) Error() string { return "liaison: not taken over: " + e.why }

// problem is the reason that a commit ended with.
func problem(err error) (string, error) {
	var e *errProblem
	if errors.As(err, &e) {
		return e.why, nil
	}
	return "", err
}

// step takes the other desk's step with a letter that both know.
func (s *Store) step(ctx context.Context, from Peer, l Letter, p parcel, now time.Time) (string, error) {
	post := storedPost{Step: p.Step, By: from.by(), At: now.UTC()}
	if p.Text != "" {
		to, err := s.config.Safe.Recipient(ctx, l.Key)
		if errors.Is(err, seal.ErrErased) {
			return ProblemState, nil
		}
		if err == nil {
			post.Sealed, err = Seal(to, p.Text)
		}
		if err != nil {
			return "", err
		}
	}
	rules, err := s.rules(ctx)
	if err != nil {
		return "", err
	}
	entry := journal.Entry{Actor: from.by(), Action: "liaison.carried_" + string(p.Step), Ref: Ref(l.ID), At: now}
	return problem(s.store.journal.Commit(ctx, entry, []string{s.store.key("letter", l.ID)}, func(tx *journal.Tx) error {
		first, err := s.store.dealtWith(ctx, tx, from.City, p.ID)
		if err != nil || !first {
			return err
		}
		is, err := s.store.current(ctx, tx, l.ID)
		if err != nil {
			return err
		}
		next, fits := is.follow(p, now)
		if !fits {
			return &errProblem{ProblemState}
		}
		e := Event{Step: p.Step, By: from.by(), At: now.UTC()}
		if p.Text != "" {
			next.Posts++
			e.Post = next.Posts
			if err := s.store.setPost(tx, l.ID, e.Post, post); err != nil {
				return err
			}
		}
		next.Events, next.Version = append(slices.Clone(is.Events), e), is.Version+1
		if err := s.tellCarried(tx, next, p.Step, now); err != nil {
			return err
		}
		if err := s.keep(tx, next, rules, now); err != nil {
			return err
		}
		return s.store.write(tx, next)
	}))
}

// tellCarried tells those whose letter it is what the other city's desk did.
func (s *Store) tellCarried(tx *journal.Tx, l Letter, step Step, now time.Time) error {
	m := staff.NewMessage(l.From, "liaison.carried-"+string(step), Ref(l.ID), "liaison.inbox.carried-"+string(step), link(l.ID), now, l.Title(), l.Partner)
	return s.config.Staff.Tell(tx, m)
}

// arrives takes in a share from another city's desk, as Register does one on paper.
func (s *Store) arrives(ctx context.Context, from Peer, p parcel, now time.Time) (string, error) {
	thread := s.store.threadKey(from.City, p.Thread)
	if p.Thread == "" || len(p.Thread) > 60 || len(p.Region) != 6 || p.Region[:4] != from.City[:4] {
		return ProblemForm, nil
	}
	if known, err := s.store.holder(ctx, s.store.journal.Redis(), thread); err != nil || known != "" {
		if err == nil {
			err = s.reject(ctx, from, p.ID, "", now) // the same letter again
		}
		return "", err
	}
	org, err := Bureau(ctx, s.config.Staff)
	if err != nil {
		return "", err
	}
	in := Arrival{Writing: Writing{Kind: Inbound, Template: p.Template, Region: p.Region, Partner: p.Partner, Fields: p.Fields}, DocNo: p.DocNo, On: workday.DateOf(now), Basis: p.Basis}
	t, err := s.readArrival(ctx, &in, now)
	if _, refused := fault.Of(err); refused {
		return ProblemForm, nil
	}
	if err != nil {
		return "", err
	}
	l := Letter{ID: newID("l", now), Kind: Inbound, Division: org.Division(), From: org.ID, State: Arrived, Version: 1, Carry: &Carry{City: from.City, Thread: p.Thread},
		Events: []Event{{Step: Created, By: from.by(), At: now.UTC()}}}
	entry := journal.Entry{Actor: from.by(), Action: "liaison.carried_send", Ref: Ref(l.ID), At: now}
	_, err = s.register(ctx, entry, l, in, t, []string{thread}, func(tx *journal.Tx, l Letter) (bool, error) {
		first, err := s.store.dealtWith(ctx, tx, from.City, p.ID)
		if err != nil || !first {
			return false, err
		}
		known, err := s.store.takenBy(ctx, tx, thread)
		if err != nil || known != "" {
			return false, err // the same letter again
		}
		tx.Set(thread, l.ID)
		return true, s.tellCarried(tx, l, Send, now)
	})
	if fault.Is(err, fault.Conflict) {
		return ProblemCame, nil
	}
	return problem(err)
}

// bounced notes that the other desk did not take a parcel of ours over, and tells
// those whose letter it is: they go on by paper.
func (s *Store) bounced(ctx context.Context, from Peer, p parcel, now time.Time) error {
	q, ok, err := s.store.parcelOf(ctx, p.Re)
	if err != nil {
		return err
	}
	if !ok || q.City != from.City || q.Letter == "" {
		return s.reject(ctx, from, p.ID, "", now)
	}
	entry := journal.Entry{Actor: from.by(), Action: "liaison.carried_bounce", Ref: Ref(q.Letter), At: now}
	return s.store.journal.Commit(ctx, entry, []string{s.store.key("letter", q.Letter)}, func(tx *journal.Tx) error {
		first, err := s.store.dealtWith(ctx, tx, from.City, p.ID)
		if err != nil || !first {
			return err
		}
		l, err := s.store.current(ctx, tx, q.Letter)
		if err != nil || l.Carry == nil || l.State == Erased {
			return err
		}
		c := *l.Carry
		c.Problem = p.Why
		l.Carry, l.Version = &c, l.Version+1
		if err := s.tellCarried(tx, l, bounce, now); err != nil {
			return err
		}
		return s.store.write(tx, l)
	})
}

// reject ends a parcel that changes nothing here, and says why to the other desk
// where why is a reason. A bounce is answered by none, or two desks that cannot
// read each other would go on for ever.
func (s *Store) reject(ctx context.Context, from Peer, id, why string, now time.Time) error {
	entry := journal.Entry{Actor: from.by(), Action: "liaison.carried_rejected", Ref: "parcel:" + id, At: now}
	return s.store.journal.Commit(ctx, entry, nil, func(tx *journal.Tx) error {
		first, err := s.store.dealtWith(ctx, tx, from.City, id)
		if err != nil || !first || why == "" || strings.HasPrefix(id, "b") {
			return err
		}
		_, err = s.store.queue(ctx, tx, queued{ID: newID("b", now), City: from.City, Step: bounce, Re: id, Why: why, At: now.UTC()})
		return err
	})
}
