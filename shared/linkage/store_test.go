package linkage_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"ipcredit/shared/credit"
	"ipcredit/shared/linkage"
	"ipcredit/shared/redistest"
	"ipcredit/shared/seal"
	"ipcredit/shared/sheet"
)

func TestTheSameListTwiceChangesNothing(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		k := newKit(t, rdb)
		rows := []sheet.Row{
			row(linkage.Patent, nil),
			row(linkage.Patent, map[string]string{"number": number(2), "state": "已撤回", "stateOn": "2026-03-03"}),
			row(linkage.Patent, map[string]string{"number": number(3), "state": "待定"}),
			row(linkage.Patent, map[string]string{"number": number(4), "applicant": person, "applicantCode": "", "holder": "个人"}),
		}
		if got := k.put("b1", rows...); !slices.Equal(got, []credit.Outcome{credit.Added, credit.Added, credit.Added, credit.Added}) {
			t.Fatal(got)
		}
		before, keys, err := k.j.Digest(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		k.clock.Set(at("2026-04-20"))
		if got := k.put("b2", rows...); !slices.Equal(got, []credit.Outcome{credit.Same, credit.Same, credit.Same, credit.Same}) {
			t.Fatal(got)
		}
		after, keysAfter, err := k.j.Digest(t.Context())
		if err != nil || before != after || keys != keysAfter {
			t.Error("state changed", keys, keysAfter, err)
		}
		redistest.Grep(t, rdb, person)
		if c := k.counts(linkage.Filter{}); c != (linkage.Counts{Notified: 4, Withdrawn: 1}) {
			t.Error(c)
		}
	})
}

func TestOneApplicationCountsOnceAndTheFirstNotificationIsItsCohort(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		k := newKit(t, rdb)
		k.clock.Set(at("2026-06-10"))
		k.put("b1", row(linkage.Patent, map[string]string{"list": "第2批", "notifiedAt": "2026-06-01", "replyBy": ""}))
		// The earlier list comes late: it is still the cohort.
		k.put("b2", row(linkage.Patent, map[string]string{"list": "第1批", "notifiedAt": "2026-03-02", "replyBy": "", "agency": "41991"}))
		k.put("b3", row(linkage.Patent, map[string]string{"number": "ZL" + number(1), "list": "第3批", "notifiedAt": "2026-06-08", "replyBy": "2026-08-07"}))
		a := k.get(number(1))
		if a.First().List != "第1批" || len(a.Notices) != 3 || a.Agency != "41990" || a.Reply() != day("2026-08-07") {
			t.Errorf("%+v", a)
		}
		for _, c := range []struct {
			name string
			f    linkage.Filter
			n    int
		}{
			{"all", linkage.Filter{}, 1},
			{"its cohort's day", linkage.Filter{From: day("2026-03-02"), To: day("2026-03-02")}, 1},
			{"the day after", linkage.Filter{From: day("2026-03-03")}, 0},
			{"the day before", linkage.Filter{To: day("2026-03-01")}, 0},
			{"its list", linkage.Filter{List: "第1批"}, 1},
			{"a later list", linkage.Filter{List: "第2批"}, 0},
			{"named by a later list", linkage.Filter{Named: "第2批"}, 1},
		} {
			if got := k.counts(c.f); got.Notified != c.n {
				t.Error(c.name, got)
			}
		}
	})
}

func TestACorrectedRowReplacesWhatItCorrectsAndKeepsTheHistory(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		k := newKit(t, rdb)
		k.put("b1", row(linkage.Patent, nil))
		k.clock.Set(at("2026-03-05"))
		got := k.put("b2", row(linkage.Patent, map[string]string{
			"applicant": "新乡市虚构乙机械有限公司", "applicantCode": other, "division": "410772", "notifiedAt": "2026-03-01", "grounds": "AF2", "holder": "其他",
		}))
		a := k.get(number(1))
		if got[0] != credit.Superseded || a.Applicant.Code != other || a.Division != "410772" || a.Unit != "410772" || a.First().On != day("2026-03-01") || a.Version != 2 {
			t.Fatalf("%v %+v", got, a)
		}
		if len(a.History) != 1 || a.History[0].Was["applicant"] != "新乡市虚构甲科技有限公司 "+firm || a.History[0].Was["division"] != "410771" ||
			a.History[0].Was["notifiedAt"] != "2026-03-02" || a.History[0].Batch != "b2" {
			t.Errorf("%+v", a.History)
		}
		if c := k.counts(linkage.Filter{Division: "410771"}); c.Notified != 0 {
			t.Error("still counted where it was", c)
		}
		if c := k.counts(linkage.Filter{Division: "410772"}); c.Notified != 1 {
			t.Error(c)
		}
	})
}

func TestAListNeverTakesAStateBackInTime(t *testing.T) {
	t.Parallel()
	k := newKit(t, redistest.Embedded(t))
	k.clock.Set(at("2026-06-10"))
	n := 0
	for _, c := range []struct {
		name                 string
		heldState, heldOn    string
		state, on, list, day string
		want                 linkage.State
		wantOn               string
	}{
		{"a later withdrawal", "待定", "2026-04-01", "已撤回", "2026-04-02", "", "", linkage.Withdrawn, "2026-04-02"},
		{"an earlier pending", "已撤回", "2026-04-02", "待定", "2026-04-01", "", "", linkage.Withdrawn, "2026-04-02"},
		{"notified again by a later list", "已撤回", "2026-04-02", "通报", "", "第2批", "2026-05-01", linkage.Withdrawn, "2026-04-02"},
		{"accepted, then notified again", "认定正常", "2026-04-02", "通报", "", "第2批", "2026-05-01", linkage.Notified, "2026-05-01"},
		{"accepted after the other list's notice", "认定正常", "2026-05-02", "通报", "", "第2批", "2026-05-01", linkage.Accepted, "2026-05-02"},
		{"corrected on the same day", "已撤回", "2026-04-02", "视为撤回", "2026-04-02", "", "", linkage.Deemed, "2026-04-02"},
		{"less far on the same day", "已撤回", "2026-04-02", "陈述意见", "2026-04-02", "", "", linkage.Withdrawn, "2026-04-02"},
		{"overturned later", "视为撤回", "2026-04-02", "待定", "2026-05-03", "", "", linkage.Pending, "2026-05-03"},
		{"without a day, so as of the upload", "待定", "2026-04-02", "已撤回", "", "", "", linkage.Withdrawn, "2026-06-10"},
	} {
		n++
		held := map[string]string{"number": number(n), "list": "第1批", "state": c.heldState, "stateOn": c.heldOn}
		next := map[string]string{"number": number(n), "list": "第1批", "state": c.state, "stateOn": c.on}
		if c.list != "" {
			next["list"], next["notifiedAt"] = c.list, c.day
		}
		k.put("b1", row(linkage.Patent, held))
		k.put("b2", row(linkage.Patent, next))
		if a := k.get(number(n)); a.State != c.want || a.StateOn != day(c.wantOn) {
			t.Errorf("%s: %s since %s", c.name, a.State, a.StateOn)
		}
		// The first list once more says what it said before.
		k.put("b3", row(linkage.Patent, held), row(linkage.Patent, next))
		k.put("b3", row(linkage.Patent, next))
		if a := k.get(number(n)); a.State != c.want || a.StateOn != day(c.wantOn) {
			t.Errorf("%s, again: %s since %s", c.name, a.State, a.StateOn)
		}
	}
}

func TestThreat_NamesOfPersonsInListsAreSealedAndErasable(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		k := newKit(t, rdb)
		rows := func(name string) []sheet.Row {
			values := func(i int) map[string]string {
				return map[string]string{"number": number(i), "applicant": name, "applicantCode": "", "holder": "个人", "division": "410702"}
			}
			return []sheet.Row{row(linkage.Patent, values(1)), row(linkage.Patent, values(2))}
		}
		k.put("b1", rows(person)...)
		a, b := k.get(number(1)), k.get(number(2))
		if a.Applicant.Key == "" || a.Applicant.Key != b.Applicant.Key || a.Applicant.Group() != b.Applicant.Group() {
			t.Errorf("one person, two keys: %+v %+v", a.Applicant, b.Applicant)
		}
		labels, err := k.keys.Labels(t.Context(), a.Applicant.Key)
		if err != nil || !slices.Equal(labels, []string{"material", "escrow", "unit:410702"}) {
			t.Error(labels, err)
		}
		who := k.actor("hongqi.handler")
		names, err := k.office.Names(t.Context(), who, []string{number(1)}, k.clock.Now())
		if err != nil || names[number(1)] != person {
			t.Error(names, err)
		}
		if got := k.put("b2", rows("孔演示银雀")...); got[0] != credit.Superseded {
			t.Error(got)
		}
		corrected := k.get(number(1)).Applicant
		if err := k.keys.Erase(t.Context(), corrected.Key, k.clock.Now()); err != nil {
			t.Fatal(err)
		}
		opened, err := k.office.Open(t.Context(), who, number(1), k.clock.Now())
		if err != nil || opened.Name != "" || !opened.Lost {
			t.Error("an erased name is shown", opened.Name, err)
		}
		// The list again must not bring back who was erased.
		if got := k.put("b3", rows("孔演示银雀")...); got[0] != credit.Same {
			t.Error(got)
		}
		if again := k.get(number(1)).Applicant; again != corrected {
			t.Error(again)
		}
		redistest.Grep(t, rdb, person)
		redistest.Grep(t, rdb, "孔演示银雀")
		if _, err := k.keys.Open(t.Context(), corrected.Key, "escrow", k.sealer.Identity); !errors.Is(err, seal.ErrErased) {
			t.Error(err)
		}
	})
}

// lists and states that the random walk draws from.
var (
	walkLists  = []string{"第1批", "第2批", "第3批"}
	walkDays   = []string{"2025-11-03", "2026-01-12", "2026-02-20"}
	walkStates = []string{"通报", "已撤回", "视为撤回", "驳回", "陈述意见", "认定正常", "待定"}
	walkPlaces = []string{"410771", "410772", "410702", "410700"}
	walkKinds  = []string{"企业", "高校", "个人"}
)

// After any sequence of imports and officers' acts the figures are those of a slow
// recount of all applications, each counted once.
func TestFiguresEqualASlowRecount(t *testing.T) {
	k := newKit(t, redistest.Embedded(t))
	handlers := map[string]string{"410771": "gaoxin.handler", "410772": "jingkai.handler", "410702": "hongqi.handler", "410700": "lead.handler"}
	statistics := k.actor("lead.statistics")
	var ids []string
	seq := 0
	rapid.Check(t, func(t *rapid.T) {
		steps := rapid.IntRange(1, 12).Draw(t, "steps")
		for range steps {
			pick := func(name string, from []string) string { return rapid.SampledFrom(from).Draw(t, name) }
			if len(ids) == 0 || rapid.Bool().Draw(t, "import") {
				n := rapid.IntRange(1, 40).Draw(t, "number")
				at := rapid.IntRange(0, len(walkLists)-1).Draw(t, "list")
				values := map[string]string{
					"number": number(n), "list": walkLists[at], "notifiedAt": walkDays[at], "replyBy": "", "state": pick("state", walkStates),
					"division": pick("division", walkPlaces), "holder": pick("holder", walkKinds),
				}
				if values["holder"] == "个人" {
					values["applicant"], values["applicantCode"] = person, ""
				}
				if rapid.Bool().Draw(t, "dated") {
					values["stateOn"] = max(walkDays[at], fmt.Sprintf("2026-02-%02d", rapid.IntRange(1, 28).Draw(t, "day")))
				}
				before, known := linkage.Application{}, slices.Contains(ids, number(n))
				if known {
					before = k.get(number(n))
				}
				seq++
				batch := fmt.Sprint("b", seq)
				k.put(batch, row(linkage.Patent, values))
				if !known {
					ids = append(ids, number(n))
				} else if after := k.get(number(n)); after.StateOn.Before(before.StateOn) {
					t.Fatalf("%s went back from %s to %s", after.ID, before.StateOn, after.StateOn)
				}
				if got := k.put(batch+"-again", row(linkage.Patent, values)); got[0] != credit.Same {
					t.Fatal("the same row twice changes something")
				}
				continue
			}
			a := k.get(pick("id", ids))
			who := k.actor(handlers[a.Unit])
			var err error
			switch rapid.IntRange(0, 3).Draw(t, "act") {
			case 0:
				_, err = k.office.Assign(k.t.Context(), who, linkage.Assign{IDs: []string{a.ID}}, k.clock.Now())
			case 1:
				_, err = k.office.Assign(k.t.Context(), who, linkage.Assign{IDs: []string{a.ID}, Division: pick("to", walkPlaces), Reason: "address"}, k.clock.Now())
			case 2:
				if !a.State.Final() {
					_, err = k.office.Send(k.t.Context(), who, linkage.Letter{IDs: []string{a.ID}, To: linkage.ToApplicant}, k.clock.Now())
				}
			case 3:
				next := slices.DeleteFunc(a.State.Next(), func(s linkage.State) bool { return s == linkage.Assigned || s == linkage.Contacted })
				if len(next) > 0 {
					_, err = k.move(who, linkage.Move{ID: a.ID, To: rapid.SampledFrom(next).Draw(t, "move"), Document: "2026030200012345"})
				}
			}
			if err != nil {
				t.Fatal(a.State, err)
			}
		}
		recount(t, k, ids, statistics.User.ID)
	})
}

// recount compares the figures with those of the stored applications one by one.
func recount(t *rapid.T, k *kit, ids []string, statistics string) {
	who, err := k.people.Actor(k.t.Context(), statistics)
	if err != nil {
		t.Fatal(err)
	}
	list := make([]linkage.Application, len(ids))
	for i, id := range ids {
		list[i] = k.get(id)
		clocks, err := list[i].Clocks(linkage.Rules{}, day("2026-03-03"))
		if err != nil {
			t.Fatal(err)
		}
		running := slices.ContainsFunc(clocks, linkage.Clock.Running)
		if !list[i].State.Final() && !running {
			t.Fatalf("no clock runs: %+v", list[i])
		}
	}
	slow := func(keep func(linkage.Application) bool) linkage.Counts {
		var c linkage.Counts
		for _, a := range list {
			if keep(a) {
				c.Add(a.State)
			}
		}
		return c
	}
	if got, want := k.counts(linkage.Filter{}), slow(func(linkage.Application) bool { return true }); got != want {
		t.Fatal(got, want)
	}
	from := day("2026-01-12")
	for name, x := range map[string]struct {
		f    linkage.Filter
		keep func(linkage.Application) bool
	}{
		"holder":  {linkage.Filter{Holder: linkage.University}, func(a linkage.Application) bool { return a.Holder == linkage.University }},
		"from":    {linkage.Filter{From: from}, func(a linkage.Application) bool { return !a.First().On.Before(from) }},
		"until":   {linkage.Filter{To: from}, func(a linkage.Application) bool { return !a.First().On.After(from) }},
		"open":    {linkage.Filter{Open: true}, func(a linkage.Application) bool { return !a.State.Final() }},
		"state":   {linkage.Filter{State: linkage.Withdrawn}, func(a linkage.Application) bool { return a.State == linkage.Withdrawn }},
		"a place": {linkage.Filter{Division: "410702", List: "第1批"}, func(a linkage.Application) bool { return a.Division == "410702" && a.First().List == "第1批" }},
		"named": {linkage.Filter{Named: "第2批"}, func(a linkage.Application) bool {
			return slices.ContainsFunc(a.Notices, func(n linkage.Notice) bool { return n.List == "第2批" })
		}},
	} {
		if got, want := k.counts(x.f), slow(x.keep); got != want {
			t.Fatal(name, got, want)
		}
	}
	keys := map[linkage.Dimension]func(linkage.Application) string{
		linkage.ByDivision: func(a linkage.Application) string { return a.Division },
		linkage.ByList:     func(a linkage.Application) string { return a.First().List },
		linkage.ByAgency:   func(a linkage.Application) string { return a.Agency },
		linkage.ByHolder:   func(a linkage.Application) string { return string(a.Holder) },
		linkage.ByYear:     func(a linkage.Application) string { return fmt.Sprint(a.First().On.Year()) },
	}
	for by, key := range keys {
		figures, err := k.store.Rates(k.t.Context(), who, linkage.Filter{}, by, k.clock.Now())
		if err != nil {
			t.Fatal(err)
		}
		var sum linkage.Counts
		for _, f := range figures {
			if want := slow(func(a linkage.Application) bool { return key(a) == f.Key }); f.Counts != want {
				t.Fatal(by, f, want)
			}
			sum = sum.Plus(f.Counts)
			if by == linkage.ByYear && *f.Cumulative != sum {
				t.Fatal("cumulative", f, sum)
			}
		}
		if sum != k.counts(linkage.Filter{}) {
			t.Fatal(by, "does not add up")
		}
	}
}

func TestAListOfAnyLengthIsPagedInOrderEachOnce(t *testing.T) {
	t.Parallel()
	k := newKit(t, redistest.Embedded(t))
	var rows []sheet.Row
	for i := range 230 {
		values := map[string]string{"number": number(i), "replyBy": fmt.Sprintf("2026-05-%02d", 1+rand.IntN(28))}
		if i%7 == 0 {
			values["replyBy"] = ""
		}
		rows = append(rows, row(linkage.Patent, values))
	}
	k.put("b1", rows...)
	who := k.actor("gaoxin.handler")
	for _, by := range []linkage.Order{linkage.ByReply, linkage.ByNotice} {
		seen := map[string]bool{}
		var last linkage.Row
		for cursor := ""; ; {
			page, next, total, err := k.office.List(t.Context(), who, linkage.Filter{}, by, cursor, 37, k.clock.Now())
			if err != nil || total != 230 {
				t.Fatal(total, err)
			}
			for _, x := range page {
				if seen[x.ID] {
					t.Fatal(x.ID, "twice")
				}
				seen[x.ID] = true
				if by == linkage.ByReply && last.ID != "" && (last.Reply.IsZero() && !x.Reply.IsZero() || !x.Reply.IsZero() && x.Reply.Before(last.Reply)) {
					t.Fatal("out of order", last.Reply, x.Reply)
				}
				last = x
			}
			if cursor = next; cursor == "" {
				break
			}
		}
		if len(seen) != 230 {
			t.Error(by, len(seen))
		}
	}
	if _, _, _, err := k.office.List(t.Context(), k.actor("hongqi.handler"), linkage.Filter{}, linkage.ByReply, "", 10, k.clock.Now()); err != nil {
		t.Error(err)
	}
	if rows, _, total, _ := k.office.List(t.Context(), k.actor("hongqi.handler"), linkage.Filter{}, linkage.ByReply, "", 10, k.clock.Now()); len(rows) != 0 || total != 0 {
		t.Error("another division's applications are listed")
	}
	if _, _, _, err := k.office.List(t.Context(), who, linkage.Filter{}, linkage.ByReply, "nonsense", 10, k.clock.Now()); err == nil {
		t.Error("a cursor of nobody's is taken")
	}
}
