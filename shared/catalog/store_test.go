package catalog

import (
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"ipcredit/shared/citytest"
	"ipcredit/shared/journal"
	"ipcredit/shared/redistest"
	"ipcredit/shared/staff"
)

var noon = time.Date(2026, 11, 24, 4, 0, 0, 0, time.UTC)

// office is a store with the demonstration city's people.
type office struct {
	*Store
	t     *testing.T
	staff citytest.Staff
}

func newOffice(t *testing.T, rdb *redis.Client) office {
	t.Helper()
	j := journal.New(rdb, "410700", journal.Options{})
	return office{New(j), t, citytest.NewStaff(t, j, noon)}
}

func (o office) as(name string) staff.Actor {
	o.t.Helper()
	return o.staff.As(o.t, name)
}

func (o office) channel(act, on string) Channel {
	o.t.Helper()
	c, err := o.Current(o.t.Context())
	ok(o.t, err)
	i, _ := c.Item(act, day(on))
	return i.Channel
}

func TestAVersionCountsOnceTwoPeopleWantIt(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		o, ctx := newOffice(t, rdb), t.Context()
		handler, approver := o.as("lead.handler"), o.as("lead.approver")
		want := item(t, "DA1", func(i *Item) { i.Channel = Internal })
		p, err := o.Propose(ctx, handler, want, noon)
		ok(t, err)
		again, err := o.Propose(ctx, handler, want, noon.Add(time.Second))
		ok(t, err)
		if again.ID != p.ID || o.channel("DA1", "2027-01-01") != Republish {
			t.Errorf("%+v %s", again, o.channel("DA1", "2027-01-01"))
		}
		p, err = o.Approve(ctx, approver, p.ID, noon.Add(time.Hour))
		ok(t, err)
		if p.State != Approved || p.Second != approver.User.ID || o.channel("DA1", "2027-01-01") != Internal || o.channel("DA1", "2026-12-31") != Republish {
			t.Errorf("%+v", p)
		}
		// Another process sees it at its next question.
		c, err := New(o.j).Current(ctx)
		ok(t, err)
		if i, _ := c.Item("DA1", day("2027-01-01")); i.Channel != Internal || c.Version() != p.ID {
			t.Errorf("%+v", i)
		}
		_, err = o.Approve(ctx, approver, p.ID, noon)
		refused(t, err, "catalog.decided")
		_, err = o.Propose(ctx, handler, want, noon)
		refused(t, err, "catalog.same")
		_, err = o.Approve(ctx, approver, "nothing", noon)
		refused(t, err, "catalog.none")
	})
}

// TestThreat_OneOfficerAloneCannotChangeTheCatalogue: whoever proposes, of any
// office, does not decide, and whoever may decide proposes nothing.
func TestThreat_OneOfficerAloneCannotChangeTheCatalogue(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		o, ctx := newOffice(t, rdb), t.Context()
		p, err := o.Propose(ctx, o.as("lead.handler"), measure(func(*Measure) {}), noon)
		ok(t, err)
		for _, user := range []string{"lead.handler", "lead.publisher", "hongqi.approver", "hongqi.handler", "science.inquirer", "jia.legal"} {
			if _, err := o.Approve(ctx, o.as(user), p.ID, noon); err == nil {
				t.Errorf("%s approves", user)
			}
			if _, err := o.Refuse(ctx, o.as(user), p.ID, "不同意", noon); err == nil {
				t.Errorf("%s refuses", user)
			}
		}
		for _, user := range []string{"lead.approver", "hongqi.handler", "science.inquirer", "jia.legal"} {
			if _, err := o.Propose(ctx, o.as(user), measure(func(m *Measure) { m.ID = "alone" }), noon); err == nil {
				t.Errorf("%s proposes", user)
			}
		}
		// One person with both roles.
		both := o.as("lead.handler")
		both.User.Grants = append(both.User.Grants, o.as("lead.approver").User.Grants...)
		_, err = o.Approve(ctx, both, p.ID, noon)
		if err == nil {
			t.Error("his own proposal")
		}
		if c, err := o.Current(ctx); err != nil || len(c.Measures("of-test")) != 0 {
			t.Errorf("%v", err)
		}
		_, err = o.Withdraw(ctx, o.as("lead.publisher"), p.ID, noon)
		refused(t, err, "catalog.not_own")
		_, err = o.Withdraw(ctx, o.as("lead.handler"), p.ID, noon)
		ok(t, err)
	})
}

func TestWhatCameBetweenIsTakenIntoAccount(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		o, ctx := newOffice(t, rdb), t.Context()
		handler, approver := o.as("lead.handler"), o.as("lead.approver")
		early, err := o.Propose(ctx, handler, item(t, "DA1", func(i *Item) { i.Article = "早" }), noon)
		ok(t, err)
		late, err := o.Propose(ctx, handler, item(t, "DA1", func(i *Item) { i.From, i.Article = day("2027-06-01"), "晚" }), noon)
		ok(t, err)
		_, err = o.Approve(ctx, approver, late.ID, noon)
		ok(t, err)
		_, err = o.Approve(ctx, approver, early.ID, noon)
		refused(t, err, "catalog.superseded")
		_, err = o.Refuse(ctx, approver, early.ID, " ", noon)
		refused(t, err, "catalog.why")
		p, err := o.Refuse(ctx, approver, early.ID, "已有\n后来的版本", noon)
		ok(t, err)
		if p.State != Refused || p.Why != "已有 后来的版本" {
			t.Errorf("%+v", p)
		}
		_, err = o.Propose(ctx, handler, Proposal{Item: late.Item}, noon)
		refused(t, err, "catalog.why")
		_, err = o.Propose(ctx, handler, Proposal{Item: late.Item, Reason: strings.Repeat("因", mostWhy+1)}, noon)
		refused(t, err, "catalog.why")
	})
}

func TestTheDemonstrationHasAProposalThatWaits(t *testing.T) {
	t.Parallel()
	o, ctx := newOffice(t, redistest.Embedded(t)), t.Context()
	actor := func(name string) (staff.Actor, error) { return o.as(name), nil }
	for range 2 {
		ok(t, o.Demo(ctx, actor, noon))
	}
	list, err := o.List(ctx)
	ok(t, err)
	if len(list) != 1 || list[0].State != Proposed || o.MayDecide(o.as("lead.approver"), list[0], noon) != nil {
		t.Errorf("%+v", list)
	}
	_, err = o.Approve(ctx, o.as("lead.approver"), list[0].ID, noon)
	ok(t, err)
}

// TestProposalsWalkAnyWay makes, decides and takes back proposals in any order, two
// in the same second too: what is in force is always what was approved, in the order
// of approval.
func TestProposalsWalkAnyWay(t *testing.T) {
	t.Parallel()
	rdb := redistest.Embedded(t)
	o := newOffice(t, rdb)
	handler, approver, ctx := o.as("lead.handler"), o.as("lead.approver"), t.Context()
	rapid.Check(t, func(t *rapid.T) {
		if err := rdb.Del(ctx, o.Store.proposals.Key, o.versionKey()).Err(); err != nil {
			t.Fatal(err)
		}
		store, version := New(o.j), ""
		var ids []string
		article := map[string]string{}
		want := "第六条第一项"
		t.Repeat(map[string]func(*rapid.T){
			"propose": func(t *rapid.T) {
				i := shipped.Items("DA1")[0]
				i.From = day("2027-01-01").AddDays(rapid.IntRange(0, 3).Draw(t, "day"))
				i.Article = rapid.StringMatching(`第[一二三]款`).Draw(t, "article")
				p, err := store.Propose(ctx, handler, Proposal{Item: &i, Reason: "测试"}, noon)
				if err == nil {
					ids, article[p.ID] = append(ids, p.ID), i.Article
				}
			},
			"approve": func(t *rapid.T) {
				if len(ids) == 0 {
					t.Skip()
				}
				id := rapid.SampledFrom(ids).Draw(t, "id")
				if p, err := store.Approve(ctx, approver, id, noon); err == nil {
					want, version = article[p.ID], p.ID
				}
			},
			"withdraw": func(t *rapid.T) {
				if len(ids) == 0 {
					t.Skip()
				}
				_, _ = store.Withdraw(ctx, handler, rapid.SampledFrom(ids).Draw(t, "id"), noon)
			},
			"": func(t *rapid.T) {
				for _, s := range []*Store{store, New(o.j)} {
					c, err := s.Current(ctx)
					if err != nil {
						t.Fatal(err)
					}
					if i, _ := c.Item("DA1", day("2030-01-01")); i.Article != want || c.Version() != version {
						t.Fatalf("%s by %q, want %s by %q", i.Article, c.Version(), want, version)
					}
				}
			},
		})
	})
}
