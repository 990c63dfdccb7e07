package evidence

import (
	"strings"
	"time"

	"ipcredit/shared/fault"
)

// maxFor bounds what a box belongs to, in bytes.
const maxFor = 120

func checkFor(what string) error {
	if what == Draft {
		return nil
	}
	matter, id, found := strings.Cut(what, ":")
	if !found || matter == "" || id == "" || len(what) > maxFor || strings.Trim(strings.ToLower(what), "abcdefghijklmnopqrstuvwxyz0123456789-_.:") != "" {
		return fault.New(fault.Invalid, "evidence.for").With("for", "evidence.for")
	}
	return nil
}

// newBox is the box that a specification asks for.
func newBox(token string, spec BoxSpec, now time.Time) (Box, error) {
	id, err := BoxOf(token)
	if err != nil {
		return Box{}, err
	}
	if err := checkFor(spec.For); err != nil {
		return Box{}, err
	}
	if len(spec.To.Keys()) == 0 || !spec.Until.After(now) {
		return Box{}, fault.New(fault.Invalid, "evidence.spec")
	}
	return Box{
		ID: id, For: spec.For, To: spec.To.String(), Key: spec.Key, Until: spec.Until.Unix(), Day: day(now),
		By: spec.By, Org: spec.Org, Unit: spec.Unit, Return: spec.Return,
	}, nil
}

// NewFile announces a file.
type NewFile struct {
	Name, Type string
	SHA256     string // of the whole, lower-case hex, as the sender computed it; may be empty
	Size       int64  // -1 where only its end will tell
}

// takes refuses a file that the box has no room for.
func (l Limits) takes(b Box, in NewFile) error {
	switch {
	case in.Size == 0:
		return fault.New(fault.Refused, "evidence.empty").With("file", "evidence.empty")
	case b.Live >= l.Files:
		return fault.New(fault.Refused, "evidence.files", l.Files).With("file", "evidence.files", l.Files)
	}
	if err := l.fits(b, in.Size); err != nil {
		return err
	}
	return l.CheckName(in.Name)
}

// Room tells whether the box takes any file more.
func (l Limits) Room(b Box) bool { return b.Live < l.Files && b.Bytes < l.TotalBytes }

// fits refuses a file of this size, or of which so much has come.
func (l Limits) fits(b Box, size int64) error {
	switch {
	case size > l.FileBytes:
		return fault.New(fault.TooLarge, "evidence.file_size", Size(l.FileBytes)).With("file", "evidence.file_size", Size(l.FileBytes))
	case b.Bytes+size > l.TotalBytes:
		return fault.New(fault.TooLarge, "evidence.total_size", Size(l.TotalBytes)).With("file", "evidence.total_size", Size(l.TotalBytes))
	}
	return nil
}

// begin is the file that becomes number n of the box.
func (l Limits) begin(b Box, n int, size int64, meta string, now time.Time) File {
	return File{N: n, Size: size, State: Receiving, Day: day(now), Expires: l.expires(b, now), Meta: meta}
}

// expires is when a file that was written to now is given up: at the end of a
// day, so that the hour of the sender's last visit is not kept, and not after its
// box.
func (l Limits) expires(b Box, now time.Time) int64 {
	return min(midnight(now.Add(l.Abandoned())).Unix(), b.Until)
}

// writable refuses a write to the file as it stands.
func (f File) writable(now time.Time) error {
	switch f.At(now) {
	case Gone:
		return fault.New(fault.Ended, "evidence.gone")
	case Whole:
		return fault.New(fault.Conflict, "evidence.complete")
	}
	return nil
}

// gone is the file after it was dropped: what it was called is forgotten with it.
func (f File) gone() File {
	return File{N: f.N, Size: f.Size, State: Gone, Day: f.Day, Fence: f.Fence + 1}
}

// counted is how much of the box's room the file takes.
func (f File) counted() int64 { return max(f.Size, 0) }

// Size writes a number of bytes as people read it: 1.5 GB of 1024 MB each, as
// telephones and offices count.
func Size(n int64) string {
	units := []string{"B", "KB", "MB", "GB", "TB"}
	tenths, i := n*10, 0
	for tenths >= 10240 && i < len(units)-1 {
		tenths = (tenths + 512) / 1024
		i++
	}
	return decimal(tenths) + " " + units[i]
}

func decimal(tenths int64) string {
	whole := itoa(tenths / 10)
	if tenths%10 == 0 {
		return whole
	}
	return whole + "." + itoa(tenths%10)
}
