// Package evidence takes in files that only named people may read, piece by
// piece, and holds no key that opens them.
//
// A box is where files go. It is sealed to one recipient, belongs to something
// (a tip-off, a draft of one, a case, a record, a batch), and ends. Whoever holds
// its token may add, continue and drop files until then, and nothing else: the
// token opens nothing. Redis, the journal and the object store hold only its
// hash.
//
// Every piece of a file is sealed by itself and kept as one object that is never
// overwritten (see package seal); what the sender's device calls the file is
// sealed when the upload begins, and a sealed manifest binds the whole when it
// is complete. Nothing derived from the plaintext is kept between two requests.
//
// In the clear remain: whom the box belongs to, the number, size and state of its
// files and of their pieces, and the days. Times are coarsened to a day where
// the sender may be a reporter.
//
// The two halves of the package need different rights. Taking in: OpenBox,
// Create, Writer, Append, Drop, Sweep. Reading: Boxes, Files, Manifest, Piece,
// for whoever has the box's identity.
package evidence

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"strconv"
	"strings"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/seal"
)

// BoxSpec asks for a box.
type BoxSpec struct {
	// For names what the box belongs to: "draft", or "<matter>:<id>" as in
	// "tip-off:…", "case:…", "batch:…", "record:…". It is kept in the clear.
	For string
	// To is whom everything is sealed to.
	To seal.Recipient
	// Key is the reference of seal.Keys under which To's private key is wrapped,
	// "" where it is kept elsewhere. It is kept in the clear.
	Key string
	// Until is when the box ends: it takes nothing any more. A draft's box that
	// was not bound by then is dropped with its files.
	Until time.Time
	// By is who opened it: a user, a key id, "system"; never a name.
	By string
	// Org is the organisation that attaches, "" for a reporter. Times in a box
	// without an organisation are coarsened to the day.
	Org string
	// Unit is the label of the unit whose material it is, "" where the box has no key
	// of its own.
	Unit string
	// Return is the page people go back to from the upload page, as
	// "report-intake/…": a path of this site that the caller's code chose. It
	// never comes from a request.
	Return string
}

// Box is a box as it is stored; its token is not.
type Box struct {
	ID    string `json:"id"`
	For   string `json:"for"`
	To    string `json:"to"` // public keys, one a line
	Key   string `json:"key,omitempty"`
	Until int64  `json:"until"` // Unix seconds
	Day   string `json:"day"`   // opened, in China
	By    string `json:"by,omitempty"`
	Org   string `json:"org,omitempty"`
	Unit  string `json:"unit,omitempty"`
	// Held boxes are kept beyond their time, for HeldFor, one of HoldGrounds;
	// Expiring ones are past it and being erased.
	Held     bool   `json:"held,omitempty"`
	HeldFor  string `json:"heldFor,omitempty"`
	Expiring bool   `json:"expiring,omitempty"`
	// Return: see BoxSpec.
	Return string `json:"return,omitempty"`
	// Files is how many files were ever begun: the number of the newest one.
	// Live and Bytes count those that were not dropped.
	Files int   `json:"files"`
	Live  int   `json:"live"`
	Bytes int64 `json:"bytes"`
	// Dropped boxes hold nothing any more.
	Dropped bool `json:"dropped,omitempty"`
}

// Recipient is whom the box's files are sealed to.
func (b Box) Recipient() (seal.Recipient, error) { return seal.ParseRecipient(b.To) }

// Ends is when the box takes nothing any more.
func (b Box) Ends() time.Time { return time.Unix(b.Until, 0).UTC() }

// Draft tells whether the box belongs to a report that was not sent yet.
func (b Box) Draft() bool { return b.For == Draft }

// Draft is what a box belongs to before the report it is for is sent.
const Draft = "draft"

// State is where a file stands.
type State string

// The states of a file.
const (
	Receiving State = "receiving" // pieces are missing
	Whole     State = "whole"     // complete, with its manifest
	Broken    State = "broken"    // what is known of it cannot be read; nothing else says so
	Gone      State = "gone"      // dropped by the sender, refused, or given up; its pieces are deleted
)

// File is one file of a box, as far as it is known in the clear.
type File struct {
	N int `json:"n"` // its number in the box, from 1
	// Size is what the sender announced, -1 while that is not known.
	Size int64 `json:"size"`
	// Offset is how much has arrived.
	Offset int64 `json:"offset"`
	Pieces int   `json:"pieces"`
	State  State `json:"state"`
	// Day is when it was begun, in China; Expires is when an incomplete one is
	// given up (Unix seconds).
	Day     string `json:"day"`
	Expires int64  `json:"expires"`
	// Seen tells that the file's beginning came in one piece and was looked at.
	// Where it did not, only who opens the file can tell what it is.
	Seen bool `json:"seen"`
	// Locked is the day until which the store keeps the file from being deleted,
	// "" where it does not.
	Locked string `json:"locked,omitempty"`
	// Meta is the sealed Meta.
	Meta string `json:"meta,omitempty"`
	// Manifest names the sealed manifest's object, and ManifestSum is the SHA-256
	// of that object in hex.
	Manifest    string `json:"manifest,omitempty"`
	ManifestSum string `json:"manifestSum,omitempty"`
	// Fence counts the commits: two writers who read the same one cannot both
	// write.
	Fence int64 `json:"fence"`
}

// At is the state of the file at that time: an incomplete file that nobody has
// continued is gone when its time has passed, whether or not it was swept.
func (f File) At(now time.Time) State {
	if f.State == Receiving && now.Unix() >= f.Expires {
		return Gone
	}
	return f.State
}

// Meta is what the sender's device said of a file; it exists sealed only.
type Meta struct {
	File   string `json:"file"`
	Name   string `json:"name,omitempty"`
	Type   string `json:"type,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
	Size   int64  `json:"size"`
}

// FileID is the name under which seal binds the pieces of a file together.
func FileID(box string, n int) string { return "evidence/" + box + "/" + strconv.Itoa(n) }

// NewToken makes the token of a box: 128 random bits and a little more.
func NewToken() string { return strings.ToLower(rand.Text()) }

// tokenSize is the length of rand.Text: base32 of at least 128 bits.
const tokenSize = 26

var small = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// TokenOf is the token that these stand for, always the same one. One of them must
// be a secret of at least 128 bits.
func TokenOf(parts ...string) string {
	sum := sha256.Sum256([]byte("ipcredit evidence token\n" + strings.Join(parts, "\x00")))
	return small.EncodeToString(sum[:])[:tokenSize]
}

// BoxOf is the id of the box that the token is for, or a fault of kind NotFound
// where the text is no token.
func BoxOf(token string) (string, error) {
	token = strings.ToLower(token)
	if len(token) != tokenSize || strings.Trim(token, "abcdefghijklmnopqrstuvwxyz234567") != "" {
		return "", fault.New(fault.NotFound, "evidence.no_box")
	}
	// A token has 128 bits: no slow hash is needed to keep it from being guessed.
	sum := sha256.Sum256([]byte("ipcredit evidence box\n" + token))
	return small.EncodeToString(sum[:20]), nil
}

// china is the zone that days are counted in.
var china = time.FixedZone("CST", 8*60*60)

func day(t time.Time) string { return t.In(china).Format(time.DateOnly) }

// midnight is the end of the day of t in China.
func midnight(t time.Time) time.Time {
	y, m, d := t.In(china).Date()
	return time.Date(y, m, d+1, 0, 0, 0, 0, china)
}

// noted is the time a change is recorded with: that of the day where the box may
// be a reporter's, for the hour would tell who was at work.
func (b Box) noted(now time.Time) time.Time {
	if b.Org != "" {
		return now
	}
	y, m, d := now.In(china).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, china)
}
