package liaison

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/fault"
	"ipcredit/shared/redistest"
	"ipcredit/shared/seal"
)

func TestWhatIsLostBetweenTheDesksIsMadeAndFetchedAgain(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		p := newPair(t, rdb)
		ctx := t.Context()
		p.send("新测市监函〔2026〕29号")
		ok(t, p.a.Pack(ctx, p.at))
		mail, there := NewMail(p.a.j), NewMail(p.b.j)
		ids, cursor, _, err := mail.Waiting(ctx, "410100", "", 10)
		ok(t, err)
		p.bring(p.a, p.b, ids[0])
		for _, key := range []string{p.a.store.bodyKey(ids[0]), p.b.store.cameBody("410700", ids[0])} {
			if n, err := rdb.Del(ctx, key).Result(); err != nil || n != 1 {
				t.Fatal(n, err)
			}
		}
		if _, err := mail.Body(ctx, "410100", ids[0]); !fault.Is(err, fault.NotFound) {
			t.Errorf("%v", err)
		}
		ok(t, p.b.TakeIn(ctx, p.at)) // it waits for it
		ok(t, p.a.Pack(ctx, p.at))
		if wanted, _, err := there.Wanted(ctx, "410700", nil); err != nil || !slices.Equal(wanted, ids) {
			t.Fatalf("%v, %v", wanted, err)
		}
		p.bring(p.a, p.b, ids[0])
		ok(t, p.b.TakeIn(ctx, p.at))
		p.only(p.b, Inbound)

		// A cursor that was never given is refused; one of a place whose parcel is
		// another one, too.
		for _, bad := range []string{"x", "0." + ids[0], "-1." + ids[0], "2." + ids[0], "01." + ids[0], "1", "1.", "1.p0", "9999999999999999999.a", " " + cursor} {
			if _, _, _, err := mail.Waiting(ctx, "410100", bad, 10); !fault.Is(err, fault.Invalid) {
				t.Errorf("%q: %v", bad, err)
			}
		}
		// A text that somebody put in its place is not given out.
		ok(t, rdb.Set(ctx, p.a.store.bodyKey(ids[0]), "x", 0).Err())
		if _, err := mail.Body(ctx, "410100", ids[0]); !fault.Is(err, fault.NotFound) {
			t.Errorf("%v", err)
		}
		// Another city gets none of it.
		ok(t, p.a.Pack(ctx, p.at))
		if _, err := mail.Body(ctx, "410300", ids[0]); !fault.Is(err, fault.NotFound) {
			t.Errorf("%v", err)
		}
		// After its time nothing is left of it.
		p.at = p.at.Add(carriedFor + time.Hour)
		ok(t, p.a.Pack(ctx, p.at))
		if ids, next, _, err := mail.Waiting(ctx, "410100", cursor, 10); err != nil || len(ids) != 0 || next != cursor {
			t.Errorf("%v %q, %v", ids, next, err)
		}
	})
}

func TestAnErasedLetterIsNotGivenOut(t *testing.T) {
	t.Parallel()
	p := newPair(t, redistest.Embedded(t))
	ctx := t.Context()
	l := p.send("新测市监函〔2026〕30号")
	ok(t, p.a.Pack(ctx, p.at))
	ids, _, _, err := NewMail(p.a.j).Waiting(ctx, "410100", "", 10)
	ok(t, err)
	l = p.a.do("lead.approver", l, Act{Step: Withdraw, Text: "主体有误"})
	p.a.do("lead.approver", l, Act{Step: Erase})
	ok(t, p.a.Pack(ctx, p.at))
	if _, err := NewMail(p.a.j).Body(ctx, "410100", ids[0]); !fault.Is(err, fault.NotFound) {
		t.Errorf("%v", err)
	}
	p.ferry(p.a, p.b)
	rows, _, err := p.b.List(ctx, p.b.actor("lead.handler"), Filter{Shares: true}, p.at)
	if err != nil || len(rows) != 0 {
		t.Errorf("%+v, %v", rows, err)
	}
}

func TestAParcelIsNoLongerThanCarriersTake(t *testing.T) {
	t.Parallel()
	fields := map[string]string{}
	longest := 0
	for _, tpl := range Templates(true) {
		for _, f := range tpl.Fields {
			n := max(f.Most, 120) * 22 // a number and what stands between, or four bytes of a character
			fields[f.ID] = strings.Repeat("长", n/3)
			longest = max(longest, n)
		}
	}
	raw, err := json.Marshal(parcel{Fields: fields, Text: strings.Repeat("长", mostText), Basis: strings.Repeat("长", mostBasis)})
	ok(t, err)
	if size := seal.Bucket(len(raw)) * 4 / 3; size+8<<10 > MostSealed {
		t.Errorf("%d bytes, of which one field %d", size, longest)
	}
}
