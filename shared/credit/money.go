package credit

import (
	"strconv"
	"strings"

	"ipcredit/shared/fault"
)

// The national lists state money in 万元 (10,000 yuan) with at most six decimals;
// the sixth is one fen. Amounts are whole fen everywhere else.
const (
	fenPerWan   = 1_000_000
	wanDecimals = 6
	// maxWan bounds an amount at a trillion yuan: more is a slip of the hand.
	maxWan = 100_000_000
)

// ParseWan reads an amount in 万元 exactly: digits, optional thousands commas in
// their places, at most six decimals that are not zero.
func ParseWan(s string) (fen int64, err error) {
	if strings.HasPrefix(s, "-") {
		return 0, fault.New(fault.Invalid, "credit.money_negative")
	}
	whole, part, point := strings.Cut(s, ".")
	groups := strings.Split(whole, ",")
	for i, g := range groups {
		if i > 0 && len(g) != 3 || i == 0 && len(groups) > 1 && len(g) > 3 {
			return 0, fault.New(fault.Invalid, "credit.money_form")
		}
	}
	whole = strings.Join(groups, "")
	if !decimal(whole) || point && !decimal(part) {
		return 0, fault.New(fault.Invalid, "credit.money_form")
	}
	part = strings.TrimRight(part, "0")
	if len(part) > wanDecimals {
		return 0, fault.New(fault.Invalid, "credit.money_decimals", wanDecimals)
	}
	whole = strings.TrimLeft(whole, "0")
	if len(whole) > len("100000000") {
		return 0, fault.New(fault.Invalid, "credit.money_too_large", maxWan)
	}
	n, _ := strconv.ParseInt("0"+whole, 10, 64)
	fraction, _ := strconv.ParseInt((part + "000000")[:wanDecimals], 10, 64)
	fen = n*fenPerWan + fraction
	if fen > maxWan*fenPerWan {
		return 0, fault.New(fault.Invalid, "credit.money_too_large", maxWan)
	}
	return fen, nil
}

// Wan writes fen in 万元 without trailing zeros: 123456 fen is "0.123456".
func Wan(fen int64) string {
	sign := ""
	if fen < 0 {
		sign, fen = "-", -fen
	}
	s := strconv.FormatInt(fen/fenPerWan, 10)
	if f := fen % fenPerWan; f != 0 {
		s += "." + strings.TrimRight(strconv.FormatInt(fenPerWan+f, 10)[1:], "0")
	}
	return sign + s
}

func decimal(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
