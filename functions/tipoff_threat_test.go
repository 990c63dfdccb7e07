package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"filippo.io/age"

	"ipcredit/shared/open"
	"ipcredit/shared/redistest"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
	"ipcredit/shared/workday"
)

// What only a reporter, and the officer who opens his tip-off, may read. Nobody is
// called so, and the number is nobody's.
const (
	canaryPerson  = "欧阳样例金丝雀"
	canaryPhone   = "19900004711"
	canaryStory   = "地下室里有三百箱贴牌金丝雀商品"
	canaryParty   = "金丝雀商店（虚构）"
	canaryPlace   = "示例路4711号后门"
	canaryFile    = "金丝雀照片-样例.txt"
	canaryContent = "金丝雀文件里写着的内容，演示用"
	canaryAnswer  = "关于金丝雀的答复，演示用"
	canaryMessage = "金丝雀又补充了一句，演示用"
	canaryReason  = "要当面问金丝雀一个问题，演示用"
)

// whistle is a named tip-off with everything that may be known of it.
type whistle struct {
	sent
	key string // of its request
}

// blow lodges it, with evidence, and lets everybody do what they do with a tip-off;
// meanwhile it goes wrong as often as it can.
func blow(t *testing.T, r *resident) whistle {
	t.Helper()
	w := whistle{key: "d41d8cd9-8f00-4204-a980-0998ecf8427e7f3k9q"}
	p := r.visitor()
	tip := tipAbout(reportedName, reportedCode, "division", "410702", "narrative", canaryStory, "place", canaryPlace,
		"parties", []map[string]string{{"name": reportedName, "code": reportedCode}, {"name": canaryParty}},
		"anonymous", false, "reporter", map[string]string{"name": canaryPerson, "contact": canaryPhone}, "reward", true, "insider", true)
	a := p.lodges(w.key, tip)
	if a.status != http.StatusCreated {
		t.Fatalf("%d %s", a.status, a.body)
	}
	w.sent = decode[sent](t, a)
	p.hands(w.EvidenceEndpoint, canaryFile, []byte(strings.Repeat(canaryContent, 500)))
	r.visitor().fillsIn(canaryStory + canaryPerson) // a draft that is not sent

	for _, bad := range []map[string]any{
		tipAbout(canaryParty, canaryPhone), tipAbout(canaryParty, "", "kind", canaryStory), tipAbout(canaryParty, "", "numbers", []string{canaryPhone}),
		tipAbout(canaryParty, "", canaryPerson, true), tipAbout(canaryParty, "", "occurredOn", canaryPerson),
	} {
		if a := p.lodges("", bad); a.status != http.StatusBadRequest {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	p.lodges(w.key, tipAbout(canaryParty, ""))
	p.track(w.ReportNo, r.demo().Reports[0].Receipt)
	p.track(canaryPhone, canaryPerson)
	p.page(intakePath + "/track?reportNo=" + w.ReportNo + "&receipt=" + w.Receipt)
	p.page(lookupPath + "/search?q=" + url.QueryEscape(canaryParty))
	p.page("/function/" + url.PathEscape(canaryPerson) + "/" + w.Receipt)

	officer, custodian := r.visitor(), r.visitor()
	officer.enters(r.login("hongqi.handler"))
	custodian.enters(r.login("hongqi.custodian"))
	page := officer.opens(w.ReportNo)
	if !strings.Contains(page.body, canaryStory) || !strings.Contains(page.body, canaryFile) || strings.Contains(page.body, canaryPerson) || strings.Contains(page.body, canaryPhone) {
		t.Errorf("the officer opens %s", textOf(page.body))
	}
	officer.originals(page)
	officer.does(w.ReportNo, "state", "to", "assigned")
	officer.does(w.ReportNo, "note", "text", canaryReason)
	officer.does(w.ReportNo, "answer", "answer", canaryAnswer)
	asked := officer.does(w.ReportNo, "identity", "reason", canaryReason)
	ask := regexp.MustCompile(`"(/function/case-handling/tip-offs/\d+/identity/[A-Za-z0-9-]+)"`).FindStringSubmatch(asked.body)
	if ask == nil {
		t.Fatalf("nothing was asked: %s", textOf(asked.body))
	}
	custodian.follows(ask[1], url.Values{"do": {"grant"}})
	if a := officer.post(ask[1], url.Values{"do": {"show"}}); !strings.Contains(a.body, canaryPerson) || !strings.Contains(a.body, canaryPhone) {
		t.Errorf("the identity is not shown to who may see it: %d %s", a.status, textOf(a.body))
	}
	body, err := json.Marshal(map[string]string{"reportNo": w.ReportNo, "receipt": w.Receipt, "text": canaryMessage})
	if err != nil {
		t.Fatal(err)
	}
	if a := p.ask(http.MethodPost, intakePath+"/track/messages", map[string]string{"Content-Type": "application/json", "Accept": "application/json"}, bytes.NewReader(body)); a.status != http.StatusOK {
		t.Errorf("a message: %d %s", a.status, a.body)
	}
	return w
}

// hands sends a file by the tus protocol.
func (p *program) hands(endpoint, name string, data []byte) {
	p.t.Helper()
	meta := "filename " + base64.StdEncoding.EncodeToString([]byte(name)) + ",filetype " + base64.StdEncoding.EncodeToString([]byte("text/plain"))
	a := p.ask(http.MethodPost, mustURL(p.t, endpoint).Path, map[string]string{
		"Tus-Resumable": "1.0.0", "Upload-Length": strconv.Itoa(len(data)), "Upload-Metadata": meta,
	}, nil)
	if a.status != http.StatusCreated {
		p.t.Fatalf("%d %s", a.status, a.body)
	}
	a = p.ask(http.MethodPatch, mustURL(p.t, a.header.Get("Location")).Path, map[string]string{
		"Tus-Resumable": "1.0.0", "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream",
	}, bytes.NewReader(data))
	if a.status != http.StatusNoContent {
		p.t.Fatalf("%d %s", a.status, a.body)
	}
}

// TestThreat_DumpsOfTheWholeCityTellNothingOfATipOff reads all that Redis, the
// object store, their files on the disk, the logs and the exported journal hold,
// and what everybody else's pages say.
func TestThreat_DumpsOfTheWholeCityTellNothingOfATipOff(t *testing.T) {
	lasting(t)
	r := reside(t)
	w := blow(t, r)
	words := []string{
		canaryPerson, canaryPhone, canaryStory, canaryParty, canaryPlace, canaryFile, canaryContent, canaryAnswer, canaryMessage, canaryReason,
		w.Receipt, strings.ReplaceAll(w.Receipt, "-", ""), w.key, w.EvidenceEndpoint[strings.LastIndexByte(w.EvidenceEndpoint, '/')+1:],
		shaOf([]byte(strings.Repeat(canaryContent, 500))),
	}
	var forms []string
	for _, word := range words {
		forms = append(forms, in(word)...)
	}

	pages := map[string]string{}
	for _, user := range []string{"", "muye.handler", "lead.supervisor", "lead.auditor", "province.supervisor", "jia.legal", "discipline.handler"} {
		k := r.visitor()
		if user != "" {
			k.enters(r.login(user))
		}
		for _, path := range []string{
			casePath + "/", casePath + "/?show=closed", casePath + "/identities", casePath + "/tip-offs/" + w.ReportNo, casePath + "/tip-offs/" + w.ReportNo + "/export",
			staffPath + "/", staffPath + "/inbox", lookupPath + "/subjects/" + reportedCode, lookupPath + "/search?q=" + url.QueryEscape(reportedName),
			lookupPath + "/badge/" + reportedCode + ".svg", "/function/disclosure-publish/", "/function/disclosure-publish/checkpoint", "/function/portal/",
			intakePath + "/", evidencePath + "/", intakePath + "/receipt",
		} {
			pages[user+" "+path] = k.page(path).body + k.get(path).body
		}
	}
	canary(t, forms, pages)

	// The next start's first tick publishes what waits.
	r.end(syscall.SIGTERM)
	exported := run{args: []string{"export", "-data", r.data}}.must(t)
	r.start()
	env := r.inside()
	inRedis, inObjects := dump(t, env)
	canary(t, forms, inRedis)
	canary(t, forms, inObjects)
	onDisk := filesUnder(t, r.data, "demo.json", "secrets")
	canary(t, forms, onDisk)
	canary(t, forms, map[string]string{"export": exported.out, "terminal": exported.err + r.program.out.String()})
	if log := logOf(t, r.data); !strings.Contains(log, "POST /reports") || !strings.Contains(log, "PATCH /files/{token}/{n}") || strings.Contains(log, "127.0.0.1:") {
		t.Error("the log does not tell of the calls, or tells an address")
	}
	if !strings.Contains(exported.out, w.ReportNo) || !strings.Contains(fmt.Sprint(inRedis), w.ReportNo) {
		t.Error("the tip-off is nowhere: nothing was looked into")
	}
}

// TestThreat_SecretsOfIntakeAndUploadOpenNothing has a dump and every secret that
// the two functions mount, and opens nothing with them: no wrap of a key, no
// content, no evidence, no receipt.
func TestThreat_SecretsOfIntakeAndUploadOpenNothing(t *testing.T) {
	lasting(t)
	r := reside(t)
	env := r.inside()
	redisBefore, objectsBefore := dump(t, env)
	w := blow(t, r)
	inRedis, inObjects := dump(t, env)
	var all strings.Builder // what the tip-off has added or changed
	for name, text := range inRedis {
		if redisBefore[name] != text {
			all.WriteString(text + "\n")
		}
	}
	for name, text := range inObjects {
		if objectsBefore[name] != text {
			all.WriteString(text + "\n")
		}
	}
	blobs := ageFiles(all.String())
	if len(blobs) < 10 {
		t.Fatalf("only %d sealed texts were added", len(blobs))
	}
	secrets := map[string]string{}
	for _, name := range []string{"report-intake", "evidence-upload"} {
		for _, secret := range functions[name].needs.AllSecrets() {
			text, err := os.ReadFile(filepath.Join(r.data, "secrets", secret))
			if err != nil {
				t.Fatal(err)
			}
			secrets[secret] = strings.TrimSpace(string(text))
			if strings.Contains(secrets[secret], "AGE-SECRET-KEY") {
				t.Errorf("%s mounts %s, which holds an opening key", name, secret)
			}
		}
	}
	opens := func(ids []age.Identity) (n int) {
		for _, blob := range blobs {
			plain, err := age.Decrypt(bytes.NewReader(blob), ids...)
			if err != nil {
				continue
			}
			if _, err := io.ReadAll(plain); err == nil {
				n++
			}
		}
		return n
	}
	if n := opens(identitiesOf(t, slices.Sorted(maps.Values(secrets)))); n > 0 {
		t.Errorf("the secrets open %d of %d sealed texts", n, len(blobs))
	}
	// The test would notice: the unit's identity, the custodian's and the one that is
	// kept offline do open some.
	for _, path := range []string{"secrets/unit-identities", "secrets/custodian-identity", escrowFile} {
		text, err := os.ReadFile(filepath.Join(r.data, path))
		if err != nil {
			t.Fatal(err)
		}
		if n := opens(identitiesOf(t, []string{string(text)})); n == 0 && path != "secrets/custodian-identity" { // the custodian's lies within what the report's key opens
			t.Errorf("%s opens nothing either: the test proves nothing", path)
		}
	}

	// Whoever makes receipts with the stolen secret needs the key of the request, and
	// that stands nowhere.
	stolen := t.TempDir()
	for _, name := range functions["report-intake"].needs.Secrets {
		if err := os.WriteFile(filepath.Join(stolen, name), []byte(secrets[name]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	open.Use(map[string]string{
		"redis_url": "redis://" + redistest.Embedded(t).Options().Addr, "s3_url": "file://" + filepath.Join(stolen, "objects"), "secret_mount_path": stolen,
	})
	thief := &tipoffDesk{}
	if err := thief.openIntake(); err != nil {
		t.Fatal(err)
	}
	number := func(key string) string {
		l, err := thief.intake.Lodge(t.Context(), tipoff.Submission{Key: key, Lodged: tipoff.Lodged{Kind: tipoff.Unclear, Narrative: "试", Anonymous: true}}, time.Now())
		if err != nil {
			return "" // it can be no key
		}
		return l.Number
	}
	if number(w.key) != w.ReportNo {
		t.Error("not even the key of the request gives the number: the test proves nothing")
	}
	words := regexp.MustCompile(`[A-Za-z0-9._~+/=-]{22,200}`).FindAllString(all.String(), -1)
	slices.Sort(words)
	words = slices.Compact(words)
	each(len(words), 32, func(i int) {
		if number(words[i]) == w.ReportNo {
			t.Errorf("%q stands in the dump and leads to the receipt", words[i])
		}
	})
	t.Logf("%d sealed texts, %d secrets, %d words tried", len(blobs), len(secrets), len(words))
}

// TestThreat_SubjectSeesTheSameBytesWithATipOffAboutIt compares, byte for byte, all
// that the public and the reported subject itself can see before a tip-off, while
// it is handled, and when a case was opened: nothing changes until the subject is
// notified.
func TestThreat_SubjectSeesTheSameBytesWithATipOffAboutIt(t *testing.T) {
	r := reside(t)
	const code, name = "91410771MA00AAA104", "新乡市虚构甲科技有限公司"
	public, own := r.visitor(), r.visitor()
	own.enters(r.login("jia.legal"))
	var paths []string
	for _, path := range []string{
		"subjects/" + code, "subjects/" + code + "?lang=en", "search?q=" + url.QueryEscape("虚构甲"), "search?q=" + code, "badge/" + code + ".svg", "badge/" + code + ".json",
		"embed/" + code, "widget.js", "jwks.json",
	} {
		paths = append(paths, lookupPath+"/"+path)
	}
	paths = append(paths, "/function/portal/", "/function/portal/embed?code="+code, "/function/disclosure-publish/", "/function/disclosure-publish/checkpoint",
		"/function/disclosure-publish/log/1/proof", intakePath+"/", intakePath+"/privacy", casePath+"/", evidencePath+"/", evidencePath+"/boxes?for=record:"+code)
	signed := []string{staffPath + "/", staffPath + "/account", staffPath + "/inbox", staffPath + "/organization", staffPath + "/keys", staffPath + "/proposals", staffPath + "/session", "/function/material-intake/"}
	look := func() map[string]string {
		seen := map[string]string{}
		for who, k := range map[string]*program{"public": public, "subject": own} {
			for _, path := range slices.Concat(paths, signed) {
				for kind, ask := range map[string]func(string) answer{"page": k.page, "document": k.get} {
					a := ask(path)
					head := http.Header{}
					for h, v := range a.header {
						// A page's ETag is over the second in which it was asked too; a
						// document's is compared.
						if h != "Date" && h != "X-Request-Id" && (h != "Etag" || kind == "document") {
							head[h] = v
						}
					}
					body := changing.ReplaceAllString(a.body, "…")
					seen[who+" "+path+" as a "+kind] = fmt.Sprintf("%d %v %s", a.status, head, body)
				}
			}
			body := strings.NewReader(`{"queries":[{"name":"` + name + `"},{"code":"` + code + `"}]}`)
			a := k.ask(http.MethodPost, lookupPath+"/match", map[string]string{"Content-Type": "application/json"}, body)
			seen[who+" match"] = fmt.Sprintf("%d %s", a.status, a.body)
		}
		return seen
	}
	// The first tick publishes what the demonstration has logged.
	said := ""
	eventuallyEach(t, time.Second, "the log is at rest", func() bool {
		a := public.get("/function/disclosure-publish/checkpoint")
		rests := a.status == http.StatusOK && a.body == said
		said = a.body
		return rests
	})
	first := look()
	compare := func(when string) {
		t.Helper()
		again := look()
		for where, text := range first {
			if again[where] != text {
				t.Errorf("%s: %s\n%s\nwas\n%s", when, where, again[where], text)
			}
		}
		if len(again) != len(first) {
			t.Errorf("%s: %d answers, were %d", when, len(again), len(first))
		}
	}
	compare("before anything")
	var numbers []string
	for n := range 3 {
		a := r.visitor().lodges("", tipAbout(name, code, "division", "410771", "anonymous", false, "insider", n == 1,
			"place", fmt.Sprintf("示例路%d号", n), "reporter", map[string]string{"name": canaryPerson, "contact": canaryPhone}))
		if a.status != http.StatusCreated {
			t.Fatalf("%d %s", a.status, a.body)
		}
		s := decode[sent](t, a)
		r.visitor().hands(s.EvidenceEndpoint, canaryFile, []byte(canaryContent))
		numbers = append(numbers, s.ReportNo)
	}
	compare("after tip-offs about it")
	officer := r.visitor()
	officer.enters(r.login("gaoxin.handler"))
	for _, number := range numbers {
		officer.opens(number)
		officer.does(number, "state", "to", "assigned")
		officer.does(number, "answer", "answer", canaryAnswer)
		officer.does(number, "state", "to", "verifying")
	}
	officer.page(lookupPath + "/subjects/" + code)
	compare("while they are handled")
	if !installed(t, "redis-server") {
		return // an embedded city forgets who is signed in
	}
	r.end(syscall.SIGTERM) // the next start ticks
	r.start()
	compare("after the ticks")
}

// changing is what differs between two answers to the same question: the number of
// the request, the form's ticket, and the second in which it was asked.
var changing = regexp.MustCompile(`\b[0-9A-HJKMNP-TV-Z]{26}\b|name="ticket" value="[^"]*"|<time datetime="[^"]*T[^"]*">[^<]*</time>`)

// TestThreat_ErasedTipOffStaysUnreadableAfterARestore erases a tip-off when its
// time has come, loses Redis, and restores it from the archive, which still holds
// the ciphertext.
func TestThreat_ErasedTipOffStaysUnreadableAfterARestore(t *testing.T) {
	lasting(t)
	r := reside(t)
	env := r.inside()
	ctx := t.Context()
	sessions, err := staffDesk(env)
	if err != nil {
		t.Fatal(err)
	}
	people, err := sessions.Demo(ctx, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	desk, err := openTipoffDesk(ctx, staff.New(env.Journal), people)
	if err != nil {
		t.Fatal(err)
	}
	// Two of the same day three years ago, found to be nothing and closed.
	day := workday.DateOf(time.Now()).AddYears(-3)
	var lodged [2]tipoff.Lodging
	each(2, 2, func(i int) {
		f := fictionTipoff{
			Lodged: tipoff.Lodged{
				Kind: tipoff.Counterfeit, Parties: []tipoff.Party{{Name: reportedName, Code: reportedCode}}, Division: "410702",
				Narrative: fmt.Sprintf("%s，第%d件", canaryStory, i), Reporter: &tipoff.Reporter{Name: canaryPerson, Contact: canaryPhone},
			},
			Day: day, Hour: 9, File: canaryFile, Talked: true,
			Path: []tipoff.State{tipoff.Assigned, tipoff.Verifying, tipoff.NotFiled, tipoff.Notified, tipoff.Closed}, Days: []int{1, 3, 12, 14, 17},
		}
		key, err := desk.key("threat", f)
		if err == nil {
			lodged[i], err = desk.intake.Lodge(ctx, tipoff.Submission{Key: key, Lodged: f.Lodged}, f.at(0))
		}
		if err == nil {
			err = desk.handle(ctx, f, lodged[i])
		}
		if err != nil {
			t.Error(err)
		}
	})
	if t.Failed() {
		t.FailNow()
	}
	gone, stays := lodged[0], lodged[1]
	units, err := os.ReadFile(filepath.Join(r.data, "secrets", "unit-identities"))
	if err != nil {
		t.Fatal(err)
	}
	identities, err := tipoff.ParseIdentities(string(units))
	if err != nil {
		t.Fatal(err)
	}
	offline, err := os.ReadFile(filepath.Join(r.data, escrowFile))
	if err != nil {
		t.Fatal(err)
	}
	escrow, err := seal.ParseIdentity(strings.TrimSpace(string(offline)))
	if err != nil {
		t.Fatal(err)
	}
	keys := seal.NewKeys(env.Objects.Keys)
	own, err := keys.Open(ctx, gone.Report.Key, tipoff.UnitLabel("410702"), identities["410702"])
	if err != nil {
		t.Fatal(err)
	}
	wraps := func() map[string]bool {
		_, inObjects := dump(t, env)
		out := map[string]bool{}
		for name, text := range inObjects {
			if strings.HasPrefix(name, "keys/") {
				for _, blob := range ageFiles(text) {
					out[base64.RawStdEncoding.EncodeToString(blob)] = true
				}
			}
		}
		return out
	}
	before := wraps()

	approver := r.visitor()
	approver.enters(r.login("hongqi.approver"))
	if a := approver.page(casePath + "/retention"); !strings.Contains(a.body, tipoff.FormatNumber(gone.Number)) {
		t.Errorf("the list of what is to be erased: %s", textOf(a.body))
	}
	approver.follows(casePath+"/tip-offs/"+gone.Number+"/open", nil)
	approver.does(gone.Number, "erase", "again", gone.Number)

	officer := approver
	unreadable := func(when string) {
		t.Helper()
		p := r.visitor()
		a := p.track(gone.Number, gone.Receipt)
		if told := decode[tracked](t, a); a.status != http.StatusOK || told.ErasedOn == "" || told.Lodged.Narrative != "" || len(told.Thread) != 0 || strings.Contains(a.body, "金丝雀") {
			t.Errorf("%s: the reporter reads %d %s", when, a.status, a.body)
		}
		if a := officer.post(casePath+"/tip-offs/"+gone.Number+"/open", nil); a.status < 400 && a.status != http.StatusSeeOther || strings.Contains(a.body, "金丝雀") {
			t.Errorf("%s: an officer opens it: %d %s", when, a.status, textOf(a.body))
		}
		if a := officer.page(casePath + "/tip-offs/" + gone.Number); strings.Contains(a.body, "金丝雀") || strings.Contains(a.body, "/evidence/") {
			t.Errorf("%s: an officer sees %s", when, textOf(a.body))
		}
		a = p.track(stays.Number, stays.Receipt)
		if told := decode[tracked](t, a); a.status != http.StatusOK || !strings.Contains(told.Lodged.Narrative, canaryStory) || len(told.Thread) < 3 {
			t.Errorf("%s: the other one reads %d %s", when, a.status, a.body)
		}
		for _, d := range r.demo().Reports[:3] {
			if a := p.track(d.ReportNo, d.Receipt); a.status != http.StatusOK || decode[tracked](t, a).Lodged.Narrative == "" {
				t.Errorf("%s: another one reads %d %s", when, a.status, a.body)
			}
		}
		if got := officer.originals(officer.opens(stays.Number)); len(got) != 1 || !strings.Contains(string(got[canaryFile]), strings.TrimSpace(fictions.Evidence)) {
			t.Errorf("%s: evidence of the other one: %q", when, slices.Sorted(maps.Keys(got)))
		}
		for label, id := range map[string]seal.Identity{tipoff.UnitLabel("410702"): identities["410702"], tipoff.EscrowLabel: escrow} {
			var erased *seal.Erased
			if _, err := seal.NewKeys(env.Objects.Keys).Open(ctx, gone.Report.Key, label, id); !errors.As(err, &erased) {
				t.Errorf("%s: %s: %v", when, label, err)
			}
			if _, err := seal.NewKeys(env.Objects.Keys).Open(ctx, stays.Report.Key, label, id); err != nil {
				t.Errorf("%s: %s of the other one: %v", when, label, err)
			}
		}
	}
	unreadable("after erasing")
	after := wraps()
	var lost []string
	for wrap := range before {
		if !after[wrap] {
			lost = append(lost, wrap)
		}
	}
	if len(lost) < 3 {
		t.Errorf("%d wraps are gone", len(lost))
	}
	r.end(syscall.SIGTERM)
	command := run{args: []string{"export", "-data", r.data}}
	command.must(t)
	digest := command.digest(t, "digest", r.data)
	if err := os.RemoveAll(filepath.Join(r.data, "redis")); err != nil {
		t.Fatal(err)
	}
	if again := command.digest(t, "restore", r.data); again != digest {
		t.Errorf("restored to %s, was %s", again, digest)
	}
	r.start()
	env = r.inside()
	officer = r.visitor() // sessions are not restored; this one handled both
	officer.enters(r.login("hongqi.handler"))
	unreadable("after the restore")
	// Nobody erases what he has handled, or what is not over.
	for number, user := range map[string]*program{stays.Number: officer, r.demo().Reports[5].ReportNo: officer} {
		if a := user.post(casePath+"/tip-offs/"+number+"/erase", url.Values{"again": {number}}); a.status < 400 {
			t.Errorf("%s: %d %s", number, a.status, textOf(a.body))
		}
	}
	if a := r.visitor().track(stays.Number, stays.Receipt); decode[tracked](t, a).ErasedOn != "" {
		t.Errorf("it is erased: %s", a.body)
	}

	// The wraps are nowhere on the disk any more. MinIO keeps what was replaced in a
	// wastebasket that no client reaches; it empties it now and then, and at a start.
	eventuallyEach(t, time.Second, "the store has forgotten the wraps", func() bool {
		for _, text := range filesUnder(t, r.data, "demo.json", "secrets") {
			for _, wrap := range lost {
				if strings.Contains(text, wrap) {
					return false
				}
			}
		}
		return true
	})

	// The archive still holds what was sealed; only the key would open it.
	_, inObjects := dump(t, env)
	sealed := 0
	for name, text := range inObjects {
		for _, blob := range ageFiles(text) {
			if _, err := own.Unseal(blob); err == nil && strings.HasPrefix(name, "main/") {
				sealed++
			}
		}
	}
	if sealed == 0 {
		t.Error("the archive does not hold the ciphertext: the test proves nothing")
	}
}
