package main

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/darkmap/darkmap/internal/datatest"
)

// dumpLine is a line of bgpdump -m, split into fields.
type dumpLine []string

// route reports whether the line is an announcement or a route of a table.
func (l dumpLine) route() bool { return l[2] == "A" || l[2] == "B" }

func (l dumpLine) field(i int) string {
	if i < len(l) {
		return l[i]
	}
	return ""
}

var dumpAll = flag.Bool("dump.all", false, "compare the filters of dump with grep on all ten files, which takes minutes")

// TestDumpFiltersEqualGrep compares each filter with the matching lines of bgpdump, on three small
// files or, with -dump.all, ten. The filters' values are those of a line in the middle. bgpdump
// reads these files correctly (TestDumpEqualsBGPDump has those that it does not).
func TestDumpFiltersEqualGrep(t *testing.T) {
	t.Parallel()
	dir := datatest.Path(t, "mrt")
	tool, err := exec.LookPath("bgpdump")
	if err != nil {
		datatest.Missing(t, "bgpdump: apt-get install bgpdump")
	}
	names := []string{"bview.64k_stream_overflow.gz", "ris.rrc06.updates.1427846400.gz", "updates.20100722.2015.gz"}
	if *dumpAll {
		names = append(names, "bgpkit-rrc15-updates.20100227.1600.gz", "rib.20140523.0600_firstMB.bz2", "rib6.20151101.0600_firstMB.bz2",
			"routeviews2-20130101-arch0.mrt.gz", "routeviews2-20130101-arch3.mrt.gz", "routeviews2-updates.20260222.1530.bz2", "updates.20160811.1600.gz")
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(dir, name)
			text, err := exec.CommandContext(t.Context(), tool, "-m", path).Output()
			if err != nil {
				t.Fatal(err)
			}
			all := strings.SplitAfter(string(text), "\n")
			all = all[:len(all)-1]
			lines := make([]dumpLine, len(all))
			for i, line := range all {
				lines[i] = strings.Split(strings.TrimSuffix(line, "\n"), "|")
			}
			for _, f := range grepFilters(lines) {
				var want strings.Builder
				n := 0
				for i, line := range all {
					if f.want(lines[i]) {
						want.WriteString(line)
						n++
					}
				}
				code, got, stderr := runDump(t, nil, append(f.flags, path)...)
				if got != want.String() {
					t.Errorf("%q: got %d lines, want %d: %s", f.flags, strings.Count(got, "\n"), n, stderr)
				}
				if *dumpAll {
					t.Logf("%q: %d lines, exit code %d", f.flags, n, code)
				}
				if _, got, _ := runDump(t, nil, append([]string{"--count"}, append(f.flags, path)...)...); got != strconv.Itoa(n)+"\n" {
					t.Errorf("%q: counted %q, want %d", f.flags, got, n)
				}
			}
		})
	}
}

type grepFilter struct {
	flags []string
	want  func(l dumpLine) bool
}

// grepFilters are filters with values of the lines.
func grepFilters(all []dumpLine) []grepFilter {
	var some dumpLine
	community := "64496:1"
	for i, l := range all {
		if l.route() && len(strings.Fields(l[6])) > 2 && (some == nil || i < len(all)/2) {
			some = l
		}
		if l.route() && l.field(11) != "" {
			community = strings.Fields(l[11])[0]
		}
	}
	hops := strings.Fields(some[6])
	origin, second, seconds := hops[len(hops)-1], hops[1], strings.SplitN(some[1], ".", 2)[0]
	as, _, _ := strings.Cut(community, ":")
	path := regexp.MustCompile(`(^| )` + second + ` `)
	within := regexp.MustCompile(`\b` + second + `\b`)
	inPath := func(l dumpLine) bool { return l.route() && within.MatchString(l[6]) }
	at := func(l dumpLine) int { n, _ := strconv.Atoi(strings.SplitN(l[1], ".", 2)[0]); return n }
	moment, _ := strconv.Atoi(seconds)
	communities := func(l dumpLine, has func(string) bool) bool {
		return l.route() && slices.ContainsFunc(strings.Fields(l.field(11)), has)
	}
	return []grepFilter{
		{[]string{"--prefix", some[5]}, func(l dumpLine) bool { return l[2] != "STATE" && l[5] == some[5] }},
		{[]string{"--peer", some[3]}, func(l dumpLine) bool { return l[3] == some[3] }},
		{[]string{"--peer", "AS" + some[4]}, func(l dumpLine) bool { return l[4] == some[4] }},
		{[]string{"--origin", origin}, func(l dumpLine) bool { return l.route() && strings.HasSuffix(" "+l[6], " "+origin) }},
		{[]string{"--path", path.String()}, func(l dumpLine) bool { return l.route() && path.MatchString(l[6]) }},
		{[]string{"--path", "_" + second + "_"}, inPath},
		{[]string{"--path-as", second}, inPath},
		{[]string{"--community", community}, func(l dumpLine) bool {
			return communities(l, func(c string) bool { return c == community })
		}},
		{[]string{"--community", as + ":*"}, func(l dumpLine) bool {
			return communities(l, func(c string) bool { return strings.HasPrefix(c, as+":") })
		}},
		{[]string{"--type", "announce"}, func(l dumpLine) bool { return l[2] == "A" }},
		{[]string{"--type", "withdraw,state"}, func(l dumpLine) bool { return l[2] == "W" || l[2] == "STATE" }},
		{[]string{"--type", "table"}, func(l dumpLine) bool { return l[2] == "B" }},
		{[]string{"--from", seconds}, func(l dumpLine) bool { return at(l) >= moment }},
		{[]string{"--to", seconds}, func(l dumpLine) bool { return at(l) <= moment }},
		{[]string{"--path-as", second, "--peer", some[3]}, func(l dumpLine) bool { return inPath(l) && l[3] == some[3] }},
	}
}

func TestDumpFilterUsage(t *testing.T) {
	t.Parallel()
	good := map[string]string{ // standard error
		"--count -":               "1 record read",
		"--prefix 192.0.2.0/24 -": "; the filters let 1 line pass",
		"--prefix 10.0.0.0/8 -":   "; no line matches the filters",
		"--limit 1 -":             "; ended after 1 line (--limit): the rest was not read",
		"--from 2014-12-22 --to 2014-12-22 --type withdraw --peer AS64496 -": "; the filters let 1 line pass",
	}
	for args, want := range good {
		if code, _, stderr := runDump(t, []byte(mrtRecord), strings.Fields(args)...); code != 0 || !strings.Contains(stderr, want) {
			t.Errorf("%s: got %d, %s, want %q", args, code, stderr, want)
		}
	}
	for args, want := range map[string]string{
		"--count -": "1\n", "--count-files - -": "1\tstandard input\n", "--format tsv --columns prefix,type -": "prefix\ttype\n192.0.2.0/24\twithdraw\n",
		"--format tsv --no-header --columns type -": "withdraw\n", "--no-recover --count -": "1\n",
	} {
		if _, out, stderr := runDump(t, []byte(mrtRecord), strings.Fields(args)...); !strings.HasPrefix(out, want) {
			t.Errorf("%s: got %q, %s, want %q", args, out, stderr, want)
		}
	}
	for args, want := range map[string]string{
		"--prefix 192.0.2.1/24 -": "--prefix \"192.0.2.1/24\" has bits beyond its length", "--more-specific -": "need --prefix", "--peer x -": "--peer \"x\"",
		"--prefix 10.0.0.0/8 --more-specific --less-specific -": "--more-specific", "--origin x -": "--origin \"x\"", "--path ( -": "--path \"(\"",
		"--community 1 -": "--community \"1\"", "--type x -": "--type \"x\" is not one of announce", "--from x -": "--from \"x\" is not a time",
		"--from 2014-12-23 --to 2014-12-22 -": "--from 2014-12-23 --to 2014-12-22: the window ends before it begins", "--columns type -": "--columns: --format bgpdump has no columns",
		"--format tsv --columns x -": "--columns: \"x\" is not a column: the columns are timestamp, type", "--count --count-files -": "--count",
		"--limit x -": "--limit",
	} {
		if code, _, stderr := runDump(t, nil, strings.Fields(args)...); code != exitUsage || !strings.Contains(stderr, want) {
			t.Errorf("%s: got %d, %s, want %q", args, code, stderr, want)
		}
	}
	bad := strings.Replace(mrtRecord, "\x18\xc0", "\x21\xc0", 1) // a prefix of 33 bits
	input := []byte(bad + strings.Repeat("\xff", 30) + mrtRecord)
	code, out, stderr := runDump(t, input, "-")
	if code != exitDamaged || out != mrtLine || !strings.Contains(stderr, "; 30 octets passed over, 1 record read behind damage") {
		t.Errorf("got %d, %q, %s", code, out, stderr)
	}
	code, out, stderr = runDump(t, input, "--no-recover", "-")
	if code != exitDamaged || out != "" || !strings.Contains(stderr, "; ended at the first damage (--no-recover)") {
		t.Errorf("--no-recover: got %d, %q, %s", code, out, stderr)
	}
}

// TestDumpParquet writes a file. Tests of internal/dump check its contents.
func TestDumpParquet(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "out.parquet")
	code, out, stderr := runDump(t, []byte(mrtRecord), "--format", "parquet", "--columns", "prefix,type", "-o", path, "-")
	b, err := os.ReadFile(path)
	if code != 0 || out != "" || err != nil || !strings.HasPrefix(string(b), "PAR1") || !strings.HasSuffix(string(b), "PAR1") {
		t.Errorf("got %d, %q, %v, %d octets: %s", code, out, err, len(b), stderr)
	}
	if code, out, stderr := runDump(t, []byte(mrtRecord), "--format", "parquet", "-"); code != 0 || !strings.HasSuffix(out, "PAR1") {
		t.Errorf("standard output: got %d, %d octets: %s", code, len(out), stderr)
	}
}
