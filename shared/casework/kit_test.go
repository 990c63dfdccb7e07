package casework

import (
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/citytest"
	"ipcredit/shared/clock"
	"ipcredit/shared/journal"
	"ipcredit/shared/objects"
	"ipcredit/shared/objects/objectstest"
	"ipcredit/shared/redistest"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
)

// town is the demonstration city with cases.
type town struct {
	*Store
	t       testing.TB
	rdb     *redis.Client
	j       *journal.Journal
	buckets *objects.Buckets
	people  citytest.Staff
	intake  *tipoff.Intake
	office  *tipoff.Office
	units   map[string]seal.Identity
	escrow  seal.Identity
	now     time.Time
}

func identity(t testing.TB) seal.Identity {
	t.Helper()
	id, err := seal.Generate()
	ok(t, err)
	return id
}

func newTown(t testing.TB, rdb *redis.Client) *town {
	t.Helper()
	w := &town{
		t: t, rdb: rdb, j: journal.New(rdb, "410700", journal.Options{}), buckets: objectstest.Directory(t),
		units: map[string]seal.Identity{}, escrow: identity(t), now: on2("2026-05-20"),
	}
	w.people = citytest.NewStaff(t, w.j, w.now)
	units := tipoff.Units{}
	for _, label := range []string{"410700", "410702", "410711", "410771", "discipline"} {
		w.units[label] = identity(t)
		units[label] = w.units[label].Recipient()
	}
	custodian := identity(t)
	keys := seal.NewKeys(w.buckets.Keys)
	var err error
	w.intake, err = tipoff.NewIntake(w.j, keys, tipoff.IntakeConfig{
		Units: units, Escrow: w.escrow.Recipient(), Custodian: custodian.Recipient(), MAC: []byte(strings.Repeat("m", 32)),
	})
	ok(t, err)
	w.office, err = tipoff.NewOffice(w.j, keys, tipoff.OfficeConfig{
		Identities: w.units, Units: units, Escrow: w.escrow.Recipient(), Custodian: custodian, Staff: w.people.Store,
	})
	ok(t, err)
	w.Store, err = New(w.j, keys, Config{
		Identities: w.units, Units: units, Escrow: w.escrow.Recipient(), Staff: w.people.Store, Clocks: clock.New(w.j),
	})
	ok(t, err)
	return w
}

// on2 is noon of a day in China.
func on2(s string) time.Time { return day(s).Start().Add(12 * time.Hour) }

// each runs the body on both kinds of Redis.
func each(t *testing.T, body func(t *testing.T, w *town)) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) { body(t, newTown(t, rdb)) })
}

func desk(t testing.TB) *town { return newTown(t, redistest.Embedded(t)) }

// as is the account of this name at work.
func (w *town) as(name string) staff.Actor {
	w.t.Helper()
	return w.people.As(w.t, name)
}

func (w *town) id(name string) string { return w.as(name).User.ID }

const (
	canaryPerson  = "欧阳样例"
	canaryContact = "19900001234"
	canaryFacts   = "仓库夜间更换吊牌，编号壹零壹"
	canaryReason  = "证据确凿而充分之理由甲乙丙"
	reporterName  = "张样例"
	reporterPhone = "19900005678"
	narrative     = "邻居亲眼所见之叙述丁戊己"
	firm          = "91410702MA00AAC13T"
	firmName      = "虚构丙有限公司"
)

func draft() Draft {
	return Draft{
		Kind: tipoff.Infringement, Source: OwnCheck, Target: MarkInfringer, Facts: canaryFacts,
		Parties: []Party{{Name: firmName, Code: firm, Role: Respondent}},
		People:  []Person{{Name: canaryPerson, Contact: canaryContact, Role: Respondent}},
		Numbers: []string{"ZL 2025 1 0999999.3", "99000001"}, Campaign: "2026-blue", Tags: []string{"industry:C", "special:bulk-abnormal", "area:410702"},
		ActEnded: day("2026-04-01"),
	}
}

// opened opens a case of 红旗区.
func (w *town) opened(d Draft) Case {
	w.t.Helper()
	c, err := w.Open(w.t.Context(), w.as("hongqi.handler"), d, w.now)
	ok(w.t, err)
	return c
}

func seen(c Case) Seen { return Seen{c.Number, c.Version} }

func (w *town) move(c Case, by string, ch Change) Case {
	w.t.Helper()
	if ch.Reason == "" {
		ch.Reason = canaryReason
	}
	out, err := w.Move(w.t.Context(), w.as(by), seen(c), ch, w.now)
	ok(w.t, err)
	return out
}

func (w *town) record(c Case, by string, f Fact) Case {
	w.t.Helper()
	out, err := w.Record(w.t.Context(), w.as(by), seen(c), f, w.now)
	ok(w.t, err)
	return out
}

// two makes the handlers of 红旗区 and, since that has one only, one of the city's.
func (w *town) two(c Case) Case {
	w.t.Helper()
	out, err := w.Assign(w.t.Context(), w.as("hongqi.handler"), seen(c), []string{w.id("hongqi.handler"), w.id("lead.handler")}, w.now)
	ok(w.t, err)
	return out
}

// investigating is a case under investigation.
func (w *town) investigating(d Draft) Case {
	w.t.Helper()
	d.Filed = true
	return w.move(w.two(w.opened(d)), "hongqi.approver", Change{To: Investigating})
}
