package credit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"ipcredit/shared/fault"
	"ipcredit/shared/redistest"
	"ipcredit/shared/subject"
	"ipcredit/shared/workday"
)

func refused(t *testing.T, err error, kind fault.Kind, code string) {
	t.Helper()
	f, ok := fault.Of(err)
	if !ok || f.Kind != kind || f.Code != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

func TestMergedRecordsAreShownAtTheSuccessorAndComeBackWhenItIsUndone(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb, "2026-05-06")
		corrected := c.record(firmA, "2026-03-10")
		c.record(firmA, "2026-03-20")
		c.record(firmB, "2026-03-15")
		corrected.Content.Determination = &DeterminationContent{Basis: "更正"}
		c.apply(Change{Records: []Entry{{SubjectCode: firmA, SubjectName: "某", Record: corrected}}})
		c.apply(Change{Grades: map[string]Grade{firmA: {Grade: "B", On: workday.MustDate("2026-01-01"), Source: "测试"}}})
		beforeA, err := c.store.Load(t.Context(), firmA)
		if err != nil {
			t.Fatal(err)
		}
		alone, ownB := c.shown(firmA), c.shown(firmB)

		if err := c.store.Merge(t.Context(), c.entry(), firmA, firmB); err != nil {
			t.Fatal(err)
		}
		_, err = c.store.View(t.Context(), firmA, c.now)
		refused(t, err, fault.NotFound, "credit.merged")
		if s, err := c.store.Subjects().Resolve(t.Context(), firmA); err != nil || s.Code != firmB {
			t.Errorf("%s leads to %+v, %v", firmA, s, err)
		}
		// The two chains do not lengthen each other.
		if got, want := c.shown(firmB), "0310号@A104→2027-03-10 0315号→2027-03-15 0320号@A104→2028-03-10"; got != want {
			t.Errorf("shown %s, want %s", got, want)
		}
		p, err := c.store.Load(t.Context(), firmB)
		if err != nil {
			t.Fatal(err)
		}
		if i := slices.IndexFunc(p.Records, func(r Record) bool { return r.ID == corrected.ID }); i < 0 || len(p.Records[i].History) != 1 {
			t.Error("the history of a record did not move with it")
		}
		if p.Grade != nil {
			t.Error("a grade of the merged agency is shown as the successor's")
		}
		c.sequence()
		e, answer := c.evidence(firmB)
		if e == nil {
			t.Fatal("the merger is not logged")
		}
		c.check(e, answer)

		// What comes later about the old code goes to the successor.
		late := c.record(firmA, "2026-04-20")
		if got := c.shown(firmB); !strings.Contains(got, "0420号@A104") {
			t.Errorf("a late record is not there: %s", got)
		}
		_, err = c.store.View(t.Context(), firmA, c.now)
		refused(t, err, fault.NotFound, "credit.merged")
		if _, records := c.apply(Change{Records: []Entry{{SubjectCode: firmA, SubjectName: "某", Record: late}}}); records[0] != Same {
			t.Errorf("the same row again: %v", records)
		}
		// So does a row of the register, which must not bring the old page back.
		c.apply(Change{Subjects: []subject.Subject{{Code: firmA, Name: "新乡市虚构新名科技有限公司", Kind: "enterprise", District: "410771"}}})
		_, err = c.store.View(t.Context(), firmA, c.now)
		refused(t, err, fault.NotFound, "credit.merged")

		if err := c.store.Unmerge(t.Context(), c.entry(), firmA); err != nil {
			t.Fatal(err)
		}
		if got := c.shown(firmB); got != ownB {
			t.Errorf("the successor keeps %s, had %s", got, ownB)
		}
		if got := c.shown(firmA); !strings.HasPrefix(got, alone) || !strings.Contains(got, "0420号→") || strings.Contains(got, "@") {
			t.Errorf("back come %s, before %s", got, alone)
		}
		afterA, err := c.store.Load(t.Context(), firmA)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(beforeA.Records, afterA.Records[:len(beforeA.Records)], cmp.AllowUnexported(workday.Date{})); d != "" {
			t.Error(d)
		}
		if afterA.Grade == nil || *afterA.Grade != *beforeA.Grade || afterA.logged.N <= beforeA.logged.N {
			t.Errorf("%+v %+v", afterA.Grade, afterA.logged)
		}
		refused(t, c.store.Unmerge(t.Context(), c.entry(), firmA), fault.Conflict, "subject.not_merged")
	})
}

func TestMergersChainAndNeverGoRound(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb, "2026-05-06")
		ctx := t.Context()
		merge := func(from, into string) error { return c.store.Merge(ctx, c.entry(), from, into) }
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		c.record(firmA, "2026-03-10")
		c.record(firmB, "2026-03-11")
		c.record(firmC, "2026-03-12")
		must(merge(firmA, firmB))
		must(merge(firmB, firmC))
		if got := c.shown(firmC); got != "0310号@A104→2027-03-10 0311号@A291→2027-03-11 0312号→2027-03-12" {
			t.Errorf("at the end of the chain: %s", got)
		}
		for code, want := range map[string]string{firmA: firmC, firmB: firmC, firmC: firmC} {
			if s, err := c.store.Subjects().Resolve(ctx, code); err != nil || s.Code != want {
				t.Errorf("%s leads to %s, %v", code, s.Code, err)
			}
		}
		refused(t, merge(firmC, firmA), fault.Refused, "subject.merger_circle")
		refused(t, merge(firmC, firmC), fault.Refused, "subject.merger_circle")
		refused(t, merge(firmA, firmD), fault.Conflict, "subject.merged_already")
		refused(t, merge(firmD, "91410781MA00AAE16W"), fault.NotFound, "subject.unknown")
		refused(t, merge("91410781MA00AAE16W", firmD), fault.NotFound, "subject.unknown")
		// Into one that was itself merged: to the last.
		c.record(firmD, "2026-03-13")
		must(merge(firmD, firmA))
		if got := c.shown(firmC); !strings.Contains(got, "0313号@D1X2") {
			t.Errorf("%s", got)
		}
		// Taking back the middle takes along what came through it.
		must(c.store.Unmerge(ctx, c.entry(), firmB))
		if got := c.shown(firmC); got != "0312号→2027-03-12" {
			t.Errorf("at the last: %s", got)
		}
		if got := c.shown(firmB); got != "0310号@A104→2027-03-10 0311号→2027-03-11 0313号@D1X2→2027-03-13" {
			t.Errorf("at the middle: %s", got)
		}
		must(c.store.Unmerge(ctx, c.entry(), firmA))
		if a, b := c.shown(firmA), c.shown(firmB); a != "0310号→2027-03-10 0313号@D1X2→2027-03-13" || b != "0311号→2027-03-11" {
			t.Errorf("%s; %s", a, b)
		}
		must(c.store.Unmerge(ctx, c.entry(), firmD))
		if a, d := c.shown(firmA), c.shown(firmD); a != "0310号→2027-03-10" || d != "0313号→2027-03-13" {
			t.Errorf("%s; %s", a, d)
		}
	})
}

func TestMergersAndRecordsAtTheSameTimeLoseNothing(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb, "2026-05-06")
		done := make(chan error, 2)
		go func() {
			var err error
			for i := range 12 {
				r := determined(fmt.Sprintf("国知测认〔2026〕%d号", i+1), "2026-03-10")
				r.ID = NewID(Determination, r.Authority, r.InstrumentNo, firmA)
				ch := Change{Entry: c.entry(), Records: []Entry{{SubjectCode: firmA, SubjectName: "某", Record: r}}}
				if _, _, e := c.store.Apply(context.WithoutCancel(t.Context()), ch); e != nil {
					err = e
				}
			}
			done <- err
		}()
		go func() {
			var err error
			for range 6 {
				err = errors.Join(err, c.store.Merge(context.WithoutCancel(t.Context()), c.entry(), firmA, firmB),
					c.store.Unmerge(context.WithoutCancel(t.Context()), c.entry(), firmA))
			}
			done <- err
		}()
		if err := errors.Join(<-done, <-done); err != nil {
			t.Fatal(err)
		}
		p, err := c.store.Load(t.Context(), firmA)
		if err != nil || len(p.Records) != 12 {
			t.Errorf("%d records, %v", len(p.Records), err)
		}
		if q, err := c.store.Load(t.Context(), firmB); err != nil || len(q.Records) != 0 || len(q.absorbed) != 0 {
			t.Errorf("%+v %v", q, err)
		}
	})
}
