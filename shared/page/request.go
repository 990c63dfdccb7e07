package page

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Request is what the edge knows about a call and a page needs. The edge puts
// it into the context before the handler runs.
type Request struct {
	// Function is the name of the function that answers, as in stack.yml.
	Function string
	// Prefix is the public path of the function: that of public_url and
	// "/function/credit-lookup".
	Prefix string
	// Reference is the request id shown on error pages and written to the log.
	Reference string
	// Lang is the language to answer in; see LangOf.
	Lang Lang
}

type requestKey struct{}

// With returns ctx carrying q.
func With(ctx context.Context, q Request) context.Context {
	return context.WithValue(ctx, requestKey{}, q)
}

// From returns the Request in ctx; without one, the zero Request in Chinese.
func From(ctx context.Context) Request {
	q, _ := ctx.Value(requestKey{}).(Request)
	if q.Lang != EN {
		q.Lang = ZH
	}
	return q
}

// The two choices a reader has travel in the address, never in a cookie: the
// public side sets none, an address says all that decides its answer, and a
// cache in between needs no Vary but that of Accept-Language.
const (
	langParam = "lang"
	textParam = "text"
	textLarge = "large"
)

// LangOf is the language r asks for: lang= in the query, else the first of the
// two that Accept-Language prefers, else Chinese.
func LangOf(r *http.Request) Lang {
	if lang, ok := asked(r); ok {
		return lang
	}
	best, bestQ := ZH, 0.0
	for part := range strings.SplitSeq(strings.Join(r.Header.Values("Accept-Language"), ","), ",") {
		tag, rest, _ := strings.Cut(strings.TrimSpace(part), ";")
		q := 1.0
		if v, ok := strings.CutPrefix(strings.TrimSpace(rest), "q="); ok {
			f, err := strconv.ParseFloat(v, 64)
			if err != nil || f < 0 || f > 1 {
				continue
			}
			q = f
		}
		primary, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
		if q > bestQ && (primary == string(ZH) || primary == string(EN)) {
			best, bestQ = Lang(primary), q
		}
	}
	return best
}

// asked is the language named in the query.
func asked(r *http.Request) (Lang, bool) {
	switch l := Lang(r.URL.Query().Get(langParam)); l {
	case ZH, EN:
		return l, true
	default:
		return ZH, false
	}
}

func large(r *http.Request) bool { return r.URL.Query().Get(textParam) == textLarge }

// variant is everything about a reader that changes the words and links of a
// page. There are few, so a parsed template is kept for each.
type variant struct {
	lang  Lang
	asked bool // the language stands in the query and is carried on
	large bool
}

func variantOf(r *http.Request) variant {
	v := variant{lang: From(r.Context()).Lang, large: large(r)}
	if lang, ok := asked(r); ok {
		v.lang, v.asked = lang, true
	}
	return v
}

// carry adds the reader's choices to a query.
func (v variant) carry(q url.Values) {
	if v.asked {
		q.Set(langParam, string(v.lang))
	}
	if v.large {
		q.Set(textParam, textLarge)
	}
}

// build makes the path of a page. target is "/path" in this function or
// "function/path" in another; parts are further path segments, escaped, and at
// most one url.Values, the query.
func build(base, function, target string, v *variant, parts ...any) string {
	var b strings.Builder
	b.WriteString(base)
	b.WriteString("/function/")
	if strings.HasPrefix(target, "/") {
		b.WriteString(function)
	}
	b.WriteString(target)
	q := url.Values{}
	for _, p := range parts {
		if more, ok := p.(url.Values); ok {
			for k, vs := range more {
				q[k] = append(q[k], vs...)
			}
			continue
		}
		if !strings.HasSuffix(b.String(), "/") {
			b.WriteByte('/')
		}
		b.WriteString(url.PathEscape(text(p)))
	}
	if v != nil {
		v.carry(q)
	}
	if len(q) > 0 {
		b.WriteByte('?')
		b.WriteString(q.Encode())
	}
	return b.String()
}
