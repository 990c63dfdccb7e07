package function

import (
	"bytes"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/citytest"
	"ipcredit/shared/evidence"
	"ipcredit/shared/objects/objectstest"
	"ipcredit/shared/redistest"
)

// personRow is a row of a list about a natural person.
func personRow(i int, pairs ...string) map[string]string {
	return notifiedRow(i, append([]string{"applicant", private, "applicantCode", "", "holder", "个人", "agency", ""}, pairs...)...)
}

func TestThreat_HoldersNamesAndWhatTheySaidStandNowhereInTheClear(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		log := citytest.Logged(t)
		c := newCity(t, rdb)
		c.notified(personRow(1), personRow(2), notifiedRow(3))
		k := c.as("hongqi.handler")
		item := "/applications/items/" + applicationNo(1)
		wantIn(t, k.get(item), private, say("applications.name_opened"))
		a := k.bulked("letter", "id="+applicationNo(1), "to", "applicant")
		wantIn(t, a, private)
		k.follow("/letters/1/box")
		k.bulked("contact", "id="+applicationNo(1), "method", "phone", "rights", "1", "on", "2026-05-20", "person", called, "note", spoken)
		wantIn(t, k.get(item), called, spoken)
		// A refusal shows what was typed to who typed it, and writes it nowhere.
		wantIn(t, k.bulk("contact", "id="+applicationNo(2), "method", "phone", "on", "2026-05-20", "person", called, "note", spoken), spoken)

		// Lists, groups, figures, files and other people's pages hold none of it.
		list := url.Values{"list": {"2026年第1批"}}.Encode()
		everywhere := []string{"/applications", "/applications/items", "/applications/items?show=all", "/applications/groups", "/applications/feedback?" + list, "/applications/act/result?id=" + applicationNo(1)}
		for _, path := range everywhere {
			a := k.get(path)
			wantStatus(t, a, http.StatusOK)
			wantNone(t, a, private, called, spoken)
		}
		for _, format := range []string{"csv", "xlsx"} {
			a := k.post("/applications/feedback", "do", "export", "format", format, "purpose", "province", "list", "2026年第1批")
			wantStatus(t, a, http.StatusOK)
			wantNone(t, a, private, called, spoken, holder)
		}
		for _, user := range []string{"muye.handler", "lead.handler", "lead.supervisor", "lead.statistics", "lead.auditor", "province.supervisor", "science.handler", "jia.legal", "jia.agent", "hongqi.suo", "discipline.handler"} {
			k := c.as(user)
			for _, path := range append(everywhere, item, "/letters/1", "/applications/act/contact?id="+applicationNo(1), "/applications/undo/1") {
				wantNone(t, k.get(path), private, called, spoken)
			}
		}
		for what, ref := range map[string]string{"linkage.view": applicationNo(1), "linkage.names": applicationNo(1), "linkage.export": "province"} {
			if c.journaled(what, ref) == 0 {
				t.Errorf("%s is not in the journal", what)
			}
		}
		if _, err := c.env.Archive.Run(t.Context(), c.env.Journal); err != nil {
			t.Fatal(err)
		}
		for _, canary := range []string{private, called, spoken, "样例铜雀"} {
			if s := log.String(); strings.Contains(s, canary) {
				t.Errorf("logged %s", canary)
			}
			redistest.Grep(t, rdb, canary)
			objectstest.Grep(t, c.dir, canary)
		}
	})
}

func TestThreat_NobodyOfAnotherDistrictReachesALetterOrItsMaterials(t *testing.T) {
	c := embedded(t)
	c.notified(notifiedRows(1, 3)...)
	k := c.as("hongqi.handler")
	k.bulked("letter", groupOf("410702"), "to", "applicant")
	a := k.follow("/letters/1/box")
	_, rest, _ := strings.Cut(a.body, "/function/evidence-upload/forms/")
	token := rest[:strings.IndexAny(rest, `"<`)]
	c.upload(token, file{"陈述意见.txt", "text/plain", []byte(spoken)})
	_, rest, _ = strings.Cut(k.get("/letters/1").body, "/letters/1/files/")
	box, _, _ := strings.Cut(rest, "/")
	for _, user := range []string{"muye.handler", "lead.handler", "lead.auditor", "science.handler", "jia.legal", "muye.suo", ""} {
		k := c.as(user)
		for _, path := range []string{"/letters/1", "/letters/1/files/" + box + "/1/copy", "/letters/1/files/" + box + "/1/original"} {
			a := k.get(path)
			wantNone(t, a, holder, spoken, token, "陈述意见.txt")
			if a.StatusCode < 400 && user != "" {
				t.Errorf("%s gets %s: %d", user, path, a.StatusCode)
			}
		}
		for _, path := range []string{"/letters/1/box", "/letters/1/attach", "/letters/1/files/" + box + "/1/check"} {
			if a := k.post(path, "material", "statement", "file", box+" 1", "target", "all"); a.StatusCode < 400 && user != "" {
				t.Errorf("%s may POST %s: %d", user, path, a.StatusCode)
			}
		}
	}
	if x, err := c.desk.notified.Get(t.Context(), applicationNo(1)); err != nil || len(x.Materials) != 0 {
		t.Errorf("it was changed: %+v %v", x.Materials, err)
	}
}

// The law of a letter is that of the day of the notification.
func TestLetterCitesTheLawOfTheDayOfTheNotification(t *testing.T) {
	c := embedded(t)
	c.notified(notifiedRow(1, "notifiedAt", "2026-05-18"))
	k := c.as("hongqi.handler")
	a := k.bulked("letter", "id="+applicationNo(1), "to", "applicant")
	wantIn(t, a, "规范申请专利行为的规定（国家知识产权局令第77号）", "专利法实施细则（2023年修订）第五十条")
	wantNone(t, a, "公告第411号", "2010年修订")
	old := "202210999999"
	sum := 0
	for n, d := range old {
		sum += int(d-'0') * (2 + n%8)
	}
	no := old + "." + string("0123456789X"[sum%11])
	c.notified(map[string]string{"number": no, "notifiedAt": "2024-01-19", "replyBy": "", "list": "2024年第1批"})
	a = k.bulked("letter", "id="+no, "to", "applicant")
	wantIn(t, a, "公告第411号", "（2010年修订）第四十四条", say("applications.letter.reply_unknown"), say("applications.letter.labelled"))
	wantNone(t, a, "令第77号")
}

func TestHolderHandsInMaterialsAtTheAddressOnTheLetter(t *testing.T) {
	c := embedded(t)
	c.notified(notifiedRows(1, 3)...)
	k := c.as("hongqi.handler")
	k.bulked("letter", groupOf("410702"), "to", "applicant")
	wantNone(t, k.get("/letters/1"), "/evidence-upload/forms/")
	if a := c.as("muye.handler").post("/letters/1/box"); a.StatusCode < 400 {
		t.Errorf("another district opens the box: %d", a.StatusCode)
	}
	if a := c.as("hongqi.reviewer").post("/letters/1/box"); a.StatusCode < 400 {
		t.Errorf("who does not handle it opens the box: %d", a.StatusCode)
	}
	a := k.follow("/letters/1/box")
	address := regexp.MustCompile(`/function/evidence-upload/forms/([^"<]+)`).FindStringSubmatch(a.body)
	if address == nil || !strings.Contains(a.body, "data:image/png;base64,") {
		t.Fatalf("no address: %s", words(a.body))
	}
	wantIn(t, k.follow("/letters/1/box"), address[1]) // the same when it is printed again
	c.upload(address[1], file{"撤回手续合格通知书.pdf", "application/pdf", pdf()})
	a = k.get("/letters/1")
	wantIn(t, a, "撤回手续合格通知书.pdf", say("custody.state.unscanned"))
	box, err := evidence.BoxOf(address[1])
	if err != nil {
		t.Fatal(err)
	}
	path := "/letters/1/files/" + box + "/1"
	wantStatus(t, k.get(path+"/original"), http.StatusConflict) // not before it was examined
	k.follow(path + "/check")
	wantStatus(t, k.get(path+"/original"), http.StatusConflict) // it holds a script
	a = k.get(path + "/original?suspicious=1")
	wantStatus(t, a, http.StatusOK)
	if !bytes.Equal([]byte(a.body), pdf()) || !strings.HasPrefix(a.Header.Get("Content-Disposition"), "attachment") {
		t.Error("the original is another")
	}
	for _, bad := range []string{"/letters/1/files/" + box + "/2/check", "/letters/1/files/nobox/1/check"} {
		wantStatus(t, k.post(bad), http.StatusNotFound)
	}
	if a := c.as("muye.handler").get(path + "/original"); a.StatusCode < 400 {
		t.Errorf("another district reads it: %d", a.StatusCode)
	}
	// The receipt is what a withdrawal rests on.
	wantStatus(t, k.bulk("result", groupOf("410702"), "to", "withdrawn", "on", "2026-05-20"), http.StatusUnprocessableEntity)
	for _, fields := range [][]string{{"file", box + " 1", "target", "all"}, {"material", "receipt", "target", "all"}, {"material", "receipt", "file", "x 1", "target", "all"}, {"material", "receipt", "file", box + " 1", "target", applicationNo(9)}} {
		wantStatus(t, k.post("/letters/1/attach", fields...), http.StatusBadRequest)
	}
	wantIn(t, k.follow("/letters/1/attach", "material", "receipt", "file", box+" 1", "target", "all"), say("applications.done.letter-attached"))
	wantStatus(t, k.post("/letters/1/attach", "material", "receipt", "file", box+" 1", "target", "all"), http.StatusConflict)
	wantIn(t, k.get("/applications/items/"+applicationNo(2)), say("linkage.material.receipt"), "/letters/1#files")
	k.bulked("result", groupOf("410702"), "to", "withdrawn", "on", "2026-05-20")
	wantIn(t, k.get("/applications"), "3/3", "100.0%")
	// It ends.
	c.clock.Pass(184 * 24 * time.Hour)
	k = c.as("hongqi.handler")
	a = k.get("/letters/1")
	wantNone(t, a, address[1])
	wantIn(t, a, say("applications.address_ended"))
}

func TestNoSheetOfTheAnnexIsLongerThanAPage(t *testing.T) {
	t.Parallel()
	row := func(ground, list string) holderLetterRow { return holderLetterRow{Ground: ground, List: list} }
	short, long := row("AF1（相同）", "一批"), row(strings.Repeat("明", 95), "一批")
	for _, x := range []struct {
		name string
		rows []holderLetterRow
		want []int
	}{
		{"none", nil, nil},
		{"a page of short ones", slices.Repeat([]holderLetterRow{short}, 14), []int{14}},
		{"one more than a page", slices.Repeat([]holderLetterRow{short}, 15), []int{14, 1}},
		{"long grounds take more room", slices.Repeat([]holderLetterRow{long}, 7), []int{3, 3, 1}},
		{"one that is longer than a page stands alone", []holderLetterRow{short, row(strings.Repeat("明", 900), ""), short}, []int{1, 1, 1}},
	} {
		var got []int
		n := 0
		for _, sheet := range annexSheets(x.rows) {
			got, n = append(got, len(sheet)), n+len(sheet)
		}
		if !slices.Equal(got, x.want) || n != len(x.rows) {
			t.Errorf("%s: %v, want %v", x.name, got, x.want)
		}
	}
}
