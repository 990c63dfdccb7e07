package commitment

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/workday"
)

// Entry is a commitment in the public ledger, as machines get it.
type Entry struct {
	Number   string       `json:"number"`
	Kind     Kind         `json:"kind"`
	Template string       `json:"template"`
	Title    string       `json:"title"`
	Code     string       `json:"code"`
	Name     string       `json:"name"`
	District string       `json:"district"`
	What     string       `json:"what"`
	SignedOn workday.Date `json:"signedOn"`
	Until    workday.Date `json:"until"`
	State    State        `json:"state"`
	// Since is the day of the state, ShownUntil the last day in the ledger, that day
	// included; null while it is open.
	Since      workday.Date `json:"since"`
	ShownUntil workday.Date `json:"shownUntil"`
	Late       bool         `json:"late"` // kept after its last day
	SHA256     string       `json:"sha256"`
}

// Step is what became of it and when, as strangers see it.
type Step struct {
	What string       `json:"what"`
	On   workday.Date `json:"on"`
}

// Full is an entry with its text.
type Full struct {
	Entry
	// Document is what was signed: SHA256 is its hash.
	Document string        `json:"document"`
	Clauses  []string      `json:"clauses"`
	Source   workday.Basis `json:"source"` // of the text
	Steps    []Step        `json:"steps"`
	Basis    workday.Basis `json:"basis"` // of ShownUntil

	Text Template     `json:"-"`
	Rule ruleset.Rule `json:"-"`
}

// Asked says which entries are wanted; empty fields do not matter.
type Asked struct {
	// Subject is a credit code, or a part of a name.
	Subject  string
	Kind     Kind
	State    State
	District string
	Cursor   string
	Limit    int // at most 100; 0 means the usual page
}

// Check refuses what cannot be asked.
func (a Asked) Check() error {
	bad := fault.New(fault.Invalid, "commitment.asked")
	if a.Kind != "" && !slices.Contains(Kinds, a.Kind) {
		bad.With("kind", "commitment.asked.kind")
	}
	if a.State != "" && !slices.Contains(PublicStates, a.State) {
		bad.With("state", "commitment.asked.state")
	}
	if a.District != "" {
		if _, err := ident.ParseArea(a.District); err != nil {
			bad.With("district", "commitment.asked.district")
		}
	}
	if len([]rune(a.Subject)) > 100 {
		bad.With("subject", "commitment.long", 100, len([]rune(a.Subject)))
	}
	if len(bad.Fields) > 0 {
		return bad
	}
	_, err := cursor(a.Cursor)
	return err
}

// Ledger is a page of entries, the newest first.
type Ledger struct {
	List []Entry
	Next string // cursor of the following page, or ""
	// Until is when a page changes by itself: the end of the day.
	Until time.Time
}

// Ledger lists what is public at the instant. A page may be short, or empty, and
// have a next one: so much is read for one question, and no more.
func (s *Store) Ledger(ctx context.Context, a Asked, at time.Time) (Ledger, error) {
	today := workday.DateOf(at)
	out := Ledger{Until: today.End()}
	if err := a.Check(); err != nil {
		return out, err
	}
	last, err := cursor(a.Cursor)
	if err != nil {
		return out, err
	}
	limit := chosen.N("list")
	if a.Limit > 0 {
		limit = min(a.Limit, 100)
	}
	name := ""
	lists := []string{s.key("public")}
	if code, err := ident.ParseUSCC(a.Subject); err == nil {
		lists = append(lists, s.key("of", string(code)))
		a.Subject = string(code)
	} else if a.Subject != "" {
		name = ident.Normal(a.Subject)
	}
	if a.Kind != "" {
		lists = append(lists, s.key("kind", string(a.Kind)))
	}
	if a.State != "" {
		lists = append(lists, s.key("state", string(a.State)))
	}
	if a.District != "" {
		lists = append(lists, s.key("district", a.District))
	}
	shortest, err := s.smallest(ctx, lists)
	if err != nil {
		return out, err
	}
	view, err := s.view(ctx, at)
	if err != nil {
		return out, err
	}
	const piece = 200
	for scanned := 0; scanned < chosen.N("scan"); scanned += piece {
		list, err := s.behind(ctx, shortest, last, piece)
		if err != nil {
			return out, err
		}
		for _, c := range list {
			last = number(c.No)
			out.Next = strconv.FormatInt(last, 10)
			fits := (a.Kind == "" || c.Kind == a.Kind) && (a.State == "" || c.State == a.State) && (a.District == "" || c.District == a.District) &&
				(a.Subject == "" || c.Subject == a.Subject || name != "" && strings.Contains(ident.Normal(c.Name), name))
			if !fits {
				continue
			}
			f, shown, err := view.full(ctx, c)
			if err != nil {
				return out, err
			}
			if !shown {
				continue
			}
			if len(out.List) == limit {
				out.Next = strconv.FormatInt(number(out.List[limit-1].Number), 10)
				return out, nil
			}
			out.List = append(out.List, f.Entry)
		}
		if len(list) < piece {
			out.Next = ""
			return out, nil
		}
	}
	return out, nil
}

// Entry is one commitment while it is public: NotFound "commitment.unknown" of what
// never was, Gone "commitment.over" after that, the same for all.
func (s *Store) Entry(ctx context.Context, no string, at time.Time) (Full, error) {
	c, err := s.current(ctx, strings.ToUpper(no))
	if err != nil {
		return Full{}, err
	}
	if c.Signed == nil {
		return Full{}, errUnknown()
	}
	view, err := s.view(ctx, at)
	if err != nil {
		return Full{}, err
	}
	f, shown, err := view.full(ctx, c)
	if err == nil && !shown {
		return Full{}, fault.New(fault.Gone, "commitment.over")
	}
	return f, err
}

// viewer shows commitments to strangers at an instant.
type viewer struct {
	s         *Store
	at        time.Time
	rules     Rules
	templates Templates
}

func (s *Store) view(ctx context.Context, at time.Time) (viewer, error) {
	v := viewer{s: s, at: at}
	var err error
	if v.rules, err = s.Rules(ctx); err != nil {
		return v, err
	}
	v.templates, err = s.Templates(ctx)
	return v, err
}

// full is the public view; false where strangers see nothing of it.
func (v viewer) full(ctx context.Context, c Commitment) (Full, bool, error) {
	shown, last, rule, err := v.rules.Shown(c, workday.DateOf(v.at))
	if err != nil || !shown {
		return Full{}, false, err
	}
	// What belongs to a repair must not outlive the display of what is repaired.
	if still, err := v.displayed(ctx, c); err != nil || !still {
		return Full{}, false, err
	}
	t, _ := v.templates.Ref(c.Template)
	f := Full{
		Entry: Entry{
			Number: c.No, Kind: c.Kind, Template: c.Template, Title: t.Title.ZH, Code: c.Subject, Name: c.Name, District: c.District, What: c.What,
			SignedOn: c.Signed.On, Until: c.Until, State: c.State, Since: c.Changed(), ShownUntil: last, Late: c.Late(), SHA256: c.Signed.Hash,
		},
		Document: c.Document(t), Clauses: t.Clauses.ZH, Text: t, Rule: rule, Basis: rule.Basis(),
		Source: workday.Basis{Source: t.Source, Confidence: string(t.Confidence)},
	}
	for _, e := range c.Events {
		if e.What != EventDrafted && e.What != EventProof {
			f.Steps = append(f.Steps, Step{e.What, workday.DateOf(e.At)})
		}
	}
	return f, true, nil
}

// displayed tells whether any of the records that it is about is displayed; true
// where it is about none.
func (v viewer) displayed(ctx context.Context, c Commitment) (bool, error) {
	if len(c.Records) == 0 {
		return true, nil
	}
	law, err := v.s.credit.Law(ctx)
	if err != nil {
		return false, err
	}
	p, err := v.s.of(ctx, c.Subject, "", "")
	if err != nil {
		return false, err
	}
	visible, _ := law.Show(p.records, v.at)
	return slices.ContainsFunc(visible, func(x credit.Shown) bool { return slices.Contains(c.Records, x.ID) }), nil
}
