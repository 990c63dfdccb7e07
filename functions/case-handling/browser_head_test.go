package function

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"ipcredit/shared/browsertest"
	"ipcredit/shared/tipoff"
)

// TestPagesWithMuchOnThemInABrowser: the lists of a supervisor and of a head with
// lines in them, the head's forms, and what only a refusing gateway or an import
// brings.
func TestPagesWithMuchOnThemInABrowser(t *testing.T) {
	b := browsertest.New(t)
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	defer gateway.Close()
	c := embedded(t, "notify_url", gateway.URL, "outgoing_allow", "127.0.0.0/8")
	var old []tipoff.Lodging
	for n, kind := range []tipoff.Kind{tipoff.Counterfeit, tipoff.Infringement, tipoff.AbnormalFilingAgency} {
		l, _ := c.lodge(tipoff.Lodged{Kind: kind, Narrative: fmt.Sprintf("早已办结的第%d件事情", n+1)})
		k := c.as("hongqi.handler")
		k.open(l.Number)
		k.done(l.Number, "state", "to", "assigned")
		k.done(l.Number, "state", "to", "out-of-scope", "scope", "petition")
		k.done(l.Number, "state", "to", "closed", "answer", "已办结。")
		old = append(old, l)
		c.clock.Pass(9 * 24 * time.Hour)
	}
	c.as("hongqi.approver").done(old[2].Number, "hold", "reason", "另案诉讼尚未结束，需要留存。")
	c.clock.Pass(2*365*24*time.Hour - 15*24*time.Hour)
	var untold []tipoff.Lodging
	for n := range 2 {
		l, _ := c.lodge(tipoff.Lodged{Reporter: named(), Narrative: fmt.Sprintf("联系不上的第%d件举报", n+1)})
		k := c.as("hongqi.handler")
		k.open(l.Number)
		k.done(l.Number, "answer", "answer", "已收到。")
		untold = append(untold, l)
	}
	for range 12 {
		if err := c.desk.deliver(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.clock.Pass(25 * time.Hour)
	}
	for n, division := range []string{"410702", "410711", "410703", "410771", "410702", "410711", "410703", "410702"} {
		c.lodge(tipoff.Lodged{Division: division, Kind: tipoff.Kinds()[n%5], Narrative: fmt.Sprintf("第%d件新举报", n+1)})
		c.clock.Pass(26 * time.Hour)
	}
	k := c.as("hongqi.handler")
	running, _ := c.lodge(tipoff.Lodged{Narrative: "正在核查的举报"})
	k.open(running.Number)
	k.done(running.Number, "state", "to", "assigned")
	k.done(running.Number, "state", "to", "verifying")
	k.done(running.Number, "pause", "reason", "样品送检，等待检验报告。")
	k.done(running.Number, "resume")
	k.done(running.Number, "extension", "reason", "涉及两个厂区，需异地核查。")

	views := []struct {
		name string
		view browsertest.View
		wide bool // for lists: forms are one column at any width
	}{
		{"360", browsertest.View{Width: browsertest.Narrow}, false},
		{"360-en", browsertest.View{Width: browsertest.Narrow, Language: "en"}, false},
		{"1280", browsertest.View{}, true},
	}
	lists := map[string]bool{"list": true, "retention": true}
	look := func(p *browsertest.Page, name string) {
		t.Helper()
		p.NoErrors()
		p.Axe()
		p.FitsWidth()
		p.Look("much-" + name)
	}
	walk := func(user string, pages map[string]string) {
		t.Helper()
		c.enter(b, user)
		for name, path := range pages {
			for _, v := range views {
				if v.wide && !lists[name] {
					continue
				}
				p := b.Open(t, c.public+prefix+path, v.view)
				if p.Status() != http.StatusOK {
					t.Errorf("%s: %d", path, p.Status())
				}
				look(p, name+"-"+v.name)
			}
		}
	}
	walk("lead.supervisor", map[string]string{"list": "/"})
	walk("hongqi.approver", map[string]string{
		"retention": "/retention", "hold": "/tip-offs/" + old[0].Number + "/hold", "release": "/tip-offs/" + old[2].Number + "/release",
		"erase": "/tip-offs/" + old[0].Number + "/erase", "extend": "/tip-offs/" + running.Number + "/extend",
	})
	walk("hongqi.handler", map[string]string{"undelivered": "/undelivered", "pause": "/tip-offs/" + untold[0].Number + "/pause"})
	csv := "原编号,举报类别,被举报人,统一社会信用代码,举报内容,发生日期,发生地点,接收日期,举报人,联系方式\r\n" +
		"测12315-1," + say("tipoff.kind.counterfeit") + "," + reported + "," + code + "," + story + ",2026-05-01,示例路1号," + c.desk.today().AddDays(-1).String() + "," + reporter + "," + contact + "\r\n" +
		"测12315-3,什么,虚构丁有限公司,91410702MA00AAC13A,内容,,,2026-02-30,,\r\n"
	file := filepath.Join(t.TempDir(), "移交.csv")
	if err := os.WriteFile(file, []byte(csv), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, v := range views[:2] {
		p := b.Open(t, c.public+prefix+"/import", v.view)
		p.Do(chromedp.Click(chromedp.CSS("[name=channel][value='12315']")), chromedp.SetUploadFiles(chromedp.CSS("[name=file]"), []string{file}))
		press(p, "main form .btn", "main table")
		look(p, "import-"+v.name)
	}
}
