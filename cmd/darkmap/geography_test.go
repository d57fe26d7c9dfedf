package main

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/mrttest"
)

// TestGeographyOfTheDay: four prefixes went dark in 2022. They were North Korea's then, and are
// Russia's in the data of 2026. A replay uses the snapshot of 2022 if it exists. Without it the
// replay uses that of 2026, and one warning names the number of years between.
func TestGeographyOfTheDay(t *testing.T) {
	t.Parallel()
	start := time.Date(2022, 2, 24, 0, 0, 0, 0, time.UTC)
	background, kp := mrttest.Background(300), mrttest.KP()
	w := mrttest.NewWorld(start, 3, 8, slices.Concat(background, kp))
	w.Churn(0, 3*time.Hour, 2*time.Minute, w.Peers, background)
	awayAndBack(w, kp)
	dir := filepath.Join(t.TempDir(), "snapshots")
	snapshot := func(day, country string) {
		t.Helper()
		folder := filepath.Join(dir, day)
		places := strings.ReplaceAll(string(w.Geo()), ",KP", ","+country)
		if err := errors.Join(os.MkdirAll(folder, 0o700), os.WriteFile(filepath.Join(folder, "places.csv"), []byte(places), 0o600),
			os.WriteFile(filepath.Join(folder, "origins.csv"), w.Origins(), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	check := func(country, other string, says ...string) {
		t.Helper()
		got := replayCase(t, w, wholeFiles(w), "--set", "enrich.snapshots.directory="+dir)
		if got.code != 0 || len(got.of(bgp.EntityCountry, country)) != 1 || len(got.of(bgp.EntityCountry, other)) != 0 {
			t.Errorf("exit %d, %d outages of %s, %d of %s; want 0, 1, 0\n%s", got.code, len(got.of(bgp.EntityCountry, country)), country, len(got.of(bgp.EntityCountry, other)), other, got.stderr)
		}
		for _, s := range says {
			if strings.Count(got.stderr, s) != 1 {
				t.Errorf("got\n%s, want it to say once %q", got.stderr, s)
			}
		}
		if warned := strings.Contains(got.stderr, "years later"); warned != (country == "RU") {
			t.Errorf("warned %t\n%s", warned, got.stderr)
		}
	}
	snapshot("2026-01-10", "RU")
	check("RU", "KP", "the files begin on 2022-02-24, the geography and the AS data are of 2026-01-10 ("+filepath.Join(dir, "2026-01-10")+"), 3.9 years later")
	snapshot("2022-02-24", "KP")
	check("KP", "RU", "the geography and the AS data are those of 2022-02-24 ("+filepath.Join(dir, "2022-02-24")+")", "enrich.geo.files is not read")
}

// TestFetchGeography fetches the delegations of a day from a local server. The second time it
// fetches nothing.
func TestFetchGeography(t *testing.T) {
	t.Parallel()
	requests := make(chan string, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests <- r.URL.Path
		if r.URL.Path != "/2022/delegated-x-20220223" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte("2|x|20220223|1|19830705|20220223|+0100\nx|UA|ipv4|192.0.2.0|256|20200101|allocated\n"))
	}))
	t.Cleanup(server.Close)
	dir := filepath.Join(t.TempDir(), "snapshots")
	fetch := func(args ...string) (int, string, string) {
		return darkmap(t, "", append([]string{"fetch", "--cache-dir", t.TempDir(), "--set", "enrich.snapshots.directory=" + dir}, args...)...)
	}
	source := "enrich.snapshots.sources=[{name: x, urls: ['" + server.URL + "/{yyyy}/delegated-x-{yyyymmdd}']}]"
	code, out, errs := fetch("--geo-date", "2022-02-24", "--set", source)
	if code != 0 || out != "geography\t2022-02-24\t"+filepath.Join(dir, "2022-02-24")+"\n" || !strings.Contains(errs, "x has no file of 2022-02-24: that of 2022-02-23 is taken") {
		t.Fatalf("exit %d, %q\n%s", code, out, errs)
	}
	asked := len(requests)
	if code, out, errs := fetch("--geo-date", "2022-02-24", "--set", source); code != 0 || len(requests) != asked || !strings.Contains(errs, "is here already") {
		t.Errorf("again: exit %d, %q, %d requests more\n%s", code, out, len(requests)-asked, errs)
	}
	for _, tt := range []struct {
		date, want string
		code       int
	}{
		{"2010-01-01", "x: no file of 2010-01-01 or of the 7 days before", exitFailed},
		{"2022", "want a day, as 2022-02-24", exitUsage},
		{"2999-01-01", "the day lies in the future", exitUsage},
	} {
		if code, out, errs := fetch("--geo-date", tt.date, "--set", source); code != tt.code || out != "" || !strings.Contains(errs, tt.want) {
			t.Errorf("%s: exit %d, %q\n%s; want %d and %q", tt.date, code, out, errs, tt.code, tt.want)
		}
	}
}
