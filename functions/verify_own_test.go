package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"ipcredit/shared/credit"
	"ipcredit/shared/journal"
	"ipcredit/shared/notary"
	"ipcredit/shared/subject"
	"ipcredit/shared/workday"
)

// TestVerifyChecksASubjectsProofOfItsRepair: what a subject downloads about a record
// that ended says so to whoever has the log's key, and to nobody if it was bent.
func TestVerifyChecksASubjectsProofOfItsRepair(t *testing.T) {
	t.Parallel()
	o := newNotaryOffice(t, notary.Disclosure)
	log := notary.Open(o.j, o.store, notary.Disclosure, o.key).Mirror()
	store := credit.NewStore(o.j, credit.Shipped()).Public("https://credit.example.cn")
	now := time.Date(2026, 11, 24, 1, 0, 0, 0, time.UTC)
	const firm = "91410771MA00AAA104"
	r := credit.Record{
		Kind: credit.Determination, Act: "DA2", InstrumentNo: "国知信认〔2026〕1号", Authority: "国家知识产权局测试司", Source: credit.Admin,
		Channel: credit.Republish, DeterminedOn: workday.MustDate("2026-04-29"), PublishedOn: workday.MustDate("2026-05-06"),
	}
	r.ID = credit.NewID(r.Kind, r.Authority, r.InstrumentNo, firm)
	apply := func(c credit.Change) {
		t.Helper()
		c.Entry = journal.Entry{Actor: "test", Action: "credit.test", Ref: "test", At: now}
		if _, _, err := store.Apply(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		if _, err := log.Sequence(t.Context(), now); err != nil {
			t.Fatal(err)
		}
	}
	apply(credit.Change{
		Subjects: []subject.Subject{{Code: firm, Name: "新乡市虚构甲科技有限公司", Kind: "enterprise", District: "410771"}},
		Records:  []credit.Entry{{SubjectCode: firm, SubjectName: "新乡市虚构甲科技有限公司", Record: r}},
	})
	apply(credit.Change{Amend: []credit.Amendment{{SubjectCode: firm, ID: r.ID, Do: func(r *credit.Record) error {
		r.Repaired = &credit.Repair{On: workday.DateOf(now)}
		return nil
	}}}})
	p, err := store.Own(t.Context(), firm, r.ID, now)
	if err != nil || p == nil {
		t.Fatal(p, err)
	}
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	v := o.verifying(verification{keys: []string{o.keys("key", o.key)}})
	got, err := v.check(o.file("own.json", text))
	if err != nil {
		t.Fatal(err)
	}
	if said := got.sentence(); !strings.Contains(said, "2026-11-24 "+say("runner.verify.deed.repaired")) || !strings.Contains(said, r.InstrumentNo) {
		t.Errorf("%s", said)
	}
	bent := strings.Replace(string(text), `\"repaired\",\"on\":\"2026-11-24\"`, `\"repaired\",\"on\":\"2026-06-24\"`, 1)
	if bent == string(text) {
		t.Fatalf("%s", text)
	}
	if _, err := v.check(o.file("bent.json", []byte(bent))); err == nil {
		t.Error("repaired on another day")
	}
}
