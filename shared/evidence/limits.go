package evidence

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"ipcredit/shared/evidence/kind"
	"ipcredit/shared/seal"
)

//go:embed limits.json
var limitsFile []byte

// Limits are what a box takes: the one place that pages show and the server
// enforces. The numbers and the list of types are ours to choose ([design]).
type Limits struct {
	Source string `json:"source"`
	Date   string `json:"date"`
	// FileBytes is the largest file, TotalBytes the most a box holds, Files how
	// many files it holds.
	FileBytes  int64 `json:"fileBytes"`
	TotalBytes int64 `json:"totalBytes"`
	Files      int   `json:"files"`
	// Boxes is how many boxes a report ever gets: each new place for evidence that a
	// reporter asks for is one.
	Boxes int `json:"boxes"`
	// PieceBytes is how much one object holds at most, Pieces how many a file may
	// come in: sent byte by byte, a file is no longer than that.
	PieceBytes int `json:"pieceBytes"`
	Pieces     int `json:"pieces"`
	// CommitBytes and CommitMillis are after how much, and after how long, what has
	// come of a long request is made part of the file while the rest still comes: what
	// a process that dies in the middle loses at most, whichever is less.
	CommitBytes  int64 `json:"commitBytes"`
	CommitMillis int   `json:"commitMillis"`
	// HeadBytes is how much of a file's beginning tells what it is.
	HeadBytes int `json:"headBytes"`
	// NameBytes is how much of a file's name is kept.
	NameBytes int `json:"nameBytes"`
	// AbandonedHours is how long an incomplete file waits to be continued.
	AbandonedHours int `json:"abandonedHours"`
	// LockDays is how long the store is asked to keep an original from being
	// deleted. It ends nothing: what must be forgotten is forgotten by its key.
	LockDays int     `json:"lockDays"`
	Groups   []Group `json:"groups"`
}

// Group is one kind of file that is taken.
type Group struct {
	// Name is the group in the catalogue: "evidence.group."+Name.
	Name       string   `json:"name"`
	Extensions []string `json:"extensions"`
	// Types are the beginnings of the media types of the group's files by content, see
	// package kind; Starts are first bytes, in hex, that tell one all the same, where ??
	// is any byte. Text is told by having none that text cannot have.
	Types  []string `json:"types,omitempty"`
	Starts []string `json:"starts,omitempty"`
	Text   bool     `json:"text,omitempty"`
	// Pure groups hold no text of their own: where a page begins within the first
	// bytes of one, it was made to be two things at once.
	Pure   bool `json:"pure,omitempty"`
	starts []kind.Start
}

// Abandoned is how long an incomplete file waits.
func (l Limits) Abandoned() time.Duration { return time.Duration(l.AbandonedHours) * time.Hour }

func (l Limits) commitEvery() time.Duration {
	return time.Duration(l.CommitMillis) * time.Millisecond
}

// Extensions lists the endings of names that are taken, in the order of the
// groups, each with its dot: what a page's file input accepts.
func (l Limits) Extensions() []string {
	var all []string
	for _, g := range l.Groups {
		for _, e := range g.Extensions {
			all = append(all, "."+e)
		}
	}
	return all
}

// group finds the group that a name belongs to by its ending.
func (l Limits) group(name string) (Group, bool) {
	e := extension(name)
	for _, g := range l.Groups {
		if slices.Contains(g.Extensions, e) {
			return g, true
		}
	}
	return Group{}, false
}

// extension is the ending of a cleaned name in lower case, without its dot.
func extension(name string) string {
	name = Display(name)
	if at := strings.LastIndexByte(name, '.'); at >= 0 {
		return strings.ToLower(name[at+1:])
	}
	return ""
}

var shipped = sync.OnceValue(func() Limits {
	l, err := readLimits(limitsFile)
	if err != nil {
		panic(err) // a broken build, found by any test
	}
	return l
})

// DefaultLimits returns the limits in force.
func DefaultLimits() Limits { return shipped() }

func readLimits(data []byte) (Limits, error) {
	var l Limits
	if err := json.Unmarshal(data, &l); err != nil {
		return l, fmt.Errorf("evidence: limits: %w", err)
	}
	switch {
	case l.FileBytes < 1, l.TotalBytes < l.FileBytes, l.Files < 1, l.Boxes < 1, l.HeadBytes < 512, l.NameBytes < 255,
		l.CommitBytes < 1, l.CommitMillis < 1, l.AbandonedHours < 1, l.LockDays < 0, len(l.Groups) == 0:
		return l, fmt.Errorf("evidence: limits: a number makes no sense")
	case l.PieceBytes < l.HeadBytes || l.PieceBytes > seal.MaxPiece:
		return l, fmt.Errorf("evidence: limits: pieces of %d bytes", l.PieceBytes)
	case l.Pieces > seal.MaxPieces || int64(l.Pieces)*int64(l.PieceBytes) < l.FileBytes:
		return l, fmt.Errorf("evidence: limits: %d pieces", l.Pieces)
	}
	var err error
	for i := range l.Groups {
		if l.Groups[i].starts, err = kind.ReadStarts(l.Groups[i].Starts); err != nil {
			return l, err
		}
	}
	return l, nil
}
