package batch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"
	"time"

	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/linkage"
	"ipcredit/shared/objects"
	"ipcredit/shared/seal"
	"ipcredit/shared/sheet"
	"ipcredit/shared/sheet/book"
)

// sliceRows is how many rows one commit takes. More would make a commit hold
// Redis longer than a lookup should wait; fewer would wait for the disk more
// often than the rate of rows allows.
const sliceRows = 500

// surveyRows is how many rows are read between two renewals of the lease.
const surveyRows = 10_000

// errMoved says that another worker has worked the batch on meanwhile.
var errMoved = errors.New("batch: worked on by somebody else")

// Work works the batch off until it is finished or ctx ends, and returns it as it
// then stands. Any number of workers may try: one at a time holds the batch, and
// each slice checks, inside its commit, that nobody else did it.
func (w *Desk) Work(ctx context.Context, id string) (Batch, error) {
	b, err := w.store.Get(ctx, id)
	if err != nil {
		return Batch{}, err
	}
	if b.Finished() || b.State == Receiving {
		return b, nil
	}
	lease, held, err := w.store.lease(ctx, id)
	if err != nil || !held {
		return b, err
	}
	defer lease.release()
	if b, err = w.store.Get(ctx, id); err != nil || b.Finished() {
		return b, err
	}
	after, err := w.work(ctx, b, lease)
	if errors.Is(err, errMoved) {
		return w.store.Get(ctx, id)
	}
	return after, err
}

// Finish is Work that waits where somebody else holds the batch: it returns when
// the batch is finished, whoever finished it, or with ctx's error and the batch as
// it was last seen.
func (w *Desk) Finish(ctx context.Context, id string) (Batch, error) {
	for pause := firstLook; ; pause = min(2*pause, longestLook) {
		// Trying again to hold it takes over from a worker that died.
		b, err := w.Work(ctx, id)
		if err != nil || b.Finished() || b.State == Receiving {
			return b, err
		}
		select {
		case <-ctx.Done():
			return b, ctx.Err()
		case <-time.After(pause):
		}
	}
}

// Who waits for another worker looks soon, because most batches are short, and
// then less often.
const (
	firstLook   = 10 * time.Millisecond
	longestLook = 500 * time.Millisecond
)

func (w *Desk) work(ctx context.Context, b Batch, lease *lease) (Batch, error) {
	b, err := w.survey(ctx, b, lease)
	if err == nil {
		var reader *sheet.Reader
		if reader, err = w.reader(ctx, b); err == nil {
			run := &run{desk: w, kind: kinds[b.Kind], reader: reader, lease: lease, batch: b, seen: map[string]bool{}}
			defer runtime.KeepAlive(headroom(b))
			run.sealer = &linkage.Sealer{Keys: w.keys, Escrow: w.escrow, Label: own, Identity: w.identity}
			err = run.all(ctx)
			b = run.batch
		}
	}
	if err == nil {
		return b, nil
	}
	failed := b
	if !failed.fail(err, w.now()) {
		return b, err
	}
	if err := w.keepFailure(ctx, failed); err != nil {
		return b, err
	}
	if err := w.store.save(ctx, b, failed, "batch.fail", w.now()); err != nil {
		return b, err
	}
	return failed, nil
}

// spare is what a long batch holds and never touches, so that it takes no memory
// but lets the garbage collector wait until twice as much of what is used is there:
// it otherwise takes a sixth of the time, most of it to look at the same few
// megabytes again.
const spare = 48 << 20

func headroom(b Batch) []byte {
	if b.Total <= surveyRows {
		return nil
	}
	return make([]byte, spare)
}

func (w *Desk) reader(ctx context.Context, b Batch) (*sheet.Reader, error) {
	file, err := w.open(ctx, b)
	if err != nil {
		return nil, err
	}
	return sheet.Open(kinds[b.Kind].schema, file, sheet.Limits{})
}

// survey reads the file once to its end before anything is written: what is
// wrong with a file as a whole may stand in its last row, and must not leave the
// rows before it behind. It also counts the rows, for the progress.
func (w *Desk) survey(ctx context.Context, b Batch, lease *lease) (Batch, error) {
	if b.Total > 0 {
		return b, nil
	}
	reader, err := w.reader(ctx, b)
	if err != nil {
		return b, err
	}
	next := b
	next.Format, next.Header = string(reader.Format()), reader.Layout().Headers
	for {
		if next.Total%surveyRows == 0 {
			if err := errors.Join(lease.renew(ctx), ctx.Err()); err != nil {
				return b, err
			}
		}
		err := reader.Skip()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return b, err
		}
		next.Total++
		if b.Atomic && next.Total > MaxAtomic {
			return b, fault.New(fault.TooLarge, "batch.atomic_rows", MaxAtomic)
		}
	}
	if next.Total <= sliceRows || next.Atomic {
		return next, nil // written with the only slice
	}
	next.State = Running
	return next, w.store.save(ctx, b, next, "batch.begin", w.now())
}

// run is one worker's way through a file.
type run struct {
	desk   *Desk
	kind   kind
	reader *sheet.Reader
	lease  *lease
	batch  Batch
	sealer *linkage.Sealer // of the names of natural persons among notified filings
	seen   map[string]bool // of a dry run: items that an earlier slice would have written
}

// all works from the row after the last one done to the end.
func (r *run) all(ctx context.Context) error {
	for range r.batch.Rows {
		if err := r.reader.Skip(); err != nil {
			return fmt.Errorf("batch: reading again to row %d: %w", r.batch.Rows, err)
		}
	}
	// Rows are parsed ahead while the slice before them is being committed. What
	// is ahead when the work stops is parsed again by whoever goes on.
	ahead := make(chan parsed, 1)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	line := r.desk.credit.Line()
	go r.parse(ctx, r.batch, line, ahead)
	defer func() {
		stop()
		for p := range ahead {
			line.Drop(p.slice.change)
		}
	}()
	for p := range ahead {
		if err := r.take(ctx, p); err != nil {
			line.Drop(p.slice.change)
			return err
		}
	}
	return ctx.Err()
}

// take does one slice, when there is room for it.
func (r *run) take(ctx context.Context, p parsed) error {
	if p.err != nil {
		return p.err
	}
	if err := r.lease.renew(ctx); err != nil {
		return err
	}
	if !r.batch.DryRun {
		if err := r.desk.room(ctx); err != nil {
			return err
		}
	}
	return r.slice(ctx, p)
}

// parsed is a slice that waits for its commit.
type parsed struct {
	slice *slice
	rows  int
	bad   []rejected
	end   bool // the file ends with it
	err   error
}

// parse reads and parses to the end of the file, to the first error, or until ctx
// ends. It looks at b, as the batch was when the work began, because r.batch
// changes meanwhile.
func (r *run) parse(ctx context.Context, b Batch, line *credit.Line, out chan<- parsed) {
	defer close(out)
	size := sliceRows
	if b.Atomic {
		size = MaxAtomic + 1
	}
	for {
		p := r.next(ctx, b, size)
		line.Prepare(ctx, &p.slice.change)
		if b.Atomic && p.err == nil && !p.end {
			p.err = fault.New(fault.TooLarge, "batch.atomic_rows", MaxAtomic)
		}
		select {
		case out <- p:
		case <-ctx.Done():
			line.Drop(p.slice.change)
			return
		}
		if p.end || p.err != nil {
			return
		}
	}
}

func newSlice(b Batch, at time.Time) *slice {
	s := &slice{at: at, batch: b.ID}
	s.change.Entry = journal.Entry{Actor: b.Actor, Action: "batch.rows", Ref: b.ID, At: at}
	if s.change.DryRun = b.DryRun; b.DryRun {
		s.change.Entry.Action = "batch.check"
	}
	return s
}

// next reads and parses up to n rows.
func (r *run) next(ctx context.Context, b Batch, n int) parsed {
	p := parsed{slice: newSlice(b, r.desk.now())}
	if p.slice.law, p.err = r.desk.laws.Current(ctx); p.err != nil {
		return p
	}
	for p.rows < n {
		row, err := r.reader.Next()
		if errors.Is(err, io.EOF) {
			p.end = true
			return p
		}
		if err != nil {
			p.err = err
			return p
		}
		p.rows++
		problems := row.Problems()
		if len(problems) == 0 {
			problems = r.kind.add(r.desk, p.slice, row)
		}
		if len(problems) > 0 {
			p.bad = append(p.bad, reject(row, problems))
		}
	}
	return p
}

func reject(row sheet.Row, problems []sheet.Problem) rejected {
	x := rejected{Row: row.Number, Cells: row.Cells(), Problems: problems}
	for _, p := range problems {
		name := ""
		if p.Field != "" {
			name = row.Header(p.Field)
		}
		x.Fields = append(x.Fields, name)
	}
	return x
}

// room makes room in the journal where the archive is behind: a large batch fills
// it faster than the tick of each minute empties it. The log's queue only its
// sequencer empties: while that is far behind, the batch waits where it stands,
// and whoever takes it up next goes on from there.
func (w *Desk) room(ctx context.Context) error {
	waiting, err := w.credit.Unlogged(ctx)
	if err != nil {
		return err
	}
	if waiting > w.unlogged {
		return fault.New(fault.Unavailable, "batch.log_behind").After(time.Minute)
	}
	err = w.journal.Room(ctx)
	if !fault.Is(err, fault.Unavailable) {
		return err
	}
	if _, err := w.archive.Run(ctx, w.journal); err != nil {
		return fmt.Errorf("batch: %w", err)
	}
	return w.journal.Room(ctx)
}

// slice commits what the rows say together with the progress.
func (r *run) slice(ctx context.Context, p parsed) error {
	w, s := r.desk, p.slice
	next := r.batch
	next.State = Running
	next.Rows += p.rows
	next.Rejected += len(p.bad)
	if p.end {
		next.State, next.FinishedAt = Done, s.at.UTC()
	}
	if r.batch.Atomic && len(p.bad) > 0 {
		next.Held += p.rows - len(p.bad)
		s = newSlice(r.batch, s.at)
	}
	// Before the commit: a row that counts as rejected must be explained. Doing
	// it again writes the same under the same name.
	if len(p.bad) > 0 {
		if err := w.keepRejected(ctx, r.batch, p.bad); err != nil {
			return err
		}
	}
	return r.commit(ctx, s, next)
}

func (r *run) commit(ctx context.Context, s *slice, next Batch) error {
	w := r.desk
	by := linkage.Import{Batch: r.batch.ID, Actor: r.batch.Actor, At: s.at, City: w.journal.City(), Units: w.units}
	var after Batch
	s.change.Also = func(tx *journal.Tx, subjects, records []credit.Outcome) error {
		agencies, agents, filed, err := w.registries(ctx, tx, s, by)
		if err != nil {
			return err
		}
		after = next
		for _, p := range s.order {
			var o credit.Outcome
			switch p.list {
			case 's':
				o = subjects[p.index]
			case 'r':
				o = records[p.index]
			case 'a':
				o = agencies[p.index]
			case 'p':
				o = agents[p.index]
			case 'f':
				o = filed[p.index]
			}
			if r.batch.DryRun && o == credit.Added {
				o = r.once(s.item(p))
			}
			switch o {
			case credit.Same:
				after.Duplicates++
			case credit.Superseded:
				after.Accepted++
				after.Corrected++
			default:
				after.Accepted++
			}
		}
		if r.batch.DryRun {
			return nil // Apply drops all writes; the progress is saved below
		}
		return w.store.advance(ctx, tx, r.batch, after)
	}
	for {
		if err := w.linkage.Prepare(ctx, s.filed, by, r.sealer, r.batch.DryRun); err != nil {
			return err
		}
		_, _, err := w.credit.Apply(ctx, s.change)
		if errors.Is(err, linkage.ErrMoved) && ctx.Err() == nil {
			continue // an officer changed one of them meanwhile
		}
		if err != nil {
			return err
		}
		break
	}
	if r.batch.DryRun {
		if err := w.store.save(ctx, r.batch, after, "batch.check", s.at); err != nil {
			return err
		}
	}
	r.batch = after
	return nil
}

// item is the identity of a row's item, by which a dry run knows it again.
func (s *slice) item(p place) string {
	switch p.list {
	case 's':
		return s.change.Subjects[p.index].Code
	case 'r':
		return s.change.Records[p.index].Record.ID
	case 'a':
		return s.agency[p.index].Code
	case 'f':
		return s.filed[p.index].ID
	}
	return s.agents[p.index].Qualification
}

// once is what a second row about the same new item would have become: an earlier
// slice of a dry run has not written the first.
func (r *run) once(id string) credit.Outcome {
	if r.seen[id] {
		return credit.Same
	}
	r.seen[id] = true
	return credit.Added
}

// keepRejected stores a slice's rejected rows, sealed: they hold what the
// uploader wrote.
func (w *Desk) keepRejected(ctx context.Context, b Batch, bad []rejected) error {
	to, err := w.keys.Recipient(ctx, keyRef(b.ID))
	if err != nil {
		return fmt.Errorf("batch: key: %w", err)
	}
	data, err := json.Marshal(bad)
	if err != nil {
		return fmt.Errorf("batch: encoding rejected rows: %w", err)
	}
	for i := 0; i*seal.MaxPiece < len(data); i++ {
		part := data[i*seal.MaxPiece : min(len(data), (i+1)*seal.MaxPiece)]
		sealed, err := to.Seal(part)
		if err != nil {
			return err
		}
		name := fmt.Sprintf("%s-%03d", errorName(w.journal.City(), b.ID, b.Rows), i)
		if _, err := w.main.Put(ctx, name, sealed, objects.Attr{Type: "application/age"}); err != nil {
			return fmt.Errorf("batch: storing rejected rows: %w", err)
		}
	}
	return nil
}

// rejectedRows goes through the batch's rejected rows in order.
func (w *Desk) rejectedRows(ctx context.Context, b Batch) iter.Seq2[rejected, error] {
	return func(yield func(rejected, error) bool) {
		if b.Rejected == 0 {
			return
		}
		identity, err := w.keys.Open(ctx, keyRef(b.ID), own, w.identity)
		if err != nil {
			yield(rejected{}, fmt.Errorf("batch: key: %w", err))
			return
		}
		var held []byte
		for info, err := range w.main.List(ctx, errorPrefix(w.journal.City(), b.ID), "") {
			var sealed, data []byte
			if err == nil {
				sealed, _, err = w.main.Get(ctx, info.Name)
			}
			if err == nil {
				data, err = identity.Unseal(sealed)
			}
			if err != nil {
				yield(rejected{}, fmt.Errorf("batch: rejected rows: %w", err))
				return
			}
			held = append(held, data...)
			var list []rejected
			if decode(held, &list) != nil {
				continue // goes on in the next part
			}
			held = nil
			for _, x := range list {
				for i := range x.Problems {
					x.Problems[i].Args = whole(x.Problems[i].Args)
				}
				if !yield(x, nil) {
					return
				}
			}
		}
		if held != nil {
			yield(rejected{}, errors.New("batch: rejected rows are cut off"))
		}
	}
}

// Problems lists what is wrong with the batch's rows, in order, at most limit.
func (w *Desk) Problems(ctx context.Context, b Batch, limit int) ([]Problem, error) {
	problems := []Problem{}
	for x, err := range w.rejectedRows(ctx, b) {
		if err != nil {
			return nil, err
		}
		for i, p := range x.Problems {
			if len(problems) == limit {
				return problems, nil
			}
			problems = append(problems, Problem{Row: x.Row, Field: x.Fields[i], Code: p.Code, Args: p.Args})
		}
	}
	return problems, nil
}

// WriteErrors writes the rejected rows as XLSX in the layout they were uploaded
// in, with a column that says what is wrong.
func (w *Desk) WriteErrors(ctx context.Context, out io.Writer, b Batch, words func(Problem) string) error {
	return book.WriteErrors(out, sheet.Layout{Headers: b.Header}, func(yield func(book.Rejected, error) bool) {
		for x, err := range w.rejectedRows(ctx, b) {
			if err != nil {
				yield(book.Rejected{}, err)
				return
			}
			message := ""
			for i, p := range x.Problems {
				if i > 0 {
					message += "\n"
				}
				message += words(Problem{Row: x.Row, Field: x.Fields[i], Code: p.Code, Args: p.Args})
			}
			if !yield(book.Rejected{Cells: x.Cells, Message: message}, nil) {
				return
			}
		}
	})
}
