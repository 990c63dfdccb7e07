package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// asProgram makes the test binary the program itself: what these tests start is
// the code under test, with the race detector where the tests have it, and
// nothing has to be built a second time.
const asProgram = "IPCREDIT_TEST_RUNS_PROGRAM"

func init() {
	if os.Getenv(asProgram) != "" {
		main()
		os.Exit(0)
	}
}

// patience ends a wait for something that does not come; it is no measure of
// speed.
const patience = 2 * time.Minute

// run is how a program is started.
type run struct {
	env  []string // over a bare environment
	path string   // PATH; "" = as here
	args []string
	addr string // where it serves; "" = wherever there is room
}

// nothing is a PATH without any server.
func nothing(t testing.TB) string { return t.TempDir() }

func (r run) command(t testing.TB) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if r.path == "" {
		r.path = os.Getenv("PATH")
	}
	cmd := exec.Command(self, r.args...)
	cmd.Dir = t.TempDir()
	cmd.Env = append([]string{asProgram + "=1", "PATH=" + r.path, "HOME=" + cmd.Dir, "TMPDIR=" + cmd.Dir}, r.env...)
	cmd.SysProcAttr = apart() // it ends with the tests, however they end
	return cmd
}

// result is what a command that has ended left.
type result struct {
	code     int
	out, err string
}

// do runs a command to its end.
func (r run) do(t testing.TB) result {
	t.Helper()
	cmd := r.command(t)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-ended:
	case <-time.After(patience):
		_ = cmd.Process.Kill()
		t.Fatalf("%v did not end: %s%s", r.args, out.String(), errs.String())
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// must is do for a command that should succeed.
func (r run) must(t testing.TB) result {
	t.Helper()
	x := r.do(t)
	if x.code != 0 {
		t.Fatalf("%v: exit %d: %s%s", r.args, x.code, x.out, x.err)
	}
	return x
}

// program is a running city.
type program struct {
	t    testing.TB
	base string
	cmd  *exec.Cmd
	out  *output
	done chan struct{}
	http *http.Client
}

// output is what a program has said so far.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func freeAddr(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// serve starts the city and waits until it is healthy. It ends with the test.
func (r run) serve(t testing.TB) *program {
	t.Helper()
	addr := r.addr
	if addr == "" {
		addr = freeAddr(t)
	}
	r.args = append([]string{"-addr", addr}, r.args...)
	p := &program{t: t, base: "http://" + addr, cmd: r.command(t), out: &output{}, done: make(chan struct{})}
	p.http = client(t)
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // tests look at its state
		close(p.done)
	}()
	t.Cleanup(func() {
		p.http.CloseIdleConnections()
		_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		select {
		case <-p.done:
		case <-time.After(patience):
			_ = p.cmd.Process.Kill()
			<-p.done
			t.Error("the program did not end when it was told to")
		}
		if t.Failed() {
			t.Logf("it said:\n%s", p.out)
		}
	})
	eventually(t, "the program is healthy", func() bool {
		select {
		case <-p.done:
			t.Fatalf("it ended at once: %s", p.out)
		default:
		}
		res, err := p.http.Get(p.base + "/healthz")
		if err != nil {
			return false
		}
		defer func() { _ = res.Body.Close() }()
		return res.StatusCode == http.StatusOK
	})
	return p
}

// client keeps its own cookies and follows nobody.
func client(t testing.TB) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{
		Jar: jar, Timeout: patience, Transport: &http.Transport{},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// eventually asks until the answer is yes.
func eventually(t testing.TB, what string, yes func() bool) {
	t.Helper()
	eventuallyEach(t, 20*time.Millisecond, what, yes)
}

// politely is how often a batch may be asked for with one key.
const politely = 150 * time.Millisecond

func eventuallyEach(t testing.TB, pause time.Duration, what string, yes func() bool) {
	t.Helper()
	limit := time.After(patience)
	again := time.NewTicker(pause)
	defer again.Stop()
	for !yes() {
		select {
		case <-limit:
			t.Fatalf("it never came that %s", what)
		case <-again.C:
		}
	}
}

// end sends the signal, waits, and returns the exit code (-1 after a kill).
func (p *program) end(signal os.Signal) int {
	p.t.Helper()
	if err := p.cmd.Process.Signal(signal); err != nil {
		p.t.Fatal(err)
	}
	select {
	case <-p.done:
	case <-time.After(patience):
		p.t.Fatalf("%v did not end it", signal)
	}
	return p.cmd.ProcessState.ExitCode()
}

// answer is what the city answered.
type answer struct {
	status int
	header http.Header
	body   string
}

func (p *program) ask(method, path string, header map[string]string, body io.Reader) answer {
	p.t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, p.base+path, body)
	if err != nil {
		p.t.Fatal(err)
	}
	for k, v := range header {
		r.Header.Set(k, v)
	}
	res, err := p.http.Do(r)
	if err != nil {
		p.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer{res.StatusCode, res.Header, string(data)}
}

// get asks for JSON.
func (p *program) get(path string) answer {
	p.t.Helper()
	return p.ask(http.MethodGet, path, map[string]string{"Accept": "application/json"}, nil)
}

// page asks as a browser does.
func (p *program) page(path string) answer {
	p.t.Helper()
	return p.ask(http.MethodGet, path, map[string]string{"Accept": "text/html"}, nil)
}

// post sends a form as a browser does.
func (p *program) post(path string, form url.Values) answer {
	p.t.Helper()
	return p.ask(http.MethodPost, path, map[string]string{
		"Accept": "text/html", "Content-Type": "application/x-www-form-urlencoded", "Origin": p.base,
	}, strings.NewReader(form.Encode()))
}

// decode reads an answer's JSON.
func decode[T any](t testing.TB, a answer) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("%d %q: %v", a.status, a.body, err)
	}
	return v
}

// batchReport is what a sender is told about a batch.
type batchReport struct {
	ID                                   string
	State                                string
	Rows, Accepted, Duplicates, Rejected int
	Errors                               []struct {
		Row                  int
		Field, Code, Message string
	}
}

// upload sends a table with a key.
func (p *program) upload(kind, key, text string) answer {
	p.t.Helper()
	return p.ask(http.MethodPost, "/function/material-intake/batches?kind="+kind,
		map[string]string{"Authorization": "Bearer " + key, "Content-Type": "text/csv"}, strings.NewReader(text))
}

// handIn sends a table and waits until it is worked off: a slow machine answers
// before that.
func (p *program) handIn(kind, key, text string) batchReport {
	p.t.Helper()
	a := p.upload(kind, key, text)
	if a.status != http.StatusCreated && a.status != http.StatusAccepted {
		p.t.Fatalf("upload of %s: %d %s", kind, a.status, a.body)
	}
	b := decode[batchReport](p.t, a)
	if a.status == http.StatusAccepted {
		p.workedOff(&b, key)
	}
	return b
}

// workedOff waits as long as the batch goes on, until it is done.
func (p *program) workedOff(b *batchReport, key string) {
	p.t.Helper()
	for b.State != "done" {
		before := b.Rows
		eventuallyEach(p.t, politely, "the batch goes on by itself", func() bool {
			*b = p.batch(b.ID, key)
			return b.State == "done" || b.Rows > before
		})
	}
}

func (p *program) batch(id, key string) batchReport {
	p.t.Helper()
	a := p.ask(http.MethodGet, "/function/material-intake/batches/"+id, map[string]string{"Authorization": "Bearer " + key}, nil)
	if a.status != http.StatusOK {
		p.t.Fatalf("batch %s: %d %s", id, a.status, a.body)
	}
	return decode[batchReport](p.t, a)
}

// demoFile is demo.json as design §4 fixes it.
type demoFile struct {
	Gateway string            `json:"gateway"`
	APIKeys map[string]string `json:"apiKeys"`
	Staff   []demoLogin       `json:"staff"`
	Reports []struct {
		ReportNo string `json:"reportNo"`
		Receipt  string `json:"receipt"`
	} `json:"reports"`
	Subjects []string `json:"subjects"`
}

type demoLogin struct {
	User         string   `json:"user"`
	Password     string   `json:"password"`
	TOTPSecret   string   `json:"totpSecret"`
	Roles        []string `json:"roles"`
	Organization string   `json:"organization"`
}

// readDemo reads demo.json and refuses anything that the interface does not
// name.
func readDemo(t testing.TB, data string) demoFile {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(data, "demo.json"))
	if err != nil {
		t.Fatal(err)
	}
	var d demoFile
	strict := json.NewDecoder(bytes.NewReader(text))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&d); err != nil {
		t.Fatalf("demo.json: %v", err)
	}
	return d
}

// subjectAnswer is a part of the answer about a subject.
type subjectAnswer struct {
	Code, Name string
	Records    []struct {
		ID, InstrumentNo, Authority, Source, Status string
		DeterminedOn, DisplayFrom, DisplayUntil     string
	}
}

func (p *program) subject(code string) subjectAnswer {
	p.t.Helper()
	a := p.get("/function/credit-lookup/subjects/" + url.PathEscape(code))
	if a.status != http.StatusOK {
		p.t.Fatalf("subject %s: %d %s", code, a.status, a.body)
	}
	return decode[subjectAnswer](p.t, a)
}

// digest is the state of a city that does not run.
func (r run) digest(t testing.TB, command, data string) string {
	t.Helper()
	r.args = []string{command, "--json", "-data", data}
	var v struct {
		Keys   int
		Digest string
	}
	x := r.must(t)
	if err := json.Unmarshal([]byte(x.out), &v); err != nil || len(v.Digest) != 64 || v.Keys == 0 {
		t.Fatalf("%s: %q %v", command, x.out, err)
	}
	return v.Digest
}

// canary fails the test where a file of the program's that is no secret holds
// one of the words that must never leave their place.
func canary(t testing.TB, words []string, texts map[string]string) {
	t.Helper()
	for where, text := range texts {
		for _, w := range words {
			if w != "" && strings.Contains(text, w) {
				t.Errorf("%s holds %q", where, w)
			}
		}
	}
}

// secretsOf are the words of a demonstration that only demo.json may hold.
func secretsOf(d demoFile) []string {
	var words []string
	for _, key := range d.APIKeys {
		words = append(words, key, key[strings.LastIndexByte(key, '_')+1:])
	}
	for _, s := range d.Staff {
		words = append(words, s.Password, s.TOTPSecret)
	}
	return words
}

// filesUnder reads every file of the program's data but those named.
func filesUnder(t testing.TB, data string, but ...string) map[string]string {
	t.Helper()
	texts := map[string]string{}
	err := filepath.WalkDir(data, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if slices.Contains(but, d.Name()) {
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if d.IsDir() {
			return nil
		}
		text, err := os.ReadFile(path)
		texts[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(texts) < 10 {
		t.Errorf("only %d files under %s", len(texts), data)
	}
	return texts
}

// logOf is what the program wrote about its work.
func logOf(t testing.TB, data string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(data, "log.jsonl"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(text)
}

// installed tells whether a server is on PATH, and fails where it must be.
func installed(t testing.TB, name string) bool {
	t.Helper()
	_, err := exec.LookPath(name)
	if err != nil && os.Getenv("REQUIRE_REAL") != "" {
		t.Fatalf("%s is not on PATH and REQUIRE_REAL is set", name)
	}
	return err == nil
}

func slow(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("slow")
	}
}

// penaltyTable is a table with the columns that penaltyOf fills.
func penaltyTable(rows [][]string) string {
	header := []string{"CF_XDR_MC", "CF_XDR_LB", "CF_XDR_SHXYM", "CF_WSH", "CF_WFXW", "CF_SY", "CF_YJ", "CF_CFLB", "CF_NR", "CF_NR_FK", "CF_JDRQ", "CF_CFJG", "CF_CFJGDM"}
	var b strings.Builder
	for _, row := range slices.Concat([][]string{header}, rows) {
		b.WriteString(strings.Join(row, ",") + "\n")
	}
	return b.String()
}

func penaltyOf(code, name string, number int) []string {
	day := time.Now().AddDate(0, 0, -20).Format("2006/01/02")
	return []string{
		name, "法人及非法人组织", code, fmt.Sprintf("新测市监处罚〔%s〕%d号", day[:4], number), "侵犯注册商标专用权", "演示用事实",
		"《中华人民共和国商标法》第六十条", "罚款", "罚款人民币1.2万元", "1.2", day, fictionBureau, fictionBureauCode,
	}
}

// demoDay is the day so many days ago.
func demoDay(back int) string { return time.Now().AddDate(0, 0, -back).Format(time.DateOnly) }
