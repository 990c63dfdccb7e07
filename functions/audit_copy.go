package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"ipcredit/shared/notary"
)

// published is a log as anybody can read it: a notary.Source, and its key.
type published interface {
	notary.Source
	// name is the address, for people and for the memory.
	name() string
	// get reads one file of the log by its path below the address.
	get(ctx context.Context, path string) ([]byte, error)
}

// keyPath is where a log shows its public key, below its address.
const keyPath = "log/key"

// folder is a log in plain files: what a copy of one is, see copying.
type folder struct{ dir string }

// Checkpoint implements notary.Source.
func (f folder) Checkpoint(ctx context.Context) ([]byte, error) { return f.get(ctx, "checkpoint") }

// Object implements notary.Source.
func (f folder) Object(ctx context.Context, path string) ([]byte, error) { return f.get(ctx, path) }

func (f folder) name() string {
	if whole, err := filepath.Abs(f.dir); err == nil {
		return whole
	}
	return f.dir
}

func (f folder) get(_ context.Context, path string) ([]byte, error) {
	data, err := os.ReadFile(f.file(path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", notary.ErrNotFound, err)
	}
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	return data, nil
}

func (f folder) file(path string) string { return filepath.Join(f.dir, filepath.FromSlash(path)) }

// copying reads a log and keeps what it reads, to become a copy of it in plain
// files that any server of files can show, and that is audited like the log
// itself. What was read becomes part of the copy only when the whole has been
// found sound: see take. So a copy always is a log that was sound once, and the
// checkpoints in it are evidence of what was shown.
type copying struct {
	published
	into folder
	mu   sync.Mutex
	read map[string]bool // paths of tiles that wait
}

// unproved is the folder of what is not part of the copy yet.
const unproved = ".reading"

// copyInto begins to read the log into the folder. known is the newest checkpoint
// of the copy that is there, nil where there is none: it is remembered like any
// other. A folder with the copy of another log is refused.
func copyInto(dir string, src published, v *notary.Verifier) (c *copying, known []byte, err error) {
	c = &copying{published: src, into: folder{dir}, read: map[string]bool{}}
	known, err = c.into.get(context.Background(), "checkpoint")
	switch {
	case errors.Is(err, notary.ErrNotFound):
		known = nil
	case err != nil:
		return nil, nil, unreachable(err, "runner.fail.read", dir)
	default:
		if _, err := v.Checkpoint(known); err != nil {
			return nil, nil, &stop{exitUsage, say("runner.audit.other_copy", dir), err}
		}
	}
	if err := os.RemoveAll(c.into.file(unproved)); err != nil {
		return nil, nil, unreachable(err, "runner.fail.write", c.into.file(unproved))
	}
	return c, known, nil
}

// Object implements notary.Source.
func (c *copying) Object(ctx context.Context, path string) ([]byte, error) {
	data, err := c.published.Object(ctx, path)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.read[path] = true
	c.mu.Unlock()
	if there, err := c.into.get(ctx, path); err == nil && bytes.Equal(there, data) {
		return data, nil
	}
	return data, write(c.into.file(unproved+"/"+path), data)
}

// take makes a sound log the copy: its tiles first, its checkpoint last, so that
// whoever reads the copy meanwhile finds a whole one.
func (c *copying) take(note []byte, size int64, key string) error {
	for path := range c.read {
		from, to := c.into.file(unproved+"/"+path), c.into.file(path)
		if _, err := os.Stat(from); errors.Is(err, fs.ErrNotExist) {
			continue // it was there already
		}
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return unreachable(err, "runner.fail.write", to)
		}
		if err := os.Rename(from, to); err != nil {
			return unreachable(err, "runner.fail.write", to)
		}
	}
	if err := os.RemoveAll(c.into.file(unproved)); err != nil {
		return unreachable(err, "runner.fail.write", c.into.file(unproved))
	}
	for _, f := range []struct {
		path string
		data []byte
	}{
		{fmt.Sprintf("checkpoints/%012d", size), note}, {keyPath, []byte(key)}, {"checkpoint", note},
	} {
		if there, err := os.ReadFile(c.into.file(f.path)); err == nil && bytes.Equal(there, f.data) {
			continue
		}
		if err := write(c.into.file(f.path), f.data); err != nil {
			return err
		}
	}
	return c.prune()
}

// prune removes parts of tiles that the newest checkpoint has more of.
func (c *copying) prune() error {
	root := c.into.file("tile")
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(filepath.Dir(file), ".p") {
			return err
		}
		rel, err := filepath.Rel(c.into.dir, file)
		if err == nil && !c.read[path.Clean(filepath.ToSlash(rel))] {
			err = os.Remove(file)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return unreachable(err, "runner.fail.write", root)
	}
	return nil
}

// write writes a file whole or not at all.
func write(file string, data []byte) error {
	err := os.MkdirAll(filepath.Dir(file), 0o755)
	if err == nil {
		if err = os.WriteFile(file+".new", data, 0o644); err == nil {
			err = os.Rename(file+".new", file)
		}
	}
	if err != nil {
		return unreachable(err, "runner.fail.write", file)
	}
	return nil
}
