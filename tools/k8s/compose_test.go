package main

import (
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

const composeFile = "../../deploy/compose/compose.yaml"

// secretsOfCompose returns the secrets that env.example names, with values.
func secretsOfCompose(t *testing.T) []string {
	t.Helper()
	b, err := os.ReadFile("../../deploy/compose/env.example")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for line := range strings.Lines(string(b)) {
		if name, ok := strings.CutSuffix(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(name, "#") {
			all = append(all, name+"=secret")
		}
	}
	return all
}

func compose(t *testing.T, file string, env []string) (*types.Project, error) {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{file}, cli.WithEnv(env), cli.WithProfiles([]string{"notify"}), cli.WithoutEnvironmentResolution)
	if err != nil {
		t.Fatal(err)
	}
	return options.LoadProject(t.Context())
}

// composeFaults returns the faults of services: the rules that TestCompose checks.
func composeFaults(p *types.Project) (faults []string) {
	for _, name := range slices.Sorted(maps.Keys(p.Services)) {
		s := p.Services[name]
		say := func(text string) { faults = append(faults, name+": "+text) }
		_, tag, _ := strings.Cut(s.Image, ":")
		if tag == "" || tag == "latest" {
			say("image " + s.Image + " has no version")
		}
		for _, port := range s.Ports {
			if port.HostIP != "127.0.0.1" {
				say("port " + port.Published + " is open to other machines")
			}
		}
		once := s.Restart == types.RestartPolicyNo
		if s.HealthCheck == nil || s.HealthCheck.Disable != once {
			say("has no health check, or one although it runs once")
		}
		if s.MemLimit == 0 && name != "topics" {
			say("has no limit of memory")
		}
		if soft := s.Environment["GOMEMLIMIT"]; soft != nil {
			n, ok := quantity(strings.TrimSuffix(*soft, "B"))
			if limit := int64(s.MemLimit); !ok || n*100 < limit*75 || n*100 > limit*90 {
				say("GOMEMLIMIT " + *soft + " is not 75 to 90 % of the limit")
			}
		} else if strings.HasPrefix(s.Image, "darkmap:") && !once {
			say("has no GOMEMLIMIT")
		}
		for _, v := range s.Volumes {
			if v.Type != types.VolumeTypeBind {
				continue
			}
			if _, err := os.Stat(v.Source); err != nil {
				say("mounts " + v.Source + ", which is not there")
			}
		}
		if s.Privileged || s.NetworkMode == "host" {
			say("has the host's rights or network")
		}
	}
	return faults
}

// TestCompose: the specification's own library accepts the file, and every service follows the
// rules.
func TestCompose(t *testing.T) {
	t.Parallel()
	env := secretsOfCompose(t)
	p, err := compose(t, composeFile, env)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range composeFaults(p) {
		t.Error(f)
	}
	want := []string{"clickhouse", "detect", "enrich", "grafana", "ingest", "kafka", "migrate", "notify", "prometheus", "serve", "sink", "topics"}
	if got := slices.Sorted(maps.Keys(p.Services)); !slices.Equal(got, want) {
		t.Errorf("got the services %q, want %q", got, want)
	}
	for i := range env { // each secret is used: none is empty by mistake
		if _, err := compose(t, composeFile, slices.Delete(slices.Clone(env), i, i+1)); err == nil {
			t.Errorf("without %s it is taken", env[i])
		}
	}
}

// TestComposeBroken: each fault is found.
func TestComposeBroken(t *testing.T) {
	t.Parallel()
	for what, spoil := range map[string]func(s *types.ServiceConfig){
		"no version":        func(s *types.ServiceConfig) { s.Image = "darkmap:latest" },
		"other machines":    func(s *types.ServiceConfig) { s.Ports[0].HostIP = "" },
		"health check":      func(s *types.ServiceConfig) { s.HealthCheck = nil },
		"limit of memory":   func(s *types.ServiceConfig) { s.MemLimit = 0 },
		"75 to 90 %":        func(s *types.ServiceConfig) { s.MemLimit *= 2 },
		"has no GOMEM":      func(s *types.ServiceConfig) { delete(s.Environment, "GOMEMLIMIT") },
		"which is not":      func(s *types.ServiceConfig) { s.Volumes[0].Source = "/nowhere" },
		"rights or network": func(s *types.ServiceConfig) { s.NetworkMode = "host" },
	} {
		p, err := compose(t, composeFile, secretsOfCompose(t))
		if err != nil {
			t.Fatal(err)
		}
		s := p.Services["ingest"]
		spoil(&s)
		p.Services["ingest"] = s
		if faults := strings.Join(composeFaults(p), "\n"); !strings.Contains(faults, "ingest: ") || !strings.Contains(faults, what) {
			t.Errorf("%s: got %q", what, faults)
		}
	}
}

// TestComposeSources: Grafana has the data sources of deploy/grafana, with the addresses of the
// containers.
func TestComposeSources(t *testing.T) {
	t.Parallel()
	sources := func(path string) []object {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all, err := readObjects(b)
		if err != nil || len(all) != 1 {
			t.Fatalf("%s: got %v, %v", path, all, err)
		}
		return objects(all[0]["datasources"])
	}
	want, got := sources("../../deploy/grafana/provisioning/datasources/darkmap.yaml"), sources("../../deploy/compose/grafana.yaml")
	asObject(want[0]["jsonData"])["host"], asObject(want[0]["jsonData"])["username"] = "clickhouse", "darkmap_reader"
	want[1]["url"] = "http://prometheus:9090"
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
