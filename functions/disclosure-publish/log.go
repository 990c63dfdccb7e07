package function

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/notary"
	"ipcredit/shared/page"
)

// How long caches keep what the log serves. A tile never changes; a checkpoint
// changes any minute; a proof stays true, only a newer one would do as well.
const (
	cacheTile       = "public, max-age=31536000, immutable"
	cacheCheckpoint = "no-cache"
	cacheProof      = "public, max-age=300"
	cacheKey        = "public, max-age=300"
)

const text = "text/plain; charset=utf-8"

// checkpoint is the log's newest signed tree head (C2SP tlog-checkpoint).
func (d *desk) checkpoint(w http.ResponseWriter, r *http.Request) error {
	note, err := d.log.Checkpoint(r.Context())
	if err != nil {
		return refused(err)
	}
	return send(w, r, text, cacheCheckpoint, note)
}

// tile is a tile of hashes or a bundle of entries (C2SP tlog-tiles).
func (d *desk) tile(w http.ResponseWriter, r *http.Request) error {
	path := "tile/" + r.PathValue("path")
	data, err := d.log.Object(r.Context(), path)
	if err != nil {
		return refused(err)
	}
	if !strings.HasPrefix(path, "tile/entries/") {
		return send(w, r, "application/octet-stream", cacheTile, data)
	}
	// Entries repeat the same words; hashes cannot be packed.
	w.Header().Set("Vary", "Accept-Encoding")
	if takesGzip(r) {
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		if _, err := z.Write(data); err != nil {
			return fmt.Errorf("disclosure-publish: packing: %w", err)
		}
		if err := z.Close(); err != nil {
			return fmt.Errorf("disclosure-publish: packing: %w", err)
		}
		w.Header().Set("Content-Encoding", "gzip")
		data = packed.Bytes()
	}
	return send(w, r, "application/octet-stream", cacheTile, data)
}

// proof is the proof of one entry, to keep and to check offline (C2SP
// tlog-proof).
func (d *desk) proof(w http.ResponseWriter, r *http.Request) error {
	index, err := strconv.ParseInt(r.PathValue("index"), 10, 64)
	if err != nil || strconv.FormatInt(index, 10) != r.PathValue("index") {
		return fault.New(fault.NotFound, "disclosure-publish.not_logged")
	}
	proof, err := d.log.Proof(r.Context(), index)
	if err != nil {
		return refused(err)
	}
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="ip-credit-%d.tlog-proof"`, index))
	return send(w, r, text, cacheProof, proof)
}

// publicKey is what signatures of the log are checked with. Whoever checks keeps
// it from the first time on, or has it from elsewhere: the one who signs could
// show everybody another.
func (d *desk) publicKey(w http.ResponseWriter, r *http.Request) error {
	return send(w, r, text, cacheKey, []byte(d.key.Public()))
}

// refused tells what is no fault of ours: not there yet, or damaged. That the
// log is damaged is said to everybody who asks for it, because an auditor must
// be able to tell it from a server that is away.
func refused(err error) error {
	switch {
	case errors.Is(err, notary.ErrBroken):
		return fault.New(fault.Gone, "disclosure-publish.damaged").Because(err)
	case errors.Is(err, notary.ErrNotFound):
		return fault.New(fault.NotFound, "disclosure-publish.not_logged")
	}
	return fmt.Errorf("disclosure-publish: log: %w", err)
}

// send writes an answer that a cache may hold against its hash.
func send(w http.ResponseWriter, r *http.Request, media, cache string, body []byte) error {
	sum := sha256.Sum256(body)
	tag := `"` + hex.EncodeToString(sum[:16]) + `"`
	h := w.Header()
	h.Set("Content-Type", media)
	h.Set("Cache-Control", cache)
	h.Set("ETag", tag)
	h.Set("X-Content-Type-Options", "nosniff")
	for _, known := range strings.Split(r.Header.Get("If-None-Match"), ",") {
		if strings.TrimPrefix(strings.TrimSpace(known), "W/") == tag {
			h.Del("Content-Type")
			w.WriteHeader(http.StatusNotModified)
			return nil
		}
	}
	_, err := w.Write(body)
	return err
}

func takesGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, q, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") && strings.ReplaceAll(q, " ", "") != "q=0" {
			return true
		}
	}
	return false
}

// standing is what the page says about the log.
type standing struct {
	// Origin, Size, Root and Note are those of the newest checkpoint; Note is
	// empty before the first one.
	Origin string
	Size   int64
	Root   string
	Note   string
	// Keys are the public keys, one a line.
	Keys string
	// Waiting is how many events come into the next checkpoint.
	Waiting int64
	// Address is the log's, for the command that audits it.
	Address string
	// Entry is what was looked up.
	Entry *looked
}

// index explains the log and how to check it.
func (d *desk) index(w http.ResponseWriter, r *http.Request) error {
	s := standing{Origin: d.key.Origin(), Keys: d.key.Public(), Address: d.env.PublicURL + "/function/" + Needs.Function}
	note, err := d.log.Checkpoint(r.Context())
	switch {
	case errors.Is(err, notary.ErrNotFound): // before the first tick
	case err != nil:
		return refused(err)
	default:
		if err := s.read(note, s.Keys); err != nil {
			return fmt.Errorf("disclosure-publish: own checkpoint: %w", err)
		}
	}
	if s.Waiting, err = d.log.Waiting(r.Context()); err != nil {
		return fmt.Errorf("disclosure-publish: log: %w", err)
	}
	status := http.StatusOK
	if asked := r.URL.Query().Get("index"); asked != "" {
		if s.Entry, err = d.look(r, asked); err != nil {
			return err
		}
		if !s.Entry.Found {
			status = http.StatusNotFound
		}
	}
	w.Header().Set("Cache-Control", cacheCheckpoint)
	return d.pages.Show(w, r, status, "log", s)
}

// read fills in what a checkpoint says.
func (s *standing) read(note []byte, keys string) error {
	v, err := notary.ParsePublic(keys)
	if err != nil {
		return err
	}
	c, err := v.Checkpoint(note)
	if err != nil {
		return err
	}
	s.Size, s.Root, s.Note = c.Size, base64.StdEncoding.EncodeToString(c.Root[:]), string(note)
	return nil
}

// looked is an entry that somebody looked up.
type looked struct {
	Asked string
	Found bool
	Index int64
	// What says the event in words, where there are any for it.
	What string
	notary.Leaf
}

// look reads an entry by what was typed.
func (d *desk) look(r *http.Request, asked string) (*looked, error) {
	l := &looked{Asked: asked}
	var err error
	if l.Index, err = strconv.ParseInt(strings.TrimSpace(asked), 10, 64); err != nil {
		return l, nil // no number, so no entry
	}
	data, err := d.log.Proof(r.Context(), l.Index)
	if errors.Is(err, notary.ErrNotFound) {
		return l, nil
	}
	if err != nil {
		return nil, refused(err)
	}
	proof, err := notary.ParseProof(data)
	if err != nil {
		return nil, fmt.Errorf("disclosure-publish: own proof: %w", err)
	}
	if l.Leaf, err = notary.ParseLeaf(proof.Extra); err != nil {
		return nil, fmt.Errorf("disclosure-publish: entry %d: %w", l.Index, err)
	}
	if key := "disclosure-publish.event." + l.Event; page.Has(key) {
		l.What = page.Say(fn.Lang(r), key)
	}
	l.Found = true
	return l, nil
}
