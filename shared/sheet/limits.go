package sheet

import "cmp"

// Limits bound what one upload may cost. A zero field takes the default, which
// is right for one city's agencies.
type Limits struct {
	// Rows is how many rows that are not empty may follow the header.
	Rows int // default 2,000,000
	// Columns is how many columns the header may have.
	Columns int // default 200
	// CellRunes is how many characters a cell may have; a longer one is a
	// problem of its row.
	CellRunes int // default 10,000
	// RowBytes is how long one row, JSON object, XML element or shared text of
	// XLSX may be before reading ends.
	RowBytes int // default 1 MiB
	// FileBytes is how long a CSV or JSON file may be.
	FileBytes int64 // default 2 GiB
	// XLSXBytes is how long an XLSX file may be.
	XLSXBytes int64 // default 64 MiB
	// InflatedBytes is how much an XLSX file may hold once decompressed, as it
	// declares and as it turns out.
	InflatedBytes int64 // default 2 GiB
	// Ratio is how many bytes one compressed byte may become, in any part of
	// more than 1 MiB. Deflate goes to 1,032; Excel's own files stay below 60.
	Ratio int64 // default 200
	// SharedTextBytes is how much memory the table of shared texts of an XLSX
	// file may take.
	SharedTextBytes int // default 48 MiB
}

func (l Limits) filled() Limits {
	l.Rows = cmp.Or(l.Rows, 2_000_000)
	l.Columns = cmp.Or(l.Columns, 200)
	l.CellRunes = cmp.Or(l.CellRunes, 10_000)
	l.RowBytes = cmp.Or(l.RowBytes, 1<<20)
	l.FileBytes = cmp.Or(l.FileBytes, 2<<30)
	l.XLSXBytes = cmp.Or(l.XLSXBytes, 64<<20)
	l.InflatedBytes = cmp.Or(l.InflatedBytes, 2<<30)
	l.Ratio = cmp.Or(l.Ratio, 200)
	l.SharedTextBytes = cmp.Or(l.SharedTextBytes, 48<<20)
	return l
}
