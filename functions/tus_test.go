package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"ipcredit/shared/browsertest"
)

// sizes are those around the limits of pieces, objects and calls, and one that
// fits into none.
var sizes = []int{1, 1<<20 - 1, 1 << 20, 1<<20 + 1, 5<<20 - 1, 5 << 20, 5<<20 + 1, 8<<20 - 1, 8 << 20, 8<<20 + 1, 30 << 20}

func fileName(n int) string {
	if n < 8 {
		return strconv.Itoa(n) + ".txt"
	}
	return strconv.Itoa(n) + ".jpg"
}

// grown is a file of n bytes; grownScript makes the same in a browser.
func grown(n int) []byte {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(i*7 + i>>10)
	}
	if n < 8 {
		return bytes.Repeat([]byte("a"), n)
	}
	copy(data, "\xff\xd8\xff\xe0")
	return data
}

const grownScript = `const grown = (n) => {
	const b = new Uint8Array(n);
	if (n < 8) b.fill(97);
	else { for (let i = 0; i < n; i++) b[i] = (i * 7 + (i >> 10)) & 255; b.set([255, 216, 255, 224]); }
	return new File([b], n + (n < 8 ? ".txt" : ".jpg"), {type: n < 8 ? "text/plain" : "image/jpeg", lastModified: 1});
};`

// nodeScript sends each file of a folder with the client's own settings. The one
// of 8 MiB and a byte is paused in the middle and gone on with.
const nodeScript = `
const [client, endpoint, dir] = process.argv.slice(1);
const tus = require(client), fs = require("fs"), path = require("path");
(async () => {
	for (const name of fs.readdirSync(dir)) {
		const file = path.join(dir, name), size = fs.statSync(file).size;
		const metadata = {filename: name, filetype: name.endsWith("txt") ? "text/plain" : "image/jpeg"};
		let from = {endpoint};
		if (size === 8388609) {
			const url = await new Promise((done, fail) => {
				let stopped = false;
				const u = new tus.Upload(fs.createReadStream(file), {endpoint, metadata, uploadSize: size, onError: fail,
					onProgress: (n) => { if (n > 1000000 && !stopped) { stopped = true; u.abort().then(() => done(u.url)); } }});
				u.start();
			});
			from = {uploadUrl: url};
		}
		await new Promise((done, fail) => new tus.Upload(fs.createReadStream(file), {...from, metadata, uploadSize: size, onSuccess: done, onError: fail}).start());
	}
	console.log("ok");
})().catch((e) => { console.error(String(e)); process.exit(1); });`

// TestStandardTusClientsUploadToTheWholeCity gives the address that a tip-off is
// answered with to clients as npm has them, with their own settings. The city is
// killed while each of them sends, and the officer gets what was sent.
func TestStandardTusClientsUploadToTheWholeCity(t *testing.T) {
	lasting(t)
	site := browsertest.UploadClients(t)
	r := reside(t)
	officer := r.visitor()
	officer.enters(r.login("hongqi.handler"))
	lodge := func(t *testing.T) sent {
		t.Helper()
		a := r.visitor().lodges("", tipAbout(reportedName, reportedCode, "division", "410702"))
		if a.status != http.StatusCreated {
			t.Fatalf("%d %s", a.status, a.body)
		}
		return decode[sent](t, a)
	}
	// whole lets the client finish, with a kill in the middle of its largest file,
	// and has the officer compare.
	whole := func(t *testing.T, tip sent, start func() (ended func() (string, bool))) {
		t.Helper()
		reached, lose := r.cutOff(func(q *http.Request) bool {
			return q.Method == http.MethodPatch && q.ContentLength > 20<<20
		}, 10<<20)
		sent := r.countBytes(http.MethodPatch)
		ended := start()
		await(t, "the largest file is on its way", reached)
		r.end(syscall.SIGKILL)
		lose()
		r.start()
		said := ""
		eventually(t, "the client has ended", func() (done bool) {
			said, done = ended()
			return done
		})
		if said != "ok" {
			t.Fatal(said)
		}
		officer.t = t
		got := officer.originals(officer.opens(tip.ReportNo))
		if len(got) != len(sizes) {
			t.Errorf("the officer has %d files", len(got))
		}
		total := 0
		for _, n := range sizes {
			total += n
			if data := got[fileName(n)]; shaOf(data) != shaOf(grown(n)) {
				t.Errorf("%s has %d bytes and another hash", fileName(n), len(data))
			}
		}
		t.Logf("%d bytes sent for %d", sent(), total)
	}

	t.Run("tus-js-client in node", func(t *testing.T) {
		node, err := exec.LookPath("node")
		if err != nil {
			if os.Getenv("REQUIRE_REAL") == "1" {
				t.Fatal(err)
			}
			t.Skip("no node on PATH")
		}
		dir := t.TempDir()
		for _, n := range sizes {
			if err := os.WriteFile(filepath.Join(dir, fileName(n)), grown(n), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		tip := lodge(t)
		whole(t, tip, func() func() (string, bool) {
			cmd := exec.CommandContext(t.Context(), node, "-e", nodeScript, browsertest.Module(t, "tus-js-client"), tip.EvidenceEndpoint, dir)
			ended := make(chan string, 1)
			go func() {
				out, err := cmd.CombinedOutput()
				if err != nil {
					out = fmt.Appendf(out, "%v", err)
				}
				ended <- strings.TrimSpace(string(out))
			}()
			return func() (string, bool) {
				select {
				case said := <-ended:
					return said, true
				default:
					return "", false
				}
			}
		})
	})

	b := browsertest.New(t)
	inBrowser := func(t *testing.T, script string) {
		t.Helper()
		tip := lodge(t)
		p := b.Open(t, site, browsertest.View{})
		whole(t, tip, func() func() (string, bool) {
			browsertest.Eval[int](p, `window.said = ""; `+grownScript+`
				const END = "`+tip.EvidenceEndpoint+`", SIZES = [`+strings.Trim(strings.ReplaceAll(fmt.Sprint(sizes), " ", ","), "[]")+`];
				(`+script+`)().then((x) => { window.said = x; }, (e) => { window.said = "failed: " + e; }); 0`)
			return func() (string, bool) {
				said := browsertest.Eval[string](p, "window.said")
				return said, said != ""
			}
		})
	}
	t.Run("tus-js-client in a browser", func(t *testing.T) {
		inBrowser(t, `async () => {
			const up = (f, more) => new Promise((done, fail) => {
				const u = new tus.Upload(f, {endpoint: END, metadata: {filename: f.name, filetype: f.type}, onSuccess: () => done(u), onError: fail, ...more});
				u.start();
			});
			for (const n of SIZES) {
				const f = grown(n);
				if (n === 8388609) { // paused, and gone on with as after a reload
					await new Promise((done) => {
						let stopped = false;
						const u = new tus.Upload(f, {endpoint: END, metadata: {filename: f.name, filetype: f.type}, onError: done,
							onProgress: (sent) => { if (sent > 1000000 && !stopped) { stopped = true; u.abort().then(done); } }});
						u.start();
					});
					const again = new tus.Upload(f, {endpoint: END});
					const known = await again.findPreviousUploads();
					if (known.length !== 1) throw new Error(known.length + " known uploads");
					await up(f, {uploadUrl: known[0].uploadUrl});
					continue;
				}
				await up(f);
			}
			return "ok";
		}`)
	})
	t.Run("Uppy", func(t *testing.T) {
		inBrowser(t, `async () => {
			const u = new Uppy.Uppy();
			u.use(Uppy.Tus, {endpoint: END});
			for (const n of SIZES) { const f = grown(n); u.addFile({name: f.name, type: f.type, data: f}); }
			let paused = false;
			u.on("upload-progress", (file, p) => {
				if (paused || !file || file.size !== 8388609 || p.bytesUploaded < 1000000) return;
				paused = true; // only this one: the largest must go in one request, to be cut in it
				u.pauseResume(file.id);
				setTimeout(() => u.pauseResume(file.id), 50);
			});
			const r = await u.upload();
			return r.failed.length ? "failed: " + r.failed.map((f) => f.name + " " + f.error).join(", ") : "ok";
		}`)
	})
}
