// Package book writes spreadsheets: templates and rejected rows.
//
// No cell it writes can become a formula, and package sheet reads back what it
// writes. It stands apart from sheet because the library that writes XLSX is
// large: whoever only has to know what a row is does not carry it.
package book

import (
	"archive/zip"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"

	"ipcredit/shared/page"
)

// send writes the workbook straight to w: excelize itself would hold the whole
// archive in memory first.
func send(f *excelize.File, w io.Writer) error {
	f.SetZipWriter(func(io.Writer) excelize.ZipWriter { return zip.NewWriter(w) })
	return writing(f.Write(io.Discard))
}

func closed(f *excelize.File, err error) error {
	if e := f.Close(); err == nil {
		return writing(e)
	}
	return err
}

func writing(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("book: writing: %w", err)
}

// styles are the cell styles of our files, by excelize's number.
type styles struct{ required, optional, text, message, title, wrap int }

func newStyles(f *excelize.File) (styles, error) {
	var out styles
	border := []excelize.Border{
		{Type: "left", Color: "BFBFBF", Style: 1}, {Type: "right", Color: "BFBFBF", Style: 1},
		{Type: "top", Color: "BFBFBF", Style: 1}, {Type: "bottom", Color: "BFBFBF", Style: 1},
	}
	const asText = 49 // the built-in format "@"
	for _, s := range []struct {
		into  *int
		style excelize.Style
	}{
		{&out.required, excelize.Style{
			Font: &excelize.Font{Bold: true, Color: "FFFFFF"}, Border: border, NumFmt: asText,
			Fill:      excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{"9C2A10"}},
			Alignment: &excelize.Alignment{Vertical: "center", WrapText: true},
		}},
		{&out.optional, excelize.Style{
			Font: &excelize.Font{Bold: true, Color: "1F2933"}, Border: border, NumFmt: asText,
			Fill:      excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{"DCE6F1"}},
			Alignment: &excelize.Alignment{Vertical: "center", WrapText: true},
		}},
		{&out.text, excelize.Style{NumFmt: asText}},
		{&out.message, excelize.Style{
			Font: &excelize.Font{Color: "9C2A10"}, NumFmt: asText,
			Alignment: &excelize.Alignment{Vertical: "top", WrapText: true},
		}},
		{&out.title, excelize.Style{Font: &excelize.Font{Bold: true, Size: 14}}},
		{&out.wrap, excelize.Style{Border: border, NumFmt: asText, Alignment: &excelize.Alignment{Vertical: "top", WrapText: true}}},
	} {
		id, err := f.NewStyle(&s.style)
		if err != nil {
			return out, writing(err)
		}
		*s.into = id
	}
	return out, nil
}

func headerPane() *excelize.Panes {
	return &excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}
}

// clip shortens to so many characters, as Excel's own limits demand.
func clip(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}

// say words what stands in our files: they are in Chinese, whoever asks.
func say(key string, args ...any) string { return page.Say(page.ZH, key, args...) }
