// Package plaintext makes text from outside (AS names, sysNames, communities) safe for use in
// sentences: Clean removes invisible characters, Size cuts at whole characters, and Cell keeps a
// spreadsheet from running it as a formula. notify/target/text puts a text into the markup of a
// protocol, internal/terminal shows it on a terminal. All functions are pure.
package plaintext
