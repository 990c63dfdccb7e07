package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"github.com/redis/go-redis/v9"

	"ipcredit/shared/batch"
	"ipcredit/shared/evidence"
	"ipcredit/shared/open"
	"ipcredit/shared/redistest"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
)

// TestDemonstration looks at the fictitious city as a stranger with a browser
// and a shell does, on the real parts where they are installed.
func TestDemonstration(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := run{args: []string{"-data", data, "-demo"}}.serve(t)
	demo := readDemo(t, data)

	t.Run("HomeIsThePortal", func(t *testing.T) {
		a := p.page("/")
		if a.status != http.StatusFound || a.header.Get("Location") != "/function/portal/" {
			t.Fatalf("%d %q", a.status, a.header.Get("Location"))
		}
		if a = p.page("/function/portal/"); a.status != http.StatusOK || !strings.Contains(a.body, "演示数据") {
			t.Errorf("%d, marked as demonstration: %v", a.status, strings.Contains(a.body, "演示数据"))
		}
	})
	t.Run("EveryFunctionIsReady", func(t *testing.T) {
		for name := range functions {
			if a := p.get("/function/" + name + "/readyz"); a.status != http.StatusOK {
				t.Errorf("%s: %d %s", name, a.status, a.body)
			}
		}
		if a := p.get("/function/no-such/readyz"); a.status != http.StatusNotFound {
			t.Errorf("a function that is none: %d", a.status)
		}
	})
	t.Run("FileNamesWhatTheInterfaceFixes", func(t *testing.T) { lookAtDemo(t, p, demo) })
	t.Run("StaffSignInWithBothFactors", func(t *testing.T) {
		i := slices.IndexFunc(demo.Staff, func(s demoLogin) bool { return slices.Contains(s.Roles, string(staff.Handler)) })
		signIn(t, p, demo.Staff[i])
	})
	t.Run("SubjectSignsIn", func(t *testing.T) {
		i := slices.IndexFunc(demo.Staff, func(s demoLogin) bool { return slices.Contains(s.Roles, string(staff.Representative)) })
		signIn(t, p, demo.Staff[i])
	})
	t.Run("EveryPageIsWhole", func(t *testing.T) { lookAtPages(t, p, demo) })
	t.Run("FirmIsFound", func(t *testing.T) { findFirm(t, p) })
	t.Run("PeopleStayUnnamed", func(t *testing.T) { uploadPeople(t, p, demo) })
	t.Run("BadgeChangesOnAnotherOrigin", func(t *testing.T) { badgeElsewhere(t, p, demo) })

	if code := p.end(syscall.SIGINT); code != 0 {
		t.Errorf("ended with %d", code)
	}
	exported := run{args: []string{"export", "-data", data}}.must(t)
	if lines := strings.Count(exported.out, "\n"); lines < 20 {
		t.Errorf("%d exported entries", lines)
	}
	// Nothing of all that was said or kept anywhere but in demo.json.
	words := append(secretsOf(demo), fictionID, fictionPhone)
	canary(t, words, map[string]string{"log": logOf(t, data), "export": exported.out, "terminal": p.out.String() + exported.err})
	canary(t, words, filesUnder(t, data, "demo.json", "secrets"))
}

// What nobody may find again: of a person who cannot be.
const (
	fictionID    = "410799190001019907"
	fictionPhone = "19900000017"
)

// uploadPeople hands in a penalty of a person and one whose text tells of a
// person, as agencies do in spite of the column's hint.
func uploadPeople(t *testing.T, p *program, demo demoFile) {
	code := demo.Subjects[1]
	firm := penaltyOf(code, p.subject(code).Name, 660002)
	firm[5] = "经办人张样例(身份证" + fictionID + ";电话" + fictionPhone + ")销售侵权商品"
	person := penaltyOf("", "李演示", 660001)
	person[1] = "自然人"
	table := penaltyTable([][]string{append(person, "身份证", fictionID), append(firm, "", "")})
	table = strings.Replace(table, "\n", ",CF_XDR_ZJLX,CF_XDR_ZJHM\n", 1)
	b := p.handIn("penalty", demo.APIKeys["material"], table)
	if b.Accepted+b.Rejected != 2 || b.Accepted == 0 {
		t.Fatalf("upload: %+v", b)
	}
	answers := map[string]string{"upload": fmt.Sprint(b)}
	for _, path := range []string{
		"subjects/" + code, "search?q=" + url.QueryEscape("李演示"), "search?q=" + fictionID, "search?q=" + fictionPhone,
		"badge/" + code + ".svg", "embed/" + code,
	} {
		answers[path] = p.page("/function/credit-lookup/"+path).body + p.get("/function/credit-lookup/"+path).body
	}
	// A page may repeat what its reader has just typed, nothing more.
	for _, word := range []string{fictionID, fictionPhone} {
		for path, text := range answers {
			if strings.Contains(text, word) && !strings.Contains(path, word) {
				t.Errorf("%s holds %q", path, word)
			}
		}
	}
	if found := p.get("/function/credit-lookup/search?q=" + url.QueryEscape("李演示")); strings.Contains(found.body, "660001") || strings.Contains(found.body, "李演示") {
		t.Errorf("a person is found: %s", found.body)
	}
}

func lookAtDemo(t *testing.T, p *program, demo demoFile) {
	if demo.Gateway != p.base {
		t.Errorf("gateway %q, want %q", demo.Gateway, p.base)
	}
	for _, scope := range []string{"material", "share", "case", "report-export", "lookup"} {
		if key := demo.APIKeys[scope]; strings.Count(key, "_") != 2 || !strings.HasPrefix(key, "ipc_") {
			t.Errorf("key of scope %s is %q", scope, key)
		}
	}
	if len(demo.APIKeys) != 5 {
		t.Errorf("%d keys", len(demo.APIKeys))
	}
	if len(demo.Reports) != fictionTipoffs {
		t.Errorf("%d tip-offs, want %d", len(demo.Reports), fictionTipoffs)
	}
	known := map[string]bool{}
	for _, r := range demo.Reports {
		if _, err := tipoff.ParseNumber(r.ReportNo); err != nil || tipoff.CheckReceipt(r.Receipt) != nil || known[r.ReportNo] {
			t.Errorf("tip-off %s: %v", r.ReportNo, err)
		}
		known[r.ReportNo] = true
	}
	seen := map[string]bool{}
	for _, s := range demo.Staff {
		if s.User == "" || s.Password == "" || len(s.TOTPSecret) < 26 || len(s.Roles) == 0 || s.Organization == "" || seen[s.User] {
			t.Errorf("login %+v", s)
		}
		seen[s.User] = true
		for _, r := range s.Roles {
			if !slices.Contains(staff.Roles(), staff.Role(r)) {
				t.Errorf("%s has the role %q", s.User, r)
			}
		}
	}
	if len(demo.Subjects) < 100 {
		t.Errorf("%d subjects", len(demo.Subjects))
	}
	shown := 0
	for _, code := range demo.Subjects {
		shown += len(p.subject(code).Records)
	}
	if shown < 20 {
		t.Errorf("%d records are shown", shown)
	}
	// The keys work where their scope says, and nowhere else.
	bearer := func(scope string) map[string]string {
		return map[string]string{"Authorization": "Bearer " + demo.APIKeys[scope], "Accept": "application/json"}
	}
	for scope, want := range map[string]int{"material": http.StatusOK, "lookup": http.StatusForbidden} {
		if a := p.ask(http.MethodGet, "/function/material-intake/batches", bearer(scope), nil); a.status != want {
			t.Errorf("batches with the key of %s: %d, want %d", scope, a.status, want)
		}
	}
}

// signIn signs in over the form, as a person would, and looks who is signed in.
func signIn(t *testing.T, p *program, s demoLogin) {
	t.Helper()
	const path = "/function/staff-session/"
	if a := p.page(path + "sign-in"); a.status != http.StatusOK || !strings.Contains(a.body, `name="password"`) {
		t.Fatalf("sign-in page: %d", a.status)
	}
	code, err := totp.GenerateCode(s.TOTPSecret, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	wrong := url.Values{"username": {s.User}, "password": {s.Password + "x"}, "code": {code}}
	if a := p.post(path+"sign-in", wrong); a.status != http.StatusUnauthorized && a.status != http.StatusUnprocessableEntity && a.status != http.StatusBadRequest {
		t.Fatalf("wrong password: %d", a.status)
	}
	a := p.post(path+"sign-in", url.Values{"username": {s.User}, "password": {s.Password}, "code": {code}})
	if a.status != http.StatusSeeOther {
		t.Fatalf("sign-in: %d %s", a.status, a.body)
	}
	who := decode[struct {
		User         string
		Roles        []string
		Organization struct{ Name string }
	}](t, p.get(path+"session"))
	if who.User != s.User || who.Organization.Name != s.Organization || len(who.Roles) != len(s.Roles) {
		t.Errorf("signed in as %+v, want %+v", who, s)
	}
	if a := p.post(path+"sign-out", nil); a.status != http.StatusSeeOther {
		t.Errorf("sign-out: %d", a.status)
	}
	if a := p.get(path + "session"); a.status != http.StatusUnauthorized {
		t.Errorf("after sign-out: %d", a.status)
	}
}

// findFirm asks for one firm in the ways that people do.
func findFirm(t *testing.T, p *program) {
	const code, name = "91410772MA00AAB17X", "新乡市样例星河知识产权代理有限公司"
	type found struct {
		Results []struct {
			Code, Name string
			Score      float64
			Why        any
		}
	}
	for _, tt := range []struct{ name, query string }{
		{"two characters of its mark", "星河"},
		{"whole name", name},
		{"code", code},
		{"code in full-width characters", "９１４１０７７２ＭＡ００ＡＡＢ１７Ｘ"},
		{"code in lower case", strings.ToLower(code)},
		{"traditional form", "樣例星河"},
		{"pinyin", "yanglixinghe"},
		{"initials", "ylxh"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := p.get("/function/credit-lookup/search?q=" + url.QueryEscape(tt.query))
			if a.status != http.StatusOK {
				t.Fatalf("%d %s", a.status, a.body)
			}
			r := decode[found](t, a).Results
			if len(r) == 0 || r[0].Code != code || r[0].Name != name {
				t.Errorf("%q finds %+v", tt.query, r)
			}
		})
	}
	t.Run("by its address with full-width digits", func(t *testing.T) {
		if got := p.subject("９１４１０７７２ｍａ００ａａｂ１７ｘ"); got.Code != code || got.Name != name {
			t.Errorf("%+v", got)
		}
	})
}

// TestDemoLoadedOnAnotherDayChangesNothing: the city's days count from its first
// load, also where that was cut short.
func TestDemoLoadedOnAnotherDayChangesNothing(t *testing.T) {
	dir := t.TempDir()
	if err := makeSecrets(filepath.Join(dir, "secrets"), true); err != nil {
		t.Fatal(err)
	}
	rdb := redistest.Embedded(t)
	settings := map[string]string{
		"redis_url": "redis://" + rdb.Options().Addr, "s3_url": "file://" + filepath.Join(dir, "objects"),
		"secret_mount_path": filepath.Join(dir, "secrets"), "city": "410700",
	}
	before := map[string]string{}
	for name := range settings {
		before[name] = open.Value(name)
	}
	open.Use(settings)
	t.Cleanup(func() { open.Use(before) })
	env, err := open.Open(operator)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	// Four in the morning there: nothing is said to have happened at nine.
	dayA := time.Date(2026, 3, 4, 20, 0, 0, 0, time.UTC)
	// The first loads end after a few of their commits: among the tables, and
	// among the tip-offs.
	left := &atomic.Int64{}
	var cancel context.CancelFunc
	env.Redis.(*redis.Client).AddHook(afterCommits{left, func() { cancel() }})
	for n, commits := range []int64{120, 200, 150} {
		var cut context.Context
		cut, cancel = context.WithCancel(ctx)
		left.Store(commits)
		if _, err := fillDemo(cut, env, dayA.Add(time.Duration(n)*time.Hour)); err == nil {
			t.Fatal("the load was not cut short")
		}
		cancel()
	}
	first, err := fillDemo(ctx, env, dayA.Add(30*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	entries := rdb.XLen(ctx, env.Journal.Key("journal")).Val()
	digest, _, err := env.Journal.Digest(ctx)
	if err != nil {
		t.Fatal(err)
	}
	lookAtTipoffs(t, env, first, dayA.AddDate(0, 0, 1))
	batches, _, err := batch.NewStore(env.Journal).Of(ctx, "lead", "", 50)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range batches {
		if b.Corrected > 0 || b.Duplicates > 0 || b.State != batch.Done {
			t.Errorf("table of %s: %+v", b.Kind, b)
		}
	}
	for _, days := range []int{0, 1, 40} {
		again, err := fillDemo(ctx, env, dayA.AddDate(0, 0, 2+days))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(first, again) {
			t.Errorf("%d days later another city", days)
		}
		now, _, err := env.Journal.Digest(ctx)
		if n := rdb.XLen(ctx, env.Journal.Key("journal")).Val(); err != nil || now != digest || n != entries {
			t.Errorf("%d days later: %d entries, want %d, state changed %t (%v)", days, n, entries, now != digest, err)
		}
	}
}

// lookAtTipoffs reads what the demonstration's tip-offs have come to: a few in each
// state, two in five anonymous, nothing done twice.
func lookAtTipoffs(t *testing.T, env *open.Env, demo demonstration, now time.Time) {
	t.Helper()
	ctx := t.Context()
	desk, err := staffDesk(env)
	if err != nil {
		t.Fatal(err)
	}
	people, err := desk.Demo(ctx, now)
	if err != nil {
		t.Fatal(err)
	}
	office, err := openTipoffDesk(ctx, staff.New(env.Journal), people)
	if err != nil {
		t.Fatal(err)
	}
	states, anonymous, files, units := map[tipoff.State]int{}, 0, 0, map[string]bool{}
	for _, r := range demo.Reports {
		v, err := office.intake.Track(ctx, tipoff.Claim{Number: r.ReportNo, Receipt: r.Receipt}, now)
		if err != nil {
			t.Fatal(err)
		}
		if v.Lodged.Anonymous {
			anonymous++
		}
		states[v.Report.State]++
		units[v.Report.Unit] = true
		once := map[string]int{}
		for _, e := range v.Report.Events {
			once[e.What]++
		}
		for what, n := range once {
			if n > 1 {
				t.Errorf("%s: %s happened %d times", r.ReportNo, what, n)
			}
		}
		said := map[string]bool{}
		for _, m := range v.Thread {
			if said[m.Text] {
				t.Errorf("%s: said twice: %s", r.ReportNo, m.Text)
			}
			said[m.Text] = true
		}
		boxes, err := office.evidence.Boxes(ctx, tipoff.Ref(r.ReportNo))
		if err != nil || len(boxes) > 1 {
			t.Errorf("%s: %d boxes (%v)", r.ReportNo, len(boxes), err)
		}
		for _, b := range boxes {
			list, err := office.evidence.Files(ctx, b.ID)
			if err != nil || len(list) != 1 || list[0].State != evidence.Whole {
				t.Errorf("%s: evidence %+v (%v)", r.ReportNo, list, err)
			}
			files += len(list)
		}
	}
	for _, s := range []tipoff.State{
		tipoff.Received, tipoff.Assigned, tipoff.Verifying, tipoff.Extended, tipoff.CaseFiled, tipoff.Transferred, tipoff.Notified,
		tipoff.Closed, tipoff.Disputed,
	} {
		if states[s] == 0 {
			t.Errorf("no tip-off is %s: %v", s, states)
		}
	}
	if len(demo.Reports) != fictionTipoffs || anonymous*5 != 2*fictionTipoffs || files < 5 || len(units) < 16 {
		t.Errorf("%d tip-offs, %d anonymous, %d files, units %v", len(demo.Reports), anonymous, files, units)
	}
}

// afterCommits calls end at one of the transactions.
type afterCommits struct {
	left *atomic.Int64
	end  func()
}

func (a afterCommits) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (a afterCommits) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }
func (a afterCommits) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if len(cmds) > 0 && cmds[0].Name() == "multi" && a.left.Add(-1) == 0 {
			a.end()
		}
		return next(ctx, cmds)
	}
}
