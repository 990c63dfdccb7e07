package tipoff

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/workday"
)

// Check refuses (a fault whose Fields name what to correct, by JSON pointer
// without the leading slash: kind, parties/0/code, reporter/contact …) or returns
// the tip-off in canonical form with what the reporter should know first.
// Limitation and a wrong channel are warnings, never refusals. Checking what
// Check returned gives the same again.
func Check(l Lodged, r Rules, today workday.Date) (Lodged, []Warning, error) {
	r = r.Filled()
	form, err := FormOf(r, today)
	if err != nil {
		return l, nil, err
	}
	c := checker{form: form, today: today}
	c.kind(&l)
	c.parties(&l)
	c.narrative(&l)
	c.reporter(&l)
	c.circumstances(&l)
	c.numbers(&l)
	c.files(&l)
	if len(c.fields) > 0 {
		refused := fault.New(fault.Invalid, "tipoff.form")
		refused.Fields = c.fields
		return l, nil, refused
	}
	warnings, err := warn(l, r, form, today)
	return l, warnings, err
}

// checker collects what is to be corrected.
type checker struct {
	form   Form
	today  workday.Date
	fields []fault.Field
}

func (c *checker) wrong(field, code string, args ...any) {
	c.fields = append(c.fields, fault.Field{Name: field, Code: code, Args: args})
}

// because refuses the field with the reason of another package's fault.
func (c *checker) because(field string, err error) {
	if f, ok := fault.Of(err); ok {
		c.wrong(field, f.Code, f.Args...)
		return
	}
	c.wrong(field, "tipoff.text")
}

// line reads one line of at most so many characters.
func (c *checker) line(field, s string, longest int) string {
	clean, err := ident.Clean(s)
	if err != nil {
		c.because(field, err)
		return s
	}
	if n := utf8.RuneCountInString(clean); n > longest {
		c.wrong(field, "tipoff.long", longest, n)
	}
	return clean
}

// paragraphs reads a text of several lines.
func (c *checker) paragraphs(field, s string, longest int) string {
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n").Replace(s)
	s = strings.TrimSpace(s)
	if err := ident.CheckText(s); err != nil {
		c.because(field, err)
		return s
	}
	if n := utf8.RuneCountInString(s); n > longest {
		c.wrong(field, "tipoff.long", longest, n)
	}
	return s
}

func (c *checker) kind(l *Lodged) {
	if !l.Kind.Valid() {
		c.wrong("kind", "tipoff.kind")
	}
	switch l.Language {
	case "":
		l.Language = "zh"
	case "zh", "en":
	default:
		c.wrong("language", "tipoff.language")
	}
}

func (c *checker) parties(l *Lodged) {
	parties := make([]Party, 0, len(l.Parties))
	if len(l.Parties) > c.form.Parties {
		c.wrong("parties", "tipoff.parties.many", c.form.Parties)
		return
	}
	for n, p := range l.Parties {
		at := fmt.Sprintf("parties/%d", n)
		p.Name = c.line(at+"/name", p.Name, c.form.Name)
		if strings.TrimSpace(p.Code) == "" {
			p.Code = ""
		} else if code, err := ident.ParseUSCC(p.Code); err != nil {
			c.because(at+"/code", err)
		} else {
			p.Code = string(code)
		}
		if p.Name == "" && p.Code == "" {
			c.wrong(at+"/name", "tipoff.party.name")
		}
		parties = append(parties, p)
	}
	// Somebody who does not even know what it is may not know who it was.
	if len(parties) == 0 && l.Kind != Unclear {
		c.wrong("parties", "tipoff.parties.none")
	}
	l.Parties = parties
}

func (c *checker) narrative(l *Lodged) {
	l.Narrative = c.paragraphs("narrative", l.Narrative, c.form.Narrative)
	if l.Narrative == "" {
		c.wrong("narrative", "tipoff.narrative.none")
	}
}

func (c *checker) reporter(l *Lodged) {
	switch {
	case l.Anonymous && l.Reporter != nil:
		// What was typed by mistake is not taken: the reporter decides.
		c.wrong("reporter", "tipoff.reporter.anonymous")
	case l.Anonymous:
	case l.Reporter == nil:
		c.wrong("reporter", "tipoff.reporter.none")
	default:
		who := c.person("reporter", *l.Reporter)
		l.Reporter = &who
	}
}

// person reads a reporter: a real name and how to reach him.
func (c *checker) person(field string, who Reporter) Reporter {
	who.Name = c.line(field+"/name", who.Name, c.form.Person)
	if who.Name == "" {
		c.wrong(field+"/name", "tipoff.reporter.name")
	}
	who.Contact = c.line(field+"/contact", who.Contact, c.form.Contact)
	if utf8.RuneCountInString(who.Contact) < 3 {
		c.wrong(field+"/contact", "tipoff.reporter.contact")
	}
	return who
}

func (c *checker) circumstances(l *Lodged) {
	if l.OccurredOn.After(c.today) {
		c.wrong("occurredOn", "tipoff.occurred.future")
	}
	l.Place = c.line("place", l.Place, c.form.Place)
	if l.Division != "" {
		// A name (红旗区) is as good as a code; a former one leads to its successor.
		a, err := ident.ParseArea(l.Division)
		switch {
		case err != nil:
			c.because("division", err)
		case a.Kind == ident.Province:
			c.wrong("division", "tipoff.division")
		default:
			l.Division = a.Code
			if a.Successor != "" {
				l.Division = a.Successor
			}
		}
	}
}

func (c *checker) numbers(l *Lodged) {
	if len(l.Numbers) > c.form.Numbers {
		c.wrong("numbers", "tipoff.numbers.many", c.form.Numbers)
		return
	}
	var numbers []string
	seen := map[string]bool{}
	for n, s := range l.Numbers {
		number, err := ParseMatter(s)
		if err != nil {
			c.because(fmt.Sprintf("numbers/%d", n), err)
			continue
		}
		if !seen[number] {
			numbers = append(numbers, number)
		}
		seen[number] = true
	}
	if len(c.fields) == 0 {
		l.Numbers = numbers
	}
}

// ParseMatter reads the number of a patent application, a patent or a mark; the
// fault tells what is wrong with the one it looks like.
func ParseMatter(s string) (string, error) {
	if len(s) > 200 {
		return "", fault.New(fault.Invalid, "tipoff.matter")
	}
	application, err := ident.ParseApplication(s)
	if err == nil {
		return application.Number, nil
	}
	mark, markErr := ident.ParseTrademark(s)
	if markErr == nil {
		return mark, nil
	}
	digits := 0
	for _, r := range ident.Plain(s) {
		if r >= '0' && r <= '9' {
			digits++
		}
	}
	if digits <= 8 {
		err = markErr
	}
	return "", err
}

func (c *checker) files(l *Lodged) {
	if len(l.Files) > c.form.Files {
		c.wrong("files", "tipoff.files.many", c.form.Files)
		return
	}
	for n := range l.Files {
		f := &l.Files[n]
		at := fmt.Sprintf("files/%d", n)
		f.Name = c.line(at+"/name", f.Name, c.form.Name)
		if f.Size < 0 {
			c.wrong(at+"/size", "tipoff.file.size")
		}
		f.SHA256 = strings.ToLower(f.SHA256)
		if f.SHA256 != "" && (len(f.SHA256) != 64 || strings.Trim(f.SHA256, "0123456789abcdef") != "") {
			c.wrong(at+"/sha256", "tipoff.file.hash")
		}
	}
}

// CheckMessage reads a message of a thread: not empty, not longer than the rule
// says. A fault names the field.
func CheckMessage(field, text string, r Rules, today workday.Date) (string, error) {
	form, err := FormOf(r, today)
	if err != nil {
		return "", err
	}
	c := checker{form: form, today: today}
	text = c.paragraphs(field, text, form.Message)
	if text == "" && len(c.fields) == 0 {
		c.wrong(field, "tipoff.message.none")
	}
	if len(c.fields) > 0 {
		refused := fault.New(fault.Invalid, "tipoff.form")
		refused.Fields = c.fields
		return "", refused
	}
	return text, nil
}

// warn tells what a reporter should know before sending.
func warn(l Lodged, r Rules, form Form, today workday.Date) ([]Warning, error) {
	var out []Warning
	add := func(from ruleset.Rule, field, code string, args ...any) {
		basis := from.Basis()
		out = append(out, Warning{Field: field, Code: code, Args: args, Basis: &basis})
	}
	limitation, terms, err := ruleset.Of[limitationTerms](r.Set, "tipoff-limitation", today)
	if err != nil {
		return nil, err
	}
	// 行政处罚法 art. 36: counted from the day of the act, of a continuing one from
	// its end. A period that ends a sanction is not rolled.
	if last := r.Calendar.Last(l.OccurredOn, terms.Ordinary, workday.None); !last.IsZero() && !l.Continuing && today.After(last) {
		add(limitation, "occurredOn", "limitation", last.String())
	}
	words, lists, err := ruleset.Of[wordLists](r.Set, "tipoff-words", today)
	if err != nil {
		return nil, err
	}
	channel, _, err := ruleset.Of[noTerms](r.Set, "tipoff-channel", today)
	if err != nil {
		return nil, err
	}
	text := strings.ToLower(l.Narrative)
	for _, hint := range []struct {
		code string
		list []string
	}{{"complaint", lists.Complaint}, {"petition", lists.Petition}, {"question", lists.Question}} {
		if containsAny(text, hint.list) {
			add(channel, "narrative", hint.code)
		}
	}
	switch {
	case l.Official || aboutGovernment(l, lists):
		add(words, "official", "discipline")
	case containsAny(text, lists.Official):
		add(words, "official", "official")
	}
	if utf8.RuneCountInString(l.Narrative) < form.Short {
		out = append(out, Warning{Field: "narrative", Code: "short"})
	}
	if reward, _, err := ruleset.Of[noTerms](r.Set, "tipoff-reward", today); err == nil && l.Reward {
		add(reward, "reward", "reward")
	}
	return out, nil
}

func containsAny(text string, words []string) bool {
	for _, w := range words {
		if strings.Contains(text, strings.ToLower(w)) {
			return true
		}
	}
	return false
}
