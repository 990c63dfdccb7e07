package credit

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/journal"
	"ipcredit/shared/notary"
	"ipcredit/shared/objects"
	"ipcredit/shared/redistest"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/subject"
	"ipcredit/shared/workday"
)

const (
	firmA = "91410771MA00AAA104"
	firmB = "91410771MA00AAA291"
	firmC = "91410772MA00AAB17X"
	firmD = "91410711MA00AAD1X2"
)

// city is a store of fictitious subjects, with the public log behind it.
type city struct {
	t     *testing.T
	j     *journal.Journal
	store *Store
	log   *notary.Log
	now   time.Time

	public *notary.Verifier
}

func newCity(t *testing.T, rdb *redis.Client, at string) *city {
	t.Helper()
	c := &city{t: t, j: journal.New(rdb, "410700", journal.Options{}), now: noon(at)}
	buckets, err := objects.Open(objects.Config{Dir: t.TempDir(), Create: true})
	if err != nil {
		t.Fatal(err)
	}
	origin, err := notary.Origin("https://city.example", "410700", notary.Disclosure)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := notary.NewKey(origin)
	if err != nil {
		t.Fatal(err)
	}
	key, err := notary.ParseKey([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	if c.public, err = notary.ParsePublic(key.Public()); err != nil {
		t.Fatal(err)
	}
	c.log = notary.Open(c.j, buckets.Main, notary.Disclosure, key).Mirror()
	c.store = NewStore(c.j, Shipped()).Public("https://city.example")
	for i, code := range []string{firmA, firmB, firmC, firmD} {
		c.apply(Change{Subjects: []subject.Subject{{Code: code, Name: "新乡市虚构" + string([]rune("甲乙丙丁")[i]) + "科技有限公司", Kind: "enterprise", District: "410771"}}})
	}
	return c
}

func (c *city) entry() journal.Entry {
	return journal.Entry{Actor: "test", Action: "credit.test", Ref: "test", At: c.now}
}

func (c *city) apply(ch Change) (subjects, records []Outcome) {
	c.t.Helper()
	ch.Entry = c.entry()
	subjects, records, err := c.store.Apply(c.t.Context(), ch)
	if err != nil {
		c.t.Fatal(err)
	}
	return subjects, records
}

// record makes a determination about the subject and commits it.
func (c *city) record(code, on string) Record {
	c.t.Helper()
	r := determined("国知测认〔"+on[:4]+"〕"+on[5:7]+on[8:]+"号", on)
	r.ID, r.CollectedAt, r.PublishedOn = NewID(Determination, r.Authority, r.InstrumentNo, code), c.now, workday.DateOf(c.now)
	c.apply(Change{Records: []Entry{{SubjectCode: code, SubjectName: "新乡市虚构某科技有限公司", Record: r}}})
	return r
}

func (c *city) sequence() {
	c.t.Helper()
	if _, err := c.log.Sequence(c.t.Context(), c.now); err != nil {
		c.t.Fatal(err)
	}
}

func (c *city) view(code string) View {
	c.t.Helper()
	v, err := c.store.View(c.t.Context(), code, c.now)
	if err != nil {
		c.t.Fatal(err)
	}
	return v
}

type heard struct {
	Code    string
	Records []struct{ ID, InstrumentNo, NamedCode, DisplayUntil string }
	Log     *Log
}

// law is the law in force.
func (c *city) law() *Law {
	c.t.Helper()
	law, err := c.store.Law(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	return law
}

func (c *city) answer(code string) heard {
	c.t.Helper()
	var a heard
	body := c.view(code).Body
	if err := json.Unmarshal(body, &a); err != nil {
		c.t.Fatal(err)
	}
	// What was written at a commit is what would be computed now.
	p, err := c.store.Load(c.t.Context(), code)
	if err != nil {
		c.t.Fatal(err)
	}
	want, err := json.Marshal(p.Answer(c.law(), c.now))
	if err != nil || string(want) != string(body) {
		c.t.Errorf("stored and computed answers differ: %s, %s, %v", body, want, err)
	}
	return a
}

// shown lists what is shown of a subject, by day of the document's number.
func (c *city) shown(code string) string {
	var list []string
	for _, r := range c.answer(code).Records {
		_, number, _ := strings.Cut(r.InstrumentNo, "〕")
		if r.NamedCode != "" {
			number += "@" + r.NamedCode[14:]
		}
		list = append(list, number+"→"+r.DisplayUntil)
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

// another is the shipped law with a rule's parameters changed.
func another(t *testing.T, calendar workday.Calendar, id, params string) *Law {
	t.Helper()
	r, ok := ruleset.For(id, workday.MustDate("2026-05-01"))
	if !ok {
		t.Fatalf("no rule %s", id)
	}
	r.Params = json.RawMessage(params)
	set, err := ruleset.Shipped().With(r)
	if err != nil {
		t.Fatal(err)
	}
	law, err := NewLaw(calendar, set)
	if err != nil {
		t.Fatal(err)
	}
	return law
}

func TestThreat_AStoredAnswerFollowsAChangeOfLawWithoutAnyJob(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb, "2026-05-06")
		c.record(firmA, "2026-03-10")
		before := c.view(firmA)
		if got := c.shown(firmA); got != "0310号→2027-03-10" {
			t.Fatal(got)
		}
		law := another(t, workday.Official(), "cnipa-dishonesty", `{"term":{"n":6,"unit":"months"},"longest":{"n":36,"unit":"months"},"repairAfter":{"n":6,"unit":"months"},"refusedAfterRepair":{"n":1,"unit":"years"}}`)
		shipped := c.store
		c.store = NewStore(c.j, law).Public("https://city.example")
		after := c.view(firmA)
		if got := c.shown(firmA); got != "0310号→2026-09-10" {
			t.Errorf("under the new law: %s", got)
		}
		if after.ETag == before.ETag || !after.Next.Equal(workday.MustDate("2026-09-11").Start()) {
			t.Errorf("ETag %s and %s, next %v", before.ETag, after.ETag, after.Next)
		}
		if again := c.view(firmA); again.ETag != after.ETag {
			t.Error("the same answer has two ETags")
		}
		c.store = shipped
		if got := c.view(firmA); got.ETag != before.ETag {
			t.Error("the old law does not find its answer again")
		}
	})
}

func TestAnImportedYearIsAnotherLaw(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb, "2026-11-06")
		// The last day for suit is Saturday 2027-05-01, and moves to a working day.
		r := punished("2026-11-01", "罚款", 60_000)
		r.ID = NewID(Penalty, r.Authority, r.InstrumentNo, firmA)
		c.apply(Change{Records: []Entry{{SubjectCode: firmA, SubjectName: "某", Record: r}}})
		before := c.view(firmA)
		span := func(from, to string) workday.Span {
			return workday.Span{Name: "测试假期", From: workday.MustDate(from), To: workday.MustDate(to)}
		}
		calendar, err := workday.NewCalendar(workday.Year{
			Year: 2027, Title: "测试安排", Notice: "测试〔2026〕1号", Source: "https://example.com", Published: workday.MustDate("2026-11-05"),
			Off: []workday.Span{span("2027-01-01", "2027-01-03"), span("2027-05-01", "2027-05-05"), span("2027-10-01", "2027-10-07")},
		})
		if err != nil {
			t.Fatal(err)
		}
		law, err := NewLaw(calendar, ruleset.Shipped())
		if err != nil {
			t.Fatal(err)
		}
		if law.Fingerprint() == Shipped().Fingerprint() {
			t.Fatal("the same fingerprint")
		}
		c.store = NewStore(c.j, law).Public("https://city.example")
		after := c.view(firmA)
		if !before.Next.Equal(workday.MustDate("2027-05-04").Start()) || !after.Next.Equal(workday.MustDate("2027-05-07").Start()) {
			t.Errorf("open to challenge until %v, with the year's arrangement until %v", before.Next, after.Next)
		}
	})
}

func TestFingerprintsTellLawsApartAndNotNames(t *testing.T) {
	t.Parallel()
	same, err := NewLaw(workday.Official(), ruleset.Shipped())
	if err != nil || same.Fingerprint() != Shipped().Fingerprint() {
		t.Fatal("the same law has two fingerprints", err)
	}
	r, _ := ruleset.For("badge", workday.MustDate("2026-05-01"))
	r.Title.ZH += "（改名）"
	set, err := ruleset.Shipped().With(r)
	if err != nil {
		t.Fatal(err)
	}
	if law, err := NewLaw(workday.Official(), set); err != nil || law.Fingerprint() != Shipped().Fingerprint() {
		t.Error("a new title makes stored answers useless", err)
	}
	if another(t, workday.Official(), "badge", `{"kinds":["penalty"]}`).Fingerprint() == Shipped().Fingerprint() {
		t.Error("another parameter has the same fingerprint")
	}
}

func TestProfilesOfTheFirstVersionAreStillRead(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb, "2026-05-06")
		c.record(firmA, "2026-03-10")
		p, err := c.store.Load(t.Context(), firmA)
		if err != nil {
			t.Fatal(err)
		}
		want := c.view(firmA)
		for name, records := range map[string][]Record{"with records": p.Records, "without": nil} {
			body := fmt.Sprintf(`{"code":"%s","name":"%s","kind":"enterprise","district":"410771","records":[],"grade":null,"asOf":"2026-05-06T04:00:00Z","nextChange":null,"log":null,"formerNames":["旧名"]}`, firmA, p.Subject.Name)
			rest := ""
			if records != nil {
				data, err := json.Marshal(state{Records: records, At: p.ChangedAt})
				if err != nil {
					t.Fatal(err)
				}
				rest = string(data)
			}
			old := fmt.Sprintf("1 %d 0 %d %s\n%s%s", c.now.Unix(), len(body), etag([]byte(body)), body, rest)
			if err := rdb.Set(t.Context(), c.store.key(firmA), old, 0).Err(); err != nil {
				t.Fatal(err)
			}
			got := c.view(firmA)
			if (records != nil) != strings.Contains(string(got.Body), "国知测认") || !strings.Contains(string(got.Body), "旧名") || !strings.HasSuffix(string(got.Body), `"log":null}`) {
				t.Errorf("%s: %s", name, got.Body)
			}
			if records != nil && !got.Next.Equal(want.Next) {
				t.Errorf("%s: next %v, want %v", name, got.Next, want.Next)
			}
		}
	})
}

func TestAMalformedProfileIsAnErrorNeverAnAnswer(t *testing.T) {
	t.Parallel()
	good, _, err := Profile{Subject: subject.Public{Code: firmA, Name: "某"}, ChangedAt: noon("2026-05-06")}.answered(Shipped(), noon("2026-05-06"))
	if err != nil {
		t.Fatal(err)
	}
	if h, err := split(good); err != nil || h.version != stored2 || h.law != anyLaw {
		t.Fatalf("%+v %v", h, err)
	}
	for _, value := range []string{"", "x", "2\n", "3 0 0 0 t l 0\n", "2 0 0 5 t l 0\n{}", "2 a 0 0 t l 0\n", "2 0 0 -1 t l 0\n", "1 0 0 0 t l 0\n", "2 0 0 0 t\n", "m\n", "m \n", "m a b\n", "2 0 0 0 t l 0 x\n", strings.TrimPrefix(good, "2")} {
		if _, err := split(value); !errors.Is(err, errStored) {
			t.Errorf("%q: %v", value, err)
		}
	}
}
