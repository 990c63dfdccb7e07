package catalog

import (
	"slices"
	"testing"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/page"
	"ipcredit/shared/redistest"
)

// added is one more act, as CNIPA might list it.
func added(t testing.TB, act string, change func(*Item)) Proposal {
	t.Helper()
	return item(t, Rest, func(i *Item) {
		i.Act, i.Title.ZH, i.Title.EN, i.Article = act, "测试增列行为100%", "a 100% act of a test", "第六条第七项"
		change(i)
	})
}

func TestOneMoreActStandsUnderTheLawsLastOne(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, act string
		change    func(*Item)
		code      string // "" for accepted
	}{
		{"the next number", "DA8", func(*Item) {}, ""},
		{"letters of its own and a second number", "ZX12-3", func(*Item) {}, ""},
		{"internal", "DA8", func(i *Item) { i.Channel = Internal }, ""},
		{"with a tier", "DA8", func(i *Item) { i.Tier = Serious }, ""},
		{"the city's own to publish", "DA8", func(i *Item) { i.Channel = Original }, "catalog.wider"},
		{"a penalty", "DA8", func(i *Item) { i.Kinds = []Kind{Penalty} }, "catalog.added_kinds"},
		{"a determination and a judgment", "DA8", func(i *Item) { i.Kinds = []Kind{Determination, Judgment} }, "catalog.added_kinds"},
		{"found by an association", "DA8", func(i *Item) { i.Sources = []Source{Industry} }, "catalog.added_sources"},
		{"without basis", "DA8", func(i *Item) { i.Basis = "" }, "catalog.basis"},
		{"on the first day of the law", "DA8", func(i *Item) { i.From = day("2022-01-24") }, ""},
		{"a day before it", "DA8", func(i *Item) { i.From = day("2022-01-23") }, "catalog.before_law"},
		{"four digits", "DA1000", func(*Item) {}, "catalog.act_form"},
		{"a blank", "DA 8", func(*Item) {}, "catalog.act_form"},
		{"small letters", "da8", func(*Item) {}, "catalog.act_form"},
		{"a kind's name", "penalties", func(*Item) {}, "catalog.act_form"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, err := shipped.With(added(t, tt.act, tt.change))
			if tt.code != "" {
				refused(t, err, tt.code)
				return
			}
			ok(t, err)
			if got := c.Added(false); !slices.Equal(got, []string{tt.act}) {
				t.Errorf("added: %v", got)
			}
			if got := Under(tt.act); got != Rest {
				t.Errorf("it stands under %s", got)
			}
		})
	}
	for _, act := range []string{"DA1", "SL", "penalty", "nonsense", ""} {
		if Under(act) != act {
			t.Errorf("%s stands under %s", act, Under(act))
		}
	}
}

// What the law lets an act of its last item bring, one more brings as well, beside
// what is for it alone.
func TestOneMoreActBringsTheMeasuresOfTheLawsLastOne(t *testing.T) {
	t.Parallel()
	c, err := shipped.With(added(t, "DA8", func(i *Item) { i.From = day("2026-01-01") }))
	ok(t, err)
	rest := len(c.Brought(Rest, "", day("2026-05-01")))
	if got := len(c.Brought("DA8", "", day("2026-05-01"))); got != rest || rest == 0 {
		t.Errorf("%d measures, the law's last one has %d", got, rest)
	}
	c, err = c.With(measure(func(m *Measure) { m.From, m.Acts = day("2026-01-01"), []string{"DA8"} }))
	ok(t, err)
	if got := len(c.Brought("DA8", "", day("2026-05-01"))); got != rest+1 {
		t.Errorf("%d measures with its own", got)
	}
	if got := len(c.Brought(Rest, "", day("2026-05-01"))); got != rest {
		t.Errorf("its own measure is the others' too: %d", got)
	}
}

func TestStrangersKnowOfNoActThatIsOnlyInternal(t *testing.T) {
	t.Parallel()
	c, err := shipped.With(added(t, "DA8", func(i *Item) { i.Channel = Internal }))
	ok(t, err)
	c, err = c.With(added(t, "DA9", func(*Item) {}))
	ok(t, err)
	if got := c.Added(true); !slices.Equal(got, []string{"DA9"}) {
		t.Errorf("for strangers: %v", got)
	}
	if got := c.Added(false); !slices.Equal(got, []string{"DA8", "DA9"}) {
		t.Errorf("for officers: %v", got)
	}
}

// An act is called by what two people have called it, with nothing built anew.
func TestOneMoreActIsCalledByItsTitleOnceTwoPeopleHaveAgreed(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		o, on := newOffice(t, rdb), day("2027-01-01")
		const act = "QW77" // nobody else's in these tests: names are the process's
		if got := page.Say(page.EN, actWords+act); got != "an act added to the catalogue ("+act+")" && got != "a 100% act of a test" {
			t.Errorf("before: %s", got)
		}
		before := page.Missing()
		p, err := o.Propose(t.Context(), o.as("lead.handler"), added(t, act, func(*Item) {}), noon)
		ok(t, err)
		if o.channel(act, on.String()) != "" {
			t.Error("in force by one person")
		}
		_, err = o.Approve(t.Context(), o.as("lead.approver"), p.ID, noon)
		ok(t, err)
		if o.channel(act, on.String()) != Republish {
			t.Error("not in force")
		}
		if zh, en := page.Say(page.ZH, actWords+"QW77"), page.Say(page.EN, actWords+"QW77"); zh != "测试增列行为100%" || en != "a 100% act of a test" {
			t.Errorf("%s, %s", zh, en)
		}
		if page.Missing() != before {
			t.Error("counted as a missing word")
		}
	})
}
