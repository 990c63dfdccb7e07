package function

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"ipcredit/shared/tipoff"
)

// TestADamagedMessageIsOneLineOfThePage: the rest of the tip-off is there, and the
// officer can go on.
func TestADamagedMessageIsOneLineOfThePage(t *testing.T) {
	c := embedded(t)
	l, _ := c.lodge(tipoff.Lodged{})
	claim := tipoff.Claim{Number: l.Number, Receipt: l.Receipt}
	for _, text := range []string{"第一条补充线索", "第二条补充线索"} {
		if err := c.intake.Say(t.Context(), claim, "", text, c.clock.Now()); err != nil {
			t.Fatal(err)
		}
	}
	key := c.env.Journal.Key("tipoff", l.Number, "thread")
	value, err := c.rdb.HGet(t.Context(), key, "1").Result()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.rdb.HSet(t.Context(), key, "1", strings.Replace(value, `"sealed":"`, `"sealed":"AAAA`, 1)).Err(); err != nil {
		t.Fatal(err)
	}
	officer := c.as("hongqi.handler")
	a := officer.open(l.Number)
	wantIn(t, a, story, "第二条补充线索", "已损坏")
	wantNone(t, a, "第一条补充线索")
	officer.done(l.Number, "answer", "answer", "第一条无法读取，请再发一次。")
}

// TestOneOfSixteenAnswersOnTheSameVersionIsStored, however close together they
// come: the others see what was stored, with their own text kept.
func TestOneOfSixteenAnswersOnTheSameVersionIsStored(t *testing.T) {
	c := embedded(t)
	l, _ := c.lodge(tipoff.Lodged{})
	officer := c.as("hongqi.handler")
	officer.open(l.Number)
	version := officer.version(l.Number, "answer")
	const writers = 16
	var writing sync.WaitGroup
	answers := make([]answer, writers)
	for n := range writers {
		writing.Go(func() {
			answers[n] = officer.post("/tip-offs/"+l.Number+"/answer", "answer", "这是第"+string(rune('A'+n))+"稿答复", "version", version)
		})
	}
	writing.Wait()
	stored := 0
	for n, a := range answers {
		switch a.StatusCode {
		case http.StatusSeeOther:
			stored++
		case http.StatusPreconditionFailed:
			wantIn(t, a, "这是第"+string(rune('A'+n))+"稿答复")
		default:
			t.Errorf("%d: %s", a.StatusCode, a.body)
		}
	}
	if page := officer.get("/tip-offs/" + l.Number); stored != 1 || strings.Count(page.body, "稿答复") != 1 {
		t.Errorf("%d of %d were stored", stored, writers)
	}
}
