package outagelog

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/plaintext"
)

// csvColumns are the columns of WriteCSV. New columns are only appended.
var csvColumns = []string{
	"id", "dataset", "state", "kind", "family", "entity_type", "entity_code", "entity_name",
	"start", "end", "end_reason", "duration_seconds", "severity", "loss_percent",
	"lost_prefixes", "usual_prefixes", "countries", "origins", "upstreams", "voters", "collectors",
	"blip", "headline",
}

// WriteCSV writes outages in the form of RFC 4180: a header, lines that end with CRLF, cells quoted
// if necessary. Blanks separate a list within a cell. A cell that a spreadsheet would read as a
// formula begins with an apostrophe.
func WriteCSV(w io.Writer, all []Entry) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	if err := out.Write(csvColumns); err != nil {
		return err
	}
	for _, e := range all {
		cells := csvCells(e.Outage)
		for i := range cells {
			cells[i] = plaintext.Cell(cells[i])
		}
		if err := out.Write(cells); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func csvCells(o bgp.Outage) []string {
	end := ""
	if o.End != nil {
		end = o.End.UTC().Format(time.RFC3339)
	}
	return []string{
		o.ID, o.Dataset, string(o.State), string(o.Kind), o.Family, o.Entity.Type.String(),
		o.Entity.Code, o.Entity.Name,
		o.Start.UTC().Format(time.RFC3339), end, string(o.EndReason),
		strconv.FormatInt(o.DurationSeconds, 10), string(o.Severity), o.Peak.LossPercent.String(),
		strconv.Itoa(o.Peak.LostPrefixes), strconv.Itoa(o.Baseline.Prefixes),
		strings.Join(o.Countries, " "), asWords(o.Origins), asWords(o.Upstreams),
		strconv.Itoa(o.Panel.Voters), strconv.Itoa(o.Panel.Collectors), strconv.FormatBool(o.Blip), o.Headline,
	}
}

func asWords(all []bgp.AS) string {
	words := make([]string, len(all))
	for i, a := range all {
		words[i] = a.ASN.String()
	}
	return strings.Join(words, " ")
}
