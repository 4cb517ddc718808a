package rawstore

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// writeBack asks the system to begin to write what the file has in memory, and
// lets go of what is before the byte written once it is on the disk: a large file
// takes no memory from what others read often. It promises nothing: the sync at the
// end does. But what the disk refused the system tells only once, so that the sync
// would no longer hear of it: that is an error here.
func writeBack(f *os.File, written int64) error {
	fd := int(f.Fd())
	_ = unix.SyncFileRange(fd, 0, 0, unix.SYNC_FILE_RANGE_WRITE)
	if written <= 0 {
		return nil
	}
	err := unix.SyncFileRange(fd, 0, written, unix.SYNC_FILE_RANGE_WAIT_BEFORE|unix.SYNC_FILE_RANGE_WRITE|unix.SYNC_FILE_RANGE_WAIT_AFTER)
	for _, unable := range []error{unix.ENOSYS, unix.EOPNOTSUPP, unix.EINVAL, unix.ESPIPE, unix.EINTR} {
		if errors.Is(err, unable) {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("write %s to the disk: %w", f.Name(), err)
	}
	letGo(f, 0, written)
	return nil
}

// letGo gives the memory back that holds a part of a file that is on the disk.
func letGo(f *os.File, from, bytes int64) {
	_ = unix.Fadvise(int(f.Fd()), from, bytes, unix.FADV_DONTNEED)
}
