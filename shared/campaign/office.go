package campaign

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"ipcredit/shared/calendar"
	"ipcredit/shared/clock"
	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/journal"
	"ipcredit/shared/liaison"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// Store keeps campaigns and joint inspections. Every method that takes an actor
// asks staff.Can first. A change names the version it was made of: fault.Stale
// "campaign.stale" where somebody changed it first. It is safe for concurrent use.
type Store struct {
	store    store
	safe     *liaison.Safe
	staff    *staff.Store
	clocks   *clock.Store
	calendar *calendar.Store
}

// New returns the store of the journal's city.
func New(j *journal.Journal, safe *liaison.Safe, s *staff.Store) *Store {
	return &Store{store{j}, safe, s, clock.New(j), calendar.New(j)}
}

// What the numbers of campaigns and joint inspections begin with: 专项, 联检.
const (
	campaignMark   = "ZX"
	inspectionMark = "LJ"
)

// number takes the next number of a division's year, which people know the record
// by: ZX410700-2026-001. series is for the commit that uses it.
func (s *Store) number(ctx context.Context, mark, division string, today workday.Date) (id, series string, n int64, err error) {
	id = fmt.Sprintf("%s%s-%d", mark, division, today.Year())
	series = "campaign-" + strings.ToLower(id)
	n, err = s.store.journal.Next(ctx, series)
	return fmt.Sprintf("%s-%03d", id, n), series, n, err
}

// Ref names a campaign in the journal.
func Ref(id string) string { return "campaign:" + id }

// Limits of what is typed.
const (
	mostName   = 80
	mostText   = 8000
	mostTasks  = 400
	mostTarget = 1_000_000
	mostSites  = 200
	mostParts  = 20
)

// Plan is what an officer fills in of a campaign.
type Plan struct {
	Name     string
	From, To workday.Date
	Basis    Basis
	Tasks    []Task // ID, Done and Reached are ignored but for tasks that exist
}

func name(bad *fault.Error, field, v string) (string, *fault.Error) {
	v, err := ident.Clean(v)
	if f, ok := fault.Of(err); ok {
		return v, bad.With(field, f.Code, f.Args...)
	}
	if v == "" {
		return v, bad.With(field, "campaign.required")
	}
	if len([]rune(v)) > mostName {
		return v, bad.With(field, "campaign.long", mostName)
	}
	return v, bad
}

func span(bad *fault.Error, from, to workday.Date) *fault.Error {
	switch {
	case from.IsZero():
		bad = bad.With("from", "campaign.date")
	case to.IsZero():
		bad = bad.With("to", "campaign.date")
	case to.Before(from):
		bad = bad.With("to", "campaign.span")
	case from.AddYears(5).Before(to):
		bad = bad.With("to", "campaign.span.long")
	}
	return bad
}

func (b *Basis) check(bad *fault.Error, today workday.Date) *fault.Error {
	if strings.TrimSpace(b.Number) == "" {
		bad = bad.With("basisNumber", "campaign.basis")
	} else if no, err := ident.ParseDocNo(b.Number); err != nil {
		f, _ := fault.Of(err)
		bad = bad.With("basisNumber", f.Code, f.Args...)
	} else {
		b.Number = no.String()
	}
	b.Title, bad = name(bad, "basisTitle", b.Title)
	if b.On.IsZero() || b.On.After(today) {
		bad = bad.With("basisOn", "campaign.basis.on")
	}
	return bad
}

// check reads a plan for a campaign of the division.
func (p *Plan) check(division string, today workday.Date) error {
	bad := fault.New(fault.Invalid, "campaign.incomplete")
	p.Name, bad = name(bad, "name", p.Name)
	bad = span(bad, p.From, p.To)
	bad = p.Basis.check(bad, today)
	if len(p.Tasks) == 0 {
		bad = bad.With("tasks", "campaign.tasks")
	}
	if len(p.Tasks) > mostTasks {
		bad = bad.With("tasks", "campaign.many", mostTasks)
	}
	seen := map[string]bool{}
	for i, t := range p.Tasks {
		at := func(field string) string { return "tasks/" + strconv.Itoa(i) + "/" + field }
		d, ok := staff.DistrictOf(t.District)
		if !ok || division != t.District && d.Above != division {
			bad = bad.With(at("district"), "campaign.district")
		}
		if !slices.Contains(Measures(), t.Measure) {
			bad = bad.With(at("measure"), "campaign.choice")
		}
		if t.Target < 1 || t.Target > mostTarget {
			bad = bad.With(at("target"), "campaign.target", mostTarget)
		}
		if t.Due.IsZero() || t.Due.Before(p.From) || t.Due.After(p.To) {
			bad = bad.With(at("due"), "campaign.due")
		}
		if key := t.District + "/" + t.Measure + "/" + t.Due.String(); seen[key] {
			bad = bad.With(at("measure"), "campaign.twice")
		} else {
			seen[key] = true
		}
	}
	if len(bad.Fields) > 0 {
		return bad
	}
	return nil
}

func (s *Store) may(a staff.Actor, division string, now time.Time) error {
	return staff.Can(a, staff.CampaignManage, staff.UnitResource(division, division), now)
}

// Create sets a campaign up (staff.CampaignManage).
func (s *Store) Create(ctx context.Context, a staff.Actor, p Plan, now time.Time) (Campaign, error) {
	c := Campaign{Division: a.Org.Division(), State: Planned, Handlers: []string{a.User.ID}}
	if err := s.may(a, c.Division, now); err != nil {
		return c, err
	}
	if err := p.check(c.Division, workday.DateOf(now)); err != nil {
		return c, err
	}
	key, _, err := s.safe.Make(ctx, c.Division)
	if err != nil {
		return c, err
	}
	c.Key = key
	c.take(p)
	c.happen("created", a.User.ID, a.Org.ID, now)
	var series string
	var n int64
	if c.ID, series, n, err = s.number(ctx, campaignMark, c.Division, workday.DateOf(now)); err != nil {
		return c, err
	}
	err = s.store.journal.Commit(ctx, journal.Entry{Actor: a.User.ID, Action: "campaign.create", Ref: Ref(c.ID), At: now}, nil, func(tx *journal.Tx) error {
		tx.Counter(series, n)
		tx.ZAdd(s.store.key("all"), float64(c.From.Start().Unix()), c.ID)
		return journal.Put(tx, s.store.key(c.ID), c)
	})
	return c, err
}

// take puts a plan in place; what was done of a task that stays is kept.
func (c *Campaign) take(p Plan) {
	c.Name, c.From, c.To, c.Basis = p.Name, p.From, p.To, p.Basis
	var tasks []Task
	next := 0
	for _, t := range c.Tasks {
		if n, err := strconv.Atoi(t.ID); err == nil && n > next {
			next = n
		}
	}
	for _, t := range p.Tasks {
		t.Done, t.Reached = 0, workday.Date{}
		i := slices.IndexFunc(c.Tasks, func(o Task) bool {
			return o.District == t.District && o.Measure == t.Measure && o.Due == t.Due
		})
		if i >= 0 {
			t.ID = c.Tasks[i].ID
		} else {
			next++
			t.ID = strconv.Itoa(next)
		}
		tasks = append(tasks, t)
	}
	c.Tasks = tasks
}

// Steps are what can be done with a campaign as it stands.
func (c Campaign) Steps() []string {
	switch c.State {
	case Planned:
		return []string{"edit", "start", "drop"}
	case Running:
		return []string{"enter", "close"}
	}
	return nil
}

// change runs one change of a campaign against the version the actor saw.
func (s *Store) change(ctx context.Context, a staff.Actor, id string, version int64, what string, now time.Time, f func(tx *journal.Tx, c *Campaign) error) (Campaign, error) {
	var c Campaign
	err := s.store.journal.Commit(ctx, journal.Entry{Actor: a.User.ID, Action: "campaign." + what, Ref: Ref(id), At: now},
		[]string{s.store.key(id)}, func(tx *journal.Tx) error {
			var err error
			if c, err = one[Campaign](ctx, s.store, tx, s.store.key(id)); err != nil {
				return err
			}
			if c.Version != version {
				return fault.New(fault.Stale, "campaign.stale")
			}
			if err := f(tx, &c); err != nil {
				return err
			}
			c.happen(what, a.User.ID, a.Org.ID, now)
			return journal.Put(tx, s.store.key(id), c)
		})
	return c, err
}

// timed is change with the clocks of the tasks that f names.
func (s *Store) timed(ctx context.Context, a staff.Actor, id string, version int64, what string, now time.Time, f func(tx *journal.Tx, c *Campaign) ([]Task, error)) (Campaign, error) {
	times, err := s.times(ctx, workday.DateOf(now))
	if err != nil {
		return Campaign{}, err
	}
	return s.change(ctx, a, id, version, what, now, func(tx *journal.Tx, c *Campaign) error {
		tasks, err := f(tx, c)
		if err != nil {
			return err
		}
		return s.keep(tx, *c, times, tasks...)
	})
}

var errStep = fault.New(fault.Conflict, "campaign.step")

// Edit replaces the plan of a campaign that has not started.
func (s *Store) Edit(ctx context.Context, a staff.Actor, id string, version int64, p Plan, now time.Time) (Campaign, error) {
	return s.change(ctx, a, id, version, "edit", now, func(tx *journal.Tx, c *Campaign) error {
		if err := s.may(a, c.Division, now); err != nil {
			return err
		}
		if c.State != Planned {
			return errStep
		}
		if err := p.check(c.Division, workday.DateOf(now)); err != nil {
			return err
		}
		c.take(p)
		if !slices.Contains(c.Handlers, a.User.ID) {
			c.Handlers = append(c.Handlers, a.User.ID)
		}
		tx.ZAdd(s.store.key("all"), float64(c.From.Start().Unix()), c.ID)
		return nil
	})
}

// Start opens a campaign for entries, and tells the districts that have tasks.
func (s *Store) Start(ctx context.Context, a staff.Actor, id string, version int64, now time.Time) (Campaign, error) {
	orgs, err := s.units(ctx)
	if err != nil {
		return Campaign{}, err
	}
	return s.timed(ctx, a, id, version, "start", now, func(tx *journal.Tx, c *Campaign) ([]Task, error) {
		if err := s.may(a, c.Division, now); err != nil {
			return nil, err
		}
		if c.State != Planned {
			return nil, errStep
		}
		if workday.DateOf(now).After(c.To) {
			return nil, fault.New(fault.Refused, "campaign.over")
		}
		c.State, c.Started = Running, workday.DateOf(now)
		for _, d := range c.Districts() {
			if o := orgs[d]; o != "" && o != a.Org.ID {
				m := staff.NewMessage(o, "campaign.start", Ref(c.ID), "campaign.inbox.start", "case-handling/campaigns/"+c.ID, now, c.Name)
				if err := s.staff.Tell(tx, m); err != nil {
					return nil, err
				}
			}
		}
		return c.Tasks, nil
	})
}

// units are the organisations behind the divisions.
func (s *Store) units(ctx context.Context) (map[string]string, error) {
	list, err := s.staff.Organizations(ctx, false)
	out := map[string]string{}
	for _, o := range list {
		if !o.Closed && slices.Contains([]staff.Kind{staff.LeadBureau, staff.DistrictBureau, staff.ZoneAdministration}, o.Kind) && out[o.Division()] == "" {
			out[o.Division()] = o.ID
		}
	}
	return out, err
}

// Drop ends a campaign that never started.
func (s *Store) Drop(ctx context.Context, a staff.Actor, id string, version int64, now time.Time) (Campaign, error) {
	return s.change(ctx, a, id, version, "drop", now, func(_ *journal.Tx, c *Campaign) error {
		if err := s.may(a, c.Division, now); err != nil {
			return err
		}
		if c.State != Planned {
			return errStep
		}
		c.State, c.Ended = Dropped, workday.DateOf(now)
		return nil
	})
}

// Enter adds progress to a task. Only the district's own officers and those above
// it may, while the campaign runs; the day lies within it and not in the future,
// and a correction takes no more away than is there.
func (s *Store) Enter(ctx context.Context, a staff.Actor, id string, version int64, e Entry, note string, now time.Time) (Campaign, error) {
	note = strings.TrimSpace(strings.ReplaceAll(note, "\r\n", "\n"))
	bad := fault.New(fault.Invalid, "campaign.incomplete")
	if err := liaison.CheckText(note, mostText); err != nil {
		f, _ := fault.Of(err)
		return Campaign{}, bad.With("note", f.Code, f.Args...)
	}
	before, err := one[Campaign](ctx, s.store, nil, s.store.key(id))
	if err != nil {
		return before, err
	}
	sealed := ""
	if note != "" {
		to, err := s.safe.Recipient(ctx, before.Key)
		if err != nil {
			return before, err
		}
		if sealed, err = liaison.Seal(to, note); err != nil {
			return before, err
		}
	}
	return s.timed(ctx, a, id, version, "enter", now, func(tx *journal.Tx, c *Campaign) ([]Task, error) {
		i := slices.IndexFunc(c.Tasks, func(t Task) bool { return t.ID == e.Task })
		if i < 0 {
			return nil, bad.With("task", "campaign.choice")
		}
		t := c.Tasks[i]
		if err := s.may(a, t.District, now); err != nil {
			return nil, err
		}
		if c.State != Running {
			return nil, errStep
		}
		f := fault.New(fault.Invalid, "campaign.incomplete")
		today := workday.DateOf(now)
		if e.On.IsZero() || e.On.After(today) || e.On.Before(c.From) || e.On.After(c.To) {
			f = f.With("on", "campaign.entry.on")
		}
		if e.Add == 0 || e.Add > mostTarget || t.Done+e.Add < 0 {
			f = f.With("add", "campaign.entry.add")
		}
		if len(f.Fields) > 0 {
			return nil, f
		}
		c.Entries++
		e.N, e.By, e.At, e.Note = c.Entries, a.User.ID, now.UTC(), sealed
		c.Tasks[i] = t.add(e)
		return c.Tasks[i : i+1], journal.Put(tx, s.store.key(c.ID, "entry", strconv.Itoa(e.N)), e)
	})
}

// Close ends a campaign with what came of it (staff.CampaignManage, by an approver
// or supervisor who did not set it up). Its figures stand from then on.
func (s *Store) Close(ctx context.Context, a staff.Actor, id string, version int64, result string, now time.Time) (Campaign, error) {
	result = strings.TrimSpace(strings.ReplaceAll(result, "\r\n", "\n"))
	bad := fault.New(fault.Invalid, "campaign.incomplete")
	if result == "" {
		return Campaign{}, bad.With("result", "campaign.required")
	}
	if err := liaison.CheckText(result, mostText); err != nil {
		f, _ := fault.Of(err)
		return Campaign{}, bad.With("result", f.Code, f.Args...)
	}
	before, err := one[Campaign](ctx, s.store, nil, s.store.key(id))
	if err != nil {
		return before, err
	}
	to, err := s.safe.Recipient(ctx, before.Key)
	if err != nil {
		return before, err
	}
	sealed, err := liaison.Seal(to, result)
	if err != nil {
		return before, err
	}
	return s.timed(ctx, a, id, version, "close", now, func(tx *journal.Tx, c *Campaign) ([]Task, error) {
		if err := s.mayClose(a, *c, now); err != nil {
			return nil, err
		}
		if c.State != Running {
			return nil, errStep
		}
		c.State, c.Ended, c.ClosedBy, c.Result = Closed, workday.DateOf(now), a.User.ID, true
		tx.Set(s.store.key(c.ID, "result"), sealed)
		return c.Tasks, nil
	})
}

func (s *Store) mayClose(a staff.Actor, c Campaign, now time.Time) error {
	if err := s.may(a, c.Division, now); err != nil {
		return err
	}
	if !slices.ContainsFunc(a.Roles(now), func(r staff.Role) bool { return r == staff.Approver || r == staff.Supervisor }) {
		return fault.New(fault.Forbidden, "staff.can.role")
	}
	if slices.Contains(c.Handlers, a.User.ID) {
		return fault.New(fault.Forbidden, "staff.can.handled")
	}
	return nil
}

// EntryLine is a piece of progress with its note opened.
type EntryLine struct {
	Entry
	Text string
	Task Task
}

// Opened is a campaign with what was written for it.
type Opened struct {
	Campaign
	Lines  []EntryLine
	Result string
	// Steps are what this actor may do now; Mine the tasks he may enter progress
	// for.
	Steps []string
	Mine  []Task
}

// reads tells whether the actor may see the campaign: the division whose it is and
// those with a task in it, and those above.
func (s *Store) reads(a staff.Actor, c Campaign, now time.Time) error {
	err := s.may(a, c.Division, now)
	for _, d := range c.Districts() {
		if err == nil {
			return nil
		}
		err = s.may(a, d, now)
	}
	return err
}

// Open shows a campaign (staff.CampaignManage in its division or one with a task).
func (s *Store) Open(ctx context.Context, a staff.Actor, id string, now time.Time) (Opened, error) {
	c, err := one[Campaign](ctx, s.store, nil, s.store.key(id))
	if err != nil {
		return Opened{}, err
	}
	o := Opened{Campaign: c}
	if err := s.reads(a, c, now); err != nil {
		return o, err
	}
	key, err := s.safe.Open(ctx, c.Key)
	if err != nil && !errors.Is(err, seal.ErrErased) {
		return o, err
	}
	gone := err != nil
	entries, err := s.store.entries(ctx, c, 200)
	if err != nil {
		return o, err
	}
	for _, e := range entries {
		line := EntryLine{Entry: e}
		if i := slices.IndexFunc(c.Tasks, func(t Task) bool { return t.ID == e.Task }); i >= 0 {
			line.Task = c.Tasks[i]
		}
		if e.Note != "" && !gone {
			if line.Text, err = liaison.Unseal[string](key, e.Note); err != nil {
				return o, err
			}
		}
		o.Lines = append(o.Lines, line)
	}
	if c.Result && !gone {
		text, err := s.store.text(ctx, s.store.key(c.ID, "result"))
		if err != nil {
			return o, err
		}
		if text != "" {
			if o.Result, err = liaison.Unseal[string](key, text); err != nil {
				return o, err
			}
		}
	}
	for _, step := range c.Steps() {
		switch step {
		case "enter":
			for _, t := range c.Tasks {
				if s.may(a, t.District, now) == nil {
					o.Mine = append(o.Mine, t)
				}
			}
			if len(o.Mine) > 0 {
				o.Steps = append(o.Steps, step)
			}
		case "close":
			if s.mayClose(a, c, now) == nil {
				o.Steps = append(o.Steps, step)
			}
		default:
			if s.may(a, c.Division, now) == nil {
				o.Steps = append(o.Steps, step)
			}
		}
	}
	return o, nil
}

// List lists the campaigns the actor may see, the latest first.
func (s *Store) List(ctx context.Context, a staff.Actor, state State, now time.Time) ([]Campaign, error) {
	if err := s.may(a, a.Org.Division(), now); err != nil {
		return nil, err
	}
	list, err := all[Campaign](ctx, s.store, "all", func(id string) string { return s.store.key(id) })
	return slices.DeleteFunc(list, func(c Campaign) bool {
		return state != "" && c.State != state || s.reads(a, c, now) != nil
	}), err
}

// Running lists the campaigns that run and can be named by a case of the division
// on that day: the division's own and those with a task in it.
func (s *Store) Running(ctx context.Context, division string) ([]Campaign, error) {
	list, err := all[Campaign](ctx, s.store, "all", func(id string) string { return s.store.key(id) })
	return slices.DeleteFunc(list, func(c Campaign) bool {
		return c.State != Running || c.Division != division && !slices.Contains(c.Districts(), division)
	}), err
}
