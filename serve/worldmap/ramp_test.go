package worldmap

import (
	"fmt"
	"math"
	"regexp"
	"testing"
)

type matrix [3][3]float64

// deficiencies convert linear RGB to that of a reader without one kind of cone: severity 1 of G.
// Machado, M. Oliveira, L. Fernandes, "A Physiologically-based Model for Simulation of Color Vision
// Deficiency", IEEE TVCG 15 (6), 2009; and, for the two frequent kinds, F. Viénot, H. Brettel, J.
// Mollon, "Digital video colourmaps for checking the legibility of displays by dichromats", 1999,
// for sRGB.
var deficiencies = map[string]matrix{
	"no deficiency": {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}},
	"protanopia":    {{0.152286, 1.052583, -0.204868}, {0.114503, 0.786281, 0.099216}, {-0.003882, -0.048116, 1.051998}},
	"deuteranopia":  {{0.367322, 0.860646, -0.227968}, {0.280085, 0.672501, 0.047413}, {-0.011820, 0.042940, 0.968881}},
	"tritanopia":    {{1.255528, -0.076749, -0.178779}, {-0.078411, 0.930809, 0.147602}, {0.004733, 0.691367, 0.303900}},

	"protanopia (Viénot)":   {{0.11238, 0.88762, 0}, {0.11238, 0.88762, 0}, {0.00401, -0.00401, 1}},
	"deuteranopia (Viénot)": {{0.29275, 0.70725, 0}, {0.29275, 0.70725, 0}, {-0.02234, 0.02234, 1}},
}

// colour reads a variable of the style sheet, as linear RGB, on light and on dark ground.
func colour(t *testing.T, name string) (light, dark [3]float64) {
	t.Helper()
	found := regexp.MustCompile(`--map-` + name + `: light-dark\(#([0-9a-f]{6}), #([0-9a-f]{6})\);`).FindStringSubmatch(CSS)
	if found == nil {
		t.Fatalf("the style sheet has no --map-%s", name)
	}
	return linear(t, found[1]), linear(t, found[2])
}

func linear(t *testing.T, hex string) (out [3]float64) {
	t.Helper()
	var b [3]int
	if _, err := fmt.Sscanf(hex, "%02x%02x%02x", &b[0], &b[1], &b[2]); err != nil {
		t.Fatal(err)
	}
	for i, v := range b {
		if s := float64(v) / 255; s <= 0.04045 {
			out[i] = s / 12.92
		} else {
			out[i] = math.Pow((s+0.055)/1.055, 2.4)
		}
	}
	return out
}

func (m matrix) see(c [3]float64) (out [3]float64) {
	for i, row := range m {
		out[i] = min(1, max(0, row[0]*c[0]+row[1]*c[1]+row[2]*c[2]))
	}
	return out
}

// lab converts to CIE L*a*b* (1976) under D65.
func lab(c [3]float64) [3]float64 {
	f := func(t float64) float64 {
		if t > 216.0/24389 {
			return math.Cbrt(t)
		}
		return (24389.0/27*t + 16) / 116
	}
	x := f((0.4124564*c[0] + 0.3575761*c[1] + 0.1804375*c[2]) / 0.95047)
	y := f(0.2126729*c[0] + 0.7151522*c[1] + 0.0721750*c[2])
	z := f((0.0193339*c[0] + 0.1191920*c[1] + 0.9503041*c[2]) / 1.08883)
	return [3]float64{116*y - 16, 500 * (x - y), 200 * (y - z)}
}

func distance(a, b [3]float64) float64 {
	return math.Sqrt((a[0]-b[0])*(a[0]-b[0]) + (a[1]-b[1])*(a[1]-b[1]) + (a[2]-b[2])*(a[2]-b[2]))
}

// TestRamp checks that any two classes differ for every reader, and that a greater loss is darker
// on light ground and brighter on dark ground.
func TestRamp(t *testing.T) {
	t.Parallel()
	var grounds [2][6][3]float64
	for i := range 6 {
		grounds[0][i], grounds[1][i] = colour(t, fmt.Sprintf("loss%d", i))
	}
	for g, colours := range grounds {
		ground := []string{"light", "dark"}[g]
		for name, m := range deficiencies {
			for i := range colours {
				for j := range i {
					if d := distance(lab(m.see(colours[i])), lab(m.see(colours[j]))); d < 15 {
						t.Errorf("%s ground, %s: classes %d and %d differ by %.1f, want 15", ground, name, j, i, d)
					}
				}
			}
		}
		for i := 1; i < 6; i++ {
			if brighter := lab(colours[i])[0] > lab(colours[i-1])[0]; brighter != (ground == "dark") {
				t.Errorf("%s ground: class %d after %d has the wrong lightness", ground, i, i-1)
			}
		}
	}
}

// TestOutlines checks that the contrast of a loss's outline to sea and land is at least 3:1 (WCAG
// 2.2, 1.4.11), also if its colour is pale.
func TestOutlines(t *testing.T) {
	t.Parallel()
	luminance := func(c [3]float64) float64 { return 0.2126*c[0] + 0.7152*c[1] + 0.0722*c[2] }
	contrast := func(a, b [3]float64) float64 {
		x, y := luminance(a)+0.05, luminance(b)+0.05
		return max(x, y) / min(x, y)
	}
	for _, line := range []string{"outline", "disputed", "focus"} {
		light, dark := colour(t, line)
		for _, ground := range []string{"sea", "loss0"} {
			onLight, onDark := colour(t, ground)
			if a, b := contrast(light, onLight), contrast(dark, onDark); a < 3 || b < 3 {
				t.Errorf("%s on %s: contrast %.1f on light ground, %.1f on dark", line, ground, a, b)
			}
		}
	}
}
