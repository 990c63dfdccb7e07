// Package pace keeps callers to a rate.
//
// A bucket holds as much as Burst calls and fills at Per minute. It stands in
// Redis outside the journal (see journal.Tmp), as the instant at which it is
// full again, so that one small value tells everything and an idle one is gone.
package pace

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/journal"
)

// Limit is a rate.
type Limit struct {
	PerMinute int
	Burst     int
}

// bucket implements the generic cell rate algorithm. KEYS[1] the bucket; ARGV:
// now, cost of the call, and capacity, in microseconds. It answers 0, or how long
// to wait.
var bucket = redis.NewScript(`
local now, cost, cap = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local full = tonumber(redis.call('GET', KEYS[1]) or '0')
if full < now then full = now end
local next = full + cost
if next - now > cap then return next - now - cap end
redis.call('SET', KEYS[1], string.format('%.0f', next), 'PX', math.ceil((next - now) / 1000) + 1000)
return 0`)

// Take takes n calls from the bucket of this name at the instant now and returns
// how long to wait where it holds too little; it then takes nothing. One call
// never costs more than the bucket holds, so nobody waits for ever. The name must
// hold nothing secret and no address.
func Take(ctx context.Context, j *journal.Journal, name string, l Limit, n int, now time.Time) (wait time.Duration, err error) {
	each := time.Minute / time.Duration(l.PerMinute)
	capacity := each * time.Duration(l.Burst)
	cost := min(each*time.Duration(n), capacity)
	us, err := bucket.Run(ctx, j.Redis(), []string{j.Tmp("pace", name)},
		now.UnixMicro(), cost.Microseconds(), capacity.Microseconds()).Int64()
	if err != nil {
		return 0, fmt.Errorf("pace: %w", err)
	}
	return time.Duration(us) * time.Microsecond, nil
}
