// Package plaintext makes text that strangers wrote (AS names, sysNames, communities) safe to put into sentences: Clean takes out what
// cannot be seen, Size cuts at whole characters, and Cell keeps a spreadsheet from running it. How a text is put into the markup of a
// protocol stands in notify/target/text, how it is shown in a terminal in internal/terminal. All functions are pure.
package plaintext
