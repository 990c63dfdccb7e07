package repair

import (
	"context"
	"time"

	"ipcredit/shared/staff"
)

// Demo files an application of the demonstration's subject about the first of its
// records that can be repaired, with its papers brought to the counter and its
// commitment signed, and leaves it to be worked on. A second call changes nothing.
func (o *Office) Demo(ctx context.Context, actor func(user string) (staff.Actor, error), now time.Time) error {
	agent, err := actor("jia.agent")
	if err != nil {
		return err
	}
	have, _, err := o.Of(ctx, agent, "", 1, now)
	if err != nil || len(have) > 0 {
		return err
	}
	_, lines, err := o.Lines(ctx, agent, now)
	if err != nil {
		return err
	}
	for _, l := range lines {
		if !l.Standing.May() {
			continue
		}
		a, err := o.File(ctx, agent, Order{Records: []string{l.ID}, Corrected: true, Performed: true, Removed: true}, now)
		if err != nil {
			return err
		}
		rules, err := o.Rules(ctx)
		if err != nil {
			return err
		}
		missing, err := rules.Missing(a)
		if err != nil {
			return err
		}
		for _, p := range missing {
			if p != Commitment {
				if _, err := o.HandIn(ctx, agent, a.No, p, "", now); err != nil {
					return err
				}
			}
		}
		legal, err := actor("jia.legal")
		if err != nil {
			return err
		}
		_, err = o.Sign(ctx, legal, a.No, now)
		return err
	}
	return nil
}
