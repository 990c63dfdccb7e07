package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ipcredit/shared/tipoff"
)

// someNumber is a report's number with the check digit it needs.
func someNumber(t *testing.T) string {
	t.Helper()
	for n := range 1000 {
		if number := fmt.Sprintf("100000000%03d", n); func() bool { got, err := tipoff.ParseNumber(number); return err == nil && got == number }() {
			return number
		}
	}
	t.Fatal("no number has a right check digit")
	return ""
}

// TestStatementsOfTheCityHoldAndAreInItsLog: what the running city hands out is
// checked with its public files alone.
func TestStatementsOfTheCityHoldAndAreInItsLog(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	city := run{path: nothing(t), args: []string{"-data", data, "-demo"}}.serve(t)
	var demo struct{ Subjects []string }
	text, err := os.ReadFile(filepath.Join(data, "demo.json"))
	if err != nil || json.Unmarshal(text, &demo) != nil {
		t.Fatalf("%s (%v)", text, err)
	}
	var shown struct {
		Records []any
		Log     *struct{ URL string }
	}
	subject := ""
	eventually(t, "a subject's newest change is in the log", func() bool {
		for _, code := range demo.Subjects {
			a := city.get("/function/credit-lookup/subjects/" + code)
			if json.Unmarshal([]byte(a.body), &shown) != nil || shown.Log == nil || len(shown.Records) == 0 {
				continue
			}
			signed := strings.Split(city.get("/function/credit-lookup/statement/"+code).body, ".")
			if len(signed) != 3 {
				continue
			}
			if said, err := base64.RawURLEncoding.DecodeString(signed[1]); err == nil && bytes.Contains(said, []byte(`"proof":`)) {
				subject = code
				return true
			}
		}
		return false
	})
	dir := t.TempDir()
	save := func(name, path string) string {
		t.Helper()
		a := city.get(path)
		if a.status != 200 {
			t.Fatalf("%s: %d %s", path, a.status, a.body)
		}
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(a.body), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	args := []string{
		"verify", save("s.jwt", "/function/credit-lookup/statement/"+subject), "--json",
		"--key", save("jwks.json", "/function/credit-lookup/jwks.json"), "--key", save("key", "/function/disclosure-publish/log/key"),
	}
	beside := []string{"--proof", save("p.tlog-proof", strings.TrimPrefix(shown.Log.URL, city.base))}
	// With the city gone: the statement brings what proves it.
	city.end(os.Interrupt)
	for _, args := range [][]string{args, append(slices.Clone(args), beside...)} {
		x := run{path: nothing(t), args: args}.must(t)
		var got verdict
		if err := json.Unmarshal([]byte(x.out), &got); err != nil || !got.OK || !got.Content || got.Log == "" || got.Subject != subject || len(got.Not) != 0 {
			t.Errorf("%s (%v)", x.out, err)
		}
	}
}

// TestReceiptsOfTheCityHold: the answer to a tip-off, saved as it came, is checked
// with the installation's own keys, the content too.
func TestReceiptsOfTheCityHold(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	city := run{path: nothing(t), args: []string{"-data", data, "-demo"}}.serve(t)
	lodged := city.ask("POST", "/function/report-intake/reports",
		map[string]string{"Content-Type": "application/json", "Accept": "application/json", "Idempotency-Key": "0123456789abcdef0123456789abcdef"},
		strings.NewReader(`{"kind":"unlicensed-agency","parties":[{"name":"虚构甲"}],"narrative":"该公司没有代理资质，仍在网上承接 <专利> & 商标申请业务，收费后不开票。","anonymous":true,"language":"zh"}`))
	if lodged.status != 201 {
		t.Fatalf("%d %s", lodged.status, lodged.body)
	}
	file := filepath.Join(t.TempDir(), "receipt.json")
	if err := os.WriteFile(file, []byte(lodged.body), 0o600); err != nil {
		t.Fatal(err)
	}
	var answer struct{ ReportNo, Receipt string }
	if err := json.Unmarshal([]byte(lodged.body), &answer); err != nil {
		t.Fatal(err)
	}
	verify := func(file string) verdict {
		t.Helper()
		x := run{path: nothing(t), args: []string{"verify", file, "--json", "-data", data}}.must(t)
		var got verdict
		if err := json.Unmarshal([]byte(x.out), &got); err != nil || !got.OK || got.Number != answer.ReportNo {
			t.Errorf("%s (%v)", x.out, err)
		}
		return got
	}
	verify(file)
	question, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	tracked := city.ask("POST", "/function/report-intake/track",
		map[string]string{"Content-Type": "application/json", "Accept": "application/json"},
		strings.NewReader(strings.NewReplacer("ReportNo", "reportNo", "Receipt", "receipt").Replace(string(question))))
	if tracked.status != 200 {
		t.Fatalf("%d %s", tracked.status, tracked.body)
	}
	// With the receipt put beside it, what the follow-up answers is proved whole.
	whole := strings.Replace(tracked.body, "{", `{"receipt":"`+answer.Receipt+`",`, 1)
	if err := os.WriteFile(file, []byte(whole), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := verify(file); !got.Content {
		t.Errorf("the content was not checked: %+v", got)
	}
}
