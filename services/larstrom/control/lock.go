package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Names of the files in the data folder.
const (
	lockName = "lock"
	runName  = "run.json"
)

// ErrHeld says that another process has the data folder.
var ErrHeld = errors.New("another process has the data folder")

// heldError names the process that has a data folder.
type heldError struct {
	dir string
	pid int
}

func (e *heldError) Error() string {
	return fmt.Sprintf("%s: %v (process %d); stop it first, or use another folder", e.dir, ErrHeld, e.pid)
}

func (e *heldError) Is(target error) bool { return target == ErrHeld }

// Lock is a data folder that this process has.
type Lock struct {
	dir string
	f   *os.File
}

// Acquire takes the data folder, which must exist, without waiting. It fails
// with ErrHeld when another process has it.
func Acquire(dir string) (*Lock, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: there is no such data folder; `larstrom up --data %s --catalog DIR` makes one", dir, dir)
	}
	if err != nil {
		return nil, fmt.Errorf("lock the data folder: %w", err)
	}
	if err := flock(f, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = &heldError{dir, holder(f)}
		} else {
			err = fmt.Errorf("lock the data folder %s: %w", dir, err)
		}
		return nil, errors.Join(err, f.Close())
	}
	// The number is for people, in the messages of commands that must wait.
	err = f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock the data folder %s: %w", dir, err), f.Close())
	}
	return &Lock{dir, f}, nil
}

func flock(f *os.File, how int) error {
	for {
		if err := unix.Flock(int(f.Fd()), how); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// holder is the process that the lock file names, 0 while it names none.
func holder(f *os.File) int {
	b := make([]byte, 32)
	n, _ := f.ReadAt(b, 0)
	pid, _ := strconv.Atoi(strings.TrimSpace(string(b[:n])))
	return pid
}

// Release gives the data folder back. The file stays: to remove it would let
// two processes lock two files of one name.
func (l *Lock) Release() error { return l.f.Close() }

// Enter gives the lock of the data folder, or a client of the process that has
// it; exactly one of the two is not nil. A process that is starting, or a
// command that is soon done, is waited for as long as patience allows.
func Enter(ctx context.Context, dir string, patience time.Duration) (*Lock, *Client, error) {
	deadline := time.Now().Add(patience)
	for {
		lock, err := Acquire(dir)
		var held *heldError
		if err == nil || !errors.As(err, &held) {
			return lock, nil, err
		}
		// Only the process that wrote run.json knows its token, so an answer
		// shows that the file is not what a crash left.
		if r, err := ReadRun(dir); err == nil {
			if c := NewClient(r); c.ping(ctx) == nil {
				return nil, c, nil
			}
		}
		if !time.Now().Before(deadline) {
			return nil, nil, fmt.Errorf("%s: %w (process %d), and it takes no commands now; try again when it has ended", dir, ErrHeld, held.pid)
		}
		timer := time.NewTimer(50 * time.Millisecond)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, nil, context.Cause(ctx)
		}
	}
}
