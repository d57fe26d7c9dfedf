package core

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/darkmap/darkmap/detect/clock"
)

// stateFields lists the fields of the types of the state, except those of fieldwise. A field after
// - is not in a snapshot: it belongs to the configuration, links to a part of the state, is made
// again from the state, or has content only while a window is being closed.
var stateFields = map[string]string{
	"core.Detector":    "-cfg collectors families owners geography watch trimmed",
	"core.familyState": "-left -family rib panel vis engine -owners -watch -all -beacons -beats -peers swept refused judging covers verdicts -gate -gateTurned",
	"core.collector":   "name masked peers same at gap gaps check beacons",
	"core.peer":        "key upAt down slots gap reading",
	"core.peerSlot":    "slot used named refused",
	"core.gap":         "id number since orphan short families chunks peers",
	"core.gapPeer":     "gap tabled left spoke lacks filled since told",
	"core.check":       "id families peers ribs dumped",
	"core.beaconLog":   "heard beats disturbed missed",
	"core.reading":     "read unread",
	"core.owners":      "names staged",
	"core.geography":   "-space encoded staged",
	"core.judging":     "-cfg -family -geography knowledge world all places",
	"core.cover":       "length origin",
	"core.verdicts":    "-enough first last minutes possible row inRow peers best lacking why votes struck",
	"core.Undecided":   "Reason Minutes Best Peers",

	"clock.Clock":      "partitions collectors lanes -share -vanished -back open last waiting rejected dropped steps",
	"clock.partition":  "newest clock first writers up bytes paused",
	"clock.collector":  "name partition known vanished tick effective",
	"clock.writer":     "newest ended",
	"clock.lastRecord": "pos part at",
	"clock.Rejected":   "Partition Offset Window Record Err",
	"clock.Step":       "Record Effective Window Partition Offset size",
	"clock.steps":      "phase records taken -one until",

	"watchlist.Keeper": "lists streams gone notes",

	"rib.Table":    "family -index keys -words free status pairs -bits slots watch doubts dirty -dirtyBits refused",
	"rib.index":    "-slots -n -seed",
	"rib.statuses": "-packed usual -pending -words -buf",
	"rib.pending":  "-held -left -gone -some",
	"rib.standing": "held gone",
	"rib.pairs":    "-packed -words -several -buf",
	"rib.packed":   "-blocks",
	"rib.block":    "-data -ends",
	"rib.rowBits":  "-asked -paired -slots -heard",
	"rib.bitRows":  "words",
	"rib.slot":     "used size doubted paths refresh",
	"rib.pathSet":  "ids -count",
	"rib.pathKey":  "row id",
	"rib.refresh":  "rows ids unread",
	"rib.watch":    "gap check closed touched known",
	"rib.Check":    "-t slots added over",
	"rib.addition": "origin upstream row slot",

	"panel.Panel":       "-cfg -family sessions knowledge voters need chosen in out -struck leavers gate -left",
	"panel.rowSet":      "few many",
	"panel.Voters":      "N Collectors Mask Leaders second collector",
	"panel.follower":    "slot leader",
	"panel.ReasonCount": "Reason Peers",
	"panel.Left":        "-Voters -Since -Usual -Held -Heard",
	"panel.Gate":        "-Since -Voters -Usual -Leavers -Leaving",
	"panel.Status":      "-Session -Slot -Votes -Reason",

	"visibility.State": "-family -rib -peers prefixes days -knownRows -trie origins places -leftOut entities -byKey -byASN touchedEntities -voters knowledge " +
		"verdicts now hour began skipped stale first placing staged -tallied -left -usualTally holdings watch strangers -scratch -plan -stamps -round -rows -leaving -steps young expected " +
		"moved open loss churn troughs brief -overlapped",
	"visibility.days":         "various -free",
	"visibility.usualTally":   "-tally -known",
	"visibility.tally":        "-held -gone -origins",
	"visibility.changes":      "rows counts more -gone",
	"visibility.prefix":       "day usual flags share since -node belonging staged origins",
	"visibility.belonging":    "place usually watch",
	"visibility.entity":       "key space known prefixes knownCount moved brief -minute touched last -members everSampled",
	"visibility.originSets":   "sets -single -many",
	"visibility.places":       "-sets content -index -buf",
	"visibility.share":        "entity -asn space covering",
	"visibility.holdings":     "said turns differ waits paid",
	"visibility.said":         "origins when",
	"visibility.wait":         "standing origins since",
	"visibility.watch":        "-lists -entities -ranges -lengths -asns -countries -places -points -pointAt -covers -toggled sets -index -buf -parts",
	"visibility.point":        "-key -own -via -within -cover",
	"visibility.member":       "list member",
	"visibility.memberSpace":  "-member -space",
	"visibility.strangers":    "-voters -collectors -lists -ranges -lengths -guarded stale rows found",
	"visibility.strangerOf":   "member listed voters collectors routes",
	"visibility.losses":       "rows withdrawn rerouted overflow",
	"visibility.loss":         "entries upstream",
	"visibility.entry":        "slot lapsed at",
	"visibility.event":        "row slot lapsed at upstream",
	"visibility.troughs":      "losses moves minute since",
	"visibility.trough":       "seen voted held of heard began over overMinute usual usually lost learned settled",
	"visibility.churn":        "-voters window rows fine hours newest",
	"visibility.briefs":       "announced rows entities",
	"visibility.youth":        "since entity",
	"visibility.trie":         "-family -nodes -root -free",
	"visibility.node":         "-key -up -child -row",
	"visibility.leftOut":      "-ranges -unlocated",
	"visibility.rangeSet":     "-ranges -shift -begins",
	"visibility.addressRange": "-first -last",
	"visibility.asCount":      "-votes -out",
	"visibility.HeardFrom":    "-ASN -Voters",
	"visibility.scratch":      "-of -was -is",
	"visibility.change":       "-row -flags -belonging -origins",

	"outage.Engine": "-cfg -view entities active behind -medians deepened started next tabled blind decided gatedSince window panel -neighbours -pending -out changed " +
		"taken strange removed standing listed -steps",
	"outage.entity": "key last hist frozen loss large band moved covered toldCovered ev closed strange strangeClosed recent flaps starts lastEnd lastID " +
		"superseded settled deep near movedSpace -touched -listed",
	"outage.history":      "points",
	"outage.flapLog":      "minutes",
	"outage.run":          "first minutes score peak digest deep suspect rejected held",
	"outage.shortLoss":    "first run ev",
	"outage.relation":     "parents named left looked stale space since wider",
	"outage.parent":       "key ev share",
	"outage.standing":     "outage key waited listed",
	"outage.Event":        "Outage Key",
	"outage.medians":      "-space -prefixes -deviation",
	"outage.weighted":     "-value -weight",
	"outage.neighbours":   "-byOrigin -byType",
	"outage.originMinute": "-origin -minute",
	"outage.neighbour":    "-code -first -origin -upstream -open",
	"outage.pending":      "-ent -ev -outage",
}

// fieldwise lists the types whose fields are all filled, written and read by the tests of their
// packages.
var fieldwise = []string{
	"watchlist.List", "watchlist.Member", "watchlist.Host", "watchlist.stream", "watchlist.gathered",
	"panel.Session", "panel.burst", "panel.spoken", "panel.lapse", "panel.knowledge", "panel.Need", "panel.gate",
	"outage.Key", "outage.Sample", "outage.UnexpectedRoute", "outage.point", "outage.baseline", "outage.loss", "outage.interval", "outage.deepness", "outage.nearness",
	"outage.event", "outage.spells", "outage.told", "outage.Overlap", "outage.digest", "outage.Cover",
}

// configured lists types of the configuration.
var configured = []string{"core.Config", "core.GeographyConfig", "core.FeedsConfig", "core.WatchConfig", "panel.Config", "outage.Config", "outage.limits"}

// TestEveryFieldOfTheState: a restart forgets a field that is neither in a snapshot nor made again.
// A new field must be written, or listed after a - above.
func TestEveryFieldOfTheState(t *testing.T) {
	t.Parallel()
	seen := map[reflect.Type]bool{}
	listed := map[string]bool{}
	var walk func(x reflect.Type)
	walk = func(x reflect.Type) {
		if seen[x] {
			return
		}
		seen[x] = true
		switch x.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array:
			walk(x.Elem())
		case reflect.Map:
			walk(x.Key())
			walk(x.Elem())
		case reflect.Struct:
			name := x.String()
			if !strings.Contains(x.PkgPath(), "/detect/") || slices.Contains(configured, name) {
				return
			}
			fields, ok := stateFields[name]
			listed[name] = true
			if !ok && !slices.Contains(fieldwise, name) {
				t.Errorf("%s is part of the state, and no list of its fields says what of it a snapshot holds", name)
			}
			var known []string
			for f := range strings.FieldsSeq(fields) {
				known = append(known, strings.TrimPrefix(f, "-"))
			}
			for f := range x.Fields() {
				if ok && !slices.Contains(known, f.Name) {
					t.Errorf("%s.%s is neither in a snapshot nor listed as made again", name, f.Name)
				}
				walk(f.Type)
			}
			for _, f := range known {
				if _, there := x.FieldByName(f); !there {
					t.Errorf("%s has no field %s", name, f)
				}
			}
		default:
		}
	}
	walk(reflect.TypeFor[Detector]())
	walk(reflect.TypeFor[clock.Clock]())
	for name := range stateFields {
		if !listed[name] {
			t.Errorf("%s is no part of the state", name)
		}
	}
}
