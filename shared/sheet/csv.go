package sheet

import (
	"bufio"
	"bytes"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"ipcredit/shared/fault"
)

// csvSource reads comma, semicolon or tab separated rows. Records are split in
// bytes, before anything is decoded: no byte of a multibyte character of UTF-8
// or GB18030 is a separator, quote or line end.
type csvSource struct {
	br     *bufio.Reader
	comma  byte
	eol    byte
	limits Limits
	enc    charset
	gb     *encoding.Decoder
	number int // of the row last read; 0 is the header

	rec  []byte // the cells of one record, one after the other
	ends []int  // where each cell ends in rec
	text []byte // rec decoded from GB18030
}

type charset int

const (
	undecided charset = iota
	utf8Text
	gbText
)

func openCSV(schema Schema, known names, br *bufio.Reader, limits Limits) (source, *Layout, error) {
	c := &csvSource{br: br, comma: ',', eol: '\n', limits: limits, gb: simplifiedchinese.GB18030.NewDecoder()}
	head, err := br.Peek(4)
	if err != nil && err != io.EOF {
		return nil, nil, err
	}
	switch {
	case bytes.HasPrefix(head, []byte("\xEF\xBB\xBF")):
		c.enc = utf8Text
		_, _ = br.Discard(3)
	case bytes.HasPrefix(head, []byte("\x84\x31\x95\x33")):
		c.enc = gbText
		_, _ = br.Discard(4)
	case bytes.HasPrefix(head, []byte("\xFF\xFE")), bytes.HasPrefix(head, []byte("\xFE\xFF")):
		// What Excel calls Unicode text.
		wide := unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM).NewDecoder()
		c.br = bufio.NewReaderSize(transform.NewReader(br, wide), window)
		c.enc = utf8Text
	}
	if err := c.sniff(known); err != nil {
		return nil, nil, err
	}
	for {
		if err := c.record(); err == io.EOF {
			return nil, nil, fault.New(fault.Invalid, "sheet.empty")
		} else if err != nil {
			return nil, nil, err
		}
		if bytes.IndexByte(c.rec, 0) >= 0 {
			return nil, nil, fault.New(fault.WrongType, "sheet.unknown_format")
		}
		if len(c.ends) > limits.Columns {
			return nil, nil, fault.New(fault.TooLarge, "sheet.too_many_columns", limits.Columns)
		}
		headers, err := c.header(known)
		if err != nil {
			return nil, nil, err
		}
		if blank(headers) {
			continue
		}
		l, err := schema.readHeader(known, headers)
		return c, l, err
	}
}

// readHeader lays out by a header row, and says so if it does not look like one.
func (s Schema) readHeader(known names, headers []string) (*Layout, error) {
	if known.known(headers) == 0 {
		for _, h := range headers {
			if h = show(h); h != "" {
				return nil, fault.New(fault.Invalid, "sheet.not_a_header", h).With(h, "sheet.not_a_header", h)
			}
		}
	}
	return s.read(known, headers)
}

// sniff finds what separates cells and lines from the first record.
func (c *csvSource) sniff(known names) error {
	ahead, err := c.br.Peek(window)
	if err != nil && err != io.EOF && err != bufio.ErrBufferFull {
		return err
	}
	if bytes.IndexByte(ahead, '\n') < 0 && bytes.IndexByte(ahead, '\r') >= 0 {
		c.eol = '\r'
	}
	// Excel's own hint: a first line "sep=;".
	if line, _, ok := bytes.Cut(ahead, []byte{c.eol}); ok {
		line = bytes.TrimSuffix(line, []byte("\r"))
		if len(line) == 5 && bytes.EqualFold(line[:4], []byte("sep=")) && strings.IndexByte(",;\t", line[4]) >= 0 {
			c.comma = line[4]
			_, err := c.br.ReadSlice(c.eol)
			return err
		}
	}
	best := -1
	for _, comma := range []byte{',', '\t', ';'} {
		try := &csvSource{
			br: bufio.NewReader(bytes.NewReader(ahead)), comma: comma, eol: c.eol, enc: c.enc,
			limits: c.limits, gb: simplifiedchinese.GB18030.NewDecoder(),
		}
		var headers []string
		for blank(headers) {
			if try.record() != nil {
				break
			}
			if headers, err = try.header(known); err != nil {
				break
			}
		}
		score := known.known(headers)*1000 + min(len(headers), 999)
		if len(headers) > 0 && score > best {
			best, c.comma = score, comma
		}
	}
	return nil
}

// header decodes the record just read as the header row and may learn the
// encoding from it.
func (c *csvSource) header(known names) ([]string, error) {
	if c.enc == undecided && !ascii(c.rec) {
		asUTF, okUTF := c.cells(utf8Text)
		asGB, okGB := c.cells(gbText)
		switch {
		case !okUTF && !okGB:
			return nil, fault.New(fault.Invalid, "sheet.encoding_header")
		case !okGB, okUTF && known.known(asUTF) >= known.known(asGB):
			c.enc = utf8Text
			return asUTF, nil
		default:
			c.enc = gbText
			return asGB, nil
		}
	}
	cells, ok := c.cells(c.enc)
	if !ok {
		return nil, fault.New(fault.Invalid, "sheet.encoding_header")
	}
	return cells, nil
}

func (c *csvSource) next() (raw, error) {
	for {
		if err := c.record(); err != nil {
			return raw{}, err
		}
		c.number++
		if len(c.rec) == 0 {
			continue
		}
		cells, err := c.decode()
		if err != nil {
			return raw{}, err
		}
		if blank(cells) {
			continue
		}
		return raw{number: c.number, cells: cells}, nil
	}
}

// record reads one record into rec and ends, quotes resolved, not decoded.
func (c *csvSource) record() error {
	c.rec, c.ends = c.rec[:0], c.ends[:0]
	quoted, begun := false, false
	for {
		line, err := c.line()
		if len(line) == 0 && err != nil {
			if err == io.EOF && quoted {
				return fault.New(fault.Invalid, "sheet.quote", c.number+1)
			}
			if err == io.EOF && begun {
				return nil
			}
			return err
		}
		begun = true
		if len(c.rec)+len(line) > c.limits.RowBytes || len(c.ends) > 2*c.limits.Columns+1000 {
			if quoted {
				return fault.New(fault.Invalid, "sheet.quote", c.number+1)
			}
			return fault.New(fault.TooLarge, "sheet.row_too_long", c.number+1, c.limits.RowBytes>>10)
		}
		if quoted = c.split(line, quoted); !quoted {
			return nil
		}
	}
}

// line returns the next line with its line end. The slice is good until the
// next call.
func (c *csvSource) line() ([]byte, error) {
	line, err := c.br.ReadSlice(c.eol)
	if err != bufio.ErrBufferFull {
		if err == io.EOF && len(line) > 0 {
			err = nil
		}
		return line, err
	}
	long := bytes.Clone(line)
	for err == bufio.ErrBufferFull {
		if len(long) > c.limits.RowBytes {
			return nil, fault.New(fault.TooLarge, "sheet.row_too_long", c.number+1, c.limits.RowBytes>>10)
		}
		line, err = c.br.ReadSlice(c.eol)
		long = append(long, line...)
	}
	if err == io.EOF {
		err = nil
	}
	return long, err
}

// split adds the cells of a line to the record and tells whether its last cell
// goes on behind the line end, inside quotes.
func (c *csvSource) split(line []byte, quoted bool) bool {
	for {
		if quoted {
			i := bytes.IndexByte(line, '"')
			if i < 0 {
				c.rec = append(c.rec, line...)
				return true
			}
			c.rec = append(c.rec, line[:i]...)
			line = line[i+1:]
			if len(line) > 0 && line[0] == '"' {
				c.rec = append(c.rec, '"')
				line = line[1:]
				continue
			}
			quoted = false
		} else if len(line) > 0 && line[0] == '"' {
			quoted, line = true, line[1:]
			continue
		}
		i := bytes.IndexByte(line, c.comma)
		if i < 0 {
			line = bytes.TrimSuffix(line, []byte{c.eol})
			line = bytes.TrimSuffix(line, []byte{'\r'})
			c.rec = append(c.rec, line...)
			c.ends = append(c.ends, len(c.rec))
			return false
		}
		c.rec = append(c.rec, line[:i]...)
		c.ends = append(c.ends, len(c.rec))
		line = line[i+1:]
	}
}

// decode turns the record into cells and finds out, at the first row with more
// than ASCII, in which encoding the file is.
func (c *csvSource) decode() ([]string, error) {
	if c.enc == undecided && !ascii(c.rec) {
		if c.enc = c.guess(); c.enc == undecided {
			return nil, fault.New(fault.Invalid, "sheet.encoding_row", c.number)
		}
	}
	cells, ok := c.cells(c.enc)
	if !ok || c.enc == gbText && utfAmongGB(c.rec) {
		name := "UTF-8"
		if c.enc == gbText {
			name = "GB18030"
		}
		return nil, fault.New(fault.Invalid, "sheet.encoding_mixed", name, c.number)
	}
	return cells, nil
}

// cells decodes the record in an encoding; ok is false if it is not in it.
func (c *csvSource) cells(enc charset) (out []string, ok bool) {
	text, ends := c.rec, c.ends
	plain := ascii(c.rec)
	if !plain && enc != gbText && !utf8.Valid(c.rec) {
		return nil, false
	}
	out = make([]string, len(ends))
	if plain || enc != gbText {
		whole, from := string(text), 0
		for i, end := range ends {
			out[i] = natural(whole[from:end])
			from = end
		}
		return out, true
	}
	from := 0
	for i, end := range ends {
		cell, ok := c.fromGB(c.rec[from:end])
		if !ok {
			return nil, false
		}
		out[i] = natural(cell)
		from = end
	}
	return out, true
}

func (c *csvSource) fromGB(cell []byte) (string, bool) {
	if ascii(cell) {
		return string(cell), true
	}
	// A character of two bytes becomes three at most, one of four becomes four.
	if need := 3*len(cell) + 8; cap(c.text) < need {
		c.text = make([]byte, need)
	}
	c.gb.Reset()
	n, _, err := c.gb.Transform(c.text[:cap(c.text)], cell, true)
	if err != nil || bytes.Contains(c.text[:n], []byte("\uFFFD")) {
		return "", false
	}
	return string(c.text[:n]), true
}

func (c *csvSource) validGB(b []byte) bool {
	_, ok := c.fromGB(b)
	return ok
}

// guess decides between UTF-8 and GB18030 by the record just read, the first
// with more than ASCII in it, and by what follows it. GB18030 text is almost
// never valid UTF-8, and a file has one encoding, so a window decides; what it
// leaves open is decided by what the characters would be.
func (c *csvSource) guess() charset {
	isUTF, isGB := utf8.Valid(c.rec), c.validGB(c.rec)
	switch {
	case isUTF && !isGB:
		return utf8Text
	case isGB && !isUTF:
		return gbText
	case !isUTF:
		return undecided
	}
	sample := bytes.Clone(c.rec)
	ahead, _ := c.br.Peek(c.br.Buffered())
	if len(ahead) < window/2 {
		ahead, _ = c.br.Peek(window) // at the end of the file: what there is
	}
	if i := bytes.LastIndexByte(ahead, c.eol); i >= 0 {
		ahead = ahead[:i]
	}
	sample = append(append(sample, c.eol), ahead...)
	isUTF, isGB = utf8.Valid(sample), c.validGB(sample)
	switch {
	case isUTF && !isGB:
		return utf8Text
	case isGB && !isUTF:
		return gbText
	case !isUTF:
		sample = c.rec // the file mixes them: its first row decides
	}
	// Chinese in UTF-8 has characters of three bytes. Text that would be only
	// Greek, Cyrillic or Latin letters in UTF-8 but common characters in
	// GB2312 is Chinese.
	for _, r := range string(sample) {
		if r >= 0x800 {
			return utf8Text
		}
	}
	if commonGB(sample) {
		return gbText
	}
	return utf8Text
}

// utfAmongGB tells a row in UTF-8 inside a GB18030 file where it would pass for
// GB18030: it is valid UTF-8 made of characters GB2312 has, and in GB18030 it
// would be characters that are not in GB2312.
func utfAmongGB(rec []byte) bool {
	if ascii(rec) || !utf8.Valid(rec) || commonGB(rec) {
		return false
	}
	wide := false
	for _, r := range string(rec) {
		wide = wide || r >= 0x800
	}
	if !wide {
		return false
	}
	b, err := simplifiedchinese.GB18030.NewEncoder().Bytes(rec)
	return err == nil && commonGB(b)
}

// commonGB tells GB18030 bytes whose characters are all in GB2312.
func commonGB(b []byte) bool {
	for i := 0; i < len(b); i++ {
		if b[i] < 0x80 {
			continue
		}
		lead := b[i]
		if i++; i >= len(b) || b[i] < 0xA1 || b[i] == 0xFF || lead < 0xA1 || lead > 0xF7 || lead > 0xA9 && lead < 0xB0 {
			return false
		}
	}
	return true
}

func ascii(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}
