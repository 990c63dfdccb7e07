package function

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/citytest"
	"ipcredit/shared/objects/objectstest"
	"ipcredit/shared/redistest"
	"ipcredit/shared/seal"
	"ipcredit/shared/tipoff"
)

func TestThreat_ACuriousDistrictSeesNoTipOffOfAnother(t *testing.T) {
	c := embedded(t)
	l, box := c.lodge(tipoff.Lodged{Reporter: named()}, file{fileName, "image/jpeg", photograph(64, 48)})
	owner := c.as("hongqi.handler")
	owner.open(l.Number)
	owner.follow(owner.file(l.Number, box, 1) + "/check")
	owner.done(l.Number, "identity", "reason", "核实线索")
	for _, user := range []string{"muye.handler", "muye.approver", "muye.custodian", "lead.handler", "lead.approver", "lead.custodian", "lead.auditor", "lead.security", "discipline.handler", "science.handler", "province.handler", "jia.legal", "muye.suo"} {
		k := c.as(user)
		for _, path := range []string{
			"/", "/?show=closed", "/identities", "/retention", "/tip-offs/" + l.Number, "/tip-offs/" + l.Number + "/answer", "/tip-offs/" + l.Number + "/export",
			k.file(l.Number, box, 1), k.file(l.Number, box, 1) + "/copy", k.file(l.Number, box, 1) + "/original",
		} {
			a := k.get(path)
			wantNone(t, a, canaries...)
			if path == "/tip-offs/"+l.Number && a.StatusCode == http.StatusOK {
				// Who keeps the clocks of the divisions beneath sees those.
				wantIn(t, a, say("case-handling.may_not"))
				wantNone(t, a, "<form method=\"post\" action=\"/function/case-handling", say("case-handling.todo"))
			} else if strings.HasPrefix(path, "/tip-offs/") && a.StatusCode < 400 {
				t.Errorf("%s gets %s: %d %s", user, path, a.StatusCode, words(a.body))
			}
		}
		for _, path := range []string{"/open", "/answer", "/state", "/note", "/reroute", "/merge", "/identity", "/export", "/erase", "/hold", "/evidence/check", "/evidence/" + box + "/1/check"} {
			a := k.post("/tip-offs/"+l.Number+path, "version", "x", "answer", "x", "to", "closed")
			wantNone(t, a, canaries...)
			if a.StatusCode < 400 {
				t.Errorf("%s may POST %s: %d", user, path, a.StatusCode)
			}
		}
	}
	if v, err := c.intake.Track(t.Context(), claim(l), c.clock.Now()); err != nil || v.Report.State != tipoff.Received {
		t.Errorf("it was changed: %s %v", v.Report.State, err)
	}
}

func TestThreat_IdentityTakesTwoPeopleAReasonAndTheReporterSeesIt(t *testing.T) {
	c := embedded(t)
	l, _ := c.lodge(tipoff.Lodged{Reporter: named()})
	officer := c.as("hongqi.handler")
	officer.open(l.Number)
	wantStatus(t, officer.act(l.Number, "identity"), http.StatusBadRequest)
	a := officer.done(l.Number, "identity", "reason", "需要当面核实吊牌样品")
	wantNone(t, a, reporter, contact)
	ask := regexp.MustCompile(`/identity/([A-Za-z0-9-]+)`).FindStringSubmatch(a.body)[1]
	path := "/tip-offs/" + l.Number + "/identity/" + ask
	// The one who asked cannot decide, nor read before somebody has.
	for _, do := range []string{"grant", "show"} {
		a := officer.post(path, "do", do)
		wantNone(t, a, reporter, contact)
		if a.StatusCode < 400 {
			t.Errorf("who asked may %s: %d", do, a.StatusCode)
		}
	}
	custodian := c.as("hongqi.custodian")
	wantIn(t, custodian.get("/identities"), tipoff.FormatNumber(l.Number), say("case-handling.ask.asked"))
	wantIn(t, custodian.get(path), "需要当面核实吊牌样品", say("case-handling.identity_grant"))
	a = custodian.follow(path, "do", "grant")
	wantNone(t, a, reporter, contact)
	a = custodian.post(path, "do", "show") // the second person does not get to see it
	wantNone(t, a, reporter, contact)
	wantNone(t, officer.get(path), reporter, contact)
	a = officer.post(path, "do", "show")
	wantStatus(t, a, http.StatusOK)
	wantIn(t, a, reporter, contact)
	if a.Header.Get("Cache-Control") != "no-store" {
		t.Error("the page may be stored")
	}
	// Shown once on that page, never on another.
	for _, p := range []string{path, "/tip-offs/" + l.Number, "/", "/identities"} {
		wantNone(t, officer.get(p), reporter, contact)
	}
	v, err := c.intake.Track(t.Context(), claim(l), c.clock.Now())
	if err != nil || len(v.Asks) != 1 || v.Asks[0].State != tipoff.AskGranted || v.Asks[0].Reason != "需要当面核实吊牌样品" || len(v.Asks[0].Reads) != 1 {
		t.Errorf("the reporter sees %+v (%v)", v.Asks, err)
	}
	// It ends.
	c.clock.Pass(60 * 24 * time.Hour)
	officer = c.as("hongqi.handler")
	if a := officer.post(path, "do", "show"); a.StatusCode < 400 || strings.Contains(a.body, reporter) {
		t.Errorf("after its time: %d", a.StatusCode)
	}
	messages, err := c.staffInbox("hongqi.custodian")
	if err != nil || len(messages) != 1 || strings.Contains(messages[0], "吊牌") {
		t.Errorf("the inbox says %q (%v)", messages, err)
	}
}

func (c *city) staffInbox(user string) ([]string, error) {
	u, _, err := c.staff.UserByName(c.t.Context(), user)
	if err != nil {
		return nil, err
	}
	a, err := c.staff.Actor(c.t.Context(), u.ID)
	if err != nil {
		return nil, err
	}
	list, _, err := c.staff.Inbox(c.t.Context(), a, "", 10)
	var out []string
	for _, m := range list {
		out = append(out, say(m.Title, m.Args[0])+" "+m.Link)
	}
	return out, err
}

func TestThreat_LogsRedisAndObjectsHoldNothingThatWasSealed(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		log := citytest.Logged(t)
		var told []string
		server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			told = append(told, string(body))
		}))
		defer server.Close()
		c := newCity(t, rdb, "notify_url", server.URL, "outgoing_allow", "127.0.0.0/8")
		l, box := c.lodge(tipoff.Lodged{Reporter: named()}, file{fileName, "image/jpeg", photograph(64, 48)})
		officer, custodian := c.as("hongqi.handler"), c.as("hongqi.custodian")
		officer.open(l.Number)
		path := officer.file(l.Number, box, 1)
		officer.follow("/tip-offs/" + l.Number + "/evidence/check")
		officer.get(path + "/copy")
		officer.get(path + "/original")
		officer.done(l.Number, "note", "text", "备注：样例壹零壹")
		officer.done(l.Number, "state", "to", "assigned")
		officer.done(l.Number, "answer", "answer", "关于样例壹零壹的答复")
		a := officer.done(l.Number, "identity", "reason", "核实样例壹零壹")
		ask := regexp.MustCompile(`/identity/([A-Za-z0-9-]+)`).FindStringSubmatch(a.body)[1]
		custodian.follow("/tip-offs/"+l.Number+"/identity/"+ask, "do", "grant")
		wantIn(t, officer.post("/tip-offs/"+l.Number+"/identity/"+ask, "do", "show"), reporter)
		// Refusals repeat nothing into the log either.
		officer.act(l.Number, "answer", "answer", "")
		officer.post("/tip-offs/"+l.Number+"/answer", "answer", story, "version", "x")
		officer.post("/register", "narrative", story, "reporter/name", reporter, "reporter/contact", contact)
		c.as("").post("/?x="+contact, "x", "y") // the tick, with rubbish
		if len(told) == 0 {
			t.Error("the gateway was told nothing")
		}
		if _, err := c.env.Archive.Run(t.Context(), c.env.Journal); err != nil {
			t.Fatal(err)
		}
		for _, canary := range canaries {
			if s := log.String(); strings.Contains(s, canary) {
				at := strings.Index(s, canary)
				t.Errorf("logged %s: %s", canary, s[max(0, at-200):min(len(s), at+100)])
			}
			redistest.Grep(t, rdb, canary)
			objectstest.Grep(t, c.dir, canary)
			for _, body := range told {
				if canary != contact && strings.Contains(body, canary) {
					t.Errorf("the gateway was told %s", canary)
				}
			}
		}
		for _, inside := range []string{"样例壹零壹", "CanaryCamera", "clean.finding", "GPSLatitude"} {
			redistest.Grep(t, rdb, inside)
			objectstest.Grep(t, c.dir, inside)
		}
		if log.String() == "" {
			t.Error("nothing was logged at all")
		}
	})
}

func TestNamedReportersAreToldThatThereIsNews(t *testing.T) {
	type call struct {
		Data struct{ ReportNo, Contact, Text string }
	}
	var mu sync.Mutex
	var calls []call
	status := http.StatusServiceUnavailable
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		var x call
		_ = json.NewDecoder(r.Body).Decode(&x)
		calls = append(calls, x)
		w.WriteHeader(status)
	}))
	defer server.Close()
	c := embedded(t, "notify_url", server.URL, "outgoing_allow", "127.0.0.0/8")
	with, _ := c.lodge(tipoff.Lodged{Reporter: named()})
	without, _ := c.lodge(tipoff.Lodged{Narrative: "另一件"})
	officer := c.as("hongqi.handler")
	for _, l := range []tipoff.Lodging{with, without} {
		officer.open(l.Number)
		wantStatus(t, officer.act(l.Number, "answer", "answer", ""), http.StatusBadRequest) // refused: nothing to tell
		officer.done(l.Number, "answer", "answer", "已收到。")
	}
	tick := func() {
		t.Helper()
		if err := c.desk.deliver(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	tick()
	tick() // not before its time
	if len(calls) != 1 || calls[0].Data.ReportNo != with.Number || calls[0].Data.Contact != contact || strings.Contains(calls[0].Data.Text, story) {
		t.Fatalf("%+v", calls)
	}
	c.clock.Pass(2 * time.Minute)
	status = http.StatusOK
	tick()
	c.clock.Pass(2 * time.Minute)
	tick()
	if len(calls) != 2 {
		t.Errorf("%d calls, want 2", len(calls))
	}
	// What is never taken is given up and listed for the officer.
	status = http.StatusServiceUnavailable
	officer = c.as("hongqi.handler")
	officer.open(with.Number)
	officer.done(with.Number, "answer", "answer", "补充。")
	for range 12 {
		tick()
		c.clock.Pass(25 * time.Hour)
	}
	officer = c.as("hongqi.handler")
	wantIn(t, officer.get("/undelivered"), tipoff.FormatNumber(with.Number), say("courier.why.refused"))
	wantNone(t, c.as("muye.handler").get("/undelivered"), tipoff.FormatNumber(with.Number))
	n := len(calls)
	tick()
	if len(calls) != n {
		t.Error("it is tried for ever")
	}
}

// A unit's key that is not mounted for an hour costs no reporter his message.
func TestReporterIsToldOnceTheUnitsKeyIsThereAgain(t *testing.T) {
	told := 0
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { told++ }))
	defer server.Close()
	c := embedded(t, "notify_url", server.URL, "outgoing_allow", "127.0.0.0/8")
	l, _ := c.lodge(tipoff.Lodged{Reporter: named()})
	officer := c.as("hongqi.handler")
	officer.open(l.Number)
	officer.done(l.Number, "answer", "answer", "已收到。")
	whole := c.desk.office
	config, err := c.desk.config()
	if err != nil {
		t.Fatal(err)
	}
	delete(config.Identities, l.Report.Unit)
	if c.desk.office, err = tipoff.NewOffice(c.env.Journal, seal.NewKeys(c.env.Objects.Keys), config); err != nil {
		t.Fatal(err)
	}
	if err := c.desk.deliver(t.Context()); err == nil || told != 0 {
		t.Errorf("without the key: told %d, %v", told, err)
	}
	c.desk.office = whole
	c.clock.Pass(2 * time.Minute)
	if err := c.desk.deliver(t.Context()); err != nil || told != 1 {
		t.Errorf("told %d, %v", told, err)
	}
}
