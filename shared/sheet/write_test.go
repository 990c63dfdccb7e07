package sheet

import (
	"errors"
	"io"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestNeutralTextIsNoFormulaAndCanBeUndone(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@a": "'@a", "\tx": "'\tx", "\rx": "'\rx", " =1": "' =1", "＝1": "'＝1",
		"'=1": "''=1", "'a": "'a", "a=1": "a=1", "": "", "梨": "梨", `="1"`: `'="1"`,
	} {
		if got := Neutral(in); got != want {
			t.Errorf("Neutral(%q) = %q, want %q", in, got, want)
		}
		if got := natural(Neutral(in)); got != in {
			t.Errorf("natural(Neutral(%q)) = %q", in, got)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringOf(rapid.SampledFrom([]rune("'=+-@＝ \ta1\"梨"))).Draw(t, "s")
		if rounded(strings.TrimSuffix(s, "\t")) && strings.HasSuffix(s, "\t") {
			return // a tab behind digits is taken off
		}
		if got := natural(Neutral(s)); got != s {
			t.Fatalf("%q came back as %q", s, got)
		}
		if n := Neutral(s); n != "" && strings.ContainsRune("=+-@＝\t", []rune(n)[0]) {
			t.Fatalf("%q starts a formula", n)
		}
	})
}

func TestErrorsOfTheSourceAndOfTheTargetAreReturned(t *testing.T) {
	t.Parallel()
	lost := errors.New("lost")
	if err := WriteCSV(io.Discard, []string{"a"}, func(yield func([]string, error) bool) { yield(nil, lost) }); !errors.Is(err, lost) {
		t.Error(err)
	}
	if err := WriteCSV(full{}, []string{"a"}, each[[]string]()); err == nil {
		t.Error("a full disk was not noticed")
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("full") }
