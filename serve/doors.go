package serve

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/darkmap/darkmap/serve/access"
)

// headers sets the headers of every answer. They make pages load nothing from other sites, run no
// inline script, and show in no frame except on the origins of serve.embed.
func (s *Server) headers(w http.ResponseWriter) {
	h := w.Header()
	frames := "'none'"
	if len(s.cfg.Embed) > 0 {
		frames = strings.Join(s.cfg.Embed, " ")
	} else {
		h.Set("X-Frame-Options", "DENY")
	}
	h.Set("Content-Security-Policy",
		"default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors "+frames+"; object-src 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	resources := "same-origin"
	if s.cfg.Public {
		resources = "cross-origin"
	}
	h.Set("Cross-Origin-Resource-Policy", resources)
}

// admit reports whether a request may go on to its route. If it may not, admit answers it.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, rt Route) bool {
	v := Viewer(r)
	if !s.limits.allow(v.Client) {
		s.tooMany(w, r)
		return false
	}
	if !s.ofThisSite(w, r) {
		return false
	}
	if r.Method == http.MethodOptions {
		w.Header().Set("Allow", "GET, HEAD, OPTIONS")
		w.WriteHeader(http.StatusNoContent)
		return false
	}
	switch {
	case v.May || rt.Free:
	case rt.Form == FormPage && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		s.metrics.refused.WithLabelValues(refusedLogin).Inc()
		w.Header().Set("Cache-Control", "no-store")
		base, _ := s.cfg.base()
		http.Redirect(w, r, base+"/login?to="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
		return false
	default:
		s.metrics.refused.WithLabelValues(refusedLogin).Inc()
		w.Header().Set("WWW-Authenticate", `Bearer realm="darkmap"`)
		Refuse(w, r, http.StatusUnauthorized,
			"This server wants a key: Authorization: Bearer KEY, one of serve.keys.")
		return false
	}
	s.caching(w, v)
	return true
}

// caching sets the headers that keep answers to logged-in viewers out of shared caches. Routes may
// allow more (Fresh).
func (s *Server) caching(w http.ResponseWriter, v access.Viewer) {
	h := w.Header()
	h.Add("Vary", "Authorization")
	h.Add("Vary", "Cookie")
	if s.cfg.UserHeader != "" {
		h.Add("Vary", http.CanonicalHeaderKey(s.cfg.UserHeader))
	}
	if v.LoggedIn || !s.cfg.Public {
		h.Set("Cache-Control", "private, no-cache")
	}
}

// ofThisSite refuses requests from pages of other sites. With serve.public, such pages may read the
// public data. A link to a page may be followed from any site.
func (s *Server) ofThisSite(w http.ResponseWriter, r *http.Request) bool {
	origin := r.Header.Get("Origin")
	foreign := origin != "" && !s.sameOrigin(r, origin) ||
		slices.Contains([]string{"cross-site", "same-site"}, r.Header.Get("Sec-Fetch-Site"))
	if !foreign {
		return true
	}
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions
	if reads && s.cfg.Public {
		if !Viewer(r).LoggedIn {
			w.Header().Set("Access-Control-Allow-Origin", "*")
			w.Header().Set("Access-Control-Expose-Headers", "ETag, Retry-After, Link")
		}
		return true
	}
	link := r.Header.Get("Sec-Fetch-Mode") == "navigate" &&
		r.Header.Get("Sec-Fetch-Dest") == "document" && r.Method == http.MethodGet && origin == ""
	if link {
		return true
	}
	s.metrics.refused.WithLabelValues(refusedSite).Inc()
	Refuse(w, r, http.StatusForbidden,
		"Pages of other sites may not read from this server: serve.public is not true.")
	return false
}

// sameOrigin reports whether an Origin header names this server.
func (s *Server) sameOrigin(r *http.Request, origin string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return false
	}
	if p, err := url.Parse(s.cfg.PublicURL); err == nil && p.Host != "" &&
		strings.EqualFold(p.Host, u.Host) && p.Scheme == u.Scheme {
		return true
	}
	return strings.EqualFold(u.Host, r.Host)
}

// tooMany answers a client that is over a limit.
func (s *Server) tooMany(w http.ResponseWriter, r *http.Request) {
	s.metrics.refused.WithLabelValues(refusedLimit).Inc()
	w.Header().Set("Retry-After", strconv.Itoa(retryAfter))
	Refuse(w, r, http.StatusTooManyRequests, fmt.Sprintf("Too many requests from your network. "+
		"Ask again in %d second(s); serve.limits sets how many are allowed.", retryAfter))
}
