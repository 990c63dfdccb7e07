package sheet

import (
	"encoding/xml"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// numberFormat is what of a cell's number format changes its meaning.
type numberFormat struct {
	day, clock bool
	zeros      int // as many digits with leading zeros: 000000
}

// builtin are the formats that files name by number only (ECMA-376 part 1,
// 18.8.30), with the meanings 27–36 and 50–58 have in Chinese.
func builtin(id int) numberFormat {
	switch {
	case id >= 14 && id <= 17, id >= 27 && id <= 31, id == 36, id >= 50 && id <= 54, id == 57, id == 58:
		return numberFormat{day: true}
	case id == 22:
		return numberFormat{day: true, clock: true}
	case id >= 18 && id <= 21, id >= 32 && id <= 35, id >= 45 && id <= 47, id == 55, id == 56:
		return numberFormat{clock: true}
	}
	return numberFormat{}
}

// parseFormat reads a format code's first section.
func parseFormat(code string) numberFormat {
	upper := strings.ToUpper(code)
	for strings.HasPrefix(upper, "[") { // a colour or kind of digits before General
		_, upper, _ = strings.Cut(upper, "]")
	}
	if strings.HasPrefix(upper, "GENERAL") || strings.HasPrefix(upper, "G/") {
		return numberFormat{}
	}
	if len(code) > 1 && len(code) <= 32 && strings.Trim(code, "0") == "" {
		return numberFormat{zeros: len(code)}
	}
	var f numberFormat
	month := false
	for i := 0; i < len(code); i++ {
		switch c := code[i] | 0x20; {
		case code[i] == ';':
			i = len(code)
		case code[i] == '"':
			end := strings.IndexByte(code[i+1:], '"')
			if end < 0 {
				i = len(code)
				break
			}
			i += end + 1
		case code[i] == '\\' || code[i] == '_' || code[i] == '*':
			i++
		case code[i] == '[':
			end := strings.IndexByte(code[i:], ']')
			if end < 0 {
				i = len(code)
				break
			}
			if elapsed := strings.ToLower(code[i+1 : i+end]); elapsed != "" && strings.Trim(elapsed, "hms") == "" {
				f.clock = true
			}
			i += end
		case len(code)-i >= 5 && strings.EqualFold(code[i:i+5], "am/pm"):
			f.clock = true
			i += 4
		case len(code)-i >= 3 && strings.EqualFold(code[i:i+3], "a/p"):
			f.clock = true
			i += 2
		case c == 'e' && i+1 < len(code) && (code[i+1] == '+' || code[i+1] == '-'):
			i++ // an exponent, not a year
		case c == 'y', c == 'd', c == 'e':
			f.day = true
		case c == 'h', c == 's':
			f.clock = true
		case c == 'm':
			month = true
		}
	}
	if month && !f.clock {
		f.day = true
	}
	return f
}

// formats reads the number format of each cell style.
func (p *parts) formats(part string) ([]numberFormat, error) {
	t, err := p.part(part)
	if err != nil {
		return nil, err
	}
	defer t.close()
	custom := make(map[int]numberFormat)
	var out []numberFormat
	inside := false // <cellXfs>
	for {
		token, err := t.next()
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		switch e := token.(type) {
		case xml.EndElement:
			if e.Name.Local == "cellXfs" {
				inside = false
			}
		case xml.StartElement:
			switch e.Name.Local {
			case "cellXfs":
				inside = true
			case "numFmt":
				if id, err := strconv.Atoi(attribute(e, "numFmtId")); err == nil && len(custom) < 1<<16 {
					custom[id] = parseFormat(attribute(e, "formatCode"))
				}
			case "xf":
				if !inside || len(out) >= 1<<16 {
					continue
				}
				id, _ := strconv.Atoi(attribute(e, "numFmtId"))
				f, ok := custom[id]
				if !ok {
					f = builtin(id)
				}
				out = append(out, f)
			}
		}
	}
}

// number writes a stored number as a person reads it: a day YYYY-MM-DD, digits
// in full without exponent, 15 significant digits as Excel shows them. lost
// tells a whole number so long that Excel can't have kept its digits.
func number(stored string, f numberFormat, from1904 bool) (text string, lost bool) {
	v, err := strconv.ParseFloat(stored, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return stored, false
	}
	if f.day || f.clock {
		if s, ok := moment(v, f, from1904); ok {
			return s, false
		}
	}
	if math.Abs(v) >= 1e15 {
		return strconv.FormatFloat(v, 'f', -1, 64), true
	}
	// 15 digits: 0.1+0.2 is stored as 0.30000000000000004.
	v, _ = strconv.ParseFloat(strconv.FormatFloat(v, 'e', 14, 64), 64)
	text = strconv.FormatFloat(v, 'f', -1, 64)
	if n := f.zeros - len(text); n > 0 && digits(text) {
		text = strings.Repeat("0", n) + text
	}
	return text, false
}

// moment turns a serial number into a day, a day and time, or a time.
func moment(serial float64, f numberFormat, from1904 bool) (string, bool) {
	if serial < 0 || serial >= 2958466 { // 10000-01-01
		return "", false
	}
	day, part := math.Modf(serial)
	seconds := int(math.Round(part * 86400))
	if seconds == 86400 {
		day, seconds = day+1, 0
	}
	clock := time.Unix(int64(seconds), 0).UTC().Format(time.TimeOnly)
	if !f.day && day == 0 {
		return clock, true
	}
	first := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
	switch {
	case from1904:
		first = time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)
	case day == 60:
		return "1900-02-29", true // Excel's own day that never was
	case day < 60:
		first = first.AddDate(0, 0, 1)
	}
	date := first.AddDate(0, 0, int(day)).Format(time.DateOnly)
	if f.clock && seconds != 0 {
		return date + " " + clock, true
	}
	return date, true
}
