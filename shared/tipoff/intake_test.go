package tipoff

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"ipcredit/shared/fault"
	"ipcredit/shared/notary"
	"ipcredit/shared/objects/objectstest"
	"ipcredit/shared/redistest"
	"ipcredit/shared/seal"
)

func TestReporterFindsWhatHeLodgedAndWritesToTheUnit(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *town) {
		in := w.lodge(t, withName())
		if in.Report.Division != "410702" || in.Report.Unit != "410702" || !in.Report.Named || in.Due.Due != day("2026-06-23") {
			t.Errorf("report %+v, due %s", in.Report, in.Due.Due)
		}
		v, err := w.intake.Track(t.Context(), Claim{Number: FormatNumber(in.Number), Receipt: strings.ToLower(strings.ReplaceAll(in.Receipt, "-", " "))}, noon)
		ok(t, err)
		if v.Lodged.Narrative != withName().Narrative || v.Lodged.Reporter != nil || v.Status.Word != "received" || v.Status.Due != day("2026-06-23") || string(v.Document) != string(in.Document) {
			t.Errorf("view %+v", v)
		}
		ok(t, w.intake.Say(t.Context(), in.claim(), "", "补充：还有第三十一件。", noon))
		key := ticket()
		for range 2 {
			ok(t, w.intake.Say(t.Context(), in.claim(), key, "只说一次。", noon))
		}
		if err := w.intake.Say(t.Context(), in.claim(), key, "另一句话。", noon); !fault.Is(err, fault.Refused) {
			t.Errorf("a ticket used for something else: %v", err)
		}
		o, err := w.office.Open(t.Context(), handler, in.Number, noon)
		ok(t, err)
		if len(o.Thread) != 2 || o.Thread[1].Text != "只说一次。" || o.Thread[0].By != ByReporter || o.Lodged.Narrative != withName().Narrative || o.Lodged.Reporter != nil {
			t.Errorf("opened %+v", o)
		}
		ok(t, w.office.Answer(t.Context(), handler, in.Number, ticket(), "请补充发票。", noon))
		v, err = w.intake.Track(t.Context(), in.claim(), noon)
		ok(t, err)
		if len(v.Thread) != 3 || v.Thread[2].By != ByUnit || v.Thread[2].Text != "请补充发票。" || v.Report.Handlers != nil {
			t.Errorf("view %+v", v)
		}
	})
}

func TestSameKeyGivesTheSameReceiptThoughNoneIsStored(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *town) {
		key := ticket()
		s := Submission{Key: key, Lodged: withName()}
		first, err := w.intake.Lodge(t.Context(), s, noon)
		ok(t, err)
		// Another process, another day.
		again, err := w.intake.Lodge(t.Context(), s, noon.AddDate(0, 0, 2))
		ok(t, err)
		if again.Number != first.Number || again.Receipt != first.Receipt || !again.Replayed || again.Due.Due != first.Due.Due || string(again.Proof) != string(first.Proof) {
			t.Errorf("again %+v", again)
		}
		s.Lodged.Narrative += "改了一个字。"
		_, err = w.intake.Lodge(t.Context(), s, noon)
		if f, is := fault.Of(err); !is || f.Kind != fault.Refused || f.Code != "tipoff.key.reused" {
			t.Errorf("another body: %v", err)
		}
		s.Lodged = withName()
		s.Lodged.Reporter.Contact = "19900009999"
		if _, err = w.intake.Lodge(t.Context(), s, noon); !fault.Is(err, fault.Refused) {
			t.Errorf("another reporter: %v", err)
		}
		redistest.Grep(t, w.rdb, first.Receipt)
		redistest.Grep(t, w.rdb, strings.ReplaceAll(first.Receipt, "-", ""))
		redistest.Grep(t, w.rdb, key)
	})
}

func TestThreat_FormSentAgainByManyIsOneReport(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *town) {
		s := Submission{Key: ticket(), Lodged: withoutName()}
		var mu sync.Mutex
		numbers, fresh := map[string]bool{}, 0
		var wg sync.WaitGroup
		for range 12 {
			wg.Go(func() {
				out, err := w.intake.Lodge(t.Context(), s, noon)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				numbers[out.Number+out.Receipt] = true
				if !out.Replayed {
					fresh++
				}
			})
		}
		wg.Wait()
		rows, _, err := w.office.List(t.Context(), handler, Filter{}, noon)
		ok(t, err)
		if len(numbers) != 1 || fresh != 1 || len(rows) != 1 {
			t.Errorf("%d receipts, %d lodged, %d rows", len(numbers), fresh, len(rows))
		}
		if waiting, err := w.log.Waiting(t.Context()); err != nil || waiting != 1 {
			t.Errorf("%d leaves wait, %v", waiting, err)
		}
	})
}

func TestNumberOfSomebodyElseIsStepped(t *testing.T) {
	t.Parallel()
	w := desk(t)
	key := ticket()
	taken := deriveNumber(w.mac, key, 0)
	other := deriveReceipt(w.mac, "another")
	ok(t, w.rdb.Set(t.Context(), w.intake.store.key(taken, "receipt"), other.stored(taken, nil), 0).Err())
	var first string
	for range 2 {
		out, err := w.intake.Lodge(t.Context(), Submission{Key: key, Lodged: withoutName()}, noon)
		ok(t, err)
		if out.Number == taken || first != "" && out.Number != first || out.Number != deriveNumber(w.mac, key, 1) {
			t.Errorf("number %s", out.Number)
		}
		first = out.Number
	}
}

// TestThreat_NumberWithoutReceipt: a stolen number opens nothing, and what does
// not exist looks like what does.
func TestThreat_NumberWithoutReceipt(t *testing.T) {
	t.Parallel()
	w := desk(t)
	in, other := w.lodge(t, withName()), w.lodge(t, withName())
	missing := deriveNumber(w.mac, "nobody's", 0)
	commands := func(c Claim) (string, int64) {
		before := w.commands(t)
		_, err := w.intake.Track(t.Context(), c, noon)
		f, is := fault.Of(err)
		if !is || f.Kind != fault.NotFound {
			t.Fatalf("error = %v", err)
		}
		return f.Code, w.commands(t) - before
	}
	wrongCode, wrongWork := commands(Claim{Number: in.Number, Receipt: other.Receipt})
	missingCode, missingWork := commands(Claim{Number: missing, Receipt: other.Receipt})
	if wrongCode != missingCode || wrongWork != missingWork {
		t.Errorf("wrong receipt: %s, %d commands; no such number: %s, %d", wrongCode, wrongWork, missingCode, missingWork)
	}
	for name, act := range map[string]func(Claim) error{
		"say":     func(c Claim) error { return w.intake.Say(t.Context(), c, "", "x", noon) },
		"dispute": func(c Claim) error { return w.intake.Dispute(t.Context(), c, "x", noon) },
		"rate":    func(c Claim) error { return w.intake.Rate(t.Context(), c, 5, "", noon) },
		"claim":   func(c Claim) error { return w.intake.ClaimReward(t.Context(), c, nil, "", noon) },
		"gate": func(c Claim) error {
			_, _, err := NewGate(w.j).Admit(t.Context(), c, noon)
			return err
		},
	} {
		if err := act(Claim{Number: in.Number, Receipt: other.Receipt}); !fault.Is(err, fault.NotFound) {
			t.Errorf("%s: %v", name, err)
		}
		bad := act(Claim{Number: "123", Receipt: "abc"})
		f, is := fault.Of(bad)
		if !is || f.Kind != fault.Invalid || len(f.Fields) != 2 || f.Fields[0].Name != "reportNo" || f.Fields[1].Name != "receipt" {
			t.Errorf("%s with nonsense: %v", name, bad)
		}
	}
	if r, to, err := NewGate(w.j).Admit(t.Context(), in.claim(), noon); err != nil || to.String() != in.To.String() || r.Number != in.Number {
		t.Errorf("the right receipt: %v", err)
	}
}

func TestTriesAreLimitedForExistingAndMissingNumbersAlike(t *testing.T) {
	t.Parallel()
	w := desk(t)
	in := w.lodge(t, withoutName())
	for _, number := range []string{in.Number, deriveNumber(w.mac, "nobody's", 0)} {
		wrong := deriveReceipt(w.mac, "wrong").text()
		tries := 0
		for ; tries < 1000; tries++ {
			_, err := w.intake.Track(t.Context(), Claim{number, wrong, "net-a"}, noon)
			if fault.Is(err, fault.TooMany) {
				break
			}
		}
		if tries != 20 {
			t.Errorf("%d tries", tries)
		}
		if _, err := w.intake.Track(t.Context(), Claim{number, wrong, "net-b"}, noon); !fault.Is(err, fault.NotFound) {
			t.Errorf("another network: %v", err)
		}
	}
}

// Whoever knows a number, from a letter or the telephone, and sits in the same
// carrier's network must not be able to keep its reporter out.
func TestThreat_WrongTriesDoNotLockTheReporterOut(t *testing.T) {
	t.Parallel()
	w := desk(t)
	in := w.lodge(t, withoutName())
	wrong := deriveReceipt(w.mac, "wrong").text()
	for range 100 {
		_, _ = w.intake.Track(t.Context(), Claim{in.Number, wrong, "net-a"}, noon)
	}
	if _, err := w.intake.Track(t.Context(), Claim{in.Number, wrong, "net-a"}, noon); !fault.Is(err, fault.TooMany) {
		t.Errorf("the wrong one: %v", err)
	}
	right := Claim{in.Number, in.Receipt, "net-a"}
	for range 30 {
		if _, err := w.intake.Track(t.Context(), right, noon); err != nil {
			t.Fatalf("the reporter: %v", err)
		}
	}
	if err := w.intake.Say(t.Context(), right, "", "补充一句", noon); err != nil {
		t.Errorf("the reporter writes: %v", err)
	}
}

// commands counts what the server was asked so far, apart from this.
func (w *town) commands(t testing.TB) int64 {
	t.Helper()
	return w.asked.Load()
}

func TestDisputeOnceAfterClosingWithinItsDays(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *town) {
		in := w.lodge(t, withoutName())
		c := in.claim()
		if err := w.intake.Dispute(t.Context(), c, "没有解决", noon); !fault.Is(err, fault.Conflict) {
			t.Errorf("before closing: %v", err)
		}
		if err := w.intake.Rate(t.Context(), c, 4, "", noon); !fault.Is(err, fault.Conflict) {
			t.Errorf("rated before closing: %v", err)
		}
		w.walk(t, in.Number, noon, Assigned, Verifying, NotFiled, Closed)
		v, err := w.intake.Track(t.Context(), c, noon)
		ok(t, err)
		if !v.MayDispute || !v.MayRate || !v.MayClaim || v.Status.Word != "closed" {
			t.Errorf("view %+v", v)
		}
		if err := w.intake.Dispute(t.Context(), c, "没有解决", on("2026-07-02")); !fault.Is(err, fault.Conflict) {
			t.Errorf("31 days later: %v", err)
		}
		ok(t, w.intake.Dispute(t.Context(), c, "没有解决", on("2026-07-01")))
		if err := w.intake.Dispute(t.Context(), c, "没有解决", on("2026-07-01")); !fault.Is(err, fault.Conflict) {
			t.Errorf("twice: %v", err)
		}
		ok(t, w.intake.Rate(t.Context(), c, 2, "慢", noon))
		if err := w.intake.Rate(t.Context(), c, 2, "慢", noon); !fault.Is(err, fault.Conflict) {
			t.Errorf("rated twice: %v", err)
		}
		if err := w.office.ChangeState(t.Context(), handler, in.Number, Change{To: Closed}, on("2026-07-02")); !fault.Is(err, fault.Invalid) {
			t.Errorf("closed without an answer: %v", err)
		}
		ok(t, w.office.ChangeState(t.Context(), handler, in.Number, Change{To: Closed, Answer: "维持原决定，理由如下。"}, on("2026-07-02")))
		v, err = w.intake.Track(t.Context(), c, on("2026-07-02"))
		ok(t, err)
		if v.MayDispute || v.MayRate || v.Status.Word != "closed" {
			t.Errorf("view %+v", v)
		}
		scores := []int{}
		for _, m := range v.Thread {
			scores = append(scores, m.Score)
		}
		if !slices.Contains(scores, 2) {
			t.Errorf("thread %+v", v.Thread)
		}
	})
}

func TestReceiptProvesWhatWasLodgedOffline(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *town) {
		in, other := w.lodge(t, withName()), w.lodge(t, withoutName())
		public := w.signing.Public()
		p, err := VerifyProof(in.Proof, public, in.Number, in.Receipt, in.Document)
		ok(t, err)
		if p.Number != in.Number || p.Day != day("2026-06-01") || p.Origin != "credit.example.cn/410700/intake" {
			t.Errorf("proved %+v", p)
		}
		if strings.Contains(string(in.Document), canaryName) || strings.Contains(string(in.Proof), canaryNarrative) {
			t.Error("the document names the reporter, or the proof says what was lodged")
		}
		for name, err := range map[string]error{
			"another document": second(VerifyProof(in.Proof, public, in.Number, in.Receipt, append(slices.Clone(in.Document), ' '))),
			"another receipt":  second(VerifyProof(in.Proof, public, in.Number, other.Receipt, in.Document)),
			"another number":   second(VerifyProof(in.Proof, public, other.Number, in.Receipt, in.Document)),
			"another proof":    second(VerifyProof(other.Proof, public, "", in.Receipt, in.Document)),
			"a changed proof":  second(VerifyProof([]byte(strings.Replace(string(in.Proof), "2026-06-01", "2026-05-01", 1)), public, "", in.Receipt, in.Document)),
		} {
			if err == nil {
				t.Errorf("%s was taken", name)
			}
		}
		_, err = w.log.Sequence(t.Context(), noon)
		ok(t, err)
		index, found, err := w.log.Index(t.Context(), in.Number)
		if err != nil || !found {
			t.Fatalf("index: %v, %v", found, err)
		}
		inclusion, err := w.log.Proof(t.Context(), index)
		ok(t, err)
		if _, err := p.VerifyInclusion(inclusion, public); err != nil {
			t.Error(err)
		}
		q, err := OpenProof(other.Proof, public)
		ok(t, err)
		if _, err := q.VerifyInclusion(inclusion, public); err == nil {
			t.Error("another leaf was taken")
		}
		checkpoint, err := w.log.Checkpoint(t.Context())
		ok(t, err)
		if _, err := OpenProof(checkpoint, public); err == nil {
			t.Error("a checkpoint was taken for a receipt's proof")
		}
		v, err := notary.ParsePublic(public)
		ok(t, err)
		if _, err := v.Checkpoint(in.Proof); err == nil {
			t.Error("a receipt's proof was taken for a checkpoint")
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestRegisteredTipOffHasItsProofOnTheReportersPage(t *testing.T) {
	t.Parallel()
	w := desk(t)
	in, err := w.office.Register(t.Context(), clerk, Registration{Key: ticket(), Lodged: withName(), Channel: Telephone}, noon)
	ok(t, err)
	v, err := w.intake.Track(t.Context(), in.claim(), noon)
	ok(t, err)
	if _, err := VerifyProof(v.Proof, w.signing.Public(), in.Number, in.Receipt, v.Document); err != nil {
		t.Error(err)
	}
	if v.Channel != Telephone {
		t.Errorf("channel %s", v.Channel)
	}
}

func TestDraftsEvidenceBecomesTheReportsInItsCommit(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *town) {
		draft := generate(t)
		token, box, err := w.evidence.OpenBox(t.Context(), evidenceDraft(draft.Recipient()))
		ok(t, err)
		later := newToken()
		in, err := w.intake.Lodge(t.Context(), Submission{
			Key: ticket(), Lodged: withoutName(), Boxes: []Box{{ID: box, Key: draft.Reveal()}}, Token: later,
		}, noon)
		ok(t, err)
		b, err := w.evidence.Box(t.Context(), box)
		ok(t, err)
		if b.For != Ref(in.Number) {
			t.Errorf("the box is for %s", b.For)
		}
		l, err := w.evidence.Open(t.Context(), later)
		ok(t, err)
		if l.For != Ref(in.Number) || l.To != in.To.String() || l.Key != in.Report.Key {
			t.Errorf("the later box %+v", l)
		}
		o, err := w.office.Open(t.Context(), handler, in.Number, noon)
		ok(t, err)
		if len(o.Boxes) != 2 || o.Boxes[0].ID != box || o.Boxes[0].Identity.Recipient().String() != draft.Recipient().String() ||
			o.Boxes[1].Identity.Recipient().String() != in.To.String() {
			t.Errorf("boxes %+v", o.Boxes)
		}
		_ = token
		redistest.Grep(t, w.rdb, draft.Reveal())
	})
}

func TestLodgingFailsWholeWhenTheStoreOfKeysIsAway(t *testing.T) {
	t.Parallel()
	w := desk(t)
	w.intake.keys = seal.NewKeys(away{objectstest.Directory(t).Keys})
	if _, err := w.intake.Lodge(t.Context(), Submission{Key: ticket(), Lodged: withoutName()}, noon); err == nil {
		t.Fatal("lodged without a key")
	}
	if n, err := w.rdb.DBSize(t.Context()).Result(); err != nil || n != 0 {
		t.Errorf("%d keys are left, %v", n, err)
	}
}
