package main

import (
	"io"
	"os"
	"strings"
	"testing"
)

// TestInterfacesNameEverything checks that docs/interfaces.md names all commands and flags.
func TestInterfacesNameEverything(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../../docs/interfaces.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	var c cli
	parser, err := newParser(t.Context(), &c, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	for _, leaf := range parser.Model.Leaves(false) {
		for word := range strings.FieldsSeq(leaf.Path()) {
			if !strings.Contains(text, word) {
				t.Errorf("docs/interfaces.md does not name the command %s", leaf.Path())
			}
		}
		for _, group := range leaf.AllFlags(false) {
			for _, flag := range group {
				if flag.Name != "help" && !strings.Contains(text, "--"+flag.Name) && (flag.Tag.Negatable == "" || !strings.Contains(text, "--no-"+flag.Name)) {
					t.Errorf("docs/interfaces.md does not name --%s of %s", flag.Name, leaf.Path())
				}
			}
		}
	}
}
