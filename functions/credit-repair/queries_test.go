package function

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ipcredit/shared/credit"
	"ipcredit/shared/inquiry"
	"ipcredit/shared/liaison"
	"ipcredit/shared/seal"
	"ipcredit/shared/tipoff"
	"ipcredit/shared/workday"
)

// lookedAt notes n lookups about the subject.
func (o *office) lookedAt(n int) {
	o.t.Helper()
	unit, escrow := keys()
	laws := credit.NewInForce(o.env.Journal)
	store := inquiry.New(o.env.Journal, inquiry.Config{
		Safe:   liaison.NewSafe(seal.NewKeys(o.env.Objects.Keys), "410700", tipoff.Units{"410700": unit.Recipient()}, escrow.Recipient(), map[string]seal.Identity{"410700": unit}),
		Credit: credit.NewStore(o.env.Journal, laws), Laws: laws,
	})
	for i := range n {
		_, err := store.Ask(o.t.Context(), o.actor("science.inquirer"), inquiry.Question{
			Ticket: fmt.Sprintf("ticket-of-a-test-%06d", i), Purpose: "project", Project: "豫科2026-001", Reason: "项目评审样例", Subjects: []string{jia},
		}, o.clock.Now())
		ok(o.t, err)
	}
}

// A report names everybody who looked, also beyond what a page lists.
func TestAReportNamesAllLookups(t *testing.T) {
	o := embedded(t, "2026-05-20", fined("P1", "2026-05-10"))
	const n = reportPageSize + 2
	o.lookedAt(n)
	page := o.want(o.as("jia.agent").get("/queries"), 200, "cursor=")
	if got := strings.Count(page.body, "新乡市科学技术局"); got != pageSize {
		t.Errorf("%d on a page", got)
	}
	report := o.want(o.as("jia.agent").post("/report"), 200)
	if got := strings.Count(report.body, "新乡市科学技术局"); got != n {
		t.Errorf("%d of %d in the report", got, n)
	}
}

// Henan art. 40: two a year. The year is that of China, to the second.
func TestTheYearOfFreeReportsEndsAtMidnightInChina(t *testing.T) {
	o := embedded(t, "2026-12-29", fined("P1", "2026-05-10"))
	at := func(s string) caller {
		t.Helper()
		x, err := time.ParseInLocation(time.DateTime, s, workday.CST)
		ok(t, err)
		o.clock.Set(x.Add(-10 * time.Minute))
		o.tokens = map[string]string{}
		c := o.as("jia.agent") // signing in takes its time
		o.clock.Set(x)
		return c
	}
	o.want(at("2026-12-30 23:59:59").post("/report"), 200, "本年度第 1 份")
	o.want(at("2026-12-31 00:00:00").post("/report"), 200, "本年度第 2 份")
	o.want(at("2026-12-31 12:00:00").post("/report"), 200, "本年度第 2 份") // the same again
	o.want(at("2027-01-01 00:00:00").post("/report"), 200, "本年度第 1 份", "2027年1月1日")
	o.want(at("2027-01-01 23:59:59").get("/queries"), 200, "今年还可领取 1 份")
	o.want(at("2027-06-01 10:00:00").post("/report"), 200, "本年度第 2 份")
	refused := o.want(at("2027-12-31 23:59:59").post("/report"), 409, "2028-01-01")
	if strings.Contains(refused.body, "本年度第") {
		t.Error("refused, and given all the same")
	}
	o.want(at("2028-01-01 00:00:00").get("/queries"), 200, "今年还可领取 2 份")
	// Another subject has its own year.
	o.on("2027-12-31")
	o.want(o.another("虚构乙科技有限公司", yi).post("/report"), 200, "本年度第 1 份")
}
