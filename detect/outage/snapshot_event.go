package outage

import "github.com/darkmap/darkmap/detect/snapshot"

// CodeKey writes or reads the name of an entity.
func CodeKey(c *snapshot.Coder, v *Key) {
	snapshot.Uint(c, &v.Family)
	snapshot.Uint(c, &v.Type)
	snapshot.Text(c, &v.Code)
}

// CodeSample writes or reads a sample.
func CodeSample(c *snapshot.Coder, v *Sample) {
	CodeKey(c, &v.Key)
	snapshot.Uint(c, &v.Space)
	snapshot.Int(c, &v.Prefixes)
	snapshot.Uint(c, &v.KnownSpace)
	snapshot.Int(c, &v.KnownPrefixes)
	snapshot.Int(c, &v.SharePermille)
	snapshot.Int(c, &v.Moved)
	snapshot.Uint(c, &v.Brief)
	snapshot.Uint(c, &v.Carried)
	snapshot.Bool(c, &v.Covered)
}

// CodeUnexpectedRoute writes or reads a route from an origin that no watch list names.
func CodeUnexpectedRoute(c *snapshot.Coder, v *UnexpectedRoute) {
	snapshot.Prefix(c, &v.Prefix)
	snapshot.Uint(c, &v.Origin)
	snapshot.Slice(c, &v.Expected, snapshot.Uint)
	snapshot.Int(c, &v.Voters)
	snapshot.Int(c, &v.Of)
	snapshot.Int(c, &v.Collectors)
}

func codePoint(c *snapshot.Coder, v *point) {
	snapshot.Uint(c, &v.since)
	snapshot.Uint(c, &v.prefixes)
	snapshot.Uint(c, &v.space)
}

func codeBaseline(c *snapshot.Coder, v *baseline) {
	snapshot.Uint(c, &v.space)
	snapshot.Int(c, &v.prefixes)
	snapshot.Uint(c, &v.mad)
}

func codeLoss(c *snapshot.Coder, v *loss) {
	snapshot.Int(c, &v.prefixes)
	snapshot.Uint(c, &v.space)
	snapshot.Int(c, &v.percent)
}

func codeInterval(c *snapshot.Coder, v *interval) {
	snapshot.Int(c, &v.start)
	snapshot.Int(c, &v.end)
}

func codeDeepness(c *snapshot.Coder, v *deepness) {
	snapshot.Uint(c, &v.space)
	snapshot.Int(c, &v.at)
}

func codeNearness(c *snapshot.Coder, v *nearness) {
	snapshot.Bool(c, &v.lost)
	snapshot.Bool(c, &v.moved)
}

// codeEvent writes or reads an event without its parents. They may be events with higher numbers.
func codeEvent(c *snapshot.Coder, ev *event) {
	snapshot.Text(c, &ev.id)
	snapshot.Text(c, &ev.kind)
	snapshot.Text(c, &ev.state)
	snapshot.Uint(c, &ev.seq)
	snapshot.Bool(c, &ev.blip)
	snapshot.Bool(c, &ev.within)
	snapshot.Int(c, &ev.first)
	snapshot.Int(c, &ev.start)
	snapshot.Int(c, &ev.end)
	snapshot.Slice(c, &ev.gaps, codeInterval)
	snapshot.Int(c, &ev.pauses)
	codeBaseline(c, &ev.base)
	snapshot.Uint(c, &ev.threshold)
	snapshot.Bool(c, &ev.byNumber)
	snapshot.Uint(c, &ev.known)
	codeLoss(c, &ev.peak)
	codeLoss(c, &ev.now)
	snapshot.Int(c, &ev.score)
	codeInterval(c, &ev.startBlind)
	codeInterval(c, &ev.endBlind)
	snapshot.Int(c, &ev.quiet)
	snapshot.Int(c, &ev.quietSince)
	snapshot.Int(c, &ev.quietScore)
	codeSpells(c, &ev.spells)
	snapshot.Int(c, &ev.announced)
	snapshot.Int(c, &ev.minutes)
	snapshot.Int(c, &ev.losses)
	snapshot.Int(c, &ev.lostMinutes)
	snapshot.Bool(c, &ev.long)
	codeEvidence(c, ev)
	snapshot.Text(c, &ev.reason)
	snapshot.Text(c, &ev.successor)
	snapshot.Text(c, &ev.predecessor)
	snapshot.Int(c, &ev.publishedAt)
	snapshot.Bool(c, &ev.unknown)
	snapshot.Bool(c, &ev.adopted)
	codeInterval(c, &ev.unseen)
	snapshot.Int(c, &ev.unjudged)
	codeTold(c, &ev.told)
	codeRelation(c, &ev.relation)
	snapshot.Octets(c, &ev.previous)
}

// codeEvidence writes or reads the evidence of an event.
func codeEvidence(c *snapshot.Coder, ev *event) {
	snapshot.Pointer(c, &ev.digest, codeDigest)
	snapshot.Pointer(c, &ev.churn, codeChurn)
	codeFlaps(c, &ev.flaps)
	snapshot.Int(c, &ev.sameTime)
	snapshot.Int(c, &ev.outages)
	snapshot.Slice(c, &ev.neighbours, snapshot.Text)
	snapshot.Slice(c, &ev.movedTo, snapshot.Uint)
	snapshot.Slice(c, &ev.notes, snapshot.Text)
	snapshot.Bool(c, &ev.settled)
	snapshot.Text(c, &ev.returned)
	snapshot.Slice(c, &ev.unexpected, CodeUnexpectedRoute)
	snapshot.Uint(c, &ev.takenAway)
	snapshot.Slice(c, &ev.watch, codeWatchMember)
}

func codeSpells(c *snapshot.Coder, v *spells) {
	snapshot.Int(c, &v.since)
	snapshot.Int(c, &v.calm)
	snapshot.Slice(c, &v.past, codeInterval)
	snapshot.Slice(c, &v.brief, snapshot.Int)
	snapshot.Int(c, &v.count)
	snapshot.Int(c, &v.lost)
}

func codeTold(c *snapshot.Coder, v *told) {
	codeLoss(c, &v.peak)
	codeLoss(c, &v.least)
	codeLoss(c, &v.now)
	snapshot.Text(c, &v.severity)
	snapshot.Int(c, &v.losses)
	snapshot.Int(c, &v.movedTo)
	snapshot.Int(c, &v.routes)
	snapshot.Int(c, &v.off)
}

func codeRelation(c *snapshot.Coder, v *relation) {
	snapshot.Slice(c, &v.named, codeParent)
	snapshot.Int(c, &v.left)
	snapshot.Int(c, &v.looked)
	snapshot.Bool(c, &v.stale)
	snapshot.Uint(c, &v.space)
	snapshot.Int(c, &v.since)
	snapshot.Slice(c, &v.wider, codeOverlap)
}

func codeOverlap(c *snapshot.Coder, v *Overlap) {
	CodeKey(c, &v.Key)
	snapshot.Uint(c, &v.Space)
}

func codeDigest(c *snapshot.Coder, d *digest) {
	snapshot.Int(c, &d.total)
	snapshot.Uint(c, &d.suspectSpace)
	snapshot.Uint(c, &d.deepSpace)
	snapshot.Slice(c, &d.lost, snapshot.Text)
	snapshot.Slice(c, &d.surviving, snapshot.Text)
	snapshot.Int(c, &d.survivors)
	snapshot.Slice(c, &d.origins, snapshot.Uint)
	snapshot.Slice(c, &d.originOrder, snapshot.Uint)
	snapshot.Int(c, &d.originCount)
	snapshot.Slice(c, &d.usually, snapshot.Uint)
	snapshot.Slice(c, &d.countries, snapshot.Text)
	snapshot.Slice(c, &d.upstreams, snapshot.Uint)
	snapshot.Bool(c, &d.onlyOne)
	snapshot.Pointer(c, &d.together, snapshot.Bool)
	snapshot.Slice(c, &d.rerouted, snapshot.Uint)
	snapshot.Slice(c, &d.covered, codeCovered)
	snapshot.Slice(c, &d.deaggregated, snapshot.Text)
	codeCover(c, &d.table)
	snapshot.Int(c, &d.allCovered)
	snapshot.Int(c, &d.partly)
	snapshot.Uint(c, &d.partlySpace)
	snapshot.Uint(c, &d.partlyCarried)
	snapshot.Uint(c, &d.unit)
	snapshot.Int(c, &d.withdrawals)
	snapshot.Int(c, &d.tenth)
	snapshot.Bool(c, &d.lapsed)
	snapshot.Pointer(c, &d.spread, codeSpread)
	snapshot.Pointer(c, &d.withdrawn, codeWithdrawals)
	snapshot.Text(c, &d.shape)
	snapshot.Int(c, &d.voters)
	snapshot.Int(c, &d.collectors)
}

func codeCover(c *snapshot.Coder, v *Cover) {
	snapshot.Prefix(c, &v.Prefix)
	snapshot.Uint(c, &v.Origin)
}
