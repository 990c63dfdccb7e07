package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"ipcredit/shared/redistest"
	"ipcredit/shared/workday"
)

// TestOperatorsCommands goes through a real city's first day: no demonstration,
// no server installed.
func TestOperatorsCommands(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	tool := func(args ...string) run { return run{path: nothing(t), args: append(args, "-data", data)} }

	// The first administrator is made once.
	first := tool("user", "-name", "chief", "--json").must(t)
	var secrets struct {
		User, Password, TOTPSecret string
		RecoveryCodes              []string
	}
	if err := json.Unmarshal([]byte(first.out), &secrets); err != nil || secrets.User != "chief" || secrets.Password == "" || secrets.TOTPSecret == "" || len(secrets.RecoveryCodes) == 0 {
		t.Fatalf("%q: %v", first.out, err)
	}
	if x := tool("user", "-name", "second").do(t); x.code != 1 || x.out != "" || strings.Count(x.err, "\n") != 1 {
		t.Errorf("a second first administrator: exit %d %q %q", x.code, x.out, x.err)
	}
	if x := tool("user", "-name", "x", "-role", "handler").do(t); x.code != 1 {
		t.Errorf("a first user who is no administrator: exit %d %q", x.code, x.err)
	}

	// Keys: one that works, none for a scope that is none.
	if x := tool("key", "-scope", "everything").do(t); x.code != 1 || strings.Count(x.err, "\n") != 1 {
		t.Errorf("key of an unknown scope: exit %d %q", x.code, x.err)
	}
	var key struct{ Key string }
	if x := tool("key", "-scope", "material", "-name", "进件", "--json").must(t); json.Unmarshal([]byte(x.out), &key) != nil || !strings.HasPrefix(key.Key, "ipc_") {
		t.Fatalf("%q", x.out)
	}

	importing(t, tool, data)

	p := tool().serve(t)
	if a := p.ask(http.MethodGet, "/function/material-intake/batches", map[string]string{"Authorization": "Bearer " + key.Key}, nil); a.status != http.StatusOK {
		t.Errorf("the new key: %d %s", a.status, a.body)
	}
	if got := p.subject("91410771MA00AAA104"); got.Name != "新乡市虚构甲科技有限公司" {
		t.Errorf("what was imported is %+v", got)
	}
	if a := p.page("/function/portal/"); strings.Contains(a.body, "演示数据") {
		t.Error("a real city is marked as demonstration")
	}
	code, err := totp.GenerateCode(secrets.TOTPSecret, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	a := p.post("/function/staff-session/sign-in", url.Values{"username": {"chief"}, "password": {secrets.Password}, "code": {code}})
	if a.status != http.StatusSeeOther || !strings.Contains(a.header.Get("Location"), "/first") {
		t.Errorf("the administrator's first sign-in: %d %s", a.status, a.header.Get("Location"))
	}
	p.end(syscall.SIGINT)

	exported := tool("export").must(t)
	entries := 0
	for lines := bufio.NewScanner(strings.NewReader(exported.out)); lines.Scan(); entries++ {
		var entry map[string]any
		if err := json.Unmarshal(lines.Bytes(), &entry); err != nil {
			t.Fatalf("%q: %v", lines.Text(), err)
		}
		for name := range entry {
			if !strings.Contains(" id actor action ref at rule ", " "+name+" ") {
				t.Errorf("an entry tells %q: %s", name, lines.Text())
			}
		}
	}
	if entries < 5 || !strings.Contains(exported.out, `"staff.bootstrap"`) || !strings.Contains(exported.out, `"batch.rows"`) {
		t.Errorf("%d entries: %s", entries, exported.out)
	}
	words := []string{secrets.Password, secrets.TOTPSecret, key.Key, key.Key[strings.LastIndexByte(key.Key, '_')+1:], "新乡市虚构甲科技有限公司"}
	canary(t, words, map[string]string{"log": logOf(t, data), "export": exported.out})
	examining(t, tool, data)
}

// importing takes in a table as the operator, dry first.
func importing(t *testing.T, tool func(...string) run, data string) {
	t.Helper()
	file := filepath.Join(filepath.Dir(data), "subjects.csv")
	table := "统一社会信用代码,名称,类别,区划代码\n91410771MA00AAA104,新乡市虚构甲科技有限公司,企业,410771\n91410771MA00AAA105,新乡市虚构错科技有限公司,企业,410771\n"
	if err := os.WriteFile(file, []byte(table), 0o600); err != nil {
		t.Fatal(err)
	}
	read := func(x result) (b struct{ Rows, Accepted, Duplicates, Rejected int }) {
		if err := json.Unmarshal([]byte(x.out), &b); err != nil {
			t.Fatalf("%q %q: %v", x.out, x.err, err)
		}
		return b
	}
	before := tool().digest(t, "digest", data)
	wrong := filepath.Join(filepath.Dir(data), "wrong.xlsx")
	for _, tt := range []struct {
		name                           string
		args                           []string
		accepted, duplicates, rejected int
	}{
		{"dry run", []string{"-dry-run"}, 1, 0, 1},
		{"dry run again finds nothing changed", []string{"-dry-run"}, 1, 0, 1},
		{"for real", []string{"-errors", wrong}, 1, 0, 1},
		{"again", nil, 0, 1, 1},
	} {
		x := tool(append([]string{"import", "subject", file, "--json"}, tt.args...)...).do(t)
		if b := read(x); x.code != 1 || b.Rows != 2 || b.Accepted != tt.accepted || b.Duplicates != tt.duplicates || b.Rejected != tt.rejected {
			t.Errorf("%s: exit %d %+v", tt.name, x.code, b)
		}
	}
	if info, err := os.Stat(wrong); err != nil || info.Size() == 0 {
		t.Errorf("the rejected rows: %v", err)
	}
	if tool().digest(t, "digest", data) == before {
		t.Error("the import changed nothing")
	}
	good := filepath.Join(filepath.Dir(data), "good.csv")
	if err := os.WriteFile(good, []byte(table[:strings.LastIndex(table, "91410771MA00AAA105")]), 0o600); err != nil {
		t.Fatal(err)
	}
	if x := tool("import", "subject", good).must(t); !strings.Contains(x.out, "1 行，入库 0，重复 1，未通过 0") {
		t.Errorf("%q", x.out)
	}
	for _, args := range [][]string{{"import", "nonsense", good}, {"import", "subject", good, "-org", "nobody"}} {
		if x := tool(args...).do(t); x.code != 1 && args[1] == "nonsense" {
			t.Errorf("%v: exit %d %q", args, x.code, x.err)
		}
	}
	if x := tool("import", "subject", good+".none").do(t); x.code != 3 {
		t.Errorf("a file that is not there: exit %d %q", x.code, x.err)
	}
}

// examining lets the doctor look at a sound installation and at one that has
// lost a secret.
func examining(t *testing.T, tool func(...string) run, data string) {
	t.Helper()
	doctor := func() (result, map[string][]finding) {
		x := tool("doctor", "--json").do(t)
		var list []finding
		if err := json.Unmarshal([]byte(x.out), &list); err != nil {
			t.Fatalf("%q %q: %v", x.out, x.err, err)
		}
		by := map[string][]finding{}
		for _, f := range list {
			by[f.Check] = append(by[f.Check], f)
		}
		return x, by
	}
	x, found := doctor()
	if x.code != 0 {
		t.Errorf("doctor: exit %d %s", x.code, x.out)
	}
	if c := found["calendar"]; len(c) != 1 || !strings.Contains(c[0].Says, fmt.Sprint(workday.Official().LastOfficial())) {
		t.Errorf("calendar: %+v", c)
	}
	if c := found["functions"]; len(c) != 1 || c[0].Level != levelOK || !strings.Contains(c[0].Says, fmt.Sprint(len(functions))) {
		t.Errorf("functions: %+v", c)
	}
	for _, check := range []string{"redis", "objects", "archive", "escrow"} {
		if len(found[check]) == 0 {
			t.Errorf("nothing about %s", check)
		}
	}
	if text := tool("doctor").must(t); !strings.Contains(text.out, "! redis") || !strings.Contains(text.out, "✓ functions") {
		t.Errorf("%q", text.out)
	}
	lost := filepath.Join(data, "secrets", "id-hash")
	if err := os.Remove(lost); err != nil {
		t.Fatal(err)
	}
	x, found = doctor()
	if c := found["secret id-hash"]; x.code != 1 || len(c) != 1 || c[0].Level != levelBad || !strings.Contains(c[0].Says, lost) {
		t.Errorf("without a secret: exit %d %+v", x.code, c)
	}
	if _, err := os.Stat(lost); err == nil {
		t.Error("the doctor made the secret anew")
	}
	tool("secrets").must(t)
	if x, _ = doctor(); x.code != 0 {
		t.Errorf("after secrets: exit %d %s", x.code, x.out)
	}
}

// TestDoctorKnowsARealRedis looks at the settings that promises rest on.
func TestDoctorKnowsARealRedis(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		settings []string
		rights   []any // taken from the default user
		code     int
		check    string
		level    string
	}{
		{"as it should be", []string{"--appendonly", "yes", "--appendfsync", "always"}, nil, 0, "redis appendfsync", levelOK},
		{"synced each second", []string{"--appendonly", "yes", "--appendfsync", "everysec"}, nil, 0, "redis appendfsync", levelWeak},
		{"not persistent", []string{"--appendonly", "no"}, nil, 1, "redis appendonly", levelBad},
		{"evicting", []string{"--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "allkeys-lru"}, nil, 1, "redis maxmemory-policy", levelBad},
		{"default user without rights", []string{"--appendonly", "yes", "--appendfsync", "always"}, []any{"-xadd"}, 1, "redis default user", levelBad},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rdb := redistest.Durable(t, t.TempDir(), tt.settings...)
			if tt.rights != nil {
				if err := rdb.Do(t.Context(), append([]any{"ACL", "SETUSER", "default"}, tt.rights...)...).Err(); err != nil {
					t.Fatal(err)
				}
			}
			x := run{
				path: nothing(t), env: []string{"redis_url=redis://" + rdb.Options().Addr},
				args: []string{"doctor", "--json", "-data", filepath.Join(t.TempDir(), "data")},
			}
			// A doctor makes no secrets: those of a desk are made first.
			made := x
			made.args = append([]string{"secrets"}, x.args[2:]...)
			made.must(t)
			seen := x.do(t)
			var list []finding
			if err := json.Unmarshal([]byte(seen.out), &list); err != nil {
				t.Fatalf("%q %q: %v", seen.out, seen.err, err)
			}
			level := ""
			for _, f := range list {
				if f.Check == tt.check {
					level = f.Level
				}
			}
			if seen.code != tt.code || level != tt.level {
				t.Errorf("exit %d, %s is %q: %s", seen.code, tt.check, level, seen.out)
			}
		})
	}
}

// TestListOfRedisUsersIsLoaded writes the users' list as an operator would and
// starts Redis with it twice, with writes between: what one user wrote is there
// after the file was replayed.
func TestListOfRedisUsersIsLoaded(t *testing.T) {
	t.Parallel()
	data, dir := filepath.Join(t.TempDir(), "data"), t.TempDir()
	run{path: nothing(t), args: []string{"secrets", "-data", data}}.must(t)
	acl := filepath.Join(data, "users.acl")
	settings := []string{"--appendonly", "yes", "--appendfsync", "always", "--aclfile", acl}
	as := func(t *testing.T, addr, function string) [2]string {
		text, err := os.ReadFile(filepath.Join(data, "secrets", "redis-"+function))
		if err != nil {
			t.Fatal(err)
		}
		user, password, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
		return [2]string{user, password}
	}
	t.Run("first start", func(t *testing.T) {
		addr := redistest.Durable(t, dir, settings...).Options().Addr
		who := as(t, addr, "material-intake")
		rdb := redistest.Client(t, addr, who[0], who[1])
		pipe := rdb.TxPipeline()
		pipe.Set(t.Context(), "{410700}:x", "1", 0)
		pipe.SAdd(t.Context(), "{410700}:y", "2")
		if _, err := pipe.Exec(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("second start", func(t *testing.T) {
		addr := redistest.Durable(t, dir, settings...).Options().Addr
		who := as(t, addr, "credit-lookup")
		rdb := redistest.Client(t, addr, who[0], who[1])
		if got, err := rdb.Get(t.Context(), "{410700}:x").Result(); err != nil || got != "1" {
			t.Errorf("%q, %v", got, err)
		}
		if err := rdb.Set(t.Context(), "{410700}:x", "2", 0).Err(); err == nil {
			t.Error("a function that reads could write")
		}
	})
}

// TestOperatorResetsWhomNobodyInTheSystemCan: and nobody else.
func TestOperatorResetsWhomNobodyInTheSystemCan(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	city := run{path: nothing(t), args: []string{"-data", data, "-demo"}}.serve(t)
	city.end(os.Interrupt)
	tool := func(args ...string) run { return run{path: nothing(t), args: append(args, "-data", data)} }
	x := tool("user", "reset", "discipline.approver", "--reason", "手机遗失", "--json").must(t)
	var got struct{ User, Password string }
	if err := json.Unmarshal([]byte(x.out), &got); err != nil || got.User != "discipline.approver" || len(got.Password) < 12 {
		t.Errorf("%s (%v)", x.out, err)
	}
	for _, args := range [][]string{
		{"user", "reset", "hongqi.handler", "--reason", "手机遗失"}, {"user", "reset", "nobody.here", "--reason", "x"}, {"user", "reset", "discipline.approver"},
	} {
		if x := tool(args...).do(t); x.code != exitFailed || x.out != "" || strings.Count(x.err, "\n") != 1 {
			t.Errorf("%v: exit %d %q %q", args, x.code, x.out, x.err)
		}
	}
	audit := tool("export", "--json").must(t)
	if !strings.Contains(audit.out, "staff.order_reset") || strings.Contains(audit.out, got.Password) {
		t.Error("the audit trail does not tell of it, or tells too much")
	}
}
