package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ipcredit/shared/disclosure"
	"ipcredit/shared/objects"
	"ipcredit/shared/seal"
	"ipcredit/shared/tipoff"
)

// TestUnitKeyIsRotatedAndRescued goes through the key ceremony of the README on
// keys of two units: the rotated one opens with its new key only, the rescued
// one with the key that the escrow's made possible, the other unit's are left.
func TestUnitKeyIsRotatedAndRescued(t *testing.T) {
	t.Parallel()
	const unit, other = "410702", "410711"
	data := filepath.Join(t.TempDir(), "data")
	tool := func(args ...string) run { return run{path: nothing(t), args: append(args, "-data", data)} }
	tool("secrets").must(t)

	secret := func(name string) labelled {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(data, "secrets", name))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Split(strings.TrimSpace(string(text)), "\n")
	}
	identity := func(of string) seal.Identity {
		t.Helper()
		id, err := seal.ParseIdentity(strings.Join(secret(unitIdentities).of(of), "\n"))
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	buckets, err := objects.Open(objects.Config{Dir: filepath.Join(data, "objects")})
	if err != nil {
		t.Fatal(err)
	}
	keys := seal.NewKeys(buckets.Keys)
	escrow, err := seal.ParseRecipient(secret("escrow-recipient")[0])
	if err != nil {
		t.Fatal(err)
	}
	made := map[string][]string{}
	for range 3 {
		for _, u := range []string{unit, other} {
			ref, _, err := keys.Add(t.Context(),
				seal.Party{Label: tipoff.UnitLabel(u), To: identity(u).Recipient()},
				seal.Party{Label: tipoff.EscrowLabel, To: escrow})
			if err != nil {
				t.Fatal(err)
			}
			made[u] = append(made[u], ref)
		}
	}
	opens := func(what, u string, id seal.Identity, want error) {
		t.Helper()
		for _, ref := range made[u] {
			if _, err := keys.Open(t.Context(), ref, tipoff.UnitLabel(u), id); !errors.Is(err, want) {
				t.Errorf("%s: %s: %v, want %v", what, ref, err, want)
			}
		}
	}

	first, theirs := identity(unit), identity(other)
	if x := tool("rotate", "finish", unit).do(t); x.code != exitFailed {
		t.Errorf("finish before begin: exit %d %q", x.code, x.err)
	}
	tool("rotate", "begin", unit).must(t)
	if n := len(secret(unitIdentities).of(unit)); n != 2 {
		t.Fatalf("%d keys after begin", n)
	}
	opens("between the steps, both keys", unit, identity(unit), nil)
	// As if it had been broken off between the two files.
	before := secret(unitRecipients)
	half := before.without(unit).with(unit, before.of(unit)[0])
	if err := os.WriteFile(filepath.Join(data, "secrets", unitRecipients), []byte(strings.Join(half, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tool("rotate", "begin", unit).must(t)
	if got := secret(unitRecipients).of(unit); !slices.Equal(got, before.of(unit)) {
		t.Errorf("recipients after beginning again: %q, want %q", got, before.of(unit))
	}
	if x := tool("rotate", "begin", unit).do(t); x.code != exitFailed {
		t.Errorf("begin twice: exit %d %q", x.code, x.err)
	}
	tool("rotate", "finish", unit).must(t)
	second := identity(unit)
	if n := len(secret(unitIdentities).of(unit)) + len(secret(unitRecipients).of(unit)); n != 2 {
		t.Errorf("%d keys after finish", n)
	}
	opens("the old key", unit, first, seal.ErrWrongKey)
	opens("the new key", unit, second, nil)
	opens("the other unit", other, theirs, nil)

	offline := filepath.Join(data, escrowFile)
	if x := tool("rotate", "rescue", unit).do(t); x.code != exitUsage {
		t.Errorf("rescue without the escrow's key: exit %d %q", x.code, x.err)
	}
	tool("rotate", "rescue", unit, "-escrow", offline).must(t)
	opens("the lost key", unit, second, seal.ErrWrongKey)
	opens("the rescued key", unit, identity(unit), nil)
	opens("the other unit", other, theirs, nil)

	for _, args := range [][]string{{"rotate", "begin", "nowhere"}, {"rotate", "turn", unit}, {"rotate", unit}} {
		if x := tool(args...).do(t); x.code != exitUsage {
			t.Errorf("%v: exit %d %q", args, x.code, x.err)
		}
	}
}

// TestEscrowsPrivateHalfIsNeverWrittenOver: it may be the only copy there is.
func TestEscrowsPrivateHalfIsNeverWrittenOver(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	tool := run{path: nothing(t), args: []string{"secrets", "-data", data}}
	tool.must(t)
	read := func(path ...string) string {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(append([]string{data}, path...)...))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	private, public := read(escrowFile), read("secrets", "escrow-recipient")
	if err := os.Remove(filepath.Join(data, "secrets", "escrow-recipient")); err != nil {
		t.Fatal(err)
	}
	tool.must(t)
	if read(escrowFile) != private || read("secrets", "escrow-recipient") != public {
		t.Error("another escrow key was made in its place")
	}
}

// TestCustodiansKeyIsRotatedAndRescued: the key that reporters' identities are
// kept with goes the same way as a unit's, and its loss is no longer theirs.
// TestKeyOfNoticesIsRotatedAndRescued: it has no public half of its own to write.
func TestKeyOfNoticesIsRotatedAndRescued(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	tool := func(args ...string) run { return run{path: nothing(t), args: append(args, "-data", data)} }
	tool("secrets").must(t)
	file := filepath.Join(data, "secrets", noticeIdentity)
	identity := func(n int) seal.Identity {
		t.Helper()
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		id, err := seal.ParseIdentity(string(text))
		if err != nil || len(id.Recipient().Keys()) != n {
			t.Fatalf("%d keys, want %d (%v)", len(id.Recipient().Keys()), n, err)
		}
		return id
	}
	buckets, err := objects.Open(objects.Config{Dir: filepath.Join(data, "objects")})
	if err != nil {
		t.Fatal(err)
	}
	keys := seal.NewKeys(buckets.Keys)
	text, err := os.ReadFile(filepath.Join(data, "secrets", "escrow-recipient"))
	if err != nil {
		t.Fatal(err)
	}
	escrow, err := seal.ParseRecipient(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	first := identity(1)
	ref, _, err := keys.Add(t.Context(),
		seal.Party{Label: disclosure.Label, To: first.Recipient()}, seal.Party{Label: tipoff.EscrowLabel, To: escrow})
	if err != nil {
		t.Fatal(err)
	}
	opens := func(what string, id seal.Identity, want error) {
		t.Helper()
		if _, err := keys.Open(t.Context(), ref, disclosure.Label, id); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
	}
	if x := tool("rotate", "finish", "notices").do(t); x.code != exitFailed {
		t.Errorf("finish before begin: exit %d %q", x.code, x.err)
	}
	tool("rotate", "begin", "notices").must(t)
	opens("between the steps, both keys", identity(2), nil)
	if x := tool("rotate", "begin", "notices").do(t); x.code != exitFailed {
		t.Errorf("begin twice: exit %d %q", x.code, x.err)
	}
	tool("rotate", "finish", "notices").must(t)
	second := identity(1)
	opens("the old key", first, seal.ErrWrongKey)
	opens("the new key", second, nil)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	tool("rotate", "rescue", "notices", "-escrow", filepath.Join(data, escrowFile)).must(t)
	opens("the lost key", second, seal.ErrWrongKey)
	opens("the rescued key", identity(1), nil)
}

func TestCustodiansKeyIsRotatedAndRescued(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	tool := func(args ...string) run { return run{path: nothing(t), args: append(args, "-data", data)} }
	tool("secrets").must(t)
	read := func(name string) string {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(data, "secrets", name))
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(text))
	}
	identity := func() seal.Identity {
		t.Helper()
		id, err := seal.ParseIdentity(read(custodianIdentity))
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	// pair makes sure that both files hold the same n keys.
	pair := func(n int) {
		t.Helper()
		if got := identity().Recipient(); got.String() != read(custodianRecipient) || len(got.Keys()) != n {
			t.Errorf("public keys\n%s\nof private ones of\n%s", read(custodianRecipient), got)
		}
	}
	buckets, err := objects.Open(objects.Config{Dir: filepath.Join(data, "objects")})
	if err != nil {
		t.Fatal(err)
	}
	keys := seal.NewKeys(buckets.Keys)
	escrow, err := seal.ParseRecipient(read("escrow-recipient"))
	if err != nil {
		t.Fatal(err)
	}
	ref, _, err := keys.Add(t.Context(),
		seal.Party{Label: tipoff.CustodianLabel, To: identity().Recipient()}, seal.Party{Label: tipoff.EscrowLabel, To: escrow})
	if err != nil {
		t.Fatal(err)
	}
	opens := func(what string, id seal.Identity, want error) {
		t.Helper()
		if _, err := keys.Open(t.Context(), ref, tipoff.CustodianLabel, id); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
	}
	units := read(unitIdentities) + read(unitRecipients)
	first := identity()
	pair(1)
	if x := tool("rotate", "finish", "custodian").do(t); x.code != exitFailed {
		t.Errorf("finish before begin: exit %d %q", x.code, x.err)
	}
	tool("rotate", "begin", "custodian").must(t)
	pair(2)
	opens("between the steps, both keys", identity(), nil)
	if x := tool("rotate", "begin", "custodian").do(t); x.code != exitFailed {
		t.Errorf("begin twice: exit %d %q", x.code, x.err)
	}
	tool("rotate", "finish", "custodian").must(t)
	second := identity()
	pair(1)
	opens("the old key", first, seal.ErrWrongKey)
	opens("the new key", second, nil)
	// Lost, file and all.
	if err := os.Remove(filepath.Join(data, "secrets", custodianIdentity)); err != nil {
		t.Fatal(err)
	}
	tool("rotate", "rescue", "custodian", "-escrow", filepath.Join(data, escrowFile)).must(t)
	pair(1)
	opens("the lost key", second, seal.ErrWrongKey)
	opens("the rescued key", identity(), nil)
	if read(unitIdentities)+read(unitRecipients) != units {
		t.Error("the units' keys were touched")
	}
}
