package main

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// deployed is the command line of a container and the configuration that it is given.
type deployed struct {
	where, config string
	args          []string
}

// deployedCommands are those of the base on Kubernetes, with each configuration that is in the tree for it and with what components add, and those
// of compose.yaml.
func deployedCommands(t *testing.T) []deployed {
	t.Helper()
	var all []deployed
	paths, err := filepath.Glob("../../deploy/k8s/base/*/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var secure []string
	for _, name := range []string{"tls", "sasl"} {
		b, err := os.ReadFile("../../deploy/k8s/components/" + name + "/kustomization.yaml")
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`value: (--set=[^}]+)}`).FindAllStringSubmatch(string(b), 5) {
			secure = append(secure, m[1])
		}
	}
	if len(secure) < 5 {
		t.Fatalf("the components add %q", secure)
	}
	for _, path := range paths {
		var o struct {
			Spec struct {
				Template struct {
					Spec struct {
						Containers []struct {
							Args []string `yaml:"args"`
						} `yaml:"containers"`
					} `yaml:"spec"`
				} `yaml:"template"`
			} `yaml:"spec"`
		}
		readYAML(t, path, &o)
		for _, c := range o.Spec.Template.Spec.Containers {
			for i := range c.Args {
				c.Args[i] = strings.ReplaceAll(c.Args[i], "$(POD_NAME)", "darkmap-x-0")
			}
			for _, config := range []string{"../../deploy/k8s/base/config/darkmap.yaml", "../../deploy/k8s/overlays/cluster/darkmap.yaml"} {
				all = append(all, deployed{path, config, c.Args}, deployed{path + " with TLS and login", config, slices.Concat(c.Args, secure)})
			}
		}
	}
	var compose struct {
		Services map[string]struct {
			Image   string   `yaml:"image"`
			Command []string `yaml:"command"`
		} `yaml:"services"`
	}
	readYAML(t, "../../deploy/compose/compose.yaml", &compose)
	for name, s := range compose.Services {
		if strings.HasPrefix(s.Image, "darkmap:") {
			all = append(all, deployed{"compose.yaml: " + name, "../../deploy/compose/darkmap.yaml", s.Command})
		}
	}
	return all
}

func readYAML(t *testing.T, path string, v any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil {
		err = yaml.Unmarshal(b, v)
	}
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// TestDeployedCommands: the command lines of containers are ones of this program, and their configurations hold under them.
func TestDeployedCommands(t *testing.T) {
	t.Parallel()
	all, commands := deployedCommands(t), map[string]bool{}
	for _, d := range all {
		var c cli
		parser, err := newParser(t.Context(), &c, io.Discard, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := parser.Parse(d.args)
		if err != nil {
			t.Errorf("%s: %v", d.where, err)
			continue
		}
		commands[parsed.Command()] = true
		if c.Config != "/etc/darkmap/darkmap.yaml" {
			t.Errorf("%s: reads the configuration %q", d.where, c.Config)
		}
		cfg := defaultConfiguration()
		if err := cfg.load(d.config, c.Set); err != nil {
			t.Errorf("%s: %s: %v", d.where, d.config, err)
		}
		if len(cfg.Kafka.Brokers) == 0 || cfg.ClickHouse.Embedded() {
			t.Errorf("%s: %s: names no brokers or no ClickHouse", d.where, d.config)
		}
	}
	for _, want := range []string{"ingest", "enrich", "detect", "sink run", "notify run", "serve", "topics apply", "migrate"} {
		if !commands[want] {
			t.Errorf("nothing runs %q: %v run", want, commands)
		}
	}
}
