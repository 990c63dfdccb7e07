package linkage_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/linkage"
	"ipcredit/shared/page"
	"ipcredit/shared/redistest"
	"ipcredit/shared/sheet"
	"ipcredit/shared/staff"
)

// listed are ten applications of a list, so many of them withdrawn.
func listed(list, division, reply string, from, n, withdrawn int, more map[string]string) []sheet.Row {
	var rows []sheet.Row
	for i := range n {
		values := map[string]string{"number": number(from + i), "list": list, "division": division, "replyBy": reply}
		if i < withdrawn {
			values["state"], values["stateOn"] = "已撤回", "2026-03-03"
		}
		for k, v := range more {
			values[k] = v
		}
		rows = append(rows, row(linkage.Patent, values))
	}
	return rows
}

// alarms are what an organisation was told of lists, oldest first, in Chinese.
func (k *kit) alarms(org string) (told []string) {
	k.t.Helper()
	list, _, err := k.people.Inbox(k.t.Context(), staff.Actor{Org: staff.Organization{ID: org}}, "", 200)
	if err != nil {
		k.t.Fatal(err)
	}
	for _, m := range list {
		if m.Kind == "linkage.alarm" {
			told = append([]string{page.Say(page.ZH, m.Title, m.Arguments(func(string) (string, bool) { return "", false })...)}, told...)
		}
	}
	return told
}

func TestAListBelowTheTargetIsToldOnlyAfterItsReplyDeadline(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		for _, c := range []struct {
			name, on    string
			n, drawn    int
			reply       string
			wantedLists int
		}{
			{"8 of 10 on the last day to answer", "2026-05-06", 10, 8, "2026-05-06", 0},
			{"8 of 10 the day after", "2026-05-07", 10, 8, "2026-05-06", 1},
			{"9 of 10 is reached", "2026-05-07", 10, 9, "2026-05-06", 0},
			{"18 of 21 is not, though it is 85.7", "2026-05-07", 21, 18, "2026-05-06", 1},
			{"17 of 19 is 89.47 and not reached", "2026-05-07", 19, 17, "2026-05-06", 1},
			{"no day to answer is never late", "2026-12-31", 10, 0, "", 0},
		} {
			t.Run(c.name, func(t *testing.T) {
				if err := rdb.FlushDB(t.Context()).Err(); err != nil {
					t.Fatal(err)
				}
				k := newKit(t, rdb)
				k.put("b1", listed("甲批", "410771", c.reply, 1, c.n, c.drawn, nil)...)
				k.clock.Set(at(c.on))
				n, err := k.store.Alarm(t.Context(), k.clock.Now())
				if err != nil || n != c.wantedLists {
					t.Fatalf("%d lists, %v", n, err)
				}
				if got := len(k.alarms("lead")); got != c.wantedLists {
					t.Errorf("the lead bureau has %d messages", got)
				}
			})
		}
	})
}

func TestAnAlarmSaysListDistrictAndCountsAndNeverWhom(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		k := newKit(t, rdb)
		rows := listed("甲批", "410771", "2026-05-06", 1, 10, 2, nil)
		rows = append(rows, listed("甲批", "410702", "2026-05-08", 100, 10, 10, nil)...)
		rows = append(rows, listed("甲批", "410702", "2026-05-08", 200, 1, 0, map[string]string{"applicant": person, "applicantCode": "", "holder": "个人", "state": "认定正常", "stateOn": "2026-03-03"})...)
		k.put("b1", rows...)
		k.clock.Set(at("2026-05-08"))
		if n, err := k.store.Alarm(t.Context(), k.clock.Now()); n != 0 || err != nil {
			t.Fatal("before the last of its days to answer has passed:", n, err)
		}
		k.clock.Set(at("2026-05-09"))
		// However often, and by however many: once.
		var callers sync.WaitGroup
		for range 8 {
			other := linkage.NewStore(k.j)
			callers.Go(func() {
				if _, err := other.Alarm(t.Context(), k.clock.Now()); err != nil {
					t.Error(err)
				}
			})
		}
		callers.Wait()
		lead, zone := k.alarms("lead"), k.alarms("gaoxin")
		if len(lead) != 1 || !strings.Contains(lead[0], "甲批") || !strings.Contains(lead[0], "新乡市撤回 12 件，应计 20 件") {
			t.Errorf("lead: %q", lead)
		}
		if len(zone) != 1 || !strings.Contains(zone[0], "撤回 2 件，应计 10 件") {
			t.Errorf("zone: %q", zone)
		}
		if told := k.alarms("hongqi"); len(told) != 0 {
			t.Errorf("a district whose own part is reached was told: %q", told)
		}
		for _, said := range append(lead, zone...) {
			for _, who := range []string{"虚构甲", firm, "41990", person, number(1)} {
				if strings.Contains(said, who) {
					t.Errorf("%q names %s", said, who)
				}
			}
		}
		// A later fall below, and an import of the same list, tell of it no second time;
		// another list is its own.
		k.put("b2", listed("甲批", "410772", "2026-05-08", 300, 5, 0, nil)...)
		k.put("b3", listed("乙批", "410772", "2026-05-08", 400, 5, 0, nil)...)
		if n, err := k.store.Alarm(t.Context(), k.clock.Now()); n != 1 || err != nil {
			t.Error(n, err)
		}
		if lead := k.alarms("lead"); len(lead) != 2 || !strings.Contains(lead[1], "乙批") {
			t.Errorf("lead: %q", lead)
		}
	})
}

func TestMarksHaveNoTargetToMiss(t *testing.T) {
	k := newKit(t, redistest.Embedded(t))
	k.put("b1", row(linkage.Mark, nil))
	k.clock.Set(at("2026-12-31"))
	if n, err := k.store.Alarm(t.Context(), k.clock.Now()); n != 0 || err != nil {
		t.Error(n, err)
	}
}
