package function

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"ipcredit/shared/fn"
)

// interfaces is the OpenAPI document of every function's interfaces, as anybody may
// read it in the source. The runner's tests call what it describes and hold the
// answers against it.
//
//go:embed openapi.json
var interfaces []byte

// placeholder is the server that the document names in the source: a path, which
// a reader resolves against where the document came from. It stands there once.
const placeholder = `"url": "/function"`

// description is the document with the city's own address for a server, and its
// ETag.
func description(publicURL string) (document []byte, tag string, err error) {
	if n := bytes.Count(interfaces, []byte(placeholder)); n != 1 {
		return nil, "", fmt.Errorf("portal: openapi.json names %d servers", n)
	}
	address, err := json.Marshal(publicURL + "/function")
	if err != nil {
		return nil, "", fmt.Errorf("portal: public_url: %w", err)
	}
	document = bytes.Replace(interfaces, []byte(placeholder), slices.Concat([]byte(`"url": `), address), 1)
	sum := sha256.Sum256(document)
	return document, `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`, nil
}

// openAPI serves the document, which only a deployment changes.
func openAPI(publicURL string) (fn.Handler, error) {
	document, tag, err := description(publicURL)
	if err != nil {
		return nil, err
	}
	return func(w http.ResponseWriter, r *http.Request) error {
		h := w.Header()
		h.Set("Cache-Control", kept)
		h.Set("ETag", tag)
		for known := range strings.SplitSeq(r.Header.Get("If-None-Match"), ",") {
			// A weak comparison (RFC 9110 §13.1.2): proxies that pack an answer weaken
			// its tag.
			if known = strings.TrimSpace(known); known == "*" || strings.TrimPrefix(known, "W/") == tag {
				w.WriteHeader(http.StatusNotModified)
				return nil
			}
		}
		h.Set("Content-Type", "application/json; charset=utf-8")
		_, err := w.Write(document)
		return err
	}, nil
}
