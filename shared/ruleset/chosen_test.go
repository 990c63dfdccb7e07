package ruleset

import (
	"testing"
	"time"
)

func TestChosenNumbersSayWhatTheyAre(t *testing.T) {
	t.Parallel()
	c := ReadChosen([]byte(`{"source":"s","asOf":"2026-01-01","params":{"a":{"value":2,"mark":"[design]","why":"w"}}}`))
	if c.N("a") != 2 || c.Seconds("a") != 2*time.Second || c.Minutes("a") != 2*time.Minute || c.Hours("a") != 2*time.Hour || c.Days("a") != 48*time.Hour {
		t.Errorf("%+v", c)
	}
	panics := func(name string, f func()) {
		t.Helper()
		defer func() {
			if recover() == nil {
				t.Errorf("%s is taken", name)
			}
		}()
		f()
	}
	panics("a number that is not there", func() { c.N("b") })
	for name, data := range map[string]string{
		"no JSON":   `{`,
		"no source": `{"asOf":"2026-01-01","params":{"a":{"value":2,"mark":"[design]","why":"w"}}}`,
		"no number": `{"source":"s","asOf":"2026-01-01","params":{}}`,
		"no mark":   `{"source":"s","asOf":"2026-01-01","params":{"a":{"value":2,"why":"w"}}}`,
		"no reason": `{"source":"s","asOf":"2026-01-01","params":{"a":{"value":2,"mark":"[design]"}}}`,
	} {
		panics(name, func() { ReadChosen([]byte(data)) })
	}
}
