package serve

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
)

const (
	// gzipSuffix is what compression adds to an ETag.
	gzipSuffix = "-gzip"
	// maxAge is for how many seconds a cache may show an answer without asking.
	maxAge = "10"
)

// Fresh sets the ETag of an answer that depends on parts alone (the id of the minute, the dataset, what is asked for), on the name that the server was
// asked by and on whether the viewer is logged in, and for how long it may be kept. It reports true, and has answered, where the client has that answer
// already (304), or the server has kept it.
func Fresh(w http.ResponseWriter, r *http.Request, parts ...string) bool {
	viewer, secure := "anybody", "http"
	if Viewer(r).LoggedIn {
		viewer = "private"
	}
	if r.TLS != nil {
		secure = "https"
	}
	parts = append([]string{viewer, secure, r.Host, r.URL.Path}, parts...)
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	tag := base64.RawURLEncoding.EncodeToString(sum[:12])
	h := w.Header()
	h.Set("ETag", `"`+tag+`"`)
	if strings.HasPrefix(h.Get("Cache-Control"), "private") {
		h.Set("Cache-Control", "private, max-age="+maxAge)
	} else {
		h.Set("Cache-Control", "max-age="+maxAge)
	}
	if matches(r.Header.Get("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return true
	}
	rec, ok := r.Context().Value(recorderKey{}).(*recorder)
	return ok && rec.answer(w, r, tag)
}

// matches compares as If-None-Match does (RFC 9110 §13.1.2): weak tags, which proxies make of strong ones, are equal to them; so is the tag of
// the compressed answer.
func matches(header, tag string) bool {
	for t := range strings.SplitSeq(header, ",") {
		t = strings.Trim(strings.TrimPrefix(strings.TrimSpace(t), "W/"), `"`)
		if t == tag || t == tag+gzipSuffix {
			return true
		}
	}
	return false
}
