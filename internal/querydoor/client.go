package querydoor

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/darkmap/darkmap/internal/query"
)

// maxAnswer bounds the octets read from an answer.
const maxAnswer = 8 << 20

// Client sends questions to the door of a detector.
type Client struct {
	// Address is host:port of the detector's admin server, Key the key of the door.
	Address, Key string
}

// RefusedError is a refusal by the door.
type RefusedError struct{ Problem }

// Error returns the door's reason, in words.
func (e *RefusedError) Error() string { return e.Detail }

// Ask sends q and returns the answer. The error is a *RefusedError if the door gives a reason for
// having no answer.
func (c Client) Ask(ctx context.Context, q query.Question, limit int) (answer query.Answer, err error) {
	u := url.URL{
		Scheme: "http", Host: c.Address, Path: Path,
		RawQuery: url.Values{"what": {q.Code}, "limit": {strconv.Itoa(limit)}}.Encode(),
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return answer, fmt.Errorf("asking the detector: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+c.Key)
	// No proxy: the key is for the detector alone.
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := (&http.Client{Transport: transport, CheckRedirect: stay}).Do(req)
	if err != nil {
		return answer, fmt.Errorf("asking the detector: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	body := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer))
	if resp.StatusCode != http.StatusOK {
		refused := &RefusedError{Problem{Status: resp.StatusCode}}
		if err := body.Decode(&refused.Problem); err != nil || refused.Detail == "" {
			return answer, fmt.Errorf("asking the detector: %s answered %s, and is no detector's admin port",
				c.Address, resp.Status)
		}
		return answer, refused
	}
	if err := body.Decode(&answer); err != nil {
		return answer, fmt.Errorf("reading the detector's answer: %w", err)
	}
	return answer, nil
}

// stay refuses redirects, so that the key stays with the detector.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
