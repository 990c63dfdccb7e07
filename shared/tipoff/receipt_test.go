package tipoff

import (
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"ipcredit/shared/fault"
	"ipcredit/shared/notary"

	"pgregory.net/rapid"
)

var vectorsFlag = flag.Bool("vectors", false, "write testdata/receipt.json anew")

// vector is a known answer: what must never change, for receipts are on paper.
type vector struct {
	MAC        string `json:"mac"` // hex
	Key        string `json:"key"`
	Attempt    int    `json:"attempt"`
	Number     string `json:"number"`
	Receipt    string `json:"receipt"`
	Secret     string `json:"secret"` // hex
	Identity   string `json:"recipient"`
	Tag        string `json:"tag"`
	Body       string `json:"body"` // fingerprint of document
	Document   string `json:"document"`
	Commitment string `json:"commitment"`
}

func compute(t testing.TB, v vector) vector {
	t.Helper()
	mac, err := hex.DecodeString(v.MAC)
	ok(t, err)
	r := deriveReceipt(mac, v.Key)
	v.Number, v.Receipt, v.Secret = deriveNumber(mac, v.Key, v.Attempt), r.text(), hex.EncodeToString(r[:])
	id, err := r.identity(v.Number)
	ok(t, err)
	v.Identity, v.Tag, v.Body = id.Recipient().String(), r.tag(v.Number), r.body(v.Number, []byte(v.Document))
	v.Commitment = notary.Commit(r.salt(v.Number), []byte(v.Document))
	return v
}

func TestKnownAnswersOfReceipts(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/receipt.json")
	ok(t, err)
	var file struct {
		Source  string   `json:"source"`
		Vectors []vector `json:"vectors"`
	}
	ok(t, json.Unmarshal(raw, &file))
	if len(file.Vectors) < 3 {
		t.Fatal("too few vectors")
	}
	for n, v := range file.Vectors {
		got := compute(t, v)
		if *vectorsFlag {
			file.Vectors[n] = got
			continue
		}
		if got != v {
			t.Errorf("vector %d:\n got %+v\nwant %+v", n, got, v)
		}
	}
	if *vectorsFlag {
		out, err := json.MarshalIndent(file, "", " ")
		ok(t, err)
		ok(t, os.WriteFile("testdata/receipt.json", append(out, '\n'), 0o644))
	}
}

func TestReceiptIsReadHoweverItIsTyped(t *testing.T) {
	t.Parallel()
	r := deriveReceipt([]byte(strings.Repeat("m", 32)), "a key")
	text := r.text()
	if len(text) != 35 || strings.Count(text, "-") != 5 || strings.ContainsAny(text, "01OILJDQUSZBG") {
		t.Fatalf("receipt %q", text)
	}
	wide := strings.Map(func(c rune) rune {
		if c == '-' {
			return '－'
		}
		return c + 0xFEE0
	}, text)
	lookalike := strings.NewReplacer("8", "B", "6", "G", "5", "S", "2", "Z", "V", "U").Replace(text)
	for name, typed := range map[string]string{
		"as printed": text, "lower case": strings.ToLower(text), "no dashes": strings.ReplaceAll(text, "-", ""),
		"spaces": "  " + strings.ReplaceAll(text, "-", "  ") + "\n", "full width": wide, "letters for digits": lookalike,
		"dots": strings.ReplaceAll(text, "-", "."), "long dashes": strings.ReplaceAll(text, "-", "——"),
	} {
		if got, err := parseReceipt(typed); err != nil || got != r {
			t.Errorf("%s: %v", name, err)
		}
	}
	if LastGroup(text) != text[30:] || !SameGroup(text, " "+strings.ToLower(text[30:])+" ") || SameGroup(text, text[:5]) || SameGroup(text, "") {
		t.Error("last group")
	}
}

func TestEveryWrongCharacterAndEveryTwoExchangedAreFound(t *testing.T) {
	t.Parallel()
	mac := []byte(strings.Repeat("m", 32))
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.String().Draw(t, "key")
		chars := []byte(strings.ReplaceAll(deriveReceipt(mac, key).text(), "-", ""))
		digits := []byte(deriveNumber(mac, key, 0))
		at := rapid.IntRange(0, len(chars)-1).Draw(t, "at")
		wrong := []byte(string(chars))
		wrong[at] = rapid.SampledFrom([]byte(receiptAlphabet)).Draw(t, "character")
		if string(wrong) != string(chars) && CheckReceipt(string(wrong)) == nil {
			t.Fatalf("%s for %s", wrong, chars)
		}
		if at > 0 && chars[at] != chars[at-1] {
			chars[at], chars[at-1] = chars[at-1], chars[at]
			if CheckReceipt(string(chars)) == nil {
				t.Fatalf("exchanged at %d: %s", at, chars)
			}
		}
		if digits[0] == '0' {
			t.Fatalf("number %s", digits)
		}
		if _, err := ParseNumber(FormatNumber(string(digits))); err != nil {
			t.Fatal(err)
		}
		at = rapid.IntRange(0, len(digits)-1).Draw(t, "digit at")
		bad := []byte(string(digits))
		bad[at] = byte('0' + rapid.IntRange(0, 9).Draw(t, "digit"))
		if _, err := ParseNumber(string(bad)); err == nil && string(bad) != string(digits) {
			t.Fatalf("%s for %s", bad, digits)
		}
		if at > 0 && digits[at] != digits[at-1] {
			digits[at], digits[at-1] = digits[at-1], digits[at]
			if _, err := ParseNumber(string(digits)); err == nil {
				t.Fatalf("exchanged at %d: %s", at, digits)
			}
		}
	})
}

func TestRefusesWhatIsNoReceiptNamingThePlaceAndNothingElse(t *testing.T) {
	t.Parallel()
	text := deriveReceipt([]byte(strings.Repeat("m", 32)), "a key").text()
	for _, tt := range []struct{ name, typed, code, args string }{
		{"empty", "", "tipoff.receipt.length", "[30]"}, {"one missing", text[:34], "tipoff.receipt.length", "[30]"},
		{"one more", text + "A", "tipoff.receipt.length", "[30]"}, {"a zero", "0" + text[1:], "tipoff.receipt.character", "[1]"},
		{"a letter O", text[:6] + "O" + text[7:], "tipoff.receipt.character", "[6]"}, {"Chinese", "举报", "tipoff.receipt.character", "[1]"},
		{"very long", strings.Repeat("A", 1e6), "tipoff.receipt.length", "[30]"},
	} {
		f, is := fault.Of(CheckReceipt(tt.typed))
		if !is || f.Kind != fault.Invalid || len(f.Fields) != 1 || f.Fields[0].Name != "receipt" || f.Fields[0].Code != tt.code || fmt.Sprint(f.Fields[0].Args) != tt.args {
			t.Errorf("%s: %v", tt.name, f)
		}
	}
	for _, tt := range []struct{ typed, code string }{
		{"", "length"}, {"48210937551", "length"}, {"4821 0937 551a", "digit"}, {"100000000002", "check"}, {"1000000000000", "length"},
	} {
		_, err := ParseNumber(tt.typed)
		f, is := fault.Of(err)
		if !is || f.Fields[0].Name != "reportNo" || f.Fields[0].Code != "tipoff.number."+tt.code {
			t.Errorf("%q: %v", tt.typed, err)
		}
	}
}

func TestKeysThatCouldBeGuessedAreRefused(t *testing.T) {
	t.Parallel()
	for key, good := range map[string]bool{
		"": false, "1": false, strings.Repeat("a", 40): false, "0123456789abcdefghijk": false,
		"0123456789abcdefghijkl": true, "f47ac10b-58cc-4372-a567-0e02b2c3d479": true,
		strings.Repeat("0123456789", 20): true, strings.Repeat("0123456789", 20) + "a": false, "一二三四五六七八九十一二三四五六七八九十一二": false,
		"0123456789 abcdefghijkl": false,
	} {
		if err := CheckKey(key); (err == nil) != good {
			t.Errorf("%q: %v", key, err)
		}
	}
}

func FuzzReceipt(f *testing.F) {
	f.Add("")
	f.Add(deriveReceipt(nil, "x").text())
	f.Add("ＡＢＣ－０１２")
	f.Fuzz(func(t *testing.T, s string) {
		r, err := parseReceipt(s)
		if err != nil {
			if _, is := fault.Of(err); !is {
				t.Fatal(err)
			}
			return
		}
		again, err := parseReceipt(r.text())
		if err != nil || again != r {
			t.Errorf("%q is read as another receipt", s)
		}
	})
}

func FuzzNumber(f *testing.F) {
	f.Add("4821 0937 5516")
	f.Fuzz(func(t *testing.T, s string) {
		n, err := ParseNumber(s)
		if err != nil {
			return
		}
		if again, err := ParseNumber(FormatNumber(n)); err != nil || again != n || len(n) != numberDigits {
			t.Errorf("%q → %q → %q, %v", s, n, again, err)
		}
	})
}
