package shoutrrr

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/discord"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/mattermost"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/rocketchat"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/telegram"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/push/gotify"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/push/ntfy"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/push/pushover"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"
	"github.com/nicholas-fedor/shoutrrr/pkg/util/jsonclient"

	"github.com/darkmap/darkmap/notify/target"
	"github.com/darkmap/darkmap/notify/target/httpclient"
)

// errStopped ends the library's attempt. The door holds the cause. The library does not retry after
// this error.
var errStopped = errors.New("the request failed")

// door carries the requests of one attempt: the library's requests go through httpclient, and door
// stores their outcome. mu guards the last two fields.
type door struct {
	client *httpclient.Client
	gone   []int
	// proxied is called with the address of each request.
	proxied func(*url.URL)

	mu     sync.Mutex
	passed int   // number of requests answered with 2xx
	fault  error // the fault of the last request without such an answer
}

// RoundTrip sends a request. After a failure it sends no further request, because the library would
// retry by itself.
func (d *door) RoundTrip(r *http.Request) (*http.Response, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fault != nil {
		return nil, errStopped
	}
	d.proxied(r.URL)
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		if err := r.Body.Close(); err != nil {
			return nil, err
		}
	}
	a, err := d.client.Do(r.Context(),
		httpclient.Request{Method: r.Method, URL: r.URL, Header: r.Header, Body: body, Gone: d.gone})
	if err != nil {
		d.fault = err
		if f := target.FaultOf(err); f != nil && a != nil && f.Throttle && f.RetryAfter == 0 {
			f.RetryAfter = retryAfter(a.Body)
		}
		return nil, errStopped
	}
	d.passed++
	return &http.Response{
		Status: http.StatusText(a.Status), StatusCode: a.Status, Proto: "HTTP/1.1", ProtoMajor: 1,
		ProtoMinor: 1, Header: a.Header,
		Body: io.NopCloser(bytes.NewReader(a.Body)), ContentLength: int64(len(a.Body)), Request: r,
	}, nil
}

// maxRetry bounds the pause that a service can ask for.
const maxRetry = time.Hour

// retryAfter returns the pause that Telegram asks for; 0 if it asks for none.
func retryAfter(body []byte) time.Duration {
	var said struct {
		Parameters struct {
			RetryAfter float64 `json:"retry_after"`
		} `json:"parameters"`
	}
	if json.Unmarshal(body, &said) != nil {
		return 0
	}
	return time.Duration(min(max(said.Parameters.RetryAfter, 0), maxRetry.Seconds()) * float64(time.Second))
}

// result returns the outcome of the attempt. It is nil only if the service answered with 2xx,
// independent of the library's result: the library's Telegram reports success for a request without
// an answer.
func (d *door) result(err error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.fault != nil:
		return d.fault
	case d.passed == 0:
		return &target.Fault{
			Err: errors.New("the library sent no request: its URL has a parameter that cannot be used"), Refused: true,
		}
	case err != nil: // the service answered 2xx and reported an error
		return &target.Fault{Err: errors.New("the service did not take the message"), Refused: true}
	}
	return nil
}

// awake is a sleeper that does not sleep: notify waits between attempts, not the library.
type awake struct{}

// Sleep returns at once.
func (awake) Sleep(time.Duration) {}

// telegramMu is held while jsonclient.DefaultClient is replaced: the library's Telegram has no
// client of its own.
var telegramMu sync.Mutex

// through makes a service send through the door, and returns its send function.
func (d *door) through(s types.Service) func(string, *types.Params) error {
	c := &http.Client{Transport: d}
	switch s := s.(type) {
	case *discord.Service:
		s.HTTPClient, s.Sleeper = c, awake{}
	case *ntfy.Service:
		s.SetHTTPClient(c)
	case *gotify.Service:
		*s.GetHTTPClient() = *c
	case *mattermost.Service:
		*s.GetHTTPClient() = *c
	case *rocketchat.Service:
		s.Client = c
	case *pushover.Service:
		s.Client = c
	case *telegram.Service:
		return func(message string, p *types.Params) error {
			telegramMu.Lock()
			defer telegramMu.Unlock()
			before := jsonclient.DefaultClient
			defer func() { jsonclient.DefaultClient = before }()
			jsonclient.DefaultClient = jsonclient.NewWithHTTPClient(c)
			return s.Send(message, p)
		}
	}
	return s.Send
}
