package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/open"
)

// settled holds every answer back until archived has returned. The embedded
// Redis forgets when the process ends: a commit waits for the archive itself,
// but somebody else can read its writes before that, a batch's progress for
// one, and must not be told what a crash would undo.
func settled(next http.Handler, archived func(context.Context) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(&heldAnswer{ResponseWriter: w, request: r, archived: archived}, r)
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
	request  *http.Request
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
	if err := w.archived(w.request.Context()); err != nil {
		slog.Error("an answer could not be made safe", "error", err.Error())
		w.dropped = true
		clear(w.Header())
		fn.Refuse(w.ResponseWriter, w.request, fault.New(fault.Unavailable, "fn.away").After(5*time.Second))
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
