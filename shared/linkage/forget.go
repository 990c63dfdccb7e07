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
	var keys []string
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
	if keys, err = o.personal(ctx, done[0]); err != nil {
		return err
	}
	for _, ref := range keys {
		if err := o.keys.Erase(ctx, ref, now); err != nil && !errors.Is(err, seal.ErrNoKey) {
			return fmt.Errorf("linkage: erasing: %w", err)
		}
	}
	return nil
}

// personal are the keys of what is sealed with an application.
func (o *Office) personal(ctx context.Context, a Application) ([]string, error) {
	var keys []string
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
		c, err := record[storedContact](ctx, o.store, "contact", no)
		if err != nil {
			return nil, err
		}
		add(c.Key)
	}
	return keys, nil
}
