package worldmap

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
)

// plain is a view without losses.
var plain = View{
	Label:  "The world",
	Link:   func(code string) string { return "/country/" + code },
	Status: func(string) Status { return Status{Measured: true} },
}

// link is one a element of the map.
type link struct{ class, href, code, title, hidden, inside string }

// parse reads a map as XML and returns its links in the order in which they are painted. It checks
// every attribute.
func parse(t *testing.T, v View) []link {
	t.Helper()
	var b strings.Builder
	if err := World().WriteSVG(&b, v); err != nil {
		t.Fatal(err)
	}
	var links []link
	inTitle := false
	d := xml.NewDecoder(strings.NewReader(b.String()))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return links
		} else if err != nil {
			t.Fatalf("no XML: %v", err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			checkAttributes(t, e)
			switch inTitle = e.Name.Local == "title"; e.Name.Local {
			case "a":
				links = append(links, link{attribute(e, "class"), attribute(e, "href"), attribute(e, "data-code"), "", attribute(e, "aria-hidden"), ""})
			case "path", "circle":
				if len(links) > 0 {
					links[len(links)-1].inside += e.Name.Local
				}
			}
		case xml.EndElement:
			inTitle = false
		case xml.CharData:
			if inTitle {
				links[len(links)-1].title += string(e)
			}
		}
	}
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// checkAttributes refuses attributes that the pages' Content-Security-Policy forbids.
func checkAttributes(t *testing.T, e xml.StartElement) {
	t.Helper()
	for _, a := range e.Attr {
		if a.Name.Local == "style" || strings.HasPrefix(a.Name.Local, "on") || strings.Contains(a.Value, "//") {
			t.Errorf("%s has the attribute %s=%q", e.Name.Local, a.Name.Local, a.Value)
		}
	}
	if !slices.Contains([]string{"svg", "defs", "pattern", "rect", "path", "g", "a", "title", "circle"}, e.Name.Local) {
		t.Errorf("the map has an element %s", e.Name.Local)
	}
}

func TestLinks(t *testing.T) {
	t.Parallel()
	loss := map[string]float64{"KP": 0.993, "TO": 1, "SG": 0.3, "MT": 0.05, "XK": 0.6, "GF": 0.2}
	links := parse(t, View{
		Label: `The "world" & its <networks>`,
		Link:  func(code string) string { return "/below/country/" + code + "?at=1&family=4" },
		Status: func(code string) Status {
			s := Status{Measured: code != "ER" && code != "NR", Loss: loss[code]}
			if code == "KP" {
				s.Text = `99.3 % lost <since "16:15"> & dark`
			}
			return s
		},
	})
	seen := map[string]int{}
	var lost []string
	for _, l := range links {
		if want := "/below/country/" + l.code + "?at=1&family=4"; l.href != want {
			t.Errorf("%s leads to %q, want %q", l.code, l.href, want)
		}
		if l.hidden == "true" {
			if l.title != "" || l.inside != "path" {
				t.Errorf("the second link of %s: %+v", l.code, l)
			}
			continue
		}
		seen[l.code]++
		if strings.HasSuffix(l.inside, "circle") && loss[l.code] > 0 {
			lost = append(lost, l.code)
		}
		if want, ok := map[string]link{
			"KP": {class: "loss5", title: `North Korea: 99.3 % lost <since "16:15"> & dark`},
			"GF": {class: "loss2", title: "French Guiana: 10 to 25 % lost"},
			"FR": {class: "loss0", title: "France: less than 1 % lost"},
			"ER": {class: "unmeasured", title: "Eritrea: no measurement"},
			"NR": {class: "unmeasured", title: "Nauru: no measurement"},
			"MT": {class: "loss1", title: "Malta: 1 to 10 % lost"},
		}[l.code]; ok && (l.class != want.class || l.title != want.title) {
			t.Errorf("%s: got %s %q, want %s %q", l.code, l.class, l.title, want.class, want.title)
		}
	}
	if len(seen) != 250 {
		t.Errorf("%d countries have links", len(seen))
	}
	for code, n := range seen {
		if n != 1 {
			t.Errorf("%s has %d links for a keyboard", code, n)
		}
	}
	if want := []string{"MT", "SG", "XK", "TO"}; !slices.Equal(lost, want) {
		t.Errorf("dots are painted in the order %v, want %v", lost, want)
	}
	if last := links[len(links)-1]; last.code != "TO" {
		t.Errorf("%s lies on top", last.code)
	}
}

func TestLevelOf(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		loss float64
		want Level
	}{
		{0, Whole},
		{0.0099, Whole},
		{0.01, Slight},
		{0.0999, Slight},
		{0.1, Minor},
		{0.25, Moderate},
		{0.5, Major},
		{0.8999, Major},
		{0.9, Total},
		{1, Total},
		{1.2, Total},
		{-0.3, Whole},
		{math.Inf(-1), Whole},
		{math.NaN(), Unmeasured},
	} {
		if got := LevelOf(tt.loss); got != tt.want {
			t.Errorf("LevelOf(%v) = %v, want %v", tt.loss, got, tt.want)
		}
	}
	if got := (Status{Loss: 1}).Level(); got != Unmeasured {
		t.Errorf("a country that was not measured is at level %v", got)
	}
	for _, l := range Levels() {
		if l.String() == "" || !strings.Contains(CSS, l.Class()) {
			t.Errorf("level %d: %q, class %s", l, l, l.Class())
		}
	}
}
