package function

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/citytest"
	"ipcredit/shared/credit"
	"ipcredit/shared/fn"
	"ipcredit/shared/journal"
	"ipcredit/shared/open"
	"ipcredit/shared/redistest"
	"ipcredit/shared/share"
	"ipcredit/shared/sheet"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	m.Run()
}

const (
	prefix = "/function/credit-share"
	firmA  = "91410771MA00AAA104"
	firmB  = "91410771MA00AAA291"
)

// city is the function as the gateway serves it, on a clock the test sets. Settings
// are the process's, so cities are made one after the other.
type city struct {
	t      testing.TB
	env    *open.Env
	desk   *desk
	staff  citytest.Staff
	clock  citytest.Clock
	public string
	mux    *fn.Mux
}

func newCity(t testing.TB, rdb *redis.Client) *city {
	t.Helper()
	c := &city{t: t}
	c.clock.Set(time.Now())
	key, err := share.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	gateway := http.NewServeMux()
	server := httptest.NewUnstartedServer(gateway)
	c.public = "http://" + server.Listener.Addr().String()
	open.Use(map[string]string{
		"redis_url": "redis://" + rdb.Options().Addr, "secret_mount_path": citytest.Secrets(t, map[string]string{"webhook-key": key, "unit-recipients": "410700 " + citytest.Identities()["410700"].Recipient().String()}),
		"public_url": c.public, "city": "410700", "demo": "1", "outgoing_allow": "127.0.0.0/8",
	})
	if c.env, err = open.Open(Needs); err != nil {
		t.Fatal(err)
	}
	c.env.Now = c.clock.Now
	if c.mux, err = routes(c.env); err != nil {
		t.Fatal(err)
	}
	gateway.Handle(prefix+"/", http.StripPrefix(prefix, fn.HTTP(c.mux.Serve)))
	server.Start()
	t.Cleanup(server.Close)
	c.desk = &desk{env: c.env, staff: staff.New(c.env.Journal), credit: credit.NewStore(c.env.Journal, credit.Shipped())}
	c.staff = citytest.NewStaff(t, c.env.Journal, c.clock.Now())
	return c
}

// record adds a penalty and returns its id.
func (c *city) record(n int, code string) string {
	c.t.Helper()
	schema, _ := credit.Schema(credit.Penalty)
	on := workday.DateOf(c.clock.Now()).AddDays(-60)
	e, problems := credit.Shipped().Parse(credit.Penalty, sheet.NewRow(schema, n, map[string]string{
		"subjectName": "新乡市虚构甲科技有限公司", "subjectCode": code, "instrumentNo": fmt.Sprintf("新虚市监处罚〔%d〕%d号", on.Year(), n),
		"violation": "侵犯注册商标专用权", "facts": "销售侵犯注册商标专用权的商品", "basis": "《中华人民共和国商标法》第六十条第二款", "classes": "罚款",
		"fine": "1.2", "determinedOn": on.String(), "authority": "新乡市红旗区市场监督管理局", "authorityCode": "11410700000000019U",
	}), credit.Context{Now: c.clock.Now()})
	if len(problems) > 0 {
		c.t.Fatal(problems)
	}
	e.Record.PublishedOn = on
	c.apply(credit.Change{Records: []credit.Entry{e}})
	return e.Record.ID
}

func (c *city) apply(x credit.Change) {
	c.t.Helper()
	x.Entry = journal.Entry{Actor: "test", Action: "credit.test", Ref: "test", At: c.clock.Now()}
	if _, _, err := c.desk.credit.Apply(c.t.Context(), x); err != nil {
		c.t.Fatal(err)
	}
}

func (c *city) repair(code, id string, on workday.Date) {
	c.apply(credit.Change{Amend: []credit.Amendment{{SubjectCode: code, ID: id, Do: func(r *credit.Record) error {
		r.Repaired = &credit.Repair{On: on}
		return nil
	}}}})
}

// caller is somebody at the gateway.
type caller struct {
	c      *city
	header http.Header
}

type answer struct {
	*http.Response
	Text string
}

func (c *city) as(name string) caller {
	h := http.Header{"Accept": {"text/html"}}
	if name != "" {
		h.Set("Cookie", staff.CookiePlain+"="+c.staff.Session(c.t, name, &c.clock))
	}
	return caller{c, h}
}

func (c *city) key() caller {
	return caller{c, http.Header{"Accept": {"application/json"}, "Authorization": {"Bearer " + c.staff.Demo.APIKeys[staff.ScopeShare]}}}
}

func (p caller) do(method, path, media, body string) answer {
	p.c.t.Helper()
	r, err := http.NewRequestWithContext(p.c.t.Context(), method, p.c.public+prefix+path, strings.NewReader(body))
	if err != nil {
		p.c.t.Fatal(err)
	}
	r.Header = p.header.Clone()
	if media != "" {
		r.Header.Set("Content-Type", media)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	w, err := client.Do(r)
	if err != nil {
		p.c.t.Fatal(err)
	}
	defer func() { _ = w.Body.Close() }()
	text, err := io.ReadAll(w.Body)
	if err != nil {
		p.c.t.Fatal(err)
	}
	return answer{w, string(text)}
}

func (p caller) get(path string) answer { return p.do("GET", path, "", "") }

func (p caller) post(path string, form url.Values) answer {
	return p.do("POST", path, "application/x-www-form-urlencoded", form.Encode())
}

func (p caller) want(a answer, status int, words ...string) answer {
	p.c.t.Helper()
	if a.StatusCode != status {
		p.c.t.Fatalf("%s %s: %d, want %d: %s", a.Request.Method, a.Request.URL.Path, a.StatusCode, status, a.Text)
	}
	for _, w := range words {
		if !strings.Contains(a.Text, w) {
			p.c.t.Errorf("%s: no %q", a.Request.URL.Path, w)
		}
	}
	return a
}

// subscribed makes a subscription through the pages and returns its id.
func (c *city) subscribed(form url.Values) string {
	c.t.Helper()
	handler, publisher := c.as("lead.handler"), c.as("lead.publisher")
	made := handler.want(handler.post("/subscriptions", form), http.StatusSeeOther)
	id := regexp.MustCompile(`/subscriptions/(s[0-9a-z]+)`).FindStringSubmatch(made.Header.Get("Location"))
	if id == nil {
		c.t.Fatal(made.Header.Get("Location"))
	}
	publisher.want(publisher.post("/subscriptions/"+id[1]+"/approve", url.Values{"version": {"1"}}), http.StatusSeeOther)
	return id[1]
}

func forService() url.Values {
	return url.Values{"org": {"credit-service"}, "purpose": {"credit-service"}, "acts": {"penalty"}, "areas": {"410700"}, "basis": {"《河南省社会信用条例》第三十条"}}
}

type pulled struct {
	Results []share.Change
	Next    string
	More    bool
}

func (c *city) changes(query string) pulled {
	c.t.Helper()
	k := c.key()
	a := k.want(k.get("/changes"+query), http.StatusOK)
	var p pulled
	if err := json.Unmarshal([]byte(a.Text), &p); err != nil {
		c.t.Fatal(err)
	}
	return p
}

func (c *city) tick() {
	c.t.Helper()
	// The mark that keeps ticks a minute apart is the real clock's.
	c.env.Redis.Del(c.t.Context(), c.env.Journal.Tmp("tick", Needs.Function))
	anybody := c.as("")
	anybody.want(anybody.do("POST", "/", "", ""), http.StatusNoContent)
}

func TestChangesByCursorInclEndsOfTheDayAndFeedback(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb)
		k := c.key()
		k.want(k.get("/changes"), http.StatusForbidden, "share.none")
		c.subscribed(forService())
		a, b := c.record(1, firmA), c.record(2, firmB)
		first := c.changes("?limit=1")
		if len(first.Results) != 1 || first.Results[0].RecordID != a || !first.More || first.Results[0].Type != credit.Published {
			t.Fatalf("%+v", first)
		}
		p := c.changes("?cursor=" + first.Next)
		if len(p.Results) != 1 || p.Results[0].RecordID != b || p.More {
			t.Fatalf("%+v", p)
		}
		c.repair(firmA, a, workday.DateOf(c.clock.Now()).AddDays(1))
		c.tick()
		if p := c.changes("?cursor=" + p.Next); slices.ContainsFunc(p.Results, func(x share.Change) bool { return x.Type.Ends() }) {
			t.Errorf("an end before its day: %+v", p)
		}
		c.clock.Set(workday.DateOf(c.clock.Now()).End())
		c.tick()
		ended := c.changes("?cursor=" + p.Next)
		if n := len(ended.Results); n == 0 || ended.Results[n-1].Type != credit.RepairedEnd || ended.Results[n-1].RecordID != a || ended.Results[n-1].Code != "" {
			t.Fatalf("%+v", ended)
		}
		id := ended.Results[len(ended.Results)-1].ID
		for body, status := range map[string]int{
			`{"action":"removed","reference":"新信函〔2026〕7号"}`: 200, `{"action":"applied"}`: 422, `{"action":"removed","note":"x"}`: 400, `{}`: 422,
		} {
			a := k.do("POST", "/changes/"+id+"/feedback", "application/json", body)
			if a.StatusCode != status && (status == 200 || a.StatusCode/100 != 4) {
				t.Errorf("%s: %d %s", body, a.StatusCode, a.Text)
			}
		}
		future := regexp.MustCompile(`^\d+`).ReplaceAllString(ended.Next, "999999")
		k.want(k.get("/changes?cursor="+future), http.StatusBadRequest, "credit.feed.future", "游标")
		k.want(k.get("/changes?cursor="+ended.Next[:len(ended.Next)-1]+"z"), http.StatusGone)
		k.want(k.get("/changes?cursor=seven"), http.StatusBadRequest)
		k.want(k.get("/changes?limit=0"), http.StatusBadRequest)
		k.want(k.get("/changes?limit=501"), http.StatusBadRequest)
		anybody := c.as("")
		anybody.header.Set("Accept", "application/json")
		anybody.want(anybody.get("/changes"), http.StatusUnauthorized)
		anybody.want(anybody.get("/key"), http.StatusOK, `"publicKey":"whpk_`)
		anybody.header.Set("Authorization", "Bearer "+c.staff.Demo.APIKeys[staff.ScopeLookup])
		anybody.want(anybody.get("/changes"), http.StatusForbidden)
	})
}

func TestPagesOfOfficersAndReceivers(t *testing.T) {
	c := newCity(t, redistest.Embedded(t))
	var got []string
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = append(got, r.Header.Get("webhook-id")) }))
	defer receiver.Close()
	officer, other, court := c.as("lead.handler"), c.as("lead.publisher"), c.as("court.handler")
	officer.want(officer.get("/subscriptions/new"), 200, "checkbox")
	bad := officer.want(officer.post("/subscriptions", url.Values{"org": {"court"}, "url": {"https://169.254.169.254/"}, "basis": {"甲"}}), http.StatusUnprocessableEntity, "内部网络", "169.254.169.254")
	if !regexp.MustCompile(`href="#[^"]*acts"`).MatchString(bad.Text) {
		t.Error("the summary does not lead to the field")
	}
	form := url.Values{"org": {"court"}, "purpose": {"joint-punishment"}, "acts": {"penalty"}, "areas": {"410700"}, "basis": {"《河南省社会信用条例》第三十条"}, "url": {receiver.URL}, "shared": {"yes"}}
	id := c.subscribed(form)
	a := c.record(1, firmA)
	officer.want(officer.post("/subscriptions/"+id+"/test", nil), http.StatusSeeOther)
	officer.want(officer.post("/subscriptions/"+id+"/secret", nil), 200, "whsec_")
	c.tick()
	if len(got) != 2 {
		t.Fatalf("%d calls", len(got))
	}
	officer.want(officer.get("/subscriptions/"+id), 200, "已接收", "whpk_", "重发")
	officer.want(officer.post("/subscriptions/"+id+"/replay", url.Values{"delivery": {got[1]}}), http.StatusSeeOther)
	c.tick()
	if len(got) != 3 || got[2] != got[1] {
		t.Errorf("replayed: %v", got)
	}
	c.repair(firmA, a, workday.DateOf(c.clock.Now()))
	c.tick()
	court.want(court.get("/"), http.StatusSeeOther)
	list := court.want(court.get("/received"), 200, "已修复，停止使用", "未反馈")
	event := regexp.MustCompile(`/received/([0-9]+-[0-9]+-[0-9a-f]+)`).FindStringSubmatch(list.Text)
	if event == nil {
		t.Fatal(list.Text)
	}
	court.want(court.post("/received/"+event[1], url.Values{"action": {"applied"}}), http.StatusUnprocessableEntity)
	// An answer on paper takes a number, a reason and an officer; the receiver's own
	// comes after it and stays.
	paper := url.Values{"event": {event[1]}, "action": {"removed"}, "reference": {"新法函〔2026〕2号"}, "paper": {"by-letter"}}
	for _, missing := range []string{"reference", "paper", "action"} {
		less := url.Values{}
		for k, v := range paper {
			if k != missing {
				less[k] = v
			}
		}
		officer.want(officer.post("/subscriptions/"+id+"/on-behalf", less), http.StatusUnprocessableEntity, event[1])
	}
	court.want(court.post("/subscriptions/"+id+"/on-behalf", paper), http.StatusForbidden)
	officer.want(officer.post("/subscriptions/"+id+"/on-behalf", paper), http.StatusSeeOther)
	officer.want(officer.get("/subscriptions/"+id), 200, "新法函〔2026〕2号", "书面反馈", "对方以公函反馈")
	court.want(court.post("/received/"+event[1], url.Values{"action": {"removed"}, "reference": {"新法函〔2026〕3号"}}), http.StatusSeeOther)
	officer.want(officer.get("/subscriptions/"+id), 200, "已撤下", "新法函〔2026〕3号")
	officer.want(officer.get("/subscriptions"), 200, "联合惩戒")
	other.want(other.post("/subscriptions/"+id+"/stop", url.Values{"version": {"1"}}), http.StatusPreconditionFailed, "已被他人修改")
	other.want(other.post("/subscriptions/"+id+"/stop", url.Values{"version": {"2"}}), http.StatusSeeOther)
	other.want(other.get("/subscriptions/"+id+"?done=stop"), 200, "推送已停止", "恢复推送")
	for path, who := range map[string]caller{"/subscriptions": court, "/received": officer, "/file": court} {
		who.want(who.get(path), http.StatusForbidden)
	}
	anybody := c.as("")
	anybody.want(anybody.get("/subscriptions"), http.StatusSeeOther)
	// English pages have no Chinese words of ours.
	officer.want(officer.get("/subscriptions/"+id+"?lang=en"), 200, "Deliveries stopped")
}

func TestFilesInTheNationalLayout(t *testing.T) {
	c := newCity(t, redistest.Embedded(t))
	c.record(1, firmA)
	officer := c.as("lead.handler")
	officer.want(officer.get("/file"), 200)
	csv := officer.want(officer.post("/file", url.Values{"kind": {"penalty"}, "format": {"csv"}, "header": {"codes"}}), 200, "CF_XDR_MC", "CF_GSJZQ", "新乡市虚构甲科技有限公司", firmA)
	if !strings.HasPrefix(csv.Header.Get("Content-Disposition"), `attachment; filename="penalty-`) || !strings.HasPrefix(csv.Text, "\ufeff") {
		t.Errorf("%v %.20q", csv.Header, csv.Text)
	}
	officer.want(officer.post("/file", url.Values{"kind": {"penalty"}, "format": {"csv"}, "header": {"names"}}), 200, "行政处罚决定书文号")
	if x := officer.post("/file", url.Values{"kind": {"penalty"}, "format": {"xlsx"}}); x.StatusCode != 200 || !strings.HasPrefix(x.Text, "PK") {
		t.Errorf("%d", x.StatusCode)
	}
	for _, form := range []url.Values{{"kind": {"judgment"}, "format": {"csv"}}, {"kind": {"penalty"}, "format": {"pdf"}}, {"kind": {"penalty"}, "format": {"csv"}, "from": {"2026-13-01"}}} {
		officer.want(officer.post("/file", form), http.StatusUnprocessableEntity)
	}
}

func TestAnotherCitysDeliveriesAreTakenOnceTwoPeopleSaidSo(t *testing.T) {
	c := newCity(t, redistest.Embedded(t))
	officer, other := c.as("lead.handler"), c.as("lead.publisher")
	officer.want(officer.post("/sources", url.Values{"name": {"郑州市"}, "region": {"410700"}, "key": {"whsk_x"}}), http.StatusUnprocessableEntity, "六位", "whpk_")
	text, err := share.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	key, err := share.ParseKey(text)
	if err != nil {
		t.Fatal(err)
	}
	officer.want(officer.post("/sources", url.Values{"name": {"郑州市"}, "region": {"410100"}, "key": {key.Public()}}), http.StatusSeeOther)
	list := other.want(other.get("/sources"), 200, "郑州市", "批准")
	id := regexp.MustCompile(`/sources/(c[0-9a-z]+)/deliveries`).FindStringSubmatch(list.Text)
	if id == nil {
		t.Fatal("no address to deliver to")
	}
	deliver := func() int {
		body := `{"type":"credit.changed","timestamp":"2026-05-06T04:00:00Z","data":{"subscription":"s1","changes":[]}}`
		h, err := key.Headers("d1", c.clock.Now(), []byte(body), "")
		if err != nil {
			t.Fatal(err)
		}
		machine := caller{c, http.Header{}}
		for name, value := range h {
			machine.header.Set(name, value)
		}
		return machine.do("POST", "/sources/"+id[1]+"/deliveries", "application/json", body).StatusCode
	}
	if got := deliver(); got != http.StatusForbidden {
		t.Errorf("before it was approved: %d", got)
	}
	officer.want(officer.post("/sources/"+id[1]+"/approve", url.Values{"version": {"1"}}), http.StatusForbidden)
	other.want(other.post("/sources/"+id[1]+"/approve", url.Values{"version": {"1"}}), http.StatusSeeOther)
	if got := deliver(); got != http.StatusOK {
		t.Errorf("a delivery: %d", got)
	}
	machine := caller{c, http.Header{"Accept": {"application/json"}}}
	machine.want(machine.do("POST", "/sources/"+id[1]+"/deliveries", "application/json", `{}`), http.StatusUnauthorized)
	officer.want(officer.post("/sources/"+id[1]+"/end", url.Values{"version": {"2"}}), http.StatusSeeOther)
	if got := deliver(); got != http.StatusGone {
		t.Errorf("after its end: %d", got)
	}
}
