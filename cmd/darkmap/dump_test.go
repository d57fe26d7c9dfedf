package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/darkmap/darkmap/internal/datatest"
)

// runDump runs the command and returns its exit code and its outputs.
func runDump(t *testing.T, stdin []byte, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, log bytes.Buffer
	code = run(t.Context(), append([]string{"dump"}, args...), bytes.NewReader(stdin), &out, &log)
	return code, out.String(), log.String()
}

// TestDumpEqualsBGPDump compares every MRT file of the shared data with bgpdump 1.6.2, octet by
// octet. The exceptions of docs/interfaces.md are listed: UPDATEs whose NLRI cannot be parsed, for
// which bgpdump prints its own interpretation. The other exception, host bits, occurs in no
// readable UPDATE here.
func TestDumpEqualsBGPDump(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		code     int
		warnings int
		missing  int // lines of bgpdump that dump does not print
		// right corrects bgpdump's output where bgpdump errs. Nil: the output is right.
		right func(bgpdump string) string
	}{
		"bgpkit-rrc15-updates.20100227.1600.gz":  {},
		"bview.20020722.2337.gz":                 {},
		"bview.64k_stream_overflow.gz":           {},
		"bview.ipv4_unicast_add_path.gz":         {},
		"bview.ipv6_unicast_add_path.gz":         {},
		"rib.20140523.0600_firstMB.bz2":          {code: exitDamaged, warnings: 1}, // the file is cut
		"rib6.20151101.0600_firstMB.bz2":         {code: exitDamaged, warnings: 1}, // the file is cut
		"ris.rrc06.updates.1427846400.gz":        {},
		"routeviews2-20130101-arch0.mrt.gz":      {},
		"routeviews2-20130101-arch1.mrt.gz":      {},
		"routeviews2-20130101-arch2.mrt.gz":      {},
		"routeviews2-20130101-arch3.mrt.gz":      {},
		"routeviews2-updates.20260222.1530.bz2":  {},
		"updates.20100722.2015.gz":               {},
		"updates.20160811.1600.gz":               {},
		"updates.et-header.2015.gz":              {right: withdrawnByAS0},
		"updates.long_withdrawal.gz":             {},
		"updates.nlri_mask_trailing_bits.gz":     {code: exitDamaged, warnings: 1, missing: 1}, // the second prefix is cut
		"mrtparse-samples/bird-mrtdump_bgp":      {},
		"mrtparse-samples/bird-mrtdump_rib":      {},
		"mrtparse-samples/bird6-mrtdump_bgp":     {},
		"mrtparse-samples/bird6-mrtdump_rib":     {},
		"mrtparse-samples/bird6_bgp":             {right: withPathIDs("fd01:1::/64 fd01:1:1::/64 fd01:1:2::/64", "fd01:1:1::/64 fd01:1::/64 fd01:1:2::/64", "fd02:17::/64")},
		"mrtparse-samples/bird_bgp":              {right: withPathIDs("172.17.0.0/24 172.17.1.0/24 172.17.2.0/24", "172.17.0.0/24 172.17.1.0/24 172.17.2.0/24", "192.168.16.0/24")},
		"mrtparse-samples/openbgpd_bgp":          {},
		"mrtparse-samples/openbgpd_rib_table":    {},
		"mrtparse-samples/openbgpd_rib_table-mp": {},
		"mrtparse-samples/openbgpd_rib_table-v2": {},
		"mrtparse-samples/quagga_bgp":            {},
		"mrtparse-samples/quagga_rib":            {},
	}
	dir := datatest.Path(t, "mrt")
	tool, err := exec.LookPath("bgpdump")
	if err != nil {
		datatest.Missing(t, "bgpdump: apt-get install bgpdump")
	}
	for _, pattern := range []string{"*.*", "*/*"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range found {
			name, err := filepath.Rel(dir, path)
			if _, ok := tests[name]; !ok || err != nil {
				t.Errorf("%s is not in the list", name)
			}
		}
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(dir, name)
			want, err := exec.CommandContext(t.Context(), tool, "-m", path).Output()
			if err != nil {
				t.Fatal(err)
			}
			code, got, stderr := runDump(t, nil, path)
			if code != tt.code {
				t.Errorf("got exit code %d, want %d: %s", code, tt.code, stderr)
			}
			if n := strings.Count(stderr, "\n"); n != tt.warnings+1 {
				t.Errorf("got %d lines on standard error, want %d warnings and the summary:\n%s", n, tt.warnings, stderr)
			}
			if tt.right != nil {
				want = []byte(tt.right(string(want)))
			}
			if missing := linesMissing(t, want, got); missing != tt.missing {
				t.Errorf("got %d lines fewer than bgpdump's, want %d", missing, tt.missing)
			}
		})
	}
}

// linesMissing counts bgpdump's lines that dump does not print. All lines of dump have to be
// bgpdump's, in the same order.
func linesMissing(t *testing.T, want []byte, got string) int {
	t.Helper()
	if string(want) == got {
		return 0
	}
	missing, number := 0, 0
	for line := range strings.Lines(string(want)) {
		number++
		rest, ok := strings.CutPrefix(got, line)
		if !ok {
			missing++
			continue
		}
		got = rest
	}
	if got != "" {
		t.Fatalf("of %d lines of bgpdump's these are not there: %.300q", number, got)
	}
	return missing
}

// withdrawnByAS0 withdraws the routes with AS 0 in their path (RFC 7607), which bgpdump announces.
func withdrawnByAS0(bgpdump string) string {
	var b strings.Builder
	for line := range strings.Lines(bgpdump) {
		if f := strings.SplitN(line, "|", 8); len(f) == 8 && f[2] == "A" && strings.HasSuffix(f[6], " 0") {
			line = strings.Join(append(f[:2:2], "W", f[3], f[4], f[5]), "|") + "\n"
		}
		b.WriteString(line)
	}
	return b.String()
}

// withPathIDs returns a function that gives the announcements of each message in turn their
// prefixes. bgpdump reads the octets of path identifiers, which these subtypes cannot have, as
// prefixes.
func withPathIDs(messages ...string) func(string) string {
	return func(bgpdump string) string {
		var b strings.Builder
		before, n := "", 0
		for line := range strings.Lines(bgpdump) {
			f := strings.SplitN(line, "|", 7)
			if f[2] != "A" {
				b.WriteString(line)
				continue
			}
			message := f[1] + f[6]
			if message == before {
				continue
			}
			for f[5] = range strings.FieldsSeq(messages[n%len(messages)]) {
				b.WriteString(strings.Join(f, "|"))
			}
			before, n = message, n+1
		}
		return b.String()
	}
}

// TestDumpJSON counts the JSON lines, and compares the counts with bgpdump's.
func TestDumpJSON(t *testing.T) {
	t.Parallel()
	code, out, stderr := runDump(t, nil, "--format", "json", "rrc21="+datatest.Path(t, "mrt", "updates.20160811.1600.gz"))
	if code != 0 {
		t.Fatalf("got exit code %d: %s", code, stderr)
	}
	counts := map[string]int{}
	s := bufio.NewScanner(strings.NewReader(out))
	for s.Scan() {
		var line struct {
			Type, Collector string
		}
		if err := json.Unmarshal(s.Bytes(), &line); err != nil || line.Collector != "file/rrc21" {
			t.Fatalf("%v: %s", err, s.Bytes())
		}
		counts[line.Type]++
	}
	for kind, want := range map[string]int{"announce": 39256, "withdraw": 1956, "state": 22} {
		if counts[kind] != want {
			t.Errorf("got %d of type %s, want %d", counts[kind], kind, want)
		}
	}
	if !strings.HasPrefix(stderr, "darkmap: 17406 records read, 2433383 octets (389975 as packed); 0 skipped") {
		t.Errorf("got %q", stderr)
	}
}

// mrtRecord is a BGP4MP message record of AS64496 with an UPDATE that withdraws 192.0.2.0/24.
const mrtRecord = "\x54\x98\x43\xc4\x00\x10\x00\x04\x00\x00\x00\x2f\x00\x00\xfb\xf0\x00\x00\xfb\xf1\x00\x00\x00\x01\xcb\x00\x71\x01\xcb\x00\x71\x02" +
	"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x1b\x02\x00\x04\x18\xc0\x00\x02\x00\x00"

const mrtLine = "BGP4MP|1419264964|W|203.0.113.1|64496|192.0.2.0/24\n"

func TestDumpUsage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	whole, cut, text := filepath.Join(dir, "whole"), filepath.Join(dir, "cut"), filepath.Join(dir, "a=b")
	for path, content := range map[string]string{whole: mrtRecord + mrtRecord, cut: mrtRecord + mrtRecord[:40], text: "not MRT at all, and long enough to see it"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tests := map[string]struct {
		args   []string
		stdin  string
		code   int
		stdout string
		stderr []string // texts that its lines contain
	}{
		"file":           {[]string{whole}, "", 0, mrtLine + mrtLine, []string{"2 records read, 118 octets (118 as packed); 0 skipped"}},
		"standard input": {[]string{"-"}, mrtRecord, 0, mrtLine, []string{"1 record read"}},
		"two files":      {[]string{whole, "x=" + whole}, "", 0, strings.Repeat(mrtLine, 4), []string{"4 records read, 236 octets"}},
		"cut":            {[]string{cut}, "", exitDamaged, mrtLine, []string{cut + ": record 2 at offset 59: truncated", "2 records read, 99 octets (99 as packed); 1 skipped: truncated 1"}},
		"no MRT":         {[]string{text}, "", exitDamaged, "", []string{"not an MRT, RIS Live or BMP file", "unknown_format 1"}},
		"empty":          {[]string{"-"}, "", exitDamaged, "", []string{"the file is empty", "empty 1"}},
		"no such file":   {[]string{filepath.Join(dir, "none")}, "", exitUsage, "", []string{"no such file"}},
		"a folder": {[]string{dir}, "", exitDamaged, strings.Repeat(mrtLine, 3), []string{
			"2 files: 2 of file/local; left out: 1 no MRT, RIS Live or BMP (a=b)", cut + ": record 2 at offset 59: truncated", "4 records read",
		}},
		"a pattern":    {[]string{filepath.Join(dir, "who*")}, "", 0, mrtLine + mrtLine, []string{"1 file: 1 of file/local", "2 records read"}},
		"a lost file":  {[]string{whole, filepath.Join(dir, "none")}, "", exitUsage, "", []string{"none cannot be read: no such file"}},
		"a bad name":   {[]string{"a b=" + whole}, "", exitUsage, "", []string{"name"}},
		"no file":      {nil, "", exitUsage, "", []string{"<file>"}},
		"a bad format": {[]string{"--format", "xml", whole}, "", exitUsage, "", []string{"format"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := runDump(t, []byte(tt.stdin), tt.args...)
			lines := strings.Split(strings.TrimSuffix(stderr, "\n"), "\n")
			if code != tt.code || stdout != tt.stdout || len(lines) != len(tt.stderr) {
				t.Fatalf("got %d, %q, %q, want %d, %q, %q", code, stdout, stderr, tt.code, tt.stdout, tt.stderr)
			}
			for i, want := range tt.stderr {
				if !strings.Contains(lines[i], want) {
					t.Errorf("got %q, want it to contain %q", lines[i], want)
				}
			}
		})
	}
}

// closedPipe is a standard output whose reader is gone.
type closedPipe struct{}

func (closedPipe) Write([]byte) (int, error) {
	return 0, &os.PathError{Op: "write", Path: "|1", Err: syscall.EPIPE}
}

func TestDumpEndsSilentlyWhenThePipeIsClosed(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	if code := run(t.Context(), []string{"dump", "-"}, strings.NewReader(mrtRecord), closedPipe{}, &log); code != 0 || log.Len() > 0 {
		t.Errorf("got exit code %d and %q, want 0 and nothing", code, log.String())
	}
}

func TestDumpInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("Ctrl-C"))
	var out, log bytes.Buffer
	if code := run(ctx, []string{"dump", "-"}, strings.NewReader(mrtRecord), &out, &log); code != exitInterrupted {
		t.Errorf("got exit code %d, want %d: %s", code, exitInterrupted, log.String())
	}
}

// TestDumpWarnsOfAFew reads a file with many damages.
func TestDumpWarnsOfAFew(t *testing.T) {
	t.Parallel()
	bad := strings.Replace(mrtRecord, "\x18\xc0", "\x21\xc0", 1) // a prefix of 33 bits
	code, out, stderr := runDump(t, []byte(strings.Repeat(bad, 100)+mrtRecord), "-")
	if code != exitDamaged || out != mrtLine {
		t.Errorf("got exit code %d, %q, want %d and the one sound record", code, out, exitDamaged)
	}
	if n := strings.Count(stderr, "\n"); n != dumpWarnings+2 || !strings.Contains(stderr, "80 more") || !strings.Contains(stderr, "100 skipped: bad_record 100") {
		t.Errorf("got %d lines, want %d: %s", n, dumpWarnings+2, stderr)
	}
}
