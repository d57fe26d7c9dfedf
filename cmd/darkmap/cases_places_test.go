package main

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/mrttest"
)

// TestCaseSixToFour: 2002::/16 is away for 40 minutes. It is no address space of any network (RFC
// 3056), and larger than all other prefixes. The prefix has an event; its origin and the world have
// none. The loss of another prefix is an outage of its AS.
func TestCaseSixToFour(t *testing.T) {
	t.Parallel()
	var background []mrttest.Route
	for i := range 50 {
		p := netip.MustParsePrefix(fmt.Sprintf("2a00:%x::/32", i+1))
		background = append(background, mrttest.Route{Prefix: p, Via: 3000, Origin: bgp.ASN(20000 + i/5), Country: "DE"})
	}
	six := mrttest.Route{Prefix: netip.MustParsePrefix("2002::/16"), Via: 3001, Origin: 6939}
	other := mrttest.Route{Prefix: netip.MustParsePrefix("2a01:1::/32"), Via: 3001, Origin: 6939, Country: "US"}
	w := mrttest.NewWorld(caseStart, 3, 4, slices.Concat(background, []mrttest.Route{six, other}))
	w.Churn(0, 3*time.Hour, 2*time.Minute, w.Peers, background)
	w.Withdraw(30*time.Minute, w.Peers, six.Prefix)
	w.Announce(70*time.Minute, w.Peers, six)
	w.Withdraw(2*time.Hour, w.Peers, other.Prefix)
	got := replayCase(t, w, wholeFiles(w))
	if got.code != 0 || len(got.of(bgp.EntityPrefix, "2002::/16")) != 1 {
		t.Fatalf("got exit %d and %d outages, want 0 and one of 2002::/16:\n%s", got.code, len(got.outages), got.stderr)
	}
	if world := got.of(bgp.EntityWorld, "world"); len(world) != 0 {
		t.Errorf("got %q, want no outage of the world", world[0].Headline)
	}
	as := got.of(bgp.EntityAS, "AS6939")
	if len(as) != 1 || as[0].Start.Sub(caseStart).Round(time.Minute) != 2*time.Hour || as[0].Severity != bgp.SeverityTotal {
		t.Errorf("got %v of AS6939, want one total outage from 2h on", as)
	}
}

// TestCaseSmallPanel: three routers know 40 prefixes of a country that has a hundred times as many,
// and all four prefixes of another country. The loss in the first country makes events of the known
// prefixes and networks alone. The loss in the second is a country's outage.
func TestCaseSmallPanel(t *testing.T) {
	t.Parallel()
	known, kp := mrttest.Background(40), mrttest.KP()
	w := mrttest.NewWorld(caseStart, 3, 4, slices.Concat(known, kp))
	w.Churn(0, 4*time.Hour, 2*time.Minute, w.Peers, known)
	w.Withdraw(time.Hour, w.Peers, mrttest.Prefixes(known[:20])...)
	w.Announce(90*time.Minute, w.Peers, known[:20]...)
	w.Withdraw(2*time.Hour, w.Peers, mrttest.Prefixes(kp)...)
	w.Announce(150*time.Minute, w.Peers, kp...)
	places := filepath.Join(t.TempDir(), "geo.csv")
	if err := os.WriteFile(places, append(w.Geo(), "20.0.0.0,20.15.255.255,DE\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	got := replayCase(t, w, wholeFiles(w), "--set", "enrich.geo.files=["+places+"]")
	if len(got.of(bgp.EntityWorld, "world")) != 0 || len(got.of(bgp.EntityCountry, "DE")) != 0 {
		t.Errorf("got an outage of the world or of DE of 44 prefixes:\n%v", got.outages)
	}
	if all := got.of(bgp.EntityCountry, "KP"); len(all) != 1 || all[0].Severity != bgp.SeverityTotal {
		t.Errorf("got %v of KP, want one total outage: all of it is known", all)
	}
	as := got.of(bgp.EntityAS, "AS20000")
	if len(as) != 1 || !strings.Contains(as[0].Summary, "The peers know 44 prefixes: too few for verdicts on countries and the world.") || as[0].Panel.KnownPrefixes != 44 {
		t.Errorf("got %+v of AS20000, want one outage that speaks of the 44 prefixes known", as)
	}
	const says = "IPv4: countries, regions and the world are not judged, but for KP: the peers know 44 prefixes, 1.07 % of the address space that the location files have, and 25 % are needed"
	if !strings.Contains(got.stderr, says) {
		t.Errorf("got %s, want it to say %q", got.stderr, says)
	}
	judged := replayCase(t, w, wholeFiles(w), "--set", "enrich.geo.files=["+places+"]", "--set", "detect.geography.world_permille_ipv4=off")
	if len(judged.of(bgp.EntityWorld, "world")) != 1 || len(judged.of(bgp.EntityCountry, "DE")) != 1 {
		t.Errorf("got %d outages with the rule off, want the world's and DE's among them", len(judged.outages))
	}
}

// TestCaseCoveredByTable: updates alone, without any aggregate. If the prefix-to-origin table has a
// less-specific of the same origin, the event of the lost prefix reports it. A less-specific of
// another origin is not reported.
func TestCaseCoveredByTable(t *testing.T) {
	t.Parallel()
	background, kp := mrttest.Background(60), mrttest.KP()
	w := mrttest.NewWorld(caseStart, 3, 4, slices.Concat(background, kp))
	w.Churn(0, 3*time.Hour, time.Minute, w.Peers, background)
	w.Announce(10*time.Minute, w.Peers, kp...)
	w.Withdraw(time.Hour, w.Peers, mrttest.Prefixes(kp)...)
	w.Announce(100*time.Minute, w.Peers, kp...)
	var files []caseFile
	for _, c := range w.Collectors() {
		files = append(files, caseFile{c, c + ".updates.mrt", w.Updates(c, 0, 1<<62)})
	}
	origins := filepath.Join(t.TempDir(), "asn.csv")
	rows := "175.45.176.0,175.45.177.255,131279,Star\n175.45.178.0,175.45.179.255,64500,Other\n"
	if err := os.WriteFile(origins, append(w.Origins(), rows...), 0o600); err != nil {
		t.Fatal(err)
	}
	got := replayCase(t, w, files, "--set", "enrich.asn.files=["+origins+"]")
	for code, want := range map[string]bool{"175.45.176.0/24": true, "175.45.177.0/24": true, "175.45.178.0/24": false} {
		all := got.of(bgp.EntityPrefix, code)
		if len(all) != 1 || all[0].Panel.Table != bgp.TablesLearned {
			t.Errorf("got %d events of %s, want one that is learned:\n%s", len(all), code, got.stderr)
			continue
		}
		cover := all[0].Evidence.CoveredByTable
		told := strings.Contains(all[0].Summary, "it lies within 175.45.176.0/23 of AS131279")
		if want != (cover != nil && *cover == bgp.Aggregate{Prefix: "175.45.176.0/23", Origin: 131279}) || told != want {
			t.Errorf("%s: got %v, in words: %t; want %t", code, cover, told, want)
		}
	}
}
