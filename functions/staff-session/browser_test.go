package function

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"ipcredit/shared/browsertest"
	"ipcredit/shared/staff"
)

func fill(p *browsertest.Page, values ...string) {
	for i := 0; i+1 < len(values); i += 2 {
		p.Do(chromedp.SendKeys(chromedp.CSS(values[i]), values[i+1]))
	}
}

// next presses the button of the main form and waits for the page after it.
func next(p *browsertest.Page, button, until string) {
	p.Do(chromedp.Click(chromedp.CSS(button)), chromedp.WaitReady(chromedp.CSS(until)))
}

// forget takes the browser's cookies away: its tabs share them.
func forget(p *browsertest.Page) {
	p.Do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, network.ClearBrowserCookies, cdp.Empty{})
		return err
	}))
}

func (c *city) enter(t *testing.T, b *browsertest.Browser, name string, v browsertest.View) *browsertest.Page {
	t.Helper()
	c.pass(30 * time.Second)
	u := c.user(name)
	p := b.Open(t, c.public+prefix+"/activate", v)
	forget(p)
	p.Do(chromedp.Navigate(c.public + prefix + "/sign-in"))
	fill(p, "#f-username", name, "#f-password", u.Password, "#f-code", c.code(u.TOTPSecret))
	next(p, "main .btn", "nav.local")
	return p
}

func TestChromiumKeepsTheHostCookieOnLoopback(t *testing.T) {
	c := newCity(t, time.Now())
	b := browsertest.New(t)
	for _, noScript := range []bool{false, true} {
		p := c.enter(t, b, "hongqi.handler", browsertest.View{NoScript: noScript})
		if h := p.Text("h1"); h != "工作台" {
			t.Fatalf("after signing in: %q", h)
		}
		p.NoErrors()
		next(p, ".tools form .btn", "#f-username")
		if !strings.Contains(p.Text("main"), "已退出登录") {
			t.Error("signing out does not say so")
		}
		p.Do(chromedp.Navigate(c.public + prefix + "/account"))
		if h := p.Text("h1"); h != "登录" {
			t.Errorf("after signing out the account page is %q", h)
		}
	}

	// Without the plain cookie: browsers return the Secure one to this machine's
	// own address, and no script sees it.
	p := c.enter(t, b, "hongqi.handler", browsertest.View{})
	p.Do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, network.DeleteCookies, network.DeleteCookiesParams{Name: staff.CookiePlain, URL: c.public + "/"})
		return err
	}))
	p.Do(chromedp.Navigate(c.public + prefix + "/account"))
	if h, cookies := p.Text("h1"), browsertest.Eval[string](p, "document.cookie"); h != "我的账号" || cookies != "" {
		t.Errorf("with the Secure cookie alone: %q, scripts see %q", h, cookies)
	}
	forget(p)
	p.Do(chromedp.Navigate(c.public + prefix + "/account"))
	if h := p.Text("h1"); h != "登录" {
		t.Errorf("without any cookie: %q", h)
	}
}

func TestEveryPageInABrowser(t *testing.T) {
	c := newCity(t, time.Now())
	ctx := t.Context()
	user, _, err := c.desk.staff.UserByName(ctx, "lead.custodian")
	if err != nil {
		t.Fatal(err)
	}
	tied, _, err := c.desk.staff.UserByName(ctx, "hongqi.handler")
	if err != nil {
		t.Fatal(err)
	}
	head, officer := c.in("hongqi.approver"), c.in("hongqi.handler")
	today := c.now().In(time.FixedZone("CST", 8*3600)).Format(time.DateOnly)
	for _, a := range []answer{
		head.post("/organization/delegations", formOf("office", "hongqi-suo", "role", "handler", "instrument", "新测红委〔2026〕1号", "from", today, "to", today)),
		officer.post("/account/ties", formOf("name", "虚构乙有限公司", "code", "91410771MA00AAA291", "reason", "原任职单位")),
		c.in("lead.system").post("/users/"+user.ID+"/orders", formOf("kind", "reset", "reason", "手机遗失")),
		c.in("hongqi.handler").post("/activations", formOf("code", "91410702MA00AAC13T", "name", "虚构丙有限公司", "division", "410702", "role", "agent")),
	} {
		if a.StatusCode >= 400 {
			t.Fatalf("%s: %d %s", a.Request.URL, a.StatusCode, a.body)
		}
	}
	b := browsertest.New(t)
	for _, v := range []struct {
		name string
		view browsertest.View
		few  bool // words and colours only: the layout is the same
	}{
		{"360", browsertest.View{Width: browsertest.Narrow}, false},
		{"1280", browsertest.View{}, false},
		{"1280-en", browsertest.View{Language: "en"}, true},
		{"360-dark", browsertest.View{Width: browsertest.Narrow, Dark: true}, true},
	} {
		look := func(p *browsertest.Page, name string) {
			t.Helper()
			p.Axe()
			p.FitsWidth()
			p.Look(fmt.Sprintf("%s-%s", name, v.name))
			if s := p.HTML(); strings.Contains(s, "〔staff") {
				t.Errorf("%s: a word is missing", name)
			}
		}
		forget(b.Open(t, c.public+prefix+"/activate", v.view))
		for _, name := range []string{"sign-in", "recovery", "activate"} {
			look(b.Open(t, c.public+prefix+"/"+name, v.view), name)
		}
		p := b.Open(t, c.public+prefix+"/sign-in", v.view)
		forget(p)
		p.Do(chromedp.Navigate(c.public + prefix + "/sign-in"))
		fill(p, "#f-username", "nobody.here", "#f-password", "wrong", "#f-code", "123456")
		next(p, "main .btn", ".wrong")
		look(p, "sign-in-refused")
		for _, walk := range []struct {
			user  string
			pages []string
		}{
			{"hongqi.approver", []string{"/", "/account", "/account/password", "/account/totp", "/organization", "/organization/delegations", "/organization/substitutes"}},
			{"hongqi.suo", []string{"/inbox"}},
			{"hongqi.handler", []string{"/activations?code=91410702MA00AAC13T"}},
			{"lead.system", []string{"/", "/organizations", "/organizations/hongqi", "/organizations/new", "/users/new?org=muye", "/users/" + tied.ID, "/users/" + tied.ID + "/orders?kind=reset"}},
			{"lead.security", []string{"/keys", "/proposals", "/users/" + user.ID, "/users/" + user.ID + "/orders?kind=grant", "/users/" + tied.ID}},
			{"jia.legal", []string{"/", "/organization"}},
		} {
			if v.few && walk.user != "hongqi.approver" && walk.user != "lead.security" {
				continue
			}
			p := c.enter(t, b, walk.user, v.view)
			for i, path := range walk.pages {
				p.Do(chromedp.Navigate(c.public + prefix + path))
				look(p, fmt.Sprintf("%s-%d", walk.user, i))
			}
			switch walk.user {
			case "hongqi.approver":
				p.Do(chromedp.Navigate(c.public + prefix + "/account/totp"))
				fill(p, "#f-current", c.user(walk.user).Password)
				next(p, "main .btn", "main img")
				look(p, "totp-scan")
			case "lead.security":
				p.Do(chromedp.Navigate(c.public + prefix + "/keys"))
				next(p, "form[action$='/keys'] .btn", ".wrong")
				look(p, "key-refused")
			case "jia.legal":
				p.Do(chromedp.Click(chromedp.CSS("#f-role")))
				next(p, "form[action*=invitations] .btn", "article")
				look(p, "notice")
			}
		}
	}
}
