// Command functions runs the whole city on one desk: every function of
// stack.yml behind a gateway like OpenFaaS's, and the operator's commands.
//
//	go run ./functions                 serve under http://127.0.0.1:8080
//	go run ./functions -demo           with the fictitious city
//	go run ./functions doctor          check an installation
//
// faas-cli copies only the folders below this one, so nothing here reaches an
// image.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	casehandling "ipcredit/functions/case-handling"
	creditlookup "ipcredit/functions/credit-lookup"
	creditrepair "ipcredit/functions/credit-repair"
	creditshare "ipcredit/functions/credit-share"
	deadlinetick "ipcredit/functions/deadline-tick"
	disclosurepublish "ipcredit/functions/disclosure-publish"
	evidenceupload "ipcredit/functions/evidence-upload"
	materialintake "ipcredit/functions/material-intake"
	portal "ipcredit/functions/portal"
	reportintake "ipcredit/functions/report-intake"
	staffsession "ipcredit/functions/staff-session"
	summaryreport "ipcredit/functions/summary-report"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/open"
	"ipcredit/shared/page"
)

// function is one line of the map: what stack.yml deploys under the name.
type function struct {
	handle fn.Func
	needs  open.Needs
	ticks  bool // whether the cron connector calls its root each minute
}

// functions has one line for each function in stack.yml, under the same name.
var functions = map[string]function{
	"case-handling":      {casehandling.Handle, casehandling.Needs, true},
	"credit-lookup":      {creditlookup.Handle, creditlookup.Needs, false},
	"credit-repair":      {creditrepair.Handle, creditrepair.Needs, false},
	"credit-share":       {creditshare.Handle, creditshare.Needs, true},
	"deadline-tick":      {deadlinetick.Handle, deadlinetick.Needs, true},
	"disclosure-publish": {disclosurepublish.Handle, disclosurepublish.Needs, true},
	"evidence-upload":    {evidenceupload.Handle, evidenceupload.Needs, true},
	"material-intake":    {materialintake.Handle, materialintake.Needs, true},
	"portal":             {portal.Handle, portal.Needs, false},
	"report-intake":      {reportintake.Handle, reportintake.Needs, true},
	"staff-session":      {staffsession.Handle, staffsession.Needs, true},
	"summary-report":     {summaryreport.Handle, summaryreport.Needs, false},
}

// The exit codes that scripts may rely on.
const (
	exitFailed      = 1
	exitUsage       = 2
	exitUnreachable = 3
)

// stop ends a command with an exit code and one line for the person.
type stop struct {
	code int
	line string
	err  error
}

func (s *stop) Error() string {
	if s.err == nil {
		return s.line
	}
	why := s.err.Error()
	if f, refused := fault.Of(s.err); refused {
		_, why = page.Fault(lang, f)
		if cause := f.Unwrap(); cause != nil {
			why += " (" + cause.Error() + ")"
		}
	}
	// Joined errors are lines; a person gets one.
	return s.line + ": " + strings.ReplaceAll(why, "\n", "; ")
}

func (s *stop) Unwrap() error { return s.err }

// unreachable says with a word of the catalogue what could not be used, and why.
func unreachable(err error, key string, args ...any) error {
	return &stop{exitUnreachable, say(key, args...), err}
}

// failed says with a word of the catalogue which check did not pass.
func failed(key string, args ...any) error {
	return &stop{exitFailed, say(key, args...), nil}
}

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	root := command()
	root.SetArgs(doubleDashes(os.Args[1:]))
	err := root.ExecuteContext(ctx)
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "ipcredit:", err)
	var s *stop
	if !errors.As(err, &s) {
		s = &stop{code: exitFailed}
	}
	os.Exit(s.code)
}

// singleDash is a long flag as Go programs write it: -addr, -data=dir.
var singleDash = regexp.MustCompile(`^-[a-z][a-z-]+(=.*)?$`)

// doubleDashes lets flags be written with one dash, as the fixed interface of
// this program has them; the flag library wants two.
func doubleDashes(args []string) []string {
	out := slices.Clone(args)
	for i, a := range out {
		if a == "--" {
			break // what follows are no flags
		}
		if singleDash.MatchString(a) {
			out[i] = "-" + a
		}
	}
	return out
}

// withUsage gives every mistake in how a command was called its exit code; the
// flag library has no other place to tell it from a command that failed.
func withUsage(root *cobra.Command) *cobra.Command {
	misused := func(err error) error { return &stop{exitUsage, say("runner.usage"), err} }
	for _, c := range append(root.Commands(), root) {
		c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return misused(err) })
		check := c.Args
		c.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return misused(err)
			}
			return nil
		}
	}
	return root
}

// place is where an installation keeps its data and what it answers to.
type place struct {
	addr string
	data string
	json bool
	// look is set by a command that examines: it makes no secret that is missing.
	look bool
	// bare is set by the command that replays the archive itself: an embedded
	// Redis starts empty.
	bare bool
}

func command() *cobra.Command {
	var p place
	var demo bool
	root := &cobra.Command{
		Use:           "functions",
		Short:         say("runner.about"),
		Args:          cobra.NoArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return serve(cmd.Context(), p, demo)
		},
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.PersistentFlags().StringVar(&p.data, "data", "./data", say("runner.flag.data"))
	root.PersistentFlags().BoolVar(&p.json, "json", false, say("runner.flag.json"))
	root.Flags().StringVar(&p.addr, "addr", "127.0.0.1:8080", say("runner.flag.addr"))
	root.Flags().BoolVar(&demo, "demo", false, say("runner.flag.demo"))
	root.AddCommand(doctorCommand(&p), userCommand(&p), keyCommand(&p), importCommand(&p),
		exportCommand(&p), digestCommand(&p), restoreCommand(&p), reindexCommand(&p), benchCommand(&p), aclCommand(&p),
		verifyCommand(&p), auditCommand(&p), rotateCommand(&p))
	return withUsage(root)
}
