package function

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"ipcredit/shared/evidence/custody"
	"ipcredit/shared/fn"
	"ipcredit/shared/tipoff"
)

func (k visitor) file(no, box string, n int) string {
	return fmt.Sprintf("/tip-offs/%s/evidence/%s/%d", no, box, n)
}

func TestThreat_TheServedCopyHoldsNoPlaceNorDevice(t *testing.T) {
	c := embedded(t)
	photo := photograph(320, 240)
	l, box := c.lodge(tipoff.Lodged{}, file{fileName, "image/jpeg", photo})
	officer := c.as("hongqi.handler")
	officer.open(l.Number)
	path := officer.file(l.Number, box, 1)
	wantStatus(t, officer.get(path+"/original"), http.StatusConflict) // before it was checked
	a := officer.follow(path + "/check")
	wantIn(t, a, say("clean.removed.location"), "GPSLatitude", say("clean.removed.trailing"), say("custody.state.unscanned"), say("case-handling.hash_right"))
	c.clock.Pass(time.Second)
	a = officer.get(path+"/copy", "Sec-Fetch-Dest", "image")
	wantStatus(t, a, http.StatusOK)
	for _, word := range []string{"Exif", "GPS", "CanaryCamera", "canary behind the end"} {
		if strings.Contains(a.body, word) {
			t.Errorf("the copy holds %s", word)
		}
	}
	isolated(t, a, "image/jpeg")
	if !bytes.Contains(photo, []byte("CanaryCamera")) {
		t.Fatal("the original lacks what the copy is searched for")
	}
	c.clock.Pass(time.Second)
	whole := officer.get(path + "/original")
	wantStatus(t, whole, http.StatusOK)
	isolated(t, whole, "application/octet-stream")
	if whole.body != string(photo) {
		t.Error("the original is not what was handed in")
	}
	steps, err := c.desk.custody.Steps(t.Context(), box)
	if err != nil {
		t.Fatal(err)
	}
	var got []custody.What
	for _, s := range steps {
		got = append(got, s.What)
	}
	if fmt.Sprint(got) != "[taken viewed checked]" {
		t.Errorf("the chain of custody is %v", got)
	}
	for _, what := range []string{"custody.taken", "custody.viewed", "custody.checked"} {
		if c.journaled(what, l.Number) != 1 {
			t.Errorf("%s is in the journal %d times", what, c.journaled(what, l.Number))
		}
	}
	wantIn(t, officer.get(path), say("custody.step.taken"), say("custody.step.viewed"))
}

// isolated checks the headers of everything that came from a stranger.
func isolated(t *testing.T, a answer, media string) {
	t.Helper()
	for name, want := range map[string]string{
		"Content-Type": media, "X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox; default-src 'none'",
		"Cache-Control": "no-store", "Cross-Origin-Resource-Policy": "same-origin",
	} {
		if got := a.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if !strings.HasPrefix(a.Header.Get("Content-Disposition"), "attachment; ") {
		t.Errorf("Content-Disposition is %q", a.Header.Get("Content-Disposition"))
	}
}

func TestOriginalsComeInRangesAndUnchanged(t *testing.T) {
	c := embedded(t)
	// An MP4 of three pieces that is longer than two answers.
	data := append([]byte("\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"), bytes.Repeat([]byte("0123456789abcdef"), 18<<20/16)...)
	l, box := c.lodge(tipoff.Lodged{}, file{"录像.mp4", "video/mp4", data})
	officer := c.as("hongqi.handler")
	officer.open(l.Number)
	path := officer.file(l.Number, box, 1)
	officer.follow(path + "/check")
	wantIn(t, officer.get(path), say("fault.clean.not_this_type"), say("case-handling.get_needs_script"))
	wantStatus(t, officer.get(path+"/copy"), http.StatusUnprocessableEntity)
	wantStatus(t, officer.get(path+"/original"), http.StatusRequestEntityTooLarge)
	var got []byte
	for at := 0; at < len(data); {
		a := officer.get(path+"/original", "Range", fmt.Sprintf("bytes=%d-", at))
		wantStatus(t, a, http.StatusPartialContent)
		isolated(t, a, "application/octet-stream")
		if len(a.body) > fn.MaxBody || len(a.body) == 0 {
			t.Fatalf("%d bytes at once", len(a.body))
		}
		if want := fmt.Sprintf("bytes %d-%d/%d", at, at+len(a.body)-1, len(data)); a.Header.Get("Content-Range") != want {
			t.Fatalf("Content-Range %q, want %q", a.Header.Get("Content-Range"), want)
		}
		got, at = append(got, a.body...), at+len(a.body)
	}
	if !bytes.Equal(got, data) {
		t.Error("the ranges do not make up the original")
	}
	a := officer.get(path+"/original", "Range", "bytes=4194290-4194310") // across two pieces
	if a.body != string(data[4194290:4194311]) {
		t.Error("a range across two pieces is wrong")
	}
	a = officer.get(path+"/original", "Range", fmt.Sprintf("bytes=%d-", len(data)))
	wantStatus(t, a, http.StatusRequestedRangeNotSatisfiable)
	if n := c.journaled("custody.taken", l.Number); n != 1 {
		t.Errorf("one download is in the journal %d times", n)
	}
}

func TestSuspiciousFilesAreGivenOnlyToWhoSaysHeKnows(t *testing.T) {
	honest := func(data []byte) string {
		if bytes.Contains(data, eicar) {
			return "stream: Eicar-Test-Signature FOUND"
		}
		return "stream: OK"
	}
	c := embedded(t, "clamd_addr", clamdLike(t, 1<<24, honest))
	l, box := c.lodge(tipoff.Lodged{}, file{"说明.txt", "text/plain", eicar}, file{fileName, "image/jpeg", photograph(64, 48)})
	officer := c.as("hongqi.handler")
	wantIn(t, officer.open(l.Number), say("custody.state.unscanned"), say("case-handling.check_all"))
	a := officer.follow("/tip-offs/" + l.Number + "/evidence/check")
	wantIn(t, a, say("custody.state.suspicious"), say("custody.state.safe"), say("case-handling.done.checked-all"))
	wantNone(t, a, say("case-handling.check_all"))
	path := officer.file(l.Number, box, 1)
	wantIn(t, officer.get(path), "Eicar-Test-Signature", say("clean.finding.eicar"), say("case-handling.suspicious_title"))
	wantStatus(t, officer.get(path+"/original"), http.StatusConflict)
	a = officer.get(path + "/original?suspicious=1")
	wantStatus(t, a, http.StatusOK)
	isolated(t, a, "application/octet-stream")
	wantStatus(t, officer.get(officer.file(l.Number, box, 2)+"/original"), http.StatusOK)
}

func TestAScannerThatIsAwayLeavesFilesWaiting(t *testing.T) {
	c := embedded(t, "clamd_addr", "127.0.0.1:1")
	l, box := c.lodge(tipoff.Lodged{}, file{fileName, "image/jpeg", photograph(64, 48)})
	officer := c.as("hongqi.handler")
	officer.open(l.Number)
	a := officer.follow(officer.file(l.Number, box, 1) + "/check")
	wantIn(t, a, say("custody.state.waiting"), say("custody.scan.away"))
	wantIn(t, officer.get("/tip-offs/"+l.Number), say("case-handling.check_all"))
}

func TestEvidenceOfAnotherTipOffIsNotThere(t *testing.T) {
	c := embedded(t)
	one, _ := c.lodge(tipoff.Lodged{}, file{fileName, "image/jpeg", photograph(64, 48)})
	_, box := c.lodge(tipoff.Lodged{}, file{fileName, "image/jpeg", photograph(64, 48)})
	officer := c.as("hongqi.handler")
	wantStatus(t, officer.get(officer.file(one.Number, box, 1)), http.StatusConflict) // not opened
	officer.open(one.Number)
	wantStatus(t, officer.get(officer.file(one.Number, box, 1)), http.StatusNotFound)
	_, own := c.lodge(tipoff.Lodged{}, file{fileName, "image/jpeg", photograph(64, 48)})
	_ = own
	for _, n := range []string{"0", "01", "-1", "x", "2", "99999999999999999999"} {
		for _, at := range []string{"", "/copy", "/original"} {
			if a := officer.get("/tip-offs/" + one.Number + "/evidence/" + box + "/" + n + at); a.StatusCode != http.StatusNotFound {
				t.Errorf("%s%s: %d", n, at, a.StatusCode)
			}
		}
	}
}
