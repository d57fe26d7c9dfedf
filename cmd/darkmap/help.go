package main

import (
	"context"
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/darkmap/darkmap/eval/simulate"
	"github.com/darkmap/darkmap/internal/completion"
	"github.com/darkmap/darkmap/internal/nearest"
)

// helpCmd shows the help of a command.
type helpCmd struct {
	Command []string `arg:"" optional:"" help:"Of which command; without it, of all." placeholder:"COMMAND"`
}

// withHelp turns `help COMMAND` into `COMMAND --help`. It fails for a command that does not exist.
func withHelp(app *kong.Application, args []string) ([]string, error) {
	if len(args) == 0 || args[0] != "help" || len(args) > 1 && strings.HasPrefix(args[1], "-") {
		return args, nil
	}
	node := app.Node
	for i, word := range args[1:] {
		var names []string
		var next *kong.Node
		for _, c := range node.Children {
			if c.Name == word {
				next = c
			}
			if !c.Hidden {
				names = append(names, c.Name)
			}
		}
		if next == nil {
			return nil, fmt.Errorf(
				"there is no command %q%s: `darkmap --help` lists them",
				strings.Join(args[1:i+2], " "), didYouMean(word, names),
			)
		}
		node = next
	}
	return append(append([]string{}, args[1:]...), "--help"), nil
}

// didYouMean suggests the most similar known word, if one is similar enough.
func didYouMean(word string, known []string) string {
	if near := nearest.Of(word, known); near != "" {
		return fmt.Sprintf(" (did you mean %q?)", near)
	}
	return ""
}

// Run is never called: withHelp turns the command into --help.
func (helpCmd) Run() error { return nil }

// versionFlag prints the version and ends the program.
type versionFlag bool

// BeforeReset prints the version before anything else is checked.
func (versionFlag) BeforeReset(app *kong.Kong) error {
	_, err := fmt.Fprintln(app.Stdout, versionText())
	app.Exit(0)
	return err
}

// versionText returns the program's name, its version and the version of Go.
func versionText() string {
	goVersion := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		goVersion = info.GoVersion
	}
	return strings.TrimSpace(fmt.Sprintf("darkmap %s %s", version, goVersion))
}

// completionCmd writes the script with which a shell completes command lines.
type completionCmd struct {
	Shell string `arg:"" help:"For which shell: ${enum}." enum:"bash,zsh,fish"`
}

// Run writes the script.
func (c completionCmd) Run(g *globals) error {
	script, err := completion.Script(c.Shell, "darkmap")
	if err != nil {
		return usageError(err)
	}
	_, err = fmt.Fprint(g.stdout, script)
	return err
}

// completeCmd is the command that the shells' scripts call.
type completeCmd struct {
	Words []string `arg:"" optional:"" help:"The words of a command line after the program's name."`
}

// Run prints the candidates for the last word.
func (c completeCmd) Run(ctx context.Context, g *globals) error {
	parser, err := newParser(ctx, &cli{}, g.stdout, g.stderr)
	if err != nil {
		return err
	}
	for _, line := range completion.Candidates(parser.Model, c.Words, knownValues(parser.Model)) {
		if _, err := fmt.Fprintln(g.stdout, line); err != nil {
			return err
		}
	}
	return nil
}

// knownValues returns the known values of flags and arguments that are no enum.
func knownValues(app *kong.Application) completion.Values {
	return func(command, name string) []string {
		switch command + " " + name {
		case "demo late", "demo early":
			return simulate.CollectorNames()
		case "simulate scenario":
			var names []string
			for _, s := range scenarios() {
				names = append(names, s.Name+"\t"+s.About)
			}
			return names
		case "help command":
			var names []string
			for _, c := range app.Children {
				if !c.Hidden {
					names = append(names, c.Name)
				}
			}
			return names
		case "replay files", "dump file", "ingest files":
			return []string{completion.Files}
		}
		return nil
	}
}
