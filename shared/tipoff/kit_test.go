package tipoff

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/evidence"
	"ipcredit/shared/journal"
	"ipcredit/shared/notary"
	"ipcredit/shared/objects"
	"ipcredit/shared/objects/objectstest"
	"ipcredit/shared/redistest"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// noon of a Monday with nothing near it.
var noon = time.Date(2026, 6, 1, 4, 0, 0, 0, time.UTC)

// town is a city with both halves at work.
type town struct {
	rdb      *redis.Client
	j        *journal.Journal
	buckets  *objects.Buckets
	keys     *seal.Keys
	intake   *Intake
	office   *Office
	log      *notary.Log
	evidence *evidence.Store
	units    map[string]seal.Identity
	escrow   seal.Identity
	custody  seal.Identity
	mac      []byte
	signing  *notary.Key
	asked    *asked
}

// asked counts the commands sent.
type asked struct{ atomic.Int64 }

func (a *asked) DialHook(next redis.DialHook) redis.DialHook { return next }

func (a *asked) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error { a.Add(1); return next(ctx, cmd) }
}

func (a *asked) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error { a.Add(int64(len(cmds))); return next(ctx, cmds) }
}

// away is a store that cannot be reached.
type away struct{ objects.Store }

func (away) Create(context.Context, string, []byte, objects.Attr) (objects.Info, error) {
	return objects.Info{}, errors.New("the store cannot be reached")
}

func evidenceDraft(to seal.Recipient) evidence.BoxSpec {
	return evidence.BoxSpec{For: evidence.Draft, To: to, Until: noon.Add(24 * time.Hour), By: "reporter"}
}

func newToken() string { return evidence.NewToken() }

func generate(t testing.TB) seal.Identity {
	t.Helper()
	id, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newTown(t testing.TB, rdb *redis.Client, buckets *objects.Buckets) *town {
	t.Helper()
	w := &town{
		rdb: rdb, j: journal.New(rdb, "410700", journal.Options{}), buckets: buckets, keys: seal.NewKeys(buckets.Keys),
		units:  map[string]seal.Identity{"410700": generate(t), "410702": generate(t), "410711": generate(t), Discipline: generate(t)},
		escrow: generate(t), custody: generate(t), mac: []byte(strings.Repeat("m", 32)), asked: new(asked),
	}
	rdb.AddHook(w.asked)
	secret, err := notary.NewKey("credit.example.cn/410700/intake")
	ok(t, err)
	w.signing, err = notary.ParseKey([]byte(secret))
	ok(t, err)
	w.log = notary.Open(w.j, buckets.Main, notary.Intake, w.signing)
	w.evidence = evidence.NewStore(w.j, buckets.Main, func() time.Time { return noon })
	units := Units{}
	for label, id := range w.units {
		units[label] = id.Recipient()
	}
	w.intake, err = NewIntake(w.j, w.keys, IntakeConfig{
		Units: units, Escrow: w.escrow.Recipient(), Custodian: w.custody.Recipient(), MAC: w.mac,
		Receipts: w.signing, Log: w.log, Evidence: w.evidence,
	})
	ok(t, err)
	w.office, err = NewOffice(w.j, w.keys, OfficeConfig{
		Identities: w.units, Units: units, Escrow: w.escrow.Recipient(), Custodian: w.custody,
		Log: notary.Open(w.j, nil, notary.Intake, nil), Evidence: w.evidence,
	})
	ok(t, err)
	return w
}

// desk is a town on the embedded server and a directory.
func desk(t testing.TB) *town {
	return newTown(t, redistest.Embedded(t), objectstest.Directory(t))
}

// everywhere runs body on both kinds of Redis and of object store. Where a part
// is not installed its subtest is skipped, and fails under REQUIRE_REAL.
func everywhere(t *testing.T, body func(t *testing.T, w *town)) {
	t.Helper()
	t.Run("embedded and directory", func(t *testing.T) { body(t, desk(t)) })
	t.Run("redis-server and minio", func(t *testing.T) { body(t, newTown(t, redistest.Real(t), objectstest.Real(t))) })
}

var keyNo atomic.Int64

// ticket is a key nobody guesses.
func ticket() string {
	return fmt.Sprintf("zQ7wXc3vBn5mKj8hGf2d-%06d-%d", keyNo.Add(1), os.Getpid())
}

const (
	canaryName      = "张样例"
	canaryPhone     = "19900001234"
	canaryNarrative = "样例星河以同一说明书提交三十件专利申请"
	canaryParty     = "样例星河知识产权代理有限公司"
)

func withoutName() Lodged {
	return Lodged{
		Kind: AbnormalFilingAgency, Anonymous: true, Narrative: canaryNarrative + "，发生在今年三月。",
		Parties: []Party{{Name: canaryParty}}, Place: "新乡市红旗区示例路1号", Numbers: []string{"202510999999.3"},
	}
}

func withName() Lodged {
	l := withoutName()
	l.Anonymous, l.Reporter = false, &Reporter{Name: canaryName, Contact: canaryPhone}
	return l
}

func (w *town) lodge(t testing.TB, l Lodged) Lodging {
	t.Helper()
	out, err := w.intake.Lodge(t.Context(), Submission{Key: ticket(), Lodged: l}, noon)
	ok(t, err)
	return out
}

func (l Lodging) claim() Claim { return Claim{Number: l.Number, Receipt: l.Receipt} }

// officer is somebody of a division's bureau, or of discipline inspection.
func officer(id, division string, roles ...staff.Role) staff.Actor {
	kind := staff.DistrictBureau
	switch division {
	case "410700":
		kind = staff.LeadBureau
	case Discipline:
		kind, division = staff.Discipline, "410700"
	}
	a := staff.Actor{
		User: staff.User{ID: id, Org: "o-" + division},
		Org:  staff.Organization{ID: "o-" + division, Kind: kind, Name: "测试" + division + "局", Divisions: []string{division}},
	}
	for _, r := range roles {
		a.User.Grants = append(a.User.Grants, staff.Grant{Role: r, Division: division})
	}
	return a
}

var (
	handler   = officer("u-handler", "410702", staff.Handler)
	approver  = officer("u-approver", "410702", staff.Approver)
	custodian = officer("u-custodian", "410702", staff.Custodian)
	clerk     = officer("u-intake", "410702", staff.Intake)
)

func day(s string) workday.Date { return workday.MustDate(s) }

// on is noon of a day in China.
func on(s string) time.Time { return day(s).Start().Add(12 * time.Hour) }

// walk takes a report through states.
func (w *town) walk(t testing.TB, number string, at time.Time, states ...State) {
	t.Helper()
	for _, s := range states {
		c := Change{To: s}
		if s.Decided() || s == OutOfScope {
			c.Answer = "答复：理由如下。"
		}
		ok(t, w.office.ChangeState(t.Context(), handler, number, c, at))
	}
}

func evidenceFor(in Lodging) evidence.BoxSpec {
	return evidence.BoxSpec{For: Ref(in.Number), To: in.To, Key: in.Report.Key, Until: noon.Add(24 * time.Hour), By: "reporter"}
}
