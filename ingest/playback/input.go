package playback

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

// Stdin is the path that means standard input.
const Stdin = "-"

// defaultName is the collector of a file that names none.
const defaultName = "local"

var validName = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

// Input is one file of one collector.
type Input struct {
	Collector string // file/<NAME>
	Named     bool   // by the user: NAME=FILE
	Path      string // or Stdin
	Title     string // what messages call the file; empty is Path
}

// ParseInput reads FILE or NAME=FILE. An existing file whose own name holds a = is a FILE.
func ParseInput(arg string) (Input, error) {
	name, path, named := strings.Cut(arg, "=")
	if _, err := os.Lstat(arg); !named || err == nil {
		name, path, named = defaultName, arg, false
	}
	switch {
	case path == "":
		return Input{}, fmt.Errorf("%q: no file is named", arg)
	case !validName.MatchString(name):
		return Input{}, fmt.Errorf("%q: a collector's name has letters, digits, dot, underscore and hyphen only", arg)
	}
	return Input{Collector: "file/" + name, Named: named, Path: path}, nil
}
