package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"ipcredit/shared/disclosure"
	"ipcredit/shared/open"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
)

// The secrets whose keys are changed: private halves for case-handling, public
// ones for those who seal. They are also the names of the files. The units' hold a
// line for each key, behind the unit's label; the custodian's hold nothing but
// keys. What opens notices has no public half of its own: who opens them seals them.
const (
	unitIdentities     = "unit-identities"
	unitRecipients     = "unit-recipients"
	custodianIdentity  = "custodian-identity"
	custodianRecipient = "custodian-recipient"
	noticeIdentity     = "notice-identity"
)

// rotateCommand changes a unit's key, the custodian's or the one of notices. It has
// two steps, for what is sealed to the new key must find it in the function that
// opens it: the first adds the new key beside the old one, the second, once every
// function has it, wraps all that the old one opens anew and drops it. A key that was
// lost is replaced by the help of the escrow's.
func rotateCommand(p *place) *cobra.Command {
	var secrets, escrow string
	known := append(staff.UnitLabels(), tipoff.CustodianLabel, disclosure.Label)
	c := &cobra.Command{
		Use:   "rotate {begin|finish|rescue} UNIT",
		Short: say("runner.rotate.short"),
		Long:  say("runner.rotate.long"),
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if secrets == "" {
				secrets = filepath.Join(p.data, "secrets")
			}
			r := newRotation(*p, args[1], secrets)
			if !slices.Contains(known, r.unit) {
				return &stop{exitUsage, say("runner.rotate.unknown", r.unit), nil}
			}
			switch args[0] {
			case "begin":
				return r.begin()
			case "finish":
				return r.finish(cmd.Context())
			case "rescue":
				return r.rescue(cmd.Context(), escrow)
			}
			return &stop{exitUsage, say("runner.rotate.step", args[0]), nil}
		},
	}
	c.Flags().StringVar(&secrets, "secrets", "", say("runner.rotate.secrets"))
	c.Flags().StringVar(&escrow, "escrow", "", say("runner.rotate.escrow"))
	return c
}

// rotation is one call of the command.
type rotation struct {
	place place
	unit  string // or the custodian's label, or that of notices
	dir   string // of the secret files

	identities, recipients string // names of the two secrets; recipients is "" where there is none
	line                   string // label of the unit's lines in them, "" where they have none
	label                  string // of the party in seal.Keys
}

func newRotation(p place, unit, dir string) rotation {
	r := rotation{
		place: p, unit: unit, dir: dir, identities: unitIdentities, recipients: unitRecipients, line: unit, label: tipoff.UnitLabel(unit),
	}
	switch unit {
	case tipoff.CustodianLabel:
		r.identities, r.recipients, r.line, r.label = custodianIdentity, custodianRecipient, "", tipoff.CustodianLabel
	case disclosure.Label:
		r.identities, r.recipients, r.line, r.label = noticeIdentity, "", "", disclosure.Label
	}
	return r
}

// begin adds a new key for the unit. Both open from now on.
func (r rotation) begin() error {
	private, err := r.read(r.identities)
	if err != nil {
		return err
	}
	keys := private.of(r.line)
	if len(keys) == 0 {
		return failed("runner.rotate.none", r.unit)
	}
	public, err := r.public()
	if err != nil {
		return err
	}
	if len(keys) > 1 {
		// It was broken off where the public half of the newest key is not there yet.
		half, err := age.ParseX25519Identity(keys[len(keys)-1])
		if err != nil || r.recipients == "" || slices.Contains(public.of(r.line), half.Recipient().String()) {
			return failed("runner.rotate.begun", r.unit)
		}
		return r.begun(public, half)
	}
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return fmt.Errorf("rotate: %w", err)
	}
	// The private half first: nothing may ever be sealed to a key that is nowhere.
	if err := r.write(r.identities, private.with(r.line, id.String())); err != nil {
		return err
	}
	return r.begun(public, id)
}

// begun adds the public half of the unit's new key.
func (r rotation) begun(public labelled, id *age.X25519Identity) error {
	if err := r.publish(public.with(r.line, id.Recipient().String())); err != nil {
		return err
	}
	return r.place.print(map[string]any{"unit": r.unit, "secrets": r.dir}, "runner.rotate.begin", r.unit, r.dir)
}

// finish wraps every key of the unit's to the newest of its keys and drops the
// others. It may be repeated until nothing is left.
func (r rotation) finish(ctx context.Context) error {
	private, err := r.read(r.identities)
	if err != nil {
		return err
	}
	public, err := r.public()
	if err != nil {
		return err
	}
	keys, recipients := private.of(r.line), public.of(r.line)
	if len(keys) < 2 || len(recipients) < 1 && r.recipients != "" {
		return failed("runner.rotate.not_begun", r.unit)
	}
	newest, opener, err := r.newest(keys, recipients)
	if err != nil {
		return err
	}
	text, err := r.read("escrow-recipient")
	if err != nil {
		return err
	}
	escrow, err := seal.ParseRecipient(strings.Join(text, "\n"))
	if err != nil {
		return unreachable(err, "runner.fail.secret", "escrow-recipient")
	}
	n, err := r.rewrap(ctx, r.label, opener, newest, escrow)
	if err != nil {
		return err
	}
	if err := r.publish(public.without(r.line).with(r.line, newest.String())); err != nil {
		return err
	}
	if err := r.write(r.identities, private.without(r.line).with(r.line, keys[len(keys)-1])); err != nil {
		return err
	}
	return r.place.print(map[string]any{"unit": r.unit, "changed": n}, r.word("runner.rotate.finish", "runner.rotate.finish_custodian", "runner.rotate.finish_notices"), r.unit, n)
}

// word is the word about units, or the one about the custodian or the notices.
func (r rotation) word(unit, custodian, notices string) string {
	switch r.label {
	case tipoff.CustodianLabel:
		return custodian
	case disclosure.Label:
		return notices
	}
	return unit
}

// public reads the secret of public halves, where there is one.
func (r rotation) public() (labelled, error) {
	if r.recipients == "" {
		return nil, nil
	}
	return r.read(r.recipients)
}

// publish writes the secret of public halves, where there is one.
func (r rotation) publish(lines labelled) error {
	if r.recipients == "" {
		return nil
	}
	return r.write(r.recipients, lines)
}

// newest returns the last of the unit's keys, which must be the last recipient
// too, and all of them to open with.
func (r rotation) newest(keys, recipients []string) (seal.Recipient, seal.Identity, error) {
	opener, err := seal.ParseIdentity(strings.Join(keys, "\n"))
	if err != nil {
		return seal.Recipient{}, opener, unreachable(err, "runner.fail.secret", r.identities)
	}
	last, err := seal.ParseIdentity(keys[len(keys)-1])
	if err != nil {
		return seal.Recipient{}, opener, unreachable(err, "runner.fail.secret", r.identities)
	}
	to := last.Recipient()
	if r.recipients != "" && to.String() != recipients[len(recipients)-1] {
		return to, opener, failed("runner.rotate.mismatch", r.unit)
	}
	return to, opener, nil
}

// rescue gives a unit, the custodian or the notices, whose key was lost, a new one:
// the escrow's opens what it opened.
func (r rotation) rescue(ctx context.Context, path string) error {
	if path == "" {
		return &stop{exitUsage, say("runner.rotate.no_escrow"), nil}
	}
	text, err := readFile(path)
	if err != nil {
		return err
	}
	escrow, err := seal.ParseIdentity(string(text))
	if err != nil {
		return unreachable(err, "runner.fail.secret", path)
	}
	private, err := r.read(r.identities)
	if errors.Is(err, os.ErrNotExist) {
		private, err = nil, nil
	}
	if err != nil {
		return err
	}
	public, err := r.public()
	if err != nil {
		return err
	}
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return fmt.Errorf("rotate: %w", err)
	}
	to, err := seal.ParseRecipient(id.Recipient().String())
	if err != nil {
		return fmt.Errorf("rotate: %w", err)
	}
	if err := r.write(r.identities, private.without(r.line).with(r.line, id.String())); err != nil {
		return err
	}
	if err := r.publish(public.without(r.line).with(r.line, to.String())); err != nil {
		return err
	}
	n, err := r.rewrap(ctx, tipoff.EscrowLabel, escrow, to, escrow.Recipient())
	if err != nil {
		return err
	}
	return r.place.print(map[string]any{"unit": r.unit, "changed": n}, r.word("runner.rotate.rescue", "runner.rotate.rescue_custodian", "runner.rotate.rescue_notices"), r.unit, n)
}

// rewrap wraps to the new key what the party of the label by opens, and seals to
// it what is sealed to the old one itself.
func (r rotation) rewrap(ctx context.Context, by string, opener seal.Identity, to, escrow seal.Recipient) (changed int, err error) {
	left := 0
	err = withParts(ctx, r.place, func(env *open.Env) error {
		var told func(int)
		if !r.place.json && onTerminal() {
			told = func(n int) { fmt.Fprint(os.Stderr, "\r"+say("runner.rotate.progress", n)) }
		}
		keys := seal.NewKeys(env.Objects.Keys)
		if changed, err = keys.RewrapAll(ctx, by, opener, r.label, to, told); err != nil {
			return err
		}
		if r.line != "" {
			n := tipoff.Renewal{Unit: r.unit, By: by, Opener: opener, To: to, Escrow: escrow}
			_, err = tipoff.RenewNotes(ctx, env.Journal, keys, n, env.Now())
			return err
		}
		if r.label != tipoff.CustodianLabel || by != tipoff.CustodianLabel {
			return nil // what has no key of its own opens with the lost one alone
		}
		units, err := r.units()
		if err != nil {
			return err
		}
		c := tipoff.CustodyRenewal{Units: units, Custodian: opener, To: to, Escrow: escrow}
		renewed, kept, err := tipoff.RenewIdentities(ctx, env.Journal, keys, c, env.Now())
		changed, left = changed+renewed, kept
		return err
	})
	if err != nil {
		return changed, &stop{exitFailed, say("runner.rotate.left", changed), err}
	}
	if left > 0 {
		return changed, failed("runner.rotate.sealed_left", left)
	}
	return changed, nil
}

// units are the units' identities, which open the tip-offs.
func (r rotation) units() (map[string]seal.Identity, error) {
	text, err := r.read(unitIdentities)
	if err != nil {
		return nil, err
	}
	units, err := tipoff.ParseIdentities(strings.Join(text, "\n"))
	if err != nil {
		return nil, unreachable(err, "runner.fail.secret", unitIdentities)
	}
	return units, nil
}

// labelled are the lines of a secret of the units or the custodian.
type labelled []string

// read reads a secret.
func (r rotation) read(name string) (labelled, error) {
	path := filepath.Join(r.dir, name)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, unreachable(err, "runner.fail.read", path)
	}
	return strings.Split(strings.TrimSpace(string(data)), "\n"), nil
}

// write replaces a secret, whole or not at all.
func (r rotation) write(name string, lines labelled) error {
	path := filepath.Join(r.dir, name)
	next := path + ".new"
	err := os.WriteFile(next, []byte(strings.Join(lines, "\n")+"\n"), 0o600)
	if err == nil {
		err = os.Rename(next, path)
	}
	if err != nil {
		return unreachable(err, "runner.fail.write", path)
	}
	return nil
}

// of lists the keys behind the label, oldest first; with "" those without one.
func (l labelled) of(label string) []string {
	var out []string
	for _, line := range l {
		if key, ok := keyOf(line, label); ok {
			out = append(out, key)
		}
	}
	return out
}

// keyOf is the key on a line of this label.
func keyOf(line, label string) (string, bool) {
	f := strings.Fields(line)
	switch {
	case len(f) == 0 || strings.HasPrefix(f[0], "#"):
		return "", false
	case label == "":
		return f[0], len(f) == 1
	}
	return f[len(f)-1], len(f) == 2 && f[0] == label
}

func (l labelled) with(label, key string) labelled {
	return append(append(labelled{}, l...), strings.TrimSpace(label+" "+key))
}

func (l labelled) without(label string) labelled {
	var out labelled
	for _, line := range l {
		if _, its := keyOf(line, label); !its {
			out = append(out, line)
		}
	}
	return out
}
