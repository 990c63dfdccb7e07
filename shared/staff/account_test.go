package staff_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"github.com/redis/go-redis/v9"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/redistest"
	"ipcredit/shared/staff"
)

func TestAdministratorsDecideTwoByTwo(t *testing.T) {
	each(t, func(t *testing.T, c *city) {
		ctx := t.Context()
		system, _ := c.in("lead.system")
		security, _ := c.in("lead.security")
		auditor, _ := c.in("lead.auditor")
		u, _, err := c.CreateUser(ctx, system, staff.NewUser{Org: "lead", Username: "wang.ceshi", Name: "王测试"}, c.now)
		ok(t, err)
		grant := staff.Order{Kind: staff.OrderGrant, User: u.ID, Role: staff.Handler, Reason: "入职"}
		_, err = c.Do(ctx, system, grant, c.now)
		wants(t, err, fault.Forbidden, "staff.can.role")
		out, err := c.Do(ctx, security, grant, c.now)
		ok(t, err)
		if out.Proposal != nil {
			t.Fatal("an ordinary role needs no second person")
		}
		_, err = c.Do(ctx, security, grant, c.now)
		wants(t, err, fault.Conflict, "staff.grant.has")

		grant.Role = staff.Security
		out, err = c.Do(ctx, security, grant, c.now)
		ok(t, err)
		if out.Proposal == nil {
			t.Fatal("an administrator's role was given by one person")
		}
		_, err = c.Confirm(ctx, security, out.Proposal.ID, c.now)
		wants(t, err, fault.Forbidden, "staff.proposal.own")
		_, err = c.Confirm(ctx, auditor, out.Proposal.ID, c.now)
		wants(t, err, fault.Forbidden, "staff.can.role")
		_, err = c.Confirm(ctx, system, out.Proposal.ID, c.now)
		wants(t, err, fault.Refused, "staff.role.admin_business")
		_, err = c.Do(ctx, security, staff.Order{Kind: staff.OrderRevoke, User: u.ID, Role: staff.Handler, Reason: "转岗"}, c.now)
		ok(t, err)
		_, err = c.Confirm(ctx, system, out.Proposal.ID, c.now)
		ok(t, err)
		_, err = c.Confirm(ctx, system, out.Proposal.ID, c.now)
		wants(t, err, fault.Conflict, "staff.proposal.ended")
		got, err := c.User(ctx, u.ID)
		ok(t, err)
		if !got.Has(staff.Security, c.now) || got.Has(staff.Handler, c.now) {
			t.Fatalf("%+v", got.Grants)
		}

		// A reset of an administrator waits, too, and ends by itself.
		out, err = c.Do(ctx, system, staff.Order{Kind: staff.OrderReset, User: auditor.User.ID, Reason: "手机遗失"}, c.now)
		ok(t, err)
		if out.Proposal == nil || out.OneTime != "" {
			t.Fatalf("%+v", out)
		}
		later := c.now.Add(7 * 24 * time.Hour)
		_, err = c.Confirm(ctx, security, out.Proposal.ID, later)
		wants(t, err, fault.Conflict, "staff.proposal.ended")
		n, err := c.Sweep(ctx, later)
		if err != nil || n != 1 {
			t.Fatalf("swept %d, %v", n, err)
		}
		if n, err := c.Sweep(ctx, later); err != nil || n != 0 {
			t.Fatalf("swept again %d, %v", n, err)
		}

		// The last auditor stays.
		out, err = c.Do(ctx, security, staff.Order{Kind: staff.OrderDisable, User: auditor.User.ID, Reason: "离职"}, c.now)
		ok(t, err)
		_, err = c.Confirm(ctx, system, out.Proposal.ID, c.now)
		wants(t, err, fault.Refused, "staff.order.last_administrator")
		_, err = c.Do(ctx, system, staff.Order{Kind: staff.OrderDisable, User: system.User.ID, Reason: "离职"}, c.now)
		wants(t, err, fault.Refused, "staff.order.self")
		waiting, err := c.Proposals(ctx, auditor, c.now)
		ok(t, err)
		if len(waiting) != 1 {
			t.Fatalf("%d proposals wait", len(waiting))
		}
		ok(t, c.Withdraw(ctx, system, waiting[0].ID, c.now))
	})
}

func TestResetAndDisableEndEverySession(t *testing.T) {
	each(t, func(t *testing.T, c *city) {
		ctx := t.Context()
		system, _ := c.in("lead.system")
		h, token := c.in("hongqi.handler")
		out, err := c.Do(ctx, system, staff.Order{Kind: staff.OrderReset, User: h.User.ID, Reason: "手机遗失"}, c.now)
		ok(t, err)
		_, err = c.Who(ctx, token, c.now)
		wants(t, err, fault.Unauthorized, "staff.signed_out")
		c.now = c.now.Add(time.Minute)
		_, err = c.SignIn(ctx, c.attempt("hongqi.handler"), c.now)
		wants(t, err, fault.Unauthorized, "staff.signin")
		s, err := c.SignIn(ctx, staff.SignIn{Username: "hongqi.handler", Password: out.OneTime}, c.now)
		ok(t, err)
		if !s.First {
			t.Fatal("after a reset everything is open")
		}
		_, token = c.in("hongqi.approver")
		a, err := c.Who(ctx, token, c.now)
		ok(t, err)
		_, err = c.Do(ctx, system, staff.Order{Kind: staff.OrderDisable, User: a.User.ID, Reason: "离职"}, c.now)
		ok(t, err)
		_, err = c.Who(ctx, token, c.now)
		wants(t, err, fault.Unauthorized, "staff.signed_out")
		c.now = c.now.Add(time.Minute)
		_, err = c.SignIn(ctx, c.attempt("hongqi.approver"), c.now)
		wants(t, err, fault.Unauthorized, "staff.signin")
	})
}

func TestBootstrapMakesEachAdministratorOnce(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		p := staff.Defaults().Set("password.memory_kib", 64)
		v, err := staff.NewVault([]byte(strings.Repeat("p", 32)), []byte(strings.Repeat("s", 32)), p)
		ok(t, err)
		d := staff.NewDesk(staff.New(journal.New(rdb, "410700", journal.Options{})).With(p), v)
		org := staff.Organization{ID: "lead", Kind: staff.LeadBureau, Name: "样例市场监督管理局", Divisions: []string{"410700"}}
		for i, role := range []staff.Role{staff.System, staff.Security, staff.Auditor} {
			first := staff.First{Org: org, Username: fmt.Sprintf("admin%d", i), Name: "张样例", Role: role, Issuer: "样例"}
			got, err := d.Bootstrap(ctx, first, start)
			ok(t, err)
			code, err := totp.GenerateCode(got.TOTPSecret, start)
			ok(t, err)
			s, err := d.SignIn(ctx, staff.SignIn{Username: got.Username, Password: got.Password, Code: code}, start)
			ok(t, err)
			if !s.First || !strings.HasPrefix(got.TOTPURL, "otpauth://totp/%E6%A0%B7%E4%BE%8B:admin") {
				t.Fatalf("%+v, %s", s, got.TOTPURL)
			}
			first.Username += "x"
			_, err = d.Bootstrap(ctx, first, start)
			wants(t, err, fault.Conflict, "staff.bootstrap.taken")
		}
		_, err = d.Bootstrap(ctx, staff.First{Org: org, Username: "abc", Name: "张样例", Role: staff.Handler}, start)
		wants(t, err, fault.Invalid, "staff.bootstrap.role")
	})
}

func TestDelegationAndSubstituteAreGrantedByTheHead(t *testing.T) {
	each(t, func(t *testing.T, c *city) {
		ctx := t.Context()
		head, _ := c.in("hongqi.approver")
		handler, _ := c.in("hongqi.handler")
		span := staff.Span{From: "2026-09-18", To: "2026-10-17"}
		_, err := c.Delegate(ctx, handler, "hongqi-suo", []staff.Role{staff.Handler}, span, "新测红委〔2026〕1号", c.now)
		wants(t, err, fault.Forbidden, "staff.can.role")
		_, err = c.Delegate(ctx, head, "muye-suo", []staff.Role{staff.Handler}, span, "新测红委〔2026〕1号", c.now)
		wants(t, err, fault.Refused, "staff.delegation.to")
		_, err = c.Delegate(ctx, head, "hongqi-suo", []staff.Role{staff.Approver}, span, "新测红委〔2026〕1号", c.now)
		wants(t, err, fault.Refused, "staff.delegation.roles")
		d, err := c.Delegate(ctx, head, "hongqi-suo", []staff.Role{staff.Handler}, span, "新测红委〔2026〕1号", c.now)
		ok(t, err)
		res := staff.Resource{Division: "410702"}
		suo, token := c.in("hongqi.suo")
		ok(t, staff.Can(suo, staff.CaseHandle, res, c.now))
		for at, want := range map[string]bool{"2026-09-17T23:59:59+08:00": false, "2026-09-18T00:00:00+08:00": true, "2026-10-17T23:59:59+08:00": true, "2026-10-18T00:00:00+08:00": false} {
			when, err := time.Parse(time.RFC3339, at)
			ok(t, err)
			if got := staff.Can(suo, staff.CaseHandle, res, when) == nil; got != want {
				t.Errorf("delegated at %s: %v", at, got)
			}
		}
		messages, _, err := c.Inbox(ctx, suo, "", 10)
		ok(t, err)
		if len(messages) != 1 || messages[0].Title != "staff.message.delegation" {
			t.Fatalf("%+v", messages)
		}
		ok(t, c.EndDelegation(ctx, head, "hongqi-suo", d.ID, c.now))
		suo, err = c.Who(ctx, token, c.now)
		ok(t, err)
		wants(t, staff.Can(suo, staff.CaseHandle, res, c.now), fault.Forbidden, "staff.can.unit")

		reviewer, token := c.in("hongqi.reviewer")
		_, err = c.Substitute(ctx, head, head.User.ID, reviewer.User.ID, []staff.Role{staff.Custodian}, span, c.now)
		wants(t, err, fault.Refused, "staff.substitute.roles")
		_, err = c.Substitute(ctx, head, reviewer.User.ID, handler.User.ID, []staff.Role{staff.Approver}, span, c.now)
		wants(t, err, fault.Refused, "staff.substitute.not_his")
		_, err = c.Substitute(ctx, head, head.User.ID, c.actor("muye.reviewer").User.ID, []staff.Role{staff.Approver}, span, c.now)
		wants(t, err, fault.Refused, "staff.substitute.org")
		_, err = c.Substitute(ctx, head, head.User.ID, reviewer.User.ID, []staff.Role{staff.Approver}, staff.Span{From: "2026-09-18", To: "2027-09-18"}, c.now)
		wants(t, err, fault.Refused, "staff.span.long")
		sub, err := c.Substitute(ctx, head, head.User.ID, reviewer.User.ID, []staff.Role{staff.Approver}, span, c.now)
		ok(t, err)
		reviewer, err = c.Who(ctx, token, c.now)
		ok(t, err)
		ok(t, staff.Can(reviewer, staff.CaseApprove, res, c.now))
		wants(t, staff.Can(reviewer, staff.CaseApprove, staff.Resource{Division: "410702", Handlers: []string{head.User.ID}}, c.now), fault.Forbidden, "staff.can.handled")
		ok(t, c.EndSubstitute(ctx, head, reviewer.User.ID, sub.ID, c.now))
		reviewer, err = c.Who(ctx, token, c.now)
		ok(t, err)
		wants(t, staff.Can(reviewer, staff.CaseApprove, res, c.now), fault.Forbidden, "staff.can.role")
	})
}

func TestInboxPagesAndNotesWhoReadFirst(t *testing.T) {
	each(t, func(t *testing.T, c *city) {
		ctx := t.Context()
		j := journal.New(c.rdb, "410700", journal.Options{})
		var last string
		for i := range 25 {
			m := staff.NewMessage("science", "case.notice", fmt.Sprint("n", i), "staff.message.delegation", "case-handling/x", c.now.Add(time.Duration(i)*time.Second), "x")
			ok(t, j.Commit(ctx, journal.Entry{Actor: "u", Action: "case.notify", At: c.now}, nil, func(tx *journal.Tx) error { return c.Tell(tx, m) }))
			last = m.ID
		}
		a, _ := c.in("science.handler")
		n, err := c.Unread(ctx, a)
		if err != nil || n != 25 {
			t.Fatalf("%d unread, %v", n, err)
		}
		var refs []string
		cursor := ""
		for {
			page, next, err := c.Inbox(ctx, a, cursor, 10)
			ok(t, err)
			for _, m := range page {
				refs = append(refs, m.Ref)
			}
			if cursor = next; next == "" {
				break
			}
		}
		if len(refs) != 25 || refs[0] != "n24" || refs[24] != "n0" {
			t.Fatalf("%v", refs)
		}
		m, err := c.ReadMessage(ctx, a, last, c.now)
		ok(t, err)
		b, _ := c.in("science.inquirer")
		m2, err := c.ReadMessage(ctx, b, last, c.now)
		ok(t, err)
		if m.ReadBy != a.User.ID || m2.ReadBy != a.User.ID || !m2.ReadAt.Equal(m.ReadAt) {
			t.Fatalf("%+v, %+v", m, m2)
		}
		if n, _ := c.Unread(ctx, b); n != 24 {
			t.Fatalf("%d unread", n)
		}
		other, _ := c.in("health.handler")
		_, err = c.ReadMessage(ctx, other, last, c.now)
		wants(t, err, fault.NotFound, "staff.message.none")
		_, _, err = c.Inbox(ctx, a, "not a cursor", 10)
		wants(t, err, fault.Invalid, "staff.cursor")
	})
}

func TestActivationOpensOneAccountOfItsSubject(t *testing.T) {
	each(t, func(t *testing.T, c *city) {
		ctx := t.Context()
		officer, _ := c.in("hongqi.handler")
		issue := staff.Issue{Code: "91410702ma00aac13t", Name: "虚构丙有限公司", Division: "410702", Role: staff.Representative}
		_, _, err := c.IssueActivation(ctx, officer, staff.Issue{Code: "91410702MA00AAC13X", Name: "虚构丙有限公司", Division: "410702", Role: staff.Agent}, c.now)
		if !fault.Is(err, fault.Invalid) {
			t.Fatalf("a wrong check digit gives %v", err)
		}
		other := issue
		other.Division = "410711"
		_, _, err = c.IssueActivation(ctx, officer, other, c.now)
		wants(t, err, fault.Forbidden, "staff.can.division")
		_, code, err := c.IssueActivation(ctx, officer, issue, c.now)
		ok(t, err)
		in := staff.Activate{Activation: strings.ToLower(code), Code: issue.Code, Username: "bing.legal", Name: "李演示", Password: "gt7-vk2-wq9x", Network: "n"}
		for name, change := range map[string]func(*staff.Activate){
			"another code":    func(a *staff.Activate) { a.Activation = "AAAAA-AAAAA-AAAAA-AAAAA" },
			"another subject": func(a *staff.Activate) { a.Code = "91410771MA00AAA104" },
		} {
			bad := in
			change(&bad)
			_, err := c.Activate(ctx, bad, c.now)
			t.Log(name)
			wants(t, err, fault.Refused, "staff.activation.wrong")
		}
		weak := in
		weak.Password = "short"
		_, err = c.Activate(ctx, weak, c.now)
		wants(t, err, fault.Invalid, "staff.password.short")
		_, err = c.Activate(ctx, in, c.now.Add(30*24*time.Hour))
		wants(t, err, fault.Refused, "staff.activation.wrong")
		u, err := c.Activate(ctx, in, c.now)
		ok(t, err)
		in.Username = "bing.two"
		_, err = c.Activate(ctx, in, c.now)
		wants(t, err, fault.Refused, "staff.activation.wrong")

		s, err := c.SignIn(ctx, staff.SignIn{Username: "bing.legal", Password: "gt7-vk2-wq9x"}, c.now)
		ok(t, err)
		if !s.First || s.Actor.Org.Code != "91410702MA00AAC13T" || s.Actor.Org.Kind != staff.Subject {
			t.Fatalf("%+v", s)
		}
		// He invites an agent; the agent invites nobody.
		boss := s.Actor
		_, invitation, err := c.Invite(ctx, boss, staff.Agent, c.now)
		ok(t, err)
		in = staff.Activate{Activation: invitation, Code: issue.Code, Username: "bing.agent", Name: "王测试", Password: "gt7-vk2-wq9y"}
		agent, err := c.Activate(ctx, in, c.now)
		ok(t, err)
		if agent.Org != u.Org {
			t.Fatalf("the second member is in %s, not %s", agent.Org, u.Org)
		}
		a, err := c.Actor(ctx, agent.ID)
		ok(t, err)
		_, _, err = c.Invite(ctx, a, staff.Agent, c.now)
		wants(t, err, fault.Forbidden, "staff.can.role")
		ok(t, staff.Can(a, staff.SubjectRead, staff.Resource{Subject: "91410702MA00AAC13T"}, c.now))
		wants(t, staff.Can(a, staff.SubjectRead, staff.Resource{Subject: "91410771MA00AAA104"}, c.now), fault.Forbidden, "staff.can.subject")
		stranger := c.actor("jia.legal")
		wants(t, c.RemoveMember(ctx, stranger, agent.ID, c.now), fault.NotFound, "staff.user.none")
		ok(t, c.RemoveMember(ctx, boss, agent.ID, c.now))
		list, err := c.Activations(ctx, officer, "91410702MA00AAC13T", c.now)
		ok(t, err)
		if len(list) != 2 {
			t.Fatalf("%d codes", len(list))
		}
	})
}

func TestClosedOrganisationEndsPeopleAndKeys(t *testing.T) {
	each(t, func(t *testing.T, c *city) {
		ctx := t.Context()
		system, _ := c.in("lead.system")
		_, token := c.in("service.inquirer")
		ok(t, c.CloseOrganization(ctx, system, "credit-service", c.now))
		_, err := c.Who(ctx, token, c.now)
		wants(t, err, fault.Unauthorized, "staff.signed_out")
		_, err = c.Key(ctx, "Bearer "+c.demo.APIKeys[staff.ScopeShare], staff.ScopeShare, c.now)
		wants(t, err, fault.Unauthorized, "staff.key.none")
		_, err = c.CreateOrganization(ctx, system, staff.Organization{Kind: staff.SubOffice, Name: "示范所", Divisions: []string{"410702"}, Parent: "lead"}, c.now)
		wants(t, err, fault.Refused, "staff.org.parent")
		o, err := c.CreateOrganization(ctx, system, staff.Organization{Kind: staff.SubOffice, Name: "示范所", Divisions: []string{"410702"}, Parent: "hongqi"}, c.now)
		ok(t, err)
		if o.ID == "" {
			t.Fatal("no id")
		}
		_, err = c.CreateOrganization(ctx, system, staff.Organization{Kind: staff.Department, Name: "示范局", Divisions: []string{"410799"}}, c.now)
		wants(t, err, fault.Invalid, "staff.org.division")
	})
}
