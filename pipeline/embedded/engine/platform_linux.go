package engine

import (
	"os"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// machineMemory is what this process may use: the machine's memory, or its
// control group's limit where that is less.
func machineMemory() int64 {
	total := int64(4 << 30)
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		total = int64(info.Totalram) * int64(info.Unit)
	}
	if text, err := os.ReadFile("/sys/fs/cgroup/memory.max"); err == nil {
		if limit, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && limit < total {
			total = limit
		}
	}
	return total
}

// sigaction is the kernel's struct; only the handler, its first word, is read.
type sigaction struct{ words [4]uint64 }

const (
	signals      = 64
	signalSet    = 8 // bytes of the kernel's signal set
	defaultForIt = 0 // SIG_DFL
)

// signalHandlers remembers what handles each signal.
func signalHandlers() (saved [signals + 1]sigaction) {
	for n := 1; n <= signals; n++ {
		_, _, _ = unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(n), 0, uintptr(unsafe.Pointer(&saved[n])), signalSet, 0, 0)
	}
	return saved
}

// restoreSignalHandlers gives back those that were handled before. The ones that
// were not (the C library's own real-time signals) stay with the library, whose
// threads use them.
func restoreSignalHandlers(saved [signals + 1]sigaction) {
	for n := 1; n <= signals; n++ {
		if saved[n].words[0] != defaultForIt {
			_, _, _ = unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(n), uintptr(unsafe.Pointer(&saved[n])), 0, signalSet, 0, 0)
		}
	}
}

// widenPipe makes a pipe hold a megabyte, where the system allows it.
func widenPipe(fd uintptr) { _, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, 1<<20) }

// dup2 makes the descriptor to another name of from. Not every architecture has
// the call of that name.
func dup2(from, to int) error { return unix.Dup3(from, to, 0) }
