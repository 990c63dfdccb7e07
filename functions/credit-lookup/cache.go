package function

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// fresh sets how long an answer that holds until next may be kept: at most the
// usual time, and never past next, down to none at all in the last second. A
// fraction of a second is cut off, never rounded up.
func fresh(h http.Header, next, now time.Time) {
	h["Cache-Control"] = []string{"public, max-age=" + strconv.Itoa(keep(next, now))}
}

// keep is the seconds an answer may be kept; next is zero where it never changes
// by itself.
func keep(next, now time.Time) int {
	d := chosen.Seconds("cache.seconds")
	if !next.IsZero() {
		d = min(d, next.Sub(now))
	}
	return max(0, int(d/time.Second))
}

// matches tells whether If-None-Match names the tag, by the weak comparison of
// RFC 9110 §13.1.2. It is a list, and * matches anything there is.
func matches(r *http.Request, tag string) bool {
	tag = strings.TrimPrefix(tag, "W/")
	for _, line := range r.Header["If-None-Match"] {
		for rest := strings.TrimLeft(line, " \t,"); rest != ""; rest = strings.TrimLeft(rest, " \t,") {
			if rest[0] == '*' {
				return true
			}
			rest = strings.TrimPrefix(rest, "W/")
			if rest == "" || rest[0] != '"' {
				break
			}
			// A tag may hold commas, so its end is its closing quote.
			end := strings.IndexByte(rest[1:], '"')
			if end < 0 {
				break
			}
			if rest[:end+2] == tag {
				return true
			}
			rest = rest[end+2:]
		}
	}
	return false
}

// send writes the body, or 304 where the caller has it already.
func send(w http.ResponseWriter, r *http.Request, status int, tag string, body []byte) error {
	w.Header()["Etag"] = []string{tag}
	if status == http.StatusOK && matches(r, tag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	w.WriteHeader(status)
	_, err := w.Write(body)
	return err
}

// tagOf is the ETag of a body made for this answer.
func tagOf(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
}

// draft holds a drawn page back until its ETag is known.
type draft struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (d *draft) WriteHeader(status int)      { d.status = status }
func (d *draft) Write(p []byte) (int, error) { return d.body.Write(p) }

// askedAt is where a page says when it was asked for.
var askedAt = regexp.MustCompile(`<dd class="asked">[^<]*(<time[^<]*</time>)?[^<]*</dd>`)

// drawn sends what draw drew with its ETag, which does not cover when the page was
// asked for: the same page a minute later is the same page. The headers are those
// of w.
func drawn(w http.ResponseWriter, r *http.Request, draw func(http.ResponseWriter) error) error {
	d := &draft{ResponseWriter: w}
	if err := draw(d); err != nil {
		return err
	}
	h := w.Header()
	h.Del("Content-Length")
	same := askedAt.ReplaceAll(d.body.Bytes(), nil)
	tag := tagOf(same)
	if len(same) < d.body.Len() {
		tag = "W/" + tag // two pages under it are equal, but not to the byte
	}
	return send(w, r, d.status, tag, d.body.Bytes())
}
