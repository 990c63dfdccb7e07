package function

import (
	"net/url"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/credit"
	"ipcredit/shared/redistest"
	"ipcredit/shared/sheet"
)

// TestNoNaturalPersonAnywhere stores a penalty on a natural person, and one on a
// firm whose documents name persons, and looks for them in every answer and in
// Redis.
func TestNoNaturalPersonAnywhere(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb, "2026-05-06")
		c.firms()
		const person, id = "欧阳样例", "410799190001019907"
		const legal, legalID, phone = "李演示", "41079919000101994X", "19900001234"
		row := map[string]string{
			"subjectName": person, "subjectType": "自然人", "personIdType": "身份证", "personId": id,
			"instrumentNo": "新测市监处罚〔2026〕7号", "violation": "商标侵权", "facts": "当事人" + person + "(" + id + ")销售侵权商品,电话" + phone,
			"basis": "《中华人民共和国商标法》第六十条", "classes": "罚款", "fine": "6", "text": "对" + person + "罚款60000元",
			"determinedOn": "2026-05-06", "authority": "新乡市测试区市场监督管理局", "authorityCode": "11410700000000019U",
		}
		var entries []credit.Entry
		parse := func(row map[string]string) {
			e, problems := credit.Shipped().Parse(credit.Penalty, sheet.NewRow(mustSchema(credit.Penalty), 1, row),
				credit.Context{Now: c.env.Now(), Key: []byte("0123456789abcdef0123456789abcdef")})
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			entries = append(entries, e)
		}
		parse(row)
		parse(map[string]string{
			"subjectName": "新乡市虚构甲科技有限公司", "subjectType": "法人及非法人组织", "subjectCode": firm,
			"legalRep": legal, "legalRepIdType": "身份证", "legalRepId": legalID,
			"instrumentNo": "新测市监处罚〔2026〕8号", "violation": "商标侵权", "facts": "法定代表人" + legal + ",身份证" + legalID + ",电话" + phone,
			"basis": "《中华人民共和国商标法》第六十条", "classes": "罚款", "fine": "6", "text": "对" + legal + "所在单位罚款60000元",
			"determinedOn": "2026-05-06", "authority": "新乡市测试区市场监督管理局", "authorityCode": "11410700000000019U",
		})
		c.change(credit.Change{Records: entries})
		if e := entries[0]; !e.NaturalPerson || !strings.HasPrefix(e.SubjectCode, "P-") {
			t.Fatalf("%+v", e)
		}
		key := entries[0].SubjectCode
		canaries := []string{person, id, id[:14], id[6:], "19000101", legal, legalID, legalID[8:], phone, phone[3:], key}

		c.at("2027-01-04") // past the time of challenge
		// A refusal may repeat what the caller himself wrote, never more.
		type heard struct{ asked, body string }
		var bodies []heard
		for _, about := range []string{firm, strings.ToLower(firm), id, key, person, nobody} {
			for _, path := range []string{"/subjects/%s", "/badge/%s.svg", "/badge/%s.json", "/embed/%s", "/statement/%s"} {
				for _, accept := range []string{"application/json", "text/html"} {
					a := c.get(strings.Replace(path, "%s", url.PathEscape(about), 1), "Accept", accept)
					if about != firm && about != strings.ToLower(firm) && a.StatusCode == 200 && !strings.Contains(a.body, `"isError":true`) {
						t.Errorf("%s answers for %s", path, about)
					}
					bodies = append(bodies, heard{about, a.body})
				}
			}
		}
		for _, q := range []string{"虚构", "有限公司", "7号"} {
			bodies = append(bodies, heard{q, c.get("/search?q=" + url.QueryEscape(q)).body}, heard{q, c.page("/search?q=" + url.QueryEscape(q)).body})
		}
		// What is searched for stands in the page's own form; results must not.
		for _, q := range []string{person, "欧阳", "样例", id, "ouyangyangli", "oyyl", key, legal} {
			for _, h := range c.find(q).Results {
				if h.Code != firm && h.Code != agency || strings.HasPrefix(h.Code, "P-") {
					t.Errorf("%s finds %+v", q, h)
				}
			}
			a := c.send("POST", "/match", `{"queries":[{"name":"`+q+`"}]}`, "Content-Type", "application/json", "X-Forwarded-For", "192.0.2.1")
			if strings.Contains(a.body, `"P-`) || strings.Contains(a.body, "欧阳*") {
				t.Errorf("%s matches %s", q, a.body)
			}
		}
		bodies = append(bodies, heard{"", c.get("/jwks.json").body}, heard{"", c.page("/").body})
		if s := c.signed(firm); len(s.Records) != 1 {
			t.Errorf("%+v", s)
		}
		for _, h := range bodies {
			for _, canary := range canaries {
				if strings.Contains(h.body, canary) && !strings.Contains(h.asked, canary) {
					t.Errorf("asked for %q, %q stands in %.300s", h.asked, canary, h.body)
				}
			}
		}
		if page := c.page("/subjects/" + firm).body; !strings.Contains(page, "李*") {
			t.Errorf("the firm's record is not there: %.2000s", page)
		}
		c.noCanary(canaries[:len(canaries)-1])
	})
}

// noCanary looks through everything Redis holds.
func (c *city) noCanary(canaries []string) {
	c.t.Helper()
	ctx := c.t.Context()
	keys, err := c.rdb.Keys(ctx, "*").Result()
	if err != nil {
		c.t.Fatal(err)
	}
	for _, k := range keys {
		text := k
		switch c.rdb.Type(ctx, k).Val() {
		case "string":
			text += c.rdb.Get(ctx, k).Val()
		case "hash":
			for f, v := range c.rdb.HGetAll(ctx, k).Val() {
				text += f + v
			}
		case "set":
			text += strings.Join(c.rdb.SMembers(ctx, k).Val(), " ")
		case "stream":
			for _, m := range c.rdb.XRange(ctx, k, "-", "+").Val() {
				text += strings.Join(redistest.Texts(c.t, m), " ")
			}
		}
		for _, canary := range canaries {
			if strings.Contains(text, canary) {
				c.t.Errorf("%q stands in Redis under %s", canary, k)
			}
		}
	}
}
