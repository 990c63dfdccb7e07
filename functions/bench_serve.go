package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"ipcredit/shared/open"
	"ipcredit/shared/subject"
)

// benchSearch loads subjects and asks a mix of names, half of them with grams
// that a large part of all names has.
func benchSearch(ctx context.Context, env *open.Env, s scale) ([]measured, error) {
	store := subject.NewStore(env.Journal)
	small := min(10_000, s.subjects)
	before, err := memory(ctx, env)
	if err != nil {
		return nil, err
	}
	if err := loadSubjects(ctx, env, small); err != nil {
		return nil, err
	}
	few, err := searchTimes(ctx, store, small, 2000)
	if err != nil {
		return nil, err
	}
	if err := loadSubjects(ctx, env, s.subjects); err != nil {
		return nil, err
	}
	after, err := memory(ctx, env)
	if err != nil {
		return nil, err
	}
	if err := env.Redis.Do(ctx, "SLOWLOG", "RESET").Err(); err != nil {
		return nil, err
	}
	if err := env.Redis.ConfigSet(ctx, "slowlog-log-slower-than", "1000").Err(); err != nil {
		return nil, err
	}
	many, err := searchTimes(ctx, store, s.subjects, 5000)
	if err != nil {
		return nil, err
	}
	slow, err := env.Redis.SlowLogGet(ctx, 128).Result()
	if err != nil {
		return nil, err
	}
	blocked := time.Duration(0)
	for _, l := range slow {
		blocked = max(blocked, l.Duration)
	}
	p99, ratio := quantile(many, .99), float64(quantile(many, .5))/float64(quantile(few, .5))
	each := float64(after-before) / float64(s.subjects)
	return []measured{
		{say("runner.bench.search.p99", s.subjects), "< 5 ms", fmt.Sprintf("p50 %s · p99 %s", quantile(many, .5), p99), p99 < 5*time.Millisecond},
		{say("runner.bench.search.block"), "≤ 10 ms", say("runner.bench.search.block.seen", blocked, len(slow)), blocked <= 10*time.Millisecond},
		{say("runner.bench.search.scale", s.subjects, small), "≤ 1.5", fmt.Sprintf("%.2f", ratio), ratio <= 1.5},
		{say("runner.bench.memory"), say("runner.bench.memory.budget"), say("runner.bench.memory.seen", each), each <= 1500},
	}, nil
}

// searchTimes asks n queries one after the other and returns their times, sorted.
func searchTimes(ctx context.Context, store *subject.Store, subjects, n int) ([]time.Duration, error) {
	var times []time.Duration
	for i := range n {
		name := []rune(benchName((i * 7919) % subjects))
		query := string(name[3:5]) // the mark's first two characters
		switch i % 4 {
		case 1:
			query = string(name[3:])
		case 2:
			query = string(name)
		case 3:
			query = benchTrades[i%len(benchTrades)]
		}
		start := time.Now()
		if _, err := store.Search(ctx, query, 10, ""); err != nil {
			return nil, fmt.Errorf("%q: %w", query, err)
		}
		times = append(times, time.Since(start))
	}
	slices.Sort(times)
	return times, nil
}

// memory is what Redis holds, without the journal, which has been archived.
func memory(ctx context.Context, env *open.Env) (int64, error) {
	info, err := env.Redis.InfoMap(ctx, "memory").Result()
	if err != nil {
		return 0, err
	}
	var n int64
	_, err = fmt.Sscan(info["Memory"]["used_memory"], &n)
	return n, err
}
