package function

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"ipcredit/shared/casework"
	"ipcredit/shared/evidence"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// caller is an organisation that attaches material, by a key or by somebody
// signed in.
type caller struct {
	actor string
	org   staff.Organization
	// unit is the label of the unit that handles what he attaches to, "" where only
	// he can say.
	unit string
}

// matters are what material can be attached to, with the scope of a key and the
// action of somebody signed in that it takes.
var matters = map[string]struct {
	scope   staff.Scope
	actions []staff.Action
}{
	"case":   {staff.ScopeCase, []staff.Action{staff.CaseHandle, staff.NotifiedReply, staff.SubjectFile}},
	"record": {staff.ScopeMaterial, []staff.Action{staff.RecordImport, staff.SubjectFile}},
	"batch":  {staff.ScopeMaterial, []staff.Action{staff.RecordImport}},
}

// boxOrder is the body of POST boxes.
type boxOrder struct {
	For string `json:"for"`
	// Division is the code of the unit that handles the matter; empty is that of
	// the caller's organisation.
	Division string `json:"division"`
}

// boxHours is how long an organisation's box takes files.
const boxHours = 72

// openBox opens a box for material of a signed-in organisation, sealed to the unit
// that handles the matter and to the escrow.
func (d *desk) openBox(w http.ResponseWriter, r *http.Request) error {
	var in boxOrder
	if err := fn.ReadJSON(r, &in); err != nil {
		return err
	}
	c, err := d.caller(r, in.For, in.Division)
	if err != nil {
		return err
	}
	label := cmp.Or(c.unit, in.Division, c.org.Division())
	unit, ok := d.units[label]
	if !ok { // a district without a key of its own: the city's unit
		label = d.env.City
		if unit, ok = d.units[label]; !ok {
			return fault.New(fault.Unavailable, "evidence-upload.no_unit")
		}
	}
	token, err := tokenFor(r, c)
	if err != nil {
		return err
	}
	id, err := evidence.BoxOf(token)
	if err != nil {
		return err
	}
	// The key object first: a box whose key is missing would lose what it takes.
	ref := evidence.KeyOf(id)
	to, err := d.keys.New(r.Context(), ref, seal.Party{Label: "unit:" + label, To: unit}, seal.Party{Label: "escrow", To: d.escrow})
	if errors.Is(err, seal.ErrExists) {
		to, err = d.keys.Recipient(r.Context(), ref)
	}
	if err != nil {
		return err
	}
	box, err := d.evidence.OpenBoxOf(r.Context(), token, evidence.BoxSpec{
		For: in.For, To: to, Key: ref, Until: d.env.Now().Add(boxHours * time.Hour), By: c.actor, Org: c.org.ID, Unit: label,
	})
	if err != nil {
		return err
	}
	if box.For != in.For {
		return fault.New(fault.Refused, "fn.key_reused").With("Idempotency-Key", "fn.key_reused")
	}
	w.Header().Set("Cache-Control", "no-store")
	return fn.WriteJSON(w, http.StatusCreated, struct {
		Box      string    `json:"box"`
		For      string    `json:"for"`
		Endpoint string    `json:"endpoint"`
		Form     string    `json:"form"`
		Until    time.Time `json:"until"`
	}{box.ID, box.For, d.pages.Absolute("/files", token), d.pages.Absolute("/forms", token), box.Ends()})
}

// tokenFor is a new box's token. With an Idempotency-Key it is the one that this
// caller's key stands for, so that the answer can be given again though it is kept
// nowhere: the key is as hard to guess as a token.
func tokenFor(r *http.Request, c caller) (string, error) {
	key, err := fn.IdempotencyKey(r)
	if err != nil || key == "" {
		return evidence.NewToken(), err
	}
	return evidence.TokenOf("box", c.actor, key), nil
}

// caller recognises who asks and whether he may attach to what he names.
func (d *desk) caller(r *http.Request, what, division string) (caller, error) {
	name, id, _ := strings.Cut(what, ":")
	m, known := matters[name]
	if !known || id == "" {
		return caller{}, fault.New(fault.Invalid, "evidence.for").With("for", "evidence.for")
	}
	now := d.env.Now()
	var c caller
	if auth := r.Header.Get("Authorization"); auth != "" {
		key, err := d.staff.Key(r.Context(), auth, m.scope, now)
		if err != nil {
			return c, err
		}
		org, err := d.staff.Organization(r.Context(), key.Org)
		if err != nil {
			return c, err
		}
		c = caller{actor: "key:" + key.ID, org: org}
	} else {
		token := staff.Token(r.Header.Values("Cookie"), d.env.PublicURL)
		if token == "" {
			return c, fault.New(fault.Unauthorized, "evidence-upload.sign_in")
		}
		who, err := d.staff.Who(r.Context(), token, now)
		if err != nil {
			return c, err
		}
		c = caller{actor: who.User.ID, org: who.Org}
		resource := staff.Resource{Division: division, Subject: who.Org.Code}
		if division == "" || who.Org.Kind == staff.Subject {
			resource.Division = who.Org.Division()
		}
		for i, action := range m.actions {
			if err = staff.Can(who, action, resource, now); err == nil {
				break
			}
			if i == len(m.actions)-1 {
				return c, err
			}
		}
	}
	if name == "case" {
		known, err := d.knownCase(r, c, id)
		if err != nil {
			return c, err
		}
		c.unit = known.Unit
	}
	if name == "batch" {
		b, err := d.batches.Get(r.Context(), id)
		if err != nil {
			return c, err
		}
		if b.Org != c.org.ID {
			return c, fault.New(fault.NotFound, "batch.unknown") // as if there were none
		}
	}
	return c, nil
}

// strangers are the kinds of organisation to which a case is there only once it was
// notified to them.
var strangers = []staff.Kind{staff.Subject, staff.Association, staff.CreditService}

// knownCase is the case with this number, as far as the caller knows of it. For a
// stranger one that was not notified to him is answered as one that does not exist,
// after the same work: nobody learns from a box that there is a case.
func (d *desk) knownCase(r *http.Request, c caller, number string) (casework.Outline, error) {
	known, err := casework.OutlineOf(r.Context(), d.env.Journal, number)
	if err != nil && !fault.Is(err, fault.NotFound) {
		if _, refused := fault.Of(err); !refused {
			return known, err
		}
	}
	if there := err == nil; !there || slices.Contains(strangers, c.org.Kind) && !known.NotifiedTo(c.org.Code, workday.DateOf(d.env.Now())) {
		return casework.Outline{}, fault.New(fault.NotFound, "evidence-upload.no_case")
	}
	return known, nil
}

// listBoxes lists the boxes the caller's organisation has opened for something,
// with what has arrived.
func (d *desk) listBoxes(w http.ResponseWriter, r *http.Request) error {
	what := r.URL.Query().Get("for")
	c, err := d.caller(r, what, r.URL.Query().Get("division"))
	if err != nil {
		return err
	}
	boxes, err := d.evidence.Boxes(r.Context(), what)
	if err != nil {
		return err
	}
	type file struct {
		N     int            `json:"n"`
		Size  int64          `json:"size"`
		State evidence.State `json:"state"`
		Day   string         `json:"day"`
	}
	type one struct {
		Box   string    `json:"box"`
		Until time.Time `json:"until"`
		Files []file    `json:"files"`
	}
	out := struct {
		Results []one   `json:"results"`
		Next    *string `json:"next"`
	}{Results: []one{}}
	for _, b := range boxes {
		if b.Org != c.org.ID {
			continue
		}
		all, err := d.evidence.Files(r.Context(), b.ID)
		if err != nil {
			return err
		}
		x := one{Box: b.ID, Until: b.Ends(), Files: []file{}}
		for _, f := range all {
			x.Files = append(x.Files, file{f.N, f.Size, f.State, f.Day})
		}
		out.Results = append(out.Results, x)
	}
	w.Header().Set("Cache-Control", "no-store")
	return fn.WriteJSON(w, http.StatusOK, out)
}

// index tells what this is and what it takes.
func (d *desk) index(w http.ResponseWriter, r *http.Request) error {
	l := d.evidence.Limits()
	w.Header().Set("Cache-Control", "public, max-age=300")
	return d.pages.Show(w, r, http.StatusOK, "index", struct {
		Limits              evidence.Limits
		FileSize, TotalSize string
		Leave               *leave
	}{l, evidence.Size(l.FileBytes), evidence.Size(l.TotalBytes), &leave{URL: d.exit}})
}
