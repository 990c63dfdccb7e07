package function

import (
	"fmt"
	"net/http"
	"time"

	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/staff"
)

// endedRoutes are a subject's own records whose display has ended. Nobody else is
// told that there were any; the subject can prove of each what became of it, to whom
// it likes.
func (d *desk) endedRoutes(m *fn.Mux) {
	m.Handle("GET /ended", d.signed(d.ended))
	m.Handle("GET /ended/{id}/proof", d.signed(d.endedProof))
}

type endedPage struct {
	base
	Records []credit.Ended
	// Key is where the log's public key is.
	Key string
}

func (d *desk) ended(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	p := endedPage{base: d.base(r, a), Key: d.pages.URL(r, "disclosure-publish/log/key")}
	now := d.env.Now()
	if err := staff.Can(a, staff.SubjectRead, staff.Resource{Subject: a.Org.Code}, now); err != nil {
		return err
	}
	profile, err := d.credit.Load(r.Context(), a.Org.Code)
	if err != nil {
		return err
	}
	law, err := d.credit.Law(r.Context())
	if err != nil {
		return err
	}
	p.Records = law.Ended(profile.Records, now)
	return d.pages.Show(w, r, http.StatusOK, "repair-ended", p)
}

// endedProof is a file for the command verify, which needs nothing of this system but
// the log's key.
func (d *desk) endedProof(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	now, id := d.env.Now(), r.PathValue("id")
	if err := staff.Can(a, staff.SubjectRead, staff.Resource{Subject: a.Org.Code}, now); err != nil {
		return err
	}
	p, err := d.credit.Own(r.Context(), a.Org.Code, id, now)
	if err != nil {
		return err
	}
	if p == nil {
		return fault.New(fault.NotFound, "credit-repair.not_logged").After(time.Minute)
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="ip-credit-%s-proof.json"`, id))
	return fn.WriteJSON(w, http.StatusOK, p)
}
