package shoutrrr

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nicholas-fedor/shoutrrr/pkg/router"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/discord"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/telegram"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"

	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/internal/neterror"
	"github.com/darkmap/darkmap/notify/target"
	"github.com/darkmap/darkmap/notify/target/httpclient"
)

const (
	// maxAge is the age from which news is late. groupWait is how long an incident waits for wider
	// events. interval is the minimum time between messages: Discord's limit for a webhook.
	maxAge    = 6 * time.Hour
	groupWait = time.Minute
	interval  = 2 * time.Second
	// timeout is how long Send waits for an attempt.
	timeout = 15 * time.Second
	// maxHanging is the maximum number of hanging attempts: services that are not guarded have no
	// time limit.
	maxHanging = 4
)

// shoutrrrTarget is a service.
type shoutrrrTarget struct {
	url     string // a secret
	scheme  string
	host    string // of a service that is not guarded; empty if its URL contains none
	service service
	client  *httpclient.Client
	hanging chan struct{} // one element for each running attempt
	deps    target.Deps
	proxied sync.Once // logs the use of a proxy once
}

// New makes the target. It does not contact the service.
func New(cfg Config, d target.Deps) (target.Target, error) {
	if err := config.Validate(&cfg); err != nil {
		return nil, err
	}
	secret, err := cfg.URL.Read()
	if err != nil {
		return nil, err
	}
	t := &shoutrrrTarget{url: strings.TrimSpace(secret), hanging: make(chan struct{}, maxHanging), deps: d}
	u, err := url.Parse(t.url)
	if err != nil {
		return nil, errors.New("the secret url is no URL")
	}
	t.scheme, _, _ = strings.Cut(u.Scheme, "+")
	if kind := own[t.scheme]; kind != "" {
		return nil, fmt.Errorf("the secret url is of %s, for which there is a target of its own: the section %s",
			t.scheme, kind)
	}
	var found bool
	if t.service, found = services[t.scheme]; !found {
		return nil, errors.New("the secret url begins with no service that is known: want one of " + known())
	}
	if t.client, err = httpclient.New(cfg.HTTP, d); err != nil {
		return nil, err
	}
	if _, err := t.locate(); err != nil {
		return nil, err
	}
	if !t.service.guarded {
		t.host = hostOf(t.scheme, u)
		d.Logger.Warn("this service follows redirects and has no limit of time: the library connects by itself",
			"target", d.Name, "service", t.scheme)
	}
	return t, nil
}

// hostOf returns the host in the URL of a service; empty if there is none.
func hostOf(scheme string, u *url.URL) string {
	switch scheme {
	case "bark", "generic", "opsgenie", "signal", "zulip":
		return u.Hostname()
	case "teams":
		return u.Query().Get("host")
	}
	return ""
}

// locate makes the library's service. Errors of the library show the URL and are not passed on.
func (t *shoutrrrTarget) locate() (types.Service, error) {
	s, err := new(router.ServiceRouter).Locate(t.url)
	if err != nil {
		return nil, fmt.Errorf("the secret url does not have the form that shoutrrr's service %s wants", t.scheme)
	}
	return s, nil
}

// Traits returns the traits of a chat without edits and keys.
func (t *shoutrrrTarget) Traits() target.Traits {
	return target.Traits{Style: target.Chat, MaxAge: maxAge, GroupWait: groupWait, Interval: interval}
}

// Send sends the message. The library takes no context: if an attempt hangs, Send returns and the
// attempt continues.
func (t *shoutrrrTarget) Send(ctx context.Context, m *target.Message,
	_ target.Handle,
) (target.Handle, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	s, err := t.locate()
	if err != nil {
		return nil, &target.Fault{Err: err, Refused: true}
	}
	if t.host != "" {
		if err := httpclient.Refuse(ctx, t.host); err != nil {
			return nil, err
		}
	}
	select {
	case t.hanging <- struct{}{}:
	default:
		return nil, &target.Fault{Err: fmt.Errorf("%d attempts at %s hang", maxHanging, t.scheme)}
	}
	done := make(chan error, 1)
	go func() { // ends with the attempt; there are at most maxHanging
		defer func() { <-t.hanging }()
		done <- t.attempt(s, m)
	}()
	select {
	case err := <-done:
		return nil, err
	case <-ctx.Done():
		return nil, &target.Fault{Err: fmt.Errorf("%s does not answer in time", t.scheme)}
	}
}

// attempt sends the message once.
func (t *shoutrrrTarget) attempt(s types.Service, m *target.Message) error {
	message, params := t.service.body(m), t.service.params(m)
	switch s := s.(type) {
	case *discord.Service:
		s.Config.JSON = true
		var err error
		if message, err = t.service.discord(m, s.Config.Username, s.Config.Avatar); err != nil {
			return err
		}
	case *telegram.Service:
		s.Config.ParseMode, s.Config.Title, s.Config.Preview = telegram.ParseModes.None, "", false
	}
	if !t.service.guarded {
		return t.understood(s.Send(message, &params))
	}
	d := &door{
		client: t.client, gone: t.service.gone,
		proxied: func(u *url.URL) { t.proxied.Do(func() { t.client.LogProxy(t.deps, u) }) },
	}
	return d.result(d.through(s)(message, &params))
}

var (
	// urls matches URLs, which are removed from an error before the search for a status.
	urls = regexp.MustCompile(`\S*://\S*`)
	// statuses matches the statuses of failures.
	statuses = regexp.MustCompile(`\b[45]\d\d\b`)
)

// understood turns an error of the library into a Fault. It does not repeat the error's text, which
// shows the URL.
func (t *shoutrrrTarget) understood(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return &target.Fault{Err: fmt.Errorf("%s: %s", t.scheme, neterror.Why(err))}
	}
	// 0 if there is no status
	status, _ := strconv.Atoi(statuses.FindString(urls.ReplaceAllString(err.Error(), " ")))
	f := &target.Fault{Status: status, Err: fmt.Errorf("%s did not take the message", t.scheme)}
	switch status {
	case 401, 403, 410:
		f.Gone = true
	case 429, 502, 503, 504:
		f.Throttle = true
	default:
		f.Refused = status >= 400 && status < 500 && status != 408
	}
	return f
}

// Close ends idle connections. Hanging attempts continue.
func (t *shoutrrrTarget) Close() error {
	t.client.Close()
	return nil
}
