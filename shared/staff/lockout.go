package staff

import "time"

// Failures is what is remembered of failed sign-ins under one user name or
// from one network prefix.
type Failures struct {
	Count int       `json:"count"`
	Last  time.Time `json:"last"`
}

// Lock is how failures turn into waiting.
type Lock struct {
	Free    int           // failures before the first wait
	First   time.Duration // the first wait; doubles with each further failure
	Longest time.Duration
	Forget  time.Duration // failures whose last is older do not count
}

func (p Params) lock(free string) Lock {
	return Lock{Free: p.N(free), First: p.Seconds("signin.first_wait_seconds"),
		Longest: p.Seconds("signin.longest_wait_seconds"), Forget: p.Hours("signin.forget_hours")}
}

// Until is the instant before which no further attempt is looked at; the zero
// time when one may be made at once.
func (f Failures) Until(l Lock) time.Time {
	if f.Count < l.Free {
		return time.Time{}
	}
	wait := l.First
	for range f.Count - l.Free {
		if wait *= 2; wait >= l.Longest {
			break
		}
	}
	return f.Last.Add(min(wait, l.Longest))
}

// Try says how long to wait before an attempt at now; where the answer is 0
// the attempt may be made and next is what to remember if it fails.
// An attempt made while waiting changes nothing: asking again and again
// neither helps nor locks a person out for longer.
func (f Failures) Try(l Lock, now time.Time) (wait time.Duration, next Failures) {
	if !f.Last.IsZero() && now.Sub(f.Last) >= l.Forget {
		f = Failures{}
	}
	if until := f.Until(l); now.Before(until) {
		return until.Sub(now), f
	}
	return 0, Failures{Count: f.Count + 1, Last: now}
}
