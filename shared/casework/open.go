package casework

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	_ "embed" // the tags

	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/journal"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
	"ipcredit/shared/workday"
)

// numberForm is AJ, the unit that opened it, the year and the series.
var numberForm = regexp.MustCompile(`^AJ\d{6}-\d{4}-\d{5,}$`)

//go:embed data/tags.json
var tagsFile []byte

// Tag is a mark by industry, field, area or special campaign (S6.11).
type Tag struct {
	Tag string `json:"tag"`
	ZH  string `json:"zh"`
	EN  string `json:"en"`
}

var knownTags = func() []Tag {
	var f struct {
		Tags []Tag `json:"tags"`
	}
	if err := json.Unmarshal(tagsFile, &f); err != nil {
		panic(err) // a broken build
	}
	return f.Tags
}()

// Tags lists the tags in the order forms show them; besides, "area:" with the code
// of a division is one.
func Tags() []Tag { return slices.Clone(knownTags) }

// campaignForm is what campaigns are named by; package campaign comes later.
var campaignForm = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z._-]{0,63}$`)

// Draft is what an officer knows of a new case, and what Edit replaces.
type Draft struct {
	Kind     Kind
	Source   Source       // not FromTip in Open
	Division string       // "" is the unit's; a zone is refused: see ConfirmZone
	Unit     string       // the unit that opens it; "" is the actor's only one
	Received workday.Date // none means today
	// Filed opens the case at once (立案), without the check of a lead.
	Filed      bool
	Parties    []Party
	People     []Person // sealed
	Facts      string   // 案由、案情, sealed
	Target     Target
	Agents     []string // certificate numbers
	Numbers    []string // application and mark numbers, as written
	Campaign   string
	Tags       []string
	ActEnded   workday.Date
	Continuing bool
	Health     bool
	// Key is the form's ticket: the same ticket again opens no second case.
	Key string
}

// about is what a checked draft says.
type about struct {
	parties             []Party
	people              []Person
	facts               string
	agents, apps, marks []string
	tags                []string
}

// check refuses what is wrong, naming each field, and makes codes and numbers
// canonical.
func (d Draft) check(today workday.Date) (about, error) {
	var out about
	wrong := fault.New(fault.Invalid, "casework.form")
	bad := func(field string, err error) {
		if f, ok := fault.Of(err); ok {
			wrong.With(field, f.Code, f.Args...)
		}
	}
	line := func(field, s string, limit int) string {
		clean, err := ident.Clean(s)
		if err != nil {
			bad(field, err)
		} else if n := utf8.RuneCountInString(clean); n > limit {
			wrong.With(field, "casework.long", limit, n)
		}
		return clean
	}
	if !slices.Contains(Kinds(), d.Kind) {
		wrong.With("kind", "casework.kind")
	}
	if !slices.Contains(Sources(), d.Source) {
		wrong.With("source", "casework.source")
	}
	if d.Target != "" && !slices.Contains(TargetsOf(d.Kind), d.Target) {
		wrong.With("target", "casework.target.kind")
	}
	if n := len(d.Parties) + len(d.People); n > chosen.N("parties") {
		wrong.With("parties", "casework.many", chosen.N("parties"), n)
	}
	for i, p := range d.Parties {
		at := fmt.Sprintf("parties/%d", i)
		p.Name = line(at+"/name", p.Name, chosen.N("name"))
		if p.Name == "" {
			wrong.With(at+"/name", "casework.name.none")
		}
		if p.Code != "" {
			code, err := ident.ParseUSCC(p.Code)
			if err != nil {
				bad(at+"/code", err)
			}
			p.Code = string(code)
		}
		if !slices.Contains(PartyRoles(), p.Role) {
			wrong.With(at+"/role", "casework.role")
		}
		if p.Code == "" {
			// It may be a natural person: sealed, until an officer knows its code.
			out.people = append(out.people, Person{Name: p.Name, Role: p.Role})
			continue
		}
		out.parties = append(out.parties, p)
	}
	for i, p := range d.People {
		at := fmt.Sprintf("people/%d", i)
		p.Name = line(at+"/name", p.Name, chosen.N("name"))
		p.Contact = line(at+"/contact", p.Contact, chosen.N("contact"))
		if p.Name == "" {
			wrong.With(at+"/name", "casework.name.none")
		}
		if !slices.Contains(PersonRoles(), p.Role) {
			wrong.With(at+"/role", "casework.role")
		}
		out.people = append(out.people, p)
	}
	var err error
	if out.facts, err = paragraphs("facts", d.Facts, false); err != nil {
		f, ok := fault.Of(err)
		if !ok {
			return out, err
		}
		wrong.Fields = append(wrong.Fields, f.Fields...)
	}
	out.numbered(d, wrong, bad)
	if d.Campaign != "" && !campaignForm.MatchString(d.Campaign) {
		wrong.With("campaign", "casework.campaign")
	}
	if len(d.Tags) > chosen.N("tags") {
		wrong.With("tags", "casework.many", chosen.N("tags"), len(d.Tags))
	}
	for _, t := range d.Tags {
		if !tagged(t) {
			wrong.With("tags", "casework.tag")
		} else if !slices.Contains(out.tags, t) {
			out.tags = append(out.tags, t)
		}
	}
	if d.ActEnded.After(today) {
		wrong.With("actEnded", "casework.day.future")
	}
	switch {
	case d.Received.After(today):
		wrong.With("received", "casework.day.future")
	case !d.Received.IsZero() && d.Received.DaysUntil(today) > chosen.N("received_days"):
		wrong.With("received", "casework.received.early", chosen.N("received_days"))
	}
	if len(wrong.Fields) > 0 {
		return out, wrong
	}
	return out, nil
}

// numbered reads the numbers: what has a wrong check digit is refused, naming it.
func (out *about) numbered(d Draft, wrong *fault.Error, bad func(string, error)) {
	if n := len(d.Numbers); n > chosen.N("numbers") {
		wrong.With("numbers", "casework.many", chosen.N("numbers"), n)
		return
	}
	once := func(list *[]string, v string) {
		if !slices.Contains(*list, v) {
			*list = append(*list, v)
		}
	}
	for i, n := range d.Numbers {
		app, mark, err := parseNumber(n)
		switch {
		case err != nil:
			bad(fmt.Sprintf("numbers/%d", i), err)
		case app != "":
			once(&out.apps, app)
		default:
			once(&out.marks, mark)
		}
	}
	for i, n := range d.Agents {
		v, err := ident.ParseQualification(n)
		if err != nil {
			bad(fmt.Sprintf("agents/%d", i), err)
			continue
		}
		once(&out.agents, v)
	}
}

// markForm tells a mark's number from an application's: no point, and too short
// for one.
var markForm = regexp.MustCompile(`^[Gg]?\d{5,8}[A-Za-z]?$`)

// parseNumber reads an application number or, where it has the form of one, a
// mark's. Eight digits without a point are a mark's: an application of before
// 2003 has a point before its check digit, or letters before it.
func parseNumber(s string) (app, mark string, err error) {
	if markForm.MatchString(strings.ReplaceAll(ident.Plain(s), " ", "")) {
		mark, err = ident.ParseTrademark(s)
		return "", mark, err
	}
	a, err := ident.ParseApplication(s)
	return a.Number, "", err
}

// tagged tells whether a tag is known.
func tagged(t string) bool {
	if code, ok := strings.CutPrefix(t, "area:"); ok {
		_, known := staff.DistrictOf(code)
		if !known {
			_, known = ident.AreaOf(code)
		}
		return known
	}
	return slices.ContainsFunc(knownTags, func(k Tag) bool { return k.Tag == t })
}

// fill puts what the draft says into the case.
func (c *Case) fill(d Draft, a about) {
	c.Kind, c.Target, c.Campaign = d.Kind, d.Target, d.Campaign
	c.Parties, c.People, c.Tags = a.parties, len(a.people), a.tags
	c.Agents, c.Applications, c.Marks = a.agents, a.apps, a.marks
	c.ActEnded, c.Continuing, c.Health = d.ActEnded, d.Continuing, d.Health
}

// Open opens a case of the actor's unit (staff.CaseIntake). The same ticket
// returns the case it opened.
func (s *Store) Open(ctx context.Context, a staff.Actor, d Draft, now time.Time) (Case, error) {
	if d.Source == FromTip {
		return Case{}, fault.New(fault.Invalid, "casework.form").With("source", "casework.source")
	}
	if d.Unit == "" {
		if units := a.Units(staff.CaseIntake, now); len(units) > 0 {
			d.Unit = units[0]
		}
	}
	if err := s.ours(d.Unit); err != nil {
		return Case{}, err
	}
	if d.Division == "" {
		d.Division = d.Unit
	}
	if at, ok := staff.DistrictOf(d.Division); !ok || at.Level == "province" || at.Level == "zone" && d.Division != d.Unit {
		return Case{}, fault.New(fault.Invalid, "casework.form").With("division", "casework.zone.address")
	}
	c := Case{Source: d.Source, Unit: d.Unit, Division: d.Division, ReceivedOn: d.Received}
	o, err := s.prepare(ctx, a, staff.CaseIntake, c, d, now)
	if err != nil {
		return Case{}, err
	}
	err = s.j.Commit(ctx, o.entry, nil, o.With)
	return o.Case, err
}

// ours refuses a unit that has no cases here: matters of discipline inspection are
// no administrative cases.
func (s *Store) ours(unit string) error {
	if unit == staff.DisciplineUnit {
		return fault.New(fault.Refused, "casework.discipline")
	}
	if _, ok := s.c.Units[unit]; !ok {
		return fault.New(fault.Invalid, "casework.form").With("unit", "casework.unit")
	}
	return nil
}

// Opening is a case that is to be opened inside another matter's commit.
type Opening struct {
	// Case is what is opened; after the commit, what was (see Draft.Key).
	Case  Case
	entry journal.Entry
	queue func(tx *journal.Tx, o *Opening) error
}

// With queues the case in that commit: it is what tipoff.Change.With takes.
func (o *Opening) With(tx *journal.Tx) error { return o.queue(tx, o) }

// prepare checks a draft and makes the key; the case is not there before With.
func (s *Store) prepare(ctx context.Context, a staff.Actor, action staff.Action, c Case, d Draft, now time.Time) (*Opening, error) {
	today := workday.DateOf(now)
	rules, err := s.Rules(ctx)
	if err != nil {
		return nil, err
	}
	about, err := d.check(today)
	if err != nil {
		return nil, err
	}
	c.fill(d, about)
	if c.ReceivedOn.IsZero() {
		c.ReceivedOn = today
	}
	if err := s.can(ctx, a, action, c, about.people, now); err != nil {
		return nil, err
	}
	by := a.User.ID
	if d.Filed {
		c.reach(Filed, today, by)
	} else {
		c.reach(Lead, today, by)
	}
	if action == staff.CaseHandle {
		// Whoever decided to file it has it.
		c.Handlers = []string{by}
		c.acted(staff.CaseHandle, by)
		c.happen(Event{On: today, What: Claimed, By: by, Ref: by})
	}
	var to seal.Recipient
	if c.Key, to, err = s.keys.Add(ctx, s.parties(c.Unit)...); err != nil {
		return nil, fmt.Errorf("casework: %w", err)
	}
	c.To = to.String()
	content, err := sealed(c.To, inside{Facts: about.facts, People: about.people})
	if err != nil {
		return nil, err
	}
	series := fmt.Sprintf("casework:%s:%d", c.Unit, today.Year())
	n, err := s.next(ctx, series)
	if err != nil {
		return nil, err
	}
	c.Number = fmt.Sprintf("AJ%s-%d-%05d", c.Unit, today.Year(), n)
	e := entry(a, "casework.open", now)
	e.Ref = Ref(c.Number)
	ticket := ""
	if d.Key != "" {
		sum := sha256.Sum256([]byte(by + "\x00" + d.Key))
		ticket = hex.EncodeToString(sum[:16])
	}
	return &Opening{Case: c, entry: e, queue: func(tx *journal.Tx, o *Opening) error {
		o.Case = c
		if ticket != "" {
			before, err := s.ticketed(ctx, tx, ticket)
			if err != nil {
				return err
			}
			if before != "" {
				o.Case, err = s.read(ctx, tx.Read(), before)
				return err
			}
			tx.Set(s.key("once", ticket), c.Number)
		}
		tx.Counter(series, n)
		tx.Set(s.key(c.Number, "content"), content)
		return s.put(tx, Case{}, &o.Case, rules, now)
	}}, nil
}

// parties are whom a case's key is wrapped to.
func (s *Store) parties(unit string) []seal.Party {
	return []seal.Party{
		{Label: tipoff.UnitLabel(unit), To: s.c.Units[unit]}, {Label: tipoff.EscrowLabel, To: s.c.Escrow},
	}
}

// DraftOf is what a case takes over of an opened tip-off: kind, division, day,
// organisations with a code, numbers and the day of the act; nothing of who
// tipped off and nothing he wrote. Parties without a code are put among People,
// sealed, until an officer knows that they are organisations.
func DraftOf(o tipoff.Opened) Draft {
	d := Draft{
		Kind: o.Report.Kind, Source: FromTip, Unit: o.Report.Unit, Division: o.Report.Division, Received: o.Report.Day,
		Filed: true, Numbers: slices.Clone(o.Lodged.Numbers), ActEnded: o.Lodged.OccurredOn, Continuing: o.Lodged.Continuing,
	}
	if d.Kind == tipoff.UnlicensedAgency {
		d.Target = Unlicensed
	}
	for _, p := range o.Lodged.Parties {
		if p.Code != "" {
			d.Parties = append(d.Parties, Party{Name: p.Name, Code: p.Code, Role: Respondent})
		} else {
			d.People = append(d.People, Person{Name: p.Name, Role: Respondent})
		}
	}
	return d
}

// FromTipoff prepares the case of a tip-off, in state Filed (staff.CaseHandle).
// Hand Opening.With to tipoff.Change.With of the move to tipoff.CaseFiled: both
// happen or none does.
//
//	opening, err := cases.FromTipoff(ctx, a, opened.Report, draft, now)
//	err = office.ChangeState(ctx, a, number, tipoff.Change{To: tipoff.CaseFiled, Answer: …, With: opening.With}, now)
func (s *Store) FromTipoff(ctx context.Context, a staff.Actor, r tipoff.Report, d Draft, now time.Time) (*Opening, error) {
	if err := s.ours(r.Unit); err != nil {
		return nil, err
	}
	d.Source, d.Unit, d.Division, d.Received, d.Filed, d.Key = FromTip, r.Unit, r.Division, workday.Date{}, true, ""
	c := Case{Source: FromTip, Unit: r.Unit, Division: r.Division, ReceivedOn: r.Day, TipOffs: []string{r.Number}}
	return s.prepare(ctx, a, staff.CaseHandle, c, d, now)
}

// OfTipoff lists the numbers of the cases that a tip-off led to.
func (s *Store) OfTipoff(ctx context.Context, number string) ([]string, error) {
	return s.members(ctx, s.by("tipoff", number))
}
