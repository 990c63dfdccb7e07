// Package journal makes every change of state one transaction that also says
// who changed what, so that state, indexes, audit trail and change feed cannot
// disagree.
//
// A commit WATCHes what it reads, then sends one MULTI/EXEC with its writes and
// one XADD to the city's journal. The entry holds the writes themselves in
// replayable form (absolute values only), so an empty Redis is
// rebuilt from the journal's archive in object storage alone.
//
// Keys of one city share a hash tag, {410700}, so that a transaction stays on
// one slot of a cluster. The package's own keys:
//
//	{city}:journal          the stream of entries not yet archived
//	{city}:journal:head     hash: seq, hash, last — the newest archived segment
//	{city}:seq:<name>       counters of number series
//	{city}:tmp:…            sessions, tickets, locks: outside all of this
//	{city}:tmp:journal      bytes of writes in the stream, about
//	{city}:tmp:restoring    there while the state is part of what is being restored
//	{city}:tmp:restore      who restores
package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/fault"
)

// schema is the version written with each entry. A later version may add
// fields and write commands; it never changes the meaning of an old one.
const schema = "1"

// schemaPacked is the version of an entry in the stream whose writes are packed,
// see packed. The archive has such an entry only where a deadline-tick moved it that
// is older than the function which made it.
const schemaPacked = "2"

// attempts bounds how often a commit starts again because somebody else
// changed what it had read. Keys are per record, so more than a few in a row
// means that the caller watches something shared.
const attempts = 24

// KeepSegments is how long the store is asked to lock a segment of the archive.
// Ours to choose: the audit trail must outlive the three years for which records
// of personal data being provided are kept (网络数据安全管理条例 art. 12).
const KeepSegments = 3 * 366 * 24 * time.Hour

// Options of a journal. The zero value keeps entries in Redis until
// deadline-tick archives them.
type Options struct {
	// Archive, when set with Sync, is filled before a commit returns: an
	// acknowledged change then survives the loss of Redis.
	Archive *Archive
	Sync    bool
	// Backlog is how many entries, and BacklogBytes how many bytes of writes, may
	// wait for the archive before Room refuses; 0 means 20,000 and 256 MiB.
	Backlog      int64
	BacklogBytes int64
}

// Journal commits changes of one city.
type Journal struct {
	rdb     redis.UniversalClient
	city    string
	options Options
	// flushing lets one commit at a time archive in sync mode.
	flushing sync.Mutex
	// under holds a token for each commit under way, at most half as many as the
	// client has connections: a commit holds one, and may read through another.
	// Were all taken by commits, each would wait for the others for ever.
	under chan struct{}
}

// New returns the journal of the city with this GB/T 2260 code.
func New(rdb redis.UniversalClient, city string, options Options) *Journal {
	if options.Backlog == 0 {
		options.Backlog = 20_000
	}
	if options.BacklogBytes == 0 {
		options.BacklogBytes = 256 << 20
	}
	return &Journal{rdb: rdb, city: city, options: options, under: make(chan struct{}, max(1, connections(rdb)/2))}
}

// connections is how many connections the client opens at most, to one server.
func connections(rdb redis.UniversalClient) int {
	switch c := rdb.(type) {
	case *redis.Client:
		return c.Options().PoolSize
	case *redis.ClusterClient:
		return c.Options().PoolSize
	}
	return 2
}

// Away tells whether err means that Redis cannot be reached or does not answer in
// time: asking again later may help.
func Away(err error) bool {
	var network net.Error
	var told redis.Error
	if errors.As(err, &told) {
		for _, state := range []string{"LOADING ", "READONLY ", "CLUSTERDOWN ", "MASTERDOWN ", "TRYAGAIN "} {
			if strings.HasPrefix(told.Error(), state) {
				return true
			}
		}
	}
	return errors.As(err, &network) || errors.Is(err, io.EOF) ||
		errors.Is(err, redis.ErrClosed) || errors.Is(err, redis.ErrPoolTimeout)
}

// Entry says who did what to which record.
type Entry struct {
	Actor  string    // user, key id or "system"; never a name or a secret
	Action string    // "<matter>.<verb>", for example "credit.import"
	Ref    string    // the record, as its matter names it
	At     time.Time // when, as the caller's clock has it; stored in UTC
	Rule   string    // rule set version applied, if any
}

// Key is the name of a key of this city: {city}:a:b.
func (j *Journal) Key(parts ...string) string {
	if len(parts) == 0 {
		return "{" + j.city + "}:"
	}
	size := len(j.city) + 2 + len(parts)
	for _, part := range parts {
		size += len(part)
	}
	var b strings.Builder
	b.Grow(size) // an import makes fifty names a row
	b.WriteByte('{')
	b.WriteString(j.city)
	b.WriteByte('}')
	for _, part := range parts {
		b.WriteByte(':')
		b.WriteString(part)
	}
	return b.String()
}

// Tmp is the name of a key that no journal, archive, restore or digest covers.
func (j *Journal) Tmp(parts ...string) string {
	return j.Key(append([]string{"tmp"}, parts...)...)
}

// City is the GB/T 2260 code of the city.
func (j *Journal) City() string { return j.city }

// Redis is for reads outside a commit and for keys under Tmp. Whoever writes
// any other key with it makes state that a restore cannot bring back.
func (j *Journal) Redis() redis.UniversalClient { return j.rdb }

// Commit runs f and applies what it queued, all or nothing, with one journal
// entry. f may read through tx.Read; when a watched key changes before the
// writes are applied, f runs again from the start, so it must depend on nothing
// but what it reads. A commit without writes leaves no entry. An error from f
// is returned as it is and nothing is written.
func (j *Journal) Commit(ctx context.Context, entry Entry, watch []string, f func(tx *Tx) error) error {
	if entry.Actor == "" || entry.Action == "" || entry.At.IsZero() {
		return fmt.Errorf("journal: entry without actor, action or time: %q", entry.Action)
	}
	for range attempts {
		err := j.watching(ctx, watch, func(rtx *redis.Tx) error {
			tx := &Tx{ctx: ctx, read: rtx, journal: j}
			if err := f(tx); err != nil {
				return err
			}
			if tx.Empty() {
				return nil
			}
			writes, version := packed(tx.encoded())
			_, err := rtx.TxPipelined(ctx, func(p redis.Pipeliner) error {
				tx.apply(p)
				p.Do(ctx, "XADD", j.Key("journal"), "*",
					"actor", entry.Actor, "action", entry.Action, "ref", entry.Ref,
					"at", entry.At.UTC().Format(time.RFC3339Nano), "rule", entry.Rule,
					"v", version, "w", writes)
				p.IncrBy(ctx, j.Tmp("journal"), int64(len(writes)))
				for _, w := range tx.beside {
					p.Do(ctx, arguments(w)...)
				}
				return nil
			})
			return err
		})
		switch {
		case err == nil:
			return j.flush(ctx)
		case errors.Is(err, redis.TxFailedErr):
			continue
		default:
			return err
		}
	}
	return fault.New(fault.Conflict, "journal.busy").After(time.Second)
}

// watching runs f on a connection that watches the keys, and refuses while the
// city is being restored: what is written into a part of it would be lost, or keep
// the rest out. The mark is watched too, so a restore that begins now makes f's
// transaction fail. It is the one key of the whole city that is, and hardly ever
// written.
func (j *Journal) watching(ctx context.Context, keys []string, f func(*redis.Tx) error) error {
	select {
	case j.under <- struct{}{}:
		defer func() { <-j.under }()
	case <-ctx.Done():
		return fmt.Errorf("journal: waiting for other commits: %w", ctx.Err())
	}
	mark := j.restoring()
	first := []string{mark}
	if _, single := j.rdb.(*redis.Client); single {
		first = nil // a cluster needs a key to find the node, and a round trip for it
	}
	return j.rdb.Watch(ctx, func(tx *redis.Tx) error {
		pipe := tx.Pipeline()
		args := []any{"WATCH", mark}
		for _, key := range keys {
			args = append(args, key)
		}
		pipe.Do(ctx, args...)
		marked := pipe.Exists(ctx, mark)
		if _, err := pipe.Exec(ctx); err != nil {
			return fmt.Errorf("journal: watch: %w", err)
		}
		if marked.Val() != 0 {
			return fault.New(fault.Unavailable, "journal.restoring").After(30 * time.Second)
		}
		return f(tx)
	}, first...)
}

func (j *Journal) flush(ctx context.Context) error {
	if !j.options.Sync || j.options.Archive == nil {
		return nil
	}
	j.flushing.Lock()
	defer j.flushing.Unlock()
	// The change is made; a caller that went away must not stop its archiving.
	_, err := j.options.Archive.Run(context.WithoutCancel(ctx), j)
	if err != nil {
		return fmt.Errorf("journal: change made but not archived: %w", err)
	}
	return nil
}

// Room refuses bulk work while the archive is far behind: the stream lives in
// memory that lookups need.
func (j *Journal) Room(ctx context.Context) error {
	pipe := j.rdb.Pipeline()
	entries, size := pipe.XLen(ctx, j.Key("journal")), pipe.Get(ctx, j.Tmp("journal"))
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return fmt.Errorf("journal: reading backlog: %w", err)
	}
	bytes, _ := size.Int64() // missing where nothing waits
	if entries.Val() > j.options.Backlog || bytes > j.options.BacklogBytes {
		return fault.New(fault.Unavailable, "journal.backlog").After(30 * time.Second)
	}
	return nil
}

// Next takes the next number of a series, starting at 1. Hand it to Tx.Counter
// in the commit that uses it; a number whose commit fails is lost, never used
// twice.
func (j *Journal) Next(ctx context.Context, name string) (int64, error) {
	return j.Take(ctx, name, 1)
}

// Take takes n numbers at once and returns the last.
func (j *Journal) Take(ctx context.Context, name string, n int64) (int64, error) {
	last, err := j.rdb.IncrBy(ctx, j.Key("seq", name), n).Result()
	if err != nil {
		return 0, fmt.Errorf("journal: next of %s: %w", name, err)
	}
	return last, nil
}
