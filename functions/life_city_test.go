package main

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"ipcredit/shared/browsertest"
)

const (
	repairPath     = "/function/credit-repair"
	disclosurePath = "/function/disclosure-publish"
)

// larger is a row of a penalty above a lower fine, so long ago that its subject
// may apply for repair.
func larger(code, name string, number, back int) []string {
	row, day := penaltyOf(code, name, number), demoDay(back)
	row[8], row[9] = "罚款人民币12万元", "12"
	row[3] = fmt.Sprintf("新测市监处罚〔%s〕%d号", day[:4], number)
	row[10] = strings.ReplaceAll(day, "-", "/")
	return row
}

var applicationNo = regexp.MustCompile(`/applications/([A-Z]+\d+)`)

// stays is the record of an instrument in what the city says of a subject.
func (p *program) stays(code, instrument string) (id string, shown bool) {
	p.t.Helper()
	for _, x := range p.subject(code).Records {
		if x.InstrumentNo == instrument {
			return x.ID, true
		}
	}
	return "", false
}

// TestAPatentAgencyReadsWhyUploadsItsPapersAndIsRepaired walks an agency, in a
// browser without JavaScript, from the record that it finds to the decision that
// takes it back, and two officers with it.
func TestAPatentAgencyReadsWhyUploadsItsPapersAndIsRepaired(t *testing.T) {
	b := browsertest.New(t)
	r := reside(t)
	const code, name = "91410772MA00AAB17X", "新乡市样例星河知识产权代理有限公司"
	row := larger(code, name, 880101, 200)
	stranger := r.visitor()
	if x := stranger.handIn("penalty", r.demo().APIKeys["material"], penaltyTable([][]string{row})); x.Accepted != 1 {
		t.Fatalf("upload: %+v", x)
	}
	id, shown := stranger.stays(code, row[3])
	if !shown {
		t.Fatalf("%s is not shown: %+v", row[3], stranger.subject(code).Records)
	}
	plain := browsertest.View{NoScript: true, Width: browsertest.Narrow}

	// It reads what it is, until when it stands, who decides and what to bring.
	agent := visit(t, b, r, staffPath+"/sign-in", plain)
	agent.signIn(r.login("xinghe.agent"))
	agent.to(repairPath + "/records")
	agent.presses("a[href$='/records/"+id+"']", "a[href*='/notice']")
	why := agent.Text("main")
	for _, want := range []string{row[3], row[5], row[6], fictionBureau, zh("credit-repair.can_apply"), zh("repair.paper.performance")} {
		if !strings.Contains(why, want) {
			t.Errorf("the agency is not told %q: %s", want, why)
		}
	}
	agent.presses("a[href*='/applications/new?record=']", "[name=corrected]")
	for _, box := range []string{"corrected", "performed", "removed"} {
		agent.Do(chromedp.Click(chromedp.CSS("[name=" + box + "]")))
	}
	agent.presses("main form[action$='/applications'] .btn", ".papers")
	no := applicationNo.FindStringSubmatch(agent.HTML())[1]
	application := repairPath + "/applications/" + no

	// It uploads each paper that is not made here.
	for _, paper := range []string{"identity", "performance", "correction"} {
		button := "form[action$='/upload']:has([value=" + paper + "]) .btn"
		if !strings.Contains(agent.HTML(), `value="`+paper+`"`) {
			continue
		}
		agent.presses(button, "#f-file")
		agent.chooses(saveFile(t, paper+".txt", []byte("演示材料，并无其事。"+paper)))
		agent.presses("#upload .btn", ".notice.good")
		agent.to(application)
		agent.presses("form[action$='/paper']:has([value="+paper+"]) .btn", ".notice.good")
	}
	session := cookiesOf(agent, r.base)
	legal := visit(t, b, r, staffPath+"/sign-in", plain)
	legal.signIn(r.login("xinghe.legal"))
	legal.to(application)
	legal.Do(chromedp.Click(chromedp.CSS("[name=agree]")))
	legal.presses("form[action$='/sign'] .btn", ".notice.good")
	if strings.Contains(legal.HTML(), `class="lacks"`) {
		t.Fatalf("a paper is still missing: %s", legal.Text(".papers"))
	}

	// Whoever accepts does not decide.
	h := visit(t, b, r, staffPath+"/sign-in", plain)
	h.signIn(r.login("lead.handler"))
	h.to(repairPath + "/desk")
	h.presses("a[href$='/desk/"+no+"']", "form[action$='/hand-over']")
	h.types("form[action$='/hand-over'] [name=number]", "信用中国2026-880101号")
	h.presses("form[action$='/hand-over'] .btn", ".notice.good")
	h.presses("form[action$='/accept'] .btn", ".notice.good")
	if strings.Contains(h.HTML(), "/decide\"") {
		t.Error("the officer who accepted may decide as well")
	}
	if _, shown := stranger.stays(code, row[3]); !shown {
		t.Error("an application takes the record away before it is decided")
	}
	d := visit(t, b, r, staffPath+"/sign-in", plain)
	d.signIn(r.login("lead.approver"))
	d.to(repairPath + "/desk/" + no)
	d.Do(chromedp.Click(chromedp.CSS("[name=outcome][value=approved]")))
	d.types("form[action$='/decide'] [name=decision]", "新测市监信修〔2026〕880101号")
	d.presses("form[action$='/decide'] .btn", ".notice.good")

	// It is gone for everybody, and the agency reads that it was repaired.
	if _, shown := stranger.stays(code, row[3]); shown {
		t.Error("what was repaired is still shown")
	}
	if a := stranger.page(disclosurePath + "/disclosures/" + url.PathEscape(id)); a.status != http.StatusGone || strings.Contains(a.body, row[3]) {
		t.Errorf("its page answers %d %s", a.status, textOf(a.body))
	}
	again := r.visitor()
	again.http.Jar.SetCookies(mustURL(t, r.base), session)
	a := again.page(application)
	if text := textOf(a.body); !strings.Contains(text, zh("repair.state.APPROVED")) && !strings.Contains(text, zh("repair.state.PROPAGATED")) {
		t.Errorf("the agency reads %d %s", a.status, text)
	}
}

// officer is somebody signed in, without a browser.
func (r *resident) officer(user string) *program {
	r.t.Helper()
	p := r.visitor()
	p.enters(r.login(user))
	return p
}

// takes sends the form of a step that stands on a page, filled in.
func (p *program) takes(page, step string, pairs ...string) answer {
	p.t.Helper()
	form := hiddenFields(p.t, p.page(page), "/"+step)
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return p.follows(strings.TrimSuffix(page, "/"+step)+"/"+step, form)
}

var noticeID = regexp.MustCompile(`/notices/([0-9A-Z]{26})/`)

// TestAWebsiteElsewhereFollowsTheLifeOfARecord publishes a penalty by three
// officers, objects to it, upholds it and repairs it, and looks after each step at
// what a website of another origin shows as soon as its caches may be asked again.
func TestAWebsiteElsewhereFollowsTheLifeOfARecord(t *testing.T) {
	b := browsertest.New(t)
	r := reside(t)
	const code, name = "91410771MA00AAA104", "新乡市虚构甲科技有限公司"
	stranger := r.visitor()
	elsewhere := website(t, stranger, code)
	row := larger(code, name, 880102, 200)
	embed := "/function/credit-lookup/embed/" + code
	counted := func() int {
		n := 0
		_, _ = fmt.Sscanf(badgeOf(t, stranger, code).Message, "有 %d 条公示", &n)
		return n
	}
	before := counted()
	// shows looks at the website as if its caches had just run out, and makes sure
	// that they soon do.
	shows := func(when string, count int, listed, disputed bool) {
		t.Helper()
		a := stranger.page(embed)
		_, age, _ := strings.Cut(a.header.Get("Cache-Control"), "max-age=")
		if seconds, err := strconv.Atoi(strings.TrimSpace(strings.Split(age, ",")[0])); err != nil || seconds > 300 {
			t.Errorf("%s: it may be kept for %q", when, a.header.Get("Cache-Control"))
		}
		_, item, found := strings.Cut(a.body, row[3])
		item, _, _ = strings.Cut(item, "</li>")
		if found != listed || strings.Contains(item, zh("credit.status.disputed")) != disputed {
			t.Errorf("%s: the frame shows %s", when, textOf(a.body))
		}
		reload(t, b, elsewhere)
		want := zh("credit-lookup.state.listed", count)
		if count == 0 {
			want = zh("credit-lookup.state.clean")
		}
		if got := look(t, b, elsewhere); got.Component != want || !strings.Contains(got.Drawing, want) || !got.Framed {
			t.Errorf("%s: the website shows %+v, want %s", when, got, want)
		}
	}
	shows("before", before, false, false)

	handler, approver, publisher := r.officer("lead.handler"), r.officer("lead.approver"), r.officer("lead.publisher")
	a := handler.follows(disclosurePath+"/notices", url.Values{
		"kind": {"penalty"}, "division": {"410700"}, "review": {"clear"}, "subjectName": {name}, "subjectCode": {code}, "instrumentNo": {row[3]},
		"violation": {row[4]}, "facts": {row[5]}, "basis": {row[6]}, "classes": {"罚款"}, "fine": {row[9]}, "text": {row[8]},
		"determinedOn": {demoDay(200)}, "authority": {fictionBureau}, "authorityCode": {fictionBureauCode},
	})
	found := noticeID.FindStringSubmatch(a.body)
	if found == nil {
		t.Fatalf("no notice: %d %s", a.status, textOf(a.body))
	}
	notice := disclosurePath + "/notices/" + found[1]
	handler.takes(notice+"/serve", "serve", "on", demoDay(200))
	handler.takes(notice, "submit")
	shows("while it is approved", before, false, false)
	approver.takes(notice, "approve")
	publisher.takes(notice, "publish")
	id, _ := stranger.stays(code, row[3])
	shows("published", before+1, true, false)

	// The subject objects, in a browser.
	agent := visit(t, b, r, staffPath+"/sign-in", browsertest.View{NoScript: true, Width: browsertest.Narrow})
	agent.signIn(r.login("jia.agent"))
	agent.to(repairPath + "/objections/new")
	agent.Do(chromedp.Click(chromedp.CSS("[name=record][value='"+id+"']")), chromedp.Click(chromedp.CSS("[name=ground]")))
	agent.types("[name=text]", "所列事实不准确，演示用异议，并无其事。")
	agent.presses("main form[action$='/objections'] .btn", "form[action$='/withdraw']")
	objection := objectionNo.FindStringSubmatch(agent.HTML())[1]
	session := cookiesOf(agent, r.base)
	shows("objected to", counted(), true, true)
	desk := disclosurePath + "/objections/" + objection
	handler.takes(desk, "check", "finding", "unfounded")
	approver.takes(desk, "rule", "outcome", "dismiss", "decision", "新测市监异〔2026〕880102号", "reasons", "accurate")
	shows("upheld", before+1, true, false)

	// It is repaired.
	jia := r.visitor()
	jia.http.Jar.SetCookies(mustURL(t, r.base), session)
	a = jia.follows(repairPath+"/applications", url.Values{"records": {id}, "corrected": {"yes"}, "performed": {"yes"}, "removed": {"yes"}})
	no := applicationNo.FindStringSubmatch(a.body)[1]
	counter := repairPath + "/desk/" + no
	handler.takes(counter, "counter", "paper", "performance")
	legal := r.officer("jia.legal")
	legal.takes(repairPath+"/applications/"+no, "sign", "agree", "yes")
	handler.takes(counter, "hand-over", "number", "信用中国2026-880102号")
	handler.takes(counter, "accept")
	shows("applied for", before+1, true, false)
	approver.takes(counter, "decide", "outcome", "approved", "decision", "新测市监信修〔2026〕880102号")
	shows("repaired", before, false, false)
	if a := stranger.page(disclosurePath + "/disclosures/" + id); a.status != http.StatusGone {
		t.Errorf("its page answers %d", a.status)
	}
	for _, feed := range []string{"/feed.atom", "/feed.json", "/sitemap.xml"} {
		if a := stranger.get(disclosurePath + feed); a.status != http.StatusOK || strings.Contains(a.body, id) {
			t.Errorf("%s: %d", feed, a.status)
		}
	}
	if a := stranger.get(disclosurePath + "/removed.json"); !strings.Contains(a.body, id) {
		t.Errorf("removed.json: %s", a.body)
	}
}

var objectionNo = regexp.MustCompile(`/objections/([A-Z]+\d+)`)
