package function

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"ipcredit/shared/objects/objectstest"
	"ipcredit/shared/redistest"
)

// endless is a body of n bytes that begins as a JPEG.
type endless struct {
	left int64
	head bool
	data []byte
}

func (e *endless) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(int64(len(p)), e.left)], e.data)
	if !e.head {
		copy(p[:n], "\xff\xd8\xff\xe0")
		e.head = true
	}
	e.left -= int64(n)
	return n, nil
}

// asAClient is the other side of BenchmarkOnePatch, in a process of its own: it
// sends size bytes to the address.
func asAClient(at, size string) error {
	n, err := strconv.ParseInt(size, 10, 64)
	if err != nil {
		return err
	}
	r, err := http.NewRequest("PATCH", at, &endless{left: n, data: picture(1<<20, 1)})
	if err != nil {
		return err
	}
	r.ContentLength = n
	r.Header = http.Header{"Tus-Resumable": {"1.0.0"}, "Upload-Offset": {"0"}, "Content-Type": {octets}}
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = w.Body.Close() }()
	if text, _ := io.ReadAll(w.Body); w.StatusCode != 204 {
		return fmt.Errorf("%d %s", w.StatusCode, text)
	}
	return nil
}

// BenchmarkOnePatch passes one file in a single PATCH through the whole function,
// sealed, to real servers: 256 MiB, or what EVIDENCE_BYTES says. It reports the
// process's peak of memory; the client is another process.
func BenchmarkOnePatch(b *testing.B) {
	size := int64(256 << 20)
	if text := os.Getenv("EVIDENCE_BYTES"); text != "" {
		var err error
		if size, err = strconv.ParseInt(text, 10, 64); err != nil {
			b.Fatal(err)
		}
	}
	config := objectstest.MinIO(b)
	address := strings.Replace(config.URL, "://", "://"+config.AccessKey+":"+config.SecretKey+"@", 1)
	c := cityWith(b, redistest.Real(b), map[string]string{"s3_url": address, "s3_bucket": config.Prefix})
	runtime.GC()
	b.SetBytes(size)
	for b.Loop() {
		token := c.draft()
		at := c.tus().with("Upload-Length", strconv.FormatInt(size, 10)).do("POST", "/files/"+token, nil).location()
		started := time.Now()
		client := exec.CommandContext(b.Context(), os.Args[0])
		client.Env = append(os.Environ(), "EVIDENCE_AT="+c.public+at, fmt.Sprintf("EVIDENCE_SIZE=%d", size))
		if out, err := client.CombinedOutput(); err != nil {
			b.Fatalf("%v after %s: %s", err, time.Since(started), out)
		}
	}
	status, err := os.ReadFile(filepath.Join("/proc", "self", "status"))
	if err != nil {
		return // no peak to be read on this system
	}
	for line := range strings.Lines(string(status)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "VmHWM:" {
			kib, _ := strconv.ParseFloat(f[1], 64)
			b.ReportMetric(kib/1024, "peak-MiB")
		}
	}
}
