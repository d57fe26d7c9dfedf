package query

import (
	"io"
	"slices"
	"strings"

	"github.com/darkmap/darkmap/internal/bgp"
)

// WriteOutage writes the record of an outage for people, with at most limit entries a list.
func WriteOutage(w io.Writer, o bgp.Outage, limit int) error {
	t := &textWriter{}
	for _, text := range []string{o.Headline, o.Post, o.Summary} {
		if text != "" {
			t.line("%s\n", text)
		}
	}
	name := ""
	if o.Entity.Name != "" {
		name = " (" + o.Entity.Name + ")"
	}
	t.item("outage", "%s, dataset %s", o.ID, o.Dataset)
	t.item("of", "the %s %s%s, %s", o.Entity.Type, o.Entity.Code, name, title(o.Family))
	t.item("kind", "%s, %s, %s", o.Kind, o.Severity, o.State)
	until := "goes on"
	if o.End != nil {
		until = "to " + o.End.UTC().Format(clock) + " UTC"
	}
	t.item("time", "from %s %s", o.Start.UTC().Format(clock), until)
	if o.EndReason != bgp.NotEnded {
		t.item("ended as", "%s", strings.ReplaceAll(string(o.EndReason), "_", " "))
	}
	for _, x := range []struct{ name, id string }{{"follows", o.Predecessor}, {"goes on as", o.Successor}} {
		if x.id != "" {
			t.item(x.name, "%s", x.id)
		}
	}
	t.item("at most", "%d of %s lost, %s %% of the space",
		o.Peak.LostPrefixes, bgp.Count(o.Baseline.Prefixes, "usual prefix"), o.Peak.LossPercent)
	t.item("panel", "%s on %s",
		bgp.Count(o.Panel.Voters, "voter"), bgp.Count(o.Panel.Collectors, "collector"))
	if len(o.Origins) > 0 {
		t.item("origins", "%s", ases(o.Origins))
	}
	if len(o.Upstreams) > 0 {
		t.item("last via", "%s", ases(o.Upstreams))
	}
	var members, hosts []string
	for _, m := range o.Watch {
		text := m.Member + " in " + m.List
		if m.CoveredBy != "" {
			text += ", covered by " + m.CoveredBy
		}
		members = append(members, text)
		if m.Host != nil {
			// A host can be in several lists.
			if text := m.Host.Text(m.Member); !slices.Contains(hosts, text) {
				hosts = append(hosts, text)
			}
		}
	}
	t.list("watched", members, len(members), limit)
	t.list("hosts", hosts, len(hosts), limit)
	t.list("lost", o.LostPrefixes, o.LostPrefixesTotal, limit)
	t.list("still seen", o.SurvivingPrefixes, o.SurvivingPrefixesTotal, limit)
	_, err := io.WriteString(w, t.b.String())
	return err
}

// list writes up to limit entries, one a line.
func (t *textWriter) list(name string, all []string, total, limit int) {
	shown := all[:min(len(all), limit)]
	for i, x := range shown {
		if i > 0 {
			name = ""
		}
		t.item(name, "%s", x)
	}
	if n := total - len(shown); n > 0 {
		t.item("", "and %d more", n)
	}
}
