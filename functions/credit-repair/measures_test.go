package function

import (
	"strings"
	"testing"

	"ipcredit/shared/browsertest"
	"ipcredit/shared/credit"
	"ipcredit/shared/workday"
)

// TestASubjectSeesItsMeasuresUntilTheyEnd reads the record's page on both sides of
// each end, and what three good years bring on both sides of their day.
func TestASubjectSeesItsMeasuresUntilTheyEnd(t *testing.T) {
	d := determined("D1", "2025-06-01")
	d.Item, d.SourceURL = "DA1@2022-01-24", "https://source.example/1"
	repaired := determined("R1", "2026-02-01")
	repaired.Repaired = &credit.Repair{On: workday.MustDate("2026-05-22")}
	o := embedded(t, "2026-05-20", d, repaired)
	on := ""
	for _, tt := range []struct {
		name, on, path string
		status         int
		has, hasNot    []string
	}{
		{"while it is displayed", "2026-05-21", "/records/D1", 200,
			[]string{"取消评优评先参评资格", "第九条第三项", "限制参加评先评优", "参数待与官方文本核对", "2026年6月1日", "2022年1月24日起的版本", "https://source.example/1"}, nil},
		{"of another, the day before its repair", "2026-05-21", "/records/R1", 200, []string{"纳入重点监管范围"}, nil},
		{"no incentives, and from when on", "2026-05-21", "/records", 200, []string{"2029年2月2日", "本系统设计规则", "6项"}, []string{"减少检查频次"}},
		{"of another, the day of its repair", "2026-05-22", "/records/R1", 404, nil, []string{"纳入重点监管范围"}},
		{"on the last day of the third year", "2029-02-01", "/records", 200, []string{"2029年2月2日"}, []string{"减少检查频次"}},
		{"the day after", "2029-02-02", "/records", 200, []string{"减少检查频次", "成立不满三年"}, []string{"6项"}},
	} {
		t.Log(tt.name)
		if tt.on != on {
			on = tt.on
			o.on(on)
		}
		a := o.want(o.as("jia.agent").get(tt.path), tt.status, tt.has...)
		for _, w := range tt.hasNot {
			if strings.Contains(a.body, w) {
				t.Errorf("%s has %s", tt.path, w)
			}
		}
	}
}

func TestMeasuresOnTheRecordPageInABrowser(t *testing.T) {
	b := browsertest.New(t)
	d := determined("D1", "2026-05-10")
	d.Item, d.SourceURL = "DA1@2022-01-24", "https://source.example/1"
	o := embedded(t, "2026-05-20", d)
	look := func(path, name string) {
		for _, v := range []browsertest.View{{Width: browsertest.Narrow}, {Width: browsertest.Wide, Language: "en"}} {
			p := b.Open(t, o.public+prefix+path, v)
			p.NoErrors()
			p.Axe()
			p.FitsWidth()
			p.Look(name + "-" + map[bool]string{true: "en-1280", false: "360"}[v.Language == "en"])
		}
	}
	o.enter(b, "jia.agent")
	look("/records/D1", "measures-record")
	look("/records", "measures-records")
	o.on("2030-01-02")
	o.enter(b, "jia.agent")
	look("/records", "incentives")
}
