package function

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/credit"
	"ipcredit/shared/journal"
	"ipcredit/shared/redistest"
	"ipcredit/shared/subject"
)

// fixed is the interface of design §8: no field more, none less.
type fixed struct {
	Code, Name, Kind, District string
	FormerNames                []string
	Records                    []struct {
		ID, Act, Tier, InstrumentNo, Authority, Source, DeterminedOn, DisplayFrom, DisplayUntil, Status string
	}
	Grade      *credit.Grade
	AsOf       time.Time
	NextChange *time.Time
	Log        *credit.Log
}

func TestLookupAnswersTheFixedInterface(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb, "2026-05-06")
		c.firms()
		c.determination(firm, "国知信认〔2026〕1号", "2026-04-29", credit.General)
		c.penalty(firm, "新乡市虚构甲科技有限公司", "新测市监处罚〔2026〕1号", "2026-05-01")
		a := c.get("/subjects/" + firm)
		if a.StatusCode != 200 || a.Header.Get("Content-Type") != "application/json; charset=utf-8" {
			t.Fatalf("%d %v", a.StatusCode, a.Header)
		}
		if a.Header.Get("Access-Control-Allow-Origin") != "*" || a.Header.Get("Vary") != "Accept" || a.Header.Get("Set-Cookie") != "" {
			t.Errorf("headers %v", a.Header)
		}
		var got fixed
		a.decode(t, &got)
		if got.Code != firm || got.Name != "新乡市虚构甲科技有限公司" || got.Kind != "enterprise" || got.District != "410771" || len(got.Records) != 2 {
			t.Errorf("%+v", got)
		}
		if got.Records[0].Status != "open-to-challenge" || got.Records[1].Status != "disclosed" || got.Records[1].Act != "DA1" {
			t.Errorf("%+v", got.Records)
		}
		if got.NextChange == nil || got.Grade != nil || got.Log != nil || !got.AsOf.Equal(c.env.Now()) {
			t.Errorf("%+v", got)
		}
		for _, must := range []string{`"grade":null`, `"log":null`, `"nextChange":"`, `"tier":"general"`} {
			if !strings.Contains(a.body, must) {
				t.Errorf("no %s in %s", must, a.body)
			}
		}
	})
}

func TestCodesAreReadAsPeopleWriteThem(t *testing.T) {
	t.Parallel()
	c := embedded(t, "2026-05-06")
	c.firms()
	tests := []struct {
		name, path string
		status     int
		says       string
	}{
		{"canonical", firm, 200, ""},
		{"lower case", strings.ToLower(firm), 200, ""},
		{"full width", "９１４１０７７１ＭＡ００ＡＡＡ１０４", 200, ""},
		{"space around", "%20" + firm + "%20", 200, ""},
		{"wrong check character 18", "91410771MA00AAA105", 400, "18"},
		{"wrong check character 17", "91410771MA00AAA114", 400, "17"},
		{"letter O", "91410771MAO0AAA104", 400, "O"},
		{"letter I at 1", "I1410771MA00AAA104", 400, "I"},
		{"too short", "91410771MA00AAA10", 400, "17"},
		{"a name", "虚构甲", 400, "虚"},
		{"bidi mark", "%E2%80%AE" + firm, 400, ""},
		{"NUL", "%00" + firm, 400, ""},
		{"a person's key", "P-abcdef", 400, ""},
		{"right but unknown", nobody, 404, ""},
	}
	for _, tt := range tests {
		a := c.get("/subjects/" + tt.path)
		if a.StatusCode != tt.status {
			t.Errorf("%s: %d %s", tt.name, a.StatusCode, a.body)
			continue
		}
		if tt.status != 200 {
			if p := a.problem(t); !strings.Contains(p.Detail, tt.says) {
				t.Errorf("%s: %q does not name %q", tt.name, p.Detail, tt.says)
			}
			if a.Header.Get("Cache-Control") != "no-store" || tt.name != "NUL" && a.Header.Get("Access-Control-Allow-Origin") != "*" {
				t.Errorf("%s: headers %v", tt.name, a.Header)
			}
		}
	}
}

func TestRevalidationByETag(t *testing.T) {
	t.Parallel()
	c := embedded(t, "2026-05-06")
	c.firms()
	for _, path := range []string{"/subjects/" + firm, "/badge/" + firm + ".svg", "/embed/" + firm, "/jwks.json", "/widget.js"} {
		accept := "*/*"
		tag := c.get(path, "Accept", accept).Header.Get("ETag")
		if len(tag) < 10 || tag[0] != '"' {
			t.Fatalf("%s: ETag %q", path, tag)
		}
		tests := []struct {
			name, header string
			status       int
		}{
			{"same", tag, 304},
			{"weak", "W/" + tag, 304},
			{"in a list", `"a", W/"b,c" ,` + tag, 304},
			{"any", "*", 304},
			{"another", `"another"`, 200},
			{"part of it", tag[:5], 200},
			{"without quotes", strings.Trim(tag, `"`), 200},
			{"broken list", `"a` + tag, 200},
			{"nothing", "", 200},
		}
		for _, tt := range tests {
			a := c.get(path, "Accept", accept, "If-None-Match", tt.header)
			if a.StatusCode != tt.status {
				t.Errorf("%s, %s: %d", path, tt.name, a.StatusCode)
			}
			if a.Header.Get("ETag") != tag || a.Header.Get("Cache-Control") == "" {
				t.Errorf("%s, %s: headers %v", path, tt.name, a.Header)
			}
			if tt.status == 304 && a.body != "" {
				t.Errorf("%s, %s: a body with 304", path, tt.name)
			}
		}
	}
	// A page asked for again later is the same page, whatever it says of the time.
	first := c.page("/subjects/" + firm)
	c.at("2026-05-07")
	later := c.page("/subjects/" + firm)
	if first.body == later.body {
		t.Error("the page does not say when it was asked for")
	}
	if again := c.get("/subjects/"+firm, "Accept", "text/html", "If-None-Match", first.Header.Get("ETag")); again.StatusCode != 304 || again.body != "" || !strings.HasPrefix(first.Header.Get("ETag"), `W/"`) {
		t.Errorf("a day later: %d, ETag %q, then %q", again.StatusCode, first.Header.Get("ETag"), later.Header.Get("ETag"))
	}
	if c.get("/subjects/"+firm+"?lang=en", "Accept", "text/html", "If-None-Match", first.Header.Get("ETag")).StatusCode != 200 {
		t.Error("304 for another language")
	}
	// Page and data have different tags.
	if c.get("/subjects/"+firm).Header.Get("ETag") == c.page("/subjects/"+firm).Header.Get("ETag") {
		t.Error("page and JSON share an ETag")
	}
	before, page := c.get("/subjects/"+firm).Header.Get("ETag"), later.Header.Get("ETag")
	c.determination(firm, "国知信认〔2026〕1号", "2026-04-29", credit.General)
	if c.get("/subjects/"+firm, "Accept", "text/html", "If-None-Match", page).StatusCode != 200 {
		t.Error("304 for the page of a changed record")
	}
	if c.get("/subjects/"+firm, "If-None-Match", before).StatusCode != 200 {
		t.Error("304 for a changed record")
	}
}

func TestHeadAnswersWithoutBody(t *testing.T) {
	t.Parallel()
	c := embedded(t, "2026-05-06")
	c.firms()
	a := c.send("HEAD", "/subjects/"+firm, "")
	if a.StatusCode != 200 || a.body != "" || a.Header.Get("ETag") == "" {
		t.Errorf("%d %q %v", a.StatusCode, a.body, a.Header)
	}
}

func TestMergedCodeLeadsToItsSuccessor(t *testing.T) {
	t.Parallel()
	c := embedded(t, "2026-05-06")
	c.firms()
	// A subject with a record of its own, taken over twice.
	c.subjects(
		subject.Subject{Code: nobody, Name: "新乡市测试并入有限公司", Kind: "enterprise", District: "410711"},
		subject.Subject{Code: "91410781MA00AAE16W", Name: "卫辉市虚构戊纺织有限公司", Kind: "enterprise", District: "410781"},
	)
	c.determination(nobody, "国知信认〔2026〕9号", "2026-04-29", credit.General)
	c.merge(nobody, "91410781MA00AAE16W")
	c.merge("91410781MA00AAE16W", firm)
	for _, path := range []string{"/subjects/%s", "/badge/%s.svg", "/badge/%s.json?lang=en", "/embed/%s", "/statement/%s"} {
		a := c.get(strings.Replace(path, "%s", strings.ToLower(nobody), 1))
		want := prefix + strings.Replace(path, "%s", firm, 1)
		if a.StatusCode != 308 || a.Header.Get("Location") != want {
			t.Errorf("%s: %d to %q", path, a.StatusCode, a.Header.Get("Location"))
		}
	}
	if a := c.page("/subjects/" + nobody); a.StatusCode != 308 {
		t.Errorf("page: %d", a.StatusCode)
	}
	if a := c.page("/subjects/" + firm); !strings.Contains(a.body, "国知信认〔2026〕9号") || !strings.Contains(a.body, nobody) || !strings.Contains(a.body, "已并入本主体") {
		t.Errorf("the successor's page does not show the record: %s", a.body)
	}
	var got struct {
		Records []struct{ InstrumentNo, NamedCode string }
	}
	if err := json.Unmarshal([]byte(c.get("/subjects/"+firm).body), &got); err != nil || len(got.Records) != 1 || got.Records[0].NamedCode != nobody {
		t.Errorf("%+v %v", got, err)
	}
}

// merge says that code was taken over by to.
func (c *city) merge(code, to string) {
	c.t.Helper()
	entry := journal.Entry{Actor: "test", Action: "subject.merge", Ref: "test", At: c.env.Now()}
	if err := c.store.Merge(c.t.Context(), entry, code, to); err != nil {
		c.t.Fatal(err)
	}
}

func TestRenamedSubjectIsFoundByItsCodeAndOldName(t *testing.T) {
	t.Parallel()
	c := embedded(t, "2026-05-06")
	c.firms()
	c.subjects(subject.Subject{Code: firm, Name: "新乡市虚构丙科技有限公司", Kind: "enterprise", District: "410771"})
	var got fixed
	c.get("/subjects/"+firm).decode(t, &got)
	if got.Name != "新乡市虚构丙科技有限公司" || len(got.FormerNames) != 2 {
		t.Errorf("%+v", got)
	}
	if a := c.get("/search?q=" + "虚构甲科技"); !strings.Contains(a.body, firm) || !strings.Contains(a.body, "虚构甲科技") {
		t.Errorf("old name: %s", a.body)
	}
}

func TestRedisDownIsNeverAGoodAnswer(t *testing.T) {
	t.Parallel()
	c := embedded(t, "2026-05-06")
	c.firms()
	if err := c.rdb.Close(); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/subjects/" + firm, "/search?q=虚构", "/statement/" + firm, "/badge/" + firm + ".svg", "/badge/" + firm + ".json", "/embed/" + firm} {
		a := c.get(path)
		status := 503
		if strings.HasSuffix(path, ".json") {
			status = 200 // shields.io shows our words for no other
		}
		if a.StatusCode != status || a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("Retry-After") == "" {
			t.Errorf("%s: %d %v", path, a.StatusCode, a.Header)
		}
		if strings.Contains(a.body, "无失信公示（") || strings.Contains(a.body, colours[clean].hex) || strings.Contains(a.body, `"green"`) {
			t.Errorf("%s: looks good: %s", path, a.body)
		}
		if strings.HasPrefix(path, "/badge") && !strings.Contains(a.body, "查询异常") {
			t.Errorf("%s: %s", path, a.body)
		}
	}
}
