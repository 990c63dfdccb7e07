package function

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"ipcredit/shared/calendar"
	"ipcredit/shared/citytest"
	"ipcredit/shared/fn"
	"ipcredit/shared/journal"
	"ipcredit/shared/open"
	"ipcredit/shared/page"
	"ipcredit/shared/redistest"
	"ipcredit/shared/workday"
)

// desk is the portal with a Redis behind it.
type desk struct {
	t   testing.TB
	j   *journal.Journal
	web http.Handler
}

func newDesk(t testing.TB, rdb *redis.Client) desk {
	t.Helper()
	j := journal.New(rdb, "410700", journal.Options{})
	mux, err := routes(&open.Env{City: "410700", PublicURL: "http://127.0.0.1:8080", Demo: true, Journal: j})
	if err != nil {
		t.Fatal(err)
	}
	return desk{t, j, fn.HTTP(mux.Serve)}
}

func (d desk) get(target string, header ...string) *httptest.ResponseRecorder {
	d.t.Helper()
	r := httptest.NewRequest("GET", target, nil)
	r.Header.Set("Accept", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	d.web.ServeHTTP(w, r)
	return w
}

// answer is what a stranger's program reads.
type answer struct {
	Due         string `json:"due"`
	Provisional bool   `json:"provisional"`
	Counted     int    `json:"counted"`
	Skipped     []struct {
		Date, Why, Holiday, Source, Article string
	} `json:"skipped"`
	Basis []struct{ Source, Article, Confidence string } `json:"basis"`
}

func (d desk) ask(query string) answer {
	d.t.Helper()
	w := d.get("/deadline?" + query)
	if w.Code != http.StatusOK {
		d.t.Fatalf("%s: %d %s", query, w.Code, w.Body)
	}
	var a answer
	strict := json.NewDecoder(w.Body)
	strict.DisallowUnknownFields()
	if err := strict.Decode(&a); err != nil {
		d.t.Fatal(err)
	}
	return a
}

// Domain reference M.1, M.2, M.3 and M.12, and both sides of what they turn on.
func TestTheCalculatorAgreesWithTheDomainReference(t *testing.T) {
	t.Parallel()
	d := newDesk(t, redistest.Embedded(t))
	for _, tt := range []struct {
		name, query, due string
		counted          int
		provisional      bool
	}{
		{"M.1 check", "from=2025-09-22&workdays=15", "2025-10-17", 15, false},
		{"M.1 a day before", "from=2025-09-21&workdays=15", "2025-10-16", 15, false},
		{"M.1 a day after", "from=2025-09-23&workdays=15", "2025-10-20", 15, false},
		{"M.1 extended", "from=2025-09-22&workdays=30", "2025-11-07", 30, false},
		{"M.1 notice", "from=2025-10-17&workdays=5", "2025-10-24", 5, false},
		{"M.2 inside the holiday", "from=2025-10-04&workdays=15", "2025-10-28", 15, false},
		{"M.2 on the eve", "from=2025-09-30&workdays=15", "2025-10-28", 15, false},
		{"M.2 before the eve", "from=2025-09-29&workdays=15", "2025-10-27", 15, false},
		{"M.2 last day of it", "from=2025-10-08&workdays=15", "2025-10-28", 15, false},
		{"M.2 first day after", "from=2025-10-09&workdays=15", "2025-10-29", 15, false},
		{"M.3 Spring Festival", "from=2026-02-10&workdays=15", "2026-03-09", 15, false},
		{"M.3 the worked Saturday is the last", "from=2026-02-10&workdays=4", "2026-02-14", 4, false},
		{"M.3 the day after is past the holiday", "from=2026-02-10&workdays=5", "2026-02-24", 5, false},
		{"M.3 Mid-Autumn", "from=2026-09-18&workdays=15", "2026-10-15", 15, false},
		{"M.3 a worked Sunday", "from=2026-09-18&workdays=1", "2026-09-20", 1, false},
		{"M.12 into the holiday", "from=2026-07-05&days=90", "2026-10-08", 95, false},
		{"M.12 spelled out", "from=2026-07-05&days=90&roll=duty", "2026-10-08", 95, false},
		{"M.12 what rolls for nobody", "from=2026-07-05&days=90&roll=none", "2026-10-03", 90, false},
		{"M.12 before it", "from=2026-07-01&days=90", "2026-09-29", 90, false},
		{"M.12 on its eve", "from=2026-07-02&days=90", "2026-09-30", 90, false},
		{"M.12 on its first day", "from=2026-07-03&days=90", "2026-10-08", 97, false},
		{"M.12 hearing", "from=2026-04-30&workdays=5", "2026-05-11", 5, false},
		{"M.12 objection, three", "from=2026-04-30&workdays=3", "2026-05-08", 3, false},
		{"M.12 objection, seven", "from=2026-04-30&workdays=7", "2026-05-13", 7, false},
		{"months end at the end of the month", "from=2025-08-31&months=6&roll=none", "2026-02-28", 181, false},
		{"a worked Saturday is no day of rest", "from=2025-08-31&months=6", "2026-02-28", 181, false},
		{"a year", "from=2024-02-29&years=1&roll=none", "2025-02-28", 365, false},
		{"no days", "from=2026-10-04&workdays=0", "2026-10-04", 0, false},
		{"the last official day", "from=2026-12-30&workdays=1", "2026-12-31", 1, false},
		{"beyond it", "from=2026-12-30&workdays=2", "2027-01-04", 2, true},
		{"a duty beyond it", "from=2026-11-30&months=3", "2027-03-01", 91, true},
		{"what rolls for nobody is certain", "from=2026-11-30&months=3&roll=none", "2027-02-28", 90, false},
		{"the national form of a date", "from=2025/9/22&workdays=15", "2025-10-17", 15, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := d.ask(tt.query)
			if a.Due != tt.due || a.Counted != tt.counted || a.Provisional != tt.provisional {
				t.Fatalf("%+v", a)
			}
			if len(a.Basis) == 0 || a.Basis[0].Article != "第二百零一条" {
				t.Errorf("basis %+v", a.Basis)
			}
			for _, s := range a.Skipped {
				if s.Source == "" || s.Article == "" {
					t.Errorf("%s rests on nothing", s.Date)
				}
			}
		})
	}
}

func TestWhatWasSkippedIsListedWithReasonAndArticle(t *testing.T) {
	t.Parallel()
	a := newDesk(t, redistest.Embedded(t)).ask("from=2025-09-22&workdays=15")
	var got []string
	for _, s := range a.Skipped {
		got = append(got, s.Date+" "+s.Why+" "+s.Holiday+" "+s.Article)
	}
	if len(got) != 10 || got[0] != "2025-09-27 weekend  第七条" || got[1] != "2025-10-01 holiday 国庆节、中秋节 国办发明电〔2024〕12号" || got[9] != "2025-10-12 weekend  第七条" {
		t.Errorf("%q", got)
	}
	if last := a.Basis[len(a.Basis)-1]; last.Article != "国办发明电〔2024〕12号" {
		t.Errorf("%+v", a.Basis)
	}
	// Nothing skipped is an empty list.
	if w := newDesk(t, redistest.Embedded(t)).get("/deadline?from=2026-05-18&workdays=1"); !strings.Contains(w.Body.String(), `"skipped":[]`) {
		t.Errorf("%s", w.Body)
	}
}

func TestAQuestionThatIsNoneNamesTheParameter(t *testing.T) {
	t.Parallel()
	d := newDesk(t, redistest.Embedded(t))
	for query, want := range map[string][]string{
		"":                                       {"from portal.deadline.from", "workdays portal.deadline.one"},
		"from=2026-05-18":                        {"workdays portal.deadline.one"},
		"workdays=5":                             {"from portal.deadline.from"},
		"from=2026-02-29&workdays=5":             {"from workday.date_month_end"},
		"from=2026-13-01&workdays=5":             {"from workday.date_absent"},
		"from=18.05.2026&workdays=5":             {"from workday.date_form"},
		"from=2026-05-18&workdays=-1":            {"workdays workday.period_form"},
		"from=2026-05-18&workdays=1.5":           {"workdays workday.period_form"},
		"from=2026-05-18&days=":                  {"days workday.period_form"},
		"from=2026-05-18&months=1201":            {"months workday.period_range"},
		"from=2026-05-18&workdays=26001":         {"workdays workday.period_range"},
		"from=2026-05-18&days=9999999999":        {"days workday.period_range"},
		"from=2026-05-18&workdays=5&days=5":      {"days portal.deadline.one"},
		"from=2026-05-18&days=5&roll=up":         {"roll workday.roll"},
		"from=2026-05-18&days=5&days=6":          {"days portal.deadline.twice"},
		"from=2026-05-18&from=2026-05-19&days=5": {"from portal.deadline.twice"},
		"from=x&months=y&roll=z":                 {"from workday.date_form", "months workday.period_form", "roll workday.roll"},
	} {
		w := d.get("/deadline?" + query)
		var p struct {
			Status int
			Code   string
			Errors []struct{ Field, Code, Message string }
		}
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != http.StatusBadRequest || p.Code != "portal.deadline" {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
			continue
		}
		var got []string
		for _, e := range p.Errors {
			got = append(got, e.Field+" "+e.Code)
			if e.Message == "" || strings.Contains(e.Message, "〔") || strings.Contains(e.Message, "%!") {
				t.Errorf("%s: %s reads %q", query, e.Code, e.Message)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
}

func TestAnswersAreOpenAndMayBeKept(t *testing.T) {
	t.Parallel()
	d := newDesk(t, redistest.Embedded(t))
	const query = "/deadline?from=2025-09-22&workdays=15"
	w := d.get(query, "Origin", "https://elsewhere.example.cn")
	h := w.Header()
	tag := h.Get("Etag")
	if h.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(h.Get("Cache-Control"), "max-age=300") ||
		!strings.Contains(tag, workday.Official().Version()) || !strings.HasPrefix(h.Get("Content-Type"), "application/json") || !strings.Contains(h.Get("Vary"), "Accept") {
		t.Errorf("%v", h)
	}
	if again := d.get(query, "If-None-Match", tag); again.Code != http.StatusNotModified || again.Body.Len() != 0 {
		t.Errorf("%d %s", again.Code, again.Body)
	}
	if other := d.get("/deadline?from=2025-09-23&workdays=15", "If-None-Match", tag); other.Code != http.StatusOK {
		t.Errorf("another question: %d", other.Code)
	}
	if html := d.get(query, "Accept", "text/html", "If-None-Match", tag); html.Code != http.StatusOK || html.Header().Get("Etag") == tag {
		t.Errorf("the page is another answer: %d", html.Code)
	}
	if bad := d.get("/deadline?from=x&workdays=15"); bad.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("a refusal is kept: %q", bad.Header().Get("Cache-Control"))
	}
}

// importYear puts the invented 2027 in force, as two officers do.
func (d desk) importYear() {
	d.t.Helper()
	now := time.Date(2026, 11, 24, 4, 0, 0, 0, time.UTC)
	people := citytest.NewStaff(d.t, d.j, now)
	b, err := os.ReadFile("../../shared/workday/testdata/2027-invented.json")
	if err != nil {
		d.t.Fatal(err)
	}
	y, err := workday.ParseYear(b)
	if err != nil {
		d.t.Fatal(err)
	}
	c, ctx := calendar.New(d.j), d.t.Context()
	id := ""
	for _, name := range []string{"lead.handler", "lead.approver"} {
		u, _, err := people.UserByName(ctx, name)
		if err != nil {
			d.t.Fatal(err)
		}
		a, err := people.Actor(ctx, u.ID)
		if err != nil {
			d.t.Fatal(err)
		}
		if id == "" {
			x, err := c.Propose(ctx, a, y, now)
			if err != nil {
				d.t.Fatal(err)
			}
			id = x.ID
		} else if _, err := c.Approve(ctx, a, id, now); err != nil {
			d.t.Fatal(err)
		}
	}
}

func TestAnImportedYearIsCountedByAtOnce(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		d := newDesk(t, rdb)
		const query = "from=2026-12-28&workdays=3"
		before, tag := d.ask(query), d.get("/deadline?"+query).Header().Get("Etag")
		if before.Due != "2026-12-31" || before.Provisional {
			t.Errorf("%+v", before)
		}
		if far := d.ask("from=2026-12-28&workdays=5"); !far.Provisional || far.Due != "2027-01-05" {
			t.Errorf("%+v", far)
		}
		d.importYear()
		// 12-31 is off now, Sunday 2027-01-03 is worked.
		after := d.ask(query)
		if after.Due != "2027-01-03" || after.Provisional || after.Basis[len(after.Basis)-1].Article != "国办发明电〔2026〕测1号" {
			t.Errorf("%+v", after)
		}
		if w := d.get("/deadline?"+query, "If-None-Match", tag); w.Code != http.StatusOK {
			t.Errorf("the answer of the calendar before is still good: %d", w.Code)
		}
		if far := d.ask("from=2027-12-30&workdays=3"); !far.Provisional {
			t.Errorf("2028 is as unknown as before: %+v", far)
		}
	})
}

func TestTheFormAsksWhatProgramsAsk(t *testing.T) {
	t.Parallel()
	d := newDesk(t, redistest.Embedded(t))
	for form, want := range map[string]string{
		"from=2026-07-05&n=90&unit=days&roll=none":     "days=90&from=2026-07-05&roll=none",
		"from=2025-09-22&n=15&unit=workdays&roll=duty": "from=2025-09-22&workdays=15",
		"from=&n=&unit=&roll=":                         "from=&workdays=",
	} {
		w := d.get("/deadline?"+form, "Accept", "text/html")
		at, err := url.Parse(w.Header().Get("Location"))
		if err != nil || w.Code != http.StatusSeeOther || at.Query().Encode() != want {
			t.Errorf("%s: %d %s", form, w.Code, w.Header().Get("Location"))
		}
	}
	w := d.get("/deadline?from=2025-09-22&workdays=15&lang=en", "Accept", "text/html")
	for _, want := range []string{`value="2025-09-22"`, `value="15"`, "2025-10-01 Wednesday", "国庆节、中秋节", "国办发明电〔2024〕12号", "2025-09-28 Sunday", "15 working days from 2025-09-22"} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("no %s", want)
		}
	}
	w = d.get("/deadline?from=2026-02-30&months=x", "Accept", "text/html")
	for _, want := range []string{`<a href="#f-from">`, `<a href="#f-n">`, `value="2026-02-30"`, `value="x"`, page.Say(page.ZH, "portal.deadline.unit.months")} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("no %s: %d", want, w.Code)
		}
	}
}

// restless are the days of rest of 2025 and 2026 that are no weekend, and the
// weekend days that are none, typed in from domain reference H.2.
var (
	restless = strings.Fields(`2025-01-01 2025-01-28 2025-01-29 2025-01-30 2025-01-31 2025-02-03 2025-02-04 2025-04-04 2025-05-01 2025-05-02 2025-05-05
		2025-06-02 2025-10-01 2025-10-02 2025-10-03 2025-10-06 2025-10-07 2025-10-08
		2026-01-01 2026-01-02 2026-02-16 2026-02-17 2026-02-18 2026-02-19 2026-02-20 2026-02-23 2026-04-06 2026-05-01 2026-05-04
		2026-05-05 2026-06-19 2026-09-25 2026-10-01 2026-10-02 2026-10-05 2026-10-06 2026-10-07`)
	shifted = strings.Fields(`2025-01-26 2025-02-08 2025-04-27 2025-09-28 2025-10-11 2026-01-04 2026-02-14 2026-02-28 2026-05-09 2026-09-20 2026-10-10`)
)

func slowWorking(x time.Time) bool {
	s := x.Format(time.DateOnly)
	switch {
	case slices.Contains(restless, s), x.Year() > 2026 && x.YearDay() == 1:
		return false
	case slices.Contains(shifted, s):
		return true
	}
	return x.Weekday() != time.Saturday && x.Weekday() != time.Sunday
}

// TestAnyQuestionAgreesWithASlowCount asks what nobody wrote an example for.
func TestAnyQuestionAgreesWithASlowCount(t *testing.T) {
	t.Parallel()
	d := newDesk(t, redistest.Embedded(t))
	rapid.Check(t, func(t *rapid.T) {
		from := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, rapid.IntRange(0, 729).Draw(t, "from"))
		unit := rapid.SampledFrom([]string{"workdays", "days"}).Draw(t, "unit")
		n := rapid.IntRange(0, 120).Draw(t, "n")
		roll := rapid.SampledFrom([]string{"", "duty", "none"}).Draw(t, "roll")
		x, skipped, provisional := from, 0, false
		rest := func() bool {
			provisional = provisional || x.Year() > 2026
			return !slowWorking(x)
		}
		if unit == "workdays" {
			for left := n; left > 0; {
				if x = x.AddDate(0, 0, 1); rest() {
					skipped++
				} else {
					left--
				}
			}
		} else {
			x = x.AddDate(0, 0, n)
			for roll != "none" && rest() {
				x = x.AddDate(0, 0, 1)
				skipped++
			}
		}
		query := fmt.Sprintf("from=%s&%s=%d", from.Format(time.DateOnly), unit, n)
		if roll != "" {
			query += "&roll=" + roll
		}
		a := d.ask(query)
		if a.Due != x.Format(time.DateOnly) || len(a.Skipped) != skipped || a.Provisional != provisional {
			t.Fatalf("%s: %+v; slow count %s, %d skipped, provisional %v", query, a, x.Format(time.DateOnly), skipped, provisional)
		}
	})
}

func FuzzDeadline(f *testing.F) {
	for _, q := range []string{"from=2025-09-22&workdays=15", "from=9999-12-31&years=100", "from=0001-01-01&days=0&roll=none", "n=1&unit=years", "%zz", "from=2026-01-01&workdays=26000"} {
		f.Add(q)
	}
	d := newDesk(f, redistest.Embedded(f))
	f.Fuzz(func(t *testing.T, query string) {
		for _, accept := range []string{"application/json", "text/html"} {
			r := httptest.NewRequest("GET", "/deadline", nil)
			r.URL.RawQuery = query
			r.Header.Set("Accept", accept)
			w := httptest.NewRecorder()
			d.web.ServeHTTP(w, r)
			if w.Code >= 500 {
				t.Fatalf("%q: %d %s", query, w.Code, w.Body)
			}
		}
	})
}

func BenchmarkDeadline(b *testing.B) {
	d := newDesk(b, redistest.Embedded(b))
	for b.Loop() {
		d.get("/deadline?from=2025-09-22&workdays=15")
	}
}
