// Package batch takes in what agencies upload: tables of credit records, of
// subjects and of registries, row by row.
//
// A batch is received piece by piece, sealed as it arrives and kept. Then it is
// read once to its end, so that a file that cannot be read as a whole changes
// nothing, and then worked off in slices. One slice is one commit: the accepted rows, everything
// that follows from them and the batch's own progress. So after a crash at any
// point every row that was acknowledged is there, no row is there in half, and
// the work goes on where it stood.
//
// One bad row never costs the others, unless the batch is atomic.
package batch

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/seal"
	"ipcredit/shared/sheet"
)

// State is where a batch stands.
type State string

// The states of a batch.
const (
	Receiving State = "receiving" // pieces are still arriving
	Queued    State = "queued"    // whole, not begun
	Running   State = "running"
	Done      State = "done"
	Failed    State = "failed" // the file as a whole could not be read: Failure says why
)

// MaxAtomic is how many rows an all-or-nothing batch may have: they are one
// transaction.
const MaxAtomic = 5_000

// MaxSize is how long an upload may be.
const MaxSize = 2 << 30

// Options are what the uploader chose.
type Options struct {
	// DryRun checks everything and changes nothing.
	DryRun bool `json:"dryRun,omitempty"`
	// Atomic accepts all rows or none.
	Atomic bool `json:"atomic,omitempty"`
}

// Batch is one upload and what became of it.
type Batch struct {
	ID    string `json:"id"`
	Kind  string `json:"kind"`
	Org   string `json:"org"`   // whose batch it is
	Actor string `json:"actor"` // user or key that sent it
	State State  `json:"state"`
	Options
	// Media is the upload's Content-Type where it is multipart, else empty.
	Media  string   `json:"media,omitempty"`
	Pieces []Piece  `json:"pieces"`
	Size   int64    `json:"size"`
	Format string   `json:"format,omitempty"`
	Header []string `json:"header,omitempty"` // as the uploader wrote it

	// Total is how many rows the file has; 0 until it has been read once.
	Total int `json:"total,omitempty"`

	// Counts, so far. Rows = Accepted + Duplicates + Rejected + Held.
	Rows       int `json:"rows"`
	Accepted   int `json:"accepted"`
	Corrected  int `json:"corrected,omitempty"` // those of Accepted that replaced an earlier version
	Duplicates int `json:"duplicates"`
	Rejected   int `json:"rejected"`
	Held       int `json:"held,omitempty"` // good rows of an atomic batch with bad ones

	// Later is the batch that the same request key made after its time was over;
	// only the first batch of a key has it.
	Later string `json:"later,omitempty"`

	Failure    *Failure  `json:"failure,omitempty"`
	CreatedAt  time.Time `json:"createdAt"`
	FinishedAt time.Time `json:"finishedAt,omitzero"`
}

// Piece is one stored part of the upload.
type Piece struct {
	Object string `json:"object"`
	Size   int64  `json:"size"`
	// Mark is a keyed hash of the piece as it was sent, by which the same piece
	// is known again. A plain hash would let whoever reads the journal try out
	// which identity number a short file holds.
	Mark   string `json:"mark"`
	Sealed string `json:"sealed"` // SHA-256 of the piece as it is stored
}

// manifest is what the pieces must be, for unsealing them.
func (b Batch) manifest() seal.Manifest {
	m := seal.Manifest{File: b.ID, Size: b.Size}
	for _, p := range b.Pieces {
		m.Pieces = append(m.Pieces, seal.Sum{Size: p.Size, SHA256: p.Sealed})
	}
	return m
}

// Failure is the fault that ended the reading of a file.
type Failure struct {
	Kind fault.Kind `json:"kind"`
	Code string     `json:"code"`
	// What the sentence quotes from the file: an unknown header may be a
	// person's name where somebody forgot the header row. So it is sealed beside
	// the file and never part of the batch's record; see Desk.Failure.
	Args   []any         `json:"-"`
	Fields []fault.Field `json:"-"`
}

// Fault is the failure as it is told, of a batch that Desk.Work returned.
func (f Failure) Fault() *fault.Error {
	e := &fault.Error{Kind: f.Kind, Code: f.Code, Args: whole(f.Args)}
	for _, field := range f.Fields {
		e = e.With(field.Name, field.Code, whole(field.Args)...)
	}
	return e
}

// decode reads JSON and keeps numbers as they are written, for whole.
func decode(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return d.Decode(v)
}

// whole gives the arguments of a stored sentence their kinds back: JSON knows
// one kind of number, a sentence's verbs know two.
func whole(args []any) []any {
	out := make([]any, len(args))
	for i, a := range args {
		out[i] = a
		if n, ok := a.(json.Number); ok {
			if k, err := n.Int64(); err == nil {
				out[i] = k
			} else if x, err := n.Float64(); err == nil {
				out[i] = x
			}
		}
	}
	return out
}

// Problem is one thing wrong with one row, as the uploader is told it.
type Problem struct {
	// Row counts data rows from 1.
	Row int
	// Field is the header as the uploader wrote it; empty for the whole row.
	Field string
	Code  string
	Args  []any
}

// rejected is a row that was not accepted, as it is kept.
type rejected struct {
	Row      int             `json:"row"`
	Cells    []string        `json:"cells"`
	Problems []sheet.Problem `json:"problems"`
	Fields   []string        `json:"fields"` // header of each problem
}

// Finished tells whether nothing more will happen to the batch.
func (b Batch) Finished() bool { return b.State == Done || b.State == Failed }

// newID derives a batch's id from who sends it and the number of the request or
// the Idempotency-Key, so that all pieces of one upload and a repeated request
// find the same batch, and nobody can reach another caller's.
func newID(org, actor, request string) string {
	sum := sha256.Sum256([]byte(org + "\x00" + actor + "\x00" + request))
	return "b" + hex.EncodeToString(sum[:10])
}

// CheckID refuses what newID does not make, before it becomes part of a key.
func CheckID(id string) error {
	if len(id) != 21 || id[0] != 'b' || strings.Trim(id[1:], "0123456789abcdef") != "" {
		return fault.New(fault.NotFound, "batch.unknown")
	}
	return nil
}

// fail records why the file could not be read, if it is the file's fault.
func (b *Batch) fail(err error, at time.Time) bool {
	f, refused := fault.Of(err)
	if !refused || f.Kind == fault.Unavailable || f.Kind == fault.Conflict {
		return false
	}
	b.State, b.FinishedAt = Failed, at.UTC()
	b.Failure = &Failure{Kind: f.Kind, Code: f.Code, Args: f.Args, Fields: slices.Clone(f.Fields)}
	return true
}

func pieceName(city, id, object string) string {
	return fmt.Sprintf("batches/%s/%s/%s", city, id, object)
}

func errorName(city, id string, row int) string {
	return fmt.Sprintf("batches/%s/%s/rejected/%09d", city, id, row)
}

func errorPrefix(city, id string) string {
	return fmt.Sprintf("batches/%s/%s/rejected/", city, id)
}

func failureName(city, id string) string {
	return fmt.Sprintf("batches/%s/%s/failure", city, id)
}

// keyRef names the batch's key under keys/.
func keyRef(id string) string { return "batch:" + id }
