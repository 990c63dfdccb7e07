package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// benchClients is how many reporters send at the same time.
const benchClients = 16

// benchTipoff sends tip-offs to the function that takes them in, which runs in a
// process of its own as it is deployed. Half of them name their reporter.
//
// Each comes from a network of its own, as those of many people do, so that the
// question under pressure is not what is measured. The bucket of everybody still
// counts: it has room for 12,000 at once.
func benchTipoff(ctx context.Context, dir string, s scale) ([]measured, error) {
	c, address, err := benchImage(ctx, dir, "report-intake", "trusted_hops=1")
	if err != nil {
		return nil, err
	}
	defer c.stop()
	var sent atomic.Int64
	if _, _, err := tipOff(ctx, address, &sent, max(benchClients, s.reports/10)); err != nil {
		return nil, err // warming
	}
	times, took, err := tipOff(ctx, address, &sent, s.reports)
	if err != nil {
		return nil, err
	}
	rate, p99 := float64(len(times))/took.Seconds(), quantile(times, .99)
	return []measured{
		{say("runner.bench.tipoff.rate", benchClients), say("runner.bench.tipoff.rate.budget"),
			say("runner.bench.tipoff.rate.seen", rate, len(times)), rate >= 1000},
		{say("runner.bench.tipoff.tail"), "≤ 100 ms", fmt.Sprintf("p50 %s · p99 %s",
			quantile(times, .5).Round(100*time.Microsecond), p99.Round(100*time.Microsecond)), p99 <= 100*time.Millisecond},
	}, nil
}

// tipOff sends n tip-offs and returns how long each took, sorted, and all of them.
func tipOff(ctx context.Context, address string, sent *atomic.Int64, n int) ([]time.Duration, time.Duration, error) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: benchClients}}
	defer client.CloseIdleConnections()
	var next atomic.Int64
	times := make([]time.Duration, n)
	work, ctx := errgroup.WithContext(ctx)
	begun := time.Now()
	for range benchClients {
		work.Go(func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return nil
				}
				start := time.Now()
				if err := sendTipOff(ctx, client, address, int(sent.Add(1))); err != nil {
					return err
				}
				times[i] = time.Since(start)
			}
		})
	}
	if err := work.Wait(); err != nil {
		return nil, 0, err
	}
	took := time.Since(begun)
	slices.Sort(times)
	return times, took, nil
}

func sendTipOff(ctx context.Context, client *http.Client, address string, i int) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address+"/reports", bytes.NewReader(benchReport(i)))
	if err != nil {
		return fmt.Errorf("asking: %w", err)
	}
	r.Header = http.Header{
		"Content-Type": {"application/json"}, "Idempotency-Key": {rand.Text()},
		"X-Forwarded-For": {fmt.Sprintf("10.%d.%d.7", i>>8&255, i&255)},
	}
	res, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("asking: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return fmt.Errorf("tip-off %d: %w", i, err)
	}
	if res.StatusCode != http.StatusCreated {
		return fmt.Errorf("tip-off %d is answered %s: %s", i, res.Status, body)
	}
	return nil
}
