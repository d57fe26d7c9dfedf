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
	}
	cfg := reached{missing, Secret{Env: "DARKMAP_TEST_NOT_SET"}, ":0", []string{"127.0.0.1:9092", "name.invalid:9092"}}
	err := Reach(t.Context(), &cfg, &reached{})
	for _, want := range []string{"ca_file: got ", "no such file", "password.env: got ", "is not set", "listen: got \":0\": want a port", "brokers[1]: got \"name.invalid:9092\": the name name.invalid does not resolve"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
	if strings.Contains(err.Error(), "brokers[0]") {
		t.Errorf("an address resolves: got %v", err)
	}
	if err := Reach(t.Context(), &cfg, &cfg); err != nil {
		t.Errorf("the defaults: got %v", err)
	}
}
