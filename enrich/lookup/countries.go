package lookup

import (
	"slices"
	"strings"
	"sync"
)

// continents holds the ISO 3166-1 codes of each continent.
var continents = map[string]string{
	"Africa": "AO BF BI BJ BW CD CF CG CI CM CV DJ DZ EG EH ER ET GA GH GM GN GQ GW IO KE KM LR LS LY MA " +
		"MG ML MR MU MW MZ NA NE NG RE RW SC SD SH SL SN SO SS ST SZ TD TG TN TZ UG YT ZA ZM ZW",
	"Antarctica": "AQ BV GS HM TF",
	"Asia": "AE AF AM AZ BD BH BN BT CN CY GE HK ID IL IN IQ IR JO JP KG KH KP KR KW KZ LA LB LK MM MN " +
		"MO MV MY NP OM PH PK PS QA SA SG SY TH TJ TL TM TR TW UZ VN YE",
	"Europe": "AD AL AT AX BA BE BG BY CH CZ DE DK EE ES FI FO FR GB GG GI GR HR HU IE IM IS IT JE LI LT " +
		"LU LV MC MD ME MK MT NL NO PL PT RO RS RU SE SI SJ SK SM UA VA XK",
	"North America": "AG AI AW BB BL BM BQ BS BZ CA CR CU CW DM DO GD GL GP GT HN HT JM KN KY LC MF MQ MS MX " +
		"NI PA PM PR SV SX TC TT US VC VG VI",
	"Oceania":       "AS AU CC CK CX FJ FM GU KI MH MP NC NF NR NU NZ PF PG PN PW SB TK TO TV UM VU WF WS",
	"South America": "AR BO BR CL CO EC FK GF GY PE PY SR UY VE",
}

// continentOf returns the continent of each country.
var continentOf = sync.OnceValue(func() map[string]string {
	all := map[string]string{}
	for continent, codes := range continents {
		for code := range strings.FieldsSeq(codes) {
			all[code] = continent
		}
	}
	return all
})

// borders holds each border on land once, under the code that comes first.
var borders = map[string]string{
	"AD": "ES FR", "AE": "OM SA", "AF": "CN IR PK TJ TM UZ", "AL": "GR ME MK XK", "AM": "AZ GE IR TR",
	"AO": "CD CG NA ZM",
	"AR": "BO BR CL PY UY", "AT": "CH CZ DE HU IT LI SI SK", "AZ": "GE IR RU TR",

	"BA": "HR ME RS", "BD": "IN MM", "BE": "DE FR LU NL", "BF": "BJ CI GH ML NE TG",
	"BG": "GR MK RO RS TR", "BI": "CD RW TZ", "BJ": "NE NG TG",
	"BN": "MY", "BO": "BR CL PE PY", "BR": "CO GF GY PE PY SR UY VE", "BT": "CN IN", "BW": "NA ZA ZM ZW",
	"BY": "LT LV PL RU UA", "BZ": "GT MX",

	"CA": "GL US", "CD": "CF CG RW SS TZ UG ZM", "CF": "CG CM SD SS TD", "CG": "CM GA",
	"CH": "DE FR IT LI", "CI": "GH GN LR ML", "CL": "PE",
	"CM": "GA GQ NG TD", "CN": "HK IN KG KP KZ LA MM MN MO NP PK RU TJ VN", "CO": "EC PA PE VE",
	"CR": "NI PA", "CZ": "DE PL SK",

	"DE": "DK FR LU NL PL", "DJ": "ER ET SO", "DO": "HT", "DZ": "EH LY MA ML MR NE TN",

	"EC": "PE", "EE": "LV RU", "EG": "IL LY PS SD", "EH": "MA MR", "ER": "ET SD", "ES": "FR GI MA PT",
	"ET": "KE SD SO SS",

	"FI": "NO RU SE", "FR": "IT LU MC",

	"GA": "GQ", "GB": "IE", "GE": "RU TR", "GF": "SR", "GH": "TG", "GM": "SN", "GN": "GW LR ML SL SN",
	"GR": "MK TR", "GT": "HN MX SV", "GW": "SN",
	"GY": "SR VE",

	"HN": "NI SV", "HR": "HU ME RS SI", "HU": "RO RS SI SK UA",

	"ID": "MY PG TL", "IL": "JO LB PS SY", "IN": "MM NP PK", "IQ": "IR JO KW SA SY TR", "IR": "PK TM TR",
	"IT": "SI SM VA",

	"JO": "PS SA SY",

	"KE": "SO SS TZ UG", "KG": "KZ TJ UZ", "KH": "LA TH VN", "KP": "KR RU", "KW": "SA", "KZ": "RU TM UZ",

	"LA": "MM TH VN", "LB": "SY", "LR": "SL", "LS": "ZA", "LT": "LV PL RU", "LV": "RU", "LY": "NE SD TD TN",

	"MD": "RO UA", "ME": "RS XK", "MF": "SX", "MK": "RS XK", "ML": "MR NE SN", "MM": "TH", "MN": "RU",
	"MR": "SN", "MW": "MZ TZ ZM", "MX": "US",
	"MY": "TH", "MZ": "SZ TZ ZA ZM ZW",

	"NA": "ZA ZM", "NE": "NG TD", "NG": "TD", "NO": "RU SE",

	"OM": "SA YE",

	"PL": "RU SK UA",

	"QA": "SA",

	"RO": "RS UA", "RS": "XK", "RU": "UA", "RW": "TZ UG",

	"SA": "YE", "SD": "SS TD", "SK": "UA", "SS": "UG", "SY": "TR", "SZ": "ZA",

	"TJ": "UZ", "TM": "UZ", "TZ": "UG ZM",

	"ZA": "ZW", "ZM": "ZW",
}

// neighboursOf returns the neighbours of each country that has any, sorted.
var neighboursOf = sync.OnceValue(func() map[string][]string {
	all := map[string][]string{}
	for a, others := range borders {
		for b := range strings.FieldsSeq(others) {
			all[a] = append(all[a], b)
			all[b] = append(all[b], a)
		}
	}
	for _, codes := range all {
		slices.Sort(codes)
	}
	return all
})
