package capture

// Format is the format that was recognised; empty where none was.
func (r *Reader) Format() Format { return r.format }
