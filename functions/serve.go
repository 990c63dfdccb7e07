package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/open"
)

// serve runs the city until ctx ends.
func serve(ctx context.Context, p place, demo bool) error {
	listener, err := net.Listen("tcp", p.addr)
	if err != nil {
		return unreachable(err, "runner.fail.listen", p.addr)
	}
	defer func() { _ = listener.Close() }()
	if err := claimData(p.data); err != nil {
		return err
	}
	log, err := logTo(p.data)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()

	origin := "http://" + reachable(listener.Addr())
	settings := map[string]string{}
	if os.Getenv("trusted_hops") == "" {
		settings["trusted_hops"] = "1" // this gateway appends the client's address
	}
	if os.Getenv("public_url") == "" {
		settings["public_url"] = origin
	}
	if demo {
		settings["demo"] = "1"
	}
	open.Use(settings)

	parts, err := startParts(ctx, p)
	if err != nil {
		return err
	}
	defer parts.stop()
	for _, line := range parts.lines {
		fmt.Println(line)
	}
	if demo {
		if err := loadDemo(ctx, p, origin); err != nil {
			return err
		}
	}

	handler := gateway()
	if parts.embedded != nil {
		env, err := open.Open(operator)
		if err != nil {
			return unreachable(err, "runner.fail.settings")
		}
		handler = settled(handler, archivedBy(env))
	}
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 20 * time.Second, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(slog.Default().Handler(), slog.LevelWarn),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	fmt.Printf("\n%s\n\n", say("runner.serving", origin+"/", log.Name()))

	ticking, stopTicking := context.WithCancel(ctx)
	defer stopTicking()
	go tick(ticking, server.Handler, parts)

	select {
	case err := <-served:
		return fmt.Errorf("serving: %w", err)
	case <-ctx.Done():
	}
	stopTicking()
	finish, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := server.Shutdown(finish); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("stopping: %w", err)
	}
	return nil
}

// reachable is the address a person on this machine can type: one that listens
// everywhere is reached by the loopback.
func reachable(a net.Addr) string {
	if tcp, ok := a.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return fmt.Sprintf("127.0.0.1:%d", tcp.Port)
	}
	return a.String()
}

// tick calls the functions that a cron connector would call, and moves the
// embedded Redis's clock, which does not run by itself.
func tick(ctx context.Context, h http.Handler, parts *parts) {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for n := 0; ; n++ {
		if n%60 == 0 {
			for name, f := range functions {
				if f.ticks {
					r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/function/"+name, nil)
					h.ServeHTTP(httptest.NewRecorder(), r)
				}
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-second.C:
			if parts.embedded != nil {
				parts.embedded.FastForward(time.Second)
			}
		}
	}
}

// claimData makes the data directory and keeps a second program out of it.
func claimData(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return unreachable(err, "runner.fail.data", dir)
	}
	probe, err := os.CreateTemp(dir, ".write-*")
	if err != nil {
		return unreachable(err, "runner.fail.data_write", dir)
	}
	_ = probe.Close()
	if err := os.Remove(probe.Name()); err != nil {
		return unreachable(err, "runner.fail.data_write", dir)
	}
	if held, err = lockFile(filepath.Join(dir, "lock")); err != nil {
		return unreachable(err, "runner.fail.taken", dir)
	}
	return nil
}

// held keeps the lock's file open for the life of the process: closing it would
// let another program in.
//
//lint:ignore U1000 it is kept, never read
var held *os.File

// logTo makes what the program notes go to a file under dir: the terminal is for
// what a person should read.
func logTo(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "log.jsonl"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, unreachable(err, "runner.fail.write", filepath.Join(dir, "log.jsonl"))
	}
	slog.SetDefault(slog.New(slog.NewJSONHandler(f, nil)))
	redis.SetLogger(redisLog{})
	return f, nil
}

// redisLog keeps the client library's notes off the terminal.
type redisLog struct{}

// Printf notes a line.
func (redisLog) Printf(ctx context.Context, format string, args ...any) {
	slog.WarnContext(ctx, "redis", "note", fmt.Sprintf(format, args...))
}
