package staff_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/staff"
)

// keyOrder is something that can be made any number of times: no name stands in
// the way of a second one.
var keyOrder = staff.KeyOrder{Org: "science", Name: "审查系统", Scopes: []staff.Scope{staff.ScopeLookup}}

func TestSubmissionIsCarriedOutOnceForADay(t *testing.T) {
	each(t, func(t *testing.T, c *city) {
		security := c.actor("lead.security")
		ticket, body := strings.Repeat("A2", 13), []byte("org=science")
		once := func(who, key string, body []byte) context.Context { return staff.Once(t.Context(), who, key, body) }
		ctx := once("u1", ticket, body)
		ok(t, c.Made(ctx, c.now))
		k, _, err := c.IssueKey(ctx, security, keyOrder, c.now)
		ok(t, err)
		// What else the same call changes is not in the way of itself.
		_, _, err = c.IssueKey(ctx, security, keyOrder, c.now)
		ok(t, err)

		for _, at := range []time.Time{c.now, c.now.Add(24*time.Hour - time.Second)} {
			var again *staff.Repeated
			if err := c.Made(once("u1", ticket, body), at); !errors.As(err, &again) || again.Made.Ref != "key:"+k.ID || again.Made.Action != "staff.key_issue" {
				t.Fatalf("made: %v", err)
			}
			_, text, err := c.IssueKey(once("u1", ticket, body), security, keyOrder, at)
			if !errors.As(err, &again) || again.Made.Ref != "key:"+k.ID {
				t.Fatalf("again: %q, %v", text, err)
			}
			wants(t, c.Made(once("u1", ticket, []byte("org=health")), at), fault.Refused, "fn.key_reused")
			_, _, err = c.IssueKey(once("u1", ticket, []byte("org=health")), security, keyOrder, at)
			wants(t, err, fault.Refused, "fn.key_reused")
		}
		ok(t, c.Made(once("u2", ticket, body), c.now))
		ok(t, c.Made(once("u1", ticket+"x", body), c.now))

		// After a day it is a new one, with the same body or another.
		day := c.now.Add(24 * time.Hour)
		_, _, err = c.IssueKey(once("u1", ticket, []byte("org=health")), security, keyOrder, day)
		ok(t, err)
		wants(t, c.Made(once("u1", ticket, body), day), fault.Refused, "fn.key_reused")
		if n, err := c.Sweep(t.Context(), day.Add(time.Hour)); err != nil || n != 0 {
			t.Fatalf("swept %d that still count, %v", n, err)
		}
		if n, err := c.Sweep(t.Context(), day.Add(24*time.Hour)); err != nil || n != 1 {
			t.Fatalf("swept %d, %v", n, err)
		}
		ok(t, c.Made(once("u1", ticket, body), day))
	})
}

func TestRefusedSubmissionMayBeCorrected(t *testing.T) {
	each(t, func(t *testing.T, c *city) {
		system := c.actor("lead.system")
		n := staff.NewUser{Org: "science", Username: "lead.system", Name: "重名"}
		ctx := staff.Once(t.Context(), "u1", strings.Repeat("A2", 13), []byte("1"))
		_, _, err := c.CreateUser(ctx, system, n, c.now)
		wants(t, err, fault.Conflict, "staff.username.taken")
		n.Username = "another"
		_, _, err = c.CreateUser(staff.Once(t.Context(), "u1", strings.Repeat("A2", 13), []byte("2")), system, n, c.now)
		ok(t, err)
	})
}

func TestOfManyAtOnceOneIsCarriedOut(t *testing.T) {
	each(t, func(t *testing.T, c *city) {
		security := c.actor("lead.security")
		before, err := c.Keys(t.Context(), security, c.now)
		ok(t, err)
		const n = 8
		made := make([]error, n)
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				_, _, made[i] = c.IssueKey(staff.Once(t.Context(), "u1", strings.Repeat("A2", 13), nil), security, keyOrder, c.now)
			})
		}
		wg.Wait()
		won := 0
		for _, err := range made {
			var again *staff.Repeated
			if err == nil {
				won++
			} else if !errors.As(err, &again) {
				t.Error(err)
			}
		}
		after, err := c.Keys(t.Context(), security, c.now)
		ok(t, err)
		if won != 1 || len(after) != len(before)+1 {
			t.Fatalf("%d of %d won, %d keys more", won, n, len(after)-len(before))
		}
	})
}

func TestSweepTakesEveryNoteInTheEnd(t *testing.T) {
	each(t, func(t *testing.T, c *city) {
		const each = 45
		people := []string{"lead.handler", "hongqi.handler", "discipline.handler"}
		for _, name := range people {
			a := c.actor(name)
			for i := range each {
				tie := staff.Tie{Party: staff.Party{Name: fmt.Sprint("虚构", i)}, Reason: "原单位"}
				ok(t, c.DeclareTie(staff.Once(t.Context(), name, fmt.Sprintf("%026d", i), nil), a, tie, c.now))
			}
		}
		later, total := c.now.Add(25*time.Hour), 0
		for range 3 { // at most a hundred in one go
			n, err := c.Sweep(t.Context(), later)
			ok(t, err)
			total += n
		}
		if total != each*len(people) {
			t.Fatalf("%d of %d swept", total, each*len(people))
		}
	})
}
