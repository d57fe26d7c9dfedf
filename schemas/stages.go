package schemas

// StageDetect is the name of detect and of the group of a detector for both address families.
const StageDetect = "detect"

// DetectApart are the groups of two detectors, one for each address family, in the order of
// bgp.Families.
var DetectApart = [...]string{StageDetect + "-ipv4", StageDetect + "-ipv6"}
