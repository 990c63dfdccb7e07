package campaign

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"ipcredit/shared/citytest"
	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/liaison"
	"ipcredit/shared/objects"
	"ipcredit/shared/redistest"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
	"ipcredit/shared/workday"
)

var noon = time.Date(2026, 5, 20, 4, 0, 0, 0, time.UTC)

func day(s string) workday.Date { return workday.MustDate(s) }

var ok = citytest.OK

func TestStandingOfATask(t *testing.T) {
	t.Parallel()
	due := day("2026-05-20")
	for _, tt := range []struct {
		name    string
		reached string
		today   string
		closed  bool
		want    Standing
	}{
		{"on its day", "", "2026-05-20", false, OnTime},
		{"the day after", "", "2026-05-21", false, Overdue},
		{"reached on its day", "2026-05-20", "2026-06-01", false, Reached},
		{"reached a day late", "2026-05-21", "2026-06-01", true, Late},
		{"closed before its day", "", "2026-05-19", true, Missed},
		{"closed after its day", "", "2026-05-21", true, Missed},
	} {
		task := Task{Target: 10, Due: due}
		if tt.reached != "" {
			task.Reached = day(tt.reached)
		}
		if got := task.Standing(day(tt.today), tt.closed); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestPercentNeverSaysAllForLess(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ done, target, want int }{{0, 10, 0}, {999, 1000, 99}, {1000, 1000, 100}, {1001, 1000, 100}, {25, 10, 250}, {5, 0, 0}, {1_000_000, 1, 100_000_000}} {
		if got := (Task{Done: tt.done, Target: tt.target}).Percent(); got != tt.want {
			t.Errorf("%d of %d: %d", tt.done, tt.target, got)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		task := Task{Done: rapid.IntRange(0, 10_000).Draw(t, "done"), Target: rapid.IntRange(1, 10_000).Draw(t, "target")}
		if (task.Percent() >= 100) != (task.Done >= task.Target) {
			t.Fatalf("%+v: %d", task, task.Percent())
		}
	})
}

// TestEntriesAddUp: whatever the order and the corrections, Done is the sum, and
// the day of reaching is that of the entry that last brought it to the target.
func TestEntriesAddUp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		task := Task{Target: rapid.IntRange(1, 20).Draw(t, "target")}
		sum := 0
		for i, add := range rapid.SliceOfN(rapid.IntRange(-5, 9), 0, 20).Draw(t, "adds") {
			if sum+add < 0 {
				continue
			}
			before := task
			sum += add
			task = task.add(Entry{Add: add, On: day("2026-05-01").AddDays(i)})
			if task.Done != sum || task.Reached.IsZero() != (sum < task.Target) {
				t.Fatalf("%+v after %d", task, sum)
			}
			if before.Done >= task.Target && task.Done >= task.Target && task.Reached != before.Reached {
				t.Fatal("reaching it again moved the day")
			}
		}
	})
}

type town struct {
	*Store
	t     testing.TB
	rdb   *redis.Client
	staff citytest.Staff
}

func newTown(t testing.TB, rdb *redis.Client) *town {
	t.Helper()
	buckets, err := objects.Open(objects.Config{Dir: t.TempDir()})
	ok(t, err)
	j := journal.New(rdb, "410700", journal.Options{})
	w := &town{t: t, rdb: rdb, staff: citytest.NewStaff(t, j, noon)}
	units := tipoff.Units(citytest.Recipients(citytest.Identities()))
	w.Store = New(j, liaison.NewSafe(seal.NewKeys(buckets.Keys), "410700", units, citytest.Identities()[citytest.Escrow].Recipient(), citytest.Identities()), w.staff.Store)
	return w
}

func (w *town) actor(name string) staff.Actor {
	w.t.Helper()
	return w.staff.As(w.t, name)
}

func (w *town) inbox(name, kind string) int {
	w.t.Helper()
	return w.staff.Told(w.t, name, kind)
}

func plan() Plan {
	return Plan{
		Name: "2026年知识产权代理行业整治专项行动", From: day("2026-05-01"), To: day("2026-10-31"), Basis: Basis{"新测知联〔2026〕3号", "专项行动方案", day("2026-04-28")},
		Tasks: []Task{
			{District: "410702", Measure: "agencies", Target: 3, Due: day("2026-06-30")},
			{District: "410711", Measure: "agencies", Target: 2, Due: day("2026-05-20")},
			{District: "410702", Measure: "leads", Target: 5, Due: day("2026-10-31")},
		},
	}
}

const secretText = "样例进展说明丙丁"

func has(err error, kind fault.Kind, code string) bool {
	f, is := fault.Of(err)
	return is && f.Kind == kind && (f.Code == code || slices.ContainsFunc(f.Fields, func(x fault.Field) bool { return x.Code == code }))
}

func TestCampaignFromPlanToClosing(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		w := newTown(t, rdb)
		ctx := t.Context()
		c, err := w.Create(ctx, w.actor("lead.handler"), plan(), noon)
		ok(t, err)
		if _, err := w.Enter(ctx, w.actor("hongqi.handler"), c.ID, c.Version, Entry{Task: "1", On: day("2026-05-20"), Add: 1}, "", noon); !has(err, fault.Conflict, "campaign.step") {
			t.Errorf("progress before the start: %v", err)
		}
		p := plan()
		p.Tasks[0].Target = 4
		c, err = w.Edit(ctx, w.actor("lead.handler"), c.ID, c.Version, p, noon)
		ok(t, err)
		c, err = w.Start(ctx, w.actor("lead.handler"), c.ID, c.Version, noon)
		ok(t, err)
		if w.inbox("hongqi.handler", "campaign.start") != 1 || w.inbox("weibin.handler", "campaign.start") != 0 {
			t.Error("the districts with tasks are told, the others are not")
		}
		for _, tt := range []struct {
			name, by, task, on string
			add                int
			kind               fault.Kind
			code               string
		}{
			{"another district", "muye.handler", "1", "2026-05-20", 1, fault.Forbidden, "staff.can.division"},
			{"a department", "science.handler", "1", "2026-05-20", 1, fault.Forbidden, "staff.can.org"},
			{"no such task", "hongqi.handler", "9", "2026-05-20", 1, fault.Invalid, "campaign.choice"},
			{"tomorrow", "hongqi.handler", "1", "2026-05-21", 1, fault.Invalid, "campaign.entry.on"},
			{"before it began", "hongqi.handler", "1", "2026-04-30", 1, fault.Invalid, "campaign.entry.on"},
			{"nothing", "hongqi.handler", "1", "2026-05-20", 0, fault.Invalid, "campaign.entry.add"},
			{"taking away what is not there", "hongqi.handler", "1", "2026-05-20", -1, fault.Invalid, "campaign.entry.add"},
		} {
			if _, err := w.Enter(ctx, w.actor(tt.by), c.ID, c.Version, Entry{Task: tt.task, On: day(tt.on), Add: tt.add}, "", noon); !has(err, tt.kind, tt.code) {
				t.Errorf("%s: %v", tt.name, err)
			}
		}
		stale := c.Version
		c, err = w.Enter(ctx, w.actor("hongqi.handler"), c.ID, c.Version, Entry{Task: "1", On: day("2026-05-01"), Add: 4}, secretText, noon)
		ok(t, err)
		if _, err := w.Enter(ctx, w.actor("hongqi.handler"), c.ID, stale, Entry{Task: "1", On: day("2026-05-01"), Add: 4}, "", noon); !has(err, fault.Stale, "campaign.stale") {
			t.Errorf("entered twice: %v", err)
		}
		c, err = w.Enter(ctx, w.actor("hongqi.handler"), c.ID, c.Version, Entry{Task: "1", On: day("2026-05-20"), Add: -1}, "", noon)
		ok(t, err)
		if c.Tasks[0].Done != 3 || !c.Tasks[0].Reached.IsZero() {
			t.Errorf("corrected: %+v", c.Tasks[0])
		}
		totals := c.Totals("", day("2026-05-21"))
		if want := []Total{{Measure: "agencies", Target: 6, Done: 3, Tasks: 2, Overdue: 1}, {Measure: "leads", Target: 5, Tasks: 1}}; !slices.Equal(totals, want) {
			t.Errorf("totals %+v", totals)
		}
		redistest.Grep(t, rdb, secretText)
		o, err := w.Open(ctx, w.actor("hongqi.handler"), c.ID, noon)
		ok(t, err)
		if len(o.Lines) != 2 || o.Lines[1].Text != secretText || len(o.Mine) != 2 || slices.Contains(o.Steps, "close") {
			t.Errorf("%+v %v", o.Lines, o.Steps)
		}
		if _, err := w.Open(ctx, w.actor("weibin.handler"), c.ID, noon); !fault.Is(err, fault.Forbidden) {
			t.Errorf("a district without a task: %v", err)
		}
		for _, by := range []string{"lead.handler", "hongqi.approver"} {
			if _, err := w.Close(ctx, w.actor(by), c.ID, c.Version, "总结", noon); !fault.Is(err, fault.Forbidden) {
				t.Errorf("%s closes: %v", by, err)
			}
		}
		if _, err := w.Close(ctx, w.actor("lead.approver"), c.ID, c.Version, " ", noon); !has(err, fault.Invalid, "campaign.required") {
			t.Errorf("closed without a word: %v", err)
		}
		c, err = w.Close(ctx, w.actor("lead.approver"), c.ID, c.Version, "总结如下", noon)
		ok(t, err)
		if _, err := w.Enter(ctx, w.actor("hongqi.handler"), c.ID, c.Version, Entry{Task: "1", On: day("2026-05-20"), Add: 1}, "", noon); !has(err, fault.Conflict, "campaign.step") {
			t.Errorf("progress after the end: %v", err)
		}
		if o, err = w.Open(ctx, w.actor("hongqi.handler"), c.ID, noon); err != nil || o.Result != "总结如下" || len(o.Steps) != 0 {
			t.Errorf("%+v, %v", o.Steps, err)
		}
		if list, err := w.List(ctx, w.actor("weibin.handler"), "", noon); err != nil || len(list) != 0 {
			t.Errorf("a district without a task lists %v, %v", list, err)
		}
	})
}

func TestPlanIsRefused(t *testing.T) {
	t.Parallel()
	w := newTown(t, redistest.Embedded(t))
	for name, tt := range map[string]struct {
		change func(*Plan)
		code   string
	}{
		"no document":            {func(p *Plan) { p.Basis.Number = "" }, "campaign.basis"},
		"number of another form": {func(p *Plan) { p.Basis.Number = "3号文" }, "ident.docno.form"},
		"document of tomorrow":   {func(p *Plan) { p.Basis.On = day("2026-05-21") }, "campaign.basis.on"},
		"no name":                {func(p *Plan) { p.Name = " " }, "campaign.required"},
		"ends before":            {func(p *Plan) { p.To = day("2026-04-30") }, "campaign.span"},
		"no end":                 {func(p *Plan) { p.To = workday.Date{} }, "campaign.date"},
		"no task":                {func(p *Plan) { p.Tasks = nil }, "campaign.tasks"},
		"a district elsewhere":   {func(p *Plan) { p.Tasks[0].District = "420100" }, "campaign.district"},
		"no target":              {func(p *Plan) { p.Tasks[0].Target = 0 }, "campaign.target"},
		"due before":             {func(p *Plan) { p.Tasks[0].Due = day("2026-04-30") }, "campaign.due"},
		"due after":              {func(p *Plan) { p.Tasks[0].Due = day("2026-11-01") }, "campaign.due"},
		"the same task twice":    {func(p *Plan) { p.Tasks = append(p.Tasks, p.Tasks[0]) }, "campaign.twice"},
		"another measure":        {func(p *Plan) { p.Tasks[0].Measure = "smiles" }, "campaign.choice"},
	} {
		p := plan()
		tt.change(&p)
		if _, err := w.Create(t.Context(), w.actor("lead.handler"), p, noon); !has(err, fault.Invalid, tt.code) {
			t.Errorf("%s: %v", name, err)
		}
	}
	p := plan()
	p.Tasks = p.Tasks[:1]
	if _, err := w.Create(t.Context(), w.actor("muye.handler"), p, noon); !has(err, fault.Invalid, "campaign.district") {
		t.Errorf("a district sets a task for another: %v", err)
	}
	if _, err := w.Create(t.Context(), w.actor("science.handler"), plan(), noon); !fault.Is(err, fault.Forbidden) {
		t.Errorf("a department: %v", err)
	}
	late := plan()
	c, err := w.Create(t.Context(), w.actor("lead.handler"), late, noon)
	ok(t, err)
	if _, err := w.Start(t.Context(), w.actor("lead.handler"), c.ID, c.Version, day("2026-11-01").Start().Add(time.Hour)); !has(err, fault.Refused, "campaign.over") {
		t.Errorf("started after its end: %v", err)
	}
}

func joint() InspectionPlan {
	return InspectionPlan{
		Name: "代理机构联合检查", From: day("2026-05-18"), To: day("2026-05-29"), Basis: Basis{"新测知联〔2026〕4号", "联合检查方案", day("2026-05-10")}, Orgs: []string{"science", "police"},
		Sites: []Site{{Code: "91410771MA00AAA104", Name: "虚构甲科技有限公司"}, {Code: "91410702MA00AAC13T", Name: "虚构丙有限公司"}},
	}
}

func TestJointInspectionFromInvitationToEnd(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		w := newTown(t, rdb)
		ctx := t.Context()
		do := func(i Inspection, err error) Inspection { t.Helper(); ok(t, err); return i }
		i := do(w.Plan(ctx, w.actor("lead.handler"), joint(), noon))
		if w.inbox("science.handler", "campaign.invited") != 1 || w.inbox("health.handler", "campaign.invited") != 0 {
			t.Error("who is invited is told, nobody else")
		}
		if _, err := w.OpenInspection(ctx, w.actor("health.handler"), i.ID, noon); !fault.Is(err, fault.NotFound) {
			t.Errorf("who is not invited: %v", err)
		}
		if _, err := w.Begin(ctx, w.actor("lead.handler"), i.ID, i.Version, noon); !has(err, fault.Refused, "campaign.alone") {
			t.Errorf("begun alone: %v", err)
		}
		if _, err := w.Join(ctx, w.actor("science.handler"), i.ID, i.Version, true, []string{" "}, noon); !has(err, fault.Invalid, "campaign.people") {
			t.Errorf("taking part with nobody: %v", err)
		}
		i = do(w.Join(ctx, w.actor("science.handler"), i.ID, i.Version, true, []string{"钱演示甲", "冯演示乙"}, noon))
		redistest.Grep(t, rdb, "钱演示甲")
		i = do(w.Join(ctx, w.actor("police.handler"), i.ID, i.Version, false, nil, noon))
		if i.Stage != Ready || !slices.Equal(i.Taking(), []string{"lead", "science"}) {
			t.Errorf("%s %v", i.Stage, i.Taking())
		}
		finding := Finding{Outcome: "nothing", On: day("2026-05-20"), Text: secretText}
		if _, err := w.Find(ctx, w.actor("science.handler"), i.ID, i.Version, joint().Sites[0].Code, finding, noon); !has(err, fault.Conflict, "campaign.step") {
			t.Errorf("found before it began: %v", err)
		}
		if _, err := w.Begin(ctx, w.actor("science.handler"), i.ID, i.Version, noon); !fault.Is(err, fault.Forbidden) {
			t.Errorf("begun by a guest: %v", err)
		}
		i = do(w.Begin(ctx, w.actor("lead.handler"), i.ID, i.Version, noon))
		if _, err := w.Find(ctx, w.actor("police.handler"), i.ID, i.Version, joint().Sites[0].Code, finding, noon); !has(err, fault.Conflict, "campaign.step") {
			t.Errorf("found by who does not take part: %v", err)
		}
		tied := w.actor("science.handler")
		tied.User.Employer = staff.Party{Code: joint().Sites[0].Code}
		if _, err := w.Find(ctx, tied, i.ID, i.Version, joint().Sites[0].Code, finding, noon); !has(err, fault.Forbidden, "staff.can.tied") {
			t.Errorf("at his employer: %v", err)
		}
		for _, s := range i.Sites {
			i = do(w.Find(ctx, w.actor("science.handler"), i.ID, i.Version, s.Code, finding, noon))
		}
		if _, err := w.Finish(ctx, w.actor("lead.handler"), i.ID, i.Version, noon); !has(err, fault.Refused, "campaign.missing") {
			t.Errorf("finished with findings missing: %v", err)
		}
		grave := finding
		grave.Outcome = "lead"
		i = do(w.Find(ctx, w.actor("lead.handler"), i.ID, i.Version, i.Sites[0].Code, grave, noon))
		i = do(w.Find(ctx, w.actor("lead.handler"), i.ID, i.Version, i.Sites[1].Code, finding, noon))
		if _, err := w.Finish(ctx, w.actor("lead.handler"), i.ID, i.Version, noon); !has(err, fault.Refused, "campaign.owed") {
			t.Errorf("finished with a lead left: %v", err)
		}
		i = do(w.FollowUp(ctx, w.actor("lead.handler"), i.ID, i.Version, i.Sites[0].Code, "AJ410700-2026-00001", noon))
		i = do(w.Finish(ctx, w.actor("lead.handler"), i.ID, i.Version, noon))
		if got := fmt.Sprint(i.Result()); got != "map[lead:1 nothing:3]" {
			t.Errorf("result %s", got)
		}
		redistest.Grep(t, rdb, secretText)
		o, err := w.OpenInspection(ctx, w.actor("science.handler"), i.ID, noon)
		if err != nil || strings.Join(o.People["science"], " ") != "钱演示甲 冯演示乙" || o.Texts[i.Sites[0].Code]["lead"] != secretText {
			t.Errorf("%+v, %v", o.People, err)
		}
		if list, err := w.Inspections(ctx, w.actor("muye.handler"), "", noon); err != nil || len(list) != 0 {
			t.Errorf("a bureau that takes no part: %v, %v", list, err)
		}
	})
}

func TestInspectionPlanIsRefused(t *testing.T) {
	t.Parallel()
	w := newTown(t, redistest.Embedded(t))
	for name, tt := range map[string]struct {
		change func(*InspectionPlan)
		code   string
	}{
		"nobody else":     {func(p *InspectionPlan) { p.Orgs = []string{"lead"} }, "campaign.parts"},
		"a subject":       {func(p *InspectionPlan) { p.Orgs = []string{"subject-jia"} }, "campaign.choice"},
		"no site":         {func(p *InspectionPlan) { p.Sites = nil }, "campaign.sites"},
		"a wrong code":    {func(p *InspectionPlan) { p.Sites[0].Code = "91410771MA00AAA105" }, "ident.uscc.check"},
		"a site twice":    {func(p *InspectionPlan) { p.Sites[1].Code = p.Sites[0].Code }, "campaign.twice"},
		"no basis":        {func(p *InspectionPlan) { p.Basis.Number = "" }, "campaign.basis"},
		"not a campaign":  {func(p *InspectionPlan) { p.Campaign = "c1" }, "campaign.choice"},
		"ends before":     {func(p *InspectionPlan) { p.To = day("2026-05-17") }, "campaign.span"},
		"a name too long": {func(p *InspectionPlan) { p.Name = strings.Repeat("检", 81) }, "campaign.long"},
	} {
		p := joint()
		tt.change(&p)
		if _, err := w.Plan(t.Context(), w.actor("lead.handler"), p, noon); !has(err, fault.Invalid, tt.code) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDemonstrationIsLoadedOnce(t *testing.T) {
	t.Parallel()
	w := newTown(t, redistest.Embedded(t))
	actor := func(name string) (staff.Actor, error) { return w.actor(name), nil }
	size := func() int64 { n, err := w.rdb.DBSize(t.Context()).Result(); ok(t, err); return n }
	ok(t, w.Demo(t.Context(), actor, noon))
	before := size()
	ok(t, w.Demo(t.Context(), actor, noon.Add(48*time.Hour)))
	if size() != before {
		t.Errorf("%d keys became %d", before, size())
	}
}
