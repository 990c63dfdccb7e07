package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"

	"ipcredit/shared/objects"
	"ipcredit/shared/open"
	"ipcredit/shared/redistest"
)

// in returns a text as it could stand somewhere: as it is, or as writers of URLs,
// JSON, hexadecimal and base64 would have it.
func in(text string) []string {
	escaped := strings.Trim(strconv.QuoteToASCII(text), `"`)
	out := []string{text, url.QueryEscape(text), hex.EncodeToString([]byte(text)), escaped}
	for shift := range 3 {
		// Whatever stands before it moves it by so many bytes; the ends are mixed with
		// what is around.
		b := base64.StdEncoding.EncodeToString(append(make([]byte, shift), text...))
		if len(b) > 16 {
			out = append(out, b[4:len(b)-4])
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// inside lets the test look into the parts the city runs on, with the operator's
// rights, as somebody does who has stolen all of it.
func (r *resident) inside() *open.Env {
	r.t.Helper()
	said := r.program.out.String()
	address := func(pattern string) string {
		m := regexp.MustCompile(pattern).FindStringSubmatch(said)
		if m == nil {
			r.t.Fatalf("%s is not in %s", pattern, said)
		}
		return m[1]
	}
	settings := map[string]string{
		"redis_url": address(`(redis://[0-9.:]+)`), "s3_url": address(`minio[^\n]*?(http://[0-9.:]+)`),
		"secret_mount_path": filepath.Join(r.data, "secrets"), "public_url": r.base,
	}
	before := map[string]string{}
	for name := range settings {
		before[name] = open.Value(name)
	}
	open.Use(settings)
	r.t.Cleanup(func() { open.Use(before) })
	env, err := open.Open(operator)
	if err != nil {
		r.t.Fatal(err)
	}
	return env
}

// dump is everything that Redis and the object store hold, by where it stands.
func dump(t testing.TB, env *open.Env) (inRedis, inObjects map[string]string) {
	t.Helper()
	ctx := t.Context()
	inRedis, inObjects = map[string]string{}, map[string]string{}
	keys := env.Redis.Scan(ctx, 0, "*", 1000).Iterator()
	for keys.Next(ctx) {
		key := keys.Val()
		var values []string
		switch kind := env.Redis.Type(ctx, key).Val(); kind {
		case "string":
			values = []string{env.Redis.Get(ctx, key).Val()}
		case "hash":
			for k, v := range env.Redis.HGetAll(ctx, key).Val() {
				values = append(values, k, v)
			}
		case "set":
			values = env.Redis.SMembers(ctx, key).Val()
		case "zset":
			values = env.Redis.ZRange(ctx, key, 0, -1).Val()
		case "stream":
			for _, m := range env.Redis.XRange(ctx, key, "-", "+").Val() {
				values = append(values, redistest.Texts(t, m)...)
			}
		case "none": // it has ended meanwhile
		default:
			t.Fatalf("key %s of type %s", key, kind)
		}
		inRedis[key] = key + "\n" + strings.Join(values, "\n")
	}
	if err := keys.Err(); err != nil {
		t.Fatal(err)
	}
	unpack, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer unpack.Close()
	for bucket, store := range map[string]objects.Store{"main": env.Objects.Main, "keys": env.Objects.Keys} {
		for info, err := range store.List(ctx, "", "") {
			if err != nil {
				t.Fatal(err)
			}
			body, _, err := store.Get(ctx, info.Name)
			if err != nil {
				t.Fatalf("%s: %v", info.Name, err)
			}
			if at := bytes.Index(body, []byte("\x28\xb5\x2f\xfd")); at >= 0 { // packed
				if plain, err := unpack.DecodeAll(body[at:], nil); err == nil {
					body = append(body, plain...)
				}
			}
			inObjects[bucket+"/"+info.Name] = info.Name + "\n" + string(body)
		}
	}
	if len(inRedis) < 500 || len(inObjects) < 20 {
		t.Fatalf("%d keys and %d objects are no city", len(inRedis), len(inObjects))
	}
	return inRedis, inObjects
}

// ageFiles are the sealed texts in a dump, as they are or in base64.
func ageFiles(text string) [][]byte {
	seen := map[string]bool{}
	var out [][]byte
	add := func(blob []byte) {
		if !seen[string(blob)] {
			seen[string(blob)] = true
			out = append(out, blob)
		}
	}
	for _, m := range regexp.MustCompile(`YWdlLWVuY3J5cHRpb24[A-Za-z0-9+/_-]+`).FindAllString(text, -1) {
		m = strings.NewReplacer("-", "+", "_", "/").Replace(m)
		if blob, err := base64.RawStdEncoding.DecodeString(m); err == nil {
			add(blob)
		}
	}
	parts := strings.Split(text, "age-encryption.org/v1\n")
	for _, part := range parts[1:] {
		add([]byte("age-encryption.org/v1\n" + part))
	}
	return out
}

// identitiesOf are all opening keys that somebody could make of secrets: those that
// stand there, and their bytes and hashes taken for one.
func identitiesOf(t testing.TB, secrets []string) []age.Identity {
	t.Helper()
	var out []age.Identity
	seen := map[string]bool{}
	add := func(key []byte) {
		if len(key) < 32 {
			return
		}
		for _, part := range [][]byte{key[:32], key[len(key)-32:]} {
			if seen[string(part)] {
				continue
			}
			seen[string(part)] = true
			id, err := age.ParseX25519Identity(strings.ToUpper(bech32("age-secret-key-", part)))
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, id)
		}
	}
	for _, secret := range secrets {
		words := append(strings.FieldsFunc(secret, func(c rune) bool { return c == '\n' || c == ' ' || c == '+' }), secret)
		words = append(words, strings.Fields(secret)...)
		for _, word := range words {
			if id, err := age.ParseX25519Identity(word); err == nil {
				out = append(out, id)
				continue
			}
			sum := sha256.Sum256([]byte(word))
			add(sum[:])
			add([]byte(word))
			for _, decode := range []func(string) ([]byte, error){
				base64.StdEncoding.DecodeString, base64.RawURLEncoding.DecodeString, base64.RawStdEncoding.DecodeString, hex.DecodeString,
			} {
				if key, err := decode(word); err == nil {
					add(key)
					sum := sha256.Sum256(key)
					add(sum[:])
				}
			}
		}
	}
	if len(out) == 0 {
		t.Fatal("no keys at all")
	}
	return out
}

// bech32 writes 32 bytes as age does (BIP 173).
func bech32(prefix string, data []byte) string {
	const alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
	var values []byte
	bits, have := uint32(0), 0
	for _, b := range data {
		bits, have = bits<<8|uint32(b), have+8
		for have >= 5 {
			have -= 5
			values = append(values, byte(bits>>have)&31)
		}
	}
	if have > 0 {
		values = append(values, byte(bits<<(5-have))&31)
	}
	var sum []byte
	for _, c := range []byte(prefix) {
		sum = append(sum, c>>5)
	}
	sum = append(sum, 0)
	for _, c := range []byte(prefix) {
		sum = append(sum, c&31)
	}
	check := uint32(1)
	for _, v := range append(append(sum, values...), 0, 0, 0, 0, 0, 0) {
		top := check >> 25
		check = (check&0x1ffffff)<<5 ^ uint32(v)
		for i, g := range []uint32{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3} {
			if top>>i&1 == 1 {
				check ^= g
			}
		}
	}
	check ^= 1
	for i := range 6 {
		values = append(values, byte(check>>(5*(5-i)))&31)
	}
	out := prefix + "1"
	for _, v := range values {
		out += alphabet[v : v+1]
	}
	return out
}
