package main

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// oneAddress is what answers call a city that is at another port at each start.
var oneAddress = []string{"public_url=http://127.0.0.1:1"}

// unlogged is an answer without its place in the public log, which it gets at
// the next tick whatever happens to the program meanwhile.
func unlogged(answer string) string {
	return regexp.MustCompile(`"log":(null|\{[^{}]*\})`).ReplaceAllString(answer, `"log":…`)
}

// TestEmbeddedDataSurvives ends an embedded city in both ways and starts it
// again on the same data.
func TestEmbeddedDataSurvives(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	city := run{path: nothing(t), env: oneAddress, args: []string{"-data", data, "-demo"}}
	p := city.serve(t)
	demo := readDemo(t, data)
	code := demo.Subjects[0]
	name := p.subject(code).Name
	if got := p.end(syscall.SIGTERM); got != 0 {
		t.Errorf("exit %d", got)
	}
	before := city.digest(t, "digest", data)
	if again := city.digest(t, "restore", data); again != before {
		t.Errorf("restore gives %s, digest %s", again, before)
	}

	// Loading the demonstration again changes nothing.
	p = city.serve(t)
	if again := readDemo(t, data); again.APIKeys["material"] != demo.APIKeys["material"] || again.Staff[0].Password != demo.Staff[0].Password {
		t.Error("the second start gave other keys or passwords")
	}
	p.end(syscall.SIGINT)
	if again := city.digest(t, "digest", data); again != before {
		t.Errorf("loading the demonstration twice changed the digest: %s, before %s", again, before)
	}

	for i, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		p = city.serve(t)
		sent := p.handIn("penalty", demo.APIKeys["material"], penaltyTable([][]string{penaltyOf(code, name, 770001+i)}))
		if sent.Accepted != 1 {
			t.Fatalf("upload: %+v", sent)
		}
		answer := p.get("/function/credit-lookup/subjects/" + code)
		badge := p.page("/function/credit-lookup/badge/" + code + ".svg")
		p.end(signal) // as soon as it was acknowledged
		p = city.serve(t)
		if again := p.get("/function/credit-lookup/subjects/" + code); unlogged(again.body) != unlogged(answer.body) ||
			again.body == answer.body && again.header.Get("ETag") != answer.header.Get("ETag") {
			t.Errorf("%v: the answer was %s and is %s", signal, answer.body, again.body)
		}
		if again := p.page("/function/credit-lookup/badge/" + code + ".svg"); again.body != badge.body {
			t.Errorf("%v: the badge changed", signal)
		}
		if !strings.Contains(answer.body, fmt.Sprintf("%d号", 770001+i)) {
			t.Errorf("%v: the acknowledged record is not there: %s", signal, answer.body)
		}
		if b := p.batch(sent.ID, demo.APIKeys["material"]); b.Accepted != 1 || b.State != "done" {
			t.Errorf("%v: the batch is %+v", signal, b)
		}
		p.end(syscall.SIGTERM)
	}
	canary(t, secretsOf(demo), map[string]string{"log": logOf(t, data)})
}

// TestKilledInTheMiddleOfABatch kills the city while it takes in a large table,
// starts it again on the same data, and counts. Then it wipes Redis and counts
// again.
func TestKilledInTheMiddleOfABatch(t *testing.T) {
	slow(t)
	t.Parallel()
	t.Run("embedded", func(t *testing.T) { killed(t, run{path: nothing(t), env: oneAddress}, "") })
	t.Run("redis-server and minio", func(t *testing.T) {
		if !installed(t, "redis-server") || !installed(t, "minio") {
			t.Skip("redis-server and minio are not both on PATH")
		}
		killed(t, run{env: oneAddress}, "redis")
	})
}

// The table: so many penalties for so many subjects, in turn.
const (
	killRows     = 32_000
	killSubjects = 4_000
	killFirst    = 100_001 // the first one's number
)

func killCode(i int) string { return fictionCode(fmt.Sprintf("91410702MA0K%04d", i)) }

func killed(t *testing.T, city run, redisDir string) {
	data := filepath.Join(t.TempDir(), "data")
	city.args = []string{"-data", data, "-demo"}
	p := city.serve(t)
	demo := readDemo(t, data)
	key := demo.APIKeys["material"]

	subjects := [][]string{{"统一社会信用代码", "名称", "类别", "区划代码"}}
	for i := range killSubjects {
		subjects = append(subjects, []string{killCode(i), fmt.Sprintf("新乡市演示第%d机械有限公司", i), "企业", "410702"})
	}
	var table strings.Builder
	for _, row := range subjects {
		table.WriteString(strings.Join(row, ",") + "\n")
	}
	if b := p.handIn("subject", key, table.String()); b.Accepted != killSubjects {
		t.Fatalf("subjects: %+v", b)
	}
	rows := make([][]string, killRows)
	for i := range rows {
		rows[i] = penaltyOf(killCode(i%killSubjects), fmt.Sprintf("新乡市演示第%d机械有限公司", i%killSubjects), killFirst+i)
	}
	text := penaltyTable(rows)
	if len(text) <= 8<<20 {
		t.Fatalf("%d bytes are one piece: the answer would wait", len(text))
	}
	a := p.upload("penalty", key, text)
	if a.status != http.StatusAccepted {
		t.Fatalf("upload: %d %s", a.status, a.body)
	}
	id := decode[batchReport](t, a).ID
	acknowledged := 0
	eventuallyEach(t, politely, "a tenth is taken in", func() bool {
		acknowledged = p.batch(id, key).Accepted
		return acknowledged >= killRows/10
	})
	p.end(syscall.SIGKILL)
	if acknowledged >= killRows {
		t.Fatal("it was all over before the kill")
	}

	p = city.serve(t)
	at := p.batch(id, key)
	if at.Accepted < acknowledged {
		t.Errorf("%d rows were acknowledged, %d are left", acknowledged, at.Accepted)
	}
	t.Logf("killed at %d of %d rows (%d acknowledged)", at.Accepted, killRows, acknowledged)
	there := countPenalties(t, p)
	for i := range acknowledged {
		if there[killFirst+i] != 1 {
			t.Fatalf("row %d, acknowledged, is there %d times", i+1, there[killFirst+i])
		}
	}
	p.workedOff(&at, key)
	if at.Rows != killRows || at.Accepted != killRows || at.Duplicates != 0 || at.Rejected != 0 {
		t.Errorf("the batch ends as %+v", at)
	}
	there = countPenalties(t, p)
	for i := range killRows {
		if there[killFirst+i] != 1 {
			t.Errorf("row %d is there %d times", i+1, there[killFirst+i])
		}
	}
	if len(there) != killRows {
		t.Errorf("%d records for %d rows", len(there), killRows)
	}
	// The same table again adds nothing.
	if b := p.handIn("penalty", key, penaltyTable(rows[:100])); b.Duplicates != 100 {
		t.Errorf("again: %+v", b)
	}
	wiped(t, city, p, data, redisDir, id)
	canary(t, secretsOf(demo), map[string]string{"log": logOf(t, data)})
}

// countPenalties counts the table's records by their number, and fails at one
// that is not whole.
func countPenalties(t *testing.T, p *program) map[int]int {
	t.Helper()
	there := map[int]int{}
	for i := range killSubjects {
		s := p.subject(killCode(i))
		for _, r := range s.Records {
			var year string
			var n int
			if _, err := fmt.Sscanf(strings.NewReplacer("〔", " ", "〕", " ", "号", "").Replace(r.InstrumentNo), "新测市监处罚 %s %d", &year, &n); err != nil {
				t.Fatalf("number %q: %v", r.InstrumentNo, err)
			}
			if (n-killFirst)%killSubjects != i {
				t.Errorf("number %d stands with subject %d", n, i)
			}
			if r.ID == "" || r.Authority != fictionBureau || r.Source == "" || r.Status == "" || r.DeterminedOn == "" || r.DisplayFrom == "" || r.DisplayUntil == "" {
				t.Errorf("half a record: %+v", r)
			}
			there[n]++
		}
	}
	return there
}

// wiped stops the city, takes Redis's data away, and restores them.
func wiped(t *testing.T, city run, p *program, data, redisDir, id string) {
	t.Helper()
	paths := []string{
		"/function/credit-lookup/subjects/" + killCode(7), "/function/credit-lookup/badge/" + killCode(7) + ".json",
		"/function/credit-lookup/search?q=" + url.QueryEscape("星河"), "/function/credit-lookup/search?q=" + url.QueryEscape("机械"),
	}
	before := map[string]string{}
	for _, path := range paths {
		before[path] = p.get(path).body
	}
	if code := p.end(syscall.SIGINT); code != 0 {
		t.Errorf("exit %d", code)
	}
	command := run{path: city.path}
	digest := command.digest(t, "digest", data)
	if redisDir != "" {
		// What is not archived yet is archived by export, which a keeper of
		// backups would run too.
		run{path: city.path, args: []string{"export", "-data", data}}.must(t)
		if x := (run{path: city.path, args: []string{"restore", "-data", data}}).do(t); x.code != 1 {
			t.Errorf("restoring over what is there: exit %d %s", x.code, x.err)
		}
		if err := os.RemoveAll(filepath.Join(data, redisDir)); err != nil {
			t.Fatal(err)
		}
	}
	if again := command.digest(t, "restore", data); again != digest {
		t.Errorf("restored to %s, was %s", again, digest)
	}
	p = city.serve(t)
	for _, path := range paths {
		if again := p.get(path).body; unlogged(again) != unlogged(before[path]) {
			t.Errorf("%s: %s\nbefore: %s", path, again, before[path])
		}
	}
	if b := p.batch(id, readDemo(t, data).APIKeys["material"]); b.State != "done" || b.Accepted != killRows {
		t.Errorf("the batch came back as %+v", b)
	}
}

// TestAlteredArchiveIsRefused changes one byte of one segment.
func TestAlteredArchiveIsRefused(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	city := run{path: nothing(t), args: []string{"-data", data, "-demo"}}
	city.serve(t).end(syscall.SIGTERM)
	var segments []string
	err := filepath.WalkDir(filepath.Join(data, "objects"), func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.Contains(path, "journal") && strings.Contains(path, "000000000002") {
			segments = append(segments, path)
		}
		return err
	})
	if err != nil || len(segments) == 0 {
		t.Fatalf("no segment: %v", err)
	}
	for _, path := range segments {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		changed := append([]byte(nil), text...)
		changed[len(changed)/2] ^= 1
		replace(t, path, changed)
	}
	x := run{path: city.path, args: []string{"restore", "--json", "-data", data}}.do(t)
	if x.code != 1 || x.out != "" || !strings.Contains(x.err, "日志存档被改动过，没有载入任何数据") || strings.Count(x.err, "\n") != 1 {
		t.Errorf("restore: exit %d %q %q", x.code, x.out, x.err)
	}
	x = run{path: city.path, args: []string{"-addr", freeAddr(t), "-data", data}}.do(t)
	if x.code != 3 || !strings.Contains(x.err, "日志存档被改动过") {
		t.Errorf("a start: exit %d %q %q", x.code, x.out, x.err)
	}
}

// replace overwrites a file that was made read-only.
func replace(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
