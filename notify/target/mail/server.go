package mail

// encryption returns TLS or its default.
func (c Config) encryption() string {
	switch {
	case c.TLS != "":
		return c.TLS
	case c.loopback():
		return tlsWithout
	}
	return tlsStart
}

// port returns Port or its default.
func (c Config) port() int {
	if c.Port != 0 {
		return c.Port
	}
	return map[string]int{tlsStart: 587, tlsWhole: 465, tlsWithout: 25}[c.encryption()]
}
