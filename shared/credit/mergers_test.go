package credit

import (
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/catalog"
	"ipcredit/shared/fault"
	"ipcredit/shared/redistest"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

func keeper(id string, role staff.Role) staff.Actor {
	return staff.Actor{
		User: staff.User{ID: id, Org: "lead", Grants: []staff.Grant{{Role: role, Division: "410700"}}},
		Org:  staff.Organization{ID: "lead", Kind: staff.LeadBureau, Divisions: []string{"410700"}},
	}
}

func (c *city) merger(from, into string) Merger {
	return Merger{From: from, Into: into, Instrument: "新测市监登记合并〔2026〕1号", Authority: "新乡市测试区市场监督管理局", On: workday.MustDate("2026-05-05")}
}

// TestThreat_OneOfficerAloneMergesNobody: a merger moves what stands against
// somebody to somebody else. It takes a registry's document and two people.
func TestThreat_OneOfficerAloneMergesNobody(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c, ctx := newCity(t, rdb, "2026-05-06"), t.Context()
		handler, approver, intake := keeper("u-handler", staff.Handler), keeper("u-approver", staff.Approver), keeper("u-intake", staff.Intake)
		a, b := c.record(firmA, "2026-03-10"), c.record(firmB, "2026-03-15")
		c.amend(firmA, a.ID, func(r *Record) { r.Content.Determination = &DeterminationContent{Basis: "更正"} })
		var at Place
		c.happened(&at)

		wrong := func(name string, m Merger, field string) {
			t.Helper()
			_, err := c.store.ProposeMerger(ctx, handler, m, c.now)
			f, _ := fault.Of(err)
			if f == nil || len(f.Fields) == 0 || f.Fields[0].Name != field {
				t.Errorf("%s: %v", name, err)
			}
		}
		without := c.merger(firmA, firmB)
		without.Instrument = " \t"
		wrong("without a document", without, "instrument")
		without = c.merger(firmA, firmB)
		without.On = workday.MustDate("2026-05-07")
		wrong("of tomorrow", without, "on")
		wrong("a wrong check digit", c.merger(firmA[:17]+"9", firmB), "from")
		wrong("into itself", c.merger(firmA, firmA), "into")
		wrong("into nobody", c.merger(firmA, "91410781MA00AAE16W"), "into")
		wrong("of nobody", c.merger("91410781MA00AAE16W", firmA), "from")
		undo := c.merger(firmA, "")
		undo.Undo = true
		wrong("taken back before it was made", undo, "from")
		_, err := c.store.ProposeMerger(ctx, intake, c.merger(firmA, firmB), c.now)
		refused(t, err, fault.Forbidden, "staff.can.role")

		m, err := c.store.ProposeMerger(ctx, handler, c.merger(strings.ToLower(firmA), firmB), c.now)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := c.store.ProposeMerger(ctx, handler, c.merger(firmA, firmB), c.now); err != nil || again.ID != m.ID {
			t.Errorf("a form sent twice: %+v %v", again, err)
		}
		_, err = c.store.ProposeMerger(ctx, handler, c.merger(firmA, firmC), c.now)
		refused(t, err, fault.Conflict, "credit.merger.waits")
		if got := c.happened(&at); len(got) != 0 {
			t.Errorf("something happened by one person: %v", got)
		}
		for _, who := range []staff.Actor{handler, intake} {
			if _, err := c.store.ApproveMerger(ctx, who, m.ID, c.now); !fault.Is(err, fault.Forbidden) {
				t.Errorf("%s approves: %v", who.User.ID, err)
			}
		}
		_, err = c.store.WithdrawMerger(ctx, approver, m.ID, c.now)
		refused(t, err, fault.Forbidden, "catalog.not_own")

		m, err = c.store.ApproveMerger(ctx, approver, m.ID, c.now)
		if err != nil || m.State != catalog.Approved || m.Second != "u-approver" {
			t.Fatalf("%+v %v", m, err)
		}
		// Both histories are there, each document under the code that it names.
		p, err := c.store.Load(ctx, firmB)
		if err != nil || len(p.Records) != 2 {
			t.Fatalf("%+v %v", p, err)
		}
		for _, r := range p.Records {
			if from, versions := map[string]string{a.ID: firmA, b.ID: ""}[r.ID], map[string]int{a.ID: 1}[r.ID]; r.From != from || len(r.History) != versions {
				t.Errorf("%s: from %q, %d versions", r.InstrumentNo, r.From, len(r.History))
			}
		}
		_, err = c.store.View(ctx, firmA, c.now)
		refused(t, err, fault.NotFound, "credit.merged")
		if s, err := c.store.Subjects().Resolve(ctx, firmA); err != nil || s.Code != firmB {
			t.Errorf("the old code leads to %+v %v", s, err)
		}
		same(t, "the feed", c.happened(&at), "corrected 291")
		c.sequence()
		if e, answer := c.evidence(firmB); e == nil || len(answer.Records) != 2 {
			t.Error("the log does not prove what stands at the successor")
		} else {
			c.check(e, answer)
		}
		_, err = c.store.ApproveMerger(ctx, approver, m.ID, c.now)
		refused(t, err, fault.Conflict, "catalog.decided")

		// Taken back by two as well.
		back, err := c.store.ProposeMerger(ctx, handler, undo, c.now)
		if err != nil || back.Into != firmB {
			t.Fatalf("%+v %v", back, err)
		}
		if again, err := c.store.ProposeMerger(ctx, handler, undo, c.now); err != nil || again.ID != back.ID {
			t.Errorf("a form sent twice: %+v %v", again, err)
		}
		if _, err := c.store.RefuseMerger(ctx, approver, back.ID, " ", c.now); !fault.Is(err, fault.Invalid) {
			t.Errorf("refused without a reason: %v", err)
		}
		if _, err := c.store.ApproveMerger(ctx, approver, back.ID, c.now); err != nil {
			t.Fatal(err)
		}
		same(t, "the feed", c.happened(&at), "corrected 104")
		if x, y := c.shown(firmA), c.shown(firmB); x != "0310号→2027-03-10" || y != "0315号→2027-03-15" {
			t.Errorf("%s; %s", x, y)
		}
		third, err := c.store.ProposeMerger(ctx, handler, c.merger(firmA, firmC), c.now)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.store.WithdrawMerger(ctx, handler, third.ID, c.now); err != nil {
			t.Error(err)
		}
		list, err := c.store.Mergers(ctx, approver, 10, c.now)
		if err != nil || len(list) != 3 || list[0].ID == list[1].ID {
			t.Errorf("%+v %v", list, err)
		}
		if _, err := c.store.Mergers(ctx, intake, 10, c.now); !fault.Is(err, fault.Forbidden) {
			t.Errorf("read by %v", err)
		}
	})
}
