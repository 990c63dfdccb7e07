package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ipcredit/shared/open"
)

// measured is one row of the bench's report: what design asks for beside what
// this run saw.
type measured struct {
	What   string `json:"what"`
	Budget string `json:"budget"`
	Seen   string `json:"seen"`
	Met    bool   `json:"met"`
}

// scale is how much a bench does.
type scale struct {
	subjects int
	records  int
	rows     int
	entries  int
	seconds  int
	evidence int // MiB
	reports  int
	leaves   int
}

func benchCommand(p *place) *cobra.Command {
	s := scale{}
	var only []string
	c := &cobra.Command{
		Use:   "bench",
		Short: say("runner.bench.short"),
		Long:  say("runner.bench.long"),
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return bench(cmd.Context(), *p, s, only) },
	}
	c.Flags().IntVar(&s.subjects, "subjects", 1_000_000, say("runner.bench.flag.subjects"))
	c.Flags().IntVar(&s.records, "records", 1_000_000, say("runner.bench.flag.records"))
	c.Flags().IntVar(&s.rows, "rows", 200_000, say("runner.bench.flag.rows"))
	c.Flags().IntVar(&s.entries, "entries", 1_000_000, say("runner.bench.flag.entries"))
	c.Flags().IntVar(&s.seconds, "seconds", 5, say("runner.bench.flag.seconds"))
	c.Flags().IntVar(&s.evidence, "evidence", 2048, say("runner.bench.flag.evidence"))
	c.Flags().IntVar(&s.reports, "reports", 5000, say("runner.bench.flag.reports"))
	c.Flags().IntVar(&s.leaves, "leaves", 1_000_000, say("runner.bench.flag.leaves"))
	c.Flags().StringSliceVar(&only, "only", nil, say("runner.bench.flag.only"))
	return c
}

func bench(ctx context.Context, p place, s scale, only []string) error {
	if err := os.MkdirAll(p.data, 0o700); err != nil {
		return unreachable(err, "runner.fail.data", p.data)
	}
	dir, err := os.MkdirTemp(p.data, "bench-*")
	if err != nil {
		return unreachable(err, "runner.fail.data", p.data)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	p.data = dir
	var all []measured
	err = withParts(ctx, p, func(env *open.Env) error {
		if open.Value("archive") == "sync" {
			return failed("runner.fail.bench")
		}
		steps := []struct {
			name string
			run  func() ([]measured, error)
		}{
			{"start", func() ([]measured, error) { return benchStart(ctx, dir) }},
			{"evidence", func() ([]measured, error) { return benchEvidence(ctx, env, dir, s) }},
			{"tipoff", func() ([]measured, error) { return benchTipoff(ctx, dir, s) }},
			{"search", func() ([]measured, error) { return benchSearch(ctx, env, s) }},
			{"lookup", func() ([]measured, error) { return benchLookup(ctx, env, s) }},
			{"import", func() ([]measured, error) { return benchImport(ctx, env, s) }},
			{"linkage", func() ([]measured, error) { return benchLinkage(ctx, env, s) }},
			{"restore", func() ([]measured, error) { return benchRestore(ctx, env, s) }},
			{"log", func() ([]measured, error) { return benchLog(ctx, env, dir, s) }},
		}
		for _, step := range steps {
			if len(only) > 0 && !slices.Contains(only, step.name) {
				continue
			}
			found, err := step.run()
			if err != nil {
				return fmt.Errorf("bench: %s: %w", step.name, err)
			}
			for _, m := range found {
				if !p.json {
					mark := "✓"
					if !m.Met {
						mark = "✗"
					}
					fmt.Printf("%s %-58s %-34s %s\n", mark, m.What, m.Budget, m.Seen)
				}
			}
			all = append(all, found...)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if p.json {
		return json.NewEncoder(os.Stdout).Encode(all)
	}
	return nil
}

// peak is the most memory this process has held, in MiB; 0 where the system
// does not tell.
func peak() float64 {
	return status("VmHWM", os.Getpid())
}

func status(field string, pid int) float64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if v, found := strings.CutPrefix(line, field+":"); found {
			kib, err := strconv.ParseFloat(strings.Fields(v)[0], 64)
			if err == nil {
				return kib / 1024
			}
		}
	}
	return 0
}

// forgetPeak starts the counting of peak anew.
func forgetPeak() {
	runtime.GC()
	forgetPeakOf(os.Getpid())
}

// forgetPeakOf does so for another process.
func forgetPeakOf(pid int) {
	_ = os.WriteFile(filepath.Join("/proc", strconv.Itoa(pid), "clear_refs"), []byte("5"), 0o200) // Linux only
}

// quantile of sorted durations.
func quantile(d []time.Duration, q float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	return d[min(len(d)-1, int(q*float64(len(d))))]
}
