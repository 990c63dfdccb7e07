package function

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/credit"
	"ipcredit/shared/evidence"
	"ipcredit/shared/objection"
	"ipcredit/shared/redistest"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
)

// real gives a record the id that a batch would give it: what a stranger enters.
func real(x credit.Record) credit.Record {
	x.ID = credit.NewID(x.Kind, x.Authority, x.InstrumentNo, jia)
	x.UpheldOn = x.DeterminedOn.AddDays(1)
	return x
}

var objectionIn = regexp.MustCompile(`YY\d{10}`)

// status is how strangers see a record of jia.
func (o *office) status(id string) credit.Status {
	o.t.Helper()
	p, err := credit.NewStore(o.env.Journal, credit.NewInForce(o.env.Journal)).Load(o.t.Context(), jia)
	ok(o.t, err)
	visible, _ := credit.Show(p.Records, o.clock.Now())
	for _, s := range visible {
		if s.ID == id {
			return s.Status
		}
	}
	return ""
}

// objected files an objection of jia's and returns its number.
func (o *office) objected(id string, more ...string) string {
	o.t.Helper()
	a := o.want(o.as("jia.agent").post("/objections", append([]string{"record", id, "ground", "facts"}, more...)...), http.StatusSeeOther)
	return objectionIn.FindString(a.header.Get("Location"))
}

// text opens the first file of a box with the unit's key.
func (o *office) text(box string) string {
	o.t.Helper()
	unit, _ := keys()
	store := evidence.NewStore(o.env.Journal, o.env.Objects.Main, o.clock.Now)
	b, err := store.Box(o.t.Context(), box)
	ok(o.t, err)
	id, err := seal.NewKeys(o.env.Objects.Keys).Open(o.t.Context(), b.Key, tipoff.UnitLabel("410700"), unit)
	ok(o.t, err)
	var out strings.Builder
	_, _, err = store.Copy(o.t.Context(), &out, box, 1, id)
	ok(o.t, err)
	return out.String()
}

func TestASubjectObjectsAndReadsTheAnswer(t *testing.T) {
	r := real(fined("1", "2026-04-10"))
	o := embedded(t, "2026-04-30", r)
	j := o.as("jia.agent")
	o.want(o.as("").get("/objections"), http.StatusSeeOther)
	o.want(j.get("/objections"), 200, "没有提出过异议", "列入前告知书")
	o.want(j.get("/records/"+r.ID), 200, "/objections/new?record="+r.ID)
	o.want(j.get("/objections/new?record="+r.ID), 200, `value="`+r.ID+`" checked`, "记录内容与事实或者文书不符")
	o.want(j.post("/objections", "record", r.ID), 400, "请选择异议理由")
	o.want(j.post("/objections", "ground", "facts"), 400, "请选择要提出异议的记录")
	o.want(j.post("/objections", "record", r.ID, "ground", "facts", "text", strings.Repeat("长", longestStatement+1)), 400, "最多 2000 个字")
	o.want(j.post("/objections", "record", r.ID, "ground", "facts", "box", "none"), 422, "请先上传")
	if o.status(r.ID) != credit.Disclosed {
		t.Fatal("a refused objection marks the record")
	}
	box := o.uploaded(o.want(j.post("/objections/upload"), http.StatusSeeOther).header.Get("Location"))
	o.want(j.get("/objections/new"), 200, "附上已上传的材料（1 个文件）", box)
	const said = "当事人张样例称罚款为九千元"
	no := o.objected(r.ID, "text", said, "box", box)
	if o.status(r.ID) != credit.Disputed {
		t.Fatal("the record is not marked")
	}
	o.want(j.get("/objections/"+no+"?done=filed"), 200, "异议已提交", "异议中", "2026年5月8日", "河南省社会信用条例", "第四十一条", "核查中")
	o.want(j.get("/objections/"+no+"/receipt"), 200, "异议受理回执", no, "2026年4月30日", "2026年5月8日前（含当日）", "新乡市市场监督管理局")
	o.want(j.get("/objections"), 200, no)
	o.want(j.get("/records/"+r.ID), 200, "异议中")
	o.want(o.as("jia.legal").post("/objections", "record", r.ID, "ground", "other", "text", "另一份说明"), 409, no)
	o.want(j.get("/objections/new"), 200, "没有可以提出异议的记录")

	// What was typed is a paper like the others, and stands nowhere in the clear.
	office := objection.New(o.env.Journal)
	x, err := office.Get(t.Context(), o.actor("jia.agent"), no, o.clock.Now())
	ok(t, err)
	if len(x.Papers) != 2 {
		t.Fatalf("%+v", x.Papers)
	}
	found := false
	for _, p := range x.Papers {
		found = found || o.text(p.Box) == said
	}
	if !found {
		t.Error("the statement is not among the papers")
	}
	redistest.Grep(t, o.env.Redis.(*redis.Client), "张样例称")
	boxes, err := evidence.NewStore(o.env.Journal, o.env.Objects.Main, o.clock.Now).Boxes(t.Context(), objection.BoxFor(jia))
	if err != nil || len(boxes) != 2 {
		t.Errorf("a refused objection left %d boxes, %v", len(boxes), err)
	}

	// More papers, once.
	box = o.uploaded(o.want(j.post("/objections/"+no+"/upload"), http.StatusSeeOther).header.Get("Location"))
	o.want(j.get("/objections/"+no), 200, box)
	o.want(j.post("/objections/"+no+"/paper", "box", box), http.StatusSeeOther)
	o.want(j.post("/objections/"+no+"/paper", "box", box), 422)
	o.want(j.post("/objections/"+no+"/dance"), 404)

	x, err = office.Check(t.Context(), o.actor("lead.handler"), no, 0, objection.Unfounded, o.clock.Now())
	ok(t, err)
	_, err = office.Rule(t.Context(), o.actor("lead.approver"), no, x.Version, objection.Ruling{Outcome: objection.Dismiss, Decision: "新测市监异〔2026〕1号", Reasons: []string{"accurate"}}, o.clock.Now())
	ok(t, err)
	o.want(j.get("/objections/"+no), 200, "异议不成立", "新测市监异〔2026〕1号", "记录与所依据的文书一致", "行政复议")
	o.want(j.post("/objections/"+no+"/withdraw"), 409)
	if o.status(r.ID) != credit.Disclosed {
		t.Error("the mark stays")
	}
	// It can be objected to again with something new, and that be taken back.
	o.want(j.post("/objections", "record", r.ID, "ground", "facts"), 422, no, "请写明新的情况")
	if o.status(r.ID) != credit.Disclosed {
		t.Error("an objection with nothing new marks the record")
	}
	no = o.objected(r.ID, "text", "另有新的证据")
	o.want(j.post("/objections/"+no+"/withdraw"), http.StatusSeeOther)
	o.want(j.get("/objections/"+no+"?done=withdraw"), 200, "异议已撤回", "已撤回")
	if o.status(r.ID) != credit.Disclosed {
		t.Error("the mark stays after the withdrawal")
	}
}

// same makes two answers comparable: the number asked for and the request's own
// reference differ by themselves.
func same(a answer, no string) string {
	return strings.ReplaceAll(strings.ReplaceAll(a.body, a.header.Get("X-Request-Id"), "R"), no, "N")
}

// TestThreat_AnotherSubjectGetsTheBytesOfNothing: to everybody whose it is not, an
// objection is what one is that does not exist, to the byte.
func TestThreat_AnotherSubjectGetsTheBytesOfNothing(t *testing.T) {
	r := real(fined("1", "2026-04-10"))
	o := embedded(t, "2026-04-30", r)
	no, none := o.objected(r.ID), "YY2026999999"
	callers := map[string]caller{"another subject": o.another("虚构乙科技有限公司", yi), "another unit": o.as("hongqi.handler"), "a department": o.as("science.handler")}
	for name, c := range callers {
		for _, accept := range []string{"text/html", "application/json"} {
			for _, path := range []string{"/objections/%", "/objections/%/receipt"} {
				have := c.do(http.MethodGet, strings.Replace(path, "%", no, 1), nil, "Accept", accept)
				want := c.do(http.MethodGet, strings.Replace(path, "%", none, 1), nil, "Accept", accept)
				if have.status != 404 || want.status != 404 || same(have, no) != same(want, none) || strings.Contains(have.body, "虚构甲") {
					t.Errorf("%s %s %s: %d, of none %d\n%s\n%s", name, path, accept, have.status, want.status, same(have, no), same(want, none))
				}
			}
			for _, step := range []string{"withdraw", "paper", "upload", "dance"} {
				have := c.do(http.MethodPost, "/objections/"+no+"/"+step, url.Values{"box": {"B"}}, "Accept", accept)
				want := c.do(http.MethodPost, "/objections/"+none+"/"+step, url.Values{"box": {"B"}}, "Accept", accept)
				if have.status != 404 || same(have, no) != same(want, none) {
					t.Errorf("%s %s: %d", name, step, have.status)
				}
			}
		}
	}
	y := callers["another subject"]
	o.want(y.get("/objections"), 200, "没有提出过异议")
	o.want(y.post("/objections", "record", r.ID, "ground", "facts"), 404)
	o.want(o.as("lead.handler").post("/objections", "record", r.ID, "ground", "facts"), 403)
	o.want(o.as("lead.handler").get("/objections/"+no), http.StatusSeeOther)
	if o.status(r.ID) != credit.Disputed {
		t.Error("the mark is gone")
	}
}

// printed is an activation code as it is printed on a notice.
func (o *office) printed(code string) string {
	o.t.Helper()
	_, text, err := o.staff.IssueActivation(o.t.Context(), o.actor("lead.handler"), staff.Issue{Code: code, Name: "虚构甲科技有限公司", Division: "410771", Role: staff.Agent}, o.clock.Now())
	ok(o.t, err)
	return text
}

func TestWithoutAnAccountTheCodeOnTheNoticeObjects(t *testing.T) {
	r := real(fined("1", "2026-04-10"))
	o := embedded(t, "2026-04-30", r)
	code, g := o.printed(jia), o.as("")
	o.want(g.get("/object?record="+r.ID), 200, `value="`+r.ID+`"`, "激活码仍然可以用来开户")
	fields := func(more ...string) []string {
		return append([]string{"code", strings.ToLower(jia), "activation", strings.ToLower(code), "record", strings.ToUpper(r.ID), "ground", "facts"}, more...)
	}
	no := objectionIn.FindString(o.want(g.post("/object", fields()...), http.StatusCreated, "请记下异议编号").body)
	o.want(g.post("/object", fields()...), 409, no)
	if no == "" || o.status(r.ID) != credit.Disputed {
		t.Fatal("not taken in")
	}
	held := func(more ...string) []string {
		return append([]string{"no", no, "code", jia, "activation", code}, more...)
	}
	o.want(g.get("/object/track"), 200, "凭异议编号、统一社会信用代码和激活码查询")
	o.want(g.post("/object/track", held()...), 200, "核查中", "2026年5月8日", "异议中")
	o.want(g.post("/object/receipt", held()...), 200, "异议受理回执", no)
	if a := g.post("/object/receipt", held()...); strings.Contains(a.body, code) {
		t.Error("the receipt prints the code")
	}
	box := o.uploaded(o.want(g.post("/object/upload", held()...), http.StatusSeeOther).header.Get("Location"))
	o.want(g.post("/object/paper", held("box", "none")...), 422)
	o.want(g.post("/object/paper", held("box", box)...), 200, "材料已提交")
	o.want(g.post("/object/dance", held()...), 404)
	o.want(o.as("jia.agent").get("/objections/"+no), 200, "凭激活码提出")
	o.want(g.post("/object/withdraw", held()...), 200, "异议已撤回")
	if o.status(r.ID) != credit.Disclosed {
		t.Error("the mark stays")
	}
	redistest.Grep(t, o.env.Redis.(*redis.Client), code)
	// The code still opens an account; after that, the account objects.
	in := staff.Activate{Activation: code, Code: jia, Username: "jia.second", Name: "郑样例", Password: "Correct-horse-7-battery", Network: "192.0.2.0/24"}
	_, err := o.staff.Activate(t.Context(), in, o.clock.Now())
	ok(t, err)
	o.want(g.post("/object", fields()...), 422, "已开户的请登录后提出异议")
	// What was filed with it can still be followed with it.
	o.want(g.post("/object/track", held()...), 200, "已撤回")
}

// TestThreat_ACodeSaysNothingOfAnybodyElsesObjection: a wrong code, another's code
// and an unknown number are answered alike, and no code is in an address.
func TestThreat_ACodeSaysNothingOfAnybodyElsesObjection(t *testing.T) {
	r := real(fined("1", "2026-04-10"))
	o := embedded(t, "2026-04-30", r)
	code, other, strange, g := o.printed(jia), o.printed(jia), o.printed(yi), o.as("")
	made := o.want(g.post("/object", "code", jia, "activation", code, "record", r.ID, "ground", "facts"), http.StatusCreated)
	no := objectionIn.FindString(made.body)
	ask := func(no, subject, code string) answer {
		return g.do(http.MethodPost, "/object/withdraw", url.Values{"no": {no}, "code": {subject}, "activation": {code}}, "Accept", "application/json")
	}
	want := ask("YY2026999999", jia, other)
	for name, have := range map[string]answer{"another code of the subject": ask(no, jia, other), "another subject's": ask(no, yi, strange)} {
		if have.status != 404 || same(have, no) != same(want, "YY2026999999") {
			t.Errorf("%s: %d %s", name, have.status, have.body)
		}
	}
	unknown := ask(no, jia, "AAAAAAAAAAAAAAAAAAAA")
	for name, have := range map[string]answer{"another subject's code": ask(no, jia, strange), "the code with another subject": ask(no, yi, code), "unknown, and no such number": ask("YY2026999999", jia, "AAAAAAAAAAAAAAAAAAAA")} {
		if have.status != 422 || same(have, no) != same(unknown, no) {
			t.Errorf("%s: %d %s", name, have.status, have.body)
		}
	}
	if o.status(r.ID) != credit.Disputed {
		t.Error("withdrawn by somebody else")
	}
	o.want(g.post("/object", "code", yi, "activation", strange, "record", r.ID, "ground", "facts"), 422)
	if strings.Contains(made.header.Get("Location"), code) {
		t.Error("the code stands in an address")
	}
}

func TestThreat_TriesOfCodesAreLimitedByNetwork(t *testing.T) {
	o := embedded(t, "2026-04-30")
	g := o.as("")
	for range tries.Burst {
		o.want(g.post("/object/track", "no", "YY2026000001", "code", jia, "activation", "A"), 422)
	}
	a := o.want(g.post("/object/track", "no", "YY2026000001", "code", jia, "activation", "A"), 429)
	if a.header.Get("Retry-After") == "" {
		t.Error("it does not say when")
	}
	o.clock.Pass(9 * time.Minute)
	o.want(g.post("/object/track", "no", "YY2026000001", "code", jia, "activation", "A"), 422)
}

// FuzzObjectionForm: whatever a stranger sends is refused and never our fault.
func FuzzObjectionForm(f *testing.F) {
	o := embedded(f, "2026-04-30", real(fined("1", "2026-04-10")))
	for _, s := range []string{"", "a=b", "record=x&ground=facts&code=91410771MA00AAA104&activation=A", "no=%00&code=%ff&activation=%f0", "box=1&box=2", "%zz", "no=YY2026000001&text=" + strings.Repeat("x", 3000)} {
		f.Add("", s)
		f.Add("track", s)
		f.Add("paper", s)
	}
	f.Fuzz(func(t *testing.T, action, body string) {
		o.clock.Pass(time.Minute) // so that no limit hides what is behind it
		path := "/object"
		if action != "" {
			path += "/" + url.PathEscape(action)
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, o.public+prefix+path, strings.NewReader(body))
		if err != nil {
			t.Skip()
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Body.Close()
		if w.StatusCode >= 500 || w.StatusCode == http.StatusCreated {
			t.Errorf("%s %q: %d", path, body, w.StatusCode)
		}
	})
}
