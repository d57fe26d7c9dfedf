package page

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/plaintext"
	"github.com/darkmap/darkmap/serve"
	"github.com/darkmap/darkmap/serve/history"
	"github.com/darkmap/darkmap/serve/worldmap"
)

// The size in pixels of a picture for link previews, and the margin of its texts.
const (
	pictureWidth  = 1200
	pictureHeight = 630
	pictureMargin = 40
	// pictureMap is the width of the map.
	pictureMap = 940
)

// faces are the fonts of pictures. A face is not safe for concurrent use, so painting holds mu.
type faces struct {
	mu                  sync.Mutex
	title, text, credit font.Face
}

// readFaces reads the built-in fonts.
func readFaces() (*faces, error) {
	face := func(ttf []byte, size float64) (font.Face, error) {
		f, err := opentype.Parse(ttf)
		if err != nil {
			return nil, err
		}
		return opentype.NewFace(f, &opentype.FaceOptions{Size: size, DPI: 72, Hinting: font.HintingFull})
	}
	title, err1 := face(gobold.TTF, 40)
	text, err2 := face(goregular.TTF, 24)
	credit, err3 := face(goregular.TTF, 18)
	return &faces{title: title, text: text, credit: credit}, errors.Join(err1, err2, err3)
}

// picture answers `/outage/{id}/picture.png`: the map and a sentence, for link previews.
func (s *site) picture(w http.ResponseWriter, r *http.Request) {
	a, err := s.ask(r)
	var o bgp.Outage
	if err == nil {
		o, err = a.outageOf(a.PathValue("id"))
	}
	var p *problem
	switch {
	case errors.As(err, &p):
		serve.Refuse(w, r, p.status, p.title+".")
		return
	case err != nil:
		serve.Failed(w, r, err)
		return
	}
	if serve.Fresh(w, r, s.deps.Version, a.Dataset, o.ID, fmt.Sprint(o.Sequence)) {
		return
	}
	b, err := s.paint(o)
	if err != nil {
		s.deps.Log.Error("a picture cannot be made", "outage", o.ID, "err", err)
		notKept(w)
		serve.Refuse(w, r, http.StatusInternalServerError, "This picture cannot be made.")
		return
	}
	w.Header().Set("Content-Type", "image/png")
	_, _ = w.Write(b) // the client may be gone
}

// outageOf returns an outage by its id, from the snapshot or the store.
func (a *asked) outageOf(id string) (bgp.Outage, error) {
	if _, _, _, _, err := bgp.ParseOutageID(id); err != nil {
		return bgp.Outage{}, notFound("There is no such outage",
			"The id of an outage is like country-KP-ipv4-20141222T1615Z.")
	}
	if e, ok := a.Snapshot.Find(id); ok {
		return e.Outage, nil
	}
	got, err := a.site.deps.History.Outage(a.Context(), a.scope, id)
	if errors.Is(err, history.ErrNotFound) {
		return bgp.Outage{}, notFound("There is no such outage", "Nothing is known by this name.")
	}
	return got.Newest.Outage, err
}

// paint draws an outage: its places on the map, its title, its start and its end.
func (s *site) paint(o bgp.Outage) ([]byte, error) {
	img := image.NewRGBA(image.Rect(0, 0, pictureWidth, pictureHeight))
	draw.Draw(img, img.Bounds(), image.White, image.Point{}, draw.Src)
	places := map[string]bool{}
	for _, c := range o.Countries {
		places[c] = true
	}
	switch o.Entity.Type {
	case bgp.EntityCountry:
		places = map[string]bool{o.Entity.Code: true}
	case bgp.EntityRegion:
		places = map[string]bool{o.Entity.Code[:min(2, len(o.Entity.Code))]: true}
	case bgp.EntityAS, bgp.EntityPrefix, bgp.EntityWorld, bgp.EntityWatch:
	}
	world := image.NewRGBA(image.Rect(0, 0, pictureMap, pictureHeight))
	height := s.world.Paint(world, func(code string) worldmap.Status {
		if places[code] || o.Entity.Type == bgp.EntityWorld {
			return worldmap.Status{Measured: true, Loss: float64(o.Peak.LossPercent) / 100_00}
		}
		return worldmap.Status{Measured: true}
	})
	left := (pictureWidth - pictureMap) / 2
	draw.Draw(img, image.Rect(left, 10, left+pictureMap, 10+height), world, image.Point{}, draw.Src)
	s.faces.mu.Lock()
	defer s.faces.mu.Unlock()
	y := 10 + height + 48
	for _, line := range wrapped(s.faces.title, title(o), pictureWidth-2*pictureMargin, 2) {
		written(img, s.faces.title, line, y, color.Black)
		y += 46
	}
	when := "Since " + o.Start.UTC().Format(secondForm)
	if o.End != nil {
		when = o.Start.UTC().Format(secondForm) + ", for " +
			bgp.DurationText(time.Duration(o.DurationSeconds)*time.Second)
	}
	written(img, s.faces.text, when+" ("+familyTitle(o.Family)+")", y, color.RGBA{0x40, 0x40, 0x40, 0xff})
	written(img, s.faces.credit,
		"darkmap. Routes: RIPE NCC RIS, University of Oregon RouteViews. Map: Natural Earth.",
		pictureHeight-16, color.RGBA{0x60, 0x60, 0x60, 0xff})
	var b bytes.Buffer
	err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&b, img)
	return b.Bytes(), err
}

// written writes a line with its foot at y.
func written(img draw.Image, face font.Face, text string, y int, c color.Color) {
	d := font.Drawer{Dst: img, Src: image.NewUniform(c), Face: face, Dot: fixed.P(pictureMargin, y)}
	d.DrawString(plaintext.Clean(text))
}

// wrapped breaks a text into lines of a width, at most most of them. If it leaves words out, the
// last line ends with "...".
func wrapped(face font.Face, text string, width, most int) (lines []string) {
	fits := func(s string) bool { return font.MeasureString(face, s).Ceil() <= width }
	line := ""
	for word := range strings.FieldsSeq(plaintext.Clean(text)) {
		next := strings.TrimSpace(line + " " + word)
		if fits(next) {
			line = next
			continue
		}
		if len(lines) == most-1 {
			words := strings.Fields(line)
			for len(words) > 0 && !fits(strings.Join(words, " ")+" ...") {
				words = words[:len(words)-1]
			}
			return append(lines, strings.Join(words, " ")+" ...")
		}
		lines, line = append(lines, line), word
	}
	return append(lines, line)
}
