package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"time"

	summaryreport "ipcredit/functions/summary-report"
	"ipcredit/shared/batch"
	"ipcredit/shared/fn"
	"ipcredit/shared/ident"
	"ipcredit/shared/linkage"
	"ipcredit/shared/open"
	"ipcredit/shared/workday"
)

// benchApplications is how long the list is that the bench takes in.
const benchApplications = 50_000

// benchLinkage takes in a list of notified applications, a fifth of them natural
// persons', and asks with four clients for withdrawal rates meanwhile unchanged,
// then while single applications change.
func benchLinkage(ctx context.Context, env *open.Env, s scale) ([]measured, error) {
	intake, err := intakeDesk(env)
	if err != nil {
		return nil, err
	}
	body, err := benchList()
	if err != nil {
		return nil, err
	}
	b, err := intake.Receive(ctx, batch.Upload{Kind: string(linkage.Patent), Org: "lead", Actor: "operator", Request: "bench linkage", Last: true, Body: body})
	if err != nil {
		return nil, err
	}
	start := time.Now()
	if b, err = intake.Work(ctx, b.ID); err != nil {
		return nil, err
	}
	took := time.Since(start)
	if b.Failure != nil || b.Accepted != benchApplications {
		problems, _ := intake.Problems(ctx, b, 3)
		return nil, fmt.Errorf("%d of %d applications accepted: %v %v", b.Accepted, benchApplications, b.Failure, problems)
	}
	server := httptest.NewServer(fn.HTTP(summaryreport.Handle))
	defer server.Close()
	start = time.Now()
	if err := get(ctx, http.DefaultClient, server.URL+"/withdrawal-rate"); err != nil {
		return nil, err
	}
	first := time.Since(start)
	times, err := rates(ctx, server.URL, time.Duration(s.seconds)*time.Second)
	if err != nil {
		return nil, err
	}
	p95 := quantile(times, .95)
	return []measured{
		{say("runner.bench.linkage.import", benchApplications), "≤ 10 s", fmt.Sprintf("%s (%.0f/s)", took.Round(10*time.Millisecond), benchApplications/took.Seconds()), took <= 10*time.Second},
		{say("runner.bench.linkage.first"), "≤ 2 s", first.Round(time.Millisecond).String(), first <= 2*time.Second},
		{say("runner.bench.linkage.rate", benchApplications), "p95 < 200 ms", fmt.Sprintf("p50 %s · p95 %s", quantile(times, .5).Round(10*time.Microsecond), p95.Round(10*time.Microsecond)), p95 < 200*time.Millisecond},
	}, nil
}

// rates asks with four clients for a while and returns each answer's time, sorted.
func rates(ctx context.Context, base string, d time.Duration) ([]time.Duration, error) {
	const clients = 4
	areas := ident.Areas(time.Now())
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
				err := get(ctx, client, fmt.Sprintf("%s/withdrawal-rate?district=%s&from=2025-01-01", base, areas[1+i%(len(areas)-1)].Code))
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
	slices.Sort(all)
	return all, failed
}

// benchList is the list as a table.
func benchList() ([]byte, error) {
	list := linkage.DemoLong(benchApplications, workday.DateOf(time.Now()))
	var buf bytes.Buffer
	w := csv.NewWriter(&buf)
	if err := w.WriteAll(append([][]string{list.Header}, list.Rows...)); err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	return buf.Bytes(), nil
}
