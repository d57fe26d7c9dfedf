package api

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/serve/live"
)

// value is the visibility of an entity.
type value struct {
	Type   string `json:"type" enum:"prefix,as,country,region,world,watch" doc:"Kind of entity."`
	Code   string `json:"code" doc:"KP, KP-01, AS131279, 175.45.176.0/24, world, or the name of a watch list."`
	Name   string `json:"name,omitempty" doc:"Its name, in the words of others."`
	Family string `json:"family" enum:"ipv4,ipv6" doc:"Address family."`
	// Minute is the beginning of the minute of the value.
	Minute time.Time `json:"minute" doc:"The beginning of the minute in which this was measured."`
	// Measured is false if the value is too old to describe the present.
	Measured    bool    `json:"measured" doc:"Whether it tells of the newest minute. Where it does not, nothing was measured lately."`
	Visible     size    `json:"visible" doc:"What the voters see."`
	Usual       size    `json:"usual" doc:"What losses are measured against."`
	LossPercent float64 `json:"loss_percent" doc:"Space that is missing of the usual, in percent."`
	Voters      int     `json:"voters" doc:"Networks that voted."`
	Outage      string  `json:"outage,omitempty" doc:"The id of its open outage; absent where none is."`
}

func valueOf(v live.Value, minute time.Time) value {
	return value{
		Type: v.Type.String(), Code: v.Code, Name: v.Name, Family: v.Family.String(),
		Minute: v.Minute.UTC(), Measured: v.Fresh(minute), Visible: sizeOf(v.Visible),
		Usual: sizeOf(v.Usual), LossPercent: number(v.LossPercent), Voters: v.Voters, Outage: v.Outage,
	}
}

func (v value) key() string { return v.Code + "|" + v.Family }

// entitiesInput holds the parameters of a list of entities.
type entitiesInput struct {
	DatasetInput
	Type   string   `query:"type" enum:"prefix,as,country,region,world,watch" default:"country" doc:"Kind of entities. Of prefixes those that lose are listed."`
	Code   []string `query:"code" maxItems:"100" doc:"Codes, separated by commas. Without it all."`
	Family string   `query:"family" enum:"ipv4,ipv6" doc:"Address family. Without it both."`
	Losing bool     `query:"losing" doc:"Only those of which less is visible than usual."`
	At     string   `query:"at" maxLength:"40" doc:"A moment of the past. Networks and prefixes are known of the present alone."`
	Limit  int      `query:"limit" minimum:"1" maximum:"10000" default:"1000" doc:"How many are returned at most."`
	Cursor string   `query:"cursor" maxLength:"200" doc:"The field next of the answer before."`
}

// entitiesBody is a list of entities.
type entitiesBody struct {
	Dataset  string     `json:"dataset" doc:"The dataset."`
	Minute   *time.Time `json:"minute,omitempty" doc:"The beginning of the newest decided minute; absent before the first."`
	Stale    bool       `json:"stale" doc:"What is shown may be over."`
	Entities []value    `json:"entities" doc:"By code and family."`
	Next     string     `json:"next,omitempty" doc:"The cursor of the page that follows; absent where none does."`
}

// world returns the state of a dataset at a moment. A zero at means the newest.
func (s *service) world(m moment, at time.Time) (*live.Snapshot, error) {
	if m.here && at.IsZero() {
		return m.present, nil
	}
	if at.IsZero() {
		var err error
		if at, err = s.end(m); err != nil {
			return nil, err
		}
	}
	return s.History.World(m.r.Context(), m.scope, at)
}

func (s *service) entities(ctx context.Context, in *entitiesInput) (*output, error) {
	at, err := readTime("at", in.At)
	if err != nil {
		return nil, err
	}
	m := s.about(exchangeOf(ctx).r, in.Dataset)
	snapshot, err := s.world(m, at)
	if err != nil {
		return nil, failed(ctx, err)
	}
	var kind bgp.EntityType
	if err := kind.UnmarshalText([]byte(in.Type)); err != nil {
		return nil, refused("type", "%s", err)
	}
	codes := map[string]bool{}
	for _, c := range in.Code {
		codes[canonical(kind, c)] = true
	}
	var all []value
	for v := range snapshot.Values(kind) {
		if len(codes) > 0 && !codes[v.Code] || in.Family != "" && v.Family.String() != in.Family ||
			in.Losing && v.LossPercent == 0 {
			continue
		}
		if x := valueOf(v, snapshot.Minute); x.key() > in.Cursor {
			all = append(all, x)
		}
	}
	slices.SortFunc(all, func(a, b value) int { return cmp.Compare(a.key(), b.key()) })
	body := entitiesBody{
		Dataset: m.dataset, Stale: snapshot.Stale,
		Entities: append([]value{}, all[:min(len(all), in.Limit)]...),
	}
	if len(all) > in.Limit {
		body.Next = all[in.Limit-1].key()
	}
	if !snapshot.Minute.IsZero() {
		body.Minute = &snapshot.Minute
	}
	return encoded(body)
}

func (s *service) registerEntities(v *v1) {
	register(v, huma.Operation{
		OperationID: "list-entities", Path: "/v1/entities",
		Summary: "List how visible entities are", Tags: []string{"entities"},
		Responses: responseOf[entitiesBody](v, "Entities.", false),
	}, true, s.entities)
	register(v, huma.Operation{
		OperationID: "get-visibility", Path: "/v1/visibility",
		Summary: "How visible an entity was over a time", Tags: []string{"entities"},
		Responses: responseOf[seriesBody](v, "The series.", true),
	}, true, s.series)
	register(v, huma.Operation{
		OperationID: "get-prefix", Path: "/v1/prefixes",
		Summary: "Who holds a prefix or address, and who sees it now", Tags: []string{"entities"},
		Responses: responseOf[prefixBody](v, "The prefix.", false),
	}, false, s.prefix)
	register(v, huma.Operation{
		OperationID: "search", Path: "/v1/search", Summary: "What a text names", Tags: []string{"entities"},
		Responses: responseOf[searchBody](v, "What was found.", false),
	}, true, s.search)
}

// floats formats a number for CSV.
func floats(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

// cells joins cells of CSV that need no quotes.
func cells(all ...string) string { return strings.Join(all, ",") + "\r\n" }
