package liaison

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/journal"
	"ipcredit/shared/page"
	"ipcredit/shared/sheet"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// Arrival is a share from another region as an officer enters it or a file brings it.
type Arrival struct {
	Writing
	// DocNo is the partner's number of it, On the day of receipt here.
	DocNo string
	On    workday.Date
	// Basis is what it says it rests on.
	Basis string
}

// Register takes in a share from another region. The same region and number again
// are a fault of kind Conflict, "liaison.came".
func (s *Store) Register(ctx context.Context, a staff.Actor, in Arrival, now time.Time) (Letter, error) {
	in.Kind = Inbound
	l := Letter{ID: newID("l", now), Kind: Inbound, Division: a.Org.Division(), From: a.Org.ID, State: Arrived, Version: 1, Handlers: []string{a.User.ID}}
	if err := s.begins(ctx, a, l, now); err != nil {
		return l, err
	}
	t, err := s.readArrival(ctx, &in, now)
	if err != nil {
		return l, err
	}
	r := l.resource(parties(in.Fields))
	r.Handlers = nil
	if err := s.can(ctx, a, staff.ShareManage, l.Division, r, now); err != nil {
		return l, err
	}
	l.Events = []Event{{Step: Created, By: a.User.ID, Org: a.Org.ID, At: now.UTC()}}
	entry := journal.Entry{Actor: a.User.ID, Action: "liaison.register", Ref: Ref(l.ID), At: now}
	return s.register(ctx, entry, l, in, t, nil, nil)
}

// mostBasis is how long the words are at most on which a share says that it rests.
const mostBasis = 1000

// readArrival reads a share as it came, and brings it into the form in which it is
// kept.
func (s *Store) readArrival(ctx context.Context, in *Arrival, now time.Time) (Template, error) {
	bad := fault.New(fault.Invalid, "liaison.incomplete")
	no, err := ident.ParseDocNo(in.DocNo)
	if err != nil {
		f, _ := fault.Of(err)
		bad = bad.With("docNo", f.Code, f.Args...)
	}
	in.DocNo = no.String()
	if in.On.IsZero() || in.On.After(workday.DateOf(now)) {
		bad = bad.With("on", "liaison.future")
	}
	in.Basis = strings.TrimSpace(in.Basis)
	if in.Basis == "" {
		bad = bad.With("basis", "liaison.basis")
	} else if err := CheckText(in.Basis, mostBasis); err != nil {
		f, _ := fault.Of(err)
		bad = bad.With("basis", f.Code, f.Args...)
	}
	t, err := s.check(ctx, &in.Writing, now)
	if f, ok := fault.Of(err); ok {
		bad.Fields = append(bad.Fields, f.Fields...)
		bad.Kind = f.Kind
	} else if err != nil {
		return t, err
	}
	if len(bad.Fields) > 0 {
		return t, bad
	}
	return t, nil
}

// register keeps a share that was read. also adds to its commit, which watches the
// keys too; false keeps nothing of the share.
func (s *Store) register(ctx context.Context, entry journal.Entry, l Letter, in Arrival, t Template, watch []string, also func(*journal.Tx, Letter) (bool, error)) (Letter, error) {
	came := s.store.cameKey(in.Region, in.DocNo)
	conflict := fault.New(fault.Conflict, "liaison.came").With("docNo", "liaison.came")
	if known, err := s.store.came(ctx, in.Region, in.DocNo); err != nil || known != "" {
		if err == nil {
			err = conflict
		}
		return l, err
	}
	key, to, err := s.config.Safe.Make(ctx, l.Division)
	if err != nil {
		return l, err
	}
	l.take(in.Writing, t)
	l.DocNo, l.Key, l.Started = in.DocNo, key, in.On
	l.Basis = []string{}
	sealed, err := Seal(to, Content{Fields: in.Fields, Basis: in.Basis})
	if err != nil {
		return l, err
	}
	rules, err := s.rules(ctx)
	if err != nil {
		return l, err
	}
	now := entry.At
	err = s.store.journal.Commit(ctx, entry, append([]string{came}, watch...), func(tx *journal.Tx) error {
		if also != nil {
			if goesOn, err := also(tx, l); err != nil || !goesOn {
				return err
			}
		}
		if known, err := s.store.takenBy(ctx, tx, came); err != nil || known != "" {
			if err == nil {
				err = conflict
			}
			return err
		}
		tx.Set(came, l.ID)
		s.store.setContent(tx, l.ID, sealed)
		s.store.index(tx, l, float64(now.UnixMilli()), "from", l.Division)
		if err := s.keep(tx, l, rules, now); err != nil {
			return err
		}
		return s.store.write(tx, l)
	})
	return l, err
}

//go:embed columns.json
var columnData []byte

// column is one column of the files in which shares travel.
type column struct {
	Field    string   `json:"field"`
	Header   string   `json:"header"`
	Also     []string `json:"also"`
	Required bool     `json:"required"`
	Kind     string   `json:"kind"`
	Example  string   `json:"example"`
	Note     string   `json:"note"`
}

var columns = func() []column {
	var f struct {
		Source, AsOf string
		Columns      []column
	}
	if err := json.Unmarshal(columnData, &f); err != nil || f.Source == "" || f.AsOf == "" {
		panic(fmt.Sprintf("liaison: columns: %v", err))
	}
	return f.Columns
}()

// words are the Chinese words of a list of values, as files write them.
func words(prefix string, values []string) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = page.Say(page.ZH, prefix+v)
	}
	return out
}

// choices are the values and the prefix of their words of a column that is a
// choice.
func choices(field string) (prefix string, values []string) {
	if field == "template" {
		for _, t := range Templates(true) {
			values = append(values, t.ID)
		}
		return "liaison.template.", values
	}
	for _, t := range shipped {
		for _, f := range t.Fields {
			if f.ID == field && f.Form == "choice" {
				return "liaison." + field + ".", f.Choices
			}
		}
	}
	return "", nil
}

// Schema is the table in which shares travel as a file, out and in.
func Schema() sheet.Schema {
	s := sheet.Schema{Name: "regulatory-share"}
	for _, c := range columns {
		x := sheet.Column{Field: c.Field, Header: c.Header, Also: c.Also, Required: c.Required, Example: c.Example, Note: c.Note}
		switch c.Kind {
		case "date":
			x.Kind = sheet.Date
		case "code":
			x.Kind = sheet.Code
		case "choice":
			x.Kind = sheet.Choice
			prefix, values := choices(c.Field)
			x.Choices = words(prefix, values)
		}
		s.Columns = append(s.Columns, x)
	}
	return s
}

// ReadArrival reads one row of such a file. today is the day of receipt where the
// row gives none.
func ReadArrival(row sheet.Row, today workday.Date) (Arrival, []sheet.Problem) {
	problems := append(row.Problems(), row.Check()...)
	in := Arrival{DocNo: row.Get("docNo"), Basis: row.Get("basis"), On: today}
	in.Region, in.Partner = row.Get("region"), row.Get("partner")
	in.Fields = map[string]string{}
	for _, c := range columns {
		v := row.Get(c.Field)
		if c.Kind == "choice" {
			prefix, values := choices(c.Field)
			if i := slices.Index(words(prefix, values), v); i >= 0 {
				v = values[i]
			}
		}
		switch c.Field {
		case "docNo", "basis", "region", "partner":
		case "template":
			in.Template = v
		case "sentOn":
		default:
			if v != "" {
				in.Fields[c.Field] = v
			}
		}
	}
	return in, problems
}

// Cells are the cells of an opened share in the columns of Schema: what its
// template lets out and nothing else. Region and authority are those that send
// it.
func (o Opened) Cells(region, authority, basis string) []string {
	var out []string
	for _, c := range columns {
		v := o.Fields[c.Field]
		if c.Kind == "choice" && v != "" {
			prefix, _ := choices(c.Field)
			v = page.Say(page.ZH, prefix+v)
		}
		switch c.Field {
		case "docNo":
			v = o.DocNo
		case "region":
			v = region
		case "partner":
			v = authority
		case "template":
			v = page.Say(page.ZH, "liaison.template."+o.Template)
		case "sentOn":
			v = o.Started.String()
		case "basis":
			v = basis
		}
		out = append(out, v)
	}
	return out
}

// Exported notes that shares leave as a file, before it is given out
// (staff.ExportMake): who, why, which.
func (s *Store) Exported(ctx context.Context, a staff.Actor, ids []string, purpose string, now time.Time) ([]Opened, error) {
	if err := staff.Can(a, staff.ExportMake, staff.Resource{Division: a.Org.Division()}, now); err != nil {
		return nil, err
	}
	purpose = strings.TrimSpace(purpose)
	if purpose == "" {
		return nil, fault.New(fault.Invalid, "liaison.incomplete").With("purpose", "liaison.required")
	}
	if err := CheckText(purpose, 200); err != nil {
		f, _ := fault.Of(err)
		return nil, fault.New(f.Kind, "liaison.incomplete").With("purpose", f.Code, f.Args...)
	}
	if len(ids) == 0 || len(ids) > 500 {
		return nil, fault.New(fault.Invalid, "liaison.incomplete").With("ids", "liaison.choose", 500)
	}
	var out []Opened
	for _, id := range ids {
		o, err := s.Open(ctx, a, id, now)
		if err != nil {
			return nil, err
		}
		if o.Kind != Outbound || o.Started.IsZero() || !o.State.Open() && o.State != Closed {
			return nil, fault.New(fault.Refused, "liaison.export", o.Title())
		}
		out = append(out, o)
	}
	now = now.UTC()
	// The purpose is an officer's own words: it goes into the journal sealed.
	key, to, err := s.config.Safe.Make(ctx, a.Org.Division())
	if err != nil {
		return nil, err
	}
	sealed, err := Seal(to, purpose)
	if err != nil {
		return nil, err
	}
	id := newID("e", now)
	err = s.store.journal.Commit(ctx, journal.Entry{Actor: a.User.ID, Action: "liaison.export", Ref: "export:" + id, At: now}, nil, func(tx *journal.Tx) error {
		return journal.Put(tx, s.store.key("export", id), export{Key: key, IDs: ids, Purpose: sealed, By: a.User.ID, Org: a.Org.ID, At: now})
	})
	return out, err
}

// export is the note of a file that was given out.
type export struct {
	Key     string    `json:"key"`
	IDs     []string  `json:"ids"`
	Purpose string    `json:"purpose"`
	By      string    `json:"by"`
	Org     string    `json:"org"`
	At      time.Time `json:"at"`
}

// Metrics measures the shares of the actor's reach (staff.ReportRead, or who
// manages shares), by kind.
func (s *Store) Metrics(ctx context.Context, a staff.Actor, from, to workday.Date, now time.Time) (out, in Metrics, err error) {
	if !a.May(staff.ShareManage, now) && !a.May(staff.ReportRead, now) && !a.May(staff.CaseSupervise, now) && !a.May(staff.NoticeApprove, now) {
		return out, in, fault.New(fault.Forbidden, "staff.can.role")
	}
	rules, err := s.rules(ctx)
	if err != nil {
		return out, in, err
	}
	var list []Turnaround
	for _, d := range s.Divisions(a, now) {
		cursor := ""
		for {
			got, err := s.store.list(ctx, s.store.key("from", d), cursor, 500)
			if err != nil {
				return out, in, err
			}
			letters, err := s.store.letters(ctx, journal.Members(got))
			if err != nil {
				return out, in, err
			}
			for _, l := range letters {
				if l.Share() && !l.Started.IsZero() && (from.IsZero() || !l.Started.Before(from)) && (to.IsZero() || !l.Started.After(to)) {
					list = append(list, Turnaround{l.Kind, l.Started, l.Replied, l.State == Withdrawn})
				}
			}
			if len(got) < 500 {
				break
			}
			last := got[len(got)-1]
			cursor = fmt.Sprintf("%.0f:%s", last.Score, last.Member)
		}
	}
	return Measure(list, Outbound, rules.Calendar), Measure(list, Inbound, rules.Calendar), nil
}
