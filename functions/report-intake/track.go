package function

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	drafts "ipcredit/shared/draft"
	"ipcredit/shared/evidence"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/page"
	"ipcredit/shared/tipoff"
	"ipcredit/shared/workday"
)

// trackView is the page that asks for number and receipt.
type trackView struct {
	flow
	Fields []hiddenField // what was typed on a page that had stood too long
}

type hiddenField struct{ Name, Value string }

func (d *desk) trackForm(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Cache-Control", "no-store")
	for name := range r.URL.Query() {
		if name != "lang" && name != "text" {
			// Nothing in an address is looked at, and it does not stand there longer
			// than it has to.
			d.see(w, r, "/track")
			return nil
		}
	}
	return d.askReceipt(w, r, http.StatusOK, false, nil, nil)
}

// askReceipt shows the form for number and receipt. The receipt is never shown
// again, the number is.
func (d *desk) askReceipt(w http.ResponseWriter, r *http.Request, status int, framed bool, f *fault.Error, keep []hiddenField) error {
	form := page.NewForm(url.Values{"reportNo": {r.PostForm.Get("reportNo")}})
	if f != nil {
		form.Refuse(fn.Lang(r), f)
	}
	return d.show(w, r, status, "track", framed, trackView{
		flow: flow{Form: form, Exit: exit{URL: d.exit, Framed: framed}, Hidden: hidden{Framed: framed}}, Fields: keep,
	})
}

// asked is what a request about a report says.
type asked struct {
	ReportNo string `json:"reportNo"`
	Receipt  string `json:"receipt"`
	Text     string `json:"text,omitempty"`
	Score    int    `json:"score,omitempty"`
	Name     string `json:"name,omitempty"`
	Contact  string `json:"contact,omitempty"`

	// Of a page, not of a document:
	json   bool
	framed bool
	ticket string
	stale  bool // the page had stood longer than it may hold a receipt
}

// pass is what a follow-up page carries instead of the receipt: sealed by us, and
// good for half an hour.
type pass struct {
	Number  string `json:"n"`
	Receipt string `json:"r"`
	Until   int64  `json:"u"`
}

const passFor = "follow"

func (d *desk) newPass(number, receipt string) (string, error) {
	key, err := drafts.Cipher(d.keys.follow)
	if err != nil {
		return "", err
	}
	return drafts.Lock(key, passFor, pass{number, receipt, d.env.Now().Add(chosen.Minutes("track.minutes")).Unix()})
}

// readAsked reads who asks about which report. extra are the members a document
// may have besides number and receipt.
func (d *desk) readAsked(r *http.Request, extra ...string) (asked, error) {
	var a asked
	if isJSON(r) {
		a.json = true
		if r.ContentLength > maxForm {
			return a, fault.New(fault.TooLarge, "report-intake.form_large")
		}
		if err := fn.ReadJSON(r, &a); err != nil {
			return a, err
		}
		given := map[string]bool{"text": a.Text != "", "score": a.Score != 0, "name": a.Name != "", "contact": a.Contact != ""}
		for _, name := range extra {
			delete(given, name)
		}
		for _, name := range []string{"text", "score", "name", "contact"} {
			if given[name] {
				return a, fault.New(fault.Invalid, "fn.json_unknown").With(name, "fn.json_unknown")
			}
		}
		return a, nil
	}
	if err := readForm(r); err != nil {
		return a, err
	}
	f := r.PostForm
	a = asked{
		ReportNo: f.Get("reportNo"), Receipt: f.Get("receipt"), Text: visible(f.Get("text")), Name: f.Get("name"), Contact: f.Get("contact"),
		framed: f.Get("framed") == "1" && d.frames != "", ticket: f.Get("ticket"),
	}
	a.Score, _ = strconv.Atoi(f.Get("score")) // 0 where it is none, which is refused
	if sealed := f.Get("pass"); sealed != "" && a.Receipt == "" {
		key, err := drafts.Cipher(d.keys.follow)
		if err != nil {
			return a, err
		}
		var p pass
		if !drafts.Unlock(key, passFor, sealed, &p) || d.env.Now().Unix() >= p.Until {
			a.stale = true
			return a, nil
		}
		a.ReportNo, a.Receipt = p.Number, p.Receipt
	}
	return a, nil
}

func (d *desk) claimOf(r *http.Request, a asked) tipoff.Claim {
	return tipoff.Claim{Number: a.ReportNo, Receipt: a.Receipt, Network: d.network(r, d.env.Now())}
}

// track shows a reporter what became of his report.
func (d *desk) track(w http.ResponseWriter, r *http.Request) error {
	return d.follow(w, r, "", nil)
}

// follow does something about a report, where there is something to do, and shows
// it. A number that does not exist and a receipt that does not fit are answered
// alike.
func (d *desk) follow(w http.ResponseWriter, r *http.Request, done string, do func(asked, tipoff.Claim, time.Time) error, extra ...string) error {
	w.Header().Set("Cache-Control", "no-store")
	a, err := d.readAsked(r, extra...)
	if err != nil {
		return err
	}
	if a.stale {
		return d.askReceipt(w, r, http.StatusUnauthorized, a.framed, fault.New(fault.Unauthorized, "report-intake.pass_old"), kept(r))
	}
	now, claim := d.env.Now(), d.claimOf(r, a)
	var refused *fault.Error
	if do != nil {
		err := do(a, claim, now)
		f, ok := fault.Of(err)
		if err != nil && !ok {
			return err
		}
		refused = here(f)
		if a.json && refused != nil {
			return refused
		}
	}
	v, err := d.look(r, claim, now)
	if f, ok := fault.Of(err); ok {
		if a.json || !fn.WantsHTML(r) {
			return f
		}
		if f.RetryAfter > 0 {
			w.Header().Set("Retry-After", seconds(f.RetryAfter))
		}
		return d.askReceipt(w, r, fn.Status(f.Kind), a.framed, f, kept(r))
	}
	if err != nil {
		return err
	}
	if a.json || !fn.WantsHTML(r) {
		if refused != nil {
			return refused
		}
		return fn.WriteJSON(w, http.StatusOK, d.trackJSON(r, v))
	}
	return d.followPage(w, r, a, v, done, refused)
}

// here names the fields of a refusal as the forms and documents of this function
// do.
func here(f *fault.Error) *fault.Error {
	if f == nil {
		return nil
	}
	out := *f
	out.Fields = nil
	for _, x := range f.Fields {
		switch x.Name {
		case "reason", "comment":
			x.Name = "text"
		case "reporter/name", "reporter/contact":
			x.Name = strings.TrimPrefix(x.Name, "reporter/")
		}
		out.Fields = append(out.Fields, x)
	}
	return &out
}

// kept are the fields of a form that must not be lost while the receipt is asked
// for again.
func kept(r *http.Request) []hiddenField {
	var out []hiddenField
	for _, name := range []string{"text", "score", "name", "contact"} {
		if v := r.PostForm.Get(name); v != "" {
			out = append(out, hiddenField{name, v})
		}
	}
	return out
}

// message adds to the thread.
func (d *desk) message(w http.ResponseWriter, r *http.Request) error {
	return d.follow(w, r, "message", func(a asked, c tipoff.Claim, now time.Time) error {
		key, err := d.keyOf(r, a)
		if err != nil {
			return err
		}
		if looksLikeReceipt(a.Text) {
			return fault.New(fault.Invalid, "report-intake.receipt_in_text").With("text", "report-intake.receipt_in_text")
		}
		return d.intake.Say(r.Context(), c, key, a.Text, now)
	}, "text")
}

// keyOf is the key under which a message counts once: the header's, the page's
// ticket, or a new one.
func (d *desk) keyOf(r *http.Request, a asked) (string, error) {
	key, err := fn.IdempotencyKey(r)
	if err != nil || key != "" {
		return key, err
	}
	if _, ok := readTicket(d.keys.ticket, followForm, a.ticket); ok {
		return a.ticket, nil
	}
	return newTicket(d.keys.ticket, followForm, d.env.Now()), nil
}

const followForm = "follow"

// dispute says that it is not solved.
func (d *desk) dispute(w http.ResponseWriter, r *http.Request) error {
	return d.follow(w, r, "dispute", func(a asked, c tipoff.Claim, now time.Time) error {
		if looksLikeReceipt(a.Text) {
			return fault.New(fault.Invalid, "report-intake.receipt_in_text").With("text", "report-intake.receipt_in_text")
		}
		return d.intake.Dispute(r.Context(), c, a.Text, now)
	}, "text")
}

// rate says how content the reporter is.
func (d *desk) rate(w http.ResponseWriter, r *http.Request) error {
	return d.follow(w, r, "satisfaction", func(a asked, c tipoff.Claim, now time.Time) error {
		return d.intake.Rate(r.Context(), c, a.Score, a.Text, now)
	}, "score", "text")
}

// claim asks to be considered for a reward.
func (d *desk) claim(w http.ResponseWriter, r *http.Request) error {
	return d.follow(w, r, "reward", func(a asked, c tipoff.Claim, now time.Time) error {
		var who *tipoff.Reporter
		if a.Name != "" || a.Contact != "" {
			who = &tipoff.Reporter{Name: strings.TrimSpace(a.Name), Contact: strings.TrimSpace(a.Contact)}
		}
		return d.intake.ClaimReward(r.Context(), c, who, a.Text, now)
	}, "text", "name", "contact")
}

// look reads a reporter's tip-off. What of it is damaged is logged and says so in
// its place; the rest is there.
func (d *desk) look(r *http.Request, c tipoff.Claim, now time.Time) (tipoff.View, error) {
	v, err := d.intake.Track(r.Context(), c, now)
	for _, broken := range v.Damage {
		d.failed(r, broken)
	}
	words := page.Say(fn.Lang(r), "tipoff.damaged")
	for n := range v.Thread {
		if v.Thread[n].Damaged {
			v.Thread[n].Text = words
		}
	}
	for n := range v.Asks {
		if v.Asks[n].Damaged {
			v.Asks[n].Reason = words
		}
	}
	return v, err
}

// own reads who asks about which report and returns the report. Where answered is
// set, the page that asks for the receipt was shown instead.
func (d *desk) own(w http.ResponseWriter, r *http.Request) (a asked, v tipoff.View, answered bool, err error) {
	w.Header().Set("Cache-Control", "no-store")
	if a, err = d.readAsked(r); err != nil {
		return a, v, false, err
	}
	if a.stale {
		return a, v, true, d.askReceipt(w, r, http.StatusUnauthorized, a.framed, fault.New(fault.Unauthorized, "report-intake.pass_old"), nil)
	}
	v, err = d.look(r, d.claimOf(r, a), d.env.Now())
	if f, ok := fault.Of(err); ok && !a.json && fn.WantsHTML(r) {
		return a, v, true, d.askReceipt(w, r, fn.Status(f.Kind), a.framed, f, nil)
	}
	return a, v, false, err
}

// moreEvidence opens a box for later evidence, sealed to the report's own key. The
// same request under the same key, or the same page's button pressed again, leads
// to the same box.
func (d *desk) moreEvidence(w http.ResponseWriter, r *http.Request) error {
	a, v, answered, err := d.own(w, r)
	if err != nil || answered {
		return err
	}
	if !v.ErasedOn.IsZero() {
		return fault.New(fault.Ended, "report-intake.erased")
	}
	key, err := d.keyOf(r, a)
	if err != nil {
		return err
	}
	receipt, err := tipoff.FormatReceipt(a.Receipt)
	if err != nil {
		return err
	}
	token := evidence.TokenOf("later", v.Report.Number, receipt, key)
	_, err = d.evidence.OpenBoxOf(r.Context(), token, evidence.BoxSpec{
		For: "tip-off:" + v.Report.Number, To: v.To, Key: v.Report.Key, Until: d.env.Now().Add(chosen.Hours("box.hours")), By: "reporter",
		Return: Needs.Function + "/track",
	})
	if err != nil {
		return err
	}
	if a.json || !fn.WantsHTML(r) {
		return fn.WriteJSON(w, http.StatusCreated, map[string]string{"evidenceEndpoint": d.endpoint(token)})
	}
	http.Redirect(w, r, d.uploadPage(r, token), http.StatusSeeOther)
	return nil
}

// proof gives the receipt's proof as a file, with the proof that it stands in the
// log once it does.
func (d *desk) proof(w http.ResponseWriter, r *http.Request) error {
	_, v, answered, err := d.own(w, r)
	if err != nil || answered {
		return err
	}
	if r.PostForm.Get("what") == "inclusion" {
		proof := d.inclusion(r, v)
		if proof == nil {
			return fault.New(fault.NotFound, "report-intake.no_inclusion")
		}
		return attachment(w, "receipt-"+v.Report.Number+".tlog-proof", "text/plain; charset=utf-8", proof)
	}
	if len(v.Proof) == 0 {
		return fault.New(fault.NotFound, "report-intake.no_proof")
	}
	return attachment(w, "receipt-"+v.Report.Number+".proof.txt", "text/plain; charset=utf-8", proofText(v.Proof, v.Document))
}

// followView is the page of a report.
type followView struct {
	flow
	Pass     string
	Ticket   string
	Done     string
	View     tipoff.View
	Number   string
	Kind     string
	Received string
	Status   statusAnswer
	Basis    cited
	Since    string
	Due      string
	Clocks   []clockView
	Thread   []messageView
	Asks     []askView
	Files    []lateFile
	Proof    bool
	Included bool
	Narrow   bool
	Scores   []option
	Erased   string
	Proved   []row
}

type clockView struct {
	Text, Due                   string
	Basis                       cited
	Extended, Paused, Over, Met bool
	Provisional                 bool
}

type messageView struct {
	Mine  bool
	Kind  string
	On    string
	Lines []string
	Score int
}

type askView struct {
	State, On, DecidedOn, Reason string
	Reads                        []string
}

type lateFile struct {
	N    int
	Size string
	Part bool
}

// ownText gives the text of one of the page's forms a name of its own: each of
// them posts "text", and a refusal belongs beside the text it is about.
func ownText(posted url.Values, f *fault.Error, form string) (url.Values, *fault.Error) {
	if form == "message" {
		return posted, f
	}
	values, out := maps.Clone(posted), *f
	values.Set(form+"-text", values.Get("text"))
	values.Del("text")
	out.Fields = slices.Clone(f.Fields)
	for i := range out.Fields {
		if out.Fields[i].Name == "text" {
			out.Fields[i].Name = form + "-text"
		}
	}
	return values, &out
}

func (d *desk) followPage(w http.ResponseWriter, r *http.Request, a asked, v tipoff.View, done string, f *fault.Error) error {
	lang := fn.Lang(r)
	form := page.NewForm(nil)
	status := http.StatusOK
	if f != nil {
		values, f := ownText(r.PostForm, f, done)
		form = page.NewForm(values).Refuse(lang, f)
		status, done = fn.Status(f.Kind), ""
	}
	number, err := tipoff.ParseNumber(a.ReportNo)
	if err != nil {
		return err
	}
	view := followView{
		flow:   flow{Form: form, Exit: exit{URL: d.exit, Framed: a.framed}, Hidden: hidden{Framed: a.framed}},
		Ticket: newTicket(d.keys.ticket, followForm, d.env.Now()), Done: done, View: v, Number: tipoff.FormatNumber(number),
	}
	if !v.ErasedOn.IsZero() {
		view.Erased = text(lang, v.ErasedOn)
		return d.show(w, r, status, "follow", a.framed, view)
	}
	if view.Pass, err = d.newPass(number, a.Receipt); err != nil {
		return err
	}
	view.Kind, view.Received = page.Say(lang, "tipoff.kind."+string(v.Report.Kind)), text(lang, v.Report.Day)
	view.Status, view.Basis = statusOf(lang, v.Status), cite(lang, v.Status.Basis)
	view.Since, view.Due = text(lang, v.Status.Since), text(lang, v.Status.Due)
	today := workday.DateOf(d.env.Now())
	for _, c := range v.Clocks {
		view.Clocks = append(view.Clocks, clockView{
			Text: page.Say(lang, "tipoff.clock."+c.Name), Due: text(lang, c.Due), Basis: cite(lang, c.Basis),
			Extended: c.Extended, Paused: c.Paused, Over: c.Overdue(today), Met: !c.Done.IsZero(), Provisional: c.Provisional,
		})
	}
	for _, m := range v.Thread {
		view.Thread = append(view.Thread, messageView{
			Mine: m.By == tipoff.ByReporter, Kind: page.Say(lang, "report-intake.message."+m.Kind), On: text(lang, m.On),
			Lines: paragraphs(m.Text), Score: m.Score,
		})
	}
	for _, x := range v.Asks {
		shown := askView{State: page.Say(lang, "report-intake.ask."+string(x.State)), On: text(lang, x.On), DecidedOn: text(lang, x.DecidedOn), Reason: x.Reason}
		for _, on := range x.Reads {
			shown.Reads = append(shown.Reads, text(lang, on))
		}
		view.Asks = append(view.Asks, shown)
	}
	boxes, err := d.evidence.Boxes(r.Context(), "tip-off:"+v.Report.Number)
	if err != nil {
		return err
	}
	for _, b := range boxes {
		list, err := d.evidence.Files(r.Context(), b.ID)
		if err != nil {
			return err
		}
		for _, x := range list {
			view.Files = append(view.Files, lateFile{N: len(view.Files) + 1, Size: evidence.Size(max(x.Size, x.Offset)), Part: x.State != evidence.Whole})
		}
	}
	view.Proof, view.Included = len(v.Proof) > 0, d.inclusion(r, v) != nil
	view.Proved = []row{
		{page.Say(lang, "report-intake.narrative"), paragraphs(v.Lodged.Narrative)},
		{page.Say(lang, "report-intake.parties"), names(v.Lodged.Parties)},
	}
	for n := 5; n >= 1; n-- {
		view.Scores = append(view.Scores, option{Value: strconv.Itoa(n), Text: page.Say(lang, "report-intake.score."+strconv.Itoa(n))})
	}
	return d.show(w, r, status, "follow", a.framed, view)
}

func names(parties []tipoff.Party) []string {
	var out []string
	for _, p := range parties {
		name := p.Name
		if p.Code != "" {
			name += " (" + p.Code + ")"
		}
		out = append(out, name)
	}
	return out
}
