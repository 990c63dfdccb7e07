package linkage

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"ipcredit/shared/journal"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// Forgotten is the event of an erasure.
const Forgotten = "forgotten"

// Forget erases what is held of natural persons with an application: the
// applicant's name, also earlier ones, in every application of the same person
// that came in the same upload, and whom contacts were with and what was said
// (staff.CaseApprove; 个人信息保护法 art. 47). The application, its states and that the
// contacts took place stay. Doing it again erases what is left.
func (o *Office) Forget(ctx context.Context, a staff.Actor, id string, now time.Time) error {
	var result Result
	_, done, err := o.store.change(ctx, entry(a, "linkage.forget", Ref(id), now), []string{id}, func(_ Rules, x *Application) error {
		if err := staff.Can(a, staff.CaseApprove, x.resource(), now); err != nil {
			return err
		}
		x.Events = append(x.Events, Event{What: Forgotten, On: workday.DateOf(now), At: now.UTC(), By: a.User.ID})
		return nil
	}, func(*journal.Tx, []Application) error { return nil }, &result)
	if err != nil {
		return err
	}
	if err := result.first([]string{id}); err != nil {
		return err
	}
	return o.store.erase(ctx, o.keys, done[0], now)
}

// erase destroys the keys of what is sealed with an application, and takes it off
// the list of what is kept once that is done.
func (s *Store) erase(ctx context.Context, keys *seal.Keys, a Application, now time.Time) error {
	refs, _, err := s.personal(ctx, a)
	if err != nil {
		return err
	}
	for _, ref := range refs {
		if err := keys.Erase(ctx, ref, now); err != nil && !errors.Is(err, seal.ErrNoKey) {
			return fmt.Errorf("linkage: erasing: %w", err)
		}
	}
	e := journal.Entry{Actor: "system", Action: "linkage.forgotten", Ref: Ref(a.ID), At: now}
	return s.journal.Commit(ctx, e, nil, func(tx *journal.Tx) error {
		tx.ZRem(s.keepKey(), a.ID)
		return nil
	})
}

// personal are the keys of what is sealed with an application, and the applications
// that contacts with it were about as well.
func (s *Store) personal(ctx context.Context, a Application) (keys, ids []string, err error) {
	add := func(ref string) {
		if ref != "" {
			keys = append(keys, ref)
		}
	}
	add(a.Applicant.Key)
	for _, p := range a.History {
		if rest, ok := strings.CutPrefix(p.Was["applicant"], sealedPast); ok {
			ref, _, _ := strings.Cut(rest, ":")
			add(ref)
		}
	}
	for _, e := range a.Events {
		if e.What != ContactMade {
			continue
		}
		no, err := strconv.ParseInt(e.Ref, 10, 64)
		if err != nil {
			continue
		}
		c, err := record[storedContact](ctx, s, "contact", no)
		if err != nil {
			return nil, nil, err
		}
		add(c.Key)
		ids = append(ids, c.IDs...)
	}
	return keys, ids, nil
}
