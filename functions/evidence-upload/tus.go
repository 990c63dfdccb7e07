package function

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"ipcredit/shared/evidence"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
)

// The tus resumable upload protocol 1.0.0 (tus.io/protocols/resumable-upload):
// core, creation, creation-with-upload, expiration, checksum, termination.
//
// Upload-Metadata is not given back by HEAD, as the protocol would have it: it is
// sealed, and nothing here opens it.
const (
	tusVersion    = "1.0.0"
	tusExtensions = "creation,creation-with-upload,expiration,checksum,termination"
	tusChecksums  = "sha1,sha256,md5"
	octets        = "application/offset+octet-stream"
)

// What pages of other origins may send and read.
const (
	allowedMethods = "GET, HEAD, POST, PATCH, DELETE, OPTIONS"
	allowedHeaders = "Content-Type, Accept, Tus-Resumable, Upload-Length, Upload-Offset, Upload-Metadata, Upload-Checksum, Upload-Defer-Length, Upload-Concat, X-Http-Method-Override, X-Requested-With, X-Request-Id"
	exposedHeaders = "Location, Upload-Offset, Upload-Length, Upload-Expires, Tus-Resumable, Tus-Version, Tus-Max-Size, Tus-Extension, Tus-Checksum-Algorithm"
)

// tus says with every answer which protocol it is and refuses another one.
func tus(h fn.Handler) fn.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Tus-Resumable", tusVersion)
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Access-Control-Expose-Headers", exposedHeaders)
		if r.Header.Get("Tus-Resumable") != tusVersion {
			w.Header().Set("Tus-Version", tusVersion)
			return fault.New(fault.Stale, "evidence-upload.version", tusVersion)
		}
		return h(w, r)
	}
}

// options tells what this server can, and answers preflights.
func (d *desk) options(w http.ResponseWriter, r *http.Request) error {
	h := w.Header()
	h.Set("Tus-Resumable", tusVersion)
	h.Set("Tus-Version", tusVersion)
	h.Set("Tus-Extension", tusExtensions)
	h.Set("Tus-Checksum-Algorithm", tusChecksums)
	h.Set("Tus-Max-Size", strconv.FormatInt(d.evidence.Limits().FileBytes, 10))
	h.Set("Access-Control-Allow-Methods", allowedMethods)
	h.Set("Access-Control-Allow-Headers", allowedHeaders)
	h.Set("Access-Control-Expose-Headers", exposedHeaders)
	h.Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// create begins an upload in the box of the token.
func (d *desk) create(w http.ResponseWriter, r *http.Request) error {
	return d.createIn(w, r, r.PathValue("token"))
}

// createForReport begins an upload for a tip-off whose number and receipt stand
// in the metadata: for programs that kept the receipt and not the endpoint. Each
// such upload gets a box of its own.
func (d *desk) createForReport(w http.ResponseWriter, r *http.Request) error {
	p := fn.PieceOf(r)
	if p.Offset > 0 { // the box is made, and the metadata is still there: go on
		token, _ := d.running.of("report " + p.ID).(string)
		if p.Last || p.Cut {
			d.running.done("report " + p.ID)
		}
		return d.createIn(w, r, token)
	}
	meta, err := readMetadata(r.Header.Get("Upload-Metadata"))
	if err != nil {
		return err
	}
	if _, _, err := d.announced(r); err != nil {
		return err // no box for an upload that cannot begin
	}
	token, err := d.admit(r.Context(), r, meta["reportNo"], meta["receipt"])
	if err != nil {
		return err
	}
	if !p.Last {
		d.running.keep("report "+p.ID, token, func() {})
	}
	return d.createIn(w, r, token)
}

// announced reads what a creation says of the file.
func (d *desk) announced(r *http.Request) (evidence.NewFile, map[string]string, error) {
	var in evidence.NewFile
	for _, h := range []string{"Upload-Defer-Length", "Upload-Concat"} {
		if r.Header.Get(h) != "" {
			return in, nil, fault.New(fault.Invalid, "evidence-upload.extension", h).With(h, "evidence-upload.extension", h)
		}
	}
	size, err := count(r, "Upload-Length")
	if err != nil {
		return in, nil, err
	}
	meta, err := readMetadata(r.Header.Get("Upload-Metadata"))
	if err != nil {
		return in, nil, err
	}
	in = evidence.NewFile{Name: first(meta, "filename", "name"), Type: first(meta, "filetype", "type"), Size: size}
	if in.SHA256, err = readHash(meta["sha256"]); err != nil {
		return in, nil, err
	}
	return in, meta, nil
}

func (d *desk) createIn(w http.ResponseWriter, r *http.Request, token string) error {
	p := fn.PieceOf(r)
	b, err := d.evidence.Open(r.Context(), token)
	if err != nil {
		return err
	}
	key := "create " + token + " " + p.ID
	if p.Offset > 0 {
		n, ok := d.running.of(key).(int)
		if !ok {
			return fault.New(fault.Conflict, "evidence.offset", p.Offset)
		}
		if p.Last || p.Cut {
			d.running.done(key)
		}
		return d.write(w, r, &upload{token: token, box: b, n: n}, 0, http.StatusCreated)
	}
	in, _, err := d.announced(r)
	if err != nil {
		return err
	}
	with := r.ContentLength > 0 || !p.Last
	switch {
	case with && r.Header.Get("Content-Type") != octets:
		return fault.New(fault.WrongType, "evidence-upload.octets", octets)
	case p.Total > in.Size:
		return fault.New(fault.TooLarge, "evidence.too_much", in.Size)
	}
	f, err := d.evidence.Create(r.Context(), b, in)
	if err != nil {
		return err
	}
	w.Header().Set("Location", location(r, token, f.N))
	if with {
		if !p.Last && !p.Cut {
			d.running.keep(key, f.N, func() {})
		}
		return d.write(w, r, &upload{token: token, box: b, n: f.N}, 0, http.StatusCreated)
	}
	expires(w, f)
	w.WriteHeader(http.StatusCreated)
	return nil
}

// location is the upload's address as a path, which every client resolves
// against the address it called.
func location(r *http.Request, token string, n int) string {
	return fn.Prefix(r) + "/files/" + token + "/" + strconv.Itoa(n)
}

func expires(w http.ResponseWriter, f evidence.File) {
	if f.State == evidence.Receiving {
		w.Header().Set("Upload-Expires", time.Unix(f.Expires, 0).UTC().Format(http.TimeFormat))
	}
}

// file finds the box and the file of the address.
func (d *desk) file(r *http.Request) (b evidence.Box, token string, n int, err error) {
	token = r.PathValue("token")
	if b, err = d.evidence.Open(r.Context(), token); err != nil {
		return b, token, 0, err
	}
	n, err = strconv.Atoi(r.PathValue("n"))
	if err != nil || n < 1 || strconv.Itoa(n) != r.PathValue("n") {
		return b, token, 0, fault.New(fault.NotFound, "evidence.no_file")
	}
	return b, token, n, nil
}

// head tells how much has arrived.
func (d *desk) head(w http.ResponseWriter, r *http.Request) error {
	b, _, n, err := d.file(r)
	if err != nil {
		return err
	}
	f, err := d.evidence.File(r.Context(), b.ID, n)
	if err != nil {
		return err
	}
	if f.At(d.env.Now()) == evidence.Gone {
		return fault.New(fault.Ended, "evidence.gone")
	}
	w.Header().Set("Upload-Offset", strconv.FormatInt(f.Offset, 10))
	if f.Size >= 0 {
		w.Header().Set("Upload-Length", strconv.FormatInt(f.Size, 10))
	} else {
		w.Header().Set("Upload-Defer-Length", "1")
	}
	expires(w, f)
	w.WriteHeader(http.StatusOK)
	return nil
}

// override takes the method from the header, for clients behind proxies that let
// no PATCH or DELETE pass.
func (d *desk) override(w http.ResponseWriter, r *http.Request) error {
	switch r.Header.Get("X-HTTP-Method-Override") {
	case http.MethodPatch:
		return d.patch(w, r)
	case http.MethodDelete:
		return d.terminate(w, r)
	case http.MethodHead:
		return d.head(w, r)
	}
	w.Header().Set("Allow", "DELETE, HEAD, PATCH")
	return fault.New(fault.NotAllowed, "fn.method")
}

func (d *desk) terminate(w http.ResponseWriter, r *http.Request) error {
	b, _, n, err := d.file(r)
	if err != nil {
		return err
	}
	if _, err := d.evidence.File(r.Context(), b.ID, n); err != nil {
		return err
	}
	if err := d.evidence.Terminate(r.Context(), b, n); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// upload is a request that writes to a file while its body comes, perhaps in
// several calls.
type upload struct {
	token  string
	box    evidence.Box
	n      int
	writer *evidence.Writer
	// want is what the body must hash to, nil where the client did not say: then its
	// pieces become part of the file as they come, otherwise together at the end or
	// not at all.
	want *checksum
}

// patching finds what a PATCH is to write to and refuses one that cannot begin.
func (d *desk) patching(r *http.Request) (*upload, int64, error) {
	b, token, n, err := d.file(r)
	if err != nil {
		return nil, 0, err
	}
	if r.Header.Get("Content-Type") != octets {
		return nil, 0, fault.New(fault.WrongType, "evidence-upload.octets", octets)
	}
	offset, err := count(r, "Upload-Offset")
	if err != nil {
		return nil, 0, err
	}
	if offset > d.evidence.Limits().FileBytes {
		return nil, 0, fault.New(fault.Conflict, "evidence.offset", 0)
	}
	return &upload{token: token, box: b, n: n}, offset, nil
}

// ask begins a PATCH before its body is read: who comes second, or at the wrong
// place, is told so before he sends anything.
func (d *desk) ask(w http.ResponseWriter, r *http.Request) error {
	u, offset, err := d.patching(r)
	if err != nil {
		return err
	}
	return d.begin(r, u, offset)
}

// askOverride is ask for a method in a header.
func (d *desk) askOverride(w http.ResponseWriter, r *http.Request) error {
	if r.Header.Get("X-HTTP-Method-Override") != http.MethodPatch {
		return nil
	}
	return d.ask(w, r)
}

// patch takes the next bytes of an upload: a body of any length, of which one
// call brings a piece.
func (d *desk) patch(w http.ResponseWriter, r *http.Request) error {
	u, offset, err := d.patching(r)
	if err != nil {
		return err
	}
	return d.write(w, r, u, offset, http.StatusNoContent)
}

// begin opens the writer of a request and keeps it for the request's next call. The
// body's first byte goes to the offset.
func (d *desk) begin(r *http.Request, u *upload, offset int64) error {
	p := fn.PieceOf(r)
	want, err := readChecksum(r.Header.Get("Upload-Checksum"))
	switch {
	case err != nil:
		return err
	case p.Offset > 0 && want != nil:
		// What came of it before is gone: it cannot be checked any more.
		return fault.New(fault.Conflict, "evidence.offset", offset)
	}
	writer, err := d.evidence.Writer(r.Context(), u.box, u.n, offset+p.Offset)
	if err != nil {
		return err
	}
	if f := writer.File(); p.Offset == 0 && f.Size >= 0 && offset+max(p.Total, 0) > f.Size {
		writer.Discard(r.Context())
		return fault.New(fault.TooLarge, "evidence.too_much", f.Size)
	}
	u.writer, u.want = writer, want
	d.running.keep(u.key(r), u, func() { writer.Discard(context.Background()) })
	return nil
}

func (u *upload) key(r *http.Request) string {
	return fmt.Sprintf("upload %s %d %s", u.token, u.n, fn.PieceOf(r).ID)
}

// write stores one piece of a request's body, of which the first byte goes to the
// offset of the file.
func (d *desk) write(w http.ResponseWriter, r *http.Request, u *upload, offset int64, status int) error {
	// What has arrived is kept even if its sender has gone.
	r, cancel := lasting(r)
	defer cancel()
	if begun, ok := d.running.of(u.key(r)).(*upload); ok {
		u = begun
	} else if err := d.begin(r, u, offset); err != nil {
		return err
	}
	f, err := d.take(r, u)
	if err != nil {
		d.running.done(u.key(r))
		return err
	}
	w.Header().Set("Upload-Offset", strconv.FormatInt(f.Offset, 10))
	expires(w, f)
	if status == http.StatusCreated {
		w.Header().Set("Location", location(r, u.token, u.n))
	}
	w.WriteHeader(status)
	return nil
}

// take writes one call's piece, and at the body's end, or where the network ended
// it, makes what came part of the file.
func (d *desk) take(r *http.Request, u *upload) (evidence.File, error) {
	p, ctx := fn.PieceOf(r), r.Context()
	body, err := fn.Body(r)
	if err != nil {
		return evidence.File{}, err
	}
	if u.want != nil {
		u.want.hash.Write(body)
	}
	switch {
	case u.want != nil && p.Cut:
		err = fault.New(fault.Invalid, "fn.body_cut") // what cannot be checked is not kept
	case u.want != nil && p.Last && !u.want.met():
		err = fault.New(fault.Mismatch, "evidence-upload.checksum")
	default:
		err = u.writer.Write(ctx, body, false)
	}
	if err != nil {
		if u.want == nil && !fault.Is(err, fault.Locked) {
			_, _ = u.writer.Flush(ctx) // what is wrong with the rest is told already
		}
		return evidence.File{}, u.writer.Refuse(ctx, err)
	}
	switch {
	case p.Last || p.Cut:
		d.running.done(u.key(r))
		return u.writer.Commit(ctx)
	case u.want == nil:
		return u.writer.Advance(ctx)
	}
	return u.writer.File(), nil
}

// lasting is the request with a context that ends with the call's time and not
// with the client.
func lasting(r *http.Request) (*http.Request, context.CancelFunc) {
	ctx, cancel := context.WithoutCancel(r.Context()), context.CancelFunc(func() {})
	if end, ok := r.Context().Deadline(); ok {
		ctx, cancel = context.WithDeadline(ctx, end)
	}
	return r.WithContext(ctx), cancel
}

// list tells whoever has the token what has arrived, for a page that goes on
// after it was closed: sizes and states, never names.
func (d *desk) list(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Cache-Control", "no-store")
	b, err := d.evidence.Open(r.Context(), r.PathValue("token"))
	if err != nil {
		return err
	}
	all, err := d.evidence.Files(r.Context(), b.ID)
	if err != nil {
		return err
	}
	type one struct {
		N      int            `json:"n"`
		Size   int64          `json:"size"`
		Offset int64          `json:"offset"`
		State  evidence.State `json:"state"`
	}
	l := d.evidence.Limits()
	out := struct {
		Until   time.Time `json:"until"`
		Results []one     `json:"results"`
		Next    *string   `json:"next"`
		Limits  limits    `json:"limits"`
	}{Until: b.Ends(), Results: []one{}, Limits: limits{l.FileBytes, l.TotalBytes, l.Files, l.Extensions()}}
	for _, f := range all {
		out.Results = append(out.Results, one{f.N, f.Size, f.Offset, f.State})
	}
	return fn.WriteJSON(w, http.StatusOK, out)
}

// limits is what programs are told of the limits.
type limits struct {
	FileBytes  int64    `json:"fileBytes"`
	TotalBytes int64    `json:"totalBytes"`
	Files      int      `json:"files"`
	Extensions []string `json:"extensions"`
}

// count reads a header that is a number of bytes.
func count(r *http.Request, name string) (int64, error) {
	text := r.Header.Get(name)
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != text {
		return 0, fault.New(fault.Invalid, "evidence-upload.number", name).With(name, "evidence-upload.number", name)
	}
	return n, nil
}

// maxMetadata bounds the header: a name, a type, a hash, a receipt, with room for
// what clients add.
const maxMetadata = 8 << 10

// readMetadata reads Upload-Metadata: pairs separated by commas, a key and
// perhaps a value in base64.
func readMetadata(header string) (map[string]string, error) {
	bad := func() error {
		return fault.New(fault.Invalid, "evidence-upload.metadata").With("Upload-Metadata", "evidence-upload.metadata")
	}
	meta := map[string]string{}
	if len(header) > maxMetadata {
		return nil, bad()
	}
	for pair := range strings.SplitSeq(header, ",") {
		if pair = strings.TrimSpace(pair); pair == "" {
			continue
		}
		key, value, _ := strings.Cut(pair, " ")
		if _, twice := meta[key]; twice || strings.Trim(key, "!\"#$%&'()*+-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~") != "" {
			return nil, bad()
		}
		raw, err := base64.StdEncoding.Strict().DecodeString(strings.TrimSpace(value))
		if err != nil || !utf8.Valid(raw) {
			return nil, bad()
		}
		meta[key] = string(raw)
	}
	return meta, nil
}

func first(meta map[string]string, keys ...string) string {
	for _, k := range keys {
		if meta[k] != "" {
			return meta[k]
		}
	}
	return ""
}

// readHash reads the SHA-256 that a browser computed: 64 hex digits, or nothing.
func readHash(text string) (string, error) {
	raw, err := hex.DecodeString(text)
	if text != "" && (err != nil || len(raw) != sha256.Size) {
		return "", fault.New(fault.Invalid, "evidence-upload.hash").With("sha256", "evidence-upload.hash")
	}
	return strings.ToLower(text), nil
}

// checksum is what a body must hash to.
type checksum struct {
	hash hash.Hash
	sum  []byte
}

func (c *checksum) met() bool { return bytes.Equal(c.hash.Sum(nil), c.sum) }

// readChecksum reads Upload-Checksum: an algorithm and the digest in base64; nil
// where there is none.
func readChecksum(header string) (*checksum, error) {
	if header == "" {
		return nil, nil
	}
	bad := fault.New(fault.Invalid, "evidence-upload.algorithm", tusChecksums).With("Upload-Checksum", "evidence-upload.algorithm", tusChecksums)
	name, value, _ := strings.Cut(header, " ")
	c := &checksum{}
	switch name {
	case "sha1":
		c.hash = sha1.New()
	case "sha256":
		c.hash = sha256.New()
	case "md5":
		c.hash = md5.New()
	default:
		return nil, bad
	}
	var err error
	if c.sum, err = base64.StdEncoding.Strict().DecodeString(strings.TrimSpace(value)); err != nil || len(c.sum) != c.hash.Size() {
		return nil, bad
	}
	return c, nil
}
