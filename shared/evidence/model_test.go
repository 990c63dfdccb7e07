package evidence

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"ipcredit/shared/fault"
)

// wanted is a file as the model has it.
type wanted struct {
	data  []byte
	had   int
	gone  bool
	until time.Time
}

// TestUploadsBehaveAsTheModelSays lets creations, writes at right and wrong
// offsets, terminations and time happen in any order, and compares what is
// answered, and at the end what the files open to, with a model of a few lines.
func TestUploadsBehaveAsTheModelSays(t *testing.T) {
	t.Parallel()
	k := embedded(t)
	l := tiny()
	l.Files, l.TotalBytes = 1000, 1<<30
	k.Store = k.With(l)
	rapid.Check(t, func(rt *rapid.T) {
		token, b := k.open(t, BoxSpec{Until: k.time().Add(30 * 24 * time.Hour)})
		files := map[int]*wanted{}
		pick := func(rt *rapid.T) (int, *wanted) {
			if len(files) == 0 {
				rt.Skip("no file")
			}
			n := rapid.IntRange(1, len(files)).Draw(rt, "n")
			return n, files[n]
		}
		state := func(w *wanted) State {
			switch {
			case w.gone, w.had < len(w.data) && !k.time().Before(w.until):
				return Gone
			case w.had == len(w.data):
				return Whole
			}
			return Receiving
		}
		fresh := func() time.Time { return time.Unix(l.expires(b, k.time()), 0) }
		rt.Repeat(map[string]func(*rapid.T){
			"create": func(rt *rapid.T) {
				size := rapid.IntRange(1, 20_000).Draw(rt, "size")
				f, err := k.Create(t.Context(), b, NewFile{Name: "a.jpg", Size: int64(size)})
				if err != nil || f.N != len(files)+1 {
					rt.Fatal(f, err)
				}
				files[f.N] = &wanted{data: content(size, uint64(size)), until: fresh()}
			},
			"append": func(rt *rapid.T) {
				n, w := pick(rt)
				at := w.had
				if rapid.IntRange(0, 4).Draw(rt, "wrong") == 0 {
					at = rapid.IntRange(0, len(w.data)+2).Draw(rt, "offset")
				}
				more := rapid.IntRange(0, 9000).Draw(rt, "bytes")
				body := make([]byte, 0, more)
				for i := at; i < at+more; i++ {
					if i < len(w.data) {
						body = append(body, w.data[i])
					} else if rapid.IntRange(0, 20).Draw(rt, "past") == 0 {
						body = append(body, 1)
					} else {
						break
					}
				}
				f, err := k.Append(t.Context(), b, n, int64(at), body)
				switch {
				case state(w) == Gone:
					if !fault.Is(err, fault.Ended) {
						rt.Fatal("gone", err)
					}
				case state(w) == Whole && at == w.had && len(body) == 0, state(w) == Whole && at == w.had:
					if err != nil && !fault.Is(err, fault.Conflict) && !fault.Is(err, fault.TooLarge) || f.Offset > int64(w.had) {
						rt.Fatal("whole", err)
					}
				case at != w.had:
					if !fault.Is(err, fault.Conflict) {
						rt.Fatal("offset", at, w.had, err)
					}
				case at+len(body) > len(w.data):
					if !fault.Is(err, fault.TooLarge) {
						rt.Fatal("too much", err)
					}
				default:
					if err != nil || f.Offset != int64(at+len(body)) {
						rt.Fatal(f, err)
					}
					w.had += len(body)
					if len(body) > 0 {
						w.until = fresh()
					}
				}
			},
			"terminate": func(rt *rapid.T) {
				n, w := pick(rt)
				err := k.Terminate(t.Context(), b, n)
				if state(w) == Gone != fault.Is(err, fault.Ended) || state(w) != Gone && err != nil {
					rt.Fatal(state(w), err)
				}
				w.gone = true
			},
			"time": func(rt *rapid.T) {
				k.pass(time.Duration(rapid.IntRange(1, 30).Draw(rt, "hours")) * time.Hour)
			},
			"sweep": func(rt *rapid.T) {
				if _, err := k.Sweep(t.Context()); err != nil {
					rt.Fatal(err)
				}
			},
			"": func(rt *rapid.T) {
				now, err := k.Open(t.Context(), token)
				if err != nil {
					if !k.time().Before(b.Ends()) {
						rt.Skip("the box has ended")
					}
					rt.Fatal(err)
				}
				for n, w := range files {
					f, err := k.File(t.Context(), b.ID, n)
					if err != nil || f.At(k.time()) != state(w) || state(w) != Gone && f.Offset != int64(w.had) {
						rt.Fatal(n, f, err, state(w), w.had)
					}
				}
				b = now
			},
		})
		for n, w := range files {
			if state(w) == Whole {
				k.reads(t, b.ID, n, w.data)
			}
		}
	})
}
