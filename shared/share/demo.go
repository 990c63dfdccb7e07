package share

import (
	"context"
	"time"

	"ipcredit/shared/journal"
	"ipcredit/shared/staff"
)

// Demo gives the demonstration's credit service a subscription to the whole city,
// by cursor, as two officers would. What is there already stays as it is.
func Demo(ctx context.Context, j *journal.Journal, now time.Time) error {
	s := New(j, Config{Staff: staff.New(j)})
	const id, org = "s-demo", "credit-service"
	return s.journal.Commit(ctx, journal.Entry{Actor: staff.Operator().User.ID, Action: "share.demo", Ref: Ref(id), At: now}, []string{s.key("sub", id)}, func(tx *journal.Tx) error {
		_, known, err := journal.Read[Subscription](ctx, tx.Read(), s.key("sub", id))
		if err != nil || known {
			return err
		}
		tx.SAdd(s.key("subs"), id)
		return journal.Put(tx, s.key("sub", id), Subscription{
			ID: id, Org: org, Purpose: Service, Acts: Acts(), Areas: []string{j.City()}, Basis: "《河南省社会信用条例》（演示数据）",
			Division: j.City(), Owner: "lead", State: Active, AskedBy: "demo-1", AskedAt: now.UTC(), DecidedBy: "demo-2", DecidedAt: now.UTC(), Version: 2,
		})
	})
}
