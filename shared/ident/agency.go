package ident

import "ipcredit/shared/fault"

// ParseAgency reads a patent agency code (专利代理机构代码): 2 digits of the
// province and 3 of a series. 00000 on a form means that there is no agency and
// is refused.
func ParseAgency(s string) (string, error) {
	code, ok := digits(s, 5)
	if !ok || code == "00000" {
		return "", fault.New(fault.Invalid, "ident.agency.code")
	}
	return code, nil
}

// ParseQualification reads the number of an agent's qualification certificate
// (专利代理师资格证书号): 2 digits of the province and 5 of a national series. It
// is what an agent is known by, for life.
func ParseQualification(s string) (string, error) {
	code, ok := digits(s, 7)
	if !ok {
		return "", fault.New(fault.Invalid, "ident.agency.qualification")
	}
	return code, nil
}

// ParseLicence reads an agent's practice licence number (执业证号): the agency
// code, digits 3 to 7 of the qualification certificate, and a check digit whose
// rule is not published and which is therefore not checked. With agency or
// qualification given, the first ten digits must agree with them.
func ParseLicence(s, agency, qualification string) (string, error) {
	code, ok := digits(s, 11)
	if !ok {
		return "", fault.New(fault.Invalid, "ident.agency.licence")
	}
	if agency != "" {
		a, err := ParseAgency(agency)
		if err != nil {
			return "", err
		}
		if code[:5] != a {
			return "", fault.New(fault.Invalid, "ident.agency.licence_agency", code[:5], a)
		}
	}
	if qualification != "" {
		q, err := ParseQualification(qualification)
		if err != nil {
			return "", err
		}
		if code[5:10] != q[2:] {
			return "", fault.New(fault.Invalid, "ident.agency.licence_qualification", code[5:10], q[2:])
		}
	}
	return code, nil
}

func digits(s string, n int) (string, bool) {
	s = fold(s)
	return s, len(s) == n && number(s) >= 0
}
