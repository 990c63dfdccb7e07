package batch_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/batch"
	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/objects"
	"ipcredit/shared/objects/objectstest"
	"ipcredit/shared/redistest"
	"ipcredit/shared/seal"
)

func TestFaultFarIntoTheFileLeavesNoRowBehind(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb)
		body := append(table(penaltyHeader, penalties(1700)...), 0xff, 0xfe, '\n')
		b := c.send(t, "penalty", body, batch.Options{})
		if b.State != batch.Failed || b.Rows != 0 || b.Accepted != 0 {
			t.Fatalf("%+v", b)
		}
		if _, err := c.store.View(t.Context(), code(1), now); !fault.Is(err, fault.NotFound) {
			t.Errorf("a row went in: %v", err)
		}
		good := c.send(t, "penalty", table(penaltyHeader, penalties(1700)...), batch.Options{})
		if good.Accepted != 1700 || good.Total != 1700 || !good.Finished() {
			t.Errorf("%+v", good)
		}
	})
}

func TestWhatAFailureQuotesIsNowhereInClear(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		dir := t.TempDir()
		buckets, err := objects.Open(objects.Config{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		c := cityOn(t, rdb, buckets)
		// Somebody forgot the header: the first person stands in its place.
		b := c.send(t, "penalty", table([]string{"欧阳样例", "410799190001019907"}, []string{"a", "b"}), batch.Options{})
		if b.State != batch.Failed {
			t.Fatalf("%+v", b)
		}
		stored, err := c.desk.Store().Get(t.Context(), b.ID)
		if err != nil {
			t.Fatal(err)
		}
		whole, err := c.desk.Failure(t.Context(), stored)
		if err != nil || len(whole.Fields) == 0 || whole.Fields[0].Name != "欧阳样例" || fmt.Sprint(whole.Args) != fmt.Sprint(b.Failure.Args) {
			t.Errorf("told as %+v (%v), want it to name the header", whole, err)
		}
		if _, err := c.archive.Run(t.Context(), c.journal); err != nil {
			t.Fatal(err)
		}
		for _, canary := range []string{"欧阳样例", "410799190001019907"} {
			redistest.Grep(t, rdb, canary)
			objectstest.Grep(t, dir, canary)
		}
	})
}

func TestUploadThatBrokeOffIsGivenUpAndCanNeverBeRead(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		buckets, err := objects.Open(objects.Config{Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		at := now
		j := journal.New(rdb, "410700", journal.Options{})
		desk := batch.NewDesk(j, buckets, credit.Shipped(), secrets(), func() time.Time { return at })
		u := batch.Upload{Kind: "penalty", Org: "lead", Actor: "u1", Request: "key k", Body: table(penaltyHeader, penalties(5)...)}
		b, err := desk.Receive(t.Context(), u)
		if err != nil {
			t.Fatal(err)
		}
		tests := []struct {
			name  string
			after time.Duration
			state batch.State
		}{
			{"within the day", batch.Patience - time.Second, batch.Receiving},
			{"the day after", 2 * time.Second, batch.Failed},
			{"again", time.Hour, batch.Failed},
		}
		for _, tt := range tests {
			at = at.Add(tt.after)
			if err := desk.Sweep(t.Context()); err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			if b, err = desk.Store().Get(t.Context(), b.ID); err != nil || b.State != tt.state {
				t.Errorf("%s: %s (%v), want %s", tt.name, b.State, err, tt.state)
			}
		}
		if b.Failure == nil || b.Failure.Code != "batch.cut_off" {
			t.Errorf("failure %+v", b.Failure)
		}
		if _, err := seal.NewKeys(buckets.Keys).Open(t.Context(), "batch:"+b.ID, "material", secrets().Identity); !errors.Is(err, seal.ErrErased) {
			t.Errorf("its key: %v, want erased", err)
		}
		u.Index, u.Last = 1, true
		if _, err := desk.Receive(t.Context(), u); !fault.Is(err, fault.Conflict) {
			t.Errorf("sent on afterwards: %v", err)
		}
	})
}

func TestLaterPiecesNeedOnlyTheirPlace(t *testing.T) {
	c := newCity(t, redistest.Embedded(t))
	body := table(penaltyHeader, penalties(50)...)
	first := batch.Upload{Kind: "penalty", Org: "lead", Actor: "u1", Request: "r", Body: body[:900], Options: batch.Options{DryRun: true}}
	if _, err := c.desk.Receive(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		u    batch.Upload
		kind fault.Kind
	}{
		{"of nothing begun", batch.Upload{Org: "lead", Actor: "u1", Request: "other", Index: 1, Last: true, Body: body[900:]}, fault.Conflict},
		{"out of turn", batch.Upload{Org: "lead", Actor: "u1", Request: "r", Index: 2, Last: true, Body: body[900:]}, fault.Conflict},
		{"the first with another end", batch.Upload{Kind: "penalty", Org: "lead", Actor: "u1", Request: "r", Last: true, Body: body[:900], Options: first.Options}, fault.Refused},
		{"the first with other content", batch.Upload{Kind: "penalty", Org: "lead", Actor: "u1", Request: "r", Body: body[:901], Options: first.Options}, fault.Refused},
	}
	for _, tt := range tests {
		if _, err := c.desk.Receive(t.Context(), tt.u); !fault.Is(err, tt.kind) {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.kind)
		}
	}
	b, err := c.desk.Receive(t.Context(), batch.Upload{Org: "lead", Actor: "u1", Request: "r", Index: 1, Last: true, Body: body[900:]})
	if err != nil {
		t.Fatal(err)
	}
	if b, err = c.desk.Work(t.Context(), b.ID); err != nil || b.Rows != 50 || !b.DryRun {
		t.Errorf("%+v %v", b, err)
	}
}

func TestOneRequestSentManyTimesAtOnceIsOneBatch(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb)
		u := batch.Upload{Kind: "penalty", Org: "lead", Actor: "u1", Request: "r", Last: true, Body: table(penaltyHeader, penalties(20)...)}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				b, err := c.desk.Receive(t.Context(), u)
				if err != nil || len(b.Pieces) != 1 {
					t.Errorf("%d pieces, %v", len(b.Pieces), err)
				}
			})
		}
		wg.Wait()
		list, _, err := c.desk.Store().Of(t.Context(), "lead", "", 10)
		if err != nil || len(list) != 1 {
			t.Fatalf("%d batches, %v", len(list), err)
		}
		if b, err := c.desk.Work(t.Context(), list[0].ID); err != nil || b.Accepted != 20 {
			t.Errorf("%+v %v", b, err)
		}
	})
}

func TestThreat_ShortFilesCannotBeGuessedFromTheJournal(t *testing.T) {
	c := newCity(t, redistest.Embedded(t))
	body := table(penaltyHeader, penalty(1))
	a := c.send(t, "penalty", body, batch.Options{})
	b := c.send(t, "penalty", body, batch.Options{})
	if a.Pieces[0].Mark == b.Pieces[0].Mark || len(a.Pieces[0].Mark) != 64 {
		t.Errorf("marks %s and %s of one content in two batches", a.Pieces[0].Mark, b.Pieces[0].Mark)
	}
}
