package inquiry

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"slices"
	"strings"
	"time"

	"ipcredit/shared/casework"
	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/journal"
	"ipcredit/shared/liaison"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// Config is what a Store works with. A Store that only tells subjects what they
// may see (Visible) needs none of it.
type Config struct {
	Safe   *liaison.Safe
	Credit *credit.Store
	// Laws is the law that records are shown by.
	Laws credit.Laws
	// Case tells whether the actor works on the case with that number: a fault
	// where he does not. Without it nobody can look up for verification.
	Case func(ctx context.Context, a staff.Actor, number string, now time.Time) error
	// Notified is the day on which the case was notified, none before, and the codes
	// of those that it was notified to. Without it nothing that was withheld is
	// revealed.
	Notified func(ctx context.Context, number string) (workday.Date, []string, error)
}

// Store keeps lookups. It is safe for concurrent use.
type Store struct {
	store  store
	config Config
}

// New returns the store of the journal's city.
func New(j *journal.Journal, c Config) *Store { return &Store{store{j}, c} }

// Inquiry is a lookup as it stands in the clear.
type Inquiry struct {
	ID      string    `json:"id"`
	Org     string    `json:"org"`
	OrgName string    `json:"orgName"`
	By      string    `json:"by"`
	At      time.Time `json:"at"`
	Purpose string    `json:"purpose"`
	// Case is the case it verifies something in.
	Case string `json:"case,omitempty"`
	// Queries is how many subjects were asked for, Answered for how many there is
	// an answer.
	Queries  int    `json:"queries"`
	Answered int    `json:"answered"`
	Key      string `json:"key"`
	// Revealed is the day from which subjects see it; none while it is withheld
	// from all of them.
	Revealed workday.Date `json:"revealed,omitzero"`
	// Shown are, of a lookup for verification, the codes that see it.
	Shown []string `json:"shown,omitempty"`
}

// content is what is sealed of a lookup.
type content struct {
	Project string `json:"project,omitempty"`
	Reason  string `json:"reason"`
	Items   []Item `json:"items"`
}

// Question is what somebody asks.
type Question struct {
	// Ticket names the form: sent twice, it is one lookup.
	Ticket   string
	Purpose  string
	Project  string // number of the project, the review, the award
	Case     string
	Reason   string
	Subjects []string
}

// Ref names a lookup in the journal.
func Ref(id string) string { return "inquiry:" + id }

func (q *Question) check(a staff.Actor) (Purpose, error) {
	bad := fault.New(fault.Invalid, "inquiry.incomplete")
	p, ok := PurposeOf(q.Purpose)
	if !ok {
		bad = bad.With("purpose", "inquiry.choice")
	} else if !slices.Contains(p.Kinds, a.Org.Kind) {
		return p, fault.New(fault.Forbidden, "inquiry.org").With("purpose", "inquiry.org")
	}
	text := func(field, v string, most int, needed bool) string {
		v = strings.TrimSpace(strings.ReplaceAll(v, "\r\n", "\n"))
		switch err := liaison.CheckText(v, most); {
		case v == "" && needed:
			bad = bad.With(field, "inquiry.required")
		case err != nil:
			f, _ := fault.Of(err)
			bad = bad.With(field, f.Code, f.Args...)
		}
		return v
	}
	q.Project = text("project", q.Project, 80, p.Number)
	q.Reason = text("reason", q.Reason, 500, true)
	if q.Case = strings.TrimSpace(q.Case); p.Case {
		no, err := casework.ParseNumber(q.Case)
		if q.Case = no; err != nil {
			bad = bad.With("case", "inquiry.case")
		}
	} else {
		q.Case = ""
	}
	subjects, err := ReadSubjects(q.Subjects)
	if f, ok := fault.Of(err); ok {
		bad = bad.With("subjects", f.Code, f.Args...)
	}
	q.Subjects = subjects
	if len(q.Ticket) < 16 || len(q.Ticket) > 100 {
		bad = bad.With("ticket", "inquiry.ticket")
	}
	if len(bad.Fields) > 0 {
		return p, bad
	}
	return p, nil
}

func (s *Store) may(ctx context.Context, a staff.Actor, p Purpose, number string, now time.Time) error {
	if !p.Case {
		return staff.Can(a, staff.LookupPurpose, staff.Resource{}, now)
	}
	if s.config.Case == nil {
		return fault.New(fault.Refused, "inquiry.case").With("case", "inquiry.case")
	}
	if !a.May(staff.CaseHandle, now) && !a.May(staff.LookupPurpose, now) {
		return fault.New(fault.Forbidden, "staff.can.role")
	}
	err := s.config.Case(ctx, a, number, now)
	if f, ok := fault.Of(err); ok && f.Kind == fault.NotFound {
		return fault.New(fault.Invalid, "inquiry.incomplete").With("case", "inquiry.case")
	}
	return err
}

// Ask makes a lookup: it is recorded, with every subject it found, before it is
// answered.
func (s *Store) Ask(ctx context.Context, a staff.Actor, q Question, now time.Time) (Inquiry, error) {
	p, err := q.check(a)
	if f, ok := fault.Of(err); ok && f.Kind == fault.Invalid && !a.May(staff.LookupPurpose, now) && !a.May(staff.CaseHandle, now) {
		return Inquiry{}, fault.New(fault.Forbidden, "staff.can.role")
	}
	if err != nil {
		return Inquiry{}, err
	}
	if err := s.may(ctx, a, p, q.Case, now); err != nil {
		return Inquiry{}, err
	}
	sum := sha256.Sum256([]byte(a.User.ID + " " + q.Ticket))
	in := Inquiry{
		ID: "q" + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:16])), Org: a.Org.ID, OrgName: a.Org.Name,
		By: a.User.ID, At: now.UTC(), Purpose: p.ID, Case: q.Case, Queries: len(q.Subjects),
	}
	if known, ok, err := s.store.one(ctx, nil, in.ID); err != nil || ok {
		return known, err
	}
	c := content{Project: q.Project, Reason: q.Reason}
	if c.Items, err = s.find(ctx, q.Subjects); err != nil {
		return in, err
	}
	var parties []staff.Party
	for _, x := range c.Items {
		if x.Found == One {
			in.Answered++
			parties = append(parties, staff.Party{Code: x.Code, Name: x.Name})
		}
	}
	if p.Case && a.TiedTo(parties) {
		return in, fault.New(fault.Forbidden, "staff.can.tied")
	}
	key, to, err := s.config.Safe.Make(ctx, a.Org.Division())
	if err != nil {
		return in, err
	}
	in.Key = key
	if !p.Case {
		in.Revealed = workday.DateOf(now)
	}
	sealed, err := liaison.Seal(to, c)
	if err != nil {
		return in, err
	}
	err = s.store.journal.Commit(ctx, journal.Entry{Actor: a.User.ID, Action: "inquiry.ask", Ref: Ref(in.ID), At: now}, []string{s.store.key(in.ID)}, func(tx *journal.Tx) error {
		known, ok, err := s.store.one(ctx, tx, in.ID)
		if err != nil || ok {
			in = known
			return err
		}
		at := float64(now.UnixMilli())
		tx.ZAdd(s.store.key("of", in.Org), at, in.ID)
		tx.ZAdd(s.store.key("all"), at, in.ID)
		tx.Set(s.store.key(in.ID, "content"), sealed)
		if p.Case {
			tx.SAdd(s.store.key("case", in.Case), in.ID)
			tx.SAdd(s.store.key("withheld"), in.Case)
		} else {
			for _, x := range c.Items {
				if x.Found == One {
					tx.ZAdd(s.store.key("seen", x.Code), at, in.ID)
				}
			}
		}
		return journal.Put(tx, s.store.key(in.ID), in)
	})
	return in, err
}

// find leads each query to a subject: by its code, or by a name that is exactly
// one subject's.
func (s *Store) find(ctx context.Context, queries []string) ([]Item, error) {
	subjects := s.config.Credit.Subjects()
	items := make([]Item, len(queries))
	var names []string
	var at []int
	for i, q := range queries {
		items[i] = Item{Query: q, Found: None}
		if !looksLikeCode(q) {
			names, at = append(names, q), append(at, i)
			continue
		}
		code, err := ident.ParseUSCC(q)
		if err != nil {
			items[i].Found = Wrong
			continue
		}
		sub, err := subjects.Resolve(ctx, string(code))
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if pub, ok := sub.Public(); ok {
			items[i].Found, items[i].Code, items[i].Name = One, pub.Code, pub.Name
		}
	}
	results, err := subjects.Match(ctx, names, 5)
	if err != nil {
		return nil, err
	}
	for k, r := range results {
		x := &items[at[k]]
		want := ident.Normal(x.Query)
		var same []Candidate
		for _, h := range r.Hits {
			c := Candidate{h.Code, h.Name}
			x.Others = append(x.Others, c)
			if ident.Normal(h.Name) == want {
				same = append(same, c)
			}
		}
		switch {
		case len(same) == 1:
			x.Found, x.Code, x.Name, x.Others = One, same[0].Code, same[0].Name, nil
		case len(same) > 1:
			x.Found, x.Others = Several, same
		case len(x.Others) > 0:
			x.Found = Like
		}
	}
	return items, nil
}

// looksLikeCode tells a credit code, right or wrong, from a name.
func looksLikeCode(q string) bool {
	n := 0
	for _, r := range q {
		if r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
			n++
		} else if r != ' ' && r != '-' {
			return false
		}
	}
	return n >= 15
}

// Line is one query with what may be known.
type Line struct {
	Item
	Records []Known
	Grade   *credit.Grade
}

// Opened is a lookup with its answer.
type Opened struct {
	Inquiry
	Project, Reason string
	Lines           []Line
	// Ended says that the answer can be read no more: who needs it asks again, and
	// that is recorded again.
	Ended bool
}

// Open shows a lookup to members of the organisation that made it who may make
// one; the answer only to who asked, and for as long as Readable says.
func (s *Store) Open(ctx context.Context, a staff.Actor, id string, now time.Time) (Opened, error) {
	in, ok, err := s.store.one(ctx, nil, id)
	o := Opened{Inquiry: in}
	switch {
	case err != nil:
		return o, err
	case !ok || in.Org != a.Org.ID:
		return o, fault.New(fault.NotFound, "inquiry.unknown")
	case !a.May(staff.LookupPurpose, now) && !(in.Case != "" && a.May(staff.CaseHandle, now)):
		return o, fault.New(fault.Forbidden, "staff.can.role")
	case in.By != a.User.ID && in.Case != "":
		return o, fault.New(fault.NotFound, "inquiry.unknown")
	}
	key, err := s.config.Safe.Open(ctx, in.Key)
	if errors.Is(err, seal.ErrErased) {
		o.Ended = true
		return o, nil
	}
	if err != nil {
		return o, err
	}
	text, err := s.store.content(ctx, id)
	if err != nil {
		return o, err
	}
	c, err := liaison.Unseal[content](key, text)
	if err != nil {
		return o, err
	}
	o.Project, o.Reason = c.Project, c.Reason
	o.Ended = in.By != a.User.ID || !now.Before(in.At.Add(Readable()))
	p, _ := PurposeOf(in.Purpose)
	law, err := s.config.Laws.Current(ctx)
	if err != nil {
		return o, err
	}
	for _, x := range c.Items {
		line := Line{Item: x}
		if x.Found == One && !o.Ended {
			profile, err := s.config.Credit.Load(ctx, x.Code)
			if _, refused := fault.Of(err); err != nil && !refused {
				return o, err
			}
			if err == nil {
				line.Records, line.Grade = Answer(p, law, profile.Records, now), profile.Grade
			}
		}
		o.Lines = append(o.Lines, line)
	}
	return o, nil
}

// List lists the lookups of the actor's organisation, newest first; of those made
// for verification his own only.
func (s *Store) List(ctx context.Context, a staff.Actor, cursor string, n int, now time.Time) ([]Inquiry, string, error) {
	if !a.May(staff.LookupPurpose, now) && !a.May(staff.CaseHandle, now) {
		return nil, "", fault.New(fault.Forbidden, "staff.can.role")
	}
	list, next, err := s.store.page(ctx, s.store.key("of", a.Org.ID), cursor, min(max(n, 1), 200))
	return slices.DeleteFunc(list, func(q Inquiry) bool { return q.Case != "" && q.By != a.User.ID }), next, err
}

// Visible is what a subject is told of the lookups about it, newest first: day,
// organisation and purpose (河南省社会信用条例 art. 40). What was looked up to verify
// something in a case is among them once the case was notified to it. The code must
// be the one that answers today: a merger moves nothing.
func (s *Store) Visible(ctx context.Context, code, cursor string, n int) ([]Entry, string, error) {
	list, next, err := s.store.page(ctx, s.store.key("seen", code), cursor, min(max(n, 1), 200))
	out := make([]Entry, 0, len(list))
	for _, q := range list {
		out = append(out, Entry{workday.DateOf(q.At), q.OrgName, q.Purpose})
	}
	return out, next, err
}

// Reveal shows those that a case was notified to the lookups about them that were
// withheld for it. Doing it again changes nothing; a party that is notified later
// is shown them then.
func (s *Store) Reveal(ctx context.Context, number string, on workday.Date, codes []string, now time.Time) error {
	ids, err := s.store.members(ctx, s.store.key("case", number))
	if err != nil {
		return err
	}
	left := false
	for _, id := range ids {
		more, err := s.reveal(ctx, id, on, codes, now)
		if err != nil {
			return err
		}
		left = left || more
	}
	if left {
		return nil
	}
	return s.store.journal.Commit(ctx, journal.Entry{Actor: "system", Action: "inquiry.revealed", Ref: "case:" + number, At: now}, []string{s.store.key("case", number)}, func(tx *journal.Tx) error {
		tx.SRem(s.store.key("withheld"), number)
		return nil
	})
}

// reveal shows one lookup; more says that it stays withheld from somebody.
func (s *Store) reveal(ctx context.Context, id string, on workday.Date, codes []string, now time.Time) (more bool, err error) {
	in, ok, err := s.store.one(ctx, nil, id)
	if err != nil || !ok {
		return false, err
	}
	key, err := s.config.Safe.Open(ctx, in.Key)
	if errors.Is(err, seal.ErrErased) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	text, err := s.store.content(ctx, id)
	if err != nil {
		return false, err
	}
	c, err := liaison.Unseal[content](key, text)
	if err != nil {
		return false, err
	}
	err = s.store.journal.Commit(ctx, journal.Entry{Actor: "system", Action: "inquiry.reveal", Ref: Ref(id), At: now}, []string{s.store.key(id)}, func(tx *journal.Tx) error {
		in, _, err := s.store.one(ctx, tx, id)
		if err != nil {
			return err
		}
		more = false
		changed := false
		for _, x := range c.Items {
			switch {
			case x.Found != One || slices.Contains(in.Shown, x.Code):
			case !slices.Contains(codes, x.Code):
				more = true
			default:
				tx.ZAdd(s.store.key("seen", x.Code), float64(in.At.UnixMilli()), id)
				in.Shown, changed = append(slices.Clone(in.Shown), x.Code), true
			}
		}
		if !changed {
			return nil
		}
		if in.Revealed.IsZero() {
			in.Revealed = on
		}
		return journal.Put(tx, s.store.key(id), in)
	})
	return more, err
}

// RevealDue reveals what was withheld for cases that have been notified since; a
// job calls it as often as it likes. It says of how many cases.
func (s *Store) RevealDue(ctx context.Context, now time.Time) (int, error) {
	if s.config.Notified == nil {
		return 0, nil
	}
	cases, err := s.store.members(ctx, s.store.key("withheld"))
	if err != nil {
		return 0, err
	}
	n := 0
	for _, number := range cases {
		on, codes, err := s.config.Notified(ctx, number)
		if _, refused := fault.Of(err); refused {
			continue // there is no such case any more: it was notified to nobody
		}
		if err != nil {
			return n, err
		}
		if on.IsZero() || on.After(workday.DateOf(now)) {
			continue
		}
		if err := s.Reveal(ctx, number, on, codes, now); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
