package function

import (
	"net/http"
	"testing"
	"time"

	"ipcredit/shared/evidence"
	"ipcredit/shared/seal"
)

func TestWhatIsErasedByItselfIsListedFirstAndAHeadHoldsIt(t *testing.T) {
	c := embedded(t)
	c.notified(personRow(1, "state", "已撤回", "stateOn", "2026-05-19"), personRow(2, "state", "已撤回", "stateOn", "2026-05-19", "division", "410711"))
	// Material that a department handed in for a case.
	token := evidence.NewToken()
	box, err := evidence.BoxOf(token)
	if err != nil {
		t.Fatal(err)
	}
	to, err := seal.NewKeys(c.env.Objects.Keys).New(t.Context(), evidence.KeyOf(box), seal.Party{Label: "unit:410702", To: keys()["410702"].Recipient()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.evidence.OpenBoxOf(t.Context(), token, evidence.BoxSpec{For: "batch:b0123456789abcdef0121", To: to, Key: evidence.KeyOf(box), Until: start.AddDate(-1, 0, 0), By: "u", Org: "science", Unit: "410702"}); err == nil {
		t.Fatal("a box that has ended was opened")
	}
	if _, err := c.evidence.OpenBoxOf(t.Context(), token, evidence.BoxSpec{For: "batch:b0123456789abcdef0121", To: to, Key: evidence.KeyOf(box), Until: start.Add(time.Hour), By: "u", Org: "science", Unit: "410702"}); err != nil {
		t.Fatal(err)
	}
	wantNone(t, c.as("hongqi.approver").get("/retention"), applicationNo(1), "b0123456789abcdef0121")

	c.clock.Set(time.Date(2028, 5, 19, 2, 0, 0, 0, time.UTC))
	officer, head := c.as("hongqi.handler"), c.as("hongqi.approver")
	a := head.get("/retention")
	wantIn(t, a, applicationNo(1), say("evidence.hold.review"), say("case-handling.labelled"))
	wantNone(t, a, applicationNo(2), private) // another district's, and nobody's name
	wantNone(t, officer.get("/retention"), `name="hold"`)
	wantStatus(t, officer.post("/retention/hold", "what", "application", "ref", applicationNo(1), "hold", "1", "ground", "review"), http.StatusForbidden)
	wantStatus(t, head.post("/retention/hold", "what", "application", "ref", applicationNo(2), "hold", "1", "ground", "review"), http.StatusForbidden)
	wantStatus(t, head.post("/retention/hold", "what", "application", "ref", applicationNo(1), "hold", "1", "ground", private), http.StatusBadRequest)
	wantStatus(t, head.post("/retention/hold", "what", "application", "ref", applicationNo(1), "hold", "1", "ground", "review"), http.StatusSeeOther)
	wantIn(t, head.get("/retention"), applicationNo(1), say("case-handling.kept.held"), say("case-handling.act.release"))
	wantStatus(t, head.post("/retention/hold", "what", "application", "ref", applicationNo(1), "hold", "0"), http.StatusSeeOther)
	wantNone(t, head.get("/retention"), say("case-handling.kept.held"))

	c.clock.Set(time.Date(2029, 5, 10, 2, 0, 0, 0, time.UTC))
	head = c.as("hongqi.approver")
	wantIn(t, head.get("/retention"), "batch:b0123456789abcdef0121")
	wantStatus(t, c.as("muye.approver").post("/retention/hold", "what", "box", "ref", box, "hold", "1", "ground", "audit"), http.StatusForbidden)
	wantStatus(t, head.post("/retention/hold", "what", "box", "ref", box, "hold", "1", "ground", "audit"), http.StatusSeeOther)
	if n := c.journaled("evidence.hold", box); n != 1 {
		t.Errorf("%d holds in the journal", n)
	}
	wantStatus(t, head.post("/retention/hold", "what", "smiles", "ref", box, "hold", "1"), http.StatusBadRequest)
}
