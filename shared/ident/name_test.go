package ident

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestTakesNamesApart(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, divisions, brand, industry, form string
		generic                                bool
	}{
		{"新乡市砚葵科技有限公司", "新乡市", "砚葵", "科技", "有限公司", false},
		{"河南省新乡市红旗区洪门镇穗岑超市", "河南省 新乡市 红旗区 洪门镇", "穗岑", "", "超市", false},
		{"砚葵（新乡）知识产权代理有限公司", "新乡市", "砚葵", "知识产权代理", "有限公司", false},
		{"砚葵(新乡)知识产权代理有限责任公司", "新乡市", "砚葵", "知识产权代理", "有限责任公司", false},
		{"新鄉市硯葵科技有限公司", "新乡市", "砚葵", "科技", "有限公司", false},
		{"新乡市样例专利代理事务所(特殊普通合伙)", "新乡市", "样例", "专利代理", "事务所特殊普通合伙", false},
		{"新乡市钲铖（集团）有限公司", "新乡市", "钲铖", "", "有限公司集团", false},
		{"长垣市砚葵起重机械有限公司新乡分公司", "长垣市 新乡市", "砚葵", "起重机械", "有限公司分公司", false},
		{"辉县市砚葵种植农民专业合作社", "辉县市", "砚葵", "种植", "农民专业合作社", false},
		{"新乡高新区砚葵商行", "新乡高新区", "砚葵", "", "商行", false},
		{"演示大学", "", "演示", "", "大学", false},
		{"红旗渠食品厂", "", "红旗渠", "食品", "厂", false},           // 红旗 alone is no division here
		{"朝阳机械有限公司", "", "朝阳", "机械", "有限公司", false},       // nor is 朝阳
		{"新乡市远行旅游有限公司", "新乡市", "远行", "旅游", "有限公司", false}, // 行 is no form here
		{"远行", "", "远行", "", "", false},
		{"葳商贸", "", "葳", "商贸", "", false},
		{"葳", "", "葳", "", "", false},
		{"ＡＢＣ 样例电子", "", "abc样例", "电子", "", false},
		{"新乡市砚葵超市有限公司", "新乡市", "砚葵", "超市", "有限公司", false},
		{"新乡市科技有限公司", "新乡市", "科技", "", "有限公司", true},
		{"科技", "", "科技", "", "", true},
		{"新乡", "", "新乡", "", "", true},
		{"有限公司", "", "有限公司", "", "", true},
		{"新乡市有限公司", "", "新乡市", "", "有限公司", true},
		{"", "", "", "", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := ParseName(c.name)
			if got := strings.Join(n.Divisions, " "); got != c.divisions || n.Brand != c.brand || n.Industry != c.industry || n.Form != c.form || n.Generic != c.generic {
				t.Errorf("got %+v", n)
			}
			if n.Core != n.Brand+n.Industry {
				t.Errorf("core %q", n.Core)
			}
		})
	}
	if Core("新乡市砚葵科技有限公司") != "砚葵科技" {
		t.Error(Core("新乡市砚葵科技有限公司"))
	}
}

func TestNormalKeepsLettersAndDigitsOnly(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"砚 葵（新乡）·科技。": "砚葵新乡科技", "ＡＢＣ１２": "abc12", "硯葵": "砚葵", "後羿": "后羿", "於樣": "于样", "乾坤": "乾坤", "乾燥": "干燥", "餅乾": "饼干", "㈱": "株", "著名": "著名",
	} {
		if got := Normal(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestNamesAreNeverStrippedToNothing(t *testing.T) {
	t.Parallel()
	var words []string
	for w := range formOf {
		words = append(words, w)
	}
	for w := range divisionOf {
		words = append(words, w)
	}
	for w := range industryOf {
		words = append(words, w)
	}
	slices.Sort(words)
	part := rapid.OneOf(rapid.SampledFrom(words), rapid.StringMatching(`[\p{Han}a-z（）()]{0,3}`))
	rapid.Check(t, func(t *rapid.T) {
		name := strings.Join(rapid.SliceOfN(part, 1, 6).Draw(t, "parts"), "")
		n := ParseName(name)
		if (n.Normal == "") != (n.Core == "") {
			t.Fatalf("%q: %+v", name, n)
		}
		if n.Core != "" && (n.Brand == "" || n.Core != n.Brand+n.Industry) {
			t.Fatalf("%q: %+v", name, n)
		}
		if Normal(n.Normal) != n.Normal {
			t.Fatalf("%q: normal form %q is not stable", name, n.Normal)
		}
	})
}

func TestGramsAreNeighboursOnce(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"": "", "砚": "", "砚葵": "砚葵", "砚葵砚葵": "砚葵 葵砚", "ab样": "ab b样"} {
		if got := strings.Join(Grams(in), " "); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

func TestReadsPolyphonesInEveryWay(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][]string{
		"行岑": {"xingcen", "hangcen"}, "重漪": {"zhongyi", "chongyi"}, "长葳": {"changwei", "zhangwei"}, "乐砚": {"leyan", "yueyan"}, "砚葵": {"yankui"}, "绿": {"lv"},
	} {
		got := Pinyin(in, 4)
		for _, w := range want {
			if !slices.Contains(got, w) {
				t.Errorf("%s: %v lacks %s", in, got, w)
			}
		}
	}
	if got := Initials("行远", 4); !slices.Contains(got, "xy") || !slices.Contains(got, "hy") {
		t.Error(got)
	}
	if got := Pinyin(strings.Repeat("行重长乐", 20), 4); len(got) > 4 {
		t.Error(len(got))
	}
	if got := Pinyin("砚!", 4); got != nil {
		t.Error(got)
	}
}

func TestCutsPinyin(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"yankui": "yan kui", "yan kui": "yan kui", "xi'an": "xi an", "xugoujia": "xu gou jia", "nǚ": "nv", "SUI cen": "sui cen"} {
		found := false
		for _, cut := range Syllables(in, 8) {
			found = found || strings.Join(cut, " ") == want
		}
		if !found {
			t.Errorf("%q: %v lacks %q", in, Syllables(in, 8), want)
		}
	}
	for _, in := range []string{"", "xgj", "砚葵", "123"} {
		if got := Syllables(in, 8); got != nil {
			t.Errorf("%q: %v", in, got)
		}
	}
	if got := Syllables(strings.Repeat("a", 96), 8); len(got) > 8 {
		t.Error(len(got))
	}
}

func FuzzNames(f *testing.F) {
	for _, s := range []string{"新乡市砚葵科技有限公司", "（（新乡）", "【】", "xi'an", "行重长乐", "\xff", "()()()", "有限公司有限公司"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n := ParseName(s)
		if (n.Normal == "") != (n.Core == "") || n.Core != n.Brand+n.Industry {
			t.Fatalf("%q: %+v", s, n)
		}
		if Normal(n.Normal) != n.Normal {
			t.Fatalf("%q: %q is not stable: %q", s, n.Normal, Normal(n.Normal))
		}
		for _, g := range Grams(n.Core) {
			if utf8.RuneCountInString(g) != 2 {
				t.Fatalf("%q", g)
			}
		}
		Pinyin(s, 4)
		Initials(s, 4)
		Syllables(s, 8)
		Plain(s)
	})
}

func TestShortcutOfNormalChangesNothing(t *testing.T) {
	t.Parallel()
	long := func(s string) string {
		return keep(Simplify(compatible(strings.ToLower(compatible(strings.ToValidUTF8(s, ""))))))
	}
	for r := rune(0); r < 0x11000; r++ {
		for _, s := range []string{string(r), "新" + string(r), string(r) + "新"} {
			if got, want := Normal(s), long(s); got != want {
				t.Fatalf("%q (%U): %q, want %q", s, r, got, want)
			}
		}
	}
	part := rapid.OneOf(rapid.String(), rapid.SampledFrom(append(lines(simplifiedData), "新乡市", "乾隆", "（集团）", "\xff")))
	rapid.Check(t, func(t *rapid.T) {
		s := strings.Join(rapid.SliceOfN(part, 0, 5).Draw(t, "parts"), "")
		if got, want := Normal(s), long(s); got != want {
			t.Fatalf("%q: %q, want %q", s, got, want)
		}
	})
}

func TestGramsAreEachPairOnceInOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.StringOfN(rapid.SampledFrom([]rune("新乡市a")), 0, 60, -1),
			rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 40), func(b []byte) string { return string(b) })).Draw(t, "s")
		var want []string
		r := []rune(s)
		for i := 1; i < len(r); i++ {
			if g := string(r[i-1 : i+1]); !slices.Contains(want, g) {
				want = append(want, g)
			}
		}
		if got := Grams(s); !slices.Equal(got, want) {
			t.Fatalf("%q: %q, want %q", s, got, want)
		}
	})
}
