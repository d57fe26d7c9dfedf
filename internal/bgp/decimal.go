package bgp

import "strconv"

// String writes d with at most two decimals.
func (d Decimal) String() string { return string(d.append(nil)) }

func (d Decimal) append(b []byte) []byte {
	if d < 0 {
		b, d = append(b, '-'), -d
	}
	b = strconv.AppendInt(b, int64(d)/100, 10)
	if c := d % 100; c != 0 {
		b = append(b, '.', byte('0'+c/10))
		if c%10 != 0 {
			b = append(b, byte('0'+c%10))
		}
	}
	return b
}

// Hundredths returns part/whole in percent or in units, rounded half up, with integers alone: part*scale*100/whole.
func Hundredths(part, whole, scale uint64) Decimal {
	if whole == 0 {
		return 0
	}
	hi, lo := part/whole, part%whole
	return Decimal(hi*scale*100 + (lo*scale*100+whole/2)/whole)
}
