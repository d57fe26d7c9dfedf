package config

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// place1 and place2 are alternative sections: an entry names one of them.
type place1 struct {
	URL Secret `yaml:"url"`
}

type place2 struct {
	Room string `yaml:"room" min:"1"`
}

type entry struct {
	Size   int     `yaml:"size,omitempty" max:"3"`
	Place1 *place1 `yaml:"place1,omitempty"`
	Place2 *place2 `yaml:"place2,omitempty"`
}

// Faults reports an entry without one of the sections.
func (e entry) Faults() []Fault {
	if (e.Place1 == nil) == (e.Place2 == nil) {
		return []Fault{{Key: "", Want: "one of place1 and place2"}}
	}
	return nil
}

type entries struct {
	Name string            `yaml:"name"`
	All  map[string]*entry `yaml:"all"`
}

// TestEntriesOfMaps checks that an entry of a map is read as strictly as a section: each fault has
// its line, its key and the wanted value. An absent section has no faults.
func TestEntriesOfMaps(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, yaml string
		sets       []string
		errs       []string
	}{
		{name: "sound", yaml: "all:\n  a: {place1: {url: {env: X}}}\n  b: {place2: {room: r}, size: 2}\n"},
		{name: "unknown key", yaml: "all:\n  a: {place2: {rom: r}}\n", errs: []string{"line 2: unknown key all.a.place2.rom (did you mean all.a.place2.room?)"}},
		{name: "unknown kind", yaml: "all:\n  a:\n    place3: {room: r}\n", errs: []string{"line 3: unknown key all.a.place3 (did you mean all.a.place"}},
		{name: "a limit", yaml: "all:\n  a:\n    size: 4\n    place2: {room: ''}\n", errs: []string{"line 3: all.a.size: got 4, want at most 3", "line 4: all.a.place2.room: is empty, want"}},
		{name: "a rule", yaml: "all:\n  a: {size: 1}\n  b: {place2: {room: r}}\n", errs: []string{"line 2: all.a: want one of place1 and place2"}},
		{name: "an entry twice", yaml: "all:\n  a: {place2: {room: r}}\n  a: {place2: {room: r}}\n", errs: []string{"line 3: mapping key \"a\" already defined"}},
		{name: "set", sets: []string{"all.a={place2: {room: r}}"}},
		{name: "set below", sets: []string{"all.a.place2.room=r"}},
		{name: "set of a secret", sets: []string{"all.a.place1.url=https://example.net/hushed"}, errs: []string{"--set all.a.place1.url=*****: all.a.place1.url: want {file: ..., env: ...}"}},
		{name: "set of a secret within", sets: []string{"all={a: {place1: {url: {value: hushed}}}}"}, errs: []string{"all={a: {place1: {url: {value: *****}}}}: unknown key all.a.place1.url.value"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := ""
			if tt.yaml != "" {
				path = filepath.Join(t.TempDir(), "c.yaml")
				if err := os.WriteFile(path, []byte(tt.yaml), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			var c entries
			err := Load(&c, path, tt.sets)
			if (err == nil) != (len(tt.errs) == 0) {
				t.Fatalf("got %v, want %q", err, tt.errs)
			}
			for _, want := range tt.errs {
				if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hushed") {
					t.Errorf("got %v, want %q", err, want)
				}
			}
		})
	}
}

// TestSetOfEntry checks that --set of a key in an entry leaves the rest of the entry, and the other
// entries, unchanged.
func TestSetOfEntry(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(path, []byte("all:\n  a: {size: 1, place1: {url: {env: X}}}\n  b: {place2: {room: r}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var got entries
	if err := Load(&got, path, []string{"all.a.size=2", "all.b.place2.room=q", "all.c={place2: {room: new}}", "all.a.place1.url.env=Y", "all.d.size=1", "all.d={place2: {room: whole}}"}); err != nil {
		t.Fatal(err)
	}
	want := map[string]*entry{"a": {Size: 2, Place1: &place1{URL: Secret{Env: "Y"}}}, "b": {Place2: &place2{"q"}}, "c": {Place2: &place2{"new"}}, "d": {Place2: &place2{"whole"}}}
	if diff := cmp.Diff(want, got.All); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	err := Load(&got, path, []string{"all.a.siz=2", "all.b.size=4"})
	for _, want := range []string{"--set all.a.siz=2: unknown key all.a.siz (did you mean all.a.size?)", "--set all.b.size=4: all.b.size: got 4, want at most 3"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// TestKeysOfMaps checks that the keys of a map's entries are listed even without an entry, and that
// `config print` explains them.
func TestKeysOfMaps(t *testing.T) {
	t.Parallel()
	want := []string{"name", "all", "all.NAME.size", "all.NAME.place1.url.file", "all.NAME.place1.url.env", "all.NAME.place2.room"}
	full := entries{All: map[string]*entry{"b": {Place2: &place2{"r"}}, "a": {Size: 2, Place2: &place2{"q"}}}}
	for _, c := range []*entries{{}, &full} {
		var got []string
		for _, k := range Keys(c) {
			got = append(got, k.Name)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	comments := map[string]string{"all": "what there is", "all.NAME.place2.room": "which room", "all.NAME.size": "how large"}
	for _, tt := range []struct {
		cfg  entries
		want string
	}{
		{full, "name: \"\"\n# what there is\nall:\n  a:\n    # how large\n    size: 2\n    place2:\n      # which room\n      room: q\n  b:\n    place2:\n      room: r\n"},
		{entries{}, "name: \"\"\n# what there is\n# NAME.size: how large\n# NAME.place1.url.file:\n# NAME.place1.url.env:\n# NAME.place2.room: which room\nall: {}\n"},
	} {
		var b bytes.Buffer
		if err := Print(&b, &tt.cfg, comments); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, b.String()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// TestFingerprint checks that the fingerprint changes with a value and with the content of a
// secret's file, and with nothing else.
func TestFingerprint(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secret")
	fingerprint := func(secret string, size int) string {
		t.Helper()
		if err := os.WriteFile(path, []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := Fingerprint(&entry{Size: size, Place1: &place1{URL: Secret{File: path}}})
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	first := fingerprint("a", 1)
	if fingerprint("a", 1) != first || fingerprint("b", 1) == first || fingerprint("a", 2) == first {
		t.Errorf("got %s, %s with another secret, %s with another size", fingerprint("a", 1), fingerprint("b", 1), fingerprint("a", 2))
	}
}
