package function

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/citytest"
	"ipcredit/shared/fn"
	"ipcredit/shared/journal"
	"ipcredit/shared/linkage"
	"ipcredit/shared/objects"
	"ipcredit/shared/open"
	"ipcredit/shared/redistest"
	"ipcredit/shared/seal"
	"ipcredit/shared/sheet"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	m.Run()
}

const prefix = "/function/summary-report"

// canary is a natural person's name among the applicants.
const canary = "钱样例金雀"

// city is the function as the gateway serves it, on a clock the test sets.
type city struct {
	t      testing.TB
	env    *open.Env
	store  *linkage.Store
	people citytest.Staff
	sealer *linkage.Sealer
	clock  citytest.Clock
	public string
}

func newCity(t testing.TB, rdb *redis.Client) *city {
	t.Helper()
	c := &city{t: t}
	c.clock.Set(time.Date(2026, 6, 10, 4, 0, 0, 0, time.UTC))
	mux := http.NewServeMux()
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	c.public = s.URL
	j := journal.New(rdb, "410700", journal.Options{})
	c.env = &open.Env{City: "410700", PublicURL: s.URL, Demo: true, Redis: rdb, Journal: j, Now: c.clock.Now}
	mux.Handle(prefix+"/", http.StripPrefix(prefix, fn.HTTP(routes(c.env).Serve)))
	mux.HandleFunc("/function/staff-session/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, `<!DOCTYPE html><html lang="zh-CN"><title>登录</title><h1>登录</h1>`)
	})
	c.store, c.people = linkage.NewStore(j), citytest.NewStaff(t, j, c.clock.Now())
	buckets, err := objects.Open(objects.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	own, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	c.sealer = &linkage.Sealer{Keys: seal.NewKeys(buckets.Keys), Escrow: own.Recipient(), Label: "material", Identity: own}
	return c
}

func embedded(t testing.TB) *city { return newCity(t, redistest.Embedded(t)) }

// put imports rows, 500 at a time.
func (c *city) put(kind linkage.Kind, rows ...map[string]string) {
	c.t.Helper()
	by := linkage.Import{Batch: "b1", Actor: "key:test", At: c.clock.Now(), City: "410700"}
	var list []linkage.Entry
	for i, values := range rows {
		e, problems := linkage.Parse(kind, sheet.NewRow(linkage.Schemas()[kind], i+1, values), c.clock.Now())
		if len(problems) > 0 {
			c.t.Fatal(problems)
		}
		if list = append(list, e); len(list) < 500 && i < len(rows)-1 {
			continue
		}
		if err := c.store.Prepare(c.t.Context(), list, by, c.sealer, false); err != nil {
			c.t.Fatal(err)
		}
		entry := journal.Entry{Actor: "key:test", Action: "batch.rows", Ref: "b1", At: c.clock.Now()}
		err := c.env.Journal.Commit(c.t.Context(), entry, nil, func(tx *journal.Tx) error {
			_, err := c.store.Put(c.t.Context(), tx, list, by)
			return err
		})
		if err != nil {
			c.t.Fatal(err)
		}
		list = nil
	}
}

// application is a row about the i-th application, with values of its own.
func application(i int, values map[string]string) map[string]string {
	all := map[string]string{
		"number": linkage.DemoNumber(i), "applicant": "新乡市虚构甲科技有限公司", "applicantCode": "91410771MA00AAA104", "agency": "41990",
		"grounds": "AF1", "list": "2026年第1批", "notifiedAt": "2026-03-02", "replyBy": "2026-05-06", "state": "通报", "division": "410771", "holder": "企业",
	}
	for k, v := range values {
		all[k] = v
	}
	return all
}

// cohort imports so many applications, of which so many are withdrawn.
func (c *city) cohort(first, notified, withdrawn int, values map[string]string) {
	c.t.Helper()
	var rows []map[string]string
	for i := range notified {
		r := application(first+i, values)
		if i < withdrawn {
			r["state"] = "已撤回"
		}
		rows = append(rows, r)
	}
	c.put(linkage.Patent, rows...)
}

// demo loads the lists of the demonstration city.
func (c *city) demo() {
	c.t.Helper()
	for _, l := range linkage.Demo(workday.DateOf(c.clock.Now())) {
		var rows []map[string]string
		for _, cells := range l.Rows {
			r := map[string]string{}
			for i, column := range linkage.Schemas()[l.Kind].Columns {
				r[column.Field] = cells[i]
			}
			rows = append(rows, r)
		}
		c.put(l.Kind, rows...)
	}
}

// reply is a response read to its end.
type reply struct {
	*http.Response
	body string
}

// get asks for a path below the function, with headers given in pairs.
func (c *city) get(path string, headers ...string) reply {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, c.public+prefix+path, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	w, err := client.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = w.Body.Close() }()
	data, err := io.ReadAll(w.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return reply{w, string(data)}
}

// page asks as a browser of somebody signed in; of nobody where user is empty.
func (c *city) page(user, path string) reply {
	c.t.Helper()
	headers := []string{"Accept", "text/html"}
	if user != "" {
		headers = append(headers, "Cookie", staff.CookiePlain+"="+c.people.Session(c.t, user, &c.clock))
	}
	return c.get(path, headers...)
}

// refusedFor checks that a refusal names a field.
func (a reply) refusedFor(t *testing.T, status int, field string) {
	t.Helper()
	var p struct {
		Detail string
		Errors []struct{ Field, Message string }
	}
	if err := json.Unmarshal([]byte(a.body), &p); err != nil || a.StatusCode != status {
		t.Fatal(a.StatusCode, a.body, err)
	}
	if len(p.Errors) != 1 || p.Errors[0].Field != field || p.Errors[0].Message == "" || strings.Contains(p.Errors[0].Message, "fault.") {
		t.Error(a.body)
	}
}
