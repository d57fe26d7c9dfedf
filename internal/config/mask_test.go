package config

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

type withSecrets struct {
	URL      string `yaml:"url" form:"a URL of ws or wss"`
	Password Secret `yaml:"password"`
	Size     int    `yaml:"size" min:"1"`
}

// TestSecretsAreNotShown writes a secret into every place where a user may put one by mistake. No
// error and no print may contain it.
func TestSecretsAreNotShown(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	for _, text := range []string{
		"url: https://user:hunter2@192.0.2.1/", "password: hunter2", "password: [hunter2]", "password: {value: hunter2}", "pasword: hunter2", "url: [wss://a:hunter2@b/]",
		"size: https://hunter2@192.0.2.1/",
	} {
		path := filepath.Join(t.TempDir(), "c.yaml")
		if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		key, value, _ := strings.Cut(text, ": ")
		for _, err := range []error{Load(&withSecrets{Size: 1}, path, nil), Load(&withSecrets{Size: 1}, "", []string{key + "=" + value})} {
			if err == nil || strings.Contains(err.Error(), secret) {
				t.Errorf("%s: got %v, want an error without the secret", text, err)
			}
		}
	}
	var b bytes.Buffer
	if err := Print(&b, &withSecrets{URL: "wss://user:hunter2@192.0.2.1/path?x=1"}, nil); err != nil || strings.Contains(b.String(), secret) || !strings.Contains(b.String(), "wss://*****@192.0.2.1/path?x=1") {
		t.Errorf("got %v, %s", err, b.String())
	}
}
