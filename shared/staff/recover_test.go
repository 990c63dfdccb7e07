package staff_test

import (
	"slices"
	"testing"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/staff"
)

// TestTheOnlyHeadOfDisciplineInspectionIsLetInAgainLoudly: whoever lost telephone
// and codes, and whom nobody in the system may reset, is reset at the machine;
// everybody concerned reads of it. Where people in the system can, they must.
func TestTheOnlyHeadOfDisciplineInspectionIsLetInAgainLoudly(t *testing.T) {
	each(t, func(t *testing.T, c *city) {
		ctx := t.Context()
		system, _ := c.in("lead.system")
		head, token := c.in("discipline.approver")
		// The way in the system is closed: the one who would have to confirm is he.
		out, err := c.Do(ctx, system, staff.Order{Kind: staff.OrderReset, User: head.User.ID, Reason: "手机遗失"}, c.now)
		ok(t, err)
		if out.Proposal == nil {
			t.Fatal("one administrator alone became the head of discipline inspection")
		}
		_, err = c.Confirm(ctx, c.actor("lead.security"), out.Proposal.ID, c.now)
		wants(t, err, fault.Forbidden, "staff.proposal.discipline")

		for name, want := range map[string]struct {
			kind fault.Kind
			code string
		}{
			"hongqi.handler":     {fault.Conflict, "staff.recover.others"}, // any administrator
			"discipline.handler": {fault.Conflict, "staff.recover.others"}, // administrator and head
			"lead.custodian":     {fault.Conflict, "staff.recover.others"}, // two administrators
			"nobody.here":        {fault.NotFound, "staff.recover.unknown"},
		} {
			_, err := c.Recover(ctx, name, "手机遗失", c.now)
			if f, is := fault.Of(err); !is || f.Kind != want.kind || f.Code != want.code {
				t.Errorf("%s: %v", name, err)
			}
		}
		_, err = c.Recover(ctx, "discipline.approver", " ", c.now)
		wants(t, err, fault.Invalid, "staff.name.form")

		before := c.now
		c.now = c.now.Add(time.Minute)
		out, err = c.Recover(ctx, "discipline.approver", "手机和恢复码一并遗失", c.now)
		ok(t, err)
		_, err = c.Who(ctx, token, c.now)
		wants(t, err, fault.Unauthorized, "staff.signed_out")
		_, err = c.SignIn(ctx, c.attempt("discipline.approver"), c.now)
		wants(t, err, fault.Unauthorized, "staff.signin")
		s, err := c.SignIn(ctx, staff.SignIn{Username: "discipline.approver", Password: out.OneTime}, c.now)
		ok(t, err)
		if !s.First {
			t.Error("everything is open before the second factor is set up again")
		}
		for _, reader := range []string{"discipline.handler", "lead.auditor"} {
			messages, _, err := c.Inbox(ctx, c.actor(reader), "", 20)
			ok(t, err)
			n := slices.IndexFunc(messages, func(m staff.Message) bool { return m.Kind == "staff.recovered" })
			if n < 0 || !slices.Equal(messages[n].Args, []string{"discipline.approver", "手机和恢复码一并遗失"}) || messages[n].CreatedAt.Before(before.UTC()) {
				t.Errorf("%s reads %+v", reader, messages)
			}
		}
		entries, err := c.rdb.XRevRangeN(ctx, "{410700}:journal", "+", "-", 5).Result()
		ok(t, err)
		found := false
		for _, e := range entries {
			found = found || e.Values["action"] == "staff.order_reset" && e.Values["actor"] == "operator" && e.Values["ref"] == "user:"+head.User.ID
		}
		if !found {
			t.Errorf("the journal has %v", entries)
		}
	})
}
