package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/query"
	"github.com/darkmap/darkmap/internal/routertest"
)

var showAge = flag.Duration("show.age", 0, "how long TestUpBMP waits until it asks about a withdrawal again; after two minutes its window is decided")

// show runs `darkmap show` on the running instance.
func (o *observatory) show(args ...string) (stdout, stderr string, code int) {
	o.t.Helper()
	var out, errs bytes.Buffer
	code = run(o.t.Context(), append([]string{"show", "--data-dir", o.dir}, args...), nil, &out, &errs)
	return out.String(), errs.String(), code
}

// asks returns the answer on an entity.
func (o *observatory) asks(what string) (a query.Answer, err error) {
	o.t.Helper()
	out, errs, code := o.show(what, "--format", "json")
	if code != 0 {
		return a, fmt.Errorf("show %s: %d %s", what, code, errs)
	}
	return a, json.Unmarshal([]byte(out), &a)
}

// showWithdrawn asks about a prefix that three routers announce, of which GoBGP is behind an
// upstream. It asks again after they withdrew it.
func (o *observatory) showWithdrawn(script *routertest.Script) {
	o.t.Helper()
	lab := script.Lab
	i := slices.IndexFunc(lab.Routers, func(r *routertest.Router) bool { return r.Kind == routertest.GoBGP })
	p, via := routertest.Common(1, 2)[0], bgp.ASN(64700)
	lab.Routers[i].AnnounceVia([]bgp.ASN{via, 64999}, p)
	var f query.Family
	look := func(want string) {
		routertest.Eventually(o.t, 3*time.Minute, func() error {
			a, err := o.asks(p.String())
			if err != nil {
				return err
			}
			f = a.Families[0]
			got := fmt.Sprintf("held by %d, gone from %d of %d", f.Prefix.HeldBy, f.Prefix.GoneFrom, f.Prefix.Voters)
			for _, h := range append(f.Prefix.Upstreams, f.Prefix.LastUpstreams...) {
				got += fmt.Sprintf(", via %d (%d)", h.ASN, h.Voters)
			}
			if got != want {
				return fmt.Errorf("got %s, want %s", got, want)
			}
			for _, x := range f.Prefix.Peers { // a router that has just come back votes later than the others
				if !x.Votes {
					return fmt.Errorf("%s %s does not vote yet", x.Collector, x.Address)
				}
			}
			return nil
		})
	}
	look(fmt.Sprintf("held by 3, gone from 0 of 3, via %d (1)", via))
	before := time.Now().Truncate(time.Second).Add(-time.Second) // GoBGP's times can be a second early
	script.WithdrawCommon(1, 2)
	look(fmt.Sprintf("held by 0, gone from 3 of 3, via %d (1)", via))
	o.checkWithdrawn(lab, f.Prefix, before)
	if *showAge > 0 {
		time.Sleep(time.Until(before.Add(*showAge)))
		look(fmt.Sprintf("held by 0, gone from 3 of 3, via %d (1)", via))
		o.checkWithdrawn(lab, f.Prefix, before)
		begun := time.Now()
		out, errs, _ := o.show(p.String())
		o.t.Logf("after %v, in %v:\n%s%s", *showAge, time.Since(begun), out, errs)
	}
	if out, errs, code := o.show(p.String()); code != 0 || !strings.Contains(out, "held by     0 of 3 voters now") || errs != "" {
		o.t.Errorf("show in words: %d\n%s%s", code, out, errs)
	}
	for what, want := range map[string]string{"country-KP-ipv4-20141222T1615Z": "there is no outage", "192.0.2": "names nothing"} {
		if out, errs, code := o.show(what); code == 0 || out != "" || !strings.Contains(errs, want) {
			o.t.Errorf("show %s: %d %s %s, want %q", what, code, out, errs, want)
		}
	}
}

// checkWithdrawn: every peer has lost the prefix since before, and the answer names the last route
// of each.
func (o *observatory) checkWithdrawn(lab *routertest.Lab, p *query.Prefix, before time.Time) {
	o.t.Helper()
	if p.FirstWithdrawal == nil || p.FirstWithdrawal.Before(before) || p.LastWithdrawal.After(time.Now()) || p.LastWithdrawal.Sub(before) > time.Minute {
		o.t.Errorf("withdrawn from %v to %v, want since %v", p.FirstWithdrawal, p.LastWithdrawal, before)
	}
	if want := len(lab.Routers) * (len(lab.Routers) - 1); len(p.Peers) != want {
		o.t.Errorf("%d peers, want %d", len(p.Peers), want)
	}
	for _, x := range p.Peers {
		router := lab.Routers[slices.IndexFunc(lab.Routers, func(r *routertest.Router) bool { return r.ASN == x.ASN })]
		wantOrigin, wantVia := router.ASN, bgp.ASN(0)
		if router.Kind == routertest.GoBGP {
			wantOrigin, wantVia = 64999, 64700
		}
		if !x.Votes || x.Holds || x.Withdrawn == nil || x.Origin != wantOrigin || x.Upstream != wantVia || !strings.HasPrefix(x.Collector, "bmp/") {
			o.t.Errorf("peer %+v, want one that voted and withdrew, of origin %d via %d", x, wantOrigin, wantVia)
		}
	}
}

// TestShowNowhere: without a detector, the error names the possible sources of answers. A wrong
// word gets suggestions.
func TestShowNowhere(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"192.0.2.0/24"}, exitFailed, "nothing runs on the data directory"},
		{[]string{"North Korea"}, exitUsage, "want a prefix (192.0.2.0/24)"},
		{[]string{"KP", "--at", "yesterday"}, exitUsage, `--at "yesterday" is not a time`},
		{[]string{"KP", "--limit", "0"}, exitUsage, "--limit 0"},
		{[]string{"KP", "--dataset", "a b"}, exitUsage, "--dataset a b"},
		{[]string{"KP", "--detector", "127.0.0.1:9464", "--at", "2014-12-22"}, exitUsage, "--detector asks about the present"},
		{[]string{"KP", "--detector", "nowhere"}, exitUsage, "no address"},
		{[]string{"KP", "--dataset", "demo"}, exitFailed, "nothing was ever stored"},
	} {
		var out, errs bytes.Buffer
		code := run(t.Context(), append([]string{"show", "--data-dir", t.TempDir()}, tt.args...), nil, &out, &errs)
		if code != tt.code || out.Len() > 0 || !strings.Contains(errs.String(), tt.want) {
			t.Errorf("%q: got %d, want %d and %q:\n%s", tt.args, code, tt.code, tt.want, errs.String())
		}
	}
}
