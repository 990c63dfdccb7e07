package disclosure

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/catalog"
	"ipcredit/shared/citytest"
	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/redistest"
	"ipcredit/shared/workday"
)

func listing(act, authority, code string) Writing {
	return Writing{Kind: credit.Determination, Review: Clear, Values: map[string]string{
		"subjectName": "新乡市虚构甲科技有限公司", "subjectCode": "91410771MA00AAA104", "instrumentNo": "新测市监严列〔2026〕1号", "act": act, "basis": "第九条第二项",
		"determinedOn": "2026-05-06", "authority": authority, "authorityCode": code, "sourceUrl": "https://source.example/1", "penalty": "新测市监处罚[2026]1号",
	}}
}

func has(err error, code string) bool {
	f, ok := fault.Of(err)
	if !ok {
		return false
	}
	for _, x := range f.Fields {
		if x.Code == code {
			return true
		}
	}
	return f.Code == code
}

// TestThreat_NobodyIsListedWithoutTheLevelAbove walks a listing of the city's own:
// it cannot be submitted before its consent stands, which is another body's and not
// later than the decision, and whoever changes the draft needs it anew.
func TestThreat_NobodyIsListedWithoutTheLevelAbove(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		b := newBureau(t, rdb)
		b.fined(nil)
		w := listing(credit.SeriousList, "新乡市测试区市场监督管理局", "11410700000000019U")
		n, err := b.store.Begin(t.Context(), writes, "410700", w, b.now)
		if err != nil {
			t.Fatal(err)
		}
		b.must(writes, &n, Act{Step: Serve, On: workday.MustDate("2026-05-06")})
		b.must(writes, &n, Act{Step: Answer, Reply: Waived})
		if err := b.do(writes, &n, Act{Step: Submit}); !is(err, "disclosure.no_consent") {
			t.Fatalf("submitted: %v", err)
		}
		good := Act{Step: Agree, Authority: "河南省测试市场监督管理局", Number: "豫测市监〔2026〕9号", On: workday.MustDate("2026-05-06")}
		for _, x := range []struct {
			name, code string
			change     func(*Act)
		}{
			{"after the decision", "disclosure.consent_late", func(a *Act) { a.On = workday.MustDate("2026-05-07") }},
			{"after today", "disclosure.future", func(a *Act) { a.On = workday.MustDate("2026-05-12") }},
			{"of no day", "disclosure.day", func(a *Act) { a.On = workday.Date{} }},
			{"by itself", "disclosure.consent_self", func(a *Act) { a.Authority = "新乡市测试区 市场监督管理局" }},
			{"by a body of another trade", "disclosure.consent_authority", func(a *Act) { a.Authority = "新乡市测试协会" }},
			{"without a number", "disclosure.incomplete", func(a *Act) { a.Number = "" }},
		} {
			act := good
			x.change(&act)
			if err := b.do(writes, &n, act); !has(err, x.code) {
				t.Errorf("%s: %v", x.name, err)
			}
		}
		b.must(writes, &n, good)
		b.must(writes, &n, Act{Step: Edit, Writing: w})
		if n.Consent != nil {
			t.Error("the consent to another draft stays")
		}
		b.must(writes, &n, Act{Step: Serve, On: workday.MustDate("2026-05-06")})
		b.must(writes, &n, Act{Step: Answer, Reply: Waived})
		b.must(writes, &n, good)
		b.must(writes, &n, Act{Step: Submit})
		b.must(approves, &n, Act{Step: Approve})
		b.must(publishes, &n, Act{Step: Publish})
		c := b.fate(n)
		if c.Fate != credit.Displayed || c.Act != credit.SeriousList || c.Tier != credit.Serious || c.DisplayUntil.String() != "2029-05-06" {
			t.Errorf("%+v", c)
		}
	})
}

// TestConsentAndPenaltyAreForListingsOfOurOwn: the level above agrees to, and a
// heavier penalty stands behind, what the city itself lists.
func TestConsentAndPenaltyAreForListingsOfOurOwn(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, act string
		channel   credit.Channel
		on        string
		want      bool
	}{
		{"a listing of ours", credit.SeriousList, credit.Original, "2026-05-06", true},
		{"on Order 44's first day", credit.SeriousList, credit.Original, "2021-09-01", true},
		{"the day before", credit.SeriousList, credit.Original, "2021-08-31", false},
		{"another place's", credit.SeriousList, credit.Republish, "2026-05-06", false},
		{"a determination of CNIPA", "DA1", credit.Republish, "2026-05-06", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n := Notice{Kind: credit.Determination, State: Draft, Record: credit.Record{Act: tt.act, Channel: tt.channel, DeterminedOn: workday.MustDate(tt.on)}}
			if got, _, err := law.ConsentNeeded(n); err != nil || got != tt.want {
				t.Errorf("consent %v %v", got, err)
			}
			if got, _, err := law.PenaltyNeeded(n); err != nil || got != tt.want {
				t.Errorf("penalty %v %v", got, err)
			}
		})
	}
}

func TestWhatTheCatalogueHasAsInternalIsNotPublishedByNotice(t *testing.T) {
	b := newBureau(t, redistest.Embedded(t))
	people, items := citytest.NewStaff(t, b.journal, b.now), catalog.New(b.journal)
	as := func(name string) (id string) {
		u, known, err := people.UserByName(t.Context(), name)
		if err != nil || !known {
			t.Fatal(name, err)
		}
		return u.ID
	}
	handler, err := people.Actor(t.Context(), as("lead.handler"))
	if err != nil {
		t.Fatal(err)
	}
	approver, err := people.Actor(t.Context(), as("lead.approver"))
	if err != nil {
		t.Fatal(err)
	}
	i, _ := catalog.Shipped().Item("penalty", workday.MustDate("2026-05-06"))
	i.Channel, i.From = catalog.Internal, workday.MustDate("2026-05-06")
	p, err := items.Propose(t.Context(), handler, catalog.Proposal{Item: &i, Reason: "测试"}, b.now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := items.Approve(t.Context(), approver, p.ID, b.now); err != nil {
		t.Fatal(err)
	}
	if _, err := b.store.Begin(t.Context(), writes, "410700", b.penalty(), b.now); !has(err, "disclosure.internal") {
		t.Errorf("%v", err)
	}
	before := b.penalty()
	before.Values["determinedOn"] = "2026-05-05"
	if _, err := b.store.Begin(t.Context(), writes, "410700", before, b.now); err != nil {
		t.Errorf("the day before: %v", err)
	}
}
