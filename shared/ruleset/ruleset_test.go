package ruleset

import (
	"encoding/json"
	"strings"
	"testing"

	"ipcredit/shared/page"
	"ipcredit/shared/workday"

	"pgregory.net/rapid"
)

func TestTheVersionOfTheDayOfTheEventApplies(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, id, on, want string
	}{
		{"Order 45 on its first day", "penalty-display", "2021-09-01", "penalty-display@2021-09-01"},
		{"Order 45 before it", "penalty-display", "2021-08-31", ""},
		{"Order 58 on its first day", "display-longest", "2023-05-01", "display-longest@2023-05-01"},
		{"Order 58 before it", "display-longest", "2023-04-30", ""},
		{"Order 58 on its last day", "display-longest", "2026-03-31", "display-longest@2023-05-01"},
		{"Order 58 after it", "display-longest", "2026-04-01", ""},
		{"tiers before Order 36", "display-tiers", "2026-03-31", ""},
		{"tiers on its first day", "display-tiers", "2026-04-01", "display-tiers@2026-04-01"},
		{"tiers long after", "display-tiers", "2099-12-31", "display-tiers@2026-04-01"},
		{"CNIPA rule on its first day", "cnipa-dishonesty", "2022-01-24", "cnipa-dishonesty@2022-01-24"},
		{"CNIPA rule before it", "cnipa-dishonesty", "2022-01-23", ""},
		{"no such rule", "nothing", "2026-01-01", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, ok := For(tt.id, workday.MustDate(tt.on))
			if got := r.Ref(); ok != (tt.want != "") || ok && got != tt.want {
				t.Fatalf("For(%s, %s) = %q %v, want %q", tt.id, tt.on, got, ok, tt.want)
			}
			if ok {
				if back, found := Shipped().Ref(r.Ref()); !found || back.Ref() != r.Ref() {
					t.Error("a stored reference must find its rule again")
				}
			}
		})
	}
}

func TestEveryRuleFromMemoryOrOfOurOwnHasALabelForPeople(t *testing.T) {
	t.Parallel()
	for _, r := range Shipped().All() {
		if !r.Labelled() {
			continue
		}
		if key := "ruleset.label." + string(r.Confidence); !page.Has(key) {
			t.Errorf("%s: no words for %s", r.Ref(), key)
		}
		if r.Basis().Confidence == "" {
			t.Errorf("%s: its basis hides how it is known", r.Ref())
		}
	}
}

func rule(id, from, to string) Rule {
	r := Rule{ID: id, Source: "测试规定", Article: "第一条", From: workday.MustDate(from), Confidence: Verified,
		Title: Words{"测试", "test"}, Params: json.RawMessage(`{"n":1}`)}
	if to != "" {
		r.To = workday.MustDate(to)
	}
	return r
}

func TestRefusesTwoVersionsOnOneDay(t *testing.T) {
	t.Parallel()
	if _, err := NewSet(rule("a", "2026-01-01", "2026-03-31"), rule("a", "2026-04-01", "")); err != nil {
		t.Error(err)
	}
	for name, rules := range map[string][]Rule{
		"overlap by a day": {rule("a", "2026-01-01", "2026-04-01"), rule("a", "2026-04-01", "")},
		"no end":           {rule("a", "2026-01-01", ""), rule("a", "2026-04-01", "")},
		"the same twice":   {rule("a", "2026-01-01", "2026-01-02"), rule("a", "2026-01-01", "2026-01-02")},
	} {
		if _, err := NewSet(rules...); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestALaterVersionLeavesPastDecisionsAlone(t *testing.T) {
	t.Parallel()
	ended := rule("a", "2026-01-01", "2026-06-30")
	s, err := NewSet(rule("a", "2026-01-01", ""))
	if err != nil {
		t.Fatal(err)
	}
	next, err := s.With(ended, rule("a", "2026-07-01", ""))
	if err != nil {
		t.Fatal(err)
	}
	if r, _ := next.For("a", workday.MustDate("2026-06-30")); r.Ref() != "a@2026-01-01" {
		t.Error(r.Ref())
	}
	if r, _ := next.For("a", workday.MustDate("2026-07-01")); r.Ref() != "a@2026-07-01" {
		t.Error(r.Ref())
	}
	if r, _ := s.For("a", workday.MustDate("2026-07-01")); r.Ref() != "a@2026-01-01" {
		t.Error("With must not change the set it starts from")
	}
}

func TestRefusesRulesWithoutSourceArticleOrDay(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Rule){
		"id":         func(r *Rule) { r.ID = "Bad ID" },
		"source":     func(r *Rule) { r.Source = "" },
		"article":    func(r *Rule) { r.Article = "" },
		"title":      func(r *Rule) { r.Title.EN = "" },
		"first day":  func(r *Rule) { r.From = workday.Date{} },
		"reversed":   func(r *Rule) { r.To = r.From.AddDays(-1) },
		"confidence": func(r *Rule) { r.Confidence = "sure" },
		"params":     func(r *Rule) { r.Params = json.RawMessage(`[]`) },
	} {
		r := rule("a", "2026-01-01", "")
		change(&r)
		if _, err := NewSet(r); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestMisspeltParametersAreErrors(t *testing.T) {
	t.Parallel()
	type params struct {
		N int `json:"n"`
	}
	r := rule("a", "2026-01-01", "")
	if p, err := Params[params](r); err != nil || p.N != 1 {
		t.Error(p, err)
	}
	r.Params = json.RawMessage(`{"m":1}`)
	if _, err := Params[params](r); err == nil || !strings.Contains(err.Error(), "a@2026-01-01") {
		t.Error(err)
	}
	for _, in := range []string{``, `{"rule":[]}`, `{"rules":[{"id":"a"}]}`, `{"rules":[]} x`} {
		if _, err := Parse([]byte(in)); err == nil {
			t.Errorf("%q was read", in)
		}
	}
}

func TestAtMostOneVersionAppliesOnAnyDay(t *testing.T) {
	t.Parallel()
	ids := map[string]bool{}
	for _, r := range Shipped().All() {
		ids[r.ID] = true
	}
	rapid.Check(t, func(t *rapid.T) {
		on := workday.MustDate("2015-01-01").AddDays(rapid.IntRange(0, 9000).Draw(t, "day"))
		for id := range ids {
			n := 0
			for _, r := range Shipped().All() {
				if r.ID == id && r.InForce(on) {
					n++
				}
			}
			if _, ok := For(id, on); n > 1 || ok != (n == 1) {
				t.Fatalf("%s on %v: %d versions", id, on, n)
			}
		}
	})
}

func TestChineseIsWrittenWithChinesePunctuation(t *testing.T) {
	t.Parallel()
	for _, r := range Shipped().All() {
		for _, text := range []string{r.Source, r.Article, r.Title.ZH} {
			if strings.ContainsAny(text, ",;()!?") {
				t.Errorf("%s: %q", r.Ref(), text)
			}
		}
	}
}
