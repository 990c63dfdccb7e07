package function

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"ipcredit/shared/browsertest"
	"ipcredit/shared/credit"
	"ipcredit/shared/embed"
	"ipcredit/shared/sheet"
	"ipcredit/shared/subject"
	"ipcredit/shared/workday"
)

// shown is a city in which every part of the subject page has something to say.
func shown(t testing.TB) *city {
	c := embedded(t, "2026-05-06")
	c.firms()
	c.determination(firm, "国知信认〔2026〕1号", "2026-04-29", credit.General)
	c.determination(firm, "国知信认〔2026〕2号", "2026-04-30", "", func(r *credit.Record) { r.Act, r.Disputed = "DA2", true })
	c.penalty(firm, "新乡市虚构甲科技有限公司", "新测市监处罚〔2026〕1号", "2026-05-06")
	row := func(kind credit.Kind, values map[string]string) {
		values["subjectName"], values["subjectCode"] = "新乡市虚构甲科技有限公司", firm
		e, problems := credit.Shipped().Parse(kind, sheet.NewRow(mustSchema(kind), 1, values), credit.Context{Now: c.env.Now()})
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		c.change(credit.Change{Records: []credit.Entry{e}})
	}
	row(credit.Commendation, map[string]string{"instrumentNo": "新测市监〔2026〕3号", "text": "知识产权示范企业", "authority": "新乡市测试区市场监督管理局", "determinedOn": "2026-03-02"})
	row(credit.Judgment, map[string]string{"instrumentNo": "(2025)豫07知民初99号", "cause": "侵害商标权纠纷", "result": "判决赔偿损失20万元", "authority": "河南省新乡市中级人民法院", "determinedOn": "2026-02-02"})
	c.change(credit.Change{Subjects: []subject.Subject{{Code: agency, Name: "新乡市样例星河知识产权代理有限公司", Kind: "agency", District: "410702"}},
		Grades: map[string]credit.Grade{agency: {Grade: "A", On: workday.MustDate("2026-01-31"), Source: "专利代理信用评价"}}})
	c.many(12)
	return c
}

func TestPagesInABrowser(t *testing.T) {
	b := browsertest.New(t)
	c := shown(t)
	pages := []struct {
		name, path string
		view       browsertest.View
		status     int
	}{
		{"home", "/", browsertest.View{}, 200},
		{"listed", "/subjects/" + firm, browsertest.View{}, 200},
		{"listed-en", "/subjects/" + firm + "?lang=en", browsertest.View{}, 200},
		{"listed-large-dark", "/subjects/" + firm + "?text=large", browsertest.View{Dark: true}, 200},
		{"listed-print", "/subjects/" + firm, browsertest.View{Print: true}, 200},
		{"clean", "/subjects/" + agency, browsertest.View{}, 200},
		{"clean-noscript", "/subjects/" + second, browsertest.View{NoScript: true}, 200},
		{"unknown", "/subjects/" + nobody, browsertest.View{}, 404},
		{"wrong-code", "/subjects/91410771MA00AAA105", browsertest.View{}, 400},
		{"search", "/search?q=虚构", browsertest.View{}, 200},
		{"search-en", "/search?q=虚构&lang=en", browsertest.View{}, 200},
		{"search-more", "/search?q=样例百川", browsertest.View{}, 200},
		{"search-none", "/search?q=91410771MA00AAA105", browsertest.View{}, 200},
		{"search-bad", "/search?q=a&limit=99", browsertest.View{}, 400},
		{"embed-listed", "/embed/" + firm, browsertest.View{}, 200},
		{"embed-listed-en", "/embed/" + firm + "?lang=en", browsertest.View{Dark: true}, 200},
		{"embed-clean", "/embed/" + agency, browsertest.View{}, 200},
		{"embed-unknown", "/embed/" + nobody, browsertest.View{}, 404},
		{"embed-wrong", "/embed/91410771MA00AAA105", browsertest.View{}, 400},
	}
	for _, p := range pages {
		widths := []int{browsertest.Narrow, browsertest.Wide}
		if strings.HasPrefix(p.name, "embed") {
			widths = []int{200, browsertest.Narrow}
		}
		for _, width := range widths {
			p.view.Width = width
			page := b.Open(t, c.url+p.path, p.view)
			if got := page.Status(); got != p.status {
				t.Errorf("%s: %d", p.name, got)
			}
			if p.status == 200 {
				page.NoErrors()
			}
			page.FitsWidth()
			if !p.view.NoScript {
				page.Axe()
			}
			page.Look(fmt.Sprintf("lookup-%s-%d", p.name, width))
		}
	}
}

// foreign is a page of another origin that shows a subject in all three ways,
// under a content policy of its own, and follows the frame's height.
func foreign(t *testing.T, c *city, code string) string {
	origin, _, _ := strings.Cut(c.url, "/function/")
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", "default-src 'none'; img-src data: "+origin+"; frame-src "+origin+"; connect-src "+origin+
			"; script-src 'nonce-x' "+origin+"; require-trusted-types-for 'script'")
		_, _ = fmt.Fprintf(w, `<!DOCTYPE html><html lang="zh-CN"><head><meta charset="utf-8"><title>供应商名录</title><link rel="icon" href="data:,">
<script src="%[1]s/%[3]s" integrity="%[4]s" crossorigin="anonymous" defer></script>
<script nonce="x">window.heights = []; addEventListener("message", function (e) {
  var frame = document.querySelector("iframe");
  if (e.source === frame.contentWindow && e.data && e.data.type === "ip-credit:height" && e.data.version === 1 && Number.isInteger(e.data.height)) {
    window.heights.push(e.data.height); frame.height = e.data.height;
  }
});</script></head>
<body><main><h1>供应商名录</h1>
<p><a href="%[1]s/subjects/%[2]s"><img id="badge" src="%[1]s/badge/%[2]s.svg" alt="知识产权信用公示情况" height="24"></a></p>
<iframe src="%[1]s/embed/%[2]s" title="知识产权信用公示情况" width="300" height="100" referrerpolicy="no-referrer" sandbox="allow-scripts allow-popups"></iframe>
<p><ip-credit code="%[2]s"><a id="fallback" href="%[1]s/subjects/%[2]s">查询信用</a></ip-credit></p>
</main></body></html>`, c.url, code, embed.Path, embed.Integrity())
	}))
	t.Cleanup(s.Close)
	return s.URL
}

const (
	component = `String(document.querySelector("ip-credit").shadowRoot?.textContent)`
	drawnSize = `(() => { const i = document.getElementById("badge"); return i.complete ? i.naturalWidth : 0 })()`
)

func TestEmbedsOnAForeignOrigin(t *testing.T) {
	b := browsertest.New(t)
	c := embedded(t, "2026-05-06")
	c.firms()
	host := foreign(t, c, firm)

	page := b.Open(t, host, browsertest.View{})
	browsertest.Get(page, chromedp.Poll[bool](component+`.includes("无失信公示")`))
	browsertest.Get(page, chromedp.Poll[bool](drawnSize+` > 0`))
	browsertest.Get(page, chromedp.Poll[bool](`window.heights.some(h => h > 150 && h < 2000)`))
	before := browsertest.Eval[int](page, drawnSize)
	page.NoErrors()
	page.Axe()
	page.Look("foreign-clean")

	// The next batch brings a record: everything on the other site shows it.
	c.determination(firm, "国知信认〔2026〕1号", "2026-04-29", credit.General)
	// A browser that has nothing kept; others see it once what they keep has
	// passed its time.
	page = browsertest.New(t).Open(t, foreign(t, c, firm), browsertest.View{Width: browsertest.Narrow})
	browsertest.Get(page, chromedp.Poll[bool](component+`.includes("有 1 条公示")`))
	browsertest.Get(page, chromedp.Poll[bool](drawnSize+` > 0`))
	if after := browsertest.Eval[int](page, drawnSize); after == before {
		t.Errorf("the badge is as wide as before: %d", after)
	}
	page.FitsWidth()
	page.Look("foreign-listed")
}

func TestEmbedsOnAForeignOriginWithoutScripts(t *testing.T) {
	b := browsertest.New(t)
	c := embedded(t, "2026-05-06")
	c.firms()
	c.determination(firm, "国知信认〔2026〕1号", "2026-04-29", credit.General)
	page := b.Open(t, foreign(t, c, firm), browsertest.View{NoScript: true})
	browsertest.Get(page, chromedp.Poll[bool](drawnSize+` > 0`))
	if got := page.Text("#fallback"); got != "查询信用" {
		t.Errorf("fallback reads %q", got)
	}
	if !browsertest.Eval[bool](page, `document.getElementById("fallback").getClientRects().length > 0`) {
		t.Error("the fallback is hidden")
	}
	page.Look("foreign-noscript")
	frame := b.Open(t, c.url+"/embed/"+firm, browsertest.View{NoScript: true, Width: 300})
	if got := frame.Text("main"); !strings.Contains(got, "有 1 条公示") || !strings.Contains(got, "查看详细记录") {
		t.Errorf("frame reads %q", got)
	}
}
