package objects

// What only the inside can arrange on a real server: buckets of another kind
// than this package makes.

import (
	"context"

	"github.com/minio/minio-go/v7"
)

// KeepVersions turns on versions in a store's bucket.
func KeepVersions(ctx context.Context, s Store) error {
	b := s.(*bucket)
	if err := b.prepare(ctx); err != nil {
		return err
	}
	return b.core.EnableVersioning(ctx, b.name)
}

// MakePlain makes the bucket of a store without versions and locks.
func MakePlain(ctx context.Context, s Store) error {
	b := *s.(*bucket)
	b.erasable, b.prepared = true, newOnce()
	return b.prepare(ctx)
}

// HideByMarker deletes an object as a person at a console would: a delete
// marker on top, all versions below.
func HideByMarker(ctx context.Context, s Store, name string) error {
	b := s.(*bucket)
	return b.core.RemoveObject(ctx, b.name, name, minio.RemoveObjectOptions{})
}
