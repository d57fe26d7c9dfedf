package capture

// Format returns the recognised format; empty if none was recognised.
func (r *Reader) Format() Format { return r.format }
