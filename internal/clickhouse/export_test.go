package clickhouse

// OwnNetwork reports whether the engine has a network of its own, so that nobody reaches its port.
func (e *Engine) OwnNetwork() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.child.sharedNetwork == nil && !e.cfg.SharedNetwork
}

// DataDir is the server's own folder.
func (e *Engine) DataDir() string { return dataDir(e.cfg.Dir) }
