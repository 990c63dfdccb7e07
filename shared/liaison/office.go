package liaison

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"ipcredit/shared/casework"
	"ipcredit/shared/clock"
	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/journal"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// Config is what a Store works with.
type Config struct {
	Safe  *Safe
	Staff *staff.Store
	// Rules is the law to apply; the empty set is what the program ships.
	Rules ruleset.Set
	// Calendar returns the calendar to count by; nil counts by the shipped one.
	Calendar func(ctx context.Context) (workday.Calendar, error)
	// Clocks is the index of clocks; nil keeps none.
	Clocks *clock.Store
	// Peers finds the city with which letters of a division's region are exchanged
	// by the systems; nil finds none.
	Peers func(ctx context.Context, division string) (Peer, bool, error)
}

// Store keeps letters and the register of instruments of entrustment. Every
// method that takes an actor asks staff.Can first, and refuses whoever is tied to
// the subject of a letter (回避). A change names the version it was made of:
// "liaison.stale" (412) where somebody changed the letter first. It is safe for
// concurrent use.
type Store struct {
	store  store
	config Config
}

// New returns the store of the journal's city.
func New(j *journal.Journal, c Config) *Store {
	if len(c.Rules.All()) == 0 {
		c.Rules = ruleset.Shipped()
	}
	if c.Calendar == nil {
		c.Calendar = func(context.Context) (workday.Calendar, error) { return workday.Official(), nil }
	}
	return &Store{store{j}, c}
}

func newID(prefix string, at time.Time) string {
	return prefix + strings.ToLower(ulid.MustNew(ulid.Timestamp(at), ulid.DefaultEntropy()).String())
}

// Ref names a letter in the journal, in boxes of evidence and in the index of
// clocks.
func Ref(id string) string { return "letter:" + id }

// Content is what is sealed of a letter.
type Content struct {
	Fields map[string]string `json:"fields"`
	// Basis is what an inbound letter says it rests on, in its own words.
	Basis string `json:"basis,omitempty"`
}

type storedPost struct {
	Step   Step      `json:"step"`
	By     string    `json:"by"`
	Org    string    `json:"org"`
	At     time.Time `json:"at"`
	Sealed string    `json:"sealed"`
}

// Post is a text written with a step.
type Post struct {
	Step    Step
	By, Org string
	At      time.Time
	Text    string
}

// Writing is what an officer fills in of a letter.
type Writing struct {
	Kind     Kind
	Template string // of a share; a notice's follows from To
	To       string // organisation, of a notice
	Region   string
	Partner  string
	Case     string
	Basis    []string // ids of staff.Bases in force
	Fields   map[string]string
	Replaces string // the withdrawn letter that it corrects
}

// Limits of what is typed beside the fields.
const (
	mostText  = 4000
	mostName  = 120
	mostBases = 6
)

// check reads a draft.
func (s *Store) check(ctx context.Context, w *Writing, now time.Time) (Template, error) {
	bad := fault.New(fault.Invalid, "liaison.incomplete")
	var t Template
	switch w.Kind {
	case Notice:
		o, err := s.config.Staff.Organization(ctx, w.To)
		if _, refused := fault.Of(err); err != nil && !refused {
			return t, err
		}
		var ok bool
		if t, ok = For(o); err != nil || !ok || o.Closed {
			return t, bad.With("to", "liaison.to")
		}
		w.Region, w.Partner = "", ""
	case Outbound, Inbound:
		var ok bool
		if t, ok = TemplateOf(w.Template); !ok || !t.Share {
			bad = bad.With("template", "liaison.choice")
		}
		var err error
		if w.Region, err = CheckRegion(w.Region, s.store.journal.City()); err != nil {
			f, _ := fault.Of(err)
			bad = bad.With("region", f.Code)
		}
		if w.Partner, err = ident.Clean(w.Partner); err != nil || w.Partner == "" || len([]rune(w.Partner)) > mostName {
			bad = bad.With("partner", "liaison.required")
		}
		w.To = ""
	default:
		return t, bad.With("kind", "liaison.choice")
	}
	if w.Kind != Inbound {
		if len(w.Basis) == 0 {
			bad = bad.With("basis", "liaison.basis")
		}
		for _, id := range w.Basis {
			if !slices.ContainsFunc(staff.Bases(), func(b staff.Basis) bool { return b.ID == id && b.InForce(now) }) || len(w.Basis) > mostBases {
				bad = bad.With("basis", "liaison.basis")
				break
			}
		}
	}
	if w.Case = strings.TrimSpace(w.Case); w.Case != "" {
		no, err := casework.ParseNumber(w.Case)
		if w.Case = no; err != nil {
			bad = bad.With("case", "liaison.case")
		}
	}
	if t.ID != "" {
		fields, err := t.Check(w.Fields, workday.DateOf(now))
		if f, ok := fault.Of(err); ok {
			bad.Fields = append(bad.Fields, f.Fields...)
			if f.Kind == fault.Refused {
				bad.Kind = fault.Refused
			}
		} else if err != nil {
			return t, err
		}
		w.Fields = fields
	}
	if len(bad.Fields) > 0 {
		return t, bad
	}
	return t, nil
}

// parties are whom a letter is about.
func parties(fields map[string]string) []staff.Party {
	var out []staff.Party
	if p := (staff.Party{Code: fields["code"], Name: fields["subject"]}); p != (staff.Party{}) {
		out = append(out, p)
	}
	if fields["agency"] != "" {
		out = append(out, staff.Party{Name: fields["agency"]})
	}
	return out
}

func (l Letter) resource(p []staff.Party) staff.Resource {
	r := staff.UnitResource(l.Division, l.Division)
	r.Parties, r.Handlers, r.Approvers = p, l.Handlers, l.Approvers
	return r
}

// can is staff.Can, with the unit above where the letter's own is too small.
func (s *Store) can(ctx context.Context, a staff.Actor, action staff.Action, division string, r staff.Resource, now time.Time) error {
	err := staff.Can(a, action, r, now)
	if err == nil || !a.May(action, now) {
		return err
	}
	above, lookErr := s.config.Staff.Matter(ctx, action, division, r, now)
	if lookErr != nil {
		return lookErr
	}
	if above.Small {
		return staff.Can(a, action, above, now)
	}
	return err
}

// writes is what whoever writes letters of the kind must be allowed.
func writes(k Kind) staff.Action {
	if k == Notice {
		return staff.NoticeDraft
	}
	return staff.ShareManage
}

// begins refuses whoever may begin no letter for his division: those of a bureau
// of this city that may not, and those of no bureau of this city.
func (s *Store) begins(ctx context.Context, a staff.Actor, l Letter, now time.Time) error {
	if !slices.Contains(staff.UnitLabels(), l.Division) {
		return fault.New(fault.Forbidden, "staff.can.division")
	}
	return s.can(ctx, a, writes(l.Kind), l.Division, l.resource(nil), now)
}

// MayBegin is nil where the actor may begin a letter of the kind: what a page asks
// before it shows a form.
func (s *Store) MayBegin(ctx context.Context, a staff.Actor, k Kind, now time.Time) error {
	return s.begins(ctx, a, Letter{Kind: k, Division: a.Org.Division()}, now)
}

// allowed tells whether the actor may take the step, apart from the letter's state.
func (s *Store) allowed(ctx context.Context, a staff.Actor, l Letter, m move, p []staff.Party, now time.Time) error {
	switch m.by {
	case receiver:
		if l.To == "" || l.To != a.Org.ID {
			return fault.New(fault.Forbidden, "staff.can.org")
		}
		return staff.Can(a, staff.NotifiedReply, staff.Resource{Unit: l.To, Parties: p}, now)
	case approver:
		return s.can(ctx, a, staff.NoticeApprove, l.Division, l.resource(p), now)
	}
	r := l.resource(p)
	if m.step != Edit && m.step != Submit && m.step != Propose {
		r.Approvers = nil // following a letter up undoes no approval
	}
	return s.can(ctx, a, writes(l.Kind), l.Division, r, now)
}

// reads tells whether the actor may see the letter: the side that wrote it and
// those who supervise it, and its receiver once it was sent.
func (s *Store) reads(ctx context.Context, a staff.Actor, l Letter, p []staff.Party, now time.Time) error {
	if l.To != "" && l.To == a.Org.ID {
		if l.Started.IsZero() {
			return errUnknown
		}
		return staff.Can(a, staff.NotifiedReply, staff.Resource{Unit: l.To, Parties: p}, now)
	}
	r := staff.UnitResource(l.Division, l.Division)
	r.Parties = p
	err := error(errUnknown)
	for _, action := range []staff.Action{writes(l.Kind), staff.NoticeApprove, staff.CaseRead, staff.CaseSupervise} {
		if !a.May(action, now) {
			continue
		}
		if err = staff.Can(a, action, r, now); err == nil {
			return nil
		}
	}
	// The unit above approves for one that is too small, and reads what it approves.
	for _, action := range []staff.Action{staff.NoticeApprove, staff.CaseRead} {
		if !a.May(action, now) {
			continue
		}
		if err = s.can(ctx, a, action, l.Division, r, now); err == nil {
			return nil
		}
		if _, refused := fault.Of(err); !refused {
			return err
		}
	}
	if f, ok := fault.Of(err); ok && f.Code == "staff.can.org" {
		return errUnknown // not even that there is such a letter
	}
	return err
}

func (s *Store) rules(ctx context.Context) (Rules, error) {
	cal, err := s.config.Calendar(ctx)
	return Rules{s.config.Rules, cal}, err
}

// keep notes the clocks that still run.
func (s *Store) keep(tx *journal.Tx, l Letter, r Rules, now time.Time) error {
	if s.config.Clocks == nil {
		return nil
	}
	clocks, err := l.Clocks(r, workday.DateOf(now))
	if err != nil {
		return err
	}
	if l.Started.IsZero() {
		return nil // not sent: nobody owes anything, and it has no number yet
	}
	return s.config.Clocks.Keep(tx, clock.Kept{
		Ref: l.kept(), Unit: l.Division, Division: l.Division, Owners: l.Handlers, Matter: "liaison", Link: link(l.ID), Clocks: clocks, Calendar: r.Calendar.Version(),
	})
}

// kept names the letter among the records with clocks: by the number on it, which
// people know. Numbers of ours are unique, those of others within their region.
func (l Letter) kept() string {
	switch l.Kind {
	case Notice:
		return "notice:" + l.DocNo
	case Outbound:
		return "share:" + l.DocNo
	}
	return "share-in:" + l.Region + " " + l.DocNo
}

// link is the page of a letter.
func link(id string) string { return "case-handling/notices/" + id }

func (s *Store) tell(tx *journal.Tx, org string, l Letter, step Step, now time.Time) error {
	if org == "" {
		return nil
	}
	m := staff.NewMessage(org, "liaison."+string(step), Ref(l.ID), "liaison.inbox."+string(step), link(l.ID), now, l.Title())
	return s.config.Staff.Tell(tx, m)
}

// Draft begins a letter to an organisation or another region.
func (s *Store) Draft(ctx context.Context, a staff.Actor, w Writing, now time.Time) (Letter, error) {
	if w.Kind == Inbound {
		return Letter{}, fault.New(fault.Invalid, "liaison.incomplete").With("kind", "liaison.choice")
	}
	l := Letter{ID: newID("l", now), Kind: w.Kind, Division: a.Org.Division(), From: a.Org.ID, State: Draft, Version: 1, Replaces: w.Replaces}
	if err := s.begins(ctx, a, l, now); err != nil {
		return l, err
	}
	t, err := s.check(ctx, &w, now)
	if err != nil {
		return l, err
	}
	if err := s.can(ctx, a, writes(w.Kind), l.Division, l.resource(parties(w.Fields)), now); err != nil {
		return l, err
	}
	key, to, err := s.config.Safe.Make(ctx, l.Division)
	if err != nil {
		return l, err
	}
	l.take(w, t)
	l.Key, l.Handlers = key, []string{a.User.ID}
	l.Events = []Event{{Step: Created, By: a.User.ID, Org: a.Org.ID, At: now.UTC()}}
	sealed, err := Seal(to, Content{Fields: w.Fields})
	if err != nil {
		return l, err
	}
	watch := []string{s.store.key("letter", l.ID)}
	if l.Replaces != "" {
		watch = append(watch, s.store.key("letter", l.Replaces))
	}
	err = s.store.journal.Commit(ctx, journal.Entry{Actor: a.User.ID, Action: "liaison.draft", Ref: Ref(l.ID), At: now}, watch, func(tx *journal.Tx) error {
		if l.Replaces != "" {
			old, err := s.store.current(ctx, tx, l.Replaces)
			if err != nil {
				return err
			}
			if old.State != Withdrawn || old.ReplacedBy != "" || old.Division != l.Division || old.To != l.To {
				return fault.New(fault.Conflict, "liaison.replaces")
			}
			old.ReplacedBy, old.Version = l.ID, old.Version+1
			old.Events = append(old.Events, Event{Step: Replaced, By: a.User.ID, Org: a.Org.ID, At: now.UTC()})
			if err := s.store.write(tx, old); err != nil {
				return err
			}
		}
		s.store.setContent(tx, l.ID, sealed)
		s.store.index(tx, l, float64(now.UnixMilli()), "from", l.Division)
		return s.store.write(tx, l)
	})
	return l, err
}

func (l *Letter) take(w Writing, t Template) {
	l.Template, l.Edition, l.To, l.Region, l.Partner, l.Case, l.Basis = t.ID, t.Edition, w.To, w.Region, w.Partner, w.Case, w.Basis
}
