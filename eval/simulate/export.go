package simulate

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/mrt"
)

// File is one file of an export. Collector is empty for files that are not MRT.
type File struct {
	Collector string
	// Name is the path of the file relative to the export's folder.
	Name string
	// Records is the number of MRT records.
	Records int
	Bytes   int64
}

// ConfigFile is the name of the export's configuration file.
const ConfigFile = "darkmap.yaml"

// localASN is the collectors' own AS number, from documentation space (RFC 5398).
const localASN bgp.ASN = 64496

// Arguments returns the export's MRT files in dir as arguments of `darkmap replay`: NAME=FILE.
func Arguments(dir string, files []File) []string {
	var out []string
	for _, f := range files {
		if f.Collector != "" {
			out = append(out, f.Collector+"="+filepath.Join(dir, f.Name))
		}
	}
	return out
}

// Export writes the world into dir, and makes dir if needed. It overwrites existing files. The same
// world gives the same octets. The files are:
//   - <name>.rib.mrt.gz for each collector: the table at the start;
//   - <name>.updates.mrt.gz for each collector: the messages after the table;
//   - geo.csv, asn.csv and darkmap.yaml: the data about the world that `replay` needs;
//   - truth.json and truth.txt: the true events;
//   - README.txt.
func (w *World) Export(dir string) ([]File, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // public by purpose
		return nil, fmt.Errorf("making the export's folder: %w", err)
	}
	var files []File
	for _, collector := range w.Collectors() {
		r := w.record(collector)
		rib, err := writeMRT(dir, collector, ".rib.mrt.gz", func(m *mrt.Writer) error {
			return w.writeTable(m, collector, r)
		})
		if err != nil {
			return nil, err
		}
		updates, err := writeMRT(dir, collector, ".updates.mrt.gz", func(m *mrt.Writer) error {
			return w.writeRecords(m, r.records)
		})
		if err != nil {
			return nil, err
		}
		files = append(files, rib, updates)
	}
	geo, asn := w.ranges()
	truth, err := w.truthJSON()
	if err != nil {
		return nil, err
	}
	for _, f := range []struct{ name, text string }{
		{TruthFile, truth},
		{"truth.txt", w.truthText()},
		{"geo.csv", geo},
		{"asn.csv", asn},
		{
			ConfigFile, "# " + w.Label() + "\n" +
				"enrich:\n  geo:\n    files: [{path: geo.csv, kind: geolocation}]\n  asn:\n    files: [asn.csv]\n" +
				"detect:\n  outage:\n    label: " + w.shortLabel() + "\n",
		},
		{"README.txt", w.readme(files)},
	} {
		if err := os.WriteFile( //nolint:gosec // public by purpose
			filepath.Join(dir, f.name), []byte(f.text), 0o644,
		); err != nil {
			return nil, fmt.Errorf("writing the export: %w", err)
		}
		files = append(files, File{Name: f.name, Bytes: int64(len(f.text))})
	}
	return files, nil
}

// writeMRT creates one gzipped MRT file. fill writes its records.
func writeMRT(dir, collector, suffix string, fill func(*mrt.Writer) error) (file File, err error) {
	file = File{Collector: collector, Name: collector + suffix}
	out, err := os.Create(filepath.Join(dir, file.Name)) //nolint:gosec // the name is of the committed table
	if err != nil {
		return file, fmt.Errorf("writing the export: %w", err)
	}
	defer func() {
		if e := out.Close(); e != nil && err == nil {
			err = fmt.Errorf("closing %s: %w", file.Name, e)
		}
	}()
	zip, err := gzip.NewWriterLevel(out, gzip.BestSpeed)
	if err != nil {
		return file, fmt.Errorf("compressing %s: %w", file.Name, err)
	}
	buffer := bufio.NewWriterSize(zip, 1<<16)
	m := mrt.NewWriter(buffer)
	if err := cmp.Or(fill(m), m.Err(), buffer.Flush(), zip.Close()); err != nil {
		return file, fmt.Errorf("writing %s: %w", file.Name, err)
	}
	info, err := out.Stat()
	if err != nil {
		return file, fmt.Errorf("writing %s: %w", file.Name, err)
	}
	file.Records, file.Bytes = m.Records(), info.Size()
	return file, nil
}

// writeTable writes the peer index table and every prefix that a peer holds, sorted, IPv4 first.
func (w *World) writeTable(m *mrt.Writer, collector string, r recording) error {
	start := time.UnixMicro(r.start).UTC()
	index := map[*session]uint16{}
	var peers []mrt.TablePeer
	var local netip.Addr
	for _, s := range w.sessions {
		if s.peer.collector == collector {
			index[s] = uint16(len(peers))
			peers = append(peers, mrt.TablePeer{BGPID: s.bgpID, Address: s.address, ASN: s.peer.asn})
			if s.local.Is4() {
				local = s.local
			}
		}
	}
	m.PeerIndexTable(start, local, "darkmap simulation", peers)
	type row struct{ group, prefix int }
	var table []row
	for g := range r.table {
		for n := range r.table[g] {
			if len(r.table[g][n]) > 0 {
				table = append(table, row{g, n})
			}
		}
	}
	prefix := func(r row) netip.Prefix { return w.groups[r.group].prefixes[r.prefix] }
	slices.SortFunc(table, func(a, b row) int { return comparePrefixes(prefix(a), prefix(b)) })
	for i, t := range table {
		var entries []mrt.Entry
		for _, h := range r.table[t.group][t.prefix] {
			entries = append(entries, mrt.Entry{
				Peer: index[h.session], Originated: originated(r.start, t.group, h.session),
				Attributes: w.attributes(h.session, t.group, h.path),
			})
		}
		m.RIB(start, uint32(i), prefix(t), entries)
	}
	return nil
}

// comparePrefixes orders IPv4 before IPv6, then by address, then shorter prefixes first.
func comparePrefixes(a, b netip.Prefix) int {
	return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
}

// writeRecords writes the messages and the state changes.
func (w *World) writeRecords(m *mrt.Writer, records []record) error {
	var message []byte
	var prefixes []netip.Prefix
	for _, r := range records {
		session := mrt.Session{
			PeerASN: r.session.peer.asn, LocalASN: localASN, PeerAddress: r.session.address,
			LocalAddress: r.session.local,
		}
		switch {
		case r.to != 0:
			m.StateChange(r.at, session, r.from, r.to)
			continue
		case r.endOfRIB != 0:
			m.Message(r.at, session, wire.AppendEndOfRIB(message[:0], r.endOfRIB))
			continue
		}
		prefixes = prefixes[:0]
		for n, p := range w.groups[r.group].prefixes {
			if r.mask&(1<<n) != 0 {
				prefixes = append(prefixes, p)
			}
		}
		u := wire.PlainUpdate{Withdrawn: prefixes}
		if r.path != withdrawn {
			u = wire.PlainUpdate{Announced: prefixes, Attributes: w.attributes(r.session, int(r.group), r.path)}
		}
		var err error
		if message, err = wire.AppendUpdate(message[:0], u); err != nil {
			return err
		}
		m.Message(r.at, session, message)
	}
	return nil
}

// attributes returns the path attributes with which the session's peer announces group g over its
// k-th path.
func (w *World) attributes(s *session, g int, k int8) wire.PlainAttributes {
	network := w.groups[g].network
	a := wire.PlainAttributes{
		Path: w.path(w.peerIndex(s.peer), network, int(k)), NextHop: s.next, NextHop6: s.next6,
	}
	if w.topo.networks[network].Country == "KP" || g%9 == 4 {
		a.Origin = 2
	}
	if s.index%4 == 1 {
		a.MED, a.HasMED = uint32(network%50), true
	}
	if s.index%3 != 0 && s.peer.asn < 1<<16 {
		a.Communities = []uint32{
			uint32(s.peer.asn)<<16 | uint32(1000+int(k)),
			uint32(s.peer.asn)<<16 | uint32(2000+network%30),
		}
	}
	return a
}

func (w *World) peerIndex(p *peer) int { return slices.Index(w.peers, p) }

// ranges returns the country (geo) and the AS (asn) of each range of the world's address space, as
// range CSV, sorted. A prefix inside an earlier one is left out.
func (w *World) ranges() (geo, asn string) {
	type owned struct {
		prefix  netip.Prefix
		network *Network
	}
	var all []owned
	for i := range w.topo.networks {
		for _, p := range w.topo.networks[i].Prefixes {
			all = append(all, owned{p, &w.topo.networks[i]})
		}
	}
	slices.SortFunc(all, func(a, b owned) int { return comparePrefixes(a.prefix, b.prefix) })
	var g, a bytes.Buffer
	var last netip.Prefix
	for _, o := range all {
		if last.IsValid() && last.Contains(o.prefix.Addr()) {
			continue
		}
		last = o.prefix
		from, to := o.prefix.Addr(), lastAddress(o.prefix)
		fmt.Fprintf(&g, "%v,%v,%s\n", from, to, o.network.Country)
		fmt.Fprintf(&a, "%v,%v,%d,%s\n", from, to, uint32(o.network.ASN), quoted(o.network.Name))
	}
	return g.String(), a.String()
}

// quoted quotes a CSV field if the field needs quotes.
func quoted(s string) string {
	if strings.ContainsAny(s, ",\"") {
		return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
	}
	return s
}

func lastAddress(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for bit := p.Bits(); bit < len(b)*8; bit++ {
		b[bit/8] |= 0x80 >> (bit % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

func (w *World) readme(files []File) string {
	var b strings.Builder
	all, full := w.Peers()
	fmt.Fprintf(&b, "%s\n\n", w.Label())
	fmt.Fprintf(&b, "%d collectors, %d peers (%d full feeds), %d networks; %s to %s.\n",
		len(w.Collectors()), all, full, len(w.topo.networks), w.Start().Format(time.RFC3339),
		w.End().Format(time.RFC3339))
	b.WriteString("These are MRT files (RFC 6396): `bgpdump -m FILE` reads them. " +
		"No message in them is real data.\n" +
		"What happens in them, and when, stands in truth.txt and, for programs, in truth.json.\n\n" +
		"To find the outages in them, in this folder:\n\n" +
		"    darkmap replay --config darkmap.yaml")
	for _, a := range Arguments("", files) {
		b.WriteString(" \\\n        " + a)
	}
	b.WriteString("\n")
	return b.String()
}
