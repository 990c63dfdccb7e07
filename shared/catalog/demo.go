package catalog

import (
	"context"
	"time"

	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// Demo makes one proposal in a demonstration city, which waits for a second person,
// through the door that real ones use. actor finds a user by name. A city that has
// proposals already is left as it is.
func (s *Store) Demo(ctx context.Context, actor func(user string) (staff.Actor, error), now time.Time) error {
	list, err := s.List(ctx)
	if err != nil || len(list) > 0 {
		return err
	}
	by, err := actor("lead.handler")
	if err != nil {
		return err
	}
	items := shipped.Items("DA7")
	i := items[len(items)-1]
	i.Channel, i.From = Internal, workday.DateOf(now).AddMonths(1)
	_, err = s.Propose(ctx, by, Proposal{Item: &i, Reason: "演示数据：具体条目公布前，只供内部使用"}, now)
	return err
}
