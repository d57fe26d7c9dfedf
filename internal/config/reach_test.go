package config

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestReach(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "none")
	type reached struct {
		CA       string   `yaml:"ca_file"`
		Password Secret   `yaml:"password"`
		Listen   string   `yaml:"listen" form:"host:port"`
		Brokers  []string `yaml:"brokers" form:"host:port"`
		Feed     string   `yaml:"feed_file" made:"yes"`
		Folder   string   `yaml:"folder" made:"yes"`
	}
	cfg := reached{missing, Secret{Env: "DARKMAP_TEST_NOT_SET"}, ":0", []string{"127.0.0.1:9092", "name.invalid:9092"}, missing, filepath.Join(missing, "sub")}
	err := Reach(t.Context(), &cfg, &reached{})
	for _, want := range []string{"ca_file: got ", "no such file", "password.env: got ", "is not set", "listen: got \":0\": want a port", "brokers[1]: got \"name.invalid:9092\": the name name.invalid does not resolve", "folder: got ", "the folder " + missing + ": no such file"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
	// An address needs no lookup, and a file that the program creates may be missing.
	for _, key := range []string{"brokers[0]", "feed_file"} {
		if strings.Contains(err.Error(), key) {
			t.Errorf("%s: got %v", key, err)
		}
	}
	if err := Reach(t.Context(), &cfg, &cfg); err != nil {
		t.Errorf("the defaults: got %v", err)
	}
}
