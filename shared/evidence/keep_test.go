package evidence

import (
	"context"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/fault"
	"ipcredit/shared/objects/objectstest"
	"ipcredit/shared/page"
	"ipcredit/shared/redistest"
	"ipcredit/shared/seal"
	"ipcredit/shared/workday"
)

// material is a box with a key of its own, made on begun and open for a day.
func (k *kit) material(t testing.TB, keys *seal.Keys, what string) Box {
	t.Helper()
	token := NewToken()
	id, err := BoxOf(token)
	if err != nil {
		t.Fatal(err)
	}
	to, err := keys.New(t.Context(), KeyOf(id), seal.Party{Label: "unit:410702", To: identity().Recipient()})
	if err != nil {
		t.Fatal(err)
	}
	b, err := k.OpenBoxOf(t.Context(), token, BoxSpec{For: what, To: to, Key: KeyOf(id), Until: begun.Add(24 * time.Hour), By: "u", Org: "o", Unit: "410702"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Create(t.Context(), b, NewFile{Name: "甲.txt", Size: 10}); err != nil {
		t.Fatal(err)
	}
	return b
}

func kept(t *testing.T, body func(k *kit, keys *seal.Keys)) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		buckets := objectstest.Directory(t)
		body(newKit(rdb, buckets.Main), seal.NewKeys(buckets.Keys))
	})
}

func erased(t testing.TB, keys *seal.Keys, b Box) bool {
	t.Helper()
	_, err := keys.Labels(t.Context(), b.Key)
	if err != nil && !errors.Is(err, seal.ErrErased) {
		t.Fatal(err)
	}
	return err != nil
}

func TestMaterialIsListedBeforeItIsErasedAndErasedAfterItsLastDay(t *testing.T) {
	for _, tt := range []struct{ what, last string }{
		{"batch:b1", "2029-05-21"}, {"record:1", "2031-05-21"}, {"application-letter:3", "2031-05-21"}, {"case:AJ410702-2026-00001", "2056-05-21"}, {"notice:1", "2031-05-21"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			kept(t, func(k *kit, keys *seal.Keys) {
				b := k.material(t, keys, tt.what)
				last := workday.MustDate(tt.last)
				at := func(d workday.Date) { k.clock.Store(d.Start().Add(12 * time.Hour).UnixNano()) }
				listed := func() []Retained {
					t.Helper()
					list, err := k.RetentionDue(t.Context(), 10)
					if err != nil {
						t.Fatal(err)
					}
					return list
				}
				if at(last.AddDays(-31)); len(listed()) != 0 {
					t.Error("listed more than the days of reminder before")
				}
				if at(last.AddDays(-29)); len(listed()) != 1 || listed()[0].Erase || listed()[0].Due != last || !listed()[0].Rule.Labelled() {
					t.Errorf("%+v", listed())
				}
				at(last)
				if n, err := k.Expire(t.Context(), keys); n != 0 || err != nil || erased(t, keys, b) {
					t.Error("erased on its last day:", n, err)
				}
				at(last.AddDays(1))
				if n, err := k.Expire(t.Context(), keys); n != 1 || err != nil || !erased(t, keys, b) {
					t.Error("not erased the day after:", n, err)
				}
				if files, err := k.Files(t.Context(), b.ID); err == nil && len(files) != 0 {
					t.Errorf("%+v", files)
				}
				if n, err := k.Expire(t.Context(), keys); n != 0 || err != nil || len(listed()) != 0 {
					t.Error("erased twice:", n, err)
				}
			})
		})
	}
}

func TestWhatIsHeldStaysUntilItIsReleased(t *testing.T) {
	kept(t, func(k *kit, keys *seal.Keys) {
		b := k.material(t, keys, "batch:b1")
		hold := func(on bool, ground string) error { return k.Hold(t.Context(), "u", b.ID, on, ground) }
		if err := hold(true, "because"); !fault.Is(err, fault.Invalid) {
			t.Error(err)
		}
		if err := hold(true, "review"); err != nil {
			t.Fatal(err)
		}
		if err := hold(true, "audit"); !fault.Is(err, fault.Conflict) {
			t.Error("held twice:", err)
		}
		k.clock.Store(workday.MustDate("2035-01-01").Start().UnixNano())
		if n, err := k.Expire(t.Context(), keys); n != 0 || err != nil || erased(t, keys, b) {
			t.Error(n, err)
		}
		if list, err := k.Held(t.Context(), 10); err != nil || len(list) != 1 || list[0].Box.HeldFor != "review" {
			t.Error(list, err)
		}
		if err := hold(false, ""); err != nil {
			t.Fatal(err)
		}
		if n, err := k.Expire(t.Context(), keys); n != 1 || err != nil || !erased(t, keys, b) {
			t.Error(n, err)
		}
		if err := hold(true, "audit"); !fault.Is(err, fault.NotFound) {
			t.Error("held after it was erased:", err)
		}
	})
}

func TestWhatBelongsToATipOffIsNotErasedByItself(t *testing.T) {
	kept(t, func(k *kit, keys *seal.Keys) {
		if _, _, err := k.OpenBox(t.Context(), BoxSpec{For: "tip-off:1", To: identity().Recipient(), Until: begun.Add(time.Hour), By: "reporter"}); err != nil {
			t.Fatal(err)
		}
		k.clock.Store(workday.MustDate("2090-01-01").Start().UnixNano())
		list, err := k.RetentionDue(t.Context(), 10)
		if n, wrong := k.Expire(t.Context(), keys); n != 0 || wrong != nil || err != nil || len(list) != 0 {
			t.Error(n, list, wrong, err)
		}
	})
}

func TestErasingThatBrokeOffIsCompletedByTheNextSweep(t *testing.T) {
	kept(t, func(k *kit, keys *seal.Keys) {
		b := k.material(t, keys, "batch:b1")
		k.clock.Store(workday.MustDate("2035-01-01").Start().UnixNano())
		ctx, stop := context.WithCancel(t.Context())
		list, err := k.retained(ctx, k.now(), 10)
		if err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		if err := k.expiring(ctx, list[0]); err != nil { // and then the process dies
			t.Fatal(err)
		}
		stop()
		if err := k.Hold(t.Context(), "u", b.ID, true, "audit"); !fault.Is(err, fault.Gone) {
			t.Error("held while it is being erased:", err)
		}
		if n, err := k.Expire(t.Context(), keys); n != 1 || err != nil || !erased(t, keys, b) {
			t.Error(n, err)
		}
	})
}

func TestGroundsAndPeriodsHaveWords(t *testing.T) {
	t.Parallel()
	for _, g := range HoldGrounds() {
		if !page.Has("evidence.hold." + g) {
			t.Error(g)
		}
	}
}

// A box from before there was a list is on no list: its key is found and it is kept
// and erased like the others.
func TestABoxThatNoListHasIsFoundByItsKeyAndErasedOnItsDay(t *testing.T) {
	kept(t, func(k *kit, keys *seal.Keys) {
		old, held := k.material(t, keys, "batch:b1"), k.material(t, keys, "batch:b2")
		forget := func(box string) {
			t.Helper()
			if err := k.journal.Redis().ZRem(t.Context(), k.keepKey(), box).Err(); err != nil {
				t.Fatal(err)
			}
		}
		forget(old.ID)
		if err := k.Hold(t.Context(), "u", held.ID, true, "audit"); err != nil {
			t.Fatal(err)
		}
		forget(held.ID)
		expire := func(want int) {
			t.Helper()
			if n, err := k.Expire(t.Context(), keys); n != want || err != nil {
				t.Fatalf("%d erased, want %d: %v", n, want, err)
			}
		}
		last, _, _, err := old.KeptUntil()
		if err != nil {
			t.Fatal(err)
		}
		k.clock.Store(last.Start().UnixNano())
		expire(0)
		if due, err := k.RetentionDue(t.Context(), 10); err != nil || len(due) != 1 || due[0].Box.ID != old.ID {
			t.Error(due, err)
		}
		if list, err := k.Held(t.Context(), 10); err != nil || len(list) != 1 || list[0].Box.ID != held.ID {
			t.Error(list, err)
		}
		// It is not gone through again before the time for it has come.
		forget(old.ID)
		k.clock.Store(last.AddDays(1).Start().UnixNano())
		expire(0)
		if err := k.journal.Redis().Del(t.Context(), k.listedKey()).Err(); err != nil { // as a day later
			t.Fatal(err)
		}
		expire(1)
		if !erased(t, keys, old) || erased(t, keys, held) {
			t.Error("the wrong one was erased")
		}
	})
}

func TestMoreKeysThanOneCallLooksAtAreGoneThroughInTurn(t *testing.T) {
	kept(t, func(k *kit, keys *seal.Keys) {
		const many = sweepEach + 3
		for i := range many {
			// Keys of others stand before, between and after.
			if _, err := keys.New(t.Context(), []string{"draft.", ownKey, "unit."}[i%3]+rand.Text(), seal.Party{Label: "unit:410702", To: identity().Recipient()}); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 * sweepEach / 3 { // more of ours without a box, so that one call does not reach the end
			if _, err := keys.New(t.Context(), ownKey+rand.Text(), seal.Party{Label: "unit:410702", To: identity().Recipient()}); err != nil {
				t.Fatal(err)
			}
		}
		var boxes []Box
		for range 3 {
			b := k.material(t, keys, "batch:b1")
			boxes = append(boxes, b)
			if err := k.journal.Redis().ZRem(t.Context(), k.keepKey(), b.ID).Err(); err != nil {
				t.Fatal(err)
			}
		}
		found := 0
		for range 2 {
			n, err := k.list(t.Context(), keys)
			if err != nil {
				t.Fatal(err)
			}
			found += n
		}
		if at, err := k.journal.Redis().Get(t.Context(), k.listedKey()).Result(); found != len(boxes) || err != nil || at != listed {
			t.Errorf("%d of %d found, at %q: %v", found, len(boxes), at, err)
		}
	})
}
