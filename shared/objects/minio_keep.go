package objects

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/minio/minio-go/v7"
)

// How long objects stay: locks, and deletion of every version.

func (b *bucket) Retain(ctx context.Context, name string, until time.Time) error {
	until = retention(until)
	if err := b.checkWrite(ctx, name, nil, Attr{RetainUntil: until}); err != nil {
		return err
	}
	if !b.lockable {
		return b.retainByMark(ctx, name, until)
	}
	stat, err := b.core.StatObject(ctx, b.name, name, minio.StatObjectOptions{})
	if err != nil {
		return b.fail("locking", name, err)
	}
	if !lockedUntil(stat).Before(until) {
		return nil
	}
	mode := minio.Governance
	err = b.core.PutObjectRetention(ctx, b.name, name, minio.PutObjectRetentionOptions{Mode: &mode, RetainUntilDate: &until, VersionID: stat.VersionID})
	if err != nil {
		return b.fail("locking", name, err)
	}
	stat, err = b.core.StatObject(ctx, b.name, name, minio.StatObjectOptions{VersionID: stat.VersionID})
	if err == nil && lockedUntil(stat).Before(until) {
		err = fmt.Errorf("%w: the lock did not take effect", ErrUnsupported)
	}
	return b.fail("locking", name, err)
}

// retainByMark writes the object again with the later date in its metadata,
// where the bucket has no lock of its own.
func (b *bucket) retainByMark(ctx context.Context, name string, until time.Time) error {
	if err := b.honoursMatch(ctx); err != nil {
		return err
	}
	for range attempts {
		body, info, err := b.Get(ctx, name)
		if err != nil {
			return err
		}
		if !info.RetainUntil.Before(until) {
			return nil
		}
		_, err = b.write(ctx, name, body, Attr{Type: info.Type, RetainUntil: until}, match(info.ETag))
		if isPrecondition(err) {
			continue
		}
		return b.fail("locking", name, err)
	}
	return fmt.Errorf("objects: locking %q: %w", name, ErrChanged)
}

func (b *bucket) Delete(ctx context.Context, name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	if err := b.prepare(ctx); err != nil {
		return err
	}
	if err := b.mustBeFree(ctx, name); err != nil {
		return err
	}
	if err := b.removeVersions(ctx, name); err != nil {
		return b.fail("deleting", name, err)
	}
	if b.erasable {
		// Erasure is a promise to a person: see that nothing is left.
		left, err := b.versions(ctx, name)
		if err != nil {
			return b.fail("deleting", name, err)
		}
		if len(left) > 0 {
			return fmt.Errorf("objects: deleting %q: %w: %d versions are still there", name, ErrUnsupported, len(left))
		}
	}
	return nil
}

// removeVersions deletes all versions, the oldest first: when a lock stops it,
// the newest is still the one that is read.
func (b *bucket) removeVersions(ctx context.Context, name string) error {
	versions, err := b.versions(ctx, name)
	if err != nil {
		return err
	}
	slices.Reverse(versions)
	for _, v := range versions {
		err := b.core.RemoveObject(ctx, b.name, name, minio.RemoveObjectOptions{VersionID: v})
		if err == nil {
			continue
		}
		if !b.erasable {
			_, until, rerr := b.core.GetObjectRetention(ctx, b.name, name, v)
			if rerr == nil && until != nil && until.After(b.now()) {
				return fmt.Errorf("%w until %s in an older version", ErrRetained, until.UTC().Format(time.RFC3339))
			}
		}
		return err
	}
	return nil
}

// versions lists the versions and delete markers of one name, newest first. A
// store without versions answers the one called "null".
func (b *bucket) versions(ctx context.Context, name string) ([]string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var ids []string
	for o := range b.core.ListObjectsIter(ctx, b.name, minio.ListObjectsOptions{Prefix: name, Recursive: true, WithVersions: true}) {
		if o.Err != nil {
			return nil, o.Err
		}
		if o.Key != name {
			break // longer names sort behind
		}
		ids = append(ids, o.VersionID)
	}
	return ids, ctx.Err()
}
