package httpclient

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/config"
)

// Endpoint is the address of a target. Exactly one of its fields is set. It is inlined into a
// target's configuration.
type Endpoint struct {
	// The URL, where it is no secret.
	URL string `yaml:"url,omitempty" form:"a URL of http or https"`
	// The URL, where it is a secret or holds a user and a password.
	URLSecret config.Secret `yaml:"url_secret,omitempty"`
}

// Faults returns the faults that struct tags cannot express.
func (e Endpoint) Faults() []config.Fault {
	switch known := e.URLSecret != (config.Secret{}); {
	case known == (e.URL != ""):
		return []config.Fault{{Key: "url", Value: "", Want: "either url or url_secret"}}
	case strings.Contains(e.URL, "@"):
		if u, err := url.Parse(e.URL); err != nil || u.User != nil {
			return []config.Fault{
				{Key: "url", Value: e.URL, Want: "a URL without a password here: such a one belongs into url_secret"},
			}
		}
	}
	return nil
}

// Read returns the URL. Its error does not contain the URL.
func (e Endpoint) Read() (*url.URL, error) {
	s := e.URL
	if e.URLSecret != (config.Secret{}) {
		var err error
		if s, err = e.URLSecret.Read(); err != nil {
			return nil, fmt.Errorf("url_secret: %w", err)
		}
	}
	u, err := ParseURL(s)
	if err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	return u, nil
}

// errAddress does not repeat the address, which may be a secret.
var errAddress = errors.New("want an absolute URL that begins with https:// or http:// and names a host")

// ParseURL parses the address of a target and ignores surrounding spaces. Its error does not
// contain the address.
func ParseURL(s string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(s))
	if err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, errAddress
	}
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}

// RetryAfter parses the header of this name (RFC 9110 §10.2.3): seconds, or a date, which is
// compared with now. The result is 0 for an invalid value, and at most a day.
func RetryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if seconds, err := strconv.ParseUint(value, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(min(seconds, uint64(maxRetryAfter/time.Second))) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), maxRetryAfter)
}
