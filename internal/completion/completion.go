// Package completion completes command lines in bash, zsh and fish. The shells ask the program
// itself, so that the candidates always match its flags and arguments.
package completion

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// Files is the candidate that stands for all file names.
const Files = ":files"

// Shells are the shells that Script supports.
var Shells = []string{"bash", "zsh", "fish"}

// Values returns the values of a flag or argument, by its name in the command line, if they are
// neither files nor an enum of its own; nil if they are unknown.
type Values func(command, name string) []string

// Candidates returns the possible words in place of the last word, one a line: the word, a tab and
// its meaning. words are the words after the program's name. The single candidate Files stands for
// file names.
func Candidates(app *kong.Application, words []string, values Values) []string {
	// bash treats = as a word.
	words = slices.DeleteFunc(slices.Clone(words), func(w string) bool { return w == "=" })
	if len(words) == 0 {
		words = []string{""}
	}
	node, positional, pending := app.Node, 0, (*kong.Flag)(nil)
	for _, w := range words[:len(words)-1] {
		switch {
		case pending != nil:
			pending = nil
		case strings.HasPrefix(w, "-"):
			name, _, given := strings.Cut(w, "=")
			if f := flagOf(node, name); f != nil && !given && !f.IsBool() && !f.IsCounter() {
				pending = f
			}
		default:
			if child := childOf(node, w); child != nil {
				node = child
			} else {
				positional++
			}
		}
	}
	last := words[len(words)-1]
	if pending != nil {
		return fitting(last, valuesOf(node, pending.Value, values), "")
	}
	if name, value, given := strings.Cut(last, "="); given && strings.HasPrefix(last, "--") {
		if f := flagOf(node, name); f != nil {
			return fitting(value, valuesOf(node, f.Value, values), name+"=")
		}
		return nil
	}
	if strings.HasPrefix(last, "-") {
		return fitting(last, flagsOf(node), "")
	}
	return fitting(last, argumentsOf(node, positional, values), "")
}

// fitting returns the candidates that begin with a word, each after the text before.
func fitting(word string, all []string, before string) []string {
	if len(all) == 1 && all[0] == Files {
		return all
	}
	var out []string
	for _, c := range all {
		if strings.HasPrefix(c, word) {
			out = append(out, before+c)
		}
	}
	return out
}

// argumentsOf returns the commands below a node, and the values of its argument with that number.
func argumentsOf(n *kong.Node, number int, values Values) []string {
	var out []string
	for _, c := range n.Children {
		if !c.Hidden && c.Type == kong.CommandNode {
			out = append(out, c.Name+"\t"+c.Help)
		}
	}
	if len(n.Positional) > 0 {
		out = append(out, valuesOf(n, n.Positional[min(number, len(n.Positional)-1)], values)...)
	}
	return out
}

func valuesOf(n *kong.Node, v *kong.Value, values Values) []string {
	if known := values(n.Name, v.Name); known != nil {
		return known
	}
	switch {
	case v.Enum != "":
		return v.EnumSlice()
	case slices.Contains([]string{"path", "folder", "existingfile", "existingdir"}, v.Tag.Type),
		strings.HasPrefix(v.Tag.PlaceHolder, "FILE"):
		return []string{Files}
	}
	return nil
}

// flagsOf returns the flags of a node, its own and those of the commands above it.
func flagsOf(n *kong.Node) []string {
	var out []string
	for _, group := range n.AllFlags(true) {
		for _, f := range group {
			out = append(out, fmt.Sprintf("--%s\t%s", f.Name, f.Help))
		}
	}
	return out
}

func flagOf(n *kong.Node, name string) *kong.Flag {
	for _, group := range n.AllFlags(false) {
		for _, f := range group {
			if "--"+f.Name == name || f.Short != 0 && "-"+string(f.Short) == name {
				return f
			}
		}
	}
	return nil
}

func childOf(n *kong.Node, name string) *kong.Node {
	for _, c := range n.Children {
		if c.Type == kong.CommandNode && (c.Name == name || slices.Contains(c.Aliases, name)) {
			return c
		}
	}
	return nil
}
