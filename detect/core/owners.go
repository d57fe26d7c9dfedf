package core

import (
	"maps"
	"strings"

	"github.com/darkmap/darkmap/internal/bgp"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// maxOwners bounds the names that are kept: ten times the number of ASes.
const maxOwners = 1 << 20

// owners keeps the names of ASes. The names in the records of a window apply when the window
// closes. If records differ, the name that sorts first applies, so that the order of collectors
// does not matter.
type owners struct {
	names  map[bgp.ASN]string
	staged map[bgp.ASN]string
}

func newOwners() owners {
	return owners{names: make(map[bgp.ASN]string), staged: make(map[bgp.ASN]string)}
}

func (o *owners) note(in *pb.Owner) {
	a, name := bgp.ASN(in.GetAsn()), in.GetName()
	if name == "" {
		name = in.GetOrganisation()
	}
	if name == o.names[a] {
		return
	}
	if was, ok := o.staged[a]; ok && was <= name || !ok && len(o.staged)+len(o.names) >= maxOwners {
		return
	}
	o.staged[a] = strings.Clone(name)
}

func (o *owners) close() {
	maps.Copy(o.names, o.staged)
	clear(o.staged)
}

func (o *owners) name(a bgp.ASN) string { return o.names[a] }
