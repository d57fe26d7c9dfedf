package serve

import (
	"context"
	"encoding/json"
	"errors"
	"html/template"
	"net/http"
	"strings"

	"github.com/darkmap/darkmap/internal/querydoor"
	"github.com/darkmap/darkmap/serve/history"
)

type formKey struct{}

// formOf returns the form of a request's errors: the form of its route or, before the route is
// known, the form for its path.
func formOf(r *http.Request) Form {
	if f, ok := r.Context().Value(formKey{}).(Form); ok {
		return f
	}
	for _, p := range []string{"/v1", "/v2", "/status/api", "/mcp"} {
		if strings.Contains(r.URL.Path+"/", p+"/") {
			return FormData
		}
	}
	return FormPage
}

// refusal is the page of an error. It needs no style, so it can be shown without the rest of the
// server.
var refusal = template.Must(template.New("refusal").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">` +
	`<title>{{.Title}}</title>
<main><h1>{{.Title}}</h1><p>{{.Detail}}</p></main></html>
`))

// Refuse answers with an error: as problem details (RFC 9457) if the route is for programs, else as
// a page. detail is a sentence without secrets.
func Refuse(w http.ResponseWriter, r *http.Request, status int, detail string) {
	h := w.Header()
	h.Del("ETag")
	h.Set("Cache-Control", "no-store")
	p := querydoor.Problem{Title: http.StatusText(status), Status: status, Detail: detail}
	if formOf(r) == FormData {
		h.Set("Content-Type", "application/problem+json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(p) // the client may be gone
		return
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_ = refusal.Execute(w, p) // the client may be gone
}

// Failed answers a request whose question failed, with a text that a page may show (StatusOf,
// Reason).
func Failed(w http.ResponseWriter, r *http.Request, err error) {
	status := StatusOf(err)
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "2")
	}
	Refuse(w, r, status, Reason(err))
}

// StatusOf returns 404, 400 or 503 for the error of a question.
func StatusOf(err error) int {
	switch {
	case errors.Is(err, history.ErrNotFound):
		return http.StatusNotFound
	case errors.Is(err, history.ErrCursor):
		return http.StatusBadRequest
	}
	return http.StatusServiceUnavailable
}

// Reason explains the error of a question in a sentence. It contains nothing of the store's own
// error texts.
func Reason(err error) string {
	switch {
	case errors.Is(err, history.ErrNotFound):
		return "Nothing is known by this name."
	case errors.Is(err, history.ErrCursor):
		return "The cursor is none that an answer has given."
	case errors.Is(err, history.ErrNoStore):
		return "The past cannot be shown: " + strings.TrimPrefix(err.Error(), history.ErrNoStore.Error()+": ")
	case errors.Is(err, history.ErrBusy):
		return "Too many questions about the past are being answered. Ask again in a second."
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return "The store did not answer in time."
	case errors.Is(err, history.ErrAway):
		return "The past cannot be shown at present: the store does not answer. " +
			"What is shown of the present goes on."
	}
	return "The server could not answer."
}
