package kafka

import "cmp"

// WithDataset returns the configuration of a dataset: topics, groups and transactional ids of its own. The live dataset
// has the plain names; so has the empty one.
func (c Config) WithDataset(name string) Config {
	if name == LiveDataset {
		name = ""
	}
	c.dataset = name
	return c
}

// prefix goes before all names.
func (c Config) prefix() string {
	if c.dataset == "" {
		return c.TopicPrefix
	}
	return c.TopicPrefix + c.dataset + "."
}

// Topic is the full name of a topic of the registry.
func (c Config) Topic(name string) string { return c.prefix() + name }

// Group is the full name of a stage's consumer group.
func (c Config) Group(stage string) string { return c.prefix() + groupInfix + stage }

// transactionalID is the id under which a member of a stage writes; without an instance, the one id of all its members.
func (c Config) transactionalID(stage, instance string) string {
	if instance == "" {
		return c.Group(stage)
	}
	return c.Group(stage) + "." + instance
}

const groupInfix = "darkmap."

// Dataset is the name of the dataset whose topics these are.
func (c Config) Dataset() string { return cmp.Or(c.dataset, LiveDataset) }
