package staff_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"github.com/redis/go-redis/v9"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/redistest"
	"ipcredit/shared/staff"
)

var start = time.Date(2026, 9, 18, 1, 0, 0, 0, time.UTC)

// city is a demonstration city on one Redis, with a clock that only the test moves.
type city struct {
	*staff.Desk
	t    *testing.T
	rdb  *redis.Client
	now  time.Time
	demo staff.Demonstration
}

func newCity(t *testing.T, rdb *redis.Client) *city {
	t.Helper()
	p := staff.Defaults().Set("password.memory_kib", 64).Set("password.passes", 1)
	v, err := staff.NewVault([]byte(strings.Repeat("p", 32)), []byte(strings.Repeat("s", 32)), p)
	if err != nil {
		t.Fatal(err)
	}
	c := &city{t: t, rdb: rdb, now: start}
	c.Desk = staff.NewDesk(staff.New(journal.New(rdb, "410700", journal.Options{})).With(p), v)
	if c.demo, err = c.Demo(t.Context(), c.now); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *city) user(name string) staff.DemoUser {
	for _, u := range c.demo.Staff {
		if u.User == name {
			return u
		}
	}
	c.t.Fatalf("no demo user %s", name)
	return staff.DemoUser{}
}

func (c *city) code(secret string) string {
	code, err := totp.GenerateCode(secret, c.now)
	if err != nil {
		c.t.Fatal(err)
	}
	return code
}

func (c *city) attempt(name string) staff.SignIn {
	u := c.user(name)
	return staff.SignIn{Username: name, Password: u.Password, Code: c.code(u.TOTPSecret), Network: "192.0.2.0/24"}
}

// in signs a demo user in, a step later than anything before.
func (c *city) in(name string) (staff.Actor, string) {
	c.t.Helper()
	c.now = c.now.Add(30 * time.Second)
	s, err := c.SignIn(c.t.Context(), c.attempt(name), c.now)
	if err != nil {
		c.t.Fatalf("%s: %v", name, err)
	}
	return s.Actor, s.Token
}

func wants(t *testing.T, err error, kind fault.Kind, code string) {
	t.Helper()
	if f, ok := fault.Of(err); !ok || f.Kind != kind || f.Code != code {
		t.Fatalf("got %v, want %s %s", err, kind, code)
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func each(t *testing.T, body func(t *testing.T, c *city)) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) { body(t, newCity(t, rdb)) })
}

func TestEveryDemoUserSignsInAndDemoIsStable(t *testing.T) {
	each(t, func(t *testing.T, c *city) {
		again, err := c.Demo(t.Context(), c.now)
		ok(t, err)
		if len(again.Staff) != len(c.demo.Staff) || again.Staff[0].Password != c.demo.Staff[0].Password || len(again.APIKeys) != 5 {
			t.Fatal("a second start gives another city")
		}
		seen := map[staff.Role]bool{}
		kinds := map[staff.Kind]bool{}
		for _, u := range c.demo.Staff {
			a, token := c.in(u.User)
			who, err := c.Who(t.Context(), token, c.now)
			ok(t, err)
			if who.User.Username != u.User || !slices.Equal(who.Roles(c.now), u.Roles) || who.Org.Name != u.Organization {
				t.Errorf("%s is %+v", u.User, who)
			}
			for _, r := range a.Roles(c.now) {
				seen[r] = true
			}
			kinds[a.Org.Kind] = true
		}
		if len(seen) != len(staff.Roles()) || len(kinds) != len(staff.Kinds()) {
			t.Errorf("demo has %d of %d roles, %d of %d kinds", len(seen), len(staff.Roles()), len(kinds), len(staff.Kinds()))
		}
		for scope, key := range c.demo.APIKeys {
			_, err := c.Key(t.Context(), "Bearer "+key, scope, c.now)
			ok(t, err)
		}
	})
}

func TestWhateverIsWrongTheRefusalIsTheSame(t *testing.T) {
	each(t, func(t *testing.T, c *city) {
		ctx := t.Context()
		good := c.attempt("hongqi.handler")
		for name, change := range map[string]func(*staff.SignIn){
			"unknown user":     func(s *staff.SignIn) { s.Username = "nobody.here" },
			"impossible name":  func(s *staff.SignIn) { s.Username = "李演示" },
			"wrong password":   func(s *staff.SignIn) { s.Password += "x" },
			"no password":      func(s *staff.SignIn) { s.Password = "" },
			"wrong code":       func(s *staff.SignIn) { s.Code = "000000" },
			"no code":          func(s *staff.SignIn) { s.Code = "" },
			"unknown recovery": func(s *staff.SignIn) { s.Recovery = "AAAAA-AAAAA-AAAAA" },
			"another's code":   func(s *staff.SignIn) { s.Code = c.code(c.user("lead.handler").TOTPSecret) },
		} {
			in := good
			change(&in)
			if in.Code == good.Code && name == "wrong code" {
				continue
			}
			in.Network = name
			_, err := c.SignIn(ctx, in, c.now)
			f, isFault := fault.Of(err)
			if !isFault || f.Kind != fault.Unauthorized || f.Code != "staff.signin" || len(f.Fields) != 0 || len(f.Args) != 0 || errors.Unwrap(f) != nil {
				t.Errorf("%s: %v", name, err)
			}
			c.now = c.now.Add(2 * time.Hour) // no lock between the cases
			good = c.attempt("hongqi.handler")
		}
	})
}

// commands counts what goes to Redis, by command.
type commands struct{ seen []string }

func (c *commands) DialHook(next redis.DialHook) redis.DialHook { return next }

func (c *commands) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		c.seen = append(c.seen, cmd.Name())
		return next(ctx, cmd)
	}
}

func (c *commands) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		for _, cmd := range cmds {
			c.seen = append(c.seen, cmd.Name())
		}
		return next(ctx, cmds)
	}
}

func TestThreat_UnknownUserCostsTheSameWork(t *testing.T) {
	each(t, func(t *testing.T, c *city) {
		ctx := t.Context()
		// A first sign-in brings the demo user's hash to the vault's cost.
		c.in("hongqi.handler")
		c.in("hongqi.approver")
		system, _ := c.in("lead.system")
		approver := c.actor("hongqi.approver")
		_, err := c.Do(ctx, system, staff.Order{Kind: staff.OrderDisable, User: approver.User.ID, Reason: "离职"}, c.now)
		ok(t, err)
		hook := &commands{}
		c.rdb.AddHook(hook)
		try := func(in staff.SignIn) (string, string) {
			hook.seen = nil
			_, err := c.SignIn(ctx, in, c.now)
			return strings.Join(hook.seen, " "), fmt.Sprint(err)
		}
		disabled := c.attempt("hongqi.approver")
		for i := range 7 { // through the first lock
			wrong, e1 := try(staff.SignIn{Username: "hongqi.handler", Password: "wrong", Network: "a"})
			unknown, e2 := try(staff.SignIn{Username: "hongqi.nobody", Password: "wrong", Network: "b"})
			shut, e3 := try(disabled)
			if wrong != unknown || wrong != shut || e1 != e2 || e1 != e3 {
				t.Fatalf("attempt %d:\nknown    %s: %s\nunknown  %s: %s\ndisabled %s: %s", i, wrong, e1, unknown, e2, shut, e3)
			}
		}
	})
}

func TestOneCodeOpensOneSessionHoweverManyAskAtOnce(t *testing.T) {
	each(t, func(t *testing.T, c *city) {
		in := c.attempt("hongqi.handler")
		var opened atomic.Int64
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if _, err := c.SignIn(context.Background(), in, c.now); err == nil {
					opened.Add(1)
				} else if !fault.Is(err, fault.Unauthorized) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if opened.Load() != 1 {
			t.Fatalf("%d sessions of one code", opened.Load())
		}
		_, err := c.SignIn(t.Context(), in, c.now)
		wants(t, err, fault.Unauthorized, "staff.signin")
	})
}

func TestFiveFailuresLockANameKnownOrNot(t *testing.T) {
	each(t, func(t *testing.T, c *city) {
		ctx := t.Context()
		for _, name := range []string{"hongqi.handler", "nobody.here"} {
			in := staff.SignIn{Username: name, Password: "wrong", Network: "198.51.100.0/24"}
			for range 5 {
				_, err := c.SignIn(ctx, in, c.now)
				wants(t, err, fault.Unauthorized, "staff.signin")
			}
			_, err := c.SignIn(ctx, in, c.now)
			wants(t, err, fault.TooMany, "staff.signin.wait")
			if f, _ := fault.Of(err); f.RetryAfter != 30*time.Second {
				t.Fatalf("%s waits %v", name, f.RetryAfter)
			}
		}
		// The right password does not help before the time, from any network.
		good := c.attempt("hongqi.handler")
		good.Network = "203.0.113.0/24"
		_, err := c.SignIn(ctx, good, c.now.Add(29*time.Second))
		wants(t, err, fault.TooMany, "staff.signin.wait")
		c.now = c.now.Add(30 * time.Second)
		_, err = c.SignIn(ctx, c.attempt("hongqi.handler"), c.now)
		ok(t, err)
		// Success forgets: five more may fail.
		for range 5 {
			_, err := c.SignIn(ctx, staff.SignIn{Username: "hongqi.handler", Password: "wrong", Network: "x"}, c.now)
			wants(t, err, fault.Unauthorized, "staff.signin")
		}
		entries, err := c.rdb.XRange(ctx, "{410700}:journal", "-", "+").Result()
		ok(t, err)
		locked := 0
		for _, e := range entries {
			if e.Values["action"] == "staff.locked" {
				locked++
			}
		}
		if locked != 3 {
			t.Fatalf("%d locks in the journal, want 3", locked)
		}
	})
}

func TestGuessesAtOnceGetNoMoreThanTheLockAllows(t *testing.T) {
	each(t, func(t *testing.T, c *city) {
		var looked atomic.Int64
		var wg sync.WaitGroup
		for i := range 24 {
			wg.Go(func() {
				_, err := c.SignIn(context.Background(), staff.SignIn{Username: "lead.handler", Password: fmt.Sprint(i), Network: fmt.Sprint(i)}, c.now)
				if fault.Is(err, fault.Unauthorized) {
					looked.Add(1)
				} else if !fault.Is(err, fault.TooMany) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := looked.Load(); n != 5 {
			t.Fatalf("%d guesses were looked at", n)
		}
	})
}

func TestManyNamesFromOneNetworkWait(t *testing.T) {
	each(t, func(t *testing.T, c *city) {
		in := staff.SignIn{Password: "wrong", Network: "198.51.100.0/24"}
		for i := range 40 {
			in.Username = fmt.Sprintf("guess%d", i)
			_, err := c.SignIn(t.Context(), in, c.now)
			wants(t, err, fault.Unauthorized, "staff.signin")
		}
		in.Username = "guess99"
		_, err := c.SignIn(t.Context(), in, c.now)
		wants(t, err, fault.TooMany, "staff.signin.wait")
		_, err = c.SignIn(t.Context(), c.attempt("lead.handler"), c.now)
		ok(t, err) // from elsewhere nothing is locked
		for _, key := range c.rdb.Keys(t.Context(), "*").Val() {
			if strings.Contains(key, "198.51") || strings.Contains(c.rdb.Get(t.Context(), key).Val(), "198.51") {
				t.Fatalf("a network prefix is stored: %s", key)
			}
		}
	})
}

func TestSessionsEndWhenIdleAndAfterTwelveHours(t *testing.T) {
	each(t, func(t *testing.T, c *city) {
		ctx := t.Context()
		_, token := c.in("hongqi.handler")
		opened := c.now
		_, err := c.Who(ctx, token, opened.Add(30*time.Minute-time.Second))
		ok(t, err)
		_, err = c.Who(ctx, token, opened.Add(60*time.Minute-time.Second))
		wants(t, err, fault.Unauthorized, "staff.signed_out")

		_, token = c.in("hongqi.approver")
		opened = c.now
		for at := opened; at.Before(opened.Add(12 * time.Hour)); at = at.Add(29 * time.Minute) {
			_, err := c.Who(ctx, token, at)
			ok(t, err)
		}
		_, err = c.Who(ctx, token, opened.Add(12*time.Hour-time.Nanosecond))
		ok(t, err)
		_, err = c.Who(ctx, token, opened.Add(12*time.Hour))
		wants(t, err, fault.Unauthorized, "staff.signed_out")
	})
}

func TestThreat_StolenHashOpensNothing(t *testing.T) {
	each(t, func(t *testing.T, c *city) {
		ctx := t.Context()
		_, token := c.in("hongqi.handler")
		if len(token) != 43 {
			t.Fatalf("token of %d characters", len(token))
		}
		for _, key := range c.rdb.Keys(ctx, "*").Val() {
			dump := key + c.rdb.Get(ctx, key).Val()
			if strings.Contains(dump, token) {
				t.Fatalf("the token is in Redis: %s", key)
			}
			if name, found := strings.CutPrefix(key, "{410700}:tmp:session:"); found {
				for _, try := range []string{name, name[:43], strings.Repeat("A", 43)} {
					_, err := c.Who(ctx, try, c.now)
					wants(t, err, fault.Unauthorized, "staff.signed_out")
				}
			}
		}
	})
}

func TestThreat_DatabaseDumpHoldsNoSecret(t *testing.T) {
	each(t, func(t *testing.T, c *city) {
		ctx := t.Context()
		var secrets []string
		for _, u := range c.demo.Staff[:6] {
			secrets = append(secrets, u.Password, u.TOTPSecret)
		}
		for _, k := range c.demo.APIKeys {
			secrets = append(secrets, k[len(k)-27:])
		}
		security, _ := c.in("lead.security")
		system, _ := c.in("lead.system")
		_, text, err := c.IssueKey(ctx, security, staff.KeyOrder{Org: "lead", Name: "试用", Scopes: []staff.Scope{staff.ScopeLookup}}, c.now)
		ok(t, err)
		u, password, err := c.CreateUser(ctx, system, staff.NewUser{Org: "lead", Username: "wang.ceshi", Name: "王测试"}, c.now)
		ok(t, err)
		officer, _ := c.in("hongqi.handler")
		_, activation, err := c.IssueActivation(ctx, officer, staff.Issue{Code: "91410702MA00AAC13T", Name: "虚构丙有限公司", Division: "410702", Role: staff.Agent}, c.now)
		ok(t, err)
		secrets = append(secrets, text[len(text)-27:], password, activation, strings.ReplaceAll(activation, "-", ""))
		_ = u
		for _, key := range c.rdb.Keys(ctx, "*").Val() {
			dump := key
			switch c.rdb.Type(ctx, key).Val() {
			case "string":
				dump += c.rdb.Get(ctx, key).Val()
			case "stream":
				for _, e := range c.rdb.XRange(ctx, key, "-", "+").Val() {
					dump += fmt.Sprint(e.Values)
				}
			case "set":
				dump += fmt.Sprint(c.rdb.SMembers(ctx, key).Val())
			}
			for _, s := range secrets {
				if strings.Contains(dump, s) {
					t.Fatalf("%s holds the secret %q", key, s)
				}
			}
		}
	})
}

func TestSessionsAreListedAndEndedOneOrAll(t *testing.T) {
	each(t, func(t *testing.T, c *city) {
		ctx := t.Context()
		_, first := c.in("hongqi.handler")
		_, second := c.in("hongqi.handler")
		a, err := c.Who(ctx, second, c.now)
		ok(t, err)
		list, err := c.Sessions(ctx, a, c.now)
		ok(t, err)
		if len(list) != 2 || !list[0].Current && !list[1].Current {
			t.Fatalf("sessions %+v", list)
		}
		for _, s := range list {
			if !s.Current {
				ok(t, c.EndSession(ctx, a, s.ID))
			}
		}
		_, err = c.Who(ctx, first, c.now)
		wants(t, err, fault.Unauthorized, "staff.signed_out")
		_, third := c.in("hongqi.handler")
		ok(t, c.EndSessions(ctx, a, c.now))
		for _, token := range []string{second, third} {
			_, err = c.Who(ctx, token, c.now)
			wants(t, err, fault.Unauthorized, "staff.signed_out")
		}
		_, fourth := c.in("hongqi.handler")
		ok(t, c.SignOut(ctx, fourth))
		_, err = c.Who(ctx, fourth, c.now)
		wants(t, err, fault.Unauthorized, "staff.signed_out")
		other, _ := c.in("muye.handler")
		wants(t, c.EndSession(ctx, other, list[0].ID), fault.NotFound, "staff.session.none")
	})
}

func TestFirstSignInLeadsThroughPasswordAndSecondFactor(t *testing.T) {
	each(t, func(t *testing.T, c *city) {
		ctx := t.Context()
		system, _ := c.in("lead.system")
		_, password, err := c.CreateUser(ctx, system, staff.NewUser{Org: "muye", Username: "Wang.Ceshi", Name: "王测试"}, c.now)
		ok(t, err)
		_, _, err = c.CreateUser(ctx, system, staff.NewUser{Org: "muye", Username: "wang.ceshi", Name: "王测试"}, c.now)
		wants(t, err, fault.Conflict, "staff.username.taken")
		in := staff.SignIn{Username: "wang.ceshi", Password: password}
		s, err := c.SignIn(ctx, in, c.now)
		ok(t, err)
		if !s.First {
			t.Fatal("a first sign-in opens everything")
		}
		_, err = c.Who(ctx, s.Token, c.now)
		wants(t, err, fault.Unauthorized, "staff.signed_out")
		a, first, err := c.WhoFirst(ctx, s.Token, c.now)
		if err != nil || !first {
			t.Fatalf("%v, %v", first, err)
		}
		_, err = c.ChangePassword(ctx, a, password, password+"x", "", "", c.now) // fine, but see next
		ok(t, err)
		_, err = c.Who(ctx, s.Token, c.now)
		wants(t, err, fault.Unauthorized, "staff.signed_out")
		s, err = c.SignIn(ctx, staff.SignIn{Username: "wang.ceshi", Password: password + "x"}, c.now)
		ok(t, err)
		if !s.First {
			t.Fatal("without a second factor everything is open")
		}
		wants(t, c.BeginTOTP(ctx, s.Actor, "wrong", "", c.now), fault.Refused, "staff.password.wrong")
		ok(t, c.BeginTOTP(ctx, s.Actor, password+"x", "", c.now))
		secret, err := c.PendingTOTP(ctx, s.Actor)
		ok(t, err)
		_, _, err = c.ConfirmTOTP(ctx, s.Actor, "12345", "", "", c.now)
		wants(t, err, fault.Refused, "staff.totp.wrong")
		full, recovery, err := c.ConfirmTOTP(ctx, s.Actor, c.code(secret), "", "", c.now)
		ok(t, err)
		if full.First || len(recovery) != 10 {
			t.Fatalf("%+v, %d codes", full, len(recovery))
		}
		_, err = c.Who(ctx, full.Token, c.now)
		ok(t, err)
		// The code that enrolled is used up; a recovery code works once.
		in = staff.SignIn{Username: "wang.ceshi", Password: password + "x", Code: c.code(secret)}
		_, err = c.SignIn(ctx, in, c.now)
		wants(t, err, fault.Unauthorized, "staff.signin")
		in.Recovery = " " + strings.ToLower(strings.ReplaceAll(recovery[3], "-", " "))
		s, err = c.SignIn(ctx, in, c.now)
		ok(t, err)
		if s.RecoveryLeft != 9 || s.First {
			t.Fatalf("%+v", s)
		}
		_, err = c.SignIn(ctx, in, c.now)
		wants(t, err, fault.Unauthorized, "staff.signin")
		st, err := c.State(ctx, s.Actor)
		ok(t, err)
		if st.RecoveryLeft != 9 || st.MustChange || !st.Enrolled {
			t.Fatalf("%+v", st)
		}
	})
}

func TestOneTimePasswordEndsAfterThreeDays(t *testing.T) {
	each(t, func(t *testing.T, c *city) {
		system, _ := c.in("lead.system")
		_, password, err := c.CreateUser(t.Context(), system, staff.NewUser{Org: "muye", Username: "wang.ceshi", Name: "王测试"}, c.now)
		ok(t, err)
		in := staff.SignIn{Username: "wang.ceshi", Password: password}
		_, err = c.SignIn(t.Context(), in, c.now.Add(72*time.Hour))
		wants(t, err, fault.Unauthorized, "staff.signin")
		_, err = c.SignIn(t.Context(), in, c.now.Add(72*time.Hour-time.Second))
		ok(t, err)
	})
}

func (c *city) actor(name string) staff.Actor {
	u, found, err := c.UserByName(c.t.Context(), name)
	if err != nil || !found {
		c.t.Fatalf("%s: %v", name, err)
	}
	a, err := c.Actor(c.t.Context(), u.ID)
	ok(c.t, err)
	return a
}
