package bgp

import (
	"math"
	"math/bits"
	"strconv"
)

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

// Hundredths returns part/whole in units of 1/scale (100 for percent, 1 for units), rounded half
// up. It uses integers only. It returns 0 if whole is 0, and the largest Decimal if the result does
// not fit.
func Hundredths(part, whole, scale uint64) Decimal {
	if whole == 0 {
		return 0
	}
	hi, lo := bits.Mul64(part, scale*100)
	lo, carry := bits.Add64(lo, whole/2, 0)
	hi += carry
	if hi >= whole {
		return math.MaxInt64
	}
	q, _ := bits.Div64(hi, lo, whole)
	return Decimal(min(q, math.MaxInt64))
}
