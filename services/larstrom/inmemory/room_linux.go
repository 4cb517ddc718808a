package inmemory

import "syscall"

// room is how many bytes the folder has left for who asks; 0: there is none.
func room(dir string) uint64 {
	var left syscall.Statfs_t
	if syscall.Statfs(dir, &left) != nil {
		return 0
	}
	return left.Bavail * uint64(left.Bsize)
}
