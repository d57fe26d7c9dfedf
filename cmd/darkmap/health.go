package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

const (
	// healthWithin bounds how long a question about health takes.
	healthWithin = 4 * time.Second
	// healthBytes bounds the answer that is shown.
	healthBytes = 64 << 10
)

// healthCmd asks the admin server of a process how it is, for what starts containers and has no
// other HTTP client.
type healthCmd struct {
	AdminAddr adminAddr `help:"Admin server that is asked (default ${default})." default:"${admin_addr}" placeholder:"HOST:PORT"`
	Live      bool      `help:"Ask whether its loops turn (/livez), in the place of whether it does its work (/readyz)."`
}

// Run prints the answer. It fails where the process is not well, or does not answer.
func (c *healthCmd) Run(ctx context.Context, g *globals) error {
	host, port, err := net.SplitHostPort(string(c.AdminAddr))
	if err != nil { // Validate has seen it
		return usageError(err)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	path := "/readyz"
	if c.Live {
		path = "/livez"
	}
	limited, cancel := context.WithTimeout(ctx, healthWithin)
	defer cancel()
	url := "http://" + net.JoinHostPort(host, port) + path
	req, err := http.NewRequestWithContext(limited, http.MethodGet, url, http.NoBody)
	if err != nil {
		return usageError(err)
	}
	// No proxy of the environment stands between a process and itself.
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("asking %s: %w", c.AdminAddr, err)
	}
	defer res.Body.Close() //nolint:errcheck // only read
	body, err := io.ReadAll(io.LimitReader(res.Body, healthBytes))
	if err != nil {
		return fmt.Errorf("reading the answer of %s: %w", c.AdminAddr, err)
	}
	text := strings.TrimSpace(string(body))
	if res.StatusCode != http.StatusOK {
		return errors.New(text)
	}
	_, err = fmt.Fprintln(g.stdout, text)
	return err
}
