package serve

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

// TestAssets checks that a file is kept for ever under a name that depends on its content, and that
// clients which accept compression get it compressed.
func TestAssets(t *testing.T) {
	t.Parallel()
	style := strings.Repeat("body { color: black }\n", 100)
	a, err := NewAssets(fstest.MapFS{"app.css": {Data: []byte(style)}, "img/dot.png": {Data: []byte("\x89PNG")}})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	rt := a.Route()
	mux.Handle(rt.Pattern, rt.Handler)
	ask := func(path string, heads ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		for i := 0; i+1 < len(heads); i += 2 {
			r.Header.Set(heads[i], heads[i+1])
		}
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		return w
	}
	path := a.Path("app.css")
	plain, packed := ask(path), ask(path, "Accept-Encoding", "br, gzip")
	if plain.Body.String() != style || packed.Header().Get("Content-Encoding") != "gzip" || packed.Body.Len() >= len(style)/5 || plain.Header().Get("Content-Type") != "text/css; charset=utf-8" {
		t.Errorf("got %d and %d octets, %v", plain.Body.Len(), packed.Body.Len(), packed.Header())
	}
	if !strings.Contains(plain.Header().Get("Cache-Control"), "immutable") || plain.Header().Get("ETag") == packed.Header().Get("ETag") {
		t.Errorf("got %v and %v", plain.Header(), packed.Header())
	}
	for want, w := range map[int]*httptest.ResponseRecorder{
		304: ask(path, "If-None-Match", "W/"+plain.Header().Get("ETag")), 200: ask(a.Path("img/dot.png")), 404: ask("/static/app.css"),
	} {
		if w.Code != want {
			t.Errorf("got %d, want %d", w.Code, want)
		}
	}
}
