package main

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

const deskPath = "/function/case-handling"

// shareKey issues a key with which another city asks here as the province.
func (c *town) shareKey() string {
	c.t.Helper()
	c.program.end(syscall.SIGTERM)
	var key struct{ Key string }
	issue := run{path: c.run.path, env: c.run.env, args: []string{"key", "--json", "-data", c.data, "-org", "province", "-scope", "share", "-name", "跨区域共享"}}
	if x := issue.must(c.t); json.Unmarshal([]byte(x.out), &key) != nil || key.Key == "" {
		c.t.Fatalf("%q", x.out)
	}
	c.up()
	return key.Key
}

// follows enters the other city as a source that letters are exchanged with, and
// returns its id here.
func (c *town) follows(other *town, name, region, token string) string {
	c.t.Helper()
	given := decode[struct{ PublicKey, LetterRecipient string }](c.t, other.program.get(sharePath+"/key"))
	if !strings.HasPrefix(given.LetterRecipient, "age1") {
		c.t.Fatalf("%+v", given)
	}
	c.as("lead.handler").sendsOn(sharePath+"/sources", url.Values{
		"name": {name}, "region": {region}, "key": {given.PublicKey}, "url": {other.base() + sharePath}, "token": {token}, "recipient": {given.LetterRecipient}, "org": {"province"},
	})
	page := c.as("lead.publisher").page(sharePath + "/sources").body
	id := regexp.MustCompile(`/sources/(c[0-9a-z]+)/deliveries`).FindStringSubmatch(page)
	if id == nil {
		c.t.Fatal(page)
	}
	c.as("lead.publisher").sendsOn(sharePath+"/sources/"+id[1]+"/approve", url.Values{"version": {"1"}})
	return id[1]
}

// fetches asks the source for what waits there and opens it at the desk.
func (c *town) fetches(source string) {
	c.t.Helper()
	c.as("lead.handler").sendsOn(sharePath+"/sources/"+source+"/ask", url.Values{"version": {"1"}})
	c.as("lead.handler").sendsOn(deskPath+"/shares/take-in", url.Values{})
}

// takes does a step with a letter.
func (c *town) takes(who, letter, step string, form url.Values) {
	c.t.Helper()
	p := c.as(who)
	page := p.page(letter).body
	version := regexp.MustCompile(`name="version" value="(\d+)"`).FindStringSubmatch(page)
	if version == nil {
		version = regexp.MustCompile(`name="version" value="(\d+)"`).FindStringSubmatch(p.page(letter + "/" + step).body)
	}
	if version == nil {
		c.t.Fatalf("%s: no step %s: %s", letter, step, page)
	}
	form.Set("version", version[1])
	p.sendsOn(letter+"/"+step, form)
}

// TestTwoCitiesExchangeALetterAndItsAnswer lets two processes exchange a regulatory
// share over the loopback interface: it goes over sealed, is signed for and
// answered there, and the answer is opened at the sender.
func TestTwoCitiesExchangeALetterAndItsAnswer(t *testing.T) {
	slow(t)
	t.Parallel()
	a, b := settle(t, "410700"), settle(t, "410100")
	forA, forB := b.shareKey(), a.shareKey()
	here, there := a.follows(b, "郑州市", "410100", forA), b.follows(a, "新乡市", "410700", forB)

	const request, answer = "请协助核查样例甲乙丙", "经查样例丁戊己，已责令改正"
	year := time.Now().Format("2006")
	made := a.as("lead.handler").sendsOn(deskPath+"/notices", url.Values{
		"kind": {"outbound"}, "template": {"share-filings"}, "region": {"410102"}, "partner": {"样例区市场监督管理局"}, "subject": {"虚构甲科技有限公司"},
		"code": {"91410771MA00AAA104"}, "holder": {"enterprise"}, "matter": {"abnormal-application"}, "applications": {"202510999999.3"},
		"request": {request}, "basis": {"xinxiang-2022-8"},
	})
	out := regexp.MustCompile(deskPath + `/notices/l[0-9a-z]+`).FindString(made)
	if out == "" {
		t.Fatal(made)
	}
	a.takes("lead.handler", out, "submit", url.Values{})
	a.takes("lead.approver", out, "send", url.Values{"docNo": {"新测市监函〔" + year + "〕881号"}})
	if p := a.as("lead.handler").page(out).body; !strings.Contains(p, zh("liaison.carry.waits")) {
		t.Fatalf("it is not said how it travels: %s", p)
	}
	b.fetches(there)
	list := b.as("lead.handler").page(deskPath + "/shares").body
	in := regexp.MustCompile(deskPath + `/notices/l[0-9a-z]+`).FindString(list[max(0, strings.Index(list, "881号")-400):])
	if !strings.Contains(list, "881号") || in == "" {
		t.Fatalf("it did not arrive: %s", list)
	}
	if p := b.as("lead.handler").page(in).body; !strings.Contains(p, request) || !strings.Contains(p, "新乡市市场监督管理局") || !strings.Contains(p, zh("liaison.state.arrived")) {
		t.Errorf("%s", p)
	}
	b.takes("lead.handler", in, "receive", url.Values{})
	a.fetches(here)
	if p := a.as("lead.handler").page(out).body; !strings.Contains(p, zh("liaison.state.received")) || !strings.Contains(p, zh("liaison.event.receive")) {
		t.Errorf("the receipt did not come back: %s", p)
	}
	b.takes("lead.handler", in, "propose", url.Values{"text": {answer}})
	b.takes("lead.approver", in, "send", url.Values{"docNo": {"郑测市监函〔" + year + "〕882号"}})
	a.fetches(here)
	if p := a.as("lead.handler").page(out).body; !strings.Contains(p, zh("liaison.state.answered")) || !strings.Contains(p, answer) || !strings.Contains(p, "882号") {
		t.Errorf("the answer did not come back: %s", p)
	}
	// Again nothing changes, and nobody keeps what was said in the clear.
	a.fetches(here)
	b.fetches(there)
	if p := b.as("lead.handler").page(deskPath + "/shares?show=all").body; strings.Count(p, "881号") != strings.Count(list, "881号") {
		t.Errorf("it came twice: %s", p)
	}
	for _, c := range []*town{a, b} {
		c.program.end(syscall.SIGTERM)
		canary(t, []string{request, answer, forA, forB}, filesUnder(t, c.data))
		c.up()
	}
}
