package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/darkmap/darkmap/internal/datatest"
	"github.com/darkmap/darkmap/internal/kafkatest"
)

// deployed is the command line of a container and the configuration that it is given.
type deployed struct {
	where, config string
	args          []string
}

// deployedCommands are those of the base on Kubernetes, with each configuration that is in the tree
// for it and with what components add, and those of compose.yaml.
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

// TestDeployedCommands: the command lines of containers are ones of this program, and their
// configurations hold under them.
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

// TestDeployedStagesStart starts stages with the arguments and the configuration of the base, at
// brokers and in folders of the test: each becomes ready on its admin port, and ends well. sink and
// serve need a ClickHouse server, and are left out.
func TestDeployedStagesStart(t *testing.T) {
	t.Parallel()
	kafkaConfig := kafkatest.Open(t, 4)
	common := append(offline(t), "--dataset", kafkaConfig.Dataset(), "--set", "kafka.brokers=["+strings.Join(kafkaConfig.Brokers, ",")+"]")
	more := map[string][]string{
		"ingest": {
			"--set", "ingest.rislive.enabled=false", "--set", "ingest.routeviews.enabled=false", "--set", "ingest.archives=false",
			"--set", "ingest.bmp.routers=[{address: 192.0.2.1}]", "--set", "ingest.bmp.listen=127.0.0.1:0",
		},
	}
	for _, stage := range []string{"ingest", "enrich", "detect", "notify"} {
		t.Run(stage, func(t *testing.T) {
			t.Parallel()
			admin := datatest.FreeAddress(t)
			args := slices.Concat(adapted(t, stage, admin), common, more[stage])
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			var stdout, stderr bytes.Buffer
			ended := make(chan int, 1)
			go func() { ended <- run(ctx, args, strings.NewReader(""), &stdout, &stderr) }() // ends with ctx
			look := time.NewTicker(100 * time.Millisecond)
			defer look.Stop()
			var said string
			for deadline := time.After(2 * time.Minute); ; {
				var out, errs bytes.Buffer
				if run(t.Context(), []string{"health", "--admin-addr", admin}, strings.NewReader(""), &out, &errs) == 0 {
					break
				}
				said = errs.String()
				select {
				case code := <-ended:
					t.Fatalf("it ended with %d: %s", code, &stderr)
				case <-deadline:
					t.Fatalf("it is not ready: %s\n%s", said, &stderr)
				case <-look.C:
				}
			}
			if code, _, errs := darkmap(t, "", "health", "--live", "--admin-addr", admin); code != 0 {
				t.Errorf("it is ready, and not alive: %s", errs)
			}
			stop()
			if code := <-ended; code != 0 {
				t.Errorf("got %d, want 0: %s", code, &stderr)
			}
		})
	}
}

// adapted are the arguments of a stage of the base, with the paths and the admin address of a test.
func adapted(t *testing.T, stage, admin string) []string {
	t.Helper()
	path := "../../deploy/k8s/base/" + stage + "/statefulset.yaml"
	i := slices.IndexFunc(deployedCommands(t), func(d deployed) bool { return d.where == path })
	if i < 0 {
		t.Fatalf("there is no %s", path)
	}
	args := slices.Clone(deployedCommands(t)[i].args)
	replaced := 0
	for i, arg := range args {
		for from, to := range map[string]string{
			"--config=/etc/darkmap/darkmap.yaml": "--config=../../deploy/k8s/base/config/darkmap.yaml", "--admin-addr=:9464": "--admin-addr=" + admin,
			"--data-dir=/var/lib/darkmap": "--data-dir=" + t.TempDir(), "--cache-dir=/var/cache/darkmap": "--cache-dir=" + t.TempDir(),
		} {
			if arg == from {
				args[i] = to
				replaced++
			}
		}
	}
	if replaced != 4 {
		t.Fatalf("%s: got the arguments %q", stage, args)
	}
	return args
}
