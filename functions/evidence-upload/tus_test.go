package function

import (
	"bufio"
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/evidence"
	"ipcredit/shared/fn"
	"ipcredit/shared/redistest"
	"ipcredit/shared/tipoff"
)

func TestOptionsTellsWhatTheServerCan(t *testing.T) {
	c := embedded(t)
	for _, path := range []string{"/files", "/files/" + c.draft(), "/files/" + c.draft() + "/1"} {
		a := c.client().do("OPTIONS", path, nil)
		a.is(t, 204, "")
		for name, want := range map[string]string{
			"Tus-Resumable": "1.0.0", "Tus-Version": "1.0.0", "Tus-Extension": tusExtensions, "Tus-Checksum-Algorithm": "sha1,sha256,md5",
			"Tus-Max-Size": strconv.FormatInt(evidence.DefaultLimits().FileBytes, 10), "Access-Control-Allow-Origin": "*",
		} {
			if got := a.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
	}
}

func TestAnUploadFromCreationToTheEnd(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb)
		k, token := c.tus(), c.draft()
		data := picture(10_000, 1)
		a := k.begin(token, len(data), "filetype", "image/jpeg", "sha256", hexOf(data))
		a.is(t, 201, "")
		at := a.location()
		if at != prefix+"/files/"+token+"/1" || a.Header.Get("Upload-Expires") == "" || a.Header.Get("Tus-Resumable") != "1.0.0" {
			t.Errorf("%v", a.Header)
		}
		if _, err := time.Parse(http.TimeFormat, a.Header.Get("Upload-Expires")); err != nil {
			t.Error(err)
		}
		if got := k.offset(at); got != "0" {
			t.Errorf("offset %s", got)
		}
		a = k.patch(at, 0, data[:4000])
		a.is(t, 204, "")
		if a.Header.Get("Upload-Offset") != "4000" || len(a.body) != 0 {
			t.Errorf("%v", a.Header)
		}
		h := k.do("HEAD", at, nil)
		if h.Header.Get("Upload-Offset") != "4000" || h.Header.Get("Upload-Length") != "10000" || h.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%v", h.Header)
		}
		for _, wrong := range []int{0, 3999, 4001} {
			k.patch(at, wrong, data[4000:4100]).is(t, 409, "evidence.offset")
		}
		k.patch(at, 4000, nil).is(t, 204, "")
		k.patch(at, 4000, data[4000:]).is(t, 204, "")
		if got := k.offset(at); got != "10000" {
			t.Errorf("offset %s", got)
		}
		k.patch(at, 10_000, nil).is(t, 204, "")
		k.patch(at, 4000, data[4000:]).is(t, 409, "evidence.complete")
		m := c.opens(token, 1, keys()["draft"], data)
		if m.Name != "现场.jpg" || m.SHA256 != hexOf(data) {
			t.Errorf("%+v", m)
		}
	})
}

func hexOf(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

func TestWhatTheProtocolRefuses(t *testing.T) {
	c := embedded(t)
	k, token := c.tus(), c.draft()
	size := func(n string) client { return k.with("Upload-Length", n) }
	limit := evidence.DefaultLimits().FileBytes
	at := k.begin(token, 1000).location()
	for _, tt := range []struct {
		name   string
		a      answer
		status int
		code   string
	}{
		{"no version", c.client().with("Upload-Length", "1").do("POST", "/files/"+token, nil), 412, "evidence-upload.version"},
		{"other version", c.client().with("Tus-Resumable", "0.2.2").do("HEAD", at, nil), 412, ""},
		{"no length", k.do("POST", "/files/"+token, nil), 400, "evidence-upload.number"},
		{"minus", size("-1").do("POST", "/files/"+token, nil), 400, "evidence-upload.number"},
		{"plus", size("+1").do("POST", "/files/"+token, nil), 400, "evidence-upload.number"},
		{"too large for a number", size("99999999999999999999").do("POST", "/files/"+token, nil), 400, "evidence-upload.number"},
		{"empty", size("0").do("POST", "/files/"+token, nil), 422, "evidence.empty"},
		{"over the limit", size(strconv.FormatInt(limit+1, 10)).do("POST", "/files/"+token, nil), 413, "evidence.file_size"},
		{"deferred", k.with("Upload-Defer-Length", "1").do("POST", "/files/"+token, nil), 400, "evidence-upload.extension"},
		{"concatenation", size("1").with("Upload-Concat", "partial").do("POST", "/files/"+token, nil), 400, "evidence-upload.extension"},
		{"metadata", size("1").with("Upload-Metadata", "filename !!!").do("POST", "/files/"+token, nil), 400, "evidence-upload.metadata"},
		{"metadata twice", size("1").with("Upload-Metadata", "a YQ==,a YQ==").do("POST", "/files/"+token, nil), 400, "evidence-upload.metadata"},
		{"hash", size("1").with("Upload-Metadata", metadata("sha256", "12")).do("POST", "/files/"+token, nil), 400, "evidence-upload.hash"},
		{"unknown box", size("1").do("POST", "/files/"+evidence.NewToken(), nil), 404, "evidence.no_box"},
		{"no token", size("1").do("POST", "/files/abc", nil), 404, "evidence.no_box"},
		{"unknown file", k.do("HEAD", "/files/"+token+"/77", nil), 404, ""},
		{"odd number", k.do("HEAD", "/files/"+token+"/01", nil), 404, ""},
		{"media type", k.with("Upload-Offset", "0").do("PATCH", at, []byte("x")), 415, "evidence-upload.octets"},
		{"no offset", k.with("Content-Type", octets).do("PATCH", at, []byte("x")), 400, "evidence-upload.number"},
		{"too much", k.patch(at, 0, picture(1001, 1)), 413, "evidence.too_much"},
		{"checksum's name", k.with("Upload-Checksum", "crc32 AAAA").patch(at, 0, picture(10, 1)), 400, "evidence-upload.algorithm"},
		{"checksum's size", k.with("Upload-Checksum", "sha1 AAAA").patch(at, 0, picture(10, 1)), 400, "evidence-upload.algorithm"},
		{"what clients add", k.begin(token, 10, "name", "x", "relativePath", "null"), 201, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.a.is(t, tt.status, tt.code)
			if tt.a.Header.Get("Tus-Resumable") != "1.0.0" {
				t.Errorf("without Tus-Resumable: %v", tt.a.Header)
			}
			if tt.status == 412 && tt.a.Header.Get("Tus-Version") != "1.0.0" {
				t.Error("without Tus-Version")
			}
		})
	}
	if got := k.offset(at); got != "0" {
		t.Errorf("something was kept: %s", got)
	}
	size(strconv.FormatInt(limit, 10)).do("POST", "/files/"+token, nil).is(t, 201, "")
}

func TestChecksums(t *testing.T) {
	c := embedded(t)
	k, token := c.tus(), c.draft()
	data := picture(3000, 4)
	one, two, three := sha1.Sum(data[:1000]), sha256.Sum256(data[1000:2000]), md5.Sum(data[2000:])
	at := k.begin(token, len(data)).location()
	sum := func(name string, b []byte) client {
		return k.with("Upload-Checksum", name+" "+base64.StdEncoding.EncodeToString(b))
	}
	sum("sha1", one[:]).patch(at, 0, data[1:1001]).is(t, 460, "evidence-upload.checksum")
	if got := k.offset(at); got != "0" {
		t.Errorf("what does not match was kept: %s", got)
	}
	sum("sha1", one[:]).patch(at, 0, data[:1000]).is(t, 204, "")
	sum("sha256", two[:]).patch(at, 1000, data[1000:2000]).is(t, 204, "")
	sum("md5", three[:]).patch(at, 2000, data[2000:]).is(t, 204, "")
	c.opens(token, 1, keys()["draft"], data)
}

// A body longer than a call takes comes in several, and its checksum is over all.
func TestOneLongBodyWithAndWithoutAChecksum(t *testing.T) {
	c := embedded(t)
	k, token := c.tus(), c.draft()
	data := picture(2*fn.MaxBody+12345, 5)
	at := k.begin(token, len(data)).location()
	k.patch(at, 0, data).is(t, 204, "")
	c.opens(token, 1, keys()["draft"], data)

	sum := sha256.Sum256(data)
	checked := k.with("Upload-Checksum", "sha256 "+base64.StdEncoding.EncodeToString(sum[:]))
	at = k.begin(token, len(data)).location()
	spoilt := bytes.Clone(data)
	spoilt[len(spoilt)-1] ^= 1
	checked.patch(at, 0, spoilt).is(t, 460, "evidence-upload.checksum")
	if got := k.offset(at); got != "0" {
		t.Errorf("kept %s bytes of what does not match", got)
	}
	checked.patch(at, 0, data).is(t, 204, "")
	c.opens(token, 2, keys()["draft"], data)

	// Creation with upload, of any length.
	for i, n := range []int{700, len(data)} {
		a := k.with("Upload-Length", strconv.Itoa(n), "Content-Type", octets).do("POST", "/files/"+token, data[:n])
		a.is(t, 201, "")
		if a.Header.Get("Upload-Offset") != strconv.Itoa(n) || a.location() == "" {
			t.Errorf("%v", a.Header)
		}
		c.opens(token, 3+i, keys()["draft"], data[:n])
	}
	a := k.with("Upload-Length", "700", "Content-Type", octets).do("POST", "/files/"+token, data[:300])
	a.is(t, 201, "")
	if a.Header.Get("Upload-Offset") != "300" {
		t.Errorf("%v", a.Header)
	}
}

// cut sends the header and part of the body and then lets go of the line.
func (c *city) cut(t *testing.T, at string, offset, announced int, body []byte, headers ...string) {
	t.Helper()
	conn, err := net.Dial("tcp", c.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "PATCH %s HTTP/1.1\r\nHost: %s\r\nTus-Resumable: 1.0.0\r\nContent-Type: %s\r\nUpload-Offset: %d\r\nContent-Length: %d\r\n%s\r\n",
		at, c.server.Listener.Addr(), octets, offset, announced, strings.Join(append(headers, ""), "\r\n"))
	if _, err := conn.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	// The answer comes when what arrived is stored.
	w, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = w.Body.Close()
	_ = conn.Close()
	if w.StatusCode != 400 {
		t.Errorf("answered %d", w.StatusCode)
	}
}

func TestWhatCameBeforeTheLineWasCutIsKept(t *testing.T) {
	c := embedded(t)
	k, token := c.tus(), c.draft()
	data := picture(2*fn.MaxBody+5000, 6)
	for i, n := range []int{1, 5000, fn.MaxBody, fn.MaxBody + 1, fn.MaxBody + 5000, 2*fn.MaxBody + 1} {
		at := k.begin(token, len(data)).location()
		c.cut(t, at, 0, len(data), data[:n])
		if got := k.offset(at); got != strconv.Itoa(n) {
			t.Errorf("%d bytes came, %s are kept", n, got)
			continue
		}
		k.patch(at, n, data[n:]).is(t, 204, "")
		c.opens(token, i+1, keys()["draft"], data)
	}
	// What cannot be checked is not kept.
	at := k.begin(token, len(data)).location()
	sum := sha256.Sum256(data)
	c.cut(t, at, 0, len(data), data[:fn.MaxBody+5000], "Upload-Checksum: sha256 "+base64.StdEncoding.EncodeToString(sum[:]))
	if got := k.offset(at); got != "0" {
		t.Errorf("kept %s bytes that could not be checked", got)
	}
}

func TestTerminationAndExpiration(t *testing.T) {
	c := embedded(t)
	k, token := c.tus(), c.draft()
	at := k.begin(token, 1000).location()
	k.patch(at, 0, picture(500, 1)).is(t, 204, "")
	k.do("DELETE", at, nil).is(t, 204, "")
	for _, a := range []answer{k.do("HEAD", at, nil), k.patch(at, 500, picture(500, 1)), k.do("DELETE", at, nil)} {
		a.is(t, 410, "evidence.gone")
	}
	old := k.begin(token, 1000).location()
	k.patch(old, 0, picture(500, 1)).is(t, 204, "")
	c.clock.Pass(4 * 24 * time.Hour)
	k.do("HEAD", old, nil).is(t, 410, "")
	k.patch(old, 500, picture(500, 1)).is(t, 410, "evidence.gone")
	for range 2 { // the second tick deletes what the first has given up
		c.client().do("POST", "/", nil).is(t, 204, "")
		c.clock.Pass(time.Minute)
		c.rdb.Del(t.Context(), "{410700}:tmp:tick:evidence-upload")
	}
	if left := c.objects(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	c.clock.Pass(4 * 24 * time.Hour) // and then the box ends
	k.do("POST", "/files/"+token, nil).is(t, 410, "evidence.box_ended")
}

func TestTheMethodMayStandInAHeader(t *testing.T) {
	c := embedded(t)
	k, token := c.tus(), c.draft()
	data := picture(1000, 8)
	at := k.begin(token, 1000).location()
	k.with("X-HTTP-Method-Override", "PATCH", "Upload-Offset", "0", "Content-Type", octets).do("POST", at, data).is(t, 204, "")
	c.opens(token, 1, keys()["draft"], data)
	k.with("X-HTTP-Method-Override", "DELETE").do("POST", at, nil).is(t, 204, "")
	k.with("X-HTTP-Method-Override", "PUT").do("POST", at, nil).is(t, 405, "fn.method")
}

func TestAReceiptOpensAnEndpointWithoutStandingInAnAddress(t *testing.T) {
	c := embedded(t)
	id := keys()["410702"]
	c.known["482109375516 AAAA-BBBB"] = id.Recipient()
	k := c.tus().with("Upload-Length", "1000")
	data := picture(1000, 9)
	a := k.with("Upload-Metadata", metadata("filename", "a.jpg", "reportNo", "482109375516", "receipt", "AAAA-BBBB")).do("POST", "/files", nil)
	a.is(t, 201, "")
	if strings.Contains(a.location(), "AAAA") || strings.Contains(a.location(), "4821") {
		t.Errorf("the address is %s", a.location())
	}
	c.tus().patch(a.location(), 0, data).is(t, 204, "")
	token := strings.Split(a.location(), "/")[4]
	m := c.opens(token, 1, id, data)
	if m.Name != "a.jpg" {
		t.Errorf("%+v", m)
	}
	boxes, err := c.boxes.Boxes(t.Context(), tipoff.Ref("482109375516"))
	if err != nil || len(boxes) != 1 {
		t.Errorf("%+v %v", boxes, err)
	}
	k.with("Upload-Metadata", metadata("reportNo", "482109375516", "receipt", "CCCC")).do("POST", "/files", nil).is(t, 404, "")
	k.do("POST", "/files", nil).is(t, 404, "")
	c.tus().do("POST", "/files", nil).is(t, 400, "evidence-upload.number")
}

func TestTheListTellsSizesAndNeverNames(t *testing.T) {
	c := embedded(t)
	k, token := c.tus(), c.draft()
	at := k.begin(token, 1000).location()
	k.patch(at, 0, picture(400, 1)).is(t, 204, "")
	a := c.client().get("/files/" + token)
	a.is(t, 200, "")
	var list struct {
		Results []struct{ N, Size, Offset int }
		Limits  limits
	}
	if err := json.Unmarshal(a.body, &list); err != nil || len(list.Results) != 1 || list.Results[0].Offset != 400 || list.Limits.FileBytes < 2<<30 {
		t.Errorf("%s %v", a.body, err)
	}
	if bytes.Contains(a.body, []byte("现场")) {
		t.Error("the list names a file")
	}
}

// What is two things at once, or is called what it is not, is refused on the way in
// as far as its beginning tells; the rest is told by who opens it.
func TestPolyglotsAndNamesThatLie(t *testing.T) {
	c := embedded(t)
	k, token := c.tus(), c.draft()
	both := append([]byte("\xff\xd8\xff\xe0\x00\x10JFIF\x00<html><script>alert(1)</script>"), picture(5000, 1)...)
	at := k.begin(token, len(both)).location()
	k.patch(at, 0, both).is(t, 415, "evidence.denied.page")
	k.do("HEAD", at, nil).is(t, 410, "")
	if left := c.objects(); len(left) > 0 {
		t.Errorf("stored: %v", left)
	}
	for name, status := range map[string]int{
		"../../现场.jpg": 201, `C:\证据\现场.jpg`: 201, "现场.jpg/../x.html": 415, "a\u202egpj.exe": 415, "a\u202eexe.jpg": 201, ".jpg": 415, "现场.jpg\x00.exe": 415,
	} {
		a := k.with("Upload-Length", "900", "Upload-Metadata", metadata("filename", name)).do("POST", "/files/"+token, nil)
		if a.StatusCode != status {
			t.Errorf("%q: %d %s", name, a.StatusCode, a.body)
		}
		if status != 201 {
			continue
		}
		data := picture(900, 2)
		k.patch(a.location(), 0, data).is(t, 204, "")
		n, err := strconv.Atoi(a.location()[strings.LastIndexByte(a.location(), '/')+1:])
		if err != nil {
			t.Fatal(err)
		}
		if m := c.opens(token, n, keys()["draft"], data); m.Name != name || strings.ContainsAny(evidence.Display(m.Name), "/\\\u202e\x00") {
			t.Errorf("%q is kept as %q and shown as %q", name, m.Name, evidence.Display(m.Name))
		}
	}
	// A PDF with scripts and a scanner's test file are for who opens them to judge.
	for name, text := range map[string]string{
		"a.pdf": "%PDF-1.7\n1 0 obj <</Type/Catalog/OpenAction<</S/JavaScript/JS(app.alert(1))>>>> endobj", "a.txt": `X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-` + `STANDARD-ANTIVIRUS-TEST-FILE!$H+H*`,
	} {
		at := k.with("Upload-Length", strconv.Itoa(len(text)), "Upload-Metadata", metadata("filename", name)).do("POST", "/files/"+token, nil).location()
		k.patch(at, 0, []byte(text)).is(t, 204, "")
	}
}

func TestTenThousandFiles(t *testing.T) {
	c := embedded(t)
	k, token := c.tus(), c.draft()
	most := evidence.DefaultLimits().Files
	for i := range 10_000 {
		a := k.begin(token, 1)
		if i < most && a.StatusCode != 201 || i >= most && a.StatusCode != 422 {
			t.Fatalf("file %d: %d %s", i, a.StatusCode, a.body)
		}
		if i > most+200 && testing.Short() {
			return
		}
	}
	k.begin(token, 1).is(t, 422, "evidence.files")
}

// A client that comes second learns it before it has sent its file, and learns when
// to come again: the first may have died.
func TestTheSecondClientIsToldBeforeItSendsAnything(t *testing.T) {
	c := embedded(t)
	k, token := c.tus(), c.draft()
	data := picture(fn.MaxBody+100, 3)
	at := k.begin(token, len(data)).location()
	b, err := c.boxes.Open(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.boxes.Writer(t.Context(), b, 1, 0); err != nil { // another replica, which dies now
		t.Fatal(err)
	}
	only := func(method string, offset int, headers ...string) *http.Response { // the header alone
		conn, err := net.Dial("tcp", c.server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: %s\r\nTus-Resumable: 1.0.0\r\nContent-Type: %s\r\nUpload-Offset: %d\r\nContent-Length: %d\r\n%s\r\n",
			method, at, c.server.Listener.Addr(), octets, offset, len(data), strings.Join(append(headers, ""), "\r\n"))
		w, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = w.Body.Close()
		return w
	}
	for _, tt := range []struct {
		method string
		offset int
		header string
		status int
	}{
		{"PATCH", 0, "", 423}, {"POST", 0, "X-HTTP-Method-Override: PATCH", 423}, {"PATCH", 7, "", 409}, {"PATCH", 0, "Upload-Checksum: crc32 AAAA", 400},
	} {
		var headers []string
		if tt.header != "" {
			headers = []string{tt.header}
		}
		w := only(tt.method, tt.offset, headers...)
		if w.StatusCode != tt.status || w.Header.Get("Tus-Resumable") != "1.0.0" || tt.status == 423 && w.Header.Get("Retry-After") != "5" {
			t.Errorf("%+v: %d %v", tt, w.StatusCode, w.Header)
		}
	}
	c.clock.Pass(5 * time.Second)
	k.patch(at, 0, data).is(t, 204, "")
	c.opens(token, 1, keys()["draft"], data)
	if w := only("PATCH", 0); w.StatusCode != 409 {
		t.Errorf("a whole file: %d", w.StatusCode)
	}
}

func TestTwoClientsOnOneUpload(t *testing.T) {
	c := embedded(t)
	k, token := c.tus(), c.draft()
	data := picture(1000, 3)
	at := k.begin(token, len(data)).location()
	b, err := c.boxes.Open(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	other, err := c.boxes.Writer(t.Context(), b, 1, 0) // another replica is at it
	if err != nil {
		t.Fatal(err)
	}
	a := k.patch(at, 0, data)
	a.is(t, 423, "evidence.busy")
	if a.Header.Get("Retry-After") == "" {
		t.Errorf("%v", a.Header)
	}
	if got := k.offset(at); got != "0" {
		t.Errorf("offset %s", got)
	}
	if err := other.Write(t.Context(), data[:400], false); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	k.patch(at, 0, data).is(t, 409, "evidence.offset")
	k.patch(at, 400, data[400:]).is(t, 204, "")
	c.opens(token, 1, keys()["draft"], data)
}
