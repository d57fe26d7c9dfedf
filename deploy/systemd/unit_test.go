package systemd

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/darkmap/darkmap/internal/datatest"
)

// mostExposed is the highest exposure that systemd-analyze may find, from 0 (none) to 10.
const mostExposed = 3.0

// TestUnit: systemd knows every line of the unit, and finds it closed.
func TestUnit(t *testing.T) {
	t.Parallel()
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		datatest.Missing(t, "there is no systemd-analyze: apt-get install systemd")
	}
	b, err := os.ReadFile("darkmap.service")
	if err != nil {
		t.Fatal(err)
	}
	const program = "/usr/local/bin/darkmap"
	if !strings.Contains(string(b), "ExecStart="+program+" up ") {
		t.Fatalf("the unit does not start %s up", program)
	}
	for _, tt := range []struct {
		name, from, to string
		faulty         bool
	}{
		{name: "whole"}, {name: "misspelt", from: "PrivateTmp=", to: "PrivatTmp=", faulty: true}, {name: "no such value", from: "ProtectSystem=strict", to: "ProtectSystem=very", faulty: true},
	} {
		path := filepath.Join(t.TempDir(), "darkmap.service")
		// The program that the unit starts is not installed here.
		text := strings.Replace(strings.Replace(string(b), program, "/bin/true", 1), tt.from, tt.to, 1)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", path).CombinedOutput()
		if faulty := err != nil || len(strings.TrimSpace(string(out))) > 0; faulty != tt.faulty {
			t.Errorf("%s: systemd-analyze verify: %v\n%s", tt.name, err, out)
		}
	}
	out, err := exec.CommandContext(t.Context(), analyze, "security", "--offline=true", "--no-pager", "darkmap.service").CombinedOutput()
	m := regexp.MustCompile(`Overall exposure level for darkmap\.service: (\d+\.\d+)`).FindSubmatch(out)
	if err != nil || m == nil {
		t.Fatalf("systemd-analyze security: %v\n%s", err, out)
	}
	if got, err := strconv.ParseFloat(string(m[1]), 64); err != nil || got > mostExposed {
		t.Errorf("the unit's exposure is %s, want at most %.1f", m[1], mostExposed)
	}
}
