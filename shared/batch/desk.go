package batch

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
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
	"ipcredit/shared/objects"
	"ipcredit/shared/seal"
)

// Desk receives batches and works them off.
type Desk struct {
	store    *Store
	journal  *journal.Journal
	credit   *credit.Store
	agencies *agency.Store
	law      *credit.Law
	main     objects.Store
	keys     *seal.Keys
	parties  []seal.Party
	identity seal.Identity
	hashKey  []byte
	now      func() time.Time
}

// Secrets are what the desk opens and hashes with.
type Secrets struct {
	// Identity opens the uploads again; they are sealed to it and to Escrow.
	Identity seal.Identity
	Escrow   seal.Recipient
	// HashKey is the key under which identity numbers are hashed.
	HashKey []byte
}

// own is the label of the desk's wrap of a batch's key.
const own = "material"

// NewDesk returns the desk of the journal's city.
func NewDesk(j *journal.Journal, buckets *objects.Buckets, law *credit.Law, s Secrets, now func() time.Time) *Desk {
	return &Desk{
		store: NewStore(j), journal: j, credit: credit.NewStore(j, law), agencies: agency.NewStore(j), law: law,
		main: buckets.Main, keys: seal.NewKeys(buckets.Keys), identity: s.Identity, hashKey: s.HashKey, now: now,
		parties: []seal.Party{{Label: own, To: s.Identity.Recipient()}, {Label: "escrow", To: s.Escrow}},
	}
}

// Store reads batches.
func (w *Desk) Store() *Store { return w.store }

// Upload is one piece of a file being sent.
type Upload struct {
	Kind    string
	Org     string
	Actor   string
	Request string // the same for all pieces and for a repeated request
	Media   string // Content-Type of the whole body
	Options        // of the first piece; ignored with the others
	Index   int
	Last    bool
	Body    []byte
}

// keep is how long the store is asked to lock an upload. Ours to choose: as long
// as records of personal data being provided are kept
// (网络数据安全管理条例 art. 12: three years).
const keep = 3 * 366 * 24 * time.Hour

// Receive stores a piece and returns the batch as it then stands. Sending the
// same piece again changes nothing; another content under the same request is
// refused. After the last piece the batch is queued.
func (w *Desk) Receive(ctx context.Context, u Upload) (Batch, error) {
	if _, err := Schema(u.Kind); err != nil {
		return Batch{}, err
	}
	id := newID(u.Org, u.Actor, u.Request)
	sum := sha256.Sum256(u.Body)
	piece := Piece{Size: int64(len(u.Body)), SHA256: hex.EncodeToString(sum[:])}
	b, known, err := w.store.find(ctx, id)
	if err != nil {
		return Batch{}, err
	}
	if known && (b.Kind != u.Kind || u.Index == 0 && b.Options != u.Options) {
		return Batch{}, fault.New(fault.Refused, "fn.key_reused").With("Idempotency-Key", "fn.key_reused")
	}
	if known && u.Index < len(b.Pieces) {
		if b.Pieces[u.Index].SHA256 != piece.SHA256 {
			return Batch{}, fault.New(fault.Refused, "fn.key_reused").With("Idempotency-Key", "fn.key_reused")
		}
		return b, nil
	}
	if known && b.State != Receiving || u.Index != len(b.Pieces) {
		return Batch{}, fault.New(fault.Conflict, "batch.out_of_order")
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
	if !u.DryRun {
		attr.RetainUntil = w.now().Add(keep)
	}
	// The name is new each time: a piece stored just before a crash stays behind,
	// sealed and locked, and is never taken for this one.
	piece.Object, piece.Sealed = rand.Text(), seal.SumPiece(sealed, len(u.Body)).SHA256
	if _, err := w.main.Create(ctx, pieceName(w.journal.City(), id, piece.Object), sealed, attr); err != nil {
		return Batch{}, fmt.Errorf("batch: storing piece %d: %w", u.Index, err)
	}
	return w.store.receive(ctx, id, u, piece, w.now())
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

// maxField is how long a form field before the file may be.
const maxField = 4 << 10

// FilePart finds the file in a multipart/form-data body, and the form fields
// before it. The file is the first part with a file name.
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
			return nil, nil, fault.New(fault.Invalid, "batch.no_file").With("file", "batch.no_file")
		}
		if err != nil {
			return nil, nil, fault.New(fault.Invalid, "batch.media").Because(err)
		}
		if part.FileName() != "" {
			return part, fields, nil
		}
		value, err := io.ReadAll(io.LimitReader(part, maxField))
		if err != nil {
			return nil, nil, fault.New(fault.Invalid, "batch.media").Because(err)
		}
		fields[part.FormName()] = string(value)
	}
}

// context is what a row of a record is read against.
func (w *Desk) context(s *slice) credit.Context {
	return credit.Context{Now: s.at, Key: w.hashKey, BatchID: s.batch, City: w.journal.City()}
}
