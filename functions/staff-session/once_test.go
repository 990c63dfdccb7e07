package function

import (
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"ipcredit/shared/redistest"
	"ipcredit/shared/staff"
)

func TestProgramSendsItsKeyInTheHeader(t *testing.T) {
	t.Parallel()
	c := newCity(t, start)
	system := c.in("lead.system")
	form := url.Values{"kind": {"department"}, "name": {"新乡市虚构局"}, "division": {"410700"}}
	const key = "0123456789abcdef-o"
	send := func(b *client, f url.Values, key string) answer {
		return b.do("POST", "/organizations", f, "Idempotency-Key", key, "Accept", "application/json")
	}
	first := send(system, form, key)
	if first.StatusCode != http.StatusSeeOther || !strings.HasPrefix(first.location(), "/organizations/") {
		t.Fatalf("%d to %q: %s", first.StatusCode, first.location(), first.body)
	}
	if again := send(system, form, key); again.location() != first.location() || again.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("again: %d to %q", again.StatusCode, again.location())
	}
	if other := send(system, form, key+"2"); other.location() == first.location() {
		t.Error("another key got the first one's answer")
	}
	changed := url.Values{"kind": {"department"}, "name": {"新乡市样例局"}, "division": {"410700"}}
	a := send(system, changed, key)
	wantStatus(t, a, http.StatusUnprocessableEntity)
	wantIn(t, a, `"code":"fn.key_reused"`, `"Idempotency-Key"`)
	wantStatus(t, send(system, form, "short"), http.StatusBadRequest)
	// What another one was answered is not told, nor to somebody who is out.
	wantStatus(t, send(c.in("hongqi.handler"), form, key), http.StatusForbidden)
	wantStatus(t, send(c.client(), form, key), http.StatusUnauthorized)
}

// secrets finds whatever a reply shows once.
var secrets = regexp.MustCompile(`<code>([^<]{20,})</code>|<strong class="code">([0-9A-Z-]{23})</strong>|<span class="code">([0-9A-Z-]{17})</span>`)

// TestFormSentTwiceMakesOneThing sends every form that creates something twice,
// as a double click or a reload does, and once more with other content.
func TestFormSentTwiceMakesOneThing(t *testing.T) {
	t.Parallel()
	id := func(c *city, name string) string {
		u, ok, err := c.desk.staff.UserByName(t.Context(), name)
		if err != nil || !ok {
			t.Fatal(name, err)
		}
		return u.ID
	}
	for _, tc := range []struct {
		name, user, page, path string // page shows the form, path takes it
		form                   url.Values
		change                 string // a field whose other value is another body
		secret                 string // what a repeated one offers, "" where nothing was secret
		count                  func(*city) int
	}{
		{"a user", "lead.system", "/users/new?org=science", "/users", formOf("org", "science", "username", "twice", "name", "双击"), "name", "/orders?kind=reset",
			func(c *city) int { return members(t, c, "science") }},
		{"an organisation", "lead.system", "/organizations/new", "/organizations", formOf("kind", "department", "name", "新乡市虚构局", "division", "410700"), "name", "",
			func(c *city) int {
				all, err := c.desk.staff.Organizations(t.Context(), false)
				if err != nil {
					t.Fatal(err)
				}
				return len(all)
			}},
		{"a key", "lead.security", "/keys/new?org=science", "/keys", formOf("org", "science", "name", "审查系统", "scope", "lookup"), "name", "/keys",
			func(c *city) int { return keys(t, c) }},
		{"an activation", "hongqi.handler", "/activations", "/activations", formOf("code", "91410702MA00AAC13T", "name", "虚构丙有限公司", "division", "410702", "role", "agent"), "name", "/activations?find=91410702MA00AAC13T",
			func(c *city) int { return activations(t, c, "hongqi.handler", "91410702MA00AAC13T") }},
		{"an invitation", "jia.legal", "/organization", "/organization/invitations", formOf("role", "agent"), "role", "/organization",
			func(c *city) int { return activations(t, c, "jia.legal", "91410771MA00AAA104") }},
		{"a delegation", "hongqi.approver", "/organization/delegations", "/organization/delegations", formOf("office", "hongqi-suo", "role", "handler", "instrument", "新测红委〔2026〕1号", "from", "2026-09-18", "to", "2026-10-18"), "instrument", "",
			func(c *city) int {
				o, err := c.desk.staff.Organization(t.Context(), "hongqi-suo")
				if err != nil {
					t.Fatal(err)
				}
				return len(o.Received)
			}},
		{"a substitute", "hongqi.approver", "/organization/substitutes", "/organization/substitutes", formOf("absent", "@hongqi.approver", "standIn", "@hongqi.reviewer", "role", "approver", "from", "2026-09-18", "to", "2026-09-30"), "to", "",
			func(c *city) int { return len(user(t, c, "hongqi.reviewer").StandsFor) }},
		{"a declaration", "hongqi.handler", "/account", "/account/ties", formOf("name", "虚构乙有限公司", "reason", "原任职单位"), "reason", "",
			func(c *city) int { return len(user(t, c, "hongqi.handler").Ties) }},
		{"a role", "lead.security", "/users/@lead.handler/orders?kind=grant", "/users/@lead.handler/orders", formOf("kind", "grant", "role", "reviewer", "division", "410700", "reason", "调整"), "reason", "",
			func(c *city) int { return len(user(t, c, "lead.handler").Grants) }},
		{"a proposal", "lead.security", "/users/@lead.handler/orders?kind=grant", "/users/@lead.handler/orders", formOf("kind", "grant", "role", "custodian", "division", "410700", "reason", "调整"), "reason", "",
			func(c *city) int {
				all, err := c.desk.staff.Proposals(t.Context(), staff.Operator(), c.now())
				if err != nil {
					t.Fatal(err)
				}
				return len(all)
			}},
		{"a reset", "lead.system", "/users/@lead.handler/orders?kind=reset", "/users/@lead.handler/orders", formOf("kind", "reset", "reason", "手机遗失"), "reason", "/orders?kind=reset",
			func(c *city) int { return int(user(t, c, "lead.handler").Epoch) }},
		{"recovery codes", "hongqi.handler", "/account", "/account/recovery", formOf("current", "@@hongqi.handler"), "lang", "/account",
			func(c *city) int { return entries(t, c, "staff.recovery") }},
		{"an account", "", "/activate", "/activate", nil, "name", "",
			func(c *city) int {
				if _, ok, err := c.desk.staff.UserByName(t.Context(), "bing.legal"); err != nil || !ok {
					return 0
				}
				return 1
			}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := newCity(t, start)
			b := c.client()
			if tc.user != "" {
				b = c.in(tc.user)
			} else {
				tc.form = newcomer(t, c)
			}
			fill := func(s string) string {
				for _, u := range c.staff.Demo.Staff {
					s = strings.ReplaceAll(s, "@@"+u.User, u.Password)
					if strings.HasSuffix(s, "@"+u.User) || strings.Contains(s, "@"+u.User+"/") {
						s = strings.ReplaceAll(s, "@"+u.User, id(c, u.User))
					}
				}
				return s
			}
			path := fill(tc.path)
			form := url.Values{}
			for k, v := range tc.form {
				for _, s := range v {
					form.Add(k, fill(s))
				}
			}
			shown := b.get(fill(tc.page))
			ticket := regexp.MustCompile(`name="ticket" value="([A-Z2-7]{26})"`).FindStringSubmatch(shown.body)
			if ticket == nil {
				t.Fatalf("%s has no ticket: %s", tc.page, shown.body)
			}
			form.Set("ticket", ticket[1])

			// What is refused may be corrected under the same ticket.
			if tc.name == "a user" {
				bad := maps.Clone(form)
				bad.Set("username", "Bad Name")
				wantStatus(t, b.post(path, bad), http.StatusBadRequest)
			}
			before := tc.count(c)
			first := b.post(path, form)
			if first.StatusCode >= 400 {
				t.Fatalf("%d: %s", first.StatusCode, first.body)
			}
			if tc.count(c) != before+1 {
				t.Fatalf("%d made at first", tc.count(c)-before)
			}
			c.pass(23 * time.Hour)
			if tc.user != "" { // yesterday's session has ended
				b = c.in(tc.user)
			}
			again := b.post(path, form)
			if tc.count(c) != before+1 {
				t.Fatalf("%d made after the second", tc.count(c)-before)
			}
			if again.StatusCode != first.StatusCode || again.Header.Get("Location") != first.Header.Get("Location") {
				t.Errorf("again: %d to %q, at first %d to %q", again.StatusCode, again.location(), first.StatusCode, first.location())
			}
			if again.Header.Get("Idempotent-Replayed") != "true" {
				t.Error("a replay does not say so")
			}
			shows := secrets.MatchString(first.body)
			if shows != (tc.secret != "") {
				t.Errorf("secret shown at first: %v", shows)
			}
			if secrets.MatchString(again.body) {
				t.Errorf("secret shown again: %s", again.body)
			}
			if tc.secret != "" {
				wantIn(t, again, "已经提交过", tc.secret)
			}

			form.Set(tc.change, "agent representative 另行")
			other := b.post(path, form)
			wantStatus(t, other, http.StatusUnprocessableEntity)
			wantIn(t, other, "这份表单已经用别的内容提交过")
			if strings.Contains(other.body, ticket[1]) {
				t.Error("the form is offered with the used ticket")
			}
			if tc.count(c) != before+1 {
				t.Errorf("%d made after another body", tc.count(c)-before)
			}
		})
	}
}

func newcomer(t *testing.T, c *city) url.Values {
	a := c.in("hongqi.handler").post("/activations", formOf("code", "91410702MA00AAC13T", "name", "虚构丙有限公司", "division", "410702", "role", "representative"))
	code := regexp.MustCompile(`<strong class="code">([0-9A-Z-]{23})</strong>`).FindStringSubmatch(a.body)
	if code == nil {
		t.Fatalf("no code: %s", a.body)
	}
	return formOf("activation", code[1], "code", "91410702MA00AAC13T", "name", "李演示", "username", "bing.legal", "password", "gt7-vk2-wq9x", "again", "gt7-vk2-wq9x")
}

// TestTwoAtOnceMakeOneThing: of a double click's two requests one makes the key
// and shows it, the other says that it is made.
func TestTwoAtOnceMakeOneThing(t *testing.T) {
	t.Parallel()
	c := newCity(t, start)
	b := c.in("lead.security")
	before := keys(t, c)
	form := formOf("org", "science", "name", "审查系统", "scope", "lookup", "ticket", strings.Repeat("A2", 13))
	bodies := make([]answer, 6)
	var wg sync.WaitGroup
	for i := range bodies {
		wg.Go(func() { bodies[i] = b.post("/keys", form) })
	}
	wg.Wait()
	shown := 0
	for _, a := range bodies {
		if a.StatusCode != http.StatusOK {
			t.Errorf("%d: %s", a.StatusCode, a.body)
		}
		if secrets.MatchString(a.body) {
			shown++
		}
	}
	if shown != 1 || keys(t, c) != before+1 {
		t.Errorf("%d keys shown, %d made", shown, keys(t, c)-before)
	}
}

func TestTicketIsGoodForADayAndForOnePerson(t *testing.T) {
	t.Parallel()
	c := newCity(t, start)
	form := formOf("kind", "department", "name", "新乡市虚构局", "division", "410700", "ticket", strings.Repeat("A2", 13))
	first := c.in("lead.system").post("/organizations", form)
	c.pass(24*time.Hour - time.Minute)
	if a := c.in("lead.system").post("/organizations", form); a.location() != first.location() {
		t.Errorf("within a day: to %q, not %q", a.location(), first.location())
	}
	c.pass(time.Minute)
	system := c.in("lead.system")
	if a := system.post("/organizations", form); a.location() == first.location() || a.StatusCode != http.StatusSeeOther {
		t.Errorf("after a day: %d to %q", a.StatusCode, a.location())
	}
	// Somebody else's same ticket is not this one: he gets his own refusal.
	a := c.in("hongqi.handler").post("/organizations", form)
	wantStatus(t, a, http.StatusForbidden)

	// The notes are swept when they no longer count, and hold nothing to read.
	c.pass(25 * time.Hour)
	if n, err := c.desk.staff.Sweep(t.Context(), c.now()); err != nil || n != 1 {
		t.Errorf("swept %d, %v", n, err)
	}
	if n, err := c.desk.staff.Sweep(t.Context(), c.now()); err != nil || n != 0 {
		t.Errorf("swept again %d, %v", n, err)
	}
}

// TestThreat_NoSecretIsKeptForAReplay looks for what replies showed in all of Redis.
func TestThreat_NoSecretIsKeptForAReplay(t *testing.T) {
	t.Parallel()
	c := newCity(t, start)
	ticket := strings.Repeat("A2", 13)
	var shown []string
	for _, a := range []answer{
		c.in("lead.system").post("/users", formOf("org", "science", "username", "twice", "name", "双击", "ticket", ticket)),
		c.in("lead.security").post("/keys", formOf("org", "science", "name", "审查系统", "scope", "lookup", "ticket", ticket)),
		c.in("hongqi.handler").post("/activations", formOf("code", "91410702MA00AAC13T", "name", "虚构丙有限公司", "division", "410702", "role", "agent", "ticket", ticket)),
		c.in("jia.legal").post("/account/recovery", formOf("current", c.user("jia.legal").Password, "ticket", ticket)),
	} {
		found := secrets.FindAllStringSubmatch(a.body, -1)
		if found == nil {
			t.Fatalf("%s: no secret: %s", a.Request.URL, a.body)
		}
		for _, m := range found {
			shown = append(shown, m[1]+m[2]+m[3])
		}
	}
	for _, s := range append(shown, ticket) {
		redistest.Grep(t, c.rdb, s)
	}
}

func members(t *testing.T, c *city, org string) int {
	m, err := c.desk.staff.Members(t.Context(), org)
	if err != nil {
		t.Fatal(err)
	}
	return len(m)
}

func user(t *testing.T, c *city, name string) staff.User {
	u, _, err := c.desk.staff.UserByName(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func keys(t *testing.T, c *city) int {
	k, err := c.desk.staff.Keys(t.Context(), staff.Operator(), c.now())
	if err != nil {
		t.Fatal(err)
	}
	return len(k)
}

func activations(t *testing.T, c *city, name, code string) int {
	a, err := c.desk.staff.Actor(t.Context(), user(t, c, name).ID)
	if err != nil {
		t.Fatal(err)
	}
	list, err := c.desk.staff.Activations(t.Context(), a, code, c.now())
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// entries counts the journal's entries of an action.
func entries(t *testing.T, c *city, action string) int {
	all, err := c.rdb.XRange(t.Context(), c.journal.Key("journal"), "-", "+").Result()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range all {
		if e.Values["action"] == action {
			n++
		}
	}
	return n
}
