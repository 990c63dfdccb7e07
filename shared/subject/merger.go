package subject

import "ipcredit/shared/fault"

// CheckMerger tells whether from can be said to have been taken over by into,
// whose own mergers end at last (into itself, if it was not merged). It refuses
// natural persons, who do not merge; a subject that was merged already, which
// must be taken back first; and a circle.
func CheckMerger(from, into, last Subject) error {
	refuse := func(kind fault.Kind, field, code string, args ...any) error {
		return fault.New(kind, code, args...).With(field, code, args...)
	}
	switch {
	case from.Kind == Person:
		return refuse(fault.Refused, "from", "subject.merger_person")
	case into.Kind == Person || last.Kind == Person:
		return refuse(fault.Refused, "into", "subject.merger_person")
	case from.Code == into.Code || from.Code == last.Code:
		return refuse(fault.Refused, "into", "subject.merger_circle")
	case from.MergedInto != "":
		return refuse(fault.Conflict, "from", "subject.merged_already", from.MergedInto)
	}
	return nil
}
