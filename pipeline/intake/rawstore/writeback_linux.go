package rawstore

import (
	"os"

	"golang.org/x/sys/unix"
)

// writeBack asks the system to begin to write what the file has in memory. It
// promises nothing: the sync at the end does.
func writeBack(f *os.File) {
	_ = unix.SyncFileRange(int(f.Fd()), 0, 0, unix.SYNC_FILE_RANGE_WRITE)
}
