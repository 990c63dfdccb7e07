package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"ipcredit/shared/journal"
	"ipcredit/shared/notary"
	"ipcredit/shared/open"
)

// logBatch is how many leaves wait when a checkpoint is made: an import's slice.
const logBatch = 1000

// benchLog appends to the log of disclosures as an import and the tick after it
// do, and then reads all of it again: from the stores, as `audit -stored` does,
// and at the public address, as anybody does.
func benchLog(ctx context.Context, env *open.Env, dir string, s scale) ([]measured, error) {
	secret, err := os.ReadFile(filepath.Join(open.Value("secret_mount_path"), "log-key"))
	if err != nil {
		return nil, fmt.Errorf("key of the log: %w", err)
	}
	key, err := notary.ParseKey(secret)
	if err != nil {
		return nil, fmt.Errorf("key of the log: %w", err)
	}
	verifier, err := notary.ParsePublic(key.Public())
	if err != nil {
		return nil, fmt.Errorf("key of the log: %w", err)
	}
	log := notary.Open(env.Journal, env.Objects.Main, notary.Disclosure, key)
	// What other steps have left, and the checkpoint of the empty log.
	for n := 1; n > 0; {
		if n, err = log.Sequence(ctx, time.Now()); err != nil {
			return nil, err
		}
	}
	var queued, sequenced time.Duration
	for i := 0; i < s.leaves; i += logBatch {
		n := min(logBatch, s.leaves-i)
		begun := time.Now()
		if err := queueLeaves(ctx, env.Journal, log, i, n); err != nil {
			return nil, err
		}
		queued += time.Since(begun)
		begun = time.Now()
		got, err := log.Sequence(ctx, time.Now())
		if err != nil {
			return nil, err
		}
		if got != n {
			return nil, fmt.Errorf("%d of %d leaves sequenced", got, n)
		}
		sequenced += time.Since(begun)
		if i/logBatch%50 == 49 { // what deadline-tick does
			if _, err := env.Archive.Run(ctx, env.Journal); err != nil {
				return nil, err
			}
		}
	}
	each := func(d time.Duration) float64 { return d.Seconds() * 1000 / float64(s.leaves) }
	leaf := each(queued) + each(sequenced)
	rows := []measured{{say("runner.bench.log.leaf", logBatch), "≤ 0.5 ms",
		say("runner.bench.log.leaf.seen", leaf, each(queued), each(sequenced), s.leaves), leaf <= .5}}

	c, address, err := benchImage(ctx, dir, "disclosure-publish")
	if err != nil {
		return nil, err
	}
	defer c.stop()
	for _, src := range []struct {
		what string
		notary.Source
	}{
		{say("runner.bench.log.stored"), log},
		{say("runner.bench.log.public"), site{address: address, client: &http.Client{Timeout: 30 * time.Second}}},
	} {
		begun := time.Now()
		found, err := notary.Audit(ctx, src, verifier, nil, nil)
		if err != nil {
			return nil, err
		}
		took := time.Since(begun)
		rows = append(rows, measured{src.what, say("runner.bench.log.audit.budget"),
			say("runner.bench.log.audit.seen", found.Entries, took.Seconds()), took.Seconds() <= 20*float64(found.Entries)/1e6})
	}
	return rows, nil
}

// queueLeaves queues leaves in one commit, each with a key of its own for its
// index, as a changed profile has.
func queueLeaves(ctx context.Context, j *journal.Journal, log *notary.Log, from, n int) error {
	now := time.Now()
	return j.Commit(ctx, journal.Entry{Actor: "system", Action: "bench.leaves", At: now}, nil, func(tx *journal.Tx) error {
		for i := from; i < from+n; i++ {
			leaf := notary.Leaf{
				V: 1, Event: "profile", At: now.UTC().Truncate(time.Second).Format(time.RFC3339),
				Commitment: notary.Commit(notary.NewSalt(), []byte(benchName(i))),
			}
			if err := log.Queue(tx, "bench:"+benchCode(i), leaf, j.Key("bench", "log", strconv.Itoa(i))); err != nil {
				return err
			}
		}
		return nil
	})
}
