package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestProgramRefusesWithOneLine starts it where it cannot run.
func TestProgramRefusesWithOneLine(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	gone := freeAddr(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and never answers
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	busy := filepath.Join(dir, "busy")
	run{path: nothing(t), args: []string{"-data", busy}}.serve(t)
	closed := filepath.Join(dir, "closed")
	if err := os.Mkdir(closed, 0o500); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 {
		closed = "/proc" // elsewhere root may write whatever the mode says
	}
	lost := filepath.Join(dir, "lost")
	run{path: nothing(t), args: []string{"secrets", "-data", lost}}.must(t)
	if err := os.Remove(filepath.Join(lost, "secrets", "totp-seal")); err != nil {
		t.Fatal(err)
	}
	fresh := func(name string) string { return filepath.Join(dir, name) }

	for _, tt := range []struct {
		name string
		env  []string
		args []string
		code int
		want []string
	}{
		{"address in use", nil, []string{"-addr", taken.Addr().String(), "-data", fresh("a")}, 3, []string{"不能监听", taken.Addr().String(), "-addr"}},
		{"address that is none", nil, []string{"-addr", "127.0.0.1:66000", "-data", fresh("b")}, 3, []string{"不能监听", "66000"}},
		{"a file where the data should be", nil, []string{"-addr", freeAddr(t), "-data", file}, 3, []string{"数据目录", file, "-data"}},
		{"a file above where the data should be", nil, []string{"-addr", freeAddr(t), "-data", filepath.Join(file, "x")}, 3, []string{"数据目录", file}},
		{"data of a running program", nil, []string{"-addr", freeAddr(t), "-data", busy}, 3, []string{"另一个程序正在使用", busy}},
		{"data of a running program, a command", nil, []string{"doctor", "-data", busy}, 3, []string{"另一个程序正在使用", busy}},
		{"a directory that may not be written", nil, []string{"-addr", freeAddr(t), "-data", closed}, 3, []string{"不能写入数据目录", closed}},
		{"Redis that is not there", []string{"redis_url=redis://u:geheim@" + gone}, []string{"-addr", freeAddr(t), "-data", fresh("c")}, 3, []string{"redis://" + gone, "没有回答"}},
		{"Redis address that is none", []string{"redis_url=localhost"}, []string{"-addr", freeAddr(t), "-data", fresh("d")}, 3, []string{"redis_url"}},
		{"object store that is not there", []string{"s3_url=http://u:geheim@" + gone}, []string{"-addr", freeAddr(t), "-data", fresh("e")}, 3, []string{"http://" + gone, "没有回答"}},
		{"object store that never answers", []string{"s3_url=http://u:geheim@" + silent.Addr().String()}, []string{"-addr", freeAddr(t), "-data", fresh("f")}, 3, []string{silent.Addr().String(), "没有回答"}},
		{"Redis that never answers", []string{"redis_url=redis://" + silent.Addr().String()}, []string{"-addr", freeAddr(t), "-data", fresh("g")}, 3, []string{silent.Addr().String(), "没有回答"}},
		{"a secret that is gone", nil, []string{"-addr", freeAddr(t), "-data", lost}, 3, []string{"totp-seal", "备份"}},
		{"the same in English", []string{"LC_ALL=en_US.UTF-8"}, []string{"-addr", freeAddr(t), "-data", file}, 3, []string{"cannot use the data directory", file}},
		{"an unknown flag", nil, []string{"-colour", "red"}, 2, []string{"用法不对", "colour"}},
		{"an unknown command", nil, []string{"serve"}, 2, []string{"用法不对", "serve"}},
		{"a flag without its value", nil, []string{"-data"}, 2, []string{"用法不对", "data"}},
		{"a command without its arguments", nil, []string{"import", "penalty"}, 2, []string{"用法不对"}},
		{"a command with too many", nil, []string{"doctor", "now"}, 2, []string{"用法不对"}},
		{"an unknown flag of a command", nil, []string{"key", "--colour"}, 2, []string{"用法不对", "colour"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			x := run{path: nothing(t), env: tt.env, args: tt.args}.do(t)
			if x.code != tt.code {
				t.Errorf("exit %d, want %d", x.code, tt.code)
			}
			if strings.Count(x.err, "\n") != 1 || !strings.HasPrefix(x.err, "ipcredit: ") || x.out != "" {
				t.Errorf("not one line: %q and %q", x.out, x.err)
			}
			for _, w := range tt.want {
				if !strings.Contains(x.err, w) {
					t.Errorf("%q does not say %q", x.err, w)
				}
			}
			if strings.Contains(x.err, "geheim") {
				t.Errorf("it shows a password: %q", x.err)
			}
		})
	}
}

// TestFlagsTakeOneDashOrTwo is about the flags that scripts rely on.
func TestFlagsTakeOneDashOrTwo(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		args []string
		want string
	}{
		{"one dash", []string{"-addr", "x", "-demo"}, "--addr x --demo"},
		{"two dashes", []string{"--addr", "x", "--demo"}, "--addr x --demo"},
		{"with its value", []string{"-data=dir", "-dry-run"}, "--data=dir --dry-run"},
		{"short help", []string{"-h"}, "-h"},
		{"a number", []string{"-1"}, "-1"},
		{"after the end of flags", []string{"import", "--", "-data"}, "import -- -data"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := strings.Join(doubleDashes(tt.args), " "); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
