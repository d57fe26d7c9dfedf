package api

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/darkmap/darkmap/internal/feedlog"
	"github.com/darkmap/darkmap/serve"
)

// feedsBody holds the states of the collectors.
type feedsBody struct {
	Dataset string        `json:"dataset" doc:"The dataset."`
	Feeds   []feedlog.Row `json:"feeds" doc:"The collectors, by name. Empty for a dataset of the past."`
	Hidden  int           `json:"hidden" doc:"How many private routers are left out: only those who are logged in see them."`
}

// panelInput holds the parameters of the panel.
type panelInput struct {
	DatasetInput
	At string `query:"at" maxLength:"40" doc:"A moment of the past."`
}

// panelBody is the panel.
type panelBody struct {
	Dataset  string          `json:"dataset" doc:"The dataset."`
	Families []feedlog.Panel `json:"families" doc:"Whether verdicts are possible, by family."`
	Peers    []peer          `json:"peers" doc:"The peers: who votes, and why the others do not."`
	Hidden   int             `json:"hidden" doc:"How many peers of private routers are left out."`
	Problem  string          `json:"problem,omitempty" doc:"Why the peers are missing; absent where they are not."`
}

// peer is a collector's peer.
type peer struct {
	network
	Family    string `json:"family" enum:"ipv4,ipv6"`
	Collector string `json:"collector"`
	Address   string `json:"address,omitempty"`
	Votes     bool   `json:"votes"`
	Reason    string `json:"reason,omitempty" doc:"Why it does not vote."`
	Prefixes  int    `json:"prefixes"`
}

// Health is the state of the server and of its data.
type Health struct {
	Dataset  string          `json:"dataset" doc:"The dataset."`
	Minute   *time.Time      `json:"minute,omitempty" doc:"The beginning of the newest decided minute; absent before the first."`
	Stale    bool            `json:"stale" doc:"What is shown may be over: no minute was decided for three minutes."`
	Quiet    bool            `json:"quiet" doc:"Nothing is dark, and that is known: it is not stale, verdicts are possible, and no outage is open."`
	Problems []string        `json:"problems" doc:"What keeps the server from telling all, in sentences."`
	Families []feedlog.Panel `json:"families" doc:"Whether verdicts are possible, by family."`
	Open     int             `json:"open" doc:"Outages that go on."`
	History  string          `json:"history,omitempty" doc:"Why the past cannot be shown; absent where it can, as far as is known."`
	Version  string          `json:"version" doc:"The program's version."`
}

func (s *service) registerFeeds(v *v1) {
	register(v, huma.Operation{
		OperationID: "list-feeds", Path: "/v1/feeds", Summary: "How the collectors stand",
		Tags: []string{"state"}, Responses: responseOf[feedsBody](v, "The collectors.", false),
	}, false, func(ctx context.Context, _ *struct{}) (*output, error) {
		p := s.Snapshot(exchangeOf(ctx).r)
		return encoded(feedsBody{p.Dataset, append([]feedlog.Row{}, p.Feeds...), p.PrivateFeeds})
	})
	register(v, huma.Operation{
		OperationID: "get-panel", Path: "/v1/panel", Summary: "Who votes", Tags: []string{"state"},
		Responses: responseOf[panelBody](v, "The panel.", false),
	}, false, s.panel)
	register(v, huma.Operation{
		OperationID: "get-health", Path: "/v1/health",
		Summary: "How the server and what it shows stand", Tags: []string{"state"},
		Responses: responseOf[Health](v, "How they stand.", false),
	}, false, s.health)
}

func (s *service) health(ctx context.Context, _ *struct{}) (*output, error) {
	p := s.Snapshot(exchangeOf(ctx).r)
	h := Health{
		Dataset: p.Dataset, Stale: p.Stale, Quiet: p.Quiet(),
		Problems: append([]string{}, p.Problems...),
		Families: append([]feedlog.Panel{}, p.Families...), Open: len(p.Open),
		History: reason(s.History.Known()), Version: s.Version,
	}
	if !p.Minute.IsZero() {
		h.Minute = &p.Minute
	}
	return encoded(h)
}

func (s *service) panel(ctx context.Context, in *panelInput) (*output, error) {
	at, err := readTime("at", in.At)
	if err != nil {
		return nil, err
	}
	m := s.about(exchangeOf(ctx).r, in.Dataset)
	snapshot, err := s.world(m, at)
	if err != nil {
		return nil, failed(ctx, err)
	}
	body := panelBody{
		Dataset: m.dataset, Families: append([]feedlog.Panel{}, snapshot.Families...),
		Peers: []peer{},
	}
	if at.IsZero() {
		at = snapshot.Until()
	}
	peers, hidden, err := s.History.Peers(m.r.Context(), m.scope, at)
	if err != nil {
		body.Problem = "The peers are missing. " + serve.Reason(err)
	}
	body.Hidden = hidden
	for _, p := range peers {
		x := peer{
			network: network{p.ASN, p.Name}, Family: p.Family, Collector: p.Collector,
			Votes: p.Votes, Reason: p.Reason, Prefixes: p.Prefixes,
		}
		if p.Address.IsValid() {
			x.Address = p.Address.String()
		}
		body.Peers = append(body.Peers, x)
	}
	return encoded(body)
}
