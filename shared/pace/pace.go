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

// buckets implements the generic cell rate algorithm, for each of KEYS by itself. ARGV:
// now, and of each bucket cost of the call and capacity, in microseconds. It answers
// for each 0, or how long to wait.
var buckets = redis.NewScript(`
local now, waits = tonumber(ARGV[1]), {}
for i, key in ipairs(KEYS) do
  local cost, cap = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  local full = tonumber(redis.call('GET', key) or '0')
  if full < now then full = now end
  local next = full + cost
  if next - now > cap then
    waits[i] = next - now - cap
  else
    waits[i] = 0
    redis.call('SET', key, string.format('%.0f', next), 'PX', math.ceil((next - now) / 1000) + 1000)
  end
end
return waits`)

// Take takes n calls from the bucket of this name at the instant now and returns
// how long to wait where it holds too little; it then takes nothing. One call
// never costs more than the bucket holds, so nobody waits for ever. The name must
// hold nothing secret and no address.
func Take(ctx context.Context, j *journal.Journal, name string, l Limit, n int, now time.Time) (wait time.Duration, err error) {
	waits, err := TakeEach(ctx, j, now, Call{name, l, n})
	if err != nil {
		return 0, err
	}
	return waits[0], nil
}

// Call is one bucket that a call takes from, as Take has it.
type Call struct {
	Name string
	Limit
	N int
}

// TakeEach is Take from several buckets in one round trip, each of them as if it were
// alone: what one has too little of is taken from the others all the same.
func TakeEach(ctx context.Context, j *journal.Journal, now time.Time, calls ...Call) ([]time.Duration, error) {
	keys, args := make([]string, len(calls)), []any{now.UnixMicro()}
	for i, c := range calls {
		each := time.Minute / time.Duration(c.PerMinute)
		capacity := each * time.Duration(c.Burst)
		cost := min(each*time.Duration(c.N), capacity)
		keys[i] = j.Tmp("pace", c.Name)
		args = append(args, cost.Microseconds(), capacity.Microseconds())
	}
	us, err := buckets.Run(ctx, j.Redis(), keys, args...).Int64Slice()
	if err != nil {
		return nil, fmt.Errorf("pace: %w", err)
	}
	waits := make([]time.Duration, len(us))
	for i := range us {
		waits[i] = time.Duration(us[i]) * time.Microsecond
	}
	return waits, nil
}
