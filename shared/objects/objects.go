// Package objects keeps whole, small, named byte strings durably: journal
// segments, sealed evidence pieces, originals of batches, wrapped keys.
//
// There are two backends, an S3 bucket (minio*.go, the only files that speak S3)
// and a directory (dir*.go), held to the same promises by package objectstest.
// Nothing here knows what the bytes mean. Nothing is larger than MaxSize: a long
// file is many objects, one a piece, so an interrupted upload leaves nothing
// half-made that a store would have to be asked to abort.
package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// MaxSize is the largest object that can be written or read whole: a piece of
// 8 MiB, sealed, with room to spare. Every function's memory is bounded by it.
const MaxSize = 16 << 20

// MaxName and MaxPart bound a name and one of its parts between slashes, in
// bytes. A part fits a file name of 255 bytes even when every byte of it has to
// be escaped.
const (
	MaxName = 512
	MaxPart = 80
)

// What a store answers. Compare with errors.Is. An unreachable or overloaded
// store answers a fault of kind Unavailable instead (code "objects.unavailable").
var (
	// ErrNotFound: no object has this name.
	ErrNotFound = errors.New("objects: not found")
	// ErrExists: Create found an object of this name.
	ErrExists = errors.New("objects: already exists")
	// ErrChanged: Swap found another version than the one named, or none.
	ErrChanged = errors.New("objects: changed meanwhile")
	// ErrRetained: the object is locked until Info.RetainUntil and stays.
	ErrRetained = errors.New("objects: retained")
	// ErrCorrupt: the bytes are not the ones written (SHA-256 or size differ).
	ErrCorrupt = errors.New("objects: corrupt")
	// ErrTooLarge: the body or the range is longer than MaxSize.
	ErrTooLarge = errors.New("objects: too large")
	// ErrRange: the range begins beyond the object's last byte or is negative.
	ErrRange = errors.New("objects: range not in object")
	// ErrName: CheckName refuses the name.
	ErrName = errors.New("objects: bad name")
	// ErrUnsupported: the store lacks a feature this call relies on, or says it
	// has it and the check after the write shows that it did not take effect.
	ErrUnsupported = errors.New("objects: store lacks a feature")
)

// Attr says how an object is kept. The zero value is a plain object.
type Attr struct {
	// Type is the media type; empty means application/octet-stream.
	Type string
	// RetainUntil locks the object: until then Put, Swap and Delete refuse it.
	// Kept to the second, rounded up. On S3 it is a governance lock where the
	// bucket has object lock; elsewhere only this package honours it, and Probe
	// says so. An erasable store refuses it (ErrUnsupported).
	RetainUntil time.Time
}

// Info describes a stored object.
type Info struct {
	Name string
	Size int64
	// ETag changes whenever the content does; only good for Swap and equality.
	ETag string
	// Modified is when the object was written, UTC, to the second at least.
	Modified time.Time
	// Type, SHA256 (lower-case hex) and RetainUntil (UTC, zero for none) are
	// filled by everything but List.
	Type        string
	SHA256      string
	RetainUntil time.Time
}

// Store is one bucket. Its methods may be called by many goroutines and
// processes at once. All of them honour the context.
//
// A write is durable and complete when it returns nil: it survives a kill and a
// power cut, and no reader ever sees a part of it. A read that follows sees it.
// A write that returns an error, or whose process dies, has happened whole or
// not at all.
//
// Names are as CheckName says and are case-sensitive on every backend. For
// portability no name may be another one plus "/…": some stores refuse that.
type Store interface {
	// Put writes or replaces. ErrRetained if the present object is locked.
	Put(ctx context.Context, name string, body []byte, a Attr) (Info, error)
	// Create writes only if nothing has the name, else ErrExists: of any number
	// of concurrent creators exactly one wins, whatever the network repeats.
	// ErrUnsupported if the store would overwrite instead.
	Create(ctx context.Context, name string, body []byte, a Attr) (Info, error)
	// Swap replaces the version whose ETag is given, else ErrChanged.
	// ErrUnsupported if the store ignores the condition.
	Swap(ctx context.Context, name string, body []byte, etag string, a Attr) (Info, error)
	// Get reads the whole object and checks its SHA-256: ErrCorrupt if it fails.
	Get(ctx context.Context, name string) ([]byte, Info, error)
	// Range reads n bytes from offset off, fewer if the object ends before. The
	// whole object's checksum cannot be checked here: what needs that protection
	// is sealed or hashed by its owner.
	Range(ctx context.Context, name string, off, n int64) ([]byte, error)
	// Open streams the object. The reader answers ErrCorrupt in place of io.EOF
	// if what was read is not what was written. The caller closes it.
	Open(ctx context.Context, name string) (io.ReadCloser, Info, error)
	// Stat describes the object without reading it.
	Stat(ctx context.Context, name string) (Info, error)
	// List goes through the objects whose name begins with prefix and is
	// greater than after, in byte order of the name. It streams; after an error
	// it ends. Objects written meanwhile may or may not appear.
	List(ctx context.Context, prefix, after string) iter.Seq2[Info, error]
	// Retain locks an existing object until at least this time; it never
	// shortens a lock.
	Retain(ctx context.Context, name string, until time.Time) error
	// Delete removes the object and every older version of it, so that nothing
	// of it can be read afterwards. Removing what is not there is no error.
	// ErrRetained if it is locked.
	Delete(ctx context.Context, name string) error
	// Probe tries out what the store can do, with objects of its own below the
	// reserved name ".probe/", and cleans up after itself.
	Probe(ctx context.Context) (Capabilities, error)
}

// Buckets are the two stores of a city.
type Buckets struct {
	// Main holds what must not be altered: versioned and lockable where the
	// backend has it.
	Main Store
	// Keys holds what must be erasable: unversioned, unlockable. A write to a
	// bucket that keeps versions is refused, for an erased key would live on.
	Keys Store
}

// Config names a backend. Package open fills it from settings and secrets.
type Config struct {
	// URL is http(s)://host[:port] of an S3 endpoint; empty uses Dir.
	URL string
	// Region signs requests; empty means us-east-1.
	Region string
	// Prefix begins the names of the two buckets: PREFIX-locked, PREFIX-keys.
	Prefix string
	// AccessKey and SecretKey sign requests.
	AccessKey, SecretKey string
	// CAFile is a PEM file of the authority that signed the endpoint's
	// certificate; empty means the system's authorities.
	CAFile string
	// PathStyle puts the bucket in the path instead of the host name, as most
	// stores other than Amazon's expect.
	PathStyle bool
	// Create lets the first write make missing buckets.
	Create bool
	// Dir is the directory of the directory backend; made if missing.
	Dir string
}

// String leaves the keys out, so a logged Config gives nothing away.
func (c Config) String() string {
	if c.URL == "" {
		return "directory " + c.Dir
	}
	return c.URL + " " + c.Prefix + "-*"
}

// GoString is String: %#v gives nothing away either.
func (c Config) GoString() string { return c.String() }

// Open returns the two stores. It does not wait for a server: an unreachable
// one shows at the first call, and again works once it is back.
func Open(c Config) (*Buckets, error) {
	if c.URL == "" {
		return openDir(c)
	}
	return openS3(c)
}

// CheckName refuses (ErrName) a name that is empty, longer than MaxName, not
// UTF-8, contains a control character or a backslash, begins or ends with a
// slash, or has a part that is empty, longer than MaxPart or begins with a dot.
// So "..", absolute paths and the store's own ".probe/" cannot be named.
func CheckName(name string) error {
	bad := func(why string) error { return fmt.Errorf("%w %q: %s", ErrName, name, why) }
	switch {
	case name == "":
		return bad("empty")
	case len(name) > MaxName:
		return fmt.Errorf("%w: %d bytes long", ErrName, len(name))
	case !utf8.ValidString(name):
		return bad("not UTF-8")
	}
	for _, r := range name {
		if r == '\\' || unicode.IsControl(r) || r == utf8.RuneError {
			return bad("forbidden character")
		}
	}
	for part := range strings.SplitSeq(name, "/") {
		switch {
		case part == "":
			return bad("empty part")
		case part[0] == '.':
			return bad("part begins with a dot")
		case len(part) > MaxPart:
			return bad("part too long")
		}
	}
	return nil
}

// reserved is where Probe works; List never shows it and CheckName refuses it.
const reserved = ".probe/"

// checkPrefix refuses what cannot begin a name.
func checkPrefix(prefix string) error {
	if prefix == "" {
		return nil
	}
	// A prefix may end inside a part or with the slash after one.
	if err := CheckName(strings.TrimSuffix(prefix, "/")); err != nil {
		return err
	}
	return nil
}

// checkWrite refuses what no backend would write.
func checkWrite(name string, body []byte, a Attr, erasable bool) error {
	if err := CheckName(name); err != nil {
		return err
	}
	if len(body) > MaxSize {
		return fmt.Errorf("%w: %d bytes", ErrTooLarge, len(body))
	}
	if len(a.Type) > 256 {
		return fmt.Errorf("objects: media type of %d bytes", len(a.Type))
	}
	for _, r := range a.Type {
		if r < ' ' || r > '~' {
			return fmt.Errorf("objects: media type with a forbidden character")
		}
	}
	if erasable && !a.RetainUntil.IsZero() {
		return fmt.Errorf("%w: a lock in the bucket whose objects must stay erasable", ErrUnsupported)
	}
	return nil
}

// checkRange refuses a range that could not be answered in bounded memory.
func checkRange(off, n int64) error {
	if off < 0 || n <= 0 {
		return fmt.Errorf("%w: %d bytes from %d", ErrRange, n, off)
	}
	if n > MaxSize {
		return fmt.Errorf("%w: range of %d bytes", ErrTooLarge, n)
	}
	return nil
}

// retention rounds a lock up to the whole second S3 can express, so that it is
// never shorter than asked.
func retention(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	s := t.UTC().Truncate(time.Second)
	if s.Before(t) {
		s = s.Add(time.Second)
	}
	return s
}

// mediaType fills in the default.
func mediaType(t string) string {
	if t == "" {
		return "application/octet-stream"
	}
	return t
}
