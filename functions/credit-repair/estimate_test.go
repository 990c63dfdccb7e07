package function

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"ipcredit/shared/fn"
	"ipcredit/shared/journal"
	"ipcredit/shared/open"
	"ipcredit/shared/redistest"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	m.Run()
}

const prefix = "/function/credit-repair"

// city is the function behind its edge.
func city(t *testing.T) http.Handler {
	t.Helper()
	rdb := redistest.Embedded(t)
	mux, err := routes(&open.Env{
		City: "410700", PublicURL: "http://127.0.0.1:8080", Redis: rdb,
		Journal: journal.New(rdb, "410700", journal.Options{}),
		Now:     func() time.Time { return time.Date(2026, 11, 24, 1, 0, 0, 0, time.UTC) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return http.StripPrefix(prefix, fn.HTTP(mux.Serve))
}

func ask(t *testing.T, h http.Handler, query, accept string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, prefix+"/estimate?"+query, nil)
	r.Header.Set("Accept", accept)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestEstimateFollowsTheRules(t *testing.T) {
	t.Parallel()
	h := city(t)
	tests := []struct{ name, query, from, until, repair, refused string }{
		{"one year, the last day included", "route=CNIPA&determined=2025-03-10", "2025-03-10", "2026-03-10", "2025-09-11", ""},
		{"a second inside the first adds a year after it", "route=CNIPA&determined=2025-03-10&determined2=2025-09-01", "2025-03-10", "2027-03-10", "2026-03-02", ""},
		{"the order is irrelevant", "route=CNIPA&determined=2025-09-01&determined2=2025-03-10", "2025-03-10", "2027-03-10", "2026-03-02", ""},
		{"the last day still stacks", "route=CNIPA&determined=2025-03-10&determined=2026-03-10", "2025-03-10", "2027-03-10", "2026-09-11", ""},
		{"the day after begins anew", "route=CNIPA&determined=2025-03-10&determined2=2026-03-11", "2026-03-11", "2027-03-11", "2026-09-12", ""},
		{"three years at most", "route=CNIPA&determined=2025-03-10&determined2=2025-04-01&determined3=2025-05-01&determined4=2025-06-01", "2025-03-10", "2028-03-10", "2025-12-02", ""},
		{"29 February", "route=CNIPA&determined=2024-02-29", "2024-02-29", "2025-02-28", "2024-08-30", ""},
		{"the end of a month", "route=CNIPA&determined=2025-08-31", "2025-08-31", "2026-08-31", "2026-03-01", ""},
		{"a year after the last repair", "route=CNIPA&determined=2025-03-10&lastRepair=2025-10-01", "2025-03-10", "2026-03-10", "2025-09-11", "2026-10-01"},
		{"minor", "route=TIER&tier=minor&determined=2026-04-10", "2026-04-10", "2026-07-10", "2026-04-10", ""},
		{"general", "route=TIER&tier=general&determined=2026-04-10", "2026-04-10", "2027-04-10", "2026-07-11", ""},
		{"serious", "route=TIER&tier=serious&determined=2026-04-10", "2026-04-10", "2029-04-10", "2027-04-11", ""},
		{"three months from the end of November", "route=TIER&tier=general&determined=2026-11-30", "2026-11-30", "2027-11-30", "2027-03-01", ""},
	}
	for _, x := range tests {
		t.Run(x.name, func(t *testing.T) {
			w := ask(t, h, x.query, "application/json")
			var got struct {
				DisplayFrom, DisplayUntil, RepairFrom string
				RefusedUntil                          *string
				Basis                                 []struct{ Source, Article string }
			}
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusOK {
				t.Fatalf("%d %s (%v)", w.Code, w.Body, err)
			}
			refused := ""
			if got.RefusedUntil != nil {
				refused = *got.RefusedUntil
			}
			if got.DisplayFrom != x.from || got.DisplayUntil != x.until || got.RepairFrom != x.repair || refused != x.refused {
				t.Errorf("got %s", w.Body)
			}
			if len(got.Basis) == 0 || got.Basis[0].Source == "" {
				t.Errorf("no basis: %s", w.Body)
			}
		})
	}
}

func TestEstimateNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	h := city(t)
	tests := []struct{ name, query, field string }{
		{"no route", "determined=2025-03-10", "route"},
		{"an unknown route", "route=SAMR&determined=2025-03-10", "route"},
		{"no tier", "route=TIER&determined=2026-04-10", "tier"},
		{"an unknown tier", "route=TIER&tier=grave&determined=2026-04-10", "tier"},
		{"no date", "route=CNIPA", "determined"},
		{"a day that does not exist", "route=CNIPA&determined=2025-02-30", "determined"},
		{"a second one that does not exist", "route=CNIPA&determined=2025-02-28&determined2=2025-13-01", "determined2"},
		{"a last repair that is no date", "route=CNIPA&determined=2025-02-28&lastRepair=yesterday", "lastRepair"},
		{"before the rule", "route=TIER&tier=general&determined=2026-03-31", "determined"},
		{"a misspelt parameter", "route=CNIPA&determined=2025-02-28&lastrepair=2025-01-01", "lastrepair"},
		{"the route twice", "route=CNIPA&route=TIER&determined=2025-02-28", "route"},
	}
	for _, x := range tests {
		t.Run(x.name, func(t *testing.T) {
			w := ask(t, h, x.query, "application/json")
			var got struct {
				Errors []struct{ Pointer, Field string }
			}
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code < 400 || w.Code >= 500 {
				t.Fatalf("%d %s (%v)", w.Code, w.Body, err)
			}
			if !strings.Contains(w.Body.String(), `"`+x.field+`"`) && !strings.Contains(w.Body.String(), "/"+x.field) {
				t.Errorf("%s is not named: %s", x.field, w.Body)
			}
		})
	}
}

func TestEstimateIsAPageToo(t *testing.T) {
	t.Parallel()
	h := city(t)
	for _, x := range []struct {
		query string
		code  int
		holds string
	}{
		{"", 200, "认定日期"},
		{"route=TIER&tier=serious&determined=2026-04-10&determined2=&lastRepair=", 200, "2029"},
		{"route=CNIPA&determined=2025-02-30&tier=", 400, "2025-02-30"},
	} {
		w := ask(t, h, x.query, "text/html")
		if w.Code != x.code || !strings.Contains(w.Body.String(), x.holds) {
			t.Errorf("%q: %d %s", x.query, w.Code, w.Body)
		}
	}
	if vary := ask(t, h, "", "text/html").Header().Values("Vary"); !slices.Contains(vary, "Accept") {
		t.Errorf("Vary %q", vary)
	}
}
