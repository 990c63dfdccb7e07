package function

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	drafts "ipcredit/shared/draft"
	"ipcredit/shared/fault"
	"ipcredit/shared/redistest"
	"ipcredit/shared/seal"
)

func TestQuestionsCanBeAnsweredInWordsAndDigits(t *testing.T) {
	forms := map[int]bool{}
	for n := range 200 {
		q := askAbout([]byte("k"), itoa(n))
		forms[q.form] = true
		for _, lang := range []string{"zh", "en"} {
			if s := q.in(langOf(lang)); strings.Contains(s, "%!") || missingWord.MatchString(s) {
				t.Fatalf("%s", s)
			}
		}
		want := q.want()
		for _, answer := range []string{itoa(want), " " + fullWidth(itoa(want)) + "。", say("report-intake.numeral." + itoa(want)), say("report-intake.numeral."+itoa(want)) + "个"} {
			if !q.right(answer) {
				t.Errorf("%+v does not take %q", q, answer)
			}
		}
		for _, answer := range []string{"", itoa(want + 1), "-" + itoa(want), "多少", "〇"} {
			if q.right(answer) {
				t.Errorf("%+v takes %q", q, answer)
			}
		}
	}
	if len(forms) != phrasings {
		t.Errorf("%d of %d phrasings", len(forms), phrasings)
	}
}

func TestTicketIsOfOneFormAndCannotBeMade(t *testing.T) {
	key := []byte(strings.Repeat("k", 32))
	text := newTicket(key, reportForm, start)
	got, ok := readTicket(key, reportForm, text)
	if !ok || !got.at.Equal(start) {
		t.Fatalf("%v %v", got, ok)
	}
	seen := map[string]bool{}
	for range 100 {
		seen[newTicket(key, reportForm, start)] = true
	}
	if len(seen) != 100 {
		t.Error("two tickets are the same")
	}
	for name, x := range map[string]struct{ form, text string }{
		"another form": {followForm, text}, "cut": {reportForm, text[:len(text)-1]}, "none": {reportForm, ""},
		"altered": {reportForm, "B" + text[1:]}, "made up": {reportForm, strings.Repeat("A", len(text))},
	} {
		if _, ok := readTicket(key, x.form, x.text); ok {
			t.Errorf("%s is taken", name)
		}
	}
}

func TestTextTypedOnATelephoneIsTaken(t *testing.T) {
	for in, want := range map[string]string{
		"谢谢❤\ufe0f👨\u200d👩\u200d👧": "谢谢❤👨👩👧", "零\u200b宽\ufeff": "零宽", "两\r\n行\t": "两\r\n行\t", "a\x00b\x07": "ab", "左\u202e右": "左\u202e右",
	} {
		if got := visible(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

func TestDraftIsReadOnlyWithItsToken(t *testing.T) {
	c := embedded(t)
	token := drafts.NewToken()
	d := newDraft("t")
	d.Values.Set("narrative", story)
	r := httptest.NewRequest("POST", "/", nil)
	if _, _, err := c.desk.save(r, token, d); err != nil {
		t.Fatal(err)
	}
	if got, err := c.desk.load(t.Context(), token, ""); err != nil || got.value("narrative") != story {
		t.Fatalf("%v %v", got, err)
	}
	for name, other := range map[string]string{"another": drafts.NewToken(), "none": "", "short": token[1:], "altered": flip(token)} {
		if got, err := c.desk.load(t.Context(), other, ""); err != nil || got != nil {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
	// The ciphertext under another name, or in another draft's page, is nothing.
	sealed, err := c.rdb.Get(t.Context(), c.drafts()[0]).Result()
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := c.desk.load(t.Context(), drafts.NewToken(), sealed); got != nil {
		t.Error("opened with another token")
	}
	if ttl := c.rdb.TTL(t.Context(), c.drafts()[0]).Val(); ttl <= 0 || ttl > 24*time.Hour {
		t.Errorf("it ends in %s", ttl)
	}
	// Its length tells a bucket and no more.
	d.Values.Set("narrative", story+"一")
	next, _, err := c.desk.save(r, token, d)
	if err != nil || len(next) != len(sealed) {
		t.Errorf("%d and %d bytes, %v", len(sealed), len(next), err)
	}
	d.Values.Set("narrative", strings.Repeat("长", 100_000))
	if _, _, err := c.desk.save(r, token, d); !fault.Is(err, fault.TooLarge) {
		t.Errorf("too long a draft: %v", err)
	}
}

func TestKeysOfADraftBoxStandInNoClear(t *testing.T) {
	c := embedded(t)
	k := c.browser(true)
	v := k.fill().fields()
	v.Set("go", "attach")
	k.form("/report/evidence", v)
	d, err := c.desk.load(t.Context(), v.Get("draft"), "")
	if err != nil || d == nil || d.Box == nil {
		t.Fatalf("%+v %v", d, err)
	}
	if _, err := seal.ParseIdentity(d.Box.Key); err != nil {
		t.Fatal(err)
	}
	redistest.Grep(t, c.rdb, d.Box.Key)
	redistest.Grep(t, c.rdb, d.Box.Token)
	redistest.Grep(t, c.rdb, v.Get("draft"))
}

func TestFieldsOfEveryStepAreTheirs(t *testing.T) {
	seen := map[string]bool{}
	for s, names := range fields {
		for _, n := range names {
			if seen[n] {
				t.Errorf("%s is in two steps", n)
			}
			seen[n] = true
			if stepOf(n) != s {
				t.Errorf("%s belongs to %s", n, stepOf(n))
			}
		}
	}
	for pointer, want := range map[string]string{"parties/0/code": "party", "numbers/3": "numbers", "reporter/contact": "contact", "reporter": "name", "kind": "kind"} {
		if got := fieldOf(pointer); got != want {
			t.Errorf("%s is %s", pointer, got)
		}
	}
	if slices.Index(steps, checkStep) != len(steps)-1 {
		t.Error("the last step is not the check")
	}
}
