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
)

// asked is how many different subjects the lookups of one comparison go round.
const asked = 1000

// benchLookup compares lookups with bare GETs: of subjects without a record, of
// subjects with some in a city that has a million, and of one that has very many.
func benchLookup(ctx context.Context, env *open.Env, s scale) ([]measured, error) {
	if err := loadSubjects(ctx, env, asked); err != nil {
		return nil, err
	}
	var clean []string
	for i := range asked {
		clean = append(clean, benchCode(i))
	}
	some, many, err := loadRecords(ctx, env, s.records)
	if err != nil {
		return nil, err
	}
	var all []measured
	for _, of := range []struct {
		what  string
		codes []string
	}{
		{say("runner.bench.lookup.rate"), clean},
		{say("runner.bench.lookup.records", s.records, recordsEach), some},
		{say("runner.bench.lookup.many", recordsMany), many},
	} {
		found, err := compareLookups(ctx, env, s, of.what, of.codes)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// compareLookups compares lookups of these codes through the edge with a function
// that does one bare GET of the same bytes through the same edge, in alternating
// rounds.
func compareLookups(ctx context.Context, env *open.Env, s scale, what string, codes []string) ([]measured, error) {
	store := credit.NewStore(env.Journal, credit.Shipped())
	for _, code := range codes {
		v, err := store.View(ctx, code, time.Now())
		if err != nil {
			return nil, fmt.Errorf("looking up %s: %w", code, err)
		}
		if err := env.Redis.Set(ctx, env.Journal.Tmp("bench", code), v.Body, time.Hour).Err(); err != nil {
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
			times, err := load(ctx, 8, time.Duration(s.seconds)*time.Second/3, func(i int) string { return base + "/subjects/" + codes[i%len(codes)] })
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
		{what, "≥ 0.9", say("runner.bench.lookup.rate.seen", rate, sides[1].count, sides[0].count), rate >= .9},
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

// load asks for a while for the address of each number and returns each answer's
// time.
func load(ctx context.Context, clients int, d time.Duration, address func(int) string) ([]time.Duration, error) {
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
				err := get(ctx, client, address(i))
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
