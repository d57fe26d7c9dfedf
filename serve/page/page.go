package page

import (
	"html/template"
	"net/http"

	"github.com/darkmap/darkmap/serve"
)

// Pages is the part of the server for people.
type Pages struct {
	templates map[string]*template.Template // by name: world
	assets    assets
	world     worldMap
}

// New reads the templates, the files that pages load, and the map: that of mapFile, or the built-in one where it is empty.
func New(mapFile string) (*Pages, error) {
	p := &Pages{assets: embedded()}
	var err error
	if p.world, err = openMap(mapFile); err != nil {
		return nil, err
	}
	p.templates, err = parse(p.assets)
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
	var routes []serve.Route
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
	return append(routes, serve.Route{Pattern: "GET /assets/{name}", Free: true, Handler: http.HandlerFunc(p.assets.serve)})
}
