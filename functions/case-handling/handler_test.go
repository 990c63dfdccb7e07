package function

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"ipcredit/shared/page"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
)

func say(key string, args ...any) string { return page.Say(page.ZH, key, args...) }

func TestWhoIsNotSignedInIsSentToSignIn(t *testing.T) {
	c := embedded(t)
	l, _ := c.lodge(tipoff.Lodged{})
	for _, path := range []string{"/", "/tip-offs/" + l.Number, "/tip-offs/" + l.Number + "/answer", "/register", "/import", "/identities", "/retention"} {
		a := c.as("").get(path)
		wantStatus(t, a, http.StatusSeeOther)
		if to := a.Header.Get("Location"); !strings.HasPrefix(to, "/function/staff-session/sign-in") {
			t.Errorf("%s leads to %s", path, to)
		}
		a = c.as("").get(path, "Accept", "application/json")
		wantStatus(t, a, http.StatusUnauthorized)
	}
	a := c.as("").post("/tip-offs/"+l.Number+"/open", "x", "y")
	wantStatus(t, a, http.StatusSeeOther)
}

func TestListHasClocksAndNothingThatWasSealed(t *testing.T) {
	c := embedded(t)
	l, _ := c.lodge(tipoff.Lodged{Reporter: named()}, file{fileName, "image/jpeg", photograph(64, 48)})
	officer := c.as("hongqi.handler")
	a := officer.get("/")
	wantStatus(t, a, http.StatusOK)
	wantIn(t, a, tipoff.FormatNumber(l.Number), say("tipoff.kind.counterfeit"), say("tipoff.state.received"), "2026-06-10", say("tipoff.clock.check"))
	wantNone(t, a, canaries...)
	wantNone(t, a, `<strong class="tag red">`)

	for query, there := range map[string]bool{
		"?state=received": true, "?state=verifying": false, "?kind=counterfeit": true, "?kind=infringement": false, "?show=overdue": false, "?show=soon": false, "?show=closed": false,
	} {
		if got := strings.Contains(officer.get("/"+query).body, tipoff.FormatNumber(l.Number)); got != there {
			t.Errorf("%s: listed %t, want %t", query, got, there)
		}
	}
	for _, query := range []string{"?state=x", "?kind=x", "?show=x", "?cursor=x"} {
		wantStatus(t, officer.get("/"+query), http.StatusBadRequest)
	}
	// The last day of the check is kept; the day after it is not.
	c.clock.Set(time.Date(2026, 6, 10, 15, 59, 0, 0, time.UTC))
	officer = c.as("hongqi.handler")
	wantNone(t, officer.get("/"), `<strong class="tag red">`)
	wantIn(t, officer.get("/?show=soon"), tipoff.FormatNumber(l.Number))
	c.clock.Set(time.Date(2026, 6, 10, 16, 1, 0, 0, time.UTC))
	officer = c.as("hongqi.handler")
	wantIn(t, officer.get("/?show=overdue"), tipoff.FormatNumber(l.Number), say("case-handling.overdue"))
}

func TestOpeningIsADeliberateStepThatIsRecorded(t *testing.T) {
	c := embedded(t)
	l, _ := c.lodge(tipoff.Lodged{Place: "示例路1号", Numbers: []string{"202510999999.3"}, Insider: true, Reward: true})
	officer := c.as("hongqi.handler")
	cover := officer.get("/tip-offs/" + l.Number)
	wantStatus(t, cover, http.StatusOK)
	wantNone(t, cover, canaries...)
	wantIn(t, cover, say("case-handling.open"))
	opened := officer.open(l.Number)
	wantStatus(t, opened, http.StatusOK)
	wantIn(t, opened, story, reported, code, "示例路1号", "202510999999.3", say("case-handling.insider_yes"), say("case-handling.reward_yes"), say("case-handling.anonymous"))
	if opened.Header.Get("Cache-Control") != "no-store" {
		t.Error("the page may be stored")
	}
	// It closes again by itself, and another session of the same person has not
	// opened it.
	wantIn(t, officer.get("/tip-offs/"+l.Number), story)
	wantNone(t, c.as("hongqi.handler").get("/tip-offs/"+l.Number), story)
	again := officer.get("/tip-offs/" + l.Number)
	wantIn(t, again, "郭样例") // who looked
	if n := c.journaled("tipoff.view", l.Number); n < 2 {
		t.Errorf("%d views in the journal", n)
	}
}

// journaled counts the entries of the journal about a tip-off whose action
// begins so.
func (c *city) journaled(action, no string) int {
	c.t.Helper()
	list, err := c.rdb.XRange(c.t.Context(), c.env.Journal.Key("journal"), "-", "+").Result()
	if err != nil {
		c.t.Fatal(err)
	}
	n := 0
	for _, m := range list {
		text := ""
		for _, k := range []string{"action", "ref", "actor"} {
			if v, ok := m.Values[k].(string); ok {
				text += " " + v
			}
		}
		if strings.Contains(text, action) && strings.Contains(text, no) {
			n++
		}
	}
	return n
}

func TestOfficerTakesATipOffThroughItsStates(t *testing.T) {
	c := embedded(t)
	l, _ := c.lodge(tipoff.Lodged{Reporter: named()})
	officer := c.as("hongqi.handler")
	officer.open(l.Number)
	officer.done(l.Number, "state", "to", "assigned")
	officer.done(l.Number, "state", "to", "verifying")
	officer.done(l.Number, "answer", "answer", "请补充现场照片。")
	wantIn(t, officer.get("/tip-offs/"+l.Number), "请补充现场照片。")
	v, err := c.intake.Track(t.Context(), claim(l), c.clock.Now())
	if err != nil || len(v.Thread) != 1 || v.Thread[0].Text != "请补充现场照片。" {
		t.Fatalf("the reporter sees %+v (%v)", v.Thread, err)
	}

	// A decision without what the law asks for is refused and keeps the text.
	a := officer.act(l.Number, "state", "to", "not-filed", "answer", "经核查未发现。")
	wantStatus(t, a, http.StatusBadRequest)
	wantIn(t, a, "经核查未发现。", say("fault.case-handling.choose"))
	a = officer.act(l.Number, "state", "to", "transferred", "answer", "x")
	wantStatus(t, a, http.StatusBadRequest)
	wantIn(t, a, say("fault.case-handling.required"))
	for _, to := range []string{"", "closed", "merged", "nonsense"} {
		wantStatus(t, officer.act(l.Number, "state", "to", to, "answer", "x"), http.StatusBadRequest)
	}
	officer.done(l.Number, "state", "to", "not-filed", "ground", "no-facts", "answer", "现场未见所述商标。")
	v, err = c.intake.Track(t.Context(), claim(l), c.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	last := v.Thread[len(v.Thread)-1].Text
	if !strings.Contains(last, say("case-handling.ground_told.no-facts")) || !strings.Contains(last, "现场未见所述商标。") || v.Status.Word == "" {
		t.Errorf("the reporter is told %q", last)
	}
	officer.done(l.Number, "state", "to", "notified")
	officer.done(l.Number, "state", "to", "closed")
	a = officer.get("/")
	wantNone(t, a, tipoff.FormatNumber(l.Number))
	wantIn(t, officer.get("/?show=closed"), tipoff.FormatNumber(l.Number))
	a = officer.get("/tip-offs/" + l.Number + "/extension")
	wantStatus(t, a, http.StatusConflict)
}

func TestWhatSomebodyElseChangedFirstCostsNoText(t *testing.T) {
	c := embedded(t)
	l, _ := c.lodge(tipoff.Lodged{})
	first, second := c.as("hongqi.handler"), c.as("hongqi.handler")
	first.open(l.Number)
	second.open(l.Number)
	version := first.version(l.Number, "answer")
	second.done(l.Number, "state", "to", "assigned")
	a := first.post("/tip-offs/"+l.Number+"/answer", "answer", "写了很久的答复", "version", version)
	wantStatus(t, a, http.StatusPreconditionFailed)
	wantIn(t, a, "写了很久的答复", say("case-handling.stale_title"), say("tipoff.state.assigned"))
	wantNone(t, a, story)
	fresh := versionField.FindStringSubmatch(a.body)
	if fresh == nil || fresh[1] == version {
		t.Fatal("the page does not carry the new version")
	}
	wantStatus(t, first.post("/tip-offs/"+l.Number+"/answer", "answer", "写了很久的答复", "version", fresh[1]), http.StatusSeeOther)
	wantStatus(t, first.post("/tip-offs/"+l.Number+"/answer", "answer", "没有版本"), http.StatusBadRequest)
	// A program says the same with If-Match.
	a = first.do("POST", "/tip-offs/"+l.Number+"/note", strings.NewReader("text=x"), "Content-Type", "application/x-www-form-urlencoded", "If-Match", `"`+version+`"`)
	wantStatus(t, a, http.StatusPreconditionFailed)
}

func TestExtensionNeedsTheHead(t *testing.T) {
	c := embedded(t)
	l, _ := c.lodge(tipoff.Lodged{})
	officer := c.as("hongqi.handler")
	officer.open(l.Number)
	officer.done(l.Number, "state", "to", "assigned")
	officer.done(l.Number, "state", "to", "verifying")
	wantStatus(t, officer.act(l.Number, "extension"), http.StatusBadRequest)
	officer.done(l.Number, "extension", "reason", "涉及两个厂区，需异地核查。")
	wantStatus(t, officer.get("/tip-offs/"+l.Number+"/extend"), http.StatusForbidden)
	wantStatus(t, officer.post("/tip-offs/"+l.Number+"/extend", "grant", "yes", "version", "x"), http.StatusForbidden)
	head := c.as("hongqi.approver")
	wantStatus(t, head.act(l.Number, "extend"), http.StatusBadRequest)
	head.done(l.Number, "extend", "grant", "yes")
	wantIn(t, officer.get("/tip-offs/"+l.Number), "2026-07-02", say("case-handling.extended")) // 30 working days
	wantStatus(t, head.get("/tip-offs/"+l.Number+"/extend"), http.StatusConflict)
}

func TestClockStandsWhileAnExpertWorks(t *testing.T) {
	c := embedded(t)
	l, _ := c.lodge(tipoff.Lodged{})
	officer := c.as("hongqi.handler")
	officer.open(l.Number)
	officer.done(l.Number, "pause", "reason", "样例检测中心鉴定")
	wantIn(t, officer.get("/tip-offs/"+l.Number), say("case-handling.paused"))
	wantStatus(t, officer.get("/tip-offs/"+l.Number+"/pause"), http.StatusConflict)
	officer.done(l.Number, "resume")
	wantNone(t, officer.get("/tip-offs/"+l.Number), `<strong class="tag grey">`+say("case-handling.paused"))
}

func TestRerouteTakesTheTipOffAway(t *testing.T) {
	c := embedded(t)
	l, _ := c.lodge(tipoff.Lodged{})
	officer, other := c.as("hongqi.handler"), c.as("muye.handler")
	officer.open(l.Number)
	wantStatus(t, officer.act(l.Number, "reroute", "unit", "410711"), http.StatusBadRequest)
	wantStatus(t, officer.act(l.Number, "reroute", "unit", "410799", "reason", "x"), http.StatusBadRequest)
	officer.done(l.Number, "reroute", "unit", "410711", "reason", "发生地在牧野区")
	if a := officer.get("/tip-offs/" + l.Number); a.StatusCode < 400 {
		t.Errorf("the unit it left: %d %s", a.StatusCode, words(a.body))
	}
	wantIn(t, other.open(l.Number), story)
	wantIn(t, other.get("/"), tipoff.FormatNumber(l.Number))
}

func TestNotesAndDuplicatesStayWithTheUnit(t *testing.T) {
	c := embedded(t)
	one, _ := c.lodge(tipoff.Lodged{})
	two, _ := c.lodge(tipoff.Lodged{Narrative: story + "，又有一次"})
	other, _ := c.lodge(tipoff.Lodged{Narrative: "完全不同的另一件事情，网上开店卖假证书", Parties: []tipoff.Party{{Name: "虚构戊合作社"}}})
	officer := c.as("hongqi.handler")
	officer.open(one.Number)
	officer.done(one.Number, "note", "text", "内部备注壹")
	a := officer.get("/tip-offs/" + one.Number)
	wantIn(t, a, "内部备注壹", tipoff.FormatNumber(two.Number))
	wantNone(t, a, tipoff.FormatNumber(other.Number))
	wantStatus(t, officer.act(one.Number, "merge", "into", "12"), http.StatusBadRequest)
	officer.done(one.Number, "merge", "into", tipoff.FormatNumber(two.Number))
	for _, l := range []tipoff.Lodging{one, two} {
		v, err := c.intake.Track(t.Context(), claim(l), c.clock.Now())
		if err != nil {
			t.Fatal(err)
		}
		if text := strings.Join(threadTexts(v), " ") + string(v.Report.State) + v.Status.Word; strings.Contains(text, "内部备注壹") || strings.Contains(text, "merged") {
			t.Errorf("a reporter sees %q", text)
		}
	}
}

func threadTexts(v tipoff.View) []string {
	var out []string
	for _, m := range v.Thread {
		out = append(out, m.Text)
	}
	return out
}

func TestNobodyHandlesAMatterOfHisEmployer(t *testing.T) {
	c := embedded(t)
	l, _ := c.lodge(tipoff.Lodged{})
	u, _, err := c.staff.UserByName(t.Context(), "hongqi.handler")
	if err != nil {
		t.Fatal(err)
	}
	a, err := c.staff.Actor(t.Context(), u.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.staff.DeclareTie(t.Context(), a, staff.Tie{Party: staff.Party{Code: code, Name: reported}, Reason: "原任职单位"}, c.clock.Now()); err != nil {
		t.Fatal(err)
	}
	officer := c.as("hongqi.handler")
	got := officer.follow("/tip-offs/" + l.Number + "/open")
	wantStatus(t, got, http.StatusForbidden)
	wantNone(t, got, story)
	wantStatus(t, officer.get("/tip-offs/"+l.Number+"/evidence/x/1"), http.StatusForbidden)
}

func TestRegisteredTipOffsAreSealedAlikeAndTheReceiptIsShownOnce(t *testing.T) {
	c := embedded(t)
	officer := c.as("hongqi.handler")
	form := officer.get("/register")
	wantStatus(t, form, http.StatusOK)
	ticket := regexp.MustCompile(`name="ticket" value="([^"]+)"`).FindStringSubmatch(form.body)[1]
	fields := []string{"ticket", ticket, "channel", "telephone", "receivedOn", "2026-05-19", "originalNo", "测电〔2026〕7号", "kind", "counterfeit", "parties/0/name", reported, "parties/0/code", code,
		"narrative", story, "division", "410702", "who", "named", "reporter/name", reporter, "reporter/contact", contact}
	bad := slices.Clone(fields)
	bad[slices.Index(bad, code)] = "91410702MA00AAC13A"
	a := officer.post("/register", bad...)
	wantStatus(t, a, http.StatusBadRequest)
	wantIn(t, a, story, "91410702MA00AAC13A", ticket, `aria-invalid="true"`)
	a = officer.post("/register", fields...)
	wantStatus(t, a, http.StatusCreated)
	wantNone(t, a, story, reporter, contact)
	receipt := regexp.MustCompile(`<dd class="code">([^<]+)</dd>`).FindAllStringSubmatch(a.body, -1)
	if len(receipt) < 2 {
		t.Fatalf("no receipt: %s", words(a.body))
	}
	number, err := tipoff.ParseNumber(receipt[0][1])
	if err != nil {
		t.Fatal(err)
	}
	v, err := c.intake.Track(t.Context(), tipoff.Claim{Number: number, Receipt: receipt[1][1], Network: "test"}, c.clock.Now())
	if err != nil || v.Lodged.Narrative != story {
		t.Errorf("the receipt opens %+v (%v)", v.Lodged, err)
	}
	// A form sent twice is one tip-off.
	a = officer.post("/register", fields...)
	wantStatus(t, a, http.StatusCreated)
	wantIn(t, a, receipt[0][1])
	wantIn(t, officer.open(number), story, say("tipoff.channel.telephone"), "测电〔2026〕7号")
	wantNone(t, officer.get("/tip-offs/"+number), reporter, contact)
	for _, wrong := range [][]string{
		{"channel", "web"}, {"who", ""}, {"receivedOn", "2026-02-30"}, {"kind", "nonsense"},
	} {
		f := slices.Clone(fields)
		f[slices.Index(f, wrong[0])+1] = wrong[1]
		f[1] = strings.Repeat("Z", len(ticket))
		wantStatus(t, officer.post("/register", f...), http.StatusBadRequest)
	}
	wantStatus(t, c.as("hongqi.approver").get("/register"), http.StatusForbidden)
}

func TestHandOversComeInOnceAndGoOutWithoutTheReport(t *testing.T) {
	c := embedded(t)
	officer := c.as("hongqi.handler")
	csv := "原编号,举报类别,被举报人,统一社会信用代码,举报内容,发生日期,发生地点,接收日期,举报人,联系方式\r\n" +
		"测12315-1," + say("tipoff.kind.counterfeit") + "," + reported + "," + code + "," + story + ",2026-05-01,示例路1号,2026-05-18," + reporter + "," + contact + "\r\n" +
		"测12315-2," + say("tipoff.kind.unclear") + ",虚构丁有限公司,,网店卖假货,,,2026-05-18,,\r\n" +
		"测12315-3,什么,虚构丁有限公司,91410702MA00AAC13A,内容,,,2026-02-30,,\r\n"
	a := officer.upload("/import", "移交.csv", []byte(csv), "channel", "12315")
	wantStatus(t, a, http.StatusOK)
	wantIn(t, a, say("case-handling.import.counts", 2, 1))
	wantNone(t, a, reporter, contact, story)
	a = officer.upload("/import", "移交.csv", []byte(csv), "channel", "12315")
	wantIn(t, a, say("case-handling.import.counts", 0, 1), say("case-handling.import.known"))
	wantStatus(t, officer.upload("/import", "移交.csv", []byte(csv)), http.StatusBadRequest)
	wantStatus(t, officer.upload("/import", "移交.csv", nil, "channel", "12315"), http.StatusBadRequest)
	wantStatus(t, officer.upload("/import", "移交.csv", []byte("甲,乙\r\n1,2\r\n"), "channel", "12315"), http.StatusBadRequest)
	// Whose it is follows from its content: the city's, where nothing tells more.
	no, owner := "", officer
	for _, k := range []visitor{officer, c.as("lead.handler")} {
		for _, m := range regexp.MustCompile(`href="/function/case-handling/tip-offs/(\d+)"`).FindAllStringSubmatch(k.get("/").body, -1) {
			if strings.Contains(k.open(m[1]).body, story) {
				no, owner = m[1], k
			}
		}
	}
	officer = owner
	if no == "" {
		t.Fatal("the tip-off that was handed over is not listed")
	}
	wantIn(t, officer.get("/tip-offs/"+no), say("tipoff.channel.12315"), "测12315-1", say("case-handling.named"))
	wantStatus(t, officer.act(no, "export", "channel", "12345", "format", "json", "summary", "摘要"), http.StatusBadRequest)
	for format, kind := range map[string]string{"json": "application/json", "csv": "text/csv; charset=utf-8"} {
		a = officer.act(no, "export", "channel", "12345", "format", format, "summary", "=摘要：商标问题", "purpose", "按职责移交")
		wantStatus(t, a, http.StatusOK)
		if a.Header.Get("Content-Type") != kind || !strings.HasPrefix(a.Header.Get("Content-Disposition"), "attachment") || a.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("headers %v", a.Header)
		}
		wantIn(t, a, "摘要：商标问题", reported)
		wantNone(t, a, story, reporter, contact, "按职责移交")
		if format == "csv" {
			wantIn(t, a, `'=摘要`)
		}
	}
	wantIn(t, officer.get("/tip-offs/"+no), "按职责移交")
	if c.journaled("tipoff.hand_over", no) != 2 {
		t.Errorf("%d exports in the journal", c.journaled("tipoff.hand_over", no))
	}
}

func TestWhatIsErasedNobodyOpensAnyMore(t *testing.T) {
	c := embedded(t)
	l, box := c.lodge(tipoff.Lodged{Reporter: named()}, file{fileName, "image/jpeg", photograph(64, 48)})
	officer, head := c.as("hongqi.handler"), c.as("hongqi.approver")
	officer.open(l.Number)
	officer.done(l.Number, "state", "to", "assigned")
	officer.done(l.Number, "state", "to", "out-of-scope", "scope", "petition")
	officer.done(l.Number, "state", "to", "closed", "answer", "已办结。")
	wantStatus(t, officer.get("/tip-offs/"+l.Number+"/erase"), http.StatusForbidden)
	wantStatus(t, head.act(l.Number, "erase", "again", l.Number), http.StatusConflict) // not yet
	c.clock.Pass(3 * 366 * 24 * time.Hour)
	officer, head = c.as("hongqi.handler"), c.as("hongqi.approver")
	wantIn(t, head.get("/retention"), tipoff.FormatNumber(l.Number), say("case-handling.to_erase"))
	head.done(l.Number, "hold", "reason", "复议期间")
	wantNone(t, head.get("/retention"), tipoff.FormatNumber(l.Number))
	wantIn(t, head.get("/tip-offs/"+l.Number), say("case-handling.held"))
	wantStatus(t, head.get("/tip-offs/"+l.Number+"/erase"), http.StatusConflict)
	head.done(l.Number, "release", "reason", "复议终结")
	wantStatus(t, head.act(l.Number, "erase", "again", "482109375516"), http.StatusBadRequest)
	head.done(l.Number, "erase", "again", tipoff.FormatNumber(l.Number))
	a := officer.post("/tip-offs/" + l.Number + "/open")
	if a.StatusCode == http.StatusSeeOther {
		a = officer.get(a.Header.Get("Location"))
	}
	wantNone(t, a, canaries...)
	if a.StatusCode < 400 {
		t.Errorf("an erased tip-off opens: %d %s", a.StatusCode, words(a.body))
	}
	if files, err := c.evidence.Files(t.Context(), box); err == nil && slices.ContainsFunc(files, func(f evidenceFile) bool { return f.At(c.clock.Now()) == "whole" }) {
		t.Error("its evidence is still there")
	}
}
