package staff

import (
	"context"
	"time"
)

// SubjectMatter is a matter of one subject that a unit handles: an application, an
// objection, what was handed in.
type SubjectMatter struct {
	Unit     string // the unit's label, see UnitLabels
	Subject  Party
	Handlers []string
}

// Resource is the matter as Can sees it for whoever is no subject.
func (m SubjectMatter) Resource() Resource {
	r := UnitResource(m.Unit, "")
	r.Parties, r.Handlers = []Party{m.Subject}, m.Handlers
	return r
}

// CanIn says nil when the actor may do the action in the matter. A subject's people
// may do what is theirs in its own; of another's there is nothing for them, and the
// answer is unknown, the same as for a matter that does not exist.
func (s *Store) CanIn(ctx context.Context, a Actor, action Action, m SubjectMatter, unknown error, at time.Time) error {
	if a.Org.Kind == Subject {
		if a.Org.Code == "" || a.Org.Code != m.Subject.Code {
			return unknown
		}
		return Can(a, action, Resource{Subject: m.Subject.Code}, at)
	}
	r, err := s.Matter(ctx, action, m.Unit, m.Resource(), at)
	if err != nil {
		return err
	}
	return Can(a, action, r, at)
}
