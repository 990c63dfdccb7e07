package objects

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// dir is the store in a directory of this machine. An object is one file: a
// line of JSON (head), then the body. Content, checksum and lock therefore
// change in one rename and cannot disagree, and `tail -n +2` shows the body.
//
// Writers of one name exclude one another with a file lock, so several
// processes may share the directory. Readers take no lock: they open either the
// old file or the new one.
//
// Below root: ".tmp" holds files being written (swept at Open once an hour
// old), ".lock" the lock files, anything else is a part of a name as escape
// writes it.
type dir struct {
	root     string
	erasable bool
	now      func() time.Time
	locks    [shards]chan struct{}
}

var _ Store = (*dir)(nil)

const (
	shards    = 64
	suffix    = ".obj"
	maxHead   = 4096
	staleTemp = time.Hour
)

// head is the first line of an object's file.
type head struct {
	Version     int       `json:"v"`
	Size        int64     `json:"size"`
	SHA256      string    `json:"sha256"`
	Type        string    `json:"type"`
	Modified    time.Time `json:"modified"`
	RetainUntil time.Time `json:"retainUntil,omitzero"`
}

func (h head) info(name string) Info {
	return Info{
		Name: name, Size: h.Size, ETag: h.SHA256, Modified: h.Modified,
		Type: h.Type, SHA256: h.SHA256, RetainUntil: h.RetainUntil,
	}
}

func openDir(c Config) (*Buckets, error) {
	if c.Dir == "" {
		return nil, errors.New("objects: neither an endpoint nor a directory is configured")
	}
	main, err := newDir(filepath.Join(c.Dir, "locked"), false)
	if err != nil {
		return nil, err
	}
	keys, err := newDir(filepath.Join(c.Dir, "keys"), true)
	if err != nil {
		return nil, err
	}
	return &Buckets{Main: main, Keys: keys}, nil
}

func newDir(root string, erasable bool) (*dir, error) {
	d := &dir{root: root, erasable: erasable, now: time.Now}
	for i := range d.locks {
		d.locks[i] = make(chan struct{}, 1)
	}
	for _, p := range []string{root, d.temp(), filepath.Join(root, ".lock")} {
		if err := makeDir(p); err != nil {
			return nil, fmt.Errorf("objects: making the directory: %w", err)
		}
	}
	d.sweep()
	return d, nil
}

func (d *dir) temp() string { return filepath.Join(d.root, ".tmp") }

// sweep removes what killed writers left. Younger files may be another
// process's write in progress.
func (d *dir) sweep() {
	entries, err := os.ReadDir(d.temp())
	if err != nil {
		return
	}
	for _, e := range entries {
		if fi, err := e.Info(); err == nil && d.now().Sub(fi.ModTime()) > staleTemp {
			_ = os.Remove(filepath.Join(d.temp(), e.Name()))
		}
	}
}

func (d *dir) Put(ctx context.Context, name string, body []byte, a Attr) (Info, error) {
	if err := d.checkWrite(name, body, a); err != nil {
		return Info{}, err
	}
	return d.write(ctx, name, body, a, func(now *head) error { return nil })
}

func (d *dir) Create(ctx context.Context, name string, body []byte, a Attr) (Info, error) {
	if err := d.checkWrite(name, body, a); err != nil {
		return Info{}, err
	}
	return d.write(ctx, name, body, a, mustBeNew)
}

func (d *dir) Swap(ctx context.Context, name string, body []byte, etag string, a Attr) (Info, error) {
	if err := d.checkWrite(name, body, a); err != nil {
		return Info{}, err
	}
	return d.write(ctx, name, body, a, mustBe(etag))
}

func mustBeNew(now *head) error {
	if now != nil {
		return ErrExists
	}
	return nil
}

func mustBe(etag string) func(now *head) error {
	return func(now *head) error {
		if now == nil || now.SHA256 != etag {
			return ErrChanged
		}
		return nil
	}
}

func (d *dir) checkWrite(name string, body []byte, a Attr) error {
	if err := checkWrite(name, body, a, d.erasable); err != nil {
		return err
	}
	if !a.RetainUntil.IsZero() && !a.RetainUntil.After(d.now()) {
		return fmt.Errorf("objects: lock of %q ends in the past", name)
	}
	return nil
}

// write replaces the object if allow, given the present one or nil, permits it.
func (d *dir) write(ctx context.Context, name string, body []byte, a Attr, allow func(now *head) error) (Info, error) {
	unlock, err := d.lock(ctx, name)
	if err != nil {
		return Info{}, err
	}
	defer unlock()

	path := d.path(name)
	now, err := readHead(path)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Info{}, fmt.Errorf("objects: writing %q: %w", name, err)
	}
	if err := allow(now); err != nil {
		return Info{}, fmt.Errorf("objects: writing %q: %w", name, err)
	}
	if now != nil && now.RetainUntil.After(d.now()) {
		return Info{}, fmt.Errorf("objects: writing %q: %w until %s", name, ErrRetained, now.RetainUntil.Format(time.RFC3339))
	}
	sum := sha256.Sum256(body)
	h := head{
		Version: 1, Size: int64(len(body)), SHA256: hex.EncodeToString(sum[:]), Type: mediaType(a.Type),
		Modified: d.now().UTC(), RetainUntil: retention(a.RetainUntil),
	}
	if err := d.replace(ctx, path, h, body, now == nil); err != nil {
		return Info{}, fmt.Errorf("objects: writing %q: %w", name, err)
	}
	return h.info(name), nil
}

// replace makes the file at path be h and body, durably, in one step.
func (d *dir) replace(ctx context.Context, path string, h head, body []byte, isNew bool) error {
	line, err := json.Marshal(h)
	if err != nil {
		return err
	}
	temp := filepath.Join(d.temp(), rand.Text())
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temp) }()
	_, err = f.Write(append(line, '\n'))
	if err == nil {
		_, err = f.Write(body)
	}
	if err == nil {
		// Without this, a power cut after the rename may leave an empty file
		// under the final name.
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return err
	}
	parent := filepath.Dir(path)
	if err := makeDir(parent); err != nil {
		return err
	}
	if isNew {
		// A link fails if the name is there, even where the file lock does not
		// reach (some network file systems): create-only holds all the same.
		err = os.Link(temp, path)
		switch {
		case err == nil:
			return syncDir(parent)
		case errors.Is(err, fs.ErrExist):
			return ErrExists
		}
		// No hard links here: the lock taken by write is the guard.
	}
	if err := os.Rename(temp, path); err != nil {
		return err
	}
	return syncDir(parent)
}

func (d *dir) Get(ctx context.Context, name string) ([]byte, Info, error) {
	r, info, err := d.Open(ctx, name)
	if err != nil {
		return nil, Info{}, err
	}
	defer func() { _ = r.Close() }()
	if info.Size > MaxSize {
		return nil, Info{}, fmt.Errorf("objects: reading %q: %w: %d bytes", name, ErrTooLarge, info.Size)
	}
	body := make([]byte, 0, info.Size+bytes.MinRead)
	buf := bytes.NewBuffer(body)
	if _, err := buf.ReadFrom(r); err != nil {
		return nil, Info{}, err
	}
	return buf.Bytes(), info, nil
}

func (d *dir) Range(ctx context.Context, name string, off, n int64) ([]byte, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	if err := checkRange(off, n); err != nil {
		return nil, err
	}
	return d.part(ctx, name, off, n)
}

func (d *dir) part(ctx context.Context, name string, off, n int64) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, h, start, err := openFile(d.path(name))
	if err != nil {
		return nil, fmt.Errorf("objects: reading %q: %w", name, err)
	}
	defer func() { _ = f.Close() }()
	if off >= h.Size {
		return nil, fmt.Errorf("objects: reading %q: %w: from %d of %d", name, ErrRange, off, h.Size)
	}
	part := make([]byte, min(n, h.Size-off))
	if _, err := f.ReadAt(part, start+off); err != nil {
		return nil, fmt.Errorf("objects: reading %q: %w", name, errors.Join(ErrCorrupt, err))
	}
	return part, nil
}

func (d *dir) Open(ctx context.Context, name string) (io.ReadCloser, Info, error) {
	if err := CheckName(name); err != nil {
		return nil, Info{}, err
	}
	return d.open(ctx, name)
}

func (d *dir) open(ctx context.Context, name string) (io.ReadCloser, Info, error) {
	if err := ctx.Err(); err != nil {
		return nil, Info{}, err
	}
	f, h, start, err := openFile(d.path(name))
	if err != nil {
		return nil, Info{}, fmt.Errorf("objects: reading %q: %w", name, err)
	}
	if _, err := f.Seek(start, io.SeekStart); err != nil {
		_ = f.Close()
		return nil, Info{}, fmt.Errorf("objects: reading %q: %w", name, err)
	}
	return newVerifier(ctx, f, name, h.Size, h.SHA256), h.info(name), nil
}

func (d *dir) Stat(ctx context.Context, name string) (Info, error) {
	if err := CheckName(name); err != nil {
		return Info{}, err
	}
	if err := ctx.Err(); err != nil {
		return Info{}, err
	}
	h, err := readHead(d.path(name))
	if err != nil {
		return Info{}, fmt.Errorf("objects: looking at %q: %w", name, err)
	}
	return h.info(name), nil
}

func (d *dir) Retain(ctx context.Context, name string, until time.Time) error {
	if err := d.checkWrite(name, nil, Attr{RetainUntil: until}); err != nil {
		return err
	}
	unlock, err := d.lock(ctx, name)
	if err != nil {
		return err
	}
	defer unlock()
	body, info, err := d.Get(ctx, name)
	if err != nil {
		return err
	}
	until = retention(until)
	if !until.After(info.RetainUntil) {
		return nil
	}
	h := head{Version: 1, Size: info.Size, SHA256: info.SHA256, Type: info.Type, Modified: info.Modified, RetainUntil: until}
	if err := d.replace(ctx, d.path(name), h, body, false); err != nil {
		return fmt.Errorf("objects: locking %q: %w", name, err)
	}
	return nil
}

func (d *dir) Delete(ctx context.Context, name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	return d.remove(ctx, name)
}

func (d *dir) remove(ctx context.Context, name string) error {
	unlock, err := d.lock(ctx, name)
	if err != nil {
		return err
	}
	defer unlock()
	path := d.path(name)
	h, err := readHead(path)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil
	case err != nil && !errors.Is(err, ErrCorrupt): // a damaged object may go
		return fmt.Errorf("objects: deleting %q: %w", name, err)
	case err == nil && h.RetainUntil.After(d.now()):
		return fmt.Errorf("objects: deleting %q: %w until %s", name, ErrRetained, h.RetainUntil.Format(time.RFC3339))
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("objects: deleting %q: %w", name, err)
	}
	return syncDir(filepath.Dir(path))
}

func (d *dir) List(ctx context.Context, prefix, after string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		if err := checkPrefix(prefix); err != nil {
			yield(Info{}, err)
			return
		}
		d.walk(ctx, d.root, "", prefix, after, yield)
	}
}

// walk lists one directory, whose objects' names all begin with base, and those
// below it. It returns false when the caller has had enough.
func (d *dir) walk(ctx context.Context, path, base, prefix, after string, yield func(Info, error) bool) bool {
	entries, err := os.ReadDir(path)
	if errors.Is(err, fs.ErrNotExist) {
		return true
	}
	if err != nil {
		return yield(Info{}, fmt.Errorf("objects: listing: %w", err)) && false
	}
	// A folder sorts as its name with the slash, which puts "a-b" before what
	// is in "a": the byte order of the whole names.
	type child struct{ key, file string }
	children := make([]child, 0, len(entries))
	for _, e := range entries {
		file := e.Name()
		if file[0] == '.' {
			continue
		}
		encoded, isObject := strings.CutSuffix(file, suffix)
		if isObject == e.IsDir() {
			continue // not ours
		}
		part, ok := unescape(encoded)
		if !ok {
			continue
		}
		key := base + part
		if !isObject {
			key += "/"
		}
		children = append(children, child{key, file})
	}
	slices.SortFunc(children, func(a, b child) int { return strings.Compare(a.key, b.key) })
	for _, c := range children {
		if err := ctx.Err(); err != nil {
			return yield(Info{}, err) && false
		}
		if strings.HasSuffix(c.key, "/") {
			mayMatch := strings.HasPrefix(c.key, prefix) || strings.HasPrefix(prefix, c.key)
			passed := after > c.key && !strings.HasPrefix(after, c.key)
			if mayMatch && !passed && !d.walk(ctx, filepath.Join(path, c.file), c.key, prefix, after, yield) {
				return false
			}
			continue
		}
		if !strings.HasPrefix(c.key, prefix) || c.key <= after {
			continue
		}
		h, err := readHead(filepath.Join(path, c.file))
		if errors.Is(err, ErrNotFound) {
			continue // deleted meanwhile
		}
		if err != nil {
			return yield(Info{}, fmt.Errorf("objects: listing %q: %w", c.key, err)) && false
		}
		if !yield(h.info(c.key), nil) {
			return false
		}
	}
	return true
}

func (d *dir) Probe(ctx context.Context) (Capabilities, error) {
	c := Capabilities{Backend: "directory", Erasable: d.erasable}
	name := reserved + strings.ToLower(rand.Text())
	defer func() { _ = os.Remove(d.path(name)) }()
	body := []byte("probe")
	info, err := d.write(ctx, name, body, Attr{}, mustBeNew)
	if err != nil {
		return c, err
	}
	if fi, err := os.Stat(d.path(name)); err == nil {
		// Differs from our clock only on a network file system.
		c.Skew = fi.ModTime().Sub(info.Modified).Round(time.Second)
	}
	_, err = d.write(ctx, name, body, Attr{}, mustBeNew)
	c.Conditional = errors.Is(err, ErrExists)
	_, err = d.write(ctx, name, body, Attr{}, mustBe("another"))
	c.Swap = errors.Is(err, ErrChanged)
	part, err := d.part(ctx, name, 1, 3)
	c.Range = err == nil && string(part) == "rob"

	file, err := os.ReadFile(d.path(name))
	if err != nil {
		return c, fmt.Errorf("objects: probing: %w", err)
	}
	file[len(file)-1] ^= 1
	if err := os.WriteFile(d.path(name), file, 0o600); err != nil {
		return c, fmt.Errorf("objects: probing: %w", err)
	}
	r, _, err := d.open(ctx, name)
	if err != nil {
		return c, err
	}
	defer func() { _ = r.Close() }()
	_, err = io.Copy(io.Discard, r)
	c.Checksum = errors.Is(err, ErrCorrupt)
	return c, nil
}

// lock keeps other writers of the name out, in this process and others. Some
// names share a lock; no caller holds two.
func (d *dir) lock(ctx context.Context, name string) (unlock func(), err error) {
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(name))
	i := sum.Sum32() % shards
	select {
	case d.locks[i] <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err := ctx.Err(); err != nil {
		<-d.locks[i]
		return nil, err
	}
	release, err := lockFile(filepath.Join(d.root, ".lock", fmt.Sprintf("%02d", i)))
	if err != nil {
		<-d.locks[i]
		return nil, fmt.Errorf("objects: locking: %w", err)
	}
	return func() { release(); <-d.locks[i] }, nil
}
