package serve

import (
	"html/template"
	"net/http"
	"strings"

	"github.com/darkmap/darkmap/serve/access"
)

// loginPage asks for a key. It needs no script and no style.
var loginPage = template.Must(template.New("login").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">` +
	`<title>Log in - darkmap</title>
<main><h1>Log in</h1>
{{if .Problem}}<p role="alert">{{.Problem}}</p>{{end}}
{{if .In}}<p>You are logged in.</p>` +
	`<form method="post" action="{{.Base}}/logout"><button>Log out</button></form>
{{else}}<p>The key is one of serve.keys in the configuration. ` +
	`Of a darkmap that runs on this machine it is serve_key in run.json, in its data directory.</p>
<form method="post" action="{{.Base}}/login"><input type="hidden" name="to" value="{{.To}}">
<label>Key <input type="password" name="key" autocomplete="current-password" required></label> ` +
	`<button>Log in</button></form>{{end}}
</main></html>
`))

type loginView struct {
	Base, To, Problem string
	In                bool
}

// login returns the routes for logging in and out.
func (s *Server) login(d *Deps) []Route {
	csrf := http.NewCrossOriginProtection()
	return []Route{
		{
			Pattern: "GET /login", Free: true,
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				s.showLogin(w, http.StatusOK, loginView{
					Base: d.Base, To: localPath(r.URL.Query().Get("to")), In: Viewer(r).LoggedIn,
				})
			}),
		},
		{
			Pattern: "POST /login", Free: true,
			Handler: csrf.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				s.logIn(w, r, d)
			})),
		},
		{
			Pattern: "POST /logout", Free: true,
			Handler: csrf.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				http.SetCookie(w, access.NoCookie())
				w.Header().Set("Cache-Control", "no-store")
				http.Redirect(w, r, d.URL("/"), http.StatusSeeOther)
			})),
		},
	}
}

// logIn takes a key and sets the cookie.
func (s *Server) logIn(w http.ResponseWriter, r *http.Request, d *Deps) {
	view := loginView{Base: d.Base, To: localPath(r.PostFormValue("to"))}
	switch v := Viewer(r); {
	case !s.gate.CanLogIn():
		view.Problem = "Nobody can log in here: serve.keys names no key."
		s.showLogin(w, http.StatusForbidden, view)
	case !v.Secure:
		view.Problem = "Logging in needs an encrypted connection: use https, " +
			"through a proxy in serve.trusted_proxies that says X-Forwarded-Proto: https."
		s.showLogin(w, http.StatusForbidden, view)
	case !s.limits.tries(v.Client):
		s.tooMany(w, r)
	default:
		cookie, ok := s.gate.Cookie(r.PostFormValue("key"))
		if !ok {
			view.Problem = "This is no key of this server."
			s.showLogin(w, http.StatusForbidden, view)
			return
		}
		http.SetCookie(w, cookie)
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, d.URL(view.To), http.StatusSeeOther)
	}
}

func (s *Server) showLogin(w http.ResponseWriter, status int, view loginView) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_ = loginPage.Execute(w, view) // the client may be gone
}

// localPath returns the path to open after the login. It returns / if to is no path of this server,
// since it must not lead to another server.
func localPath(to string) string {
	if !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") ||
		strings.ContainsAny(to, "\\\r\n\t") || len(to) > 2000 {
		return "/"
	}
	return to
}
