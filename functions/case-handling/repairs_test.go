package function

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"ipcredit/shared/browsertest"
	"ipcredit/shared/credit"
	"ipcredit/shared/evidence"
	"ipcredit/shared/journal"
	"ipcredit/shared/material"
	"ipcredit/shared/repair"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/subject"
	"ipcredit/shared/tipoff"
	"ipcredit/shared/workday"
)

// boxed puts a file into a box of a subject, sealed to the unit.
func (c *city) boxed(unit, what string, f file) string {
	c.t.Helper()
	ctx, token := c.t.Context(), evidence.NewToken()
	box, err := evidence.BoxOf(token)
	if err != nil {
		c.t.Fatal(err)
	}
	to, err := seal.NewKeys(c.env.Objects.Keys).New(ctx, "evidence."+box,
		seal.Party{Label: tipoff.UnitLabel(unit), To: keys()[unit].Recipient()}, seal.Party{Label: tipoff.EscrowLabel, To: keys()["escrow"].Recipient()})
	if err != nil {
		c.t.Fatal(err)
	}
	spec := evidence.BoxSpec{For: what, To: to, Key: "evidence." + box, Until: c.clock.Now().Add(time.Hour), By: "test", Org: "subject-jia"}
	if _, err := c.evidence.OpenBoxOf(ctx, token, spec); err != nil {
		c.t.Fatal(err)
	}
	c.upload(token, f)
	return box
}

// applied files an application for repair of the demonstration's subject, with
// proof in a box as credit-repair opens it, and returns its number and the box.
func (c *city) applied() (no, box string) {
	c.t.Helper()
	must := func(err error) {
		c.t.Helper()
		if err != nil {
			c.t.Fatal(err)
		}
	}
	ctx := c.t.Context()
	person := func(name string) staff.Actor {
		u, _, err := c.staff.UserByName(ctx, name)
		must(err)
		a, err := c.staff.Actor(ctx, u.ID)
		must(err)
		return a
	}
	const jia = "91410771MA00AAA104"
	on := workday.MustDate("2026-01-10")
	_, _, err := credit.NewStore(c.env.Journal, credit.NewInForce(c.env.Journal)).Apply(ctx, credit.Change{
		Entry:    journal.Entry{Actor: "test", Action: "credit.import", Ref: "batch:1", At: c.clock.Now()},
		Subjects: []subject.Subject{{Code: jia, Name: "虚构甲科技有限公司", Kind: "enterprise", District: "410771"}},
		Records: []credit.Entry{{SubjectCode: jia, SubjectName: "虚构甲科技有限公司", Record: credit.Record{
			ID: "D1", Kind: credit.Determination, Act: "DA1", InstrumentNo: "国知测〔2026〕1号", Authority: "国家知识产权局",
			Source: credit.Admin, Channel: credit.Republish, DeterminedOn: on, PublishedOn: on,
			Content: credit.Content{Determination: &credit.DeterminationContent{Basis: "第六条"}},
		}}},
	})
	must(err)
	c.clock.Set(time.Date(2026, 7, 13, 2, 0, 0, 0, time.UTC))
	office, agent := repair.New(c.env.Journal), person("jia.agent")
	a, err := office.File(ctx, agent, repair.Order{Records: []string{"D1"}, Corrected: true, Performed: true, Removed: true}, c.clock.Now())
	must(err)
	box = c.boxed("410700", repair.Ref(a.No)+":performance", file{"缴款凭证-样例.txt", "text/plain", []byte("样例缴款凭证壹贰叁")})
	_, err = office.HandIn(ctx, agent, a.No, repair.Performance, box, c.clock.Now())
	must(err)
	return a.No, box
}

func TestWhoHandlesARepairReadsItsPapers(t *testing.T) {
	c := embedded(t)
	no, box := c.applied()
	k := c.as("lead.handler")
	at := "/repairs/" + no
	wantIn(t, k.get(at), "缴款凭证-样例.txt", "虚构甲科技有限公司")
	wantNone(t, k.get(at), "/original")
	wantStatus(t, k.get(at+"/files/"+box+"/1/original"), http.StatusConflict) // not looked at yet
	wantStatus(t, k.post(at+"/files/"+box+"/1/check"), http.StatusSeeOther)
	wantIn(t, k.get(at), at+"/files/"+box+"/1/original")
	wantIn(t, k.get(at+"/files/"+box+"/1/original"), "样例缴款凭证壹贰叁")
	wantIn(t, c.as("lead.approver").get(at), "缴款凭证-样例.txt")
}

// TestThreat_PapersOfARepairAreForItsUnitAlone: other units, departments and the
// subject itself get what they get of an application that does not exist, and no
// address reaches a box that was not handed in with it.
func TestThreat_PapersOfARepairAreForItsUnitAlone(t *testing.T) {
	c := embedded(t)
	no, box := c.applied()
	_, other := c.lodge(tipoff.Lodged{}, file{"证据.txt", "text/plain", []byte("样例证据")})
	for _, user := range []string{"hongqi.handler", "science.handler", "jia.agent", "lead.system", "lead.publisher"} {
		k := c.as(user)
		for _, path := range []string{"/repairs/" + no, "/repairs/" + no + "/files/" + box + "/1/copy", "/repairs/" + no + "/files/" + box + "/1/original"} {
			a := k.get(path)
			wantStatus(t, a, http.StatusNotFound)
			wantNone(t, a, "缴款凭证", "虚构甲")
		}
		wantStatus(t, k.post("/repairs/"+no+"/files/"+box+"/1/check"), http.StatusNotFound)
	}
	k := c.as("lead.handler")
	for _, path := range []string{"/repairs/" + no + "/files/" + other + "/1/original", "/repairs/" + no + "/files/" + box + "/2/original", "/repairs/" + no + "/files/" + box + "/01/original", "/repairs/XF2026000099"} {
		wantStatus(t, k.get(path), http.StatusNotFound)
	}
}

func TestTheUnitThatAnswersReadsAMaterial(t *testing.T) {
	c := embedded(t)
	u, _, err := c.staff.UserByName(t.Context(), "jia.agent")
	if err != nil {
		t.Fatal(err)
	}
	agent, err := c.staff.Actor(t.Context(), u.ID)
	if err != nil {
		t.Fatal(err)
	}
	box := c.boxed("410771", material.BoxFor(agent.Org.Code), file{"整改报告-样例.txt", "text/plain", []byte("样例整改内容壹贰叁")})
	m, err := material.New(c.env.Journal).Hand(t.Context(), agent, material.Rectification, "", box, c.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	at := "/materials/" + m.No
	k := c.as("gaoxin.handler")
	wantIn(t, k.get(at), "整改报告-样例.txt", "整改证明")
	a := k.post(at + "/files/" + box + "/1/check")
	wantStatus(t, a, http.StatusSeeOther)
	if to := a.Header.Get("Location"); !strings.HasPrefix(to, prefix+at) {
		t.Errorf("leads to %s", to)
	}
	wantIn(t, k.get(at+"/files/"+box+"/1/original"), "样例整改内容壹贰叁")
	for _, user := range []string{"lead.handler", "hongqi.handler", "science.handler", "jia.agent"} {
		for _, path := range []string{at, at + "/files/" + box + "/1/original", at + "/files/" + box + "/1/copy"} {
			a := c.as(user).get(path)
			wantStatus(t, a, http.StatusNotFound)
			wantNone(t, a, "整改报告", "虚构甲")
		}
	}
}

func TestPapersOfARepairInABrowser(t *testing.T) {
	b := browsertest.New(t)
	c := embedded(t)
	no, box := c.applied()
	wantStatus(t, c.as("lead.handler").post("/repairs/"+no+"/files/"+box+"/1/check"), http.StatusSeeOther)
	c.enter(b, "lead.handler")
	for name, v := range map[string]browsertest.View{
		"360": {Width: browsertest.Narrow}, "1280": {Width: browsertest.Wide}, "360-en": {Width: browsertest.Narrow, Language: "en"}, "1280-en": {Width: browsertest.Wide, Language: "en"},
	} {
		p := b.Open(t, c.public+prefix+"/repairs/"+no, v)
		if p.Status() != http.StatusOK {
			t.Fatalf("%d", p.Status())
		}
		p.NoErrors()
		p.Axe()
		p.FitsWidth()
		p.Look("repairs-" + name)
	}
}
