package casework

import (
	"testing"

	words "ipcredit/shared/page"
)

// Messages of deadline-tick and “my day” say which limit it is, not only that
// there is one.
func TestEveryKeptClockHasItsWord(t *testing.T) {
	t.Parallel()
	w := desk(t)
	c := w.opened(draft())
	kept, found, err := w.clocks.Of(t.Context(), Ref(c.Number))
	ok(t, err)
	if !found || kept.Matter != "casework" {
		t.Fatalf("%+v", kept)
	}
	for _, name := range []string{
		CheckClock, DecisionClock, ReviewClock, HearingClock, SuspensionClock, WaitClock, PreservationClock, ServiceClock,
		PerformanceClock, ClosingClock, ReceiptClock, OfferClock, JurisdictionClock,
	} {
		if word := kept.Matter + ".clock." + name; !words.Has(word) {
			t.Error("no word", word)
		}
	}
}
