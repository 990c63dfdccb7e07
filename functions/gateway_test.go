package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"ipcredit/shared/fn"
	"ipcredit/shared/open"
	"ipcredit/shared/page"
	"ipcredit/shared/redistest"
)

// stylesheet is where a page's style sheet is.
var stylesheet = regexp.MustCompile(`<link rel="stylesheet" href="([^"]+)"`)

func TestAddressOfNoFunctionIsRefusedInWords(t *testing.T) {
	// The portal's style sheet is among what is looked at, and the portal reads
	// the calendar of the city. Settings are the process's.
	open.Use(map[string]string{"redis_url": "redis://" + redistest.Embedded(t).Options().Addr})
	t.Cleanup(func() { open.Use(nil) })
	h := gateway()
	get := func(method, target, accept, language string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, target, nil)
		r.Header.Set("Accept", accept)
		r.Header.Set("Accept-Language", language)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	for _, tt := range []struct {
		method, target string
		status         int
		code           string
	}{
		{"GET", "/function/nowhere", 404, "fn.not_found"},
		{"POST", "/function/nowhere/deep?lang=zh", 404, "fn.not_found"},
		{"GET", "/function/", 404, "fn.not_found"},
		{"GET", "/anything", 404, "fn.not_found"},
		{"GET", "/metrics", 404, "fn.not_found"},
		{"GET", "/readyz", 404, "fn.not_found"},
		{"POST", "/", 405, "fn.method"},
		{"DELETE", "/healthz", 405, "fn.method"},
	} {
		for _, lang := range []page.Lang{page.ZH, page.EN} {
			if strings.Contains(tt.target, "lang=") && lang == page.EN {
				continue
			}
			says := page.Say(lang, "fault."+tt.code)
			data := get(tt.method, tt.target, "application/json", string(lang))
			var p fn.Problem
			if err := json.Unmarshal(data.Body.Bytes(), &p); err != nil || data.Code != tt.status || p.Status != tt.status || p.Code != tt.code || p.Detail != says {
				t.Errorf("%s %s %s: %d %s", tt.method, tt.target, lang, data.Code, data.Body)
			}
			html := get(tt.method, tt.target, "text/html", string(lang))
			if html.Code != tt.status || !strings.Contains(html.Body.String(), says) || !strings.Contains(html.Body.String(), `<html lang="`+lang.Tag()+`"`) {
				t.Errorf("%s %s %s: %d %s", tt.method, tt.target, lang, html.Code, html.Body)
				continue
			}
			found := stylesheet.FindStringSubmatch(html.Body.String())
			if found == nil {
				t.Fatalf("%s: a page without a style sheet", tt.target)
			}
			if css := get("GET", found[1], "text/css", ""); css.Code != http.StatusOK || !strings.HasPrefix(css.Header().Get("Content-Type"), "text/css") {
				t.Errorf("%s: its style sheet %s: %d", tt.target, found[1], css.Code)
			}
		}
	}
	if w := get("GET", "/healthz", "*/*", ""); w.Code != 200 || w.Body.String() != "ok\n" {
		t.Errorf("healthz: %d %q", w.Code, w.Body)
	}
	if w := get("GET", "/", "*/*", ""); w.Code != http.StatusFound || w.Header().Get("Location") != "/function/portal/" {
		t.Errorf("/: %d %v", w.Code, w.Header())
	}
}
