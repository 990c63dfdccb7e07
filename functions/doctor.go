package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"

	"ipcredit/shared/calendar"
	"ipcredit/shared/open"
	"ipcredit/shared/workday"
)

// finding is one line of the doctor's report.
type finding struct {
	Check string `json:"check"`
	// Level is ok, weak (it works, but something is weakened) or bad.
	Level string `json:"level"`
	Says  string `json:"says"`
}

const (
	levelOK   = "ok"
	levelWeak = "weak"
	levelBad  = "bad"
)

func doctorCommand(p *place) *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: say("runner.doctor.short"),
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p := *p
			p.look = true
			return withServers(cmd.Context(), p, func(env *open.Env, parts *parts) error {
				findings := examine(cmd.Context(), env, parts, time.Now())
				return p.tell(findings)
			})
		},
	}
}

func (p place) tell(findings []finding) error {
	bad := 0
	for _, f := range findings {
		if f.Level == levelBad {
			bad++
		}
	}
	if p.json {
		if err := json.NewEncoder(os.Stdout).Encode(findings); err != nil {
			return fmt.Errorf("doctor: %w", err)
		}
	} else {
		mark := map[string]string{levelOK: "✓", levelWeak: "!", levelBad: "✗"}
		for _, f := range findings {
			fmt.Printf("%s %-18s %s\n", mark[f.Level], f.Check, f.Says)
		}
	}
	if bad > 0 {
		return failed("runner.fail.checks", bad)
	}
	return nil
}

func examine(ctx context.Context, env *open.Env, parts *parts, now time.Time) []finding {
	return slices.Concat(
		examineRedis(ctx, env, parts, now), examineObjects(ctx, env), examineArchive(ctx, env),
		examineSecrets(), examineCalendar(ctx, env, now), examineFunctions(),
	)
}

// examineRedis checks what the promises about acknowledged writes rest on.
func examineRedis(ctx context.Context, env *open.Env, parts *parts, now time.Time) []finding {
	if parts.embedded != nil {
		return []finding{{"redis", levelWeak, say("runner.doctor.redis.embedded")}}
	}
	info, err := env.Redis.Info(ctx, "server").Result()
	if err != nil {
		return []finding{{"redis", levelBad, say("runner.doctor.redis.silent", err)}}
	}
	var out []finding
	out = append(out, examineVersion(info), examineClock(ctx, env.Redis, now))
	want := []struct{ name, value, otherwise string }{
		{"appendonly", "yes", say("runner.doctor.redis.appendonly")},
		{"appendfsync", "always", say("runner.doctor.redis.appendfsync")},
		{"maxmemory-policy", "noeviction", say("runner.doctor.redis.eviction")},
	}
	for _, w := range want {
		got, err := env.Redis.ConfigGet(ctx, w.name).Result()
		switch {
		case err != nil:
			out = append(out, finding{"redis " + w.name, levelWeak, say("runner.doctor.redis.hidden", w.value)})
		case got[w.name] == w.value:
			out = append(out, finding{"redis " + w.name, levelOK, w.value})
		case w.name == "appendfsync":
			out = append(out, finding{"redis " + w.name, levelWeak, w.otherwise})
		default:
			out = append(out, finding{"redis " + w.name, levelBad, w.otherwise})
		}
	}
	return append(out, examineReplay(ctx, env)...)
}

// examineReplay checks that Redis will replay its append-only file. It does so
// in the name of the default user, which may be off, but without rights loses
// every transaction in the file at the next start.
func examineReplay(ctx context.Context, env *open.Env) []finding {
	for _, command := range []string{"SET", "XADD"} {
		said, err := env.Redis.Do(ctx, "ACL", "DRYRUN", "default", command, env.Journal.Key("journal"), "*", "a", "b").Text()
		if err != nil {
			return nil // before Redis 7, or a hosted one: its version was judged above
		}
		if said != "OK" {
			return []finding{{"redis default user", levelBad, say("runner.doctor.redis.replay")}}
		}
	}
	return []finding{{"redis default user", levelOK, say("runner.doctor.redis.replays")}}
}

func examineVersion(info string) finding {
	version := "?"
	for line := range strings.Lines(info) {
		if v, found := strings.CutPrefix(line, "redis_version:"); found {
			version = strings.TrimSpace(v)
		}
	}
	major, _, _ := strings.Cut(version, ".")
	if n, err := strconv.Atoi(major); err != nil || n < 7 {
		return finding{"redis version", levelBad, say("runner.doctor.redis.version", version)}
	}
	return finding{"redis version", levelOK, version}
}

// skew is how far two clocks may be apart: deadlines are days, but an audit
// trail out of order is none.
const skew = 5 * time.Second

func examineClock(ctx context.Context, rdb redis.UniversalClient, now time.Time) finding {
	theirs, err := rdb.Time(ctx).Result()
	if err != nil {
		return finding{"clock", levelWeak, say("runner.doctor.clock.hidden", err)}
	}
	if d := theirs.Sub(now); d.Abs() > skew {
		return finding{"clock", levelBad, say("runner.doctor.clock.apart", d.Round(time.Second))}
	}
	return finding{"clock", levelOK, say("runner.doctor.clock.agree")}
}

func examineObjects(ctx context.Context, env *open.Env) []finding {
	var out []finding
	main, err := env.Objects.Main.Probe(ctx)
	if err != nil {
		return []finding{{"objects", levelBad, say("runner.doctor.objects.failed", err)}}
	}
	keys, err := env.Objects.Keys.Probe(ctx)
	if err != nil {
		return []finding{{"objects keys", levelBad, say("runner.doctor.objects.keys", err)}}
	}
	weak := slices.Concat(main.Weak(), keys.Weak())
	for _, key := range weak {
		out = append(out, finding{"objects", levelWeak, say(key)})
	}
	if len(weak) == 0 {
		out = append(out, finding{"objects", levelOK, say("runner.doctor.objects.ok", main.Backend)})
	}
	return out
}

func examineArchive(ctx context.Context, env *open.Env) []finding {
	waiting, err := env.Redis.XLen(ctx, env.Journal.Key("journal")).Result()
	if err != nil {
		return []finding{{"archive", levelBad, say("runner.doctor.archive.silent", err)}}
	}
	if err := env.Journal.Room(ctx); err != nil {
		return []finding{{"archive", levelBad, say("runner.doctor.archive.behind", waiting)}}
	}
	return []finding{{"archive", levelOK, say("runner.doctor.archive.ok", waiting)}}
}

// examineSecrets checks that each secret is there, readable and long enough; it
// shows none.
func examineSecrets() []finding {
	dir := open.Value("secret_mount_path")
	var out []finding
	for _, name := range secretNames() {
		data, err := os.ReadFile(filepath.Join(dir, name))
		switch {
		case errors.Is(err, os.ErrNotExist):
			out = append(out, finding{"secret " + name, levelBad, say("runner.doctor.secret.missing", filepath.Join(dir, name))})
		case err != nil:
			out = append(out, finding{"secret " + name, levelBad, say("runner.doctor.secret.unreadable", filepath.Join(dir, name))})
		case len(strings.TrimSpace(string(data))) < 32:
			out = append(out, finding{"secret " + name, levelBad, say("runner.doctor.secret.short", filepath.Join(dir, name))})
		}
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(dir), escrowFile)); err == nil {
		out = append(out, finding{"escrow", levelWeak, say("runner.doctor.escrow", escrowFile)})
	}
	if len(out) == 0 {
		out = append(out, finding{"secrets", levelOK, say("runner.doctor.secrets", len(secretNames()))})
	}
	return out
}

// examineCalendar warns while the year that deadlines already reach into has no
// official calendar.
func examineCalendar(ctx context.Context, env *open.Env, now time.Time) []finding {
	cal, err := calendar.New(env.Journal).Current(ctx)
	if err != nil {
		cal = workday.Official() // examineRedis says what is wrong
	}
	last := cal.LastOfficial()
	year := workday.DateOf(now).Year()
	switch {
	case last < year:
		return []finding{{"calendar", levelBad, say("runner.doctor.calendar.none", year)}}
	case last == year && workday.DateOf(now).Month() >= time.November:
		return []finding{{"calendar", levelWeak, say("runner.doctor.calendar.ends", last)}}
	}
	return []finding{{"calendar", levelOK, say("runner.doctor.calendar.ok", last)}}
}

// maxFunctions is what OpenFaaS CE deploys.
const maxFunctions = 15

func examineFunctions() []finding {
	if len(functions) > maxFunctions {
		return []finding{{"functions", levelBad, say("runner.doctor.functions.many", len(functions), maxFunctions)}}
	}
	return []finding{{"functions", levelOK, say("runner.doctor.functions.ok", len(functions), maxFunctions)}}
}
