package staff

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
)

var noon = time.Date(2026, 9, 18, 4, 0, 0, 0, time.UTC) // 12:00 in China

func actor(org Organization, id string, grants ...Grant) Actor {
	for i := range grants {
		if grants[i].Division == "" {
			grants[i].Division = org.Division()
		}
	}
	return Actor{User: User{ID: id, Org: org.ID, Grants: grants}, Org: org}
}

func as(r Role) Grant { return Grant{Role: r} }

var (
	lead   = Organization{ID: "lead", Kind: LeadBureau, Divisions: []string{"410700"}, Name: "市局"}
	hongqi = Organization{ID: "hongqi", Kind: DistrictBureau, Divisions: []string{"410702"}, Parent: "lead"}
	muye   = Organization{ID: "muye", Kind: DistrictBureau, Divisions: []string{"410711"}, Parent: "lead"}
	suo    = Organization{ID: "suo", Kind: SubOffice, Divisions: []string{"410702"}, Parent: "hongqi"}
	health = Organization{ID: "health", Kind: Department, Divisions: []string{"410700"}}
	jiwei  = Organization{ID: "discipline", Kind: Discipline, Divisions: []string{"410700"}}
	jia    = Organization{ID: "jia", Kind: Subject, Divisions: []string{"410771"}, Code: "91410771MA00AAA104", Name: "虚构甲科技有限公司"}
)

func delegated(o Organization, span Span, roles ...Role) Organization {
	o.Received = []Delegation{{ID: "d1", Bureau: o.Parent, Roles: roles, Span: span}}
	return o
}

func TestCan(t *testing.T) {
	t.Parallel()
	ofHongqi := Resource{Division: "410702"}
	week := Span{"2026-09-14", "2026-09-18"}
	standIn := func(a Actor, absent string, roles ...Role) Actor {
		for _, r := range roles {
			a.Lent = append(a.Lent, Lent{Absent: absent, Grants: []Grant{{Role: r, Division: a.Org.Division(), Span: week}}})
		}
		return a
	}
	at := func(s string) time.Time {
		v, err := time.ParseInLocation("2006-01-02 15:04", s, cst)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, tc := range []struct {
		name   string
		who    Actor
		action Action
		res    Resource
		at     time.Time
		refuse string // code, "" = allowed
	}{
		{name: "a handler opens his own division's sealed tip-off", who: actor(hongqi, "a", as(Handler)), action: TipoffOpen, res: ofHongqi},
		{name: "a curious district does not", who: actor(muye, "a", as(Handler)), action: TipoffOpen, res: ofHongqi, refuse: "staff.can.division"},
		{name: "nor does the city's handler", who: actor(lead, "a", as(Handler)), action: TipoffOpen, res: ofHongqi, refuse: "staff.can.division"},
		{name: "the city's supervisor sees the clock", who: actor(lead, "a", as(Supervisor)), action: TipoffClock, res: ofHongqi},
		{name: "but not the content", who: actor(lead, "a", as(Supervisor)), action: TipoffOpen, res: ofHongqi, refuse: "staff.can.role"},
		{name: "a district's supervisor does not see the next district", who: actor(muye, "a", as(Supervisor)), action: TipoffClock, res: ofHongqi, refuse: "staff.can.division"},
		{name: "a handler of a department is no handler of tip-offs", who: actor(health, "a", as(Handler)), action: TipoffOpen, res: Resource{Division: "410700"}, refuse: "staff.can.org"},
		{name: "a department answers what is addressed to it", who: actor(health, "a", as(Handler)), action: NotifiedReply, res: Resource{Unit: "health"}},
		{name: "and not what is addressed to another", who: actor(health, "a", as(Handler)), action: NotifiedReply, res: Resource{Unit: "science"}, refuse: "staff.can.org"},
		{name: "a department's uploader hands in for its division", who: actor(health, "a", as(Uploader)), action: RecordImport, res: Resource{Division: "410702"}},
		{name: "a resource without division is nobody's tip-off", who: actor(lead, "a", as(Handler)), action: TipoffOpen, res: Resource{}, refuse: "staff.can.division"},

		{name: "a sub-office works on what is its own", who: actor(suo, "a", as(Handler)), action: CaseHandle, res: Resource{Division: "410702", Unit: "suo", Parent: "hongqi"}},
		{name: "not on the bureau's without delegation", who: actor(suo, "a", as(Handler)), action: CaseHandle, res: ofHongqi, refuse: "staff.can.unit"},
		{name: "not on another sub-office's", who: actor(suo, "a", as(Handler)), action: CaseHandle, res: Resource{Division: "410702", Unit: "suo2", Parent: "hongqi"}, refuse: "staff.can.unit"},
		{name: "on the bureau's by delegation", who: actor(delegated(suo, week, Handler), "a", as(Handler)), action: CaseHandle, res: ofHongqi},
		{name: "on its last day, late in the evening", who: actor(delegated(suo, week, Handler), "a", as(Handler)), action: CaseHandle, res: ofHongqi, at: at("2026-09-18 23:59")},
		{name: "not the day after", who: actor(delegated(suo, week, Handler), "a", as(Handler)), action: CaseHandle, res: ofHongqi, at: at("2026-09-19 00:00"), refuse: "staff.can.unit"},
		{name: "on its first day", who: actor(delegated(suo, week, Handler), "a", as(Handler)), action: CaseHandle, res: ofHongqi, at: at("2026-09-14 00:00")},
		{name: "not the day before", who: actor(delegated(suo, week, Handler), "a", as(Handler)), action: CaseHandle, res: ofHongqi, at: at("2026-09-13 23:59"), refuse: "staff.can.unit"},
		{name: "not for a role not delegated", who: actor(delegated(suo, week, Intake), "a", as(Handler)), action: CaseHandle, res: ofHongqi, refuse: "staff.can.unit"},
		{name: "a decision is never delegated", who: actor(delegated(suo, week, Approver), "a", as(Approver)), action: CaseApprove, res: ofHongqi, refuse: "staff.can.unit"},
		{name: "the bureau reaches its sub-office's", who: actor(hongqi, "a", as(Approver)), action: CaseApprove, res: Resource{Division: "410702", Unit: "suo", Parent: "hongqi"}},

		{name: "a reviewer other than the handler", who: actor(hongqi, "b", as(Reviewer)), action: CaseReview, res: Resource{Division: "410702", Handlers: []string{"a"}}},
		{name: "the handler does not review", who: actor(hongqi, "a", as(Reviewer)), action: CaseReview, res: Resource{Division: "410702", Handlers: []string{"a"}}, refuse: "staff.can.handled"},
		{name: "the handler does not approve", who: actor(hongqi, "a", as(Approver)), action: CaseApprove, res: Resource{Division: "410702", Handlers: []string{"a"}}, refuse: "staff.can.handled"},
		{name: "the reviewer does not approve", who: actor(hongqi, "b", as(Approver)), action: CaseApprove, res: Resource{Division: "410702", Handlers: []string{"a"}, Reviewers: []string{"b"}}, refuse: "staff.can.reviewed"},
		{name: "a third person approves", who: actor(hongqi, "c", as(Approver)), action: CaseApprove, res: Resource{Division: "410702", Handlers: []string{"a"}, Reviewers: []string{"b"}}},
		{name: "the reviewer does not go on as handler", who: actor(hongqi, "b", as(Handler)), action: CaseHandle, res: Resource{Division: "410702", Reviewers: []string{"b"}}, refuse: "staff.can.reviewed"},
		{name: "the approver does not review afterwards", who: actor(hongqi, "c", as(Reviewer)), action: CaseReview, res: Resource{Division: "410702", Approvers: []string{"c"}}, refuse: "staff.can.approved"},
		{name: "the unit above does not approve for an office that has its people", who: actor(lead, "c", as(Approver)), action: CaseApprove, res: Resource{Division: "410702", Unit: "hongqi", Parent: "lead"}, refuse: "staff.can.division"},
		{name: "it does where the office is too small", who: actor(lead, "c", as(Approver)), action: CaseApprove, res: Resource{Division: "410702", Unit: "hongqi", Parent: "lead", Small: true}},
		{name: "a unit beside it never", who: actor(muye, "c", as(Approver)), action: CaseApprove, res: Resource{Division: "410702", Unit: "hongqi", Parent: "lead", Small: true}, refuse: "staff.can.division"},
		{name: "the handler of a small office moved above stays excluded", who: actor(lead, "a", as(Approver)), action: CaseApprove, res: Resource{Division: "410702", Unit: "hongqi", Parent: "lead", Small: true, Handlers: []string{"a"}}, refuse: "staff.can.handled"},
		{name: "the handler does not publish", who: actor(lead, "a", as(Handler), as(Publisher)), action: NoticePublish, res: Resource{Division: "410700", Handlers: []string{"a"}}, refuse: "staff.can.handled"},
		{name: "an identity is opened by a second person", who: actor(hongqi, "k", as(Custodian)), action: IdentityOpen, res: Resource{Division: "410702", AskedBy: "a"}},
		{name: "never by who asked", who: actor(hongqi, "a", as(Custodian)), action: IdentityOpen, res: Resource{Division: "410702", AskedBy: "a"}, refuse: "staff.can.asked"},

		{name: "a stand-in acts with the absent person's role", who: standIn(actor(hongqi, "b", as(Handler)), "boss", Approver), action: CaseApprove, res: Resource{Division: "410702", Handlers: []string{"x"}}},
		{name: "until the last day", who: standIn(actor(hongqi, "b", as(Handler)), "boss", Approver), action: CaseApprove, res: ofHongqi, at: at("2026-09-19 00:00"), refuse: "staff.can.role"},
		{name: "not on what he handled himself", who: standIn(actor(hongqi, "b", as(Handler)), "boss", Approver), action: CaseApprove, res: Resource{Division: "410702", Handlers: []string{"b"}}, refuse: "staff.can.handled"},
		{name: "and not on what the absent person handled", who: standIn(actor(hongqi, "b", as(Handler)), "boss", Approver), action: CaseApprove, res: Resource{Division: "410702", Handlers: []string{"boss"}}, refuse: "staff.can.handled"},
		{name: "an administrator stands in for nobody", who: standIn(actor(lead, "s", as(System)), "boss", Approver), action: CaseApprove, res: Resource{Division: "410700"}, refuse: "staff.can.role"},

		{name: "a tie by code keeps away", who: tied(actor(hongqi, "a", as(Handler)), Party{Code: "91410771ma00aaa104"}), action: TipoffOpen, res: Resource{Division: "410702", Parties: []Party{{Code: "91410771MA00AAA104", Name: "别名"}}}, refuse: "staff.can.tied"},
		{name: "a tie by name, however written", who: tied(actor(hongqi, "a", as(Handler)), Party{Name: "虚构甲（新乡）科技有限公司"}), action: TipoffOpen, res: Resource{Division: "410702", Parties: []Party{{Name: "虚构甲(新乡) 科技有限公司"}}}, refuse: "staff.can.tied"},
		{name: "two codes decide over one name", who: tied(actor(hongqi, "a", as(Handler)), Party{Code: "91410771MA00AAA104", Name: "同名"}), action: TipoffOpen, res: Resource{Division: "410702", Parties: []Party{{Code: "91410771MA00AAA291", Name: "同名"}}}},
		{name: "a seconded officer's employer", who: employed(actor(hongqi, "a", as(Handler)), Party{Code: "91410771MA00AAA104", Name: "虚构甲科技有限公司"}), action: TipoffOpen, res: Resource{Division: "410702", Parties: []Party{{Name: "虚构乙科技有限公司"}, {Name: "虚构甲科技有限公司"}}}, refuse: "staff.can.tied"},
		{name: "another firm than the employer", who: employed(actor(hongqi, "a", as(Handler)), Party{Code: "91410771MA00AAA104", Name: "虚构甲科技有限公司"}), action: TipoffOpen, res: Resource{Division: "410702", Parties: []Party{{Name: "虚构乙科技有限公司"}}}},
		{name: "a matter about one's own bureau", who: actor(lead, "a", as(Handler)), action: TipoffOpen, res: Resource{Division: "410700", Parties: []Party{{Name: "市局"}}}, refuse: "staff.can.tied"},

		{name: "what concerns an official is not the bureau's", who: actor(hongqi, "a", as(Handler)), action: TipoffOpen, res: Resource{Division: "410702", Official: true}, refuse: "staff.can.official"},
		{name: "discipline inspection handles it", who: actor(jiwei, "a", as(Handler)), action: TipoffOpen, res: Resource{Division: "410700", Official: true}},
		{name: "in whichever division it is", who: actor(jiwei, "a", as(Handler)), action: TipoffOpen, res: Resource{Division: "410702", Official: true}},
		{name: "and where none is known", who: actor(jiwei, "a", as(Handler)), action: TipoffOpen, res: Resource{Official: true}},
		{name: "not beyond its area", who: actor(jiwei, "a", as(Handler)), action: TipoffOpen, res: Resource{Division: "410000", Official: true}, refuse: "staff.can.division"},
		{name: "not what another inspection has", who: actor(jiwei, "a", as(Handler)), action: TipoffOpen, res: Resource{Division: "410702", Official: true, Unit: "other"}, refuse: "staff.can.division"},
		{name: "and nothing else", who: actor(jiwei, "a", as(Handler)), action: TipoffOpen, res: Resource{Division: "410700"}, refuse: "staff.can.discipline"},
		{name: "the bureau's supervisor does not even see its clock", who: actor(lead, "a", as(Supervisor)), action: TipoffClock, res: Resource{Division: "410702", Official: true}, refuse: "staff.can.official"},
		{name: "nor does its head approve it for want of people", who: actor(lead, "a", as(Approver)), action: CaseApprove, res: Resource{Division: "410700", Official: true, Unit: "discipline", Parent: "lead", Small: true}, refuse: "staff.can.official"},
		{name: "the bureau's custodian opens no identity of it", who: actor(lead, "a", as(Custodian)), action: IdentityOpen, res: Resource{Division: "410700", Official: true}, refuse: "staff.can.official"},

		{name: "a subject reads its own record", who: actor(jia, "a", as(Agent)), action: SubjectRead, res: Resource{Subject: jia.Code}},
		{name: "never another's", who: actor(jia, "a", as(Agent)), action: SubjectRead, res: Resource{Subject: "91410771MA00AAA291"}, refuse: "staff.can.subject"},
		{name: "and not one without a code", who: actor(jia, "a", as(Agent)), action: SubjectRead, res: Resource{}, refuse: "staff.can.subject"},
		{name: "the agent does not sign for the representative", who: actor(jia, "a", as(Agent)), action: RepairSign, res: Resource{Subject: jia.Code}, refuse: "staff.can.role"},
		{name: "the representative signs", who: actor(jia, "a", as(Representative)), action: RepairSign, res: Resource{Subject: jia.Code}},
		{name: "a subject whose own matter it is is not recused", who: actor(jia, "a", as(Agent)), action: SubjectRead, res: Resource{Subject: jia.Code, Parties: []Party{{Code: jia.Code}}}},

		{name: "the system administrator makes accounts", who: actor(lead, "s", as(System)), action: UserCreate},
		{name: "and gives no roles", who: actor(lead, "s", as(System)), action: UserGrant, refuse: "staff.can.role"},
		{name: "the security administrator gives roles", who: actor(lead, "s", as(Security)), action: UserGrant},
		{name: "and makes no accounts", who: actor(lead, "s", as(Security)), action: UserCreate, refuse: "staff.can.role"},
		{name: "the auditor reads the journal", who: actor(lead, "s", as(Auditor)), action: JournalRead},
		{name: "nobody else does", who: actor(lead, "s", as(System)), action: JournalRead, refuse: "staff.can.role"},
		{name: "an administrator does no business", who: actor(lead, "s", as(System)), action: TipoffOpen, res: Resource{Division: "410700"}, refuse: "staff.can.role"},
		{name: "an unknown action is refused", who: actor(lead, "s", as(System)), action: "made.up", refuse: "staff.can.role"},
		{name: "a disabled user does nothing", who: func() Actor { a := actor(hongqi, "a", as(Handler)); a.User.Disabled = true; return a }(), action: TipoffOpen, res: ofHongqi, refuse: "staff.can.role"},
		{name: "nobody of a closed organisation does", who: func() Actor { a := actor(hongqi, "a", as(Handler)); a.Org.Closed = true; return a }(), action: TipoffOpen, res: ofHongqi, refuse: "staff.can.role"},
		{name: "a role that has ended", who: actor(hongqi, "a", Grant{Role: Handler, Span: Span{To: "2026-09-17"}}), action: TipoffOpen, res: ofHongqi, refuse: "staff.can.role"},
		{name: "a role on its last day", who: actor(hongqi, "a", Grant{Role: Handler, Span: Span{To: "2026-09-18"}}), action: TipoffOpen, res: ofHongqi},
		{name: "nobody is nobody", who: Actor{}, action: OrgRead, refuse: "staff.can.role"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			when := tc.at
			if when.IsZero() {
				when = noon
			}
			err := Can(tc.who, tc.action, tc.res, when)
			f, refused := fault.Of(err)
			switch {
			case tc.refuse == "" && err != nil:
				t.Fatalf("refused: %v", err)
			case tc.refuse != "" && (!refused || f.Code != tc.refuse || f.Kind != fault.Forbidden):
				t.Fatalf("got %v, want %s", err, tc.refuse)
			}
		})
	}
}

func employed(a Actor, p Party) Actor {
	a.User.Employer = p
	return a
}

func tied(a Actor, p Party) Actor {
	a.User.Ties = []Tie{{Party: p, Reason: "原单位"}}
	return a
}

// TestNobodyActsTwiceInOneChain draws people, roles and substitutions at random
// and wants no chain in which one person has two parts.
func TestNobodyActsTwiceInOneChain(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		roles := []Role{Handler, Reviewer, Approver, Publisher, Supervisor}
		people := []string{"a", "b", "c"}
		var actors []Actor
		for _, id := range people {
			a := actor(hongqi, id)
			for _, r := range roles {
				if rapid.Bool().Draw(t, id+string(r)) {
					a.User.Grants = append(a.User.Grants, Grant{Role: r, Division: "410702"})
				}
			}
			if rapid.Bool().Draw(t, id+"lent") {
				r := rapid.SampledFrom(roles).Draw(t, id+"role")
				a.Lent = []Lent{{Absent: rapid.SampledFrom(people).Draw(t, id+"absent"), Grants: []Grant{{Role: r, Division: "410702"}}}}
			}
			actors = append(actors, a)
		}
		res := Resource{Division: "410702"}
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			a := rapid.SampledFrom(actors).Draw(t, "who")
			switch rapid.SampledFrom([]Action{CaseHandle, CaseReview, CaseApprove}).Draw(t, "action") {
			case CaseHandle:
				if Can(a, CaseHandle, res, noon) == nil {
					res.Handlers = append(res.Handlers, a.User.ID)
				}
			case CaseReview:
				if Can(a, CaseReview, res, noon) == nil {
					res.Reviewers = append(res.Reviewers, a.User.ID)
				}
			case CaseApprove:
				if Can(a, CaseApprove, res, noon) == nil {
					res.Approvers = append(res.Approvers, a.User.ID)
				}
			}
		}
		part := map[string]string{}
		for name, list := range map[string][]string{"handler": res.Handlers, "reviewer": res.Reviewers, "approver": res.Approvers} {
			for _, id := range list {
				if have := part[id]; have != "" && have != name {
					t.Fatalf("%s is %s and %s: %+v", id, have, name, res)
				}
				part[id] = name
			}
		}
	})
}

func TestThreeAdministratorsAreThreePeople(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		kind   Kind
		roles  []Role
		refuse string
	}{
		{"one administrator", LeadBureau, []Role{System}, ""},
		{"system and security", LeadBureau, []Role{System, Security}, "staff.role.three"},
		{"security and auditor", LeadBureau, []Role{Security, Auditor}, "staff.role.three"},
		{"auditor and system", LeadBureau, []Role{Auditor, System}, "staff.role.three"},
		{"an administrator with business", LeadBureau, []Role{System, Handler}, "staff.role.admin_business"},
		{"handler and approver may be held, not used on one case", LeadBureau, []Role{Handler, Approver}, ""},
		{"an administrator in a district", DistrictBureau, []Role{System}, "staff.role.kind"},
		{"an approver in a sub-office", SubOffice, []Role{Approver}, "staff.role.kind"},
		{"a handler in a subject", Subject, []Role{Handler}, "staff.role.kind"},
		{"a representative in a bureau", LeadBureau, []Role{Representative}, "staff.role.kind"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			err := CheckRoles(tc.kind, tc.roles)
			if f, ok := fault.Of(err); tc.refuse == "" && err != nil || tc.refuse != "" && (!ok || f.Code != tc.refuse) {
				t.Fatalf("got %v, want %q", err, tc.refuse)
			}
		})
	}
}

func TestSmallMeansNoThreeDifferentPeople(t *testing.T) {
	t.Parallel()
	person := func(id string, roles ...Role) User {
		u := User{ID: id}
		for _, r := range roles {
			u.Grants = append(u.Grants, Grant{Role: r, Division: "410702"})
		}
		return u
	}
	gone := person("c", Approver)
	gone.Disabled = true
	for _, tc := range []struct {
		name    string
		members []User
		small   bool
	}{
		{"nobody", nil, true},
		{"three with one role each", []User{person("a", Handler), person("b", Reviewer), person("c", Approver)}, false},
		{"two who can do everything", []User{person("a", Handler, Reviewer, Approver), person("b", Handler, Reviewer, Approver)}, true},
		{"three who can do everything", []User{person("a", Handler, Reviewer, Approver), person("b", Handler, Reviewer, Approver), person("c", Handler, Reviewer, Approver)}, false},
		{"review and approval need the same two", []User{person("a", Handler), person("b", Reviewer, Approver), person("c", Handler)}, true},
		{"the approver is disabled", []User{person("a", Handler), person("b", Reviewer), gone}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := Small(tc.members, "410702", noon); got != tc.small {
				t.Fatalf("Small = %v, want %v", got, tc.small)
			}
		})
	}
}

func TestEmbeddedDataAgrees(t *testing.T) {
	t.Parallel()
	pilots := 0
	for _, d := range Districts() {
		if _, ok := ident.AreaOf(d.Code); !ok && d.Code != "410000" {
			t.Errorf("district %s is no area", d.Code)
		}
		if d.Above != "" {
			if _, ok := DistrictOf(d.Above); !ok {
				t.Errorf("above %s there is no %s", d.Code, d.Above)
			}
		}
		if d.Pilot {
			pilots++
		}
	}
	if pilots != 2 || !Feature("410771", "graded-supervision") || !Feature("410772", "trusteeship") || Feature("410702", "graded-supervision") {
		t.Errorf("%d pilots; flags are wrong", pilots)
	}
	if !covers("410000", "410771") || !covers("410700", "410702") || covers("410702", "410700") || covers("410702", "410711") {
		t.Error("covers is wrong")
	}
	for name, p := range Defaults().Chosen {
		if p.Value <= 0 || p.Mark == "" || p.Why == "" {
			t.Errorf("parameter %s has no value, mark or reason", name)
		}
	}
	in := map[string]bool{}
	for _, b := range Bases() {
		in[b.ID] = b.InForce(noon)
	}
	if !in["samr-121"] || in["samr-20"] || !in["ndrc-36"] || in["ndrc-58"] {
		t.Errorf("bases in force: %v", in)
	}
	for a, r := range rules {
		if len(r.roles) == 0 {
			t.Errorf("action %s is for nobody", a)
		}
	}
	for _, k := range Kinds() {
		if len(FitsKind(k)) == 0 {
			t.Errorf("kind %s has no roles", k)
		}
	}
}
