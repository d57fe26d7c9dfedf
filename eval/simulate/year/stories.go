package year

import (
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// The ASes of the stories, as indices in world.ases. 0 to 11 are transits.
const (
	cableA, cableB = 3, 7
	churner        = 12
	victim         = 13
	hijacker       = 14
	repeater       = 15
	disputed       = 16
	young          = 20
	vanished       = 21
	mover, movedAS = 22, 23
	blinker        = 24
	chained        = 25
	returning      = 26
	customer       = 28
	unseen         = 40 // and the next two
)

// quietCountries have no outages except those of the stories.
var quietCountries = map[string]bool{
	"IQ": true, "MM": true, "SD": true, "TD": true, "SS": true, "GA": true, "CU": true, "TO": true,
}

// watchList is the list of the stories.
const watchList = "our-customers"

// The offsets of stories from the end of the year.
const (
	hijackAt   = 9*day - 13*hour - 37*minute // 13:37 of the ninth day before the end
	hijackFor  = 2*hour + 10*minute
	disputeAt  = 12*day - 9*hour
	disputeFor = 6 * hour
	churnAt    = 18 * day
	churnFor   = 2 * day
	blindAt    = 15*day - 10*hour // all of RIS for 12 minutes
	blindFor   = 12 * minute
	deafAt     = 25*day - 3*hour // rrc03 for two hours
	deafFor    = 2 * hour
	youngAt    = 6*day - 8*hour
	vanishedAt = 10*day - 4*hour
	cubaAt     = 6 * hour
)

// stories adds the outages for which docs/sql.md asks.
func (p *planner) stories() {
	p.exams()
	p.nights()
	p.cable()
	p.collateral()
	p.oneFamily()
	p.island()
	p.openAtTheEnd()
	p.listed()
	p.singles()
	p.lives()
}

// before returns the time d seconds before the end of the year.
func (p *planner) before(d int64) int64 { return p.y.end - d }

// place adds an outage of a country, and outages of its biggest ASes within it.
func (p *planner) place(code string, family, percent int, start, lasts int64, ases int) *outage {
	of := p.w.byCode[code]
	o := p.w.ofPlace(of, -1, family, percent, start, lasts)
	o.suspected = true
	p.add(o)
	for n, i := range p.w.biggest(&p.w.countries[of], ases) {
		if lost := p.w.ases[i].prefixes[family]; lost > 0 {
			child := p.w.ofAS(i, family, lost, start+int64(n%50), lasts+int64(n%7)*10)
			child.parents, child.hidden, child.routes = []*outage{o}, true, true
			p.add(child)
			for k := range min(lost, 3) {
				prefix := p.w.ofPrefix(i, family, k, child.start, lasts)
				prefix.parents, prefix.hidden = []*outage{child, o}, true
				p.add(prefix)
			}
		}
	}
	return o
}

// exams: on the mornings of school days in June and August, Iraq is cut from 04:00 to 07:00 local
// time.
func (p *planner) exams() {
	for _, season := range [][2]int64{{213, 185}, {134, 118}} {
		for d := season[0]; d > season[1]; d-- {
			at := p.before(d*day) + 1*hour // 04:00 in Baghdad, UTC+3
			if wd := time.Unix(at, 0).UTC().Weekday(); wd == time.Friday || wd == time.Saturday {
				continue
			}
			o := p.place("IQ", 0, 62, at+p.rng.Int64N(40), 3*hour-p.rng.Int64N(60), 6)
			o.suspected = false
		}
	}
}

// nights: for three weeks Myanmar is cut from 01:00 to 09:00 local time, which is half past the
// hour in UTC.
func (p *planner) nights() {
	for d := int64(332); d > 311; d-- {
		p.place("MM", 0, 88, p.before(d*day)+18*hour+30*minute+p.rng.Int64N(45), 8*hour, 4)
	}
}

// cableDays lists the days before the end on which the two transits fail together.
var cableDays = []int64{310, 270, 230, 180, 95, 35, 20}

// cable: customers of two transits go in the same minute, again and again.
func (p *planner) cable() {
	for k, d := range cableDays {
		at := p.before(d*day) + int64(3+k*2)*hour + 17*minute
		for n := range 12 {
			of := &p.w.countries[p.w.byCode[[...]string{"KE", "NG"}[n%2]]]
			i := of.from + 1 + n/2
			o := p.w.ofAS(i, 0, p.w.ases[i].prefixes[0], at+int64(n*2), 95*minute+int64(n)*20)
			o.upstreams, o.routes = []int{[...]int{cableA, cableB}[n/2%2]}, true
			p.add(o)
		}
	}
}

// collateralDays lists the days before the end on which Sudan goes dark, and its neighbours with
// it.
var collateralDays = []int64{300, 260, 200, 120, 40}

// collateral: Chad and South Sudan buy transit in Sudan, and lose a part when Sudan is cut.
func (p *planner) collateral() {
	for k, d := range collateralDays {
		at := p.before(d*day) + int64(9+k)*hour
		p.place("SD", 0, 97, at, 14*hour, 5)
		incumbent := p.w.countries[p.w.byCode["SD"]].from
		for n, code := range []string{"TD", "SS"} {
			if k == 3 && code == "SS" {
				continue
			}
			o := p.place(code, 0, 35, at+int64(90+60*n), 14*hour-5*minute, 2)
			o.upstreams = []int{incumbent}
		}
	}
}

// oneFamily: Gabon loses all of IPv4 for three days, and nothing of IPv6.
func (p *planner) oneFamily() { p.place("GA", 0, 100, p.before(125*day)+2*hour, 3*day, 6) }

// island: Tonga is away for three weeks, the longest outage of the year.
func (p *planner) island() {
	for family := range 2 {
		p.place("TO", family, 98, p.before(350*day)+5*hour, 21*day, 4)
	}
}

// openAtTheEnd: Cuba loses most of its routes six hours before the end of the year, and they do not
// come back.
func (p *planner) openAtTheEnd() { p.place("CU", 0, 87, p.before(cubaAt), 30*day, 8) }

// listed: a hijack of a listed prefix, and outages of a listed AS.
func (p *planner) listed() {
	p.hijack()
	for k, d := range []int64{160, 75, 28} {
		o := p.w.ofAS(customer, 0, storyPrefixes, p.before(d*day)+int64(k+7)*hour, int64(20+k*30)*minute)
		o.watch, o.routes = []bgp.WatchMember{
			{List: watchList, Title: "Our customers", Member: asn(customer).String(), Public: true},
		}, true
		p.add(o)
	}
}

// hijack: the AS hijacker announces a /24 of the AS victim. A watch list names the /24.
func (p *planner) hijack() {
	o := p.w.ofPrefix(victim, 0, 0, p.before(hijackAt), hijackFor)
	voters := p.w.voters()
	o.kind, o.quiet = bgp.KindOrigin, true
	o.lost = 0
	o.watch = []bgp.WatchMember{{List: watchList, Title: "Our customers", Member: o.entity.Code, Public: true}}
	o.unexpected = []bgp.UnexpectedRoute{{
		Prefix: o.entity.Code, Origin: p.w.asOf(hijacker), Expected: []bgp.ASN{asn(victim)},
		Voters: voters / 3, Collectors: 12,
		SharePercent: bgp.Decimal(voters / 3 * 10_000 / voters),
	}}
	p.add(o)
}

// singles adds stories of one AS each.
func (p *planner) singles() {
	for k := range int64(60) { // a repeat offender
		o := p.w.ofAS(repeater, 0, storyPrefixes, p.before((6*k+3)*day)+k%24*hour+11*minute, (20+k%30)*minute)
		o.routes = true
		p.add(o)
	}
	for k := range int64(30) {
		o := p.w.ofAS(blinker, 0, storyPrefixes, p.before((k+2)*day)+(k*5)%24*hour, 2*minute+k)
		o.blip, o.quiet = true, true
		p.add(o)
	}
	o := p.w.ofPrefix(disputed, 0, 0, p.before(disputeAt), disputeFor)
	o.kind, o.quiet = bgp.KindPartial, true
	p.add(o)
	for n := range 4 {
		o := p.w.ofPrefix(vanished, 0, n, p.before(vanishedAt)+int64(n), 7*day)
		o.reason, o.routes = bgp.EndLeftTable, true
		p.add(o)
	}
	for d := range int64(10) { // a region that is cut again and again
		br := p.w.byCode["BR"]
		p.add(p.w.ofPlace(br, 1, 0, 55, p.before((d*30+8)*day)+(d*3)%24*hour+21*minute, 100*minute))
	}
}

// lives adds stories of the ways in which an event ends.
func (p *planner) lives() {
	o := p.w.ofAS(movedAS, 0, storyPrefixes, p.before(14*day), day)
	o.kind, o.quiet, o.movedTo, o.reason = bgp.KindMoved, true, []int{mover}, bgp.EndNewNormal
	first := p.w.ofAS(chained, 0, 3, p.before(48*day), hour)
	second := p.w.ofAS(chained, 0, storyPrefixes, p.before(48*day)+hour, 5*hour)
	first.kind, first.quiet, first.reason, first.after, second.before = bgp.KindPartial, true,
		bgp.EndSuperseded, second, first
	again := p.w.ofAS(returning, 0, storyPrefixes, p.before(52*day), 3*hour)
	again.again = again.start + 2*hour
	p.add(o, first, second, again)
	for n, code := range []string{"FR", "JP", "IN", "DE"} {
		o := p.w.ofPlace(p.w.byCode[code], -1, 0, 11, p.before(int64(30*n+21)*day)+4*hour, 7*minute)
		o.suspected, o.takenBack, o.quiet = true, true, true
		p.add(o)
	}
	for n := range 3 { // the observatory's own view was gone
		o := p.w.ofAS(unseen+n, 0, 1, p.before(blindAt)+minute, blindFor)
		o.reason, o.quiet = bgp.EndLostSight, true
		p.add(o)
	}
}
