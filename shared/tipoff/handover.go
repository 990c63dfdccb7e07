package tipoff

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/journal"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// Registration is a tip-off an officer writes down (staff.TipoffIntake).
type Registration struct {
	// Key is the form's ticket, as in Submission; a hand-over has none: channel and
	// original number stand for it.
	Key        string
	Lodged     Lodged
	Channel    Channel // not Web
	OriginalNo string  // the other system's, or the letter's; needed of a hand-over
	// ReceivedOn is the day it reached the bureau; none means today.
	ReceivedOn workday.Date
	Boxes      []Box
	Token      string // as in Submission
	Return     string
}

// HandedIn tells whether what came this way was handed over by another system.
func (c Channel) HandedIn() bool { return c == Hotline || c == CityLine }

const (
	// originalLength is the longest number of another system. Ours to choose.
	originalLength = 64
	// receivedDays is how far back something may have been received that is only
	// written down now. Ours to choose: more is a wrong date.
	receivedDays = 366
)

// Register lodges what came by telephone, letter, counter or hand-over, sealed
// alike; the receipt is for the officer to print. The same form sent twice, and
// the same number handed over twice, is one tip-off (Replayed). Proof is nil here:
// report-intake shows it to whoever has the receipt.
func (o *Office) Register(ctx context.Context, a staff.Actor, r Registration, now time.Time) (Lodging, error) {
	if len(a.Units(staff.TipoffIntake, now)) == 0 {
		return Lodging{}, fault.New(fault.Forbidden, "staff.can.role")
	}
	today := workday.DateOf(now)
	l, warnings, err := Check(r.Lodged, o.store.rules, today)
	if err != nil {
		return Lodging{}, err
	}
	refused := fault.New(fault.Invalid, "tipoff.form")
	if r.Channel == Web || !slices.Contains(Channels(), r.Channel) {
		refused.With("channel", "tipoff.channel")
	}
	original, err := ident.Clean(r.OriginalNo)
	if f, ok := fault.Of(err); ok {
		refused.With("originalNo", f.Code, f.Args...)
	} else if utf8.RuneCountInString(original) > originalLength {
		refused.With("originalNo", "tipoff.long", originalLength, utf8.RuneCountInString(original))
	}
	key := r.Key
	if r.Channel.HandedIn() {
		if original == "" {
			refused.With("originalNo", "tipoff.original.none")
		}
		key = "hand-over " + string(r.Channel) + " " + original
	} else if err := CheckKey(key); err != nil {
		return Lodging{}, err
	}
	day := today
	if !r.ReceivedOn.IsZero() {
		day = r.ReceivedOn
	}
	switch {
	case day.After(today):
		refused.With("receivedOn", "tipoff.received.future")
	case day.DaysUntil(today) > receivedDays:
		refused.With("receivedOn", "tipoff.received.early", receivedDays)
	}
	if len(refused.Fields) > 0 {
		return Lodging{}, refused
	}
	mac, err := o.registerMAC(ctx)
	if err != nil {
		return Lodging{}, err
	}
	out, err := o.lodge(ctx, filing{
		mac: mac, key: key, lodged: l, channel: r.Channel, original: original, day: day, actor: a.User.ID, by: a.User.ID,
		boxes: r.Boxes, token: r.Token, back: r.Return, at: now,
	}, now)
	out.Warnings = warnings
	return out, err
}

// registerRef is the reference, in seal.Keys, of the key that makes numbers and
// receipts of what officers register. It is wrapped to the city's unit and to the
// escrow key and rotates with them, so that a number handed over twice is known
// for as long as anything is.
const registerRef = "tipoff:register"

// registry remembers what registerMAC found.
type registry struct {
	mu  sync.Mutex
	mac []byte
}

func (o *Office) registerMAC(ctx context.Context) ([]byte, error) {
	o.registry.mu.Lock()
	defer o.registry.mu.Unlock()
	if o.registry.mac != nil {
		return o.registry.mac, nil
	}
	city := o.store.j.City()
	id, ok := o.identities[city]
	if !ok {
		return nil, fault.New(fault.Unavailable, "tipoff.no_key", city).After(time.Hour)
	}
	key, err := o.keys.Open(ctx, registerRef, UnitLabel(city), id)
	if errors.Is(err, seal.ErrNoKey) {
		_, err = o.keys.New(ctx, registerRef,
			seal.Party{Label: UnitLabel(city), To: o.units[city]}, seal.Party{Label: EscrowLabel, To: o.escrow})
		if err == nil || errors.Is(err, seal.ErrExists) {
			key, err = o.keys.Open(ctx, registerRef, UnitLabel(city), id)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("tipoff: %w", err)
	}
	o.registry.mac, err = hkdf.Key(sha256.New, []byte(key.Reveal()), nil, "ipcredit register 1", minMAC)
	return o.registry.mac, err
}

// Handover is what other tip-off systems are given and give (12315, 12345): these
// fields and no others. It names no reporter.
type Handover struct {
	To         Channel      `json:"to,omitzero"`
	Channel    Channel      `json:"channel"` // the way it came in first
	OriginalNo string       `json:"originalNo,omitzero"`
	ReportNo   string       `json:"reportNo,omitzero"`
	Kind       Kind         `json:"kind"`
	Parties    []Party      `json:"parties"`
	OccurredOn workday.Date `json:"occurredOn,omitzero"`
	Place      string       `json:"place,omitzero"`
	Numbers    []string     `json:"numbers,omitempty"`
	Summary    string       `json:"summary"`
	ReceivedOn workday.Date `json:"receivedOn"`
	State      State        `json:"state,omitzero"`
}

// Registration makes of an incoming hand-over what Register takes: the summary is
// the narrative. The time limits run from the day it reaches this bureau, not the
// other. Without a reporter it is anonymous to us.
func (h Handover) Registration(reporter *Reporter) Registration {
	if !h.Kind.Valid() {
		h.Kind = Unclear
	}
	return Registration{
		Channel: h.Channel, OriginalNo: h.OriginalNo,
		Lodged: Lodged{
			Kind: h.Kind, Parties: h.Parties, Narrative: h.Summary, Anonymous: reporter == nil, Reporter: reporter,
			OccurredOn: h.OccurredOn, Place: h.Place, Numbers: h.Numbers,
		},
	}
}

// Export makes the hand-over of a tip-off to another system (staff.TipoffHandle):
// whitelisted fields and the officer's own summary, never the narrative or the
// reporter. It is in the journal.
func (o *Office) Export(ctx context.Context, a staff.Actor, number, summary string, to Channel, now time.Time) (Handover, error) {
	if !to.HandedIn() {
		return Handover{}, fault.New(fault.Invalid, "tipoff.form").With("to", "tipoff.channel")
	}
	summary, err := CheckMessage("summary", summary, o.store.rules, workday.DateOf(now))
	if err != nil {
		return Handover{}, err
	}
	f, err := o.enter(ctx, a, staff.TipoffHandle, number, now)
	if err != nil {
		return Handover{}, err
	}
	r, err := o.commit(ctx, a, f, work{name: "tipoff.hand_over", act: func(_ *journal.Tx, r *Report, today workday.Date) error {
		r.happen(HandedOver, today, a.User.ID)
		return nil
	}}, now)
	if err != nil {
		return Handover{}, err
	}
	return Handover{
		To: to, Channel: f.inside.Channel, OriginalNo: f.inside.Original, ReportNo: r.Number, Kind: r.Kind,
		Parties: f.lodged.Parties, OccurredOn: f.lodged.OccurredOn, Place: f.lodged.Place, Numbers: f.lodged.Numbers,
		Summary: summary, ReceivedOn: r.Day, State: r.public().State,
	}, nil
}
