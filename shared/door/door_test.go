package door_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/citytest"
	"ipcredit/shared/door"
	"ipcredit/shared/fn"
	"ipcredit/shared/journal"
	"ipcredit/shared/open"
	"ipcredit/shared/page"
	"ipcredit/shared/redistest"
	"ipcredit/shared/staff"
)

const prefix = "/function/case-handling"

// TestWhoeverIsNotSignedInMeetsTheSignInPageAndComesBack: a browser is sent there,
// with the page it asked for; a program is told; nobody's answer is stored.
func TestWhoeverIsNotSignedInMeetsTheSignInPageAndComesBack(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		var clock citytest.Clock
		clock.Set(time.Date(2026, 6, 10, 4, 0, 0, 0, time.UTC))
		mux := http.NewServeMux()
		s := httptest.NewServer(mux)
		t.Cleanup(s.Close)
		j := journal.New(rdb, "410700", journal.Options{})
		env := &open.Env{City: "410700", PublicURL: s.URL, Redis: rdb, Journal: j, Now: clock.Now}
		people := citytest.NewStaff(t, j, clock.Now())
		d := door.New(env, staff.New(j), page.New("case-handling", fstest.MapFS{}, env.Site()))
		routes := fn.NewMux("case-handling")
		inside := func(w http.ResponseWriter, _ *http.Request, a staff.Actor) error {
			_, err := w.Write([]byte(a.User.Username))
			return err
		}
		routes.Handle("GET /cases", d.Signed(inside))
		routes.Handle("POST /cases", d.Signed(inside))
		mux.Handle(prefix+"/", http.StripPrefix(prefix, fn.HTTP(routes.Serve)))

		user := people.User(t, "lead.supervisor").User
		opened := staff.CookiePlain + "=" + people.Session(t, "lead.supervisor", &clock)
		const html, program = "text/html", "application/json"
		for _, x := range []struct {
			name, method, accept, cookie, key string
			status                            int
			leads, says                       string
		}{
			{"a browser", "GET", html, "", "", 303, "/function/staff-session/sign-in?return=%2Ffunction%2Fcase-handling%2Fcases%3Fstate%3Dopen", ""},
			{"a browser that sends a form", "POST", html, "", "", 303, "/function/staff-session/sign-in", ""},
			{"a browser with a session that ended", "GET", html, staff.CookiePlain + "=gone", "", 303, "/function/staff-session/sign-in?return=", ""},
			{"a program", "GET", program, "", "", 401, "", "staff.signed_out"},
			{"a program with a key, which opens no page", "GET", html, "", "Bearer ipc_1_2", 401, "", "staff-session"},
			{"somebody signed in", "GET", html, opened, "", 200, "", user},
			{"somebody signed in who sends a form", "POST", html, opened, "", 200, "", user},
		} {
			r, err := http.NewRequestWithContext(t.Context(), x.method, s.URL+prefix+"/cases?state=open", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Accept", x.accept)
			for name, value := range map[string]string{"Cookie": x.cookie, "Authorization": x.key} {
				if value != "" {
					r.Header.Set(name, value)
				}
			}
			res, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			body := new(strings.Builder)
			_ = res.Write(body)
			leads := res.Header.Get("Location")
			if res.StatusCode != x.status || !strings.HasPrefix(leads, x.leads) || (x.leads == "") != (leads == "") {
				t.Errorf("%s: %d to %q", x.name, res.StatusCode, leads)
			}
			if x.says != "" && !strings.Contains(body.String(), x.says) {
				t.Errorf("%s is told %s", x.name, body)
			}
			if cached := res.Header.Get("Cache-Control"); !strings.Contains(cached, "no-store") {
				t.Errorf("%s: Cache-Control %q", x.name, cached)
			}
		}
	})
}
