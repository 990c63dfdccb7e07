package staff

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"pgregory.net/rapid"

	"ipcredit/shared/fault"
)

func cheap() Params {
	return Defaults().Set("password.memory_kib", 64).Set("password.passes", 1)
}

func newVault(t testing.TB) *Vault {
	t.Helper()
	v, err := NewVault([]byte(strings.Repeat("p", 32)), []byte(strings.Repeat("s", 32)), cheap())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestPasswordRules(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, user, password, refuse string
	}{
		{"eleven characters", "li.yanshi", "gt7-vk2-wq9", "staff.password.short"},
		{"twelve characters", "li.yanshi", "gt7-vk2-wq9x", ""},
		{"twelve Chinese characters", "li.yanshi", "山高月小水落石出风清云淡", ""},
		{"128 characters", "li.yanshi", strings.Repeat("gt7-vk2-", 16), ""},
		{"129 characters", "li.yanshi", strings.Repeat("gt7-vk2-", 16) + "x", "staff.password.long"},
		{"the user name inside", "li.yanshi", "xx-LI.Yanshi-2026", "staff.password.username"},
		{"a common word with digits", "li.yanshi", "Password2026!", "staff.password.common"},
		{"the city with digits", "li.yanshi", "xinxiang2026!!", "staff.password.common"},
		{"a common word twice", "li.yanshi", "adminadmin123", "staff.password.common"},
		{"a keyboard walk", "li.yanshi", "1qaz2wsx3edc", "staff.password.common"},
		{"digits repeated", "li.yanshi", "135135135135", "staff.password.simple"},
		{"digits in a row", "li.yanshi", "345678901234", "staff.password.simple"},
		{"letters in a row", "li.yanshi", "cdefghijklmno", "staff.password.simple"},
		{"few different characters", "li.yanshi", "ababcabcacba", "staff.password.simple"},
		{"a line break", "li.yanshi", "gt7-vk2-wq9\nx", "staff.password.control"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			err := CheckPassword(Defaults(), tc.user, tc.password)
			if f, ok := fault.Of(err); tc.refuse == "" && err != nil || tc.refuse != "" && (!ok || f.Code != tc.refuse || len(f.Fields) != 1) {
				t.Fatalf("got %v, want %q", err, tc.refuse)
			}
		})
	}
}

func TestUsernames(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, in, want string }{
		{"folded", " Li.Yanshi ", "li.yanshi"},
		{"full width", "ｌｉ．ｙａｎｓｈｉ", "li.yanshi"},
		{"three characters", "abc", "abc"},
		{"two characters", "ab", ""},
		{"32 characters", "a" + strings.Repeat("b", 31), "a" + strings.Repeat("b", 31)},
		{"33 characters", "a" + strings.Repeat("b", 32), ""},
		{"a telephone number", "19900001234", ""},
		{"Chinese", "李演示", ""},
		{"a bidi mark", "abc\u202ed", ""},
		{"key separators", "abc:def", ""},
		{"braces", "abc{1}", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := ReadUsername(tc.in)
			if got != tc.want || (err == nil) != (tc.want != "") {
				t.Fatalf("got %q, %v", got, err)
			}
		})
	}
}

func TestPasswordHashNeedsThePepper(t *testing.T) {
	t.Parallel()
	ctx, v := t.Context(), newVault(t)
	h, err := v.hash(ctx, "u1", "gt7-vk2-wq9x")
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewVault([]byte(strings.Repeat("q", 32)), []byte(strings.Repeat("s", 32)), cheap())
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name     string
		v        *Vault
		user     string
		password string
		want     bool
	}{
		{"right", v, "u1", "gt7-vk2-wq9x", true},
		{"full width typed", v, "u1", "ｇｔ7-vk2-wq9x", true},
		{"wrong", v, "u1", "gt7-vk2-wq9y", false},
		{"right password, another pepper", other, "u1", "gt7-vk2-wq9x", false},
		{"the hash copied to another user", v, "u2", "gt7-vk2-wq9x", false},
	} {
		got, err := tc.v.verify(ctx, tc.user, h, tc.password)
		if err != nil || got != tc.want {
			t.Errorf("%s: %v, %v", tc.name, got, err)
		}
	}
	if v.outdated(h) {
		t.Error("a fresh hash is outdated")
	}
	if dear, _ := NewVault([]byte(strings.Repeat("p", 32)), []byte(strings.Repeat("s", 32)), Defaults()); !dear.outdated(h) {
		t.Error("a cheaper hash is not outdated")
	}
	if !strings.HasPrefix(h, "$argon2id$v=19$m=64,t=1,p=1$") {
		t.Errorf("hash is %s", h)
	}
}

func TestSealedSecretOpensForItsUserOnly(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	sealed, err := v.sealSecret("u1", "ABC")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := v.openSecret("u1", sealed); err != nil || got != "ABC" {
		t.Fatalf("%q, %v", got, err)
	}
	if _, err := v.openSecret("u2", sealed); err == nil {
		t.Fatal("another user's secret opens")
	}
	if _, err := v.openSecret("u1", sealed[:10]); err == nil {
		t.Fatal("a cut secret opens")
	}
}

func TestTOTPCodeWorksOnceAndOnlyNearItsTime(t *testing.T) {
	t.Parallel()
	secret := newTOTPSecret()
	step := totpStep(noon)
	code := func(d int) string {
		c, err := totp.GenerateCode(secret, noon.Add(time.Duration(d)*totpPeriod*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for _, tc := range []struct {
		name string
		code string
		last int64
		want int64 // 0 = refused
	}{
		{"now", code(0), 0, step},
		{"one step ago", code(-1), 0, step - 1},
		{"one step ahead", code(1), 0, step + 1},
		{"two steps ago", code(-2), 0, 0},
		{"two steps ahead", code(2), 0, 0},
		{"used before", code(0), step, 0},
		{"older than the last used", code(-1), step, 0},
		{"newer than the last used", code(1), step, step + 1},
		{"typed with a space, full width", "　" + strings.Map(func(r rune) rune { return r - '0' + '０' }, code(0)[:3]) + " " + code(0)[3:], 0, step},
		{"empty", "", 0, 0},
		{"five digits", code(0)[:5], 0, 0},
		{"seven digits", code(0) + "1", 0, 0},
	} {
		got, ok := matchTOTP(secret, tc.code, noon, 1, tc.last)
		if ok != (tc.want != 0) || got != tc.want {
			t.Errorf("%s: %d, %v; want %d", tc.name, got, ok, tc.want)
		}
	}
}

// TestLockModel walks random attempts through Failures and through the simplest
// description of the rule, and wants them to agree.
func TestLockModel(t *testing.T) {
	t.Parallel()
	l := Lock{Free: 5, First: 30 * time.Second, Longest: time.Hour, Forget: 24 * time.Hour}
	rapid.Check(t, func(t *rapid.T) {
		var f Failures
		var fails []time.Time // failures that count
		now := noon
		for range rapid.IntRange(1, 60).Draw(t, "attempts") {
			now = now.Add(time.Duration(rapid.IntRange(0, 4000).Draw(t, "seconds")) * time.Second)
			if rapid.IntRange(0, 20).Draw(t, "long") == 0 {
				now = now.Add(25 * time.Hour)
			}
			if n := len(fails); n > 0 && now.Sub(fails[n-1]) >= l.Forget {
				fails = nil
			}
			open := true
			if n := len(fails); n >= l.Free {
				wait := l.First << min(n-l.Free, 20)
				open = now.Sub(fails[n-1]) >= min(wait, l.Longest)
			}
			wait, next := f.Try(l, now)
			if (wait == 0) != open {
				t.Fatalf("after %d failures: wait %v, the model says open=%v", len(fails), wait, open)
			}
			if wait > l.Longest {
				t.Fatalf("wait of %v", wait)
			}
			if !open {
				continue
			}
			if rapid.IntRange(0, 9).Draw(t, "right") == 0 {
				f, fails = Failures{}, nil
			} else {
				f, fails = next, append(fails, now)
			}
		}
	})
}

func TestWaitGrowsAndIsBounded(t *testing.T) {
	t.Parallel()
	l := Defaults().lock("signin.free_failures")
	for _, tc := range []struct {
		failures int
		want     time.Duration
	}{
		{0, 0}, {4, 0}, {5, 30 * time.Second}, {6, time.Minute}, {7, 2 * time.Minute},
		{11, 32 * time.Minute}, {12, time.Hour}, {13, time.Hour}, {1 << 40, time.Hour},
	} {
		got := Failures{tc.failures, noon}.Until(l)
		if tc.want == 0 && !got.IsZero() || tc.want > 0 && !got.Equal(noon.Add(tc.want)) {
			t.Errorf("after %d failures until %v, want %v", tc.failures, got, tc.want)
		}
	}
}

func TestCodesHaveNoLookAlikes(t *testing.T) {
	t.Parallel()
	for range 200 {
		c := randomCode(activationLength)
		if strings.ContainsAny(c, "0O1IL2Z5S8BUV") || len(c) != activationLength+3 {
			t.Fatalf("code %s", c)
		}
	}
	// 20 characters of 23 are more than 80 bits: 23^20 > 2^90.
	if n := len(clear); n != 23 {
		t.Fatalf("alphabet of %d", n)
	}
}

func TestKeyForm(t *testing.T) {
	t.Parallel()
	id, secret := strings.Repeat("a", keyIDLength), strings.Repeat("b", keySecretLen)
	for _, tc := range []struct {
		name, in string
		ok       bool
	}{
		{"right", "Bearer ipc_" + id + "_" + secret, true},
		{"scheme in lower case", "bearer ipc_" + id + "_" + secret, true},
		{"no scheme", "ipc_" + id + "_" + secret, false},
		{"another scheme", "Basic ipc_" + id + "_" + secret, false},
		{"short secret", "Bearer ipc_" + id + "_" + secret[1:], false},
		{"a colon in the id", "Bearer ipc_" + id[1:] + ":_" + secret, false},
		{"four parts", "Bearer ipc_" + id + "_" + secret + "_x", false},
		{"empty", "", false},
	} {
		if _, _, ok := splitKey(tc.in); ok != tc.ok {
			t.Errorf("%s: %v", tc.name, ok)
		}
	}
}

func FuzzSplitKey(f *testing.F) {
	f.Add("Bearer ipc_aaaaaaaaaaaa_bbbbbbbbbbbbbbbbbbbbbbbbbbb")
	f.Add("Bearer  ipc__")
	f.Fuzz(func(t *testing.T, s string) {
		if id, secret, ok := splitKey(s); ok && (len(id) != keyIDLength || len(secret) != keySecretLen || strings.ContainsAny(id, ":{}_ ")) {
			t.Fatalf("%q gives %q, %q", s, id, secret)
		}
	})
}

func FuzzPasswordRules(f *testing.F) {
	f.Add("li.yanshi", "gt7-vk2-wq9x")
	f.Add("a", "\xff\xfe")
	f.Fuzz(func(t *testing.T, user, password string) {
		_ = CheckPassword(Defaults(), user, password)
		if u, err := ReadUsername(user); err == nil && (len(u) < 3 || len(u) > 32 || strings.ContainsAny(u, ":{} \n")) {
			t.Fatalf("user name %q", u)
		}
	})
}

func BenchmarkPasswordVerifyAtFullCost(b *testing.B) {
	v, err := NewVault([]byte(strings.Repeat("p", 32)), []byte(strings.Repeat("s", 32)), Defaults())
	if err != nil {
		b.Fatal(err)
	}
	h, _ := v.hash(context.Background(), "u1", "gt7-vk2-wq9x")
	for b.Loop() {
		if ok, err := v.verify(context.Background(), "u1", h, "gt7-vk2-wq9x"); !ok || err != nil {
			b.Fatal(fmt.Sprint(ok, err))
		}
	}
}
