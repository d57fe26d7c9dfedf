package playback

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

// Stdin is the path for standard input.
const Stdin = "-"

// defaultName is the collector's name for a file that names none.
const defaultName = "local"

var validName = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

// Input is one file of one collector.
type Input struct {
	Collector string // file/<NAME>
	Named     bool   // the user gave the name: NAME=FILE
	Path      string // or Stdin
	Title     string // name of the file in messages; empty: Path
}

// ParseInput parses FILE or NAME=FILE. If a file exists whose own name is the whole argument, with
// the =, it is a FILE.
func ParseInput(arg string) (Input, error) {
	name, path, named := strings.Cut(arg, "=")
	if _, err := os.Lstat(arg); !named || err == nil {
		name, path, named = defaultName, arg, false
	}
	switch {
	case path == "":
		return Input{}, fmt.Errorf("%q: no file is named", arg)
	case !validName.MatchString(name):
		return Input{},
			fmt.Errorf("%q: a collector's name has letters, digits, dot, underscore and hyphen only", arg)
	}
	return Input{Collector: "file/" + name, Named: named, Path: path}, nil
}
