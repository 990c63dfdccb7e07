package function

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"ipcredit/shared/casework"
	"ipcredit/shared/clock"
	"ipcredit/shared/fault"
	"ipcredit/shared/page"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// dayPage is what an officer has to see to: late, due within three working days,
// and waiting for others. Tip-offs, cases and applications stand together.
type dayPage struct {
	base
	Mine    bool
	Others  string // the address of the other view
	Overdue []dayLine
	Soon    []dayLine
	Waiting []dayLine
	Bases   []clock.Clock
	Today   workday.Date
	Until   workday.Date
	Next    string
	// Provisional says that some day rests on a year without an official calendar.
	Provisional bool
}

// dayLine is one time limit of one record.
type dayLine struct {
	clock.Clock
	What   string // the key of what it is called
	Number string
	Href   string
	Word   string // the key of the clock's name
	Left   int
	Level  clock.Level
	Unit   string
	Owners []string
}

// Late is how many working days it is late.
func (l dayLine) Late() int { return max(0, -l.Left) }

// dayLimit is how many records a page of “my day” has (ours to choose).
const dayLimit = 200

// farDays is how far ahead it looks for what waits for others (ours to choose).
const farDays = 400

// waitsForOthers are the limits that somebody else has to keep: the party, another
// unit, a body outside.
var waitsForOthers = []string{
	"case:" + casework.DefenceClock, "case:" + casework.PerformanceClock, "case:" + casework.ReceiptClock, "case:" + casework.OfferClock, "case:wait",
	"notice:receipt", "notice:reply", "share:receipt", "share:reply",
}

// day lists what the officer himself has, or what his unit has.
func (d *desk) day(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	q, ctx := r.URL.Query(), r.Context()
	cal, err := d.calendarNow(ctx)
	if err != nil {
		return err
	}
	p := dayPage{base: d.casesBase(r, a), Mine: q.Get("of") != "unit", Today: d.today()}
	p.Until = cal.AddWorkdays(p.Today, soon).Due
	far := p.Today.AddDays(farDays)
	var kept []clock.Kept
	var next string
	other := url.Values{}
	if p.Mine {
		users := []string{a.User.ID}
		for _, l := range a.Lent {
			users = append(users, l.Absent)
		}
		kept, next, err = d.clocks.Owned(ctx, users, far, q.Get("cursor"), dayLimit)
		other.Set("of", "unit")
	} else {
		units := d.dayUnits(a)
		if len(units) == 0 {
			return fault.New(fault.Forbidden, "staff.can.role")
		}
		kept, next, err = d.clocks.Due(ctx, units, far, q.Get("cursor"), dayLimit)
	}
	if err != nil {
		return err
	}
	p.Others = d.pages.URL(r, "/day", other)
	if next != "" {
		more := url.Values{"cursor": {next}}
		if !p.Mine {
			more.Set("of", "unit")
		}
		p.Next = d.pages.URL(r, "/day", more)
	}
	if err := d.sortDay(r, a, &p, kept, cal); err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "day", p)
}

// dayUnits are the units whose work the officer does or supervises, and his own
// organisation, which can have things addressed to it.
func (d *desk) dayUnits(a staff.Actor) []string {
	now := d.env.Now()
	var out []string
	for _, action := range []staff.Action{staff.CaseRead, staff.CaseSupervise, staff.TipoffClock} {
		for _, u := range a.Units(action, now) {
			if !slices.Contains(out, u) {
				out = append(out, u)
			}
		}
	}
	if len(out) > 0 || a.Org.Kind == staff.SubOffice {
		out = append(out, a.Org.ID)
	}
	return out
}

// opening are the actions of which one, in the record's unit, lets somebody open it,
// by what it is. Others see that its limit runs: whoever supervises a division, or
// the people of a bureau beneath whom it is.
var opening = map[string][]staff.Action{
	"application": {staff.CaseRead},
	"notice":      {staff.NoticeDraft, staff.NoticeApprove, staff.CaseRead, staff.CaseSupervise},
	"share":       {staff.ShareManage, staff.NoticeApprove, staff.CaseRead, staff.CaseSupervise},
	"campaign":    {staff.CampaignManage},
}

// opener tells of records whether the actor may open them, so that no link leads to
// a refusal. What is his own, or addressed to his organisation, has its link.
func (d *desk) opener(ctx context.Context, a staff.Actor) func(what string, k clock.Kept) (bool, error) {
	reach := map[string][]string{}
	return func(what string, k clock.Kept) (bool, error) {
		actions, asks := opening[what]
		if !asks || k.Unit == a.Org.ID || slices.Contains(k.Owners, a.User.ID) {
			return true, nil
		}
		if _, known := reach[what]; !known {
			reach[what] = []string{}
			for _, action := range actions {
				units, err := d.staff.Units(ctx, a, action, d.env.Now())
				if err != nil {
					return false, err
				}
				reach[what] = append(reach[what], units...)
			}
		}
		return slices.Contains(reach[what], k.Unit), nil
	}
}

func (d *desk) sortDay(r *http.Request, a staff.Actor, p *dayPage, kept []clock.Kept, cal workday.Calendar) error {
	ctx := r.Context()
	known := names{}
	opens := d.opener(ctx, a)
	for _, k := range kept {
		what, no, _ := strings.Cut(k.Ref, ":")
		may, err := opens(what, k)
		if err != nil {
			return err
		}
		for _, c := range k.Clocks {
			if !c.Running() || c.Name == "retention" {
				continue
			}
			line := dayLine{Clock: c, What: whatWord(what), Number: no, Word: clockWord(k, what, c.Name), Left: cal.Between(p.Today, c.Due), Unit: k.Unit}
			line.Level, _ = c.Level(ruleset.Shipped(), cal, p.Today)
			if k.Link != "" && may {
				line.Href = d.pages.URL(r, k.Link)
			}
			if _, ok := known["unit "+k.Unit]; !ok {
				known["unit "+k.Unit] = d.unitName(ctx, k.Unit)
			}
			line.Unit = known["unit "+k.Unit]
			for _, o := range k.Owners {
				line.Owners = append(line.Owners, d.name(ctx, known, o))
			}
			switch {
			case c.Paused || slices.Contains(waitsForOthers, what+":"+c.Name):
				// A record that waits stands there once, however many clocks stand still.
				if n := len(p.Waiting); n > 0 && p.Waiting[n-1].Number == no && p.Waiting[n-1].What == line.What {
					continue
				}
				p.Waiting = append(p.Waiting, line)
			case c.Overdue(p.Today):
				p.Overdue = append(p.Overdue, line)
			case !c.Due.After(p.Until):
				p.Soon = append(p.Soon, line)
			default:
				continue
			}
			p.Provisional = p.Provisional || c.Provisional
		}
	}
	all := slices.Concat(p.Overdue, p.Soon, p.Waiting)
	p.Bases = basesOf(all, func(l dayLine) *clock.Clock { return &l.Clock })
	for _, list := range [][]dayLine{p.Overdue, p.Soon, p.Waiting} {
		slices.SortStableFunc(list, func(x, y dayLine) int { return x.Due.Compare(y.Due) })
	}
	return nil
}

// matters are the packages that word the clocks of a record, where it does not say
// so itself.
var matters = map[string]string{"tip-off": "tipoff", "case": "casework", "application": "linkage", "notice": "liaison", "share": "liaison"}

// clockWord is the key of a clock's name: each matter has its own.
func clockWord(k clock.Kept, what, name string) string {
	room := k.Matter
	if room == "" {
		room = matters[what]
	}
	if key := room + ".clock." + name; page.Has(key) {
		return key
	}
	return "cases.clock_other"
}

// whatWord is the key of what a record is called.
func whatWord(what string) string {
	if key := "cases.day.what." + what; page.Has(key) {
		return key
	}
	return "cases.day.what.other"
}
