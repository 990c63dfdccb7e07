package credit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/subject"
	"ipcredit/shared/workday"
)

// Each commit that changes what strangers may see of records leaves an entry in
// the feed, under a number of its own: what is new, changed or gone. What comes
// and goes by its day does so at midnight whatever the feed says; Turn adds it
// to the feed afterwards.
//
// A number is taken when what its commit reads is watched already, and anew each
// time it is tried: of two commits about one subject, the one that was made first
// has the lower number, because the other had to read what it wrote. Commits about
// different subjects can be made in another order than that of their numbers. A
// reader that went on behind the higher would never see the lower. So whoever is
// going to take a number stands, from before taking it until after its commit,
// among those under way, and nobody reads past the lowest of them. Whoever ends there, by itself
// or because it took too long, has its mark deleted; the commit watches the mark,
// so one that was given up cannot come later. A number whose commit failed is a
// gap.

// Happening is what became of a record for those who may see it.
type Happening string

// The happenings. The first five say that the record is shown, the others that
// it must not be any more.
const (
	Published     Happening = "record.published"
	Corrected     Happening = "record.corrected"
	Contested     Happening = "record.disputed"
	DisputeEnded  Happening = "record.dispute-ended"
	Final         Happening = "record.final" // open to challenge no more
	Revoked       Happening = "record.revoked"
	RepairedEnd   Happening = "record.repaired"
	ExpiredByDate Happening = "record.expired"
)

// Happenings lists them in the order pages show them.
var Happenings = []Happening{Published, Corrected, Contested, DisputeEnded, Final, Revoked, RepairedEnd, ExpiredByDate}

// Ends tells whether the record must not be shown or used any more.
func (h Happening) Ends() bool { return h == Revoked || h == RepairedEnd || h == ExpiredByDate }

// letters write the happenings in the feed.
const happeningLetters = "pcdufxre"

// Event is one line of the feed.
type Event struct {
	Place
	Type     Happening
	RecordID string
	// Code is that of the subject; "" for a natural person.
	Code     string
	Act      string
	District string
	At       time.Time
}

// ID names the event for ever.
func (e Event) ID() string {
	return strconv.FormatInt(e.Number, 10) + "-" + strconv.Itoa(e.Line) + "-" + e.Tag
}

// Place is where a line stands in the feed. The zero Place is before the first.
type Place struct {
	Number int64
	Line   int // from 1
	// Tag tells the entry from another that got its number after some of the feed
	// was lost with the server's last second.
	Tag string
	// Anew marks a place in the part that is thinned out (see Sweep) as one of a
	// reader that began there after it was: the last number that was settled when it
	// began. While nothing behind that is thinned out, it misses nothing.
	Anew int64
}

// Cursor is the text of a place; "" of the zero one.
func (p Place) Cursor() string {
	if p == (Place{}) {
		return ""
	}
	text := strconv.FormatInt(p.Number, 10) + "-" + strconv.Itoa(p.Line) + "-" + p.Tag
	switch {
	case p.Anew > 0:
		text += anewMark + strconv.FormatInt(p.Anew, 10)
	case p.Anew < 0:
		text += anewMark
	}
	return text
}

const (
	// anewMark stands before the number in the cursor of a place that is Anew.
	anewMark = "-n"
	// anewOnce is Anew of cursors that were given out without that number. Nobody
	// knows when their readers began.
	anewOnce = -1
)

// ParsePlace reads a cursor or the ID of an event.
func ParsePlace(cursor string) (Place, error) {
	if cursor == "" {
		return Place{}, nil
	}
	text, began, marked := strings.Cut(cursor, anewMark)
	parts := strings.Split(text, "-")
	if len(parts) == 3 && len(parts[2]) == tagLetters {
		n, err := strconv.ParseInt(parts[0], 10, 64)
		line, err2 := strconv.Atoi(parts[1])
		p := Place{Number: n, Line: line, Tag: parts[2]}
		switch {
		case !marked:
		case began == "":
			p.Anew = anewOnce
		default:
			p.Anew, _ = strconv.ParseInt(began, 10, 64) // checked by its spelling
		}
		if err == nil && err2 == nil && n > 0 && line > 0 && p.Cursor() == cursor {
			return p, nil
		}
	}
	return Place{}, fault.New(fault.Invalid, "credit.feed.cursor").With("cursor", "credit.feed.cursor")
}

const (
	tagLetters = 8
	// perBlock numbers share one hash: a small key for each would cost more
	// than what it says.
	perBlock = 256
	feed     = "credit-feed" // the series of numbers
)

// place is what one commit got before it began.
type place struct {
	seed   []byte // of all that is random in it
	number int64  // taken anew by each try, unless ahead
	ahead  bool   // the number was taken before: see rehearse
	tag    string
	token  string
	mark   string // key that is there while the commit may be made
	first  int64  // of the numbers taken for subjects
	law    *Law   // in force when the commit began
}

// errLate ends a commit whose mark is gone.
var errLate = errors.New("credit: the place in the feed was given up")

// commit is a journal.Commit with a place in the feed.
func (s *Store) commit(ctx context.Context, entry journal.Entry, watch []string, f func(*journal.Tx, place) error) error {
	return s.commitAt(ctx, entry, watch, 0, nil, f)
}

// entered is a place with what must be called where its commit is not made.
type entered struct {
	place place
	leave func()
}

// commitAt is commit with numbers for n subjects, at a place that was entered
// before if there is one.
func (s *Store) commitAt(ctx context.Context, entry journal.Entry, watch []string, n int, at *entered, f func(*journal.Tx, place) error) error {
	for range 3 {
		if at == nil {
			p, leave, err := s.enter(ctx, n, false)
			if err != nil {
				return err
			}
			at = &entered{p, leave}
		}
		p, leave := at.place, at.leave
		at = nil
		made := false
		err := s.journal.Commit(ctx, entry, append(slices.Clone(watch), p.mark), func(tx *journal.Tx) error {
			// A copy for each try: what the one before took counts no more.
			p := p
			if there, err := s.stands(ctx, tx, &p); err != nil || !there {
				return errors.Join(err, errLate)
			}
			var err error
			if p.law, err = s.laws.Current(ctx); err != nil {
				return err
			}
			if err := f(tx, p); err != nil {
				return err
			}
			made = !tx.Empty()
			s.left(tx, p)
			return nil
		})
		if err != nil || !made {
			leave()
		}
		if !errors.Is(err, errLate) {
			return err
		}
	}
	return fault.New(fault.Conflict, "journal.busy").After(time.Second)
}

// seen is a record as an answer shows it, and of whom.
type seen struct {
	Shown
	code, district string
}

// same tells whether an answer says the same of the record.
func (x seen) same(y seen) bool {
	a, b := x.Shown, y.Shown
	return x.code == y.code && x.district == y.district && a.Act == b.Act && a.Tier == b.Tier && a.InstrumentNo == b.InstrumentNo &&
		a.Authority == b.Authority && a.Source == b.Source && a.DeterminedOn == b.DeterminedOn && a.DisplayFrom == b.DisplayFrom &&
		a.DisplayUntil == b.DisplayUntil && a.Status == b.Status && a.From == b.From
}

// seenOf is what an answer shows.
func seenOf(a Answer) []seen {
	if a.Kind == subject.Person {
		a.Code = ""
	}
	list := make([]seen, len(a.Records))
	for i, x := range a.Records {
		list[i] = seen{x, a.Code, a.District}
	}
	return list
}

// seenIn is what a stored answer shows.
func seenIn(value string) ([]seen, error) {
	if value == "" {
		return nil, nil
	}
	h, err := split(value)
	if err != nil || h.movedTo != "" || h.rest == "" {
		return nil, err
	}
	var a Answer
	if err := json.Unmarshal([]byte(h.body), &a); err != nil {
		return nil, fmt.Errorf("%w: %w", errStored, err)
	}
	return seenOf(a), nil
}

// happened compares what the accounts' answers show with what they showed.
func happened(all []*account, at time.Time) []Event {
	before, after := map[string]seen{}, map[string]seen{}
	old, now := map[string]Record{}, map[string]Record{}
	var ids []string
	for _, a := range all {
		if !a.touched {
			continue
		}
		for _, x := range a.saw {
			before[x.ID] = x
			ids = append(ids, x.ID)
		}
		for _, x := range a.sees {
			after[x.ID] = x
			if _, ok := before[x.ID]; !ok {
				ids = append(ids, x.ID)
			}
		}
		for _, r := range a.was {
			old[r.ID] = r
		}
		for _, r := range a.profile.Records {
			now[r.ID] = r
		}
	}
	slices.Sort(ids)
	var list []Event
	for _, id := range slices.Compact(ids) {
		x, was := before[id]
		y, is := after[id]
		e := Event{RecordID: id, Code: y.code, Act: y.Act, District: y.district, At: at}
		switch {
		case !was:
			e.Type = Published
		case !is:
			e.Type, e.Code, e.Act, e.District = ending(x, now[id], at), x.code, x.Act, x.district
		case x.Status != y.Status && y.Status == Disputed:
			e.Type = Contested
		case x.Status == Disputed && x.Status != y.Status:
			e.Type = DisputeEnded
		case x.Status == OpenToChallenge && x.Status != y.Status:
			e.Type = Final
		case !x.same(y) || old[id].says() != now[id].says():
			e.Type = Corrected
		default:
			continue
		}
		list = append(list, e)
	}
	// What goes comes first: it may go to make room for what comes.
	slices.SortStableFunc(list, func(a, b Event) int {
		switch {
		case a.Type.Ends() == b.Type.Ends():
			return 0
		case a.Type.Ends():
			return -1
		}
		return 1
	})
	return list
}

// ending says why a record that was shown is not any more.
func ending(x seen, r Record, at time.Time) Happening {
	switch {
	case r.Withdrawn != nil && !r.Withdrawn.At.After(at):
		return Revoked
	case r.Repaired != nil && !r.Repaired.On.Start().After(at):
		return RepairedEnd
	}
	if !x.DisplayUntil.IsZero() && x.DisplayUntil.Before(workday.DateOf(at)) {
		return ExpiredByDate
	}
	return Revoked // withheld, or corrected into what is not shown
}

// note queues the commit's entry in the feed, if anything happened, and when the
// accounts' answers change by themselves.
func (s *Store) note(tx *journal.Tx, all []*account, p place, at time.Time) {
	for _, a := range all {
		switch {
		case !a.touched || a.until == a.wasUntil && (!a.kept || a.until == 0):
		case a.until == 0:
			tx.ZRem(s.nextKey(), a.code)
		default:
			tx.ZAdd(s.nextKey(), float64(a.until), a.code)
		}
	}
	events := happened(all, at)
	if len(events) == 0 {
		return
	}
	for _, a := range all { // of one subject, no line is older than the one before it
		if a.touched {
			at = latest(at, a.wasAt)
		}
	}
	tx.Counter(feed, p.number)
	tx.HSet(s.feedKey(p.number), strconv.FormatInt(p.number, 10), feedText(events, p.tag, at))
}

// feedText is an entry: the instant and the tag, then a line for each event.
func feedText(events []Event, tag string, at time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s", at.UnixMilli(), tag)
	for _, e := range events {
		b.WriteByte('\n')
		b.WriteByte(happeningLetters[slices.Index(Happenings, e.Type)])
		b.WriteString(e.RecordID + " " + e.Code + " " + e.Act + " " + e.District)
	}
	return b.String()
}

// readFeed is the reverse of feedText.
func readFeed(number int64, text string) ([]Event, error) {
	wrong := fmt.Errorf("credit: entry %d of the feed is malformed", number)
	lines := strings.Split(text, "\n")
	stamp, tag, ok := strings.Cut(lines[0], " ")
	ms, err := strconv.ParseInt(stamp, 10, 64)
	if !ok || err != nil {
		return nil, wrong
	}
	list := make([]Event, 0, len(lines)-1)
	for i, line := range lines[1:] {
		if line == sweptLine {
			continue
		}
		f := strings.Split(line, " ")
		if len(f) != 4 || len(f[0]) < 2 || strings.IndexByte(happeningLetters, f[0][0]) < 0 {
			return nil, wrong
		}
		list = append(list, Event{
			Place: Place{Number: number, Line: i + 1, Tag: tag}, Type: Happenings[strings.IndexByte(happeningLetters, f[0][0])],
			RecordID: f[0][1:], Code: f[1], Act: f[2], District: f[3], At: time.UnixMilli(ms).UTC(),
		})
	}
	return list, nil
}

func (s *Store) nextKey() string { return s.journal.Key("credit", "next") }
func (s *Store) feedKey(number int64) string {
	return s.journal.Key("credit", "feed", strconv.FormatInt(number/perBlock, 10))
}

// mostRead is how many numbers one call reads.
const mostRead = 2 * perBlock

// Events reads the feed behind a place, in order, at most about limit lines, and
// the place up to which it read: the one to go on from. What it does not give
// before that place never comes later. A place that was never given out is a
// fault: of kind Invalid where its number is not reached yet, of kind Gone where
// the feed there is another, because a server lost it, or was thinned out since.
func (s *Store) Events(ctx context.Context, from Place, limit int) ([]Event, Place, error) {
	settled, last, floor, err := s.settled(ctx)
	if err != nil {
		return nil, from, err
	}
	if from.Number > last {
		return nil, from, fault.New(fault.Invalid, "credit.feed.future").With("cursor", "credit.feed.future")
	}
	began := from.Anew
	switch {
	case from.Number == 0:
		began = settled
	case from.Number < floor && floor <= from.Anew+1:
	case from.Number < floor:
		return nil, from, fault.New(fault.Gone, "credit.feed.swept").With("cursor", "credit.feed.swept")
	default:
		if _, err := s.Event(ctx, from); err != nil {
			return nil, from, err
		}
	}
	var list []Event
	to := from
	for first := max(1, from.Number); first <= settled && len(list) < limit; {
		end := min(settled, first+mostRead-1)
		entries, err := s.entries(ctx, first, end)
		if err != nil {
			return nil, from, err
		}
		for n := first; n <= end && len(list) < limit; n++ {
			events, err := entriesOf(entries, n)
			if err != nil {
				return nil, from, err
			}
			for _, e := range events {
				if n == from.Number && e.Line <= from.Line {
					continue
				}
				if len(list) == limit {
					break
				}
				if e.Number < floor {
					e.Anew = began
				}
				list, to = append(list, e), e.Place
			}
		}
		first = end + 1
	}
	return list, to, nil
}

func entriesOf(entries map[int64]string, n int64) ([]Event, error) {
	text, ok := entries[n]
	if !ok {
		return nil, nil
	}
	return readFeed(n, text)
}

// Event reads the line at a place; a fault of kind Gone if it is not there.
func (s *Store) Event(ctx context.Context, p Place) (Event, error) {
	entries, err := s.entries(ctx, p.Number, p.Number)
	if err != nil {
		return Event{}, err
	}
	events, err := entriesOf(entries, p.Number)
	if err != nil {
		return Event{}, err
	}
	// Not by its place in the list: lines before it may have been thinned out.
	i := slices.IndexFunc(events, func(e Event) bool { return e.Line == p.Line && e.Tag == p.Tag })
	if i < 0 {
		return Event{}, fault.New(fault.Gone, "credit.feed.lost").With("cursor", "credit.feed.lost")
	}
	return events[i], nil
}

// Newest is the place of the last line that is settled.
func (s *Store) Newest(ctx context.Context) (Place, error) {
	settled, _, _, err := s.settled(ctx)
	if err != nil {
		return Place{}, err
	}
	for end := settled; end > 0; end -= mostRead {
		first := max(1, end-mostRead+1)
		entries, err := s.entries(ctx, first, end)
		if err != nil {
			return Place{}, err
		}
		for n := end; n >= first; n-- {
			events, err := entriesOf(entries, n)
			if err != nil {
				return Place{}, err
			}
			if len(events) > 0 {
				return events[len(events)-1].Place, nil
			}
		}
	}
	return Place{}, nil
}

// Turn adds to the feed what came and went by its day up to the instant, and
// stores the answers that show it, at most about n subjects'. It tells how many
// it did; less than n means that none is left. Running it late changes nothing
// but when receivers hear of it.
func (s *Store) Turn(ctx context.Context, entry journal.Entry, n int) (int, error) {
	codes, err := s.turning(ctx, entry.At, n)
	if err != nil || len(codes) == 0 {
		return 0, err
	}
	watch := make([]string, len(codes))
	for i, code := range codes {
		watch[i] = s.key(code)
	}
	return len(codes), s.commit(ctx, entry, watch, func(tx *journal.Tx, p place) error {
		list, err := s.load(ctx, tx, codes)
		if err != nil {
			return err
		}
		for _, a := range list {
			a.touched = a.held != nil && a.wasUntil != 0 && a.wasUntil <= entry.At.Unix()
			a.kept, a.turned = true, true
			switch {
			case a.touched:
			case a.held == nil || a.wasUntil == 0:
				tx.ZRem(s.nextKey(), a.code) // merged into another
			default:
				tx.ZAdd(s.nextKey(), float64(a.wasUntil), a.code)
			}
		}
		return s.write(tx, list, subject.Prepared{}, p, entry.At)
	})
}
