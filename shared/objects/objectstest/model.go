package objectstest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ipcredit/shared/objects"
)

// model compares random sequences of calls with a map.
func model(t *testing.T, b *objects.Buckets) {
	type kept struct {
		body   string
		etag   string
		locked bool
	}
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		root := fmt.Sprintf("run%d/", run)
		state := map[string]kept{}
		ctx := t.Context()
		name := rapid.Custom(func(rt *rapid.T) string {
			return root + rapid.SampledFrom([]string{"a", "b", "B", "c/x", "c/y", "d e", "中"}).Draw(rt, "name")
		})
		body := rapid.StringN(0, 20, 60)
		is := func(err, target error) {
			if !errors.Is(err, target) || (target == nil && err != nil) {
				rt.Fatalf("error = %v, want %v", err, target)
			}
		}
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			n := name.Draw(rt, "name")
			now, there := state[n]
			switch rapid.SampledFrom([]string{"put", "create", "swap", "get", "delete", "lock", "list"}).Draw(rt, "call") {
			case "put":
				v := body.Draw(rt, "body")
				info, err := b.Main.Put(ctx, n, []byte(v), objects.Attr{})
				if now.locked {
					is(err, objects.ErrRetained)
				} else {
					is(err, nil)
					state[n] = kept{body: v, etag: info.ETag}
				}
			case "create":
				v := body.Draw(rt, "body")
				info, err := b.Main.Create(ctx, n, []byte(v), objects.Attr{})
				if there {
					is(err, objects.ErrExists)
				} else {
					is(err, nil)
					state[n] = kept{body: v, etag: info.ETag}
				}
			case "swap":
				v := body.Draw(rt, "body")
				etag := "0123456789abcdef0123456789abcdef"
				right := rapid.Bool().Draw(rt, "right") && there
				if right {
					etag = now.etag
				}
				info, err := b.Main.Swap(ctx, n, []byte(v), etag, objects.Attr{})
				switch {
				case now.locked:
					if !errors.Is(err, objects.ErrRetained) && !errors.Is(err, objects.ErrChanged) {
						rt.Fatalf("error = %v", err)
					}
				case right:
					is(err, nil)
					state[n] = kept{body: v, etag: info.ETag}
				default:
					is(err, objects.ErrChanged)
				}
			case "get":
				got, _, err := b.Main.Get(ctx, n)
				if !there {
					is(err, objects.ErrNotFound)
				} else if is(err, nil); string(got) != now.body {
					rt.Fatalf("read %q, want %q", got, now.body)
				}
			case "delete":
				err := b.Main.Delete(ctx, n)
				if now.locked {
					is(err, objects.ErrRetained)
				} else {
					is(err, nil)
					delete(state, n)
				}
			case "lock":
				err := b.Main.Retain(ctx, n, time.Now().Add(time.Hour))
				if !there {
					is(err, objects.ErrNotFound)
				} else {
					is(err, nil)
					stat, err := b.Main.Stat(ctx, n)
					is(err, nil)
					state[n] = kept{body: now.body, etag: stat.ETag, locked: true}
				}
			case "list":
				after := rapid.SampledFrom([]string{"", n}).Draw(rt, "after")
				expect := []string{}
				for _, k := range slices.Sorted(maps.Keys(state)) {
					if k > after {
						expect = append(expect, k)
					}
				}
				if got := keys(t, b.Main, root, after); !slices.Equal(got, expect) {
					rt.Fatalf("listed %q, want %q", got, expect)
				}
			}
		}
	})
}
