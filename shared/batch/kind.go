package batch

import (
	"context"
	"slices"
	"time"

	"ipcredit/shared/agency"
	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/linkage"
	"ipcredit/shared/sheet"
	"ipcredit/shared/subject"
)

// kind is one kind of table.
type kind struct {
	schema sheet.Schema
	// add parses a row and adds what it says to the slice.
	add func(w *Desk, s *slice, row sheet.Row) []sheet.Problem
}

// slice is what one commit is about to change.
type slice struct {
	at     time.Time
	batch  string
	law    *credit.Law // by which its rows are read
	change credit.Change
	agency []agency.Agency
	agents []agency.Agent
	filed  []linkage.Entry
	order  []place // of each good row, where its item went
}

// place says in which list a row's item is; each row has exactly one.
type place struct {
	list  byte // 's' subjects, 'r' records, 'a' agencies, 'p' agents, 'f' notified filings
	index int
}

// kinds are the tables that can be uploaded, by name.
var kinds = func() map[string]kind {
	m := map[string]kind{
		"subject": {subject.Columns, (*Desk).addSubject},
		"agency":  {agency.AgencyColumns, (*Desk).addAgency},
		"agent":   {agency.AgentColumns, (*Desk).addAgent},
	}
	for name, schema := range credit.Schemas() {
		m[string(name)] = kind{schema, func(w *Desk, s *slice, row sheet.Row) []sheet.Problem {
			return w.addRecord(s, name, row)
		}}
	}
	for name, schema := range linkage.Schemas() {
		m[string(name)] = kind{schema, func(w *Desk, s *slice, row sheet.Row) []sheet.Problem {
			return w.addFiling(s, name, row)
		}}
	}
	return m
}()

// Kinds lists the kinds of tables in the order pages offer them.
func Kinds() []string {
	order := []string{"penalty", "licence", "determination", "commendation", "judgment", "subject", "agency", "agent", "abnormal-application", "bad-faith-mark"}
	return slices.DeleteFunc(order, func(k string) bool { _, ok := kinds[k]; return !ok })
}

// Schema is the table of a kind; a fault where there is no such kind.
func Schema(name string) (sheet.Schema, error) {
	k, ok := kinds[name]
	if !ok {
		return sheet.Schema{}, fault.New(fault.Invalid, "batch.kind").With("kind", "batch.kind")
	}
	return k.schema, nil
}

func (w *Desk) addSubject(s *slice, row sheet.Row) []sheet.Problem {
	x, problems := subject.Parse(row, w.hashKey)
	if len(problems) > 0 {
		return problems
	}
	s.change.Subjects = append(s.change.Subjects, x)
	s.order = append(s.order, place{'s', len(s.change.Subjects) - 1})
	return nil
}

func (w *Desk) addRecord(s *slice, name credit.Kind, row sheet.Row) []sheet.Problem {
	e, problems := s.law.Parse(name, row, w.context(s))
	if len(problems) > 0 {
		return problems
	}
	s.change.Records = append(s.change.Records, e)
	s.order = append(s.order, place{'r', len(s.change.Records) - 1})
	return nil
}

func (w *Desk) addAgency(s *slice, row sheet.Row) []sheet.Problem {
	a, problems := agency.Parse(row, s.at)
	if len(problems) > 0 {
		return problems
	}
	s.agency = append(s.agency, a)
	s.change.Subjects = append(s.change.Subjects, a.Subject())
	if a.Grade != nil {
		if s.change.Grades == nil {
			s.change.Grades = map[string]credit.Grade{}
		}
		s.change.Grades[a.CreditCode] = *a.Grade
	}
	s.order = append(s.order, place{'a', len(s.agency) - 1})
	return nil
}

func (w *Desk) addAgent(s *slice, row sheet.Row) []sheet.Problem {
	a, problems := agency.ParseAgent(row)
	if len(problems) > 0 {
		return problems
	}
	s.agents = append(s.agents, a)
	s.order = append(s.order, place{'p', len(s.agents) - 1})
	return nil
}

func (w *Desk) addFiling(s *slice, name linkage.Kind, row sheet.Row) []sheet.Problem {
	e, problems := linkage.Parse(name, row, s.at)
	if len(problems) > 0 {
		return problems
	}
	s.filed = append(s.filed, e)
	s.order = append(s.order, place{'f', len(s.filed) - 1})
	return nil
}

// registries writes the slice's agencies, agents and notified filings into its
// commit.
func (w *Desk) registries(ctx context.Context, tx *journal.Tx, s *slice, by linkage.Import) (agencies, agents, filed []credit.Outcome, err error) {
	if len(s.agency) > 0 {
		if agencies, err = w.agencies.PutAgencies(ctx, tx, s.agency); err != nil {
			return nil, nil, nil, err
		}
	}
	if len(s.agents) > 0 {
		if agents, err = w.agencies.PutAgents(ctx, tx, s.agents); err != nil {
			return nil, nil, nil, err
		}
	}
	if len(s.filed) > 0 {
		if filed, err = w.linkage.Put(ctx, tx, s.filed, by); err != nil {
			return nil, nil, nil, err
		}
	}
	return agencies, agents, filed, nil
}
