package function

import (
	"net/http"
	"regexp"
	"testing"
	"time"

	"ipcredit/shared/casework"
	"ipcredit/shared/evidence"
	"ipcredit/shared/seal"
)

// TestMaterialsOfACaseAreThereForItsOfficersOnly: what an organisation put into a
// box of the case, and what an officer adds, is listed, checked and given to who
// reads the case, and to nobody else; what erases the case erases what was added.
func TestMaterialsOfACaseAreThereForItsOfficersOnly(t *testing.T) {
	c := embedded(t)
	no := c.newCase(1).Number
	k := c.as("hongqi.handler")
	k.caseDone(no, "claim")
	list := "/cases/" + no + "/files"
	wantIn(t, k.get("/cases/"+no), list)
	wantIn(t, k.get(list), say("cases.files.none"))

	a := k.post(list)
	wantStatus(t, a, http.StatusSeeOther)
	token := regexp.MustCompile(`evidence-upload/forms/([a-z0-9]+)`).FindStringSubmatch(a.Header.Get("Location"))
	if token == nil {
		t.Fatalf("it leads to %s", a.Header.Get("Location"))
	}
	c.upload(token[1], file{fileName, "image/jpeg", photograph(40, 30)})

	// As evidence-upload takes it from an organisation, sealed to the unit.
	theirs := evidence.NewToken()
	id, err := evidence.BoxOf(theirs)
	if err != nil {
		t.Fatal(err)
	}
	to, err := c.desk.mail.keys.New(t.Context(), "evidence."+id, seal.Party{Label: "unit:410702", To: keys()["410702"].Recipient()}, seal.Party{Label: "escrow", To: keys()["escrow"].Recipient()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.evidence.OpenBoxOf(t.Context(), theirs, evidence.BoxSpec{For: casework.Ref(no), To: to, Key: "evidence." + id, Until: c.clock.Now().Add(time.Hour), By: "key:x", Org: "science"}); err != nil {
		t.Fatal(err)
	}
	c.upload(theirs, file{"整改证明.jpg", "image/jpeg", photograph(30, 40)})

	wantIn(t, k.get(list), fileName, "整改证明.jpg", say("custody.state.unscanned"))
	path := list + "/" + id + "/1"
	wantStatus(t, k.get(path+"/original"), http.StatusConflict) // not before it was examined
	k.follow(path + "/check")
	got := k.get(path + "/copy")
	wantStatus(t, got, http.StatusOK)
	wantNone(t, got, "CanaryCamera")
	wantStatus(t, k.get(path+"/original"), http.StatusOK)

	for _, bad := range []string{list + "/" + id + "/2/copy", list + "/" + id + "/01/copy", list + "/nobox/1/copy"} {
		wantStatus(t, k.get(bad), http.StatusNotFound)
	}
	other := c.newCase(2).Number
	wantStatus(t, k.get("/cases/"+other+"/files/"+id+"/1/copy"), http.StatusNotFound)
	for _, who := range []string{"muye.handler", "science.handler", "lead.supervisor"} {
		v := c.as(who)
		for _, p := range []string{list, path + "/copy", path + "/original"} {
			wantStatus(t, v.get(p), http.StatusForbidden)
		}
		wantStatus(t, v.post(list), http.StatusForbidden)
	}
}
