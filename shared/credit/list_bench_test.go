package credit

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"ipcredit/shared/journal"
	"ipcredit/shared/redistest"
	"ipcredit/shared/workday"
)

// BenchmarkDisclosures reads the first page of lists that hold a million records,
// of which the newest ones belong to subjects that are really there, and tells
// how much memory of Redis the index takes a record.
func BenchmarkDisclosures(b *testing.B) {
	rdb := redistest.Durable(b, b.TempDir(), "--save", "")
	j := journal.New(rdb, "410700", journal.Options{})
	s := NewStore(j, Shipped())
	now := noon("2026-05-11")
	const total, real = 1_000_000, 2_000
	used := func() int {
		info := rdb.Info(b.Context(), "memory").Val()
		_, rest, _ := strings.Cut(info, "used_memory:")
		line, _, _ := strings.Cut(rest, "\r\n")
		n, err := strconv.Atoi(line)
		if err != nil {
			b.Fatal(err)
		}
		return n
	}
	before := used()
	pipe := rdb.Pipeline()
	for i := range total {
		var raw [10]byte
		binary.BigEndian.PutUint64(raw[:], uint64(i+1)*0x9E3779B97F4A7C15)
		id := idEncoding.EncodeToString(raw[:])
		on := workday.MustDate("2021-06-01").AddDays(i % 1500)
		pipe.Do(b.Context(), "HSET", s.idKey(id), id, firmA)
		pipe.Do(b.Context(), "ZADD", s.listKey(Acts[i%len(Acts)]+":4107"+[]string{"02", "03", "04", "11", "21", "24", "25", "71"}[i/9%8]), rank(on, id), id)
		pipe.Do(b.Context(), "ZADD", s.goneKey(), rank(on.AddYears(3), id), id)
		if i%10_000 == 9_999 {
			if _, err := pipe.Exec(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	}
	bytes := float64(used()-before) / total
	for from := 0; from < real; from += 500 {
		var ch Change
		for i := range 500 {
			code := fmt.Sprintf("91410771MA%08d", from+i)
			r := determined(fmt.Sprintf("国知测认〔2026〕%d号", from+i), "2026-05-04")
			r.ID, r.PublishedOn = NewID(Determination, r.Authority, r.InstrumentNo, code), workday.DateOf(now)
			ch.Records = append(ch.Records, Entry{SubjectCode: code, SubjectName: "新乡市虚构某科技有限公司", Record: r})
		}
		ch.Entry = journal.Entry{Actor: "test", Action: "credit.test", Ref: "test", At: now}
		if _, _, err := s.Apply(b.Context(), ch); err != nil {
			b.Fatal(err)
		}
	}
	for name, q := range map[string]Asked{"all": {}, "act": {Act: "DA1"}, "area": {District: "410771"}, "removed": {}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if name == "removed" {
					if _, _, err := s.Removed(b.Context(), workday.DateOf(now).AddDays(-400), "", 500, now); err != nil {
						b.Fatal(err)
					}
					continue
				}
				page, err := s.Disclosures(b.Context(), q, now)
				if err != nil || len(page.List) == 0 {
					b.Fatal(len(page.List), err)
				}
			}
			b.ReportMetric(bytes, "B/record")
			b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(time.Millisecond), "ms/page")
		})
	}
}
