package function

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"ipcredit/shared/clock"
	"ipcredit/shared/credit"
	"ipcredit/shared/evidence"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/page"
	"ipcredit/shared/repair"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// applicationRoutes are a subject's applications for repair.
func (d *desk) applicationRoutes(m *fn.Mux) {
	m.Handle("GET /applications", d.signed(d.applications))
	m.Handle("GET /applications/new", d.signed(d.newApplication))
	m.Handle("POST /applications", d.signed(d.file))
	m.Handle("GET /applications/{no}", d.signed(d.application))
	m.Handle("GET /applications/{no}/{paper}", d.signed(d.print))
	m.Handle("POST /applications/{no}/{action}", d.signed(d.act))
}

type applicationsPage struct {
	base
	List []repair.Application
	Next string
}

func (d *desk) applications(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	p := applicationsPage{base: d.base(r, a)}
	var err error
	if p.List, p.Next, err = d.repair.Of(r.Context(), a, r.URL.Query().Get("cursor"), pageSize, d.env.Now()); err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "repair-applications", p)
}

type newPage struct {
	base
	Profile credit.Profile
	Lines   []repair.Line
	Papers  []repair.Paper
	// Court says that a firm can apply on a court's ruling today.
	Court bool
	// Register is the officers' form for what came from 信用中国.
	Register bool
	Code     string
}

// Options are the records that can be chosen, or could not be yet, with why.
func (p newPage) Options(lang page.Lang) []map[string]string {
	var out []map[string]string
	for _, l := range p.Lines {
		if l.Open != "" {
			continue
		}
		hint := page.Say(lang, "credit-repair.new.can")
		if len(l.Standing.Reasons) > 0 {
			hint = why(lang, l.Standing.Reasons[0])
		}
		out = append(out, map[string]string{"Value": l.ID, "Text": page.Say(lang, "credit.act."+l.Act) + " " + l.InstrumentNo, "Hint": hint})
	}
	return out
}

// why words a reason, with the day that it names.
func why(lang page.Lang, reason repair.Reason) string {
	if reason.On.IsZero() {
		return page.Say(lang, reason.Key())
	}
	return page.Say(lang, reason.Key(), reason.On.String())
}

func (d *desk) newPage(r *http.Request, a staff.Actor) (newPage, error) {
	p := newPage{base: d.base(r, a)}
	var err error
	if p.Profile, p.Lines, err = d.repair.Lines(r.Context(), a, d.env.Now()); err != nil {
		return p, err
	}
	return p, d.fillNew(r, &p)
}

func (d *desk) fillNew(r *http.Request, p *newPage) error {
	rules, err := d.repair.Rules(r.Context())
	if err != nil {
		return err
	}
	today := workday.DateOf(d.env.Now())
	p.Court = rules.MayWhilePerforming(today)
	for _, l := range p.Lines {
		if l.Standing.Route == "" {
			continue
		}
		list, err := rules.Needed(repair.Application{Route: l.Standing.Route, FiledOn: today})
		if err != nil {
			return err
		}
		for _, paper := range list {
			if !slices.Contains(p.Papers, paper) {
				p.Papers = append(p.Papers, paper)
			}
		}
	}
	return nil
}

// newApplication is the form, prefilled with the subject and the records chosen.
func (d *desk) newApplication(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := staff.Can(a, staff.RepairFile, staff.Resource{Subject: a.Org.Code}, d.env.Now()); err != nil {
		return err
	}
	p, err := d.newPage(r, a)
	if err != nil {
		return err
	}
	p.Form = page.NewForm(url.Values{"records": r.URL.Query()["record"]})
	return d.pages.Show(w, r, http.StatusOK, "repair-new", p)
}

// order reads the form.
func order(r *http.Request) (repair.Order, error) {
	f := r.PostForm
	in := repair.Order{Records: slices.Clone(f["records"]), Corrected: f.Get("corrected") != "", Performed: f.Get("performed") != "", Removed: f.Get("removed") != ""}
	court, no := strings.TrimSpace(f.Get("court")), strings.TrimSpace(f.Get("ruling"))
	on, err := date(r, "rulingOn")
	if err != nil {
		return in, err
	}
	if court != "" || no != "" || !on.IsZero() {
		in.Bankruptcy = &repair.Bankruptcy{Court: court, No: no, On: on}
	}
	return in, nil
}

func (d *desk) file(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	in, err := order(r)
	var made repair.Application
	if err == nil {
		made, err = d.repair.File(r.Context(), a, in, d.env.Now())
	}
	if err != nil {
		if !fn.WantsHTML(r) {
			return err
		}
		p, e := d.newPage(r, a)
		if e != nil {
			return e
		}
		status, err := refused(r, &p.base, err)
		if err != nil {
			return err
		}
		return d.pages.Show(w, r, status, "repair-new", p)
	}
	return d.see(w, r, "/applications", made.No, done("filed"))
}

// paperLine is a paper of an application with what came of it.
type paperLine struct {
	Paper repair.Paper
	Has   bool
	Asked bool
	// Upload says that it is uploaded and not made here.
	Upload bool
	Handed []repair.Handed
	// Arrived are boxes whose files are whole and not handed in yet.
	Arrived []arrived
}

type arrived struct {
	Box   string
	Files int
}

type applicationPage struct {
	base
	A       repair.Application
	Records []credit.Record
	Papers  []paperLine
	Clocks  []clock.Clock
	Today   workday.Date
	// MayFile, MaySign and Uploads tell what the reader can do.
	MayFile, MaySign, Uploads bool
	// Ledger is the number of its commitment in the public ledger, "" for none.
	Ledger string
	// Bureau is the name of the organisation that handles it.
	Bureau string
	rules  repair.Rules
	// For officers.
	desking
}

// Ground is the provision that a reason of the application stands on.
func (p applicationPage) Ground(reason repair.Reason) repair.Ground {
	g, _ := p.rules.Ground(reason.Code, p.A.Route, p.A.FiledOn)
	return g
}

// Matter begins the keys of the clocks' words.
func (p applicationPage) Matter() string { return "repair" }

// MadeForm tells that the form is one of the papers, with its link beside it. Where it
// is none, it can be printed all the same.
func (p applicationPage) MadeForm() bool {
	return slices.ContainsFunc(p.Papers, func(l paperLine) bool { return l.Paper == repair.Form })
}

// Basis is the law of the application's route, as papers write it.
func (p applicationPage) Basis() string {
	if len(p.A.Rules) == 0 {
		return ""
	}
	rule, _ := ruleset.Shipped().Ref(p.A.Rules[0])
	return rule.Source
}

// Undoing is what taking an approval back stands on, as papers write it.
func (p applicationPage) Undoing() string {
	rule, ok := ruleset.For("repair-revocation", p.A.ClosedOn)
	if !ok {
		return ""
	}
	return rule.Source + "，" + rule.Article
}

// Count numbers reasons as papers do, where there is more than one.
func (p applicationPage) Count(i int) string {
	if len(p.A.Reasons) < 2 {
		return ""
	}
	return "（" + strconv.Itoa(i+1) + "）"
}

// SignedOn is the day of the signature, as papers write it.
func (p applicationPage) SignedOn() string {
	if p.A.Signed == nil {
		return ""
	}
	return p.CN(workday.DateOf(p.A.Signed.At))
}

func (d *desk) applicationPage(r *http.Request, a staff.Actor) (applicationPage, error) {
	ctx, now := r.Context(), d.env.Now()
	p := applicationPage{base: d.base(r, a), Today: workday.DateOf(now), Uploads: d.evidence != nil}
	var err error
	if p.A, err = d.repair.Get(ctx, a, r.PathValue("no"), now); err != nil {
		return p, err
	}
	rules, err := d.repair.Rules(ctx)
	if err != nil {
		return p, err
	}
	p.rules = rules
	if p.Clocks, err = rules.Clocks(p.A, p.Today); err != nil {
		return p, err
	}
	needed, err := rules.Needed(p.A)
	if err != nil {
		return p, err
	}
	for _, paper := range needed {
		l := paperLine{Paper: paper, Has: p.A.Has(paper), Asked: slices.Contains(p.A.Asked, paper),
			Upload: paper != repair.Form && paper != repair.Commitment}
		for _, h := range p.A.Papers {
			if h.Paper == paper {
				l.Handed = append(l.Handed, h)
			}
		}
		if l.Upload && p.A.State.Open() && p.Subject() {
			if l.Arrived, err = d.arrived(r, p.A, paper); err != nil {
				return p, err
			}
		}
		p.Papers = append(p.Papers, l)
	}
	profile, err := d.repair.Profile(ctx, p.A)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return p, err
	}
	for _, x := range profile.Records {
		if slices.Contains(p.A.Records, x.ID) {
			p.Records = append(p.Records, x)
		}
	}
	if unit, found, err := d.staff.Unit(ctx, p.A.Unit); err != nil {
		return p, err
	} else if found {
		p.Bureau = unit.Name
	}
	if p.Ledger, err = d.promises.OfApplication(ctx, p.A.No); err != nil {
		return p, err
	}
	p.MayFile = p.Subject() && p.A.State.Open() && d.repair.May(ctx, a, staff.RepairFile, p.A, now)
	p.MaySign = p.MayFile && p.A.Signed == nil && d.repair.May(ctx, a, staff.RepairSign, p.A, now)
	return p, nil
}

// boxFor names the boxes of a paper.
func boxFor(no string, paper repair.Paper) string { return repair.Ref(no) + ":" + string(paper) }

// arrived are the boxes of a paper that hold whole files and were not handed in.
func (d *desk) arrived(r *http.Request, a repair.Application, paper repair.Paper) ([]arrived, error) {
	all, err := d.whole(r, boxFor(a.No, paper))
	return slices.DeleteFunc(all, func(x arrived) bool {
		return slices.ContainsFunc(a.Papers, func(h repair.Handed) bool { return h.Box == x.Box })
	}), err
}

// whole are the boxes of something that hold whole files.
func (d *desk) whole(r *http.Request, what string) ([]arrived, error) {
	if d.evidence == nil {
		return nil, nil
	}
	boxes, err := d.evidence.Boxes(r.Context(), what)
	if err != nil {
		return nil, err
	}
	var out []arrived
	for _, b := range boxes {
		if b.Dropped {
			continue
		}
		files, err := d.evidence.Files(r.Context(), b.ID)
		if err != nil {
			return nil, err
		}
		n := 0
		for _, f := range files {
			if f.State == evidence.Whole {
				n++
			}
		}
		if n > 0 {
			out = append(out, arrived{b.ID, n})
		}
	}
	return out, nil
}

func (d *desk) application(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	p, err := d.applicationPage(r, a)
	if err != nil {
		return err
	}
	if !p.Subject() {
		return d.see(w, r, "/desk", p.A.No)
	}
	return d.pages.Show(w, r, http.StatusOK, "repair-application", p)
}

// prints are the papers that are made here.
var prints = []string{"form", "commitment", "decision", "revoked"}

// print is the application form, the commitment letter, the decision, or what takes
// an approval back.
func (d *desk) print(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	what := r.PathValue("paper")
	if !slices.Contains(prints, what) {
		return fault.New(fault.NotFound, "credit-repair.unknown")
	}
	p, err := d.applicationPage(r, a)
	if err != nil {
		return err
	}
	if what == "decision" && p.A.Decision == "" || what == "revoked" && p.A.Revocation == nil {
		return fault.New(fault.NotFound, "credit-repair.unknown")
	}
	return d.pages.Show(w, r, http.StatusOK, "repair-"+what, p)
}

// act is a step of the subject.
func (d *desk) act(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	ctx, no, now, what := r.Context(), r.PathValue("no"), d.env.Now(), r.PathValue("action")
	paper := repair.Paper(r.PostForm.Get("paper"))
	if a.Org.Kind != staff.Subject {
		return fault.New(fault.NotFound, "repair.unknown")
	}
	var err error
	switch what {
	case "upload":
		var to string
		if to, err = d.openBox(r, a, no, paper); err == nil {
			http.Redirect(w, r, to, http.StatusSeeOther)
			return nil
		}
	case "paper":
		box := r.PostForm.Get("box")
		if err = d.ofPaper(r, a, no, paper, box); err == nil {
			_, err = d.repair.HandIn(ctx, a, no, paper, box, now)
		}
	case "sign":
		if r.PostForm.Get("agree") == "" {
			err = fault.New(fault.Refused, "credit-repair.agree").With("agree", "credit-repair.agree")
			break
		}
		err = d.signRepair(r, a, no)
	case "complete":
		_, err = d.repair.Complete(ctx, a, no, now)
	case "withdraw":
		_, err = d.repair.Withdraw(ctx, a, no, now)
	default:
		return fault.New(fault.NotFound, "credit-repair.unknown")
	}
	if err != nil {
		return d.again(w, r, a, "repair-application", err)
	}
	return d.see(w, r, "/applications", no, done(what))
}

// again shows the application with what is wrong.
func (d *desk) again(w http.ResponseWriter, r *http.Request, a staff.Actor, name string, why error) error {
	if !fn.WantsHTML(r) {
		return why
	}
	p, err := d.applicationPage(r, a)
	if err != nil {
		return err
	}
	status, err := refused(r, &p.base, why)
	if err != nil {
		return err
	}
	if name == "repair-desk-item" {
		if err := d.desking(r, a, &p); err != nil {
			return err
		}
	}
	return d.pages.Show(w, r, status, name, p)
}

// ofPaper checks that a box was opened for the paper and holds a whole file.
func (d *desk) ofPaper(r *http.Request, a staff.Actor, no string, paper repair.Paper, box string) error {
	x, err := d.repair.Get(r.Context(), a, no, d.env.Now())
	if err != nil {
		return err
	}
	list, err := d.arrived(r, x, paper)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(list, func(b arrived) bool { return b.Box == box }) {
		return fault.New(fault.Refused, "credit-repair.no_file").With("paper-"+string(paper), "credit-repair.no_file")
	}
	return nil
}

// boxTime is how long a box takes files, as those of evidence-upload.
const boxTime = 72 * time.Hour
