package credit

import (
	"slices"
	"strings"

	"ipcredit/shared/ident"
)

func (p *parser) penalty() Entry {
	on := p.decided("determinedOn")
	e, unpublished := p.anyone(on)
	c := &PenaltyContent{
		Violation: p.prose("violation"), Facts: p.prose("facts"), Basis: p.prose("basis"), Text: p.prose("text"),
		FineFen: p.money("fine"), ConfiscatedFen: p.money("confiscated"), LicenceNamed: p.line("licenceNamed", shortText),
		Classes: p.classes(), Remark: p.prose("remark"),
		DataSource: p.line("dataSource", shortText), DataSourceCode: p.body("dataSourceCode"),
	}
	c.ValidUntil = p.until("validUntil", on, "credit.until_before_decision")
	e.Record = Record{
		InstrumentNo: p.docNo("instrumentNo"), Authority: p.line("authority", shortText), AuthorityCode: p.body("authorityCode"),
		Source: Admin, DeterminedOn: on, SourceUntil: p.until("sourceUntil", on, "credit.until_before_decision"),
		Content: Content{Penalty: c}, SourceURL: p.link("sourceUrl"),
	}
	e.Record.Channel = p.channel(e.Record.AuthorityCode)
	p.amounts(c)

	simple := p.simple(e.Record.InstrumentNo, c)
	if simple != "" && e.NaturalPerson {
		// Henan arts. 11-13: such a penalty is not collected at all.
		p.add(simple, "credit.simple_procedure_person")
	}
	if e.NaturalPerson && p.law.madeGood.or(p.today).P.says(c.Facts, c.Text, c.Remark) {
		p.add("facts", "credit.made_good_person")
	}
	switch rule := p.law.penalty.or(p.or(on)).P; {
	case unpublished != "":
		e.Record.Unpublished = unpublished
	case simple != "":
		e.Record.Unpublished = SimpleProcedure
	case within(c.Classes, rule.NeverAlone):
		e.Record.Unpublished = WarningOnly
	}
	if e.Record.Authority != "" {
		p.problems = append(p.problems, p.law.competent(claim{
			kind: Penalty, on: p.or(on), authority: e.Record.Authority, basis: c.Basis, conduct: c.Violation + "\n" + c.Facts,
			content: c.Text, classes: c.Classes, fineFen: c.FineFen, naturalPerson: e.NaturalPerson,
		}, "authority", "fine")...)
	}
	return e
}

// madeGoodRule finds a natural person's minor act that was made good, which is not
// collected (Henan arts. 11 to 13), by the words of the decision.
type madeGoodRule struct {
	Minor    []string `json:"minor"`
	MadeGood []string `json:"madeGood"`
	Not      []string `json:"not"`
}

func (r madeGoodRule) says(texts ...string) bool {
	text := strings.Join(texts, "\n")
	if !slices.ContainsFunc(r.Minor, func(w string) bool { return strings.Contains(text, w) }) {
		return false
	}
	return slices.ContainsFunc(r.MadeGood, func(w string) bool {
		for before, rest, found := strings.Cut(text, w); found; before, rest, found = strings.Cut(rest, w) {
			if !slices.ContainsFunc(r.Not, func(not string) bool { return strings.HasSuffix(before, not) }) {
				return true
			}
		}
		return false
	})
}

// oneClass brings the comma inside 没收违法所得、没收非法财物 to the form of the list.
var oneClass = strings.NewReplacer(",", "、", "，", "、", " ", "")

// classes reads the list of penalty classes, in the words of the national list.
func (p *parser) classes() []string {
	rule := p.law.classes.or(p.today).P
	v := p.get("classes")
	if v == "" {
		return nil
	}
	var list []string
	for _, s := range strings.FieldsFunc(v, func(r rune) bool { return r == ';' || r == '；' || r == '\n' }) {
		class, err := ident.Clean(s)
		if err != nil {
			p.refuse("classes", err)
			return nil
		}
		class = oneClass.Replace(class)
		if alias, ok := rule.Aliases[class]; ok {
			class = alias
		}
		switch {
		case class == "":
		case !slices.Contains(rule.Classes, class):
			p.add("classes", "credit.class", clip(class), strings.Join(rule.Classes, "；"))
			return nil
		case !slices.Contains(list, class):
			list = append(list, class)
		}
	}
	if len(list) == 0 {
		p.add("classes", "credit.missing", p.row.Header("classes"))
	}
	return list
}

// amounts checks that classes and amounts agree: a fine has an amount, and an
// amount has its class. Nobody must read a fine that was not imposed.
func (p *parser) amounts(c *PenaltyContent) {
	if p.bad["classes"] {
		return
	}
	rule := p.law.classes.or(p.today).P
	fined, confiscated := slices.Contains(c.Classes, rule.Fine), slices.Contains(c.Classes, rule.Confiscation)
	switch {
	case p.bad["fine"]:
	case fined && c.FineFen == 0 && p.row.Has("fine"):
		p.add("fine", "credit.fine_missing")
	case !fined && c.FineFen > 0:
		p.add("fine", "credit.fine_without_class", rule.Fine)
	}
	if !p.bad["confiscated"] && !confiscated && c.ConfiscatedFen > 0 {
		p.add("confiscated", "credit.confiscation_without_class", rule.Confiscation)
	}
}

// simple tells by which field a penalty shows that it was imposed on the spot,
// by the simple procedure; empty if it was not.
func (p *parser) simple(instrumentNo string, c *PenaltyContent) string {
	rule := p.law.exclusion.or(p.today).P
	if p.get("procedure") == words.SimpleProcedure {
		return "procedure"
	}
	says := func(text string) bool {
		return slices.ContainsFunc(rule.Simple, func(w string) bool { return strings.Contains(text, w) })
	}
	for _, s := range []struct{ field, text string }{{"remark", c.Remark}, {"text", c.Text}} {
		if says(s.text) && says(p.law.negatedTerms.ReplaceAllString(s.text, "")) {
			return s.field
		}
	}
	prefix, _, _ := strings.Cut(instrumentNo, "〔")
	if slices.ContainsFunc(rule.DocPrefix, func(w string) bool { return strings.Contains(prefix, w) }) {
		return "instrumentNo"
	}
	return ""
}

// clip makes an uploaded word fit for a sentence.
func clip(s string) string {
	if r := []rune(s); len(r) > 20 {
		return string(r[:20]) + "…"
	}
	return s
}
