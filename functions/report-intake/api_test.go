package function

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/evidence"
	"ipcredit/shared/fn"
	"ipcredit/shared/page"
	"ipcredit/shared/redistest"
	"ipcredit/shared/tipoff"
)

func itoa(n int) string { return strconv.Itoa(n) }

func langOf(s string) page.Lang { return page.Lang(s) }

func fullWidth(s string) string {
	return strings.Map(func(r rune) rune { return r - '0' + '０' }, s)
}

func flip(s string) string {
	if s[0] == 'A' {
		return "B" + s[1:]
	}
	return "A" + s[1:]
}

func decode(t testing.TB, a answer, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), v); err != nil {
		t.Fatalf("%d %s: %v", a.StatusCode, a.body, err)
	}
}

func TestDocumentIsAnsweredWithReceiptProofEndpointAndDueDate(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb)
		a := c.program().json("/reports", report())
		wantStatus(t, a, http.StatusCreated)
		var members map[string]json.RawMessage
		decode(t, a, &members)
		for _, name := range []string{"reportNo", "receipt", "receiptProof", "evidenceEndpoint", "due"} {
			if len(members[name]) < 4 {
				t.Errorf("%s is %s", name, members[name])
			}
			delete(members, name)
		}
		if len(members) > 0 {
			t.Errorf("more than the five members: %v", members)
		}
		if a.Header.Get("Cache-Control") != "no-store" || len(a.Cookies()) > 0 {
			t.Errorf("headers %v", a.Header)
		}
		var l lodgedAnswer
		decode(t, a, &l)
		if l.Due.String() != "2026-10-15" { // domain reference M.3
			t.Errorf("due %s", l.Due)
		}
		if err := tipoff.CheckReceipt(l.Receipt); err != nil {
			t.Error(err)
		}
		token := l.EvidenceEndpoint[strings.LastIndexByte(l.EvidenceEndpoint, '/')+1:]
		if l.EvidenceEndpoint != c.env.PublicURL+"/function/evidence-upload/files/"+token {
			t.Errorf("endpoint %s", l.EvidenceEndpoint)
		}
		// Anybody checks the receipt with the public key alone.
		public := c.browser(false).get("/log/key").body
		if proved, err := tipoff.OpenProof([]byte(l.ReceiptProof), public); err != nil || proved.Number != l.ReportNo {
			t.Errorf("the receipt's proof: %+v %v", proved, err)
		}
		c.put(token, "later.txt", []byte("later"))
		box, _ := evidence.BoxOf(token)
		if b, err := c.desk.evidence.Box(t.Context(), box); err != nil || b.For != "tip-off:"+l.ReportNo {
			t.Errorf("%+v %v", b, err)
		}
	})
}

func TestSameKeyGivesTheSameReceiptAndAnotherBodyIsRefused(t *testing.T) {
	c := embedded(t)
	k := c.program().with("Idempotency-Key", "3f0c9a5e-1b7d-4c66-9d2e-77aa01b4c8f3")
	var first, second lodgedAnswer
	decode(t, k.json("/reports", report()), &first)
	a := k.json("/reports", report())
	wantStatus(t, a, http.StatusCreated)
	decode(t, a, &second)
	if first.ReportNo != second.ReportNo || first.Receipt != second.Receipt || first.ReceiptProof != second.ReceiptProof || first.Due != second.Due {
		t.Errorf("%+v and %+v", first, second)
	}
	if a.Header.Get("Idempotent-Replayed") != "true" {
		t.Error("not marked as replayed")
	}
	a = k.json("/reports", report("narrative", story+"另外"))
	wantStatus(t, a, http.StatusUnprocessableEntity)
	if strings.Contains(a.body, first.ReportNo) {
		t.Error("the refusal tells the number")
	}
	for _, key := range []string{"short", strings.Repeat("a", 30)} {
		wantStatus(t, c.program().with("Idempotency-Key", key).json("/reports", report()), http.StatusBadRequest)
	}
}

func TestDocumentIsStrict(t *testing.T) {
	c := embedded(t)
	k := c.program()
	for _, tt := range []struct {
		name, body, field string
		status            int
	}{
		{"unknown member", `{"kind":"unclear","narrative":"x","anonymous":true,"ip":"1"}`, "ip", 400},
		{"twice", `{"kind":"unclear","kind":"unclear","narrative":"x","anonymous":true}`, "kind", 400},
		{"wrong type", `{"kind":1}`, "kind", 400},
		{"not JSON", `{`, "", 400},
		{"unknown kind", `{"kind":"tax","narrative":"x","anonymous":true,"parties":[]}`, "kind", 400},
		{"no parties", `{"kind":"counterfeit","narrative":"x","anonymous":true,"parties":[]}`, "parties", 400},
		{"wrong code", `{"kind":"counterfeit","narrative":"x","anonymous":true,"parties":[{"name":"a","code":"91410771MA00AAA105"}]}`, "parties/0/code", 400},
		{"named without a name", `{"kind":"counterfeit","narrative":"x","anonymous":false,"parties":[{"name":"a"}]}`, "reporter", 400},
		{"wrong number", `{"kind":"counterfeit","narrative":"x","anonymous":true,"parties":[{"name":"a"}],"numbers":["202510999999.4"]}`, "numbers/0", 400},
		{"files of its own", `{"kind":"counterfeit","narrative":"x","anonymous":true,"parties":[{"name":"a"}],"files":[{"name":"a","size":1}]}`, "files", 400},
	} {
		a := k.do("POST", "/reports", "application/json", tt.body)
		var p fn.Problem
		decode(t, a, &p)
		if a.StatusCode != tt.status || p.Code == "" || tt.field != "" && (len(p.Errors) == 0 || p.Errors[0].Field != tt.field) {
			t.Errorf("%s: %d %s", tt.name, a.StatusCode, a.body)
		}
	}
	if a := k.do("POST", "/reports", "text/plain", "x"); a.StatusCode != 400 {
		t.Errorf("plain text: %d", a.StatusCode)
	}
}

func TestPlainFormIsTakenAsADocumentIs(t *testing.T) {
	c := embedded(t)
	a := c.program().form("/reports", formOf("kind", "infringement", "party", "虚构的商店", "code", firm, "narrative", story, "anonymous", "true", "language", "en"))
	wantStatus(t, a, http.StatusCreated)
	var l lodgedAnswer
	decode(t, a, &l)
	if l.Receipt == "" {
		t.Error(a.body)
	}
	a = c.browser(false).form("/reports", formOf("kind", "unclear", "narrative", story))
	wantStatus(t, a, http.StatusCreated)
	a.given(t)
	wantStatus(t, c.program().form("/reports", formOf("kind", "unclear", "narrativ", story)), http.StatusBadRequest)
}

func formOf(pairs ...string) map[string][]string {
	v := map[string][]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		v[pairs[i]] = append(v[pairs[i]], pairs[i+1])
	}
	return v
}

var instance = regexp.MustCompile(`[0-9A-HJKMNP-TV-Z]{26}`)

func TestUnknownNumberAndWrongReceiptAreAnsweredAlike(t *testing.T) {
	c := embedded(t)
	l, other := c.lodged(), c.lodged()
	unknown := unknownNumber(l.ReportNo, other.ReportNo)
	for _, path := range []string{"/track", "/track/messages", "/track/dispute", "/track/satisfaction", "/track/reward", "/track/evidence", "/track/proof"} {
		body := map[string]any{"reportNo": l.ReportNo, "receipt": other.Receipt}
		switch path {
		case "/track/messages", "/track/dispute":
			body["text"] = "x"
		case "/track/satisfaction":
			body["score"] = 3
		}
		wrong := c.program().json(path, body)
		body["reportNo"] = unknown
		none := c.program().json(path, body)
		if wrong.StatusCode != http.StatusNotFound || none.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d and %d: %s", path, wrong.StatusCode, none.StatusCode, wrong.body)
		}
		if a, b := instance.ReplaceAllString(wrong.body, "ID"), instance.ReplaceAllString(none.body, "ID"); a != b {
			t.Errorf("%s: %s and %s", path, a, b)
		}
	}
	page := func(number string) string {
		a := c.browser(false).form("/track", formOf("reportNo", number, "receipt", other.Receipt))
		wantStatus(t, a, http.StatusNotFound)
		if strings.Contains(a.body, other.Receipt) {
			t.Error("the page repeats the receipt")
		}
		return strings.ReplaceAll(instance.ReplaceAllString(a.body, "ID"), number, "NUMBER")
	}
	if a, b := page(l.ReportNo), page(unknown); a != b {
		t.Error("the pages differ")
	}
}

// unknownNumber is a number with a right check digit that nobody has.
func unknownNumber(taken ...string) string {
	for n := 100_000_000_000; ; n++ {
		s := itoa(n)
		if _, err := tipoff.ParseNumber(s); err == nil && s != taken[0] && s != taken[1] {
			return s
		}
	}
}

func TestFollowUpTellsStatusClocksThreadAndProof(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb)
		l := c.lodged()
		who := map[string]any{"reportNo": tipoff.FormatNumber(l.ReportNo), "receipt": strings.ToLower(l.Receipt)}
		var v trackAnswer
		a := c.program().json("/track", who)
		wantStatus(t, a, http.StatusOK)
		decode(t, a, &v)
		if v.ReportNo != l.ReportNo || v.Status.Word == "" || missingWord.MatchString(a.body) || v.Status.Basis.Source == "" || v.Received.String() != "2026-09-18" || len(v.Clocks) == 0 {
			t.Errorf("%s", a.body)
		}
		if v.ReceiptProof != l.ReceiptProof || v.InclusionProof != "" {
			t.Errorf("proofs: %q, %q", v.ReceiptProof, v.InclusionProof)
		}
		if a.Header.Get("Cache-Control") != "no-store" {
			t.Error("it may be stored")
		}

		// The tick writes the log; then there is a proof of inclusion.
		if a := c.program().do("POST", "/", "", ""); a.StatusCode != http.StatusNoContent {
			t.Fatalf("tick: %d %s", a.StatusCode, a.body)
		}
		decode(t, c.program().json("/track", who), &v)
		public := c.desk.public(t)
		proved, err := tipoff.VerifyProof([]byte(v.ReceiptProof), public, l.ReportNo, l.Receipt, v.Lodged)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := proved.VerifyInclusion([]byte(v.InclusionProof), public); err != nil {
			t.Errorf("%v: %q", err, v.InclusionProof)
		}

		who["text"] = "补充线索"
		k := c.program().with("Idempotency-Key", "b5f6a7c8-90ab-4cde-8f01-23456789abcd")
		for range 2 {
			a = k.json("/track/messages", who)
			wantStatus(t, a, http.StatusOK)
		}
		decode(t, a, &v)
		if len(v.Thread) != 1 || v.Thread[0].Text != "补充线索" || v.Thread[0].By != tipoff.ByReporter {
			t.Errorf("thread %+v", v.Thread)
		}
		delete(who, "text")
		a = c.program().json("/track/evidence", who)
		wantStatus(t, a, http.StatusCreated)
		var box struct{ EvidenceEndpoint string }
		decode(t, a, &box)
		k = c.program().with("Idempotency-Key", "1e5f6a7c-90ab-4cde-8f01-23456789abcd")
		var same, other struct{ EvidenceEndpoint string }
		a = k.json("/track/evidence", who)
		wantStatus(t, a, http.StatusCreated)
		decode(t, a, &same)
		for range 3 { // it opens one box, however often it is sent
			a = k.json("/track/evidence", who)
			wantStatus(t, a, http.StatusCreated)
			decode(t, a, &other)
			if other != same || same == box {
				t.Errorf("%v, then %v; without a key %v", same, other, box)
			}
		}
		boxes, err := c.desk.evidence.Boxes(t.Context(), tipoff.Ref(l.ReportNo))
		if err != nil || len(boxes) != 3 { // one more was opened with the report itself
			t.Errorf("%d boxes: %v", len(boxes), err)
		}
		c.put(box.EvidenceEndpoint[strings.LastIndexByte(box.EvidenceEndpoint, '/')+1:], "b.txt", []byte("b"))
		if v.MayDispute {
			t.Error("an open report can be disputed")
		}
		who["text"] = "没有解决"
		wantStatus(t, c.program().json("/track/dispute", who), http.StatusConflict)
		delete(who, "text")
		who["kind"] = "x"
		wantStatus(t, c.program().json("/track", who), http.StatusBadRequest)
	})
}

// public is the intake log's public key.
func (d *desk) public(t testing.TB) string {
	t.Helper()
	return d.receipts.Public()
}

func TestRewardCanBeClaimedLaterByReceipt(t *testing.T) {
	c := embedded(t)
	l := c.lodged()
	who := map[string]any{"reportNo": l.ReportNo, "receipt": l.Receipt, "text": "希望申请"}
	a := c.program().json("/track/reward", who)
	wantStatus(t, a, http.StatusOK)
	var v trackAnswer
	decode(t, a, &v)
	if v.MayClaimReward {
		t.Error("it can be claimed twice")
	}
	wantStatus(t, c.program().json("/track/reward", who), http.StatusConflict)
}

func TestRefusedTextStandsInTheFormItWasWrittenIn(t *testing.T) {
	c := embedded(t)
	l := c.lodged()
	k := c.browser(true)
	v := k.form("/track", formOf("reportNo", l.ReportNo, "receipt", l.Receipt)).fields()
	long := strings.Repeat("长", 20_000)
	a := k.form("/track/reward", formOf("pass", v.Get("pass"), "text", long))
	wantStatus(t, a, http.StatusBadRequest)
	wantIn(t, a, `href="#f-reward-text"`, `id="f-reward-text-bad"`, long+"</textarea></div>\n<div class=\"btns\"><button class=\"btn second\">"+page.Say(page.ZH, "report-intake.claim_send"))
	if strings.Count(a.body, long) != 1 || strings.Contains(a.body, `id="f-text-bad"`) {
		t.Error("it also stands in the message to the unit")
	}
}

func TestFollowUpPageHoldsTheReceiptForHalfAnHour(t *testing.T) {
	c := embedded(t)
	l := c.lodged()
	k := c.browser(true)
	a := k.form("/track", formOf("reportNo", l.ReportNo, "receipt", l.Receipt))
	wantStatus(t, a, http.StatusOK)
	v := a.fields()
	if v.Get("pass") == "" || strings.Contains(a.body, l.Receipt) {
		t.Fatal("the page has no pass, or the receipt itself")
	}
	v.Set("text", "半小时内")
	wantStatus(t, k.form("/track/messages", v), http.StatusOK)
	c.clock.Pass(31 * time.Minute)
	v.Set("text", "超过半小时")
	a = k.form("/track/messages", v)
	wantStatus(t, a, http.StatusUnauthorized)
	wantIn(t, a, say("fault.report-intake.pass_old"), "超过半小时")
	for name, pass := range map[string]string{"altered": flip(v.Get("pass")), "made up": "AAAA"} {
		if a := k.form("/track/messages", formOf("pass", pass, "text", "x")); a.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %d", name, a.StatusCode)
		}
	}
}

func TestNumbersAreCheckedAtOnce(t *testing.T) {
	c := embedded(t)
	a := c.program().json("/numbers", map[string]any{"numbers": []string{"ZL 2025 1 0999999.3", "202510999999.4", "99000001"}})
	wantStatus(t, a, http.StatusOK)
	if !strings.Contains(a.body, `"next":null`) {
		t.Errorf("a list without next: %s", a.body)
	}
	var out numbersAnswer
	decode(t, a, &out)
	if len(out.Results) != 3 || !out.Results[0].OK || out.Results[1].OK || !out.Results[2].OK || !strings.Contains(out.Results[1].Message, "3") {
		t.Errorf("%s", a.body)
	}
}
