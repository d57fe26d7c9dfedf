//go:build linux

package image

import (
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/datatest"
)

// mostBytes is an upper bound of the size of the program, which is all of the image.
const mostBytes = 60_000_000

// date is the date of the images of tests: 2001-09-09 01:46:40.
const date = 1_000_000_000

// build is what `make image` makes.
type build struct{ dir, archive, digest string }

// makeImage runs `make image` in a folder with the sources.
func makeImage(t *testing.T, sources string) build {
	t.Helper()
	temp := t.TempDir()
	b := build{dir: filepath.Join(temp, "image")}
	b.archive = b.dir + ".oci.tar"
	store := "buildah --storage-driver vfs --root " + temp + "/store --runroot " + temp + "/run"
	cmd := exec.CommandContext(t.Context(), "make", "-C", sources, "image", "IMAGEDIR="+b.dir, "VERSION=v0.0.1-image", "BUILDAH="+store)
	cmd.Env = append(os.Environ(), "MAKEFLAGS=", "SOURCE_DATE_EPOCH="+strconv.Itoa(date), "BUILDAH="+store)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("make image: %v\n%s", err, out)
	}
	digest, err := os.ReadFile(b.archive + ".digest")
	if err != nil || !strings.Contains(string(out), "darkmap:0.0.1-image "+string(digest)) {
		t.Fatalf("make image wrote the digest %q (%v) and said\n%s", digest, err, out)
	}
	b.digest = string(digest)
	return b
}

// copySources copies the repository's files into another folder. Their date is another one there.
func copySources(t *testing.T) string {
	t.Helper()
	root, dir := datatest.Root(t), filepath.Join(t.TempDir(), "elsewhere")
	cmd := exec.CommandContext(t.Context(), "git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list, err := cmd.Output()
	if err != nil {
		datatest.Missing(t, "the repository's files are not known: this is no git checkout")
	}
	for name := range strings.SplitSeq(strings.TrimRight(string(list), "\x00"), "\x00") {
		info, err := os.Stat(filepath.Join(root, name))
		if errors.Is(err, os.ErrNotExist) {
			continue // removed, and not committed yet
		}
		text, readErr := os.ReadFile(filepath.Join(root, name))
		path := filepath.Join(dir, name)
		if err := errors.Join(err, readErr, os.MkdirAll(filepath.Dir(path), 0o700)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, info.Mode().Perm()); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, time.Unix(date/2, 0), time.Unix(date/2, 0)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestImage: the image is an index of two architectures. Its programs are static and small. From
// another folder, and from files of another date, the same archive comes out, octet for octet.
func TestImage(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it links four programs")
	}
	if _, err := exec.LookPath("buildah"); err != nil || os.Getuid() != 0 {
		datatest.Missing(t, "there is no buildah, or the user is not root: apt-get install buildah, and run as root")
	}
	first := makeImage(t, datatest.Root(t))
	for arch, machine := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64} {
		checkProgram(t, filepath.Join(first.dir, arch, "darkmap"), machine)
	}
	checkArchive(t, first)
	checkBill(t, filepath.Join(first.dir, "arm64", "darkmap"))
	if runtime.GOOS == "linux" && (runtime.GOARCH == "amd64" || runtime.GOARCH == "arm64") {
		checkEmptyRoot(t, filepath.Join(first.dir, runtime.GOARCH))
	}
	second := makeImage(t, copySources(t))
	a, errA := os.ReadFile(first.archive)
	b, errB := os.ReadFile(second.archive)
	if errA != nil || errB != nil || first.digest != second.digest || !bytes.Equal(a, b) {
		t.Errorf("from another folder: got the image %s, want %s (%v, %v)", second.digest, first.digest, errA, errB)
	}
}

// checkProgram checks that a program needs no library, and of which modules it is made.
func checkProgram(t *testing.T, path string, machine elf.Machine) {
	t.Helper()
	if info, err := os.Stat(path); err != nil || info.Size() >= mostBytes {
		t.Errorf("%s has %d octets (%v), want less than %d", path, info.Size(), err, mostBytes)
	}
	file, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // only read
	if file.Machine != machine {
		t.Errorf("%s is for %v, want %v", path, file.Machine, machine)
	}
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("%s has a segment %v: it needs a library or a loader", path, p.Type)
		}
	}
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	has := func(module string) bool {
		return slices.ContainsFunc(info.Deps, func(m *debug.Module) bool { return m.Path == module })
	}
	if !has("golang.org/x/crypto/x509roots/fallback") || has("github.com/ebitengine/purego") {
		t.Errorf("%s is made of\n%v", path, info)
	}
}

// checkBill checks that the document of a program's modules lists exactly those that the program
// itself names, with their versions.
func checkBill(t *testing.T, program string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bill.json")
	if out, err := exec.CommandContext(t.Context(), "../release/sbom", program, "v0.0.1-image", path).CombinedOutput(); err != nil {
		t.Fatalf("sbom: %v\n%s", err, out)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	type component struct{ Name, Version, PURL string }
	var bill struct {
		BOMFormat  string
		Metadata   struct{ Component component }
		Components []component
	}
	if err := json.Unmarshal(text, &bill); err != nil || bill.BOMFormat != "CycloneDX" {
		t.Fatalf("got a document of %q (%v)", bill.BOMFormat, err)
	}
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	if got := bill.Metadata.Component; got.Name != info.Main.Path || got.Version != "v0.0.1-image" {
		t.Errorf("it describes %+v", got)
	}
	want := []string{"std " + info.GoVersion}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		want = append(want, m.Path+" "+m.Version)
	}
	var got []string
	for _, c := range bill.Components {
		got = append(got, c.Name+" "+c.Version)
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" || len(got) < 50 {
		t.Errorf("%d modules; the program's (-) and the document's (+):\n%s", len(got), diff)
	}
}

// checkEmptyRoot starts the program in a root that holds nothing else. It starts, knows time zones
// and has authorities.
func checkEmptyRoot(t *testing.T, dir string) {
	t.Helper()
	config := "notify:\n  routes: [{name: a, to: [b], quiet_hours: {from: '22:00', to: '07:00', time_zone: Europe/Berlin}}]\n  targets: {b: {webhook: {url: 'https://192.0.2.1/', secrets: [{env: SECRET}]}}}\n"
	if err := os.WriteFile(filepath.Join(dir, "darkmap.yaml"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"version"}, "v0.0.1-image"},
		{[]string{"config", "print", "--plain", "--config=/darkmap.yaml"}, "Europe/Berlin"},
	} {
		cmd := exec.CommandContext(t.Context(), "/darkmap", tt.args...)
		cmd.Env = []string{"SECRET=whsec_" + strings.Repeat("QUJD", 10)}
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: dir, Credential: &syscall.Credential{Uid: 65532, Gid: 65532}}
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
