package staff

import (
	"slices"
	"time"

	"ipcredit/shared/fault"
)

// Role is what a person does in an organisation.
type Role string

// The roles. The three administrators (三员) exclude each other and every
// other role.
const (
	Intake         Role = "intake"         // takes in, registers, assigns
	Handler        Role = "handler"        // 承办
	Reviewer       Role = "reviewer"       // 审核
	Approver       Role = "approver"       // 负责人 审批
	Supervisor     Role = "supervisor"     // 督办: sees the clocks of all divisions beneath
	Publisher      Role = "publisher"      // 公示发布
	Custodian      Role = "custodian"      // second person at the opening of an identity
	Uploader       Role = "uploader"       // hands in batches of records
	Inquirer       Role = "inquirer"       // looks up for a stated purpose
	Statistics     Role = "statistics"     // counts, reports, no cases
	Trustee        Role = "trustee"        // serves entrusted marks (S5.3)
	Agent          Role = "agent"          // 经办人 of a subject
	Representative Role = "representative" // 法定代表人 of a subject

	System   Role = "system-administrator"   // 系统管理员: accounts and organisations
	Security Role = "security-administrator" // 安全管理员: roles, keys, sessions
	Auditor  Role = "auditor"                // 安全审计员: reads the journal
)

// Roles lists the roles in the order pages show them.
func Roles() []Role {
	return []Role{Intake, Handler, Reviewer, Approver, Supervisor, Publisher, Custodian, Uploader, Inquirer,
		Statistics, Trustee, Agent, Representative, System, Security, Auditor}
}

// Administrator tells whether the role is one of the three administrators.
func (r Role) Administrator() bool { return r == System || r == Security || r == Auditor }

var officials = []Role{Intake, Handler, Reviewer, Approver, Supervisor, Publisher, Custodian, Uploader, Statistics}

// fits says which roles an organisation of a kind can have at all.
var fits = map[Kind][]Role{
	LeadBureau:         append(slices.Clone(officials), Inquirer, System, Security, Auditor),
	DistrictBureau:     append(slices.Clone(officials), Inquirer),
	ZoneAdministration: append(slices.Clone(officials), Inquirer),
	SubOffice:          {Intake, Handler, Statistics},
	Province:           append(slices.Clone(officials), Inquirer),
	Discipline:         {Intake, Handler, Reviewer, Approver, Custodian},
	Department:         {Intake, Handler, Approver, Uploader, Inquirer, Statistics},
	Court:              {Intake, Handler, Approver, Uploader, Inquirer},
	Customs:            {Intake, Handler, Approver, Uploader, Inquirer},
	Police:             {Intake, Handler, Approver, Uploader, Inquirer},
	Association:        {Intake, Handler, Approver, Uploader, Statistics, Trustee},
	CreditService:      {Inquirer},
	Subject:            {Agent, Representative},
}

// FitsKind lists the roles an organisation of the kind can have.
func FitsKind(k Kind) []Role { return slices.Clone(fits[k]) }

// delegable is what a bureau can let a 监管所 do in its name: the work, never
// the decision.
var delegable = []Role{Intake, Handler}

// CheckRoles refuses a set of roles that one person of an organisation must
// not have: a role the kind has no use for, two administrators in one person
// (三员分立, GB/T 22239-2019 level 3), or an administrator who also does business.
func CheckRoles(k Kind, roles []Role) error {
	admin := Role("")
	for _, r := range roles {
		if !slices.Contains(fits[k], r) {
			return fault.New(fault.Refused, "staff.role.kind").With("role", "staff.role.kind")
		}
		if r.Administrator() {
			if admin != "" && admin != r {
				return fault.New(fault.Refused, "staff.role.three").With("role", "staff.role.three")
			}
			admin = r
		}
	}
	if admin != "" {
		for _, r := range roles {
			if r != admin {
				return fault.New(fault.Refused, "staff.role.admin_business").With("role", "staff.role.admin_business")
			}
		}
	}
	return nil
}

// Action is something a person may be allowed to do, "<matter>.<verb>".
type Action string

// The actions. Each matter asks for its own through Can.
const (
	TipoffIntake   Action = "tipoff.intake"   // register an oral or written tip-off, assign
	TipoffOpen     Action = "tipoff.open"     // read what was sealed
	TipoffHandle   Action = "tipoff.handle"   // verify, answer, download evidence
	TipoffClock    Action = "tipoff.clock"    // see clocks and states, never the content
	IdentityAsk    Action = "identity.ask"    // ask for a reporter's identity, with a reason
	IdentityOpen   Action = "identity.open"   // the second person who opens it
	CaseIntake     Action = "case.intake"     // open, assign, claim, merge
	CaseRead       Action = "case.read"       //
	CaseHandle     Action = "case.handle"     // investigate, contact, draft, transfer
	CaseReview     Action = "case.review"     //
	CaseApprove    Action = "case.approve"    // decide, extend a clock (负责人批准)
	CaseSupervise  Action = "case.supervise"  // 催办, 督办, 通报
	NotifiedReply  Action = "notified.reply"  // a department answers a notice it got
	RecordImport   Action = "record.import"   // hand in batches
	RecordRead     Action = "record.read"     // records that are not public
	CatalogEdit    Action = "catalog.edit"    // 目录, measures, calendar
	CatalogApprove Action = "catalog.approve" // the second person for it
	NoticeDraft    Action = "notice.draft"
	NoticeApprove  Action = "notice.approve"
	NoticePublish  Action = "notice.publish"
	ObjectionFile  Action = "objection.file"
	ObjectionCheck Action = "objection.check"
	ObjectionRule  Action = "objection.rule"
	RepairFile     Action = "repair.file"
	RepairSign     Action = "repair.sign" // the commitment letter, by the legal representative
	RepairAccept   Action = "repair.accept"
	RepairDecide   Action = "repair.decide"
	ShareManage    Action = "share.manage"
	ShareAnswer    Action = "share.answer" // feedback of a recipient
	LookupPurpose  Action = "lookup.purpose"
	AgencyManage   Action = "agency.manage"
	AgencyInspect  Action = "agency.inspect"
	TrustFile      Action = "trust.file" // a subject entrusts marks, offers patents
	TrustServe     Action = "trust.serve"
	TrustManage    Action = "trust.manage"
	ReportDraft    Action = "report.draft"
	ReportReview   Action = "report.review"
	ReportApprove  Action = "report.approve"
	ReportRead     Action = "report.read" // KPI, dashboards, assessment
	ExportMake     Action = "export.make"
	CampaignManage Action = "campaign.manage"
	SubjectRead    Action = "subject.read" // a subject's own record and materials
	SubjectFile    Action = "subject.file"
	SubjectInvite  Action = "subject.invite"

	InboxRead       Action = "inbox.read"
	OrgRead         Action = "org.read"
	OrgManage       Action = "org.manage"
	DelegationGrant Action = "delegation.grant"
	SubstituteGrant Action = "substitute.grant"
	ActivationIssue Action = "activation.issue"
	UserRead        Action = "user.read"
	UserCreate      Action = "user.create"
	UserReset       Action = "user.reset"
	UserDisable     Action = "user.disable"
	UserGrant       Action = "user.grant"
	UserVouch       Action = "user.vouch" // the second person for an account of discipline inspection
	KeyManage       Action = "key.manage"
	JournalRead     Action = "journal.read"
	SystemOperate   Action = "system.operate"
)

// reach is how far a role carries.
type reach int

const (
	inUnit    reach = iota // the handling unit: district isolation at its strictest
	unitAbove              // the unit, or the one above where the unit is too small
	beneath                // the division and all beneath it
	ownOrg                 // things of the person's own organisation
	ownCode                // matters of the subject whose code the organisation has
	anywhere               // the whole city
)

// step is the place of an action in the chain of people who must differ.
type step int

const (
	free    step = iota
	work         // handler: must not have reviewed or approved
	review       // must not have handled or approved
	approve      // must not have handled or reviewed
	publish      // must not have handled: publication takes two people
	second       // must not be who asked
)

type rule struct {
	roles []Role
	reach reach
	step  step
}

// bureaus do the work of their division as a whole. Any other organisation
// reaches only what is addressed to it as Resource.Unit: that a department has
// handlers of its own gives it no tip-off.
var bureaus = []Kind{LeadBureau, DistrictBureau, SubOffice, ZoneAdministration, Province, Discipline}

// wide actions are open to other organisations for their division as well.
var wide = []Action{RecordImport, ReportRead}

var everybody = Roles()

var rules = map[Action]rule{
	TipoffIntake:   {[]Role{Intake, Handler}, inUnit, free},
	TipoffOpen:     {[]Role{Intake, Handler, Reviewer, Approver}, inUnit, free},
	TipoffHandle:   {[]Role{Handler}, inUnit, work},
	TipoffClock:    {[]Role{Intake, Handler, Reviewer, Approver, Supervisor}, beneath, free},
	IdentityAsk:    {[]Role{Handler, Approver}, inUnit, free},
	IdentityOpen:   {[]Role{Custodian}, unitAbove, second},
	CaseIntake:     {[]Role{Intake, Handler}, inUnit, free},
	CaseRead:       {[]Role{Intake, Handler, Reviewer, Approver}, unitAbove, free},
	CaseHandle:     {[]Role{Handler}, inUnit, work},
	CaseReview:     {[]Role{Reviewer}, unitAbove, review},
	CaseApprove:    {[]Role{Approver}, unitAbove, approve},
	CaseSupervise:  {[]Role{Supervisor}, beneath, free},
	NotifiedReply:  {[]Role{Intake, Handler, Approver}, ownOrg, free},
	RecordImport:   {[]Role{Uploader}, beneath, free},
	RecordRead:     {[]Role{Intake, Handler, Reviewer, Approver, Supervisor, Publisher}, beneath, free},
	CatalogEdit:    {[]Role{Handler, Publisher}, beneath, free},
	CatalogApprove: {[]Role{Approver}, beneath, second},
	NoticeDraft:    {[]Role{Handler}, inUnit, work},
	NoticeApprove:  {[]Role{Approver}, unitAbove, approve},
	NoticePublish:  {[]Role{Publisher}, unitAbove, publish},
	ObjectionFile:  {[]Role{Agent, Representative}, ownCode, free},
	ObjectionCheck: {[]Role{Handler}, inUnit, work},
	ObjectionRule:  {[]Role{Approver}, unitAbove, approve},
	RepairFile:     {[]Role{Agent, Representative}, ownCode, free},
	RepairSign:     {[]Role{Representative}, ownCode, free},
	RepairAccept:   {[]Role{Handler}, inUnit, work},
	RepairDecide:   {[]Role{Approver}, unitAbove, approve},
	ShareManage:    {[]Role{Handler, Publisher}, beneath, free},
	ShareAnswer:    {[]Role{Intake, Handler, Approver, Inquirer}, ownOrg, free},
	LookupPurpose:  {[]Role{Inquirer}, anywhere, free},
	AgencyManage:   {[]Role{Handler}, beneath, work},
	AgencyInspect:  {[]Role{Handler}, inUnit, work},
	TrustFile:      {[]Role{Agent, Representative}, ownCode, free},
	TrustServe:     {[]Role{Trustee}, anywhere, free},
	TrustManage:    {[]Role{Handler, Approver}, beneath, free},
	ReportDraft:    {[]Role{Statistics}, beneath, work},
	ReportReview:   {[]Role{Reviewer}, beneath, review},
	ReportApprove:  {[]Role{Approver}, beneath, approve},
	ReportRead:     {[]Role{Statistics, Supervisor, Approver}, beneath, free},
	ExportMake:     {[]Role{Handler, Statistics, Supervisor}, beneath, free},
	CampaignManage: {[]Role{Handler, Supervisor, Approver}, beneath, free},
	SubjectRead:    {[]Role{Agent, Representative}, ownCode, free},
	SubjectFile:    {[]Role{Agent, Representative}, ownCode, free},
	SubjectInvite:  {[]Role{Representative}, ownOrg, free},

	InboxRead:       {everybody, ownOrg, free},
	OrgRead:         {everybody, ownOrg, free},
	OrgManage:       {[]Role{System}, anywhere, free},
	DelegationGrant: {[]Role{Approver}, ownOrg, free},
	SubstituteGrant: {[]Role{Approver}, ownOrg, free},
	ActivationIssue: {[]Role{Intake, Handler}, beneath, free},
	UserRead:        {[]Role{System, Security, Auditor}, anywhere, free},
	UserCreate:      {[]Role{System}, anywhere, free},
	UserReset:       {[]Role{System}, anywhere, free},
	UserDisable:     {[]Role{System, Security}, anywhere, free},
	UserGrant:       {[]Role{Security}, anywhere, free},
	UserVouch:       {[]Role{Approver}, ownOrg, free},
	KeyManage:       {[]Role{Security}, anywhere, free},
	JournalRead:     {[]Role{Auditor}, anywhere, free},
	SystemOperate:   {[]Role{System}, anywhere, free},
}

// Resource is what an action is about, as its matter describes it.
type Resource struct {
	// Division is the code of the division responsible, "" where the matter
	// has none.
	Division string
	// Unit is the organisation that handles it, "" while it belongs to the
	// division's bureau as a whole; Parent is the organisation above Unit.
	Unit, Parent string
	// Subject is the code of the subject whose matter it is (SubjectRead, …).
	Subject string
	// Parties are those it is about: whoever is tied to one of them stays away.
	Parties []Party
	// Official marks what goes to discipline inspection and nobody else,
	// wherever in its area it happened.
	Official bool
	// Small says that the unit has too few people for three different ones
	// (see Small): then review and approval may come from the unit above.
	Small bool
	// Handlers, Reviewers and Approvers are the users who did so already;
	// AskedBy is who asked for what now needs a second person.
	Handlers, Reviewers, Approvers []string
	AskedBy                        string
}

// Lent is what a stand-in got: the absent person's grants, named in the
// substitution and still held by him.
type Lent struct {
	Absent string
	Grants []Grant
}

// Actor is a person with everything that decides what he may do.
type Actor struct {
	User User
	Org  Organization
	Lent []Lent
	// Session is the public handle of the session he came with, "" without one.
	Session string
}

// Roles lists the roles the actor has at that time, own and lent, without
// duplicates.
func (a Actor) Roles(at time.Time) []Role {
	var out []Role
	for _, h := range a.held(at) {
		if !slices.Contains(out, h.Role) {
			out = append(out, h.Role)
		}
	}
	return out
}

// May tells whether the actor has a role for the action somewhere: what a page
// asks before it shows a link. Only Can decides.
func (a Actor) May(action Action, at time.Time) bool {
	for _, h := range a.held(at) {
		if slices.Contains(rules[action].roles, h.Role) {
			return true
		}
	}
	return false
}

type holding struct {
	Grant
	lender string
}

func (a Actor) held(at time.Time) []holding {
	if a.User.Disabled || a.Org.Closed || a.User.ID == "" {
		return nil
	}
	var out []holding
	for _, g := range a.User.Grants {
		if g.In(at) {
			out = append(out, holding{g, ""})
		}
	}
	if slices.ContainsFunc(out, func(h holding) bool { return h.Role.Administrator() }) {
		return out // an administrator does no business, borrowed or not
	}
	for _, l := range a.Lent {
		for _, g := range l.Grants {
			if g.In(at) && Lendable(g.Role) {
				out = append(out, holding{g, l.Absent})
			}
		}
	}
	return out
}

// Can says nil when the actor may do the action to the resource at that time,
// and otherwise why not (a fault.Forbidden):
//
//   - a role for the action, own or lent, on that day;
//   - the resource within reach: an officer's own division and unit, with a
//     delegation for a 监管所; whole divisions only for those who supervise or
//     count; a subject only what carries its own code;
//   - handler ≠ reviewer ≠ approver as persons, and an authority lent by
//     somebody does not work on what he did himself; where a unit is too small,
//     reviewer and approver come from the unit above;
//   - nobody acts on a matter of his own employer or one he is tied to (回避);
//   - what concerns an official is for discipline inspection alone.
func Can(a Actor, action Action, r Resource, at time.Time) error {
	ru, ok := rules[action]
	if !ok {
		return fault.New(fault.Forbidden, "staff.can.role")
	}
	// The refusal that got furthest tells the person most.
	const (
		atRole = iota
		atReach
		atApart
	)
	far, why := atRole, "staff.can.role"
	for _, h := range a.held(at) {
		if !slices.Contains(ru.roles, h.Role) {
			continue
		}
		if ru.reach <= beneath && r.Unit != a.Org.ID &&
			!slices.Contains(bureaus, a.Org.Kind) && !slices.Contains(wide, action) {
			far, why = max(far, atReach), "staff.can.org"
			continue
		}
		if code := a.reaches(ru, h, r, at); code != "" {
			if far <= atReach {
				far, why = atReach, code
			}
			continue
		}
		if code := apart(ru.step, a.User.ID, h.lender, r); code != "" {
			far, why = atApart, code
			continue
		}
		if a.TiedTo(r.Parties) && ru.reach != ownCode && ru.reach != ownOrg {
			return fault.New(fault.Forbidden, "staff.can.tied")
		}
		return nil
	}
	return fault.New(fault.Forbidden, why)
}

// reaches says "" when the holding reaches the resource, or the code of why not.
func (a Actor) reaches(ru rule, h holding, r Resource, at time.Time) string {
	if ru.reach <= beneath {
		switch inspects := a.Org.Kind == Discipline; {
		case r.Official && !inspects:
			return "staff.can.official"
		case !r.Official && inspects:
			return "staff.can.discipline"
		case r.Official && (r.Unit == "" || r.Unit == a.Org.ID) && (r.Division == "" || covers(h.Division, r.Division)):
			// Inspection answers for its whole area, whichever division it is in.
			return ""
		}
	}
	switch ru.reach {
	case anywhere:
		return ""
	case ownOrg:
		if r.Unit == a.Org.ID || r.Unit == "" {
			return ""
		}
		return "staff.can.org"
	case ownCode:
		if a.Org.Kind == Subject && a.Org.Code != "" && r.Subject == a.Org.Code {
			return ""
		}
		return "staff.can.subject"
	case beneath:
		if r.Division == "" || covers(h.Division, r.Division) {
			return a.subOffice(h, r, at)
		}
		return "staff.can.division"
	}
	// inUnit and unitAbove.
	if ru.reach == unitAbove && r.Small && r.Parent != "" && r.Parent == a.Org.ID && covers(h.Division, r.Division) {
		return ""
	}
	if h.Division != r.Division {
		return "staff.can.division"
	}
	return a.subOffice(h, r, at)
}

// subOffice keeps a 监管所 to what is its own or delegated to it. A bureau
// reaches its own units' matters; units of other bureaus share no division.
func (a Actor) subOffice(h holding, r Resource, at time.Time) string {
	switch {
	case a.Org.Kind != SubOffice:
		if r.Unit == "" || r.Unit == a.Org.ID || r.Parent == a.Org.ID {
			return ""
		}
		// Somebody who supervises a division sees every unit of it.
		if h.Role == Supervisor || h.Role == Statistics || h.Division != r.Division {
			return ""
		}
		return "staff.can.unit"
	case r.Unit == a.Org.ID:
		return ""
	}
	in := r.Unit
	if in == "" {
		in = a.Org.Parent // the division's bureau as a whole
	}
	for _, d := range a.Org.Received {
		if !d.Ended && d.Bureau == in && d.In(at) && slices.Contains(d.Roles, h.Role) && slices.Contains(delegable, h.Role) {
			return ""
		}
	}
	return "staff.can.unit"
}

// apart says "" when the person, and whoever lent him the authority, has no
// other part in the chain that excludes this step.
func apart(s step, user, lender string, r Resource) string {
	in := func(people []string) bool {
		return slices.Contains(people, user) || lender != "" && slices.Contains(people, lender)
	}
	handled, reviewed, approved := in(r.Handlers), in(r.Reviewers), in(r.Approvers)
	switch {
	case (s == review || s == approve || s == publish) && handled:
		return "staff.can.handled"
	case (s == work || s == approve) && reviewed:
		return "staff.can.reviewed"
	case (s == work || s == review) && approved:
		return "staff.can.approved"
	case s == second && (r.AskedBy == user || lender != "" && r.AskedBy == lender):
		return "staff.can.asked"
	}
	return ""
}

// Small tells whether a unit lacks three different people for handler, reviewer
// and approver in that division at that time. Absent stand-ins do not count:
// a substitute adds no person.
func Small(members []User, division string, at time.Time) bool {
	can := func(role Role) []string {
		var out []string
		for _, u := range members {
			for _, g := range u.Grants {
				if !u.Disabled && g.Role == role && g.Division == division && g.In(at) {
					out = append(out, u.ID)
					break
				}
			}
		}
		return out
	}
	handlers, reviewers, approvers := can(Handler), can(Reviewer), can(Approver)
	for _, h := range handlers {
		for _, r := range reviewers {
			if r == h {
				continue
			}
			for _, p := range approvers {
				if p != h && p != r {
					return false
				}
			}
		}
	}
	return true
}
