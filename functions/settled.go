package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"

	"ipcredit/shared/open"
	"ipcredit/shared/page"
)

// settled holds every answer back until archived has returned. The embedded
// Redis forgets when the process ends: a commit waits for the archive itself,
// but somebody else can read its writes before that, a batch's progress for
// one, and must not be told what a crash would undo.
func settled(next http.Handler, archived func(context.Context) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(&heldAnswer{ResponseWriter: w, ctx: r.Context(), archived: archived}, r)
	})
}

// archivedBy returns a function that waits until the archive has every commit
// made before the call.
func archivedBy(env *open.Env) func(context.Context) error {
	return func(ctx context.Context) error {
		waiting, err := env.Redis.XLen(ctx, env.Journal.Key("journal")).Result()
		if err != nil || waiting == 0 {
			return err
		}
		if _, err := env.Archive.Run(ctx, env.Journal); err != nil {
			return fmt.Errorf("archiving: %w", err)
		}
		return nil
	}
}

// heldAnswer asks before its first byte.
type heldAnswer struct {
	http.ResponseWriter
	ctx      context.Context
	archived func(context.Context) error
	begun    bool
	dropped  bool
}

// Unwrap is for http.ResponseController.
func (w *heldAnswer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader sends the status, or 503 where what is told could be lost.
func (w *heldAnswer) WriteHeader(status int) {
	if w.begun {
		return
	}
	w.begun = true
	if err := w.archived(w.ctx); err != nil {
		slog.Error("an answer could not be made safe", "error", err.Error())
		w.dropped = true
		clear(w.Header())
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Retry-After", "5")
		w.ResponseWriter.WriteHeader(http.StatusServiceUnavailable)
		_, _ = fmt.Fprintln(w.ResponseWriter, page.Say(page.ZH, "page.kind.unavailable")) // the client may be gone
		return
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *heldAnswer) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.dropped {
		return len(p), nil
	}
	return w.ResponseWriter.Write(p)
}
