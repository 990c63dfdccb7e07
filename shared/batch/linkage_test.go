package batch_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/batch"
	"ipcredit/shared/linkage"
	"ipcredit/shared/page"
	"ipcredit/shared/redistest"
	"ipcredit/shared/sheet/book"
)

// application is the i-th fictitious patent application of 2025.
func application(i int) string {
	body := fmt.Sprintf("20251%07d", 9_000_000+i)
	sum := 0
	for n, d := range body {
		sum += int(d-'0') * (2 + n%8)
	}
	return body + "." + string("0123456789X"[sum%11])
}

// notified is a list of n applications; one in five is a natural person's.
func notified(n int, state string) [][]string {
	rows := [][]string{{"申请号", "申请人", "申请人代码", "代理机构代码", "情形", "批次", "通报日期", "答复期限", "状态", "状态日期", "区划代码", "权利人类型"}}
	for i := range n {
		r := []string{application(i), "新乡市虚构甲科技有限公司", "91410771MA00AAA104", "41990", "AF1", "2026年第1批", "2026-03-02", "2026-05-06", state, "", "410771", "企业"}
		if i%5 == 0 {
			r[1], r[2], r[11] = fmt.Sprintf("钱金雀%d", i/50), "", "个人"
		}
		rows = append(rows, r)
	}
	return rows
}

func listed(t testing.TB, rows [][]string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := csv.NewWriter(&b).WriteAll(rows); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestAListOfNotifiedApplicationsIsTakenInOnceAndCountsAtOnce(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb)
		store := linkage.NewStore(c.journal)
		count := func(want linkage.Counts) {
			t.Helper()
			if got, err := store.Counts(t.Context(), linkage.Filter{Kind: linkage.Patent}); err != nil || got != want {
				t.Error(got, err)
			}
		}
		const n = 1200
		list := listed(t, notified(n, "通报"))
		if b := c.send(t, "abnormal-application", list, batch.Options{DryRun: true}); b.Accepted != n {
			t.Fatalf("%+v", b)
		}
		count(linkage.Counts{})
		if b := c.send(t, "abnormal-application", list, batch.Options{}); b.Accepted != n || b.Rejected+b.Duplicates != 0 {
			t.Fatalf("%+v", b)
		}
		count(linkage.Counts{Notified: n})
		if b := c.send(t, "abnormal-application", list, batch.Options{}); b.Duplicates != n {
			t.Errorf("the same list twice: %+v", b)
		}
		if b := c.send(t, "abnormal-application", list, batch.Options{DryRun: true}); b.Duplicates != n {
			t.Errorf("rehearsed: %+v", b)
		}
		if b := c.send(t, "abnormal-application", listed(t, notified(n, "已撤回")), batch.Options{}); b.Corrected != n {
			t.Errorf("%+v", b)
		}
		count(linkage.Counts{Notified: n, Withdrawn: n})
		redistest.Grep(t, rdb, "金雀")
	})
}

func TestABadRowOfAListCostsNoOtherAndSaysWhy(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb)
		rows := notified(6, "通报")
		rows[2][0], rows[3][8], rows[4][10] = "201710601862.4", "已办结", "419999"
		b := c.send(t, "abnormal-application", listed(t, rows), batch.Options{})
		if b.Accepted != 3 || b.Rejected != 3 {
			t.Fatalf("%+v", b)
		}
		problems, err := c.desk.Problems(t.Context(), b, 10)
		if err != nil || len(problems) != 3 {
			t.Fatal(problems, err)
		}
		for i, want := range []struct{ field, says string }{{"申请号", "3"}, {"状态", "视为撤回"}, {"区划代码", "419999"}} {
			p := problems[i]
			if says := page.Say(page.ZH, "fault."+p.Code, p.Args...); p.Field != want.field || p.Row != i+2 || !strings.Contains(says, want.says) || strings.Contains(says, "%!") {
				t.Errorf("%+v %s", p, says)
			}
		}
		if b := c.send(t, "abnormal-application", listed(t, rows), batch.Options{Atomic: true}); b.Accepted != 0 || b.Held != 3 {
			t.Errorf("all or nothing: %+v", b)
		}
	})
}

func TestTheTemplateOfAListIsTakenAsItIs(t *testing.T) {
	t.Parallel()
	c := newCity(t, redistest.Embedded(t))
	for _, kind := range []string{"abnormal-application", "bad-faith-mark"} {
		schema, err := batch.Schema(kind)
		if err != nil {
			t.Fatal(err)
		}
		var template bytes.Buffer
		if err := book.Template(&template, schema, true); err != nil {
			t.Fatal(err)
		}
		example := [][]string{nil, nil}
		for _, column := range schema.Columns {
			example[0], example[1] = append(example[0], column.Header), append(example[1], column.Example)
		}
		if b := c.send(t, kind, listed(t, example), batch.Options{}); b.Accepted != 1 {
			problems, _ := c.desk.Problems(t.Context(), b, 10)
			t.Errorf("%s: the example of the template is not accepted: %+v %v", kind, b, problems)
		}
		if b := c.send(t, kind, template.Bytes(), batch.Options{}); b.State != batch.Failed {
			t.Errorf("%s: an empty template is %+v", kind, b)
		}
	}
}

// The house takes in 50,000 applications in seconds.
func BenchmarkApplications(b *testing.B) {
	list := listed(b, notified(50_000, "通报"))
	for b.Loop() {
		b.StopTimer()
		c := newCity(b, redistest.Real(b))
		b.StartTimer()
		if done := c.send(b, "abnormal-application", list, batch.Options{}); done.Accepted != 50_000 {
			b.Fatalf("%+v", done)
		}
	}
	b.ReportMetric(50_000*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
