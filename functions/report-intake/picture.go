package function

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"strings"

	"github.com/skip2/go-qrcode"

	"ipcredit/shared/tipoff"
)

// glyphs are the characters of numbers and receipts, five by seven dots each, one
// byte a row from the top, the leftmost dot the highest of five bits. A picture
// must not depend on the fonts of a machine.
var glyphs = map[rune][7]byte{
	'0': {14, 17, 19, 21, 25, 17, 14}, '1': {4, 12, 4, 4, 4, 4, 14}, '2': {14, 17, 1, 2, 4, 8, 31},
	'3': {31, 2, 4, 2, 1, 17, 14}, '4': {2, 6, 10, 18, 31, 2, 2}, '5': {31, 16, 30, 1, 1, 17, 14},
	'6': {6, 8, 16, 30, 17, 17, 14}, '7': {31, 1, 2, 4, 8, 8, 8}, '8': {14, 17, 17, 14, 17, 17, 14},
	'9': {14, 17, 17, 15, 1, 2, 12}, 'A': {14, 17, 17, 31, 17, 17, 17}, 'B': {30, 17, 17, 30, 17, 17, 30},
	'C': {14, 17, 16, 16, 16, 17, 14}, 'D': {28, 18, 17, 17, 17, 18, 28}, 'E': {31, 16, 16, 30, 16, 16, 31},
	'F': {31, 16, 16, 30, 16, 16, 16}, 'G': {14, 17, 16, 23, 17, 17, 15}, 'H': {17, 17, 17, 31, 17, 17, 17},
	'I': {14, 4, 4, 4, 4, 4, 14}, 'J': {7, 2, 2, 2, 2, 18, 12}, 'K': {17, 18, 20, 24, 20, 18, 17},
	'L': {16, 16, 16, 16, 16, 16, 31}, 'M': {17, 27, 21, 21, 17, 17, 17}, 'N': {17, 17, 25, 21, 19, 17, 17},
	'O': {14, 17, 17, 17, 17, 17, 14}, 'P': {30, 17, 17, 30, 16, 16, 16}, 'Q': {14, 17, 17, 17, 21, 18, 13},
	'R': {30, 17, 17, 30, 20, 18, 17}, 'S': {15, 16, 16, 14, 1, 1, 30}, 'T': {31, 4, 4, 4, 4, 4, 4},
	'U': {17, 17, 17, 17, 17, 17, 14}, 'V': {17, 17, 17, 17, 10, 10, 4}, 'W': {17, 17, 17, 21, 21, 21, 10},
	'X': {17, 17, 10, 4, 10, 17, 17}, 'Y': {17, 17, 17, 10, 4, 4, 4}, 'Z': {31, 1, 2, 4, 8, 16, 31},
	'-': {0, 0, 0, 31, 0, 0, 0}, ' ': {},
}

const (
	dot     = 3 // pixels of a dot of a character
	module  = 5 // pixels of a module of the code
	margin  = 20
	perLine = 3 // groups of a receipt on a line
)

// picture draws number and receipt as text and as a QR code that holds the same
// text: no address, and no word that says what it is.
func picture(number, receipt string) ([]byte, error) {
	number = tipoff.FormatNumber(number)
	code, err := qrcode.New(number+"\n"+receipt, qrcode.Medium)
	if err != nil {
		return nil, fmt.Errorf("report-intake: drawing receipt: %w", err)
	}
	code.DisableBorder = true
	bits := code.Bitmap()
	text := []string{number, ""}
	for g := groups(receipt); len(g) > 0; g = g[min(perLine, len(g)):] {
		text = append(text, strings.Join(g[:min(perLine, len(g))], "-"))
	}
	longest := 0
	for _, line := range text {
		longest = max(longest, len(line))
	}
	const advance, leading = 6 * dot, 11 * dot
	side := len(bits) * module
	width := max(side, longest*advance) + 2*margin
	height := side + 3*margin + len(text)*leading
	img := image.NewPaletted(image.Rect(0, 0, width, height), color.Palette{color.White, color.Black})
	fill := func(x, y, size int) {
		for dy := range size {
			for dx := range size {
				img.SetColorIndex(x+dx, y+dy, 1)
			}
		}
	}
	left := (width - side) / 2
	for y, row := range bits {
		for x, black := range row {
			if black {
				fill(left+x*module, margin+y*module, module)
			}
		}
	}
	for n, line := range text {
		x, y := (width-len(line)*advance)/2, side+2*margin+n*leading
		for _, r := range strings.ToUpper(line) {
			for dy, row := range glyphs[r] {
				for dx := range 5 {
					if row&(16>>dx) != 0 {
						fill(x+dx*dot, y+dy*dot, dot)
					}
				}
			}
			x += advance
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		return nil, fmt.Errorf("report-intake: drawing receipt: %w", err)
	}
	return b.Bytes(), nil
}
