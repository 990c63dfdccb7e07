package commitment

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/workday"
)

// Writing is what is filled into a template.
type Writing struct {
	Template string // ID
	What     string
	Until    workday.Date
}

// in refuses a step that the state does not allow.
func (c Commitment) in(states ...State) error {
	if slices.Contains(states, c.State) {
		return nil
	}
	return fault.New(fault.Conflict, "commitment.state")
}

// happen notes a step.
func (c *Commitment) happen(what, by, why, no string, now time.Time) {
	c.Events = append(slices.Clone(c.Events), Event{At: now.UTC(), By: by, What: what, Why: why, No: no})
	c.Seen++
}

// handled notes who handles it: he decides nothing about it.
func (c *Commitment) handled(by string) {
	if !slices.Contains(c.Handlers, by) {
		c.Handlers = append(slices.Clone(c.Handlers), by)
	}
}

// line reads a line of text without numbers and addresses of people.
func line(bad *fault.Error, field, none, text string, most int) string {
	clean, err := ident.Clean(text)
	if f, ok := fault.Of(err); ok {
		bad.With(field, f.Code, f.Args...)
		return ""
	}
	clean = credit.Redact(strings.TrimSpace(clean))
	switch n := utf8.RuneCountInString(clean); {
	case n == 0:
		bad.With(field, none)
	case n > most:
		bad.With(field, "commitment.long", most, n)
	}
	return clean
}

// write fills the fields of a draft: by a template that can be signed on the day,
// with a last day that is not before it and not too far after it.
func (c Commitment) write(all Templates, w Writing, signed workday.Date) (Commitment, Template, error) {
	bad := fault.New(fault.Invalid, "commitment.form")
	t, ok := all.On(w.Template, signed)
	if !ok || t.Kind == Repair {
		return c, t, bad.With("template", "commitment.no_template")
	}
	what := line(bad, "what", "commitment.what", w.What, chosen.N("what"))
	switch latest := t.Latest(signed); {
	case w.Until.IsZero():
		bad.With("until", "commitment.until")
	case w.Until.Before(signed):
		bad.With("until", "commitment.until.past", signed.String())
	case w.Until.After(latest):
		bad.With("until", "commitment.until.far", latest.String())
	}
	if len(bad.Fields) > 0 {
		return c, t, bad
	}
	c.Kind, c.Template, c.What, c.Until = t.Kind, t.Ref(), what, w.Until
	return c, t, nil
}

// draft begins a commitment.
func draft(c Commitment, all Templates, w Writing, by string, now time.Time) (Commitment, error) {
	c, _, err := c.write(all, w, workday.DateOf(now))
	if err != nil {
		return c, err
	}
	c.State = Draft
	c.happen(EventDrafted, by, "", "", now)
	return c, nil
}

// rewrite replaces what a draft says.
func (c Commitment) rewrite(all Templates, w Writing, by string, now time.Time) (Commitment, error) {
	if err := c.in(Draft); err != nil {
		return c, err
	}
	c, _, err := c.write(all, w, workday.DateOf(now))
	if err == nil {
		c.happen(EventDrafted, by, "", "", now)
	}
	return c, err
}

// sign makes a draft the subject's word. Text and days are looked at again: a draft
// may have lain.
func (c Commitment) sign(all Templates, by string, now time.Time) (Commitment, error) {
	if err := c.in(Draft); err != nil {
		return c, err
	}
	today := workday.DateOf(now)
	t, ok := all.On(c.TemplateID(), today)
	if !ok || t.Ref() != c.Template {
		return c, fault.New(fault.Conflict, "commitment.text_changed")
	}
	if c.Until.Before(today) {
		return c, fault.New(fault.Refused, "commitment.until.past", today.String())
	}
	return c.made(t, Signature{On: today, By: by}, EventSigned, now), nil
}

// made puts the signature under the text and the commitment into the ledger.
func (c Commitment) made(t Template, s Signature, what string, now time.Time) Commitment {
	s.At = now.UTC()
	c.Signed, c.State = &s, Published
	c.Signed.Hash = Sum(c.Document(t))
	c.happen(what, s.By, "", "", now)
	return c
}

// record takes over a commitment made on paper on an earlier day.
func record(c Commitment, all Templates, w Writing, signed workday.Date, by string, now time.Time) (Commitment, error) {
	today := workday.DateOf(now)
	bad := fault.New(fault.Invalid, "commitment.form")
	switch {
	case signed.IsZero():
		return c, bad.With("signedOn", "commitment.signed_on")
	case signed.After(today):
		return c, bad.With("signedOn", "commitment.signed_on.future")
	}
	c, t, err := c.write(all, w, signed)
	if err != nil {
		return c, err
	}
	c.handled(by)
	return c.made(t, Signature{On: signed, By: by, Paper: true}, EventRecorded, now), nil
}

// take makes an officer the owner.
func (c Commitment) take(by string, now time.Time) (Commitment, error) {
	if err := c.in(Published, Fulfilling); err != nil {
		return c, err
	}
	if c.Owner == by {
		return c, fault.New(fault.Conflict, "commitment.yours")
	}
	c.Owner, c.State = by, Fulfilling
	c.handled(by)
	c.happen(EventTaken, by, "", "", now)
	return c, nil
}

// prove adds a material of the subject.
func (c Commitment) prove(material, by string, now time.Time) (Commitment, error) {
	if err := c.in(Published, Fulfilling); err != nil {
		return c, err
	}
	if slices.ContainsFunc(c.Proofs, func(p Proof) bool { return p.Material == material }) {
		return c, fault.New(fault.Conflict, "commitment.proof.same")
	}
	if most := chosen.N("proofs"); len(c.Proofs) >= most {
		return c, fault.New(fault.Refused, "commitment.proof.many", most)
	}
	c.Proofs = append(slices.Clone(c.Proofs), Proof{Material: material, At: now.UTC(), By: by})
	c.happen(EventProof, by, "", material, now)
	return c, nil
}

// fulfil confirms that it was kept, on the day the subject did it.
func (c Commitment) fulfil(how string, done workday.Date, by string, now time.Time) (Commitment, error) {
	if err := c.in(Fulfilling); err != nil {
		return c, err
	}
	today := workday.DateOf(now)
	bad := fault.New(fault.Invalid, "commitment.form")
	switch {
	case !slices.Contains(Ways, how):
		bad.With("how", "commitment.how")
	case how == ByProof && len(c.Proofs) == 0:
		bad.With("how", "commitment.how.none")
	}
	switch {
	case done.IsZero():
		bad.With("doneOn", "commitment.done_on")
	case done.After(today):
		bad.With("doneOn", "commitment.done_on.future")
	case done.Before(c.Signed.On):
		bad.With("doneOn", "commitment.done_on.early", c.Signed.On.String())
	}
	if len(bad.Fields) > 0 {
		return c, bad
	}
	c.State, c.Kept = Fulfilled, &Kept{On: today, DoneOn: done, How: how, By: by}
	c.handled(by)
	c.happen(EventFulfilled, by, how, "", now)
	return c, nil
}

// breach finds it broken: not kept, once its last day has passed; false, also after
// it was thought kept.
func (c Commitment) breach(why, document, by, lead string, now time.Time) (Commitment, error) {
	states := []State{Published, Fulfilling}
	if why == False {
		states = append(states, Fulfilled)
	}
	if err := c.in(states...); err != nil {
		return c, err
	}
	today := workday.DateOf(now)
	bad := fault.New(fault.Invalid, "commitment.form")
	if !slices.Contains(Breaches, why) {
		bad.With("why", "commitment.why")
	}
	document = line(bad, "document", "commitment.document", document, chosen.N("document"))
	if len(bad.Fields) > 0 {
		return c, bad
	}
	if why == NotDone {
		switch {
		case c.Until.IsZero():
			return c, fault.New(fault.Refused, "commitment.why.undated").With("why", "commitment.why.undated")
		case !today.After(c.Until):
			return c, fault.New(fault.Refused, "commitment.why.early", c.Until.AddDays(1).String()).With("why", "commitment.why.early", c.Until.AddDays(1).String())
		}
	}
	c.State, c.Kept, c.Breach = Broken, nil, &Breach{On: today, Why: why, Document: document, By: by, Case: lead}
	c.happen(EventBroken, by, why, lead, now)
	return c, nil
}

// takeBack undoes the finding that it was kept or broken: it is open again.
func (c Commitment) takeBack(why, by string, now time.Time) (Commitment, error) {
	if err := c.in(Fulfilled, Broken); err != nil {
		return c, err
	}
	if !slices.Contains(Mistakes, why) {
		return c, fault.New(fault.Invalid, "commitment.form").With("mistake", "commitment.mistake")
	}
	no := ""
	if c.Breach != nil {
		no = c.Breach.Case
	}
	c.State, c.Kept, c.Breach = Published, nil, nil
	if c.Owner != "" {
		c.State = Fulfilling
	}
	c.happen(EventTakenBack, by, why, no, now)
	return c, nil
}

// annul takes out of the ledger what should never have been in it.
func (c Commitment) annul(why, by string, now time.Time) (Commitment, error) {
	if err := c.in(PublicStates...); err != nil {
		return c, err
	}
	if !slices.Contains(Annulments, why) {
		return c, fault.New(fault.Invalid, "commitment.form").With("annulment", "commitment.mistake")
	}
	c.State = Annulled
	c.happen(EventAnnulled, by, why, "", now)
	return c, nil
}
