package objects

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"ipcredit/shared/fault"
)

// bucket is the store in an S3 bucket; the files minio*.go are the only ones that
// speak S3. It uses plain S3 only: no server's own administration or notification
// calls, for the server it was first built against is no longer kept up.
//
// Each object carries in its metadata its SHA-256, so that reads are checked
// even where the store keeps no checksums, and a random mark of the write that
// made it. The client repeats a request whose answer was lost; when the
// repetition is refused because the first one had succeeded, the mark tells
// that the winner was ourselves.
//
// The credentials need, on both buckets: Get, Put and DeleteObject,
// DeleteObjectVersion, ListBucket, ListBucketVersions, GetBucketVersioning; on
// the locked one also GetBucketObjectLockConfiguration, Get and
// PutObjectRetention; and CreateBucket and PutBucketObjectLockConfiguration if
// Config.Create is set. They should lack BypassGovernanceRetention.
type bucket struct {
	core     *minio.Core
	name     string
	region   string
	erasable bool
	create   bool
	now      func() time.Time

	prepared    once
	lockable    bool // valid once prepared
	conditional once
	swap        once
}

var _ Store = (*bucket)(nil)

// Metadata of an object, as the store gives them back.
const (
	metaSHA256 = "Sha256"
	metaMark   = "Mark"
	metaRetain = "Retain-Until" // only in buckets without object lock
)

const (
	checksumHeader  = "X-Amz-Checksum-Sha256"
	lockUntilHeader = "X-Amz-Object-Lock-Retain-Until-Date"
	// attempts bounds how often a write is tried against answers that ask for it.
	attempts = 5
	// retryAfter is what a caller is told when the store is away.
	retryAfter = 5 * time.Second
)

func openS3(c Config) (*Buckets, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || strings.Trim(u.Path, "/") != "" || u.User != nil {
		// The address itself is left out: it may hold a password.
		return nil, errors.New("objects: the endpoint must be http(s)://host[:port] and nothing more")
	}
	if c.Prefix == "" {
		return nil, errors.New("objects: the bucket prefix is missing")
	}
	transport, err := minio.DefaultTransport(u.Scheme == "https")
	if err != nil {
		return nil, fmt.Errorf("objects: preparing connections: %w", err)
	}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("objects: reading the certificate authority: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("objects: no certificate in %s", c.CAFile)
		}
		if transport.TLSClientConfig == nil {
			transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		transport.TLSClientConfig.RootCAs = pool
	}
	region := c.Region
	if region == "" {
		region = "us-east-1"
	}
	lookup := minio.BucketLookupAuto
	if c.PathStyle {
		lookup = minio.BucketLookupPath
	}
	core, err := minio.NewCore(u.Host, &minio.Options{
		Creds:        credentials.NewStaticV4(c.AccessKey, c.SecretKey, ""),
		Secure:       u.Scheme == "https",
		Transport:    transport,
		Region:       region,
		BucketLookup: lookup,
		// With the pauses between them about two seconds: a restart of the store is
		// bridged, an absent one is reported while the caller still waits.
		MaxRetries: 4,
	})
	if err != nil {
		return nil, fmt.Errorf("objects: %w", err)
	}
	open := func(name string, erasable bool) *bucket {
		return &bucket{
			core: core, name: c.Prefix + "-" + name, region: region, erasable: erasable, create: c.Create, now: time.Now,
			prepared: newOnce(), conditional: newOnce(), swap: newOnce(),
		}
	}
	return &Buckets{Main: open("locked", false), Keys: open("keys", true)}, nil
}

// prepare makes the bucket if that is allowed, and learns once what the bucket
// is, so that a write can rely on it.
func (b *bucket) prepare(ctx context.Context) error {
	return b.prepared.do(ctx, func() error {
		// Asked first, because a missing bucket may answer inspect like one
		// that merely has no lock.
		exists, err := b.core.BucketExists(ctx, b.name)
		if err != nil {
			return b.fail("looking for", "", err)
		}
		if !exists && !b.create {
			return fmt.Errorf("objects: bucket %s does not exist and may not be made", b.name)
		}
		if !exists {
			err := b.core.MakeBucket(ctx, b.name, minio.MakeBucketOptions{Region: b.region, ObjectLocking: !b.erasable})
			if isStatus(err, http.StatusNotImplemented) {
				// No object lock in this store: Probe will say so.
				err = b.core.MakeBucket(ctx, b.name, minio.MakeBucketOptions{Region: b.region})
			}
			if err != nil && !isCode(err, "BucketAlreadyOwnedByYou") && !isCode(err, "BucketAlreadyExists") {
				return b.fail("making the bucket for", "", err)
			}
		}
		return b.fail("inspecting", "", b.inspect(ctx))
	})
}

func (b *bucket) inspect(ctx context.Context) error {
	if b.erasable {
		v, err := b.core.GetBucketVersioning(ctx, b.name)
		if isStatus(err, http.StatusNotImplemented) {
			return nil
		}
		if err == nil && v.Status == minio.Enabled {
			return fmt.Errorf("%w: bucket %s keeps versions, so an erased key would live on", ErrUnsupported, b.name)
		}
		return err
	}
	enabled, _, _, _, err := b.core.GetObjectLockConfig(ctx, b.name)
	if isCode(err, "ObjectLockConfigurationNotFoundError") || isStatus(err, http.StatusNotImplemented) {
		enabled, err = "", nil
	}
	b.lockable = enabled == "Enabled"
	return err
}

func (b *bucket) Put(ctx context.Context, name string, body []byte, a Attr) (Info, error) {
	if err := b.checkWrite(ctx, name, body, a); err != nil {
		return Info{}, err
	}
	// Between this look and the write somebody may lock the object; its locked
	// version then stays as an older one, so nothing is lost.
	if err := b.mustBeFree(ctx, name); err != nil {
		return Info{}, err
	}
	info, err := b.write(ctx, name, body, a, nil)
	return info, b.fail("writing", name, err)
}

func (b *bucket) Create(ctx context.Context, name string, body []byte, a Attr) (Info, error) {
	if err := b.checkWrite(ctx, name, body, a); err != nil {
		return Info{}, err
	}
	if err := b.honoursCreateOnly(ctx); err != nil {
		return Info{}, err
	}
	info, err := b.write(ctx, name, body, a, createOnly)
	if isPrecondition(err) {
		err = ErrExists
	}
	return info, b.fail("creating", name, err)
}

func (b *bucket) Swap(ctx context.Context, name string, body []byte, etag string, a Attr) (Info, error) {
	if err := b.checkWrite(ctx, name, body, a); err != nil {
		return Info{}, err
	}
	if err := b.honoursMatch(ctx); err != nil {
		return Info{}, err
	}
	if err := b.mustBeFree(ctx, name); err != nil {
		return Info{}, err
	}
	info, err := b.write(ctx, name, body, a, match(etag))
	if isPrecondition(err) || isCode(err, minio.NoSuchKey) {
		err = ErrChanged
	}
	return info, b.fail("replacing", name, err)
}

// condition makes a write conditional; nil makes it unconditional.
type condition func(*minio.PutObjectOptions)

func createOnly(o *minio.PutObjectOptions) { o.SetMatchETagExcept("*") }

func match(etag string) condition {
	return func(o *minio.PutObjectOptions) { o.SetMatchETag(etag) }
}

// noSuchETag is well-formed and never the ETag of anything.
const noSuchETag = "00000000000000000000000000000000"

// honoursCreateOnly finds out, once, whether the store refuses a create-only
// write of what exists. A store that ignores the condition answers 200 and
// overwrites: two winners, a forked log. One small object stays in the bucket
// for this, so that it costs each process one refused request.
func (b *bucket) honoursCreateOnly(ctx context.Context) error {
	return b.conditional.do(ctx, func() error {
		for range 2 { // the first ever creates it
			_, err := b.write(ctx, reserved+"create-only", nil, Attr{}, createOnly)
			if isPrecondition(err) {
				return nil
			}
			if err != nil {
				return b.fail("trying create-only in", "", err)
			}
		}
		return fmt.Errorf("%w: bucket %s ignores create-only writes", ErrUnsupported, b.name)
	})
}

// honoursMatch is honoursCreateOnly for a write conditional on a version.
func (b *bucket) honoursMatch(ctx context.Context) error {
	return b.swap.do(ctx, func() error {
		_, err := b.write(ctx, reserved+"match", nil, Attr{}, match(noSuchETag))
		if isPrecondition(err) || isCode(err, minio.NoSuchKey) {
			return nil
		}
		if err != nil {
			return b.fail("trying a conditional write in", "", err)
		}
		return fmt.Errorf("%w: bucket %s ignores the version a write is conditional on", ErrUnsupported, b.name)
	})
}

func (b *bucket) checkWrite(ctx context.Context, name string, body []byte, a Attr) error {
	if err := checkWrite(name, body, a, b.erasable); err != nil {
		return err
	}
	if !a.RetainUntil.IsZero() && !a.RetainUntil.After(b.now()) {
		return fmt.Errorf("objects: lock of %q ends in the past", name)
	}
	return b.prepare(ctx)
}

// mustBeFree refuses to write over a locked object. The store itself would
// only add a version.
func (b *bucket) mustBeFree(ctx context.Context, name string) error {
	if b.erasable {
		return nil // nothing in it can be locked
	}
	info, err := b.Stat(ctx, name)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	if info.RetainUntil.After(b.now()) {
		return fmt.Errorf("objects: writing %q: %w until %s", name, ErrRetained, info.RetainUntil.Format(time.RFC3339))
	}
	return nil
}

// write sends one whole object and checks that what it relies on took effect.
func (b *bucket) write(ctx context.Context, name string, body []byte, a Attr, when condition) (Info, error) {
	sum := sha256.Sum256(body)
	digest, mark := base64.StdEncoding.EncodeToString(sum[:]), rand.Text()
	until := retention(a.RetainUntil)
	opts := minio.PutObjectOptions{
		ContentType: mediaType(a.Type),
		// Not hashed chunk by chunk either: see below.
		DisableContentSha256: true,
		UserMetadata: map[string]string{
			checksumHeader: digest,
			metaSHA256:     hex.EncodeToString(sum[:]),
			metaMark:       mark,
		},
	}
	switch {
	case until.IsZero():
	case b.lockable:
		opts.Mode, opts.RetainUntilDate = minio.Governance, until
	default:
		opts.UserMetadata[metaRetain] = until.Format(time.RFC3339)
	}
	if when != nil {
		when(&opts)
	}

	var sent minio.UploadInfo
	var err error
	for range attempts {
		// The signature covers the checksum header, and the store compares what came
		// with that: signing the payload's hash as well would make it hash everything
		// twice. A store that knows no checksums is found out by readBack.
		sent, err = b.core.PutObject(ctx, b.name, name, bytes.NewReader(body), int64(len(body)), "", "", opts)
		// Two conditional writes at the same instant: the store asks for another try.
		if !isStatus(err, http.StatusConflict) || ctx.Err() != nil {
			break
		}
	}
	if isPrecondition(err) {
		stat, serr := b.core.StatObject(ctx, b.name, name, minio.StatObjectOptions{})
		if serr != nil || stat.UserMetadata[metaMark] != mark {
			return Info{}, err
		}
		// Refused because our own first attempt, whose answer was lost, won.
		sent, err = minio.UploadInfo{ETag: stat.ETag, VersionID: stat.VersionID, ChecksumSHA256: stat.ChecksumSHA256}, nil
	}
	if err != nil {
		return Info{}, err
	}

	info := Info{
		Name: name, Size: int64(len(body)), ETag: sent.ETag, Modified: b.now().UTC(),
		Type: opts.ContentType, SHA256: hex.EncodeToString(sum[:]), RetainUntil: until,
	}
	switch sent.ChecksumSHA256 {
	case digest:
	case "":
		// The store does not vouch for the checksum: look for ourselves.
		if err := b.readBack(ctx, name, sent.VersionID, sum); err != nil {
			return Info{}, err
		}
	default:
		return Info{}, fmt.Errorf("%w: the store answered another checksum", ErrCorrupt)
	}
	if !until.IsZero() && b.lockable {
		stat, err := b.core.StatObject(ctx, b.name, name, minio.StatObjectOptions{VersionID: sent.VersionID})
		if err != nil {
			return Info{}, err
		}
		if got := lockedUntil(stat); got.Before(until) {
			return Info{}, fmt.Errorf("%w: bucket %s has object lock, but the object written is not locked until %s",
				ErrUnsupported, b.name, until.Format(time.RFC3339))
		}
		info.Modified = stat.LastModified.UTC()
	}
	return info, nil
}

// readBack compares what is stored with what was meant.
func (b *bucket) readBack(ctx context.Context, name, version string, sum [sha256.Size]byte) error {
	r, _, _, err := b.core.GetObject(ctx, b.name, name, minio.GetObjectOptions{VersionID: version})
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, io.LimitReader(r, MaxSize+1)); err != nil {
		return err
	}
	if !bytes.Equal(h.Sum(nil), sum[:]) {
		return fmt.Errorf("%w: the store holds other bytes than were sent", ErrCorrupt)
	}
	return nil
}

func (b *bucket) Get(ctx context.Context, name string) ([]byte, Info, error) {
	var err error
	for range attempts {
		var body []byte
		var info Info
		body, info, err = b.get(ctx, name)
		// The client repeats a lost request but not a body that broke off.
		if err == nil || !fault.Is(err, fault.Unavailable) || ctx.Err() != nil {
			return body, info, err
		}
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
	}
	return nil, Info{}, err
}

func (b *bucket) get(ctx context.Context, name string) ([]byte, Info, error) {
	r, info, err := b.Open(ctx, name)
	if err != nil {
		return nil, Info{}, err
	}
	defer func() { _ = r.Close() }()
	if info.Size > MaxSize {
		return nil, Info{}, fmt.Errorf("objects: reading %q: %w: %d bytes", name, ErrTooLarge, info.Size)
	}
	buf := bytes.NewBuffer(make([]byte, 0, info.Size+bytes.MinRead))
	if _, err := buf.ReadFrom(r); err != nil {
		return nil, Info{}, b.fail("reading", name, err)
	}
	if info.SHA256 == "" { // not written by this package
		sum := sha256.Sum256(buf.Bytes())
		info.SHA256 = hex.EncodeToString(sum[:])
	}
	return buf.Bytes(), info, nil
}

func (b *bucket) Range(ctx context.Context, name string, off, n int64) ([]byte, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	if err := checkRange(off, n); err != nil {
		return nil, err
	}
	return b.part(ctx, name, off, n)
}

func (b *bucket) part(ctx context.Context, name string, off, n int64) ([]byte, error) {
	var opts minio.GetObjectOptions
	if err := opts.SetRange(off, off+n-1); err != nil {
		return nil, fmt.Errorf("objects: reading %q: %w", name, err)
	}
	r, stat, header, err := b.core.GetObject(ctx, b.name, name, opts)
	if isCode(err, "InvalidRange") || isStatus(err, http.StatusRequestedRangeNotSatisfiable) {
		return nil, fmt.Errorf("objects: reading %q: %w: from %d", name, ErrRange, off)
	}
	if err != nil {
		return nil, b.fail("reading", name, err)
	}
	defer func() { _ = r.Close() }()
	// A store that ignores the header would answer the whole object instead.
	if !strings.HasPrefix(header.Get("Content-Range"), fmt.Sprintf("bytes %d-", off)) || stat.Size > n {
		return nil, fmt.Errorf("objects: reading %q: %w: ranges", name, ErrUnsupported)
	}
	part := make([]byte, stat.Size)
	if _, err := io.ReadFull(r, part); err != nil {
		return nil, b.fail("reading", name, err)
	}
	return part, nil
}

func (b *bucket) Open(ctx context.Context, name string) (io.ReadCloser, Info, error) {
	if err := CheckName(name); err != nil {
		return nil, Info{}, err
	}
	r, stat, _, err := b.core.GetObject(ctx, b.name, name, minio.GetObjectOptions{})
	if err != nil {
		return nil, Info{}, b.fail("reading", name, err)
	}
	info := b.info(name, stat)
	return newVerifier(ctx, r, name, info.Size, info.SHA256), info, nil
}

func (b *bucket) Stat(ctx context.Context, name string) (Info, error) {
	if err := CheckName(name); err != nil {
		return Info{}, err
	}
	stat, err := b.core.StatObject(ctx, b.name, name, minio.StatObjectOptions{})
	if err != nil {
		return Info{}, b.fail("looking at", name, err)
	}
	return b.info(name, stat), nil
}

func (b *bucket) info(name string, o minio.ObjectInfo) Info {
	return Info{
		Name: name, Size: o.Size, ETag: o.ETag, Modified: o.LastModified.UTC(),
		Type: o.ContentType, SHA256: o.UserMetadata[metaSHA256], RetainUntil: lockedUntil(o),
	}
}

// lockedUntil reads the store's lock, or ours where the store has none.
func lockedUntil(o minio.ObjectInfo) time.Time {
	for _, s := range []string{o.Headers.Get(lockUntilHeader), o.UserMetadata[metaRetain]} {
		if t, err := time.Parse(time.RFC3339, s); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}

func (b *bucket) List(ctx context.Context, prefix, after string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		if err := checkPrefix(prefix); err != nil {
			yield(Info{}, err)
			return
		}
		if err := ctx.Err(); err != nil {
			yield(Info{}, err)
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		plain := false // fetch-owner costs the store a lookup we do not use
		for o := range b.core.ListObjectsIter(ctx, b.name, minio.ListObjectsOptions{Prefix: prefix, StartAfter: after, Recursive: true, FetchOwner: &plain}) {
			if o.Err != nil {
				if err := b.fail("listing", prefix, o.Err); !errors.Is(err, ErrNotFound) {
					yield(Info{}, err)
				}
				return // the bucket is yet to be made: it holds nothing
			}
			if strings.HasPrefix(o.Key, reserved) || strings.HasSuffix(o.Key, "/") {
				continue
			}
			if !yield(Info{Name: o.Key, Size: o.Size, ETag: strings.Trim(o.ETag, `"`), Modified: o.LastModified.UTC()}, nil) {
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(Info{}, err)
		}
	}
}

func isCode(err error, code string) bool {
	return err != nil && minio.ToErrorResponse(err).Code == code
}

func isStatus(err error, status int) bool {
	return err != nil && minio.ToErrorResponse(err).StatusCode == status
}

// isPrecondition tells that a conditional write was refused. An old store
// answers a PUT with the 304 meant for a GET (minio/minio#19442).
func isPrecondition(err error) bool {
	return isStatus(err, http.StatusPreconditionFailed) || isStatus(err, http.StatusNotModified) || isCode(err, minio.PreconditionFailed)
}

// fail words an error of the client for ours; nil stays nil.
func (b *bucket) fail(doing, name string, err error) error {
	if err == nil {
		return nil
	}
	what := fmt.Sprintf("objects: %s %q in %s", doing, name, b.name)
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s: %w", what, err)
	}
	for _, ours := range []error{ErrNotFound, ErrExists, ErrChanged, ErrRetained, ErrCorrupt, ErrTooLarge, ErrRange, ErrName, ErrUnsupported} {
		if errors.Is(err, ours) {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	r := minio.ToErrorResponse(err)
	switch {
	case r.Code == minio.NoSuchKey, r.Code == minio.NoSuchBucket && b.create:
		return fmt.Errorf("%s: %w", what, ErrNotFound)
	case r.StatusCode == 0, r.StatusCode >= 500, r.StatusCode == http.StatusTooManyRequests, r.Code == "SlowDown":
		return fault.New(fault.Unavailable, "objects.unavailable").After(retryAfter).Because(fmt.Errorf("%s: %w", what, err))
	}
	return fmt.Errorf("%s: %s (%d %w)", what, r.Code, r.StatusCode, err)
}
