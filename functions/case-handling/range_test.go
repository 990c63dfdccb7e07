package function

import (
	"net/url"
	"testing"
)

func TestRangesAreThoseOfRFC9110(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		header   string
		size     int64
		from, to int64
		ranged   bool
		ok       bool
	}{
		{"", 10, 0, 10, false, true},
		{"bytes=0-9", 10, 0, 10, true, true},
		{"bytes=0-", 10, 0, 10, true, true},
		{"bytes=9-9", 10, 9, 10, true, true},
		{"bytes=3-100", 10, 3, 10, true, true},
		{"bytes=-3", 10, 7, 10, true, true},
		{"bytes=-30", 10, 0, 10, true, true},
		{"bytes=10-", 10, 0, 0, false, false},
		{"bytes=10-12", 10, 0, 0, false, false},
		{"bytes=5-4", 10, 0, 0, false, false},
		{"bytes=-0", 10, 0, 0, false, false},
		{"bytes=a-b", 10, 0, 0, false, false},
		{"bytes=+1-2", 10, 0, 0, false, false},
		{"bytes=0-0", 0, 0, 0, false, false},
		{"bytes=0-1,3-4", 10, 0, 10, false, true},
		{"lines=0-1", 10, 0, 10, false, true},
		{"bytes=99999999999999999999-", 10, 0, 0, false, false},
	} {
		from, to, ranged, err := byteRange(tt.header, tt.size)
		if from != tt.from || to != tt.to || ranged != tt.ranged || (err == nil) != tt.ok {
			t.Errorf("%q of %d: %d %d %t %v", tt.header, tt.size, from, to, ranged, err)
		}
	}
}

func TestNamesOfDownloadsCannotBreakTheHeader(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"a.jpg":         `attachment; filename="a.jpg"; filename*=UTF-8''a.jpg`,
		"合同 1.pdf":      `attachment; filename="__ 1.pdf"; filename*=UTF-8''%E5%90%88%E5%90%8C%201.pdf`,
		"a\"; x=\"\r\n": `attachment; filename="a__ x=___"; filename*=UTF-8''a%22%3B%20x%3D%22%0D%0A`,
	} {
		if got := disposition(name); got != want {
			t.Errorf("%q: %s", name, got)
		}
	}
}

func FuzzRange(f *testing.F) {
	f.Add("bytes=0-9", int64(10))
	f.Add("bytes=-1", int64(0))
	f.Fuzz(func(t *testing.T, header string, size int64) {
		if size < 0 {
			return
		}
		from, to, ranged, err := byteRange(header, size)
		if err == nil && (from < 0 || to > size || from > to || ranged && from == to) {
			t.Errorf("%q of %d: %d–%d", header, size, from, to)
		}
	})
}

func FuzzRegistration(f *testing.F) {
	f.Add("kind=counterfeit&channel=letter&who=named&reporter/name=x&receivedOn=2026-02-30&parties/0/name=a&numbers=1,2")
	f.Add("who=anonymous&parties%2F2%2Fcode=x&continuing=1")
	f.Fuzz(func(t *testing.T, query string) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		reg, err := registration(values)
		if err == nil && (reg.Channel == "web" || reg.Lodged.Anonymous == (reg.Lodged.Reporter != nil)) {
			t.Errorf("%+v", reg)
		}
	})
}
