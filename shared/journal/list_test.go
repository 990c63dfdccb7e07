package journal_test

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"ipcredit/shared/journal"
	"ipcredit/shared/redistest"
)

// TestPagesOfAListHoldEverythingOnceInItsOrder: whatever the scores, the direction
// and the size of the pages, read from the last place of each page on.
func TestPagesOfAListHoldEverythingOnceInItsOrder(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx, j := t.Context(), journal.New(rdb, "410700", journal.Options{})
		key := j.Key("test", "list")
		rapid.Check(t, func(r *rapid.T) {
			rdb.Del(ctx, key)
			down := rapid.Bool().Draw(r, "down")
			var want []journal.Place
			for i, score := range rapid.SliceOfN(rapid.IntRange(0, 3), 0, 30).Draw(r, "scores") {
				// Scores as large and as broken as days and milliseconds make them.
				at := journal.Place{Score: float64(score)*20_260_520.25 + 1_700_000_000_000, Member: fmt.Sprintf("m%02d", i)}
				want = append(want, at)
				if err := rdb.ZAdd(ctx, key, redis.Z{Score: at.Score, Member: at.Member}).Err(); err != nil {
					r.Fatal(err)
				}
			}
			slices.SortFunc(want, func(a, b journal.Place) int {
				order := cmp.Or(cmp.Compare(a.Score, b.Score), cmp.Compare(a.Member, b.Member))
				if down {
					return -order
				}
				return order
			})
			n := rapid.IntRange(1, 12).Draw(r, "page")
			var got []journal.Place
			for from := (journal.Place{}); len(got) <= len(want); from = got[len(got)-1] {
				page, err := j.Behind(ctx, key, from, down, n)
				if err != nil {
					r.Fatal(err)
				}
				got = append(got, page...)
				if len(page) < n {
					break
				}
			}
			if !slices.Equal(got, want) {
				r.Fatalf("got %v, want %v", got, want)
			}
		})
	})
}

func TestAListGoesOnBehindAPlaceThatIsGone(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx, j := t.Context(), journal.New(rdb, "410700", journal.Options{})
		key := j.Key("test", "list")
		rdb.ZAdd(ctx, key, redis.Z{Score: 1, Member: "a"}, redis.Z{Score: 2, Member: "b"}, redis.Z{Score: 2, Member: "d"}, redis.Z{Score: 3, Member: "e"})
		for _, tt := range []struct {
			down bool
			n    int
			want string
		}{{false, 9, "[d e]"}, {true, 9, "[b a]"}, {true, 1, "[b]"}, {false, 0, "[]"}} {
			got, err := j.Behind(ctx, key, journal.Place{Score: 2, Member: "c"}, tt.down, tt.n)
			if names := fmt.Sprint(journal.Members(got)); err != nil || names != tt.want {
				t.Errorf("down %t, %d: %s, %v, want %s", tt.down, tt.n, names, err, tt.want)
			}
		}
	})
}

func TestManyAreReadInTheirOrderAndWhatIsMissingIsNotMadeUp(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		type record struct{ N int }
		ctx, j := t.Context(), journal.New(rdb, "410700", journal.Options{})
		key := func(name string) string { return j.Key("test", name) }
		rdb.Set(ctx, key("one"), `{"N":1}`, 0)
		rdb.Set(ctx, key("two"), `{"N":2}`, 0)
		rdb.Set(ctx, key("bad"), `{"N":`, 0)

		list, err := journal.ReadAll[record](ctx, rdb, []string{key("two"), key("none"), key("one")})
		if err != nil || !slices.Equal(list, []record{{2}, {1}}) {
			t.Errorf("%v, %v", list, err)
		}
		if list, err := journal.ReadAll[record](ctx, rdb, nil); err != nil || len(list) != 0 {
			t.Errorf("of no key: %v, %v", list, err)
		}
		if _, err := journal.ReadAll[record](ctx, rdb, []string{key("one"), key("bad")}); err == nil {
			t.Error("a broken record was left out as if it were not there")
		}
		texts, err := journal.Texts(ctx, rdb, []string{key("none"), key("one")})
		if err != nil || !slices.Equal(texts, []string{"", `{"N":1}`}) {
			t.Errorf("%q, %v", texts, err)
		}
		if text, err := journal.Text(ctx, rdb, key("none")); err != nil || text != "" {
			t.Errorf("%q, %v", text, err)
		}

		rdb.HSet(ctx, key("records"), "a", `{"N":1}`, "b", `{"N":2}`)
		found, err := journal.ReadFields[record](ctx, rdb, key("records"))
		if slices.SortFunc(found, func(a, b record) int { return a.N - b.N }); err != nil || !slices.Equal(found, []record{{1}, {2}}) {
			t.Errorf("%v, %v", found, err)
		}
		rdb.HSet(ctx, key("records"), "c", `{`)
		if _, err := journal.ReadFields[record](ctx, rdb, key("records")); err == nil {
			t.Error("a broken record of a hash was read")
		}

		rdb.HSet(ctx, key("notes"), "10", "j", "2", "b", "1", "a")
		if got, err := journal.Numbered(ctx, rdb, key("notes")); err != nil || !slices.Equal(got, []string{"a", "b", "j"}) {
			t.Errorf("%q, %v", got, err)
		}
		rdb.HSet(ctx, key("notes"), "x", "")
		if _, err := journal.Numbered(ctx, rdb, key("notes")); err == nil {
			t.Error("a field that is no number was read")
		}
	})
}
