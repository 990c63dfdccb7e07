// Package casework keeps the case files of officers: what a case is about, who
// has it, where it stands, by when what must be done, and what may be done by
// whom.
//
// The rules are functions of a case's events and of the day: states (State), the
// statutory clocks (Case.Clocks), competence (Penalty.Check), repeated
// infringement (Repeated), limitation (Limit) and rewards (Assess). Their numbers
// are the effective-dated rules "casework-…" of package ruleset.
//
// A Store keeps cases. In the clear, in Redis and in the journal, stand what Case
// holds: organisations with their codes, numbers, states, days and the users who
// did something. What officers write in their own words, natural persons and the
// fields of documents stand there only sealed, to a key that each case has of its
// own (seal.Keys), wrapped to the handling unit and to the city's escrow key.
// Dropping that key erases them everywhere.
//
// A case holds nothing of who tipped off: the link to a tip-off is its number.
package casework

import (
	"slices"

	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
	"ipcredit/shared/workday"
)

// Kind is what a case is about: the kinds of tip-offs, without “unclear”.
type Kind = tipoff.Kind

// Kinds lists the kinds in the order forms show them. The words are the
// catalogue's "tipoff.kind."+Kind.
func Kinds() []Kind {
	return slices.DeleteFunc(tipoff.Kinds(), func(k Kind) bool { return k == tipoff.Unclear })
}

// Source is how a case came up. The words are the catalogue's
// "casework.source."+Source.
type Source string

// The sources; own checks and tip-offs are counted apart (S4.8).
const (
	FromTip      Source = "tip-off"
	OwnCheck     Source = "own-check" // 主动核查
	FromNotified Source = "notified"  // 通报清单
	FromTransfer Source = "transfer"  // 其他机关移送
	FromSuperior Source = "superior"  // 上级交办
)

// Sources lists the sources in the order forms show them.
func Sources() []Source { return []Source{OwnCheck, FromNotified, FromTransfer, FromSuperior, FromTip} }

// Role is what an organisation or a person is in a case. The words are the
// catalogue's "casework.role."+Role.
type Role string

// The roles.
const (
	Respondent Role = "respondent" // 当事人
	Agency     Role = "agency"     // 代理机构
	Applicant  Role = "applicant"  // 申请人
	Holder     Role = "holder"     // 权利人
	Witness    Role = "witness"
	Agent      Role = "agent" // 专利代理师, and whoever acts for a party
)

// PartyRoles are those an organisation can have, PersonRoles those of a person.
func PartyRoles() []Role  { return []Role{Respondent, Agency, Applicant, Holder} }
func PersonRoles() []Role { return []Role{Respondent, Agency, Applicant, Holder, Witness, Agent} }

// Party is an organisation in a case. It stands in the clear: whoever has no code
// may be a natural person, and is put among People.
type Party struct {
	Name string `json:"name"`
	// Code is the unified social credit code; "" only in cases that were opened before
	// that rule, and until somebody changes what they are about.
	Code string `json:"code,omitzero"`
	Role Role   `json:"role"`
}

// Person is a natural person in a case. It is sealed.
type Person struct {
	Name    string `json:"name"`
	Contact string `json:"contact,omitzero"`
	Role    Role   `json:"role"`
}

// Target is who a penalty is for: what may be done depends on it (domain
// reference 0.4). The words are the catalogue's "casework.target."+Target.
type Target string

// The targets.
const (
	PatentAgency      Target = "patent-agency"
	PatentAgent       Target = "patent-agent"
	Unlicensed        Target = "unlicensed"       // patent agency work without a licence
	TrademarkAgency   Target = "trademark-agency" //
	TrademarkStaff    Target = "trademark-staff"  // responsible persons of one
	PatentApplicant   Target = "patent-applicant" // 细则第十一条、第一百条
	TrademarkApply    Target = "trademark-applicant"
	MarkInfringer     Target = "mark-infringer"
	PatentCounterfeit Target = "patent-counterfeiter"
	OtherTarget       Target = "other"
)

// Targets lists the targets in the order forms show them.
func Targets() []Target {
	return []Target{PatentAgency, PatentAgent, Unlicensed, TrademarkAgency, TrademarkStaff, PatentApplicant,
		TrademarkApply, MarkInfringer, PatentCounterfeit, OtherTarget}
}

// TargetsOf lists whom a penalty can be for in a case of this kind: nobody escapes
// the province by being called something else.
func TargetsOf(k Kind) []Target {
	switch k {
	case tipoff.AbnormalFilingAgency:
		return []Target{PatentAgency, PatentAgent, PatentApplicant}
	case tipoff.UnlicensedAgency:
		return []Target{Unlicensed}
	case tipoff.BadFaithMark:
		return []Target{TrademarkApply, TrademarkAgency, TrademarkStaff}
	case tipoff.Infringement:
		return []Target{MarkInfringer, OtherTarget}
	case tipoff.Counterfeit:
		return []Target{PatentCounterfeit, MarkInfringer, OtherTarget}
	case tipoff.AgencyMisconduct:
		return []Target{PatentAgency, PatentAgent, TrademarkAgency, TrademarkStaff}
	}
	return []Target{OtherTarget}
}

// Case is all of a case that stands in the clear.
type Case struct {
	// Number is AJ, the unit, the year and a series: AJ410702-2026-00012. It says
	// which unit opened it, and stays when another unit gets it.
	Number string `json:"number"`
	// Version counts the changes; whoever changes it names the one he saw.
	Version int64  `json:"version"`
	Kind    Kind   `json:"kind"`
	Source  Source `json:"source"`
	// Division is where it happened; a zone only by ConfirmZone, or as a tip-off
	// says, and then it has to be confirmed before the investigation begins.
	Division string `json:"division"`
	Zone     *Zone  `json:"zone,omitempty"`
	// Unit is the label of the unit responsible: one at a time (S3.10).
	Unit string `json:"unit"`
	// Office is the 监管所 it is delegated to, Bureau the organisation above that;
	// "" while the unit has it itself.
	Office string `json:"office,omitzero"`
	Bureau string `json:"bureau,omitzero"`
	State  State  `json:"state"`
	// Handlers are the users who have it now; Worked are all who did, Reviewers
	// and Approvers those who did that: no person is two of these.
	Handlers  []string `json:"handlers,omitempty"`
	Worked    []string `json:"worked,omitempty"`
	Reviewers []string `json:"reviewers,omitempty"`
	Approvers []string `json:"approvers,omitempty"`
	// Recused may not touch it any more (回避).
	Recused []string `json:"recused,omitempty"`

	Parties []Party `json:"parties,omitempty"`
	// People counts the natural persons, who are sealed.
	People int `json:"people,omitzero"`
	// Target is who a penalty would be for.
	Target Target `json:"target,omitzero"`
	// Agents are numbers of qualification certificates (专利代理师资格证书号).
	Agents []string `json:"agents,omitempty"`
	// Applications are canonical application numbers, Marks mark numbers.
	Applications []string `json:"applications,omitempty"`
	Marks        []string `json:"marks,omitempty"`
	Campaign     string   `json:"campaign,omitzero"`
	TipOffs      []string `json:"tipOffs,omitempty"`
	Tags         []string `json:"tags,omitempty"`

	// ReceivedOn is when the lead reached the bureau.
	ReceivedOn workday.Date `json:"receivedOn"`
	// ActEnded is when the act ended, none where not known; Continuing says that
	// it goes on. Health says that life, health or financial safety is harmed.
	ActEnded   workday.Date `json:"actEnded,omitzero"`
	Continuing bool         `json:"continuing,omitzero"`
	Health     bool         `json:"health,omitzero"`

	// Entrusted is the instrument by which the province lets the city's bureaus
	// punish what only it may (委托); none without one.
	Entrusted *Entrustment `json:"entrusted,omitempty"`
	// Penalty is what was decided.
	Penalty *Penalty `json:"penalty,omitempty"`
	// Offer is a transfer to another unit that waits for its answer.
	Offer *Offer `json:"offer,omitempty"`
	// Body names the body outside that it was transferred to.
	Body string `json:"body,omitzero"`
	// Outcome is what it came to: a state, once there is one that says so.
	Outcome State `json:"outcome,omitzero"`
	// Into is the case it is handled with; Same are those handled with this one.
	Into string   `json:"into,omitzero"`
	Same []string `json:"same,omitempty"`
	// Took is what it got from each of those, by number.
	Took map[string]Took `json:"took,omitempty"`

	// Events are what happened, oldest first.
	Events []Event `json:"events"`
	// Notes and Documents count what was added.
	Notes     int `json:"notes,omitzero"`
	Documents int `json:"documents,omitzero"`

	// Key is the reference of its key in seal.Keys, To the public side of it.
	// Leaving is a unit whose wrap is still to be dropped.
	Key     string `json:"key"`
	To      string `json:"to"`
	Leaving string `json:"leaving,omitzero"`
	// ErasedOn is the day its sealed parts were erased.
	ErasedOn workday.Date `json:"erasedOn,omitzero"`
}

// Zone is an officer's finding that the place lies in a zone: by the address,
// never by the credit code (domain reference G.6).
type Zone struct {
	Code string       `json:"code"`
	By   string       `json:"by"`
	On   workday.Date `json:"on"`
}

// Entrustment is a dated instrument by which the province entrusts (委托) a
// bureau with what only the province may punish.
type Entrustment struct {
	Instrument string       `json:"instrument"` // document number
	From       workday.Date `json:"from"`
	To         workday.Date `json:"to"` // last day
	By         string       `json:"by"`
}

// InForce tells whether the instrument holds on that day.
func (e *Entrustment) InForce(on workday.Date) bool {
	return e != nil && e.Instrument != "" && !on.Before(e.From) && !on.After(e.To)
}

// Offer is a transfer to another unit of this system.
type Offer struct {
	To string       `json:"to"`
	On workday.Date `json:"on"`
	By string       `json:"by"`
	// Disputed is the day on which the units found that they disagree on
	// jurisdiction; none while it is only asked. Answered says that the other unit
	// returned it.
	Answered bool         `json:"answered,omitzero"`
	Disputed workday.Date `json:"disputed,omitzero"`
}

// Event is one thing that happened to a case.
type Event struct {
	On workday.Date `json:"on"`
	// What is a State reached, or one of the others. The words are the catalogue's
	// "casework.event."+What.
	What string `json:"what"`
	By   string `json:"by,omitzero"`
	// Ref is what it is about, in the clear: a unit, a user, a number, a kind of
	// waiting.
	Ref string `json:"ref,omitzero"`
	// Until is a day that belongs to it: of a hearing; Days a length.
	Until workday.Date `json:"until,omitzero"`
	Days  int          `json:"days,omitzero"`
}

// Ref names a case to other packages: what an evidence box or a clock is of.
func Ref(number string) string { return "case:" + number }

// Open tells whether something is still to be done.
func (c Case) Open() bool { return c.State.Open() }

// Owners are the users who have to see to it; none while it waits in the unit's
// (or the 监管所's) queue, which then owns it: see Owner.
func (c Case) Owners() []string { return slices.Clone(c.Handlers) }

// Owner is who has it, in one word: "user:<id>" of the first handler,
// "office:<organisation>" or "unit:<label>" of a queue. An open case always has
// one.
func (c Case) Owner() string {
	switch {
	case !c.Open():
		return ""
	case len(c.Handlers) > 0:
		return "user:" + c.Handlers[0]
	case c.Office != "":
		return "office:" + c.Office
	}
	return "unit:" + c.Unit
}

// resource is what staff.Can needs to know. Persons are known only after opening.
func (c Case) resource(people []Person) staff.Resource {
	r := staff.UnitResource(c.Unit, c.Division)
	r.Unit, r.Parent = c.Office, c.Bureau
	r.Handlers = c.Worked
	for _, h := range c.Handlers {
		if !slices.Contains(r.Handlers, h) {
			r.Handlers = append(slices.Clone(r.Handlers), h)
		}
	}
	r.Reviewers, r.Approvers = c.Reviewers, c.Approvers
	for _, p := range c.Parties {
		r.Parties = append(r.Parties, staff.Party{Code: p.Code, Name: p.Name})
	}
	for _, p := range people {
		r.Parties = append(r.Parties, staff.Party{Name: p.Name})
	}
	return r
}

// has tells whether something happened.
func (c Case) has(what string) bool {
	return slices.ContainsFunc(c.Events, func(e Event) bool { return e.What == what })
}

// last is the newest event of a kind.
func (c Case) last(what string) (Event, bool) {
	for n := len(c.Events) - 1; n >= 0; n-- {
		if c.Events[n].What == what {
			return c.Events[n], true
		}
	}
	return Event{}, false
}

// since tells whether what happened after the last before (or ever, where that
// never happened).
func (c Case) since(before, what string) bool {
	for n := len(c.Events) - 1; n >= 0; n-- {
		switch c.Events[n].What {
		case what:
			return true
		case before:
			return false
		}
	}
	return false
}
