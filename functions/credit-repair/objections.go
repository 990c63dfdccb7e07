package function

import (
	"net/http"
	"net/url"
	"slices"

	"ipcredit/shared/clock"
	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/objection"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// objectionRoutes are what a subject objects to in its own record, signed in.
func (d *desk) objectionRoutes(m *fn.Mux) {
	m.Handle("GET /objections", d.signed(d.objections))
	m.Handle("GET /objections/new", d.signed(d.objectionNew))
	m.Handle("POST /objections", d.signed(d.objectionFile))
	m.Handle("POST /objections/upload", d.signed(d.objectionUpload))
	m.Handle("GET /objections/{no}", d.signed(d.objection))
	m.Handle("GET /objections/{no}/receipt", d.signed(d.objectionReceipt))
	m.Handle("POST /objections/{no}/{action}", d.signed(d.objectionAct))
}

// objecting is base with what was done, in the words of objections.
func (d *desk) objecting(r *http.Request, a staff.Actor) base {
	b := d.base(r, a)
	if what := "objection.done." + r.URL.Query().Get("done"); page.Has(what) {
		b.Done = what
	}
	return b
}

type objectionsPage struct {
	base
	List []objection.Objection
	Next string
	May  bool
}

func (d *desk) objections(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	p := objectionsPage{base: d.objecting(r, a), May: a.May(staff.ObjectionFile, d.env.Now())}
	var err error
	if p.List, p.Next, err = d.objects.Of(r.Context(), a, r.URL.Query().Get("cursor"), pageSize, d.env.Now()); err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "objections", p)
}

// objectionForm is the form of a new objection, signed in or with a code.
type objectionForm struct {
	base
	Records []credit.Shown
	Arrived []arrived
	Uploads bool
	// ByCode says that who fills it in has no account: then the record is entered,
	// not chosen.
	ByCode  bool
	Longest int
}

// Grounds are why one can object.
func (p objectionForm) Grounds(lang page.Lang) []map[string]string {
	var list []string
	for _, g := range objection.Grounds {
		list = append(list, string(g))
	}
	return words(lang, "objection.ground.", list)
}

// Choices are the records that can be objected to.
func (p objectionForm) Choices(lang page.Lang) []map[string]string {
	var out []map[string]string
	for _, x := range p.Records {
		out = append(out, map[string]string{"Value": x.ID, "Text": page.Say(lang, "credit.act."+x.Act) + " " + x.InstrumentNo})
	}
	return out
}

func (d *desk) objectionForm(r *http.Request, a staff.Actor) (objectionForm, error) {
	ctx, now := r.Context(), d.env.Now()
	p := objectionForm{base: d.objecting(r, a), Uploads: d.evidence != nil, Longest: longestStatement}
	if err := staff.Can(a, staff.ObjectionFile, staff.Resource{Subject: a.Org.Code}, now); err != nil {
		return p, err
	}
	profile, _, err := d.repair.Lines(ctx, a, now)
	if err != nil {
		return p, err
	}
	rules, err := d.repair.Rules(ctx)
	if err != nil {
		return p, err
	}
	// What has one open cannot be objected to again.
	visible, _ := rules.Law.Show(profile.Records, now)
	for _, x := range visible {
		if x.Status != credit.Disputed {
			p.Records = append(p.Records, x)
		}
	}
	p.Arrived, err = d.objectionFiles(r, a.Org.Code)
	return p, err
}

func (d *desk) objectionNew(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	p, err := d.objectionForm(r, a)
	if err != nil {
		return err
	}
	p.Form = page.NewForm(url.Values{"record": r.URL.Query()["record"]})
	return d.pages.Show(w, r, http.StatusOK, "objection-new", p)
}

func (d *desk) objectionFile(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	now := d.env.Now()
	err := staff.Can(a, staff.ObjectionFile, staff.Resource{Subject: a.Org.Code}, now)
	var in objection.Order
	if err == nil {
		in, err = d.objectionOrder(r, who{user: a.User.ID, org: a.Org.ID, code: a.Org.Code})
	}
	var o objection.Objection
	if err == nil {
		o, err = d.objects.File(r.Context(), a, in, now)
	}
	if err != nil {
		if !fn.WantsHTML(r) {
			return err
		}
		p, e := d.objectionForm(r, a)
		if e != nil {
			return e
		}
		status, err := refused(r, &p.base, err)
		if err != nil {
			return err
		}
		return d.pages.Show(w, r, status, "objection-new", p)
	}
	return d.see(w, r, "/objections", o.No, done("filed"))
}

// objectionUpload opens a box for papers before the objection is filed.
func (d *desk) objectionUpload(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := staff.Can(a, staff.ObjectionFile, staff.Resource{Subject: a.Org.Code}, d.env.Now()); err != nil {
		return err
	}
	// Which unit will handle it follows from the record, which is not chosen yet: what
	// is sealed to the city's can be opened for any of them.
	to, err := d.boxAt(r, a, objection.BoxFor(a.Org.Code), d.env.City, "credit-repair/objections/new")
	if err != nil {
		return err
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// objectionPage is one objection as its subject sees it, signed in or with a code.
type objectionPage struct {
	base
	O       objection.Objection
	Record  *credit.Record // nil where it is out of reach
	Clocks  []clock.Clock
	Today   workday.Date
	Arrived []arrived
	Uploads bool
	// May tells that the reader can add papers and withdraw.
	May bool
	// Held is the credit code and Code the activation code of a reader without an
	// account, which his forms carry on.
	Held, Code string
}

// FiledDay is the day of filing, as papers write it.
func (p objectionPage) FiledDay() string { return p.CN(p.O.FiledOn) }

func (d *desk) fillObjection(r *http.Request, p *objectionPage) error {
	ctx := r.Context()
	p.Today, p.Uploads = d.today(), d.evidence != nil
	rules, err := d.objects.Rules(ctx)
	if err != nil {
		return err
	}
	if p.Clocks, err = rules.Clocks(p.O, p.Today); err != nil {
		return err
	}
	x, _, found, err := d.objects.Record(ctx, p.O)
	if err != nil {
		return err
	}
	if found {
		p.Record = &x
	}
	p.May = p.May && p.O.State.Open()
	if p.May {
		p.Arrived, err = d.objectionFiles(r, p.O.Subject)
	}
	return err
}

func (d *desk) objectionPage(r *http.Request, a staff.Actor) (objectionPage, error) {
	p := objectionPage{base: d.objecting(r, a)}
	var err error
	if p.O, err = d.objects.Get(r.Context(), a, r.PathValue("no"), d.env.Now()); err != nil {
		return p, err
	}
	p.May = p.Subject() && d.objects.May(r.Context(), a, staff.ObjectionFile, p.O, d.env.Now())
	return p, d.fillObjection(r, &p)
}

func (d *desk) objection(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	p, err := d.objectionPage(r, a)
	if err != nil {
		return err
	}
	if !p.Subject() {
		http.Redirect(w, r, d.pages.URL(r, "disclosure-publish/objections", p.O.No), http.StatusSeeOther)
		return nil
	}
	return d.pages.Show(w, r, http.StatusOK, "objection", p)
}

// objectionReceipt is the receipt of an objection, to be printed.
func (d *desk) objectionReceipt(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	p, err := d.objectionPage(r, a)
	if err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "objection-receipt", p)
}

// objectionAct is a step of the subject: more papers, or taking it back.
func (d *desk) objectionAct(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	ctx, no, now, what := r.Context(), r.PathValue("no"), d.env.Now(), r.PathValue("action")
	// First whether it is the subject's at all.
	o, err := d.objects.Get(ctx, a, no, now)
	if err == nil && a.Org.Kind != staff.Subject {
		err = fault.New(fault.NotFound, "objection.unknown")
	}
	if err != nil {
		return err
	}
	switch what {
	case "upload":
		var to string
		if err = staff.Can(a, staff.ObjectionFile, staff.Resource{Subject: o.Subject}, now); err == nil {
			to, err = d.boxAt(r, a, objection.BoxFor(o.Subject), o.Unit, "credit-repair/objections/"+no)
		}
		if err == nil {
			http.Redirect(w, r, to, http.StatusSeeOther)
			return nil
		}
	case "paper":
		if err = d.arrivedFor(r, o.Subject, r.PostForm.Get("box")); err == nil {
			_, err = d.objects.Attach(ctx, a, no, r.PostForm.Get("box"), now)
		}
	case "withdraw":
		_, err = d.objects.Withdraw(ctx, a, no, now)
	default:
		return fault.New(fault.NotFound, "credit-repair.unknown")
	}
	if err != nil {
		if !fn.WantsHTML(r) {
			return err
		}
		p, e := d.objectionPage(r, a)
		if e != nil {
			return e
		}
		status, err := refused(r, &p.base, err)
		if err != nil {
			return err
		}
		return d.pages.Show(w, r, status, "objection", p)
	}
	return d.see(w, r, "/objections", no, done(what))
}

// objectionFiles are the boxes of a subject with whole files that no objection has.
func (d *desk) objectionFiles(r *http.Request, code string) ([]arrived, error) {
	all, err := d.whole(r, objection.BoxFor(code))
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(all))
	for i, x := range all {
		ids[i] = x.Box
	}
	free, err := d.objects.Free(r.Context(), ids)
	return slices.DeleteFunc(all, func(x arrived) bool { return !slices.Contains(free, x.Box) }), err
}

// arrivedFor checks that a box is one of the subject's with whole files.
func (d *desk) arrivedFor(r *http.Request, code, box string) error {
	list, err := d.objectionFiles(r, code)
	if err == nil && !slices.ContainsFunc(list, func(x arrived) bool { return x.Box == box }) {
		err = fault.New(fault.Refused, "credit-repair.no_file").With("box", "credit-repair.no_file")
	}
	return err
}
