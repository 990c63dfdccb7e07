package liaison

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/citytest"
	"ipcredit/shared/redistest"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/seal"
	"ipcredit/shared/workday"
)

// others are the keys of the other city's desks.
var others = sync.OnceValue(citytest.NewIdentities)

// pair are two cities that exchange letters. What carries them is the test itself.
type pair struct {
	t    *testing.T
	a, b *town
	at   time.Time
}

func (p *pair) mark(city string) string { return "signed by " + city }

func newPair(t *testing.T, rdb *redis.Client) *pair {
	t.Helper()
	p := &pair{t: t, at: noon, a: newTown(t, rdb), b: newTownOf(t, rdb, "410100", others())}
	meet := func(w *town, city, name string, to seal.Recipient) {
		w.config.Peers = func(_ context.Context, division string) (Peer, bool, error) {
			return Peer{City: city, Name: name, To: to, Proves: func(s Sealed) bool { return s.Signature == p.mark(city) }}, division[:4] == city[:4], nil
		}
	}
	meet(p.a, "410100", "郑州市", others()["410700"].Recipient())
	meet(p.b, "410700", "新乡市", citytest.Identities()["410700"].Recipient())
	return p
}

// ferry brings everything that waits at one city to the other, which opens it.
func (p *pair) ferry(from, to *town) (ids []string) {
	p.t.Helper()
	ctx := p.t.Context()
	ok(p.t, from.Pack(ctx, p.at))
	mail, there := NewMail(from.j), NewMail(to.j)
	cursor := ""
	for {
		list, next, more, err := mail.Waiting(ctx, to.j.City(), cursor, 2)
		ok(p.t, err)
		wanted, room, err := there.Wanted(ctx, from.j.City(), list)
		if ok(p.t, err); !room {
			p.t.Fatal("no room")
		}
		for _, id := range wanted {
			p.bring(from, to, id)
		}
		ids = append(ids, wanted...)
		ok(p.t, mail.NoteFetched(ctx, "test", to.j.City(), next, p.at))
		if cursor = next; !more {
			break
		}
	}
	ok(p.t, to.TakeIn(ctx, p.at))
	return ids
}

func (p *pair) bring(from, to *town, id string) {
	p.t.Helper()
	text, err := NewMail(from.j).Body(p.t.Context(), to.j.City(), id)
	ok(p.t, err)
	ok(p.t, NewMail(to.j).Keep(p.t.Context(), "test", from.j.City(), Sealed{ID: id, Sealed: text, Signature: p.mark(from.j.City())}, p.at))
}

func (p *pair) letter(w *town, id string) Letter {
	p.t.Helper()
	l, err := w.store.letter(p.t.Context(), id)
	ok(p.t, err)
	return l
}

// only is the one share of a kind that a city has.
func (p *pair) only(w *town, kind Kind) Letter {
	p.t.Helper()
	rows, _, err := w.List(p.t.Context(), w.actor("lead.handler"), Filter{Shares: true, Kind: kind}, p.at)
	ok(p.t, err)
	if len(rows) != 1 {
		p.t.Fatalf("%d shares: %+v", len(rows), rows)
	}
	return rows[0].Letter
}

// send writes a share to the other city and sends it.
func (p *pair) send(number string) Letter {
	p.t.Helper()
	in := share(Outbound)
	in.Region, in.Partner = "410102", "样例区市场监督管理局"
	in.Fields["request"] = secretText
	l := p.a.do("lead.handler", p.a.draft("lead.handler", in), Act{Step: Submit})
	return p.a.do("lead.approver", l, Act{Step: Send, DocNo: number})
}

func TestAShareGoesToTheOtherCitysDeskAndItsAnswerComesBack(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		p := newPair(t, rdb)
		ctx := t.Context()
		draft := p.a.draft("lead.handler", func() Writing { w := share(Outbound); w.Region = "410102"; return w }())
		if o, err := p.a.Open(ctx, p.a.actor("lead.handler"), draft.ID, p.at); err != nil || o.Travels != "郑州市" {
			t.Errorf("the writer does not read where it goes: %+v, %v", o.Travels, err)
		}
		l := p.send("新测市监函〔2026〕21号")
		if l.Carry == nil || l.Carry.City != "410100" || l.Carry.Thread != l.ID || l.Carry.Place != 1 {
			t.Fatalf("%+v", l.Carry)
		}
		opened := func(w *town, id string) Opened {
			o, err := w.Open(ctx, w.actor("lead.handler"), id, p.at)
			ok(t, err)
			return o
		}
		if opened(p.a, l.ID).Fetched {
			t.Error("fetched before it was")
		}
		p.ferry(p.a, p.b)
		if !opened(p.a, l.ID).Fetched {
			t.Error("it is not seen that it was fetched")
		}
		theirs := p.only(p.b, Inbound)
		o := opened(p.b, theirs.ID)
		if theirs.State != Arrived || theirs.DocNo != l.DocNo || theirs.Region != "410700" || theirs.Started != day("2026-05-20") ||
			o.Fields["request"] != secretText || !strings.Contains(o.Said, "2022") || theirs.Partner == "" {
			t.Errorf("%+v %+v", theirs, o)
		}
		if got := p.b.inbox("lead.handler"); !slices.Equal(got, []string{"liaison.carried-send"}) {
			t.Errorf("the other desk's inbox: %v", got)
		}
		if due, _, err := p.b.clocks.Due(ctx, []string{"410700"}, day("2027-01-01"), "", 10); err != nil || len(due) != 1 {
			t.Errorf("no clock runs there: %v, %v", due, err)
		}

		// Its receipt, and then its answer.
		p.at = p.at.Add(24 * time.Hour)
		theirs, err := p.b.Do(ctx, p.b.actor("lead.handler"), Act{ID: theirs.ID, Version: theirs.Version, Step: Receive}, p.at)
		ok(t, err)
		p.ferry(p.b, p.a)
		if l = p.letter(p.a, l.ID); l.State != Received || l.Signed != day("2026-05-21") {
			t.Errorf("%+v", l)
		}
		answer := func(text, number string) {
			t.Helper()
			theirs = p.letter(p.b, theirs.ID)
			theirs, err = p.b.Do(ctx, p.b.actor("lead.handler"), Act{ID: theirs.ID, Version: theirs.Version, Step: Propose, Text: "先拟一稿"}, p.at)
			ok(t, err)
			theirs, err = p.b.Do(ctx, p.b.actor("lead.approver"), Act{ID: theirs.ID, Version: theirs.Version, Step: SendBack, Text: "请改写"}, p.at)
			ok(t, err)
			theirs, err = p.b.Do(ctx, p.b.actor("lead.handler"), Act{ID: theirs.ID, Version: theirs.Version, Step: Propose, Text: text}, p.at)
			ok(t, err)
			theirs, err = p.b.Do(ctx, p.b.actor("lead.approver"), Act{ID: theirs.ID, Version: theirs.Version, Step: Send, DocNo: number}, p.at)
			ok(t, err)
		}
		answer("经查属实，样例回复", "郑测市监函〔2026〕3号")
		p.ferry(p.b, p.a)
		l = p.letter(p.a, l.ID)
		if back := opened(p.a, l.ID); l.State != Answered || l.TheirNo != "郑测市监函〔2026〕3号" || l.Replied != day("2026-05-21") ||
			len(back.Posts) != 1 || back.Posts[0].Text != "经查属实，样例回复" || back.Posts[0].By != "city:410100" {
			t.Errorf("%+v %+v", l, back.Posts)
		}
		clocks, err := l.Clocks(Rules{ruleset.Shipped(), workday.Official()}, workday.DateOf(p.at))
		if err != nil || clocks[0].Running() || clocks[1].Running() {
			t.Errorf("a clock runs on: %+v, %v", clocks, err)
		}

		// More is asked, which is owed there again.
		l, err = p.a.Do(ctx, p.a.actor("lead.handler"), Act{ID: l.ID, Version: l.Version, Step: Follow, Text: "请补充处理结果"}, p.at)
		ok(t, err)
		p.ferry(p.a, p.b)
		if theirs = p.letter(p.b, theirs.ID); theirs.State != Asked {
			t.Errorf("%+v", theirs)
		}
		answer("已责令改正", "郑测市监函〔2026〕4号")
		if clocks, err = theirs.Clocks(Rules{ruleset.Shipped(), workday.Official()}, workday.DateOf(p.at)); err != nil || clocks[1].Running() {
			t.Errorf("answered, it is owed on: %+v, %v", clocks, err)
		}
		p.ferry(p.b, p.a)
		if l = p.letter(p.a, l.ID); l.State != Answered || l.TheirNo != "郑测市监函〔2026〕4号" || l.Posts != 3 {
			t.Errorf("%+v", l)
		}
		// It was wrong: the other desk is told not to use it.
		_, err = p.a.Do(ctx, p.a.actor("lead.approver"), Act{ID: l.ID, Version: l.Version, Step: Withdraw, Text: "主体有误"}, p.at)
		ok(t, err)
		p.ferry(p.a, p.b)
		if theirs = p.letter(p.b, theirs.ID); theirs.State != Withdrawn {
			t.Errorf("%+v", theirs)
		}
		if got := p.a.inbox("lead.handler"); !slices.Equal(got, []string{"liaison.carried-reply", "liaison.carried-reply", "liaison.carried-receive"}) {
			t.Errorf("the writer's inbox: %v", got)
		}
		// Every step is a line of the journal.
		for _, action := range []string{"liaison.pack", "liaison.arrived", "liaison.carried_send", "liaison.carried_receive", "liaison.carried_reply", "liaison.carried_follow", "liaison.carried_withdraw", "liaison.fetched"} {
			if !p.journaled(rdb, action) {
				t.Errorf("no line says %s", action)
			}
		}
		// What was said is nowhere in the clear, sealed to nobody but the two desks.
		for _, canary := range []string{secretText, "样例回复", "请补充处理结果", "主体有误"} {
			redistest.Grep(t, rdb, canary)
		}
	})
}

func (p *pair) journaled(rdb *redis.Client, action string) bool {
	p.t.Helper()
	for _, w := range []*town{p.a, p.b} {
		lines, err := rdb.XRange(p.t.Context(), w.j.Key("journal"), "-", "+").Result()
		ok(p.t, err)
		if slices.ContainsFunc(lines, func(m redis.XMessage) bool { return m.Values["action"] == action && m.Values["actor"] != "" }) {
			return true
		}
	}
	return false
}

// text is a value as it is kept.
func text(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	ok(t, err)
	return string(raw)
}

func TestAShareIsSentBackByTheOtherDesk(t *testing.T) {
	t.Parallel()
	p := newPair(t, redistest.Embedded(t))
	l := p.send("新测市监函〔2026〕22号")
	p.ferry(p.a, p.b)
	theirs := p.only(p.b, Inbound)
	p.b.do("lead.handler", theirs, Act{Step: Refuse, Text: "不属本市管辖"})
	p.ferry(p.b, p.a)
	if l = p.letter(p.a, l.ID); l.State != Returned || l.Posts != 1 || l.Ended.IsZero() {
		t.Errorf("%+v", l)
	}
}

func TestALetterGoesOnPaperWhereNoneAreExchanged(t *testing.T) {
	t.Parallel()
	p := newPair(t, redistest.Embedded(t))
	l := p.a.do("lead.handler", p.a.draft("lead.handler", share(Outbound)), Act{Step: Submit}) // 420100
	if l = p.a.do("lead.approver", l, Act{Step: Send, DocNo: "新测市监函〔2026〕23号"}); l.Carry != nil {
		t.Errorf("%+v", l.Carry)
	}
	if ids := p.ferry(p.a, p.b); len(ids) != 0 {
		t.Errorf("%v went over", ids)
	}
}

func TestTheSameParcelAgainChangesNothing(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		p := newPair(t, rdb)
		l := p.send("新测市监函〔2026〕24号")
		ids := p.ferry(p.a, p.b)
		theirs := p.only(p.b, Inbound)
		again := func() {
			t.Helper()
			for _, id := range ids {
				p.bring(p.a, p.b, id)
			}
			ok(t, p.b.TakeIn(t.Context(), p.at))
			if got := p.letter(p.b, theirs.ID); text(t, got) != text(t, theirs) {
				t.Errorf("%+v became %+v", theirs, got)
			}
			p.only(p.b, Inbound)
		}
		again()
		theirs = p.b.do("lead.handler", theirs, Act{Step: Receive})
		again()
		// A desk that lost what it had done gets it anew and comes to the same.
		ok(t, rdb.Del(t.Context(), p.b.j.Key("liaison", "got", "410700")).Err())
		again()
		p.ferry(p.b, p.a)
		before := p.letter(p.a, l.ID)
		ok(t, rdb.Del(t.Context(), p.a.j.Key("liaison", "got", "410100")).Err())
		p.ferry(p.b, p.a)
		after := p.letter(p.a, l.ID)
		if after.State != before.State || after.Signed != before.Signed || len(after.Events) != len(before.Events) {
			t.Errorf("%+v became %+v", before, after)
		}
	})
}

func TestThreat_ALyingCityChangesNoLetter(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		p := newPair(t, rdb)
		ctx := t.Context()
		mine := p.send("新测市监函〔2026〕25号")
		paper := p.a.do("lead.handler", p.a.draft("lead.handler", share(Outbound)), Act{Step: Submit})
		paper = p.a.do("lead.approver", paper, Act{Step: Send, DocNo: "新测市监函〔2026〕26号"})
		p.ferry(p.a, p.b)
		good := parcel{From: "410100", To: "410700", Thread: mine.ID, Step: Reply, On: day("2026-05-20"), Text: "样例"}
		letter := parcel{From: "410100", To: "410700", Thread: "l1", Step: Send, On: day("2026-05-20"), DocNo: "郑测市监函〔2026〕9号",
			Region: "410102", Partner: "样例区市场监督管理局", Template: "share-filings", Basis: "样例", Fields: share(Inbound).Fields}
		n := 0
		for _, tt := range []struct {
			name string
			from parcel
			do   func(*parcel)
			mark string
			raw  string
			to   seal.Recipient
			why  string // "" is answered by nothing
		}{
			{name: "signed by nobody", from: good, mark: "signed by 410300"},
			{name: "sealed to another desk", from: good, to: others()["410700"].Recipient(), why: ProblemUnreadable},
			{name: "not sealed", from: good, raw: `{"step":"reply"}`, why: ProblemUnreadable},
			{name: "of another city", from: good, do: func(p *parcel) { p.From = "410300" }, why: ProblemForm},
			{name: "for another city", from: good, do: func(p *parcel) { p.To = "410300" }, why: ProblemForm},
			{name: "under another id", from: good, do: func(p *parcel) { p.ID = "p0" }, why: ProblemForm},
			{name: "a step that is ours", from: good, do: func(p *parcel) { p.Step = Erase }, why: ProblemForm},
			{name: "no text", from: good, do: func(p *parcel) { p.Text = "" }, why: ProblemForm},
			{name: "too long a text", from: good, do: func(p *parcel) { p.Text = strings.Repeat("长", mostText+1) }, why: ProblemForm},
			{name: "a telephone in the text", from: good, do: func(p *parcel) { p.Text = "请致电13800000000" }, why: ProblemForm},
			{name: "a number that is none", from: good, do: func(p *parcel) { p.DocNo = "<b>" }, why: ProblemForm},
			{name: "of a letter on paper to a third city", from: good, do: func(p *parcel) { p.Thread = paper.ID }, why: ProblemState},
			{name: "of what our letter says", from: good, do: func(p *parcel) { p.Thread = mine.ID + ":content" }, why: ProblemForm},
			{name: "of no letter", from: good, do: func(p *parcel) { p.Thread = "l0" }, why: ProblemState},
			{name: "a question about our own letter", from: good, do: func(p *parcel) { p.Step = Follow }, why: ProblemState},
			{name: "a withdrawal of our own letter", from: good, do: func(p *parcel) { p.Step = Withdraw }, why: ProblemState},
			{name: "a letter of a third region", from: letter, do: func(p *parcel) { p.Region = "410302" }, why: ProblemForm},
			{name: "a letter of our region", from: letter, do: func(p *parcel) { p.Region = "410702" }, why: ProblemForm},
			{name: "a template that is none", from: letter, do: func(p *parcel) { p.Template = "science" }, why: ProblemForm},
			{name: "a field beside the template", from: letter, do: func(p *parcel) { p.Fields = map[string]string{"reporter": "样例"} }, why: ProblemForm},
			{name: "a letter without a number", from: letter, do: func(p *parcel) { p.DocNo = "" }, why: ProblemForm},
			{name: "a bounce of nothing", from: parcel{From: "410100", To: "410700", Step: bounce, Re: "p0", Why: ProblemForm}},
			{name: "a bounce with words", from: parcel{From: "410100", To: "410700", Step: bounce, Re: "p0", Why: "<b>"}, why: ProblemForm},
		} {
			n++
			x := tt.from
			x.ID = fmt.Sprintf("p%026d", n)
			id := x.ID
			if tt.do != nil {
				tt.do(&x)
			}
			to := tt.to
			if len(to.Keys()) == 0 {
				to = citytest.Identities()["410700"].Recipient()
			}
			sealed := tt.raw
			if sealed == "" {
				var err error
				sealed, err = Seal(to, x)
				ok(t, err)
			}
			mark := p.mark("410100")
			if tt.mark != "" {
				mark = tt.mark
			}
			before := p.letter(p.a, mine.ID)
			queue, err := p.a.store.outgoing(ctx, "410100", 0, 1000)
			ok(t, err)
			ok(t, NewMail(p.a.j).Keep(ctx, "test", "410100", Sealed{ID: id, Sealed: sealed, Signature: mark}, p.at))
			ok(t, p.a.TakeIn(ctx, p.at))
			if after := p.letter(p.a, mine.ID); text(t, after) != text(t, before) {
				t.Errorf("%s: %+v became %+v", tt.name, before, after)
			}
			if after := p.letter(p.a, paper.ID); after.State != Sent || after.Version != paper.Version {
				t.Errorf("%s: the letter on paper became %+v", tt.name, after)
			}
			rows, _, err := p.a.List(ctx, p.a.actor("lead.handler"), Filter{Shares: true, Kind: Inbound}, p.at)
			if err != nil || len(rows) != 0 {
				t.Errorf("%s: a letter came in: %+v, %v", tt.name, rows, err)
			}
			now, err := p.a.store.outgoing(ctx, "410100", 0, 1000)
			ok(t, err)
			told := ""
			if len(now) > len(queue) {
				told = now[len(now)-1].Why
			}
			if told != tt.why || len(now) > len(queue)+1 {
				t.Errorf("%s: the other desk is told %q, want %q", tt.name, told, tt.why)
			}
			if waits, err := p.a.store.arrivals(ctx, "410100", 10); err != nil || len(waits) != 0 {
				t.Errorf("%s: it is tried for ever: %v, %v", tt.name, waits, err)
			}
		}
	})
}

func TestThreat_TwoDesksThatCannotReadEachOtherDoNotGoOnForEver(t *testing.T) {
	t.Parallel()
	p := newPair(t, redistest.Embedded(t))
	stranger, err := seal.Generate()
	ok(t, err)
	for _, w := range []*town{p.a, p.b} {
		peers := w.config.Peers
		w.config.Peers = func(ctx context.Context, division string) (Peer, bool, error) {
			x, known, err := peers(ctx, division)
			x.To = stranger.Recipient()
			return x, known, err
		}
	}
	l := p.send("新测市监函〔2026〕27号")
	total := 0
	for range 5 {
		total += len(p.ferry(p.a, p.b)) + len(p.ferry(p.b, p.a))
	}
	if total != 2 { // the letter, and that it could not be read
		t.Errorf("%d parcels went", total)
	}
	if l = p.letter(p.a, l.ID); l.State != Sent {
		t.Errorf("%+v", l)
	}
}

func TestTheWriterLearnsThatTheOtherDeskDidNotTakeIt(t *testing.T) {
	t.Parallel()
	p := newPair(t, redistest.Embedded(t))
	in := arrival("新测市监函〔2026〕28号")
	in.Region, in.Partner = "410700", "新乡市市场监督管理局"
	_, err := p.b.Register(t.Context(), p.b.actor("lead.handler"), in, p.at) // by post it was faster
	ok(t, err)
	l := p.send("新测市监函〔2026〕28号")
	p.ferry(p.a, p.b)
	p.ferry(p.b, p.a)
	if l = p.letter(p.a, l.ID); l.State != Sent || l.Carry.Problem != ProblemCame {
		t.Errorf("%+v %+v", l, l.Carry)
	}
	if got := p.a.inbox("lead.handler"); !slices.Equal(got, []string{"liaison.carried-bounce"}) {
		t.Errorf("%v", got)
	}
	// By hand it goes on.
	p.a.do("lead.handler", l, Act{Step: Receive})
	p.only(p.b, Inbound)
}
