package function

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/browsertest"
	"ipcredit/shared/citytest"
	"ipcredit/shared/commitment"
	"ipcredit/shared/credit"
	"ipcredit/shared/redistest"
	"ipcredit/shared/staff"
	"ipcredit/shared/subject"
	"ipcredit/shared/workday"
)

// promises writes into the ledger as officers do.
type promises struct {
	*commitment.Store
	c       *city
	officer staff.Actor
	boss    staff.Actor
}

func newPromises(c *city) promises {
	c.t.Helper()
	people := citytest.NewStaff(c.t, c.env.Journal, c.env.Now())
	actor := func(name string) staff.Actor {
		u, _, err := people.UserByName(c.t.Context(), name)
		if err != nil {
			c.t.Fatal(err)
		}
		a, err := people.Actor(c.t.Context(), u.ID)
		if err != nil {
			c.t.Fatal(err)
		}
		return a
	}
	c.change(credit.Change{Subjects: []subject.Subject{
		{Code: firm, Name: firmName, Kind: "agency", District: "410771"}, {Code: second, Name: secondName, Kind: "enterprise", District: "410771"},
	}})
	return promises{commitment.New(c.env.Journal), c, actor("gaoxin.handler"), actor("gaoxin.approver")}
}

func (p promises) recorded(code, what string) string {
	p.c.t.Helper()
	now := p.c.env.Now()
	x, err := p.Record(p.c.t.Context(), p.officer, "410771", code, commitment.Writing{Template: "agency-discipline", What: what, Until: workday.DateOf(now).AddDays(30)}, workday.DateOf(now), now)
	if err != nil {
		p.c.t.Fatal(err)
	}
	return x.No
}

func (p promises) kept(no string) {
	p.c.t.Helper()
	ctx, now := p.c.t.Context(), p.c.env.Now()
	_, err := p.Take(ctx, p.officer, no, 0, now)
	if err == nil {
		_, err = p.Fulfil(ctx, p.officer, no, 0, commitment.OnSite, workday.DateOf(now), now)
	}
	if err != nil {
		p.c.t.Fatal(err)
	}
}

// TestACommitmentLeavesTheLedgerAtMidnightOfItsLastDay and is then, for strangers,
// what every ended disclosure is.
func TestACommitmentLeavesTheLedgerAtMidnightOfItsLastDay(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb)
		c.at("2026-03-02 12:00:00")
		p := newPromises(c)
		kept, mistaken := p.recorded(firm, "遵守行业<自律>公约"), p.recorded(second, "别的事项")
		p.kept(kept)
		if _, err := p.Annul(t.Context(), p.boss, mistaken, 0, "wrong-subject", c.env.Now()); err != nil {
			t.Fatal(err)
		}
		c.at("2027-03-02 23:59:30")
		for path, header := range map[string]map[string]string{
			"/commitments": asPage, "/commitments?kind=industry&state=FULFILLED&district=410771&subject=" + firm: asData, "/commitments/" + kept: asPage, "/commitments/" + strings.ToLower(kept): asData,
		} {
			a := c.ask(http.MethodGet, path, header)
			if a.status != http.StatusOK || !bytes.Contains(a.body, []byte(kept)) || bytes.Contains(a.body, []byte(mistaken)) {
				t.Errorf("%s: %d %s", path, a.status, a.body)
			}
			if got := a.header.Get("Cache-Control"); got != "public, max-age=30" {
				t.Errorf("%s thirty seconds before its end: %q", path, got)
			}
			if a.header.Get("Access-Control-Allow-Origin") != "*" {
				t.Errorf("%s cannot be read elsewhere", path)
			}
			if header["Accept"] == "text/html" && bytes.Contains(a.body, []byte("<自律>")) {
				t.Errorf("%s: not escaped", path)
			}
		}
		c.at("2027-03-03 00:00:00")
		if a := c.ask(http.MethodGet, "/commitments", asPage); bytes.Contains(a.body, []byte(kept)) || bytes.Contains(a.body, []byte(firmName)) {
			t.Errorf("%s", a.body)
		}
		for _, header := range []map[string]string{asPage, asData} {
			over, annulled := c.ask(http.MethodGet, "/commitments/"+kept, header), c.ask(http.MethodGet, "/commitments/"+mistaken, header)
			if over.status != http.StatusGone || annulled.status != http.StatusGone || !bytes.Equal(over.body, annulled.body) {
				t.Errorf("%d %d\n%s\n%s", over.status, annulled.status, over.body, annulled.body)
			}
		}
		if a := c.ask(http.MethodGet, "/commitments/XC2026009999", asData); a.status != http.StatusNotFound {
			t.Errorf("one that never was: %d", a.status)
		}
	})
}

func TestAnybodyCanComputeTheHashOfACommitmentAgain(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb)
		c.at("2026-03-02 12:00:00")
		p := newPromises(c)
		no := p.recorded(firm, "遵守行业自律公约")
		var got struct {
			Number, Document, SHA256, State, URL string
			Clauses                              []string
			ShownUntil                           *string
		}
		a := c.ask(http.MethodGet, "/commitments/"+no, asData)
		if err := json.Unmarshal(a.body, &got); err != nil {
			t.Fatalf("%v: %s", err, a.body)
		}
		if commitment.Sum(got.Document) != got.SHA256 || !strings.Contains(got.Document, no) || len(got.Clauses) != 4 || got.ShownUntil != nil || got.State != "PUBLISHED" {
			t.Errorf("%+v", got)
		}
		for _, id := range []string{p.officer.User.ID, p.boss.User.ID} {
			if bytes.Contains(a.body, []byte(id)) {
				t.Errorf("it names an officer: %s", a.body)
			}
		}
	})
}

func TestTheLedgerNamesAFilterThatCannotBe(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb)
		c.at("2026-03-02 12:00:00")
		newPromises(c)
		for path, want := range map[string]int{
			"/commitments?kind=other": 400, "/commitments?state=DRAFT": 400, "/commitments?state=ANNULLED": 400, "/commitments?district=999999": 400, "/commitments?cursor=x": 400,
			"/commitments?subject=" + strings.Repeat("a", 101): 400, "/commitments?subject=" + strings.Repeat("a", 100): 200, "/commitments?kind=&state=": 200,
		} {
			for _, header := range []map[string]string{asPage, asData} {
				if a := c.ask(http.MethodGet, path, header); a.status != want {
					t.Errorf("%s: %d %s", path, a.status, a.body)
				}
			}
		}
		for n, cursor := 0, ""; n < 3; n++ {
			var got struct {
				Results []json.RawMessage `json:"results"`
				Next    *string           `json:"next"`
			}
			a := c.ask(http.MethodGet, "/commitments?cursor="+cursor, asData)
			if err := json.Unmarshal(a.body, &got); err != nil || got.Results == nil || got.Next != nil {
				t.Fatalf("%v %s", err, a.body)
			}
		}
	})
}

// TestTheLedgerInABrowser looks at the public pages of commitments.
func TestTheLedgerInABrowser(t *testing.T) {
	br := browsertest.New(t)
	c := newCity(t, redistest.Embedded(t))
	c.at("2026-03-02 12:00:00")
	p := newPromises(c)
	kept := p.recorded(firm, "公开服务项目和收费标准，不代理非正常专利申请")
	p.recorded(second, "完成商标使用情况自查并报送整改清单")
	p.kept(kept)
	for _, x := range []struct {
		name, path string
		status     int
	}{
		{"commitments", "/commitments", 200}, {"commitments-bad", "/commitments?kind=other", 400}, {"commitments-none", "/commitments?state=BROKEN", 200}, {"commitment", "/commitments/" + kept, 200},
	} {
		for width, v := range map[string]browsertest.View{"360": {Width: browsertest.Narrow}, "1280-en": {Width: browsertest.Wide, Language: "en"}} {
			page := br.Open(t, c.url+x.path, v)
			if page.Status() != x.status {
				t.Errorf("%s: %d", x.path, page.Status())
			}
			if x.status == http.StatusOK {
				page.NoErrors()
			}
			page.FitsWidth()
			page.Axe()
			page.Look(x.name + "-" + width)
		}
	}
}
