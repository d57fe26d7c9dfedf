// Package dated finds the geography and the owners of a day: in a folder of dated snapshots, among
// listed files, or in the default data.
//
// Inputs: the folder, the listed files, and a time. Output: a Choice, which holds the newest places
// and owners that are not newer than the time, and the messages about them. Bring fills the folder
// with the RIRs' files of a day.
//
// A snapshot is any entry of the folder with exactly one day in its name (2022-02-24 or 20220224):
// a file, or a folder with files at any depth. Entries of the same day form one snapshot. The
// content of a file decides whether it has places or owners. A file in a folder named geolocation,
// delegation or whois is of that kind. A snapshot is valid from 00:00 UTC of its day until the next
// snapshot.
//
// The package starts no goroutine and reads no clock except Inputs.Now.
package dated
