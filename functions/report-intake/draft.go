package function

import (
	"net/url"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"ipcredit/shared/fault"
	"ipcredit/shared/page"
	"ipcredit/shared/tipoff"
	"ipcredit/shared/workday"
)

// draftVersion is the form of a draft; one of another version is not there.
const draftVersion = 1

// draft is a report in the making. It exists in memory during a request, and
// sealed (see vault.go).
type draft struct {
	Version int `json:"v"`
	// Ticket is the form's, see ticket.go.
	Ticket string `json:"ticket"`
	// Values are the fields of the steps as they were typed, right or wrong.
	Values url.Values `json:"values"`
	// Parties are those named so far.
	Parties []tipoff.Party `json:"parties,omitempty"`
	// Passed are the steps that were left in order.
	Passed []step `json:"passed,omitempty"`
	// Box is where evidence goes, once there is some.
	Box *box `json:"box,omitempty"`
	// Sent is the report exactly as it was sent: sending it again gives the same
	// receipt. From then on nothing of the draft changes.
	Sent *tipoff.Lodged `json:"sent,omitempty"`

	// restored says that the draft had ended here and came with a page.
	restored bool
	// read is the ciphertext that was kept here when the draft was read.
	read string
}

// box is the evidence box of a draft. Its private key is kept here, sealed with
// the draft, and nowhere else until the report is sent.
type box struct {
	Token string `json:"token"`
	ID    string `json:"id"`
	Key   string `json:"key"`
}

// step is one page of the form.
type step string

// The steps, in their order.
const (
	kindStep     step = "kind"
	whomStep     step = "whom"
	whatStep     step = "what"
	evidenceStep step = "evidence"
	whoStep      step = "who"
	checkStep    step = "check"
)

var steps = []step{kindStep, whomStep, whatStep, evidenceStep, whoStep, checkStep}

// place is the step's number from 1; 0 for no step.
func (s step) place() int { return slices.Index(steps, s) + 1 }

func (s step) next() step { return steps[min(s.place(), len(steps)-1)] }

// fields are the names of the inputs of each step. What a page sends beyond them
// is not kept.
var fields = map[step][]string{
	kindStep: {"kind"},
	whomStep: {"party", "insider"},
	whatStep: {"narrative", "occurredOn", "continuing", "place", "division", "numbers"},
	whoStep:  {"anonymous", "name", "contact", "reward"},
}

// official is the choice on the first page that is no kind: somebody in office,
// or this bureau.
const official = "official"

// elsewhere are the choices on the first page that are no tip-off: each has its
// own channel.
var elsewhere = []string{"consumer", "petition", "question"}

func newDraft(ticket string) *draft {
	return &draft{Version: draftVersion, Ticket: ticket, Values: url.Values{}}
}

// keep takes over what a page of the step sent. A box that is not ticked is sent
// by no browser, so what is not there was taken back.
func (v *draft) keep(s step, sent url.Values) {
	for _, name := range fields[s] {
		if values, ok := sent[name]; ok {
			v.Values[name] = nil
			for _, x := range values {
				v.Values[name] = append(v.Values[name], visible(x))
			}
		} else {
			delete(v.Values, name)
		}
	}
}

// visible drops what takes no room on the screen and comes along when people
// copy and type on telephones: joiners and selectors of emoji, marks of width
// zero. Marks that turn the direction of writing stay, to be refused with words:
// dropping them would change what is read.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t' || unicode.Is(unicode.Bidi_Control, r):
			return r
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Variation_Selector, r):
			return -1
		}
		return r
	}, s)
}

func (v *draft) pass(s step) {
	if !slices.Contains(v.Passed, s) {
		v.Passed = append(v.Passed, s)
	}
}

// open is the first step that was not passed yet.
func (v *draft) open() step {
	for _, s := range steps {
		if !slices.Contains(v.Passed, s) {
			return s
		}
	}
	return checkStep
}

func (v *draft) value(name string) string { return strings.TrimSpace(v.Values.Get(name)) }

func (v *draft) ticked(name string) bool { return v.Values.Get(name) == "1" }

// lodged is the tip-off that the draft says so far. The error is a day that is
// none.
func (v *draft) lodged(lang page.Lang) (tipoff.Lodged, error) {
	l := tipoff.Lodged{
		Kind: tipoff.Kind(v.value("kind")), Parties: slices.Clone(v.Parties), Narrative: v.value("narrative"),
		Anonymous: v.Values.Get("anonymous") != "no", Continuing: v.ticked("continuing"), Place: v.value("place"),
		Division: v.value("division"), Numbers: lines(v.Values.Get("numbers")), Language: string(lang),
		Insider: v.ticked("insider"), Reward: v.ticked("reward"),
	}
	if l.Kind == official {
		l.Kind, l.Official = tipoff.Unclear, true
	}
	if !l.Anonymous {
		l.Reporter = &tipoff.Reporter{Name: v.value("name"), Contact: v.value("contact")}
	}
	// A name typed and not yet added is meant too.
	if p := v.value("party"); p != "" {
		l.Parties = append(l.Parties, tipoff.Party{Name: p})
	}
	var err error
	l.OccurredOn, err = day(v.value("occurredOn"))
	return l, err
}

var dayForms = strings.NewReplacer("年", "-", "月", "-", "日", "", "号", "", "/", "-", ".", "-", " ", "")

// day reads a day as people type it: 2026-04-29, 2026/4/29, 2026年4月29日.
func day(s string) (workday.Date, error) {
	s = dayForms.Replace(norm.NFKC.String(s))
	if s == "" {
		return workday.Date{}, nil
	}
	if parts := strings.Split(s, "-"); len(parts) == 3 {
		for i, p := range parts {
			if len(p) == 1 {
				parts[i] = "0" + p
			}
		}
		s = strings.Join(parts, "-")
	}
	d, err := workday.ParseDate(s)
	if err != nil {
		return d, fault.New(fault.Invalid, "report-intake.day").With("occurredOn", "report-intake.day")
	}
	return d, nil
}

// lines are the entries of a text in which each stands on a line of its own, or
// between commas.
func lines(s string) []string {
	var out []string
	for _, part := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune("\r\n,，;；、", r) }) {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// fieldOf is the name of the form's input that a refusal of the tip-off is about:
// Check names parties/0/code and reporter/contact.
func fieldOf(pointer string) string {
	first, rest, _ := strings.Cut(pointer, "/")
	switch first {
	case "parties":
		return "party"
	case "numbers":
		return "numbers"
	case "reporter":
		if rest == "" {
			return "name"
		}
		return rest
	}
	return first
}

// stepOf is the step that has the input.
func stepOf(field string) step {
	for _, s := range steps {
		if slices.Contains(fields[s], field) {
			return s
		}
	}
	return checkStep
}

// faultsAt splits a refusal by step: for each, a fault that names the step's own
// inputs. A refusal that names no field belongs to the last page.
func faultsAt(err error) map[step]*fault.Error {
	f, refused := fault.Of(err)
	if !refused {
		return nil
	}
	out := map[step]*fault.Error{}
	add := func(s step) *fault.Error {
		if out[s] == nil {
			out[s] = fault.New(f.Kind, f.Code, f.Args...)
		}
		return out[s]
	}
	if len(f.Fields) == 0 {
		add(checkStep)
	}
	for _, field := range f.Fields {
		name := fieldOf(field.Name)
		s := stepOf(name)
		e := add(s)
		e.Fields = append(e.Fields, fault.Field{Name: name, Code: field.Code, Args: field.Args})
	}
	return out
}
