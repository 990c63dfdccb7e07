package function

import (
	"context"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"ipcredit/shared/browsertest"
	"ipcredit/shared/citytest"
	"ipcredit/shared/redistest"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// desk of officers: a city with the demonstration's staff.
type bureau struct {
	*city
	people citytest.Staff
	clock  citytest.Clock
	tokens map[string]string
}

func newBureau(t testing.TB, at string) *bureau {
	b := &bureau{city: newCity(t, redistest.Embedded(t)), tokens: map[string]string{}}
	b.at(at)
	b.clock.Set(b.env.Now())
	b.env.Now = b.clock.Now
	b.people = citytest.NewStaff(t, b.env.Journal, b.clock.Now())
	return b
}

// to moves the clock to a day.
func (b *bureau) to(day string) {
	b.t.Helper()
	at, err := time.ParseInLocation(time.DateTime, day+" 10:00:00", workday.CST)
	if err != nil {
		b.t.Fatal(err)
	}
	b.clock.Set(at)
	b.tokens = map[string]string{}
}

// as asks as somebody who is signed in. A form makes it a POST of the same origin.
func (b *bureau) as(user, path string, form url.Values) (int, string) {
	b.t.Helper()
	if b.tokens[user] == "" {
		b.tokens[user] = b.people.Session(b.t, user, &b.clock)
	}
	method, body := http.MethodGet, io.Reader(nil)
	if form != nil {
		method, body = http.MethodPost, strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.url+path, body)
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Cookie", staff.CookiePlain+"="+b.tokens[user])
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	if to := res.Header.Get("Location"); to != "" {
		return res.StatusCode, to
	}
	return res.StatusCode, string(text)
}

// step presses a button of the notice or fills in the form behind it.
func (b *bureau) step(user, id, step string, more ...string) (int, string) {
	b.t.Helper()
	form := url.Values{"version": {b.version(user, id)}}
	for i := 0; i+1 < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	return b.as(user, "/notices/"+id+"/"+step, form)
}

var versionForm = regexp.MustCompile(`name="version" value="(\d+)"`)

func (b *bureau) version(user, id string) string {
	b.t.Helper()
	for _, path := range []string{"", "/edit", "/serve", "/report"} {
		if _, page := b.as(user, "/notices/"+id+path, nil); versionForm.MatchString(page) {
			return versionForm.FindStringSubmatch(page)[1]
		}
	}
	n, err := b.notice(id)
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

// notice is the version as it is stored, for somebody who has nothing to do.
func (b *bureau) notice(id string) (string, error) {
	v, err := b.env.Redis.Get(b.t.Context(), b.env.Journal.Key("disclosure", "filed", id)).Result()
	if err != nil {
		return "", err
	}
	return regexp.MustCompile(`"version":(\d+)`).FindStringSubmatch(v)[1], nil
}

func penaltyForm() url.Values {
	return url.Values{
		"kind": {"penalty"}, "division": {"410700"}, "review": {"clear"}, "subjectName": {firmName}, "subjectCode": {firm},
		"instrumentNo": {"新测市监处罚〔2026〕1号"}, "violation": {"商标侵权"}, "facts": {"销售侵权商品，联系人电话13800138000"},
		"basis": {"《中华人民共和国商标法》第六十条"}, "classes": {"罚款"}, "fine": {"6"}, "text": {"罚款人民币60000元"}, "determinedOn": {"2026-05-06"},
		"authority": {"新乡市测试区市场监督管理局"}, "authorityCode": {"11410700000000019U"},
	}
}

var noticeAddress = regexp.MustCompile(`/notices/([0-9A-Z]{26})`)

// TestThreat_NobodyPublishesWhatHeHandled walks a penalty through the pages of
// four people, and sees at each what the public sees.
func TestThreat_NobodyPublishesWhatHeHandled(t *testing.T) {
	b := newBureau(t, "2026-05-11 10:00:00")
	if status, to := b.as("lead.handler", "/notices", penaltyForm()); status != http.StatusSeeOther || !noticeAddress.MatchString(to) {
		t.Fatalf("%d %s", status, to)
	} else {
		id := noticeAddress.FindStringSubmatch(to)[1]
		b.walk(id)
	}
}

func (b *bureau) walk(id string) {
	t := b.t
	public := func(want bool) {
		t.Helper()
		if got := strings.Contains(string(b.ask(http.MethodGet, "/disclosures", asPage).body), firmName); got != want {
			t.Errorf("in public: %t", got)
		}
	}
	must := func(status int, page string) {
		t.Helper()
		if status != http.StatusSeeOther {
			t.Fatalf("%d %s", status, page)
		}
	}
	if status, page := b.as("lead.handler", "/notices/"+id, nil); status != 200 || strings.Contains(page, "13800138000") || !strings.Contains(page, "2026年5月13日") && !strings.Contains(page, "2026-05-1") {
		t.Errorf("the notice: %d %s", status, page)
	}
	if status, _ := b.as("hongqi.handler", "/notices/"+id, nil); status != http.StatusForbidden {
		t.Errorf("another division reads it: %d", status)
	}
	if status, page := b.step("lead.handler", id, "submit"); status != http.StatusUnprocessableEntity || !strings.Contains(page, "尚未告知当事人") {
		t.Errorf("submitted before service: %d", status)
	}
	if status, page := b.step("lead.handler", id, "serve", "on", "2026-05-12"); status != http.StatusBadRequest || !strings.Contains(page, "不能晚于今天") {
		t.Errorf("served tomorrow: %d", status)
	}
	must(b.step("lead.handler", id, "serve", "on", "2026-05-06"))
	must(b.step("lead.handler", id, "submit"))
	for _, user := range []string{"lead.handler", "lead.publisher", "lead.intake"} {
		if status, _ := b.step(user, id, "approve"); status != http.StatusForbidden {
			t.Errorf("%s approves: %d", user, status)
		}
	}
	must(b.step("lead.approver", id, "approve"))
	for _, user := range []string{"lead.handler", "lead.approver"} {
		if status, _ := b.step(user, id, "publish"); status != http.StatusForbidden {
			t.Errorf("%s publishes: %d", user, status)
		}
	}
	public(false)
	old := b.version("lead.publisher", id)
	must(b.step("lead.publisher", id, "publish"))
	public(true)
	if status, page := b.as("lead.handler", "/notices/"+id+"/report", url.Values{"version": {old}, "on": {"2026-05-11"}, "reason": {"void"}}); status != http.StatusPreconditionFailed || !strings.Contains(page, `value="2026-05-11"`) {
		t.Errorf("on a version that is gone: %d", status)
	}
	must(b.step("lead.handler", id, "report", "on", "2026-05-11", "reason", "void"))
	if status, _ := b.step("lead.handler", id, "recall"); status != http.StatusForbidden {
		t.Errorf("withdrawn by who asked for it: %d", status)
	}
	public(true)
	must(b.step("lead.publisher", id, "recall"))
	public(false)
}

func TestAFormThatIsRefusedKeepsWhatWasTyped(t *testing.T) {
	b := newBureau(t, "2026-05-11 10:00:00")
	form := penaltyForm()
	form.Del("instrumentNo")
	form.Set("subjectCode", "91410771MA00AAA105")
	status, page := b.as("lead.handler", "/notices", form)
	if status != http.StatusBadRequest || !strings.Contains(html.UnescapeString(page), "《中华人民共和国商标法》第六十条") || strings.Count(page, `aria-invalid="true"`) < 2 {
		t.Errorf("%d %s", status, page)
	}
	if a := b.ask(http.MethodGet, "/notices", asPage); a.status != http.StatusSeeOther || !strings.Contains(a.header.Get("Location"), "sign-in") {
		t.Errorf("a stranger: %d", a.status)
	}
	if a := b.ask(http.MethodGet, "/notices", asData); a.status != http.StatusUnauthorized {
		t.Errorf("a strange program: %d", a.status)
	}
	if status, _ := b.as("lead.intake", "/notices/new", nil); status != http.StatusForbidden {
		t.Errorf("without the role: %d", status)
	}
}

// TestPagesAreAccessible looks at every page, as a stranger and as an officer.
func TestDisclosurePagesAreAccessible(t *testing.T) {
	br := browsertest.New(t)
	b := newBureau(t, "2026-05-11 10:00:00")
	id := b.determined(firm, firmName, "国知测认〔2026〕1号", "2026-05-04")
	b.to("2024-06-01")
	over := b.determined(second, secondName, "国知测认〔2024〕3号", "2024-05-05")
	b.to("2026-05-11")
	b.tick()
	_, to := b.as("lead.handler", "/notices", penaltyForm())
	notice := "/notices/" + noticeAddress.FindStringSubmatch(to)[1]
	token := b.tokens["lead.handler"]
	br.Open(t, b.url+"/readyz", browsertest.View{}).Do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, network.SetCookie, network.SetCookieParams{Name: staff.CookiePlain, Value: token, URL: b.url})
		return err
	}))
	for _, p := range []struct {
		name, path string
		view       browsertest.View
		status     int
	}{
		{"list", "/disclosures", browsertest.View{}, 200},
		{"list-en", "/disclosures?lang=en&act=DA1", browsertest.View{}, 200},
		{"list-bad", "/disclosures?act=DA9", browsertest.View{}, 400},
		{"one", "/disclosures/" + id, browsertest.View{}, 200},
		{"one-en", "/disclosures/" + id + "?lang=en", browsertest.View{}, 200},
		{"one-print", "/disclosures/" + id, browsertest.View{Print: true}, 200},
		{"over", "/disclosures/" + over, browsertest.View{}, 410},
		{"agencies", "/agencies", browsertest.View{}, 200},
		{"notices", "/notices", browsertest.View{}, 200},
		{"notice-new", "/notices/new?kind=determination", browsertest.View{}, 200},
		{"notice-new-en", "/notices/new?lang=en", browsertest.View{}, 200},
		{"notice", notice, browsertest.View{}, 200},
		{"notice-serve", notice + "/serve?lang=en", browsertest.View{}, 200},
		{"notice-print", notice + "/print", browsertest.View{Print: true}, 200},
	} {
		for _, width := range []int{browsertest.Narrow, browsertest.Wide} {
			p.view.Width = width
			page := br.Open(t, b.url+p.path, p.view)
			if got := page.Status(); got != p.status {
				t.Errorf("%s: %d", p.name, got)
			}
			if p.status == 200 {
				page.NoErrors()
			}
			page.FitsWidth()
			page.Axe()
			page.Look(fmt.Sprintf("disclosure-%s-%d", p.name, width))
		}
	}
}
