package evidence

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/objects"
	"ipcredit/shared/seal"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// media is the type of everything this package stores: none of it is for a
// browser.
const media = "application/octet-stream"

// prefix begins the names of a file's objects; n = 0 those of the whole box.
func prefix(box string, n int) string {
	if n == 0 {
		return "evidence/" + box + "/"
	}
	return FileID(box, n) + "/"
}

// pieceName is an object's name. The try is random, so that of two writers of
// the same piece neither can overwrite the other's.
func pieceName(box string, n, index int, try string) string {
	return fmt.Sprintf("%s%06d-%s", prefix(box, n), index, try)
}

func manifestName(box string, n int, try string) string {
	return prefix(box, n) + "manifest-" + try
}

// Create begins a file in the box, which must be as Open returned it. Name and
// type are sealed before anything is written.
func (s *Store) Create(ctx context.Context, b Box, in NewFile) (File, error) {
	if err := s.limits.takes(b, in); err != nil {
		return File{}, err
	}
	to, err := b.Recipient()
	if err != nil {
		return File{}, fmt.Errorf("evidence: box %s: %w", b.ID, err)
	}
	return s.create(ctx, b, in, func(n int) (string, error) {
		meta, err := json.Marshal(Meta{
			File: FileID(b.ID, n), Name: keptName(in.Name, s.limits.NameBytes), Type: keptName(in.Type, 255), SHA256: in.SHA256, Size: in.Size,
		})
		if err != nil {
			return "", fmt.Errorf("evidence: encoding: %w", err)
		}
		sealed, err := to.SealText(string(meta))
		if err != nil {
			return "", fmt.Errorf("evidence: %w", err)
		}
		return sealed, nil
	})
}

// Writer takes the next bytes of one file, from one offset on. It seals them and
// stores them piece by piece, several on their way at a time, and only Advance,
// Flush and Commit make them part of the file: what is not committed was never
// there. Whoever commits first wins; the other gets a fault of kind Conflict and
// has overwritten nothing.
//
// A Writer may live as long as a request whose body comes in several calls. It is
// for one goroutine. Every Writer ends with Commit, Discard or Refuse.
type Writer struct {
	store *Store
	box   Box
	to    seal.Recipient
	file  File
	lease *lease
	// staged are the pieces sealed and not committed, from index file.Pieces on;
	// the first of them may be stored while the others are on their way.
	staged []*staged
	bytes  int64
	// size is the file's as far as the writer knows it: that of a file that was
	// announced without one is told by its end.
	size int64
	try  string
	seen bool
	// kept is when the writer last committed or began.
	kept  time.Time
	ended bool
	// sum is the hash of the whole file, for the sealed manifest, where the
	// writer's caller saw all of it pass.
	sum string
	// Pieces on their way outlive the call that sealed them.
	puts    sync.WaitGroup
	putting context.Context
	stop    context.CancelFunc
}

// staged is a sealed piece until it is committed. done is closed when it is
// stored or was not; err and the piece's hash are then set.
type staged struct {
	piece
	done chan struct{}
	err  error
}

// over tells whether the piece is stored or could not be.
func (p *staged) over() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// putTime is how long one piece may be on its way to the store.
const putTime = 30 * time.Second

// Writer begins to write at the offset: a fault of kind Conflict where the file
// does not end there or is complete, of kind Ended where it is gone, of kind
// Locked while somebody else writes to it.
func (s *Store) Writer(ctx context.Context, b Box, n int, offset int64) (*Writer, error) {
	f, err := s.File(ctx, b.ID, n)
	if err != nil {
		return nil, err
	}
	if f.State == Whole && offset == f.Offset {
		// A repeated last call whose answer was lost: nothing is left to write.
		return &Writer{store: s, box: b, file: f, size: f.Size, stop: func() {}}, nil
	}
	if err := f.writable(s.now()); err != nil {
		return nil, err
	}
	if f.Offset != offset {
		return nil, fault.New(fault.Conflict, "evidence.offset", f.Offset)
	}
	to, err := b.Recipient()
	if err != nil {
		return nil, fmt.Errorf("evidence: box %s: %w", b.ID, err)
	}
	l, err := s.lease(ctx, b.ID, n)
	if err != nil {
		return nil, err
	}
	w := &Writer{store: s, box: b, to: to, file: f, size: f.Size, lease: l, try: strings.ToLower(rand.Text())[:16], seen: f.Seen, kept: s.now()}
	w.putting, w.stop = context.WithCancel(context.WithoutCancel(ctx))
	return w, nil
}

// File is the file as it stood when the writer began or last committed.
func (w *Writer) File() File { return w.file }

// Offset is where the next byte goes.
func (w *Writer) Offset() int64 { return w.file.Offset + w.bytes }

// end tells whether the file ends at the offset; last is what the caller knows of
// a file whose size was not announced.
func (w *Writer) end(offset int64, last bool) bool {
	if w.size < 0 {
		return last
	}
	return offset == w.size
}

// Write seals body as the next pieces of the file and sends them on their way to
// the store; body may be used again when it returns. last tells that the file ends
// with it; it is looked at only where the file's size was not announced. A piece
// that could not be stored is told by a later call at the latest by Commit. After
// an error nothing more is written.
func (w *Writer) Write(ctx context.Context, body []byte, last bool) (err error) {
	defer func() {
		if err != nil {
			w.ended = true
		}
	}()
	l := w.store.limits
	from, to := w.Offset(), w.Offset()+int64(len(body))
	switch {
	case w.ended:
		return errEnded
	case len(body) == 0:
		return nil
	case w.size >= 0 && to > w.size:
		return fault.New(fault.TooLarge, "evidence.too_much", w.size)
	case w.size < 0:
		if err := l.fits(w.box, to); err != nil {
			return err
		}
	}
	if from == 0 {
		if w.seen, err = l.Sniff(body, w.end(to, last)); err != nil {
			return err
		}
	}
	count := (len(body) + l.PieceBytes - 1) / l.PieceBytes
	if w.file.Pieces+len(w.staged)+count > l.Pieces {
		return fault.New(fault.TooLarge, "evidence.pieces", l.Pieces)
	}
	for i := range count {
		plain := body[i*l.PieceBytes : min((i+1)*l.PieceBytes, len(body))]
		if err := w.piece(ctx, plain, i == count-1 && w.end(to, last)); err != nil {
			return err
		}
	}
	if w.size < 0 && last {
		w.size = to
	}
	return nil
}

var errEnded = errors.New("evidence: the writer has ended")

// piece seals one piece and sends it on its way. How many a process has sealed and
// not stored yet is bounded, and with them memory.
func (w *Writer) piece(ctx context.Context, plain []byte, last bool) error {
	if err := w.failed(); err != nil {
		return err
	}
	if err := w.lease.keep(ctx); err != nil {
		return err
	}
	select {
	case w.store.sealing <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	index := w.file.Pieces + len(w.staged)
	sealed, err := seal.SealPiece(w.to, FileID(w.box.ID, w.file.N), index, last, plain)
	if err != nil {
		<-w.store.sealing
		return fmt.Errorf("evidence: %w", err)
	}
	p := &staged{piece: piece{Size: int64(len(plain)), Try: w.try}, done: make(chan struct{})}
	w.staged, w.bytes = append(w.staged, p), w.bytes+p.Size
	w.puts.Go(func() {
		defer close(p.done)
		defer func() { <-w.store.sealing }()
		ctx, cancel := context.WithTimeout(w.putting, putTime)
		defer cancel()
		info, err := w.store.objects.Create(ctx, pieceName(w.box.ID, w.file.N, index, w.try), sealed, objects.Attr{Type: media})
		p.Sum, p.err = info.SHA256, err
	})
	return nil
}

// failed is why a piece that was on its way could not be stored.
func (w *Writer) failed() error {
	for _, p := range w.staged {
		if p.over() && p.err != nil {
			return fmt.Errorf("evidence: storing: %w", p.err)
		}
	}
	return nil
}

// wait waits for the pieces on their way.
func (w *Writer) wait(ctx context.Context) error {
	for _, p := range w.staged {
		select {
		case <-p.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return w.failed()
}

// Whole tells the writer the SHA-256 (hex) of the whole file, where the caller saw
// all of it: it goes into the sealed manifest and nowhere else.
func (w *Writer) Whole(sum string) { w.sum = sum }

// Advance is Flush where so much was stored, or so long ago, that it should not be
// lost any more if this process dies: see Limits.
func (w *Writer) Advance(ctx context.Context) (File, error) {
	l := w.store.limits
	if w.bytes < l.CommitBytes && w.store.now().Sub(w.kept) < l.commitEvery() {
		return w.file, nil
	}
	return w.Flush(ctx)
}

// Flush makes the pieces that are stored by now part of the file, and waits for
// none: those on their way follow with the next call. It does not complete a file.
// It may be called after Write has failed; what was stored before stays then.
func (w *Writer) Flush(ctx context.Context) (File, error) {
	next, n := w.file, 0
	for _, p := range w.staged {
		if !p.over() || p.err != nil || w.end(next.Offset+p.Size, false) {
			break
		}
		next.Offset, next.Pieces, n = next.Offset+p.Size, next.Pieces+1, n+1
	}
	if n == 0 {
		return w.file, nil
	}
	if err := w.lease.keep(ctx); err != nil {
		return w.file, err
	}
	err := w.advance(ctx, next, n)
	return w.file, err
}

// advance commits the first n staged pieces.
func (w *Writer) advance(ctx context.Context, next File, n int) error {
	next.Seen = w.seen
	next.Fence++
	next.Expires = w.store.limits.expires(w.box, w.store.now())
	done := make([]piece, n)
	for i, p := range w.staged[:n] {
		done[i] = p.piece
	}
	if err := w.store.advance(ctx, w.box, w.file, next, done); err != nil {
		w.ended = true
		return err
	}
	w.bytes -= next.Offset - w.file.Offset
	w.file, w.staged, w.kept = next, w.staged[n:], w.store.now()
	return nil
}

// Commit waits for what was written, makes it part of the file and returns the
// file. With its last byte the manifest is sealed and stored first. After an error
// nothing of it that was not committed before is part of the file.
func (w *Writer) Commit(ctx context.Context) (File, error) {
	if w.lease == nil || len(w.staged) == 0 && !w.ended {
		w.Discard(ctx)
		return w.file, nil
	}
	if w.ended {
		return w.file, errEnded
	}
	err := w.wait(ctx)
	if err == nil {
		err = w.lease.keep(ctx) // somebody may have gone on while this writer hung
	}
	if err != nil {
		w.Discard(ctx)
		return w.file, err
	}
	next := w.file
	next.Size = w.size
	next.Offset += w.bytes
	next.Pieces += len(w.staged)
	if next.Size >= 0 && next.Offset == next.Size {
		next.State = Whole
		if err := w.manifest(ctx, &next); err != nil {
			w.Discard(ctx)
			return w.file, err
		}
	}
	if err := w.advance(ctx, next, len(w.staged)); err != nil {
		if _, refused := fault.Of(err); refused {
			w.Discard(ctx)
		} else {
			// It may have been committed all the same: what is stored stays, and the
			// sweep removes what belongs to nothing.
			w.stop()
			w.lease.release(ctx)
		}
		return w.file, err
	}
	w.ended = true
	w.stop()
	w.lease.release(ctx)
	return w.file, nil
}

// manifest seals and stores the manifest of the file as it will be.
func (w *Writer) manifest(ctx context.Context, next *File) error {
	before, err := w.store.pieces(ctx, w.box.ID, w.file.N, w.file.Pieces)
	if err != nil {
		return err
	}
	m := seal.Manifest{File: FileID(w.box.ID, w.file.N), Size: next.Size, SHA256: w.sum}
	for _, p := range w.staged {
		before = append(before, p.piece)
	}
	for _, p := range before {
		m.Pieces = append(m.Pieces, seal.Sum{Size: p.Size, SHA256: p.Sum})
	}
	sealed, err := seal.SealManifest(w.to, m)
	if err != nil {
		return fmt.Errorf("evidence: %w", err)
	}
	name := manifestName(w.box.ID, w.file.N, w.try)
	info, err := w.store.objects.Create(ctx, name, sealed, objects.Attr{Type: media})
	if err != nil {
		return fmt.Errorf("evidence: storing: %w", err)
	}
	next.Manifest, next.ManifestSum = name, info.SHA256
	return nil
}

// Discard ends the writer and removes what it has stored and not committed; what
// it cannot remove the sweep does.
func (w *Writer) Discard(ctx context.Context) {
	w.ended = true
	w.stop()
	if w.lease == nil {
		return
	}
	w.puts.Wait() // they end at once: nothing appears after it was removed
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	for i := range w.staged {
		_ = w.store.objects.Delete(ctx, pieceName(w.box.ID, w.file.N, w.file.Pieces+i, w.try)) // the sweep finds it
	}
	w.staged, w.bytes = nil, 0
	w.lease.release(ctx)
}

// Refuse is Discard after an error, which it returns. A file that is refused by its
// beginning is never going to be taken: it is dropped.
func (w *Writer) Refuse(ctx context.Context, why error) error {
	w.Discard(ctx)
	if fault.Is(why, fault.WrongType) {
		if err := w.store.Terminate(ctx, w.box, w.file.N); err != nil {
			return fmt.Errorf("%w; and %w", why, err)
		}
	}
	return why
}

// Append writes body at the offset and commits it. A file that is refused by its
// beginning is dropped at once.
func (s *Store) Append(ctx context.Context, b Box, n int, offset int64, body []byte) (File, error) {
	return s.AppendPart(ctx, b, n, offset, body, false, "")
}

// AppendPart is Append for a file whose size was not announced: last tells that
// it ends here, and sum is then the SHA-256 (hex) of all of it, for the manifest.
func (s *Store) AppendPart(ctx context.Context, b Box, n int, offset int64, body []byte, last bool, sum string) (File, error) {
	w, err := s.Writer(ctx, b, n, offset)
	if err != nil {
		return File{}, err
	}
	w.Whole(sum)
	if err := w.Write(ctx, body, last); err != nil {
		return w.File(), w.Refuse(ctx, err)
	}
	return w.Commit(ctx)
}
