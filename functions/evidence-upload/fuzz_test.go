package function

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"ipcredit/shared/fault"
)

func FuzzMetadata(f *testing.F) {
	for _, s := range []string{"", "filename d29ybGQ=", "a,b,c", "a ,b YQ==", "filename  YQ==", " , ,", "é YQ==", metadata("reportNo", "4821", "receipt", "X"), "a YQ==,a YQ==", "0 A01=", strings.Repeat("a", 9000)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		meta, err := readMetadata(header)
		if err != nil {
			if !fault.Is(err, fault.Invalid) {
				t.Fatal(err)
			}
			return
		}
		for key, value := range meta {
			if key == "" || strings.ContainsAny(key, " ,") {
				if key != "" {
					t.Errorf("key %q", key)
				}
			}
			if !strings.Contains(header, strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(value)), "=")) {
				t.Errorf("%q is not in %q", value, header)
			}
		}
	})
}

func FuzzHeaders(f *testing.F) {
	for _, s := range []string{"", "0", "-1", "+1", "01", "1e3", " 1", "9223372036854775807", "9223372036854775808", "sha1 qqqq", "sha256 ", "md5 AAAAAAAAAAAAAAAAAAAAAA=="} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := &http.Request{Header: http.Header{"Upload-Offset": {text}}}
		if n, err := count(r, "Upload-Offset"); err == nil && n < 0 || err != nil && !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %d %v", text, n, err)
		}
		if c, err := readChecksum(text); err == nil && c != nil && len(c.sum) != c.hash.Size() || err != nil && !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v %v", text, c, err)
		}
		if h, err := readHash(text); err == nil && h != "" && len(h) != 64 {
			t.Errorf("%q: %q", text, h)
		}
		for n, a := range readHad([]string{text}) {
			if n < 1 || strings.ContainsAny(a.Name, "/\\\u202e") {
				t.Errorf("%q: %+v", text, a)
			}
		}
	})
}
