package visibility

import "github.com/darkmap/darkmap/detect/rib"

// dayID holds the hourly samples of a prefix over a day, in 1/wholeShare. The zero value has no
// sample. There are two forms:
//
//   - Equal samples: bits 24 to 31 are the share, and bits 0 to 23 mark the hours that have it as
//     their sample.
//   - Samples that differ: bits 24 to 31 are variousDay, and the other bits are an index of
//     days.various.
type dayID uint32

// variousDay marks the second form. It is greater than every share.
const variousDay = wholeShare + 1

const hoursMask = 1<<dayHours - 1

// days keeps the samples of the prefixes. A day of equal samples takes no memory here, another day
// takes 24 octets.
type days struct {
	various [][dayHours]uint8 // absentShare where there is no sample
	free    []uint32
}

func (d dayID) share() uint8   { return uint8(d >> dayHours) }
func (d dayID) number() uint32 { return uint32(d) & hoursMask }

// all returns the samples by hour of the day. An hour without a sample has absentShare.
func (x *days) all(d dayID) (out [dayHours]uint8) {
	if d.share() == variousDay {
		return x.various[d.number()]
	}
	for h := range out {
		if out[h] = absentShare; d>>h&1 != 0 {
			out[h] = d.share()
		}
	}
	return out
}

// set stores v, which must not be absentShare, as the sample of an hour of the day.
func (x *days) set(d *dayID, hour int64, v uint8) {
	bit := dayID(1) << hour
	same := dayID(v) << dayHours
	switch hours := *d & hoursMask; {
	case d.share() == variousDay:
		i := d.number()
		x.various[i][hour] = v
		if now, ok := sameDay(&x.various[i]); ok {
			x.free = append(x.free, i)
			*d = now
		}
	case hours&^bit == 0:
		*d = same | bit
	case d.share() == v:
		*d |= bit
	default:
		all := x.all(*d)
		all[hour] = v
		*d = variousDay<<dayHours | dayID(x.add(&all))
	}
}

// sameDay returns the short form of samples that are all equal. ok is false if they differ.
func sameDay(all *[dayHours]uint8) (d dayID, ok bool) {
	v := uint8(absentShare)
	for h, x := range all {
		switch {
		case x == absentShare:
			continue
		case v == absentShare:
			v = x
		case x != v:
			return 0, false
		}
		d |= 1 << h
	}
	return dayID(v)<<dayHours | d, true
}

func (x *days) add(all *[dayHours]uint8) uint32 {
	if n := len(x.free); n > 0 {
		i := x.free[n-1]
		x.free = x.free[:n-1]
		x.various[i] = *all
		return i
	}
	i := len(x.various)
	x.various = rib.Lengthen(x.various, i+1)
	x.various[i] = *all
	return uint32(i)
}

// fill stores v as the sample of every hour. absentShare removes all samples.
func (x *days) fill(d *dayID, v uint8) {
	if d.share() == variousDay {
		x.free = append(x.free, d.number())
	}
	if *d = dayID(v)<<dayHours | hoursMask; v == absentShare {
		*d = 0
	}
}
