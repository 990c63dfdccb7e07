package function

import (
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/citytest"
	"ipcredit/shared/objects/objectstest"
	"ipcredit/shared/redistest"
)

// A natural person's number, name and telephone, all fictitious.
var canaries = []string{"410799190001019907", "欧阳样例", "13800009999"}

func TestThreat_APersonsDataIsInNoAnswerLogKeyOrObject(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		log := citytest.Logged(t)
		c := newCity(t, rdb)
		k := c.as("")

		head := append(append([]string{}, header...), "行政相对人类别", "证件类型", "证件号码", "法定代表人")
		person := append(spoilt(spoilt(penalty(1), atName, canaries[1]), atCode, ""), "自然人", "身份证", canaries[0], "")
		person[atFacts] = "当事人" + canaries[1] + "（" + canaries[0] + "），电话" + canaries[2] + "，销售侵权商品"
		rows := [][]string{person}
		for i, at := range []int{atNumber, atDate, atFine, atClasses, atAuthorityCode, atBasis, atName} {
			x := spoilt(person, at, "")
			if at != atNumber {
				x[atNumber] = penalty(10 + i)[atNumber]
			}
			rows = append(rows, x)
		}
		// In the wrong columns, where a message might quote it.
		for i, at := range []int{atNumber, atCode, atDate, atFine, atClasses, atAuthorityCode} {
			x := spoilt(person, at, canaries[0])
			if at != atNumber {
				x[atNumber] = penalty(30 + i)[atNumber]
			}
			rows = append(rows, x)
		}
		wrongID := append([]string{}, person...)
		wrongID[len(header)+2] = "41079919000101990X"
		wrongID[atNumber] = penalty(50)[atNumber]
		rows = append(rows, wrongID)

		var answers []answer
		for _, query := range []string{"kind=penalty&dryRun=1", "kind=penalty&atomic=1", "kind=penalty"} {
			answers = append(answers, k.post(query, table(head, rows...)))
		}
		if b := answers[2].read(t); b.Accepted == 0 || b.Rejected == 0 {
			t.Fatalf("%d accepted, %d rejected: %s", b.Accepted, b.Rejected, answers[2].body)
		}
		// A file without its header row, and JSON with a person for a key.
		// The sender is told which header is unknown, but nothing keeps it.
		for _, body := range [][]byte{table(person, person), []byte(`[{"` + canaries[1] + `":"x"}]`)} {
			if a := k.post("kind=penalty", body); a.StatusCode != 400 {
				t.Errorf("%d %s", a.StatusCode, a.body)
			}
		}
		answers = append(answers, k.post("kind=agent", table([]string{"资格证书号", "姓名", "机构代码", "状态"}, []string{canaries[0], canaries[1], "x", "y"})))
		browser := c.browser("lead.uploader")
		for _, b := range c.batches(t) {
			for _, a := range []answer{k.get("/batches/" + b.ID), browser.get("/batches/" + b.ID)} {
				if a.StatusCode != 200 {
					t.Errorf("%d %s", a.StatusCode, a.body)
				}
				if b.Failure == nil {
					answers = append(answers, a)
				}
			}
		}
		answers = append(answers, k.get("/batches"), browser.get("/"))
		if _, err := c.env.Archive.Run(t.Context(), c.env.Journal); err != nil {
			t.Fatal(err)
		}
		c.clock.Pass(time.Second)
		for _, canary := range canaries {
			for _, a := range answers {
				if strings.Contains(string(a.body), canary) {
					t.Errorf("%s %s answers %s: %s", a.Request.Method, a.Request.URL.Path, canary, near(string(a.body), canary))
				}
			}
			if s := log.String(); strings.Contains(s, canary) {
				t.Errorf("logged %s: %s", canary, near(s, canary))
			}
			redistest.Grep(t, rdb, canary)
			objectstest.Grep(t, c.dir, canary)
		}
		if log.String() == "" {
			t.Error("nothing was logged at all")
		}
	})
}

func near(s, canary string) string {
	at := strings.Index(s, canary)
	return strings.ToValidUTF8(s[max(0, at-120):min(len(s), at+120)], "")
}
