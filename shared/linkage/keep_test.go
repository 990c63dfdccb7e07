package linkage_test

import (
	"errors"
	"testing"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/fault"
	"ipcredit/shared/linkage"
	"ipcredit/shared/page"
	"ipcredit/shared/redistest"
	"ipcredit/shared/seal"
	"ipcredit/shared/sheet"
)

// live counts the keys that open something.
func (k *kit) live() (n int) {
	k.t.Helper()
	for ref, err := range k.keys.Refs(k.t.Context(), "") {
		if err != nil {
			k.t.Fatal(err)
		}
		_, err := k.keys.Labels(k.t.Context(), ref)
		if err == nil {
			n++
		} else if !errors.Is(err, seal.ErrErased) {
			k.t.Fatal(err)
		}
	}
	return n
}

// personal is a natural person's application.
func personal(n int, state, on string) sheet.Row {
	v := map[string]string{"number": number(n), "applicant": person, "applicantCode": "", "holder": "个人"}
	if state != "" {
		v["state"], v["stateOn"] = state, on
	}
	return row(linkage.Patent, v)
}

func (k *kit) expire(on string) int {
	k.t.Helper()
	n, err := k.store.Expire(k.t.Context(), k.keys, at(on))
	if err != nil {
		k.t.Fatal(err)
	}
	return n
}

func TestPersonalDataIsListedThenForgottenTwoYearsAfterTheOutcome(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		k := newKit(t, rdb)
		k.put("b1", personal(1, "", ""))
		id, who := number(1), k.actor("gaoxin.handler")
		if _, err := k.office.Contacted(t.Context(), who, linkage.Contact{IDs: []string{id}, Method: "phone", Rights: true, Person: person, Note: "说明权利"}, k.clock.Now()); err != nil {
			t.Fatal(err)
		}
		if n := k.expire("2040-01-01"); n != 0 || k.live() != 2 {
			t.Fatal("forgotten without an outcome:", n, k.live())
		}
		// The list with the outcome comes on 2026-06-01.
		k.clock.Set(at("2026-06-01"))
		k.put("b2", personal(1, "已撤回", "2026-05-20"))
		due := func(on string) []linkage.Retained {
			t.Helper()
			list, err := k.office.RetentionDue(t.Context(), who, at(on))
			if err != nil {
				t.Fatal(err)
			}
			return list
		}
		x := due("2028-05-19")
		if len(x) != 1 || x[0].Erase || x[0].Due != day("2028-05-20") || !x[0].Rule.Labelled() {
			t.Fatalf("%+v", x)
		}
		if got := due("2028-04-01"); len(got) != 0 {
			t.Error("listed long before:", got)
		}
		if list, err := k.office.RetentionDue(t.Context(), k.actor("hongqi.handler"), at("2028-05-19")); err != nil || len(list) != 0 {
			t.Error("another district lists it:", list, err)
		}
		if n := k.expire("2028-05-20"); n != 0 || k.live() != 2 {
			t.Error("forgotten on its last day:", n)
		}
		if n := k.expire("2028-05-21"); n != 1 || k.live() != 0 {
			t.Error("not forgotten the day after:", n, k.live())
		}
		if n := k.expire("2028-05-22"); n != 0 || len(due("2028-05-22")) != 0 {
			t.Error("forgotten twice:", n)
		}
		o, err := k.office.Open(t.Context(), who, id, at("2028-05-22"))
		if err != nil || !o.Lost || !o.Contacts[0].Lost || o.State != linkage.Withdrawn {
			t.Errorf("%+v %v", o, err)
		}
	})
}

func TestAHoldStaysForgettingAndOnlyTheHeadHolds(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		k := newKit(t, rdb)
		k.put("b1", personal(1, "已撤回", "2026-03-03"))
		id, head := number(1), k.actor("gaoxin.approver")
		hold := func(on bool, ground string) error {
			return k.office.Hold(t.Context(), head, id, on, ground, k.clock.Now())
		}
		refusedWith(t, k.office.Hold(t.Context(), k.actor("gaoxin.handler"), id, true, "audit", k.clock.Now()), fault.Forbidden, "staff.can.role")
		refusedWith(t, hold(true, person), fault.Invalid, "evidence.hold")
		if err := hold(true, "review"); err != nil {
			t.Fatal(err)
		}
		refusedWith(t, hold(true, "review"), fault.Conflict, "evidence.hold.same")
		if n := k.expire("2040-01-01"); n != 0 || k.live() != 1 {
			t.Error("forgotten though held:", n)
		}
		if list, err := k.office.Held(t.Context(), head, k.clock.Now()); err != nil || len(list) != 1 {
			t.Error(list, err)
		}
		if err := hold(false, ""); err != nil {
			t.Fatal(err)
		}
		if n := k.expire("2040-01-01"); n != 1 || k.live() != 0 {
			t.Error(n, k.live())
		}
		refusedWith(t, hold(true, "review"), fault.Gone, "linkage.forgotten")
		for _, g := range linkage.HoldGrounds() {
			if !page.Has("evidence.hold." + g) {
				t.Error(g)
			}
		}
	})
}

func TestAKeyThatAnotherApplicationNeedsIsKept(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		k := newKit(t, rdb)
		k.put("b1", personal(1, "已撤回", "2026-03-03"), personal(2, "", "")) // one person, one key
		if k.live() != 1 {
			t.Fatal(k.live(), "keys")
		}
		if n := k.expire("2028-04-01"); n != 0 || k.live() != 1 {
			t.Error("the open application's name went:", n)
		}
		k.clock.Set(at("2028-04-02"))
		k.put("b2", personal(2, "驳回", "2028-04-01"))
		if n := k.expire("2030-03-30"); n != 0 || k.live() != 1 {
			t.Error("too early for the second:", n)
		}
		// Looked at again a month later, both are forgotten.
		if n := k.expire("2030-05-02"); n != 2 || k.live() != 0 {
			t.Error(n, k.live())
		}
	})
}

func TestOrganisationsHaveNothingToForget(t *testing.T) {
	k := newKit(t, redistest.Embedded(t))
	k.put("b1", row(linkage.Patent, map[string]string{"state": "已撤回", "stateOn": "2026-03-03"}))
	if n := k.expire("2090-01-01"); n != 0 {
		t.Error(n)
	}
	refusedWith(t, k.office.Hold(t.Context(), k.actor("gaoxin.approver"), number(1), true, "audit", k.clock.Now()), fault.Gone, "linkage.forgotten")
}
