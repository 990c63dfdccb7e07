package function

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/evidence"
	"ipcredit/shared/page"
	"ipcredit/shared/redistest"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/tipoff"
	"ipcredit/shared/workday"
)

// drafts are the names of the drafts kept.
func (c *city) drafts() []string {
	c.t.Helper()
	keys, err := c.rdb.Keys(c.t.Context(), "{410700}:tmp:draft:*").Result()
	if err != nil {
		c.t.Fatal(err)
	}
	return keys
}

// TestReportGoesFromTheFirstPageToTheLastAndIsFollowed walks as browsers without
// scripts do, with a cookie and without.
func TestReportGoesFromTheFirstPageToTheLastAndIsFollowed(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb)
		for _, cookies := range []bool{true, false} {
			k := c.browser(cookies)
			a := k.step(k.fill(), "/reports")
			number, receipt := a.given(t)
			wantIn(t, a, `src="data:image/png;base64,`, say("report-intake.once"))

			// Each step has an address of its own only where a cookie tells who asks.
			if got := a.Request.URL.Path; cookies != (got == prefix+"/receipt") {
				t.Errorf("cookies %v: the receipt is at %s", cookies, got)
			}
			a = k.step(a, "/receipt/saved", "group", "AAAAA", "go", "saved")
			wantStatus(t, a, http.StatusBadRequest)
			wantIn(t, a, say("fault.report-intake.group_wrong"), receipt[:5])
			last := receipt[strings.LastIndexByte(receipt, '-')+1:]
			a = k.step(a, "/receipt/saved", "group", " "+strings.ToLower(last), "go", "saved")
			wantStatus(t, a, http.StatusOK)
			wantIn(t, a, say("report-intake.done_title"), "2026年10月15日")
			if strings.Contains(a.body, last) {
				t.Error("the last page shows the receipt")
			}
			if left := c.drafts(); len(left) != 0 {
				t.Errorf("drafts are left: %q", left)
			}
			if a := k.get("/receipt"); a.StatusCode != http.StatusSeeOther {
				t.Errorf("the receipt is shown again: %d", a.StatusCode)
			}

			a = k.form("/track", url.Values{"reportNo": {number}, "receipt": {strings.ToLower(strings.ReplaceAll(receipt, "-", " "))}})
			wantStatus(t, a, http.StatusOK)
			wantIn(t, a, say("tipoff.status.received"), say("tipoff.clock.check"), "2026年10月15日", say("tipoff.kind.abnormal-filing-agency"))
			if strings.Contains(a.body, receipt) || strings.Contains(a.body, strings.ReplaceAll(receipt, "-", "")) {
				t.Error("the follow-up page shows the receipt")
			}
			v := a.fields()
			for _, m := range hiddenInput.FindAllStringSubmatch(a.body, -1) {
				v.Set(m[1], m[2])
			}
			v.Set("text", "补充：该公司还有一个仓库。")
			for range 2 { // sent twice it is one message
				a = k.form("/track/messages", v)
				wantStatus(t, a, http.StatusOK)
			}
			wantIn(t, a, say("report-intake.done.message"), "补充：该公司还有一个仓库。")
			if n := strings.Count(a.body, "该公司还有一个仓库"); n != 1 {
				t.Errorf("the message stands there %d times", n)
			}
		}
	})
}

func TestReceiptFileProvesWhatWasLodged(t *testing.T) {
	c := embedded(t)
	k := c.browser(true)
	a := k.step(k.fill(), "/reports")
	number, receipt := a.given(t)
	file := k.form("/receipt/file", a.fields())
	wantStatus(t, file, http.StatusOK)
	if h := file.Header; !strings.HasPrefix(h.Get("Content-Disposition"), "attachment;") || h.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", h)
	}
	between := func(text, from, to string) string {
		_, rest, _ := strings.Cut(text, from)
		inside, _, found := strings.Cut(rest, to)
		if !found {
			t.Fatalf("no %s in %s", from, text)
		}
		return inside
	}
	check := func(text string) {
		t.Helper()
		proof := between(text, "-----BEGIN PROOF-----\n", "-----END PROOF-----")
		document := between(text, "-----BEGIN DOCUMENT-----\n", "\n-----END DOCUMENT-----")
		if _, err := tipoff.VerifyProof([]byte(proof), c.desk.public(t), number, receipt, []byte(document)); err != nil {
			t.Errorf("%v: %s", err, text)
		}
		if _, err := tipoff.VerifyProof([]byte(proof), c.desk.public(t), number, receipt, []byte(document+" ")); err == nil {
			t.Error("another document is proved")
		}
	}
	check(file.body)
	wantIn(t, file, tipoff.FormatNumber(number), receipt)
	who := formOf("reportNo", number, "receipt", receipt, "what", "proof")
	later := k.form("/track/proof", who)
	wantStatus(t, later, http.StatusOK)
	check(later.body)
	if strings.Contains(later.body, receipt) {
		t.Error("the proof tells the receipt")
	}
	who["what"] = []string{"inclusion"}
	wantStatus(t, k.form("/track/proof", who), http.StatusNotFound)
	k.do("POST", "/", "", "")
	in := k.form("/track/proof", who)
	wantStatus(t, in, http.StatusOK)
	wantIn(t, in, "c2sp.org/tlog-proof")
}

func TestReportAboutAnOfficialTakesItsOwnRoute(t *testing.T) {
	c := embedded(t)
	k := c.browser(true)
	a := k.step(k.get("/report/kind"), "/report/kind", "kind", "official")
	wantIn(t, a, say("report-intake.official_whom"))
	a = k.step(a, "/report/whom")
	a = k.step(a, "/report/what", "narrative", story, "division", "410702")
	a = k.step(a, "/report/evidence")
	a = k.step(a, "/report/who", "anonymous", "yes")
	wantIn(t, a, say("report-intake.official"), say("tipoff.warn.discipline"))
	c.clock.Pass(20 * time.Second)
	number, _ := k.step(a, "/reports").given(t)
	routed := false
	for _, key := range c.rdb.Keys(t.Context(), "*"+number+"*").Val() {
		value, _ := c.rdb.Get(t.Context(), key).Result()
		routed = routed || strings.Contains(value, `"unit":"discipline"`)
	}
	if !routed {
		t.Error("it did not go to discipline inspection")
	}
}

func TestWhatIsNoReportIsToldItsChannel(t *testing.T) {
	c := embedded(t)
	for _, what := range elsewhere {
		k := c.browser(true)
		a := k.step(k.get("/report/kind"), "/report/kind", "kind", what)
		wantStatus(t, a, http.StatusOK)
		wantIn(t, a, say("report-intake.channel."+what+".a"))
		wantStatus(t, k.get("/channels/"+what), http.StatusOK)
	}
	if left := c.drafts(); len(left) != 0 {
		t.Errorf("drafts of people who reported nothing: %q", left)
	}
	wantStatus(t, c.browser(true).get("/channels/else"), http.StatusNotFound)
}

func TestPartiesComeFromTheRegisterOrAsWritten(t *testing.T) {
	c := embedded(t)
	c.firms()
	k := c.browser(true)
	a := k.step(k.get("/report/kind"), "/report/kind", "kind", "infringement")
	a = k.step(a, "/report/whom", "go", "search", "party", "虚构甲")
	wantIn(t, a, "新乡市虚构甲科技有限公司", firm, `value="虚构甲"`)
	a = k.step(a, "/report/whom", "go", "pick:"+firm)
	wantIn(t, a, "新乡市虚构甲科技有限公司", firm)
	a = k.step(a, "/report/whom", "go", "search", "party", "没有这个名字的")
	wantIn(t, a, say("report-intake.no_hits", "没有这个名字的"))
	a = k.step(a, "/report/whom", "go", "add", "party", "示例路1号的打印店")
	wantIn(t, a, "示例路1号的打印店")
	a = k.step(a, "/report/whom", "go", "remove:1")
	if strings.Contains(a.body, firm) || !strings.Contains(a.body, "示例路1号的打印店") {
		t.Error("the wrong party was removed")
	}
	a = k.step(a, "/report/whom", "go", "remove:1")
	a = k.step(a, "/report/whom", "go", "next")
	wantStatus(t, a, http.StatusBadRequest)
	wantIn(t, a, say("fault.tipoff.parties.none"), `href="#f-party"`)
	// A name typed and not added is meant.
	a = k.step(a, "/report/whom", "go", "next", "party", "某人")
	wantIn(t, a, say("report-intake.step.what"))
	if a := k.get("/report/whom"); !strings.Contains(a.body, "某人") {
		t.Error("the name is lost")
	}
}

func TestWhatIsWrongComesBackWithEverythingTyped(t *testing.T) {
	c := embedded(t)
	k := c.browser(true)
	a := k.get("/report/kind")
	bad := k.step(a, "/report/kind")
	wantStatus(t, bad, http.StatusBadRequest)
	wantIn(t, bad, say("fault.tipoff.kind"), `href="#f-kind"`, "<title>"+say("page.error_prefix"))
	a = k.step(bad, "/report/kind", "kind", "counterfeit")
	a = k.step(a, "/report/whom", "party", "虚构的商店")
	for _, tt := range []struct {
		name  string
		pairs []string
		says  string
		link  string
	}{
		{"no text", []string{"narrative", "  "}, say("fault.tipoff.narrative.none"), "#f-narrative"},
		{"wrong check digit", []string{"narrative", story, "numbers", "202510999999.3\n202510999999.4"}, "202510999999.4", "#f-numbers"},
		{"no day", []string{"narrative", story, "occurredOn", "2026-02-30"}, say("fault.report-intake.day"), "#f-occurredOn"},
		{"a day to come", []string{"narrative", story, "occurredOn", "2026-09-19"}, say("fault.tipoff.occurred.future"), "#f-occurredOn"},
		{"a hidden turn of direction", []string{"narrative", story + "\u202e"}, "202E", "#f-narrative"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := k.step(a, "/report/what", tt.pairs...)
			wantStatus(t, a, http.StatusBadRequest)
			wantIn(t, a, tt.says, `href="`+tt.link+`"`)
			for i := 1; i < len(tt.pairs); i += 2 {
				wantIn(t, a, strings.TrimSpace(strings.Split(tt.pairs[i], "\n")[0]))
			}
		})
	}
	a = k.step(a, "/report/what", "narrative", story)
	a = k.step(a, "/report/evidence")
	a = k.step(a, "/report/who", "anonymous", "no", "name", "张样例")
	wantStatus(t, a, http.StatusBadRequest)
	wantIn(t, a, say("fault.tipoff.reporter.contact"), `value="张样例"`)
}

func TestOldConductIsFlaggedAndTaken(t *testing.T) {
	c := embedded(t)
	k := c.browser(true)
	a := k.fill()
	if strings.Contains(a.body, say("report-intake.warning")) {
		t.Error("recent conduct is flagged")
	}
	// 行政处罚法 art. 36: two years, counted to the day before this one.
	a = k.get("/report/what?from=check")
	a = k.step(a, "/report/what", "narrative", story, "occurredOn", "2024-09-17")
	if a.Request.URL.Path != prefix+"/report/check" {
		t.Errorf("from the last page a correction leads to %s", a.Request.URL.Path)
	}
	wantIn(t, a, say("report-intake.warning"), "行政处罚法")
	a = k.step(a, "/reports")
	a.given(t)
}

func TestReceiptInATextIsRefusedKindly(t *testing.T) {
	c := embedded(t)
	old := c.lodged()
	k := c.browser(true)
	a := k.step(k.get("/report/kind"), "/report/kind", "kind", "counterfeit")
	a = k.step(a, "/report/whom", "party", "虚构的商店")
	for _, text := range []string{old.Receipt, strings.ToLower(old.Receipt), strings.ReplaceAll(old.Receipt, "-", " ")} {
		bad := k.step(a, "/report/what", "narrative", "上次的回执是"+text+"，请查看。")
		wantStatus(t, bad, http.StatusBadRequest)
		wantIn(t, bad, say("fault.report-intake.receipt_in_text"))
	}
	for _, text := range []string{"型号 AB12-CD34-EF56-GH78-JK90", old.ReportNo, "202510999999.3"} {
		if looksLikeReceipt(text) {
			t.Errorf("%s is taken for a receipt", text)
		}
	}
	m := c.program().json("/track/messages", map[string]string{"reportNo": old.ReportNo, "receipt": old.Receipt, "text": "我的回执 " + old.Receipt})
	wantStatus(t, m, http.StatusBadRequest)
	if m := c.program().json("/reports", report("narrative", story+old.Receipt)); m.StatusCode != http.StatusBadRequest {
		t.Errorf("in a document: %d", m.StatusCode)
	}
}

func TestEvidenceOfTheDraftGoesWithTheReport(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb)
		k := c.browser(true)
		k.fill()
		a := k.get("/report/evidence?from=check")
		wantIn(t, a, say("report-intake.no_files"), say("report-intake.limits"))
		v := a.fields()
		v.Set("go", "attach")
		a = k.form("/report/evidence", v)
		wantStatus(t, a, http.StatusSeeOther)
		m := regexp.MustCompile(`^/function/evidence-upload/forms/([a-z2-7]{26})$`).FindStringSubmatch(a.Header.Get("Location"))
		if m == nil {
			t.Fatalf("to %q", a.Header.Get("Location"))
		}
		c.put(m[1], "合同.txt", []byte("甲方与乙方"))
		a = k.get("/report/evidence")
		wantIn(t, a, "合同.txt", say("report-intake.file_whole"))
		wantIn(t, k.get("/report/check"), "合同.txt")
		a = k.step(k.get("/report/check"), "/reports")
		number, receipt := a.given(t)
		box, err := evidence.BoxOf(m[1])
		if err != nil {
			t.Fatal(err)
		}
		b, err := c.desk.evidence.Box(t.Context(), box)
		if err != nil || b.For != "tip-off:"+number {
			t.Errorf("the box belongs to %s, %v", b.For, err)
		}
		// What the draft knew of the box's key went into the report and nowhere else.
		a = k.form("/track", url.Values{"reportNo": {number}, "receipt": {receipt}})
		wantIn(t, a, say("report-intake.file_n", 1))
	})
}

func TestFilesThatEndedLetTheReportGoWithoutThem(t *testing.T) {
	c := embedded(t)
	k := c.browser(true)
	k.fill()
	v := k.get("/report/evidence").fields()
	v.Set("go", "attach")
	a := k.form("/report/evidence", v)
	token := a.Header.Get("Location")[strings.LastIndexByte(a.Header.Get("Location"), '/')+1:]
	c.put(token, "a.txt", []byte("a"))
	c.clock.Pass(80 * time.Hour) // the page was left open
	a = k.step(k.get("/report/check"), "/reports")
	wantStatus(t, a, http.StatusConflict)
	c.clock.Pass(20 * time.Second)
	k.step(a, "/reports").given(t)
}

func TestUnderPressureEverybodyWhoAnswersIsTaken(t *testing.T) {
	c := embedded(t)
	form, elsewhere := c.browser(true), c.browser(true)
	form.header.Set("X-Forwarded-For", "203.0.113.200")
	waiting, other := form.fill(), elsewhere.fill()
	asked, numbers := 0, map[string]bool{}
	for range 200 { // one network, one instant
		k := c.program().with("X-Forwarded-For", "203.0.113.9")
		a := k.json("/reports", report())
		if a.StatusCode == http.StatusTooManyRequests {
			asked++
			var q questionProblem
			decode(t, a, &q)
			if q.Question == "" || q.IdempotencyKey == "" || a.Header.Get("Retry-After") == "" {
				t.Fatalf("%s", a.body)
			}
			about := askAbout(c.desk.keys.question, q.IdempotencyKey)
			if wrong := k.with("Idempotency-Key", q.IdempotencyKey, "Report-Answer", "99").json("/reports", report()); wrong.StatusCode != http.StatusTooManyRequests {
				t.Fatalf("a wrong answer: %d", wrong.StatusCode)
			}
			a = k.with("Idempotency-Key", q.IdempotencyKey, "Report-Answer", itoa(about.want())).json("/reports", report())
		}
		wantStatus(t, a, http.StatusCreated)
		var l lodgedAnswer
		decode(t, a, &l)
		numbers[l.ReportNo] = true
	}
	if asked < 50 || asked > 100 || len(numbers) != 200 {
		t.Errorf("%d were asked, %d reports", asked, len(numbers))
	}
	// The form of the same network is asked too, and taken.
	a := form.step(waiting, "/reports")
	wantStatus(t, a, http.StatusTooManyRequests)
	wantIn(t, a, say("report-intake.question_title"), story)
	ticket := c.ticketOf(a)
	wrong := form.step(a, "/reports", "answer", "一百")
	wantStatus(t, wrong, http.StatusBadRequest)
	wantIn(t, wrong, say("fault.report-intake.answer"), story)
	form.step(wrong, "/reports", "answer", say("report-intake.numeral."+itoa(askAbout(c.desk.keys.question, ticket).want()))).given(t)
	// Another network is not.
	elsewhere.step(other, "/reports").given(t)
}

// ticketOf is the ticket of the draft a page belongs to.
func (c *city) ticketOf(a answer) string {
	c.t.Helper()
	d, err := c.desk.load(c.t.Context(), a.fields().Get("draft"), a.fields().Get("carried"))
	if err != nil || d == nil {
		c.t.Fatal("no draft", err)
	}
	return d.Ticket
}

func TestFormFilledInByAProgramIsAskedAndNotLost(t *testing.T) {
	c := embedded(t)
	k := c.browser(true)
	a := k.step(k.fill(), "/reports", "website", "http://192.0.2.1/")
	wantStatus(t, a, http.StatusTooManyRequests)
	k.step(a, "/reports", "answer", itoa(askAbout(c.desk.keys.question, c.ticketOf(a)).want()), "website", "x").given(t)

	fast := c.browser(true)
	a = fast.get("/report/kind")
	for path, pairs := range map[string][]string{"/report/kind": {"kind", "unclear"}} {
		a = fast.step(a, path, pairs...)
	}
	a = fast.step(a, "/report/whom")
	a = fast.step(a, "/report/what", "narrative", story)
	a = fast.step(a, "/report/evidence")
	a = fast.step(a, "/report/who", "anonymous", "yes")
	a = fast.step(a, "/reports")
	wantStatus(t, a, http.StatusTooManyRequests)
	fast.step(a, "/reports", "answer", itoa(askAbout(c.desk.keys.question, c.ticketOf(a)).want())).given(t)
}

func TestLongestReportIsSent(t *testing.T) {
	c := embedded(t)
	for _, cookies := range []bool{true, false} {
		k := c.browser(cookies)
		a := k.fill()
		v := a.fields()
		v.Set("from", "check")
		v.Set("narrative", strings.Repeat("举", 9990)+strings.Repeat("<\n", 5))
		a = k.follow(k.form("/report/what", v))
		wantIn(t, a, say("report-intake.step.check"))
		c.clock.Pass(20 * time.Second)
		k.step(a, "/reports").given(t)
	}
}

// TestOlderPageTakesNoEvidenceFromASentReport goes back to a page from before the
// report was sent, whose draft has ended here: neither clearing nor leaving from
// there touches what was handed in, and what is changed there becomes a report of
// its own.
func TestOlderPageTakesNoEvidenceFromASentReport(t *testing.T) {
	c := embedded(t)
	k := c.browser(false)
	v := k.fill().fields()
	v.Set("go", "attach")
	a := k.form("/report/evidence", v)
	m := regexp.MustCompile(`/function/evidence-upload/forms/([a-z2-7]{26})`).FindStringSubmatch(a.body)
	if m == nil {
		t.Fatalf("%d: %s", a.StatusCode, a.body)
	}
	c.put(m[1], "a.txt", []byte("a"))
	a = k.step(a, "/report/evidence")
	older := k.step(a, "/report/who", "anonymous", "yes")
	c.clock.Pass(20 * time.Second)
	receipt := k.step(older, "/reports")
	number, _ := receipt.given(t)
	wantStatus(t, k.step(receipt, "/receipt/saved", "go", "later"), http.StatusOK)
	has := func() {
		t.Helper()
		boxes, err := c.desk.evidence.Boxes(t.Context(), "tip-off:"+number)
		if err != nil || len(boxes) != 1 || boxes[0].Live != 1 {
			t.Fatalf("the report has %+v, %v", boxes, err)
		}
	}
	has()
	for _, path := range []string{"/clear", "/exit"} {
		wantStatus(t, k.form(path, older.fields()), http.StatusSeeOther)
		has()
	}
	v = older.fields()
	v.Set("narrative", story+"后来又发生了一次。")
	a = k.form("/report/what", v)
	a = k.step(a, "/report/evidence")
	a = k.step(a, "/report/who", "anonymous", "yes")
	a = k.step(a, "/reports")
	wantStatus(t, a, http.StatusConflict)
	wantIn(t, a, say("fault.report-intake.sent_before"))
	c.clock.Pass(20 * time.Second)
	if second, _ := k.step(a, "/reports").given(t); second == number {
		t.Error("it is the same report")
	}
	has()
}

// TestBasesAreWordedForPeople: where the number of an article is not certain, a
// page says what to go by, in its own language, and not that we have to check it.
func TestBasesAreWordedForPeople(t *testing.T) {
	open := workday.Basis{Source: "某某办法", Article: "程序规定第十八条；办法条款序号以正式文本为准"}
	for _, tt := range []struct {
		lang page.Lang
		in   workday.Basis
		want cited
	}{
		{page.ZH, open, cited{"某某办法 程序规定第十八条；办法条款序号以正式文本为准", false}},
		{page.EN, open, cited{"某某办法 程序规定第十八条", true}},
		{page.EN, workday.Basis{Source: "某某办法", Article: "条款序号以正式文本为准"}, cited{"某某办法", true}},
		{page.EN, workday.Basis{Source: "某某办法", Article: "第三条"}, cited{"某某办法 第三条", false}},
		{page.EN, workday.Basis{Source: "本系统设计规则"}, cited{"本系统设计规则", false}},
	} {
		if got := cite(tt.lang, tt.in); got != tt.want {
			t.Errorf("%s, %v: %+v", tt.lang, tt.in, got)
		}
	}
	for _, r := range ruleset.Shipped().All() {
		if strings.HasPrefix(r.ID, "tipoff-") && (strings.Contains(r.Article, "待核") || strings.Contains(r.Source, "待核")) {
			t.Errorf("%s is cited to citizens as %s %s", r.ID, r.Source, r.Article)
		}
	}
}
