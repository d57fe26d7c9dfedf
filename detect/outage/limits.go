package outage

import "time"

// limits is a configuration with its durations in whole minutes, as the engine uses them.
type limits struct {
	Config
	OpenMinutes, SuspectMinutes, CloseMinutes, MergeMinutes int
	LargeMinutes, PartialMinutes, MovedMinutes              int
	FlapMinutes, FlapQuietMinutes, FlapOutageMinutes        int
	FreezeMinutes                                           int
	UpdateMinutes, FlapUpdateMinutes                        int
}

// newLimits converts the durations of c to minutes.
func newLimits(c Config) limits {
	minutes := func(d time.Duration) int { return int(d / time.Minute) }
	return limits{
		Config:      c,
		OpenMinutes: minutes(c.OpenAfter), SuspectMinutes: minutes(c.SuspectAfter),
		CloseMinutes: minutes(c.CloseAfter), MergeMinutes: minutes(c.MergeWithin),
		LargeMinutes: minutes(c.LargeAfter), PartialMinutes: minutes(c.PartialAfter),
		MovedMinutes: minutes(c.MovedAfter),
		FlapMinutes:  minutes(c.FlapWithin), FlapQuietMinutes: minutes(c.FlapCloseAfter),
		FlapOutageMinutes: minutes(c.FlapOutageAfter),
		FreezeMinutes:     minutes(c.FreezeLimit),
		UpdateMinutes:     minutes(c.UpdateInterval), FlapUpdateMinutes: minutes(c.FlapUpdateInterval),
	}
}

// wholePermille is the part of a prefix's usual visibility at which a partial event ends.
func (c *Config) wholePermille() int { return (1000 + c.PartialHighPermille) / 2 }
