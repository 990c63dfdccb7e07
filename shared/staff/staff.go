// Package staff knows who is who: organisations and the people in them, what
// each may do, how they prove who they are, and the keys of machines.
//
// What may be done is decided by Can, a pure function of the person, the
// matter and the time. How a person proves who he is needs two secrets (the
// password pepper and the key that seals TOTP secrets); only a Desk holds them.
// A Store holds none: with Redis alone every function can ask Who is signed in
// and which Key calls.
//
// Whose sealed tip-offs somebody may open goes by unit, see UnitResource,
// Actor.Units and Store.Matter: a division's bureau, or discipline inspection,
// which alone opens what is about a bureau or an official, and into whose
// accounts the bureau's administrators do not get (see NeedsSecond).
//
// Sources: 新知战联办〔2022〕8号 S1 and S7 (domain.md A.1, A.6) for the kinds of
// organisation, GB/T 22239-2019 level 3 (domain.md I.3) for the separation of
// administrators and the two factors. The numbers are parameters, see Params.
package staff

import (
	"time"

	"ipcredit/shared/fault"
)

// Kind is what an organisation is in this system.
type Kind string

// The kinds of organisation (design §6).
const (
	LeadBureau         Kind = "lead-bureau"         // 市市场监督管理局, owner of the system
	DistrictBureau     Kind = "district-bureau"     // a county's or district's 市场监督管理局
	SubOffice          Kind = "sub-office"          // 监管所, under a district bureau
	ZoneAdministration Kind = "zone-administration" // 高新区/经开区 管委会; not a GB/T 2260 division
	Department         Kind = "department"          // 科技, 教育, 卫健 and other members of the joint conference
	Court              Kind = "court"
	Customs            Kind = "customs"
	Police             Kind = "police"
	Discipline         Kind = "discipline"  // 纪检监察: tip-offs against the bureau or an official
	Association        Kind = "association" // 知识产权保护协会 and its branches
	Province           Kind = "province"
	CreditService      Kind = "credit-service" // third-party credit service, narrow scopes only (S7.4)
	Subject            Kind = "subject"        // an enterprise or agency: sees and files its own, nothing else
)

// Kinds lists the kinds in the order pages show them.
func Kinds() []Kind {
	return []Kind{LeadBureau, DistrictBureau, SubOffice, ZoneAdministration, Department, Court, Customs,
		Police, Discipline, Association, Province, CreditService, Subject}
}

// Organization is one organisation with its place in the hierarchy.
type Organization struct {
	ID   string `json:"id"`
	Kind Kind   `json:"kind"`
	Name string `json:"name"`
	// Code is the unified social credit code, "" where there is none (a 监管所).
	Code string `json:"code,omitempty"`
	// Divisions are the codes it answers for, the main one first.
	Divisions []string `json:"divisions"`
	// Parent is the organisation above, "" at the top.
	Parent string `json:"parent,omitempty"`
	// Received holds the delegations made to it, past ones too.
	Received []Delegation `json:"received,omitempty"`
	// Closed organisations keep their history; nobody of them can act.
	Closed bool `json:"closed,omitempty"`
}

// Division is the organisation's main division code.
func (o Organization) Division() string {
	if len(o.Divisions) == 0 {
		return ""
	}
	return o.Divisions[0]
}

// Feature tells whether a pilot feature is switched on for one of the
// organisation's divisions. Extending the pilot is a change of data (S2.2).
func (o Organization) Feature(flag string) bool {
	for _, d := range o.Divisions {
		if Feature(d, flag) {
			return true
		}
	}
	return false
}

// User is a person as every function may see him: nothing in it proves who he is.
type User struct {
	ID       string  `json:"id"`
	Username string  `json:"username"`
	Name     string  `json:"name"`
	Org      string  `json:"org"`
	Grants   []Grant `json:"grants,omitempty"`
	// StandsFor holds the substitutions in which this person is the stand-in.
	StandsFor []Substitute `json:"standsFor,omitempty"`
	// Employer is who pays him where that is not the organisation he works in
	// (seconded, posted or hired out: 借调, 派驻, 劳务派遣); else the zero Party.
	// The system administrator records it, and he stays away from its matters.
	Employer Party `json:"employer,omitzero"`
	// Ties are former employers and subjects he declared himself that he must
	// stay away from (回避).
	Ties []Tie `json:"ties,omitempty"`
	// Epoch counts what ended all his sessions; a session of an older epoch is dead.
	Epoch     int64     `json:"epoch"`
	Disabled  bool      `json:"disabled,omitempty"`
	CreatedAt time.Time `json:"createdAt"`
	CreatedBy string    `json:"createdBy"`
}

// Has tells whether the user himself holds the role on the day of at.
// Substitution is not counted: see Actor.Roles.
func (u User) Has(role Role, at time.Time) bool {
	for _, g := range u.Grants {
		if g.Role == role && g.In(at) {
			return true
		}
	}
	return false
}

// Span is a range of civil dates in China, both inclusive, as YYYY-MM-DD. An
// empty end is open.
type Span struct {
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
}

// In tells whether the date it is in China at that instant is within the span.
func (s Span) In(at time.Time) bool {
	d := day(at)
	return (s.From == "" || s.From <= d) && (s.To == "" || d <= s.To)
}

// check refuses dates that do not exist, an end before the beginning, an end
// in the past and, where most > 0, a span of more than most days.
func (s Span) check(at time.Time, most int) error {
	from, err := time.ParseInLocation(time.DateOnly, s.From, cst)
	if err != nil {
		return fault.New(fault.Invalid, "staff.span.date").With("from", "staff.span.date")
	}
	to, err := time.ParseInLocation(time.DateOnly, s.To, cst)
	if err != nil {
		return fault.New(fault.Invalid, "staff.span.date").With("to", "staff.span.date")
	}
	switch {
	case to.Before(from):
		return fault.New(fault.Invalid, "staff.span.order").With("to", "staff.span.order")
	case s.To < day(at):
		return fault.New(fault.Refused, "staff.span.past").With("to", "staff.span.past")
	case most > 0 && to.Sub(from) >= time.Duration(most)*24*time.Hour:
		return fault.New(fault.Refused, "staff.span.long", most).With("to", "staff.span.long", most)
	}
	return nil
}

// cst is China Standard Time. Package workday has it too, but stands above
// this package in the order of imports.
var cst = time.FixedZone("CST", 8*3600)

// day is the civil date in China at an instant, as YYYY-MM-DD.
func day(at time.Time) string { return at.In(cst).Format(time.DateOnly) }

// Grant gives a user a role for one division.
type Grant struct {
	Role     Role   `json:"role"`
	Division string `json:"division"`
	Span
	By string    `json:"by"`
	At time.Time `json:"at"`
}

// Delegation lets a 监管所 act in the name of its county bureau (S3.11), for
// the roles named and no others. Approval never leaves the bureau.
type Delegation struct {
	ID     string `json:"id"`
	Bureau string `json:"bureau"` // organisation in whose name
	Roles  []Role `json:"roles"`
	Span
	Instrument string    `json:"instrument"` // the document that delegates
	By         string    `json:"by"`
	At         time.Time `json:"at"`
	Ended      bool      `json:"ended,omitempty"`
}

// Substitute lets a colleague act for an absent person (代理/顶岗).
type Substitute struct {
	ID     string `json:"id"`
	Absent string `json:"absent"`
	Roles  []Role `json:"roles"`
	Span
	By    string    `json:"by"`
	At    time.Time `json:"at"`
	Ended bool      `json:"ended,omitempty"`
}

// Tie is a reason to stay away from a subject's matters: an employer, a
// relative's firm, a holding.
type Tie struct {
	Party
	Reason string `json:"reason"`
}

// Party names somebody a matter is about. Code decides where both sides have
// one; otherwise the names are compared without spaces and brackets.
type Party struct {
	Code string `json:"code,omitempty"`
	Name string `json:"name,omitempty"`
}
