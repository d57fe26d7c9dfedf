package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/darkmap/darkmap/serve"
)

// API is the part of the server for programs.
type API struct{}

// Routes lists the routes of the API.
func (API) Routes(d *serve.Deps) []serve.Route {
	s := &service{Deps: d}
	return slices.Concat(s.v1().routes, s.ioda(), s.others(), s.documents())
}

// service answers the questions of programs. It is safe for concurrent use.
type service struct {
	*serve.Deps
}

// v1 holds the parts of /v1: the operations that huma answers, their document, and the server's
// routes to them.
type v1 struct {
	api    huma.API
	mux    *http.ServeMux
	routes []serve.Route
}

// v1 registers the operations of /v1.
func (s *service) v1() *v1 {
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	v := &v1{mux: http.NewServeMux()}
	v.api = humago.New(v.mux, huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0", Components: &huma.Components{Schemas: registry},
			Info:    &huma.Info{Title: "darkmap", Version: "1", Description: documentText},
			Servers: []*huma.Server{{URL: "/"}},
		},
		Formats: huma.DefaultFormats, DefaultFormat: "application/json", RejectUnknownQueryParameters: true,
	})
	v.api.UseMiddleware(s.withExchange)
	s.registerOutages(v)
	s.registerEntities(v)
	s.registerFeeds(v)
	v.describeStream()
	return v
}

// register adds an operation. cached means that its answer changes only with the newest minute, so
// that a client that has the answer already gets 304.
func register[I, O any](
	v *v1, op huma.Operation, cached bool, handler func(context.Context, *I) (*O, error),
) {
	op.Method = http.MethodGet
	op.Errors = []int{
		http.StatusBadRequest, http.StatusUnauthorized, http.StatusNotFound,
		http.StatusUnprocessableEntity, http.StatusTooManyRequests, http.StatusServiceUnavailable,
	}
	op.Metadata = map[string]any{cachedKey: cached}
	huma.Register(v.api, op, handler)
	v.routes = append(v.routes, serve.Route{
		Pattern: "GET " + op.Path, Form: serve.FormData, Handler: quietErrors(v.mux),
	})
}

// cachedKey is the key in an operation's metadata for whether its answer may be kept.
const cachedKey = "cached"

// exchange is the request that an operation answers, and the writer of the answer.
type exchange struct {
	r *http.Request
	w http.ResponseWriter
}

type exchangeKey struct{}

// exchangeOf returns the exchange in an operation's context.
func exchangeOf(ctx context.Context) exchange {
	x, _ := ctx.Value(exchangeKey{}).(exchange)
	return x
}

// withExchange puts the exchange into the operation's context. It answers 304 if the client has the
// answer already.
func (s *service) withExchange(ctx huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(ctx)
	h := w.Header()
	h.Add("Vary", "Accept")
	if cached, _ := ctx.Operation().Metadata[cachedKey].(bool); cached {
		if s.fresh(w, r, r.URL.Query().Get("dataset"), r.Header.Get("Accept")) {
			return
		}
	} else {
		h.Set("Cache-Control", "no-store")
	}
	next(huma.WithValue(ctx, exchangeKey{}, exchange{r, w}))
}

// fresh sets the ETag of an answer that changes only with the newest minute. If the client has the
// answer, or the server has kept it, fresh answers and returns true.
func (s *service) fresh(w http.ResponseWriter, r *http.Request, dataset, form string) bool {
	if dataset == "" {
		dataset = s.Dataset
	}
	return serve.Fresh(w, r, s.Snapshot(r).Tag(), s.ScopeOf(r, dataset).Window, dataset,
		r.URL.RequestURI(), form)
}

// notKept removes the ETag that fresh has set, since the answer is incomplete and the next one may
// be complete.
func notKept(w http.ResponseWriter) {
	w.Header().Del("ETag")
	w.Header().Set("Cache-Control", "no-store")
}

// quietErrors forbids caches to keep errors.
func quietErrors(h http.Handler) http.Handler { return keepFrom(http.StatusBadRequest, h) }

// keepFrom forbids caches to keep answers with the given status or a higher one.
func keepFrom(status int, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(&errorHeaders{ResponseWriter: w, from: status}, r)
	})
}

type errorHeaders struct {
	http.ResponseWriter
	from  int // the least status of an answer that is not kept
	begun bool
}

func (w *errorHeaders) WriteHeader(status int) {
	if status >= w.from && !w.begun {
		notKept(w.ResponseWriter)
	}
	w.begun = true
	w.ResponseWriter.WriteHeader(status)
}

func (w *errorHeaders) Write(b []byte) (int, error) {
	if !w.begun {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap returns the wrapped writer for http.ResponseController.
func (w *errorHeaders) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// failed returns the answer to a question that failed with err.
func failed(ctx context.Context, err error) error {
	status := serve.StatusOf(err)
	if status == http.StatusServiceUnavailable {
		exchangeOf(ctx).w.Header().Set("Retry-After", "2")
	}
	return huma.NewError(status, serve.Reason(err))
}

// refused returns the answer to a request with an invalid parameter. key names the parameter.
func refused(key, format string, args ...any) error {
	return huma.Error422UnprocessableEntity("The parameter "+key+" cannot be read.",
		&huma.ErrorDetail{Location: "query." + key, Message: fmt.Sprintf(format, args...)})
}

// wantsCSV reports whether a request prefers CSV to JSON.
func wantsCSV(accept string) bool {
	for part := range strings.SplitSeq(accept, ",") {
		kind, _, _ := strings.Cut(part, ";")
		switch strings.ToLower(strings.TrimSpace(kind)) {
		case "text/csv":
			return true
		case "application/json", "*/*", "application/*":
			return false
		}
	}
	return false
}
