// Package inmemory owns where heavy tests keep what they write for a moment: in
// memory, where the system has room for it, so that what the stores sync costs
// nothing.
//
// It refuses to decide what is tested. A process that is killed loses nothing of
// what it wrote there, so that crashes can be tried as on a disk; that a sync
// comes before its acknowledgement cannot be seen from the outcome on either, and
// is tested where the system calls are. What benchmarks measure is the disk's,
// and stays there.
package inmemory
