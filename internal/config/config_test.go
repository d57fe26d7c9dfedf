package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

type inner struct {
	Size  int           `yaml:"size" min:"0"`
	Every time.Duration `yaml:"every"`
	Files []string      `yaml:"files"`
	Hosts []host        `yaml:"hosts"`
	Small uint8         `yaml:"small"`
}

type host struct {
	Address string `yaml:"address"`
	Key     Secret `yaml:"key"`
}

type example struct {
	Name  string `yaml:"name" min:"1"`
	Inner inner  `yaml:"inner"`
}

func TestLoad(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		yaml string
		sets []string
		want example
		errs []string
	}{
		{name: "defaults", want: example{Name: "d", Inner: inner{Size: 1}}},
		{name: "file over defaults", yaml: "inner: {every: 3s}", want: example{Name: "d", Inner: inner{Size: 1, Every: 3 * time.Second}}},
		{name: "set over file", yaml: "inner: {size: 2}", sets: []string{"inner.size=5", "inner.files=[a, b]", "name=x=y"}, want: example{Name: "x=y", Inner: inner{Size: 5, Files: []string{"a", "b"}}}},
		{name: "unknown key has its line", yaml: "name: a\nnme: b\nother: c\n", errs: []string{"c.yaml: line 2: unknown key nme (did you mean name?)\n", "c.yaml: line 3: unknown key other"}},
		{name: "all invalid at once", yaml: "name: \"\"\ninner: {size: -1}", errs: []string{"c.yaml: line 1: name: is empty", "c.yaml: line 2: inner.size: got -1, want at least 0"}},
		{name: "set without value", sets: []string{"inner.size"}, errs: []string{"want key=value"}},
		{name: "set of an unknown key", sets: []string{"inner.sizes=3"}, errs: []string{"--set inner.sizes=3", "unknown key inner.sizes (did you mean inner.size?)"}},
		{name: "of the wrong kind", yaml: "name: a\ninner:\n  every: 10\n  size: many\n  files: {a: b}\n", errs: []string{
			"line 3: inner.every: got 10, want a duration such as 10s", "line 4: inner.size: got many, want a whole number", "line 5: inner.files: got a map, want a list such as [a, b]",
		}},
		{name: "two of the wrong kind alike", yaml: "inner: {hosts: [x, x], small: 256}", errs: []string{
			"inner.hosts[0]: want {address: ..., key: ...}", "inner.hosts[1]: want {address: ..., key: ...}", "inner.small: got 256, want a whole number from 0 to 255",
		}},
		{name: "set of the wrong kind", sets: []string{"inner.hosts=[192.0.2.1]", "inner.every=10"}, errs: []string{
			"--set inner.hosts=[192.0.2.1]: inner.hosts[0]: want {address: ..., key: ...}", "--set inner.every=10: inner.every: got 10, want a duration such as 10s",
		}},
		{name: "set of a value that is out of bounds", yaml: "inner: {size: 3}", sets: []string{"inner.size=-2"}, errs: []string{"--set inner.size=-2: inner.size: got -2, want at least 0"}},
		{name: "of another section", yaml: "size: 3\ninner:\n  hosts: [{addrss: a}]\n", errs: []string{
			"line 1: unknown key size (did you mean inner.size?)", "line 3: unknown key inner.hosts[0].addrss (did you mean inner.hosts[0].address?)",
		}},
		{name: "set that is not YAML", sets: []string{"inner.files=[a"}, errs: []string{"--set inner.files=[a: did not find expected"}},
		{name: "a key twice", yaml: "name: a\nname: b\n", errs: []string{"line 2: mapping key"}},
		{name: "two documents", yaml: "name: a\n---\nname: b\n", errs: []string{"more than one YAML document"}},
		{name: "not YAML", yaml: "name: [", errs: []string{"did not find expected"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := ""
			if tt.yaml != "" {
				path = filepath.Join(t.TempDir(), "c.yaml")
				if err := os.WriteFile(path, []byte(tt.yaml), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got := example{Name: "d", Inner: inner{Size: 1}}
			err := Load(&got, path, tt.sets)
			if len(tt.errs) == 0 {
				if err != nil || got.Name != tt.want.Name || got.Inner.Size != tt.want.Inner.Size || got.Inner.Every != tt.want.Inner.Every || len(got.Inner.Files) != len(tt.want.Inner.Files) {
					t.Errorf("got %+v, %v; want %+v", got, err, tt.want)
				}
				return
			}
			if err != nil && (strings.Contains(err.Error(), "config.") || strings.Contains(err.Error(), "!!")) {
				t.Errorf("it shows Go or YAML: %v", err)
			}
			for _, want := range tt.errs {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got error %v, want one with %q", err, want)
				}
			}
		})
	}
}

func TestSecret(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	if err := os.WriteFile(path, []byte("hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := Secret{File: path}.Read()
	if err != nil || got != "hunter2" {
		t.Errorf("got %q, %v; want the file's first line", got, err)
	}
	if _, err := (Secret{File: path + "x"}).Read(); err == nil {
		t.Error("a missing file: got no error")
	}
	if got, err := (Secret{}).Read(); got != "" || err != nil {
		t.Errorf("the zero value: got %q, %v", got, err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("name: a\ninner: {size: 3, files: [a]}\n"))
	f.Add([]byte("a: &a [*a, *a]"))
	f.Fuzz(func(_ *testing.T, b []byte) {
		var e example
		_ = Decode(&e, b) // no crash, no hang: errors are fine
	})
}
