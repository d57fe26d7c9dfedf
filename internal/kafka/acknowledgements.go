package kafka

// Mark represents all records that a producer had received before the Mark was taken. Acked reports
// when they are safe. Flush would also wait for records that other goroutines add meanwhile, and so
// forever if a feed never rests.
type Mark []int64

// Mark takes a mark. It may or may not include a record that another goroutine is just adding.
func (p *Producer) Mark() Mark {
	m := make(Mark, len(p.sent))
	for i := range m {
		m[i] = p.sent[i].Load()
	}
	return m
}

// Acked reports whether the broker has acknowledged every record of m. Records of a partition are
// acknowledged in order, so counting is enough. The error is that of the producer: after an error
// no more records are acknowledged.
func (p *Producer) Acked(m Mark) (bool, error) {
	if err := p.err(); err != nil {
		return false, err
	}
	for i, n := range m {
		if p.acked[i].Load() < n {
			return false, nil
		}
	}
	// done stores an error before it counts the record.
	return true, p.err()
}
