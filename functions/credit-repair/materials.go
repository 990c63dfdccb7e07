package function

import (
	"net/http"
	"slices"

	"ipcredit/shared/clock"
	"ipcredit/shared/credit"
	"ipcredit/shared/evidence"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/material"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// materialRoutes are what a subject hands in about itself, and the officers' queue
// of it.
func (d *desk) materialRoutes(m *fn.Mux) {
	m.Handle("GET /materials", d.signed(d.materialList))
	m.Handle("POST /materials", d.signed(d.handMaterial))
	m.Handle("POST /materials/upload", d.signed(d.uploadMaterial))
	m.Handle("GET /materials/{no}", d.signed(d.material))
	m.Handle("POST /materials/{no}", d.signed(d.materialAgain))
	m.Handle("GET /desk/materials", d.signed(d.materialQueue))
	m.Handle("GET /desk/materials/{no}", d.signed(d.material))
	m.Handle("POST /desk/materials/{no}", d.signed(d.answerMaterial))
}

type materialsPage struct {
	base
	List    []material.Material
	Next    string
	Arrived []arrived
	Records []credit.Record
	Uploads bool
	// For officers.
	Units   []string
	Unit    string
	Waiting bool
}

// Kinds are what can be handed in.
func (p materialsPage) Kinds(lang page.Lang) []map[string]string {
	var list []string
	for _, k := range material.Kinds {
		list = append(list, string(k))
	}
	return words(lang, "material.kind.", list)
}

// About are the records that a material can belong to.
func (p materialsPage) About(lang page.Lang) []map[string]string {
	var out []map[string]string
	for _, x := range p.Records {
		out = append(out, map[string]string{"Value": x.ID, "Text": page.Say(lang, "credit.act."+x.Act) + " " + x.InstrumentNo})
	}
	return out
}

// UnitName is the district that a unit is of.
func (p materialsPage) UnitName(label string) string { return queuePage{}.UnitName(label) }

// files are the boxes of the subject with whole files that no material has.
func (d *desk) files(r *http.Request, a staff.Actor) ([]arrived, error) {
	all, err := d.whole(r, material.BoxFor(a.Org.Code))
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(all))
	for i, x := range all {
		ids[i] = x.Box
	}
	free, err := d.materials.Free(r.Context(), ids)
	return slices.DeleteFunc(all, func(x arrived) bool { return !slices.Contains(free, x.Box) }), err
}

func (d *desk) materialsPage(r *http.Request, a staff.Actor) (materialsPage, error) {
	ctx, now := r.Context(), d.env.Now()
	p := materialsPage{base: d.base(r, a), Uploads: d.evidence != nil}
	var err error
	if p.List, p.Next, err = d.materials.Of(ctx, a, r.URL.Query().Get("cursor"), pageSize, now); err != nil {
		return p, err
	}
	if p.Arrived, err = d.files(r, a); err != nil {
		return p, err
	}
	_, lines, err := d.repair.Lines(ctx, a, now)
	if err != nil && !fault.Is(err, fault.NotFound) { // nothing is known of it yet
		return p, err
	}
	for _, l := range lines {
		p.Records = append(p.Records, l.Record)
	}
	return p, nil
}

func (d *desk) materialList(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	p, err := d.materialsPage(r, a)
	if err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "repair-materials", p)
}

// uploadMaterial opens a box for files and leads there.
func (d *desk) uploadMaterial(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := staff.Can(a, staff.SubjectFile, staff.Resource{Subject: a.Org.Code}, d.env.Now()); err != nil {
		return err
	}
	unit, err := d.materials.UnitOf(r.Context(), a.Org)
	if err != nil {
		return err
	}
	to, err := d.boxAt(r, a, material.BoxFor(a.Org.Code), unit, "credit-repair/materials")
	if err != nil {
		return err
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// ofSubject checks that a box is one of the subject's with whole files.
func (d *desk) ofSubject(r *http.Request, a staff.Actor, box string) error {
	list, err := d.files(r, a)
	if err == nil && !slices.ContainsFunc(list, func(x arrived) bool { return x.Box == box }) {
		err = fault.New(fault.Refused, "credit-repair.no_file").With("box", "credit-repair.no_file")
	}
	return err
}

func (d *desk) handMaterial(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	f := r.PostForm
	err := d.ofSubject(r, a, f.Get("box"))
	var m material.Material
	if err == nil {
		m, err = d.materials.Hand(r.Context(), a, material.Kind(f.Get("kind")), f.Get("about"), f.Get("box"), d.env.Now())
	}
	if err != nil {
		if !fn.WantsHTML(r) {
			return err
		}
		p, e := d.materialsPage(r, a)
		if e != nil {
			return e
		}
		status, err := refused(r, &p.base, err)
		if err != nil {
			return err
		}
		return d.pages.Show(w, r, status, "repair-materials", p)
	}
	return d.see(w, r, "/materials", m.No, done("material"))
}

type materialPage struct {
	base
	M       material.Material
	Handed  []receipt
	Clocks  []clock.Clock
	Today   workday.Date
	Arrived []arrived
	Again   bool // the subject can hand in another version
	Answers bool // the officer can answer
	Uploads bool
}

// Matter begins the keys of the clocks' words.
func (p materialPage) Matter() string { return "material" }

// receipt is a version with what is known of its files without opening them.
type receipt struct {
	material.Version
	N     int
	Files []sealedFile
}

// sealedFile is a whole file: its number in the box, its size, and the SHA-256 of its
// sealed manifest, by which whoever keeps the receipt proves what was handed in.
type sealedFile struct {
	N    int
	Size string
	Sum  string
}

// sealedFiles are the whole files of a box; none where it was erased.
func (d *desk) sealedFiles(r *http.Request, box string) ([]sealedFile, error) {
	if d.evidence == nil || box == "" {
		return nil, nil
	}
	list, err := d.evidence.Files(r.Context(), box)
	if _, gone := fault.Of(err); gone {
		return nil, nil
	}
	var out []sealedFile
	for _, f := range list {
		if f.State == evidence.Whole {
			out = append(out, sealedFile{f.N, evidence.Size(f.Size), f.ManifestSum})
		}
	}
	return out, err
}

// FlawOptions are what can be wrong with it.
func (p materialPage) FlawOptions(lang page.Lang) []map[string]string {
	var list []string
	for _, f := range material.Flaws {
		list = append(list, string(f))
	}
	return words(lang, "material.flaw.", list)
}

func (d *desk) materialPage(r *http.Request, a staff.Actor) (materialPage, error) {
	ctx, now := r.Context(), d.env.Now()
	p := materialPage{base: d.base(r, a), Today: workday.DateOf(now), Uploads: d.evidence != nil}
	var err error
	if p.M, err = d.materials.Get(ctx, a, r.PathValue("no"), now); err != nil {
		return p, err
	}
	for i, v := range p.M.Versions {
		x := receipt{Version: v, N: i + 1}
		if x.Files, err = d.sealedFiles(r, v.Box); err != nil {
			return p, err
		}
		p.Handed = append(p.Handed, x)
	}
	cal, err := d.calendar.Current(ctx)
	if err != nil {
		return p, err
	}
	c, err := p.M.Clock(cal, p.Today)
	if err != nil {
		return p, err
	}
	p.Clocks = []clock.Clock{c}
	if p.Subject() && p.M.State == material.Returned {
		p.Again = staff.Can(a, staff.SubjectFile, staff.Resource{Subject: a.Org.Code}, now) == nil
		if p.Arrived, err = d.files(r, a); err != nil {
			return p, err
		}
	}
	p.Answers = p.M.State == material.Received && d.materials.MayAnswer(ctx, a, p.M, now)
	return p, nil
}

// material is one material: its receipt, its versions and what was answered.
func (d *desk) material(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	p, err := d.materialPage(r, a)
	if err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "repair-material", p)
}

func (d *desk) materialRefused(w http.ResponseWriter, r *http.Request, a staff.Actor, why error) error {
	if !fn.WantsHTML(r) {
		return why
	}
	p, err := d.materialPage(r, a)
	if err != nil {
		return err
	}
	status, err := refused(r, &p.base, why)
	if err != nil {
		return err
	}
	return d.pages.Show(w, r, status, "repair-material", p)
}

func (d *desk) materialAgain(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	no, box := r.PathValue("no"), r.PostForm.Get("box")
	// First whether it is the subject's at all.
	if _, err := d.materials.Get(r.Context(), a, no, d.env.Now()); err != nil {
		return err
	}
	err := d.ofSubject(r, a, box)
	if err == nil {
		_, err = d.materials.Again(r.Context(), a, no, box, d.env.Now())
	}
	if err != nil {
		return d.materialRefused(w, r, a, err)
	}
	return d.see(w, r, "/materials", no, done("material"))
}

func (d *desk) materialQueue(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	q, now := r.URL.Query(), d.env.Now()
	p := materialsPage{base: d.base(r, a), Units: a.Units(staff.CaseRead, now), Unit: q.Get("unit"), Waiting: q.Get("state") != "answered"}
	if len(p.Units) == 0 {
		return fault.New(fault.Forbidden, "staff.can.role")
	}
	if p.Unit == "" {
		p.Unit = p.Units[0]
	}
	var err error
	if p.List, p.Next, err = d.materials.Queue(r.Context(), a, p.Unit, p.Waiting, q.Get("cursor"), pageSize, now); err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "repair-desk-materials", p)
}

// answerMaterial admits the newest version, or returns it with its flaws.
func (d *desk) answerMaterial(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	seen, err := version(r)
	if err != nil {
		return err
	}
	var flaws []material.Flaw
	for _, f := range r.PostForm["flaws"] {
		flaws = append(flaws, material.Flaw(f))
	}
	switch outcome := r.PostForm.Get("outcome"); {
	case outcome == "" || outcome != "admit" && outcome != "return":
		err = fault.New(fault.Invalid, "credit-repair.outcome").With("outcome", "credit-repair.outcome")
	case outcome == "return" && len(flaws) == 0:
		err = fault.New(fault.Refused, "credit-repair.flaws").With("flaws", "credit-repair.flaws")
	case outcome == "admit" && len(flaws) > 0:
		err = fault.New(fault.Refused, "credit-repair.no_flaws").With("flaws", "credit-repair.no_flaws")
	default:
		_, err = d.materials.Answer(r.Context(), a, r.PathValue("no"), seen, flaws, d.env.Now())
	}
	if err != nil {
		return d.materialRefused(w, r, a, err)
	}
	return d.see(w, r, "/desk/materials", r.PathValue("no"), done("answered"))
}
