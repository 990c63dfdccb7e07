package function

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
)

// repairRoutes give what subjects hand in to those who work on it, the papers of
// an application for repair and other materials: credit-repair takes them in and
// cannot open them.
func (d *desk) repairRoutes(m *fn.Mux) {
	m.Handle("GET /repairs/{no}", d.signed(d.handedList(d.repairOf)))
	m.Handle("POST /repairs/{no}/files/{box}/{n}/check", d.signed(d.handedFile(d.repairOf, d.handedCheck)))
	m.Handle("GET /repairs/{no}/files/{box}/{n}/copy", d.signed(d.handedFile(d.repairOf, d.giveCopy)))
	m.Handle("GET /repairs/{no}/files/{box}/{n}/original", d.signed(d.handedFile(d.repairOf, d.giveOriginal)))
	m.Handle("GET /materials/{no}", d.signed(d.handedList(d.materialOf)))
	m.Handle("POST /materials/{no}/files/{box}/{n}/check", d.signed(d.handedFile(d.materialOf, d.handedCheck)))
	m.Handle("GET /materials/{no}/files/{box}/{n}/copy", d.signed(d.handedFile(d.materialOf, d.giveCopy)))
	m.Handle("GET /materials/{no}/files/{box}/{n}/original", d.signed(d.handedFile(d.materialOf, d.giveOriginal)))
}

// handedCheck examines a file and goes back to its list.
func (d *desk) handedCheck(w http.ResponseWriter, r *http.Request, a staff.Actor, i item) error {
	if err := d.examine(r, a, i); err != nil {
		return err
	}
	list, _, _ := strings.Cut(r.URL.Path, "/files/")
	return d.see(w, r, list, done("checked"))
}

// handedIn is what a subject has handed in, of whatever matter.
type handedIn struct {
	Ref, No, Where      string // Where is the first part of its address here
	Subject, Name, Unit string
	// BackList is the list of credit-repair that its own page is under.
	BackList string
	Parts    []handedPart
}

// handedPart is one box of it, or what was brought to the counter.
type handedPart struct {
	Box     string
	Word    string // key of what it is
	Version int
	At      time.Time
	Files   []fileLine
}

// repairOf is the application of the address, for who accepts or decides it.
func (d *desk) repairOf(r *http.Request, a staff.Actor) (handedIn, error) {
	ctx, now := r.Context(), d.env.Now()
	x, err := d.repairs.Get(ctx, a, r.PathValue("no"), now)
	if err != nil {
		return handedIn{}, err
	}
	// Who handled it may not decide it, and reads its papers all the same.
	handled := slices.Contains(x.Handlers, a.User.ID) && a.May(staff.RepairAccept, now)
	if a.Org.Kind == staff.Subject || !handled && !d.repairs.May(ctx, a, staff.RepairAccept, x, now) && !d.repairs.May(ctx, a, staff.RepairDecide, x, now) {
		return handedIn{}, fault.New(fault.NotFound, "repair.unknown")
	}
	h := handedIn{Ref: x.Ref(), No: x.No, Where: "/repairs", Subject: x.Subject, Name: x.Name, Unit: x.Unit, BackList: "credit-repair/desk"}
	for _, p := range x.Papers {
		h.Parts = append(h.Parts, handedPart{Box: p.Box, Word: "repair.paper." + string(p.Paper), Version: p.Version, At: p.At})
	}
	return h, nil
}

// materialOf is the material of the address, for the unit that answers it.
func (d *desk) materialOf(r *http.Request, a staff.Actor) (handedIn, error) {
	x, err := d.materials.Get(r.Context(), a, r.PathValue("no"), d.env.Now())
	if err == nil && a.Org.Kind == staff.Subject {
		err = fault.New(fault.NotFound, "material.unknown")
	}
	if err != nil {
		return handedIn{}, err
	}
	h := handedIn{Ref: x.Ref(), No: x.No, Where: "/materials", Subject: x.Subject, Name: x.Name, Unit: x.Unit, BackList: "credit-repair/desk/materials"}
	for n, v := range x.Versions {
		h.Parts = append(h.Parts, handedPart{Box: v.Box, Word: "material.kind." + string(x.Kind), Version: n + 1, At: v.At})
	}
	return h, nil
}

// handedIdentity opens the key of a box that was handed in with it.
func (d *desk) handedIdentity(r *http.Request, x handedIn, box string) (seal.Identity, error) {
	none := fault.New(fault.NotFound, "case-handling.no_file")
	if box == "" || !slices.ContainsFunc(x.Parts, func(p handedPart) bool { return p.Box == box }) {
		return seal.Identity{}, none
	}
	b, err := d.evidence.Box(r.Context(), box)
	if err != nil {
		return seal.Identity{}, err
	}
	if b.Dropped {
		return seal.Identity{}, none
	}
	// A district without a key of its own has its papers sealed to the city's.
	unit := x.Unit
	labels, err := d.mail.keys.Labels(r.Context(), b.Key)
	if err != nil {
		return seal.Identity{}, err
	}
	if !slices.Contains(labels, tipoff.UnitLabel(unit)) {
		unit = d.env.City
	}
	return d.mail.identity(r.Context(), b, unit)
}

type handedPage struct {
	base
	Handed handedIn
}

// handedList lists what was handed in, with what the checks found.
func (d *desk) handedList(of func(*http.Request, staff.Actor) (handedIn, error)) func(http.ResponseWriter, *http.Request, staff.Actor) error {
	return func(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
		x, err := of(r, a)
		if err != nil {
			return err
		}
		for i := range x.Parts {
			p := &x.Parts[i]
			if p.Box == "" {
				continue
			}
			if p.Files, err = d.handedFiles(r, x, p.Box); err != nil && !fault.Is(err, fault.Gone) {
				return err
			}
		}
		return d.pages.Show(w, r, http.StatusOK, "repairs", handedPage{d.base(r, a), x})
	}
}

func (d *desk) handedFiles(r *http.Request, x handedIn, box string) ([]fileLine, error) {
	id, err := d.handedIdentity(r, x, box)
	if err != nil {
		return nil, err
	}
	return d.boxLines(r, tipoff.OpenBox{ID: box, Identity: id}, x.Where, x.No, "files")
}

// handedFile gives the file of the address to a handler.
func (d *desk) handedFile(of func(*http.Request, staff.Actor) (handedIn, error), give func(http.ResponseWriter, *http.Request, staff.Actor, item) error) func(http.ResponseWriter, *http.Request, staff.Actor) error {
	return func(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
		x, err := of(r, a)
		if err != nil {
			return err
		}
		i := item{of: x.Ref, box: r.PathValue("box")}
		if i.n, err = strconv.Atoi(r.PathValue("n")); err != nil || i.n < 1 || strconv.Itoa(i.n) != r.PathValue("n") {
			return fault.New(fault.NotFound, "case-handling.no_file")
		}
		if i.identity, err = d.handedIdentity(r, x, i.box); err != nil {
			return err
		}
		if i.manifest, err = d.evidence.Manifest(r.Context(), i.box, i.n, i.identity); err != nil {
			return lost(r, err)
		}
		return give(w, r, a, i)
	}
}
