package share

import (
	"context"
	"slices"
	"strings"

	"time"

	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/journal"
	"ipcredit/shared/sheet"
	"ipcredit/shared/staff"
	"ipcredit/shared/subject"
	"ipcredit/shared/workday"
)

// Layout is the national layout of one of the two kinds of 双公示: the codes of the
// national list over each column, or the Chinese names where the list has none.
func Layout(kind credit.Kind, named bool) ([]string, error) {
	schema, err := layout(kind)
	if err != nil {
		return nil, err
	}
	header := make([]string, len(schema.Columns))
	for i, c := range schema.Columns {
		header[i] = heading(c, named)
	}
	return header, nil
}

// heading is what stands over a column.
func heading(c sheet.Column, named bool) string {
	if named || c.National == "" {
		return c.Header
	}
	return c.National
}

func layout(kind credit.Kind) (sheet.Schema, error) {
	schema, ok := credit.Schema(kind)
	if !ok || kind != credit.Penalty && kind != credit.Licence {
		return schema, fault.New(fault.Invalid, "share.incomplete").With("kind", "share.choose")
	}
	return schema, nil
}

// Wanted says what a file is to hold.
type Wanted struct {
	Kind credit.Kind
	// Area is a division; "" is the whole city.
	Area string
	// From and To bound the day of the decision; none is unbounded.
	From, To workday.Date
}

// mostRows is how many records one file holds.
const mostRows = 20_000

// File are the rows, in the order of Layout, of the city's own records that are
// shown now, for who may export (staff.ExportMake); it is noted who had them. What
// another authority published is its own to pass on. Natural persons are left out:
// their papers, without which nobody can take the row in, are kept nowhere.
func (s *Store) File(ctx context.Context, a staff.Actor, w Wanted, now time.Time) ([][]string, error) {
	schema, err := layout(w.Kind)
	if err != nil {
		return nil, err
	}
	if err := staff.Can(a, staff.ExportMake, staff.Resource{Division: a.Org.Division()}, now); err != nil {
		return nil, err
	}
	found := map[string]credit.Standing{}
	var order []string
	for from := (credit.Place{}); ; {
		events, next, err := s.config.Credit.Events(ctx, from, atOnce)
		if err != nil {
			return nil, err
		}
		if next == from {
			break
		}
		from = next
		events = slices.DeleteFunc(events, func(e credit.Event) bool {
			return e.Type.Ends() || e.Act != string(w.Kind) || e.Code == "" || w.Area != "" && areaOf(e.District) != w.Area
		})
		standing, err := s.config.Credit.Standing(ctx, events, now)
		if err != nil {
			return nil, err
		}
		for _, e := range events {
			x, ok := standing[e.RecordID]
			_, known := found[e.RecordID]
			on := x.Record.DeterminedOn
			if !ok || known || x.Record.Channel != credit.Original || x.Subject.Kind == subject.Person ||
				!w.From.IsZero() && on.Before(w.From) || !w.To.IsZero() && on.After(w.To) {
				continue
			}
			if len(found) == mostRows {
				return nil, fault.New(fault.TooLarge, "share.rows", mostRows)
			}
			found[e.RecordID] = x
			order = append(order, e.RecordID)
		}
	}
	rows := make([][]string, len(order))
	for i, id := range order {
		rows[i] = row(schema, found[id])
	}
	ref := string(w.Kind) + " " + w.Area
	return rows, s.journal.Commit(ctx, journal.Entry{Actor: a.User.ID, Action: "share.export", Ref: strings.TrimSpace(ref), At: now}, nil, func(tx *journal.Tx) error {
		id := newID("e", now)
		return journal.Put(tx, s.key("export", id), exported{w.Kind, w.Area, w.From, w.To, len(rows), a.User.ID, a.Org.ID, now.UTC()})
	})
}

// exported is the note of a file that was given out.
type exported struct {
	Kind credit.Kind  `json:"kind"`
	Area string       `json:"area,omitempty"`
	From workday.Date `json:"from,omitzero"`
	To   workday.Date `json:"to,omitzero"`
	Rows int          `json:"rows"`
	By   string       `json:"by"`
	Org  string       `json:"org"`
	At   time.Time    `json:"at"`
}

// row are the cells of a record. Its end at the source is the last day on which
// this city shows it: no other may show it for longer.
func row(schema sheet.Schema, x credit.Standing) []string {
	r := x.Record
	v := map[string]string{
		"subjectName": x.Subject.Name, "subjectCode": x.Subject.Code, "instrumentNo": r.InstrumentNo,
		"determinedOn": day(r.DeterminedOn), "authority": r.Authority, "authorityCode": r.AuthorityCode, "sourceUrl": r.SourceURL,
		"subjectType": typeOf(schema, x.Subject.Code),
	}
	if r.From != "" { // the document names the one that was merged
		v["subjectCode"] = r.From
	}
	if c := r.Content.Penalty; c != nil {
		v["violation"], v["facts"], v["basis"], v["text"] = c.Violation, c.Facts, c.Basis, c.Text
		v["classes"], v["licenceNamed"], v["remark"] = strings.Join(c.Classes, ";"), c.LicenceNamed, c.Remark
		v["fine"], v["confiscated"] = wan(c.FineFen), wan(c.ConfiscatedFen)
		v["validUntil"], v["sourceUntil"] = day(c.ValidUntil), day(workday.Min(r.SourceUntil, x.DisplayUntil))
		v["dataSource"], v["dataSourceCode"] = or(c.DataSource, r.Authority), or(c.DataSourceCode, r.AuthorityCode)
	}
	if c := r.Content.Licence; c != nil {
		v["document"], v["project"], v["category"] = c.Document, c.Project, c.Category
		v["certificate"], v["certificateNo"], v["text"], v["remark"] = c.Certificate, c.CertificateNo, c.Text, c.Remark
		v["validFrom"], v["validUntil"] = day(c.ValidFrom), day(c.ValidUntil)
		v["dataSource"], v["dataSourceCode"] = or(c.DataSource, r.Authority), or(c.DataSourceCode, r.AuthorityCode)
		if state, ok := schema.Column("state"); ok && !c.Void && len(state.Choices) > 0 {
			v["state"] = state.Choices[0]
		}
	}
	cells := make([]string, len(schema.Columns))
	for i, c := range schema.Columns {
		cells[i] = v[c.Field]
	}
	return cells
}

// typeOf is the word of the list for the subject's type.
func typeOf(schema sheet.Schema, code string) string {
	c, ok := schema.Column("subjectType")
	if !ok || len(c.Choices) < 3 {
		return ""
	}
	if ident.USCC(code).Kind() == "individual-business" {
		return c.Choices[2]
	}
	return c.Choices[0]
}

// day writes a day as the national list does, 2006/01/02.
func day(d workday.Date) string {
	if d.IsZero() {
		return ""
	}
	return strings.ReplaceAll(d.String(), "-", "/")
}

func wan(fen int64) string {
	if fen == 0 {
		return ""
	}
	return credit.Wan(fen)
}

func or(a, b string) string {
	if a == "" {
		return b
	}
	return a
}
