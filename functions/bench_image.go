package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"ipcredit/shared/open"
)

// worst is the largest of a measure that several functions have.
type worst struct {
	name  string
	value float64
}

func (w *worst) see(name string, value float64) {
	if w.name == "" || value > w.value {
		*w = worst{name, value}
	}
}

// benchStart builds every function as its image does and watches it start; what
// is told is the worst of all.
func benchStart(ctx context.Context, dir string) ([]measured, error) {
	var start, idle, size worst
	for _, name := range slices.Sorted(maps.Keys(functions)) {
		binary, err := buildImage(ctx, dir, name)
		if err != nil {
			return nil, err
		}
		info, err := os.Stat(binary)
		if err != nil {
			return nil, fmt.Errorf("size of %s: %w", name, err)
		}
		size.see(name, float64(info.Size())/(1<<20))
		var times []time.Duration
		most := 0.0
		for range 10 {
			begun := time.Now()
			c, _, err := startImage(ctx, dir, name)
			if err != nil {
				return nil, err
			}
			times = append(times, time.Since(begun))
			most = max(most, status("VmRSS", c.cmd.Process.Pid))
			c.stop()
		}
		slices.Sort(times)
		start.see(name, float64(quantile(times, .5))/float64(time.Millisecond))
		idle.see(name, most)
	}
	return []measured{
		{say("runner.bench.start", len(functions)), "≤ 25 ms", fmt.Sprintf("%.1f ms (%s)", start.value, start.name), start.value <= 25},
		{say("runner.bench.idle", len(functions)), "≤ 20 MiB", fmt.Sprintf("%.1f MiB (%s)", idle.value, idle.name), idle.value <= 20},
		{say("runner.bench.size", len(functions)), "≤ 18 MiB", fmt.Sprintf("%.1f MiB (%s)", size.value, size.name), size.value <= 18},
	}, nil
}

// buildImage compiles a function as the template's Dockerfile does.
func buildImage(ctx context.Context, dir, name string) (string, error) {
	main := filepath.Join(dir, "main.go")
	source := fmt.Sprintf("package main\n\nimport (\n\tfunction \"ipcredit/functions/%s\"\n\t\"ipcredit/shared/fn\"\n)\n\nfunc main() { fn.Main(function.Handle) }\n", name)
	if err := os.WriteFile(main, []byte(source), 0o600); err != nil {
		return "", fmt.Errorf("building %s: %w", name, err)
	}
	binary := filepath.Join(dir, name)
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, main)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w: %s", name, err, out)
	}
	return binary, nil
}

// startImage starts what buildImage made, with the settings this program has and
// those given on top, and waits until it is ready. It returns the function's
// address.
func startImage(ctx context.Context, dir, name string, settings ...string) (*child, string, error) {
	port, err := freePort()
	if err != nil {
		return nil, "", err
	}
	listen := fmt.Sprintf("127.0.0.1:%d", port)
	env := []string{"listen=" + listen}
	for _, setting := range []string{"redis_url", "s3_url", "secret_mount_path"} {
		env = append(env, setting+"="+open.Value(setting))
	}
	c, err := startChild(ctx, name, dir, filepath.Join(dir, name+".log"), append(env, settings...), filepath.Join(dir, name))
	if err != nil {
		return nil, "", err
	}
	address := "http://" + listen
	begun := time.Now()
	for {
		err := answers(ctx, address+"/readyz")
		if err == nil {
			return c, address, nil
		}
		select {
		case <-c.done:
		case <-ctx.Done():
		case <-time.After(500 * time.Microsecond): // a start is measured in milliseconds
			if time.Since(begun) < soonEnough {
				continue
			}
		}
		c.stop()
		return nil, "", fmt.Errorf("%s is not ready: %w", name, err)
	}
}

// benchImage builds a function as its image does, unless that was done before,
// and starts it.
func benchImage(ctx context.Context, dir, name string, settings ...string) (*child, string, error) {
	if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
		if _, err := buildImage(ctx, dir, name); err != nil {
			return nil, "", err
		}
	}
	return startImage(ctx, dir, name, settings...)
}
