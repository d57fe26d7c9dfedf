// Package dated finds the geography and the owners of a day: in a folder of dated snapshots, among listed files, in the default data.
//
// In: the folder, what is listed, and a time. Out: a Choice, the newest places and owners that are not newer than the time, and what to
// say of them. Bring fills the folder with the RIRs' files of a day.
//
// A snapshot is every entry of the folder whose name has one day (2022-02-24 or 20220224): a folder with files at any depth, or a file.
// Entries of the same day are one snapshot. What a file gives is told from its content; files below a folder named geolocation,
// delegation or whois are of that kind. A snapshot is in force from 00:00 UTC of its day on, until the next one.
//
// It starts no goroutine and looks at no clock but the one that it is given.
package dated
