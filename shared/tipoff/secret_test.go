package tipoff

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/objects"
	"ipcredit/shared/objects/objectstest"
	"ipcredit/shared/redistest"
	"ipcredit/shared/seal"
)

func TestThreat_ErasedIsUnreadableAlsoAfterARestore(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *town) {
		in, kept := w.lodge(t, withName()), w.lodge(t, withName())
		ok(t, w.intake.Say(t.Context(), in.claim(), "", "补充", noon))
		_, box, err := w.evidence.OpenBox(t.Context(), evidenceFor(in))
		ok(t, err)
		w.walk(t, in.Number, noon, Assigned, Verifying, NotFiled, Notified, Closed)
		dump := everything(t, w)
		last := on("2028-06-01")
		if err := w.office.Erase(t.Context(), approver, in.Number, last); !fault.Is(err, fault.Conflict) {
			t.Errorf("on the last day: %v", err)
		}
		due, err := w.office.RetentionDue(t.Context(), approver, on("2028-05-01"))
		ok(t, err)
		if len(due) != 0 {
			t.Errorf("31 days before: %+v", due)
		}
		due, err = w.office.RetentionDue(t.Context(), approver, on("2028-05-02"))
		ok(t, err)
		if len(due) != 1 || due[0].Erase || due[0].Clock.Due != day("2028-06-01") {
			t.Errorf("30 days before: %+v", due)
		}
		after := on("2028-06-02")
		ok(t, w.office.Hold(t.Context(), approver, in.Number, true, "诉讼未结", after))
		if err := w.office.Erase(t.Context(), approver, in.Number, after); !fault.Is(err, fault.Conflict) {
			t.Errorf("held: %v", err)
		}
		if due, err := w.office.RetentionDue(t.Context(), approver, after); err != nil || len(due) != 0 {
			t.Errorf("held: %+v, %v", due, err)
		}
		ok(t, w.office.Hold(t.Context(), approver, in.Number, false, "诉讼已结", after))
		if err := w.office.Erase(t.Context(), handler, in.Number, after); !fault.Is(err, fault.Forbidden) {
			t.Errorf("a handler erases: %v", err)
		}
		ok(t, w.office.Erase(t.Context(), approver, in.Number, after))
		if b, err := w.evidence.Box(t.Context(), box); err == nil && !b.Dropped {
			t.Error("its evidence is still there")
		}
		if err := w.office.Erase(t.Context(), approver, in.Number, after); !fault.Is(err, fault.Gone) {
			t.Errorf("again: %v", err)
		}
		check := func(w *town) {
			v, err := w.intake.Track(t.Context(), in.claim(), after)
			if err != nil || v.ErasedOn != day("2028-06-02") || v.Document != nil || v.Status.Word != "erased" {
				t.Errorf("the reporter sees %+v, %v", v, err)
			}
			if _, err := w.office.Open(t.Context(), handler, in.Number, after); !fault.Is(err, fault.Gone) {
				t.Errorf("the unit: %v", err)
			}
			for label, id := range map[string]seal.Identity{UnitLabel("410702"): w.units["410702"], EscrowLabel: w.escrow} {
				if _, err := w.keys.Open(t.Context(), in.Report.Key, label, id); !errors.Is(err, seal.ErrErased) {
					t.Errorf("%s: %v", label, err)
				}
			}
			if _, err := w.office.Open(t.Context(), handler, kept.Number, after); err != nil {
				t.Errorf("another one: %v", err)
			}
		}
		check(w)
		archive := journal.NewArchive(w.buckets.Main, time.Hour, time.Now)
		_, err = archive.Run(t.Context(), w.j)
		ok(t, err)
		ok(t, w.rdb.FlushAll(t.Context()).Err())
		ok(t, archive.Restore(t.Context(), w.j, nil))
		check(w)
		// Whoever has kept every sealed byte of before, and every key of today.
		keys := []seal.Identity{w.units["410702"], w.units["410700"], w.escrow, w.custody}
		for _, sealed := range dump[in.Number] {
			for _, id := range keys {
				if _, err := id.UnsealString(sealed); err == nil {
					t.Error("a sealed text of before opens")
				}
			}
		}
		if len(dump[in.Number]) == 0 {
			t.Error("nothing was kept to try")
		}
	})
}

// everything is what Redis holds sealed of each tip-off.
func everything(t testing.TB, w *town) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	keys, err := w.rdb.Keys(t.Context(), "*:tipoff:*:content").Result()
	ok(t, err)
	for _, k := range keys {
		v, err := w.rdb.Get(t.Context(), k).Result()
		ok(t, err)
		number := strings.Split(k, ":")[2]
		out[number] = append(out[number], v)
	}
	return out
}

// TestThreat_DumpOfEverythingAndAllSecretsOfIntake: Redis, both buckets and
// whatever report-intake and evidence-upload hold open nothing and tell nobody.
func TestThreat_DumpOfEverythingAndAllSecretsOfIntake(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	buckets, err := objects.Open(objects.Config{Dir: dir})
	ok(t, err)
	w := newTown(t, redistest.Embedded(t), buckets)
	in := w.lodge(t, withName())
	ok(t, w.intake.Say(t.Context(), in.claim(), ticket(), "证人是"+canaryName, noon))
	ok(t, w.office.Answer(t.Context(), handler, in.Number, ticket(), "已联系"+canaryPhone, noon))
	ok(t, w.office.Note(t.Context(), handler, in.Number, canaryName+"可信", noon))
	id, err := w.office.AskIdentity(t.Context(), handler, in.Number, "核实"+canaryName, noon)
	ok(t, err)
	ok(t, w.office.OpenIdentity(t.Context(), custodian, in.Number, id, true, noon))
	_, err = w.office.Identity(t.Context(), handler, in.Number, id, noon)
	ok(t, err)
	_, err = w.office.Duplicates(t.Context(), handler, in.Number, noon)
	ok(t, err)
	w.walk(t, in.Number, noon, Assigned, Verifying, NotFiled)
	archive := journal.NewArchive(w.buckets.Main, time.Hour, time.Now)
	for _, canary := range []string{canaryName, canaryPhone, canaryNarrative, canaryParty, "样例星河", "202510999999", in.Receipt, strings.ReplaceAll(in.Receipt, "-", ""), "示例路"} {
		redistest.Grep(t, w.rdb, canary)
	}
	_, err = archive.Run(t.Context(), w.j)
	ok(t, err)
	_, err = w.log.Sequence(t.Context(), noon)
	ok(t, err)
	for _, canary := range []string{canaryName, canaryPhone, canaryNarrative, canaryParty, in.Receipt} {
		objectstest.Grep(t, dir, canary)
	}
	// Everything that report-intake mounts, tried as a key in every way there is.
	held := map[string][]byte{"intake-mac": w.mac, "receipt-signing": []byte(w.signing.Public())}
	var identities []seal.Identity
	for _, secret := range held {
		for _, ref := range []string{in.Number, in.Report.Key, Ref(in.Number)} {
			id, err := seal.FromReceipt(secret, ref)
			ok(t, err)
			identities = append(identities, id)
		}
	}
	for _, key := range []string{in.Number, FormatNumber(in.Number), in.Report.Key, in.Report.Commitment} {
		r := deriveReceipt(w.mac, key)
		id, err := r.identity(in.Number)
		ok(t, err)
		identities = append(identities, id)
		if r.text() == in.Receipt {
			t.Error("the receipt follows from what is stored")
		}
	}
	labels, err := w.keys.Labels(t.Context(), in.Report.Key)
	ok(t, err)
	for _, id := range identities {
		for _, label := range labels {
			if _, err := w.keys.Open(t.Context(), in.Report.Key, label, id); err == nil {
				t.Errorf("%s opens", label)
			}
		}
	}
	// What tells whether a guess is right needs the receipt: neither fingerprint
	// nor commitment can be tested without it.
	doc, err := document(withName())
	ok(t, err)
	stored, err := w.rdb.Get(t.Context(), w.intake.store.key(in.Number, "receipt")).Result()
	ok(t, err)
	for _, key := range []string{in.Number, in.Report.Key} {
		r := deriveReceipt(w.mac, key)
		if r.sameBody(in.Number, stored, doc) || r.fits(in.Number, stored) {
			t.Error("a guess can be tested")
		}
	}
}

func TestErrorsNameNobody(t *testing.T) {
	t.Parallel()
	w := desk(t)
	bad := withName()
	bad.Kind = "x"
	bad.Parties[0].Code = "123"
	bad.Reporter.Contact = strings.Repeat(canaryPhone, 20)
	_, err := w.intake.Lodge(t.Context(), Submission{Key: ticket(), Lodged: bad}, noon)
	in := w.lodge(t, withName())
	ok(t, w.rdb.Set(t.Context(), w.intake.store.key(in.Number, "content"), canaryName, 0).Err())
	_, damaged := w.intake.Track(t.Context(), in.claim(), noon)
	for _, e := range []error{err, damaged} {
		if e == nil {
			t.Fatal("no error")
		}
		f, _ := fault.Of(e)
		said := fmt.Sprintf("%v %+v %#v", e, e, f)
		if f != nil {
			said += fmt.Sprint(f.Args, f.Fields)
		}
		for _, canary := range []string{canaryName, canaryPhone, canaryNarrative, in.Receipt} {
			if strings.Contains(said, canary) {
				t.Errorf("an error says %q", canary)
			}
		}
	}
	if s := fmt.Sprintf("%v %+v %#v", in, in.claim(), in.claim()); strings.Contains(s, in.Receipt) {
		t.Error("a receipt can be printed")
	}
}

func TestSealedSizesTellTheBucketOnly(t *testing.T) {
	t.Parallel()
	w := desk(t)
	sizes := map[int]bool{}
	for _, n := range []int{1, 30, 60} {
		l := withoutName()
		l.Narrative = strings.Repeat("举", n)
		in := w.lodge(t, l)
		text, err := w.intake.store.content(t.Context(), in.Number)
		ok(t, err)
		sizes[len(text)] = true
		if in.Report.Size != 2048 && in.Report.Size != 512 {
			t.Errorf("size %d", in.Report.Size)
		}
	}
	if len(sizes) != 1 {
		t.Errorf("sizes %v", sizes)
	}
}
