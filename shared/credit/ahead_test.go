package credit

import (
	"fmt"
	"testing"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/redistest"
	"ipcredit/shared/subject"
)

// lined prepares a change the way a second one in a line is.
func (c *city) lined(l *Line, ch Change) Change {
	ch.Entry = c.entry()
	l.Prepare(c.t.Context(), &ch)
	return ch
}

func named(code, name string) Change {
	return Change{Subjects: []subject.Subject{{Code: code, Name: name, Kind: "enterprise", District: "410771"}}}
}

func TestAPreparedChangeIsMadeAsItWouldBeOtherwise(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb, "2026-05-20")
		tests := []struct {
			name    string
			first   string // the code that the change before is about
			between func() // what somebody else does between making ready and committing
			drafted bool
			want    string
			outcome Outcome
		}{
			{"nothing came between", firmB, func() {}, true, "新乡市虚构新一科技有限公司", Superseded},
			{"somebody changed the same subject", firmB, func() { c.apply(named(firmA, "新乡市虚构别人科技有限公司")) }, true, "新乡市虚构新二科技有限公司", Superseded},
			{"somebody made the same change", firmB, func() { c.apply(named(firmA, "新乡市虚构新三科技有限公司")) }, true, "新乡市虚构新三科技有限公司", Same},
			{"the change before is about the same subject", firmA, func() {}, false, "新乡市虚构新四科技有限公司", Superseded},
		}
		for i, tt := range tests {
			l := c.store.Line()
			before := c.lined(l, named(tt.first, fmt.Sprintf("新乡市虚构先%d科技有限公司", i)))
			ch := c.lined(l, named(firmA, tt.want))
			if drafted := ch.ahead.at() != nil; drafted != tt.drafted {
				t.Errorf("%s: made ready %v, want %v", tt.name, drafted, tt.drafted)
			}
			if _, _, err := c.store.Apply(t.Context(), before); err != nil {
				t.Fatal(err)
			}
			tt.between()
			got, _, err := c.store.Apply(t.Context(), ch)
			if err != nil || len(got) != 1 || got[0] != tt.outcome {
				t.Errorf("%s: %v %v, want %v", tt.name, got, err, tt.outcome)
			}
			p, err := c.store.Load(t.Context(), firmA)
			if err != nil || p.Subject.Name != tt.want {
				t.Errorf("%s: name is %q, want %q (%v)", tt.name, p.Subject.Name, tt.want, err)
			}
			x, err := c.store.subjects.Get(t.Context(), firmA)
			if err != nil || x.Name != tt.want || x.Number == 0 {
				t.Errorf("%s: subject is %+v (%v)", tt.name, x, err)
			}
			if n := rdb.ZCard(t.Context(), c.store.underWay()).Val(); n != 0 {
				t.Errorf("%s: %d commits still stand under way", tt.name, n)
			}
		}
	})
}

// TestADroppedChangeHoldsNobodyUp: readers of the feed stop at what is under way.
func TestADroppedChangeHoldsNobodyUp(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb, "2026-05-20")
		l := c.store.Line()
		c.lined(l, named(firmB, "新乡市虚构先科技有限公司"))
		ch := c.lined(l, named(firmA, "新乡市虚构后科技有限公司"))
		if n := rdb.ZCard(t.Context(), c.store.underWay()).Val(); n != 1 {
			t.Errorf("%d stand under way, want 1", n)
		}
		l.Drop(ch)
		if n := rdb.ZCard(t.Context(), c.store.underWay()).Val(); n != 0 {
			t.Errorf("%d stand under way after dropping, want 0", n)
		}
		settled, last, _, err := c.store.settled(t.Context())
		if err != nil || settled != last {
			t.Errorf("settled %d of %d (%v)", settled, last, err)
		}
		// Made all the same, it is made at another place.
		if _, _, err := c.store.Apply(t.Context(), ch); err != nil {
			t.Error(err)
		}
		if p, err := c.store.Load(t.Context(), firmA); err != nil || p.Subject.Name != "新乡市虚构后科技有限公司" {
			t.Errorf("%+v %v", p.Subject, err)
		}
	})
}

// TestWhatAPreparedChangeDoesComesAfterWhatCameBetween: readers of the feed take the
// last line about a record for what holds now.
func TestWhatAPreparedChangeDoesComesAfterWhatCameBetween(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb, "2026-05-20")
		r := c.record(firmA, "2026-03-10")
		c.amend(firmA, r.ID, func(r *Record) { r.Unpublished = TradeSecret })
		_, at := c.fed(Place{})
		l := c.store.Line()
		before := c.lined(l, named(firmB, "新乡市虚构先科技有限公司"))
		next := r
		next.Tier = Serious
		ch := c.lined(l, Change{Records: []Entry{{SubjectCode: firmA, SubjectName: "新乡市虚构某科技有限公司", Record: next}}})
		if ch.ahead.at() == nil {
			t.Fatal("the change was not made ready")
		}
		if _, _, err := c.store.Apply(t.Context(), before); err != nil {
			t.Fatal(err)
		}
		c.amend(firmA, r.ID, func(r *Record) { r.Unpublished = "" }) // an officer
		if got := c.happened(&Place{at.Number, at.Line, at.Tag, at.Anew}); len(got) != 0 {
			t.Errorf("read past what is under way: %v", got)
		}
		if _, _, err := c.store.Apply(t.Context(), ch); err != nil {
			t.Fatal(err)
		}
		same(t, "in the order of the commits", c.happened(&at), "published 104", "corrected 104")
	})
}
