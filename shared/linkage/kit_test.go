package linkage_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/citytest"
	"ipcredit/shared/credit"
	"ipcredit/shared/journal"
	"ipcredit/shared/linkage"
	"ipcredit/shared/objects"
	"ipcredit/shared/seal"
	"ipcredit/shared/sheet"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
	"ipcredit/shared/workday"
)

// Fictitious firms, agencies and people.
const (
	firm   = "91410771MA00AAA104"
	other  = "91410771MA00AAA291"
	person = "钱样例金雀"
)

// at is an instant in China.
func at(s string) time.Time {
	if len(s) == len(time.DateOnly) {
		s += " 12:00"
	}
	t, err := time.ParseInLocation("2006-01-02 15:04", s, workday.CST)
	if err != nil {
		panic(err)
	}
	return t
}

var day = workday.MustDate

// number is the i-th fictitious patent application of 2025.
func number(i int) string {
	body := fmt.Sprintf("20251%07d", 9_000_000+i)
	sum := 0
	for n, d := range body {
		sum += int(d-'0') * (2 + n%8)
	}
	return body + "." + string("0123456789X"[sum%11])
}

// row is a good row of a list, with some values of its own.
func row(kind linkage.Kind, values map[string]string) sheet.Row {
	all := map[string]string{
		"number": number(1), "applicant": "新乡市虚构甲科技有限公司", "applicantCode": firm, "agency": "41990", "grounds": "AF1",
		"list": "2026年第1批", "notifiedAt": "2026-03-02", "replyBy": "2026-05-06", "state": "通报", "division": "410771", "holder": "企业",
	}
	if kind == linkage.Mark {
		all["number"], all["class"], all["agency"], all["grounds"] = "99000001", "35", "91410702MA00AAC13T", "TM4"
	}
	for k, v := range values {
		all[k] = v
	}
	return sheet.NewRow(linkage.Schemas()[kind], 1, all)
}

// kit is a city with its keys.
type kit struct {
	t      testing.TB
	j      *journal.Journal
	store  *linkage.Store
	office *linkage.Office
	keys   *seal.Keys
	sealer linkage.Sealer
	units  tipoff.Units
	people citytest.Staff
	clock  citytest.Clock
}

func newKit(t testing.TB, rdb *redis.Client) *kit {
	t.Helper()
	buckets, err := objects.Open(objects.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	j := journal.New(rdb, "410700", journal.Options{})
	k := &kit{t: t, j: j, store: linkage.NewStore(j), keys: seal.NewKeys(buckets.Keys), units: tipoff.Units{}}
	k.clock.Set(at("2026-03-03"))
	fresh := func() seal.Identity {
		id, err := seal.Generate()
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	identities := map[string]seal.Identity{}
	for _, label := range []string{"410700", "410771", "410772", "410702"} {
		identities[label] = fresh()
		k.units[label] = identities[label].Recipient()
	}
	escrow := fresh().Recipient()
	k.sealer = linkage.Sealer{Keys: k.keys, Escrow: escrow, Label: "material", Identity: fresh()}
	k.office = linkage.NewOffice(k.store, k.keys, linkage.OfficeConfig{Identities: identities, Units: k.units, Escrow: escrow})
	k.people = citytest.NewStaff(t, j, k.clock.Now())
	return k
}

// actor is somebody of the demonstration city.
func (k *kit) actor(name string) staff.Actor {
	k.t.Helper()
	return k.people.As(k.t, name)
}

// move takes one application to another state.
func (k *kit) move(who staff.Actor, m linkage.Move) (linkage.Application, error) {
	k.t.Helper()
	r, err := k.office.MoveAll(k.t.Context(), who, []linkage.Move{m}, k.clock.Now())
	if err == nil {
		err = r.Refused[m.ID]
	}
	if err != nil {
		return linkage.Application{}, err
	}
	return k.get(m.ID), nil
}

// put imports rows as one upload and returns what became of each.
func (k *kit) put(batch string, rows ...sheet.Row) []credit.Outcome {
	k.t.Helper()
	kind := linkage.Patent
	var list []linkage.Entry
	for _, r := range rows {
		if r.Has("class") {
			kind = linkage.Mark
		}
		e, problems := linkage.Parse(kind, r, k.clock.Now())
		if len(problems) > 0 {
			k.t.Fatal(problems)
		}
		list = append(list, e)
	}
	by := linkage.Import{Batch: batch, Actor: "key:test", At: k.clock.Now(), City: "410700", Units: k.units}
	sealer := k.sealer
	if err := k.store.Prepare(k.t.Context(), list, by, &sealer, false); err != nil {
		k.t.Fatal(err)
	}
	var out []credit.Outcome
	entry := journal.Entry{Actor: "key:test", Action: "batch.rows", Ref: batch, At: k.clock.Now()}
	err := k.j.Commit(k.t.Context(), entry, nil, func(tx *journal.Tx) error {
		var err error
		out, err = k.store.Put(k.t.Context(), tx, list, by)
		return err
	})
	if err != nil {
		k.t.Fatal(err)
	}
	return out
}

func (k *kit) get(id string) linkage.Application {
	k.t.Helper()
	a, err := k.store.Get(k.t.Context(), id)
	if err != nil {
		k.t.Fatal(err)
	}
	return a
}

func (k *kit) counts(f linkage.Filter) linkage.Counts {
	k.t.Helper()
	c, err := k.store.Counts(k.t.Context(), f)
	if err != nil {
		k.t.Fatal(err)
	}
	return c
}
