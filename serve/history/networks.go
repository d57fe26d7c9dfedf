package history

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Network is an AS that originates prefixes in a country.
type Network struct {
	bgp.AS
	Family string
	// Known is the space that it originates in the country, lost prefixes included. Visible is the
	// part that the voters see.
	Known, Visible bgp.Size
}

// networksSQL asks the view country_networks_at.
const networksSQL = `SELECT toString(family) AS family, origin AS asn, origin_name AS name,
		prefixes, visible_prefixes, space, visible_space
	FROM country_networks_at(dataset = {dataset:String}, country = {country:String}, at = {at:String})
	ORDER BY space DESC, origin LIMIT {limit:UInt32}`

// Networks lists the networks of a country at a time, those with the most space first. Callers pass
// the end of the scope's minute for the present.
func (s *Store) Networks(
	ctx context.Context, sc Scope, country string, at time.Time, limit int,
) ([]Network, error) {
	question := fmt.Sprintf("networks %s %d %d", country, at.Unix(), limit)
	return answer(ctx, s, sc, question, func(ctx context.Context, a *asker) ([]Network, error) {
		type row struct {
			Family   string      `json:"family"`
			ASN      bgp.ASN     `json:"asn"`
			Name     string      `json:"name"`
			Prefixes int         `json:"prefixes"`
			Visible  int         `json:"visible_prefixes"`
			Space    bgp.Decimal `json:"space"`
			Seen     bgp.Decimal `json:"visible_space"`
		}
		found, err := rows[row](ctx, a, networksSQL,
			sc.params("country", country, "at", sqlTime(at), "limit", strconv.Itoa(limit)))
		out := make([]Network, len(found))
		for i, r := range found {
			out[i] = Network{
				AS: bgp.AS{ASN: r.ASN, Name: r.Name}, Family: r.Family,
				Known:   bgp.Size{Prefixes: r.Prefixes, Space: r.Space},
				Visible: bgp.Size{Prefixes: r.Visible, Space: r.Seen},
			}
		}
		return out, err
	})
}
