package credit

import (
	"testing"

	"ipcredit/shared/subject"
	"ipcredit/shared/workday"
)

// What the feed adds to one subject of an import: reading what both answers show,
// comparing them, and the line.
func BenchmarkFeedOfOneSubject(b *testing.B) {
	r := determined("国知测认〔2026〕7号", "2026-03-10")
	r.ID = NewID(Determination, r.Authority, r.InstrumentNo, firmA)
	p := Profile{Subject: subject.Public{Code: firmA, Name: "新乡市虚构甲科技有限公司", Kind: "enterprise", District: "410771"}, Records: []Record{r}, ChangedAt: noon("2026-05-06")}
	value, _, err := p.answered(Shipped(), noon("2026-05-06"))
	if err != nil {
		b.Fatal(err)
	}
	b.Run("answer and feed", func(b *testing.B) {
		for b.Loop() {
			a := &account{code: firmA, touched: true, profile: p, stored: ""}
			a.sees = seenOf(p.Answer(Shipped(), noon("2026-05-06")))
			if len(feedText(happened([]*account{a}, workday.MustDate("2026-05-06").Start()), "abcdef01", workday.MustDate("2026-05-06").Start())) == 0 {
				b.Fatal("nothing")
			}
		}
	})
	b.Run("encode", func(b *testing.B) {
		for b.Loop() {
			if _, _, err := p.answered(Shipped(), noon("2026-05-06")); err != nil {
				b.Fatal(err)
			}
		}
	})
	text := feedText(happened([]*account{{code: firmA, touched: true, sees: mustSeeB(b, value)}}, noon("2026-05-06")), "abcdef01", noon("2026-05-06"))
	b.Logf("%d bytes for a line", len(text))
}

func mustSeeB(b *testing.B, value string) []seen {
	b.Helper()
	list, err := seenIn(value)
	if err != nil {
		b.Fatal(err)
	}
	return list
}
