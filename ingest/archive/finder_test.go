package archive

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/config"
)

// TestDirectory checks that the archives' layouts are recognised, by project and collector.
func TestDirectory(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, name := range []string{
		"rrc00/2026.11/bview.20261124.0800.gz", "rrc00/2026.11/updates.20261124.1200.gz", "rrc00/2026.11/updates.20261124.1205.gz",
		"ris/rrc01/updates.20261124.1200.gz", "route-views3/bgpdata/2026.11/RIBS/rib.20261124.0800.bz2",
		"route-views3/bgpdata/2026.11/UPDATES/updates.20261124.1200.bz2", "bgpdata/2026.11/UPDATES/updates.20261124.1200.bz2",
		"route-views.amsix/updates.20261124.1200", "rrc00/2026.11/updates.20261124.1210.gz.part", "rrc00/readme.txt", "updates.20261124.1200.gz",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d := NewDirectory(root)
	for _, tt := range []struct {
		collector string
		kind      Kind
		want      string
	}{
		{"ris/rrc00", RIB, "rrc00/2026.11/bview.20261124.0800.gz 0s"},
		{"ris/rrc00", Updates, "rrc00/2026.11/updates.20261124.1200.gz 5m0s, rrc00/2026.11/updates.20261124.1205.gz 5m0s"},
		{"ris/rrc01", Updates, "ris/rrc01/updates.20261124.1200.gz 5m0s"},
		{"routeviews/route-views3", RIB, "route-views3/bgpdata/2026.11/RIBS/rib.20261124.0800.bz2 0s"},
		{"routeviews/route-views3", Updates, "route-views3/bgpdata/2026.11/UPDATES/updates.20261124.1200.bz2 15m0s"},
		{"routeviews/route-views2", Updates, "bgpdata/2026.11/UPDATES/updates.20261124.1200.bz2 15m0s"},
		{"routeviews/route-views.amsix", Updates, "route-views.amsix/updates.20261124.1200 15m0s"},
		{"ris/rrc02", Updates, ""},
	} {
		files, err := d.Find(t.Context(), tt.collector, tt.kind, noon.Add(-5*time.Hour), noon.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range files {
			rel, _ := filepath.Rel(root, f.URL)
			got = append(got, rel+" "+f.End.Sub(f.Begin).String())
		}
		if diff := cmp.Diff(tt.want, strings.Join(got, ", ")); diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", tt.collector, tt.kind, diff)
		}
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(root, link); err != nil {
		t.Fatal(err)
	}
	if files, err := NewDirectory(link).Find(t.Context(), "ris/rrc01", Updates, noon, noon); err != nil || len(files) != 1 {
		t.Errorf("behind a link: got %v, %v", files, err)
	}
	if _, err := NewDirectory(filepath.Join(root, "none")).Find(t.Context(), "ris/rrc00", RIB, noon, noon); err == nil {
		t.Error("a directory that is not there has files")
	}
}

// TestIndex checks that a list, on disk or fetched, leads to files, and that an unfinished line is
// left for the next time.
func TestIndex(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := strings.Join([]string{
		"# made by hand", "",
		"ris/rrc00\tupdates\t2026-11-24T12:00:00.5Z\t2026-11-24T12:00:10.5Z\tfiles/b.gz\t17\tmd5:00",
		"ris/rrc00\tupdates\t2026-11-24T11:59:50.5Z\t2026-11-24T12:00:00.5Z\tfiles/a.gz",
		"ris/rrc00\trib\t2026-11-24T12:00:00Z\t2026-11-24T12:00:00Z\thttps://192.0.2.1/r.gz",
		"ris/rrc01\trib\t2026-11-24T12:00:00Z\t2026-11-24T12:00:00Z\tx",
		"ris/rrc00\tupdates\t2026-11-24T12:00:10.5Z\t2026-11",
	}, "\n")
	if err := os.WriteFile(filepath.Join(dir, "index.tsv"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer server.Close()
	for at, base := range map[string]string{filepath.Join(dir, "index.tsv"): dir, server.URL + "/index.tsv": server.URL} {
		x := NewIndex(at, quick(t), nil)
		files, err := x.Find(t.Context(), "ris/rrc00", Updates, noon, noon.Add(time.Minute))
		if err != nil || len(files) != 2 || files[0].URL != base+"/files/a.gz" || files[1].Size != 17 || files[1].Checksum != "md5:00" || files[1].Begin.Nanosecond() != 5e8 {
			t.Errorf("%s: got %+v, %v", at, files, err)
		}
		ribs, err := x.Find(t.Context(), "ris/rrc00", RIB, noon, noon)
		if err != nil || len(ribs) != 1 || ribs[0].URL != "https://192.0.2.1/r.gz" {
			t.Errorf("%s: got %+v, %v", at, ribs, err)
		}
	}
	for _, bad := range []string{"one\n", "a\tb\tc\td\te\n", "ris/rrc00\trib\tnoon\t2026-11-24T12:00:00Z\tx\n", "ris/rrc00\trib\t2026-11-24T12:00:00Z\t2026-11-24T11:00:00Z\tx\n"} {
		if files, lines, err := parseIndex([]byte(bad), "index.tsv"); err != nil || len(files) > 0 || !strings.Contains(lines.String(), "line 1: ") {
			t.Errorf("%q: got %v, %v, %q; want that line 1 is bad", bad, files, err, lines.String())
		}
	}
}

// TestIndexWithBadLines checks that lines that cannot be read are logged once, with file and line,
// and the others are used. A list without a good line is refused.
func TestIndexWithBadLines(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "index.tsv")
	write := func(lines ...string) {
		if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const good = "ris/rrc00\trib\t2026-11-24T12:00:00Z\t2026-11-24T12:00:00Z\tx"
	var out strings.Builder
	x := NewIndex(path, quick(t), slog.New(slog.NewTextHandler(&out, nil)))
	find := func() int {
		t.Helper()
		files, err := x.Find(t.Context(), "ris/rrc00", RIB, noon, noon)
		if err != nil {
			t.Fatal(err)
		}
		return len(files)
	}
	write("bad", good, "worse\tthan", "3", "4", "5", "6", "7")
	if n := find() + find(); n != 2 {
		t.Errorf("got %d files in two searches, want 2", n)
	}
	said := out.String()
	if strings.Count(said, "\n") != 1 || !strings.Contains(said, path) || !strings.Contains(said, "lines=7") || !strings.Contains(said, "line 1: ") || !strings.Contains(said, "and 2 more") {
		t.Errorf("got %q, want one line that names the file, line 1 and 7 lines", said)
	}
	write(good, "other")
	if n := find(); n != 1 || !strings.Contains(out.String(), "line 2: ") {
		t.Errorf("got %d files and %q, want line 2 named", n, out.String())
	}
	write("<html>", "<body>")
	if _, err := x.Find(t.Context(), "ris/rrc00", RIB, noon, noon); err == nil || !strings.Contains(err.Error(), "line 1: ") {
		t.Errorf("no good line: got %v, want an error that names line 1", err)
	}
}

// TestConfig checks that all faults are reported at once.
func TestConfig(t *testing.T) {
	t.Parallel()
	cfg := DefaultConfig()
	if err := config.Validate(&cfg); err != nil {
		t.Error(err)
	}
	cfg.StallTimeout, cfg.Parallel, cfg.Broker = 0, 0, "ftp://x"
	err := config.Validate(&cfg)
	for _, want := range []string{"stall_timeout", "parallel", "broker"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s named", err, want)
		}
	}
}
