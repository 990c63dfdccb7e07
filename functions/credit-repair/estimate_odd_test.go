package function

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// TestEstimateOfOddQuestions asks over HTTP what nobody asks in earnest: each gets the
// law's answer, or a refusal that names what is wrong, and never the answer to another
// question.
func TestEstimateOfOddQuestions(t *testing.T) {
	t.Parallel()
	h := city(t)
	for _, tt := range []struct {
		name, query                    string
		from, until, repair, refusedTo string
		wrong                          string // the parameter that is refused
	}{
		{name: "far in the future", query: "route=CNIPA&determined=2090-02-28", from: "2090-02-28", until: "2091-02-28", repair: "2090-08-29"},
		{name: "the second before the first", query: "route=CNIPA&determined=2025-09-01&determined2=2025-03-10", from: "2025-03-10", until: "2027-03-10", repair: "2026-03-02"},
		{name: "the same day twice", query: "route=CNIPA&determined=2025-03-10&determined2=2025-03-10", from: "2025-03-10", until: "2027-03-10", repair: "2025-09-11"},
		{name: "the same day four times", query: "route=CNIPA&determined=2025-03-10&determined=2025-03-10&determined=2025-03-10&determined=2025-03-10", from: "2025-03-10", until: "2028-03-10", repair: "2025-09-11"},
		{name: "repaired after the determination", query: "route=CNIPA&determined=2025-03-10&lastRepair=2025-10-01", from: "2025-03-10", until: "2026-03-10", repair: "2025-09-11", refusedTo: "2026-10-01"},
		{name: "repaired on 29 February", query: "route=CNIPA&determined=2024-06-30&lastRepair=2024-02-29", from: "2024-06-30", until: "2025-06-30", repair: "2024-12-31", refusedTo: "2025-02-28"},
		{name: "determined on 29 February and a year later", query: "route=CNIPA&determined=2024-02-29&determined2=2025-02-28", from: "2024-02-29", until: "2026-02-28", repair: "2025-08-29"},
		{name: "a general one on 29 February", query: "route=TIER&tier=general&determined=2028-02-29", from: "2028-02-29", until: "2029-02-28", repair: "2028-05-30"},
		{name: "a serious one at the month's end", query: "route=TIER&tier=serious&determined=2026-11-30", from: "2026-11-30", until: "2029-11-30", repair: "2027-12-01"},
		{name: "of tiers the newest counts, in any order", query: "route=TIER&tier=general&determined=2026-06-30&determined2=2026-04-10", from: "2026-06-30", until: "2027-06-30", repair: "2026-10-01"},
		{name: "the last day there is", query: "route=CNIPA&determined=9999-12-31", from: "9999-12-31", until: "9999-12-31", repair: "9999-12-31"},

		{name: "29 February of a common year", query: "route=CNIPA&determined=2025-02-29", wrong: "determined"},
		{name: "the year 1900 had none either", query: "route=CNIPA&determined=2025-03-10&lastRepair=1900-02-29", wrong: "lastRepair"},
		{name: "the day before the rule", query: "route=CNIPA&determined=2022-01-23", wrong: "determined"},
		{name: "one of two before the rule", query: "route=CNIPA&determined=2025-03-10&determined2=2022-01-23", wrong: "determined"},
		{name: "a time as well", query: "route=CNIPA&determined=2025-03-10T00:00:00Z", wrong: "determined"},
		{name: "no zeros", query: "route=CNIPA&determined=2025-3-1", wrong: "determined"},
		{name: "an empty date", query: "route=CNIPA&determined=2025-03-10&determined2=", wrong: "determined2"},
		{name: "an empty last repair", query: "route=CNIPA&determined=2025-03-10&lastRepair=", wrong: "lastRepair"},
		{name: "the last repair twice", query: "route=CNIPA&determined=2025-03-10&lastRepair=2025-01-01&lastRepair=2025-02-01", wrong: "lastRepair"},
		{name: "the tier twice", query: "route=TIER&tier=general&tier=serious&determined=2026-04-10", wrong: "tier"},
		{name: "the route in small letters", query: "route=cnipa&determined=2025-03-10", wrong: "route"},
		{name: "a tier in Chinese", query: "route=TIER&tier=一般&determined=2026-04-10", wrong: "tier"},
		{name: "a tier that there is not, where none is asked for", query: "route=CNIPA&tier=grave&determined=2025-03-10", wrong: "tier"},
		{name: "a parameter of no number", query: "route=CNIPA&determined=2025-03-10&determined01=2025-04-10", wrong: "determined01"},
		{name: "101 determinations", query: "route=CNIPA" + strings.Repeat("&determined=2025-03-10", 101), wrong: "determined"},
		{name: "half an escape", query: "route=CNIPA&determined=2025-03-10&determined2=2025-09-0%", wrong: "query"},
		{name: "semicolons", query: "route=CNIPA&determined=2025-03-10;determined2=2025-09-01", wrong: "query"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := ask(t, h, tt.query, "application/json")
			if tt.wrong != "" {
				if w.Code < 400 || w.Code >= 500 || !strings.Contains(w.Body.String(), `"`+tt.wrong+`"`) && !strings.Contains(w.Body.String(), "/"+tt.wrong) {
					t.Errorf("%d %s, want %s refused", w.Code, w.Body, tt.wrong)
				}
				if page := ask(t, h, tt.query, "text/html"); page.Code != w.Code && !strings.Contains(tt.name, "empty") {
					t.Errorf("as a page %d, as data %d", page.Code, w.Code)
				}
				return
			}
			var got struct{ DisplayFrom, DisplayUntil, RepairFrom, RefusedUntil string }
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusOK {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			if got.DisplayFrom != tt.from || got.DisplayUntil != tt.until || got.RepairFrom != tt.repair || got.RefusedUntil != tt.refusedTo {
				t.Errorf("%+v", got)
			}
			if page := ask(t, h, tt.query, "text/html"); page.Code != http.StatusOK || !strings.Contains(page.Body.String(), tt.until) {
				t.Errorf("as a page: %d", page.Code)
			}
		})
	}
}
