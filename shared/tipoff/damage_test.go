package tipoff

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"ipcredit/shared/fault"
	"ipcredit/shared/staff"
)

// TestADamagedEntryTakesNothingElseWithIt: a message, a note and a reason that
// cannot be read any more stand there as that, for the officer and the reporter;
// everything else opens.
func TestADamagedEntryTakesNothingElseWithIt(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *town) {
		in := w.lodge(t, withName())
		for _, text := range []string{"第一条补充", "第二条补充", "第三条补充"} {
			ok(t, w.intake.Say(t.Context(), in.claim(), "", text, noon))
		}
		w.walk(t, in.Number, noon, Assigned)
		for _, text := range []string{"备注一", "备注二"} {
			ok(t, w.office.Note(t.Context(), handler, in.Number, text, noon))
		}
		w.granted(t, in.Number)
		key := func(part string) string { return w.j.Key("tipoff", in.Number, part) }
		// bend alters the sealed text in the middle.
		bend := func(part, field, member string) {
			t.Helper()
			value, err := w.rdb.HGet(t.Context(), key(part), field).Result()
			ok(t, err)
			text := value
			if member != "" {
				var all map[string]any
				ok(t, json.Unmarshal([]byte(value), &all))
				text = all[member].(string)
			}
			at := len(text) / 2
			bent := text[:at] + strings.Map(func(r rune) rune {
				if r == 'A' {
					return 'B'
				}
				return 'A'
			}, text[at:at+1]) + text[at+1:]
			ok(t, w.rdb.HSet(t.Context(), key(part), field, strings.Replace(value, text, bent, 1)).Err())
		}
		bend("thread", "2", "sealed")
		bend("notes", "1", "sealed")
		bend("reasons", "1", "")
		check := func(o Opened, v View) {
			t.Helper()
			if len(o.Thread) != 3 || o.Thread[0].Text != "第一条补充" || o.Thread[2].Text != "第三条补充" || o.Thread[1].Text != "" || !o.Thread[1].Damaged || o.Thread[0].Damaged {
				t.Errorf("the officer reads %+v", o.Thread)
			}
			if len(o.Notes) != 2 || !o.Notes[0].Damaged || o.Notes[0].Text != "" || o.Notes[1].Text != "备注二" || o.Notes[1].Damaged {
				t.Errorf("notes %+v", o.Notes)
			}
			if len(o.Asks) != 1 || !o.Asks[0].Damaged || o.Asks[0].Reason != "" || o.Lodged.Narrative == "" {
				t.Errorf("requests %+v", o.Asks)
			}
			if len(v.Thread) != 3 || !v.Thread[1].Damaged || v.Thread[2].Text != "第三条补充" || len(v.Asks) != 1 || !v.Asks[0].Damaged {
				t.Errorf("the reporter reads %+v, %+v", v.Thread, v.Asks)
			}
			if len(o.Damage) != 3 || len(v.Damage) != 2 {
				t.Errorf("%d and %d parts for the log", len(o.Damage), len(v.Damage))
			}
			for _, err := range append(o.Damage, v.Damage...) {
				if !strings.Contains(err.Error(), in.Number) || strings.Contains(err.Error(), "补充") || strings.Contains(err.Error(), "备注") {
					t.Errorf("the log reads %q", err)
				}
			}
		}
		look := func() (Opened, View) {
			t.Helper()
			o, err := w.office.Open(t.Context(), handler, in.Number, noon)
			ok(t, err)
			v, err := w.intake.Track(t.Context(), in.claim(), noon)
			ok(t, err)
			return o, v
		}
		check(look())
		// No JSON at all any more.
		for part, field := range map[string]string{"thread": "2", "notes": "1"} {
			ok(t, w.rdb.HSet(t.Context(), key(part), field, "{").Err())
		}
		check(look())
		// And the work goes on.
		ok(t, w.office.Answer(t.Context(), handler, in.Number, "", "已收到", noon))
	})
}

// TestOfManyWhoSawTheSameOneActs: 16 officers answer at the same instant on the
// same state; the reporter reads one answer, and the others are told.
func TestOfManyWhoSawTheSameOneActs(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *town) {
		in := w.lodge(t, withoutName())
		w.walk(t, in.Number, noon, Assigned)
		row, err := w.office.Cover(t.Context(), handler, in.Number, noon)
		ok(t, err)
		const writers = 16
		for name, act := range map[string]func(o *Office, a staff.Actor, n int) error{
			"answer": func(o *Office, a staff.Actor, n int) error {
				return o.Answer(t.Context(), a, in.Number, ticket(), fmt.Sprintf("答复第%d稿", n), noon)
			},
			"note": func(o *Office, a staff.Actor, n int) error {
				return o.Note(t.Context(), a, in.Number, fmt.Sprintf("备注第%d稿", n), noon)
			},
		} {
			row, err = w.office.Cover(t.Context(), handler, in.Number, noon)
			ok(t, err)
			o := w.office.Seeing(row.Report.Version())
			var writing sync.WaitGroup
			errs := make([]error, writers)
			for n := range writers {
				writing.Go(func() { errs[n] = act(o, officer(fmt.Sprintf("u-%d", n), "410702", staff.Handler), n) })
			}
			writing.Wait()
			done := 0
			for _, err := range errs {
				switch {
				case err == nil:
					done++
				case !fault.Is(err, fault.Stale):
					t.Errorf("%s: %v", name, err)
				}
			}
			if done != 1 {
				t.Errorf("%s: %d of %d were stored", name, done, writers)
			}
		}
		opened, err := w.office.Open(t.Context(), handler, in.Number, noon)
		ok(t, err)
		if len(opened.Thread) != 1 || len(opened.Notes) != 1 {
			t.Errorf("%d answers, %d notes", len(opened.Thread), len(opened.Notes))
		}
		// Reading it changes nothing that somebody decides on; what the reporter adds does.
		o := w.office.Seeing(opened.Report.Version())
		if _, err := w.office.Open(t.Context(), handler, in.Number, noon); err != nil {
			t.Fatal(err)
		}
		ok(t, o.Note(t.Context(), handler, in.Number, "又一条", noon))
		opened, err = w.office.Open(t.Context(), handler, in.Number, noon)
		ok(t, err)
		ok(t, w.intake.Say(t.Context(), in.claim(), "", "新的线索", noon))
		if err := w.office.Seeing(opened.Report.Version()).ChangeState(t.Context(), handler, in.Number, Change{To: Verifying}, noon); !fault.Is(err, fault.Stale) {
			t.Errorf("after the reporter wrote: %v", err)
		}
		// Retention: what was seen before the hold is not erased after it.
		ok(t, w.office.ChangeState(t.Context(), handler, in.Number, Change{To: Verifying}, noon))
	})
}
