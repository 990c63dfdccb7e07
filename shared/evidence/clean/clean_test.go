package clean

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"slices"
	"strings"
	"testing"

	"github.com/pdfcpu/pdfcpu/pkg/api"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"

	"ipcredit/shared/page"
)

func TestCopyOfAPhotographShowsThePictureAndNothingElse(t *testing.T) {
	t.Parallel()
	c := mustClean(t, telephone(1))
	noCanary(t, "the copy", c.Data)
	if c.Type != "image/jpeg" || c.Ext != ".jpg" {
		t.Errorf("type %s %s", c.Type, c.Ext)
	}
	want := []string{goneLocation, goneDevice, goneTime, gonePerson, goneSoftware, goneMakerNote, goneEXIF, goneXMP, goneIPTC, goneText, goneProfile, goneApplication, goneTrailing}
	if got := kinds(c); !slices.Equal(got, want) {
		t.Errorf("removed %v\nwant    %v", got, want)
	}
	for _, r := range c.Removed {
		if r.What == goneLocation && !strings.Contains(r.Detail, "GPSLatitude") {
			t.Errorf("location: %q", r.Detail)
		}
		noCanary(t, "the list of what was removed", []byte(r.Detail))
		if strings.Contains(r.Detail, "35") && r.What == goneLocation {
			t.Errorf("the list tells the place: %q", r.Detail)
		}
	}
	img, err := jpeg.Decode(bytes.NewReader(c.Data))
	if err != nil || img.Bounds().Dx() != 64 || img.Bounds().Dy() != 32 {
		t.Fatalf("%v %v", img.Bounds(), err)
	}
	again := mustClean(t, c.Data)
	if len(again.Removed) != 0 {
		t.Errorf("a copy still has %v", again.Removed)
	}
}

// corners tells the colours of a turned picture's four corners as letters.
func corners(img image.Image) string {
	b := img.Bounds()
	at := func(x, y int) string {
		r, _, bl, _ := img.At(x, y).RGBA()
		if r > bl {
			return "r"
		}
		return "b"
	}
	return at(b.Min.X+1, b.Min.Y+1) + at(b.Max.X-2, b.Min.Y+1) + at(b.Min.X+1, b.Max.Y-2) + at(b.Max.X-2, b.Max.Y-2)
}

func TestOrientationIsAppliedBecauseTheCopyHasNone(t *testing.T) {
	t.Parallel()
	// Left red, right blue; EXIF 2.32 table of orientations.
	want := map[uint16]string{1: "rbrb", 2: "brbr", 3: "brbr", 4: "rbrb", 5: "rrbb", 6: "rrbb", 7: "bbrr", 8: "bbrr", 9: "rbrb", 0: "rbrb"}
	for o, look := range want {
		for _, tt := range []struct {
			name string
			data []byte
		}{
			{"jpeg", telephone(o)},
			{"png", withChunks(plainPNG(64, 32), chunkPNG("eXIf", exif(o)))},
			{"webp", webpFile(64, 32, false, [2]string{"EXIF", string(exif(o))})},
		} {
			c := mustClean(t, tt.data)
			img, _, err := image.Decode(bytes.NewReader(c.Data))
			if err != nil {
				t.Fatal(err)
			}
			size := image.Pt(64, 32)
			if o >= 5 && o <= 8 {
				size = image.Pt(32, 64)
			}
			if img.Bounds().Size() != size || corners(img) != look {
				t.Errorf("%s, orientation %d: %v %s, want %v %s", tt.name, o, img.Bounds().Size(), corners(img), size, look)
			}
		}
	}
}

func TestEverySubsamplingTurns(t *testing.T) {
	t.Parallel()
	for _, ratio := range []image.YCbCrSubsampleRatio{
		image.YCbCrSubsampleRatio444, image.YCbCrSubsampleRatio422, image.YCbCrSubsampleRatio420,
		image.YCbCrSubsampleRatio440, image.YCbCrSubsampleRatio411, image.YCbCrSubsampleRatio410,
	} {
		for _, size := range []image.Point{{64, 32}, {33, 17}, {1, 1}, {1, 9}, {5, 1}} {
			p := image.NewYCbCr(image.Rectangle{Max: size}, ratio)
			for i := range p.Y {
				p.Y[i] = byte(i)
			}
			for o := 2; o <= 8; o++ {
				q := upright(p, o)
				if q.Bounds() != turned(p.Rect, o) {
					t.Fatalf("%v %v %d: %v", ratio, size, o, q.Bounds())
				}
				x, y := place(0, 0, size.X, size.Y, o)
				a, _, _, _ := color.GrayModel.Convert(p.At(0, 0)).RGBA()
				b, _, _, _ := color.GrayModel.Convert(q.At(x, y)).RGBA()
				if d := int(a>>8) - int(b>>8); d < -2 || d > 2 {
					t.Errorf("%v %v %d: %d became %d", ratio, size, o, a>>8, b>>8)
				}
			}
		}
	}
}

func TestCopyOfAPNGAndAWebPLosesTheirTexts(t *testing.T) {
	t.Parallel()
	data := withChunks(plainPNG(20, 10), chunkPNG("eXIf", exif(1)), chunkPNG("tEXt", []byte("Author\x00Zhang Yangli")),
		chunkPNG("iTXt", append([]byte("XML:com.adobe.xmp\x00\x00\x00\x00\x00"), xmp()...)), chunkPNG("tIME", make([]byte, 7)), chunkPNG("prVt", []byte("canary-comment")))
	c := mustClean(t, append(data, "canary-trailing"...))
	noCanary(t, "the copy", c.Data)
	if c.Type != "image/png" || !slices.Contains(kinds(c), goneLocation) || !slices.Contains(kinds(c), goneText) || !slices.Contains(kinds(c), goneTrailing) {
		t.Errorf("%s %v", c.Type, c.Removed)
	}
	c = mustClean(t, append(webpFile(20, 10, true, [2]string{"EXIF", string(exif(1))}, [2]string{"XMP ", string(xmp())}), "canary-trailing"...))
	noCanary(t, "the copy", c.Data)
	if c.Type != "image/png" || !slices.Contains(kinds(c), goneLocation) {
		t.Errorf("%s %v", c.Type, c.Removed)
	}
	img, err := png.Decode(bytes.NewReader(c.Data))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, a := img.At(3, 3).RGBA(); a>>8 != 128 {
		t.Errorf("transparency %d, want 128", a>>8)
	}
	_, err = Clean(t.Context(), webpFile(20, 10, false, [2]string{"ANIM", "000000"}, [2]string{"ANMF", "x"}))
	wantRefused(t, err, "clean.moving")
}

func TestCopyOfAPDFShowsItsPagesAndDoesNothing(t *testing.T) {
	t.Parallel()
	c := mustClean(t, armedPDF())
	noCanary(t, "the copy", c.Data)
	for _, word := range []string{"JavaScript", "/JS", "app.alert", "Launch", "cmd.exe", "EmbeddedFile", "evil", "Filespec", "OpenAction", "/AA<<", "/Metadata", "/PieceInfo", "/Info", "/ID", "other.pdf", "/Link", "AcroForm", "XFA", "20260506"} {
		if bytes.Contains(c.Data, []byte(word)) {
			t.Errorf("the copy holds %s", word)
		}
	}
	for _, word := range []string{pageText, "/Stamp", "(Checked)", "/Widget", "/DCTDecode"} {
		if !bytes.Contains(c.Data, []byte(word)) {
			t.Errorf("the copy lacks %s", word)
		}
	}
	// A drawing whose name is that of an action is still drawn.
	if !bytes.Contains(c.Data, []byte("/AA ")) {
		t.Error("a drawing named AA is gone")
	}
	want := []string{goneJavaScript, goneOpening, goneAction, goneAttachment, goneExternal, gonePerson, goneLink, goneForm, goneMetadata, goneInfo, goneOutline, goneStructure, goneProduction, gonePicture}
	if got := kinds(c); !slices.Equal(got, want) {
		t.Errorf("removed %v\nwant    %v", got, want)
	}
	noSettings()
	if err := api.Validate(bytes.NewReader(c.Data), model.NewDefaultConfiguration()); err != nil {
		t.Errorf("the copy is not valid: %v", err)
	}
	if again := mustClean(t, c.Data); len(again.Removed) != 1 || again.Removed[0].What != goneForm {
		t.Errorf("a copy still has %v", again.Removed) // the look of the filled-in field
	}
}

func TestPDFUnderAPasswordHasNoCopyUnlessItOpensWithoutOne(t *testing.T) {
	t.Parallel()
	noSettings()
	encrypt := func(user string) []byte {
		conf := model.NewAESConfiguration(user, "owner", 256)
		var b bytes.Buffer
		if err := api.Encrypt(bytes.NewReader(armedPDF()), &b, conf); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	_, err := Clean(t.Context(), encrypt("user"))
	wantRefused(t, err, "clean.password")
	c := mustClean(t, encrypt(""))
	if bytes.Contains(c.Data, []byte("/Encrypt")) || !bytes.Contains(c.Data, []byte("DCTDecode")) {
		t.Error("the copy is encrypted or lacks its picture")
	}
	if !slices.Contains(kinds(c), goneEncryption) || !slices.Contains(kinds(c), goneJavaScript) {
		t.Errorf("removed %v", c.Removed)
	}
	if err := api.Validate(bytes.NewReader(c.Data), model.NewDefaultConfiguration()); err != nil {
		t.Errorf("the copy is not valid: %v", err)
	}
}

func TestEarlierStatesOfAPDFStayBehind(t *testing.T) {
	t.Parallel()
	data := plainPDF()
	at := bytes.LastIndex(data, []byte("xref\n0"))
	head := bytes.Clone(data)
	var b bytes.Buffer
	b.Write(head)
	offset := b.Len()
	b.WriteString("4 0 obj\n<</Length 9>>\nstream\n0 0 m 1 g\nendstream\nendobj\n")
	xref := b.Len()
	fmt.Fprintf(&b, "xref\n4 1\n%010d 00000 n \ntrailer\n<</Size 6/Root 1 0 R/Prev %d>>\nstartxref\n%d\n%%%%EOF\n", offset, at, xref)
	c := mustClean(t, b.Bytes())
	if bytes.Contains(c.Data, []byte("Visible text")) {
		t.Error("the copy holds the page as it was before")
	}
}

func TestSizesThatAreDeclaredAreNotBelieved(t *testing.T) {
	t.Parallel()
	huge := bytes.Clone(plainPNG(4, 4))
	copy(huge[16:], []byte{0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff})
	fixed := slices.Concat(huge[:8], chunkPNG("IHDR", huge[16:29]), huge[33:])
	_, err := Clean(t.Context(), fixed)
	wantRefused(t, err, "clean.too_many_pixels")

	wide := plainJPEG(16, 16)
	at := bytes.Index(wide, []byte{0xff, 0xc0})
	copy(wide[at+5:], []byte{0xff, 0xff, 0xff, 0xff})
	_, err = Clean(t.Context(), wide)
	wantRefused(t, err, "clean.too_many_pixels")

	canvas := webpFile(9, 9, false)
	copy(canvas[24:], []byte{0xff, 0x7f, 0, 0xff, 0x7f, 0}) // as the header declares it
	_, err = Clean(t.Context(), canvas)
	wantRefused(t, err, "clean.too_many_pixels")

	_, err = Clean(t.Context(), make([]byte, MaxBytes+1))
	wantRefused(t, err, "clean.too_long")
	_, err = Clean(t.Context(), []byte("plain words"))
	wantRefused(t, err, "clean.not_this_type")
	_, err = Clean(t.Context(), nil)
	wantRefused(t, err, "clean.not_this_type")
	for _, whole := range [][]byte{telephone(6), plainPNG(9, 9), webpFile(9, 9, false), armedPDF()} {
		_, err = Clean(t.Context(), whole[:len(whole)/2])
		if err != nil { // half a PDF may be readable still
			wantRefused(t, err, "clean.damaged")
		}
	}
}

func TestCleaningEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Clean(ctx, armedPDF()); err == nil {
		t.Error("a copy after the end")
	}
}

func TestPagesThatLeadInACircleEnd(t *testing.T) {
	t.Parallel()
	for _, data := range [][]byte{
		pdfFile("", "<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[2 0 R 2 0 R]/Count 2>>"),
		pdfFile("", "<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>", "<</Type/Page/MediaBox[0 0 9 9]/Resources 4 0 R>>", "<</XObject<</A 5 0 R>>>>", "<</Type/XObject/Subtype/Form/BBox[0 0 1 1]/Resources 4 0 R>>stream:/A Do"),
	} {
		c, err := Clean(t.Context(), data)
		if err == nil && len(c.Data) > 10*len(data) {
			t.Errorf("%d bytes became %d", len(data), len(c.Data))
		}
	}
}

func TestEveryRemovalAndFindingHasWords(t *testing.T) {
	t.Parallel()
	var keys []string
	for _, k := range Kinds() {
		keys = append(keys, "clean.removed."+k)
	}
	for _, f := range Findings() {
		keys = append(keys, "clean.finding."+f)
	}
	for _, key := range keys {
		if !page.Has(key) {
			t.Errorf("no words for %s", key)
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, data := range [][]byte{telephone(6), plainPNG(5, 4), webpFile(5, 4, true), plainPDF(), armedPDF()} {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := within(t.Context(), data, 1<<20)
		if err != nil {
			return
		}
		for _, r := range c.Removed {
			if !slices.Contains(Kinds(), r.What) || len(r.Detail) > 2000 {
				t.Errorf("removed %+v", r)
			}
		}
		if got := Sniff(c.Data); got != c.Type {
			t.Errorf("the copy of %s is %s", c.Type, got)
		}
	})
}

func BenchmarkCleanPhotograph(b *testing.B) {
	data := app(plainJPEG(4000, 3000), segment{marker: 0xe1, body: append([]byte("Exif\x00\x00"), exif(6)...)})
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Clean(b.Context(), data); err != nil {
			b.Fatal(err)
		}
	}
}
