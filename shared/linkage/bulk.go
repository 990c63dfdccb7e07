package linkage

import (
	"context"
	"slices"
	"strconv"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// What an act can be.
const (
	ActMove   = "move"
	ActAssign = "assign"
)

// Act is one action on many applications, kept so that it can be taken back.
type Act struct {
	No       int64  `json:"no"`
	What     string `json:"what"`
	To       State  `json:"to,omitempty"`       // of a move
	Owner    string `json:"owner,omitempty"`    // of an assignment
	Division string `json:"division,omitempty"` // where it went, of one to another unit
	// Unit is the label of the unit that was responsible before.
	Unit string `json:"unit"`
	// IDs are the applications it changed.
	IDs []string     `json:"ids"`
	By  string       `json:"by"`
	At  time.Time    `json:"at"`
	On  workday.Date `json:"on"`
	// Undone is the day on which it was taken back, by UndoneBy; none while it holds.
	Undone   workday.Date `json:"undone,omitzero"`
	UndoneBy string       `json:"undoneBy,omitempty"`

	// Was is what each application was before, and which version it was after.
	Was map[string]before `json:"was"`
}

// before is what an act changed of an application.
type before struct {
	State     State        `json:"state"`
	StateOn   workday.Date `json:"stateOn"`
	From      string       `json:"from,omitempty"`
	Owner     string       `json:"owner,omitempty"`
	Division  string       `json:"division"`
	Confirmed bool         `json:"confirmed,omitempty"`
	Unit      string       `json:"unit"`
	Key       string       `json:"key,omitempty"` // unit whose key opens the name
	Events    int          `json:"events"`
	Version   int          `json:"version"` // after the act
}

func (x Application) before() before {
	return before{
		State: x.State, StateOn: x.StateOn, From: x.From, Owner: x.Owner, Division: x.Division, Confirmed: x.Confirmed, Unit: x.Unit,
		Key: x.Applicant.Unit, Events: len(x.Events), Version: x.Version + 1,
	}
}

// restore puts the application back to what it was. What happened stays recorded,
// marked as undone.
func (x *Application) restore(b before) {
	x.State, x.StateOn, x.From, x.Owner = b.State, b.StateOn, b.From, b.Owner
	x.Division, x.Confirmed, x.Unit, x.Applicant.Unit = b.Division, b.Confirmed, b.Unit, b.Key
	x.Events = slices.Clone(x.Events)
	for i := min(b.Events, len(x.Events)); i < len(x.Events); i++ {
		x.Events[i].Undone = true
	}
}

// acting is change for what can be taken back: f for each application, and a
// record of what it was before.
func (o *Office) acting(ctx context.Context, a staff.Actor, name string, act Act, ids []string, now time.Time, f func(*Application) error) (Result, error) {
	no, err := o.store.journal.Next(ctx, "linkage-act")
	if err != nil {
		return Result{}, err
	}
	act.No, act.By, act.At, act.On = no, a.User.ID, now.UTC(), workday.DateOf(now)
	was := map[string]before{}
	result, _, err := o.store.change(ctx, entry(a, name, Ref(ids[0]), now), ids, func(_ Rules, x *Application) error {
		b := x.before()
		if err := f(x); err != nil {
			return err
		}
		was[x.ID] = b
		x.Acts = append(slices.Clone(x.Acts), no)
		return nil
	}, func(tx *journal.Tx, done []Application) error {
		act.IDs, act.Was = nil, map[string]before{}
		for _, x := range done {
			act.IDs, act.Was[x.ID] = append(act.IDs, x.ID), was[x.ID]
		}
		act.Unit = was[done[0].ID].Unit
		tx.Counter("linkage-act", no)
		return setRecord(tx, o.store.numbered("act", no), act)
	}, nil)
	if err == nil && len(result.Done) > 0 {
		result.Act = no
	}
	return result, err
}

// moved tells whether an application is another than the one a page showed; a page
// that does not say which is not asked.
func moved(versions map[string]int, x *Application) bool {
	version, asked := versions[x.ID]
	return asked && version != x.Version
}

// MoveAll takes many applications to another state (staff.CaseHandle), the others
// where one refuses; Stale where its version is not the present one. It can be
// taken back as a whole.
func (o *Office) MoveAll(ctx context.Context, a staff.Actor, moves []Move, now time.Time) (Result, error) {
	by := map[string]Move{}
	ids := make([]string, len(moves))
	for i, m := range moves {
		read, err := m.read(now)
		if err != nil {
			return Result{}, err
		}
		ids[i], by[m.ID] = m.ID, read
	}
	if err := atOnce(ids); err != nil {
		return Result{}, err
	}
	return o.acting(ctx, a, "linkage.move", Act{What: ActMove, To: moves[0].To}, ids, now, func(x *Application) error {
		m := by[x.ID]
		if err := staff.Can(a, staff.CaseHandle, x.resource(), now); err != nil {
			return err
		}
		if m.Version != 0 && m.Version != x.Version {
			return fault.New(fault.Stale, "linkage.stale")
		}
		return m.apply(x, a, now)
	})
}

// ActOf returns an act of a unit whose applications the actor may see.
func (o *Office) ActOf(ctx context.Context, a staff.Actor, no int64, now time.Time) (Act, error) {
	units, err := reach(a, now, staff.CaseRead, staff.CaseSupervise)
	if err != nil {
		return Act{}, err
	}
	act, err := record[Act](ctx, o.store, "act", no)
	if err == nil && !units[act.Unit] {
		err = fault.New(fault.NotFound, "linkage.none")
	}
	return act, err
}

// Acts lists the latest acts on these applications, newest first, n at most.
func (o *Office) Acts(ctx context.Context, a staff.Actor, ids []string, n int, now time.Time) ([]Act, error) {
	rows, err := o.Rows(ctx, a, ids, now)
	if err != nil {
		return nil, err
	}
	var numbers []int64
	for _, x := range rows {
		for _, no := range x.Acts {
			if !slices.Contains(numbers, no) {
				numbers = append(numbers, no)
			}
		}
	}
	slices.Sort(numbers)
	slices.Reverse(numbers)
	var out []Act
	for _, no := range numbers[:min(n, len(numbers))] {
		act, err := o.ActOf(ctx, a, no, now)
		if fault.Is(err, fault.NotFound) {
			continue // another unit's, before it came here
		}
		if err != nil {
			return nil, err
		}
		out = append(out, act)
	}
	return out, nil
}

// Undo takes an act back for each application that nobody has changed since
// (staff.CaseHandle for a move, staff.CaseIntake for an assignment, as it was
// before); the others are refused with "linkage.touched". Conflict where the act
// was taken back already.
func (o *Office) Undo(ctx context.Context, a staff.Actor, no int64, now time.Time) (Result, error) {
	act, err := o.ActOf(ctx, a, no, now)
	if err != nil {
		return Result{}, err
	}
	if !act.Undone.IsZero() {
		return Result{}, fault.New(fault.Conflict, "linkage.undone")
	}
	right := staff.CaseHandle
	if act.What == ActAssign {
		right = staff.CaseIntake
	}
	day := workday.DateOf(now)
	key := o.store.numbered("act", no)
	result, _, err := o.store.change(ctx, entry(a, "linkage.undo", strconv.FormatInt(no, 10), now), act.IDs, func(_ Rules, x *Application) error {
		b, ok := act.Was[x.ID]
		if !ok || x.Version != b.Version {
			return fault.New(fault.Conflict, "linkage.touched")
		}
		x.restore(b)
		if err := staff.Can(a, right, x.resource(), now); err != nil {
			return err
		}
		x.Events = append(x.Events, Event{What: TakenBack, On: day, At: now.UTC(), By: a.User.ID, Ref: strconv.FormatInt(no, 10)})
		return nil
	}, func(tx *journal.Tx, _ []Application) error {
		taken := act
		taken.Undone, taken.UndoneBy = day, a.User.ID
		return setRecord(tx, key, taken)
	}, nil)
	return result, err
}

// Rows are those of the applications that are in the actor's reach, in the order
// asked for; what is not known or not his is left out.
func (o *Office) Rows(ctx context.Context, a staff.Actor, ids []string, now time.Time) ([]Row, error) {
	units, err := reach(a, now, staff.CaseRead, staff.CaseSupervise)
	if err != nil {
		return nil, err
	}
	rules, err := o.store.Rules(ctx)
	if err != nil {
		return nil, err
	}
	held, err := o.store.load(ctx, o.store.journal.Redis(), ids)
	if err != nil {
		return nil, err
	}
	var rows []Row
	for _, h := range held {
		if h == nil || !units[h.Unit] {
			continue
		}
		row, err := rowOf(*h, rules, workday.DateOf(now))
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// Rates are the figures of Store.Rates for an officer: also of the unit whose
// applications he handles.
func (o *Office) Rates(ctx context.Context, a staff.Actor, f Filter, by Dimension, now time.Time) ([]Figure, error) {
	units, err := reach(a, now, staff.CaseRead, staff.CaseSupervise, staff.ReportRead)
	if err != nil {
		return nil, err
	}
	v, err := o.store.view(ctx)
	if err != nil {
		return nil, err
	}
	return v.figures(f.counted(), by, units), nil
}
