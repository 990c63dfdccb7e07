package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ipcredit/shared/credit"
	"ipcredit/shared/notary"
)

// disclosed is a disclosure in the log of an office, with its proof as JSON.
func disclosed(t testing.TB, o *notaryOffice) map[string]any {
	t.Helper()
	const record = `{"id":"r1","code":"91410771MA00AAA104","act":"DA2","tier":"general","instrumentNo":"国知信认〔2026〕1号",` +
		`"authority":"国家知识产权局","source":"ADMIN","determinedOn":"2026-04-29","disputed":true,` +
		`"events":[{"action":"published","on":"2026-05-06"},{"action":"disputed","on":"2026-05-08"},{"action":"yodelled","on":"2026-05-09"}]}`
	recordSalt, salt := notary.NewSalt(), notary.NewSalt()
	document, err := json.Marshal(map[string]any{
		"v": 2, "code": "91410771MA00AAA104", "name": "新乡市虚构甲科技有限公司", "records": []string{notary.Commit(recordSalt, []byte(record))},
	})
	if err != nil {
		t.Fatal(err)
	}
	leaf := notary.Leaf{V: 1, Event: "profile", At: "2026-11-24T01:00:00Z", Commitment: notary.Commit(salt, document)}
	o.add(leaf)
	data := o.proof(leaf)
	proof, err := notary.ParseProof(data)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{
		"index": proof.Index, "url": "https://credit.example.cn/proof", "leaf": leaf, "salt": salt, "document": string(document),
		"record": credit.Opening{ID: "r1", Salt: recordSalt, Document: record}, "proof": string(data),
	}
}

func TestVerifyChecksADisclosureInOneFile(t *testing.T) {
	t.Parallel()
	o := newNotaryOffice(t, notary.Disclosure)
	o.fill(0, 5)
	good := disclosed(t, o)
	o.fill(5, 9)
	key := o.keys("key", o.key)
	type m = map[string]any
	bent := func(do func(m)) m {
		text, err := json.Marshal(good)
		if err != nil {
			t.Fatal(err)
		}
		var c m
		if err := json.Unmarshal(text, &c); err != nil {
			t.Fatal(err)
		}
		if do != nil {
			do(c)
		}
		return c
	}
	other := disclosed(t, o)
	for _, tt := range []struct {
		name string
		file m
		keys []string
		code int
	}{
		{"as it is", good, []string{key}, 0},
		{"no key", good, nil, exitUsage},
		{"a key of another log", good, []string{o.keys("k2", newNotaryOffice(t, notary.Intake).key)}, exitFailed},
		{"another key of this log", good, []string{o.keys("k3", newNotaryOffice(t, notary.Disclosure).key)}, exitFailed},
		{"another subject", bent(func(c m) { c["document"] = strings.Replace(c["document"].(string), "甲", "乙", 1) }), []string{key}, exitFailed},
		{"an altered record", bent(func(c m) {
			r := c["record"].(m)
			r["document"] = strings.Replace(r["document"].(string), "1号", "2号", 1)
		}), []string{key}, exitFailed},
		{"an event left out", bent(func(c m) {
			r := c["record"].(m)
			r["document"] = strings.Replace(r["document"].(string), `{"action":"disputed","on":"2026-05-08"},`, "", 1)
		}), []string{key}, exitFailed},
		{"another record's id", bent(func(c m) { c["record"].(m)["id"] = "r2" }), []string{key}, exitFailed},
		{"another salt", bent(func(c m) { c["salt"] = notary.NewSalt() }), []string{key}, exitFailed},
		{"a short salt", bent(func(c m) { c["record"].(m)["salt"] = []byte("salt") }), []string{key}, exitFailed},
		{"another index", bent(func(c m) { c["index"] = 0 }), []string{key}, exitFailed},
		{"another time", bent(func(c m) { c["leaf"].(m)["at"] = "2026-11-24T01:00:01Z" }), []string{key}, exitFailed},
		{"the proof of another", bent(func(c m) { c["proof"] = other["proof"] }), []string{key}, exitFailed},
		{"a proof that is none", bent(func(c m) { c["proof"] = "x" }), []string{key}, exitFailed},
		{"a record that is none", bent(func(c m) { c["record"].(m)["document"] = "x" }), []string{key}, exitFailed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text, err := json.MarshalIndent(tt.file, "", " ")
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range [][]byte{text, append([]byte("\ufeff"), text...)} {
				got, err := o.verifying(verification{keys: tt.keys}).check(o.file("proof.json", text))
				if c := code(t, err); c != tt.code {
					t.Errorf("exit %d (%v), want %d", c, err, tt.code)
				}
				if err != nil {
					continue
				}
				if got.Kind != "disclosure" || !got.OK || !got.Content || len(got.Not) != 0 || got.Log != o.key.Origin() || *got.Index != 5 || got.Size != 6 {
					t.Errorf("%+v", got)
				}
				said := got.sentence()
				for _, want := range []string{"新乡市虚构甲科技有限公司", "91410771MA00AAA104", "国知信认〔2026〕1号", "2026-05-06", "2026-05-08", "2026-05-09 yodelled"} {
					if !strings.Contains(said, want) {
						t.Errorf("%q is not said: %s", want, said)
					}
				}
				if strings.Count(said, "\n") != 8 {
					t.Errorf("%s", said)
				}
			}
		})
	}
}

// TestDisclosuresOfTheCityHold: the proof that a running city gives for a
// disclosure is one file, checked when the city is gone.
func TestDisclosuresOfTheCityHold(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	city := run{path: nothing(t), args: []string{"-data", data, "-demo"}}.serve(t)
	var body string
	eventually(t, "a disclosure is in the log", func() bool {
		list := decode[struct{ Results []struct{ ID, Code string } }](t, city.get("/function/disclosure-publish/disclosures"))
		for _, x := range list.Results {
			if a := city.get("/function/disclosure-publish/disclosures/" + x.ID + "/proof"); a.status == 200 {
				body = a.body
				return true
			}
		}
		return false
	})
	dir := t.TempDir()
	for name, text := range map[string]string{"proof.json": body, "key": city.get("/function/disclosure-publish/log/key").body} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	city.end(os.Interrupt)
	x := run{path: nothing(t), args: []string{"verify", filepath.Join(dir, "proof.json"), "--key", filepath.Join(dir, "key"), "--json"}}.must(t)
	var got verdict
	if err := json.Unmarshal([]byte(x.out), &got); err != nil || !got.OK || !got.Content || got.Record == nil || got.Record.InstrumentNo == "" ||
		len(got.Record.Events) == 0 || got.Record.Events[0].Action != "published" || got.Record.Disputed == nil || len(got.Not) != 0 {
		t.Errorf("%s (%v)", x.out, err)
	}
}

// FuzzVerifyReadsAnyFile: whatever a file holds, it is told in words, with one of
// the exit codes, and nothing that was not signed by the log's key passes.
func FuzzVerifyReadsAnyFile(f *testing.F) {
	o := newNotaryOffice(f, notary.Disclosure)
	disclosure, err := json.Marshal(disclosed(f, o))
	if err != nil {
		f.Fatal(err)
	}
	proof, err := o.log.Proof(f.Context(), 0)
	if err != nil {
		f.Fatal(err)
	}
	note, err := o.log.Checkpoint(f.Context())
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][]byte{
		disclosure, proof, note, nil, []byte("{}"), []byte("a.b.c"), []byte("eyJhbGciOiJFZERTQSJ9.e30.AA"),
		[]byte(`{"receiptProof":"a\n\n— b c\n"}`), []byte("-----BEGIN PROOF-----\nx\ny\n-----END PROOF-----\n"),
		[]byte(`{"proof":"c2sp.org/tlog-proof@v1\n","record":{"document":"{}"}}`), []byte("c2sp.org/tlog-proof@v1\nindex 0\n\n"),
	} {
		f.Add(seed)
	}
	v := o.verifying(verification{keys: []string{o.key.Public()}})
	origin := []byte(o.key.Origin())
	f.Fuzz(func(t *testing.T, data []byte) {
		out := &verdict{File: "x", Not: []string{}}
		err := v.read(data, out)
		if err == nil {
			if !bytes.Contains(data, origin) {
				t.Fatalf("passes without a signature: %q", data)
			}
			_ = out.sentence()
			return
		}
		if c := code(t, wrong("x", err)); c != exitFailed && c != exitUsage {
			t.Fatalf("exit %d for %q", c, data)
		}
	})
}
