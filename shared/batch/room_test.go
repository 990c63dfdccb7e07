package batch_test

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/batch"
	"ipcredit/shared/fault"
	"ipcredit/shared/notary"
	"ipcredit/shared/objects/objectstest"
	"ipcredit/shared/redistest"
)

// TestABatchWaitsForALogThatIsFarBehind: what is queued for the log lies in the
// memory that lookups need, so it stays bounded, and no row is lost or doubled
// over it.
func TestABatchWaitsForALogThatIsFarBehind(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb)
		const rows, most = 1800, 400
		c.desk.Unlogged(most)
		secret, err := notary.NewKey("credit.example.cn/410700/disclosure")
		if err != nil {
			t.Fatal(err)
		}
		key, err := notary.ParseKey([]byte(secret))
		if err != nil {
			t.Fatal(err)
		}
		log := notary.Open(c.journal, objectstest.Directory(t).Main, notary.Disclosure, key)
		b, err := c.desk.Receive(t.Context(), batch.Upload{Kind: "penalty", Org: "lead", Actor: "u1", Request: "r", Last: true, Body: table(penaltyHeader, penalties(rows)...)})
		if err != nil {
			t.Fatal(err)
		}
		waits := 0
		for !b.Finished() {
			done := b.Rows
			if b, err = c.desk.Work(t.Context(), b.ID); err == nil {
				break
			}
			f, refused := fault.Of(err)
			if !refused || f.Kind != fault.Unavailable || f.Code != "batch.log_behind" || f.RetryAfter == 0 {
				t.Fatalf("%v", err)
			}
			waits++
			waiting, err := log.Waiting(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if b.Rows <= done || b.Accepted != b.Rows || waiting <= most || waiting > most+500 {
				t.Errorf("%d rows, %d accepted, %d wait for the log", b.Rows, b.Accepted, waiting)
			}
			// As long as the log stands still, so does the batch, and says why.
			if again, err := c.desk.Work(t.Context(), b.ID); !fault.Is(err, fault.Unavailable) || again.Rows != b.Rows {
				t.Errorf("%d rows, then %d (%v)", b.Rows, again.Rows, err)
			}
			// A dry run writes nothing and waits for nothing.
			if dry := c.send(t, "penalty", table(penaltyHeader, penalties(3)...), batch.Options{DryRun: true}); !dry.Finished() {
				t.Errorf("a dry run is %s", dry.State)
			}
			if _, err := log.Sequence(t.Context(), now); err != nil {
				t.Fatal(err)
			}
		}
		if b.Accepted != rows || b.Duplicates != 0 || waits != 3 {
			t.Errorf("%d accepted, %d doubled, waited %d times", b.Accepted, b.Duplicates, waits)
		}
	})
}
