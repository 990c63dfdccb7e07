package function

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"ipcredit/shared/browsertest"
	"ipcredit/shared/credit"
	"ipcredit/shared/journal"
	"ipcredit/shared/notary"
	"ipcredit/shared/objects"
	"ipcredit/shared/workday"
)

// repairedAlone ends a record's display and writes what waits into the public log.
func (o *office) repairedAlone(id string) {
	o.t.Helper()
	now := o.clock.Now()
	store := credit.NewStore(o.env.Journal, credit.NewInForce(o.env.Journal))
	_, _, err := store.Apply(o.t.Context(), credit.Change{
		Entry: journal.Entry{Actor: "test", Action: "credit.repair", Ref: "record:" + id, At: now},
		Amend: []credit.Amendment{{SubjectCode: jia, ID: id, Do: func(r *credit.Record) error {
			r.Repaired = &credit.Repair{On: workday.DateOf(now)}
			return nil
		}}},
	})
	ok(o.t, err)
}

func (o *office) sequenced() {
	o.t.Helper()
	secret, err := notary.NewKey("credit.example.cn/410700/disclosure")
	ok(o.t, err)
	key, err := notary.ParseKey([]byte(secret))
	ok(o.t, err)
	buckets, err := objects.Open(objects.Config{Dir: o.t.TempDir(), Create: true})
	ok(o.t, err)
	_, err = notary.Open(o.env.Journal, buckets.Main, notary.Disclosure, key).Mirror().Sequence(o.t.Context(), o.clock.Now())
	ok(o.t, err)
}

// TestThreat_OnlyTheSubjectLearnsOfItsEndedRecords: it reads what has ended and takes
// the proof; another subject, an officer and a stranger get what they get where there is
// nothing.
func TestThreat_OnlyTheSubjectLearnsOfItsEndedRecords(t *testing.T) {
	o := embedded(t, "2026-05-20", fined("P1", "2026-05-10"), determined("D1", "2026-05-11"))
	o.on("2026-11-23")
	o.want(o.as("jia.agent").get("/ended"), 200, "没有已结束公示的记录")
	o.repairedAlone("P1")
	o.want(o.as("jia.agent").get("/ended/P1/proof"), 404, "正在写入公开日志")
	o.sequenced()
	o.want(o.as("jia.agent").get("/records"), 200, "/ended")
	o.want(o.as("jia.agent").get("/ended"), 200, "新测市监处罚〔2026〕P1号", "已修复", "2026年11月23日", "/ended/P1/proof")
	a := o.want(o.as("jia.agent").get("/ended/P1/proof"), 200, "repaired")
	var p credit.Proven
	ok(t, json.Unmarshal([]byte(a.body), &p))
	if !strings.Contains(a.header.Get("Content-Disposition"), "ip-credit-P1-proof.json") || a.header.Get("Cache-Control") != "no-store" ||
		p.Record.ID != "P1" || !strings.Contains(p.Record.Document, `{"action":"repaired","on":"2026-11-23"}`) || strings.Contains(a.body, "D1") {
		t.Errorf("%v %+v", a.header, p)
	}
	w := o.another("虚构乙科技有限公司", yi)
	o.want(w.get("/ended"), 200, "没有已结束公示的记录")
	for name, c := range map[string]caller{"another subject": w, "an officer": o.as("lead.handler"), "a department": o.as("science.handler")} {
		have, none := c.get("/ended/P1/proof"), c.get("/ended/P9/proof")
		if have.status != none.status || have.status != http.StatusNotFound && have.status != http.StatusForbidden || strings.Contains(have.body, "P1号") {
			t.Errorf("%s: %d, of none %d", name, have.status, none.status)
		}
	}
	o.want(o.as("lead.handler").get("/ended"), 403)
	o.want(o.as("").get("/ended/P1/proof"), http.StatusSeeOther)
}

func TestEndedRecordsAreAccessible(t *testing.T) {
	b := browsertest.New(t)
	o := embedded(t, "2026-05-20", fined("P1", "2026-05-10"))
	o.on("2026-11-23")
	o.repairedAlone("P1")
	o.enter(b, "jia.agent")
	for name, v := range map[string]browsertest.View{"ended-360": {Width: browsertest.Narrow}, "ended-1280": {Width: browsertest.Wide, Language: "en"}} {
		p := b.Open(t, o.public+prefix+"/ended", v)
		p.NoErrors()
		p.FitsWidth()
		p.Axe()
		p.Look(name)
	}
}
