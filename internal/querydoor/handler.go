package querydoor

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/query"
)

// Path is the path of the door.
const Path = "/v1/query"

// writeWithin bounds the time in which a client must read an answer.
const writeWithin = 10 * time.Second

// Ask answers a question with at most limit entries a list. Its error gives, in words, the reason
// why there is no answer at present.
type Ask func(ctx context.Context, q query.Question, limit int) (query.Answer, error)

// Problem is an error in the form of RFC 9457.
type Problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

// Handler answers GET ?what=WHAT&limit=N. Without a key it refuses all requests.
func Handler(key string, ask Ask) http.Handler {
	want := sha256.Sum256([]byte("Bearer " + key))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		// The writer of a test has no deadline.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeWithin))
		got := sha256.Sum256([]byte(r.Header.Get("Authorization")))
		switch {
		case r.Method != http.MethodGet:
			h.Set("Allow", http.MethodGet)
			refuse(w, http.StatusMethodNotAllowed, "the door only reads: use GET")
			return
		case fromPage(r):
			refuse(w, http.StatusForbidden, "the door is not for web pages")
			return
		case key == "":
			refuse(w, http.StatusForbidden, "the door is closed: detect.door.key names no secret")
			return
		case subtle.ConstantTimeCompare(got[:], want[:]) != 1:
			h.Set("WWW-Authenticate", `Bearer realm="darkmap"`)
			refuse(w, http.StatusUnauthorized,
				"the door wants its key (Authorization: Bearer KEY): that of run.json, or of detect.door.key")
			return
		}
		q, limit, err := parse(r)
		if err != nil {
			refuse(w, http.StatusBadRequest, err.Error())
			return
		}
		answer, err := ask(r.Context(), q, limit)
		if err != nil {
			h.Set("Retry-After", "1")
			refuse(w, http.StatusServiceUnavailable, err.Error())
			return
		}
		write(w, http.StatusOK, "application/json", answer)
	})
}

// fromPage reports whether a browser sends the request for a web page. Browsers do not let pages
// change these headers.
func fromPage(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return r.Header.Get("Origin") != "" || site != "" && site != "none"
}

// parse reads what and limit.
func parse(r *http.Request) (query.Question, int, error) {
	v := r.URL.Query()
	q, err := query.Parse(v.Get("what"))
	if err != nil {
		return q, 0, fmt.Errorf("what: %w", err)
	}
	if q.Kind == query.KindOutage {
		return q, 0, fmt.Errorf("what: the detector does not answer by an outage's id: " +
			"its records are in bgp.outages.v1 and in the store")
	}
	limit := query.DefaultLimit
	if text := v.Get("limit"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > query.MaxLimit {
			return q, 0, fmt.Errorf("limit: %.20q: want a number from 1 to %d", text, query.MaxLimit)
		}
	}
	for name := range v {
		if name != "what" && name != "limit" {
			return q, 0, fmt.Errorf("%.40q is not known: there are what and limit", name)
		}
	}
	return q, limit, nil
}

func refuse(w http.ResponseWriter, status int, detail string) {
	write(w, status, "application/problem+json", Problem{
		Title: http.StatusText(status), Status: status, Detail: strings.TrimSpace(detail),
	})
}

func write(w http.ResponseWriter, status int, kind string, body any) {
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client may be gone
}
