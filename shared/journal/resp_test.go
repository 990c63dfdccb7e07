package journal

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestDecodeReturnsWhatWasEncoded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		command := rapid.SliceOfN(rapid.String(), 1, 5)
		want := rapid.SliceOf(command).Draw(t, "commands")
		got, err := decode(encode(want))
		if err != nil {
			t.Fatal(err)
		}
		if len(want) > 0 && !cmp.Equal(got, want) {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}

func FuzzDecodeNeverPanics(f *testing.F) {
	f.Add(encode([][]string{{"SET", "a", "b"}, {"DEL", "c"}}))
	f.Add([]byte("*2\r\n$3\r\nSET\r\n$-1\r\n"))
	f.Add([]byte("*1000000\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		commands, err := decode(data)
		if err == nil && !bytes.Equal(encode(commands), data) {
			// Only what encode writes is accepted, number forms aside.
			again, err := decode(encode(commands))
			if err != nil || !cmp.Equal(again, commands) {
				t.Fatalf("decode is not stable: %v", err)
			}
		}
	})
}
