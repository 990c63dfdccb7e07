package credit

import "testing"

func TestHidesPersonalNumbersAndNothingElse(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, in, want string
	}{
		{"identity number", "身份证号410799190001019907,住址略", "身份证号[*],住址略"},
		{"identity number ending in X", "证件41079919000101994X。", "证件[*]。"},
		{"lower case x", "证件41079919000101994x。", "证件[*]。"},
		{"grouped", "证件410799 19000101 9907。", "证件[*]。"},
		{"full width", "证件４１０７９９１９０００１０１９９０７。", "证件[*]。"},
		{"wrong check digit is still somebody's", "证件410799190001019908。", "证件[*]。"},
		{"behind letters", "ID410799190001019907", "ID[*]"},
		{"fifteen digits", "旧证410799000101990", "旧证[*]"},
		{"mobile", "电话19900000000。", "电话[*]。"},
		{"mobile with country code", "电话+86 199-0000-0000。", "电话+[*]。"},
		{"mobile behind a date", "2026-04-29 19900000000来电", "2026-04-29 [*]来电"},
		{"landline", "致电0373-0000000核实", "致电[*]核实"},
		{"bank card", "账户6222020000000000000收款", "账户[*]收款"},
		{"credit code stays", "代码91410771MA00AAA104。", "代码91410771MA00AAA104。"},
		{"credit code of digits stays", "代码9144030071526726XG。", "代码9144030071526726XG。"},
		{"patent number stays", "专利ZL202510999999.3及2025109999993", "专利ZL202510999999.3及2025109999993"},
		{"document number stays", "新测市监处罚〔2026〕12号", "新测市监处罚〔2026〕12号"},
		{"date stays", "2026-04-29至2026-05-12", "2026-04-29至2026-05-12"},
		{"money stays", "违法所得1234567.89元", "违法所得1234567.89元"},
		{"agent licence stays", "执业证41990001234号", "执业证41990001234号"},
		{"two numbers", "甲19900000000,乙19900000001", "甲[*],乙[*]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := redact(tt.in, ""); got != tt.want {
				t.Errorf("redact(%q) = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
	if got := redact("李演示经营的李演示食品店", "李演示食品店", "李演示"); got != "李*示经营的李演示食品店" {
		t.Errorf("names: %q", got)
	}
}

func TestRedactHidesWhereSomebodyLives(t *testing.T) {
	t.Parallel()
	tests := []struct{ text, want string }{
		{"当事人住样例路九百九十九号，销售侵权商品", "当事人住[*]，销售侵权商品"},
		{"张某（住址：示例市演示区示例路1号2单元301室）参与", "张某（住址：[*]）参与"},
		{"户籍所在地示例县示例镇示例村3组。", "户籍所在地[*]。"},
		{"家住虚构小区8号楼。另查明", "家住[*]。另查明"},
		{"公司住所地为新乡市示例路1号", "公司住所地为新乡市示例路1号"},
		{"销售住房用品，住院部采购", "销售住房用品，住院部采购"},
		{"依据《商标法》第六十条，新测市监处罚〔2026〕1号", "依据《商标法》第六十条，新测市监处罚〔2026〕1号"},
		{"经营场所位于示例路1号", "经营场所位于示例路1号"},
	}
	for _, test := range tests {
		if got := redact(test.text, ""); got != test.want {
			t.Errorf("%q became %q, want %q", test.text, got, test.want)
		}
	}
}
