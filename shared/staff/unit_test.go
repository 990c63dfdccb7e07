package staff_test

import (
	"slices"
	"testing"

	"ipcredit/shared/fault"
	"ipcredit/shared/staff"
)

func TestUnitsAreThoseWhoseTipoffsOneMayOpen(t *testing.T) {
	each(t, func(t *testing.T, c *city) {
		for _, tc := range []struct {
			user   string
			action staff.Action
			want   []string
		}{
			{"lead.handler", staff.TipoffOpen, []string{"410700"}},
			{"lead.approver", staff.TipoffOpen, []string{"410700"}},
			{"lead.custodian", staff.IdentityOpen, []string{"410700"}},
			{"hongqi.handler", staff.TipoffHandle, []string{"410702"}},
			{"hongqi.custodian2", staff.IdentityOpen, []string{"410702"}},
			{"muye.approver", staff.IdentityAsk, []string{"410711"}},
			{"gaoxin.handler", staff.TipoffOpen, []string{"410771"}},
			{"discipline.handler", staff.TipoffOpen, []string{"discipline"}},
			{"discipline.reviewer", staff.TipoffOpen, []string{"discipline"}},
			{"discipline.approver", staff.TipoffClock, []string{"discipline"}},
			{"discipline.custodian", staff.IdentityOpen, []string{"discipline"}},
			{"discipline.custodian", staff.TipoffOpen, nil},
			{"lead.system", staff.TipoffOpen, nil},
			{"lead.security", staff.TipoffClock, nil},
			{"lead.auditor", staff.TipoffOpen, nil},
			{"science.handler", staff.TipoffOpen, nil},
			{"hongqi.suo", staff.TipoffOpen, nil}, // nothing is delegated yet
			{"jia.legal", staff.TipoffClock, nil},
			{"lead.handler", staff.IdentityOpen, nil},
		} {
			if got := c.actor(tc.user).Units(tc.action, c.now); !slices.Equal(got, tc.want) {
				t.Errorf("%s, %s: %v, want %v", tc.user, tc.action, got, tc.want)
			}
		}
		// A supervisor of the city sees every bureau's clock, never inspection's.
		labels := staff.UnitLabels()
		if got := c.actor("lead.supervisor").Units(staff.TipoffClock, c.now); !slices.Equal(got, labels[:len(labels)-1]) {
			t.Errorf("supervisor: %v", got)
		}
	})
}

func TestUnitsWithoutACustodianComeToTheOneAbove(t *testing.T) {
	each(t, func(t *testing.T, c *city) {
		units := func(name string, action staff.Action) []string {
			t.Helper()
			out, err := c.Units(t.Context(), c.actor(name), action, c.now)
			ok(t, err)
			return out
		}
		want := slices.DeleteFunc(staff.UnitLabels(), func(l string) bool {
			return l == "410702" || l == "410711" || l == staff.DisciplineUnit // have their own
		})
		if got := units("lead.custodian", staff.IdentityOpen); !slices.Equal(got, want) {
			t.Errorf("the city's custodian: %v, want %v", got, want)
		}
		if got := units("hongqi.custodian", staff.IdentityOpen); !slices.Equal(got, []string{"410702"}) {
			t.Errorf("a district's custodian: %v", got)
		}
		if got := units("discipline.custodian", staff.IdentityOpen); !slices.Equal(got, []string{staff.DisciplineUnit}) {
			t.Errorf("inspection's custodian: %v", got)
		}
		// What is sealed stays with its unit however few it has.
		if got := units("lead.handler", staff.TipoffOpen); !slices.Equal(got, []string{"410700"}) {
			t.Errorf("the city's handler: %v", got)
		}
		if got := units("lead.system", staff.IdentityOpen); got != nil {
			t.Errorf("an administrator: %v", got)
		}
	})
}

func TestEveryUnitHasAnOrganisationBehindIt(t *testing.T) {
	each(t, func(t *testing.T, c *city) {
		for label, want := range map[string]string{"410700": "lead", "410702": "hongqi", "410771": "gaoxin", "discipline": "discipline"} {
			o, found, err := c.Unit(t.Context(), label)
			ok(t, err)
			if !found || o.ID != want {
				t.Errorf("unit %s is %q", label, o.ID)
			}
		}
		for _, label := range staff.UnitLabels() {
			if _, found, err := c.Unit(t.Context(), label); err != nil || !found {
				t.Errorf("the demonstration has nobody for %s (%v)", label, err)
			}
		}
		for _, label := range []string{"", "410799", "410000", "Discipline"} {
			if o, found, err := c.Unit(t.Context(), label); err != nil || found {
				t.Errorf("unit %q is %q (%v)", label, o.ID, err)
			}
		}
	})
}

// TestIdentityTakesTwoPeopleInEveryUnit: the handler asks, somebody else opens;
// where a unit has no custodian the one above has, and discipline inspection
// never needs anybody outside.
func TestIdentityTakesTwoPeopleInEveryUnit(t *testing.T) {
	each(t, func(t *testing.T, c *city) {
		for _, tc := range []struct {
			label, division, asks string
			opens, never          []string
		}{
			{"410702", "410702", "hongqi.handler", []string{"hongqi.custodian", "hongqi.custodian2"}, []string{"lead.custodian", "muye.custodian", "discipline.custodian", "hongqi.handler"}},
			{"410711", "410711", "muye.handler", []string{"muye.custodian"}, []string{"hongqi.custodian", "lead.custodian"}},
			{"410703", "410703", "weibin.handler", []string{"lead.custodian", "lead.custodian2"}, []string{"hongqi.custodian", "weibin.handler", "weibin.approver"}},
			{"410771", "410771", "gaoxin.handler", []string{"lead.custodian"}, []string{"hongqi.custodian"}},
			{"410700", "410702", "lead.handler", []string{"lead.custodian"}, []string{"hongqi.custodian", "lead.approver"}},
			{staff.DisciplineUnit, "410702", "discipline.handler", []string{"discipline.custodian"}, []string{"lead.custodian", "hongqi.custodian", "lead.security", "discipline.handler"}},
		} {
			r := staff.UnitResource(tc.label, tc.division)
			asker := c.actor(tc.asks)
			ok(t, staff.Can(asker, staff.IdentityAsk, r, c.now))
			r.AskedBy = asker.User.ID
			r, err := c.Matter(t.Context(), staff.IdentityOpen, tc.label, r, c.now)
			ok(t, err)
			for _, u := range tc.opens {
				if err := staff.Can(c.actor(u), staff.IdentityOpen, r, c.now); err != nil {
					t.Errorf("%s: %s does not open: %v", tc.label, u, err)
				}
			}
			for _, u := range tc.never {
				if err := staff.Can(c.actor(u), staff.IdentityOpen, r, c.now); err == nil {
					t.Errorf("%s: %s opens", tc.label, u)
				}
			}
		}
	})
}

// TestTheReportedEmployersPeopleAreRoutedAround: who is tied cannot be assigned,
// and where that leaves nobody the unit above decides.
func TestTheReportedEmployersPeopleAreRoutedAround(t *testing.T) {
	each(t, func(t *testing.T, c *city) {
		ctx := t.Context()
		firm := staff.Party{Name: "虚构乙科技有限公司", Code: "91410771ma00aaa291"}
		system := c.actor("lead.system")
		names := func(users []staff.User) (out []string) {
			for _, u := range users {
				out = append(out, u.Username)
			}
			return out
		}
		r := staff.UnitResource("410700", "410700")
		r.Parties = []staff.Party{{Code: "91410771MA00AAA291", Name: "虚构乙公司"}}
		able, err := c.Able(ctx, "lead", staff.TipoffHandle, r, c.now)
		ok(t, err)
		if !slices.Equal(names(able), []string{"lead.handler", "lead.handler2"}) {
			t.Fatalf("able: %v", names(able))
		}
		wants(t, c.SetEmployer(ctx, c.actor("lead.security"), able[0].ID, firm, c.now), fault.Forbidden, "staff.can.role")
		wants(t, c.SetEmployer(ctx, system, able[0].ID, staff.Party{Code: firm.Code}, c.now), fault.Invalid, "staff.name.form")
		wants(t, c.SetEmployer(ctx, system, system.User.ID, firm, c.now), fault.Refused, "staff.order.self")
		ok(t, c.SetEmployer(ctx, system, able[0].ID, firm, c.now))
		if able, err = c.Able(ctx, "lead", staff.TipoffHandle, r, c.now); err != nil || !slices.Equal(names(able), []string{"lead.handler2"}) {
			t.Fatalf("able: %v, %v", names(able), err)
		}
		if !c.actor("lead.handler").TiedTo(r.Parties) || c.actor("lead.handler2").TiedTo(r.Parties) {
			t.Fatal("ties are wrong")
		}
		ok(t, c.SetEmployer(ctx, system, c.actor("lead.handler").User.ID, staff.Party{}, c.now))
		ok(t, staff.Can(c.actor("lead.handler"), staff.TipoffHandle, r, c.now))

		// Weibin's only head is tied: the city's head approves instead of him.
		weibin := staff.UnitResource("410703", "410703")
		weibin.Parties = r.Parties
		ok(t, c.DeclareTie(ctx, c.actor("weibin.approver"), staff.Tie{Party: firm, Reason: "原单位"}, c.now))
		weibin, err = c.Matter(ctx, staff.CaseApprove, "410703", weibin, c.now)
		ok(t, err)
		wants(t, staff.Can(c.actor("weibin.approver"), staff.CaseApprove, weibin, c.now), fault.Forbidden, "staff.can.tied")
		ok(t, staff.Can(c.actor("lead.approver"), staff.CaseApprove, weibin, c.now))

		// A new account is made with its employer.
		u, _, err := c.CreateUser(ctx, system, staff.NewUser{Org: "hongqi", Username: "borrowed", Name: "借调员", Employer: firm}, c.now)
		ok(t, err)
		if u, err = c.User(ctx, u.ID); err != nil || u.Employer.Name != firm.Name {
			t.Fatalf("%+v, %v", u.Employer, err)
		}
	})
}

// TestThreat_AdministratorsDoNotBecomeDisciplineInspection: whoever runs the
// bureau's accounts gets into nothing that is about the bureau.
func TestThreat_AdministratorsDoNotBecomeDisciplineInspection(t *testing.T) {
	each(t, func(t *testing.T, c *city) {
		ctx := t.Context()
		system, security := c.actor("lead.system"), c.actor("lead.security")
		head, handler := c.actor("discipline.approver"), c.actor("discipline.handler")
		own, _, err := c.CreateUser(ctx, system, staff.NewUser{Org: "discipline", Username: "planted", Name: "内应"}, c.now)
		ok(t, err)
		for name, o := range map[string]staff.Order{
			"a planted account gets no role": {Kind: staff.OrderGrant, User: own.ID, Role: staff.Handler},
			"an account is not taken over":   {Kind: staff.OrderReset, User: handler.User.ID},
			"nor the head's":                 {Kind: staff.OrderReset, User: head.User.ID},
			"the head is not removed":        {Kind: staff.OrderDisable, User: head.User.ID},
			"his role is not taken":          {Kind: staff.OrderRevoke, User: head.User.ID, Role: staff.Approver},
		} {
			o.Reason = "调整"
			by, second := security, system
			if o.Kind == staff.OrderReset {
				by, second = system, security
			}
			out, err := c.Do(ctx, by, o, c.now)
			ok(t, err)
			if out.Proposal == nil || out.OneTime != "" {
				t.Fatalf("%s: done by one", name)
			}
			_, err = c.Confirm(ctx, second, out.Proposal.ID, c.now)
			wants(t, err, fault.Forbidden, "staff.proposal.discipline")
			_, err = c.Confirm(ctx, handler, out.Proposal.ID, c.now)
			if err == nil {
				t.Fatalf("%s: confirmed by a handler", name)
			}
			if o.User == head.User.ID {
				_, err = c.Confirm(ctx, head, out.Proposal.ID, c.now)
				wants(t, err, fault.Forbidden, "staff.proposal.own")
			}
		}
		// A bureau's head sees none of it; inspection's sees its own people's only.
		_, err = c.Proposals(ctx, c.actor("lead.approver"), c.now)
		wants(t, err, fault.Forbidden, "staff.can.role")
		_, err = c.Do(ctx, security, staff.Order{Kind: staff.OrderGrant, User: c.actor("lead.handler").User.ID, Role: staff.Custodian, Reason: "调整"}, c.now)
		ok(t, err)
		waiting, err := c.Proposals(ctx, head, c.now)
		ok(t, err)
		if len(waiting) != 5 {
			t.Fatalf("%d wait", len(waiting))
		}
		for _, p := range waiting {
			if p.Order.User == handler.User.ID {
				out, err := c.Confirm(ctx, head, p.ID, c.now)
				if err != nil || out.OneTime == "" {
					t.Fatalf("the head confirms: %+v, %v", out, err)
				}
			}
			if p.Order.User == own.ID {
				ok(t, c.Withdraw(ctx, head, p.ID, c.now))
			}
		}
		// No second inspection beside the first, and the first is not closed away.
		_, err = c.CreateOrganization(ctx, system, staff.Organization{Kind: staff.Discipline, Name: "另一纪检组", Divisions: []string{"410700"}}, c.now)
		wants(t, err, fault.Conflict, "staff.org.discipline")
		wants(t, c.CloseOrganization(ctx, system, "discipline", c.now), fault.Refused, "staff.org.discipline_close")
	})
}
