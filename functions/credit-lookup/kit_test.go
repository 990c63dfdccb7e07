package function

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/credit"
	"ipcredit/shared/fn"
	"ipcredit/shared/journal"
	"ipcredit/shared/open"
	"ipcredit/shared/redistest"
	"ipcredit/shared/sheet"
	"ipcredit/shared/subject"
	"ipcredit/shared/workday"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	m.Run()
}

const (
	prefix  = "/function/credit-lookup"
	firm    = "91410771MA00AAA104"
	second  = "91410771MA00AAA291"
	third   = "91410772MA00AAB17X"
	agency  = "91410702MA00AAC13T"
	nobody  = "91410711MA00AAD1X2" // never stored
	seed    = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	oldSeed = "Hx4dHBsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA="
)

// city is the function as the gateway serves it, on a clock the test sets.
type city struct {
	t     testing.TB
	rdb   *redis.Client
	env   *open.Env
	store *credit.Store
	url   string // with the prefix
	clock atomic.Pointer[time.Time]
	n     int
}

func newCity(t testing.TB, rdb *redis.Client, at string) *city {
	t.Helper()
	c := &city{t: t, rdb: rdb}
	c.at(at)
	mux := http.NewServeMux()
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	c.url = s.URL + prefix
	j := journal.New(rdb, "410700", journal.Options{})
	c.env = &open.Env{City: "410700", PublicURL: s.URL, Redis: rdb, Journal: j, Now: func() time.Time { return *c.clock.Load() }}
	keys, err := readKeys([]byte(seed + "\n" + oldSeed))
	if err != nil {
		t.Fatal(err)
	}
	mux.Handle(prefix+"/", http.StripPrefix(prefix, fn.HTTP(routes(c.env, keys).Serve)))
	c.store = credit.NewStore(j, credit.Shipped())
	return c
}

// embedded is a city on the embedded server.
func embedded(t testing.TB, at string) *city { return newCity(t, redistest.Embedded(t), at) }

// at sets the clock: "2026-04-29", meaning noon in China, or with a time.
func (c *city) at(s string) {
	c.t.Helper()
	if len(s) == len(time.DateOnly) {
		s += " 12:00:00"
	}
	at, err := time.ParseInLocation("2006-01-02 15:04:05.999", s, workday.CST)
	if err != nil {
		c.t.Fatal(err)
	}
	c.clock.Store(&at)
}

// change commits as of the clock.
func (c *city) change(ch credit.Change) {
	c.t.Helper()
	c.n++
	ch.Entry = journal.Entry{Actor: "test", Action: "credit.import", Ref: "test", At: c.env.Now()}
	if _, _, err := c.store.Apply(c.t.Context(), ch); err != nil {
		c.t.Fatal(err)
	}
}

func (c *city) subjects(list ...subject.Subject) {
	c.t.Helper()
	c.change(credit.Change{Subjects: list})
}

// firms registers the fictitious subjects of the tests.
func (c *city) firms() {
	c.t.Helper()
	c.subjects(
		subject.Subject{Code: firm, Name: "新乡市虚构甲科技有限公司", Kind: "enterprise", District: "410771", FormerNames: []string{"新乡市测试旧名有限公司"}},
		subject.Subject{Code: second, Name: "新乡市虚构乙机械有限公司", Kind: "enterprise", District: "410771"},
		subject.Subject{Code: third, Name: "新乡市演示黄河食品有限公司", Kind: "enterprise", District: "410772"},
		subject.Subject{Code: agency, Name: "新乡市样例星河知识产权代理有限公司", Kind: "agency", District: "410702"},
	)
}

// penalty is a fine that is on display from the day it is stored and open to
// challenge for six months.
func (c *city) penalty(code, name, no, on string) credit.Record {
	c.t.Helper()
	e, problems := credit.Shipped().Parse(credit.Penalty, sheet.NewRow(mustSchema(credit.Penalty), 1, map[string]string{
		"subjectName": name, "subjectCode": code, "instrumentNo": no, "violation": "商标侵权",
		"facts": "销售侵犯注册商标专用权的商品", "basis": "《中华人民共和国商标法》第六十条", "classes": "罚款", "fine": "6",
		"text": "罚款人民币60000元", "determinedOn": on, "authority": "新乡市测试区市场监督管理局", "authorityCode": "11410700000000019U",
		"dataSource": "新乡市测试区市场监督管理局", "dataSourceCode": "11410700000000019U", "sourceUrl": "https://city.example/1",
	}), credit.Context{Now: c.env.Now()})
	if len(problems) > 0 {
		c.t.Fatal(problems)
	}
	c.change(credit.Change{Records: []credit.Entry{e}})
	return e.Record
}

// determination is dishonesty at once: nothing about it is open to challenge.
func (c *city) determination(code, no, on string, tier credit.Tier, with ...func(*credit.Record)) credit.Record {
	c.t.Helper()
	r := credit.Record{
		ID: credit.NewID(credit.Determination, "国家知识产权局", no, code), Kind: credit.Determination, Act: "DA1", Tier: tier,
		InstrumentNo: no, Authority: "国家知识产权局", Source: credit.Admin, Channel: credit.Republish, DeterminedOn: workday.MustDate(on),
		PublishedOn: workday.DateOf(c.env.Now()), CollectedAt: c.env.Now(), SourceURL: "https://source.example/1",
		Content: credit.Content{Determination: &credit.DeterminationContent{Basis: "国知发保字〔2022〕8号第六条"}},
	}
	for _, f := range with {
		f(&r)
	}
	c.change(credit.Change{Records: []credit.Entry{{SubjectCode: code, SubjectName: "未登记", Record: r}}})
	return r
}

func mustSchema(k credit.Kind) sheet.Schema {
	s, ok := credit.Schema(k)
	if !ok {
		panic(k)
	}
	return s
}

// answer is a response read to its end.
type answer struct {
	*http.Response
	body string
}

// get asks for a path below the function, with headers given in pairs.
func (c *city) get(path string, headers ...string) answer {
	c.t.Helper()
	return c.send("GET", path, "", headers...)
}

func (c *city) page(path string) answer { c.t.Helper(); return c.get(path, "Accept", "text/html") }

func (c *city) send(method, path, body string, headers ...string) answer {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	w, err := client.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = w.Body.Close() }()
	data, err := io.ReadAll(w.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return answer{w, string(data)}
}

// decode reads the answer as JSON, refusing fields that v does not have.
func (a answer) decode(t testing.TB, v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader([]byte(a.body)))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
}

// problem is what a refusal says.
type problem struct {
	Code   string
	Detail string
	Errors []struct{ Field, Code, Message string }
}

func (a answer) problem(t testing.TB) problem {
	t.Helper()
	if got := a.Header.Get("Content-Type"); !strings.HasPrefix(got, "application/problem+json") {
		t.Fatalf("%s: Content-Type %q: %s", a.Request.URL, got, a.body)
	}
	var p problem
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(p.Detail, "〔") && strings.Contains(p.Detail, "fault.") {
		t.Errorf("no words: %s", p.Detail)
	}
	return p
}
