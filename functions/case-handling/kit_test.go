package function

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/citytest"
	"ipcredit/shared/evidence"
	"ipcredit/shared/fn"
	"ipcredit/shared/notary"
	"ipcredit/shared/open"
	"ipcredit/shared/redistest"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	m.Run()
}

const prefix = "/function/case-handling"

// start is a Wednesday.
var start = time.Date(2026, 5, 20, 2, 0, 0, 0, time.UTC)

// What must be seen nowhere but on the page of an opened tip-off; the last two
// nowhere but where an identity was opened. All are fictitious.
const (
	story    = "仓库夜间更换商标吊牌，编号样例壹零壹"
	reported = "虚构丙有限公司"
	code     = "91410702MA00AAC13T"
	fileName = "现场照片-样例.jpg"
	reporter = "欧阳样例"
	contact  = "19900001234"
)

var canaries = []string{story, "样例壹零壹", reported, code, fileName, reporter, contact}

// city is the function behind a gateway on the loopback interface, with the
// demonstration city's staff and a clock that only the test moves. Settings are
// the process's, so cities are made one after the other.
type city struct {
	t        testing.TB
	public   string
	rdb      *redis.Client
	dir      string // of the objects
	env      *open.Env
	desk     *desk
	intake   *tipoff.Intake
	evidence *evidence.Store
	staff    citytest.Staff
	clock    citytest.Clock
	seq      atomic.Int64
}

// keys are made once: making them takes longer than most tests.
var keys = sync.OnceValue(func() map[string]seal.Identity {
	out := map[string]seal.Identity{}
	for _, label := range append(staff.UnitLabels(), "escrow", "custodian") {
		id, err := seal.Generate()
		if err != nil {
			panic(err)
		}
		out[label] = id
	}
	return out
})

func newCity(t testing.TB, rdb *redis.Client, settings ...string) *city {
	t.Helper()
	c := &city{t: t, rdb: rdb, dir: filepath.Join(t.TempDir(), "objects")}
	c.clock.Set(start)
	var identities, recipients strings.Builder
	for _, label := range staff.UnitLabels() {
		fmt.Fprintf(&identities, "%s %s\n", label, keys()[label].Reveal())
		fmt.Fprintf(&recipients, "%s %s\n", label, keys()[label].Recipient())
	}
	secrets := citytest.Secrets(t, map[string]string{
		"unit-identities": identities.String(), "unit-recipients": recipients.String(), "custodian-identity": keys()["custodian"].Reveal(),
		"escrow-recipient": keys()["escrow"].Recipient().String(), "notify-key": notifyKey,
	})
	gateway := http.NewServeMux()
	server := httptest.NewUnstartedServer(gateway)
	c.public = "http://" + server.Listener.Addr().String()
	values := map[string]string{
		"redis_url": "redis://" + rdb.Options().Addr, "s3_url": "file://" + c.dir, "secret_mount_path": secrets,
		"public_url": c.public, "city": "410700", "demo": "1", "clamd_addr": "", "notify_url": "", "outgoing_allow": "",
	}
	for i := 0; i+1 < len(settings); i += 2 {
		values[settings[i]] = settings[i+1]
	}
	open.Use(values)
	env, err := open.Open(Needs)
	if err != nil {
		t.Fatal(err)
	}
	env.Now = c.clock.Now
	c.env = env
	if c.desk, err = newDesk(env); err != nil {
		t.Fatal(err)
	}
	gateway.Handle(prefix+"/", http.StripPrefix(prefix, fn.HTTP(c.desk.mux().Serve)))
	server.Start()
	t.Cleanup(server.Close)

	c.evidence = evidence.NewStore(env.Journal, env.Objects.Main, c.clock.Now)
	units := tipoff.Units{}
	for _, label := range staff.UnitLabels() {
		units[label] = keys()[label].Recipient()
	}
	c.intake, err = tipoff.NewIntake(env.Journal, seal.NewKeys(env.Objects.Keys), tipoff.IntakeConfig{
		Units: units, Escrow: keys()["escrow"].Recipient(), Custodian: keys()["custodian"].Recipient(), MAC: []byte(strings.Repeat("m", 44)),
		Log: notary.Open(env.Journal, nil, notary.Intake, nil), Evidence: c.evidence,
	})
	if err != nil {
		t.Fatal(err)
	}
	c.staff = citytest.NewStaff(t, env.Journal, c.clock.Now())
	c.as("").get("/readyz") // the mux reads its settings at the first call
	return c
}

// embedded is a city on the embedded server.
func embedded(t testing.TB, settings ...string) *city {
	return newCity(t, redistest.Embedded(t), settings...)
}

// file is evidence about to be handed in.
type file struct {
	name, media string
	data        []byte
}

// lodge hands in a tip-off as a reporter does, in division 410702 unless it says
// otherwise; the box of its evidence comes back too.
func (c *city) lodge(l tipoff.Lodged, files ...file) (tipoff.Lodging, string) {
	c.t.Helper()
	ctx := c.t.Context()
	if l.Kind == "" {
		l.Kind = tipoff.Counterfeit
	}
	if l.Narrative == "" {
		l.Narrative = story
	}
	if l.Parties == nil {
		l.Parties = []tipoff.Party{{Name: reported, Code: code}}
	}
	if l.Division == "" {
		l.Division = "410702"
	}
	l.Anonymous = l.Reporter == nil
	s := tipoff.Submission{Key: fmt.Sprintf("key-of-a-test-%010d-xxxxxxxx", c.seq.Add(1)), Lodged: l}
	box := ""
	if len(files) > 0 {
		id, err := seal.Generate()
		if err != nil {
			c.t.Fatal(err)
		}
		var token string
		token, box, err = c.evidence.OpenBox(ctx, evidence.BoxSpec{For: evidence.Draft, To: id.Recipient(), Until: c.clock.Now().Add(24 * time.Hour), By: "system"})
		if err != nil {
			c.t.Fatal(err)
		}
		for _, f := range files {
			c.upload(token, f)
		}
		s.Boxes = []tipoff.Box{{ID: box, Key: id.Reveal()}}
	}
	got, err := c.intake.Lodge(ctx, s, c.clock.Now())
	if err != nil {
		c.t.Fatal(err)
	}
	return got, box
}

func (c *city) upload(token string, f file) {
	c.t.Helper()
	ctx := c.t.Context()
	b, err := c.evidence.Open(ctx, token)
	if err != nil {
		c.t.Fatal(err)
	}
	x, err := c.evidence.Create(ctx, b, evidence.NewFile{Name: f.name, Type: f.media, SHA256: sha(f.data), Size: int64(len(f.data))})
	if err != nil {
		c.t.Fatal(err)
	}
	step := c.evidence.Limits().PieceBytes - 7 // not the size of ranges
	for at := 0; at < len(f.data); at += step {
		if x, err = c.evidence.Append(ctx, b, x.N, int64(at), f.data[at:min(at+step, len(f.data))]); err != nil {
			c.t.Fatal(err)
		}
	}
}

// named is who a reporter of these tests is.
func named() *tipoff.Reporter { return &tipoff.Reporter{Name: reporter, Contact: contact} }

// claim is what a reporter shows.
func claim(l tipoff.Lodging) tipoff.Claim {
	return tipoff.Claim{Number: l.Number, Receipt: l.Receipt, Network: "test"}
}

func (c *city) signIn(name string) string { c.t.Helper(); return c.staff.Session(c.t, name, &c.clock) }

// visitor sends requests as one person's browser.
type visitor struct {
	c      *city
	header http.Header
	seen   *[]answer
}

// as is the browser of a signed-in user, or with "" of nobody.
func (c *city) as(user string) visitor {
	h := http.Header{"Accept": {"text/html,application/xhtml+xml"}, "Sec-Fetch-Site": {"same-origin"}, "X-Forwarded-For": {"192.0.2.7"}}
	if user != "" {
		h.Set("Cookie", staff.CookiePlain+"="+c.signIn(user))
	}
	return visitor{c, h, &[]answer{}}
}

type answer struct {
	*http.Response
	body string
}

func (k visitor) do(method, target string, body io.Reader, header ...string) answer {
	k.c.t.Helper()
	if !strings.HasPrefix(target, "http") {
		target = k.c.public + prefix + strings.TrimPrefix(target, prefix)
	}
	r, err := http.NewRequestWithContext(k.c.t.Context(), method, target, body)
	if err != nil {
		k.c.t.Fatal(err)
	}
	r.Header = k.header.Clone()
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		k.c.t.Fatal(err)
	}
	defer func() { _ = w.Body.Close() }()
	text, err := io.ReadAll(w.Body)
	if err != nil {
		k.c.t.Fatal(err)
	}
	a := answer{w, string(text)}
	*k.seen = append(*k.seen, a)
	return a
}

func (k visitor) get(path string, header ...string) answer {
	k.c.t.Helper()
	return k.do("GET", path, nil, header...)
}

func (k visitor) post(path string, fields ...string) answer {
	k.c.t.Helper()
	f := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		f.Add(fields[i], fields[i+1])
	}
	return k.do("POST", path, strings.NewReader(f.Encode()), "Content-Type", "application/x-www-form-urlencoded")
}

// follow posts and goes where the answer sends.
func (k visitor) follow(path string, fields ...string) answer {
	k.c.t.Helper()
	a := k.post(path, fields...)
	if a.StatusCode != http.StatusSeeOther {
		k.c.t.Fatalf("POST %s: %d %s", path, a.StatusCode, words(a.body))
	}
	return k.get(a.Header.Get("Location"))
}

// open opens a tip-off and returns its page.
func (k visitor) open(no string) answer {
	k.c.t.Helper()
	return k.follow("/tip-offs/" + no + "/open")
}

// act fills in the form of an action and sends it.
func (k visitor) act(no, action string, fields ...string) answer {
	k.c.t.Helper()
	return k.post("/tip-offs/"+no+"/"+action, append(fields, "version", k.version(no, action))...)
}

var versionField = regexp.MustCompile(`name="version" value="([0-9a-f]+)"`)

func (k visitor) version(no, action string) string {
	k.c.t.Helper()
	a := k.get("/tip-offs/" + no + "/" + action)
	m := versionField.FindStringSubmatch(a.body)
	if m == nil {
		k.c.t.Fatalf("the form %s: %d %s", action, a.StatusCode, words(a.body))
	}
	return m[1]
}

// done is act that must succeed.
func (k visitor) done(no, action string, fields ...string) answer {
	k.c.t.Helper()
	a := k.act(no, action, fields...)
	if a.StatusCode != http.StatusSeeOther {
		k.c.t.Fatalf("%s: %d %s", action, a.StatusCode, words(a.body))
	}
	return k.get(a.Header.Get("Location"))
}

func (k visitor) upload(path, name string, data []byte, fields ...string) answer {
	k.c.t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i+1 < len(fields); i += 2 {
		_ = w.WriteField(fields[i], fields[i+1])
	}
	part, _ := w.CreateFormFile("file", name)
	_, _ = part.Write(data)
	_ = w.Close()
	return k.do("POST", path, &b, "Content-Type", w.FormDataContentType())
}

var tags = regexp.MustCompile(`(?s)<[^>]*>`)

// words is what a page says, for the message of a failed test.
func words(page string) string {
	if _, main, ok := strings.Cut(page, "<main"); ok {
		page = main
	}
	return strings.Join(strings.Fields(tags.ReplaceAllString(page, " ")), " ")
}

func wantStatus(t testing.TB, a answer, want int) {
	t.Helper()
	if a.StatusCode != want {
		t.Fatalf("%s %s: %d, want %d: %s", a.Request.Method, a.Request.URL, a.StatusCode, want, words(a.body))
	}
}

func wantIn(t testing.TB, a answer, texts ...string) {
	t.Helper()
	for _, s := range texts {
		if !strings.Contains(a.body, s) {
			t.Errorf("%s lacks %q: %s", a.Request.URL, s, words(a.body))
		}
	}
}

func wantNone(t testing.TB, a answer, texts ...string) {
	t.Helper()
	for _, s := range texts {
		if strings.Contains(a.body, s) {
			t.Errorf("%s holds %q", a.Request.URL, s)
		}
	}
}

// photograph is a JPEG with the place it was taken at, behind which something
// else stands.
func photograph(w, h int) []byte {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.SetRGBA(x, y, color.RGBA{uint8(x * 255 / w), uint8(y * 255 / h), 120, 255})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		panic(err)
	}
	data := b.Bytes()
	tiff := []byte("MM\x00\x2a\x00\x00\x00\x08\x00\x02" +
		"\x01\x0f\x00\x02\x00\x00\x00\x0d\x00\x00\x00\x26" + // Make, at 38
		"\x88\x25\x00\x04\x00\x00\x00\x01\x00\x00\x00\x34" + // GPS, at 52
		"\x00\x00\x00\x00" + "CanaryCamera\x00\x00" +
		"\x00\x02\x00\x01\x00\x02\x00\x00\x00\x02N\x00\x00\x00" +
		"\x00\x02\x00\x05\x00\x00\x00\x03\x00\x00\x00\x52\x00\x00\x00\x00")
	tiff = append(tiff, "\x00\x00\x00\x23\x00\x00\x00\x01\x00\x00\x00\x12\x00\x00\x00\x01\x00\x00\x03\x09\x00\x00\x00\x64"...)
	body := append([]byte("Exif\x00\x00"), tiff...)
	segment := binary.BigEndian.AppendUint16([]byte{0xff, 0xe1}, uint16(len(body)+2))
	return slices.Concat(data[:2], segment, body, data[2:], []byte("canary behind the end"))
}

type evidenceFile = evidence.File

func sha(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// actionNames and caseActionNames name all actions: a test looks at the form of each.
func actionNames() []string {
	var out []string
	for _, x := range actions {
		out = append(out, x.Name)
	}
	return out
}

func caseActionNames() []string {
	var out []string
	for _, x := range caseActions {
		out = append(out, x.Name)
	}
	return out
}
