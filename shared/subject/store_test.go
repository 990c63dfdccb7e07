package subject

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/s2"
	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/journal"
	"ipcredit/shared/redistest"
	"ipcredit/shared/sheet"
)

func each(t *testing.T, body func(t *testing.T, s *Store)) {
	t.Helper()
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		body(t, NewStore(journal.New(rdb, "410700", journal.Options{})))
	})
}

// commit stores subjects, merging each with what is stored (see Merge), in one
// journal entry: what package credit does together with their profiles.
func (s *Store) commit(ctx context.Context, entry journal.Entry, subjects ...Subject) error {
	first, err := s.Take(ctx, len(subjects))
	if err != nil {
		return err
	}
	watch := make([]string, len(subjects))
	codes := make([]string, len(subjects))
	for i, sub := range subjects {
		watch[i], codes[i] = s.Key(sub.Code), sub.Code
	}
	return s.journal.Commit(ctx, entry, watch, func(tx *journal.Tx) error {
		old, err := s.Load(ctx, tx.Read(), codes...)
		if err != nil {
			return err
		}
		b := s.Batch(tx)
		for i, sub := range subjects {
			before := old[i]
			if p, ok := b.pending[sub.Code]; ok {
				before = &p
			}
			if sub.Kind != Person {
				sub.Number = first + int64(i)
			}
			b.Put(before, Merge(before, sub))
		}
		b.Flush()
		return nil
	})
}

func save(t *testing.T, s *Store, subjects ...Subject) {
	t.Helper()
	for part := range slices.Chunk(subjects, 500) {
		if err := s.commit(t.Context(), entry, part...); err != nil {
			t.Fatal(err)
		}
	}
}

func firm(t *testing.T, serial int, name string) Subject {
	return Subject{Code: makeCode(t, "91", "410702", serial), Name: name, Kind: "enterprise", District: "410702"}
}

func names(r Result) []string {
	var list []string
	for _, h := range r.Hits {
		list = append(list, h.Name)
	}
	return list
}

func search1(t *testing.T, s *Store, q string) string {
	t.Helper()
	r, err := s.Search(t.Context(), q, 1, "")
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Hits) == 0 {
		return ""
	}
	return r.Hits[0].Name
}

func TestRenamedSubjectIsFoundByBothNamesAndKeepsItsNumber(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		sub := firm(t, 1, "新乡市漪铖机械厂")
		save(t, s, sub)
		before, err := s.Get(t.Context(), sub.Code)
		if err != nil {
			t.Fatal(err)
		}
		sub.Name = "新乡市穗岑机械制造有限公司"
		save(t, s, sub)
		after, err := s.Get(t.Context(), sub.Code)
		if err != nil {
			t.Fatal(err)
		}
		if after.Number != before.Number || !slices.Equal(after.FormerNames, []string{"新乡市漪铖机械厂"}) {
			t.Errorf("%+v", after)
		}
		for _, q := range []string{"漪铖", "穗岑", "新乡市漪铖机械厂", "suicen", "yicheng"} {
			if got := search1(t, s, q); got != sub.Name {
				t.Errorf("%s finds %q", q, got)
			}
		}
	})
}

// indexed reads the whole index: for each set its members, and the codes.
func indexed(t *testing.T, s *Store) map[string][]string {
	t.Helper()
	rdb := s.journal.Redis()
	keys, err := rdb.Keys(t.Context(), s.journal.Key("subject", "*")).Result()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	for _, key := range keys {
		switch kind := rdb.Type(t.Context(), key).Val(); kind {
		case "set":
			members := rdb.SMembers(t.Context(), key).Val()
			slices.Sort(members)
			all[key] = members
		case "hash":
			for f, v := range rdb.HGetAll(t.Context(), key).Val() {
				all[key+"/"+f] = []string{v}
			}
		}
	}
	return all
}

func TestIndexHoldsExactlyTheTermsOfWhatIsStored(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		// A life of renaming in one batch and over several commits.
		for i := range 30 {
			save(t, s, invent(t, i, seconds))
		}
		for i := range 20 {
			sub := invent(t, i, seconds)
			sub.Name = invent(t, i+100, seconds).Name
			sub.FormerNames = nil
			twice := sub
			twice.Name = invent(t, i+200, seconds).Name
			save(t, s, sub, twice)
		}
		want := map[string][]string{}
		for i := range 30 {
			sub, err := s.Get(t.Context(), invent(t, i, seconds).Code)
			if err != nil {
				t.Fatal(err)
			}
			for _, term := range terms(sub) {
				key := term.key(s.journal, sub.Number)
				want[key] = append(want[key], strconv.FormatInt(sub.Number, 10))
			}
			key, field := s.cardKey(sub.Number)
			want[key+"/"+field] = []string{card(sub)}
		}
		got := indexed(t, s)
		for key, members := range want {
			slices.Sort(members)
			if !slices.Equal(got[key], members) {
				t.Errorf("%s: %v, want %v", key, got[key], members)
			}
			delete(got, key)
		}
		for key := range got {
			t.Errorf("%s is left over: %v", key, got[key])
		}
	})
}

func TestForgottenNameLeavesTheIndex(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		save(t, s, firm(t, 1, "新乡市漪铖机械厂"))
		old, err := s.Get(t.Context(), firm(t, 1, "").Code)
		if err != nil {
			t.Fatal(err)
		}
		next := old
		next.Name = "新乡市穗岑机械制造有限公司"
		err = s.journal.Commit(t.Context(), entry, []string{s.Key(old.Code)}, func(tx *journal.Tx) error {
			s.Put(tx, &old, next)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := search1(t, s, "漪铖"); got != "" {
			t.Errorf("found %q", got)
		}
		want := 0
		for range terms(next) {
			want++
		}
		if got := indexed(t, s); len(got) != want+1 {
			t.Errorf("%d sets, want %d", len(got), want+1)
		}
	})
}

func TestBatchWritesEachSetOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		var batch []Subject
		for i := range 500 {
			batch = append(batch, invent(t, i, seconds))
		}
		save(t, s, batch...)
		entries, err := s.journal.Redis().XRange(t.Context(), s.journal.Key("journal"), "-", "+").Result()
		if err != nil || len(entries) != 1 {
			t.Fatalf("%d entries, %v", len(entries), err)
		}
		seen := map[string]bool{}
		writes, err := s2.Decode(nil, []byte(entries[0].Values["w"].(string))) // a long entry is packed
		if err != nil {
			t.Fatal(err)
		}
		parts := strings.Split(string(writes), "\r\n")
		for i, p := range parts {
			if p == "SADD" {
				key := parts[i+2]
				if seen[key] {
					t.Errorf("%s is written twice", key)
				}
				seen[key] = true
			}
		}
		if len(seen) == 0 {
			t.Error("no index writes")
		}
	})
}

func TestNaturalPersonIsStoredButNeverFound(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		id, err := ident.ParsePersonID("410799190001019907", entry.At)
		if err != nil {
			t.Fatal(err)
		}
		person := Subject{Code: PersonCode(id, []byte("key")), Name: "张样例", Kind: Person, District: "410702"}
		save(t, s, person, firm(t, 1, "新乡市砚葵科技有限公司"))
		got, err := s.Get(t.Context(), person.Code)
		if err != nil || got.Name != "张样例" {
			t.Fatalf("%+v, %v", got, err)
		}
		if _, ok := got.Public(); ok {
			t.Error("a person has a public read model")
		}
		for _, q := range []string{"张样例", "样例", "zhangyangli", "zyl", person.Code, strings.TrimPrefix(person.Code, "P-"), "410799190001019907"} {
			r, err := s.Search(t.Context(), q, 100, "")
			if err != nil || slices.Contains(names(r), "张样例") {
				t.Errorf("%s: %v, %v", q, names(r), err)
			}
		}
		for key, members := range indexed(t, s) {
			if strings.Contains(key, "样例") || slices.Contains(members, person.Code) {
				t.Errorf("%s: %v", key, members)
			}
		}
	})
}

func TestMergedSubjectLeadsToItsSuccessor(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		a, b, c := firm(t, 1, "新乡市旧橦机械有限公司"), firm(t, 2, "新乡市中橦机械有限公司"), firm(t, 3, "新乡市新橦机械有限公司")
		a.MergedInto, b.MergedInto = b.Code, c.Code
		save(t, s, a, b, c)
		got, err := s.Resolve(t.Context(), a.Code)
		if err != nil || got.Code != c.Code {
			t.Fatalf("%+v, %v", got, err)
		}
		r, err := s.Search(t.Context(), "旧橦", 10, "")
		if err != nil || len(r.Hits) == 0 || r.Hits[0].Code != c.Code {
			t.Errorf("%+v, %v", r, err)
		}
		r, _ = s.Search(t.Context(), "橦机械", 10, "")
		if seen := map[string]bool{}; true {
			for _, h := range r.Hits {
				if seen[h.Code] {
					t.Errorf("%s twice", h.Code)
				}
				seen[h.Code] = true
			}
		}
		c.MergedInto = a.Code
		save(t, s, c)
		if _, err := s.Resolve(t.Context(), a.Code); err == nil {
			t.Error("a circle has an end")
		}
		if _, err := s.Resolve(t.Context(), makeCode(t, "91", "410702", 99)); !fault.Is(err, fault.NotFound) {
			t.Error(err)
		}
	})
}

func TestExactTradeNameIsFoundAmongManyThatHoldIt(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		for _, many := range []int{400, 3000} { // below and above what is read whole
			var batch []Subject
			for i := range many {
				batch = append(batch, firm(t, many*10+i, fmt.Sprintf("新乡市%c虚构%c%s有限公司", firsts[i%len(firsts)], seconds[i/len(firsts)%len(seconds)], trades[i%len(trades)])))
			}
			batch = append(batch, firm(t, many*10+many, "新乡市虚构建材有限公司"), firm(t, many*10+many+1, "卫辉市虚构食品有限公司"))
			save(t, s, batch...)
			for q, want := range map[string]string{"虚构建材": "新乡市虚构建材有限公司", "新乡市虚构食品有限公司": "卫辉市虚构食品有限公司", "卫辉市虚构食品有限公司": "卫辉市虚构食品有限公司"} {
				if got := search1(t, s, q); got != want {
					t.Errorf("%d: %s finds %q", many, q, got)
				}
			}
			r, err := s.Search(t.Context(), "虚构", 5, "")
			if err != nil || len(r.Hits) < 2 || !strings.Contains("新乡市虚构建材有限公司卫辉市虚构食品有限公司", r.Hits[0].Name) || !strings.Contains("新乡市虚构建材有限公司卫辉市虚构食品有限公司", r.Hits[1].Name) {
				t.Errorf("%d: %v, %v", many, names(r), err)
			}
			if r.Total.Relation != "gte" || len(r.Suggest) == 0 {
				t.Errorf("%+v", r.Total)
			}
		}
	})
}

func TestPagesAreDisjointAndTogetherWhole(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		var batch []Subject
		for i := range 1500 {
			batch = append(batch, invent(t, i, seconds))
		}
		save(t, s, batch...)
		for _, q := range []string{"科技", "新乡", "砚", "机械制造", "新乡市砚铄科技有限公司", "sy", "有限公司", "知识产权代理", "饕餮"} {
			for _, limit := range []int{1, 7, 100} {
				seen := map[string]bool{}
				from, pages := "", 0
				var last Result
				for {
					r, err := s.Search(t.Context(), q, limit, from)
					if err != nil {
						t.Fatalf("%s page %d: %v", q, pages, err)
					}
					again, err := s.Search(t.Context(), q, limit, from)
					if err != nil || !slices.Equal(names(r), names(again)) {
						t.Fatalf("%s page %d is not stable: %v", q, pages, err)
					}
					for _, h := range r.Hits {
						if seen[h.Code] {
							t.Fatalf("%s limit %d: %s is on two pages", q, limit, h.Name)
						}
						seen[h.Code] = true
					}
					if len(r.Hits) > limit || r.Next != "" && len(r.Hits) != limit {
						t.Fatalf("%s: page of %d, next %q", q, len(r.Hits), r.Next)
					}
					last = r
					if pages++; r.Next == "" || pages > 300 {
						break
					}
					from = r.Next
				}
				if last.Total.Relation == "eq" && last.Total.Value != len(seen) {
					t.Errorf("%s limit %d: total %d, seen %d", q, limit, last.Total.Value, len(seen))
				}
				if last.Total.Relation == "gte" && last.Total.Value > len(seen) && pages <= 300 {
					t.Errorf("%s limit %d: total at least %d, seen %d", q, limit, last.Total.Value, len(seen))
				}
			}
		}
	})
}

func TestRefusesBadQuestions(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		save(t, s, firm(t, 1, "新乡市砚葵科技有限公司"), firm(t, 2, "新乡市砚葵商贸有限公司"))
		r, err := s.Search(t.Context(), "砚葵", 1, "")
		if err != nil || r.Next == "" {
			t.Fatalf("%+v, %v", r, err)
		}
		for _, c := range []struct {
			name, q string
			limit   int
			cursor  string
			code    string
		}{
			{"negative limit", "砚葵", -1, "", "subject.limit"},
			{"large limit", "砚葵", 101, "", "subject.limit"},
			{"long query", strings.Repeat("砚", 201), 1, "", "subject.query_long"},
			{"NUL", "砚\x00葵", 1, "", "ident.text.nul"},
			{"bidi", "砚\u202e葵", 1, "", "ident.text.bidi"},
			{"cursor that is none", "砚葵", 1, "!!", "subject.cursor"},
			{"cursor of another query", "砚魁", 1, r.Next, "subject.cursor"},
			{"cursor made up", "砚葵", 1, "eyJ3IjotMX0", "subject.cursor"},
		} {
			t.Run(c.name, func(t *testing.T) {
				_, err := s.Search(t.Context(), c.q, c.limit, c.cursor)
				if f, ok := fault.Of(err); !ok || f.Code != c.code {
					t.Errorf("got %v", err)
				}
			})
		}
	})
}

func TestCodeWithAWrongCheckSaysSo(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		save(t, s, firm(t, 1, "新乡市砚葵科技有限公司"))
		r, err := s.Search(t.Context(), "91410702MA00AAC13U", 10, "")
		if err != nil || len(r.Hits) != 0 || len(r.Suggest) != 1 || r.Suggest[0].Key != "fault.ident.uscc.check" {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

func TestMatchAnswersEachQuery(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		sub := firm(t, 1, "新乡市砚葵科技有限公司")
		save(t, s, sub)
		results, err := s.Match(t.Context(), []string{sub.Code, "新乡市砚葵科技有限公司", "砚魁科技", "饕餮", "\x00"}, 3)
		if err != nil {
			t.Fatal(err)
		}
		if h := results[0].Hits[0]; h.Score != 1 || h.Features.Code != 1 {
			t.Errorf("%+v", h)
		}
		if h := results[1].Hits[0]; h.Score != scoreExact || h.Features.Name != 1 {
			t.Errorf("%+v", h)
		}
		if h := results[2].Hits[0]; h.Features.Sound != 1 || h.Features.Industry != 1 || h.Features.Brand >= 1 {
			t.Errorf("%+v", h)
		}
		if len(results[3].Hits) != 0 || results[4].Suggest[0].Key != "fault.ident.text.nul" {
			t.Errorf("%+v %+v", results[3], results[4])
		}
		if _, err := s.Match(t.Context(), make([]string, MostQueries+1), 1); !fault.Is(err, fault.Invalid) {
			t.Error(err)
		}
	})
}

func TestStepsOfTheRankingNeverCross(t *testing.T) {
	t.Parallel()
	q := "新乡市砚葵科技有限公司"
	ladder := []string{
		"新乡市砚葵科技有限公司", // the name
		"卫辉市砚葵科技商行",   // trade name and industry
		"新乡市砚葵商贸有限公司", // trade name
		"新乡市砚池科技有限公司", // alike
		"新乡市彦奎科技有限公司", // sounds alike
	}
	last := 2.0
	for _, name := range ladder {
		score, why, _ := newQuery(q).judge(Subject{Name: name, District: "410702"})
		if score >= last || score == 0 || len(why) == 0 {
			t.Errorf("%s: %v after %v, %v", name, score, last, why)
		}
		last = score
	}
	if score, _, _ := newQuery(q).judge(Subject{Name: "新乡市穗岑科技有限公司", District: "410702"}); score >= scoreFloor {
		t.Errorf("a common word alone scores %v", score)
	}
}

func TestParsesRows(t *testing.T) {
	t.Parallel()
	good := map[string]string{"code": "９1410702ma00aac13t", "name": " 新乡市虚构甲科技有限公司 ", "kind": "企业", "district": "红旗区",
		"formerNames": "新乡市虚构旧科技有限公司；新乡市虚构老科技有限公司", "legalRepresentative": "张样例", "noIPDepartment": "是"}
	s, problems := Parse(sheet.NewRow(Columns, 1, good), []byte("key"))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if s.Code != "91410702MA00AAC13T" || s.Name != "新乡市虚构甲科技有限公司" || s.Kind != "enterprise" || s.District != "410702" || len(s.FormerNames) != 2 || s.NoIPDepartment == nil || !*s.NoIPDepartment {
		t.Errorf("%+v", s)
	}
	if data, _ := json.Marshal(s); strings.Contains(string(data), "张样例") {
		t.Error("the representative's name is stored")
	}
	if !s.Representative.Is([]byte("key"), s.Code, "张样例") || s.Representative.Is([]byte("key"), s.Code, "李演示") || s.Representative.Masked != "张*例" {
		t.Errorf("%+v", s.Representative)
	}
	if p, ok := s.Public(); !ok || p.Name != s.Name {
		t.Errorf("%+v", p)
	}
	for _, c := range []struct{ name, field, value, code string }{
		{"wrong check", "code", "91410702MA00AAC13U", "ident.uscc.check"},
		{"no code", "code", "", "subject.missing"},
		{"no name", "name", "", "subject.missing"},
		{"number as name", "name", "13800000000", "subject.name"},
		{"long name", "name", strings.Repeat("虚", 201), "subject.name_long"},
		{"unknown kind", "kind", "财团", "subject.kind"},
		{"unknown district", "district", "410799", "ident.area.unknown"},
		{"province as district", "district", "410000", "subject.district"},
		{"no district", "district", "", "subject.missing"},
		{"neither yes nor no", "noIPDepartment", "也许", "subject.yes_no"},
	} {
		t.Run(c.name, func(t *testing.T) {
			row := map[string]string{}
			for k, v := range good {
				row[k] = v
			}
			row[c.field] = c.value
			_, problems := Parse(sheet.NewRow(Columns, 1, row), nil)
			found := false
			for _, p := range problems {
				found = found || p.Field == c.field && p.Code == c.code
			}
			if !found {
				t.Errorf("got %v", problems)
			}
		})
	}
	for code, want := range map[string]string{"91410702MA00AAC13T": "enterprise", "12410000000000027F": "university"} {
		if got := KindOf(ident.USCC(code), "演示大学"); got != want {
			t.Errorf("%s: %s", code, got)
		}
	}
}

func TestMergeKeepsWhatOnlyTheOldKnows(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom([]string{"甲", "乙", "丙", "丁"})
		old := Subject{Name: name.Draw(t, "old"), FormerNames: rapid.SliceOfN(name, 0, 3).Draw(t, "former"), Number: 7}
		next := Merge(&old, Subject{Name: name.Draw(t, "new"), FormerNames: rapid.SliceOfN(name, 0, 3).Draw(t, "more")})
		if next.Number != 7 || slices.Contains(next.FormerNames, next.Name) {
			t.Fatalf("%+v", next)
		}
		for _, n := range append(old.FormerNames, old.Name) {
			if n != next.Name && !slices.Contains(next.FormerNames, n) {
				t.Fatalf("%s is forgotten: %+v", n, next)
			}
		}
		if again := Merge(&next, next); !slices.Equal(again.FormerNames, next.FormerNames) {
			t.Fatalf("%v, then %v", next.FormerNames, again.FormerNames)
		}
	})
}

func FuzzQuery(f *testing.F) {
	for _, s := range []string{"砚葵", "91410702MA00AAC13T", "yankui", "xi'an", "（）", "abc样例", "新乡市", strings.Repeat("行", 200)} {
		f.Add(s)
	}
	sub := Subject{Name: "新乡市行重长乐科技有限公司", FormerNames: []string{"abc（集团）"}, District: "410702"}
	f.Fuzz(func(t *testing.T, s string) {
		text, err := cleanQuery(s)
		if err != nil {
			if _, ok := fault.Of(err); !ok {
				t.Fatal(err)
			}
			return
		}
		score, why, _ := newQuery(text).judge(sub)
		if score < 0 || score > 1 || score > 0 && len(why) == 0 {
			t.Fatalf("%q: %v %v", s, score, why)
		}
	})
}
