package kafka

import "cmp"

// WithDataset returns the configuration of a dataset, with topics, groups and transactional ids of
// its own. The live dataset and the empty one have the plain names.
func (c Config) WithDataset(name string) Config {
	if name == LiveDataset {
		name = ""
	}
	c.dataset = name
	return c
}

// prefix returns the prefix of all names.
func (c Config) prefix() string {
	if c.dataset == "" {
		return c.TopicPrefix
	}
	return c.TopicPrefix + c.dataset + "."
}

// Topic returns the full name of a topic of the registry.
func (c Config) Topic(name string) string { return c.prefix() + name }

// Group returns the full name of a stage's consumer group.
func (c Config) Group(stage string) string { return c.prefix() + groupInfix + stage }

// transactionalID returns the transactional id of a member of a stage. Without an instance it is
// the one id of all members.
func (c Config) transactionalID(stage, instance string) string {
	if instance == "" {
		return c.Group(stage)
	}
	return c.Group(stage) + "." + instance
}

const groupInfix = "darkmap."

// Dataset returns the name of the dataset of these topics.
func (c Config) Dataset() string { return cmp.Or(c.dataset, LiveDataset) }
