package function

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"ipcredit/shared/evidence"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/ident"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
	"ipcredit/shared/workday"
)

// parties is how many reported parties the form has room for.
const parties = 3

// written are the channels whose tip-offs an officer writes down.
var written = []tipoff.Channel{tipoff.Telephone, tipoff.Letter, tipoff.Counter}

type registerPage struct {
	base
	Ticket    string
	Parties   []partyFields
	Today     workday.Date
	channels  []tipoff.Channel
	divisions []string
}

// partyFields names the inputs of one reported party as faults do.
type partyFields struct {
	N          int
	Name, Code string
}

func (p registerPage) ChannelOptions(lang page.Lang) []option {
	return options(lang, "tipoff.channel.", p.channels)
}

func (p registerPage) KindOptions(lang page.Lang) []option {
	return options(lang, "tipoff.kind.", tipoff.Kinds())
}

// DivisionOptions are the divisions a tip-off can belong to.
func (p registerPage) DivisionOptions() []option {
	var out []option
	for _, label := range p.divisions {
		if area, ok := ident.AreaOf(label); ok {
			out = append(out, option{Value: label, Text: area.Name})
		}
	}
	return out
}

func (d *desk) registerPage(r *http.Request, a staff.Actor) registerPage {
	p := registerPage{base: d.base(r, a), Ticket: ticket(), Today: d.today(), channels: written, divisions: staff.UnitLabels()}
	for i := range parties {
		p.Parties = append(p.Parties, partyFields{i + 1, fmt.Sprintf("parties/%d/name", i), fmt.Sprintf("parties/%d/code", i)})
	}
	return p
}

// ticket names one form: sent twice, it lodges one tip-off.
func ticket() string { return rand.Text() }

// mayRegister refuses whoever may not write down a tip-off anywhere; the office
// asks for the unit it belongs to.
func (d *desk) mayRegister(a staff.Actor) error {
	if !a.May(staff.TipoffIntake, d.env.Now()) {
		return fault.New(fault.Forbidden, "staff.can.role")
	}
	return nil
}

func (d *desk) registerForm(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := d.mayRegister(a); err != nil {
		return err
	}
	p := d.registerPage(r, a)
	p.Form = page.NewForm(url.Values{"receivedOn": {p.Today.String()}})
	return d.pages.Show(w, r, http.StatusOK, "register", p)
}

type registeredPage struct {
	base
	Number, Receipt string
	No              string
	Due             tipoff.Clock
	Warnings        []string
	Track           string
	// Files is where the officer adds the letter or a recording, sealed to the
	// tip-off: what goes in there he cannot take out again.
	Files string
	Day   workday.Date
}

// register lodges what somebody said or wrote to an officer. The receipt stands
// on the answer to this post and nowhere else.
func (d *desk) register(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	if err := d.mayRegister(a); err != nil {
		return err
	}
	reg, err := registration(r.PostForm)
	if key, kerr := fn.IdempotencyKey(r); err == nil && kerr != nil {
		err = kerr
	} else if key != "" {
		reg.Key = key
	}
	var l tipoff.Lodging
	if err == nil {
		reg.Token = evidence.NewToken()
		l, err = d.office.Register(r.Context(), a, reg, d.env.Now())
	}
	if err != nil {
		p := d.registerPage(r, a)
		status, err := refused(r, &p.base, err)
		if err != nil {
			return err
		}
		if sent := r.PostForm.Get("ticket"); len(sent) == len(p.Ticket) {
			p.Ticket = sent
		}
		return d.pages.Show(w, r, status, "register", p)
	}
	lang := fn.Lang(r)
	p := registeredPage{
		base: d.base(r, a), Number: tipoff.FormatNumber(l.Number), No: l.Number, Receipt: l.Receipt, Due: l.Due,
		Track: d.pages.Absolute("report-intake/track"), Files: d.pages.URL(r, "evidence-upload/forms", reg.Token), Day: l.Report.Day,
	}
	for _, warn := range l.Warnings {
		p.Warnings = append(p.Warnings, page.Say(lang, "tipoff.warn."+warn.Code, warn.Args...))
	}
	return d.pages.Show(w, r, http.StatusCreated, "registered", p)
}

// registration reads the form. Its fields have the names that faults of package
// tipoff give them.
func registration(f url.Values) (tipoff.Registration, error) {
	text := func(name string) string {
		return strings.TrimSpace(strings.ReplaceAll(f.Get(name), "\r\n", "\n"))
	}
	bad := fault.New(fault.Invalid, "case-handling.incomplete")
	date := func(name string) workday.Date {
		if text(name) == "" {
			return workday.Date{}
		}
		on, err := workday.ParseDate(text(name))
		if err != nil {
			bad = bad.With(name, "case-handling.date")
		}
		return on
	}
	reg := tipoff.Registration{
		Key: text("ticket"), Channel: tipoff.Channel(text("channel")), OriginalNo: text("originalNo"), ReceivedOn: date("receivedOn"),
		Lodged: tipoff.Lodged{
			Kind: tipoff.Kind(text("kind")), Narrative: text("narrative"), OccurredOn: date("occurredOn"), Continuing: f.Get("continuing") != "",
			Place: text("place"), Division: text("division"), Numbers: fields(text("numbers")), Language: string(page.ZH),
			Insider: f.Get("insider") != "", Reward: f.Get("reward") != "", Official: f.Get("official") != "", Anonymous: text("who") != "named",
		},
	}
	known := false
	for _, c := range written {
		known = known || reg.Channel == c
	}
	if !known {
		bad = bad.With("channel", "tipoff.channel")
	}
	if who := text("who"); who != "named" && who != "anonymous" {
		bad = bad.With("who", "case-handling.choose_who")
	}
	for i := range parties {
		party := tipoff.Party{Name: text(fmt.Sprintf("parties/%d/name", i)), Code: text(fmt.Sprintf("parties/%d/code", i))}
		if party != (tipoff.Party{}) {
			reg.Lodged.Parties = append(reg.Lodged.Parties, party)
		}
	}
	if !reg.Lodged.Anonymous {
		reg.Lodged.Reporter = &tipoff.Reporter{Name: text("reporter/name"), Contact: text("reporter/contact")}
	}
	if len(bad.Fields) > 0 {
		return reg, bad
	}
	return reg, nil
}

// fields splits a list written with any of the usual separators.
func fields(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(" ,;，；、\n\t", r) })
}
