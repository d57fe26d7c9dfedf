package page

import (
	"embed"
	"net/http"
	"path"
	"regexp"
	"strings"
	"time"
)

//go:generate go run -C ../../tools/web . ../../serve/page/web

// built holds what go generate makes of web: each name has a hash of the content in it.
//
//go:embed web/dist
var built embed.FS

// asset is one file that pages load.
type asset struct {
	name    string // page-6K2WQ3TB.css
	content []byte
}

// assets are the files by the names that they have in web: page.css.
type assets map[string]asset

// hashed is the name of a built file: before the last hyphen it is that in web.
var hashed = regexp.MustCompile(`^(.+)-([A-Z0-9]{8})(\.[a-z]+)$`)

// embedded are the files of this binary.
func embedded() assets {
	out := assets{}
	entries, err := built.ReadDir("web/dist")
	if err != nil {
		panic(err) // the compiler has put it there
	}
	for _, e := range entries {
		m := hashed.FindStringSubmatch(e.Name())
		if m == nil {
			continue
		}
		content, err := built.ReadFile(path.Join("web/dist", e.Name()))
		if err != nil {
			panic(err)
		}
		out[m[1]+m[3]] = asset{e.Name(), content}
	}
	return out
}

// serve answers with a file. Its name changes with its content, so it may be kept for ever.
func (a assets) serve(w http.ResponseWriter, r *http.Request) {
	for _, f := range a {
		if f.name == r.PathValue("name") {
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
			w.Header().Del("Vary")
			http.ServeContent(w, r, f.name, time.Time{}, strings.NewReader(string(f.content)))
			return
		}
	}
	http.NotFound(w, r)
}
