package function

import (
	"net/http"
	"strings"
	"testing"

	"ipcredit/shared/credit"
	"ipcredit/shared/share"
	"ipcredit/shared/staff"
)

// told lets a credit service with a subscription read what there is.
func (o *office) told() {
	o.t.Helper()
	ctx, now := o.t.Context(), o.clock.Now()
	ok(o.t, share.Demo(ctx, o.env.Journal, now))
	j := o.env.Journal
	store := share.New(j, share.Config{Credit: credit.NewStore(j, credit.NewInForce(j)), Staff: staff.New(j)})
	_, err := store.Read(ctx, "credit-service", "key:test", "", 100, now)
	ok(o.t, err)
}

func TestThreat_ASubjectReadsWhoReceivedItsOwnRecordsAndNobodyElses(t *testing.T) {
	o := embedded(t, "2026-05-20", fined("P1", "2026-05-10"))
	o.on("2026-09-21")
	o.told()
	const instrument = "新测市监处罚〔2026〕P1号"
	o.want(o.as("jia.agent").get("/received"), 200, instrument, "第三方信用服务机构", "公示中")
	o.want(o.as("jia.agent").get("/records/P1"), 200, "/received#r-P1")
	other := o.another("虚构乙科技有限公司", yi)
	if a := other.get("/received"); a.status == 200 && strings.Contains(a.body, instrument) {
		t.Error("another subject reads it")
	}
	o.want(o.as("lead.handler").get("/received"), http.StatusNotFound)
	no := o.filed("P1")
	if a := other.get("/desk/received/" + no); a.status != http.StatusNotFound {
		t.Errorf("another subject at the desk: %d", a.status)
	}
	h := o.as("lead.handler")
	o.want(h.post("/desk/"+no+"/hand-over", "number", "信用中国2026-1号"), http.StatusSeeOther)
	o.want(h.post("/desk/"+no+"/accept"), http.StatusSeeOther)
	o.want(o.as("lead.approver").post("/desk/"+no+"/decide", "outcome", "approved", "decision", "新测市监信修〔2026〕1号"), http.StatusSeeOther)
	o.want(o.as("jia.agent").get("/received"), 200, instrument, "已停止公示", "对方尚未获取")
	// Who has not confirmed is named, and nobody closes it by his word.
	o.want(h.get("/desk/"+no), 200, "尚未确认停止使用的单位")
	o.want(h.get("/desk/received/"+no), 200, instrument)
	o.want(h.post("/desk/"+no+"/spread"), http.StatusConflict, "还有单位没有确认停止使用")
}
