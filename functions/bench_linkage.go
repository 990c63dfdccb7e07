package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
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
	areas := ident.Areas(time.Now())
	times, err := load(ctx, 4, time.Duration(s.seconds)*time.Second, func(i int) string {
		return fmt.Sprintf("%s/withdrawal-rate?district=%s&from=2025-01-01", server.URL, areas[1+i%(len(areas)-1)].Code)
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(times)
	p95 := quantile(times, .95)
	return []measured{
		{say("runner.bench.linkage.import", benchApplications), "≤ 10 s", fmt.Sprintf("%s (%.0f/s)", took.Round(10*time.Millisecond), benchApplications/took.Seconds()), took <= 10*time.Second},
		{say("runner.bench.linkage.first"), "≤ 2 s", first.Round(time.Millisecond).String(), first <= 2*time.Second},
		{say("runner.bench.linkage.rate", benchApplications), "p95 < 200 ms", fmt.Sprintf("p50 %s · p95 %s", quantile(times, .5).Round(10*time.Microsecond), p95.Round(10*time.Microsecond)), p95 < 200*time.Millisecond},
	}, nil
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
