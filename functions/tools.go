package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ipcredit/shared/batch"
	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/open"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
	"ipcredit/shared/subject"
)

// withParts runs a command against the installation: the configured servers, or
// those of the data directory, which it starts and ends.
func withParts(ctx context.Context, p place, run func(env *open.Env) error) error {
	return withServers(ctx, p, func(env *open.Env, _ *parts) error { return run(env) })
}

// withServers is withParts for a command that wants to know what it runs on.
func withServers(ctx context.Context, p place, run func(env *open.Env, parts *parts) error) error {
	if err := claimData(p.data); err != nil {
		return err
	}
	log, err := logTo(p.data)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	parts, err := startParts(ctx, p)
	if err != nil {
		return err
	}
	defer parts.stop()
	env, err := open.Open(operator)
	if err != nil {
		return unreachable(err, "runner.fail.settings")
	}
	return run(env, parts)
}

// print writes a result: for people a word of the catalogue, for programs JSON.
func (p place) print(v any, key string, args ...any) error {
	if !p.json {
		fmt.Println(say(key, args...))
		return nil
	}
	return json.NewEncoder(os.Stdout).Encode(v)
}

// told turns a refusal into the catalogue's sentence; other errors stay.
func told(err error) error {
	f, refused := fault.Of(err)
	if !refused {
		return err
	}
	_, detail := page.Fault(lang, f)
	for _, field := range f.Fields {
		detail += " [" + field.Name + "] " + page.FieldMessage(lang, field)
	}
	return &stop{exitFailed, detail, nil}
}

func userCommand(p *place) *cobra.Command {
	var f staff.First
	var role string
	c := &cobra.Command{
		Use:   "user",
		Short: say("runner.user.short"),
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withParts(cmd.Context(), *p, func(env *open.Env) error {
				desk, err := staffDesk(env)
				if err != nil {
					return err
				}
				f.Role, f.Issuer = staff.Role(role), "ipcredit "+env.City
				f.Org.Kind, f.Org.Divisions = staff.LeadBureau, []string{env.City}
				secrets, err := desk.Bootstrap(cmd.Context(), f, time.Now())
				if err != nil {
					return told(err)
				}
				return p.print(secrets, "runner.user.made",
					secrets.Username, secrets.Password, secrets.TOTPSecret, secrets.TOTPURL, strings.Join(secrets.Recovery, " "))
			})
		},
	}
	c.Flags().StringVar(&f.Username, "name", "admin", say("runner.user.name"))
	c.Flags().StringVar(&f.Name, "person", page.Say(page.ZH, "staff.role.system-administrator"), say("runner.user.person"))
	c.Flags().StringVar(&role, "role", string(staff.System), say("runner.user.role"))
	c.Flags().StringVar(&f.Org.ID, "org", "lead", say("runner.user.org"))
	c.Flags().StringVar(&f.Org.Name, "org-name", page.Say(page.ZH, "runner.user.bureau"), say("runner.user.org_name"))
	c.AddCommand(userResetCommand(p))
	return c
}

// userResetCommand is for an account that nobody in the system can reset: the only
// head of discipline inspection who lost his telephone and his recovery codes.
func userResetCommand(p *place) *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use:   "reset NAME",
		Short: say("runner.user.reset.short"),
		Long:  say("runner.user.reset.long"),
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withParts(cmd.Context(), *p, func(env *open.Env) error {
				desk, err := staffDesk(env)
				if err != nil {
					return err
				}
				done, err := desk.Recover(cmd.Context(), args[0], reason, time.Now())
				if err != nil {
					return told(err)
				}
				return p.print(map[string]string{"user": args[0], "password": done.OneTime}, "runner.user.reset.done", args[0], done.OneTime)
			})
		},
	}
	c.Flags().StringVar(&reason, "reason", "", say("runner.user.reset.reason"))
	return c
}

func keyCommand(p *place) *cobra.Command {
	var order staff.KeyOrder
	var scopes []string
	c := &cobra.Command{
		Use:   "key",
		Short: say("runner.key.short"),
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withParts(cmd.Context(), *p, func(env *open.Env) error {
				for _, s := range scopes {
					order.Scopes = append(order.Scopes, staff.Scope(s))
				}
				_, key, err := staff.New(env.Journal).IssueKey(cmd.Context(), staff.Operator(), order, time.Now())
				if err != nil {
					return told(err)
				}
				return p.print(map[string]string{"key": key}, "runner.key.made", key)
			})
		},
	}
	c.Flags().StringVar(&order.Org, "org", "lead", say("runner.key.org"))
	c.Flags().StringVar(&order.Name, "name", "", say("runner.key.name"))
	c.Flags().StringVar(&order.Until, "until", "", say("runner.key.until"))
	c.Flags().StringSliceVar(&scopes, "scope", nil, say("runner.key.scope"))
	return c
}

func importCommand(p *place) *cobra.Command {
	var u batch.Upload
	var rejected string
	c := &cobra.Command{
		Use:   "import KIND FILE",
		Short: say("runner.import.short"),
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			u.Kind = args[0]
			return withParts(cmd.Context(), *p, func(env *open.Env) error {
				return importFile(cmd.Context(), *p, env, u, args[1], rejected)
			})
		},
	}
	c.Flags().BoolVar(&u.DryRun, "dry-run", false, say("runner.import.dry_run"))
	c.Flags().BoolVar(&u.Atomic, "atomic", false, say("runner.import.atomic"))
	c.Flags().StringVar(&u.Org, "org", "lead", say("runner.import.org"))
	c.Flags().StringVar(&rejected, "errors", "", say("runner.import.errors"))
	return c
}

func importFile(ctx context.Context, p place, env *open.Env, u batch.Upload, path, rejected string) error {
	intake, err := intakeDesk(env)
	if err != nil {
		return err
	}
	file, err := os.Open(path)
	if err != nil {
		return unreachable(err, "runner.fail.read", path)
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return unreachable(err, "runner.fail.read", path)
	}
	u.Actor, u.Request = "operator", fmt.Sprint(filepath.Base(path), info.ModTime().UnixNano(), time.Now().UnixNano())
	var b batch.Batch
	buf := make([]byte, pieceSize)
	for offset := int64(0); ; u.Index++ {
		n, err := io.ReadFull(file, buf)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return unreachable(err, "runner.fail.read", path)
		}
		offset += int64(n)
		u.Body, u.Last = buf[:n], offset >= info.Size()
		if b, err = intake.Receive(ctx, u); err != nil {
			return told(err)
		}
		if u.Last {
			break
		}
	}
	done := make(chan struct{})
	go func() { // progress for a person who waits
		defer close(done)
		watch(ctx, intake.Store(), b.ID)
	}()
	b, err = intake.Finish(ctx, b.ID)
	<-done
	if err != nil {
		return told(err)
	}
	if b.Failure != nil {
		return told(b.Failure.Fault())
	}
	if rejected != "" && b.Rejected > 0 {
		out, err := os.Create(rejected)
		if err != nil {
			return unreachable(err, "runner.fail.write", rejected)
		}
		err = intake.WriteErrors(ctx, out, b, func(p batch.Problem) string {
			return p.Field + " " + page.Say(lang, "fault."+p.Code, p.Args...)
		})
		if err := errors.Join(err, out.Close()); err != nil {
			return fmt.Errorf("writing %s: %w", rejected, err)
		}
	}
	if err := p.print(b, "runner.import.done", b.ID, b.Rows, b.Accepted, b.Duplicates, b.Rejected); err != nil {
		return err
	}
	if b.Rejected > 0 {
		return failed("runner.fail.rejected", b.Rejected)
	}
	return nil
}

// pieceSize is how much of a file is stored in one object.
const pieceSize = 8 << 20

// onTerminal tells whether somebody sees what is written to standard error.
func onTerminal() bool {
	info, err := os.Stderr.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// watch shows on a terminal how far a batch has come, until it is finished.
func watch(ctx context.Context, store *batch.Store, id string) {
	if !onTerminal() {
		return
	}
	again := time.NewTicker(500 * time.Millisecond)
	defer again.Stop()
	for {
		b, err := store.Get(ctx, id)
		if err != nil || b.Finished() {
			fmt.Fprintln(os.Stderr)
			return
		}
		fmt.Fprint(os.Stderr, "\r"+say("runner.import.progress", b.Rows))
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		}
	}
}

func exportCommand(p *place) *cobra.Command {
	return &cobra.Command{
		Use:   "export",
		Short: say("runner.export.short"),
		Long:  say("runner.export.long"),
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withParts(cmd.Context(), *p, func(env *open.Env) error {
				if _, err := env.Archive.Run(cmd.Context(), env.Journal); err != nil {
					return fmt.Errorf("export: %w", err)
				}
				out := json.NewEncoder(os.Stdout)
				_, err := env.Archive.Walk(cmd.Context(), env.City, func(e journal.Past) error {
					return out.Encode(map[string]any{
						"id": e.ID, "actor": e.Entry.Actor, "action": e.Entry.Action, "ref": e.Entry.Ref,
						"at": e.Entry.At, "rule": e.Entry.Rule,
					})
				})
				return broken(err)
			})
		},
	}
}

func restoreCommand(p *place) *cobra.Command {
	return &cobra.Command{
		Use:   "restore",
		Short: say("runner.restore.short"),
		Long:  say("runner.restore.long"),
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p := *p
			p.bare = true
			return withParts(cmd.Context(), p, func(env *open.Env) error { return restore(cmd.Context(), p, env) })
		},
	}
}

func restore(ctx context.Context, p place, env *open.Env) error {
	start := time.Now()
	var entries int64
	err := env.Archive.Restore(ctx, env.Journal, func(n int64) {
		entries = n
		if !p.json {
			fmt.Fprintf(os.Stderr, "\r%d", n)
		}
	})
	if !p.json {
		fmt.Fprintln(os.Stderr)
	}
	switch {
	case errors.Is(err, journal.ErrNotEmpty):
		return failed("runner.fail.not_empty")
	case errors.Is(err, journal.ErrRestoring):
		return failed("runner.fail.restoring")
	case err != nil:
		return broken(err)
	}
	if entries == 0 {
		return failed("runner.fail.no_archive", env.City)
	}
	digest, keys, err := env.Journal.Digest(ctx)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return p.print(map[string]any{"entries": entries, "keys": keys, "digest": digest, "seconds": time.Since(start).Seconds()},
		"runner.restore.done", entries, keys, digest, time.Since(start).Round(time.Millisecond))
}

func reindexCommand(p *place) *cobra.Command {
	return &cobra.Command{
		Use:   "reindex",
		Short: say("runner.reindex.short"),
		Long:  say("runner.reindex.long"),
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withParts(cmd.Context(), *p, func(env *open.Env) error { return reindex(cmd.Context(), *p, env) })
		},
	}
}

func reindex(ctx context.Context, p place, env *open.Env) error {
	var subjects int
	var archived error
	progress := func(done int) {
		subjects = done
		// What is written waits in Redis's memory for the archive.
		if _, err := env.Archive.Run(ctx, env.Journal); err != nil {
			archived = err
		}
	}
	entry := journal.Entry{Actor: "operator", Action: "subject.reindex", At: time.Now()}
	err := subject.NewStore(env.Journal).Reindex(ctx, entry, progress)
	if err == nil {
		entry.Action = "credit.reindex"
		err = credit.NewStore(env.Journal, credit.NewInForce(env.Journal)).Reindex(ctx, entry, progress)
	}
	if err := errors.Join(err, archived); err != nil {
		return told(err)
	}
	return p.print(map[string]int{"subjects": subjects}, "runner.reindex.done", subjects)
}

func digestCommand(p *place) *cobra.Command {
	return &cobra.Command{
		Use:   "digest",
		Short: say("runner.digest.short"),
		Long:  say("runner.digest.long"),
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withParts(cmd.Context(), *p, func(env *open.Env) error {
				digest, keys, err := env.Journal.Digest(cmd.Context())
				if err != nil {
					return fmt.Errorf("digest: %w", err)
				}
				return p.print(map[string]any{"keys": keys, "digest": digest}, "runner.digest.done", keys, digest)
			})
		},
	}
}

func broken(err error) error {
	if errors.Is(err, journal.ErrBroken) {
		return &stop{exitFailed, say("runner.fail.altered"), err}
	}
	return err
}

func aclCommand(p *place) *cobra.Command {
	return &cobra.Command{
		Use:   "secrets",
		Short: say("runner.secrets.short"),
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := claimData(p.data); err != nil {
				return err
			}
			dir := filepath.Join(p.data, "secrets")
			if err := makeSecrets(dir, true); err != nil {
				return err
			}
			users, err := redisUsers(dir)
			if err != nil {
				return unreachable(err, "runner.fail.write", dir)
			}
			acl := filepath.Join(p.data, "users.acl")
			if err := os.WriteFile(acl, []byte(aclFile(open.Value("city"), users)), 0o600); err != nil {
				return unreachable(err, "runner.fail.write", acl)
			}
			return p.print(map[string]string{"secrets": dir, "acl": acl}, "runner.secrets.made", dir, acl)
		},
	}
}
