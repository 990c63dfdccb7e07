package sheet

import (
	"encoding/binary"
	"io"
	"strings"

	"ipcredit/shared/fault"
)

// compound says what an OLE compound file is: an XLSX under a password, an old
// XLS, or neither. Such a file is never read, only its list of streams
// ([MS-CFB] 2.2 and 2.6).
func compound(at io.ReaderAt, size int64) error {
	header := make([]byte, 512)
	if _, err := at.ReadAt(header, 0); err != nil {
		return fault.New(fault.WrongType, "sheet.unknown_format")
	}
	shift := binary.LittleEndian.Uint16(header[30:])
	first := binary.LittleEndian.Uint32(header[48:])
	if shift < 9 || shift > 12 {
		return fault.New(fault.WrongType, "sheet.unknown_format")
	}
	// The streams asked for are created first, so their names stand in the
	// first sectors of the directory.
	sector := int64(1) << shift
	start := min((int64(first)+1)*sector, size)
	directory := make([]byte, min(size-start, 4*sector))
	n, _ := at.ReadAt(directory, start)
	code := "sheet.unknown_format"
	for directory = directory[:n]; len(directory) >= 128; directory = directory[128:] {
		switch name := entryName(directory[:128]); {
		case strings.EqualFold(name, "EncryptedPackage"), strings.EqualFold(name, "EncryptionInfo"):
			return fault.New(fault.WrongType, "sheet.password")
		case strings.EqualFold(name, "Workbook"), strings.EqualFold(name, "Book"):
			code = "sheet.xls"
		}
	}
	return fault.New(fault.WrongType, code)
}

func entryName(entry []byte) string {
	length := int(binary.LittleEndian.Uint16(entry[64:]))
	var b strings.Builder
	for i := 0; i+2 < min(length, 64); i += 2 {
		if c := binary.LittleEndian.Uint16(entry[i:]); c < 0x80 {
			b.WriteByte(byte(c))
		}
	}
	return b.String()
}
