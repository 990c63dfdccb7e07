package subject

import (
	"cmp"
	"container/heap"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/ident"
)

// What speaks for a candidate before it is read. Only the order counts: exact
// name, then trade name and industry, then trade name, then what is alike.
const (
	weightName    = 1000
	weightCore    = 300
	weightBrand   = 100
	weightSound   = 14
	weightLetters = 30
	weightSkip    = 8
	weightFirst   = 2

	// The bucket of a skip alone brings in strangers.
	weightSkipAlone = 3
)

// probe is one set that may hold candidates.
type probe struct {
	key    string
	weight float64
	size   int64
	brand  bool // a pair of characters of the trade name
	rare   bool // weight grows as the set gets smaller
}

// search collects candidates of one query.
type search struct {
	store   *Store
	ctx     context.Context
	q       query
	size    int   // subjects judged at a time
	last    int64 // the highest number given
	weights map[int64]float64
	partial bool
}

// candidate is a subject that may fit, with what speaks for it so far.
type candidate struct {
	number int64
	weight float64
}

// candidates are subjects that may fit, in a heap with the likeliest on top:
// few queries look at more than the first of them.
type candidates []candidate

func (c candidates) Len() int { return len(c) }
func (c candidates) Less(i, j int) bool {
	if c[i].weight != c[j].weight {
		return c[i].weight > c[j].weight
	}
	return c[i].number < c[j].number
}
func (c candidates) Swap(i, j int) { c[i], c[j] = c[j], c[i] }
func (c *candidates) Push(x any)   { *c = append(*c, x.(candidate)) }
func (c *candidates) Pop() any {
	last := (*c)[len(*c)-1]
	*c = (*c)[:len(*c)-1]
	return last
}

// take removes the n likeliest, or all there are, and gives them in order.
func (c *candidates) take(n int) []candidate {
	list := make([]candidate, 0, min(n, len(*c)))
	for len(list) < cap(list) {
		list = append(list, heap.Pop(c).(candidate))
	}
	return list
}

// candidates gives the subjects that may fit, and whether these are all. Size is
// how many of them one page looks at: what only adds to the end of a longer list
// is left out.
func (s *Store) candidates(ctx context.Context, q query, size int) (candidates, bool, error) {
	f := &search{store: s, ctx: ctx, q: q, size: size}
	if err := f.run(); err != nil {
		return nil, false, err
	}
	list := make(candidates, 0, len(f.weights))
	for n, w := range f.weights {
		list = append(list, candidate{n, w})
	}
	heap.Init(&list)
	return list, !f.partial, nil
}

func (f *search) key(t term, n int64) string { return t.key(f.store.journal, n) }

func (f *search) blocks(t term) int64 {
	if t.block == 0 {
		return 1
	}
	return f.last>>t.block + 1
}

// run asks in two round trips, how large each set is, then the small ones whole
// and of the large ones the intersections that are small; some kinds of query
// need a third.
func (f *search) run() error {
	probes := f.probes()
	rdb := f.store.journal.Redis()
	sizes := make([]*redis.IntCmd, len(probes))
	var last *redis.StringCmd
	_, err := rdb.Pipelined(f.ctx, func(p redis.Pipeliner) error {
		last = p.Get(f.ctx, f.store.journal.Key("seq", series))
		for i, pr := range probes {
			sizes[i] = p.SCard(f.ctx, pr.key)
		}
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return fmt.Errorf("subject: sizes of terms: %w", err)
	}
	if f.last, err = last.Int64(); err != nil {
		if errors.Is(err, redis.Nil) {
			return nil // nobody was ever stored
		}
		return fmt.Errorf("subject: last number: %w", err)
	}
	var small []probe
	var pair *probe // the rarest pair of characters of the trade name
	light := false  // some such pair is small enough to read
	for i := range probes {
		p := probes[i]
		if p.size = sizes[i].Val(); p.size == 0 {
			continue
		}
		if p.rare {
			p.weight *= math.Log(2 + float64(f.last)/float64(p.size))
		}
		if p.brand && (pair == nil || p.size < pair.size) {
			pair = &p
		}
		switch {
		case p.size <= largestSet && (p.brand || p.size <= largestOther):
			small = append(small, p)
			light = light || p.brand
		default:
			f.partial = f.partial || p.brand
		}
	}
	slices.SortStableFunc(small, func(a, b probe) int { return cmp.Compare(a.size, b.size) })
	if pair != nil && pair.size <= int64(f.size) {
		pair = nil // all who have it will be looked at anyway
	}
	ops := append(f.wholeSets(small), f.sameName(pair)...)
	if f.q.letters == nil && pair != nil {
		// What only sounds alike stands behind all who have the pair.
		f.partial = true
	} else {
		ops = append(ops, f.alike(false)...)
	}
	if err := f.do(ops); err != nil {
		return err
	}
	if f.q.letters != nil && len(f.weights) == 0 {
		// 葳商贸: a trade name of one syllable, and its trade.
		if err := f.do(f.alike(true)); err != nil {
			return err
		}
	}
	if pair != nil && !light && len(f.weights) < f.size {
		// Too many have the pair to read them, and few have just this trade name:
		// some of those whose trade name begins with it.
		return f.walk(weightFirst, []term{firstTerm(f.q.name.Brand)}, pair.key)
	}
	n := f.q.name
	short := len([]rune(n.Brand)) == 1
	switch {
	case n.Generic:
		return f.common()
	case short:
		return f.shortBrand()
	case pair == nil && !light && f.q.letters == nil && len(ident.Grams(n.Brand)) > 0 && !f.distinct():
		return f.sameBrand(n.Brand)
	}
	return f.initials()
}

// distinct tells whether the trade name has a pair of characters that is no
// part of a common word.
func (f *search) distinct() bool {
	for _, g := range ident.Grams(f.q.name.Brand) {
		if gramTerm(g).block == 0 {
			return true
		}
	}
	return false
}

// probes lists the sets to look at. None of them is cut into blocks.
func (f *search) probes() []probe {
	var list []probe
	seen := map[string]bool{}
	add := func(t term, weight float64, brand, rare bool) {
		if t.block == 0 && !seen[t.name] {
			seen[t.name] = true
			list = append(list, probe{key: f.key(t, 0), weight: weight, brand: brand, rare: rare})
		}
	}
	n := f.q.name
	brand := ident.Grams(n.Brand)
	for _, g := range brand {
		add(gramTerm(g), 2, true, true)
	}
	for _, g := range ident.Grams(n.Core) {
		add(gramTerm(g), 1, false, true)
	}
	if r := []rune(n.Brand); len(r) >= 2 && len(r) <= 4 {
		// Neighbours typed in the wrong order.
		for i := range len(r) - 1 {
			add(gramTerm(string([]rune{r[i+1], r[i]})), 1, false, true)
		}
	}
	if t, ok := skipTerm(n.Brand, n.Industry); ok {
		add(t, weightSkipAlone, false, false)
	}
	return list
}

// op reads one set, or what several have in common.
type op struct {
	weight float64
	keys   []string
}

// do runs ops in one round trip and weighs what they find. Of a result that is
// too large the lowest numbers count, so that asking again gives the same.
func (f *search) do(ops []op) error {
	if len(ops) == 0 {
		return nil
	}
	found := make([]*redis.StringSliceCmd, len(ops))
	_, err := f.store.journal.Redis().Pipelined(f.ctx, func(p redis.Pipeliner) error {
		for i, o := range ops {
			if len(o.keys) == 1 {
				found[i] = p.SMembers(f.ctx, o.keys[0])
			} else {
				found[i] = p.SInter(f.ctx, o.keys...)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("subject: reading terms: %w", err)
	}
	if f.weights == nil {
		all := 0
		for _, set := range found {
			all += len(set.Val())
		}
		f.weights = make(map[int64]float64, all)
	}
	for i, set := range found {
		numbers := parseNumbers(set.Val())
		if len(numbers) > largestSet {
			slices.Sort(numbers)
			numbers, f.partial = numbers[:largestSet], true
		}
		for _, n := range numbers {
			f.weights[n] += ops[i].weight
		}
	}
	return nil
}

// wholeSets reads small sets, the smallest first, as far as the bound on
// members goes.
func (f *search) wholeSets(small []probe) []op {
	var ops []op
	read := 0
	for _, p := range small {
		if read += int(p.size); read > mostMembers {
			f.partial = true
			break
		}
		ops = append(ops, op{p.weight, []string{p.key}})
	}
	return ops
}

// sameName asks for those with exactly this name, and where many have the pair
// of characters, for those with this trade name and industry, or this trade
// name.
func (f *search) sameName(pair *probe) []op {
	n := f.q.name
	core := f.key(coreTerm(n.Core), 0)
	ops := []op{{weightName, []string{f.key(nameTerm(n.Normal), 0), core}}}
	if pair == nil {
		return ops
	}
	ops = append(ops, op{weightCore, []string{core, pair.key}})
	brand := brandTerm(n.Brand)
	for b := range min(f.blocks(brand), mostBlocks) {
		ops = append(ops, op{weightBrand, []string{f.key(brand, b<<brand.block), pair.key}})
	}
	return ops
}

// alike asks for what the query sounds like, and for a trade name whose last
// character is wrong. A bucket is not read alone where something cheap can keep
// its strangers out. Single is for the trade names of one syllable, of which
// there are few and which cost most.
func (f *search) alike(single bool) []op {
	var ops []op
	n := f.q.name
	seen := map[[2]term]bool{}
	add := func(weight float64, bucket, filter term) {
		if seen[[2]term{bucket, filter}] {
			return
		}
		seen[[2]term{bucket, filter}] = true
		key := f.key(bucket, 0)
		for b := range min(f.blocks(filter), mostBlocks) {
			ops = append(ops, op{weight, []string{key, f.key(filter, b<<filter.block)}})
		}
	}
	say := func(syllables []string, weight float64) {
		word, letters := "", ""
		for _, s := range syllables {
			word += s
			letters += s[:1]
		}
		add(weight, readingTerm(word), initialsTerm(letters))
	}
	for _, r := range f.q.readings {
		if len(r) > 1 {
			say(r, weightSound)
		}
	}
	for _, cut := range f.q.cuts {
		for i := range min(len(cut), 5) {
			if single != (i == 0 && len(cut) > 1) {
				continue
			}
			// A reading that leaves less of the query over fits better.
			say(cut[:i+1], weightSound+float64(i))
		}
	}
	for _, letters := range f.q.letters {
		for i := 1; i <= min(4, len(letters)-1); i++ {
			if single != (i == 1) {
				continue
			}
			add(weightLetters, lettersTerm(letters), initialsTerm(letters[:i]))
		}
		for i := 3; i <= min(4, len(letters)); i++ {
			add(weightSound, initialsTerm(letters[:i]), initialsTerm(letters[:i]))
		}
	}
	if t, ok := skipTerm(n.Brand, n.Industry); ok && len([]rune(n.Brand)) == 2 {
		add(weightSkip, t, firstTerm(n.Brand))
	}
	return ops
}

// walk intersects terms block by block, in order of number, until enough
// candidates are found or all blocks are read.
func (f *search) walk(weight float64, terms []term, also ...string) error {
	block := 0
	for _, t := range terms {
		block = t.block
	}
	last := f.last >> block
	enough := len(f.weights) + 2*window
	step := int64(blocksAtOnce)
	if block == wideBlock && len(terms)+len(also) == 1 {
		step = 1 // a whole wide block is much already
	}
	for at := int64(0); at <= last; at += step {
		if at >= mostBlocks || len(f.weights) >= enough {
			f.partial = true
			return nil
		}
		var ops []op
		for b := at; b <= min(at+step-1, last); b++ {
			keys := slices.Clone(also)
			for _, t := range terms {
				keys = append(keys, f.key(t, b<<block))
			}
			ops = append(ops, op{weight, keys})
		}
		if err := f.do(ops); err != nil {
			return err
		}
	}
	return nil
}

// common answers a query without a trade name: the words must all be there.
func (f *search) common() error {
	var terms []term
	for _, g := range ident.Grams(f.q.name.Normal) {
		if t := gramTerm(g); t.block == commonBlock {
			terms = append(terms, t)
		}
	}
	if len(terms) == 0 {
		return nil
	}
	return f.walk(1, terms)
}

// shortBrand answers for a trade name of one character: who has exactly it,
// then whose trade name begins with it.
func (f *search) shortBrand() error {
	n := f.q.name
	if err := f.walk(weightBrand, []term{brandTerm(n.Brand), firstTerm(n.Brand)}); err != nil {
		return err
	}
	return f.walk(weightFirst, []term{firstTerm(n.Brand)})
}

// sameBrand answers for a trade name made of common pairs only.
func (f *search) sameBrand(brand string) error {
	return f.walk(weightBrand, []term{brandTerm(brand), firstTerm(brand)})
}

// initials answers for two letters, whose sets are cut into blocks.
func (f *search) initials() error {
	for _, letters := range f.q.letters {
		if len(letters) < 2 || len(f.weights) >= smallWindow || (len(f.q.cuts) > 0 || len(letters) > 3) && len(f.weights) > 0 {
			continue
		}
		if err := f.walk(weightFirst, []term{initialsTerm(letters[:2])}); err != nil {
			return err
		}
	}
	return nil
}
