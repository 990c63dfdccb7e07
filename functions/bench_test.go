package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os/exec"
	"strings"
	"testing"
	"testing/iotest"
)

// TestBenchMeasuresWhatItNames runs the steps that start functions of their own,
// small, in one city, and looks at what they tell; how fast it was is no matter.
func TestBenchMeasuresWhatItNames(t *testing.T) {
	slow(t)
	if !installed(t, "redis-server") || !installed(t, "minio") {
		t.Skip("the bench measures on real servers")
	}
	t.Parallel()
	cmd := run{
		env:  []string{"LANG=en"},
		args: []string{"bench", "--json", "-data", t.TempDir(), "-only", "evidence,tipoff,log", "-evidence", "9", "-reports", "40", "-leaves", "1300"},
	}.command(t)
	cmd.Dir = ".." // it builds images, and that needs the module and what was built before
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPATH"} {
		value, err := exec.CommandContext(t.Context(), "go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Env = append(cmd.Env, name+"="+strings.TrimSpace(string(value)))
	}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s%s", err, out, errs.Bytes())
	}
	var rows []measured
	if err := json.Unmarshal(out, &rows); err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	want := []string{
		"9 MiB in one PATCH", "9 MiB in pieces", "peak memory of evidence-upload",
		"tip-off submit", "time of each",
		"a leaf", "from its stores", "at its public address",
	}
	if len(rows) != len(want) {
		t.Fatalf("%d rows: %s", len(rows), out)
	}
	_, err = exec.LookPath("tusd")
	for i, row := range rows {
		if !strings.Contains(row.What, want[i]) || row.Budget == "" || row.Seen == "" {
			t.Errorf("row %d is not of %q: %+v", i, want[i], row)
		}
		if i < 2 && strings.Contains(row.Seen, "n/a against tusd") != (err != nil) {
			t.Errorf("what it is compared with: %+v; tusd: %v", row, err)
		}
	}
	for _, i := range []int{6, 7} {
		if !strings.HasPrefix(rows[i].Seen, "1300 entries") {
			t.Errorf("audited: %+v", rows[i])
		}
	}
}

func TestWhatIsUploadedIsTheSameHoweverItIsCut(t *testing.T) {
	t.Parallel()
	const size = 2500
	body := benchBody()[:1000]
	whole, err := io.ReadAll(&picture{end: size, body: body})
	if err != nil || !bytes.HasPrefix(whole, jpeg) {
		t.Fatalf("%v: %x", err, whole[:8])
	}
	if err := iotest.TestReader(&picture{end: size, body: body}, whole); err != nil {
		t.Error(err)
	}
	for _, piece := range []int64{1, 3, 999, 1000, 1001, size} {
		var all []byte
		for at := int64(0); at < size; at += piece {
			part, err := io.ReadAll(&picture{at: at, end: min(at+piece, size), body: body})
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, part...)
		}
		if !bytes.Equal(all, whole) {
			t.Errorf("in pieces of %d it is another file", piece)
		}
	}
}

func TestTheWorstFunctionIsNamed(t *testing.T) {
	t.Parallel()
	var w worst
	for _, x := range []worst{{"first", 0}, {"second", 2}, {"third", 1}} {
		w.see(x.name, x.value)
	}
	if w != (worst{"second", 2}) {
		t.Errorf("%+v", w)
	}
}
