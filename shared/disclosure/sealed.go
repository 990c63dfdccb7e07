package disclosure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/seal"
	"ipcredit/shared/workday"
)

// Sealing is what notices are sealed with and opened by. Its zero value opens
// none.
type Sealing struct {
	Keys *seal.Keys
	// Identity opens notices and nothing else: secret notice-identity.
	Identity seal.Identity
	Escrow   seal.Recipient // secret escrow-recipient
}

// Label names, in seal.Keys, the party that opens notices.
const Label = "notices"

const escrowLabel = "escrow"

// keyRef is the reference of a notice's key in seal.Keys.
func keyRef(id string) string { return "notice:" + id }

// Closed tells why the content of a notice cannot be read. The words are
// "disclosure.closed."+Closed.
type Closed string

// The reasons.
const (
	Erased Closed = "erased" // its key was erased, on Notice.ErasedOn
	Lost   Closed = "lost"   // its key is not there, or does not open it
)

// filed is a notice as it is stored, whatever its state: in the clear stands where
// it is, who had it in hand and when. About whom it is, what it says and why, which
// is what a draft must not tell before publication and an ended one no more, is
// sealed to a key of its own.
type filed struct {
	ID          string       `json:"id"`
	Division    string       `json:"division"`
	Kind        credit.Kind  `json:"kind"`
	State       State        `json:"state"`
	Version     int64        `json:"version"`
	ServedOn    workday.Date `json:"servedOn,omitzero"`
	SentOn      workday.Date `json:"sentOn,omitzero"`
	PublishedOn workday.Date `json:"publishedOn,omitzero"`
	Handlers    []string     `json:"handlers"`
	ApprovedBy  string       `json:"approvedBy,omitempty"`
	PublishedBy string       `json:"publishedBy,omitempty"`
	Events      []Event      `json:"events"` // without their notes
	// To is the public side of the key keyRef(ID).
	To     string `json:"to"`
	Sealed string `json:"sealed"`
}

// content is what is sealed. ID and Version bind it to its place.
type content struct {
	ID          string            `json:"id"`
	Version     int64             `json:"version"`
	SubjectCode string            `json:"subjectCode"`
	SubjectName string            `json:"subjectName"`
	Person      bool              `json:"person,omitempty"`
	Values      map[string]string `json:"values"`
	Review      Review            `json:"review"`
	Record      credit.Record     `json:"record"`
	Reply       Reply             `json:"reply,omitempty"`
	Consent     *Consent          `json:"consent,omitempty"`
	Penalty     string            `json:"penalty,omitempty"`
	Before      *Edition          `json:"before,omitempty"`
	Fallen      *Fallen           `json:"fallen,omitempty"`
	Notes       map[int]string    `json:"notes,omitempty"` // of the events
}

// file seals the notice.
func (n Notice) file(to seal.Recipient) (filed, error) {
	f := filed{
		ID: n.ID, Division: n.Division, Kind: n.Kind, State: n.State, Version: n.Version, ServedOn: n.ServedOn, SentOn: n.SentOn,
		PublishedOn: n.PublishedOn, Handlers: n.Handlers, ApprovedBy: n.ApprovedBy, PublishedBy: n.PublishedBy, To: to.String(),
	}
	c := content{
		ID: n.ID, Version: n.Version, SubjectCode: n.SubjectCode, SubjectName: n.SubjectName, Person: n.Person, Values: n.Values, Review: n.Review, Record: n.Record,
		Reply: n.Reply, Consent: n.Consent, Penalty: n.Penalty, Before: n.Before, Fallen: n.Fallen, Notes: map[int]string{},
	}
	for i, e := range n.Events {
		if e.Note != "" {
			c.Notes[i], e.Note = e.Note, ""
		}
		f.Events = append(f.Events, e)
	}
	raw, err := json.Marshal(c)
	if err == nil {
		f.Sealed, err = to.SealText(string(raw))
	}
	if err != nil {
		return f, fmt.Errorf("disclosure: sealing %s: %w", n.ID, err)
	}
	return f, nil
}

// outside is the notice as far as it stands in the clear.
func (f filed) outside() Notice {
	return Notice{
		ID: f.ID, Division: f.Division, Kind: f.Kind, State: f.State, Version: f.Version, ServedOn: f.ServedOn, SentOn: f.SentOn,
		PublishedOn: f.PublishedOn, Handlers: f.Handlers, ApprovedBy: f.ApprovedBy, PublishedBy: f.PublishedBy, Events: f.Events, to: f.To,
	}
}

// open opens what is sealed. One whose key is gone comes back Closed.
func (x Sealing) open(ctx context.Context, f filed) (Notice, error) {
	n := f.outside()
	if x.Keys == nil {
		return n, errors.New("disclosure: this store opens no notices")
	}
	id, err := x.Keys.Open(ctx, keyRef(f.ID), Label, x.Identity)
	var c content
	if err == nil {
		c, err = unsealed(id, f)
	}
	var erased *seal.Erased
	switch {
	case errors.As(err, &erased):
		n.Closed = Erased
		if n.ErasedOn, err = workday.ParseDate(erased.On); err != nil {
			return n, fmt.Errorf("disclosure: the key of %s: %w", f.ID, err)
		}
		return n, nil
	case errors.Is(err, seal.ErrNoKey), errors.Is(err, seal.ErrNoLabel), errors.Is(err, seal.ErrWrongKey), errors.Is(err, seal.ErrDamaged):
		n.Closed = Lost
		return n, nil
	case err != nil:
		return n, fmt.Errorf("disclosure: opening %s: %w", f.ID, err)
	}
	n.SubjectCode, n.SubjectName, n.Person, n.Values, n.Review, n.Record = c.SubjectCode, c.SubjectName, c.Person, c.Values, c.Review, c.Record
	n.Reply, n.Consent, n.Penalty, n.Before, n.Fallen = c.Reply, c.Consent, c.Penalty, c.Before, c.Fallen
	for i := range n.Events {
		n.Events[i].Note = c.Notes[i]
	}
	return n, nil
}

// unsealed reads the content; one of another place is damage. No error quotes it.
func unsealed(id seal.Identity, f filed) (c content, err error) {
	raw, err := id.UnsealText(f.Sealed)
	if err != nil {
		return c, err
	}
	if json.Unmarshal([]byte(raw), &c) != nil || c.ID != f.ID || c.Version != f.Version {
		return c, seal.ErrDamaged
	}
	return c, nil
}

// recipient is whom the notice is sealed to: its key is made when it is first
// written, or, of one that was stored in the clear, when it changes next. Asked
// again, as by a commit that starts again, it answers the same.
func (x Sealing) recipient(ctx context.Context, n Notice) (seal.Recipient, error) {
	if n.to != "" {
		return seal.ParseRecipient(n.to)
	}
	if x.Keys == nil {
		return seal.Recipient{}, errors.New("disclosure: this store seals no notices")
	}
	ref := keyRef(n.ID)
	to, err := x.Keys.New(ctx, ref, seal.Party{Label: Label, To: x.Identity.Recipient()}, seal.Party{Label: escrowLabel, To: x.Escrow})
	if errors.Is(err, seal.ErrExists) {
		to, err = x.Keys.Recipient(ctx, ref)
	}
	if err != nil {
		return to, fmt.Errorf("disclosure: the key of %s: %w", n.ID, err)
	}
	return to, nil
}

// readable refuses a step on a notice whose content cannot be read.
func (n Notice) readable() error {
	switch n.Closed {
	case Erased:
		return fault.New(fault.Gone, "disclosure.erased", n.ErasedOn.String())
	case Lost:
		return fault.New(fault.Unavailable, "disclosure.lost")
	}
	return nil
}
