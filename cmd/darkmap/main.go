// Command darkmap is the observatory's one binary. Every stage and every tool is a subcommand. This
// package only connects the parts.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"reflect"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/internal/progress"
	"github.com/darkmap/darkmap/internal/telemetry"
	"github.com/darkmap/darkmap/internal/terminal"
)

// Exit codes (docs/interfaces.md).
const (
	exitFailed      = 1
	exitUsage       = 2
	exitDamaged     = 3
	exitUndecided   = 4
	exitInterrupted = 130
)

// exitError is an error with the exit code of the program.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// usageError gives err the exit code of wrong usage or configuration.
func usageError(err error) error { return &exitError{exitUsage, err} }

// cli holds the flags that every command has, and the commands.
type cli struct {
	globals

	Up       upCmd         `cmd:"" help:"Watch the live feeds: everything on this machine."`
	Feeds    feedsCmd      `cmd:"" help:"Show how the feeds stand: collectors, peers, lag, gaps."`
	Show     showCmd       `cmd:"" help:"Show a prefix, address, AS, country, region or outage: who holds it now, since when, its outages."`
	Watch    watchCmd      `cmd:"" help:"Make, check and look at watch lists: what is yours, so that you are told when it goes dark."`
	Demo     demoCmd       `cmd:"" help:"Replay the reconstruction of December 2014 and show the outages in it."`
	Replay   replayCmd     `cmd:"" help:"Replay MRT, RIS Live and BMP files through all stages and show the outages in them."`
	Outages  outagesCmd    `cmd:"" help:"Show and filter the outages that the store knows: live ones, or those of a dataset."`
	Datasets datasetsCmd   `cmd:"" help:"List and drop what the store holds."`
	Ingest   ingestCmd     `cmd:"" help:"Run one stage: follow the live sources, or play files, into bgp.updates." group:"stages"`
	Enrich   enrichCmd     `cmd:"" help:"Run one stage: decode and enrich bgp.updates into bgp.routes." group:"stages"`
	Detect   detectCmd     `cmd:"" help:"Run one stage: find outages in bgp.routes." group:"stages"`
	Serve    serveCmd      `cmd:"" help:"Serve pages and an API: the world now, or as it stood."`
	Sink     sinkCmd       `cmd:"" help:"Run one stage: write the topics into ClickHouse; and compare the two." group:"stages"`
	Notify   notifyCmd     `cmd:"" help:"Run one stage: tell people and programs of outages; and the commands about it." group:"stages"`
	Topics   topicsCmd     `cmd:"" help:"Create and compare topics; print the access rules of stages." group:"stages"`
	Dead     deadletterCmd `cmd:"" name:"deadletter" help:"List, show and send back the records that stages passed over." group:"stages"`
	Conf     configCmd     `cmd:"" name:"config" help:"Check or print the configuration."`
	Simulate simulateCmd   `cmd:"" help:"Write a synthetic feed with known truth as MRT files."`
	Health   healthCmd     `cmd:"" help:"Ask the admin server of a process here whether it does its work; for containers."`
	Version  versionCmd    `cmd:"" help:"Say what this is."`
	Help     helpCmd       `cmd:"" help:"Show the help of a command."`

	Checkpoint checkpointCmd `cmd:"" help:"List, verify and drop the checkpoints of detect." group:"stages"`
	Completion completionCmd `cmd:"" help:"Write what a shell (bash, zsh, fish) reads to complete command lines."`
	Complete   completeCmd   `cmd:"" hidden:"" help:"Print what completes a command line."`
	Dump       dumpCmd       `cmd:"" help:"Print what the decoders read in MRT, RIS Live and BMP files."`
	SQL        sqlCmd        `cmd:"" name:"sql" help:"Run SQL on the store, embedded or not."`
	Migrate    migrateCmd    `cmd:"" help:"Bring the store's tables to this program's schema."`
	Export     exportCmd     `cmd:"" help:"Write a dataset of the store, or a range of it, as Parquet files with a manifest."`
	Import     importCmd     `cmd:"" help:"Read what export wrote into the store."`
	Fetch      fetchCmd      `cmd:"" help:"Fetch the default data and the embedded ClickHouse; what is there is not fetched again."`
}

// globals holds the flags and the state that every command's Run receives.
type globals struct {
	Config    string   `help:"Configuration file (YAML)." type:"path" placeholder:"FILE"`
	Set       []string `help:"Set one configuration value (key=value); may be repeated." sep:"none" placeholder:"KEY=VALUE"`
	DataDir   string   `help:"Where state is kept (default $$XDG_STATE_HOME/darkmap)." type:"folder" placeholder:"DIR"`
	CacheDir  string   `help:"Where fetched data is kept (default $$XDG_CACHE_HOME/darkmap)." type:"folder" placeholder:"DIR"`
	LogLevel  string   `help:"Lowest level that is logged: ${enum}." enum:"debug,info,warn,error" default:"warn"`
	LogFormat string   `help:"Form of the log: ${enum}." enum:"text,json" default:"text"`

	ShowVersion versionFlag `name:"version" help:"Say what this is, and end."`

	// program is the name by which the program was called.
	program string

	stdin          io.Reader
	stdout, stderr io.Writer
	// line draws progress on standard error. stderr writes above it.
	line *progress.Line
	log  *slog.Logger
	// began is when the program was started.
	began time.Time
}

func main() {
	if code, handled := clickhouse.RunEngineChild(os.Args); handled {
		os.Exit(code)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A write to a closed pipe then is an error and does not end the process.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	go func() { // ends with the process
		<-ctx.Done()
		stop() // a second signal ends the process at once
	}()
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// newParser returns a parser of the command line that fills in c.
func newParser(ctx context.Context, c *cli, stdout, stderr io.Writer) (*kong.Kong, error) {
	return kong.New(c, kong.Name("darkmap"),
		kong.Description("Watches the global routing table and says which networks and countries have gone dark."),
		kong.Writers(stdout, stderr), kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Vars{"admin_addr": telemetry.DefaultAdminAddr, "access": accessNames()},
		kong.NamedMapper("folder", kong.MapperFunc(folder)),
		kong.NamedMapper("collector", kong.MapperFunc(collector)),
		kong.ExplicitGroups([]kong.Group{
			{Key: "stages", Title: "Stages, each a process of its own:"},
			{Key: "filters", Title: "Filters:"},
		}))
}

// run does the work of main: it parses the arguments, runs one command and returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var c cli
	c.line = progress.NewLine(stderr)
	stderr = config.Masking(c.line)
	parser, err := newParser(ctx, &c, stdout, stderr)
	if err != nil {
		fmt.Fprintln(stderr, "darkmap:", err)
		return exitFailed
	}
	if args, err = withHelp(parser.Model, args); err != nil {
		fmt.Fprintln(stderr, "darkmap:", err)
		return exitUsage
	}
	parsed, err := parser.Parse(args)
	if errors.Is(err, syscall.EPIPE) { // --help into a closed pipe
		return 0
	}
	if err != nil {
		fmt.Fprintln(stderr, "darkmap:", err)
		return exitUsage
	}
	if !terminal.IsTerminal(stdout) {
		stdout = output{stdout}
	}
	c.program, c.stdin, c.stdout, c.stderr, c.began = os.Args[0], stdin, stdout, stderr, time.Now()
	log, err := telemetry.NewLogger(stderr, c.LogLevel, c.LogFormat)
	if err != nil {
		return code(ctx, usageError(err), stderr)
	}
	log, flush := telemetry.OneFault(log)
	defer flush()
	c.log = telemetry.Quiet(log, ctx.Done())
	return code(ctx, parsed.Run(&c.globals), stderr)
}

// folder parses a flag that names a folder. An empty value, as of an unset variable, would mean the
// current folder, so it is refused.
func folder(flag *kong.DecodeContext, target reflect.Value) error {
	var path string
	if err := flag.Scan.PopValueInto("folder", &path); err != nil {
		return err
	}
	if path == "" {
		return errors.New("is empty: want a folder (the present one is .)")
	}
	target.SetString(kong.ExpandPath(path))
	return nil
}

// errClosedPipe reports that the reader of standard output has closed it. This is no failure.
var errClosedPipe = errors.New("standard output was closed")

// output is standard output if it may be a pipe. A broken pipe elsewhere, for example to a broker,
// is a failure.
type output struct{ io.Writer }

// Write returns errClosedPipe if the pipe is closed.
func (o output) Write(b []byte) (int, error) {
	n, err := o.Writer.Write(b)
	if errors.Is(err, syscall.EPIPE) {
		err = errClosedPipe
	}
	return n, err
}

// interruptedError reports that a command was interrupted before its end.
type interruptedError struct{ text string }

func (e interruptedError) Error() string { return e.text }

// Unwrap returns context.Canceled.
func (interruptedError) Unwrap() error { return context.Canceled }

// code prints err and returns its exit code. Work that was cancelled while ctx goes on was
// cancelled because of a failure.
func code(ctx context.Context, err error, stderr io.Writer) int {
	if err == nil {
		return 0
	}
	e, coded := errors.AsType[*exitError](err)
	if !coded && errors.Is(err, errClosedPipe) {
		return 0
	}
	interrupted := ctx.Err() != nil && errors.Is(err, context.Canceled)
	fmt.Fprintln(stderr, "darkmap:", causes(err))
	switch {
	case coded:
		return e.code
	case interrupted:
		return exitInterrupted
	}
	return exitFailed
}

// causes returns the text of err without the parts that only report the end of a context. Such a
// part is how a command learns of the end, and not the cause of the end.
func causes(err error) string {
	var texts []string
	for _, e := range parts(err) {
		_, said := errors.AsType[interruptedError](e)
		if said || !errors.Is(e, context.Canceled) {
			texts = append(texts, e.Error())
		}
	}
	if len(texts) == 0 {
		return "interrupted"
	}
	return strings.Join(texts, "\n")
}

// parts returns the errors that were joined in err.
func parts(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	var texts []string
	for _, e := range joined.Unwrap() {
		all = append(all, parts(e)...)
		texts = append(texts, e.Error())
	}
	if strings.Join(texts, "\n") != err.Error() { // wrapped, with a text of its own
		return []error{err}
	}
	return all
}

// command returns a command line of this program, by the name that it was called by, with the flags
// for its folders and its configuration.
func (g *globals) command(args ...string) string {
	words := []string{shellWord(g.program), args[0]}
	for _, f := range []struct{ name, value string }{
		{"--config", g.Config}, {"--data-dir", g.DataDir}, {"--cache-dir", g.CacheDir},
	} {
		if f.value != "" {
			words = append(words, f.name, shellWord(f.value))
		}
	}
	for _, set := range g.Set {
		words = append(words, "--set", shellWord(set))
	}
	return strings.Join(append(words, args[1:]...), " ")
}

// plainWord matches words that need no quotes in a shell.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// shellWord quotes a word for a shell.
func shellWord(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
