package credit

import (
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/width"

	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/sheet"
	"ipcredit/shared/subject"
	"ipcredit/shared/workday"
)

// Context is what a row is read against.
type Context struct {
	// Now is the instant of the upload: nothing is decided after it.
	Now time.Time
	// Key is for the keyed hash of identity numbers. Without it rows about
	// natural persons are refused: their numbers are never stored.
	Key []byte
	// BatchID is noted in the record.
	BatchID string
	// City is the six-digit code of the city. Records of its own authorities are
	// the city's to publish; others are republished. Empty is 410700.
	City string
	// Notice tells that an officer's notice is read, which has its own steps before
	// anything is published.
	Notice bool
}

// Entry is what a good row says: who it is about, and the record.
type Entry struct {
	// SubjectCode is the credit code, or subject.PersonCode of a natural person.
	// It is the only key (Henan art. 16); the name is what the document says and
	// may differ from the register's.
	SubjectCode string
	// SubjectName is masked for natural persons: the full name is not kept.
	SubjectName   string
	NaturalPerson bool
	Record        Record
}

const (
	longText  = 4000 // characters of facts, bases and contents
	shortText = 200  // characters of names and titles
)

// Parse reads one row of a batch of the kind. It names everything that is wrong
// with the row at once, in the order of the columns; a row with problems makes
// no entry. No problem repeats a personal number or a person's name.
func (l *Law) Parse(kind Kind, row sheet.Row, c Context) (Entry, []sheet.Problem) {
	p := &parser{law: l, row: row, c: c, today: workday.DateOf(c.Now), bad: map[string]bool{}}
	for _, problem := range row.Check() {
		p.problems = append(p.problems, problem)
		p.bad[problem.Field] = true
	}
	var e Entry
	switch kind {
	case Penalty:
		e = p.penalty()
	case Licence:
		e = p.licence()
	case Determination:
		e = p.determination()
	case Commendation:
		e = p.commendation()
	case Judgment:
		e = p.judgment()
	default:
		p.add("", "credit.kind")
	}
	p.listed(kind, &e.Record)
	if len(p.problems) > 0 {
		order := map[string]int{}
		for i, column := range schemas[kind].Columns {
			order[column.Field] = i + 1
		}
		slices.SortStableFunc(p.problems, func(a, b sheet.Problem) int { return order[a.Field] - order[b.Field] })
		return Entry{}, p.problems
	}
	r := &e.Record
	r.Kind = kind
	// By its name, which every document has; its code may be missing.
	r.ID = NewID(kind, ident.Normal(r.Authority), r.InstrumentNo, e.SubjectCode)
	r.NaturalPerson = e.NaturalPerson
	r.CollectedAt, r.BatchID, r.PublishedOn = c.Now.UTC(), c.BatchID, p.today
	shown, _ := l.term(r, l.chain([]workday.Date{r.DeterminedOn}))
	for _, rule := range shown.Applied {
		if ref := rule.Ref(); !slices.Contains(r.Rules, ref) {
			r.Rules = append(r.Rules, ref)
		}
	}
	return e, nil
}

// parser collects what is wrong with one row.
type parser struct {
	law      *Law
	row      sheet.Row
	c        Context
	today    workday.Date
	problems []sheet.Problem
	bad      map[string]bool
	// names are the natural persons the row names, to be masked in its texts.
	names []string
	// keep is the name of the organisation, not to be masked.
	keep string
}

func (p *parser) add(field, code string, args ...any) {
	p.problems = append(p.problems, sheet.Problem{Field: field, Code: code, Args: args})
	p.bad[field] = true
}

func (p *parser) refuse(field string, err error) {
	f, ok := fault.Of(err)
	if !ok {
		f = fault.New(fault.Invalid, "credit.value")
	}
	p.add(field, f.Code, f.Args...)
}

// get is the value of a field not yet found wrong.
func (p *parser) get(field string) string {
	if p.bad[field] {
		return ""
	}
	return p.row.Get(field)
}

// line is a text of one line, at most n characters.
func (p *parser) line(field string, n int) string {
	v := p.get(field)
	if v == "" {
		return ""
	}
	text, err := ident.Clean(v)
	if err != nil {
		p.refuse(field, err)
		return ""
	}
	if got := utf8.RuneCountInString(text); got > n {
		p.add(field, "credit.too_long", got, n)
		return ""
	}
	return text
}

// prose is a text for the public: without personal numbers and names.
func (p *parser) prose(field string) string {
	return redact(p.line(field, longText), p.keep, p.names...)
}

// decided is the date of the document: a day that exists, not after today.
func (p *parser) decided(field string) workday.Date {
	d := p.day(field)
	switch {
	case d.IsZero():
	case d.After(p.today):
		p.add(field, "credit.date_future", d.String(), p.today.String())
	case d.Before(p.law.earliest.or(d).P.Earliest):
		p.add(field, "credit.date_too_old", d.String(), p.law.earliest.or(d).P.Earliest.String())
	default:
		return d
	}
	return workday.Date{}
}

// until is a last day that must not lie before the first; 2099-12-31 is endless.
func (p *parser) until(field string, from workday.Date, code string) workday.Date {
	d := p.day(field)
	if !d.IsZero() && !from.IsZero() && d.Before(from) {
		p.add(field, code, d.String(), from.String())
		return workday.Date{}
	}
	if d.After(Endless) {
		p.add(field, "credit.date_endless", d.String())
		return workday.Date{}
	}
	return d
}

func (p *parser) day(field string) workday.Date {
	v := p.get(field)
	if v == "" {
		return workday.Date{}
	}
	d, err := workday.ParseDate(v)
	if err != nil {
		p.refuse(field, err)
	}
	return d
}

// money is an amount in 万元, as fen.
func (p *parser) money(field string) int64 {
	v := p.get(field)
	if v == "" {
		return 0
	}
	fen, err := ParseWan(v)
	if err != nil {
		p.refuse(field, err)
	}
	return fen
}

// body is an authority's credit code: it starts with 11 (机关).
func (p *parser) body(field string) string {
	v := p.get(field)
	if v == "" {
		return ""
	}
	code, err := ident.ParseUSCC(v)
	switch {
	case err != nil:
		p.refuse(field, err)
	case !strings.HasPrefix(string(code), "11"):
		p.add(field, "credit.authority_code", string(code[:2]))
	default:
		return string(code)
	}
	return ""
}

func (p *parser) link(field string) string {
	v := p.get(field)
	if v == "" {
		return ""
	}
	u, err := url.Parse(v)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil || len(v) > 2000 {
		p.add(field, "credit.link")
		return ""
	}
	return u.String()
}

func (p *parser) docNo(field string) string {
	v := p.get(field)
	if v == "" {
		return ""
	}
	n, err := ident.ParseDocNo(v)
	if err != nil {
		p.refuse(field, err)
		return ""
	}
	return n.String()
}

// organization reads a subject that can only be an organisation.
func (p *parser) organization() (e Entry) {
	e.SubjectName = p.name()
	p.keep = e.SubjectName
	if v := p.get("subjectCode"); v != "" {
		code, err := ident.ParseUSCC(v)
		if err != nil {
			p.refuse("subjectCode", err)
		}
		e.SubjectCode = string(code)
	}
	return e
}

func (p *parser) name() string {
	v := p.get("subjectName")
	if v == "" {
		return ""
	}
	name, err := subject.ParseName(v)
	if err != nil {
		p.refuse("subjectName", err)
	}
	return name
}

// anyone reads a subject of the national lists: an organisation by its credit
// code or a natural person by the hash of the identity number. on is the day of
// the document, for which age counts.
func (p *parser) anyone(on workday.Date) (e Entry, unpublished Reason) {
	kind, code, id := p.get("subjectType"), p.row.Get("subjectCode"), p.row.Get("personId")
	if rep, err := ident.Clean(p.row.Get("legalRep")); err == nil && rep != "" {
		p.names = append(p.names, rep)
	}
	if kind != words.NaturalPerson && (kind != "" || code != "" || id == "") {
		e = p.organization()
		switch {
		case code == "":
			p.add("subjectCode", "credit.code_missing")
		case e.SubjectCode == "":
		case kind == words.IndividualBusiness && ident.USCC(e.SubjectCode).Kind() != "individual-business":
			p.add("subjectType", "credit.type_mismatch", e.SubjectCode[:2])
		}
		return e, ""
	}
	e.NaturalPerson = true
	name := p.name()
	e.SubjectName = ident.MaskName(name)
	p.names = append(p.names, name)
	if code != "" {
		p.add("subjectCode", "credit.code_of_person")
	}
	switch {
	case id == "":
		p.add("personId", "credit.person_id_missing")
		return e, ""
	case p.bad["personId"]:
		return e, ""
	case len(p.c.Key) == 0:
		p.add("personId", "credit.person_no_key")
		return e, ""
	}
	papers := strings.ToUpper(p.get("personIdType"))
	if papers != "" && !slices.Contains(words.ResidentID, papers) {
		number, err := ident.Clean(id)
		if err != nil || utf8.RuneCountInString(number) < 4 || utf8.RuneCountInString(number) > 40 {
			p.add("personId", "credit.person_id_form")
			return e, ""
		}
		e.SubjectCode = "P-" + ident.KeyedHash(p.c.Key, papers, strings.ToUpper(number))
		return e, AgeUnknown
	}
	person, err := ident.ParsePersonID(id, p.c.Now)
	if err != nil {
		p.refuse("personId", err)
		return e, ""
	}
	e.SubjectCode = subject.PersonCode(person, p.c.Key)
	if on.IsZero() {
		on = p.today
	}
	if person.Minor(on.Start()) {
		return e, OfMinor
	}
	return e, ""
}

// channel is ORIGINAL for the city's own authorities, REPUBLISH for others.
// Without a code the authority's place is not known, and the agency that uploads
// its own records is taken at its word.
func (p *parser) channel(authorityCode string) Channel {
	city := p.c.City
	if city == "" {
		city = "410700"
	}
	if authorityCode == "" || len(city) >= 4 && ident.USCC(authorityCode).Area()[:4] == city[:4] {
		return Original
	}
	return Republish
}

func (p *parser) licence() Entry {
	on := p.decided("determinedOn")
	e, unpublished := p.anyone(on)
	c := &LicenceContent{
		Document: p.line("document", shortText), Project: p.line("project", shortText), Category: p.line("category", shortText),
		Certificate: p.line("certificate", shortText), CertificateNo: p.line("certificateNo", shortText),
		Text: p.prose("text"), Remark: p.prose("remark"),
		DataSource: p.line("dataSource", shortText), DataSourceCode: p.body("dataSourceCode"),
	}
	c.ValidFrom = p.day("validFrom")
	if c.ValidFrom.After(Endless) || c.ValidFrom == Endless {
		p.add("validFrom", "credit.date_endless", c.ValidFrom.String())
	}
	from := on
	if !c.ValidFrom.IsZero() {
		from = c.ValidFrom
	}
	c.ValidUntil = p.until("validUntil", from, "credit.until_before_from")
	if v := p.get("state"); v != "" {
		void, ok := words.States[v]
		if !ok {
			p.add("state", "credit.state")
		}
		c.Void = void
	}
	e.Record = Record{
		InstrumentNo: p.licenceNo("instrumentNo"), Authority: p.line("authority", shortText), AuthorityCode: p.body("authorityCode"),
		Source: Admin, DeterminedOn: on, Content: Content{Licence: c}, SourceURL: p.link("sourceUrl"), Unpublished: unpublished,
	}
	e.Record.Channel = p.channel(e.Record.AuthorityCode)
	return e
}

// licenceNo reads the number of a licensing decision. Many registries number
// them without a year in brackets; one that has brackets must be right.
func (p *parser) licenceNo(field string) string {
	v := p.get(field)
	if v == "" {
		return ""
	}
	n, err := ident.ParseDocNo(v)
	if err == nil {
		return n.String()
	}
	text := p.line(field, 100)
	if text == "" {
		return ""
	}
	if strings.ContainsAny(text, "〔〕[]【】") || !strings.ContainsAny(text, "0123456789") {
		p.refuse(field, err)
		return ""
	}
	return text
}

func (p *parser) determination() Entry {
	on := p.decided("determinedOn")
	e := p.organization()
	e.Record = Record{
		InstrumentNo: p.docNo("instrumentNo"), Act: p.act("act"), Tier: words.Tiers[p.get("tier")],
		Authority: p.line("authority", shortText), AuthorityCode: p.body("authorityCode"),
		Source: Admin, Channel: Republish, DeterminedOn: on,
		Content: Content{Determination: &DeterminationContent{Basis: p.prose("basis")}}, SourceURL: p.link("sourceUrl"),
	}
	if e.Record.Act == SeriousList {
		// Ours needs the consent of the level above and a prior notice: see package
		// disclosure. Others' are republished as any list.
		if e.Record.Channel = p.channel(e.Record.AuthorityCode); e.Record.Channel == Original && !p.c.Notice {
			p.add("act", "credit.listing_by_notice")
		}
	}
	if e.Record.Authority != "" {
		p.problems = append(p.problems, p.law.competent(claim{kind: Determination, act: e.Record.Act, on: p.or(on), authority: e.Record.Authority}, "authority", "")...)
	}
	return e
}

// act is an act of dishonesty that the catalogue has, or ever had.
func (p *parser) act(field string) string {
	v := p.get(field)
	if v == "" {
		return ""
	}
	act, err := ident.Clean(v)
	if err != nil {
		p.refuse(field, err)
		return ""
	}
	act = strings.ToUpper(width.Fold.String(act))
	if acts := p.law.Acts(); !slices.Contains(acts, act) {
		p.add(field, "sheet.choice", p.row.Header(field), clip(act), strings.Join(acts, "、"))
		return ""
	}
	return act
}

func (p *parser) commendation() Entry {
	on := p.decided("determinedOn")
	e := p.organization()
	authority := p.line("authority", shortText)
	e.Record = Record{
		InstrumentNo: p.docNo("instrumentNo"), Authority: authority, Source: p.law.sourceOf(authority, p.or(on)), Channel: Original,
		DeterminedOn: on, Content: Content{Commendation: &CommendationContent{Text: p.prose("text")}},
	}
	return e
}

func (p *parser) judgment() Entry {
	on := p.decided("determinedOn")
	e := p.organization()
	e.Record = Record{
		Authority: p.line("authority", shortText), Source: Judicial, Channel: Republish, DeterminedOn: on,
		Content: Content{Judgment: &JudgmentContent{Cause: p.prose("cause"), Result: p.prose("result")}},
	}
	if v := p.get("instrumentNo"); v != "" {
		n, err := ident.ParseCourtNo(v)
		if err != nil {
			p.refuse("instrumentNo", err)
		}
		e.Record.InstrumentNo = n.String()
	}
	if e.Record.Authority != "" {
		p.problems = append(p.problems, p.law.competent(claim{kind: Judgment, on: p.or(on), authority: e.Record.Authority}, "authority", "")...)
	}
	return e
}

// or is the day of the document, or today where that is not known: competence
// is checked all the same, so that a row's problems are named at once.
func (p *parser) or(on workday.Date) workday.Date {
	if on.IsZero() {
		return p.today
	}
	return on
}
