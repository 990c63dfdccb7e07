package share

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"ipcredit/shared/citytest"
	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/outgoing"
	"ipcredit/shared/redistest"
	"ipcredit/shared/sheet"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

const (
	firmA = "91410771MA00AAA104"
	firmB = "91410771MA00AAA291"
	bank  = "91410772MA00AAB17X"
)

// kit is a city that shares.
type kit struct {
	t     *testing.T
	rdb   *redis.Client
	j     *journal.Journal
	now   citytest.Clock
	staff citytest.Staff
	store *Store
	key   Key
}

func newKit(t *testing.T, rdb *redis.Client, city string) *kit {
	t.Helper()
	k := &kit{t: t, rdb: rdb, j: journal.New(rdb, city, journal.Options{})}
	k.now.Set(time.Now()) // signatures are good for minutes only
	k.staff = citytest.NewStaff(t, k.j, k.now.Now())
	text, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	if k.key, err = ParseKey(text); err != nil {
		t.Fatal(err)
	}
	guard, err := outgoing.NewGuard("127.0.0.0/8")
	if err != nil {
		t.Fatal(err)
	}
	k.store = New(k.j, Config{Credit: credit.NewStore(k.j, credit.Shipped()), Staff: staff.New(k.j), Key: k.key, Guard: guard, Public: "https://city.example"})
	return k
}

func (k *kit) actor(name string) staff.Actor {
	k.t.Helper()
	a, err := k.store.config.Staff.Who(k.t.Context(), k.staff.Session(k.t, name, &k.now), k.now.Now())
	if err != nil {
		k.t.Fatal(err)
	}
	return a
}

func (k *kit) entry() journal.Entry {
	return journal.Entry{Actor: "test", Action: "credit.test", Ref: "test", At: k.now.Now()}
}

// record adds a penalty and returns its id.
func (k *kit) record(n int, code string) string {
	k.t.Helper()
	on := workday.DateOf(k.now.Now()).AddDays(-60)
	row := sheet.NewRow(penalties(k.t), n, map[string]string{
		"subjectName": "新乡市虚构甲科技有限公司", "subjectCode": code, "instrumentNo": fmt.Sprintf("新虚市监处罚〔%d〕%d号", on.Year(), n),
		"violation": "侵犯注册商标专用权", "facts": "销售侵犯注册商标专用权的商品", "basis": "《中华人民共和国商标法》第六十条第二款", "classes": "罚款;没收违法所得、没收非法财物",
		"fine": "1.234567", "confiscated": "0.5", "determinedOn": on.String(), "authority": "新乡市红旗区市场监督管理局", "authorityCode": "11410700000000019U",
	})
	e, problems := credit.Shipped().Parse(credit.Penalty, row, credit.Context{Now: k.now.Now(), City: k.j.City()})
	if len(problems) > 0 {
		k.t.Fatal(problems)
	}
	e.Record.PublishedOn = on
	k.apply(credit.Change{Records: []credit.Entry{e}})
	return e.Record.ID
}

func penalties(t *testing.T) sheet.Schema {
	t.Helper()
	schema, ok := credit.Schema(credit.Penalty)
	if !ok {
		t.Fatal("no schema")
	}
	return schema
}

func (k *kit) apply(c credit.Change) {
	k.t.Helper()
	c.Entry = k.entry()
	if _, _, err := k.store.config.Credit.Apply(k.t.Context(), c); err != nil {
		k.t.Fatal(err)
	}
}

func (k *kit) repair(code, id string) {
	k.t.Helper()
	k.apply(credit.Change{Amend: []credit.Amendment{{SubjectCode: code, ID: id, Do: func(r *credit.Record) error {
		r.Repaired = &credit.Repair{On: workday.DateOf(k.now.Now())}
		return nil
	}}}})
}

// subscribe makes an active subscription.
func (k *kit) subscribe(p Proposal) Subscription {
	k.t.Helper()
	x, err := k.store.Propose(k.t.Context(), k.actor("lead.handler"), p, k.now.Now())
	if err != nil {
		k.t.Fatal(err)
	}
	if x, err = k.store.Decide(k.t.Context(), k.actor("lead.publisher"), x.ID, x.Version, true, k.now.Now()); err != nil {
		k.t.Fatal(err)
	}
	return x
}

func wholeCity(org string) Proposal {
	return Proposal{Org: org, Purpose: Joint, Acts: slices.Clone(credit.Acts), Areas: []string{"410700"}, Basis: "《河南省社会信用条例》第三十条"}
}

func (k *kit) deliver() {
	k.t.Helper()
	if err := k.store.Deliver(k.t.Context(), k.now.Now); err != nil {
		k.t.Fatal(err)
	}
}

func (k *kit) read(org, cursor string) Page {
	k.t.Helper()
	p, err := k.store.Read(k.t.Context(), org, "key:test", cursor, 100, k.now.Now())
	if err != nil {
		k.t.Fatal(err)
	}
	return p
}

func told(list []Change) string {
	var out []string
	for _, c := range list {
		out = append(out, strings.TrimPrefix(string(c.Type), "record.")+" "+c.RecordID)
	}
	return strings.Join(out, ", ")
}

func same(t *testing.T, what, got string, want ...string) {
	t.Helper()
	if got != strings.Join(want, ", ") {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// receiver is a department's system.
type receiver struct {
	*httptest.Server
	sync.Mutex
	status  int
	after   string
	ids     []string
	changes []Change
	calls   int
}

func (k *kit) receiver(secret func() string) *receiver {
	r := &receiver{status: http.StatusOK}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		r.Lock()
		defer r.Unlock()
		r.calls++
		h := q.Header
		if err := Verify(k.key.Public(), h.Get("webhook-id"), h.Get("webhook-timestamp"), h.Get("webhook-signature"), body, k.now.Now()); err != nil {
			k.t.Errorf("v1a: %v", err)
		}
		if secret != nil {
			hook, err := webhooks.NewWebhook(secret())
			if err == nil {
				err = hook.VerifyIgnoringTimestamp(body, h)
			}
			if err != nil {
				k.t.Errorf("v1: %v", err)
			}
		}
		if len(body) >= 20_000 {
			k.t.Errorf("a body of %d bytes", len(body))
		}
		var e envelope
		if err := json.Unmarshal(body, &e); err != nil {
			k.t.Error(err)
		}
		r.ids = append(r.ids, h.Get("webhook-id"))
		if r.status/100 == 2 {
			r.changes = append(r.changes, e.Data.Changes...)
		}
		if r.after != "" {
			w.Header().Set("Retry-After", r.after)
		}
		w.WriteHeader(r.status)
	}))
	k.t.Cleanup(r.Close)
	return r
}

func TestThreat_AReceiverIsToldWhatItsSubscriptionCoversAndNothingElse(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		k := newKit(t, rdb, "410700")
		ctx := t.Context()
		early := k.record(1, firmA)
		k.repair(firmA, early)
		a, b := k.record(2, firmA), k.record(3, firmB)
		zone := wholeCity("science")
		zone.Areas, zone.Acts = []string{"410772"}, []string{string(credit.Penalty)}
		k.subscribe(wholeCity("court"))
		k.subscribe(zone)
		p := k.read("court", "")
		same(t, "what stands, and nothing of what ended before", told(p.Changes), "published "+a, "published "+b)
		if c := p.Changes[0]; c.Code != firmA || c.Act != "penalty" || c.URL != "https://city.example/function/credit-lookup/subjects/"+firmA {
			t.Errorf("%+v", c)
		}
		same(t, "another area", told(k.read("science", "").Changes))
		c := k.record(4, bank)
		same(t, "its own area", told(k.read("science", "").Changes), "published "+c)
		k.repair(firmA, a)
		k.repair(bank, c)
		p = k.read("court", p.Next)
		same(t, "the end of what it had, not of what it never saw", told(p.Changes), "repaired "+a)
		if x := p.Changes[0]; x.Code != "" || x.Act != "" || x.URL != "" {
			t.Errorf("an end says more than the id: %+v", x)
		}
		if again := k.read("court", p.Next); len(again.Changes) != 0 || again.Next != p.Next || again.More {
			t.Errorf("at the end: %+v", again)
		}
		court, lead := k.actor("court.handler"), k.actor("lead.handler")
		open, err := k.store.Open(ctx, court, "court", k.now.Now())
		if err != nil || len(open) != 1 || open[0].Event != p.Changes[0].ID || open[0].Overdue(open[0].Due) || !open[0].Overdue(open[0].Due.AddDays(1)) {
			t.Fatalf("%+v, %v", open, err)
		}
		if _, err := k.store.Open(ctx, court, "science", k.now.Now()); !fault.Is(err, fault.Forbidden) {
			t.Errorf("another's: %v", err)
		}
		for _, tt := range []struct {
			name string
			f    Feedback
			ok   bool
		}{
			{"nothing", Feedback{}, false},
			{"a measure after the end", Feedback{Action: Applied}, false},
			{"free text", Feedback{Action: Removed, Reference: "已告知张样例"}, false},
			{"taken off", Feedback{Action: Removed, Reference: "新科函[2026]7号"}, true},
		} {
			if _, err := k.store.Answer(ctx, court, p.Changes[0].ID, tt.f, k.now.Now()); (err == nil) != tt.ok {
				t.Errorf("%s: %v", tt.name, err)
			}
		}
		if open, err := k.store.Open(ctx, lead, "court", k.now.Now()); err != nil || len(open) != 0 {
			t.Errorf("still open: %v, %v", open, err)
		}
		k.read("court", "")
		if open, err := k.store.Open(ctx, lead, "court", k.now.Now()); err != nil || len(open) != 0 {
			t.Errorf("open again after it was read again: %v, %v", open, err)
		}
		if _, err := k.store.Give(ctx, "customs", "key:x", p.Changes[0].ID, Feedback{Action: Noted}, k.now.Now()); !fault.Is(err, fault.NotFound) {
			t.Errorf("feedback of one who was never told: %v", err)
		}
		if _, err := k.store.Read(ctx, "customs", "key:x", "", 10, k.now.Now()); !fault.Is(err, fault.Forbidden) {
			t.Errorf("one without a subscription: %v", err)
		}
		// A subscription that ended still brings ends, and nothing else.
		list, _ := k.store.Of(ctx, "court")
		if _, err := k.store.End(ctx, lead, list[0].ID, list[0].Version, k.now.Now()); err != nil {
			t.Fatal(err)
		}
		k.record(5, firmB)
		k.repair(firmB, b)
		same(t, "after the subscription", told(k.read("court", p.Next).Changes), "repaired "+b)
	})
}

func TestASubscriptionTakesTwoPeopleAndALegalBasis(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		k := newKit(t, rdb, "410700")
		ctx := t.Context()
		a := k.actor("lead.handler")
		for _, tt := range []struct {
			name  string
			spoil func(*Proposal)
			field string
		}{
			{"as it should be", func(*Proposal) {}, ""},
			{"no basis", func(p *Proposal) { p.Basis = " " }, "basis"},
			{"a telephone number", func(p *Proposal) { p.Basis = "联系13800000000" }, "basis"},
			{"nobody", func(p *Proposal) { p.Org = "nobody" }, "org"},
			{"an enterprise", func(p *Proposal) { p.Org = "subject-jia" }, "org"},
			{"a purpose that is none", func(p *Proposal) { p.Purpose = "curiosity" }, "purpose"},
			{"another's purpose", func(p *Proposal) { p.Purpose = Service }, "purpose"},
			{"praise for who punishes", func(p *Proposal) { p.Acts = []string{string(credit.Licence)} }, "acts"},
			{"blame for who rewards", func(p *Proposal) { p.Purpose = Reward }, "acts"},
			{"no act", func(p *Proposal) { p.Acts = nil }, "acts"},
			{"no area", func(p *Proposal) { p.Areas = nil }, "areas"},
			{"an area that is none", func(p *Proposal) { p.Areas = []string{"110000"} }, "areas"},
			{"over before it begins", func(p *Proposal) { p.Until = workday.DateOf(k.now.Now()).AddDays(-1) }, "until"},
			{"the last day today", func(p *Proposal) { p.Until = workday.DateOf(k.now.Now()) }, ""},
			{"an address inside", func(p *Proposal) { p.URL = "https://10.0.0.1/hook" }, "url"},
			{"metadata of a cloud", func(p *Proposal) { p.URL = "http://169.254.169.254/latest" }, "url"},
			{"in the clear", func(p *Proposal) { p.URL = "http://credit.example.cn/hook" }, "url"},
			{"with a password", func(p *Proposal) { p.URL = "https://a:b@credit.example.cn/hook" }, "url"},
		} {
			p := wholeCity("court")
			tt.spoil(&p)
			_, err := k.store.Propose(ctx, a, p, k.now.Now())
			f, _ := fault.Of(err)
			if (err == nil) != (tt.field == "") || err != nil && (len(f.Fields) != 1 || f.Fields[0].Name != tt.field) {
				t.Errorf("%s: %v %+v", tt.name, err, f)
			}
		}
		x, err := k.store.Propose(ctx, a, wholeCity("court"), k.now.Now())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := k.store.Read(ctx, "court", "key:x", "", 10, k.now.Now()); !fault.Is(err, fault.Forbidden) {
			t.Errorf("before it was approved: %v", err)
		}
		for _, who := range []string{"lead.handler", "lead.statistics", "court.handler", "hongqi.handler"} {
			if _, err := k.store.Decide(ctx, k.actor(who), x.ID, 1, true, k.now.Now()); !fault.Is(err, fault.Forbidden) {
				t.Errorf("%s decided: %v", who, err)
			}
		}
		if _, err := k.store.Decide(ctx, k.actor("lead.publisher"), x.ID, 2, true, k.now.Now()); !fault.Is(err, fault.Stale) {
			t.Errorf("a version that is not the one: %v", err)
		}
		if x, err = k.store.Decide(ctx, k.actor("lead.publisher"), x.ID, 1, false, k.now.Now()); err != nil || x.State != Refused {
			t.Errorf("%v %v", x.State, err)
		}
		if _, err := k.store.List(ctx, k.actor("court.handler"), k.now.Now()); !fault.Is(err, fault.Forbidden) {
			t.Errorf("a receiver lists all subscriptions: %v", err)
		}
	})
}

func TestDeliveriesAreSignedInOrderAndTriedForThreeDays(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		k := newKit(t, rdb, "410700")
		ctx := t.Context()
		var x Subscription
		r := k.receiver(func() string {
			secret, err := k.key.Secret(x.ID, 1)
			if err != nil {
				t.Error(err)
			}
			return secret
		})
		p := wholeCity("court")
		p.URL, p.Shared = r.URL, true
		x = k.subscribe(p)
		lead := k.actor("lead.handler")
		if d, err := k.store.Test(ctx, lead, x.ID, k.now.Now()); err != nil || d.Failed || d.Tries[0].Status != 200 || r.calls != 1 {
			t.Fatalf("test: %+v, %v", d, err)
		}
		a := k.record(1, firmA)
		k.deliver()
		k.deliver()
		same(t, "delivered once", told(r.changes), "published "+a)
		// While it fails nothing overtakes, and what ends meanwhile is not told any more.
		r.status, r.after = http.StatusServiceUnavailable, "600"
		b, c := k.record(2, firmB), k.record(3, firmB)
		k.deliver()
		calls := r.calls
		k.now.Pass(9 * time.Minute)
		k.deliver()
		if r.calls != calls {
			t.Error("Retry-After was not honoured")
		}
		k.repair(firmB, b)
		r.status, r.after = http.StatusOK, ""
		k.now.Pass(2 * time.Minute)
		k.deliver()
		same(t, "after it failed", told(r.changes[1:]), "published "+c, "repaired "+b)
		if n := len(r.ids); r.ids[n-2] != r.ids[n-3] || r.ids[n-1] == r.ids[n-2] {
			t.Errorf("ids of tries: %v", r.ids)
		}
		log, _, err := k.store.Log(ctx, lead, x.ID, "", 10, k.now.Now())
		if err != nil || len(log) != 4 || log[1].Tries[0].Status != 503 || log[1].Taken.IsZero() {
			t.Fatalf("%+v, %v", log, err)
		}
		// Replay: the same under the same id, and where it stood does not change.
		before := len(r.changes)
		if _, err := k.store.Replay(ctx, lead, x.ID, log[1].ID, k.now.Now()); err != nil {
			t.Fatal(err)
		}
		k.deliver()
		same(t, "replayed", told(r.changes[before:]), "published "+c)
		if r.ids[len(r.ids)-1] != log[1].ID {
			t.Error("a replay has another id")
		}
		// For three days, then it stops and loses nothing.
		r.status = http.StatusInternalServerError
		d := k.record(4, firmA)
		first, calls := k.now.Now(), r.calls
		for n := 0; ; n++ {
			k.deliver()
			x, err = k.store.Get(ctx, lead, x.ID, k.now.Now())
			if err != nil || n > 20 {
				t.Fatal(n, err)
			}
			if x.Stopped != "" {
				break
			}
			cur, err := k.store.delivery(ctx, rdb, x.Current)
			if err != nil {
				t.Fatal(err)
			}
			k.now.Set(cur.Next)
		}
		if took := k.now.Now().Sub(first); x.Stopped != WhyTired || r.calls-calls != len(waits)+1 || took < 60*time.Hour || took > 80*time.Hour {
			t.Errorf("stopped for %q after %d calls in %v", x.Stopped, r.calls-calls, took)
		}
		messages, _, err := k.store.config.Staff.Inbox(ctx, k.actor("lead.handler"), "", 50)
		if err != nil || !slices.ContainsFunc(messages, func(m staff.Message) bool { return m.Kind == "share.stopped" && m.Ref == Ref(x.ID) }) {
			t.Errorf("nobody was told: %v", err)
		}
		r.status = http.StatusOK
		before = len(r.changes)
		k.deliver()
		if len(r.changes) != before {
			t.Error("it goes on by itself")
		}
		if x, err = k.store.Resume(ctx, k.actor("lead.handler"), x.ID, x.Version, k.now.Now()); err != nil {
			t.Fatal(err)
		}
		k.deliver()
		same(t, "after resuming", told(r.changes[before:]), "published "+d)
		// 410 ends it at once.
		r.status = http.StatusGone
		k.record(5, firmA)
		k.deliver()
		calls = r.calls
		k.now.Pass(96 * time.Hour)
		k.deliver()
		if x, _ = k.store.Get(ctx, k.actor("lead.handler"), x.ID, k.now.Now()); x.Stopped != WhyGone || r.calls != calls {
			t.Errorf("after 410: %q, %d more calls", x.Stopped, r.calls-calls)
		}
	})
}

func TestThreat_ADeliveryGoesToNoPrivateAddressHoweverItsNameResolves(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		k := newKit(t, rdb, "410700")
		r := k.receiver(nil)
		k.store.config.Guard, _ = outgoing.NewGuard("")
		p := wholeCity("court")
		p.URL = "https://localhost:" + r.URL[strings.LastIndex(r.URL, ":")+1:] + "/hook"
		x := k.subscribe(p)
		k.record(1, firmA)
		k.deliver()
		log, _, err := k.store.Log(t.Context(), k.actor("lead.handler"), x.ID, "", 10, k.now.Now())
		if err != nil || len(log) != 1 || log[0].Tries[0].Why != WhyPrivate || r.calls != 0 {
			t.Errorf("%+v, %v, %d calls", log, err, r.calls)
		}
	})
}

func TestTheDemonstrationsKeyHasWhatToRead(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		k := newKit(t, rdb, "410700")
		for range 2 {
			if err := Demo(t.Context(), k.j, k.now.Now()); err != nil {
				t.Fatal(err)
			}
		}
		a := k.record(1, firmA)
		same(t, "the demonstration", told(k.read("credit-service", "").Changes), "published "+a)
		if list, err := k.store.List(t.Context(), k.actor("lead.handler"), k.now.Now()); err != nil || len(list) != 1 {
			t.Errorf("%d, %v", len(list), err)
		}
	})
}
