package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"larstrom/pipeline/intake/rawstore"
)

// Run is run.json: how to reach the process that has a data folder.
type Run struct {
	// Version is that of this form.
	Version int `json:"version"`
	PID     int `json:"pid"`
	// Address is host:port on loopback.
	Address string `json:"address"`
	// Listen is where the portal answers; empty: nowhere.
	Listen string `json:"listen,omitempty"`
	// Token authenticates whoever can read the file.
	Token   string    `json:"token"`
	Started time.Time `json:"started"`
}

const runVersion = 1

// WriteRun announces the process of the lock; the API must be served already.
func (l *Lock) WriteRun(r Run) error {
	r.Version = runVersion
	b, err := json.MarshalIndent(r, "", "  ")
	if err == nil {
		err = rawstore.WriteFile(filepath.Join(l.dir, runName), append(b, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", runName, err)
	}
	return nil
}

// RemoveRun takes the announcement back.
func (l *Lock) RemoveRun() error {
	if err := os.Remove(filepath.Join(l.dir, runName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove %s: %w", runName, err)
	}
	return nil
}

// ReadRun reads run.json of a data folder.
func ReadRun(dir string) (Run, error) {
	name := filepath.Join(dir, runName)
	b, err := os.ReadFile(name)
	if err != nil {
		return Run{}, err
	}
	var r Run
	if err := json.Unmarshal(b, &r); err != nil {
		return Run{}, fmt.Errorf("%s: %w", name, err)
	}
	if r.Version != runVersion {
		return Run{}, fmt.Errorf("%s: version %d; this program reads version %d", name, r.Version, runVersion)
	}
	return r, nil
}
