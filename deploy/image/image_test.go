//go:build linux

package image

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/darkmap/darkmap/internal/datatest"
)

// mostBytes is an upper bound of the size of the program, which is all of the image.
const mostBytes = 60_000_000

// buildProgram builds the program of the image, as `make image` does.
func buildProgram(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("it links the program")
	}
	path := filepath.Join(t.TempDir(), "darkmap")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w -X main.version=image-test", "-o", path, "../../cmd/darkmap")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	return path
}

// TestProgram: the program is static and small, and in a root that holds nothing else it starts,
// knows time zones and has authorities.
func TestProgram(t *testing.T) {
	t.Parallel()
	path := buildProgram(t)
	if info, err := os.Stat(path); err != nil || info.Size() >= mostBytes {
		t.Errorf("the program has %d octets (%v), want less than %d", info.Size(), err, mostBytes)
	}
	file, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // only read
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("the program has a segment %v: it needs a library or a loader", p.Type)
		}
	}
	out, err := exec.CommandContext(t.Context(), "go", "version", "-m", path).Output()
	if err != nil || !strings.Contains(string(out), "golang.org/x/crypto/x509roots/fallback") || strings.Contains(string(out), "ebitengine/purego") {
		t.Errorf("the program is made of (%v)\n%s", err, out)
	}
	if os.Getuid() != 0 {
		datatest.Missing(t, "only root can go into a root of its own: run this test as root")
	}
	config := "notify:\n  routes: [{name: a, to: [b], quiet_hours: {from: '22:00', to: '07:00', time_zone: Europe/Berlin}}]\n  targets: {b: {webhook: {url: 'https://192.0.2.1/', secrets: [{env: SECRET}]}}}\n"
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "darkmap.yaml"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"version"}, "image-test"},
		{[]string{"config", "print", "--plain", "--config=/darkmap.yaml"}, "Europe/Berlin"},
	} {
		cmd := exec.CommandContext(t.Context(), "/darkmap", tt.args...)
		cmd.Env = []string{"SECRET=whsec_" + strings.Repeat("QUJD", 10)}
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: filepath.Dir(path), Credential: &syscall.Credential{Uid: 65532, Gid: 65532}}
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), tt.want) {
			t.Errorf("darkmap %s in an empty root: got %v\n%s", strings.Join(tt.args, " "), err, out)
		}
	}
}

// TestDockerfile: the image holds the program and its user, and runs as that user.
func TestDockerfile(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\nFROM scratch\n", "\nUSER 65532:65532\n", "\nENTRYPOINT [\"/darkmap\"]\n", "\nCOPY --chown=65532:65532 var /var\n"} {
		if !strings.Contains(string(b), want) {
			t.Errorf("the Dockerfile lacks %q", want)
		}
	}
	passwd, err := os.ReadFile("passwd")
	if err != nil || !strings.HasPrefix(string(passwd), "darkmap:x:65532:65532:") || strings.Count(string(passwd), "\n") != 1 {
		t.Errorf("got the users %q (%v)", passwd, err)
	}
}
