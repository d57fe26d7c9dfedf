package page

import (
	"embed"
	"fmt"
	"html/template"
	"io/fs"

	"github.com/darkmap/darkmap/serve"
	"github.com/darkmap/darkmap/serve/worldmap"
)

//go:generate go run -C ../../tools/web . ../../serve/page/web

// built holds what go generate makes of web.
//
//go:embed web/dist
var built embed.FS

// Pages is the part of the server for people.
type Pages struct {
	templates map[string]*template.Template // by name: world
	assets    *serve.Assets
	world     *worldmap.Map
}

// New reads the templates, the files that pages load, and the map: that of mapFile, or the built-in one where it is empty. note is told in sentences
// what of mapFile could not be used.
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
	p.templates, err = parse()
	return p, err
}

// site is Pages with what they are made from.
type site struct {
	*Pages
	deps *serve.Deps
}

// Routes lists the pages.
func (p *Pages) Routes(d *serve.Deps) []serve.Route {
	s := &site{p, d}
	routes := []serve.Route{p.assets.Route()}
	for _, x := range []struct {
		pattern string
		answer  func(*asked) (*content, error)
	}{
		{"GET /{$}", s.worldPage},
		{"GET /outage/{id}", s.outagePage},
		{"GET /country/{code}", s.countryPage},
		{"GET /region/{code}", s.regionPage},
		{"GET /as/{number}", s.asPage},
		{"GET /prefix/{prefix...}", s.prefixPage},
		{"GET /watch/{list}", s.watchPage},
		{"GET /feeds", s.feedsPage},
		{"GET /about", s.aboutPage},
		{"GET /methods", s.methodsPage},
		{"GET /search", s.searchPage},
	} {
		routes = append(routes, serve.Route{Pattern: x.pattern, Handler: s.page(x.answer)})
	}
	return routes
}
