package function

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/page"
	"ipcredit/shared/share"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

func (d *desk) officerRoutes(mux *fn.Mux) {
	mux.Handle("GET /{$}", d.signed(d.index))
	mux.Handle("GET /subscriptions", d.signed(d.list))
	mux.Handle("POST /subscriptions", d.signed(d.propose))
	mux.Handle("GET /subscriptions/new", d.signed(d.form))
	mux.Handle("GET /subscriptions/{id}", d.signed(d.one))
	mux.Handle("POST /subscriptions/{id}/{step}", d.signed(d.step))
	mux.Handle("GET /file", d.signed(d.fileForm))
	mux.Handle("POST /file", d.signed(d.file))
}

type listView struct {
	base
	Rows  []share.Subscription
	Opens map[string]int // by organisation: ends not yet answered
	Late  map[string]int
}

// list shows the subscriptions, and who still owes an answer.
func (d *desk) list(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	b, err := d.base(r, a, r.URL.Query())
	if err != nil {
		return err
	}
	v := listView{base: b, Opens: map[string]int{}, Late: map[string]int{}}
	if v.Rows, err = d.share.List(r.Context(), a, d.env.Now()); err != nil {
		return err
	}
	today := workday.DateOf(d.env.Now())
	for _, x := range v.Rows {
		if _, known := v.Opens[x.Org]; known {
			continue
		}
		open, err := d.share.Open(r.Context(), a, x.Org, d.env.Now())
		if err != nil {
			return err
		}
		v.Opens[x.Org] = len(open)
		for _, o := range open {
			if o.Overdue(today) {
				v.Late[x.Org]++
			}
		}
	}
	return d.pages.Show(w, r, http.StatusOK, "subscriptions", v)
}

type formView struct {
	base
	Orgs, PurposeOptions, ActOptions, AreaOptions []option
}

func (d *desk) formView(r *http.Request, a staff.Actor, form url.Values) (formView, error) {
	b, err := d.base(r, a, form)
	if err != nil {
		return formView{}, err
	}
	lang := fn.Lang(r)
	v := formView{base: b, PurposeOptions: worded(lang, "share.purpose.", share.Purposes), ActOptions: worded(lang, "credit.act.", share.Acts()), AreaOptions: d.areas()}
	orgs, err := d.share.Organizations(r.Context())
	for _, o := range orgs {
		v.Orgs = append(v.Orgs, option{Value: o.ID, Text: o.Name})
	}
	return v, err
}

func (d *desk) form(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if !d.manages(a) {
		return fault.New(fault.Forbidden, "staff.can.role")
	}
	v, err := d.formView(r, a, r.URL.Query())
	if err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "subscribe", v)
}

// dayOf reads a day; one that is none is a fault of its field.
func dayOf(f url.Values, name string) (workday.Date, error) {
	if f.Get(name) == "" {
		return workday.Date{}, nil
	}
	on, err := workday.ParseDate(f.Get(name))
	if err != nil {
		return on, fault.New(fault.Invalid, "share.incomplete").With(name, "share.day")
	}
	return on, nil
}

func (d *desk) propose(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	f := r.PostForm
	until, err := dayOf(f, "until")
	var x share.Subscription
	if err == nil {
		x, err = d.share.Propose(r.Context(), a, share.Proposal{
			Org: f.Get("org"), Purpose: share.Purpose(f.Get("purpose")), Acts: f["acts"], Areas: f["areas"], Basis: f.Get("basis"),
			Until: until, URL: f.Get("url"), Shared: f.Get("shared") != "",
		}, d.env.Now())
	}
	if bad, ok := fault.Of(err); ok && len(bad.Fields) > 0 && fn.WantsHTML(r) {
		v, err := d.formView(r, a, f)
		if err != nil {
			return err
		}
		v.Refuse(fn.Lang(r), bad)
		return d.pages.Show(w, r, http.StatusUnprocessableEntity, "subscribe", v)
	}
	if err != nil {
		return err
	}
	return d.see(w, r, "proposed", "/subscriptions", x.ID)
}

type oneView struct {
	base
	Sub      share.Subscription
	Decides  bool // this person may approve or refuse
	Log      []share.Delivery
	Next     string
	Open     []owed
	Answers  []share.Answered
	Secret   string // shown once it was asked for
	Public   string
	AreaText []string
	// What an answer that came on paper may say.
	EventOptions, ActionOptions, PaperOptions []option
}

type owed struct {
	share.Open
	Late bool
}

const (
	logPage     = 20
	mostAnswers = 50
)

func (d *desk) one(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	return d.showOne(w, r, a, http.StatusOK, "", nil)
}

func (d *desk) showOne(w http.ResponseWriter, r *http.Request, a staff.Actor, status int, secret string, refused *fault.Error) error {
	typed := url.Values{}
	if status == http.StatusUnprocessableEntity {
		typed = r.PostForm
	}
	b, err := d.base(r, a, typed)
	if err != nil {
		return err
	}
	lang := fn.Lang(r)
	if refused != nil {
		b.Refuse(lang, refused)
	}
	now := d.env.Now()
	v := oneView{base: b, Secret: secret, Public: d.key.Public(), PaperOptions: worded(lang, "share.paper.", share.Papers),
		ActionOptions: worded(lang, "share.action.", []share.Action{share.Removed, share.Lifted, share.None})}
	if v.Sub, err = d.share.Get(r.Context(), a, r.PathValue("id"), now); err != nil {
		return err
	}
	v.Decides = v.Sub.State == share.Proposed && v.Sub.AskedBy != a.User.ID
	next := ""
	if v.Log, next, err = d.share.Log(r.Context(), a, v.Sub.ID, r.URL.Query().Get("cursor"), logPage, now); err != nil {
		return err
	}
	if next != "" {
		v.Next = d.pages.URL(r, "/subscriptions", v.Sub.ID, url.Values{"cursor": {next}})
	}
	open, err := d.share.Open(r.Context(), a, v.Sub.Org, now)
	if err != nil {
		return err
	}
	for _, o := range open {
		v.Open = append(v.Open, owed{o, o.Overdue(workday.DateOf(now))})
		v.EventOptions = append(v.EventOptions, option{Value: o.Event, Text: o.Event})
	}
	if v.Answers, err = d.share.Answers(r.Context(), a, v.Sub.Org, mostAnswers, now); err != nil {
		return err
	}
	for _, code := range v.Sub.Areas {
		v.AreaText = append(v.AreaText, areaName(code))
	}
	return d.pages.Show(w, r, status, "subscription", v)
}

// step does what a button of the page says.
func (d *desk) step(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	id, step, now := r.PathValue("id"), r.PathValue("step"), d.env.Now()
	version, _ := strconv.Atoi(r.PostForm.Get("version")) // 0 is never the version
	var err error
	switch step {
	case "approve", "refuse":
		_, err = d.share.Decide(r.Context(), a, id, version, step == "approve", now)
	case "end":
		_, err = d.share.End(r.Context(), a, id, version, now)
	case "stop":
		_, err = d.share.Stop(r.Context(), a, id, version, now)
	case "resume":
		_, err = d.share.Resume(r.Context(), a, id, version, now)
	case "replay":
		_, err = d.share.Replay(r.Context(), a, id, r.PostForm.Get("delivery"), now)
	case "test":
		var tried share.Delivery
		if tried, err = d.share.Test(r.Context(), a, id, now); err == nil {
			step = "test-taken"
			if tried.Failed {
				step = "test-failed"
			}
		}
	case "secret":
		secret, err := d.share.Secret(r.Context(), a, id, r.PostForm.Get("renew") != "", now)
		if err != nil {
			return err
		}
		return d.showOne(w, r, a, http.StatusOK, secret, nil)
	case "on-behalf":
		f := r.PostForm
		var x share.Subscription
		if x, err = d.share.Get(r.Context(), a, id, now); err == nil {
			_, err = d.share.OnBehalf(r.Context(), a, x.Org, f.Get("event"), share.Feedback{Action: share.Action(f.Get("action")), Reference: f.Get("reference")}, share.Paper(f.Get("paper")), now)
		}
		if bad, ok := fault.Of(err); ok && len(bad.Fields) > 0 && fn.WantsHTML(r) {
			return d.showOne(w, r, a, http.StatusUnprocessableEntity, "", bad)
		}
	default:
		return fault.New(fault.NotFound, "fn.not_found")
	}
	if f, ok := fault.Of(err); ok && fn.WantsHTML(r) && slices.Contains([]fault.Kind{fault.Conflict, fault.Stale}, f.Kind) {
		return d.showOne(w, r, a, statusOf(f), "", f)
	}
	if err != nil {
		return err
	}
	return d.see(w, r, step, "/subscriptions", id)
}

// Tone is the colour of a state.
func (v listView) Tone(s share.State) string { return tone(s) }

// Tone is the colour of a state.
func (v oneView) Tone(s share.State) string { return tone(s) }

func tone(s share.State) string {
	switch s {
	case share.Proposed:
		return "amber"
	case share.Active:
		return "green"
	}
	return "grey"
}

// WhyText is why a try failed, in the reader's language.
func (v oneView) WhyText(lang page.Lang, t share.Try) string {
	if t.Why == "" {
		return page.Say(lang, "credit-share.taken")
	}
	return page.Say(lang, "share.why."+t.Why)
}
