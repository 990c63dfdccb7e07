package linkage

// Counts are how many applications of a cohort stand where.
type Counts struct {
	// Notified is the denominator: all notified ones without those that CNIPA
	// accepted as normal.
	Notified  int `json:"notified"`
	Withdrawn int `json:"withdrawn"`
	Deemed    int `json:"deemedWithdrawn"`
	Rejected  int `json:"rejected"`
	Accepted  int `json:"acceptedAsNormal"`
}

// Add counts one application.
func (c *Counts) Add(s State) { c.add(s, 1) }

func (c *Counts) add(s State, n int) {
	switch s {
	case Accepted:
		c.Accepted += n
		return
	case Withdrawn:
		c.Withdrawn += n
	case Deemed:
		c.Deemed += n
	case Rejected:
		c.Rejected += n
	}
	c.Notified += n
}

// Plus is the sum: a city's figures are the sum of its districts', never the
// mean of their rates.
func (c Counts) Plus(o Counts) Counts {
	return Counts{c.Notified + o.Notified, c.Withdrawn + o.Withdrawn, c.Deemed + o.Deemed, c.Rejected + o.Rejected, c.Accepted + o.Accepted}
}

// Open is how many have no outcome yet.
func (c Counts) Open() int { return c.Notified - c.Withdrawn - c.Deemed - c.Rejected }

// Disposed is how many are settled in any way: the second figure, 处置率
// [design; domain reference D.1].
func (c Counts) Disposed() int { return c.Withdrawn + c.Deemed + c.Rejected }

// Reached tells whether the target is reached, nil where nothing was notified:
// then it does not apply (不适用). Integers are compared, so nothing is rounded
// before; “以上” includes the number itself (民法典 art. 1259).
func (c Counts) Reached(t Target) *bool {
	if c.Notified == 0 {
		return nil
	}
	reached := c.Withdrawn*t.Of >= c.Notified*t.Reach
	return &reached
}

// Rate is the withdrawal rate cut off (never rounded up) behind its fourth
// decimal, nil where nothing was notified: 1799 of 1999 is 0.8999.
func (c Counts) Rate() *float64 { return share(c.Withdrawn, c.Notified) }

// DisposalRate is the same of those settled in any way.
func (c Counts) DisposalRate() *float64 { return share(c.Disposed(), c.Notified) }

func share(part, whole int) *float64 {
	if whole == 0 {
		return nil
	}
	v := float64(part*10_000/whole) / 10_000
	return &v
}

// Target is the rate to reach, as a fraction: 9 of 10.
type Target struct {
	Reach int `json:"reach"`
	Of    int `json:"of"`
}
