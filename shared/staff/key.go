package staff

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"slices"
	"sort"
	"strings"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/pace"
)

// Scope is what a key opens.
type Scope string

// The scopes of API keys (design §6).
const (
	ScopeMaterial     Scope = "material"
	ScopeShare        Scope = "share"
	ScopeCase         Scope = "case"
	ScopeReportExport Scope = "report-export"
	ScopeLookup       Scope = "lookup"
)

// Scopes lists the scopes in the order pages show them.
func Scopes() []Scope {
	return []Scope{ScopeMaterial, ScopeShare, ScopeCase, ScopeReportExport, ScopeLookup}
}

// scopeFits says which scopes an organisation of a kind can have. A partner
// outside the administration gets narrow ones (S7.4).
var scopeFits = map[Kind][]Scope{
	LeadBureau:         Scopes(),
	DistrictBureau:     Scopes(),
	ZoneAdministration: Scopes(),
	Province:           Scopes(),
	SubOffice:          {ScopeMaterial, ScopeLookup},
	Discipline:         {ScopeLookup},
	Department:         {ScopeMaterial, ScopeShare, ScopeLookup},
	Court:              {ScopeMaterial, ScopeShare, ScopeLookup},
	Customs:            {ScopeMaterial, ScopeShare, ScopeLookup},
	Police:             {ScopeMaterial, ScopeShare, ScopeLookup},
	Association:        {ScopeMaterial, ScopeLookup},
	CreditService:      {ScopeShare, ScopeLookup},
	Subject:            {ScopeLookup},
}

// FitsScopes lists the scopes an organisation of the kind can have.
func FitsScopes(k Kind) []Scope { return slices.Clone(scopeFits[k]) }

// Key is an API key as it is stored: without its secret.
type Key struct {
	ID     string  `json:"id"`
	Org    string  `json:"org"`
	Name   string  `json:"name"` // what it is for
	Scopes []Scope `json:"scopes"`
	Hash   string  `json:"hash"`
	// Divisions are those of the organisation when the key was issued.
	Divisions []string  `json:"divisions"`
	CreatedAt time.Time `json:"createdAt"`
	CreatedBy string    `json:"createdBy"`
	// ExpiresAt is the first instant at which the key no longer works.
	ExpiresAt time.Time `json:"expiresAt"`
	RevokedAt time.Time `json:"revokedAt,omitzero"`
	// Replaces and ReplacedBy link the two keys of a rotation.
	Replaces   string `json:"replaces,omitempty"`
	ReplacedBy string `json:"replacedBy,omitempty"`
	// UsedAt is the last use, true to the hour; it is not part of the record.
	UsedAt time.Time `json:"-"`
}

// Works tells whether the key opens anything at that time.
func (k Key) Works(at time.Time) bool { return k.RevokedAt.IsZero() && at.Before(k.ExpiresAt) }

// An id has 12 characters; a secret has 27 of base62, 160 bits, so that a plain
// SHA-256 of it cannot be turned back.
const (
	keyPrefix    = "ipc"
	keyIDLength  = 12
	keySecretLen = 27
)

// splitKey reads "Bearer ipc_<id>_<secret>".
func splitKey(authorization string) (id, secret string, ok bool) {
	scheme, key, found := strings.Cut(strings.TrimSpace(authorization), " ")
	if !found || !strings.EqualFold(scheme, "Bearer") {
		return "", "", false
	}
	parts := strings.Split(strings.TrimSpace(key), "_")
	if len(parts) != 3 || parts[0] != keyPrefix || len(parts[1]) != keyIDLength || len(parts[2]) != keySecretLen {
		return "", "", false
	}
	for _, c := range []byte(parts[1] + parts[2]) {
		if strings.IndexByte(base62, c) < 0 {
			return "", "", false
		}
	}
	return parts[1], parts[2], true
}

func hashSecret(secret string) string {
	h := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(h[:])
}

// Key returns the key of an Authorization header if it works at now and has the
// scope. A missing, malformed, unknown, wrong, revoked or expired key is
// fault.Unauthorized, always the same one; a key without the scope is
// fault.Forbidden; a key beyond its rate is fault.TooMany with RetryAfter. A
// wrong secret never spends the rate of the key it names.
func (s *Store) Key(ctx context.Context, authorization string, scope Scope, now time.Time) (Key, error) {
	refused := fault.New(fault.Unauthorized, "staff.key.none")
	id, secret, ok := splitKey(authorization)
	if !ok {
		return Key{}, refused
	}
	k, found, used, err := s.keyAndUse(ctx, id)
	if err != nil {
		return Key{}, err
	}
	if subtle.ConstantTimeCompare([]byte(hashSecret(secret)), []byte(k.Hash)) != 1 || !found || !k.Works(now) {
		return Key{}, refused
	}
	if !slices.Contains(k.Scopes, scope) {
		return Key{}, fault.New(fault.Forbidden, "staff.key.scope", string(scope))
	}
	if err := s.Spend(ctx, k, 1, now); err != nil {
		return Key{}, err
	}
	if now.Sub(used) >= s.p.Minutes("key.use_minutes") {
		if err := s.writeUse(ctx, id, now); err != nil {
			return Key{}, err
		}
		used = now
	}
	k.UsedAt = used
	return k, nil
}

// Spend takes n calls from the key's bucket; Key has taken one already. Work
// that costs more than a call (500 names in one match) spends more.
func (s *Store) Spend(ctx context.Context, k Key, n int, now time.Time) error {
	limit := pace.Limit{PerMinute: s.p.N("key.per_minute"), Burst: s.p.N("key.burst")}
	wait, err := pace.Take(ctx, s.j, "key:"+k.ID, limit, n, now)
	if err != nil {
		return err
	}
	if wait > 0 {
		return fault.New(fault.TooMany, "staff.key.rate").After(wait)
	}
	return nil
}

// KeyOrder asks for a new key.
type KeyOrder struct {
	Org    string
	Name   string
	Scopes []Scope
	// Until is the last day in China on which the key works, YYYY-MM-DD; ""
	// is the longest time allowed.
	Until string
}

// lastDay turns such a day into the first instant after it, and refuses days
// that are past or further than most days from now.
func lastDay(field, d string, now time.Time, most int) (time.Time, error) {
	longest := now.Add(time.Duration(most) * 24 * time.Hour)
	if d == "" {
		return longest, nil
	}
	t, err := time.ParseInLocation(time.DateOnly, d, cst)
	if err != nil {
		return t, fault.New(fault.Invalid, "staff.span.date").With(field, "staff.span.date")
	}
	if d < day(now) {
		return t, fault.New(fault.Refused, "staff.span.past").With(field, "staff.span.past")
	}
	if d > day(longest) {
		return t, fault.New(fault.Refused, "staff.span.long", most).With(field, "staff.span.long", most)
	}
	return t.AddDate(0, 0, 1), nil
}

// IssueKey makes a key for an organisation and returns it with its full text,
// which is shown once and stored nowhere.
func (s *Store) IssueKey(ctx context.Context, by Actor, order KeyOrder, now time.Time) (Key, string, error) {
	if err := by.allow(KeyManage, Resource{Unit: order.Org}, now); err != nil {
		return Key{}, "", err
	}
	return s.issueKey(ctx, by, order, randomBase62(keyIDLength), randomBase62(keySecretLen), now)
}

func (s *Store) issueKey(ctx context.Context, by Actor, order KeyOrder, id, secret string, now time.Time) (Key, string, error) {
	name, err := readName("name", order.Name, 60)
	if err != nil {
		return Key{}, "", err
	}
	ends, err := lastDay("until", order.Until, now, s.p.N("key.days"))
	if err != nil {
		return Key{}, "", err
	}
	o, err := s.org(ctx, s.rdb(), order.Org)
	if err != nil {
		return Key{}, "", err
	}
	if len(order.Scopes) == 0 {
		return Key{}, "", fault.New(fault.Invalid, "staff.key.scopes").With("scope", "staff.key.scopes")
	}
	for _, sc := range order.Scopes {
		if !slices.Contains(scopeFits[o.Kind], sc) {
			return Key{}, "", fault.New(fault.Refused, "staff.key.kind").With("scope", "staff.key.kind")
		}
	}
	k := Key{ID: id, Org: o.ID, Name: name, Scopes: order.Scopes, Hash: hashSecret(secret), Divisions: o.Divisions,
		CreatedAt: now.UTC(), CreatedBy: by.id(), ExpiresAt: ends.UTC()}
	err = s.commit(ctx, journal.Entry{Actor: by.id(), Action: "staff.key_issue", Ref: "key:" + id, At: now},
		[]string{s.key("key", id)}, func(tx *journal.Tx) error {
			tx.SAdd(s.key("keys"), id)
			return put(tx, s.key("key", id), k)
		})
	return k, keyPrefix + "_" + id + "_" + secret, err
}

// RotateKey makes a key like the one named, which goes on working until the end
// of the day overlap (YYYY-MM-DD in China), or its own end if that is earlier.
func (s *Store) RotateKey(ctx context.Context, by Actor, id, overlap string, now time.Time) (Key, string, error) {
	var made Key
	text := ""
	newID, secret := randomBase62(keyIDLength), randomBase62(keySecretLen)
	old := s.key("key", id)
	err := s.commit(ctx, journal.Entry{Actor: by.id(), Action: "staff.key_rotate", Ref: "key:" + id, At: now},
		[]string{old}, func(tx *journal.Tx) error {
			k, ok, err := fetch[Key](ctx, tx.Read(), old)
			if err != nil {
				return err
			}
			if !ok {
				return fault.New(fault.NotFound, "staff.key.unknown")
			}
			if err := by.allow(KeyManage, Resource{Unit: k.Org}, now); err != nil {
				return err
			}
			if !k.Works(now) || k.ReplacedBy != "" {
				return fault.New(fault.Conflict, "staff.key.ended")
			}
			until, err := lastDay("overlap", overlap, now, s.p.N("key.overlap_days"))
			if err != nil {
				return err
			}
			made = k
			made.ID, made.Hash, made.Replaces = newID, hashSecret(secret), k.ID
			made.CreatedAt, made.CreatedBy = now.UTC(), by.id()
			made.ExpiresAt = now.Add(s.p.Days("key.days")).UTC()
			k.ReplacedBy = newID
			if until.Before(k.ExpiresAt) {
				k.ExpiresAt = until.UTC()
			}
			text = keyPrefix + "_" + newID + "_" + secret
			tx.SAdd(s.key("keys"), newID)
			if err := put(tx, old, k); err != nil {
				return err
			}
			return put(tx, s.key("key", newID), made)
		})
	if err != nil {
		return Key{}, "", err
	}
	return made, text, nil
}

// RevokeKey ends a key at once.
func (s *Store) RevokeKey(ctx context.Context, by Actor, id string, now time.Time) error {
	key := s.key("key", id)
	return s.commit(ctx, journal.Entry{Actor: by.id(), Action: "staff.key_revoke", Ref: "key:" + id, At: now},
		[]string{key}, func(tx *journal.Tx) error {
			k, ok, err := fetch[Key](ctx, tx.Read(), key)
			if err != nil {
				return err
			}
			if !ok {
				return fault.New(fault.NotFound, "staff.key.unknown")
			}
			if err := by.allow(KeyManage, Resource{Unit: k.Org}, now); err != nil {
				return err
			}
			if !k.RevokedAt.IsZero() {
				return nil
			}
			k.RevokedAt = now.UTC()
			return put(tx, key, k)
		})
}

// Keys lists all keys with their last use, newest first.
func (s *Store) Keys(ctx context.Context, by Actor, now time.Time) ([]Key, error) {
	if err := by.allow(KeyManage, Resource{}, now); err != nil {
		if err := by.allow(JournalRead, Resource{}, now); err != nil {
			return nil, err
		}
	}
	ids, err := set(ctx, s.rdb(), s.key("keys"))
	if err != nil {
		return nil, err
	}
	var out []Key
	for _, id := range ids {
		k, ok, used, err := s.keyAndUse(ctx, id)
		if err != nil {
			return nil, err
		}
		if ok {
			k.UsedAt = used
			out = append(out, k)
		}
	}
	sort.Slice(out, func(i, j int) bool {
		if out[i].CreatedAt.Equal(out[j].CreatedAt) {
			return out[i].ID < out[j].ID
		}
		return out[i].CreatedAt.After(out[j].CreatedAt)
	})
	return out, nil
}
