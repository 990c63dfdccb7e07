package function

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/url"
	"strings"
	"testing"

	"ipcredit/shared/fault"
)

// FuzzUpload sends whatever a stranger with a key can send. Whatever it is, the
// answer is a result whose counts add up or a refusal in words, and never our
// own failure.
func FuzzUpload(f *testing.F) {
	good := table(header, penalty(1), penalty(1), spoilt(penalty(2), atDate, "2026-02-30"))
	form := "--b\r\nContent-Disposition: form-data; name=\"kind\"\r\n\r\npenalty\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\n" + string(good) + "\r\n--b--\r\n"
	f.Add("penalty", "", "1", "", good)
	f.Add("penalty", "text/csv", "", "1", append([]byte("\xef\xbb\xbf"), good...))
	f.Add("", "multipart/form-data; boundary=b", "", "", []byte(form))
	f.Add("penalty", "multipart/form-data; boundary=b", "0", "maybe", []byte(form[:len(form)/2]))
	f.Add("subject", "application/json", "", "", []byte(`[{"统一社会信用代码":"91410771MA00AAA104","名称":"新乡市虚构甲科技有限公司","类别":"企业","区划代码":"410771"}]`))
	f.Add("agent", "", "", "", []byte("资格证书号,姓名,机构代码,状态\n4199001,张样例,41990,执业\n"))
	f.Add("agency", "", "true", "false", []byte("PK\x03\x04"))
	f.Add("judgment", "multipart/form-data", "", "", []byte("\x00\xff\xfe"))
	c := embedded(f)
	k := c.as("")
	f.Fuzz(func(t *testing.T, kind, media, dryRun, atomic string, body []byte) {
		c.t = t
		c.clock.Pass(1e9) // the key's rate is not what is tried here
		if strings.ContainsFunc(media, func(r rune) bool { return r < ' ' || r > '~' }) {
			media = "" // no header can carry it
		}
		if _, params, err := mime.ParseMediaType(media); err == nil && len(params["boundary"]) > 70 {
			media = ""
		}
		a := k.with("Content-Type", media).post(url.Values{"kind": {kind}, "dryRun": {dryRun}, "atomic": {atomic}}.Encode(), body)
		if a.StatusCode >= 500 {
			t.Fatalf("%d %s", a.StatusCode, a.body)
		}
		b := a.read(t)
		if a.StatusCode >= 400 {
			if b.Code == "" || b.Detail == "" || strings.Contains(b.Detail, "〔") && strings.Contains(b.Detail, "fault.") || strings.Contains(b.Detail, "%!") {
				t.Fatalf("refused with %s", a.body)
			}
			return
		}
		if b.ID == "" || b.Rows != b.Accepted+b.Duplicates+b.Rejected+b.Held || b.Rejected > 0 && len(b.Errors) == 0 {
			t.Fatalf("counts of %s", a.body)
		}
		for _, e := range b.Errors {
			if e.Row < 1 || e.Code == "" || e.Message == "" || strings.Contains(e.Message, "〔fault.") || strings.Contains(e.Message, "%!") {
				t.Fatalf("error %+v", e)
			}
		}
		if b.Rejected > 0 {
			if x := k.get("/batches/" + b.ID + "/errors.xlsx"); x.StatusCode != 200 || !bytes.HasPrefix(x.body, []byte("PK")) {
				t.Fatalf("errors.xlsx: %d %s", x.StatusCode, x.body)
			}
		}
		if _, err := c.credit.View(t.Context(), code(1), c.clock.Now()); err != nil && !fault.Is(err, fault.NotFound) {
			t.Fatal(err)
		}
		if !json.Valid(a.body) {
			t.Fatal("no JSON")
		}
	})
}
