//go:build linux

package release

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/datatest"
	"github.com/darkmap/darkmap/internal/fetch"
)

var dist = flag.String("release-dist", "", "the folder of a release that TestInstall installs; empty: it does not run")

// nobody is the user who runs the installed program.
const nobody = 65534

// released returns the only file of the release that a pattern matches.
func released(t *testing.T, pattern string) string {
	t.Helper()
	if *dist == "" {
		t.Skip("make release-test runs it")
	}
	if os.Getuid() != 0 {
		datatest.Missing(t, "only root can go into a root of its own: run this test as root")
	}
	found, err := filepath.Glob(filepath.Join(*dist, pattern))
	if err != nil || len(found) != 1 {
		t.Fatalf("%s in %s: found %q (%v): make release", pattern, *dist, found, err)
	}
	return found[0]
}

// debian returns a copy of a minimal Debian, with /proc. bin/debian holds the original, which
// debootstrap makes.
func debian(t *testing.T) string {
	t.Helper()
	original := filepath.Join(datatest.Root(t), "bin", "debian")
	if _, err := os.Stat(original); err != nil {
		if _, err := exec.LookPath("debootstrap"); err != nil {
			datatest.Missing(t, "there is no debootstrap: apt-get install debootstrap")
		}
		must(t, ".", nil, "debootstrap", "--variant=minbase", "--include=ca-certificates", "bookworm", original+".new")
		if err := os.Rename(original+".new", original); err != nil {
			t.Fatal(err)
		}
	}
	root := filepath.Join(t.TempDir(), "root")
	must(t, ".", nil, "cp", "-a", original, root)
	for _, dir := range []string{root, filepath.Dir(root), filepath.Dir(filepath.Dir(root))} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	proc := filepath.Join(root, "proc")
	if err := syscall.Mount("proc", proc, "proc", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(proc, 0); err != nil {
			t.Error(err)
		}
	})
	return root
}

// installed is a program in a root.
type installed struct{ root, program, version string }

func (i installed) command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), i.program, args...)
	cmd.Dir, cmd.Env = "/", []string{"PATH=/usr/bin:/bin", "HOME=/var/lib/darkmap"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: i.root, Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	return cmd
}

var folders = []string{"--data-dir=/var/lib/darkmap", "--cache-dir=/var/cache/darkmap"}

// bringData gives the program its own folders, and the data that `darkmap fetch` has brought before:
// the minimal Debian has no npm to fetch them.
func (i installed) bringData(t *testing.T) {
	t.Helper()
	cache := filepath.Join(i.root, "var/cache/darkmap")
	for _, dir := range []string{cache, filepath.Join(i.root, "var/lib/darkmap")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	for _, item := range fetch.Items() {
		dir, err := fetch.Dir("", item)
		if err != nil {
			datatest.Missing(t, "the data are not fetched: darkmap fetch: "+err.Error())
		}
		must(t, ".", nil, "cp", "-r", dir, cache)
	}
	must(t, ".", nil, "chown", "-R", fmt.Sprint(nobody), cache)
}

// check starts the program: it gives its version, finds the outages of the demo, and shows pages.
func (i installed) check(t *testing.T) {
	t.Helper()
	if out, err := i.command(t, "version").CombinedOutput(); err != nil || !strings.Contains(string(out), i.version) {
		t.Fatalf("darkmap version: got %v\n%s, want %s", err, out, i.version)
	}
	i.bringData(t)
	out, err := i.command(t, append([]string{"demo"}, folders...)...).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "North Korea") {
		t.Fatalf("darkmap demo: got %v\n%s", err, out)
	}
	i.checkPage(t)
}

// checkPage starts `up` and reads the first page and the API.
func (i installed) checkPage(t *testing.T) {
	t.Helper()
	addr := datatest.FreeAddress(t)
	var log strings.Builder
	up := i.command(t, append([]string{"up", "--set=serve.listen=" + addr}, folders...)...)
	up.Stdout, up.Stderr = &log, &log
	if err := up.Start(); err != nil {
		t.Fatal(err)
	}
	page, pageErr := get("http://"+addr+"/", 3*time.Minute)
	feeds, feedsErr := get("http://"+addr+"/v1/feeds", time.Minute)
	if err := up.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if err := up.Wait(); err != nil {
		t.Errorf("darkmap up: %v", err)
	}
	if pageErr != nil || !strings.Contains(page, "<title>") || !strings.Contains(page, "darkmap") {
		t.Errorf("the page: %v\n%s", pageErr, page)
	}
	if feedsErr != nil || !json.Valid([]byte(feeds)) {
		t.Errorf("/v1/feeds: %v\n%s", feedsErr, feeds)
	}
	if t.Failed() {
		t.Log(log.String())
	}
}

// get reads a page, and asks again until it is there.
func get(url string, limit time.Duration) (text string, err error) {
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(time.Second) {
		var resp *http.Response
		if resp, err = http.Get(url); err != nil {
			continue
		}
		var b []byte
		b, err = io.ReadAll(resp.Body)
		resp.Body.Close() //nolint:errcheck // only read
		if resp.StatusCode == http.StatusOK && err == nil {
			return string(b), nil
		}
		err = fmt.Errorf("status %d, %w: %s", resp.StatusCode, err, b)
	}
	return "", err
}

// TestInstallTarball: the tarball works where there is nothing but a minimal Debian.
func TestInstallTarball(t *testing.T) {
	path := released(t, "darkmap-*-linux-amd64.tar.gz")
	root := debian(t)
	must(t, ".", nil, "tar", "-xf", path, "-C", filepath.Join(root, "opt"))
	name := strings.TrimSuffix(filepath.Base(path), ".tar.gz")
	version := strings.TrimSuffix(strings.TrimPrefix(name, "darkmap-"), "-linux-amd64")
	for _, file := range []string{"LICENSE", "NOTICE", "CHANGELOG.md", "docs/operations.md", "darkmap.service"} {
		if _, err := os.Stat(filepath.Join(root, "opt", name, file)); err != nil {
			t.Error(err)
		}
	}
	installed{root, "/opt/" + name + "/darkmap", strings.TrimPrefix(version, "0.0.0-0.g")}.check(t)
}

// TestInstallDeb: dpkg installs the package in a minimal Debian. It enables nothing, the program
// works, and removal leaves only the configuration, purge nothing.
func TestInstallDeb(t *testing.T) {
	path := released(t, "darkmap_*_amd64.deb")
	root := debian(t)
	must(t, ".", nil, "cp", path, filepath.Join(root, "darkmap.deb"))
	dpkg := func(args ...string) {
		t.Helper()
		must(t, ".", nil, "chroot", append([]string{root, "env", "DEBIAN_FRONTEND=noninteractive", "dpkg"}, args...)...)
	}
	dpkg("--install", "/darkmap.deb")
	if found, _ := filepath.Glob(filepath.Join(root, "etc/systemd/system/*.wants/darkmap.service")); len(found) > 0 {
		t.Errorf("it is enabled: %q", found)
	}
	version := strings.Split(filepath.Base(path), "_")[1]
	installed{root, "/usr/bin/darkmap", strings.TrimPrefix(version, "0.0.0-0.g")}.check(t)
	there := func(name string) bool {
		_, err := os.Stat(filepath.Join(root, name))
		return err == nil
	}
	dpkg("--remove", "darkmap")
	if there("usr/bin/darkmap") || there("lib/systemd/system/darkmap.service") || !there("etc/default/darkmap") {
		t.Error("removal left the program or the unit, or took the configuration away")
	}
	dpkg("--purge", "darkmap")
	if there("etc/default/darkmap") || there("usr/share/doc/darkmap") {
		t.Error("purge left files")
	}
}

// TestInstallLintian: Debian's checker finds no fault in the package.
func TestInstallLintian(t *testing.T) {
	path := released(t, "darkmap_*_amd64.deb")
	lintian, err := exec.LookPath("lintian")
	if err != nil {
		datatest.Missing(t, "there is no lintian: apt-get install lintian")
	}
	if out := must(t, ".", nil, lintian, "--allow-root", "--fail-on", "error,warning", path); strings.TrimSpace(out) != "" {
		t.Errorf("lintian says\n%s", out)
	}
}

// TestInstallSums: the sums are those of all files of the release.
func TestInstallSums(t *testing.T) {
	released(t, "SHA256SUMS")
	out := must(t, *dist, nil, "sha256sum", "--check", "--strict", "SHA256SUMS")
	files, err := os.ReadDir(*dist)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Count(out, ": OK\n"), len(files)-1; got != want || want < 9 {
		t.Errorf("checked %d files, want %d:\n%s", got, want, out)
	}
}
