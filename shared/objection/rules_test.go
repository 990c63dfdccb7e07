package objection

import (
	"fmt"
	"strings"
	"testing"

	"ipcredit/shared/clock"
	"ipcredit/shared/fault"
	"ipcredit/shared/repair"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/workday"
)

func day(s string) workday.Date {
	if s == "" {
		return workday.Date{}
	}
	return workday.MustDate(s)
}

var shipped = Rules{Set: ruleset.Shipped(), Calendar: workday.Official()}

func own() repair.Authority {
	return repair.Authority{Name: "新乡市市场监督管理局", Unit: "410700"}
}

func others() repair.Authority { return repair.Authority{Name: "国家知识产权局"} }

// limits says what runs, what is done and what is late on a day.
func limits(t testing.TB, o Objection, today string) string {
	t.Helper()
	clocks, err := shipped.Clocks(o, day(today))
	ok(t, err)
	var out []string
	for _, c := range clocks {
		text := c.Name + " " + c.Due.String()
		if !c.Running() {
			text += " done"
		}
		if c.Overdue(day(today)) {
			text += " late"
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

// Henan art. 41 and the reference's M.12: three working days, seven where the source
// must be asked, which answers in three.
func TestThreeWorkingDaysAndSevenWhereTheSourceIsAsked(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, filed string
		o           Objection
		today, want string
	}{
		{"M.12, own record, on the last of three days", "2026-04-30", Objection{Authority: own()}, "2026-05-08", "check 2026-05-08, answer 2026-05-08"},
		{"M.12, own record, a day later", "2026-04-30", Objection{Authority: own()}, "2026-05-09", "check 2026-05-08 late, answer 2026-05-08 late"},
		{"M.12, another's, on the last of seven days", "2026-04-30", Objection{Authority: others(), Source: &Source{On: day("2026-05-08")}}, "2026-05-13",
			"check 2026-05-08 done, answer 2026-05-13, source 2026-05-12 late"},
		{"M.12, another's, a day later", "2026-04-30", Objection{Authority: others(), Source: &Source{On: day("2026-05-08")}}, "2026-05-14",
			"check 2026-05-08 done, answer 2026-05-13 late, source 2026-05-12 late"},
		{"another's, not forwarded yet", "2026-04-30", Objection{Authority: others()}, "2026-05-08", "check 2026-05-08, answer 2026-05-13"},
		{"asking the source of an own record makes seven of three", "2026-04-30", Objection{Authority: own(), Source: &Source{On: day("2026-05-06")}}, "2026-05-09",
			"check 2026-05-08 done, answer 2026-05-13, source 2026-05-09"},
		{"the source's last day is over", "2026-04-30", Objection{Authority: own(), Source: &Source{On: day("2026-05-06")}}, "2026-05-10",
			"check 2026-05-08 done, answer 2026-05-13, source 2026-05-09 late"},
		{"asking after the third day does not hide that it was late", "2026-04-30", Objection{Authority: own(), Source: &Source{On: day("2026-05-09")}}, "2026-05-11",
			"check 2026-05-08 done late, answer 2026-05-13, source 2026-05-13"},
		{"filed on a day of rest", "2026-05-02", Objection{Authority: own()}, "2026-05-08", "check 2026-05-08, answer 2026-05-08"},
		{"filed on a working Saturday", "2026-05-09", Objection{Authority: own()}, "2026-05-11", "check 2026-05-13, answer 2026-05-13"},
		{"checked in time and not answered", "2026-04-30", Objection{Authority: own(), CheckedOn: day("2026-05-07")}, "2026-05-09", "check 2026-05-08 done, answer 2026-05-08 late"},
		{"answered on the last day", "2026-04-30", Objection{Authority: own(), CheckedOn: day("2026-05-07"), ClosedOn: day("2026-05-08")}, "2026-06-01", "check 2026-05-08 done, answer 2026-05-08 done"},
		{"answered a day late", "2026-04-30", Objection{Authority: own(), CheckedOn: day("2026-05-07"), ClosedOn: day("2026-05-09")}, "2026-06-01", "check 2026-05-08 done, answer 2026-05-08 done late"},
		{"an inspection of two working days is not counted", "2026-04-30", Objection{Authority: own(), Pauses: []clock.Pause{{From: day("2026-05-06"), To: day("2026-05-08")}}}, "2026-05-12",
			"check 2026-05-11 late, answer 2026-05-11 late"},
		{"one that goes on stands still", "2026-04-30", Objection{Authority: own(), Pauses: []clock.Pause{{From: day("2026-05-06"), Open: true}}}, "2026-05-20",
			"check 2026-05-22, answer 2026-05-22"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.o.FiledOn = day(tt.filed)
			if got := limits(t, tt.o, tt.today); got != tt.want {
				t.Errorf("%s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestTheLimitsBeginWithTheRegulation(t *testing.T) {
	t.Parallel()
	if _, err := shipped.Applied(day("2020-05-01")); err != nil {
		t.Error(err)
	}
	_, err := shipped.Applied(day("2020-04-30"))
	refused(t, err, fault.Refused, "objection.no_rule")
	got, err := shipped.Applied(day("2026-04-30"))
	if err != nil || fmt.Sprint(got) != "[objection-clocks@2020-05-01]" {
		t.Errorf("%v %v", got, err)
	}
	clocks, err := shipped.Clocks(Objection{FiledOn: day("2026-04-30"), Authority: own()}, day("2026-04-30"))
	ok(t, err)
	if c := clocks[0]; c.Basis.Source != "河南省社会信用条例" || c.Basis.Article != "第四十一条" || c.Labelled {
		t.Errorf("%+v", c.Basis)
	}
}

func TestANumberIsADocumentsAndNoSentence(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]bool{
		"新测市监异〔2026〕1号": true, " 国知受2026-1 ": true, "12": true, "1": false, "张样例认为不对": false, "": false, "1号，联系张三": false, "1号\n2": false,
		strings.Repeat("1", 60): true, strings.Repeat("1", 61): false,
	} {
		if _, err := number("n", s); (err == nil) != want {
			t.Errorf("%q: %v", s, err)
		}
	}
}

// FuzzNumber: what passes is short and holds no room for a sentence.
func FuzzNumber(f *testing.F) {
	for _, s := range []string{"新测市监异〔2026〕1号", "", "1号，联系张三", "１２", "\x00\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		no, err := number("n", s)
		if err != nil {
			return
		}
		if len([]rune(no)) > 60 || strings.ContainsAny(no, " ，。,;\n\t<>&\"") {
			t.Errorf("%q passed as %q", s, no)
		}
	})
}
