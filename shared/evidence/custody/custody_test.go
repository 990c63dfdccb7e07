package custody

import (
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/evidence/clean"
	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/page"
	"ipcredit/shared/redistest"
	"ipcredit/shared/seal"
)

func TestOnlyWhatAScannerSawWholeIsSafe(t *testing.T) {
	t.Parallel()
	grave, note := []clean.Finding{{Code: clean.FoundMacro, Grave: true}}, []clean.Finding{{Code: clean.FoundMismatch}}
	for _, tt := range []struct {
		name  string
		check Check
		want  State
	}{
		{"no scanner", Check{}, Unscanned},
		{"no scanner, a macro", Check{Findings: grave}, Suspicious},
		{"scanned", Check{Scan: Scan{Asked: true, Whole: true}}, Safe},
		{"scanned, worth knowing", Check{Findings: note, Scan: Scan{Asked: true, Whole: true}}, Safe},
		{"scanned, a macro", Check{Findings: grave, Scan: Scan{Asked: true, Whole: true}}, Suspicious},
		{"scanner away", Check{Scan: Scan{Asked: true, Why: WhyAway}}, Waiting},
		{"a virus", Check{Scan: Scan{Asked: true, Whole: true, Virus: "Eicar"}}, Suspicious},
		{"a virus in what it saw", Check{Scan: Scan{Asked: true, Virus: "Eicar"}}, Suspicious},
	} {
		if got := tt.check.State(); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestEveryStepAndStateHasWords(t *testing.T) {
	t.Parallel()
	keys := []string{"custody.scan." + WhyAway, "custody.scan." + WhyTooLong}
	for _, w := range Steps() {
		keys = append(keys, "custody.step."+string(w))
	}
	for _, s := range States() {
		keys = append(keys, "custody.state."+string(s))
	}
	for _, key := range keys {
		if !page.Has(key) {
			t.Errorf("no words for %s", key)
		}
	}
}

func TestWhatACheckFoundIsSealedAndWhoLookedIsNot(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		s := NewStore(journal.New(rdb, "410700", journal.Options{}))
		ctx, at := t.Context(), time.Date(2026, 5, 20, 2, 0, 0, 0, time.UTC)
		id, err := seal.Generate()
		if err != nil {
			t.Fatal(err)
		}
		c := Check{Type: "image/jpeg", Findings: []clean.Finding{{Code: clean.FoundTrailing, Detail: "canary-detail"}}, At: at,
			NoCopy: &Refusal{Code: "clean.too_long", Args: []any{32}}}
		if err := s.Keep(ctx, "tip-off:1", Step{Box: "b", N: 2, By: "u1", At: at}, c, id.Recipient()); err != nil {
			t.Fatal(err)
		}
		if err := s.Note(ctx, "tip-off:1", Step{Box: "b", N: 2, What: Taken, By: "u2", At: at.Add(time.Minute)}); err != nil {
			t.Fatal(err)
		}
		redistest.Grep(t, rdb, "canary-detail")
		redistest.Grep(t, rdb, clean.FoundTrailing)
		got, err := s.Checks(ctx, "b", id)
		if err != nil || len(got) != 1 || got[2].Type != c.Type || got[2].Findings[0] != c.Findings[0] {
			t.Errorf("%+v %v", got, err)
		}
		if f := got[2].NoCopy.Fault(); f.Kind != fault.Refused || f.Code != "clean.too_long" || page.Say(page.ZH, "fault."+f.Code, f.Args...) != page.Say(page.ZH, "fault.clean.too_long", 32) {
			t.Errorf("%+v", f)
		}
		other, err := seal.Generate()
		if err != nil {
			t.Fatal(err)
		}
		if opened, err := s.Checks(ctx, "b", other); err != nil || len(opened) > 0 {
			t.Errorf("another key opens it: %+v %v", opened, err)
		}
		steps, err := s.Steps(ctx, "b")
		if err != nil || len(steps) != 2 || steps[0].What != Taken || steps[0].By != "u2" || !steps[0].At.Equal(at.Add(time.Minute)) || steps[1].What != Checked {
			t.Errorf("%+v %v", steps, err)
		}
		if !slices.Contains(Steps(), steps[0].What) {
			t.Error("a step without a name")
		}
		entries, err := rdb.XLen(ctx, "{410700}:journal").Result()
		if err != nil || entries != 2 {
			t.Errorf("%d journal entries, want 2 (%v)", entries, err)
		}
	})
}

func TestMarksAreOfOneSession(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		s := NewStore(journal.New(rdb, "410700", journal.Options{}))
		ctx := t.Context()
		for i, want := range []bool{true, false} {
			if first, err := s.Mark(ctx, "s1", "x", time.Hour); err != nil || first != want {
				t.Errorf("mark %d: %t %v", i, first, err)
			}
		}
		for session, want := range map[string]bool{"s1": true, "s2": false} {
			if got, err := s.Marked(ctx, session, "x"); err != nil || got != want {
				t.Errorf("%s: %t %v", session, got, err)
			}
		}
	})
}
