package serve

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
)

// assetsPath is the path below which the assets are served.
const assetsPath = "/static/"

// Assets are files that pages load: scripts, styles, pictures. Their names hold a hash of their
// contents, so that a browser may keep them for ever.
type Assets struct {
	names map[string]string // the name with the hash, by name
	files map[string]asset  // by name with the hash
}

type asset struct {
	name, hash    string
	plain, zipped []byte // zipped is nil if it is not shorter
}

// NewAssets reads and compresses all files of a file system.
func NewAssets(fsys fs.FS) (*Assets, error) {
	a := &Assets{names: map[string]string{}, files: map[string]asset{}}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		plain, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(plain)
		f := asset{name: name, hash: hex.EncodeToString(sum[:6]), plain: plain}
		if f.zipped, err = zipped(plain); err != nil {
			return err
		}
		ext := path.Ext(name)
		hashed := strings.TrimSuffix(name, ext) + "." + f.hash + ext
		a.names[name], a.files[hashed] = hashed, f
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading assets: %w", err)
	}
	return a, nil
}

// zipped compresses a file. It returns nil if the result is not shorter.
func zipped(plain []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil || b.Len() >= len(plain) {
		return nil, err
	}
	return b.Bytes(), nil
}

// Path returns the path of an asset, for Deps.URL: /static/app.0123456789ab.css for app.css. It
// panics if the asset does not exist, which is a mistake in the program.
func (a *Assets) Path(name string) string {
	hashed, ok := a.names[name]
	if !ok {
		panic("serve: there is no asset " + name)
	}
	return assetsPath + hashed
}

// Route serves the assets. They hold nothing private.
func (a *Assets) Route() Route {
	return Route{Pattern: "GET " + assetsPath + "{file...}", Free: true, Handler: http.HandlerFunc(a.serve)}
}

func (a *Assets) serve(w http.ResponseWriter, r *http.Request) {
	f, ok := a.files[r.PathValue("file")]
	if !ok {
		Refuse(w, r, http.StatusNotFound,
			"There is no such file. A page that was open for long may name one of an older version: load it again.")
		return
	}
	h := w.Header()
	h.Del("Vary")
	h.Set("Vary", "Accept-Encoding")
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	if t := mime.TypeByExtension(path.Ext(f.name)); t != "" {
		h.Set("Content-Type", t)
	}
	body, tag := f.plain, f.hash
	if f.zipped != nil && acceptsGzip(r) {
		body, tag = f.zipped, tag+gzipSuffix
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("ETag", `"`+tag+`"`)
	http.ServeContent(w, r, f.name, time.Time{}, bytes.NewReader(body))
}
