package function

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/ident"
	"ipcredit/shared/redistest"
	"ipcredit/shared/subject"
)

func (c *city) find(q string, more ...string) found {
	c.t.Helper()
	a := c.get("/search?q=" + url.QueryEscape(q) + strings.Join(more, ""))
	if a.StatusCode != 200 {
		c.t.Fatalf("%s: %d %s", q, a.StatusCode, a.body)
	}
	var f found
	a.decode(c.t, &f)
	return f
}

func TestSearchTellsWhy(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb, "2026-05-06")
		c.firms()
		tests := []struct{ name, q, code string }{
			{"code", firm, firm},
			{"code in full width", "９１４１０７７１ＭＡ００ＡＡＡ１０４", firm},
			{"whole name", "新乡市虚构甲科技有限公司", firm},
			{"two characters", "星河", agency},
			{"former name", "测试旧名", firm},
			{"pinyin", "yanshihuanghe", third},
			{"traditional form", "樣例星河", agency},
		}
		for _, tt := range tests {
			f := c.find(tt.q)
			if len(f.Results) == 0 || f.Results[0].Code != tt.code {
				t.Errorf("%s: %+v", tt.name, f)
				continue
			}
			first := f.Results[0]
			if first.Why == "" || first.Score <= 0 || first.Score > 1 || first.Name == "" || f.Total.Value < 1 || f.Total.Relation != "eq" || f.Next != nil {
				t.Errorf("%s: %+v", tt.name, f)
			}
			if strings.Contains(first.Why, "〔") || strings.Contains(first.Why, "subject.why") {
				t.Errorf("%s: why has no words: %s", tt.name, first.Why)
			}
		}
		if a := c.get("/search?q=星河"); a.Header.Get("Cache-Control") != "public, max-age=60" || a.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("headers %v", a.Header)
		}
	})
}

func TestSearchRefusesNamingTheParameter(t *testing.T) {
	t.Parallel()
	c := embedded(t, "2026-05-06")
	c.firms()
	tests := []struct{ name, query, field string }{
		{"nothing asked", "", "q"},
		{"blank", "q=%20%20", "q"},
		{"too long", "q=" + strings.Repeat("a", 201), "q"},
		{"NUL", "q=a%00b", "q"},
		{"bidi", "q=a%E2%80%AEb", "q"},
		{"no UTF-8", "q=%ff%fe", "q"},
		{"limit 0", "q=a&limit=0", "limit"},
		{"limit 51", "q=a&limit=51", "limit"},
		{"limit word", "q=a&limit=ten", "limit"},
		{"another query's cursor", "q=a&cursor=eyJ3IjowfQ", "cursor"},
		{"no cursor", "q=a&cursor=%3D%3D", "cursor"},
	}
	for _, tt := range tests {
		a := c.get("/search?" + tt.query)
		if a.StatusCode != 400 {
			t.Errorf("%s: %d %s", tt.name, a.StatusCode, a.body)
			continue
		}
		if p := a.problem(t); len(p.Errors) != 1 || p.Errors[0].Field != tt.field {
			t.Errorf("%s: %+v", tt.name, p)
		}
		if tt.query == "" || tt.name == "blank" {
			continue // a page without a question is the form
		}
		if a := c.page("/search?" + tt.query); a.StatusCode != 400 || !strings.Contains(a.body, `role="alert"`) {
			t.Errorf("%s: page %d", tt.name, a.StatusCode)
		}
	}
}

// many stores n firms of one trade name.
func (c *city) many(n int) {
	c.t.Helper()
	var list []subject.Subject
	for i := range n {
		code, err := ident.MakeUSCC(fmt.Sprintf("91410702MA9A%04d", i))
		if err != nil {
			c.t.Fatal(err)
		}
		list = append(list, subject.Subject{Code: string(code), Name: fmt.Sprintf("新乡市样例百川%s商贸有限公司", strings.Repeat("甲", i%5)+string(rune('一'+i))), Kind: "enterprise", District: "410702"})
	}
	c.subjects(list...)
}

func TestPagingShowsEachSubjectOnce(t *testing.T) {
	t.Parallel()
	c := embedded(t, "2026-05-06")
	c.many(23)
	for _, limit := range []int{1, 10, 22, 23, 50} {
		seen := map[string]bool{}
		cursor := ""
		for range 40 {
			f := c.find("样例百川", fmt.Sprintf("&limit=%d&cursor=%s", limit, cursor))
			if len(f.Results) > limit {
				t.Fatalf("limit %d: %d results", limit, len(f.Results))
			}
			for _, h := range f.Results {
				if seen[h.Code] {
					t.Errorf("limit %d: %s twice", limit, h.Code)
				}
				seen[h.Code] = true
			}
			if f.Next == nil {
				break
			}
			cursor = *f.Next
		}
		if len(seen) != 23 {
			t.Errorf("limit %d: %d of 23", limit, len(seen))
		}
	}
	if f := c.find("样例百川"); len(f.Results) != 10 {
		t.Errorf("%d results unless asked otherwise", len(f.Results))
	}
	if a := c.page("/search?q=样例百川"); !strings.Contains(a.body, `rel="next"`) || strings.Count(a.body, `<li><h3>`) != 10 {
		t.Error("the page has no next, or not ten results")
	}
}

func TestNothingFoundHelps(t *testing.T) {
	t.Parallel()
	c := embedded(t, "2026-05-06")
	c.firms()
	tests := []struct{ name, q, says string }{
		{"wrong check character", "91410771MA00AAA105", "18"},
		{"one character short", "91410771MA00AAA10", "17"},
		{"letter O", "9141O771MA00AAA104", "O"},
		{"right but unknown", nobody, "没有收录"},
		{"no such name", "不存在的名字", "不等于没有失信记录"},
	}
	for _, tt := range tests {
		a := c.page("/search?q=" + url.QueryEscape(tt.q))
		if a.StatusCode != 200 || !strings.Contains(a.body, tt.says) {
			t.Errorf("%s: %d, does not say %q", tt.name, a.StatusCode, tt.says)
		}
	}
	if f := c.find("91410771MA00AAA105"); len(f.Results) != 0 || len(f.Suggest) != 1 || !strings.Contains(f.Suggest[0], "18") {
		t.Errorf("%+v", f)
	}
}

func TestMatchExplainsItsCandidates(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb, "2026-05-06")
		c.firms()
		body := `{"queries":[
			{"id":"a","name":"虚构甲科技"},
			{"id":"b","code":"` + strings.ToLower(second) + `","name":"另一个名字"},
			{"name":"样例星河代理","district":"红旗区"},
			{"id":"d","name":"样例星河代理","district":"410771"},
			{"id":"e","code":"91410771MA00AAA105","name":"演示黄河食品"},
			{"id":"f","code":"` + nobody + `","name":"演示黄河食品"},
			{"id":"g"},
			{"id":"h","name":"没有这样的名字"},
			{"id":"i","name":"a\u202eb","district":"火星"}]}`
		a := c.send("POST", "/match", body, "Content-Type", "application/json", "Origin", "https://foreign.example")
		if a.StatusCode != 200 || a.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Fatalf("%d %s", a.StatusCode, a.body)
		}
		var got struct {
			Results []struct {
				ID         string
				Candidates []struct {
					Code, Name string
					Score      float64
					Why        string
					Features   map[string]*float64
				}
				Errors []struct{ Field, Code, Message string }
			}
			Next *string
		}
		a.decode(t, &got)
		if got.Next != nil || !strings.Contains(a.body, `"next":null`) {
			t.Errorf("next is not null: %s", a.body)
		}
		want := []struct{ id, code, field, why string }{
			{"a", firm, "", ""},
			{"b", second, "", "登记名称与所给的不同"},
			{"2", agency, "", "所在地区与所给的相同"},
			{"d", agency, "", "所在地区与所给的不同"},
			{"e", third, "code", ""},
			{"f", third, "", ""},
			{"g", "", "name", ""},
			{"h", "", "", ""},
			{"i", "", "district", ""},
		}
		if len(got.Results) != len(want) {
			t.Fatalf("%d results: %s", len(got.Results), a.body)
		}
		for i, w := range want {
			r := got.Results[i]
			if r.ID != w.id || r.Candidates == nil {
				t.Errorf("%d: %+v", i, r)
			}
			first := ""
			if len(r.Candidates) > 0 {
				first = r.Candidates[0].Code
				if x := r.Candidates[0]; x.Why == "" || strings.Contains(x.Why, "〔") || !strings.Contains(x.Why, w.why) || x.Features["brand"] == nil || x.Score <= 0 || x.Score > 1 {
					t.Errorf("%s: %+v", w.id, x)
				}
			}
			if first != w.code {
				t.Errorf("%s: %q, want %q", w.id, first, w.code)
			}
			if w.field == "" && len(r.Errors) > 0 || w.field != "" && (len(r.Errors) == 0 || r.Errors[0].Field != w.field || r.Errors[0].Message == "") {
				t.Errorf("%s: errors %+v", w.id, r.Errors)
			}
		}
		if got.Results[1].Candidates[0].Score != 1 || len(got.Results[1].Candidates) != 1 {
			t.Errorf("a code does not decide: %+v", got.Results[1])
		}
		if same, other := got.Results[2].Candidates[0], got.Results[3].Candidates[0]; same.Score <= other.Score || *same.Features["inDistrict"] != 1 || *other.Features["inDistrict"] != 0 {
			t.Errorf("district: %+v, %+v", same, other)
		}
	})
}

func TestMatchRefuses(t *testing.T) {
	t.Parallel()
	c := embedded(t, "2026-05-06")
	c.firms()
	list := func(n int) string {
		return `{"queries":[` + strings.TrimSuffix(strings.Repeat(`{"code":"`+firm+`"},`, n), ",") + `]}`
	}
	tests := []struct {
		name, body, kind string
		status           int
		field            string
	}{
		{"501 queries", list(501), "application/json", 422, "queries"},
		{"500 queries", list(500), "application/json", 200, ""},
		{"no queries", list(0), "application/json", 200, ""},
		{"without the list", `{}`, "application/json", 400, "queries"},
		{"unknown field", `{"queries":[{"nam":"x"}]}`, "application/json", 400, "nam"},
		{"key twice", `{"queries":[],"queries":[]}`, "application/json", 400, "queries"},
		{"wrong type", `{"queries":[{"name":1}]}`, "application/json", 400, ""},
		{"no JSON", `x`, "application/json", 400, ""},
		{"empty", ``, "application/json", 400, ""},
		{"a form", `queries=x`, "application/x-www-form-urlencoded", 415, ""},
		{"long id", `{"queries":[{"id":"` + strings.Repeat("x", 201) + `","name":"a"}]}`, "application/json", 400, "queries/0/id"},
	}
	for i, tt := range tests {
		a := c.send("POST", "/match", tt.body, "Content-Type", tt.kind, "X-Forwarded-For", fmt.Sprintf("10.0.%d.1", i))
		if a.StatusCode != tt.status {
			t.Errorf("%s: %d %s", tt.name, a.StatusCode, a.body)
			continue
		}
		if tt.field != "" {
			if p := a.problem(t); len(p.Errors) != 1 || p.Errors[0].Field != tt.field {
				t.Errorf("%s: %+v", tt.name, p)
			}
		}
	}
	// A page elsewhere may use its key where a key counts, and nowhere else.
	for path, keyed := range map[string]bool{"/match": true, "/search": true, "/subjects/" + firm: false, "/badge/" + firm + ".svg": false} {
		a := c.send("OPTIONS", path, "", "Origin", "https://foreign.example", "Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "authorization")
		if got := strings.Contains(a.Header.Get("Access-Control-Allow-Headers"), "Authorization"); a.StatusCode != 204 || got != keyed || a.Header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: %d, a key is allowed: %v", path, a.StatusCode, got)
		}
	}
	if a := c.send("OPTIONS", "/match", "", "Origin", "https://foreign.example", "Access-Control-Request-Method", "POST"); a.StatusCode != 204 || !strings.Contains(a.Header.Get("Access-Control-Allow-Methods"), "POST") {
		t.Errorf("preflight: %d %v", a.StatusCode, a.Header)
	}
}

func FuzzSearchAndMatchNeverFail(f *testing.F) {
	for _, q := range []string{"", "虚构", firm, "91410771MA00AAA10O", "a\x00b", "\u202e", "\xff", "（）", strings.Repeat("有限公司", 60), "xjsxgj", "%%%"} {
		f.Add(q, q)
	}
	c := embedded(f, "2026-05-06")
	c.firms()
	f.Fuzz(func(t *testing.T, q, other string) {
		c.t = t
		c.rdb.Del(t.Context(), c.buckets()...)
		for _, accept := range []string{"text/html", "application/json"} {
			a := c.get("/search?q="+url.QueryEscape(q)+"&cursor="+url.QueryEscape(other), "Accept", accept)
			if a.StatusCode != 200 && a.StatusCode != 400 && a.StatusCode != 414 {
				t.Errorf("%q: %d %s", q, a.StatusCode, a.body)
			}
		}
		body, err := json.Marshal(map[string]any{"queries": []map[string]string{{"name": q, "code": other, "district": other}, {"name": other}}})
		if err != nil {
			t.Fatal(err)
		}
		if a := c.send("POST", "/match", string(body), "Content-Type", "application/json"); a.StatusCode != 200 {
			t.Errorf("%s: %d %s", body, a.StatusCode, a.body)
		}
		for _, path := range []string{"/subjects/", "/badge/", "/embed/", "/statement/"} {
			if a := c.get(path + url.PathEscape(q)); a.StatusCode >= 500 {
				t.Errorf("%s%q: %d %s", path, q, a.StatusCode, a.body)
			}
		}
	})
}

// buckets are the keys of the rate limit.
func (c *city) buckets() []string {
	keys, err := c.rdb.Keys(c.t.Context(), c.env.Journal.Tmp("pace", "lookup:*")).Result()
	if err != nil {
		c.t.Fatal(err)
	}
	return append(keys, "none")
}
