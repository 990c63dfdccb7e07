package tipoff

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"ipcredit/shared/notary"
	"ipcredit/shared/workday"
)

// A receipt's proof is a signed note (C2SP signed-note, as sumdb/note writes it)
// by the key of the intake log, of five lines:
//
//	ipcredit tip-off receipt 1
//	<origin of the intake log>
//	<number>
//	<day of receipt in China>
//	sha256:<hex of SHA-256 of salt and document>
//
// The salt is derived from the receipt and the number, so only whoever has the
// receipt can show what was lodged, and nobody can find it by trying. The first
// line keeps a proof from being taken for a checkpoint of the log, and the other
// way round.

// proofMark is the first line; the number is the version.
const proofMark = "ipcredit tip-off receipt 1"

// EventLodged is the event of a receipt's leaf in the intake log.
const EventLodged = "tip-off.lodged"

// ErrProof is returned for a proof that is not of what it is shown for.
var ErrProof = errors.New("tipoff: the proof is of something else")

// Proved is what a proof says.
type Proved struct {
	Origin     string       `json:"origin"`
	Number     string       `json:"reportNo"`
	Day        workday.Date `json:"day"`
	Commitment string       `json:"commitment"`
}

func (p Proved) text() string {
	return strings.Join([]string{proofMark, p.Origin, p.Number, p.Day.String(), p.Commitment}, "\n") + "\n"
}

// Leaf is the entry of the intake log that belongs to the proof.
func (p Proved) Leaf() notary.Leaf {
	return notary.Leaf{V: 1, Event: EventLodged, At: p.Day.String(), Commitment: p.Commitment}
}

// signProof signs what a report's receipt proves; nil without a key.
func signProof(key *notary.Key, r Report) ([]byte, error) {
	if key == nil {
		return nil, nil
	}
	proof, err := key.Sign(Proved{key.Origin(), r.Number, r.Day, r.Commitment}.text())
	if err != nil {
		return nil, fmt.Errorf("tipoff: signing a receipt's proof: %w", err)
	}
	return proof, nil
}

// OpenProof checks the signature of a proof (public are the intake log's public
// keys, one a line) and returns what it says: notary.ErrSignature for another
// signer, ErrProof for a note that is no proof of a receipt.
func OpenProof(proof []byte, public string) (Proved, error) {
	v, err := notary.ParsePublic(public)
	if err != nil {
		return Proved{}, err
	}
	text, err := v.Open(proof)
	if err != nil {
		return Proved{}, err
	}
	lines := strings.Split(text, "\n")
	if len(lines) != 6 || lines[0] != proofMark || lines[1] != v.Origin() {
		return Proved{}, ErrProof
	}
	p := Proved{Origin: lines[1], Number: lines[2], Commitment: lines[4]}
	if p.Day, err = workday.ParseDate(lines[3]); err != nil || p.text() != text {
		return Proved{}, ErrProof
	}
	if n, err := ParseNumber(p.Number); err != nil || n != p.Number {
		return Proved{}, ErrProof
	}
	return p, nil
}

// VerifyProof checks offline that a document was lodged: the proof is signed by
// the intake log's key, and it is of this receipt and this document, to the byte.
// Number and receipt are as typed; an empty number is not compared.
func VerifyProof(proof []byte, public, number, receipt string, document []byte) (Proved, error) {
	p, err := OpenProof(proof, public)
	if err != nil {
		return Proved{}, err
	}
	if number != "" {
		if number, err = ParseNumber(number); err != nil {
			return Proved{}, err
		}
		if number != p.Number {
			return Proved{}, ErrProof
		}
	}
	r, err := parseReceipt(receipt)
	if err != nil {
		return Proved{}, err
	}
	if !notary.Opens(p.Commitment, r.salt(p.Number), document) {
		return Proved{}, ErrProof
	}
	return p, nil
}

// VerifyInclusion checks offline that the leaf of a proof is in the intake log: a
// .tlog-proof file, as the follow-up page gives it once the next checkpoint is
// out.
func (p Proved) VerifyInclusion(inclusion []byte, public string) (notary.Checkpoint, error) {
	v, err := notary.ParsePublic(public)
	if err != nil {
		return notary.Checkpoint{}, err
	}
	proof, err := notary.ParseProof(inclusion)
	if err != nil {
		return notary.Checkpoint{}, err
	}
	entry, err := p.Leaf().Entry()
	if err != nil {
		return notary.Checkpoint{}, err
	}
	return proof.Verify(entry, v)
}

// canonical is JSON after RFC 8785: members sorted, no space, nothing escaped
// that need not be. Text holds no character that Go would write differently
// (Check), and there are no numbers but whole ones.
func canonical(v any) ([]byte, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("tipoff: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var tree any
	if err := d.Decode(&tree); err != nil {
		return nil, fmt.Errorf("tipoff: %w", err)
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(tree); err != nil {
		return nil, fmt.Errorf("tipoff: %w", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// document is the canonical JSON of what was lodged, without the reporter: who
// he is stays with him even when he shows his proof.
func document(l Lodged) ([]byte, error) {
	l.Reporter = nil
	return canonical(l)
}
