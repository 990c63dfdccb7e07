// Package agency keeps patent agencies and their agents, and the arithmetic of
// their integrity grade.
//
// The grade shown in public is the national one, imported with its date and
// source: CNIPA and the province evaluate, a city only supports
// (国知发运字〔2023〕10号). The arithmetic here is the same rule, for what-if
// questions and for the city's internal reference.
package agency

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/sheet"
	"ipcredit/shared/subject"
	"ipcredit/shared/workday"

	"golang.org/x/text/unicode/norm"
)

// State is whether an agency or agent may practise.
type State string

// The states. Words for people are the catalogue's "agency.state."+State.
const (
	Active    State = "active"
	Inactive  State = "inactive"  // an agent who does not practise
	Suspended State = "suspended" // 停止承接新的专利代理业务
	Abnormal  State = "abnormal"  // 经营异常名录
	Cancelled State = "cancelled" // 注销
	Withdrawn State = "withdrawn" // 撤销
	Revoked   State = "revoked"   // 吊销
)

// Agency is a patent agency as its register has it.
type Agency struct {
	Code       string `json:"code"` // five digits
	Name       string `json:"name"`
	CreditCode string `json:"creditCode"`
	District   string `json:"district"`
	State      State  `json:"state"`
	// Grade is the imported national one; nil if the row brings none.
	Grade *credit.Grade `json:"grade,omitempty"`
}

// Subject is the agency as a credit subject.
func (a Agency) Subject() subject.Subject {
	return subject.Subject{Code: a.CreditCode, Name: a.Name, Kind: "agency", District: a.District}
}

// Agent is a patent agent. Agents act in a licensed public role: name and
// numbers may be shown. The qualification certificate is what one is known by
// for life; licence and agency change.
type Agent struct {
	Qualification string `json:"qualification"` // seven digits
	Name          string `json:"name"`
	Licence       string `json:"licence,omitempty"` // eleven digits
	Agency        string `json:"agency"`
	State         State  `json:"state"`
}

//go:embed columns.json
var columnData []byte

var (
	// AgencyColumns and AgentColumns are the tables of the two batches.
	AgencyColumns, AgentColumns sheet.Schema

	grades       []string
	agencyStates = map[string]State{}
	agentStates  = map[string]State{}
	agencyWords  []string
	agentWords   []string
)

func init() {
	var data struct {
		Comment                   string
		Agency, Agent             [][]any
		Grades                    []string
		AgencyStates, AgentStates [][]string
	}
	if err := json.Unmarshal(columnData, &data); err != nil {
		panic(fmt.Sprintf("agency: columns.json: %v", err))
	}
	grades = data.Grades
	agencyWords = states(data.AgencyStates, agencyStates)
	agentWords = states(data.AgentStates, agentStates)
	AgencyColumns = table("agency", data.Agency)
	AgentColumns = table("agent", data.Agent)
}

func states(rows [][]string, into map[string]State) (offered []string) {
	for _, row := range rows {
		offered = append(offered, row[1])
		for _, word := range append(strings.Fields(row[2]), row[0], row[1]) {
			into[word] = State(row[0])
		}
	}
	return offered
}

func table(name string, rows [][]any) sheet.Schema {
	s := sheet.Schema{Name: name}
	for _, row := range rows {
		c := sheet.Column{Field: row[0].(string), Header: row[1].(string), Required: row[3].(bool), Example: row[4].(string), Note: row[5].(string)}
		switch row[2].(string) {
		case "code":
			c.Kind = sheet.Code
		case "date":
			c.Kind = sheet.Date
		case "grade":
			c.Choices = grades
		case "agencyState":
			// Registers word states in many ways: offered, but checked by Parse.
			c.Choices = agencyWords
		case "agentState":
			c.Choices = agentWords
		}
		s.Columns = append(s.Columns, c)
	}
	return s
}

// parser collects what is wrong with one row.
type parser struct {
	row      sheet.Row
	problems []sheet.Problem
	bad      map[string]bool
}

func read(row sheet.Row) *parser {
	p := &parser{row: row, problems: row.Check(), bad: map[string]bool{}}
	for _, problem := range p.problems {
		p.bad[problem.Field] = true
	}
	return p
}

func (p *parser) get(field string) string {
	if p.bad[field] {
		return ""
	}
	return p.row.Get(field)
}

func (p *parser) add(field, code string, args ...any) {
	p.problems = append(p.problems, sheet.Problem{Field: field, Code: code, Args: args})
	p.bad[field] = true
}

// with reads a field by f unless it is empty or known to be wrong.
func with[T any](p *parser, field string, f func(string) (T, error)) (out T) {
	v := p.get(field)
	if v == "" {
		return out
	}
	out, err := f(v)
	if err == nil {
		return out
	}
	if refused, ok := fault.Of(err); ok {
		p.add(field, refused.Code, refused.Args...)
	} else {
		p.add(field, "agency.value")
	}
	var none T
	return none
}

func (p *parser) state(known map[string]State, offered []string) State {
	v := p.get("state")
	if v == "" {
		return ""
	}
	s, ok := known[strings.ToLower(norm.NFKC.String(v))]
	if !ok {
		p.add("state", "agency.state", strings.Join(offered, "、"))
	}
	return s
}

// Parse reads one row of a batch of agencies at the instant now. It names
// everything that is wrong with the row; a row with problems makes no agency.
func Parse(row sheet.Row, now time.Time) (Agency, []sheet.Problem) {
	p := read(row)
	a := Agency{
		Code:       with(p, "code", ident.ParseAgency),
		Name:       with(p, "name", subject.ParseName),
		CreditCode: string(with(p, "creditCode", ident.ParseUSCC)),
		State:      p.state(agencyStates, agencyWords),
	}
	area := with(p, "district", ident.ParseArea)
	if area.Kind == ident.Province {
		p.add("district", "agency.district", area.Code)
	}
	// A code that another replaced (长垣县 became 长垣市) leads to that one, as it
	// does for every other subject.
	if a.District = area.Code; area.Successor != "" {
		a.District = area.Successor
	}
	a.Grade = p.grade(workday.DateOf(now))
	if len(p.problems) > 0 {
		return Agency{}, p.problems
	}
	return a, nil
}

// grade is the national grade with the day it was given and the rule it was
// given under.
func (p *parser) grade(today workday.Date) *credit.Grade {
	v := strings.ToUpper(norm.NFKC.String(p.get("grade")))
	on := with(p, "gradeOn", workday.ParseDate)
	switch {
	case p.bad["grade"] || p.bad["gradeOn"]:
		return nil
	case v == "" && on.IsZero():
		return nil
	case v == "":
		p.add("grade", "agency.grade_missing")
		return nil
	case !slices.Contains(grades, v):
		p.add("grade", "agency.grade", strings.Join(grades, "、"))
		return nil
	case on.IsZero():
		p.add("gradeOn", "agency.grade_date_missing")
		return nil
	case on.After(today):
		p.add("gradeOn", "agency.grade_future", on.String(), today.String())
		return nil
	}
	rule, ok := ruleset.For("agency-grade", on)
	if !ok {
		p.add("gradeOn", "agency.grade_before", on.String(), since(ruleset.Shipped()))
		return nil
	}
	return &credit.Grade{Grade: v, On: on, Source: rule.Source}
}

// ParseAgent reads one row of a batch of agents, as Parse does.
func ParseAgent(row sheet.Row) (Agent, []sheet.Problem) {
	p := read(row)
	a := Agent{
		Qualification: with(p, "qualification", ident.ParseQualification),
		Name:          with(p, "name", subject.ParseName),
		Agency:        with(p, "agency", ident.ParseAgency),
		State:         p.state(agentStates, agentWords),
	}
	a.Licence = with(p, "licence", func(s string) (string, error) { return ident.ParseLicence(s, a.Agency, a.Qualification) })
	if len(p.problems) > 0 {
		return Agent{}, p.problems
	}
	return a, nil
}
