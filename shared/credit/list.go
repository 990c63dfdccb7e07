package credit

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/subject"
	"ipcredit/shared/workday"
)

// Asked says which disclosures are wanted; empty fields do not matter.
type Asked struct {
	Act, District string
	// Agencies asks for what is about patent agencies and their trade.
	Agencies bool
	// Text is a name or credit code of the subject.
	Text   string
	Cursor string
	Limit  int // at most 100; 0 means 20
}

// Disclosure is a displayed record with the subject that it speaks against. Of a
// natural person the name is masked and there is no code.
type Disclosure struct {
	Shown
	Code, Name, SubjectKind, District string
	Person                            bool
	// ChangedAt is when the subject's records were last changed, Next when they
	// change by themselves; zero if never.
	ChangedAt, Next time.Time
}

// Disclosures is a page of them, the latest display first.
type Disclosures struct {
	List []Disclosure
	Next string // cursor of the following page, or ""
	// Until is when the page changes by itself: at the latest when the day ends.
	Until time.Time
}

const (
	usualPage  = 20
	longest    = 100
	mostLooked = 400 // entries looked at for one page; one that finds fewer has a cursor all the same
)

func badCursor() error {
	return fault.New(fault.Invalid, "credit.cursor").With("cursor", "credit.cursor")
}

// Disclosures lists what is displayed at the instant.
func (s *Store) Disclosures(ctx context.Context, q Asked, at time.Time) (Disclosures, error) {
	law, err := s.laws.Current(ctx)
	if err != nil {
		return Disclosures{}, err
	}
	if q.Limit <= 0 {
		q.Limit = usualPage
	}
	q.Limit = min(q.Limit, longest)
	out := Disclosures{Until: workday.DateOf(at).End()}
	if strings.TrimSpace(q.Text) != "" {
		err = s.searched(ctx, law, q, at, &out)
	} else {
		err = s.listed(ctx, law, q, at, &out)
	}
	for _, d := range out.List {
		if !d.Next.IsZero() && d.Next.Before(out.Until) {
			out.Until = d.Next
		}
	}
	return out, err
}

// entry is a member of a list.
type entry struct {
	id   string
	rank float64
}

// after tells whether e comes after the place in a list that runs down.
func (e entry) after(place entry) bool {
	return e.rank < place.rank || e.rank == place.rank && e.id < place.id
}

func (s *Store) listed(ctx context.Context, law *Law, q Asked, at time.Time, out *Disclosures) error {
	today := workday.DateOf(at)
	from := entry{id: "~", rank: rank(today.AddDays(1), "") - 1}
	if q.Cursor != "" {
		place, ok := readCursor(q.Cursor)
		if !ok {
			return badCursor()
		}
		if place.after(from) {
			from = place
		}
	}
	// Nothing that speaks against anybody is displayed for longer than the longest term.
	oldest := today
	for !law.calendar.Last(oldest, law.maximum.or(oldest).P.Longest, workday.None).Before(today) {
		oldest = oldest.AddYears(-1)
	}
	least := rank(oldest, "")
	for looked := 0; ; {
		entries, more, err := s.below(ctx, lists(q, at), from, least, q.Limit+1)
		if err != nil || len(entries) == 0 {
			return err
		}
		found, err := s.resolve(ctx, law, entries, at)
		if err != nil {
			return err
		}
		for _, e := range entries {
			d, ok := found[e.id]
			if !ok || q.Act != "" && d.Act != q.Act || q.District != "" && areaList(d.District) != areaList(q.District) {
				from = e
				continue
			}
			if len(out.List) == q.Limit {
				out.Next = from.cursor()
				return nil
			}
			out.List, from = append(out.List, d), e
		}
		if looked += len(entries); !more {
			return nil
		}
		if looked >= mostLooked {
			out.Next = from.cursor()
			return nil
		}
	}
}

// lists are the lists in which what is asked for stands.
func lists(q Asked, at time.Time) []string {
	if q.Agencies {
		return []string{agencies}
	}
	acts, areas := append(slices.Clone(Acts), otherwise), []string{otherwise}
	for _, a := range ident.Areas(at) {
		areas = append(areas, a.Code)
	}
	if q.Act != "" {
		acts = []string{actList(q.Act)}
	}
	if q.District != "" {
		areas = []string{areaList(q.District)}
	}
	list := make([]string, 0, len(acts)*len(areas))
	for _, act := range acts {
		for _, area := range areas {
			list = append(list, act+":"+area)
		}
	}
	return list
}

// below reads at most n entries after a place out of several lists, in order,
// and tells whether there are more.
func (s *Store) below(ctx context.Context, lists []string, from entry, least float64, n int) ([]entry, bool, error) {
	keys := make([]string, len(lists))
	for i, l := range lists {
		keys[i] = s.listKey(l)
	}
	all, floor, more, err := s.ranked(ctx, keys, from.rank, least, n)
	if err != nil {
		return nil, false, err
	}
	// Behind the floor, entries of other lists may come first that were not read.
	all = slices.DeleteFunc(all, func(e entry) bool { return !e.after(from) || more && e.after(floor) })
	slices.SortFunc(all, func(a, b entry) int { return cmp.Or(cmp.Compare(b.rank, a.rank), strings.Compare(b.id, a.id)) })
	if len(all) > n {
		all, more = all[:n], true
	}
	return all, more, nil
}

// resolve finds what of the entries is displayed, by id.
func (s *Store) resolve(ctx context.Context, law *Law, entries []entry, at time.Time) (map[string]Disclosure, error) {
	ids := make([]string, len(entries))
	for i, e := range entries {
		ids[i] = e.id
	}
	held, err := s.holders(ctx, ids)
	if err != nil {
		return nil, err
	}
	var codes []string
	wanted := map[string]bool{}
	for id, code := range held {
		wanted[id] = true
		codes = append(codes, code)
	}
	slices.Sort(codes)
	list, err := s.disclosed(ctx, law, slices.Compact(codes), at)
	if err != nil {
		return nil, err
	}
	found := map[string]Disclosure{}
	for _, d := range list {
		if wanted[d.ID] {
			found[d.ID] = d
		}
	}
	return found, nil
}

// Against lists all that is displayed against the subjects with these codes, the
// latest display first.
func (s *Store) Against(ctx context.Context, codes []string, at time.Time) ([]Disclosure, error) {
	law, err := s.laws.Current(ctx)
	if err != nil {
		return nil, err
	}
	return s.disclosed(ctx, law, codes, at)
}

func (s *Store) disclosed(ctx context.Context, law *Law, codes []string, at time.Time) ([]Disclosure, error) {
	if len(codes) == 0 {
		return nil, nil
	}
	profiles, err := s.profiles(ctx, codes)
	if err != nil {
		return nil, err
	}
	var list []Disclosure
	for _, p := range profiles {
		shown, next := law.Show(p.Records, at)
		for _, x := range shown {
			if x.Adverse {
				list = append(list, p.disclosure(x, next))
			}
		}
	}
	slices.SortFunc(list, func(a, b Disclosure) int {
		return cmp.Or(b.DisplayFrom.Compare(a.DisplayFrom), strings.Compare(b.ID, a.ID))
	})
	return list, nil
}

func (p Profile) disclosure(s Shown, next time.Time) Disclosure {
	d := Disclosure{
		Shown: s, Code: p.Subject.Code, Name: p.Subject.Name, SubjectKind: p.Subject.Kind, District: p.Subject.District,
		ChangedAt: p.ChangedAt, Next: next, Person: p.Subject.Kind == subject.Person,
	}
	if d.Person {
		d.Code, d.Name, d.From = "", ident.MaskName(p.Subject.Name), ""
	}
	return d
}

// mostSearched is how many pages of subjects a search for disclosures looks at.
const mostSearched = 5

func (s *Store) searched(ctx context.Context, law *Law, q Asked, at time.Time, out *Disclosures) error {
	cursor := q.Cursor
	for range mostSearched {
		hits, err := s.subjects.Search(ctx, q.Text, longest, cursor)
		if err != nil {
			return err
		}
		codes := make([]string, len(hits.Hits))
		for i, h := range hits.Hits {
			codes[i] = h.Code
		}
		list, err := s.disclosed(ctx, law, codes, at)
		if err != nil {
			return err
		}
		for _, d := range list {
			if (q.Act == "" || d.Act == q.Act) && (q.District == "" || areaList(d.District) == areaList(q.District)) {
				out.List = append(out.List, d)
			}
		}
		// What one page of subjects has stays together: its cursor is theirs.
		if cursor = hits.Next; cursor == "" || len(out.List) >= q.Limit {
			break
		}
	}
	out.Next = cursor
	return nil
}

// Case is a record as its public address shows it.
type Case struct {
	Fate       Fate
	Disclosure // where Fate is Displayed; otherwise only Next
	// Reason is why it was annulled.
	Reason string
	// Profile is its subject's, for the proof; nothing of it is public by itself.
	Profile Profile
}

// Case reads a record by its id.
func (s *Store) Case(ctx context.Context, id string, at time.Time) (Case, error) {
	if !validID(id) {
		return Case{}, nil
	}
	law, err := s.laws.Current(ctx)
	if err != nil {
		return Case{}, err
	}
	p, known, err := s.Holder(ctx, id)
	if err != nil || !known {
		return Case{}, err
	}
	c := Case{Profile: p}
	var shown Shown
	c.Fate, shown, c.Next, c.Reason = law.Fate(p.Records, id, at)
	if c.Fate == Displayed {
		c.Disclosure = p.disclosure(shown, c.Next)
	}
	return c, nil
}

// Holder is the profile that has the record: after a merger the successor's, and
// its subject's again when that is undone. It is not known of a record that is
// nowhere or moves at this moment.
func (s *Store) Holder(ctx context.Context, id string) (p Profile, known bool, err error) {
	held, err := s.holders(ctx, []string{id})
	if err != nil || held[id] == "" {
		return p, false, err
	}
	p, err = s.Load(ctx, held[id])
	if fault.Is(err, fault.NotFound) {
		return Profile{}, false, nil
	}
	return p, err == nil, err
}

func validID(id string) bool {
	if len(id) != 16 {
		return false
	}
	for i := range len(id) {
		if strings.IndexByte(idLetters, id[i]) < 0 {
			return false
		}
	}
	return true
}

// Removal is a record that is displayed no more: its id and the first day
// without it, and nothing else.
type Removal struct {
	ID string       `json:"id"`
	On workday.Date `json:"removedOn"`
}

// Removed lists what has ended on the day since or later, the latest first. A
// record that was never displayed is not among them.
func (s *Store) Removed(ctx context.Context, since workday.Date, cursor string, limit int, at time.Time) ([]Removal, string, error) {
	today := workday.DateOf(at)
	from := entry{id: "~", rank: rank(today.AddDays(1), "") - 1}
	if cursor != "" {
		place, ok := readCursor(cursor)
		if !ok {
			return nil, "", badCursor()
		}
		if place.after(from) {
			from = place
		}
	}
	law, err := s.laws.Current(ctx)
	if err != nil {
		return nil, "", err
	}
	limit = max(1, limit)
	all, _, more, err := s.ranked(ctx, []string{s.goneKey()}, from.rank, rank(since, ""), limit+1)
	if err != nil {
		return nil, "", err
	}
	all = slices.DeleteFunc(all, func(e entry) bool { return !e.after(from) })
	if len(all) > limit {
		all, more = all[:limit], true
	}
	over, err := s.over(ctx, law, all, at)
	if err != nil {
		return nil, "", err
	}
	list := []Removal{}
	for _, e := range all {
		from = e
		if over[e.id] {
			list = append(list, Removal{e.id, e.day()})
		}
	}
	next := ""
	if more && len(all) > 0 {
		next = from.cursor()
	}
	return list, next, nil
}

// over tells which of the entries were displayed once and are not now.
func (s *Store) over(ctx context.Context, law *Law, all []entry, at time.Time) (map[string]bool, error) {
	ids := make([]string, len(all))
	for i, e := range all {
		ids[i] = e.id
	}
	held, err := s.holders(ctx, ids)
	if err != nil {
		return nil, err
	}
	byCode := map[string][]string{}
	var codes []string
	for id, code := range held {
		if byCode[code] == nil {
			codes = append(codes, code)
		}
		byCode[code] = append(byCode[code], id)
	}
	if len(codes) == 0 {
		return nil, nil
	}
	profiles, err := s.profiles(ctx, codes)
	if err != nil {
		return nil, err
	}
	over := map[string]bool{}
	for code, p := range profiles {
		for _, id := range byCode[code] {
			f, _, _, _ := law.Fate(p.Records, id, at)
			over[id] = f == Over || f == Annulled
		}
	}
	return over, nil
}

func (e entry) cursor() string { return strconv.FormatFloat(e.rank, 'f', 0, 64) + "-" + e.id }

func readCursor(s string) (entry, bool) {
	n, id, ok := strings.Cut(s, "-")
	v, err := strconv.ParseInt(n, 10, 64)
	if !ok || err != nil || v < 0 || v >= 1<<53 || !validID(id) {
		return entry{}, false
	}
	return entry{id, float64(v)}, true
}

func (e entry) day() workday.Date {
	n := int64(e.rank) >> rankedBits
	d, err := workday.NewDate(int(n/10000), time.Month(n/100%100), int(n%100))
	if err != nil {
		return workday.Date{}
	}
	return d
}
