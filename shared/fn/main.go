package fn

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os/signal"
	"syscall"

	"ipcredit/shared/open"
)

// Main is the container's entrypoint: it serves f until SIGTERM, then refuses
// new calls (503), finishes those under way and returns. The watchdog passes
// SIGTERM on at once, so finishing is our duty.
func Main(f Func) {
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
