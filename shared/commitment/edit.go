package commitment

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/journal"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// Templates are the versions that can be or could be signed: those that come with
// the program, and those that two officers made.
func (s *Store) Templates(ctx context.Context) (Templates, error) {
	own, err := s.templates(ctx, s.journal.Redis(), "templates")
	return append(Shipped(), own...), err
}

// Makes tells whether the actor may propose templates, and approve those of others:
// officers of the city's unit.
func (s *Store) Makes(by staff.Actor, now time.Time) (edits, approves bool) {
	return staff.Can(by, staff.CatalogEdit, s.city(""), now) == nil, staff.Can(by, staff.CatalogApprove, s.city(""), now) == nil
}

// Proposed are the versions that wait for a second person, for those who may make
// or approve them.
func (s *Store) Proposed(ctx context.Context, by staff.Actor, now time.Time) (Templates, error) {
	if edits, approves := s.Makes(by, now); !edits && !approves {
		return nil, fault.New(fault.Forbidden, "staff.can.role")
	}
	return s.templates(ctx, s.journal.Redis(), "proposed")
}

// city is what templates belong to; the second person is not who proposed it.
func (s *Store) city(proposer string) staff.Resource {
	r := staff.UnitResource(s.journal.City(), "")
	r.AskedBy = proposer
	return r
}

// Propose keeps a version of a template, of a new one or of one that there is, until
// another person decides (staff.CatalogEdit). It begins tomorrow at the earliest, so
// that no text changes under what was signed.
func (s *Store) Propose(ctx context.Context, by staff.Actor, t Template, now time.Time) error {
	if err := staff.Can(by, staff.CatalogEdit, s.city(""), now); err != nil {
		return err
	}
	t.ID, t.Source = strings.TrimSpace(t.ID), strings.TrimSpace(t.Source)
	t.Confidence, t.ProposedBy, t.ApprovedBy = ruleset.Design, by.User.ID, ""
	if err := t.check(); err != nil {
		return err
	}
	for _, text := range slices.Concat([]string{t.Source, t.Title.ZH, t.Title.EN}, t.Clauses.ZH, t.Clauses.EN) {
		if err := ident.CheckText(text); err != nil {
			return err
		}
	}
	if !t.From.After(workday.DateOf(now)) {
		return fault.New(fault.Invalid, "commitment.template").With("from", "commitment.template.early")
	}
	all, err := s.Templates(ctx)
	if err != nil {
		return err
	}
	for _, have := range all {
		switch {
		case have.Ref() == t.Ref():
			return fault.New(fault.Conflict, "commitment.template.same").With("from", "commitment.template.same")
		case have.ID == t.ID && have.Kind != t.Kind:
			return fault.New(fault.Invalid, "commitment.template").With("kind", "commitment.template.other_kind")
		}
	}
	text, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("commitment: %w", err)
	}
	key := s.key("proposed")
	return s.journal.Commit(ctx, journal.Entry{Actor: by.User.ID, Action: "commitment.template_proposed", Ref: "template:" + t.Ref(), At: now}, []string{key}, func(tx *journal.Tx) error {
		waiting, err := s.templates(ctx, tx.Read(), "proposed")
		if err != nil {
			return err
		}
		if _, there := waiting.Ref(t.Ref()); there {
			return fault.New(fault.Conflict, "commitment.template.same").With("from", "commitment.template.same")
		}
		tx.HSet(key, t.Ref(), string(text))
		return nil
	})
}

// Decide puts a proposed version in force from its first day, or drops it: another
// person than proposed it (staff.CatalogApprove). Whoever proposed it may drop it.
func (s *Store) Decide(ctx context.Context, by staff.Actor, ref string, approve bool, now time.Time) error {
	if edits, approves := s.Makes(by, now); !edits && !approves {
		return fault.New(fault.Forbidden, "staff.can.role")
	}
	what := "commitment.template_dropped"
	if approve {
		what = "commitment.template_approved"
	}
	key := s.key("proposed")
	return s.journal.Commit(ctx, journal.Entry{Actor: by.User.ID, Action: what, Ref: "template:" + ref, At: now}, []string{key}, func(tx *journal.Tx) error {
		waiting, err := s.templates(ctx, tx.Read(), "proposed")
		if err != nil {
			return err
		}
		t, there := waiting.Ref(ref)
		if !there {
			return fault.New(fault.NotFound, "commitment.template.none")
		}
		if !(t.ProposedBy == by.User.ID && !approve) {
			if err := staff.Can(by, staff.CatalogApprove, s.city(t.ProposedBy), now); err != nil {
				return err
			}
		}
		tx.HDel(key, ref)
		if !approve {
			return nil
		}
		// It may have waited past its first day.
		if !t.From.After(workday.DateOf(now)) {
			return fault.New(fault.Conflict, "commitment.template.early")
		}
		t.ApprovedBy = by.User.ID
		text, err := json.Marshal(t)
		if err != nil {
			return fmt.Errorf("commitment: %w", err)
		}
		tx.HSet(s.key("templates"), ref, string(text))
		return nil
	})
}
