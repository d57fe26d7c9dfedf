package enrich

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics holds the metrics of this stage. The loop in internal/kafka counts records in, out and
// dropped.
type metrics struct {
	announced, withdrawn prometheus.Counter
	unlocated            prometheus.Counter
	empty                prometheus.Counter
	treatedAsWithdraw    prometheus.Counter
	split                prometheus.Counter
	reloaded, kept       prometheus.Counter
}

// newMetrics registers the metrics with reg, which may be nil.
func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	changes := f.NewCounterVec(prometheus.CounterOpts{
		Name: "darkmap_enrich_route_changes_total", Help: "Route changes decoded, by type.",
	}, []string{"type"})
	reloads := f.NewCounterVec(prometheus.CounterOpts{
		Name: "darkmap_enrich_source_reloads_total",
		Help: "Changed files of geography or owners, by result: loaded, " +
			"or kept_old where the new file is unusable.",
	}, []string{"result"})
	m := &metrics{
		announced: changes.WithLabelValues("announce"),
		withdrawn: changes.WithLabelValues("withdraw"),
		unlocated: f.NewCounter(prometheus.CounterOpts{
			Name: "darkmap_enrich_unlocated_routes_total",
			Help: "Route changes of prefixes without a location.",
		}),
		empty: f.NewCounter(prometheus.CounterOpts{
			Name: "darkmap_enrich_empty_messages_total",
			Help: "BGP messages without a route of IPv4 or IPv6 unicast.",
		}),
		treatedAsWithdraw: f.NewCounter(prometheus.CounterOpts{
			Name: "darkmap_enrich_treated_as_withdraw_total",
			Help: "Malformed UPDATEs treated as withdrawals (RFC 7606).",
		}),
		split: f.NewCounter(prometheus.CounterOpts{
			Name: "darkmap_enrich_split_records_total",
			Help: "Records split into several, because one would be too large.",
		}),
		reloaded: reloads.WithLabelValues("loaded"),
		kept:     reloads.WithLabelValues("kept_old"),
	}
	return m
}

// add adds the counts of an Enricher and resets them to zero.
func (m *metrics) add(c *Counts) {
	for _, one := range [...]struct {
		n  uint64
		to prometheus.Counter
	}{
		{c.Announced, m.announced},
		{c.Withdrawn, m.withdrawn},
		{c.Unlocated, m.unlocated},
		{c.Empty, m.empty},
		{c.TreatedAsWithdraw, m.treatedAsWithdraw},
		{c.Split, m.split},
	} {
		if one.n > 0 {
			one.to.Add(float64(one.n))
		}
	}
	*c = Counts{}
}
