package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/clickhousetest"
	"github.com/darkmap/darkmap/internal/datatest"
	"github.com/darkmap/darkmap/internal/mrttest"
)

// archives are 46 minutes of route-views2 in four files.
func archives(t *testing.T) []string {
	t.Helper()
	var files []string
	for i := range 4 {
		files = append(files, datatest.Path(t, "mrt", fmt.Sprintf("routeviews2-20130101-arch%d.mrt.gz", i)))
	}
	return files
}

// replay runs `darkmap replay --format json` and returns its lines. It fails the test if the
// command fails.
func replay(t *testing.T, dir string, args ...string) []string {
	t.Helper()
	return lines(t, append([]string{"replay", "--format", "json", "--data-dir", dir}, args...)...)
}

func lines(t *testing.T, args ...string) []string {
	t.Helper()
	code, out, errs := darkmap(t, "", args...)
	if code != 0 {
		t.Fatalf("darkmap %s: exit %d\n%s", strings.Join(args, " "), code, errs)
	}
	return strings.Split(strings.TrimSuffix(out, "\n"), "\n")
}

// parse decodes lines of outages.
func parse(t *testing.T, lines []string) []bgp.Outage {
	t.Helper()
	var all []bgp.Outage
	for _, l := range lines {
		if l == "" {
			continue
		}
		var o bgp.Outage
		if err := json.Unmarshal([]byte(l), &o); err != nil {
			t.Fatalf("decoding %q: %v", l, err)
		}
		all = append(all, o)
	}
	return all
}

// offline returns flags that keep a test from fetching geography, because these tests do not need
// it.
func offline(t *testing.T) []string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "geo.csv")
	if err := os.WriteFile(path, []byte("192.0.2.0,192.0.2.255,KP\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	asn := filepath.Join(t.TempDir(), "asn.csv")
	if err := os.WriteFile(asn, []byte("192.0.2.0,192.0.2.255,64496,Example\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"--set", "enrich.geo.files=[" + path + "]", "--set", "enrich.asn.files=[" + asn + "]"}
}

// TestReplayIsTheSameEveryTime replays the same files with 1, 4 and 12 partitions and in another
// order.
func TestReplayIsTheSameEveryTime(t *testing.T) {
	t.Parallel()
	files, flags := archives(t), append(offline(t), "--no-store", "--all")
	want := replay(t, t.TempDir(), slices.Concat(flags, files)...)
	if len(want) < 60 {
		t.Fatalf("got %d outages", len(want))
	}
	for _, partitions := range []int{1, 12} {
		slices.Reverse(files)
		got := replay(t, t.TempDir(), slices.Concat(flags, []string{"--set", fmt.Sprintf("kafka.partitions=%d", partitions)}, files)...)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d partitions (-want +got):\n%s", partitions, diff)
		}
	}
}

// TestReplayFindsWhatWent checks the outages of route-views2 that can be seen in `darkmap dump` by
// eye.
func TestReplayFindsWhatWent(t *testing.T) {
	t.Parallel()
	all := parse(t, replay(t, t.TempDir(), slices.Concat(offline(t), []string{"--no-store", "--all"}, archives(t))...))
	of := func(prefix string) (found []bgp.Outage) {
		for _, o := range all {
			if o.Entity.Type != bgp.EntityPrefix {
				t.Errorf("got %s: without a table only prefixes are decided", o.ID)
			}
			if o.Entity.Code == prefix {
				found = append(found, o)
			}
		}
		return found
	}
	for _, n := range []int{1, 2, 3, 4, 6, 7, 8, 9, 31} { // AS32398
		p := fmt.Sprintf("41.204.%d.0/24", n)
		if o := of(p); len(o) != 1 || o[0].State != bgp.StateOpen || o[0].Start.Format("15:04") != "00:19" && o[0].Start.Format("15:04") != "00:20" || o[0].Origins[0].ASN != 32398 {
			t.Errorf("%s: got %+v, want one of AS32398, open since 00:20", p, o)
		}
	}
	if o := of("67.98.25.0/24"); len(o) != 1 || o[0].State != bgp.StateClosed || o[0].DurationSeconds < 35*60 || o[0].DurationSeconds > 37*60 {
		t.Errorf("67.98.25.0/24: got %+v, want it away for 36 minutes", o)
	}
	blips := 0
	for _, o := range all {
		if len(o.Origins) == 1 && o.Origins[0].ASN == 28355 {
			if blips++; !o.Blip || o.DurationSeconds >= 300 {
				t.Errorf("AS28355: got %s of %d s, want blips", o.ID, o.DurationSeconds)
			}
		}
	}
	if blips != 32 {
		t.Errorf("AS28355: got %d blips, want its sixteen prefixes twice", blips)
	}
}

// sqlRows returns the output of `darkmap sql`.
func sqlRows(t *testing.T, dir, query string) string {
	t.Helper()
	code, out, errs := darkmap(t, "", "sql", "--data-dir", dir, query)
	if code != 0 {
		t.Fatalf("%s: exit %d\n%s", query, code, errs)
	}
	return strings.TrimSpace(out)
}

const countRows = "SELECT countIf(type = 'announce'), countIf(type = 'withdraw'), uniqExact(collector, lane, epoch, sequence, idx), uniqExact(event_id) FROM route_changes"

// namesQuery asks for names from the tests' own data and from the program.
const namesQuery = "SELECT dictGet('as_info', 'name', 64496), dictGet('country_info', 'name', 'KP'), dictGet('prefix_info', 'country', toIPv4('192.0.2.7'))"

// TestReplayStores replays into the store, twice, and counts.
func TestReplayStores(t *testing.T) {
	t.Parallel()
	clickhousetest.NeedEngine(t)
	dir := t.TempDir()
	args := slices.Concat(offline(t), []string{"--dataset", "rv"}, archives(t))
	first := replay(t, dir, args...)
	const want = "123682\t13730\t137412\t56663"
	const outagesQuery = "SELECT count(), uniqExact(id), countIf(NOT blip AND state != 'retracted') FROM outages"
	firstOutages := sqlRows(t, dir, outagesQuery)
	if got := sqlRows(t, dir, namesQuery); got != "Example\tNorth Korea\tKP" {
		t.Errorf("names: got %s", got)
	}
	checkPastPages(t, dir, "rv", parse(t, first))
	for i := range 2 {
		for _, final := range []string{"", " FINAL"} {
			got := sqlRows(t, dir, countRows+final)
			if a, b := strings.Split(got, "\t"), strings.Split(want, "\t"); !slices.Equal(a[:3], b[:3]) {
				t.Errorf("run %d%s: got %s, want %s", i, final, got, want)
			}
		}
		if got := sqlRows(t, dir, outagesQuery); got != firstOutages || !strings.HasSuffix(got, fmt.Sprintf("\t%d", len(first))) {
			t.Errorf("run %d: outages hold %s, want %s and %d printed", i, got, firstOutages, len(first))
		}
		again := replay(t, dir, args...)
		if diff := cmp.Diff(first, again); diff != "" {
			t.Errorf("run %d (-first +again):\n%s", i, diff)
		}
	}
	code, _, errs := darkmap(t, "", slices.Concat([]string{"replay", "--data-dir", dir}, args[:len(args)-1])...)
	if code != exitUsage || !strings.Contains(errs, "--replace") {
		t.Errorf("other inputs into the dataset: exit %d, %s", code, errs)
	}
	if got := sqlRows(t, dir, countRows); !strings.HasPrefix(got, "123682\t13730") {
		t.Errorf("after the refusal: got %s", got)
	}
	replay(t, dir, slices.Concat([]string{"--replace"}, args[:len(args)-1])...)
	if got := sqlRows(t, dir, "SELECT countIf(type = 'announce'), countIf(type = 'withdraw') FROM route_changes"); got != "120341\t13451" {
		t.Errorf("replaced: got %s, want the first three files", got)
	}
}

// TestReplayOfBadInput damages one file of three. The others are read whole.
func TestReplayOfBadInput(t *testing.T) {
	t.Parallel()
	files := archives(t)
	b, err := os.ReadFile(files[2])
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(t.TempDir(), "cut.gz")
	if err := os.WriteFile(cut, b[:len(b)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := darkmap(t, "", slices.Concat([]string{"replay", "--format", "json", "--no-store", "--data-dir", t.TempDir()}, offline(t),
		[]string{files[0], cut, empty})...)
	if code != exitDamaged {
		t.Errorf("got exit %d, want %d:\n%s", code, exitDamaged, errs)
	}
	for _, want := range []string{cut, "offset", empty, "empty", "2 damaged parts"} {
		if !strings.Contains(errs, want) {
			t.Errorf("standard error lacks %q:\n%s", want, errs)
		}
	}
	if !strings.Contains(out, "41.204.1.0/24") {
		t.Errorf("the sound file's outages are missing:\n%s", out)
	}
}

// TestReplayOfUndecodable replays messages that are framed correctly and cannot be decoded. They
// are reported with file and offset, too.
func TestReplayOfUndecodable(t *testing.T) {
	t.Parallel()
	w, _ := darkWorld()
	wrong := mrttest.Update([]byte{33, 192, 0, 2, 0, 0}, nil, nil)
	for i := range 6 {
		w.Message(time.Duration(i)*time.Minute, w.Peers[0], wrong)
	}
	files := wholeFiles(w)
	got := replayCase(t, w, files)
	body := files[1].bytes
	place := fmt.Sprintf("c0.updates.mrt: record 2 at offset %d: ", 12+binary.BigEndian.Uint32(body[8:]))
	if got.code != exitDamaged || !strings.Contains(got.stderr, place) || !strings.Contains(got.stderr, "6 damaged parts") {
		t.Errorf("got exit %d, want %d, %q and six places:\n%s", got.code, exitDamaged, place, got.stderr)
	}
}

// TestDatasetNamesNoFolder: a dataset cannot name a folder other than its own.
func TestDatasetNamesNoFolder(t *testing.T) {
	t.Parallel()
	for _, name := range []string{".", "..", ".x", "a/b", "../x", ""} {
		if datasetName.MatchString(name) {
			t.Errorf("%q is taken for a dataset's name", name)
		}
	}
}

func TestReplayUsage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, page := filepath.Join(dir, "x"), filepath.Join(dir, "page")
	for path, content := range map[string]string{file: "", page: "<!DOCTYPE html>"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		args []string
		want string
	}{
		{[]string{filepath.Join(dir, "none")}, "no such file"},
		{[]string{}, "name files, or a time with --from and --to"},
		{[]string{"a b=" + file}, "letters, digits"},
		{[]string{"--asn", "x", file}, "AS number"},
		{[]string{"--country", "Korea", file}, "ISO 3166"},
		{[]string{"--country", "KP,Korea", file}, "--country Korea"},
		{[]string{"--from", "2014-12-23", "--to", "2014-12-22", file}, "ends before it begins"},
		{[]string{"--from", "yesterday", file}, "--from \"yesterday\" is not a time"},
		{[]string{"--prefix", "192.0.2.1/24", file}, "did you mean 192.0.2.0/24, or 192.0.2.1/32?"},
		{[]string{"--prefix", "192.0.2.0", "--more-specific", "--overlapping", file}, "can't be used together"},
		{[]string{"--overlapping", file}, "give a --prefix too"},
		{[]string{"--severity", "high", file}, "minor, moderate, major or total"},
		{[]string{"--family", "ipv5", file}, "ipv4"},
		{[]string{"--dataset", "live", file}, "name another"},
		{[]string{"--dataset", "demo-3", file}, "name another"},
		{[]string{"--dataset", "..", file}, "no dot first"},
		{[]string{"--dataset", "a/b", file}, "letters, digits"},
		{[]string{"--format", "xml", file}, "must be one of"},
		{[]string{"--set", "kafka.partition=3", file}, "unknown key kafka.partition"},
		{[]string{"--set", "kafka.partitions=0", file}, "kafka.partitions"},
		{[]string{file, "b=" + file, file}, "hold the same"},
		{[]string{"-", "b=-"}, "named twice"},
		{[]string{page}, page + ": it is a web page, not an MRT, RIS Live or BMP file"},
		{[]string{filepath.Join(dir, "*.gz")}, "nothing matches the pattern " + filepath.Join(dir, "*.gz")},
		{[]string{t.TempDir()}, "no capture is found"},
		{[]string{"-"}, "standard input: it is text, not an MRT, RIS Live or BMP file"},
	}
	for _, tt := range tests {
		code, _, errs := darkmap(t, "BGP", append([]string{"replay", "--no-store", "--data-dir", dir}, tt.args...)...)
		if code != exitUsage || !strings.Contains(errs, tt.want) {
			t.Errorf("replay %q: exit %d, %q; want %d with %q", tt.args, code, errs, exitUsage, tt.want)
		}
	}
}

// textOf returns an outage as text for people.
func textOf(t *testing.T, o bgp.Outage) string {
	t.Helper()
	b, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
