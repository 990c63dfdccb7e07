package fn

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os/signal"
	"runtime/debug"
	"sync/atomic"
	"syscall"

	"ipcredit/shared/open"
)

// alone tells that this process serves one function and nothing else.
var alone atomic.Bool

// Lean makes the garbage collector run when the heap has grown by so many percent
// instead of by its double, where the process serves this function alone. It is for
// functions that hold bodies of some MiB for a moment: such blocks cost the collector
// next to nothing, and what is not in use any more would take as much room again.
func Lean(percent int) {
	if alone.Load() {
		debug.SetGCPercent(percent)
	}
}

// Main is the container's entrypoint: it serves f until SIGTERM, then refuses
// new calls (503), finishes those under way and returns. The watchdog passes
// SIGTERM on at once, so finishing is our duty.
func Main(f Func) {
	alone.Store(true)
	settings := open.ReadEdge()
	slog.SetDefault(open.Log())
	front := &edge{call: f, settings: settings, log: slog.Default()}
	server := &http.Server{
		Addr:              settings.Listen,
		Handler:           front,
		ReadTimeout:       settings.ReadTimeout,
		ReadHeaderTimeout: settings.ReadTimeout,
		WriteTimeout:      settings.WriteTimeout,
		MaxHeaderBytes:    64 << 10,
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	done := make(chan struct{})
	go func() {
		defer close(done)
		<-ctx.Done()
		front.draining.Store(true)
		finish, cancel := context.WithTimeout(context.Background(), settings.WriteTimeout)
		defer cancel()
		if err := server.Shutdown(finish); err != nil {
			slog.Error("draining", "error", err.Error())
		}
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		slog.Error("serving", "error", err.Error())
		stop()
	}
	<-done
}
