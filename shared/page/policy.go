package page

import (
	"net/http"
	"strings"
)

// policy is a content security policy: directives in the order they are sent.
type policy []string

// basePolicy lets a page load its own style sheet and images and send its own
// forms, and nothing else.
var basePolicy = policy{
	"default-src 'none'",
	"style-src 'self'",
	"img-src 'self' data:",
	"form-action 'self'",
	"frame-ancestors 'none'",
	"base-uri 'none'",
}

func directive(s string) string {
	name, _, _ := strings.Cut(s, " ")
	return name
}

// widen returns the base policy with directives replaced or added.
func widen(directives []string) policy {
	out := append(policy(nil), basePolicy...)
next:
	for _, d := range directives {
		for i := range out {
			if directive(out[i]) == directive(d) {
				out[i] = d
				continue next
			}
		}
		out = append(out, d)
	}
	return out
}

// secure sets the headers that keep a page to itself.
//
// Referrer-Policy is same-origin, not no-referrer: nothing leaves the site
// either way, but under no-referrer browsers send "Origin: null" with our own
// forms, and where Sec-Fetch-Site is absent (plain HTTP inside an office
// network, older browsers) cross-origin protection would refuse them.
func secure(h http.Header, p policy, framed bool) {
	if p == nil {
		p = basePolicy
	}
	resource := "same-origin"
	if framed {
		p = append(policy(nil), p...)
		for i := range p {
			if directive(p[i]) == "frame-ancestors" {
				p[i] = "frame-ancestors *"
			}
		}
		resource = "cross-origin"
	}
	h.Set("Content-Security-Policy", strings.Join(p, "; "))
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", resource)
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
}
