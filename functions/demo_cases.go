package main

import (
	"context"
	"fmt"
	"time"

	"ipcredit/shared/calendar"
	"ipcredit/shared/campaign"
	"ipcredit/shared/casework"
	"ipcredit/shared/catalog"
	"ipcredit/shared/clock"
	"ipcredit/shared/commitment"
	"ipcredit/shared/credit"
	"ipcredit/shared/disclosure"
	"ipcredit/shared/inquiry"
	"ipcredit/shared/liaison"
	"ipcredit/shared/linkage"
	"ipcredit/shared/objection"
	"ipcredit/shared/repair"
	"ipcredit/shared/seal"
	"ipcredit/shared/share"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
	"ipcredit/shared/workday"
)

// notified are the lists of applications that were notified to the city.
func (f *fiction) notified(today workday.Date) []table {
	var all []table
	for _, l := range linkage.Demo(today) {
		all = append(all, table{kind: string(l.Kind), header: l.Header, rows: l.Rows})
	}
	return all
}

// fillCases has the city's officers open cases, write letters, run a campaign,
// look subjects up, prepare notices and share. What is there already stays as it is.
func fillCases(ctx context.Context, first workday.Date, now time.Time) error {
	env, secret, err := readSecrets("case-handling")
	if err != nil {
		return unreachable(err, "runner.fail.settings")
	}
	identities, err := tipoff.ParseIdentities(secret["unit-identities"])
	if err != nil {
		return unreachable(err, "runner.fail.settings")
	}
	units, err := tipoff.ParseUnits(secret["unit-recipients"])
	if err != nil {
		return unreachable(err, "runner.fail.settings")
	}
	escrow, err := seal.ParseRecipient(secret["escrow-recipient"])
	if err != nil {
		return unreachable(err, "runner.fail.settings")
	}
	j, keys, people, clocks := env.Journal, seal.NewKeys(env.Objects.Keys), staff.New(env.Journal), clock.New(env.Journal)
	current := calendar.New(j).Current
	cases, err := casework.New(j, keys, casework.Config{
		Identities: identities, Units: units, Escrow: escrow, Staff: people, Calendar: current, Clocks: clocks,
	})
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	if err := cases.Demo(ctx, first.Start()); err != nil {
		return fmt.Errorf("demo: cases: %w", err)
	}
	actor := func(user string) (staff.Actor, error) {
		u, known, err := people.UserByName(ctx, user)
		if err != nil || !known {
			return staff.Actor{}, fmt.Errorf("demo: user %s: known %v: %w", user, known, err)
		}
		return people.Actor(ctx, u.ID)
	}
	safe := liaison.NewSafe(keys, env.City, units, escrow, identities)
	laws := credit.NewInForce(j)
	records := credit.NewStore(j, laws)
	sealing, err := noticeSealing(keys)
	if err != nil {
		return unreachable(err, "runner.fail.settings")
	}
	notices := disclosure.NewStore(j, records, sealing)
	letters := liaison.New(j, liaison.Config{Safe: safe, Staff: people, Calendar: current, Clocks: clocks})
	for what, fill := range map[string]func(context.Context, func(string) (staff.Actor, error), time.Time) error{
		"letters":   letters.Demo,
		"campaigns": campaign.New(j, safe, people).Demo,
		"inquiries": inquiry.New(j, inquiry.Config{Safe: safe, Credit: records, Laws: laws}).Demo,
		"notices":   notices.Demo,
		"repairs":   repair.New(j).Demo,
		"catalogue": catalog.New(j).Demo,
		"commitments": func(ctx context.Context, actor func(string) (staff.Actor, error), now time.Time) error {
			return commitment.New(j).Demo(ctx, actor, cases, now)
		},
	} {
		if err := fill(ctx, actor, now); err != nil {
			return fmt.Errorf("demo: %s: %w", what, err)
		}
	}
	// They object to what the notices have published.
	if err := objection.New(j).Notices(notices).Demo(ctx, actor, now); err != nil {
		return fmt.Errorf("demo: objections: %w", err)
	}
	if err := share.Demo(ctx, j, now); err != nil {
		return fmt.Errorf("demo: shares: %w", err)
	}
	return nil
}

// noticeSealing is what disclosure-publish seals and opens notices with.
func noticeSealing(keys *seal.Keys) (disclosure.Sealing, error) {
	x := disclosure.Sealing{Keys: keys}
	_, secret, err := readSecrets("disclosure-publish")
	if err == nil {
		x.Identity, err = seal.ParseIdentity(secret["notice-identity"])
	}
	if err == nil {
		x.Escrow, err = seal.ParseRecipient(secret["escrow-recipient"])
	}
	return x, err
}
