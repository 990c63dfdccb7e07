package function

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"ipcredit/shared/batch"
)

// stretch is how long a worker goes on before it leaves the rest to the next
// tick, so that no batch keeps the others waiting for ever.
const stretch = 10 * time.Minute

// now works a short batch off while its sender waits, or waits for the worker
// that has taken it up already: a tick, or the answer to the same upload sent
// twice. What the call's time is too short for is left to a worker.
func (d *desk) now(r *http.Request, b batch.Batch) (batch.Batch, error) {
	ctx, cancel := context.WithTimeout(r.Context(), d.patience)
	defer cancel()
	after, err := d.batches.Finish(ctx, b.ID)
	switch {
	case err == nil:
		return after, nil
	case ctx.Err() == nil || r.Context().Err() != nil:
		return after, err // failed, or nobody waits any more
	}
	d.start(b.ID)
	return d.batches.Store().Get(r.Context(), b.ID)
}

// start works the batch off beside the requests. When too many are under way, it
// is taken up by whoever is done first.
func (d *desk) start(id string) {
	select {
	case d.working <- struct{}{}:
	default:
		return
	}
	go func() {
		defer func() {
			<-d.working
			if p := recover(); p != nil {
				slog.Error("panic", "batch", id, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			}
		}()
		ctx, cancel := context.WithTimeout(context.Background(), stretch)
		defer cancel()
		d.work(ctx, id)
		waiting, err := d.batches.Store().Open(ctx)
		if err != nil {
			slog.Error("batches not listed", "error", err.Error())
		}
		for _, next := range waiting {
			if next != id {
				d.work(ctx, next)
			}
		}
	}()
}

func (d *desk) work(ctx context.Context, id string) {
	if _, err := d.batches.Work(ctx, id); err != nil {
		slog.Error("batch stopped", "batch", id, "error", err.Error())
	}
}

// tick goes on with batches that a crash or a restart left, and gives up uploads
// that broke off long ago.
func (d *desk) tick(r *http.Request) error {
	ids, err := d.batches.Store().Open(r.Context())
	if err != nil {
		return err
	}
	for _, id := range ids {
		d.start(id)
	}
	return d.batches.Sweep(r.Context())
}
