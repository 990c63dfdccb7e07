package main

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"ipcredit/shared/objects/objectstest"
	"ipcredit/shared/redistest"
)

// childrenOf lists the processes that the program has started and that live.
func childrenOf(t testing.TB, parent int) map[int]string {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	found := map[int]string{}
	for _, file := range stats {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has just ended
		}
		// pid (name) state parent …, and the name may hold anything.
		before, after, _ := strings.Cut(string(text), "(")
		end := strings.LastIndexByte(after, ')')
		fields := strings.Fields(after[end+1:])
		pid, err := strconv.Atoi(strings.TrimSpace(before))
		if err != nil || fields[0] == "Z" || fields[1] != strconv.Itoa(parent) {
			continue
		}
		found[pid] = after[:end]
	}
	return found
}

// alive tells whether the process runs (a zombie does not).
func alive(pid int) bool {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && !strings.Contains(string(text), ") Z ")
}

// TestProgramSaysWhatItRunsOn starts the city on each kind of parts and reads
// its first lines.
func TestProgramSaysWhatItRunsOn(t *testing.T) {
	slow(t)
	first := func(p *program) string {
		eventually(t, "it has said everything", func() bool { return strings.Contains(p.out.String(), "Ctrl-C") })
		lines := strings.SplitN(p.out.String(), "\n", 3)
		return lines[0] + "\n" + lines[1]
	}
	says := func(t *testing.T, text string, words ...string) {
		t.Helper()
		for _, w := range words {
			if !strings.Contains(text, w) {
				t.Errorf("%q does not say %q", text, w)
			}
		}
	}
	t.Run("embedded", func(t *testing.T) {
		data := filepath.Join(t.TempDir(), "data")
		p := run{path: nothing(t), args: []string{"-data", data}}.serve(t)
		says(t, first(p), "对象存储：内置", filepath.Join(data, "objects"), "没有找到 minio", "没有版本保留", "s3_url",
			"Redis：内置", "没有找到 redis-server", "较慢", "重启时重放")
	})
	t.Run("embedded, told in English", func(t *testing.T) {
		p := run{path: nothing(t), env: []string{"LANG=en_GB.UTF-8"}, args: []string{"-data", filepath.Join(t.TempDir(), "data")}}.serve(t)
		says(t, first(p), "Object store: embedded", "Weaker: only this program respects locks", "Redis: embedded", "Weaker: one process")
	})
	t.Run("installed", func(t *testing.T) {
		if !installed(t, "redis-server") || !installed(t, "minio") {
			t.Skip("redis-server and minio are not both on PATH")
		}
		data := filepath.Join(t.TempDir(), "data")
		p := run{args: []string{"-data", data}}.serve(t)
		says(t, first(p), "minio 子进程", filepath.Join(data, "minio"), "redis-server 子进程", filepath.Join(data, "redis"), "没有副本")
	})
	t.Run("configured", func(t *testing.T) {
		rdb := redistest.Real(t)
		store := objectstest.MinIO(t)
		data := filepath.Join(t.TempDir(), "data")
		s3, err := url.Parse(store.URL)
		if err != nil {
			t.Fatal(err)
		}
		s3.User = url.UserPassword(store.AccessKey, store.SecretKey)
		p := run{
			env:  []string{"redis_url=redis://" + rdb.Options().Addr, "s3_url=" + s3.String(), "s3_bucket=" + store.Prefix, "s3_region=" + store.Region},
			args: []string{"-data", data, "-demo"},
		}.serve(t)
		says(t, first(p), "对象存储："+store.URL+"（s3_url）", "Redis：redis://"+rdb.Options().Addr+"（redis_url）")
		if children := childrenOf(t, p.cmd.Process.Pid); len(children) > 0 {
			t.Errorf("with everything configured it started %v", children)
		}
		for _, name := range []string{"minio", "redis", "objects"} {
			if _, err := os.Stat(filepath.Join(data, name)); err == nil {
				t.Errorf("with everything configured it made %s", name)
			}
		}
		if n, err := rdb.DBSize(t.Context()).Result(); err != nil || n < 100 {
			t.Errorf("%d keys in the configured Redis, %v", n, err)
		}
		demo := readDemo(t, data)
		if got := p.subject(demo.Subjects[0]); got.Code != demo.Subjects[0] {
			t.Errorf("%+v", got)
		}
		canary(t, []string{store.SecretKey}, map[string]string{"terminal": p.out.String(), "log": logOf(t, data)})
	})
}

// TestChildrenEndWithTheProgram ends it in both ways.
func TestChildrenEndWithTheProgram(t *testing.T) {
	slow(t)
	if runtime.GOOS != "linux" {
		t.Skip("looks into /proc")
	}
	if !installed(t, "redis-server") || !installed(t, "minio") {
		t.Skip("redis-server and minio are not both on PATH")
	}
	data := filepath.Join(t.TempDir(), "data")
	for _, tt := range []struct {
		name   string
		signal syscall.Signal
		code   int
	}{
		{"killed", syscall.SIGKILL, -1},
		{"started again on what the killed one left, Ctrl-C", syscall.SIGINT, 0},
		{"told by the system", syscall.SIGTERM, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := run{args: []string{"-data", data, "-demo"}}.serve(t)
			children := childrenOf(t, p.cmd.Process.Pid)
			if len(children) != 2 {
				t.Fatalf("children %v, want two", children)
			}
			if a := p.get("/function/credit-lookup/readyz"); a.status != http.StatusOK {
				t.Fatalf("%d %s", a.status, a.body)
			}
			if code := p.end(tt.signal); code != tt.code {
				t.Errorf("exit %d, want %d: %s", code, tt.code, p.out)
			}
			for pid, name := range children {
				if tt.signal != syscall.SIGKILL && alive(pid) {
					t.Errorf("%s lives on", name)
				}
				eventually(t, name+" has ended", func() bool { return !alive(pid) })
			}
		})
	}
}
