package staff_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/redistest"
	"ipcredit/shared/staff"
)

func BenchmarkWhoIsSignedIn(b *testing.B) {
	d, demo := benchCity(b)
	code, err := totp.GenerateCode(demo.Staff[0].TOTPSecret, start)
	if err != nil {
		b.Fatal(err)
	}
	s, err := d.SignIn(b.Context(), staff.SignIn{Username: demo.Staff[0].User, Password: demo.Staff[0].Password, Code: code}, start)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := d.Who(b.Context(), s.Token, start); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkKey(b *testing.B) {
	d, demo := benchCity(b)
	header, now := "Bearer "+demo.APIKeys[staff.ScopeLookup], start
	for b.Loop() {
		now = now.Add(time.Second)
		if _, err := d.Key(b.Context(), header, staff.ScopeLookup, now); err != nil {
			b.Fatal(err)
		}
	}
}

func benchCity(b *testing.B) (*staff.Desk, staff.Demonstration) {
	b.Helper()
	p := staff.Defaults().Set("password.memory_kib", 64)
	v, err := staff.NewVault([]byte(strings.Repeat("p", 32)), []byte(strings.Repeat("s", 32)), p)
	if err != nil {
		b.Fatal(err)
	}
	d := staff.NewDesk(staff.New(journal.New(redistest.Real(b), "410700", journal.Options{})).With(p), v)
	demo, err := d.Demo(b.Context(), start)
	if err != nil {
		b.Fatal(err)
	}
	return d, demo
}

func TestKeysAreRefusedAlikeAndRotateWithOverlap(t *testing.T) {
	each(t, func(t *testing.T, c *city) {
		ctx := t.Context()
		security, _ := c.in("lead.security")
		system, _ := c.in("lead.system")
		order := staff.KeyOrder{Org: "science", Name: "批量上传", Scopes: []staff.Scope{staff.ScopeMaterial}, Until: "2026-12-31"}
		_, _, err := c.IssueKey(ctx, system, order, c.now)
		wants(t, err, fault.Forbidden, "staff.can.role")
		bad := order
		bad.Scopes = []staff.Scope{staff.ScopeCase}
		_, _, err = c.IssueKey(ctx, security, bad, c.now)
		wants(t, err, fault.Refused, "staff.key.kind")
		bad = order
		bad.Until = "2026-09-17"
		_, _, err = c.IssueKey(ctx, security, bad, c.now)
		wants(t, err, fault.Refused, "staff.span.past")
		bad.Until = "2026-02-30"
		_, _, err = c.IssueKey(ctx, security, bad, c.now)
		wants(t, err, fault.Invalid, "staff.span.date")

		k, text, err := c.IssueKey(ctx, security, order, c.now)
		ok(t, err)
		last := time.Date(2026, 12, 31, 15, 59, 59, 0, time.UTC) // the last second of the day in China
		for name, tc := range map[string]struct {
			header string
			scope  staff.Scope
			at     time.Time
			kind   fault.Kind
			code   string
		}{
			"malformed":     {"Bearer x", staff.ScopeMaterial, c.now, fault.Unauthorized, "staff.key.none"},
			"missing":       {"", staff.ScopeMaterial, c.now, fault.Unauthorized, "staff.key.none"},
			"unknown":       {"Bearer ipc_aaaaaaaaaaaa_" + strings.Repeat("b", 27), staff.ScopeMaterial, c.now, fault.Unauthorized, "staff.key.none"},
			"wrong secret":  {"Bearer " + text[:len(text)-1] + "_", staff.ScopeMaterial, c.now, fault.Unauthorized, "staff.key.none"},
			"its hash":      {"Bearer ipc_" + k.ID + "_" + k.Hash[:27], staff.ScopeMaterial, c.now, fault.Unauthorized, "staff.key.none"},
			"expired":       {"Bearer " + text, staff.ScopeMaterial, last.Add(time.Second), fault.Unauthorized, "staff.key.none"},
			"without scope": {"Bearer " + text, staff.ScopeShare, c.now, fault.Forbidden, "staff.key.scope"},
		} {
			_, err := c.Key(ctx, tc.header, tc.scope, tc.at)
			t.Log(name)
			wants(t, err, tc.kind, tc.code)
		}
		_, atEnd, err := c.IssueKey(ctx, security, order, c.now)
		ok(t, err)
		got, err := c.Key(ctx, "Bearer "+atEnd, staff.ScopeMaterial, last)
		ok(t, err)
		if got.Org != "science" || !got.UsedAt.Equal(last) {
			t.Fatalf("%+v", got)
		}

		made, second, err := c.RotateKey(ctx, security, k.ID, "2026-09-25", c.now)
		ok(t, err)
		if made.Replaces != k.ID || second == text {
			t.Fatalf("%+v", made)
		}
		overlap := time.Date(2026, 9, 25, 15, 59, 59, 0, time.UTC)
		for _, text := range []string{text, second} {
			_, err = c.Key(ctx, "Bearer "+text, staff.ScopeMaterial, overlap)
			ok(t, err)
		}
		_, err = c.Key(ctx, "Bearer "+text, staff.ScopeMaterial, overlap.Add(time.Second))
		wants(t, err, fault.Unauthorized, "staff.key.none")
		_, _, err = c.RotateKey(ctx, security, k.ID, "2026-09-25", c.now)
		wants(t, err, fault.Conflict, "staff.key.ended")
		ok(t, c.RevokeKey(ctx, security, made.ID, c.now))
		_, err = c.Key(ctx, "Bearer "+second, staff.ScopeMaterial, c.now)
		wants(t, err, fault.Unauthorized, "staff.key.none")
		list, err := c.Keys(ctx, security, c.now)
		ok(t, err)
		if len(list) != 8 {
			t.Fatalf("%d keys", len(list))
		}
	})
}

func TestLastUseIsWrittenOnceAnHour(t *testing.T) {
	each(t, func(t *testing.T, c *city) {
		header := "Bearer " + c.demo.APIKeys[staff.ScopeLookup]
		for _, tc := range []struct{ after, want time.Duration }{{0, 0}, {59 * time.Minute, 0}, {60 * time.Minute, time.Hour}, {119 * time.Minute, time.Hour}} {
			k, err := c.Key(t.Context(), header, staff.ScopeLookup, c.now.Add(tc.after))
			ok(t, err)
			if !k.UsedAt.Equal(c.now.Add(tc.want)) {
				t.Errorf("after %v last use is %v", tc.after, k.UsedAt.Sub(c.now))
			}
		}
	})
}

func TestKeyRateRefillsAndTellsWhen(t *testing.T) {
	each(t, func(t *testing.T, c *city) {
		ctx := t.Context()
		header := "Bearer " + c.demo.APIKeys[staff.ScopeLookup]
		for range 600 {
			_, err := c.Key(ctx, header, staff.ScopeLookup, c.now)
			ok(t, err)
		}
		_, err := c.Key(ctx, header, staff.ScopeLookup, c.now)
		wants(t, err, fault.TooMany, "staff.key.rate")
		f, _ := fault.Of(err)
		if f.RetryAfter != 100*time.Millisecond { // 600 a minute
			t.Fatalf("RetryAfter %v", f.RetryAfter)
		}
		k, err := c.Key(ctx, header, staff.ScopeLookup, c.now.Add(f.RetryAfter))
		ok(t, err)
		// A dear call waits for its share; a wrong secret costs the key nothing.
		wants(t, c.Spend(ctx, k, 50, c.now.Add(f.RetryAfter)), fault.TooMany, "staff.key.rate")
		for range 200 {
			_, err := c.Key(ctx, header[:len(header)-1]+"0", staff.ScopeLookup, c.now.Add(time.Minute))
			if err != nil {
				wants(t, err, fault.Unauthorized, "staff.key.none")
			}
		}
		ok(t, c.Spend(ctx, k, 100, c.now.Add(time.Minute)))
	})
}
