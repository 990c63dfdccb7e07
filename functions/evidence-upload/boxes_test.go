package function

import (
	"encoding/json"
	"testing"

	"ipcredit/shared/batch"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
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
		{"a key, a case", c.key(staff.ScopeCase), "case:01JABG", "410702", "410702"},
		{"a key, its batch", c.key(staff.ScopeMaterial), "batch:" + mine["lead"], "", "410700"},
		{"an uploader, a record", c.browser("hongqi.uploader"), "record:01JABD", "", "410702"},
		{"an officer, a case", c.browser("hongqi.handler"), "case:01JABE", "", "410702"},
		{"a department, a case of a district", c.browser("science.handler"), "case:01JABH", "410702", "410702"},
		{"another district's officer, who reads nothing there", c.browser("muye.handler"), "case:01JABQ", "410702", "410702"},
		{"a court, a case of the city", c.browser("court.handler"), "case:01JABJ", "", "410700"},
		{"customs, a case of a district without a key", c.browser("customs.handler"), "case:01JABK", "410711", "410700"},
		{"the police, a case", c.browser("police.handler"), "case:01JABL", "410702", "410702"},
		{"an association, its batch", c.browser("association.uploader"), "batch:" + mine["association"], "", "410700"},
		{"an association, a record", c.browser("association.uploader"), "record:01JABM", "", "410700"},
		{"a subject or agency, a case", c.browser("jia.legal"), "case:01JABN", "410702", "410702"},
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
