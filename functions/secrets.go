package main

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"filippo.io/age"

	"ipcredit/shared/notary"
	"ipcredit/shared/open"
	"ipcredit/shared/share"
	"ipcredit/shared/staff"
)

// escrowFile holds, beside the secrets, the private half that nothing here may
// keep: somebody takes it offline.
const escrowFile = "escrow-identity-TAKE-OFFLINE"

// madeFile lists, beside the secrets, those that were made here.
const madeFile = "secrets-made"

// makeSecrets writes each secret that a function needs and that is not there
// yet. A secret that exists is never replaced: what it sealed or signed would
// be lost. For the same reason one that was made here before and is gone is made
// anew only when somebody asks for it with again: it should come back from a
// backup.
func makeSecrets(dir string, again bool) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return unreachable(err, "runner.fail.write", dir)
	}
	list := filepath.Join(filepath.Dir(dir), madeFile)
	data, err := os.ReadFile(list)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return unreachable(err, "runner.fail.read", list)
	}
	made := strings.Fields(string(data))
	for _, name := range secretNames() {
		path := filepath.Join(dir, name)
		_, err := os.Stat(path)
		switch known := slices.Contains(made, name); {
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return unreachable(err, "runner.fail.read", path)
		case err == nil && known:
			continue
		case err != nil && known && !again:
			return unreachable(nil, "runner.fail.lost", path)
		case err != nil:
			value, err := newSecret(dir, name)
			if err == nil {
				err = os.WriteFile(path, []byte(value+"\n"), 0o600)
			}
			if err != nil {
				return unreachable(err, "runner.fail.write", path)
			}
		}
		if !slices.Contains(made, name) {
			made = append(made, name)
		}
		if err := os.WriteFile(list, []byte(strings.Join(made, "\n")+"\n"), 0o600); err != nil {
			return unreachable(err, "runner.fail.write", list)
		}
	}
	return nil
}

// secretNames are the secrets of all functions and the operator, without the
// credentials for servers.
func secretNames() []string {
	var names []string
	for _, f := range functions {
		names = append(names, f.needs.Secrets...)
	}
	names = append(names, operator.Secrets...)
	slices.Sort(names)
	return slices.Compact(names)
}

// newSecret makes a value by the kind its name tells: an age identity, the
// recipient of an identity, the identities of all handling units, the key of a
// log or of webhooks, or 32 random bytes. The private half of the escrow is written beside the
// secrets, to be taken offline; no function holds it.
func newSecret(dir, name string) (string, error) {
	switch {
	case name == "escrow-recipient":
		offline := filepath.Join(filepath.Dir(dir), escrowFile)
		if _, err := os.Lstat(offline); err == nil {
			// It may be the only copy of what opens everything sealed so far.
			return ownRecipient(offline)
		}
		id, err := age.GenerateX25519Identity()
		if err != nil {
			return "", fmt.Errorf("secrets: %w", err)
		}
		if err := os.WriteFile(offline, []byte(id.String()+"\n"), 0o600); err != nil {
			return "", fmt.Errorf("secrets: %w", err)
		}
		return id.Recipient().String(), nil
	case strings.HasSuffix(name, "-identity"):
		id, err := age.GenerateX25519Identity()
		if err != nil {
			return "", fmt.Errorf("secrets: %w", err)
		}
		return id.String(), nil
	case name == "log-key":
		return newLogKey(notary.Disclosure)
	case name == "receipt-signing":
		return newLogKey(notary.Intake)
	case name == "unit-identities":
		return newUnits()
	case name == "webhook-key":
		return share.NewKey()
	case strings.HasSuffix(name, "-recipient"), strings.HasSuffix(name, "-recipients"):
		return publicHalf(dir, name)
	}
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.StdEncoding.EncodeToString(b[:]), nil
}

// ownRecipient is the public half of the identity in a file.
func ownRecipient(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("secrets: %w", err)
	}
	id, err := age.ParseX25519Identity(strings.TrimSpace(string(data)))
	if err != nil {
		return "", fmt.Errorf("secrets: %s holds no identity", path) // the error could quote the key
	}
	return id.Recipient().String(), nil
}

// newLogKey makes the key of one of the city's logs. The log is named after the
// address the city has now and keeps that name.
func newLogKey(log string) (string, error) {
	origin, err := notary.Origin(open.Value("public_url"), open.Value("city"), log)
	if err != nil {
		return "", fmt.Errorf("secrets: %w", err)
	}
	key, err := notary.NewKey(origin)
	if err != nil {
		return "", fmt.Errorf("secrets: %w", err)
	}
	return strings.TrimSpace(key), nil
}

// newUnits makes an identity for each unit that tip-offs are sealed to, one a
// line behind its label.
func newUnits() (string, error) {
	var lines []string
	labels := staff.UnitLabels()
	if city := open.Value("city"); !slices.Contains(labels, city) {
		labels = append(labels, city) // its unit handles what no other does
	}
	for _, label := range labels {
		id, err := age.GenerateX25519Identity()
		if err != nil {
			return "", fmt.Errorf("secrets: %w", err)
		}
		lines = append(lines, label+" "+id.String())
	}
	return strings.Join(lines, "\n"), nil
}

// publicHalf returns the recipients of the identities whose secret has the same
// name but for its end. That must be there: with the recipients alone things
// would be sealed that nobody opens.
func publicHalf(dir, name string) (string, error) {
	private := strings.Replace(name, "-recipient", "-identity", 1)
	if strings.HasSuffix(name, "-recipients") {
		private = strings.TrimSuffix(name, "-recipients") + "-identities"
	}
	data, err := os.ReadFile(filepath.Join(dir, private))
	if err != nil {
		return "", fmt.Errorf("secrets: %s: %w", name, err)
	}
	var lines []string
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		id, err := age.ParseX25519Identity(fields[len(fields)-1])
		if err != nil {
			// The error could quote the key.
			return "", fmt.Errorf("secrets: %s holds a line that is no identity", private)
		}
		fields[len(fields)-1] = id.Recipient().String()
		lines = append(lines, strings.Join(fields, " "))
	}
	return strings.Join(lines, "\n"), nil
}

// redisUser is one line of the ACL file.
type redisUser struct {
	name     string
	password string
	needs    open.Needs
}

// redisUsers returns a user for each function that opens Redis, with the
// passwords in dir, made where they are missing.
func redisUsers(dir string) ([]redisUser, error) {
	all := []open.Needs{operator}
	for _, f := range functions {
		all = append(all, f.needs)
	}
	slices.SortFunc(all, func(a, b open.Needs) int { return strings.Compare(a.Function, b.Function) })
	var users []redisUser
	for _, n := range all {
		if n.Redis == open.None {
			continue
		}
		_, password, err := pair(dir, "redis-"+n.Function, n.Function)
		if err != nil {
			return nil, err
		}
		users = append(users, redisUser{n.Function, password, n})
	}
	return users, nil
}

// storeCredentials are the object store's, one pair for all functions of a
// desk: the child server has one user.
func storeCredentials(dir string) (user, password string, err error) {
	user, password, err = pair(dir, "s3-"+operator.Function, "ipcredit")
	if err != nil {
		return "", "", err
	}
	for name, f := range functions {
		if f.needs.Objects == nil {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, "s3-"+name), []byte(user+"\n"+password+"\n"), 0o600); err != nil {
			return "", "", fmt.Errorf("secrets: %w", err)
		}
	}
	return user, password, nil
}

// pair reads a two-line secret, user and password, or makes it.
func pair(dir, name, user string) (string, string, error) {
	path := filepath.Join(dir, name)
	data, err := os.ReadFile(path)
	if err == nil {
		user, password, _ := strings.Cut(strings.TrimSpace(string(data)), "\n")
		return user, password, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", "", fmt.Errorf("secrets: %w", err)
	}
	password := rand.Text()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", "", fmt.Errorf("secrets: %w", err)
	}
	if err := os.WriteFile(path, []byte(user+"\n"+password+"\n"), 0o600); err != nil {
		return "", "", fmt.Errorf("secrets: %w", err)
	}
	return user, password, nil
}

// aclFile is Redis's list of users: each function may touch the keys of its
// city only, and one that only reads may write nothing but tmp. Nobody but the
// operator may ask for anything dangerous.
func aclFile(city string, users []redisUser) string {
	var b strings.Builder
	// Nobody can be the default user. It keeps its rights all the same: Redis
	// replays its append-only file in this user's name, and drops every
	// transaction in it that the user may not do.
	b.WriteString("user default off resetpass resetchannels ~* +@all\n")
	for _, u := range users {
		keys := fmt.Sprintf("%%R~{%[1]s}:* %%RW~{%[1]s}:tmp:*", city)
		if u.needs.Redis == open.Write {
			keys = fmt.Sprintf("%%RW~{%s}:*", city)
		}
		commands := "-@all +@read +@write +@transaction +@connection +@scripting -@dangerous -scan -randomkey -dbsize -function -script|flush -script|kill +command +cluster|slots +cluster|shards +cluster|nodes"
		if u.needs.Admin {
			keys, commands = "~*", "+@all"
		}
		fmt.Fprintf(&b, "user %s on >%s resetchannels %s %s\n", u.name, u.password, keys, commands)
	}
	return b.String()
}
