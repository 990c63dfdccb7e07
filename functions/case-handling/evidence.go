package function

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"ipcredit/shared/evidence"
	"ipcredit/shared/evidence/clean"
	"ipcredit/shared/evidence/custody"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/page"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
)

// item is one file in an evidence box: of an opened tip-off, or of another matter.
type item struct {
	opened   tipoff.Opened
	of       string // what the box belongs to, where that is no tip-off
	box      string
	identity seal.Identity
	n        int
	manifest seal.Manifest
}

func (i item) ref() string {
	if i.of != "" {
		return i.of
	}
	return tipoff.Ref(i.opened.Report.Number)
}

// name is the file's name as it may be saved.
func (i item) name() string {
	if name := evidence.Display(i.manifest.Name); name != "" {
		return name
	}
	return strconv.Itoa(i.n)
}

// item finds the file of the address.
func (d *desk) item(r *http.Request, a staff.Actor) (item, error) {
	o, err := d.mustOpened(r, a)
	if err != nil {
		return item{}, err
	}
	i := item{opened: o, box: r.PathValue("box")}
	if i.identity, err = boxOf(o, i.box); err != nil {
		return i, err
	}
	if i.n, err = strconv.Atoi(r.PathValue("n")); err != nil || i.n < 1 || strconv.Itoa(i.n) != r.PathValue("n") {
		return i, fault.New(fault.NotFound, "case-handling.no_file")
	}
	i.manifest, err = d.evidence.Manifest(r.Context(), i.box, i.n, i.identity)
	return i, lost(r, err)
}

// lost says of a file that cannot be read that it is damaged, and logs why.
func lost(r *http.Request, err error) error {
	if !evidence.Damaged(err) {
		return err
	}
	damaged(r, err)
	return fault.New(fault.Conflict, "case-handling.file_damaged").Because(err)
}

// checked is what the last check of the file found.
func (d *desk) checked(ctx context.Context, i item) (custody.Check, bool, error) {
	all, err := d.custody.Checks(ctx, i.box, i.identity)
	c, ok := all[i.n]
	return c, ok, err
}

// reader reads a sealed file anywhere, opening the pieces it needs; the last
// one stays open, for most readers go on where they stopped.
type reader struct {
	ctx   context.Context
	store *evidence.Store
	item  item
	at    int // of the open piece; -1 before the first
	piece []byte
}

func (d *desk) reader(ctx context.Context, i item) *reader {
	return &reader{ctx: ctx, store: d.evidence, item: i, at: -1}
}

func (r *reader) ReadAt(b []byte, off int64) (int, error) {
	if off < 0 || off >= r.item.manifest.Size {
		return 0, io.EOF
	}
	n := 0
	var start int64
	for k, p := range r.item.manifest.Pieces {
		end := start + p.Size
		if off < end && n < len(b) {
			if err := r.open(k); err != nil {
				return n, err
			}
			got := copy(b[n:], r.piece[off-start:])
			n, off = n+got, off+int64(got)
		}
		start = end
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (r *reader) open(k int) error {
	if r.at == k {
		return nil
	}
	sealed, err := r.store.Piece(r.ctx, r.item.box, r.item.n, k)
	if err != nil {
		return err
	}
	plain, err := seal.OpenPiece(r.item.identity, r.item.manifest, k, sealed)
	if err != nil {
		return fmt.Errorf("case-handling: piece %d: %w", k, err)
	}
	r.at, r.piece = k, plain
	return nil
}

// whole is the file in memory, for what clean takes.
func (d *desk) whole(ctx context.Context, i item) ([]byte, error) {
	if i.manifest.Size > clean.MaxBytes {
		return nil, fault.New(fault.Refused, "clean.too_long", clean.MaxBytes>>20)
	}
	b := make([]byte, i.manifest.Size)
	if _, err := io.ReadFull(io.NewSectionReader(d.reader(ctx, i), 0, i.manifest.Size), b); err != nil {
		return nil, err
	}
	return b, nil
}

// maxScan is how long a file is read from end to end for the scanner and its
// hash (ours to choose): what is longer takes more time than a call has.
const maxScan = 512 << 20

// examine looks at a file and keeps what was found; also that it cannot be read.
func (d *desk) examine(r *http.Request, a staff.Actor, i item) error {
	c, err := d.found(r.Context(), i)
	if evidence.Damaged(err) {
		damaged(r, err)
		c, err = custody.Check{At: d.env.Now().UTC(), Damaged: true}, nil
	}
	if err != nil {
		return err
	}
	return d.custody.Keep(r.Context(), i.ref(), custody.Step{Box: i.box, N: i.n, By: a.User.ID, At: d.env.Now()}, c, i.identity.Recipient())
}

// found is what a look at the whole file finds.
func (d *desk) found(ctx context.Context, i item) (custody.Check, error) {
	c := custody.Check{At: d.env.Now().UTC()}
	var err error
	if i.manifest, err = d.evidence.Manifest(ctx, i.box, i.n, i.identity); err != nil {
		return c, err
	}
	err = d.alone(ctx, func() error {
		report, err := clean.Inspect(ctx, d.reader(ctx, i), i.manifest.Size, i.manifest.Name, i.manifest.Type)
		if err != nil {
			return err
		}
		c.Type, c.Findings = report.Type, report.Findings
		var clear clean.Copy
		data, err := d.whole(ctx, i)
		if err == nil {
			clear, err = clean.Clean(ctx, data)
		}
		if f, refused := fault.Of(err); refused && f.Kind == fault.Refused {
			c.NoCopy = &custody.Refusal{Code: f.Code, Args: f.Args}
			return nil
		}
		c.CopyType, c.CopySize, c.Removed = clear.Type, len(clear.Data), clear.Removed
		return err
	})
	if err == nil {
		c.Scan, c.SHA256, err = d.scan(ctx, i)
	}
	return c, err
}

// scan reads the whole file for the virus scanner and its hash.
func (d *desk) scan(ctx context.Context, i item) (custody.Scan, string, error) {
	if i.manifest.Size > maxScan {
		s := custody.Scan{Asked: d.scanner.network != ""}
		if s.Asked {
			s.Why = custody.WhyTooLong
		}
		return s, "", nil
	}
	sum := sha256.New()
	said, err := d.scanner.scan(ctx, func(w io.Writer) error {
		_, err := io.Copy(io.MultiWriter(w, sum), io.NewSectionReader(d.reader(ctx, i), 0, i.manifest.Size))
		return err
	})
	return said, hex.EncodeToString(sum.Sum(nil)), err
}

func (d *desk) checkFile(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	i, err := d.item(r, a)
	if err != nil {
		return err
	}
	if err := d.examine(r, a, i); err != nil {
		return err
	}
	return d.see(w, r, "/tip-offs", i.opened.Report.Number, "evidence", i.box, i.n, done("checked"))
}

// checkTime is how long one press of the button checks files: what is left is
// checked at the next.
const checkTime = 8 * time.Second

func (d *desk) checkAll(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	o, err := d.mustOpened(r, a)
	if err != nil {
		return err
	}
	ctx, begun, left := r.Context(), d.env.Now(), false
	for _, box := range o.Boxes {
		list, checks, err := d.inBox(ctx, box)
		if err != nil {
			return err
		}
		for _, f := range list {
			c, ok := checks[f.N]
			if f.At(d.env.Now()) != evidence.Whole || ok && c.State() != custody.Waiting && (c.State() != custody.Unscanned || d.scanner.network == "") {
				continue
			}
			if d.env.Now().Sub(begun) > checkTime {
				left = true
				continue
			}
			if err := d.examine(r, a, item{opened: o, box: box.ID, identity: box.Identity, n: f.N}); err != nil {
				return err
			}
		}
	}
	what := "checked-all"
	if left {
		what = "checked-some"
	}
	return d.see(w, r, "/tip-offs", o.Report.Number, done(what))
}

type filePage struct {
	base
	Number, No string
	Box        string
	N          int
	Name       string
	Size       string
	Bytes      int64
	SHA256     string // that the sender's device gave, "" without
	HashRight  bool
	Checked    bool
	Check      custody.Check
	State      custody.State
	Tone       string
	NoCopy     string
	Findings   []findingLine
	Whole      bool // short enough to be downloaded in one piece
	Steps      []lookLine
	CopySize   string
	Scan       string
}

type findingLine struct {
	Text, Detail string
	Grave        bool
}

// file shows one piece of evidence: its cleaned copy, what that lacks, what the
// check found, and the way to the original.
func (d *desk) file(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	i, err := d.item(r, a)
	if err != nil {
		return err
	}
	c, ok, err := d.checked(r.Context(), i)
	if err != nil {
		return err
	}
	lang, no := fn.Lang(r), i.opened.Report.Number
	p := filePage{
		base: d.base(r, a), Number: tipoff.FormatNumber(no), No: no, Box: i.box, N: i.n, Name: i.name(),
		Size: evidence.Size(i.manifest.Size), Bytes: i.manifest.Size, SHA256: i.manifest.SHA256, Checked: ok, Check: c,
		State: custody.Unscanned, Whole: i.manifest.Size <= fn.MaxBody,
	}
	if ok {
		p.State = c.State()
		p.CopySize = evidence.Size(int64(c.CopySize))
		p.HashRight = c.SHA256 != "" && c.SHA256 == i.manifest.SHA256
		if c.NoCopy != nil {
			_, p.NoCopy = page.Fault(lang, c.NoCopy.Fault())
		}
		for _, f := range c.Findings {
			p.Findings = append(p.Findings, findingLine{page.Say(lang, "clean.finding."+f.Code), f.Detail, f.Grave})
		}
		if c.Scan.Why != "" {
			p.Scan = page.Say(lang, "custody.scan."+c.Scan.Why)
		}
	}
	p.Tone = checkTone(p.State)
	steps, err := d.custody.Steps(r.Context(), i.box)
	if err != nil {
		return err
	}
	who := names{}
	for _, s := range steps {
		if s.N == i.n && len(p.Steps) < 40 {
			p.Steps = append(p.Steps, lookLine{d.name(r.Context(), who, s.By), s.At, "custody.step." + string(s.What), s.N})
		}
	}
	return d.pages.Show(w, r, http.StatusOK, "file", p)
}

// stepFor is how long further reads of the same file by the same session belong
// to the step that is recorded already: a file comes in many ranges.
const stepFor = time.Hour

// note records that somebody gets a file, before he does.
func (d *desk) note(r *http.Request, a staff.Actor, i item, what custody.What) error {
	mark := fmt.Sprintf("%s %s %d", what, i.box, i.n)
	if what == custody.Taken {
		if seen, err := d.custody.Marked(r.Context(), a.Session, mark); err != nil || seen {
			return err
		}
	}
	err := d.custody.Note(r.Context(), i.ref(), custody.Step{Box: i.box, N: i.n, What: what, By: a.User.ID, At: d.env.Now()})
	if err == nil && what == custody.Taken {
		_, err = d.custody.Mark(r.Context(), a.Session, mark, stepFor)
	}
	return err
}

// isolate sets the headers of everything that came from a stranger: never shown
// by a browser as a page of ours, never taken for another kind of file, without
// scripts, plug-ins or an origin if it is shown after all.
func isolate(h http.Header, media, name string) {
	h.Set("Content-Type", media)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Disposition", disposition(name))
}

// disposition makes a browser save the answer under a name it cannot misread
// (RFC 6266, RFC 8187).
func disposition(name string) string {
	plain := strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7e || strings.ContainsRune(`"\/;%`, r) {
			return '_'
		}
		return r
	}, name)
	var b strings.Builder
	for i := range len(name) {
		if c := name[i]; c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("!#$&+-.^_`|~", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return `attachment; filename="` + plain + `"; filename*=UTF-8''` + b.String()
}

// copy gives out the cleaned copy, made anew: it is kept nowhere.
func (d *desk) copy(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	i, err := d.item(r, a)
	if err != nil {
		return err
	}
	return d.giveCopy(w, r, a, i)
}

func (d *desk) giveCopy(w http.ResponseWriter, r *http.Request, a staff.Actor, i item) error {
	what := custody.Copied
	if r.Header.Get("Sec-Fetch-Dest") == "image" {
		what = custody.Viewed
	}
	return d.alone(r.Context(), func() error {
		data, err := d.whole(r.Context(), i)
		if err != nil {
			return lost(r, err)
		}
		c, err := clean.Clean(r.Context(), data)
		if err != nil {
			return err
		}
		if err := d.note(r, a, i, what); err != nil {
			return err
		}
		base := strings.TrimSuffix(i.name(), path.Ext(i.name()))
		isolate(w.Header(), c.Type, base+"-"+page.Say(fn.Lang(r), "case-handling.copy_name")+c.Ext)
		w.Header().Set("Content-Length", strconv.Itoa(len(c.Data)))
		_, err = w.Write(c.Data)
		return err
	})
}

// original gives out the file as it was handed in, by ranges of at most
// fn.MaxBody bytes: what is longer in one piece, nobody's memory holds. It was
// checked before, and what is suspicious is given only to who says he knows.
func (d *desk) original(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	i, err := d.item(r, a)
	if err != nil {
		return err
	}
	return d.giveOriginal(w, r, a, i)
}

func (d *desk) giveOriginal(w http.ResponseWriter, r *http.Request, a staff.Actor, i item) error {
	c, ok, err := d.checked(r.Context(), i)
	switch {
	case err != nil:
		return err
	case !ok:
		return fault.New(fault.Conflict, "case-handling.check_first")
	case c.State() == custody.Suspicious && r.URL.Query().Get("suspicious") != "1":
		return fault.New(fault.Conflict, "case-handling.suspicious")
	}
	size := i.manifest.Size
	from, to, ranged, err := byteRange(r.Header.Get("Range"), size)
	if err != nil {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes */%d", size))
		w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
		return nil // answered
	}
	if !ranged && size > fn.MaxBody {
		return fault.New(fault.TooLarge, "case-handling.by_ranges", evidence.Size(fn.MaxBody))
	}
	to = min(to, from+fn.MaxBody)
	if err := d.note(r, a, i, custody.Taken); err != nil {
		return err
	}
	part := make([]byte, to-from)
	if _, err := d.reader(r.Context(), i).ReadAt(part, from); err != nil && !errors.Is(err, io.EOF) {
		return lost(r, err)
	}
	// The type a browser is told says nothing: it could be persuaded to show it.
	isolate(w.Header(), "application/octet-stream", i.name())
	w.Header().Set("Accept-Ranges", "bytes")
	w.Header().Set("Content-Length", strconv.Itoa(len(part)))
	if ranged {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to-1, size))
		w.WriteHeader(http.StatusPartialContent)
	}
	_, err = io.Copy(w, bytes.NewReader(part))
	return err
}

var errRange = errors.New("case-handling: no such range")

// byteRange reads one range of bytes (RFC 9110, 14.2): to is behind its last
// byte. Several ranges in one request are answered as if none had been asked
// for.
func byteRange(header string, size int64) (from, to int64, ranged bool, err error) {
	spec, ok := strings.CutPrefix(header, "bytes=")
	if !ok || strings.Contains(spec, ",") {
		return 0, size, false, nil
	}
	first, end, ok := strings.Cut(strings.TrimSpace(spec), "-")
	if !ok {
		return 0, size, false, nil
	}
	number := func(s string) (int64, bool) {
		n, err := strconv.ParseInt(s, 10, 64)
		return n, err == nil && n >= 0 && s[0] != '+'
	}
	switch {
	case first == "": // the last so many
		n, ok := number(end)
		if !ok || n == 0 || size == 0 {
			return 0, 0, false, errRange
		}
		return max(0, size-n), size, true, nil
	case end == "":
		n, ok := number(first)
		if !ok || n >= size {
			return 0, 0, false, errRange
		}
		return n, size, true, nil
	}
	a, ok := number(first)
	b, ok2 := number(end)
	if !ok || !ok2 || a > b || a >= size {
		return 0, 0, false, errRange
	}
	return a, min(b+1, size), true, nil
}
