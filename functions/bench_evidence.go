package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"ipcredit/shared/evidence"
	"ipcredit/shared/objects"
	"ipcredit/shared/open"
	"ipcredit/shared/seal"
)

// uploading is one side of the comparison: it sends a file of so many bytes in
// requests of piece bytes each and tells how long that took.
type uploading func(ctx context.Context, size, piece int64) (time.Duration, error)

// benchEvidence uploads a file to the function that seals evidence, in a process
// of its own as it is deployed, and to tusd, which stores it as it comes, on the
// same object store: A, B, B, A, once in one request and once in many. Without
// tusd the other side are plain writes of as many bytes in the same pieces.
func benchEvidence(ctx context.Context, env *open.Env, dir string, s scale) ([]measured, error) {
	// A file in one request takes as long as it takes here: the ends that production
	// sets to a request are not what is measured.
	ours, address, err := benchImage(ctx, dir, "evidence-upload", "read_timeout=1h", "write_timeout=1h")
	if err != nil {
		return nil, err
	}
	defer ours.stop()
	body := benchBody()
	sides := [2]uploading{sealedUpload(env, address, body), plainPuts(env.Objects.Main, body)}
	theirs, base, err := startTusd(ctx, env, dir)
	beside, note := say("runner.bench.evidence.plain"), ""
	var missing *tusdMissing
	switch {
	case errors.As(err, &missing):
		note = missing.why
	case err != nil:
		return nil, err
	default:
		defer theirs.stop()
		sides[1] = tusdUpload(base, body)
		beside = "tusd"
	}
	for _, side := range sides {
		if _, err := side(ctx, min(int64(s.evidence), 64)<<20, benchPiece); err != nil {
			return nil, err // warming
		}
	}
	size := int64(s.evidence) << 20
	var rows []measured
	var held [2]float64
	for i, way := range []struct {
		word  string
		piece int64
	}{
		{"runner.bench.evidence.one", size}, {"runner.bench.evidence.many", benchPiece},
	} {
		forgetPeakOf(ours.cmd.Process.Pid)
		var times [2]time.Duration
		for _, side := range []int{0, 1, 1, 0} {
			took, err := sides[side](ctx, size, way.piece)
			if err != nil {
				return nil, err
			}
			times[side] += took
		}
		held[i] = status("VmHWM", ours.cmd.Process.Pid)
		ratio := float64(times[1]) / float64(times[0])
		speed := func(d time.Duration) float64 { return 2 * float64(s.evidence) / d.Seconds() }
		seen := say("runner.bench.evidence.seen", ratio, speed(times[0]), speed(times[1]))
		if note != "" {
			seen += say("runner.bench.evidence.note", note)
		}
		rows = append(rows, measured{say(way.word, s.evidence, beside), "≥ 0.8", seen, ratio >= .8})
	}
	most := max(held[0], held[1])
	return append(rows, measured{say("runner.bench.evidence.memory"), "≤ 96 MiB",
		say("runner.bench.evidence.memory.seen", held[0], held[1]), most <= 96}), nil
}

// benchPiece is what clients that send a file in pieces send at a time.
const benchPiece = 8 << 20

// benchBody is a megabyte that no store can make smaller.
func benchBody() []byte {
	b := make([]byte, 1<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(b) // never fails
	return b
}

// picture is the content of an upload from an offset on: it begins as a JPEG and
// goes on with the same megabyte again and again.
type picture struct {
	at, end int64
	body    []byte
}

var jpeg = []byte("\xff\xd8\xff\xe0")

func (p *picture) Read(b []byte) (int, error) {
	if p.at == p.end {
		return 0, io.EOF
	}
	from := p.body[p.at%int64(len(p.body)):]
	if p.at < int64(len(jpeg)) {
		from = jpeg[p.at:]
	}
	n := copy(b, from[:min(int64(len(from)), p.end-p.at)])
	p.at += int64(n)
	return n, nil
}

// sealedUpload opens a box for each file, as a form does for its draft.
func sealedUpload(env *open.Env, address string, body []byte) uploading {
	store := evidence.NewStore(env.Journal, env.Objects.Main, time.Now)
	client := tusClient{body: body, prefix: "/function/evidence-upload"}
	return func(ctx context.Context, size, piece int64) (time.Duration, error) {
		id, err := seal.Generate()
		if err != nil {
			return 0, err
		}
		token, _, err := store.OpenBox(ctx, evidence.BoxSpec{For: evidence.Draft, To: id.Recipient(), Until: time.Now().Add(24 * time.Hour), By: "system"})
		if err != nil {
			return 0, err
		}
		begun := time.Now()
		_, err = client.upload(ctx, address+"/files/"+token, size, piece)
		return time.Since(begun), err
	}
}

// tusdUpload removes each file again: only its way in is measured.
func tusdUpload(base string, body []byte) uploading {
	client := tusClient{body: body}
	return func(ctx context.Context, size, piece int64) (time.Duration, error) {
		begun := time.Now()
		at, err := client.upload(ctx, base, size, piece)
		if err != nil {
			return 0, err
		}
		took := time.Since(begun)
		_, err = client.ask(ctx, http.MethodDelete, at, nil, nil)
		return took, err
	}
}

// plainPuts writes the pieces that evidence-upload makes, three at a time as it
// does, without sealing, protocol or network.
func plainPuts(store objects.Store, body []byte) uploading {
	length := int64(evidence.DefaultLimits().PieceBytes)
	round := 0
	return func(ctx context.Context, size, _ int64) (time.Duration, error) {
		begun := time.Now()
		round++
		puts, ctx := errgroup.WithContext(ctx)
		puts.SetLimit(3)
		for at := int64(0); at < size; at += length {
			data, err := io.ReadAll(&picture{at: at, end: min(at+length, size), body: body})
			if err != nil {
				return 0, fmt.Errorf("plain: %w", err)
			}
			puts.Go(func() error {
				_, err := store.Create(ctx, fmt.Sprintf("bench/%d/%012d", round, at), data, objects.Attr{})
				return err
			})
		}
		err := puts.Wait()
		return time.Since(begun), err
	}
}

// tusClient uploads by the tus protocol.
type tusClient struct {
	body []byte
	// prefix is the part of an address that a gateway takes away.
	prefix string
}

// upload creates a file and sends it in requests of piece bytes; it returns the
// file's address.
func (c tusClient) upload(ctx context.Context, create string, size, piece int64) (string, error) {
	made, err := c.ask(ctx, http.MethodPost, create, map[string]string{
		"Upload-Length": strconv.FormatInt(size, 10), "Upload-Metadata": "filename aS5qcGc=", // i.jpg
	}, nil)
	if err != nil {
		return "", err
	}
	base, err := url.Parse(create)
	if err != nil {
		return "", fmt.Errorf("tus: %w", err)
	}
	to, err := base.Parse(strings.TrimPrefix(made.Get("Location"), c.prefix))
	if err != nil {
		return "", fmt.Errorf("tus: %w", err)
	}
	for at := int64(0); at < size; {
		end := min(at+piece, size)
		took, err := c.ask(ctx, http.MethodPatch, to.String(), map[string]string{
			"Upload-Offset": strconv.FormatInt(at, 10), "Content-Type": "application/offset+octet-stream",
		}, &picture{at: at, end: end, body: c.body})
		if err != nil {
			return "", err
		}
		if at, err = strconv.ParseInt(took.Get("Upload-Offset"), 10, 64); err != nil || at != end {
			return "", fmt.Errorf("tus: the upload stands at %q, not at %d", took.Get("Upload-Offset"), end)
		}
	}
	return to.String(), nil
}

// benchUploads keeps its connections; large writes cost the client less, of which
// both sides have the same.
var benchUploads = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2, WriteBufferSize: 256 << 10}}

// ask sends one request of the protocol and returns the answer's header.
func (c tusClient) ask(ctx context.Context, method, address string, header map[string]string, body *picture) (http.Header, error) {
	var content io.Reader
	if body != nil {
		content = body
	}
	r, err := http.NewRequestWithContext(ctx, method, address, content)
	if err != nil {
		return nil, fmt.Errorf("tus: %w", err)
	}
	if body != nil {
		r.ContentLength = body.end - body.at
	}
	r.Header.Set("Tus-Resumable", "1.0.0")
	for name, value := range header {
		r.Header.Set(name, value)
	}
	w, err := benchUploads.Do(r)
	if err != nil {
		return nil, fmt.Errorf("tus: %w", err)
	}
	defer func() { _ = w.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(w.Body, 64<<10))
	if err != nil {
		return nil, fmt.Errorf("tus: %w", err)
	}
	if w.StatusCode >= 300 {
		return nil, fmt.Errorf("tus: %s is answered %s: %s", method, w.Status, bytes.TrimSpace(text))
	}
	return w.Header, nil
}

// tusdMissing tells why there is no tusd to compare with.
type tusdMissing struct{ why string }

func (m *tusdMissing) Error() string { return m.why }

// startTusd starts tusd on the object store in use and returns where files are
// created; a *tusdMissing where that cannot be.
func startTusd(ctx context.Context, env *open.Env, dir string) (*child, string, error) {
	store := open.Value("s3_url")
	if strings.HasPrefix(store, "file:") {
		return nil, "", &tusdMissing{say("runner.bench.evidence.directory")}
	}
	path, err := exec.LookPath("tusd")
	if err != nil {
		return nil, "", &tusdMissing{say("runner.bench.evidence.no_tusd")}
	}
	secret, err := os.ReadFile(filepath.Join(open.Value("secret_mount_path"), "s3-evidence-upload"))
	user, password, found := strings.Cut(strings.TrimSpace(string(secret)), "\n")
	if err != nil || !found {
		return nil, "", &tusdMissing{say("runner.bench.evidence.no_key")}
	}
	if _, err := env.Objects.Keys.Put(ctx, "bench", nil, objects.Attr{}); err != nil { // makes the bucket
		return nil, "", err
	}
	port, err := freePort()
	if err != nil {
		return nil, "", err
	}
	host := fmt.Sprintf("http://127.0.0.1:%d", port)
	// The bucket without versions and locks, so that what is removed is gone.
	c, err := startChild(ctx, "tusd", dir, filepath.Join(dir, "tusd.log"), []string{
		"AWS_ACCESS_KEY_ID=" + user, "AWS_SECRET_ACCESS_KEY=" + password, "AWS_REGION=" + open.Value("s3_region"), "TMPDIR=" + dir,
	}, path, "-host", "127.0.0.1", "-port", strconv.Itoa(port), "-base-path", "/files/", "-verbose=false",
		"-s3-endpoint", store, "-s3-bucket", open.Value("s3_bucket")+"-keys", "-s3-object-prefix", "tusd/")
	if err != nil {
		return nil, "", err
	}
	if err := c.wait(ctx, soonEnough, func(ctx context.Context) error { return answers(ctx, host+"/metrics") }); err != nil {
		c.stop()
		return nil, "", fmt.Errorf("tusd: %w", err)
	}
	return c, host + "/files/", nil
}
