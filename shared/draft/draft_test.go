package draft_test

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/draft"
	"ipcredit/shared/journal"
	"ipcredit/shared/redistest"
)

func TestOnlyItsTokenOpensADraft(t *testing.T) {
	t.Parallel()
	token := draft.NewToken()
	name, key, err := draft.Key(token)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := draft.Lock(key, name, "说了什么")
	if err != nil {
		t.Fatal(err)
	}
	other, wrong, err := draft.Key(draft.NewToken())
	if err != nil || other == name {
		t.Fatal(other, err)
	}
	altered := []byte(sealed)
	altered[len(altered)/2] ^= 3
	var got string
	for _, tt := range []struct {
		name string
		ok   bool
	}{
		{"its own", draft.Unlock(key, name, sealed, &got) && got == "说了什么"},
		{"another key", !draft.Unlock(wrong, name, sealed, &got)},
		{"another name", !draft.Unlock(key, other, sealed, &got)},
		{"altered", !draft.Unlock(key, name, string(altered), &got)},
		{"cut", !draft.Unlock(key, name, sealed[:len(sealed)-4], &got)},
		{"nothing", !draft.Unlock(key, name, "", &got)},
	} {
		if !tt.ok {
			t.Error(tt.name)
		}
	}
	for _, s := range []string{"", token[1:], token + "A", "*" + token[1:]} {
		if _, _, err := draft.Key(s); err == nil || draft.IsToken(s) {
			t.Errorf("%q is taken for a token", s)
		}
	}
}

func TestDraftsAreKeptReplacedAndForgotten(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx, s := t.Context(), draft.NewStore(journal.New(rdb, "410700", journal.Options{}))
		holds := func(want string) {
			t.Helper()
			if got, err := s.Get(ctx, "n"); err != nil || got != want {
				t.Errorf("%q %v, want %q", got, err, want)
			}
		}
		do := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		holds("")
		do(s.Replace(ctx, "n", "", "1", time.Hour))
		holds("1")
		do(s.Replace(ctx, "n", "", "2", time.Hour)) // somebody was faster
		holds("1")
		do(s.Replace(ctx, "n", "1", "2", time.Hour))
		holds("2")
		do(s.Put(ctx, "n", "3", time.Hour))
		holds("3")
		if left := rdb.TTL(ctx, "{410700}:tmp:draft:n").Val(); left <= 0 || left > time.Hour {
			t.Errorf("it ends in %v", left)
		}
		do(s.Drop(ctx, "n"))
		do(s.Drop(ctx, "n"))
		holds("")
		for i, day := range []string{"2026-11-24", "2026-11-24", "2026-11-25"} {
			if all, err := s.Count(ctx, day, 3); err != nil || all != []int64{3, 6, 3}[i] {
				t.Errorf("%s: %d %v", day, all, err)
			}
		}
	})
}
