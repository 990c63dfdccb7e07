package credit

// Fact is a line of what a document says: its name, and a text or an amount. The
// text is Chinese whatever the reader's language.
type Fact struct {
	Name string
	Text string
	Fen  int64
}

// Facts are the lines of a content, in the order pages show them.
func (c Content) Facts() []Fact {
	var out []Fact
	add := func(name, text string) {
		if text != "" {
			out = append(out, Fact{Name: name, Text: text})
		}
	}
	money := func(name string, fen int64) {
		if fen > 0 {
			out = append(out, Fact{Name: name, Fen: fen})
		}
	}
	switch {
	case c.Penalty != nil:
		p := c.Penalty
		add("violation", p.Violation)
		add("facts", p.Facts)
		for _, class := range p.Classes {
			add("class", class)
		}
		add("text", p.Text)
		money("fine", p.FineFen)
		money("confiscated", p.ConfiscatedFen)
		add("licence_named", p.LicenceNamed)
		add("basis", p.Basis)
		add("remark", p.Remark)
	case c.Licence != nil:
		p := c.Licence
		add("document", p.Document)
		add("project", p.Project)
		add("category", p.Category)
		add("certificate", p.Certificate)
		add("certificate_no", p.CertificateNo)
		add("licence_text", p.Text)
		add("remark", p.Remark)
	case c.Determination != nil:
		add("basis", c.Determination.Basis)
	case c.Commendation != nil:
		add("commendation", c.Commendation.Text)
	case c.Judgment != nil:
		add("cause", c.Judgment.Cause)
		add("result", c.Judgment.Result)
	}
	return out
}
