package objects

import (
	"strings"
	"time"
)

// Capabilities is what Probe saw happen, not what a server claims.
type Capabilities struct {
	// Backend is "s3" or "directory".
	Backend string
	// Erasable is set on the keys bucket, where versions are a weakness.
	Erasable bool
	// Versioning: the bucket keeps what is overwritten or deleted.
	Versioning bool
	// Lock: the store itself refused to delete a locked version.
	Lock bool
	// Conditional: the second of two create-only writes was refused.
	Conditional bool
	// Swap: a write conditional on another version's ETag was refused.
	Swap bool
	// Checksum: a body that does not match its SHA-256 was refused, and the
	// store gives the checksum of a good one back.
	Checksum bool
	// Range: a part of an object was answered as that part.
	Range bool
	// Skew is the store's clock minus ours, to about a second. Locks end by the
	// store's clock, and S3 refuses requests that are 15 minutes off.
	Skew time.Duration
}

// MaxSkew is the clock difference from which Weak reports it (ours to choose:
// S3 itself gives up at 15 minutes).
const MaxSkew = 5 * time.Second

// Weak names what is weakened, as catalogue keys whose sentences say the
// consequence; empty when nothing is.
func (c Capabilities) Weak() []string {
	var weak []string
	add := func(is bool, key string) {
		if is {
			weak = append(weak, "objects.weak."+key)
		}
	}
	if c.Erasable {
		add(c.Versioning, "keys_versioned")
	} else {
		add(!c.Versioning, "versioning")
		add(!c.Lock, "lock")
	}
	add(!c.Conditional, "conditional")
	add(!c.Swap, "swap")
	add(!c.Checksum, "checksum")
	add(!c.Range, "range")
	add(c.Skew.Abs() > MaxSkew, "skew")
	return weak
}

// String is for logs.
func (c Capabilities) String() string {
	var has []string
	for _, f := range []struct {
		name string
		is   bool
	}{{"versioning", c.Versioning}, {"lock", c.Lock}, {"create-only", c.Conditional}, {"swap", c.Swap}, {"checksum", c.Checksum}, {"range", c.Range}} {
		if f.is {
			has = append(has, f.name)
		}
	}
	return c.Backend + ": " + strings.Join(has, ", ") + "; clock " + c.Skew.String()
}
