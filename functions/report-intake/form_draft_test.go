package function

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/redistest"
)

func TestFormSentTwiceIsOneReportWithOneReceipt(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb)
		k := c.browser(false)
		a := k.fill()
		answers := make([]answer, 4)
		var wg sync.WaitGroup
		for i := range answers { // the impatient press again and again
			wg.Go(func() { answers[i] = k.form("/reports", a.fields()) })
		}
		wg.Wait()
		number, receipt := answers[0].given(t)
		for _, x := range answers[1:] {
			if n, r := x.given(t); n != number || r != receipt {
				t.Errorf("%s and %s", n, number)
			}
		}
		// And once more from the page before, after all was done.
		last := receipt[strings.LastIndexByte(receipt, '-')+1:]
		wantIn(t, k.step(answers[1], "/receipt/saved", "group", last), say("report-intake.done_title"))
		again := k.form("/reports", a.fields())
		if n, _ := again.given(t); n != number {
			t.Errorf("sent again after the end: %s and %s", n, number)
		}
	})
}

func TestFormOlderThanItsTicketIsKeptAndOfferedAgain(t *testing.T) {
	for _, cookies := range []bool{true, false} {
		c := embedded(t)
		k := c.browser(cookies)
		a := k.fill()
		for _, gone := range []bool{false, true} {
			c.clock.Pass(25 * time.Hour)
			if gone { // the draft has ended here; the page still has it
				if err := c.rdb.Del(t.Context(), c.drafts()...).Err(); err != nil {
					t.Fatal(err)
				}
			}
			old := k.step(a, "/reports")
			wantStatus(t, old, http.StatusConflict)
			wantIn(t, old, say("fault.report-intake.old_form"), story, "虚构的代理公司", "202510999999.3")
			a = old
		}
		c.clock.Pass(20 * time.Second)
		k.step(a, "/reports").given(t)
	}
}

func TestPageOpenOverNightKeepsItsStep(t *testing.T) {
	c := embedded(t)
	k := c.browser(true)
	a := k.step(k.get("/report/kind"), "/report/kind", "kind", "counterfeit")
	a = k.step(a, "/report/whom", "party", "虚构的商店")
	c.clock.Pass(30 * time.Hour)
	if err := c.rdb.Del(t.Context(), c.drafts()...).Err(); err != nil {
		t.Fatal(err)
	}
	a = k.step(a, "/report/what", "narrative", story)
	wantIn(t, a, say("report-intake.step.evidence"))
	if a = k.get("/report/whom"); !strings.Contains(a.body, "虚构的商店") {
		t.Error("an earlier step is lost")
	}
}

func TestKilledPageLosesNothing(t *testing.T) {
	c := embedded(t)
	k := c.browser(true)
	a := k.step(k.get("/report/kind"), "/report/kind", "kind", "counterfeit")
	a = k.step(a, "/report/whom", "party", "虚构的商店")
	v := a.fields() // as the page's script does when the page is put away
	v.Set("narrative", "写了一半")
	v.Set("go", "save")
	if a := k.form("/report/what", v); a.StatusCode != http.StatusNoContent {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	wantIn(t, k.get("/"), say("report-intake.open_title"), "/report/what")
	wantIn(t, k.get("/report/what"), "写了一半")

	// What a page keeps by itself gives way to what was sent meanwhile.
	d, err := c.desk.load(t.Context(), v.Get("draft"), "")
	if err != nil || d == nil {
		t.Fatal(err)
	}
	wantIn(t, k.step(k.get("/report/what"), "/report/what", "narrative", story), say("report-intake.step.evidence"))
	d.Values.Set("narrative", "旧的")
	if err := c.desk.saveUnchanged(httptest.NewRequest("POST", "/", nil), v.Get("draft"), d); err != nil {
		t.Fatal(err)
	}
	wantIn(t, k.get("/report/what"), story)
}

func TestWithoutRoomForDraftsThePagesCarryThem(t *testing.T) {
	c := embedded(t)
	day := c.env.Journal.Tmp("draftkib", "2026-09-18")
	k := c.browser(true)
	a := k.step(k.get("/report/kind"), "/report/kind", "kind", "counterfeit")
	if len(c.drafts()) != 1 {
		t.Fatal("no draft is kept")
	}
	if err := c.rdb.Set(t.Context(), day, 512<<10, 0).Err(); err != nil {
		t.Fatal(err)
	}
	a = k.step(a, "/report/whom", "party", "虚构的商店")
	if left := c.drafts(); len(left) != 0 {
		t.Errorf("an earlier draft is left: %q", left)
	}
	a = k.step(a, "/report/what", "narrative", story)
	a = k.step(a, "/report/evidence")
	a = k.step(a, "/report/who", "anonymous", "yes")
	c.clock.Pass(20 * time.Second)
	k.step(a, "/reports").given(t)
}

func TestQuickExitLeavesNothingAndLeadsAway(t *testing.T) {
	c := embedded(t)
	for _, cookies := range []bool{true, false} {
		k := c.browser(cookies)
		a := k.fill()
		v := a.fields()
		v.Set("go", "attach")
		k.form("/report/evidence", v)
		out := url.Values{"draft": {v.Get("draft")}}
		gone := k.form("/exit", out)
		if gone.StatusCode != http.StatusSeeOther || gone.Header.Get("Location") != away {
			t.Fatalf("%d to %s", gone.StatusCode, gone.Header.Get("Location"))
		}
		if left := c.drafts(); len(left) != 0 {
			t.Errorf("left: %q", left)
		}
		if gone.Header.Get("Cache-Control") != "no-store" || gone.Header.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("headers %v", gone.Header)
		}
		if cookies {
			if cs := gone.Cookies(); len(cs) != 1 || cs[0].MaxAge >= 0 || cs[0].Value != "" {
				t.Errorf("cookies %v", cs)
			}
			if a := k.get("/report/check"); a.StatusCode != http.StatusSeeOther {
				t.Errorf("after leaving: %d", a.StatusCode)
			}
		}
	}
	// Every page has it, and a plain link.
	k := c.browser(true)
	for _, path := range []string{"/", "/report/kind", "/track", "/privacy", "/channels/question"} {
		wantIn(t, k.get(path), `action="`+prefix+`/exit"`, `href="`+away+`"`)
	}
}

func TestClearingTheDraftSaysSo(t *testing.T) {
	c := embedded(t)
	k := c.browser(true)
	v := k.fill().fields()
	a := k.follow(k.form("/clear", url.Values{"draft": {v.Get("draft")}}))
	wantIn(t, a, say("report-intake.cleared"))
	if left := c.drafts(); len(left) != 0 {
		t.Errorf("left: %q", left)
	}
	if a := k.get("/"); strings.Contains(a.body, say("report-intake.open_title")) {
		t.Error("the first page still has the draft")
	}
}
