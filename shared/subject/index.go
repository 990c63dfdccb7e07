package subject

import (
	"hash/fnv"
	"maps"
	"slices"
	"strconv"

	"ipcredit/shared/ident"
	"ipcredit/shared/journal"
)

// The search index is a set of subject numbers for each term. What is a term:
//
//	g  two neighbouring characters of a name
//	a  the first character of the trade name
//	z  the trade name            (hashed to a bucket)
//	c  trade name and industry   (hashed)
//	x  the whole normalised name (hashed)
//	p  a way to read the trade name aloud (hashed)
//	i  the first letters of such a reading
//	j  the first four letters of trade name and industry read so (hashed)
//	q  the first twelve characters of the code (hashed)
//	k  the last but one character of the trade name with the first of the
//	   industry: what is left when the last one was mistyped (hashed)
//
// Two things keep it small and every command short. Members are numbers, and a
// set of at most 512 numbers costs Redis four bytes each. And terms that very
// many subjects share are cut into blocks of consecutive numbers: 512 for the
// pairs inside industry words, forms and the city's own divisions, 65,536 for
// first characters, short initials and trade names. So no set that a query reads whole
// is large, and reading blocks in order of number gives the same bounded prefix
// at every page. Hash buckets bring in subjects that do not have the term: what
// is found is always checked against the subject itself.
const (
	commonBlock = 9  // log2 of the numbers in a block of a common term
	wideBlock   = 16 // the same for terms that are common only together

	nameBuckets    = 1 << 12
	readingBuckets = 1 << 14

	readings = 4 // ways to read a trade name that are indexed
)

// term is one entry of a name in the index.
type term struct {
	name  string // kind, ":" and value or bucket
	block int    // log2 of the block size; 0 is one set
}

// key is the set that holds n, or would.
func (t term) key(j *journal.Journal, n int64) string {
	if t.block == 0 {
		return j.Key("subject", t.name)
	}
	return j.Key("subject", t.name, strconv.FormatInt(n>>t.block, 10))
}

func bucket(kind, value string, buckets uint32) string {
	h := fnv.New32a()
	h.Write([]byte(value))
	// FNV's low bits alone are weak for short values.
	v := h.Sum32()
	v ^= v >> 15
	return kind + ":" + strconv.FormatUint(uint64(v%buckets), 36)
}

func gramTerm(gram string) term {
	if ident.CommonGrams()[gram] {
		return term{"g:" + gram, commonBlock}
	}
	return term{"g:" + gram, 0}
}

func firstTerm(s string) term {
	return term{"a:" + string(first(s)), wideBlock}
}

func first(s string) rune {
	for _, r := range s {
		return r
	}
	return 0
}

func brandTerm(brand string) term     { return term{bucket("z", brand, nameBuckets), wideBlock} }
func coreTerm(core string) term       { return term{bucket("c", core, nameBuckets), 0} }
func nameTerm(normal string) term     { return term{bucket("x", normal, nameBuckets), 0} }
func readingTerm(reading string) term { return term{bucket("p", reading, readingBuckets), 0} }

func lettersTerm(letters string) term {
	return term{bucket("j", letters[:min(4, len(letters))], readingBuckets), 0}
}

func codeTerm(code string) term { return term{bucket("q", code[:codeHead], readingBuckets), 0} }

// codeHead is how much of a code one must type to search by its beginning: the
// first eight characters say only who registered it and where.
const codeHead = 12

func initialsTerm(initials string) term {
	if len(initials) <= 2 {
		return term{"i:" + initials, wideBlock}
	}
	return term{"i:" + initials, 0}
}

// skipTerm is the term k; ok is false where a name has no two characters or no
// industry.
func skipTerm(brand, industry string) (term, bool) {
	r := []rune(brand)
	if len(r) < 2 || industry == "" {
		return term{}, false
	}
	return term{bucket("k", string([]rune{r[len(r)-2], first(industry)}), readingBuckets), 0}, true
}

// spoken is the part of a name that people say for the whole: the trade name,
// and of a long one the first two characters as well.
func spoken(n ident.Name) []string {
	r := []rune(n.Brand)
	if len(r) <= 4 {
		return []string{n.Brand}
	}
	return []string{n.Brand, string(r[:2])}
}

// terms are the terms of one subject, each once.
func terms(s Subject) []term {
	if s.Kind == Person {
		return nil
	}
	list := make([]term, 0, 32)
	add := func(t term) {
		if !slices.Contains(list, t) { // so few that a map would take longer
			list = append(list, t)
		}
	}
	if len(s.Code) > codeHead {
		add(codeTerm(s.Code))
	}
	for _, name := range append([]string{s.Name}, s.FormerNames...) {
		n := ident.ParseName(name)
		if n.Core == "" {
			continue
		}
		for _, g := range ident.Grams(n.Core) {
			add(gramTerm(g))
		}
		for _, part := range append([]string{n.Form}, n.Divisions...) {
			for _, g := range ident.Grams(part) {
				// Seldom written divisions and forms find nobody that the name
				// itself would not find.
				if t := gramTerm(g); t.block != 0 {
					add(t)
				}
			}
		}
		add(firstTerm(n.Brand))
		add(brandTerm(n.Brand))
		add(coreTerm(n.Core))
		add(nameTerm(n.Normal))
		if t, ok := skipTerm(n.Brand, n.Industry); ok {
			add(t)
		}
		if n.Industry != "" {
			head := []rune(n.Core)
			for _, l := range ident.Initials(string(head[:min(4, len(head))]), readings) {
				add(lettersTerm(l))
			}
		}
		for _, part := range spoken(n) {
			for _, r := range ident.Pinyin(part, readings) {
				add(readingTerm(r))
			}
			for _, r := range ident.Initials(part, readings) {
				add(initialsTerm(r))
			}
		}
	}
	return list
}

// Batch collects the writes of many subjects in one commit, so that each set of
// the index is written once however many of them share it.
type Batch struct {
	store   *Store
	tx      *journal.Tx
	pending map[string]Subject
	members map[string]*members // by key
	highest int64
	ahead   Prepared
}

// members are what becomes of one set.
type members struct{ add, remove []string }

// Prepared holds what the index needs of subjects, computed ahead of the commit
// that writes them, by code.
type Prepared map[string]prepared

type prepared struct {
	subject Subject
	terms   []term
}

// Prepare does the costly part of writing subjects to the index. It reads
// nothing, so it may be done beside another commit.
func Prepare(subjects ...Subject) Prepared {
	p := make(Prepared, len(subjects))
	for _, s := range subjects {
		p[s.Code] = prepared{s, terms(s)}
	}
	return p
}

// terms are those of s, from what was prepared where s is still the same.
func (b *Batch) terms(s Subject) []term {
	p, ok := b.ahead[s.Code]
	if ok && p.subject.Name == s.Name && p.subject.Kind == s.Kind && slices.Equal(p.subject.FormerNames, s.FormerNames) {
		return p.terms
	}
	return terms(s)
}

// Use gives the batch what was prepared; what it lacks is computed in Put.
func (b *Batch) Use(p Prepared) { b.ahead = p }

// Batch starts collecting for one commit.
func (s *Store) Batch(tx *journal.Tx) *Batch {
	return &Batch{store: s, tx: tx, pending: map[string]Subject{}, members: map[string]*members{}}
}

// Put writes next over old, which is what is stored under the same code (nil if
// nothing is). A subject that is new to the index needs a Number from
// Store.Take; otherwise the old number is kept. Putting the same code twice in
// one batch goes on from the first.
func (b *Batch) Put(old *Subject, next Subject) {
	if p, ok := b.pending[next.Code]; ok {
		old = &p
	}
	if old != nil && old.Number != 0 {
		next.Number = old.Number
	}
	b.pending[next.Code] = next
	b.highest = max(b.highest, next.Number)
	j := b.store.journal
	b.tx.Set(b.store.Key(next.Code), encode(next))
	member := strconv.FormatInt(next.Number, 10)
	var had map[term]bool
	before := "" // the card
	if old != nil {
		had = map[term]bool{}
		for _, t := range terms(*old) {
			had[t] = true
		}
		if old.Number == next.Number {
			before = card(*old)
		}
	}
	if after := card(next); next.Kind != Person && after != before {
		key, field := b.store.cardKey(next.Number)
		b.tx.HSet(key, field, after)
	}
	for _, t := range b.terms(next) {
		if had[t] {
			delete(had, t)
			continue
		}
		m := b.of(t.key(j, next.Number))
		m.remove = without(m.remove, member)
		m.add = append(m.add, member)
	}
	for t := range had {
		m := b.of(t.key(j, next.Number))
		m.add = without(m.add, member)
		m.remove = append(m.remove, member)
	}
}

// of is what becomes of the set at a key.
func (b *Batch) of(key string) *members {
	m := b.members[key]
	if m == nil {
		m = new(members)
		b.members[key] = m
	}
	return m
}

func without(list []string, member string) []string {
	if i := slices.Index(list, member); i >= 0 {
		return slices.Delete(list, i, i+1)
	}
	return list
}

// Flush queues the index writes. Call it once, last.
func (b *Batch) Flush() {
	for _, key := range slices.Sorted(maps.Keys(b.members)) { // equal commits write equal entries
		m := b.members[key]
		b.tx.SAdd(key, m.add...)
		b.tx.SRem(key, m.remove...)
	}
	if b.highest > 0 {
		b.tx.Counter(series, b.highest)
	}
}
