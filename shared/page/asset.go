package page

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"crypto/sha512"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"

	"ipcredit/shared/fault"
)

//go:embed asset
var ownAssets embed.FS

// asset is one static file under a name that changes with its content.
type asset struct {
	url       string // "page.1a2b3c4d5e6f7081.css"
	kind      string
	body      []byte
	packed    func() []byte // gzip, or nil where it does not pay; made when first asked for
	integrity string
}

var assetKinds = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

// collectAssets reads the shared assets and those of a function. A function's
// file may not take a shared one's name.
func collectAssets(files fs.FS) (byName, byURL map[string]*asset) {
	byName, byURL = make(map[string]*asset), make(map[string]*asset)
	add := func(from fs.FS, dir string) {
		found, err := fs.ReadDir(from, dir)
		if err != nil {
			return
		}
		for _, f := range found {
			ext := path.Ext(f.Name())
			kind, ok := assetKinds[ext]
			if !ok || f.IsDir() || byName[f.Name()] != nil {
				continue
			}
			body, err := fs.ReadFile(from, path.Join(dir, f.Name()))
			if err != nil {
				continue
			}
			sum, long := sha256.Sum256(body), sha512.Sum384(body)
			a := &asset{
				url:  strings.TrimSuffix(f.Name(), ext) + "." + hex.EncodeToString(sum[:8]) + ext,
				kind: kind, body: body, packed: sync.OnceValue(func() []byte { return pack(body) }),
				integrity: "sha384-" + base64.StdEncoding.EncodeToString(long[:]),
			}
			byName[f.Name()], byURL[a.url] = a, a
		}
	}
	add(ownAssets, "asset")
	if files != nil {
		add(files, ".")
	}
	return byName, byURL
}

func pack(body []byte) []byte {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil
	}
	if _, err := z.Write(body); err != nil {
		return nil
	}
	if err := z.Close(); err != nil || b.Len() >= len(body) {
		return nil
	}
	return b.Bytes()
}

// Asset serves the style sheet, the shared scripts and the function's own *.js,
// *.css and *.svg files under "/assets/{name}"; wire it as
//
//	mux.Handle("GET /assets/{name}", pages.Asset)
//
// A name holds the hash of the content, so an answer may be kept for ever.
func (p *Pages) Asset(w http.ResponseWriter, r *http.Request) error {
	a, ok := p.byURL[path.Base(r.URL.Path)]
	if !ok {
		return fault.New(fault.NotFound, "page.asset")
	}
	a.serve(w, r)
	return nil
}

func (a *asset) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", a.kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("X-Content-Type-Options", "nosniff")
	// A page shown in a sandboxed frame has an origin of its own and still needs
	// its style sheet; nothing here is private.
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	// A drawing opened by its own address is a document: give it no powers.
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox")
	body := a.body
	if packed := a.packed(); packed != nil {
		h.Add("Vary", "Accept-Encoding")
		if takesGzip(r.Header.Get("Accept-Encoding")) {
			h.Set("Content-Encoding", "gzip")
			body = packed
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method != http.MethodHead {
		w.Write(body)
	}
}

func takesGzip(accept string) bool {
	for part := range strings.SplitSeq(accept, ",") {
		name, q, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			q = strings.ReplaceAll(q, " ", "")
			return q != "q=0" && q != "q=0.0" && q != "q=0.00" && q != "q=0.000"
		}
	}
	return false
}
