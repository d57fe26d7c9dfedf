package page

import (
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"

	"github.com/darkmap/darkmap/serve"
	"github.com/darkmap/darkmap/serve/worldmap"
)

//go:generate go run -C ../../tools/web . ../../serve/page/web

// built holds the output of go generate for web.
//
//go:embed web/dist
var built embed.FS

// Pages is the part of the server for people.
type Pages struct {
	templates map[string]*template.Template // by name: world
	assets    *serve.Assets
	world     *worldmap.Map
	api       *apiView
	faces     *faces
}

// New reads the templates, the assets and the map: the one in mapFile, or the built-in one if
// mapFile is empty. It calls note with a sentence for each part of mapFile that it cannot use.
func New(mapFile string, note func(string)) (*Pages, error) {
	files, err := fs.Sub(built, "web/dist")
	if err != nil {
		return nil, fmt.Errorf("reading what pages load: %w", err)
	}
	p := &Pages{}
	if p.assets, err = serve.NewAssets(files); err != nil {
		return nil, err
	}
	if p.world, err = openMap(mapFile, note); err != nil {
		return nil, err
	}
	if p.api, err = readAPI(); err != nil {
		return nil, err
	}
	if p.faces, err = readFaces(); err != nil {
		return nil, fmt.Errorf("reading the fonts: %w", err)
	}
	p.templates, err = parse()
	return p, err
}

// site is Pages with the sources of their content.
type site struct {
	*Pages
	deps *serve.Deps
}

// Routes lists the pages.
func (p *Pages) Routes(d *serve.Deps) []serve.Route {
	s := &site{p, d}
	routes := []serve.Route{
		p.assets.Route(),
		{Pattern: "GET /outage/{id}/picture.png", Handler: http.HandlerFunc(s.picture)},
	}
	for _, x := range []struct {
		pattern string
		answer  func(*asked) (*content, error)
		second  bool // the page has content that changes each second
	}{
		{"GET /{$}", s.worldPage, false},
		{"GET /outage/{id}", s.outagePage, true},
		{"GET /country/{code}", s.countryPage, false},
		{"GET /region/{code}", s.regionPage, false},
		{"GET /as/{number}", s.asPage, false},
		{"GET /prefix/{prefix...}", s.prefixPage, true},
		{"GET /watch/{list}", s.watchPage, true},
		{"GET /feeds", s.feedsPage, true},
		{"GET /about", s.aboutPage, false},
		{"GET /methods", s.methodsPage, false},
		{"GET /api", s.apiPage, false},
		{"GET /search", s.searchPage, false},
	} {
		routes = append(routes, serve.Route{Pattern: x.pattern, Handler: s.page(x.answer, x.second)})
	}
	return routes
}
