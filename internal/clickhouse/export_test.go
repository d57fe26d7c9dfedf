package clickhouse

// PoliteDialer is for tests.
type PoliteDialer = politeDialer
