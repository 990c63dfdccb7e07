package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"maps"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"ipcredit/shared/page"
)

// bearer is the header of a key.
func bearer(key string) map[string]string { return map[string]string{"Authorization": "Bearer " + key} }

// TestCityAnswersAsDescribed calls everything that the description names on a
// running city, with the examples that stand there, and refuses any status,
// header or member that is not described.
func TestCityAnswersAsDescribed(t *testing.T) {
	slow(t)
	data := filepath.Join(t.TempDir(), "data")
	p := run{args: []string{"-data", data, "-demo"}}.serve(t)
	demo := readDemo(t, data)
	doc := described(t)
	s := &stranger{t: t, doc: doc, ops: operations(doc), seen: map[string]map[int]bool{}}

	t.Run("Portal", func(t *testing.T) { s.at(t).portal(p) })
	t.Run("Lookup", func(t *testing.T) { s.at(t).lookup(p, demo) })
	t.Run("Log", func(t *testing.T) { s.at(t).log(p) })
	t.Run("Reports", func(t *testing.T) { s.at(t).reports(p, demo) })
	t.Run("Uploads", func(t *testing.T) { s.at(t).uploads(p) })
	t.Run("Batches", func(t *testing.T) { s.at(t).batches(p, demo) })
	t.Run("Boxes", func(t *testing.T) { s.at(t).boxes(p, demo) })
	t.Run("Staff", func(t *testing.T) { s.at(t).staff(p, demo) })
	t.Run("Rules", func(t *testing.T) { s.at(t).rules(p, demo) })
	t.Run("Figures", func(t *testing.T) { s.at(t).figures(p) })
	t.Run("Disclosures", func(t *testing.T) { s.at(t).disclosures(p) })
	t.Run("Shares", func(t *testing.T) { s.at(t).shares(p, demo) })

	if t.Failed() {
		return // what was not seen says nothing then
	}
	for id, o := range s.ops {
		for status := range o.Responses.Map() {
			n, err := strconv.Atoi(status)
			switch id {
			case "receiveDelivery", "getLetters", "getLetter":
				continue // only another city is answered: TestTwoCitiesExchangeRecordsAndRevocations, …ALetterAndItsAnswer
			case "getEndedProof":
				continue // no display has ended in the demonstration: TestThreat_OnlyTheSubjectLearnsOfItsEndedRecords
			}
			if err == nil && (n < 300 || n == http.StatusNotModified) && !s.seen[id][n] {
				t.Errorf("%s: %d is described and was never answered", id, n)
			}
		}
	}
}

// at reports to a subtest.
func (s *stranger) at(t *testing.T) *stranger {
	s.t = t
	return s
}

// figures asks the calculators and the rate, for everybody.
func (s *stranger) figures(p *program) {
	for _, id := range []string{"getDeadline", "getEstimate", "getWithdrawalRate"} {
		a := s.call(p, id, http.StatusOK, with{})
		if tag := a.header.Get("ETag"); tag != "" {
			s.call(p, id, http.StatusNotModified, with{header: map[string]string{"If-None-Match": tag}})
		}
	}
	s.call(p, "getDeadline", http.StatusOK, with{query: map[string]string{"workdays": "", "months": "6", "roll": "none"}})
	s.call(p, "getDeadline", http.StatusBadRequest, with{query: map[string]string{"months": "6"}})
	s.call(p, "getDeadline", http.StatusBadRequest, with{query: map[string]string{"from": "2025-02-30"}})
	s.call(p, "getEstimate", http.StatusOK, with{query: map[string]string{"route": "TIER", "tier": "serious", "determined": "2026-04-10"}})
	s.call(p, "getEstimate", http.StatusBadRequest, with{query: map[string]string{"route": "TIER", "determined": "2026-04-10"}})
	s.call(p, "getEstimate", http.StatusBadRequest, with{query: map[string]string{"tier": "none"}})
	s.call(p, "getEstimate", http.StatusUnprocessableEntity, with{query: map[string]string{"route": "TIER", "tier": "serious", "determined": "2026-03-31"}})
	s.call(p, "getWithdrawalRate", http.StatusOK, with{bare: true})
	s.call(p, "getWithdrawalRate", http.StatusBadRequest, with{query: map[string]string{"district": "999999"}})
	s.call(p, "getWithdrawalRate", http.StatusBadRequest, with{query: map[string]string{"from": "2026-02-30"}})
}

// shares reads the changes as a credit service does, and answers one.
func (s *stranger) shares(p *program, demo demoFile) {
	s.call(p, "getWebhookKey", http.StatusOK, with{})
	s.call(p, "getChanges", http.StatusUnauthorized, with{})
	s.call(p, "getChanges", http.StatusForbidden, with{header: bearer(demo.APIKeys["lookup"])})
	key := bearer(demo.APIKeys["share"])
	type page struct {
		Results []struct{ ID, Type, RecordID string }
		Next    string
		More    bool
	}
	var first page
	eventually(s.t, "the feed has come as far as its records", func() bool {
		first = decode[page](s.t, s.call(p, "getChanges", http.StatusOK, with{header: key}))
		return len(first.Results) > 0
	})
	next := decode[page](s.t, s.call(p, "getChanges", http.StatusOK, with{header: key, query: map[string]string{"cursor": first.Next}}))
	for _, x := range next.Results {
		if slices.ContainsFunc(first.Results, func(y struct{ ID, Type, RecordID string }) bool { return x.ID == y.ID }) {
			s.t.Errorf("%s is told twice", x.ID)
		}
	}
	s.call(p, "getChanges", http.StatusBadRequest, with{header: key, query: map[string]string{"cursor": "x"}})
	own := ""
	for told := first; own == ""; {
		for _, x := range told.Results {
			if p.ask(http.MethodGet, "/function/credit-share/records/"+x.RecordID, key, nil).status == http.StatusOK {
				own = x.RecordID
			}
		}
		if own == "" && !told.More {
			s.t.Fatal("no record that was told is the city's own")
		}
		told = decode[page](s.t, p.ask(http.MethodGet, "/function/credit-share/changes?cursor="+url.QueryEscape(told.Next), key, nil))
	}
	s.call(p, "getSharedRecord", http.StatusOK, with{header: key, path: map[string]string{"id": own}})
	s.call(p, "getSharedRecord", http.StatusNotFound, with{header: key})
	s.call(p, "getSharedRecord", http.StatusUnauthorized, with{path: map[string]string{"id": own}})
	s.call(p, "receiveDelivery", http.StatusGone, with{})
	s.call(p, "getLetters", http.StatusNotFound, with{header: key})
	s.call(p, "getLetters", http.StatusUnauthorized, with{})
	s.call(p, "getLetter", http.StatusNotFound, with{header: key})
	s.call(p, "giveFeedback", http.StatusOK, with{header: key, path: map[string]string{"id": first.Results[0].ID}})
	s.call(p, "giveFeedback", http.StatusBadRequest, with{header: key, path: map[string]string{"id": first.Results[0].ID}, body: map[string]any{"action": "sold"}})
	s.call(p, "giveFeedback", http.StatusUnauthorized, with{path: map[string]string{"id": first.Results[0].ID}})
}

// disclosures reads the lists, one record of them and its proof, as copies of them
// are kept: asked again with the ETag, nothing has changed.
func (s *stranger) disclosures(p *program) {
	again := func(id string, w with) answer {
		s.t.Helper()
		a := s.call(p, id, http.StatusOK, w)
		w.header = maps.Clone(w.header)
		if w.header == nil {
			w.header = map[string]string{}
		}
		w.header["If-None-Match"] = a.header.Get("ETag")
		s.call(p, id, http.StatusNotModified, w)
		return a
	}
	for _, id := range []string{"getAgencyDisclosures", "getAtomFeed", "getJSONFeed", "getRemoved", "getSitemap", "getRobots"} {
		again(id, with{})
	}
	list := decode[struct {
		Results []struct{ ID, Code string }
		Next    *string
	}](s.t, again("getDisclosures", with{}))
	if len(list.Results) == 0 || list.Next == nil {
		s.t.Fatalf("%d of the demonstration, next %v", len(list.Results), list.Next)
	}
	s.call(p, "getDisclosures", http.StatusOK, with{query: map[string]string{"cursor": *list.Next}})
	s.call(p, "getDisclosures", http.StatusBadRequest, with{query: map[string]string{"act": "none"}})
	i := slices.IndexFunc(list.Results, func(x struct{ ID, Code string }) bool { return x.Code != "" })
	one := with{path: map[string]string{"id": list.Results[i].ID}}
	again("getDisclosure", one)
	s.call(p, "getDisclosure", http.StatusNotFound, with{})
	for _, id := range []string{"getCatalog", "getCatalogItem", "getMeasures"} {
		again(id, with{})
	}
	s.call(p, "getCatalog", http.StatusBadRequest, with{query: map[string]string{"kind": "none"}})
	s.call(p, "getCatalogItem", http.StatusNotFound, with{path: map[string]string{"act": "none"}})
	measure := decode[struct{ Results []struct{ ID string } }](s.t, s.call(p, "getMeasures", http.StatusOK, with{query: map[string]string{"sort": "incentive"}}))
	again("getMeasure", with{path: map[string]string{"id": measure.Results[0].ID}})
	s.call(p, "getMeasure", http.StatusNotFound, with{path: map[string]string{"id": "none"}})
	promised := decode[struct{ Results []struct{ Number string } }](s.t, again("getCommitments", with{}))
	again("getCommitment", with{path: map[string]string{"no": promised.Results[0].Number}})
	s.call(p, "getCommitment", http.StatusNotFound, with{})
	s.call(p, "getCommitments", http.StatusBadRequest, with{query: map[string]string{"kind": "none"}})
	eventually(s.t, "the record is in the log", func() bool {
		return p.ask(http.MethodGet, "/function/disclosure-publish/disclosures/"+list.Results[i].ID+"/proof", nil, nil).status == http.StatusOK
	})
	again("getDisclosureProof", one)
	one.header = map[string]string{"Accept": "text/plain"}
	again("getDisclosureProof", one)
}

// portal looks whether what the city serves is the document of these tests.
func (s *stranger) portal(p *program) {
	a := s.call(p, "getInterfaces", http.StatusOK, with{header: map[string]string{"Origin": "https://elsewhere.example"}})
	text, err := os.ReadFile(describedIn)
	if err != nil {
		s.t.Fatal(err)
	}
	if want := strings.Replace(string(text), `"/function"`, `"`+p.base+`/function"`, 1); a.body != want {
		s.t.Error("not the document that the source has, with this city's address")
	}
	if a.header.Get("Access-Control-Allow-Origin") != "*" {
		s.t.Error("tools on other sites cannot read it")
	}
	for _, path := range []string{"/function/portal/", "/function/portal/embed", "/function/portal/embed?lang=en"} {
		if page := p.page(path); !strings.Contains(page.body, `href="/function/portal/openapi.json`) {
			s.t.Errorf("%s: no link to the document", path)
		}
	}
}

func (s *stranger) lookup(p *program, demo demoFile) {
	unknown := killCode(9999)
	for _, id := range []string{"getSubject", "getBadge", "getBadgeImage", "getFrame", "getStatement"} {
		s.call(p, id, http.StatusOK, with{})
		for _, code := range demo.Subjects[:20] {
			s.call(p, id, http.StatusOK, with{path: map[string]string{"code": code}})
		}
		refusals := map[string]int{"91410771MA00AAA105": http.StatusBadRequest, unknown: http.StatusNotFound}
		for code, status := range refusals {
			if id == "getBadge" {
				status = http.StatusOK
			}
			s.call(p, id, status, with{path: map[string]string{"code": code}})
		}
	}
	s.call(p, "getSubject", http.StatusOK, with{path: map[string]string{"code": "９１４１０７７２ｍａ００ａａｂ１７ｘ"}})
	s.call(p, "searchSubjects", http.StatusOK, with{})
	s.call(p, "searchSubjects", http.StatusOK, with{header: bearer(demo.APIKeys["lookup"])})
	s.call(p, "searchSubjects", http.StatusForbidden, with{header: bearer(demo.APIKeys["share"])})
	s.call(p, "searchSubjects", http.StatusUnauthorized, with{header: bearer("ipc_x_y")})
	next := decode[struct{ Next *string }](s.t, s.call(p, "searchSubjects", http.StatusOK, with{query: map[string]string{"q": "有限公司", "limit": "2"}})).Next
	if next == nil {
		s.t.Fatal("no next page")
	}
	s.call(p, "searchSubjects", http.StatusOK, with{query: map[string]string{"q": "有限公司", "limit": "2", "cursor": *next}})
	s.call(p, "searchSubjects", http.StatusBadRequest, with{query: map[string]string{"limit": "51"}})
	s.call(p, "searchSubjects", http.StatusBadRequest, with{query: map[string]string{"cursor": "x"}})
	s.call(p, "matchSubjects", http.StatusOK, with{})
	s.call(p, "matchSubjects", http.StatusOK, with{body: map[string]any{"queries": []any{map[string]any{"code": "91410771MA00AAA105"}, map[string]any{}}}})
	s.call(p, "matchSubjects", http.StatusUnprocessableEntity, with{body: map[string]any{"queries": make([]map[string]any, 501)}})
	s.call(p, "getWidget", http.StatusOK, with{})
	s.call(p, "getWidgetVersion", http.StatusOK, with{})
	s.call(p, "getWidgetVersion", http.StatusNotFound, with{path: map[string]string{"name": "0.js"}})
	s.call(p, "getStatementKeys", http.StatusOK, with{})
}

func (s *stranger) log(p *program) {
	s.call(p, "getLogKey", http.StatusOK, with{})
	eventually(s.t, "a checkpoint is out that has entries", func() bool {
		a := p.get("/function/disclosure-publish/checkpoint")
		return a.status == http.StatusOK && strings.Split(a.body, "\n")[1] != "0"
	})
	lines := strings.Split(s.call(p, "getCheckpoint", http.StatusOK, with{}).body, "\n")
	size, err := strconv.Atoi(lines[1])
	if err != nil || size == 0 {
		s.t.Fatalf("checkpoint %q", lines)
	}
	last := fmt.Sprintf("%03d", size/256)
	if part := size % 256; part > 0 {
		last += ".p/" + strconv.Itoa(part)
	}
	for _, tile := range []string{"0/" + last, "entries/" + last} {
		s.call(p, "getTile", http.StatusOK, with{path: map[string]string{"path": tile}})
	}
	s.call(p, "getTile", http.StatusNotFound, with{path: map[string]string{"path": "0/x999/999"}})
	s.call(p, "getLogProof", http.StatusOK, with{})
	s.call(p, "getLogProof", http.StatusNotFound, with{path: map[string]string{"index": strconv.Itoa(size + 1000)}})
}

// receiptOf is the receipt of a report, as the description's examples name it.
type receiptOf struct{ ReportNo, Receipt, EvidenceEndpoint string }

func (r receiptOf) with(more map[string]any) with {
	body := map[string]any{"reportNo": r.ReportNo, "receipt": r.Receipt}
	maps.Copy(body, more)
	return with{body: body}
}

func (s *stranger) reports(p *program, demo demoFile) {
	form := "application/x-www-form-urlencoded"
	r := decode[receiptOf](s.t, s.call(p, "lodgeReport", http.StatusCreated, with{}))
	again := s.call(p, "lodgeReport", http.StatusCreated, with{})
	if again.header.Get("Idempotent-Replayed") != "true" || decode[receiptOf](s.t, again).Receipt != r.Receipt {
		s.t.Errorf("the same call again: %v", again.header)
	}
	s.call(p, "lodgeReport", http.StatusUnprocessableEntity, with{body: map[string]any{"narrative": "另一件事，演示用。"}})
	s.call(p, "lodgeReport", http.StatusCreated, with{media: form, header: map[string]string{"Idempotency-Key": ""}})
	s.call(p, "lodgeReport", http.StatusBadRequest, with{body: map[string]any{"kind": "tax"}})
	// With all that may be said.
	full := map[string]any{
		"anonymous": false, "reporter": map[string]any{"name": "演示甲", "contact": "demo@example.com"}, "occurredOn": demoDay(9),
		"continuing": true, "numbers": []any{"202510999999.3"}, "division": "410702", "insider": true, "reward": true, "official": true,
	}
	w := with{body: full, header: map[string]string{"Idempotency-Key": "openapi-test-full-0000001"}}
	s.names("lodgeReport", "application/json", full)
	s.call(p, "lodgeReport", http.StatusCreated, w)
	full = map[string]any{
		"anonymous": "false", "name": "演示甲", "contact": "demo@example.com", "occurredOn": demoDay(9), "continuing": "1", "place": "演示路1号",
		"numbers": "202510999999.3", "division": "410702", "language": "en", "insider": "1", "reward": "1", "official": "1",
	}
	w = with{body: full, media: form, header: map[string]string{"Idempotency-Key": "openapi-test-full-0000002"}}
	s.names("lodgeReport", form, full)
	s.call(p, "lodgeReport", http.StatusCreated, w)
	if a := s.call(p, "checkNumbers", http.StatusOK, with{}); !strings.Contains(a.body, `"ok":true`) || !strings.Contains(a.body, `"ok":false`) {
		s.t.Errorf("the example's right and wrong number: %s", a.body)
	}
	if key := s.call(p, "getReceiptKey", http.StatusOK, with{}); !strings.Contains(key.body, "+") {
		s.t.Errorf("keys %q", key.body)
	}
	s.call(p, "trackReport", http.StatusNotFound, with{})
	s.call(p, "trackReport", http.StatusBadRequest, r.with(map[string]any{"receipt": "x"}))
	s.call(p, "trackReport", http.StatusOK, r.with(nil))
	s.call(p, "trackReport", http.StatusOK, with{media: form, raw: []byte(url.Values{"reportNo": {r.ReportNo}, "receipt": {r.Receipt}}.Encode())})
	s.call(p, "sendMessage", http.StatusOK, r.with(nil))
	s.call(p, "claimReward", http.StatusOK, r.with(nil))
	s.call(p, "claimReward", http.StatusConflict, r.with(nil))
	s.call(p, "disputeReport", http.StatusConflict, r.with(nil))
	s.call(p, "rateReport", http.StatusConflict, r.with(nil))
	s.call(p, "rateReport", http.StatusBadRequest, r.with(map[string]any{"score": 6}))
	s.call(p, "getReceiptProof", http.StatusOK, r.with(nil))
	s.call(p, "openReportEvidence", http.StatusCreated, r.with(nil))

	// What became of the city's own reports: every state and clock there is.
	disputed, rated := false, false
	for _, x := range demo.Reports {
		r := receiptOf{ReportNo: x.ReportNo, Receipt: x.Receipt}
		v := decode[struct{ MayDispute, MayRate bool }](s.t, s.call(p, "trackReport", http.StatusOK, r.with(nil)))
		if v.MayRate && !rated {
			s.call(p, "rateReport", http.StatusOK, r.with(nil))
			rated = true
		}
		if v.MayDispute && !disputed {
			s.call(p, "disputeReport", http.StatusOK, r.with(nil))
			disputed = true
		}
	}
	if !rated || !disputed {
		s.t.Errorf("no report could be rated (%t) or disputed (%t)", rated, disputed)
	}
}

func (s *stranger) uploads(p *program) {
	r := decode[receiptOf](s.t, s.call(p, "lodgeReport", http.StatusCreated, with{header: map[string]string{"Idempotency-Key": "openapi-test-uploads-0001"}}))
	box := map[string]string{"token": path.Base(r.EvidenceEndpoint)}
	file := func(n string) map[string]string { return map[string]string{"token": box["token"], "n": n} }
	none := []byte{}
	s.call(p, "tusOptions", http.StatusNoContent, with{})
	s.call(p, "tusOptionsOfBox", http.StatusNoContent, with{path: box})
	s.call(p, "tusOptionsOfFile", http.StatusNoContent, with{path: file("1")})

	a := s.call(p, "createUpload", http.StatusCreated, with{path: box, raw: none})
	if want := "/function/evidence-upload/files/" + box["token"] + "/1"; a.header.Get("Location") != want {
		s.t.Fatalf("Location %s", a.header.Get("Location"))
	}
	s.call(p, "createUpload", http.StatusPreconditionFailed, with{path: box, raw: none, header: map[string]string{"Tus-Resumable": "0.2.2"}})
	s.call(p, "createUpload", http.StatusBadRequest, with{path: box, raw: none, header: map[string]string{"Upload-Length": "x"}})
	s.call(p, "createUpload", http.StatusRequestEntityTooLarge, with{path: box, raw: none, header: map[string]string{"Upload-Length": "4294967297"}})
	s.call(p, "createUpload", http.StatusNotFound, with{raw: none})
	s.call(p, "getUploadOffset", http.StatusOK, with{path: file("1")})
	s.call(p, "getUploadOffset", http.StatusNotFound, with{path: file("9")})
	s.call(p, "overrideUpload", http.StatusOK, with{path: file("1"), raw: none})
	s.call(p, "appendUpload", 460, with{path: file("1"), header: map[string]string{"Upload-Checksum": "sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA="}})
	s.call(p, "appendUpload", http.StatusConflict, with{path: file("1"), header: map[string]string{"Upload-Offset": "5"}, raw: []byte("world"), media: "application/offset+octet-stream"})
	s.call(p, "appendUpload", http.StatusUnsupportedMediaType, with{path: file("1"), header: map[string]string{"Content-Type": "text/plain"}})
	s.call(p, "appendUpload", http.StatusNoContent, with{path: file("1")})
	octets := "application/offset+octet-stream"
	s.call(p, "createUpload", http.StatusCreated, with{path: box, raw: []byte("hello"), media: octets})
	s.call(p, "overrideUpload", http.StatusNoContent, with{path: file("2"), raw: []byte(" world"), media: octets, header: map[string]string{"X-HTTP-Method-Override": "PATCH", "Upload-Offset": "5"}})
	s.call(p, "overrideUpload", http.StatusMethodNotAllowed, with{path: file("2"), raw: none, header: map[string]string{"X-HTTP-Method-Override": "PUT"}})
	s.call(p, "createUpload", http.StatusCreated, with{path: box, raw: none})
	s.call(p, "listUploads", http.StatusOK, with{path: box})
	s.call(p, "listUploads", http.StatusNotFound, with{})
	s.call(p, "terminateUpload", http.StatusNoContent, with{path: file("3")})
	s.call(p, "terminateUpload", http.StatusGone, with{path: file("3")})
	s.call(p, "getUploadOffset", http.StatusGone, with{path: file("3")})

	meta := "filename YS50eHQ=,filetype dGV4dC9wbGFpbg==,reportNo " + base64.StdEncoding.EncodeToString([]byte(r.ReportNo)) + ",receipt " + base64.StdEncoding.EncodeToString([]byte(r.Receipt))
	s.call(p, "createUploadForReport", http.StatusCreated, with{raw: none, header: map[string]string{"Upload-Metadata": meta}})
	s.call(p, "createUploadForReport", http.StatusBadRequest, with{raw: none})

	s.call(p, "uploadByForm", http.StatusOK, with{body: map[string]any{"reportNo": r.ReportNo, "receipt": r.Receipt}})
	s.call(p, "uploadByForm", http.StatusNotFound, with{})
	body, media := formOf(s.t, "reportNo", r.ReportNo, "receipt", r.Receipt)
	s.call(p, "uploadByForm", http.StatusOK, with{raw: body, media: media})
	body, media = formOf(s.t)
	s.call(p, "uploadFormToBox", http.StatusOK, with{path: box, raw: body, media: media})
	s.call(p, "uploadFormToBox", http.StatusUnsupportedMediaType, with{path: box, raw: body, media: "text/plain"})
}

// formOf is a form with a file after its fields.
func formOf(t *testing.T, pairs ...string) (body []byte, media string) {
	t.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	for i := 0; i+1 < len(pairs); i += 2 {
		if err := m.WriteField(pairs[i], pairs[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	w, err := m.CreateFormFile("file", "a.txt")
	if err == nil {
		_, err = w.Write([]byte("演示用文件"))
	}
	if err == nil {
		err = m.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), m.FormDataContentType()
}

func (s *stranger) batches(p *program, demo demoFile) {
	key := func(more ...string) map[string]string {
		h := bearer(demo.APIKeys["material"])
		h["Idempotency-Key"] = ""
		for i := 0; i+1 < len(more); i += 2 {
			h[more[i]] = more[i+1]
		}
		return h
	}
	id := func(a answer) map[string]string {
		return map[string]string{"id": decode[struct{ ID string }](s.t, a).ID}
	}
	csv := with{header: key(), media: "text/csv"}
	s.call(p, "sendBatch", http.StatusCreated, csv)
	csv.query = map[string]string{"dryRun": ""}
	good := id(s.call(p, "sendBatch", http.StatusCreated, csv))
	s.call(p, "sendBatch", http.StatusCreated, with{header: key(), media: "application/json", query: map[string]string{"kind": "determination", "dryRun": ""}})
	csv.raw = []byte(penaltyTable([][]string{penaltyOf("91410771MA00AAA105", "虚构甲", 880001)}))
	csv.query = map[string]string{"dryRun": "", "atomic": "1"}
	bad := id(s.call(p, "sendBatch", http.StatusCreated, csv))
	// Longer than one call's body, of rows that hold nothing.
	csv.raw = append(csv.raw, bytes.Repeat([]byte("\n"), 9<<20)...)
	csv.query = map[string]string{"dryRun": "1"}
	large := id(s.call(p, "sendBatch", http.StatusAccepted, csv))
	b := batchReport{ID: large["id"]}
	p.workedOff(&b, demo.APIKeys["material"])

	s.call(p, "sendBatch", http.StatusBadRequest, with{header: key(), media: "text/csv", query: map[string]string{"kind": "tax"}})
	s.call(p, "sendBatch", http.StatusForbidden, with{header: bearer(demo.APIKeys["case"]), media: "text/csv"})
	for _, batch := range []map[string]string{good, bad, large} {
		s.call(p, "getBatch", http.StatusOK, with{path: batch, header: key()})
	}
	s.call(p, "getBatch", http.StatusNotFound, with{header: key()})
	s.call(p, "getBatchErrors", http.StatusOK, with{path: bad, header: key()})
	s.call(p, "getBatchErrors", http.StatusNotFound, with{path: good, header: key()})
	s.call(p, "listBatches", http.StatusOK, with{header: key()})
	s.call(p, "getTemplate", http.StatusOK, with{})
	s.call(p, "getTemplate", http.StatusNotFound, with{path: map[string]string{"kind": "tax"}})
}

var caseNumber = regexp.MustCompile(`/cases/(AJ\d{6}-\d{4}-\d+)`)

func (s *stranger) boxes(p *program, demo demoFile) {
	officer := &program{t: s.t, base: p.base, http: client(s.t)}
	for _, login := range demo.Staff {
		if login.User == "lead.supervisor" {
			officer.enters(login)
		}
	}
	cases := officer.page("/function/case-handling/cases")
	found := caseNumber.FindStringSubmatch(cases.body)
	if found == nil {
		s.t.Fatalf("no case: %d %s", cases.status, textOf(cases.body))
	}
	for scope, what := range map[string]string{"material": "record:5Q3K7XJ2M4", "case": "case:" + found[1]} {
		h := bearer(demo.APIKeys[scope])
		s.call(p, "openBox", http.StatusCreated, with{header: h, body: map[string]any{"for": what}})
		s.call(p, "listBoxes", http.StatusOK, with{header: h, query: map[string]string{"for": what}})
	}
	h := bearer(demo.APIKeys["material"])
	s.call(p, "openBox", http.StatusUnprocessableEntity, with{header: h, body: map[string]any{"for": "record:another"}})
	s.call(p, "openBox", http.StatusForbidden, with{header: h, body: map[string]any{"for": "case:" + found[1]}})
	s.call(p, "openBox", http.StatusNotFound, with{header: bearer(demo.APIKeys["case"]), body: map[string]any{"for": "case:AJ410702-1999-1"}})
	s.call(p, "openBox", http.StatusBadRequest, with{header: h, body: map[string]any{"for": "nothing"}})
	s.call(p, "openBox", http.StatusNotFound, with{header: h, body: map[string]any{"for": "batch:none"}})
}

func (s *stranger) staff(p *program, demo demoFile) {
	for _, login := range demo.Staff {
		if !slices.Contains([]string{"hongqi.handler"}, login.User) && !slices.Contains(login.Roles, "representative") {
			continue
		}
		v := &program{t: s.t, base: p.base, http: client(s.t)}
		v.enters(login)
		s.call(v, "getSession", http.StatusOK, with{})
		s.call(v, "listMessages", http.StatusOK, with{})
		s.call(v, "getEndedProof", map[bool]int{true: http.StatusNotFound, false: http.StatusForbidden}[slices.Contains(login.Roles, "representative")], with{})
	}
}

// rules are what holds for many calls alike.
func (s *stranger) rules(p *program, demo demoFile) {
	for _, id := range slices.Sorted(maps.Keys(s.ops)) {
		o := s.ops[id]
		w := with{}
		if o.RequestBody == nil && o.method == http.MethodPost {
			w.raw = []byte{}
		}
		guarded := len(*o.Security) > 0
		for _, way := range *o.Security {
			guarded = guarded && len(way) > 0
		}
		if guarded {
			s.call(p, id, http.StatusUnauthorized, w)
		}
		if o.RequestBody != nil {
			c := o.RequestBody.Value.Content["application/json"]
			if c != nil && c.Schema.Value.AdditionalProperties.Has != nil && !*c.Schema.Value.AdditionalProperties.Has {
				w := with{body: map[string]any{"undescribed": 1}, media: "application/json"}
				if id == "giveFeedback" {
					w.header = bearer(demo.APIKeys["share"])
				}
				if a := s.call(p, id, http.StatusBadRequest, w); !strings.Contains(a.body, "undescribed") {
					s.t.Errorf("%s: a member that nobody knows is refused without its name: %s", id, a.body)
				}
			}
		}
		if o.Responses.Status(http.StatusNotModified) != nil {
			s.revisit(p, id, o)
		}
		if ok := o.Responses.Status(http.StatusOK); ok != nil && o.method == http.MethodGet && !guarded && ok.Value.Content["text/html"] != nil {
			if a := s.call(p, id, http.StatusOK, with{path: displayed(p, id), header: map[string]string{"Accept": "text/html"}}); !strings.Contains(a.body, "<!DOCTYPE html>") || !strings.Contains(a.body, page.Say(page.ZH, "page.demo")) {
				s.t.Errorf("%s: no page for people", id)
			}
		}
	}
}

// displayed is the path of a record on display, or of a commitment in the ledger,
// for the calls that need one: which those are depends on the day.
func displayed(p *program, id string) map[string]string {
	switch id {
	case "getDisclosure", "getDisclosureProof":
	case "getCommitment":
		ledger := decode[struct{ Results []struct{ Number string } }](p.t, p.get("/function/disclosure-publish/commitments"))
		return map[string]string{"no": ledger.Results[0].Number}
	default:
		return nil
	}
	list := decode[struct{ Results []struct{ ID, Code string } }](p.t, p.get("/function/disclosure-publish/disclosures"))
	for _, x := range list.Results {
		if x.Code != "" {
			return map[string]string{"id": x.ID}
		}
	}
	p.t.Fatal("nothing is on display")
	return nil
}

// revisit asks again with the ETag of the first answer.
func (s *stranger) revisit(p *program, id string, o operation) {
	s.t.Helper()
	w := with{path: displayed(p, id)}
	if id == "getTile" {
		lines := strings.Split(p.get("/function/disclosure-publish/checkpoint").body, "\n")
		size, err := strconv.Atoi(lines[1])
		if err != nil {
			s.t.Fatal(err)
		}
		w.path = map[string]string{"path": fmt.Sprintf("entries/000.p/%d", size)}
		if size >= 256 {
			w.path["path"] = "entries/000"
		}
	}
	a := s.call(p, id, http.StatusOK, w)
	w.header = map[string]string{"If-None-Match": a.header.Get("ETag")}
	if w.header["If-None-Match"] == "" {
		s.t.Errorf("%s: 304 is described and there is no ETag", id)
		return
	}
	s.call(p, id, http.StatusNotModified, w)
}
