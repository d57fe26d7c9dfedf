package watchlist

import (
	"cmp"

	"github.com/darkmap/darkmap/detect/snapshot"
)

// Code writes the lists and the records of the open window, or reads them into a new Keeper.
func (k *Keeper) Code(c *snapshot.Coder) {
	snapshot.Map(c, &k.lists, cmp.Compare[string], snapshot.Text[string], snapshot.Of(codeList))
	snapshot.Map(c, &k.streams, cmp.Compare[string], snapshot.Text[string], snapshot.Of(codeStream))
	snapshot.Map(c, &k.gone, cmp.Compare[string], snapshot.Text[string], snapshot.Of(codeList))
	snapshot.Slice(c, &k.notes, snapshot.Text[string])
}

func codeList(c *snapshot.Coder, v *List) {
	snapshot.Text(c, &v.Name)
	snapshot.Text(c, &v.Title)
	snapshot.Text(c, &v.Home)
	snapshot.Bool(c, &v.Public)
	snapshot.Slice(c, &v.Members, codeMember)
	codeHosts(c, &v.Hosts)
	snapshot.Int(c, &v.Since)
}

func codeMember(c *snapshot.Coder, v *Member) {
	snapshot.Prefix(c, &v.Prefix)
	snapshot.Uint(c, &v.ASN)
	snapshot.Text(c, &v.Country)
	snapshot.Text(c, &v.Host)
	snapshot.Slice(c, &v.Origins, snapshot.Uint)
}

func codeHosts(c *snapshot.Coder, v *map[string]Host) {
	snapshot.Map(c, v, cmp.Compare[string], snapshot.Text[string], codeHost)
}

func codeHost(c *snapshot.Coder, v *Host) {
	snapshot.Slice(c, &v.Addresses, snapshot.Addr)
	snapshot.Slice(c, &v.NameServers, snapshot.Addr)
	snapshot.Int(c, &v.ResolvedAt)
	snapshot.Text(c, &v.Problem)
}

func codeStream(c *snapshot.Coder, v *stream) {
	snapshot.Pointer(c, &v.list, codeList)
	snapshot.Bool(c, &v.removed)
	snapshot.Pointer(c, &v.gathered, codeGathered)
	codeHosts(c, &v.hosts)
	snapshot.Text(c, &v.problem)
}

func codeGathered(c *snapshot.Coder, v *gathered) {
	codeList(c, &v.list)
	snapshot.Uint(c, &v.epoch)
	snapshot.Uint(c, &v.next)
}
