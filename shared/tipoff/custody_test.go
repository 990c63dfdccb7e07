package tipoff

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"testing"

	"ipcredit/shared/journal"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
)

// keptBy makes an office whose custodian has this key.
func (w *town) keptBy(t *testing.T, custodian seal.Identity) *Office {
	t.Helper()
	o, err := NewOffice(w.j, w.keys, OfficeConfig{
		Identities: w.units, Units: w.office.units, Escrow: w.escrow.Recipient(), Custodian: custodian, Evidence: w.evidence,
	})
	ok(t, err)
	return o
}

// granted has a handler ask for the identity and a custodian agree.
func (w *town) granted(t *testing.T, number string) string {
	t.Helper()
	id, err := w.office.AskIdentity(t.Context(), handler, number, "需要当面核实", noon)
	ok(t, err)
	ok(t, w.office.OpenIdentity(t.Context(), custodian, number, id, true, noon))
	return id
}

// knows makes sure that the office's custodian opens the identity, or does not.
func knows(t *testing.T, what string, o *Office, number, ask string, want error) {
	t.Helper()
	who, err := o.Identity(t.Context(), handler, number, ask, noon)
	if !errors.Is(err, want) || err == nil && who != (Reporter{canaryName, canaryPhone}) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

// TestIdentitySurvivesTheLossAndTheChangeOfTheCustodiansKey: it has a key of its
// own, whose wraps alone are changed: nothing in Redis, nothing in the journal.
func TestIdentitySurvivesTheLossAndTheChangeOfTheCustodiansKey(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *town) {
		named := w.lodge(t, withName())
		claimed := w.lodge(t, withoutName())
		if claimed.Report.Person != "" {
			t.Error("an anonymous tip-off has a key for an identity")
		}
		ok(t, w.intake.ClaimReward(t.Context(), claimed.claim(), &Reporter{canaryName, canaryPhone}, "", noon))
		all := []string{named.Number, claimed.Number}
		asks := map[string]string{}
		for _, number := range all {
			asks[number] = w.granted(t, number)
			r, _, err := w.office.store.report(t.Context(), number)
			ok(t, err)
			labels, err := w.keys.Labels(t.Context(), r.Person)
			if err != nil || !slices.Equal(labels, []string{CustodianLabel, EscrowLabel}) {
				t.Errorf("the identity's key is wrapped to %q (%v)", labels, err)
			}
		}
		before := w.rdb.XLen(t.Context(), w.j.Key("journal")).Val()
		first, second, third := w.custody, generate(t), generate(t)
		rewrap := func(by string, opener seal.Identity, to seal.Identity) {
			t.Helper()
			n, err := w.keys.RewrapAll(t.Context(), by, opener, CustodianLabel, to.Recipient(), nil)
			if err != nil || n != len(all) {
				t.Errorf("%d changed: %v", n, err)
			}
		}
		rewrap(CustodianLabel, first, second)
		rewrap(EscrowLabel, w.escrow, third) // the second was lost
		if after := w.rdb.XLen(t.Context(), w.j.Key("journal")).Val(); after != before {
			t.Errorf("%d entries in the journal", after-before)
		}
		for _, number := range all {
			knows(t, "the first key", w.keptBy(t, first), number, asks[number], seal.ErrWrongKey)
			knows(t, "the lost key", w.keptBy(t, second), number, asks[number], seal.ErrWrongKey)
			knows(t, "the third key", w.keptBy(t, third), number, asks[number], nil)
		}
	})
}

// TestThreat_CustodiansKeyAloneOpensNoIdentity: that takes the unit's key too.
func TestThreat_CustodiansKeyAloneOpensNoIdentity(t *testing.T) {
	t.Parallel()
	w := desk(t)
	in := w.lodge(t, withName())
	text, err := w.office.store.content(t.Context(), in.Number)
	ok(t, err)
	own, err := w.keys.Open(t.Context(), in.Report.Person, CustodianLabel, w.custody)
	ok(t, err)
	for _, id := range []seal.Identity{w.custody, own} {
		if _, err := unsealed[content](id, text); !errors.Is(err, seal.ErrWrongKey) {
			t.Errorf("opened: %v", err)
		}
	}
}

// sealedAsBefore puts identities in their former form: sealed to the custodian's
// key itself.
func (w *town) sealedAsBefore(t *testing.T, number string) {
	t.Helper()
	s := w.office.store
	r, _, err := s.report(t.Context(), number)
	ok(t, err)
	id, err := w.office.unwrap(t.Context(), r)
	ok(t, err)
	to, err := seal.ParseRecipient(r.To)
	ok(t, err)
	old, err := sealReporter(w.custody.Recipient(), Reporter{canaryName, canaryPhone})
	ok(t, err)
	text, err := s.content(t.Context(), number)
	ok(t, err)
	inside, err := unsealed[content](id, text)
	ok(t, err)
	if inside.Reporter != "" {
		inside.Reporter = old
	}
	text, err = sealed(to, inside)
	ok(t, err)
	posts, err := s.hash(t.Context(), number, "thread")
	ok(t, err)
	_, err = s.update(t.Context(), journal.Entry{Actor: "t", Action: "test.old", At: noon}, number, func(tx *journal.Tx, r *Report) error {
		r.Person = ""
		s.setContent(tx, number, text)
		for n, v := range posts {
			var p post
			ok(t, json.Unmarshal([]byte(v), &p))
			in, err := unsealed[said](id, p.Sealed)
			ok(t, err)
			if in.Reporter == "" {
				continue
			}
			in.Reporter = old
			p.Sealed, err = sealed(to, in)
			ok(t, err)
			value, err := json.Marshal(p)
			ok(t, err)
			s.set(tx, number, "thread", strconv.Itoa(n+1), string(value))
		}
		return nil
	})
	ok(t, err)
}

// TestOldIdentitiesStayReadableAndGetKeysOfTheirOwn: what was sealed to the
// custodian's key itself opens with it, and with the next one after its change.
func TestOldIdentitiesStayReadableAndGetKeysOfTheirOwn(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *town) {
		named, claimed, anonymous := w.lodge(t, withName()), w.lodge(t, withoutName()), w.lodge(t, withoutName())
		// Both ways in one: named when lodged, and again with a claim.
		both := w.lodge(t, withName())
		for _, in := range []Lodging{claimed, both} {
			ok(t, w.intake.Say(t.Context(), in.claim(), "", "还有一条线索", noon))
			ok(t, w.intake.ClaimReward(t.Context(), in.claim(), &Reporter{canaryName, canaryPhone}, "", noon))
		}
		asks := map[string]string{}
		for _, in := range []Lodging{named, claimed, both} {
			w.sealedAsBefore(t, in.Number)
			asks[in.Number] = w.granted(t, in.Number)
			knows(t, "before the change", w.office, in.Number, asks[in.Number], nil)
		}
		next := generate(t)
		c := CustodyRenewal{Units: w.units, Custodian: generate(t), To: next.Recipient(), Escrow: w.escrow.Recipient()}
		if n, left, err := RenewIdentities(t.Context(), w.j, w.keys, c, noon); n != 0 || left != 3 || err != nil {
			t.Errorf("with another key: %d renewed, %d left, %v", n, left, err)
		}
		c.Custodian = w.custody
		for _, want := range []int{3, 0} {
			n, left, err := RenewIdentities(t.Context(), w.j, w.keys, c, noon)
			if n != want || left != 0 || err != nil {
				t.Errorf("%d renewed, %d left, %v", n, left, err)
			}
		}
		for number, ask := range asks {
			knows(t, "the former key", w.office, number, ask, seal.ErrWrongKey)
			knows(t, "the new key", w.keptBy(t, next), number, ask, nil)
		}
		for _, in := range []Lodging{named, claimed, both, anonymous} {
			if _, err := w.intake.Track(t.Context(), in.claim(), noon); err != nil {
				t.Errorf("the reporter: %v", err)
			}
			if _, err := w.office.Open(t.Context(), handler, in.Number, noon); err != nil {
				t.Errorf("the officer: %v", err)
			}
		}
	})
}

// TestErasureDropsTheIdentitysKeyToo: for every party it was wrapped to.
func TestErasureDropsTheIdentitysKeyToo(t *testing.T) {
	t.Parallel()
	w := desk(t)
	in := w.lodge(t, withName())
	w.walk(t, in.Number, noon, Assigned, Verifying, NotFiled, Notified, Closed)
	r, _, err := w.office.store.report(t.Context(), in.Number)
	ok(t, err)
	clocks, err := r.Clocks(w.office.store.rules, day("2026-06-01"))
	ok(t, err)
	k, _ := retention(clocks)
	ok(t, w.office.Erase(t.Context(), officer("u-head2", "410702", staff.Approver), in.Number, k.Due.AddDays(1).Start()))
	for _, party := range []struct {
		label string
		id    seal.Identity
	}{{CustodianLabel, w.custody}, {EscrowLabel, w.escrow}} {
		if _, err := w.keys.Open(t.Context(), in.Report.Person, party.label, party.id); !errors.Is(err, seal.ErrErased) {
			t.Errorf("%s: %v", party.label, err)
		}
	}
}
