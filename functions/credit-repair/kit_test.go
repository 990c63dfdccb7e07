package function

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/citytest"
	"ipcredit/shared/credit"
	"ipcredit/shared/fn"
	"ipcredit/shared/journal"
	"ipcredit/shared/open"
	"ipcredit/shared/redistest"
	"ipcredit/shared/repair"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/subject"
	"ipcredit/shared/workday"
)

const (
	jia = "91410771MA00AAA104"
	yi  = "91410771MA00AAA291"
)

// office is the function behind a gateway on the loopback interface, with the
// demonstration city's staff and a clock that only the test moves. Settings are
// the process's, so they are made one after the other.
type office struct {
	t      testing.TB
	public string
	env    *open.Env
	staff  citytest.Staff
	clock  citytest.Clock
	tokens map[string]string
}

var keys = sync.OnceValues(func() (seal.Identity, seal.Identity) {
	unit, err := seal.Generate()
	if err != nil {
		panic(err)
	}
	escrow, err := seal.Generate()
	if err != nil {
		panic(err)
	}
	return unit, escrow
})

func newOffice(t testing.TB, rdb *redis.Client, on string) *office {
	t.Helper()
	o := &office{t: t, tokens: map[string]string{}}
	o.on(on)
	unit, escrow := keys()
	secrets := citytest.Secrets(t, map[string]string{
		"unit-recipients": fmt.Sprintf("410700 %s\n410771 %s", unit.Recipient(), unit.Recipient()), "escrow-recipient": escrow.Recipient().String(),
	})
	gateway := http.NewServeMux()
	server := httptest.NewUnstartedServer(gateway)
	o.public = "http://" + server.Listener.Addr().String()
	open.Use(map[string]string{
		"redis_url": "redis://" + rdb.Options().Addr, "s3_url": "file://" + filepath.Join(t.TempDir(), "objects"), "secret_mount_path": secrets,
		"public_url": o.public, "city": "410700", "demo": "1",
	})
	env, err := open.Open(Needs)
	ok(t, err)
	env.Now = o.clock.Now
	o.env = env
	mux, err := routes(env)
	ok(t, err)
	gateway.Handle(prefix+"/", http.StripPrefix(prefix, fn.HTTP(mux.Serve)))
	server.Start()
	t.Cleanup(server.Close)
	o.staff = citytest.NewStaff(t, env.Journal, o.clock.Now())
	return o
}

func embedded(t testing.TB, on string, records ...credit.Record) *office {
	t.Helper()
	o := newOffice(t, redistest.Embedded(t), on)
	o.add(records...)
	return o
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// on moves the clock to the morning of a day. Sessions end by it.
func (o *office) on(s string) {
	o.clock.Set(workday.MustDate(s).Start().Add(10 * time.Hour))
	o.tokens = map[string]string{}
}

func (o *office) add(records ...credit.Record) {
	o.t.Helper()
	c := credit.Change{Entry: journal.Entry{Actor: "test", Action: "credit.import", Ref: "batch:1", At: o.clock.Now()}}
	for code, name := range map[string]string{jia: "虚构甲科技有限公司", yi: "虚构乙科技有限公司"} {
		c.Subjects = append(c.Subjects, subject.Subject{Code: code, Name: name, Kind: "enterprise", District: "410771"})
	}
	for _, x := range records {
		c.Records = append(c.Records, credit.Entry{SubjectCode: jia, SubjectName: "虚构甲科技有限公司", Record: x})
	}
	_, _, err := credit.NewStore(o.env.Journal, credit.NewInForce(o.env.Journal)).Apply(o.t.Context(), c)
	ok(o.t, err)
}

func fined(id, on string) credit.Record {
	return credit.Record{
		ID: id, Kind: credit.Penalty, Act: "penalty", InstrumentNo: "新测市监处罚〔2026〕" + id + "号", Authority: "新乡市市场监督管理局",
		AuthorityCode: "11410700000000019U", Source: credit.Admin, Channel: credit.Original, DeterminedOn: workday.MustDate(on), PublishedOn: workday.MustDate(on),
		Content: credit.Content{Penalty: &credit.PenaltyContent{Violation: "擅自使用他人商标", Facts: "样例事实", Basis: "商标法第五十七条", Classes: []string{"罚款"}, FineFen: 9000000}},
	}
}

func determined(id, on string) credit.Record {
	return credit.Record{
		ID: id, Kind: credit.Determination, Act: "DA1", InstrumentNo: "国知测〔2026〕" + id + "号", Authority: "国家知识产权局",
		Source: credit.Admin, Channel: credit.Republish, DeterminedOn: workday.MustDate(on), PublishedOn: workday.MustDate(on),
		Content: credit.Content{Determination: &credit.DeterminationContent{Basis: "第六条第一项"}},
	}
}

// answer is what came back.
type answer struct {
	status int
	body   string
	header http.Header
}

// caller is somebody with a browser that follows nothing.
type caller struct {
	o     *office
	token string
}

func (o *office) as(user string) caller {
	o.t.Helper()
	if user == "" {
		return caller{o: o}
	}
	if o.tokens[user] == "" {
		o.tokens[user] = o.staff.Session(o.t, user, &o.clock)
	}
	return caller{o: o, token: o.tokens[user]}
}

func (c caller) do(method, path string, form url.Values, header ...string) answer {
	c.o.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(c.o.t.Context(), method, c.o.public+prefix+path, body)
	ok(c.o.t, err)
	r.Header.Set("Accept", "text/html")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	if c.token != "" {
		r.AddCookie(&http.Cookie{Name: staff.CookiePlain, Value: c.token})
	}
	w, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(r)
	ok(c.o.t, err)
	defer w.Body.Close()
	b, err := io.ReadAll(w.Body)
	ok(c.o.t, err)
	return answer{w.StatusCode, string(b), w.Header}
}

func (c caller) get(path string) answer { c.o.t.Helper(); return c.do(http.MethodGet, path, nil) }

func (c caller) post(path string, pairs ...string) answer {
	c.o.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	return c.do(http.MethodPost, path, form)
}

func (o *office) want(a answer, status int, holds ...string) answer {
	o.t.Helper()
	if a.status != status {
		o.t.Fatalf("%d %s\n%s", a.status, a.header.Get("Location"), a.body)
	}
	if key := unsaid.FindString(a.body); key != "" {
		o.t.Errorf("no words for %s", key)
	}
	for _, s := range holds {
		if !strings.Contains(a.body, s) {
			o.t.Errorf("%q is not in\n%s", s, a.body)
		}
	}
	return a
}

// unsaid is what stands on a page in the place of words that the catalogue lacks.
var unsaid = regexp.MustCompile(`〔[a-z-]+\.[A-Za-z_.-]+〕`)

var numberIn = regexp.MustCompile(`XF\d{10}`)

// filed files an application of jia's with all papers, and returns its number.
func (o *office) filed(ids ...string) string {
	o.t.Helper()
	pairs := []string{"corrected", "yes", "performed", "yes", "removed", "yes"}
	for _, id := range ids {
		pairs = append(pairs, "records", id)
	}
	a := o.want(o.as("jia.agent").post("/applications", pairs...), http.StatusSeeOther)
	no := numberIn.FindString(a.header.Get("Location"))
	o.want(o.as("jia.legal").post("/applications/"+no+"/sign", "agree", "yes"), http.StatusSeeOther)
	ctx, now := o.t.Context(), o.clock.Now()
	_, err := repair.New(o.env.Journal).HandIn(ctx, o.actor("jia.agent"), no, repair.Performance, "BOX", now)
	ok(o.t, err)
	return no
}

// actor is a user of the demonstration.
func (o *office) actor(user string) staff.Actor {
	o.t.Helper()
	u, _, err := o.staff.UserByName(o.t.Context(), user)
	ok(o.t, err)
	a, err := o.staff.Actor(o.t.Context(), u.ID)
	ok(o.t, err)
	return a
}

// another is the legal representative of another subject, signed in.
func (o *office) another(name, code string) caller {
	o.t.Helper()
	ctx, now := o.t.Context(), o.clock.Now()
	_, activation, err := o.staff.IssueActivation(ctx, o.actor("lead.handler"), staff.Issue{Code: code, Name: name, Division: "410771", Role: staff.Representative}, now)
	ok(o.t, err)
	in := staff.Activate{Activation: activation, Code: code, Username: "yi.legal", Name: "钱样例", Password: "Correct-horse-7-battery", Network: "192.0.2.0/24"}
	_, err = o.staff.Activate(ctx, in, now)
	ok(o.t, err)
	first, err := o.staff.SignIn(ctx, staff.SignIn{Username: in.Username, Password: in.Password, Network: in.Network}, now)
	ok(o.t, err)
	ok(o.t, o.staff.BeginTOTP(ctx, first.Actor, in.Password, in.Network, now))
	secret, err := o.staff.PendingTOTP(ctx, first.Actor)
	ok(o.t, err)
	signed, _, err := o.staff.ConfirmTOTP(ctx, first.Actor, citytest.Code(o.t, secret, now), in.Network, "test", now)
	ok(o.t, err)
	return caller{o: o, token: signed.Token}
}

// looked makes a department look at jia's data.
func (o *office) looked() { o.lookedAt(1) }
