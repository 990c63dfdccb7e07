package function

import (
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"

	"ipcredit/shared/page"
)

// A question anybody can answer who reads: it is asked under pressure and where
// a form was filled in faster than people do, and it never costs anybody his
// report. It belongs to the ticket, so nothing is stored and an answer serves
// one report.
type question struct {
	form int // which of the phrasings
	a, b int
}

// phrasings is how many ways there are to ask; the catalogue words them.
const phrasings = 4

func askAbout(key []byte, about string) question {
	sum := mac(key, about)
	q := question{form: int(sum[0]) % phrasings, a: 2 + int(sum[1])%8, b: 2 + int(sum[2])%8}
	if q.a == q.b {
		q.b = q.a%8 + 2 // of two different numbers one is larger
	}
	return q
}

func (q question) want() int {
	switch q.form {
	case 2:
		return max(q.a, q.b)
	case 3:
		return q.a + 1
	}
	return q.a + q.b
}

// in words the question; the numbers are words too.
func (q question) in(lang page.Lang) string {
	return page.Say(lang, "report-intake.question."+strconv.Itoa(q.form), numeral(lang, q.a), numeral(lang, q.b))
}

func numeral(lang page.Lang, n int) string {
	return page.Say(lang, "report-intake.numeral."+strconv.Itoa(n))
}

// right tells whether somebody's answer is right: digits, Chinese numerals or
// English words, whatever surrounds them.
func (q question) right(answer string) bool {
	s := strings.ToLower(strings.Join(strings.Fields(norm.NFKC.String(answer)), ""))
	s = strings.Trim(s, "。.!?,，个")
	if n, err := strconv.Atoi(s); err == nil {
		return n == q.want()
	}
	for _, lang := range []page.Lang{page.ZH, page.EN} {
		if s != "" && s == strings.ToLower(numeral(lang, q.want())) {
			return true
		}
	}
	return false
}
