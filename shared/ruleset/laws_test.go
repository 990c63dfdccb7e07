package ruleset

import (
	"testing"

	"ipcredit/shared/workday"
)

func TestLawsThatAreNotGivenAreThoseThatAreShipped(t *testing.T) {
	t.Parallel()
	l := Laws{}.Filled()
	if len(l.Set.All()) == 0 || !l.Calendar.Covers(2026) {
		t.Error("nothing was put in")
	}
	own := Laws{Set: l.Set, Calendar: l.Calendar}.Filled()
	if len(own.Set.All()) != len(l.Set.All()) || own.Calendar.Version() != l.Calendar.Version() {
		t.Error("what was given was replaced")
	}
}

func TestARuleIsThatInForceOnTheDayOfTheEvent(t *testing.T) {
	t.Parallel()
	type target struct{ Reach, Of int }
	rule, p, err := Of[target](Shipped(), "linkage-rate", workday.MustDate("2026-03-01"))
	if err != nil || rule.ID != "linkage-rate" || p.Reach != 9 || p.Of != 10 {
		t.Error(rule.Ref(), p, err)
	}
	if _, _, err := Of[target](Shipped(), "linkage-rate", workday.MustDate("1990-01-01")); err == nil {
		t.Error("a rule was found for a day before it")
	}
	if _, _, err := Of[target](Shipped(), "no-such-rule", workday.MustDate("2026-03-01")); err == nil {
		t.Error("a rule was found that does not exist")
	}
}
