// Package campaign keeps special campaigns (专项行动, 新知战联办〔2022〕8号 S3.2) with
// their targets and tasks for each district, what was done of them, and joint
// inspections by several departments (S3.7).
//
// A task is a number to be reached by a day in a district. What was done is
// entered by the district's officers as dated entries that add up, each with who
// entered it; cases that name the campaign are counted beside, never mixed in.
// A campaign is closed by somebody else than who set it up, and its figures stand
// from then on. Texts that people write stand sealed to a key of the campaign's or
// the inspection's own.
package campaign

import (
	"slices"
	"time"

	"ipcredit/shared/workday"
)

// State is where a campaign stands. Words are the catalogue's
// "campaign.state."+State.
type State string

// The states.
const (
	Planned State = "planned" // being set up: tasks can change
	Running State = "running" // started: entries are taken
	Closed  State = "closed"
	Dropped State = "dropped" // never started
)

// States lists them in the order of a campaign's life.
func States() []State { return []State{Planned, Running, Closed, Dropped} }

// Measures are what a task counts. Words are the catalogue's
// "campaign.measure."+measure.
func Measures() []string {
	return []string{"checks", "agencies", "leads", "cases", "withdrawals", "corrections", "visits", "trainings"}
}

// Basis is the document that a campaign rests on.
type Basis struct {
	Number string       `json:"number"` // 文号
	Title  string       `json:"title"`
	On     workday.Date `json:"on"`
}

// Campaign is a campaign as it stands in the clear.
type Campaign struct {
	ID       string       `json:"id"`
	Name     string       `json:"name"`
	Division string       `json:"division"` // whose it is: the city's or a district's
	From     workday.Date `json:"from"`
	To       workday.Date `json:"to"` // last day
	Basis    Basis        `json:"basis"`
	State    State        `json:"state"`
	Tasks    []Task       `json:"tasks"`
	Version  int64        `json:"version"`
	Key      string       `json:"key"`
	Handlers []string     `json:"handlers"`
	ClosedBy string       `json:"closedBy,omitempty"`
	Started  workday.Date `json:"started,omitzero"`
	Ended    workday.Date `json:"ended,omitzero"`
	Entries  int          `json:"entries,omitempty"`
	// Result says that a closing text is there.
	Result bool    `json:"result,omitempty"`
	Events []Event `json:"events"`
}

// Task is a number to be reached in a district by a day.
type Task struct {
	ID       string       `json:"id"`
	District string       `json:"district"`
	Measure  string       `json:"measure"`
	Target   int          `json:"target"`
	Due      workday.Date `json:"due"`
	Done     int          `json:"done"`
	// Reached is the day on which Done came to Target; none before.
	Reached workday.Date `json:"reached,omitzero"`
}

// Event is one thing that happened.
type Event struct {
	What string    `json:"what"`
	By   string    `json:"by"`
	Org  string    `json:"org"`
	At   time.Time `json:"at"`
}

// Standing is how a task stands on a day. Words are "campaign.standing."+Standing.
type Standing string

// The standings.
const (
	OnTime  Standing = "on-time" // the day has not passed
	Reached Standing = "reached" // by its day
	Late    Standing = "late"    // reached after its day
	Overdue Standing = "overdue" // not reached, and the day has passed
	Missed  Standing = "missed"  // the campaign was closed before it was reached
)

// Standing is how the task stands on the day; closed says that the campaign is.
// The last day is still in time.
func (t Task) Standing(today workday.Date, closed bool) Standing {
	switch {
	case !t.Reached.IsZero() && t.Reached.After(t.Due):
		return Late
	case !t.Reached.IsZero():
		return Reached
	case closed:
		return Missed
	case today.After(t.Due):
		return Overdue
	}
	return OnTime
}

// Percent is how much of the target is reached in whole per cent, rounded down:
// 100 is never shown for less than all of it. More than all of it is shown so.
func (t Task) Percent() int {
	if t.Target <= 0 {
		return 0
	}
	return int(int64(t.Done) * 100 / int64(t.Target))
}

// Entry is a piece of progress: so many more of the task's measure on a day. A
// negative number corrects an earlier one.
type Entry struct {
	N    int          `json:"n"`
	Task string       `json:"task"`
	On   workday.Date `json:"on"`
	Add  int          `json:"add"`
	By   string       `json:"by"`
	At   time.Time    `json:"at"`
	// Note is sealed.
	Note string `json:"note,omitempty"`
}

// add is the task with an entry. It refuses nothing: see Store.Enter.
func (t Task) add(e Entry) Task {
	t.Done += e.Add
	switch {
	case t.Done >= t.Target && t.Reached.IsZero():
		t.Reached = e.On
	case t.Done < t.Target:
		t.Reached = workday.Date{}
	}
	return t
}

// Districts are the districts with a task, in order.
func (c Campaign) Districts() []string {
	var out []string
	for _, t := range c.Tasks {
		if !slices.Contains(out, t.District) {
			out = append(out, t.District)
		}
	}
	slices.Sort(out)
	return out
}

// Total sums a measure over the tasks: the sum of what was done and the sum of
// the targets, never a mean of percentages.
type Total struct {
	Measure      string
	Target, Done int
	Tasks        int
	Overdue      int
	Reached      int
}

// Totals sums the tasks by measure, in the order of Measures, of one district or
// ("") of all.
func (c Campaign) Totals(district string, today workday.Date) []Total {
	var out []Total
	for _, m := range Measures() {
		total := Total{Measure: m}
		for _, t := range c.Tasks {
			if t.Measure != m || district != "" && t.District != district {
				continue
			}
			total.Tasks++
			total.Target += t.Target
			total.Done += t.Done
			switch t.Standing(today, c.State == Closed) {
			case Reached, Late:
				total.Reached++
			case Overdue:
				total.Overdue++
			}
		}
		if total.Tasks > 0 {
			out = append(out, total)
		}
	}
	return out
}
