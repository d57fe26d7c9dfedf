package page

// aboutPage answers `/about`.
func (s *site) aboutPage(*asked) (*content, error) {
	return &content{
		Template: "about", Title: "How to read darkmap",
		Description: "What darkmap shows, what it cannot know, and whose data it rests on.",
		Fixed:       true, Newest: true,
	}, nil
}

// methodsPage answers `/methods`.
func (s *site) methodsPage(*asked) (*content, error) {
	return &content{
		Template: "methods", Title: "How darkmap decides",
		Description: "Who votes, what an outage is, when it begins and ends, and how sure that is.",
		Fixed:       true, Newest: true,
	}, nil
}
