package function

import (
	"encoding/json"
	"fmt"
	"regexp"
	"testing"

	"ipcredit/shared/batch"
	"ipcredit/shared/casework"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

type openedBox struct{ Box, For, Endpoint, Form string }

func (k client) open(what, division string) (openedBox, answer) {
	k.c.t.Helper()
	body, _ := json.Marshal(boxOrder{For: what, Division: division})
	a := k.with("Content-Type", "application/json").do("POST", "/boxes", body)
	var b openedBox
	if a.StatusCode == 201 {
		if err := json.Unmarshal(a.body, &b); err != nil {
			k.c.t.Fatal(err)
		}
	}
	return b, a
}

// filed makes a case of a unit, notified on a day to the organisations with the codes;
// no day is before the notice. It returns what a box for it belongs to.
func (c *city) filed(n int, unit, notified string, codes ...string) string {
	c.t.Helper()
	x := casework.Case{Number: fmt.Sprintf("AJ%s-2026-%05d", unit, n), Version: 1, Unit: unit, Division: unit, State: casework.Investigating}
	for _, code := range codes {
		x.Parties = append(x.Parties, casework.Party{Name: "虚构主体", Code: code, Role: casework.Respondent})
	}
	if notified != "" {
		x.Events = append(x.Events, casework.Event{What: casework.NoticeServed, On: workday.MustDate(notified)})
	}
	value, err := json.Marshal(x)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := c.rdb.Set(c.t.Context(), c.env.Journal.Key("casework", x.Number), value, 0).Err(); err != nil {
		c.t.Fatal(err)
	}
	return casework.Ref(x.Number)
}

// jia is the code of the subject whose people sign in in these tests.
const jia = "91410771MA00AAA104"

func TestAnOrganisationAttachesMaterialSealedToTheUnitAndTheEscrow(t *testing.T) {
	c := embedded(t)
	// The city's record of two batches, one of each organisation.
	mine := map[string]string{"lead": "b0123456789abcdef0121", "association": "b0123456789abcdef0122"}
	for org, id := range mine {
		value, err := json.Marshal(batch.Batch{ID: id, Kind: "penalty", Org: org, State: batch.Queued, CreatedAt: c.clock.Now()})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.rdb.Set(t.Context(), c.env.Journal.Key("batch", id), value, 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name           string
		by             client
		what, division string // of the unit that handles it; "" for the organisation's own
		unit           string // whose key opens it
	}{
		{"a key, a record", c.key(staff.ScopeMaterial), "record:01JABC", "", "410700"},
		{"a key, a record of a district", c.key(staff.ScopeMaterial), "record:01JABF", "410702", "410702"},
		{"a key, a case", c.key(staff.ScopeCase), c.filed(1, "410702", ""), "410702", "410702"},
		{"a key, its batch", c.key(staff.ScopeMaterial), "batch:" + mine["lead"], "", "410700"},
		{"an uploader, a record", c.browser("hongqi.uploader"), "record:01JABD", "", "410702"},
		{"an officer, a case", c.browser("hongqi.handler"), c.filed(2, "410702", ""), "", "410702"},
		{"a department, a case of a district", c.browser("science.handler"), c.filed(3, "410702", ""), "410702", "410702"},
		{"another district's officer, who reads nothing there", c.browser("muye.handler"), c.filed(4, "410702", ""), "410702", "410702"},
		{"a court, a case of the city", c.browser("court.handler"), c.filed(5, "410700", ""), "", "410700"},
		{"customs, a case of a district without a key", c.browser("customs.handler"), c.filed(6, "410700", ""), "410711", "410700"},
		{"the police, a case", c.browser("police.handler"), c.filed(7, "410702", ""), "410702", "410702"},
		{"an association, its batch", c.browser("association.uploader"), "batch:" + mine["association"], "", "410700"},
		{"an association, a record", c.browser("association.uploader"), "record:01JABM", "", "410700"},
		{"a subject or agency, a case", c.browser("jia.legal"), c.filed(8, "410702", "2026-05-01", jia), "410702", "410702"},
		{"its agent, a record", c.browser("jia.agent"), "record:01JABP", "410702", "410702"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, a := tt.by.with("Accept", "application/json").open(tt.what, tt.division)
			a.is(t, 201, "")
			if b.For != tt.what || len(b.Endpoint) < 26 {
				t.Fatalf("%s", a.body)
			}
			data := picture(2000, 1)
			token := b.Endpoint[len(b.Endpoint)-26:]
			at := c.tus().begin(token, len(data)).location()
			c.tus().patch(at, 0, data).is(t, 204, "")
			ref := "evidence." + b.Box
			for label, id := range map[string]seal.Identity{"unit:" + tt.unit: keys()[tt.unit], "escrow": keys()["escrow"]} {
				opened, err := c.desk.keys.Open(t.Context(), ref, label, id)
				if err != nil {
					t.Fatal(label, err)
				}
				c.opens(token, 1, opened, data)
			}
			// What was handed over stays.
			c.tus().do("DELETE", at, nil).is(t, 409, "evidence.kept")
			list := tt.by.with("Accept", "application/json").get("/boxes?for=" + tt.what)
			list.is(t, 200, "")
			var got struct {
				Results []struct {
					Box   string
					Files []struct{ Size int64 }
				}
			}
			if err := json.Unmarshal(list.body, &got); err != nil || len(got.Results) != 1 || got.Results[0].Box != b.Box || got.Results[0].Files[0].Size != 2000 {
				t.Errorf("%s %v", list.body, err)
			}
		})
	}
}

func TestWhoMayNotAttach(t *testing.T) {
	c := embedded(t)
	for _, tt := range []struct {
		name, what, division string
		by                   client
		status               int
		code                 string
	}{
		{"nobody", "record:1", "", c.client(), 401, "evidence-upload.sign_in"},
		{"a key of another scope", "case:1", "", c.key(staff.ScopeMaterial), 403, ""},
		{"a key, a case that does not exist", "case:AJ410702-2026-99999", "410702", c.key(staff.ScopeCase), 404, "evidence-upload.no_case"},
		{"an officer, a case that does not exist", "case:AJ410702-2026-99999", "", c.browser("hongqi.handler").with("Accept", "application/json"), 404, "evidence-upload.no_case"},
		{"a department, no number of a case", "case:01JABG", "", c.browser("science.handler").with("Accept", "application/json"), 404, "evidence-upload.no_case"},
		{"nothing", "", "", c.key(staff.ScopeMaterial), 400, "evidence.for"},
		{"somebody's tip-off", "tip-off:1", "", c.key(staff.ScopeMaterial), 400, "evidence.for"},
		{"a draft", "draft", "", c.key(staff.ScopeMaterial), 400, "evidence.for"},
		{"who only counts", "case:1", "", c.browser("lead.statistics").with("Accept", "application/json"), 403, ""},
		{"a department, records", "record:1", "", c.browser("science.handler").with("Accept", "application/json"), 403, ""},
		{"a subject, a batch", "batch:b0123456789abcdef0120", "", c.browser("jia.legal").with("Accept", "application/json"), 403, ""},
		{"who only asks", "case:1", "", c.browser("court.inquirer").with("Accept", "application/json"), 403, ""},
		{"a batch of others", "batch:b0123456789abcdef0120", "", c.key(staff.ScopeMaterial), 404, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, a := tt.by.open(tt.what, tt.division)
			a.is(t, tt.status, tt.code)
		})
	}
	_, a := c.browser("hongqi.handler").with("Sec-Fetch-Site", "cross-site").open("case:1", "")
	if a.StatusCode != 403 {
		t.Errorf("from another site: %d", a.StatusCode)
	}
}

// To a subject, a case that exists and was not notified to it, one that was notified
// to another, and one that does not exist are the same, byte for byte.
func TestThreat_ABoxTellsNoSubjectThatThereIsACase(t *testing.T) {
	c := embedded(t)
	k := c.browser("jia.legal").with("Accept", "application/json")
	var first string
	for i, what := range []string{
		"case:AJ410702-2026-99999", c.filed(1, "410702", "", jia), c.filed(2, "410702", "2026-05-01", "91410702MA00AAC13T"),
		c.filed(3, "410702", "2030-01-01", jia), c.filed(4, "410702", "2026-05-01"), "case:no-number",
	} {
		_, a := k.open(what, "410702")
		a.is(t, 404, "evidence-upload.no_case")
		listed := k.get("/boxes?for=" + what)
		listed.is(t, 404, "evidence-upload.no_case")
		said := reference.ReplaceAllString(string(a.body), "")
		if i == 0 {
			first = said
		}
		if said != first {
			t.Errorf("%s is told apart: %s", what, said)
		}
		if reference.ReplaceAllString(string(listed.body), "") != first {
			t.Errorf("%s is told apart where boxes are listed: %s", what, listed.body)
		}
	}
	for ref, err := range c.desk.keys.Refs(t.Context(), "") {
		t.Error("a key was made for a box that was refused:", ref, err)
	}
	_, a := k.open(c.filed(5, "410702", "2026-05-01", jia), "410702")
	a.is(t, 201, "")
}

// reference is what differs between any two answers.
var reference = regexp.MustCompile(`"(instance|reference|requestId)":"[^"]*",?`)

func TestMaterialOfACaseIsSealedToTheUnitThatHasItWhateverTheSenderSays(t *testing.T) {
	c := embedded(t)
	b, a := c.browser("science.handler").open(c.filed(1, "410702", ""), "410700")
	a.is(t, 201, "")
	if _, err := c.desk.keys.Open(t.Context(), "evidence."+b.Box, "unit:410702", keys()["410702"]); err != nil {
		t.Error(err)
	}
}

func TestARepeatedOrderGivesTheSameBoxThoughItsAddressIsKeptNowhere(t *testing.T) {
	c := embedded(t)
	k := c.key(staff.ScopeMaterial).with("Idempotency-Key", "4d7f1c9a8b2e6035f1a9c4d2")
	one, a := k.open("record:1", "")
	a.is(t, 201, "")
	two, a := k.open("record:1", "")
	a.is(t, 201, "")
	if one != two {
		t.Errorf("%+v %+v", one, two)
	}
	_, a = k.open("record:2", "")
	a.is(t, 422, "fn.key_reused")
	other, a := c.key(staff.ScopeMaterial).open("record:1", "")
	a.is(t, 201, "")
	if other.Box == one.Box {
		t.Error("two orders share a box")
	}
}
