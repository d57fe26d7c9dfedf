package outage

import (
	"github.com/darkmap/darkmap/detect/snapshot"
	"github.com/darkmap/darkmap/internal/bgp"
)

func codePanel(c *snapshot.Coder, v *bgp.Panel) {
	snapshot.Int(c, &v.Voters)
	snapshot.Int(c, &v.Collectors)
	snapshot.Text(c, &v.Table)
	snapshot.Int(c, &v.KnownPrefixes)
}

func codeChurn(c *snapshot.Coder, v *bgp.Churn) {
	snapshot.Int(c, &v.Hour)
	snapshot.Int(c, &v.Day)
}

func codeFlaps(c *snapshot.Coder, v *bgp.Flaps) {
	snapshot.Int(c, &v.Hour)
	snapshot.Int(c, &v.Day)
	snapshot.Pointer(c, &v.UsualDay, snapshot.Int)
}

func codeCovered(c *snapshot.Coder, v *bgp.Covered) {
	snapshot.Text(c, &v.Prefix)
	snapshot.Uint(c, &v.By)
}

func codeSpread(c *snapshot.Coder, v *bgp.Spread) {
	snapshot.Int(c, &v.P10)
	snapshot.Int(c, &v.P50)
	snapshot.Int(c, &v.P90)
}

func codeWithdrawals(c *snapshot.Coder, v *bgp.Withdrawals) {
	snapshot.Time(c, &v.First)
	snapshot.Int(c, &v.Voters)
	snapshot.Slice(c, &v.Curve, func(c *snapshot.Coder, p *[2]int64) {
		snapshot.Int(c, &p[0])
		snapshot.Int(c, &p[1])
	})
	snapshot.Slice(c, &v.Prefixes, codePrefixWithdrawals)
}

func codePrefixWithdrawals(c *snapshot.Coder, v *bgp.PrefixWithdrawals) {
	snapshot.Text(c, &v.Prefix)
	snapshot.Uint(c, &v.Upstream)
	snapshot.Int(c, &v.Voters)
	snapshot.Int(c, &v.HalfSeconds)
	codeVoterWithdrawal(c, &v.First)
	codeVoterWithdrawal(c, &v.Last)
}

func codeVoterWithdrawal(c *snapshot.Coder, v *bgp.VoterWithdrawal) {
	snapshot.Uint(c, &v.ASN)
	snapshot.Int(c, &v.Seconds)
}

func codeParent(c *snapshot.Coder, v *bgp.Parent) {
	snapshot.Uint(c, &v.Type)
	snapshot.Text(c, &v.Code)
	snapshot.Text(c, &v.ID)
	snapshot.Int(c, &v.SharePercent)
}

func codeWatchMember(c *snapshot.Coder, v *bgp.WatchMember) {
	snapshot.Text(c, &v.List)
	snapshot.Text(c, &v.Title)
	snapshot.Text(c, &v.Member)
	snapshot.Text(c, &v.CoveredBy)
	snapshot.Bool(c, &v.Public)
	snapshot.Pointer(c, &v.Host, codeWatchHost)
}

func codeWatchHost(c *snapshot.Coder, v *bgp.WatchHost) {
	snapshot.Pointer(c, &v.ResolvedAt, snapshot.Time)
	snapshot.Text(c, &v.Problem)
	snapshot.Slice(c, &v.Addresses, codeHostAddress)
	snapshot.Int(c, &v.AddressesTotal)
}

func codeHostAddress(c *snapshot.Coder, v *bgp.HostAddress) {
	snapshot.Text(c, &v.Address)
	snapshot.Bool(c, &v.NameServer)
	snapshot.Text(c, &v.Prefix)
	snapshot.Text(c, &v.State)
	snapshot.Slice(c, &v.Countries, snapshot.Text)
	snapshot.Bool(c, &v.Abroad)
}
