package schemas

// Access lists the least rights in Kafka of one stage or command. Topics are those of the registry.
type Access struct {
	// Name is the name of the stage or of the command.
	Name string
	// For names the commands of the row if Name is not enough.
	For string
	// Read and Write are the topics that it reads and writes.
	Read, Write []string
	// Describe are topics whose length alone it asks for.
	Describe []string
	// Create are topics that it makes, compares and changes.
	Create []string
	// Group is set if it is a member of the group of its name. Apart is set if the name of the group
	// may end with an address family (DetectApart).
	Group, Apart bool
	// DescribeGroups are the stages whose groups it asks for their offsets.
	DescribeGroups []string
	// Transactional is set if it writes in transactions.
	Transactional bool
}

// Names of the stages and commands in Accesses.
const (
	accessIngest = "ingest"
	accessEnrich = "enrich"
	accessDetect = StageDetect
	accessSink   = "sink"
	accessNotify = "notify"
	accessServe  = "serve"

	// AccessTopics is `darkmap topics apply`.
	AccessTopics = "topics"
	// AccessDeadLetter is `darkmap deadletter`.
	AccessDeadLetter = "deadletter"
)

// Accesses is the table of the least rights of each stage and command.
var Accesses = []Access{
	{
		Name: accessIngest, Read: []string{TopicFeeds, TopicWatch},
		Write: []string{TopicUpdates, TopicFeeds, TopicWatch, TopicDeadLetter},
		Group: true, DescribeGroups: []string{accessEnrich},
	},
	{
		Name: accessEnrich, Read: []string{TopicUpdates}, Write: []string{TopicRoutes, TopicDeadLetter},
		Group: true, Transactional: true,
	},
	{
		Name: accessDetect,
		Read: []string{TopicRoutes, TopicOutages, TopicVisibility, TopicPanel, TopicCheckpoints},
		Write: []string{
			TopicVisibility, TopicPrefixes, TopicPanel, TopicOutages, TopicOutagesJSON,
			TopicFeeds, TopicCheckpoints, TopicDeadLetter,
		},
		Group: true, Apart: true, Transactional: true,
	},
	{
		Name: accessSink,
		Read: []string{
			TopicRoutes, TopicVisibility, TopicPrefixes, TopicOutages, TopicPanel, TopicFeeds, TopicDeadLetter,
		},
		Write: []string{TopicDeadLetter}, Group: true,
	},
	{
		Name: accessNotify, Read: []string{TopicOutages, TopicNotify, TopicPanel},
		Write: []string{TopicNotify}, Describe: []string{TopicRoutes}, Group: true,
		DescribeGroups: []string{accessDetect}, Transactional: true,
	},
	{
		Name:           accessServe,
		Read:           []string{TopicVisibility, TopicPrefixes, TopicOutages, TopicPanel, TopicFeeds},
		Describe:       []string{TopicRoutes},
		DescribeGroups: []string{accessDetect},
	},
	{Name: AccessTopics, For: "topics apply", Create: topicNames()},
	{
		Name: AccessDeadLetter, For: "deadletter list, show and requeue", Read: []string{TopicDeadLetter},
		Write: requeueable(), Transactional: true,
	},
}

// AccessOf returns the row of a stage or command.
func AccessOf(name string) (Access, bool) {
	for _, a := range Accesses {
		if a.Name == name {
			return a, true
		}
	}
	return Access{}, false
}

func topicNames() []string {
	names := make([]string, len(Topics))
	for i, t := range Topics {
		names[i] = t.Name
	}
	return names
}

// requeueable returns the topics whose records can become dead letters of a stage, and the topic of
// dead letters itself, which records the ones that were sent back.
func requeueable() []string {
	return []string{
		TopicUpdates, TopicRoutes, TopicVisibility, TopicPrefixes, TopicOutages,
		TopicPanel, TopicFeeds, TopicDeadLetter,
	}
}
