package function

import (
	"strings"
	"testing"

	"ipcredit/shared/clock"
	"ipcredit/shared/journal"
	"ipcredit/shared/workday"
)

// TestMyDayLinksWhatTheReaderMayOpenAlone: the people of the bureau above see that a
// limit runs beneath them, and no link that would refuse them.
func TestMyDayLinksWhatTheReaderMayOpenAlone(t *testing.T) {
	c := embedded(t)
	today := workday.DateOf(c.clock.Now())
	var kept []clock.Kept
	for what, link := range map[string]string{
		"application:X1": "case-handling/applications/items/x1", "notice:X2": "case-handling/liaison/x2", "campaign:X3": "case-handling/campaigns/x3",
	} {
		kept = append(kept, clock.Kept{
			Ref: what, Unit: "410702", Division: "410702", Link: link,
			Clocks: []clock.Clock{{Name: "handling", From: today, Due: today.AddDays(1)}},
		})
	}
	entry := journal.Entry{Actor: "test", Action: "test.keep", Ref: "test", At: c.clock.Now()}
	if err := c.env.Journal.Commit(t.Context(), entry, nil, func(tx *journal.Tx) error { return clock.New(c.env.Journal).Keep(tx, kept...) }); err != nil {
		t.Fatal(err)
	}
	for user, want := range map[string]string{
		"hongqi.handler": "applications/items/x1 liaison/x2 campaigns/x3",
		"lead.handler":   "campaigns/x3", // its campaigns reach the districts
	} {
		a := c.as(user).get("/day?of=unit")
		wantIn(t, a, "X1", "X2", "X3")
		var linked []string
		for _, link := range []string{"applications/items/x1", "liaison/x2", "campaigns/x3"} {
			if strings.Contains(a.body, link+`"`) {
				linked = append(linked, link)
			}
		}
		if got := strings.Join(linked, " "); got != want {
			t.Errorf("%s: linked are %q, want %q", user, got, want)
		}
	}
}
