package function

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/pace"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// A draft is kept here only as ciphertext, for a day, under a hash of a token
// that only the reporter's device has: 256 random bits in a cookie that no
// script sees, and in each form of the flow for browsers that keep no cookie.
// The key is derived from the token, so what Redis holds can be read by nobody
// but that device, and what the device keeps is the token and nothing else.
//
// Each page carries the ciphertext too: a page that is sent after the draft has
// ended here loses nothing.

// tokenBytes are the random bytes of a token.
const tokenBytes = 32

func newToken() string {
	b := make([]byte, tokenBytes)
	_, _ = rand.Read(b) // never fails
	return text64.EncodeToString(b)
}

// isToken tells whether s has the form of a token.
func isToken(s string) bool {
	b, err := text64.DecodeString(s)
	return err == nil && len(b) == tokenBytes
}

// draftKey is the name of the draft in Redis and the key it is sealed with.
func draftKey(token string) (name string, key cipher.AEAD, err error) {
	secret, err := text64.DecodeString(token)
	if err != nil || len(secret) != tokenBytes {
		return "", nil, errors.New("report-intake: not a token")
	}
	id, err := hkdf.Key(sha256.New, secret, nil, "report-intake draft name v1", 16)
	if err != nil {
		return "", nil, fmt.Errorf("report-intake: %w", err)
	}
	k, err := hkdf.Key(sha256.New, secret, nil, "report-intake draft key v1", 32)
	if err != nil {
		return "", nil, fmt.Errorf("report-intake: %w", err)
	}
	key, err = gcm(k)
	return text64.EncodeToString(id), key, err
}

func gcm(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("report-intake: %w", err)
	}
	// Nonces are random and chosen by the cipher: some hundred a key at most.
	a, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("report-intake: %w", err)
	}
	return a, nil
}

// lock seals v, padded so that its length tells a bucket and no more; about is
// bound to it.
func lock(key cipher.AEAD, about string, v any) (string, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("report-intake: sealing: %w", err)
	}
	return text64.EncodeToString(key.Seal(nil, nil, seal.Pad(plain), []byte(about))), nil
}

// unlock opens what lock made; false for anything else.
func unlock(key cipher.AEAD, about, sealed string, v any) bool {
	b, err := text64.DecodeString(sealed)
	if err != nil {
		return false
	}
	padded, err := key.Open(nil, nil, b, []byte(about))
	if err != nil {
		return false
	}
	plain, err := seal.Unpad(padded)
	return err == nil && json.Unmarshal(plain, v) == nil
}

// sealDraft seals the draft for its token; name is what it is kept under.
func sealDraft(token string, v *draft) (name, sealed string, err error) {
	name, key, err := draftKey(token)
	if err != nil {
		return "", "", err
	}
	if sealed, err = lock(key, name, v); err != nil {
		return "", "", err
	}
	if len(sealed) > chosen.n("draft.kib")<<10 {
		return "", "", fault.New(fault.TooLarge, "report-intake.draft_large")
	}
	return name, sealed, nil
}

func (d *desk) draftAt(name string) string { return d.env.Journal.Tmp("draft", name) }

// room tells whether n bytes more of drafts may be kept: drafts lie in memory that
// lookups need, and anybody can send some. Where there is no room the page carries
// the draft alone, and only a page that is killed loses it.
func (d *desk) room(r *http.Request, n int) (bool, error) {
	now, kib := d.env.Now(), 1+n>>10
	wait, err := pace.Take(r.Context(), d.env.Journal, "draft:"+d.network(r, now), chosen.rate("draft.network_kib_minute", "draft.network_kib_burst"), kib, now)
	if err != nil || wait > 0 {
		return false, err
	}
	day := d.env.Journal.Tmp("draftkib", workday.DateOf(now).String())
	all, err := d.env.Redis.Eval(r.Context(), countScript, []string{day}, kib, int((48 * time.Hour).Seconds())).Int64()
	if err != nil {
		return false, fmt.Errorf("report-intake: counting drafts: %w", err)
	}
	return all <= int64(chosen.n("draft.day_mib"))<<10, nil
}

// countScript adds to a counter and says when it ends. KEYS[1] the counter; ARGV:
// how much, and its life in seconds. It answers the sum.
const countScript = `
local all = redis.call('INCRBY', KEYS[1], ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])
return all`

// replaceScript sets a value where it is still what was read. KEYS[1] the value;
// ARGV: what was read, or nothing; the next; its life in seconds.
const replaceScript = `
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1`

// save keeps the draft and returns its ciphertext for the page; kept is false
// where there was no room for it.
func (d *desk) save(r *http.Request, token string, v *draft) (sealed string, kept bool, err error) {
	name, sealed, err := sealDraft(token, v)
	if err != nil {
		return "", false, err
	}
	if kept, err = d.room(r, len(sealed)); err != nil {
		return "", false, err
	}
	if kept {
		err = d.env.Redis.Set(r.Context(), d.draftAt(name), sealed, chosen.hours("draft.hours")).Err()
	} else {
		// An earlier one would be taken for the draft as it stands.
		err = d.env.Redis.Del(r.Context(), d.draftAt(name)).Err()
	}
	if err != nil {
		return "", false, fmt.Errorf("report-intake: keeping draft: %w", err)
	}
	return sealed, kept, nil
}

// saveUnchanged is save for what a page keeps by itself: it gives way to whatever
// the reporter has sent meanwhile.
func (d *desk) saveUnchanged(r *http.Request, token string, v *draft) error {
	name, sealed, err := sealDraft(token, v)
	if err != nil {
		return err
	}
	if room, err := d.room(r, len(sealed)); err != nil || !room {
		return err
	}
	life := int(chosen.hours("draft.hours").Seconds())
	if err := d.env.Redis.Eval(r.Context(), replaceScript, []string{d.draftAt(name)}, v.read, sealed, life).Err(); err != nil {
		return fmt.Errorf("report-intake: keeping draft: %w", err)
	}
	return nil
}

// load returns the draft of the token: the one kept here, or where it has ended
// the one a page carried. Nil where neither is there.
func (d *desk) load(ctx context.Context, token, carried string) (*draft, error) {
	if !isToken(token) {
		return nil, nil
	}
	name, key, err := draftKey(token)
	if err != nil {
		return nil, err
	}
	found, err := d.env.Redis.MGet(ctx, d.draftAt(name)).Result()
	if err != nil {
		return nil, fmt.Errorf("report-intake: reading draft: %w", err)
	}
	sealed, _ := found[0].(string) // nil where there is none
	for _, s := range []string{sealed, carried} {
		v := new(draft)
		if s != "" && unlock(key, name, s, v) && v.Version == draftVersion {
			v.restored, v.read = s == carried && s != sealed, sealed
			return v, nil
		}
	}
	return nil, nil
}

// drop forgets the draft of the token.
func (d *desk) drop(ctx context.Context, token string) error {
	if !isToken(token) {
		return nil
	}
	name, _, err := draftKey(token)
	if err != nil {
		return err
	}
	if err := d.env.Redis.Del(ctx, d.draftAt(name)).Err(); err != nil {
		return fmt.Errorf("report-intake: dropping draft: %w", err)
	}
	return nil
}

// The names of the cookie. Browsers take the first one only from this very host
// over HTTPS and for all of its paths: no neighbouring site can plant a token of
// a draft that it reads along. The second is for this machine's own plain
// address.
const (
	cookieSecure = "__Host-report-draft"
	cookiePlain  = "report-draft"
)

// cookieToken is the token in the device's cookie, or "".
func (d *desk) cookieToken(r *http.Request) string {
	name := cookieSecure
	if d.plain() {
		name = cookiePlain
	}
	if c, err := r.Cookie(name); err == nil && isToken(c.Value) {
		return c.Value
	}
	return ""
}

// plain tells whether people reach us without HTTPS, where no browser keeps a
// Secure cookie. Beyond this machine nothing is kept there: the forms carry the
// token.
func (d *desk) plain() bool { return strings.HasPrefix(d.env.PublicURL, "http://") }

// setCookie gives the device its token, or takes it away when it is "".
func (d *desk) setCookie(w http.ResponseWriter, token string) {
	path := "/function/" + Needs.Function
	if u, err := url.Parse(d.env.PublicURL); err == nil {
		path = strings.TrimSuffix(u.EscapedPath(), "/") + path
	}
	c := http.Cookie{
		Name: cookieSecure, Value: token, Path: "/", Secure: true, HttpOnly: true,
		SameSite: http.SameSiteStrictMode, MaxAge: int(chosen.hours("draft.hours").Seconds()),
	}
	if d.plain() {
		c.Name, c.Path, c.Secure = cookiePlain, path, false
	}
	if token == "" {
		c.MaxAge = -1
	} else if d.plain() && !staff.Loopback(d.env.PublicURL) {
		return
	}
	http.SetCookie(w, &c)
}
