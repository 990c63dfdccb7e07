package linkage_test

import (
	"testing"

	"pgregory.net/rapid"

	"ipcredit/shared/linkage"
	"ipcredit/shared/workday"
)

// Domain reference M.8: S4.13 says 90 % 以上, which includes 90 % (民法典 art. 1259).
func TestRateIsComparedAsIntegersAndNeverRoundedUp(t *testing.T) {
	t.Parallel()
	target, _, err := linkage.TargetOn(linkage.Rules{}, workday.MustDate("2026-03-02"))
	if err != nil {
		t.Fatal(err)
	}
	yes, no := true, false
	for _, c := range []struct {
		name                string
		withdrawn, notified int
		reached             *bool
		rate                float64
	}{
		{"exactly nine of ten", 9, 10, &yes, 0.9},
		{"eighteen of twenty", 18, 20, &yes, 0.9},
		{"one less of two thousand", 1799, 1999, &no, 0.8999},
		{"the number that is just enough", 1800, 1999, &yes, 0.9004},
		{"89.95 %, printed as 90 % where one rounds", 179, 199, &no, 0.8994},
		{"180 of 199", 180, 199, &yes, 0.9045},
		{"17 of 19", 17, 19, &no, 0.8947},
		{"18 of 19", 18, 19, &yes, 0.9473},
		{"all", 7, 7, &yes, 1},
		{"none of one", 0, 1, &no, 0},
		{"one short of a million", 899_999, 1_000_000, &no, 0.8999},
		{"just a million", 900_000, 1_000_000, &yes, 0.9},
		{"one short of all", 99_999, 100_000, &yes, 0.9999},
		{"nothing notified", 0, 0, nil, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			counts := linkage.Counts{Notified: c.notified, Withdrawn: c.withdrawn}
			reached, rate := counts.Reached(target), counts.Rate()
			if (reached == nil) != (c.reached == nil) || reached != nil && *reached != *c.reached {
				t.Error("reached is", reached)
			}
			if (rate == nil) != (c.reached == nil) || rate != nil && *rate != c.rate {
				t.Error("rate is", rate, "not", c.rate)
			}
		})
	}
}

func TestRateIsNeverMoreThanWhatItStandsFor(t *testing.T) {
	t.Parallel()
	target := linkage.Target{Reach: 9, Of: 10}
	rapid.Check(t, func(t *rapid.T) {
		notified := rapid.IntRange(1, 2_000_000).Draw(t, "notified")
		withdrawn := rapid.IntRange(0, notified).Draw(t, "withdrawn")
		c := linkage.Counts{Notified: notified, Withdrawn: withdrawn}
		rate := *c.Rate()
		if tenThousandths := int(rate*10_000 + .5); tenThousandths*notified > withdrawn*10_000 {
			t.Fatalf("%d of %d is less than %v", withdrawn, notified, rate)
		}
		if reached := *c.Reached(target); reached != (rate >= 0.9) {
			t.Fatalf("%d of %d: reached %v beside a rate of %v", withdrawn, notified, reached, rate)
		}
	})
}

func TestConfirmedNormalLeavesTheDenominator(t *testing.T) {
	t.Parallel()
	var c linkage.Counts
	for _, s := range []linkage.State{
		linkage.Withdrawn, linkage.Withdrawn, linkage.Deemed, linkage.Rejected, linkage.Explained, linkage.Pending, linkage.Notified,
		linkage.Assigned, linkage.Contacted, linkage.Accepted,
	} {
		c.Add(s)
	}
	if want := (linkage.Counts{Notified: 9, Withdrawn: 2, Deemed: 1, Rejected: 1, Accepted: 1}); c != want {
		t.Error(c)
	}
	if c.Open() != 5 || c.Disposed() != 4 || *c.DisposalRate() != 0.4444 {
		t.Error(c.Open(), c.Disposed(), *c.DisposalRate())
	}
}
