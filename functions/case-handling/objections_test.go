package function

import (
	"net/http"
	"testing"

	"ipcredit/shared/credit"
	"ipcredit/shared/objection"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
)

// TestThreat_PapersOfAnObjectionAreForWhoChecksAndRules: the unit's handler and
// approver read them; everybody else gets what he gets of one that does not exist.
func TestThreat_PapersOfAnObjectionAreForWhoChecksAndRules(t *testing.T) {
	c := embedded(t)
	person := func(name string) staff.Actor {
		t.Helper()
		u, _, err := c.staff.UserByName(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		a, err := c.staff.Actor(t.Context(), u.ID)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	repairNo, _ := c.applied() // it brings the record D1
	agent := person("jia.agent")
	box := c.boxed("410700", objection.BoxFor(agent.Org.Code), file{"异议说明.txt", "text/plain", []byte("样例异议说明壹贰叁")})
	office := objection.New(c.env.Journal)
	o, err := office.File(t.Context(), agent, objection.Order{Record: "D1", Ground: objection.Facts, Boxes: []string{box}}, c.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	_, other := c.lodge(tipoff.Lodged{}, file{"证据.txt", "text/plain", []byte("样例证据")})
	at := "/objections/" + o.No
	k := c.as("lead.handler")
	wantIn(t, k.get(at), "异议说明.txt")
	wantStatus(t, k.post(at+"/files/"+box+"/1/check"), http.StatusSeeOther)
	wantIn(t, k.get(at+"/files/"+box+"/1/original"), "样例异议说明壹贰叁")
	wantIn(t, c.as("lead.approver").get(at), "异议说明.txt")
	for _, path := range []string{"/objections/" + repairNo, "/objections/YY2026999999", at + "/files/" + other + "/1/original", at + "/files/" + box + "/2/original"} {
		wantStatus(t, k.get(path), http.StatusNotFound)
	}
	for _, user := range []string{"hongqi.handler", "science.handler", "jia.agent", "lead.supervisor"} {
		a := c.as(user).get(at)
		wantStatus(t, a, http.StatusNotFound)
		wantNone(t, a, "异议说明", "虚构甲")
	}
	if p, err := credit.NewStore(c.env.Journal, credit.Shipped()).Load(t.Context(), agent.Org.Code); err != nil || !p.Records[0].Disputed {
		t.Errorf("the record is not marked: %v", err)
	}
}
