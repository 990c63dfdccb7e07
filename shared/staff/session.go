package staff

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
)

// Cookie is the name of the session cookie. The prefix makes a browser refuse
// it unless it is Secure, for this host alone and for the whole path: a
// neighbouring subdomain cannot plant one.
const Cookie = "__Host-ipcredit"

// CookiePlain carries the same token where the public address is plain HTTP on
// the loopback interface: browsers return a Secure cookie there, programs do not.
const CookiePlain = "ipcredit"

// Session is what is stored of a session; the token itself is not.
type Session struct {
	User    string    `json:"user"`
	Epoch   int64     `json:"epoch"`
	Created time.Time `json:"created"`
	Seen    time.Time `json:"seen"`
	// First marks a session of somebody who has yet to choose a password or a
	// second factor: it opens that page and nothing else.
	First bool `json:"first,omitempty"`
	// Agent is the browser as it called itself, cut short, so that a person
	// recognises his sessions.
	Agent string `json:"agent,omitempty"`
	// ID names the session to its owner; it opens nothing. Current marks the
	// one he asks with. Neither is stored.
	ID      string `json:"-"`
	Current bool   `json:"-"`
}

// hashToken is what is stored of a token. A token is 256 random bits, so a
// plain hash cannot be turned back, and a stolen hash is not a token.
func hashToken(token string) string {
	h := sha256.Sum256([]byte(token))
	return hex.EncodeToString(h[:])
}

// tokenLength is 32 bytes in base64url.
const tokenLength = 43

// open starts a session for the user as he is now.
func (s *Store) open(ctx context.Context, u User, first bool, agent string, now time.Time) (string, error) {
	b := make([]byte, 32)
	rand.Read(b)
	token := base64.RawURLEncoding.EncodeToString(b)
	v := Session{User: u.ID, Epoch: u.Epoch, Created: now.UTC(), Seen: now.UTC(), First: first, Agent: short(agent, 120)}
	return token, s.putSession(ctx, hashToken(token), v, s.ends(v).Sub(now))
}

func short(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s
}

// ends is the instant at which the session is over if it is not used again.
func (s *Store) ends(v Session) time.Time {
	idle, absolute := s.p.Minutes("session.idle_minutes"), s.p.Hours("session.absolute_hours")
	if v.First {
		absolute = s.p.Minutes("session.first_minutes")
	}
	last := v.Created.Add(absolute)
	if e := v.Seen.Add(idle); e.Before(last) {
		last = e
	}
	return last
}

func signedOut() error { return fault.New(fault.Unauthorized, "staff.signed_out") }

// Who is signed in with this token (the cookie's value). Any token that opens
// no session, and a session of a person who has yet to finish his first
// sign-in, is fault.Unauthorized with code "staff.signed_out". It needs Redis
// alone, and writes the session's last use at most once a minute.
func (s *Store) Who(ctx context.Context, token string, now time.Time) (Actor, error) {
	a, v, err := s.who(ctx, token, now)
	if err == nil && v.First {
		err = signedOut()
	}
	return a, err
}

// WhoFirst is Who for the pages of the first sign-in; first tells that nothing
// else is open yet.
func (s *Store) WhoFirst(ctx context.Context, token string, now time.Time) (a Actor, first bool, err error) {
	a, v, err := s.who(ctx, token, now)
	return a, v.First, err
}

func (s *Store) who(ctx context.Context, token string, now time.Time) (Actor, Session, error) {
	var none Actor
	if len(token) != tokenLength {
		return none, Session{}, signedOut()
	}
	hash := hashToken(token)
	v, ok, err := fetch[Session](ctx, s.rdb(), s.j.Tmp("session", hash))
	if err != nil {
		return none, v, err
	}
	if !ok || !now.Before(s.ends(v)) {
		return none, v, signedOut()
	}
	a, err := s.Actor(ctx, v.User)
	if err != nil {
		if fault.Is(err, fault.NotFound) {
			err = signedOut()
		}
		return none, v, err
	}
	if a.User.Disabled || a.Org.Closed || a.User.Epoch != v.Epoch {
		return none, v, signedOut()
	}
	if now.Sub(v.Seen) >= s.p.Seconds("session.touch_seconds") {
		v.Seen = now.UTC()
		// A session in its last second is not worth a write.
		if left := s.ends(v).Sub(now); left > time.Second {
			if err := s.touchSession(ctx, hash, v, left); err != nil {
				return none, v, err
			}
		}
	}
	a.Session = hash[:16]
	return a, v, nil
}

// Actor is a user with his organisation and what others lent him.
func (s *Store) Actor(ctx context.Context, id string) (Actor, error) {
	u, err := s.user(ctx, s.rdb(), id)
	if err != nil {
		return Actor{}, err
	}
	o, err := s.org(ctx, s.rdb(), u.Org)
	if err != nil {
		return Actor{}, err
	}
	a := Actor{User: u, Org: o}
	for _, sub := range u.StandsFor {
		if sub.Ended {
			continue
		}
		absent, err := s.user(ctx, s.rdb(), sub.Absent)
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return a, err
		}
		if l := lend(sub, absent); len(l.Grants) > 0 {
			a.Lent = append(a.Lent, l)
		}
	}
	return a, nil
}

// lend is what a substitution gives: the absent person's grants for the roles
// named, each within the days of both. A disabled person lends nothing.
func lend(sub Substitute, absent User) Lent {
	l := Lent{Absent: absent.ID}
	if absent.Disabled {
		return l
	}
	for _, g := range absent.Grants {
		if !slices.Contains(sub.Roles, g.Role) || !Lendable(g.Role) {
			continue
		}
		if g.From < sub.From {
			g.From = sub.From
		}
		if g.To == "" || g.To > sub.To {
			g.To = sub.To
		}
		l.Grants = append(l.Grants, g)
	}
	return l
}

// Lendable tells whether a role can be filled by a substitute. An administrator's and a
// custodian's cannot: they exist so that a particular second person is needed.
func Lendable(r Role) bool { return !r.Administrator() && r != Custodian }

// SignOut ends the session of the token; one that opens nothing is no error.
func (s *Store) SignOut(ctx context.Context, token string) error {
	hash := hashToken(token)
	v, ok, err := fetch[Session](ctx, s.rdb(), s.j.Tmp("session", hash))
	if err != nil || !ok {
		return err
	}
	return s.dropSessions(ctx, v.User, hash)
}

// Sessions lists the actor's own sessions that are still open, newest first.
func (s *Store) Sessions(ctx context.Context, a Actor, now time.Time) ([]Session, error) {
	hashes, err := s.sessionHashes(ctx, a.User.ID)
	if err != nil {
		return nil, err
	}
	var out []Session
	for _, h := range hashes {
		v, ok, err := fetch[Session](ctx, s.rdb(), s.j.Tmp("session", h))
		if err != nil {
			return nil, err
		}
		if !ok || v.Epoch != a.User.Epoch || !now.Before(s.ends(v)) {
			if err := s.dropSessions(ctx, a.User.ID, h); err != nil {
				return nil, err
			}
			continue
		}
		v.ID, v.Current = h[:16], h[:16] == a.Session
		out = append(out, v)
	}
	return out, nil
}

// EndSession ends one of the actor's own sessions.
func (s *Store) EndSession(ctx context.Context, a Actor, id string) error {
	hashes, err := s.sessionHashes(ctx, a.User.ID)
	if err != nil {
		return err
	}
	for _, h := range hashes {
		if h[:16] == id {
			return s.dropSessions(ctx, a.User.ID, h)
		}
	}
	return fault.New(fault.NotFound, "staff.session.none")
}

// EndSessions ends every session of the actor at once, the one he asks with
// too. Sessions of a person are bound to a count in his record, so one that is
// being opened at this moment ends as well.
func (s *Store) EndSessions(ctx context.Context, a Actor, now time.Time) error {
	key := s.key("user", a.User.ID)
	err := s.commit(ctx, journal.Entry{Actor: a.User.ID, Action: "staff.sessions_end", Ref: "user:" + a.User.ID, At: now},
		[]string{key}, func(tx *journal.Tx) error {
			u, err := s.user(ctx, tx.Read(), a.User.ID)
			if err != nil {
				return err
			}
			u.Epoch++
			return put(tx, key, u)
		})
	if err != nil {
		return err
	}
	hashes, err := s.sessionHashes(ctx, a.User.ID)
	if err != nil {
		return err
	}
	return s.dropSessions(ctx, a.User.ID, hashes...)
}

// Loopback tells whether this is the address of a system that people reach by
// plain HTTP on the machine itself.
func Loopback(publicURL string) bool {
	host, ok := strings.CutPrefix(publicURL, "http://")
	if !ok {
		return false
	}
	host, _, _ = strings.Cut(host, "/")
	if host == "localhost" || strings.HasPrefix(host, "localhost:") {
		return true
	}
	if ap, err := netip.ParseAddrPort(host); err == nil {
		return ap.Addr().IsLoopback()
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && ip.IsLoopback()
}

// Token is the session token in the Cookie headers of a request, "" without
// one. CookiePlain counts only where Loopback holds for the public address, and
// never beside Cookie.
func Token(cookieHeaders []string, publicURL string) string {
	find := func(name string) string {
		for _, h := range cookieHeaders {
			for pair := range strings.SplitSeq(h, ";") {
				if value, ok := strings.CutPrefix(strings.TrimSpace(pair), name+"="); ok {
					return strings.Trim(value, `"`)
				}
			}
		}
		return ""
	}
	if t := find(Cookie); t != "" || !Loopback(publicURL) {
		return t
	}
	return find(CookiePlain)
}
