package sqlshell

import (
	"path/filepath"
	"strings"
)

// RowsFormat is the format from which Screen draws tables.
const RowsFormat = "JSONCompactEachRowWithNamesAndTypes"

// endings are the formats of files by the ending of their names.
var endings = []struct{ ending, format string }{
	{".parquet", "Parquet"},
	{".csv", "CSVWithNames"},
	{".tsv", "TSVWithNames"},
	{".json", "JSON"},
	{".jsonl", "JSONEachRow"},
	{".ndjson", "JSONEachRow"},
	{".geojson", "GeoJSON"},
	{".arrow", "Arrow"},
	{".arrows", "ArrowStream"},
	{".feather", "Arrow"},
	{".orc", "ORC"},
	{".avro", "Avro"},
	{".native", "Native"},
	{".bson", "BSONEachRow"},
	{".msgpack", "MsgPack"},
	{".npy", "Npy"},
	{".md", "Markdown"},
	{".xml", "XML"},
	{".sql", "SQLInsert"},
}

// FormatOf returns the format of a file by the ending of its name, without .gz and .zst; empty if
// the ending is unknown.
func FormatOf(path string) string {
	name, _ := compression(path)
	for _, e := range endings {
		if strings.EqualFold(filepath.Ext(name), e.ending) {
			return e.format
		}
	}
	return ""
}

// Endings lists the endings that FormatOf knows.
func Endings() string {
	all := make([]string, len(endings))
	for i, e := range endings {
		all[i] = e.ending
	}
	return strings.Join(all, " ")
}

// compression splits a name into the part before .gz or .zst and that ending, which may be empty.
func compression(path string) (name, ending string) {
	for _, ending := range []string{".gz", ".zst"} {
		if cut := len(path) - len(ending); cut > 0 && strings.EqualFold(path[cut:], ending) {
			return path[:cut], ending
		}
	}
	return path, ""
}

// binary reports whether a media type is not text.
func binary(contentType string) bool {
	kind, _, _ := strings.Cut(contentType, ";")
	return kind != "" && !strings.HasPrefix(kind, "text/") && !strings.Contains(kind, "json") &&
		!strings.Contains(kind, "xml")
}

// Settings returns the settings of a statement whose output Screen draws.
func Settings() map[string]string {
	return map[string]string{
		"output_format_json_quote_denormals":                 "1", // nan and inf, not null
		"output_format_json_quote_64bit_integers":            "0",
		"output_format_json_named_tuples_as_objects":         "1",
		"output_format_json_map_as_array_of_tuples":          "0",
		"output_format_json_skip_null_value_in_named_tuples": "0",
	}
}
