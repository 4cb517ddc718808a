package portal

import (
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/run"
)

// lateness is a feed that should have come and did not.
type lateness = run.Lateness

// late is run.Late: pages and metrics say the same.
func late(s catalog.Schedule, zone *time.Location, came []catalog.Date, night catalog.Date, now time.Time) (lateness, bool) {
	return run.Late(s, zone, came, night, now)
}
