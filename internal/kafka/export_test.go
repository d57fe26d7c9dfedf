package kafka

import "github.com/twmb/franz-go/pkg/kfake"

// Cluster is for tests that make the broker fail.
func (b *Broker) Cluster() *kfake.Cluster { return b.cluster }
