package function

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"ipcredit/shared/browsertest"
	"ipcredit/shared/fn"
)

// Clients from npm, as others use them, against this server. They stand in
// shared/browsertest/node_modules (npm ci).

func absent(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("REQUIRE_REAL") == "1" {
		t.Fatalf("REQUIRE_REAL=1, but there is no %s", what)
	}
	t.Skipf("no %s here", what)
}

func TestTusJSClientInNode(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		absent(t, "node on PATH")
	}
	tusjs := browsertest.Module(t, "tus-js-client")
	c := embedded(t)
	data := picture(2*fn.MaxBody+999, 21)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, what := range []string{"whole", "chunks", "with creation", "override", "pause", "terminate"} {
		t.Run(what, func(t *testing.T) {
			token := c.draft()
			out, err := exec.CommandContext(t.Context(), node, filepath.Join("testdata", "client.js"), tusjs, c.public+prefix+"/files/"+token, file, what).CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			at := strings.TrimSpace(string(out))
			if what == "terminate" {
				c.tus().do("HEAD", at, nil).is(t, 410, "")
				return
			}
			c.opens(token, 1, keys()["draft"], data)
		})
	}
}

// line is a way to the server that can be lost: while it is, a PATCH breaks off
// after some bytes and everything else is refused to connect.
type line struct {
	to   http.Handler
	lost atomic.Int64 // requests still to be lost
}

func (l *line) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if l.lost.Load() > 0 && r.Method == http.MethodPatch {
		l.lost.Add(-1)
		r.Body = io.NopCloser(io.MultiReader(io.LimitReader(r.Body, 3<<20), gone{}))
		l.to.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	}
	l.to.ServeHTTP(w, r)
}

type gone struct{}

func (gone) Read([]byte) (int, error) { return 0, errors.New("the line is lost") }

// made is a JavaScript expression of the file that made makes here.
func made(n int) (expression string, data []byte) {
	data = make([]byte, n)
	for i := range data {
		data[i] = byte(i*7 + i>>10)
	}
	copy(data, "\xff\xd8\xff\xe0")
	return `(() => { const b = new Uint8Array(` + strconv.Itoa(n) + `); for (let i = 0; i < b.length; i++) b[i] = (i * 7 + (i >> 10)) & 255; b.set([255, 216, 255, 224]); return new File([b], "现场.jpg", {type: "image/jpeg", lastModified: 1}); })()`, data
}

func TestTusJSClientAndUppyInABrowserFromAnotherOrigin(t *testing.T) {
	b := browsertest.New(t)
	c := embedded(t)
	way := &line{to: c.server.Config.Handler}
	c.server.Config.Handler = way
	file, data := made(fn.MaxBody + 5<<20)
	home := browsertest.UploadClients(t)
	for _, tt := range []struct {
		name, script string
		lost         int64
	}{
		{"tus-js-client", `new Promise((done, fail) => { const u = new tus.Upload(FILE, {endpoint: END, onSuccess: () => done("ok"), onError: (e) => fail(e)}); u.start(); })`, 0},
		{"tus-js-client loses the line twice", `new Promise((done, fail) => { const u = new tus.Upload(FILE, {endpoint: END, onSuccess: () => done("ok"), onError: (e) => fail(e)}); u.start(); })`, 2},
		{"tus-js-client pauses and resumes after a reload", `new Promise((done, fail) => {
			const f = FILE;
			const first = new tus.Upload(f, {endpoint: END, chunkSize: 4000000, onError: fail, onChunkComplete: () => first.abort().then(() => {
				const again = new tus.Upload(f, {endpoint: END, onSuccess: () => done("ok"), onError: fail});
				again.findPreviousUploads().then((all) => {
					if (all.length !== 1) return fail(new Error(all.length + " previous"));
					again.resumeFromPreviousUpload(all[0]);
					again.start();
				});
			})});
			first.start();
		})`, 0},
		{"uppy", `(async () => { const u = new Uppy.Uppy({autoProceed: false}); u.use(Uppy.Tus, {endpoint: END}); u.addFile({name: "现场.jpg", type: "image/jpeg", data: FILE}); const r = await u.upload(); return r.failed.length ? "failed: " + r.failed[0].error : "ok"; })()`, 0},
		{"uppy loses the line, pauses and resumes", `(async () => { const u = new Uppy.Uppy(); u.use(Uppy.Tus, {endpoint: END}); u.addFile({name: "现场.jpg", type: "image/jpeg", data: FILE});
			let paused = false;
			u.on("upload-progress", (_, p) => { if (!paused && p.bytesUploaded > 0) { paused = true; u.pauseAll(); setTimeout(() => u.resumeAll(), 50); } });
			const r = await u.upload(); return r.failed.length ? "failed: " + r.failed[0].error : "ok"; })()`, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			token := c.draft()
			way.lost.Store(tt.lost)
			p := b.Open(t, home+"/", browsertest.View{})
			script := strings.NewReplacer("FILE", file, "END", `"`+c.public+prefix+"/files/"+token+`"`).Replace(tt.script)
			if said := browsertest.Eval[string](p, script); said != "ok" {
				t.Fatal(said, p.ConsoleErrors())
			}
			files, err := c.boxes.Files(t.Context(), c.box(token))
			if err != nil || len(files) != 1 {
				t.Fatalf("%+v %v", files, err)
			}
			c.opens(token, 1, keys()["draft"], data)
		})
	}
}

// Our own page's hash and place scripts agree with the server's rules.
func TestThePagesScriptsAgreeWithTheServer(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		absent(t, "node on PATH")
	}
	run := func(script string, input []byte) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), node, "-e", `const fs = require("fs"), vm = require("vm"); globalThis.window = globalThis;
			for (const f of ["hash.js", "place.js"]) vm.runInThisContext(fs.readFileSync(f, "utf8"));
			const data = Buffer.from(fs.readFileSync(0, "latin1"), "base64"); `+script)
		cmd.Stdin = strings.NewReader(base64.StdEncoding.EncodeToString(input))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return strings.TrimSpace(string(out))
	}
	for _, n := range []int{0, 1, 55, 56, 64, 1<<20 + 1} {
		data := bytes.Repeat([]byte{7, 200, 0}, n/3+1)[:n]
		got := run(`const size = data.length; const own = {size: size, slice: (a, b) => new Blob([data.subarray(a, b)])}; Object.defineProperty(globalThis, "crypto", {value: undefined}); evidenceHash.hash(own).then((h) => console.log(h));`, data)
		if got != hexOf(data) {
			t.Errorf("%d bytes hash to %s", n, got)
		}
	}
	for name, p := range places() {
		got := run(`console.log(evidencePlace.tells(data.buffer.slice(data.byteOffset, data.byteOffset + data.length)))`, p.data)
		if got != strconv.FormatBool(p.tells) {
			t.Errorf("%s: the page says %s", name, got)
		}
	}
}
