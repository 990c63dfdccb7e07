package batch

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"time"

	"ipcredit/shared/agency"
	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/linkage"
	"ipcredit/shared/objects"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/seal"
	"ipcredit/shared/tipoff"
)

// Desk receives batches and works them off.
type Desk struct {
	store    *Store
	journal  *journal.Journal
	archive  *journal.Archive
	credit   *credit.Store
	agencies *agency.Store
	linkage  *linkage.Store
	laws     credit.Laws
	main     objects.Store
	keys     *seal.Keys
	parties  []seal.Party
	identity seal.Identity
	escrow   seal.Recipient
	units    tipoff.Units
	hashKey  []byte
	now      func() time.Time
	unlogged int64 // how many changes may wait for the public log
}

//go:embed chosen.json
var chosenFile []byte

var chosen = ruleset.ReadChosen(chosenFile)

// Remembered is how long the key of a request names the batch it made. After that
// it makes another.
const Remembered = 24 * time.Hour

// Patience is how long an upload may stand still before Sweep gives it up. As
// long as its key is good for: until then it may be sent on.
const Patience = Remembered

// Sweep gives up the uploads that broke off and were not sent on. Nothing of
// them was read; the batch's key is erased, so that what was sent can never be.
func (w *Desk) Sweep(ctx context.Context) error {
	ids, err := w.store.stale(ctx, w.now().Add(-Patience))
	if err != nil {
		return err
	}
	for _, id := range ids {
		gone, err := w.store.giveUp(ctx, id, w.now())
		if err != nil {
			return err
		}
		if gone {
			if err := w.keys.Erase(ctx, keyRef(id), w.now()); err != nil {
				return fmt.Errorf("batch: key: %w", err)
			}
		}
		// Last: after a crash before this the next sweep does it again.
		if err := w.store.gaveUp(ctx, id, w.now()); err != nil {
			return err
		}
	}
	return nil
}

// Secrets are what the desk opens and hashes with.
type Secrets struct {
	// Identity opens the uploads again; they are sealed to it and to Escrow.
	Identity seal.Identity
	Escrow   seal.Recipient
	// HashKey is the key under which identity numbers are hashed.
	HashKey []byte
	// Units are the parties that names of natural persons among notified
	// applications are sealed to; nil seals them to Identity and Escrow alone.
	Units tipoff.Units
}

// own is the label of the desk's wrap of a batch's key.
const own = "material"

// NewDesk returns the desk of the journal's city.
func NewDesk(j *journal.Journal, buckets *objects.Buckets, laws credit.Laws, s Secrets, now func() time.Time) *Desk {
	return &Desk{
		store: NewStore(j), journal: j, credit: credit.NewStore(j, laws), agencies: agency.NewStore(j), laws: laws,
		archive: journal.NewArchive(buckets.Main, journal.KeepSegments, now),
		main:    buckets.Main, keys: seal.NewKeys(buckets.Keys), identity: s.Identity, hashKey: s.HashKey, now: now,
		unlogged: int64(chosen.N("log.queue")),
		linkage:  linkage.NewStore(j), escrow: s.Escrow, units: s.Units,
		parties: []seal.Party{{Label: own, To: s.Identity.Recipient()}, {Label: "escrow", To: s.Escrow}},
	}
}

// Store reads batches.
func (w *Desk) Store() *Store { return w.store }

// Upload is one piece of a file being sent.
type Upload struct {
	Org     string
	Actor   string
	Request string // the same for all pieces and for a repeated request
	Index   int
	Last    bool
	Body    []byte
	// The first piece says what the file is; with the others these are ignored.
	Kind  string
	Media string // Content-Type of the whole body where it is multipart
	Options
}

// keep is how long the store is asked to lock an upload. Ours to choose: as long
// as records of personal data being provided are kept
// (网络数据安全管理条例 art. 12: three years).
const keep = 3 * 366 * 24 * time.Hour

// Receive stores a piece and returns the batch as it then stands. Sending the
// same piece again changes nothing; another content under the same request is
// refused, until the request has been Remembered for its time. After the last
// piece the batch is queued.
func (w *Desk) Receive(ctx context.Context, u Upload) (Batch, error) {
	if u.Index == 0 {
		if _, err := Schema(u.Kind); err != nil {
			return Batch{}, err
		}
	}
	first := newID(u.Org, u.Actor, u.Request)
	id, b, known, err := w.store.named(ctx, first, u, w.now())
	if err != nil {
		return Batch{}, err
	}
	piece := Piece{Size: int64(len(u.Body)), Mark: w.mark(id, u.Index, u.Body)}
	if same, err := b.again(known, u, piece); same || err != nil {
		return b, err
	}
	if u.Index == 0 && len(bytes.TrimSpace(u.Body)) == 0 && u.Last {
		return Batch{}, fault.New(fault.Invalid, "sheet.empty")
	}
	if b.Size+piece.Size > MaxSize {
		return Batch{}, fault.New(fault.TooLarge, "batch.too_large", MaxSize>>30)
	}
	to, err := w.recipient(ctx, id)
	if err != nil {
		return Batch{}, err
	}
	sealed, err := seal.SealPiece(to, id, u.Index, u.Last, u.Body)
	if err != nil {
		return Batch{}, err
	}
	attr := objects.Attr{Type: "application/age"}
	if known {
		u.Options = b.Options
	}
	if !u.DryRun {
		attr.RetainUntil = w.now().Add(keep)
	}
	// The name is new each time: a piece stored just before a crash stays behind,
	// sealed and locked, and is never taken for this one.
	piece.Object, piece.Sealed = rand.Text(), seal.SumPiece(sealed, len(u.Body)).SHA256
	if _, err := w.main.Create(ctx, pieceName(w.journal.City(), id, piece.Object), sealed, attr); err != nil {
		return Batch{}, fmt.Errorf("batch: storing piece %d: %w", u.Index, err)
	}
	return w.store.receive(ctx, first, id, u, piece, w.now())
}

// again tells whether the batch has the piece already, and refuses one that does
// not belong to it.
func (b Batch) again(known bool, u Upload, p Piece) (bool, error) {
	if !known {
		if u.Index > 0 {
			return false, fault.New(fault.Conflict, "batch.out_of_order")
		}
		return false, nil
	}
	held := u.Index < len(b.Pieces)
	last := b.State != Receiving && u.Index == len(b.Pieces)-1
	if u.Index == 0 && (b.Kind != u.Kind || b.Options != u.Options) ||
		held && (b.Pieces[u.Index].Mark != p.Mark || u.Last != last) {
		return false, fault.New(fault.Refused, "fn.key_reused").With("Idempotency-Key", "fn.key_reused")
	}
	if held {
		return true, nil
	}
	if b.State != Receiving || u.Index > len(b.Pieces) {
		return false, fault.New(fault.Conflict, "batch.out_of_order")
	}
	return false, nil
}

// mark is the keyed hash of a piece.
func (w *Desk) mark(id string, index int, body []byte) string {
	h := hmac.New(sha256.New, w.hashKey)
	fmt.Fprintf(h, "batch piece\x00%s\x00%d\x00", id, index)
	h.Write(body)
	return hex.EncodeToString(h.Sum(nil))
}

// recipient is the public side of the batch's key, made at its first piece.
func (w *Desk) recipient(ctx context.Context, id string) (seal.Recipient, error) {
	to, err := w.keys.New(ctx, keyRef(id), w.parties...)
	if errors.Is(err, seal.ErrExists) {
		to, err = w.keys.Recipient(ctx, keyRef(id))
	}
	if err != nil {
		return seal.Recipient{}, fmt.Errorf("batch: key: %w", err)
	}
	return to, nil
}

// open streams the uploaded file, unsealed, out of its multipart wrapping where
// it has one.
func (w *Desk) open(ctx context.Context, b Batch) (io.Reader, error) {
	identity, err := w.keys.Open(ctx, keyRef(b.ID), own, w.identity)
	if err != nil {
		return nil, fmt.Errorf("batch: key: %w", err)
	}
	r := &pieces{ctx: ctx, desk: w, batch: b, identity: identity}
	if b.Media == "" {
		if len(b.Pieces) == 1 {
			// In memory already, and a spreadsheet is read at random.
			data, err := r.fetch(0)
			if err != nil {
				return nil, err
			}
			return bytes.NewReader(data), nil
		}
		return r, nil
	}
	part, _, err := FilePart(r, b.Media)
	return part, err
}

// pieces reads a batch's sealed pieces one after the other.
type pieces struct {
	ctx      context.Context
	desk     *Desk
	batch    Batch
	identity seal.Identity
	next     int
	have     []byte
}

func (p *pieces) Read(b []byte) (int, error) {
	for len(p.have) == 0 {
		if p.next == len(p.batch.Pieces) {
			return 0, io.EOF
		}
		data, err := p.fetch(p.next)
		if err != nil {
			return 0, err
		}
		p.have = data
		p.next++
	}
	n := copy(b, p.have)
	p.have = p.have[n:]
	return n, nil
}

func (p *pieces) fetch(i int) ([]byte, error) {
	sealed, _, err := p.desk.main.Get(p.ctx, pieceName(p.desk.journal.City(), p.batch.ID, p.batch.Pieces[i].Object))
	if err != nil {
		return nil, fmt.Errorf("batch: reading piece %d: %w", i, err)
	}
	data, err := seal.OpenPiece(p.identity, p.batch.manifest(), i, sealed)
	if err != nil {
		return nil, fmt.Errorf("batch: piece %d: %w", i, err)
	}
	return data, nil
}

// keepFailure seals what a failure quotes from the file and stores it.
func (w *Desk) keepFailure(ctx context.Context, b Batch) error {
	if len(b.Failure.Args) == 0 && len(b.Failure.Fields) == 0 {
		return nil
	}
	to, err := w.keys.Recipient(ctx, keyRef(b.ID))
	if err != nil {
		return fmt.Errorf("batch: key: %w", err)
	}
	data, err := json.Marshal(quoted{b.Failure.Args, b.Failure.Fields})
	if err != nil {
		return fmt.Errorf("batch: encoding failure: %w", err)
	}
	sealed, err := to.Seal(data)
	if err != nil {
		return err
	}
	if _, err := w.main.Put(ctx, failureName(w.journal.City(), b.ID), sealed, objects.Attr{Type: "application/age"}); err != nil {
		return fmt.Errorf("batch: storing failure: %w", err)
	}
	return nil
}

// quoted is what a failure quotes from the file.
type quoted struct {
	Args   []any         `json:"args,omitempty"`
	Fields []fault.Field `json:"fields,omitempty"`
}

// Failure is why the batch's file could not be read, nil where it could. What
// the sentence quotes from the file is unsealed for it.
func (w *Desk) Failure(ctx context.Context, b Batch) (*fault.Error, error) {
	if b.Failure == nil {
		return nil, nil
	}
	f := *b.Failure
	if len(f.Args) > 0 || len(f.Fields) > 0 {
		return f.Fault(), nil // as Work returned it
	}
	sealed, _, err := w.main.Get(ctx, failureName(w.journal.City(), b.ID))
	if errors.Is(err, objects.ErrNotFound) {
		return f.Fault(), nil // the sentence quotes nothing
	}
	if err != nil {
		return nil, fmt.Errorf("batch: reading failure: %w", err)
	}
	identity, err := w.keys.Open(ctx, keyRef(b.ID), own, w.identity)
	if err != nil {
		return nil, fmt.Errorf("batch: key: %w", err)
	}
	data, err := identity.Unseal(sealed)
	if err != nil {
		return nil, fmt.Errorf("batch: reading failure: %w", err)
	}
	var q quoted
	if err := decode(data, &q); err != nil {
		return nil, fmt.Errorf("batch: reading failure: %w", err)
	}
	f.Args, f.Fields = q.Args, q.Fields
	return f.Fault(), nil
}

// maxField is how long a form field before the file may be.
const maxField = 4 << 10

// FilePart finds the file in a multipart/form-data body, and the form fields
// before it, which it returns also where there is no file. The file is the first
// part with a file name.
func FilePart(r io.Reader, media string) (io.Reader, map[string]string, error) {
	kind, params, err := mime.ParseMediaType(media)
	if err != nil || kind != "multipart/form-data" || params["boundary"] == "" {
		return nil, nil, fault.New(fault.WrongType, "batch.media")
	}
	fields := map[string]string{}
	parts := multipart.NewReader(r, params["boundary"])
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil, fields, fault.New(fault.Invalid, "batch.no_file").With("file", "batch.no_file")
		}
		if err != nil {
			return nil, fields, fault.New(fault.Invalid, "batch.media").Because(err)
		}
		if part.FileName() != "" {
			return part, fields, nil
		}
		value, err := io.ReadAll(io.LimitReader(part, maxField))
		if err != nil {
			return nil, fields, fault.New(fault.Invalid, "batch.media").Because(err)
		}
		fields[part.FormName()] = string(value)
	}
}

// context is what a row of a record is read against.
func (w *Desk) context(s *slice) credit.Context {
	return credit.Context{Now: s.at, Key: w.hashKey, BatchID: s.batch, City: w.journal.City()}
}
