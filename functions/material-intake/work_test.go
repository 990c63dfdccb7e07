package function

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/batch"
	"ipcredit/shared/credit"
	"ipcredit/shared/objects"
	"ipcredit/shared/open"
	"ipcredit/shared/redistest"
	"ipcredit/shared/staff"
)

const leaseKey = "lease-of-another-0123456789"

// handedIn is the upload that a program with the lead bureau's key sends under
// leaseKey, already stored and not worked off.
func (c *city) handedIn(t *testing.T, desk *batch.Desk, body []byte) batch.Batch {
	t.Helper()
	id := strings.Split(c.staff.Demo.APIKeys[staff.ScopeMaterial], "_")[1]
	b, err := desk.Receive(t.Context(), batch.Upload{
		Kind: "penalty", Org: "lead", Actor: "key:" + id, Request: byKey + leaseKey, Last: true, Body: body,
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (c *city) worker(main objects.Store) *batch.Desk {
	own, escrow := identities()
	buckets := &objects.Buckets{Main: main, Keys: c.env.Objects.Keys}
	return batch.NewDesk(c.env.Journal, buckets, credit.Shipped(), batch.Secrets{
		Identity: own, Escrow: escrow.Recipient(), HashKey: []byte(strings.Repeat("k", 44)),
	}, c.clock.Now)
}

// slow is a store whose first Get waits.
type slow struct {
	objects.Store
	asked, free chan struct{}
}

func (s slow) Get(ctx context.Context, name string) ([]byte, objects.Info, error) {
	select {
	case s.asked <- struct{}{}:
		<-s.free
	default:
	}
	return s.Store.Get(ctx, name)
}

// seen closes looked when the function has tried to take the lease.
type seen struct {
	key    string
	looked chan struct{}
}

func (s seen) DialHook(next redis.DialHook) redis.DialHook { return next }
func (s seen) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}
func (s seen) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if args := cmd.Args(); len(args) > 3 && args[1] == s.key {
			select {
			case s.looked <- struct{}{}:
			default:
			}
		}
		return err
	}
}

func TestShortUploadIsAnsweredWithItsOutcomeWhoeverWorksItOff(t *testing.T) {
	body := table(header, penalty(1), spoilt(penalty(2), atFine, "x"))
	tests := []struct {
		name string
		// held makes somebody else hold the batch, and returns what ends that.
		held func(t *testing.T, c *city) (id string, end func())
	}{
		{"another worker is in the middle of it", func(t *testing.T, c *city) (string, func()) {
			store := slow{c.env.Objects.Main, make(chan struct{}, 1), make(chan struct{})}
			other := c.worker(store)
			b := c.handedIn(t, other, body)
			done := make(chan struct{})
			go func() {
				defer close(done)
				if _, err := other.Work(t.Context(), b.ID); err != nil {
					t.Error(err)
				}
			}()
			<-store.asked // it has the lease and waits for the file
			return b.ID, func() { close(store.free); <-done }
		}},
		{"another worker died and its lease runs out", func(t *testing.T, c *city) (string, func()) {
			b := c.handedIn(t, c.worker(c.env.Objects.Main), body)
			key := c.env.Journal.Tmp("batch", b.ID)
			c.rdb.Set(t.Context(), key, "of the dead", 0)
			return b.ID, func() { c.rdb.Del(t.Context(), key) }
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
				c := newCity(t, rdb)
				id, end := tt.held(t, c)
				hook := seen{c.env.Journal.Tmp("batch", id), make(chan struct{}, 1)}
				c.env.Redis.(*redis.Client).AddHook(hook)
				answers := make(chan answer)
				go func() { answers <- c.as("").with("Idempotency-Key", leaseKey).post("kind=penalty", body) }()
				<-hook.looked // and found it held
				end()
				a := <-answers
				if b := a.read(t); a.StatusCode != http.StatusCreated || b.ID != id || b.Rows != 2 || b.Accepted != 1 || b.Rejected != 1 || len(b.Errors) == 0 {
					t.Errorf("%d %s", a.StatusCode, a.body)
				}
			})
		})
	}
}

func TestShortUploadIsAnsweredWithItsNumberWhenTheTimeIsUp(t *testing.T) {
	open.Use(map[string]string{"exec_timeout": "3s"})
	t.Cleanup(func() { open.Use(map[string]string{"exec_timeout": "20s"}) })
	c := embedded(t)
	body := table(header, penalty(1))
	b := c.handedIn(t, c.worker(c.env.Objects.Main), body)
	key := c.env.Journal.Tmp("batch", b.ID)
	c.rdb.Set(t.Context(), key, "of another", 0)
	a := c.as("").with("Idempotency-Key", leaseKey).post("kind=penalty", body)
	if a.StatusCode != http.StatusAccepted || a.read(t).ID != b.ID || a.Header.Get("Retry-After") == "" {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	c.rdb.Del(t.Context(), key)
	c.anybody().do("POST", "/", nil) // the tick takes it up
	if b := c.as("").done(a); b.Accepted != 1 {
		t.Errorf("%+v", b)
	}
}
