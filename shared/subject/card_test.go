package subject

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"ipcredit/shared/ident"
	"ipcredit/shared/journal"
	"ipcredit/shared/redistest"
)

func TestCardIsEnoughForMostSubjects(t *testing.T) {
	t.Parallel()
	plain := Subject{Code: makeCode(t, "91", "410702", 1), Name: "新乡市砚葵科技有限公司", Kind: "enterprise", District: "410702", Number: 7}
	for _, c := range []struct {
		name   string
		change func(*Subject)
		whole  bool
	}{
		{"plain", func(*Subject) {}, true},
		{"another district", func(s *Subject) { s.District = "410771" }, true},
		{"no district", func(s *Subject) { s.District = "" }, false},
		{"another kind", func(s *Subject) { s.Kind = "agency" }, false},
		{"former name", func(s *Subject) { s.FormerNames = []string{"新乡市漪铖机械厂"} }, false},
		{"merged", func(s *Subject) { s.MergedInto = makeCode(t, "91", "410702", 2) }, false},
		{"characters of two units", func(s *Subject) { s.Name = "新乡市𬭎𣲘科技有限公司" }, true},
		{"latin, digits, brackets", func(s *Subject) { s.Name = "ABC123（新乡）有限公司" }, true},
		{"private characters", func(s *Subject) { s.Name = "\ue000\ue001" }, false},
		{"private characters without a word", func(s *Subject) { s.Name = "砚\uf8ff" }, true},
		{"as long as a card holds", func(s *Subject) { s.Name = strings.Repeat("虚", 22) }, true},
		{"longer than a card holds", func(s *Subject) { s.Name = strings.Repeat("虚", 23) }, false},
		{"no name", func(s *Subject) { s.Name = "" }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := plain
			c.change(&s)
			text := card(s)
			got, whole := ofCard(text, s.Number)
			if whole != c.whole || len(text) > longestCard || got.Code != s.Code || !whole && text != s.Code {
				t.Fatalf("%q: %+v, %v", text, got, whole)
			}
			if whole && (got.Name != s.Name || got.Kind != s.Kind || got.District != s.District || got.Number != s.Number) {
				t.Errorf("%+v", got)
			}
		})
	}
	if _, whole := ofCard(plain.Code+"?新", 1); whole {
		t.Error("a card of an unknown form is read")
	}
}

func TestCardReadsBackAsItWasWritten(t *testing.T) {
	t.Parallel()
	word := rapid.OneOf(rapid.String(), rapid.SampledFrom(shorthand), rapid.SampledFrom([]string{"有限", "责任公司", "\ue005", "𬭎", "新"}))
	code := makeCode(t, "92", "410781", 1)
	rapid.Check(t, func(t *rapid.T) {
		s := Subject{Code: code, Kind: "individual-business", Number: 1,
			Name:     strings.Join(rapid.SliceOfN(word, 0, 6).Draw(t, "name"), ""),
			District: rapid.SampledFrom([]string{"410781", "410702", "", "4107"}).Draw(t, "district")}
		got, whole := ofCard(card(s), 1)
		if got.Code != s.Code || whole && (got.Name != s.Name || got.District != s.District || got.Kind != s.Kind) {
			t.Fatalf("%+v became %+v", s, got)
		}
		ofCard(rapid.String().Draw(t, "card"), 1) // anything may stand there
	})
}

func TestShorthandHasNoWordTwice(t *testing.T) {
	t.Parallel()
	if len(shorthand) > 0x1900 {
		t.Error("more words than private characters")
	}
	for i, word := range shorthand {
		if slices.Contains(shorthand[:i], word) {
			t.Errorf("%s stands twice", word)
		}
	}
}

// age makes the index look as an earlier version with other word lists left it.
func age(t *testing.T, s *Store, codes []string) {
	t.Helper()
	ctx, rdb := t.Context(), s.journal.Redis()
	for i, code := range codes {
		sub, err := s.Get(ctx, code)
		if err != nil {
			t.Fatal(err)
		}
		key, field := s.cardKey(sub.Number)
		rdb.HDel(ctx, key, field)
		key, field = s.oldCodeKey(sub.Number)
		rdb.HSet(ctx, key, field, code)
		number := strconv.FormatInt(sub.Number, 10)
		if i%3 == 0 {
			rdb.SAdd(ctx, s.journal.Key("subject", "g:旧词"), number)
			rdb.SRem(ctx, brandTerm(ident.ParseName(sub.Name).Brand).key(s.journal, sub.Number), number)
		}
	}
}

func TestReindexPutsRightWhatAnEarlierVersionLeft(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		var all []Subject
		for i := range 1100 { // several slices, and a set that is read in parts
			all = append(all, firm(t, i, "新乡市虚构"+string(seconds[i%len(seconds)])+trades[i%len(trades)]+"有限公司"))
		}
		all[3].FormerNames = []string{"新乡市漪铖机械厂"}
		all[4].MergedInto = all[5].Code
		save(t, s, all...)
		want := indexed(t, s)
		var codes []string
		for _, sub := range all {
			codes = append(codes, sub.Code)
		}
		queries := []string{"新乡市漪铖机械厂", "虚构" + string(seconds[7]), "虚构科技", all[5].Name, all[9].Code[:14], "yicheng"}
		answers := func() (list [][]string) {
			for _, q := range queries {
				r, err := s.Search(t.Context(), q, 20, "")
				if err != nil || len(r.Hits) == 0 {
					t.Fatalf("%s: %+v, %v", q, r, err)
				}
				list = append(list, names(r))
			}
			return list
		}
		before := answers()
		// Codes alone are still understood.
		for i := range all {
			key, field := s.cardKey(int64(i + 1))
			s.journal.Redis().HDel(t.Context(), key, field)
			key, field = s.oldCodeKey(int64(i + 1))
			s.journal.Redis().HSet(t.Context(), key, field, all[i].Code)
		}
		for i, got := range answers() {
			if !slices.Equal(got, before[i]) {
				t.Errorf("%s finds %v without cards, %v with", queries[i], got, before[i])
			}
		}
		age(t, s, codes)
		var done []int
		if err := s.Reindex(t.Context(), entry, func(n int) { done = append(done, n) }); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(done, []int{500, 1000, 1100}) {
			t.Errorf("progress %v", done)
		}
		got := indexed(t, s)
		for key := range want {
			if !slices.Equal(got[key], want[key]) {
				t.Errorf("%s: %v, want %v", key, got[key], want[key])
			}
			delete(got, key)
		}
		if len(got) > 0 {
			t.Errorf("left over: %v", got)
		}
		for i, got := range answers() {
			if !slices.Equal(got, before[i]) {
				t.Errorf("%s finds %v, before %v", queries[i], got, before[i])
			}
		}
		entries := s.journal.Redis().XLen(t.Context(), s.journal.Key("journal")).Val()
		if err := s.Reindex(t.Context(), entry, nil); err != nil {
			t.Fatal(err)
		}
		if again := s.journal.Redis().XLen(t.Context(), s.journal.Key("journal")).Val(); again != entries {
			t.Errorf("%d commits where nothing differs", again-entries)
		}
	})
}

func TestReindexOfNothingWritesNothing(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		s := NewStore(journal.New(rdb, "410700", journal.Options{}))
		if err := s.Reindex(t.Context(), entry, func(int) { t.Error("progress") }); err != nil {
			t.Fatal(err)
		}
		if n := rdb.DBSize(t.Context()).Val(); n != 0 {
			t.Errorf("%d keys", n)
		}
	})
}
