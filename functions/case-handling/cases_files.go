package function

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"ipcredit/shared/casework"
	"ipcredit/shared/evidence"
	"ipcredit/shared/fault"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
	"ipcredit/shared/workday"
)

// caseBoxHours is how long a box that an officer opens takes files (ours to choose).
const caseBoxHours = 72

type caseFilesPage struct {
	base
	Number string
	Boxes  []caseBox
	// Add says that the officer can put more in.
	Add bool
}

// caseBox is what one organisation put into the file of a case at a time.
type caseBox struct {
	From  string
	Day   workday.Date
	Files []fileLine
}

// caseBoxes opens the case of the address for whoever may read what is sealed of it,
// and lists what was put into its file: by its officers, and by organisations that
// evidence-upload took it from.
func (d *desk) caseBoxes(r *http.Request, a staff.Actor) (casework.File, []evidence.Box, error) {
	no, err := caseNumber(r)
	if err != nil {
		return casework.File{}, nil, err
	}
	f, err := d.viewCase(r, a, no)
	if err != nil {
		return f, nil, err
	}
	if !f.MayOpen {
		return f, nil, fault.New(fault.Forbidden, "staff.can.role")
	}
	boxes, err := d.evidence.Boxes(r.Context(), casework.Ref(f.Case.Number))
	return f, slices.DeleteFunc(boxes, func(b evidence.Box) bool { return b.Dropped }), err
}

// caseBoxIdentity opens the key of a box: the case's own, or one that was made for
// the box and its unit; a district without a key has the city's.
func (d *desk) caseBoxIdentity(r *http.Request, a staff.Actor, c casework.Case, b evidence.Box) (seal.Identity, error) {
	if b.Key == c.Key {
		return d.cases.Identity(r.Context(), a, c.Number, d.env.Now())
	}
	labels, err := d.mail.keys.Labels(r.Context(), b.Key)
	if err != nil {
		return seal.Identity{}, err
	}
	for _, unit := range []string{c.Unit, c.Division, d.env.City} {
		if slices.Contains(labels, tipoff.UnitLabel(unit)) {
			return d.mail.identity(r.Context(), b, unit)
		}
	}
	return seal.Identity{}, fault.New(fault.Gone, "case-handling.no_file") // another unit's to open
}

// caseFiles lists the files of a case with what the checks found.
func (d *desk) caseFiles(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	f, boxes, err := d.caseBoxes(r, a)
	if err != nil {
		return err
	}
	p := caseFilesPage{base: d.casesBase(r, a), Number: f.Case.Number, Add: slices.Contains(f.Can, "note")}
	x, err := d.newLines(r)
	if err != nil {
		return err
	}
	for _, b := range boxes {
		one := caseBox{From: x.office(b.Org)}
		if one.Day, err = workday.ParseDate(b.Day); err != nil {
			return err
		}
		if one.Files, err = d.caseBoxFiles(r, a, f.Case, b); err != nil && !fault.Is(err, fault.Gone) {
			return err
		}
		if len(one.Files) > 0 {
			p.Boxes = append(p.Boxes, one)
		}
	}
	return d.pages.Show(w, r, http.StatusOK, "case-files", p)
}

func (d *desk) caseBoxFiles(r *http.Request, a staff.Actor, c casework.Case, b evidence.Box) ([]fileLine, error) {
	id, err := d.caseBoxIdentity(r, a, c, b)
	if err != nil {
		return nil, err
	}
	return d.boxLines(r, tipoff.OpenBox{ID: b.ID, Identity: id}, "/cases", c.Number, "files")
}

// caseItem is the file of the address, of a box of this case.
func (d *desk) caseItem(r *http.Request, a staff.Actor) (item, error) {
	f, boxes, err := d.caseBoxes(r, a)
	if err != nil {
		return item{}, err
	}
	i := item{of: casework.Ref(f.Case.Number), box: r.PathValue("box")}
	at := slices.IndexFunc(boxes, func(b evidence.Box) bool { return b.ID == i.box })
	if i.n, err = strconv.Atoi(r.PathValue("n")); err != nil || at < 0 || i.n < 1 || strconv.Itoa(i.n) != r.PathValue("n") {
		return i, fault.New(fault.NotFound, "case-handling.no_file")
	}
	if i.identity, err = d.caseBoxIdentity(r, a, f.Case, boxes[at]); err != nil {
		return i, err
	}
	i.manifest, err = d.evidence.Manifest(r.Context(), i.box, i.n, i.identity)
	return i, err
}

// caseFileCheck examines a file, as evidence is, and goes back to the list.
func (d *desk) caseFileCheck(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	i, err := d.caseItem(r, a)
	if err != nil {
		return err
	}
	if err := d.examine(r, a, i); err != nil {
		return err
	}
	return d.see(w, r, "/cases", r.PathValue("no"), "files", done("checked"))
}

func (d *desk) caseFileCopy(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	i, err := d.caseItem(r, a)
	if err != nil {
		return err
	}
	return d.giveCopy(w, r, a, i)
}

func (d *desk) caseFileOriginal(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	i, err := d.caseItem(r, a)
	if err != nil {
		return err
	}
	return d.giveOriginal(w, r, a, i)
}

// caseFileAdd opens a box sealed to the case's own key for whoever handles it, and
// goes to the page that takes files: what erases the case erases them.
func (d *desk) caseFileAdd(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	f, _, err := d.caseBoxes(r, a)
	if err != nil {
		return err
	}
	if !slices.Contains(f.Can, "note") {
		return fault.New(fault.Conflict, "cases.not_now", word("casework.state.", f.Case.State))
	}
	to, err := seal.ParseRecipient(f.Case.To)
	if err != nil {
		return errors.New("case-handling: the case's key cannot be read")
	}
	token := evidence.NewToken()
	_, err = d.evidence.OpenBoxOf(r.Context(), token, evidence.BoxSpec{
		For: casework.Ref(f.Case.Number), To: to, Key: f.Case.Key, Until: d.env.Now().Add(caseBoxHours * time.Hour), By: a.User.ID, Org: a.Org.ID,
		Return: "case-handling/cases/" + f.Case.Number + "/files",
	})
	if err != nil {
		return err
	}
	return d.see(w, r, "evidence-upload/forms", token)
}
