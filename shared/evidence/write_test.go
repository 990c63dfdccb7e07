package evidence

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/seal"
)

func TestAFileOpensToWhatWasSentHoweverItCameInPieces(t *testing.T) {
	each(t, func(t *testing.T, k *kit) {
		_, b := k.open(t, BoxSpec{})
		for _, step := range []int{1 << 20, 4096, 4097, 1000, 511} {
			data := content(9001, uint64(step))
			f := k.create(t, b, int64(len(data)))
			for at := 0; at < len(data); at += step {
				var err error
				if f, err = k.Append(t.Context(), b, f.N, int64(at), data[at:min(at+step, len(data))]); err != nil {
					t.Fatal(err)
				}
				if f.Offset != int64(min(at+step, len(data))) {
					t.Fatalf("at %d after %d", f.Offset, at+step)
				}
			}
			if f.State != Whole {
				t.Fatalf("%+v", f)
			}
			k.reads(t, b.ID, f.N, data)
			if _, err := k.Append(t.Context(), b, f.N, f.Offset, nil); err != nil {
				t.Errorf("a repeated last call: %v", err)
			}
		}
	})
}

func TestByteByByte(t *testing.T) {
	t.Parallel()
	k := embedded(t)
	_, b := k.open(t, BoxSpec{})
	data := content(150, 7)
	f := k.create(t, b, int64(len(data)))
	for i := range data {
		if _, err := k.Append(t.Context(), b, f.N, int64(i), data[i:i+1]); err != nil {
			t.Fatal(i, err)
		}
	}
	k.reads(t, b.ID, f.N, data)
	f, err := k.File(t.Context(), b.ID, f.N)
	if err != nil || f.Seen {
		t.Errorf("a beginning of one byte was taken for looked at: %+v %v", f, err)
	}
	// A file sent in smaller pieces than a file may have is refused, not grown
	// without end.
	f = k.create(t, b, 1000)
	for i := range 201 {
		_, err = k.Append(t.Context(), b, f.N, int64(i), content(1, 1))
	}
	refused(t, err, fault.TooLarge, "evidence.pieces")
}

func TestNameTypeAndHashComeBackToWhoHasTheKeyAlone(t *testing.T) {
	t.Parallel()
	k := embedded(t)
	_, b := k.open(t, BoxSpec{})
	data := content(700, 3)
	name := "..\\秘密/\u202egpj.exe"
	f, err := k.Create(t.Context(), b, NewFile{Name: name + ".jpg", Type: "image/jpeg", SHA256: sumOf(data), Size: 700})
	if err != nil {
		t.Fatal(err)
	}
	if f, err = k.Append(t.Context(), b, f.N, 0, data); err != nil {
		t.Fatal(err)
	}
	m, err := k.Manifest(t.Context(), b.ID, f.N, k.id)
	if err != nil || m.Name != name+".jpg" || m.Type != "image/jpeg" || m.SHA256 != sumOf(data) {
		t.Errorf("%+v %v", m, err)
	}
	if d := Display(m.Name); d != "gpj.exe.jpg" {
		t.Errorf("shown as %q", d)
	}
	other, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Manifest(t.Context(), b.ID, f.N, other); !errors.Is(err, seal.ErrWrongKey) {
		t.Errorf("another key: %v", err)
	}
}

func TestAWrongHashOfTheSenderIsFoundWhenTheFileIsOpened(t *testing.T) {
	t.Parallel()
	k := embedded(t)
	_, b := k.open(t, BoxSpec{})
	data := content(600, 3)
	f, err := k.Create(t.Context(), b, NewFile{Name: "a.jpg", SHA256: sumOf([]byte("other")), Size: 600})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Append(t.Context(), b, f.N, 0, data); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, _, err := k.Copy(t.Context(), &out, b.ID, f.N, k.id); !errors.Is(err, seal.ErrDamaged) {
		t.Errorf("%v", err)
	}
}

func TestLimitsOnBothSides(t *testing.T) {
	t.Parallel()
	k := embedded(t)
	l := tiny()
	l.Files = 50
	k.Store = k.With(l)
	_, b := k.open(t, BoxSpec{})
	for _, tt := range []struct {
		name string
		in   NewFile
		kind fault.Kind
		code string
	}{
		{"empty", NewFile{Name: "a.jpg"}, fault.Refused, "evidence.empty"},
		{"one byte", NewFile{Name: "a.jpg", Size: 1}, "", ""},
		{"the limit", NewFile{Name: "a.jpg", Size: 64 << 10}, "", ""},
		{"limit and one", NewFile{Name: "a.jpg", Size: 64<<10 + 1}, fault.TooLarge, "evidence.file_size"},
		{"a program's name", NewFile{Name: "a.exe", Size: 1}, fault.WrongType, "evidence.type"},
		{"behind a path", NewFile{Name: "a.jpg/../b.html", Size: 1}, fault.WrongType, "evidence.type"},
		{"turned around", NewFile{Name: "a\u202egpj.bat", Size: 1}, fault.WrongType, "evidence.type"},
		{"capitals", NewFile{Name: "IMG_0001.HEIC", Size: 1}, "", ""},
		{"no name", NewFile{Size: 1}, "", ""},
		{"total", NewFile{Name: "a.jpg", Size: 64 << 10}, "", ""},
		{"total and one", NewFile{Name: "a.jpg", Size: 32 << 10}, fault.TooLarge, "evidence.total_size"},
	} {
		_, err := k.Create(t.Context(), b, tt.in)
		if tt.code == "" && err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if tt.code != "" {
			refused(t, err, tt.kind, tt.code)
		}
	}
	k.Store = k.With(tiny())
	_, b = k.open(t, BoxSpec{})
	for range 5 {
		k.create(t, b, 1)
	}
	for range 50 {
		_, err := k.Create(t.Context(), b, NewFile{Name: "a.jpg", Size: 1})
		refused(t, err, fault.Refused, "evidence.files")
	}
	// What is dropped gives its room back.
	if err := k.Terminate(t.Context(), b, 2); err != nil {
		t.Fatal(err)
	}
	if f := k.create(t, b, 1); f.N != 6 {
		t.Errorf("number %d", f.N)
	}
}

func TestMoreThanAnnouncedIsRefusedAndNothingIsKept(t *testing.T) {
	t.Parallel()
	k := embedded(t)
	_, b := k.open(t, BoxSpec{})
	f := k.create(t, b, 1000)
	_, err := k.Append(t.Context(), b, f.N, 0, content(1001, 1))
	refused(t, err, fault.TooLarge, "evidence.too_much")
	if f, err = k.File(t.Context(), b.ID, f.N); err != nil || f.Offset != 0 || f.State != Receiving {
		t.Errorf("%+v %v", f, err)
	}
	if left := k.objectsIn(t, "evidence/"); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestWrongOffsetIsAConflictThatTellsTheRightOne(t *testing.T) {
	t.Parallel()
	k := embedded(t)
	_, b := k.open(t, BoxSpec{})
	f := k.create(t, b, 3000)
	if _, err := k.Append(t.Context(), b, f.N, 0, content(1000, 1)); err != nil {
		t.Fatal(err)
	}
	for _, at := range []int64{0, 999, 1001, 3000} {
		_, err := k.Append(t.Context(), b, f.N, at, content(100, 1))
		refused(t, err, fault.Conflict, "evidence.offset")
	}
	_, err := k.Append(t.Context(), b, 99, 0, content(100, 1))
	refused(t, err, fault.NotFound, "evidence.no_file")
}

// Two replicas that both believe they may write: one of them wins, the other has
// changed nothing, and the file is whole.
func TestTwoWritersNeverCorruptAFileEvenWithoutTheLease(t *testing.T) {
	each(t, func(t *testing.T, k *kit) {
		_, b := k.open(t, BoxSpec{})
		data := content(8192, 5)
		f := k.create(t, b, int64(len(data)))
		ours, err := k.Writer(t.Context(), b, f.N, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = k.Writer(t.Context(), b, f.N, 0)
		refused(t, err, fault.Locked, "evidence.busy")
		if err := ours.Write(t.Context(), data[:5000], false); err != nil {
			t.Fatal(err)
		}
		k.pass(2 * leaseTime) // the first hangs, its lease ends
		theirs, err := k.Writer(t.Context(), b, f.N, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := theirs.Write(t.Context(), data[:6000], false); err != nil {
			t.Fatal(err)
		}
		if _, err := theirs.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, err = ours.Commit(t.Context())
		refused(t, err, fault.Conflict, "evidence.offset")
		if _, err = k.Append(t.Context(), b, f.N, 6000, data[6000:]); err != nil {
			t.Fatal(err)
		}
		k.reads(t, b.ID, f.N, data)
	})
}

// Many clients send the same file at once, each from where it believes the file
// ends; whatever they are answered, the file is what was sent.
func TestAStampedeOnOneFile(t *testing.T) {
	each(t, func(t *testing.T, k *kit) {
		_, b := k.open(t, BoxSpec{})
		data := content(20000, 9)
		f := k.create(t, b, int64(len(data)))
		var all sync.WaitGroup
		for i := range 6 {
			all.Add(1)
			go func() {
				defer all.Done()
				for {
					now, err := k.File(context.Background(), b.ID, f.N)
					if err != nil {
						t.Error(err)
						return
					}
					if now.State == Whole {
						return
					}
					to := min(now.Offset+int64(500+137*i), int64(len(data)))
					_, err = k.Append(context.Background(), b, f.N, now.Offset, data[now.Offset:to])
					if refusal, ok := fault.Of(err); err != nil && (!ok || refusal.Kind != fault.Conflict && refusal.Kind != fault.Locked) {
						t.Error(err)
						return
					}
				}
			}()
		}
		all.Wait()
		k.reads(t, b.ID, f.N, data)
	})
}

// Wherever the process dies, the client finds an offset it can go on from, and the
// file that comes of it is whole.
func TestDyingAtAnyWriteLosesNothingThatWasTold(t *testing.T) {
	t.Parallel()
	k := embedded(t)
	data := content(15000, 2)
	for _, after := range []bool{false, true} {
		for died := int64(1); died <= 6; died++ {
			t.Run(fmt.Sprint(after, died), func(t *testing.T) {
				_, b := k.open(t, BoxSpec{})
				f := k.create(t, b, int64(len(data)))
				m := &mortal{Store: k.main, after: after}
				m.left.Store(died)
				dying := NewStore(journal.New(k.rdb, "410700", journal.Options{}), m, k.time).With(tiny())
				told := int64(0)
				for told < int64(len(data)) {
					f, err := dying.Append(t.Context(), b, f.N, told, data[told:min(told+5000, int64(len(data)))])
					if err != nil {
						break
					}
					told = f.Offset
				}
				k.pass(2 * leaseTime) // it died with the lease in hand
				f, err := k.File(t.Context(), b.ID, f.N)
				if err != nil || f.Offset < told {
					t.Fatalf("told %d, has %d: %v", told, f.Offset, err)
				}
				if f.State != Whole {
					if _, err = k.Append(t.Context(), b, f.N, f.Offset, data[f.Offset:]); err != nil {
						t.Fatal(err)
					}
				}
				k.reads(t, b.ID, f.N, data)
			})
		}
	}
}

func TestProgramsScriptsAndPagesAreRefusedAndTheFileIsDropped(t *testing.T) {
	t.Parallel()
	k := embedded(t)
	pad := strings.Repeat(" ", 600)
	for name, head := range map[string]string{
		"MZ":        "MZ\x90\x00" + pad,
		"html":      "\n  <!-- x --><HTML><script>" + pad,
		"svg":       "<?xml version=\"1.0\"?><svg onload=x>" + pad,
		"shell":     "#!/bin/sh\n" + pad,
		"polyglot":  "\xff\xd8\xff\xe0\x00\x10JFIF\x00<script>alert(1)</script>" + pad,
		"apk":       "PK\x03\x04\x14\x00\x00\x00AndroidManifest.xml" + pad,
		"locked":    "PK\x03\x04\x14\x00\x01\x00" + pad,
		"unknown":   "\x00\x01\x02\x03" + pad,
		"utf-16 js": "\xff\xfe<\x00s\x00c\x00r\x00i\x00p\x00t\x00>\x00" + pad,
	} {
		t.Run(name, func(t *testing.T) {
			_, b := k.open(t, BoxSpec{})
			f := k.create(t, b, int64(len(head)))
			_, err := k.Append(t.Context(), b, f.N, 0, []byte(head))
			if !fault.Is(err, fault.WrongType) {
				t.Fatalf("answered %v", err)
			}
			if f, err = k.File(t.Context(), b.ID, f.N); err != nil || f.State != Gone {
				t.Errorf("%+v %v", f, err)
			}
			if left := k.objectsIn(t, "evidence/"); len(left) > 0 {
				t.Errorf("stored: %v", left)
			}
		})
	}
}

func TestWhatTelephonesAndOfficesMakeIsTaken(t *testing.T) {
	t.Parallel()
	l := DefaultLimits()
	pad := strings.Repeat("\x00\x01", 4096)
	for name, head := range map[string]string{
		"jpeg": "\xff\xd8\xff\xe1", "png": "\x89PNG\r\n\x1a\n", "webp": "RIFF\x10\x00\x00\x00WEBPVP8 ", "heic": "\x00\x00\x00\x24ftypheic",
		"mov": "\x00\x00\x00\x14ftypqt  ", "old mov": "\x00\x00\x00\x08wide", "mp4": "\x00\x00\x00\x20ftypisom", "m4a": "\x00\x00\x00\x20ftypM4A ",
		"amr": "#!AMR\n", "amr-wb": "#!AMR-WB\n", "mp3": "ID3\x03", "wav": "RIFF\x10\x00\x00\x00WAVEfmt ", "3gp": "\x00\x00\x00\x18ftyp3gp4",
		"pdf": "%PDF-1.7\n", "docx": "PK\x03\x04\x14\x00\x06\x00", "doc": "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "zip": "PK\x03\x04\x14\x00\x00\x00", "rar": "Rar!\x1a\x07\x01\x00",
	} {
		if enough, err := l.Sniff([]byte(head+pad), false); err != nil || !enough {
			t.Errorf("%s: %v %v", name, enough, err)
		}
	}
	for name, text := range map[string]string{
		"utf-8": "该公司批量提交非正常申请", "gb18030": "\xb8\xc3\xb9\xab\xcb\xbe", "utf-16": "\xff\xfe\x0b\x54", "csv": "a,b\n1,2\n", "one letter": "M",
	} {
		if _, err := l.Sniff([]byte(text), true); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAReportGetsNoMoreBoxesThanItMay(t *testing.T) {
	each(t, func(t *testing.T, k *kit) {
		l := tiny()
		l.Boxes = 3
		k.Store = k.With(l)
		spec := BoxSpec{For: "tip-off:482109375516", To: k.id.Recipient(), Until: k.time().Add(time.Hour), By: "reporter"}
		var tokens []string
		for range 3 {
			token, _, err := k.OpenBox(t.Context(), spec)
			if err != nil {
				t.Fatal(err)
			}
			tokens = append(tokens, token)
		}
		_, _, err := k.OpenBox(t.Context(), spec)
		refused(t, err, fault.Refused, "evidence.boxes")
		if _, err := k.OpenBoxOf(t.Context(), tokens[0], spec); err != nil { // it has that one
			t.Error(err)
		}
		// Drafts are nobody's yet, and organisations are known.
		for range 5 {
			k.open(t, BoxSpec{})
			k.open(t, BoxSpec{For: "record:1", Org: "hongqi", By: "key:1"})
		}
		other := spec
		other.For = "tip-off:482109375517"
		if _, _, err := k.OpenBox(t.Context(), other); err != nil {
			t.Error(err)
		}
	})
}

func TestTimesOfAReporterAreKeptToTheDay(t *testing.T) {
	t.Parallel()
	k := embedded(t)
	_, b := k.open(t, BoxSpec{})
	f := k.create(t, b, 600)
	k.pass(5 * time.Hour)
	later := k.create(t, b, 600)
	if f.Expires != later.Expires || f.Day != "2026-05-20" {
		t.Errorf("expiry tells the hour: %+v %+v", f, later)
	}
	entries, err := k.rdb.XRange(t.Context(), "{410700}:journal", "-", "+").Result()
	if err != nil || len(entries) == 0 {
		t.Fatal(err)
	}
	for _, e := range entries {
		if text := fmt.Sprint(e.Values); strings.Contains(text, "evidence.create") && !strings.Contains(text, "2026-05-19T16:00:00Z") {
			t.Errorf("the journal tells the hour: %s", text)
		}
	}
}
