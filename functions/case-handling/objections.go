package function

import (
	"net/http"
	"slices"

	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/objection"
	"ipcredit/shared/staff"
)

// objectionRoutes give the papers of an objection to who checks it or rules on it:
// credit-repair takes them in and disclosure-publish works on it, and neither can
// open them.
func (d *desk) objectionRoutes(m *fn.Mux) {
	m.Handle("GET /objections/{no}", d.signed(d.handedList(d.objectionOf)))
	m.Handle("POST /objections/{no}/files/{box}/{n}/check", d.signed(d.handedFile(d.objectionOf, d.handedCheck)))
	m.Handle("GET /objections/{no}/files/{box}/{n}/copy", d.signed(d.handedFile(d.objectionOf, d.giveCopy)))
	m.Handle("GET /objections/{no}/files/{box}/{n}/original", d.signed(d.handedFile(d.objectionOf, d.giveOriginal)))
}

// objectionOf is the objection of the address, for who checks it or rules on it.
func (d *desk) objectionOf(r *http.Request, a staff.Actor) (handedIn, error) {
	ctx, now, office := r.Context(), d.env.Now(), objection.New(d.env.Journal)
	x, err := office.Get(ctx, a, r.PathValue("no"), now)
	if err != nil {
		return handedIn{}, err
	}
	// Who checked it may not rule on it, and reads its papers all the same.
	handled := slices.Contains(x.Handlers, a.User.ID) && a.May(staff.ObjectionCheck, now)
	if a.Org.Kind == staff.Subject || !handled && !office.May(ctx, a, staff.ObjectionCheck, x, now) && !office.May(ctx, a, staff.ObjectionRule, x, now) {
		return handedIn{}, fault.New(fault.NotFound, "objection.unknown")
	}
	h := handedIn{Ref: x.Ref(), No: x.No, Where: "/objections", Subject: x.Subject, Name: x.Name, Unit: x.Unit, BackList: "disclosure-publish/objections"}
	for n, p := range x.Papers {
		h.Parts = append(h.Parts, handedPart{Box: p.Box, Word: "objection.papers_title", Version: n + 1, At: p.At})
	}
	return h, nil
}
