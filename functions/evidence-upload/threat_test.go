package function

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/citytest"
	"ipcredit/shared/fn"
	"ipcredit/shared/objects/objectstest"
	"ipcredit/shared/redistest"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
)

// What must stand in clear nowhere: content, names, hashes and tokens.
const (
	canaryText = "欧阳样例-13800009999-受贿线索"
	canaryName = "王举报-现场照片"
)

// story uploads by every way there is, also to where it breaks off, and returns
// the tokens that were used.
func (c *city) story(t *testing.T) (tokens []string, contents [][]byte) {
	t.Helper()
	text := []byte(strings.Repeat(canaryText+"\n", 50))
	k := c.tus()
	token := c.draft()
	at := k.begin(token, len(text), "filename2", "x", "name", canaryName+".txt", "sha256", hexOf(text)).location()
	k.patch(at, 0, text[:100]).is(t, 204, "")
	k.patch(at, 0, text[:100]).is(t, 409, "")
	k.patch(at, 100, text[100:]).is(t, 204, "")
	half := k.with("Upload-Length", "5000", "Upload-Metadata", metadata("filename", canaryName+".txt")).do("POST", "/files/"+token, nil).location()
	k.patch(half, 0, text[:700]).is(t, 204, "")
	a := c.browser("").form("/forms/"+token, canaryName+".txt", text)
	a.says(t, 200, canaryName)
	c.browser("").form("/forms/"+token, canaryName+".html", text).says(t, 415)
	k.begin(token, len(text), "name", canaryName+".exe")
	gone := k.begin(token, len(text)).location()
	k.patch(gone, 0, text).is(t, 204, "")
	k.do("DELETE", gone, nil).is(t, 204, "")
	b, opened := c.key(staff.ScopeMaterial).open("record:01J", "")
	opened.is(t, 201, "")
	mine := b.Endpoint[len(b.Endpoint)-26:]
	at = k.with("Upload-Length", strconv.Itoa(len(text)), "Upload-Metadata", metadata("filename", canaryName+".txt"), "Content-Type", octets).do("POST", "/files/"+mine, text).location()
	k.do("HEAD", at, nil).is(t, 200, "")
	c.client().get("/files/"+token).is(t, 200, "")
	return []string{token, mine}, [][]byte{text}
}

// With Redis, the journal, its archive, every object and every secret of this
// function, nothing of a file can be read: not its content, its name, its hash,
// nor an address that would let more be added.
func TestThreat_DumpsAndSecretsOfTheUploadOpenNothing(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb)
		tokens, contents := c.story(t)
		if _, err := c.env.Archive.Run(t.Context(), c.env.Journal); err != nil {
			t.Fatal(err)
		}
		canaries := append([]string{canaryText, canaryName, "受贿", "王举报"}, tokens...)
		for _, text := range contents {
			canaries = append(canaries, hexOf(text))
		}
		for _, canary := range canaries {
			redistest.Grep(t, rdb, canary)
			objectstest.Grep(t, c.dir, canary)
		}
		// Nothing the function holds opens a piece.
		var secrets []string
		for _, name := range Needs.AllSecrets() {
			if raw, err := c.env.Secret(name); err == nil {
				secrets = append(secrets, string(raw))
			}
		}
		if text := strings.Join(secrets, "\n"); strings.Contains(text, "AGE-SECRET-KEY") || len(secrets) == 0 {
			t.Error("the function holds a private key, or none was looked at")
		}
	})
}

func TestThreat_LogsTellNoTokenNameOrAddress(t *testing.T) {
	log := citytest.Logged(t)
	c := embedded(t)
	tokens, contents := c.story(t)
	text := log.String()
	for _, canary := range append([]string{canaryText, canaryName, "127.0.0.1:", hexOf(contents[0])}, tokens...) {
		if strings.Contains(text, canary) {
			t.Errorf("logged %s", canary)
		}
	}
	if !strings.Contains(text, "PATCH /files/{token}/{n}") {
		t.Error("nothing was logged at all")
	}
}

// Whoever has a token can add; he cannot read what others added, nor what a file
// is called.
func TestThreat_AStolenUploadAddressReadsNothing(t *testing.T) {
	c := embedded(t)
	token := c.draft()
	text := []byte(strings.Repeat(canaryText, 20))
	at := c.tus().begin(token, len(text), "name", canaryName).location()
	c.tus().patch(at, 0, text).is(t, 204, "")
	for _, method := range []string{"GET", "HEAD", "OPTIONS", "PUT"} {
		for _, path := range []string{at, at + "/0", at + "/manifest", "/files/" + token, "/forms/" + token} {
			a := c.tus().do(method, path, nil)
			for _, canary := range []string{canaryText, canaryName, "AGE-SECRET", hexOf(text)} {
				if bytes.Contains(a.body, []byte(canary)) || strings.Contains(strings.Join(a.Header.Values("Upload-Metadata"), ""), canary) {
					t.Errorf("%s %s tells %s", method, path, canary)
				}
			}
		}
	}
}

// What the store holds cannot be changed, mixed up or cut short unnoticed.
func TestThreat_PiecesExchangedAlteredOrMissingAreFound(t *testing.T) {
	c := embedded(t)
	token := c.draft()
	data := picture(fn.MaxBody+100, 3)
	at := c.tus().begin(token, len(data)).location()
	c.tus().patch(at, 0, data).is(t, 204, "")
	c.opens(token, 1, keys()["draft"], data)
	var pieces []string
	err := filepath.WalkDir(c.dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() != "" {
			if raw, rerr := os.ReadFile(path); rerr == nil && bytes.Contains(raw[:min(len(raw), 4096)], []byte("age-encryption.org/v1")) {
				pieces = append(pieces, path)
			}
		}
		return err
	})
	if err != nil || len(pieces) < 4 {
		t.Fatal(pieces, err)
	}
	read := func(path string) []byte {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	write := func(path string, raw []byte) {
		if err := os.Chmod(path, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	fails := func(what string) {
		t.Helper()
		if _, _, err := c.boxes.Copy(t.Context(), io.Discard, c.box(token), 1, keys()["draft"]); err == nil {
			t.Errorf("%s was not noticed", what)
		}
	}
	one, two := read(pieces[0]), read(pieces[1])
	write(pieces[0], two)
	write(pieces[1], one)
	fails("an exchange")
	write(pieces[0], one)
	flipped := bytes.Clone(two)
	flipped[len(flipped)-1] ^= 1
	write(pieces[1], flipped)
	fails("an altered piece")
	if err := os.Remove(pieces[1]); err != nil {
		t.Fatal(err)
	}
	fails("a missing piece")
}

// Erasing a report's key makes its files unreadable though their pieces are
// locked and the journal is archived; after a restore too.
func TestThreat_ErasedFilesStayUnreadableAfterARestore(t *testing.T) {
	c := embedded(t)
	b, a := c.key(staff.ScopeMaterial).open("record:01J", "")
	a.is(t, 201, "")
	token := b.Endpoint[len(b.Endpoint)-26:]
	data := picture(3000, 3)
	c.tus().patch(c.tus().begin(token, len(data)).location(), 0, data).is(t, 204, "")
	c.client().do("POST", "/", nil).is(t, 204, "") // locks the pieces
	ref := "evidence." + b.Box
	opened, err := c.desk.keys.Open(t.Context(), ref, "escrow", keys()["escrow"])
	if err != nil {
		t.Fatal(err)
	}
	c.opens(token, 1, opened, data)
	if err := c.desk.keys.Erase(t.Context(), ref, c.clock.Now()); err != nil {
		t.Fatal(err)
	}
	if err := c.boxes.Drop(t.Context(), b.Box); err != nil {
		t.Fatal(err)
	}
	c.clock.Pass(time.Minute)
	if _, err := c.env.Archive.Run(t.Context(), c.env.Journal); err != nil {
		t.Fatal(err)
	}
	if err := c.rdb.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	if err := c.env.Archive.Restore(t.Context(), c.env.Journal, nil); err != nil {
		t.Fatal(err)
	}
	for label, id := range map[string]seal.Identity{"escrow": keys()["escrow"], "unit:410700": keys()["410700"]} {
		if _, err := c.desk.keys.Open(t.Context(), ref, label, id); err == nil {
			t.Errorf("%s still opens it", label)
		}
	}
	if files, err := c.boxes.Files(t.Context(), b.Box); err != nil || len(files) != 0 {
		t.Errorf("%+v %v", files, err)
	}
}
