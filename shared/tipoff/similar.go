package tipoff

import (
	"cmp"
	"context"
	"hash/fnv"
	"maps"
	"slices"
	"sync"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/journal"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// Similar is a tip-off that seems to be about the same.
type Similar struct {
	Report Report
	// Parties are the reported parties both name.
	Parties []Party
	// Text is how alike the narratives are, 0 to 100.
	Text int
}

// feature is what tip-offs are compared by. It is made from what is opened, kept
// in memory only, and holds the text as hashes of its grams.
type feature struct {
	parties []Party
	grams   []uint64
}

// features remembers them, so that a unit's tip-offs are opened once and not at
// each comparison.
type features struct {
	mu    sync.Mutex
	known map[string]feature
}

// rememberedFeatures bounds the memory: at most 2 KiB of grams each.
const rememberedFeatures = 4096

func (f *features) get(number string) (feature, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	k, ok := f.known[number]
	return k, ok
}

func (f *features) put(number string, k feature) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.known == nil || len(f.known) >= rememberedFeatures {
		f.known = map[string]feature{}
	}
	f.known[number] = k
}

func (f *features) forget(number string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.known, number)
}

const (
	// gram is how many characters are looked at together: three tell a Chinese
	// phrase.
	gram = 3
	// sketch is how many hashes of a text are kept, the lowest: enough to tell
	// likeness to some six per cent (bottom-k sketch, Broder 1997).
	sketch = 256
)

func featureOf(l Lodged) feature {
	text := []rune(ident.Normal(l.Narrative))
	seen := map[uint64]bool{}
	for at := 0; at+gram <= len(text); at++ {
		h := fnv.New64a()
		_, _ = h.Write([]byte(string(text[at : at+gram])))
		// FNV's low bits are better mixed than its high ones, and order looks at
		// those.
		sum := h.Sum64()
		seen[sum<<32|sum>>32] = true
	}
	grams := slices.Sorted(maps.Keys(seen))
	return feature{parties: l.Parties, grams: grams[:min(len(grams), sketch)]}
}

// like estimates how much of two texts is the same: the share of common grams
// among all, in per cent.
func like(a, b []uint64) int {
	total, common := 0, 0
	for i, j := 0, 0; total < sketch && (i < len(a) || j < len(b)); total++ {
		switch {
		case j == len(b) || i < len(a) && a[i] < b[j]:
			i++
		case i == len(a) || b[j] < a[i]:
			j++
		default:
			i, j, common = i+1, j+1, common+1
		}
	}
	if total == 0 {
		return 0
	}
	return common * 100 / total
}

// both lists the parties of a that b names too: by code where both have one, by
// name otherwise.
func both(a, b []Party) []Party {
	var out []Party
	for _, p := range a {
		if slices.ContainsFunc(b, func(q Party) bool {
			if p.Code != "" && q.Code != "" {
				return p.Code == q.Code
			}
			return sameName(p.Name, q.Name)
		}) {
			out = append(out, p)
		}
	}
	return out
}

// Duplicates compares a tip-off with the others its unit handles, the likeliest
// first (staff.TipoffOpen). It is computed from what is opened for it and stored
// nowhere; those that name a party the officer is tied to are left out.
func (o *Office) Duplicates(ctx context.Context, a staff.Actor, number string, now time.Time) ([]Similar, error) {
	f, err := o.enter(ctx, a, staff.TipoffOpen, number, now)
	if err != nil {
		return nil, err
	}
	number = f.report.Number
	_, terms, err := ruleset.Of[similarTerms](o.store.rules.Set, "tipoff-similar", workday.DateOf(now))
	if err != nil {
		return nil, err
	}
	// That others were opened to compare is in the trail.
	if _, err := o.store.update(ctx, entry(a, "tipoff.compare", now), number, func(*journal.Tx, *Report) error { return nil }); err != nil {
		return nil, err
	}
	var numbers []string
	for _, closed := range []bool{false, true} {
		more, err := o.store.list(ctx, f.report.Unit, closed, terms.Candidates-len(numbers))
		if err != nil {
			return nil, err
		}
		numbers = append(numbers, more...)
		if len(numbers) >= terms.Candidates {
			break
		}
	}
	numbers = slices.DeleteFunc(numbers, func(n string) bool { return n == number })
	reports, err := o.store.reports(ctx, numbers)
	if err != nil {
		return nil, err
	}
	found, err := o.featuresOf(ctx, f.report.Unit, reports)
	if err != nil {
		return nil, err
	}
	mine := featureOf(f.lodged)
	var out []Similar
	for _, r := range reports {
		other, ok := found[r.Number]
		if !ok || o.can(ctx, a, staff.TipoffOpen, r, other.parties, now) != nil {
			continue
		}
		s := Similar{Report: r, Parties: both(other.parties, mine.parties), Text: like(mine.grams, other.grams)}
		if len(s.Parties) > 0 || s.Text >= terms.Text {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(x, y Similar) int {
		return cmp.Or(-cmp.Compare(x.rank(), y.rank()), cmp.Compare(x.Report.Number, y.Report.Number))
	})
	return out[:min(len(out), terms.Shown)], nil
}

// rank puts those of the same parties first, and among them the likest texts.
func (s Similar) rank() int { return 1000*min(len(s.Parties), 1) + s.Text }

// featuresOf opens what is not remembered. One that cannot be opened is left out.
func (o *Office) featuresOf(ctx context.Context, unit string, reports []Report) (map[string]feature, error) {
	out := map[string]feature{}
	var refs, numbers []string
	of := map[string]string{} // reference → number
	for _, r := range reports {
		if r.State == Erased || r.Unit != unit {
			continue
		}
		if k, ok := o.features.get(r.Number); ok {
			out[r.Number] = k
			continue
		}
		refs, numbers, of[r.Key] = append(refs, r.Key), append(numbers, r.Number), r.Number
	}
	contents, err := o.store.contents(ctx, numbers)
	if err != nil {
		return nil, err
	}
	for ref, opened := range o.keys.OpenAll(ctx, refs, UnitLabel(unit), o.identities[unit]) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if opened.Err != nil {
			continue
		}
		number := of[ref]
		inside, err := unsealed[content](opened.Identity, contents[slices.Index(numbers, number)])
		if err != nil {
			continue
		}
		l, err := inside.lodged()
		if err != nil {
			continue
		}
		out[number] = featureOf(l)
		o.features.put(number, out[number])
	}
	return out, nil
}

// Merge handles a tip-off with another one of the unit (staff.TipoffHandle).
// Reporters are told nothing of each other: the link is sealed to the unit, and
// each is answered by itself.
func (o *Office) Merge(ctx context.Context, a staff.Actor, number, into string, now time.Time) error {
	f, err := o.enter(ctx, a, staff.TipoffHandle, number, now)
	if err != nil {
		return err
	}
	lead, err := o.enter(ctx, a, staff.TipoffHandle, into, now)
	if err != nil {
		return err
	}
	number, into = f.report.Number, lead.report.Number
	if number == into || f.report.Unit != lead.report.Unit {
		return fault.New(fault.Refused, "tipoff.form").With("into", "tipoff.merge.other")
	}
	forward, err := o.sealNote(f.report, f.report.Unit, noted{Into: into})
	if err != nil {
		return err
	}
	back, err := o.sealNote(lead.report, lead.report.Unit, noted{Same: number})
	if err != nil {
		return err
	}
	_, err = o.commit(ctx, a, f, work{name: "tipoff.merge", act: func(tx *journal.Tx, r *Report, today workday.Date) error {
		if !slices.Contains(mergeable, r.State) || r.has(string(Disputed)) {
			return fault.New(fault.Conflict, "tipoff.state", string(r.State), string(Merged))
		}
		l, err := o.store.other(ctx, tx, into)
		switch {
		case err != nil:
			return err
		case !l.State.Open() || l.State == Merged || l.Unit != r.Unit:
			return fault.New(fault.Conflict, "tipoff.merge.state")
		}
		before := l
		if err := o.store.addNote(tx, &l, a.User.ID, today, l.Unit, back); err != nil {
			return err
		}
		if err := o.store.put(ctx, tx, before, l, now); err != nil {
			return err
		}
		r.move(Merged, today, a.User.ID)
		return o.store.addNote(tx, r, a.User.ID, today, r.Unit, forward)
	}}, now)
	return err
}
