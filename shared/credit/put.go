package credit

import (
	"reflect"
	"time"

	"ipcredit/shared/ident"
	"ipcredit/shared/subject"
)

// put adds or corrects one record.
func (p *Profile) put(r Record, at time.Time) Outcome {
	for i := range p.Records {
		if p.Records[i].ID == r.ID {
			next, changed := Supersede(p.Records[i], r, at)
			if !changed {
				return Same
			}
			p.Records[i] = next
			return Superseded
		}
	}
	p.Records = append(p.Records, r)
	return Added
}

// subject is what a record's document says of a subject that no register has
// brought yet.
func (e Entry) subject() subject.Subject {
	x := subject.Subject{Code: e.SubjectCode, Name: e.SubjectName, Kind: subject.Person}
	if e.NaturalPerson {
		return x
	}
	code := ident.USCC(e.SubjectCode)
	x.Kind = subject.KindOf(code, e.SubjectName)
	if area, err := ident.ParseArea(code.Area()); err == nil {
		x.District = area.Code
	}
	return x
}

// shownSubject is the part of the subject that its answer holds. Of a natural
// person that is the masked name, and nobody serves that answer.
func shownSubject(x subject.Subject) subject.Public {
	if public, ok := x.Public(); ok {
		return public
	}
	return subject.Public{Code: x.Code, Name: x.Name, Kind: x.Kind}
}

func sameSubject(a, b subject.Subject) bool {
	b.Number = a.Number
	return reflect.DeepEqual(a, b)
}
