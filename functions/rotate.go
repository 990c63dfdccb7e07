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

	"ipcredit/shared/open"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
)

// The two secrets of the handling units: private halves for case-handling,
// public ones for those who seal. They are also the names of the files.
const (
	unitIdentities = "unit-identities"
	unitRecipients = "unit-recipients"
)

// rotateCommand changes a unit's key. It has two steps, for what is sealed to the
// new key must find it in case-handling: the first adds the new key beside the
// old one, the second, once every function has it, wraps the keys of all tip-offs
// anew and drops the old one. A unit key that was lost is replaced by the help of
// the escrow's.
func rotateCommand(p *place) *cobra.Command {
	var secrets, escrow string
	c := &cobra.Command{
		Use:   "rotate {begin|finish|rescue} UNIT",
		Short: say("runner.rotate.short"),
		Long:  say("runner.rotate.long"),
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if secrets == "" {
				secrets = filepath.Join(p.data, "secrets")
			}
			r := rotation{place: *p, unit: args[1], dir: secrets}
			known := false
			for _, label := range staff.UnitLabels() {
				known = known || label == r.unit
			}
			if !known {
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
	unit  string
	dir   string // of the secret files
}

// begin adds a new key for the unit. Both open from now on.
func (r rotation) begin() error {
	private, err := r.read(unitIdentities)
	if err != nil {
		return err
	}
	keys := private.of(r.unit)
	if len(keys) == 0 {
		return failed("runner.rotate.none", r.unit)
	}
	public, err := r.read(unitRecipients)
	if err != nil {
		return err
	}
	if len(keys) > 1 {
		// It was broken off where the public half of the newest key is not there yet.
		half, err := age.ParseX25519Identity(keys[len(keys)-1])
		if err != nil || slices.Contains(public.of(r.unit), half.Recipient().String()) {
			return failed("runner.rotate.begun", r.unit)
		}
		return r.begun(public, half)
	}
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return fmt.Errorf("rotate: %w", err)
	}
	// The private half first: nothing may ever be sealed to a key that is nowhere.
	if err := r.write(unitIdentities, private.with(r.unit, id.String())); err != nil {
		return err
	}
	return r.begun(public, id)
}

// begun adds the public half of the unit's new key.
func (r rotation) begun(public labelled, id *age.X25519Identity) error {
	if err := r.write(unitRecipients, public.with(r.unit, id.Recipient().String())); err != nil {
		return err
	}
	return r.place.print(map[string]any{"unit": r.unit, "secrets": r.dir}, "runner.rotate.begin", r.unit, r.dir)
}

// finish wraps every tip-off's key to the newest of the unit's keys and drops the
// others. It may be repeated until nothing is left.
func (r rotation) finish(ctx context.Context) error {
	private, err := r.read(unitIdentities)
	if err != nil {
		return err
	}
	public, err := r.read(unitRecipients)
	if err != nil {
		return err
	}
	keys, recipients := private.of(r.unit), public.of(r.unit)
	if len(keys) < 2 || len(recipients) < 1 {
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
	n, err := r.rewrap(ctx, tipoff.Renewal{Unit: r.unit, By: tipoff.UnitLabel(r.unit), Opener: opener, To: newest, Escrow: escrow})
	if err != nil {
		return err
	}
	if err := r.write(unitRecipients, public.without(r.unit).with(r.unit, newest.String())); err != nil {
		return err
	}
	if err := r.write(unitIdentities, private.without(r.unit).with(r.unit, keys[len(keys)-1])); err != nil {
		return err
	}
	return r.place.print(map[string]any{"unit": r.unit, "changed": n}, "runner.rotate.finish", r.unit, n)
}

// newest returns the last of the unit's keys, which must be the last recipient
// too, and all of them to open with.
func (r rotation) newest(keys, recipients []string) (seal.Recipient, seal.Identity, error) {
	opener, err := seal.ParseIdentity(strings.Join(keys, "\n"))
	if err != nil {
		return seal.Recipient{}, opener, unreachable(err, "runner.fail.secret", unitIdentities)
	}
	last, err := seal.ParseIdentity(keys[len(keys)-1])
	if err != nil {
		return seal.Recipient{}, opener, unreachable(err, "runner.fail.secret", unitIdentities)
	}
	to := last.Recipient()
	if to.String() != recipients[len(recipients)-1] {
		return to, opener, failed("runner.rotate.mismatch", r.unit)
	}
	return to, opener, nil
}

// rescue gives a unit whose key was lost a new one: the escrow's opens the keys
// of its tip-offs.
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
	private, err := r.read(unitIdentities)
	if errors.Is(err, os.ErrNotExist) {
		private, err = nil, nil
	}
	if err != nil {
		return err
	}
	public, err := r.read(unitRecipients)
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
	if err := r.write(unitIdentities, private.without(r.unit).with(r.unit, id.String())); err != nil {
		return err
	}
	if err := r.write(unitRecipients, public.without(r.unit).with(r.unit, to.String())); err != nil {
		return err
	}
	n, err := r.rewrap(ctx, tipoff.Renewal{Unit: r.unit, By: tipoff.EscrowLabel, Opener: escrow, To: to, Escrow: escrow.Recipient()})
	if err != nil {
		return err
	}
	return r.place.print(map[string]any{"unit": r.unit, "changed": n}, "runner.rotate.rescue", r.unit, n)
}

// rewrap wraps the keys of the unit's tip-offs to its new key, and seals the
// unit's remarks on them to it.
func (r rotation) rewrap(ctx context.Context, n tipoff.Renewal) (changed int, err error) {
	err = withParts(ctx, r.place, func(env *open.Env) error {
		var told func(int)
		if !r.place.json && onTerminal() {
			told = func(n int) { fmt.Fprint(os.Stderr, "\r"+say("runner.rotate.progress", n)) }
		}
		keys := seal.NewKeys(env.Objects.Keys)
		if changed, err = keys.RewrapAll(ctx, n.By, n.Opener, tipoff.UnitLabel(r.unit), n.To, told); err != nil {
			return err
		}
		_, err = tipoff.RenewNotes(ctx, env.Journal, keys, n, env.Now())
		return err
	})
	if err != nil {
		return changed, &stop{exitFailed, say("runner.rotate.left", changed), err}
	}
	return changed, nil
}

// labelled are the lines of a secret of the units.
type labelled []string

// read reads one of the two secrets.
func (r rotation) read(name string) (labelled, error) {
	path := filepath.Join(r.dir, name)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, unreachable(err, "runner.fail.read", path)
	}
	return strings.Split(strings.TrimSpace(string(data)), "\n"), nil
}

// write replaces one of the two secrets, whole or not at all.
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

// of lists the keys of the unit, oldest first.
func (l labelled) of(unit string) []string {
	var out []string
	for _, line := range l {
		if f := strings.Fields(line); len(f) == 2 && f[0] == unit {
			out = append(out, f[1])
		}
	}
	return out
}

func (l labelled) with(unit, key string) labelled {
	return append(append(labelled{}, l...), unit+" "+key)
}

func (l labelled) without(unit string) labelled {
	var out labelled
	for _, line := range l {
		if f := strings.Fields(line); len(f) == 0 || f[0] != unit {
			out = append(out, line)
		}
	}
	return out
}
