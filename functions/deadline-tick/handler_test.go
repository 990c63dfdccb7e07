package function

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/citytest"
	"ipcredit/shared/clock"
	"ipcredit/shared/fn"
	"ipcredit/shared/journal"
	"ipcredit/shared/linkage"
	"ipcredit/shared/objects"
	"ipcredit/shared/open"
	"ipcredit/shared/redistest"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/seal"
	"ipcredit/shared/sheet"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	m.Run()
}

// city is the function with the demonstration city's people.
type city struct {
	t     *testing.T
	rdb   *redis.Client
	env   *open.Env
	clock citytest.Clock
	staff citytest.Staff
}

func newCity(t *testing.T, rdb *redis.Client) *city {
	t.Helper()
	c := &city{t: t, rdb: rdb}
	c.clock.Set(time.Date(2026, 4, 29, 4, 0, 0, 0, time.UTC))
	// No secret of its own: it opens with none there.
	open.Use(map[string]string{
		"redis_url": "redis://" + rdb.Options().Addr, "s3_url": "file://" + filepath.Join(t.TempDir(), "objects"),
		"secret_mount_path": t.TempDir(), "public_url": "http://127.0.0.1:8080", "city": "410700", "demo": "1",
	})
	var err error
	if c.env, err = open.Open(Needs); err != nil {
		t.Fatal(err)
	}
	c.env.Now = c.clock.Now
	c.staff = citytest.NewStaff(t, c.env.Journal, c.clock.Now())
	return c
}

// replica is one more instance of the function.
func (c *city) replica() http.Handler {
	c.t.Helper()
	mux, err := routes(c.env)
	if err != nil {
		c.t.Fatal(err)
	}
	return fn.HTTP(mux.Serve)
}

// keep puts a record into the index whose check is due on 2026-05-22.
func (c *city) keep(ref string) {
	c.t.Helper()
	rule, ok := ruleset.For("tipoff-check", workday.MustDate("2026-04-29"))
	if !ok {
		c.t.Fatal("no rule")
	}
	timer := clock.Timer{Name: "check", From: workday.MustDate("2026-04-29"), Period: workday.Period{N: 15, Unit: workday.Workdays}, Rule: rule}
	err := c.env.Journal.Commit(c.t.Context(), journal.Entry{Actor: "u", Action: "test.keep", At: c.clock.Now()}, nil, func(tx *journal.Tx) error {
		return clock.New(c.env.Journal).Keep(tx, clock.Kept{Ref: ref, Unit: "410702", Matter: "tipoff",
			Clocks: []clock.Clock{timer.Clock(workday.Official(), workday.MustDate("2026-04-29"))}})
	})
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *city) told(org string) int {
	c.t.Helper()
	list, _, err := c.staff.Inbox(context.Background(), staff.Actor{Org: staff.Organization{ID: org}}, "", 200)
	if err != nil {
		c.t.Fatal(err)
	}
	n := 0
	for _, m := range list {
		if strings.HasPrefix(m.Kind, "clock.") {
			n++
		}
	}
	return n
}

func TestItOpensNoSecret(t *testing.T) {
	if len(Needs.Secrets) != 0 {
		t.Errorf("deadline-tick opens %v", Needs.Secrets)
	}
}

func TestHoweverOftenItIsCalledEachLevelIsToldOnce(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb)
		c.keep("case:1")
		replicas := []http.Handler{c.replica(), c.replica(), c.replica(), c.replica()}
		for _, day := range []struct {
			on           string
			hongqi, lead int
		}{{"2026-05-19", 0, 0}, {"2026-05-20", 1, 0}, {"2026-05-29", 2, 1}, {"2026-06-05", 3, 2}} {
			for range 2 { // the second minute of the same day changes nothing
				c.clock.Set(workday.MustDate(day.on).Start().Add(12 * time.Hour))
				if err := rdb.Del(t.Context(), c.env.Journal.Tmp("tick", Needs.Function)).Err(); err != nil {
					t.Fatal(err)
				}
				var callers sync.WaitGroup
				for n := range 16 {
					callers.Go(func() {
						w := httptest.NewRecorder()
						replicas[n%len(replicas)].ServeHTTP(w, httptest.NewRequest("POST", "/", nil))
						if w.Code != http.StatusNoContent {
							t.Errorf("%s: %d %s", day.on, w.Code, w.Body)
						}
					})
				}
				callers.Wait()
			}
			if got := c.told("hongqi"); got != day.hongqi {
				t.Errorf("%s: the unit has %d messages, want %d", day.on, got, day.hongqi)
			}
			if got := c.told("lead"); got != day.lead {
				t.Errorf("%s: the lead bureau has %d messages, want %d", day.on, got, day.lead)
			}
		}
		if left := rdb.XLen(t.Context(), c.env.Journal.Key("journal")).Val(); left != 0 {
			// What the last run wrote waits for the next one.
			if err := rdb.Del(t.Context(), c.env.Journal.Tmp("tick", Needs.Function)).Err(); err != nil {
				t.Fatal(err)
			}
			c.replica().ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/", nil))
			if left := rdb.XLen(t.Context(), c.env.Journal.Key("journal")).Val(); left != 0 {
				t.Errorf("%d entries are not archived", left)
			}
		}
	})
}

// away is a store that cannot be reached.
type away struct{ objects.Store }

var errAway = errors.New("the store cannot be reached")

func (away) Create(context.Context, string, []byte, objects.Attr) (objects.Info, error) {
	return objects.Info{}, errAway
}

func (away) Get(context.Context, string) ([]byte, objects.Info, error) {
	return nil, objects.Info{}, errAway
}

func TestClocksAreSeenToWhileTheArchiveIsAway(t *testing.T) {
	c := newCity(t, redistest.Embedded(t))
	c.keep("case:1")
	c.clock.Set(workday.MustDate("2026-05-20").Start().Add(12 * time.Hour))
	c.env.Archive = journal.NewArchive(away{c.env.Objects.Main}, journal.KeepSegments, c.clock.Now)
	w := httptest.NewRecorder()
	c.replica().ServeHTTP(w, httptest.NewRequest("POST", "/", nil))
	if w.Code < 500 {
		t.Errorf("%d: a failed archive is told", w.Code)
	}
	if got := c.told("hongqi"); got != 1 {
		t.Errorf("%d messages", got)
	}
}

// TestTheTickTellsOfListsBelowTheTargetAndForgetsWhatIsPastItsTime: both once, by
// whichever replica.
func TestTheTickTellsOfListsBelowTheTargetAndForgetsWhatIsPastItsTime(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb)
		keys := seal.NewKeys(c.env.Objects.Keys)
		desk, err := seal.Generate()
		if err != nil {
			t.Fatal(err)
		}
		store, now := linkage.NewStore(c.env.Journal), c.clock.Now()
		e, problems := linkage.Parse(linkage.Patent, sheet.NewRow(linkage.Schemas()[linkage.Patent], 1, map[string]string{
			"number": linkage.DemoNumber(1), "applicant": "钱样例金雀", "agency": "", "grounds": "AF1", "list": "甲批", "notifiedAt": "2026-03-02",
			"replyBy": "2026-05-06", "state": "驳回", "stateOn": "2026-04-01", "division": "410771", "holder": "个人",
		}), now)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		by := linkage.Import{Batch: "b1", Actor: "key:test", At: now, City: "410700"}
		rows := []linkage.Entry{e}
		if err := store.Prepare(t.Context(), rows, by, &linkage.Sealer{Keys: keys, Escrow: desk.Recipient(), Label: "material", Identity: desk}, false); err != nil {
			t.Fatal(err)
		}
		if err := c.env.Journal.Commit(t.Context(), journal.Entry{Actor: "u", Action: "test.put", At: now}, nil, func(tx *journal.Tx) error {
			_, err := store.Put(t.Context(), tx, rows, by)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		tick := func(on string) {
			t.Helper()
			c.clock.Set(workday.MustDate(on).Start().Add(12 * time.Hour))
			if err := rdb.Del(t.Context(), c.env.Journal.Tmp("tick", Needs.Function)).Err(); err != nil {
				t.Fatal(err)
			}
			w := httptest.NewRecorder()
			c.replica().ServeHTTP(w, httptest.NewRequest("POST", "/", nil))
			if w.Code != http.StatusNoContent {
				t.Fatalf("%s: %d %s", on, w.Code, w.Body)
			}
		}
		alarms := func(org string) (n int) {
			list, _, err := c.staff.Inbox(t.Context(), staff.Actor{Org: staff.Organization{ID: org}}, "", 200)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range list {
				if m.Kind == "linkage.alarm" {
					n++
				}
			}
			return n
		}
		for _, x := range []struct {
			on   string
			want int
		}{{"2026-05-06", 0}, {"2026-05-07", 1}, {"2026-05-08", 1}} {
			if tick(x.on); alarms("lead") != x.want || alarms("gaoxin") != x.want || alarms("hongqi") != 0 {
				t.Errorf("%s: %d, %d, %d messages", x.on, alarms("lead"), alarms("gaoxin"), alarms("hongqi"))
			}
		}
		a, err := store.Get(t.Context(), linkage.DemoNumber(1))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := keys.Labels(t.Context(), a.Applicant.Key); err != nil {
			t.Error("forgotten too early:", err)
		}
		tick("2028-04-30") // the list was received on 2026-04-29: two years
		if _, err := keys.Labels(t.Context(), a.Applicant.Key); !errors.Is(err, seal.ErrErased) {
			t.Error("not forgotten:", err)
		}
	})
}
