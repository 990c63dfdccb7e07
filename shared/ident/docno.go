package ident

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/width"

	"ipcredit/shared/fault"
)

// DocNo is the number of an official document (文书号): 新市监处罚〔2026〕12号.
type DocNo struct {
	Prefix string // the issuer and kind of document: 新市监处罚
	Year   int
	Number int
}

var (
	docForm   = regexp.MustCompile(`^([\p{Han}A-Za-z]+)〔([0-9]+)〕第?([0-9]+)号$`)
	courtForm = regexp.MustCompile(`^（([0-9]+)）(\p{Han}[\p{Han}0-9]*\p{Han})([0-9]+)号(之[一二三四五六七八九十]+)?$`)
	toDoc     = strings.NewReplacer("[", "〔", "]", "〕", "(", "〔", ")", "〕", "【", "〔", "】", "〕",
		"{", "〔", "}", "〕", "〈", "〔", "〉", "〕", "《", "〔", "》", "〕", "﹝", "〔", "﹞", "〕", "『", "〔", "』", "〕")
	toCourt = strings.NewReplacer("[", "（", "]", "）", "(", "（", ")", "）", "【", "（", "】", "）", "〔", "（", "〕", "）")
)

// ParseDocNo reads a document number. Spaces and full width are accepted, and
// any brackets in place of 〔 〕 (GB/T 9704-2012, 7.2.5: hexagonal brackets, a
// year of four digits, no 第, no leading zero).
func ParseDocNo(s string) (DocNo, error) {
	if err := CheckText(s); err != nil {
		return DocNo{}, err
	}
	m := docForm.FindStringSubmatch(toDoc.Replace(squeeze(s)))
	if m == nil {
		return DocNo{}, fault.New(fault.Invalid, "ident.docno.form")
	}
	year, n, err := serial(m[2], m[3])
	if err != nil {
		return DocNo{}, err
	}
	return DocNo{Prefix: m[1], Year: year, Number: n}, nil
}

// String is the canonical form.
func (d DocNo) String() string {
	return d.Prefix + "〔" + strconv.Itoa(d.Year) + "〕" + strconv.Itoa(d.Number) + "号"
}

// CourtNo is the number of a court case (案号): （2026）豫07民初12号.
type CourtNo struct {
	Year   int
	Court  string // court and kind of case: 豫07民初
	Number int
	Part   string // 之一 and so on, for one of several rulings in a case
}

// ParseCourtNo reads a court case number (最高人民法院《关于人民法院案件案号的若干规定》
// art. 3). Spaces, full width and brackets of any width are accepted.
func ParseCourtNo(s string) (CourtNo, error) {
	if err := CheckText(s); err != nil {
		return CourtNo{}, err
	}
	m := courtForm.FindStringSubmatch(toCourt.Replace(squeeze(s)))
	if m == nil {
		return CourtNo{}, fault.New(fault.Invalid, "ident.courtno.form")
	}
	year, n, err := serial(m[1], m[3])
	if err != nil {
		return CourtNo{}, err
	}
	return CourtNo{Year: year, Court: m[2], Number: n, Part: m[4]}, nil
}

// String is the canonical form.
func (c CourtNo) String() string {
	return "（" + strconv.Itoa(c.Year) + "）" + c.Court + strconv.Itoa(c.Number) + "号" + c.Part
}

func serial(year, n string) (int, int, error) {
	if len(year) != 4 || year[0] == '0' {
		return 0, 0, fault.New(fault.Invalid, "ident.docno.year", year)
	}
	if n[0] == '0' {
		return 0, 0, fault.New(fault.Invalid, "ident.docno.leading_zero", n)
	}
	if len(n) > 9 {
		return 0, 0, fault.New(fault.Invalid, "ident.docno.form")
	}
	return number(year), number(n), nil
}

// squeeze drops all spaces and brings full width to half.
func squeeze(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, width.Fold.String(s))
}
