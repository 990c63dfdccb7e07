package share

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/redistest"
	"ipcredit/shared/repair"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// ours is the authority of the demonstration's bureau: what it determined is the
// city's to repair.
func (k *kit) ours(n int, on workday.Date) string {
	k.t.Helper()
	id := k.record(n, firmA)
	k.apply(credit.Change{Amend: []credit.Amendment{{SubjectCode: firmA, ID: id, Do: func(r *credit.Record) error {
		r.Authority, r.AuthorityCode, r.DeterminedOn, r.PublishedOn, r.Disputed = "新乡市市场监督管理局", "", on, on, false
		return nil
	}}}})
	return id
}

// approved brings an application for repair to its approval.
func (k *kit) approved(o *repair.Office, ids ...string) repair.Application {
	k.t.Helper()
	ctx, agent, now := k.t.Context(), k.actor("jia.agent"), k.now.Now()
	ok := func(a repair.Application, err error) repair.Application {
		k.t.Helper()
		if err != nil {
			k.t.Fatal(err)
		}
		return a
	}
	a := ok(o.File(ctx, agent, repair.Order{Records: ids, Corrected: true, Performed: true, Removed: true}, now))
	ok(o.HandIn(ctx, agent, a.No, repair.Performance, "BOX", now))
	ok(o.Sign(ctx, k.actor("jia.legal"), a.No, now))
	h := k.actor("lead.handler")
	if a.Route == repair.CreditChina {
		ok(o.HandOver(ctx, h, a.No, 0, "信用中国2026-01号", now))
	}
	ok(o.Accept(ctx, h, a.No, 0, now))
	return ok(o.Approve(ctx, k.actor("lead.approver"), a.No, 0, "新测市监信修〔2026〕1号", now))
}

func (k *kit) repairState(o *repair.Office, no string) repair.State {
	k.t.Helper()
	a, err := o.Get(k.t.Context(), k.actor("jia.agent"), no, k.now.Now())
	if err != nil {
		k.t.Fatal(err)
	}
	return a.State
}

func (k *kit) spread(want int) {
	k.t.Helper()
	if n, err := k.store.Spread(k.t.Context(), k.now.Now()); err != nil || n != want {
		k.t.Errorf("closed %d, want %d, %v", n, want, err)
	}
}

// A repair is closed when everybody who was told of its record has confirmed its
// end, and not before; who was told is whoever was told, by whatever way and
// whatever became of his subscription.
func TestARepairIsClosedWhenEverybodyWhoWasToldConfirmed(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		k := newKit(t, rdb, "410700")
		ctx := t.Context()
		k.now.Set(workday.MustDate("2026-10-20").Start().Add(10 * time.Hour)) // a Tuesday
		office := repair.New(k.j)
		k.store.config.Repairs = office
		k.subscribe(wholeCity("court"))
		gone := k.subscribe(wholeCity("science"))
		k.subscribe(wholeCity("customs"))
		day := workday.DateOf(k.now.Now()).AddDays(-120)
		a, b := k.ours(1, day), k.ours(2, day)
		court := k.read("court", "")
		k.read("science", "")
		if _, err := k.store.End(ctx, k.actor("lead.handler"), gone.ID, gone.Version, k.now.Now()); err != nil {
			t.Fatal(err)
		}
		k.spread(0)
		app := k.approved(office, a, b)
		k.spread(0)
		names := func() (list []string) {
			all, err := k.store.Recipients(ctx, a, b)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range Waiting(all) {
				n := slices.Index([]string{a, b}, r.Record)
				list = append(list, fmt.Sprint(r.Org, n+1, r.Event != ""))
			}
			return list
		}
		same(t, "nobody has heard", fmt.Sprint(names()), "[court1 false science1 false court2 false science2 false]")
		ends := k.read("court", court.Next).Changes
		if len(ends) != 2 {
			t.Fatalf("%+v", ends)
		}
		list, err := k.store.Recipients(ctx, ends[0].RecordID)
		if err != nil || list[0].EndTold.IsZero() {
			t.Fatalf("%+v %v", list, err)
		}
		// One working day from when it was told, whoever is told late.
		if due, err := k.store.Due(ctx, list[0]); err != nil || due != workday.MustDate("2026-10-21") {
			t.Errorf("due %s, %v", due, err)
		}
		if due, err := k.store.Due(ctx, list[1]); err != nil || !due.IsZero() {
			t.Errorf("not told, and due %s, %v", due, err)
		}
		for _, c := range ends {
			if _, err := k.store.Answer(ctx, k.actor("court.handler"), c.ID, Feedback{Action: Removed}, k.now.Now()); err != nil {
				t.Fatal(err)
			}
		}
		same(t, "who ended its subscription owes it all the same", fmt.Sprint(names()), "[science1 false science2 false]")
		if s := k.repairState(office, app.No); s != repair.Approved {
			t.Errorf("%s", s)
		}
		// The clock runs out on the day after the first working day, and nothing is
		// closed by that.
		rules, err := office.Rules(ctx)
		if err != nil {
			t.Fatal(err)
		}
		late := func(on string) bool {
			clocks, err := rules.Clocks(app, workday.MustDate(on))
			if err != nil {
				t.Fatal(err)
			}
			i := len(clocks) - 1
			return clocks[i].Name == repair.StopClock && clocks[i].Running() && clocks[i].Overdue(workday.MustDate(on))
		}
		if late("2026-10-21") || !late("2026-10-22") {
			t.Error("the clock of one working day is wrong")
		}
		k.now.Pass(72 * time.Hour)
		k.spread(0)
		// The last confirmation closes it by itself; a letter's number stands for one
		// that came by post, an officer's word does not.
		left := k.read("science", "").Changes
		lead := k.actor("lead.handler")
		if _, err := k.store.OnBehalf(ctx, lead, "science", left[0].ID, Feedback{Action: Removed}, ByLetter, k.now.Now()); !fault.Is(err, fault.Invalid) {
			t.Errorf("an officer's word: %v", err)
		}
		if _, err := k.store.OnBehalf(ctx, k.actor("court.handler"), "science", left[0].ID, Feedback{Removed, "新科函〔2026〕7号"}, ByLetter, k.now.Now()); !fault.Is(err, fault.Forbidden) {
			t.Errorf("another receiver: %v", err)
		}
		if _, err := k.store.OnBehalf(ctx, lead, "science", left[0].ID, Feedback{Removed, "新科函〔2026〕7号"}, ByLetter, k.now.Now()); err != nil {
			t.Fatal(err)
		}
		if s := k.repairState(office, app.No); s != repair.Approved {
			t.Errorf("closed with one record open: %s", s)
		}
		if _, err := k.store.Give(ctx, "science", "key:x", left[1].ID, Feedback{Action: Lifted}, k.now.Now()); err != nil {
			t.Fatal(err)
		}
		if s := k.repairState(office, app.No); s != repair.Propagated {
			t.Errorf("everybody confirmed: %s", s)
		}
		if list, err := office.Spreading(ctx); err != nil || len(list) != 0 {
			t.Errorf("%v %v", list, err)
		}
		inbox, _, err := k.store.config.Staff.Inbox(ctx, k.actor("jia.agent"), "", 50)
		if err != nil || !slices.ContainsFunc(inbox, func(m staff.Message) bool { return m.Kind == "repair.spread" }) {
			t.Errorf("the subject is not told: %v %v", inbox, err)
		}
		k.spread(0)
	})
}

func TestARepairOfWhatNobodyWasToldIsClosedAtOnce(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		k := newKit(t, rdb, "410700")
		k.now.Set(workday.MustDate("2026-10-20").Start().Add(10 * time.Hour))
		office := repair.New(k.j)
		k.store.config.Repairs = office
		k.subscribe(wholeCity("court"))
		app := k.approved(office, k.ours(1, workday.DateOf(k.now.Now()).AddDays(-120)))
		k.spread(1)
		if s := k.repairState(office, app.No); s != repair.Propagated {
			t.Errorf("%s", s)
		}
	})
}

// A record that is published again after its end is owed again when it ends again:
// the first confirmation does not stand for the second.
func TestAConfirmationHoldsForTheEndThatItAnswers(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		k := newKit(t, rdb, "410700")
		ctx := t.Context()
		k.subscribe(wholeCity("court"))
		id := k.record(1, firmA)
		cursor := k.read("court", "").Next
		withdraw := func(w *credit.Withdrawal) {
			k.apply(credit.Change{Amend: []credit.Amendment{{SubjectCode: firmA, ID: id, Do: func(r *credit.Record) error { r.Withdrawn = w; return nil }}}})
		}
		state := func() Recipient {
			list, err := k.store.Recipients(ctx, id)
			if err != nil || len(list) != 1 {
				t.Fatalf("%+v %v", list, err)
			}
			return list[0]
		}
		first := state().Told
		for n := range 2 {
			k.now.Pass(time.Hour)
			withdraw(&credit.Withdrawal{At: k.now.Now(), Reason: "annulled"})
			p := k.read("court", cursor)
			if len(p.Changes) != 1 || state().Confirmed() {
				t.Fatalf("end %d: %+v", n+1, p)
			}
			if _, err := k.store.Give(ctx, "court", "key:x", p.Changes[0].ID, Feedback{Action: Removed}, k.now.Now()); err != nil || !state().Confirmed() {
				t.Fatalf("end %d: %v", n+1, err)
			}
			k.now.Pass(time.Hour)
			withdraw(nil)
			cursor = k.read("court", p.Next).Next
			if s := state(); s.Event != "" || s.Confirmed() || !s.Told.Equal(first) {
				t.Errorf("published again: %+v", s)
			}
		}
	})
}

// What a receiver says in its answer counts for the ends that the very call told,
// and for nothing else.
func TestThreat_AReceiverConfirmsNothingThatItWasNotToldInThatCall(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		k := newKit(t, rdb, "410700")
		ctx := t.Context()
		k.subscribe(wholeCity("science"))
		body := ""
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }))
		defer server.Close()
		p := wholeCity("court")
		p.URL = server.URL
		k.subscribe(p)
		a, b := k.record(1, firmA), k.record(2, firmB)
		published := k.read("science", "")
		k.deliver()
		k.repair(firmA, a)
		other := k.read("science", published.Next).Changes[0]
		body = fmt.Sprintf(`{"answers": [{"change": %q, "action": "removed"}]}`, published.Changes[1].ID)
		k.deliver() // the end of a, answered with b
		k.repair(firmB, b)
		for _, said := range []string{"", "{", `[]`, `{"answers": [{"change": "` + other.ID + `", "action": "applied"}]}`, `{"answers": [{"change": "` + other.ID + `", "action": "removed", "reference": "张样例已知"}]}`} {
			body = said
			k.deliver()
		}
		list, err := k.store.Recipients(ctx, a, b)
		if err != nil || len(Waiting(list)) != len(list) || len(list) != 4 {
			t.Fatalf("%+v %v", list, err)
		}
		// A replay that answers rightly confirms; a person's word is not overwritten.
		log, _, err := k.store.Log(ctx, k.actor("lead.handler"), k.active("court").ID, "", 10, k.now.Now())
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(log, func(d Delivery) bool { return slices.Contains(d.Events, other.ID) })
		for _, said := range []Action{Removed, Lifted} {
			body = fmt.Sprintf(`{"answers": [{"change": %[1]q, "action": %[2]q}, {"change": %[1]q, "action": "none"}]}`, other.ID, said)
			if _, err := k.store.Replay(ctx, k.actor("lead.handler"), log[i].Subscription, log[i].ID, k.now.Now()); err != nil {
				t.Fatal(err)
			}
			k.deliver()
			list, err = k.store.Recipients(ctx, a)
			if err != nil || list[0].Org != "court" || list[0].Answer == nil || list[0].Answer.Action != Removed || list[1].Answer != nil {
				t.Errorf("%+v %v", list, err)
			}
		}
	})
}

// active is the organisation's subscription.
func (k *kit) active(org string) Subscription {
	k.t.Helper()
	list, err := k.store.Of(k.t.Context(), org)
	if err != nil || len(list) != 1 {
		k.t.Fatal(list, err)
	}
	return list[0]
}

// Nobody but the subject itself learns to whom its records were told.
func TestThreat_OnlyASubjectLearnsWhoWasToldOfItsRecords(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		k := newKit(t, rdb, "410700")
		ctx := t.Context()
		k.subscribe(wholeCity("court"))
		a, b := k.record(1, firmA), k.record(2, firmB)
		k.read("court", "")
		k.repair(firmA, a)
		held, err := k.store.Held(ctx, k.actor("jia.agent"), k.now.Now())
		if err != nil || len(held) != 1 || held[0].Record.ID != a || len(held[0].Recipients) != 1 || held[0].Recipients[0].Org != "court" {
			t.Fatalf("%+v %v", held, err)
		}
		if slices.ContainsFunc(held, func(h Holding) bool { return h.Record.ID == b }) {
			t.Error("another's record")
		}
		for _, who := range []string{"lead.handler", "court.handler", "lead.publisher"} {
			if _, err := k.store.Held(ctx, k.actor(who), k.now.Now()); !fault.Is(err, fault.NotFound) {
				t.Errorf("%s: %v", who, err)
			}
		}
		other := k.actor("jia.agent")
		other.Org.Code = firmB // the organisation decides, never what is asked for
		held, err = k.store.Held(ctx, other, k.now.Now())
		if err != nil || len(held) != 1 || held[0].Record.ID != b {
			t.Errorf("%+v %v", held, err)
		}
	})
}
