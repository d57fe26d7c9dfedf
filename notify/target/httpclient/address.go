package httpclient

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// errAddress shows nothing of what was read: it may be a secret.
var errAddress = errors.New("want an absolute URL that begins with https:// or http:// and names a host")

// ParseURL reads the address of a target, with blanks around it taken off. The error does not show it.
func ParseURL(s string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(s))
	if err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, errAddress
	}
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}

// RetryAfter reads the header of this name (RFC 9110 §10.2.3): seconds, or a date, which is compared with now. It is 0 where it says nothing,
// and at most a day.
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
