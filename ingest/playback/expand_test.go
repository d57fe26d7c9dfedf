package playback

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/mrttest"
)

// write creates files below dir, with their folders. If the content is nil, it is the file's name.
func write(t *testing.T, dir string, files map[string][]byte) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// layouts lists the collectors of the world, with the folder of their archive, the name of a
// table's file and the time between tables.
var layouts = []struct {
	name, folder, updates, table, kind string
	every                              time.Duration
}{
	{"rrc00", "rrc00/2014.12/", "", "", "bview.", 8 * time.Hour},
	{"rrc21", "rrc21/2014.12/", "", "", "bview.", 8 * time.Hour},
	{"route-views2", "route-views2/bgpdata/2014.12/", "UPDATES/", "RIBS/", "rib.", 2 * time.Hour},
}

// archiveOf writes ten hours of three collectors in the layouts of RIS and RouteViews. It returns
// the files as they would be named by hand.
func archiveOf(t *testing.T, dir string) (byHand []string) {
	t.Helper()
	start := time.Date(2014, 12, 22, 0, 0, 0, 0, time.UTC)
	w := mrttest.NewWorld(start, len(layouts), 3, mrttest.Background(20))
	w.Churn(0, 10*time.Hour, 10*time.Minute, w.Peers, w.Routes)
	w.Withdraw(5*time.Hour, w.Peers, mrttest.Prefixes(w.Routes[:2])...)
	files := map[string][]byte{}
	for i, l := range layouts {
		collector := w.Collectors()[i]
		for at := time.Duration(0); at < 10*time.Hour; at += time.Hour {
			stamp := start.Add(at).Format("20060102.1504")
			name := l.folder + l.updates + "updates." + stamp
			files[name] = w.Updates(collector, at, at+time.Hour)
			byHand = append(byHand, l.name+"="+filepath.Join(dir, name))
			if at%l.every == 0 {
				name = l.folder + l.table + l.kind + stamp
				files[name] = w.Table(collector, at, nil)
				byHand = append(byHand, l.name+"="+filepath.Join(dir, name))
			}
		}
	}
	write(t, dir, files)
	return byHand
}

// TestFolderEqualsFilesByHand plays a copy of the archives by its folder, by patterns and by each
// file. The records are the same.
func TestFolderEqualsFilesByHand(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "files")
	byHand := archiveOf(t, dir)
	write(t, dir, map[string][]byte{
		"rrc00/2014.12/updates.20141222.0100.part": []byte("x"), "rrc00/index.html": []byte("x"), "README": []byte("x"),
		"rrc00/2014.12/.updates.20141222.0000.Xyz": []byte("x"), "rrc00/2014.12/md5sum.txt": []byte("x"), ".git/x": []byte("x"),
		"geo.csv": []byte("192.0.2.0/24,DE\n"),
	})
	for link, to := range map[string]string{"rrc00/latest-bview": "2014.12/bview.20141222.0800", "again": "rrc21", "rrc21/up": "..", "none": "nowhere"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	of := func(args ...string) ([]string, string) {
		inputs, err := Expand(args)
		if err != nil {
			t.Fatalf("%q: %v", args, err)
		}
		notes := inputs.Notes
		plan, records, damages := play(t, inputs.Files...)
		if len(damages) > 0 {
			t.Fatalf("%q: %v", args, damages)
		}
		var out []string
		for _, r := range records {
			out = append(out, r.String())
		}
		t.Log(slices.Concat(notes, plan.Notes))
		return out, strings.Join(notes, "\n")
	}
	want, notes := of(byHand...)
	if len(want) < 1000 || notes != "" {
		t.Fatalf("got %d records, notes %q", len(want), notes)
	}
	got, notes := of(dir)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the folder: %s", diff)
	}
	wantNotes := fmt.Sprintf("%s: 39 files: 15 of file/route-views2, 12 of file/rrc00, 12 of file/rrc21; left out: 2 hidden (.git, .updates.20141222.0000.Xyz); "+
		"1 not complete (.part, .tmp) (updates.20141222.0100.part); 3 checksums, indexes or texts (README, md5sum.txt, index.html); "+
		"1 no MRT, RIS Live or BMP (geo.csv); 1 links to nothing (none)", dir)
	if notes != wantNotes {
		t.Errorf("got notes\n%s\nwant\n%s", notes, wantNotes)
	}
	for _, args := range [][]string{
		{filepath.Join(dir, "r*")},
		{"rrc00=" + filepath.Join(dir, "rrc00"), filepath.Join(dir, "rrc21/2014.12"), filepath.Join(dir, "route-views2/bgpdata/2014.12/[RU]*")},
	} {
		if got, _ := of(args...); !slices.Equal(want, got) {
			t.Errorf("%q: got other records than by hand", args)
		}
	}
}

func TestExpandCollectors(t *testing.T) {
	t.Parallel()
	const updates = "updates.20141222.0000.gz"
	for path, want := range map[string]string{
		"a/" + updates: "file/a", updates: "file/local", "2014.12/" + updates: "file/local", "rrc03/x/" + updates: "file/rrc03",
		"bgpdata/2014.12/UPDATES/" + updates: "file/route-views2", "archive.routeviews.org/bgpdata/2014.12/UPDATES/" + updates: "file/route-views2",
		"amsix.ams/bgpdata/2014.12/RIBS/rib.20141222.0000.bz2": "file/amsix.ams", "data.ris.ripe.net/rrc11/2014.12/" + updates: "file/rrc11",
		"c0.updates.mrt.gz": "file/c0", "ris.rrc06.updates.1427846400.gz": "file/rrc06", "route-views.sg.rib.mrt": "file/route-views.sg",
	} {
		f := found{root: "/data/copy", path: filepath.Join("/data/copy", path)}
		if got := f.collector(); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
	f := found{root: "/data/rrc05/2014.12", path: "/data/rrc05/2014.12/" + updates}
	if got := f.collector(); got != "file/rrc05" {
		t.Errorf("a folder below the collector's: got %s", got)
	}
	dir := t.TempDir()
	for name, want := range map[string]string{"rrc05/2014.12/" + updates: "file/rrc05", "rrc05/x.mrt": "file/local", "a/" + updates: "file/local"} {
		write(t, dir, map[string][]byte{name: nil})
		inputs, err := Expand([]string{filepath.Join(dir, name)})
		if err != nil || inputs.Files[0].Collector != want || inputs.Files[0].Named {
			t.Errorf("%s: got %v, %v, want %s", name, inputs, err, want)
		}
	}
}

func TestExpandRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string][]byte{"only/README": []byte("x"), "only/a.tmp": []byte("x")})
	if err := os.Mkdir(filepath.Join(dir, "empty"), 0o700); err != nil {
		t.Fatal(err)
	}
	for arg, want := range map[string]string{
		filepath.Join(dir, "empty"):    "empty: no capture is found",
		filepath.Join(dir, "only"):     "only: no capture is found; left out: 1 not complete (.part, .tmp) (a.tmp); 1 checksums, indexes or texts (README)",
		filepath.Join(dir, "*.gz"):     "no capture is found: nothing matches the pattern " + filepath.Join(dir, "*.gz"),
		"x=" + filepath.Join(dir, "?"): "nothing matches the pattern",
	} {
		if _, err := Expand([]string{arg}); !errors.Is(err, ErrNoFiles) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", arg, err, want)
		}
	}
	if err := errors.Join(os.Symlink("nowhere", filepath.Join(dir, "dangling")), os.Symlink("loop", filepath.Join(dir, "loop"))); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"[": "the pattern has a [ without its ]", "none.gz": "none.gz cannot be read: no such file", "dangling": "dangling cannot be read: no such file", "loop": "loop cannot be read: too many",
	} {
		if _, err := Expand([]string{filepath.Join(dir, name)}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
}

// TestUnreadable checks that a file without read permission in a folder is left out by name, and
// refused if it was named itself.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	dir := t.TempDir()
	const updates = "rrc00/2014.12/updates.20141222.0000.gz"
	write(t, dir, map[string][]byte{updates: []byte("x"), "closed/a": []byte("x"), "b.gz": []byte("x"), "updates.20141222.0005.gz": []byte("x")})
	for _, name := range []string{"closed", "b.gz", "updates.20141222.0005.gz"} {
		if err := os.Chmod(filepath.Join(dir, name), 0); err != nil {
			t.Fatal(err)
		}
		if _, err := Expand([]string{filepath.Join(dir, name)}); err == nil || !strings.Contains(err.Error(), name+" cannot be read: permission denied") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(dir, "closed"), 0o700) })
	in, err := Expand([]string{dir})
	if err != nil || len(in.Files) != 1 || in.Unread != 3 || !strings.Contains(in.Notes[0], "left out: 3 that cannot be read (b.gz, closed, updates.20141222.0005.gz)") {
		t.Errorf("got %+v, %v", in, err)
	}
}

// TestOtherFormats checks that files other than captures are left out, with a note on their kind.
func TestOtherFormats(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := mrttest.NewWorld(time.Date(2014, 12, 22, 0, 0, 0, 0, time.UTC), 1, 1, mrttest.Background(4))
	w.Churn(0, time.Hour, time.Minute, w.Peers, w.Routes)
	write(t, dir, map[string][]byte{
		"pcap": append([]byte("\xd4\xc3\xb2\xa1\x02\x00\x04\x00"), w.Updates("c0", 0, time.Hour)...), "page": []byte("<!DOCTYPE html><html>"),
		"mrt": w.Updates("c0", 0, time.Hour),
	})
	in := func(names ...string) (inputs []Input) {
		for _, n := range names {
			inputs = append(inputs, Input{Collector: "file/a", Path: filepath.Join(dir, n), Title: n})
		}
		return inputs
	}
	plan, err := NewPlan(t.Context(), in("pcap", "mrt"))
	if err != nil || plan.LeftOut != 1 || len(plan.Notes) != 1 || plan.Notes[0] != "pcap is left out: it is a pcap capture of network packets, not an MRT, RIS Live or BMP file" {
		t.Errorf("got %v, %+v", err, plan)
	}
	if _, err := NewPlan(t.Context(), in("pcap")); err == nil || err.Error() != "pcap: it is a pcap capture of network packets, not an MRT, RIS Live or BMP file" {
		t.Errorf("alone: got %v", err)
	}
	if _, err := NewPlan(t.Context(), in("pcap", "page")); !errors.Is(err, ErrNoCapture) {
		t.Errorf("two: got %v", err)
	}
}

// TestOtherTimes checks that collectors that cover another time than the rest are named.
func TestOtherTimes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := mrttest.NewWorld(time.Date(2014, 12, 22, 0, 0, 0, 0, time.UTC), 1, 1, mrttest.Background(4))
	w.Churn(0, 40*time.Hour, time.Minute, w.Peers, w.Routes)
	part := func(from, to int) []byte {
		return w.Updates("c0", time.Duration(from)*time.Hour, time.Duration(to)*time.Hour)
	}
	write(t, dir, map[string][]byte{"a": part(0, 10), "b": part(1, 9), "c": part(2, 3), "d": part(30, 31)})
	notes := func(names ...string) string {
		var inputs []Input
		for _, n := range names {
			inputs = append(inputs, Input{Collector: "file/" + n, Path: filepath.Join(dir, n), Title: n})
		}
		plan, err := NewPlan(t.Context(), inputs)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(plan.Notes, "\n")
	}
	for names, want := range map[string]string{
		"a b": "",
		"a c": "file/c covers a part of the time only: c is from 2014-12-22T02:00:00Z to 2014-12-22T02:59:00Z; all files together are from 2014-12-22T00:00:00Z to 2014-12-22T09:59:00Z. Outside of its part it counts as down",
		"b d": "file/b shares no time with the other collectors: b is from 2014-12-22T01:00:00Z to 2014-12-22T08:59:00Z. The nearest is file/d: d is from 2014-12-23T06:00:00Z to 2014-12-23T06:59:00Z. Neither confirms what the other tells",
	} {
		if got := notes(strings.Fields(names)...); got != want {
			t.Errorf("%s: got %q, want %q", names, got, want)
		}
	}
}
