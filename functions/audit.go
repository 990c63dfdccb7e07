package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ipcredit/shared/notary"
	"ipcredit/shared/open"
)

// auditCommand checks a whole log, at its public address or in this
// installation's own stores, and may go on watching it.
func auditCommand(p *place) *cobra.Command {
	a := audit{place: p}
	c := &cobra.Command{
		Use:   "audit [ADDRESS]",
		Short: say("runner.audit.short"),
		Long:  say("runner.audit.long"),
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if a.every <= 0 || a.stored && (len(args) > 0 || a.follow || a.copyTo != "") {
				return &stop{exitUsage, say("runner.usage"), nil}
			}
			if a.stored {
				return a.own(cmd.Context())
			}
			address := strings.TrimSuffix(open.Value("public_url"), "/") + "/function/disclosure-publish"
			if len(args) > 0 {
				address = args[0]
			}
			src, err := publishedAt(address)
			if err != nil {
				return err
			}
			return a.public(cmd.Context(), src)
		},
	}
	c.Flags().StringVar(&a.key, "key", "", say("runner.audit.key"))
	c.Flags().StringVar(&a.memory, "remember", "", say("runner.audit.remember"))
	c.Flags().BoolVar(&a.follow, "follow", false, say("runner.audit.follow"))
	c.Flags().DurationVar(&a.every, "every", time.Minute, say("runner.audit.every"))
	c.Flags().StringVar(&a.copyTo, "copy", "", say("runner.audit.copy"))
	c.Flags().BoolVar(&a.stored, "stored", false, say("runner.audit.stored"))
	return c
}

// audit is one call of the command.
type audit struct {
	place  *place
	key    string // a file of public keys, or the key itself
	memory string // the file of remembered checkpoints
	copyTo string // the folder of a copy
	follow bool
	every  time.Duration
	stored bool
}

// auditMemory is the file that an auditor keeps: without it everything that is
// shown to him could be new each time.
type auditMemory struct {
	// Addresses tell which log was found where. Logs are kept by origin: one that
	// moves, or a mirror of it, is the same log.
	Addresses map[string]string      `json:"addresses"`
	Logs      map[string]*remembered `json:"logs"`
}

// remembered is what is kept of one log.
type remembered struct {
	// Key are the public keys it was first seen with.
	Key string `json:"key"`
	// Checkpoints are signed notes, the oldest first.
	Checkpoints []string `json:"checkpoints"`
}

// mostRemembered bounds the file. The newest checkpoint vouches for all before
// it; older ones are kept because they are evidence.
const mostRemembered = 1000

// mostAway is how many rounds in a row a log that is followed may be away.
const mostAway = 5

// publishedAt is the log at an address or in a folder.
func publishedAt(address string) (published, error) {
	if strings.HasPrefix(address, "http://") || strings.HasPrefix(address, "https://") {
		return site{address: strings.TrimSuffix(address, "/"), client: &http.Client{Timeout: 30 * time.Second}}, nil
	}
	if info, err := os.Stat(address); err == nil && info.IsDir() {
		return folder{address}, nil
	}
	return nil, &stop{exitUsage, say("runner.audit.address", address), nil}
}

// public audits a log, once or until it fails.
func (a audit) public(ctx context.Context, src published) error {
	file := a.memory
	if file == "" {
		file = filepath.Join(a.place.data, "audit.json")
	}
	for away := 0; ; {
		err := a.round(ctx, src, file)
		var s *stop
		switch {
		case ctx.Err() != nil:
			return nil // stopped by the person who started it
		case err == nil:
			away = 0
		case !a.follow || !errors.As(err, &s) || s.code != exitUnreachable:
			return err
		default:
			if away++; away >= mostAway {
				return err
			}
			fmt.Fprintln(os.Stderr, "ipcredit:", err)
		}
		if !a.follow {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(a.every):
		}
	}
}

// round audits the log once, against what is remembered of it, and remembers its
// checkpoint.
func (a audit) round(ctx context.Context, src published, file string) error {
	kept, err := recall(file)
	if err != nil {
		return err
	}
	v, key, err := a.publicKey(ctx, src, kept)
	if err != nil {
		return err
	}
	log := kept.Logs[v.Origin()]
	if log == nil {
		log = &remembered{}
	}
	notes := make([][]byte, len(log.Checkpoints))
	for i, n := range log.Checkpoints {
		notes[i] = []byte(n)
	}
	start := time.Now()
	from := notary.Source(src)
	var reading *copying
	if a.copyTo != "" {
		var known []byte
		if reading, known, err = copyInto(a.copyTo, src, v); err != nil {
			return err
		}
		if known != nil {
			notes = append(notes, known)
		}
		from = reading
	}
	found, err := notary.Audit(ctx, from, v, notes, nil)
	if err != nil {
		return a.alarm(src.name(), err)
	}
	if reading != nil {
		if err := reading.take(found.Note, found.Size, key); err != nil {
			return err
		}
	}
	log.Key, kept.Logs[v.Origin()], kept.Addresses[src.name()] = key, log, v.Origin()
	if n := len(log.Checkpoints); n == 0 || log.Checkpoints[n-1] != string(found.Note) {
		log.Checkpoints = append(log.Checkpoints, string(found.Note))
		if len(log.Checkpoints) > mostRemembered {
			log.Checkpoints = log.Checkpoints[len(log.Checkpoints)-mostRemembered:]
		}
	}
	if err := kept.keep(file); err != nil {
		return err
	}
	return a.report(found, start)
}

// report prints what an audit has found in order.
func (a audit) report(found notary.Findings, start time.Time) error {
	took := time.Since(start)
	return a.place.print(map[string]any{
		"ok": true, "log": found.Origin, "size": found.Size, "root": found.Root[:],
		"entries": found.Entries, "objects": found.Objects, "seconds": took.Seconds(),
	}, "runner.audit.ok", found.Origin, found.Size, found.Objects, took.Round(time.Millisecond))
}

// publicKey is the key that the log is checked with: the one given, else the one
// remembered, else the one that the log shows at the first time. A log that is
// known under another address keeps the key it is known with, whatever is shown.
func (a audit) publicKey(ctx context.Context, src published, kept *auditMemory) (*notary.Verifier, string, error) {
	parse := func(key string, err error) (*notary.Verifier, string, error) {
		if err != nil {
			return nil, "", err
		}
		v, err := notary.ParsePublic(key)
		if err != nil {
			return nil, "", &stop{exitUsage, say("runner.verify.bad_key"), err}
		}
		return v, key, nil
	}
	if a.key != "" {
		return parse(keyText(a.key))
	}
	if log := kept.Logs[kept.Addresses[src.name()]]; log != nil {
		return parse(log.Key, nil)
	}
	data, err := src.get(ctx, keyPath)
	if err != nil {
		return nil, "", unreachable(err, "runner.audit.away", src.name())
	}
	v, err := notary.ParsePublic(string(data))
	if err != nil {
		return nil, "", unreachable(err, "runner.audit.away", src.name())
	}
	if log := kept.Logs[v.Origin()]; log != nil {
		return parse(log.Key, nil)
	}
	fmt.Fprintln(os.Stderr, say("runner.audit.first_key", strings.TrimSpace(string(data))))
	return v, string(data), nil
}

// alarm ends the audit: exit 1 with the evidence where there is some, 3 where
// the log could not be read.
func (a audit) alarm(address string, err error) error {
	if !errors.Is(err, notary.ErrBroken) && !errors.Is(err, notary.ErrSignature) {
		if errors.Is(err, notary.ErrNotFound) {
			return unreachable(nil, "runner.audit.empty", address)
		}
		return unreachable(err, "runner.audit.away", address)
	}
	var fork *notary.Fork
	if errors.As(err, &fork) {
		err := a.place.print(
			map[string]any{"ok": false, "why": fork.Why, "remembered": string(fork.Remembered), "served": string(fork.Served)},
			"runner.audit.fork", string(fork.Remembered), string(fork.Served))
		if err != nil {
			return err
		}
	} else if a.place.json {
		if err := a.place.print(map[string]any{"ok": false, "why": err.Error()}, ""); err != nil {
			return err
		}
	}
	return &stop{exitFailed, say("runner.audit.broken", address), err}
}

// own audits both logs in this installation's stores: all that is public, and
// every checkpoint's object, which is not.
func (a audit) own(ctx context.Context) error {
	return withParts(ctx, *a.place, func(env *open.Env) error {
		for _, log := range []struct{ name, secret string }{
			{notary.Disclosure, "log-key"}, {notary.Intake, "receipt-signing"},
		} {
			key, err := a.place.logKey(log.secret)
			if err != nil {
				return unreachable(err, "runner.fail.secret", log.secret)
			}
			v, err := notary.ParsePublic(key.Public())
			if err != nil {
				return unreachable(err, "runner.fail.secret", log.secret)
			}
			start := time.Now()
			l := notary.Open(env.Journal, env.Objects.Main, log.name, key)
			_, err = l.Check(ctx)
			if errors.Is(err, notary.ErrNotFound) {
				// Nobody has sequenced it yet.
				if err := a.place.print(map[string]any{"ok": true, "log": key.Origin(), "size": 0}, "runner.audit.empty", key.Origin()); err != nil {
					return err
				}
				continue
			}
			if err != nil {
				return a.alarm(key.Origin(), err)
			}
			found, err := notary.Audit(ctx, l, v, nil, nil)
			if err != nil {
				return a.alarm(key.Origin(), err)
			}
			if err := a.report(found, start); err != nil {
				return err
			}
		}
		return nil
	})
}

func recall(file string) (*auditMemory, error) {
	kept := &auditMemory{}
	data, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(data, kept)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, unreachable(err, "runner.fail.read", file)
	}
	if kept.Logs == nil {
		kept.Logs = map[string]*remembered{}
	}
	if kept.Addresses == nil {
		kept.Addresses = map[string]string{}
	}
	return kept, nil
}

// keep writes the file whole or not at all.
func (m *auditMemory) keep(file string) error {
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	if err = os.MkdirAll(filepath.Dir(file), 0o700); err == nil {
		next := file + ".new"
		if err = os.WriteFile(next, append(data, '\n'), 0o600); err == nil {
			err = os.Rename(next, file)
		}
	}
	if err != nil {
		return unreachable(err, "runner.fail.write", file)
	}
	return nil
}

// site is a log at its public address.
type site struct {
	address string
	client  *http.Client
}

// Checkpoint implements notary.Source.
func (s site) Checkpoint(ctx context.Context) ([]byte, error) { return s.get(ctx, "checkpoint") }

// Object implements notary.Source.
func (s site) Object(ctx context.Context, path string) ([]byte, error) { return s.get(ctx, path) }

func (s site) name() string { return s.address }

// attempts is how often something is asked for before the log counts as away.
const attempts = 3

// get reads one file of the log. notary.ErrNotFound says that the log answered
// and does not have it, or not as it was written; everything else may be the
// network's fault.
func (s site) get(ctx context.Context, path string) ([]byte, error) {
	var last error
	for i := range attempts {
		if i > 0 {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(200 * time.Millisecond):
			}
		}
		data, again, err := s.once(ctx, path)
		if err == nil || !again {
			return data, err
		}
		last = err
	}
	return nil, last
}

func (s site) once(ctx context.Context, path string) (data []byte, again bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.address+"/"+path, nil)
	if err != nil {
		return nil, false, fmt.Errorf("audit: %w", err)
	}
	res, err := s.client.Do(req)
	if err != nil {
		return nil, true, fmt.Errorf("audit: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	data, err = io.ReadAll(io.LimitReader(res.Body, mostFile+1))
	switch {
	case res.StatusCode == http.StatusNotFound || res.StatusCode == http.StatusGone:
		return nil, false, notary.ErrNotFound
	case res.StatusCode != http.StatusOK:
		return nil, true, fmt.Errorf("audit: %s answers %s", path, res.Status)
	case err != nil:
		return nil, true, fmt.Errorf("audit: %s: %w", path, err)
	case len(data) > mostFile:
		return nil, false, fmt.Errorf("audit: %s is larger than %d MiB", path, mostFile>>20)
	}
	return data, false, nil
}
