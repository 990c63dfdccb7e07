// Package notary keeps append-only logs that nobody can alter unnoticed, not
// even whoever holds the key.
//
// A city has named logs. What is logged are typed events with salted commitments
// (Leaf), never text. A transaction only queues a leaf; one sequencer at a time
// takes what waits, appends it to the Merkle tree of RFC 6962 and signs a
// checkpoint. Trees, proofs and signatures are those of golang.org/x/mod's
// sumdb; the forms that leave the house are C2SP's: tlog-checkpoint, tlog-tiles,
// tlog-proof and signed-note.
//
// # What decides
//
// Object storage holds, for each checkpoint, one object: the signed checkpoint,
// the entries that it adds and the right edge of the tree before them. It is
// created, never replaced, under the number of the checkpoint, so of any number
// of sequencers, with whatever state of Redis, exactly one makes the next one:
// this, and no lock, is what keeps the log from forking. Only then are tiles and
// bundles written that the checkpoint has filled; their content is decided, so
// whoever writes them writes the same. Incomplete ones are never stored: they are
// cut out of the newest checkpoint's object. At last one commit takes the leaves
// out of the queue and tells their indexes. A sequencer that died in between, or
// a Redis that lost its last second, is caught up from the objects.
//
//	notary/<city>/<log>/checkpoint/<number>   decides; locked where the store can
//	notary/<city>/<log>/tile/<L>/<N>          full tiles
//	notary/<city>/<log>/tile/entries/<N>      full bundles of entries
//
//	{city}:notary:<log>:queue     sorted set of what waits, by time
//	{city}:notary:<log>:head      the newest checkpoint that Redis knows of
//	{city}:notary:<log>:index     hash: id → index, of leaves without a place of their own
//	{city}:notary:<log>:orphans   hash: leaf hash → index, of entries whose leaf Redis lost
//	{city}:tmp:notary:<log>:mirror, tile:<L>:<N>   what proofs are made of, see Mirror
//	{city}:tmp:notary:<log>:…     the sequencer's lease and its fence number
package notary

import "errors"

// The logs of a city.
const (
	// Disclosure is public: sequenced and served by disclosure-publish.
	Disclosure = "disclosure"
	// Intake holds that tip-offs were lodged: sequenced by report-intake, its
	// checkpoints and proofs are given to reporters.
	Intake = "intake"
)

// What a log answers. Compare with errors.Is.
var (
	// ErrNotFound: there is no such entry, tile or checkpoint yet.
	ErrNotFound = errors.New("notary: not in the log")
	// ErrBroken: what is stored contradicts itself or what was signed. Nothing
	// more is appended until somebody has found out why.
	ErrBroken = errors.New("notary: the log is broken")
	// ErrNoKey: the log was opened without what the call needs.
	ErrNoKey = errors.New("notary: opened without key or objects")
)
