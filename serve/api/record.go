package api

import (
	"github.com/danielgtaylor/huma/v2"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/outagelog"
	"github.com/darkmap/darkmap/internal/query"
)

// record is an outage in the form of schemas/outage.schema.json, without previous.
type record struct{ bgp.Outage }

// Schema names the schema, which the document takes from schemas/outage.schema.json.
func (record) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Ref: "#/components/schemas/Outage"}
}

// records converts entries to records.
func records(all []outagelog.Entry) []record {
	out := make([]record, len(all))
	for i, e := range all {
		out[i] = recordOf(e)
	}
	return out
}

func recordOf(e outagelog.Entry) record {
	r := record{e.Outage}
	r.Previous = nil
	return r
}

// answered is a detector's answer in the form of schemas/answer.schema.json.
type answered struct{ query.Answer }

// Schema names the schema, which the document takes from schemas/answer.schema.json.
func (answered) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Ref: "#/components/schemas/Answer"}
}

// size is a number of prefixes and their space.
type size struct {
	Prefixes int     `json:"prefixes" doc:"Prefixes."`
	Space    float64 `json:"space" doc:"Space, in /24s (IPv4) or /48s (IPv6)."`
}

func sizeOf(s bgp.Size) size { return size{s.Prefixes, number(s.Space)} }

func number(d bgp.Decimal) float64 { return float64(d) / 100 }

// network is an AS.
type network struct {
	ASN  bgp.ASN `json:"asn" doc:"The AS number."`
	Name string  `json:"name,omitempty" doc:"Its owner's name, in its own words."`
}

func networks(all []bgp.AS) []network {
	out := make([]network, len(all))
	for i, a := range all {
		out[i] = network{a.ASN, a.Name}
	}
	return out
}
