package browsertest

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const bad = `<!DOCTYPE html><html><head><title>x</title></head><body><main><h1>x</h1><img src="data:,"><input>
<p style="color:#ccc;background:#fff">pale</p><p id="js">off</p><script>document.getElementById("js").textContent="on";console.error("said aloud")</script></main></body></html>`

func server(t *testing.T) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(http.StatusTeapot)
		w.Write([]byte(bad))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// collector is a test that may fail without failing the test it stands in.
type collector struct {
	testing.TB
	said []string
}

func (c *collector) Helper() {}
func (c *collector) Errorf(format string, args ...any) {
	c.said = append(c.said, format)
	for _, a := range args {
		if s, ok := a.(string); ok {
			c.said = append(c.said, s)
		}
	}
}

func TestAxeFindsWhatIsBroken(t *testing.T) {
	b := New(t)
	axe(t) // skips where it is not installed
	c := &collector{TB: t}
	p := b.Open(c, server(t), View{})
	p.Axe()
	all := strings.Join(c.said, "\n")
	for _, rule := range []string{"html-has-lang", "image-alt", "label", "color-contrast"} {
		if !strings.Contains(all, rule) {
			t.Errorf("axe did not report %s", rule)
		}
	}
	if p.Status() != http.StatusTeapot {
		t.Errorf("status %d", p.Status())
	}
	if e := p.ConsoleErrors(); !strings.Contains(strings.Join(e, "\n"), "said aloud") {
		t.Errorf("console errors not collected: %q", e)
	}
}

func TestScriptsCanBeSwitchedOff(t *testing.T) {
	b := New(t)
	url := server(t)
	if got := b.Open(t, url, View{}).Text("#js"); got != "on" {
		t.Errorf("with scripts: %q", got)
	}
	p := b.Open(t, url, View{NoScript: true, Width: Narrow})
	if got := p.Text("#js"); got != "off" {
		t.Errorf("without scripts: %q", got)
	}
	file := filepath.Join(t.TempDir(), "a", "shot.png")
	p.Screenshot(file)
	if s, err := os.Stat(file); err != nil || s.Size() == 0 {
		t.Errorf("no screenshot: %v", err)
	}
}
