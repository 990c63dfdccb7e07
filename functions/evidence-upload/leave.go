package function

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"ipcredit/shared/evidence"
	"ipcredit/shared/open"
)

// leave is the quick exit that every page a reporter sees has: a link that leads
// away at once, and, where the page belongs to a draft, a button that forgets the
// draft first. Nothing on these pages remembers anything by itself.
type leave struct {
	URL string
	// Forget is where the button posts the draft's fields to.
	Forget string
	Fields []field
}

// leaveTo checks the address that the quick exit leads to and returns it with its
// origin.
func leaveTo(address string) (exit, origin string, err error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return "", "", fmt.Errorf("evidence-upload: quick_exit_url %q is not the address of a site", address)
	}
	return u.String(), u.Scheme + "://" + u.Host, nil
}

// away is the way out of a page of the box; nil where it is an organisation's.
func (d *desk) away(r *http.Request, b evidence.Box, back []field) *leave {
	if b.Org != "" {
		return nil
	}
	l := &leave{URL: d.exit}
	if function, _, of := strings.Cut(b.Return, "/"); of && b.Draft() {
		l.Forget, l.Fields = d.pages.URL(r, function+"/exit"), back
	}
	return l
}

// slow is how much comes in a second over a telephone's line that is not good: for
// telling people what can be sent in one go ([design]).
const slow = 512 << 10

// plainTime is how long a form without scripts may take to arrive: it cannot be
// resumed, and the watchdog in front waits no longer for a request.
func plainTime() time.Duration { return open.ReadEdge().ReadTimeout }

// plainSize is what comes over a slow line in that time.
func plainSize(t time.Duration) int64 { return int64(t.Seconds() * slow) }
