package draft

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/plaintext"
)

// alerted is a prefix entry of BGPalerter's prefixes.yml.
type alerted struct {
	Description         string    `yaml:"description"`
	ASN                 yaml.Node `yaml:"asn"`
	IgnoreMorespecifics bool      `yaml:"ignoreMorespecifics"`
	Ignore              bool      `yaml:"ignore"`
	Group               yaml.Node `yaml:"group"`
	IncludeMonitors     yaml.Node `yaml:"includeMonitors"`
	ExcludeMonitors     yaml.Node `yaml:"excludeMonitors"`
	Path                yaml.Node `yaml:"path"`
}

// monitored is an AS entry of options.monitorASns.
type monitored struct {
	Group       yaml.Node `yaml:"group"`
	Upstreams   yaml.Node `yaml:"upstreams"`
	Downstreams yaml.Node `yaml:"downstreams"`
}

// importer converts one file.
type importer struct {
	other  string           // name of the list for prefixes without a group
	lists  map[string]*List // by name
	lacks  map[string][]string
	order  []string // the keys of lacks in order
	faults []error
}

// BGPalerter builds lists from BGPalerter's prefixes.yml, one for each group. Prefixes without a
// group, or with the group default or noc, go into the list other. lacks are sentences that name
// options without an equivalent in darkmap. The error joins the faults, each with its line; the
// first maxFaults are named and the rest counted.
func BGPalerter(b []byte, other string) (lists []List, lacks []string, err error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(b, &doc); err != nil {
		return nil, nil, fmt.Errorf("reading BGPalerter's prefixes: %w", err)
	}
	if len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		return nil, nil, fmt.Errorf("reading BGPalerter's prefixes: want a map of prefixes, as prefixes.yml has it")
	}
	im := &importer{other: other, lists: map[string]*List{}, lacks: map[string][]string{}}
	entries := doc.Content[0].Content
	for i := 0; i+1 < len(entries); i += 2 {
		if entries[i].Value == "options" {
			im.options(entries[i+1])
		} else {
			im.prefix(entries[i], entries[i+1])
		}
	}
	if len(im.faults) > 0 {
		return nil, nil, joinFirst(im.faults)
	}
	for _, name := range slices.Sorted(maps.Keys(im.lists)) {
		lists = append(lists, *im.lists[name])
	}
	if len(lists) == 0 {
		return nil, nil, fmt.Errorf("reading BGPalerter's prefixes: the file names no prefix and no AS to watch")
	}
	for _, what := range im.order {
		lacks = append(lacks, fmt.Sprintf("%s (%s)", what, some(im.lacks[what])))
	}
	return lists, append(lacks, elsewhere), nil
}

// elsewhere describes the functions that BGPalerter configures in another file than prefixes.yml.
const elsewhere = "config.yml of BGPalerter says which of its monitors run: " +
	"monitorVisibility is what darkmap tells as outages, " +
	"monitorHijack and monitorNewPrefix as the kind origin; " +
	"monitorPath, monitorPathNeighbors, monitorRPKI, monitorROAS and monitorAS have no equal here"

// maxFaults bounds the faults of a file that are named.
const maxFaults = 20

// joinFirst joins the first faults and counts the others.
func joinFirst(faults []error) error {
	var lines []string
	for _, f := range faults[:min(len(faults), maxFaults)] {
		lines = append(lines, f.Error())
	}
	if n := len(faults) - maxFaults; n > 0 {
		lines = append(lines, "and "+bgp.Count(n, "more fault"))
	}
	return fmt.Errorf("%s", strings.Join(lines, "\n"))
}

func (im *importer) fault(n *yaml.Node, format string, args ...any) {
	im.faults = append(im.faults, fmt.Errorf("line %d: "+format, append([]any{n.Line}, args...)...))
}

// lack records an option without an equivalent in darkmap.
func (im *importer) lack(what, of string) {
	if im.lacks[what] == nil {
		im.order = append(im.order, what)
	}
	im.lacks[what] = append(im.lacks[what], of)
}

// list returns the list of a group.
func (im *importer) list(group string) *List {
	name := im.other
	if group != "" && group != "default" && group != "noc" {
		name = ListName(group, im.other)
	}
	l := im.lists[name]
	if l == nil {
		l = &List{Name: name}
		if group != "" && ListName(group, im.other) == name && group != name {
			l.Title = group
		}
		im.lists[name] = l
	}
	return l
}

func (im *importer) prefix(key, value *yaml.Node) {
	p, err := netip.ParsePrefix(key.Value)
	switch {
	case err != nil:
		im.fault(key, "got %q, want a prefix", plaintext.Clean(key.Value))
		return
	case p.Masked() != p:
		im.lack("the prefixes have bits set beyond their length, which were cleared", key.Value)
		p = p.Masked()
	}
	var a alerted
	if err := value.Decode(&a); err != nil {
		im.fault(value, "the entry of %s is none of BGPalerter's: %v", p, err)
		return
	}
	im.unknown(value, p.String(), "description", "asn", "ignoreMorespecifics", "ignore", "group",
		"includeMonitors", "excludeMonitors", "path")
	if a.Ignore {
		im.lack("ignore: true: they are left out; "+
			"what covers them still watches their routes as more-specific ones", p.String())
		return
	}
	if a.IgnoreMorespecifics {
		im.lack("ignoreMorespecifics: true has no equal: the kind origin looks at more-specific routes too",
			p.String())
	}
	if !a.IncludeMonitors.IsZero() || !a.ExcludeMonitors.IsZero() {
		im.lack("includeMonitors and excludeMonitors have no equal: routes of notify choose by kind (match.kinds)",
			p.String())
	}
	if !a.Path.IsZero() {
		im.lack("path has no equal: nothing is told of AS paths", p.String())
	}
	out := Prefix{Prefix: p, Note: a.Description}
	for _, n := range scalars(&a.ASN) {
		asn, err := bgp.ParseASN(n.Value)
		if err != nil || asn == 0 {
			im.fault(n, "%s: got %q, want an AS number", p, plaintext.Clean(n.Value))
			continue
		}
		out.Origins = append(out.Origins, asn)
	}
	slices.Sort(out.Origins)
	out.Origins = slices.Compact(out.Origins)
	for _, group := range groups(&a.Group) {
		l := im.list(group)
		if !slices.ContainsFunc(l.Prefixes, func(x Prefix) bool { return x.Prefix == p }) {
			l.Prefixes = append(l.Prefixes, out)
		}
	}
}

// options converts the options beside the prefixes.
func (im *importer) options(n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case key.Value == "generate" || key.Value == "persistStatus":
			// they only control how BGPalerter generates its file
		case key.Value != "monitorASns" || value.Kind != yaml.MappingNode:
			im.lack("options have no equal", plaintext.Clean(key.Value))
		default:
			for j := 0; j+1 < len(value.Content); j += 2 {
				im.network(value.Content[j], value.Content[j+1])
			}
		}
	}
}

// network converts an AS that is watched as a whole.
func (im *importer) network(key, value *yaml.Node) {
	asn, err := bgp.ParseASN(key.Value)
	if err != nil || asn == 0 {
		im.fault(key, "monitorASns: got %q, want an AS number", plaintext.Clean(key.Value))
		return
	}
	var m monitored
	if err := value.Decode(&m); err != nil {
		im.fault(value, "the entry of %s is none of BGPalerter's: %v", asn, err)
		return
	}
	im.unknown(value, asn.String(), "group", "upstreams", "downstreams")
	if !m.Upstreams.IsZero() || !m.Downstreams.IsZero() {
		im.lack("upstreams and downstreams of monitorASns have no equal: nothing is told of new neighbours",
			asn.String())
	}
	for _, group := range groups(&m.Group) {
		l := im.list(group)
		l.ASNs = append(l.ASNs, AS{ASN: asn})
	}
}

// unknown records unknown attributes.
func (im *importer) unknown(n *yaml.Node, of string, known ...string) {
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if name := n.Content[i].Value; !slices.Contains(known, name) {
			im.lack("the attribute "+note(name)+" is not known", of)
		}
	}
}

// groups returns the groups of an entry: a text or a list. Without any it returns one empty name.
func groups(n *yaml.Node) []string {
	var all []string
	for _, s := range scalars(n) {
		all = append(all, s.Value)
	}
	if len(all) == 0 {
		return []string{""}
	}
	return all
}

// scalars returns the values of a node that is one value, or a list of values.
func scalars(n *yaml.Node) []*yaml.Node {
	switch n.Kind {
	case yaml.ScalarNode:
		if n.Tag == "!!null" {
			return nil
		}
		return []*yaml.Node{n}
	case yaml.SequenceNode:
		return n.Content
	case yaml.AliasNode:
		return scalars(n.Alias)
	case yaml.DocumentNode, yaml.MappingNode:
	}
	return nil
}

// maxSome bounds the names in a sentence.
const maxSome = 5

// some names the first few and counts the others.
func some(all []string) string {
	if len(all) <= maxSome {
		return strings.Join(all, ", ")
	}
	return strings.Join(all[:maxSome], ", ") + fmt.Sprintf(" and %d more", len(all)-maxSome)
}
