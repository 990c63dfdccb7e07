package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// child is a server this program started and will end.
type child struct {
	cmd  *exec.Cmd
	done chan struct{}
	once sync.Once
}

// startChild starts the server in the name of data, which no second one may use:
// the child holds a lock as long as it lives, even when this program was killed
// and its successor is quicker than the child's end.
func startChild(ctx context.Context, name, data, log string, env []string, path string, args ...string) (*child, error) {
	lock, err := lockOf(ctx, filepath.Join(data, name+".lock"))
	if err != nil {
		return nil, unreachable(err, "runner.fail.orphan", name, data)
	}
	defer func() { _ = lock.Close() }() // the child has its own copy
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, unreachable(err, "runner.fail.write", log)
	}
	defer func() { _ = out.Close() }()
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = out, out
	if lock != nil {
		cmd.ExtraFiles = []*os.File{lock}
	}
	cmd.Env = append(os.Environ(), env...)
	// Ctrl-C reaches the whole terminal group; a child must outlive it until the
	// calls under way are finished.
	cmd.SysProcAttr = apart()
	if err := cmd.Start(); err != nil {
		return nil, unreachable(err, "runner.fail.start", path)
	}
	c := &child{cmd: cmd, done: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // its exit is seen by wait or expected by stop
		close(c.done)
	}()
	return c, nil
}

// lockOf takes the lock, waiting for a child of an earlier start to end: it was
// told to when that start was killed, and writes what it holds first.
func lockOf(ctx context.Context, path string) (*os.File, error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		f, err := lockFile(path)
		if err == nil {
			return f, nil
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-again.C:
		}
	}
}

// askAtMost is how long one question to a child waits: one that came while it was
// starting may never be answered, and the next one is.
const askAtMost = 5 * time.Second

// wait asks until the child answers, ends, or the time is over.
func (c *child) wait(ctx context.Context, limit time.Duration, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		err := func() error {
			once, enough := context.WithTimeout(ctx, askAtMost)
			defer enough()
			return ask(once)
		}()
		if err == nil {
			return nil
		}
		select {
		case <-c.done:
			return fmt.Errorf("it ended: %w", err)
		case <-ctx.Done():
			return fmt.Errorf("it does not answer: %w", err)
		case <-again.C:
		}
	}
}

// stop asks the child to end, and ends it after ten seconds.
func (c *child) stop() {
	c.once.Do(func() {
		_ = c.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-c.done:
		case <-time.After(10 * time.Second):
			_ = c.cmd.Process.Kill()
			<-c.done
		}
	})
}

func answers(ctx context.Context, address string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return fmt.Errorf("asking: %w", err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("asking: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("answered %s", res.Status)
	}
	return nil
}
