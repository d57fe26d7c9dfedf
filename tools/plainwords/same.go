package main

import (
	"context"
	"fmt"
	"go/scanner"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// compare prints the Go files whose tokens differ from those of a commit, and reports whether there
// is none.
func compare(ctx context.Context, w io.Writer, dir, commit string) (bool, error) {
	git := func(args ...string) ([]byte, error) {
		cmd := exec.CommandContext(ctx, "git", args...) //nolint:gosec // of this program
		cmd.Dir = dir
		return cmd.Output()
	}
	changed, err := git("diff", "--name-only", commit, "--", "*.go")
	if err != nil {
		return false, err
	}
	same, files := true, strings.Fields(string(changed))
	for _, file := range files {
		was, err := git("show", commit+":"+file)
		is, err2 := os.ReadFile(filepath.Join(dir, file)) //nolint:gosec // a file of the repository
		if err != nil || err2 != nil {
			fmt.Fprintf(w, "%s: new or removed\n", file)
			same = false
			continue
		}
		a, b := tokens(was), tokens(is)
		if slices.Equal(a, b) {
			continue
		}
		same = false
		at := 0
		for at < min(len(a), len(b)) && a[at] == b[at] {
			at++
		}
		near := func(s []string) string { return strings.Join(s[max(0, at-4):min(len(s), at+4)], " ") }
		fmt.Fprintf(w, "%s: was %s, is %s\n", file, near(a), near(b))
	}
	fmt.Fprintf(w, "%d files of Go changed\n", len(files))
	return same, nil
}

// tokens are those of a file without comments, line breaks, and commas at the end of a list.
func tokens(src []byte) []string {
	var s scanner.Scanner
	set := token.NewFileSet()
	s.Init(set.AddFile("", set.Base(), len(src)), src, nil, 0)
	var all []string
	for {
		_, tok, text := s.Scan()
		switch {
		case tok == token.EOF:
			return all
		case tok == token.SEMICOLON && text == "\n":
			continue
		case slices.Contains([]token.Token{token.RPAREN, token.RBRACE, token.RBRACK}, tok):
			if n := len(all); n > 0 && all[n-1] == "," {
				all = all[:n-1]
			}
		}
		if text == "" || tok.IsOperator() {
			text = tok.String()
		}
		all = append(all, text)
	}
}
