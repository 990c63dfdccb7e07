package page

// Table is a table whose first column names the row. On a narrow screen each
// row becomes a card that repeats the column names.
type Table struct {
	Caption string
	Quiet   bool // the caption repeats a heading: for screen readers only
	Columns []Column
	Rows    [][]Cell
}

// Column is a column's heading; numbers are set right-aligned.
type Column struct {
	Text    string
	Numeric bool
}

// Cell is text, a link (Href) or a tag (Tone).
type Cell struct{ Text, Href, Tone string }
