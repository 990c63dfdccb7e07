package function

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"ipcredit/shared/batch"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
)

var action = regexp.MustCompile(`action="/function/material-intake/batches\?([^"]*)"`)

// ticketed is the query of a form just shown.
func (k client) ticketed() string {
	k.c.t.Helper()
	a := k.get("/")
	m := action.FindSubmatch(a.body)
	if m == nil {
		k.c.t.Fatalf("no form in %d %s", a.StatusCode, a.body)
	}
	return strings.ReplaceAll(string(m[1]), "&amp;", "&")
}

// TestWithoutJavaScriptTheFormLeadsToTheResultAndTheBadRows walks as a browser
// without scripts does.
func TestWithoutJavaScriptTheFormLeadsToTheResultAndTheBadRows(t *testing.T) {
	c := embedded(t)
	k := c.browser("hongqi.uploader")
	a := k.form(k.ticketed(), table(header, penalty(1), spoilt(penalty(2), atDate, "2026-02-30")), "kind", "penalty")
	if a.StatusCode != http.StatusSeeOther || !strings.HasPrefix(a.Header.Get("Location"), prefix+"/batches/b") {
		t.Fatalf("%d %s %s", a.StatusCode, a.Header.Get("Location"), a.body)
	}
	a = k.get(strings.TrimPrefix(a.Header.Get("Location"), prefix))
	for _, want := range []string{page.Say(page.ZH, "material-intake.told.some", 1, 1), "CF_JDRQ", "errors.xlsx", "林样例"} {
		if !strings.Contains(string(a.body), want) {
			t.Errorf("the page does not say %s", want)
		}
	}
	errors := regexp.MustCompile(`href="/function/material-intake(/batches/[^"]*/errors\.xlsx)"`).FindSubmatch(a.body)
	if errors == nil {
		t.Fatal("no link to the bad rows")
	}
	openBook(t, k.get(string(errors[1])))
	if a := k.get("/batches"); a.StatusCode != 200 || !strings.Contains(string(a.body), "/batches/b") {
		t.Errorf("list: %d", a.StatusCode)
	}
}

func TestFormThatWasIncompleteComesBackWithWhatWasChosen(t *testing.T) {
	c := embedded(t)
	k := c.browser("lead.uploader")
	body := table(header, penalty(1))
	tests := []struct {
		name   string
		file   []byte
		fields []string
		status int
		says   string
		link   string
	}{
		{"no kind", body, []string{"dryRun", "1"}, 400, page.Say(page.ZH, "fault.material-intake.choose_kind"), "#f-kind"},
		{"no file", nil, []string{"kind", "penalty", "dryRun", "1"}, 400, page.Say(page.ZH, "fault.batch.no_file"), "#f-file"},
		{"empty file", []byte{}, []string{"kind", "penalty", "dryRun", "1"}, 400, page.Say(page.ZH, "fault.batch.no_file"), "#f-file"},
		{"unknown kind", body, []string{"kind", "trademark", "dryRun", "1"}, 400, page.Say(page.ZH, "fault.material-intake.choose_kind"), "#f-kind"},
	}
	for _, tt := range tests {
		a := k.form(k.ticketed(), tt.file, tt.fields...)
		text := string(a.body)
		if a.StatusCode != tt.status || !strings.Contains(text, tt.says) || !strings.Contains(text, `href="`+tt.link+`"`) || !strings.Contains(text, "<title>"+page.Say(page.ZH, "page.error_prefix")) {
			t.Errorf("%s: %d, want %d and %q with a link to %s\n%s", tt.name, a.StatusCode, tt.status, tt.says, tt.link, text)
		}
		if !strings.Contains(text, `name="dryRun" value="1" checked`) {
			t.Errorf("%s: what was chosen is lost", tt.name)
		}
	}
	if n := len(c.batches(t)); n != 0 {
		t.Errorf("%d batches of incomplete forms", n)
	}
	a := k.with("Content-Type", "multipart/form-data").post("", body) // no boundary
	if a.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("broken form: %d", a.StatusCode)
	}
}

func TestFormSentTwiceCountsOnceAndItsNumberServesOneFile(t *testing.T) {
	c := embedded(t)
	k := c.browser("lead.uploader")
	query, body := k.ticketed(), table(header, penalty(1))
	answers := make([]answer, 4)
	var wg sync.WaitGroup
	for i := range answers { // the impatient click again and again
		wg.Go(func() { answers[i] = k.form(query, body, "kind", "penalty") })
	}
	wg.Wait()
	for _, a := range answers {
		if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != answers[0].Header.Get("Location") {
			t.Errorf("%d %s", a.StatusCode, a.Header.Get("Location"))
		}
	}
	list := c.batches(t)
	if len(list) != 1 || list[0].Accepted != 1 || list[0].Duplicates != 0 {
		t.Fatalf("%+v", list)
	}
	a := k.form(query, table(header, penalty(2)), "kind", "penalty")
	if a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(string(a.body), page.Say(page.ZH, "fault.material-intake.ticket")) {
		t.Errorf("another file: %d %s", a.StatusCode, a.body)
	}
	if again := action.FindSubmatch(a.body); again == nil || string(again[1]) == query {
		t.Error("the form shown again has the old number")
	} else if a := k.form(string(again[1]), table(header, penalty(2)), "kind", "penalty"); a.StatusCode != http.StatusSeeOther {
		t.Errorf("with the new number: %d", a.StatusCode)
	}
}

func TestWhoIsNotLetInIsShownTheWay(t *testing.T) {
	c := embedded(t)
	body := table(header, penalty(1))
	for _, path := range []string{"/batches", "/batches/b00000000000000000000", "/batches/b00000000000000000000/errors.xlsx"} {
		a := c.browser("").get(path)
		if want := "/function/staff-session/sign-in?return=%2Ffunction%2Fmaterial-intake" + strings.ReplaceAll(path, "/", "%2F"); a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != want {
			t.Errorf("%s: %d to %s, want %s", path, a.StatusCode, a.Header.Get("Location"), want)
		}
	}
	a := c.browser("").form("", body, "kind", "penalty")
	if a.StatusCode != 401 || !strings.Contains(string(a.body), page.Say(page.ZH, "fault.material-intake.sign_in")) || !strings.Contains(string(a.body), "sign-in") {
		t.Errorf("a session that ended: %d %s", a.StatusCode, a.body)
	}
	barred := c.browser("lead.handler")
	if a := barred.form("", body, "kind", "penalty"); a.StatusCode != 403 {
		t.Errorf("without the role: %d", a.StatusCode)
	}
	if a := barred.get("/"); a.StatusCode != 200 || !strings.Contains(string(a.body), page.Say(page.ZH, "material-intake.barred")) || action.Match(a.body) {
		t.Errorf("without the role the page is %d %s", a.StatusCode, a.body)
	}
	if n := len(c.batches(t)); n != 0 {
		t.Errorf("%d batches", n)
	}
}

func TestThreat_AnotherSiteCannotSendTheForm(t *testing.T) {
	c := embedded(t)
	k := c.browser("lead.uploader")
	for name, k := range map[string]client{
		"said by the browser":         k.with("Sec-Fetch-Site", "cross-site"),
		"another name of this domain": k.with("Sec-Fetch-Site", "same-site"),
		"an older browser":            k.with("Sec-Fetch-Site", "", "Origin", "https://evil.example"),
	} {
		if name == "an older browser" {
			k.header.Del("Sec-Fetch-Site")
		}
		if a := k.form("", table(header, penalty(1)), "kind", "penalty"); a.StatusCode != 403 {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
		}
	}
	if n := len(c.batches(t)); n != 0 {
		t.Errorf("%d batches", n)
	}
}

func TestWhoAsksForAPageIsLedToOne(t *testing.T) {
	c := embedded(t)
	k := c.as("").with("Accept", "text/html")
	a := k.post("kind=penalty", table(header, penalty(1)))
	if a.StatusCode != http.StatusSeeOther {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	if a := k.do("GET", c.public+a.Header.Get("Location"), nil); a.StatusCode != 200 || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") {
		t.Errorf("%d %s", a.StatusCode, a.Header.Get("Content-Type"))
	}
	if a := k.with("Authorization", "Bearer x").get("/batches"); a.StatusCode != 401 {
		t.Errorf("a wrong key: %d", a.StatusCode)
	}
}

func TestEveryPageInBothLanguages(t *testing.T) {
	c := embedded(t)
	ids := c.samples(t)
	in, out := c.browser("lead.uploader"), c.browser("")
	paths := map[string]client{"/": in, "/?kind=judgment": in, "/?kind=none": in, "/batches": in, "//": out}
	for name, id := range ids {
		paths["/batches/"+id+"?"+name] = in
	}
	for path, k := range paths {
		if path == "//" {
			path = "/"
		}
		for _, lang := range []page.Lang{page.ZH, page.EN} {
			sep := "?"
			if strings.Contains(path, "?") {
				sep = "&"
			}
			a := k.get(path + sep + "lang=" + string(lang))
			text := string(a.body)
			if a.StatusCode != 200 || strings.Contains(text, "〔material") || strings.Contains(text, "〔fault") || strings.Contains(text, "〔page") || strings.Contains(text, "%!") {
				t.Errorf("%s %s: %d or a word is missing\n%s", path, lang, a.StatusCode, text)
			}
			if strings.Count(text, "<h1") != 1 || !strings.Contains(text, `<html lang="`+lang.Tag()+`"`) || a.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s %s: h1, language or Cache-Control", path, lang)
			}
			if csp := a.Header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
				t.Errorf("%s: %s", path, csp)
			}
		}
	}
}

// samples are one batch of each outcome, by name.
func (c *city) samples(t *testing.T) map[string]string {
	t.Helper()
	rows := penalties(40)
	bad := penalties(40)
	for i := range 12 {
		bad[i*3] = spoilt(spoilt(bad[i*3], atDate, "2026-02-30"), atFine, []string{"贰万", "-1", "0.0000001"}[i%3])
	}
	ids := map[string]string{}
	for _, s := range []struct {
		name, query string
		body        []byte
	}{
		{"dry-bad", "dryRun=1", table(header, bad...)},
		{"held", "atomic=1", table(header, bad...)},
		{"dry", "dryRun=1", table(header, rows...)},
		{"some", "", table(header, bad...)},
		{"all", "", table(header, penalties(60)...)},
		{"known", "", table(header, rows...)},
		{"none", "", table(header, bad[0])},
		{"failed", "", table(spoilt(header, atCode, "统一社会信用代号"), penalty(1))},
	} {
		c.clock.Pass(37 * 60 * 1e9)
		a := c.as("").post("kind=penalty&"+s.query, s.body)
		if a.StatusCode == 201 {
			ids[s.name] = a.read(t).ID
			continue
		}
		ids[s.name] = c.batches(t)[0].ID
	}
	// One that is under way: its record says so, and nobody works on it.
	b := batch.Batch{ID: "b0123456789abcdef0123", Kind: "penalty", Org: "lead", Actor: "u", State: batch.Running, Total: 200_000, Rows: 83_500, Accepted: 83_000, Rejected: 0, Duplicates: 500, CreatedAt: c.clock.Now()}
	value, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	c.rdb.Set(t.Context(), c.env.Journal.Key("batch", b.ID), value, 0)
	ids["running"] = b.ID
	return ids
}

func TestOwnOrganisationIsNamedBeforeHandingIn(t *testing.T) {
	c := embedded(t)
	a := c.browser("hongqi.uploader").get("/")
	if !strings.Contains(string(a.body), "新乡市红旗区市场监督管理局") {
		t.Error("the form does not say for whom it is")
	}
	key := c.key("court", "", staff.ScopeMaterial)
	b := c.as(key).post("kind=penalty", table(header, penalty(1))).read(t)
	if a := c.browser("hongqi.uploader").get("/batches/" + b.ID); a.StatusCode != 404 {
		t.Errorf("another organisation's batch: %d", a.StatusCode)
	}
}
