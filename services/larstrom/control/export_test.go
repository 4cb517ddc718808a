package control

import (
	"context"
	"time"
)

// SetPause replaces the wait between two tries.
func (u *Uploader) SetPause(f func(context.Context, time.Duration) error) { u.pause = f }
