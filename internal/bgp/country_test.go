package bgp

import (
	"slices"
	"testing"
)

func TestCountryName(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{
		"KP": "North Korea", "KR": "South Korea", "RU": "Russia", "IR": "Iran", "SY": "Syria", "GB": "United Kingdom",
		"CD": "DR Congo", "VN": "Vietnam", "XK": "Kosovo", "EU": "", "AP": "", "ZZ": "", "UK": "", "kp": "", "": "",
	} {
		if got := CountryName(code); got != want {
			t.Errorf("CountryName(%q) = %q, want %q", code, got, want)
		}
	}
	if codes := CountryCodes(); len(codes) != 250 || codes[0] != "AD" || codes[249] != "ZW" || !slices.IsSorted(codes) {
		t.Errorf("codes: %v", codes)
	}
	if got := len(countryNames); got != 249+1 {
		t.Errorf("%d countries, want the 249 of ISO 3166-1 and XK", got)
	}
	seen := map[string]string{}
	for code, name := range countryNames {
		if len(code) != 2 || code[0] < 'A' || code[0] > 'Z' || code[1] < 'A' || code[1] > 'Z' {
			t.Errorf("code %q is not two capitals", code)
		}
		if other, ok := seen[name]; ok || name == "" {
			t.Errorf("%s and %s are both called %q", code, other, name)
		}
		seen[name] = code
	}
}

func TestCountriesNamed(t *testing.T) {
	t.Parallel()
	for part, want := range map[string][]string{"korea": {"KP", "KR"}, "ÅLAND": {"AX"}, "united a": {"AE"}, "KP": {}} {
		if got := CountriesNamed(part); !slices.Equal(got, want) {
			t.Errorf("CountriesNamed(%q) = %v, want %v", part, got, want)
		}
	}
}
