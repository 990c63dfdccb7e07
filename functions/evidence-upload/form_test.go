package function

import (
	"encoding/binary"
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"ipcredit/shared/evidence"
	"ipcredit/shared/fn"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
)

var hiddens = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)">`)

// fields are the hidden fields of the page's upload form.
func (a answer) fields() []string {
	_, form, _ := strings.Cut(string(a.body), `<form id="upload"`)
	form, _, _ = strings.Cut(form, "</form>")
	var out []string
	for _, m := range hiddens.FindAllStringSubmatch(form, -1) {
		out = append(out, html.UnescapeString(m[1]), html.UnescapeString(m[2]))
	}
	return out
}

func (a answer) says(t *testing.T, status int, texts ...string) {
	t.Helper()
	if a.StatusCode != status {
		t.Errorf("%d, want %d: %s", a.StatusCode, status, a.body)
	}
	if strings.Contains(string(a.body), "〔") {
		t.Errorf("a word is missing: %s", a.body)
	}
	for _, text := range texts {
		if !strings.Contains(html.UnescapeString(string(a.body)), text) {
			t.Errorf("does not say %q", text)
		}
	}
}

func zh(key string, args ...any) string { return page.Say(page.ZH, key, args...) }

func TestOneFileAPageAndAListWithHashesThatIsKeptNowhere(t *testing.T) {
	c := embedded(t)
	token := c.draft()
	at := "/forms/" + token
	k := c.browser("")
	first := k.get(at)
	first.says(t, 200, zh("evidence-upload.none"), "4 GB", zh("evidence-upload.place_hint"))
	one, two := picture(5000, 1), picture(2*fn.MaxBody+77, 2) // the second comes in three calls
	a := k.form(at, "第一张.jpg", one, first.fields()...)
	a.says(t, 200, zh("evidence-upload.arrived", "第一张.jpg", "4.9 KB"), hexOf(one))
	b := k.form(at, "二/../第二张.jpg", two, a.fields()...)
	b.says(t, 200, zh("evidence-upload.arrived", "第二张.jpg", "16 MB"), hexOf(one), hexOf(two), "第一张.jpg")
	c.opens(token, 1, keys()["draft"], one)
	m := c.opens(token, 2, keys()["draft"], two)
	if m.SHA256 != hexOf(two) || m.Name != "二/../第二张.jpg" {
		t.Errorf("%+v", m)
	}
	// The page alone knows the names: asked again, the server does not.
	fresh := k.get(at)
	fresh.says(t, 200, zh("evidence-upload.file_n", 1))
	if strings.Contains(string(fresh.body), hexOf(one)) || strings.Contains(string(fresh.body), "第一张") {
		t.Error("the server remembers a name or a hash")
	}
	// Removed at the sender's wish; the other stays with its name.
	body := "n=1"
	for i := 0; i+1 < len(b.fields()); i += 2 {
		body += "&" + b.fields()[i] + "=" + strings.NewReplacer("%", "%25", "&", "%26", "=", "%3D", "+", "%2B").Replace(b.fields()[i+1])
	}
	r := k.with("Content-Type", "application/x-www-form-urlencoded").do("POST", at+"/remove", []byte(body))
	r.says(t, 200, "第二张.jpg")
	if strings.Contains(string(r.body), hexOf(one)) {
		t.Error("the removed file is still listed")
	}
}

func TestTheSameFormSentTwiceStoresOneFile(t *testing.T) {
	c := embedded(t)
	token := c.draft()
	k := c.browser("")
	data := picture(3000, 3)
	fields := k.get("/forms/" + token).fields()
	for range 2 {
		k.form("/forms/"+token, "a.jpg", data, fields...).says(t, 200, hexOf(data))
	}
	files, err := c.boxes.Files(t.Context(), c.box(token))
	if err != nil || len(files) != 1 {
		t.Errorf("%+v %v", files, err)
	}
}

func TestTheFormSaysWhatIsWrongAsGOVUKDoes(t *testing.T) {
	c := embedded(t)
	token := c.draft()
	at := "/forms/" + token
	k := c.browser("")
	limit := evidence.DefaultLimits()
	pad := strings.Repeat(" ", 600)
	for _, tt := range []struct {
		name, file string
		data       string
		status     int
		says       string
	}{
		{"none chosen", "", "", 422, zh("fault.evidence.no_file_chosen")},
		{"empty", "a.jpg", "", 422, zh("fault.evidence.empty")},
		{"type by name", "a.exe", "MZ" + pad, 415, zh("fault.evidence.type")},
		{"a page", "a.jpg", "<!doctype html>" + pad, 415, zh("fault.evidence.denied.page")},
		{"a program", "a.jpg", "MZ\x90" + pad, 415, zh("fault.evidence.denied.program")},
		{"password", "a.zip", "PK\x03\x04\x14\x00\x01\x00" + pad, 415, zh("fault.evidence.password")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := k.form(at, tt.file, []byte(tt.data))
			a.says(t, tt.status, tt.says, zh("page.errors_title"), `href="#f-file"`)
			if !strings.Contains(string(a.body), "<title>"+zh("page.error_prefix")) {
				t.Error("the title does not say that there is an error")
			}
		})
	}
	// In English too, and all nine sentences exist.
	k.with("Accept-Language", "en").form(at, "", nil).says(t, 422, "Select a file")
	for _, code := range []string{"no_file_chosen", "type", "file_size", "empty", "virus", "password", "failed", "files", "template"} {
		if !page.Has("fault.evidence." + code) {
			t.Errorf("no sentence for %s", code)
		}
	}
	// Too large is told before anything is stored.
	body, media := multi("a.jpg", picture(2000, 1))
	k.with("Content-Type", media).do("POST", at, body[:1000]).says(t, 400, zh("fault.evidence.failed"))
	k.with("Content-Type", media).do("POST", at, nil).says(t, 422, zh("fault.evidence.no_file_chosen"))
	small := limit
	small.FileBytes, small.TotalBytes = 100_000, 150_000
	c.desk.evidence = c.boxes.With(small)
	k.form(at, "a.jpg", picture(100_001, 1)).says(t, 413, zh("fault.evidence.file_size", evidence.Size(100_000)))
	k.form(at, "a.jpg", picture(100_000, 1)).says(t, 200)
	k.form(at, "a.jpg", picture(60_000, 1)).says(t, 413, zh("fault.evidence.total_size", evidence.Size(150_000)))
	small.Files = 1
	c.desk.evidence = c.boxes.With(small)
	k.form(at, "a.jpg", picture(10, 1)).says(t, 422, zh("fault.evidence.files", 1))
}

func TestAFormCutOffLeavesNothingThatCounts(t *testing.T) {
	c := embedded(t)
	token := c.draft()
	k := c.browser("")
	body, media := multi("a.jpg", picture(2*fn.MaxBody, 4))
	for _, n := range []int{100, 5000, fn.MaxBody + 100} {
		a := k.with("Content-Type", media).do("POST", "/forms/"+token, body[:n]) // ends without its last boundary
		if a.StatusCode < 400 {
			t.Errorf("%d bytes: %d", n, a.StatusCode)
		}
	}
	files, err := c.boxes.Files(t.Context(), c.box(token))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.State == evidence.Whole {
			t.Errorf("half a form made a whole file: %+v", f)
		}
	}
}

func TestAPictureThatTellsItsPlaceIsPointedOut(t *testing.T) {
	c := embedded(t)
	token := c.draft()
	data := join([]byte("\xff\xd8\xff\xe1\x00\x80Exif\x00\x00"), exif(binary.BigEndian, 1, 2, 3, 4), picture(900, 3))
	a := c.browser("").form("/forms/"+token, "a.jpg", data)
	a.says(t, 200, zh("evidence-upload.place_arrived"), zh("evidence-upload.place_tag"))
}

func TestThePageLeadsBackWithWhatItWasGiven(t *testing.T) {
	c := embedded(t)
	token := c.draft()
	at := "/forms/" + token
	k := c.browser("")
	k.get(at).says(t, 200, `href="/function/report-intake/report/evidence"`)
	form := k.with("Content-Type", "application/x-www-form-urlencoded")
	a := form.do("POST", at, []byte("carry.draft=abc%22%3C&carry.from=whom&return=https%3A%2F%2Fevil.example"))
	a.says(t, 200, `action="/function/report-intake/report/evidence"`)
	if strings.Contains(string(a.body), "evil") {
		t.Error("the address to go back to came from the request")
	}
	if !strings.Contains(string(a.body), `name="draft" value="abc&#34;&lt;"`) || !strings.Contains(string(a.body), `name="from" value="whom"`) {
		t.Errorf("%s", a.body)
	}
	// Carried through an upload too.
	b := k.form(at, "a.jpg", picture(100, 1), a.fields()...)
	if !strings.Contains(string(b.body), `name="draft" value="abc&#34;&lt;"`) {
		t.Errorf("%s", b.body)
	}
	k.with("Sec-Fetch-Site", "cross-site").form(at, "a.jpg", picture(100, 1)).says(t, http.StatusForbidden)
}

func TestAFormOfABoxThatHasEndedSaysSo(t *testing.T) {
	c := embedded(t)
	token := c.draft()
	c.clock.Pass(8 * 24 * time.Hour)
	k := c.browser("")
	k.get("/forms/"+token).says(t, 410, zh("fault.evidence.box_ended"))
	k.form("/forms/"+token, "a.jpg", picture(100, 1)).says(t, 410, zh("fault.evidence.box_ended"))
	k.get("/forms/"+evidence.NewToken()).says(t, 404, zh("fault.evidence.no_box"))
	k.get("/").says(t, 200, zh("evidence-upload.title"))
}

func TestNumberAndReceiptLeadToTheFormWithOrWithoutAFile(t *testing.T) {
	c := embedded(t)
	id := keys()["410702"]
	c.known["482109375516 AAAA-BBBB"] = id.Recipient()
	k := c.browser("")
	k.get("/forms").says(t, 200, zh("evidence-upload.enter_lead"))
	post := k.with("Content-Type", "application/x-www-form-urlencoded")
	wrong := post.do("POST", "/forms", []byte("reportNo=482109375516&receipt=CCCC"))
	if wrong.StatusCode != 404 || !strings.Contains(string(wrong.body), "482109375516") || strings.Contains(string(wrong.body), "CCCC") {
		t.Errorf("%d %s", wrong.StatusCode, wrong.body)
	}
	page := post.do("POST", "/forms", []byte("reportNo=482109375516&receipt=AAAA-BBBB"))
	page.says(t, 200, `id="upload"`, `href="/function/report-intake/track"`)
	if strings.Contains(string(page.body), "AAAA") {
		t.Error("the page repeats the receipt")
	}
	// At once, also longer than a call.
	for i, n := range []int{900, fn.MaxBody + 700} {
		data := picture(n, 5)
		a := k.form("/forms", "a.jpg", data, "reportNo", "482109375516", "receipt", "AAAA-BBBB")
		a.says(t, 200, hexOf(data))
		token := regexp.MustCompile(`/forms/([a-z2-7]{26})"`).FindStringSubmatch(string(a.body))
		if token == nil {
			t.Fatalf("%s", a.body)
		}
		c.opens(token[1], i+1, id, data)
	}
	boxes, err := c.boxes.Boxes(t.Context(), tipoff.Ref("482109375516"))
	if err != nil || len(boxes) != 1 {
		t.Errorf("%d boxes for the same receipt on one day: %v", len(boxes), err)
	}
}

// exitSite is where the quick exit of these tests leads.
const exitSite = "https://weather.example.org/"

func TestAPageWithoutScriptsSaysWhatItCannotDo(t *testing.T) {
	c := embedded(t)
	a := c.browser("").get("/forms/" + c.draft())
	a.says(t, 200, zh("evidence-upload.plain", 60, "30 MB"))
	before, _, _ := strings.Cut(string(a.body), `type="file"`)
	if !strings.Contains(before, "<noscript>") {
		t.Error("it is not said before a file is chosen, or also to those whose upload resumes")
	}
}

func TestEveryPageOfAReporterHasAQuickExit(t *testing.T) {
	c := embedded(t)
	k := c.browser("")
	for _, path := range []string{"/", "/forms"} {
		k.get(path).says(t, 200, `href="`+exitSite+`"`, zh("evidence-upload.leave"))
	}
	// A draft can be forgotten on the way, with what the browser carries of it.
	token := c.draft()
	a := k.with("Content-Type", "application/x-www-form-urlencoded").do("POST", "/forms/"+token, []byte("carry.draft=abc"))
	a.says(t, 200, `href="`+exitSite+`"`, `action="/function/report-intake/exit"`)
	_, form, _ := strings.Cut(string(a.body), `action="/function/report-intake/exit"`)
	form, _, _ = strings.Cut(form, "</form>")
	if !strings.Contains(form, `name="draft" value="abc"`) {
		t.Errorf("%s", form)
	}
	if p := a.Header.Get("Content-Security-Policy"); !strings.Contains(p, "form-action 'self' https://weather.example.org") {
		t.Errorf("the browser will not follow: %s", p)
	}
	// What was sent already is nothing to forget.
	later, _, err := c.boxes.OpenBox(t.Context(), evidence.BoxSpec{
		For: "tip-off:482109375516", To: keys()["410702"].Recipient(), Until: c.clock.Now().Add(time.Hour), Return: "report-intake/track",
	})
	if err != nil {
		t.Fatal(err)
	}
	a = k.get("/forms/" + later)
	a.says(t, 200, `href="`+exitSite+`"`)
	if strings.Contains(string(a.body), "report-intake/exit") {
		t.Error("there is a draft to forget")
	}
	b, opened := c.key(staff.ScopeMaterial).open("record:1", "")
	opened.is(t, 201, "")
	if a := k.get("/forms/" + b.Form[len(b.Form)-26:]); strings.Contains(string(a.body), exitSite) {
		t.Error("an organisation has no need of it")
	}
}
