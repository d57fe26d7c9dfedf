package api

import (
	"context"
	"net/netip"
	"time"

	"github.com/darkmap/darkmap/internal/query"
	"github.com/darkmap/darkmap/serve"
	"github.com/darkmap/darkmap/serve/history"
)

// prefixInput holds the parameters of a question about a prefix.
type prefixInput struct {
	DatasetInput
	Prefix string `query:"prefix" required:"true" maxLength:"50" doc:"A prefix, or an address."`
	At     string `query:"at" maxLength:"40" doc:"Who held it then. Without it now."`
	Peers  int    `query:"peers" minimum:"0" maximum:"1000" default:"100" doc:"How many peers the field now lists at most."`
}

// holder is the state of a prefix and of the ASes that originate it.
type holder struct {
	Prefix       string     `json:"prefix"`
	Family       string     `json:"family" enum:"ipv4,ipv6"`
	State        string     `json:"state" doc:"new, visible, partly, lost or gone."`
	Since        time.Time  `json:"since" doc:"Since when state and origins are these."`
	SinceAtLeast bool       `json:"since_at_least,omitempty" doc:"They were so when the detector began."`
	Until        *time.Time `json:"until,omitempty"`
	SaidAt       time.Time  `json:"said_at" doc:"When this was said last: each prefix is said once a day, and when it changes."`
	Origins      []network  `json:"origins"`
	Upstreams    []network  `json:"upstreams"`
	SeenBy       int        `json:"seen_by" doc:"Voters that held it when it was said last."`
	Voters       int        `json:"voters"`
	UsualPercent float64    `json:"usual_percent" doc:"The part of the voters that usually holds it."`
	Country      string     `json:"country,omitempty"`
	Space        float64    `json:"space" doc:"/24s or /48s."`
}

func holderOf(h history.Holder) holder {
	return holder{
		Prefix: h.Prefix, Family: h.Family, State: h.State, Since: h.Since,
		SinceAtLeast: h.SinceAtLeast, Until: h.Until, SaidAt: h.SaidAt,
		Origins:   networks(h.Origins),
		Upstreams: networks(h.Upstreams), SeenBy: h.SeenBy, Voters: h.Voters,
		UsualPercent: number(h.UsualPercent), Country: h.Country, Space: number(h.Space),
	}
}

// prefixBody is the answer to a question about a prefix.
type prefixBody struct {
	Dataset string `json:"dataset" doc:"The dataset."`
	Prefix  string `json:"prefix" doc:"The prefix that was asked for."`
	// Holders lists the prefixes that contain it, with their states.
	Holders []holder  `json:"holders" doc:"The prefixes that contain it and who holds them, the longest first. The first one is that by which routers reach it."`
	Now     *answered `json:"now,omitempty" doc:"Who sees it this second, as the detector knows; absent where it does not run beside the server, does not answer, or the past is asked for."`
	// HiddenPeers counts, by family, the peers of the operator's own routers, which only logged-in
	// viewers see.
	HiddenPeers map[string]int `json:"hidden_peers,omitempty" doc:"How many peers of private routers are left out of now, by family."`
	Problems    []string       `json:"problems" doc:"Why something is missing."`
}

// readPrefix reads a prefix, or an address as a prefix of full length.
func readPrefix(text string) (netip.Prefix, bool) {
	q, err := query.Parse(text)
	if err != nil || q.Kind != query.KindPrefix && q.Kind != query.KindAddress {
		return netip.Prefix{}, false
	}
	return q.Prefix, true
}

// votersWithin bounds a question to the detector.
const votersWithin = 2 * time.Second

// seen asks the detector which voters see a prefix this second. It removes the parts that the
// viewer may not see.
func (s *service) seen(m moment, p netip.Prefix, peers int) (*answered, map[string]int, string) {
	if s.Voters == nil || !m.here {
		return nil, nil, "Who sees it this second is known only where the detector runs beside the server."
	}
	ctx, cancel := context.WithTimeout(m.r.Context(), votersWithin)
	defer cancel()
	got, err := s.Voters(ctx, query.Question{Kind: query.KindPrefix, Code: p.String(), Prefix: p}, peers)
	if err != nil {
		return nil, nil, "The detector did not say who sees it this second: it starts, or builds its state again."
	}
	// The lists must be empty, not null.
	got.Families, got.Outages = append([]query.Family{}, got.Families...),
		append([]query.Outage{}, got.Outages...)
	if serve.Viewer(m.r).LoggedIn {
		return &answered{got}, nil, ""
	}
	shown, hidden := serve.PublicAnswer(got)
	shown.Outages = append([]query.Outage{}, shown.Outages...)
	for family, n := range hidden {
		if n == 0 {
			delete(hidden, family)
		}
	}
	return &answered{shown}, hidden, ""
}

// holders lists the states of the prefixes that contain p at a time. A zero at means the newest.
func (s *service) holders(m moment, p netip.Prefix, at time.Time) ([]holder, error) {
	if at.IsZero() {
		var err error
		if at, err = s.end(m); err != nil {
			return nil, err
		}
	}
	got, err := s.History.Holders(m.r.Context(), m.scope, p, at)
	out := make([]holder, len(got))
	for i, h := range got {
		out[i] = holderOf(h)
	}
	return out, err
}

func (s *service) prefix(ctx context.Context, in *prefixInput) (*output, error) {
	p, ok := readPrefix(in.Prefix)
	if !ok {
		return nil, refused("prefix", "want a prefix such as 192.0.2.0/24 or 2001:db8::/32, or an address")
	}
	at, err := readTime("at", in.At)
	if err != nil {
		return nil, err
	}
	m := s.about(exchangeOf(ctx).r, in.Dataset)
	body := prefixBody{Dataset: m.dataset, Prefix: p.String(), Problems: []string{}}
	if body.Holders, err = s.holders(m, p, at); err != nil {
		body.Holders, body.Problems = []holder{},
			append(body.Problems, "Who holds it was not looked up. "+serve.Reason(err))
	}
	if at.IsZero() {
		var problem string
		if body.Now, body.HiddenPeers, problem = s.seen(m, p, in.Peers); problem != "" {
			body.Problems = append(body.Problems, problem)
		}
	}
	return encoded(body)
}
