package casework

import (
	"slices"
	"testing"

	"ipcredit/shared/citytest"
	"ipcredit/shared/fault"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/workday"
)

func day(s string) workday.Date {
	if s == "" {
		return workday.Date{}
	}
	return workday.MustDate(s)
}

func refusedWith(t testing.TB, err error, code string) {
	t.Helper()
	f, ok := fault.Of(err)
	if !ok {
		t.Fatalf("got %v, want the fault %s", err, code)
	}
	if f.Code == code || slices.ContainsFunc(f.Fields, func(x fault.Field) bool { return x.Code == code }) {
		return
	}
	t.Fatalf("got %s %v, want %s", f.Code, f.Fields, code)
}

var ok = citytest.OK

func TestRewardIsAPercentageBetweenFloorAndCap(t *testing.T) {
	t.Parallel()
	const wan = 10_000 * 100
	tests := []struct {
		name            string
		grade           int
		sum             int64 // fen
		want            int64
		floored, capped bool
		joint           bool
	}{
		{"grade 1, 80,000: the floor", 1, 8 * wan, 5_000_00, true, false, false},
		{"grade 1, 99,999.99: still the floor", 1, 9_999_999, 5_000_00, true, false, false},
		{"grade 1, 100,000: exactly the floor", 1, 10 * wan, 5_000_00, false, false, false},
		{"grade 1, 1,200,000", 1, 120 * wan, 60_000_00, false, false, false},
		{"grade 1, one fen below joint approval", 1, 1000*wan - 20, 499_999_99, false, false, false},
		{"grade 1, 10,000,000: joint approval", 1, 1000 * wan, 500_000_00, false, false, true},
		{"grade 1, 20,000,000: exactly the cap", 1, 2000 * wan, 1_000_000_00, false, false, true},
		{"grade 1, 30,000,000: capped", 1, 3000 * wan, 1_000_000_00, false, true, true},
		{"grade 1, more than can be multiplied", 1, 1<<63 - 1, 1_000_000_00, false, true, true},
		{"grade 2, nothing", 2, 0, 3_000_00, true, false, false},
		{"grade 2, 100,000.00", 2, 10 * wan, 3_000_00, false, false, false},
		{"grade 2, 100,000.34: rounded down", 2, 10*wan + 34, 3_000_01, false, false, false},
		{"grade 2, 100,000.33: rounded down", 2, 10*wan + 33, 3_000_00, false, false, false},
		{"grade 3, without a fine", 3, 0, 1_000_00, true, false, false},
		{"grade 3, 100,001", 3, 10*wan + 100, 1_000_01, false, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, err := Claim{Claimant: Natural, Major: true, Definite: true, New: true, Led: true, Grade: tt.grade, SumFen: tt.sum, On: day("2026-05-20")}.Assess(Rules{})
			ok(t, err)
			if !r.Eligible || r.AmountFen != tt.want || r.Floored != tt.floored || r.Capped != tt.capped || r.Joint != tt.joint {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestRewardGoesToANaturalPersonWithoutPartInTheMatterOnly(t *testing.T) {
	t.Parallel()
	good := Claim{Claimant: Natural, Major: true, Definite: true, New: true, Led: true, Grade: 1, SumFen: 100, On: day("2021-12-01")}
	for who, want := range map[Claimant]bool{
		Natural: true, Insider: true, Organisation: false, Official: false, Injured: false, Wrongdoer: false, Paid: false, Fraudulent: false, "": false,
	} {
		c := good
		c.Claimant = who
		r, err := c.Assess(Rules{})
		ok(t, err)
		if r.Eligible != want || !want && r.AmountFen != 0 || r.More != (who == Insider) {
			t.Errorf("%s: %+v", who, r)
		}
	}
	for name, change := range map[string]func(*Claim){
		"not-major":      func(c *Claim) { c.Major = false },
		"not-definite":   func(c *Claim) { c.Definite = false },
		"known":          func(c *Claim) { c.New = false },
		"led-to-nothing": func(c *Claim) { c.Led = false },
	} {
		c := good
		change(&c)
		r, err := c.Assess(Rules{})
		ok(t, err)
		if r.Eligible || !slices.Equal(r.Why, []string{name}) {
			t.Errorf("%s: %+v", name, r)
		}
	}
	for name, change := range map[string]func(*Claim){
		"casework.reward.grade": func(c *Claim) { c.Grade = 4 },
		"casework.money":        func(c *Claim) { c.SumFen = -1 },
		"casework.reward.day":   func(c *Claim) { c.On = day("2021-11-30") },
	} {
		c := good
		change(&c)
		_, err := c.Assess(Rules{})
		refusedWith(t, err, name)
	}
}

func TestTwoInfringementsInFiveYearsAreRepeated(t *testing.T) {
	t.Parallel()
	at := func(on, no string) Infringed { return Infringed{On: day(on), Instrument: no} }
	annulled := at("2024-01-01", "新测市监处罚〔2024〕1号")
	annulled.Annulled = true
	tests := []struct {
		name  string
		found []Infringed
		on    string
		want  bool
		n     int
	}{
		{"none", nil, "2026-03-10", false, 0},
		{"one", []Infringed{at("2026-03-10", "a")}, "2026-03-10", false, 1},
		{"the corresponding day of five years ago", []Infringed{at("2021-03-10", "a"), at("2026-03-10", "b")}, "2026-03-10", true, 2},
		{"a day more", []Infringed{at("2021-03-10", "a"), at("2026-03-11", "b")}, "2026-03-11", false, 1},
		{"two on one day", []Infringed{at("2026-03-10", "a"), at("2026-03-10", "b")}, "2026-03-10", true, 2},
		{"one instrument told twice", []Infringed{at("2026-03-10", "a"), at("2026-03-10", "a")}, "2026-03-10", false, 1},
		{"an annulled one", []Infringed{annulled, at("2026-03-10", "b")}, "2026-03-10", false, 1},
		{"one still to come", []Infringed{at("2026-03-10", "a"), at("2026-03-11", "b")}, "2026-03-10", false, 1},
		{"29 February ends on the 28th", []Infringed{at("2024-02-29", "a"), at("2029-02-28", "b")}, "2029-02-28", true, 2},
		{"and not on 1 March", []Infringed{at("2024-02-29", "a"), at("2029-03-01", "b")}, "2029-03-01", false, 1},
		{"to 29 February", []Infringed{at("2019-02-28", "a"), at("2024-02-29", "b")}, "2024-02-29", false, 1},
		{"three", []Infringed{at("2022-01-01", "a"), at("2023-01-01", "b"), at("2024-01-01", "c")}, "2026-01-01", true, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, err := Repeated(ruleset.Shipped(), tt.found, day(tt.on))
			ok(t, err)
			if r.Repeated != tt.want || len(r.Within) != tt.n {
				t.Errorf("%+v", r)
			}
			for _, f := range r.Within {
				if f.On.Before(r.Since) {
					t.Errorf("%s counts and is before %s", f.On, r.Since)
				}
			}
		})
	}
}

func TestLimitationIsFlaggedFromTheDayAfterItsLastDay(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name               string
		ended, found       string
		continuing, health bool
		flag               bool
		last               string
	}{
		{"two years, the last day", "2023-09-01", "2025-09-01", false, false, false, "2025-09-01"},
		{"two years and a day", "2023-09-01", "2025-09-02", false, false, true, "2025-09-01"},
		{"reference example", "2023-09-01", "2025-09-22", false, false, true, "2025-09-01"},
		{"it goes on", "2023-09-01", "2025-09-22", true, false, false, ""},
		{"not known", "", "2025-09-22", false, false, false, ""},
		{"five years for health, the last day", "2020-09-22", "2025-09-22", false, true, false, "2025-09-22"},
		{"five years for health and a day", "2020-09-21", "2025-09-22", false, true, true, "2025-09-21"},
		{"a last day of rest is not rolled", "2023-10-04", "2025-10-05", false, false, true, "2025-10-04"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l, err := Limit(Rules{}, day(tt.ended), tt.continuing, tt.health, day(tt.found))
			ok(t, err)
			if l.Flag != tt.flag || l.Last != day(tt.last) {
				t.Errorf("%+v", l)
			}
		})
	}
}

func TestWhoMayPunishWhomAndHowMuch(t *testing.T) {
	t.Parallel()
	const wan = 10_000 * 100
	fine := func(target Target, fen, base int64) Penalty {
		return Penalty{Instrument: "新测市监处罚[2026]1号", On: day("2026-05-20"), Target: target, Measures: []Measure{Fine}, FineFen: fen, BaseFen: base}
	}
	with := func(target Target, m ...Measure) Penalty {
		return Penalty{Instrument: "新测市监处罚〔2026〕1号", On: day("2026-05-20"), Target: target, Measures: m}
	}
	tests := []struct {
		name string
		p    Penalty
		by   Level
		want string
	}{
		{"a district fines a patent agency", fine(PatentAgency, wan, 0), County, "casework.competence.province"},
		{"the city fines a patent agency", fine(PatentAgency, wan, 0), City, "casework.competence.province"},
		{"entrusted by the province", fine(PatentAgency, 10*wan, 0), Province, ""},
		{"entrusted, a fen too much", fine(PatentAgency, 10*wan+1, 0), Province, "casework.competence.fine"},
		{"an agent, 50,000", fine(PatentAgent, 5*wan, 0), Province, ""},
		{"an agent, a fen more", fine(PatentAgent, 5*wan+1, 0), Province, "casework.competence.fine"},
		{"unlicensed, by the city", fine(Unlicensed, wan, wan), City, "casework.competence.province"},
		{"unlicensed, once the gain", fine(Unlicensed, wan, wan), Province, ""},
		{"unlicensed, less than the gain", fine(Unlicensed, wan-1, wan), Province, "casework.competence.fine"},
		{"unlicensed, five times", fine(Unlicensed, 5*wan, wan), Province, ""},
		{"unlicensed, more than five times", fine(Unlicensed, 5*wan+1, wan), Province, "casework.competence.fine"},
		{"suspension of an agency is CNIPA's", with(PatentAgency, Suspension), Province, "casework.competence.cnipa"},
		{"revocation is CNIPA's", with(PatentAgency, Revocation), City, "casework.competence.cnipa"},
		{"stopping acceptance is CNIPA's", with(TrademarkAgency, StopAccept), City, "casework.competence.cnipa"},
		{"a determination is nobody's here", with(OtherTarget, Determination), Province, "casework.competence.never"},
		{"a determination beside others", with(TrademarkAgency, Warning, Determination), City, "casework.competence.never"},
		{"a trademark agency, 10,000", fine(TrademarkAgency, wan, 0), County, ""},
		{"a trademark agency, less", fine(TrademarkAgency, wan-1, 0), County, "casework.competence.fine"},
		{"a trademark agency, 100,000", fine(TrademarkAgency, 10*wan, 0), County, ""},
		{"a trademark agency, more", fine(TrademarkAgency, 10*wan+1, 0), County, "casework.competence.fine"},
		{"its staff, 5,000", fine(TrademarkStaff, wan/2, 0), County, ""},
		{"its staff, less", fine(TrademarkStaff, wan/2-1, 0), County, "casework.competence.fine"},
		{"its staff, 50,000", fine(TrademarkStaff, 5*wan, 0), County, ""},
		{"its staff, more", fine(TrademarkStaff, 5*wan+1, 0), County, "casework.competence.fine"},
		{"dishonest filing, 100,000", fine(PatentApplicant, 10*wan, 0), County, ""},
		{"dishonest filing, more", fine(PatentApplicant, 10*wan+1, 0), County, "casework.competence.fine"},
		{"bad-faith applicant without gain, 10,000", fine(TrademarkApply, wan, 0), County, ""},
		{"bad-faith applicant without gain, more", fine(TrademarkApply, wan+1, 0), County, "casework.competence.fine"},
		{"bad-faith applicant, three times 5,000", fine(TrademarkApply, 3*wan/2, wan/2), County, ""},
		{"bad-faith applicant, more than three times", fine(TrademarkApply, 3*wan/2+1, wan/2), County, "casework.competence.fine"},
		{"bad-faith applicant, 30,000 at most", fine(TrademarkApply, 3*wan, 100*wan), County, ""},
		{"bad-faith applicant, above 30,000", fine(TrademarkApply, 3*wan+1, 100*wan), County, "casework.competence.fine"},
		{"infringer, turnover below 50,000", fine(MarkInfringer, 25*wan, 5*wan-1), County, ""},
		{"infringer, turnover below, more", fine(MarkInfringer, 25*wan+1, 5*wan-1), County, "casework.competence.fine"},
		{"infringer, five times 60,000", fine(MarkInfringer, 30*wan, 6*wan), County, ""},
		{"infringer, more than five times", fine(MarkInfringer, 30*wan+1, 6*wan), County, "casework.competence.fine"},
		{"no provision", fine(OtherTarget, wan, 0), City, "casework.competence.none"},
		{"a number of the wrong form", func() Penalty {
			p := with(OtherTarget, Warning)
			p.Instrument = "新测市监处罚〔26〕1号"
			return p
		}(), City, "ident.docno.form"},
		{"a fine without an amount", with(TrademarkAgency, Fine), City, "casework.fine"},
		{"an amount without a fine", func() Penalty { p := with(TrademarkAgency, Warning); p.FineFen = 1; return p }(), City, "casework.fine"},
		{"confiscation without an amount", with(MarkInfringer, Confiscation), City, "casework.taken"},
		{"nothing", with(OtherTarget), City, "casework.measure.none"},
		{"no target", with("", Warning), City, "casework.target"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, err := tt.p.Check(ruleset.Shipped(), tt.by)
			if tt.want == "" {
				ok(t, err)
				if p.Instrument != "新测市监处罚〔2026〕1号" || p.Rule == "" {
					t.Errorf("%+v", p)
				}
				return
			}
			if tt.want == "ident.docno.form" {
				if f, is := fault.Of(err); !is || len(f.Fields) != 1 || f.Fields[0].Name != "instrument" {
					t.Fatalf("%v", err)
				}
				return
			}
			refusedWith(t, err, tt.want)
		})
	}
}
