package sheet

import (
	"io"
	"iter"
)

// What the tests that also need package book have from those here.
func Control(r rune) bool                        { return control(r) }
func Blank(cells []string) bool                  { return blank(cells) }
func Each[T any](items ...T) iter.Seq2[T, error] { return each(items...) }

// Template is book.Template: book imports this package, so that only tests from
// outside can import it. They put it here for those from inside.
var Template func(w io.Writer, schema Schema, demo bool) error
