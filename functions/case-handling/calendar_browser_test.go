package function

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"ipcredit/shared/browsertest"
	"ipcredit/shared/tipoff"
)

// TestTheCalendarInABrowser walks a year from the form to being in force, by the
// keyboard where a button is pressed.
func TestTheCalendarInABrowser(t *testing.T) {
	b := browsertest.New(t)
	c := embedded(t)
	c.clock.Set(time.Date(2026, 12, 15, 2, 0, 0, 0, time.UTC))
	c.lodge(tipoff.Lodged{})
	look := func(path, name string) {
		t.Helper()
		for width, v := range map[string]browsertest.View{
			"360": {Width: browsertest.Narrow}, "1280": {Width: browsertest.Wide}, "1280-en": {Width: browsertest.Wide, Language: "en"},
		} {
			p := b.Open(t, c.public+prefix+path, v)
			if p.Status() != http.StatusOK {
				t.Errorf("%s: %d", path, p.Status())
			}
			p.NoErrors()
			p.Axe()
			p.FitsWidth()
			p.Look(name + "-" + width)
		}
	}
	c.enter(b, "lead.handler")
	look("/calendar", "calendar")
	look("/calendar/import", "calendar-import")

	p := b.Open(t, c.public+prefix+"/calendar/import", browsertest.View{Width: browsertest.Narrow})
	press(p, "main form .btn", ".wrong")
	p.Axe()
	p.FitsWidth()
	p.Look("calendar-import-wrong-360")

	p = b.Open(t, c.public+prefix+"/calendar/import", browsertest.View{Width: browsertest.Wide})
	f := yearFields()
	for i := 0; i+1 < len(f); i += 2 {
		if f[i] == "way" || f[i] == "year" {
			continue
		}
		browsertest.Eval[string](p, fmt.Sprintf("document.querySelector('main [name=%s]').value = %q", f[i], f[i+1]))
	}
	press(p, "main form .btn", "#effect")
	p.Axe()
	p.FitsWidth()
	p.Look("calendar-preview-1280")
	p.Do(chromedp.Focus(chromedp.CSS("form[action$='/calendar'] .btn")), chromedp.KeyEvent("\r"), chromedp.WaitReady(chromedp.CSS("form[action$='/withdraw']")))
	p.Look("calendar-proposed-1280")
	list, err := c.desk.calendar.List(t.Context())
	if err != nil || len(list) != 1 {
		t.Fatalf("%v %v", list, err)
	}
	at := "/calendar/imports/" + list[0].ID
	c.enter(b, "lead.approver")
	look(at, "calendar-decide")
	p = b.Open(t, c.public+prefix+at, browsertest.View{Width: browsertest.Narrow})
	press(p, "form[action$='/approve'] .btn", ".notice.good")
	p.Axe()
	p.Look("calendar-approved-360")
	if s := p.HTML(); !strings.Contains(s, "已生效") {
		t.Error("it does not say that it is in force")
	}
}
