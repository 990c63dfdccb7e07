package linkage

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"ipcredit/shared/ident"
	"ipcredit/shared/journal"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// Key of an alarm, beside those of store.go:
//
//	{city}:linkage:alarm:<list>  what was told of a list below the target, JSON; stays

// Missed is a list of patent applications that misses the target of the
// withdrawal rate although its last reply deadline has passed.
type Missed struct {
	List string `json:"list"`
	// Reply is the last reply deadline in force of its applications.
	Reply workday.Date `json:"reply"`
	Counts
	// Districts are the divisions whose own part misses the target, by code.
	Districts []Figure `json:"-"`
}

// missed lists what misses the target on a day, by the name of the list. The last
// day to answer is still in time, and a list that gives no such day is never late.
// A division is told of where its own part misses the target too.
func (v view) missed(today workday.Date, target func(workday.Date) (Target, error)) ([]Missed, error) {
	type sum struct {
		reply workday.Date
		Counts
		parts map[string]Counts
	}
	lists := map[string]*sum{}
	for _, part := range v.parts {
		for i := range part {
			s := &part[i]
			if s.kind != Patent {
				continue
			}
			l := lists[s.list]
			if l == nil {
				l = &sum{parts: map[string]Counts{}}
				lists[s.list] = l
			}
			l.reply = workday.Max(l.reply, s.reply)
			l.Add(s.state)
			c := l.parts[s.division]
			c.Add(s.state)
			l.parts[s.division] = c
		}
	}
	var out []Missed
	for name, l := range lists {
		if l.reply.IsZero() || !today.After(l.reply) {
			continue
		}
		t, err := target(l.reply)
		if err != nil {
			return nil, err
		}
		if reached := l.Reached(t); reached == nil || *reached {
			continue
		}
		m := Missed{List: name, Reply: l.reply, Counts: l.Counts}
		for code, c := range l.parts {
			if reached := c.Reached(t); reached == nil || *reached {
				continue
			}
			f := Figure{Key: code, Name: code, Counts: c}
			if area, ok := ident.AreaOf(code); ok {
				f.Name = area.Name
			}
			m.Districts = append(m.Districts, f)
		}
		slices.SortFunc(m.Districts, func(a, b Figure) int { return cmp.Compare(a.Key, b.Key) })
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b Missed) int { return cmp.Compare(a.List, b.List) })
	return out, nil
}

func (s *Store) alarmKey(list string) string { return s.journal.Key("linkage", "alarm", list) }

// Alarm tells supervisors of each list that misses the target of the withdrawal
// rate after its last reply deadline: the lead bureau of the whole list, and each
// bureau and zone of its own part where that misses the target. What is told is
// the list, the division and how many were withdrawn of how many that count, never
// whose they are: it says how the list stands, not whom to press.
//
// Each list is told of once, however often it is called and by however many at a
// time; it returns how many were. A list that could not be told of does not keep
// the others waiting.
func (s *Store) Alarm(ctx context.Context, now time.Time) (int, error) {
	rules, err := s.Rules(ctx)
	if err != nil {
		return 0, err
	}
	v, err := s.view(ctx)
	if err != nil {
		return 0, err
	}
	list, err := v.missed(workday.DateOf(now), func(on workday.Date) (Target, error) {
		t, _, err := TargetOn(rules, on)
		return t, err
	})
	if err != nil || len(list) == 0 {
		return 0, err
	}
	if list, err = s.untold(ctx, list); err != nil || len(list) == 0 {
		return 0, err
	}
	people := staff.New(s.journal)
	orgs, err := people.Organizations(ctx, false)
	if err != nil {
		return 0, err
	}
	told := 0
	var wrong error
	for _, m := range list {
		if ctx.Err() != nil {
			break // what is left waits for the next call
		}
		done, err := s.tell(ctx, people, m, s.alarms(m, orgs, now), rules, now)
		if done {
			told++
		}
		wrong = errors.Join(wrong, err)
	}
	return told, wrong
}

// untold leaves out the lists that were told of.
func (s *Store) untold(ctx context.Context, list []Missed) ([]Missed, error) {
	keys := make([]string, len(list))
	for i, m := range list {
		keys[i] = s.alarmKey(m.List)
	}
	values, err := s.journal.Redis().MGet(ctx, keys...).Result()
	if err != nil {
		return nil, fmt.Errorf("linkage: reading alarms: %w", err)
	}
	var out []Missed
	for i, m := range list {
		if values[i] == nil {
			out = append(out, m)
		}
	}
	return out, nil
}

// alarms are the messages about a list. A city without a lead bureau has nobody to
// be told.
func (s *Store) alarms(m Missed, orgs []staff.Organization, now time.Time) []staff.Message {
	var out []staff.Message
	add := func(org, division string, c Counts) {
		out = append(out, staff.NewMessage(org, "linkage.alarm", "list:"+m.List, "linkage.told.alarm", "summary-report/pending", now,
			m.List, division, strconv.Itoa(c.Withdrawn), strconv.Itoa(c.Notified), m.Reply.String()))
	}
	city := s.journal.City()
	if area, ok := ident.AreaOf(city); ok {
		city = area.Name
	}
	for _, o := range orgs {
		if o.Closed {
			continue
		}
		switch o.Kind {
		case staff.LeadBureau:
			add(o.ID, city, m.Counts)
		case staff.DistrictBureau, staff.ZoneAdministration:
			for _, d := range m.Districts {
				if slices.Contains(o.Divisions, d.Key) {
					add(o.ID, d.Name, d.Counts)
				}
			}
		}
	}
	return out
}

// tell puts the messages into the inboxes and marks the list, in one commit; false
// where somebody else has.
func (s *Store) tell(ctx context.Context, people *staff.Store, m Missed, messages []staff.Message, rules Rules, now time.Time) (bool, error) {
	if len(messages) == 0 {
		return false, nil
	}
	_, rule, err := TargetOn(rules, m.Reply)
	if err != nil {
		return false, err
	}
	mark, err := json.Marshal(struct {
		Missed
		On workday.Date `json:"on"`
	}{m, workday.DateOf(now)})
	if err != nil {
		return false, fmt.Errorf("linkage: encoding: %w", err)
	}
	key, done := s.alarmKey(m.List), false
	e := journal.Entry{Actor: "system", Action: "linkage.alarm", Ref: "list:" + m.List, At: now, Rule: rule.Ref()}
	err = s.journal.Commit(ctx, e, []string{key}, func(tx *journal.Tx) error {
		done = false
		there, err := tx.Read().Exists(ctx, key).Result()
		if err != nil {
			return fmt.Errorf("linkage: reading alarms: %w", err)
		}
		if there > 0 {
			return nil
		}
		for _, message := range messages {
			if err := people.Tell(tx, message); err != nil {
				return err
			}
		}
		tx.Set(key, string(mark))
		done = true
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("linkage: alarm of %s: %w", m.List, err)
	}
	return done, nil
}
