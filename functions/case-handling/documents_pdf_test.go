package function

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/chromedp/cdproto/cdp"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/pdfcpu/pdfcpu/pkg/api"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/types"

	"golang.org/x/text/unicode/norm"

	"ipcredit/shared/browsertest"
)

// pdfPage is a page of a PDF: its size in points and what it says, without spaces.
type pdfPage struct {
	Width, Height float64
	Text          string
}

// onPaper is the page as the browser saves it as PDF, on the paper that its style
// sheet asks for.
func onPaper(t testing.TB, p *browsertest.Page) ([]byte, []pdfPage) {
	t.Helper()
	var data []byte
	yes := true
	p.Do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		got, err := cdp.Call(ctx, target, cdppage.PrintToPDF, cdppage.PrintToPDFParams{PreferCSSPageSize: &yes})
		data = got.Data
		return err
	}))
	return data, pdfPages(t, data)
}

func pdfPages(t testing.TB, data []byte) []pdfPage {
	t.Helper()
	ctx, err := api.ReadValidateAndOptimize(bytes.NewReader(data), model.NewDefaultConfiguration())
	if err != nil {
		t.Fatal(err)
	}
	out := make([]pdfPage, ctx.PageCount)
	for n := range out {
		d, _, inherited, err := ctx.PageDict(n+1, false)
		if err != nil {
			t.Fatal(err)
		}
		box := inherited.MediaBox
		if own, ok := d.Find("MediaBox"); ok {
			if list, err := ctx.DereferenceArray(own); err == nil {
				box = types.RectForArray(list)
			}
		}
		out[n].Width, out[n].Height = box.Width(), box.Height()
		r, err := pdfcpu.ExtractPageContent(ctx, n+1)
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		resources := inherited.Resources
		if own, ok := d.Find("Resources"); ok {
			if resources, err = ctx.DereferenceDict(own); err != nil {
				t.Fatal(err)
			}
		}
		out[n].Text = pdfText(string(content), pdfFonts(t, ctx, resources))
	}
	return out
}

// pdfFonts maps the glyphs of each font of a page to what they are read as.
func pdfFonts(t testing.TB, ctx *model.Context, resources types.Dict) map[string]map[string]string {
	t.Helper()
	out := map[string]map[string]string{}
	found, _ := resources.Find("Font")
	fonts, err := ctx.DereferenceDict(found)
	if err != nil {
		t.Fatal(err)
	}
	for name, ref := range fonts {
		font, err := ctx.DereferenceDict(ref)
		if err != nil {
			t.Fatal(err)
		}
		cmap, ok := font.Find("ToUnicode")
		if !ok {
			continue
		}
		stream, _, err := ctx.DereferenceStreamDict(cmap)
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.Decode(); err != nil {
			t.Fatal(err)
		}
		out[name] = toUnicode(string(stream.Content))
	}
	return out
}

var (
	bfBlock = regexp.MustCompile(`(?s)beginbf(char|range)(.*?)endbf`)
	bfHex   = regexp.MustCompile(`<([0-9A-Fa-f]+)>|(\[)|(\])`)
)

// toUnicode reads a ToUnicode CMap.
func toUnicode(cmap string) map[string]string {
	out := map[string]string{}
	for _, block := range bfBlock.FindAllStringSubmatch(cmap, -1) {
		var hexes []string
		for _, m := range bfHex.FindAllStringSubmatch(block[2], -1) {
			hexes = append(hexes, m[1]+m[2]+m[3])
		}
		if block[1] == "char" {
			for i := 0; i+1 < len(hexes); i += 2 {
				out[strings.ToUpper(hexes[i])] = fromUTF16(hexes[i+1])
			}
			continue
		}
		for i := 0; i+2 < len(hexes); {
			from, _ := strconv.ParseUint(hexes[i], 16, 32)
			to, _ := strconv.ParseUint(hexes[i+1], 16, 32)
			width := len(hexes[i])
			if hexes[i+2] == "[" {
				i += 3
				for g := from; i < len(hexes) && hexes[i] != "]"; g, i = g+1, i+1 {
					out[fmt.Sprintf("%0*X", width, g)] = fromUTF16(hexes[i])
				}
				i++
				continue
			}
			first, _ := strconv.ParseUint(hexes[i+2], 16, 32)
			for g := from; g <= to; g++ {
				out[fmt.Sprintf("%0*X", width, g)] = fromUTF16(fmt.Sprintf("%04X", first+g-from))
			}
			i += 3
		}
	}
	return out
}

func fromUTF16(s string) string {
	raw, err := hex.DecodeString(s)
	if err != nil {
		return ""
	}
	units := make([]uint16, len(raw)/2)
	for i := range units {
		units[i] = uint16(raw[2*i])<<8 | uint16(raw[2*i+1])
	}
	return string(utf16.Decode(units))
}

var pdfShow = regexp.MustCompile(`/(\S+)\s+[-0-9.]+\s+Tf|<([0-9A-Fa-f]+)>`)

// pdfText is what the content of a page shows.
func pdfText(content string, fonts map[string]map[string]string) string {
	var b strings.Builder
	font := map[string]string{}
	for _, m := range pdfShow.FindAllStringSubmatch(content, -1) {
		if m[1] != "" {
			font = fonts[m[1]]
			continue
		}
		// A font that is drawn bold for want of a bold one has codes of one byte.
		width := 4
		for code := range font {
			width = len(code)
			break
		}
		for i := 0; i+width <= len(m[2]); i += width {
			b.WriteString(font[strings.ToUpper(m[2][i:i+width])])
		}
	}
	// A font writes “ffi” as one glyph and some signs as their older twins.
	return norm.NFKC.String(strings.Join(strings.Fields(b.String()), ""))
}

// wantA4 fails where a page is not A4 upright.
func wantA4(t testing.TB, pages []pdfPage) {
	t.Helper()
	for n, p := range pages {
		if w, h := p.Width*25.4/72, p.Height*25.4/72; w < 209 || w > 211 || h < 296 || h > 298 {
			t.Errorf("page %d is %.1f by %.1f mm", n+1, w, h)
		}
	}
}
