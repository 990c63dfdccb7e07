package function

import (
	"encoding/base64"
	"errors"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/skip2/go-qrcode"

	"ipcredit/shared/evidence"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/linkage"
	"ipcredit/shared/page"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
)

// holderLetterRef is what the box of a letter belongs to.
func holderLetterRef(l linkage.Letter) string { return boxMatter + strconv.FormatInt(l.No, 10) }

// holderLetterBox opens the box that the holder puts his materials into.
func (d *desk) holderLetterBox(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	l, err := d.holderLetterOf(r, a)
	if err != nil {
		return err
	}
	ctx, now := r.Context(), d.env.Now()
	if err := staff.Can(a, staff.CaseHandle, staff.UnitResource(l.Unit, l.Unit), now); err != nil {
		return err
	}
	token, err := d.mail.token(l)
	if err != nil {
		return err
	}
	id, err := evidence.BoxOf(token)
	if err != nil {
		return err
	}
	unit, ok := d.mail.units[l.Unit]
	if !ok {
		return fault.New(fault.Unavailable, "tipoff.no_key", l.Unit)
	}
	// The key first: a box whose key is missing would lose what it takes.
	ref := evidence.KeyOf(id)
	to, err := d.mail.keys.New(ctx, ref, seal.Party{Label: tipoff.UnitLabel(l.Unit), To: unit}, seal.Party{Label: tipoff.EscrowLabel, To: d.mail.escrow})
	if errors.Is(err, seal.ErrExists) {
		to, err = d.mail.keys.Recipient(ctx, ref)
	}
	if err != nil {
		return err
	}
	if _, err = d.evidence.OpenBoxOf(ctx, token, evidence.BoxSpec{For: holderLetterRef(l), To: to, Key: ref, Until: now.AddDate(0, 0, boxDays), By: a.User.ID, Unit: l.Unit}); err != nil {
		return err
	}
	return d.see(w, r, "/letters", l.No, done("letter-box"))
}

// holderLetterMaterials fills the address for materials and what has come in by
// it.
func (d *desk) holderLetterMaterials(r *http.Request, a staff.Actor, p *holderLetterPage, rows []linkage.Row) error {
	ctx, now, lang, l := r.Context(), d.env.Now(), fn.Lang(r), p.Letter
	p.MayHandle = staff.Can(a, staff.CaseHandle, staff.UnitResource(l.Unit, l.Unit), now) == nil
	token, err := d.mail.token(l)
	if err != nil {
		return err
	}
	here, err := evidence.BoxOf(token)
	if err != nil {
		return err
	}
	boxes, err := d.evidence.Boxes(ctx, holderLetterRef(l))
	if err != nil {
		return err
	}
	for _, b := range boxes {
		if b.Dropped {
			continue
		}
		if b.ID == here {
			p.Until, p.Ended = b.Ends(), !now.Before(b.Ends())
			if !p.Ended {
				p.Address = d.pages.Absolute("evidence-upload/forms", token)
				png, err := qrcode.Encode(p.Address, qrcode.Medium, 220)
				if err != nil {
					return err
				}
				p.QR = template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(png))
			}
		}
		if err := d.holderLetterFiles(r, p, b); err != nil {
			return err
		}
	}
	if len(p.Files) == 0 || !p.MayHandle {
		return nil
	}
	for _, f := range p.Files {
		if f.State == evidence.Whole {
			p.FileOptions = append(p.FileOptions, option{Value: f.Box + " " + strconv.Itoa(f.N), Text: f.Name})
		}
	}
	p.Targets = []option{{Value: "all", Text: page.Say(lang, "applications.all_of_letter", len(rows))}}
	for _, x := range rows {
		p.Targets = append(p.Targets, option{Value: x.ID, Text: x.ID})
	}
	p.Kinds = options(lang, "linkage.material.", linkage.MaterialKinds)
	return nil
}

// holderLetterFiles lists the files of one box.
func (d *desk) holderLetterFiles(r *http.Request, p *holderLetterPage, b evidence.Box) error {
	id, err := d.mail.identity(r.Context(), b, p.Letter.Unit)
	if fault.Is(err, fault.Gone) {
		return nil // erased: nothing is left to list
	}
	if err != nil {
		return err
	}
	lines, err := d.boxLines(r, tipoff.OpenBox{ID: b.ID, Identity: id}, "/letters", p.Letter.No, "files")
	p.Files = append(p.Files, lines...)
	return err
}

// holderLetterItem is the file of the address: of a box of this letter.
func (d *desk) holderLetterItem(r *http.Request, a staff.Actor) (item, error) {
	l, err := d.holderLetterOf(r, a)
	if err != nil {
		return item{}, err
	}
	i := item{of: holderLetterRef(l), box: r.PathValue("box")}
	boxes, err := d.evidence.Boxes(r.Context(), i.of)
	if err != nil {
		return i, err
	}
	at := slices.IndexFunc(boxes, func(b evidence.Box) bool { return b.ID == i.box && !b.Dropped })
	if i.n, err = strconv.Atoi(r.PathValue("n")); err != nil || at < 0 || i.n < 1 || strconv.Itoa(i.n) != r.PathValue("n") {
		return i, fault.New(fault.NotFound, "case-handling.no_file")
	}
	if i.identity, err = d.mail.identity(r.Context(), boxes[at], l.Unit); err != nil {
		return i, err
	}
	i.manifest, err = d.evidence.Manifest(r.Context(), i.box, i.n, i.identity)
	return i, err
}

// holderLetterCheck examines a file of the holder, as evidence is.
func (d *desk) holderLetterCheck(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	i, err := d.holderLetterItem(r, a)
	if err != nil {
		return err
	}
	if err := d.examine(r, a, i); err != nil {
		return err
	}
	return d.see(w, r, "/letters", r.PathValue("no"), done("checked"))
}

func (d *desk) holderLetterCopy(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	i, err := d.holderLetterItem(r, a)
	if err != nil {
		return err
	}
	return d.giveCopy(w, r, a, i)
}

func (d *desk) holderLetterOriginal(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	i, err := d.holderLetterItem(r, a)
	if err != nil {
		return err
	}
	return d.giveOriginal(w, r, a, i)
}

// holderLetterAttach notes a file with one application of the letter, or with all
// of them.
func (d *desk) holderLetterAttach(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	l, err := d.holderLetterOf(r, a)
	if err != nil {
		return err
	}
	c := linkageCall{call: call{r: r, who: a, lang: fn.Lang(r)}}
	again := func(err error) error {
		f, ok := fault.Of(err)
		if !ok {
			return err
		}
		return d.showHolderLetter(w, r, a, fn.Status(f.Kind), err)
	}
	kind, err := c.offered("material", []string{string(linkage.Statement), string(linkage.Receipt), string(linkage.Proof)})
	if err != nil {
		return again(err)
	}
	box, n, ok := strings.Cut(c.text("file"), " ")
	file, err := strconv.Atoi(n)
	boxes, boxErr := d.evidence.Boxes(r.Context(), holderLetterRef(l))
	if boxErr != nil {
		return boxErr
	}
	if !ok || err != nil || !slices.ContainsFunc(boxes, func(b evidence.Box) bool { return b.ID == box }) {
		return again(fault.New(fault.Invalid, "case-handling.choose").With("file", "case-handling.choose"))
	}
	ids := l.IDs
	if target := c.text("target"); target != "all" {
		if !slices.Contains(l.IDs, target) {
			return again(fault.New(fault.Invalid, "case-handling.choose").With("target", "case-handling.choose"))
		}
		ids = []string{target}
	}
	noted := 0
	for _, id := range ids {
		_, err := d.linkage.Attach(r.Context(), a, id, 0, linkage.Material{Kind: linkage.MaterialKind(kind), Box: box, File: file}, d.env.Now())
		switch f, refused := fault.Of(err); {
		case err == nil:
			noted++
		case refused && f.Code == "linkage.material_twice" && len(ids) > 1:
			// Noted by an earlier press that did not get to the end.
		default:
			return again(err)
		}
	}
	if noted == 0 {
		return again(fault.New(fault.Conflict, "linkage.material_twice"))
	}
	return d.see(w, r, "/letters", l.No, done("letter-attached"))
}
