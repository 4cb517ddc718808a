package inmemory

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
)

// Tests are those of a package (testing.M).
type Tests interface {
	// Run runs them and gives the exit status.
	Run() int
}

// M runs the tests of a package with their temporary folders in memory, those of
// the processes that they start too; on the disk where the system has no such
// folder or too little room in it, and where benchmarks are asked for.
type M struct{ Tests }

// shared is the folder that Linux keeps in memory.
const shared = "/dev/shm"

// enough is how much the folder must have left: several times what the tests of a
// package hold at once.
const enough = 4 << 30

// Run is that of the tests.
func (m M) Run() (status int) {
	if !flag.Parsed() {
		flag.Parse()
	}
	if bench := flag.Lookup("test.bench"); runtime.GOOS != "linux" || bench != nil && bench.Value.String() != "" || room(shared) < enough {
		return m.Tests.Run()
	}
	dir, err := os.MkdirTemp(shared, "larstrom-")
	if err != nil {
		return m.Tests.Run()
	}
	defer func() {
		if err := os.RemoveAll(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			status = max(status, 1)
		}
	}()
	const folder = "TMPDIR"
	was, set := os.LookupEnv(folder)
	err = os.Setenv(folder, dir)
	status = m.Tests.Run()
	if set {
		err = errors.Join(err, os.Setenv(folder, was))
	} else {
		err = errors.Join(err, os.Unsetenv(folder))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return max(status, 1)
	}
	return status
}
