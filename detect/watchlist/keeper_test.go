package watchlist

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// list returns a record of a part of the list mine; members are prefixes.
func list(epoch uint64, part uint32, more bool, prefixes ...string) *pb.RouteRecord {
	l := &pb.WatchList{Name: "mine", Part: part, MoreParts: more}
	for _, p := range prefixes {
		l.Members = append(l.Members, &pb.WatchMember{Member: &pb.WatchMember_Prefix{Prefix: codec.AppendPrefix(nil, netip.MustParsePrefix(p))}})
	}
	return watchRecord(epoch, l)
}

func watchRecord(epoch uint64, l *pb.WatchList) *pb.RouteRecord {
	return &pb.RouteRecord{Position: &pb.Position{Collector: "watch/" + l.Name, Lane: "watch", Epoch: epoch}, Body: &pb.RouteRecord_WatchList{WatchList: l}}
}

func hostRecord(list, host string, addresses ...string) *pb.RouteRecord {
	h := &pb.HostAddresses{List: list, Host: host, ResolvedAtUs: 1e6}
	for _, a := range addresses {
		h.Addresses = append(h.Addresses, netip.MustParseAddr(a).AsSlice())
	}
	return &pb.RouteRecord{Position: &pb.Position{Collector: "watch/" + list, Lane: "watch"}, Body: &pb.RouteRecord_HostAddresses{HostAddresses: h}}
}

// note gives a record to a keeper. want is a part of the error; empty means no error.
func note(t *testing.T, k *Keeper, r *pb.RouteRecord, want string) {
	t.Helper()
	ok, err := k.Note(r)
	switch {
	case !ok:
		t.Errorf("%v: not taken for a watch list's", r)
	case want == "" && err != nil, want != "" && (!errors.Is(err, codec.ErrInvalid) || !strings.Contains(err.Error(), want)):
		t.Errorf("%v: got %v, want %q", r, err, want)
	}
}

// written returns the members of a list in words.
func written(l *List) string {
	if l == nil {
		return "none"
	}
	var s []string
	for i := range l.Members {
		s = append(s, l.Members[i].String())
	}
	return strings.Join(s, " ")
}

// TestParts: a list takes effect when its last part has come. Without it nothing changes, and a
// note reports that.
func TestParts(t *testing.T) {
	t.Parallel()
	k := New()
	note(t, k, list(1, 0, true, "192.0.2.0/24"), "")
	if c := k.Close(60); len(c) != 0 {
		t.Errorf("a first part changed %v", c)
	}
	note(t, k, list(1, 1, false, "198.51.100.0/24", "192.0.2.0/24"), "")
	if c := k.Close(120); len(c) != 1 || !c[0].Members || written(c[0].List) != "192.0.2.0/24 198.51.100.0/24" || c[0].List.Since != 120 {
		t.Errorf("got %+v, want both parts, each member once", c)
	}
	note(t, k, list(1, 0, false, "192.0.2.0/24", "198.51.100.0/24"), "")
	if c := k.Close(180); len(c) != 0 {
		t.Errorf("the same list again changed %v", c)
	}
	note(t, k, list(1, 0, true, "203.0.113.0/24"), "")
	note(t, k, list(2, 0, true, "203.0.113.0/24"), "") // a new writer
	note(t, k, list(2, 2, false, "203.0.113.0/24"), "part 2 of epoch 2 came where part 1 of epoch 2 was expected")
	note(t, k, list(2, 3, false, "203.0.113.0/24"), "part 3 came without those before it")
	k.Close(240)
	if got := written(k.List("mine")); got != "192.0.2.0/24 198.51.100.0/24" {
		t.Errorf("after incomplete lists: %s", got)
	}
	if notes := k.TakeNotes(); len(notes) != 1 || !strings.Contains(notes[0], "watch list mine: of the newest list 1 part came and not the last one") {
		t.Errorf("notes: %q", notes)
	}
	if p := k.Problem("mine"); !strings.Contains(p, "refused") {
		t.Errorf("problem: %q", p)
	}
	note(t, k, list(2, 0, true, "203.0.113.0/24"), "")
	lost := &pb.RouteRecord{Position: &pb.Position{Collector: "watch/mine"}, Body: &pb.RouteRecord_RecordsLost{RecordsLost: &pb.RecordsLost{}}}
	note(t, k, lost, "")
	note(t, k, list(2, 1, false, "203.0.113.0/24"), "without those before it")
	note(t, k, list(3, 0, false, "203.0.113.0/24"), "")
	if c := k.Close(300); len(c) != 1 || k.Problem("mine") != "" {
		t.Errorf("got %v and the problem %q, want the new list", c, k.Problem("mine"))
	}
}

// TestRefused: each fault has its reason.
func TestRefused(t *testing.T) {
	t.Parallel()
	member := func(m *pb.WatchMember) *pb.RouteRecord {
		return watchRecord(1, &pb.WatchList{Name: "mine", Members: []*pb.WatchMember{m}})
	}
	asn := &pb.WatchMember_Asn{Asn: 64496}
	many := make([]*pb.WatchMember, MaxMembers+1)
	for i := range many {
		many[i] = &pb.WatchMember{Member: &pb.WatchMember_Asn{Asn: uint32(i + 1)}}
	}
	other := list(1, 0, false)
	other.Position.Collector = "watch/other"
	live := list(1, 0, false)
	live.Position.Lane = "live"
	k := New()
	for want, r := range map[string]*pb.RouteRecord{
		"its name is not of a-z":             watchRecord(1, &pb.WatchList{Name: "Mine"}),
		"at most 64":                         watchRecord(1, &pb.WatchList{Name: strings.Repeat("a", 65)}),
		"in the stream of":                   other,
		"in the lane":                        live,
		"home \"QQ\" is no country":          watchRecord(1, &pb.WatchList{Name: "mine", Home: "QQ"}),
		"its title is longer":                watchRecord(1, &pb.WatchList{Name: "mine", Title: strings.Repeat("a", MaxTitle+1)}),
		"or not UTF-8":                       watchRecord(1, &pb.WatchList{Name: "mine", Title: "\xff"}),
		"\"ZZ\" is no country":               member(&pb.WatchMember{Member: &pb.WatchMember_Country{Country: "ZZ"}}),
		"AS number 0: ":                      member(&pb.WatchMember{Member: &pb.WatchMember_Asn{}}),
		"is no name of a host":               member(&pb.WatchMember{Member: &pb.WatchMember_Host{Host: "a b"}}),
		"neither prefix":                     member(&pb.WatchMember{}),
		"prefix of family 5":                 member(&pb.WatchMember{Member: &pb.WatchMember_Prefix{Prefix: []byte{5, 0}}}),
		"shorter than /8":                    member(&pb.WatchMember{Member: &pb.WatchMember_Prefix{Prefix: []byte{4, 0}}}),
		"only prefixes have them":            member(&pb.WatchMember{Member: asn, Origins: []uint32{1}}),
		"more than the 10000 of a list":      watchRecord(1, &pb.WatchList{Name: "mine", Members: many}),
		"an address of a.example has 3":      {Position: &pb.Position{Collector: "watch/mine", Lane: "watch"}, Body: &pb.RouteRecord_HostAddresses{HostAddresses: &pb.HostAddresses{List: "mine", Host: "a.example", Addresses: [][]byte{{1, 2, 3}}}}},
		"65 addresses of a.example":          {Position: &pb.Position{Collector: "watch/mine", Lane: "watch"}, Body: &pb.RouteRecord_HostAddresses{HostAddresses: &pb.HostAddresses{List: "mine", Host: "a.example", NameServers: make([][]byte, 65)}}},
		"in the stream of the watch list \"": {Position: &pb.Position{Collector: "watch/mine", Lane: "watch"}, Body: &pb.RouteRecord_CollectorUp{}},
	} {
		note(t, k, r, want)
	}
	if k.Close(60); len(k.Lists()) != 0 {
		t.Errorf("lists: %v, want none", k.Lists())
	}
	if ok, err := k.Note(&pb.RouteRecord{Position: &pb.Position{Collector: "ris/rrc00"}, Body: &pb.RouteRecord_CollectorUp{}}); ok || err != nil {
		t.Errorf("a collector's record: got %v, %v", ok, err)
	}
}

// TestTooManyLists: beyond MaxLists a new list is refused until another one is removed. Existing
// lists can change.
func TestTooManyLists(t *testing.T) {
	t.Parallel()
	k := New()
	named := func(i int) *pb.WatchList {
		return &pb.WatchList{Name: fmt.Sprint("list-", i), Members: []*pb.WatchMember{{Member: &pb.WatchMember_Asn{Asn: uint32(i + 1)}}}}
	}
	for i := range MaxLists {
		note(t, k, watchRecord(1, named(i)), "")
	}
	note(t, k, watchRecord(1, named(MaxLists)), "there are 1000 lists already")
	k.Close(60)
	note(t, k, watchRecord(1, named(MaxLists)), "there are 1000 lists already")
	note(t, k, watchRecord(2, named(5)), "")
	note(t, k, watchRecord(2, &pb.WatchList{Name: "list-7", Removed: true}), "")
	if c := k.Close(120); len(c) != 1 || c[0].Name != "list-7" || c[0].List != nil || k.Called("list-7") != "list-7" {
		t.Errorf("got %+v, want the removed list", c)
	}
	note(t, k, watchRecord(1, named(MaxLists)), "")
	if k.Close(180); len(k.Lists()) != MaxLists || k.Called("list-7") != "" {
		t.Errorf("%d lists, want %d", len(k.Lists()), MaxLists)
	}
}

// TestHosts: addresses may come before their list, stay when it changes, and go with the host.
func TestHosts(t *testing.T) {
	t.Parallel()
	k := New()
	hosts := func(names ...string) *pb.RouteRecord {
		l := &pb.WatchList{Name: "mine"}
		for _, n := range names {
			l.Members = append(l.Members, &pb.WatchMember{Member: &pb.WatchMember_Host{Host: n}})
		}
		return watchRecord(1, l)
	}
	addresses := func(host string) string { return fmt.Sprint(k.List("mine").Hosts[host].Addresses) }
	note(t, k, hostRecord("mine", "a.example", "192.0.2.2", "192.0.2.1", "192.0.2.2"), "")
	note(t, k, hostRecord("mine", "c.example", "192.0.2.9"), "")
	if c := k.Close(60); len(c) != 0 {
		t.Errorf("addresses without a list changed %v", c)
	}
	note(t, k, hosts("a.example", "b.example"), "")
	if c := k.Close(120); len(c) != 1 || !c[0].Hosts || addresses("a.example") != "[192.0.2.1 192.0.2.2]" || addresses("c.example") != "[]" {
		t.Errorf("got %+v with %s", c, addresses("a.example"))
	}
	note(t, k, hostRecord("mine", "b.example", "192.0.2.3"), "")
	if c := k.Close(180); len(c) != 1 || c[0].Members || !c[0].Hosts || k.List("mine").Since != 120 {
		t.Errorf("got %+v, want changed addresses of the list of 120", c)
	}
	before := k.List("mine")
	note(t, k, hosts("b.example"), "")
	k.Close(240)
	if addresses("b.example") != "[192.0.2.3]" || addresses("a.example") != "[]" || len(before.Hosts) != 2 {
		t.Errorf("after a change: %v, before: %v", k.List("mine").Hosts, before.Hosts)
	}
}

// TestOrigins: the origins of equal members are merged and sorted.
func TestOrigins(t *testing.T) {
	t.Parallel()
	prefix := func(origins ...uint32) *pb.WatchMember {
		return &pb.WatchMember{Member: &pb.WatchMember_Prefix{Prefix: []byte{4, 24, 192, 0, 2}}, Origins: origins}
	}
	k := New()
	note(t, k, watchRecord(1, &pb.WatchList{Name: "mine", Members: []*pb.WatchMember{prefix(64512, 64496), prefix(), prefix(64496, 1)}}), "")
	k.Close(60)
	if m := k.List("mine").Members; len(m) != 1 || !slices.Equal(m[0].Origins, []bgp.ASN{1, 64496, 64512}) {
		t.Errorf("got %+v", m)
	}
}
