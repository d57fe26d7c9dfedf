package kafka

// Mark stands for everything that was given to a producer before it was taken; Acked tells when that is safe. Flush would wait
// for what others give it meanwhile, too, and so for ever where a feed never rests.
type Mark []int64

// Mark takes one. What another goroutine is just giving may be in it or not.
func (p *Producer) Mark() Mark {
	m := make(Mark, len(p.sent))
	for i := range m {
		m[i] = p.sent[i].Load()
	}
	return m
}

// Acked reports whether everything that m stands for is acknowledged. Records are acknowledged in order within a partition, so
// counting is enough. The error is the producer's: then nothing more ever is.
func (p *Producer) Acked(m Mark) (bool, error) {
	if err := p.err(); err != nil {
		return false, err
	}
	for i, n := range m {
		if p.acked[i].Load() < n {
			return false, nil
		}
	}
	// An error is noted before its record is counted.
	return true, p.err()
}
