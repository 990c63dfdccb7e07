package tipoff

import (
	"bufio"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"ipcredit/shared/ident"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// Discipline is the label of the unit that handles what is said about officials
// and government bodies, this bureau among them: discipline inspection.
const Discipline = staff.DisciplineUnit

// Units are the parties that tip-offs are sealed to, by label: a division code
// or Discipline.
type Units map[string]seal.Recipient

// partyLabel is the label of a unit's wrap in seal.Keys.
func partyLabel(unit string) string { return "unit:" + unit }

// The labels of the other wraps, of a tip-off's key and of an identity's.
const (
	EscrowLabel    = "escrow"
	CustodianLabel = "custodian" // of a reporter's identity
	receiptLabel   = "receipt"
)

// UnitLabel is the label under which a unit's wraps stand in seal.Keys, for the
// operator's rotation (Keys.RewrapAll).
func UnitLabel(unit string) string { return partyLabel(unit) }

// ParseUnits reads the secret unit-recipients: lines "<label> age1…". A label given
// again adds a key, so that what is sealed opens with either; empty lines and
// lines that begin with # are skipped. Labels are those of staff.UnitLabels.
func ParseUnits(text string) (Units, error) {
	keys, err := byLabel("unit-recipients", text)
	if err != nil {
		return nil, err
	}
	units := Units{}
	for label, lines := range keys {
		if units[label], err = seal.ParseRecipient(lines); err != nil {
			return nil, fmt.Errorf("tipoff: unit %s: %w", label, err)
		}
	}
	return units, nil
}

// ParseIdentities reads the secret unit-identities: lines "<label>
// AGE-SECRET-KEY-1…", otherwise as ParseUnits.
func ParseIdentities(text string) (map[string]seal.Identity, error) {
	keys, err := byLabel("unit-identities", text)
	if err != nil {
		return nil, err
	}
	identities := map[string]seal.Identity{}
	for label, lines := range keys {
		if identities[label], err = seal.ParseIdentity(lines); err != nil {
			return nil, fmt.Errorf("tipoff: unit %s: %w", label, err)
		}
	}
	return identities, nil
}

// cityLabel is the code of a city: one that runs this program with units that it
// has not entered yet still has its own.
var cityLabel = regexp.MustCompile(`^[1-9]\d(0[1-9]|[1-9]\d)00$`)

// byLabel collects the keys of each label, one a line. No error quotes a line:
// it may hold a private key.
func byLabel(secret, text string) (map[string]string, error) {
	keys := map[string]string{}
	lines := bufio.NewScanner(strings.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		label, key, found := strings.Cut(line, " ")
		if !found || !slices.Contains(staff.UnitLabels(), label) && !cityLabel.MatchString(label) {
			return nil, fmt.Errorf("tipoff: secret %s, line %d: not a unit's label and a key", secret, n)
		}
		keys[label] += strings.TrimSpace(key) + "\n"
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("tipoff: secret %s: a line too long", secret)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("tipoff: secret %s is empty", secret)
	}
	return keys, nil
}

// Route says which division a tip-off belongs to and which unit handles it.
//
// What is said about an official, a government body or this bureau goes to
// discipline inspection, under the city's code: a division would tell too much of
// it. Anything else belongs where the act took place (投诉举报处理暂行办法 art. 25):
// the division the reporter chose, else the one that the place names, else the
// one that a party's name or code names; and is handled by that division's unit,
// or by the city's where the division has none.
func Route(l Lodged, units Units, r Rules, city string, today workday.Date) (division, unit string, err error) {
	_, lists, err := ruleset.Of[wordLists](r.Filled().Set, "tipoff-words", today)
	if err != nil {
		return "", "", err
	}
	if _, ok := units[Discipline]; ok && (l.Official || aboutGovernment(l, lists)) {
		return city, Discipline, nil
	}
	division = l.division(city, today)
	if _, ok := units[division]; ok {
		return division, division, nil
	}
	return division, city, nil
}

// aboutGovernment tells whether a party is a government body.
func aboutGovernment(l Lodged, lists wordLists) bool {
	for _, p := range l.Parties {
		if ident.USCC(p.Code).Kind() == "government" {
			return true
		}
		// A code says what a party is; a name only while there is none.
		if p.Code == "" && containsAny(p.Name, lists.Government) && !containsAny(p.Name, lists.NotGovernment) {
			return true
		}
	}
	return false
}

// division is where the act took place, as far as the tip-off says it.
func (l Lodged) division(city string, today workday.Date) string {
	if l.Division != "" {
		return l.Division
	}
	areas := ident.Areas(today.Start())
	if code := placed(l.Place, areas); code != "" {
		return code
	}
	for _, p := range l.Parties {
		// A credit code says where a firm was registered, and never a zone.
		area := ident.USCC(p.Code).Area()
		if slices.ContainsFunc(areas, func(a ident.Area) bool { return a.Code == area && a.Kind == ident.County }) {
			return area
		}
		if code := placed(p.Name, areas); code != "" {
			return code
		}
	}
	return city
}

// longestPlace is the longest name of a division that is looked for, in
// characters.
const longestPlace = 16

// placed finds the county or zone that a text names first, by its own name or
// that of a town or sub-district in it. What stands right behind the name of
// another city is that city's: 郑州高新区.
func placed(text string, areas []ident.Area) string {
	runes := []rune(text)
	foreign := -1 // where the name of somewhere else ended
	for at := 0; at < len(runes); {
		n, code := placeAt(runes[at:])
		if n == 0 {
			at++
			continue
		}
		if a, ok := ident.AreaOf(code); ok && a.Successor != "" {
			code = a.Successor
		}
		switch {
		case slices.ContainsFunc(areas, func(a ident.Area) bool { return a.Code == code && (a.Kind == ident.County || a.Kind == ident.Zone) }):
			if foreign != at {
				return code
			}
		case !slices.ContainsFunc(areas, func(a ident.Area) bool { return a.Code == code }):
			foreign = at + n
		}
		at += n
	}
	return ""
}

// placeAt is the longest name of a division that the text begins with.
func placeAt(text []rune) (length int, code string) {
	for n := min(len(text), longestPlace); n >= 2; n-- {
		if code, ok := ident.DivisionCode(string(text[:n])); ok {
			return n, code
		}
	}
	return 0, ""
}
