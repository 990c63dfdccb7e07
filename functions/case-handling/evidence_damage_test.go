package function

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ipcredit/shared/tipoff"
)

// spoil overwrites the stored object whose name begins so.
func (c *city) spoil(t *testing.T, begins string) {
	t.Helper()
	done := 0
	err := filepath.WalkDir(c.dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.Contains(filepath.ToSlash(path), begins) {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		done++
		raw[len(raw)-1] ^= 1
		if err := os.Chmod(path, 0o600); err != nil {
			return err
		}
		return os.WriteFile(path, raw, 0o600)
	})
	if err != nil || done == 0 {
		t.Fatalf("%s: %d spoilt: %v", begins, done, err)
	}
}

// TestOneDamagedFileIsOneLineOfThePage: a name, a piece, a manifest or a record that
// cannot be read any more. The other files are listed, checked and given out.
func TestOneDamagedFileIsOneLineOfThePage(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spoil func(t *testing.T, c *city, box string)
		page  int // of the damaged file
		alone bool
	}{
		{"its name", func(t *testing.T, c *city, box string) {
			key := c.env.Journal.Key("evidence", "file", box, "1")
			value, err := c.rdb.Get(t.Context(), key).Result()
			if err != nil {
				t.Fatal(err)
			}
			c.rdb.Set(t.Context(), key, strings.Replace(value, `"meta":"`, `"meta":"AAAA`, 1), 0)
		}, http.StatusConflict, true},
		{"what is known of it", func(t *testing.T, c *city, box string) {
			c.rdb.Set(t.Context(), c.env.Journal.Key("evidence", "file", box, "1"), "{", 0)
		}, 0, true},
		{"a piece", func(t *testing.T, c *city, box string) { c.spoil(t, box+"/1/000000-") }, http.StatusOK, false},
		{"its manifest", func(t *testing.T, c *city, box string) { c.spoil(t, box+"/1/manifest-") }, http.StatusConflict, false},
		{"a piece's record", func(t *testing.T, c *city, box string) {
			c.rdb.HDel(t.Context(), c.env.Journal.Key("evidence", "pieces", box, "1"), "0")
		}, http.StatusOK, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := embedded(t)
			l, box := c.lodge(tipoff.Lodged{}, file{"甲.jpg", "image/jpeg", photograph(64, 48)}, file{fileName, "image/jpeg", photograph(64, 48)})
			tt.spoil(t, c, box)
			officer := c.as("hongqi.handler")
			a := officer.open(l.Number)
			wantIn(t, a, story, fileName)
			if tt.alone { // it is seen without a look into the file
				wantIn(t, a, say("custody.state.damaged"))
			}
			a = officer.follow("/tip-offs/" + l.Number + "/evidence/check")
			wantIn(t, a, say("custody.state.damaged"), fileName, say("custody.state.unscanned"))
			if tt.page > 0 {
				one := officer.get(officer.file(l.Number, box, 1))
				wantStatus(t, one, tt.page)
				for _, way := range []string{"/copy", "/original"} {
					wantStatus(t, officer.get(officer.file(l.Number, box, 1)+way), http.StatusConflict)
				}
			}
			wantStatus(t, officer.get(officer.file(l.Number, box, 2)), http.StatusOK)
			wantStatus(t, officer.get(officer.file(l.Number, box, 2)+"/original"), http.StatusOK)
		})
	}
}

// TestACheckThatCannotBeReadIsMadeAgain.
func TestACheckThatCannotBeReadIsMadeAgain(t *testing.T) {
	c := embedded(t)
	l, box := c.lodge(tipoff.Lodged{}, file{fileName, "image/jpeg", photograph(64, 48)})
	officer := c.as("hongqi.handler")
	officer.open(l.Number)
	officer.follow("/tip-offs/" + l.Number + "/evidence/check")
	c.rdb.HSet(t.Context(), c.env.Journal.Key("custody", box), "check 1", "AAAA")
	wantIn(t, officer.get("/tip-offs/"+l.Number), say("case-handling.check_all"))
	wantNone(t, officer.follow("/tip-offs/"+l.Number+"/evidence/check"), say("case-handling.check_all"))
}
