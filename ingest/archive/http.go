package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/neterror"
	"github.com/darkmap/darkmap/internal/retry"
)

// ErrNotFound reports a file that the server does not have, or not yet.
var ErrNotFound = errors.New("not found")

// errTooLarge reports a response beyond its cap.
var errTooLarge = errors.New("the answer is larger than allowed")

// maxRedirects bounds the redirections that a request follows.
const maxRedirects = 5

// statusError is a response with an unexpected status.
type statusError struct {
	status string
	code   int
	after  time.Duration // the pause that the server asks for
}

func (e *statusError) Error() string { return "the server answers " + e.status }

// Is makes errors.Is match ErrNotFound for the statuses 404 and 410.
func (e *statusError) Is(target error) bool {
	return target == ErrNotFound && (e.code == http.StatusNotFound || e.code == http.StatusGone)
}

// retriable reports whether the same request may succeed later.
func retriable(err error) bool {
	s, ok := errors.AsType[*statusError](err)
	if ok {
		return s.code == http.StatusTooManyRequests || s.code == http.StatusRequestTimeout || s.code >= 500
	}
	return !errors.Is(err, errTooLarge) && !errors.Is(err, errRedirect) && !errors.Is(err, context.Canceled)
}

// client sends requests to servers. It bounds time, octets and redirections.
type client struct {
	cfg  Config
	http *http.Client
}

// errRequest reports a location from which no request can be built.
var errRequest = errors.New("it is no URL")

// errRedirect reports a redirection that is not followed.
var errRedirect = errors.New("the redirection is not followed")

func newClient(cfg Config) *client {
	t := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // it is one
	t.ResponseHeaderTimeout, t.DisableCompression, t.MaxConnsPerHost = cfg.AnswerTimeout, true, cfg.Parallel+2
	c := &client{cfg: cfg, http: &http.Client{Transport: t}}
	c.http.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		if len(via) > maxRedirects {
			return fmt.Errorf("to %s: %d redirections: %w", Shown(req.URL.String()), len(via), errRedirect)
		}
		if host := req.URL.Hostname(); host != via[0].URL.Hostname() && !c.trusted(host) {
			return fmt.Errorf("to %s, another host: %w", Shown(req.URL.String()), errRedirect)
		}
		if via[0].URL.Scheme == "https" && req.URL.Scheme != "https" {
			return fmt.Errorf("to %s, without TLS: %w", Shown(req.URL.String()), errRedirect)
		}
		return nil
	}
	return c
}

func (c *client) trusted(host string) bool {
	for _, t := range c.cfg.RedirectHosts {
		if host == t || strings.HasSuffix(host, "."+t) {
			return true
		}
	}
	return false
}

// do sends one request. headers come in pairs. A status that ok does not accept is a *statusError.
// ctx must also bound the reading of the body.
func (c *client) do(
	ctx context.Context, url string, ok func(int) bool, headers ...string,
) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("asking for %s: %w", Shown(url), errRequest)
	}
	req.Header.Set("User-Agent", c.cfg.UserAgent)
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, unanswered(req, err)
	}
	if !ok(resp.StatusCode) {
		_ = resp.Body.Close() // the body is not needed
		e := &statusError{
			status: resp.Status, code: resp.StatusCode, after: retryAfter(resp.Header.Get("Retry-After")),
		}
		return nil, fmt.Errorf("asking for %s: %w", Shown(req.URL.String()), e)
	}
	return resp, nil
}

// unanswered describes in words why Do failed, without the URL that net/http puts before the error.
func unanswered(req *http.Request, err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok && errors.Is(err, errRedirect) {
		return fmt.Errorf("asking for %s: %w", Shown(req.URL.String()), e.Err)
	}
	return neterror.Explain(err)
}

// retryAfter parses the Retry-After header (RFC 9110 §10.2.3).
func retryAfter(v string) time.Duration {
	if n, err := strconv.ParseUint(v, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(time.Until(t), 0)
	}
	return 0
}

// isOK accepts only the status 200.
func isOK(code int) bool { return code == http.StatusOK }

// read returns a response of at most limit octets. It repeats the request if that may help.
func (c *client) read(ctx context.Context, url string, limit int64) ([]byte, error) {
	var out []byte
	err := c.retry(ctx, func(ctx context.Context) error {
		resp, err := c.do(ctx, url, isOK)
		if err != nil {
			return err
		}
		defer resp.Body.Close() //nolint:errcheck // only read
		out, err = io.ReadAll(io.LimitReader(resp.Body, limit+1))
		if err == nil && int64(len(out)) > limit {
			err = fmt.Errorf("more than %d octets: %w", limit, errTooLarge)
		}
		if err != nil {
			return fmt.Errorf("reading %s: %w", Shown(resp.Request.URL.String()), err)
		}
		return nil
	})
	return out, err
}

// retry calls f up to Attempts times, with jittered pauses, or with those that the server asks for.
// Each call gets a context that ends after AnswerTimeout plus StallTimeout.
func (c *client) retry(ctx context.Context, f func(context.Context) error) error {
	var pause retry.Backoff
	for i := 1; ; i++ {
		attempt, cancel := context.WithTimeout(ctx, c.cfg.AnswerTimeout+c.cfg.StallTimeout)
		err := f(attempt)
		cancel()
		if err == nil || ctx.Err() != nil || i >= c.cfg.Attempts || !retriable(err) {
			return err
		}
		if err := c.pause(ctx, &pause, err); err != nil {
			return err
		}
	}
}

// pause waits before another attempt after err.
func (c *client) pause(ctx context.Context, pause *retry.Backoff, err error) error {
	s, ok := errors.AsType[*statusError](err)
	if !ok || s.after == 0 {
		return pause.Wait(ctx)
	}
	return retry.Sleep(ctx, min(s.after, c.cfg.RetryAfterLimit))
}

// Answered reports whether err is a response of a server, and not a failure to reach it.
func Answered(err error) bool {
	_, ok := errors.AsType[*statusError](err)
	return ok
}

// Final reports whether err concerns the file itself. Another request is then of no use at once,
// although the file may be published later.
func Final(err error) bool {
	if s, ok := errors.AsType[*statusError](err); ok {
		return !retriable(s)
	}
	return errors.Is(err, ErrNotFound) || errors.Is(err, ErrIncomplete) || errors.Is(err, errTooLarge) ||
		errors.Is(err, errRedirect)
}

// BrokenOff reports whether err is a transfer that the server ended too early.
func BrokenOff(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }
