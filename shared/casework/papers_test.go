package casework

import (
	"fmt"
	"slices"
	"testing"

	"ipcredit/shared/fault"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
)

func TestDocumentsAreNumberedFrozenAndGoTogether(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *town) {
		ctx := t.Context()
		h := w.as("hongqi.handler")
		c := w.investigating(draft())
		c = w.move(c, "hongqi.handler", Change{To: Review})
		fields := map[string]string{"recipient": firmName, "facts": canaryFacts, "provisions": "商标法第六十条", "intended": "罚款"}
		_, _, err := w.Issue(ctx, h, seen(c), Issuing{Kind: PenaltyNotice, Fields: map[string]string{"recipient": firmName, "other": "x"}}, w.now)
		if f, is := fault.Of(err); !is || len(f.Fields) != 4 {
			t.Fatalf("%v", err)
		}
		_, _, err = w.Issue(ctx, h, seen(c), Issuing{Kind: ClosingForm, Fields: map[string]string{"facts": "x", "performance": "x", "opinion": "x"}}, w.now)
		refusedWith(t, err, "casework.document.state")
		_, _, err = w.Issue(ctx, h, seen(c), Issuing{Kind: PenaltyNotice, Fields: fields, Number: "新测罚告〔26〕1号"}, w.now)
		if f, is := fault.Of(err); !is || len(f.Fields) != 1 || f.Fields[0].Name != "number" {
			t.Fatalf("%v", err)
		}
		preview, err := w.Preview(ctx, h, c.Number, Issuing{Kind: PenaltyNotice, Fields: fields}, w.now)
		ok(t, err)
		c, docs, err := w.Issue(ctx, h, seen(c), Issuing{Kind: PenaltyNotice, Fields: fields}, w.now)
		ok(t, err)
		if len(docs) != 2 || docs[0].Number != "新红市监罚告〔2026〕1号" || docs[1].Kind != RepairNotice || docs[1].For != docs[0].N {
			t.Fatalf("%+v", docs)
		}
		c, docs, err = w.Issue(ctx, h, seen(c), Issuing{Kind: PenaltyNotice, Fields: fields}, w.now)
		ok(t, err)
		if docs[0].Number != "新红市监罚告〔2026〕2号" {
			t.Errorf("%+v", docs)
		}
		p, err := w.Print(ctx, w.as("hongqi.reviewer"), c.Number, 1, w.now)
		ok(t, err)
		if p.Document.Body["facts"] != canaryFacts || len(p.Attached) != 1 || p.Issuer != "新乡市红旗区市场监督管理局" || len(p.Basis) != 2 {
			t.Errorf("%+v", p)
		}
		if preview.Document.Number != "" || preview.Document.N != 0 || len(preview.Attached) != 1 || preview.Issuer != p.Issuer {
			t.Errorf("%+v", preview)
		}
	})
}

func TestAZonesActsAreItsCompetentBureaus(t *testing.T) {
	t.Parallel()
	w := desk(t)
	ctx := t.Context()
	a := w.as("hongqi.handler")
	d := draft()
	d.Division = "410771"
	_, err := w.Open(ctx, a, d, w.now)
	refusedWith(t, err, "casework.zone.address")
	// A firm with a code of the zone lies in no zone until an officer says so.
	d = draft()
	d.Parties[0].Code = "91410771MA00AAA104"
	c := w.opened(d)
	if c.Division != "410702" || c.Zone != nil {
		t.Fatalf("the credit code made a zone: %+v", c)
	}
	c, err = w.Claim(ctx, a, seen(c), w.now)
	ok(t, err)
	_, err = w.ConfirmZone(ctx, a, seen(c), "410702", "示例路1号", w.now)
	refusedWith(t, err, "casework.zone")
	c, err = w.ConfirmZone(ctx, a, seen(c), "410771", "示例路1号", w.now)
	ok(t, err)
	if c.Division != "410771" || c.Zone.By != a.User.ID || c.Unit != "410702" {
		t.Errorf("%+v", c)
	}
	// What the zone's own unit files waits for the confirmation, and is signed by
	// the city's bureau.
	g := w.as("gaoxin.handler")
	d = draft()
	d.Filed, d.Unit = true, "410771"
	z, err := w.Open(ctx, g, d, w.now)
	ok(t, err)
	z, err = w.Assign(ctx, g, seen(z), []string{g.User.ID, w.id("lead.handler")}, w.now)
	ok(t, err)
	_, err = w.Move(ctx, w.as("gaoxin.approver"), seen(z), Change{To: Investigating}, w.now)
	refusedWith(t, err, "casework.zone.open")
	z, err = w.ConfirmZone(ctx, g, seen(z), "410771", "示例路1号", w.now)
	ok(t, err)
	z = w.move(z, "gaoxin.approver", Change{To: Investigating})
	_, docs, err := w.Issue(ctx, g, seen(z), Issuing{Kind: NotifyLetter, Fields: map[string]string{"recipient": "样例公安局", "matter": "x"}}, w.now)
	ok(t, err)
	if docs[0].Number != "新市监通报〔2026〕1号" {
		t.Errorf("%+v", docs)
	}
}

func TestBulkAssignmentStopsForNobody(t *testing.T) {
	t.Parallel()
	w := desk(t)
	ctx := t.Context()
	a := w.as("hongqi.handler")
	var list []Seen
	for range 40 {
		list = append(list, seen(w.opened(draft())))
	}
	list[7].Version = 9
	results, err := w.AssignMany(ctx, a, list, []string{a.User.ID}, w.now)
	ok(t, err)
	for n, r := range results {
		if (r.Err != nil) != (n == 7) || n != 7 && !slices.Equal(r.Case.Handlers, []string{a.User.ID}) {
			t.Errorf("%d: %+v", n, r)
		}
	}
	rows, _, err := w.List(ctx, a, Filter{Unassigned: true}, w.now)
	ok(t, err)
	if len(rows) != 1 {
		t.Errorf("%d wait", len(rows))
	}
	back, err := w.Assign(ctx, a, seen(results[0].Case), nil, w.now)
	ok(t, err)
	if back.Owner() != "unit:410702" {
		t.Errorf("%+v", back)
	}
	if _, err := w.AssignMany(ctx, a, make([]Seen, 201), []string{a.User.ID}, w.now); err == nil {
		t.Error("201 at a time")
	}
}

func TestTheSameTicketOpensOneCase(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *town) {
		d := draft()
		d.Key = "ticket-of-the-form"
		one, two := w.opened(d), w.opened(d)
		if one.Number != two.Number {
			t.Errorf("%s and %s", one.Number, two.Number)
		}
		d.Numbers = []string{"202510999999.4"}
		_, err := w.Open(t.Context(), w.as("hongqi.handler"), d, w.now)
		if f, is := fault.Of(err); !is || f.Fields[0].Name != "numbers/0" {
			t.Errorf("a wrong check digit: %v", err)
		}
	})
}

func TestTemplatesKeepTheirVersions(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *town) {
		ctx := t.Context()
		a := w.as("lead.handler")
		all, err := w.Templates(ctx, false)
		ok(t, err)
		first := all[0]
		first.Text = "{party}：案件 {number}。{unit}"
		saved, err := w.SaveTemplate(ctx, a, first, w.now)
		ok(t, err)
		if _, err := w.SaveTemplate(ctx, a, first, w.now); !fault.Is(err, fault.Stale) {
			t.Errorf("changed what was changed: %v", err)
		}
		saved.Retired = true
		saved, err = w.SaveTemplate(ctx, a, saved, w.now)
		ok(t, err)
		versions, err := w.TemplateVersions(ctx, first.ID)
		ok(t, err)
		now, err := w.Templates(ctx, false)
		ok(t, err)
		if len(versions) != 3 || versions[0].Version != 2 || versions[2].Version != 0 || len(now) != len(all)-1 {
			t.Errorf("%+v, %d of %d", versions, len(now), len(all))
		}
		own, err := w.SaveTemplate(ctx, a, Template{Title: "自拟", Text: "x"}, w.now)
		ok(t, err)
		if own.ID == "" || own.Version != 1 {
			t.Errorf("%+v", own)
		}
		if _, err := w.SaveTemplate(ctx, w.as("lead.intake"), Template{Title: "自拟", Text: "x"}, w.now); !fault.Is(err, fault.Forbidden) {
			t.Errorf("%v", err)
		}
		got := saved.Fill(Row{Case: Case{Number: "AJ1"}}, "某局", "某公司", day("2026-05-20"))
		if got != "某公司：案件 AJ1。某局" {
			t.Error(got)
		}
	})
}

func TestErasureEndsWhatWasSealedForGood(t *testing.T) {
	t.Parallel()
	w := desk(t)
	ctx := t.Context()
	c := w.opened(draft())
	_, err := w.Erase(ctx, w.as("hongqi.approver"), seen(c), on2("2099-05-20"))
	refusedWith(t, err, "casework.erase.open") // however old it is
	c = w.move(c, "hongqi.approver", Change{To: NotFiled})
	// Ten years from 2026-05-20, and not on the last day.
	_, err = w.Erase(ctx, w.as("hongqi.approver"), seen(c), on2("2036-05-20"))
	refusedWith(t, err, "casework.erase.early")
	for at, want := range map[string]bool{"2036-05-20": false, "2036-05-21": true} {
		f, err := w.Get(ctx, w.as("hongqi.approver"), c.Number, on2(at))
		ok(t, err)
		if slices.Contains(f.Can, "erase") != want {
			t.Errorf("%s: offered: %v", at, f.Can)
		}
	}
	c, err = w.Erase(ctx, w.as("hongqi.approver"), seen(c), on2("2036-05-21"))
	ok(t, err)
	f, err := w.Get(ctx, w.as("hongqi.handler"), c.Number, on2("2036-05-22"))
	ok(t, err)
	if f.Facts != "" || len(f.Notes) != 0 || f.Case.ErasedOn != day("2036-05-21") {
		t.Errorf("%+v", f)
	}
}

// now2 is a day n days before today.
func (w *town) now2(n int) (d dayOf) { return day(w.now.Format("2006-01-02")).AddDays(-n) }

func BenchmarkListOfFiveThousandOpenCases(b *testing.B) {
	w := newTown(b, realOrEmbedded(b))
	a := w.as("hongqi.handler")
	rules, err := w.Rules(b.Context())
	ok(b, err)
	for n := range 5000 {
		c := Case{
			Number: fmt.Sprintf("AJ410702-2026-%05d", n+1), Kind: Kinds()[n%7], Source: OwnCheck, Unit: "410702", Division: "410702",
			ReceivedOn: day("2026-05-20").AddDays(-n % 20), Tags: []string{"industry:C"}, Parties: []Party{{Name: firmName, Code: firm, Role: Respondent}},
		}
		c.reach(Lead, day("2026-05-20"), "system")
		ok(b, w.j.Commit(b.Context(), entry(a, "casework.open", w.now), nil, putting(w, c, rules)))
	}
	for name, f := range map[string]Filter{"first page": {}, "kind and tag": {Kind: tipoff.Counterfeit, Tag: "industry:C"}, "party": {Party: firm, State: Lead}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				rows, _, err := w.List(b.Context(), a, f, w.now)
				if err != nil || len(rows) != 50 {
					b.Fatal(len(rows), err)
				}
			}
		})
	}
}

func TestASmallOfficesCaseIsReviewedAndDecidedAbove(t *testing.T) {
	t.Parallel()
	w := desk(t)
	ctx := t.Context()
	g := w.as("gaoxin.handler") // of a zone without a reviewer
	d := draft()
	d.Unit, d.Filed = "410771", true
	c, err := w.Open(ctx, g, d, w.now)
	ok(t, err)
	c, err = w.Assign(ctx, g, seen(c), []string{g.User.ID, w.id("lead.handler")}, w.now)
	ok(t, err)
	c, err = w.ConfirmZone(ctx, g, seen(c), "410771", "示例路1号", w.now)
	ok(t, err)
	c = w.move(c, "gaoxin.approver", Change{To: Investigating})
	c = w.move(c, "gaoxin.handler", Change{To: Review})
	// Whoever was lent handles it and does not review it.
	lent := w.as("lead.handler")
	lent.User.Grants = append(lent.User.Grants, staff.Grant{Role: staff.Reviewer, Division: "410700"})
	if _, err := w.Move(ctx, lent, seen(c), Change{To: Notice}, w.now); !fault.Is(err, fault.Forbidden) {
		t.Fatalf("the lent officer reviewed what he handles: %v", err)
	}
	reviewer := w.as("lead.reviewer")
	f, err := w.Get(ctx, reviewer, c.Number, w.now)
	ok(t, err)
	if f.Facts != canaryFacts || !slices.ContainsFunc(f.Next, func(n Next) bool { return n.To == Notice }) {
		t.Errorf("the reviewer of the unit above sees %+v", f.Next)
	}
	rows, _, err := w.List(ctx, reviewer, Filter{State: Review}, w.now)
	ok(t, err)
	if len(rows) != 1 || !rows[0].MayOpen {
		t.Errorf("and does not find it: %+v", rows)
	}
	w.move(c, "lead.reviewer", Change{To: Notice})
	// A district that has its own reviewer keeps its cases to itself.
	own := w.opened(draft())
	if _, err := w.Get(ctx, reviewer, own.Number, w.now); !fault.Is(err, fault.Forbidden) {
		t.Errorf("the city reads a district's case: %v", err)
	}
}

func TestNobodyIsCalledSomethingElseToEscapeTheProvince(t *testing.T) {
	t.Parallel()
	w := desk(t)
	d := draft()
	d.Kind, d.Target = tipoff.AbnormalFilingAgency, TrademarkAgency
	_, err := w.Open(t.Context(), w.as("hongqi.handler"), d, w.now)
	refusedWith(t, err, "casework.target.kind")
	for _, k := range Kinds() {
		if len(TargetsOf(k)) == 0 {
			t.Errorf("%s has no target", k)
		}
	}
}
