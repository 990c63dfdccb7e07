package credit

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"ipcredit/shared/page"
	"ipcredit/shared/sheet"
	"ipcredit/shared/workday"
)

var testContext = Context{Now: noon("2026-06-01"), Key: []byte("test key"), BatchID: "b1"}

var goodRows = map[Kind]map[string]string{
	Penalty: {
		"subjectName": "新乡市虚构甲科技有限公司", "subjectType": "法人及非法人组织", "subjectCode": "91410771MA00AAA104", "legalRep": "张样例",
		"instrumentNo": "新测市监处罚〔2026〕12号", "violation": "商标侵权", "facts": "法定代表人张样例(身份证410799190001019907,电话19900000000)销售侵权商品",
		"basis": "《中华人民共和国商标法》第六十条", "classes": "罚款；没收违法所得、没收非法财物", "text": "罚款6万元,没收违法所得1.5万元",
		"fine": "6", "confiscated": "1.5", "determinedOn": "2026/04/29", "validUntil": "2099/12/31", "sourceUntil": "2027/04/29",
		"authority": "新乡市测试区市场监督管理局", "authorityCode": "11410700000000019U",
		"dataSource": "新乡市测试区市场监督管理局", "dataSourceCode": "11410700000000019U",
	},
	Licence: {
		"subjectName": "新乡市虚构甲科技有限公司", "subjectCode": "91410771MA00AAA104", "instrumentNo": "新测市监许准〔2026〕3号",
		"text": "准予执业", "determinedOn": "2026/04/29", "validFrom": "2026/05/01", "validUntil": "2029/04/30",
		"authority": "新乡市测试区市场监督管理局", "authorityCode": "11410700000000019U", "state": "1",
	},
	Determination: {
		"subjectName": "新乡市虚构乙知识产权代理有限公司", "subjectCode": "91410772MA00AAB17X", "instrumentNo": "国知测认〔2026〕1号", "act": "DA1",
		"tier": "一般", "authority": "国家知识产权局测试司", "authorityCode": "11410700000000019U", "determinedOn": "2026-04-10", "basis": "第六条第一项",
		"sourceUrl": "https://example.com/notice/1",
	},
	Commendation: {
		"subjectName": "新乡市虚构甲科技有限公司", "subjectCode": "91410771MA00AAA104", "instrumentNo": "新测协表〔2026〕1号", "text": "示范企业",
		"authority": "新乡市测试知识产权保护协会", "determinedOn": "2026-04-10",
	},
	Judgment: {
		"subjectName": "新乡市虚构甲科技有限公司", "subjectCode": "91410771MA00AAA104", "instrumentNo": "(2026)豫07民初9999号", "cause": "侵害商标权纠纷",
		"result": "判令停止侵权", "authority": "测试市中级人民法院", "determinedOn": "2026-04-10",
	},
}

func rowOf(t testing.TB, kind Kind, changes map[string]string) sheet.Row {
	t.Helper()
	schema, ok := Schema(kind)
	if !ok {
		t.Fatal(kind)
	}
	values := maps.Clone(goodRows[kind])
	maps.Copy(values, changes)
	return sheet.NewRow(schema, 1, values)
}

func TestReadsAGoodRowOfEachKind(t *testing.T) {
	t.Parallel()
	for kind := range goodRows {
		e, problems := Shipped().Parse(kind, rowOf(t, kind, nil), testContext)
		if len(problems) > 0 {
			t.Errorf("%s: %v", kind, problems)
			continue
		}
		r := e.Record
		if r.ID == "" || r.Kind != kind || r.DeterminedOn.IsZero() || r.BatchID != "b1" || r.PublishedOn != workday.MustDate("2026-06-01") {
			t.Errorf("%s: %+v", kind, r)
		}
	}
}

func TestAPenaltyRowBecomesARecordWithExactMoneyAndWithoutPersonalData(t *testing.T) {
	t.Parallel()
	e, problems := Shipped().Parse(Penalty, rowOf(t, Penalty, nil), testContext)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	r := e.Record
	c := r.Content.Penalty
	if e.SubjectCode != "91410771MA00AAA104" || e.NaturalPerson || r.InstrumentNo != "新测市监处罚〔2026〕12号" || r.Channel != Original || r.Source != Admin {
		t.Errorf("%+v", e)
	}
	if c.FineFen != 6_000_000 || c.ConfiscatedFen != 1_500_000 || !slices.Equal(c.Classes, []string{"罚款", "没收违法所得、没收非法财物"}) {
		t.Errorf("%+v", c)
	}
	if c.ValidUntil != Endless || r.SourceUntil.String() != "2027-04-29" {
		t.Errorf("%+v", r)
	}
	b, _ := json.Marshal(e)
	for _, secret := range []string{"410799190001019907", "19900000000", "张样例"} {
		if strings.Contains(string(b), secret) {
			t.Errorf("%s is in %s", secret, b)
		}
	}
	if !slices.ContainsFunc(r.Rules, func(ref string) bool { return strings.HasPrefix(ref, "display-tiers@") }) {
		t.Errorf("the rules applied are stored: %v", r.Rules)
	}
	again, _ := Shipped().Parse(Penalty, rowOf(t, Penalty, map[string]string{"instrumentNo": " 新测市监处罚[2026]12号", "facts": "另一写法"}), testContext)
	if again.Record.ID != r.ID {
		t.Error("authority, document number and subject are the identity of a record")
	}
	other, _ := Shipped().Parse(Penalty, rowOf(t, Penalty, map[string]string{"subjectCode": "91410771MA00AAA291"}), testContext)
	if other.Record.ID == r.ID {
		t.Error("a document may name several subjects")
	}
}

func TestSourcesAndChannelsFollowTheAuthority(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		kind    Kind
		changes map[string]string
		source  Source
		channel Channel
	}{
		{"own penalty", Penalty, nil, Admin, Original},
		{"another city's penalty", Penalty, map[string]string{"authorityCode": "11410100000000094M"}, Admin, Republish},
		{"determination", Determination, nil, Admin, Republish},
		{"association's praise", Commendation, nil, Industry, Original},
		{"government's praise", Commendation, map[string]string{"authority": "新乡市测试区市场监督管理局"}, Admin, Original},
		{"judgment", Judgment, nil, Judicial, Republish},
	} {
		e, problems := Shipped().Parse(tt.kind, rowOf(t, tt.kind, tt.changes), testContext)
		if len(problems) > 0 || e.Record.Source != tt.source || e.Record.Channel != tt.channel {
			t.Errorf("%s: %v %v %v", tt.name, e.Record.Source, e.Record.Channel, problems)
		}
	}
}

// One row for each way a row can be wrong: the field, and the code it must get.
func TestEveryFaultOfARowIsNamedWithItsField(t *testing.T) {
	t.Parallel()
	type m = map[string]string
	tests := []struct {
		name    string
		kind    Kind
		changes m
		field   string
		code    string
	}{
		{"wrong check digit", Penalty, m{"subjectCode": "91410771MA00AAA105"}, "subjectCode", "ident.uscc.check"},
		{"wrong digit at 17", Penalty, m{"subjectCode": "91410771MA00AAA194"}, "subjectCode", "ident.uscc.organisation_check"},
		{"letter O", Penalty, m{"subjectCode": "9141O771MA00AAA104"}, "subjectCode", "ident.uscc.letter"},
		{"no code", Penalty, m{"subjectCode": ""}, "subjectCode", "credit.code_missing"},
		{"individual business with a company's code", Penalty, m{"subjectType": "个体工商户"}, "subjectType", "credit.type_mismatch"},
		{"unknown type", Penalty, m{"subjectType": "公司"}, "subjectType", "sheet.choice"},
		{"person with a credit code", Penalty, m{"subjectType": "自然人", "subjectName": "李演示", "personId": "410799190001019907"}, "subjectCode", "credit.code_of_person"},
		{"person without number", Penalty, m{"subjectType": "自然人", "subjectName": "李演示", "subjectCode": ""}, "personId", "credit.person_id_missing"},
		{"person's check digit", Penalty, m{"subjectType": "自然人", "subjectName": "李演示", "subjectCode": "", "personId": "410799190001019908"}, "personId", "ident.person.check"},
		{"person born on 30 February", Penalty, m{"subjectType": "自然人", "subjectName": "李演示", "subjectCode": "", "personId": "110105194902300020"}, "personId", "ident.person.birth"},
		{"document number with two digits of a year", Penalty, m{"instrumentNo": "新测市监处罚〔26〕1号"}, "instrumentNo", "ident.docno.year"},
		{"document number with a leading zero", Penalty, m{"instrumentNo": "新测市监处罚〔2026〕012号"}, "instrumentNo", "ident.docno.leading_zero"},
		{"no document number", Penalty, m{"instrumentNo": "处罚12"}, "instrumentNo", "ident.docno.form"},
		{"30 February", Penalty, m{"determinedOn": "2026/02/30"}, "determinedOn", "sheet.date"},
		{"tomorrow", Penalty, m{"determinedOn": "2026/06/02"}, "determinedOn", "credit.date_future"},
		{"endless is no date of a decision", Penalty, m{"determinedOn": "2099/12/31"}, "determinedOn", "credit.date_future"},
		{"the day before the earliest", Penalty, m{"determinedOn": "1985/03/31"}, "determinedOn", "credit.date_too_old"},
		{"long ago", Penalty, m{"determinedOn": "1026/04/29"}, "determinedOn", "credit.date_too_old"},
		{"display ends before the decision", Penalty, m{"sourceUntil": "2026/04/28"}, "sourceUntil", "credit.until_before_decision"},
		{"validity ends before the decision", Penalty, m{"validUntil": "2026/04/28"}, "validUntil", "credit.until_before_decision"},
		{"beyond endless", Penalty, m{"validUntil": "2100/01/01"}, "validUntil", "credit.date_endless"},
		{"seven decimals", Penalty, m{"fine": "0.0000001"}, "fine", "credit.money_decimals"},
		{"negative", Penalty, m{"fine": "-1"}, "fine", "credit.money_negative"},
		{"words for money", Penalty, m{"fine": "六万"}, "fine", "sheet.number"},
		{"too much", Penalty, m{"fine": "100000001"}, "fine", "credit.money_too_large"},
		{"a fine of nothing", Penalty, m{"fine": "0"}, "fine", "credit.fine_missing"},
		{"a fine without its class", Penalty, m{"classes": "没收违法所得、没收非法财物"}, "fine", "credit.fine_without_class"},
		{"confiscation without its class", Penalty, m{"classes": "罚款"}, "confiscated", "credit.confiscation_without_class"},
		{"unknown class", Penalty, m{"classes": "罚款;罚站"}, "classes", "credit.class"},
		{"only separators", Penalty, m{"classes": ";；"}, "classes", "credit.missing"},
		{"authority that is a company", Penalty, m{"authorityCode": "91410771MA00AAA104"}, "authorityCode", "credit.authority_code"},
		{"authority code's check digit", Penalty, m{"authorityCode": "114107000000000191"}, "authorityCode", "ident.uscc.check"},
		{"source code", Penalty, m{"dataSourceCode": "12410000000000027F"}, "dataSourceCode", "credit.authority_code"},
		{"no facts", Penalty, m{"facts": ""}, "facts", "sheet.required"},
		{"bidi characters", Penalty, m{"facts": "事实\u202e颠倒"}, "facts", "sheet.control_character"},
		{"endless facts", Penalty, m{"facts": strings.Repeat("事", 4001)}, "facts", "credit.too_long"},
		{"link that is none", Penalty, m{"sourceUrl": "javascript:alert(1)"}, "sourceUrl", "credit.link"},
		{"link with a password", Penalty, m{"sourceUrl": "https://a:b@example.com/"}, "sourceUrl", "credit.link"},
		{"person, simple procedure by number", Penalty, m{"subjectType": "自然人", "subjectName": "李演示", "subjectCode": "", "personId": "410799190001019907", "instrumentNo": "新测市监当罚〔2026〕1号"}, "instrumentNo", "credit.simple_procedure_person"},
		{"person, simple procedure by remark", Penalty, m{"subjectType": "自然人", "subjectName": "李演示", "subjectCode": "", "personId": "410799190001019907", "remark": "适用简易程序"}, "remark", "credit.simple_procedure_person"},
		{"person, simple procedure by column", Penalty, m{"subjectType": "自然人", "subjectName": "李演示", "subjectCode": "", "personId": "410799190001019907", "procedure": "简易程序"}, "procedure", "credit.simple_procedure_person"},
		{"unlicensed agency punished by the city", Penalty, m{"violation": "擅自开展专利代理业务"}, "authority", "credit.competence.unlicensed-agency"},
		{"unlicensed agency by its article", Penalty, m{"basis": "《专利代理条例》第二十七条"}, "authority", "credit.competence.unlicensed-agency"},
		{"patent agency fined by the city", Penalty, m{"basis": "《专利代理条例》第25条第一款"}, "authority", "credit.competence.patent-agency-penalty"},
		{"patent agency suspended by the province", Penalty, m{"authority": "河南省知识产权局", "basis": "《专利代理条例》第二十五条", "classes": "限制开展生产经营活动", "fine": "", "confiscated": ""}, "authority", "credit.competence.patent-agency-suspension"},
		{"fine above the agency maximum", Penalty, m{"authority": "河南省知识产权局", "basis": "《专利代理条例》第二十五条", "fine": "10.000001"}, "fine", "credit.fine_above_maximum"},
		{"fine above the filing maximum", Penalty, m{"basis": "《中华人民共和国专利法实施细则》第一百条", "fine": "11"}, "fine", "credit.fine_above_maximum"},
		{"trademark agency's stop by the city", Penalty, m{"text": "停止受理其办理商标代理业务"}, "authority", "credit.competence.trademark-agency-stop"},
		{"determined by the city", Determination, m{"authority": "新乡市知识产权局"}, "authority", "credit.competence.determination"},
		{"determined by an agency office", Determination, m{"authority": "国家知识产权局专利局郑州代办处"}, "authority", "credit.competence.determination"},
		{"unknown act", Determination, m{"act": "DA8"}, "act", "sheet.choice"},
		{"no instrument", Determination, m{"instrumentNo": ""}, "instrumentNo", "sheet.required"},
		{"unknown tier", Determination, m{"tier": "特别严重"}, "tier", "sheet.choice"},
		{"licence that ends before it begins", Licence, m{"validUntil": "2026/04/30"}, "validUntil", "credit.until_before_from"},
		{"licence that begins endless", Licence, m{"validFrom": "2099/12/31", "validUntil": ""}, "validFrom", "credit.date_endless"},
		{"licence with a wrong year", Licence, m{"instrumentNo": "新测市监许准〔26〕3号"}, "instrumentNo", "ident.docno.year"},
		{"licence of no state", Licence, m{"state": "3"}, "state", "credit.state"},
		{"judgment of a bureau", Judgment, m{"authority": "新乡市测试区市场监督管理局"}, "authority", "credit.competence.judgment"},
		{"case number", Judgment, m{"instrumentNo": "豫07民初9999号"}, "instrumentNo", "ident.courtno.form"},
		{"praise of tomorrow", Commendation, m{"determinedOn": "2026-06-02"}, "determinedOn", "credit.date_future"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, problems := Shipped().Parse(tt.kind, rowOf(t, tt.kind, tt.changes), testContext)
			if !slices.ContainsFunc(problems, func(p sheet.Problem) bool { return p.Field == tt.field && p.Code == tt.code }) {
				t.Fatalf("got %v, want %s at %s", problems, tt.code, tt.field)
			}
			if len(problems) != 1 {
				t.Errorf("one fault, but %v", problems)
			}
			said(t, problems)
		})
	}
}

// said checks that a problem of this matter has its sentence, complete, in both languages.
func said(t *testing.T, problems []sheet.Problem) {
	t.Helper()
	for _, p := range problems {
		if !strings.HasPrefix(p.Code, "credit.") {
			continue
		}
		for _, lang := range []page.Lang{page.ZH, page.EN} {
			if s := page.Say(lang, "fault."+p.Code, p.Args...); strings.Contains(s, "%!") || strings.Contains(s, "〔fault") {
				t.Errorf("%s: %s", p.Code, s)
			}
		}
	}
}

func TestARowIsNotRefusedForWhatIsRight(t *testing.T) {
	t.Parallel()
	type m = map[string]string
	person := func(changes m) m {
		base := m{"subjectType": "自然人", "subjectName": "李演示", "subjectCode": "", "personId": "410799190001019907"}
		maps.Copy(base, changes)
		return base
	}
	for _, tt := range []struct {
		name        string
		kind        Kind
		changes     m
		unpublished Reason
	}{
		{"today", Penalty, m{"determinedOn": "2026/06/01"}, ""},
		{"display ends on the day of the decision", Penalty, m{"sourceUntil": "2026/04/29"}, ""},
		{"code in lower case and full width", Penalty, m{"subjectCode": "９１４１０７７１ma00aaa104"}, ""},
		{"no type, but a code", Penalty, m{"subjectType": ""}, ""},
		{"individual business", Penalty, m{"subjectType": "个体工商户", "subjectCode": "92410704MA00AAH157"}, ""},
		{"person", Penalty, person(nil), ""},
		{"person, ordinary procedure said so", Penalty, person(m{"remark": "不适用简易程序"}), ""},
		{"minor", Penalty, person(m{"personId": "410799201501010010"}), OfMinor},
		{"eighteen on the day", Penalty, person(m{"personId": "410799200804290019", "determinedOn": "2026/04/29"}), ""},
		{"eighteen a day later", Penalty, person(m{"personId": "410799200804300010", "determinedOn": "2026/04/29"}), OfMinor},
		{"passport", Penalty, person(m{"personIdType": "护照", "personId": "E00000000"}), AgeUnknown},
		{"organisation, simple procedure", Penalty, m{"instrumentNo": "新测市监当罚〔2026〕1号"}, SimpleProcedure},
		{"warning only", Penalty, m{"classes": "警告", "fine": "", "confiscated": ""}, WarningOnly},
		{"unlicensed agency punished by the province", Penalty, m{"authority": "河南省知识产权局", "basis": "《专利代理条例》第二十七条"}, ""},
		{"agency fined by the province up to the maximum", Penalty, m{"authority": "河南省市场监督管理局", "basis": "《专利代理条例》第二十五条", "fine": "10"}, ""},
		{"agency revoked by CNIPA", Penalty, m{"authority": "国家知识产权局", "basis": "《专利代理条例》第二十五条", "classes": "吊销许可证件", "fine": "", "confiscated": ""}, ""},
		{"the implementing rules are another document", Penalty, m{"basis": "《中华人民共和国商标法实施条例》第六十八条", "fine": "200"}, ""},
		{"two documents add up", Penalty, m{"basis": "《中华人民共和国专利法实施细则》第一百条、《中华人民共和国商标法》第六十条", "fine": "11"}, ""},
		{"article of another document", Penalty, m{"basis": "《专利代理条例》第四条、《中华人民共和国商标法》第二十七条"}, ""},
		{"licence numbered without a year", Licence, m{"instrumentNo": "(测)登字4107000001"}, ""},
		{"endless licence", Licence, m{"validUntil": "2099-12-31"}, ""},
		{"tier left open", Determination, m{"tier": ""}, ""},
		{"CNIPA itself", Determination, m{"authority": "国家知识产权局"}, ""},
	} {
		e, problems := Shipped().Parse(tt.kind, rowOf(t, tt.kind, tt.changes), testContext)
		if len(problems) > 0 || e.Record.Unpublished != tt.unpublished {
			t.Errorf("%s: %q %v", tt.name, e.Record.Unpublished, problems)
		}
	}
}

func TestAllProblemsOfARowAreNamedAtOnce(t *testing.T) {
	t.Parallel()
	_, problems := Shipped().Parse(Penalty, rowOf(t, Penalty, map[string]string{
		"subjectCode": "91410771MA00AAA105", "instrumentNo": "〔26〕", "violation": "", "classes": "罚站", "fine": "x",
		"determinedOn": "2026-13-01", "sourceUntil": "2100-01-01", "authorityCode": "1", "dataSourceCode": "2", "sourceUrl": "x",
	}), testContext)
	var fields []string
	for _, p := range problems {
		fields = append(fields, p.Field)
	}
	want := "subjectCode instrumentNo violation classes fine determinedOn sourceUntil authorityCode dataSourceCode sourceUrl"
	if got := strings.Join(fields, " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestANaturalPersonIsKnownByHashAndMaskedName(t *testing.T) {
	t.Parallel()
	row := rowOf(t, Penalty, map[string]string{"subjectType": "自然人", "subjectName": "李演示", "subjectCode": "", "legalRep": "",
		"personId": "41079919000101994x", "facts": "李演示销售侵权商品"})
	e, problems := Shipped().Parse(Penalty, row, testContext)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	b, _ := json.Marshal(e)
	if !e.NaturalPerson || e.SubjectName != "李*示" || !strings.HasPrefix(e.SubjectCode, "P-") || strings.Contains(string(b), "李演示") || strings.Contains(string(b), "0101994") {
		t.Errorf("%s", b)
	}
	noKey := testContext
	noKey.Key = nil
	if _, problems := Shipped().Parse(Penalty, row, noKey); len(problems) != 1 || problems[0].Code != "credit.person_no_key" {
		t.Errorf("without a key: %v", problems)
	}
}

func TestPenaltyColumnsMayBeFewAndByNationalCode(t *testing.T) {
	t.Parallel()
	for kind, s := range Schemas() {
		seen := map[string]bool{}
		for _, c := range s.Columns {
			for _, name := range []string{c.Field, c.Header, c.National} {
				if name != "" && seen[name] {
					t.Errorf("%s: %s twice", kind, name)
				}
				seen[name] = true
			}
		}
	}
	s, _ := Schema(Penalty)
	for _, code := range strings.Fields("CF_XDR_MC CF_XDR_LB CF_XDR_SHXYM CF_XDR_GSZC CF_XDR_ZZJG CF_XDR_SWDJ CF_XDR_SYDW CF_XDR_SHZZ CF_FRDB " +
		"CF_FR_ZJLX CF_FR_ZJHM CF_XDR_ZJLX CF_XDR_ZJHM CF_WSH CF_WFXW CF_SY CF_YJ CF_CFLB CF_NR CF_NR_FK CF_NR_WFFF CF_NR_ZKDX CF_JDRQ CF_YXQ " +
		"CF_GSJZQ CF_CFJG CF_CFJGDM CF_SJLY CF_SJLYDM BZ") {
		if !slices.ContainsFunc(s.Columns, func(c sheet.Column) bool { return c.National == code }) {
			t.Errorf("no column %s", code)
		}
	}
}

func TestTheExamplesOfATemplateMakeAGoodRow(t *testing.T) {
	t.Parallel()
	for kind, s := range Schemas() {
		values := map[string]string{}
		for _, c := range s.Columns {
			values[c.Field] = c.Example
		}
		if _, problems := Shipped().Parse(kind, sheet.NewRow(s, 1, values), testContext); len(problems) > 0 {
			t.Errorf("%s: %v", kind, problems)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(0, "91410771MA00AAA104", "新测市监处罚〔2026〕12号", "罚款;警告", "6.5", "2026/04/29", "事实410799190001019907", "《专利代理条例》第二十五条", "自然人", "410799190001019907")
	f.Add(2, "9141O771MA00AAA104", "〔26〕", "；", "-1e9", "2026/02/30", "\x00\u202e", "第百条", "", "")
	f.Fuzz(func(t *testing.T, k int, code, no, classes, money, date, text, basis, subjectType, id string) {
		kind := Kinds[uint(k)%uint(len(Kinds))]
		s, _ := Schema(kind)
		values := maps.Clone(goodRows[kind])
		for field, v := range map[string]string{"subjectCode": code, "instrumentNo": no, "classes": classes, "fine": money, "determinedOn": date,
			"validUntil": date, "facts": text, "text": text, "basis": basis, "subjectType": subjectType, "personId": id, "result": text} {
			if _, ok := s.Column(field); ok {
				values[field] = v
			}
		}
		e, problems := Shipped().Parse(kind, sheet.NewRow(s, 1, values), testContext)
		sentence := fmt.Sprint(problems)
		if len(problems) > 0 {
			if e.Record.ID != "" {
				t.Fatal("a bad row made a record")
			}
			if len(id) >= 15 && strings.Contains(sentence, id) {
				t.Fatalf("a problem repeats the identity number: %s", sentence)
			}
			return
		}
		r := e.Record
		if r.ID == "" || r.DeterminedOn.After(workday.MustDate("2026-06-01")) || e.SubjectCode == "" {
			t.Fatalf("%+v", e)
		}
		if b, err := json.Marshal(r); err != nil || strings.Contains(string(b), "410799190001019907") {
			t.Fatalf("%s %v", b, err)
		}
		Show([]Record{r}, testContext.Now)
	})
}

func BenchmarkParsePenalty(b *testing.B) {
	row := rowOf(b, Penalty, map[string]string{"facts": "销售侵犯注册商标专用权的商品"})
	b.ReportAllocs()
	for b.Loop() {
		if _, problems := Shipped().Parse(Penalty, row, testContext); len(problems) > 0 {
			b.Fatal(problems)
		}
	}
}

func TestNotesOfColumnsAreWrittenWithChinesePunctuation(t *testing.T) {
	t.Parallel()
	for kind, s := range Schemas() {
		for _, c := range s.Columns {
			if strings.ContainsAny(c.Note, ",;()") {
				t.Errorf("%s, %s: %q", kind, c.Field, c.Note)
			}
		}
	}
}
