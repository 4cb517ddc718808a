//go:build !linux

package engine

import "golang.org/x/sys/unix"

// machineMemory is a modest guess where the system is not asked.
func machineMemory() int64 { return 4 << 30 }

// The library is told not to install handlers (loadLibrary); where no build of
// it exists to test with, nothing more is done.
func signalHandlers() struct{}         { return struct{}{} }
func restoreSignalHandlers(_ struct{}) {}

func widenPipe(uintptr) {}

// dup2 makes the descriptor to another name of from.
func dup2(from, to int) error { return unix.Dup2(from, to) }
