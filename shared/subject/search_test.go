package subject

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
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

var entry = journal.Entry{Actor: "test", Action: "subject.import", At: time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)}

// read gives the rows of a testdata file, split at tabs.
func read(tb testing.TB, name string) [][]string {
	tb.Helper()
	f, err := os.Open("testdata/" + name)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var rows [][]string
	for scan := bufio.NewScanner(f); scan.Scan(); {
		if line := scan.Text(); line != "" && line[0] != '#' {
			rows = append(rows, strings.Split(line, "\t"))
		}
	}
	return rows
}

func makeCode(tb testing.TB, prefix, district string, serial int) string {
	tb.Helper()
	const letters = "0123456789ABCDEFGHJKLMNPQRTUWXY"
	tail := make([]byte, 6)
	for i := range tail {
		tail[i] = letters[serial%31]
		serial /= 31
	}
	code, err := ident.MakeUSCC(prefix + district + "MA" + string(tail))
	if err != nil {
		tb.Fatal(err)
	}
	return string(code)
}

// known gives the subjects of the frozen test by their ids.
func known(tb testing.TB) (map[string]Subject, []string) {
	byID, order := map[string]Subject{}, []string{}
	prefix := map[string]string{"individual-business": "92", "cooperative": "93", "institution": "12", "university": "12",
		"government": "11", "social-organisation": "51", "": "91", "agency": "91", "person": "91"}
	for i, row := range read(tb, "subjects.txt") {
		s := Subject{Code: makeCode(tb, prefix[row[3]], row[4], i+1), Name: row[1], Kind: row[3], District: row[4]}
		if row[2] != "" {
			s.FormerNames = strings.Split(row[2], ";")
		}
		if s.Kind == "" {
			s.Kind = "enterprise"
		}
		if s.Kind == Person {
			s.Code = "P-" + strings.Repeat("ab", 32)
		}
		s.MergedInto = row[5]
		byID[row[0]] = s
		order = append(order, row[0])
	}
	for id, s := range byID {
		if s.MergedInto != "" {
			s.MergedInto = byID[s.MergedInto].Code
			byID[id] = s
		}
	}
	return byID, order
}

// Parts of invented names. No trade name made of them is one of the frozen test's,
// or sounds like one: between such twins no ranking could choose.
var (
	firsts    = []rune("砚穗漪长乐重行星演测样钲煜沐澜乾鑫延单朝曾盛虚岚芃旧三葵蓝醴麒后安博辰鼎恩丰冠瀚嘉凯朗茂宁鹏启瑞尚泰威祥雅卓")
	seconds   = []rune("铄昱祺榕霖锦骏琛泓灏玥珩璟翊骁霆垣晖朔嵘沣洵湛滢烨焱熠珂瑄璇畅皓睿硕筠翰芸茗荟萱蕴誉迅逸钰铭锐霄韬颢")
	trades    = []string{"科技", "科技", "科技", "商贸", "商贸", "机械", "机械制造", "知识产权代理", "建材", "食品", "电子", "文化传媒", "信息技术", "农业科技", "汽车销售", "物流", "餐饮管理", "教育咨询", "医疗器械", "环保设备", "建筑工程", "装饰工程", "新材料", "起重机械", "广告", "生物科技", "网络科技", "服饰", "化工", "电气"}
	places    = []string{"新乡市", "新乡市", "新乡市", "新乡市", "新乡", "河南", "卫辉市", "辉县市", "长垣市", "新乡县", "获嘉县", "原阳县", "延津县", "封丘县", "新乡市红旗区", "新乡市牧野区"}
	districts = []string{"410702", "410703", "410704", "410711", "410721", "410724", "410725", "410726", "410727", "410781", "410782", "410783", "410771", "410772"}
	lastForms = []string{"有限公司", "有限公司", "有限公司", "有限责任公司", "股份有限公司", "商行", "经营部", "中心"}
)

// invent makes the i-th subject of a large fictitious city.
func invent(tb testing.TB, i int, second []rune) Subject {
	r := rand.New(rand.NewPCG(uint64(i), 410700))
	brand := string([]rune{firsts[r.IntN(len(firsts))], second[int(float64(len(second))*r.Float64()*r.Float64())]})
	if r.IntN(3) == 0 {
		brand += string(second[r.IntN(len(second))])
	}
	name := places[r.IntN(len(places))] + brand + trades[r.IntN(len(trades))] + lastForms[r.IntN(len(lastForms))]
	district := districts[r.IntN(len(districts))]
	return Subject{Code: makeCode(tb, "91", district, i+1000), Name: name, Kind: "enterprise", District: district}
}

// fill stores the frozen subjects among n invented ones.
func fill(tb testing.TB, store *Store, n int, second []rune) map[string]Subject {
	tb.Helper()
	ctx := context.Background()
	byID, order := known(tb)
	var batch []Subject
	flush := func() {
		if err := store.commit(ctx, entry, batch...); err != nil {
			tb.Fatal(err)
		}
		batch = batch[:0]
	}
	for i := range n {
		if batch = append(batch, invent(tb, i, second)); len(batch) == 500 {
			flush()
		}
	}
	for _, id := range order {
		batch = append(batch, byID[id])
	}
	flush()
	return byID
}

// expand fills {words id} in a query.
func expand(q string, byID map[string]Subject) string {
	open := strings.Index(q, "{")
	if open < 0 {
		return q
	}
	end := strings.Index(q, "}")
	words := strings.Fields(q[open+1 : end])
	code := byID[words[len(words)-1]].Code
	for _, w := range words[:len(words)-1] {
		switch w {
		case "lower":
			code = strings.ToLower(code)
		case "head14":
			code = code[:14]
		case "spaced":
			code = code[:6] + " " + code[6:12] + " " + code[12:]
		}
	}
	if slices.Contains(words, "wide") {
		code = strings.Map(func(r rune) rune { return r + 0xfee0 }, code)
	}
	return q[:open] + code + q[end+1:]
}

func TestFindsWhatTheFrozenSetExpects(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		store := NewStore(journal.New(rdb, "410700", journal.Options{}))
		byID := fill(t, store, 2000, seconds)
		checkQueries(t, store, byID, 100)
		checkQueries(t, store, byID, 10) // a shorter page looks at fewer candidates
	})
}

func checkQueries(t *testing.T, store *Store, byID map[string]Subject, limit int) {
	t.Helper()
	idOf := map[string]string{}
	for id, s := range byID {
		idOf[s.Code] = id
	}
	rows := read(t, "queries.txt")
	if len(rows) < 150 {
		t.Fatalf("only %d queries", len(rows))
	}
	failed := 0
	for _, row := range rows {
		r, err := store.Search(t.Context(), expand(row[1], byID), limit, "")
		if err != nil {
			t.Errorf("%s: %v", row[0], err)
			continue
		}
		rank := map[string]int{}
		var seen []string
		for i, h := range r.Hits {
			if id, ok := idOf[h.Code]; ok {
				rank[id] = i + 1
			}
			if i < 6 {
				seen = append(seen, fmt.Sprintf("%s %.3f %v", h.Name, h.Score, h.Why))
			}
			if len(h.Why) == 0 {
				t.Errorf("%s: hit without a reason: %s", row[0], h.Name)
			}
		}
		for _, want := range strings.Fields(row[2]) {
			if !holds(want, rank, len(r.Hits)) {
				failed++
				t.Errorf("%s: %q wants %s, has %v of %d\n\t%s", row[0], row[1], want, rank, len(r.Hits), strings.Join(seen, "\n\t"))
			}
		}
	}
	t.Logf("%d queries, %d expectations failed", len(rows), failed)
}

func holds(want string, rank map[string]int, hits int) bool {
	if want == "none" {
		return hits == 0
	}
	if id, ok := strings.CutPrefix(want, "-"); ok {
		return rank[id] == 0
	}
	if id, at, ok := strings.Cut(want, "<="); ok {
		n, _ := strconv.Atoi(at)
		return rank[id] > 0 && rank[id] <= n
	}
	if a, b, ok := strings.Cut(want, "<"); ok {
		return rank[a] > 0 && (rank[b] == 0 || rank[a] < rank[b])
	}
	id, at, _ := strings.Cut(want, "=")
	n, _ := strconv.Atoi(at)
	return rank[id] == n
}
