package function

import (
	"encoding/json"
	"testing"

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
	for _, tt := range []struct {
		name  string
		by    client
		what  string
		unit  string
		label string
	}{
		{"a key", c.key(staff.ScopeMaterial), "record:01JABC", "410700", "unit:410700"},
		{"an uploader", c.browser("hongqi.uploader"), "record:01JABD", "410702", "unit:410702"},
		{"a handler", c.browser("hongqi.handler"), "case:01JABE", "410702", "unit:410702"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, a := tt.by.with("Accept", "application/json").open(tt.what, "")
			a.is(t, 201, "")
			data := picture(2000, 1)
			token := b.Endpoint[len(b.Endpoint)-26:]
			at := c.tus().begin(token, len(data)).location()
			c.tus().patch(at, 0, data).is(t, 204, "")
			ref := "evidence." + b.Box
			for label, id := range map[string]seal.Identity{tt.label: keys()[tt.unit], "escrow": keys()["escrow"]} {
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
		{"a batch of others", "batch:01JABCDEFGHJKMNPQRSTVWXYZ0", "", c.key(staff.ScopeMaterial), 404, ""},
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
