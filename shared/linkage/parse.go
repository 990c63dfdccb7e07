package linkage

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/sheet"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

//go:embed columns.json
var columnData []byte

var (
	schemas = map[Kind]sheet.Schema{}
	grounds map[Kind][]string
	states  sheet.Words[State]
	holders sheet.Words[Holder]
)

func init() {
	var data struct {
		Comment         string
		Patent          [][]any `json:"abnormal-application"`
		Mark            [][]any `json:"bad-faith-mark"`
		Grounds         map[Kind][]string
		States, Holders [][]string
	}
	if err := json.Unmarshal(columnData, &data); err != nil {
		panic(fmt.Sprintf("linkage: columns.json: %v", err))
	}
	grounds = data.Grounds
	states, holders = sheet.NewWords[State](data.States), sheet.NewWords[Holder](data.Holders)
	for kind, rows := range map[Kind][][]any{Patent: data.Patent, Mark: data.Mark} {
		schemas[kind] = sheet.Schema{Name: string(kind), Columns: sheet.Columns(rows, map[string][]string{
			"ground": grounds[kind], "state": states.Offered, "holder": holders.Offered,
		})}
	}
}

// MayHandIn tells whether an organisation of this kind hands in lists: those that
// get them from CNIPA. A district that could would write its own withdrawal rate;
// it records what it finds out one by one, with a receipt or a document [design].
func MayHandIn(k staff.Kind) bool { return k == staff.LeadBureau || k == staff.Province }

// Schemas are the tables of the two batches, by kind.
func Schemas() map[Kind]sheet.Schema { return schemas }

// Entry is what a good row of a list says.
type Entry struct {
	ID     string
	Kind   Kind
	Number string
	Class  int
	Type   string
	// Name is the applicant as written; of a natural person it is never stored as
	// it is, see Store.Prepare.
	Name   string
	Code   string // credit code of an organisation
	Person bool
	// Agency is empty where the row gives none; NoAgency where it says there is none.
	Agency   string
	Grounds  []string
	List     string
	On       workday.Date
	Reply    workday.Date
	State    State
	StateOn  workday.Date // none where the row gives none
	Division string
	Holder   Holder

	// What Prepare found out about a natural person's name.
	sealed Applicant // sealed anew; without a key where the name is the one held
	same   string    // Applicant.Sealed of the one held, whose name is the same
}

// Limits of what a row may hold, in characters.
const (
	mostName = 200
	mostList = 60
)

// Parse reads one row of a list at the instant now. It names everything that is
// wrong with the row, in Chinese by the catalogue; a row with problems makes no
// entry. No problem repeats a person's name.
func Parse(kind Kind, row sheet.Row, now time.Time) (Entry, []sheet.Problem) {
	p := row.Fields()
	today := workday.DateOf(now)
	e := Entry{
		Kind: kind,
		List: sheet.Field(p, "list", func(s string) (string, error) { return line(s, mostList) }),
		Name: sheet.Field(p, "applicant", func(s string) (string, error) { return line(s, mostName) }),
		On:   sheet.Field(p, "notifiedAt", workday.ParseDate), Reply: sheet.Field(p, "replyBy", workday.ParseDate),
		StateOn: sheet.Field(p, "stateOn", workday.ParseDate),
		State:   sheet.Word(p, "state", "linkage.state", states), Holder: sheet.Word(p, "holder", "linkage.holder", holders),
		Grounds: sheet.Field(p, "grounds", func(s string) ([]string, error) { return readGrounds(kind, s) }),
	}
	year := 0
	if kind == Patent {
		a := sheet.Field(p, "number", ident.ParseApplication)
		e.ID, e.Number, e.Type, year = a.Number, a.Number, a.Kind, a.Year
	} else {
		e.Number, e.Class = sheet.Field(p, "number", ident.ParseTrademark), sheet.Field(p, "class", ident.ParseClass)
		e.ID = MarkID(e.Number, e.Class)
	}
	e.Agency = sheet.Field(p, "agency", func(s string) (string, error) { return readAgency(kind, s) })
	e.Division = sheet.Field(p, "division", readDivision)
	e.readApplicant(p, now)

	switch {
	case e.On.IsZero():
	case e.On.After(today):
		p.Add("notifiedAt", "linkage.future", e.On.String(), today.String())
	case year > e.On.Year():
		p.Add("notifiedAt", "linkage.before_filing", e.On.String(), year)
	case !e.Reply.IsZero() && e.Reply.Before(e.On):
		p.Add("replyBy", "linkage.reply_before", e.Reply.String(), e.On.String())
	}
	switch {
	case e.StateOn.After(today):
		p.Add("stateOn", "linkage.future", e.StateOn.String(), today.String())
	case !e.StateOn.IsZero() && !e.On.IsZero() && e.StateOn.Before(e.On):
		p.Add("stateOn", "linkage.state_before", e.StateOn.String(), e.On.String())
	}
	if problems := p.Problems(); len(problems) > 0 {
		return Entry{}, problems
	}
	return e, nil
}

// readApplicant reads the code, and decides whether the name is one that may stand
// in the clear: only an organisation's, known by its code or by the form in its
// name. In doubt it is taken for a natural person's.
func (e *Entry) readApplicant(p *sheet.Fields, now time.Time) {
	code := p.Get("applicantCode")
	organisation := false
	if code != "" {
		uscc, err := ident.ParseUSCC(code)
		_, person := ident.ParsePersonID(code, now)
		switch {
		case err == nil && e.Holder == Individual:
			p.Add("applicantCode", "linkage.code_of_person")
		case err == nil:
			e.Code, organisation = string(uscc), true
		case person == nil && e.Holder != Individual:
			p.Add("applicantCode", "linkage.person_code")
		case person == nil:
			// An identity number is not needed here and is not kept.
		default:
			if refused, ok := fault.Of(err); ok {
				p.Add("applicantCode", refused.Code, refused.Args...)
			}
		}
	}
	if e.Holder != Individual && !organisation {
		organisation = allOrganisations(e.Name)
	}
	e.Person = !organisation
}

// allOrganisations tells whether each of the names of joint applicants says by
// its form that it is an organisation's.
func allOrganisations(names string) bool {
	parts := strings.FieldsFunc(names, func(r rune) bool { return strings.ContainsRune(";；、，,|/", r) })
	return len(parts) > 0 && !slices.ContainsFunc(parts, func(s string) bool { return ident.ParseName(s).Form == "" })
}

// line reads text of one line that shows what it holds.
func line(s string, most int) (string, error) {
	s, err := ident.Clean(s)
	if err == nil && len([]rune(s)) > most {
		err = fault.New(fault.Invalid, "linkage.long", most)
	}
	return s, err
}

// readGrounds reads one or more grounds: AF1、AF3.
func readGrounds(kind Kind, s string) ([]string, error) {
	var out []string
	parts := strings.FieldsFunc(strings.ToUpper(norm.NFKC.String(s)), func(r rune) bool { return strings.ContainsRune(" ,;、，；/|+", r) })
	for _, g := range parts {
		if !slices.Contains(grounds[kind], g) {
			return nil, fault.New(fault.Invalid, "linkage.grounds", strings.Join(grounds[kind], "、"))
		}
		if !slices.Contains(out, g) {
			out = append(out, g)
		}
	}
	if len(out) == 0 {
		return nil, fault.New(fault.Invalid, "linkage.grounds", strings.Join(grounds[kind], "、"))
	}
	slices.SortFunc(out, func(a, b string) int { return slices.Index(grounds[kind], a) - slices.Index(grounds[kind], b) })
	return out, nil
}

// readAgency reads the code of a patent agency, or the credit code of a trademark
// agency; 00000 says that there is none.
func readAgency(kind Kind, s string) (string, error) {
	if strings.TrimSpace(norm.NFKC.String(s)) == "00000" {
		return NoAgency, nil
	}
	if kind == Patent {
		return ident.ParseAgency(s)
	}
	code, err := ident.ParseUSCC(s)
	return string(code), err
}

// readDivision reads where the holder is: the city or a division of it. A code
// that is no longer in force leads to the one that took over.
func readDivision(s string) (string, error) {
	area, err := ident.ParseArea(s)
	if err != nil {
		return "", err
	}
	for area.Successor != "" {
		next, ok := ident.AreaOf(area.Successor)
		if !ok {
			break
		}
		area = next
	}
	if area.Kind == ident.Province {
		return "", fault.New(fault.Invalid, "linkage.division", area.Code)
	}
	return area.Code, nil
}
