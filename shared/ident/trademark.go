package ident

import (
	"regexp"
	"strings"

	"ipcredit/shared/fault"
)

var trademarkForm = regexp.MustCompile(`^G?[0-9]{5,8}[A-Z]?$`)

// ParseTrademark reads a trademark application or registration number: 5 to 8
// digits, with a letter behind them for a divided application, with G before
// them for an international registration. There is no check character.
func ParseTrademark(s string) (string, error) {
	n := strings.Join(strings.Fields(fold(s)), "")
	n = strings.TrimSuffix(strings.TrimPrefix(n, "第"), "号")
	if !trademarkForm.MatchString(n) {
		return "", fault.New(fault.Invalid, "ident.trademark.form")
	}
	return n, nil
}

// ParseClass reads a Nice class (国际分类), 1 to 45. A mark may be registered
// under one number in several classes: only number and class together name one.
func ParseClass(s string) (int, error) {
	c := strings.TrimSuffix(strings.TrimPrefix(fold(s), "第"), "类")
	c = strings.TrimSpace(c)
	n := number(c)
	if len(c) == 0 || len(c) > 2 || n < 1 || n > 45 {
		return 0, fault.New(fault.Invalid, "ident.trademark.class")
	}
	return n, nil
}
