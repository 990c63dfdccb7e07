package credit

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"ipcredit/shared/notary"
	"ipcredit/shared/subject"
	"ipcredit/shared/workday"
)

// Each commit that changes a profile which says anything (a record, shown or
// not, or a grade) queues one leaf in the public log. The leaf commits to a
// document which never has to be taken back: it holds no record, only a
// commitment to each, among others that are to nothing. Whoever is shown a
// record is given what opens its commitment; of one that is not due yet, that
// has ended or was repaired nobody is given anything, and nobody can tell that
// it is there. So one leaf serves from one change to the next, while records
// come and go by their days.

// Log is where a profile stands in the public log.
type Log struct {
	Index int64 `json:"index"`
	// URL is that of the entry's proof.
	URL string `json:"url"`
}

// proofPath is where disclosure-publish answers with the proof of an entry:
// path, index and "/proof".
const proofPath = "/function/disclosure-publish/log/"

// event is the leaf's event.
const event = "profile"

// logged is what a profile keeps of its newest leaf.
type logged struct {
	// N counts the profile's leaves; the newest has the highest.
	N int64 `json:"n"`
	// At is the leaf's instant, to the minute.
	At time.Time `json:"at"`
	// Secret is what all salts of this leaf are made of. It is never told.
	Secret []byte `json:"s"`
	// V is the form of what the leaf commits to; of old leaves none, which is 1.
	V int `json:"v,omitempty"`
}

const secretSize = 16

// decoys: a document has at least this many commitments, and always a power of
// two, whatever the number of its records.
const fewestCommitments = 4

// document is the document of a leaf.
type document struct {
	V       int      `json:"v"`
	Code    string   `json:"code"`
	Name    string   `json:"name"`
	Grade   *Grade   `json:"grade"`
	Records []string `json:"records"` // commitments, sorted
}

// recordV1 is what a commitment to a record binds: what its legal document says,
// and nothing that time or a change of law moves. Old leaves have it alone.
type recordV1 struct {
	ID           string       `json:"id"`
	Code         string       `json:"code"`
	Act          string       `json:"act"`
	Tier         Tier         `json:"tier"`
	InstrumentNo string       `json:"instrumentNo"`
	Authority    string       `json:"authority"`
	Source       Source       `json:"source"`
	DeterminedOn workday.Date `json:"determinedOn"`
}

// recordV2 binds also what happened to the record: see Deed.
type recordV2 struct {
	recordV1
	Disputed bool   `json:"disputed"`
	Events   []Deed `json:"events"`
}

// boundNow is the form of the leaves that are made now.
const boundNow = 2

// known tells whether this program knows the form of the leaf. Functions are deployed
// in any order: one that is older than who made the leaf gives no proof rather
// than one that proves nothing, until it is deployed as well. Its answers stand: the
// log is beside them.
func (l logged) known() bool { return l.V <= boundNow }

// Opening is what opens one commitment: Commit(salt, document) is that of the
// leaf, or one of the document's records.
type Opening struct {
	ID       string `json:"id,omitempty"` // of the record
	Salt     []byte `json:"salt"`
	Document string `json:"document"`
}

// Evidence lets anybody check, without this system, that an answer stands in the
// public log: Leaf's canonical JSON is the entry that Proof proves, and so does
// the one at URL, against a newer checkpoint; Opening opens its commitment; each
// shown record has an opening of one of the commitments in that document.
type Evidence struct {
	Log
	Leaf    notary.Leaf `json:"leaf"`
	Opening             // of the leaf
	Records []Opening   `json:"records"`
	// Proof is the text of a .tlog-proof (C2SP tlog-proof).
	Proof string `json:"proof"`
}

// salt makes the salt for one purpose out of the secret.
func (l logged) salt(purpose string) []byte {
	h := sha256.New()
	h.Write(l.Secret)
	h.Write([]byte(purpose))
	return h.Sum(nil)
}

// opening of the commitment to a record.
func (l logged) opening(code string, r Record) Opening {
	if r.From != "" {
		code = r.From
	}
	v1 := recordV1{r.ID, code, r.Act, r.Tier, r.InstrumentNo, r.Authority, r.Source, r.DeterminedOn}
	var bound any = v1
	if l.V >= 2 {
		bound = recordV2{v1, r.Disputed, r.deeds()}
	}
	data, err := json.Marshal(bound)
	if err != nil {
		panic("credit: a record is always JSON: " + err.Error())
	}
	return Opening{ID: r.ID, Salt: l.salt("record " + r.ID), Document: string(data)}
}

// document is the opening of the leaf of a profile.
func (l logged) document(p Profile) Opening {
	n := fewestCommitments
	for n < len(p.Records) {
		n *= 2
	}
	list := make([]string, 0, n)
	for _, r := range p.Records {
		o := l.opening(p.Subject.Code, r)
		list = append(list, notary.Commit(o.Salt, []byte(o.Document)))
	}
	for i := len(list); i < n; i++ {
		list = append(list, "sha256:"+hex.EncodeToString(l.salt("nothing "+strconv.Itoa(i))))
	}
	slices.Sort(list)
	data, err := json.Marshal(document{max(l.V, 1), p.Subject.Code, p.Subject.Name, p.Grade, list})
	if err != nil {
		panic("credit: a document is always JSON: " + err.Error())
	}
	return Opening{Salt: l.salt(event), Document: string(data)}
}

// leaf is the profile's newest leaf.
func (l logged) leaf(p Profile) notary.Leaf {
	o := l.document(p)
	return notary.Leaf{V: 1, Event: event, At: l.At.Format(time.RFC3339), Commitment: notary.Commit(o.Salt, []byte(o.Document))}
}

// id names the profile's newest leaf; the ids of one profile sort by age.
func (l logged) id(code string) string { return fmt.Sprintf("%s/%s/%012d", event, code, l.N) }

// says tells whether there is anything to log about the profile. Natural persons
// have no public answer, and nothing about them is logged.
func (p Profile) says(kind string) bool {
	return kind != subject.Person && (len(p.Records) > 0 || p.Grade != nil || p.logged != nil)
}

// renew gives the profile a new leaf. seed is the commit's, so that a commit
// that is tried again queues the same.
func (p *Profile) renew(seed []byte, at time.Time) {
	next := logged{N: 1, V: boundNow, At: at.UTC().Truncate(time.Minute)}
	if p.logged != nil {
		next.N = p.logged.N + 1
		// The log takes leaves by time, and the clocks of two functions differ.
		if next.At.Before(p.logged.At) {
			next.At = p.logged.At
		}
	}
	h := sha256.New()
	h.Write(seed)
	h.Write([]byte(p.Subject.Code))
	next.Secret = h.Sum(nil)[:secretSize]
	p.logged = &next
}

func newSeed() []byte {
	seed := make([]byte, 32)
	_, _ = rand.Read(seed) // never fails
	return seed
}

func (s *Store) logKey(code string) string { return s.journal.Key("credit", "log", code) }

// entryText is an entry of the log as an answer holds it.
type entryText struct{ json, tag string }

// entry makes the text from the index as it is stored; nothing or nonsense makes
// none.
func (s *Store) entry(index string) entryText {
	if index == "" || len(index) > 19 {
		return entryText{}
	}
	for i := range len(index) {
		if index[i] < '0' || index[i] > '9' {
			return entryText{}
		}
	}
	return entryText{
		json: `{"index":` + index + `,"url":` + s.proofs + index + `/proof"}`,
		tag:  "." + index + s.proofsTag,
	}
}

// Public returns a store whose answers name proofs in the log under the address
// at which the city is reached. Without it the addresses have no host.
func (s *Store) Public(url string) *Store {
	public := *s
	quoted, err := json.Marshal(url + proofPath)
	if err != nil {
		panic("credit: an address is always JSON: " + err.Error())
	}
	public.proofs = string(quoted[:len(quoted)-1])
	sum := sha256.Sum256(quoted)
	public.proofsTag = "." + base64.RawURLEncoding.EncodeToString(sum[:3])
	return &public
}

func (s *Store) logOf(index string) *Log {
	e := s.entry(index)
	if e.json == "" {
		return nil
	}
	l := new(Log)
	if json.Unmarshal([]byte(e.json), l) != nil {
		return nil
	}
	return l
}

// Unlogged is how many changes wait for their entries in the public log, all of
// the city's together.
func (s *Store) Unlogged(ctx context.Context) (int64, error) { return s.log.Waiting(ctx) }

// Evidence is what proves the profile's answer at the instant in the public log.
// It is nil while the newest change waits for its entry or the entry for its
// proof, which follows within one run of the sequencer, and where the answer
// shows no log.
func (s *Store) Evidence(ctx context.Context, p Profile, at time.Time) (*Evidence, error) {
	law, err := s.laws.Current(ctx)
	if err != nil {
		return nil, err
	}
	a := p.Answer(law, at)
	if a.Log == nil {
		return nil, nil
	}
	return s.evidence(ctx, p, func(r Record) bool {
		return slices.ContainsFunc(a.Records, func(x Shown) bool { return x.ID == r.ID })
	})
}

// evidence proves the profile, with what opens those of its records that opens says.
func (s *Store) evidence(ctx context.Context, p Profile, opens func(Record) bool) (*Evidence, error) {
	if p.logged == nil || p.Log == nil || !p.logged.known() {
		return nil, nil
	}
	leaf := p.logged.leaf(p)
	waiting, err := s.log.Waits(ctx, p.logged.id(p.Subject.Code), leaf, s.logKey(p.Subject.Code))
	if err != nil || waiting {
		return nil, err
	}
	// The leaf is in the log, and its index was written when it came there; but
	// the profile may have been read before. Read together, and still at the same
	// leaf, profile and index belong together.
	now, err := s.Load(ctx, p.Subject.Code)
	if err != nil {
		return nil, err
	}
	if now.logged == nil || now.logged.N != p.logged.N || !now.logged.known() || now.Log == nil {
		return nil, nil
	}
	e := &Evidence{Log: *now.Log, Leaf: leaf, Opening: p.logged.document(p)}
	for _, r := range p.Records {
		if opens(r) {
			e.Records = append(e.Records, p.logged.opening(p.Subject.Code, r))
		}
	}
	entry, err := leaf.Entry()
	if err != nil {
		return nil, fmt.Errorf("credit: %w", err)
	}
	proof, err := s.log.MirroredProof(ctx, e.Index, entry)
	if errors.Is(err, notary.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("credit: %w", err)
	}
	e.Proof = string(proof)
	return e, nil
}
