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

	grades                    []string
	agencyStates, agentStates sheet.Words[State]
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
	agencyStates, agentStates = sheet.NewWords[State](data.AgencyStates), sheet.NewWords[State](data.AgentStates)
	offered := map[string][]string{"grade": grades, "agencyState": agencyStates.Offered, "agentState": agentStates.Offered}
	AgencyColumns = sheet.Schema{Name: "agency", Columns: sheet.Columns(data.Agency, offered)}
	AgentColumns = sheet.Schema{Name: "agent", Columns: sheet.Columns(data.Agent, offered)}
}

// Parse reads one row of a batch of agencies at the instant now. It names
// everything that is wrong with the row; a row with problems makes no agency.
func Parse(row sheet.Row, now time.Time) (Agency, []sheet.Problem) {
	p := row.Fields()
	a := Agency{
		Code:       sheet.Field(p, "code", ident.ParseAgency),
		Name:       sheet.Field(p, "name", subject.ParseName),
		CreditCode: string(sheet.Field(p, "creditCode", ident.ParseUSCC)),
		State:      sheet.Word(p, "state", "agency.state", agencyStates),
	}
	area := sheet.Field(p, "district", ident.ParseArea)
	if area.Kind == ident.Province {
		p.Add("district", "agency.district", area.Code)
	}
	// A code that another replaced (长垣县 became 长垣市) leads to that one, as it
	// does for every other subject.
	if a.District = area.Code; area.Successor != "" {
		a.District = area.Successor
	}
	a.Grade = readGrade(p, workday.DateOf(now))
	if problems := p.Problems(); len(problems) > 0 {
		return Agency{}, problems
	}
	return a, nil
}

// readGrade reads the national grade with the day it was given and the rule it was
// given under.
func readGrade(p *sheet.Fields, today workday.Date) *credit.Grade {
	v := strings.ToUpper(norm.NFKC.String(p.Get("grade")))
	on := sheet.Field(p, "gradeOn", workday.ParseDate)
	switch {
	case p.Bad("grade") || p.Bad("gradeOn"):
		return nil
	case v == "" && on.IsZero():
		return nil
	case v == "":
		p.Add("grade", "agency.grade_missing")
		return nil
	case !slices.Contains(grades, v):
		p.Add("grade", "agency.grade", strings.Join(grades, "、"))
		return nil
	case on.IsZero():
		p.Add("gradeOn", "agency.grade_date_missing")
		return nil
	case on.After(today):
		p.Add("gradeOn", "agency.grade_future", on.String(), today.String())
		return nil
	}
	rule, ok := ruleset.For("agency-grade", on)
	if !ok {
		p.Add("gradeOn", "agency.grade_before", on.String(), since(ruleset.Shipped()))
		return nil
	}
	return &credit.Grade{Grade: v, On: on, Source: rule.Source}
}

// ParseAgent reads one row of a batch of agents, as Parse does.
func ParseAgent(row sheet.Row) (Agent, []sheet.Problem) {
	p := row.Fields()
	a := Agent{
		Qualification: sheet.Field(p, "qualification", ident.ParseQualification),
		Name:          sheet.Field(p, "name", subject.ParseName),
		Agency:        sheet.Field(p, "agency", ident.ParseAgency),
		State:         sheet.Word(p, "state", "agency.state", agentStates),
	}
	a.Licence = sheet.Field(p, "licence", func(s string) (string, error) { return ident.ParseLicence(s, a.Agency, a.Qualification) })
	if problems := p.Problems(); len(problems) > 0 {
		return Agent{}, problems
	}
	return a, nil
}
