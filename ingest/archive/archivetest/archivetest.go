// Package archivetest stands in for the public archives. It generates full tables and changes to
// them, writes them as the files that a collector would publish, with an index, and computes the
// expected state.
//
// The numbers of a World determine everything. There is no randomness: the same World gives the
// same octets.
package archivetest

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/mrt"
)

// World is a routing table that some collectors see. Every sixth prefix is IPv6.
type World struct {
	Collectors []string
	// Peers is the number of full feeds of each collector. Prefixes is the number of prefixes of
	// each feed.
	Peers, Prefixes int
}

// Change is a peer's change of a prefix at a time: another path if Version is above 0, a withdrawal
// if it is 0.
type Change struct {
	At           time.Time
	Peer, Prefix int
	Version      int
}

// mix hashes numbers (splitmix64).
func mix(n ...int) uint64 {
	var h uint64
	for _, x := range n {
		h += uint64(x) + 0x9e3779b97f4a7c15
		h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
		h = (h ^ h>>27) * 0x94d049bb133111eb
		h ^= h >> 31
	}
	return h
}

// Prefix returns prefix i.
func (w *World) Prefix(i int) netip.Prefix {
	v4 := w.v4()
	if i < v4 {
		n := uint32(i) + 1<<16
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(n >> 16), byte(n >> 8), byte(n), 0}), 24)
	}
	n := uint32(i - v4)
	return netip.PrefixFrom(netip.AddrFrom16([16]byte{
		0x2a, 0, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n),
	}), 48)
}

func (w *World) v4() int { return w.Prefixes - w.Prefixes/6 }

// Peer returns peer p of collector c.
func (w *World) Peer(c, p int) bgp.Peer {
	return bgp.Peer{
		Address: netip.AddrFrom4([4]byte{192, 0, 2, byte(c*w.Peers + p)}),
		ASN:     bgp.ASN(64512 + c*w.Peers + p),
	}
}

// Route returns the origin of prefix i, and the upstream over which peer p of collector c hears it,
// in a version.
func (w *World) Route(c, p, i, version int) (origin, upstream bgp.ASN) {
	origin = bgp.ASN(100_000 + mix(i/4)%70_000)
	return origin, bgp.ASN(20_000 + (mix(i/4)+mix((c*w.Peers+p)%5, version)%3)%5_000)
}

func (w *World) attributes(a *wire.PlainAttributes, c, p, i, version int) {
	origin, upstream := w.Route(c, p, i, version)
	peer := w.Peer(c, p)
	h := mix(i, p, c)
	a.Path = append(a.Path[:0], peer.ASN, bgp.ASN(3_000+h%40))
	if h>>8%3 == 0 {
		a.Path = append(a.Path, bgp.ASN(4_000+h>>16%200))
	}
	a.Path = append(a.Path, upstream, origin)
	a.NextHop = peer.Address
	a.NextHop6 = netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 15: byte(p)})
	a.Communities = append(a.Communities[:0], uint32(peer.ASN)<<16|uint32(h%300),
		uint32(3000)<<16|uint32(h>>12%50))
}

// WriteDump writes the table of collector c as TABLE_DUMP_V2.
func (w *World) WriteDump(out io.Writer, c int, at time.Time) error {
	m := mrt.NewWriter(out)
	index := make([]mrt.TablePeer, w.Peers)
	entries := make([]mrt.Entry, w.Peers)
	for p := range index {
		peer := w.Peer(c, p)
		index[p] = mrt.TablePeer{BGPID: peer.Address, Address: peer.Address, ASN: peer.ASN}
		entries[p] = mrt.Entry{Peer: uint16(p), Originated: at.Add(-time.Hour)}
	}
	m.PeerIndexTable(at, netip.AddrFrom4([4]byte{198, 51, 100, byte(c)}), "", index)
	for i := range w.Prefixes {
		for p := range entries {
			w.attributes(&entries[p].Attributes, c, p, i, 1)
		}
		m.RIB(at, uint32(i), w.Prefix(i), entries)
	}
	return m.Err()
}

// Changes returns n changes of collector c in [from, to), by time. Another salt gives other
// changes.
func (w *World) Changes(c, n, salt int, from, to time.Time) []Change {
	out := make([]Change, n)
	span := uint64(to.Sub(from))
	for k := range out {
		h := mix(c, k, salt)
		out[k] = Change{
			At:   from.Add(time.Duration(h % span)).Truncate(time.Microsecond),
			Peer: int(mix(k, salt) % uint64(w.Peers)), Prefix: int(mix(salt, c, k) % uint64(w.Prefixes)),
			Version: int(h >> 40 % 3),
		}
		if out[k].Version == 1 {
			out[k].Version = 3
		}
	}
	slices.SortStableFunc(out, func(a, b Change) int { return a.At.Compare(b.At) })
	return out
}

// Message returns the BGP message of a change.
func (w *World) Message(c int, ch Change) ([]byte, error) {
	var u wire.PlainUpdate
	if ch.Version == 0 {
		u.Withdrawn = []netip.Prefix{w.Prefix(ch.Prefix)}
	} else {
		u.Announced = []netip.Prefix{w.Prefix(ch.Prefix)}
		w.attributes(&u.Attributes, c, ch.Peer, ch.Prefix, ch.Version)
	}
	return wire.AppendUpdate(nil, u)
}

// WriteUpdates writes changes of collector c as BGP4MP_ET.
func (w *World) WriteUpdates(out io.Writer, c int, changes []Change) error {
	m := mrt.NewWriter(out)
	for _, ch := range changes {
		raw, err := w.Message(c, ch)
		if err != nil {
			return err
		}
		peer := w.Peer(c, ch.Peer)
		m.Message(ch.At.UnixMicro(), mrt.Session{
			PeerASN: peer.ASN, PeerAddress: peer.Address, LocalASN: 64511,
			LocalAddress: netip.AddrFrom4([4]byte{198, 51, 100, byte(c)}),
		}, raw)
	}
	return m.Err()
}

// Archive is a folder of files and their index.
type Archive struct {
	Dir string
	// Sizes makes the index give the files' sizes.
	Sizes bool
}

// IndexName is the file name of the index.
const IndexName = "index.tsv"

// Add writes a file and adds it to the index. The extension selects the compression: .gz, .bz2 (by
// the program bzip2), or none.
func (a *Archive) Add(
	collector, kind string, begin, end time.Time, name string, write func(io.Writer) error,
) error {
	path := filepath.Join(a.Dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	f, err := os.Create(path) //nolint:gosec // a test's own
	if err != nil {
		return err
	}
	if err := errors.Join(pack(f, filepath.Ext(name), write), f.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return a.List(collector, kind, begin, end, name)
}

// List adds a line to the index.
func (a *Archive) List(collector, kind string, begin, end time.Time, name string) error {
	x, err := os.OpenFile(filepath.Join(a.Dir, IndexName), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	line := strings.Join([]string{
		collector, kind, begin.UTC().Format(time.RFC3339Nano), end.UTC().Format(time.RFC3339Nano), name,
	}, "\t")
	if a.Sizes {
		var info os.FileInfo
		if info, err = os.Stat(filepath.Join(a.Dir, filepath.FromSlash(name))); err == nil {
			line += fmt.Sprintf("\t%d", info.Size())
		}
	}
	if err == nil {
		_, err = x.WriteString(line + "\n")
	}
	return errors.Join(err, x.Close())
}

// pack writes the output of write to f, compressed.
func pack(f io.Writer, ending string, write func(io.Writer) error) error {
	switch ending {
	case ".gz":
		z, err := gzip.NewWriterLevel(f, gzip.BestSpeed)
		if err != nil {
			return err
		}
		b := bufio.NewWriterSize(z, 1<<20)
		return cmp.Or(write(b), b.Flush(), z.Close())
	case ".bz2":
		cmd := exec.Command("bzip2", "-c") //nolint:noctx // it ends with its input
		cmd.Stdout = f
		in, err := cmd.StdinPipe()
		if err != nil {
			return err
		}
		if err := cmd.Start(); err != nil {
			return err
		}
		b := bufio.NewWriterSize(in, 1<<20)
		err = cmp.Or(write(b), b.Flush())
		return errors.Join(err, in.Close(), cmd.Wait())
	}
	b := bufio.NewWriterSize(f, 1<<20)
	return cmp.Or(write(b), b.Flush())
}
