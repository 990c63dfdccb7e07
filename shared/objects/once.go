package objects

import (
	"context"
	"sync/atomic"
)

// once runs something until it has succeeded once.
type once struct {
	busy chan struct{}
	done *atomic.Bool
}

func newOnce() once { return once{busy: make(chan struct{}, 1), done: new(atomic.Bool)} }

func (o once) do(ctx context.Context, f func() error) error {
	if o.done.Load() {
		return nil
	}
	select {
	case o.busy <- struct{}{}:
		defer func() { <-o.busy }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if o.done.Load() {
		return nil
	}
	if err := f(); err != nil {
		return err
	}
	o.done.Store(true)
	return nil
}
