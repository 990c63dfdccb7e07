package share

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ipcredit/shared/credit"
)

func TestKeysAreReadOnlyAsTheyWereMade(t *testing.T) {
	t.Parallel()
	text, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	k, err := ParseKey(text)
	if err != nil || !strings.HasPrefix(k.Public(), "whpk_") || strings.Contains(k.Public(), text[5:20]) {
		t.Fatal(k.Public(), err)
	}
	for name, wrong := range map[string]string{"nothing": "", "no prefix": text[5:], "a shared secret": "whsec_" + text[5:], "cut": text[:40], "another's public half": text[:60] + "AAAA" + text[64:]} {
		if _, err := ParseKey(wrong); err == nil || wrong != "" && strings.Contains(err.Error(), wrong) {
			t.Errorf("%s: %v", name, err)
		}
	}
	a, _ := k.Secret("s1", 1)
	b, _ := k.Secret("s1", 2)
	c, _ := k.Secret("s2", 1)
	if again, _ := k.Secret("s1", 1); again != a || a == b || a == c || !strings.HasPrefix(a, "whsec_") {
		t.Error("shared secrets are not one for each subscription and generation")
	}
}

// The example of the specification (Standard Webhooks 1.0, asymmetric signatures)
// signs "id.timestamp.payload".
func TestASignatureHoldsForItsIDTimeAndBodyAndForFiveMinutes(t *testing.T) {
	t.Parallel()
	text, _ := NewKey()
	k, _ := ParseKey(text)
	at := time.Date(2026, 5, 6, 4, 0, 0, 0, time.UTC)
	h, err := k.Headers("d1", at, []byte("{}"), "")
	if err != nil {
		t.Fatal(err)
	}
	id, stamp, sig := h["webhook-id"], h["webhook-timestamp"], h["webhook-signature"]
	for name, tt := range map[string]struct {
		id, stamp, sig, body string
		now                  time.Time
		ok                   bool
	}{
		"as sent":               {id, stamp, sig, "{}", at, true},
		"among others":          {id, stamp, "v1,AAAA v1a,AAAA " + sig, "{}", at, true},
		"five minutes old":      {id, stamp, sig, "{}", at.Add(5 * time.Minute), true},
		"a second older":        {id, stamp, sig, "{}", at.Add(5*time.Minute + time.Second), false},
		"from the future":       {id, stamp, sig, "{}", at.Add(-5*time.Minute - time.Second), false},
		"another id":            {"d2", stamp, sig, "{}", at, false},
		"an id with a dot":      {"d1.1", stamp, sig, "{}", at, false},
		"no id":                 {"", stamp, sig, "{}", at, false},
		"another time":          {id, "1778040001", sig, "{}", at, false},
		"no time":               {id, "", sig, "{}", at, false},
		"another body":          {id, stamp, sig, "{ }", at, false},
		"another kind":          {id, stamp, strings.Replace(sig, "v1a", "v1", 1), "{}", at, false},
		"no signature":          {id, stamp, "", "{}", at, false},
		"a signature cut short": {id, stamp, sig[:20], "{}", at, false},
	} {
		if err := Verify(k.Public(), tt.id, tt.stamp, tt.sig, []byte(tt.body), tt.now); (err == nil) != tt.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTriesGoOnForThreeDaysWithJitter(t *testing.T) {
	t.Parallel()
	var longest time.Duration
	for _, w := range waits {
		longest += w
	}
	if longest < 70*time.Hour || longest > 74*time.Hour {
		t.Errorf("tries go on for %v", longest)
	}
	at := time.Date(2026, 5, 6, 4, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		d := Delivery{ID: rapid.StringN(1, 20, -1).Draw(t, "id")}
		now, spread := at, false
		for n := 0; ; n++ {
			after := time.Duration(rapid.IntRange(0, 200_000).Draw(t, "after")) * time.Second
			next, stopped := d.tried(Try{At: now, Status: 503, Why: WhyRefused}, after)
			if stopped != "" {
				if stopped != WhyTired || n != len(waits) || !next.Failed || !next.Next.IsZero() {
					t.Fatalf("stopped for %q after %d", stopped, n+1)
				}
				break
			}
			wait := next.Next.Sub(now)
			if asked := min(after, longestWait); wait < asked || wait < waits[n]*9/10 || wait > max(asked, waits[n]*11/10) {
				t.Fatalf("try %d waits %v, asked for %v", n+1, wait, after)
			}
			spread = spread || wait != waits[n]
			d, now = next, next.Next
		}
		if gone, why := d.tried(Try{At: now, Status: 410, Why: WhyGone}, 0); why != WhyGone || !gone.Failed {
			t.Fatal("410 is tried again")
		}
		if taken, why := d.tried(Try{At: now, Status: 200}, time.Hour); why != "" || taken.Taken.IsZero() || !taken.Next.IsZero() {
			t.Fatal("what was taken is tried again")
		}
	})
}

func TestWhatHasEndedIsToldByItsIDAlone(t *testing.T) {
	t.Parallel()
	for _, h := range credit.Happenings {
		c := thin(credit.Event{Type: h, RecordID: "r", Code: "c", Act: "DA1", District: "410771"}, "https://city.example/")
		if h.Ends() != (c.Code == "" && c.Act == "" && c.District == "" && c.URL == "") {
			t.Errorf("%s: %+v", h, c)
		}
	}
}

func TestASubscriptionCoversItsActsAndAreasUntilItsLastDay(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		areas     []string
		act, area string
		want      bool
	}{
		"its act and area":          {[]string{"410702"}, "DA1", "410702", true},
		"another act":               {[]string{"410702"}, "DA2", "410702", false},
		"another area":              {[]string{"410702"}, "DA1", "410703", false},
		"the whole city":            {[]string{"410700"}, "DA1", "410703", true},
		"no area, the whole city":   {[]string{"410700"}, "DA1", "", true},
		"no area, and a district's": {[]string{"410702"}, "DA1", "", false},
	} {
		if got := (Subscription{Acts: []string{"DA1"}, Areas: tt.areas}).Covers(tt.act, tt.area, "410700"); got != tt.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
