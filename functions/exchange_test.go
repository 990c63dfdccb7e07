package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
)

// town is one of two cities that share with each other: a process of its own with
// its own data, at one address however often it is started.
type town struct {
	t       *testing.T
	run     run
	data    string
	program *program
	demo    demoFile
	signed  map[string]*program // who is signed in since it was started
	codes   map[string]int      // how often each one has used a code
}

// settle starts a city. Its calls may reach this machine, where the other one is.
func settle(t *testing.T, code string) *town {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data")
	c := &town{t: t, data: data, codes: map[string]int{}, run: run{
		path: nothing(t), env: []string{"city=" + code, "outgoing_allow=127.0.0.0/8"}, args: []string{"-data", data, "-demo"}, addr: freeAddr(t),
	}}
	c.up()
	c.demo = readDemo(t, data)
	return c
}

func (c *town) base() string { return "http://" + c.run.addr }

// up starts the city, which does its scheduled work at once.
func (c *town) up() {
	c.t.Helper()
	c.program, c.signed = c.run.serve(c.t), map[string]*program{}
}

// again ends the city and starts it again: the scheduled work of a minute without
// the minute.
func (c *town) again() {
	c.t.Helper()
	c.program.end(syscall.SIGTERM)
	c.up()
}

// as is somebody who signs in.
func (c *town) as(user string) *program {
	c.t.Helper()
	if p := c.signed[user]; p != nil {
		return p
	}
	for _, s := range c.demo.Staff {
		if s.User == user {
			p := *c.program
			p.http = client(c.t)
			// A code is good once, and the next one a little before its time.
			code, err := totp.GenerateCode(s.TOTPSecret, time.Now().Add(time.Duration(c.codes[user])*30*time.Second))
			if err != nil {
				c.t.Fatal(err)
			}
			p.sendsOn(staffPath+"/sign-in", url.Values{"username": {s.User}, "password": {s.Password}, "code": {code}})
			c.codes[user]++
			c.signed[user] = &p
			return &p
		}
	}
	c.t.Fatalf("nobody is called %s", user)
	return nil
}

// sendsOn posts a form and expects to be sent on.
func (p *program) sendsOn(path string, form url.Values) string {
	p.t.Helper()
	a := p.post(path, form)
	if a.status != http.StatusSeeOther {
		p.t.Fatalf("%s: %d %s", path, a.status, a.body)
	}
	return a.header.Get("Location")
}

const (
	sharePath = "/function/credit-share"
	mendPath  = "/function/credit-repair"
)

// shows tells whether the city shows the instrument of the subject, and by whom.
func (c *town) shows(code, instrument string) (shown bool, authority string) {
	c.t.Helper()
	a := c.program.get("/function/credit-lookup/subjects/" + code)
	if a.status == http.StatusNotFound {
		return false, ""
	}
	for _, r := range decode[subjectAnswer](c.t, a).Records {
		if r.InstrumentNo == instrument {
			return true, r.Authority
		}
	}
	return false, ""
}

// TestTwoCitiesExchangeRecordsAndRevocations lets two processes share with each
// other over the loopback interface: one publishes, the other hears of it by
// webhook, fetches it by cursor and shows it as the first one's; the first repairs
// it, the other stops showing it and says so, and the first one's repair is closed
// by that.
func TestTwoCitiesExchangeRecordsAndRevocations(t *testing.T) {
	slow(t)
	t.Parallel()
	a, b := settle(t, "410700"), settle(t, "410100")

	// The province's key here is what the other city asks with.
	a.program.end(syscall.SIGTERM)
	var key struct{ Key string }
	issue := run{path: a.run.path, env: a.run.env, args: []string{"key", "--json", "-data", a.data, "-org", "province", "-scope", "share", "-name", "跨区域共享"}}
	if x := issue.must(t); json.Unmarshal([]byte(x.out), &key) != nil || key.Key == "" {
		t.Fatalf("%q", x.out)
	}
	a.up()
	public := decode[struct{ PublicKey string }](t, a.program.get(sharePath+"/key")).PublicKey

	// The other city believes this one and asks it, once two people said so.
	handler, publisher := b.as("lead.handler"), b.as("lead.publisher")
	handler.sendsOn(sharePath+"/sources", url.Values{"name": {"新乡市"}, "region": {"410700"}, "key": {public}, "url": {a.base() + sharePath}, "token": {key.Key}})
	page := publisher.page(sharePath + "/sources").body
	source := regexp.MustCompile(`/sources/(c[0-9a-z]+)/deliveries`).FindStringSubmatch(page)
	if source == nil || strings.Contains(page, key.Key) {
		t.Fatalf("no address to deliver to, or the key is shown: %s", page)
	}
	publisher.sendsOn(sharePath+"/sources/"+source[1]+"/approve", url.Values{"version": {"1"}})

	// This one tells the other.
	handler, publisher = a.as("lead.handler"), a.as("lead.publisher")
	made := handler.sendsOn(sharePath+"/subscriptions", url.Values{
		"org": {"province"}, "purpose": {"cross-region"}, "acts": {"penalty"}, "areas": {"410700"}, "basis": {"《河南省社会信用条例》第三十条"},
		"url": {b.base() + sharePath + "/sources/" + source[1] + "/deliveries"},
	})
	subscription := regexp.MustCompile(`/subscriptions/(s[0-9a-z]+)`).FindStringSubmatch(made)
	publisher.sendsOn(sharePath+"/subscriptions/"+subscription[1]+"/approve", url.Values{"version": {"1"}})

	// Published here, and shown there as this city's.
	code := "91410771MA00AAA104"
	name := a.program.subject(code).Name
	row := penaltyOf(code, name, 880001)
	on := time.Now().AddDate(0, 0, -150).Format("2006/01/02")
	row[3], row[10], row[11], row[12] = "新虚市监处罚〔"+on[:4]+"〕880001号", on, "新乡市市场监督管理局", "11410700000000019U"
	row[8], row[9] = "罚款人民币12万元", "12" // above a lower fine, which would have ended by now
	instrument := row[3]
	if sent := a.program.handIn("penalty", a.demo.APIKeys["material"], penaltyTable([][]string{row})); sent.Accepted != 1 {
		t.Fatalf("%+v", sent)
	}
	if shown, _ := b.shows(code, instrument); shown {
		t.Fatal("shown before it was told")
	}
	a.again() // tells
	eventually(t, "the webhook arrives", func() bool {
		return strings.Contains(b.as("lead.publisher").page(sharePath+"/sources").body, zh("credit-share.sources.changed", 0))
	})
	b.again() // fetches
	eventually(t, "the other city shows it", func() bool { shown, _ := b.shows(code, instrument); return shown })
	if _, authority := b.shows(code, instrument); authority != "新乡市市场监督管理局" {
		t.Errorf("shown as %q's", authority)
	}

	// Repaired here, by the pages.
	id := ""
	for _, r := range a.program.subject(code).Records {
		if r.InstrumentNo == instrument {
			id = r.ID
		}
	}
	subject := a.as("jia.agent")
	filed := subject.post(mendPath+"/applications", url.Values{"records": {id}, "corrected": {"yes"}, "performed": {"yes"}, "removed": {"yes"}})
	// The demonstration files one for the first record that can be repaired, so it
	// may be this one, under way.
	no := regexp.MustCompile(`XF\d{10}`).FindString(filed.header.Get("Location") + filed.body)
	if no == "" {
		t.Fatalf("%d %s", filed.status, filed.body)
	}
	a.as("jia.legal").sendsOn(mendPath+"/applications/"+no+"/sign", url.Values{"agree": {"yes"}})
	desk := a.as("lead.handler")
	for _, step := range [][2]string{{"counter", "paper=performance"}, {"hand-over", "number=信用中国2026-1号"}, {"accept", ""}} {
		form, err := url.ParseQuery(step[1])
		if err != nil {
			t.Fatal(err)
		}
		desk.sendsOn(mendPath+"/desk/"+no+"/"+step[0], form)
	}
	if shown, _ := b.shows(code, instrument); !shown {
		t.Fatal("it ended there before the decision")
	}
	a.as("lead.approver").sendsOn(mendPath+"/desk/"+no+"/decide", url.Values{"outcome": {"approved"}, "decision": {"新虚市监信修〔2026〕1号"}})
	if shown, _ := a.shows(code, instrument); shown {
		t.Fatal("shown here after the decision")
	}
	if p := a.as("jia.agent").page(mendPath + "/received").body; !strings.Contains(p, instrument) || !strings.Contains(p, zh("credit-repair.received.not_told")) {
		t.Errorf("the subject does not read who was told: %s", p)
	}
	a.again() // revokes
	eventually(t, "the other city stops showing it", func() bool { shown, _ := b.shows(code, instrument); return !shown })
	eventually(t, "the repair is closed by the other city's answer", func() bool {
		return strings.Contains(a.as("jia.agent").page(mendPath+"/applications/"+no).body, zh("repair.state.PROPAGATED"))
	})
	if p := a.as("jia.agent").page(mendPath + "/received").body; !strings.Contains(p, zh("share.action.removed")) {
		t.Errorf("the subject does not read that it was taken off: %s", p)
	}
	if p := a.as("lead.publisher").page(sharePath + "/subscriptions/" + subscription[1]).body; !strings.Contains(p, zh("share.action.removed")) {
		t.Errorf("the acknowledgement is not there: %s", p)
	}
	canary(t, []string{key.Key}, filesUnder(t, b.data))
}
