package httpclient

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/darkmap/darkmap/internal/neterror"
	"github.com/darkmap/darkmap/notify/target"
)

const (
	// maxAnswer bounds the part of an answer's body that is read, in octets.
	maxAnswer = 64 << 10
	// maxHeader bounds an answer's header, in octets.
	maxHeader = 64 << 10
	// maxRetryAfter bounds the pause that a server can ask for.
	maxRetryAfter = 24 * time.Hour
)

// Client sends requests. It is safe for concurrent use.
type Client struct {
	http      *http.Client
	transport *http.Transport
	proxy     func(*http.Request) (*url.URL, error)
	timeout   time.Duration
	agent     string
	auth      string // the value of the header Authorization; a secret
	now       func() time.Time
}

// New makes a client. It uses the proxies of the environment (HTTPS_PROXY, HTTP_PROXY, NO_PROXY).
func New(cfg Config, d target.Deps) (*Client, error) {
	return newClient(cfg, d, http.ProxyFromEnvironment)
}

func newClient(cfg Config, d target.Deps, proxy func(*http.Request) (*url.URL, error)) (*Client, error) {
	settings, err := cfg.tls()
	if err != nil {
		return nil, err
	}
	auth, err := cfg.Authorization.Read()
	if err != nil {
		return nil, err
	}
	if !httpguts.ValidHeaderFieldValue(auth) {
		return nil, errors.New("authorization: the secret has characters that a header cannot hold")
	}
	c := &Client{
		timeout: cmp.Or(cfg.Timeout, usualTimeout), agent: "darkmap/" + d.Version, auth: auth,
		now: d.Now,
	}
	c.proxy = func(r *http.Request) (*url.URL, error) {
		p, err := proxy(r)
		if err != nil { // err would show the proxy's password
			return nil, errors.New("the proxy of the environment (HTTPS_PROXY, HTTP_PROXY) is no URL")
		}
		return p, nil
	}
	dialer := &net.Dialer{KeepAlive: 30 * time.Second, ControlContext: refuseMetadata}
	c.transport = &http.Transport{
		Proxy: c.proxy, DialContext: dialer.DialContext, TLSClientConfig: settings, ForceAttemptHTTP2: true,
		MaxIdleConnsPerHost: 2, IdleConnTimeout: 90 * time.Second, TLSHandshakeTimeout: 10 * time.Second,
		MaxResponseHeaderBytes: maxHeader, DisableCompression: true,
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.http = &http.Client{Transport: c.transport, CheckRedirect: stay}
	return c, nil
}

// Close ends idle connections.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// LogProxy logs the proxy for requests to u, if there is one. The proxy then decides which
// addresses are reached.
func (c *Client) LogProxy(d target.Deps, u *url.URL) {
	if p, err := c.proxy(&http.Request{URL: u}); err == nil && p != nil && d.Logger != nil {
		d.Logger.Info("requests go through a proxy: the proxy decides which addresses they reach", "target",
			d.Name, "host", u.Host, "proxy", p.Host)
	}
}

// Request is an HTTP request.
type Request struct {
	// Method is the HTTP method; empty is POST.
	Method string
	URL    *url.URL
	Header http.Header
	Body   []byte
	// Gone lists statuses, in addition to 410, with which this server reports that the key or the
	// destination no longer exists.
	Gone []int
}

// Answer is an HTTP response.
type Answer struct {
	Status int
	Header http.Header
	// Body is the first 64 KiB of the body, or less if the connection broke.
	Body []byte
}

// Do makes one attempt. The error is nil if the status is 2xx. Otherwise it is a *target.Fault, or
// ctx's error if ctx was cancelled. If there was a response, Do returns it, even with an error.
func (c *Client) Do(ctx context.Context, r Request) (*Answer, error) {
	within, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	req, err := c.request(within, r)
	if err != nil {
		return nil, &target.Fault{Err: err, Refused: true}
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreached(ctx, r.URL, err)
	}
	defer func() { _ = resp.Body.Close() }()
	// A truncated body is no error: the status alone decides on the message.
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	a := &Answer{Status: resp.StatusCode, Header: resp.Header, Body: body}
	if fault := c.fault(r, a); fault != nil {
		return a, fault
	}
	return a, nil
}

func (c *Client) request(ctx context.Context, r Request) (*http.Request, error) {
	method := r.Method
	if method == "" {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(ctx, method, r.URL.String(), bytes.NewReader(r.Body))
	if err != nil { // err would show the URL
		return nil, errors.New("the request cannot be made: its method or URL is not valid")
	}
	if r.Header != nil {
		req.Header = r.Header.Clone()
	}
	req.Header.Set("User-Agent", c.agent)
	if c.auth != "" {
		req.Header.Set("Authorization", c.auth)
	}
	return req, nil
}

// unreached returns the reason why no answer came. It names only the host.
func (c *Client) unreached(ctx context.Context, u *url.URL, err error) error {
	if ctx.Err() != nil && errors.Is(ctx.Err(), context.Canceled) {
		return fmt.Errorf("sending to %s: %w", u.Host, context.Canceled)
	}
	if m, ok := errors.AsType[*metadataError](err); ok {
		return &target.Fault{Err: fmt.Errorf("%s: the address %w", u.Host, m), Refused: true}
	}
	why := neterror.Why(err) // of a URL it repeats only the host
	if !strings.Contains(why, u.Host) {
		why = u.Host + ": " + why
	}
	return &target.Fault{Err: errors.New(why)}
}

// fault classifies a status. It returns nil for success.
func (c *Client) fault(r Request, a *Answer) *target.Fault {
	host := r.URL.Host
	f := &target.Fault{Status: a.Status}
	switch {
	case a.Status >= 200 && a.Status < 300:
		return nil
	case a.Status == http.StatusGone, slices.Contains(r.Gone, a.Status):
		f.Gone = true
		f.Err = fmt.Errorf("%s rejects this address or its key as no longer valid (%s)", host, phrase(a.Status))
	case a.Status == http.StatusTooManyRequests, a.Status == http.StatusBadGateway,
		a.Status == http.StatusServiceUnavailable, a.Status == http.StatusGatewayTimeout:
		f.Throttle = true
		f.RetryAfter = RetryAfter(a.Header.Get("Retry-After"), c.now())
		f.Err = fmt.Errorf("%s asks to be left alone for now (%s)", host, phrase(a.Status))
	case a.Status >= 300 && a.Status < 400:
		f.Refused = true
		f.Err = fmt.Errorf(
			"%s redirects%s; redirects are not followed: put the final address into the configuration",
			host, destination(r.URL, a.Header))
	case a.Status == http.StatusRequestTimeout, a.Status == http.StatusTooEarly, a.Status >= 500, a.Status < 200:
		f.RetryAfter = RetryAfter(a.Header.Get("Retry-After"), c.now())
		f.Err = fmt.Errorf("%s failed (%s)", host, phrase(a.Status))
	default:
		f.Refused = true
		f.Err = fmt.Errorf("%s refuses the message (%s)", host, phrase(a.Status))
	}
	return f
}

// phrase returns the name of a status.
func phrase(status int) string {
	if s := http.StatusText(status); s != "" {
		return s
	}
	return "a status without a name"
}

// destination returns the host of a redirect. The path may be a secret.
func destination(from *url.URL, h http.Header) string {
	to, err := from.Parse(h.Get("Location"))
	switch {
	case err != nil || h.Get("Location") == "":
		return ""
	case to.Host == from.Host && to.Scheme == from.Scheme:
		return " to another path of itself"
	}
	return fmt.Sprintf(" to %s://%s", to.Scheme, to.Host)
}
