package ident

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ipcredit/shared/fault"
)

func day(s string) time.Time {
	t, err := time.ParseInLocation(time.DateOnly, s, cst)
	if err != nil {
		panic(err)
	}
	return t
}

// refused wants a fault with this code and these arguments.
func refused(t *testing.T, err error, code string, args ...any) {
	t.Helper()
	f, ok := fault.Of(err)
	if !ok || f.Kind != fault.Invalid || f.Code != code {
		t.Fatalf("got %v, want fault %s", err, code)
	}
	for i, a := range args {
		if i >= len(f.Args) || f.Args[i] != a {
			t.Fatalf("%s: arguments %v, want %v", code, f.Args, args)
		}
	}
}

func wide(s string) string {
	return strings.Map(func(r rune) rune {
		if r > ' ' && r < 0x7f {
			return r + 0xfee0
		}
		return r
	}, s)
}

// The codes of domain reference §G.1 and §L, computed apart from this package.
var goodUSCC = []string{
	"91350100M000100Y43", "9144030071526726XG", "91110000600037341L", "91330100799655058B", "91110108551385082Q", "9131000063159284XQ",
	"91410771MA00AAA104", "91410771MA00AAA291", "91410772MA00AAB17X", "91410702MA00AAC13T", "91410711MA00AAD1X2", "91410781MA00AAE16W",
	"91410783MA00AAF123", "92410704MA00AAH157", "93410725MA00AAG198", "11410700000000019U", "12410000000000027F", "51410700000000035D",
}

func TestAcceptsRightCodesInEverySpelling(t *testing.T) {
	t.Parallel()
	for _, code := range goodUSCC {
		for _, spelling := range []string{code, " " + code + "\t", strings.ToLower(code), wide(code), "　" + wide(strings.ToLower(code))} {
			if got, err := ParseUSCC(spelling); err != nil || string(got) != code {
				t.Errorf("%q: got %q, %v", spelling, got, err)
			}
		}
	}
}

func TestRefusesWrongCheckCharacterNamingItAndThePosition(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, code, fault string
		args              []any
	}{
		{"last", "91350100M000100Y44", "ident.uscc.check", []any{18, "4", "3"}},
		{"last, the printed sample", "91350100M000100Y4Z", "ident.uscc.letter", []any{18, "Z"}},
		{"letter O at the end", "91350100M000100Y4O", "ident.uscc.letter", []any{18, "O"}},
		{"letter I", "9I350100M000100Y43", "ident.uscc.letter", []any{2, "I"}},
		{"letter S, small and wide", "91350100Mｓ00100Y43", "ident.uscc.letter", []any{10, "S"}},
		{"letter V", "91350100M000V00Y43", "ident.uscc.letter", []any{13, "V"}},
		{"position 17 alone", "91350100M000100Y53", "ident.uscc.organisation_check", []any{17, "5", "4"}},
		{"area", "9135A100M000100Y43", "ident.uscc.area", []any{5, "A"}},
		{"hyphen", "9135010-M000100Y43", "ident.uscc.character", []any{8, "-"}},
		{"Chinese", "91350100M000100Y4新", "ident.uscc.character", []any{18, "新"}},
		{"short", "91350100M000100Y4", "ident.uscc.length", []any{17}},
		{"long", "91350100M000100Y433", "ident.uscc.length", []any{19}},
		{"empty", "", "ident.uscc.length", []any{0}},
		{"early code with a wrong check", "91350211M0000XUF46", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseUSCC(c.code)
			if c.fault == "" {
				if err == nil {
					t.Fatal("accepted")
				}
				return
			}
			refused(t, err, c.fault, c.args...)
		})
	}
}

func TestRefusesWrongPosition17ThoughTheLastCharacterFits(t *testing.T) {
	t.Parallel()
	body := "91410702MA00AAC1" // its organisation check is 3
	code := body + "4"
	code += string(usccCheck(code))
	_, err := ParseUSCC(code)
	refused(t, err, "ident.uscc.organisation_check", 17, "4", "3")
}

func TestEveryWrongCharacterIsFound(t *testing.T) {
	t.Parallel()
	// GB 32100 promises to find each single wrong character.
	for _, code := range goodUSCC {
		for i := range code {
			for _, r := range usccAlphabet {
				if byte(r) == code[i] {
					continue
				}
				if _, err := ParseUSCC(code[:i] + string(r) + code[i+1:]); err == nil {
					t.Fatalf("%s with %c at %d is accepted", code, r, i+1)
				}
			}
		}
	}
}

func TestOverrideTakesACodeThatFailsItsCheckButNotABrokenForm(t *testing.T) {
	t.Parallel()
	if got, err := UncheckedUSCC("91350211m0000xuf46"); err != nil || got != "91350211M0000XUF46" {
		t.Fatalf("got %q, %v", got, err)
	}
	_, err := UncheckedUSCC("91350211M0000XUF4O")
	refused(t, err, "ident.uscc.letter", 18, "O")
}

func TestMadeCodesAreRightAndParsingIsIdempotent(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		body := rapid.StringMatching(`[159ANY][123][0-9]{6}[0-9A-HJ-NPQRTUWXY]{8}`).Draw(t, "body")
		code, err := MakeUSCC(body)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseUSCC(strings.ToLower(string(code)))
		if err != nil || again != code {
			t.Fatalf("%s: %s, %v", code, again, err)
		}
	})
}

func TestKindAndAreaOfACode(t *testing.T) {
	t.Parallel()
	for code, want := range map[USCC]string{
		"91410771MA00AAA104": "enterprise", "92410704MA00AAH157": "individual-business", "93410725MA00AAG198": "cooperative",
		"11410700000000019U": "government", "12410000000000027F": "institution", "51410700000000035D": "social-organisation", "": "other",
	} {
		if got := code.Kind(); got != want {
			t.Errorf("%s: %s, want %s", code, got, want)
		}
	}
	if c := USCC("91410702MA00AAC13T"); c.Area() != "410702" {
		t.Error(c.Area())
	}
}

func TestResidentIDs(t *testing.T) {
	t.Parallel()
	on := day("2026-11-24")
	for _, id := range []string{"11010519491231002X", "410799190001019907", "410799190001019915", "410799190001019923", "410799190001019931", "41079919000101994X", "410799190001019958"} {
		for _, spelling := range []string{id, " " + strings.ToLower(id) + " ", wide(id)} {
			if _, err := ParsePersonID(spelling, on); err != nil {
				t.Errorf("%s: %v", spelling, err)
			}
		}
	}
	for _, c := range []struct{ name, id, fault string }{
		{"no such day", "110105194902300020", "ident.person.birth"},
		{"30 February", "11010519490230002X", "ident.person.birth"},
		{"29 February of a common year", "110105190002290020", "ident.person.birth"},
		{"wrong check", "110105194912310021", "ident.person.check"},
		{"future", personID("410799", "20261125", "990"), "ident.person.unborn"},
		{"letter inside", "1101051949123100AX", "ident.person.character"},
		{"old 15 digits", "110105491231002", "ident.person.length"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParsePersonID(c.id, on)
			refused(t, err, c.fault)
			if strings.Contains(err.Error(), c.id[:6]) {
				t.Error("the refusal repeats the number")
			}
		})
	}
	if _, err := ParsePersonID(personID("410799", "20261124", "990"), on); err != nil {
		t.Errorf("born today: %v", err)
	}
}

// personID makes a number of an area that is not assigned.
func personID(area, birth, serial string) string {
	id := area + birth + serial
	sum := 0
	for i, w := range personWeights {
		sum += int(id[i]-'0') * w
	}
	return id + string("10X98765432"[sum%11])
}

func TestMinorUntilTheEighteenthBirthday(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, birth, on string
		minor           bool
	}{
		{"day before", "20081124", "2026-11-23", true},
		{"birthday", "20081124", "2026-11-24", false},
		{"leap day, last of February", "20080229", "2026-02-28", true},
		{"leap day, first of March", "20080229", "2026-03-01", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := ParsePersonID(personID("410799", c.birth, "990"), day(c.on))
			if err != nil {
				t.Fatal(err)
			}
			if got := p.Minor(day(c.on)); got != c.minor {
				t.Errorf("minor = %v", got)
			}
		})
	}
	p, _ := ParsePersonID(personID("410799", "20081124", "990"), day("2026-11-24"))
	if at := time.Date(2026, 11, 23, 16, 0, 0, 0, time.UTC); p.Minor(at) {
		t.Error("midnight in China is 16:00 UTC of the day before")
	}
	if p.BirthDate() != day("2008-11-24") {
		t.Error(p.BirthDate())
	}
}

func TestAnIDIsKeptOnlyAsKeyedHash(t *testing.T) {
	t.Parallel()
	p, err := ParsePersonID("11010519491231002x", day("2026-01-01"))
	if err != nil {
		t.Fatal(err)
	}
	q, _ := ParsePersonID("１１０１０５１９４９１２３１００２Ｘ", day("2026-01-01"))
	if p.Hash([]byte("k")) != q.Hash([]byte("k")) || p.Hash([]byte("k")) == p.Hash([]byte("l")) || len(p.Hash(nil)) != 64 {
		t.Error("hash depends on spelling, or not on the key")
	}
	if p.String() != "1101************2X" {
		t.Error(p.String())
	}
	if KeyedHash(nil, "ab", "c") == KeyedHash(nil, "a", "bc") {
		t.Error("parts run into each other")
	}
}

func TestApplicationNumbers(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"201710601862.3": "201710601862.3", "2017106018623": "201710601862.3", "ZL201710601862.3": "201710601862.3",
		"CN201710601862.3": "201710601862.3", "ZL 2017 1 0601862.3": "201710601862.3", "zl２０１７１０６０１８６２．３": "201710601862.3",
		"cn 2017106018623": "201710601862.3", "201710601862。3": "201710601862.3", "201310699744.2": "201310699744.2",
		"95115608.X": "95115608.X", "95115608x": "95115608.X", "ZL95115608.X": "95115608.X",
		"202510999999.3": "202510999999.3", "202520999999.9": "202520999999.9", "202530999999.4": "202530999999.4", "202480999999.7": "202480999999.7",
		"202510999990.2": "202510999990.2", "202420999991.8": "202420999991.8", "202610999998.3": "202610999998.3", "202610999992.6": "202610999992.6",
	} {
		got, err := ParseApplication(in)
		if err != nil || got.Number != want {
			t.Errorf("%q: %q, %v", in, got.Number, err)
			continue
		}
		if again, err := ParseApplication(got.Number); err != nil || again != got {
			t.Errorf("%q is not stable: %v", got.Number, err)
		}
	}
	for _, c := range []struct{ name, in, fault string }{
		{"wrong check", "201710601862.4", "ident.application.check"},
		{"no check", "201710601862", "ident.application.no_check"},
		{"old, no check", "95115608", "ident.application.no_check"},
		{"publication of an application", "CN107000000A", "ident.application.publication"},
		{"announcement of a patent", "CN107000000B", "ident.application.publication"},
		{"publication of a utility model", "CN205000000U", "ident.application.publication"},
		{"publication of a design", "CN304000000S", "ident.application.publication"},
		{"no such kind", "201770601862.3", "ident.application.kind"},
		{"before the new form", "199810601862.3", "ident.application.year"},
		{"old form after its end", "04115608.X", "ident.application.year"},
		{"letters", "20171060186Q.3", "ident.application.form"},
		{"two dots", "20171060.1862.3", "ident.application.form"},
		{"empty", "", "ident.application.form"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseApplication(c.in)
			refused(t, err, c.fault)
		})
	}
	if a, _ := ParseApplication("95115608.X"); a.Year != 1995 || a.Kind != "invention" {
		t.Error(a)
	}
	if a, _ := ParseApplication("202480999999.7"); a.Year != 2024 || a.Kind != "pct-invention" {
		t.Error(a)
	}
}

func TestTrademarksAgenciesAndAgents(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"99000001": "99000001", " 12345678a ": "12345678A", "g1234567": "G1234567", "第99000001号": "99000001", "12345": "12345"} {
		if got, err := ParseTrademark(in); err != nil || got != want {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "1234", "123456789", "AB123456", "12345678AB"} {
		_, err := ParseTrademark(in)
		refused(t, err, "ident.trademark.form")
	}
	for in, want := range map[string]int{"1": 1, "45": 45, "第35类": 35, "０９": 9} {
		if got, err := ParseClass(in); err != nil || got != want {
			t.Errorf("class %q: %d, %v", in, got, err)
		}
	}
	for _, in := range []string{"0", "46", "-1", "", "1.5", "100"} {
		_, err := ParseClass(in)
		refused(t, err, "ident.trademark.class")
	}
	if got, err := ParseAgency("４１９９０"); err != nil || got != "41990" {
		t.Error(got, err)
	}
	for _, in := range []string{"00000", "4199", "419901", "4199A"} {
		_, err := ParseAgency(in)
		refused(t, err, "ident.agency.code")
	}
	if got, err := ParseQualification("4199001"); err != nil || got != "4199001" {
		t.Error(got, err)
	}
	if got, err := ParseLicence("41990990017", "41990", "4199001"); err != nil || got != "41990990017" {
		t.Error(got, err)
	}
	_, err := ParseLicence("4199099001", "", "")
	refused(t, err, "ident.agency.licence")
	_, err = ParseLicence("41991990017", "41990", "4199001")
	refused(t, err, "ident.agency.licence_agency", "41991", "41990")
	_, err = ParseLicence("41990990027", "41990", "4199001")
	refused(t, err, "ident.agency.licence_qualification", "99002", "99001")
}

func TestDocumentNumbers(t *testing.T) {
	t.Parallel()
	for _, in := range []string{"新测市监处罚〔2026〕1号", "新测市监处罚[2026]1号", "新测市监处罚(2026)1号", "新测市监处罚（2026）1号", "新测市监处罚【2026】1号",
		" 新测市监处罚 〔２０２６〕 第 1 号", "新测市监处罚［2026］1号"} {
		got, err := ParseDocNo(in)
		if err != nil || got.String() != "新测市监处罚〔2026〕1号" {
			t.Errorf("%q: %v, %v", in, got, err)
		}
	}
	for _, c := range []struct{ name, in, fault string }{
		{"year of two digits", "新测市监处罚〔26〕1号", "ident.docno.year"},
		{"leading zero", "新测市监处罚〔2026〕01号", "ident.docno.leading_zero"},
		{"no 号", "新测市监处罚〔2026〕1", "ident.docno.form"},
		{"no prefix", "〔2026〕1号", "ident.docno.form"},
		{"no number", "新测市监处罚〔2026〕号", "ident.docno.form"},
		{"too long", "新测市监处罚〔2026〕1234567890号", "ident.docno.form"},
		{"bidi", "新测市监处罚〔2026〕\u202e1号", "ident.text.bidi"},
		{"NUL", "新测市监处罚〔2026〕1号\x00", "ident.text.nul"},
		{"zero width", "新测\u200b市监处罚〔2026〕1号", "ident.text.invisible"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseDocNo(c.in)
			refused(t, err, c.fault)
		})
	}
	for in, want := range map[string]string{
		"（2026）豫07民初12号": "（2026）豫07民初12号", "(2026)豫07民初12号": "（2026）豫07民初12号", "[2026] 豫 0702 民初 3 号": "（2026）豫0702民初3号",
		"〔2026〕豫知民终1号之二": "（2026）豫知民终1号之二", "（２０２６）最高法知民终9号": "（2026）最高法知民终9号",
	} {
		got, err := ParseCourtNo(in)
		if err != nil || got.String() != want {
			t.Errorf("%q: %v, %v", in, got, err)
		}
	}
	_, err := ParseCourtNo("（26）豫07民初12号")
	refused(t, err, "ident.docno.year")
	_, err = ParseCourtNo("豫07民初12号")
	refused(t, err, "ident.courtno.form")
}

func TestAreas(t *testing.T) {
	t.Parallel()
	now := Areas(day("2026-11-24"))
	var counties, zones, pilots int
	for _, a := range now {
		switch a.Kind {
		case County:
			counties++
		case Zone:
			zones++
		}
		if a.Pilot {
			pilots++
		}
	}
	if counties != 12 || zones != 3 || pilots != 2 {
		t.Errorf("%d counties, %d zones, %d pilots", counties, zones, pilots)
	}
	for in, want := range map[string]string{"410702": "410702", "红旗区": "410702", "新乡市红旗区": "410702", "河南省新乡市红旗区": "410702", "高新区": "410771",
		"新乡经济技术开发区": "410772", "４１０７８３": "410783", "长垣县": "410728", "新乡市": "410700"} {
		if got, err := ParseArea(in); err != nil || got.Code != want {
			t.Errorf("%q: %v, %v", in, got, err)
		}
	}
	if a, _ := AreaOf("410728"); a.Successor != "410783" {
		t.Error(a)
	}
	_, err := ParseArea("410799")
	refused(t, err, "ident.area.unknown", "410799")
	for _, c := range []struct {
		on, code string
		there    bool
	}{{"2019-09-27", "410728", true}, {"2019-09-28", "410728", false}, {"2019-09-27", "410783", false}, {"2019-09-28", "410783", true}} {
		found := false
		for _, a := range Areas(day(c.on)) {
			found = found || a.Code == c.code
		}
		if found != c.there {
			t.Errorf("%s on %s: %v", c.code, c.on, found)
		}
	}
}

func TestHostileTextIsRefusedNamingTheCharacter(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, in, fault, point string
		at                     int
	}{
		{"NUL", "新\x00乡", "ident.text.nul", "U+0000", 2},
		{"bell", "\x07", "ident.text.control", "U+0007", 1},
		{"C1", "a\u0085", "ident.text.control", "U+0085", 2},
		{"line separator", "a\u2028b", "ident.text.control", "U+2028", 2},
		{"right to left override", "新乡\u202e", "ident.text.bidi", "U+202E", 3},
		{"isolate", "\u2066x", "ident.text.bidi", "U+2066", 1},
		{"Arabic letter mark", "\u061c", "ident.text.bidi", "U+061C", 1},
		{"zero width space", "新\u200b乡", "ident.text.invisible", "U+200B", 2},
		{"joiner", "\u200d", "ident.text.invisible", "U+200D", 1},
		{"byte order mark", "\ufeffx", "ident.text.invisible", "U+FEFF", 1},
		{"soft hyphen", "x\u00ad", "ident.text.invisible", "U+00AD", 2},
		{"tag", "x\U000e0041", "ident.text.invisible", "U+E0041", 2},
		{"variation selector", "葛\U000e0100", "ident.text.invisible", "U+E0100", 2},
		{"Hangul filler", "\u3164", "ident.text.invisible", "U+3164", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			refused(t, CheckText(c.in), c.fault, c.point, c.at)
			_, err := Clean(c.in)
			refused(t, err, c.fault)
		})
	}
	refused(t, CheckText("ab\xff"), "ident.text.encoding", 3)
	if err := CheckText("第一行\n第二行\t完"); err != nil {
		t.Error(err)
	}
	if got, err := Clean("　新乡市 \t\n 虚构  公司 "); err != nil || got != "新乡市 虚构 公司" {
		t.Errorf("%q, %v", got, err)
	}
	if got, _ := Clean("e\u0301"); got != "é" {
		t.Errorf("%q", got)
	}
}

func TestMasksNames(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "", "张": "*", "张三": "张*", "张小三": "张*三", "张小小三": "张**三", "欧阳三": "欧阳*", "欧阳小三": "欧阳*三", "欧阳": "欧*",
		"买买提·吐尔逊": "买**·**逊", "John Smith": "J*** ****h", " 李演示 ": "李*示", "爱新觉罗样例": "爱新觉罗*例",
	} {
		if got := MaskName(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{"410799190001019907": "4107************07", "123456": "******", "": ""} {
		if got := MaskID(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

func FuzzParsers(f *testing.F) {
	for _, s := range []string{"91350100M000100Y43", "11010519491231002X", "ZL 2017 1 0601862.3", "95115608.X", "新测市监处罚〔2026〕1号", "（2026）豫07民初12号之一", "99000001A", "第35类", "410702", "高新区", "\u202e", "\xff\x00", "ＡＢＣ"} {
		f.Add(s)
	}
	on := day("2026-11-24")
	f.Fuzz(func(t *testing.T, s string) {
		stable := func(name string, parse func(string) (string, error)) {
			got, err := parse(s)
			if err != nil {
				if _, ok := fault.Of(err); !ok {
					t.Fatalf("%s(%q): %v is no fault", name, s, err)
				}
				return
			}
			if again, err := parse(got); err != nil || again != got {
				t.Fatalf("%s: %q gives %q, which gives %q, %v", name, s, got, again, err)
			}
		}
		stable("ParseUSCC", func(s string) (string, error) { c, err := ParseUSCC(s); return string(c), err })
		stable("UncheckedUSCC", func(s string) (string, error) { c, err := UncheckedUSCC(s); return string(c), err })
		stable("ParseApplication", func(s string) (string, error) { a, err := ParseApplication(s); return a.Number, err })
		stable("ParseTrademark", ParseTrademark)
		stable("ParseAgency", ParseAgency)
		stable("ParseQualification", ParseQualification)
		stable("ParseLicence", func(s string) (string, error) { return ParseLicence(s, "", "") })
		stable("ParseDocNo", func(s string) (string, error) {
			d, err := ParseDocNo(s)
			if err != nil {
				return "", err
			}
			return d.String(), nil
		})
		stable("ParseCourtNo", func(s string) (string, error) {
			c, err := ParseCourtNo(s)
			if err != nil {
				return "", err
			}
			return c.String(), nil
		})
		stable("ParseArea", func(s string) (string, error) { a, err := ParseArea(s); return a.Code, err })
		stable("Clean", Clean)
		_, _ = ParseClass(s)
		_, _ = ParsePersonID(s, on)
		_, _ = MakeUSCC(s)
		MaskName(s)
		_ = MaskID(s)
	})
}
