package clickhouse

// OwnNetwork reports whether the engine has a network of its own, so that other programs cannot
// reach its port.
func (e *Engine) OwnNetwork() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.child.sharedNetwork == nil && !e.cfg.SharedNetwork
}

// DataDir returns the folder of the server's data.
func (e *Engine) DataDir() string { return dataDir(e.cfg.Dir) }
