package linkage_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/fault"
	"ipcredit/shared/linkage"
	"ipcredit/shared/redistest"
	"ipcredit/shared/sheet"
)

func refusedWith(t *testing.T, err error, kind fault.Kind, code string) {
	t.Helper()
	f, ok := fault.Of(err)
	if !ok || f.Kind != kind || f.Code != code {
		t.Errorf("%v, want %s %s", err, kind, code)
	}
}

// some imports n applications of one firm through one agency in 高新区.
func some(k *kit, n int) []string {
	var rows []sheet.Row
	var ids []string
	for i := range n {
		rows = append(rows, row(linkage.Patent, map[string]string{"number": number(i + 1)}))
		ids = append(ids, number(i+1))
	}
	k.put("b1", rows...)
	return ids
}

func TestOneLetterAndOneCallForTheWholeGroup(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		k := newKit(t, rdb)
		ids := some(k, 120)
		k.put("b1", row(linkage.Patent, map[string]string{"number": number(500), "applicant": "新乡市虚构乙机械有限公司", "applicantCode": other}))
		who, now := k.actor("gaoxin.handler"), k.clock.Now()
		groups, total, err := k.office.Groups(t.Context(), who, linkage.Filter{Open: true}, 0, 10, now)
		if err != nil || total != 2 || groups[0].Count != 120 || groups[0].Applicant.Code != firm || groups[0].Agency != "41990" || groups[0].Reply != day("2026-05-06") {
			t.Fatal(groups, total, err)
		}
		letter, err := k.office.Send(t.Context(), who, linkage.Letter{IDs: groups[0].IDs, To: linkage.ToApplicant, DocNo: "新测联函[2026]3号"}, now)
		if err != nil || letter.No != 1 || letter.DocNo != "新测联函〔2026〕3号" || letter.Group != firm || letter.Agency != "41990" || letter.Reply != day("2026-05-06") {
			t.Fatal(letter, err)
		}
		contact, err := k.office.Contacted(t.Context(), who, linkage.Contact{IDs: ids, Method: "phone", Rights: true, Person: "钱样例金雀", Note: "已告知陈述意见的权利，银雀"}, now)
		if err != nil {
			t.Fatal(err)
		}
		redistest.Grep(t, rdb, "钱样例金雀")
		redistest.Grep(t, rdb, "银雀")
		opened, err := k.office.Open(t.Context(), who, ids[7], now)
		if err != nil || len(opened.Contacts) != 1 || opened.Contacts[0].Person != "钱样例金雀" || !strings.Contains(opened.Contacts[0].Note, "银雀") || len(opened.Letters) != 1 {
			t.Error(opened, err)
		}
		if opened.State != linkage.Contacted || opened.Owner != who.User.ID || opened.Contacts[0].No != contact.No {
			t.Error(opened.State, opened.Owner)
		}
		// Erasing the contact's key leaves that it took place.
		for ref, err := range k.keys.Refs(t.Context(), "") {
			if err == nil {
				err = k.keys.Erase(t.Context(), ref, now)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		opened, err = k.office.Open(t.Context(), who, ids[7], now)
		if err != nil || len(opened.Contacts) != 1 || !opened.Contacts[0].Lost || !opened.Contacts[0].Rights || opened.Contacts[0].Note != "" {
			t.Error(opened.Contacts, err)
		}
	})
}

func TestAGroupActionIsAllOrNothing(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		k := newKit(t, rdb)
		ids := some(k, 3)
		k.put("b2", row(linkage.Patent, map[string]string{"number": number(9), "division": "410702"}),
			row(linkage.Patent, map[string]string{"number": number(10), "applicantCode": other, "applicant": "新乡市虚构乙机械有限公司", "agency": "41991"}),
			row(linkage.Patent, map[string]string{"number": number(11), "state": "已撤回"}),
			row(linkage.Patent, map[string]string{"number": number(12), "agency": "00000"}))
		who, now := k.actor("gaoxin.handler"), k.clock.Now()
		before, _, err := k.j.Digest(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		send := func(to string, more ...string) error {
			_, err := k.office.Send(t.Context(), who, linkage.Letter{IDs: append(slices.Clone(ids), more...), To: to}, now)
			return err
		}
		refusedWith(t, send(linkage.ToApplicant, number(9)), fault.Forbidden, "staff.can.division")
		refusedWith(t, send(linkage.ToApplicant, number(10)), fault.Refused, "linkage.mixed")
		refusedWith(t, send(linkage.ToAgency, number(10)), fault.Refused, "linkage.mixed")
		refusedWith(t, send(linkage.ToAgency, number(12)), fault.Refused, "linkage.no_agency")
		refusedWith(t, send(linkage.ToApplicant, number(11)), fault.Conflict, "linkage.settled")
		refusedWith(t, send(linkage.ToApplicant, ids[0]), fault.Invalid, "linkage.twice")
		refusedWith(t, send(linkage.ToApplicant, number(99)), fault.NotFound, "linkage.none")
		refusedWith(t, send("everybody"), fault.Invalid, "linkage.to")
		_, err = k.office.Contacted(t.Context(), who, linkage.Contact{IDs: ids, Method: "phone"}, now)
		refusedWith(t, err, fault.Refused, "linkage.rights")
		_, err = k.office.Contacted(t.Context(), who, linkage.Contact{IDs: ids, Method: "dove", Rights: true}, now)
		refusedWith(t, err, fault.Invalid, "linkage.method")
		_, err = k.office.Contacted(t.Context(), who, linkage.Contact{IDs: ids, Method: "phone", Rights: true, On: day("2026-03-02")}, now)
		refusedWith(t, err, fault.Invalid, "linkage.before")
		_, err = k.office.Contacted(t.Context(), who, linkage.Contact{IDs: ids, Method: "phone", Rights: true, On: day("2026-03-04")}, now)
		refusedWith(t, err, fault.Invalid, "linkage.future")
		_, err = k.office.Send(t.Context(), who, linkage.Letter{To: linkage.ToApplicant}, now)
		refusedWith(t, err, fault.Invalid, "linkage.none_chosen")
		after, _, err := k.j.Digest(t.Context())
		if err != nil || before != after {
			t.Error("a refused action left something behind", err)
		}
	})
}

func TestOnlyCNIPADecidesAndAWithdrawalNeedsItsReceipt(t *testing.T) {
	t.Parallel()
	k := newKit(t, redistest.Embedded(t))
	id := some(k, 1)[0]
	who, now := k.actor("gaoxin.handler"), k.clock.Now()
	move := func(m linkage.Move) (linkage.Application, error) {
		m.ID = id
		return k.move(who, m)
	}
	for _, s := range []linkage.State{linkage.Deemed, linkage.Rejected, linkage.Accepted} {
		_, err := move(linkage.Move{To: s})
		refusedWith(t, err, fault.Refused, "linkage.needs_document")
	}
	_, err := move(linkage.Move{To: linkage.Withdrawn})
	refusedWith(t, err, fault.Refused, "linkage.needs_receipt")
	_, err = move(linkage.Move{To: linkage.Deemed, Document: "12"})
	refusedWith(t, err, fault.Invalid, "linkage.document")
	_, err = move(linkage.Move{To: linkage.Contacted})
	refusedWith(t, err, fault.Conflict, "linkage.move")
	_, err = move(linkage.Move{To: linkage.Explained, On: day("2026-03-01")})
	refusedWith(t, err, fault.Invalid, "linkage.before")
	_, err = move(linkage.Move{To: linkage.Explained, On: day("2026-03-04")})
	refusedWith(t, err, fault.Invalid, "linkage.future")
	if a := k.get(id); a.Version != 1 || a.State != linkage.Notified {
		t.Fatal("a refused move changed something", a)
	}
	a, err := k.office.Attach(t.Context(), who, id, 1, linkage.Material{Kind: linkage.Receipt, Box: "box", File: 1}, now)
	if err != nil || a.Version != 2 {
		t.Fatal(a, err)
	}
	_, err = k.office.Attach(t.Context(), who, id, 0, linkage.Material{Kind: linkage.Proof, Box: "box", File: 1}, now)
	refusedWith(t, err, fault.Conflict, "linkage.material_twice")
	_, err = move(linkage.Move{To: linkage.Withdrawn, Version: 1})
	refusedWith(t, err, fault.Stale, "linkage.stale")
	if a, err = move(linkage.Move{To: linkage.Withdrawn, Version: 2}); err != nil || a.State != linkage.Withdrawn || a.StateOn != day("2026-03-03") {
		t.Fatal(a, err)
	}
	_, err = move(linkage.Move{To: linkage.Pending})
	refusedWith(t, err, fault.Conflict, "linkage.move")
	_, err = k.move(k.actor("hongqi.handler"), linkage.Move{ID: id, To: linkage.Pending})
	refusedWith(t, err, fault.Forbidden, "staff.can.division")
	_, err = k.office.Open(t.Context(), k.actor("hongqi.handler"), id, now)
	refusedWith(t, err, fault.Forbidden, "staff.can.division")
}

func TestAnOfficerConfirmsTheZoneByAddressAndNoListChangesIt(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		k := newKit(t, rdb)
		rows := func(division string) sheet.Row {
			return row(linkage.Patent, map[string]string{"applicant": person, "applicantCode": "", "holder": "个人", "division": division})
		}
		k.put("b1", rows("410771"))
		id, who, now := number(1), k.actor("gaoxin.handler"), k.clock.Now()
		result, err := k.office.Assign(t.Context(), who, linkage.Assign{IDs: []string{id}, Division: "410772"}, now)
		if err != nil {
			t.Fatal(err)
		}
		refusedWith(t, result.Refused[id], fault.Invalid, "linkage.reason")
		if result, err = k.office.Assign(t.Context(), who, linkage.Assign{IDs: []string{id}, Division: "经开区", Reason: "address"}, now); err != nil || len(result.Done) != 1 {
			t.Fatal(result, err)
		}
		a := k.get(id)
		if a.Unit != "410772" || !a.Confirmed || a.Owner != "" || a.State != linkage.Notified {
			t.Fatalf("%+v", a)
		}
		// The other unit reads the name, and the list cannot bring it back.
		opened, err := k.office.Open(t.Context(), k.actor("jingkai.handler"), id, now)
		if err != nil || opened.Name != person {
			t.Error(opened.Name, err)
		}
		k.put("b2", rows("410771"))
		if again := k.get(id); again.Division != "410772" || again.Version != a.Version {
			t.Errorf("%+v", again)
		}
		if _, err := k.office.Assign(t.Context(), k.actor("jingkai.handler"), linkage.Assign{IDs: []string{id}}, now); err != nil {
			t.Fatal(err)
		}
		if a := k.get(id); a.State != linkage.Assigned || a.Owner == "" {
			t.Errorf("%+v", a)
		}
	})
}

func TestFeedbackMarksWhatIsOwedOnceAndNamesNobody(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		k := newKit(t, rdb)
		ids := some(k, 4)
		k.put("b2", row(linkage.Patent, map[string]string{"number": number(50), "division": "410702", "applicant": person, "applicantCode": "", "holder": "个人"}))
		who, now := k.actor("gaoxin.handler"), k.clock.Now()
		if _, err := k.office.Send(t.Context(), who, linkage.Letter{IDs: ids[:3], To: linkage.ToApplicant}, now); err != nil {
			t.Fatal(err)
		}
		if _, err := k.office.Send(t.Context(), k.actor("hongqi.handler"), linkage.Letter{IDs: []string{number(50)}, To: linkage.ToApplicant}, now); err != nil {
			t.Fatal(err)
		}
		var rows []linkage.FeedbackRow
		err := k.office.Results(t.Context(), k.actor("lead.supervisor"), linkage.Patent, "2026年第1批", "feedback", now, func(r linkage.FeedbackRow) error {
			rows = append(rows, r)
			return nil
		})
		if err != nil || len(rows) != 5 || rows[0].Told != day("2026-03-03") || !rows[0].Changed {
			t.Fatal(rows, err)
		}
		if no, marked, err := k.office.Report(t.Context(), who, linkage.Patent, "2026年第1批", now); err != nil || no != 1 || marked != 3 {
			t.Error("its own three", no, marked, err)
		}
		if no, marked, err := k.office.Report(t.Context(), who, linkage.Patent, "2026年第1批", now); err != nil || no != 0 || marked != 0 {
			t.Error("twice", no, marked, err)
		}
		if _, marked, err := k.office.Report(t.Context(), k.actor("lead.supervisor"), linkage.Patent, "2026年第1批", now); err != nil || marked != 1 {
			t.Error("the division's beneath", marked, err)
		}
		if a := k.get(ids[0]); a.FedBack == nil || a.FedBack.State != linkage.Contacted {
			t.Errorf("%+v", a.FedBack)
		}
		_, _, err = k.office.Report(t.Context(), who, linkage.Patent, "没有的批次", now)
		refusedWith(t, err, fault.NotFound, "linkage.no_list")
		err = k.office.Results(t.Context(), who, linkage.Patent, "2026年第1批", "", now, nil)
		refusedWith(t, err, fault.Invalid, "linkage.purpose")
	})
}

func TestMarksGoTheSameWayAndCountInNoRate(t *testing.T) {
	t.Parallel()
	k := newKit(t, redistest.Embedded(t))
	k.put("b1", row(linkage.Mark, nil), row(linkage.Mark, map[string]string{"class": "36", "state": "已撤回"}))
	who, now := k.actor("gaoxin.handler"), k.clock.Now()
	if _, err := k.office.Send(t.Context(), who, linkage.Letter{IDs: []string{"99000001-35"}, To: linkage.ToAgency}, now); err != nil {
		t.Fatal(err)
	}
	if a := k.get("99000001-35"); a.State != linkage.Contacted || a.Title() != "99000001 / 35" {
		t.Error(a)
	}
	statistics := k.actor("lead.statistics")
	if c, err := k.store.Total(t.Context(), statistics, linkage.Filter{}, now); err != nil || c != (linkage.Counts{}) {
		t.Error(c, err)
	}
	if c, err := k.store.Total(t.Context(), statistics, linkage.Filter{Kind: linkage.Mark}, now); err != nil || c != (linkage.Counts{Notified: 2, Withdrawn: 1}) {
		t.Error(c, err)
	}
	if _, err := k.store.Total(t.Context(), who, linkage.Filter{}, now); !fault.Is(err, fault.Forbidden) {
		t.Error("a handler sees figures", err)
	}
}

func TestThreat_ADistrictSeesItsOwnFiguresOnly(t *testing.T) {
	t.Parallel()
	k := newKit(t, redistest.Embedded(t))
	k.put("b1", row(linkage.Patent, nil), row(linkage.Patent, map[string]string{"number": number(2), "division": "410702"}))
	for name, n := range map[string]int{"lead.statistics": 2, "hongqi.approver": 1, "gaoxin.approver": 1, "jingkai.approver": 0} {
		if c, err := k.store.Total(t.Context(), k.actor(name), linkage.Filter{}, k.clock.Now()); err != nil || c.Notified != n {
			t.Error(name, c, err)
		}
		if _, _, total, err := k.store.Pending(t.Context(), k.actor(name), linkage.Filter{}, "", 10, k.clock.Now()); err != nil || total != n {
			t.Error(name, total, err)
		}
	}
}

func TestForgettingErasesThePersonAndKeepsTheCase(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		k := newKit(t, rdb)
		name := func(s string) sheet.Row {
			return row(linkage.Patent, map[string]string{"applicant": s, "applicantCode": "", "holder": "个人"})
		}
		k.put("b1", name(person))
		k.put("b2", name("孔演示银雀"))
		id, who, now := number(1), k.actor("gaoxin.handler"), k.clock.Now()
		if _, err := k.office.Contacted(t.Context(), who, linkage.Contact{IDs: []string{id}, Method: "visit", Rights: true, Person: person, Note: "当面说明"}, now); err != nil {
			t.Fatal(err)
		}
		refusedWith(t, k.office.Forget(t.Context(), who, id, now), fault.Forbidden, "staff.can.role")
		if o, err := k.office.Open(t.Context(), who, id, now); err != nil || o.Name != "孔演示银雀" || o.Contacts[0].Note != "当面说明" {
			t.Fatal(o.Name, err)
		}
		if err := k.office.Forget(t.Context(), k.actor("gaoxin.approver"), id, now); err != nil {
			t.Fatal(err)
		}
		o, err := k.office.Open(t.Context(), who, id, now)
		if err != nil || !o.Lost || o.Name != "" || !o.Contacts[0].Lost || !o.Contacts[0].Rights || o.State != linkage.Contacted {
			t.Errorf("%+v %v", o, err)
		}
		live := 0
		for ref, err := range k.keys.Refs(t.Context(), "") {
			if err != nil {
				t.Fatal(err)
			}
			if _, err := k.keys.Labels(t.Context(), ref); err == nil {
				live++
			}
		}
		if live != 0 {
			t.Error(live, "keys are left, of an earlier name or a contact")
		}
	})
}
