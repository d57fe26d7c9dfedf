package source

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestDateInName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"2022-02-24": "2022-02-24", "/x/2020-01-01/delegated-ripencc-extended-20220224.bz2": "2022-02-24", "GeoLite2-City_20220222": "2022-02-22", "rib.20221001.0000": "2022-10-01",
		"2022-0224": "", "2022-02-30": "", "20220224-20220225": "", "20220224-2022-02-24": "2022-02-24", "1427846400": "", "latest": "", "2022": "", "18991231": "",
	} {
		got := ""
		if day, ok := DateInName(name); ok {
			got = day.Format(time.DateOnly)
		}
		if got != want {
			t.Errorf("DateInName(%q) = %q, want %q", name, got, want)
		}
	}
}

// packed is a delegation of 192.0.2.0/24 to KP, compressed by bzip2 1.0.8.
const packed = "QlpoOTFBWSZTWTenLIkAABVfgAAQAAl/4AAIQAAuJdVEIABUNU9I000NND0Q9TeoNBGSDagAGn0rOEDOryVSGNzTDkcKikwQAwl8KLHODpgKcorMHD02BEGOYQ4ZK+GNWm79eFR9qm4u5IpwoSBvTlkS"

func TestLook(t *testing.T) {
	t.Parallel()
	bz, err := base64.StdEncoding.DecodeString(packed)
	if err != nil {
		t.Fatal(err)
	}
	places, owners, both := newMMDB(), newMMDB(), newMMDB()
	places.insert("192.0.2.0/24", map[string]any{"country_code": "KP"})
	owners.insert("192.0.2.0/24", map[string]any{"autonomous_system_number": uint64(64496)})
	both.insert("192.0.2.0/24", map[string]any{"country_code": "KP", "asn": "AS64496"})
	dir := t.TempDir()
	for name, tt := range map[string]struct {
		content []byte
		want    Gives
		day     string
	}{
		"delegated":      {[]byte("2.3|ripencc|1645657199|1|19830705|20220223|+0100\nripencc|KP|ipv4|192.0.2.0|256|20200101|allocated\n"), Gives{Places: true}, "2022-02-23"},
		"packed":         {bz, Gives{Places: true}, "2022-02-23"},
		"names":          {[]byte("64496 ONE\n64497 TWO\n"), Gives{Owners: true}, ""},
		"origins":        {[]byte("192.0.2.0/24 64496\n"), Gives{Owners: true}, ""},
		"countries":      {[]byte("192.0.2.0,192.0.2.255,KP\n"), Gives{Places: true}, ""},
		"both":           {[]byte("192.0.2.0/24 64496 KP\n"), Gives{true, true}, ""},
		"places.mmdb":    {places.encode("x"), Gives{Places: true}, "1970-01-01"},
		"owners.mmdb":    {owners.encode("x"), Gives{Owners: true}, "1970-01-01"},
		"both.mmdb":      {both.encode("x"), Gives{true, true}, "1970-01-01"},
		"names-20200101": {[]byte("64496 ONE\n64497 TWO\n"), Gives{Owners: true}, "2020-01-01"},
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, tt.content, 0o600); err != nil {
			t.Fatal(err)
		}
		day := ""
		if d := DateOf(path); !d.IsZero() {
			day = d.Format(time.DateOnly)
		}
		if got, err := Look(path); err != nil || got != tt.want || day != tt.day {
			t.Errorf("%s: got %+v, %v, day %q; want %+v, day %q", name, got, err, day, tt.want, tt.day)
		}
	}
	if rows, _, err := tryRead(bz); err != nil || len(rows) != 1 || !strings.Contains(rows[0], "KP") {
		t.Errorf("packed by bzip2: got %q, %v", rows, err)
	}
	if _, _, err := tryRead(bz[:len(bz)-8]); err == nil {
		t.Error("cut: got no error")
	}
}
