package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"time"

	creditlookup "ipcredit/functions/credit-lookup"
	"ipcredit/shared/credit"
	"ipcredit/shared/fn"
	"ipcredit/shared/journal"
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

// benchLookup compares a lookup through the edge with a function that does one
// bare GET of the same bytes through the same edge, in alternating rounds.
func benchLookup(ctx context.Context, env *open.Env, s scale) ([]measured, error) {
	store := credit.NewStore(env.Journal, credit.Shipped())
	const subjects = 1000
	if err := loadSubjects(ctx, env, subjects); err != nil {
		return nil, err
	}
	bodies := map[string]string{}
	for i := range subjects {
		v, err := store.View(ctx, benchCode(i), time.Now())
		if err != nil {
			return nil, err
		}
		bodies[benchCode(i)] = string(v.Body)
	}
	for code, body := range bodies {
		if err := env.Redis.Set(ctx, env.Journal.Tmp("bench", code), body, time.Hour).Err(); err != nil {
			return nil, err
		}
	}
	bare := httptest.NewServer(fn.HTTP(bareGet(env.Journal).Serve))
	defer bare.Close()
	full := httptest.NewServer(fn.HTTP(creditlookup.Handle))
	defer full.Close()
	var sides [2]struct {
		count int
		times []time.Duration
	}
	for round := range 6 {
		for side, base := range []string{bare.URL, full.URL} {
			times, err := load(ctx, base, time.Duration(s.seconds)*time.Second/3, subjects)
			if err != nil {
				return nil, err
			}
			if round == 0 {
				continue // warming
			}
			sides[side].count += len(times)
			sides[side].times = append(sides[side].times, times...)
		}
	}
	for side := range sides {
		slices.Sort(sides[side].times)
	}
	rate := float64(sides[1].count) / float64(sides[0].count)
	tail := float64(quantile(sides[1].times, .99)) / float64(quantile(sides[0].times, .99))
	return []measured{
		{say("runner.bench.lookup.rate"), "≥ 0.9", say("runner.bench.lookup.rate.seen", rate, sides[1].count, sides[0].count), rate >= .9},
		{say("runner.bench.lookup.tail"), "≤ 1.3", say("runner.bench.lookup.tail.seen", tail, quantile(sides[1].times, .99), quantile(sides[0].times, .99)), tail <= 1.3},
	}, nil
}

// bareGet is the yardstick: the same edge and mux, one GET, nothing else.
func bareGet(j *journal.Journal) *fn.Mux {
	mux := fn.NewMux("bare-get")
	mux.Handle("GET /subjects/{code}", func(w http.ResponseWriter, r *http.Request) error {
		body, err := j.Redis().Get(r.Context(), j.Tmp("bench", r.PathValue("code"))).Bytes()
		if err != nil {
			return err
		}
		w.Header().Set("Content-Type", "application/json")
		_, err = w.Write(body)
		return err
	})
	return mux
}

// load asks with eight clients for a while and returns each answer's time.
func load(ctx context.Context, base string, d time.Duration, subjects int) ([]time.Duration, error) {
	const clients = 8
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	defer client.CloseIdleConnections()
	deadline := time.Now().Add(d)
	var mu sync.Mutex
	var all []time.Duration
	var failed error
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			var mine []time.Duration
			for i := c; time.Now().Before(deadline); i += clients {
				start := time.Now()
				err := get(ctx, client, base+"/subjects/"+benchCode(i%subjects))
				mine = append(mine, time.Since(start))
				if err != nil {
					mu.Lock()
					failed = err
					mu.Unlock()
					return
				}
			}
			mu.Lock()
			all = append(all, mine...)
			mu.Unlock()
		})
	}
	wg.Wait()
	return all, failed
}

func get(ctx context.Context, client *http.Client, address string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	res, err := client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	var v json.RawMessage
	if err := json.NewDecoder(res.Body).Decode(&v); err != nil || res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %w", res.Status, err)
	}
	return nil
}
