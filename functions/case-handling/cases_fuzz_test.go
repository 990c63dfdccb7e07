package function

import (
	"net/url"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"ipcredit/shared/casework"
)

// FuzzCaseForm reads whatever is posted as the form of a case: nothing breaks, no
// line is lost, and what was read fills the same form again.
func FuzzCaseForm(f *testing.F) {
	f.Add("parties/0/name=a&parties/2/name=b&people/1/name=c&numbers=1%0a2&tags=industry:C&received=2026-05-20")
	f.Add("parties/199/name=x&parties/-1/name=y&people/9999999999999999999/name=z")
	f.Add("kind=%ff&actEnded=2026-13-40")
	f.Fuzz(func(t *testing.T, query string) {
		form, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		dr, err := draftOfForm(form)
		if err != nil {
			return
		}
		again, err := draftOfForm(formOfDraft(dr))
		if err != nil {
			t.Fatal(err)
		}
		if len(again.Parties) != len(dr.Parties) || len(again.People) != len(dr.People) || again.Facts != dr.Facts || again.Received != dr.Received {
			t.Errorf("%+v became %+v", dr, again)
		}
		for i := range dr.Parties {
			if again.Parties[i] != dr.Parties[i] {
				t.Errorf("%+v became %+v", dr.Parties[i], again.Parties[i])
			}
		}
	})
}

func TestSumsOfMoneyAreReadAsTheyAreWritten(t *testing.T) {
	for _, tt := range []struct {
		typed string
		fen   int64
		bad   bool
	}{
		{"", 0, false}, {"0", 0, false}, {"5000", 500000, false}, {"5000.5", 500050, false}, {"5,000.05", 500005, false}, {"0.01", 1, false},
		{"1.234", 0, true}, {"-1", 0, true}, {"1.2.3", 0, true}, {"一千", 0, true}, {"1e5", 0, true}, {"99999999999999999999", 0, true},
	} {
		got, err := fen(tt.typed)
		if (err != nil) != tt.bad || got != tt.fen {
			t.Errorf("%q is %d (%v)", tt.typed, got, err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(0, 1e14).Draw(t, "fen")
		if got, err := fen(yuan(n)); err != nil || got != n {
			t.Fatalf("%s is %d, not %d (%v)", yuan(n), got, n, err)
		}
	})
}

func TestChoiceOfTheQueueIsReadOnce(t *testing.T) {
	form := url.Values{"c": {"AJ410702-2026-00001:3", "AJ410702-2026-00001:4", "AJ410702-2026-00002:1"}}
	got, err := chosenCases(form)
	if err != nil || len(got) != 2 || got[0] != (casework.Seen{Number: "AJ410702-2026-00001", Version: 3}) {
		t.Errorf("%v (%v)", got, err)
	}
	for _, bad := range [][]string{nil, {"AJ410702-2026-00001"}, {"AJ410702-2026-00001:-1"}, {"x:1"}, {":1"}, {"AJ410702-2026-00001:99999999999999999999"}} {
		if _, err := chosenCases(url.Values{"c": bad}); err == nil {
			t.Errorf("%q is a choice", bad)
		}
	}
	var many []string
	for n := range maxBulk + 1 {
		many = append(many, "AJ410702-2026-"+strconv.Itoa(10000+n)+":1")
	}
	if _, err := chosenCases(url.Values{"c": many}); err == nil {
		t.Error("more than can be done at a time is a choice")
	}
	if _, err := chosenCases(url.Values{"c": many[1:]}); err != nil {
		t.Errorf("as many as can be done are none: %v", err)
	}
}
