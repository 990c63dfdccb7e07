package repair

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// What can happen to an application. The words are the catalogue's
// "repair.event."+What.
const (
	EventFiled     = "filed"
	EventPaper     = "paper"
	EventSigned    = "signed"
	EventReturned  = "returned"
	EventCompleted = "completed"
	EventAccepted  = "accepted"
	EventRefused   = "refused"
	EventForwarded = "forwarded"
	EventHanded    = "handed" // over to 信用中国, or from there
	EventApproved  = "approved"
	EventDenied    = "denied"
	EventImported  = "imported" // the other authority's decision
	EventSpread    = "spread"
	EventWithdrawn = "withdrawn"
	EventRevoking  = "revoking" // taking the approval back was begun,
	EventKept      = "kept"     // dropped,
	EventRevoked   = "revoked"  // or decided
	EventReported  = "reported" // the result, to 信用中国
)

// Decides says who decides about a record: the organisation of this city that made
// it, by code or by name, or else the authority that the record names. The
// organisations must be all of the city's.
func Decides(x credit.Record, organizations []staff.Organization) Authority {
	a := Authority{Name: x.Authority, Code: x.AuthorityCode}
	for _, o := range organizations {
		if o.Closed || !slices.Contains([]staff.Kind{staff.LeadBureau, staff.DistrictBureau, staff.ZoneAdministration}, o.Kind) {
			continue
		}
		// A code says more than a name: one that differs is another authority.
		same := ident.Normal(o.Name) == ident.Normal(x.Authority)
		if o.Code != "" && x.AuthorityCode != "" {
			same = o.Code == x.AuthorityCode
		}
		if same {
			a.Unit = o.Division()
			return a
		}
	}
	return a
}

// numberForm bounds what may stand as a number of a document or of a register: no
// sentence, and nothing of a person.
var numberForm = regexp.MustCompile(`^[\p{Han}A-Za-z0-9〔〕\[\]()（）\-/.号第]{2,60}$`)

// number checks a number that a step needs.
func number(field, s string) (string, error) {
	s = strings.TrimSpace(s)
	if !numberForm.MatchString(s) {
		return "", fault.New(fault.Invalid, "repair.number").With(field, "repair.number")
	}
	return s, nil
}

func (a Application) step(by, what, no string, now time.Time) Application {
	a.Events = append(slices.Clone(a.Events), Event{At: now.UTC(), By: by, What: what, State: a.State, No: no})
	a.Version++
	return a
}

// in refuses a step in another state, with what the state is.
func (a Application) in(states ...State) error {
	if !slices.Contains(states, a.State) {
		return fault.New(fault.Conflict, "repair.state")
	}
	return nil
}

// handIn adds a paper, while the application is not decided.
func (a Application) handIn(p Paper, box, by string, now time.Time) (Application, error) {
	if err := a.in(Submitted, Completeness, Accepted, Forwarded); err != nil {
		return a, err
	}
	if !slices.Contains([]Paper{Correction, Performance, Ruling}, p) {
		return a, fault.New(fault.Invalid, "repair.paper").With("paper", "repair.paper")
	}
	h := Handed{Paper: p, Box: box, At: now.UTC(), By: by, Version: 1}
	if last, ok := a.Newest(p); ok {
		h.Version = last.Version + 1
	}
	a.Papers = append(slices.Clone(a.Papers), h)
	return a.step(by, EventPaper, string(p), now), nil
}

// sign signs the commitment; the last signature counts.
func (a Application) sign(by string, now time.Time) (Application, error) {
	if err := a.in(Submitted, Completeness); err != nil {
		return a, err
	}
	a.Signed = &Signature{By: by, At: now.UTC(), Text: CommitmentText}
	return a.step(by, EventSigned, CommitmentText, now), nil
}

// giveBack sends the subject, once, the full list of what is missing: what the
// program finds, and what came and proves nothing.
func (a Application) giveBack(rules Rules, unproven []Paper, by string, now time.Time) (Application, error) {
	if err := a.in(Submitted); err != nil {
		return a, err
	}
	if !a.AskedOn.IsZero() {
		return a, fault.New(fault.Conflict, "repair.returned_once", a.AskedOn.String())
	}
	needed, err := rules.Needed(a)
	if err != nil {
		return a, err
	}
	var list []Paper
	for _, p := range needed {
		if !a.Has(p) || slices.Contains(unproven, p) {
			list = append(list, p)
		}
	}
	for _, p := range unproven {
		if !slices.Contains(needed, p) {
			return a, fault.New(fault.Invalid, "repair.paper").With("papers", "repair.paper")
		}
	}
	if len(list) == 0 {
		return a, fault.New(fault.Refused, "repair.nothing_missing").With("papers", "repair.nothing_missing")
	}
	a.Asked, a.AskedOn, a.State = list, workday.DateOf(now), Completeness
	return a.step(by, EventReturned, "", now), nil
}

// complete sends it in again. All that was asked for must have come since.
func (a Application) complete(by string, now time.Time) (Application, error) {
	if err := a.in(Completeness); err != nil {
		return a, err
	}
	wrong := fault.New(fault.Refused, "repair.still_missing")
	for _, p := range a.Asked {
		came := p == Form
		if p == Commitment {
			came = a.Signed != nil
		} else if h, ok := a.Newest(p); ok {
			came = !workday.DateOf(h.At).Before(a.AskedOn) && h.At.After(a.asked())
		}
		if !came {
			wrong.With("paper-"+string(p), "repair.still_missing."+string(p))
		}
	}
	if len(wrong.Fields) > 0 {
		return a, wrong
	}
	a.State, a.CompleteOn = Submitted, workday.DateOf(now)
	return a.step(by, EventCompleted, "", now), nil
}

// asked is the instant of the list.
func (a Application) asked() time.Time {
	for _, e := range a.Events {
		if e.What == EventReturned {
			return e.At
		}
	}
	return time.Time{}
}

// handOver records the number at 信用中国: of an application that was filed here
// and handed over.
func (a Application) handOver(no, by string, now time.Time) (Application, error) {
	if err := a.in(Submitted, Completeness, Accepted, Forwarded); err != nil {
		return a, err
	}
	if a.CreditChina != "" {
		return a, fault.New(fault.Conflict, "repair.handed")
	}
	no, err := number("number", no)
	if err != nil {
		return a, err
	}
	a.CreditChina = no
	return a.step(by, EventHanded, no, now), nil
}

// accept accepts an application that is complete and whose authority is ours.
func (a Application) accept(rules Rules, computed []Reason, by string, now time.Time) (Application, error) {
	if err := a.in(Submitted); err != nil {
		return a, err
	}
	if !a.Authority.Own() {
		return a, fault.New(fault.Conflict, "repair.other_authority", a.Authority.Name)
	}
	missing, err := rules.Missing(a)
	if err != nil {
		return a, err
	}
	if len(missing) > 0 {
		return a, fault.New(fault.Conflict, "repair.incomplete")
	}
	if len(computed) > 0 {
		return a, because(computed)
	}
	if a.Route == CreditChina && a.CreditChina == "" {
		return a, fault.New(fault.Conflict, "repair.no_number")
	}
	a.State, a.AcceptedOn = Accepted, workday.DateOf(now)
	return a.step(by, EventAccepted, "", now), nil
}

// forward passes it to the authority that decides, under the number it has there.
func (a Application) forward(rules Rules, no, by string, now time.Time) (Application, error) {
	if err := a.in(Submitted); err != nil {
		return a, err
	}
	if a.Authority.Own() {
		return a, fault.New(fault.Conflict, "repair.own_authority")
	}
	missing, err := rules.Missing(a)
	if err != nil {
		return a, err
	}
	if len(missing) > 0 {
		return a, fault.New(fault.Conflict, "repair.incomplete")
	}
	if no, err = number("number", no); err != nil {
		return a, err
	}
	a.External, a.State = no, Forwarded
	return a.step(by, EventForwarded, no, now), nil
}

// refuse ends it without acceptance (Submitted) or with a denial (Accepted), with
// the reasons: those given, of the step's, and those that the program computes.
func (a Application) refuse(rules Rules, given []string, computed []Reason, decision, by string, now time.Time) (Application, error) {
	if err := a.in(Submitted, Accepted); err != nil {
		return a, err
	}
	choices, err := rules.Choices(a)
	if err != nil {
		return a, err
	}
	rule, _, err := params[refusalRule](rules, "repair-refusal", a.FiledOn)
	if err != nil {
		return a, err
	}
	reasons := slices.Clone(computed)
	for _, code := range given {
		if !slices.Contains(choices, code) {
			return a, fault.New(fault.Invalid, "repair.reason").With("reasons", "repair.reason")
		}
		if code == Incomplete {
			// Nobody is refused for what he was never told is missing.
			missing, err := rules.Missing(a)
			if err != nil {
				return a, err
			}
			if a.AskedOn.IsZero() || len(missing) == 0 {
				return a, fault.New(fault.Refused, "repair.not_told").With("reasons", "repair.not_told")
			}
		}
		if code == NotOurs && a.Authority.Own() {
			return a, fault.New(fault.Refused, "repair.own_authority").With("reasons", "repair.own_authority")
		}
		reasons = append(reasons, Reason{Code: code, Rule: rule.Ref()})
	}
	if len(reasons) == 0 {
		return a, fault.New(fault.Refused, "repair.no_reason").With("reasons", "repair.no_reason")
	}
	if decision, err = number("decision", decision); err != nil {
		return a, err
	}
	what := EventRefused
	if a.State == Accepted {
		a.State, what = Denied, EventDenied
	} else {
		a.State = Refused
	}
	a.Decision, a.Reasons, a.ClosedOn, a.Decider = decision, reasons, workday.DateOf(now), by
	a.DecidedOn = a.ClosedOn
	return a.step(by, what, decision, now), nil
}

// approve allows the repair of our own determination.
func (a Application) approve(computed []Reason, decision, by string, now time.Time) (Application, error) {
	// Said before the state: whoever tries must learn that it is not his to decide.
	if !a.Authority.Own() {
		return a, fault.New(fault.Conflict, "repair.other_authority", a.Authority.Name)
	}
	if err := a.in(Accepted); err != nil {
		return a, err
	}
	if len(computed) > 0 {
		return a, because(computed)
	}
	decision, err := number("decision", decision)
	if err != nil {
		return a, err
	}
	a.State, a.Decision, a.ClosedOn, a.Decider = Approved, decision, workday.DateOf(now), by
	a.DecidedOn = a.ClosedOn
	return a.step(by, EventApproved, decision, now), nil
}

// Foreign is another authority's decision, as it is imported.
type Foreign struct {
	Approved bool
	No       string       // the decision's number
	On       workday.Date // its day
	Reasons  []string
}

// foreign takes the other authority's decision over.
func (a Application) foreign(rules Rules, f Foreign, by string, now time.Time) (Application, error) {
	if a.Authority.Own() {
		return a, fault.New(fault.Conflict, "repair.own_authority")
	}
	if err := a.in(Forwarded); err != nil {
		return a, err
	}
	no, err := number("decision", f.No)
	if err != nil {
		return a, err
	}
	switch today := workday.DateOf(now); {
	case f.On.IsZero():
		return a, fault.New(fault.Refused, "repair.decided_on").With("on", "repair.decided_on")
	case f.On.Before(a.FiledOn):
		return a, fault.New(fault.Refused, "repair.decided_before", a.FiledOn.String()).With("on", "repair.decided_before", a.FiledOn.String())
	case f.On.After(today):
		return a, fault.New(fault.Refused, "repair.decided_later").With("on", "repair.decided_later")
	}
	a.State, a.Decision, a.DecidedOn, a.ClosedOn, a.Decider = Approved, no, f.On, workday.DateOf(now), by
	if !f.Approved {
		rule, _, err := params[refusalRule](rules, "repair-refusal", a.FiledOn)
		if err != nil {
			return a, err
		}
		all, err := rules.Foreign(a)
		if err != nil {
			return a, err
		}
		for _, code := range f.Reasons {
			if !slices.Contains(all, code) {
				return a, fault.New(fault.Invalid, "repair.reason").With("reasons", "repair.reason")
			}
			a.Reasons = append(a.Reasons, Reason{Code: code, Rule: rule.Ref()})
		}
		if len(a.Reasons) == 0 {
			return a, fault.New(fault.Refused, "repair.no_reason").With("reasons", "repair.no_reason")
		}
		a.State = Denied
	}
	return a.step(by, EventImported, no, now), nil
}

// spread closes it once everybody who was told of the record knows.
func (a Application) spread(by string, now time.Time) (Application, error) {
	if err := a.in(Approved); err != nil {
		return a, err
	}
	a.State, a.SpreadOn = Propagated, workday.DateOf(now)
	return a.step(by, EventSpread, "", now), nil
}

// withdraw takes it back, before it is decided.
func (a Application) withdraw(by string, now time.Time) (Application, error) {
	if err := a.in(Submitted, Completeness, Accepted, Forwarded); err != nil {
		return a, err
	}
	a.State, a.ClosedOn = Withdrawn, workday.DateOf(now)
	return a.step(by, EventWithdrawn, "", now), nil
}

// because is the refusal for reasons that the program computed.
func because(reasons []Reason) error {
	first := reasons[0]
	f := fault.New(fault.Refused, "repair."+first.Code)
	if !first.On.IsZero() {
		f.Args = []any{first.On.String()}
	}
	for _, x := range reasons {
		var args []any
		if !x.On.IsZero() {
			args = []any{x.On.String()}
		}
		f.With("records", "repair."+x.Code, args...)
	}
	return f
}
