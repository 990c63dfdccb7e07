package tipoff

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"ipcredit/shared/evidence"
	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/notary"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/seal"
	"ipcredit/shared/workday"
)

// IntakeConfig is what an Intake works with. None of it opens a tip-off.
type IntakeConfig struct {
	Units     Units          // secret unit-recipients, see ParseUnits
	Escrow    seal.Recipient // secret escrow-recipient
	Custodian seal.Recipient // secret custodian-recipient
	MAC       []byte         // secret intake-mac, at least 32 bytes
	// Receipts is the intake log's key, secret receipt-signing: it signs receipts'
	// proofs (Proved). nil gives none.
	Receipts *notary.Key
	// Log is the notary's log notary.Intake, for the leaf of each receipt; nil
	// queues none. Its index is Log.Index(ctx, number).
	Log *notary.Log
	// Evidence keeps the boxes; nil where nothing is handed in with a tip-off.
	Evidence *evidence.Store
	Rules    Rules
}

// Intake takes in tip-offs and shows reporters their own. It is safe for
// concurrent use.
type Intake struct {
	lodger
	gate     *Gate
	mac      []byte
	receipts *notary.Key
}

// lodger seals and lodges, for both halves.
type lodger struct {
	store     store
	keys      *seal.Keys
	units     Units
	escrow    seal.Recipient
	custodian seal.Recipient
	log       *notary.Log
	evidence  *evidence.Store
}

// minMAC is the least an intake-mac may have, in bytes.
const minMAC = 32

func (l lodger) check() error {
	switch {
	case len(l.escrow.Keys()) == 0:
		return errors.New("tipoff: no escrow recipient")
	case len(l.custodian.Keys()) == 0:
		return errors.New("tipoff: no custodian recipient")
	case len(l.units[l.store.j.City()].Keys()) == 0:
		return fmt.Errorf("tipoff: no unit recipient %s: the city's unit handles what no other does", l.store.j.City())
	}
	return nil
}

// NewIntake checks the configuration: every key there, the city's own unit among
// Units, MAC long enough.
func NewIntake(j *journal.Journal, keys *seal.Keys, c IntakeConfig) (*Intake, error) {
	i := &Intake{
		lodger: lodger{
			store: newStore(j, c.Rules), keys: keys, units: c.Units, escrow: c.Escrow,
			custodian: c.Custodian, log: c.Log, evidence: c.Evidence,
		},
		gate: &Gate{newStore(j, c.Rules)}, mac: c.MAC, receipts: c.Receipts,
	}
	if len(c.MAC) < minMAC {
		return nil, fmt.Errorf("tipoff: intake-mac of %d bytes, at least %d are needed", len(c.MAC), minMAC)
	}
	return i, i.check()
}

// Submission is a tip-off about to be lodged.
type Submission struct {
	// Key is the idempotency key: at least 128 random bits (see CheckKey). The same
	// key always gives the same number and receipt, and no other way leads to them.
	Key    string
	Lodged Lodged
	// Boxes are those that the draft's evidence went to, with their private keys.
	// The commit binds them to the tip-off (evidence.Store.Rebind): what was being
	// uploaded goes on until their end.
	Boxes []Box
	// Token, from evidence.NewToken, opens a box for later evidence in the same
	// commit, sealed to the tip-off's own key; empty opens none. A replay opens one
	// too, so that the endpoint in its answer works.
	Token string
	// Return is evidence.BoxSpec.Return of that box.
	Return string
}

// Lodging is what the reporter is given, once.
type Lodging struct {
	Number  string `json:"reportNo"` // twelve digits; FormatNumber writes it in groups
	Receipt string `json:"receipt"`  // in groups; shown once, stored nowhere
	// Proof is the signed note (see Proved); nil without Receipts.
	Proof []byte `json:"-"`
	// Document is the canonical JSON the proof is of: what was lodged, without the
	// reporter. Give it to him to keep.
	Document []byte `json:"-"`
	// Due is the clock of the check.
	Due      Clock     `json:"-"`
	Warnings []Warning `json:"-"`
	// Replayed says that the key had lodged the same before.
	Replayed bool `json:"-"`
	// To is the tip-off's public key: later evidence is sealed to it.
	To seal.Recipient `json:"-"`
	// Report is what stands in the clear.
	Report Report `json:"-"`
}

// String shows nothing of the receipt.
func (l Lodging) String() string { return "[tip-off " + l.Number + "]" }

// GoString shows nothing of the receipt.
func (l Lodging) GoString() string { return l.String() }

// Lodge checks, seals and lodges in one commit on keys of the report alone. When
// it returns nil the tip-off is durable. The same key and body return the same
// number and receipt (Replayed); the same key with another body is a fault of
// kind Refused, code "tipoff.key.reused"; a tip-off erased meanwhile one of kind
// Gone. Faults name fields as Check does.
func (i *Intake) Lodge(ctx context.Context, s Submission, now time.Time) (Lodging, error) {
	if err := CheckKey(s.Key); err != nil {
		return Lodging{}, err
	}
	today := workday.DateOf(now)
	l, warnings, err := Check(s.Lodged, i.store.rules, today)
	if err != nil {
		return Lodging{}, err
	}
	out, err := i.lodge(ctx, filing{
		mac: i.mac, key: s.Key, lodged: l, channel: Web, day: today, actor: "reporter", boxes: s.Boxes, token: s.Token, back: s.Return,
		// The journal knows the day, as the report does, and not the instant.
		at: today.Start(),
	}, now)
	if err != nil {
		return Lodging{}, err
	}
	out.Warnings = warnings
	out.Proof, err = signProof(i.receipts, out.Report)
	return out, err
}

// filing is a checked tip-off on its way in.
type filing struct {
	mac      []byte // what number and receipt are made with
	key      string
	lodged   Lodged
	channel  Channel
	original string
	day      workday.Date
	actor    string
	by       string // the officer, "" for a reporter
	boxes    []Box
	token    string
	back     string    // where people go back to from the upload page
	at       time.Time // of the journal's entry
	rules    Rules     // in force
}

// attempts bounds how many numbers of others a key may meet. Of a million
// tip-offs one in ninety thousand meets one.
const attempts = 16

func (l lodger) lodge(ctx context.Context, f filing, now time.Time) (Lodging, error) {
	doc, err := document(f.lodged)
	if err != nil {
		return Lodging{}, err
	}
	whole := f.lodged
	body, err := canonical(struct {
		Lodged   Lodged
		Channel  Channel
		Original string
	}{whole, f.channel, f.original})
	if err != nil {
		return Lodging{}, err
	}
	// Once for the commit and for what the reporter is told of it.
	if f.rules, err = l.store.law(ctx); err != nil {
		return Lodging{}, err
	}
	secret := deriveReceipt(f.mac, f.key)
	for attempt := range attempts {
		number := deriveNumber(f.mac, f.key, attempt)
		taken, err := l.store.receipt(ctx, number)
		if err != nil {
			return Lodging{}, err
		}
		var r Report
		if taken == "" {
			if r, taken, err = l.file(ctx, f, number, secret, doc, body, now); err != nil {
				return Lodging{}, err
			}
		}
		switch {
		case taken == "":
			return l.lodging(f, r, secret, doc)
		case secret.fits(number, taken):
			return l.again(ctx, f, number, secret, taken, doc, body)
		}
		// Somebody else's number: the next one, the same for a replay.
	}
	return Lodging{}, errors.New("tipoff: no number is free")
}

// lodging is what the reporter is given of a report.
func (l lodger) lodging(f filing, r Report, secret receipt, doc []byte) (Lodging, error) {
	to, err := seal.ParseRecipient(r.To)
	if err != nil {
		return Lodging{}, err
	}
	clocks, err := r.Clocks(f.rules, f.day)
	if err != nil {
		return Lodging{}, err
	}
	return Lodging{Number: r.Number, Receipt: secret.text(), Document: doc, Due: clocks[0], To: to, Report: r}, nil
}

// again answers a key that has lodged before.
func (l lodger) again(ctx context.Context, f filing, number string, secret receipt, stored string, doc, body []byte) (Lodging, error) {
	r, known, err := l.store.report(ctx, number)
	switch {
	case err != nil:
		return Lodging{}, err
	case !known:
		return Lodging{}, fmt.Errorf("tipoff: report %s has a receipt and is not there", number)
	case r.State == Erased:
		return Lodging{}, fault.New(fault.Gone, "tipoff.erased", r.ErasedOn.String())
	case !secret.sameBody(number, stored, body):
		return Lodging{}, fault.New(fault.Refused, "tipoff.key.reused").With("Idempotency-Key", "tipoff.key.reused")
	}
	out, err := l.lodging(f, r, secret, doc)
	if err != nil {
		return Lodging{}, err
	}
	out.Replayed = true
	if f.token != "" && l.evidence != nil {
		entry := journal.Entry{Actor: f.actor, Action: "tipoff.box", Ref: Ref(number), At: f.at}
		err = l.store.j.Commit(ctx, entry, nil, func(tx *journal.Tx) error { return l.laterBox(tx, f, r, out.To) })
	}
	return out, err
}

// file seals a tip-off and writes it; taken is not empty where its number was
// taken meanwhile.
func (l lodger) file(ctx context.Context, f filing, number string, secret receipt, doc, body []byte, now time.Time) (r Report, taken string, err error) {
	division, unit, err := Route(f.lodged, l.units, l.store.rules, l.store.j.City(), f.day)
	if err != nil {
		return r, "", err
	}
	reader, err := secret.identity(number)
	if err != nil {
		return r, "", err
	}
	// Made at the same moment, the two keys share one write.
	var made person
	var making errgroup.Group
	if f.lodged.Reporter != nil {
		making.Go(func() (err error) {
			made, err = l.person(ctx, *f.lodged.Reporter)
			return err
		})
	}
	ref, to, err := l.keys.Add(ctx,
		seal.Party{Label: UnitLabel(unit), To: l.units[unit]},
		seal.Party{Label: EscrowLabel, To: l.escrow},
		seal.Party{Label: receiptLabel, To: reader.Recipient()})
	if err := errors.Join(err, making.Wait()); err != nil {
		return r, "", fmt.Errorf("tipoff: %w", err)
	}
	text, size, err := sealedSize(to, content{
		Version: contentVersion, Document: string(doc), Channel: f.channel, Original: f.original,
		At: now.UTC().Truncate(time.Second), Boxes: f.boxes, Reporter: made.sealed, By: f.by,
	})
	if err != nil {
		return r, "", fmt.Errorf("tipoff: %w", err)
	}
	named := f.lodged.Reporter != nil
	r = Report{
		Number: number, Division: division, Unit: unit, Kind: f.lodged.Kind, Day: f.day, Size: size,
		State: Received, Named: named, Identity: named, Person: made.ref, Key: ref, To: to.String(),
		Commitment: notary.Commit(secret.salt(number), doc),
		Events:     []Event{{On: f.day, What: string(Received), By: f.by}},
	}
	entry := journal.Entry{Actor: f.actor, Action: "tipoff.lodge", Ref: Ref(number), At: f.at}
	if k, ok := l.store.rules.Set.For("tipoff-check", f.day); ok {
		entry.Rule = k.Ref()
	}
	taken, err = l.store.lodge(ctx, entry, r, secret.stored(number, body), text, f.rules, func(tx *journal.Tx) error {
		if l.log != nil {
			p := Proved{Number: number, Day: r.Day, Commitment: r.Commitment}
			if err := l.log.Queue(tx, number, p.Leaf(), ""); err != nil {
				return fmt.Errorf("tipoff: %w", err)
			}
		}
		if l.evidence == nil {
			return nil
		}
		for _, b := range f.boxes {
			if err := l.evidence.Rebind(ctx, tx, b.ID, Ref(number), time.Time{}); err != nil {
				return err
			}
		}
		return l.laterBox(tx, f, r, to)
	})
	return r, taken, err
}

// person is an identity as it is sealed: the reference of its key and the text.
type person struct{ ref, sealed string }

// person seals an identity to a key of its own, wrapped to the custodian and to
// the escrow. So the custodian's key is changed, or replaced where it was lost,
// under keys/ alone; what is sealed, and stands in the locked journal, stays as it
// is and dies with this key as well as with the tip-off's.
func (l lodger) person(ctx context.Context, who Reporter) (person, error) {
	return newPerson(ctx, l.keys, l.custodian, l.escrow, who)
}

func newPerson(ctx context.Context, keys *seal.Keys, custodian, escrow seal.Recipient, who Reporter) (person, error) {
	ref, to, err := keys.Add(ctx,
		seal.Party{Label: CustodianLabel, To: custodian}, seal.Party{Label: EscrowLabel, To: escrow})
	if err != nil {
		return person{}, fmt.Errorf("tipoff: %w", err)
	}
	text, err := sealReporter(to, who)
	return person{ref, text}, err
}

// laterBox opens the box for evidence that comes later.
func (l lodger) laterBox(tx *journal.Tx, f filing, r Report, to seal.Recipient) error {
	if f.token == "" || l.evidence == nil {
		return nil
	}
	_, terms, err := ruleset.Of[laterTerms](l.store.rules.Set, "tipoff-later", f.day)
	if err != nil {
		return err
	}
	until := l.store.rules.Calendar.Last(f.day, terms.Open, workday.None)
	_, err = l.evidence.AddBox(tx, f.token, evidence.BoxSpec{
		For: Ref(r.Number), To: to, Key: r.Key, Until: until.End(), By: f.actor, Return: f.back,
	})
	return err
}

// Claim names whoever shows a receipt. Number and receipt are as typed; Network
// is a keyed tag of the caller's network (never an address) that wrong tries are
// limited by, together with the number; empty is not limited.
type Claim struct {
	Number, Receipt, Network string
}

// String shows nothing of the receipt.
func (c Claim) String() string { return "[claim]" }

// GoString shows nothing of the receipt.
func (c Claim) GoString() string { return "[claim]" }

// Gate tells whether a receipt fits, with no secret at all: for evidence-upload.
type Gate struct{ store store }

// NewGate returns the gate of the journal's city.
func NewGate(j *journal.Journal) *Gate { return &Gate{newStore(j, Rules{})} }

// Admit returns what evidence for this tip-off is sealed to; faults as Track, and
// of kind Gone once it is erased.
func (g *Gate) Admit(ctx context.Context, c Claim, now time.Time) (Report, seal.Recipient, error) {
	r, _, err := g.admit(ctx, c, now)
	if err != nil {
		return Report{}, seal.Recipient{}, err
	}
	if r.State == Erased {
		return Report{}, seal.Recipient{}, fault.New(fault.Gone, "tipoff.erased", r.ErasedOn.String())
	}
	to, err := seal.ParseRecipient(r.To)
	return r.public(), to, err
}

// admit finds the report of a claim. What does not exist and what does not fit
// cost the same: one read of one key, one derivation, one comparison. Tries are
// limited for wrong receipts alone: nobody finds a right one by trying, and
// whoever knows a number must not be able to keep its reporter out.
func (g *Gate) admit(ctx context.Context, c Claim, now time.Time) (Report, receipt, error) {
	number, err := ParseNumber(c.Number)
	secret, receiptErr := parseReceipt(c.Receipt)
	if err != nil || receiptErr != nil {
		return Report{}, receipt{}, bothFields(err, receiptErr)
	}
	stored, err := g.store.receipt(ctx, number)
	if err != nil {
		return Report{}, receipt{}, err
	}
	if !secret.fits(number, stored) {
		if err := g.store.try(ctx, number, c.Network, now); err != nil {
			return Report{}, receipt{}, err
		}
		return Report{}, receipt{}, unknown()
	}
	r, known, err := g.store.report(ctx, number)
	if err == nil && !known {
		err = fmt.Errorf("tipoff: report %s has a receipt and is not there", number)
	}
	return r, secret, err
}

// bothFields is one fault for a number and a receipt that cannot be.
func bothFields(errs ...error) error {
	var out *fault.Error
	for _, err := range errs {
		f, ok := fault.Of(err)
		switch {
		case err == nil:
		case !ok:
			return err
		case out == nil:
			out = f
		default:
			out.Fields = append(out.Fields, f.Fields...)
		}
	}
	return out
}
