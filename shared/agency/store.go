package agency

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
)

// Keys:
//
//	{city}:agency:<code>             an agency, JSON
//	{city}:agency:all                set of agency codes
//	{city}:agency:agent:<number>     an agent by qualification certificate, JSON
//	{city}:agency:agents:<code>      set of the certificates of an agency's agents

// Store keeps the registers of agencies and agents of one city.
type Store struct{ journal *journal.Journal }

// NewStore returns the store of the journal's city.
func NewStore(j *journal.Journal) *Store { return &Store{journal: j} }

func (s *Store) key(code string) string      { return s.journal.Key("agency", code) }
func (s *Store) all() string                 { return s.journal.Key("agency", "all") }
func (s *Store) agent(number string) string  { return s.journal.Key("agency", "agent", number) }
func (s *Store) agents(agency string) string { return s.journal.Key("agency", "agents", agency) }

// Agency returns the agency with this code, or a fault of kind NotFound.
func (s *Store) Agency(ctx context.Context, code string) (Agency, error) {
	return get[Agency](ctx, s.journal.Redis(), s.key(code))
}

// Agent returns the agent with this qualification certificate, or a fault of
// kind NotFound.
func (s *Store) Agent(ctx context.Context, number string) (Agent, error) {
	return get[Agent](ctx, s.journal.Redis(), s.agent(number))
}

func get[T any](ctx context.Context, rdb redis.Cmdable, key string) (T, error) {
	var v T
	value, err := rdb.Get(ctx, key).Bytes()
	if errors.Is(err, redis.Nil) {
		return v, fault.New(fault.NotFound, "agency.unknown")
	}
	if err != nil {
		return v, fmt.Errorf("agency: reading: %w", err)
	}
	if err := json.Unmarshal(value, &v); err != nil {
		return v, fmt.Errorf("agency: reading: %w", err)
	}
	return v, nil
}

// PutAgencies queues agencies into a commit and tells what becomes of each. A
// row without a grade, or with an older one, leaves the grade there is.
func (s *Store) PutAgencies(ctx context.Context, tx *journal.Tx, list []Agency) ([]credit.Outcome, error) {
	return put(ctx, tx, list, func(a Agency) string { return s.key(a.Code) },
		func(old *Agency, next Agency) Agency {
			if old == nil {
				tx.SAdd(s.all(), next.Code)
			} else if next.Grade == nil || old.Grade != nil && next.Grade.On.Before(old.Grade.On) {
				next.Grade = old.Grade
			}
			return next
		})
}

// PutAgents queues agents into a commit and tells what becomes of each. An agent
// who changes agency leaves the old one's list.
func (s *Store) PutAgents(ctx context.Context, tx *journal.Tx, list []Agent) ([]credit.Outcome, error) {
	return put(ctx, tx, list, func(a Agent) string { return s.agent(a.Qualification) },
		func(old *Agent, next Agent) Agent {
			if old != nil && old.Agency != next.Agency {
				tx.SRem(s.agents(old.Agency), next.Qualification)
			}
			if old == nil || old.Agency != next.Agency {
				tx.SAdd(s.agents(next.Agency), next.Qualification)
			}
			return next
		})
}

// put reads what stands under each key, lays the next over it and queues what
// has changed. Rows about the same key take effect in their order.
func put[T any](ctx context.Context, tx *journal.Tx, list []T, key func(T) string, lay func(old *T, next T) T) ([]credit.Outcome, error) {
	keys := make([]string, len(list))
	for i, v := range list {
		keys[i] = key(v)
	}
	if err := tx.Watch(keys...); err != nil {
		return nil, err
	}
	values, err := tx.Read().MGet(ctx, keys...).Result()
	if err != nil {
		return nil, fmt.Errorf("agency: reading: %w", err)
	}
	now := map[string]*T{}
	outcomes := make([]credit.Outcome, len(list))
	for i, next := range list {
		old, seen := now[keys[i]]
		if text, ok := values[i].(string); ok && !seen {
			old = new(T)
			if err := json.Unmarshal([]byte(text), old); err != nil {
				return nil, fmt.Errorf("agency: reading: %w", err)
			}
		}
		laid := lay(old, next)
		now[keys[i]] = &laid
		switch {
		case old == nil:
			outcomes[i] = credit.Added
		case reflect.DeepEqual(*old, laid):
			outcomes[i] = credit.Same
			continue
		default:
			outcomes[i] = credit.Superseded
		}
		value, err := json.Marshal(laid)
		if err != nil {
			return nil, fmt.Errorf("agency: encoding: %w", err)
		}
		tx.Set(keys[i], string(value))
	}
	return outcomes, nil
}
