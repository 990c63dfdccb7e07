package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/chromedp/chromedp"

	"ipcredit/shared/browsertest"
	"ipcredit/shared/tipoff"
)

// TestATipOffGoesTheWholeWay walks from the first page of the form to the answer
// and back in a real browser, with and without JavaScript, while the city is
// killed in the middle of the third file.
func TestATipOffGoesTheWholeWay(t *testing.T) {
	lasting(t)
	b := browsertest.New(t)
	r := reside(t)
	for _, tt := range []struct {
		name, division, officer string
		view                    browsertest.View
		third                   int // bytes of the file that is broken off
	}{
		{"without JavaScript", "410711", "muye.handler", browsertest.View{NoScript: true, Width: browsertest.Narrow}, 7<<20 + 77},
		{"with JavaScript", "410702", "hongqi.handler", browsertest.View{Width: browsertest.Narrow}, 20<<20 + 5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := map[string][]byte{
				"照片一.jpg": snapshot(4000, 1), "录音记录.txt": []byte(strings.Repeat("某月某日夜里的录音。\n", 900)), "现场录像.jpg": snapshot(tt.third, 3),
			}
			p := visit(t, b, r, intakePath+"/", tt.view)
			attach(p, tt.division)
			if tt.view.NoScript {
				sendByForms(p, r, files)
			} else {
				sendByScript(p, r, files)
			}
			p.Do(chromedp.Click(chromedp.CSS(".btns a.btn.second")), chromedp.WaitReady(chromedp.CSS("button[name=go][value=next]")))
			if text := p.Text("main"); !strings.Contains(text, "照片一.jpg") || !strings.Contains(text, "现场录像.jpg") {
				t.Errorf("the form knows of %s", text)
			}
			number, receipt, kept := finish(p)

			// The officer.
			o := visit(t, b, r, staffPath+"/sign-in", browsertest.View{NoScript: tt.view.NoScript})
			o.signIn(r.login(tt.officer))
			session := cookiesOf(o, r.base)
			o.answers(number, files)

			// The reporter again.
			p = visit(t, b, r, intakePath+"/track", tt.view)
			p.types("#f-reportNo", number, "#f-receipt", receipt)
			p.presses("form[action$='/track'] .btn", "#f-text")
			if text := p.Text("ol.thread"); !strings.Contains(text, "请补充购买凭证") {
				t.Errorf("the reporter reads %s", text)
			}
			p.types("#f-text", "补充：还有一个仓库。")
			p.presses("form[action$='/track/messages'] .btn", ".notice.good")
			p.presses("form[action$='/track/evidence'] .btn", "#f-file")
			later := snapshot(90_000, 7)
			p.chooses(saveFile(t, "购买凭证.jpg", later))
			if tt.view.NoScript {
				p.presses("#upload .btn", `li[data-n="1"] code`)
			} else {
				p.Do(chromedp.WaitReady(chromedp.CSS("#list li code")))
			}

			// The officer has it all.
			k := r.visitor()
			k.http.Jar.SetCookies(mustURL(t, r.base), session)
			tip := k.opens(number)
			if !strings.Contains(tip.body, "还有一个仓库") {
				t.Errorf("the officer does not read it: %s", textOf(tip.body))
			}
			files["购买凭证.jpg"] = later
			got := k.originals(tip)
			if !slices.Equal(slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(files))) {
				t.Errorf("the officer has %q", slices.Sorted(maps.Keys(got)))
			}
			for name, data := range files {
				if shaOf(got[name]) != shaOf(data) {
					t.Errorf("%s: %d bytes of %d, another hash", name, len(got[name]), len(data))
				}
			}
			t.Run("receipt", func(t *testing.T) { verifyKept(t, r, number, receipt, kept) })
		})
	}
}

const onward = `button[name=go][value=next]`

// attach walks from the first page to the one where files are chosen.
func attach(p *person, division string) {
	p.t.Helper()
	p.presses("main a.btn", "#f-kind")
	p.Do(chromedp.Click(chromedp.CSS("input[name=kind][value=counterfeit] + label")))
	p.presses(onward, "#f-party")
	p.types("#f-party", "演示丙食品")
	p.presses("button[value=search]", "#hits-title")
	p.presses(`button[value="pick:`+reportedCode+`"]`, `button[value="remove:1"]`)
	p.presses(onward, "#f-narrative")
	p.types("#f-narrative", "夜里在示例路1号的仓库更换商标吊牌，演示用举报，并无其事。", "#f-place", "示例路1号")
	p.Do(chromedp.SetAttributeValue(chromedp.CSS(`#f-division option[value="`+division+`"]`), "selected", "selected"))
	p.presses(onward, "button[value=attach]")
	p.presses("button[value=attach]", "#f-file")
}

// sendByForms sends one file a page; in the middle of the third the city is killed.
func sendByForms(p *person, r *resident, files map[string][]byte) {
	p.t.Helper()
	here := browserPath(p)
	for n, name := range []string{"照片一.jpg", "录音记录.txt"} {
		p.chooses(saveFile(p.t, name, files[name]))
		p.presses("#upload .btn", `li[data-n="`+strconv.Itoa(n+1)+`"] code`)
	}
	third := saveFile(p.t, "现场录像.jpg", files["现场录像.jpg"])
	reached, lose := r.cutOff(func(q *http.Request) bool {
		return q.Method == http.MethodPost && strings.Contains(q.URL.Path, "/forms/")
	}, 5<<20)
	p.chooses(third)
	pressed := make(chan struct{})
	go func() { // the browser waits for an answer that does not come
		defer close(pressed)
		p.Do(chromedp.Click(chromedp.CSS("#upload .btn")))
	}()
	await(p.t, "the third file is on its way", reached)
	r.end(syscall.SIGKILL)
	lose()
	await(p.t, "the browser gives up", pressed)
	r.start()
	p.to(here)
	if text := p.Text("main"); strings.Count(text, zh("evidence-upload.whole")) != 2 || strings.Contains(text, zh("evidence-upload.part")) {
		p.t.Fatalf("after the kill: %s", text)
	}
	p.chooses(third)
	p.Do(chromedp.Click(chromedp.CSS("#upload .btn")), chromedp.WaitReady(chromedp.CSS(".notice.good")))
	if text := p.Text("main"); !strings.Contains(text, shaOf(files["现场录像.jpg"])) || strings.Contains(text, zh("evidence-upload.part")) {
		p.t.Errorf("after sending it again: %s", text)
	}
}

// sendByScript chooses all files at once. In the middle of the third the city is
// killed, the reporter pauses, and goes on when it is back.
func sendByScript(p *person, r *resident, files map[string][]byte) {
	p.t.Helper()
	var chosen []string
	for _, name := range []string{"照片一.jpg", "录音记录.txt", "现场录像.jpg"} {
		chosen = append(chosen, saveFile(p.t, name, files[name]))
	}
	var third string
	reached, lose := r.cutOff(func(q *http.Request) bool {
		from, _ := strconv.Atoi(q.Header.Get("Upload-Offset"))
		if q.Method != http.MethodPatch || from < 8<<20 {
			return false
		}
		third = path.Base(q.URL.Path)
		return true
	}, 1<<20)
	sent := r.countBytes(http.MethodPatch)
	p.chooses(chosen...)
	await(p.t, "the third file is on its way", reached)
	const pause = "#queue li .controls .btn:first-child"
	p.Do(chromedp.Click(chromedp.CSS(pause)))
	r.end(syscall.SIGKILL)
	lose()
	r.start()
	p.Do(chromedp.Click(chromedp.CSS(pause)))
	eventually(p.t, "all three have arrived", func() bool {
		text := p.Text("main")
		return strings.Contains(text, shaOf(files["照片一.jpg"])) && strings.Contains(text, shaOf(files["录音记录.txt"])) && strings.Contains(text, shaOf(files["现场录像.jpg"]))
	})
	if third != "3" {
		p.t.Errorf("file %s was broken off", third)
	}
	// It went on where it was: what had arrived was not sent again.
	total := 0
	for _, data := range files {
		total += len(data)
	}
	if got := sent(); got > int64(total)+5<<20 {
		p.t.Errorf("%d bytes were sent for %d", got, total)
	}
	// The killed city's hold on the file stands for some seconds: until then the
	// page is told to wait (423) and asks again.
	p.NoErrorsBut("net::ERR", "status of 423")
}

// finish walks from the evidence page to the receipt, keeps it, and shows that it
// is kept.
func finish(p *person) (number, receipt, kept string) {
	p.t.Helper()
	const send = `form[action$="/reports"] .btn`
	p.presses(onward, "#f-anonymous")
	p.Do(chromedp.Click(chromedp.CSS("label[for=f-anonymous]")))
	p.presses(onward, send)
	p.presses(send, "#report-receipt, #f-answer")
	if strings.Contains(p.HTML(), `id="f-answer"`) { // filled in faster than people do
		p.types("#f-answer", solve(p.t, strings.TrimSpace(p.Text("label[for=f-answer]"))))
		p.presses(send, "#report-receipt")
	}
	number = strings.Join(strings.Fields(p.Text("#report-number")), "")
	receipt = strings.Join(strings.Fields(p.Text("#report-receipt")), "")
	kept, text := p.saves(`form[action$="/receipt/file"] .btn`)
	if !bytes.Contains(text, []byte(receipt)) {
		p.t.Errorf("the file lacks the receipt")
	}
	p.types("#f-group", "ABCDE")
	p.presses("button[value=saved]", ".wrong")
	p.Do(chromedp.Clear(chromedp.CSS("#f-group")))
	p.types("#f-group", receipt[strings.LastIndexByte(receipt, '-')+1:])
	p.presses("button[value=saved]", "main dl.facts")
	return number, receipt, kept
}

// answers opens the tip-off, has its evidence checked, downloads each original and
// writes to the reporter.
func (p *person) answers(number string, files map[string][]byte) {
	p.t.Helper()
	tip := casePath + "/tip-offs/" + number
	p.to(tip)
	p.presses("form[action$='/open'] .btn", "#evidence")
	for strings.Contains(p.HTML(), `/evidence/check"`) {
		p.presses("form[action$='/evidence/check'] .btn", ".notice.good")
	}
	links := fileLink.FindAllStringSubmatch(p.HTML(), -1)
	if len(links) != len(files) {
		p.t.Errorf("%d files: %v", len(links), links)
	}
	for _, m := range links {
		name := html.UnescapeString(m[2])
		want := shaOf(files[name])
		p.to(m[1])
		if !strings.Contains(p.Text("dl.facts"), want) {
			p.t.Errorf("%s: the page shows another hash", name)
		}
		button := "#original a"
		if strings.Contains(p.HTML(), "<progress") {
			p.Do(chromedp.Click(chromedp.CSS("#original button")), chromedp.WaitReady(chromedp.CSS("#original[data-done]")))
			button = "#original a.btn"
		}
		if file, data := p.saves(button); shaOf(data) != want {
			p.t.Errorf("%s: %s of %d bytes has another hash", name, file, len(data))
		}
	}
	p.to(tip + "/state")
	p.Do(chromedp.Click(chromedp.CSS("input[name=to][value=assigned]")))
	p.presses("main form .btn", ".notice.good")
	p.to(tip + "/answer")
	p.types("#f-answer", "您好，请补充购买凭证。")
	p.presses("main form .btn", ".notice.good")
}

// verifyKept checks the receipt as somebody does who has the file and the log's
// public key and asks nobody: no server of the city runs, and no data are there.
func verifyKept(t *testing.T, r *resident, number, receipt, kept string) {
	// The next checkpoint is out after the next start's first tick.
	r.end(syscall.SIGTERM)
	r.start()
	var told tracked
	eventually(t, "the receipt is in the log", func() bool {
		told = decode[tracked](t, r.visitor().track(number, receipt))
		return told.InclusionProof != ""
	})
	secret, err := (&place{data: r.data}).logKey("receipt-signing")
	if err != nil {
		t.Fatal(err)
	}
	key := saveFile(t, "receipt-signing.pub", []byte(secret.Public()))
	proof := saveFile(t, "receipt.tlog-proof", []byte(told.InclusionProof))
	alone := run{path: nothing(t), args: []string{"verify", kept, "--key", key, "--proof", proof, "--json", "-data", filepath.Join(t.TempDir(), "none")}}
	var v struct {
		Kind, ReportNo string
		OK, Content    bool
		Index          *int64
		NotChecked     []string
	}
	x := alone.must(t)
	if err := json.Unmarshal([]byte(x.out), &v); err != nil || !v.OK || v.Kind != "receipt" || v.ReportNo != number || !v.Content || v.Index == nil || len(v.NotChecked) != 0 {
		t.Errorf("verified: %s (%v)", x.out, err)
	}
	text, err := os.ReadFile(kept)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(string) string{
		"one word of the document": func(s string) string { return strings.Replace(s, "夜里", "白天", 1) },
		"another number":           func(s string) string { return strings.ReplaceAll(s, number, "482109375516") },
		"another receipt":          func(s string) string { return strings.ReplaceAll(s, receipt, r.demo().Reports[0].Receipt) },
	} {
		changed := change(string(text))
		if changed == string(text) {
			t.Fatalf("%s: nothing to change", name)
		}
		alone.args[1] = saveFile(t, "changed.txt", []byte(changed))
		if x := alone.do(t); x.code != exitFailed {
			t.Errorf("%s: exit %d %s", name, x.code, x.out)
		}
	}
}

// TestOneKeyIsOneTipOff sends the same twice, something else with the same key,
// and both again after the city was killed.
func TestOneKeyIsOneTipOff(t *testing.T) {
	r := reside(t)
	p := r.visitor()
	const key = "b1946ac9-2492-4d23-87c6-235b4d2611184"
	tip := tipAbout(reportedName, reportedCode, "place", "示例路1号")
	a := p.lodges(key, tip)
	first := decode[sent](t, a)
	if a.status != http.StatusCreated || tipoff.CheckReceipt(first.Receipt) != nil || first.Due == "" || first.ReceiptProof == "" || first.EvidenceEndpoint == "" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	again := func(when string) {
		t.Helper()
		a := p.lodges(key, tip)
		got := decode[sent](t, a)
		if a.status != http.StatusCreated || got.ReportNo != first.ReportNo || got.Receipt != first.Receipt || got.Due != first.Due {
			t.Errorf("%s: %d %s", when, a.status, a.body)
		}
		if a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: Cache-Control %q", when, a.header.Get("Cache-Control"))
		}
		if a := p.lodges(key, tipAbout(reportedName, reportedCode, "place", "示例路2号")); a.status != http.StatusUnprocessableEntity || strings.Contains(a.body, first.Receipt) {
			t.Errorf("%s: another body with the same key: %d %s", when, a.status, a.body)
		}
	}
	again("at once")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if got := decode[sent](t, r.visitor().lodges(key, tip)); got.Receipt != first.Receipt {
				t.Errorf("at the same time: %+v", got)
			}
		})
	}
	all.Wait()
	r.end(syscall.SIGKILL)
	r.start()
	again("after a kill")
	if a := p.track(first.ReportNo, first.Receipt); a.status != http.StatusOK || decode[tracked](t, a).Lodged.Narrative != tip["narrative"] {
		t.Errorf("after a kill: %d %s", a.status, a.body)
	}
	// Two that sent the same with keys of their own are two.
	if other := decode[sent](t, p.lodges("0cc175b9-c0f1-46a8-831c-399e26977266", tip)); other.ReportNo == first.ReportNo || other.Receipt == first.Receipt {
		t.Errorf("another key gives %+v", other)
	}
	// A key that somebody else could guess is none.
	for _, weak := range []string{"1", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"} {
		if a := p.lodges(weak, tip); a.status != http.StatusBadRequest {
			t.Errorf("key %q: %d %s", weak, a.status, a.body)
		}
	}
}

// TestAHundredFormsOfOneNetworkAreAllAccepted fills in a hundred forms and sends
// them at once, behind more than one network may send without being asked.
func TestAHundredFormsOfOneNetworkAreAllAccepted(t *testing.T) {
	slow(t)
	r := reside(t)
	const forms = 100
	people := make([]*program, forms)
	pages := make([]answer, forms)
	each(forms, 16, func(i int) {
		people[i] = r.visitor()
		pages[i] = people[i].fillsIn(fmt.Sprintf("第%d个人看到的事情，演示用举报，并无其事。", i))
	})
	// Whoever comes now is asked.
	p := r.visitor()
	asked := false
	for n := range 200 {
		if a := p.lodges("", tipAbout("虚构的商店", "", "place", fmt.Sprintf("示例路%d号", n))); a.status == http.StatusTooManyRequests {
			asked = true
			break
		}
	}
	if !asked {
		t.Fatal("two hundred in a row were not asked")
	}
	questions := make([]answer, forms)
	each(forms, forms, func(i int) {
		questions[i] = people[i].post(intakePath+"/reports", hiddenFields(t, pages[i], "/reports"))
	})
	receipts := make([]string, forms)
	asks := 0
	each(forms, forms, func(i int) {
		a := questions[i]
		if a.status == http.StatusTooManyRequests {
			form := hiddenFields(t, a, "/reports")
			form.Set("answer", solve(t, questionOf(t, a)))
			a = people[i].post(intakePath+"/reports", form)
		}
		if a.status == http.StatusSeeOther {
			a = people[i].page(a.header.Get("Location"))
		}
		m := regexp.MustCompile(`(?s)id="report-receipt">(.*?)</dd>`).FindStringSubmatch(a.body)
		if m == nil {
			t.Errorf("form %d: %d %s", i, a.status, textOf(a.body))
			return
		}
		receipts[i] = tagsOfPage.ReplaceAllString(m[1], "")
	})
	distinct := map[string]bool{}
	for i := range forms {
		if questions[i].status == http.StatusTooManyRequests {
			asks++
		}
		distinct[receipts[i]] = true
	}
	if len(distinct) != forms || asks < forms/2 {
		t.Errorf("%d receipts of %d forms, %d were asked", len(distinct), forms, asks)
	}
	// A program that answers is taken in too.
	tip := tipAbout("虚构的商店", "", "place", "示例路999号")
	a := p.lodges("", tip)
	for a.status == http.StatusCreated {
		a = p.lodges("", tip)
	}
	q := decode[struct{ Question, IdempotencyKey string }](t, a)
	if a = p.lodges(q.IdempotencyKey, tip, "Report-Answer", solve(t, q.Question)); a.status != http.StatusCreated {
		t.Errorf("a program that answers: %d %s", a.status, a.body)
	}
	// Nobody's address is kept.
	canary(t, []string{"127.0.0.1:"}, map[string]string{"log": logOf(t, r.data)})
}

func questionOf(t testing.TB, a answer) string {
	t.Helper()
	m := regexp.MustCompile(`(?s)<label[^>]*for="f-answer"[^>]*>(.*?)</label>`).FindStringSubmatch(a.body)
	if m == nil {
		t.Fatalf("no question: %s", textOf(a.body))
	}
	return strings.TrimSpace(html.UnescapeString(tagsOfPage.ReplaceAllString(m[1], "")))
}

// fillsIn walks through the form to its last page.
func (p *program) fillsIn(narrative string) answer {
	p.t.Helper()
	a := p.page(intakePath + "/report/kind")
	for _, s := range []struct{ step, field, value string }{
		{"kind", "kind", "unclear"}, {"whom", "party", "虚构的商店"}, {"what", "narrative", narrative},
		{"evidence", "", ""}, {"who", "anonymous", "yes"},
	} {
		form := hiddenFields(p.t, a, "/report/"+s.step)
		if s.field != "" {
			form.Set(s.field, s.value)
		}
		form.Set("go", "next")
		a = p.follows(intakePath+"/report/"+s.step, form)
	}
	return a
}
