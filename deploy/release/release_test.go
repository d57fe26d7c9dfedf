package release

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/datatest"
)

// run runs a command in a folder, with further variables, and returns what it printed.
func run(t *testing.T, dir string, env []string, name string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// must is run for commands that have to succeed.
func must(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	out, err := run(t, dir, env, name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

// repository makes a git repository of the files that check reads.
func repository(t *testing.T) string {
	t.Helper()
	root, dir := datatest.Root(t), t.TempDir()
	for _, name := range []string{"deploy/release", "deploy/k8s/overlays", "deploy/strimzi", "tools/pin"} {
		if err := os.CopyFS(filepath.Join(dir, name), os.DirFS(filepath.Join(root, name))); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(dir, "CHANGELOG.md"), "# Changelog\n\n## Unreleased\n")
	write(t, filepath.Join(dir, ".gitignore"), "/bin/\n")
	must(t, dir, nil, "git", "init", "-q")
	commit(t, dir)
	return dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func commit(t *testing.T, dir string) {
	t.Helper()
	must(t, dir, nil, "git", "add", "-A")
	must(t, dir, nil, "git", "-c", "user.name=a", "-c", "user.email=a@example.net", "commit", "-q", "-m", "a")
}

// TestCheck: each thing that must not be released is refused by name, and a trial goes on. When all
// are in order, nothing is said.
func TestCheck(t *testing.T) {
	t.Parallel()
	dir := repository(t)
	want := []string{"has no tag of a version", "CHANGELOG.md has no heading for 0.1.0", "kafka.yaml: image apache/kafka:", "clickhouse.yaml: image clickhouse/clickhouse-server:"}
	compare := func(out string, want []string) {
		t.Helper()
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("it does not say %q:\n%s", w, out)
			}
		}
	}
	out, err := run(t, dir, []string{"TRIAL="}, "deploy/release/check", "v0.1.0")
	if compare(out, append(want, "nothing is released")); err == nil {
		t.Error("it is not refused")
	}
	out, err = run(t, dir, []string{"TRIAL=1"}, "deploy/release/check", "v0.1.0")
	if compare(out, append(want, "this is a trial")); err != nil {
		t.Errorf("a trial is refused: %v", err)
	}

	paths, err := filepath.Glob(filepath.Join(dir, "deploy/k8s/overlays/single/*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		write(t, path, regexp.MustCompile(`(?m)^(\s+image: \S+)$`).ReplaceAllString(string(b), "$1@sha256:"+strings.Repeat("0", 64)))
	}
	write(t, filepath.Join(dir, "CHANGELOG.md"), "# Changelog\n\n## 0.1.0\n")
	commit(t, dir)
	must(t, dir, nil, "git", "tag", "v0.1.0")
	if out, err := run(t, dir, []string{"TRIAL="}, "deploy/release/check", "v0.1.0"); err != nil || out != "" {
		t.Errorf("with everything in order: got %v\n%s", err, out)
	}
	write(t, filepath.Join(dir, "CHANGELOG.md"), "# Changelog\n\n## 0.1.0\n\nmore\n")
	out, err = run(t, dir, []string{"TRIAL="}, "deploy/release/check", "v0.1.0")
	if compare(out, []string{"changes that are not committed", " M CHANGELOG.md"}); err == nil || strings.Contains(out, "digest") {
		t.Errorf("a changed file: got %v\n%s", err, out)
	}
}

// TestVersion: versions for helm and images are semantic ones.
func TestVersion(t *testing.T) {
	t.Parallel()
	for described, want := range map[string]string{
		"v0.1.0": "0.1.0", "v0.2.0-rc.1": "0.2.0-rc.1", "v0.1.0-5-gabc0123": "0.1.0-5-gabc0123", "abc0123-dirty": "0.0.0-0.gabc0123-dirty", "0abc123": "0.0.0-0.g0abc123",
	} {
		if got := strings.TrimSpace(must(t, ".", nil, "./version", described)); got != want {
			t.Errorf("%s: got %s, want %s", described, got, want)
		}
	}
}

// makeDeb makes a package out of a program.
func makeDeb(t *testing.T, program, version string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "darkmap.deb")
	must(t, ".", []string{"SOURCE_DATE_EPOCH=1000000000", "XZ_LEVEL=0"}, "./deb", program, version, path)
	return path
}

// TestDebOrder: a package's version is newer than those that a user may have had before.
func TestDebOrder(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("dpkg-deb"); err != nil {
		datatest.Missing(t, "there is no dpkg-deb: apt-get install dpkg")
	}
	program := filepath.Join(t.TempDir(), "program")
	write(t, program, "a program")
	last := ""
	for _, described := range []string{"abc0123", "v0.1.0-rc.1", "v0.1.0", "v0.1.0-2-gfff0123", "v0.1.0-10-gabc0123", "v0.1.0-10-gabc0123-dirty", "v0.1.1"} {
		got := strings.TrimSpace(must(t, ".", nil, "dpkg-deb", "--field", makeDeb(t, program, described), "Version"))
		if last != "" {
			if out, err := run(t, ".", nil, "dpkg", "--compare-versions", got, "gt", last); err != nil {
				t.Errorf("%s is not newer than %s: %v %s", got, last, err, out)
			}
		}
		last = got
	}
}

// TestDeb: the package holds the program, the unit that starts it, and documents, all of them root's
// and of one date. Its scripts start nothing. The same program gives the same package.
func TestDeb(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("dpkg-deb"); err != nil {
		datatest.Missing(t, "there is no dpkg-deb: apt-get install dpkg")
	}
	program, err := os.Executable() // a program of this test: which one it is does not matter
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "other")
	if err := errors.Join(os.WriteFile(copied, want, 0o700), os.Chtimes(copied, time.Unix(1, 0), time.Unix(1, 0))); err != nil {
		t.Fatal(err)
	}
	path := makeDeb(t, copied, "v0.1.0")
	first, errA := os.ReadFile(path)
	second, errB := os.ReadFile(makeDeb(t, program, "v0.1.0"))
	if errA != nil || errB != nil || !bytes.Equal(first, second) {
		t.Errorf("the package differs the second time (%v, %v)", errA, errB)
	}
	dir := t.TempDir()
	must(t, ".", nil, "dpkg-deb", "--raw-extract", path, dir)
	if got, err := os.ReadFile(filepath.Join(dir, "usr/bin/darkmap")); err != nil || !bytes.Equal(got, want) {
		t.Errorf("it holds another program (%v)", err)
	}
	checkText(t, dir, "DEBIAN/control", "\nVersion: 0.1.0\n", "\nArchitecture: amd64\n", "\nDepends: libc6 (>= ")
	checkText(t, dir, "DEBIAN/conffiles", "/etc/default/darkmap\n")
	checkText(t, dir, "lib/systemd/system/darkmap.service", "\nExecStart=/usr/bin/darkmap up ", "\nEnvironmentFile=-/etc/default/darkmap\n")
	checkText(t, dir, "etc/default/darkmap", "#DARKMAP_FLAGS=")
	checkText(t, dir, "usr/share/doc/darkmap/copyright", "Apache-2.0")
	checkText(t, dir, "usr/share/doc/darkmap/NOTICE", "Apache License")
	for _, script := range []string{"postinst", "prerm", "postrm"} {
		b, err := os.ReadFile(filepath.Join(dir, "DEBIAN", script))
		if err != nil || regexp.MustCompile(`\b(start|restart|enable)\b`).Match(regexp.MustCompile(`(?m)^\s*#.*|try-restart`).ReplaceAll(b, nil)) {
			t.Errorf("%s starts the service (%v):\n%s", script, err, b)
		}
	}
	list := must(t, ".", []string{"TZ=UTC"}, "dpkg-deb", "--contents", path)
	for line := range strings.Lines(list) {
		if !strings.Contains(line, " root/root ") || !strings.Contains(line, " 2001-09-09 01:46 ") {
			t.Errorf("owner or date: %s", line)
		}
	}
}

// checkText checks that a file of a package holds texts.
func checkText(t *testing.T, dir, name string, want ...string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Error(err)
		return
	}
	for _, w := range want {
		if !strings.Contains("\n"+string(b), w) {
			t.Errorf("%s lacks %q:\n%s", name, w, b)
		}
	}
}

// TestDebUsage: missing variables and arguments are named.
func TestDebUsage(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, tt := range []struct {
		args []string
		want string
	}{{[]string{"a"}, "usage: deb PROGRAM VERSION FILE"}, {[]string{"a", "v1.0.0", "b"}, "SOURCE_DATE_EPOCH: the date of the package"}} {
		cmd := exec.CommandContext(ctx, "./deb", tt.args...)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
		if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), tt.want) {
			t.Errorf("deb %q: got %v\n%s", tt.args, err, out)
		}
	}
}
