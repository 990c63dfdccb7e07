package function

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
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

// TestKeyboardGoesThroughThePageInOrder presses Tab from the top: the skip link
// first, then what stands on the page in its order, each with a focus that can
// be seen, also where the system sets the colours.
func TestKeyboardGoesThroughThePageInOrder(t *testing.T) {
	c := newCity(t, time.Now())
	b := browsertest.New(t)
	for name, colours := range map[string]string{"ordinary": "none", "forced": "active"} {
		t.Run(name, func(t *testing.T) {
			p := b.Open(t, c.public+prefix+"/sign-in", browsertest.View{})
			p.Do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
				_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
					Features: []*emulation.MediaFeature{{Name: "forced-colors", Value: colours}}})
				return err
			}))
			var order []string
			last := -1.0
			for range 40 {
				p.Do(chromedp.KeyEvent("\t"))
				at := browsertest.Eval[struct {
					Name    string
					Top     float64
					Outline string
					Width   string
				}](p, `(() => {
					const e = document.activeElement, s = getComputedStyle(e), r = e.getBoundingClientRect();
					return {Name: e === document.body ? "" : e.id || e.getAttribute("href") || e.className, Top: r.top + scrollY, Outline: s.outlineStyle, Width: s.outlineWidth};
				})()`)
				if at.Name == "" {
					break
				}
				if at.Outline != "solid" || at.Width == "0px" {
					t.Errorf("focus on %s is not seen: %s %s", at.Name, at.Outline, at.Width)
				}
				if at.Top < last-60 { // items of one row differ by a little
					t.Errorf("after %v the focus jumps up to %s", order, at.Name)
				}
				last = at.Top
				order = append(order, at.Name)
			}
			want := []string{"#main", "f-username", "f-password", "f-code", "btn"}
			n := 0
			for _, name := range order {
				if n < len(want) && name == want[n] {
					n++
				}
			}
			if len(order) == 0 || order[0] != want[0] || n != len(want) {
				t.Errorf("the order is %v", order)
			}
			p.Look("focus-" + name)
		})
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
	inspector, _, err := c.desk.staff.UserByName(ctx, "discipline.handler")
	if err != nil {
		t.Fatal(err)
	}
	head, officer := c.in("hongqi.approver"), c.in("hongqi.handler")
	today := c.now().In(time.FixedZone("CST", 8*3600)).Format(time.DateOnly)
	for _, a := range []answer{
		head.post("/organization/delegations", formOf("office", "hongqi-suo", "role", "handler", "instrument", "新测红委〔2026〕1号", "from", today, "to", today)),
		officer.post("/account/ties", formOf("name", "虚构乙有限公司", "code", "91410771MA00AAA291", "reason", "原任职单位")),
		c.in("lead.system").post("/users/"+user.ID+"/orders", formOf("kind", "reset", "reason", "手机遗失")),
		c.in("lead.system").post("/users/"+inspector.ID+"/orders", formOf("kind", "reset", "reason", "手机遗失")),
		c.in("lead.system").post("/users/"+tied.ID+"/employer", formOf("employer", "样例人力资源有限公司")),
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
		{"360-large", browsertest.View{Width: browsertest.Narrow, Language: "en"}, true},
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
		// paper is what comes out of the printer: what is handed over, without buttons.
		paper := func(p *browsertest.Page, name string) {
			t.Helper()
			media := func(m string) {
				p.Do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
					_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: m})
					return err
				}))
			}
			media("print")
			p.Look(fmt.Sprintf("%s-print-%s", name, v.name))
			if n := browsertest.Eval[int](p, `[...document.querySelectorAll("nav, .btn, .tools, .noprint")].filter(e => e.offsetParent).length`); n > 0 {
				t.Errorf("%s prints %d things to press", name, n)
			}
			media("")
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
			{"hongqi.handler", []string{"/activations?find=91410702MA00AAC13T"}},
			{"lead.system", []string{"/", "/organizations", "/organizations/hongqi", "/organizations/new", "/users/new?org=muye", "/users/" + tied.ID, "/users/" + tied.ID + "/orders?kind=reset"}},
			{"lead.security", []string{"/keys", "/keys/new?org=science", "/proposals", "/users/" + user.ID, "/users/" + user.ID + "/orders?kind=grant", "/users/" + tied.ID}},
			{"discipline.approver", []string{"/", "/proposals", "/inbox"}},
			{"lead.auditor", []string{"/keys", "/organizations?find=91410771MA00AAA105"}},
			{"jia.legal", []string{"/", "/organization"}},
		} {
			if v.few && !slices.Contains([]string{"hongqi.approver", "lead.security", "lead.system"}, walk.user) {
				continue
			}
			p := c.enter(t, b, walk.user, v.view)
			for i, path := range walk.pages {
				to := c.public + prefix + path
				if strings.HasSuffix(v.name, "-large") {
					to += map[bool]string{true: "&", false: "?"}[strings.Contains(to, "?")] + "text=large"
				}
				p.Do(chromedp.Navigate(to))
				look(p, fmt.Sprintf("%s-%d", walk.user, i))
			}
			switch walk.user {
			case "hongqi.approver":
				p.Do(chromedp.Navigate(c.public + prefix + "/account/totp"))
				fill(p, "#f-current", c.user(walk.user).Password)
				next(p, "main .btn", "main img")
				look(p, "totp-scan")
			case "lead.system":
				// The account is made once, and its password shown once.
				ticket := ""
				for _, shown := range []string{"handed", "again"} {
					p.Do(chromedp.Navigate(c.public + prefix + "/users/new?org=muye"))
					if ticket == "" {
						ticket = browsertest.Eval[string](p, `document.querySelector("[name=ticket]").value`)
					}
					browsertest.Eval[string](p, `document.querySelector("[name=ticket]").value = "`+ticket+`"`)
					fill(p, "#f-name", "郑演示", "#f-username", "zheng"+strings.ReplaceAll(v.name, "-", ""))
					next(p, "main .btns .btn", map[string]string{"handed": ".panel", "again": "main .lead + p"}[shown])
					look(p, shown)
					if shown == "handed" {
						paper(p, shown)
					}
				}
			case "lead.security":
				p.Do(chromedp.Navigate(c.public + prefix + "/keys/new?org=science"))
				next(p, "form[action$='/keys'] .btn", ".wrong")
				look(p, "key-refused")
			case "jia.legal":
				p.Do(chromedp.Click(chromedp.CSS("#f-role")))
				next(p, "form[action*=invitations] .btn", "article")
				look(p, "notice")
				paper(p, "notice")
			}
		}
	}
}
