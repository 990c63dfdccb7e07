package objects_test

import (
	"testing"

	"ipcredit/shared/objects"
	"ipcredit/shared/objects/objectstest"
)

func TestDirectoryKeepsEveryPromise(t *testing.T) {
	objectstest.Run(t, func(t *testing.T) *objects.Buckets { return objectstest.Directory(t) })
}

func TestS3KeepsEveryPromise(t *testing.T) {
	objectstest.MinIO(t) // one server for all
	objectstest.Run(t, func(t *testing.T) *objects.Buckets { return objectstest.Real(t) })
}
