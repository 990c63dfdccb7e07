package function

import (
	"context"
	"net/http"
	"slices"

	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/ident"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
	"ipcredit/shared/workday"
)

func (d *desk) today() workday.Date { return workday.DateOf(d.env.Now()) }

// soon is how many working days ahead "due soon" looks (ours to choose).
const soon = 3

// pageSize is how many lines a list has.
const pageSize = 50

// row is one line of a list: nothing in it was sealed.
type row struct {
	tipoff.Row
	Clock   *tipoff.Clock // the next limit that runs
	Overdue bool
	Unit    string
	Version string
}

type listPage struct {
	base
	Rows   []row
	Next   string
	States []tipoff.State
	Kinds  []tipoff.Kind
	Closed bool
	// Bases are the provisions that the clocks of the list rest on, each once.
	Bases []tipoff.Clock
	Today workday.Date
}

// list shows the tip-offs of the officer's unit, and to those who supervise the
// clocks of the divisions beneath. The address holds the filters.
func (d *desk) list(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	q := r.URL.Query()
	p := listPage{base: d.base(r, a), States: tipoff.States(), Kinds: tipoff.Kinds(), Today: d.today()}
	p.Form = page.NewForm(q)
	f := tipoff.Filter{State: tipoff.State(q.Get("state")), Kind: tipoff.Kind(q.Get("kind")), Cursor: q.Get("cursor"), Limit: pageSize}
	switch {
	case f.State != "" && !slices.Contains(p.States, f.State):
		return fault.New(fault.Invalid, "case-handling.filter").With("state", "case-handling.filter")
	case f.Kind != "" && !f.Kind.Valid():
		return fault.New(fault.Invalid, "case-handling.filter").With("kind", "case-handling.filter")
	}
	switch q.Get("show") {
	case "":
	case "overdue":
		f.DueBy = p.Today.AddDays(-1)
	case "soon":
		cal, err := d.calendar.Current(r.Context())
		if err != nil {
			return err
		}
		f.DueBy = cal.AddWorkdays(p.Today, soon).Due
	case "closed":
		f.Closed, p.Closed = true, true
	default:
		return fault.New(fault.Invalid, "case-handling.filter").With("show", "case-handling.filter")
	}
	rows, next, err := d.office.List(r.Context(), a, f, d.env.Now())
	if err != nil {
		return err
	}
	units := names{}
	for _, x := range rows {
		line := d.rowOf(r.Context(), units, x)
		p.Rows = append(p.Rows, line)
		if c := line.Clock; c != nil && !slices.ContainsFunc(p.Bases, func(b tipoff.Clock) bool { return b.Rule == c.Rule }) {
			p.Bases = append(p.Bases, *c)
		}
	}
	if next != "" {
		q.Set("cursor", next)
		p.Next = d.pages.URL(r, "/", q)
	}
	return d.pages.Show(w, r, http.StatusOK, "index", p)
}

func (d *desk) row(ctx context.Context, x tipoff.Row) row { return d.rowOf(ctx, names{}, x) }

// rowOf is row for one of many: each unit's name is looked up once.
func (d *desk) rowOf(ctx context.Context, units names, x tipoff.Row) row {
	if _, ok := units[x.Report.Unit]; !ok {
		units[x.Report.Unit] = d.unitName(ctx, x.Report.Unit)
	}
	out := row{Row: x, Unit: units[x.Report.Unit], Version: x.Report.Version(), Overdue: x.Overdue}
	for i, c := range x.Clocks {
		if c.Done.IsZero() && c.Name != tipoff.RetentionClock && (out.Clock == nil || c.Due.Before(out.Clock.Due)) {
			out.Clock = &x.Clocks[i]
		}
	}
	return out
}

// unitName is what people call the unit of a label.
func (d *desk) unitName(ctx context.Context, label string) string {
	if o, ok, err := d.staff.Unit(ctx, label); err == nil && ok {
		return o.Name
	}
	if area, ok := ident.AreaOf(label); ok {
		return area.Name
	}
	return label
}

// names are what people and units of a page are called, looked up once.
type names map[string]string

func (d *desk) name(ctx context.Context, known names, id string) string {
	if id == "" || id == "system" {
		return id
	}
	if n, ok := known[id]; ok {
		return n
	}
	known[id] = id
	if u, err := d.staff.User(ctx, id); err == nil {
		known[id] = u.Name
	}
	return known[id]
}

// options words a list for a select.
type option struct{ Value, Text, Hint string }

func options[T ~string](lang page.Lang, prefix string, values []T) []option {
	out := make([]option, len(values))
	for i, v := range values {
		out[i] = option{Value: string(v), Text: page.Say(lang, prefix+string(v))}
	}
	return out
}

func (p listPage) StateOptions(lang page.Lang) []option {
	return options(lang, "tipoff.state.", p.States)
}
func (p listPage) KindOptions(lang page.Lang) []option { return options(lang, "tipoff.kind.", p.Kinds) }

// ShowOptions are the views of the list.
func (p listPage) ShowOptions(lang page.Lang) []option {
	return options(lang, "case-handling.show.", []string{"overdue", "soon", "closed"})
}

// number reads the number of a tip-off from the address; one that is none is
// not found, like one that nobody has.
func number(r *http.Request) (string, error) {
	no, err := tipoff.ParseNumber(r.PathValue("no"))
	if err != nil || no != r.PathValue("no") {
		return "", fault.New(fault.NotFound, "case-handling.unknown")
	}
	return no, nil
}

// tone is the colour of a state; the words say the same.
func tone(s tipoff.State) string {
	switch s {
	case tipoff.Received, tipoff.Disputed:
		return "amber"
	case tipoff.CaseFiled, tipoff.Notified:
		return "green"
	case tipoff.Closed, tipoff.Erased, tipoff.OutOfScope, tipoff.NotFiled, tipoff.Merged, tipoff.Transferred:
		return "grey"
	}
	return "blue"
}

// Tone is the colour of the line's state.
func (r row) Tone() string { return tone(r.Report.State) }

// Number is the number in groups, as people read it out.
func (r row) Number() string { return tipoff.FormatNumber(r.Report.Number) }

type undeliveredPage struct {
	base
	Parcels []undeliveredRow
}

type undeliveredRow struct {
	Number, Why string
	Tries       int
	Href        string
}

// undelivered lists what the gateway could not tell reporters of the officer's
// own unit: then it is for the officer to tell them.
func (d *desk) undelivered(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	parcels, err := d.courier.GivenUp(r.Context(), 200)
	if err != nil {
		return err
	}
	p := undeliveredPage{base: d.base(r, a)}
	for _, x := range parcels {
		if _, err := d.office.Cover(r.Context(), a, x.Number, d.env.Now()); err != nil {
			if _, ok := fault.Of(err); ok {
				continue // another unit's
			}
			return err
		}
		p.Parcels = append(p.Parcels, undeliveredRow{tipoff.FormatNumber(x.Number), page.Say(fn.Lang(r), "courier.why."+x.Why), x.Tries, d.pages.URL(r, "/tip-offs", x.Number)})
	}
	return d.pages.Show(w, r, http.StatusOK, "undelivered", p)
}
