package subject

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/ident"
	"ipcredit/shared/journal"
	"ipcredit/shared/redistest"
)

// large is how many subjects the large runs store: go test -bench Large
// -subjects 1000000.
var large = flag.Int("subjects", 100_000, "subjects stored by the benchmarks of the index")

// wide is a larger alphabet for trade names, so that a million subjects share
// them about as often as real ones do.
var wide = func() []rune {
	list := slices.Clone(seconds)
	for r := rune(0x4e00); r < 0x9fa5 && len(list) < 900; r += 17 {
		if len(ident.ReadingsOf(r)) > 0 && ident.Simplify(string(r)) == string(r) {
			list = append(list, r)
		}
	}
	return list
}()

// load stores n invented subjects, many in a commit, as a batch import does.
func load(b *testing.B, store *Store, n int) {
	ctx := context.Background()
	for at := 0; at < n; at += 1000 {
		batch := make([]Subject, 0, 1000)
		for i := at; i < min(at+1000, n); i++ {
			batch = append(batch, invent(b, i, wide))
		}
		if err := store.commit(ctx, entry, batch...); err != nil {
			b.Fatal(err)
		}
		if at%50_000 == 0 {
			store.journal.Redis().XTrimMaxLen(ctx, store.journal.Key("journal"), 0)
		}
	}
	store.journal.Redis().XTrimMaxLen(ctx, store.journal.Key("journal"), 0)
}

func info(b *testing.B, rdb *redis.Client, section, field string) int64 {
	text, err := rdb.Info(context.Background(), section).Result()
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(text) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), field+":"); ok {
			n, _ := strconv.ParseInt(v, 10, 64)
			return n
		}
	}
	b.Fatalf("no %s", field)
	return 0
}

// mix is what people ask: whole names, trade names, common words, mistakes,
// pinyin, initials.
func mix(b *testing.B, n int) map[string][]string {
	queries := map[string][]string{}
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		s := invent(b, r.IntN(n), wide)
		name := ident.ParseName(s.Name)
		queries["name"] = append(queries["name"], s.Name)
		queries["brand"] = append(queries["brand"], name.Brand)
		queries["core"] = append(queries["core"], name.Core)
		wrong := []rune(name.Core)
		wrong[0] = '鼹'
		queries["wrong"] = append(queries["wrong"], string(wrong))
		queries["pinyin"] = append(queries["pinyin"], ident.Pinyin(name.Brand, 1)[0])
		queries["initials"] = append(queries["initials"], ident.Initials(name.Core, 1)[0])
		queries["code"] = append(queries["code"], s.Code)
	}
	queries["common"] = []string{"科技", "有限", "新乡", "有限公司", "新乡市", "机械", "新乡市科技有限公司", "公司", "卫辉市机械制造", "知识产权代理", "商贸", "红旗区", "长", "砚"}
	return queries
}

func BenchmarkSearch(b *testing.B) {
	for _, n := range []int{10_000, *large} {
		b.Run(fmt.Sprint(n), func(b *testing.B) { benchSearch(b, n) })
	}
}

func benchSearch(b *testing.B, n int) {
	rdb := redistest.Durable(b, b.TempDir(), "--appendonly", "no", "--slowlog-log-slower-than", "2000", "--slowlog-max-len", "64")
	store := NewStore(journal.New(rdb, "410700", journal.Options{}))
	before := info(b, rdb, "memory", "used_memory")
	start := time.Now()
	load(b, store, n)
	took := time.Since(start)
	whole := info(b, rdb, "memory", "used_memory") - before
	documents := int64(0)
	ctx := context.Background()
	for i := 0; i < n; i += max(1, n/2000) {
		s := invent(b, i, wide)
		size, err := rdb.MemoryUsage(ctx, store.Key(s.Code)).Result()
		if err != nil {
			b.Fatal(err)
		}
		documents += size + 16 // and its slot in the table of keys
	}
	documents /= int64((n + max(1, n/2000) - 1) / max(1, n/2000))
	b.Logf("%d subjects: %.0f rows/s stored; %d bytes a subject in all, %d of them the document, %d the index",
		n, float64(n)/took.Seconds(), whole/int64(n), documents, whole/int64(n)-documents)
	rdb.SlowLogReset(ctx)
	for kind, queries := range mix(b, n) {
		b.Run(kind, func(b *testing.B) {
			var times []time.Duration
			hits, i := 0, 0
			for b.Loop() {
				start := time.Now()
				r, err := store.Search(ctx, queries[i%len(queries)], 20, "")
				if err != nil {
					b.Fatal(err)
				}
				times = append(times, time.Since(start))
				hits += len(r.Hits)
				i++
			}
			slices.Sort(times)
			b.ReportMetric(float64(times[len(times)/2].Microseconds()), "p50-us")
			b.ReportMetric(float64(times[len(times)*99/100].Microseconds()), "p99-us")
			b.ReportMetric(float64(hits)/float64(i), "hits/op")
		})
	}
	slow, err := rdb.SlowLogGet(ctx, 20).Result()
	if err != nil {
		b.Fatal(err)
	}
	for _, s := range slow {
		b.Logf("slow command: %v %s", s.Duration, fmt.Sprint(s.Args)[:min(120, len(fmt.Sprint(s.Args)))])
	}
}
