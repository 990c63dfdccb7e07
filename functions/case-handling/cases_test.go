package function

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"ipcredit/shared/casework"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
)

// What no list, print or export of these tests may show of a case.
const (
	respondent     = "虚构甲科技有限公司"
	respondentCode = "91410702MA00AAC13T"
	suspect        = "钱样例"
	suspectPhone   = "19900005678"
	caseFacts      = "仓库内发现贴牌商品若干，编号样例贰零贰"
)

// actor is a user of the demonstration city as the stores see him.
func (c *city) actor(name string) staff.Actor {
	c.t.Helper()
	u, ok, err := c.staff.UserByName(c.t.Context(), name)
	if err != nil || !ok {
		c.t.Fatalf("%s: %v", name, err)
	}
	a, err := c.desk.staff.Actor(c.t.Context(), u.ID)
	if err != nil {
		c.t.Fatal(err)
	}
	return a
}

// newCase opens a case of 红旗区 as its officer does with the form.
func (c *city) newCase(n int) casework.Case {
	c.t.Helper()
	a := c.actor("hongqi.handler")
	got, err := c.desk.cases.Open(c.t.Context(), a, casework.Draft{
		Kind: tipoff.Counterfeit, Source: casework.OwnCheck, Filed: true, Facts: caseFacts, Target: casework.MarkInfringer,
		Parties: []casework.Party{{Name: fmt.Sprintf("%s第%d分公司", respondent, n), Code: respondentCode, Role: casework.Respondent}},
		People:  []casework.Person{{Name: suspect, Contact: suspectPhone, Role: casework.Witness}},
		Key:     fmt.Sprintf("key-of-a-case-%08d-xxxx", n),
	}, c.clock.Now())
	if err != nil {
		c.t.Fatal(err)
	}
	return got
}

var caseNo = regexp.MustCompile(`AJ\d{6}-\d{4}-\d{5}`)

// caseVersion is the hidden version of a form.
var caseVersion = regexp.MustCompile(`name="version" value="(\d+)"`)

func (k visitor) caseVersion(path string) string {
	k.c.t.Helper()
	a := k.get(path)
	m := caseVersion.FindStringSubmatch(a.body)
	if m == nil {
		k.c.t.Fatalf("%s: %d %s", path, a.StatusCode, words(a.body))
	}
	return m[1]
}

// caseDo fills in the form of an action and sends it.
func (k visitor) caseDo(no, action string, fields ...string) answer {
	k.c.t.Helper()
	path := "/cases/" + no + "/" + action
	query := ""
	for i := 0; i+1 < len(fields); i += 2 {
		if fields[i] == "to" && action == "move" {
			query = "?to=" + fields[i+1]
		}
	}
	return k.post(path, append(fields, "version", k.caseVersion(path+query))...)
}

// caseDone is caseDo that must succeed.
func (k visitor) caseDone(no, action string, fields ...string) answer {
	k.c.t.Helper()
	a := k.caseDo(no, action, fields...)
	if a.StatusCode != http.StatusSeeOther {
		k.c.t.Fatalf("%s: %d %s", action, a.StatusCode, words(a.body))
	}
	return k.get(a.Header.Get("Location"))
}

// issue makes a document and returns its page.
func (k visitor) issue(no, kind string, fields ...string) answer {
	k.c.t.Helper()
	path := "/cases/" + no + "/issue/" + kind
	return k.follow(path, append(fields, "do", "issue", "version", k.caseVersion(path))...)
}

// userID is the id of a user by name.
func (c *city) userID(name string) string { c.t.Helper(); return c.actor(name).User.ID }

func caseState(t *testing.T, c *city, no string) casework.Case {
	t.Helper()
	f, err := c.desk.cases.Get(t.Context(), c.actor("hongqi.handler"), no, c.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	return f.Case
}

func TestOfficerEntersACaseOnce(t *testing.T) {
	c := embedded(t)
	k := c.as("hongqi.handler")
	form := k.get("/cases/new")
	wantStatus(t, form, http.StatusOK)
	ticket := regexp.MustCompile(`name="ticket" value="([^"]+)"`).FindStringSubmatch(form.body)[1]
	fields := []string{
		"ticket", ticket, "kind", "counterfeit", "source", "own-check", "received", "2026-05-19", "filed", "yes",
		"parties/1/name", respondent, "parties/1/code", respondentCode, "parties/1/role", "respondent",
		"people/0/name", suspect, "people/0/contact", suspectPhone, "people/0/role", "witness", "facts", caseFacts, "numbers", "202510999999.3\n99000001", "tags", "industry:C",
	}
	first := k.post("/cases/new", fields...)
	wantStatus(t, first, http.StatusSeeOther)
	second := k.post("/cases/new", fields...)
	if first.Header.Get("Location") != second.Header.Get("Location") {
		t.Errorf("a form sent twice leads to %s and %s", first.Header.Get("Location"), second.Header.Get("Location"))
	}
	a := k.get(first.Header.Get("Location"))
	wantStatus(t, a, http.StatusOK)
	wantIn(t, a, respondent, respondentCode, suspect, suspectPhone, caseFacts, "202510999999.3", "99000001", say("casework.state.filed"), say("casework.clock.decision"), "第六十条")
	list := k.get("/cases")
	wantIn(t, list, respondent, caseNo.FindString(a.body))
	wantNone(t, list, suspect, suspectPhone, caseFacts)
	if n := len(caseNo.FindAllString(list.body, -1)); n > 4 {
		t.Errorf("the list has %d numbers for one case", n)
	}
}

func TestFormOfACaseNamesWhatIsWrongAndKeepsTheRest(t *testing.T) {
	c := embedded(t)
	k := c.as("hongqi.handler")
	for _, tt := range []struct {
		name   string
		fields []string
		want   string
	}{
		{"application number with a wrong check digit", []string{"numbers", "99000001\n202510999999.4"}, "202510999999.4"},
		{"credit code with a wrong check digit", []string{"parties/2/name", respondent, "parties/2/code", "91410702MA00AAC13A", "parties/2/role", "respondent"}, "f-parties/0/code"},
		{"a day in the future", []string{"received", "2026-05-21"}, "f-received"},
		{"no day at all", []string{"received", "2026-13-01"}, "f-received"},
		{"a kind nobody has", []string{"kind", "unclear"}, "f-kind"},
		{"a certificate of the wrong form", []string{"agents", "12"}, "12"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fields := append([]string{"source", "own-check", "facts", caseFacts, "ticket", strings.Repeat("t", 26)}, tt.fields...)
			if !strings.Contains(strings.Join(tt.fields, " "), "kind") {
				fields = append(fields, "kind", "counterfeit")
			}
			a := k.post("/cases/new", fields...)
			wantStatus(t, a, http.StatusBadRequest)
			wantIn(t, a, tt.want, caseFacts, `class="wrong"`)
		})
	}
	if list := k.get("/cases"); caseNo.MatchString(list.body) {
		t.Error("a refused form opened a case")
	}
}

// TestCaseGoesTheWholeWay from filing to closing by the people who may, each step
// with its page.
func TestCaseGoesTheWholeWay(t *testing.T) {
	c := embedded(t)
	no := c.newCase(1).Number
	head, handler, reviewer := c.as("hongqi.approver"), c.as("hongqi.handler"), c.as("hongqi.reviewer")
	second := c.officer("hongqi.handler2", "hongqi", staff.Handler)
	handler.caseDone(no, "assign", "handlers", c.userID("hongqi.handler"), "handlers", second.ID)
	if a := handler.get("/cases/" + no + "/move?to=investigating"); a.StatusCode != http.StatusConflict {
		t.Errorf("the handler himself may approve the filing: %d", a.StatusCode)
	}
	head.caseDone(no, "move", "to", "investigating")
	handler.caseDone(no, "record", "what", "pause", "ref", "appraisal", "text", "送检样品两件")
	if a := handler.caseDo(no, "move", "to", "review"); a.StatusCode != http.StatusConflict {
		t.Errorf("it goes on while an appraisal is waited for: %d", a.StatusCode)
	}
	handler.caseDone(no, "record", "what", "resume", "ref", "appraisal")
	handler.caseDone(no, "move", "to", "review", "reason", "调查终结")
	reviewer.caseDone(no, "move", "to", "notice")
	handler.issue(no, "penalty-notice", "recipient", respondent, "facts", caseFacts, "provisions", "商标法第六十条", "intended", "罚款")
	handler.caseDone(no, "record", "what", "notice-served")
	if a := head.caseDo(no, "move", "to", "decided", "sure", "yes", "instrument", "新红测市监处罚〔2026〕1号", "decidedOn", "2026-05-20", "target", "mark-infringer", "measures", "fine", "fine", "5000"); a.StatusCode != http.StatusConflict {
		t.Errorf("decided while the party can still be heard: %d", a.StatusCode)
	}
	handler.caseDone(no, "record", "what", "defence-waived")
	a := head.caseDo(no, "move", "to", "decided", "instrument", "新红测市监处罚〔2026〕1号", "decidedOn", "2026-05-20", "target", "mark-infringer", "measures", "fine", "fine", "5000.50", "base", "1000")
	wantStatus(t, a, http.StatusOK) // asks once more
	wantIn(t, a, say("cases.sure_title"), "新红测市监处罚〔2026〕1号", "5000.50")
	if caseState(t, c, no).State != casework.Notice {
		t.Error("it is decided before it was confirmed")
	}
	a = head.caseDone(no, "move", "to", "decided", "sure", "yes", "instrument", "新红测市监处罚[2026]1号", "decidedOn", "2026-05-20", "target", "mark-infringer", "measures", "fine", "fine", "5000.50", "base", "1000")
	wantIn(t, a, "新红测市监处罚〔2026〕1号", "5,000.50")
	handler.caseDone(no, "move", "to", "served")
	handler.caseDone(no, "move", "to", "performed")
	head.caseDone(no, "move", "to", "closed", "sure", "yes")
	if got := caseState(t, c, no); got.State != casework.Closed {
		t.Errorf("it ends as %s", got.State)
	}
	wantIn(t, handler.get("/cases?show=closed"), no)
	wantNone(t, handler.get("/cases"), no)
}

// officer adds a user to an organisation of the demonstration city.
func (c *city) officer(name, org string, roles ...staff.Role) staff.User {
	c.t.Helper()
	ctx, now := c.t.Context(), c.clock.Now()
	u, _, err := c.staff.CreateUser(ctx, staff.Operator(), staff.NewUser{Org: org, Username: name, Name: "补样例"}, now)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, r := range roles {
		order := staff.Order{Kind: staff.OrderGrant, User: u.ID, Role: r, Reason: "入职"}
		if _, err := c.staff.Do(ctx, staff.Operator(), order, now); err != nil {
			c.t.Fatal(err)
		}
	}
	return u
}
