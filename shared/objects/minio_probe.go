package objects

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
)

func (b *bucket) Probe(ctx context.Context) (Capabilities, error) {
	c := Capabilities{Backend: "s3", Erasable: b.erasable}
	versioning, err := b.core.GetBucketVersioning(ctx, b.name)
	if err == nil {
		c.Versioning = versioning.Status == minio.Enabled
	}
	if !b.erasable || !c.Versioning {
		// A versioned bucket of keys fails to prepare; Weak says why.
		if err := b.prepare(ctx); err != nil {
			return c, err
		}
		versioning, err = b.core.GetBucketVersioning(ctx, b.name)
		if err != nil && !isStatus(err, http.StatusNotImplemented) {
			return c, b.fail("probing", "", err)
		}
		c.Versioning = versioning.Status == minio.Enabled
	}

	name := reserved + strings.ToLower(rand.Text())
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		_ = b.removeVersions(ctx, name)
	}()
	body := []byte("probe")
	asked := b.now()
	if _, err := b.write(ctx, name, body, Attr{}, nil); err != nil {
		return c, b.fail("probing", name, err)
	}
	stat, err := b.core.StatObject(ctx, b.name, name, minio.StatObjectOptions{})
	if err != nil {
		return c, b.fail("probing", name, err)
	}
	answered := b.now()
	if date, err := http.ParseTime(stat.Headers.Get("Date")); err == nil {
		// The header is cut to the second: half a second is its middle.
		ours := asked.Add(answered.Sub(asked) / 2)
		c.Skew = date.Add(time.Second / 2).Sub(ours).Round(time.Second)
	}

	_, err = b.write(ctx, name, body, Attr{}, createOnly)
	c.Conditional = isPrecondition(err)
	_, err = b.write(ctx, name, body, Attr{}, match(noSuchETag))
	c.Swap = isPrecondition(err)
	if part, err := b.part(ctx, name, 1, 3); err == nil {
		c.Range = string(part) == "rob"
	}
	if c.Checksum, err = b.probeChecksum(ctx, name, body); err != nil {
		return c, b.fail("probing", name, err)
	}
	if b.lockable {
		if c.Lock, err = b.probeLock(ctx, c.Skew); err != nil {
			return c, b.fail("probing", name, err)
		}
	}
	return c, nil
}

// probeChecksum sends a right and a wrong checksum.
func (b *bucket) probeChecksum(ctx context.Context, name string, body []byte) (bool, error) {
	sum := sha256.Sum256(body)
	send := func(digest []byte) (minio.UploadInfo, error) {
		return b.core.PutObject(ctx, b.name, name, bytes.NewReader(body), int64(len(body)), "", hex.EncodeToString(sum[:]), minio.PutObjectOptions{
			DisableContentSha256: true,
			UserMetadata:         map[string]string{checksumHeader: base64.StdEncoding.EncodeToString(digest)},
		})
	}
	sent, err := send(sum[:])
	if err != nil {
		return false, err
	}
	other := sha256.Sum256([]byte("other"))
	_, err = send(other[:])
	return sent.ChecksumSHA256 == base64.StdEncoding.EncodeToString(sum[:]) && isStatus(err, http.StatusBadRequest), nil
}

// probeLock writes a locked object and tries to delete it. The object is small
// and stays until its lock of a minute is over; the next probe removes it.
func (b *bucket) probeLock(ctx context.Context, skew time.Duration) (bool, error) {
	const name = reserved + "lock"
	_ = b.removeVersions(ctx, name)
	_, err := b.write(ctx, name, nil, Attr{RetainUntil: b.now().Add(skew + time.Minute)}, nil)
	if err != nil {
		return false, err
	}
	versions, err := b.versions(ctx, name)
	if err != nil || len(versions) == 0 {
		return false, err
	}
	err = b.core.RemoveObject(ctx, b.name, name, minio.RemoveObjectOptions{VersionID: versions[0]})
	return err != nil && minio.ToErrorResponse(err).StatusCode/100 == 4, nil
}
