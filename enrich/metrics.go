package enrich

import "github.com/prometheus/client_golang/prometheus"

// metrics are the stage's own; records in, out and dropped are counted by the loop in internal/kafka.
type metrics struct {
	announced, withdrawn prometheus.Counter
	unlocated            prometheus.Counter
	empty                prometheus.Counter
	treatedAsWithdraw    prometheus.Counter
	split                prometheus.Counter
	reloaded, kept       prometheus.Counter
}

// newMetrics registers with reg, which may be nil.
func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	changes := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "darkmap_enrich_route_changes_total", Help: "Route changes decoded.",
	}, []string{"type"})
	reloads := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "darkmap_enrich_source_reloads_total", Help: "Changed files of locations or AS data, by what came of it.",
	}, []string{"result"})
	m := &metrics{
		announced:         changes.WithLabelValues("announce"),
		withdrawn:         changes.WithLabelValues("withdraw"),
		unlocated:         counter("darkmap_enrich_unlocated_routes_total", "Route changes of prefixes that no file locates."),
		empty:             counter("darkmap_enrich_empty_messages_total", "BGP messages without a route of IPv4 or IPv6 unicast."),
		treatedAsWithdraw: counter("darkmap_enrich_treated_as_withdraw_total", "Malformed UPDATEs that became withdrawals (RFC 7606)."),
		split:             counter("darkmap_enrich_split_records_total", "Records that were split into parts."),
		reloaded:          reloads.WithLabelValues("loaded"),
		kept:              reloads.WithLabelValues("kept_old"),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{changes, reloads, m.unlocated, m.empty, m.treatedAsWithdraw, m.split} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// add counts what an Enricher did and sets its counts to zero.
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
