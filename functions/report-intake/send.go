package function

import (
	"net/http"
	"strings"

	"ipcredit/shared/evidence"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/seal"
	"ipcredit/shared/tipoff"
	"ipcredit/shared/workday"
)

// lodge takes a report: a JSON document, the form's draft, or the fields of a
// form of somebody else's making.
func (d *desk) lodge(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Cache-Control", "no-store")
	if isJSON(r) {
		return d.lodgeJSON(w, r)
	}
	if err := readForm(r); err != nil {
		return err
	}
	if r.PostForm.Get("draft") != "" {
		return d.send(w, r)
	}
	return d.lodgeFields(w, r)
}

func isJSON(r *http.Request) bool {
	kind, _, _ := strings.Cut(strings.ToLower(r.Header.Get("Content-Type")), ";")
	kind = strings.TrimSpace(kind)
	return kind == "application/json" || strings.HasSuffix(kind, "+json")
}

// send lodges the draft. Whatever is in its way, the draft is kept and the page
// comes again with what to do.
func (d *desk) send(w http.ResponseWriter, r *http.Request) error {
	v, err := d.enter(r)
	if err != nil {
		return err
	}
	if v.draft.Sent != nil {
		return d.finish(w, r, v)
	}
	for _, s := range steps {
		if f := d.wrong(r, v.draft, s); f != nil {
			if err := d.keepDraft(w, r, v); err != nil {
				return err
			}
			return d.stepPage(w, r, http.StatusBadRequest, v, s, f)
		}
	}
	now := d.env.Now()
	t, ours := readTicket(d.keys.ticket, reportForm, v.draft.Ticket)
	if !ours || now.Sub(t.at) >= chosen.Hours("ticket.hours") {
		// A form older than its ticket: it is offered again, with all there is.
		v.draft.Ticket = d.ticket()
		return d.offer(w, r, v, fault.New(fault.Conflict, "report-intake.old_form"))
	}
	pressed, err := d.pressed(r, now)
	if err != nil {
		return err
	}
	if pressed || now.Sub(t.at) < chosen.Seconds("ticket.least_seconds") || r.PostForm.Get("website") != "" {
		q := askAbout(d.keys.question, t.text)
		answer := strings.TrimSpace(r.PostForm.Get("answer"))
		if !q.right(answer) {
			f := fault.New(fault.TooMany, "report-intake.asked").With("answer", "report-intake.asked")
			if answer != "" {
				f = fault.New(fault.Invalid, "report-intake.answer").With("answer", "report-intake.answer")
			}
			if err := d.keepDraft(w, r, v); err != nil {
				return err
			}
			return d.drawStep(w, r, fn.Status(f.Kind), v, checkStep, f, stepView{Question: q.in(fn.Lang(r))})
		}
	}
	l, err := v.draft.lodged(fn.Lang(r))
	if err != nil {
		return err
	}
	if l.Files, err = d.described(r, v.draft); err != nil {
		return err
	}
	v.draft.Sent = &l
	if err := d.keepDraft(w, r, v); err != nil {
		return err
	}
	return d.finish(w, r, v)
}

// offer shows the last page again, with why.
func (d *desk) offer(w http.ResponseWriter, r *http.Request, v *visit, f *fault.Error) error {
	if err := d.keepDraft(w, r, v); err != nil {
		return err
	}
	return d.stepPage(w, r, fn.Status(f.Kind), v, checkStep, f)
}

// finish lodges what was sent, as often as it is asked to: the ticket is the key
// under which it is one report with one receipt. Then it shows the receipt.
func (d *desk) finish(w http.ResponseWriter, r *http.Request, v *visit) error {
	l, err := d.again(r, v)
	if f, refused := fault.Of(err); refused {
		// The page came from before a report that was sent, or what was sent is
		// refused after all: it goes on as a draft, under a ticket of its own.
		v.draft.Sent = nil
		if f.Code == "tipoff.key.reused" {
			v.draft.Ticket = d.ticket()
			f = fault.New(fault.Conflict, "report-intake.sent_before")
			if err := d.leaveBox(r, v.draft); err != nil {
				return err
			}
		}
		if err := d.keepDraft(w, r, v); err != nil {
			return err
		}
		s := checkStep
		for at := range faultsAt(f) {
			s = at
		}
		return d.stepPage(w, r, fn.Status(f.Kind), v, s, faultsAt(f)[s])
	}
	if err != nil {
		return err
	}
	if v.cookie {
		d.see(w, r, "/receipt")
		return nil
	}
	return d.receiptPage(w, r, http.StatusCreated, v, l, nil)
}

// again lodges what the draft has sent; all but the first time it gives what is
// lodged already.
func (d *desk) again(r *http.Request, v *visit) (tipoff.Lodging, error) {
	s := tipoff.Submission{Key: v.draft.Ticket, Lodged: *v.draft.Sent}
	if b := v.draft.Box; b != nil {
		open, err := d.takes(r, b)
		if err != nil {
			return tipoff.Lodging{}, err
		}
		if open {
			s.Boxes = []tipoff.Box{{ID: b.ID, Key: b.Key}}
		}
	}
	return d.intake.Lodge(r.Context(), s, d.env.Now())
}

// leaveBox takes from the draft a box that another report has: its files were
// handed in with that one.
func (d *desk) leaveBox(r *http.Request, v *draft) error {
	if v.Box == nil {
		return nil
	}
	b, err := d.evidence.Box(r.Context(), v.Box.ID)
	if err == nil && !b.Draft() || fault.Is(err, fault.NotFound) {
		v.Box = nil
		return nil
	}
	return err
}

// takes tells whether the draft's box is there still: files that were not sent in
// time are dropped, and the report goes without them.
func (d *desk) takes(r *http.Request, b *box) (bool, error) {
	x, err := d.evidence.Box(r.Context(), b.ID)
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return !x.Dropped && (!x.Draft() || d.env.Now().Before(x.Ends())), nil
}

// described is what the receipt says of the files that arrived.
func (d *desk) described(r *http.Request, v *draft) ([]tipoff.File, error) {
	list, err := d.files(r, v)
	if err != nil {
		return nil, err
	}
	var out []tipoff.File
	for _, f := range list {
		if f.Whole {
			out = append(out, tipoff.File{Name: f.Name, Size: f.Size, SHA256: f.SHA256})
		}
	}
	return out, nil
}

// file is one file of a draft as its page shows it.
type file struct {
	N      int
	Name   string
	Size   int64
	Text   string // the size in words
	SHA256 string
	Whole  bool
	Done   int // percent that has arrived
}

// files lists what has arrived in the draft's box.
func (d *desk) files(r *http.Request, v *draft) ([]file, error) {
	if v.Box == nil {
		return nil, nil
	}
	open, err := d.takes(r, v.Box)
	if err != nil || !open {
		return nil, err
	}
	id, err := seal.ParseIdentity(v.Box.Key)
	if err != nil {
		return nil, err
	}
	list, err := d.evidence.Files(r.Context(), v.Box.ID)
	if err != nil {
		return nil, err
	}
	out := make([]file, 0, len(list))
	for _, f := range list {
		meta, err := f.Open(v.Box.ID, id)
		if err != nil {
			return nil, err
		}
		x := file{N: f.N, Name: evidence.Display(meta.Name), Size: f.Size, Text: evidence.Size(f.Size), Whole: f.State == evidence.Whole}
		if f.Size > 0 {
			x.Done = int(100 * f.Offset / f.Size)
		}
		if x.Whole {
			m, err := d.evidence.Manifest(r.Context(), v.Box.ID, f.N, id)
			if err != nil {
				return nil, err
			}
			x.SHA256 = m.SHA256
		}
		out = append(out, x)
	}
	return out, nil
}

// lodgeFields takes a report in the fields of a plain form: those of the JSON
// document by their names, parties and numbers repeated.
func (d *desk) lodgeFields(w http.ResponseWriter, r *http.Request) error {
	l, err := fieldsOf(r)
	if err != nil {
		return err
	}
	return d.take(w, r, l)
}

// take lodges a report that came whole, and answers with its receipt.
func (d *desk) take(w http.ResponseWriter, r *http.Request, l tipoff.Lodged) error {
	now := d.env.Now()
	key, err := fn.IdempotencyKey(r)
	if err != nil {
		return err
	}
	if looksLikeReceipt(l.Narrative) {
		return fault.New(fault.Invalid, "report-intake.receipt_in_text").With("narrative", "report-intake.receipt_in_text")
	}
	if _, _, err := tipoff.Check(l, tipoff.Rules{}, workday.DateOf(now)); err != nil {
		return err
	}
	if key == "" {
		key = d.ticket()
	}
	pressed, err := d.pressed(r, now)
	if err != nil {
		return err
	}
	if pressed {
		if q := askAbout(d.keys.question, key); !q.right(r.Header.Get("Report-Answer")) {
			return d.askProgram(w, r, q, key)
		}
	}
	token := evidence.NewToken()
	done, err := d.intake.Lodge(r.Context(), tipoff.Submission{Key: key, Lodged: l, Token: token, Return: Needs.Function + "/track"}, now)
	if err != nil {
		return err
	}
	return d.answer(w, r, done, token)
}
