package evidence

import (
	"fmt"
	"testing"
	"time"

	"ipcredit/shared/journal"
	"ipcredit/shared/objects"
	"ipcredit/shared/objects/objectstest"
	"ipcredit/shared/redistest"
)

// BenchmarkEvidence passes files of 256 MiB through the store in calls of 8 MiB,
// and puts the same bytes into the same object store in the same pieces without
// sealing, one after the other and two at a time: what sealing costs is the
// ratio.
func BenchmarkEvidence(b *testing.B) {
	const size, call = 256 << 20, 8 << 20
	main := objectstest.Real(b).Main
	k := newKit(redistest.Real(b), main)
	k.Store = NewStore(journal.New(k.rdb, "410700", journal.Options{}), main, time.Now)
	body := content(call, 1)
	l := k.Limits()
	b.Run("sealed", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			_, box := k.open(b, BoxSpec{Until: time.Now().Add(time.Hour)})
			f := k.create(b, box, size)
			for at := int64(0); at < size; at += call {
				if _, err := k.Append(b.Context(), box, f.N, at, body); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	round := 0
	b.Run("plain", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			round++
			for at := 0; at < size; at += call {
				done := make(chan error, call/l.PieceBytes)
				for i := 0; i < call; i += l.PieceBytes {
					go func() {
						_, err := main.Create(b.Context(), fmt.Sprintf("plain/%d/%d-%d", round, at, i), body[i:i+l.PieceBytes], objects.Attr{})
						done <- err
					}()
				}
				for range cap(done) {
					if err := <-done; err != nil {
						b.Fatal(err)
					}
				}
			}
		}
	})
}
