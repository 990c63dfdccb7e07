package casework

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	_ "embed" // the forms

	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/journal"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// Form describes a statutory document: what has to be filled in. The words are
// the catalogue's "casework.document."+Kind, the fields'
// "casework.document.field."+Name.
type Form struct {
	Kind   string      `json:"kind"`
	Fields []FormField `json:"fields"`
	// Word is what its number says (立案); "" of one without a number.
	Word string `json:"word,omitzero"`
	// States are those in which it can be issued; none: in all.
	States []State `json:"states,omitempty"`
	// Attach are the kinds that go with it (两书同达).
	Attach []string `json:"attach,omitempty"`
	// Basis names rules whose sources it prints.
	Basis []string `json:"basis,omitempty"`
	// Internal says that it stays in the file: an approval form.
	Internal bool `json:"internal,omitzero"`
}

// FormField is one field of a document.
type FormField struct {
	Name     string `json:"name"`
	Required bool   `json:"required,omitzero"`
	// Type is "" (one line), long (several) or date.
	Type string `json:"type,omitzero"`
}

// The kinds of documents.
const (
	FilingForm      = "filing"              // 立案审批表
	NoFilingForm    = "no-filing"           // 不予立案审批表
	ExtensionForm   = "extension"           // 延期审批表
	SuspensionForm  = "suspension"          // 中止审批表
	InquiryNotice   = "inquiry-notice"      // 询问通知书
	InquiryRecord   = "inquiry-record"      // 询问笔录
	Preservation    = "preservation"        // 先行登记保存证据通知书
	TransferLetter  = "transfer"            // 案件移送函
	NotifyLetter    = "notification"        // 通报函
	PenaltyNotice   = "penalty-notice"      // 行政处罚告知书
	HearingNotice   = "hearing-notice"      // 听证通知书
	PenaltyDecision = "penalty-decision"    // 行政处罚决定书
	NoPenaltyForm   = "no-penalty-decision" // 不予行政处罚决定书
	RepairNotice    = "repair-notice"       // 信用修复告知书
	DeliveryReceipt = "delivery"            // 送达回证
	ClosingForm     = "closing"             // 结案审批表
)

//go:embed data/documents.json
var documentsFile []byte

var forms = func() []Form {
	var f struct {
		Documents []Form `json:"documents"`
	}
	if err := json.Unmarshal(documentsFile, &f); err != nil {
		panic(err) // a broken build
	}
	return f.Documents
}()

// Forms lists all documents, in the order of the work.
func Forms() []Form { return slices.Clone(forms) }

// FormOf returns the form of a kind.
func FormOf(kind string) (Form, bool) {
	at := slices.IndexFunc(forms, func(f Form) bool { return f.Kind == kind })
	if at < 0 {
		return Form{}, false
	}
	return forms[at], true
}

// forms are the documents that can be issued in the case's state.
func (c Case) forms() []Form {
	var out []Form
	for _, f := range forms {
		if c.Open() && (len(f.States) == 0 || slices.Contains(f.States, c.State)) || !c.Open() && slices.Contains(f.States, c.State) {
			out = append(out, f)
		}
	}
	return out
}

// Document is one that was issued: frozen as it was then.
type Document struct {
	N      int    `json:"n"`
	Kind   string `json:"kind"`
	Number string `json:"number,omitzero"` // 新市监立案〔2026〕5号
	// For is the document it is attached to, 0 without one.
	For  int               `json:"for,omitzero"`
	On   workday.Date      `json:"on"`
	By   string            `json:"by"`
	Body map[string]string `json:"body,omitempty"` // the fields; sealed in the store
}

// storedDocument is a document as it stands in Redis.
type storedDocument struct {
	Document
	Sealed string `json:"sealed"`
}

// Issuing asks for a document.
type Issuing struct {
	Kind   string
	Fields map[string]string
	// Number is the number the office's register gave; "" takes the next of ours.
	Number string
}

// check reads the fields: nothing but what the form has, and what it requires.
func (f Form) check(fields map[string]string) (map[string]string, error) {
	wrong := fault.New(fault.Invalid, "casework.form")
	out := map[string]string{}
	for _, x := range f.Fields {
		v := fields[x.Name]
		switch x.Type {
		case "long":
			text, err := paragraphs(x.Name, v, false)
			if bad, ok := fault.Of(err); ok {
				wrong.Fields = append(wrong.Fields, bad.Fields...)
			}
			v = text
		case "date":
			if v != "" {
				day, err := workday.ParseDate(v)
				if bad, ok := fault.Of(err); ok {
					wrong.With(x.Name, bad.Code, bad.Args...)
				}
				v = day.String()
			}
		default:
			line, err := ident.Clean(v)
			if bad, ok := fault.Of(err); ok {
				wrong.With(x.Name, bad.Code, bad.Args...)
			} else if n := utf8.RuneCountInString(line); n > chosen.N("short") {
				wrong.With(x.Name, "casework.long", chosen.N("short"), n)
			}
			v = line
		}
		if v == "" && x.Required && !slices.ContainsFunc(wrong.Fields, func(w fault.Field) bool { return w.Name == x.Name }) {
			wrong.With(x.Name, "casework.document.field.none")
		}
		if v != "" {
			out[x.Name] = v
		}
	}
	for name := range fields {
		if !slices.ContainsFunc(f.Fields, func(x FormField) bool { return x.Name == name }) {
			wrong.With(name, "casework.document.field.unknown")
		}
	}
	if len(wrong.Fields) > 0 {
		return nil, wrong
	}
	return out, nil
}

// issuer is the division whose bureau signs for a unit: a zone's acts are those of
// its competent bureau.
func issuer(unit string) string {
	if d, ok := staff.DistrictOf(unit); ok && d.Competent != "" {
		return d.Competent
	}
	return unit
}

// numbered gives a document its number: what the office's register says, checked
// by form (domain reference G.7), or the next of our series.
func (s *Store) numbered(ctx context.Context, c Case, f Form, i Issuing, rules Rules, today workday.Date) (number, series string, n int64, err error) {
	if f.Word == "" {
		if i.Number != "" {
			return "", "", 0, fault.New(fault.Invalid, "casework.form").With("number", "casework.document.number.none")
		}
		return "", "", 0, nil
	}
	if i.Number != "" {
		no, err := ident.ParseDocNo(i.Number)
		if bad, ok := fault.Of(err); ok {
			return "", "", 0, fault.New(fault.Invalid, "casework.form").With("number", bad.Code, bad.Args...)
		}
		return no.String(), "", 0, err
	}
	_, words, err := ruleset.Of[struct{ Units map[string]string }](rules.Set, "casework-numbers", today)
	if err != nil {
		return "", "", 0, err
	}
	unit := issuer(c.Unit)
	word := words.Units[unit]
	if word == "" {
		return "", "", 0, fault.New(fault.Refused, "casework.document.word").With("number", "casework.document.word")
	}
	series = fmt.Sprintf("casework:document:%s:%s:%d", unit, f.Kind, today.Year())
	if n, err = s.next(ctx, series); err != nil {
		return "", "", 0, err
	}
	return ident.DocNo{Prefix: word + f.Word, Year: today.Year(), Number: int(n)}.String(), series, n, nil
}

// Issue makes a document, and with it those attached (staff.CaseHandle). The
// first of the answer is the one asked for.
func (s *Store) Issue(ctx context.Context, a staff.Actor, seen Seen, i Issuing, now time.Time) (Case, []Document, error) {
	f, ok := FormOf(i.Kind)
	if !ok {
		return Case{}, nil, fault.New(fault.NotFound, "casework.document.kind")
	}
	body, err := f.check(i.Fields)
	if err != nil {
		return Case{}, nil, err
	}
	o, err := s.enter(ctx, a, staff.CaseHandle, seen.Number, now)
	if err != nil {
		return Case{}, nil, err
	}
	// A number is taken for what can be issued only.
	if err := o.mayIssue(f, o.doing(a, now)); err != nil {
		return o.Case, nil, err
	}
	if o.Version != seen.Version {
		return o.Case, nil, fault.New(fault.Stale, "casework.stale")
	}
	number, series, n, err := s.numbered(ctx, o.Case, f, i, o.rules, o.today)
	if err != nil {
		return o.Case, nil, err
	}
	docs := documentsOf(f, number, body, o.today, a.User.ID)
	stored := make([]storedDocument, len(docs))
	for x, d := range docs {
		body, err := sealed(o.To, d.Body)
		if err != nil {
			return o.Case, nil, err
		}
		d.Body = nil
		stored[x] = storedDocument{d, body}
	}
	c, err := s.commit(ctx, a, o, seen, work{name: "issue." + f.Kind, act: func(c *Case, d doing) error {
		if err := c.mayIssue(f, d); err != nil {
			return err
		}
		c.happen(Event{On: d.today, What: Documented, By: d.by, Ref: f.Kind})
		c.acted(staff.CaseHandle, d.by)
		return nil
	}, also: func(tx *journal.Tx, c *Case) error {
		if series != "" {
			tx.Counter(series, n)
		}
		first := c.Documents + 1
		for x := range stored {
			c.Documents++
			docs[x].N, stored[x].N = c.Documents, c.Documents
			if x > 0 {
				docs[x].For, stored[x].For = first, first
			}
			raw, err := json.Marshal(stored[x])
			if err != nil {
				return fmt.Errorf("casework: %w", err)
			}
			tx.HSet(s.key(c.Number, "documents"), strconv.Itoa(c.Documents), string(raw))
		}
		return nil
	}}, now)
	return c, docs, err
}

// documentsOf are the document and those attached to it.
func documentsOf(f Form, number string, body map[string]string, on workday.Date, by string) []Document {
	docs := []Document{{Kind: f.Kind, Number: number, On: on, By: by, Body: body}}
	for _, kind := range f.Attach {
		docs = append(docs, Document{Kind: kind, On: on, By: by, Body: map[string]string{"recipient": body["recipient"]}})
	}
	return docs
}

// mayIssue says what stands against a document now.
func (c Case) mayIssue(f Form, d doing) error {
	if err := c.mine(d); err != nil {
		return err
	}
	switch {
	case !slices.ContainsFunc(c.forms(), func(x Form) bool { return x.Kind == f.Kind }):
		return fault.New(fault.Conflict, "casework.document.state")
	case c.Documents+1+len(f.Attach) > chosen.N("documents"):
		return fault.New(fault.Conflict, "casework.documents.many", chosen.N("documents"))
	case f.Kind == PenaltyDecision && c.provincial() && !c.Entrusted.InForce(d.today):
		return fault.New(fault.Refused, "casework.province_only")
	}
	return nil
}

// documents opens the documents of a case.
func (s *Store) documents(ctx context.Context, c Case, id seal.Identity) ([]Document, error) {
	values, err := s.hash(ctx, s.key(c.Number, "documents"))
	if err != nil {
		return nil, err
	}
	var out []Document
	for _, v := range values {
		var d storedDocument
		if err := json.Unmarshal([]byte(v), &d); err != nil {
			return nil, fmt.Errorf("casework: reading a document: %w", err)
		}
		if d.Body, err = unsealed[map[string]string](id, d.Sealed); err != nil {
			return nil, err
		}
		out = append(out, d.Document)
	}
	return out, nil
}

// Print is a document with what its page shows besides.
type Print struct {
	Case     Case
	Document Document
	Form     Form
	Attached []Document
	// Issuer is the name of the bureau that is competent: a zone's acts are its
	// competent bureau's. Division is its code.
	Issuer, Division string
	Facts            string
	People           []Person
	Clocks           []Clock
	// Basis are the provisions it rests on; those from memory are labelled.
	Basis []workday.Basis
}

// Print opens a document for printing (staff.CaseRead).
func (s *Store) Print(ctx context.Context, a staff.Actor, number string, n int, now time.Time) (Print, error) {
	f, err := s.Get(ctx, a, number, now)
	if err != nil {
		return Print{}, err
	}
	at := slices.IndexFunc(f.Documents, func(d Document) bool { return d.N == n })
	if at < 0 {
		return Print{}, fault.New(fault.NotFound, "casework.document.none")
	}
	var attached []Document
	for _, d := range f.Documents {
		if d.For == n {
			attached = append(attached, d)
		}
	}
	return s.print(ctx, f, f.Documents[at], attached)
}

// Preview is what Print of a document would show: the same checks as Issue's, and
// nothing is written (staff.CaseHandle). It has no number yet.
func (s *Store) Preview(ctx context.Context, a staff.Actor, number string, i Issuing, now time.Time) (Print, error) {
	form, ok := FormOf(i.Kind)
	if !ok {
		return Print{}, fault.New(fault.NotFound, "casework.document.kind")
	}
	body, err := form.check(i.Fields)
	if err != nil {
		return Print{}, err
	}
	o, err := s.enter(ctx, a, staff.CaseHandle, number, now)
	if err != nil {
		return Print{}, err
	}
	if err := o.mayIssue(form, o.doing(a, now)); err != nil {
		return Print{}, err
	}
	f, err := s.Get(ctx, a, number, now)
	if err != nil {
		return Print{}, err
	}
	docs := documentsOf(form, i.Number, body, o.today, a.User.ID)
	return s.print(ctx, f, docs[0], docs[1:])
}

// print puts together what a page shows.
func (s *Store) print(ctx context.Context, f File, d Document, attached []Document) (Print, error) {
	p := Print{Case: f.Case, Document: d, Attached: attached, Facts: f.Facts, People: f.People, Clocks: f.Clocks}
	p.Form, _ = FormOf(d.Kind)
	p.Division = issuer(f.Case.Unit)
	bureau, _, err := s.c.Staff.Unit(ctx, p.Division)
	if err != nil {
		return p, err
	}
	p.Issuer = bureau.Name
	rules, err := s.Rules(ctx)
	if err != nil {
		return p, err
	}
	basis := slices.Clone(p.Form.Basis)
	if d.Number != "" {
		// Whose words of a number are still to be confirmed, is said.
		_, words, err := ruleset.Of[struct{ Units map[string]string }](rules.Set, "casework-numbers", d.On)
		if err == nil && strings.HasPrefix(d.Number, words.Units[p.Division]+p.Form.Word+"〔") {
			basis = append(basis, "casework-numbers")
		}
	}
	for _, id := range basis {
		if rule, ok := rules.Set.For(id, p.Document.On); ok {
			p.Basis = append(p.Basis, rule.Basis())
		}
	}
	return p, nil
}
