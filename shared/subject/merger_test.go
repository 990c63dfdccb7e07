package subject

import (
	"testing"

	"ipcredit/shared/fault"
	"ipcredit/shared/page"
)

func TestMergersAreOfTwoSubjectsOnceAndNeverInACircle(t *testing.T) {
	t.Parallel()
	firm := func(code, into string) Subject { return Subject{Code: code, Kind: "enterprise", MergedInto: into} }
	person := Subject{Code: "P-x", Kind: Person}
	for _, tt := range []struct {
		name             string
		from, into, last Subject
		kind             fault.Kind
		field, code      string
	}{
		{"two subjects", firm("a", ""), firm("b", ""), firm("b", ""), "", "", ""},
		{"into one that was merged itself", firm("a", ""), firm("b", "c"), firm("c", ""), "", "", ""},
		{"into itself", firm("a", ""), firm("a", ""), firm("a", ""), fault.Refused, "into", "subject.merger_circle"},
		{"into one that was merged into it", firm("a", ""), firm("b", "a"), firm("a", ""), fault.Refused, "into", "subject.merger_circle"},
		{"twice", firm("a", "c"), firm("b", ""), firm("b", ""), fault.Conflict, "from", "subject.merged_already"},
		{"a person", person, firm("b", ""), firm("b", ""), fault.Refused, "from", "subject.merger_person"},
		{"into a person", firm("a", ""), person, person, fault.Refused, "into", "subject.merger_person"},
	} {
		err := CheckMerger(tt.from, tt.into, tt.last)
		if tt.code == "" {
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
			continue
		}
		f, ok := fault.Of(err)
		if !ok || f.Kind != tt.kind || f.Code != tt.code || len(f.Fields) != 1 || f.Fields[0].Name != tt.field || !page.Has("fault."+tt.code) {
			t.Errorf("%s: %+v", tt.name, err)
		}
	}
}
