package serve

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
)

const (
	// gzipSuffix is the suffix that compression adds to an ETag.
	gzipSuffix = "-gzip"
	// maxAge is the time in seconds for which a cache may show an answer without asking.
	maxAge = "10"
)

// Fresh sets the ETag of an answer, and the time for which caches may keep it. The answer must
// depend only on parts (the id of the minute, the dataset, the question), on the scheme, host and
// path of the request, and on whether the viewer is logged in. If the client has the answer already
// (304), or the server has kept it, Fresh answers and returns true.
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

// acceptsGzip reports whether the client of a request takes a body compressed by gzip (RFC 9110
// §12.5.3). A weight of 0 excludes it, and its own name counts more than an asterisk.
func acceptsGzip(r *http.Request) bool {
	takes, named := false, false
	for entry := range strings.SplitSeq(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		coding, params, _ := strings.Cut(entry, ";")
		coding = strings.ToLower(strings.TrimSpace(coding))
		own := coding == "gzip" || coding == "x-gzip"
		if !own && (coding != "*" || named) {
			continue
		}
		takes, named = true, named || own
		if name, value, ok := strings.Cut(params, "="); ok && strings.EqualFold(strings.TrimSpace(name), "q") {
			weight, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			takes = err == nil && weight > 0
		}
	}
	return takes
}

// matches compares tags as If-None-Match does (RFC 9110 §13.1.2). Weak tags equal the strong ones
// from which proxies make them. The tag of the compressed answer matches as well.
func matches(header, tag string) bool {
	for t := range strings.SplitSeq(header, ",") {
		t = strings.Trim(strings.TrimPrefix(strings.TrimSpace(t), "W/"), `"`)
		if t == tag || t == tag+gzipSuffix {
			return true
		}
	}
	return false
}
