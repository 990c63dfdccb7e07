package sheet

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
)

// wide has the 30 columns of the national list of penalties in size, not in
// meaning.
var wide = func() Schema {
	s := Schema{Name: "wide"}
	for i := range 30 {
		kind := []Kind{Text, Code, Date, Text, Money}[i%5]
		s.Columns = append(s.Columns, Column{Field: fmt.Sprintf("f%d", i), Header: fmt.Sprintf("第%d列", i), National: fmt.Sprintf("C_%d", i), Required: i == 0, Kind: kind})
	}
	return s
}()

func wideRow() []string {
	var row []string
	for i := range wide.Columns {
		row = append(row, []string{"新乡市某某知识产权代理有限公司", "91410700MA12345678", "2026/01/31", "违反规定从事代理业务", "1.250000"}[i%5])
	}
	return row
}

// repeat is a file of head and n times line that is never in memory.
type repeat struct {
	head, line string
	n          int
	rest       string
}

func (r *repeat) Read(p []byte) (int, error) {
	if r.rest == "" {
		switch {
		case r.head != "":
			r.rest, r.head = r.head, ""
		case r.n > 0:
			// Many lines a call, as a file gives them.
			k := min(r.n, 100)
			r.rest, r.n = strings.Repeat(r.line, k), r.n-k
		default:
			return 0, io.EOF
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func drain(b testing.TB, r io.Reader) (rows int, peak uint64) {
	rd, err := Open(wide, r, Limits{})
	if err != nil {
		b.Fatal(err)
	}
	var m runtime.MemStats
	for {
		row, err := rd.Next()
		if err == io.EOF {
			return rows, peak
		}
		if err != nil {
			b.Fatal(err)
		}
		if row.Get("f29") == "" || len(row.Problems()) > 0 {
			b.Fatalf("row %d: %v", row.Number, row.Problems())
		}
		if rows++; rows%100_000 == 0 {
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapInuse+m.StackInuse)
		}
	}
}

// BenchmarkReadCSV reads 1,000,000 rows of 30 columns, about 1 GB in UTF-8.
func BenchmarkReadCSV(b *testing.B) {
	header := make([]string, len(wide.Columns))
	for i, c := range wide.Columns {
		header[i] = c.National
	}
	head, line := strings.Join(header, ",")+"\r\n", strings.Join(wideRow(), ",")+"\r\n"
	for _, c := range []struct{ name, line string }{
		{"UTF-8", line},
		{"quoted", `"` + strings.Join(wideRow(), `","`) + "\"\r\n"},
		{"GB18030", gb(b, line)},
	} {
		b.Run(c.name, func(b *testing.B) {
			const n = 1_000_000
			b.SetBytes(int64(n * len(c.line)))
			for b.Loop() {
				rows, peak := drain(b, &repeat{head: head, line: c.line, n: n})
				if rows != n {
					b.Fatal(rows)
				}
				b.ReportMetric(float64(peak)/(1<<20), "peak-MiB")
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

func BenchmarkReadJSON(b *testing.B) {
	var line strings.Builder
	line.WriteString("{")
	for i, v := range wideRow() {
		if i > 0 {
			line.WriteString(",")
		}
		fmt.Fprintf(&line, "%q:%q", wide.Columns[i].National, v)
	}
	line.WriteString("}")
	const n = 50_000
	for b.Loop() {
		rows, peak := drain(b, io.MultiReader(&repeat{head: "[", line: line.String() + ",\n", n: n - 1}, strings.NewReader(line.String()+"]")))
		if rows != n {
			b.Fatal(rows)
		}
		b.ReportMetric(float64(peak)/(1<<20), "peak-MiB")
	}
	b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkReadXLSX(b *testing.B) {
	const n = 100_000
	f := excelize.NewFile()
	defer f.Close()
	sw, err := f.NewStreamWriter("Sheet1")
	must0(b, err)
	cells := make([]any, len(wide.Columns))
	for i, c := range wide.Columns {
		cells[i] = c.Header
	}
	must0(b, sw.SetRow("A1", cells))
	for i, v := range wideRow() {
		cells[i] = v
	}
	for i := range n {
		// Two columns differ from row to row, as in real files.
		cells[0] = fmt.Sprintf("%x", uint64(i)*0x9E3779B97F4A7C15)
		cells[3] = fmt.Sprintf("%x%x", uint64(i)*0xBF58476D1CE4E5B9, uint64(i)*0x94D049BB133111EB)
		must0(b, sw.SetRow(fmt.Sprintf("A%d", i+2), cells))
	}
	must0(b, sw.Flush())
	buf, err := f.WriteToBuffer()
	must0(b, err)
	b.ReportMetric(float64(buf.Len())/(1<<20), "file-MiB")
	for b.Loop() {
		rows, _ := drain(b, bytes.NewReader(buf.Bytes()))
		if rows != n {
			b.Fatal(rows)
		}
	}
	b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
