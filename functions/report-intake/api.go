package function

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/page"
	"ipcredit/shared/tipoff"
	"ipcredit/shared/workday"
)

// lodgeJSON takes POST reports with a document.
func (d *desk) lodgeJSON(w http.ResponseWriter, r *http.Request) error {
	if r.ContentLength > maxForm {
		return fault.New(fault.TooLarge, "report-intake.form_large")
	}
	var l tipoff.Lodged
	if err := fn.ReadJSON(r, &l); err != nil {
		return err
	}
	if len(l.Files) > 0 {
		// What arrived is described by us, not by the sender.
		return fault.New(fault.Invalid, "fn.json_unknown").With("files", "fn.json_unknown")
	}
	return d.take(w, r, l)
}

// plainFields are what a form of somebody else's making may have.
var plainFields = map[string]bool{
	"kind": true, "party": true, "code": true, "narrative": true, "anonymous": true, "name": true, "contact": true,
	"occurredOn": true, "place": true, "division": true, "numbers": true, "language": true, "continuing": true,
	"insider": true, "reward": true, "official": true,
}

// fieldsOf reads a report out of form fields.
func fieldsOf(r *http.Request) (tipoff.Lodged, error) {
	f := r.PostForm
	for name := range f {
		if !plainFields[name] {
			return tipoff.Lodged{}, fault.New(fault.Invalid, "report-intake.field").With(name, "report-intake.field")
		}
	}
	yes := func(name string) bool {
		v := strings.ToLower(f.Get(name))
		return v == "1" || v == "true" || v == "yes" || v == "on"
	}
	l := tipoff.Lodged{
		Kind: tipoff.Kind(f.Get("kind")), Narrative: f.Get("narrative"), Place: f.Get("place"), Division: f.Get("division"),
		Language: f.Get("language"), Continuing: yes("continuing"), Insider: yes("insider"), Reward: yes("reward"), Official: yes("official"),
	}
	l.Anonymous = yes("anonymous") || !f.Has("anonymous") && f.Get("name") == "" && f.Get("contact") == ""
	if !l.Anonymous {
		l.Reporter = &tipoff.Reporter{Name: f.Get("name"), Contact: f.Get("contact")}
	}
	codes := f["code"]
	for i, name := range f["party"] {
		p := tipoff.Party{Name: name}
		if i < len(codes) {
			p.Code = codes[i]
		}
		l.Parties = append(l.Parties, p)
	}
	for _, n := range f["numbers"] {
		l.Numbers = append(l.Numbers, lines(n)...)
	}
	var err error
	l.OccurredOn, err = day(f.Get("occurredOn"))
	return l, err
}

// lodgedAnswer is the answer of POST reports (design §8).
type lodgedAnswer struct {
	ReportNo         string       `json:"reportNo"`
	Receipt          string       `json:"receipt"`
	ReceiptProof     string       `json:"receiptProof"`
	EvidenceEndpoint string       `json:"evidenceEndpoint"`
	Due              workday.Date `json:"due"`
}

// answer gives the receipt of a report that came whole.
func (d *desk) answer(w http.ResponseWriter, r *http.Request, l tipoff.Lodging, token string) error {
	if !isJSON(r) && fn.WantsHTML(r) {
		return d.receiptPage(w, r, http.StatusCreated, &visit{}, l, nil)
	}
	if l.Replayed {
		w.Header().Set("Idempotent-Replayed", "true")
	}
	return fn.WriteJSON(w, http.StatusCreated, lodgedAnswer{
		ReportNo: l.Number, Receipt: l.Receipt, ReceiptProof: string(l.Proof), EvidenceEndpoint: d.endpoint(token), Due: l.Due.Due,
	})
}

// questionProblem is the problem document that asks a program, or whoever sits
// before it, a question. The same request with the same Idempotency-Key and the
// answer in the header Report-Answer is accepted.
type questionProblem struct {
	fn.Problem
	Question       string `json:"question"`
	IdempotencyKey string `json:"idempotencyKey"`
}

func (d *desk) askProgram(w http.ResponseWriter, r *http.Request, q question, key string) error {
	lang := fn.Lang(r)
	f := fault.New(fault.TooMany, "report-intake.asked_program")
	title, detail := page.Fault(lang, f)
	body, err := json.Marshal(questionProblem{
		Problem: fn.Problem{
			Type: "tag:ipcredit,2026:problem/" + f.Code, Title: title, Status: http.StatusTooManyRequests, Detail: detail,
			Code: f.Code, Instance: "urn:ipcredit:request:" + fn.RequestID(r),
		},
		Question: q.in(lang), IdempotencyKey: key,
	})
	if err != nil {
		return fmt.Errorf("report-intake: asking: %w", err)
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json; charset=utf-8")
	h.Set("Content-Language", lang.Tag())
	h.Set("Retry-After", "1")
	w.WriteHeader(http.StatusTooManyRequests)
	_, err = w.Write(body)
	return err
}

// trackAnswer is the answer of POST track.
type trackAnswer struct {
	ReportNo string       `json:"reportNo"`
	Received workday.Date `json:"received"`
	Kind     tipoff.Kind  `json:"kind"`
	Status   statusAnswer `json:"status"`
	Clocks   []clockJSON  `json:"clocks"`
	// Lodged is what the receipt proves: the canonical document.
	Lodged       json.RawMessage  `json:"lodged,omitempty"`
	Thread       []tipoff.Message `json:"thread"`
	Identity     []identityAnswer `json:"identity"`
	ReceiptProof string           `json:"receiptProof,omitempty"`
	// InclusionProof is there once the receipt stands in the log.
	InclusionProof string       `json:"inclusionProof,omitempty"`
	MayDispute     bool         `json:"mayDispute"`
	MayRate        bool         `json:"mayRate"`
	MayClaimReward bool         `json:"mayClaimReward"`
	ErasedOn       workday.Date `json:"erasedOn,omitzero"`
}

// statusAnswer is the state in public words, with the provision it rests on.
type statusAnswer struct {
	Word        string        `json:"word"`
	Text        string        `json:"text"`
	More        string        `json:"more,omitempty"`
	Since       workday.Date  `json:"since"`
	Due         workday.Date  `json:"due"`
	Provisional bool          `json:"provisional,omitempty"`
	Basis       workday.Basis `json:"basis"`
}

type clockJSON struct {
	Name        string        `json:"name"`
	Text        string        `json:"text"`
	From        workday.Date  `json:"from"`
	Due         workday.Date  `json:"due"`
	Done        workday.Date  `json:"done"`
	Provisional bool          `json:"provisional,omitempty"`
	Extended    bool          `json:"extended,omitempty"`
	Paused      bool          `json:"paused,omitempty"`
	Basis       workday.Basis `json:"basis"`
}

// identityAnswer tells a reporter that his identity was asked for, or opened.
type identityAnswer struct {
	AskedOn   workday.Date    `json:"askedOn"`
	State     tipoff.AskState `json:"state"`
	Reason    string          `json:"reason"`
	DecidedOn workday.Date    `json:"decidedOn"`
	ReadOn    []workday.Date  `json:"readOn"`
}

func (d *desk) trackJSON(r *http.Request, v tipoff.View) trackAnswer {
	lang := fn.Lang(r)
	out := trackAnswer{
		ReportNo: v.Report.Number, Received: v.Report.Day, Kind: v.Report.Kind, Status: statusOf(lang, v.Status),
		Clocks: []clockJSON{}, Lodged: v.Document, Thread: v.Thread, Identity: []identityAnswer{}, ReceiptProof: string(v.Proof),
		InclusionProof: string(d.inclusion(r, v)), MayDispute: v.MayDispute, MayRate: v.MayRate, MayClaimReward: v.MayClaim,
		ErasedOn: v.ErasedOn,
	}
	if out.Thread == nil {
		out.Thread = []tipoff.Message{}
	}
	for _, c := range v.Clocks {
		out.Clocks = append(out.Clocks, clockJSON{
			Name: c.Name, Text: page.Say(lang, "tipoff.clock."+c.Name), From: c.From, Due: c.Due, Done: c.Done,
			Provisional: c.Provisional, Extended: c.Extended, Paused: c.Paused, Basis: c.Basis,
		})
	}
	for _, a := range v.Asks {
		reads := a.Reads
		if reads == nil {
			reads = []workday.Date{}
		}
		out.Identity = append(out.Identity, identityAnswer{AskedOn: a.On, State: a.State, Reason: a.Reason, DecidedOn: a.DecidedOn, ReadOn: reads})
	}
	return out
}

func statusOf(lang page.Lang, s tipoff.Status) statusAnswer {
	out := statusAnswer{Word: s.Word, Since: s.Since, Due: s.Due, Provisional: s.Provisional, Basis: s.Basis}
	if s.Word != "" {
		out.Text = page.Say(lang, "tipoff.status."+s.Word)
		if page.Has("tipoff.status." + s.Word + ".more") {
			out.More = page.Say(lang, "tipoff.status."+s.Word+".more")
		}
	}
	return out
}

// inclusion is the proof that the receipt stands in the log; nil until the next
// checkpoint is out. Whatever keeps it away keeps nothing else away.
func (d *desk) inclusion(r *http.Request, v tipoff.View) []byte {
	index, there, err := d.log.Index(r.Context(), v.Report.Number)
	if err != nil || !there {
		return nil
	}
	proof, err := d.log.Proof(r.Context(), index)
	if err != nil {
		d.failed(r, err)
		return nil
	}
	return proof
}
