package journal

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/redis/go-redis/v9"

	"ipcredit/shared/objects"
)

// segmentBytes is how many bytes of entries, before compression, one segment
// holds at most; an entry longer than that is a segment of its own.
const segmentBytes = 8 << 20

// batch is how many entries are read from Redis at once.
const batch = 200

// Archive keeps a city's journal in object storage as numbered segments. Each
// segment names the hash of the one before it, so that a missing, reordered or
// altered one is found; the object journal/<city>/head names the newest, so that
// a missing last one is found too. Segments are created, never replaced, and
// locked where the store can.
type Archive struct {
	store objects.Store
	// keep is how long the store is asked to lock a segment.
	keep time.Duration
	now  func() time.Time
}

// NewArchive returns the archive in store. keep is how long the store is asked
// to lock each segment; 0 asks for no lock. now is the clock that locks count
// from.
func NewArchive(store objects.Store, keep time.Duration, now func() time.Time) *Archive {
	return &Archive{store: store, keep: keep, now: now}
}

// ErrBroken is returned when segments do not form the chain they should:
// something was altered, removed or put in another order.
var ErrBroken = errors.New("journal: archive is broken")

// ErrBehind is returned when the archive holds changes that this Redis has
// lost: it must be restored before it takes new ones.
var ErrBehind = errors.New("journal: Redis lacks archived changes; run restore")

// header is the first line of a segment.
type header struct {
	V     int    `json:"v"`
	City  string `json:"city"`
	Seq   int64  `json:"seq"`
	Prev  string `json:"prev"`  // SHA-256 of the segment before, hex; "" for the first
	First string `json:"first"` // stream ids of the entries
	Last  string `json:"last"`
	Count int    `json:"count"`
}

// position is the newest archived segment.
type position struct {
	Seq  int64  `json:"seq"`
	Hash string `json:"hash"`
	Last string `json:"last"`
}

func segmentName(city string, seq int64) string {
	return fmt.Sprintf("journal/%s/%012d", city, seq)
}

func headName(city string) string { return "journal/" + city + "/head" }

// Run archives what is in the journal's stream and then drops it from Redis. It
// returns how many entries it moved. It may run in several processes at once,
// and after a crash at any point it goes on: a segment that is already there is
// adopted.
func (a *Archive) Run(ctx context.Context, j *Journal) (int, error) {
	head, err := a.position(ctx, j)
	if err != nil {
		return 0, err
	}
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return 0, fmt.Errorf("journal: zstd: %w", err)
	}
	defer func() { _ = z.Close() }()
	moved := 0
	for {
		entries, more, err := read(ctx, j, head.Last)
		if err != nil {
			return moved, err
		}
		if len(entries) == 0 {
			return moved, nil
		}
		h := header{
			V: 1, City: j.city, Seq: head.Seq + 1, Prev: head.Hash,
			First: entries[0].ID, Last: entries[len(entries)-1].ID, Count: len(entries),
		}
		data, err := pack(z, h, entries)
		if err != nil {
			return moved, err
		}
		attr := objects.Attr{Type: "application/zstd"}
		if a.keep > 0 {
			attr.RetainUntil = a.now().Add(a.keep)
		}
		_, err = a.store.Create(ctx, segmentName(j.city, h.Seq), data, attr)
		if errors.Is(err, objects.ErrExists) {
			if h, data, err = a.adopt(ctx, j, head); err != nil {
				return moved, err
			}
		} else if err != nil {
			return moved, fmt.Errorf("journal: archiving segment %d: %w", h.Seq, err)
		}
		sum := sha256.Sum256(data)
		head = position{Seq: h.Seq, Hash: hex.EncodeToString(sum[:]), Last: h.Last}
		if err := a.settle(ctx, j, head, size(entries[:min(len(entries), h.Count)])); err != nil {
			return moved, err
		}
		moved += h.Count
		if !more && h.Last == entries[len(entries)-1].ID {
			return moved, nil
		}
	}
}

// position reads the newest archived segment from Redis. An empty Redis next to
// an archive that is not empty must be restored first: going on would fork the
// journal.
func (a *Archive) position(ctx context.Context, j *Journal) (position, error) {
	m, err := j.rdb.HGetAll(ctx, j.Key("journal", "head")).Result()
	if err != nil {
		return position{}, fmt.Errorf("journal: reading head: %w", err)
	}
	if len(m) > 0 {
		seq, err := strconv.ParseInt(m["seq"], 10, 64)
		if err != nil {
			return position{}, fmt.Errorf("journal: head in Redis: %w", err)
		}
		return position{Seq: seq, Hash: m["hash"], Last: m["last"]}, nil
	}
	if _, err := a.store.Stat(ctx, segmentName(j.city, 1)); err == nil {
		// A second process may have archived the very first entries just now.
		if _, err := a.read(ctx, j.city, 1); err != nil {
			return position{}, err
		}
		if n, err := j.rdb.XLen(ctx, j.Key("journal")).Result(); err != nil || n == 0 {
			return position{}, errors.Join(ErrBehind, err)
		}
	} else if !errors.Is(err, objects.ErrNotFound) {
		return position{}, fmt.Errorf("journal: looking for an archive: %w", err)
	}
	return position{Last: "0-0"}, nil
}

// adopt takes over a segment that somebody else archived, or we did before a
// crash, if its entries are the ones this Redis still has or has just dropped.
func (a *Archive) adopt(ctx context.Context, j *Journal, head position) (header, []byte, error) {
	s, err := a.read(ctx, j.city, head.Seq+1)
	if err != nil {
		return header{}, nil, err
	}
	if s.Prev != head.Hash {
		return header{}, nil, fmt.Errorf("%w: segment %d does not follow %d", ErrBroken, s.Seq, head.Seq)
	}
	here, err := j.rdb.XRange(ctx, j.Key("journal"), s.First, s.Last).Result()
	if err != nil {
		return header{}, nil, fmt.Errorf("journal: comparing segment %d: %w", s.Seq, err)
	}
	if len(here) != s.Count {
		now, err := a.position(ctx, j)
		if err != nil {
			return header{}, nil, err
		}
		if now.Seq < s.Seq {
			return header{}, nil, fmt.Errorf("%w (segment %d has %d entries, here are %d)", ErrBehind, s.Seq, s.Count, len(here))
		}
	}
	return s.header, s.data, nil
}

// settle records the new head: first beside the segments, then in Redis, then
// the entries go. Each step may be lost and is repeated by the next run.
func (a *Archive) settle(ctx context.Context, j *Journal, p position, freed int64) error {
	body, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("journal: encoding head: %w", err)
	}
	if _, err := a.store.Put(ctx, headName(j.city), body, objects.Attr{Type: "application/json"}); err != nil {
		return fmt.Errorf("journal: writing head: %w", err)
	}
	// A slower process must not set the head back: compare inside Redis.
	head := j.Key("journal", "head")
	err = j.rdb.Watch(ctx, func(tx *redis.Tx) error {
		seq, err := tx.HGet(ctx, head, "seq").Int64()
		if err != nil && !errors.Is(err, redis.Nil) {
			return err
		}
		if seq >= p.Seq {
			return nil
		}
		_, err = tx.TxPipelined(ctx, func(q redis.Pipeliner) error {
			q.HSet(ctx, head, "seq", p.Seq, "hash", p.Hash, "last", p.Last)
			q.XTrimMinID(ctx, j.Key("journal"), after(p.Last))
			q.DecrBy(ctx, j.Tmp("journal"), freed)
			return nil
		})
		return err
	}, head)
	if err != nil && !errors.Is(err, redis.TxFailedErr) {
		return fmt.Errorf("journal: setting head: %w", err)
	}
	return nil
}

// size is how many bytes of writes the stream held of the entries.
func size(entries []redis.XMessage) int64 {
	var n int64
	for _, e := range entries {
		held, _ := e.Values[stored].(int)
		n += int64(held)
	}
	return n
}

// after is the smallest stream id greater than id.
func after(id string) string {
	ms, n, _ := strings.Cut(id, "-")
	k, _ := strconv.ParseUint(n, 10, 64)
	return ms + "-" + strconv.FormatUint(k+1, 10)
}

// read returns the entries after the id, as many as fit a segment, and whether
// there are more.
func read(ctx context.Context, j *Journal, last string) (entries []redis.XMessage, more bool, err error) {
	total := 0
	for {
		page, err := j.rdb.XRangeN(ctx, j.Key("journal"), after(last), "+", batch).Result()
		if err != nil {
			return nil, false, fmt.Errorf("journal: reading entries: %w", err)
		}
		for _, e := range page {
			if err := unpackEntry(e); err != nil {
				return nil, false, err
			}
			w, _ := e.Values["w"].(string)
			total += len(w) + 200
			if total > segmentBytes && len(entries) > 0 {
				return entries, true, nil
			}
			entries = append(entries, e)
			last = e.ID
		}
		if len(page) < batch {
			return entries, false, nil
		}
	}
}

// fields of an entry in the order they are packed.
var fields = []string{"actor", "action", "ref", "at", "rule", "v", "w"}

// pack is header line + zstd of one command "ENTRY id field value …" an entry.
func pack(z *zstd.Encoder, h header, entries []redis.XMessage) ([]byte, error) {
	commands := make([][]string, len(entries))
	for i, e := range entries {
		command := make([]string, 0, 2+2*len(fields))
		command = append(command, "ENTRY", e.ID)
		for _, f := range fields {
			v, _ := e.Values[f].(string)
			command = append(command, f, v)
		}
		commands[i] = command
	}
	line, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("journal: encoding segment: %w", err)
	}
	return z.EncodeAll(encode(commands), append(line, '\n')), nil
}

type segment struct {
	header
	entries []Past
	data    []byte
}

// Past is an archived entry.
type Past struct {
	ID     string
	Entry  Entry
	V      string
	writes string
}

// read fetches and unpacks one segment; it checks what a segment alone can
// show.
func (a *Archive) read(ctx context.Context, city string, seq int64) (segment, error) {
	name := segmentName(city, seq)
	data, _, err := a.store.Get(ctx, name)
	switch {
	case errors.Is(err, objects.ErrNotFound):
		return segment{}, fmt.Errorf("%w: segment %d is missing", ErrBroken, seq)
	case errors.Is(err, objects.ErrCorrupt):
		return segment{}, fmt.Errorf("%w: segment %d: %w", ErrBroken, seq, err)
	case err != nil:
		return segment{}, fmt.Errorf("journal: reading segment %d: %w", seq, err)
	}
	s, err := unpack(data)
	if err != nil {
		return segment{}, fmt.Errorf("%w: segment %d: %w", ErrBroken, seq, err)
	}
	if s.City != city || s.Seq != seq {
		return segment{}, fmt.Errorf("%w: object %s holds segment %d of %s", ErrBroken, name, s.Seq, s.City)
	}
	return s, nil
}

func unpack(data []byte) (segment, error) {
	line, body, found := bytes.Cut(data, []byte("\n"))
	if !found {
		return segment{}, errors.New("no header line")
	}
	s := segment{data: data}
	if err := json.Unmarshal(line, &s.header); err != nil {
		return segment{}, fmt.Errorf("header: %w", err)
	}
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(1<<30))
	if err != nil {
		return segment{}, fmt.Errorf("zstd: %w", err)
	}
	defer z.Close()
	raw, err := z.DecodeAll(body, nil)
	if err != nil {
		return segment{}, fmt.Errorf("zstd: %w", err)
	}
	commands, err := decode(raw)
	if err != nil {
		return segment{}, err
	}
	if len(commands) != s.Count || s.Count == 0 {
		return segment{}, fmt.Errorf("has %d entries, header says %d", len(commands), s.Count)
	}
	for _, c := range commands {
		if len(c) < 2 || c[0] != "ENTRY" || len(c)%2 != 0 {
			return segment{}, errors.New("not an entry")
		}
		v := map[string]string{}
		for i := 2; i < len(c); i += 2 {
			v[c[i]] = c[i+1]
		}
		at, err := time.Parse(time.RFC3339Nano, v["at"])
		if err != nil {
			return segment{}, fmt.Errorf("entry %s: %w", c[1], err)
		}
		s.entries = append(s.entries, Past{
			ID: c[1], V: v["v"], writes: v["w"],
			Entry: Entry{Actor: v["actor"], Action: v["action"], Ref: v["ref"], At: at, Rule: v["rule"]},
		})
	}
	if s.entries[0].ID != s.First || s.entries[len(s.entries)-1].ID != s.Last {
		return segment{}, errors.New("entries are not those of the header")
	}
	return s, nil
}

// Walk goes through every archived entry in order, having checked the whole
// chain up to it. It returns ErrBroken at the first segment that is missing,
// altered or out of order, and the number of segments it passed.
func (a *Archive) Walk(ctx context.Context, city string, visit func(Past) error) (int64, error) {
	_, n, err := a.walk(ctx, city, func(s segment) error {
		for _, e := range s.entries {
			if err := visit(e); err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}

func (a *Archive) walk(ctx context.Context, city string, visit func(segment) error) (position, int64, error) {
	var newest position
	body, _, err := a.store.Get(ctx, headName(city))
	switch {
	case err == nil:
		if err := json.Unmarshal(body, &newest); err != nil {
			return position{}, 0, fmt.Errorf("%w: head: %w", ErrBroken, err)
		}
	case !errors.Is(err, objects.ErrNotFound):
		return position{}, 0, fmt.Errorf("journal: reading head: %w", err)
	}
	var at position
	for {
		seq := at.Seq + 1
		if seq > newest.Seq {
			// Segments beyond the head: a crash came between the two writes.
			if _, err := a.store.Stat(ctx, segmentName(city, seq)); errors.Is(err, objects.ErrNotFound) {
				return at, at.Seq, nil
			}
		}
		s, err := a.read(ctx, city, seq)
		if err != nil {
			return at, at.Seq, err
		}
		if s.Prev != at.Hash {
			return at, at.Seq, fmt.Errorf("%w: segment %d does not follow segment %d", ErrBroken, seq, at.Seq)
		}
		sum := sha256.Sum256(s.data)
		next := position{Seq: seq, Hash: hex.EncodeToString(sum[:]), Last: s.Last}
		if seq == newest.Seq && next.Hash != newest.Hash {
			return at, at.Seq, fmt.Errorf("%w: segment %d is not the one the head names", ErrBroken, seq)
		}
		if err := visit(s); err != nil {
			return at, at.Seq, err
		}
		at = next
	}
}
