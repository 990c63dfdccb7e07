package disclosure

import (
	"fmt"
	"strings"

	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/workday"
)

// Consent is that of the level above to a listing under Order 44 (上级同意).
type Consent struct {
	Authority string       `json:"authority"`
	Number    string       `json:"number"`
	On        workday.Date `json:"on"`
}

type consentRule struct {
	Required bool `json:"required"`
}

// listing tells whether the notice lists somebody as seriously dishonest by a
// decision of this city's own.
func (n Notice) listing() bool {
	return n.Record.Act == credit.SeriousList && n.Record.Channel == credit.Original
}

// ConsentNeeded tells whether the level above must agree before the notice can go
// on, with the rule of the day of the decision.
func (l Law) ConsentNeeded(n Notice) (bool, ruleset.Rule, error) {
	if !n.listing() {
		return false, ruleset.Rule{}, nil
	}
	r, ok := l.Set.For("serious-list-consent", n.Record.DeterminedOn)
	if !ok {
		return false, r, nil
	}
	p, err := ruleset.Params[consentRule](r)
	if err != nil {
		return false, r, fmt.Errorf("disclosure: %w", err)
	}
	return p.Required, r, nil
}

// agreed reads the consent of the level above: a document of another market
// regulator, not later than the decision.
func (n Notice) agreed(bad *fault.Error, act Act, today workday.Date) (*Consent, *fault.Error) {
	c := &Consent{Authority: strings.Join(strings.Fields(act.Authority), ""), On: act.On}
	switch decided := n.Record.DeterminedOn; {
	case act.On.IsZero():
		bad = bad.With("on", "disclosure.day")
	case act.On.After(today):
		bad = bad.With("on", "disclosure.future")
	case act.On.After(decided):
		bad = bad.With("on", "disclosure.consent_late", decided.String())
	}
	number, err := ident.ParseDocNo(act.Number)
	if f, ok := fault.Of(err); ok {
		bad = bad.With("number", f.Code, f.Args...)
	}
	c.Number = number.String()
	switch {
	case len([]rune(c.Authority)) < 4 || len([]rune(c.Authority)) > 60 || !strings.Contains(c.Authority, "市场监督管理"):
		bad = bad.With("authority", "disclosure.consent_authority")
	case ident.Normal(c.Authority) == ident.Normal(n.Record.Authority):
		bad = bad.With("authority", "disclosure.consent_self")
	}
	return c, bad
}
