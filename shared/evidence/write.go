package evidence

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

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
// stores them piece by piece, and only Commit makes them part of the file: what
// is not committed was never there. Whoever commits first wins; the other gets a
// fault of kind Conflict and has overwritten nothing.
//
// A Writer is for one goroutine. Every Writer ends with Commit or Discard.
type Writer struct {
	store *Store
	box   Box
	to    seal.Recipient
	file  File
	lease *lease
	// staged are the pieces stored and not committed, from index file.Pieces on.
	staged []piece
	bytes  int64
	try    string
	seen   bool
	ended  bool
	// sum is the hash of the whole file, for the sealed manifest, where the
	// writer's caller saw all of it pass.
	sum string
}

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
		return &Writer{store: s, box: b, file: f}, nil
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
	return &Writer{store: s, box: b, to: to, file: f, lease: l, try: strings.ToLower(rand.Text())[:16], seen: f.Seen}, nil
}

// File is the file as it stood when the writer began or last committed.
func (w *Writer) File() File { return w.file }

// Offset is where the next byte goes.
func (w *Writer) Offset() int64 { return w.file.Offset + w.bytes }

// end tells whether the file ends at the offset; last is what the caller knows of
// a file whose size was not announced.
func (w *Writer) end(offset int64, last bool) bool {
	if w.file.Size < 0 {
		return last
	}
	return offset == w.file.Size
}

// Write seals and stores body as the next pieces of the file. last tells that the
// file ends with it; it is looked at only where the file's size was not announced.
// Sealing a piece overlaps with storing the one before. After an error nothing of
// the writer can be committed.
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
		return fmt.Errorf("evidence: the writer has ended")
	case len(body) == 0:
		return nil
	case w.file.Size >= 0 && to > w.file.Size:
		return fault.New(fault.TooLarge, "evidence.too_much", w.file.Size)
	case w.file.Size < 0:
		if err := l.fits(w.box, to); err != nil {
			return err
		}
	}
	if from == 0 {
		if w.seen, err = l.Sniff(body, w.end(to, last)); err != nil {
			return err
		}
	}
	select {
	case w.store.writing <- struct{}{}:
		defer func() { <-w.store.writing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	// One piece is sealed while at most two are on their way to the store.
	puts, putting := errgroup.WithContext(ctx)
	puts.SetLimit(2)
	base := len(w.staged)
	count := (len(body) + l.PieceBytes - 1) / l.PieceBytes
	if w.file.Pieces+base+count > l.Pieces {
		return fault.New(fault.TooLarge, "evidence.pieces", l.Pieces)
	}
	w.staged = append(w.staged, make([]piece, count)...)
	for i := range count {
		plain := body[i*l.PieceBytes : min((i+1)*l.PieceBytes, len(body))]
		index := w.file.Pieces + base + i
		isLast := i == count-1 && w.end(to, last)
		sealed, serr := seal.SealPiece(w.to, FileID(w.box.ID, w.file.N), index, isLast, plain)
		if serr != nil {
			_ = puts.Wait() // the sealing error says more
			return fmt.Errorf("evidence: %w", serr)
		}
		puts.Go(func() error {
			if err := w.lease.renew(putting); err != nil {
				return err
			}
			info, err := w.store.objects.Create(putting, pieceName(w.box.ID, w.file.N, index, w.try), sealed, objects.Attr{Type: media})
			w.staged[base+i] = piece{Size: int64(len(plain)), Sum: info.SHA256, Try: w.try}
			return err
		})
	}
	if err := puts.Wait(); err != nil {
		return fmt.Errorf("evidence: storing: %w", err)
	}
	w.bytes += int64(len(body))
	if w.file.Size < 0 && last {
		w.file.Size = to
	}
	return nil
}

// Whole tells the writer the SHA-256 (hex) of the whole file, where the caller saw
// all of it: it goes into the sealed manifest and nowhere else.
func (w *Writer) Whole(sum string) { w.sum = sum }

// Commit makes what was written part of the file and returns the file. With its
// last byte the manifest is sealed and stored first.
func (w *Writer) Commit(ctx context.Context) (File, error) {
	if w.lease == nil || len(w.staged) == 0 && !w.ended {
		w.Discard(ctx)
		return w.file, nil
	}
	if w.ended {
		return w.file, fmt.Errorf("evidence: the writer has ended")
	}
	next := w.file
	next.Offset += w.bytes
	next.Pieces += len(w.staged)
	next.Seen = w.seen
	next.Fence++
	next.Expires = w.store.limits.expires(w.box, w.store.now())
	if next.Size >= 0 && next.Offset == next.Size {
		next.State = Whole
		if err := w.manifest(ctx, &next); err != nil {
			w.Discard(ctx)
			return w.file, err
		}
	}
	if err := w.store.advance(ctx, w.box, w.file, next, w.staged); err != nil {
		if _, refused := fault.Of(err); refused {
			w.Discard(ctx)
		} else {
			// It may have been committed all the same: what is stored stays, and the
			// sweep removes what belongs to nothing.
			w.ended = true
			w.lease.release(ctx)
		}
		return w.file, err
	}
	w.file, w.staged, w.bytes = next, nil, 0
	w.lease.release(ctx)
	return next, nil
}

// manifest seals and stores the manifest of the file as it will be.
func (w *Writer) manifest(ctx context.Context, next *File) error {
	before, err := w.store.pieces(ctx, w.box.ID, w.file.N, w.file.Pieces)
	if err != nil {
		return err
	}
	m := seal.Manifest{File: FileID(w.box.ID, w.file.N), Size: next.Size, SHA256: w.sum}
	for _, p := range append(before, w.staged...) {
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

// Discard ends the writer without effect and removes what it has stored; what it
// cannot remove the sweep does.
func (w *Writer) Discard(ctx context.Context) {
	w.ended = true
	if w.lease == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	for i := range w.staged {
		_ = w.store.objects.Delete(ctx, pieceName(w.box.ID, w.file.N, w.file.Pieces+i, w.try)) // the sweep finds it
	}
	w.staged, w.bytes = nil, 0
	w.lease.release(ctx)
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
		w.Discard(ctx)
		return w.File(), s.refused(ctx, b, n, err)
	}
	return w.Commit(ctx)
}

// refused drops a file that is never going to be taken, and returns why.
func (s *Store) refused(ctx context.Context, b Box, n int, why error) error {
	if fault.Is(why, fault.WrongType) {
		if err := s.Terminate(ctx, b, n); err != nil {
			return fmt.Errorf("%w; and %w", why, err)
		}
	}
	return why
}
