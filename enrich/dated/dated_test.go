package dated

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/enrich/geo"
)

// tree writes files below a new folder, by path.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const (
	delegated = "2|ripencc|20220223|1|19830705|20220223|+0100\nripencc|UA|ipv4|192.0.2.0|256|20200101|allocated|x\n"
	names     = "64496 ONE\n64497 TWO\n"
	origins   = "192.0.2.0/24\t64496\n"
)

func at(text string) time.Time {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return t
}

// chosen formats a choice: day and base names of both kinds.
func chosen(c Choice) string {
	text := func(s Set, paths ...string) string {
		for i := range paths {
			paths[i] = filepath.Base(paths[i])
		}
		day := "-"
		if !s.Day.IsZero() {
			day = dayText(s.Day)
		}
		return day + " " + strings.Join(paths, ",")
	}
	var p []string
	for _, f := range c.Places.Places {
		p = append(p, strings.TrimSuffix(f.Path+":"+string(f.Kind), ":"))
	}
	return text(c.Places, p...) + " | " + text(c.Owners, c.Owners.Owners...)
}

func TestChoose(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string]string{
		"2022-02-24/delegated-ripencc": delegated, "2022-02-24/README.txt": "about", "2022-02-24/delegated-ripencc.md5": "0", "2022-02-24/whois/more.csv": "198.51.100.0,198.51.100.255,PL\n",
		"2021-12-01/names": names, "2021-12-01/origins.dat": origins, "delegated-ripencc-extended-20260110": delegated, "names_2026-01-10.txt": names, "notes": "x", ".fetch-1/2020-01-01": "x",
	})
	listed := Data{Owners: []string{filepath.Join(tree(t, map[string]string{"own": names}), "own")}}
	base := Inputs{
		Dir: dir, Configured: true, DefaultDay: at("2026-06-17"),
		DefaultPlaces: func() (d Data) { return }, DefaultOwners: func() Data { return Data{Owners: []string{"/default"}} },
	}
	for name, tt := range map[string]struct {
		change func(*Inputs)
		at     time.Time
		want   string
	}{
		"the day itself":                  {nil, at("2022-02-24"), "2022-02-24 delegated-ripencc,more.csv:whois | 2021-12-01 names,origins.dat"},
		"the last moment before a day":    {nil, at("2022-02-24").Add(-1), "2022-02-24 delegated-ripencc,more.csv:whois | 2021-12-01 names,origins.dat"},
		"between two":                     {nil, at("2024-01-01"), "2022-02-24 delegated-ripencc,more.csv:whois | 2021-12-01 names,origins.dat"},
		"files of a day in the folder":    {nil, at("2026-01-10"), "2026-01-10 delegated-ripencc-extended-20260110 | 2026-01-10 names_2026-01-10.txt"},
		"only newer ones: the nearest":    {nil, at("2014-01-01"), "2022-02-24 delegated-ripencc,more.csv:whois | 2021-12-01 names,origins.dat"},
		"the present":                     {nil, time.Time{}, "2026-01-10 delegated-ripencc-extended-20260110 | 2026-01-10 names_2026-01-10.txt"},
		"a list without a day, a replay":  {func(in *Inputs) { in.Listed = listed }, at("2024-01-01"), "2022-02-24 delegated-ripencc,more.csv:whois | 2021-12-01 names,origins.dat"},
		"a list without a day, now":       {func(in *Inputs) { in.Listed = listed }, time.Time{}, "2026-01-10 delegated-ripencc-extended-20260110 | - own"},
		"a list, and no configured dir":   {func(in *Inputs) { in.Listed, in.Configured = listed, false }, at("2024-01-01"), "2022-02-24 delegated-ripencc,more.csv:whois | - own"},
		"default data of the present":     {func(in *Inputs) { in.Configured = false }, time.Time{}, "2026-01-10 delegated-ripencc-extended-20260110 | 2026-06-17 default"},
		"default data, no folder":         {func(in *Inputs) { in.Configured, in.Dir = false, "/none" }, at("2024-01-01"), "-  | 2026-06-17 default"},
		"the folder's files before those": {func(in *Inputs) { in.Configured = false }, at("2022-03-01"), "2022-02-24 delegated-ripencc,more.csv:whois | 2021-12-01 names,origins.dat"},
	} {
		in := base
		if tt.change != nil {
			tt.change(&in)
		}
		c, err := Choose(in, tt.at)
		if got := chosen(c); err != nil || got != tt.want {
			t.Errorf("%s: got %s, %v; want %s", name, got, err, tt.want)
		}
		if in.Configured && !strings.Contains(strings.Join(c.Notes, "\n"), "notes") {
			t.Errorf("%s: %q does not say that notes is left out", name, c.Notes)
		}
	}
}

func TestSays(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string]string{"2022-02-24/delegated": delegated, "2022-02-24/names": names, "2026-01-10/delegated": delegated, "2026-01-10/names": names})
	in := Inputs{Dir: dir, Configured: true}
	says := func(in Inputs, begin, end string) string {
		t.Helper()
		c, err := Choose(in, at(begin))
		if err != nil {
			t.Fatal(err)
		}
		return strings.ReplaceAll(strings.Join(c.Says(at(begin), at(end)), "\n"), dir, "DIR")
	}
	for _, tt := range []struct{ begin, end, want string }{
		{"2022-02-24", "2022-02-25", "the geography and the AS data are those of 2022-02-24 (DIR/2022-02-24)"},
		{"2022-12-01", "2026-02-01", "the geography and the AS data are those of 2022-02-24 (DIR/2022-02-24)\n" +
			"the snapshot of 2026-01-10 comes into force within these files and is not used: a replay has one geography, so that no outage is one of the files' change"},
		{"2018-02-24", "2022-03-01", "warning: the files begin on 2018-02-24, the geography and the AS data are of 2022-02-24 (DIR/2022-02-24), 4.0 years later. " +
			"Space counts for the country that it was in then: of Ukraine's, 14 % changed its country between 2022 and 2026. " +
			"`darkmap fetch --geo-date 2018-02-24` brings the delegations of the day"},
		{"2025-02-24", "2025-02-25", "warning: the files begin on 2025-02-24, the geography and the AS data are of 2022-02-24 (DIR/2022-02-24), 3.0 years earlier. " +
			"Space counts for the country that it was in then: of Ukraine's, 14 % changed its country between 2022 and 2026. " +
			"`darkmap fetch --geo-date 2025-02-24` brings the delegations of the day"},
		{"2022-02-20", "2022-02-21", "the geography and the AS data are those of 2022-02-24 (DIR/2022-02-24)"},
	} {
		if diff := cmp.Diff(tt.want, says(in, tt.begin, tt.end)); diff != "" {
			t.Errorf("%s to %s (-want +got):\n%s", tt.begin, tt.end, diff)
		}
	}
	none := Inputs{DefaultDay: at("2026-06-17"), DefaultPlaces: func() Data { return Data{} }, DefaultOwners: func() Data { return Data{Owners: []string{"/x"}} }}
	if got := says(none, "2026-03-01", "2026-03-02"); got != "warning: the files begin on 2026-03-01, the AS data are of 2026-06-17 (the default data), 108 days later: names and owners are those of that day" {
		t.Errorf("of default data: got %q", got)
	}
	list := filepath.Join(dir, "2026-01-10", "delegated")
	listed := Inputs{Listed: Data{Places: []geo.File{{Path: list}}}, DefaultOwners: func() Data { return Data{} }}
	if got := says(listed, "2014-01-01", "2014-01-02"); !strings.Contains(got, "(enrich.geo.files), 8.1 years later") || !strings.Contains(got, "if enrich.snapshots.directory names their folder") {
		t.Errorf("of a list: got %q", got)
	}
}

// TestApart checks that origins of a later time decide no place.
func TestApart(t *testing.T) {
	t.Parallel()
	in := Inputs{Dir: tree(t, map[string]string{"2022-02-24/delegated": delegated, "2026-01-10/names": names}), Configured: true}
	for day, want := range map[string]bool{"2022-02-24": true, "2026-01-10": false, "2014-01-01": false} {
		if c, err := Choose(in, at(day)); err != nil || c.Apart() != want {
			t.Errorf("%s: got %t, %v; want %t", day, c.Apart(), err, want)
		}
	}
}

func TestWrongSnapshots(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		files map[string]string
		want  []string
	}{
		"no snapshot":        {map[string]string{"a/b": delegated}, []string{"no usable data in", "one day in its name, as 2022-02-24, and no name there has one: a"}},
		"wrong dates":        {map[string]string{"2022-02-30/b": delegated, "20221301": delegated, "2022-02-24_2022-02-25": delegated}, []string{"no name there has one: 2022-02-24_2022-02-25, 2022-02-30, 20221301"}},
		"an empty folder":    {map[string]string{"2022-02-24/README": "x"}, []string{"snapshot of 2022-02-24", "holds no file of locations or AS data"}},
		"an empty file":      {map[string]string{"2022-02-24/delegated": ""}, []string{"2022-02-24/delegated", "empty file"}},
		"a page of an error": {map[string]string{"2022-02-24/delegated": "<html>not found</html>\n"}, []string{"2022-02-24/delegated", "not a known form"}},
		"a cut packed file":  {map[string]string{"2022-02-24/x.gz": "\x1f\x8b\x08\x00\x00\x00\x00\x00"}, []string{"2022-02-24/x.gz", "damaged"}},
	} {
		_, err := Choose(Inputs{Dir: tree(t, tt.files), Configured: true}, at("2022-02-24"))
		for _, want := range tt.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want it to say %q", name, err, want)
			}
		}
	}
	if _, err := Choose(Inputs{Dir: "/no/such/folder", Configured: true}, time.Time{}); err == nil || !strings.Contains(err.Error(), "/no/such/folder") {
		t.Errorf("a folder that is not there: got %v", err)
	}
	if _, err := Choose(Inputs{Dir: t.TempDir(), Configured: true}, time.Time{}); !errors.Is(err, ErrEmpty) || !strings.Contains(err.Error(), "the folder is empty") {
		t.Errorf("an empty folder of snapshots: got %v", err)
	}
	// A damaged snapshot that is not in force is reported and skipped.
	in := Inputs{Dir: tree(t, map[string]string{"2022-02-24/delegated": delegated, "2021-01-01/x": "<html>", "2020-01-01/names": names}), Configured: true}
	c, err := Choose(in, at("2022-02-24"))
	if err != nil || dayText(c.Owners.Day) != "2020-01-01" || !strings.Contains(strings.Join(c.Notes, "\n"), "2021-01-01/x") {
		t.Errorf("got %s, %q, %v; want owners of 2020 and a note on 2021", chosen(c), c.Notes, err)
	}
}

// TestFuture checks a choice for the present: a snapshot of a future day is reported and left out
// until that day. A replay does not read the clock.
func TestFuture(t *testing.T) {
	t.Parallel()
	now := at("2026-01-01")
	in := Inputs{Dir: tree(t, map[string]string{"2026-01-02/delegated": delegated, "2026-01-02/names": names}), Configured: true, Now: func() time.Time { return now }}
	if _, err := Choose(in, time.Time{}); !errors.Is(err, ErrEmpty) || !strings.Contains(err.Error(), "2026-01-02") || !strings.Contains(err.Error(), "future") {
		t.Errorf("nothing else: got %v", err)
	}
	if c, err := Choose(in, at("2025-12-31")); err != nil || dayText(c.Places.Day) != "2026-01-02" || len(c.Notes) > 0 {
		t.Errorf("a replay: got %s, %q, %v", chosen(c), c.Notes, err)
	}
	if err := errors.Join(os.WriteFile(filepath.Join(in.Dir, "delegated-20250101"), []byte(delegated), 0o600), os.WriteFile(filepath.Join(in.Dir, "names-20250101"), []byte(names), 0o600)); err != nil {
		t.Fatal(err)
	}
	c, err := Choose(in, time.Time{})
	if err != nil || dayText(c.Places.Day) != "2025-01-01" || len(c.Notes) != 1 || !strings.Contains(c.Notes[0], "2026-01-02") {
		t.Fatalf("the day before: got %s, %q, %v", chosen(c), c.Notes, err)
	}
	next := Follow(in, c)
	now = now.AddDate(0, 0, 1)
	_, first := next()
	if c, err := next(); errors.Join(first, err) != nil || dayText(c.Places.Day) != "2026-01-02" || len(c.Notes) > 0 {
		t.Errorf("on the day: got %s, %q, %v", chosen(c), c.Notes, err)
	}
}

// TestFollow checks that a new newest snapshot is used, and that an unusable one is reported once.
func TestFollow(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string]string{"2022-02-24/delegated": delegated, "2022-02-24/names": names})
	in := Inputs{Dir: dir, Configured: true}
	first, err := Choose(in, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	next := Follow(in, first)
	step := func(want string, wantErr bool) {
		t.Helper()
		if c, err := next(); dayText(c.Places.Day) != want || (err != nil) != wantErr {
			t.Errorf("got %s, %v; want %s, error %t", dayText(c.Places.Day), err, want, wantErr)
		}
	}
	step("2022-02-24", false)
	write := func(name, content string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	write("delegated-20260101", delegated)
	step("2022-02-24", false)
	step("2026-01-01", false)
	write("delegated-20260102", "<html>")
	step("2026-01-01", false)
	step("2026-01-01", true)
	step("2026-01-01", false)
	// The bad file is replaced, and a folder is filled file by file. It is used once no more files
	// arrive.
	write("delegated-20260102", delegated)
	step("2026-01-01", false)
	step("2026-01-02", false)
	write("2026-01-03/README", "x")
	write("2026-01-03/a", delegated)
	step("2026-01-02", false)
	write("2026-01-03/b", delegated)
	step("2026-01-02", false)
	step("2026-01-03", false)
	write("2026-01-03/c", delegated)
	step("2026-01-03", false)
	if c, err := next(); err != nil || len(c.Places.Places) != 3 {
		t.Errorf("got %v, %v; want three files", c.Places, err)
	}
	if err := os.Rename(dir, dir+"-away"); err != nil {
		t.Fatal(err)
	}
	step("2026-01-03", false)
	step("2026-01-03", true)
	step("2026-01-03", false)
}

// TestBring checks that Bring fetches one file of each source, of the day or an earlier day,
// completely or not at all, and only once.
func TestBring(t *testing.T) {
	t.Parallel()
	server := map[string]string{
		"http://a/2022/d-20220224": delegated, "http://b/old/d-20220222": delegated, "http://b/new/d-20220225": delegated,
	}
	from := t.TempDir()
	asked, discarded := 0, 0
	get := func(_ context.Context, url string) (string, func(), error) {
		asked++
		content, ok := server[url]
		if !ok {
			return "", nil, fmt.Errorf("%s: %w", url, ErrNotFound)
		}
		path := filepath.Join(from, fmt.Sprint(asked))
		return path, func() { discarded++ }, os.WriteFile(path, []byte(content), 0o600)
	}
	sources := []Source{{Name: "a", URLs: []string{"http://a/{yyyy}/d-{yyyymmdd}"}}, {Name: "b", URLs: []string{"http://b/new/d-{yyyymmdd}", "http://b/old/d-{yyyy}{mm}{dd}"}}}
	dir := filepath.Join(t.TempDir(), "snapshots")
	var said []string
	bring := func(sources ...Source) (string, error) {
		said = nil
		return Bring(t.Context(), dir, at("2022-02-24"), sources, get, func(s string) { said = append(said, s) })
	}
	broken := Source{Name: "c", URLs: []string{"http://c/{yyyymmdd}"}}
	if _, err := bring(append(sources, broken)...); err == nil || !strings.Contains(err.Error(), "c: no file of 2022-02-24 or of the 7 days before, asked for http://c/20220224") {
		t.Errorf("a source without a file: got %v", err)
	}
	server["http://c/20220224"] = "<html>sorry</html>\n"
	if _, err := bring(append(sources, broken)...); err == nil || !strings.Contains(err.Error(), "http://c/20220224") || discarded != 1 {
		t.Errorf("a page instead of a file: got %v, %d discarded", err, discarded)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	path, err := bring(sources...)
	if err != nil || filepath.Base(path) != "2022-02-24" || len(said) != 1 || said[0] != "b has no file of 2022-02-24: that of 2022-02-22 is taken" || discarded != 3 {
		t.Fatalf("got %s, %v, %q, %d discarded", path, err, said, discarded)
	}
	if c, err := Choose(Inputs{Dir: dir, Configured: true, DefaultOwners: func() Data { return Data{} }}, at("2022-02-25")); err != nil || len(c.Places.Places) != 2 {
		t.Errorf("got %v, %v; want two files of the day", c.Places, err)
	}
	before := asked
	if again, err := bring(sources...); err != nil || again != path || asked != before || !strings.Contains(said[0], "is here already") {
		t.Errorf("again: got %s, %v, %d requests, %q", again, err, asked-before, said)
	}
}
