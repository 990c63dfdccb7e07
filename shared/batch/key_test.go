package batch_test

import (
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/batch"
	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/objects"
	"ipcredit/shared/redistest"
)

// TestKeyOfARequestIsRememberedForADay: until then the same file is the same
// batch and another one is refused; from then on the key is free again, each
// time.
func TestKeyOfARequestIsRememberedForADay(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		buckets, err := objects.Open(objects.Config{Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		at := now
		j := journal.New(rdb, "410700", journal.Options{})
		desk := batch.NewDesk(j, buckets, credit.Shipped(), secrets(), func() time.Time { return at })
		one, two := table(penaltyHeader, penalty(1)), table(penaltyHeader, penalty(2))
		send := func(body []byte) (batch.Batch, error) {
			b, err := desk.Receive(t.Context(), batch.Upload{Kind: "penalty", Org: "lead", Actor: "u1", Request: "key k", Last: true, Body: body})
			if err != nil {
				return b, err
			}
			return desk.Work(t.Context(), b.ID)
		}
		var ids []string // of the batches the key made, oldest first
		steps := []struct {
			name       string
			after      time.Duration
			body       []byte
			refused    bool
			made       bool // a batch of its own
			duplicates int
		}{
			{"first", 0, one, false, true, 0},
			{"the same at the day's last second", batch.Remembered - time.Second, one, false, false, 0},
			{"another then", 0, two, true, false, 0},
			{"another a second later", time.Second, two, false, true, 0},
			{"the first one's file now", 0, one, true, false, 0},
			{"the same once more", time.Hour, two, false, false, 0},
			{"and again the day after", batch.Remembered, two, false, true, 1},
			{"and again", batch.Remembered, one, false, true, 1},
			{"the same", time.Second, one, false, false, 1},
		}
		for _, step := range steps {
			at = at.Add(step.after)
			b, err := send(step.body)
			if step.refused {
				if f, _ := fault.Of(err); f == nil || f.Code != "fn.key_reused" {
					t.Fatalf("%s: %v, want refused", step.name, err)
				}
				continue
			}
			if err != nil || b.State != batch.Done || b.Duplicates != step.duplicates {
				t.Fatalf("%s: %+v %v", step.name, b, err)
			}
			if step.made {
				ids = append(ids, b.ID)
			}
			if b.ID != ids[len(ids)-1] {
				t.Errorf("%s: batch %s, want %s", step.name, b.ID, ids[len(ids)-1])
			}
		}
		list, _, err := desk.Store().Of(t.Context(), "lead", "", 10)
		if err != nil || len(list) != len(ids) || len(ids) != 4 {
			t.Errorf("%d batches of %q: %v", len(list), ids, err)
		}
		for i, b := range list { // all stay readable, newest first
			if b.ID != ids[len(ids)-1-i] || b.Rows != 1 {
				t.Errorf("%d: %+v", i, b)
			}
		}
	})
}

func TestFreedKeySentManyTimesAtOnceMakesOneBatch(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		buckets, err := objects.Open(objects.Config{Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		at := now
		desk := batch.NewDesk(journal.New(rdb, "410700", journal.Options{}), buckets, credit.Shipped(), secrets(), func() time.Time { return at })
		u := batch.Upload{Kind: "penalty", Org: "lead", Actor: "u1", Request: "key k", Last: true, Body: table(penaltyHeader, penalty(1))}
		b, err := desk.Receive(t.Context(), u)
		if err == nil {
			_, err = desk.Work(t.Context(), b.ID)
		}
		if err != nil {
			t.Fatal(err)
		}
		at = at.Add(batch.Remembered)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if again, err := desk.Receive(t.Context(), u); err != nil || again.ID == b.ID {
					t.Errorf("%s, %v", again.ID, err)
				}
			})
		}
		wg.Wait()
		if list, _, err := desk.Store().Of(t.Context(), "lead", "", 10); err != nil || len(list) != 2 {
			t.Errorf("%d batches, want 2: %v", len(list), err)
		}
	})
}

// TestUploadSentOnAfterADayIsStillTheSame: the key of an upload that is still
// arriving stays its key.
func TestUploadSentOnAfterADayIsStillTheSame(t *testing.T) {
	buckets, err := objects.Open(objects.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	at := now
	desk := batch.NewDesk(journal.New(redistest.Embedded(t), "410700", journal.Options{}), buckets, credit.Shipped(), secrets(), func() time.Time { return at })
	body := table(penaltyHeader, penalties(9)...)
	var b batch.Batch
	for i := range 3 {
		u := batch.Upload{Kind: "penalty", Org: "lead", Actor: "u1", Request: "key k", Index: i, Last: i == 2, Body: body[i*len(body)/3 : (i+1)*len(body)/3]}
		got, err := desk.Receive(t.Context(), u)
		if err != nil || i > 0 && got.ID != b.ID {
			t.Fatalf("piece %d: %s after %s, %v", i, got.ID, b.ID, err)
		}
		b = got
		at = at.Add(batch.Remembered - time.Minute)
	}
	if b, err = desk.Work(t.Context(), b.ID); err != nil || b.Accepted != 9 {
		t.Errorf("%+v %v", b, err)
	}
}

// TestUploadOfUnknownLengthEndsAtTheLimit: the piece that is too much is refused
// and not kept.
func TestUploadOfUnknownLengthEndsAtTheLimit(t *testing.T) {
	rdb := redistest.Embedded(t)
	c := newCity(t, rdb)
	u := batch.Upload{Kind: "penalty", Org: "lead", Actor: "u1", Request: "r", Body: table(penaltyHeader, penalty(1))}
	b, err := c.desk.Receive(t.Context(), u)
	if err != nil {
		t.Fatal(err)
	}
	b.Size = batch.MaxSize - 10 // as if so much had come before
	value, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	rdb.Set(t.Context(), c.journal.Key("batch", b.ID), value, 0)
	u.Index, u.Body = 1, make([]byte, 11)
	if _, err := c.desk.Receive(t.Context(), u); !fault.Is(err, fault.TooLarge) {
		t.Errorf("one byte too much: %v", err)
	}
	u.Body = u.Body[:10]
	if b, err = c.desk.Receive(t.Context(), u); err != nil || b.Size != batch.MaxSize || len(b.Pieces) != 2 {
		t.Errorf("the last bytes: %d in %d pieces, %v", b.Size, len(b.Pieces), err)
	}
}
