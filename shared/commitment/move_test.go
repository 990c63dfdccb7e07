package commitment

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ipcredit/shared/citytest"
	"ipcredit/shared/clock"
	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/workday"
)

func day(s string) workday.Date { return workday.MustDate(s) }

// noon is an instant of the day in China.
func noon(s string) time.Time { return day(s).Start().Add(12 * time.Hour) }

var ok = citytest.OK

func refused(t testing.TB, err error, kind fault.Kind, code string) {
	t.Helper()
	f, is := fault.Of(err)
	if !is || f.Kind != kind || f.Code != code && !slices.ContainsFunc(f.Fields, func(x fault.Field) bool { return x.Code == code }) {
		t.Fatalf("got %v, want %s %s", err, kind, code)
	}
}

func rules() Rules { return Rules{ruleset.Shipped(), workday.Official()} }

// signed is a commitment until the day, signed on another.
func signed(t testing.TB, on, until string) Commitment {
	t.Helper()
	c, err := draft(Commitment{No: "XC2026000001", Subject: "91410771MA00AAA104", Name: "虚构甲科技有限公司"}, Shipped(),
		Writing{"honest-business", "建立知识产权管理制度", day(until)}, "agent", noon(on))
	ok(t, err)
	c, err = c.sign(Shipped(), "legal", noon(on))
	ok(t, err)
	return c
}

func TestALastDayLiesBetweenTheSignatureAndTheTemplatesLimit(t *testing.T) {
	t.Parallel()
	for _, x := range []struct{ name, template, on, until, code string }{
		{"the day itself", "honest-business", "2026-03-01", "2026-03-01", ""},
		{"the day before", "honest-business", "2026-03-01", "2026-02-28", "commitment.until.past"},
		{"none", "honest-business", "2026-03-01", "", "commitment.until"},
		{"36 months later", "honest-business", "2026-03-01", "2029-03-01", ""},
		{"a day more", "honest-business", "2026-03-01", "2029-03-02", "commitment.until.far"},
		{"24 months later by the version before", "honest-business", "2025-12-31", "2027-12-31", ""},
		{"a day more by the version before", "honest-business", "2025-12-31", "2028-01-01", "commitment.until.far"},
		{"12 months later", "fee-reduction", "2028-02-29", "2029-02-28", ""},
		{"a day more of 12 months", "fee-reduction", "2028-02-29", "2029-03-01", "commitment.until.far"},
		{"before the first version", "fee-reduction", "2022-01-23", "2022-02-01", "commitment.no_template"},
		{"on its first day", "fee-reduction", "2022-01-24", "2022-02-01", ""},
		{"a repair letter is made by the application", "repair-letter", "2026-05-01", "2026-06-01", "commitment.no_template"},
		{"unknown", "nothing", "2026-05-01", "2026-06-01", "commitment.no_template"},
	} {
		t.Run(x.name, func(t *testing.T) {
			until := workday.Date{}
			if x.until != "" {
				until = day(x.until)
			}
			_, err := draft(Commitment{}, Shipped(), Writing{x.template, "事项", until}, "u", noon(x.on))
			if x.code == "" {
				ok(t, err)
				return
			}
			refused(t, err, fault.Invalid, x.code)
		})
	}
}

func TestTheVersionOfATemplateIsThatOfTheDay(t *testing.T) {
	t.Parallel()
	for _, x := range []struct{ on, want string }{
		{"2020-04-30", ""}, {"2020-05-01", "honest-business@2020-05-01"}, {"2025-12-31", "honest-business@2020-05-01"},
		{"2026-01-01", "honest-business@2026-01-01"},
	} {
		got, _ := Shipped().On("honest-business", day(x.on))
		if x.want == "" && got.ID != "" || x.want != "" && got.Ref() != x.want {
			t.Errorf("on %s: %s", x.on, got.Ref())
		}
	}
	for _, o := range Shipped().Offered(day("2026-05-01")) {
		if o.Kind == Repair {
			t.Errorf("%s is offered", o.ID)
		}
	}
}

func TestADraftThatLayIsReadAgainBeforeItIsSigned(t *testing.T) {
	t.Parallel()
	written := func() Commitment {
		c, err := draft(Commitment{}, Shipped(), Writing{"honest-business", "事项", day("2026-01-31")}, "agent", noon("2025-12-31"))
		ok(t, err)
		return c
	}
	_, err := written().sign(Shipped(), "legal", noon("2025-12-31"))
	ok(t, err)
	_, err = written().sign(Shipped(), "legal", noon("2026-01-01")) // another text from this day
	refused(t, err, fault.Conflict, "commitment.text_changed")
	c, err := draft(Commitment{}, Shipped(), Writing{"honest-business", "事项", day("2026-01-31")}, "agent", noon("2026-01-10"))
	ok(t, err)
	_, err = c.sign(Shipped(), "legal", noon("2026-01-31"))
	ok(t, err)
	_, err = c.sign(Shipped(), "legal", noon("2026-02-01"))
	refused(t, err, fault.Refused, "commitment.until.past")
}

func TestNotKeptIsFoundOnlyOnceTheLastDayHasPassed(t *testing.T) {
	t.Parallel()
	c := signed(t, "2026-03-01", "2026-06-30")
	_, err := c.breach(NotDone, "检查记录1号", "boss", "AJ1", noon("2026-06-30"))
	refused(t, err, fault.Refused, "commitment.why.early")
	if f, _ := fault.Of(err); f.Args[0] != "2026-07-01" {
		t.Errorf("names %v", f.Args)
	}
	next, err := c.breach(NotDone, "检查记录1号", "boss", "AJ1", noon("2026-07-01"))
	ok(t, err)
	if next.State != Broken || next.Breach.Case != "AJ1" {
		t.Errorf("%+v", next)
	}
	_, err = c.breach(False, "检查记录1号", "boss", "AJ1", noon("2026-03-01"))
	ok(t, err)
	_, err = c.breach(False, "  ", "boss", "AJ1", noon("2026-03-01"))
	refused(t, err, fault.Invalid, "commitment.document")
	_, err = c.breach("bad", "1号", "boss", "AJ1", noon("2026-03-01"))
	refused(t, err, fault.Invalid, "commitment.why")
	undated := c
	undated.Until = workday.Date{}
	_, err = undated.breach(NotDone, "1号", "boss", "AJ1", noon("2030-03-01"))
	refused(t, err, fault.Refused, "commitment.why.undated")
}

func TestKeptNamesADayBetweenSignatureAndToday(t *testing.T) {
	t.Parallel()
	c := signed(t, "2026-03-01", "2026-06-30")
	_, err := c.fulfil(OnSite, day("2026-03-02"), "h", noon("2026-07-05"))
	refused(t, err, fault.Conflict, "commitment.state") // nobody watches over it yet
	c, err = c.take("h", noon("2026-03-02"))
	ok(t, err)
	for _, x := range []struct {
		how, done, code string
		late            bool
	}{
		{OnSite, "2026-03-01", "", false}, {OnSite, "2026-02-28", "commitment.done_on.early", false},
		{OnSite, "2026-06-30", "", false}, {OnSite, "2026-07-01", "", true},
		{OnSite, "2026-07-05", "", true}, {OnSite, "2026-07-06", "commitment.done_on.future", false},
		{OnSite, "", "commitment.done_on", false}, {ByProof, "2026-03-01", "commitment.how.none", false}, {"guess", "2026-03-01", "commitment.how", false},
	} {
		done := workday.Date{}
		if x.done != "" {
			done = day(x.done)
		}
		got, err := c.fulfil(x.how, done, "h", noon("2026-07-05"))
		if x.code != "" {
			refused(t, err, fault.Invalid, x.code)
			continue
		}
		if err != nil || got.Late() != x.late || got.State != Fulfilled {
			t.Errorf("%s %s: %v late %v", x.how, x.done, err, got.Late())
		}
	}
	c, err = c.prove("CL2026000001", "agent", noon("2026-04-01"))
	ok(t, err)
	_, err = c.prove("CL2026000001", "agent", noon("2026-04-01"))
	refused(t, err, fault.Conflict, "commitment.proof.same")
	_, err = c.fulfil(ByProof, day("2026-04-01"), "h", noon("2026-04-02"))
	ok(t, err)
}

func TestWhatBecameOfItLeavesTheLedgerTheDayAfterItsLastDay(t *testing.T) {
	t.Parallel()
	open := signed(t, "2026-02-01", "2026-02-27")
	taken, err := open.take("h", noon("2026-02-01"))
	ok(t, err)
	kept, err := taken.fulfil(OnSite, day("2026-02-20"), "h", noon("2026-02-28"))
	ok(t, err)
	broken, err := open.breach(NotDone, "1号", "boss", "AJ1", noon("2028-02-29"))
	ok(t, err)
	annulled, err := open.annul("not-signed", "boss", noon("2026-02-02"))
	ok(t, err)
	written, err := draft(Commitment{}, Shipped(), Writing{"honest-business", "事项", day("2026-03-01")}, "u", noon("2026-03-01"))
	ok(t, err)
	for _, x := range []struct {
		name, on string
		c        Commitment
		shown    bool
		last     string
	}{
		{"open, long after its last day", "2036-01-01", open, true, ""},
		{"kept, on the last day", "2027-02-28", kept, true, "2027-02-28"},
		{"kept, the day after", "2027-03-01", kept, false, "2027-02-28"},
		{"broken on a leap day, on the last day", "2029-02-28", broken, true, "2029-02-28"},
		{"broken on a leap day, the day after", "2029-03-01", broken, false, "2029-02-28"},
		{"annulled", "2026-02-02", annulled, false, ""},
		{"a draft", "2026-03-01", written, false, ""},
	} {
		shown, last, _, err := rules().Shown(x.c, day(x.on))
		if err != nil || shown != x.shown || last.String() != x.last {
			t.Errorf("%s: %v %s %v", x.name, shown, last, err)
		}
	}
}

func TestTheClocksAreTheLastDayAndTenWorkingDaysForAProof(t *testing.T) {
	t.Parallel()
	c := signed(t, "2026-09-01", "2026-10-03") // a day of rest: nothing lengthens a promise
	c, err := c.prove("CL2026000001", "agent", noon("2026-09-18"))
	ok(t, err)
	clocks, err := rules().Clocks(c, day("2026-09-20"))
	ok(t, err)
	// 10 working days after Fri 2026-09-18: Sun 09-20 works, 09-25..27 and 10-01..07 do not.
	if len(clocks) != 2 || clocks[0].Name != DueClock || clocks[0].Due != day("2026-10-03") || clocks[1].Due != day("2026-10-09") || !clocks[0].Labelled {
		t.Fatalf("%+v", clocks)
	}
	if clocks[0].Overdue(day("2026-10-03")) || !clocks[0].Overdue(day("2026-10-04")) {
		t.Error("not late the day after the last one")
	}
	c, err = c.take("h", noon("2026-09-21"))
	ok(t, err)
	c, err = c.fulfil(ByProof, day("2026-09-18"), "h", noon("2026-10-10"))
	ok(t, err)
	clocks, err = rules().Clocks(c, day("2026-10-10"))
	ok(t, err)
	if clocks[0].Running() || clocks[0].Overdue(day("2026-10-10")) || clocks[1].Running() || !clocks[1].Overdue(day("2026-10-10")) {
		t.Errorf("%+v", clocks)
	}
}

// TestACommitmentInsteadOfPapersIsNotOpenToTheDishonest: 国知发保字〔2022〕8号 art. 9
// no. 6, while the determination is displayed.
func TestACommitmentInsteadOfPapersIsNotOpenToTheDishonest(t *testing.T) {
	t.Parallel()
	record := credit.Record{
		ID: "D1", Kind: credit.Determination, Act: "DA1", InstrumentNo: "国知测〔2025〕1号", Authority: "国家知识产权局", Source: credit.Admin,
		Channel: credit.Republish, DeterminedOn: day("2025-03-10"), PublishedOn: day("2025-03-10"),
		Content: credit.Content{Determination: &credit.DeterminationContent{Basis: "第六条第一项"}},
	}
	law := credit.Shipped()
	for _, x := range []struct {
		name, on string
		kind     Kind
		refused  bool
	}{
		{"on its last day", "2026-03-10", Approval, true},
		{"the day after", "2026-03-11", Approval, false},
		{"another kind", "2026-03-10", Proactive, false},
		{"the trade's discipline", "2026-03-10", Industry, false},
		{"a repair", "2026-03-10", Repair, false},
	} {
		t.Run(x.name, func(t *testing.T) {
			err := rules().Available(x.kind, law, []credit.Record{record}, noon(x.on))
			if !x.refused {
				ok(t, err)
				return
			}
			refused(t, err, fault.Refused, "commitment.excluded")
			if f, _ := fault.Of(err); f.Args[0] != "2026-03-10" {
				t.Errorf("names %v", f.Args)
			}
		})
	}
}

func TestTheHashIsOfAllThatWasSigned(t *testing.T) {
	t.Parallel()
	c := signed(t, "2026-03-01", "2026-06-30")
	text, _ := Shipped().Ref(c.Template)
	if Sum(c.Document(text)) != c.Signed.Hash {
		t.Fatal("the hash is not that of the document")
	}
	other := c
	other.What = "别的"
	longer := c
	longer.Until = c.Until.AddDays(1)
	named := c
	named.Name = "虚构乙科技有限公司"
	for _, x := range []Commitment{other, longer, named} {
		if Sum(x.Document(text)) == c.Signed.Hash {
			t.Errorf("another text has the same hash: %+v", x)
		}
	}
	changed := text
	changed.Clauses.ZH = slices.Clone(text.Clauses.ZH)
	changed.Clauses.ZH[0] += "。"
	if Sum(c.Document(changed)) == c.Signed.Hash {
		t.Error("another clause has the same hash")
	}
	// Nothing that happens later changes it.
	later, err := c.take("h", noon("2026-04-01"))
	ok(t, err)
	if later.Document(text) != c.Document(text) {
		t.Error("the document changed")
	}
}

func TestWhatIsPromisedHoldsNoNumberOfAPerson(t *testing.T) {
	t.Parallel()
	c, err := draft(Commitment{}, Shipped(), Writing{"honest-business", "联系 13800138000，身份证 410799190001019907", day("2026-03-02")}, "u", noon("2026-03-01"))
	ok(t, err)
	if strings.Contains(c.What, "13800138000") || strings.Contains(c.What, "410799190001019907") {
		t.Errorf("%s", c.What)
	}
	long := strings.Repeat("承", Limits("what"))
	_, err = draft(Commitment{}, Shipped(), Writing{"honest-business", long, day("2026-03-02")}, "u", noon("2026-03-01"))
	ok(t, err)
	_, err = draft(Commitment{}, Shipped(), Writing{"honest-business", long + "诺", day("2026-03-02")}, "u", noon("2026-03-01"))
	refused(t, err, fault.Invalid, "commitment.long")
	_, err = draft(Commitment{}, Shipped(), Writing{"honest-business", "\u202e反写", day("2026-03-02")}, "u", noon("2026-03-01"))
	if !fault.Is(err, fault.Invalid) {
		t.Errorf("a text that reads backwards: %v", err)
	}
}

// sound says what is wrong with a commitment in a state that can be reached.
func sound(c Commitment, today workday.Date) error {
	clocks, err := rules().Clocks(c, today)
	if err != nil {
		return err
	}
	running := slices.ContainsFunc(clocks, clock.Clock.Running)
	shown, _, _, err := rules().Shown(c, today)
	switch {
	case err != nil:
		return err
	case (c.State == Draft) != (c.Signed == nil):
		return fmt.Errorf("%s, signed %v", c.State, c.Signed)
	case c.State == Fulfilling && (c.Owner == "" || !running):
		return fmt.Errorf("fulfilling without an owner or a clock")
	case c.State == Published && (c.Owner != "" || !running):
		return fmt.Errorf("published with an owner, or without a clock")
	case !c.State.Open() && running:
		return fmt.Errorf("%s has a clock that runs", c.State)
	case (c.State == Fulfilled) != (c.Kept != nil) && c.State != Annulled, (c.State == Broken) != (c.Breach != nil) && c.State != Annulled:
		return fmt.Errorf("%s: kept %v breach %v", c.State, c.Kept, c.Breach)
	case c.State == Broken && c.Breach.Case == "":
		return fmt.Errorf("broken without a lead")
	case c.State == Broken && c.Breach.Why == NotDone && !c.Breach.On.After(c.Until):
		return fmt.Errorf("broken before its last day had passed")
	case shown && (c.State == Draft || c.State == Annulled), c.State.Open() && !shown:
		return fmt.Errorf("%s shown %v", c.State, shown)
	case c.Owner != "" && !slices.Contains(c.Handlers, c.Owner):
		return fmt.Errorf("the owner is no handler")
	}
	text, _ := Shipped().Ref(c.Template)
	if c.Signed != nil && Sum(c.Document(text)) != c.Signed.Hash {
		return fmt.Errorf("the text changed after the signature")
	}
	return nil
}

// TestNoSequenceOfStepsLeavesACommitmentInDisorder walks random sequences of what
// can be asked for, allowed and not, over the pure rules.
func TestNoSequenceOfStepsLeavesACommitmentInDisorder(t *testing.T) {
	t.Parallel()
	reached := map[State]int{}
	rapid.Check(t, func(t *rapid.T) {
		today := day("2026-01-05").AddDays(rapid.IntRange(0, 100).Draw(t, "start"))
		now := func() time.Time { return today.Start().Add(9 * time.Hour) }
		c, err := draft(Commitment{No: "XC2026000001", Subject: "91410771MA00AAA104", Name: "虚构甲科技有限公司"}, Shipped(),
			Writing{"agency-discipline", "事项", today.AddDays(rapid.IntRange(0, 60).Draw(t, "until"))}, "agent", now())
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "pass") {
				today = today.AddDays(rapid.IntRange(1, 30).Draw(t, "days"))
			}
			before, seen := fmt.Sprintf("%+v", c), c.Seen
			user := rapid.SampledFrom([]string{"h1", "h2", "a1"}).Draw(t, "user")
			var next Commitment
			switch rapid.IntRange(0, 7).Draw(t, "step") {
			case 0:
				next, err = c.rewrite(Shipped(), Writing{"honest-business", "别的", today.AddDays(10)}, "agent", now())
			case 1:
				next, err = c.sign(Shipped(), "legal", now())
			case 2:
				next, err = c.take(user, now())
			case 3:
				next, err = c.prove(fmt.Sprintf("CL2026%06d", rapid.IntRange(1, 5).Draw(t, "material")), "agent", now())
			case 4:
				next, err = c.fulfil(rapid.SampledFrom(Ways).Draw(t, "how"), today.AddDays(-rapid.IntRange(0, 3).Draw(t, "ago")), user, now())
			case 5:
				next, err = c.breach(rapid.SampledFrom(Breaches).Draw(t, "why"), "检查1号", user, "AJ1", now())
			case 6:
				next, err = c.takeBack(rapid.SampledFrom(Mistakes).Draw(t, "mistake"), user, now())
			case 7:
				next, err = c.annul(rapid.SampledFrom(Annulments).Draw(t, "annul"), user, now())
			}
			switch {
			case err != nil:
				if _, is := fault.Of(err); !is {
					t.Fatalf("not a refusal: %v", err)
				}
				if after := fmt.Sprintf("%+v", c); after != before {
					t.Fatalf("a refused step changed it:\n%s\n%s", before, after)
				}
			case next.Seen != seen+1 || len(next.Events) != len(c.Events)+1:
				t.Fatalf("a step that leaves no trace: %+v", next)
			case c.State == Annulled:
				t.Fatalf("annulled and then %s", next.State)
			default:
				if after := fmt.Sprintf("%+v", c); after != before {
					t.Fatalf("a step changed what it was made of:\n%s\n%s", before, after)
				}
				c = next
			}
			reached[c.State]++
			if err := sound(c, today); err != nil {
				t.Fatalf("%v: %+v", err, c)
			}
		}
	})
	for _, s := range append(slices.Clone(PublicStates), Draft, Annulled) {
		if reached[s] == 0 {
			t.Errorf("%s was never reached", s)
		}
	}
}

func TestWhatTheSubjectSeesNamesNoOfficerAndNoCase(t *testing.T) {
	t.Parallel()
	c := signed(t, "2026-03-01", "2026-03-02")
	c, err := c.take("OFFICER-1", noon("2026-03-01"))
	ok(t, err)
	c, err = c.breach(NotDone, "检查1号", "OFFICER-2", "AJ410771-2026-00001", noon("2026-03-03"))
	ok(t, err)
	if got := fmt.Sprintf("%+v %+v", c.ForSubject(), *c.ForSubject().Breach); strings.Contains(got, "OFFICER") || strings.Contains(got, "AJ410771") {
		t.Error(got)
	}
	if c.Breach.Case == "" || c.Events[2].By == "" {
		t.Error("the view changed what it was made of")
	}
}
