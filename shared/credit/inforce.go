package credit

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"

	"ipcredit/shared/calendar"
	"ipcredit/shared/catalog"
	"ipcredit/shared/journal"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/workday"
)

// Laws says which law is in force: InForce, or one Law that always is.
type Laws interface {
	// Current is the law in force.
	Current(ctx context.Context) (*Law, error)

	// versionKey is a key that is read together with something else, and its value
	// given to at, which then asks nothing; "" where there is none to read.
	versionKey() string
	at(ctx context.Context, version string) (*Law, error)
}

// Current is l itself: the calendar it was made with stays in force.
func (l *Law) Current(context.Context) (*Law, error) { return l, nil }

func (l *Law) versionKey() string                       { return "" }
func (l *Law) at(context.Context, string) (*Law, error) { return l, nil }

// InForce is the shipped rules with the calendar and the catalogue in force: a year
// that is imported and an item that is changed count from the next question on. It
// is safe for concurrent use.
type InForce struct {
	calendar *calendar.Store
	catalog  *catalog.Store

	mu  sync.Mutex
	law *Law
}

// NewInForce follows the calendar and the catalogue of the journal's city.
func NewInForce(j *journal.Journal) *InForce {
	return &InForce{calendar: calendar.New(j), catalog: catalog.New(j), law: shipped}
}

// Current is the law in force. It costs two small reads.
func (f *InForce) Current(ctx context.Context) (*Law, error) {
	cal, err := f.calendar.Current(ctx)
	if err != nil {
		return nil, err
	}
	items, err := f.catalog.Current(ctx)
	if err != nil {
		return nil, err
	}
	law, err := f.with(cal)
	if err != nil || law.catalog.Version() == items.Version() {
		return law, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.law = law.Under(items)
	return f.law, nil
}

func (f *InForce) versionKey() string { return f.calendar.VersionKey() }

func (f *InForce) at(ctx context.Context, version string) (*Law, error) {
	cal, err := f.calendar.At(ctx, version)
	if err != nil {
		return nil, err
	}
	return f.with(cal)
}

func (f *InForce) with(cal workday.Calendar) (*Law, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.law.calendar.Version() == cal.Version() {
		return f.law, nil
	}
	law, err := NewLaw(cal, ruleset.Shipped())
	if err != nil {
		return nil, err
	}
	f.law = law.Under(f.law.catalog)
	return f.law, nil
}

// reliance names what an answer about the records relies on, for agrees: the
// rules, and of the calendar the months in which a limit of theirs counted working
// days or moved off a day of rest. So an imported year leaves the stored answers of
// all whose limits ended before it as good as they are.
func (l *Law) reliance(records []Record) string {
	if l.counting {
		return l.fingerprint
	}
	var first, last workday.Date
	for i := range records {
		// Months and years that nothing moves ask no calendar.
		if r := &records[i]; r.Kind == Penalty && !r.DeterminedOn.IsZero() {
			republished := l.calendar.Last(r.DeterminedOn, l.republish.or(r.DeterminedOn).P.Latest, workday.None)
			first = workday.Min(first, r.DeterminedOn)
			last = workday.Max(last, republished, l.openUntil(r))
		}
	}
	if first.IsZero() {
		return l.rules
	}
	return l.rules + "." + l.span(month(first)+"-"+month(last))
}

func month(d workday.Date) string { return d.String()[:len("2026-04")] }

// agrees tells whether an answer that relied on this is what the law answers.
func (l *Law) agrees(reliance string) bool {
	rules, span, some := strings.Cut(reliance, ".")
	if l.counting || rules != l.rules {
		return reliance == l.fingerprint
	}
	if !some {
		return true
	}
	months, _, ok := strings.Cut(span, ".")
	return ok && span == l.span(months)
}

// span is the months from one to another, "2026-04-2026-10", with the fingerprint
// of their working days; "" where they are none.
func (l *Law) span(months string) string {
	if known, ok := l.months.Load(months); ok {
		return known.(string)
	}
	if len(months) != len("2026-04-2026-10") {
		return ""
	}
	first, err1 := workday.ParseDate(months[:7] + "-01")
	last, err2 := workday.ParseDate(months[8:] + "-01")
	if err1 != nil || err2 != nil || last.Before(first) || last.Year()-first.Year() > longestSpan {
		return ""
	}
	print := sha256.New()
	for d := first; d.Before(last.AddMonths(1)); d = d.AddDays(1) {
		if l.calendar.Working(d) {
			fmt.Fprintln(print, d)
		}
	}
	span := months + "." + base64.RawURLEncoding.EncodeToString(print.Sum(nil)[:6])
	l.months.Store(months, span)
	return span
}

// longestSpan bounds, in years, what a stored answer can make a lookup count. One
// that relied on more is computed anew each time.
const longestSpan = 60
